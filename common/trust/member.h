/* member.h: members of JSON objects in formats that say which there may be. */
#ifndef MAI_TRUST_MEMBER_H
#define MAI_TRUST_MEMBER_H

#include <jansson.h>
#include <stdbool.h>

/*
 * Is it an object that has the first `required` of these members, and none but these? `names` ends with NULL; `what` names the object
 * in the reason. 0, or -1 with a reason.
 */
int member_check(const json_t *object, const char *what, const char *const *names, size_t required);

/* The text of a member that is a string without a NUL in it; else NULL. */
const char *member_text(const json_t *object, const char *name);

/* Is a member this text? */
bool member_is(const json_t *object, const char *name, const char *text);

#endif
