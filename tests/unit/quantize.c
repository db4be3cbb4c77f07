/* Weights to another type and back: ggml's bits, and values worked out by hand from the formats' definitions. */
#include "model/quantize.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/half.h"
#include "base/hash.h"
#include "model/types.h"
#include "tap.h"

enum { BLOCK = 32, BYTES = 34, BLOCKS = 4800, N = BLOCKS * BLOCK };

static float x[N], y[N];
static _Alignas(64) uint8_t q[N * 4], again[N * 4];

/* ---- what ggml makes of the same values ---- */

/* Any bits, in blocks of exponents from 0 (denormals) to 149, eight of them in each: the largest just fit q8_0. */
static void
draw(void)
{
	uint64_t s = 88172645463325252;

	for (uint64_t b = 0; b < BLOCKS; b++)
		for (int i = 0; i < BLOCK; i++) {
			s ^= s << 13, s ^= s >> 7, s ^= s << 17;
			uint64_t exponent = b % 150, less = (s >> 32) % 8;
			exponent = exponent > less ? exponent - less : 0;
			x[b * BLOCK + (uint64_t)i] = f32_from_bits((uint32_t)(s >> 63 << 31 | exponent << 23 | (s & 0x7fffff)));
		}
}

static bool
hash_is(const void *data, size_t n, const char *wanted)
{
	struct hash h = hash_bytes(data, n);
	char hex[HASH_HEX];

	return strcmp(hash_to_hex(&h, hex), wanted) == 0;
}

/*
 * Hashes of what libggml-base of llama.cpp gives (as node-llama-cpp 3.21.1 brings it, x86-64): quantize_row_q8_0_ref,
 * dequantize_row_q8_0, ggml_fp32_to_fp16_row (of 1 instead of what is 65520 and more), ggml_fp32_to_bf16_row_ref.
 */
static void
ggml(void)
{
	draw();
	tap_ok(quantize_from_f32(q, TYPE_Q8_0, x, N) &&
	    hash_is(q, BLOCKS * BYTES, "0824a8f111c3ffabe12eefbd0710c6b6bbcc2c5f4744a37d5265666075efa805"), "q8_0 has ggml's bits");
	quantize_to_f32(y, TYPE_Q8_0, q, N);
	tap_ok(hash_is(y, sizeof y, "73da254e070b66de393536904069f1b43b4e3dee2ffaf132bd6336cc4ea02881"), "from q8_0 too");
	q[2 + 31] ^= 1;
	tap_ok(!hash_is(q, BLOCKS * BYTES, "0824a8f111c3ffabe12eefbd0710c6b6bbcc2c5f4744a37d5265666075efa805"),
	    "one bit of a quant is noticed");
	tap_ok(quantize_from_f32(q, TYPE_BF16, x, N) &&
	    hash_is(q, N * 2, "4c07a07bae3673552b8f81c64cbea97b48631ca43cf36084a8b1556e60fb7e25"), "bf16 has ggml's bits");
	for (size_t i = 0; i < N; i++)
		if (fabsf(x[i]) >= 65520)
			x[i] = 1;
	tap_ok(quantize_from_f32(q, TYPE_F16, x, N) &&
	    hash_is(q, N * 2, "f5da577f74a6916cb2d22642b72f6b3c1fce9237830e29687a9bff869c162a8e"), "f16 has ggml's bits");
	tap_ok(quantize_from_f32(q, TYPE_F32, x, N) && memcmp(q, x, N * 4) == 0, "f32 stays");
}

/* ---- by hand ---- */

/* A block of zeros but for the values given: its scale, and whether its first quants are those wanted. */
static bool
block_is(const float *values, const int *wanted, int n, uint16_t scale)
{
	float v[BLOCK] = { 0 };
	uint16_t d;
	int good = 0;

	memcpy(v, values, (size_t)n * sizeof *v);
	if (!quantize_from_f32(q, TYPE_Q8_0, v, BLOCK))
		return false;
	memcpy(&d, q, sizeof d);
	for (int i = 0; i < BLOCK; i++)
		good += (int8_t)q[2 + i] == (i < n ? wanted[i] : 0);
	return good == BLOCK && d == scale;
}

