#include <math.h>
#include <stdlib.h>

#include "compute/mathd.h"
#include "compute/sample_impl.h"

/* ---- what is common ---- */

/* Higher logits first; of equals the lower token. */
static int
compare(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	if (x->logit != y->logit)
		return x->logit > y->logit ? -1 : 1;
	return x->token < y->token ? -1 : x->token > y->token;
}

void
sample_sort(struct candidate *list, size_t n)
{
	qsort(list, n, sizeof *list, compare);
}

float
sample_softmax(struct sampler *s, float temperature)
{
	float sum;

	for (size_t i = 0; i < s->n; i++)
		s->p[i] = s->list[i].logit;
	sum = s->kernels->softmax(s->p, s->n, 1 / temperature);
	for (size_t i = 0; i < s->n; i++)
		s->list[i].p = s->p[i];
	return sum;
}

/* Of a candidate, in nats, where the p at temperature 1 have a sum of this logarithm. */
static double
surprise(const struct sampler *s, double log_sum, size_t i)
{
	return log_sum + ((double)s->list[0].logit - (double)s->list[i].logit);
}

double
sample_entropy(const struct sampler *s, float sum)
{
	double log_sum = mathd_log((double)sum), entropy = 0;

	for (size_t i = 0; i < s->n; i++)
		if (s->list[i].p > 0)
			entropy += (double)s->list[i].p / (double)sum * surprise(s, log_sum, i);
	return entropy;
}

/* ---- top-n-sigma ---- */

/* Forbids tokens whose logits are more than n standard deviations, of all that are not forbidden, below the largest. */
void
sample_top_n_sigma(struct sampler *s, float *logits, float n)
{
	double largest, sum = 0, squares = 0, mean;
	uint32_t count = 0;

	if (n <= 0)
		return;
	largest = (double)logits[sampler_best(logits, s->n_vocab)];
	for (uint32_t i = 0; i < s->n_vocab; i++)
		if (logits[i] != -INFINITY) {
			sum += (double)logits[i];
			count++;
		}
	mean = sum / count;
	for (uint32_t i = 0; i < s->n_vocab; i++)
		if (logits[i] != -INFINITY)
			squares += ((double)logits[i] - mean) * ((double)logits[i] - mean);
	for (uint32_t i = 0; i < s->n_vocab; i++) {
		double below = largest - (double)logits[i];
		if (below * below > (double)n * (double)n * (squares / count))
			logits[i] = -INFINITY;
	}
}

/* ---- top-k ---- */

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
void
sample_top_k(struct sampler *s, const float *logits, size_t k)
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
	sample_sort(s->list, k);
	s->n = k;
}

/* ---- typical-p ---- */

static int
compare_p(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	if (x->p != y->p)
		return x->p < y->p ? -1 : 1;
	return compare(a, b);
}

/* Locally typical sampling (Meister et al. 2022): those whose surprise is nearest to the entropy, until they hold more than p. */
void
sample_typical(struct sampler *s, float p)
{
	float sum, part = 0;
	double entropy, log_sum;
	size_t keep = 0;

	if (p >= 1)
		return;
	sum = sample_softmax(s, 1);
	entropy = sample_entropy(s, sum);
	log_sum = mathd_log((double)sum);
	for (size_t i = 0; i < s->n; i++) {
		double off = surprise(s, log_sum, i) - entropy;
		s->list[i].p = (float)(off < 0 ? -off : off); /* to sort by */
	}
	/* its first logit is not the largest any more: nothing but softmax may look at the list until it is in order again */
	qsort(s->list, s->n, sizeof *s->list, compare_p);
	sample_softmax(s, 1);
	while (keep < s->n && part <= p * sum)
		part += s->list[keep++].p;
	sample_sort(s->list, keep);
	s->n = keep;
}

/* ---- top-p, min-p ---- */

/* The fewest that hold top_p of the whole, and of those what min_p leaves. */
void
sample_top_p_min_p(struct sampler *s, float top_p, float min_p)
{
	float sum = sample_softmax(s, 1), part = 0;
	size_t keep = s->n;

	if (top_p < 1) {
		for (keep = 0; keep < s->n && part < top_p * sum; keep++)
			part += s->list[keep].p;
		if (keep == 0)
			keep = 1;
	}
	while (keep > 1 && s->list[keep - 1].p < min_p * s->list[0].p)
		keep--;
	s->n = keep;
}

/* ---- XTC ---- */

/* Exclude top choices (p-e-w): where chance will have it, of those that reach the threshold only the last stays. */
void
sample_xtc(struct sampler *s, const struct sampling *how, float chance)
{
	size_t last = 0;
	float sum;

	if (how->xtc_probability <= 0 || how->xtc_threshold > 0.5f || s->n < 2 || chance > how->xtc_probability)
		return;
	sum = sample_softmax(s, 1);
	while (last + 1 < s->n && s->list[last + 1].p >= how->xtc_threshold * sum)
		last++;
	s->n -= last;
	for (size_t i = 0; i < s->n; i++)
		s->list[i] = s->list[last + i];
}
