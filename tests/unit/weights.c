/* Which matrices are used where a shard is mapped, and which are copied; and that products have the same bits with both. */
#include "compute/kernel.h"
#include "compute/weights.h"
#include "model/blocks.h"
#include "model/id.h"
#include "model_sample.h"
#include "tap.h"

enum { MOST_COLS = 256, MOST_ROWS = 544, TOKENS = 3, LD = MOST_COLS + 16, LDY = MOST_ROWS + 16, MOST_MATRICES = 64, EXPERTS = 3, PAIRS = 16 };

/* Sizes of a model with one KV head. */
struct sizes {
	const char *name;
	uint32_t type, dim, heads, head, ffn;
};

/* ---- models of one layer ---- */

struct out {
	struct gguf_writer *w;
	const struct sizes *s;
	uint64_t state;
	uint8_t *data[64];
	int n;
};

/* Rows 0: a vector; many 0: one matrix. */
static void
put(struct out *o, const char *name, uint64_t cols, uint64_t rows, uint64_t many)
{
	const uint64_t ne[] = { cols, rows, many };
	const uint32_t dims = many ? 3 : rows ? 2 : 1, type = rows ? o->s->type : TYPE_F32;
	uint64_t size;

	if (!type_size(type, dims, ne, &size))
		abort();
	o->data[o->n] = sample_data(&o->state, size);
	if (gguf_put_tensor(o->w, name, type, dims, ne, o->data[o->n++], size) < 0)
		abort();
}

static void
put_count(struct out *o, const char *arch, const char *suffix, uint32_t v)
{
	char key[128];

	snprintf(key, sizeof key, "%s.%s", arch, suffix);
	if (gguf_put_u32(o->w, key, v) < 0)
		abort();
}

static void
put_keys(struct out *o, const char *arch, uint32_t key_length)
{
	const struct sizes *s = o->s;
	char key[128];

	gguf_put_string(o->w, "general.architecture", arch);
	put_count(o, arch, "block_count", 1);
	put_count(o, arch, "embedding_length", s->dim);
	put_count(o, arch, "attention.head_count", s->heads);
	put_count(o, arch, "attention.head_count_kv", 1);
	put_count(o, arch, "attention.key_length", key_length);
	put_count(o, arch, "attention.value_length", s->head);
	put_count(o, arch, "feed_forward_length", s->ffn);
	put_count(o, arch, "context_length", 128);
	snprintf(key, sizeof key, "%s.attention.layer_norm_rms_epsilon", arch);
	gguf_put_f32(o->w, key, 1e-5f);
}

static void
put_ends(struct out *o)
{
	const struct sizes *s = o->s;

	put(o, "token_embd.weight", s->dim, 20, 0);
	put(o, "output_norm.weight", s->dim, 0, 0);
	put(o, "output.weight", s->dim, 20, 0);
	put(o, "blk.0.attn_norm.weight", s->dim, 0, 0);
	put(o, "blk.0.ffn_norm.weight", s->dim, 0, 0);
}

/* Queries, keys and values in one matrix, and so gate and up. */
static void
put_fused(struct out *o)
{
	const struct sizes *s = o->s;

	put_keys(o, "phi3", s->head);
	put_ends(o);
	put(o, "blk.0.attn_qkv.weight", s->dim, (s->heads + 2) * s->head, 0);
	put(o, "blk.0.attn_output.weight", s->heads * s->head, s->dim, 0);
	put(o, "blk.0.ffn_up.weight", s->dim, 2 * s->ffn, 0);
	put(o, "blk.0.ffn_down.weight", s->ffn, s->dim, 0);
}

static void
put_experts(struct out *o)
{
	const struct sizes *s = o->s;

	put_keys(o, "llama", s->head);
	put_count(o, "llama", "expert_count", EXPERTS);
	put_count(o, "llama", "expert_used_count", 2);
	put_ends(o);
	put(o, "blk.0.attn_q.weight", s->dim, s->heads * s->head, 0);
	put(o, "blk.0.attn_k.weight", s->dim, s->head, 0);
	put(o, "blk.0.attn_v.weight", s->dim, s->head, 0);
	put(o, "blk.0.attn_output.weight", s->heads * s->head, s->dim, 0);
	put(o, "blk.0.ffn_gate_inp.weight", s->dim, EXPERTS, 0);
	put(o, "blk.0.ffn_gate_exps.weight", s->dim, s->ffn, EXPERTS);
	put(o, "blk.0.ffn_up_exps.weight", s->dim, s->ffn, EXPERTS);
	put(o, "blk.0.ffn_down_exps.weight", s->ffn, s->dim, EXPERTS);
}

