/* Adapters: what is read of a file, how FILE:SCALE is taken apart, and what is refused. */
#include "model/adapter.h"

#include <math.h>

#include "base/half.h"
#include "base/opt.h"
#include "model/tile.h"
#include "model_sample.h"
#include "tap.h"

/* ---- writing ---- */

enum { MOST_TENSORS = 4 * LAYERS };

/* An adapter for attn_q and ffn_down of all layers, sound or spoilt in one place. */
struct spoilt {
	uint32_t type, rank;          /* 0: 4 */
	float alpha;
	bool without_alpha, without_tensors;
	const char *general, *kind, *arch, *more_key;
	const char *from, *to;        /* a tensor gets another name, or none */
	const char *other_shape;
	uint64_t ne[2];
	uint64_t seed;
};

struct out {
	struct gguf_writer *w;
	const struct spoilt *s;
	uint64_t state;
	uint8_t *data[MOST_TENSORS];
	size_t n;
};

static void
put_half(struct out *o, const char *base, const char *suffix, uint64_t cols, uint64_t rows)
{
	const struct spoilt *s = o->s;
	uint64_t ne[2] = { cols, rows }, size;
	char name[GGUF_MAX_NAME];

	snprintf(name, sizeof name, "%s%s", base, suffix);
	if (s->other_shape && strcmp(name, s->other_shape) == 0)
		memcpy(ne, s->ne, sizeof ne);
	if (s->from && strcmp(name, s->from) == 0) {
		if (!s->to)
			return;
		snprintf(name, sizeof name, "%s", s->to);
	}
	if (!type_size(s->type, 2, ne, &size))
		abort();
	o->data[o->n] = sample_data(&o->state, size);
	if (gguf_put_tensor(o->w, name, s->type, 2, ne, o->data[o->n++], size) < 0)
		abort();
}

static void
put_pair(struct out *o, const char *base, uint64_t cols, uint64_t rows)
{
	uint64_t rank = o->s->rank ? o->s->rank : 4;

	put_half(o, base, ".lora_a", cols, rank);
	put_half(o, base, ".lora_b", rank, rows);
}

static void
put_keys(struct gguf_writer *w, const struct spoilt *s)
{
	if (!s->general || *s->general)
		gguf_put_string(w, "general.type", s->general ? s->general : "adapter");
	gguf_put_string(w, "general.architecture", s->arch ? s->arch : "llama");
	gguf_put_string(w, "adapter.type", s->kind ? s->kind : "lora");
	if (!s->without_alpha)
		gguf_put_f32(w, "adapter.lora.alpha", s->alpha);
	if (s->more_key)
		gguf_put_u32(w, s->more_key, 1);
}

static const char *
write_adapter(const char *name, const struct spoilt *s)
{
	struct out o = { .w = gguf_writer_new(), .s = s, .state = s->seed };
	const char *path = in_dir(name);
	char base[GGUF_MAX_NAME];

	if (!o.w)
		abort();
	put_keys(o.w, s);
	for (int i = 0; i < LAYERS && !s->without_tensors; i++) {
		snprintf(base, sizeof base, "blk.%d.attn_q.weight", i);
		put_pair(&o, base, DIM, HEADS * HEAD_DIM);
		snprintf(base, sizeof base, "blk.%d.ffn_down.weight", i);
		put_pair(&o, base, FFN, DIM);
	}
	if (gguf_write(o.w, path) < 0)
		abort();
	gguf_writer_free(o.w);
	while (o.n-- > 0)
		free(o.data[o.n]);
	return path;
}

/* ---- what is sound ---- */

static void
check_sound(const struct model *m)
{
	static const uint32_t types[] = { TYPE_F32, TYPE_F16, TYPE_BF16, TYPE_Q8_0 };

	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		/* rows of q8_0 are blocks of 32 */
		struct spoilt s = { .type = types[i], .rank = types[i] == TYPE_Q8_0 ? 32 : 3, .alpha = 6 };
		struct adapter *a = adapter_open(write_adapter("a.gguf", &s), 0.5f, m);
		const struct adapter_pair *p = a ? adapter_find(a, "blk.3.ffn_down.weight") : NULL;
		if (!tap_ok(p, "an adapter of %s is read: %s", type_info(types[i])->name, a ? "yes" : err_reason()))
			return;
		tap_ok(a->n_pairs == 2 * LAYERS && a->alpha == 6 && p->rank == s.rank && p->scale == 3 / (float)s.rank &&
		    p->a->ne[0] == FFN && p->a->ne[1] == s.rank && p->b->ne[0] == s.rank && p->b->ne[1] == DIM &&
		    gguf_string_is(p->b->name, "blk.3.ffn_down.weight.lora_b"), "with its pairs, ranks and scales");
		tap_ok(!adapter_find(a, "blk.3.ffn_up.weight") && !adapter_find(a, "blk.3.ffn_down.weight.lora_a"),
		    "what it has no pair for is not found");
		adapter_free(a);
	}
	adapter_free(NULL);
}

