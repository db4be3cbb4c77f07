#include "flow/bench.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/io.h"
#include "base/mem.h"
#include "compute/sample.h"

enum { PREFILL = 512, DECODE = 128, ROUNDS = 3, READ_BYTES = 1 << 30 };

struct bench {
	struct engine *e;
	const struct model *m;
	const struct bench_options *o;
	float *x, *logits;
	struct kv_seq filled, seq[ENGINE_BATCH]; /* filled: what decoded sequences begin with */
};

/* Room for n more positions. */
static int
reserve(struct bench *b, struct kv_seq *seq, size_t n)
{
	if (kv_reserve(engine_kv(b->e), seq, seq->len + (uint32_t)n) == KV_OK) /* n is at most a batch */
		return 0;
	return err_set(ERR_SYSTEM, "the benchmark needs a context of %zu and memory for it", seq->len + n);
}

/* n rows behind those in the cache; logits of the last. */
static int
forward(struct bench *b, struct kv_seq *seq, size_t n)
{
	uint32_t tokens[ENGINE_BATCH];

	if (reserve(b, seq, n) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		tokens[i] = (uint32_t)(259 + i * 37) % b->m->hp.n_vocab;
	return engine_next(b->e, seq, tokens, n, b->x, b->logits);
}

static int
prefill(struct bench *b, size_t n, double *rate)
{
	double t = clock_seconds();

	if (forward(b, &b->seq[0], n) < 0)
		return -1;
	*rate = (double)n / (clock_seconds() - t);
	kv_release(engine_kv(b->e), &b->seq[0]);
	return 0;
}

/* One more token of each sequence, and in its place the one that follows. */
static int
step(struct bench *b, uint32_t *token)
{
	struct engine_row rows[ENGINE_BATCH];
	size_t n = b->o->sequences, ld = engine_stride(b->e), logits_ld = engine_logits_stride(b->e);

	for (size_t k = 0; k < n; k++) {
		if (reserve(b, &b->seq[k], 1) < 0)
			return -1;
		rows[k] = (struct engine_row){ &b->seq[k], b->seq[k].len };
		if (b->m->has_embedding)
			engine_embed(b->e, token[k], rows[k].pos, b->x + k * ld);
	}
	if (engine_layers(b->e, b->x, rows, n) < 0)
		return -1;
	if (b->m->has_head) {
		engine_norm(b->e, b->x, n);
		engine_logits(b->e, b->x, n, b->logits);
	}
	for (size_t k = 0; k < n; k++) {
		b->seq[k].len++;
		token[k] = b->m->has_head ? sampler_best(b->logits + k * logits_ld, b->m->hp.n_vocab) : token[k] + 1;
	}
	return 0;
}

static int
decode(struct bench *b, size_t n, double *rate)
{
	uint32_t token[ENGINE_BATCH];
	double t;

	for (uint32_t k = 0; k < b->o->sequences; k++) {
		token[k] = k + 1;
		if (kv_fork(engine_kv(b->e), &b->seq[k], &b->filled, b->filled.len) != KV_OK)
			return err_set(ERR_SYSTEM, "no memory for %u sequences", b->o->sequences);
	}
	t = clock_seconds();
	for (size_t i = 0; i < n; i++)
		if (step(b, token) < 0)
			return -1;
	*rate = (double)n * b->o->sequences / (clock_seconds() - t);
	for (uint32_t k = 0; k < b->o->sequences; k++)
		kv_release(engine_kv(b->e), &b->seq[k]);
	return 0;
}

/* The positions before those that are decoded. */
static int
fill(struct bench *b)
{
	while (b->filled.len < b->o->positions) {
		uint32_t left = b->o->positions - b->filled.len;
		if (forward(b, &b->filled, left < PREFILL ? left : PREFILL) < 0)
			return -1;
	}
	return 0;
}

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static int
median(struct bench *b, int (*one)(struct bench *, size_t, double *), size_t n, double *out)
{
	double rate[ROUNDS + 1];

	for (int i = 0; i <= ROUNDS; i++)
		if (one(b, n, &rate[i]) < 0)
			return -1;
	qsort(rate + 1, ROUNDS, sizeof *rate, compare);
	*out = rate[1 + ROUNDS / 2];
	return 0;
}

/* ---- what the cores read of memory ---- */

struct reading {
	const uint64_t *data;
	size_t words; /* an item */
	uint64_t sum[64];
};

static void
read_some(void *arg, size_t item)
{
	struct reading *r = arg;
	const uint64_t *p = r->data + item * r->words;
	uint64_t sum[8] = { 0 };

	for (size_t i = 0; i < r->words; i += 8)
		for (size_t k = 0; k < 8; k++)
			sum[k] += p[i + k];
	r->sum[item] = sum[0] + sum[1] + sum[2] + sum[3] + sum[4] + sum[5] + sum[6] + sum[7];
}

/* Bytes a second, the best of several rounds; 0 when there is no memory for it. */
static double
read_bandwidth(struct pool *pool)
{
	uint64_t *data = mem_alloc64(READ_BYTES, 1);
	struct reading r = { .data = data, .words = READ_BYTES / 64 / sizeof(uint64_t) };
	double best = 0;

	if (!data)
		return 0;
	for (size_t i = 0; i < READ_BYTES / sizeof *data; i++)
		data[i] = i;
	for (int round = 0; round < ROUNDS; round++) {
		double t = clock_seconds();
		pool_run(pool, 64, read_some, &r);
		t = READ_BYTES / (clock_seconds() - t);
		best = t > best ? t : best;
	}
	free(data);
	return best;
}

static void
print(const struct bench *b, size_t n, double prefill_rate, size_t n_decode, double decode_rate)
{
	const struct bench_options *o = b->o;
	double bandwidth = read_bandwidth(engine_pool(b->e)), used = decode_rate / o->sequences * (double)engine_weight_bytes(b->e);
	const char *format = o->json
	    ? "{\"kernels\": \"%s\", \"threads\": %u, \"prefill\": %zu, \"prefill_tokens_per_second\": %.2f, \"sequences\": %u, \"positions\": %u, "
	      "\"decode\": %zu, \"decode_tokens_per_second\": %.2f, \"decode_bytes_per_second\": %.0f, \"memory_bytes_per_second\": %.0f}\n"
	    : "kernels %s\tthreads %u\tprefill %zu: %.2f tokens/s\tsequences %u\tpositions %u\tdecode %zu: %.2f tokens/s\t"
	      "weights read %.2e of %.2e bytes/s\n";

	printf(format, engine_arithmetic(b->e)->name, pool_threads(engine_pool(b->e)), n, prefill_rate, o->sequences, o->positions, n_decode,
	    decode_rate, used, bandwidth);
}

int
bench_run(const struct model *m, struct engine *e, const struct bench_options *o)
{
	struct bench b = { .e = e, .m = m, .o = o };
	size_t n = PREFILL < engine_context(e) ? PREFILL : engine_context(e), n_decode = n < DECODE ? n : DECODE;
	double p, d;
	int rc = -1;

	b.x = mem_alloc64(ENGINE_BATCH * engine_stride(e), sizeof *b.x);
	b.logits = mem_alloc64(o->sequences * engine_logits_stride(e), sizeof *b.logits);
	if (!b.x || !b.logits)
		goto out;
	for (size_t i = 0; i < ENGINE_BATCH * engine_stride(e); i++)
		b.x[i] = 0.01f;
	if (median(&b, prefill, n, &p) < 0 || fill(&b) < 0 || median(&b, decode, n_decode, &d) < 0)
		goto out;
	print(&b, n, p, n_decode, d);
	rc = io_close_stdout();
out:
	kv_release(engine_kv(e), &b.filled);
	for (uint32_t k = 0; k < o->sequences; k++)
		kv_release(engine_kv(e), &b.seq[k]);
	free(b.x);
	free(b.logits);
	return rc;
}
