#include "stream/wire.h"

#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "stream/bytes.h"
#include "stream/sum.h"

/* Where the fields lie. */
enum {
	H_VERSION = 8,
	H_KIND = 12,
	H_DTYPE = 16,
	H_WIDTH = 20,
	H_NEXT_LAYER = 24,
	H_FLAGS = 28,
	H_VOCAB = 32,
	H_MODEL = 64,
	H_PROFILE = 96,
	H_ZERO = 224,
	H_SUM = 248,

	F_TYPE = 4,
	F_FLAGS = 6,
	F_ROWS = 8,
	F_HOPS = 12,
	F_STORED = 16,
	F_PLAIN = 24,
	F_SEQ = 32,
	F_POS = 36,
	F_VALUE = 40,
	F_PAYLOAD_SUM = 48,
	F_SUM = 56,
};

bool
wire_is_zero(const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i])
			return false;
	return true;
}

uint64_t
wire_table_bytes(uint32_t n_rows)
{
	uint64_t n = (uint64_t)n_rows * sizeof(struct row);

	return (n + STREAM_ALIGN - 1) & ~(uint64_t)(STREAM_ALIGN - 1);
}

bool
wire_rows_bytes(uint32_t n_rows, uint64_t row_bytes, uint64_t *bytes)
{
	return mem_mul(n_rows, row_bytes, bytes) && mem_add(*bytes, wire_table_bytes(n_rows), bytes) &&
	    *bytes <= STREAM_MAX_PAYLOAD;
}

/* ---- header ---- */

static int
check_width(const struct stream_header *h)
{
	if (h->kind == STREAM_TOKENS && (h->width != 0 || h->dtype != STREAM_F32 || h->next_layer != 0))
		return err_set(ERR_DATA, "a token stream of width %u, type %u, next layer %u (all are 0)", h->width,
		    (unsigned)h->dtype, h->next_layer);
	if (h->kind == STREAM_TOKENS)
		return 0;
	if (h->width == 0 || h->width > STREAM_MAX_WIDTH || (h->kind == STREAM_SCORES && h->width != 1))
		return err_set(ERR_DATA, "width %u is none for %s", h->width, stream_kind_name(h->kind));
	if (stream_row_bytes(h->dtype, h->width) == 0)
		return err_set(ERR_DATA, "element type %u is unknown or does not go with width %u",
		    (unsigned)h->dtype, h->width);
	return 0;
}

static int
check_profile(const struct stream_header *h)
{
	size_t n = strnlen(h->profile, sizeof h->profile);

	if (n == sizeof h->profile || !wire_is_zero((const uint8_t *)h->profile + n, sizeof h->profile - n))
		return err_set(ERR_DATA, "the compute profile is not padded with zeros");
	for (size_t i = 0; i < n; i++)
		if (h->profile[i] < 0x20 || h->profile[i] > 0x7e)
			return err_set(ERR_DATA, "the compute profile is not printable ASCII");
	if (n > 0 && hash_is_none(&h->model_id))
		return err_set(ERR_DATA, "a compute profile without a model id");
	return 0;
}

static int
check_header(const struct stream_header *h)
{
	if (!stream_kind_name(h->kind))
		return err_set(ERR_DATA, "unknown kind of stream %u", (unsigned)h->kind);
	if (h->next_layer > STREAM_MAX_LAYER)
		return err_set(ERR_DATA, "next layer %u is too large", h->next_layer);
	if (check_width(h) < 0)
		return -1;
	return check_profile(h);
}

int
wire_header_pack(uint8_t to[STREAM_HEADER_SIZE], const struct stream_header *h)
{
	struct stream_header c = *h;

	/* What lies behind the text of the profile in memory need not be zeros. */
	size_t n = strnlen(c.profile, sizeof c.profile);
	memset(c.profile + n, 0, sizeof c.profile - n);
	if (check_header(&c) < 0)
		return -1;
	memset(to, 0, STREAM_HEADER_SIZE);
	memcpy(to, WIRE_HEADER_MAGIC, WIRE_MAGIC_SIZE);
	put32(to + H_VERSION, STREAM_VERSION);
	put32(to + H_KIND, c.kind);
	put32(to + H_DTYPE, c.dtype);
	put32(to + H_WIDTH, c.width);
	put32(to + H_NEXT_LAYER, c.next_layer);
	memcpy(to + H_VOCAB, c.vocab_id.bytes, HASH_SIZE);
	memcpy(to + H_MODEL, c.model_id.bytes, HASH_SIZE);
	memcpy(to + H_PROFILE, c.profile, sizeof c.profile);
	put64(to + H_SUM, sum_bytes(to, H_SUM));
	return 0;
}

