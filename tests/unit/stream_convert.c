/* Element types to f32 and back, and the checksum, against values of other programs and of the formats' definitions. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/half.h"
#include "stream/convert.h"
#include "stream/sum.h"
#include "tap.h"

/* Every value of a 16-bit type is kept, but that a NaN becomes a quiet one. */
static void
halves(enum stream_dtype t, const char *name)
{
	size_t bad = 0;

	for (uint32_t h = 0; h < 0x10000; h++) {
		uint16_t from = (uint16_t)h, to;
		float f;
		convert_to_f32(&f, t, &from, 1);
		if (!convert_from_f32(&to, t, &f, 1) || (isnan(f) ? (to & 0x8000) != (from & 0x8000) : to != from))
			bad++;
	}
	tap_ok(bad == 0, "%s: all 65536 values come back", name);
}

static void
rounding(void)
{
	/* from the definition of the formats: nearest, ties to even */
	static const struct {
		float f;
		uint16_t f16, bf16;
	} v[] = {
		{ 1.0f, 0x3c00, 0x3f80 },
		{ -2.5f, 0xc100, 0xc020 },
		{ 1.0f + 0x1p-11f, 0x3c00, 0x3f80 },       /* halfway for f16: even is below */
		{ 1.0f + 0x3p-11f, 0x3c02, 0x3f80 },       /* halfway: even is above */
		{ 1.0f + 0x1p-8f, 0x3c04, 0x3f80 },        /* halfway for bf16 */
		{ 1.0f + 0x3p-8f, 0x3c0c, 0x3f82 },
		{ 65504.0f, 0x7bff, 0x4780 },
		{ 65520.0f, 0x7c00, 0x4780 },
		{ 0x1p-24f, 0x0001, 0x3380 },
		{ 0x1p-25f, 0x0000, 0x3300 },
		{ -0.0f, 0x8000, 0x8000 },
	};

	for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
		uint16_t h, b;
		convert_from_f32(&h, STREAM_F16, &v[i].f, 1);
		convert_from_f32(&b, STREAM_BF16, &v[i].f, 1);
		tap_ok(h == v[i].f16 && b == v[i].bf16, "%a is %04x in f16, %04x in bf16", (double)v[i].f, h, b);
	}
}

static void
q8(void)
{
	_Alignas(2) uint8_t block[2 * STREAM_Q8_BYTES], again[2 * STREAM_Q8_BYTES];
	float x[64], y[64];

	/* Scale 1: 127 is the largest of each block; halves go to even. */
	for (int i = 0; i < 64; i++)
		x[i] = (float)(i - 32);
	x[0] = 127, x[1] = 0.5f, x[2] = 1.5f, x[3] = -0.5f, x[4] = -2.5f, x[63] = -127;
	tap_ok(convert_from_f32(block, STREAM_Q8_0, x, 64) && block[0] == 0x00 && block[1] == 0x3c && block[34] == 0x00 &&
	    block[35] == 0x3c, "q8_0: the scale is the largest over 127, as f16");
	tap_ok((int8_t)block[2] == 127 && block[3] == 0 && block[4] == 2 && block[5] == 0 && (int8_t)block[6] == -2 &&
	    (int8_t)block[34 + 2 + 31] == -127, "q8_0: nearest, ties to even");

	size_t bad = 0;
	uint64_t s = 88172645463325252;
	for (int round = 0; round < 20000; round++) {
		float largest = 0;
		for (int i = 0; i < 64; i++) {
			s ^= s << 13, s ^= s >> 7, s ^= s << 17;
			x[i] = (float)((int64_t)s >> 32) * (round % 3 == 0 ? 0x1p-31f : round % 3 == 1 ? 0x1p-45f : 0x1p-10f);
			largest = fmaxf(largest, fabsf(x[i]));
		}
		if (!convert_from_f32(block, STREAM_Q8_0, x, 64))
			bad++;
		convert_to_f32(y, STREAM_Q8_0, block, 64);
		/* half a step, and what the scale lost when it became an f16 (a denormal one loses more) */
		for (int i = 0; i < 64; i++)
			bad += fabsf(x[i] - y[i]) > largest * (0.5f / 127 + 0x1p-11f) + 127 * 0x1p-25f;
		if (!convert_from_f32(again, STREAM_Q8_0, y, 64) || (round % 3 != 1 && memcmp(again, block, sizeof block) != 0))
			bad++;
	}
	tap_ok(bad == 0, "q8_0: near enough, and the same when it is rounded again");

	memset(x, 0, sizeof x);
	tap_ok(convert_from_f32(block, STREAM_Q8_0, x, 32) && block[0] == 0 && block[1] == 0 && block[2] == 0, "q8_0: zeros");
	x[5] = 0x1p-149f;
	tap_ok(convert_from_f32(block, STREAM_Q8_0, x, 32), "q8_0: the least number");
	static const float no[] = { INFINITY, -INFINITY, NAN, 3e38f, 127 * 65520.0f };
	for (size_t i = 0; i < sizeof no / sizeof *no; i++) {
		x[5] = no[i];
		tap_ok(!convert_from_f32(block, STREAM_Q8_0, x, 32), "q8_0: can't hold %g", (double)no[i]);
	}
	x[5] = 127 * 65504.0f;
	tap_ok(convert_from_f32(block, STREAM_Q8_0, x, 32), "q8_0: can hold %g", (double)x[5]);
}

/* By python3-xxhash, of bytes i*i*7+i. */
static void
sums(void)
{
	static const struct {
		size_t n;
		uint64_t sum;
	} v[] = {
		{ 0, 0x2d06800538d394c2 },
		{ 1, 0xc44bdff4074eecdb },
		{ 3, 0x852918f7f95249b1 },
		{ 16, 0x247fcef5a0ec562d },
		{ 17, 0x6de3b07418c5f3f1 },
		{ 128, 0x265cf28488d9f279 },
		{ 129, 0x4ffa78debb1bef5e },
		{ 240, 0x8eae3f6acb0c8462 },
		{ 241, 0x2ac52313305db1d5 },
		{ 1024, 0xe31ca2c80f9dda9d },
		{ 1025, 0x5b4e0c96ebe9b701 },
		{ 100003, 0xc634b835e277b542 },
	};
	uint8_t *p = malloc(100003);

	for (size_t i = 0; i < 100003; i++)
		p[i] = (uint8_t)(i * i * 7 + i);
	for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
		size_t n = v[i].n;
		struct iovec whole = { p, n }, part[] = { { p, n / 3 }, { p, 0 }, { p + n / 3, n - n / 3 } };
		bool same = sum_bytes(p, n) == v[i].sum && sum_pieces(part, 3) == v[i].sum &&
		    sum_pieces_portable(&whole, 1) == v[i].sum && sum_pieces_portable(part, 3) == v[i].sum;
#if defined(__x86_64__)
		if (__builtin_cpu_supports("avx2"))
			same = same && sum_pieces_avx2(&whole, 1) == v[i].sum && sum_pieces_avx2(part, 3) == v[i].sum;
#endif
		tap_ok(same, "XXH3 of %zu bytes, whole and in pieces", n);
	}
	free(p);
}

int
main(void)
{
	halves(STREAM_F16, "f16");
	halves(STREAM_BF16, "bf16");
	rounding();
	q8();
	sums();
	return tap_done();
}
