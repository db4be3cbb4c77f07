#include "model/rewrite.h"

#include <inttypes.h>
#include <math.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "model/id.h"
#include "model/plain.h"
#include "model/quantize.h"
#include "model/shard.h"
#include "model/tile.h"
#include "model/types.h"

struct rewriting {
	const struct rewrite *r;
	struct tensor_list l;
	struct fill *fill;    /* one a tensor, in order of the model */
	void *space;
	uint64_t most;        /* values at a time: REWRITE_VALUES, or the longest row that is weighed */
	float *x;             /* they, as f32 */
	void *to;             /* and as they are written */
	float *by;            /* how much columns count */
	bool hashes;          /* the model states an id */
	uint64_t done, total; /* bytes read */
};

/* A tensor whose turn it is to be written, and what its bytes come to. */
struct fill {
	struct rewriting *w;
	const struct place *p;
	uint32_t type; /* to be written */
	bool converts, weighed;
	uint64_t at;   /* values written */
	FILE *to;
	crypto_hash_sha256_state state;
	struct hash plain;
};

static int
put(const struct fill *f, const void *data, size_t n)
{
	return fwrite(data, 1, n, f->to) == n ? 0 : err_sys("%s", f->w->r->out);
}

/* ---- values ---- */

int
rewrite_need_type(const struct place *p)
{
	if (tile_supports(plain_type(p->t)))
		return 0;
	return err_set(ERR_DATA, "%s: tensor %.*s is of type %s, which can't be converted", p->g->path, (int)p->t->name.len,
	    p->t->name.data, type_info(p->t->type)->name);
}

int
rewrite_need_made(const struct place *p)
{
	if (quantize_makes(plain_type(p->t)))
		return 0;
	return err_set(ERR_DATA, "%s: tensor %.*s is of type %s, which can't be changed", p->g->path, (int)p->t->name.len, p->t->name.data,
	    type_info(p->t->type)->name);
}

int
rewrite_need_finite(const struct place *p, uint64_t at, const float *x, size_t n)
{
	if (quantize_is_finite(x, n))
		return 0;
	while (isfinite(*x))
		x++, at++;
	return err_set(ERR_DATA, "%s: tensor %.*s: value %" PRIu64 " is not finite", p->g->path, (int)p->t->name.len,
	    p->t->name.data, at);
}

/* How much the columns count of the values that come next; NULL: one as much as another. */
static const float *
weights(const struct fill *f)
{
	const uint64_t matrix = f->p->t->ne[0] * f->p->t->ne[1];

	if (f->weighed && f->at % matrix == 0)
		f->w->r->weighs(f->w->r->arg, f->p, f->at / matrix, f->w->by);
	return f->weighed ? f->w->by : NULL;
}

static int
convert(struct fill *f, const uint8_t *data, size_t n)
{
	const struct rewriting *w = f->w;
	const struct type_info *from = type_info(plain_type(f->p->t)), *to = type_info(f->type);
	const size_t most = f->weighed ? f->p->t->ne[0] : REWRITE_VALUES;
	bool same = from == to && !w->r->change;

	for (size_t left = n / from->block_bytes * from->block, k; left > 0; left -= k) {
		k = left < most ? left : most;
		quantize_to_f32(w->x, plain_type(f->p->t), data, k);
		if (rewrite_need_finite(f->p, f->at, w->x, k) < 0 ||
		    (w->r->change && w->r->change(w->r->arg, f->p, f->at, w->x, k) < 0))
			return -1;
		if (!quantize_row(w->to, f->type, w->x, weights(f), k))
			return err_set(ERR_DATA, "%s: tensor %.*s comes to a value that is too large for type %s", f->p->g->path,
			    (int)f->p->t->name.len, f->p->t->name.data, to->name);
		if (put(f, same ? data : w->to, k / to->block * to->block_bytes) < 0)
			return -1;
		data += k / from->block * from->block_bytes;
		f->at += k;
	}
	return 0;
}

/* ---- tensors ---- */

static int
write_piece(void *arg, const void *data, size_t n)
{
	struct fill *f = arg;
	struct rewriting *w = f->w;
	const struct model *m = w->r->m;

	if (w->hashes)
		crypto_hash_sha256_update(&f->state, data, n);
	if ((f->converts ? convert(f, data, n) : put(f, data, n)) < 0)
		return -1;
	w->done += n;
	if (m->progress)
		m->progress(m->progress_arg, w->r->what, w->done, w->total);
	return 0;
}

