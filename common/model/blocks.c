#include "model/blocks.h"

#include <string.h>

#include "base/half.h"
#include "model/types.h"

enum { HALF = BLOCKS_SIZE / 2, SCALE = 2, HIGH = 4 };

/* ggml-common.h: kvalues_iq4nl */
const int8_t blocks_iq4[16] = { -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113 };

bool
blocks_has(uint32_t type)
{
	return type == TYPE_Q8_0 || type == TYPE_Q4_0 || type == TYPE_Q5_0 || type == TYPE_IQ4_NL;
}

void
blocks_codes(uint8_t code[BLOCKS_SIZE], uint32_t type, const uint8_t *block)
{
	const uint8_t *low = block + SCALE + (type == TYPE_Q5_0 ? HIGH : 0), *high = block + SCALE;

	for (int i = 0; i < BLOCKS_SIZE; i++)
		if (type == TYPE_Q8_0)
			code[i] = low[i] ^ 0x80;
		else
			code[i] = i < HALF ? low[i] & 15 : low[i - HALF] >> 4;
	for (int i = 0; type == TYPE_Q5_0 && i < BLOCKS_SIZE; i++)
		code[i] = (uint8_t)(code[i] | (high[i / 8] >> i % 8 & 1) << 4); /* < 32 */
}

void
blocks_put(uint8_t *block, uint32_t type, const uint8_t scale[2], const uint8_t code[BLOCKS_SIZE])
{
	uint8_t *low = block + SCALE + (type == TYPE_Q5_0 ? HIGH : 0), *high = block + SCALE;

	memcpy(block, scale, SCALE);
	if (type == TYPE_Q8_0) {
		for (int i = 0; i < BLOCKS_SIZE; i++)
			low[i] = code[i] ^ 0x80;
		return;
	}
	for (int i = 0; i < HALF; i++)
		low[i] = (uint8_t)((code[i] & 15) | (code[i + HALF] & 15) << 4); /* 8 bits */
	if (type != TYPE_Q5_0)
		return;
	memset(high, 0, HIGH);
	for (int i = 0; i < BLOCKS_SIZE; i++)
		high[i / 8] = (uint8_t)(high[i / 8] | (code[i] >> 4 & 1) << i % 8); /* 8 bits */
}

int
blocks_value(uint32_t type, uint8_t code)
{
	switch (type) {
	case TYPE_Q4_0:
		return code - 8;
	case TYPE_Q5_0:
		return code - 16;
	case TYPE_IQ4_NL:
		return blocks_iq4[code & 15];
	default:
		return code - 128;
	}
}

void
blocks_to_f32(float *to, uint32_t type, const void *from, size_t n)
{
	const uint8_t *block = from;
	uint8_t code[BLOCKS_SIZE];
	uint16_t h;

	for (size_t i = 0; i < n; i += BLOCKS_SIZE, block += type_info(type)->block_bytes) {
		memcpy(&h, block, sizeof h);
		blocks_codes(code, type, block);
		for (size_t k = 0; k < BLOCKS_SIZE; k++)
			to[i + k] = f32_from_f16(h) * (float)blocks_value(type, code[k]);
	}
}
