/*
 * kernel.h: the arithmetic of mai-arithmetic(7), as a table of functions for each instruction set.
 *
 * All sets give the same bits. kernels_best picks the fastest that the processor has and that passes a known-answer test;
 * MAI_CPU=scalar|sse4|avx2|avxvnni|avx512|avx512bf16|amx|neon forces one.
 * Rows of activations are f32, `n` elements. Weights are tiles of 16 rows (model/tile.h).
 */
#ifndef MAI_COMPUTE_KERNEL_H
#define MAI_COMPUTE_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Activations of T tokens made ready: f32 and f16 weights take the f32 rows as they are; bf16 weights take rows rounded
 * to bf16 (to_bf16); weights of blocks, q8_0 and others, take int8 blocks (to_q8). The last two are the kernel set's own and lie in its layout.
 * ld, and ldy below, should be no multiple of 1024: else rows compete for the same places in the cache.
 */
struct activations {
	size_t ld;           /* elements from row to row of f32 and bf16: at least cols, a multiple of 16 */
	const float *f32;    /* [T][ld] */
	float *bf16;         /* [T][ld], each row the bytes that to_bf16 makes */
	void *q8;            /* q8_size(cols, T) bytes, 64-byte aligned */
};

enum {
	Q8_BLOCK = 32, /* elements that share a scale */
	Q8_GROUP = 16, /* tokens that lie together in q8: threads that share the work of to_q8 should take whole groups */
};

/* Bytes of q8 for T tokens of `cols` elements, a multiple of 32. */
static inline size_t
q8_size(size_t cols, size_t tokens)
{
	return tokens * (cols / Q8_BLOCK) * (Q8_BLOCK + 4 * sizeof(float));
}

struct matmul {
	uint32_t type;       /* plain type of the weights, one that tile_supports */
	const void *w;       /* the tiles of the matrix, aligned as model/tile.h has them: of blocks their codes */
	const void *scales;  /* of blocks: of these tiles */
	size_t rows, cols;   /* of the matrix, rows without padding */
	const struct activations *x;
	size_t tokens;
	float *y;            /* [T][ldy]: rows rounded up to 16 are written */
	size_t ldy;          /* multiple of 16, at least rows rounded up to 16 */
};

/*
 * Attention of `group` query heads that share a KV head, for queries at consecutive positions of one sequence: the i-th
 * is at pos + i and sees the keys 0..pos + i, or the last `window` of them. Several at once read keys and values once; the bits are
 * those of one at a time. Pages hold 64 positions each, aligned: keys transposed, k[d][64], values v[64][head_dim]. What the last page holds
 * for positions behind the last query has no effect, whatever its bits.
 *
 * Of type q8_0 they are bytes, and before all of a page's keys or values stand the scales of 32 elements each, as f32 that f16 has:
 * of keys [head_dim/32][64], of values [64][head_dim/32]. head_dim is a multiple of 32 then.
 */
struct attend {
	const float *q;        /* [queries][ldq], of which [group][head_dim] */
	float *out;            /* [queries][ldo], of which [group][head_dim] */
	const void *const *k;  /* one pointer a page: [head_dim][64] */
	const void *const *v;  /* one pointer a page: [64][head_dim] */
	uint32_t type;         /* what they point to: TYPE_F32, TYPE_F16 or TYPE_Q8_0 */
	size_t queries, ldq, ldo;
	size_t group, head_dim;
	size_t pos;
	size_t keys;           /* 0: as above; else each query sees so many keys, wherever it is */
	size_t window;         /* 0: none */
	float scale;           /* of the products of queries and keys: 1/sqrt(head_dim), mostly */
	float soft_cap;        /* of scores behind that; 0: none */
	const float *sinks;    /* [group]: a score that each head has beside those of keys, without a value; NULL: none */
};

/*
 * Mamba (Gu, Dao 2023), of one row: its convolution over the last `taps` positions, and its scan. Elements are channels, each
 * apart from all others; what there is of several for each channel lies `ld` elements apart.
 */
struct ssm_conv {
	float *last;           /* [taps - 1]: the inputs before x, the oldest first, which x then joins */
	const float *w, *b;    /* w: [taps] */
	const float *x;
	float *y;              /* silu(b + sum of w * inputs), in ascending order */
	size_t taps, ld, n;
};

