/*
 * credential.h: what one key says of another, signed: W3C Verifiable Credentials 2.0 with a proof (trust/proof.h), checked
 * offline.
 *
 * Issuers are did:keys: that the proof is the issuer's own is seen without asking anybody. A credential with a status that would have to
 * be looked up (credentialStatus) is refused, as nothing is looked up.
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
	const char *type;          /* its type beside VerifiableCredential; "" for none */
	const char *subject;       /* the id of whom it speaks of; "" for none */
	const json_t *claims;      /* what it says: the member credentialSubject. This and the texts are the document's */
};

/*
 * Issues a credential of this type, which may be "", by key k. `claims` is an object that is not empty, with the "id" of the subject
 * in it where it has one. NULL with a reason; freed by json_decref.
 */
json_t *credential_issue(const struct key *k, const char *type, json_t *claims, int64_t from, int64_t until);

/* Is it one, by its issuer, and valid `now`? 0, or -1 with a reason. Whether the issuer may say so is for the caller to know. */
int credential_check(const json_t *document, int64_t now, struct credential *c);

#endif
