#include "ledger/append.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "ledger/record.h"

enum {
	LINES = 1 << 14,        /* of a batch */
	MOST = 4 * RECORD_MAX,  /* bytes of a line: what is not canonical may be longer */
	PIECE = 1 << 18,
	BYTES = 1 << 24,        /* that are read before a batch is written */
};

struct line {
	const char *text;
	size_t n;
	struct buf made;        /* its canonical text, where it is another */
	struct record record;
	struct hash id;
	char *reason;           /* why it is no record; NULL: it is one */
	int status;
	uint64_t index;
	bool new;
};

struct batch {
	struct buf data;        /* in which the lines lie */
	struct line *line;
	size_t n, good;         /* good: before the first that is no record */
	uint64_t before;        /* lines of the input */
};

/* While one batch is being written, by a thread of its own, the next is read and checked. */
struct writing {
	const struct append *a;
	struct batch *batch;    /* NULL: none is */
	pthread_t thread;
	bool threaded;
	int rc, status;
	char reason[512];
};

struct input {
	int fd;
	const char *name;
	struct buf data;        /* that has come, and is not in a batch yet */
	bool ended;
	uint64_t before;        /* lines that were in batches */
	struct batch batch[2];
	unsigned turn;
	struct writing writing;
};

/* ---- writing ---- */

static int
put(const struct append *a, struct batch *b)
{
	for (size_t i = 0; i < b->good; i++) {
		struct line *l = &b->line[i];
		int64_t index;
		if (l->n == 0)
			continue;
		if ((index = tlog_add(a->log, l->record.text, l->record.n, &l->id, &l->new)) < 0)
			return -1;
		l->index = (uint64_t)index; /* not negative */
	}
	return 0;
}

/* What is there now is told. */
static int
tell(const struct append *a, const struct batch *b)
{
	for (size_t i = 0; i < b->good; i++)
		if (b->line[i].n > 0 && a->told(a->arg, b->line[i].index, &b->line[i].id, b->line[i].new) < 0)
			return -1;
	return a->told_all(a->arg);
}

static void *
write_batch(void *arg)
{
	struct writing *w = arg;
	const struct append *a = w->a;

	w->rc = tlog_begin(a->log) < 0 || put(a, w->batch) < 0 || tlog_commit(a->log) < 0 ? -1 : tell(a, w->batch);
	if (w->rc < 0) {
		w->status = err_status();
		snprintf(w->reason, sizeof w->reason, "%s", err_reason());
	}
	return NULL;
}

static void
begin_writing(struct writing *w, const struct append *a, struct batch *b)
{
	*w = (struct writing){ .a = a, .batch = b };
	w->threaded = pthread_create(&w->thread, NULL, write_batch, w) == 0;
	if (!w->threaded)
		write_batch(w);
}

/* What is being written is there, and whoever waits for it has heard it. 0, or -1 with a reason. */
static int
finish_writing(struct writing *w)
{
	if (!w->batch)
		return 0;
	if (w->threaded)
		pthread_join(w->thread, NULL);
	w->batch = NULL;
	return w->rc < 0 ? err_set(w->status, "%s", w->reason) : 0;
}

/* ---- reading ---- */

/* Waits for more only where there is no whole line: 1: some came; 0: not now, or never; -1. */
static int
read_some(struct input *in, bool wait)
{
	struct pollfd p = { .fd = in->fd, .events = POLLIN };
	ssize_t n;

	if (poll(&p, 1, 0) == 0) {
		if (!wait)
			return 0;
		if (finish_writing(&in->writing) < 0) /* who sends may wait for it */
			return -1;
	}
	if (buf_reserve(&in->data, PIECE) < 0)
		return -1;
	while ((n = read(in->fd, in->data.data + in->data.len, PIECE)) < 0)
		if (errno != EINTR)
			return err_sys("%s", in->name);
	in->data.len += (size_t)n; /* not negative */
	in->ended = n == 0;
	return n > 0;
}

