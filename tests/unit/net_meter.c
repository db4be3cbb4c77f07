/* What a node and its client count of a stream: the same, in whatever order they see the two ways of it, and what an independent count gives. */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "ledger/record.h"
#include "net/bill.h"
#include "tap.h"

enum { WIDTH = 4, FRAMES = 400, SEQS = 6 };

static struct meter_about about = { .in = { .kind = STREAM_HIDDEN, .width = WIDTH, .next_layer = 2, .profile = "p" },
	.out = { .kind = STREAM_HIDDEN, .width = WIDTH, .next_layer = 4, .profile = "p" } };

/* Frames to the node, and from it, as they were sent; which of the first had been sent when each of the others was. */
struct sent {
	struct frame frame;
	struct row row[8];
	float data[8 * WIDTH];
};
static struct sent to[FRAMES * 2], from[FRAMES];
static size_t n_to, n_from, before[FRAMES];
static uint32_t position[SEQS];
static bool is_open[SEQS];

static uint32_t
chance(uint32_t n)
{
	return randombytes_uniform(n);
}

static struct sent *
control(enum frame_type type, uint32_t seq)
{
	struct sent *s = &to[n_to++];

	s->frame = (struct frame){ .type = type, .seq = seq };
	return s;
}

static void
open_one(uint32_t seq)
{
	uint32_t parent = chance(SEQS);
	struct sent *s;

	if (is_open[parent] && parent != seq && position[parent] > 0) {
		s = control(FRAME_FORK, seq);
		s->frame.value = parent;
		s->frame.pos = position[seq] = chance(position[parent]) + 1;
	} else {
		s = control(FRAME_OPEN, seq);
		s->frame.open.ordinal = n_to;
		position[seq] = 0;
	}
	is_open[seq] = true;
}

static void
send_rows(void)
{
	struct sent *s = &to[n_to++];

	s->frame = (struct frame){ .type = FRAME_ROWS, .hops = 1, .rows = s->row, .data = s->data, .row_bytes = WIDTH * sizeof(float) };
	for (uint32_t seq = 0; seq < SEQS && s->frame.n_rows < 6; seq++)
		for (uint32_t k = is_open[seq] ? chance(3) : 0; k > 0; k--)
			s->row[s->frame.n_rows++] = (struct row){ seq, position[seq]++, ROW_NO_TOKEN, chance(2) };
	for (size_t i = 0; i < (size_t)s->frame.n_rows * WIDTH; i++)
		s->data[i] = (float)chance(1000);
	if (s->frame.n_rows == 0)
		s->frame.row_bytes = 0;
}

/* An answer to each frame of rows, some rows left out, with others under way. */
static void
answer_some(size_t *answered, bool all)
{
	while (*answered < n_to && (all || chance(3) > 0)) {
		const struct sent *q = &to[(*answered)++];
		struct sent *s = &from[n_from];
		if (q->frame.type != FRAME_ROWS)
			continue;
		s->frame = q->frame;
		s->frame.rows = s->row;
		s->frame.data = s->data;
		s->frame.n_rows = 0;
		for (uint32_t i = 0; i < q->frame.n_rows; i++)
			if (chance(4) > 0)
				s->row[s->frame.n_rows++] = q->row[i];
		for (size_t i = 0; i < (size_t)s->frame.n_rows * WIDTH; i++)
			s->data[i] = (float)chance(1000);
		before[n_from++] = n_to;
	}
}

static void
make_stream(void)
{
	size_t answered = 0;

	while (n_to < FRAMES) {
		uint32_t seq = chance(SEQS);
		if (!is_open[seq]) {
			open_one(seq);
		} else if (chance(12) == 0) {
			control(FRAME_CLOSE, seq)->frame.reason = CLOSE_STOP;
			is_open[seq] = false;
		} else if (chance(8) == 0 && position[seq] > 1) {
			control(FRAME_CUT, seq)->frame.pos = position[seq] = chance(position[seq]);
		} else if (chance(9) == 0) {
			control(FRAME_PROMPT_END, seq);
		} else {
			send_rows();
		}
		answer_some(&answered, false);
	}
	for (uint32_t seq = 0; seq < SEQS; seq++)
		if (is_open[seq])
			control(FRAME_CLOSE, seq)->frame.reason = CLOSE_STOP;
	answer_some(&answered, true);
}

/* ---- both sides ---- */

static struct bill *node, *client;
static struct buf receipts;      /* texts that are on the way to the client, each behind its length */
static size_t n_receipts, n_vouchers;

