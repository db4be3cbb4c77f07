/*
 * kernel_test.c: the known-answer test that a kernel set must pass before it is used.
 *
 * Each function runs on small inputs that a generator makes; what comes out is hashed and compared with a value from
 * tests/unit/kernel_known.py, which computes the same in exact rational arithmetic. Inputs cover every path of a set
 * (whole steps and rests, one token and many) and, for bf16, results at the edge of the denormals and sums that
 * overflow in another order than the contract's.
 */
#include <string.h>

#include "base/half.h"
#include "compute/cpu.h"
#include "compute/q8_rows.h"
#include "model/blocks.h"
#include "model/tile.h"

enum { MAX_COLS = 256, MAX_TOKENS = 17, MAX_TILES = 4, LD = 272, LDY = 16 * MAX_TILES };

static uint32_t
next(uint32_t *state)
{
	*state = *state * 1664525 + 1013904223;
	return *state >> 8;
}

/* A float of random sign and fraction, the exponent field from `low` on. */
static uint32_t
some_bits(uint32_t *state, uint32_t low, uint32_t span)
{
	uint32_t sign = next(state) & 1, exponent = low + next(state) % span;

	return sign << 31 | exponent << 23 | (next(state) & 0x7fffff);
}

/* An f16 that is finite, maybe a denormal. */
static uint32_t
some_half(uint32_t *state, uint32_t sign_mask)
{
	uint32_t sign = next(state) & sign_mask, exponent = next(state) % 30;

	return sign << 15 | exponent << 10 | (next(state) & 0x3ff);
}

static void
some_floats(uint32_t *state, float *to, size_t n, uint32_t low, uint32_t span)
{
	for (size_t i = 0; i < n; i++)
		to[i] = f32_from_bits(some_bits(state, low, span));
}

/* FNV-1a over 32-bit words. */
static uint64_t
hash_words(uint64_t h, const void *data, size_t n)
{
	const char *p = data;

	for (size_t i = 0; i < n; i++) {
		uint32_t u;
		memcpy(&u, p + 4 * i, sizeof u);
		h = (h ^ u) * 0x100000001b3;
	}
	return h;
}

static const uint64_t hash_begin = 0xcbf29ce484222325;

/* ---- matrix products ---- */

struct product {
	uint32_t type, seed;
	size_t rows, cols, tokens;
	uint32_t w_low, w_span, x_low, x_span; /* exponent fields; of bf16 and f32 weights and of activations */
};

/* Room for one product; each weight type fills w in its own way. */
struct room {
	_Alignas(64) uint8_t w[MAX_TILES * MAX_COLS * 64];
	_Alignas(64) float x[MAX_TOKENS * LD], y[MAX_TOKENS * LDY];
	_Alignas(64) float bf16[MAX_TOKENS * LD];
	_Alignas(64) uint8_t q8[MAX_TOKENS * MAX_COLS / Q8_BLOCK * Q8_TOKEN_BYTES];
};

static void
put32(struct room *m, size_t i, uint32_t u)
{
	memcpy(m->w + 4 * i, &u, sizeof u);
}

static void
put16(struct room *m, size_t i, uint32_t u)
{
	uint16_t h = (uint16_t)u;

	memcpy(m->w + 2 * i, &h, sizeof h);
}

/* n weights: any codes, then any scales. */
static void
make_blocks(uint8_t *to, const struct blocks *b, size_t n, uint32_t *state)
{
	for (size_t i = 0; i < n / TILE_CODES * tile_codes(b); i++)
		*to++ = (uint8_t)next(state);
	for (size_t i = 0; i < n / b->size / TILE_ROWS; i++) {
		for (size_t k = 0; k < (size_t)TILE_ROWS * b->n_f16; k++, to += 2) {
			uint16_t h = (uint16_t)some_half(state, 0);
			memcpy(to, &h, sizeof h);
		}
		for (size_t k = 0; k < (size_t)TILE_ROWS * b->n_bytes; k++)
			*to++ = (uint8_t)next(state);
	}
}

