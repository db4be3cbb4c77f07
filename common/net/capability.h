/*
 * capability.h: what lets somebody in who is not in the list: a credential of the type NodeCapability, or a chain of them
 * (trust/delegation.h), whose first issuer is the node itself or an issuer of the list. It is shown in the handshake (secure.h), as its JSON.
 *
 *	"id"       did:key of who may come
 *	"node"     the did:key or PeerId of the node; or several
 *	"model"    the id of the model in hexadecimal; or several
 *	"rows"     so many rows in all
 *	"delegate" may be passed on so often
 *
 * A limit that is absent is none, and a limit that is not known here makes it void: somebody meant it.
 */
#ifndef MAI_NET_CAPABILITY_H
#define MAI_NET_CAPABILITY_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/hash.h"
#include "trust/delegation.h"
#include "trust/keylist.h"
#include "trust/peerid.h"

#define CAPABILITY_TYPE "NodeCapability"

struct capability {
	json_t *document; /* NULL: nothing limits */
	struct delegation chain; /* points into it */
	struct hash id[DELEGATION_MAX]; /* of each credential of the chain: the hash of its canonical text */
};

struct capability_rules {
	uint8_t node[KEY_PUBLIC];
	const struct keylist *issuers;
	const struct status_lists *revoked;
};

/* Reads what `holder` has shown. 0, or -1 with a reason; it is empty then. */
int capability_read(struct capability *c, const struct buf *shown, const struct peerid *holder, const struct capability_rules *r, int64_t now);
void capability_free(struct capability *c);

/* Is it for rows of this model? 0, or -1 with a reason, also where it is for one and no model is stated. */
int capability_fits(const struct capability *c, const struct hash *model);

/* ---- rows that have been used ---- */

/* Of each credential, by whomever: so what is passed on to several is no more than there was. A file keeps it, if there is one. */
struct capability_usage {
	struct capability_used {
		struct hash id;
		uint64_t rows;
	} *used;
	size_t n, cap;
	int fd; /* to which it is added; -1: none */
};

/* Reads the file, which it makes where there is none, and keeps it open. 0, or -1 with a reason. */
int capability_usage_open(struct capability_usage *u, const char *path);
void capability_usage_close(struct capability_usage *u);

/* So many rows more. 0, or -1 with a reason: there are not so many left. */
int capability_spend(struct capability_usage *u, const struct capability *c, uint64_t rows);

/* Adds to the file what rows were used by the holder of c since it was last noted. 0, or -1 with a reason. */
int capability_note(struct capability_usage *u, const struct capability *c, uint64_t rows);

#endif
