#include "import/formula.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_NAME = 64 };

struct text {
	const char *at;
	const json_t *settings;
};

static char
next(struct text *t)
{
	while (*t->at == ' ')
		t->at++;
	return *t->at;
}

static bool
is_value(const json_t *v, double *to)
{
	*to = json_is_boolean(v) ? (double)json_is_true(v) : json_number_value(v);
	return json_is_number(v) || json_is_boolean(v);
}

static bool
atom(struct text *t, double *to)
{
	char name[MAX_NAME];
	size_t n;
	char *end;

	if (next(t) >= '0' && *t->at <= '9') {
		*to = strtod(t->at, &end);
		t->at = end;
		return true;
	}
	n = strcspn(t->at, " |?+*/");
	memcpy(name, t->at, n);
	name[n] = '\0';
	t->at += n;
	if (*name == '!') {
		bool is = is_value(json_object_get(t->settings, name + 1), to) && *to != 0;
		*to = 1;
		return !is;
	}
	char *word = strchr(name, '=');
	if (!word)
		return is_value(json_object_get(t->settings, name), to);
	*word++ = '\0';
	const char *is = json_string_value(json_object_get(t->settings, name));
	*to = 1;
	return is && strcmp(is, word) == 0;
}

static bool
product(struct text *t, double *to)
{
	bool has = atom(t, to);
	double by;

	while (next(t) == '*' || *t->at == '/') {
		bool divides = *t->at++ == '/';
		has = atom(t, &by) && has && !(divides && by == 0);
		if (has)
			*to = divides ? *to / by : *to * by;
	}
	return has;
}

static bool
sum(struct text *t, double *to)
{
	bool has = product(t, to);
	double more;

	while (next(t) == '+') {
		t->at++;
		has = product(t, &more) && has;
		if (has)
			*to += more;
	}
	return has;
}

static bool
alternative(struct text *t, double *to)
{
	bool has = sum(t, to);

	if (next(t) != '?')
		return has;
	t->at++;
	has = has && *to != 0;
	return sum(t, to) && has;
}

bool
formula(const json_t *settings, const char *text, double *to)
{
	struct text t = { text, settings };

	while (!alternative(&t, to)) {
		if (next(&t) != '|')
			return false;
		t.at++;
	}
	return true;
}
