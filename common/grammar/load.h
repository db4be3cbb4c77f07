/* load.h: what a user names as a grammar, as GBNF that was found to be one. */
#ifndef MAI_GRAMMAR_LOAD_H
#define MAI_GRAMMAR_LOAD_H

#include "base/buf.h"

enum { LOAD_MAX_SCHEMA = 1 << 20 }; /* bytes of a schema */

/* Append the GBNF that a file holds; that of the JSON schema in a file, or in `what` itself where that begins with '{'. 0 or -1. */
int load_grammar(const char *path, struct buf *out);
int load_schema(const char *what, struct buf *out);

#endif
