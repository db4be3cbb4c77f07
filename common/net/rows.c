#include "net/rows.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"
#include "stream/convert.h"

static int
reserve(struct rows *space, size_t n)
{
	if (n <= space->cap)
		return 0;
	free(space->data);
	space->cap = 0;
	if (!(space->data = mem_alloc64(n, 1)))
		return -1;
	space->cap = n;
	return 0;
}

/* Through f32, a row at a time: what is f32 already is not copied twice. */
static int
convert(struct rows *space, const struct frame *f, uint32_t width, enum stream_dtype from, enum stream_dtype to)
{
	size_t in = f->row_bytes, out = (size_t)stream_row_bytes(to, width), wide = (size_t)width * sizeof(float);
	size_t rows = (f->n_rows * out + 63) & ~(size_t)63; /* a row of f32 behind them */
	float *row;

	if (out == 0)
		return err_set(ERR_DATA, "rows of %u elements can't be %s", (unsigned)width, stream_dtype_name(to));
	if (reserve(space, rows + wide) < 0)
		return -1;
	row = (float *)(void *)(space->data + rows); /* aligned to 64 */
	for (uint32_t i = 0; i < f->n_rows; i++) {
		const uint8_t *data = (const uint8_t *)f->data + i * in;
		const float *x = (const float *)(const void *)data; /* rows of f32 are aligned */
		if (from != STREAM_F32) {
			convert_to_f32(row, from, data, width);
			x = row;
		}
		if (!convert_from_f32(space->data + i * out, to, x, width))
			return err_set(ERR_DATA, "a number that %s can't hold", stream_dtype_name(to));
	}
	space->frame.data = space->data;
	space->frame.row_bytes = out;
	return 0;
}

const struct frame *
rows_convert(struct rows *space, const struct frame *f, uint32_t width, enum stream_dtype from, enum stream_dtype to)
{
	if (f->type != FRAME_ROWS || f->row_bytes == 0 || from == to)
		return f;
	space->frame = *f;
	return convert(space, f, width, from, to) < 0 ? NULL : &space->frame;
}

void
rows_free(struct rows *space)
{
	free(space->data);
	space->data = NULL;
	space->cap = 0;
}
