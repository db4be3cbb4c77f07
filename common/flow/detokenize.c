#include "flow/detokenize.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/io.h"
#include "base/mem.h"
#include "stream/seqmap.h"
#include "stream/stream.h"

static const char name_out[] = "stdout";

/* A sequence that has not been written whole. */
struct text {
	uint32_t id;
	uint64_t ordinal;
	uint32_t first; /* position of token[0] */
	uint32_t *token;
	size_t n, cap;
	size_t shown;   /* of those, the ones that may be written: what is held waits for what comes behind it */
	size_t written;
	struct decoder decoder;
	bool closed;
	struct text *child, *sibling; /* of the heap: none of them has a lower ordinal than what is above it */
};

struct state {
	const struct detokenize *d;
	const char *name;
	struct seqmap open;  /* by the ids of the present stream */
	struct text *first;  /* a pairing heap: the text of the lowest ordinal, which is written as it comes */
	uint64_t turn;       /* ordinal that is to be written next */
	struct buf out;
};

/* ---- texts by ordinal: any number may wait, in any order ---- */

static struct text *
meld(struct text *a, struct text *b)
{
	if (!a || !b)
		return a ? a : b;
	if (b->ordinal < a->ordinal) {
		struct text *t = a;
		a = b;
		b = t;
	}
	b->sibling = a->child;
	a->child = b;
	return a;
}

static void
text_free(struct text *t)
{
	if (t)
		free(t->token);
	free(t);
}

/* Frees the first. What was below it is melded two by two, then all of that from the last to the first. */
static void
drop_first(struct state *s)
{
	struct text *t = s->first, *pairs = NULL, *a, *b;

	for (a = t->child; a; a = t->child) {
		b = a->sibling;
		t->child = b ? b->sibling : NULL;
		a->sibling = NULL;
		a = meld(a, b);
		a->sibling = pairs;
		pairs = a;
	}
	s->first = NULL;
	for (a = pairs; a; a = pairs) {
		pairs = a->sibling;
		a->sibling = NULL;
		s->first = meld(s->first, a);
	}
	text_free(t);
}

static void
state_free(struct state *s)
{
	while (s->first)
		drop_first(s);
	seqmap_free(&s->open);
	buf_free(&s->out);
}

/* ---- writing ---- */

static int
flush(struct state *s)
{
	int rc = io_write(STDOUT_FILENO, s->out.data, s->out.len, name_out);

	s->out.len = 0;
	return rc;
}

/* Newlines behind `from` become \n, so that the sequence stays a line. From the end on: each byte moves once. */
static int
escape_lines(struct buf *out, size_t from)
{
	size_t newlines = 0, i = out->len;

	for (size_t k = from; k < out->len; k++)
		newlines += out->data[k] == '\n';
	if (newlines == 0)
		return 0;
	if (buf_reserve(out, newlines) < 0)
		return -1;
	out->len += newlines;
	for (size_t to = out->len; to > i; ) {
		uint8_t c = out->data[--i];
		out->data[--to] = c == '\n' ? 'n' : c;
		if (c == '\n')
			out->data[--to] = '\\';
	}
	return 0;
}

static int
write_tokens(struct state *s, struct text *t)
{
	size_t from = s->out.len, end = t->closed ? t->n : t->shown;

	for (; t->written < end; t->written++) {
		t->decoder.started |= t->first > 0;
		if (decoder_token(&t->decoder, s->d->vocab, t->token[t->written], &s->out) < 0)
			return -1;
	}
	if (t->closed && decoder_end(&t->decoder, &s->out) < 0)
		return -1;
	if (s->d->lines && escape_lines(&s->out, from) < 0)
		return -1;
	return t->closed && s->d->lines ? buf_addc(&s->out, '\n') : 0;
}

static int
opened_twice(const struct state *s, uint32_t id)
{
	return err_set(ERR_DATA, "%s: sequence %u is opened twice", s->name, id);
}

/* Writes what may be written: the text whose turn it is, as far as it is known, and those behind it that have ended. */
static int
write_ready(struct state *s)
{
	for (struct text *t = s->first; t && t->ordinal <= s->turn; t = s->first) {
		if (t->ordinal < s->turn) { /* another one has had its turn */
			uint32_t id = t->id;
			if (!t->closed)
				seqmap_remove(&s->open, id);
			drop_first(s);
			return flush(s) < 0 ? -1 : opened_twice(s, id);
		}
		if (write_tokens(s, t) < 0)
			return -1;
		if (!t->closed)
			break;
		s->turn++;
		drop_first(s);
	}
	return flush(s);
}

