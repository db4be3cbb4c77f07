/* The KV cache: pages, limits, forks that are copied before they are written. */
#include <string.h>

#include "tap.h"
#include "base/err.h"
#include "base/half.h"
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

/* What is taken out of one place and put into another is there. */
static void
copies(void)
{
	enum { WIDE = 64 };
	const uint32_t types[] = { TYPE_F32, TYPE_F16, TYPE_Q8_0 };
	float row[2][WIDE], taken[2][WIDE], again[WIDE];

	for (int i = 0; i < 2 * WIDE; i++)
		row[i / WIDE][i % WIDE] = (float)(i * 37 % 101 - 50) / 8;
	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		const struct type_info *type = type_info(types[i]);
		struct kv *kv = kv_new(LAYERS, HEADS, WIDE, types[i], CONTEXT, 0);
		struct kv_seq s = { 0 };
		kv_reserve(kv, &s, 70);
		kv_store(kv, s.page[1], 1, 2, 69, row[0], row[1]);
		for (enum kv_half half = KV_KEYS; half <= KV_VALUES; half++) {
			kv_get(kv, s.page[1], 1, 2, half, 69, taken[half]);
			kv_put(kv, s.page[0], 0, 1, half, 5, taken[half]);
			kv_get(kv, s.page[0], 0, 1, half, 5, again);
			tap_ok(memcmp(again, taken[half], WIDE / type->block * type->block_bytes) == 0, "%s: what kv_get gives, kv_put puts", type->name);
		}
		kv_release(kv, &s);
		kv_free(kv);
	}
	/* a block as GGUF has it: of keys, the 33rd element is the first of the second */
	const uint8_t *block = (const uint8_t *)taken[KV_KEYS] + type_info(TYPE_Q8_0)->block_bytes;
	uint16_t scale;
	float largest = 0;
	memcpy(&scale, block, sizeof scale);
	for (int i = 32; i < WIDE; i++)
		largest = row[0][i] > largest ? row[0][i] : -row[0][i] > largest ? -row[0][i] : largest;
	float first = f32_from_f16(scale) * (float)(int8_t)block[2], off = first - row[0][32];
	tap_ok(scale == f16_from_f32(largest / 127) && off < largest / 127 && off > -largest / 127, "blocks of q8_0 are GGML's");
	tap_ok(!kv_new(LAYERS, HEADS, DIM, TYPE_Q8_0, CONTEXT, 0), "heads that are none are refused: %s", err_reason());
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
	tap_ok(kv_fork(kv, &b, &a, 80) == KV_OK && b.len == 80 && kv_bytes(kv) == 2 * kv_page_bytes(kv), "a fork shares pages");
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

/* Of recurrent layers: one page a sequence, which tells of nothing but its last position. */
static void
states(void)
{
	enum { FLOATS = 6 };
	struct kv *kv = kv_new_states(LAYERS, FLOATS, CONTEXT, 0);
	struct kv_seq a = { 0 }, b = { 0 };
	bool zero = true;

	kv_reserve(kv, &a, 1);
	for (uint32_t i = 0; i < LAYERS * FLOATS; i++)
		zero &= kv_state(kv, a.page[0], i / FLOATS)[i % FLOATS] == 0;
	tap_ok(zero, "a state begins with zeros");
	kv_state(kv, a.page[0], LAYERS - 1)[FLOATS - 1] = 7;
	a.len = 100;
	tap_ok(kv_reserve(kv, &a, CONTEXT) == KV_OK && kv_bytes(kv) == kv_page_bytes(kv), "any number of positions is one page");
	tap_ok(kv_cut(kv, &a, 99) == KV_STATE && a.len == 100, "it can't go back");
	tap_ok(kv_cut(kv, &a, 100) == KV_OK && kv_cut(kv, &a, 101) == KV_OK && a.len == 100, "nor has it to where it is");
	tap_ok(kv_fork(kv, &b, &a, 99) == KV_STATE && b.n_pages == 0, "nor be forked at another position");
	tap_ok(kv_fork(kv, &b, &a, 100) == KV_OK && kv_bytes(kv) == kv_page_bytes(kv), "a fork at its end shares the page");
	kv_reserve(kv, &b, 101);
	kv_state(kv, b.page[0], LAYERS - 1)[FLOATS - 1]++;
	tap_ok(kv_state(kv, a.page[0], LAYERS - 1)[FLOATS - 1] == 7 && kv_state(kv, b.page[0], LAYERS - 1)[FLOATS - 1] == 8, "until it goes on");
	tap_ok(kv_cut(kv, &b, 0) == KV_OK && kv_bytes(kv) == kv_page_bytes(kv), "back to the beginning is no page");
	kv_reserve(kv, &b, 1);
	tap_ok(kv_state(kv, b.page[0], LAYERS - 1)[FLOATS - 1] == 0, "and zeros again");
	kv_release(kv, &a);
	kv_release(kv, &b);
	tap_ok(kv_bytes(kv) == 0, "all states come back");
	kv_free(kv);
}

int
main(void)
{
	limits();
	forks();
	states();
	halves();
	copies();
	return tap_done();
}