int
wire_header_unpack(struct stream_header *h, const uint8_t from[STREAM_HEADER_SIZE])
{
	*h = (struct stream_header){0};
	if (memcmp(from, WIRE_HEADER_MAGIC, WIRE_MAGIC_SIZE) != 0)
		return err_set(ERR_DATA, "not a mai stream");
	/* The version goes first: another one may keep its checksum elsewhere. */
	if (get32(from + H_VERSION) != STREAM_VERSION)
		return err_set(ERR_DATA, "version %u of the stream format, not %d", get32(from + H_VERSION), STREAM_VERSION);
	if (get64(from + H_SUM) != sum_bytes(from, H_SUM))
		return err_set(ERR_DATA, "the checksum of the header is wrong");
	if (get32(from + H_FLAGS) != 0 || !wire_is_zero(from + H_ZERO, H_SUM - H_ZERO))
		return err_set(ERR_DATA, "the header has something where zeros belong");
	h->kind = get32(from + H_KIND);
	h->dtype = get32(from + H_DTYPE);
	h->width = get32(from + H_WIDTH);
	h->next_layer = get32(from + H_NEXT_LAYER);
	memcpy(h->vocab_id.bytes, from + H_VOCAB, HASH_SIZE);
	memcpy(h->model_id.bytes, from + H_MODEL, HASH_SIZE);
	memcpy(h->profile, from + H_PROFILE, sizeof h->profile);
	return check_header(h);
}

/* ---- the head of a frame ---- */

/* Which fields a type of frame uses; the others are zero. */
static const struct uses {
	bool seq, pos, value, rows;
	uint64_t max_payload;
} uses[] = {
	[FRAME_ROWS] = { .rows = true, .max_payload = STREAM_MAX_PAYLOAD },
	[FRAME_OPEN] = { .seq = true, .max_payload = WIRE_MAX_OPEN },
	[FRAME_PROMPT_END] = { .seq = true, .value = true },
	[FRAME_FORK] = { .seq = true, .pos = true, .value = true, .max_payload = WIRE_MAX_OPEN },
	[FRAME_CUT] = { .seq = true, .pos = true },
	[FRAME_CLOSE] = { .seq = true, .pos = true, .value = true },
	[FRAME_ERROR] = { .max_payload = STREAM_MAX_TEXT },
	[FRAME_END] = { 0 },
	[FRAME_RECEIPT] = { .max_payload = STREAM_MAX_TEXT },
	[FRAME_VOUCHER] = { .max_payload = STREAM_MAX_TEXT },
};

static int
check_value(const struct wire_head *h)
{
	if (h->type == FRAME_CLOSE && (h->value > UINT32_MAX || !close_reason_name((enum close_reason)h->value)))
		return err_set(ERR_DATA, "unknown reason %llu to close a sequence", (unsigned long long)h->value);
	if (h->type == FRAME_FORK && (h->value > UINT32_MAX || h->value == h->seq))
		return err_set(ERR_DATA, "sequence %u forked from %llu", h->seq, (unsigned long long)h->value);
	return 0;
}

static int
check_lengths(const struct wire_head *h)
{
	uint64_t stored = h->stored, plain = h->plain;

	if (plain > uses[h->type].max_payload)
		return err_set(ERR_DATA, "%s frame: a payload of %llu bytes is too long", frame_type_name(h->type),
		    (unsigned long long)plain);
	if ((h->type == FRAME_OPEN || (h->type == FRAME_FORK && plain > 0)) && plain < WIRE_OPEN_SIZE)
		return err_set(ERR_DATA, "%s frame: a payload of %llu bytes is too short", frame_type_name(h->type), (unsigned long long)plain);
	if (!h->zstd && stored != plain)
		return err_set(ERR_DATA, "payload lengths %llu and %llu of a frame that is not compressed",
		    (unsigned long long)stored, (unsigned long long)plain);
	if (h->zstd && (stored == 0 || stored >= plain || plain > stored * STREAM_MAX_RATIO))
		return err_set(ERR_DATA, "a compressed payload of %llu bytes that stands for %llu",
		    (unsigned long long)stored, (unsigned long long)plain);
	return 0;
}

