#include "train/draw.h"

#include <math.h>

#include "compute/mathd.h"
#include "compute/sample.h"

uint64_t
draw(uint64_t seed, uint64_t what, uint64_t i)
{
	const uint32_t counter[4] = { (uint32_t)i, (uint32_t)(i >> 32), (uint32_t)what, (uint32_t)(what >> 32) };
	const uint32_t key[2] = { (uint32_t)seed, (uint32_t)(seed >> 32) };
	uint32_t out[4];

	philox(counter, key, out);
	return (uint64_t)out[1] << 32 | out[0];
}

/* In (0, 1]. */
static double
unit(uint32_t u)
{
	return ((double)u + 1) * 0x1p-32;
}

void
draw_normal(float *to, size_t n, double deviation, uint64_t seed, uint64_t what)
{
	const double turn = 6.283185307179586;

	for (size_t i = 0; i < n; i += 2) {
		uint64_t u = draw(seed, what, i / 2);
		double r = deviation * sqrt(-2 * mathd_log(unit((uint32_t)u))), sin, cos;
		mathd_sincos(turn * unit((uint32_t)(u >> 32)), &sin, &cos);
		to[i] = (float)(r * cos);
		if (i + 1 < n)
			to[i + 1] = (float)(r * sin);
	}
}

/*
 * A Feistel network over an even number of bits that hold n; what falls outside goes round again. Four rounds, each
 * with a function of its own, are a permutation that looks random (Luby and Rackoff, 1988).
 */
uint64_t
draw_order(uint64_t i, uint64_t n, uint64_t seed, uint64_t what)
{
	unsigned half = 1;

	while (half < 31 && (uint64_t)1 << 2 * half < n)
		half++;
	uint64_t mask = ((uint64_t)1 << half) - 1;
	do {
		uint64_t left = i >> half, right = i & mask;
		for (uint64_t round = 0; round < 4; round++) {
			uint64_t next = left ^ (draw(seed ^ round << 60, what, right) & mask);
			left = right;
			right = next;
		}
		i = left << half | right;
	} while (i >= n);
	return i;
}
