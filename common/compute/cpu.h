/*
 * cpu.h: which kernel sets there are, and which of them this processor runs.
 *
 * kernels_best (compute/kernel.h) is all that a stage needs; tests and benchmarks look at each set.
 */
#ifndef MAI_COMPUTE_CPU_H
#define MAI_COMPUTE_CPU_H

#include "compute/kernel.h"

/* The names of all sets of this architecture, slowest first ("scalar"); NULL behind the last. */
const char *kernels_name(size_t i);

/* The set of that name, untested, or NULL with a reason when it is unknown or the processor or system lacks it. */
const struct kernels *kernels_named(const char *name);

/* For -v: why kernels_best passed over sets that this processor should run; "" when it did not. */
const char *kernels_passed_over(void);

/* The known-answer test: every function of `k` on small inputs. NULL when it passes, else what failed. */
const char *kernels_test(const struct kernels *k);

#endif
