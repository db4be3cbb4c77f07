#include "flow/state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "base/err.h"
#include "base/io.h"
#include "base/mem.h"
#include "compute/kernel.h"
#include "model/model.h"
#include "model/types.h"
#include "stream/sum.h"

#define ARCHITECTURE "mai-kv"
#define KEY_VERSION ARCHITECTURE ".version"
#define KEY_CHECKSUM ARCHITECTURE ".checksum"
#define KEY_MODEL_ID ARCHITECTURE ".model_id"
#define KEY_VOCAB_ID ARCHITECTURE ".vocab_id"
#define KEY_PROFILE ARCHITECTURE ".profile"
#define KEY_LAYER_FIRST ARCHITECTURE ".layer_first"
#define KEY_LAYER_LAST ARCHITECTURE ".layer_last"
#define KEY_POSITIONS ARCHITECTURE ".positions"
#define KEY_PROMPT ARCHITECTURE ".prompt"
#define KEY_TOKENS ARCHITECTURE ".tokens"

static void
tensor_name(char to[GGUF_MAX_NAME], enum kv_half half, uint32_t layer)
{
	snprintf(to, GGUF_MAX_NAME, "%c.%u", half == KV_KEYS ? 'k' : 'v', layer);
}

/* Of a recurrent layer. */
static void
state_name(char to[GGUF_MAX_NAME], uint32_t layer)
{
	snprintf(to, GGUF_MAX_NAME, "s.%u", layer);
}

static uint64_t
head_bytes(const struct kv_shape *shape)
{
	const struct type_info *type = type_info(shape->type);

	return (uint64_t)shape->head_dim / type->block * type->block_bytes;
}

/* ---- writing ---- */

/* One tensor: the keys or the values of a layer, or its state. */
struct half {
	const struct kv *kv;
	const struct kv_seq *seq;
	uint32_t layer; /* counted from the stage's first */
	enum kv_half half;
};

static int
fill(void *arg, FILE *to, const char *name)
{
	const struct half *h = arg;
	const struct kv_shape shape = kv_shape(h->kv);
	uint8_t head[ATTEND_MAX_HEAD_DIM * sizeof(float)];
	size_t n = head_bytes(&shape);

	for (uint32_t pos = 0; pos < h->seq->len; pos++)
		for (uint32_t i = 0; i < shape.heads; i++) {
			kv_get(h->kv, h->seq->page[pos / KV_PAGE], h->layer, i, h->half, pos, head);
			if (fwrite(head, 1, n, to) != n)
				return err_sys("%s", name);
		}
	return 0;
}

static int
fill_state(void *arg, FILE *to, const char *name)
{
	const struct half *h = arg;
	size_t n = kv_shape(h->kv).state;

	return fwrite(kv_state(h->kv, h->seq->page[0], h->layer), sizeof(float), n, to) == n ? 0 : err_sys("%s", name);
}

static int
put_about(struct gguf_writer *w, const struct state_of *of, uint64_t checksum)
{
	char model[HASH_HEX], vocab[HASH_HEX];

	hash_to_hex(&of->model_id, model);
	hash_to_hex(&of->vocab_id, vocab);
	return gguf_put_string(w, "general.architecture", ARCHITECTURE) < 0 || gguf_put_u32(w, KEY_VERSION, STATE_VERSION) < 0 ||
	    gguf_put_u64(w, KEY_CHECKSUM, checksum) < 0 || gguf_put_string(w, KEY_MODEL_ID, model) < 0 ||
	    gguf_put_string(w, KEY_VOCAB_ID, vocab) < 0 || gguf_put_string(w, KEY_PROFILE, of->profile) < 0 ||
	    gguf_put_u32(w, KEY_LAYER_FIRST, of->layer_first) < 0 || gguf_put_u32(w, KEY_LAYER_LAST, of->layer_last) < 0 ? -1 : 0;
}

