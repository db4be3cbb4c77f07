#include "compute/kv.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/half.h"
#include "base/mem.h"
#include "compute/kernel.h"
#include "model/types.h"
#include "stream/convert.h"

struct kv_page {
	struct kv_page *next; /* in the list of free pages */
	uint32_t users;
	_Alignas(64) uint8_t data[];
};

struct kv {
	uint32_t layers, heads, head_dim, type, context;
	uint64_t limit, used, page_bytes;
	size_t per_head; /* half_bytes */
	uint64_t state;  /* floats of a layer; 0: keys and values are kept */
	struct kv_page *free;
};

/* Of the keys, or the values, of one head in a page. */
static size_t
half_bytes(uint32_t type, size_t head_dim)
{
	if (type == TYPE_Q8_0)
		return KV_PAGE * (head_dim + head_dim / Q8_BLOCK * sizeof(float));
	return KV_PAGE * head_dim * type_info(type)->block_bytes;
}

/* With pages of so many parts of so many bytes each. */
static struct kv *
new_pages(const struct kv *like, uint64_t part, uint64_t parts)
{
	struct kv *kv = mem_alloc(1, sizeof *kv);
	uint64_t bytes;

	if (!kv)
		return NULL;
	*kv = *like;
	if (!mem_mul(part, parts, &bytes) || !mem_add(bytes, sizeof(struct kv_page), &kv->page_bytes)) {
		free(kv);
		err_set(ERR_DATA, "a page of the KV cache would be too large");
		return NULL;
	}
	return kv;
}

struct kv *
kv_new(uint32_t layers, uint32_t heads, uint32_t head_dim, uint32_t type, uint32_t context, uint64_t limit)
{
	const struct kv kv = { .layers = layers, .heads = heads, .head_dim = head_dim, .type = type, .context = context, .limit = limit,
		.per_head = half_bytes(type, head_dim) };

	if (head_dim % type_info(type)->block != 0) {
		err_set(ERR_DATA, "heads of %u elements can't be kept as %s, in blocks of %u", head_dim, type_info(type)->name, type_info(type)->block);
		return NULL;
	}
	return new_pages(&kv, kv.per_head * 2, (uint64_t)layers * heads);
}

struct kv *
kv_new_states(uint32_t layers, uint64_t floats, uint32_t context, uint64_t limit)
{
	const struct kv kv = { .layers = layers, .type = TYPE_F32, .context = context, .limit = limit, .state = floats };

	return new_pages(&kv, floats * sizeof(float), layers);
}

/* ---- pages ---- */

/* That hold `len` positions. */
static size_t
pages_of(const struct kv *kv, uint32_t len)
{
	return kv->state ? len > 0 : ((size_t)len + KV_PAGE - 1) / KV_PAGE;
}

/* Whether what is held of a sequence tells of its first `len` positions. */
static bool
tells(const struct kv *kv, const struct kv_seq *seq, uint32_t len)
{
	return !kv->state || len == 0 || len == seq->len;
}

void
kv_free(struct kv *kv)
{
	if (!kv)
		return;
	for (struct kv_page *p = kv->free, *next; p; p = next) {
		next = p->next;
		free(p);
	}
	free(kv);
}

static struct kv_page *
take_page(struct kv *kv)
{
	struct kv_page *p = kv->free;

	if (kv->limit && kv->used + kv->page_bytes > kv->limit)
		return NULL;
	if (p)
		kv->free = p->next;
	else if (!(p = mem_alloc64(1, kv->page_bytes)))
		return NULL;
	if (kv->state)
		memset(p->data, 0, kv->page_bytes - sizeof *p);
	p->users = 1;
	kv->used += kv->page_bytes;
	return p;
}

static void
drop_page(struct kv *kv, struct kv_page *p)
{
	if (--p->users > 0)
		return;
	p->next = kv->free;
	kv->free = p;
	kv->used -= kv->page_bytes;
}

