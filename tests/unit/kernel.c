/*
 * The kernels: known answers from another program, and every set that runs here against the scalar one, bit for bit.
 *
 * Each result of one function is one number in many: sizes, tails, denormals, infinities and huge values are gone
 * through in a loop, and the first that differs is named.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/half.h"
#include "base/mem.h"
#include "compute/cpu.h"
#include "model/blocks.h"
#include "model/tile.h"
#include "tap.h"

#include "kernel_golden.h"

enum { MAX_ROWS = 80, MAX_COLS = 1280, MAX_TOKENS = 50, LD = MAX_COLS + 16, LDY = MAX_ROWS + 16 };

static uint64_t state = 88172645463325252;

static uint32_t
any(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 16);
}

/* Kinds of numbers. */
enum kind { COMMON, WIDE, TINY, HUGE_ONES, ANYTHING, KINDS };
static const char *const kind_name[] = { "common", "wide", "tiny", "huge", "any bits" };

static float
some(enum kind kind)
{
	static const uint32_t low[] = { 118, 60, 0, 180 }, span[] = { 12, 120, 70, 75 };
	uint32_t u = any();

	if (kind == ANYTHING)
		return f32_from_bits(any() % 16 ? u : u | 0x7f800000);
	/* a zero now and then */
	return u % 50 == 0 ? 0.0f : f32_from_bits((u & 0x807fffff) | (low[kind] + any() % span[kind]) << 23);
}

static void
fill(float *x, size_t n, enum kind kind)
{
	for (size_t i = 0; i < n; i++)
		x[i] = some(kind);
}

/* The same bits, or no number on both sides. */
static bool
same(const float *a, const float *b, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (f32_bits(a[i]) != f32_bits(b[i]) && (a[i] == a[i] || b[i] == b[i]))
			return false;
	return true;
}

/* ---- matrix products ---- */

static struct {
	uint8_t *w;
	float *x, *bf16, *y, *y0;
	void *q8;
} m;

static const uint32_t types[] = { TYPE_F32, TYPE_F16, TYPE_BF16, TYPE_Q8_0, TYPE_Q4_0, TYPE_Q4_1, TYPE_Q5_0, TYPE_Q5_1, TYPE_IQ4_NL,
	TYPE_MXFP4, TYPE_Q2_K, TYPE_Q3_K, TYPE_Q4_K, TYPE_Q5_K, TYPE_Q6_K, TYPE_IQ4_XS };
static const char *const type_names[] = { "f32", "f16", "bf16", "q8_0", "q4_0", "q4_1", "q5_0", "q5_1", "iq4_nl",
	"mxfp4", "q2_k", "q3_k", "q4_k", "q5_k", "q6_k", "iq4_xs" };
_Static_assert(sizeof types / sizeof *types == sizeof type_names / sizeof *type_names, "each has a name");

static void
make_weights(uint32_t type, size_t rows, size_t cols, enum kind kind)
{
	size_t n = (rows + 15) / 16 * 16 * (cols + 1);

	for (size_t i = 0; i < n; i++) {
		float f = some(kind);
		uint16_t h = (uint16_t)(f32_bits(f) >> 16), f16 = kind == ANYTHING ? h : f16_from_f32(f);
		if (type == TYPE_F32)
			memcpy(m.w + 4 * i, &f, 4);
		else if (type == TYPE_BF16)
			memcpy(m.w + 2 * i, &h, 2);
		else if (type == TYPE_F16)
			memcpy(m.w + 2 * i, &f16, 2);
		else
			m.w[i] = (uint8_t)any();
	}
	if (!blocks_has(type))
		return;
	const struct blocks *b = blocks_of(type);
	size_t blocks = (rows + 15) / 16 * (cols / b->size);
	uint8_t *scales = m.w + blocks * (b->size / BLOCKS_PART) * tile_codes(b);
	for (size_t i = 0; i < blocks; i++, scales += tile_scales(b))
		for (size_t k = 0; k < 16u * b->n_f16; k++) {
			uint16_t h = kind == ANYTHING ? (uint16_t)any() : (uint16_t)(any() % 0x7c00);
			memcpy(scales + 2 * k, &h, 2);
		}
}

