/*
 * cid.h: content identifiers, the names that IPFS and libp2p give to data: a hash of them, and in what format they are
 * (multiformats/cid).
 *
 * Version 1 is the bytes 01, the codec as a uvarint (multicodec's table.csv), and a multihash; its text is in any base of
 * multibase. Version 0 is the multihash alone, a SHA-256 of a node of codec dag-pb; its text is base58btc without a prefix
 * (Qm...).
 */
#ifndef MAI_TRUST_CID_H
#define MAI_TRUST_CID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "trust/multibase.h"
#include "trust/multihash.h"

enum {
	CID_RAW = 0x55, /* the data as they are */
	CID_DAG_PB = 0x70,
	CID_LIBP2P_KEY = 0x72,
};

enum { CID_MAX = 1 + UVARINT_MAX + MULTIHASH_MAX };
_Static_assert((int)CID_MAX <= (int)MULTIBASE_MAX, "a CID has a text");

struct cid {
	uint8_t version; /* 0 or 1 */
	uint64_t codec;
	struct multihash hash;
};

/* All that return int: 0, or -1 with a reason. */

/* The CIDv1 of the bytes of a file, raw, by SHA-256: what `ipfs add --cid-version=1 --raw-leaves` says of files of one chunk. */
int cid_of_file(struct cid *c, const char *path); /* "-": stdin */

bool cid_equal(const struct cid *a, const struct cid *b);

/* How many bytes it takes. */
size_t cid_pack(uint8_t to[CID_MAX], const struct cid *c);
int cid_unpack(struct cid *c, const uint8_t *from, size_t n);

/* Version 1 in base32, 0 in base58btc. Returns `to`. */
char *cid_text(const struct cid *c, char to[MULTIBASE_TEXT]);
int cid_parse(struct cid *c, const char *text, size_t n);

#endif