/* Weights, directly as tiles. */
static void
make_weights(struct room *m, const struct product *p, uint32_t *state)
{
	size_t tiles = (p->rows + 15) / 16, n = tiles * 16 * p->cols;

	memset(m->w, 0, sizeof m->w);
	if (p->type == TYPE_F32) {
		for (size_t i = 0; i < n; i++)
			put32(m, i, some_bits(state, p->w_low, p->w_span));
	} else if (p->type == TYPE_F16) {
		for (size_t i = 0; i < n; i++)
			put16(m, i, some_half(state, 1));
	} else if (p->type == TYPE_BF16) {
		for (size_t tile = 0; tile < tiles; tile++)
			for (size_t k = 0; k < p->cols; k++)
				for (size_t i = 0; i < 16; i++)
					put16(m, (tile * ((p->cols + 1) / 2) + k / 2) * 32 + 2 * i + k % 2,
					    some_bits(state, p->w_low, p->w_span) >> 16);
	} else {
		make_blocks(m->w, blocks_of(p->type), n, state);
	}
}

static uint64_t
product(const struct kernels *k, const struct product *p, struct room *m)
{
	uint32_t state = p->seed;
	struct activations x = { LD, m->x, m->bf16, m->q8 };
	size_t tiles = (p->rows + 15) / 16;
	uint64_t h = hash_begin;

	make_weights(m, p, &state);
	for (size_t t = 0; t < p->tokens; t++) {
		some_floats(&state, m->x + t * LD, p->cols, p->x_low, p->x_span);
		k->to_bf16(m->bf16 + t * LD, m->x + t * LD, p->cols);
		if (blocks_has(p->type))
			k->to_q8(m->q8, p->tokens, t, m->x + t * LD, p->cols);
	}
	k->matmul(&(struct matmul){ p->type, m->w, tile_find(m->w, p->type, p->rows, p->cols, 0).scales, p->rows, p->cols, &x, p->tokens, m->y, LDY }, 0,
	    tiles);
	for (size_t t = 0; t < p->tokens; t++)
		h = hash_words(h, m->y + t * LDY, tiles * 16);
	return h;
}

/* bf16, besides common values: products around 2^-126, where results are flushed; sums around the largest float. */
static const struct {
	const char *name;
	struct product p;
	uint64_t known;
} products[] = {
	{ "f32", { TYPE_F32, 1, 48, 7, 15, 120, 14, 120, 14 }, 0x73469a0e0316ef33 },
	{ "f32 denormals", { TYPE_F32, 2, 16, 5, 1, 0, 70, 40, 40 }, 0xd8b1a005f24831c5 },
	{ "f16", { TYPE_F16, 3, 32, 9, 17, 0, 0, 110, 24 }, 0x8dcd1c4748a8dff2 },
	{ "bf16", { TYPE_BF16, 4, 48, 9, 17, 120, 14, 120, 14 }, 0xbb2ba488a19b7983 },
	{ "bf16 denormals", { TYPE_BF16, 5, 48, 64, 15, 60, 6, 58, 6 }, 0x3b24ef0072e6c825 },
	{ "bf16 largest", { TYPE_BF16, 6, 48, 2, 14, 189, 3, 189, 3 }, 0x266583c12e40dae5 },
	{ "q8_0", { TYPE_Q8_0, 7, 48, 64, 17, 0, 0, 100, 30 }, 0x2c7e23d8f8682958 },
	{ "q4_0", { TYPE_Q4_0, 25, 48, 64, 17, 0, 0, 100, 30 }, 0x2880995653e749c5 },
	{ "q5_0", { TYPE_Q5_0, 26, 48, 64, 5, 0, 0, 100, 30 }, 0xb6317de3bf9e9ba4 },
	{ "iq4_nl", { TYPE_IQ4_NL, 27, 48, 64, 17, 0, 0, 100, 30 }, 0x4e92ed14d5baf992 },
	{ "iq4_nl, one token", { TYPE_IQ4_NL, 28, 32, 64, 1, 0, 0, 100, 30 }, 0xbc81a61fba84b2ab },
	{ "q4_1", { TYPE_Q4_1, 29, 48, 64, 17, 0, 0, 100, 30 }, 0xb94af7fe268a67b2 },
	{ "q5_1", { TYPE_Q5_1, 30, 48, 96, 5, 0, 0, 100, 30 }, 0x33a1f41c2cb3ebd2 },
	{ "mxfp4", { TYPE_MXFP4, 31, 48, 64, 17, 0, 0, 100, 20 }, 0x42c8be75a0b7e391 },
	{ "q2_k", { TYPE_Q2_K, 32, 48, 256, 17, 0, 0, 100, 30 }, 0xebb6ac66aed73c3d },
	{ "q3_k", { TYPE_Q3_K, 33, 48, 256, 5, 0, 0, 100, 30 }, 0x579f92dfb3148935 },
	{ "q4_k", { TYPE_Q4_K, 34, 48, 256, 17, 0, 0, 100, 30 }, 0x86a14a083696553a },
	{ "q4_k, one token", { TYPE_Q4_K, 35, 64, 256, 1, 0, 0, 120, 4 }, 0x680f2b2493a3c6ca },
	{ "q5_k", { TYPE_Q5_K, 36, 48, 256, 5, 0, 0, 100, 30 }, 0xab0076b884c14317 },
	{ "q6_k", { TYPE_Q6_K, 37, 48, 256, 17, 0, 0, 100, 30 }, 0xab1c83b189bec529 },
	{ "q6_k, one token", { TYPE_Q6_K, 38, 64, 256, 1, 0, 0, 120, 4 }, 0x8723b048c78faa93 },
	{ "iq4_xs", { TYPE_IQ4_XS, 39, 48, 256, 2, 0, 0, 100, 30 }, 0x5f9a546bf4b43f7b },
	{ "q8_0, one token", { TYPE_Q8_0, 8, 64, 64, 1, 0, 0, 120, 4 }, 0x77c109a30bc9a537 },
};

