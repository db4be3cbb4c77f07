/* GBNF, read by a descent through its own grammar that makes nodes as it goes. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "grammar/grammar_impl.h"

/* For "%.*s". A rule's name is short enough for a message where it matters: gbnf_wrong cuts it. */
#define NAME(r, id) (int)texts_length(&(r)->names, id), (const char *)texts_at(&(r)->names, id)

int
gbnf_wrong(const struct reader *r, size_t at, const char *fmt, ...)
{
	size_t line = 1, column = 1;
	char what[256];
	va_list ap;

	for (size_t i = 0; i < at; i++) {
		if (r->text[i] == '\n') {
			line++;
			column = 1;
		} else if ((r->text[i] & 0xc0) != 0x80) {
			column++;
		}
	}
	va_start(ap, fmt);
	vsnprintf(what, sizeof what, fmt, ap);
	va_end(ap);
	return err_set(ERR_DATA, "line %zu, column %zu: %s", line, column, what);
}

/* ---- parts ---- */

int
gbnf_node(struct reader *r, struct node node, struct part *out)
{
	struct grammar *g = r->g;

	if (g->n_nodes == GRAMMAR_MAX_NODES)
		return gbnf_wrong(r, r->at, "more than %d elements", GRAMMAR_MAX_NODES);
	if (mem_grow(&g->node, &g->node_cap, g->n_nodes + 1, sizeof *g->node) < 0)
		return -1;
	out->first = out->last = (uint32_t)g->n_nodes;
	g->node[g->n_nodes++] = node;
	return 0;
}

void
gbnf_append(struct reader *r, struct part *p, struct part then)
{
	r->g->node[p->last].next = then.first;
	p->last = then.last;
}

static int
optional(struct reader *r, struct part *p)
{
	struct part join, fork;

	if (gbnf_node(r, (struct node){ .type = NODE_JOIN }, &join) < 0 ||
	    gbnf_node(r, (struct node){ .type = NODE_FORK, .other = p->first, .next = join.first }, &fork) < 0)
		return -1;
	gbnf_append(r, p, join);
	p->first = fork.first;
	return 0;
}

/* Again and again: a fork behind p leads back to it, or on. */
static int
loop(struct reader *r, struct part *p, bool at_least_once)
{
	struct part fork;

	if (gbnf_node(r, (struct node){ .type = NODE_FORK, .other = p->first }, &fork) < 0)
		return -1;
	gbnf_append(r, p, fork);
	if (!at_least_once)
		p->first = fork.first;
	return 0;
}

/* p, min to max times. */
static int
repeat(struct reader *r, struct part *p, uint32_t min, uint32_t max)
{
	if (max == 0)
		return gbnf_node(r, (struct node){ .type = NODE_JOIN }, p);
	if (max == 1)
		return min == 1 ? 0 : optional(r, p);
	if (max == GRAMMAR_NO_MAX && min <= 1)
		return loop(r, p, min == 1);
	r->g->node[p->last].next = 0;
	return gbnf_node(r, (struct node){ .type = NODE_CALL, .call = { p->first, min, max } }, p);
}

/* ---- text ---- */

/* Space and comments; with `lines` across the ends of lines. */
static void
skip_space(struct reader *r, bool lines)
{
	for (; r->at < r->n; r->at++) {
		char c = r->text[r->at];
		if (c == '#') {
			while (r->at + 1 < r->n && r->text[r->at + 1] != '\n' && r->text[r->at + 1] != '\r')
				r->at++;
		} else if (c != ' ' && c != '\t' && !(lines && (c == '\n' || c == '\r'))) {
			return;
		}
	}
}

/* {2} {2,} {,3} {2,3}, behind the brace. */
static int
read_counts(struct reader *r, bool lines, uint32_t *min, uint32_t *max)
{
	size_t from = r->at;

	*min = 0;
	skip_space(r, lines);
	if (gbnf_peek(r) != ',' && gbnf_number(r, GRAMMAR_MAX_REPEAT, min) < 0)
		return -1;
	*max = *min;
	skip_space(r, lines);
	if (gbnf_takes(r, ",")) {
		skip_space(r, lines);
		*max = GRAMMAR_NO_MAX;
		if (gbnf_peek(r) != '}' && gbnf_number(r, GRAMMAR_MAX_REPEAT, max) < 0)
			return -1;
		skip_space(r, lines);
	}
	if (!gbnf_takes(r, "}"))
		return gbnf_wrong(r, r->at, "'}' is wanted");
	return *min <= *max ? 0 : gbnf_wrong(r, from, "the least number of repetitions is above the largest");
}

/* Whether a repetition stands here, and of what counts. 1, 0 or -1. */
static int
read_repetition(struct reader *r, bool lines, uint32_t *min, uint32_t *max)
{
	*min = gbnf_peek(r) == '+';
	*max = gbnf_peek(r) == '?' ? 1 : GRAMMAR_NO_MAX;
	if (gbnf_takes(r, "*") || gbnf_takes(r, "+") || gbnf_takes(r, "?"))
		return 1;
	if (!gbnf_takes(r, "{"))
		return 0;
	return read_counts(r, lines, min, max) < 0 ? -1 : 1;
}

static int read_alternatives(struct reader *r, bool lines, struct part *out);

static int
read_group(struct reader *r, struct part *out)
{
	size_t from = r->at++;

	if (r->nesting == GRAMMAR_MAX_NESTING)
		return gbnf_wrong(r, from, "groups nested deeper than %d", GRAMMAR_MAX_NESTING);
	r->nesting++;
	skip_space(r, true);
	if (read_alternatives(r, true, out) < 0)
		return -1;
	r->nesting--;
	return gbnf_takes(r, ")") ? 1 : gbnf_wrong(r, r->at, "')' is wanted");
}

