#include "train/delta.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/io.h"
#include "base/mem.h"
#include "model/quantize.h"
#include "model/types.h"
#include "train/save.h"

enum {
	LEVEL = 3,            /* of zstd: deltas hardly get smaller with more */
	MAX_HEAD = 16 << 20,  /* bytes of a delta beside its values */
	MAX_WINDOW = 27,      /* bits: memory that unpacking may take */
};

int
params_open(struct params *p, const struct gguf *g)
{
	*p = (struct params){ 0 };
	if (params_layout(p, g) == 0 && params_alloc(p) == 0 && params_get(p, g, "", p->value) == 0)
		return 0;
	params_free(p);
	return -1;
}

int
file_need_type(const struct gguf *g, const char *type)
{
	struct gguf_string s;
	int rc = gguf_get_string(g, "general.type", &s);

	if (rc < 0)
		return -1;
	return rc > 0 && gguf_string_is(s, type) ? 0 : err_set(ERR_DATA, "%s: general.type is not %s", g->path, type);
}

struct hash
params_hash(const struct params *p)
{
	return hash_bytes(p->value, p->n * sizeof *p->value);
}

/* ---- writing ---- */

/* The type in which a tensor's difference is kept. */
static uint32_t
type_of(const struct param *t, uint32_t wanted)
{
	if (t->rows == 0)
		return TYPE_F32;
	return wanted == TYPE_Q8_0 && t->cols % type_info(TYPE_Q8_0)->block != 0 ? TYPE_BF16 : wanted;
}

/* Rounds a tensor's difference to its type, in `packed`, and leaves in `value` what that has lost. */
static int
pack(const struct param *t, uint32_t type, float *value, void *packed)
{
	size_t n = param_size(t);
	float *kept;

	if (!quantize_from_f32(packed, type, value + t->at, n))
		return err_set(ERR_DATA, "tensor %s: the difference is too large for %s", t->name, type_info(type)->name);
	if (!(kept = mem_alloc64(n, sizeof *kept)))
		return -1;
	quantize_to_f32(kept, type, packed, n);
	for (size_t i = 0; i < n; i++)
		value[t->at + i] -= kept[i];
	free(kept);
	return 0;
}

/* All tensors of a delta, packed one after the other into `space`. */
static int
put_packed(struct gguf_writer *w, const struct params *p, uint32_t wanted, float *value, struct buf *space)
{
	size_t at = 0;

	if (buf_zero(space, p->n * sizeof *value + p->n_tensors * sizeof(uint64_t)) < 0)
		return -1;
	for (size_t i = 0; i < p->n_tensors; i++) {
		const struct param *t = &p->tensor[i];
		const uint64_t ne[GGUF_MAX_DIMS] = { t->cols, t->rows ? t->rows : 1, 1, 1 };
		uint32_t type = type_of(t, wanted), dims = t->rows ? 2 : 1;
		uint64_t size;
		if (!type_size(type, dims, ne, &size) || pack(t, type, value, space->data + at) < 0 ||
		    gguf_put_tensor(w, t->name, type, dims, ne, space->data + at, size) < 0)
			return -1;
		at += (size + 7) / 8 * 8;
	}
	return 0;
}

static int
put_keys(struct gguf_writer *w, const struct gguf *from, const struct params *base, uint64_t tokens)
{
	const struct gguf_key *arch = gguf_find(from, "general.architecture");
	const struct hash h = params_hash(base);
	char hex[HASH_HEX];

	if ((arch && gguf_put_key(w, arch) < 0) || gguf_put_string(w, "general.type", "delta") < 0 ||
	    gguf_put_string(w, DELTA_KEY_BASE, hash_to_hex(&h, hex)) < 0)
		return -1;
	return gguf_put_u64(w, DELTA_KEY_TOKENS, tokens);
}

/* The file as it is before compression. */
static int
to_memory(const struct gguf_writer *w, struct buf *plain)
{
	char *data = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&data, &size);
	int rc = f ? gguf_write_file(w, f, "delta") : err_sys("delta");

	if (f && fclose(f) != 0 && rc == 0)
		rc = err_sys("delta");
	if (rc == 0)
		rc = buf_add(plain, data, size);
	free(data);
	return rc;
}

