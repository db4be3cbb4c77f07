/*
 * formula.h: a number out of a model's settings (import/hub.h), by a short text that says where it stands:
 *
 *	head_dim | hidden_size / num_attention_heads
 *
 * is head_dim, or where that is not said, the quotient. Between bars are alternatives, of which the first counts whose names are all numbers
 * (or true, 1, and false, 0); `name ? x` is x where name is neither absent nor 0; `!name` is 1 where it is, and `name=word` where the setting
 * is that text, and both are absent otherwise. Products and quotients come before sums; there are no brackets.
 */
#ifndef MAI_IMPORT_FORMULA_H
#define MAI_IMPORT_FORMULA_H

#include <jansson.h>
#include <stdbool.h>

/* False when none of the alternatives has a value. The text is well-formed: it is the program's own. */
bool formula(const json_t *settings, const char *text, double *to);

#endif
