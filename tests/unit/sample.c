/* Sampling: the generator's published vectors, and what each setting does. */
#include <math.h>
#include <string.h>

#include "tap.h"
#include "compute/sample.h"

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

int
main(void)
{
	struct sampler *s = sampler_new(kernels_best(), N);

	vectors();
	settings(s);
	sampler_free(s);
	return tap_done();
}
