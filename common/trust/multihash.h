/*
 * multihash.h: digests that say of which hash they are: its code and their length as uvarints, then the digest
 * (multiformats/multihash; the codes are those of multicodec's table.csv).
 *
 * A digest may be cut. Whoever chooses the length could choose one at which data that differ have the same: what is cut below
 * MULTIHASH_SHORTEST proves nothing, nor does a hash that is not one of those below (SHA-1).
 */
#ifndef MAI_TRUST_MULTIHASH_H
#define MAI_TRUST_MULTIHASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/uvarint.h"

enum {
	MULTIHASH_DIGEST = 128, /* bytes of the longest digest */
	MULTIHASH_SHORTEST = 20,
	MULTIHASH_MAX = UVARINT_MAX + 2 + MULTIHASH_DIGEST,
};

enum {
	MULTIHASH_IDENTITY = 0x00, /* the data themselves */
	MULTIHASH_SHA256 = 0x12,
	MULTIHASH_SHA512 = 0x13,
	MULTIHASH_SHA3_512 = 0x14,
	MULTIHASH_BLAKE2B_256 = 0xb220,
	MULTIHASH_BLAKE2B_512 = 0xb240,
};

struct multihash {
	uint64_t code;
	uint8_t n; /* bytes of the digest */
	uint8_t digest[MULTIHASH_DIGEST];
};

/* The hash of data, by one of the codes above, cut to `length` bytes. 0, or -1 with a reason. */
int multihash_make(struct multihash *h, uint64_t code, size_t length, const void *data, size_t n);

/* Is it the hash of these data, and does that prove anything? 0, or -1 with a reason. */
int multihash_check(const struct multihash *h, const void *data, size_t n);

bool multihash_equal(const struct multihash *a, const struct multihash *b);

/* How many bytes it takes. */
size_t multihash_pack(uint8_t to[MULTIHASH_MAX], const struct multihash *h);

/* All n bytes, of any hash. 0, or -1 with a reason. */
int multihash_unpack(struct multihash *h, const uint8_t *from, size_t n);

#endif
