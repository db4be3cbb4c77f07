#include "net/inspect.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/hash.h"
#include "base/io.h"
#include "base/mem.h"
#include "base/msg.h"
#include "trust/jcs_text.h"

/* A receipt of which there is a record. */
struct item {
	struct hash nonce;
	uint64_t index, rows;
	char *text;
	size_t n;
};

struct work {
	struct tlog *log;
	const struct inspect_options *o;
	struct buf salts;
	struct item *item;
	size_t n, cap;
};

static char *
record_path(const struct work *w, const struct hash *nonce)
{
	struct buf path = { 0 };
	char hex[HASH_HEX];

	if (buf_printf(&path, "%s/%s.mai", w->o->records, hash_to_hex(nonce, hex)) == 0)
		return (char *)path.data;
	buf_free(&path);
	return NULL;
}

static int
add(void *arg, uint64_t index, const uint8_t *data, size_t n)
{
	struct work *w = arg;
	struct record r;
	struct hash nonce;
	char *path;
	int rc = record_entry(&r, data, n);

	if (rc < 0 || r.type != RECORD_RECEIPT)
		return rc;
	nonce = record_hash(&r, "nonce");
	if (!(path = record_path(w, &nonce)))
		return -1;
	if (access(path, R_OK) == 0) {
		struct item e = { nonce, index, record_number(&r, "rows"), mem_alloc(n, 1), n };
		if (!e.text || mem_grow(&w->item, &w->cap, w->n + 1, sizeof *w->item) < 0) {
			free(e.text);
			rc = -1;
		} else {
			memcpy(e.text, data, n);
			w->item[w->n++] = e;
		}
	}
	free(path);
	return rc;
}

/* By stream, and in its order. */
static int
compare(const void *a, const void *b)
{
	const struct item *x = a, *y = b;
	int order = memcmp(x->nonce.bytes, y->nonce.bytes, HASH_SIZE);

	return order ? order : x->rows < y->rows ? -1 : x->rows > y->rows;
}

/* The salt of a stream, from the lines of the file. False: it is not there, or was erased. */
static bool
find_salt(const struct work *w, const struct hash *nonce, uint8_t to[METER_SALT])
{
	char hex[HASH_HEX];
	const char *at = memmem(w->salts.data, w->salts.len, hash_to_hex(nonce, hex), HASH_HEX - 1), *from = at, *end;
	const char *begin = (const char *)w->salts.data;
	struct jcs_value v;
	struct hash salt;

	if (!at || !(end = memchr(at, '\n', w->salts.len - (size_t)(at - begin))))
		return false;
	while (from > begin && from[-1] != '\n')
		from--;
	v = jcs_is_canonical(from, (size_t)(end - from)) ? jcs_member(from, (size_t)(end - from), "salt") : (struct jcs_value){ 0 };
	if (v.n != HASH_HEX + 1 || !hash_from_hex(&salt, v.at + 1, HASH_HEX - 1))
		return false;
	memcpy(to, salt.bytes, METER_SALT);
	return true;
}

static int
prove(struct work *w, const struct item *e, const struct record *receipt, const struct meter_state *s, const uint8_t *salt)
{
	struct fraud_case c = { .receipt = receipt, .index = e->index, .rows = s->rows, .salt = salt, .path = record_path(w, &e->nonce) };
	struct buf to = { 0 };
	int rc = c.path ? buf_printf(&to, "%s/fraud-%llu", w->o->proofs, (unsigned long long)e->index) : -1;

	if (rc == 0)
		rc = fraud_write((const char *)to.data, &c, w->log);
	free((char *)(uintptr_t)c.path); /* is const for the reader alone */
	buf_free(&to);
	return rc;
}

/* One receipt, if its rows have been answered: 1; 0: not yet. */
static int
judge(struct work *w, struct recount *r, const struct item *e, const uint8_t *salt)
{
	struct record receipt = { .text = e->text, .n = e->n, .type = RECORD_RECEIPT };
	uint64_t sequence = record_number(&receipt, "sequence");
	struct hash id = record_id(&receipt);
	enum fraud_verdict v;
	struct meter_state s;

	if (!meter_look(r->meter, sequence, &s) || s.to != record_number(&receipt, "to") || meter_receipted_rows(r->meter) + s.open != e->rows)
		return 0;
	v = fraud_judge(r, &receipt, &s);
	w->o->told(w->o->arg, e->index, v);
	if (v == FRAUD_SHOWN && w->o->proofs && prove(w, e, &receipt, &s, salt) < 0)
		return -1;
	meter_receipted(r->meter, sequence, &id);
	return 1;
}

/* The n receipts of one stream. */
static int
inspect_stream(struct work *w, const struct item *e, size_t n)
{
	struct record first = { .text = e->text, .n = e->n, .type = RECORD_RECEIPT };
	struct recount r = { .fd_record = -1, .fd_answer = -1 };
	struct meter_about a;
	enum stream_dtype wire;
	char *path = record_path(w, &e->nonce);
	size_t i = 0;
	int rc = path ? fraud_about(&a, &wire, &first) : -1, done;

	if (rc == 0 && !find_salt(w, &e->nonce, a.salt)) {
		msg_warn("%s: its salt is not there", path);
		free(path);
		return 0;
	}
	if (rc == 0 && (rc = recount_begin(&r, path, 0, w->o->command, &a, wire, NULL, 0)) == 0)
		while (rc == 0 && i < n && (rc = recount_step(&r)) > 0)
			for (rc = 0; rc == 0 && i < n && (done = judge(w, &r, &e[i], a.salt)) != 0; i++)
				rc = done < 0 ? -1 : 0;
	for (; rc == 0 && i < n; i++) /* more rows than were recorded */
		w->o->told(w->o->arg, e[i].index, FRAUD_OTHER);
	recount_end(&r);
	free(path);
	return rc;
}

static bool
is_chosen(double share)
{
	return share >= 1 || randombytes_random() < share * 0x1p32;
}

int
inspect(struct tlog *l, const struct inspect_options *o)
{
	struct work w = { .log = l, .o = o };
	int rc = hash_prepare() < 0 || io_read_file(&w.salts, o->salts, SIZE_MAX) < 0 ? -1 : tlog_verify(l, add, &w);

	if (w.n > 0)
		qsort(w.item, w.n, sizeof *w.item, compare);
	for (size_t i = 0, k; rc == 0 && i < w.n; i = k) {
		for (k = i + 1; k < w.n && hash_equal(&w.item[k].nonce, &w.item[i].nonce); k++)
			;
		if (is_chosen(o->share))
			rc = inspect_stream(&w, &w.item[i], k - i);
	}
	for (size_t i = 0; i < w.n; i++)
		free(w.item[i].text);
	free(w.item);
	buf_free(&w.salts);
	return rc;
}