/* Keys are of `dim` numbers and PAIRS rotated ones. */
static void
put_latent(struct out *o, bool whole)
{
	const struct sizes *s = o->s;

	put_keys(o, "deepseek2", whole ? s->dim + PAIRS : s->head);
	if (!whole) {
		put_count(o, "deepseek2", "attention.key_length_mla", s->dim + PAIRS);
		put_count(o, "deepseek2", "attention.value_length_mla", s->head);
	}
	put_count(o, "deepseek2", "attention.kv_lora_rank", s->dim);
	put_count(o, "deepseek2", "rope.dimension_count", PAIRS);
	put_ends(o);
	put(o, "blk.0.attn_q.weight", s->dim, s->heads * (s->dim + PAIRS), 0);
	put(o, "blk.0.attn_kv_a_mqa.weight", s->dim, s->dim + PAIRS, 0);
	put(o, "blk.0.attn_kv_a_norm.weight", s->dim, 0, 0);
	if (whole)
		put(o, "blk.0.attn_kv_b.weight", s->dim, s->heads * (s->dim + s->head), 0);
	else {
		put(o, "blk.0.attn_k_b.weight", s->dim, s->dim, s->heads);
		put(o, "blk.0.attn_v_b.weight", s->dim, s->head, s->heads);
	}
	put(o, "blk.0.attn_output.weight", s->heads * s->head, s->dim, 0);
	put(o, "blk.0.ffn_gate.weight", s->dim, s->ffn, 0);
	put(o, "blk.0.ffn_up.weight", s->dim, s->ffn, 0);
	put(o, "blk.0.ffn_down.weight", s->ffn, s->dim, 0);
}

static void
put_heads(struct out *o)
{
	put_latent(o, false);
}

/* Of which k_b, transposed, is f32. */
static void
put_heads_in_one(struct out *o)
{
	put_latent(o, true);
}

/* ---- both of a model ---- */

struct loaded {
	struct model *m;
	struct weights w;
	const struct weight *matrix[MOST_MATRICES];
	size_t n;
};

static void
add(struct loaded *l, const struct weight *w, size_t n)
{
	for (size_t i = 0; w && i < n; i++)
		if (w[i].data)
			l->matrix[l->n++] = &w[i];
}

static bool
load(struct loaded *l, const char *name, struct pool *pool)
{
	const struct adapter_list none = { 0 };

	*l = (struct loaded){ .m = open_in(name) };
	if (!l->m || model_check(l->m) < 0 || weights_load(&l->w, l->m, &none, pool) < 0)
		return false;
	const struct layer *y = l->w.layer;
	const struct weight *one[] = { &y->q, &y->k, &y->v, &y->o, &y->gate, &y->up, &y->down, &y->experts.router, &y->latent.kv_a, &l->w.head };
	for (size_t i = 0; i < sizeof one / sizeof *one; i++)
		add(l, one[i], 1);
	add(l, y->experts.gate, EXPERTS);
	add(l, y->experts.up, EXPERTS);
	add(l, y->experts.down, EXPERTS);
	add(l, y->latent.k_b, y->latent.heads);
	add(l, y->latent.v_b, y->latent.heads);
	return true;
}

static void
unload(struct loaded *l)
{
	weights_free(&l->w);
	model_free(l->m);
}

static size_t
mapped(const struct loaded *l)
{
	const struct io_map *map = &l->m->files[0]->map;
	size_t n = 0;

	for (size_t i = 0; i < l->n; i++) {
		const uint8_t *at = l->matrix[i]->data;
		n += !l->matrix[i]->owned && at >= map->data && at < map->data + map->size;
	}
	return n;
}

static void
multiply(float *y, const struct kernels *k, const struct weight *w, const float *x)
{
	static float bf16[TOKENS * LD];
	static _Alignas(64) uint8_t q8[TOKENS * (MOST_COLS / Q8_BLOCK) * (Q8_BLOCK + 4 * sizeof(float))];
	const struct activations a = { .ld = LD, .f32 = x, .bf16 = bf16, .q8 = q8 };

	for (size_t t = 0; t < TOKENS; t++) {
		k->to_bf16(bf16 + t * LD, x + t * LD, w->cols);
		if (blocks_has(w->type))
			k->to_q8(q8, TOKENS, t, x + t * LD, w->cols);
	}
	k->matmul(&(struct matmul){ .type = w->type, .w = w->data, .scales = w->scales, .rows = w->rows, .cols = w->cols, .x = &a, .tokens = TOKENS,
	    .y = y, .ldy = LDY }, 0, (w->rows + 15) / 16);
}

