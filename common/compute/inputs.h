/*
 * inputs.h: what goes into the matrices of a model's layers, for importance matrices (model/imatrix.h): of each column the sum of the squares.
 *
 * Sums are of doubles, one row behind the other, so they are the same on any number of threads. An engine that is to count rows in the order
 * of a text is given one sequence at a time.
 */
#ifndef MAI_COMPUTE_INPUTS_H
#define MAI_COMPUTE_INPUTS_H

#include <stdio.h>

#include "compute/kernel.h"
#include "compute/weights.h"

struct inputs;

/* The model must outlive them. NULL with a reason. */
struct inputs *inputs_new(const struct model *m);
void inputs_free(struct inputs *in);

/* n rows of x that a matrix is multiplied with. */
void inputs_add(struct inputs *in, const struct weight *w, const struct activations *x, size_t n, struct pool *pool);

/*
 * Writes the importance matrix to a file that is open: of `chunks` pieces of text of `chunk_size` tokens. Matrices that had no input are left out,
 * but experts beside others that had some stay, of which a warning tells. Refused: sums that are not finite. 0 or -1.
 */
int inputs_write(struct inputs *in, FILE *to, const char *name, uint64_t chunks, uint32_t chunk_size);

#endif
