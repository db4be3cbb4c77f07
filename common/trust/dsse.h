/*
 * dsse.h: data with their type, signed: the envelope of DSSE 1.0.2 (Dead Simple Signing Envelope,
 * github.com/secure-systems-lab/dsse), as JSON.
 *
 *	payload       base64 of the data
 *	payloadType   what they are
 *	signatures    [{ sig: base64, keyid }], each over "DSSEv1 LENGTH TYPE LENGTH DATA" (PAE, protocol.md)
 *
 * A keyid is not signed, says what its writer likes, and is not looked at.
 */
#ifndef MAI_TRUST_DSSE_H
#define MAI_TRUST_DSSE_H

#include <jansson.h>

#include "base/buf.h"
#include "trust/key.h"
#include "trust/pubkey.h"

enum { DSSE_MAX_SIGNATURES = 16 };

/* A zeroed struct is an empty one. */
struct dsse {
	const char *type; /* the document's, which has to stay */
	struct buf payload;
	struct buf signature[DSSE_MAX_SIGNATURES];
	size_t n;
};

/* Appends what is signed. 0 or -1. */
int dsse_pae(struct buf *to, const char *type, const void *data, size_t n);

/* An envelope of n bytes of data with our signature. NULL with a reason; freed by json_decref. */
json_t *dsse_make(const char *type, const void *data, size_t n, const struct key *k);

/* Reads an envelope, which has no other members. 0, or -1 with a reason and nothing to be freed. */
int dsse_parse(struct dsse *e, const json_t *envelope);

/* Is one of the signatures this key's? 0, or -1 with a reason. */
int dsse_verify(const struct dsse *e, const struct pubkey *k);
void dsse_free(struct dsse *e);

#endif
