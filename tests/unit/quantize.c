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

/* ---- with weights ---- */

enum { ROW = 512, ROWS = 64 };

/* Rows, and how much their columns count: of eight one not at all, the others from 1 to 2^32. `few`: hardly any. */
static void
draw_weighed(float *by, bool few)
{
	uint64_t s = 88172645463325252;

	for (size_t i = 0; i < ROWS * ROW + ROW; i++) {
		s ^= s << 13, s ^= s >> 7, s ^= s << 17;
		float v = (float)((int64_t)(s >> 40) - (1 << 23)) * 0x1p-23f;
		if (i >= ROW)
			x[i - ROW] = v * v * v;
		else if (few)
			by[i] = s % 32 == 1;
		else
			by[i] = s % 8 == 0 ? 0 : (float)(UINT64_C(1) << (s >> 8) % 33);
	}
}

/* Hashes of what quantize_q4_0 and so on of llama.cpp's library, as above, give. */
static void
weighed(void)
{
	static const struct {
		uint32_t type;
		const char *hash[2];
	} v[] = {
		{ TYPE_Q4_0, { "17f5994fe5553b599281c2ec30be4c225e5c52781fda2d3a98d79fd19691396d",
		    "d78a1755329085cb5f6cc1a22eb1b32b50ded2f60dc87eadc242d6e9f3c1b444" } },
		{ TYPE_Q4_1, { "3ab900ec0aa30767cf0a9888d4ff3d37568fe198a3d3d7ca6e8ba087c5477841",
		    "40bece1007b36221e054aedf389bea1db454d0d98d74c740f07de3374bd7c419" } },
		{ TYPE_Q5_0, { "e0f6c7e2178b5bac547fd5d2a47e94d04e360b4db9ff03cfa3097c4123b237b8",
		    "d11af7ab90c3d89cd0c6b6fd64d6c78c4edb1610db6932172f8ecc806fa06d41" } },
		{ TYPE_Q5_1, { "7f34bd1c1b436fc2954342e7196141b33b47e6f73f2542461cbffd9567eb7b66",
		    "fa637edb158f4b4afc17f3e6eba30b8800dc8afbb6f3b2770db20c89bc8ca440" } },
		{ TYPE_Q4_K, { "ce4093b6ddc110f8207561180e7c1ba92d8a8bec81c1a70a006400945c37a6b2",
		    "68c8ed3574bb43a7d103dcfb632028920acc83da3f00dfcad0ed81e44ec545db" } },
		{ TYPE_Q5_K, { "9a154f2b5f9b10933a951e308bd0da53dfe7e5802c61f4d7e1848677ad7b9d4b",
		    "1eea8bd13f1fe7bfd97d91cc06cd347eb66e55fe598e2650d9f38e9b9cbf6619" } },
		{ TYPE_Q6_K, { "96dd72a6f562c080de9121e2e1a3bb407c45368baf1be885e2e55d2b3cb16f4d",
		    "3b085380e8f8653e513b199a69f234ed3896782110dc1af6598649f9377b5a6b" } },
	};
	float by[ROW];

	for (size_t i = 0; i < sizeof v / sizeof *v; i++)
		for (int few = 0; few < 2; few++) {
			const struct type_info *t = type_info(v[i].type);
			const size_t bytes = ROW / t->block * t->block_bytes;
			bool good = true;
			draw_weighed(by, few);
			for (size_t r = 0; r < ROWS; r++)
				good &= quantize_row(q + r * bytes, v[i].type, x + r * ROW, by, ROW);
			tap_ok(good && hash_is(q, ROWS * bytes, v[i].hash[few]), "%s has ggml's bits where %s columns count", t->name, few ? "few" : "most");
		}
	tap_ok(quantize_row(q, TYPE_Q8_0, x, by, ROW) && quantize_row(again, TYPE_Q8_0, x, NULL, ROW) && memcmp(q, again, ROW / BLOCK * BYTES) == 0,
	    "q8_0 is not weighed");
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
	static const float above[BLOCK] = { 0x1p-140f }, below[BLOCK] = { -0x1p-140f };
	static const uint8_t zeros[24];
	tap_ok(quantize_from_f32(q, TYPE_Q5_0, below, BLOCK) && memcmp(q, zeros, 22) == 0 && quantize_from_f32(q, TYPE_Q5_1, above, BLOCK) &&
	    memcmp(q, zeros, 24) == 0, "denormals of 5 bits, by whose scales nothing can be divided");
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
	weighed();
	by_hand();
	limits();
	back();
	names();
	return tap_done();
}
