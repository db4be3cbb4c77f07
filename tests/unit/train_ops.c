/* What training does row by row (train/ops.h): beside the formula in double, and the same bits from each set. */
#include <math.h>
#include <string.h>

#include "compute/cpu.h"
#include "tap.h"
#include "train/draw.h"
#include "train/ops.h"

enum { MOST = 70, LENGTHS = 6 };
static const size_t lengths[LENGTHS] = { 1, 15, 16, 17, 32, MOST };

/* The inputs and outputs of one call, as bits to compare. */
struct row {
	float a[MOST], b[MOST], c[MOST], d[MOST];
};

static struct row
random_row(uint64_t seed)
{
	struct row r;

	draw_normal(r.a, MOST, 1.5, seed, 0);
	draw_normal(r.b, MOST, 1.5, seed, 1);
	draw_normal(r.c, MOST, 1.5, seed, 2);
	draw_normal(r.d, MOST, 0.5, seed, 3);
	return r;
}

static bool
near(double got, double want)
{
	return fabs(got - want) <= 1e-5 * (1 + fabs(want));
}

/* ---- each function: the row after it; and whether that is what the formula gives ---- */

static struct row
norm_back(const struct ops *o, size_t n, bool *good)
{
	struct row r = random_row(n), in = r;
	double squares = 0, products = 0;

	o->rms_norm_back(r.a, r.b, r.c, r.d, in.b, n, 0.01f);
	for (size_t i = 0; i < n; i++) {
		squares += (double)in.d[i] * in.d[i] / (double)n;
		products += (double)in.c[i] * in.b[i] * in.d[i] / (double)n;
	}
	double s = 1 / sqrt(squares + 0.01);
	for (size_t i = 0; i < n; i++)
		*good &= near(r.a[i], in.a[i] + s * in.c[i] * in.b[i] - in.d[i] * s * s * s * products) &&
		    near(r.b[i], in.b[i] + in.c[i] * s * in.d[i]);
	return r;
}

static struct row
silu_back(const struct ops *o, size_t n, bool *good)
{
	struct row r = random_row(n), in = r;

	o->silu_mul_back(r.a, r.b, r.c, r.d, n);
	for (size_t i = 0; i < n; i++) {
		double g = in.b[i], s = 1 / (1 + exp(-g));
		*good &= near(r.a[i], g * s * in.c[i]) && near(r.c[i], in.d[i] * g * s) &&
		    near(r.b[i], in.d[i] * in.c[i] * (s + g * s * (1 - s)));
	}
	return r;
}

static struct row
softmaxes(const struct ops *o, size_t n, bool *good)
{
	struct row r = random_row(n), in = r;
	double sum = 0, all = 0;

	struct softmax_row row = o->softmax(r.a, n, MOST, 0.7f);
	memcpy(r.b, in.a, sizeof r.b);
	o->softmax_again(r.b, n, MOST, 0.7f, row);
	for (size_t i = 0; i < n; i++)
		sum += exp(0.7 * in.a[i]);
	for (size_t i = 0; i < n; i++) {
		*good &= near(r.a[i], exp(0.7 * in.a[i]) / sum) && near(r.b[i], r.a[i]);
		all += r.a[i];
	}
	for (size_t i = n; i < MOST; i++)
		*good &= r.a[i] == 0 && r.b[i] == 0;
	*good &= near(all, 1);
	return r;
}

static struct row
softmax_back(const struct ops *o, size_t n, bool *good)
{
	struct row r = random_row(n), in = r;

	o->softmax_back(r.a, r.b, n, 0.3f, 2);
	for (size_t i = 0; i < n; i++)
		*good &= near(r.a[i], in.b[i] * (in.a[i] - 0.3) * 2);
	return r;
}

static struct row
sums(const struct ops *o, size_t n, bool *good)
{
	struct row r = random_row(n), in = r;
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += (double)r.a[i] * r.b[i];
	r.d[0] = o->dot(r.a, r.b, n);
	*good &= near(r.d[0], sum);
	o->add(r.b, r.a, n);
	o->scale(r.c, n, 3);
	for (size_t i = 0; i < n; i++)
		*good &= near(r.b[i], in.a[i] + in.b[i]) && near(r.c[i], 3 * in.c[i]);
	return r;
}

static struct row
adamw(const struct ops *o, size_t n, bool *good)
{
	const struct adamw a = { .lr = 0.1f, .beta1 = 0.9f, .beta2 = 0.95f, .epsilon = 1e-3f, .decay = 0.2f, .correction1 = 2,
		.correction2 = 3, .gradient_scale = 0.5f };
	struct row r = random_row(n), in;

	for (size_t i = 0; i < n; i++)
		r.c[i] = fabsf(r.c[i]);
	in = r;
	o->adamw(&a, r.a, r.b, r.c, r.d, n);
	for (size_t i = 0; i < n; i++) {
		double g = 0.5 * in.d[i], m = 0.9 * in.b[i] + 0.1 * g, v = 0.95 * in.c[i] + 0.05 * g * g;
		*good &= near(r.b[i], m) && near(r.c[i], v) &&
		    near(r.a[i], in.a[i] * (1 - 0.1 * 0.2) - 0.1 * (2 * m) / (sqrt(3 * v) + 1e-3));
	}
	return r;
}

/* ---- all sets ---- */

static const struct {
	const char *name;
	const struct ops *ops;
} sets[] = {
	{ "scalar", &ops_scalar },
#if defined(__x86_64__)
	{ "avx2", &ops_avx2 },
	{ "avx512", &ops_avx512 },
#elif defined(__aarch64__)
	{ "neon", &ops_neon },
#endif
};

static void
check(const char *what, struct row (*f)(const struct ops *o, size_t n, bool *good))
{
	for (size_t s = 0; s < sizeof sets / sizeof *sets; s++) {
		bool good = true, same = true;
		if (!kernels_named(sets[s].name)) {
			tap_skip(what, sets[s].name);
			continue;
		}
		for (size_t i = 0; i < LENGTHS; i++) {
			struct row r = f(sets[s].ops, lengths[i], &good), first = f(&ops_scalar, lengths[i], &(bool){ true });
			same &= memcmp(&r, &first, sizeof r) == 0;
		}
		tap_ok(good, "%s: %s is what the formula gives", sets[s].name, what);
		tap_ok(same, "%s: %s has the same bits as scalar", sets[s].name, what);
	}
}

int
main(void)
{
	check("rms_norm_back", norm_back);
	check("silu_mul_back", silu_back);
	check("softmax", softmaxes);
	check("softmax_back", softmax_back);
	check("dot, add, scale", sums);
	check("adamw", adamw);
	tap_ok(ops_best() != NULL, "a set is chosen");
	return tap_done();
}
