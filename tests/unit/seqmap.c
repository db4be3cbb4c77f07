/* The map of sequences against a plain array. */
#include <stdlib.h>

#include "tap.h"
#include "stream/seqmap.h"

enum { IDS = 300, STEPS = 200000 };

int
main(void)
{
	static char value[IDS];
	bool in[IDS] = { false }, good = true;
	struct seqmap m = { 0 };
	uint32_t x = 1;
	size_t n = 0;

	tap_ok(seqmap_get(&m, 0) == NULL, "an empty map has nothing");
	for (int i = 0; i < STEPS; i++) {
		x = x * 1664525 + 1013904223;
		uint32_t k = x / 65536 % IDS, id = k * 0x01010101u;
		good &= seqmap_get(&m, id) == (in[k] ? &value[k] : NULL);
		if (in[k])
			seqmap_remove(&m, id);
		else
			good &= seqmap_put(&m, id, &value[k]) == 0;
		in[k] = !in[k];
		n += in[k] ? 1 : (size_t)-1;
		good &= m.n == n;
	}
	for (uint32_t k = 0; k < IDS; k++)
		good &= seqmap_get(&m, k * 0x01010101u) == (in[k] ? &value[k] : NULL);
	tap_ok(good, "%d puts and removals leave what an array says", STEPS);
	seqmap_free(&m);
	return tap_done();
}
