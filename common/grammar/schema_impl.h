/*
 * schema_impl.h: what the files that turn a schema into a grammar share.
 *
 * A schema for one type of value becomes a rule, once; what only leads to others ($ref, anyOf ...) is written where it stands, so that
 * no rule begins with another one that begins with it. Rules are written one after the other: where one is named first, it is put
 * into a queue. After a fault everything goes on and does nothing more; the first one stays.
 */
#ifndef MAI_GRAMMAR_SCHEMA_IMPL_H
#define MAI_GRAMMAR_SCHEMA_IMPL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "base/buf.h"
#include "grammar/grammar_impl.h"

struct schema;

/* A type of value. */
struct schema_kind {
	const char *name;            /* in a schema, and of the rule for all values of this type */
	const char *const *keywords; /* that say more; NULL: there are none */
	void (*put)(struct schema *s, const char *rule, json_t *schema, const char *path);
};

struct schema_rule {
	const struct schema_kind *kind;
	json_t *schema;
	const char *path; /* a JSON pointer */
};

struct schema {
	json_t *root;
	json_t *made; /* an array of what was made on the way and must stay: schemas, paths */
	struct buf *out;
	struct schema_rule *rule;
	size_t n_rules, rule_cap;
	struct schema_merged {
		json_t *a, *b, *both;
	} *merged;
	size_t n_merged, merged_cap;
	unsigned depth; /* of what leads to others */
	bool failed;
};

/* schema.c */
void schema_wrong(struct schema *s, const char *path, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void schema_put(struct schema *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void schema_put_literal(struct schema *s, const char *text, size_t n); /* in quotes */
void schema_put_value(struct schema *s, json_t *schema, const char *path); /* one element: a name or a group */
void schema_put_json(struct schema *s, json_t *value); /* a literal */
const char *schema_path(struct schema *s, const char *path, const char *key);
const char *schema_path_index(struct schema *s, const char *path, size_t i);

/* A whole number that is not negative; `missing` where there is none. */
uint64_t schema_count(struct schema *s, json_t *schema, const char *path, const char *key, uint64_t missing);

/* "{2,3}" and the like; GRAMMAR_NO_MAX: no end. */
void schema_put_counts(struct schema *s, uint64_t min, uint64_t max);

/*
 * schema_merge.c: what a, without one of its keywords, and b both say: b itself where a says nothing else. The same for the same a
 * and b. NULL after a fault.
 */
json_t *schema_merge(struct schema *s, json_t *a, const char *without, json_t *b, const char *path);
bool schema_is_note(const char *keyword); /* it says nothing about values */
bool schema_among(const char *const *list, const char *word); /* which ends with NULL and may be NULL */

/* A file each. They write a rule's line, and those of rules of their own, called RULE-something. */
void schema_put_object(struct schema *s, const char *rule, json_t *schema, const char *path);
void schema_put_array(struct schema *s, const char *rule, json_t *schema, const char *path);
void schema_put_string(struct schema *s, const char *rule, json_t *schema, const char *path);
void schema_put_integer(struct schema *s, const char *rule, json_t *schema, const char *path);
void schema_put_number(struct schema *s, const char *rule, json_t *schema, const char *path);

/* Writes what the text between the quotes of a string may be, whose pattern is n bytes. */
void schema_put_pattern(struct schema *s, const char *pattern, size_t n, const char *path);

#endif
