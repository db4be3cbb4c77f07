/*
 * peerid.h: the names of an Ed25519 key: the PeerId of a libp2p node, and the did:key of a person (W3C CCG did:key 0.7).
 *
 * A PeerId is a multihash of the key as protobuf: the message itself where it is short (Ed25519: 00 24 and 36 bytes),
 * else its SHA-256. Its text is base58btc (12D3KooW... for Ed25519), or a CIDv1 in any base (libp2p specs, peer-ids).
 */
#ifndef MAI_TRUST_PEERID_H
#define MAI_TRUST_PEERID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	PEERID_KEY = 32,       /* an Ed25519 public key */
	PEERID_PROTO = 36,     /* the key as a protobuf message */
	PEERID_MAX = 2 + 42,   /* bytes of a PeerId */
	PEERID_TEXT = 64,      /* of a PeerId's text with a NUL */
	PEERID_DID = 64,       /* of a did:key's */
};

struct peerid {
	uint8_t n; /* 0: none */
	uint8_t bytes[PEERID_MAX];
};

struct peerid peerid_of_key(const uint8_t key[PEERID_KEY]);

/* Its key; NULL for a PeerId that is a hash, or is of a key of another kind. */
const uint8_t *peerid_key(const struct peerid *p);
bool peerid_equal(const struct peerid *a, const struct peerid *b);

/* Returns `to`. */
char *peerid_text(const struct peerid *p, char to[PEERID_TEXT]);
char *peerid_did(const uint8_t key[PEERID_KEY], char to[PEERID_DID]);

/* All return 0, or -1 with a reason. n characters, or bytes. */
int peerid_parse(struct peerid *p, const char *text, size_t n);
int peerid_parse_did(uint8_t key[PEERID_KEY], const char *text, size_t n);
int peerid_unpack(struct peerid *p, const uint8_t *bytes, size_t n);

/* A public key as a protobuf message: type Ed25519, 32 bytes, in this order, nothing else. 0 or -1. */
void peerid_pack_key(uint8_t to[PEERID_PROTO], const uint8_t key[PEERID_KEY]);
int peerid_unpack_key(uint8_t key[PEERID_KEY], const uint8_t *bytes, size_t n);

#endif