static int
check_head(const struct wire_head *h)
{
	if (!frame_type_name(h->type))
		return err_set(ERR_DATA, "unknown type of frame %u", (unsigned)h->type);
	const struct uses *u = &uses[h->type];
	if ((h->seq && !u->seq) || (h->pos && !u->pos) || (h->value && !u->value) || (h->n_rows && !u->rows))
		return err_set(ERR_DATA, "%s frame: something where zeros belong", frame_type_name(h->type));
	if (h->hops > STREAM_MAX_HOPS)
		return err_set(ERR_DATA, "%u hops of a frame are too many", h->hops);
	if (h->n_rows > STREAM_MAX_ROWS)
		return err_set(ERR_DATA, "%u rows in a frame are too many", h->n_rows);
	if (check_value(h) < 0)
		return -1;
	return check_lengths(h);
}

int
wire_head_pack(uint8_t to[STREAM_FRAME_SIZE], const struct wire_head *h)
{
	if (check_head(h) < 0)
		return -1;
	memcpy(to, WIRE_FRAME_MAGIC, WIRE_FRAME_MAGIC_SIZE);
	put16(to + F_TYPE, (uint16_t)h->type);
	put16(to + F_FLAGS, h->zstd ? WIRE_ZSTD : 0);
	put32(to + F_ROWS, h->n_rows);
	put32(to + F_HOPS, h->hops);
	put64(to + F_STORED, h->stored);
	put64(to + F_PLAIN, h->plain);
	put32(to + F_SEQ, h->seq);
	put32(to + F_POS, h->pos);
	put64(to + F_VALUE, h->value);
	put64(to + F_PAYLOAD_SUM, h->sum);
	put64(to + F_SUM, sum_bytes(to, F_SUM));
	return 0;
}

int
wire_head_unpack(struct wire_head *h, const uint8_t from[STREAM_FRAME_SIZE])
{
	*h = (struct wire_head){0};
	if (memcmp(from, WIRE_HEADER_MAGIC, WIRE_MAGIC_SIZE) == 0)
		return err_set(ERR_DATA, "the stream was cut: another one begins before its end frame");
	if (memcmp(from, WIRE_FRAME_MAGIC, WIRE_FRAME_MAGIC_SIZE) != 0)
		return err_set(ERR_DATA, "no frame begins here");
	if (get64(from + F_SUM) != sum_bytes(from, F_SUM))
		return err_set(ERR_DATA, "the checksum of the frame's head is wrong");
	if (get16(from + F_FLAGS) & ~WIRE_ZSTD)
		return err_set(ERR_DATA, "unknown flags 0x%x of a frame", get16(from + F_FLAGS));
	h->type = get16(from + F_TYPE);
	h->zstd = get16(from + F_FLAGS) & WIRE_ZSTD;
	h->n_rows = get32(from + F_ROWS);
	h->hops = get32(from + F_HOPS);
	h->stored = get64(from + F_STORED);
	h->plain = get64(from + F_PLAIN);
	h->seq = get32(from + F_SEQ);
	h->pos = get32(from + F_POS);
	h->value = get64(from + F_VALUE);
	h->sum = get64(from + F_PAYLOAD_SUM);
	return check_head(h);
}

/* ---- payloads ---- */

static int
unpack_rows(struct frame *f, const uint8_t *payload)
{
	size_t table = (size_t)wire_table_bytes(f->n_rows), rows = f->n_rows * sizeof(struct row);

	f->rows = (const void *)payload;
	f->data = payload + table;
	for (uint32_t i = 0; i < f->n_rows; i++)
		if (f->rows[i].flags & ~(uint32_t)(ROW_WANTED | ROW_HELD | ROW_DRAFT))
			return err_set(ERR_DATA, "unknown flags 0x%x of row %u", f->rows[i].flags, i);
	if (!wire_is_zero(payload + rows, table - rows))
		return err_set(ERR_DATA, "the padding of the row table is not zero");
	return 0;
}

int
wire_payload_unpack(struct frame *f, const uint8_t *payload, size_t n)
{
	switch (f->type) {
	case FRAME_ROWS:
		return unpack_rows(f, payload);
	case FRAME_FORK:
		f->restated = n > 0;
		return n > 0 ? wire_open_unpack(&f->open, payload, n) : 0;
	case FRAME_OPEN:
		return wire_open_unpack(&f->open, payload, n);
	case FRAME_ERROR:
	case FRAME_RECEIPT:
	case FRAME_VOUCHER:
		f->text = (const void *)payload;
		f->text_len = (uint32_t)n;
		return 0;
	default:
		return 0;
	}
}