static int
put_receipt(void *arg, const struct frame *f)
{
	(void)arg;
	n_receipts++;
	return buf_add(&receipts, &f->text_len, sizeof f->text_len) < 0 ? -1 : buf_add(&receipts, f->text, f->text_len);
}

/* The client takes what is on the way; its vouchers come to the node at once. */
static bool
take_receipts(void)
{
	struct frame f = { .type = FRAME_RECEIPT }, voucher;
	bool good = true;

	for (size_t at = 0; at < receipts.len && good; at += f.text_len) {
		memcpy(&f.text_len, receipts.data + at, sizeof f.text_len);
		at += sizeof f.text_len;
		f.text = (const char *)receipts.data + at;
		good = bill_receipt(client, &f, &voucher) == 0 && bill_paid(node, &voucher) == 0;
		n_vouchers += good;
	}
	receipts.len = 0;
	return good;
}

/* The node reads one more of what the client has sent. */
static bool
read_one(size_t *read, size_t *rows)
{
	const struct frame *f = &to[(*read)++].frame;

	*rows += f->type == FRAME_ROWS;
	return bill_sent(node, f) == 0 && (f->type != FRAME_CLOSE || bill_issue(node, put_receipt, NULL) == 0);
}

/* The client sends as far as it did when each answer came; the node reads what the answer is to, and by chance more. */
static bool
run(void)
{
	size_t sent = 0, read = 0, rows = 0;
	bool good = true;

	for (size_t i = 0; i < n_from && good; i++) {
		for (; sent < before[i] && good; sent++)
			good = bill_sent(client, &to[sent].frame) == 0;
		while (good && read < sent && (rows <= i || chance(3) > 0))
			good = read_one(&read, &rows);
		good = good && take_receipts() && bill_came(node, &from[i].frame) == 0 && bill_issue(node, put_receipt, NULL) == 0 &&
		    bill_came(client, &from[i].frame) == 0 && take_receipts();
		if (!good)
			printf("# at answer %zu: %s\n", i, err_reason());
	}
	for (; good && sent < n_to; sent++)
		good = bill_sent(client, &to[sent].frame) == 0;
	while (good && read < n_to)
		good = read_one(&read, &rows);
	return good && take_receipts();
}

static uint64_t
all_rows(void)
{
	uint64_t n = 0;

	for (size_t i = 0; i < n_to; i++)
		n += to[i].frame.type == FRAME_ROWS ? to[i].frame.n_rows : 0;
	return n;
}

static void
check_streams(void)
{
	static struct key keys[2];
	struct bill_options o[2] = { { .key = &keys[0], .receipts = -1, .salts = -1 }, { .key = &keys[1], .receipts = -1, .salts = -1 } };
	bool good = true, done = true, paid = true;

	if (key_generate(&keys[0]) < 0 || key_generate(&keys[1]) < 0)
		abort();
	memcpy(about.node, keys[0].public.bytes, KEY_PUBLIC);
	memcpy(about.client, keys[1].public.bytes, KEY_PUBLIC);
	for (int round = 0; round < 20 && good; round++) {
		n_to = n_from = 0;
		memset(is_open, 0, sizeof is_open);
		randombytes_buf(about.salt, sizeof about.salt);
		randombytes_buf(about.nonce.bytes, HASH_SIZE);
		make_stream();
		if (!(node = bill_new(&o[0], &about, BILL_CREDIT)) || !(client = bill_new(&o[1], &about, BILL_CREDIT)))
			abort();
		good = run();
		done &= bill_is_done(node) && bill_is_done(client);
		paid &= bill_unpaid(node) == 0 && bill_allows(client, all_rows(), BILL_CREDIT) && !bill_allows(client, all_rows(), BILL_CREDIT + 1);
		bill_free(node);
		bill_free(client);
	}
	tap_ok(good && n_receipts > 100 && n_receipts == n_vouchers, "%zu receipts over 20 streams are what the client has counted", n_receipts);
	tap_ok(done, "all is in receipts at the end");
	tap_ok(paid, "and in vouchers");
	buf_free(&receipts);
}

/* ---- beside a count of its own ---- */

static struct hash
next_hash(const struct hash *h, const struct row *r, const float *data)
{
	uint8_t all[HASH_SIZE + 16 + WIDTH * sizeof(float)];
	struct row row = *r;

	row.seq = 0;
	memcpy(all, h->bytes, HASH_SIZE);
	memcpy(all + HASH_SIZE, &row, sizeof row);
	memcpy(all + HASH_SIZE + 16, data, WIDTH * sizeof(float));
	return hash_bytes(all, sizeof all);
}

