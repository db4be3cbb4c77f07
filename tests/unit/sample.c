/* Sampling: the generator's published vectors, and what each setting does. */
#include <math.h>
#include <string.h>

#include "tap.h"
#include "compute/sample_impl.h"

enum { N = 50 };

/* Random123 1.14, tests/kat_vectors: philox4x32 10 rounds. */
static void
vectors(void)
{
	static const struct {
		uint32_t counter[4], key[2], out[4];
	} v[] = {
		{ { 0, 0, 0, 0 }, { 0, 0 }, { 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8 } },
		{ { 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff }, { 0xffffffff, 0xffffffff },
		    { 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd } },
		{ { 0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344 }, { 0xa4093822, 0x299f31d0 },
		    { 0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1 } },
	};
	uint32_t out[4];

	for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
		philox(v[i].counter, v[i].key, out);
		tap_ok(memcmp(out, v[i].out, sizeof out) == 0, "philox4x32-10 vector %zu", i);
	}
}

static void
make_logits(float *l)
{
	for (int i = 0; i < N; i++)
		l[i] = (float)(i * 37 % N) / 5;
}

static uint32_t
choose(struct sampler *s, struct sampling how, const uint32_t *tokens, uint32_t pos)
{
	const struct open o = { .ordinal = 7, .sampling = how };
	uint32_t token = UINT32_MAX;
	float l[N];

	make_logits(l);
	sampler_choose(s, l, &(struct sample_seq){ .open = &o, .token = tokens, .pos = pos }, &token);
	return token;
}

/* How often each token is drawn, of n. */
static void
draw_many(struct sampler *s, struct sampling how, int n, int *count)
{
	memset(count, 0, N * sizeof *count);
	for (int i = 0; i < n; i++)
		count[choose(s, how, NULL, (uint32_t)i)]++;
}

static int
kinds(const int *count)
{
	int n = 0;

	for (int i = 0; i < N; i++)
		n += count[i] > 0;
	return n;
}

static void
settings(struct sampler *s)
{
	struct sampling plain = sampling_none;
	struct sampling how;
	float l[N];
	int count[N];
	uint32_t best;
	double sum = 0, worst = 0;

	plain.temperature = 1;
	how = plain;
	make_logits(l);
	best = sampler_best(l, N);
	how.temperature = 0;
	tap_ok(choose(s, how, NULL, 0) == best, "temperature 0 takes the likeliest");
	how.repeat_penalty = 2;
	how.repeat_last = 1;
	tap_ok(choose(s, how, &best, 1) != best, "a penalty makes it another");
	tap_ok(choose(s, how, (uint32_t[]){ best, 3 }, 2) == best, "but not beyond its window");

	draw_many(s, plain, 20000, count);
	for (int i = 0; i < N; i++)
		sum += exp((double)l[i]);
	for (int i = 0; i < N; i++) {
		double p = exp((double)l[i]) / sum, off = fabs(count[i] - 20000 * p) / (sqrt(20000 * p * (1 - p)) + 1);
		worst = off > worst ? off : worst;
	}
	tap_ok(worst < 4, "20000 draws keep to the probabilities (%.1f standard deviations at most)", worst);

	how = plain;
	how.top_k = 3;
	draw_many(s, how, 3000, count);
	tap_ok(kinds(count) == 3, "top-k 3 leaves 3");
	how = plain;
	how.top_p = 0.15f; /* the best alone has 0.18 */
	draw_many(s, how, 1000, count);
	tap_ok(kinds(count) == 1 && count[best] == 1000, "a small top-p leaves the best");
	how = plain;
	how.min_p = 0.5f; /* exp(-0.2 k) >= 0.5: k <= 3 */
	draw_many(s, how, 3000, count);
	tap_ok(kinds(count) == 4, "min-p leaves what is near the best");

	how = plain;
	how.seed = 1;
	int other = 0;
	for (uint32_t i = 0; i < 100; i++)
		other += choose(s, how, NULL, i) != choose(s, plain, NULL, i);
	tap_ok(other > 50, "another seed draws otherwise");
	tap_ok(choose(s, plain, NULL, 5) == choose(s, plain, NULL, 5), "the same draw is the same");
}

/* ---- known answers ---- */

struct known {
	const char *name;
	struct sampling how;
	uint32_t n_biases, n_tokens, n_breakers, n, chosen;
	struct logit_bias bias[5];
	uint32_t token[16];
	struct {
		uint32_t n, token[2];
	} breaker[2];
	double mu; /* behind the choice */
	struct {
		uint32_t token;
		double p;
	} candidate[N];
};
#include "sample_golden.h"

/* The breakers are in order of their heads already. */
static int
choose_known(struct sampler *s, const struct known *k, double *mu, uint32_t *token)
{
	const struct open o = { .ordinal = 7, .sampling = k->how, .n_biases = k->n_biases, .bias = k->bias };
	struct breaker list[2];
	uint32_t tail[2];
	float l[N];

	for (uint32_t i = 0; i < k->n_breakers; i++) {
		list[i] = (struct breaker){ k->breaker[i].token[0], i, k->breaker[i].n - 1 };
		tail[i] = k->breaker[i].token[1];
	}
	make_logits(l);
	*mu = sample_mu(&k->how);
	return sampler_choose(s, l, &(struct sample_seq){ .open = &o, .breakers = &(struct breakers){ list, k->n_breakers, tail },
		.token = k->token, .pos = k->n_tokens, .mu = mu }, token);
}

