/* Splitting, joining, identities: whatever the split, the same model comes back. */
#include "model_sample.h"
#include "tap.h"

/* ---- there and back ---- */

/* Splits m.gguf into n shards, joins them, and looks at all. */
static bool
survives(uint32_t n, bool stock, const struct hash *id)
{
	struct model *m = open_in("m.gguf"), *parts = NULL;
	struct split_plan plan;
	struct hash again;
	bool good = m && split_even(&plan, m, n) == 0 && shard_split(m, &plan, in_dir("parts"), stock) == 0;

	good = good && (parts = open_in("parts/manifest.json")) && parts->n_files == n &&
	    model_id(parts, &again) == 0 && hash_equal(id, &again) && model_check(parts) == 0;
	good = good && shard_join(parts, in_dir("again.gguf")) == 0 && same_files(in_dir("again.gguf"), in_dir("m.gguf"));
	model_free(m);
	model_free(parts);
	unlink(in_dir("again.gguf"));
	return clear(in_dir("parts")) == (int)n + 1 && good;
}

/* Shards of shards, from interleaved to plain and back. */
static bool
survives_twice(const struct hash *id)
{
	struct model *m = open_in("m.gguf"), *first = NULL, *second = NULL;
	struct split_plan plan;
	struct hash again;
	bool good = m && split_even(&plan, m, 3) == 0 && shard_split(m, &plan, in_dir("parts"), false) == 0 &&
	    (first = open_in("parts/manifest.json")) && split_even(&plan, first, 2) == 0 &&
	    shard_split(first, &plan, in_dir("more"), true) == 0 && (second = open_in("more/manifest.json")) &&
	    split_even(&plan, second, 4) == 0 && shard_split(second, &plan, in_dir("parts"), false) == 0;

	model_free(first);
	first = good ? open_in("parts/manifest.json") : NULL;
	good = first && first->n_files == 4 && model_id(first, &again) == 0 && hash_equal(id, &again) &&
	    shard_join(first, in_dir("again.gguf")) == 0 && same_files(in_dir("again.gguf"), in_dir("m.gguf"));
	model_free(m);
	model_free(first);
	model_free(second);
	unlink(in_dir("again.gguf"));
	clear(in_dir("parts"));
	clear(in_dir("more"));
	return good;
}

static void
check_round_trips(void)
{
	static const struct sample samples[] = {
		{ .type = TYPE_F32 }, { .type = TYPE_F16, .tied = true, .rope_freqs = true }, { .type = TYPE_BF16, .alignment = 16 },
		{ .type = TYPE_Q8_0, .tied = true, .alignment = 256 }, { .type = TYPE_Q8_0, .no_vocab = true },
	};

	for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
		struct hash id = { 0 };
		int good = 0;
		sample_write(&samples[i], in_dir("m.gguf"));
		struct model *m = open_in("m.gguf");
		if (!m || model_id(m, &id) < 0)
			abort();
		model_free(m);
		for (uint32_t n = 1; n <= LAYERS; n++)
			good += survives(n, false, &id) + survives(n, true, &id);
		tap_ok(good == 2 * LAYERS, "model %zu comes back whole, with one identity, from 1 to 4 shards of both kinds", i + 1);
		tap_ok(survives_twice(&id), "and from shards of shards of shards: %s", err_reason());
	}
}

/* ---- what a shard holds ---- */

static void
check_contents(void)
{
	struct split_plan plan;
	const struct gguf_tensor *t;

	sample_write(&(struct sample){ .type = TYPE_F16, .tied = true, .rope_freqs = true }, in_dir("m.gguf"));
	struct model *m = open_in("m.gguf");
	if (!m || split_list(&plan, m, "0,1-2,3") < 0 || shard_split(m, &plan, in_dir("parts"), false) < 0)
		abort();
	model_free(m);
	struct model *a = open_in("parts/0.gguf"), *b = open_in("parts/1.gguf"), *c = open_in("parts/2.gguf");
	if (!a || !b || !c)
		abort();
	tap_ok(a->layer_first == 0 && a->layer_last == 1 && b->layer_first == 1 && b->layer_last == 3 && c->layer_first == 3 &&
	    c->layer_last == 4 && a->has_embedding && !a->has_head && !b->has_embedding && !b->has_head && c->has_head &&
	    !c->has_embedding, "shards know their layers");
	tap_ok(model_check(a) == 0 && model_check(b) == 0 && model_check(c) == 0,
	    "each of them can be computed");
	tap_ok(model_vocab_file(a) && !model_vocab_file(b) && model_vocab_file(c) && !gguf_find(b->files[0], "tokenizer.chat_template"),
	    "the one in the middle has no vocabulary");
	tap_ok(b->hp.n_vocab == VOCAB && hash_equal(&b->stated_vocab_id, &a->stated_vocab_id) && !hash_is_none(&b->stated_vocab_id),
	    "but knows its size and its identity");
	tap_ok((t = model_tensor(a, "token_embd.weight")) && t->type == TYPE_F16 && !model_output(a),
	    "the embedding of the first lies plain");
	tap_ok((t = model_output(c)) && t->type == TYPE_X16 + TYPE_F16 && (uintptr_t)t->data % 64 == 0,
	    "that of the last is its head, and interleaved");
	tap_ok(model_tensor(a, "blk.0.ffn_up.weight")->type == TYPE_X16 + TYPE_F16 &&
	    model_tensor(a, "blk.0.ffn_norm.weight")->type == TYPE_F32, "matrices are interleaved, vectors are not");
	tap_ok(model_tensor(a, "rope_freqs.weight") && model_tensor(b, "rope_freqs.weight") && model_tensor(c, "rope_freqs.weight"),
	    "rope_freqs are in all");
	model_free(a);
	model_free(b);
	model_free(c);
	clear(in_dir("parts"));
}