static int
put_halves(struct gguf_writer *w, uint32_t layer_first, struct half *half, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		const struct kv_shape shape = kv_shape(half[i].kv);
		const uint64_t ne[] = { shape.head_dim, shape.heads, half[i].seq->len };
		char name[GGUF_MAX_NAME];
		tensor_name(name, half[i].half, layer_first + half[i].layer);
		if (gguf_put_tensor_fill(w, name, shape.type, 3, ne, head_bytes(&shape) * ne[1] * ne[2], fill, &half[i]) < 0)
			return -1;
	}
	return 0;
}

static int
put_states(struct gguf_writer *w, uint32_t layer_first, struct half *half, uint32_t n)
{
	char name[GGUF_MAX_NAME];

	if (gguf_put_u32(w, KEY_POSITIONS, half[0].seq->len) < 0)
		return -1;
	for (uint32_t i = 0; i < n; i++) {
		const uint64_t ne[] = { kv_shape(half[i].kv).state };
		state_name(name, layer_first + half[i].layer);
		if (gguf_put_tensor_fill(w, name, TYPE_F32, 1, ne, ne[0] * sizeof(float), fill_state, &half[i]) < 0)
			return -1;
	}
	return 0;
}

/* What is saved, and where. */
struct saving {
	const struct state_of *of;
	const uint32_t *token;
	uint32_t n, prompt;
	struct half *half;
	uint32_t n_halves;
	int (*put)(struct gguf_writer *w, uint32_t layer_first, struct half *half, uint32_t n);
};

static int
write_file(const struct saving *s, uint64_t checksum, FILE *to, const char *name)
{
	struct gguf_writer *w = gguf_writer_new();
	int rc = -1;

	if (!w)
		return -1;
	if (put_about(w, s->of, checksum) == 0 && (s->prompt == UINT32_MAX || gguf_put_u32(w, KEY_PROMPT, s->prompt) == 0) &&
	    (!s->token || gguf_put_array(w, KEY_TOKENS, GGUF_U32, s->token, s->n) == 0) &&
	    s->put(w, s->of->layer_first, s->half, s->n_halves) == 0)
		rc = gguf_write_file(w, to, name);
	gguf_writer_free(w);
	return rc;
}

static ssize_t
add_to_sum(void *sum, const char *data, size_t n)
{
	XXH3_64bits_update(sum, data, n);
	return (ssize_t)n;
}

/* The checksum of the file with 0 in its place: the file is made twice, since it may not fit into memory again. */
static int
checksum_of(const struct saving *s, const char *name, uint64_t *checksum)
{
	XXH3_state_t *sum = XXH3_createState();
	FILE *to = sum ? fopencookie(sum, "w", (cookie_io_functions_t){ .write = add_to_sum }) : NULL;
	int rc = -1;

	if (to) {
		XXH3_64bits_reset(sum);
		rc = write_file(s, 0, to, name);
		if (fclose(to) != 0)
			rc = err_sys("%s", name);
		*checksum = XXH3_64bits_digest(sum);
	} else {
		err_set(ERR_SYSTEM, "out of memory");
	}
	XXH3_freeState(sum);
	return rc;
}

static int
save(const struct saving *s, const char *path)
{
	struct io_out out = { 0 };
	uint64_t checksum;

	if (checksum_of(s, path, &checksum) < 0 || io_out_open(&out, path) < 0)
		return -1;
	if (write_file(s, checksum, out.file, path) < 0) {
		io_out_abort(&out);
		return -1;
	}
	return io_out_commit(&out);
}

