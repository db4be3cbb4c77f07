#include "stream/sum.h"

#include "stream/sum_impl.h"

uint64_t
sum_pieces_portable(const struct iovec *io, int n)
{
	return sum_of_pieces(io, n);
}

uint64_t
sum_pieces(const struct iovec *io, int n)
{
#if defined(__x86_64__)
	if (__builtin_cpu_supports("avx2"))
		return sum_pieces_avx2(io, n);
#endif
	return sum_of_pieces(io, n);
}

uint64_t
sum_bytes(const void *data, size_t n)
{
	/* struct iovec has no const; nobody writes through it. */
	const struct iovec io = { (void *)(uintptr_t)data, n };

	return sum_pieces(&io, 1);
}
