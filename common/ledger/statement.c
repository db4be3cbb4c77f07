#include "ledger/statement.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "trust/base64.h"
#include "trust/jcs.h"
#include "trust/member.h"
#include "trust/peerid.h"

/* ---- its parts as JSON ---- */

static json_t *
did(const struct books *b, uint32_t party)
{
	char text[PEERID_DID];

	return party == BOOKS_NONE ? json_null() : json_string(peerid_did(b->party[party], text));
}

static json_t *
hex(const struct hash *h)
{
	char text[HASH_HEX];

	return json_string(hash_to_hex(h, text));
}

/* <= 2^53, or an index */
static json_t *
whole(uint64_t n)
{
	return json_real((double)n);
}

static json_t *
share_name(int share)
{
	return share == SETTLE_REST ? json_string("rest") : share == SETTLE_RESALE ? json_string("resale") : whole((uint64_t)share); /* not negative */
}

static json_t *
records(const struct settlement *s, const struct payment *p)
{
	json_t *a = json_array();

	for (size_t i = 0; i < p->n; i++)
		json_array_append_new(a, whole(s->record[p->first + i]));
	return a;
}

static json_t *
payments(const struct books *b, const struct settlement *s)
{
	json_t *a = json_array();

	for (size_t i = 0; i < s->n; i++) {
		const struct payment *p = &s->payment[i];
		const struct terms *t = &b->terms[p->terms];
		json_array_append_new(a, json_pack("{so so ss so so so so so so}", "from", did(b, p->from), "to", did(b, p->to), "unit", t->unit, "amount",
		    whole(p->amount), "terms", hex(&t->id), "share", share_name(p->share), "node", did(b, p->node), "rows", whole(p->rows), "records",
		    records(s, p)));
	}
	return a;
}

struct payout {
	uint32_t to;
	const char *unit;
	uint64_t amount;
};

static int
compare_payouts(const void *a, const void *c, void *books)
{
	const struct payout *x = a, *y = c;
	const struct books *b = books;
	int order = memcmp(b->party[x->to], b->party[y->to], KEY_PUBLIC);

	return order ? order : strcmp(x->unit, y->unit);
}

/* NULL where there is no memory. */
static json_t *
payouts(struct books *b, const struct settlement *s)
{
	struct payout *all = mem_alloc(s->n + 1, sizeof *all);
	json_t *a = json_array();

	for (size_t i = 0; all && i < s->n; i++)
		all[i] = (struct payout){ s->payment[i].to, b->terms[s->payment[i].terms].unit, s->payment[i].amount };
	if (all && s->n > 0)
		qsort_r(all, s->n, sizeof *all, compare_payouts, b);
	for (size_t i = 0, k; all && i < s->n; i = k) {
		uint64_t sum = 0;
		for (k = i; k < s->n && compare_payouts(&all[i], &all[k], b) == 0; k++)
			sum += all[k].amount;
		json_array_append_new(a, json_pack("{so ss so}", "to", did(b, all[i].to), "unit", all[i].unit, "amount", whole(sum)));
	}
	free(all);
	return a;
}

static json_t *
paid(const struct settlement *s)
{
	json_t *a = json_array();

	for (size_t i = 0; i < s->n_paid; i++)
		json_array_append_new(a, json_pack("{so so so}", "terms", hex(&s->paid[i].terms), "share", whole(s->paid[i].share), "amount",
		    whole(s->paid[i].amount)));
	return a;
}

static int
compare_refused(const void *a, const void *b)
{
	const struct refused *x = a, *y = b;

	return x->index < y->index ? -1 : x->index > y->index;
}

static json_t *
refused(const struct books *b)
{
	json_t *a = json_array();

	if (b->n_refused > 0)
		qsort(b->refused, b->n_refused, sizeof *b->refused, compare_refused);
	for (size_t i = 0; i < b->n_refused; i++)
		if (b->refused[i].index >= b->from)
			json_array_append_new(a, json_pack("{so ss}", "index", whole(b->refused[i].index), "why", b->refused[i].why));
	return a;
}

/* ---- writing ---- */

/* Signs what is canonical of the object. */
static int
sign(json_t *o, const struct key *k)
{
	uint8_t signature[KEY_SIGNATURE];
	struct buf text = { 0 }, base64 = { 0 };
	char name[PEERID_DID];
	int rc = json_object_set_new(o, "issuer", json_string(peerid_did(k->public.bytes, name))) == 0 ? jcs_add(&text, o) : -1;

	if (rc == 0) {
		key_sign(signature, k, text.data, text.len);
		rc = base64_add(&base64, signature, sizeof signature);
	}
	if (rc == 0 && json_object_set_new(o, "signature", json_stringn((const char *)base64.data, base64.len)) != 0)
		rc = err_set(ERR_SYSTEM, "no memory");
	buf_free(&text);
	buf_free(&base64);
	return rc;
}

int
statement_add(struct buf *to, const struct tlog *l, const struct books *b, const struct settlement *s, const struct key *k)
{
	struct books *books = (struct books *)(uintptr_t)b; /* qsort_r takes no const */
	json_t *o = json_pack("{ss ss so so so so so so so}", "type", "settlement", "log", l->at.origin, "from", whole(b->from), "to", whole(b->to), "root",
	    hex(&l->at.root), "payments", payments(b, s), "payouts", payouts(books, s), "paid", paid(s), "refused", refused(b));
	int rc = o ? 0 : err_set(ERR_SYSTEM, "no memory");

	if (rc == 0 && k)
		rc = sign(o, k);
	if (rc == 0)
		rc = jcs_add(to, o) < 0 ? -1 : buf_addc(to, '\n');
	json_decref(o);
	return rc;
}

