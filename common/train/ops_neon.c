/* ops_neon.c: ops.h in the lanes of compute/lanes_neon.h. */
#include "train/ops.h"
#if defined(__aarch64__)
#include "compute/lanes_neon.h"

#define OPS ops_neon
#include "train/ops.inc"
#endif
