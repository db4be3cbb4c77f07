/*
 * kernel-bench [SET...|all]: what kernel sets, or the one that mai chooses, reach beside what the processor gives.
 *
 * Other programs may be running: a run takes as long as the busiest thread's processor time, and the best of several runs
 * counts. Products count two operations a weight and token; for one token the bytes of the weights are counted instead,
 * of a matrix that fills half a GiB.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/err.h"
#include "base/mem.h"
#include "compute/cpu.h"
#include "model/tile.h"

enum { RUNS = 7, CHUNK = 8, MAX_THREADS = 2 };

/* Seconds that this thread has run. */
static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- work that threads share ---- */

struct work {
	void (*fn)(void *arg, size_t item);
	void *arg;
	size_t items;
	atomic_size_t next;
};

struct share {
	struct work *work;
	double took;
};

static void *
worker(void *arg)
{
	struct share *s = arg;
	struct work *w = s->work;
	double begin = now();

	for (size_t i; (i = atomic_fetch_add(&w->next, 1)) < w->items;)
		w->fn(w->arg, i);
	s->took = now() - begin;
	return NULL;
}

/* Seconds of the best run. */
static double
best(void (*fn)(void *arg, size_t item), void *arg, size_t items, int threads)
{
	double least = 1e9;

	for (int run = 0; run < RUNS; run++) {
		struct work w = { .fn = fn, .arg = arg, .items = items };
		struct share share[MAX_THREADS];
		pthread_t other[MAX_THREADS];
		double took = 0;
		int started = 0;
		for (int i = 0; i < threads; i++)
			share[i] = (struct share){ &w, 0 };
		while (started < threads - 1 && pthread_create(&other[started], NULL, worker, &share[started + 1]) == 0)
			started++;
		worker(&share[0]);
		while (started > 0)
			pthread_join(other[--started], NULL);
		for (int i = 0; i < threads; i++)
			took = share[i].took > took ? share[i].took : took;
		least = took < least ? took : least;
	}
	return least;
}

/* ---- what the processor gives ---- */

static volatile uint64_t sink;

#if defined(__x86_64__)
#define TWELVE(op, a, b) \
	op " " a ", " b ", %%zmm0\n\t" op " " a ", " b ", %%zmm1\n\t" op " " a ", " b ", %%zmm2\n\t" \
	op " " a ", " b ", %%zmm3\n\t" op " " a ", " b ", %%zmm4\n\t" op " " a ", " b ", %%zmm5\n\t" \
	op " " a ", " b ", %%zmm6\n\t" op " " a ", " b ", %%zmm7\n\t" op " " a ", " b ", %%zmm8\n\t" \
	op " " a ", " b ", %%zmm9\n\t" op " " a ", " b ", %%zmm10\n\t" op " " a ", " b ", %%zmm11\n\t"
#define ITEM_OPS 200000

#define PEAK(name, op) \
static __attribute__((target("avx512f,avx512vnni,avx512bf16"))) void \
name(void *arg, size_t item) \
{ \
	(void)arg, (void)item; \
	__asm__ volatile("vpxord %%zmm12, %%zmm12, %%zmm12\n\tvpxord %%zmm13, %%zmm13, %%zmm13" ::: "xmm12", "xmm13"); \
	for (int i = 0; i < ITEM_OPS; i++) \
		__asm__ volatile(TWELVE(op, "%%zmm12", "%%zmm13") ::: "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", \
		    "xmm7", "xmm8", "xmm9", "xmm10", "xmm11"); \
}
PEAK(peak_fma, "vfmadd231ps")
PEAK(peak_int8, "vpdpbusd")
PEAK(peak_bf16, "vdpbf16ps")

static void
print_peak(const char *name, const char *set, void (*fn)(void *arg, size_t item), double ops)
{
	if (!kernels_named(set))
		return;
	printf("%-44s", name);
	for (int threads = 1; threads <= MAX_THREADS; threads++)
		printf(" %9.0f", 64 * 12.0 * ITEM_OPS * ops / best(fn, NULL, 64, threads) / 1e9);
	printf("\n");
}
#endif

struct region {
	const uint64_t *data;
	size_t item; /* words an item */
};

static void
read_region(void *arg, size_t item)
{
	const struct region *r = arg;
	const uint64_t *p = r->data + item * r->item;
	uint64_t s[8] = { 0 };

	/* The processor's own prefetch ends at each page. */
	for (size_t i = 0; i < r->item; i += 8) {
		__builtin_prefetch(p + i + 512);
		for (size_t j = 0; j < 8; j++)
			s[j] |= p[i + j];
	}
	sink = s[0] | s[1] | s[2] | s[3] | s[4] | s[5] | s[6] | s[7];
}

