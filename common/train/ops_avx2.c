/* ops_avx2.c: ops.h in the lanes of compute/lanes_avx2.h. */
#include "train/ops.h"
#if defined(__x86_64__)
#include "compute/lanes_avx2.h"

#define OPS ops_avx2
#include "train/ops.inc"
#endif
