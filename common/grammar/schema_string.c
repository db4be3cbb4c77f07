#include <string.h>

#include "grammar/schema_impl.h"

/* Rules that every grammar has. */
static const char *
format_rule(const char *name)
{
	static const struct {
		const char *format, *rule;
	} formats[] = {
		{ "date", "date" }, { "time", "time" }, { "date-time", "date \"T\" time" }, { "uuid", "uuid" }, { "uuid1", "uuid" },
		{ "uuid2", "uuid" }, { "uuid3", "uuid" }, { "uuid4", "uuid" }, { "uuid5", "uuid" },
	};

	for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
		if (strcmp(name, formats[i].format) == 0)
			return formats[i].rule;
	return NULL;
}

static void
put_format(struct schema *s, json_t *format, const char *path)
{
	const char *name = json_string_value(format), *rule = name ? format_rule(name) : NULL;

	if (!rule)
		schema_wrong(s, schema_path(s, path, "format"), "this format is not supported, as date, time, date-time and uuid are");
	else
		schema_put(s, "%s", rule);
}

static void
put_length(struct schema *s, json_t *schema, const char *path)
{
	uint64_t min = schema_count(s, schema, path, "minLength", 0), max = schema_count(s, schema, path, "maxLength", GRAMMAR_NO_MAX);

	if (min > max)
		schema_wrong(s, path, "the least length is above the largest");
	schema_put(s, "char");
	schema_put_counts(s, min, max);
}

void
schema_put_string(struct schema *s, const char *rule, json_t *schema, const char *path)
{
	json_t *pattern = json_object_get(schema, "pattern"), *format = json_object_get(schema, "format");
	bool length = json_object_get(schema, "minLength") || json_object_get(schema, "maxLength");
	const char *at = schema_path(s, path, "pattern");

	if ((pattern != NULL) + (format != NULL) + length > 1)
		schema_wrong(s, path, "only one of a pattern, a format and lengths is supported");
	if (pattern && !json_is_string(pattern))
		schema_wrong(s, at, "a string is wanted");
	schema_put(s, "%s ::= \"\\\"\" ", rule);
	if (s->failed)
		return;
	if (pattern)
		schema_put_pattern(s, json_string_value(pattern), json_string_length(pattern), at);
	else if (format)
		put_format(s, format, path);
	else
		put_length(s, schema, path);
	schema_put(s, " \"\\\"\"\n");
}
