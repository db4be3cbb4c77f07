/*
 * delegation.h: rights that are passed on. Each credential of a chain is issued by the subject of the one before, and what it
 * says is at most what that says.
 *
 * All claims but "id" are limits: a number is an upper bound, a text the one value, an array the values of which any will do,
 * and a claim that is absent does not limit. So who passes a right on may lower, leave out values and add limits, and nothing else.
 * "delegate" says how often a right may be passed on; without it, not at all.
 */
#ifndef MAI_TRUST_DELEGATION_H
#define MAI_TRUST_DELEGATION_H

#include <jansson.h>
#include <stdint.h>

#include "trust/credential.h"
#include "trust/status.h"

enum { DELEGATION_MAX = 8 }; /* credentials of a chain */

struct delegation {
	struct credential link[DELEGATION_MAX]; /* from the first issuer's to the one that counts; texts and claims are the document's */
	size_t n;
};

/*
 * A credential, or an array of them, each of which must be valid `now`, of the same type, and narrower than the one before. 0, or -1 with
 * a reason. Whether the first issuer may say so is for the caller to know.
 */
int delegation_check(const json_t *document, int64_t now, const struct status_lists *lists, struct delegation *d);

/* Are the claims `to` at most `from`, passed on once? 0, or -1 with a reason that names the claim. */
int delegation_narrows(const json_t *from, const json_t *to);

/*
 * Passes a chain on: one more behind it, issued by key k as credential_issue does. Refused where the result is no such chain. NULL with
 * a reason; freed by json_decref.
 */
json_t *delegation_add(const json_t *document, const struct key *k, const struct credential *c, const struct status_lists *lists);

#endif
