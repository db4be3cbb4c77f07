#include "net/journal.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "net/block.h"
#include "stream/seqmap.h"

enum { REPLAY_BYTES = 1 << 22 }; /* of a frame of a replay, about */

/* A frame that waits for its answer. */
struct entry {
	struct entry *next;
	struct frame frame;
	struct block *block; /* FRAME_ROWS: rows and data */
	struct open *open;   /* FRAME_OPEN, and FRAME_FORK that restates it: what the frame points into */
	bool dead;           /* FRAME_OPEN, FRAME_FORK: the stage has closed the sequence already */
	enum frame_type as;  /* in which it was sent: what is dead is opened, not forked */
};

/* One row that is known. */
struct place {
	struct block *block;
	uint32_t i;
};

struct known {
	struct known *next, **link; /* in the order in which they began */
	struct frame open;
	struct open *own;           /* what that points into */
	struct place *row;          /* by position */
	size_t n, cap;
	uint32_t prompt;            /* rows of the prompt; UINT32_MAX: it has not ended */
	bool dying, dead;           /* closed by the stage: while it answers the frame that waits longest; before */
	enum close_reason reason;   /* by which, */
	uint32_t end;               /* and where */
};

struct journal {
	struct blocks blocks;
	struct entry *first, **last;
	size_t queued, waiting;
	size_t dying;               /* sequences */
	struct seqmap seqs;
	struct known *first_seq, **last_seq;
	uint64_t rows;
	struct row row[STREAM_MAX_ROWS]; /* of what is given out */
	uint8_t *data;
	size_t data_cap;
};

/* ---- stripping ---- */

const struct frame *
journal_strip(struct frame *space, struct row row[STREAM_MAX_ROWS], const struct frame *f, struct strip strip)
{
	*space = *f;
	if (frame_has_open(f) && strip.sampling) {
		space->open = (struct open){ .ordinal = f->open.ordinal, .output = f->open.output };
	} else if (f->type == FRAME_ROWS && strip.tokens) {
		memmove(row, f->rows, f->n_rows * sizeof *row);
		for (uint32_t i = 0; i < f->n_rows; i++)
			row[i].token = ROW_NO_TOKEN;
		space->rows = row;
	}
	return space;
}

/* ---- memory ---- */

/* What an open frame points to gets memory of its own. */
static int
copy_open(struct frame *f, struct open **own)
{
	if (!(*own = open_clone(&f->open)))
		return -1;
	f->open = **own;
	return 0;
}

static void
entry_free(struct journal *j, struct entry *e)
{
	block_release(&j->blocks, e->block);
	free(e->open);
	free(e);
}

/* Positions from `pos` on are forgotten. */
static void
shorten(struct journal *j, struct known *k, size_t pos)
{
	while (k->n > pos) {
		block_release(&j->blocks, k->row[--k->n].block);
		j->rows--;
	}
}

static void
known_free(struct journal *j, struct known *k)
{
	shorten(j, k, 0);
	j->dying -= k->dying;
	*k->link = k->next;
	if (k->next)
		k->next->link = k->link;
	else
		j->last_seq = k->link;
	free(k->row);
	free(k->own);
	free(k);
}

struct journal *
journal_new(size_t memory)
{
	struct journal *j = mem_alloc(1, sizeof *j);

	if (!j)
		return NULL;
	blocks_init(&j->blocks, memory);
	j->last = &j->first;
	j->last_seq = &j->first_seq;
	return j;
}

void
journal_free(struct journal *j)
{
	if (!j)
		return;
	while (j->first) {
		struct entry *e = j->first;
		j->first = e->next;
		entry_free(j, e);
	}
	while (j->first_seq)
		known_free(j, j->first_seq);
	seqmap_free(&j->seqs);
	blocks_free(&j->blocks);
	free(j->data);
	free(j);
}

size_t
journal_queued(const struct journal *j)
{
	return j->queued;
}

size_t
journal_waiting(const struct journal *j)
{
	return j->waiting;
}

uint32_t
journal_oldest(const struct journal *j)
{
	const struct entry *e = j->first;

	while (e && e->frame.type != FRAME_ROWS)
		e = e->next;
	return e ? e->frame.n_rows : 0;
}

uint64_t
journal_rows(const struct journal *j)
{
	return j->rows;
}

/* ---- the queue ---- */