static void
check_scale(const struct model *m)
{
	static const struct {
		struct spoilt s;
		float scale, is;
	} scales[] = {
		{ { .alpha = 8 }, 1, 2 }, { { .alpha = 8 }, -0.25f, -0.5f }, { { .alpha = 0 }, 0.75f, 0.75f },
		{ { .without_alpha = true }, 3, 3 }, { { .alpha = 8 }, 0, 0 }, { { .alpha = 1, .rank = 3 }, 0.1f, 0.1f / 3 },
	};

	for (size_t i = 0; i < sizeof scales / sizeof *scales; i++) {
		struct adapter *a = adapter_open(write_adapter("a.gguf", &scales[i].s), scales[i].scale, m);
		tap_ok(a && a->pairs[0].scale == scales[i].is, "%g, alpha %g: a scale of %g", (double)scales[i].scale,
		    (double)scales[i].s.alpha, (double)scales[i].is);
		adapter_free(a);
	}
}

/* Each part of a model takes an adapter of the whole. */
static void
check_parts(const struct model *m, const char *path)
{
	struct split_plan plan;
	char name[32];

	if (split_list(&plan, m, "0-0,1-2,3-3") < 0 || shard_split(m, &plan, in_dir("parts"), false) < 0)
		abort();
	for (int i = 0; i < 3; i++) {
		snprintf(name, sizeof name, "parts/%d.gguf", i);
		struct model *part = open_in(name);
		struct adapter *a = part ? adapter_open(path, 1, part) : NULL;
		tap_ok(a && a->n_pairs == 2 * LAYERS, "part %d takes it: %s", i, a ? "yes" : err_reason());
		adapter_free(a);
		model_free(part);
	}
	clear(in_dir("parts"));
}

/* ---- what is refused ---- */

static void
check_refused(const struct model *m)
{
	static const struct {
		struct spoilt s;
		float scale;
		const char *reason;
	} bad[] = {
		{ { .general = "model" }, 1, "no adapter: its general.type" },
		{ { .general = "" }, 1, "no adapter: its general.type" },
		{ { .kind = "control_vector" }, 1, "no adapter: its adapter.type" },
		{ { .arch = "qwen2" }, 1, "of the architecture qwen2, the model's is llama" },
		{ { .without_alpha = true, .more_key = "adapter.lora.alpha" }, 1, "no floating-point number" },
		{ { .alpha = INFINITY }, 1, "alpha is no finite number" },
		{ { .alpha = NAN }, 1, "alpha is no finite number" },
		{ { .more_key = "adapter.alora.invocation_tokens" }, 1, "only behind certain tokens" },
		{ { .alpha = 3e38f }, 2, "blk.0.attn_q.weight.lora_a has a scale" },
		{ { .without_tensors = true }, 1, "without tensors" },
		{ { .type = 24 }, 1, "blk.0.attn_q.weight.lora_a is of type I8" },
		{ { .from = "blk.0.attn_q.weight.lora_a" }, 1, "blk.0.attn_q.weight.lora_b has no .lora_a" },
		{ { .from = "blk.3.ffn_down.weight.lora_b" }, 1, "blk.3.ffn_down.weight.lora_a has no .lora_b" },
		{ { .from = "blk.1.attn_q.weight.lora_a", .to = "blk.1.attn_q.bias" }, 1, "blk.1.attn_q.bias is neither" },
		{ { .from = "blk.1.attn_q.weight.lora_a", .to = ".lora_a" }, 1, "tensor .lora_a is neither" },
		{ { .other_shape = "blk.1.attn_q.weight.lora_a", .ne = { DIM + 1, 4 } }, 1, "lora_a is 33 x 4, wanted is 32 x 4" },
		{ { .other_shape = "blk.1.attn_q.weight.lora_b", .ne = { 4, DIM - 1 } }, 1, "lora_b is 4 x 31, wanted is 4 x 32" },
		{ { .other_shape = "blk.1.attn_q.weight.lora_a", .ne = { DIM, 5 } }, 1, "lora_b is 4 x 32, wanted is 5 x 32" },
		{ { .rank = ADAPTER_MAX_RANK + 1 }, 1, "rank 4097, at most 4096" },
	};

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		const char *path = write_adapter("a.gguf", &bad[i].s);
		struct adapter *a = adapter_open(path, bad[i].scale, m);
		tap_ok(!a && err_status() == ERR_DATA && strstr(err_reason(), bad[i].reason) && strstr(err_reason(), path),
		    "refused: %s", a ? bad[i].reason : err_reason() + strlen(path) + 2);
		adapter_free(a);
	}
}