/* Rows of a product are those of another, up to what fills the last tile. */
static bool
same_products(const struct kernels *k, const struct weight *a, const struct weight *b)
{
	static float x[TOKENS * LD], y[2][TOKENS * LDY];
	bool same = a->type == b->type && a->rows == b->rows && a->cols == b->cols;

	for (size_t i = 0; i < TOKENS * LD; i++)
		x[i] = (float)(i * 37 % 101) / 50 - 1;
	multiply(y[0], k, a, x);
	multiply(y[1], k, b, x);
	for (size_t t = 0; t < TOKENS; t++)
		same = same && memcmp(y[0] + t * LDY, y[1] + t * LDY, a->rows * sizeof(float)) == 0;
	return same;
}

/* Of the shard all matrices are mapped but `copied`, of the plain file none. */
static void
check_model(void (*make)(struct out *), const char *what, const struct sizes *s, size_t copied, struct pool *pool)
{
	struct out o = { .w = gguf_writer_new(), .s = s };
	const struct kernels *k = kernels_best();
	struct split_plan plan;
	struct loaded plain, shard;
	size_t same = 0;

	make(&o);
	if (!o.w || gguf_write(o.w, in_dir("m.gguf")) < 0)
		abort();
	gguf_writer_free(o.w);
	while (o.n-- > 0)
		free(o.data[o.n]);
	struct model *m = open_in("m.gguf");
	if (!m || !k || split_even(&plan, m, 1) < 0 || shard_split(m, &plan, in_dir("parts"), false) < 0 || !load(&plain, "m.gguf", pool) ||
	    !load(&shard, "parts/0.gguf", pool))
		abort();
	model_free(m);
	tap_ok(mapped(&plain) == 0 && mapped(&shard) == shard.n - copied, "%s of %s: %zu matrices are used where the shard is mapped, %zu are copied", what,
	    s->name, mapped(&shard), shard.n - mapped(&shard));
	for (size_t i = 0; plain.n == shard.n && i < shard.n; i++)
		same += same_products(k, plain.matrix[i], shard.matrix[i]);
	tap_ok(same == shard.n, "all give the bits of the plain file");
	tap_ok(id_check(shard.m) == 0 && shard_join(shard.m, in_dir("again.gguf")) == 0 && same_files(in_dir("again.gguf"), in_dir("m.gguf")),
	    "which the shard has the identity of, and gives again");
	unload(&plain);
	unload(&shard);
	clear(in_dir("parts"));
}

/* Heads whose values, below their keys and the heads before, don't begin with a tile. */
static size_t
values_cut(const struct sizes *s)
{
	size_t n = 0;

	for (size_t h = 0; h < s->heads; h++)
		n += (h * (s->dim + s->head) + s->dim) % 16 != 0;
	return n;
}

int
main(void)
{
	static const struct sizes some[] = {
		{ "f32", TYPE_F32, 32, 2, 24, 48 }, { "f16", TYPE_F16, 32, 2, 24, 48 }, { "bf16", TYPE_BF16, 32, 2, 24, 48 },
		{ "q8_0", TYPE_Q8_0, 32, 2, 32, 96 }, { "mxfp4", TYPE_MXFP4, 32, 4, 32, 32 }, { "q4_k", TYPE_Q4_K, 256, 2, 128, 256 },
	};
	static const struct sizes odd = { "f16 with an odd number of columns", TYPE_F16, 33, 2, 24, 27 };
	struct pool *pool = pool_new(2);

	if (!pool)
		abort();
	make_dir();
	for (size_t i = 0; i < sizeof some / sizeof *some; i++) {
		size_t values = some[i].heads * some[i].head + some[i].head;
		check_model(put_fused, "fused matrices", &some[i], values % 16 != 0, pool);
		check_model(put_experts, "experts", &some[i], 0, pool);
		check_model(put_heads, "heads of latent attention", &some[i], 0, pool);
		check_model(put_heads_in_one, "heads in one matrix", &some[i], some[i].heads + values_cut(&some[i]), pool);
	}
	check_model(put_fused, "fused matrices", &odd, 2, pool); /* values and up */
	check_model(put_experts, "experts", &odd, 0, pool);
	pool_free(pool);
	remove_dir();
	return tap_done();
}