int
journal_sent(struct journal *j, const struct frame *f)
{
	struct entry *e = mem_alloc(1, sizeof *e);

	if (!e)
		return -1;
	e->frame = *f;
	e->as = f->type;
	e->frame.rows = NULL;
	e->frame.data = NULL;
	if ((f->type == FRAME_ROWS && !(e->block = block_new(&j->blocks, f))) ||
	    (frame_has_open(f) && copy_open(&e->frame, &e->open) < 0)) {
		entry_free(j, e);
		return -1;
	}
	if (e->block)
		e->frame.rows = e->block->row;
	*j->last = e;
	j->last = &e->next;
	j->queued++;
	j->waiting += f->type == FRAME_ROWS;
	return 0;
}

static struct known *
begin(struct journal *j, const struct frame *f)
{
	struct known *k = mem_alloc(1, sizeof *k);

	if (!k)
		return NULL;
	k->open = *f;
	k->prompt = UINT32_MAX;
	if (seqmap_put(&j->seqs, f->seq, k) < 0) {
		free(k);
		return NULL;
	}
	k->link = j->last_seq;
	*j->last_seq = k;
	j->last_seq = &k->next;
	return k;
}

static int
settle_open(struct journal *j, struct entry *e)
{
	struct known *k = begin(j, &e->frame);

	if (!k)
		return -1;
	k->own = e->open;
	k->dead = e->dead;
	e->open = NULL;
	return 0;
}

static int
add_row(struct journal *j, struct known *k, struct block *b, uint32_t i)
{
	if (mem_grow(&k->row, &k->cap, k->n + 1, sizeof *k->row) < 0)
		return -1;
	k->row[k->n++] = (struct place){ block_hold(b), i };
	j->rows++;
	return 0;
}

static int
settle_fork(struct journal *j, struct entry *e)
{
	const struct frame *f = &e->frame;
	const struct known *from = seqmap_get(&j->seqs, (uint32_t)f->value);
	struct frame open = { .type = FRAME_OPEN, .seq = f->seq };
	struct known *k;

	if (f->restated)
		open.open = f->open;
	else if (from)
		open.open = from->open.open;
	if (!(k = begin(j, &open)))
		return -1;
	if (f->restated) {
		k->own = e->open;
		e->open = NULL;
	} else if (copy_open(&k->open, &k->own) < 0) {
		return -1;
	}
	k->dead = e->dead || !from || from->dead || f->pos > from->n;
	k->prompt = from && from->prompt <= f->pos && !f->restated ? from->prompt : UINT32_MAX;
	for (size_t i = 0; !k->dead && i < f->pos; i++)
		if (add_row(j, k, from->row[i].block, from->row[i].i) < 0)
			return -1;
	return 0;
}

static int
settle_rows(struct journal *j, struct entry *e)
{
	for (uint32_t i = 0; i < e->frame.n_rows; i++) {
		const struct row *r = &e->block->row[i];
		struct known *k = seqmap_get(&j->seqs, r->seq);
		if (k && !k->dead && r->pos == k->n && add_row(j, k, e->block, i) < 0)
			return -1;
	}
	j->waiting--;
	return 0;
}

/* What the frame says becomes part of what is known. */
static int
settle(struct journal *j, struct entry *e)
{
	struct known *k = seqmap_get(&j->seqs, e->frame.seq);

	switch (e->frame.type) {
	case FRAME_OPEN:
		return k ? 0 : settle_open(j, e);
	case FRAME_FORK:
		return k ? 0 : settle_fork(j, e);
	case FRAME_ROWS:
		return settle_rows(j, e);
	case FRAME_PROMPT_END:
		if (k)
			k->prompt = (uint32_t)k->n; /* positions are 32 bits */
		return 0;
	case FRAME_CUT:
		if (k && e->frame.pos <= k->n) {
			shorten(j, k, e->frame.pos);
			if (k->prompt > e->frame.pos)
				k->prompt = UINT32_MAX;
		}
		return 0;
	case FRAME_CLOSE:
		seqmap_remove(&j->seqs, e->frame.seq);
		if (k)
			known_free(j, k);
		return 0;
	default:
		return 0;
	}
}

/* ---- what came ---- */

/* Are the rows that came rows of those that were sent, in their order? Their tokens are put back. */
static int
match_rows(struct journal *j, const struct entry *e, const struct frame *f, bool sampled)
{
	uint32_t k = 0;

	for (uint32_t i = 0; i < f->n_rows; i++) {
		const struct row *r = &f->rows[i], *sent;
		do {
			if (k == e->frame.n_rows)
				return err_set(ERR_DATA, "a row of sequence %u at position %u, which was not asked for", r->seq, r->pos);
			sent = &e->block->row[k++];
		} while (sent->seq != r->seq || (sent->pos != r->pos && !(sampled && sent->pos + 1 == r->pos)));
		j->row[i] = *r;
		if (sent->pos == r->pos)
			j->row[i].token = sent->token;
	}
	return 0;
}

