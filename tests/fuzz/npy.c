/* Any bytes as the header of a NumPy array, whole and as the dictionary alone; what is taken packs to a header that is taken. */
#include <stdlib.h>
#include <string.h>

#include "stream/npy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(const struct npy_header *h)
{
	char packed[NPY_HEADER_SIZE];
	struct npy_header again;

	npy_header_pack(packed, h);
	FILE *in = fmemopen(packed, sizeof packed, "rb");
	if (!in || npy_read_header(&again, in, "packed") < 0 || again.type != h->type || again.dims != h->dims ||
	    again.shape[0] != h->shape[0] || again.shape[1] != h->shape[1])
		abort();
	fclose(in);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct npy_header h;

	if (npy_dict_unpack(&h, (const char *)data, size) == 0)
		check(&h);
	if (size > 0) {
		FILE *in = fmemopen((void *)(uintptr_t)data, size, "rb");
		if (in && npy_read_header(&h, in, "input") == 0)
			check(&h);
		if (in)
			fclose(in);
	}
	return 0;
}
