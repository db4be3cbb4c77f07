#include "net/fraud.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/io.h"
#include "base/mem.h"
#include "trust/jcs.h"
#include "trust/jcs_text.h"
#include "trust/member.h"

enum { LINE_MAX_BYTES = 1 << 20 };

/* ---- judging ---- */

int
fraud_about(struct meter_about *a, enum stream_dtype *wire, const struct record *receipt)
{
	struct jcs_value v = jcs_member(receipt->text, receipt->n, "wire");
	const char *text;
	char name[16];
	size_t n;

	*a = (struct meter_about){ .nonce = record_hash(receipt, "nonce"), .terms = record_hash(receipt, "terms") };
	if (!record_key(receipt, "node", a->node) || !record_key(receipt, "client", a->client) || !jcs_plain(&v, &text, &n))
		return err_set(ERR_DATA, "no receipt");
	snprintf(name, sizeof name, "%.*s", n < sizeof name ? (int)n : (int)sizeof name - 1, text);
	return stream_dtype_named(name, wire) ? 0 : err_set(ERR_DATA, "a receipt for rows of the type '%s'", name);
}

static bool
same_hash(const struct record *receipt, const char *key, const struct hash *h)
{
	struct hash is = record_hash(receipt, key);

	return hash_equal(&is, h);
}

/* A model that the receipt does not name may be any. */
static bool
same_stage(const struct recount *r, const struct record *receipt)
{
	struct hash model = record_hash(receipt, "model");

	return record_number(receipt, "first_layer") == r->in.next_layer && record_number(receipt, "last_layer") == r->out.next_layer &&
	    (hash_is_none(&model) || hash_equal(&model, &r->in.model_id) || hash_equal(&model, &r->out.model_id));
}

enum fraud_verdict
fraud_judge(const struct recount *r, const struct record *receipt, const struct meter_state *s)
{
	if (!same_stage(r, receipt) || !same_hash(receipt, "input", &s->in))
		return FRAUD_OTHER;
	return same_hash(receipt, "output", &s->out) ? FRAUD_NONE : FRAUD_SHOWN;
}

/* ---- writing a proof ---- */

/* Sequences of a record by their numbers on the stream at the time: which begin where, and from which. */
struct family {
	struct member {
		uint32_t seq;
		uint64_t number, parent; /* UINT64_MAX: none */
		bool wanted;
	} *all;
	size_t n, cap;
};

/* The youngest of that number on the stream. */
static struct member *
member_of(const struct family *f, uint32_t seq)
{
	for (size_t i = f->n; i-- > 0;)
		if (f->all[i].seq == seq)
			return &f->all[i];
	return NULL;
}

static int
add_member(struct family *f, const struct frame *fr)
{
	const struct member *parent = fr->type == FRAME_FORK ? member_of(f, (uint32_t)fr->value) : NULL;
	uint64_t number = parent ? parent->number : UINT64_MAX;

	if (mem_grow(&f->all, &f->cap, f->n + 1, sizeof *f->all) < 0)
		return -1;
	f->all[f->n] = (struct member){ .seq = fr->seq, .number = f->n, .parent = number };
	f->n++;
	return 0;
}

static struct stream_reader *
open_record(const char *path, int *fd, struct stream_header *h)
{
	struct stream_reader *r;

	if ((*fd = open(path, O_RDONLY | O_CLOEXEC)) < 0) {
		err_sys("%s", path);
		return NULL;
	}
	r = stream_reader_new(*fd, path);
	if (r && stream_read_header(r, h) > 0)
		return r;
	stream_reader_free(r);
	close(*fd);
	return NULL;
}

/* Who is who in a record, and which of them the sequence comes from. */
static int
read_family(struct family *f, const char *path, uint64_t sequence)
{
	struct stream_header h;
	struct frame fr;
	int fd, rc = 0;
	struct stream_reader *r = open_record(path, &fd, &h);

	if (!r)
		return -1;
	while (rc == 0 && stream_read(r, &fr) > 0)
		if (fr.type == FRAME_OPEN || fr.type == FRAME_FORK)
			rc = add_member(f, &fr);
	for (uint64_t at = sequence; rc == 0 && at < f->n; at = f->all[at].parent)
		f->all[at].wanted = true;
	stream_reader_free(r);
	close(fd);
	return rc;
}