static void
print_limits(const void *data, size_t bytes)
{
	struct region r = { data, 1 << 17 };
	size_t items = bytes / sizeof(uint64_t) / r.item;

	printf("%-44s %9s %9s\n", "limits", "1 thread", "2 threads");
	printf("%-44s", "read, GB/s");
	for (int threads = 1; threads <= MAX_THREADS; threads++)
		printf(" %9.1f", (double)(items * r.item * 8) / best(read_region, &r, items, threads) / 1e9);
	printf("\n");
#if defined(__x86_64__)
	print_peak("f32 fma in AVX-512, GFLOP/s", "avx512", peak_fma, 32);
	print_peak("bf16 vdpbf16ps, GFLOP/s", "avx512bf16", peak_bf16, 64);
	print_peak("int8 vpdpbusd in AVX-512, GOP/s", "avx512", peak_int8, 128);
#endif
}

/* ---- kernels ---- */

struct shape {
	size_t rows, cols, tokens;
};

struct run {
	const struct kernels *k;
	struct matmul m;
	size_t chunk;
};

static size_t
tiles(const struct matmul *m)
{
	return (m->rows + 15) / 16;
}

static void
product_item(void *arg, size_t item)
{
	const struct run *r = arg;
	size_t first = item * r->chunk, last = first + r->chunk, n = tiles(&r->m);

	r->k->matmul(&r->m, first, last < n ? last : n);
}

static size_t
weight_bytes(uint32_t type, size_t n)
{
	const struct type_info *t = type_info(type);

	return n / t->block * t->block_bytes;
}

struct memory {
	void *w;
	size_t w_bytes;
	float *x, *y;
	struct activations a;
};

static void
print_product(const struct kernels *k, struct memory *mem, uint32_t type, const char *name, struct shape s)
{
	struct run r = { k, { .type = type, .w = mem->w, .scales = tile_find(mem->w, type, s.rows, s.cols, 0).scales, .rows = s.rows, .cols = s.cols, .x = &mem->a, .tokens = s.tokens,
		.y = mem->y, .ldy = s.rows + 16 }, s.tokens > 1 ? CHUNK : 4 * CHUNK };
	size_t n = s.rows * s.cols;

	mem->a.ld = s.cols + 16;
	for (size_t t = 0; t < s.tokens; t++) {
		k->to_bf16(mem->a.bf16 + t * mem->a.ld, mem->x + t * mem->a.ld, s.cols);
		k->to_q8(mem->a.q8, s.tokens, t, mem->x + t * mem->a.ld, s.cols);
	}
	printf("%-10s %-5s %6zu x %5zu, %3zu tokens %6s", k->name, name, s.rows, s.cols, s.tokens,
	    s.tokens > 1 ? "GOP/s" : "GB/s");
	for (int threads = 1; threads <= MAX_THREADS; threads++) {
		double work = s.tokens > 1 ? 2.0 * (double)n * (double)s.tokens : (double)weight_bytes(type, n);
		printf(" %9.1f", work / best(product_item, &r, (tiles(&r.m) + r.chunk - 1) / r.chunk, threads) / 1e9);
	}
	printf("\n");
	fflush(stdout);
}

struct attention {
	const struct kernels *k;
	struct attend a;
	float *out;
};

static void
attend_item(void *arg, size_t item)
{
	const struct attention *t = arg;
	struct attend a = t->a;

	a.out = t->out + item % 64 * a.queries * a.ldo;
	t->k->attend(&a);
}

static void
print_attention(const struct kernels *k, const struct memory *mem, size_t queries, size_t group, size_t head_dim, size_t pos)
{
	const void *keys[64], *values[64];
	size_t pages = (pos + queries - 1) / KV_PAGE + 1, items = 2000 / queries, ld = group * head_dim;

	for (size_t i = 0; i < pages; i++) {
		keys[i] = mem->x + 2 * i * KV_PAGE * head_dim;
		values[i] = mem->x + (2 * i + 1) * KV_PAGE * head_dim;
	}
	struct attention t = { k, { .q = mem->x, .k = keys, .v = values, .queries = queries, .ldq = ld, .ldo = ld, .group = group,
		.head_dim = head_dim, .pos = pos, .scale = 0.125f }, mem->y };
	printf("%-10s attend %2zu queries, %zu x %3zu at %4zu %6s", k->name, queries, group, head_dim, pos, "GOP/s");
	for (int threads = 1; threads <= MAX_THREADS; threads++)
		printf(" %9.1f", 4.0 * (double)(items * queries * ld * (pos + 1)) / best(attend_item, &t, items, threads) / 1e9);
	printf("\n");
}

struct rows {
	const struct kernels *k;
	struct memory *mem;
	size_t n;
	int what;
};

static void
row_item(void *arg, size_t item)
{
	const struct rows *r = arg;
	size_t t = item % 64;
	const float *x = r->mem->x + t * r->n;
	float *y = r->mem->y + t * r->n;

	if (r->what == 0)
		r->k->rms_norm(y, x, r->mem->x, r->n, 1e-5f);
	else if (r->what == 1)
		r->k->silu_mul(y, x, r->mem->x, r->n);
	else if (r->what == 2)
		r->k->to_q8(r->mem->a.q8, 64, t, x, r->n);
	else
		y[0] = r->k->softmax(y, r->n, 1);
}

