#include "compute/inputs.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/msg.h"
#include "model/imatrix.h"
#include "model/list.h"
#include "model/quantize.h"

enum { COLUMNS = 256 }; /* that a thread takes at a time */

/* Of a tensor of a layer. */
struct entry {
	const struct gguf_tensor *t;
	double *sum;                /* [ne[2]][ne[0]] */
	uint64_t *count, n_counts;  /* rows: one for each expert; heads, which are matrices in one tensor too, all have as many */
	float *f32;                 /* both, as they are written */
};

struct inputs {
	const struct model *m;
	struct entry *at; /* in order of names */
	size_t n;
};

/* ---- adding ---- */

struct adding {
	double *sum;
	const float *x;
	size_t ld, rows, cols;
};

static void
add_columns(void *arg, size_t item)
{
	const struct adding *a = arg;
	size_t first = item * COLUMNS, last = first + COLUMNS < a->cols ? first + COLUMNS : a->cols;

	for (size_t t = 0; t < a->rows; t++)
		for (size_t i = first; i < last; i++) {
			double x = a->x[t * a->ld + i];
			a->sum[i] += x * x; /* the square is exact */
		}
}

/* NULL: the matrix is no layer's. */
static struct entry *
find(struct inputs *in, const struct gguf_tensor *t)
{
	for (size_t i = 0; i < in->n; i++)
		if (in->at[i].t == t)
			return &in->at[i];
	return NULL;
}

void
inputs_add(struct inputs *in, const struct weight *w, const struct activations *x, size_t n, struct pool *pool)
{
	struct entry *e = find(in, w->tensor);

	if (!e)
		return;
	struct adding a = { e->sum + w->number * w->cols, x->f32, x->ld, n, w->cols };
	pool_run(pool, (w->cols + COLUMNS - 1) / COLUMNS, add_columns, &a);
	if (w->number < e->n_counts)
		e->count[w->number] += n;
}

/* ---- making ---- */

static bool
is_of_experts(struct gguf_string name)
{
	static const char part[] = "_exps.";

	return memmem(name.data, name.len, part, sizeof part - 1) != NULL;
}

static int
add_entry(struct inputs *in, const struct gguf_tensor *t)
{
	struct entry *e = &in->at[in->n++];

	*e = (struct entry){ .t = t, .n_counts = is_of_experts(t->name) ? t->ne[2] : 1 };
	e->sum = mem_alloc(t->ne[0] * t->ne[2], sizeof *e->sum); /* fewer than the tensor's values, which are in its file */
	e->count = mem_alloc(e->n_counts, sizeof *e->count);
	return e->sum && e->count ? 0 : -1;
}

struct inputs *
inputs_new(const struct model *m)
{
	struct inputs *in = mem_alloc(1, sizeof *in);
	struct tensor_list l = { 0 };
	int rc = -1;

	if (!in)
		return NULL;
	in->m = m;
	if (list_tensors(&l, m) < 0 || !(in->at = mem_alloc(l.n, sizeof *in->at)))
		goto out;
	list_by_name(&l);
	rc = 0;
	for (uint64_t i = 0; rc == 0 && i < l.n; i++)
		if (model_layer(l.at[i].t->name) >= 0)
			rc = add_entry(in, l.at[i].t);
out:
	list_free(&l);
	if (rc == 0)
		return in;
	inputs_free(in);
	return NULL;
}

void
inputs_free(struct inputs *in)
{
	if (!in)
		return;
	for (size_t i = 0; i < in->n; i++) {
		free(in->at[i].sum);
		free(in->at[i].count);
		free(in->at[i].f32);
	}
	free(in->at);
	free(in);
}

/* ---- writing ---- */

/* Matrices of the entry that had inputs. */
static uint64_t
seen(const struct entry *e)
{
	uint64_t n = 0;

	for (uint64_t i = 0; i < e->n_counts; i++)
		n += e->count[i] > 0;
	return n;
}

/* As f32 the sums, and behind them the counts. */
static int
put_entry(struct entry *e, struct gguf_writer *w, const struct model *m)
{
	uint64_t n = e->t->ne[0] * e->t->ne[2];

	if (!(e->f32 = mem_alloc(n + e->n_counts, sizeof *e->f32)))
		return -1;
	for (uint64_t i = 0; i < n; i++)
		e->f32[i] = (float)e->sum[i];
	for (uint64_t i = 0; i < e->n_counts; i++)
		e->f32[n + i] = (float)e->count[i];
	if (!quantize_is_finite(e->f32, n))
		return err_set(ERR_DATA, "%s: tensor %.*s: its inputs are not finite", m->files[0]->path, (int)e->t->name.len, e->t->name.data);
	return imatrix_put(w, e->t->name, e->f32, n, e->f32 + n, e->n_counts);
}

static void
tell_unseen(const struct entry *first, uint64_t n)
{
	if (n > 0)
		msg_warn("%" PRIu64 " matrices of experts had no input, those of %.*s the first: more text would reach them", n, (int)first->t->name.len,
		    first->t->name.data);
}

int
inputs_write(struct inputs *in, FILE *to, const char *name, uint64_t chunks, uint32_t chunk_size)
{
	struct gguf_writer *w = gguf_writer_new();
	const struct entry *first = NULL;
	uint64_t unseen = 0;
	int rc = w ? imatrix_put_text(w, chunks, chunk_size) : -1;

	for (size_t i = 0; rc == 0 && i < in->n; i++) {
		struct entry *e = &in->at[i];
		uint64_t n = seen(e);
		if (n > 0 && n < e->n_counts) {
			first = unseen ? first : e;
			unseen += e->n_counts - n;
		}
		rc = n > 0 ? put_entry(e, w, in->m) : 0;
	}
	if (rc == 0 && (rc = gguf_write_file(w, to, name)) == 0)
		tell_unseen(first, unseen);
	gguf_writer_free(w);
	return rc;
}