int
state_save(const char *path, const struct state_of *of, const struct kv *kv, const struct kv_seq *seq, const uint32_t *token, uint32_t prompt)
{
	struct saving s = { .of = of, .token = token, .n = seq->len, .prompt = prompt };
	const struct kv_shape shape = kv_shape(kv);
	int rc;

	s.put = shape.state ? put_states : put_halves;
	if (!(s.half = mem_alloc(2 * (size_t)shape.layers, sizeof *s.half)))
		return -1;
	for (uint32_t i = 0; i < shape.layers; i++)
		for (enum kv_half half = KV_KEYS; half <= (shape.state ? KV_KEYS : KV_VALUES); half++)
			s.half[s.n_halves++] = (struct half){ kv, seq, i, half };
	rc = save(&s, path);
	free(s.half);
	return rc;
}

/* ---- reading ---- */

static int
check_sum(const struct gguf *g)
{
	const struct gguf_key *key = gguf_find(g, KEY_CHECKSUM);
	const uint8_t zero[sizeof(uint64_t)] = { 0 };
	uint64_t want;

	if (!key || key->kind != GGUF_U64)
		return err_set(ERR_DATA, "%s: no %s", g->path, KEY_CHECKSUM);
	size_t before = (size_t)(key->data - g->map.data);
	/* struct iovec has no const; nobody writes through it. */
	const struct iovec piece[] = { { (void *)(uintptr_t)g->map.data, before }, { (void *)(uintptr_t)zero, sizeof zero },
		{ (void *)(uintptr_t)(key->data + sizeof zero), g->map.size - before - sizeof zero } };
	memcpy(&want, key->data, sizeof want);
	return sum_pieces(piece, 3) == want ? 0 : err_set(ERR_DATA, "%s: the checksum is wrong", g->path);
}

static int
get_u32(const struct gguf *g, const char *key, uint64_t max, uint32_t *to)
{
	uint64_t v;

	if (gguf_get_u64(g, key, &v) <= 0 || v > max)
		return err_set(ERR_DATA, "%s: %s is missing, or not a number up to %llu", g->path, key, (unsigned long long)max);
	*to = (uint32_t)v;
	return 0;
}

static int
get_id(const struct gguf *g, const char *key, struct hash *to)
{
	struct gguf_string s;

	if (gguf_get_string(g, key, &s) <= 0 || !hash_from_hex(to, s.data, s.len))
		return err_set(ERR_DATA, "%s: %s is missing, or no id", g->path, key);
	return 0;
}

static int
read_about(struct state_of *of, const struct gguf *g)
{
	struct gguf_string s;
	uint32_t version = 0;

	if (get_u32(g, KEY_VERSION, UINT32_MAX, &version) < 0)
		return -1;
	if (version != STATE_VERSION)
		return err_set(ERR_DATA, "%s: version %u of the format, not %d", g->path, version, STATE_VERSION);
	if (check_sum(g) < 0 || get_id(g, KEY_MODEL_ID, &of->model_id) < 0 || get_id(g, KEY_VOCAB_ID, &of->vocab_id) < 0)
		return -1;
	if (gguf_get_string(g, KEY_PROFILE, &s) <= 0 || s.len >= sizeof of->profile)
		return err_set(ERR_DATA, "%s: %s is missing or too long", g->path, KEY_PROFILE);
	for (size_t i = 0; i < s.len; i++)
		if (s.data[i] < 0x20 || s.data[i] > 0x7e)
			return err_set(ERR_DATA, "%s: %s is not printable ASCII", g->path, KEY_PROFILE);
	memcpy(of->profile, s.data, s.len);
	if (get_u32(g, KEY_LAYER_FIRST, MODEL_MAX_LAYERS - 1, &of->layer_first) < 0 ||
	    get_u32(g, KEY_LAYER_LAST, MODEL_MAX_LAYERS, &of->layer_last) < 0)
		return -1;
	if (of->layer_last <= of->layer_first)
		return err_set(ERR_DATA, "%s: layers %u to %u are none", g->path, of->layer_first, of->layer_last);
	return 0;
}

