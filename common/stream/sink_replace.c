/* Rows of a NumPy array in the place of a stream's. */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/half.h"
#include "base/mem.h"
#include "stream/convert.h"
#include "stream/npy.h"
#include "stream/pick.h"
#include "stream/sink.h"

struct replace {
	struct sink sink;
	struct sink *to;
	struct picks picks;
	struct stream_header header;

	FILE *in;
	const char *name;
	struct npy_header array;
	bool any;      /* the array's header was read */
	bool ending;   /* the last stream's end is held back until it is known that no rows are left over */
	uint64_t used; /* rows */
	uint8_t *raw;  /* a row of the array, as it is there, */
	float *row;    /* in f32, */
	float *was;    /* and the row in its place */

	struct row rows[STREAM_MAX_ROWS];
	struct buf data;
};

static bool
is_whole(enum npy_type t)
{
	return t >= NPY_I4;
}

static int
open_array(struct replace *s)
{
	if (npy_read_header(&s->array, s->in, s->name) < 0)
		return -1;
	s->any = true;
	if (s->array.shape[1] == 0 || s->array.shape[1] > STREAM_MAX_WIDTH)
		return err_set(ERR_DATA, "%s: rows of %llu elements", s->name, (unsigned long long)s->array.shape[1]);
	s->raw = mem_alloc64(s->array.shape[1], npy_size(s->array.type));
	s->row = mem_alloc64(s->array.shape[1], sizeof *s->row);
	s->was = mem_alloc64(s->array.shape[1], sizeof *s->was);
	return s->raw && s->row && s->was ? 0 : -1;
}

/* The next row of the array into s->raw. */
static int
next_row(struct replace *s, size_t width)
{
	size_t bytes = width * npy_size(s->array.type);

	if (width != s->array.shape[1])
		return err_set(ERR_DATA, "%s: rows of %llu elements, and the stream has %zu", s->name,
		    (unsigned long long)s->array.shape[1], width);
	if (s->used >= s->array.shape[0])
		return err_set(ERR_DATA, "%s: the stream has more than the array's %llu rows", s->name,
		    (unsigned long long)s->array.shape[0]);
	if (fread(s->raw, 1, bytes, s->in) != bytes)
		return ferror(s->in) ? err_sys("%s: read", s->name)
		                     : err_set(ERR_DATA, "%s: the array is cut short", s->name);
	s->used++;
	return 0;
}

static float
element(const struct replace *s, size_t i)
{
	uint16_t half;
	double d;
	float f;

	switch (s->array.type) {
	case NPY_F2:
		memcpy(&half, s->raw + 2 * i, sizeof half);
		return f32_from_f16(half);
	case NPY_F8:
		memcpy(&d, s->raw + 8 * i, sizeof d);
		return (float)d;
	default:
		memcpy(&f, s->raw + 4 * i, sizeof f);
		return f;
	}
}

/* The row's new data, behind what is in s->data. `old` is what stood there. */
static int
put_data(struct replace *s, const uint8_t *old, size_t row_bytes)
{
	size_t width = s->header.width;

	if (next_row(s, width) < 0)
		return -1;
	if (is_whole(s->array.type))
		return err_set(ERR_DATA, "%s: whole numbers for rows of %s", s->name, stream_kind_name(s->header.kind));
	if (buf_reserve(&s->data, row_bytes) < 0)
		return -1;
	for (size_t i = 0; i < width; i++)
		s->row[i] = element(s, i);
	convert_to_f32(s->was, s->header.dtype, old, width);
	uint8_t *to = s->data.data + s->data.len;
	if (memcmp(s->row, s->was, width * sizeof *s->row) == 0)
		memcpy(to, old, row_bytes);
	else if (!convert_from_f32(to, s->header.dtype, s->row, width))
		return err_set(ERR_DATA, "%s: row %llu can't be held in %s", s->name, (unsigned long long)s->used - 1,
		    stream_dtype_name(s->header.dtype));
	s->data.len += row_bytes;
	return 0;
}

