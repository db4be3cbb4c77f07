#include "model/quantize.h"

#include <math.h>
#include <string.h>
#include <strings.h>

#include "base/half.h"
#include "model/blocks.h"
#include "model/blocks_make.h"
#include "model/types.h"
#include "stream/convert.h"

/* A stream's types have GGML's numbers too. */
_Static_assert((int)STREAM_F32 == TYPE_F32 && (int)STREAM_F16 == TYPE_F16 && (int)STREAM_BF16 == TYPE_BF16 &&
    (int)STREAM_Q8_0 == TYPE_Q8_0, "types of streams and of tensors have the same numbers");

/* The types that are made. */
static const uint32_t types[] = { TYPE_F32, TYPE_F16, TYPE_BF16, TYPE_Q8_0 };
enum { TYPES = sizeof types / sizeof *types };

bool
quantize_type(const char *name, uint32_t *type)
{
	for (size_t i = 0; i < TYPES; i++)
		if (strcasecmp(name, type_info(types[i])->name) == 0) {
			*type = types[i];
			return true;
		}
	return false;
}

bool
quantize_makes(uint32_t type)
{
	for (size_t i = 0; i < TYPES; i++)
		if (types[i] == type)
			return true;
	return false;
}

void
quantize_to_f32(float *to, uint32_t type, const void *from, size_t n)
{
	if (type != TYPE_Q8_0 && blocks_has(type))
		blocks_to_f32(to, type, from, n);
	else
		convert_to_f32(to, (enum stream_dtype)type, from, n);
}

/* Are all of them below the limit, whatever their signs? A NaN is not. Bits of positive floats are in order of values. */
static bool
below(const float *x, size_t n, float limit)
{
	uint32_t most = 0;

	for (size_t i = 0; i < n; i++) {
		uint32_t abs = f32_bits(x[i]) & 0x7fffffff;
		most = abs > most ? abs : most;
	}
	return most < f32_bits(limit);
}

bool
quantize_is_finite(const float *x, size_t n)
{
	return below(x, n, INFINITY);
}

/* To nearest, halves away from zero; |v| is at most 128. */
static int8_t
nearest(float v)
{
	int i = (int)v;
	float rest = v - (float)i;

	return (int8_t)(i + (rest >= 0.5f) - (rest <= -0.5f));
}

static bool
q8_from_f32(uint8_t *to, const float *from)
{
	float amax = 0;
	int8_t q[STREAM_Q8_BLOCK];

	for (int i = 0; i < STREAM_Q8_BLOCK; i++) {
		float a = fabsf(from[i]);
		amax = a > amax ? a : amax;
	}
	float d = amax / 127, inverse = d > 0 ? 1 / d : 0;
	uint16_t scale = f16_from_f32(d);
	if ((scale & 0x7c00) == 0x7c00)
		return false;
	/* d so small that 1/d is infinite is 0 as f16: the quants don't matter. ggml has 0 there on x86. */
	for (int i = 0; i < STREAM_Q8_BLOCK; i++)
		q[i] = inverse < INFINITY ? nearest(from[i] * inverse) : 0;
	memcpy(to, &scale, sizeof scale);
	memcpy(to + sizeof scale, q, sizeof q);
	return true;
}

bool
quantize_row(void *to, uint32_t type, const float *from, const float *by, size_t n)
{
	/* Half a step above the largest number, where rounding gives infinity. */
	float limit = type == TYPE_F16 ? 65520 : type == TYPE_BF16 ? 0x1.ffp127f : INFINITY;

	if (!below(from, n, limit))
		return false;
	if (blocks_makes(type))
		return blocks_make(to, type, from, by, n);
	if (type != TYPE_Q8_0)
		return convert_from_f32(to, (enum stream_dtype)type, from, n);
	for (size_t i = 0; i < n / STREAM_Q8_BLOCK; i++)
		if (!q8_from_f32((uint8_t *)to + i * STREAM_Q8_BYTES, from + i * STREAM_Q8_BLOCK))
			return false;
	return true;
}

bool
quantize_from_f32(void *to, uint32_t type, const float *from, size_t n)
{
	return quantize_row(to, type, from, NULL, n);
}
