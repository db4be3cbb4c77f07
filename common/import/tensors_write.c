/* What tensors are filled with, from the maps of their files. See import/tensors_impl.h. */

#include <string.h>

#include "base/err.h"
#include "compute/mathd.h"
#include "import/tensors_impl.h"
#include "model/quantize.h"
#include "model/types.h"

enum {
	COPIED = 1 << 22, /* elements that are copied as they are at a time */
	MAX_LOG = 88,     /* whose exp is an f32 */
};

static int
put_bytes(struct made *m, const void *data, size_t n)
{
	struct tensors *all = m->all;

	if (fwrite(data, 1, n, m->to) != n)
		return err_sys("%s", m->name);
	all->done += n;
	if (all->progress)
		all->progress(all->progress_arg, "import", all->done, all->total);
	return 0;
}

static const uint8_t *
unit_at(const struct part *p, uint64_t i)
{
	return p->from->t->data + i * p->view.unit;
}

/* n elements beside each other; the map is not aligned. */
static const uint8_t *
gather(struct made *m, uint64_t at, uint64_t n, uint64_t step)
{
	const struct part *p = m->now;
	size_t unit = p->view.unit;

	if (step == 1)
		return memcpy(m->all->raw, unit_at(p, at), n * unit);
	for (uint64_t i = 0; i < n; i++)
		memcpy(m->all->raw + i * unit, unit_at(p, at + i * step), unit);
	return m->all->raw;
}

static int
write_same(struct made *m, uint64_t at, uint64_t n, uint64_t step)
{
	uint64_t most = step == 1 ? COPIED : TENSORS_CHUNK;

	for (uint64_t k; n > 0; n -= k, at += k * step) {
		k = n < most ? n : most;
		if (put_bytes(m, step == 1 ? unit_at(m->now, at) : gather(m, at, k, step), k * m->now->view.unit) < 0)
			return -1;
	}
	return 0;
}

static bool
is_changed(enum recipe_how how)
{
	return how == HOW_PLUS_ONE || how == HOW_MINUS_EXP;
}

/* What is done to numbers themselves. */
static int
change(struct made *m, uint64_t n)
{
	enum recipe_how how = m->now->rule->how;
	float *x = m->all->x;

	for (uint64_t i = 0; i < n; i++) {
		if (how == HOW_MINUS_EXP && !(x[i] >= -MAX_LOG && x[i] <= MAX_LOG))
			return err_set(ERR_DATA, "%s: tensor %.200s has an element that is the logarithm of no f32", m->now->from->file->path, m->now->from->t->name);
		x[i] = how == HOW_MINUS_EXP ? -(float)mathd_exp((double)x[i]) : x[i] + 1;
	}
	return 0;
}

static int
write_converted(struct made *m, uint64_t at, uint64_t n, uint64_t step)
{
	struct tensors *all = m->all;
	uint32_t from;

	if (tensors_type(m->now, &from) < 0)
		return -1;
	for (uint64_t k; n > 0; n -= k, at += k * step) {
		k = n < TENSORS_CHUNK ? n : TENSORS_CHUNK;
		quantize_to_f32(all->x, from, gather(m, at, k, step), k);
		if (is_changed(m->now->rule->how) && change(m, k) < 0)
			return -1;
		if (put_bytes(m, all->x, k * sizeof *all->x) < 0)
			return -1;
	}
	return 0;
}

/* The codes of neighbours share a byte in the folder; in a GGUF code i shares one with code i + 16. */
static void
pack_mxfp4(uint8_t to[TENSORS_MXFP4], const uint8_t *codes, uint8_t scale)
{
	*to++ = scale;
	for (int i = 0; i < 8; i++) {
		uint8_t low = codes[i], high = codes[8 + i];
		to[2 * i] = (uint8_t)((low & 15) | high << 4);
		to[2 * i + 1] = (uint8_t)(low >> 4 | (high & 0xf0));
	}
}

static int
write_mxfp4(struct made *m, uint64_t at, uint64_t n, uint64_t step)
{
	struct tensors *all = m->all;

	for (uint64_t k; n > 0; n -= k, at += k * step) {
		k = n < TENSORS_CHUNK ? n : TENSORS_CHUNK;
		for (uint64_t i = 0; i < k; i++)
			pack_mxfp4(all->blocks + i * TENSORS_MXFP4, unit_at(m->now, at + i * step), m->now->scales[at + i * step]);
		if (put_bytes(m, all->blocks, k * TENSORS_MXFP4) < 0)
			return -1;
	}
	return 0;
}

static int
write_run(void *arg, uint64_t at, uint64_t n, uint64_t step)
{
	struct made *m = arg;
	bool same = !is_changed(m->now->rule->how) && strcmp(type_info(m->type)->name, m->now->from->t->dtype) == 0;

	return m->type == TYPE_MXFP4 ? write_mxfp4(m, at, n, step) : same ? write_same(m, at, n, step) : write_converted(m, at, n, step);
}

int
tensors_write(void *arg, FILE *to, const char *name)
{
	struct made *m = arg;

	m->to = to;
	m->name = name;
	for (size_t i = 0; i < m->n; i++) {
		const struct hub_tensor *from = m->part[i].from;
		m->now = &m->part[i];
		if (view_each(&m->now->view, write_run, m) < 0)
			return -1;
		io_done(&from->file->map, from->t->data, from->t->size);
	}
	return 0;
}