static int
write_compressed(const struct buf *plain, const char *path)
{
	size_t bound = ZSTD_compressBound(plain->len), n;
	uint8_t *packed = mem_alloc(bound, 1);
	struct io_out out = { 0 };
	int rc = -1;

	if (!packed)
		return -1;
	ZSTD_CCtx *z = ZSTD_createCCtx();
	if (!z || ZSTD_isError(ZSTD_CCtx_setParameter(z, ZSTD_c_compressionLevel, LEVEL)) ||
	    ZSTD_isError(ZSTD_CCtx_setParameter(z, ZSTD_c_checksumFlag, 1))) {
		ZSTD_freeCCtx(z);
		free(packed);
		return err_set(ERR_SYSTEM, "%s: no memory for zstd", path);
	}
	n = ZSTD_compress2(z, packed, bound, plain->data, plain->len);
	ZSTD_freeCCtx(z);
	if (ZSTD_isError(n))
		err_set(ERR_SYSTEM, "%s: zstd: %s", path, ZSTD_getErrorName(n));
	else if (io_out_open(&out, path) == 0)
		rc = fwrite(packed, 1, n, out.file) == n ? io_out_commit(&out) : err_sys("%s", path);
	if (rc < 0)
		io_out_abort(&out);
	free(packed);
	return rc;
}

/* `difference` becomes what was lost, which is kept before the delta is there: who finds the delta finds it too. */
static int
write_delta(const struct delta_options *o, const struct gguf *from, const struct params *base, float *difference,
    uint64_t tokens)
{
	struct gguf_writer *w = gguf_writer_new();
	struct buf space = { 0 }, plain = { 0 };
	int rc = -1;

	if (w && put_keys(w, from, base, tokens) == 0 && put_packed(w, base, o->type, difference, &space) == 0 &&
	    to_memory(w, &plain) == 0 && (!o->lost_out || save_tensors(o->lost_out, DELTA_LOST, base, difference) == 0))
		rc = write_compressed(&plain, o->out);
	gguf_writer_free(w);
	buf_free(&space);
	buf_free(&plain);
	return rc;
}

/* to[i] += sign * the same tensor of a file. */
static int
add_file(const struct params *p, const struct gguf *g, float sign, float *to)
{
	float *more = params_zeros(p);
	int rc = more ? params_get(p, g, "", more) : -1;

	for (size_t i = 0; i < p->n && rc == 0; i++)
		to[i] += sign * more[i];
	free(more);
	return rc;
}

static int
add_lost(const struct params *p, const char *path, float *to)
{
	struct gguf *g = gguf_open(path);
	int rc = g && file_need_type(g, DELTA_LOST) == 0 ? add_file(p, g, 1, to) : -1;

	gguf_free(g);
	return rc;
}

static int
subtract(const struct delta_options *o, const struct gguf *from, const struct params *base, const struct gguf *trained)
{
	float *difference = params_zeros(base);
	uint64_t tokens = 1;
	int rc = -1;

	if (difference && add_file(base, trained, 1, difference) == 0 && gguf_get_u64(trained, SAVE_KEY_TOKENS, &tokens) >= 0) {
		for (size_t i = 0; i < base->n; i++)
			difference[i] -= base->value[i];
		rc = o->lost ? add_lost(base, o->lost, difference) : 0;
	}
	if (rc == 0)
		rc = write_delta(o, from, base, difference, o->tokens ? o->tokens : tokens);
	free(difference);
	return rc;
}

int
delta_write(const struct delta_options *o)
{
	struct gguf *from = gguf_open(o->base), *to = from ? gguf_open(o->trained) : NULL;
	struct params base;
	int rc = -1;

	if (to && from->n_tensors != to->n_tensors)
		err_set(ERR_DATA, "%s: has other tensors than %s", to->path, from->path);
	else if (to && params_open(&base, from) == 0) {
		rc = subtract(o, from, &base, to);
		params_free(&base);
	}
	gguf_free(from);
	gguf_free(to);
	return rc;
}

/* ---- reading ---- */

/* Bytes that a delta of the model has at most. */
static uint64_t
largest(const struct params *model)
{
	return model->n * sizeof(float) + MAX_HEAD;
}

