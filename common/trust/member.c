#include "trust/member.h"

#include <stdint.h>
#include <string.h>

#include "base/err.h"

static bool
is_among(const char *name, const char *const *names)
{
	for (; *names; names++)
		if (strcmp(name, *names) == 0)
			return true;
	return false;
}

int
member_check(const json_t *object, const char *what, const char *const *names, size_t required)
{
	json_t *o = (json_t *)(uintptr_t)object; /* jansson's walk takes no const, and changes nothing */

	if (!json_is_object(object))
		return err_set(ERR_DATA, "%s is no JSON object", what);
	for (size_t i = 0; i < required; i++)
		if (!json_object_get(object, names[i]))
			return err_set(ERR_DATA, "%s has no '%s'", what, names[i]);
	for (void *at = json_object_iter(o); at; at = json_object_iter_next(o, at))
		if (!is_among(json_object_iter_key(at), names))
			return err_set(ERR_DATA, "%s has a '%.64s', which has no meaning there", what, json_object_iter_key(at));
	return 0;
}

const char *
member_text(const json_t *object, const char *name)
{
	const json_t *v = json_object_get(object, name);
	const char *text = json_string_value(v);

	return text && strlen(text) == json_string_length(v) ? text : NULL;
}

bool
member_is(const json_t *object, const char *name, const char *text)
{
	const char *is = member_text(object, name);

	return is && strcmp(is, text) == 0;
}
