/*
 * mss.h: multistream-select 1.0: two sides agree on a protocol by name. The initiator offers one after another, the other
 * answers with the name, or "na". Nothing here reads or writes a descriptor.
 *
 * A message is its length as a uvarint, text, and a newline that the length counts.
 */
#ifndef MAI_NET_MSS_H
#define MAI_NET_MSS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

enum {
	MSS_MAX = 1024,     /* bytes of a message */
	MSS_MAX_OFFERS = 16, /* that a responder declines before it ends the connection */
};

struct mss {
	bool initiator;
	const char *const *name; /* offered in turn; or known */
	size_t n;
	bool greeted;            /* the other's header has come */
	size_t at;               /* the offer that was made; the name that was agreed on; of a responder: offers declined */
};

/* Names must outlive it. The header, and the initiator's first offer, are appended to `out`. 0 or -1. */
int mss_begin(struct mss *m, bool initiator, const char *const *name, size_t n, struct buf *out);

/*
 * Takes what came. 1: agreed on name[m->at]; 0: more is needed; -1 with a reason, also when nothing is agreed on. *used says how
 * many bytes were taken: what is behind an agreement is not mss's.
 */
int mss_take(struct mss *m, const uint8_t *data, size_t n, size_t *used, struct buf *out);

#endif
