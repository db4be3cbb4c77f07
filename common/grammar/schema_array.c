#include "grammar/schema_impl.h"

/*
 * The first items have schemas of their own (prefixItems, or items as an array), the others one for all of them. An array that only
 * has the former has as many items, unless it says how many.
 */
struct array {
	json_t *first, *others; /* NULL: there are none */
	const char *first_path, *others_path;
	uint64_t n, min, max; /* n: of those that come first */
};

static bool
read_array(struct schema *s, struct array *a, json_t *schema, const char *path)
{
	json_t *items = json_object_get(schema, "items");

	a->first = json_object_get(schema, "prefixItems");
	a->first_path = schema_path(s, path, "prefixItems");
	a->others_path = schema_path(s, path, "items");
	if (!a->first && json_is_array(items)) {
		a->first = items;
		a->first_path = a->others_path;
		items = NULL;
	}
	if (a->first && !json_is_array(a->first))
		schema_wrong(s, a->first_path, "an array of schemas is wanted");
	a->n = json_array_size(a->first);
	a->min = schema_count(s, schema, path, "minItems", a->n);
	a->max = schema_count(s, schema, path, "maxItems", GRAMMAR_NO_MAX);
	a->others = json_is_false(items) ? NULL : items ? items : a->first && a->min <= a->n ? NULL : json_true();
	if (!a->others && a->max > a->n)
		a->max = a->n;
	if (a->min > a->max && !json_object_get(schema, "minItems"))
		a->min = a->max;
	if (a->min > a->max)
		schema_wrong(s, path, "the least number of items is above the largest");
	return !s->failed;
}

/* RULE-i: item i of the first ones and what follows; one behind the last of them: all others, of which none came yet. */
static void
put_item(struct schema *s, const char *rule, const struct array *a, uint64_t i)
{
	const char *comma = i > 0 ? "\",\" space " : "";
	uint64_t min = a->min > i ? a->min - i : 0, max = a->max == GRAMMAR_NO_MAX ? a->max : a->max - i;

	schema_put(s, "%s-%u ::= ", rule, (unsigned)i);
	if (max == 0) {
		schema_put(s, "\"\"");
	} else if (i < a->n) {
		schema_put(s, "(%s", comma);
		schema_put_value(s, json_array_get(a->first, i), schema_path_index(s, a->first_path, i));
		schema_put(s, " %s-%u)%s", rule, (unsigned)i + 1, min > 0 ? "" : "?");
	} else if (i > 0) {
		schema_put(s, "(%s%s-item)", comma, rule);
		schema_put_counts(s, min, max);
	} else {
		schema_put(s, "(%s-item (\",\" space %s-item)", rule, rule);
		schema_put_counts(s, min > 0 ? min - 1 : 0, max == GRAMMAR_NO_MAX ? max : max - 1);
		schema_put(s, ")%s", min > 0 ? "" : "?");
	}
	schema_put(s, "\n");
}

void
schema_put_array(struct schema *s, const char *rule, json_t *schema, const char *path)
{
	struct array a;

	if (!read_array(s, &a, schema, path))
		return;
	schema_put(s, "%s ::= \"[\" space %s-0 space \"]\"\n", rule, rule);
	for (uint64_t i = 0; i <= a.n && i <= a.max; i++)
		put_item(s, rule, &a, i);
	if (!a.others || a.max <= a.n)
		return;
	schema_put(s, "%s-item ::= ", rule);
	schema_put_value(s, a.others, a.others_path);
	schema_put(s, "\n");
}