static int
unpack(struct buf *plain, const uint8_t *data, size_t n, const char *name, uint64_t limit)
{
	unsigned long long size = ZSTD_getFrameContentSize(data, n);
	ZSTD_DCtx *z;
	size_t got;

	if (size == ZSTD_CONTENTSIZE_ERROR || size == ZSTD_CONTENTSIZE_UNKNOWN)
		return err_set(ERR_DATA, "%s: neither a GGUF file nor one compressed with zstd that states its size", name);
	if (size > limit)
		return err_set(ERR_DATA, "%s: %llu bytes unpacked, a delta of this model has at most %llu", name, size,
		    (unsigned long long)limit);
	if (buf_reserve(plain, size) < 0)
		return -1;
	if (!(z = ZSTD_createDCtx()) || ZSTD_isError(ZSTD_DCtx_setParameter(z, ZSTD_d_windowLogMax, MAX_WINDOW))) {
		ZSTD_freeDCtx(z);
		return err_set(ERR_SYSTEM, "%s: no memory for zstd", name);
	}
	got = ZSTD_decompressDCtx(z, plain->data, size, data, n);
	ZSTD_freeDCtx(z);
	if (ZSTD_isError(got) || got != size)
		return err_set(ERR_DATA, "%s: zstd: %s", name, ZSTD_isError(got) ? ZSTD_getErrorName(got) : "too short");
	plain->len = got;
	return 0;
}

static int
is_of(const struct gguf *g, const struct hash *base)
{
	struct gguf_string hex;
	struct hash h;
	int rc;

	if (file_need_type(g, "delta") < 0 || (rc = gguf_get_string(g, DELTA_KEY_BASE, &hex)) < 0)
		return -1;
	if (rc == 0 || !hash_from_hex(&h, hex.data, hex.len))
		return err_set(ERR_DATA, "%s: not a delta", g->path);
	return hash_equal(&h, base) ? 0 : err_set(ERR_DATA, "%s: the delta of another model", g->path);
}

static int
take(struct delta *d, const struct gguf *g, const struct params *model, const struct hash *base)
{
	if (is_of(g, base) < 0 || gguf_get_u64(g, DELTA_KEY_TOKENS, &d->tokens) < 0)
		return -1;
	if (d->tokens == 0)
		return err_set(ERR_DATA, "%s: learnt from no tokens", g->path);
	if (!(d->value = params_zeros(model)) || params_get(model, g, "", d->value) < 0)
		return -1;
	for (size_t i = 0; i < model->n; i++)
		d->norm += (double)d->value[i] * (double)d->value[i];
	d->norm = sqrt(d->norm);
	return 0;
}

int
delta_read(struct delta *d, const uint8_t *data, size_t n, const char *name, const struct params *model,
    const struct hash *base)
{
	struct buf plain = { 0 };
	struct gguf *g = NULL;
	int rc = 0;

	*d = (struct delta){ .name = name, .tokens = 1 };
	if (n < 4 || memcmp(data, "GGUF", 4) != 0) {
		rc = unpack(&plain, data, n, name, largest(model));
		data = plain.data;
		n = plain.len;
	}
	if (rc == 0 && (g = gguf_open_memory(data, n, name))) {
		d->id = hash_bytes(data, n);
		rc = take(d, g, model, base);
	} else {
		rc = -1;
	}
	gguf_free(g);
	buf_free(&plain);
	if (rc < 0)
		delta_free(d);
	return rc;
}

int
delta_open(struct delta *d, const char *path, const struct params *model, const struct hash *base)
{
	struct buf in = { 0 };
	struct io_map map = { 0 };
	int rc;

	if (strcmp(path, "-") == 0)
		rc = io_read_all(STDIN_FILENO, &in, "stdin") < 0 ? -1 : delta_read(d, in.data, in.len, "stdin", model, base);
	else
		rc = io_map(&map, path) < 0 ? -1 : delta_read(d, map.data, map.size, path, model, base);
	buf_free(&in);
	io_unmap(&map);
	return rc;
}

void
delta_free(struct delta *d)
{
	free(d->value);
	*d = (struct delta){ 0 };
}