/* The page of seq->len is about to be written: another sequence that shares it keeps the old one. */
static enum kv_result
own_last_page(struct kv *kv, struct kv_seq *seq)
{
	size_t i = kv->state ? 0 : seq->len / KV_PAGE;
	struct kv_page *copy;

	if (i >= seq->n_pages || seq->page[i]->users == 1)
		return KV_OK;
	if (!(copy = take_page(kv)))
		return KV_MEMORY;
	memcpy(copy->data, seq->page[i]->data, kv->page_bytes - sizeof *copy);
	drop_page(kv, seq->page[i]);
	seq->page[i] = copy;
	return KV_OK;
}

enum kv_result
kv_reserve(struct kv *kv, struct kv_seq *seq, uint32_t len)
{
	size_t had = seq->n_pages, need = pages_of(kv, len);

	if (len > kv->context)
		return KV_CONTEXT;
	if (mem_grow(&seq->page, &seq->cap, need, sizeof *seq->page) < 0 || own_last_page(kv, seq) != KV_OK)
		return KV_MEMORY;
	while (seq->n_pages < need) {
		struct kv_page *p = take_page(kv);
		if (!p) {
			while (seq->n_pages > had)
				drop_page(kv, seq->page[--seq->n_pages]);
			return KV_MEMORY;
		}
		seq->page[seq->n_pages++] = p;
	}
	return KV_OK;
}

enum kv_result
kv_cut(struct kv *kv, struct kv_seq *seq, uint32_t len)
{
	size_t need = pages_of(kv, len);

	if (len < seq->len && !tells(kv, seq, len))
		return KV_STATE;
	while (seq->n_pages > need)
		drop_page(kv, seq->page[--seq->n_pages]);
	if (seq->len > len)
		seq->len = len;
	return KV_OK;
}

enum kv_result
kv_fork(const struct kv *kv, struct kv_seq *to, const struct kv_seq *from, uint32_t len)
{
	size_t n = pages_of(kv, len);

	if (!tells(kv, from, len))
		return KV_STATE;
	if (mem_grow(&to->page, &to->cap, n, sizeof *to->page) < 0)
		return KV_MEMORY;
	for (size_t i = 0; i < n; i++) {
		to->page[i] = from->page[i];
		to->page[i]->users++;
	}
	to->n_pages = n;
	to->len = len;
	return KV_OK;
}

void
kv_release(struct kv *kv, struct kv_seq *seq)
{
	kv_cut(kv, seq, 0);
	free(seq->page);
	*seq = (struct kv_seq){ 0 };
}

/* Where keys or values begin in a page. */
static size_t
place(const struct kv *kv, uint32_t layer, uint32_t head, enum kv_half half)
{
	return (((size_t)layer * kv->heads + head) * 2 + (half == KV_VALUES)) * kv->per_head;
}

const void *
kv_keys(const struct kv *kv, const struct kv_page *page, uint32_t layer, uint32_t head)
{
	return page->data + place(kv, layer, head, KV_KEYS);
}

const void *
kv_values(const struct kv *kv, const struct kv_page *page, uint32_t layer, uint32_t head)
{
	return page->data + place(kv, layer, head, KV_VALUES);
}

float *
kv_state(const struct kv *kv, struct kv_page *page, uint32_t layer)
{
	return (float *)(void *)page->data + layer * kv->state; /* aligned to 64 bytes */
}

/* ---- a position's elements: side by side among values, KV_PAGE apart among keys ---- */

static size_t
stride(enum kv_half half)
{
	return half == KV_KEYS ? KV_PAGE : 1;
}

/* The first of n that a position has. */
static size_t
first(enum kv_half half, uint32_t pos, size_t n)
{
	return half == KV_KEYS ? pos % KV_PAGE : pos % KV_PAGE * n;
}

/* n elements of `size` bytes, which lie to_step and from_step elements apart. */
static void
copy_apart(uint8_t *to, size_t to_step, const uint8_t *from, size_t from_step, size_t n, size_t size)
{
	if (size == sizeof(float))
		for (size_t i = 0; i < n; i++)
			memcpy(to + i * to_step * sizeof(float), from + i * from_step * sizeof(float), sizeof(float));
	else
		for (size_t i = 0; i < n; i++)
			memcpy(to + i * to_step * sizeof(uint16_t), from + i * from_step * sizeof(uint16_t), sizeof(uint16_t));
}

