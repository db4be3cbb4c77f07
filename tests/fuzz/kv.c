/*
 * Any bytes as the state of a sequence, its checksum made right: what is taken goes into a cache of its shape, and from there into a
 * file of the same state.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "flow/state.h"
#include "model/types.h"
#include "stream/sum.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
make_sum_right(uint8_t *p, size_t n)
{
	struct gguf *g = gguf_open_memory(p, n, "memory");
	const struct gguf_key *key = g ? gguf_find(g, "mai-kv.checksum") : NULL;

	if (key && key->kind == GGUF_U64) {
		size_t at = (size_t)(key->data - p);
		memset(p + at, 0, sizeof(uint64_t));
		uint64_t sum = sum_bytes(p, n);
		memcpy(p + at, &sum, sizeof sum);
	}
	gguf_free(g);
}

/* Blocks of q8_0 keep what they say; a scale that is no number need not keep its bits. */
static bool
same_blocks(const uint8_t *a, const uint8_t *b, uint64_t size)
{
	for (; size > 0; size -= 34, a += 34, b += 34)
		if (memcmp(a + 2, b + 2, 32) != 0 || (memcmp(a, b, 2) != 0 && !((a[1] & 0x7c) == 0x7c && (b[1] & 0x7c) == 0x7c)))
			return false;
	return true;
}

static bool
same_data(const struct gguf_tensor *a, const struct gguf_tensor *b)
{
	return a->size == b->size && (a->type == TYPE_Q8_0 ? same_blocks(a->data, b->data, a->size) : memcmp(a->data, b->data, a->size) == 0);
}

static void
same(const struct state *a, const struct state *b)
{
	if (!b || a->n != b->n || a->prompt != b->prompt || memcmp(&a->shape, &b->shape, sizeof a->shape) != 0 || !a->token != !b->token ||
	    (a->token && memcmp(a->token, b->token, a->n * sizeof *a->token) != 0))
		abort();
	for (uint64_t i = 0; i < a->file->n_tensors; i++) {
		const struct gguf_tensor *t = &a->file->tensors[i], *u = gguf_tensor_named(b->file, t->name);
		if (!u || !same_data(t, u))
			abort();
	}
}

static void
restore(const struct state *s)
{
	const struct kv_shape *h = &s->shape;
	struct kv *kv = h->state ? kv_new_states(h->layers, h->state, s->n, 1 << 28) : kv_new(h->layers, h->heads, h->head_dim, h->type, s->n, 1 << 28);
	struct kv_seq seq = { 0 };
	char path[] = "/tmp/fuzz-kv.XXXXXX";
	int fd = mkstemp(path);

	if (kv && state_fits(s, &s->of, kv) == 0 && state_restore(s, kv, &seq) == 0) {
		if (state_save(path, &s->of, kv, &seq, s->token, s->prompt) < 0)
			abort();
		struct state *again = state_open(path);
		same(s, again);
		state_free(again);
	}
	close(fd);
	unlink(path);
	if (kv)
		kv_release(kv, &seq);
	kv_free(kv);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size + 1);
	int fd = memfd_create("input", 0);
	char path[64];
	struct state *s;

	if (!copy || fd < 0)
		abort();
	memcpy(copy, data, size);
	make_sum_right(copy, size);
	if (write(fd, copy, size) != (ssize_t)size)
		abort();
	free(copy);
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	s = state_open(path);
	if (s && (s->shape.type <= TYPE_F16 || s->shape.type == TYPE_Q8_0))
		restore(s);
	state_free(s);
	close(fd);
	return 0;
}
