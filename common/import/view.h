/*
 * view.h: which elements of a tensor become a tensor, and in which order: what import/recipe.h does to tensors is a view of each.
 */
#ifndef MAI_IMPORT_VIEW_H
#define MAI_IMPORT_VIEW_H

#include "import/recipe.h"
#include "model/safetensors.h"

enum { VIEW_DIMS = 4, VIEW_PIECES = 3 };

/* Elements base + i[0] * step[0] + i[1] * step[1] + ... for all i below n, i[0] running fastest. */
struct view_piece {
	uint64_t base, n[VIEW_DIMS], step[VIEW_DIMS];
};

struct view {
	uint32_t n_dims;            /* of what is made */
	uint64_t ne[VIEW_DIMS];     /* the first runs fastest; 1 beyond n_dims */
	uint32_t n_pieces;
	struct view_piece piece[VIEW_PIECES]; /* one behind the other */
	uint32_t unit;              /* bytes of what counts as an element: of HOW_MXFP4* the codes of 32 numbers */
};

/* Numbers by which tensors are taken apart; 0 where a model doesn't have them. */
struct view_sizes {
	uint64_t heads, kv_heads;
	uint64_t latent_key, latent_value; /* rows a head of either */
};

/* 0, or -1 with a reason where the tensor's shape is none that this is done to. All elements of the view are of the tensor. */
int view_make(struct view *v, enum recipe_how how, const struct safetensor *t, const struct view_sizes *sizes);

/*
 * Calls `run` for all elements in order, by runs: n elements from `at` on, each `step` behind the one before. 0, or -1 as soon as it
 * returns that.
 */
typedef int view_run(void *arg, uint64_t at, uint64_t n, uint64_t step);
int view_each(const struct view *v, view_run *run, void *arg);

#endif
