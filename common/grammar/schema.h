/*
 * schema.h: a JSON schema as a grammar in GBNF. Every text of the grammar is JSON that the schema allows; not the other way round:
 * members come in the order in which the schema names them, space is sparse, numbers have at most so many digits, and members
 * that are not named come only where the schema says that they may. mai-grammar(5) lists what is known.
 *
 * What can't be said in a grammar is refused, with its place in the schema, rather than passed over.
 */
#ifndef MAI_GRAMMAR_SCHEMA_H
#define MAI_GRAMMAR_SCHEMA_H

#include <stddef.h>

#include "base/buf.h"

/* Appends the grammar of a schema of n bytes. 0, or -1 with a reason. */
int schema_to_grammar(const char *text, size_t n, struct buf *out);

#endif
