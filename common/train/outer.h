/*
 * outer.h: the deltas of many workers to one step of the model that they began with: DiLoCo's outer optimiser.
 *
 * Deltas are put in the order of their hashes, so that it does not matter in which they come. A delta that can't be
 * used (of another model, not whole, not finite) is told and left out; one that comes twice counts once.
 */
#ifndef MAI_TRAIN_OUTER_H
#define MAI_TRAIN_OUTER_H

#include <stdbool.h>
#include <stddef.h>

struct outer_options {
	const char *model, *out;           /* the model that the deltas are of, and the next */
	const char *const *delta;
	size_t n;
	const char *momentum, *momentum_out; /* files of the momentum before and after; NULL: zero, not kept */
	double lr, beta;                   /* beta: of Nesterov's momentum */
	double clip;                       /* a delta's norm at most, in medians of all norms; 0: any */
	bool median;                       /* of each number, instead of the mean; and who is outvoted is left out (vote.h) */
};

/*
 * With d the mean (each delta weighs as many tokens as it was learnt from) or the median of the deltas, clipped:
 *	v = beta v + d;  weights += lr (d + beta v)
 * 0; -1 with a reason, also when no delta can be used.
 */
int outer_step(const struct outer_options *o);

#endif
