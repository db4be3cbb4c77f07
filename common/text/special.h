/*
 * special.h: tokens that are written out in a text: user-defined ones always, control and unknown ones when asked for.
 *
 * Of those that overlap the longest is taken first, of equals the leftmost, as if all longer ones were cut out of the text
 * before any shorter one is looked for.
 */
#ifndef MAI_TEXT_SPECIAL_H
#define MAI_TEXT_SPECIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "text/heap.h"
#include "text/tokens.h"

int special_load(struct vocab *v, const struct gguf *g); /* 0 or -1 */
void special_free(struct vocab *v);

/* A text and what was found in it. Zeroed but for the first four; after use special_scan_free. */
struct special_found {
	size_t at;
	uint32_t len, id;
};

struct special_scan {
	const struct vocab *v;
	const char *text;
	size_t n;
	bool control;                /* control tokens too */
	size_t at;                   /* all before is done */
	struct special_found *found; /* of the tokens that overlap each other, at the place of the scan */
	size_t n_found, cap, next;
	struct heap heap;
	uint8_t *taken;
	size_t taken_cap;
};

/*
 * The next fragment: 1, and text[*begin, *end) is plain text (*id VOCAB_NONE) or a token (*id); 0 at the end; -1 no memory.
 * White space that a token eats is in no fragment.
 */
int special_next(struct special_scan *s, size_t *begin, size_t *end, uint32_t *id);
void special_scan_free(struct special_scan *s);

#endif
