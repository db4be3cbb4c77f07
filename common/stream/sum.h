/* sum.h: the checksum of the stream, XXH3-64 with seed 0 (libxxhash). Against accidents, not against forgers. */
#ifndef MAI_STREAM_SUM_H
#define MAI_STREAM_SUM_H

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

uint64_t sum_bytes(const void *data, size_t n);

/* Of pieces as if they lay one behind the other. */
uint64_t sum_pieces(const struct iovec *io, int n);

/* What sum_pieces chooses from; all give the same. */
uint64_t sum_pieces_portable(const struct iovec *io, int n);
#if defined(__x86_64__)
uint64_t sum_pieces_avx2(const struct iovec *io, int n);
#endif

#endif