/* All layers' states, of one length, and nothing else. */
static int
read_states(struct state *s)
{
	const struct gguf *g = s->file;
	const struct gguf_tensor *first = &g->tensors[0];
	uint32_t layers = s->of.layer_last - s->of.layer_first;
	char name[GGUF_MAX_NAME];

	if (g->n_tensors != layers)
		return err_set(ERR_DATA, "%s: %llu tensors, not one for each of %u layers", g->path, (unsigned long long)g->n_tensors, layers);
	if (get_u32(g, KEY_POSITIONS, MODEL_MAX_CONTEXT, &s->n) < 0)
		return -1;
	if (s->n == 0)
		return err_set(ERR_DATA, "%s: %s is 0", g->path, KEY_POSITIONS);
	for (uint32_t i = s->of.layer_first; i < s->of.layer_last; i++) {
		state_name(name, i);
		const struct gguf_tensor *t = gguf_tensor(g, name);
		if (!t || t->type != TYPE_F32 || t->n_dims != 1 || t->ne[0] != first->ne[0])
			return err_set(ERR_DATA, "%s: tensor %s is missing, or not like the others", g->path, name);
	}
	s->shape = (struct kv_shape){ .layers = layers, .type = TYPE_F32, .state = first->ne[0] };
	return 0;
}

/* All layers' keys and values, of one shape, and nothing else. */
static int
read_halves(struct state *s)
{
	const struct gguf *g = s->file;
	const struct gguf_tensor *first = g->n_tensors > 0 ? &g->tensors[0] : NULL;
	uint32_t layers = s->of.layer_last - s->of.layer_first;
	char name[GGUF_MAX_NAME];

	if (g->n_tensors != 2 * (uint64_t)layers)
		return err_set(ERR_DATA, "%s: %llu tensors, not two for each of %u layers", g->path, (unsigned long long)g->n_tensors, layers);
	if (first->ne[0] > ATTEND_MAX_HEAD_DIM || first->ne[1] > MODEL_MAX_HEADS || first->ne[2] > MODEL_MAX_CONTEXT || first->ne[3] != 1)
		return err_set(ERR_DATA, "%s: tensor %.*s has a shape that no keys have", g->path, (int)first->name.len, first->name.data);
	s->shape = (struct kv_shape){ .layers = layers, .heads = (uint32_t)first->ne[1], .head_dim = (uint32_t)first->ne[0], .type = first->type };
	s->n = (uint32_t)first->ne[2];
	for (uint32_t i = s->of.layer_first; i < s->of.layer_last; i++)
		for (enum kv_half half = KV_KEYS; half <= KV_VALUES; half++) {
			tensor_name(name, half, i);
			const struct gguf_tensor *t = gguf_tensor(g, name);
			if (!t || t->type != first->type || memcmp(t->ne, first->ne, sizeof t->ne) != 0)
				return err_set(ERR_DATA, "%s: tensor %s is missing, or not like the others", g->path, name);
		}
	return 0;
}

static int
read_shape(struct state *s)
{
	char name[GGUF_MAX_NAME];

	state_name(name, s->of.layer_first);
	return gguf_tensor(s->file, name) ? read_states(s) : read_halves(s);
}

static int
read_tokens(struct state *s)
{
	const struct gguf *g = s->file;
	const struct gguf_key *key;
	int there = gguf_get_array(g, KEY_TOKENS, GGUF_U32, &key);

	s->prompt = UINT32_MAX;
	if (gguf_find(g, KEY_PROMPT) && get_u32(g, KEY_PROMPT, s->n, &s->prompt) < 0)
		return -1;
	if (there == 0)
		return 0;
	if (there < 0 || key->n != s->n)
		return err_set(ERR_DATA, "%s: %s is not a token for each of %u positions", g->path, KEY_TOKENS, s->n);
	if (!(s->token = mem_alloc(s->n, sizeof *s->token)))
		return -1;
	memcpy(s->token, key->data, s->n * sizeof *s->token);
	for (uint32_t i = 0; i < s->n; i++)
		if (s->token[i] >= MODEL_MAX_VOCAB)
			return err_set(ERR_DATA, "%s: token %u at position %u is none", g->path, s->token[i], i);
	return 0;
}

