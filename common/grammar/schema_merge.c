#include <string.h>

#include "base/mem.h"
#include "grammar/schema_impl.h"

bool
schema_among(const char *const *list, const char *word)
{
	for (; list && *list; list++)
		if (strcmp(*list, word) == 0)
			return true;
	return false;
}

bool
schema_is_note(const char *keyword)
{
	static const char *const notes[] = { "title", "description", "default", "examples", "example", "deprecated", "readOnly", "writeOnly",
		"$schema", "$id", "id", "$comment", "$defs", "definitions", "$anchor", "contentEncoding", "contentMediaType", NULL };

	return schema_among(notes, keyword) || strncmp(keyword, "x-", 2) == 0;
}

/* ---- one keyword that both have; the result is new, or NULL when there is none ---- */

/* Those that the first has and the second too. A type that is a kind of another goes with it. */
static json_t *
both_lists(json_t *a, json_t *b)
{
	json_t *first = json_is_array(a) ? json_incref(a) : json_pack("[O]", a);
	json_t *second = json_is_array(b) ? json_incref(b) : json_pack("[O]", b), *out = json_array(), *x, *y;
	size_t i, k;

	json_array_foreach(first, i, x)
		json_array_foreach(second, k, y)
			if (json_equal(x, y))
				json_array_append(out, x);
	json_decref(first);
	json_decref(second);
	return out;
}

static json_t *
all_names(json_t *a, json_t *b)
{
	json_t *out = json_copy(a);

	if (json_is_array(out) && json_is_array(b))
		json_array_extend(out, b);
	return out;
}

static json_t *
all_properties(json_t *a, json_t *b)
{
	json_t *out = json_copy(a), *theirs, *ours;
	const char *key;

	json_object_foreach(b, key, theirs) {
		ours = json_object_get(out, key);
		if (!ours)
			json_object_set(out, key, theirs);
		else if (!json_equal(ours, theirs))
			json_object_set_new(out, key, json_pack("{s:[O,O]}", "allOf", ours, theirs));
	}
	return out;
}

static json_t *
stricter(const char *key, json_t *a, json_t *b)
{
	static const char *const larger[] = { "minimum", "exclusiveMinimum", "minLength", "minItems", NULL };
	static const char *const smaller[] = { "maximum", "exclusiveMaximum", "maxLength", "maxItems", NULL };
	double x = json_number_value(a), y = json_number_value(b);

	if (!json_is_number(a) || !json_is_number(b))
		return NULL;
	if (schema_among(larger, key))
		return json_incref(x > y ? a : b);
	return schema_among(smaller, key) ? json_incref(x < y ? a : b) : NULL;
}

static json_t *
both(const char *key, json_t *a, json_t *b)
{
	if (json_equal(a, b))
		return json_incref(a);
	if (strcmp(key, "type") == 0 || strcmp(key, "enum") == 0)
		return both_lists(a, b);
	if (strcmp(key, "required") == 0)
		return all_names(a, b);
	if (strcmp(key, "properties") == 0)
		return all_properties(a, b);
	if (strcmp(key, "additionalProperties") == 0 && (json_is_true(a) || json_is_true(b)))
		return json_incref(json_is_true(a) ? b : a);
	return stricter(key, a, b);
}

/* ---- whole schemas ---- */

static bool
closed(json_t *schema)
{
	return json_is_false(json_object_get(schema, "additionalProperties"));
}

/* Whether one, which allows no members that it does not name, meets members that only the other names. */
static bool
shuts_out(json_t *one, json_t *other)
{
	const char *key;
	json_t *v;

	if (closed(one))
		json_object_foreach(json_object_get(other, "properties"), key, v)
			if (!json_object_get(json_object_get(one, "properties"), key))
				return true;
	return false;
}

static bool
says_nothing(json_t *schema, const char *without)
{
	const char *key;
	json_t *v;

	json_object_foreach(schema, key, v)
		if (strcmp(key, without) != 0 && !schema_is_note(key))
			return false;
	return true;
}

static void
merge_into(struct schema *s, json_t *out, json_t *b, const char *path)
{
	const char *key;
	json_t *theirs, *ours, *v;

	if (shuts_out(out, b) || shuts_out(b, out))
		schema_wrong(s, path, "additionalProperties false shuts out properties that another part of the schema names");
	json_object_foreach(b, key, theirs) {
		ours = json_object_get(out, key);
		if (!ours || schema_is_note(key))
			json_object_set(out, key, theirs);
		else if ((v = both(key, ours, theirs)))
			json_object_set_new(out, key, v);
		else
			schema_wrong(s, path, "'%s' is said twice, and not the same", key);
	}
}

json_t *
schema_merge(struct schema *s, json_t *a, const char *without, json_t *b, const char *path)
{
	json_t *out;

	if (s->failed || says_nothing(a, without))
		return s->failed ? NULL : b;
	if (!json_is_object(b) && !json_is_true(b)) {
		schema_wrong(s, path, json_is_false(b) ? "no value is allowed" : "a schema is wanted, an object");
		return NULL;
	}
	for (size_t i = 0; i < s->n_merged; i++)
		if (s->merged[i].a == a && s->merged[i].b == b)
			return s->merged[i].both;
	if (mem_grow(&s->merged, &s->merged_cap, s->n_merged + 1, sizeof *s->merged) < 0 || !(out = json_copy(a)) ||
	    json_array_append_new(s->made, out) < 0) {
		s->failed = true;
		return NULL;
	}
	json_object_del(out, without);
	merge_into(s, out, b, path);
	s->merged[s->n_merged++] = (struct schema_merged){ a, b, out };
	return s->failed ? NULL : out;
}
