#include "grammar/schema.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "grammar/schema_impl.h"

enum { MAX_LEADS = 64 }; /* schemas that lead to others, one within the other */

/* What every grammar has: space, and all values of each type. A string's characters are as JSON has them, pairs of surrogates whole. */
static const char common[] =
	"space ::= \" \"? | \"\\n\" [ \\t]{0,20}\n"
	"hex ::= [0-9a-fA-F]\n"
	"unit ::= [0-9abcefABCEF] hex{3} | [dD] ([0-7] hex{2} | [89abAB] hex{2} \"\\\\u\" [dD] [c-fC-F] hex{2})\n"
	"char ::= [^\"\\\\\\x00-\\x1f\\x7f] | \"\\\\\" ([\"\\\\/bfnrt] | \"u\" unit)\n"
	"string ::= \"\\\"\" char* \"\\\"\"\n"
	"integer ::= \"0\" | \"-\"? [1-9] [0-9]{0,15}\n"
	"number ::= \"-\"? (\"0\" | [1-9] [0-9]{0,15}) (\".\" [0-9]{1,16})? ([eE] [-+]? [0-9]{1,2})?\n"
	"boolean ::= \"true\" | \"false\"\n"
	"null ::= \"null\"\n"
	"member ::= string space \":\" space value\n"
	"object ::= \"{\" space (member (\",\" space member)*)? space \"}\"\n"
	"array ::= \"[\" space (value (\",\" space value)*)? space \"]\"\n"
	"value ::= object | array | string | number | boolean | null\n"
	"year ::= [1-9] [0-9]{3}\n"
	"leap ::= [1-9] [0-9] (\"0\" [48] | [2468] [048] | [13579] [26]) | ([2468] [048] | [13579] [26]) \"00\"\n"
	"day ::= \"0\" [1-9] | \"1\" [0-9] | \"2\" [0-8]\n"
	"date ::= year \"-\" (\"02-\" day | (\"0\" [469] | \"11\") \"-\" (day | \"29\" | \"30\") |"
	" (\"0\" [13578] | \"1\" [02]) \"-\" (day | \"29\" | \"30\" | \"31\")) | leap \"-02-29\"\n"
	"hour ::= [01] [0-9] | \"2\" [0-3]\n"
	"time ::= hour \":\" [0-5] [0-9] \":\" [0-5] [0-9] (\".\" [0-9]{3})? (\"Z\" | [+-] hour \":\" [0-5] [0-9])\n"
	"uuid ::= hex{8} \"-\" (hex{4} \"-\"){3} hex{12}\n";

static void put_values(struct schema *s, const char *rule, json_t *schema, const char *path);

static const char *const object_keywords[] = { "properties", "required", "additionalProperties", NULL };
static const char *const array_keywords[] = { "items", "prefixItems", "minItems", "maxItems", NULL };
static const char *const string_keywords[] = { "minLength", "maxLength", "pattern", "format", NULL };
static const char *const number_keywords[] = { "minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum", NULL };

static const struct schema_kind kinds[] = {
	{ "object", object_keywords, schema_put_object },
	{ "array", array_keywords, schema_put_array },
	{ "string", string_keywords, schema_put_string },
	{ "number", number_keywords, schema_put_number },
	{ "integer", number_keywords, schema_put_integer },
	{ "boolean", NULL, NULL },
	{ "null", NULL, NULL },
};
enum { KINDS = sizeof kinds / sizeof *kinds, INTEGER = 4 };

/* Some values and no others. */
static const struct schema_kind listed = { "enum", NULL, put_values };

/* ---- faults and paths ---- */

void
schema_wrong(struct schema *s, const char *path, const char *fmt, ...)
{
	char what[256];
	va_list ap;

	if (s->failed)
		return;
	s->failed = true;
	va_start(ap, fmt);
	vsnprintf(what, sizeof what, fmt, ap);
	va_end(ap);
	err_set(ERR_DATA, "#%s: %s", path, what);
}

/* Keeps what was made until the end. */
static const char *
keep_path(struct schema *s, json_t *path)
{
	if (!path || json_array_append_new(s->made, path) < 0) {
		s->failed = true;
		err_set(ERR_SYSTEM, "out of memory");
		return "";
	}
	return json_string_value(path);
}

const char *
schema_path(struct schema *s, const char *path, const char *key)
{
	return keep_path(s, json_sprintf("%s/%s", path, key));
}

