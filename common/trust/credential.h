/*
 * credential.h: what one key says of another, signed: W3C Verifiable Credentials 2.0 with a proof (trust/proof.h), checked
 * offline.
 *
 * Issuers are did:keys: that the proof is the issuer's own is seen without asking anybody.
 */
#ifndef MAI_TRUST_CREDENTIAL_H
#define MAI_TRUST_CREDENTIAL_H

#include <jansson.h>
#include <stdint.h>

#include "trust/key.h"

#define CREDENTIAL_ALWAYS INT64_MAX

struct credential {
	uint8_t issuer[KEY_PUBLIC];
	int64_t from, until;       /* seconds since 1970; until CREDENTIAL_ALWAYS where it says no end */
	const char *id;            /* its own; "" for none */
	const char *type;          /* its type beside VerifiableCredential; "" for none */
	const char *subject;       /* the id of whom it speaks of; "" for none */
	json_t *claims;            /* what it says: the member credentialSubject */
	json_t *status;            /* its credentialStatus (trust/status.h), or NULL */
};

/*
 * Issues a credential by key k, of all but c->issuer and c->subject: `claims` is an object that is not empty, with the "id" of the subject
 * in it where it has one. NULL with a reason; freed by json_decref.
 */
json_t *credential_issue(const struct key *k, const struct credential *c);

/* Is it one, by its issuer, whenever it is valid? 0, or -1 with a reason. What `c` points to is the document's. */
int credential_read(const json_t *document, struct credential *c);

/*
 * And is it valid `now`? 0, or -1 with a reason. Whether the issuer may say so, and has not revoked it (c->status), is for the caller to
 * know: see trust/delegation.h.
 */
int credential_check(const json_t *document, int64_t now, struct credential *c);

#endif
