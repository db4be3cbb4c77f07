#include "compute/kv.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/half.h"
#include "base/mem.h"
#include "compute/kernel.h"
#include "model/types.h"

struct kv_page {
	struct kv_page *next; /* in the list of free pages */
	uint32_t users;
	_Alignas(64) uint8_t data[];
};

struct kv {
	uint32_t layers, heads, head_dim, type, context;
	uint64_t limit, used, page_bytes;
	size_t per_head; /* bytes of the keys, or of the values, of one head in a page */
	struct kv_page *free;
};

struct kv *
kv_new(uint32_t layers, uint32_t heads, uint32_t head_dim, uint32_t type, uint32_t context, uint64_t limit)
{
	struct kv *kv = mem_alloc(1, sizeof *kv);
	uint64_t bytes;

	if (!kv)
		return NULL;
	*kv = (struct kv){ .layers = layers, .heads = heads, .head_dim = head_dim, .type = type, .context = context, .limit = limit };
	kv->per_head = (size_t)head_dim * KV_PAGE * (type == TYPE_F16 ? sizeof(uint16_t) : sizeof(float));
	if (!mem_mul(kv->per_head * 2, (uint64_t)layers * heads, &bytes) ||
	    !mem_add(bytes, sizeof(struct kv_page), &kv->page_bytes)) {
		free(kv);
		err_set(ERR_DATA, "a page of the KV cache would be too large");
		return NULL;
	}
	return kv;
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
	size_t i = seq->len / KV_PAGE;
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
	size_t had = seq->n_pages, need = ((size_t)len + KV_PAGE - 1) / KV_PAGE;

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

void
kv_cut(struct kv *kv, struct kv_seq *seq, uint32_t len)
{
	size_t need = ((size_t)len + KV_PAGE - 1) / KV_PAGE;

	while (seq->n_pages > need)
		drop_page(kv, seq->page[--seq->n_pages]);
	if (seq->len > len)
		seq->len = len;
}

enum kv_result
kv_fork(struct kv_seq *to, const struct kv_seq *from, uint32_t len)
{
	size_t n = ((size_t)len + KV_PAGE - 1) / KV_PAGE;

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

/* Elements of a position lie side by side among the values, KV_PAGE apart among the keys. */
static size_t
step(enum kv_half half)
{
	return half == KV_KEYS ? KV_PAGE : 1;
}

static size_t
element_size(const struct kv *kv)
{
	return kv->type == TYPE_F16 ? sizeof(uint16_t) : sizeof(float);
}

static size_t
first_element(const struct kv *kv, uint32_t layer, uint32_t head, enum kv_half half, uint32_t pos)
{
	size_t at = pos % KV_PAGE;

	return place(kv, layer, head, half) + element_size(kv) * (half == KV_KEYS ? at : at * kv->head_dim);
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

void
kv_get(const struct kv *kv, const struct kv_page *page, uint32_t layer, uint32_t head, enum kv_half half, uint32_t pos, void *to)
{
	copy_apart(to, 1, page->data + first_element(kv, layer, head, half, pos), step(half), kv->head_dim, element_size(kv));
}

void
kv_put(struct kv *kv, struct kv_page *page, uint32_t layer, uint32_t head, enum kv_half half, uint32_t pos, const void *from)
{
	copy_apart(page->data + first_element(kv, layer, head, half, pos), step(half), from, 1, kv->head_dim, element_size(kv));
}

static void
store(struct kv *kv, struct kv_page *page, uint32_t layer, uint32_t head, enum kv_half half, uint32_t pos, const float *x)
{
	uint16_t rounded[ATTEND_MAX_HEAD_DIM];

	if (kv->type == TYPE_F32) {
		kv_put(kv, page, layer, head, half, pos, x);
		return;
	}
	for (uint32_t i = 0; i < kv->head_dim; i++)
		rounded[i] = f16_from_f32(x[i]);
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
	return (struct kv_shape){ kv->layers, kv->heads, kv->head_dim, kv->type };
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