/* A pair for another tensor than the model has. The sample's first pair gets another name. */
static void
check_bases(const struct model *m, bool taken, const char *base, uint64_t cols, uint64_t rows, const char *reason)
{
	struct out o = { .w = gguf_writer_new(), .s = &(struct spoilt){ .alpha = 1 } };
	const char *path = in_dir("b.gguf");

	if (!o.w)
		abort();
	put_keys(o.w, o.s);
	put_pair(&o, base, cols, rows);
	if (gguf_write(o.w, path) < 0)
		abort();
	gguf_writer_free(o.w);
	while (o.n-- > 0)
		free(o.data[o.n]);
	struct adapter *a = adapter_open(path, 1, m);
	if (taken)
		tap_ok(a, "taken: %s", base);
	else
		tap_ok(!a && err_status() == ERR_DATA && strstr(err_reason(), reason) && strstr(err_reason(), base), "refused: %s",
		    a ? base : err_reason() + strlen(path) + 2);
	adapter_free(a);
}

static void
check_all_bases(const struct model *m)
{
	struct split_plan plan;

	check_bases(m, true, "blk.0.attn_v.weight", DIM, KV_HEADS * HEAD_DIM, NULL);
	check_bases(m, true, "output.weight", DIM, VOCAB, NULL);
	check_bases(m, false, "output.weight", DIM, VOCAB + 1, "wanted is 4 x 20");
	check_bases(m, false, "token_embd.weight", DIM, VOCAB, "for the embedding");
	check_bases(m, false, "blk.0.attn_norm.weight", DIM, 1, "none of the model's");
	check_bases(m, false, "output_norm.weight", DIM, 1, "none of the model's");
	check_bases(m, false, "blk.4.attn_q.weight", DIM, DIM, "none of the model's");
	check_bases(m, false, "blk.00.attn_q.weight", DIM, DIM, "none of the model's");
	check_bases(m, false, "blk.0.attn_qkv.weight", DIM, DIM, "none of the model's");
	check_bases(m, false, "attn_q.weight", DIM, DIM, "none of the model's");

	/* the same of other parts than the one that is open */
	if (split_list(&plan, m, "0-0,1-2,3-3") < 0 || shard_split(m, &plan, in_dir("parts"), false) < 0)
		abort();
	struct model *part = open_in("parts/1.gguf");
	if (!part)
		abort();
	check_bases(part, true, "blk.0.attn_v.weight", DIM, KV_HEADS * HEAD_DIM, NULL);
	check_bases(part, true, "blk.1.attn_v.weight", DIM, KV_HEADS * HEAD_DIM, NULL);
	check_bases(part, true, "output.weight", DIM, VOCAB, NULL);
	check_bases(part, false, "output.weight", DIM, VOCAB + 1, "wanted is 4 x 20");
	check_bases(part, false, "blk.3.attn_v.weight", DIM, DIM, "wanted is 4 x 16");
	check_bases(part, false, "blk.3.attn_norm.weight", DIM, 1, "none of the model's");
	check_bases(part, false, "blk.03.attn_v.weight", DIM, KV_HEADS * HEAD_DIM, "none of the model's");
	check_bases(part, false, "blk.4.attn_v.weight", DIM, KV_HEADS * HEAD_DIM, "none of the model's");
	check_bases(part, false, "blk.0.attn_qkv.weight", DIM, DIM, "none of the model's");
	model_free(part);
	clear(in_dir("parts"));
}

static void
check_other_files(const struct model *m)
{
	static const char *const others[] = {
		"/dev/null", "/dev/urandom", "/nonexistent", "m.gguf", "one/0.gguf", "one/manifest.json",
	};
	struct split_plan plan;

	if (split_even(&plan, m, 1) < 0 || shard_split(m, &plan, in_dir("one"), true) < 0)
		abort();
	for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
		const char *path = others[i][0] == '/' ? others[i] : in_dir(others[i]);
		struct adapter *a = adapter_open(path, 1, m);
		tap_ok(!a && strstr(err_reason(), strncmp(others[i], "one", 3) == 0 ? "0.gguf: a shard" : path), "refused: %s", others[i]);
		adapter_free(a);
	}
	clear(in_dir("one"));

	sample_write(&(struct sample){ .tied = true }, in_dir("tied.gguf"));
	struct model *tied = open_in("tied.gguf");
	if (!tied)
		abort();
	check_bases(tied, true, "blk.0.attn_v.weight", DIM, KV_HEADS * HEAD_DIM, NULL);
	check_bases(tied, false, "output.weight", DIM, VOCAB, "none of the model's");
	model_free(tied);
}