static void
print_rows(const struct kernels *k, struct memory *mem)
{
	static const char *const name[] = { "rms_norm", "silu_mul", "to_q8", "softmax" };

	for (int what = 0; what < 4; what++) {
		struct rows r = { k, mem, 2048, what };
		printf("%-10s %-10s 2048 elements, ns %16s", k->name, name[what], "");
		for (int threads = 1; threads <= MAX_THREADS; threads++)
			printf(" %9.0f", best(row_item, &r, 6400, threads) / 6400 * 1e9);
		printf("\n");
	}
}

/* NULL is an error with a reason. */
static bool
print_set(const struct kernels *k, struct memory *mem)
{
	static const struct {
		uint32_t type;
		const char *name;
	} type[] = { { TYPE_Q8_0, "q8_0" }, { TYPE_Q4_0, "q4_0" }, { TYPE_Q4_K, "q4_k" }, { TYPE_Q6_K, "q6_k" }, { TYPE_BF16, "bf16" }, { TYPE_F16, "f16" }, { TYPE_F32, "f32" } };
	static const struct shape shapes[] = {
		{ 2048, 2048, 512 }, { 8192, 2048, 512 }, { 2048, 8192, 512 }, { 8192, 2048, 16 }, { 8192, 2048, 5 },
		{ 8192, 2048, 2 }, { 0, 2048, 1 }, { 0, 8192, 1 }, /* 0: as many as there is memory for */
	};
	if (!k) {
		fprintf(stderr, "kernel-bench: %s\n", err_reason());
		return false;
	}
	bool slow = !strcmp(k->name, "scalar") || !strcmp(k->name, "sse4");

	printf("\n");
	for (size_t i = 0; i < sizeof type / sizeof *type; i++) {
		for (size_t j = 0; j < sizeof shapes / sizeof *shapes; j++) {
			struct shape s = shapes[j];
			if (slow && s.tokens > 16)
				s.tokens = 16, s.rows = 512;
			if (s.rows == 0)
				s.rows = mem->w_bytes / weight_bytes(type[i].type, s.cols) / (slow ? 8 : 1) / 64 * 64;
			print_product(k, mem, type[i].type, type[i].name, s);
		}
	}
	print_attention(k, mem, 16, 4, 64, 255);
	print_attention(k, mem, 16, 1, 64, 255);
	print_attention(k, mem, 16, 4, 128, 2031);
	print_attention(k, mem, 1, 4, 64, 255);
	print_attention(k, mem, 1, 1, 64, 255);
	print_attention(k, mem, 1, 4, 128, 2047);
	print_rows(k, mem);
	return true;
}

static void
print_all(struct memory *mem)
{
	for (size_t i = 0; kernels_name(i); i++) {
		const struct kernels *k = kernels_named(kernels_name(i));
		if (k)
			print_set(k, mem);
	}
}

static int
memory_new(struct memory *m)
{
	enum { TOKENS = 512, COLS = 8192 };

	m->w_bytes = (size_t)1 << 29;
	m->w = mem_alloc64(m->w_bytes, 1);
	m->x = mem_alloc64((size_t)TOKENS * (COLS + 16), sizeof(float));
	m->y = mem_alloc64((size_t)TOKENS * (COLS + 16), sizeof(float));
	m->a.bf16 = mem_alloc64((size_t)TOKENS * (COLS + 16), sizeof(float));
	m->a.q8 = mem_alloc64(q8_size(COLS, TOKENS), 1);
	if (!m->w || !m->x || !m->y || !m->a.bf16 || !m->a.q8)
		return -1;

	/* Common floats in each of the types: no denormals, which are slow. */
	memset(m->w, 0x3c, m->w_bytes);
	for (size_t i = 0; i < (size_t)TOKENS * (COLS + 16); i++)
		m->x[i] = (float)(i % 251) / 251 - 0.5f;
	memset(m->y, 0, ((size_t)TOKENS * (COLS + 16)) * sizeof(float));
	m->a.f32 = m->x;
	return 0;
}

static void
memory_free(struct memory *m)
{
	free(m->w);
	free(m->x);
	free(m->y);
	free(m->a.bf16);
	free(m->a.q8);
}

int
main(int argc, char **argv)
{
	struct memory mem = { 0 };
	int status = 0;

	if (memory_new(&mem) < 0) {
		fprintf(stderr, "kernel-bench: %s\n", err_reason());
		memory_free(&mem);
		return 3;
	}
	print_limits(mem.w, mem.w_bytes);
	if (argc < 2 && !print_set(kernels_best(), &mem))
		status = 3;
	for (int i = 1; i < argc; i++)
		if (!strcmp(argv[i], "all"))
			print_all(&mem);
		else if (!print_set(kernels_named(argv[i]), &mem))
			status = 2;
	memory_free(&mem);
	return status;
}