const char *
schema_path_index(struct schema *s, const char *path, size_t i)
{
	return keep_path(s, json_sprintf("%s/%zu", path, i));
}

uint64_t
schema_count(struct schema *s, json_t *schema, const char *path, const char *key, uint64_t missing)
{
	json_t *v = json_object_get(schema, key);
	double d = json_number_value(v);

	if (!v)
		return missing;
	if (json_is_number(v) && d >= 0 && d <= GRAMMAR_MAX_REPEAT && d == (double)(uint64_t)d)
		return (uint64_t)d;
	schema_wrong(s, schema_path(s, path, key), "a whole number from 0 to %d is wanted", GRAMMAR_MAX_REPEAT);
	return missing;
}

/* ---- writing ---- */

void
schema_put(struct schema *s, const char *fmt, ...)
{
	char text[512];
	va_list ap;
	int n;

	if (s->failed)
		return;
	va_start(ap, fmt);
	n = vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	if (s->out->len + (size_t)n + sizeof common > STREAM_MAX_GRAMMAR)
		schema_wrong(s, "", "the grammar of this schema has more than %d bytes", STREAM_MAX_GRAMMAR);
	else if (buf_add(s->out, text, (size_t)n) < 0)
		s->failed = true;
}

void
schema_put_literal(struct schema *s, const char *text, size_t n)
{
	schema_put(s, "\"");
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)text[i];
		if (c < 0x20 || c == 0x7f)
			schema_put(s, "\\x%02x", c);
		else
			schema_put(s, "%s%c", c == '"' || c == '\\' ? "\\" : "", c);
	}
	schema_put(s, "\"");
}

/* Numbers with as many digits as it takes to read the same ones again. */
void
schema_put_json(struct schema *s, json_t *value)
{
	for (unsigned digits = 15; digits <= 17; digits++) {
		char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(digits));
		json_t *again = text ? json_loads(text, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL) : NULL;
		bool same = again && json_equal(again, value);
		if (same || digits == 17)
			schema_put_literal(s, text ? text : "", text ? strlen(text) : 0);
		json_decref(again);
		free(text);
		if (same)
			return;
	}
}

void
schema_put_counts(struct schema *s, uint64_t min, uint64_t max)
{
	if (max == GRAMMAR_NO_MAX)
		schema_put(s, "{%u,}", (unsigned)min);
	else
		schema_put(s, "{%u,%u}", (unsigned)min, (unsigned)max);
}

/* ---- schemas that lead to others ---- */

/* One step of a JSON pointer, which begins at *at with a slash. */
static json_t *
follow(json_t *from, const char **at)
{
	char key[256], *end;
	size_t n = 0, i;
	const char *c = *at + 1;

	for (; *c && *c != '/' && n < sizeof key - 1; c++) {
		bool escaped = *c == '~' && (c[1] == '0' || c[1] == '1');
		key[n++] = escaped ? "~/"[c[1] - '0'] : *c;
		c += escaped;
	}
	key[n] = '\0';
	*at = c;
	if (!json_is_array(from))
		return json_object_get(from, key);
	i = strtoul(key, &end, 10);
	return *end ? NULL : json_array_get(from, i);
}

static json_t *
find_ref(struct schema *s, json_t *ref, const char *path)
{
	const char *text = json_string_value(ref), *at;
	json_t *to = s->root;

	if (!text || text[0] != '#' || (text[1] && text[1] != '/')) {
		schema_wrong(s, path, "'%s' is not within this schema, as '#/...' is", text ? text : "");
		return NULL;
	}
	for (at = text + 1; to && *at == '/';)
		to = follow(to, &at);
	if (!to || *at)
		schema_wrong(s, path, "'%s' leads nowhere", text);
	return to;
}

static json_t *flatten(struct schema *s, json_t *schema, const char **path);

static json_t *
flatten_ref(struct schema *s, json_t *schema, json_t *ref, const char **path)
{
	const char *at = schema_path(s, *path, "$ref");
	json_t *to = find_ref(s, ref, at);

	if (!to || !(schema = schema_merge(s, schema, "$ref", to, at)))
		return NULL;
	if (schema == to)
		*path = json_string_value(ref) + 1;
	return flatten(s, schema, path);
}

