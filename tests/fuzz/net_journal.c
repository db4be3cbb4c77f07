/*
 * Any bytes as what a client sends to a stage, and when the stage dies. Each answer of the stage depends on all that its sequence was
 * sent before; when it dies, the next knows nothing but what the journal gives it. What the client hears must be, to the bit, what a
 * stage that never dies says.
 */
#include <stdlib.h>
#include <string.h>

#include "net/journal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	SEQUENCES = 64,  /* numbers are not used again */
	CONTEXT = 24,    /* the stage closes a sequence that goes beyond */
	MOST_FRAMES = 512,
	ROWS = 6,        /* of a frame */
	MEMORY = 128,    /* of the journal: the rest lies in a file */
};

static void
must(bool good)
{
	if (!good)
		abort();
}

/* ---- frames, with memory of their own ---- */

struct held {
	struct frame frame;
	struct row row[STREAM_MAX_ROWS];
	uint64_t data[STREAM_MAX_ROWS];
};

static struct held *
hold(const struct frame *f)
{
	struct held *h = calloc(1, sizeof *h);

	must(h != NULL);
	h->frame = *f;
	h->frame.rows = h->row;
	if (f->n_rows > 0)
		memcpy(h->row, f->rows, f->n_rows * sizeof *f->rows);
	if (f->row_bytes > 0) {
		must(f->row_bytes == sizeof *h->data);
		memcpy(h->data, f->data, f->n_rows * f->row_bytes);
		h->frame.data = h->data;
	}
	return h;
}

struct queue {
	struct held *at[4 * MOST_FRAMES];
	size_t first, n;
};

static void
push(struct queue *q, const struct frame *f)
{
	must(q->first + q->n < sizeof q->at / sizeof *q->at);
	q->at[q->first + q->n++] = hold(f);
}

static struct held *
pop(struct queue *q)
{
	q->n--;
	return q->at[q->first++];
}

static void
drop_all(struct queue *q)
{
	while (q->n > 0)
		free(pop(q));
	q->first = 0;
}

/* ---- the stage ---- */

struct sequence {
	bool open, closed;
	uint32_t n;
	uint64_t state[CONTEXT + 1]; /* before position i */
};

struct stage {
	struct sequence seq[SEQUENCES];
	struct queue out;
};

static uint64_t
mix(uint64_t a, uint64_t b)
{
	a = (a ^ b) * 0x9e3779b97f4a7c15u;
	return a ^ a >> 29;
}

static void
close_it(struct stage *s, uint32_t id, enum close_reason reason)
{
	s->seq[id].closed = true;
	push(&s->out, &(struct frame){ .type = FRAME_CLOSE, .seq = id, .reason = reason, .pos = s->seq[id].n });
}

/* The row's answer goes behind the others. */
static void
compute(struct stage *s, const struct row *r, uint64_t input, struct held *out)
{
	struct sequence *q = &s->seq[r->seq];

	must(q->open); /* a node ends a stream with rows of a sequence that it does not know */
	if (q->closed)
		return;
	if (r->pos != q->n || q->n == CONTEXT) {
		close_it(s, r->seq, r->pos != q->n ? CLOSE_ERROR : CLOSE_CONTEXT);
		return;
	}
	q->state[q->n + 1] = mix(mix(q->state[q->n], r->token), input);
	q->n++;
	if (!(r->flags & ROW_WANTED))
		return;
	out->row[out->frame.n_rows] = *r;
	out->row[out->frame.n_rows].token = ROW_NO_TOKEN; /* as one that was stripped of them */
	out->data[out->frame.n_rows++] = q->state[q->n];
}

static void
compute_rows(struct stage *s, const struct frame *f)
{
	struct held *out = hold(&(struct frame){ .type = FRAME_ROWS });

	for (uint32_t i = 0; i < f->n_rows; i++) {
		uint64_t input = 0;
		if (f->row_bytes > 0)
			memcpy(&input, (const uint8_t *)f->data + i * f->row_bytes, sizeof input);
		compute(s, &f->rows[i], input, out);
	}
	if (out->frame.n_rows > 0) {
		out->frame.data = out->data;
		out->frame.row_bytes = sizeof *out->data;
	}
	push(&s->out, &out->frame);
	free(out);
}

static void
fork_it(struct stage *s, const struct frame *f)
{
	const struct sequence *from = &s->seq[f->value];
	struct sequence *q = &s->seq[f->seq];

	must(from->open);
	q->open = true;
	if (from->closed || f->pos > from->n) {
		close_it(s, f->seq, CLOSE_ERROR);
		return;
	}
	*q = *from;
	q->n = f->pos;
}

