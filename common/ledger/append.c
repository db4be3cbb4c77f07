#include "ledger/append.h"

#include <errno.h>
#include <poll.h>
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

struct input {
	int fd;
	const char *name;
	struct buf data;        /* that has come, and is not in a batch yet */
	bool ended;
	uint64_t before;        /* lines */
	struct line *line;
	size_t n;
};

/* ---- reading ---- */

/* Waits for more only where there is no whole line: 1: some came; 0: not now, or never; -1. */
static int
read_some(struct input *in, bool wait)
{
	struct pollfd p = { .fd = in->fd, .events = POLLIN };
	ssize_t n;

	if (!wait && poll(&p, 1, 0) == 0)
		return 0;
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

/* The lines that are there, at most LINES. How many bytes they take. */
static size_t
cut(struct input *in)
{
	const char *at = (const char *)in->data.data, *end = at + in->data.len, *newline;

	for (in->n = 0; in->n < LINES && at < end; at = newline + 1) {
		struct line *l = &in->line[in->n];
		if (!(newline = memchr(at, '\n', (size_t)(end - at)))) {
			if (!in->ended)
				break;
			newline = end; /* the last may have none */
		}
		l->text = at;
		l->n = (size_t)(newline - at);
		in->n++;
		if (newline == end) {
			at = end;
			break;
		}
	}
	return (size_t)(at - (const char *)in->data.data);
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

/* The first line that is none, or in->n. */
static size_t
first_bad(const struct input *in)
{
	size_t i = 0;

	while (i < in->n && !in->line[i].reason)
		i++;
	return i;
}

static int
put(const struct append *a, struct input *in, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct line *l = &in->line[i];
		int64_t index;
		if (l->n == 0)
			continue;
		if ((index = tlog_add(a->log, l->record.text, l->record.n, &l->id, &l->new)) < 0)
			return -1;
		l->index = (uint64_t)index; /* not negative */
	}
	return 0;
}

static int
tell(const struct append *a, const struct input *in, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (in->line[i].n > 0 && a->told(a->arg, in->line[i].index, &in->line[i].id, in->line[i].new) < 0)
			return -1;
	return 0;
}

static int
write_batch(const struct append *a, struct input *in)
{
	size_t good, used = cut(in);
	int rc;

	pool_run(a->pool, in->n, check_line, in->line);
	good = first_bad(in);
	rc = tlog_begin(a->log) < 0 || put(a, in, good) < 0 || tlog_commit(a->log) < 0 || tell(a, in, good) < 0 ? -1 : 0;
	if (rc == 0 && good < in->n)
		rc = err_set(in->line[good].status, "%s: line %llu: %s", in->name, (unsigned long long)(in->before + good + 1), in->line[good].reason);
	for (size_t i = 0; i < in->n; i++)
		free(in->line[i].reason);
	in->before += in->n;
	buf_shift(&in->data, used);
	return rc;
}

int
append_lines(const struct append *a, int fd, const char *name)
{
	struct input in = { .fd = fd, .name = name };
	int rc = (in.line = mem_alloc(LINES, sizeof *in.line)) ? 0 : -1;

	while (rc == 0 && (!in.ended || in.data.len > 0)) {
		rc = fill(&in);
		if (rc == 0 && in.data.len > 0)
			rc = write_batch(a, &in);
	}
	for (size_t i = 0; in.line && i < LINES; i++)
		buf_free(&in.line[i].made);
	free(in.line);
	buf_free(&in.data);
	return rc;
}