/* ---- frames ---- */

static struct text *
begin(struct state *s, uint32_t id, uint64_t ordinal)
{
	struct text *t;

	if (ordinal < s->turn || (s->first && s->first->ordinal == ordinal) || seqmap_get(&s->open, id)) {
		opened_twice(s, id);
		return NULL;
	}
	if (s->open.n >= STREAM_MAX_SEQUENCES) {
		err_set(ERR_DATA, "%s: more than %d sequences are open", s->name, STREAM_MAX_SEQUENCES);
		return NULL;
	}
	if (!(t = mem_alloc(1, sizeof *t)))
		return NULL;
	*t = (struct text){ .id = id, .ordinal = ordinal, .decoder = { .special = s->d->special } };
	if (seqmap_put(&s->open, id, t) < 0) {
		text_free(t);
		return NULL;
	}
	s->first = meld(s->first, t);
	return t;
}

static int
add(struct state *s, struct text *t, uint32_t pos, uint32_t token, uint32_t flags)
{
	if (t->n == 0)
		t->first = pos;
	if (token == ROW_NO_TOKEN || pos != t->first + t->n)
		return err_set(ERR_DATA, "%s: a row of sequence %u at position %u is out of place", s->name, t->id, pos);
	if (token >= vocab_size(s->d->vocab))
		return err_set(ERR_DATA, "%s: sequence %u has token %u at position %u, but the vocabulary has %u", s->name, t->id, token,
		    pos, vocab_size(s->d->vocab));
	if (mem_grow(&t->token, &t->cap, t->n + 1, sizeof *t->token) < 0)
		return -1;
	t->token[t->n++] = token;
	if (!(flags & ROW_HELD))
		t->shown = t->n;
	return 0;
}

static int
take_rows(struct state *s, const struct frame *f)
{
	for (uint32_t i = 0; i < f->n_rows; i++) {
		const struct row *r = &f->rows[i];
		struct text *t = seqmap_get(&s->open, r->seq);
		if (!t)
			return err_set(ERR_DATA, "%s: sequence %u was not opened", s->name, r->seq);
		if (add(s, t, r->pos, r->token, r->flags) < 0)
			return -1;
	}
	return 0;
}

/* How many tokens of t stand before `pos`. */
static size_t
before(const struct text *t, uint32_t pos)
{
	size_t n = pos > t->first ? pos - t->first : 0;

	return n < t->n ? n : t->n;
}

/* What stands at `pos` and behind it was part of a stop text, if it was not written yet. */
static void
close_text(struct state *s, uint32_t id, uint32_t pos)
{
	struct text *t = seqmap_get(&s->open, id);

	if (!t)
		return;
	t->n = before(t, pos);
	if (t->n < t->written)
		t->n = t->written;
	t->closed = true;
	seqmap_remove(&s->open, id);
}

static int
fork_text(struct state *s, const struct frame *f, uint64_t ordinal)
{
	const struct text *from = seqmap_get(&s->open, (uint32_t)f->value);
	struct text *t;

	if (!from || f->pos > from->first + from->n || !(t = begin(s, f->seq, ordinal)))
		return from && f->pos <= from->first + from->n ? -1
		    : err_set(ERR_DATA, "%s: sequence %u is forked from none", s->name, f->seq);
	for (uint32_t pos = from->first; pos < f->pos; pos++)
		if (add(s, t, pos, from->token[pos - from->first], 0) < 0)
			return -1;
	return 0;
}

static int
cut_text(struct state *s, const struct frame *f)
{
	struct text *t = seqmap_get(&s->open, f->seq);

	if (!t)
		return 0;
	if (before(t, f->pos) < t->written)
		return err_set(ERR_DATA, "%s: sequence %u goes back over text that was written", s->name, f->seq);
	t->n = before(t, f->pos);
	if (t->shown > t->n)
		t->shown = t->n;
	return 0;
}

