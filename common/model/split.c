#include <errno.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "model/id.h"
#include "model/parallel.h"
#include "model/plain.h"
#include "model/shard.h"
#include "model/types.h"

enum { SHARD_ALIGNMENT = 64 }; /* of an interleaved shard, at least */

struct split {
	const struct model *m;
	const char *dir;
	bool stock, tied;
	uint32_t n;
	uint32_t own_alignment;
	struct hash model_id, vocab_id;
	struct tensor_list l;
	void *space;
	struct fill *fill;     /* one a tensor of the list */
	struct io_out *out;    /* one a shard: not renamed before all are whole */
	struct shard_file *file;
	uint64_t done, total;  /* bytes written */
};

/* A tensor whose turn it is to be written. */
struct fill {
	struct split *s;
	const struct place *p;
	uint32_t type; /* to be written */
	FILE *to;
};

static int
write_piece(void *arg, const void *data, size_t n)
{
	struct fill *f = arg;
	struct split *s = f->s;

	if (fwrite(data, 1, n, f->to) != n)
		return err_sys("%s", s->dir);
	s->done += n;
	if (s->m->progress)
		s->m->progress(s->m->progress_arg, "writing", s->done, s->total);
	return 0;
}

static int
write_tensor(void *arg, FILE *to, const char *name)
{
	struct fill *f = arg;

	(void)name;
	f->to = to;
	if (f->type == f->p->t->type)
		return stored_each(f->p, write_piece, f);
	if (type_is_tiled(f->type))
		return tiled_each(f->p, f->s->space, write_piece, f);
	return plain_each(f->p, f->s->space, write_piece, f);
}

/* ---- one shard ---- */

static bool
is_no_vocab(struct gguf_string name)
{
	return !id_has_prefix(name, "tokenizer.");
}

static int
put_keys(struct gguf_writer *w, const struct split *s, const struct shard_part *p)
{
	uint32_t alignment = s->own_alignment;
	char hex[HASH_HEX];

	if (!s->stock && alignment < SHARD_ALIGNMENT)
		alignment = SHARD_ALIGNMENT;
	if (shard_put_keys(w, s->m->files[0], alignment, p->i == 0 || p->i == p->n - 1 ? NULL : is_no_vocab) < 0 ||
	    gguf_put_u32(w, SHARD_KEY_VERSION, SHARD_VERSION) < 0 ||
	    gguf_put_string(w, SHARD_KEY_MODEL_ID, hash_to_hex(&s->model_id, hex)) < 0)
		return -1;
	if (!hash_is_none(&s->vocab_id) && gguf_put_string(w, SHARD_KEY_VOCAB_ID, hash_to_hex(&s->vocab_id, hex)) < 0)
		return -1;
	if (gguf_put_u32(w, SHARD_KEY_LAYERS, s->m->hp.n_layers) < 0 ||
	    gguf_put_u32(w, SHARD_KEY_LAYER_FIRST, p->first) < 0 || gguf_put_u32(w, SHARD_KEY_LAYER_LAST, p->last) < 0 ||
	    gguf_put_u32(w, SHARD_KEY_VOCAB_SIZE, s->m->hp.n_vocab) < 0 ||
	    gguf_put_u32(w, SHARD_KEY_ALIGNMENT, s->own_alignment) < 0)
		return -1;
	return gguf_put_u32(w, SHARD_KEY_TENSOR_COUNT, (uint32_t)s->l.count);
}

static int
put_tensors(struct gguf_writer *w, struct split *s, const struct shard_part *p)
{
	uint32_t *index = mem_alloc(s->l.n, sizeof *index), n = 0;
	int rc = -1;

	if (!index)
		return -1;
	for (uint64_t i = 0; i < s->l.n; i++) {
		const struct gguf_tensor *t = s->l.at[i].t;
		struct fill *f = &s->fill[i];
		char name[GGUF_MAX_NAME] = "";
		uint64_t size;
		if (!shard_holds(p, t->name))
			continue;
		*f = (struct fill){ .s = s, .p = &s->l.at[i], .type = plain_type(t) };
		if (!s->stock && shard_interleaves(p, t))
			f->type += TYPE_X16;
		memcpy(name, t->name.data, t->name.len);
		if (!type_size(f->type, t->n_dims, t->ne, &size) ||
		    gguf_put_tensor_fill(w, name, f->type, t->n_dims, t->ne, size, write_tensor, f) < 0)
			goto done;
		s->total += size;
		index[n++] = s->l.at[i].index;
	}
	rc = gguf_put_array(w, SHARD_KEY_TENSOR_INDEX, GGUF_U32, index, n);
done:
	free(index);
	return rc;
}

static struct gguf_writer *
prepare(struct split *s, const struct shard_part *p)
{
	struct gguf_writer *w = gguf_writer_new();

	if (w && put_keys(w, s, p) == 0 && put_tensors(w, s, p) == 0)
		return w;
	gguf_writer_free(w);
	return NULL;
}

static int
write_shard(struct split *s, const struct shard_part *p)
{
	struct shard_file *f = &s->file[p->i];
	struct gguf_writer *w = prepare(s, p);
	char path[4096];
	int rc = -1;

	if (!w)
		return -1;
	f->first = p->first;
	f->last = p->last;
	snprintf(f->name, sizeof f->name, "%" PRIu32 ".gguf", p->i);
	if ((size_t)snprintf(path, sizeof path, "%s/%s", s->dir, f->name) >= sizeof path)
		err_set(ERR_USAGE, "%s: the name is too long", s->dir);
	else if (io_out_open(&s->out[p->i], path) == 0 && gguf_write_file(w, s->out[p->i].file, path) == 0)
		rc = fflush(s->out[p->i].file) == 0 ? 0 : err_sys("%s", path);
	gguf_writer_free(w);
	return rc;
}

