#include "flow/tokenize.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/io.h"
#include "stream/stream.h"

enum { READ_SIZE = 1 << 16 };

static const char name_out[] = "stdout";

static int
put(const struct frame *f)
{
	return stream_write(STDOUT_FILENO, f, false, name_out);
}

int
tokenize_begin(struct tokenize *t)
{
	const struct stream_header h = { .kind = STREAM_TOKENS, .vocab_id = t->vocab_id };

	return t->output == TOKENIZE_STREAM ? stream_write_header(STDOUT_FILENO, &h, name_out) : 0;
}

int
tokenize_end(struct tokenize *t)
{
	return t->output == TOKENIZE_STREAM ? put(&(struct frame){ .type = FRAME_END }) : 0;
}

static int
put_rows(uint32_t seq, const struct ids *ids)
{
	struct row row[STREAM_MAX_ROWS];
	uint32_t n;

	for (size_t i = 0; i < ids->n; i += n) {
		for (n = 0; n < STREAM_MAX_ROWS && i + n < ids->n; n++)
			row[n] = (struct row){ seq, (uint32_t)(i + n), ids->id[i + n], ROW_WANTED };
		if (put(&(struct frame){ .type = FRAME_ROWS, .n_rows = n, .rows = row }) < 0)
			return -1;
	}
	return 0;
}

/* A whole sequence: it is closed too, so that stages of a plain pipe keep nothing of it. */
static int
put_sequence(uint64_t ordinal, const struct ids *ids, size_t text_bytes)
{
	uint32_t seq = (uint32_t)ordinal;
	struct frame open = { .type = FRAME_OPEN, .seq = seq, .open = { .ordinal = ordinal } };
	const struct frame prompt_end = { .type = FRAME_PROMPT_END, .seq = seq, .value = text_bytes };
	const struct frame close = { .type = FRAME_CLOSE, .seq = seq, .pos = (uint32_t)ids->n, .reason = CLOSE_STOP };

	open.open.sampling = sampling_none;
	if (ids->n >= UINT32_MAX)
		return err_set(ERR_DATA, "text %llu has too many tokens", (unsigned long long)ordinal);
	if (put(&open) < 0 || put_rows(seq, ids) < 0 || put(&prompt_end) < 0)
		return -1;
	return put(&close);
}

static int
print_ids(const struct ids *ids)
{
	for (size_t i = 0; i < ids->n; i++)
		printf("%s%u", i ? " " : "", ids->id[i]);
	putchar('\n');
	/* A line at a time, so that whoever reads has each as soon as it is known. */
	return fflush(stdout) == 0 ? 0 : err_sys(name_out);
}

int
tokenize_text(struct tokenize *t, const char *text, size_t n)
{
	struct ids ids = { 0 };
	size_t valid;
	int rc = -1;

	if (t->strict && (valid = utf8_valid(text, n)) < n)
		return err_set(ERR_DATA, "text %llu: offset %zu: not UTF-8", (unsigned long long)t->ordinal, valid);
	if (encoder_run(t->encoder, text, n, t->encode, &ids) < 0)
		goto out;
	if (t->output == TOKENIZE_STREAM)
		rc = put_sequence(t->ordinal, &ids, n);
	else if (t->output == TOKENIZE_IDS)
		rc = print_ids(&ids);
	else
		rc = printf("%zu\n", ids.n) < 0 || fflush(stdout) != 0 ? err_sys(name_out) : 0;
	t->ordinal++;
out:
	free(ids.id);
	return rc;
}

/* What can be read now, at the end of b: how many bytes, 0 at the end of the input, or -1. */
static ssize_t
read_more(struct buf *b, int fd, const char *name)
{
	ssize_t n;

	if (buf_reserve(b, READ_SIZE) < 0)
		return -1;
	do
		n = read(fd, b->data + b->len, READ_SIZE);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return err_sys("%s: read", name);
	b->len += (size_t)n;
	return n;
}

int
tokenize_all(struct tokenize *t, int fd, const char *name)
{
	struct buf b = { 0 };
	int rc = -1;

	if (io_read_all(fd, &b, name) == 0)
		rc = tokenize_text(t, (const char *)b.data, b.len);
	buf_free(&b);
	return rc;
}

/* The lines of b that are whole, which are then dropped. `from`: no newline lies before it. */
static int
take_lines(struct tokenize *t, struct buf *b, size_t from)
{
	const char *text = (const char *)b->data, *end;
	size_t done = 0;

	while ((end = memchr(text + from, '\n', b->len - from))) {
		size_t at = (size_t)(end - text);
		if (tokenize_text(t, text + done, at - done) < 0)
			return -1;
		from = done = at + 1;
	}
	buf_shift(b, done);
	return 0;
}

int
tokenize_lines(struct tokenize *t, int fd, const char *name)
{
	struct buf b = { 0 };
	ssize_t n;
	int rc = -1;

	while ((n = read_more(&b, fd, name)) > 0)
		if (take_lines(t, &b, b.len - (size_t)n) < 0)
			break;
	if (n == 0)
		rc = b.len > 0 ? tokenize_text(t, (const char *)b.data, b.len) : 0; /* a last line without its newline */
	buf_free(&b);
	return rc;
}
