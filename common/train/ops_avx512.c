/* ops_avx512.c: ops.h in the lanes of compute/lanes_avx512.h. */
#include "train/ops.h"
#if defined(__x86_64__)
#include "compute/lanes_avx512.h"

#define OPS ops_avx512
#include "train/ops.inc"
#endif
