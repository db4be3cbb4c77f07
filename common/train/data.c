#include "train/data.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/io.h"
#include "base/mem.h"
#include "stream/seqmap.h"
#include "stream/stream.h"
#include "stream/sum.h"
#include "train/draw.h"

/* Rows that follow one another in memory and in the text. */
struct extent {
	const struct row *rows;
	uint64_t n, first; /* first: the place in the data of its first token */
};

struct extents {
	struct extent *at;
	size_t n, cap;
	uint64_t tokens;
};

struct file {
	struct stream_reader *reader;
	int fd;
};

struct data {
	struct extents all;
	struct file *file;
	size_t n_files, files_cap;
	void **copy; /* rows that are not mapped */
	size_t n_copies, copies_cap;
	uint64_t sum;
};

/* ---- extents ---- */

static int
add_rows(struct extents *e, const struct row *rows, uint64_t n)
{
	struct extent *last = e->n > 0 ? &e->at[e->n - 1] : NULL;

	if (n == 0)
		return 0;
	if (last && last->rows + last->n == rows) {
		last->n += n;
	} else {
		if (mem_grow(&e->at, &e->cap, e->n + 1, sizeof *e->at) < 0)
			return -1;
		e->at[e->n++] = (struct extent){ rows, n, e->tokens };
	}
	e->tokens += n;
	return 0;
}

/* The first n tokens of `from` behind `e`. */
static int
add_extents(struct extents *e, const struct extents *from, uint64_t n)
{
	for (size_t i = 0; i < from->n && n > 0; i++) {
		uint64_t some = from->at[i].n < n ? from->at[i].n : n;
		if (add_rows(e, from->at[i].rows, some) < 0)
			return -1;
		n -= some;
	}
	return 0;
}

static void
cut(struct extents *e, uint64_t tokens)
{
	if (tokens >= e->tokens)
		return;
	while (e->n > 0 && e->at[e->n - 1].first >= tokens)
		e->n--;
	if (e->n > 0)
		e->at[e->n - 1].n = tokens - e->at[e->n - 1].first;
	e->tokens = tokens;
}

/* ---- reading a stream ---- */

struct intake {
	struct data *data;
	const char *name;
	struct stream_reader *in;
	const struct hash *vocab_id;
	uint32_t n_vocab;
	struct seqmap open;
};

static void
forget(void *sequence)
{
	struct extents *e = sequence;

	if (e)
		free(e->at);
	free(e);
}

static int
fault(const struct intake *t, const char *what, const struct frame *f)
{
	return err_set(ERR_DATA, "%s: sequence %u, position %u: %s", t->name, f->seq, f->pos, what);
}

static struct extents *
begin(struct intake *t, const struct frame *f)
{
	struct extents *e;

	if (seqmap_get(&t->open, f->seq) || t->open.n >= STREAM_MAX_SEQUENCES) {
		fault(t, "it is open already, or too many are", f);
		return NULL;
	}
	if (!(e = mem_alloc(1, sizeof *e)))
		return NULL;
	if (seqmap_put(&t->open, f->seq, e) == 0)
		return e;
	free(e);
	return NULL;
}

/* A sequence ends: it goes behind all that ended before. */
static int
end_sequence(struct intake *t, uint32_t seq)
{
	struct extents *e = seqmap_get(&t->open, seq);
	int rc = e ? add_extents(&t->data->all, e, e->tokens) : 0;

	if (e)
		seqmap_remove(&t->open, seq);
	forget(e);
	return rc;
}

/* Rows that hold as long as the data. */
static const struct row *
lasting(struct intake *t, const struct frame *f)
{
	struct data *d = t->data;
	struct row *copy;

	if (stream_keeps(t->in, f))
		return f->rows;
	if (mem_grow(&d->copy, &d->copies_cap, d->n_copies + 1, sizeof *d->copy) < 0 ||
	    !(copy = mem_alloc(f->n_rows, sizeof *copy)))
		return NULL;
	d->copy[d->n_copies++] = copy;
	memcpy(copy, f->rows, f->n_rows * sizeof *copy);
	return copy;
}

static int
take_rows(struct intake *t, const struct frame *f)
{
	const struct row *rows = lasting(t, f);
	uint32_t n;

	if (!rows)
		return -1;
	for (uint32_t i = 0; i < f->n_rows; i += n) {
		struct extents *e = seqmap_get(&t->open, rows[i].seq);
		for (n = 0; i + n < f->n_rows && rows[i + n].seq == rows[i].seq; n++) {
			const struct row *r = &rows[i + n];
			if (!e || r->pos != e->tokens + n)
				return err_set(ERR_DATA, "%s: a row of sequence %u at position %u is out of place", t->name, r->seq,
				    r->pos);
			if (r->token >= t->n_vocab)
				return err_set(ERR_DATA, "%s: sequence %u, position %u: token %u, but the model has %u", t->name, r->seq,
				    r->pos, r->token, t->n_vocab);
		}
		if (add_rows(e, rows + i, n) < 0)
			return -1;
	}
	return 0;
}

