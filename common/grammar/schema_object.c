#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "grammar/schema_impl.h"
#include "text/utf8.h"

/* ---- members that have no name of their own ---- */

enum { MAX_KEY = 200 }; /* bytes, of a name that others must not be: groups nest so deep */

/* The names are sorted, and those from `from` to `to` begin with the same `at` bytes. */
struct names {
	const char **name;
	size_t from, to, at;
};

static int
compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Bytes of the character of a name at that place; 0: the name ends there, or the character would be escaped, which no other name is there. */
static size_t
character(const char *name, size_t at)
{
	unsigned char c = (unsigned char)name[at];

	return c < 0x20 || c == '"' || c == '\\' || c == 0x7f ? 0 : utf8_length(c);
}

static void
put_character(struct schema *s, const char *c, size_t n)
{
	if (n == 1 && strchr("[]-^", *c))
		schema_put(s, "\\x%02x", (unsigned char)*c);
	else
		schema_put(s, "%.*s", (int)n, c);
}

/* The rest of a name that is none of these, with the quote behind it. */
static void
put_other_names(struct schema *s, struct names n, const char *path)
{
	size_t i = n.from, length;

	if (n.at > MAX_KEY)
		schema_wrong(s, path, "a name of more than %d bytes beside additionalProperties", MAX_KEY);
	schema_put(s, "(");
	for (size_t end; i < n.to; i = end) {
		length = character(n.name[i], n.at);
		for (end = i + 1; end < n.to && length > 0 && strncmp(n.name[i] + n.at, n.name[end] + n.at, length) == 0;)
			end++;
		if (length == 0)
			continue;
		schema_put(s, "[");
		put_character(s, n.name[i] + n.at, length);
		schema_put(s, "] ");
		put_other_names(s, (struct names){ n.name, i, end, n.at + length }, path);
		schema_put(s, " | ");
	}
	schema_put(s, "[^\"\\\\\\x00-\\x1f\\x7f");
	for (i = n.from; i < n.to; i++)
		if ((length = character(n.name[i], n.at)) > 0)
			put_character(s, n.name[i] + n.at, length);
	schema_put(s, "] char* \"\\\"\"%s)", n.name[n.from][n.at] ? " | \"\\\"\"" : "");
}

/* ---- members with a name ---- */

struct member {
	const char *name;
	json_t *schema;
	const char *path;
	bool required;
};

struct object {
	struct member *member;
	size_t n, cap;
	json_t *others; /* the schema of members without a name of their own; NULL: there are none */
	const char *path;
};

static bool
is_required(json_t *schema, const char *name)
{
	json_t *list = json_object_get(schema, "required"), *v;
	size_t i;

	json_array_foreach(list, i, v)
		if (json_is_string(v) && strcmp(json_string_value(v), name) == 0)
			return true;
	return false;
}

static void
add_member(struct schema *s, struct object *o, struct member m)
{
	if (mem_grow(&o->member, &o->cap, o->n + 1, sizeof *o->member) < 0)
		s->failed = true;
	else
		o->member[o->n++] = m;
}

/* Those that are required but not described may be anything, if there may be such. */
static void
add_undescribed(struct schema *s, struct object *o, json_t *schema)
{
	json_t *list = json_object_get(schema, "required"), *closed = json_object_get(schema, "additionalProperties"), *v;
	size_t i;

	json_array_foreach(list, i, v) {
		const char *name = json_string_value(v), *path = schema_path(s, o->path, "required");
		bool known = false;
		for (size_t k = 0; name && k < o->n && !known; k++)
			known = strcmp(o->member[k].name, name) == 0;
		if (!name)
			schema_wrong(s, path, "names are wanted");
		else if (!known && json_is_false(closed))
			schema_wrong(s, path, "'%s' is none of the properties, and no others are allowed", name);
		if (name && !known)
			add_member(s, o, (struct member){ name, closed ? closed : json_true(), path, true });
	}
}

static void
read_members(struct schema *s, struct object *o, json_t *schema)
{
	json_t *properties = json_object_get(schema, "properties"), *v;
	const char *at = schema_path(s, o->path, "properties"), *name;

	if (properties && !json_is_object(properties))
		schema_wrong(s, at, "an object is wanted");
	json_object_foreach(properties, name, v)
		add_member(s, o, (struct member){ name, v, schema_path(s, at, name), is_required(schema, name) });
	add_undescribed(s, o, schema);
	o->others = json_object_get(schema, "additionalProperties");
	if (!o->others && !properties)
		o->others = json_true();
	if (json_is_false(o->others))
		o->others = NULL;
}

/* ---- the rules ---- */

/* RULE-name: a member without a name of its own. */
static void
put_others(struct schema *s, const char *rule, const struct object *o)
{
	struct names names = { .to = o->n };

	if (!o->others)
		return;
	schema_put(s, "%s-other ::= ", rule);
	if (o->n == 0) {
		schema_put(s, "string");
	} else if ((names.name = mem_alloc(o->n, sizeof *names.name))) {
		for (size_t i = 0; i < o->n; i++)
			names.name[i] = o->member[i].name;
		qsort(names.name, o->n, sizeof *names.name, compare);
		schema_put(s, "\"\\\"\" ");
		put_other_names(s, names, o->path);
		free(names.name);
	} else {
		s->failed = true;
	}
	schema_put(s, " space \":\" space ");
	schema_put_value(s, o->others, schema_path(s, o->path, "additionalProperties"));
	schema_put(s, "\n");
}

/* RULE-k-i: member i. */
static void
put_member(struct schema *s, const char *rule, const struct object *o, size_t i)
{
	json_t *name = json_string(o->member[i].name);

	schema_put(s, "%s-k-%zu ::= ", rule, i);
	schema_put_json(s, name);
	json_decref(name);
	schema_put(s, " space \":\" space ");
	schema_put_value(s, o->member[i].schema, o->member[i].path);
	schema_put(s, "\n");
}

/* RULE-i: what may follow some member before the i-th. */
static void
put_rest(struct schema *s, const char *rule, const struct object *o, size_t i)
{
	schema_put(s, "%s-%zu ::= ", rule, i);
	if (i < o->n)
		schema_put(s, "(\",\" space %s-k-%zu)%s %s-%zu", rule, i, o->member[i].required ? "" : "?", rule, i + 1);
	else if (o->others)
		schema_put(s, "(\",\" space %s-other)*", rule);
	else
		schema_put(s, "\"\"");
	schema_put(s, "\n");
}

/* RULE: the first member is one of those up to the first that is required. */
static void
put_first(struct schema *s, const char *rule, const struct object *o)
{
	bool required = false;
	size_t i;

	schema_put(s, "%s ::= \"{\" space (", rule);
	for (i = 0; i < o->n && !required; i++) {
		required = o->member[i].required;
		schema_put(s, "%s%s-k-%zu %s-%zu", i ? " | " : "", rule, i, rule, i + 1);
	}
	if (!required && o->others)
		schema_put(s, "%s%s-other %s-%zu", i ? " | " : "", rule, rule, o->n);
	schema_put(s, ")%s space \"}\"\n", required ? "" : "?");
}

void
schema_put_object(struct schema *s, const char *rule, json_t *schema, const char *path)
{
	struct object o = { .path = path };

	read_members(s, &o, schema);
	put_first(s, rule, &o);
	for (size_t i = 0; i < o.n; i++)
		put_member(s, rule, &o, i);
	for (size_t i = o.n > 0; i <= o.n; i++)
		put_rest(s, rule, &o, i);
	put_others(s, rule, &o);
	free(o.member);
}
