/* grammar_impl.h: what the files that read a grammar share. */
#ifndef MAI_GRAMMAR_GRAMMAR_IMPL_H
#define MAI_GRAMMAR_GRAMMAR_IMPL_H

#include <stdbool.h>

#include "grammar/grammar.h"
#include "text/lookup.h"

/* ---- class.c: a character class that is being read; zeroed, empty ---- */

struct class {
	struct range *range;
	size_t n, cap;
};

int class_add(struct class *c, uint32_t first, uint32_t last); /* 0 or -1 */

/* Its ranges, or with `inverted` all others, become g's. *n is 0 when no character is left. 0 or -1. The class is empty then. */
int class_store(struct class *c, bool inverted, struct grammar *g, uint32_t *first, uint32_t *n);

/* ---- gbnf.c: the text ---- */

/* What is known of a name. */
struct rule {
	size_t used_at; /* where the text names it first */
	bool defined;
	uint32_t start;
};

struct reader {
	const char *text; /* well-formed UTF-8 */
	size_t n, at;
	const struct vocab *vocab;
	struct grammar *g;
	struct texts names;
	struct lookup lookup;
	struct rule *rule; /* of each name */
	struct class class;
	unsigned nesting;
};

/* A part of a way: it begins with node `first`, and what follows is to become `next` of node `last`. */
struct part {
	uint32_t first, last;
};

/* Sets the reason, with line and column of offset `at`. Returns -1. */
int gbnf_wrong(const struct reader *r, size_t at, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* A part of one new node. 0 or -1. */
int gbnf_node(struct reader *r, struct node node, struct part *out);
void gbnf_append(struct reader *r, struct part *p, struct part then);

/* ---- gbnf_element.c: what stands between spaces ---- */

char gbnf_peek(const struct reader *r); /* NUL at the end */
bool gbnf_takes(struct reader *r, const char *what); /* when it stands here, goes behind it */
int gbnf_number(struct reader *r, uint32_t limit, uint32_t *out);
int gbnf_name(struct reader *r, uint32_t *rule);

/* An element that is no group. 1; 0: none begins here; -1. */
int gbnf_element(struct reader *r, struct part *out);

/* ---- link.c: the whole ---- */

/* Takes the joins out of the ways. */
void grammar_straighten(struct grammar *g);

/* *body: what begins with a call of itself; 0: nothing does. 0 or -1. */
int grammar_left_recursion(const struct grammar *g, uint32_t *body);

#endif
