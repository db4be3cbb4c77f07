/*
 * jcs.h: JSON in its one canonical form (RFC 8785, JCS), so that it can be hashed and signed: no space, keys sorted by their
 * UTF-16 units, numbers as ECMAScript prints them, in strings only what must be escaped.
 */
#ifndef MAI_TRUST_JCS_H
#define MAI_TRUST_JCS_H

#include <jansson.h>

#include "base/buf.h"

enum { JCS_MAX = 16 << 20 }; /* bytes of a text */

/*
 * JSON as it may be canonical: no key twice in an object, every number a double (as I-JSON has it, RFC 7493), nothing behind the
 * value. NULL with a reason that says where; freed by json_decref.
 */
json_t *jcs_parse(const char *text, size_t n);

/* Appends the canonical text of a value. 0, or -1 with a reason. */
int jcs_add(struct buf *to, const json_t *value);

#endif
