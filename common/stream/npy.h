/*
 * npy.h: NumPy's array files, format 1.0 to 3.0: a magic, the length of a header, the header as the text of a Python
 * dictionary, the elements. Only arrays of one or two dimensions in row order, of little-endian numbers.
 */
#ifndef MAI_STREAM_NPY_H
#define MAI_STREAM_NPY_H

#include <stdint.h>
#include <stdio.h>

enum npy_type { NPY_F2, NPY_F4, NPY_F8, NPY_I4, NPY_U4, NPY_I8, NPY_U8, NPY_TYPES };

struct npy_header {
	enum npy_type type;
	uint32_t dims;     /* 1 or 2 */
	uint64_t shape[2]; /* shape[1] is 1 when there is one dimension */
};

enum {
	NPY_HEADER_SIZE = 128,       /* of ours: any shape fits, so it can be written once the rows are counted */
	NPY_MAX_HEADER = 1 << 16,
};

/* All of it, magic to newline. */
void npy_header_pack(char to[NPY_HEADER_SIZE], const struct npy_header *h);

/* The dictionary alone, n bytes. 0 or -1. */
int npy_dict_unpack(struct npy_header *h, const char *dict, size_t n);

/* Reads magic, length and dictionary, so that the elements follow. 0 or -1; `name` is for the reason. */
int npy_read_header(struct npy_header *h, FILE *in, const char *name);

uint32_t npy_size(enum npy_type t); /* bytes of an element */
const char *npy_name(enum npy_type t); /* "<f4" */

#endif