/* ---- all of them ---- */

/* Maps what was written; size 0 when that fails, as no shard is empty. */
static void
hash_file(void *arg, uint64_t i, int thread)
{
	struct split *s = arg;
	struct io_map m;

	(void)thread;
	s->file[i].size = 0;
	if (io_map_fd(&m, fileno(s->out[i].file), "") < 0)
		return;
	crypto_hash_sha256_state h;
	crypto_hash_sha256_init(&h);
	for (size_t at = 0, n; at < m.size; at += n) {
		n = m.size - at < PLAIN_PIECE ? m.size - at : PLAIN_PIECE;
		crypto_hash_sha256_update(&h, m.data + at, n);
		io_done(&m, m.data + at, n);
	}
	crypto_hash_sha256_final(&h, s->file[i].sha256.bytes);
	s->file[i].size = m.size;
	io_unmap(&m);
}

static int
hash_files(struct split *s)
{
	parallel(s->n, hash_file, s);
	for (uint32_t i = 0; i < s->n; i++)
		if (s->file[i].size == 0)
			return err_set(ERR_SYSTEM, "%s/%s: can't be read back", s->dir, s->file[i].name);
	return 0;
}

/* Shards of the manifest that was there before and that the new one does not have: no glob shall take them for its own. */
static void
remove_former(const struct split *s, const struct manifest *former)
{
	for (uint32_t i = 0; i < former->n; i++) {
		const char *slash = strrchr(former->paths[i], '/'), *name = slash ? slash + 1 : former->paths[i];
		bool again = false;
		for (uint32_t j = 0; j < s->n; j++)
			again |= strcmp(name, s->file[j].name) == 0;
		if (!again)
			unlink(former->paths[i]);
	}
}

/* Renames the shards, then writes the manifest: where it is, all its shards are. */
static int
commit(struct split *s)
{
	struct manifest_text text = { &s->m->hp, s->model_id, s->vocab_id, s->file, s->n, s->stock };
	struct manifest former = { 0 };
	struct io_out manifest;
	int rc;
	char path[4096];

	if ((size_t)snprintf(path, sizeof path, "%s/%s", s->dir, MANIFEST_NAME) >= sizeof path)
		return err_set(ERR_USAGE, "%s: the name is too long", s->dir);
	if (io_out_open(&manifest, path) < 0)
		return -1;
	manifest_read(&former, path); /* empty where there is none, or no longer one */
	if (manifest_write(manifest.file, path, &text) < 0)
		goto fail;
	for (uint32_t i = 0; i < s->n; i++)
		if (io_out_commit(&s->out[i]) < 0)
			goto fail;
	rc = io_out_commit(&manifest);
	if (rc == 0)
		remove_former(s, &former);
	manifest_free(&former);
	return rc;
fail:
	manifest_free(&former);
	io_out_abort(&manifest);
	return -1;
}

static int
allocate(struct split *s)
{
	uint64_t most = 0;

	for (uint64_t i = 0; i < s->l.n; i++) {
		const struct gguf_tensor *t = s->l.at[i].t;
		struct shard_part any = { .n = 1, .last = s->m->hp.n_layers, .tied = s->tied };
		uint64_t space = plain_space(t);
		if (!s->stock && !type_is_tiled(t->type) && shard_interleaves(&any, t))
			space = tiled_space(t);
		most = space > most ? space : most;
	}
	s->space = mem_alloc64(most, 1);
	s->fill = mem_alloc(s->l.n, sizeof *s->fill);
	s->out = mem_alloc(s->n, sizeof *s->out);
	s->file = mem_alloc(s->n, sizeof *s->file);
	return s->space && s->fill && s->out && s->file ? 0 : -1;
}

static int
split(struct split *s, const struct split_plan *p)
{
	const struct model *m = s->m;

	if (shard_need_whole(m) < 0 || model_id(m, &s->model_id) < 0 || model_vocab_id(m, &s->vocab_id) < 0 ||
	    shard_own_alignment(m->files[0], &s->own_alignment) < 0 || list_tensors(&s->l, m) < 0 || allocate(s) < 0)
		return -1;
	if (mkdir(s->dir, 0777) != 0 && errno != EEXIST)
		return err_sys("%s", s->dir);
	for (uint32_t i = 0; i < p->n; i++) {
		struct shard_part part = { i, p->n, p->first[i], p->last[i], s->tied };
		if (write_shard(s, &part) < 0)
			return -1;
	}
	return hash_files(s) < 0 ? -1 : commit(s);
}

int
shard_split(const struct model *m, const struct split_plan *p, const char *dir, bool stock)
{
	struct split s = { .m = m, .dir = dir, .stock = stock, .tied = shard_is_tied(m), .n = p->n };
	int rc = split(&s, p);

	for (uint32_t i = 0; s.out && i < s.n; i++)
		io_out_abort(&s.out[i]);
	free(s.file);
	free(s.out);
	free(s.fill);
	free(s.space);
	list_free(&s.l);
	return rc;
}
