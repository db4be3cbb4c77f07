#include "grammar/match.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "grammar/intern.h"
#include "text/utf8.h"

/* A way on. As part of a stack, the call it returns to: node is that call, count how often its body was done. */
struct way {
	uint32_t node, count;
	uint32_t parent; /* the way it returns to; 0, which is the end of the text: none */
	uint32_t depth;  /* of the stack behind it */
};
enum { WAY_WORDS = sizeof(struct way) / sizeof(uint32_t), END = 0 };

/* A state's key: the bytes of a character that has begun, and the ways, sorted. */
enum { PART, WAYS };

/* What is remembered of a step. Where two want the same place, the later one has it. */
struct edge {
	uint32_t from; /* MATCH_DEAD: nothing */
	uint8_t byte;
	uint32_t to;
	uint32_t work;
};
enum { EDGES = 1 << 16 };

/* The bytes that were tried from a state in this count. */
struct tried {
	uint64_t count, byte[4];
};

struct matcher {
	const struct grammar *grammar;
	struct intern ways, states;
	struct edge *edge;

	/* The state that is being made */
	uint32_t *mark; /* of a way: the last state that it was looked at for */
	size_t mark_cap;
	uint32_t making;
	uint32_t *todo; /* ways to look at */
	size_t n_todo, todo_cap;
	uint32_t *key;
	size_t n_key, key_cap;
	size_t seen;    /* ways looked at */

	/* What is counted */
	struct tried *tried; /* of a state */
	size_t tried_cap;
	uint64_t counts, work;
};

static struct way
way(const struct matcher *m, uint32_t id)
{
	struct way w;

	memcpy(&w, intern_key(&m->ways, id), sizeof w);
	return w;
}

/* What comes next on a way. */
static const struct node *
node_of(const struct matcher *m, uint32_t way_id)
{
	return &m->grammar->node[way(m, way_id).node];
}

static int
find_way(struct matcher *m, uint32_t node, uint32_t count, uint32_t parent, uint32_t depth, uint32_t *id)
{
	const uint32_t key[WAY_WORDS] = { node, count, parent, depth };
	size_t cap = m->mark_cap;

	if (intern(&m->ways, key, WAY_WORDS, id) < 0 || mem_grow(&m->mark, &m->mark_cap, m->ways.n, sizeof *m->mark) < 0)
		return -1;
	memset(m->mark + cap, 0, (m->mark_cap - cap) * sizeof *m->mark);
	return 0;
}

/* ---- making a state ---- */

static int
begin(struct matcher *m, uint32_t part)
{
	if (mem_grow(&m->key, &m->key_cap, WAYS, sizeof *m->key) < 0)
		return -1;
	if (++m->making == 0) { /* after 2^32 states */
		memset(m->mark, 0, m->mark_cap * sizeof *m->mark);
		m->making = 1;
	}
	m->key[PART] = part;
	m->n_key = WAYS;
	m->n_todo = 0;
	m->seen = 0;
	return 0;
}

static int
add(struct matcher *m, uint32_t way_id)
{
	if (mem_grow(&m->key, &m->key_cap, m->n_key + 1, sizeof *m->key) < 0)
		return -1;
	m->key[m->n_key++] = way_id;
	return 0;
}

/* Looks at a way once. */
static int
look_at(struct matcher *m, uint32_t way_id)
{
	if (m->mark[way_id] == m->making)
		return 0;
	m->mark[way_id] = m->making;
	m->seen++;
	if (mem_grow(&m->todo, &m->todo_cap, m->n_todo + 1, sizeof *m->todo) < 0)
		return -1;
	m->todo[m->n_todo++] = way_id;
	return 0;
}

static int
enter(struct matcher *m, uint32_t node, uint32_t parent, uint32_t depth)
{
	uint32_t id;

	return find_way(m, node, 0, parent, depth, &id) < 0 ? -1 : look_at(m, id);
}

/* A call whose body was done so often. */
static int
repeat(struct matcher *m, uint32_t node, uint32_t done, uint32_t parent, uint32_t depth)
{
	const struct node *n = &m->grammar->node[node];
	uint32_t call;

	if (done >= n->call.min && enter(m, n->next, parent, depth) < 0)
		return -1;
	if (done >= n->call.max)
		return 0;
	/* Nothing comes after it: it need not be returned to. So a list that is written as a recursion at its end needs no stack. */
	if (done + 1 == n->call.max && n->next == NODE_END)
		return enter(m, n->call.body, parent, depth);
	if (depth == MATCH_MAX_DEPTH)
		return 0;
	if (n->call.max == GRAMMAR_NO_MAX && done > n->call.min)
		done = n->call.min;
	return find_way(m, node, done, parent, depth, &call) < 0 ? -1 : enter(m, n->call.body, call, depth + 1);
}

