/* stop.h: stop texts, found in what a sequence has generated, across the borders of tokens. */
#ifndef MAI_FLOW_STOP_H
#define MAI_FLOW_STOP_H

#include <stddef.h>
#include <stdint.h>

#include "stream/stream.h"
#include "text/vocab.h"

enum stop_state {
	STOP_NOT,  /* no stop text, nor the beginning of one at the end */
	STOP_HELD, /* the end may be the beginning of one */
	STOP_HIT,
};

/*
 * Looks for o's stop texts at the end of the text of token[first..n), of which the last is new. STOP_HIT: *at is the token with
 * which the stop text begins, that is the first that is not to be shown. -1 when there is no memory.
 */
int stops_check(const struct open *o, const struct vocab *v, const uint32_t *token, size_t first, size_t n, size_t *at);

#endif