static void
multiply(const struct kernels *k, uint32_t type, size_t rows, size_t cols, const float *x, size_t tokens, float *y,
    size_t first, size_t last)
{
	struct activations a = { LD, x, m.bf16, m.q8 };

	for (size_t t = 0; t < tokens; t++) {
		if (type == TYPE_BF16)
			k->to_bf16(m.bf16 + t * LD, x + t * LD, cols);
		if (blocks_has(type))
			k->to_q8(m.q8, tokens, t, x + t * LD, cols);
	}
	k->matmul(&(struct matmul){ type, m.w, tile_find(m.w, type, rows, cols, 0).scales, rows, cols, &a, tokens, y, LDY }, first, last);
}

/* Columns of a type that has blocks are whole ones. */
static size_t
whole_blocks(int type, size_t cols)
{
	const struct blocks *b = blocks_of(types[type]);

	return b ? (cols + b->size - 1) / b->size * b->size : cols;
}

static bool
product_agrees(const struct kernels *k, const struct kernels *scalar, int type, size_t rows, size_t cols, size_t tokens,
    enum kind kind)
{
	size_t tiles = (rows + 15) / 16;

	cols = whole_blocks(type, cols);
	make_weights(types[type], rows, cols, kind);
	for (size_t t = 0; t < tokens; t++)
		fill(m.x + t * LD, LD, kind);
	memset(m.y, 0xff, MAX_TOKENS * LDY * sizeof *m.y);
	memset(m.y0, 0xff, MAX_TOKENS * LDY * sizeof *m.y0);
	multiply(scalar, types[type], rows, cols, m.x, tokens, m.y0, 0, tiles);
	multiply(k, types[type], rows, cols, m.x, tokens, m.y, 0, tiles);
	if (same(m.y, m.y0, MAX_TOKENS * LDY))
		return true;
	printf("# %s: %zu x %zu, %zu tokens, %s numbers\n", type_names[type], rows, cols, tokens, kind_name[kind]);
	return false;
}

/* In the build whose sums are reordered (kernel_float.inc) these comparisons must fail. */
static bool
reordered(const struct kernels *k, int type)
{
#ifdef MAI_TEST_REORDER
	return strcmp(k->name, "scalar") && !blocks_has(types[type]);
#else
	(void)k, (void)type;
	return false;
#endif
}

/* All sizes of a few, then many at random. */
static void
test_products(const struct kernels *k, const struct kernels *scalar, int type)
{
	static const size_t rows[] = { 1, 16, 17, 33, 48, 80 }, cols[] = { 1, 2, 31, 32, 65, 129 };
	bool good = true;

	for (size_t t = 1; good && t <= 33; t++)
		good = product_agrees(k, scalar, type, 48, 1 + 5 * t, t, COMMON);
	for (int r = 0; good && r < 6; r++)
		for (int c = 0; good && c < 6; c++)
			for (int kind = c > 0 && whole_blocks(type, cols[c]) == whole_blocks(type, cols[c - 1]) ? KINDS : 0; good && kind < KINDS; kind++)
				good = product_agrees(k, scalar, type, rows[r], cols[c], 1 + any() % 20, (enum kind)kind);
	for (int i = 0; good && i < 8; i++)
		good = product_agrees(k, scalar, type, 1 + any() % MAX_ROWS, 1 + any() % MAX_COLS, 1 + any() % MAX_TOKENS,
		    (enum kind)(any() % KINDS));
	tap_ok(good != reordered(k, type), "%s: products with %s weights have the bits of scalar", k->name, type_names[type]);
}