static int
write_tensor(void *arg, FILE *to, const char *name)
{
	struct fill *f = arg;

	(void)name;
	f->to = to;
	crypto_hash_sha256_init(&f->state);
	if (plain_each(f->p, f->w->space, write_piece, f) < 0)
		return -1;
	crypto_hash_sha256_final(&f->state, f->plain.bytes);
	return 0;
}

static int
put_tensor(struct gguf_writer *to, struct rewriting *w, uint64_t i)
{
	const struct gguf_tensor *t = w->l.at[i].t;
	struct fill *f = &w->fill[i];
	char name[GGUF_MAX_NAME] = "";
	uint64_t size;
	int rc = 0;

	*f = (struct fill){ .w = w, .p = &w->l.at[i], .type = plain_type(t) };
	if (w->r->converts && (rc = w->r->converts(w->r->arg, f->p, &f->type)) < 0)
		return -1;
	f->converts = rc;
	f->weighed = f->converts && w->r->weighs && w->r->weighs(w->r->arg, f->p, 0, NULL);
	w->most = f->weighed && t->ne[0] > w->most ? t->ne[0] : w->most;
	w->total += plain_size(t);
	memcpy(name, t->name.data, t->name.len);
	if (!type_size(f->type, t->n_dims, t->ne, &size))
		return err_set(ERR_DATA, "%s: tensor %s has a shape that type %s can't have", f->p->g->path, name,
		    type_info(f->type)->name);
	return gguf_put_tensor_fill(to, name, f->type, t->n_dims, t->ne, size, write_tensor, f);
}

static int
put_tensors(struct gguf_writer *to, struct rewriting *w)
{
	uint64_t most = 0;

	if (!(w->fill = mem_alloc(w->l.n, sizeof *w->fill)))
		return -1;
	for (uint64_t i = 0; i < w->l.n; i++) {
		uint64_t space = plain_space(w->l.at[i].t);
		most = space > most ? space : most;
		if (put_tensor(to, w, i) < 0)
			return -1;
	}
	w->space = mem_alloc64(most, 1);
	w->x = mem_alloc64(w->most, sizeof *w->x);
	w->to = mem_alloc64(w->most, sizeof(float));
	w->by = mem_alloc64(w->most, sizeof *w->by);
	return w->space && w->x && w->to && w->by ? 0 : -1;
}

/* ---- the file ---- */

/* The tensors' hashes in order of names give the model id again. */
static int
check_id(struct rewriting *w)
{
	const struct model *m = w->r->m;
	struct hash *plain, id;

	if (!w->hashes)
		return 0;
	if (!(plain = mem_alloc(w->l.n, sizeof *plain)))
		return -1;
	/* fill[i] belongs to the tensor of index i: all of them are here. */
	list_by_name(&w->l);
	for (uint64_t i = 0; i < w->l.n; i++)
		plain[i] = w->fill[w->l.at[i].index].plain;
	id = id_of(m->files[0], m->hp.arch, &w->l, plain);
	free(plain);
	return id_is_stated(m, &id);
}

static int
rewrite_to(struct rewriting *w, struct gguf_writer *to)
{
	const struct rewrite *r = w->r;
	const struct model *m = r->m;
	struct io_out out = { 0 };
	struct hash vocab_id;
	uint32_t alignment;
	int rc;

	if (shard_need_whole(m) < 0 || model_vocab_id(m, &vocab_id) < 0 ||
	    shard_own_alignment(m->files[0], &alignment) < 0 || list_tensors(&w->l, m) < 0)
		return -1;
	if (w->l.n != w->l.count)
		return err_set(ERR_DATA, "%s: %" PRIu64 " of %" PRIu64 " tensors are in none of the shards", m->files[0]->path,
		    w->l.count - w->l.n, w->l.count);
	if (shard_put_keys(to, m->files[0], alignment, r->keeps_key) < 0 || (r->put_keys && r->put_keys(r->arg, to) < 0) ||
	    put_tensors(to, w) < 0 || io_out_open(&out, r->out) < 0)
		return -1;
	rc = gguf_write_file(to, out.file, r->out) < 0 || check_id(w) < 0 ? -1 : io_out_commit(&out);
	io_out_abort(&out);
	return rc;
}

int
rewrite_model(const struct rewrite *r)
{
	struct rewriting w = { .r = r, .most = REWRITE_VALUES, .hashes = !hash_is_none(&r->m->stated_model_id) };
	struct gguf_writer *to = gguf_writer_new();
	int rc = to ? rewrite_to(&w, to) : -1;

	gguf_writer_free(to);
	free(w.by);
	free(w.to);
	free(w.x);
	free(w.space);
	free(w.fill);
	list_free(&w.l);
	return rc;
}
