#include "import/name.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { MAX_DIGITS = 6 };

const char *
name_own(const char *name)
{
	static const char *const fronts[] = { "model.", "language_model.", "transformer.", "gpt_neox.", "bert.", "backbone." };

	for (size_t i = 0; i < sizeof fronts / sizeof *fronts; i++)
		if (strncmp(name, fronts[i], strlen(fronts[i])) == 0)
			return name_own(name + strlen(fronts[i]));
	return name;
}

/* A number of a few digits without zeros in front. */
static bool
number(const char **name, uint64_t *to)
{
	size_t n = strspn(*name, "0123456789");

	if (n == 0 || n > MAX_DIGITS || (n > 1 && **name == '0'))
		return false;
	for (*to = 0; n > 0; n--)
		*to = *to * 10 + (uint64_t)(*(*name)++ - '0');
	return true;
}

static const char *
kind(const char *name)
{
	static const char *const kinds[][2] = { { "weight", "weight" }, { "bias", "bias" }, { "gamma", "weight" }, { "beta", "bias" } };

	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (strcmp(name, kinds[i][0]) == 0)
			return kinds[i][1];
	return NULL;
}

/* A letter of a list, behind its bracket. */
static bool
letter(const char **pattern, const char **name, uint64_t *to)
{
	const char *list = *pattern, *end = strchr(list, ']'), *is = memchr(list, *(*name)++, (size_t)(end - list));

	*pattern = end;
	*to = is ? (uint64_t)(is - list) : 0;
	return is != NULL;
}

bool
name_joins(const char *pattern)
{
	return strpbrk(pattern, "@[") != NULL;
}

bool
name_matches(const char *pattern, const char *name, struct name_match *m)
{
	uint64_t layer = 0;

	*m = (struct name_match){ .layer = -1 };
	for (; *pattern; pattern++) {
		if (*pattern == '*')
			return (m->kind = kind(name)) != NULL;
		if (*pattern == '#') {
			if (!number(&name, &layer))
				return false;
			m->layer = (int64_t)layer; /* of a few digits */
		} else if (*pattern == '@') {
			if (!number(&name, &m->nth))
				return false;
		} else if (*pattern == '[') {
			pattern++;
			if (!letter(&pattern, &name, &m->nth))
				return false;
		} else if (*name++ != *pattern) {
			return false;
		}
	}
	return *name == '\0';
}

bool
name_made(const char *pattern, const struct name_match *m, char *to, size_t n)
{
	size_t at = 0;

	for (; *pattern && at < n; pattern++) {
		int more = *pattern == '#' ? snprintf(to + at, n - at, "%" PRId64, m->layer)
		    : *pattern == '*' ? snprintf(to + at, n - at, "%s", m->kind) : snprintf(to + at, n - at, "%c", *pattern);
		at += (size_t)more; /* of a few characters: it does not fail */
	}
	return at < n;
}
