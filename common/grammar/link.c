/* What is done with the whole of a grammar: rules that begin with themselves are found, and ways made straight. */
#include <stdlib.h>

#include "base/mem.h"
#include "grammar/grammar_impl.h"

/* ---- left recursion ---- */

/*
 * From a rule's first node, everything that may come before its first character is looked at, and with each call on the way what
 * is called: depth first, without recursion here. A rule that is met again while it is being looked at begins with itself.
 */
enum colour { NEW, OPEN, DONE };

struct visit {
	uint32_t body; /* what is looked at */
	size_t base;   /* its nodes lie in todo from here on */
};

struct search {
	const struct grammar *g;
	uint8_t *colour;   /* of the body that begins with a node */
	bool *may_be_empty; /* the same */
	bool *seen;        /* nodes */
	struct visit *visit;
	size_t depth, visit_cap;
	uint32_t *todo;
	size_t n, todo_cap;
};

static int
look_at(struct search *s, uint32_t node)
{
	if (mem_grow(&s->todo, &s->todo_cap, s->n + 1, sizeof *s->todo) < 0)
		return -1;
	s->todo[s->n++] = node;
	return 0;
}

static int
begin(struct search *s, uint32_t body)
{
	if (mem_grow(&s->visit, &s->visit_cap, s->depth + 1, sizeof *s->visit) < 0)
		return -1;
	s->visit[s->depth++] = (struct visit){ body, s->n };
	s->colour[body] = OPEN;
	return look_at(s, body);
}

/* One node of the visit on top. 1: it calls what is being looked at. */
static int
step(struct search *s)
{
	uint32_t at = s->todo[--s->n];
	const struct node *n = &s->g->node[at];

	if (n->type == NODE_END) {
		s->may_be_empty[s->visit[s->depth - 1].body] = true;
		return 0;
	}
	if (s->seen[at])
		return 0;
	if (n->type == NODE_CALL && s->colour[n->call.body] != DONE) {
		if (s->colour[n->call.body] == OPEN)
			return 1;
		return look_at(s, at) < 0 ? -1 : begin(s, n->call.body);
	}
	s->seen[at] = true;
	switch (n->type) {
	case NODE_FORK: return look_at(s, n->other) < 0 ? -1 : look_at(s, n->next);
	case NODE_JOIN: return look_at(s, n->next);
	case NODE_CALL: return n->call.min == 0 || s->may_be_empty[n->call.body] ? look_at(s, n->next) : 0;
	default: return 0;
	}
}

static int
search_from(struct search *s, uint32_t body)
{
	int rc = s->colour[body] == NEW ? begin(s, body) : 0;

	while (rc == 0 && s->depth > 0) {
		struct visit *v = &s->visit[s->depth - 1];
		if (s->n > v->base) {
			rc = step(s);
		} else {
			s->colour[v->body] = DONE;
			s->depth--;
		}
	}
	return rc;
}

/* What no way from the root leads to is not looked at: it does no harm. */
int
grammar_left_recursion(const struct grammar *g, uint32_t *body)
{
	struct search s = { .g = g };
	int rc = -1;

	*body = 0;
	s.colour = mem_alloc(g->n_nodes, sizeof *s.colour);
	s.may_be_empty = mem_alloc(g->n_nodes, sizeof *s.may_be_empty);
	s.seen = mem_alloc(g->n_nodes, sizeof *s.seen);
	if (s.colour && s.may_be_empty && s.seen)
		rc = search_from(&s, g->root);
	if (rc == 1)
		*body = g->node[s.todo[s.n]].call.body;
	free(s.colour);
	free(s.may_be_empty);
	free(s.seen);
	free(s.visit);
	free(s.todo);
	return rc < 0 ? -1 : 0;
}

/* ---- joins ---- */

static uint32_t
behind_joins(const struct grammar *g, uint32_t node)
{
	while (g->node[node].type == NODE_JOIN)
		node = g->node[node].next;
	return node;
}

void
grammar_straighten(struct grammar *g)
{
	g->root = behind_joins(g, g->root);
	for (size_t i = 0; i < g->n_nodes; i++) {
		struct node *n = &g->node[i];
		n->next = behind_joins(g, n->next);
		if (n->type == NODE_FORK)
			n->other = behind_joins(g, n->other);
		if (n->type == NODE_CALL)
			n->call.body = behind_joins(g, n->call.body);
	}
}
