/*
 * stream_pipe write N	writes a stream of N frames of 1 MiB of hidden states
 * stream_pipe read	reads a stream, and prints how many bytes of rows it had
 *
 * What a stage does besides computing. The script stream-throughput measures the two against cat.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "stream/stream.h"

enum { WIDTH = 2048, ROWS = 128 }; /* of f32: 1 MiB a frame */

static int
write_frames(long n)
{
	const struct stream_header h = { .kind = STREAM_HIDDEN, .width = WIDTH, .next_layer = 1 };
	static struct row rows[ROWS];
	static float data[ROWS * WIDTH];
	struct frame f = { .type = FRAME_ROWS, .n_rows = ROWS, .rows = rows, .data = data, .row_bytes = WIDTH * sizeof *data };
	uint32_t x = 1;

	for (size_t i = 0; i < ROWS * WIDTH; i++, x = x * 1664525 + 1013904223)
		data[i] = (float)(x >> 8) * 0x1p-24f;
	if (stream_write_header(STDOUT_FILENO, &h, "stdout") < 0)
		return -1;
	for (long i = 0; i < n; i++) {
		for (uint32_t r = 0; r < ROWS; r++)
			rows[r].pos = (uint32_t)i * ROWS + r;
		if (stream_write(STDOUT_FILENO, &f, false, "stdout") < 0)
			return -1;
	}
	f = (struct frame){ .type = FRAME_END };
	return stream_write(STDOUT_FILENO, &f, false, "stdout");
}

static int
read_frames(void)
{
	struct stream_reader *r = stream_reader_new(STDIN_FILENO, "stdin");
	struct stream_header h;
	struct frame f;
	unsigned long long bytes = 0;
	int rc = r ? stream_read_header(r, &h) : -1;

	while (rc > 0 && (rc = stream_read(r, &f)) > 0)
		bytes += f.n_rows * f.row_bytes;
	stream_reader_free(r);
	printf("%llu\n", bytes);
	return rc;
}

int
main(int argc, char **argv)
{
	int rc;

	if (argc == 3 && strcmp(argv[1], "write") == 0)
		rc = write_frames(atol(argv[2]));
	else if (argc == 2 && strcmp(argv[1], "read") == 0)
		rc = read_frames();
	else
		return 2;
	if (rc < 0)
		fprintf(stderr, "stream_pipe: %s\n", err_reason());
	return rc < 0 ? err_status() : 0;
}