static void
take(struct stage *s, const struct frame *f)
{
	struct sequence *q = &s->seq[f->seq];

	switch (f->type) {
	case FRAME_ROWS:
		compute_rows(s, f);
		return;
	case FRAME_OPEN:
		must(!q->open);
		*q = (struct sequence){ .open = true };
		break;
	case FRAME_FORK:
		must(!q->open);
		fork_it(s, f);
		break;
	case FRAME_CUT:
		must(q->open);
		if (!q->closed && f->pos <= q->n)
			q->n = f->pos;
		break;
	case FRAME_CLOSE:
		must(q->open);
		*q = (struct sequence){ 0 };
		break;
	default:
		must(f->type == FRAME_PROMPT_END && q->open);
		break;
	}
	push(&s->out, f);
}

/* ---- the client ---- */

struct client {
	const uint8_t *at;
	size_t left;
	uint32_t next;           /* sequence */
	bool open[SEQUENCES], prompt[SEQUENCES];
	uint32_t n[SEQUENCES];   /* rows it has sent of each */
	struct held frame;
};

static uint8_t
byte(struct client *c)
{
	if (c->left == 0)
		return 0;
	c->left--;
	return *c->at++;
}

/* One that is open; SEQUENCES: none. */
static uint32_t
any(struct client *c)
{
	uint32_t k = byte(c) % SEQUENCES;

	for (uint32_t i = 0; i < SEQUENCES; i++)
		if (c->open[(k + i) % SEQUENCES])
			return (k + i) % SEQUENCES;
	return SEQUENCES;
}

static void
make_rows(struct client *c, struct frame *f)
{
	bool data = byte(c) % 2;

	*f = (struct frame){ .type = FRAME_ROWS, .hops = 1, .rows = c->frame.row };
	for (uint32_t n = byte(c) % (ROWS + 1); f->n_rows < n;) {
		uint32_t q = any(c);
		if (q == SEQUENCES)
			break;
		c->frame.row[f->n_rows] = (struct row){ .seq = q, .pos = c->n[q]++, .token = byte(c) };
		c->frame.row[f->n_rows].flags = byte(c) % 2 ? ROW_WANTED : 0;
		c->frame.data[f->n_rows++] = byte(c);
	}
	if (data && f->n_rows > 0) {
		f->data = c->frame.data;
		f->row_bytes = sizeof *c->frame.data;
	}
}

static void
make_fork(struct client *c, struct frame *f, uint32_t from)
{
	uint32_t pos = c->n[from] < CONTEXT ? c->n[from] : CONTEXT;

	*f = (struct frame){ .type = FRAME_FORK, .seq = c->next, .value = from, .pos = byte(c) % (pos + 1) };
	if ((f->restated = byte(c) % 2))
		f->open = (struct open){ .ordinal = c->next, .sampling.seed = byte(c) };
	c->open[c->next] = true;
	c->n[c->next++] = f->pos;
}

/* Its next frame; false: none. */
static bool
say(struct client *c, struct frame *f)
{
	uint8_t what = byte(c) % 8;
	uint32_t q = any(c);

	if (what == 0 || q == SEQUENCES) {
		if (c->next == SEQUENCES)
			return false;
		*f = (struct frame){ .type = FRAME_OPEN, .seq = c->next, .open = { .ordinal = c->next, .sampling.seed = byte(c) } };
		c->open[c->next++] = true;
	} else if (what == 1) {
		*f = (struct frame){ .type = FRAME_CLOSE, .seq = q, .reason = CLOSE_STOP, .pos = c->n[q] };
		c->open[q] = false;
	} else if (what == 2 && !c->prompt[q]) {
		*f = (struct frame){ .type = FRAME_PROMPT_END, .seq = q };
		c->prompt[q] = true;
	} else if (what == 3 && c->n[q] <= CONTEXT) { /* one that goes beyond is closed by then */
		*f = (struct frame){ .type = FRAME_CUT, .seq = q, .pos = c->n[q] = byte(c) % (c->n[q] + 1) };
	} else if (what == 4 && c->next < SEQUENCES && c->n[q] <= CONTEXT) {
		make_fork(c, f, q);
	} else {
		make_rows(c, f);
	}
	return true;
}

/* ---- what the client hears ---- */

struct said {
	struct held *at[MOST_FRAMES * 2];
	size_t n;
};

static void
hear(struct said *to, const struct frame *f)
{
	must(to->n < sizeof to->at / sizeof *to->at);
	to->at[to->n++] = hold(f);
}

static bool
same(const struct held *a, const struct held *b)
{
	return a->frame.type == b->frame.type && a->frame.seq == b->frame.seq && a->frame.n_rows == b->frame.n_rows &&
	    a->frame.row_bytes == b->frame.row_bytes && a->frame.pos == b->frame.pos && a->frame.reason == b->frame.reason &&
	    memcmp(a->row, b->row, sizeof a->row) == 0 && memcmp(a->data, b->data, sizeof a->data) == 0;
}

