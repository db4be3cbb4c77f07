/* Any text as JSON lines: what is taken for a stream is one, which the reader takes, and comes out as the same JSON again. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "stream/sink.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* JSON of the stream in fd; NULL when it is none. */
static char *
to_json(int fd, size_t *n)
{
	char *text = NULL;
	FILE *out = open_memstream(&text, n);
	struct sink *to = sink_json(out);

	lseek(fd, 0, SEEK_SET);
	int rc = source_stream(fd, "stream", to);
	sink_free(to);
	fclose(out);
	if (rc == 0)
		return text;
	free(text);
	return NULL;
}

/* A stream of the JSON into a new file; *rc is what came of it. */
static int
to_stream(const void *text, size_t n, int *rc)
{
	FILE *in = fmemopen((void *)(uintptr_t)text, n, "rb");
	int fd = memfd_create("stream", MFD_CLOEXEC);
	struct sink *to = sink_stream(fd, "stream", false);

	if (!in || fd < 0 || !to)
		abort();
	*rc = source_json(in, "json", to);
	sink_free(to);
	fclose(in);
	return fd;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t n, m;
	int rc, fd;

	if (size == 0)
		return 0;
	fd = to_stream(data, size, &rc);
	/* An error frame is a fault of the stream, for the reader; the rest it must take. */
	char *first = rc == 0 ? to_json(fd, &n) : NULL;
	close(fd);
	if (first && n > 0) {
		fd = to_stream(first, n, &rc);
		char *again = to_json(fd, &m);
		if (rc != 0 || !again || m != n || memcmp(first, again, n) != 0)
			abort();
		free(again);
		close(fd);
	}
	free(first);
	return 0;
}