static json_t *
flatten_all(struct schema *s, json_t *schema, json_t *all, const char *path)
{
	const char *at = schema_path(s, path, "allOf"), *here;
	json_t *part;
	size_t i;

	if (json_array_size(all) == 0)
		schema_wrong(s, at, "an array of schemas is wanted");
	json_array_foreach(all, i, part) {
		here = schema_path_index(s, at, i);
		if (!(part = flatten(s, part, &here)) || !(schema = schema_merge(s, schema, i == 0 ? "allOf" : "", part, here)))
			return NULL;
	}
	return schema;
}

/* A schema without $ref and allOf that says the same, and where it stands. NULL after a fault. */
static json_t *
flatten(struct schema *s, json_t *schema, const char **path)
{
	json_t *ref = json_object_get(schema, "$ref"), *all = json_object_get(schema, "allOf");

	if (++s->depth > MAX_LEADS)
		schema_wrong(s, *path, "this leads to itself, or to more than %d others in turn", MAX_LEADS);
	else if (ref)
		schema = flatten_ref(s, schema, ref, path);
	else if (all)
		schema = flatten_all(s, schema, all, *path);
	s->depth--;
	return s->failed ? NULL : schema;
}

/* One of several: what stands beside them holds for each. */
static void
put_any(struct schema *s, json_t *schema, const char *keyword, const char *path)
{
	const char *at = schema_path(s, path, keyword), *here;
	json_t *any = json_object_get(schema, keyword), *one;
	size_t i;

	if (json_array_size(any) == 0)
		schema_wrong(s, at, "an array of schemas is wanted");
	schema_put(s, "(");
	json_array_foreach(any, i, one) {
		here = schema_path_index(s, at, i);
		if (!(one = flatten(s, one, &here)) || !(one = schema_merge(s, schema, keyword, one, here)))
			return;
		schema_put(s, "%s", i ? " | " : "");
		schema_put_value(s, one, here);
	}
	schema_put(s, ")");
}

/* ---- types ---- */

static bool
says(json_t *schema, const struct schema_kind *k)
{
	for (size_t i = 0; k->keywords && k->keywords[i]; i++)
		if (json_object_get(schema, k->keywords[i]))
			return true;
	return false;
}

static void
check_keywords(struct schema *s, json_t *schema, const char *path)
{
	const char *key;
	json_t *value;

	json_object_foreach(schema, key, value) {
		bool known = schema_is_note(key) || strcmp(key, "type") == 0 || strcmp(key, "enum") == 0 || strcmp(key, "const") == 0;
		for (size_t i = 0; i < KINDS && !known; i++)
			known = schema_among(kinds[i].keywords, key);
		if (!known && !(strcmp(key, "uniqueItems") == 0 && json_is_false(value)))
			schema_wrong(s, schema_path(s, path, key), "this keyword is not supported");
	}
}

/* Whether the values may be of this type. One that is not named is guessed from what the schema says of it. */
static bool
has_type(json_t *schema, const struct schema_kind *k)
{
	json_t *type = json_object_get(schema, "type"), *one;
	size_t i;

	if (json_is_string(type))
		return strcmp(json_string_value(type), k->name) == 0;
	json_array_foreach(type, i, one)
		if (json_is_string(one) && strcmp(json_string_value(one), k->name) == 0)
			return true;
	return !type && k != &kinds[INTEGER] && says(schema, k);
}

/* The name of the rule for values of one type; a new rule if there is none yet. */
static void
put_rule(struct schema *s, const struct schema_kind *k, json_t *schema, const char *path)
{
	size_t i = 0;

	while (i < s->n_rules && (s->rule[i].kind != k || s->rule[i].schema != schema))
		i++;
	if (i == s->n_rules) {
		if (mem_grow(&s->rule, &s->rule_cap, i + 1, sizeof *s->rule) < 0) {
			s->failed = true;
			return;
		}
		s->rule[s->n_rules++] = (struct schema_rule){ k, schema, path };
	}
	schema_put(s, "%s-%zu", k->name, i);
}

static void
put_types(struct schema *s, json_t *schema, const char *path)
{
	bool any = false;

	schema_put(s, "(");
	for (size_t i = 0; i < KINDS; i++) {
		const struct schema_kind *k = &kinds[i];
		if (!has_type(schema, k))
			continue;
		schema_put(s, "%s", any ? " | " : "");
		if (says(schema, k))
			put_rule(s, k, schema, path);
		else
			schema_put(s, "%s", k->name);
		any = true;
	}
	if (!any && json_object_get(schema, "type"))
		schema_wrong(s, schema_path(s, path, "type"), "no type that is known");
	schema_put(s, "%s)", any ? "" : "value");
}

