/*
 * constraint.h: a grammar applied to the tokens of a model.
 *
 * A token may come next if its bytes can go on in the grammar, or if the grammar names it; one that ends a sequence, where the
 * grammar may end. Tokens without bytes (control tokens) come only where they are named.
 */
#ifndef MAI_GRAMMAR_CONSTRAINT_H
#define MAI_GRAMMAR_CONSTRAINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "text/order.h"

/* What it may take to see which tokens come next, in steps of the matcher (matcher_work): some seconds. */
enum { CONSTRAINT_MAX_WORK = 1 << 25 };

struct constraint;

/*
 * n bytes of GBNF. `order` must outlive it. `ends`: end-of-generation tokens end a sequence; else they are control tokens
 * like others. NULL with a reason.
 */
struct constraint *constraint_new(const char *text, size_t n, const struct order *order, bool ends);
void constraint_free(struct constraint *c);

/* Where a sequence stands: no more than a note of what its tokens say, made anew from them where it is out of date. */
struct constraint_at {
	uint64_t time; /* 0: nowhere yet */
	uint32_t state;
	size_t n;      /* tokens */
}; /* zeroed: nowhere yet */

/*
 * Goes to behind token[0..n), from where *at is if that lies on the way: whoever changes tokens before at->n zeroes it. 0 or -1.
 */
int constraint_follow(struct constraint *c, struct constraint_at *at, const uint32_t *token, size_t n);

/* What may come there; good until the next call for the same constraint. */
struct allowed {
	const uint64_t *mask; /* token i: bit i % 64 of element i / 64 */
	uint32_t n;           /* tokens in it */
	bool any;             /* some token is allowed */
	bool complete;        /* the grammar may end */
};
/* 0; -1 with a reason: no memory (ERR_SYSTEM), or it takes too many steps (ERR_DATA). */
int constraint_allowed(struct constraint *c, const struct constraint_at *at, struct allowed *out);

#endif