/* The rows of a frame that are wanted. */
static void
keep_rows(struct rows *to, const struct frame *f, const struct family *family, size_t begun)
{
	const struct family so_far = { family->all, begun, 0 };

	to->frame = *f;
	to->frame.rows = to->row;
	to->frame.data = to->data;
	to->frame.n_rows = 0;
	for (uint32_t i = 0; i < f->n_rows; i++) {
		const struct member *m = member_of(&so_far, f->rows[i].seq);
		if (!m || !m->wanted)
			continue;
		to->row[to->frame.n_rows] = f->rows[i];
		if (f->row_bytes > 0)
			memcpy(to->data + to->frame.n_rows * f->row_bytes, (const uint8_t *)f->data + i * f->row_bytes, f->row_bytes);
		to->frame.n_rows++;
	}
}

static int
copy_wanted(const struct family *f, struct stream_reader *r, const struct stream_header *h, int to)
{
	size_t row_bytes = (size_t)stream_row_bytes(h->dtype, h->width), begun = 0;
	struct rows space = { 0 };
	struct frame fr;
	int rc = stream_write_header(to, h, "proof") < 0 || !(space.data = mem_alloc64(STREAM_MAX_ROWS, row_bytes ? row_bytes : 1)) ? -1 : 0;

	while (rc == 0 && stream_read(r, &fr) > 0) {
		const struct family so_far = { f->all, begun += fr.type == FRAME_OPEN || fr.type == FRAME_FORK, 0 };
		const struct member *m = member_of(&so_far, fr.seq);
		if (fr.type == FRAME_ROWS) {
			keep_rows(&space, &fr, f, begun);
			if (space.frame.n_rows > 0)
				rc = stream_write(to, &space.frame, false, "proof");
		} else if (fr.type < FRAME_ERROR && m && m->wanted) {
			rc = stream_write(to, &fr, false, "proof");
		}
	}
	free(space.data);
	return rc < 0 ? -1 : stream_write(to, &(struct frame){ .type = FRAME_END }, false, "proof");
}

static json_t *
hex(const struct hash *h)
{
	char text[HASH_HEX];

	return json_string(hash_to_hex(h, text));
}

static json_t *
salts_of(const struct family *f, const uint8_t *salt)
{
	json_t *list = json_array();

	for (size_t i = 0; i < f->n; i++) {
		struct hash h = meter_salt(salt, f->all[i].number);
		if (f->all[i].wanted)
			json_array_append_new(list, json_pack("{so so}", "sequence", json_real((double)f->all[i].number), "salt", hex(&h)));
	}
	return list;
}

static int
add_inclusion(struct buf *to, struct tlog *l, uint64_t index)
{
	struct proof_file p = { .index = index, .checkpoint = (const char *)l->note.data, .n_checkpoint = l->note.len };

	return merkle_inclusion(tlog_node, l, index, l->at.size, p.proof, &p.n) < 0 ? -1 : proof_file_add(to, &p);
}

static int
add_line(struct buf *to, const struct fraud_case *c, const struct family *f, struct tlog *l)
{
	struct buf proof = { 0 };
	json_t *record = jcs_parse(c->receipt->text, c->receipt->n), *o = NULL;
	int rc = record ? add_inclusion(&proof, l, c->index) : -1;

	if (rc == 0 && !(o = json_pack("{ss sO ss# so so}", "type", "fraud", "record", record, "proof", (const char *)proof.data, (int)proof.len, "rows",
	                     json_real((double)c->rows), "salts", salts_of(f, c->salt))))
		rc = err_set(ERR_SYSTEM, "no memory");
	if (rc == 0)
		rc = jcs_add(to, o) < 0 ? -1 : buf_addc(to, '\n');
	json_decref(record);
	json_decref(o);
	buf_free(&proof);
	return rc;
}

int
fraud_write(const char *to, const struct fraud_case *c, struct tlog *l)
{
	struct family f = { 0 };
	struct buf line = { 0 };
	struct stream_header h;
	struct stream_reader *r = NULL;
	struct io_out out = { 0 };
	int fd = -1, rc = read_family(&f, c->path, record_number(c->receipt, "sequence"));

	if (rc == 0)
		rc = add_line(&line, c, &f, l) < 0 || !(r = open_record(c->path, &fd, &h)) || io_out_open(&out, to) < 0 ? -1 : 0;
	if (rc == 0 && (fwrite(line.data, 1, line.len, out.file) != line.len || fflush(out.file) != 0))
		rc = err_sys("%s", to);
	if (rc == 0)
		rc = copy_wanted(&f, r, &h, fileno(out.file)) < 0 ? -1 : io_out_commit(&out);
	io_out_abort(&out);
	stream_reader_free(r);
	if (fd >= 0)
		close(fd);
	buf_free(&line);
	free(f.all);
	return rc;
}

/* ---- checking one ---- */