static int
take_frame(struct state *s, const struct frame *f, uint64_t base, uint64_t *count)
{
	uint64_t ordinal;

	switch (f->type) {
	case FRAME_OPEN:
	case FRAME_FORK:
		ordinal = frame_has_open(f) ? base + f->open.ordinal : *count;
		if (ordinal >= *count)
			*count = ordinal + 1;
		return f->type == FRAME_OPEN ? (begin(s, f->seq, ordinal) ? 0 : -1) : fork_text(s, f, ordinal);
	case FRAME_ROWS: return take_rows(s, f);
	case FRAME_CUT: return cut_text(s, f);
	case FRAME_CLOSE: close_text(s, f->seq, f->pos); return 0;
	default: return 0;
	}
}

/* All that is left, in order: their stream has ended, one way or the other. */
static int
finish(struct state *s)
{
	int rc = 0;

	for (struct text *t = s->first; t && rc == 0; t = s->first) {
		t->closed = true;
		if (t->ordinal > s->turn)
			s->turn = t->ordinal;
		rc = write_ready(s);
	}
	seqmap_free(&s->open);
	return rc;
}

static int
read_stream(struct state *s, struct stream_reader *r, uint64_t *count)
{
	uint64_t base = *count;
	struct frame f;
	int rc;

	while ((rc = stream_read(r, &f)) > 0)
		if (take_frame(s, &f, base, count) < 0 || write_ready(s) < 0)
			return -1;
	return rc;
}

static int
accepts(const struct state *s, const struct stream_header *h)
{
	if (h->kind != STREAM_TOKENS)
		return err_set(ERR_DATA, "%s holds no tokens", s->name);
	if (!hash_is_none(&h->vocab_id) && !hash_equal(&h->vocab_id, &s->d->vocab_id))
		return err_set(ERR_DATA, "%s was made with another vocabulary than this model's", s->name);
	return 0;
}

/* After an error: what was read is written, and the error stays the one that is reported. */
static int
finish_after_error(struct state *s)
{
	char reason[512];
	int status = err_status();

	snprintf(reason, sizeof reason, "%s", err_reason());
	finish(s);
	return err_set(status, "%s", reason);
}

int
detokenize_stream(const struct detokenize *d, int fd, const char *name)
{
	struct state s = { .d = d, .name = name };
	struct stream_reader *r = stream_reader_new(fd, name);
	struct stream_header h;
	uint64_t count = 0;
	int rc;

	if (!r)
		return -1;
	while ((rc = stream_read_header(r, &h)) > 0) {
		if (accepts(&s, &h) < 0 || read_stream(&s, r, &count) < 0)
			rc = finish_after_error(&s);
		else
			rc = finish(&s);
		if (rc < 0)
			break;
		s.turn = count;
	}
	state_free(&s);
	stream_reader_free(r);
	return rc;
}

/* ---- decimal ids ---- */

static int
take_line(struct state *s, char *line, size_t n, uint64_t number)
{
	struct text *t = begin(s, 0, number);

	if (!t)
		return -1;
	if (memchr(line, '\0', n))
		return err_set(ERR_DATA, "%s: line %llu: a NUL byte", s->name, (unsigned long long)number + 1);
	for (char *word = strtok(line, " \t\r\n"); word; word = strtok(NULL, " \t\r\n")) {
		char *end;
		unsigned long id = strtoul(word, &end, 10);
		if (*word < '0' || *word > '9' || *end || id >= vocab_size(s->d->vocab))
			return err_set(ERR_DATA, "%s: line %llu: '%s' is no token of this vocabulary", s->name,
			    (unsigned long long)number + 1, word);
		if (add(s, t, (uint32_t)t->n, (uint32_t)id, 0) < 0)
			return -1;
	}
	close_text(s, 0, UINT32_MAX);
	return write_ready(s);
}

int
detokenize_ids(const struct detokenize *d, int fd, const char *name)
{
	struct state s = { .d = d, .name = name };
	FILE *in = fdopen(dup(fd), "r");
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;
	int rc = 0;

	if (!in)
		return err_sys("%s", name);
	for (uint64_t number = 0; rc == 0 && (n = getline(&line, &cap, in)) >= 0; number++)
		rc = take_line(&s, line, (size_t)n, number);
	if (rc == 0 && ferror(in))
		rc = err_sys("%s: read", name);
	state_free(&s);
	free(line);
	fclose(in);
	return rc;
}