/* A token's result is the same alone, and a tile's in any call. */
static void
test_batches(const struct kernels *k, int type)
{
	enum { ROWS = 80, COLS = 768, TOKENS = 41 };
	bool good = true;

	make_weights(types[type], ROWS, COLS, COMMON);
	for (size_t t = 0; t < TOKENS; t++)
		fill(m.x + t * LD, LD, COMMON);
	multiply(k, types[type], ROWS, COLS, m.x, TOKENS, m.y, 0, 5);
	for (size_t t = 0; t < TOKENS; t++) {
		multiply(k, types[type], ROWS, COLS, m.x + t * LD, 1, m.y0, 0, 5);
		good &= same(m.y0, m.y + t * LDY, ROWS);
	}
	tap_ok(good != reordered(k, type), "%s: %s, a token has the same bits alone and among %d", k->name, type_names[type], TOKENS);
	for (size_t first = 0, last = 2; first < 5; first = last, last = 5)
		multiply(k, types[type], ROWS, COLS, m.x, TOKENS, m.y0, first, last);
	good = true;
	for (size_t t = 0; t < TOKENS; t++)
		good &= same(m.y0 + t * LDY, m.y + t * LDY, ROWS);
	tap_ok(good, "%s: %s, tiles have the same bits in one call and in two", k->name, type_names[type]);
}

/* The largest codes and activations there are, of both signs and all of one: no step on the way to a sum may saturate. */
static void
test_largest(const struct kernels *k, const struct kernels *scalar)
{
	enum { ROWS = 48, COLS = 768, SIZE = ROWS * COLS };
	bool good = true;

	for (size_t type = 0; good && type < sizeof types / sizeof *types; type++)
		for (size_t t = 1; good && blocks_has(types[type]) && t <= 18; t++) {
			bool all = t % 2;
			make_weights(types[type], ROWS, COLS, COMMON);
			for (size_t i = 0; i < SIZE / TILE_CODES * tile_codes(blocks_of(types[type])); i++)
				m.w[i] = all || any() % 2 ? 255 : 0; /* of q8_0 127 and -128 */
			for (size_t i = 0; i < t * LD; i++)
				m.x[i] = all || any() % 2 ? 1 : -1;
			multiply(scalar, types[type], ROWS, COLS, m.x, t, m.y0, 0, 3);
			multiply(k, types[type], ROWS, COLS, m.x, t, m.y, 0, 3);
			for (size_t i = 0; i < t; i++)
				good &= same(m.y + i * LDY, m.y0 + i * LDY, ROWS);
			if (!good)
				printf("# %s, %zu tokens\n", type_names[type], t);
		}
	tap_ok(good, "%s: the largest codes and activations give the bits of scalar", k->name);
}

/* ---- rows ---- */

enum { MAX_N = 200 };

static bool
rows_agree(const struct kernels *k, const struct kernels *scalar, size_t n, enum kind kind)
{
	float x[MAX_N], w[MAX_N], a[MAX_N], b[MAX_N];
	float big = some(kind);

	fill(x, MAX_N, kind);
	fill(w, MAX_N, kind);
	memset(a, 0xff, sizeof a);
	memset(b, 0xff, sizeof b);
	k->rms_norm(a, x, w, n, 1e-5f);
	scalar->rms_norm(b, x, w, n, 1e-5f);
	if (!same(a, b, MAX_N) && printf("# rms_norm"))
		return false;
	k->silu_mul(a, x, w, n);
	scalar->silu_mul(b, x, w, n);
	if (!same(a, b, MAX_N) && printf("# silu_mul"))
		return false;
	k->swiglu_clamped(a, x, w, n);
	scalar->swiglu_clamped(b, x, w, n);
	if (!same(a, b, MAX_N) && printf("# swiglu_clamped"))
		return false;
	memcpy(a, x, sizeof a);
	memcpy(b, x, sizeof b);
	k->add(a, w, n);
	scalar->add(b, w, n);
	if (!same(a, b, MAX_N) && printf("# add"))
		return false;
	a[0] = k->softmax(a + 1, n - 1, big);
	b[0] = scalar->softmax(b + 1, n - 1, big);
	if (!same(a, b, MAX_N) && printf("# softmax"))
		return false;
	return (k->finite(x, n) != 0) == (scalar->finite(x, n) != 0) || !printf("# finite");
}

static void
test_rows(const struct kernels *k, const struct kernels *scalar)
{
	bool good = true;

	for (size_t n = 2; good && n <= 100; n++)
		for (int kind = 0; good && kind < KINDS; kind++)
			if (!rows_agree(k, scalar, n, (enum kind)kind)) {
				printf(": %zu elements, %s numbers\n", n, kind_name[kind]);
				good = false;
			}
	tap_ok(good, "%s: rms_norm, silu_mul, swiglu_clamped, add, softmax, finite have the bits of scalar", k->name);
}