static bool
same_candidates(const struct sampler *s, const struct known *k)
{
	double sum = 0;

	if (s->n < k->n || (s->n > k->n && s->list[k->n].logit != -INFINITY))
		return false;
	for (uint32_t i = 0; i < k->n; i++)
		sum += (double)s->list[i].p;
	for (uint32_t i = 0; i < k->n; i++)
		if (s->list[i].token != k->candidate[i].token || fabs((double)s->list[i].p / sum / k->candidate[i].p - 1) > 1e-5)
			return false;
	return true;
}

static void
known_answers(struct sampler *s)
{
	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		const struct known *k = &known[i];
		uint32_t token = UINT32_MAX;
		double mu;
		int rc = choose_known(s, k, &mu, &token);
		tap_ok(rc == 1 && same_candidates(s, k) && token == k->chosen && fabs(mu - k->mu) < 1e-5, "%s: %zu of %u candidates, %u of %u, mu %.6f of %.6f",
		    k->name, s->n, k->n, token, k->chosen, mu, k->mu);
	}
}

/* ---- edges ---- */

/* All tokens are forbidden, or all but one. */
static void
forbidden(struct sampler *s)
{
	struct logit_bias bias[N];
	struct open o = { .n_biases = N, .bias = bias, .sampling = sampling_none };
	struct sampling *how = &o.sampling;
	const struct sampling kinds_of[] = {
		{ .temperature = 0 }, { .temperature = 1 }, { .temperature = 1, .top_k = 1 }, { .temperature = 1, .top_n_sigma = 1 },
		{ .temperature = 1, .mirostat = 1, .mirostat_tau = 5 }, { .temperature = 1, .mirostat = 2, .mirostat_tau = 5 },
		{ .temperature = 0, .mirostat = 2 }, { .temperature = 1, .top_k = 9, .xtc_probability = 1, .xtc_threshold = 0.1f, .dynatemp_range = 1 },
	};
	int none = 0, one = 0;
	uint32_t token;
	float l[N];

	for (size_t i = 0; i < sizeof kinds_of / sizeof *kinds_of; i++) {
		double mu = 10;
		const struct sample_seq q = { .open = &o, .mu = &mu };
		*how = kinds_of[i];
		how->top_p = how->typical_p = i % 2 ? 0.5f : 1;
		for (uint32_t t = 0; t < N; t++)
			bias[t] = (struct logit_bias){ t, -INFINITY };
		make_logits(l);
		none += sampler_choose(s, l, &q, &token) == 0;
		bias[23].bias = -3;
		make_logits(l);
		one += sampler_choose(s, l, &q, &token) == 1 && token == 23;
	}
	tap_ok(none == sizeof kinds_of / sizeof *kinds_of, "where all tokens are forbidden none is chosen (%d)", none);
	tap_ok(one == none, "where all but one are, that one is, however unlikely (%d)", one);
}

static void
edges(struct sampler *s)
{
	static const uint32_t stripped[] = { 3, UINT32_MAX, 3, UINT32_MAX, N, 3 };
	struct sampling how = sampling_none;
	uint32_t best, token;
	float l[N];

	make_logits(l);
	best = sampler_best(l, N);
	how.repeat_penalty = 2;
	how.repeat_last = 64;
	how.dry_multiplier = 1;
	how.dry_base = 2;
	how.dry_penalty_last_n = 64;
	tap_ok(choose(s, how, stripped, 6) == best, "tokens that are none are no index");
	tap_ok(choose(s, how, stripped, 6) == best, "and nothing stays of them");

	how = sampling_none;
	how.xtc_probability = 1;
	how.xtc_threshold = 0.1f;
	tap_ok(choose(s, how, NULL, 0) != best, "temperature 0 takes the likeliest of what XTC leaves");
	how.temperature = 1;
	how.top_k = 1;
	tap_ok(choose(s, how, NULL, 0) == best, "top-k 1 leaves XTC nothing to do");

	how = sampling_none;
	how.temperature = 1e-40f;
	tap_ok(choose(s, how, NULL, 0) == best, "a temperature without a reciprocal takes the likeliest");
	how.mirostat = 2;
	tap_ok(choose(s, how, NULL, 0) == best, "with mirostat, too");
	how = sampling_none;
	how.dynatemp_range = 1;
	how.dynatemp_exponent = 1e6f;
	tap_ok(choose(s, how, NULL, 0) == best, "and so does one that a power brings to nothing");

	const struct open o = { .n_biases = 2, .bias = (const struct logit_bias[]){ { N, 9 }, { UINT32_MAX, -INFINITY } }, .sampling = sampling_none };
	make_logits(l);
	tap_ok(sampler_choose(s, l, &(struct sample_seq){ .open = &o }, &token) == 1 && token == best, "biases of tokens that there are not are passed over");

	for (int i = 0; i < N; i++)
		l[i] = 1;
	struct open same = { .sampling = sampling_none };
	same.sampling.temperature = 1;
	same.sampling.top_n_sigma = same.sampling.dynatemp_range = 0.5f;
	same.sampling.typical_p = 0.9f;
	int rc = sampler_choose(s, l, &(struct sample_seq){ .open = &same, .pos = 3 }, &token);
	tap_ok(rc == 1 && s->n == 46 && s->list[45].token == 45, "of equals the first stay: %zu", s->n);
}

int
main(void)
{
	struct sampler *s = sampler_new(kernels_best(), N);

	vectors();
	settings(s);
	known_answers(s);
	forbidden(s);
	edges(s);
	sampler_free(s);
	return tap_done();
}
