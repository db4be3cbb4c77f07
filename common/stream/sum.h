/* sum.h: the checksum of the stream, XXH3-64 with seed 0 (libxxhash). Against accidents, not against forgers. */
#ifndef MAI_STREAM_SUM_H
#define MAI_STREAM_SUM_H

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

uint64_t sum_bytes(const void *data, size_t n);

/* Of pieces as if they lay one behind the other. */
uint64_t sum_pieces(const struct iovec *io, int n);

#endif
