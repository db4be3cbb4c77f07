#include "net/meter.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "stream/seqmap.h"
#include "trust/jcs.h"
#include "trust/peerid.h"

/* A sequence. */
struct metered {
	uint64_t number;           /* the how-manyth that was begun */
	struct hash sent;          /* the chain over all that was sent */
	struct hash in, out;       /* over what was answered, and the answers */
	uint64_t from, to;         /* positions of rows that were answered, and are in no receipt */
	uint64_t rows;             /* of them */
	uint64_t all;              /* rows that were answered */
	unsigned under_way;        /* marks that are */
	bool closing;
};

/* Where a sequence's chain was behind a frame that is under way. */
struct mark {
	struct metered *seq;       /* NULL: the frame's end */
	uint32_t number;           /* the stream's of it, at the time */
	struct hash in;
	uint64_t from, to;
	uint32_t rows;
};

struct meter {
	struct meter_about about;
	EVP_MD *sha256;
	EVP_MD_CTX *ctx;
	struct seqmap seqs;        /* by the stream's numbers: struct metered, until they are closed */
	struct metered **all;      /* those that are open, or have rows in no receipt */
	size_t n_all, cap_all;
	struct mark *mark;         /* a ring */
	size_t first, n_marks, cap_marks;
	uint64_t begun;            /* sequences */
	struct hash salt;          /* of the next one; none: as the stream's gives it */
	uint64_t sent, open, receipted; /* rows */
	struct hash previous;      /* receipt */
	struct buf space;
};

/* ---- hashes ---- */

struct hash
meter_salt(const uint8_t salt[METER_SALT], uint64_t sequence)
{
	uint8_t all[METER_SALT + 8];

	memcpy(all, salt, METER_SALT);
	for (int i = 0; i < 8; i++)
		all[METER_SALT + i] = (uint8_t)(sequence >> 8 * i & 0xff);
	return hash_bytes(all, sizeof all);
}

struct hash
meter_begin(const struct hash *salt, const char *way)
{
	uint8_t all[HASH_SIZE + 8] = { 0 };

	memcpy(all, salt->bytes, HASH_SIZE);
	memcpy(all + HASH_SIZE, way, strlen(way)); /* "in" or "out" */
	return hash_bytes(all, sizeof all);
}

/* The hash of h and what follows it. */
static int
chain(struct meter *m, struct hash *h, const void *a, size_t n_a, const void *b, size_t n_b)
{
	if (EVP_DigestInit_ex(m->ctx, m->sha256, NULL) == 1 && EVP_DigestUpdate(m->ctx, h->bytes, HASH_SIZE) == 1 && EVP_DigestUpdate(m->ctx, a, n_a) == 1 &&
	    EVP_DigestUpdate(m->ctx, b, n_b) == 1 && EVP_DigestFinal_ex(m->ctx, h->bytes, NULL) == 1)
		return 0;
	return err_set(ERR_SYSTEM, "libcrypto can't hash");
}

/* A row as it lies in the stream, but for the number of its sequence. */
static int
chain_row(struct meter *m, struct hash *h, const struct frame *f, uint32_t i)
{
	struct row row = f->rows[i];

	row.seq = 0;
	return chain(m, h, &row, sizeof row, f->row_bytes > 0 ? (const uint8_t *)f->data + i * f->row_bytes : (const uint8_t *)"", f->row_bytes);
}

/* A control frame as it lies in the stream, without numbers of sequences. */
static int
chain_control(struct meter *m, struct hash *h, const struct frame *f)
{
	struct frame own = *f;

	own.seq = own.hops = 0;
	if (f->type == FRAME_FORK)
		own.value = 1; /* not its own number */
	m->space.len = 0;
	return stream_encode(&m->space, &own, false) < 0 ? -1 : chain(m, h, m->space.data, m->space.len, "", 0);
}

/* ---- sequences ---- */

struct meter *
meter_new(const struct meter_about *a)
{
	struct meter *m = mem_alloc(1, sizeof *m);

	if (!m)
		return NULL;
	m->about = *a;
	if ((m->ctx = EVP_MD_CTX_new()) && (m->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL)))
		return m;
	err_set(ERR_SYSTEM, "libcrypto can't hash");
	meter_free(m);
	return NULL;
}

void
meter_free(struct meter *m)
{
	if (!m)
		return;
	for (size_t i = 0; i < m->n_all; i++)
		free(m->all[i]);
	free(m->all);
	free(m->mark);
	seqmap_free(&m->seqs);
	EVP_MD_CTX_free(m->ctx);
	EVP_MD_free(m->sha256);
	buf_free(&m->space);
	free(m);
}

/* NULL with a reason. */
static struct metered *
begin(struct meter *m, uint32_t seq)
{
	struct metered *q = mem_alloc(1, sizeof *q);
	struct hash salt = hash_is_none(&m->salt) ? meter_salt(m->about.salt, m->begun) : m->salt;

	if (!q || mem_grow(&m->all, &m->cap_all, m->n_all + 1, sizeof *m->all) < 0 || seqmap_put(&m->seqs, seq, q) < 0) {
		free(q);
		return NULL;
	}
	m->salt = (struct hash){ 0 };
	q->number = m->begun++;
	q->sent = q->in = meter_begin(&salt, "in");
	q->out = meter_begin(&salt, "out");
	m->all[m->n_all++] = q;
	return q;
}

