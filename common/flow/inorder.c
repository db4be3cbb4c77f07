#include "flow/inorder.h"

#include <stdlib.h>

#include "base/mem.h"

struct result {
	struct buf rows, data; /* struct row, floats */
	bool closed;
	uint64_t ordinal;
	enum close_reason reason;
	uint32_t end;
};

struct inorder {
	int fd;
	const char *name;
	size_t row_bytes;
	uint64_t first; /* number of result[0]: the next to be written */
	struct result *result;
	size_t n, cap;
};

struct inorder *
inorder_new(int fd, const char *name, const struct stream_header *h)
{
	struct inorder *o = mem_alloc(1, sizeof *o);

	if (!o)
		return NULL;
	*o = (struct inorder){ .fd = fd, .name = name, .row_bytes = (size_t)stream_row_bytes(h->dtype, h->width) };
	if (stream_write_header(fd, h, name) < 0) {
		free(o);
		return NULL;
	}
	return o;
}

static void
result_free(struct result *r)
{
	buf_free(&r->rows);
	buf_free(&r->data);
}

void
inorder_free(struct inorder *o)
{
	if (!o)
		return;
	for (size_t i = 0; i < o->n; i++)
		result_free(&o->result[i]);
	free(o->result);
	free(o);
}

static struct result *
result_of(struct inorder *o, uint64_t number)
{
	size_t i = (size_t)(number - o->first);

	if (mem_grow(&o->result, &o->cap, i + 1, sizeof *o->result) < 0)
		return NULL;
	while (o->n <= i)
		o->result[o->n++] = (struct result){ 0 };
	return &o->result[i];
}

int
inorder_row(struct inorder *o, uint64_t number, uint32_t pos, uint32_t token, const float *data)
{
	struct result *r = result_of(o, number);
	const struct row row = { (uint32_t)number, pos, token, ROW_WANTED };

	return !r || buf_add(&r->rows, &row, sizeof row) < 0 ? -1 : buf_add(&r->data, data, o->row_bytes);
}

static int
write_rows(const struct inorder *o, const struct result *r)
{
	size_t n = r->rows.len / sizeof(struct row);

	for (size_t i = 0; i < n; i += STREAM_MAX_ROWS) {
		const struct frame f = {
			.type = FRAME_ROWS,
			.n_rows = (uint32_t)(n - i < STREAM_MAX_ROWS ? n - i : STREAM_MAX_ROWS),
			.rows = (const struct row *)(const void *)r->rows.data + i,
			.data = r->data.data + i * o->row_bytes,
			.row_bytes = o->row_bytes,
		};
		if (stream_write(o->fd, &f, false, o->name) < 0)
			return -1;
	}
	return 0;
}

static int
write_result(const struct inorder *o, const struct result *r)
{
	uint32_t id = (uint32_t)o->first;
	struct frame open = { .type = FRAME_OPEN, .seq = id, .open = { .ordinal = r->ordinal } };
	const struct frame close = { .type = FRAME_CLOSE, .seq = id, .pos = r->end, .reason = r->reason };

	open.open.sampling = sampling_none;
	if (stream_write(o->fd, &open, false, o->name) < 0 || write_rows(o, r) < 0)
		return -1;
	return stream_write(o->fd, &close, false, o->name);
}

int
inorder_close(struct inorder *o, uint64_t number, uint64_t ordinal, enum close_reason reason, uint32_t end)
{
	struct result *r = result_of(o, number);
	size_t done = 0;

	if (!r)
		return -1;
	r->closed = true;
	r->ordinal = ordinal;
	r->reason = reason;
	r->end = end;
	for (; done < o->n && o->result[done].closed; done++, o->first++) {
		if (write_result(o, &o->result[done]) < 0)
			return -1;
		result_free(&o->result[done]);
		o->result[done] = (struct result){ 0 };
	}
	for (size_t i = done; i < o->n; i++)
		o->result[i - done] = o->result[i];
	o->n -= done;
	return 0;
}

int
inorder_end(struct inorder *o)
{
	return stream_write(o->fd, &(struct frame){ .type = FRAME_END }, false, o->name);
}
