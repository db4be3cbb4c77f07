/*
 * draw.h: chance that repeats: each number is a pure function of a seed and of what it is for.
 *
 * `what` tells apart the uses of one seed (which tensor, which epoch). Numbers are Philox's (compute/sample.h).
 */
#ifndef MAI_TRAIN_DRAW_H
#define MAI_TRAIN_DRAW_H

#include <stddef.h>
#include <stdint.h>

/* The i-th number of 64 bits. */
uint64_t draw(uint64_t seed, uint64_t what, uint64_t i);

/* n numbers of a normal distribution around 0 (Box and Muller, 1958). */
void draw_normal(float *to, size_t n, double deviation, uint64_t seed, uint64_t what);

/* The place of item i of n in a random order: a permutation of [0, n), n below 2^62 and not 0. */
uint64_t draw_order(uint64_t i, uint64_t n, uint64_t seed, uint64_t what);

#endif