/*
 * What few processors might do in another way: a result just below 2^-126 before rounding. Row i is 2^-126 less
 * 2^-151 times 1 + i/16; the tie at i = 0 rounds up to 2^-126, all others are flushed.
 */
static uint64_t
edge_bf16(const struct kernels *k, float *y)
{
	_Alignas(64) uint16_t w[2 * 32] = { 0 };
	float x[16] = { 0x1p-63f, 0, 0x1p-75f, 0 }, made[16];
	struct activations a = { .ld = 16, .bf16 = made };

	for (size_t i = 0; i < 16; i++) {
		w[2 * i] = 0x2000;                           /* 2^-63 */
		w[32 + 2 * i] = (uint16_t)(0x9980 + 8 * i); /* -(1 + i/16) * 2^-76 */
	}
	k->to_bf16(made, x, 4);
	k->matmul(&(struct matmul){ TYPE_BF16, w, NULL, 16, 4, &a, 1, y, 16 }, 0, 1);
	return hash_words(hash_begin, y, 16);
}

/* The rounding of activations: token t has one of these before a weight of 1. */
static uint64_t
rounded_bf16(const struct kernels *k, float *y)
{
	static const uint32_t bits[] = {
		0x3f808000, 0x3f818000, 0x3f808001, 0x3f817fff, /* ties to even, and beside them */
		0x3fffffff, 0x7f7f7fff, 0x7f7f8000, 0xff7fffff, /* up to the next power; the largest; infinity */
		0x00800000, 0x007fffff, 0x807f8000, 0x007f7fff, /* denormals, of which some round up to 2^-126 */
		0x00000001, 0x80000000, 0x7f800000,
	};
	enum { T = sizeof bits / sizeof *bits };
	_Alignas(64) uint16_t w[32] = { 0 };
	float made[16 * T];
	struct activations a = { .ld = 16, .bf16 = made };

	for (size_t i = 0; i < 16; i++)
		w[2 * i] = 0x3f80;
	for (size_t t = 0; t < T; t++) {
		float x = f32_from_bits(bits[t]);
		k->to_bf16(made + 16 * t, &x, 1);
	}
	k->matmul(&(struct matmul){ TYPE_BF16, w, NULL, 16, 1, &a, T, y, 16 }, 0, 1);
	return hash_words(hash_begin, y, 16 * T);
}

/* ---- the others ---- */

enum { N = 37, HEAD = 24, WIDE_HEAD = 32, GROUP = 3, QUERIES = 4, POS = 62 };

