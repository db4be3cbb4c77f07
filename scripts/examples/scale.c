/*
 * scale FACTOR: multiplies the hidden states of a mai stream by a number.
 * Built by: cc -O2 -o scale scale.c -lxxhash
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum { HEADER = 256, FRAME = 64, HIDDEN = 2, F32 = 0, ROWS = 1, END = 8 };

static void
fail(const char *why)
{
	fprintf(stderr, "scale: %s\n", why);
	exit(1);
}

/* Fields are little-endian, as this host is. */
static uint64_t
get(const unsigned char *p, size_t n)
{
	uint64_t v = 0;

	memcpy(&v, p, n);
	return v;
}

static void
put(unsigned char *p, uint64_t v, size_t n)
{
	memcpy(p, &v, n);
}

/* Reads n bytes; 0 when the input ends before the first of them. */
static int
take(unsigned char *p, size_t n)
{
	size_t got = fread(p, 1, n, stdin);

	if (got != n && (got > 0 || ferror(stdin)))
		fail("the stream was cut");
	return got == n;
}

/* The next stage waits for these bytes: nothing stays in a buffer. */
static void
give(const unsigned char *p, size_t n)
{
	if (fwrite(p, 1, n, stdout) != n || fflush(stdout) != 0)
		fail("cannot write");
}

static uint64_t
padded(uint64_t n)
{
	return (n + 63) / 64 * 64;
}

/* Multiplies the rows of one frame, if they have data, and makes its checksums right. */
static void
scale(unsigned char *head, unsigned char *payload, uint64_t length, uint64_t width, float factor)
{
	uint64_t rows = get(head + 8, 4), table = padded(16 * rows);

	if (length != table && length != table + rows * width * sizeof(float))
		fail("a frame of a wrong length");
	for (uint64_t at = table; at < length; at += sizeof(float)) {
		float x;
		memcpy(&x, payload + at, sizeof x);
		x *= factor;
		memcpy(payload + at, &x, sizeof x);
	}
	put(head + 48, XXH3_64bits(payload, length), 8);
}

/* One stream, whose header was taken. */
static void
filter(const unsigned char *header, float factor)
{
	unsigned char head[FRAME], *payload = NULL;
	uint64_t length, type;

	do {
		if (!take(head, FRAME))
			fail("the stream was cut");
		if (memcmp(head, "MAIF", 4) != 0 || get(head + 56, 8) != XXH3_64bits(head, 56))
			fail("not a frame");
		type = get(head + 4, 2);
		length = get(head + 16, 8);
		if (get(head + 6, 2) != 0)
			fail("the frame is compressed: put mai-cat --stream before");
		if (length > 1 << 30 || !(payload = realloc(payload, padded(length) + 1)))
			fail("a frame that is too long");
		if (length > 0 && !take(payload, padded(length)))
			fail("the stream was cut");
		if (get(head + 48, 8) != XXH3_64bits(payload, length))
			fail("the checksum is wrong");
		if (type == ROWS)
			scale(head, payload, length, get(header + 20, 4), factor);
		if (get(head + 12, 4) > 0) /* a driver counts its stages */
			put(head + 12, get(head + 12, 4) + 1, 4);
		put(head + 56, XXH3_64bits(head, 56), 8);
		give(head, FRAME);
		give(payload, padded(length));
	} while (type != END);
	free(payload);
}

int
main(int argc, char **argv)
{
	unsigned char header[HEADER];

	if (argc != 2) {
		fputs("usage: scale FACTOR\n", stderr);
		return 2;
	}
	while (take(header, HEADER)) {
		if (memcmp(header, "\x89MAI\r\n\x1a\n", 8) != 0 || get(header + 8, 4) != 1 ||
		    get(header + 248, 8) != XXH3_64bits(header, 248))
			fail("not a stream of version 1");
		if (get(header + 12, 4) != HIDDEN || get(header + 16, 4) != F32)
			fail("not a stream of hidden states in f32");
		give(header, HEADER);
		filter(header, strtof(argv[1], NULL));
	}
	return 0;
}
