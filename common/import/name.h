/*
 * name.h: names of tensors and the patterns of import/recipe.h.
 */
#ifndef MAI_IMPORT_NAME_H
#define MAI_IMPORT_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a name has where a pattern has its signs. */
struct name_match {
	int64_t layer; /* #; -1: the pattern has none */
	uint64_t nth;  /* @, or which of [abc] it is */
	const char *kind; /* *: "weight" or "bias"; NULL */
};

/* A name without what stands in front of it: "model.", "transformer." and the like, by which classes of models differ. */
const char *name_own(const char *name);

/* Do names that match the pattern, with @ or [abc] in it, make one tensor of a layer? */
bool name_joins(const char *pattern);

bool name_matches(const char *pattern, const char *name, struct name_match *m);

/* The pattern with what was matched put in; false when it has n bytes or more. */
bool name_made(const char *pattern, const struct name_match *m, char *to, size_t n);

#endif
