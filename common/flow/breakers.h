/* breakers.h: the sequence breakers of DRY as the tokens of a vocabulary. */
#ifndef MAI_FLOW_BREAKERS_H
#define MAI_FLOW_BREAKERS_H

#include "compute/sample.h"
#include "stream/stream.h"
#include "text/vocab.h"

/*
 * To look for them in a vocabulary takes a while, and sequences mostly have the same ones: a set is shared by all that hold it.
 * *last is one that the caller holds, or NULL; it becomes the one that is returned. NULL with a reason.
 */
struct breaker_set;
struct breaker_set *breakers_get(struct breaker_set **last, const struct vocab *v, const struct open *o);
void breakers_release(struct breaker_set *b); /* NULL: nothing */

/* For the sampler; of NULL none. */
const struct breakers *breakers_tokens(const struct breaker_set *b);

#endif
