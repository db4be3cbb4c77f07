/*
 * Takes headers and frames out of bytes that lie in a map of the whole file, or in a buffer that fill() tops up.
 * Everything begins at a multiple of 64 bytes of the input, and both begin at one, so data is aligned where it lies.
 */
#include "stream/stream.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zstd.h>

#include "base/err.h"
#include "base/io.h"
#include "base/mem.h"
#include "stream/sum.h"
#include "stream/wire.h"

/*
 * A read asks for at least so many bytes: small frames then cost few calls. It never waits for them, since read(2)
 * gives what is there.
 */
enum { READ_SIZE = 1 << 16 };

enum place { AT_HEADER, IN_STREAM, AFTER_ERROR };

struct stream_reader {
	int fd;
	char *name;
	enum place place;
	struct stream_header header;
	size_t row_bytes;

	const uint8_t *data; /* the map, or the buffer */
	size_t pos, len;     /* of data: the next byte to take, the end of what is there */
	size_t need;         /* bytes from pos on without which nothing can be taken */
	bool ended;          /* nothing comes behind len */
	uint64_t dropped;    /* consumed bytes that have left the buffer */

	struct io_map map;
	uint8_t *buffer;
	size_t cap;

	uint8_t *plain; /* the decompressed payload */
	size_t plain_cap;
	ZSTD_DCtx *zstd;

	off_t start; /* where in the file reading began; -1 when it can't seek */
	size_t map_start;
};

/* Uses a map when the descriptor is a regular file that stands at an aligned place; else leaves it to read(2). */
static void
try_map(struct stream_reader *r)
{
	if (r->start < 0 || r->start % STREAM_ALIGN != 0 || io_map_fd(&r->map, r->fd, r->name) < 0)
		return;
	if ((uint64_t)r->start >= r->map.size) {
		io_unmap(&r->map);
		return;
	}
	madvise((void *)(uintptr_t)r->map.data, r->map.size, MADV_SEQUENTIAL);
	r->data = r->map.data;
	r->map_start = r->pos = (size_t)r->start;
	r->len = r->map.size;
	r->ended = true;
}

struct stream_reader *
stream_reader_new(int fd, const char *name)
{
	struct stream_reader *r = mem_alloc(1, sizeof *r);

	if (!r || !(r->name = mem_strdup(name))) {
		free(r);
		return NULL;
	}
	r->fd = fd;
	r->need = STREAM_HEADER_SIZE;
	r->start = lseek(fd, 0, SEEK_CUR);
	try_map(r);
	return r;
}

struct stream_reader *
stream_reader_fed(const char *name)
{
	struct stream_reader *r = mem_alloc(1, sizeof *r);

	if (!r || !(r->name = mem_strdup(name))) {
		free(r);
		return NULL;
	}
	r->fd = -1;
	r->start = -1;
	r->need = STREAM_HEADER_SIZE;
	return r;
}

void
stream_reader_free(struct stream_reader *r)
{
	if (!r)
		return;
	if (r->start >= 0)
		lseek(r->fd, r->start + (off_t)stream_offset(r), SEEK_SET);
	io_unmap(&r->map);
	ZSTD_freeDCtx(r->zstd);
	free(r->plain);
	free(r->buffer);
	free(r->name);
	free(r);
}

bool
stream_keeps(const struct stream_reader *r, const struct frame *f)
{
	const uint8_t *rows = (const uint8_t *)f->rows;

	return r->map.data && rows >= r->map.data && rows < r->map.data + r->map.size;
}

uint64_t
stream_offset(const struct stream_reader *r)
{
	return r->dropped + r->pos - r->map_start;
}

int
stream_cut(const struct stream_reader *r)
{
	return err_set(ERR_DATA, "%s: offset %llu: the stream was cut", r->name, (unsigned long long)stream_offset(r));
}

/* Puts the place before a reason. */
static int
fault(const struct stream_reader *r)
{
	return err_wrap("%s: offset %llu", r->name, (unsigned long long)stream_offset(r));
}

/* ---- filling the buffer ---- */

/* A larger buffer with what is there at its front. */
static int
grow(struct stream_reader *r, size_t cap)
{
	uint8_t *larger = mem_alloc64(cap, 1);

	if (!larger)
		return err_wrap("%s", r->name);
	if (r->len > r->pos)
		memcpy(larger, r->buffer + r->pos, r->len - r->pos);
	free(r->buffer);
	r->data = r->buffer = larger;
	r->cap = cap;
	return 0;
}

/*
 * Makes room behind len for what is missing. A frame's length is only a claim until its bytes come, so the buffer at
 * most doubles on the way to it.
 */