struct ssm_scan {
	float *h;              /* [states]: h = h * exp(t * a) + t * x * b, where t = softplus(dt), for each of b */
	const float *a;        /* [states] */
	const float *b, *c;    /* of all channels: one number for each state */
	const float *x, *dt, *d;
	float *y;              /* sum of c * h, in ascending order, + d * x; may be dt */
	size_t states, ld, n;
};

/*
 * RWKV-7 (Peng et al. 2025), of one row and head: the state is a matrix, of which element [i][j] lies at s[j * n + i]:
 * s[i] = s[i] * w + v[i] * k + (s[i] . a) * b,  y[i] = s[i] . r.
 */
struct wkv {
	float *s;
	const float *r, *w, *k, *v, *a, *b;
	float *y;
	size_t n;              /* a multiple of 16 */
};

enum { KV_PAGE = 64, ATTEND_MAX_QUERIES = 16, ATTEND_MAX_GROUP = 64, ATTEND_MAX_HEAD_DIM = 1024 };

struct kernels {
	const char *name;

	/*
	 * y = W x for the tiles [first, last) of 16 rows and all tokens. Tiles are worked on in pairs: even numbers suit;
	 * 8 to 16 at a time for many tokens (a call goes through all activations), any number for few.
	 */
	void (*matmul)(const struct matmul *m, size_t first, size_t last);

	/* One row rounded to bf16, for products: at most n + 1 elements are written, an odd last one is paired with zero. */
	void (*to_bf16)(float *to, const float *x, size_t n);

	/* Row t of T made int8 blocks; n is a multiple of 32. */
	void (*to_q8)(void *q8, size_t tokens, size_t t, const float *x, size_t n);

	void (*rms_norm)(float *y, const float *x, const float *w, size_t n, float eps); /* y = x / rms(x) * w; w NULL: ones */
	/* y = (x - mean(x)) / sqrt(variance(x) + eps) * w + b (Ba, Kiros, Hinton 2016); b may be NULL */
	void (*layer_norm)(float *y, const float *x, const float *w, const float *b, size_t n, float eps);
	void (*add)(float *y, const float *x, size_t n);                                 /* y += x */
	void (*add_scaled)(float *y, const float *x, float s, size_t n);                 /* y += s * x */
	void (*silu_mul)(float *y, const float *gate, const float *up, size_t n);        /* y = silu(gate) * up */
	/* y = gelu(gate) * up, in its form with tanh (Hendrycks, Gimpel 2016); without up, which may be NULL, y = gelu(gate) */
	void (*gelu_mul)(float *y, const float *gate, const float *up, size_t n);
	/* The gate of gpt-oss: g = min(gate, 7), y = g / (1 + exp(-1.702 g)) * (u + 1), where u is up within -7 and 7 */
	void (*swiglu_clamped)(float *y, const float *gate, const float *up, size_t n);
	void (*soft_cap)(float *x, size_t n, float cap);                                 /* x = cap * tanh(x / cap) */

	/*
	 * Rotates `heads` heads of head_dim in place, i < rope_dim/2 by cos[i], sin[i]: the pairs (2i, 2i + 1), or
	 * (i, i + rope_dim/2) of halves.
	 */
	void (*rope)(float *x, size_t heads, size_t head_dim, const float *cos, const float *sin, size_t rope_dim);
	void (*rope_halves)(float *x, size_t heads, size_t head_dim, const float *cos, const float *sin, size_t rope_dim);

	void (*attend)(const struct attend *a);

	void (*ssm_conv)(const struct ssm_conv *c);
	void (*ssm_scan)(const struct ssm_scan *s);
	void (*wkv)(const struct wkv *h);
	void (*sigmoid)(float *x, size_t n);                /* x = 1 / (1 + exp(-x)) */
	void (*exp_scaled)(float *x, float s, size_t n);    /* x = exp(s * x) */

	/* Softmax in place: x = exp((x - max(x)) * scale), returns their sum; the largest is first found over all. */
	float (*softmax)(float *x, size_t n, float scale);

	/* True when every element is finite. */
	int (*finite)(const float *x, size_t n);
};

/* The set to use, or NULL with a reason: MAI_CPU names one that is unknown, absent here or that fails its test. */
const struct kernels *kernels_best(void);

#endif
