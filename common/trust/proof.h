/*
 * proof.h: documents of JSON that say who has signed them: the member "proof" of W3C's Data Integrity 1.0, by the suite
 * eddsa-jcs-2022 (Data Integrity EdDSA Cryptosuites 1.0, 3.3).
 *
 * What is signed is the SHA-256 of the proof's canonical text (trust/jcs.h) without its value, and that of the document's without the
 * proof. The key is named as a did:key, so that nothing has to be looked up.
 */
#ifndef MAI_TRUST_PROOF_H
#define MAI_TRUST_PROOF_H

#include <jansson.h>
#include <stdint.h>

#include "trust/key.h"

enum { PROOF_SIGNED = 64 }; /* bytes that are signed */

/* Adds a proof, made at that second since 1970, to an object that has none. 0, or -1 with a reason. */
int proof_add(json_t *document, const struct key *k, int64_t created);

/*
 * Whose proof a document carries: one proof, of this suite, for the purpose assertionMethod, not expired `now`. 0, or -1 with a
 * reason. That the signer may speak for the document's issuer is to be checked by whoever asks.
 */
int proof_check(const json_t *document, int64_t now, uint8_t signer[KEY_PUBLIC]);

/* The bytes that are signed, of a document and a proof. 0 or -1. */
int proof_bytes(uint8_t to[PROOF_SIGNED], const json_t *document, const json_t *proof);

#endif
