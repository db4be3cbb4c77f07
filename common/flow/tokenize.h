/* tokenize.h: texts to a token stream, as `mai-tokenize` writes it. */
#ifndef MAI_FLOW_TOKENIZE_H
#define MAI_FLOW_TOKENIZE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/hash.h"
#include "text/vocab.h"

enum tokenize_output {
	TOKENIZE_STREAM, /* mai-stream(5) */
	TOKENIZE_IDS,    /* decimal ids, a sequence a line */
	TOKENIZE_COUNT,  /* how many there are, a sequence a line */
};

/* Set by the caller; written to stdout. */
struct tokenize {
	struct encoder *encoder;
	struct hash vocab_id;
	struct encode_options encode;
	enum tokenize_output output;
	bool strict;      /* ill-formed UTF-8 is an error */
	uint64_t ordinal; /* of the next text: 0 */
};

/* All return 0 or -1. One begin, any number of texts, each a sequence, one end. */
int tokenize_begin(struct tokenize *t);
int tokenize_text(struct tokenize *t, const char *text, size_t n);
int tokenize_end(struct tokenize *t);

/* All of a descriptor as one text; or each line of it, as it comes. `name` is for reasons. */
int tokenize_all(struct tokenize *t, int fd, const char *name);
int tokenize_lines(struct tokenize *t, int fd, const char *name);

#endif
