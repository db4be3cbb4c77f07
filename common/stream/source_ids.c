/* Lines of decimal token ids to a stream of tokens. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "stream/sink.h"

/* Sends the rows that are gathered. */
static int
send_rows(struct sink *to, const struct row *row, uint32_t *n)
{
	const struct frame f = { .type = FRAME_ROWS, .n_rows = *n, .rows = row };

	*n = 0;
	return f.n_rows > 0 ? to->frame(to, &f) : 0;
}

/* The ids of one line as rows of sequence seq; *pos counts them. */
static int
send_line(struct sink *to, const char *p, uint32_t seq, uint32_t *pos)
{
	struct row row[STREAM_MAX_ROWS];
	uint32_t n = 0;

	for (*pos = 0; *(p += strspn(p, " \t\r\n"));) {
		size_t digits = strspn(p, "0123456789");
		char *end;
		unsigned long long id = strtoull(p, &end, 10);
		if (digits == 0 || digits > 10 || id >= ROW_NO_TOKEN || (*end && !strchr(" \t\r\n", *end)))
			return err_set(ERR_DATA, "'%.*s' is no token id", (int)strcspn(p, " \t\r\n"), p);
		if (*pos == UINT32_MAX)
			return err_set(ERR_DATA, "too many tokens");
		row[n++] = (struct row){ seq, (*pos)++, (uint32_t)id, ROW_WANTED };
		if (n == STREAM_MAX_ROWS && send_rows(to, row, &n) < 0)
			return -1;
		p = end;
	}
	return send_rows(to, row, &n);
}

static int
send_sequence(struct sink *to, const char *line, size_t n, uint64_t ordinal)
{
	const uint32_t seq = (uint32_t)ordinal;
	struct frame f = { .type = FRAME_OPEN, .seq = seq, .open = { .ordinal = ordinal } };
	uint32_t pos;

	if (strlen(line) != n)
		return err_set(ERR_DATA, "a zero byte");
	if (to->frame(to, &f) < 0 || send_line(to, line, seq, &pos) < 0)
		return -1;
	f = (struct frame){ .type = FRAME_PROMPT_END, .seq = seq };
	if (to->frame(to, &f) < 0)
		return -1;
	f = (struct frame){ .type = FRAME_CLOSE, .seq = seq, .pos = pos, .reason = CLOSE_STOP };
	return to->frame(to, &f);
}

int
source_ids(FILE *in, const char *name, struct sink *to)
{
	const struct stream_header h = { .kind = STREAM_TOKENS };
	const struct frame end = { .type = FRAME_END };
	char *line = NULL;
	size_t cap = 0;
	uint64_t count = 0;
	ssize_t n;
	int rc = to->header(to, &h);

	while (rc == 0 && (n = getline(&line, &cap, in)) >= 0) {
		if ((rc = send_sequence(to, line, (size_t)n, count)) < 0 && err_status() == ERR_DATA)
			err_wrap("%s: line %" PRIu64, name, count + 1);
		count++;
	}
	if (rc == 0 && ferror(in))
		rc = err_sys("%s: read", name);
	free(line);
	return rc == 0 ? to->frame(to, &end) : -1;
}
