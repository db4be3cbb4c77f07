/*
 * status.h: lists of what has been revoked: W3C Bitstring Status List 1.0. A list is a credential itself: one bit for each of
 * an issuer's credentials, gzipped, of which each names its own. Lists are given as files: nothing is looked up.
 */
#ifndef MAI_TRUST_STATUS_H
#define MAI_TRUST_STATUS_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "trust/key.h"

enum {
	STATUS_MIN = 16 << 10,  /* bytes of a list: a short one would show whose credential is asked for */
	STATUS_MAX = 16 << 20,
};

struct status_list {
	char *id;               /* by which credentials name it */
	uint8_t issuer[KEY_PUBLIC];
	uint8_t *bits;          /* the first is the highest of the first byte; set: revoked */
	size_t n;               /* bytes */
};

struct status_lists {
	struct status_list *list;
	size_t n, cap;
};

/* One more, of a credential that must be valid `now`. 0, or -1 with a reason. */
int status_add(struct status_lists *l, const json_t *document, int64_t now);
void status_free(struct status_lists *l);

/*
 * Is a credential of this issuer, whose member credentialStatus this is, still good? 0, or -1 with a reason: revoked, or none of
 * the lists (NULL: there are none) is the issuer's that it names.
 */
int status_check(const struct status_lists *l, const json_t *status, const uint8_t issuer[KEY_PUBLIC]);

/* The credentialStatus of a credential: bit `index` of the list `id`. NULL with a reason; freed by json_decref. */
json_t *status_entry(const char *id, uint64_t index);

/* Sets the bit that a credentialStatus names in a list of this id, which grows where it is short. 0, or -1 with a reason. */
int status_revoke(struct status_list *l, const json_t *status);

/* The list `id` that a credentialStatus names; NULL with a reason. */
const char *status_list_of(const json_t *status);

/* Issues the list as a credential. NULL with a reason; freed by json_decref. */
json_t *status_issue(const struct key *k, const struct status_list *l, int64_t now);

#endif
