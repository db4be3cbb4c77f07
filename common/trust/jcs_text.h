/*
 * jcs_text.h: canonical JSON (trust/jcs.h) read where it stands: what is known to be canonical can be searched, cut and hashed
 * without being taken apart and put together again.
 */
#ifndef MAI_TRUST_JCS_TEXT_H
#define MAI_TRUST_JCS_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/*
 * Is it canonical for sure? Objects whose keys are not all ASCII and numbers that are not whole are left to jcs_parse and jcs_add: for them the
 * answer is no.
 */
bool jcs_is_canonical(const char *text, size_t n);

/* The canonical text of any JSON text: itself, or what is made of it in `made`. NULL with a reason; the length goes to *to. */
const char *jcs_text(const char *text, size_t n, struct buf *made, size_t *to);

/* A value inside a canonical text. */
struct jcs_value {
	const char *at;
	size_t n;
};

/* The member of an object, or NULL at where there is none. */
struct jcs_value jcs_member(const char *object, size_t n, const char *key);

/*
 * Walks over the members of an object: *at is 0 at first. False at the end. The key is without its quotes, as it is escaped; `from` is where the
 * member begins, with the comma before it where it has one.
 */
struct jcs_member {
	const char *from, *key;
	size_t n_key;
	struct jcs_value value;
};
bool jcs_next(const char *object, size_t n, size_t *at, struct jcs_member *m);

/* A text without escapes: its bytes. False where the value is another, or has some. */
bool jcs_plain(const struct jcs_value *v, const char **text, size_t *n);

/* A whole number that is not negative, at most 2^53. False where the value is none. */
bool jcs_whole(const struct jcs_value *v, uint64_t *to);

#endif
