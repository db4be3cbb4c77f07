#include "stream/encode.h"

#include <zstd.h>

#include "base/err.h"
#include "stream/sum.h"

static const uint8_t zeros[STREAM_ALIGN];

static struct iovec
piece(const void *data, size_t n)
{
	/* struct iovec serves reading too and has no const; nobody writes through these. */
	return (struct iovec){ (void *)(uintptr_t)data, n };
}

static struct iovec
padding(uint64_t n)
{
	return piece(zeros, (size_t)(-n & (STREAM_ALIGN - 1)));
}

/* Sets the pieces of the payload, [1] to [3], and its length. */
static int
lay_payload(struct pieces *p, const struct frame *f, uint64_t *plain)
{
	switch (f->type) {
	case FRAME_ROWS:
		if (f->n_rows > STREAM_MAX_ROWS || !wire_rows_bytes(f->n_rows, f->row_bytes, plain))
			return err_set(ERR_DATA, "%u rows of %zu bytes are too much for a frame", f->n_rows, f->row_bytes);
		p->io[1] = piece(f->rows, f->n_rows * sizeof *f->rows);
		p->io[2] = padding(p->io[1].iov_len);
		p->io[3] = piece(f->data, f->n_rows * f->row_bytes);
		return 0;
	case FRAME_FORK:
		if (!f->restated) {
			*plain = 0;
			return 0;
		}
		/* fall through */
	case FRAME_OPEN:
		if (wire_open_pack(&p->made, &f->open) < 0)
			return -1;
		p->io[1] = piece(p->made.data, p->made.len);
		*plain = p->made.len;
		return 0;
	case FRAME_ERROR:
	case FRAME_RECEIPT:
	case FRAME_VOUCHER:
		p->io[1] = piece(f->text, f->text_len);
		*plain = f->text_len;
		return 0;
	default:
		*plain = 0;
		return 0;
	}
}

/* One zstd frame of pieces [1] to [3] into `to`, stating its length; 0 when they can't be had in fewer bytes. */
static size_t
zstd_pieces(ZSTD_CCtx *z, const struct pieces *p, uint64_t plain, uint8_t *to, size_t room)
{
	ZSTD_outBuffer out = { to, room, 0 };

	if (ZSTD_isError(ZSTD_CCtx_setPledgedSrcSize(z, plain)))
		return 0;
	for (int i = 1; i <= 3; i++) {
		ZSTD_inBuffer in = { p->io[i].iov_base, p->io[i].iov_len, 0 };
		size_t left = ZSTD_compressStream2(z, &out, &in, i == 3 ? ZSTD_e_end : ZSTD_e_continue);
		if (ZSTD_isError(left) || in.pos < in.size || (i == 3 && left > 0))
			return 0;
	}
	return out.pos;
}

/* Replaces the payload by its compressed form where that is smaller, yet not by so much that readers refuse it. */
static int
compress_payload(struct pieces *p, uint64_t plain, uint64_t *stored)
{
	struct buf out = {0};
	ZSTD_CCtx *z = ZSTD_createCCtx();
	size_t n = 0;

	if (!z || buf_reserve(&out, plain) < 0) {
		ZSTD_freeCCtx(z);
		buf_free(&out);
		return err_set(ERR_SYSTEM, "out of memory (zstd)");
	}
	n = zstd_pieces(z, p, plain, out.data, plain);
	ZSTD_freeCCtx(z);
	/* What only the padding gains is nothing. */
	if (n == 0 || n + padding(n).iov_len >= plain + padding(plain).iov_len || plain > n * (uint64_t)STREAM_MAX_RATIO) {
		buf_free(&out);
		return 0;
	}
	buf_free(&p->made);
	p->made = out;
	p->io[1] = piece(out.data, n);
	p->io[2] = p->io[3] = piece(zeros, 0);
	*stored = n;
	return 0;
}

int
pieces_of_frame(struct pieces *p, const struct frame *f, bool compress)
{
	struct wire_head h = { .type = f->type, .hops = f->hops };

	p->made = (struct buf){0};
	for (int i = 0; i < PIECES; i++)
		p->io[i] = piece(zeros, 0);
	if (f->type == FRAME_ROWS)
		h.n_rows = f->n_rows;
	else if (f->type < FRAME_ERROR)
		h.seq = f->seq;
	if (f->type == FRAME_FORK || f->type == FRAME_CUT || f->type == FRAME_CLOSE)
		h.pos = f->pos;
	if (f->type == FRAME_FORK || f->type == FRAME_PROMPT_END)
		h.value = f->value;
	if (f->type == FRAME_CLOSE)
		h.value = f->reason;

	if (lay_payload(p, f, &h.plain) < 0)
		return -1;
	h.stored = h.plain;
	if (compress && h.plain > 0 && compress_payload(p, h.plain, &h.stored) < 0)
		return -1;
	h.zstd = h.stored != h.plain;
	h.sum = sum_pieces(p->io + 1, 3);
	p->io[0] = piece(p->head, sizeof p->head);
	p->io[4] = padding(h.stored);
	return wire_head_pack(p->head, &h);
}

void
pieces_free(struct pieces *p)
{
	buf_free(&p->made);
}

int
stream_encode_header(struct buf *out, const struct stream_header *h)
{
	uint8_t packed[STREAM_HEADER_SIZE];

	return wire_header_pack(packed, h) < 0 ? -1 : buf_add(out, packed, sizeof packed);
}

int
stream_encode(struct buf *out, const struct frame *f, bool compress)
{
	struct pieces p;
	size_t was = out->len;
	int rc;

	rc = pieces_of_frame(&p, f, compress);
	for (int i = 0; i < PIECES && rc == 0; i++)
		rc = buf_add(out, p.io[i].iov_base, p.io[i].iov_len);
	if (rc < 0)
		out->len = was;
	pieces_free(&p);
	return rc;
}
