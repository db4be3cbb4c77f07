#include "model/plain.h"

#include <string.h>

#include "model/tile.h"
#include "model/types.h"

uint32_t
plain_type(const struct gguf_tensor *t)
{
	return type_is_tiled(t->type) ? t->type - TYPE_X16 : t->type;
}

uint64_t
plain_size(const struct gguf_tensor *t)
{
	uint64_t size = 0;

	/* The tiled form was no smaller, and was checked when the file was opened. */
	type_size(plain_type(t), t->n_dims, t->ne, &size);
	return size;
}

/* A tensor of `many` matrices, each cut into pieces of `tiles` tiles. */
struct cut {
	uint32_t type; /* plain */
	uint64_t many, rows, cols, tiles_in_all, tiles;
	uint64_t row_bytes;              /* plain */
	uint64_t tile_bytes, tile_first; /* interleaved: of a tile, and of its part in the first section of the matrix */
};

/* Blocks have two sections: the quants of all tiles, then the scales of all. The others have one. */
static struct cut
cut_matrices(const struct gguf_tensor *t)
{
	struct cut c = { .type = plain_type(t), .many = t->ne[2], .rows = t->ne[1], .cols = t->ne[0] };

	c.tiles_in_all = (c.rows + TILE_ROWS - 1) / TILE_ROWS;
	type_size(c.type, 1, t->ne, &c.row_bytes);
	tile_size(c.type, TILE_ROWS, c.cols, &c.tile_bytes);
	c.tile_first = tile_first_section(c.type, c.cols);
	c.tiles = PLAIN_PIECE / c.tile_bytes;
	if (c.tiles == 0)
		c.tiles = 1;
	if (c.tiles > c.tiles_in_all)
		c.tiles = c.tiles_in_all;
	return c;
}

static uint64_t
last_row(const struct cut *c, uint64_t tile)
{
	return tile * TILE_ROWS < c->rows ? tile * TILE_ROWS : c->rows;
}

uint64_t
plain_space(const struct gguf_tensor *t)
{
	if (!type_is_tiled(t->type))
		return 0;
	struct cut c = cut_matrices(t);
	return c.tiles * TILE_ROWS * c.row_bytes;
}

/* Zeros behind each interleaved matrix. */
static uint64_t
bytes_between(const struct cut *c, const struct gguf_tensor *t)
{
	uint64_t all = 0;

	type_size(TYPE_X16 + c->type, t->n_dims, t->ne, &all);
	return all / c->many - c->tiles_in_all * c->tile_bytes;
}

/* A piece interleaved, and the second section of a whole matrix, which is kept until the first is out, with what is behind it. */
uint64_t
tiled_space(const struct gguf_tensor *t)
{
	struct cut c = cut_matrices(t);

	return c.tiles * c.tile_bytes + c.tiles_in_all * (c.tile_bytes - c.tile_first) + bytes_between(&c, t);
}

/* Bytes in order, and pages asked for before and let go behind. */
static int
walk(const struct place *p, const uint8_t *from, uint64_t size, plain_sink *sink, void *arg)
{
	const struct io_map *map = p->g->borrowed ? NULL : &p->g->map;
	uint64_t row, most;

	type_size(plain_type(p->t), 1, p->t->ne, &row); /* it divides the size, which was checked */
	most = row < PLAIN_PIECE ? PLAIN_PIECE - PLAIN_PIECE % row : row;
	for (uint64_t at = 0, n; at < size; at += n) {
		n = size - at < most ? size - at : most;
		if (map)
			io_wanted(map, from + at + n, size - at - n < most ? size - at - n : most);
		if (sink(arg, from + at, n) < 0)
			return -1;
		if (map)
			io_done(map, from + at, n);
	}
	return 0;
}

int
stored_each(const struct place *p, plain_sink *sink, void *arg)
{
	return walk(p, p->t->data, p->t->size, sink, arg);
}

const uint8_t *
stored_matrix(const struct gguf_tensor *t, uint64_t i)
{
	return t->data + t->size / t->ne[2] * i;
}

/* Matrix i of an interleaved tensor. */
static int
plain_matrix(const struct place *p, const struct cut *c, uint64_t i, void *space, plain_sink *sink, void *arg)
{
	const uint8_t *from = stored_matrix(p->t, i);

	for (uint64_t t = 0, last; t < c->tiles_in_all; t = last) {
		last = c->tiles_in_all - t < c->tiles ? c->tiles_in_all : t + c->tiles;
		tile_unpack_part(space, from, c->type, c->rows, c->cols, t, last);
		if (sink(arg, space, (last_row(c, last) - t * TILE_ROWS) * c->row_bytes) < 0)
			return -1;
		if (!p->g->borrowed)
			io_done(&p->g->map, from + t * c->tile_first, (last - t) * c->tile_first);
	}
	return 0;
}

int
plain_each(const struct place *p, void *space, plain_sink *sink, void *arg)
{
	if (!type_is_tiled(p->t->type))
		return stored_each(p, sink, arg);

	struct cut c = cut_matrices(p->t);
	for (uint64_t i = 0; i < c.many; i++)
		if (plain_matrix(p, &c, i, space, sink, arg) < 0)
			return -1;
	return 0;
}

/* Matrix i of a plain tensor, and `between` zeros. */
static int
tiled_matrix(const struct place *p, const struct cut *c, uint64_t i, uint64_t between, void *space, plain_sink *sink, void *arg)
{
	const uint64_t second = c->tile_bytes - c->tile_first, kept_bytes = c->tiles_in_all * second;
	const uint8_t *matrix = stored_matrix(p->t, i);
	uint8_t *piece = space, *kept = piece + c->tiles * c->tile_bytes;

	for (uint64_t t = 0, last; t < c->tiles_in_all; t = last) {
		last = c->tiles_in_all - t < c->tiles ? c->tiles_in_all : t + c->tiles;
		const uint8_t *from = matrix + t * TILE_ROWS * c->row_bytes;
		uint64_t rows = last_row(c, last) - t * TILE_ROWS, n = last - t;
		tile_pack(piece, from, c->type, rows, c->cols, 0, n);
		memcpy(kept + t * second, piece + n * c->tile_first, n * second);
		if (sink(arg, piece, n * c->tile_first) < 0)
			return -1;
		if (!p->g->borrowed)
			io_done(&p->g->map, from, rows * c->row_bytes);
	}
	memset(kept + kept_bytes, 0, between);
	return kept_bytes + between ? sink(arg, kept, kept_bytes + between) : 0;
}

int
tiled_each(const struct place *p, void *space, plain_sink *sink, void *arg)
{
	struct cut c = cut_matrices(p->t);
	const uint64_t between = bytes_between(&c, p->t);

	for (uint64_t i = 0; i < c.many; i++)
		if (tiled_matrix(p, &c, i, between, space, sink, arg) < 0)
			return -1;
	return 0;
}
