/*
 * ops.h: what training does element by element and row by row, beside the kernels of compute/kernel.h.
 *
 * Written once in lanes (ops.inc, compute/lanes.h) and compiled for each instruction set; all sets give the same bits.
 * Gradients: dx stands for the derivative of the loss by x.
 */
#ifndef MAI_TRAIN_OPS_H
#define MAI_TRAIN_OPS_H

#include <stddef.h>

/* What turns a row of scores s back into its softmax: p = exp((s - top) * scale) * inverse. */
struct softmax_row {
	float top, inverse;
};

/* One step of AdamW, the same for all elements (Loshchilov and Hutter, arXiv:1711.05101). */
struct adamw {
	float lr, beta1, beta2, epsilon;
	float decay;                    /* weight decay, 0 for vectors */
	float correction1, correction2; /* 1 / (1 - beta^t) */
	float gradient_scale;           /* of clipping */
};

struct ops {
	/* y = rms_norm(x, w): dx += ..., dw += ..., n elements each */
	void (*rms_norm_back)(float *dx, float *dw, const float *dy, const float *x, const float *w, size_t n, float eps);

	/* h = silu(gate) * up. Makes h anew, and of dh the gradients of gate and up, which take their places. */
	void (*silu_mul_back)(float *h, float *gate, float *up, const float *dh, size_t n);

	/* Softmax in place of s[0..n) times scale; zeros in s[n..padded). */
	struct softmax_row (*softmax)(float *s, size_t n, size_t padded, float scale);

	/* The same from what that returned. */
	void (*softmax_again)(float *s, size_t n, size_t padded, float scale, struct softmax_row row);

	/* ds = p * (dp - sum) * scale in place of dp; sum is that of p * dp. */
	void (*softmax_back)(float *dp, const float *p, size_t n, float sum, float scale);

	float (*dot)(const float *a, const float *b, size_t n);
	void (*add)(float *y, const float *x, size_t n); /* y += x */
	void (*scale)(float *x, size_t n, float by);
	void (*adamw)(const struct adamw *a, float *w, float *m, float *v, const float *g, size_t n);
};

/* The set that goes with kernels_best(); NULL with a reason. */
const struct ops *ops_best(void);

extern const struct ops ops_scalar;
#if defined(__x86_64__)
extern const struct ops ops_avx2, ops_avx512;
#elif defined(__aarch64__)
extern const struct ops ops_neon;
#endif

#endif