static int
make_room(struct stream_reader *r)
{
	size_t have = r->len - r->pos, target = 2 * (have > READ_SIZE ? have : READ_SIZE);

	if (target > r->need)
		target = r->need > 2 * READ_SIZE ? r->need : 2 * READ_SIZE;
	if (r->cap < target) {
		if (grow(r, target) < 0)
			return -1;
	} else if (have == 0 || r->cap - r->len < READ_SIZE || r->cap - r->pos < target) {
		memmove(r->buffer, r->buffer + r->pos, have);
	} else {
		return 0;
	}
	r->dropped += r->pos;
	r->pos = 0;
	r->len = have;
	return 0;
}

/* One read(2): 1; 0 at the end of the input; -1 error. EAGAIN gives 1, with *again set. */
static int
fill(struct stream_reader *r, bool *again)
{
	*again = false;
	if (r->ended)
		return 0;
	if (make_room(r) < 0)
		return -1;

	/* Not beyond the frame that is missing, if that is long: then nothing is ever moved. */
	size_t room = r->cap - r->len, missing = r->need > r->len - r->pos ? r->need - (r->len - r->pos) : 0;
	size_t want = missing > READ_SIZE ? missing : READ_SIZE;
	ssize_t n = read(r->fd, r->buffer + r->len, want < room ? want : room);
	if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
		*again = errno == EAGAIN;
		return 1;
	}
	if (n < 0)
		return err_sys("%s: read", r->name);
	r->len += (size_t)n;
	r->ended = n == 0;
	return n > 0;
}

/* The same, waiting until there is something. */
static int
fill_wait(struct stream_reader *r)
{
	bool again;
	int rc = fill(r, &again);

	if (again) {
		struct pollfd p = { .fd = r->fd, .events = POLLIN };
		if (poll(&p, 1, -1) < 0 && errno != EINTR)
			return err_sys("%s: poll", r->name);
	}
	return rc;
}

int
stream_fill(struct stream_reader *r)
{
	bool again;

	return fill(r, &again);
}

int
stream_feed(struct stream_reader *r, const void *data, size_t n)
{
	const uint8_t *from = data;

	while (n > 0) {
		size_t room, some;
		if (make_room(r) < 0)
			return -1;
		/* More than the next frame may be given: then it is there already, and no claim is believed by growing. */
		if (r->cap == r->len && grow(r, 2 * r->cap) < 0)
			return -1;
		room = r->cap - r->len;
		some = n < room ? n : room;
		memcpy(r->buffer + r->len, from, some);
		r->len += some;
		from += some;
		n -= some;
	}
	return 0;
}

void
stream_feed_end(struct stream_reader *r)
{
	r->ended = true;
}

/* ---- taking from it ---- */

/* 1 when `need` bytes are there, 0 when they may yet come, -1 when they never will. */
static int
require(struct stream_reader *r, size_t need)
{
	r->need = need;
	if (r->len - r->pos >= need)
		return 1;
	return r->ended ? stream_cut(r) : 0;
}

static void
consume(struct stream_reader *r, size_t n, size_t next)
{
	r->pos += n;
	r->need = next;
}

int
stream_take_header(struct stream_reader *r, struct stream_header *h)
{
	size_t have = r->len - r->pos;

	if (r->place != AT_HEADER)
		return err_set(ERR_DATA, "%s: offset %llu: the stream before has not been read to its end", r->name,
		    (unsigned long long)stream_offset(r));
	if (have == 0)
		return 0;
	/* What is no stream at all is said at its first bytes, however few they are. */
	if (memcmp(r->data + r->pos, WIRE_HEADER_MAGIC, have < WIRE_MAGIC_SIZE ? have : WIRE_MAGIC_SIZE) != 0) {
		err_set(ERR_DATA, "not a mai stream");
		return fault(r);
	}
	int rc = require(r, STREAM_HEADER_SIZE);
	if (rc <= 0)
		return rc;
	if (wire_header_unpack(h, r->data + r->pos) < 0)
		return fault(r);
	r->header = *h;
	r->row_bytes = (size_t)stream_row_bytes(h->dtype, h->width);
	r->place = IN_STREAM;
	consume(r, STREAM_HEADER_SIZE, STREAM_FRAME_SIZE);
	return 1;
}

/* Sets f from the head and checks that the payload's length is that of its rows. */
static int
unpack_head(const struct stream_reader *r, struct frame *f, const struct wire_head *h)
{
	uint64_t with = 0, without = 0;

	*f = (struct frame){ .type = h->type, .hops = h->hops, .seq = h->seq, .pos = h->pos, .n_rows = h->n_rows };
	if (h->type == FRAME_CLOSE)
		f->reason = (enum close_reason)h->value;
	else
		f->value = h->value;
	if (h->type != FRAME_ROWS)
		return 0;
	wire_rows_bytes(h->n_rows, 0, &without);
	if (h->plain == without)
		return 0;
	if (!wire_rows_bytes(h->n_rows, r->row_bytes, &with) || h->plain != with)
		return err_set(ERR_DATA, "rows frame: %llu bytes of payload for %u rows of %zu bytes",
		    (unsigned long long)h->plain, h->n_rows, r->row_bytes);
	f->row_bytes = r->row_bytes;
	return 0;
}