/* The first line, without its newline, and where what follows it begins. */
static int
read_line(const char *path, struct buf *line, off_t *behind)
{
	int fd = io_open(path), rc = fd < 0 ? -1 : 0;
	const uint8_t *end = NULL;
	ssize_t n = 1;

	while (rc == 0 && n > 0 && !end && line->len < LINE_MAX_BYTES) {
		if (buf_reserve(line, 4096) < 0 || (n = io_read(fd, line->data + line->len, 4096, path)) < 0)
			rc = -1;
		else
			line->len += (size_t)n; /* not negative */
		end = rc == 0 ? memchr(line->data, '\n', line->len) : NULL;
	}
	if (fd > STDIN_FILENO)
		close(fd);
	if (rc == 0 && !end)
		return err_set(ERR_DATA, "%s: no proof of fraud", path);
	if (rc == 0) {
		line->len = (size_t)(end - line->data);
		*behind = (off_t)line->len + 1;
	}
	return rc;
}

static int
read_salts(struct recount_salt **salt, size_t *n, const json_t *list)
{
	const json_t *one;
	size_t i;

	if (!(*salt = mem_alloc(json_array_size(list) + 1, sizeof **salt)))
		return -1;
	json_array_foreach(list, i, one) {
		const char *text = member_text(one, "salt");
		double number = json_number_value(json_object_get(one, "sequence"));
		if (!text || !hash_from_hex(&(*salt)[i].salt, text, strlen(text)) || !(number >= 0 && number < 0x1p53))
			return err_set(ERR_DATA, "a salt that is none");
		(*salt)[i].sequence = (uint64_t)number;
	}
	*n = json_array_size(list);
	return 0;
}

/* Is the receipt in the log of that key? */
static int
check_inclusion(const struct record *receipt, const char *proof, const struct note_key *log)
{
	struct hash leaf = record_id(receipt);
	struct proof_file p;
	struct checkpoint c;
	struct note t;

	if (!proof || proof_file_parse(&p, proof, strlen(proof)) < 0 || checkpoint_open(&c, &t, p.checkpoint, p.n_checkpoint, log) < 0)
		return err_wrap("the log's proof");
	return merkle_check_inclusion(p.index, c.size, &leaf, p.proof, p.n, &c.root);
}

/* Until the sequence has as many rows as the receipt is about. */
static int
count(struct recount *r, const struct record *receipt, uint64_t rows, enum fraud_verdict *verdict)
{
	struct meter_state s;
	int rc;

	*verdict = FRAUD_OTHER;
	while ((rc = recount_step(r)) > 0)
		if (meter_look(r->meter, record_number(receipt, "sequence"), &s) && s.rows == rows) {
			*verdict = fraud_judge(r, receipt, &s);
			return 0;
		}
	return rc;
}

static int
check_object(const char *path, off_t stream, json_t *o, const struct note_key *log, const char *command, struct buf *text, struct record *receipt,
    enum fraud_verdict *verdict)
{
	struct buf made = { 0 };
	struct recount_salt *salt = NULL;
	struct recount r = { .fd_record = -1, .fd_answer = -1 };
	struct meter_about a;
	enum stream_dtype wire;
	size_t n = 0;
	int rc = jcs_add(text, json_object_get(o, "record")) < 0 ? -1 : record_read(receipt, (const char *)text->data, text->len, &made);

	if (rc == 0 && made.len > 0) { /* the record lies there */
		buf_free(text);
		*text = made;
		made = (struct buf){ 0 };
	}
	buf_free(&made);
	if (rc == 0 && receipt->type != RECORD_RECEIPT)
		rc = err_set(ERR_DATA, "a proof about a %s", record_type_name(receipt->type));
	if (rc == 0)
		rc = check_inclusion(receipt, member_text(o, "proof"), log) < 0 || read_salts(&salt, &n, json_object_get(o, "salts")) < 0 ||
		        fraud_about(&a, &wire, receipt) < 0 || recount_begin(&r, path, stream, command, &a, wire, salt, n) < 0
		    ? -1
		    : count(&r, receipt, (uint64_t)json_number_value(json_object_get(o, "rows")), verdict);
	recount_end(&r);
	free(salt);
	return rc;
}

int
fraud_check(const char *path, const struct note_key *log, const char *command, struct buf *line, struct record *receipt, enum fraud_verdict *verdict)
{
	struct buf first = { 0 };
	off_t behind = 0;
	json_t *o = NULL;
	int rc = read_line(path, &first, &behind);

	if (rc == 0)
		rc = (o = jcs_parse((const char *)first.data, first.len)) && json_is_object(json_object_get(o, "record"))
		    ? check_object(path, behind, o, log, command, line, receipt, verdict)
		    : err_set(ERR_DATA, "no proof of fraud");
	json_decref(o);
	buf_free(&first);
	return rc < 0 ? err_wrap("%s", path) : 0;
}
