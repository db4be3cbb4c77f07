#include "grammar/constraint.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "grammar/grammar.h"
#include "grammar/match.h"

/* What is remembered takes at most so many bytes before it is forgotten. What one call needs may go beyond it. */
enum { REMEMBERED = 16 << 20 };

struct constraint {
	const struct vocab *vocab;
	const struct order *order;
	uint32_t *end;   /* the tokens that end a sequence */
	size_t n_ends, end_cap;
	struct grammar *grammar;
	struct matcher *matcher;
	uint64_t time;   /* how often it has begun to remember */
	uint32_t *path;  /* the states after each byte of a piece */
	size_t words;    /* of a mask */
	struct mask {
		uint64_t *bits; /* NULL: not known */
		bool any;
	} *mask;         /* of a state */
	size_t mask_cap, n_masks;
};

static int
find_ends(struct constraint *c)
{
	for (uint32_t id = 0; id < vocab_size(c->vocab); id++) {
		if (!vocab_is_eog(c->vocab, id))
			continue;
		if (mem_grow(&c->end, &c->end_cap, c->n_ends + 1, sizeof *c->end) < 0)
			return -1;
		c->end[c->n_ends++] = id;
	}
	return 0;
}

struct constraint *
constraint_new(const char *text, size_t n, const struct order *order, bool ends)
{
	struct constraint *c = mem_alloc(1, sizeof *c);

	if (!c)
		return NULL;
	c->vocab = order->vocab;
	c->order = order;
	c->time = 1;
	c->words = ((size_t)vocab_size(c->vocab) + 63) / 64;
	c->path = mem_alloc(order->longest + 1, sizeof *c->path);
	if (!c->path || (ends && find_ends(c) < 0) || !(c->grammar = grammar_parse(text, n, c->vocab)) || !(c->matcher = matcher_new(c->grammar))) {
		constraint_free(c);
		return NULL;
	}
	return c;
}

static void
forget_masks(struct constraint *c)
{
	for (size_t i = 0; i < c->mask_cap; i++) {
		free(c->mask[i].bits);
		c->mask[i].bits = NULL;
	}
	c->n_masks = 0;
}

void
constraint_free(struct constraint *c)
{
	if (!c)
		return;
	forget_masks(c);
	free(c->mask);
	free(c->end);
	free(c->path);
	matcher_free(c->matcher);
	grammar_free(c->grammar);
	free(c);
}

/* ---- where a sequence stands ---- */

static int
take_token(struct constraint *c, uint32_t token, uint32_t *state)
{
	uint32_t named, spelt = MATCH_DEAD;
	const uint8_t *bytes;
	size_t n;

	if (token >= vocab_size(c->vocab)) {
		*state = MATCH_DEAD;
		return 0;
	}
	bytes = vocab_bytes(c->vocab, token, &n);
	if (matcher_token(c->matcher, *state, token, &named) < 0 ||
	    (n > 0 && matcher_bytes(c->matcher, *state, bytes, n, &spelt) < 0))
		return -1;
	if (named != MATCH_DEAD && spelt != MATCH_DEAD)
		return matcher_either(c->matcher, named, spelt, state);
	*state = named != MATCH_DEAD ? named : spelt;
	return 0;
}

static int
make_room(struct constraint *c)
{
	if (matcher_memory(c->matcher) + c->n_masks * c->words * sizeof(uint64_t) < REMEMBERED)
		return 0;
	forget_masks(c);
	c->time++;
	return matcher_forget(c->matcher);
}

int
constraint_follow(struct constraint *c, struct constraint_at *at, const uint32_t *token, size_t n)
{
	if (make_room(c) < 0)
		return -1;
	if (at->time != c->time || at->n > n) {
		at->time = 0;
		at->n = 0;
		if (matcher_start(c->matcher, &at->state) < 0)
			return -1;
		at->time = c->time;
	}
	for (; at->n < n; at->n++)
		if (take_token(c, token[at->n], &at->state) < 0)
			return -1;
	return 0;
}

/* ---- what may come ---- */

static void
allow(uint64_t *bits, uint32_t token)
{
	bits[token / 64] |= (uint64_t)1 << token % 64;
}

static void
forbid(uint64_t *bits, uint32_t token)
{
	bits[token / 64] &= ~((uint64_t)1 << token % 64);
}

/* The tokens whose bytes can go on. */
static int
allow_spelt(struct constraint *c, uint32_t state, uint64_t *bits)
{
	const uint8_t *rest = c->order->rests.data;
	size_t alive = 0; /* bytes of the piece behind which there is a way on */

	c->path[0] = state;
	matcher_count(c->matcher);
	for (uint32_t i = 0; i < c->order->n; rest += c->order->piece[i++].rest) {
		const struct piece *p = &c->order->piece[i];
		size_t n = (size_t)p->shared + p->rest;
		if (p->shared > alive)
			continue;
		for (alive = p->shared; alive < n; alive++) {
			if (matcher_byte(c->matcher, c->path[alive], rest[alive - p->shared], &c->path[alive + 1]) < 0)
				return -1;
			if (matcher_work(c->matcher) > CONSTRAINT_MAX_WORK)
				return err_set(ERR_DATA, "more than %d steps to see which tokens may come next", CONSTRAINT_MAX_WORK);
			if (c->path[alive + 1] == MATCH_DEAD)
				break;
		}
		if (alive == n)
			allow(bits, p->id);
	}
	return 0;
}

struct naming {
	struct constraint *c;
	uint64_t *bits;
};

/* A grammar may have thousands of these: all but one are allowed a word at a time. */
static void
allow_others(uint64_t *bits, uint32_t token, uint32_t size)
{
	const bool was = token < size && bits[token / 64] >> token % 64 & 1;

	memset(bits, 0xff, size / 64 * sizeof *bits);
	for (uint32_t id = size / 64 * 64; id < size; id++)
		allow(bits, id);
	if (token < size && !was)
		forbid(bits, token);
}

static void
allow_named(void *arg, uint32_t token, bool but)
{
	struct naming *n = arg;
	uint32_t size = vocab_size(n->c->vocab);

	if (but)
		allow_others(n->bits, token, size);
	else if (token < size)
		allow(n->bits, token);
}

static int
make_mask(struct constraint *c, uint32_t state, struct mask *m)
{
	struct naming named = { c, m->bits };

	if (allow_spelt(c, state, m->bits) < 0)
		return -1;
	matcher_names(c->matcher, state, allow_named, &named);
	for (size_t i = 0; i < c->n_ends; i++)
		(matcher_ends(c->matcher, state) ? allow : forbid)(m->bits, c->end[i]);
	for (size_t i = 0; i < c->words && !m->any; i++)
		m->any = m->bits[i] != 0;
	return 0;
}

int
constraint_allowed(struct constraint *c, const struct constraint_at *at, struct allowed *out)
{
	struct mask m = { 0 };
	size_t cap = c->mask_cap;

	if (mem_grow(&c->mask, &c->mask_cap, (size_t)at->state + 1, sizeof *c->mask) < 0)
		return -1;
	memset(c->mask + cap, 0, (c->mask_cap - cap) * sizeof *c->mask);
	if (!c->mask[at->state].bits) {
		if (!(m.bits = mem_alloc(c->words, sizeof *m.bits)))
			return -1;
		if (make_mask(c, at->state, &m) < 0) {
			free(m.bits);
			return -1;
		}
		c->mask[at->state] = m;
		c->n_masks++;
	}
	*out = (struct allowed){ c->mask[at->state].bits, vocab_size(c->vocab), c->mask[at->state].any,
		matcher_ends(c->matcher, at->state) };
	return 0;
}
