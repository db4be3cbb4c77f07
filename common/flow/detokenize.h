/* detokenize.h: token streams to text, as it arrives and in the order of the input, as `mai-tokenize -d` writes it. */
#ifndef MAI_FLOW_DETOKENIZE_H
#define MAI_FLOW_DETOKENIZE_H

#include <stdbool.h>

#include "base/hash.h"
#include "text/vocab.h"

struct detokenize {
	const struct vocab *vocab;
	struct hash vocab_id;
	bool special; /* special tokens are written */
	bool lines;   /* each sequence is a line: a newline within it is written as \n */
};

/* Reads all streams of `fd` and writes their texts to stdout. 0, or -1 after writing what could be read. */
int detokenize_stream(const struct detokenize *d, int fd, const char *name);

/* The same for lines of decimal ids, each a sequence. */
int detokenize_ids(const struct detokenize *d, int fd, const char *name);

#endif