/* ---- a stage that never dies ---- */

static void
immortal(const uint8_t *data, size_t size, struct said *to)
{
	struct stage *s = calloc(1, sizeof *s);
	struct client *c = calloc(1, sizeof *c);
	struct frame f;

	must(s && c);
	c->at = data;
	c->left = size;
	for (size_t i = 0; i < MOST_FRAMES && c->left > 0 && say(c, &f); i++) {
		struct held *sent = hold(&f);
		take(s, &f);
		while (s->out.n > 0) {
			struct held *h = pop(&s->out);
			for (uint32_t k = 0, r = 0; h->frame.type == FRAME_ROWS && k < h->frame.n_rows; r++) /* tokens are known to the client */
				if (sent->row[r].seq == h->row[k].seq && sent->row[r].pos == h->row[k].pos)
					h->row[k++].token = sent->row[r].token;
			hear(to, &h->frame);
			free(h);
		}
		s->out.first = 0;
		free(sent);
	}
	free(s);
	free(c);
}

/* ---- one that dies, and a journal ---- */

struct mortal {
	struct journal *journal;
	struct stage *stage;
	struct queue in;     /* what is under way to it */
	size_t skip;
	struct said *to;
};

static int
send_it(void *arg, const struct frame *f)
{
	push(&((struct mortal *)arg)->in, f);
	return 0;
}

static void
die(struct mortal *m)
{
	const struct strip strip = { .tokens = false, .sampling = true };

	drop_all(&m->in);
	drop_all(&m->stage->out);
	*m->stage = (struct stage){ 0 };
	must(journal_replay(m->journal, strip, send_it, m, &m->skip) == 0);
}

/* As hop.c does it. */
static void
came(struct mortal *m, const struct frame *f)
{
	struct frame out;

	if (m->skip > 0 && f->type != FRAME_CLOSE) {
		m->skip--;
		return;
	}
	switch (journal_came(m->journal, f, false, &out)) {
	case JOURNAL_ANSWER:
	case JOURNAL_CLOSE:
		hear(m->to, &out);
		break;
	default:
		must(false);
	case JOURNAL_KNOWN:
		break;
	}
}

static bool
step(struct mortal *m)
{
	struct held *h;

	if (m->in.n > 0) {
		take(m->stage, &(h = pop(&m->in))->frame);
		free(h);
	} else if (m->stage->out.n == 0) {
		return false;
	}
	return true;
}

static void
answer(struct mortal *m)
{
	struct held *h;

	if (m->stage->out.n > 0) {
		came(m, &(h = pop(&m->stage->out))->frame);
		free(h);
	}
	if (m->stage->out.n == 0)
		m->stage->out.first = 0;
	if (m->in.n == 0)
		m->in.first = 0;
}

/* What happens between the client's frames: bytes from the end of the input, so that its frames stay the same. */
static void
happen(struct mortal *m, uint8_t what)
{
	if (what % 16 == 15) {
		die(m);
		return;
	}
	for (int i = 0; i < what % 4; i++)
		step(m);
	for (int i = 0; i < what / 4 % 4; i++)
		answer(m);
}

static void
mortal(const uint8_t *data, size_t size, struct said *to)
{
	struct mortal *m = calloc(1, sizeof *m);
	struct client *c = calloc(1, sizeof *c);
	struct frame f;
	size_t end = size;

	must(m && c && (m->journal = journal_new(MEMORY)) && (m->stage = calloc(1, sizeof *m->stage)));
	m->to = to;
	c->at = data;
	c->left = size;
	for (size_t i = 0; i < MOST_FRAMES && c->left > 0 && say(c, &f); i++) {
		must(journal_sent(m->journal, &f) == 0);
		push(&m->in, &f);
		if (m->in.first > MOST_FRAMES || m->stage->out.first > MOST_FRAMES) /* queues begin anew when they are empty */
			while (step(m))
				answer(m);
		happen(m, end > 0 ? data[--end] : 0);
	}
	while (step(m))
		answer(m);
	must(journal_queued(m->journal) == 0 && journal_waiting(m->journal) == 0);
	drop_all(&m->in);
	drop_all(&m->stage->out);
	journal_free(m->journal);
	free(m->stage);
	free(m);
	free(c);
}

static void
forget(struct said *s)
{
	while (s->n > 0)
		free(s->at[--s->n]);
	free(s);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct said *want = calloc(1, sizeof *want), *got = calloc(1, sizeof *got);

	must(want && got);
	immortal(data, size, want);
	mortal(data, size, got);
	must(want->n == got->n);
	for (size_t i = 0; i < want->n; i++)
		must(same(want->at[i], got->at[i]));
	forget(want);
	forget(got);
	return 0;
}
