/* Half-precision conversions (base/half.h): hashes of what Python's struct makes of the same, and the processor's own. */
#include <stdint.h>
#include <string.h>

#include "base/half.h"
#include "tap.h"

#include "kernel_golden.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

static uint64_t
hash_word(uint64_t h, uint32_t u)
{
	return (h ^ u) * 0x100000001b3;
}

static const uint64_t hash_begin = 0xcbf29ce484222325;

static void
test_f16(void)
{
	static const uint32_t step[] = { 0x0fff, 0x1000, 0x1001, 0x17ff };
	uint64_t wide = hash_begin, narrow = hash_begin;
	int back = 0;

	for (uint32_t h = 0; h < 65536; h++) {
		if ((h & 0x7c00) == 0x7c00)
			continue;
		float f = f32_from_f16((uint16_t)h);
		wide = hash_word(wide, f32_bits(f));
		for (int i = 0; i < 4; i++)
			narrow = hash_word(narrow, f16_from_f32(f32_from_bits(f32_bits(f) + step[i])));
		back += f16_from_f32(f) != h;
	}
	tap_ok(wide == golden_f32_from_f16, "every f16 becomes the float that struct makes of it");
	tap_ok(narrow == golden_f16_from_f32, "floats around every f16, ties among them, become the f16 of struct");
	tap_ok(back == 0, "there and back, every f16 is the same");
}

static void
test_special(void)
{
	tap_ok(f32_bits(f32_from_f16(0x7c00)) == 0x7f800000 && f32_bits(f32_from_f16(0xfc00)) == 0xff800000,
	    "infinities of f16");
	tap_ok(f32_bits(f32_from_f16(0x7c01)) == 0x7fc02000 && f32_bits(f32_from_f16(0xfe00)) == 0xffc00000,
	    "no number of f16 becomes a quiet one");
	tap_ok(f16_from_f32(f32_from_bits(0xff800001)) == 0xfe00 && f16_from_f32(f32_from_bits(0x7f800000)) == 0x7c00,
	    "no number and infinity to f16");
	tap_ok(bf16_from_f32(f32_from_bits(0xff800001)) == 0xffc0 && bf16_from_f32(f32_from_bits(0x7f7fffff)) == 0x7f80,
	    "no number to bf16, and the largest float to infinity");
}

static void
test_bf16(void)
{
	static const uint32_t low[] = { 0, 1, 0x7fff, 0x8000, 0x8001, 0xffff };
	uint64_t h = hash_begin;

	for (uint32_t u = 0; u < 65536; u++)
		for (int i = 0; i < 6; i++)
			h = hash_word(h, bf16_from_f32(f32_from_bits(u << 16 | low[i])));
	tap_ok(h == golden_bf16_from_f32, "floats around every bf16 are rounded to even");
}

#if defined(__x86_64__)
static __attribute__((target("f16c"))) int
f16c_differs(void)
{
	int differ = 0;

	for (uint32_t h = 0; h < 65536; h++) {
		float f = _cvtsh_ss((uint16_t)h);
		differ += f32_bits(f) != f32_bits(f32_from_f16((uint16_t)h));
	}
	/* Every float whose lowest 10 bits are 0, 1 or all ones: with them every tie of f16 is there. */
	for (uint64_t u = 0; u < 1ull << 32; u += 1024) {
		for (uint32_t i = 0; i < 3; i++) {
			float f = f32_from_bits((uint32_t)u + (i == 2 ? 1023 : i));
			uint16_t a = f16_from_f32(f), b = (uint16_t)_cvtss_sh(f, 0);
			differ += f == f && a != b;
		}
	}
	return differ;
}

static void
test_processor(void)
{
	if (__builtin_cpu_supports("avx2")) /* all that have it have F16C */
		tap_ok(f16c_differs() == 0, "the processor's own conversions give the same");
	else
		tap_skip("the processor's own conversions give the same", "there are none");
}
#else
static void
test_processor(void)
{
	int differ = 0;

	for (uint32_t h = 0; h < 65536; h++) {
		__fp16 f;
		uint16_t bits = (uint16_t)h;
		memcpy(&f, &bits, sizeof f);
		differ += f32_bits((float)f) != f32_bits(f32_from_f16(bits));
	}
	tap_ok(differ == 0, "the processor's own conversions give the same");
}
#endif

int
main(void)
{
	test_f16();
	test_special();
	test_bf16();
	test_processor();
	return tap_done();
}