static void
test_to_q8(const struct kernels *k, const struct kernels *scalar)
{
	enum { TOKENS = 19, COLS = 96 };
	float x[COLS];
	bool good = true;

	for (int kind = 0; kind < KINDS; kind++) {
		uint8_t *a = m.q8, *b = m.w;
		for (size_t t = 0; t < TOKENS; t++) {
			fill(x, COLS, (enum kind)kind);
			k->to_q8(a, TOKENS, t, x, COLS);
			scalar->to_q8(b, TOKENS, t, x, COLS);
		}
		good &= memcmp(a, b, q8_size(COLS, TOKENS)) == 0; /* also where there is no number */
	}
	tap_ok(good, "%s: to_q8 makes the bytes of scalar", k->name);
}

static void
test_rope(const struct kernels *k, const struct kernels *scalar)
{
	enum { HEADS = 3, DIM = 80 };
	float a[HEADS * DIM], b[HEADS * DIM], c[DIM], s[DIM];
	bool good = true;

	for (size_t dim = 0; dim <= DIM; dim += 2) {
		fill(a, HEADS * DIM, dim % 4 ? COMMON : WIDE);
		fill(c, DIM, COMMON);
		fill(s, DIM, COMMON);
		memcpy(b, a, sizeof a);
		k->rope(a, HEADS, DIM, c, s, dim);
		scalar->rope(b, HEADS, DIM, c, s, dim);
		good &= same(a, b, HEADS * DIM);
	}
	tap_ok(good, "%s: rope has the bits of scalar", k->name);
}

/* ---- attention ---- */

enum { PAGES = 4, MAX_HEAD = 144 };

/* Keys and values of PAGES pages, at most MAX_HEAD wide. */
struct cache {
	float *data;
	const void *k[PAGES], *v[PAGES];
};

static void
attend(const struct kernels *k, const struct cache *c, const float *q, float *out, size_t queries, size_t group, size_t dim,
    size_t pos)
{
	memset(out, 0xff, ATTEND_MAX_QUERIES * ATTEND_MAX_GROUP * dim * sizeof *out);
	k->attend(&(struct attend){ .q = q, .out = out, .k = c->k, .v = c->v, .queries = queries, .ldq = group * dim,
	    .ldo = group * dim, .group = group, .head_dim = dim, .pos = pos, .scale = 0.125f });
}

/* Bits that no key or value up to `last` has: what lies behind must not matter. */
static void
spoil(struct cache *c, size_t dim, size_t last, uint32_t with)
{
	for (size_t pos = last + 1; pos < PAGES * KV_PAGE; pos++) {
		float *page = c->data + pos / KV_PAGE * 2 * KV_PAGE * dim;
		for (size_t d = 0; d < dim; d++) {
			page[d * KV_PAGE + pos % KV_PAGE] = f32_from_bits(with);
			page[KV_PAGE * dim + pos % KV_PAGE * dim + d] = f32_from_bits(with);
		}
	}
}

static bool
attention_agrees(const struct kernels *k, const struct kernels *scalar, struct cache *c, size_t group, size_t dim,
    size_t pos, size_t queries)
{
	size_t n = queries * group * dim;
	float *q = m.x, *a = m.y, *b = m.y0;

	fill(c->data, PAGES * 2 * KV_PAGE * dim, COMMON);
	fill(q, n, any() % 2 ? COMMON : WIDE);
	for (size_t i = 0; i < PAGES; i++) {
		c->k[i] = c->data + i * 2 * KV_PAGE * dim;
		c->v[i] = c->data + (2 * i + 1) * KV_PAGE * dim;
	}
	spoil(c, dim, pos + queries - 1, 0x7fc00000);
	attend(scalar, c, q, b, queries, group, dim, pos);
	spoil(c, dim, pos + queries - 1, 0x7f800000);
	attend(k, c, q, a, queries, group, dim, pos);
	bool good = same(a, b, n) && k->finite(a, n);
	for (size_t i = 0; i < queries; i++) {
		attend(k, c, q + i * group * dim, a, 1, group, dim, pos + i);
		good &= same(a, b + i * group * dim, group * dim);
	}
	if (!good)
		printf("# %zu heads of %zu, %zu queries from position %zu\n", group, dim, queries, pos);
	return good;
}

