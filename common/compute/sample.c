#include "compute/sample.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "compute/mathd.h"

struct candidate {
	float logit, p;
	uint32_t token;
};

struct sampler {
	const struct kernels *kernels;
	uint32_t n_vocab;
	struct candidate *list;
	float *p;      /* probabilities, for the vector softmax */
	uint8_t *seen; /* [n_vocab]: the penalty was applied */
};

void
philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4])
{
	uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3], k0 = key[0], k1 = key[1];

	for (int round = 0; round < 10; round++) {
		uint64_t a = (uint64_t)0xD2511F53 * c0, b = (uint64_t)0xCD9E8D57 * c2;
		c0 = (uint32_t)(b >> 32) ^ c1 ^ k0;
		c1 = (uint32_t)b;
		c2 = (uint32_t)(a >> 32) ^ c3 ^ k1;
		c3 = (uint32_t)a;
		k0 += 0x9E3779B9;
		k1 += 0xBB67AE85;
	}
	out[0] = c0, out[1] = c1, out[2] = c2, out[3] = c3;
}

struct sampler *
sampler_new(const struct kernels *k, uint32_t n_vocab)
{
	struct sampler *s = mem_alloc(1, sizeof *s);

	if (!s)
		return NULL;
	s->kernels = k;
	s->n_vocab = n_vocab;
	s->list = mem_alloc(n_vocab, sizeof *s->list);
	s->p = mem_alloc64(n_vocab, sizeof *s->p);
	s->seen = mem_alloc(n_vocab, 1);
	if (!s->list || !s->p || !s->seen) {
		sampler_free(s);
		return NULL;
	}
	return s;
}

void
sampler_free(struct sampler *s)
{
	if (!s)
		return;
	free(s->list);
	free(s->p);
	free(s->seen);
	free(s);
}

uint32_t
sampler_best(const float *logits, uint32_t n)
{
	uint32_t best = 0;

	for (uint32_t i = 1; i < n; i++)
		if (logits[i] > logits[best])
			best = i;
	return best;
}

double
sampler_log_probability(const struct kernels *k, float *logits, uint32_t n_vocab, uint32_t token)
{
	float largest = logits[sampler_best(logits, n_vocab)], own = logits[token];
	float sum = k->softmax(logits, n_vocab, 1);

	return (double)(own - largest) - mathd_log((double)sum);
}

/* Each token that occurs in the window once: positive logits are divided, negative ones multiplied. */
static void
penalise(struct sampler *s, float *logits, const struct sampling *how, const uint32_t *recent, size_t n)
{
	size_t first = n > how->repeat_last ? n - how->repeat_last : 0;

	if (how->repeat_penalty == 1)
		return;
	for (size_t i = first; i < n; i++) {
		float *l = &logits[recent[i]];
		if (s->seen[recent[i]])
			continue;
		s->seen[recent[i]] = 1;
		*l = *l > 0 ? *l / how->repeat_penalty : *l * how->repeat_penalty;
	}
	for (size_t i = first; i < n; i++)
		s->seen[recent[i]] = 0;
}

/* Higher logits first; of equals the lower token. */
static int
compare(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	if (x->logit != y->logit)
		return x->logit > y->logit ? -1 : 1;
	return x->token < y->token ? -1 : x->token > y->token;
}

static void
sift_down(struct candidate *heap, size_t n, size_t i)
{
	for (size_t child; (child = 2 * i + 1) < n; i = child) {
		if (child + 1 < n && compare(&heap[child + 1], &heap[child]) > 0)
			child++;
		if (compare(&heap[child], &heap[i]) <= 0)
			return;
		struct candidate t = heap[i];
		heap[i] = heap[child];
		heap[child] = t;
	}
}

/* The k best of all, in order: a heap with the worst of them on top takes each better one that comes. */
static size_t
take_best(struct sampler *s, const float *logits, size_t k)
{
	for (uint32_t i = 0; i < s->n_vocab; i++) {
		struct candidate c = { .logit = logits[i], .token = i };
		if (i < k) {
			s->list[i] = c;
			if (i == k - 1)
				for (size_t j = k / 2; j-- > 0;)
					sift_down(s->list, k, j);
		} else if (compare(&c, &s->list[0]) < 0) {
			s->list[0] = c;
			sift_down(s->list, k, 0);
		}
	}
	qsort(s->list, k, sizeof *s->list, compare);
	return k;
}

static float
probabilities(struct sampler *s, size_t n, float temperature)
{
	float sum;

	for (size_t i = 0; i < n; i++)
		s->p[i] = s->list[i].logit;
	sum = s->kernels->softmax(s->p, n, 1 / temperature);
	for (size_t i = 0; i < n; i++)
		s->list[i].p = s->p[i];
	return sum;
}

/* How many of the n candidates stay: the fewest that hold top_p of the whole, and of those what min_p leaves. */
static size_t
cut(struct sampler *s, size_t n, const struct sampling *how)
{
	float sum = probabilities(s, n, 1), part = 0;
	size_t keep = n;

	if (how->top_p < 1) {
		for (keep = 0; keep < n && part < how->top_p * sum; keep++)
			part += s->list[keep].p;
		if (keep == 0)
			keep = 1;
	}
	while (keep > 1 && s->list[keep - 1].p < how->min_p * s->list[0].p)
		keep--;
	return keep;
}

static float
draw(uint64_t seed, uint64_t ordinal, uint32_t pos)
{
	const uint32_t counter[4] = { pos, (uint32_t)ordinal, (uint32_t)(ordinal >> 32), 0 };
	const uint32_t key[2] = { (uint32_t)seed, (uint32_t)(seed >> 32) };
	uint32_t out[4];

	philox(counter, key, out);
	return (float)(out[0] >> 8) * 0x1p-24f;
}

uint32_t
sampler_choose(struct sampler *s, float *logits, const struct sampling *how, const uint32_t *recent, size_t n,
    uint64_t ordinal, uint32_t pos)
{
	size_t keep = how->top_k && how->top_k < s->n_vocab ? how->top_k : s->n_vocab;
	float sum, at, part = 0;

	penalise(s, logits, how, recent, n);
	if (how->temperature <= 0 || keep == 1)
		return sampler_best(logits, s->n_vocab);
	keep = cut(s, take_best(s, logits, keep), how);
	probabilities(s, keep, how->temperature);
	sum = 0;
	for (size_t i = 0; i < keep; i++)
		sum += s->list[i].p;
	at = draw(how->seed, ordinal, pos) * sum;
	for (size_t i = 0; i + 1 < keep; i++)
		if ((part += s->list[i].p) > at)
			return s->list[i].token;
	return s->list[keep - 1].token;
}
