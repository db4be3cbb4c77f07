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
	float *x, *logits;
	struct kv_seq seq;
};

/* n rows behind those in the cache; logits of the last. */
static int
forward(struct bench *b, size_t n, uint32_t token)
{
	uint32_t tokens[ENGINE_BATCH];

	if (kv_reserve(engine_kv(b->e), &b->seq, b->seq.len + (uint32_t)n) != KV_OK)
		return err_set(ERR_SYSTEM, "the benchmark needs a context of %d and memory for it", PREFILL);
	for (size_t i = 0; i < n; i++)
		tokens[i] = (uint32_t)(token + i * 37) % b->m->hp.n_vocab;
	return engine_next(b->e, &b->seq, tokens, n, b->x, b->logits);
}

static int
prefill(struct bench *b, size_t n, double *rate)
{
	double t = clock_seconds();

	if (forward(b, n, 259) < 0)
		return -1;
	*rate = (double)n / (clock_seconds() - t);
	kv_cut(engine_kv(b->e), &b->seq, 0);
	return 0;
}

static int
decode(struct bench *b, size_t n, double *rate)
{
	uint32_t token = 1;
	double t = clock_seconds();

	for (size_t i = 0; i < n; i++) {
		if (forward(b, 1, token) < 0)
			return -1;
		token = b->m->has_head ? sampler_best(b->logits, b->m->hp.n_vocab) : token + 1;
	}
	*rate = (double)n / (clock_seconds() - t);
	kv_cut(engine_kv(b->e), &b->seq, 0);
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

int
bench_run(const struct model *m, struct engine *e, bool json)
{
	struct bench b = { .e = e, .m = m, };
	size_t n = PREFILL < engine_context(e) ? PREFILL : engine_context(e), n_decode = n < DECODE ? n : DECODE;
	double p, d, bandwidth;
	int rc = -1;

	b.x = mem_alloc64(ENGINE_BATCH * engine_stride(e), sizeof *b.x);
	b.logits = mem_alloc64(engine_logits_stride(e), sizeof *b.logits);
	if (!b.x || !b.logits)
		goto out;
	for (size_t i = 0; i < ENGINE_BATCH * engine_stride(e); i++)
		b.x[i] = 0.01f;
	if (median(&b, prefill, n, &p) < 0 || median(&b, decode, n_decode, &d) < 0)
		goto out;
	bandwidth = read_bandwidth(engine_pool(e));
	double used = d * (double)engine_weight_bytes(e);
	const char *format = json
	    ? "{\"kernels\": \"%s\", \"threads\": %u, \"prefill\": %zu, \"prefill_tokens_per_second\": %.2f, \"decode\": %zu, "
	      "\"decode_tokens_per_second\": %.2f, \"decode_bytes_per_second\": %.0f, \"memory_bytes_per_second\": %.0f}\n"
	    : "kernels %s\tthreads %u\tprefill %zu: %.2f tokens/s\tdecode %zu: %.2f tokens/s\tweights read %.2e of %.2e bytes/s\n";
	printf(format, engine_arithmetic(e)->name, pool_threads(engine_pool(e)), n, p, n_decode, d, used, bandwidth);
	rc = io_close_stdout();
out:
	kv_release(engine_kv(e), &b.seq);
	free(b.x);
	free(b.logits);
	return rc;
}
