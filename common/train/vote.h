/*
 * vote.h: which of many vectors point another way than most: in a space of a million dimensions noise is square to all
 * else, and what workers have learnt from like data is not, however little they agree.
 *
 * A worker that sends noise can't be told from the single numbers. Their median is no help alone: where he is always
 * the lowest, it is the mean of the two lowest of three others, a step to one side each time.
 */
#ifndef MAI_TRAIN_VOTE_H
#define MAI_TRAIN_VOTE_H

#include <stdbool.h>
#include <stddef.h>

/* The middle one, or the mean of the middle two. Takes the place of the numbers. n > 0. */
double vote_median(double *x, size_t n);

/*
 * Of each of n vectors of `size` finite numbers, how well it agrees with more than half of all: the cosine of its angle to
 * its n/2-th nearest (of 3 and of 4: its nearest and second nearest other). It takes n n/2 products of vectors, summed in
 * double in order. 0 or -1 (no memory).
 */
int vote_agreement(const float *const *x, size_t n, size_t size, double *agreement);

/* Whether one is outvoted: agrees less than a quarter as well as the median does. `median`: of all. */
static inline bool
vote_outvotes(double median, double agreement)
{
	return median > 0 && agreement < median / 4;
}

#endif