/* Decompresses a payload: exactly one zstd frame that states its length and needs no dictionary. */
static const uint8_t *
decompress(struct stream_reader *r, const uint8_t *stored, const struct wire_head *h)
{
	size_t n = (size_t)h->stored, plain = (size_t)h->plain;

	if (ZSTD_getFrameContentSize(stored, n) != plain || ZSTD_findFrameCompressedSize(stored, n) != n ||
	    ZSTD_getDictID_fromFrame(stored, n) != 0) {
		err_set(ERR_DATA, "the payload is not one zstd frame of %zu bytes", plain);
		return NULL;
	}
	if (r->plain_cap < plain) {
		free(r->plain);
		r->plain_cap = 0;
		r->plain = mem_alloc64(plain, 1);
		if (!r->plain)
			return NULL;
		r->plain_cap = plain;
	}
	if (!r->zstd && !(r->zstd = ZSTD_createDCtx())) {
		err_set(ERR_SYSTEM, "out of memory (zstd)");
		return NULL;
	}
	size_t got = ZSTD_decompressDCtx(r->zstd, r->plain, plain, stored, n);
	if (ZSTD_isError(got) || got != plain) {
		err_set(ERR_DATA, "the payload does not decompress: %s",
		    ZSTD_isError(got) ? ZSTD_getErrorName(got) : "too short");
		return NULL;
	}
	return r->plain;
}

/* Checks and unpacks the payload, which is there as a whole with its padding. */
static int
take_payload(struct stream_reader *r, struct frame *f, const struct wire_head *h)
{
	const uint8_t *payload = r->data + r->pos + STREAM_FRAME_SIZE;
	size_t n = (size_t)h->stored;

	if (sum_bytes(payload, n) != h->sum)
		return err_set(ERR_DATA, "%s frame: the checksum of the payload is wrong", frame_type_name(h->type));
	if (!wire_is_zero(payload + n, -n & (STREAM_ALIGN - 1)))
		return err_set(ERR_DATA, "%s frame: the padding is not zero", frame_type_name(h->type));
	if (h->zstd && !(payload = decompress(r, payload, h)))
		return -1;
	return wire_payload_unpack(f, payload, (size_t)h->plain);
}

int
stream_next(const struct stream_reader *r)
{
	struct wire_head h;

	if (r->place != IN_STREAM || r->len - r->pos < STREAM_FRAME_SIZE || wire_head_unpack(&h, r->data + r->pos) < 0)
		return 0;
	return (int)h.type;
}

int
stream_take(struct stream_reader *r, struct frame *f)
{
	struct wire_head h;
	int rc;

	if (r->place != IN_STREAM)
		return err_set(ERR_DATA, "%s: offset %llu: no frame can follow here", r->name,
		    (unsigned long long)stream_offset(r));
	if ((rc = require(r, r->need)) <= 0)
		return rc;
	if (wire_head_unpack(&h, r->data + r->pos) < 0 || unpack_head(r, f, &h) < 0)
		goto fault;
	size_t whole = STREAM_FRAME_SIZE + ((size_t)h.stored + STREAM_ALIGN - 1) / STREAM_ALIGN * STREAM_ALIGN;
	if ((rc = require(r, whole)) <= 0)
		return rc;
	if (take_payload(r, f, &h) < 0)
		goto fault;
	if (h.type == FRAME_ERROR)
		r->place = AFTER_ERROR;
	if (h.type == FRAME_END)
		r->place = AT_HEADER;
	consume(r, whole, r->place == AT_HEADER ? STREAM_HEADER_SIZE : STREAM_FRAME_SIZE);
	return 1;
fault:
	*f = (struct frame){0};
	return fault(r);
}

int
stream_read_header(struct stream_reader *r, struct stream_header *h)
{
	int rc;

	while ((rc = stream_take_header(r, h)) == 0) {
		if (r->ended)
			return 0;
		if (fill_wait(r) < 0)
			return -1;
	}
	return rc;
}

int
stream_read(struct stream_reader *r, struct frame *f)
{
	int rc;

	*f = (struct frame){0};
	if (r->place == AT_HEADER)
		return 0;
	while ((rc = stream_take(r, f)) == 0)
		if (fill_wait(r) < 0)
			return -1;
	if (rc < 0)
		return -1;
	if (f->type == FRAME_ERROR)
		return err_set(ERR_DATA, "%s: %.*s", r->name, (int)f->text_len, f->text);
	return f->type != FRAME_END;
}
