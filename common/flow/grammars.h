/*
 * grammars.h: the grammars of a stage's sequences. Sequences with the same one share what was found out about it, those that come
 * later too.
 */
#ifndef MAI_FLOW_GRAMMARS_H
#define MAI_FLOW_GRAMMARS_H

#include "grammar/constraint.h"
#include "stream/stream.h"

enum { GRAMMARS_MAX = 16 }; /* different ones at once, and kept */

struct shared_grammar {
	struct constraint *constraint;
	uint8_t *text;
	uint32_t len;
	bool ends;       /* at an end-of-generation token */
	unsigned users;
	uint64_t used;   /* when it was asked for last */
};

struct grammars {
	const struct vocab *vocab; /* set by the owner */
	struct order order;        /* made when the first grammar comes */
	struct shared_grammar list[GRAMMARS_MAX];
	uint64_t time;
}; /* zeroed: none */

/*
 * *g: the grammar that a sequence wants, until it is released; NULL: it wants none. 0, or -1 with *why it is closed and a
 * reason.
 */
int grammars_get(struct grammars *all, const struct open *o, struct shared_grammar **g, enum close_reason *why);
void grammars_release(struct shared_grammar *g); /* NULL: nothing */
void grammars_free(struct grammars *all);

#endif
