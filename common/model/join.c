#include <inttypes.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "model/id.h"
#include "model/plain.h"
#include "model/shard.h"

struct join {
	const struct model *m;
	const char *out;
	struct tensor_list l;
	struct fill *fill;  /* one a tensor, in order of the model */
	void *space;
	uint64_t done, total; /* bytes */
};

/* A tensor whose turn it is to be written, and what its bytes come to. */
struct fill {
	struct join *j;
	const struct place *p;
	FILE *to;
	crypto_hash_sha256_state state;
	struct hash plain;
};

static int
write_piece(void *arg, const void *data, size_t n)
{
	struct fill *f = arg;
	struct join *j = f->j;

	crypto_hash_sha256_update(&f->state, data, n);
	if (fwrite(data, 1, n, f->to) != n)
		return err_sys("%s", j->out);
	j->done += n;
	if (j->m->progress)
		j->m->progress(j->m->progress_arg, "joining", j->done, j->total);
	return 0;
}

static int
write_tensor(void *arg, FILE *to, const char *name)
{
	struct fill *f = arg;

	(void)name;
	f->to = to;
	crypto_hash_sha256_init(&f->state);
	if (plain_each(f->p, f->j->space, write_piece, f) < 0)
		return -1;
	crypto_hash_sha256_final(&f->state, f->plain.bytes);
	return 0;
}

static int
put_tensors(struct gguf_writer *w, struct join *j)
{
	uint64_t most = 0;

	if (!(j->fill = mem_alloc(j->l.n, sizeof *j->fill)))
		return -1;
	for (uint64_t i = 0; i < j->l.n; i++) {
		const struct gguf_tensor *t = j->l.at[i].t;
		uint64_t size = plain_size(t), space = plain_space(t);
		char name[GGUF_MAX_NAME] = "";
		memcpy(name, t->name.data, t->name.len);
		j->fill[i].j = j;
		j->fill[i].p = &j->l.at[i];
		j->total += size;
		most = space > most ? space : most;
		if (gguf_put_tensor_fill(w, name, plain_type(t), t->n_dims, t->ne, size, write_tensor, &j->fill[i]) < 0)
			return -1;
	}
	return (j->space = mem_alloc64(most, 1)) ? 0 : -1;
}

/* The tensors' hashes in order of names give the model id again. */
static int
check_id(struct join *j)
{
	struct hash *plain = mem_alloc(j->l.n, sizeof *plain), id;

	if (!plain)
		return -1;
	/* fill[i] belongs to the tensor of index i: all of them are here. */
	list_by_name(&j->l);
	for (uint64_t i = 0; i < j->l.n; i++)
		plain[i] = j->fill[j->l.at[i].index].plain;
	id = id_of(j->m->files[0], j->m->hp.arch, &j->l, plain);
	free(plain);
	if (hash_is_none(&j->m->stated_model_id) || hash_equal(&id, &j->m->stated_model_id))
		return 0;
	return err_set(ERR_DATA, "%s: what the shards hold is not the model that they state", j->m->files[0]->path);
}

static int
join(struct join *j, struct gguf_writer *w)
{
	const struct model *m = j->m;
	struct io_out out = { 0 };
	struct hash vocab_id;
	uint32_t alignment;
	int rc;

	if (shard_need_whole(m) < 0 || model_vocab_id(m, &vocab_id) < 0 ||
	    shard_own_alignment(m->files[0], &alignment) < 0 || list_tensors(&j->l, m) < 0)
		return -1;
	if (j->l.n != j->l.count)
		return err_set(ERR_DATA, "%s: %" PRIu64 " of %" PRIu64 " tensors are in none of the shards", m->files[0]->path,
		    j->l.count - j->l.n, j->l.count);
	if (shard_put_keys(w, m->files[0], alignment, true) < 0 || put_tensors(w, j) < 0 || io_out_open(&out, j->out) < 0)
		return -1;
	rc = gguf_write_file(w, out.file, j->out) < 0 || check_id(j) < 0 ? -1 : io_out_commit(&out);
	io_out_abort(&out);
	return rc;
}

int
shard_join(const struct model *m, const char *out)
{
	struct join j = { .m = m, .out = out };
	struct gguf_writer *w = gguf_writer_new();
	int rc = w ? join(&j, w) : -1;

	gguf_writer_free(w);
	free(j.space);
	free(j.fill);
	list_free(&j.l);
	return rc;
}