static void
put_plain(struct schema *s, json_t *schema, const char *path)
{
	check_keywords(s, schema, path);
	if (json_object_get(schema, "enum") || json_object_get(schema, "const"))
		put_rule(s, &listed, schema, path);
	else
		put_types(s, schema, path);
}

void
schema_put_value(struct schema *s, json_t *schema, const char *path)
{
	if (!(schema = flatten(s, schema, &path)))
		return;
	if (++s->depth > MAX_LEADS)
		schema_wrong(s, path, "this leads to itself, or to more than %d others in turn", MAX_LEADS);
	else if (json_is_true(schema))
		schema_put(s, "value");
	else if (!json_is_object(schema))
		schema_wrong(s, path, json_is_false(schema) ? "no value is allowed" : "a schema is wanted, an object");
	else if (json_object_get(schema, "anyOf"))
		put_any(s, schema, "anyOf", path);
	else if (json_object_get(schema, "oneOf"))
		put_any(s, schema, "oneOf", path);
	else
		put_plain(s, schema, path);
	s->depth--;
}

/* ---- values that are listed ---- */

static const char *
type_of(json_t *v)
{
	static const char *const names[] = { [JSON_OBJECT] = "object", [JSON_ARRAY] = "array", [JSON_STRING] = "string",
		[JSON_INTEGER] = "integer", [JSON_REAL] = "number", [JSON_TRUE] = "boolean", [JSON_FALSE] = "boolean", [JSON_NULL] = "null" };

	return names[json_typeof(v)];
}

static bool
value_fits(json_t *schema, json_t *v)
{
	json_t *only = json_object_get(schema, "const");

	if (only && !json_equal(only, v))
		return false;
	if (!json_object_get(schema, "type"))
		return true;
	for (size_t i = 0; i < KINDS; i++)
		if (has_type(schema, &kinds[i]) && (strcmp(kinds[i].name, type_of(v)) == 0 || (json_is_integer(v) && strcmp(kinds[i].name, "number") == 0)))
			return true;
	return false;
}

static void
put_values(struct schema *s, const char *rule, json_t *schema, const char *path)
{
	json_t *values = json_object_get(schema, "enum"), *only = json_object_get(schema, "const"), *v;
	bool any = false;
	size_t i;

	for (size_t k = 0; k < KINDS; k++)
		if (says(schema, &kinds[k]))
			schema_wrong(s, path, "what else enum and const are to comply with is not looked at: only type may stand beside them");
	schema_put(s, "%s ::= ", rule);
	if (values) {
		json_array_foreach(values, i, v) {
			if (!value_fits(schema, v))
				continue;
			schema_put(s, "%s", any ? " | " : "");
			schema_put_json(s, v);
			any = true;
		}
	} else if ((any = value_fits(schema, only))) {
		schema_put_json(s, only);
	}
	if (!any)
		schema_wrong(s, path, "none of the values is allowed");
	schema_put(s, "\n");
}

/* ---- the whole ---- */

static void
put_rules(struct schema *s)
{
	bool everything = json_is_object(s->root) && json_object_size(s->root) == 0;

	schema_put(s, "root ::= ");
	if (everything) /* as in llama.cpp: any object */
		schema_put(s, "object");
	else
		schema_put_value(s, s->root, "");
	schema_put(s, "\n");
	for (size_t i = 0; i < s->n_rules && !s->failed; i++) {
		struct schema_rule r = s->rule[i];
		char name[32];
		snprintf(name, sizeof name, "%s-%zu", r.kind->name, i);
		r.kind->put(s, name, r.schema, r.path);
	}
	if (!s->failed && buf_add(s->out, common, sizeof common - 1) < 0)
		s->failed = true;
}

int
schema_to_grammar(const char *text, size_t n, struct buf *out)
{
	struct schema s = { .out = out };
	json_error_t e;

	s.root = json_loadb(text, n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &e);
	if (!s.root)
		return err_set(ERR_DATA, "line %d, column %d: no JSON: %s", e.line, e.column, e.text);
	if (!(s.made = json_array())) {
		json_decref(s.root);
		return err_set(ERR_SYSTEM, "out of memory");
	}
	put_rules(&s);
	free(s.merged);
	free(s.rule);
	json_decref(s.made);
	json_decref(s.root);
	return s.failed ? -1 : 0;
}
