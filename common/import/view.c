#include "import/view.h"

#include "base/err.h"

enum { MXFP4_BLOCK = 32, MXFP4_CODES = 16 }; /* numbers of a block, and the bytes of their codes */

/* What a tensor is taken for: `many` matrices of rows x cols, which of a vector is one column. */
struct shape {
	uint64_t many, rows, cols;
};

static int
wrong(const struct safetensor *t)
{
	return err_set(ERR_DATA, "tensor %.200s: its shape does not fit the model's sizes", t->name);
}

static struct shape
shape_of(const struct safetensor *t)
{
	return (struct shape){
		.many = t->n_dims > 2 ? t->shape[t->n_dims - 3] : 1,
		.rows = t->n_dims > 1 ? t->shape[t->n_dims - 2] : t->shape[0],
		.cols = t->n_dims > 1 ? t->shape[t->n_dims - 1] : 1,
	};
}

static void
one_piece(struct view *v, uint64_t base, const uint64_t n[VIEW_DIMS], const uint64_t step[VIEW_DIMS])
{
	struct view_piece *p = &v->piece[v->n_pieces++];

	p->base = base;
	for (int i = 0; i < VIEW_DIMS; i++) {
		p->n[i] = n[i];
		p->step[i] = step[i];
	}
}

#define PIECE(v, base, ...) one_piece(v, base, (const uint64_t[VIEW_DIMS])__VA_ARGS__)
#define BY(...) (const uint64_t[VIEW_DIMS])__VA_ARGS__

static void
made(struct view *v, uint32_t n_dims, uint64_t a, uint64_t b, uint64_t c)
{
	v->n_dims = n_dims;
	v->ne[0] = a;
	v->ne[1] = b;
	v->ne[2] = c;
	v->ne[3] = 1;
}

static int
as_it_is(struct view *v, const struct safetensor *t)
{
	if (t->n_dims > VIEW_DIMS)
		return wrong(t);
	v->n_dims = t->n_dims ? t->n_dims : 1;
	for (uint32_t i = 0; i < VIEW_DIMS; i++)
		v->ne[i] = i < t->n_dims ? t->shape[t->n_dims - 1 - i] : 1;
	PIECE(v, 0, { t->n, 1, 1, 1 }, BY({ 1, 0, 0, 0 }));
	return 0;
}

/* In so many dimensions: the last has the rows. */
static int
in_rows(struct view *v, const struct safetensor *t, uint32_t n_dims)
{
	uint64_t cols = n_dims > 1 && t->n_dims > 0 ? t->shape[t->n_dims - 1] : t->n;

	if (as_it_is(v, t) < 0)
		return -1;
	made(v, n_dims, cols, 1, 1);
	v->ne[n_dims - 1] = n_dims > 1 ? t->n / cols : cols;
	return 0;
}

static int
in_pairs(struct view *v, const struct safetensor *t, struct shape s, uint64_t heads)
{
	uint64_t half = heads ? s.rows / heads / 2 : 0;

	if (s.many != 1 || half == 0 || half * 2 * heads != s.rows || as_it_is(v, t) < 0)
		return wrong(t);
	v->n_pieces = 0;
	PIECE(v, 0, { s.cols, 2, half, heads }, BY({ 1, half * s.cols, s.cols, 2 * half * s.cols }));
	return 0;
}

static int
qkv(struct view *v, const struct safetensor *t, struct shape s, const struct view_sizes *sizes)
{
	uint64_t kv = sizes->kv_heads, queries = kv ? sizes->heads / kv : 0, group = kv ? s.rows / kv : 0;
	uint64_t head = group / (queries + 2) * s.cols; /* elements */

	if (s.many != 1 || head == 0 || queries * kv != sizes->heads || head * (queries + 2) * kv != t->n || as_it_is(v, t) < 0)
		return wrong(t);
	v->n_pieces = 0;
	group *= s.cols;
	PIECE(v, 0, { queries * head, kv, 1, 1 }, BY({ 1, group, 0, 0 }));
	PIECE(v, queries * head, { head, kv, 1, 1 }, BY({ 1, group, 0, 0 }));
	PIECE(v, (queries + 1) * head, { head, kv, 1, 1 }, BY({ 1, group, 0, 0 }));
	return 0;
}

/* Of each row every so many elements from `first` on, as columns. */
static int
transposed(struct view *v, const struct safetensor *t, struct shape s, uint64_t first, uint64_t every)
{
	uint64_t cols = s.cols / every;

	if (t->n_dims < 2 || t->n_dims > 3 || cols * every != s.cols)
		return wrong(t);
	made(v, t->n_dims, s.rows, cols, s.many);
	PIECE(v, first, { s.rows, cols, s.many, 1 }, BY({ s.cols, every, s.rows * s.cols, 0 }));
	return 0;
}