/* The entry that begins a sequence; NULL: none waits. */
static struct entry *
beginning(const struct journal *j, uint32_t seq)
{
	struct entry *e = j->first;

	while (e && (e->frame.seq != seq || (e->frame.type != FRAME_OPEN && e->frame.type != FRAME_FORK)))
		e = e->next;
	return e;
}

static enum journal_fit
own_close(struct journal *j, const struct frame *f, struct frame *out)
{
	struct known *k = seqmap_get(&j->seqs, f->seq);
	struct entry *e = k ? NULL : beginning(j, f->seq);

	*out = *f;
	if ((!k && !e) || (k && (k->dying || k->dead)) || (e && e->dead))
		return JOURNAL_KNOWN;
	if (k) {
		k->dying = true;
		k->reason = f->reason;
		k->end = f->pos;
		j->dying++;
	} else {
		e->dead = true;
	}
	return JOURNAL_CLOSE;
}

/* The frame in which the stage has closed them is answered. */
static void
bury(struct journal *j)
{
	for (struct known *k = j->first_seq; k && j->dying > 0; k = k->next) {
		if (!k->dying)
			continue;
		k->dying = false;
		k->dead = true;
		j->dying--;
		shorten(j, k, 0);
	}
}

static bool
is_answer(const struct entry *e, const struct frame *f)
{
	if (e->as != f->type || (f->type != FRAME_ROWS && e->frame.seq != f->seq))
		return false;
	return f->type != FRAME_CLOSE || (e->frame.reason == f->reason && e->frame.pos == f->pos);
}

/* A close that came before it was sent, by another way, was taken for the stage's own. */
static bool
was_answered(struct journal *j, const struct entry *e)
{
	const struct known *k = e->frame.type == FRAME_CLOSE ? seqmap_get(&j->seqs, e->frame.seq) : NULL;

	return k && (k->dying || k->dead) && k->reason == e->frame.reason && k->end == e->frame.pos;
}

/* The frame that waited longest is answered. 0 or -1. */
static int
answered(struct journal *j)
{
	struct entry *e = j->first;

	if (settle(j, e) < 0)
		return -1;
	bury(j);
	j->first = e->next;
	j->queued--;
	if (!j->first)
		j->last = &j->first;
	entry_free(j, e);
	return 0;
}

enum journal_fit
journal_came(struct journal *j, const struct frame *f, bool sampled, struct frame *out)
{
	struct entry *e;

	while ((e = j->first) && !is_answer(e, f) && was_answered(j, e))
		if (answered(j) < 0)
			return JOURNAL_FAILED;
	if (f->type == FRAME_CLOSE && !(e && is_answer(e, f)))
		return own_close(j, f, out);
	if (!e || !is_answer(e, f)) {
		err_set(ERR_DATA, "a frame of %s that answers nothing", frame_type_name(f->type));
		return JOURNAL_WRONG;
	}
	if (f->type == FRAME_ROWS && match_rows(j, e, f, sampled) < 0)
		return JOURNAL_WRONG;
	*out = f->type == FRAME_ROWS ? *f : e->frame;
	out->hops = f->hops;
	if (f->type == FRAME_ROWS)
		out->rows = j->row;
	if (out->type == FRAME_OPEN) /* what it points to is the sequence's from now on, or stays where it is until the next call */
		out->open = e->frame.open;
	return answered(j) < 0 ? JOURNAL_FAILED : JOURNAL_ANSWER;
}

/* ---- replay ---- */

struct replay {
	struct journal *j;
	struct strip strip;
	int (*emit)(void *arg, const struct frame *f);
	void *arg;
	size_t known;
};

static int
emit(struct replay *r, const struct frame *f)
{
	struct frame space;

	return r->emit(r->arg, journal_strip(&space, r->j->row, f, r->strip));
}

static int
reserve(struct journal *j, size_t n)
{
	if (n <= j->data_cap)
		return 0;
	free(j->data);
	j->data_cap = 0;
	if (!(j->data = mem_alloc64(n, 1)))
		return -1;
	j->data_cap = n;
	return 0;
}