static void
test_attention(const struct kernels *k, const struct kernels *scalar, struct cache *c)
{
	static const size_t dims[] = { 8, 16, 20, 64, 80, 100, 128, MAX_HEAD };
	bool good = true;

	for (size_t pos = 0; good && pos < 130; pos += 1 + pos / 20 * 3)
		good = attention_agrees(k, scalar, c, 1 + pos % 5, 8 + 8 * (pos % 3), pos, 1 + any() % 4);
	for (int i = 0; good && i < 40; i++) {
		size_t queries = 1 + any() % ATTEND_MAX_QUERIES, pos = any() % (PAGES * KV_PAGE - queries);
		good = attention_agrees(k, scalar, c, 1 + any() % 8, dims[any() % 8], pos, queries);
	}
	tap_ok(good, "%s: attention has the bits of scalar, for queries together and alone", k->name);
}

/* ---- the exponential, by softmax and silu ---- */

/* Units in the last place of `right` between the two. */
static double
ulps(float got, double right)
{
	float near = (float)right;
	double unit = (double)f32_from_bits(f32_bits(near) + 1) - (double)near, off = ((double)got - right) / unit;

	return off < 0 ? -off : off;
}

static void
test_exp(const struct kernels *k)
{
	double worst = 0, worst_silu = 0;

	for (size_t i = 0; i < sizeof golden_exp / sizeof *golden_exp; i++) {
		float x[2] = { golden_exp[i].x, 0 }, one = 1, minus = -golden_exp[i].x, y;
		if (x[0] <= 0) {
			k->softmax(x, 2, 1);
			double off = ulps(x[0], golden_exp[i].exp);
			worst = off > worst ? off : worst;
		}
		k->silu_mul(&y, &minus, &one, 1);
		double off = ulps(y, (double)minus / (1 + golden_exp[i].exp));
		worst_silu = off > worst_silu ? off : worst_silu;
	}
	tap_ok(worst < 0.85, "%s: exp is within %.2f units of exact", k->name, worst);
	tap_ok(worst_silu < 2, "%s: silu is within %.2f units of exact", k->name, worst_silu);

	float edge[3] = { -88, -__builtin_inff(), 0 };
	k->softmax(edge, 3, 1);
	tap_ok(f32_bits(edge[0]) == 0 && f32_bits(edge[1]) == 0 && edge[2] == 1, "%s: exp of -88 and of -infinity is zero", k->name);
}

/* ---- the known-answer test, and what must not pass it ---- */

static const struct kernels *honest;

static void
false_matmul(const struct matmul *p, size_t first, size_t last)
{
	honest->matmul(p, first, last);
	p->y[0] = f32_from_bits(f32_bits(p->y[0]) ^ 1);
}

static void
false_norm(float *y, const float *x, const float *w, size_t n, float eps)
{
	honest->rms_norm(y, x, w, n, 2 * eps);
}

static void
false_silu(float *y, const float *gate, const float *up, size_t n)
{
	honest->silu_mul(y, up, gate, n);
}

static void
false_to_q8(void *q8, size_t tokens, size_t t, const float *x, size_t n)
{
	honest->to_q8(q8, tokens, t, x, n);
	((int8_t *)q8)[3] ^= 1;
}

static void
false_to_bf16(float *to, const float *x, size_t n)
{
	float y[64];

	for (size_t i = 0; i < n; i++)
		y[i] = f32_from_bits(f32_bits(x[i]) & 0xffff0000); /* towards zero */
	honest->to_bf16(to, y, n);
}

static void
false_rope(float *x, size_t heads, size_t head_dim, const float *cos, const float *sin, size_t rope_dim)
{
	honest->rope(x, heads, head_dim, sin, cos, rope_dim);
}

static void
false_attend(const struct attend *a)
{
	struct attend wrong = *a;

	wrong.pos--;
	honest->attend(&wrong);
}

static float
false_softmax(float *x, size_t n, float scale)
{
	float sum = honest->softmax(x, n, scale);

	return f32_from_bits(f32_bits(sum) + 1);
}

