#include "stream/convert.h"

#include <string.h>

#include "base/half.h"

/* A q8_0 block as it lies in the stream. */
struct q8_block {
	uint16_t scale;
	int8_t q[STREAM_Q8_BLOCK];
};
_Static_assert(sizeof(struct q8_block) == STREAM_Q8_BYTES, "a block of q8_0 is 34 bytes");

static void
q8_to_f32(float *to, const struct q8_block *b)
{
	float scale = f32_from_f16(b->scale);

	for (int i = 0; i < STREAM_Q8_BLOCK; i++)
		to[i] = (float)b->q[i] * scale;
}

/* Within the range of int8: adding 1.5 * 2^23 leaves the rounded integer in the low bits. */
static int8_t
nearest(float v)
{
	return (int8_t)(v + 0x1.8p23f - 0x1.8p23f);
}

static bool
q8_from_f32(struct q8_block *b, const float *from)
{
	float amax = 0;

	for (int i = 0; i < STREAM_Q8_BLOCK; i++) {
		float a = from[i] < 0 ? -from[i] : from[i];
		if (!(a <= 0x1.fffffep127f)) /* infinite, or none */
			return false;
		if (a > amax)
			amax = a;
	}
	b->scale = f16_from_f32(amax / 127);
	if ((b->scale & 0x7c00) == 0x7c00)
		return false;
	float inverse = amax > 0 ? 127 / amax : 0;
	for (int i = 0; i < STREAM_Q8_BLOCK; i++)
		b->q[i] = inverse <= 0x1.fffffep127f ? nearest(from[i] * inverse) : 0; /* amax so small that the scale is 0 */
	return true;
}

void
convert_to_f32(float *to, enum stream_dtype dtype, const void *from, size_t n)
{
	const uint16_t *half = from;
	const struct q8_block *block = from;

	switch (dtype) {
	case STREAM_F32:
		memcpy(to, from, n * sizeof *to);
		break;
	case STREAM_F16:
		for (size_t i = 0; i < n; i++)
			to[i] = f32_from_f16(half[i]);
		break;
	case STREAM_BF16:
		for (size_t i = 0; i < n; i++)
			to[i] = f32_from_bf16(half[i]);
		break;
	case STREAM_Q8_0:
		for (size_t i = 0; i < n / STREAM_Q8_BLOCK; i++)
			q8_to_f32(to + i * STREAM_Q8_BLOCK, &block[i]);
		break;
	}
}

bool
convert_from_f32(void *to, enum stream_dtype dtype, const float *from, size_t n)
{
	uint16_t *half = to;
	struct q8_block *block = to;

	switch (dtype) {
	case STREAM_F32:
		memcpy(to, from, n * sizeof *from);
		break;
	case STREAM_F16:
		for (size_t i = 0; i < n; i++)
			half[i] = f16_from_f32(from[i]);
		break;
	case STREAM_BF16:
		for (size_t i = 0; i < n; i++)
			half[i] = bf16_from_f32(from[i]);
		break;
	case STREAM_Q8_0:
		for (size_t i = 0; i < n / STREAM_Q8_BLOCK; i++)
			if (!q8_from_f32(&block[i], from + i * STREAM_Q8_BLOCK))
				return false;
		break;
	}
	return true;
}
