/* The KV cache: pages, limits, forks that are copied before they are written. */
#include "tap.h"
#include "compute/kernel.h"
#include "compute/kv.h"
#include "model/types.h"

enum { LAYERS = 2, HEADS = 3, DIM = 8, CONTEXT = 200 };

static float
mark(const struct kv *kv, const struct kv_seq *s, uint32_t pos)
{
	return ((const float *)kv_values(kv, s->page[pos / KV_PAGE], 1, 2))[pos % KV_PAGE * DIM];
}

static void
write_marks(struct kv *kv, struct kv_seq *s, uint32_t to, float base)
{
	float both[DIM] = { 0 };

	for (; s->len < to; s->len++) {
		both[0] = base + (float)s->len;
		kv_store(kv, s->page[s->len / KV_PAGE], 1, 2, s->len, both, both);
	}
}

/* A position's key and value are where they belong, in half the room. */
static void
halves(void)
{
	struct kv *kv = kv_new(LAYERS, HEADS, DIM, TYPE_F16, CONTEXT, 0), *wide = kv_new(LAYERS, HEADS, DIM, TYPE_F32, CONTEXT, 0);
	const float key[DIM] = { 1, -2, 0.5f, 0x1p-24f, 65504, 1 + 0x1p-11f, 0, 3 }, value[DIM] = { 4 };
	struct kv_seq s = { 0 };

	kv_reserve(kv, &s, 70);
	kv_store(kv, s.page[1], 1, 2, 69, key, value);
	const uint16_t *k = kv_keys(kv, s.page[1], 1, 2), *v = kv_values(kv, s.page[1], 1, 2);
	tap_ok(k[5] == 0x3c00 && k[KV_PAGE + 5] == 0xc000 && k[3 * KV_PAGE + 5] == 1 && k[4 * KV_PAGE + 5] == 0x7bff && k[5 * KV_PAGE + 5] == 0x3c00,
	    "keys in f16, rounded to even");
	tap_ok(v[5 * DIM] == 0x4400, "values likewise");
	tap_ok(kv_page_bytes(wide) - kv_page_bytes(kv) == LAYERS * HEADS * 2 * DIM * KV_PAGE * 2, "in half the room");
	kv_release(kv, &s);
	kv_free(kv);
	kv_free(wide);
}

static void
limits(void)
{
	struct kv *kv = kv_new(LAYERS, HEADS, DIM, TYPE_F32, CONTEXT, 0);
	struct kv_seq a = { 0 }, b = { 0 };

	tap_ok(kv_reserve(kv, &a, CONTEXT) == KV_OK, "a context can be filled");
	tap_ok(kv_reserve(kv, &b, CONTEXT + 1) == KV_CONTEXT && b.n_pages == 0, "and not overfilled");
	uint64_t page = kv_page_bytes(kv);
	tap_ok(kv_bytes(kv) == 4 * page, "200 positions are 4 pages");
	kv_release(kv, &a);
	tap_ok(kv_bytes(kv) == 0, "which are given back");
	kv_free(kv);

	kv = kv_new(LAYERS, HEADS, DIM, TYPE_F32, CONTEXT, 2 * page);
	tap_ok(kv_reserve(kv, &a, 64) == KV_OK && kv_reserve(kv, &b, 65) == KV_MEMORY, "memory for 2 pages is not 3");
	tap_ok(b.n_pages == 0 && kv_bytes(kv) == page, "what failed holds nothing");
	tap_ok(kv_reserve(kv, &b, 64) == KV_OK, "what fits is given");
	kv_release(kv, &a);
	kv_release(kv, &b);
	kv_free(kv);
}

static void
forks(void)
{
	struct kv *kv = kv_new(LAYERS, HEADS, DIM, TYPE_F32, CONTEXT, 0);
	struct kv_seq a = { 0 }, b = { 0 };
	bool same = true, apart;

	kv_reserve(kv, &a, 100);
	write_marks(kv, &a, 100, 0);
	tap_ok(kv_fork(&b, &a, 80) == KV_OK && b.len == 80 && kv_bytes(kv) == 2 * kv_page_bytes(kv), "a fork shares pages");
	kv_reserve(kv, &b, 90);
	tap_ok(kv_bytes(kv) == 3 * kv_page_bytes(kv), "the page that is written is copied");
	write_marks(kv, &b, 90, 1000);
	for (uint32_t i = 0; i < 80; i++)
		same &= mark(kv, &a, i) == (float)i && mark(kv, &b, i) == (float)i;
	tap_ok(same, "the shared part is the same in both");
	apart = mark(kv, &a, 85) == 85 && mark(kv, &b, 85) == 1085;
	tap_ok(apart, "behind it each has its own");
	kv_cut(kv, &b, 10);
	tap_ok(b.len == 10 && b.n_pages == 1 && mark(kv, &a, 99) == 99, "a cut touches nobody else");
	kv_release(kv, &a);
	kv_release(kv, &b);
	tap_ok(kv_bytes(kv) == 0, "all pages come back");
	kv_free(kv);
}

int
main(void)
{
	limits();
	forks();
	halves();
	return tap_done();
}