static int
half_of_rows(struct view *v, const struct safetensor *t, struct shape s, uint64_t which)
{
	uint64_t rows = s.rows / 2;

	if (t->n_dims != 3 || rows * 2 != s.rows)
		return wrong(t);
	made(v, 3, s.cols, rows, s.many);
	PIECE(v, which * rows * s.cols, { rows * s.cols, s.many, 1, 1 }, BY({ 1, s.rows * s.cols, 0, 0 }));
	return 0;
}

static int
every_other(struct view *v, const struct safetensor *t, struct shape s, uint64_t which)
{
	if (t->n_dims != 2 || s.cols % 2 != 0)
		return wrong(t);
	made(v, 2, s.cols / 2, s.rows, 1);
	PIECE(v, which, { s.cols / 2, s.rows, 1, 1 }, BY({ 2, s.cols, 0, 0 }));
	return 0;
}

static int
latent(struct view *v, const struct safetensor *t, struct shape s, const struct view_sizes *sizes, bool values)
{
	uint64_t key = sizes->latent_key, value = sizes->latent_value, head = (key + value) * s.cols;

	if (t->n_dims != 2 || key == 0 || value == 0 || (key + value) * sizes->heads != s.rows)
		return wrong(t);
	if (values) {
		made(v, 3, s.cols, value, sizes->heads);
		PIECE(v, key * s.cols, { value * s.cols, sizes->heads, 1, 1 }, BY({ 1, head, 0, 0 }));
	} else {
		made(v, 3, key, s.cols, sizes->heads);
		PIECE(v, 0, { key, s.cols, sizes->heads, 1 }, BY({ s.cols, 1, head, 0 }));
	}
	return 0;
}

/* Codes of many matrices: rows of blocks of 16 bytes. Of the rows every so many from `first` on. */
static int
mxfp4(struct view *v, const struct safetensor *t, uint64_t first, uint64_t every)
{
	uint64_t many = t->shape[0], rows = t->shape[1], blocks = t->shape[2];

	if (t->n_dims != 4 || t->shape[3] != MXFP4_CODES || t->bits != 8 || rows % every != 0)
		return wrong(t);
	v->unit = MXFP4_CODES;
	made(v, 3, blocks * MXFP4_BLOCK, rows / every, many);
	PIECE(v, first * blocks, { blocks, rows / every, many, 1 }, BY({ 1, every * blocks, rows * blocks, 0 }));
	return 0;
}

int
view_make(struct view *v, enum recipe_how how, const struct safetensor *t, const struct view_sizes *sizes)
{
	struct shape s = shape_of(t);

	*v = (struct view){ .unit = t->bits / 8 };
	if (t->n == 0 || v->unit == 0)
		return wrong(t);
	switch (how) {
	case HOW_AS_IT_IS:
	case HOW_PLUS_ONE:
	case HOW_MINUS_EXP:
		return as_it_is(v, t);
	case HOW_FLAT:
		return in_rows(v, t, 1);
	case HOW_ROWS:
		return in_rows(v, t, 2);
	case HOW_ROWS_APART:
		return in_rows(v, t, VIEW_DIMS);
	case HOW_PAIRS_Q:
		return in_pairs(v, t, s, sizes->heads);
	case HOW_PAIRS_K:
		return in_pairs(v, t, s, sizes->kv_heads);
	case HOW_QKV:
		return qkv(v, t, s, sizes);
	case HOW_TRANSPOSED:
		return transposed(v, t, s, 0, 1);
	case HOW_TRANSPOSED_EVEN:
	case HOW_TRANSPOSED_ODD:
		return transposed(v, t, s, how == HOW_TRANSPOSED_ODD, 2);
	case HOW_FIRST_HALF:
	case HOW_SECOND_HALF:
		return half_of_rows(v, t, s, how == HOW_SECOND_HALF);
	case HOW_EVEN:
	case HOW_ODD:
		return every_other(v, t, s, how == HOW_ODD);
	case HOW_LATENT_K:
	case HOW_LATENT_V:
		return latent(v, t, s, sizes, how == HOW_LATENT_V);
	case HOW_MXFP4:
		return mxfp4(v, t, 0, 1);
	case HOW_MXFP4_EVEN:
	case HOW_MXFP4_ODD:
		return mxfp4(v, t, how == HOW_MXFP4_ODD, 2);
	}
	return wrong(t);
}

int
view_each(const struct view *v, view_run *run, void *arg)
{
	for (uint32_t i = 0; i < v->n_pieces; i++) {
		const struct view_piece *p = &v->piece[i];
		for (uint64_t c = 0; c < p->n[3]; c++)
			for (uint64_t b = 0; b < p->n[2]; b++)
				for (uint64_t a = 0; a < p->n[1]; a++)
					if (run(arg, p->base + a * p->step[1] + b * p->step[2] + c * p->step[3], p->n[0], p->step[0]) < 0)
						return -1;
	}
	return 0;
}