static int
take_frame(struct intake *t, const struct frame *f)
{
	struct extents *e, *from;

	switch (f->type) {
	case FRAME_OPEN:
		return begin(t, f) ? 0 : -1;
	case FRAME_ROWS:
		return take_rows(t, f);
	case FRAME_FORK:
		from = seqmap_get(&t->open, (uint32_t)f->value);
		if (!from || f->pos > from->tokens)
			return fault(t, "it is forked from none", f);
		return (e = begin(t, f)) ? add_extents(e, from, f->pos) : -1;
	case FRAME_CUT:
		if ((e = seqmap_get(&t->open, f->seq)))
			cut(e, f->pos);
		return 0;
	case FRAME_CLOSE:
		return end_sequence(t, f->seq);
	case FRAME_PROMPT_END:
	case FRAME_ERROR:
	case FRAME_END:
	case FRAME_RECEIPT:
	case FRAME_VOUCHER:
		break;
	}
	return 0;
}

static int
check_header(const struct intake *t, const struct stream_header *h)
{
	if (h->kind != STREAM_TOKENS)
		return err_set(ERR_DATA, "%s: holds %s, not tokens", t->name, stream_kind_name(h->kind));
	if (!hash_is_none(&h->vocab_id) && !hash_is_none(t->vocab_id) && !hash_equal(&h->vocab_id, t->vocab_id))
		return err_set(ERR_DATA, "%s: tokens of another vocabulary than the model's", t->name);
	return 0;
}

static int
take_streams(struct intake *t)
{
	struct stream_header h;
	struct frame f;
	int rc;

	while ((rc = stream_read_header(t->in, &h)) > 0) {
		if (check_header(t, &h) < 0)
			return -1;
		while ((rc = stream_read(t->in, &f)) > 0)
			if (take_frame(t, &f) < 0)
				return -1;
		if (rc < 0)
			return -1;
		for (size_t i = 0; i < t->open.cap; i++)
			while (t->open.slot[i].value)
				if (end_sequence(t, t->open.slot[i].id) < 0)
					return -1;
	}
	return rc;
}

static int
take_file(struct data *d, const char *path, const struct hash *vocab_id, uint32_t n_vocab)
{
	struct intake t = { .data = d, .name = strcmp(path, "-") == 0 ? "stdin" : path, .vocab_id = vocab_id, .n_vocab = n_vocab };
	struct file *f;
	int rc;

	if (mem_grow(&d->file, &d->files_cap, d->n_files + 1, sizeof *d->file) < 0)
		return -1;
	f = &d->file[d->n_files];
	if ((f->fd = io_open(path)) < 0)
		return -1;
	f->reader = t.in = stream_reader_new(f->fd, t.name);
	d->n_files++;
	rc = t.in ? take_streams(&t) : -1;
	for (size_t i = 0; i < t.open.cap; i++)
		forget(t.open.slot[i].value);
	seqmap_free(&t.open);
	return rc;
}

/* ---- the data ---- */

static void
sum_up(struct data *d)
{
	struct {
		uint64_t sum;
		uint32_t token[STREAM_MAX_ROWS];
	} chain = { 0 };

	for (uint64_t at = 0; at < d->all.tokens; at += STREAM_MAX_ROWS) {
		uint64_t left = d->all.tokens - at, n = left < STREAM_MAX_ROWS ? left : STREAM_MAX_ROWS;
		data_copy(d, at, n, chain.token);
		chain.sum = sum_bytes(&chain, sizeof chain.sum + n * sizeof *chain.token);
	}
	d->sum = chain.sum;
}

struct data *
data_open(const char *const *paths, size_t n, const struct hash *vocab_id, uint32_t n_vocab)
{
	struct data *d = mem_alloc(1, sizeof *d);

	if (!d)
		return NULL;
	for (size_t i = 0; i < n; i++)
		if (take_file(d, paths[i], vocab_id, n_vocab) < 0) {
			data_free(d);
			return NULL;
		}
	sum_up(d);
	return d;
}

void
data_free(struct data *d)
{
	if (!d)
		return;
	for (size_t i = 0; i < d->n_files; i++) {
		stream_reader_free(d->file[i].reader);
		if (d->file[i].fd > STDIN_FILENO)
			close(d->file[i].fd);
	}
	for (size_t i = 0; i < d->n_copies; i++)
		free(d->copy[i]);
	free(d->copy);
	free(d->file);
	free(d->all.at);
	free(d);
}

uint64_t
data_tokens(const struct data *d)
{
	return d->all.tokens;
}

uint64_t
data_sum(const struct data *d)
{
	return d->sum;
}

/* The extent that holds place `at`. */
static size_t
extent_of(const struct data *d, uint64_t at)
{
	size_t low = 0, high = d->all.n;

	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;
		if (d->all.at[middle].first <= at)
			low = middle;
		else
			high = middle;
	}
	return low;
}

void
data_copy(const struct data *d, uint64_t at, size_t n, uint32_t *to)
{
	for (size_t i = extent_of(d, at), done = 0; done < n; i++) {
		const struct extent *e = &d->all.at[i];
		for (uint64_t k = at + done - e->first; k < e->n && done < n; k++)
			to[done++] = e->rows[k].token;
	}
}

uint64_t
data_windows(const struct data *d, uint32_t context)
{
	return d->all.tokens > 0 ? (d->all.tokens - 1) / context : 0;
}

void
data_window(const struct data *d, uint32_t context, uint64_t i, uint64_t seed, uint32_t *to)
{
	enum { ORDER, OFFSET }; /* uses of the seed */
	uint64_t fit = data_windows(d, context), n = fit > 1 ? fit - 1 : 1, epoch = i / n;
	uint64_t slack = d->all.tokens - 1 - n * context;
	uint64_t offset = draw(seed, epoch << 1 | OFFSET, 0) % (slack + 1);

	data_copy(d, offset + draw_order(i % n, n, seed, epoch << 1 | ORDER) * context, context + 1, to);
}