/* Is there nothing more to come of it? Then it is forgotten. */
static void
drop_if_over(struct meter *m, struct metered *q)
{
	if (!q->closing || q->under_way > 0 || q->rows > 0)
		return;
	for (size_t i = 0; i < m->n_all; i++)
		if (m->all[i] == q) {
			m->all[i] = m->all[--m->n_all];
			free(q);
			return;
		}
}

static int
add_mark(struct meter *m, const struct mark *k)
{
	size_t cap = m->cap_marks;

	if (m->n_marks == cap) {
		struct mark *more = mem_alloc(cap ? 2 * cap : 64, sizeof *more);
		if (!more)
			return -1;
		for (size_t i = 0; i < m->n_marks; i++)
			more[i] = m->mark[(m->first + i) % cap];
		free(m->mark);
		m->mark = more;
		m->first = 0;
		m->cap_marks = cap ? 2 * cap : 64;
	}
	m->mark[(m->first + m->n_marks++) % m->cap_marks] = *k;
	return 0;
}

/* ---- to the node ---- */

/* Rows of one sequence, from row i on. How many; -1 with a reason. */
static int64_t
send_run(struct meter *m, const struct frame *f, uint32_t i)
{
	uint32_t seq = f->rows[i].seq, n = 0;
	struct metered *q = seqmap_get(&m->seqs, seq);

	if (!q)
		return err_set(ERR_DATA, "a row of sequence %u, which is not open", seq);
	for (; i + n < f->n_rows && f->rows[i + n].seq == seq; n++)
		if (chain_row(m, &q->sent, f, i + n) < 0)
			return -1;
	q->under_way++;
	if (add_mark(m, &(struct mark){ q, seq, q->sent, f->rows[i].pos, (uint64_t)f->rows[i + n - 1].pos + 1, n }) < 0)
		return -1;
	return n;
}

static int
send_rows(struct meter *m, const struct frame *f)
{
	int64_t n;

	for (uint32_t i = 0; i < f->n_rows; i += (uint32_t)n) /* positive */
		if ((n = send_run(m, f, i)) < 0)
			return -1;
	m->sent += f->n_rows;
	return add_mark(m, &(struct mark){ 0 });
}

static int
send_fork(struct meter *m, const struct frame *f)
{
	const struct metered *parent = seqmap_get(&m->seqs, (uint32_t)f->value);
	struct hash at;
	struct metered *q;

	if (!parent)
		return err_set(ERR_DATA, "a fork of sequence %llu, which is not open", (unsigned long long)f->value);
	at = parent->sent;
	if (!(q = begin(m, f->seq)) || chain(m, &q->sent, at.bytes, HASH_SIZE, "", 0) < 0)
		return -1;
	return chain_control(m, &q->sent, f);
}

int
meter_sent(struct meter *m, const struct frame *f)
{
	struct metered *q = f->type == FRAME_ROWS || f->type == FRAME_OPEN || f->type == FRAME_FORK ? NULL : seqmap_get(&m->seqs, f->seq);

	switch (f->type) {
	case FRAME_ROWS:
		return send_rows(m, f);
	case FRAME_FORK:
		return send_fork(m, f);
	case FRAME_OPEN:
		return (q = begin(m, f->seq)) ? chain_control(m, &q->sent, f) : -1;
	case FRAME_CLOSE:
		if (!q)
			return 0;
		q->closing = true;
		seqmap_remove(&m->seqs, f->seq);
		drop_if_over(m, q);
		return 0;
	case FRAME_PROMPT_END:
	case FRAME_CUT:
		return q ? chain_control(m, &q->sent, f) : 0;
	default:
		return 0;
	}
}

/* ---- from the node ---- */

/* What the frame that is answered was. */
static void
answer(struct meter *m)
{
	while (m->n_marks > 0) {
		const struct mark *k = &m->mark[m->first];
		struct metered *q = k->seq;
		m->first = (m->first + 1) % m->cap_marks;
		m->n_marks--;
		if (!q)
			return;
		q->in = k->in;
		if (q->rows == 0)
			q->from = k->from;
		q->to = k->to;
		q->rows += k->rows;
		q->all += k->rows;
		q->under_way--;
		m->open += k->rows;
	}
}

/* The next mark of a sequence in the oldest frame that is under way, from the k-th on; NULL: there is none. */
static const struct mark *
next_mark(const struct meter *m, size_t *k, uint32_t seq)
{
	for (; *k < m->n_marks; ++*k) {
		const struct mark *at = &m->mark[(m->first + *k) % m->cap_marks];
		if (!at->seq)
			return NULL;
		if (at->number == seq)
			return at;
	}
	return NULL;
}