/* How many rows from `from` on go into one frame: their data is of one size. */
static size_t
rows_at_once(const struct known *k, size_t from, size_t to)
{
	size_t row_bytes = k->row[from].block->row_bytes, most = row_bytes > 0 ? REPLAY_BYTES / row_bytes : STREAM_MAX_ROWS, n = 1;

	if (most > STREAM_MAX_ROWS)
		most = STREAM_MAX_ROWS;
	while (from + n < to && n < most && k->row[from + n].block->row_bytes == row_bytes)
		n++;
	return n;
}

/*
 * Rows of a sequence from `from` to before `to`, none of them wanted: their outputs are known. But mirostat steers by its choices: they
 * are made again.
 */
static int
replay_rows(struct replay *r, const struct known *k, size_t from, size_t to)
{
	struct journal *j = r->j;

	while (from < to) {
		size_t row_bytes = k->row[from].block->row_bytes, n = rows_at_once(k, from, to);
		if (reserve(j, n * row_bytes) < 0)
			return -1;
		for (size_t i = 0; i < n; i++) {
			const struct place *p = &k->row[from + i];
			j->row[i] = p->block->row[p->i];
			j->row[i].seq = k->open.seq; /* a fork's first rows were its parent's */
			if (!k->open.open.sampling.mirostat)
				j->row[i].flags &= ~(uint32_t)ROW_WANTED;
			if (row_bytes > 0 && block_copy(&j->blocks, p->block, p->i, j->data + i * row_bytes) < 0)
				return -1;
		}
		r->known++;
		if (emit(r, &(struct frame){ .type = FRAME_ROWS, .hops = 1, .n_rows = (uint32_t)n, .rows = j->row,
		    .data = row_bytes > 0 ? j->data : NULL, .row_bytes = row_bytes }) < 0)
			return -1;
		from += n;
	}
	return 0;
}

/* One that the old stage has closed is only opened: what its client says of it until it hears that goes to the new stage. */
static int
replay_seq(struct replay *r, const struct known *k)
{
	size_t prompt = k->prompt < k->n ? k->prompt : k->n;

	r->known++;
	if (emit(r, &k->open) < 0)
		return -1;
	if (k->dead)
		return 0;
	if (replay_rows(r, k, 0, prompt) < 0)
		return -1;
	if (k->prompt == UINT32_MAX)
		return 0;
	r->known++;
	if (emit(r, &(struct frame){ .type = FRAME_PROMPT_END, .seq = k->open.seq }) < 0)
		return -1;
	return replay_rows(r, k, prompt, k->n);
}

/* To a row in the frame `at` there is no answer: the old stage had closed its sequence by then. */
static bool
is_dead(const struct journal *j, const struct entry *at, uint32_t seq)
{
	const struct known *k = seqmap_get(&j->seqs, seq);
	const struct entry *e = k ? NULL : beginning(j, seq);

	return k ? k->dead || (k->dying && at != j->first) : e && e->dead;
}

/* A frame that waits, without rows of sequences that the old stage has closed. */
static int
replay_entry(struct replay *r, struct entry *e)
{
	struct journal *j = r->j;
	struct frame f = e->frame;
	uint32_t n = 0;

	if (f.type == FRAME_FORK && e->dead) {
		e->as = FRAME_OPEN;
		f = (struct frame){ .type = FRAME_OPEN, .seq = f.seq };
	}
	if (f.type != FRAME_ROWS)
		return emit(r, &f);
	if (reserve(j, f.n_rows * f.row_bytes) < 0)
		return -1;
	for (uint32_t i = 0; i < f.n_rows; i++) {
		if (is_dead(j, e, e->block->row[i].seq))
			continue;
		j->row[n] = e->block->row[i];
		if (f.row_bytes > 0 && block_copy(&j->blocks, e->block, i, j->data + n * f.row_bytes) < 0)
			return -1;
		n++;
	}
	f.n_rows = n;
	f.rows = j->row;
	f.data = f.row_bytes > 0 ? j->data : NULL;
	if (n == 0)
		f.row_bytes = 0;
	return emit(r, &f);
}

int
journal_replay(struct journal *j, struct strip strip, int (*to)(void *arg, const struct frame *f), void *arg, size_t *known)
{
	struct replay r = { .j = j, .strip = strip, .emit = to, .arg = arg };

	for (const struct known *k = j->first_seq; k; k = k->next)
		if (replay_seq(&r, k) < 0)
			return -1;
	*known = r.known;
	for (struct entry *e = j->first; e; e = e->next)
		if (replay_entry(&r, e) < 0)
			return -1;
	return 0;
}