static void
by_hand(void)
{
	static const float ties[] = { 127, 0.5f, -0.5f, 1.5f, -1.5f, 2.5f, -2.5f, 126.5f, -126.5f, 0x1.fffffep-2f,
		-0x1.fffffep-2f };
	static const int away[] = { 127, 1, -1, 2, -2, 3, -3, 127, -127, 0, 0 };
	tap_ok(block_is(ties, away, 11, 0x3c00), "halves go away from zero, and less than a half to it");
	static const float negative[] = { -254, 127, 1, -1, 0.5f };
	static const int halves[] = { -127, 64, 1, -1, 0 };
	tap_ok(block_is(negative, halves, 5, 0x4000), "the largest may be negative");

	/* d = 1.5 * 2^-24 in f32 is 2^-23 as f16 (a tie, to even), but the quants are by d. */
	static const float small[] = { 127 * 0x1.8p-24f, 0x1.8p-24f, -0x1.8p-19f };
	static const int by_d[] = { 127, 1, -32 };
	tap_ok(block_is(small, by_d, 3, 0x0002), "quants are by the scale before it becomes f16");
	/* d = 2^-25 is 0 as f16 (a tie), yet there are quants. */
	static const float smaller[] = { 127 * 0x1p-25f, 0x1p-25f };
	static const int still[] = { 127, 1 };
	tap_ok(block_is(smaller, still, 2, 0), "a scale of 0 with quants");
	/* 1/d would be infinite. */
	static const float least[] = { 0x1p-149f, -0x1p-130f, 0x1p-125f };
	static const int none[] = { 0, 0, 0 };
	tap_ok(block_is(least, none, 3, 0), "denormals");
	tap_ok(block_is((const float[]){ -0.0f }, none, 1, 0), "zeros");
	/* The largest scale of f16 is 65504; what is nearer to 65536 is infinite. */
	static const float large[] = { 127 * 65504.0f, -127 * 65504.0f, 65504 };
	static const int most[] = { 127, -127, 1 };
	tap_ok(block_is(large, most, 3, 0x7bff), "the largest");
}

static void
limits(void)
{
	static const struct {
		uint32_t type;
		float most, beyond;
	} v[] = {
		{ TYPE_F32, 0x1.fffffep127f, INFINITY },
		{ TYPE_F16, 0x1.ffdffep15f, 65520 },
		{ TYPE_BF16, 0x1.fefffep127f, 0x1.ffp127f },
		{ TYPE_Q8_0, 127 * 65519.0f, 127 * 65520.0f },
	};

	for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
		int good = 0;
		for (size_t at = 0; at < 2 * BLOCK; at++) { /* wherever it stands */
			float row[2 * BLOCK] = { 1, [40] = -2 };
			row[at] = v[i].most;
			good += quantize_from_f32(q, v[i].type, row, 2 * BLOCK);
			row[at] = -v[i].most;
			good += quantize_from_f32(q, v[i].type, row, 2 * BLOCK);
			static const float no[] = { INFINITY, -INFINITY, NAN, -NAN };
			for (size_t k = 0; k < 6; k++) {
				row[at] = k < 4 ? no[k] : k == 4 ? v[i].beyond : -v[i].beyond;
				good += !quantize_from_f32(q, v[i].type, row, 2 * BLOCK);
			}
		}
		tap_ok(good == 2 * BLOCK * 8, "%s: holds %a, but not %a nor what is not finite", type_info(v[i].type)->name,
		    (double)v[i].most, (double)v[i].beyond);
	}
}

/* What came from a type goes back to it. */
static void
back(void)
{
	static const uint32_t types[] = { TYPE_F32, TYPE_F16, TYPE_BF16, TYPE_Q8_0 };

	draw();
	for (size_t i = 0; i < N; i++) /* no scale is 0, all are within f16 */
		x[i] = i % BLOCK == 7 ? 1 + (float)(i % 1000) : fabsf(x[i]) < 1000 ? x[i] : 0;
	for (size_t t = 0; t < sizeof types / sizeof *types; t++) {
		size_t n = types[t] == TYPE_Q8_0 ? BLOCKS * BYTES : N * type_info(types[t])->block_bytes;
		bool good = quantize_from_f32(q, types[t], x, N);
		quantize_to_f32(y, types[t], q, N);
		tap_ok(good && quantize_from_f32(again, types[t], y, N) && memcmp(again, q, n) == 0, "%s comes back",
		    type_info(types[t])->name);
	}
}

static void
names(void)
{
	uint32_t type = 0;

	tap_ok(quantize_type("q8_0", &type) && type == TYPE_Q8_0 && quantize_type("BF16", &type) && type == TYPE_BF16 &&
	    quantize_type("f16", &type) && type == TYPE_F16 && quantize_type("f32", &type) && type == TYPE_F32, "names of types");
	tap_ok(!quantize_type("q4_0", &type) && !quantize_type("", &type) && !quantize_type("f16 ", &type), "other names");
}

int
main(void)
{
	ggml();
	by_hand();
	limits();
	back();
	names();
	return tap_done();
}
