/*
 * pretokenizer.h: which of the ways to cut text into words, known by name (text/pretokenize.h), a tokenizer.json describes.
 */
#ifndef MAI_IMPORT_PRETOKENIZER_H
#define MAI_IMPORT_PRETOKENIZER_H

#include <jansson.h>

/* The name for tokenizer.ggml.pre; NULL with a reason that shows the description. */
const char *pretokenizer_name(const json_t *tokenizer);

#endif
