/* pass_impl.h: what the files of the pass share. */
#ifndef MAI_TRAIN_PASS_IMPL_H
#define MAI_TRAIN_PASS_IMPL_H

#include "compute/kernel.h"
#include "compute/rope.h"
#include "train/blas.h"
#include "train/ops.h"
#include "train/pass.h"

/* What a layer keeps for the way back, [rows][...] each. */
struct kept {
	float *in;                  /* [dim] */
	float *qkv;                 /* [qkv rows], q and k rotated */
	float *attended;            /* [q rows] */
	struct softmax_row *softmax; /* [heads] */
	float *middle;              /* [dim]: behind attention */
	float *gate_up;             /* [2 ffn] */
};

struct pass {
	const struct net *net;
	const struct lora *lora;
	const struct kernels *kernels;
	const struct ops *ops;
	struct rope rope;
	uint32_t context;
	size_t rows;                /* at most, a multiple of context */
	size_t logit_rows;          /* at most */
	float eps, attention_scale;

	struct kept *layer;
	float *cos, *sin, *back;    /* [context][pairs]; back: -sin, which turns the other way */
	float *x, *normed;          /* [rows][dim] */
	float *dx, *dnormed;        /* [rows][dim] */
	float *dqkv, *dattended;    /* [rows][...] as above */
	float *h, *dh;              /* [rows][ffn] */
	float *logits;              /* [logit_rows][n_vocab] */
	float *scores, *dscores;    /* [PASS_QUERIES][context] */
	float *low, *dlow;          /* [rows][rank] */
	float *unused;              /* [dim]: gradients of norms that are not trained */
	uint32_t *token, *target;   /* [rows] */
	float *memory;              /* all of these */
};

static inline struct matrix
matrix(float *at, size_t ld)
{
	return (struct matrix){ at, ld };
}

/* ---- linear.c: matrices of a layer, with their adapters ---- */

/* The targets [first, first + n) lie one behind the other at `w` of the net's weights. */
struct linear {
	uint32_t layer;
	enum lora_target first;
	unsigned n;
	size_t w;
	size_t rows, cols; /* of all together */
};

/* y[n][rows] = W x, or with `add` y += W x. */
void linear_forward(struct pass *p, const struct linear *l, float *y, float *x, size_t n, bool add);

/* dx[n][cols] = W^T dy. */
void linear_to_input(struct pass *p, const struct linear *l, float *dx, float *dy, size_t n);

/* The weights' part: of the net, or of the adapter. */
void linear_to_weights(struct pass *p, const struct linear *l, float *gradient, float *dy, float *x, size_t n);

/* ---- attention.c: of whole sequences, rows of the layer's qkv ---- */

void attention_forward(struct pass *p, const struct kept *k, size_t n);

/* From dattended to dqkv. */
void attention_back(struct pass *p, const struct kept *k, size_t n);

/* ---- loss.c ---- */

/*
 * The loss of n rows of p->normed, the head's input, against their targets; with a gradient p->dnormed and the head's
 * part of it (unless there is an adapter).
 */
double loss_rows(struct pass *p, const uint32_t *target, size_t n, float *gradient, float scale);

#endif
