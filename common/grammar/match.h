/*
 * match.h: how far a text has got in a grammar, byte by byte.
 *
 * A state is the set of all ways on: for each the node that comes next and the stack of calls that it is to return to, and the
 * bytes of a character that has not ended yet. Stacks share their ends, equal ones are one, and so are equal states: a state is a
 * number, and what follows from it by a byte is worked out once and then remembered. So a vocabulary is tried byte by byte at the
 * cost of a look into a table.
 *
 * What is remembered only makes it quick: whether a text matches depends on the grammar and the text alone. Two limits are part of
 * that: what is called deeper than MATCH_MAX_DEPTH does not match, nor does what has more ways than MATCH_MAX_WAYS.
 */
#ifndef MAI_GRAMMAR_MATCH_H
#define MAI_GRAMMAR_MATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "grammar/grammar.h"

enum {
	MATCH_DEAD = 0, /* the state from which no way leads on */
	MATCH_MAX_DEPTH = 1 << 12,
	MATCH_MAX_WAYS = 1 << 16, /* nodes looked at between two characters */
};

struct matcher;
struct matcher *matcher_new(const struct grammar *g); /* which must outlive it. NULL with a reason */
void matcher_free(struct matcher *m);

/* States, by number, until matcher_forget. All that return an int: 0 or -1. */
int matcher_start(struct matcher *m, uint32_t *state);
int matcher_byte(struct matcher *m, uint32_t state, uint8_t byte, uint32_t *to);
int matcher_bytes(struct matcher *m, uint32_t state, const uint8_t *s, size_t n, uint32_t *to);

/*
 * How many ways matcher_byte has looked at since matcher_count, the same step counted once; what it remembers from before counts as if it did
 * not. So it depends on the grammar and on what was asked alone.
 */
void matcher_count(struct matcher *m);
uint64_t matcher_work(const struct matcher *m);

/* The text may end here. */
bool matcher_ends(const struct matcher *m, uint32_t state);

/* What follows when a whole token is taken where the grammar names tokens: MATCH_DEAD where it names none, or others. */
int matcher_token(struct matcher *m, uint32_t state, uint32_t token, uint32_t *to);

/* Calls `names` with each token that the grammar names here, `but` when it means all others. */
void matcher_names(const struct matcher *m, uint32_t state, void (*names)(void *arg, uint32_t token, bool but), void *arg);

/* What either of two states is, the second only where it is not within a character. */
int matcher_either(struct matcher *m, uint32_t a, uint32_t b, uint32_t *to);

/* Bytes of what is remembered, and to forget it: states have no numbers then. 0 or -1. */
size_t matcher_memory(const struct matcher *m);
int matcher_forget(struct matcher *m);

#endif
