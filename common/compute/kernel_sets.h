/* kernel_sets.h: the tables that the files kernel_*.c make, and what they have in common (inside compute only; see cpu.h). */
#ifndef MAI_COMPUTE_KERNEL_SETS_H
#define MAI_COMPUTE_KERNEL_SETS_H

#include "compute/kernel.h"

/*
 * How much of a row of `all` elements, or parts, is gone through for all tiles before what follows: all, as it lies in memory, where the
 * activations, `bytes` for each element and token, stay in the second-level cache; else a stretch.
 */
static inline size_t
kernel_span(size_t tokens, size_t all, size_t bytes, size_t stretch)
{
	return tokens * all * bytes <= 256 << 10 ? all : stretch;
}

/* Asks for bytes that are needed soon: they may lie behind what there is. */
static inline __attribute__((always_inline)) void
kernel_prefetch(const void *from, size_t bytes)
{
	for (size_t line = 0; line < bytes; line += 64)
		__builtin_prefetch((const char *)from + line);
}

/* Rows of tokens lie apart, where the processor's own prefetch does not look: of the next `tokens` n floats each from `at` on. */
static inline __attribute__((always_inline)) void
kernel_prefetch_rows(const float *at, size_t ld, int tokens, int n)
{
	for (int t = 0; t < tokens; t++)
		kernel_prefetch(at + (size_t)t * ld, (size_t)n * sizeof *at);
}

extern const struct kernels kernels_scalar;
#if defined(__x86_64__)
extern const struct kernels kernels_sse4, kernels_avx2, kernels_avx512;

/*
 * Products that take the place of a table's where the processor has more: they go on to the table's, avx2's or avx512's,
 * for other types. matmul_avx512bf16 wants its bf16 rows from to_bf16_pairs.
 */
void matmul_avxvnni(const struct matmul *m, size_t first, size_t last);
void matmul_avx512bf16(const struct matmul *m, size_t first, size_t last);
void to_bf16_pairs(float *to, const float *x, size_t n);
void matmul_amx(const struct matmul *m, size_t first, size_t last);
#elif defined(__aarch64__)
extern const struct kernels kernels_neon;
#endif

#endif