/* ---- FILE:SCALE ---- */

static void
check_names(void)
{
	static const struct {
		const char *text, *file;
		double x;
	} names[] = {
		{ "a.gguf", "a.gguf", 1 }, { "a.gguf:0.5", "a.gguf", 0.5 }, { "a.gguf:-2e1", "a.gguf", -20 }, { "a:b", "a:b", 1 },
		{ "a:b:0", "a:b", 0 }, { "a:3:4", "a:3", 4 }, { "a:", "a:", 1 }, { "a:1x", "a:1x", 1 }, { ":7", "", 7 }, { "", "", 1 },
		{ "a:inf", "a", INFINITY },
	};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		char *file = NULL;
		double x = 0;
		if (opt_file_number(names[i].text, &file, &x) < 0 || !file)
			abort();
		tap_ok(strcmp(file, names[i].file) == 0 && x == names[i].x, "\"%s\" is %s, %g", names[i].text, file, x);
		free(file);
	}
}

static void
named(char to[200], const char *file, const char *scale)
{
	snprintf(to, 200, "%s%s", in_dir(file), scale);
}

static void
check_list(const struct model *m)
{
	struct adapter_list l;
	struct hash id[6];
	char a[3][200];
	const char *names[] = { a[0], a[1], a[2] };
	static const char *const bad[] = { ":nan", ":-inf", ":1e39" };

	write_adapter("a.gguf", &(struct spoilt){ .alpha = 8 });
	write_adapter("b:c.gguf", &(struct spoilt){ .alpha = 4, .seed = 3 });
	named(a[0], "a.gguf", ":0.5");
	named(a[1], "a.gguf", ":0");
	named(a[2], "b:c.gguf", "");
	tap_ok(adapters_open(&l, names, 3, m) == 0 && l.n == 2 && l.at[0]->scale == 0.5f && l.at[1]->scale == 1 &&
	    l.at[1]->alpha == 4 && adapters_id(&l, &id[0]) == 0, "a list is opened in order; a scale of 0 leaves one out");
	adapters_free(&l);
	tap_ok(l.n == 0 && !l.at, "and freed");
	tap_ok(adapters_open(&l, names + 1, 1, m) == 0 && l.n == 0, "a list of nothing");
	adapters_free(&l);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		named(a[1], "a.gguf", bad[i]);
		tap_ok(adapters_open(&l, names, 3, m) < 0 && err_status() == ERR_USAGE && l.n == 0, "refused: %s", err_reason());
	}
	named(a[1], "m.gguf", ":0");
	tap_ok(adapters_open(&l, names, 3, m) < 0 && err_status() == ERR_DATA && l.n == 0, "a scale of 0 hides no wrong file");

	/* each change gives another id */
	for (int i = 1; i < 6; i++) {
		named(a[0], i == 1 ? "b:c.gguf" : "a.gguf", i == 2 ? ":0.5000001" : ":0.5");
		named(a[1], i == 1 ? "a.gguf" : "b:c.gguf", i == 1 ? ":0.5" : "");
		if (i == 3) /* another alpha */
			write_adapter("a.gguf", &(struct spoilt){ .alpha = 7 });
		if (i == 4) /* other numbers */
			write_adapter("a.gguf", &(struct spoilt){ .alpha = 8, .seed = 1 });
		if (i == 5) /* as at first */
			write_adapter("a.gguf", &(struct spoilt){ .alpha = 8 });
		if (adapters_open(&l, names, 2, m) < 0 || adapters_id(&l, &id[i]) < 0)
			abort();
		tap_ok(hash_equal(&id[0], &id[i]) == (i == 5), i == 5 ? "the same list has the same id" : "another list has another id");
		adapters_free(&l);
	}
}

int
main(void)
{
	make_dir();
	sample_write(&(struct sample){ .type = TYPE_F32, .seed = 5 }, in_dir("m.gguf"));
	struct model *m = open_in("m.gguf");
	if (!m)
		abort();
	check_sound(m);
	check_scale(m);
	check_parts(m, write_adapter("a.gguf", &(struct spoilt){ .alpha = 1 }));
	check_refused(m);
	check_all_bases(m);
	check_other_files(m);
	check_names();
	check_list(m);
	model_free(m);
	remove_dir();
	return tap_done();
}
