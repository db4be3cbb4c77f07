/* Any bytes as a file of safetensors: what is taken lies within the file, one tensor behind the other, in the bytes that its shape takes. */
#include <stdlib.h>

#include "model/safetensors.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile uint8_t seen;

static void
must(bool good)
{
	if (!good)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct safetensors *s = safetensors_open_memory(data, size, "input");

	for (size_t i = 0; s && i < s->n; i++) {
		const struct safetensor *t = &s->tensors[i];
		uint64_t n = 1;
		for (uint32_t d = 0; d < SAFETENSORS_MAX_DIMS; d++)
			n *= t->shape[d];
		must(t->n == n && t->size * 8 == n * t->bits && t->data == data + t->offset);
		must(t->offset + t->size == (i + 1 < s->n ? t[1].offset : size));
		if (t->size > 0)
			seen ^= t->data[0] ^ t->data[t->size - 1];
	}
	safetensors_free(s);
	return 0;
}
