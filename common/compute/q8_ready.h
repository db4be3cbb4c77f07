/*
 * q8_ready.h: a stretch of a tile of blocks made ready for products (inside compute only): codes as bytes with 128 added, as q8_0 has
 * them, and the scales and least values of groups as f32. So one product serves all types of blocks. Loops are plain, for the compiler
 * to make vectors of; the file before has the lanes, and q8_look_up(codes, table), for 64 codes.
 */
#ifndef MAI_COMPUTE_Q8_READY_H
#define MAI_COMPUTE_Q8_READY_H

#include "compute/kernel.h"
#include "model/blocks.h"
#include "model/blocks_scales.h"
#include "model/tile.h"

/* Parts of 32 k in a stretch, but for the last of a row: whole blocks. */
enum { Q8_PARTS = 16, Q8_GROUPS = 2 * Q8_PARTS };

/* Bytes between the scales that are used and those that are asked for. */
enum { Q8_SCALES_AHEAD = 512 };

/* Of one matrix, what its tiles are like. */
struct q8_matrix {
	uint32_t type;
	const struct blocks *b;
	const uint8_t *codes, *scales;  /* where the sections begin */
	size_t parts;                   /* of a row */
	size_t part_bytes, scale_bytes; /* of a part's codes; of a block's scales */
	size_t block_parts, part_groups;
};

/* Of a tile and a stretch: the scales of a group are 16 floats. */
struct q8_scales {
	_Alignas(64) float scale[Q8_GROUPS][TILE_ROWS], least[Q8_GROUPS][TILE_ROWS];
};

static inline struct q8_matrix
q8_matrix_of(const struct matmul *m)
{
	const struct blocks *b = blocks_of(m->type);

	return (struct q8_matrix){
		.type = m->type, .b = b, .codes = m->w, .scales = m->scales, .parts = m->cols / BLOCKS_PART,
		.part_bytes = tile_codes(b), .scale_bytes = tile_scales(b),
		.block_parts = b->size / BLOCKS_PART, .part_groups = BLOCKS_PART / b->group,
	};
}

static inline const uint8_t *
q8_codes_at(const struct q8_matrix *m, size_t tile, size_t part)
{
	return m->codes + (tile * m->parts + part) * m->part_bytes;
}

/* Of the block that begins with a part. */
static inline const uint8_t *
q8_scales_at(const struct q8_matrix *m, size_t tile, size_t part)
{
	return m->scales + (tile * m->parts + part) / m->block_parts * m->scale_bytes;
}

/* The numbers of a block's groups, of all rows, times an f16 of each row. */
static inline __attribute__((always_inline)) void
q8_times(float (*to)[TILE_ROWS], const int8_t *n, size_t groups, vf f16)
{
	for (size_t g = 0; g < groups; g++)
		vf_store(to[g], vf_mul(vf_s8(n + g * TILE_ROWS), f16));
}

/* Of a block, from its group `group` on. */
static inline __attribute__((always_inline)) void
q8_make_block_scales(struct q8_scales *to, size_t group, const struct q8_matrix *m, const uint8_t *from)
{
	int8_t scale[BLOCKS_GROUPS * TILE_ROWS], least[BLOCKS_GROUPS * TILE_ROWS];
	size_t groups = m->block_parts * m->part_groups;
	const uint8_t *bytes = from + TILE_ROWS * 2 * m->b->n_f16;
	vf first = m->b->n_f16 > 0 ? vf_f16((const void *)from) : vf_set(0);
	vf second = m->b->least ? vf_f16((const void *)(from + TILE_ROWS * 2)) : vf_set(0);

	if (blocks_numbers(scale, least, m->type, bytes, TILE_ROWS)) {
		q8_times(to->scale + group, scale, groups, first);
		if (m->b->least)
			q8_times(to->least + group, least, groups, vf_sub(vf_set(-0.0f), second));
	} else if (m->type == TYPE_MXFP4) {
		for (size_t r = 0; r < TILE_ROWS; r++)
			to->scale[group][r] = blocks_e8m0(bytes[r]);
	} else {
		vf_store(to->scale[group], first);
		vf_store(to->least[group], second);
	}
}

/* The scales of `parts` parts of a tile from `part` on, which begins a block. */
static inline __attribute__((always_inline)) void
q8_make_scales(struct q8_scales *to, const struct q8_matrix *m, size_t tile, size_t part, size_t parts)
{
	const uint8_t *from = q8_scales_at(m, tile, part);

	for (size_t i = 0; i < parts; i += m->block_parts, from += m->scale_bytes) {
		__builtin_prefetch(from + Q8_SCALES_AHEAD);
		q8_make_block_scales(to, i * m->part_groups, m, from);
	}
}

/* The lower plane of 512 codes, and then the upper one. */
static inline __attribute__((always_inline)) void
q8_low(uint8_t *restrict to, const uint8_t *restrict from, int bits, uint8_t more)
{
	const size_t n = TILE_CODES / 8 * (size_t)bits;

	for (int part = 0; part < 8 / bits; part++)
		for (size_t i = 0; i < n; i++)
			to[(size_t)part * n + i] = (uint8_t)((from[i] >> part * bits & ((1 << bits) - 1)) + more); /* 8 bits */
}

static inline __attribute__((always_inline)) void
q8_high(uint8_t *restrict to, const uint8_t *restrict from, int bits, int low)
{
	const size_t n = TILE_CODES / 8 * (size_t)bits;

	for (int part = 0; part < 8 / bits; part++)
		for (size_t i = 0; i < n; i++)
			to[(size_t)part * n + i] = (uint8_t)(to[(size_t)part * n + i] + ((from[i] >> part * bits & ((1 << bits) - 1)) << low)); /* 8 bits */
}

/* 512 codes that are not bytes already: what is added to a code makes it its value and 128. */
static inline __attribute__((always_inline)) void
q8_make_codes(uint8_t *restrict to, const uint8_t *restrict from, const struct blocks *b, uint8_t more)
{
	switch (b->low.bits << 4 | b->high.bits) {
	case 0x40:
		q8_low(to, from, 4, more);
		break;
	case 0x41:
		q8_low(to, from, 4, more);
		q8_high(to, from + TILE_CODES / 2, 1, 4);
		break;
	case 0x42:
		q8_low(to, from, 4, more);
		q8_high(to, from + TILE_CODES / 2, 2, 4);
		break;
	case 0x20:
		q8_low(to, from, 2, more);
		break;
	default: /* 0x21 */
		q8_low(to, from, 2, more);
		q8_high(to, from + TILE_CODES / 4, 1, 2);
	}
}

/* Of a type that has a table. */
static inline void
q8_values(uint8_t table[16], const struct blocks *b)
{
	for (size_t i = 0; i < 16; i++)
		table[i] = (uint8_t)(b->value[i] + 128); /* 8 bits */
}

/* Where the codes of a part are then: of q8_0 where they were. */
static inline const uint8_t *
q8_codes(uint8_t to[TILE_CODES], const struct q8_matrix *m, const uint8_t *from)
{
	if (m->b->low.bits == 8)
		return from;
	if (m->b->value) {
		uint8_t table[16];
		q8_values(table, m->b);
		q8_low(to, from, 4, 0);
		for (size_t i = 0; i < TILE_CODES; i += 64)
			q8_look_up(to + i, table);
	} else {
		q8_make_codes(to, from, m->b, (uint8_t)(128 - m->b->offset)); /* not negative */
	}
	return to;
}

#endif