/* Until a line is whole, and then whatever is there. */
static int
fill(struct input *in)
{
	bool whole = memchr(in->data.data ? in->data.data : (uint8_t *)"", '\n', in->data.len);
	int rc = 1;

	while (rc > 0 && !in->ended && in->data.len < BYTES) {
		size_t had = in->data.len;
		if ((rc = read_some(in, !whole)) < 0)
			return -1;
		whole = whole || (in->data.len > had && memchr(in->data.data + had, '\n', in->data.len - had));
		if (!whole && in->data.len > MOST)
			return err_set(ERR_DATA, "%s: line %llu: more than %d bytes", in->name, (unsigned long long)in->before + 1, MOST);
	}
	return 0;
}

/* The lines that are there, at most LINES: what is behind them stays. */
static int
cut(struct input *in, struct batch *b)
{
	struct buf all = in->data;
	const char *at = (const char *)all.data, *end = at + all.len, *newline;

	for (b->n = 0; b->n < LINES && at < end; at = newline < end ? newline + 1 : end) {
		struct line *l = &b->line[b->n];
		if (!(newline = memchr(at, '\n', (size_t)(end - at)))) {
			if (!in->ended)
				break;
			newline = end; /* the last may have none */
		}
		l->text = at;
		l->n = (size_t)(newline - at);
		b->n++;
	}
	b->before = in->before;
	in->before += b->n;
	in->data = b->data;
	in->data.len = 0;
	b->data = all;
	return buf_add(&in->data, at, (size_t)(end - at));
}

/* ---- a batch ---- */

static bool
is_empty(const struct line *l)
{
	for (size_t i = 0; i < l->n; i++)
		if (!strchr(" \t\r", l->text[i]) || !l->text[i])
			return false;
	return true;
}

/* On any thread. */
static void
check_line(void *arg, size_t i)
{
	struct line *l = &((struct line *)arg)[i];

	l->reason = NULL;
	if (is_empty(l)) {
		l->n = 0;
		return;
	}
	if (record_read(&l->record, l->text, l->n, &l->made) == 0) {
		l->id = record_id(&l->record);
		return;
	}
	l->status = err_status();
	l->reason = strdup(err_reason());
	if (!l->reason)
		l->reason = strdup("no memory");
}

static void
check_batch(const struct append *a, struct batch *b)
{
	pool_run(a->pool, b->n, check_line, b->line);
	for (b->good = 0; b->good < b->n && !b->line[b->good].reason; b->good++)
		;
}

static int
complain(const struct input *in, const struct batch *b)
{
	const struct line *l = &b->line[b->good];

	return err_set(l->status, "%s: line %llu: %s", in->name, (unsigned long long)(b->before + b->good + 1), l->reason);
}

/* It is checked while the one before it is written, and then written itself. */
static int
take_batch(const struct append *a, struct input *in)
{
	struct batch *b = &in->batch[in->turn];
	int rc;

	in->turn = 1 - in->turn;
	if (cut(in, b) < 0)
		return -1;
	check_batch(a, b);
	if ((rc = finish_writing(&in->writing)) == 0) {
		begin_writing(&in->writing, a, b);
		if (b->good < b->n)
			rc = finish_writing(&in->writing) < 0 ? -1 : complain(in, b);
	}
	for (size_t i = 0; i < b->n; i++)
		free(b->line[i].reason);
	return rc;
}

static void
end_input(struct input *in)
{
	for (int k = 0; k < 2; k++) {
		for (size_t i = 0; in->batch[k].line && i < LINES; i++)
			buf_free(&in->batch[k].line[i].made);
		free(in->batch[k].line);
		buf_free(&in->batch[k].data);
	}
	buf_free(&in->data);
}

int
append_lines(const struct append *a, int fd, const char *name)
{
	struct input in = { .fd = fd, .name = name };
	int rc = (in.batch[0].line = mem_alloc(LINES, sizeof *in.batch[0].line)) && (in.batch[1].line = mem_alloc(LINES, sizeof *in.batch[1].line)) ? 0 : -1;

	while (rc == 0 && (!in.ended || in.data.len > 0)) {
		rc = fill(&in);
		if (rc == 0 && in.data.len > 0)
			rc = take_batch(a, &in);
	}
	if (rc == 0)
		rc = finish_writing(&in.writing);
	else if (in.writing.batch && in.writing.threaded)
		pthread_join(in.writing.thread, NULL);
	end_input(&in);
	return rc;
}