static int
put_token(struct replace *s, struct row *r)
{
	uint64_t v = 0;

	if (next_row(s, 1) < 0)
		return -1;
	if (!is_whole(s->array.type))
		return err_set(ERR_DATA, "%s: tokens that are no whole numbers", s->name);
	memcpy(&v, s->raw, npy_size(s->array.type));
	/* A negative number of 4 bytes is one of the large ones here; of 8 bytes too. */
	if (v > (s->array.type == NPY_I4 ? INT32_MAX : ROW_NO_TOKEN - 1))
		return err_set(ERR_DATA, "%s: row %llu is no token id", s->name, (unsigned long long)s->used - 1);
	r->token = (uint32_t)v;
	return 0;
}

/* Is this row, the next of its sequence, replaced? -1: no memory. */
static int
is_picked(struct replace *s, const struct row *row)
{
	const struct row_range *r = &s->picks.selection->rows;
	const struct pick_seq *q;

	if (!pick_has_seq(s->picks.selection, row->seq))
		return 0;
	if (!(q = pick_row(&s->picks, row)))
		return -1;
	return q->count - 1 >= (uint64_t)r->first && (r->last < 0 || q->count - 1 <= (uint64_t)r->last);
}

static int
put_rows(struct replace *s, const struct frame *f)
{
	struct frame g = *f;

	s->data.len = 0;
	for (uint32_t i = 0; i < f->n_rows; i++) {
		const uint8_t *old = (const uint8_t *)f->data + i * f->row_bytes;
		int picked = is_picked(s, &f->rows[i]), rc;
		s->rows[i] = f->rows[i];
		if (picked < 0)
			return -1;
		if (f->row_bytes == 0)
			rc = picked ? put_token(s, &s->rows[i]) : 0;
		else
			rc = picked ? put_data(s, old, f->row_bytes) : buf_add(&s->data, old, f->row_bytes);
		if (rc < 0)
			return -1;
	}
	g.rows = s->rows;
	g.data = s->data.data;
	return s->to->frame(s->to, &g);
}

static int
pass_end(struct replace *s)
{
	bool ending = s->ending;

	s->ending = false;
	return ending ? s->to->frame(s->to, &(struct frame){ .type = FRAME_END }) : 0;
}

static int
replace_header(struct sink *sink, const struct stream_header *h)
{
	struct replace *s = (struct replace *)sink;

	if ((!s->any && open_array(s) < 0) || pass_end(s) < 0)
		return -1;
	pick_reset(&s->picks);
	s->header = *h;
	return s->to->header(s->to, h);
}

static int
replace_frame(struct sink *sink, const struct frame *f)
{
	struct replace *s = (struct replace *)sink;

	if (f->type == FRAME_ROWS)
		return put_rows(s, f);
	if (f->type == FRAME_END) {
		s->ending = true;
		return 0;
	}
	if (f->type == FRAME_CUT)
		pick_cut(&s->picks, f->seq, f->pos);
	if (f->type == FRAME_CLOSE)
		pick_close(&s->picks, f->seq);
	return s->to->frame(s->to, f);
}

static int
replace_finish(struct sink *sink)
{
	struct replace *s = (struct replace *)sink;

	if (s->any && s->used != s->array.shape[0])
		return err_set(ERR_DATA, "%s: the stream has only %llu of the array's %llu rows", s->name,
		    (unsigned long long)s->used, (unsigned long long)s->array.shape[0]);
	return pass_end(s) < 0 ? -1 : s->to->finish(s->to);
}

static void
replace_free(struct sink *sink)
{
	struct replace *s = (struct replace *)sink;

	pick_reset(&s->picks);
	free(s->raw);
	free(s->row);
	free(s->was);
	buf_free(&s->data);
	sink_free(s->to);
	free(s);
}

struct sink *
sink_replace(const struct selection *selection, FILE *npy, const char *name, struct sink *to)
{
	struct replace *s = to ? mem_alloc(1, sizeof *s) : NULL;

	if (!s) {
		sink_free(to);
		return NULL;
	}
	s->sink = (struct sink){ replace_header, replace_frame, replace_finish, replace_free };
	s->to = to;
	s->in = npy;
	s->name = name;
	s->picks.selection = selection;
	return &s->sink;
}
