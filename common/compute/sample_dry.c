/*
 * DRY ("don't repeat yourself", p-e-w): a token that would continue what has stood in the text before, behind the same tokens
 * as now, is penalised, the more the longer these are.
 */
#include <float.h>

#include "base/mem.h"
#include "compute/mathd.h"
#include "compute/sample_impl.h"

/* The tokens that DRY looks at, the last first: from the end, `back` tokens back. */
struct window {
	const uint32_t *end;
	size_t n;
};

static uint32_t
at(const struct window *w, size_t back)
{
	return *(w->end - 1 - back);
}

/* ---- breakers ---- */

/* The first one with this head; b->n: there is none. */
static size_t
find(const struct breakers *b, uint32_t head)
{
	size_t low = 0, high = b->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (b->list[middle].head < head)
			low = middle + 1;
		else
			high = middle;
	}
	return low < b->n && b->list[low].head == head ? low : b->n;
}

static bool
is_breaker(const struct breakers *b, uint32_t token)
{
	if (!b)
		return false;
	for (size_t i = find(b, token); i < b->n && b->list[i].head == token; i++)
		if (b->list[i].n == 0)
			return true;
	return false;
}

static bool
tail_follows(const struct window *w, size_t back, const uint32_t *tail, const struct breaker *b)
{
	for (uint32_t i = 0; i < b->n; i++)
		if (tail[b->at + i] != at(w, back - 1 - i))
			return false;
	return true;
}

/* How many tokens stand behind the last breaker. */
static size_t
since_breaker(const struct breakers *b, const struct window *w)
{
	for (size_t back = 0; b && back < w->n; back++) {
		uint32_t head = at(w, back);
		size_t longest = 0;
		bool found = false;
		for (size_t i = find(b, head); i < b->n && b->list[i].head == head; i++) {
			size_t n = b->list[i].n;
			if (n > back || (found && n <= longest) || !tail_follows(w, back, b->tail, &b->list[i]))
				continue;
			found = true;
			longest = n;
		}
		if (found)
			return back - longest;
	}
	return w->n;
}

/* ---- repetitions ---- */

/* z[k]: how many of the last tokens also stand k tokens earlier. The Z algorithm: [left, right) is the match that reaches furthest. */
static void
repetitions(const struct window *w, uint32_t *z)
{
	size_t left = 0, right = 0;

	for (size_t k = 1; k < w->n; k++) {
		size_t n = 0;
		if (k < right)
			n = z[k - left] < right - k ? z[k - left] : right - k;
		while (k + n < w->n && at(w, n) == at(w, k + n))
			n++;
		z[k] = (uint32_t)n; /* positions are 32 bits */
		if (k + n > right) {
			left = k;
			right = k + n;
		}
	}
}

/* multiplier * base^n, where n is held below what an f32 can't hold any more. */
static float
penalty(const struct sampling *how, uint32_t n)
{
	double log = mathd_log((double)how->dry_base), most = 88.7228391; /* ln FLT_MAX */
	double exponent = n, p;

	if (how->dry_base > 1.000001f && exponent > mathd_floor(most / log))
		exponent = mathd_floor(most / log);
	p = (double)how->dry_multiplier * mathd_exp(exponent * log);
	return p < FLT_MAX ? (float)p : FLT_MAX;
}

int
sample_dry(struct sampler *s, float *logits, const struct sample_seq *q)
{
	const struct sampling *how = &q->open->sampling;
	size_t n = q->pos < how->dry_penalty_last_n ? q->pos : how->dry_penalty_last_n, allowed = how->dry_allowed_length, most;

	if (how->dry_multiplier == 0 || how->dry_base < 1 || n <= allowed)
		return 0;
	const struct window w = { q->token + q->pos, n };
	if ((most = since_breaker(q->breakers, &w)) < allowed)
		return 0;
	if (mem_grow(&s->repeat, &s->repeat_cap, w.n, sizeof *s->repeat) < 0)
		return -1;
	repetitions(&w, s->repeat);
	/* Of each token the longest repetition that it would continue, and one more: 0 is none. */
	for (size_t k = 1; k < w.n; k++) {
		uint32_t token = at(&w, k - 1), length = s->repeat[k] < most ? s->repeat[k] : (uint32_t)most;
		if (length >= allowed && token < s->n_vocab && s->count[token] <= length && !is_breaker(q->breakers, token))
			s->count[token] = length + 1;
	}
	for (size_t k = 1; k < w.n; k++) {
		uint32_t token = at(&w, k - 1);
		if (token >= s->n_vocab || s->count[token] == 0)
			continue;
		logits[token] -= penalty(how, s->count[token] - 1 - how->dry_allowed_length);
		s->count[token] = 0;
	}
	return 0;
}
