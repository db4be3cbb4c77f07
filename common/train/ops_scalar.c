/* ops_scalar.c: ops.h in the lanes of compute/lanes_scalar.h. */
#include "compute/lanes_scalar.h"

#define OPS ops_scalar
#include "train/ops.inc"
