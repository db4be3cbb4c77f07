/*
 * kv.h: the KV cache of many sequences, in pages of 64 positions that hold all layers of a stage.
 *
 * Within a page each layer and KV head has its keys transposed, k[head_dim][64], and its values v[64][head_dim], in f32, f16 or q8_0, as
 * attention wants them (compute/kernel.h). Pages are shared between forks and copied before they are written.
 *
 * Recurrent layers keep no positions but a state, which each position changes: a sequence has one page then, with the state behind its last
 * position, and can't go back to, or be forked at, any other one but its beginning.
 */
#ifndef MAI_COMPUTE_KV_H
#define MAI_COMPUTE_KV_H

#include <stddef.h>
#include <stdint.h>

struct kv;

struct kv_page;

struct kv_seq {
	struct kv_page **page;
	size_t n_pages, cap;
	uint32_t len; /* positions held */
};

/*
 * `type` is TYPE_F32, TYPE_F16, or for a head_dim that is a multiple of 32 TYPE_Q8_0; `context` bounds the positions of a sequence, `limit` the bytes of all pages (0: no bound). NULL with a reason.
 */
struct kv *kv_new(uint32_t layers, uint32_t heads, uint32_t head_dim, uint32_t type, uint32_t context, uint64_t limit);
/* Likewise of states: of each layer so many floats, zeros at the beginning. */
struct kv *kv_new_states(uint32_t layers, uint64_t floats, uint32_t context, uint64_t limit);
void kv_free(struct kv *kv); /* after all its sequences */

enum kv_result { KV_OK, KV_CONTEXT, KV_MEMORY, KV_STATE }; /* KV_STATE: the state behind that position is not kept */

/* Makes room for positions up to `len`, so that those from seq->len on may be written. On failure nothing has changed. */
enum kv_result kv_reserve(struct kv *kv, struct kv_seq *seq, uint32_t len);

/* Goes back to `len` positions, giving back pages that are not needed any more. On failure nothing has changed. */
enum kv_result kv_cut(struct kv *kv, struct kv_seq *seq, uint32_t len);

/* Makes `to`, an empty sequence, a copy of the first `len` positions of `from`, by sharing its pages. */
enum kv_result kv_fork(const struct kv *kv, struct kv_seq *to, const struct kv_seq *from, uint32_t len);

/* The sequence is empty afterwards. */
void kv_release(struct kv *kv, struct kv_seq *seq);

/* Keys and values of a page: of one layer (counted from the stage's first) and head. */
const void *kv_keys(const struct kv *kv, const struct kv_page *page, uint32_t layer, uint32_t head);
const void *kv_values(const struct kv *kv, const struct kv_page *page, uint32_t layer, uint32_t head);

/*
 * Puts the key and the value of a position, head_dim floats each, into its place. To f16 and q8_0 they are rounded (base/half.h,
 * stream/convert.h); what q8_0 can't hold becomes no number.
 */
void kv_store(struct kv *kv, struct kv_page *page, uint32_t layer, uint32_t head, uint32_t pos, const float *key, const float *value);

/*
 * The same as they are kept, head_dim elements of the cache's type one behind the other, as GGUF has them: what kv_get gives of one
 * position kv_put puts there, or elsewhere.
 */
enum kv_half { KV_KEYS, KV_VALUES };
void kv_get(const struct kv *kv, const struct kv_page *page, uint32_t layer, uint32_t head, enum kv_half half, uint32_t pos, void *to);
void kv_put(struct kv *kv, struct kv_page *page, uint32_t layer, uint32_t head, enum kv_half half, uint32_t pos, const void *from);

/* The state of a layer, in the one page of a sequence; one that is forked must have been reserved for a next position, so that it is its own. */
float *kv_state(const struct kv *kv, struct kv_page *page, uint32_t layer);

struct kv_shape {
	uint32_t layers, heads, head_dim, type;
	uint64_t state; /* floats of a layer; 0: keys and values are kept */
};
struct kv_shape kv_shape(const struct kv *kv);
uint32_t kv_type(const struct kv *kv);
uint32_t kv_context(const struct kv *kv);

uint64_t kv_bytes(const struct kv *kv); /* in use */
uint64_t kv_page_bytes(const struct kv *kv);

#endif
