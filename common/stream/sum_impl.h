/* sum_impl.h: the checksum, compiled for whatever instructions its includer is. */
#ifndef MAI_STREAM_SUM_IMPL_H
#define MAI_STREAM_SUM_IMPL_H

/* In line, the state needs no allocation, and the compiler's flags count. */
#define XXH_INLINE_ALL
#include <xxhash.h>

static uint64_t
sum_of_pieces(const struct iovec *io, int n)
{
	XXH3_state_t state;

	if (n == 1)
		return XXH3_64bits(io->iov_base, io->iov_len);
	XXH3_64bits_reset(&state);
	for (int i = 0; i < n; i++)
		if (io[i].iov_len > 0)
			XXH3_64bits_update(&state, io[i].iov_base, io[i].iov_len);
	return XXH3_64bits_digest(&state);
}

#endif
