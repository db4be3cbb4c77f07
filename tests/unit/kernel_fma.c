/*
 * Fused multiply-add in software (compute/lanes_fma.h) against the processor's instruction, and with flushed denormals
 * against its flushing mode and vdpbf16ps. An argument multiplies how much is tried.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/half.h"
#include "compute/lanes_fma.h"
#include "tap.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

enum { TRIPLES = 3000000 };

static long times = 1;
static uint64_t state = 88172645463325252;

static uint32_t
any(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 16);
}

static float
with_exponent(uint32_t exponent)
{
	uint32_t u = any();

	/* few bits now and then, so that sums are exact or ties */
	if (any() % 3 == 0)
		u &= any() % 2 ? 0xfff00000 : 0x80000001 << any() % 20;
	return f32_from_bits((u & 0x807fffff) | exponent % 256 << 23);
}

/*
 * Three floats: of any bits; with a product near the sum's other part; with results among the denormals; with a part that
 * is all but cancelled.
 */
static void
triple(float *a, float *b, float *c)
{
	uint32_t e = any() % 256, f = any() % 256;

	switch (any() % 5) {
	case 0:
		*a = f32_from_bits(any()), *b = f32_from_bits(any()), *c = f32_from_bits(any());
		return;
	case 1:
		*a = with_exponent(e), *b = with_exponent(f), *c = with_exponent(e + f - 127 + any() % 60 - 30);
		return;
	case 2:
		e = any() % 127;
		*a = with_exponent(e), *b = with_exponent(127 - e + any() % 40 - 30), *c = with_exponent(any() % 27);
		return;
	case 3:
		*a = with_exponent(100 + e % 50), *b = with_exponent(100 + f % 50);
		*c = f32_from_bits(f32_bits(-(*a * *b)) + any() % 5 - 2);
		return;
	default:
		/* sums around 2^-126, where flushing begins */
		e = any() % 127;
		*a = with_exponent(e), *b = with_exponent(127 - e + any() % 3 - 25);
		*c = f32_from_bits((any() & 0x80000000) | (0x00800000 + any() % 4));
	}
}

static bool
same(float a, float b)
{
	return f32_bits(a) == f32_bits(b) || (a != a && b != b);
}

#if defined(__x86_64__)
static __attribute__((target("fma"), noinline)) float
processor_fma(float a, float b, float c)
{
	return _mm_cvtss_f32(_mm_fmadd_ss(_mm_set_ss(a), _mm_set_ss(b), _mm_set_ss(c)));
}

static bool
has_fma(void)
{
	return __builtin_cpu_supports("fma");
}
#else
static float
processor_fma(float a, float b, float c)
{
	return __builtin_fmaf(a, b, c);
}

static bool
has_fma(void)
{
	return true;
}
#endif

static void
test_fma(void)
{
	float a, b, c;

	if (!has_fma()) {
		tap_skip("fma in software is the processor's", "it has none");
		return;
	}
	for (long i = 0; i < TRIPLES * times; i++) {
		triple(&a, &b, &c);
		if (!same(soft_fma(a, b, c), processor_fma(a, b, c))) {
			tap_ok(false, "fma(%a, %a, %a): software %a, processor %a", (double)a, (double)b, (double)c,
			    (double)soft_fma(a, b, c), (double)processor_fma(a, b, c));
			return;
		}
	}
	tap_ok(true, "fma in software is the processor's, for %ld triples", TRIPLES * times);
}

