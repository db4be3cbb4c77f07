#include "stream/sink.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"

void
sink_free(struct sink *s)
{
	if (s)
		s->free(s);
}

int
sink_flush(FILE *out)
{
	return fflush(out) == 0 && !ferror(out) ? 0 : err_sys("stdout: write");
}

/* ---- a stream again ---- */

struct stream_sink {
	struct sink sink;
	int fd;
	const char *name;
	bool compress;
};

static int
write_header(struct sink *s, const struct stream_header *h)
{
	struct stream_sink *t = (struct stream_sink *)s;

	return stream_write_header(t->fd, h, t->name);
}

static int
write_frame(struct sink *s, const struct frame *f)
{
	struct stream_sink *t = (struct stream_sink *)s;

	return stream_write(t->fd, f, t->compress, t->name);
}

static int
nothing_left(struct sink *s)
{
	(void)s;
	return 0;
}

static void
free_stream_sink(struct sink *s)
{
	free(s);
}

struct sink *
sink_stream(int fd, const char *name, bool compress)
{
	struct stream_sink *t = mem_alloc(1, sizeof *t);

	if (!t)
		return NULL;
	*t = (struct stream_sink){ { write_header, write_frame, nothing_left, free_stream_sink }, fd, name, compress };
	return &t->sink;
}

/* ---- from a stream ---- */

static int
pass_stream(struct stream_reader *r, struct sink *to)
{
	struct frame f = { .type = FRAME_END };
	int rc;

	while ((rc = stream_read(r, &f)) > 0)
		if (to->frame(to, &f) < 0)
			return -1;
	if (rc == 0)
		return to->frame(to, &f);
	/* The fault of a stage before goes on to those behind; the reason that is set says the same. */
	if (f.type == FRAME_ERROR && to->frame(to, &f) < 0)
		return -1;
	return -1;
}

int
source_stream(int fd, const char *name, struct sink *to)
{
	struct stream_reader *r = stream_reader_new(fd, name);
	struct stream_header h;
	int rc = -1;

	while (r && (rc = stream_read_header(r, &h)) > 0)
		if (to->header(to, &h) < 0 || pass_stream(r, to) < 0) {
			rc = -1;
			break;
		}
	stream_reader_free(r);
	return rc;
}