static uint64_t
known_q8(const struct kernels *k, float *x)
{
	_Alignas(64) uint8_t q8[3 * 2 * Q8_TOKEN_BYTES];
	uint32_t state = 11;

	/* A common row, one of tiny elements and zeros, one that is not finite. */
	some_floats(&state, x, 64, 100, 30);
	some_floats(&state, x + 64, 64, 0, 10);
	some_floats(&state, x + 128, 64, 240, 16);
	for (size_t t = 0; t < 3; t++)
		k->to_q8(q8, 3, t, x + 64 * t, 64);
	return hash_words(hash_begin, q8, sizeof q8 / 4);
}

static uint64_t
known_norm(const struct kernels *k, float *x)
{
	uint32_t state = 12;

	some_floats(&state, x, 2 * N, 118, 14);
	k->rms_norm(x, x, x + N, N, 1e-5f);
	return hash_words(hash_begin, x, N);
}

static uint64_t
known_layer_norm(const struct kernels *k, float *x)
{
	uint32_t state = 19;

	some_floats(&state, x, 4 * N, 118, 14);
	k->layer_norm(x, x, x + 2 * N, x + 3 * N, N, 1e-5f);
	k->layer_norm(x + N, x + N, x + 2 * N, NULL, N, 1e-5f);
	return hash_words(hash_begin, x, 2 * N);
}

static uint64_t
known_add(const struct kernels *k, float *x)
{
	uint32_t state = 13;

	some_floats(&state, x, 2 * N, 118, 14);
	k->add(x, x + N, N);
	return hash_words(hash_begin, x, N);
}

static uint64_t
known_add_scaled(const struct kernels *k, float *x)
{
	uint32_t state = 24;

	some_floats(&state, x, 2 * N + 1, 118, 14);
	k->add_scaled(x, x + N, x[2 * N], N);
	return hash_words(hash_begin, x, N);
}

static uint64_t
known_silu(const struct kernels *k, float *x)
{
	uint32_t state = 14;

	some_floats(&state, x, 2 * N, 90, 44);
	k->silu_mul(x, x, x + N, N);
	return hash_words(hash_begin, x, N);
}

static uint64_t
known_gelu(const struct kernels *k, float *x)
{
	uint32_t state = 20;

	some_floats(&state, x, 3 * N, 90, 44);
	k->gelu_mul(x, x, x + 2 * N, N);
	k->gelu_mul(x + N, x + N, NULL, N);
	return hash_words(hash_begin, x, 2 * N);
}

static uint64_t
known_swiglu_clamped(const struct kernels *k, float *x)
{
	uint32_t state = 40;

	some_floats(&state, x, 2 * N, 110, 24);
	k->swiglu_clamped(x, x, x + N, N);
	return hash_words(hash_begin, x, N);
}

static uint64_t
known_soft_cap(const struct kernels *k, float *x)
{
	uint32_t state = 21;

	some_floats(&state, x, N, 100, 40);
	k->soft_cap(x, N, 30);
	return hash_words(hash_begin, x, N);
}

static uint64_t
known_ssm_conv(const struct kernels *k, float *x)
{
	enum { TAPS = 4 };
	uint32_t state = 44;

	/* The inputs before, weights, biases, the input; then what comes out. */
	some_floats(&state, x, (2 * TAPS + 2) * N, 118, 14);
	k->ssm_conv(&(struct ssm_conv){ .last = x, .w = x + 3 * N, .b = x + 7 * N, .x = x + 8 * N, .y = x + 3 * N, .taps = TAPS, .ld = N, .n = N });
	return hash_words(hash_begin, x, 4 * N);
}

static uint64_t
known_ssm_scan(const struct kernels *k, float *x)
{
	uint32_t state = 45;

	/* States and what they decay by, two each; the input, which has B and C too; t; D. */
	some_floats(&state, x, 7 * N, 112, 20);
	for (size_t i = 2 * N; i < 4 * N; i++)
		x[i] = x[i] > 0 ? -x[i] : x[i];
	const float *in = x + 4 * N;
	k->ssm_scan(&(struct ssm_scan){ .h = x, .a = x + 2 * N, .b = in, .c = in + 2, .x = in, .dt = x + 5 * N, .d = x + 6 * N, .y = x + 5 * N,
	    .states = 2, .ld = N, .n = N });
	memmove(x + 2 * N, x + 5 * N, N * sizeof *x);
	return hash_words(hash_begin, x, 3 * N);
}