static int
always_finite(const float *x, size_t n)
{
	(void)x, (void)n;
	return 1;
}

static void
no_add(float *y, const float *x, size_t n)
{
	(void)y, (void)x, (void)n;
}

static void
test_known(const struct kernels *k)
{
	const char *failed = kernels_test(k);
	struct kernels wrong[10];

#ifdef MAI_TEST_REORDER
	if (strcmp(k->name, "scalar")) {
		tap_ok(failed != NULL, "%s: a reordered sum fails the known-answer test", k->name);
		return;
	}
#endif
	tap_ok(!failed, "%s: known answers%s%s", k->name, failed ? ", but not of " : "", failed ? failed : "");
	honest = k;
	for (int i = 0; i < 10; i++)
		wrong[i] = *k;
	wrong[0].matmul = false_matmul;
	wrong[1].rms_norm = false_norm;
	wrong[2].silu_mul = false_silu;
	wrong[3].to_q8 = false_to_q8;
	wrong[4].to_bf16 = false_to_bf16;
	wrong[5].rope = false_rope;
	wrong[6].attend = false_attend;
	wrong[7].softmax = false_softmax;
	wrong[8].finite = always_finite;
	wrong[9].add = no_add;
	int noticed = 0;
	for (int i = 0; i < 10; i++)
		noticed += kernels_test(&wrong[i]) != NULL;
	tap_ok(noticed == 10, "%s: a set with one wrong function fails it, whichever that is", k->name);
}

static void
test_choice(void)
{
	const struct kernels *k;

	setenv("MAI_CPU", "abacus", 1);
	tap_ok(!kernels_best(), "MAI_CPU with an unknown name is an error");
	setenv("MAI_CPU", "scalar", 1);
	k = kernels_best();
	tap_ok(k && !strcmp(k->name, "scalar"), "MAI_CPU=scalar forces it");
	unsetenv("MAI_CPU");
	k = kernels_best();
	tap_ok(k != NULL, "there is a set for this processor: %s", k ? k->name : "none");
}

/* ---- all ---- */

static void
test_set(const struct kernels *k, const struct kernels *scalar, struct cache *c)
{
	test_known(k);
	test_exp(k);
	for (int type = 0; type < (int)(sizeof types / sizeof *types); type++) {
		if (k != scalar)
			test_products(k, scalar, type);
		test_batches(k, type);
	}
	if (k == scalar)
		return;
	test_largest(k, scalar);
	test_rows(k, scalar);
	test_to_q8(k, scalar);
	test_rope(k, scalar);
	test_attention(k, scalar, c);
}

int
main(void)
{
	struct cache c = { .data = mem_alloc64(PAGES * 2 * KV_PAGE * MAX_HEAD, sizeof(float)) };
	size_t wide = ATTEND_MAX_QUERIES * ATTEND_MAX_GROUP * MAX_HEAD;

	m.w = mem_alloc64((size_t)MAX_ROWS * (MAX_COLS + 2), 4);
	m.x = mem_alloc64(MAX_TOKENS * LD + wide, sizeof(float));
	m.bf16 = mem_alloc64(MAX_TOKENS * LD, sizeof(float));
	m.q8 = mem_alloc64(q8_size(LD, MAX_TOKENS), 1);
	m.y = mem_alloc64(MAX_TOKENS * LDY + wide, sizeof(float));
	m.y0 = mem_alloc64(MAX_TOKENS * LDY + wide, sizeof(float));
	if (!c.data || !m.w || !m.x || !m.bf16 || !m.q8 || !m.y || !m.y0)
		return 3;
	const struct kernels *scalar = kernels_named("scalar");
	for (size_t i = 0; kernels_name(i); i++) {
		const struct kernels *k = kernels_named(kernels_name(i));
		if (k)
			test_set(k, scalar, &c);
		else
			tap_skip(kernels_name(i), "this processor or system lacks it");
	}
	test_choice();
	free(c.data);
	free(m.w);
	free(m.x);
	free(m.bf16);
	free(m.q8);
	free(m.y);
	free(m.y0);
	return tap_done();
}