/* One sequence, opened as the third of its stream, in frames of different sizes. */
static void
check_hashes(void)
{
	static const struct frame open = { .type = FRAME_OPEN, .seq = 9 };
	struct hash in, out, salt = meter_salt(about.salt, 2);
	struct meter *whole = meter_new(&about), *part = meter_new(&about);
	struct meter_state a, b;
	struct buf bytes = { 0 }, text = { 0 };
	struct frame f = { .type = FRAME_OPEN };
	bool good = true;

	if (!whole || !part || stream_encode(&bytes, &(struct frame){ .type = FRAME_OPEN }, false) < 0)
		abort();
	for (uint32_t i = 0; i < 2; i++) { /* others before it */
		f.seq = i;
		good &= meter_sent(whole, &f) == 0;
	}
	meter_next(part, 2, &salt);
	good &= meter_sent(whole, &open) == 0 && meter_sent(part, &open) == 0;
	in = meter_begin(&salt, "in");
	out = meter_begin(&salt, "out");
	struct buf first = { 0 };
	if (buf_add(&first, in.bytes, HASH_SIZE) < 0 || buf_add(&first, bytes.data, bytes.len) < 0)
		abort();
	in = hash_bytes(first.data, first.len);
	for (uint32_t i = 0; i < 12; i++) {
		struct row row[2] = { { 9, i, ROW_NO_TOKEN, 1 }, { 1, i, ROW_NO_TOKEN, 1 } };
		float data[2 * WIDTH] = { (float)i, 1, 2, 3, 9, 9, 9, (float)i }, answer[WIDTH] = { 7, (float)i, 5, 4 };
		struct frame rows = { .type = FRAME_ROWS, .n_rows = 2, .rows = row, .data = data, .row_bytes = WIDTH * sizeof(float) };
		struct frame back = { .type = FRAME_ROWS, .n_rows = 1, .rows = row, .data = answer, .row_bytes = WIDTH * sizeof(float) };
		good &= meter_sent(whole, &rows) == 0 && meter_came(whole, &back) == 0;
		rows.n_rows = 1;
		good &= meter_sent(part, &rows) == 0 && meter_came(part, &back) == 0;
		in = next_hash(&in, row, data);
		out = next_hash(&out, row, answer);
	}
	tap_ok(good && meter_look(whole, 2, &a) && meter_look(part, 2, &b) && a.to == 12 && a.rows == 12 && a.open == 12, "a sequence among others, and alone");
	tap_ok(hash_equal(&a.in, &in) && hash_equal(&a.out, &out), "hashes are those of row after row");
	tap_ok(hash_equal(&b.in, &in) && hash_equal(&b.out, &out), "and do not depend on what is beside it");
	tap_ok(meter_receipt(whole, 2, 5, &text) == 0 && meter_receipt(whole, 7, 5, &text) == -1, "no receipt for what is not open: %s", err_reason());
	buf_free(&first);
	buf_free(&bytes);
	buf_free(&text);
	meter_free(whole);
	meter_free(part);
}

static void
check_wrong(void)
{
	struct meter *m = meter_new(&about);
	struct row row = { 3, 0, 0, 0 };
	float data[WIDTH] = { 0 };
	struct frame rows = { .type = FRAME_ROWS, .n_rows = 1, .rows = &row, .data = data, .row_bytes = sizeof data };

	if (!m)
		abort();
	tap_ok(meter_sent(m, &rows) == -1, "a row of no sequence: %s", err_reason());
	tap_ok(meter_came(m, &rows) == -1, "an answer to nothing: %s", err_reason());
	tap_ok(meter_sent(m, &(struct frame){ .type = FRAME_FORK, .seq = 1, .value = 7 }) == -1, "a fork of nothing: %s", err_reason());
	tap_ok(meter_sent(m, &(struct frame){ .type = FRAME_CUT, .seq = 7 }) == 0 && meter_sent(m, &(struct frame){ .type = FRAME_CLOSE, .seq = 7 }) == 0, "a cut or close of nothing is nothing");
	meter_free(m);
}

int
main(void)
{
	if (sodium_init() < 0)
		return 1;
	check_streams();
	check_hashes();
	check_wrong();
	return tap_done();
}