/* ---- identities ---- */

static struct hash
id_of_sample(const struct sample *s)
{
	struct hash id;

	sample_write(s, in_dir("m.gguf"));
	struct model *m = open_in("m.gguf");
	if (!m || model_id(m, &id) < 0)
		abort();
	model_free(m);
	return id;
}

static void
check_ids(void)
{
	const struct sample same = { .type = TYPE_F16, .seed = 1 };
	static const struct sample other[] = {
		{ .type = TYPE_F16, .seed = 2 },
		{ .type = TYPE_BF16, .seed = 1 },
		{ .type = TYPE_F16, .seed = 1, .other_key = "llama.context_length", .other_value = 129 },
		{ .type = TYPE_F16, .seed = 1, .more_key = "llama.something", .other_value = 1 },
		{ .type = TYPE_F16, .seed = 1, .tied = true },
	};
	struct hash id = id_of_sample(&same), again;
	int differ = 0;

	for (size_t i = 0; i < sizeof other / sizeof *other; i++) {
		again = id_of_sample(&other[i]);
		differ += !hash_equal(&id, &again);
	}
	tap_ok(differ == sizeof other / sizeof *other, "other weights, types, tensors or hyper-parameters give another identity");
	again = id_of_sample(&(struct sample){ .type = TYPE_F16, .seed = 1, .alignment = 64, .more_key = "general.quantization_version" });
	tap_ok(hash_equal(&id, &again), "another alignment, or other general keys, do not");
}

/* A model id that is worked out in the test from the words of mai-shard(5). */
static void
check_id_by_hand(void)
{
	static const float one = 1;
	struct gguf_writer *w = gguf_writer_new();
	struct hash id, data = hash_bytes(&one, sizeof one), wanted;
	uint8_t b[512];
	size_t n = 0;

#define PUT(p, size) (memcpy(b + n, p, size), n += (size))
#define PUT_U64(v) PUT((&(uint64_t){ v }), 8)
#define PUT_U32(v) PUT((&(uint32_t){ v }), 4)
#define PUT_STRING(s) (PUT_U64(sizeof s - 1), PUT(s, sizeof s - 1))
	PUT("mai model 1\n", 12);
	PUT_STRING("x");
	PUT_U64(2);
	PUT_STRING("x.a");
	PUT_U32(9);
	PUT_U32(5);
	PUT_U64(2);
	PUT_U32(7);
	PUT_U32(8);
	PUT_STRING("x.b");
	PUT_U32(4);
	PUT_U32(3);
	PUT_U64(2);
	PUT_STRING("s");
	PUT_U32(0);
	PUT_U32(1);
	PUT_U64(1);
	PUT(data.bytes, 32);
	PUT_STRING("t");
	PUT_U32(0);
	PUT_U32(2);
	PUT_U64(1);
	PUT_U64(1);
	PUT(data.bytes, 32);
	wanted = hash_bytes(b, n);

	gguf_put_u32(w, "x.b", 3);
	gguf_put_string(w, "general.architecture", "x");
	gguf_put_array(w, "x.a", GGUF_I32, (const int32_t[]){ 7, 8 }, 2);
	gguf_put_u32(w, "xx.a", 1);
	gguf_put_tensor(w, "t", TYPE_F32, 2, (const uint64_t[]){ 1, 1 }, &one, 4);
	gguf_put_tensor(w, "s", TYPE_F32, 1, (const uint64_t[]){ 1 }, &one, 4);
	if (gguf_write(w, in_dir("m.gguf")) < 0)
		abort();
	gguf_writer_free(w);
	struct model *m = open_in("m.gguf");
	tap_ok(m && model_id(m, &id) == 0 && hash_equal(&id, &wanted), "a model id is what the specification says");
	tap_ok(m && model_vocab_id(m, &id) == 0 && hash_is_none(&id), "a model without vocabulary has no vocabulary id");
	model_free(m);
}

int
main(void)
{
	make_dir();
	check_round_trips();
	check_contents();
	check_ids();
	check_id_by_hand();
	remove_dir();
	return tap_done();
}