static uint64_t
known_wkv(const struct kernels *k, float *x)
{
	enum { STATE = WIDE_HEAD * WIDE_HEAD };
	const float *in = x + STATE;
	uint32_t state = 46;

	some_floats(&state, x, STATE + 6 * WIDE_HEAD, 122, 8);
	k->wkv(&(struct wkv){ .s = x, .r = in, .w = in + WIDE_HEAD, .k = in + 2 * WIDE_HEAD, .v = in + 3 * WIDE_HEAD, .a = in + 4 * WIDE_HEAD,
	    .b = in + 5 * WIDE_HEAD, .y = x + STATE + 6 * WIDE_HEAD, .n = WIDE_HEAD });
	memmove(x + STATE, x + STATE + 6 * WIDE_HEAD, WIDE_HEAD * sizeof *x);
	return hash_words(hash_begin, x, STATE + WIDE_HEAD);
}

static uint64_t
known_sigmoid(const struct kernels *k, float *x)
{
	uint32_t state = 47;

	some_floats(&state, x, N, 90, 44);
	k->sigmoid(x, N);
	return hash_words(hash_begin, x, N);
}

static uint64_t
known_exp_scaled(const struct kernels *k, float *x)
{
	uint32_t state = 48;

	some_floats(&state, x, N, 90, 44);
	k->exp_scaled(x, -0.75f, N);
	return hash_words(hash_begin, x, N);
}

static uint64_t
known_rope(const struct kernels *k, float *x)
{
	uint32_t state = 15;

	some_floats(&state, x, 2 * HEAD + 24, 118, 10);
	k->rope(x, 2, HEAD, x + 2 * HEAD, x + 2 * HEAD + 12, HEAD - 2);
	return hash_words(hash_begin, x, 2 * HEAD);
}

static uint64_t
known_rope_halves(const struct kernels *k, float *x)
{
	enum { WIDE = 40 };
	uint32_t state = 22;

	some_floats(&state, x, 3 * WIDE, 118, 10);
	k->rope_halves(x, 2, WIDE, x + 2 * WIDE, x + 2 * WIDE + WIDE / 2, WIDE - 2);
	return hash_words(hash_begin, x, 2 * WIDE);
}

/* In place. */
static void
to_f16(float *x, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint16_t h = f16_from_f32(x[i]);
		memcpy((char *)x + 2 * i, &h, sizeof h);
	}
}

/* The scales before a page's keys or values; what follows is taken for their bytes. */
static void
make_scales(float *x, size_t n)
{
	for (size_t i = 0; i < n; i++)
		x[i] = f32_from_f16(f16_from_f32(x[i] * 0x1p-7f));
}

static uint64_t
attention(const struct kernels *k, float *x, uint32_t seed, size_t window, float soft_cap, bool sinks, uint32_t type)
{
	const size_t head = type == TYPE_Q8_0 ? WIDE_HEAD : HEAD, page = head * KV_PAGE, n = QUERIES * GROUP * head;
	const void *keys[2], *values[2];
	uint32_t state = seed;

	for (size_t i = 0; i < 2; i++) {
		keys[i] = x + 2 * i * page;
		values[i] = x + (2 * i + 1) * page;
	}
	float *q = x + 4 * page, *out = q + n, sink[GROUP];
	some_floats(&state, x, 4 * page + n, 122, 8);
	some_floats(&state, sink, GROUP, 122, 12);
	for (size_t i = 0; i < 4; i++) {
		if (type == TYPE_F16)
			to_f16(x + i * page, page);
		if (type == TYPE_Q8_0)
			make_scales(x + i * page, page / Q8_BLOCK);
	}
	k->attend(&(struct attend){ .q = q, .out = out, .k = keys, .v = values, .queries = QUERIES, .ldq = GROUP * head,
	    .ldo = GROUP * head, .group = GROUP, .head_dim = head, .pos = POS, .window = window,
	    .scale = 0.25f, .soft_cap = soft_cap, .sinks = sinks ? sink : NULL, .type = type });
	return hash_words(hash_begin, out, n);
}

static uint64_t
known_attention(const struct kernels *k, float *x)
{
	return attention(k, x, 16, 0, 0, false, TYPE_F32);
}