/* Rows come back in their order, some perhaps left out. By marks, since their sequences may be closed meanwhile. */
int
meter_came(struct meter *m, const struct frame *f)
{
	size_t k = 0;

	if (f->type != FRAME_ROWS)
		return 0;
	for (uint32_t i = 0; i < f->n_rows; i++) {
		const struct mark *at = next_mark(m, &k, f->rows[i].seq);
		if (!at)
			return err_set(ERR_DATA, "rows come back that were not sent");
		if (chain_row(m, &at->seq->out, f, i) < 0)
			return -1;
	}
	answer(m);
	return 0;
}

/* ---- receipts ---- */

uint64_t
meter_rows(const struct meter *m)
{
	return m->sent;
}

uint64_t
meter_open(const struct meter *m)
{
	return m->open;
}

uint64_t
meter_receipted_rows(const struct meter *m)
{
	return m->receipted;
}

bool
meter_is_done(const struct meter *m)
{
	return m->n_all == 0 && m->n_marks == 0;
}

bool
meter_due(const struct meter *m, bool any, uint64_t *sequence)
{
	for (size_t i = 0; i < m->n_all; i++)
		if (m->all[i]->rows > 0 && (any || (m->all[i]->closing && m->all[i]->under_way == 0))) {
			*sequence = m->all[i]->number;
			return true;
		}
	return false;
}

static struct metered *
find(const struct meter *m, uint64_t sequence)
{
	for (size_t i = 0; i < m->n_all; i++)
		if (m->all[i]->number == sequence)
			return m->all[i];
	return NULL;
}

bool
meter_look(const struct meter *m, uint64_t sequence, struct meter_state *s)
{
	const struct metered *q = find(m, sequence);

	if (!q || q->rows == 0)
		return false;
	*s = (struct meter_state){ q->in, q->out, q->to, q->all, q->rows };
	return true;
}

void
meter_next(struct meter *m, uint64_t sequence, const struct hash *salt)
{
	m->begun = sequence;
	m->salt = *salt;
}

static json_t *
did(const uint8_t key[KEY_PUBLIC])
{
	char text[PEERID_DID];

	return json_string(peerid_did(key, text));
}

static json_t *
hex(const struct hash *h)
{
	char text[HASH_HEX];

	return json_string(hash_to_hex(h, text));
}

static json_t *
whole(uint64_t n)
{
	return json_real((double)n);
}

static int
set_hash(json_t *o, const char *key, const struct hash *h)
{
	return hash_is_none(h) ? 0 : json_object_set_new(o, key, hex(h));
}

static int
print(struct buf *to, json_t *o)
{
	int rc = o ? jcs_add(to, o) : err_set(ERR_SYSTEM, "no memory");

	json_decref(o);
	return rc;
}

/* The identity that either side of a stage states. */
static const struct hash *
either(const struct hash *a, const struct hash *b)
{
	return hash_is_none(a) ? b : a;
}

int
meter_receipt(const struct meter *m, uint64_t sequence, uint64_t time, struct buf *to)
{
	const struct metered *q = find(m, sequence);
	const struct meter_about *a = &m->about;
	const struct stream_header *in = &a->in, *out = &a->out;
	json_t *o;

	if (!q || q->rows == 0)
		return err_set(ERR_DATA, "a receipt for sequence %llu, of which nothing is open", (unsigned long long)sequence);
	o = json_pack("{ss so so so so so so so so so so ss so so so ss}", "type", "receipt", "node", did(a->node), "client", did(a->client), "nonce",
	    hex(&a->nonce), "terms", hex(&a->terms), "sequence", whole(sequence), "from", whole(q->from), "to", whole(q->to), "rows",
	    whole(m->receipted + q->rows), "input", hex(&q->in), "output", hex(&q->out), "profile", *in->profile ? in->profile : out->profile, "first_layer",
	    whole(in->next_layer), "last_layer", whole(out->next_layer), "time", whole(time), "wire",
	    stream_dtype_name(in->kind == STREAM_HIDDEN ? in->dtype : out->dtype));
	if (o && (set_hash(o, "previous", &m->previous) != 0 || set_hash(o, "model", either(&in->model_id, &out->model_id)) != 0 ||
	             set_hash(o, "vocabulary", either(&in->vocab_id, &out->vocab_id)) != 0)) {
		json_decref(o);
		o = NULL;
	}
	return print(to, o);
}

void
meter_receipted(struct meter *m, uint64_t sequence, const struct hash *id)
{
	struct metered *q = find(m, sequence);

	if (!q)
		return;
	m->receipted += q->rows;
	m->open -= q->rows;
	m->previous = *id;
	q->rows = 0;
	drop_if_over(m, q);
}

int
meter_voucher(const struct meter *m, const struct hash *id, uint64_t rows, uint64_t time, struct buf *to)
{
	const struct meter_about *a = &m->about;

	return print(to, json_pack("{ss so so so so so so so}", "type", "voucher", "client", did(a->client), "node", did(a->node), "nonce", hex(&a->nonce), "terms",
	                     hex(&a->terms), "receipt", hex(id), "rows", whole(rows), "time", whole(time)));
}
