/* stream_sample.h: a stream with every type of frame, for the tests of stream/. */
#ifndef MAI_TESTS_STREAM_SAMPLE_H
#define MAI_TESTS_STREAM_SAMPLE_H

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "stream/stream.h"

enum { SAMPLE_WIDTH = 24, SAMPLE_ROWS = 5, SAMPLE_FRAMES = 12 };

static const struct stream_header sample_header = {
	.kind = STREAM_HIDDEN,
	.dtype = STREAM_F32,
	.width = SAMPLE_WIDTH,
	.next_layer = 3,
	.vocab_id = { { 1, 2, 3 } },
	.model_id = { { 4, 5, 6 } },
	.profile = "mai-arithmetic 1 kv=f32",
};

static const struct row sample_rows[SAMPLE_ROWS] = {
	{ 0, 0, 1, 0 },
	{ 0, 1, 403, ROW_WANTED },
	{ 7, 0, ROW_NO_TOKEN, ROW_WANTED | ROW_HELD },
	{ UINT32_MAX, UINT32_MAX, 0, ROW_DRAFT },
	{ 0, 2, 5, ROW_HELD },
};

static const struct logit_bias sample_biases[] = { { 15043, 1.5f }, { 0, -1e6f }, { UINT32_MAX, -INFINITY } };

/* The frames, pointing into storage that stays. */
static inline const struct frame *
sample_frames(void)
{
	static float data[SAMPLE_ROWS * SAMPLE_WIDTH];
	static struct frame f[SAMPLE_FRAMES];

	for (int i = 0; i < SAMPLE_ROWS * SAMPLE_WIDTH; i++)
		data[i] = (float)(i % 7) - 3.25f;
	f[0] = (struct frame){ .type = FRAME_OPEN, .seq = 0, .open = { .ordinal = 0 } };
	f[1] = (struct frame){ .type = FRAME_OPEN, .seq = 7, .hops = 2, .open = {
		.ordinal = UINT64_MAX, .output = OUTPUT_TOKENS, .n_stops = 2, .n_breakers = 2, .n_biases = 3,
		.sampling = {
			.temperature = 0.8f, .top_p = 0.95f, .min_p = 0.05f, .repeat_penalty = 1.1f, .top_k = 40, .repeat_last = 64,
			.seed = UINT64_MAX - 1, .ignore_eos = true, .presence_penalty = -0.25f, .frequency_penalty = 0.125f,
			.dry_multiplier = 0.75f, .dry_base = 1.75f, .dry_allowed_length = 2, .dry_penalty_last_n = UINT32_MAX,
			.xtc_probability = 0.5f, .xtc_threshold = 0.1f, .typical_p = 0.9f, .top_n_sigma = 1.5f,
			.dynatemp_range = 0.3f, .dynatemp_exponent = 2, .mirostat = 2, .mirostat_tau = 5, .mirostat_eta = 0.1f,
		},
		.bias = sample_biases,
		.stop = { { (const uint8_t *)"\n\n", 2 }, { (const uint8_t *)"a\0\xff" "b", 4 } },
		.breaker = { { (const uint8_t *)"\n", 1 }, { (const uint8_t *)"\":", 2 } },
		.grammar = { (const uint8_t *)"root ::= \"yes\" | \"no\"\n", 22 } } };
	f[2] = (struct frame){ .type = FRAME_ROWS, .hops = 1, .n_rows = SAMPLE_ROWS, .rows = sample_rows,
		.data = data, .row_bytes = SAMPLE_WIDTH * sizeof *data };
	f[3] = (struct frame){ .type = FRAME_ROWS, .n_rows = 0 };
	f[4] = (struct frame){ .type = FRAME_ROWS, .n_rows = 3, .rows = sample_rows }; /* no data */
	f[5] = (struct frame){ .type = FRAME_ROWS, .n_rows = 4, .rows = sample_rows, .data = data,
		.row_bytes = SAMPLE_WIDTH * sizeof *data };
	f[6] = (struct frame){ .type = FRAME_PROMPT_END, .seq = 0, .value = 1234567890123 };
	f[7] = (struct frame){ .type = FRAME_FORK, .seq = 8, .pos = 1, .value = 7, .restated = true, .open = f[1].open };
	f[8] = (struct frame){ .type = FRAME_CUT, .seq = 8, .pos = 0 };
	f[9] = (struct frame){ .type = FRAME_CLOSE, .seq = 7, .pos = 1, .reason = CLOSE_STOP };
	f[10] = (struct frame){ .type = FRAME_CLOSE, .seq = UINT32_MAX, .pos = UINT32_MAX, .reason = CLOSE_ERROR };
	f[11] = (struct frame){ .type = FRAME_END, .hops = 1 };
	return f;
}

/* The whole stream as bytes; its header ends at STREAM_HEADER_SIZE. */
static inline int
sample_stream(struct buf *to, bool compress)
{
	const struct frame *f = sample_frames();
	int rc = stream_encode_header(to, &sample_header);

	for (int i = 0; i < SAMPLE_FRAMES && rc == 0; i++)
		rc = stream_encode(to, &f[i], compress);
	return rc;
}

/* A nameless file of these bytes, to be read from its beginning. */
static inline int
sample_file(const void *data, size_t n)
{
	int fd = memfd_create("mai-test", MFD_CLOEXEC);

	if (fd < 0)
		return -1;
	if (write(fd, data, n) != (ssize_t)n || lseek(fd, 0, SEEK_SET) != 0) {
		close(fd);
		return -1;
	}
	return fd;
}

/* Reads everything the reader has: the number of streams, or -1; *frames counts frames but for the ends. */
static inline int
sample_read_all(struct stream_reader *r, int *frames)
{
	struct stream_header h;
	struct frame f;
	int streams = 0, rc;

	*frames = 0;
	while ((rc = stream_read_header(r, &h)) > 0) {
		while ((rc = stream_read(r, &f)) > 0)
			++*frames;
		if (rc < 0)
			return -1;
		streams++;
	}
	return rc < 0 ? -1 : streams;
}

#endif