static int
read_sequence(struct reader *r, bool lines, struct part *out)
{
	struct part p;
	uint32_t min, max;
	int rc;

	if (gbnf_node(r, (struct node){ .type = NODE_JOIN }, out) < 0)
		return -1;
	while ((rc = gbnf_peek(r) == '(' ? read_group(r, &p) : gbnf_element(r, &p)) > 0) {
		skip_space(r, lines);
		while ((rc = read_repetition(r, lines, &min, &max)) > 0) {
			if (repeat(r, &p, min, max) < 0)
				return -1;
			skip_space(r, lines);
		}
		if (rc < 0)
			return -1;
		gbnf_append(r, out, p);
	}
	return rc;
}

/* `lines`: they may go on in another line, being within parentheses. */
static int
read_alternatives(struct reader *r, bool lines, struct part *out)
{
	struct part way, join, choice;

	if (read_sequence(r, lines, out) < 0 || gbnf_node(r, (struct node){ .type = NODE_JOIN }, &join) < 0)
		return -1;
	gbnf_append(r, out, join);
	while (gbnf_takes(r, "|")) {
		skip_space(r, true);
		if (read_sequence(r, lines, &way) < 0)
			return -1;
		gbnf_append(r, &way, join);
		if (gbnf_node(r, (struct node){ .type = NODE_FORK, .next = way.first, .other = out->first }, &choice) < 0)
			return -1;
		out->first = choice.first;
	}
	return 0;
}

static int
read_rule(struct reader *r)
{
	size_t from = r->at;
	uint32_t name;
	struct part p;

	if (gbnf_name(r, &name) < 0)
		return -1;
	if (r->rule[name].defined)
		return gbnf_wrong(r, from, "rule '%.*s' is defined a second time", NAME(r, name));
	skip_space(r, false);
	if (!gbnf_takes(r, "::="))
		return gbnf_wrong(r, r->at, "'::=' is wanted");
	skip_space(r, true);
	if (read_alternatives(r, false, &p) < 0)
		return -1;
	if (r->at < r->n && gbnf_peek(r) != '\n' && gbnf_peek(r) != '\r')
		return gbnf_wrong(r, r->at, "an element, '|' or the end of the line is wanted");
	r->rule[name].defined = true;
	r->rule[name].start = p.first;
	skip_space(r, true);
	return 0;
}

/* ---- the whole ---- */

/* Calls of rules by number become calls of nodes. */
static int
find_rules(struct reader *r)
{
	static const char root[] = "root";
	uint32_t id = lookup_find(&r->lookup, root, strlen(root));

	for (uint32_t i = 0; i < r->names.n; i++)
		if (!r->rule[i].defined)
			return gbnf_wrong(r, r->rule[i].used_at, "rule '%.*s' is not defined", NAME(r, i));
	if (id == LOOKUP_NONE)
		return err_set(ERR_DATA, "no rule is called '%s'", root);
	r->g->root = r->rule[id].start;
	for (size_t i = 0; i < r->g->n_nodes; i++) {
		struct node *n = &r->g->node[i];
		if (n->type == NODE_RULE)
			*n = (struct node){ .type = NODE_CALL, .next = n->next, .call = { r->rule[n->rule].start, 1, 1 } };
	}
	return 0;
}

static int
refuse_left_recursion(struct reader *r)
{
	uint32_t body;

	if (grammar_left_recursion(r->g, &body) < 0)
		return -1;
	for (uint32_t i = 0; body && i < r->names.n; i++)
		if (r->rule[i].start == body)
			return gbnf_wrong(r, r->rule[i].used_at, "rule '%.*s' begins with itself", NAME(r, i));
	return 0;
}

static int
read_text(struct reader *r)
{
	struct part end;
	size_t valid = utf8_valid(r->text, r->n);

	if (valid < r->n)
		return gbnf_wrong(r, valid, "not UTF-8");
	if (texts_init(&r->names, GRAMMAR_MAX_RULES) < 0 || lookup_init(&r->lookup, &r->names, GRAMMAR_MAX_RULES) < 0 ||
	    !(r->rule = mem_alloc(GRAMMAR_MAX_RULES, sizeof *r->rule)) ||
	    gbnf_node(r, (struct node){ .type = NODE_END }, &end) < 0)
		return -1;
	skip_space(r, true);
	while (r->at < r->n)
		if (read_rule(r) < 0)
			return -1;
	if (find_rules(r) < 0 || refuse_left_recursion(r) < 0)
		return -1;
	grammar_straighten(r->g);
	return 0;
}

struct grammar *
grammar_parse(const char *text, size_t n, const struct vocab *vocab)
{
	struct reader r = { .text = text, .n = n, .vocab = vocab };
	int rc;

	if (n > STREAM_MAX_GRAMMAR) {
		err_set(ERR_DATA, "a grammar of more than %d bytes", STREAM_MAX_GRAMMAR);
		return NULL;
	}
	if (!(r.g = mem_alloc(1, sizeof *r.g)))
		return NULL;
	rc = read_text(&r);
	free(r.class.range);
	free(r.rule);
	lookup_free(&r.lookup);
	texts_free(&r.names);
	if (rc < 0) {
		grammar_free(r.g);
		return NULL;
	}
	return r.g;
}

void
grammar_free(struct grammar *g)
{
	if (!g)
		return;
	free(g->node);
	free(g->range);
	free(g);
}
