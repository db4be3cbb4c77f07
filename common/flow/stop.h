/* stop.h: stop texts, found in what a sequence has generated, across the borders of tokens. */
#ifndef MAI_FLOW_STOP_H
#define MAI_FLOW_STOP_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "stream/stream.h"
#include "text/vocab.h"

struct stops {
	struct buf text; /* all of them, one behind the other */
	size_t len[STREAM_MAX_STOPS];
	uint32_t n;
	size_t longest;
};

int stops_copy(struct stops *s, const struct open *from);
int stops_clone(struct stops *s, const struct stops *from);
void stops_free(struct stops *s);

enum stop_state {
	STOP_NOT,  /* no stop text, nor the beginning of one at the end */
	STOP_HELD, /* the end may be the beginning of one */
	STOP_HIT,
};

/*
 * Looks at the text of token[first..n), of which the last is new. STOP_HIT: *at is the token with which the stop text begins, that is the
 * first that is not to be shown. -1 when there is no memory.
 */
int stops_check(const struct stops *s, const struct vocab *v, const uint32_t *token, size_t first, size_t n, size_t *at);

#endif