static int
read_state(struct state *s)
{
	struct gguf_string arch;

	if (gguf_get_string(s->file, "general.architecture", &arch) <= 0 || !gguf_string_is(arch, ARCHITECTURE))
		return err_set(ERR_DATA, "%s: not the state of a sequence, as --kv-save writes it", s->file->path);
	return read_about(&s->of, s->file) < 0 || read_shape(s) < 0 ? -1 : read_tokens(s);
}

struct state *
state_open(const char *path)
{
	struct state *s = mem_alloc(1, sizeof *s);

	if (s && (s->file = gguf_open(path)) && read_state(s) == 0)
		return s;
	state_free(s);
	return NULL;
}

void
state_free(struct state *s)
{
	if (!s)
		return;
	gguf_free(s->file);
	free(s->token);
	free(s);
}

/* ---- into a cache ---- */

int
state_fits(const struct state *s, const struct state_of *of, const struct kv *kv)
{
	const char *path = s->file->path;
	const struct kv_shape shape = kv_shape(kv);

	if (!hash_equal(&s->of.model_id, &of->model_id))
		return err_set(ERR_DATA, "%s: the state of another model", path);
	if (!hash_equal(&s->of.vocab_id, &of->vocab_id))
		return err_set(ERR_DATA, "%s: the state of a model with another vocabulary", path);
	if (s->of.layer_first != of->layer_first || s->of.layer_last != of->layer_last)
		return err_set(ERR_DATA, "%s: of layers %u to %u, but %u to %u are here", path, s->of.layer_first, s->of.layer_last - 1,
		    of->layer_first, of->layer_last - 1);
	if (strcmp(s->of.profile, of->profile) != 0)
		return err_set(ERR_DATA, "%s: computed as \"%s\", but this stage computes \"%s\"", path, s->of.profile, of->profile);
	if (memcmp(&s->shape, &shape, sizeof shape) != 0)
		return err_set(ERR_DATA, "%s: its keys and values, or states, have another shape or type than this model's", path);
	if (s->n > kv_context(kv))
		return err_set(ERR_DATA, "%s: %u positions, and the context has %u", path, s->n, kv_context(kv));
	return 0;
}

static void
restore_half(const struct state *s, struct kv *kv, struct kv_seq *seq, uint32_t layer, enum kv_half half)
{
	char name[GGUF_MAX_NAME];
	size_t n = head_bytes(&s->shape);

	tensor_name(name, half, s->of.layer_first + layer);
	const uint8_t *from = gguf_tensor(s->file, name)->data;
	for (uint32_t pos = 0; pos < s->n; pos++)
		for (uint32_t i = 0; i < s->shape.heads; i++, from += n)
			kv_put(kv, seq->page[pos / KV_PAGE], layer, i, half, pos, from);
}

static void
restore_state(const struct state *s, struct kv *kv, struct kv_seq *seq, uint32_t layer)
{
	char name[GGUF_MAX_NAME];

	state_name(name, s->of.layer_first + layer);
	memcpy(kv_state(kv, seq->page[0], layer), gguf_tensor(s->file, name)->data, s->shape.state * sizeof(float));
}

int
state_restore(const struct state *s, struct kv *kv, struct kv_seq *seq)
{
	if (kv_reserve(kv, seq, s->n) != KV_OK)
		return err_set(ERR_SYSTEM, "%s: no memory for %u positions", s->file->path, s->n);
	for (uint32_t i = 0; i < s->shape.layers; i++) {
		if (s->shape.state) {
			restore_state(s, kv, seq, i);
			continue;
		}
		restore_half(s, kv, seq, i, KV_KEYS);
		restore_half(s, kv, seq, i, KV_VALUES);
	}
	seq->len = s->n;
	return 0;
}