/* Of which the last query sees only keys of the second page. */
static uint64_t
known_window(const struct kernels *k, float *x)
{
	return attention(k, x, 23, 2, 5, false, TYPE_F32);
}

static uint64_t
known_sinks(const struct kernels *k, float *x)
{
	return attention(k, x, 41, 0, 0, true, TYPE_F32);
}

static uint64_t
known_attention_f16(const struct kernels *k, float *x)
{
	return attention(k, x, 42, 0, 0, false, TYPE_F16);
}

static uint64_t
known_attention_q8(const struct kernels *k, float *x)
{
	return attention(k, x, 43, 0, 0, false, TYPE_Q8_0);
}

static uint64_t
known_softmax(const struct kernels *k, float *x)
{
	uint32_t state = 17;

	some_floats(&state, x, N, 120, 16);
	x[N] = k->softmax(x, N, 0.75f);
	return hash_words(hash_begin, x, N + 1);
}

static uint64_t
known_finite(const struct kernels *k, float *x)
{
	uint32_t state = 18, found = 0;

	/* Every place of three vectors in turn, infinities and no numbers, with one place that is good. */
	for (uint32_t i = 0; i <= N; i++) {
		some_floats(&state, x, N, 0, 255);
		if (i < N)
			x[i] = f32_from_bits(0x7f800000 + (i & 1) + (i << 31));
		found = found * 3 + (k->finite(x, N) != 0);
	}
	return hash_words(hash_begin, &found, 1);
}

static const struct {
	const char *name;
	uint64_t (*run)(const struct kernels *k, float *x);
	uint64_t known;
} functions[] = {
	{ "bf16 rounding", rounded_bf16, 0x803eb806933fc5e5 },
	{ "bf16 edge", edge_bf16, 0x6c29aa45817f6465 },
	{ "to_q8", known_q8, 0x90bc0811a4299609 },
	{ "rms_norm", known_norm, 0xc3456dbf2b532105 },
	{ "layer_norm", known_layer_norm, 0x82e119f5a4baccae },
	{ "add", known_add, 0x77601f6f2637a453 },
	{ "add_scaled", known_add_scaled, 0x4170f089e19bc37a },
	{ "silu_mul", known_silu, 0xdac148e1ccc43b71 },
	{ "gelu_mul", known_gelu, 0xe52b47bd979caad3 },
	{ "swiglu_clamped", known_swiglu_clamped, 0xaf15875c6b1d95ca },
	{ "soft_cap", known_soft_cap, 0xba1c75c083c20cb3 },
	{ "ssm_conv", known_ssm_conv, 0x4e38124d07fad5ff },
	{ "ssm_scan", known_ssm_scan, 0x3dcd5b7edd009067 },
	{ "wkv", known_wkv, 0xc30c49b99edbd202 },
	{ "sigmoid", known_sigmoid, 0xec8a03bd47837f68 },
	{ "exp_scaled", known_exp_scaled, 0xc1f138b5652b57ca },
	{ "rope", known_rope, 0x724ef7ac802f4633 },
	{ "rope_halves", known_rope_halves, 0xeff7cc192a73fe07 },
	{ "attend", known_attention, 0xf8abaca1e6df345d },
	{ "attend, window", known_window, 0xbc4707624d03e023 },
	{ "attend, sinks", known_sinks, 0x6c37c3fae7ad2b68 },
	{ "attend, f16", known_attention_f16, 0x180772b5439804fc },
	{ "attend, q8_0", known_attention_q8, 0x264e206171997b92 },
	{ "softmax", known_softmax, 0xe52eed73e8434fbd },
	{ "finite", known_finite, 0xaf63bc4c8601b62c },
};

const char *
kernels_test(const struct kernels *k)
{
	struct room room;
	_Alignas(64) float x[4 * WIDE_HEAD * KV_PAGE + 2 * QUERIES * GROUP * WIDE_HEAD];

	for (size_t i = 0; i < sizeof products / sizeof *products; i++)
		if (product(k, &products[i].p, &room) != products[i].known)
			return products[i].name;
	for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
		if (functions[i].run(k, x) != functions[i].known)
			return functions[i].name;
	return NULL;
}
