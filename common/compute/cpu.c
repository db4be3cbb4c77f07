#include "compute/cpu.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "compute/kernel_sets.h"

/* A set is a table, or the functions that are its own and for the rest another's table. */
struct set {
	const char *name;
	unsigned needs;    /* of what the processor and the system offer */
	unsigned wants;    /* not chosen without, though it could run */
	const struct kernels *table;
	struct kernels own;
};

#if defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What the processor and the system offer, as bits. */
enum {
	HAS_SSE4 = 1,
	HAS_AVX2 = 2,       /* with FMA and F16C */
	HAS_AVX512 = 4,     /* F, BW, DQ, VL, VNNI */
	HAS_AVX512BF16 = 8,
	HAS_AMX = 16,       /* AMX-INT8 */
	HAS_AVXVNNI = 64,   /* VNNI in 32-byte registers, with AVX2 */
	HAS_FAST_BF16 = 32, /* vdpbf16ps takes less time than two steps of f32: not so on Intel's processors */
};

enum { STATE_YMM = 0x6, STATE_ZMM = 0xe6, STATE_TILES = 0x60000 };

static bool
all(unsigned word, unsigned bits)
{
	return (word & bits) == bits;
}

/* The registers that the system saves. */
static unsigned
saved_state(void)
{
	unsigned low, high;

	__asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
	return low;
}

/* Linux gives a process its tile registers when it asks. */
static bool
tiles_permitted(void)
{
	enum { ARCH_REQ_XCOMP_PERM = 0x1023, XFEATURE_XTILEDATA = 18 };

	return syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0;
}

static bool
is_intel(void)
{
	unsigned a, b, c, d;

	return __get_cpuid(0, &a, &b, &c, &d) && b == signature_INTEL_ebx && c == signature_INTEL_ecx && d == signature_INTEL_edx;
}

static unsigned
offered(void)
{
	const unsigned avx512 = bit_AVX512F | bit_AVX512DQ | bit_AVX512BW | bit_AVX512VL;
	unsigned a, b, c, d, c7, d7, b7, a71 = 0, found = 0, state = 0;

	if (!__get_cpuid(1, &a, &b, &c, &d))
		return 0;
	if (all(c, bit_SSSE3 | bit_SSE4_1))
		found |= HAS_SSE4;
	if (all(c, bit_OSXSAVE))
		state = saved_state();
	if (!__get_cpuid_count(7, 0, &a, &b7, &c7, &d7))
		return found;
	if (all(state, STATE_YMM) && all(c, bit_AVX | bit_FMA | bit_F16C) && all(b7, bit_AVX2))
		found |= HAS_AVX2;
	if ((found & HAS_AVX2) && all(state, STATE_ZMM) && all(b7, avx512) && all(c7, bit_AVX512VNNI))
		found |= HAS_AVX512;
	if (a < 1 || !__get_cpuid_count(7, 1, &a71, &b, &c, &d))
		return found;
	if ((found & HAS_AVX2) && all(a71, 1u << 4))
		found |= HAS_AVXVNNI;
	if ((found & HAS_AVX512) && all(a71, 1u << 5))
		found |= HAS_AVX512BF16 | (is_intel() ? 0 : HAS_FAST_BF16);
	if ((found & HAS_AVX512BF16) && all(state, STATE_TILES) && all(d7, 1u << 24 | 1u << 25))
		found |= HAS_AMX;
	return found;
}

static const struct set sets[] = {
	{ "scalar", 0, 0, &kernels_scalar, { 0 } },
	{ "sse4", HAS_SSE4, 0, &kernels_sse4, { 0 } },
	{ "avx2", HAS_AVX2, 0, &kernels_avx2, { 0 } },
	{ "avxvnni", HAS_AVXVNNI, 0, &kernels_avx2, { .matmul = matmul_avxvnni } },
	{ "avx512", HAS_AVX512, 0, &kernels_avx512, { 0 } },
	{ "avx512bf16", HAS_AVX512BF16, HAS_FAST_BF16, &kernels_avx512, { .matmul = matmul_avx512bf16, .to_bf16 = to_bf16_pairs } },
	{ "amx", HAS_AMX, 0, &kernels_avx512, { .matmul = matmul_amx } },
};

static bool
permitted(const struct set *s)
{
	return !(s->needs & HAS_AMX) || tiles_permitted();
}
#else
static unsigned
offered(void)
{
	return 0;
}

static const struct set sets[] = {
	{ "scalar", 0, 0, &kernels_scalar, { 0 } },
#if defined(__aarch64__)
	{ "neon", 0, 0, &kernels_neon, { 0 } },
#endif
};

static bool
permitted(const struct set *s)
{
	(void)s;
	return true;
}
#endif

enum { SETS = sizeof sets / sizeof *sets };

const char *
kernels_name(size_t i)
{
	return i < SETS ? sets[i].name : NULL;
}

/* Tables are put together here. Threads that do it at once write the same. */
static const struct kernels *
table(const struct set *s)
{
	static struct kernels made[SETS];
	struct kernels *k = &made[s - sets];

	*k = *s->table;
	k->name = s->name;
	if (s->own.matmul)
		k->matmul = s->own.matmul;
	if (s->own.to_bf16)
		k->to_bf16 = s->own.to_bf16;
	return k;
}

const struct kernels *
kernels_named(const char *name)
{
	for (size_t i = 0; i < SETS; i++) {
		const struct set *s = &sets[i];
		if (strcmp(s->name, name))
			continue;
		if ((s->needs & ~offered()) == 0 && permitted(s))
			return table(s);
		err_set(ERR_SYSTEM, "kernel set '%s': this processor or system lacks it", name);
		return NULL;
	}
	err_set(ERR_USAGE, "kernel set '%s' is unknown here", name);
	return NULL;
}

static char passed_over[256];

const char *
kernels_passed_over(void)
{
	return passed_over;
}

static const struct kernels *
tested(const char *name)
{
	const struct kernels *k = kernels_named(name);
	const char *failed = k ? kernels_test(k) : NULL;

#if defined(MAI_TEST_REORDER) || defined(MAI_TEST_FREE_ORDER) /* kernel_float.inc, tests/bench/exact */
	failed = NULL;
#endif
	if (!failed)
		return k;
	err_set(ERR_SYSTEM, "kernel set '%s' fails its known-answer test (%s)", name, failed);
	return NULL;
}

const struct kernels *
kernels_best(void)
{
	const char *name = getenv("MAI_CPU");

	if (name && *name) {
		const struct kernels *k = tested(name);
		if (!k)
			err_wrap("MAI_CPU");
		return k;
	}
	passed_over[0] = '\0';
	for (size_t i = SETS; i-- > 0;) {
		if ((sets[i].needs | sets[i].wants) & ~offered())
			continue;
		const struct kernels *k = tested(sets[i].name);
		if (k)
			return k;
		size_t n = strlen(passed_over);
		snprintf(passed_over + n, sizeof passed_over - n, "%s%s", n ? "; " : "", err_reason());
	}
	err_set(ERR_SYSTEM, "no kernel set passes its known-answer test");
	return NULL;
}