/* Rounding of known sums, for processors with nothing to compare with. */
static void
test_exact(void)
{
	tap_ok(soft_fma(0x1.001p0f, 0x1.001p0f, -1) == 0x1.0008p-11f, "a product keeps all its bits");
	tap_ok(soft_fma(1, 1, 0x1p-24f) == 1 && soft_fma(0x1.000002p0f, 1, 0x1p-24f) == 0x1.000004p0f, "ties go to even");
	tap_ok(soft_fma(1, 1, 0x1.000002p-24f) == 0x1.000002p0f, "above a tie goes up");
	tap_ok(soft_fma(0x1.fffffep63f, 0x1.000002p64f, -0x1p127f) == 0x1.000002p127f, "a product above the largest float");
	tap_ok(soft_fma(0x1p-75f, 0x1p-75f, 0) == 0 && soft_fma(0x1.000002p-75f, 0x1p-75f, 0) == 0x1p-149f,
	    "half of the least denormal goes to zero, more to one");
	tap_ok(f32_bits(soft_fma(-1, 0, -0.0f)) == 0x80000000 && f32_bits(soft_fma(1, 1, -1)) == 0, "signs of zero");
	tap_ok(soft_fma_flush(0x1p-75f, 0x1p-76f, -0x1p-126f) == -0x1p-126f, "flushing: a tie below 2^-126 goes up to it");
	tap_ok(f32_bits(soft_fma_flush(0x1.000002p-75f, 0x1p-76f, -0x1p-126f)) == 0x80000000, "flushing: what lies below is zero");
}

#if defined(__x86_64__)
static float
no_denormal(float f)
{
	return f32_bits(f) & 0x7f800000 ? f : f32_from_bits(f32_bits(f) & 0x80000000);
}

/* The processor's own mode, as lanes_avx2.h uses it. */
static void
test_flush(void)
{
	float a, b, c;
	unsigned saved = _mm_getcsr();

	if (!has_fma()) {
		tap_skip("fma with flushing is the processor's", "it has none");
		return;
	}
	for (long i = 0; i < TRIPLES * times; i++) {
		triple(&a, &b, &c);
		_mm_setcsr(0x9fc0);
		float r = processor_fma(a, b, c);
		_mm_setcsr(saved);
		float s = soft_fma_flush(no_denormal(a), no_denormal(b), no_denormal(c));
		if (!same(r, s)) {
			tap_ok(false, "fma(%a, %a, %a) with flushing: software %a, processor %a", (double)a, (double)b, (double)c,
			    (double)s, (double)r);
			return;
		}
	}
	tap_ok(true, "fma with flushing is the processor's, for %ld triples", TRIPLES * times);
}

static __attribute__((target("avx512bf16,avx512vl"), noinline)) float
processor_pair(float sum, uint32_t w, uint32_t x)
{
	__m128i ws = _mm_cvtsi32_si128((int)w), xs = _mm_cvtsi32_si128((int)x);

	return _mm_cvtss_f32(_mm_dpbf16_ps(_mm_set_ss(sum), (__m128bh)ws, (__m128bh)xs));
}

/* Two steps a pair: the odd elements first. */
static void
test_bf16(void)
{
	static const char *const what = "two steps with flushing are vdpbf16ps";
	float a, b, c, d, e, f;

	if (!__builtin_cpu_supports("avx512bf16")) {
		tap_skip(what, "this processor lacks it");
		return;
	}
	for (long i = 0; i < TRIPLES * times; i++) {
		triple(&a, &b, &c);
		triple(&d, &e, &f);
		uint32_t w = (f32_bits(a) & 0xffff0000) | f32_bits(d) >> 16, x = (f32_bits(b) & 0xffff0000) | f32_bits(e) >> 16;
		float r = processor_pair(c, w, x);
		float s = soft_fma_flush(no_denormal(f32_from_bits(w & 0xffff0000)), no_denormal(f32_from_bits(x & 0xffff0000)),
		    no_denormal(c));
		s = soft_fma_flush(no_denormal(f32_from_bits(w << 16)), no_denormal(f32_from_bits(x << 16)), s);
		if (!same(r, s)) {
			tap_ok(false, "vdpbf16ps %a, %08x, %08x: software %a, processor %a", (double)c, w, x, (double)s, (double)r);
			return;
		}
	}
	tap_ok(true, "%s, for %ld pairs", what, TRIPLES * times);
}
#endif

int
main(int argc, char **argv)
{
	if (argc > 1)
		times = strtol(argv[1], NULL, 10);
	test_exact();
	test_fma();
#if defined(__x86_64__)
	test_flush();
	test_bf16();
#endif
	return tap_done();
}