/* A block of q8_0 as GGUF has it. */
struct block {
	uint16_t scale;
	int8_t q[Q8_BLOCK];
};
_Static_assert(sizeof(struct block) == 34, "q8_0 has 34 bytes a block");

static void
get_blocks(const uint8_t *half_page, enum kv_half half, uint32_t pos, size_t n, uint8_t *to)
{
	const size_t blocks = n / Q8_BLOCK, step = stride(half);
	const float *scale = (const void *)half_page;
	const int8_t *q = (const int8_t *)(scale + blocks * KV_PAGE) + first(half, pos, n);
	struct block b;

	scale += first(half, pos, blocks);
	for (size_t i = 0; i < blocks; i++) {
		b.scale = f16_from_f32(scale[i * step]);
		for (size_t k = 0; k < Q8_BLOCK; k++)
			b.q[k] = q[(i * Q8_BLOCK + k) * step];
		memcpy(to + i * sizeof b, &b, sizeof b);
	}
}

static void
put_blocks(uint8_t *half_page, enum kv_half half, uint32_t pos, size_t n, const uint8_t *from)
{
	const size_t blocks = n / Q8_BLOCK, step = stride(half);
	float *scale = (void *)half_page;
	int8_t *q = (int8_t *)(scale + blocks * KV_PAGE) + first(half, pos, n);
	struct block b;

	scale += first(half, pos, blocks);
	for (size_t i = 0; i < blocks; i++) {
		memcpy(&b, from + i * sizeof b, sizeof b);
		scale[i * step] = f32_from_f16(b.scale);
		for (size_t k = 0; k < Q8_BLOCK; k++)
			q[(i * Q8_BLOCK + k) * step] = b.q[k];
	}
}

void
kv_get(const struct kv *kv, const struct kv_page *page, uint32_t layer, uint32_t head, enum kv_half half, uint32_t pos, void *to)
{
	const uint8_t *half_page = page->data + place(kv, layer, head, half);
	size_t n = kv->head_dim, size = type_info(kv->type)->block_bytes;

	if (kv->type == TYPE_Q8_0)
		get_blocks(half_page, half, pos, n, to);
	else
		copy_apart(to, 1, half_page + first(half, pos, n) * size, stride(half), n, size);
}

void
kv_put(struct kv *kv, struct kv_page *page, uint32_t layer, uint32_t head, enum kv_half half, uint32_t pos, const void *from)
{
	uint8_t *half_page = page->data + place(kv, layer, head, half);
	size_t n = kv->head_dim, size = type_info(kv->type)->block_bytes;

	if (kv->type == TYPE_Q8_0)
		put_blocks(half_page, half, pos, n, from);
	else
		copy_apart(half_page + first(half, pos, n) * size, stride(half), from, 1, n, size);
}

static void
store(struct kv *kv, struct kv_page *page, uint32_t layer, uint32_t head, enum kv_half half, uint32_t pos, const float *x)
{
	_Alignas(64) uint8_t rounded[ATTEND_MAX_HEAD_DIM * sizeof(uint16_t)];

	if (kv->type == TYPE_F32) {
		kv_put(kv, page, layer, head, half, pos, x);
		return;
	}
	/* Element types of streams have GGML's numbers, too. A scale of all ones is no number. */
	if (!convert_from_f32(rounded, (enum stream_dtype)kv->type, x, kv->head_dim))
		memset(rounded, 0xff, sizeof rounded);
	kv_put(kv, page, layer, head, half, pos, rounded);
}

void
kv_store(struct kv *kv, struct kv_page *page, uint32_t layer, uint32_t head, uint32_t pos, const float *key, const float *value)
{
	store(kv, page, layer, head, KV_KEYS, pos, key);
	store(kv, page, layer, head, KV_VALUES, pos, value);
}

struct kv_shape
kv_shape(const struct kv *kv)
{
	return (struct kv_shape){ kv->layers, kv->heads, kv->head_dim, kv->type, kv->state };
}

uint32_t
kv_context(const struct kv *kv)
{
	return kv->context;
}

uint32_t
kv_type(const struct kv *kv)
{
	return kv->type;
}

uint64_t
kv_bytes(const struct kv *kv)
{
	return kv->used;
}

uint64_t
kv_page_bytes(const struct kv *kv)
{
	return kv->page_bytes;
}
