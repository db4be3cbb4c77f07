/* engine_impl.h: what the files of the engine share. */
#ifndef MAI_COMPUTE_ENGINE_IMPL_H
#define MAI_COMPUTE_ENGINE_IMPL_H

#include "compute/engine.h"
#include "compute/rope.h"

enum { RECURRENT_PARTS = 11 }; /* at most, of a row */

struct mixer;

enum { ENGINE_SCRATCH = 64 };

struct engine {
	const struct model *model;
	const struct mixer *mixer;
	struct adapter_list adapters; /* the caller's */
	const struct kernels *kernels;
	struct pool *pool;
	struct kv *kv;
	struct weights weights;
	struct inputs *inputs;    /* told of what goes into each matrix; NULL: nobody asks */
	struct rope rope[2];      /* the second for layers with a window, where they have one of their own */
	uint32_t context;
	size_t keys;              /* that every row of the batch attends to; 0: those up to its position */
	float attention_scale;    /* of scores */

	void *scratch[ENGINE_SCRATCH]; /* what all that follows is in */
	size_t n_scratch;

	/* For one batch, with padded rows. */
	size_t x_ld, q_ld, kv_ld, ffn_ld, low_ld;
	float *normed, *q, *k, *v, *attended, *gate, *up, *out;
	float *low;               /* what the A of adapters give; none without adapters */
	float *cos[2], *sin[2];
	float *position;          /* one row: what is added to an embedding */
	struct activations act;   /* of the matrices that come next */

	/* Of latent attention: heads as a matrix gives them, before keys are put to queries, and outputs behind values. */
	size_t heads_ld;
	float *heads;

	/* Of experts: scores, who is chosen with which weight, an expert's rows, and what is made of all. */
	size_t scores_ld;
	float *scores, *preferred, *chosen_weight, *gathered, *gathered_weight, *mixed;
	uint32_t *chosen;
	size_t *gathered_row;

	/* Of recurrent layers: what their rows are made into, each of a width of its own. */
	float *part[RECURRENT_PARTS];
	size_t part_ld[RECURRENT_PARTS];

	const void **page_keys, **page_values;
	size_t *page_of_row;      /* where each row's pages begin in those */
	size_t *run, n_runs;      /* rows at which runs begin that go through attention together, and behind them n */
	size_t pages_cap;
};

/*
 * products.c: products of up to three matrices with the same activations as one job, an item of which is a run of tiles of
 * one matrix. What follows a product row by row is done on the same tiles while they are in the cache.
 */
struct products {
	struct engine *e;
	struct matmul m[3];
	const struct weight *w[3];
	size_t low_at[3];    /* where theirs begins in a row of e->low */
	size_t low_width;    /* of all */
	size_t n;
	size_t chunk;        /* tiles an item */
	size_t items[3];     /* items of each */
	float *add_to;       /* residual: add_to[t][] += y[t][], or NULL */
	bool gated;          /* m[0] is the gate and m[1] the same rows of `up`: y0 = act(y0) * y1 */
	bool activated;      /* y = act(y) */
};

/* y = the norm of x, n elements; in place too. Without one, nothing is done: false. */
bool engine_norm_row(const struct engine *e, const struct norm *norm, float *y, const float *x, size_t n);

/* Makes n rows ready for the given matrices, which have the same columns. With `norm`, after normalising. */
void products_prepare(struct engine *e, const struct norm *norm, const float *x, size_t ld, size_t n,
    const struct weight *const *w, size_t n_w);

/* One more matrix for the rows made ready last: y[t] = W x[t]. */
void products_add(struct products *p, const struct weight *w, float *y, size_t ldy, size_t tokens);
void products_run(struct products *p);

/* Of n rows of x, after normalising where there is a norm: one matrix, y[t] = W x[t]. */
void products_one(struct engine *e, const struct norm *norm, const struct weight *w, const float *x, size_t ld, float *y, size_t ldy, size_t n);

/* Likewise the wide half of a feed-forward block, into e->gate: act(gate x) * (up x), or act(up x) where the gate has no data. */
void products_wide(struct engine *e, const struct norm *norm, const struct weight *gate, const struct weight *up, const float *x, size_t n);

/* x += W y of a block's last matrix, whose inputs lie in `in`; with the norms behind it, and scaled. */
void engine_add_product(struct engine *e, const struct weight *w, const struct norm *post, const struct norm *sum, const float *in, size_t ld, float *x, size_t n);

/*
 * experts.c: the feed-forward block of a layer with experts, from n rows of x into e->mixed. Experts come in ascending order, so that a row's
 * result does not depend on what else is in the batch.
 */
void experts_run(struct engine *e, const struct layer *l, const float *x, size_t n);

/*
 * attention.c: the rows of one batch, in each layer. attention_run takes e->q, e->k and e->v and leaves its result in
 * e->attended; `layer` counts from this part's first. attention_begin, before the first layer: 0, or -1 without memory.
 */
int attention_begin(struct engine *e, const struct engine_row *rows, size_t n);
void attention_store(struct engine *e, const struct engine_row *rows, size_t n, uint32_t layer); /* the keys and values only */
void attention_run(struct engine *e, const struct engine_row *rows, size_t n, uint32_t layer);

/*
 * latent.c: latent attention in place of queries, keys and values of their own. Of n rows of x queries and keys come into e->q and e->k, not yet
 * normalised and rotated, which latent_row does for row t; keys are values too. latent_end takes e->attended and leaves in e->heads
 * what the layer's o takes.
 */
void latent_begin(struct engine *e, const struct layer *l, const float *x, size_t n);
void latent_row(const struct engine *e, const struct layer *l, size_t t, const float *cos, const float *sin);
void latent_end(struct engine *e, const struct layer *l, size_t n);
double latent_scale(const struct hparams *hp); /* of scores */

/*
 * A kind of layers: one of them over n rows of x; and of recurrent ones the widths of what is made of a row on the way, and the floats of a
 * layer's state. mamba.c, rwkv.c.
 */
struct mixer {
	void (*layer)(struct engine *e, const struct layer *l, float *x, const struct engine_row *rows, size_t n, uint32_t number);
	void (*widths)(const struct hparams *hp, size_t width[RECURRENT_PARTS]); /* NULL: not recurrent */
	uint64_t (*state)(const struct hparams *hp);
};
extern const struct mixer mixer_mamba, mixer_rwkv;

/* Row t of a part. */
static inline float *
engine_part(const struct engine *e, size_t which, size_t t)
{
	return e->part[which] + t * e->part_ld[which];
}

/* Which of the two ropes a layer has. */
static inline int
engine_rope_of(const struct engine *e, uint32_t layer)
{
	return e->rope[1].pairs > 0 && hparams_window(&e->model->hp, e->model->layer_first + layer) > 0;
}

#endif