static int
look(struct matcher *m, uint32_t way_id)
{
	struct way w = way(m, way_id), call;
	const struct node *n = &m->grammar->node[w.node];

	switch (n->type) {
	case NODE_END:
		if (w.parent == END)
			return add(m, END);
		call = way(m, w.parent);
		return repeat(m, call.node, call.count + 1, call.parent, call.depth);
	case NODE_FORK:
		return enter(m, n->other, w.parent, w.depth) < 0 ? -1 : enter(m, n->next, w.parent, w.depth);
	case NODE_CALL:
		return repeat(m, w.node, 0, w.parent, w.depth);
	default:
		return add(m, way_id);
	}
}

static int
compare(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* Looks at all ways, and those that lead to characters, to tokens and to the end are the state. */
static int
finish(struct matcher *m, uint32_t *state)
{
	while (m->n_todo > 0 && m->seen <= MATCH_MAX_WAYS)
		if (look(m, m->todo[--m->n_todo]) < 0)
			return -1;
	if (m->n_key == WAYS || m->seen > MATCH_MAX_WAYS) {
		*state = MATCH_DEAD;
		return 0;
	}
	qsort(m->key + WAYS, m->n_key - WAYS, sizeof *m->key, compare);
	return intern(&m->states, m->key, m->n_key, state);
}

/* ---- steps ---- */

static size_t
n_ways(const struct matcher *m, uint32_t state)
{
	return intern_words(&m->states, state) - WAYS;
}

static uint32_t
way_of(const struct matcher *m, uint32_t state, size_t i)
{
	return intern_key(&m->states, state)[WAYS + i];
}

static bool
meets(const struct grammar *g, const struct node *n, uint32_t first, uint32_t last)
{
	const struct range *r;
	size_t low = 0, high; /* of the first range that does not end before */

	if (n->type != NODE_CLASS)
		return false;
	r = g->range + n->class.first;
	high = n->class.n;
	while (low < high) {
		size_t middle = (low + high) / 2;
		if (r[middle].last < first)
			low = middle + 1;
		else
			high = middle;
	}
	return low < n->class.n && r[low].first <= last;
}

/* The ways that a character of first to last can take: behind it when it has ended, else they stay as they are. */
static int
take(struct matcher *m, uint32_t from, uint32_t first, uint32_t last, uint32_t part, uint32_t *to)
{
	size_t n = n_ways(m, from);

	if (begin(m, part) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		uint32_t id = way_of(m, from, i);
		struct way w = way(m, id);
		const struct node *node = &m->grammar->node[w.node];
		if (!meets(m->grammar, node, first, last))
			continue;
		if ((part ? add(m, id) : enter(m, node->next, w.parent, w.depth)) < 0)
			return -1;
	}
	return finish(m, to);
}

/* Bytes of a character that has not ended: up to three, the first lowest; none is 0. */
static uint32_t
part_bytes(uint32_t part, uint8_t *s)
{
	uint32_t n = 0;

	for (; part; part >>= 8)
		s[n++] = (uint8_t)part;
	return n;
}

static int
step(struct matcher *m, uint32_t from, uint8_t byte, uint32_t *to)
{
	static const uint32_t least[UTF8_MAX + 1] = { 0, 0, 0x80, 0x800, 0x10000 };
	uint32_t part = intern_key(&m->states, from)[PART], first, last;
	uint8_t s[UTF8_MAX];
	uint32_t n = part_bytes(part, s);

	s[n++] = byte;
	int k = utf8_step(s, n);
	if (k > 0) {
		first = utf8_code(s, n);
		return take(m, from, first, first, 0, to);
	}
	if (k < 0) {
		*to = MATCH_DEAD;
		return 0;
	}
	uint32_t bits = 6 * (utf8_length(s[0]) - n); /* that are still to come */
	first = utf8_code(s, n) << bits;
	last = first | ((1u << bits) - 1);
	if (first < least[utf8_length(s[0])])
		first = least[utf8_length(s[0])];
	return take(m, from, first, last, part | (uint32_t)byte << 8 * (n - 1), to);
}

/* Each step once in a count, whether it was remembered or not. */
static int
count(struct matcher *m, const struct edge *e)
{
	size_t cap = m->tried_cap;
	struct tried *t;

	if (mem_grow(&m->tried, &m->tried_cap, m->states.n, sizeof *m->tried) < 0)
		return -1;
	memset(m->tried + cap, 0, (m->tried_cap - cap) * sizeof *m->tried);
	t = &m->tried[e->from];
	if (t->count != m->counts)
		*t = (struct tried){ .count = m->counts };
	if (!(t->byte[e->byte / 64] >> e->byte % 64 & 1))
		m->work += e->work;
	t->byte[e->byte / 64] |= (uint64_t)1 << e->byte % 64;
	return 0;
}

void
matcher_count(struct matcher *m)
{
	m->counts++;
	m->work = 0;
}

uint64_t
matcher_work(const struct matcher *m)
{
	return m->work;
}

int
matcher_byte(struct matcher *m, uint32_t state, uint8_t byte, uint32_t *to)
{
	struct edge *e = &m->edge[(state * 0x9e3779b1u + byte * 0x85ebca6bu) >> 16 & (EDGES - 1)];

	if (state == MATCH_DEAD) {
		*to = MATCH_DEAD;
		return 0;
	}
	if (e->from != state || e->byte != byte) {
		m->seen = 0;
		if (step(m, state, byte, to) < 0)
			return -1;
		*e = (struct edge){ state, byte, *to, (uint32_t)(n_ways(m, state) + m->seen) }; /* each MATCH_MAX_WAYS and some at most */
	}
	*to = e->to;
	return count(m, e);
}

int
matcher_bytes(struct matcher *m, uint32_t state, const uint8_t *s, size_t n, uint32_t *to)
{
	*to = state;
	for (size_t i = 0; i < n; i++)
		if (matcher_byte(m, *to, s[i], to) < 0)
			return -1;
	return 0;
}

int
matcher_token(struct matcher *m, uint32_t state, uint32_t token, uint32_t *to)
{
	size_t n = n_ways(m, state);

	if (begin(m, 0) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		struct way w = way(m, way_of(m, state, i));
		const struct node *node = &m->grammar->node[w.node];
		bool takes = (node->type == NODE_TOKEN && node->token == token) || (node->type == NODE_NOT_TOKEN && node->token != token);
		if (takes && enter(m, node->next, w.parent, w.depth) < 0)
			return -1;
	}
	return finish(m, to);
}

void
matcher_names(const struct matcher *m, uint32_t state, void (*names)(void *arg, uint32_t token, bool but), void *arg)
{
	for (size_t i = 0; i < n_ways(m, state); i++) {
		const struct node *n = node_of(m, way_of(m, state, i));
		if (n->type == NODE_TOKEN || n->type == NODE_NOT_TOKEN)
			names(arg, n->token, n->type == NODE_NOT_TOKEN);
	}
}

int
matcher_either(struct matcher *m, uint32_t a, uint32_t b, uint32_t *to)
{
	size_t n = n_ways(m, a), all = n + (intern_key(&m->states, b)[PART] ? 0 : n_ways(m, b));

	if (begin(m, 0) < 0)
		return -1;
	for (size_t i = 0; i < all; i++)
		if (look_at(m, i < n ? way_of(m, a, i) : way_of(m, b, i - n)) < 0)
			return -1;
	return finish(m, to);
}

int
matcher_start(struct matcher *m, uint32_t *state)
{
	return begin(m, 0) < 0 || enter(m, m->grammar->root, END, 0) < 0 ? -1 : finish(m, state);
}

bool
matcher_ends(const struct matcher *m, uint32_t state)
{
	return n_ways(m, state) > 0 && way_of(m, state, 0) == END;
}

/* ---- memory ---- */

size_t
matcher_memory(const struct matcher *m)
{
	return (m->ways.n_words + m->states.n_words) * sizeof(uint32_t);
}

/* The first way is the end, the first state the dead one. */
int
matcher_forget(struct matcher *m)
{
	static const uint32_t no_ways[WAYS] = { 0 };
	uint32_t id;

	intern_clear(&m->ways);
	intern_clear(&m->states);
	memset(m->edge, 0, EDGES * sizeof *m->edge);
	return find_way(m, NODE_END, 0, END, 0, &id) < 0 ? -1 : intern(&m->states, no_ways, WAYS, &id);
}

struct matcher *
matcher_new(const struct grammar *g)
{
	struct matcher *m = mem_alloc(1, sizeof *m);

	if (!m)
		return NULL;
	m->grammar = g;
	if (!(m->edge = mem_alloc(EDGES, sizeof *m->edge)) || matcher_forget(m) < 0) {
		matcher_free(m);
		return NULL;
	}
	return m;
}

void
matcher_free(struct matcher *m)
{
	if (!m)
		return;
	intern_free(&m->ways);
	intern_free(&m->states);
	free(m->edge);
	free(m->tried);
	free(m->mark);
	free(m->todo);
	free(m->key);
	free(m);
}