static int
add_did(struct buf *to, const struct books *b, uint32_t party)
{
	char text[PEERID_DID];

	return buf_printf(to, "%s,", party == BOOKS_NONE ? "" : peerid_did(b->party[party], text));
}

/* Quoted where it has to be. */
static int
add_cell(struct buf *to, const char *text)
{
	if (!strpbrk(text, "\",\r\n"))
		return buf_printf(to, "%s,", text);
	if (buf_addc(to, '"') < 0)
		return -1;
	for (; *text; text++)
		if ((*text == '"' && buf_addc(to, '"') < 0) || buf_addc(to, (uint8_t)*text) < 0)
			return -1;
	return buf_add(to, "\",", 2);
}

static int
add_payment(struct buf *to, const struct books *b, const struct settlement *s, const struct payment *p)
{
	const struct terms *t = &b->terms[p->terms];
	char id[HASH_HEX], share[16];

	snprintf(share, sizeof share, "%d", p->share);
	if (add_did(to, b, p->from) < 0 || add_did(to, b, p->to) < 0 || add_cell(to, t->unit) < 0 ||
	    buf_printf(to, "%llu,%s,%s,", (unsigned long long)p->amount, hash_to_hex(&t->id, id),
	        p->share == SETTLE_REST ? "rest" : p->share == SETTLE_RESALE ? "resale" : share) < 0 ||
	    add_did(to, b, p->node) < 0 || buf_printf(to, "%llu,", (unsigned long long)p->rows) < 0)
		return -1;
	for (size_t i = 0; i < p->n; i++)
		if (buf_printf(to, "%s%llu", i ? " " : "", (unsigned long long)s->record[p->first + i]) < 0)
			return -1;
	return buf_add(to, "\r\n", 2);
}

int
statement_add_csv(struct buf *to, const struct books *b, const struct settlement *s)
{
	static const char head[] = "from,to,unit,amount,terms,share,node,rows,records\r\n";

	if (buf_add(to, head, sizeof head - 1) < 0)
		return -1;
	for (size_t i = 0; i < s->n; i++)
		if (add_payment(to, b, s, &s->payment[i]) < 0)
			return -1;
	return 0;
}

/* ---- reading ---- */

static int
check_signature(json_t *o)
{
	const char *issuer = member_text(o, "issuer"), *base64 = member_text(o, "signature");
	uint8_t key[KEY_PUBLIC], signature[KEY_SIGNATURE];
	struct buf text = { 0 };
	int rc;

	if (!issuer && !json_object_get(o, "signature"))
		return 0;
	if (!issuer || !base64 || peerid_parse_did(key, issuer, strlen(issuer)) < 0 || !base64_decode(signature, sizeof signature, base64, strlen(base64)))
		return err_set(ERR_DATA, "a statement with an issuer or a signature that is none");
	json_object_del(o, "signature");
	rc = jcs_add(&text, o);
	if (rc == 0 && !key_verifies(signature, key, text.data, text.len))
		rc = err_set(ERR_DATA, "a statement whose signature is wrong");
	buf_free(&text);
	return rc;
}

/* A member that is a whole number, and at most that. */
static bool
is_whole(const json_t *o, const char *key, uint64_t most, uint64_t *to)
{
	const json_t *v = json_object_get(o, key);
	double x = json_number_value(v);

	if (!json_is_number(v) || !(x >= 0 && x <= (double)most) || x != (double)(uint64_t)x)
		return false;
	*to = (uint64_t)x;
	return true;
}

static int
read_paid(struct settlement *s, const json_t *list)
{
	const json_t *one;
	size_t i;

	if (!json_is_array(list))
		return err_set(ERR_DATA, "a statement without 'paid'");
	json_array_foreach(list, i, one) {
		const char *terms = member_text(one, "terms");
		struct share_paid p;
		if (!terms || !hash_from_hex(&p.terms, terms, strlen(terms)) || !is_whole(one, "share", TERMS_SHARES - 1, &p.share) ||
		    !is_whole(one, "amount", TERMS_LARGEST, &p.amount))
			return err_set(ERR_DATA, "a statement whose 'paid' is not what shares of terms have had");
		if (mem_grow(&s->paid, &s->cap_paid, s->n_paid + 1, sizeof *s->paid) < 0)
			return -1;
		s->paid[s->n_paid++] = p;
	}
	return 0;
}

static int
read_object(json_t *o, struct tlog *l, uint64_t *from, struct settlement *s)
{
	const char *text = member_text(o, "root");
	struct hash root, is;

	if (!member_is(o, "type", "settlement") || !text || !hash_from_hex(&root, text, strlen(text)))
		return err_set(ERR_DATA, "no statement of a settlement");
	if (!member_is(o, "log", l->at.origin))
		return err_set(ERR_DATA, "a statement for another log");
	if (check_signature(o) < 0)
		return -1;
	if (!is_whole(o, "to", l->at.size, from))
		return err_set(ERR_DATA, "a statement for a log of %.0f records; this has %llu", json_number_value(json_object_get(o, "to")),
		    (unsigned long long)l->at.size);
	if (merkle_root(tlog_node, l, *from, &is) < 0)
		return -1;
	return hash_equal(&root, &is) ? read_paid(s, json_object_get(o, "paid")) : err_set(ERR_DATA, "a statement for a log that began otherwise");
}

int
statement_read(const char *text, size_t n, struct tlog *l, uint64_t *from, struct settlement *s)
{
	json_t *o = jcs_parse(text, n);
	int rc = o ? read_object(o, l, from, s) : -1;

	json_decref(o);
	return rc;
}
