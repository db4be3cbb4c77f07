/*
 * What the reader must refuse, each with one line that names the fault: cuts, flipped bits, lengths, types, shapes and
 * zstd payloads that lie. Beside each group stands what must pass.
 */
#include <errno.h>
#include <math.h>
#include <sys/resource.h>
#include <zstd.h>

#include "base/err.h"
#include "stream_sample.h"
#include "stream/sum.h"
#include "stream/wire.h"
#include "tap.h"

/* Places of fields, as mai-stream(5) gives them; not taken from the code under test. */
enum {
	HEADER_VERSION = 8,
	HEADER_KIND = 12,
	HEADER_DTYPE = 16,
	HEADER_WIDTH = 20,
	HEADER_NEXT = 24,
	HEADER_FLAGS = 28,
	HEADER_MODEL = 64,
	HEADER_PROFILE = 96,
	HEADER_ZERO = 224,
	HEADER_SUM = 248,
	FRAME_TYPE_AT = 4,
	FRAME_FLAGS_AT = 6,
	FRAME_ROWS_AT = 8,
	FRAME_HOPS_AT = 12,
	FRAME_STORED_AT = 16,
	FRAME_PLAIN_AT = 24,
	FRAME_SEQ_AT = 32,
	FRAME_POS_AT = 36,
	FRAME_VALUE_AT = 40,
	FRAME_PAYLOAD_SUM_AT = 48,
	FRAME_SUM_AT = 56,
};

static void
put(struct buf *b, size_t at, uint64_t v, size_t n)
{
	memcpy(b->data + at, &v, n);
}

static void
seal_header(struct buf *b)
{
	put(b, HEADER_SUM, sum_bytes(b->data, HEADER_SUM), 8);
}

/* Makes the checksums of the frame at `at` right again, that of its payload if it is as long as stated. */
static void
seal_frame(struct buf *b, size_t at)
{
	uint64_t stored;

	memcpy(&stored, b->data + at + FRAME_STORED_AT, 8);
	if (stored <= b->len - at - STREAM_FRAME_SIZE)
		put(b, at + FRAME_PAYLOAD_SUM_AT, sum_bytes(b->data + at + STREAM_FRAME_SIZE, stored), 8);
	put(b, at + FRAME_SUM_AT, sum_bytes(b->data + at, FRAME_SUM_AT), 8);
}

/* Streams in the file, or -1; the input is read from a map or by read(2). */
static int
streams_in(const void *data, size_t n, bool mapped)
{
	struct buf b = {0};
	int frames, rc = -1;

	if (!mapped)
		buf_addc(&b, 0);
	buf_add(&b, data, n);
	int fd = sample_file(b.data, b.len);
	if (fd >= 0 && lseek(fd, mapped ? 0 : 1, SEEK_SET) >= 0) {
		struct stream_reader *r = stream_reader_new(fd, "in");
		rc = sample_read_all(r, &frames);
		stream_reader_free(r);
	}
	close(fd);
	buf_free(&b);
	return rc;
}

static bool
refused(const struct buf *b, const char *why)
{
	for (int mapped = 0; mapped < 2; mapped++) {
		int rc = streams_in(b->data, b->len, mapped);
		if (rc == -1 && err_status() == ERR_DATA && strncmp(err_reason(), "in: offset ", 11) == 0 &&
		    strstr(err_reason(), why))
			continue;
		printf("# gave %d: %s\n", rc, rc < 0 ? err_reason() : "");
		return false;
	}
	return true;
}

/* A stream of one frame and its end. */
static void
one_frame(struct buf *b, const struct frame *f, bool compress)
{
	b->len = 0;
	if (stream_encode_header(b, &sample_header) < 0 || stream_encode(b, f, compress) < 0 ||
	    stream_encode(b, &(struct frame){ .type = FRAME_END }, false) < 0)
		abort();
}

static void
cuts(void)
{
	struct buf b = {0};
	int bad = 0;

	sample_stream(&b, false);
	size_t one = b.len;
	sample_stream(&b, true);
	tap_ok(streams_in(b.data, b.len, true) == 2 && streams_in(b.data, b.len, false) == 2, "two whole streams");
	for (size_t n = 0; n < b.len; n++) {
		int want = n == 0 ? 0 : n == one ? 1 : -1;
		for (int mapped = 0; mapped < 2; mapped++)
			if (streams_in(b.data, n, mapped) != want ||
			    (want < 0 && (err_status() != ERR_DATA || !strstr(err_reason(), "the stream was cut"))))
				bad++;
	}
	tap_ok(bad == 0, "cut at each of %zu bytes: refused but between the streams", b.len);

	/* A stream that was cut, and another behind it. */
	struct buf c = {0};
	buf_add(&c, b.data, one - STREAM_FRAME_SIZE);
	buf_add(&c, b.data + one, b.len - one);
	tap_ok(refused(&c, "another one begins before its end frame"), "a cut stream before another");
	buf_free(&c);
	buf_free(&b);
}

static void
flips(bool compress)
{
	struct buf b = {0};
	size_t bad = 0;

	sample_stream(&b, compress);
	for (size_t bit = 0; bit < 8 * b.len; bit++) {
		b.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
		if (streams_in(b.data, b.len, true) != -1 || err_status() != ERR_DATA) {
			printf("# bit %zu of byte %zu\n", bit % 8, bit / 8);
			bad++;
		}
		b.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	tap_ok(bad == 0, "one bit flipped at each of %zu positions (%s)", 8 * b.len, compress ? "zstd" : "plain");
	buf_free(&b);
}

static void
no_streams(void)
{
	static const char *const text[] = { "x", "hello, world\n", "GGUF\3\0\0\0", "\x89MAX", "\x89PNG\r\n\x1a\n" };
	struct buf b = {0};

	for (size_t i = 0; i < sizeof text / sizeof *text; i++) {
		b.len = 0;
		buf_add(&b, text[i], strlen(text[i]));
		tap_ok(refused(&b, "offset 0: not a mai stream"), "no stream: %zu bytes", strlen(text[i]));
	}
	b.len = 0;
	sample_stream(&b, false);
	buf_add(&b, "trailing", 8);
	tap_ok(refused(&b, "not a mai stream"), "bytes behind the end frame");
	b.len -= 8;
	buf_zero(&b, 64);
	tap_ok(refused(&b, "not a mai stream"), "zeros behind the end frame");
	buf_free(&b);
}

static void
headers(void)
{
	static const struct {
		const char *name, *why;
		size_t at;
		uint64_t v;
		size_t n;
	} bad[] = {
		{ "version 0", "version 0", HEADER_VERSION, 0, 4 },
		{ "version 2", "version 2", HEADER_VERSION, 2, 4 },
		{ "version byte-swapped", "version 16777216", HEADER_VERSION, 0x01000000, 4 },
		{ "kind 0", "unknown kind of stream 0", HEADER_KIND, 0, 4 },
		{ "kind 6", "unknown kind of stream 6", HEADER_KIND, 6, 4 },
		{ "kind 2^32-1", "unknown kind of stream 4294967295", HEADER_KIND, UINT32_MAX, 4 },
		{ "type 2", "element type 2", HEADER_DTYPE, 2, 4 },
		{ "type 31", "element type 31", HEADER_DTYPE, 31, 4 },
		{ "type 2^32-1", "element type 4294967295", HEADER_DTYPE, UINT32_MAX, 4 },
		{ "q8_0 with a width that is no multiple of 32", "does not go with width 24", HEADER_DTYPE, 8, 4 },
		{ "width 0", "width 0", HEADER_WIDTH, 0, 4 },
		{ "width 2^24+1", "width 16777217", HEADER_WIDTH, (1 << 24) + 1, 4 },
		{ "width 2^32-1", "width 4294967295", HEADER_WIDTH, UINT32_MAX, 4 },
		{ "tokens with a width", "token stream", HEADER_KIND, STREAM_TOKENS, 4 },
		{ "scores of width 24", "width 24", HEADER_KIND, STREAM_SCORES, 4 },
		{ "next layer 2^32-1", "next layer", HEADER_NEXT, UINT32_MAX, 4 },
		{ "flags", "zeros belong", HEADER_FLAGS, 1, 4 },
		{ "reserved byte", "zeros belong", HEADER_ZERO, 1, 1 },
		{ "last reserved byte", "zeros belong", HEADER_SUM - 1, 1, 1 },
		{ "profile not ended", "padded", HEADER_ZERO - 1, 'x', 1 },
		{ "profile not ASCII", "printable", HEADER_PROFILE, 0xc3, 1 },
		{ "profile with a newline", "printable", HEADER_PROFILE, '\n', 1 },
	};
	struct buf b = {0};

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		b.len = 0;
		sample_stream(&b, false);
		put(&b, bad[i].at, bad[i].v, bad[i].n);
		seal_header(&b);
		tap_ok(refused(&b, bad[i].why), "header: %s", bad[i].name);
	}
	b.len = 0;
	sample_stream(&b, false);
	memset(b.data + HEADER_MODEL, 0, HASH_SIZE);
	seal_header(&b);
	tap_ok(refused(&b, "profile without a model"), "header: a profile without a model");
	memset(b.data + HEADER_PROFILE, 0, STREAM_PROFILE_SIZE);
	seal_header(&b);
	tap_ok(streams_in(b.data, b.len, true) == 1, "neither model nor profile is well");
	put(&b, HEADER_NEXT, 1 << 16, 4);
	seal_header(&b);
	tap_ok(streams_in(b.data, b.len, true) == 1, "the largest next layer");
	buf_free(&b);
}

/* One field of a frame changed, checksums right. */
static void
heads(void)
{
	static const struct {
		const char *name, *why;
		enum frame_type of;
		size_t at;
		uint64_t v;
		size_t n;
	} bad[] = {
		{ "type 0", "unknown type of frame 0", FRAME_CUT, FRAME_TYPE_AT, 0, 2 },
		{ "type 11", "unknown type of frame 11", FRAME_CUT, FRAME_TYPE_AT, 11, 2 },
		{ "type 65535", "unknown type of frame 65535", FRAME_CUT, FRAME_TYPE_AT, 65535, 2 },
		{ "flag 2", "unknown flags 0x2", FRAME_ROWS, FRAME_FLAGS_AT, 2, 2 },
		{ "flag 0x8000", "unknown flags 0x8000", FRAME_ROWS, FRAME_FLAGS_AT, 0x8000, 2 },
		{ "no row, payload of three", "of payload for 0 rows", FRAME_ROWS, FRAME_ROWS_AT, 0, 4 },
		{ "one row, payload of three", "of payload for 1 rows", FRAME_ROWS, FRAME_ROWS_AT, 1, 4 },
		{ "one row more than the payload has", "of payload for 4 rows", FRAME_ROWS, FRAME_ROWS_AT, 4, 4 },
		{ "513 rows", "513 rows", FRAME_ROWS, FRAME_ROWS_AT, STREAM_MAX_ROWS + 1, 4 },
		{ "2^32-1 rows", "4294967295 rows", FRAME_ROWS, FRAME_ROWS_AT, UINT32_MAX, 4 },
		{ "rows in a cut", "cut frame: something", FRAME_CUT, FRAME_ROWS_AT, 1, 4 },
		{ "4097 hops", "4097 hops", FRAME_ROWS, FRAME_HOPS_AT, 4097, 4 },
		{ "stored length 0", "payload lengths 0 and", FRAME_ROWS, FRAME_STORED_AT, 0, 8 },
		{ "stored length 1", "payload lengths 1 and", FRAME_ROWS, FRAME_STORED_AT, 1, 8 },
		{ "stored length 2^64-1", "payload lengths 18446744073709551615", FRAME_ROWS, FRAME_STORED_AT, UINT64_MAX, 8 },
		{ "stored length 2^64-63", "payload lengths", FRAME_ROWS, FRAME_STORED_AT, UINT64_MAX - 62, 8 },
		{ "plain length 0", "payload lengths", FRAME_ROWS, FRAME_PLAIN_AT, 0, 8 },
		{ "plain length 2^64-1", "too long", FRAME_ROWS, FRAME_PLAIN_AT, UINT64_MAX, 8 },
		{ "plain length beyond the maximum", "too long", FRAME_ROWS, FRAME_PLAIN_AT, STREAM_MAX_PAYLOAD + 1, 8 },
		{ "sequence of rows", "rows frame: something", FRAME_ROWS, FRAME_SEQ_AT, 1, 4 },
		{ "position of rows", "rows frame: something", FRAME_ROWS, FRAME_POS_AT, 1, 4 },
		{ "value of rows", "rows frame: something", FRAME_ROWS, FRAME_VALUE_AT, 1, 8 },
		{ "position of open", "open frame: something", FRAME_OPEN, FRAME_POS_AT, 1, 4 },
		{ "position of prompt-end", "prompt-end frame: something", FRAME_PROMPT_END, FRAME_POS_AT, 1, 4 },
		{ "value of cut", "cut frame: something", FRAME_CUT, FRAME_VALUE_AT, 1, 8 },
		{ "close without reason", "unknown reason 0", FRAME_CLOSE, FRAME_VALUE_AT, 0, 8 },
		{ "close for reason 7", "unknown reason 7", FRAME_CLOSE, FRAME_VALUE_AT, 7, 8 },
		{ "close for reason 2^32+1", "unknown reason 4294967297", FRAME_CLOSE, FRAME_VALUE_AT, 4294967297, 8 },
		{ "fork of itself", "sequence 8 forked from 8", FRAME_FORK, FRAME_VALUE_AT, 8, 8 },
		{ "fork of 2^32", "forked from 4294967296", FRAME_FORK, FRAME_VALUE_AT, 4294967296, 8 },
		{ "fork that says a little", "payload of 8 bytes is too short", FRAME_FORK, FRAME_PLAIN_AT, 8, 8 },
		{ "sequence of end", "end frame: something", FRAME_END, FRAME_SEQ_AT, 1, 4 },
	};
	static const struct frame plain[] = {
		[FRAME_PROMPT_END] = { .type = FRAME_PROMPT_END, .seq = 8 },
		[FRAME_FORK] = { .type = FRAME_FORK, .seq = 8, .pos = 1, .value = 7 },
		[FRAME_CUT] = { .type = FRAME_CUT, .seq = 8, .pos = 1 },
		[FRAME_CLOSE] = { .type = FRAME_CLOSE, .seq = 8, .reason = CLOSE_STOP },
		[FRAME_END] = { .type = FRAME_END },
	};
	const struct frame *f = sample_frames();
	struct buf b = {0};

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct frame g = bad[i].of == FRAME_ROWS ? f[2] : bad[i].of == FRAME_OPEN ? f[1] : plain[bad[i].of];
		if (g.type == FRAME_ROWS)
			g.n_rows = 3;
		one_frame(&b, &g, false);
		if (g.type == FRAME_END)
			b.len = STREAM_HEADER_SIZE + STREAM_FRAME_SIZE;
		if (streams_in(b.data, b.len, true) != 1)
			tap_ok(false, "frame: %s, unchanged", bad[i].name);
		put(&b, STREAM_HEADER_SIZE + bad[i].at, bad[i].v, bad[i].n);
		seal_frame(&b, STREAM_HEADER_SIZE);
		tap_ok(refused(&b, bad[i].why), "frame: %s", bad[i].name);
	}
	buf_free(&b);
}

/* Bounds what may be allocated; a sanitizer's shadow memory knows no bound. */
static void
address_space(rlim_t n)
{
	struct rlimit r;

	if (getenv("MAI_SAN") || getrlimit(RLIMIT_AS, &r) != 0)
		return;
	r.rlim_cur = n < r.rlim_max ? n : r.rlim_max;
	setrlimit(RLIMIT_AS, &r);
}

/* Lengths that agree with each other and with nothing else: refused, or waited for, before anything is allocated. */
static void
lengths(void)
{
	struct buf b = {0};
	static const uint64_t n[] = { 1, 63, 64, 4096, 8192, STREAM_MAX_PAYLOAD, STREAM_MAX_PAYLOAD + 1, (uint64_t)1 << 40,
		(uint64_t)1 << 63, UINT64_MAX };

	for (size_t i = 0; i < sizeof n / sizeof *n; i++) {
		one_frame(&b, &(struct frame){ .type = FRAME_ROWS, .n_rows = 1, .rows = sample_rows }, false);
		put(&b, STREAM_HEADER_SIZE + FRAME_STORED_AT, n[i], 8);
		put(&b, STREAM_HEADER_SIZE + FRAME_PLAIN_AT, n[i], 8);
		seal_frame(&b, STREAM_HEADER_SIZE);
		/* 64 is the length it has without data */
		if (n[i] == 64)
			tap_ok(streams_in(b.data, b.len, true) == 1, "rows of length 64, as it should be");
		else
			tap_ok(refused(&b, "rows frame: "), "rows of length %llu", (unsigned long long)n[i]);
		one_frame(&b, &(struct frame){ .type = FRAME_ERROR, .text = "", .text_len = 0 }, false);
		put(&b, STREAM_HEADER_SIZE + FRAME_STORED_AT, n[i], 8);
		put(&b, STREAM_HEADER_SIZE + FRAME_PLAIN_AT, n[i], 8);
		seal_frame(&b, STREAM_HEADER_SIZE);
		tap_ok(n[i] <= STREAM_MAX_TEXT ? streams_in(b.data, b.len, true) == -1 : refused(&b, "too long"),
		    "error text of length %llu", (unsigned long long)n[i]);
	}

	/* As many rows of the widest kind as may be in a frame, by count and by width: 32 GiB; and what 32 bits hold of it. */
	struct stream_header wide = sample_header;
	wide.width = 1 << 24;
	const uint64_t product = wire_table_bytes(STREAM_MAX_ROWS) + (uint64_t)STREAM_MAX_ROWS * 4 * wide.width;
	for (int wrap = 0; wrap < 2; wrap++) {
		uint64_t claim = wrap ? (uint32_t)product : product;
		b.len = 0;
		stream_encode_header(&b, &wide);
		stream_encode(&b, &(struct frame){ .type = FRAME_ROWS }, false);
		put(&b, STREAM_HEADER_SIZE + FRAME_ROWS_AT, STREAM_MAX_ROWS, 4);
		put(&b, STREAM_HEADER_SIZE + FRAME_STORED_AT, claim, 8);
		put(&b, STREAM_HEADER_SIZE + FRAME_PLAIN_AT, claim, 8);
		seal_frame(&b, STREAM_HEADER_SIZE);
		/* Without their elements the rows are well: 8 KiB, which is what is left of the product. */
		tap_ok(refused(&b, wrap ? "the stream was cut" : "too long"), "512 rows of 2^24 elements in %llu bytes",
		    (unsigned long long)claim);
	}

	/* The largest frame there can be, of which only the head comes: 1 GiB is not asked for. */
	struct stream_header h = sample_header;
	h.width = (1 << 24) - 16;
	b.len = 0;
	stream_encode_header(&b, &h);
	stream_encode(&b, &(struct frame){ .type = FRAME_ROWS }, false);
	put(&b, STREAM_HEADER_SIZE + FRAME_ROWS_AT, 15, 4);
	put(&b, STREAM_HEADER_SIZE + FRAME_STORED_AT, 256 + 15 * 4 * (uint64_t)h.width, 8);
	put(&b, STREAM_HEADER_SIZE + FRAME_PLAIN_AT, 256 + 15 * 4 * (uint64_t)h.width, 8);
	seal_frame(&b, STREAM_HEADER_SIZE);
	buf_zero(&b, 100000);
	address_space(256 << 20);
	tap_ok(refused(&b, "the stream was cut"), "a frame of 1 GB that does not come, in 256 MB of memory");
	address_space(RLIM_INFINITY);
	buf_free(&b);
}

static void
payloads(void)
{
	const struct frame *f = sample_frames();
	const size_t at = STREAM_HEADER_SIZE, payload = at + STREAM_FRAME_SIZE;
	struct buf b = {0};

	one_frame(&b, &f[2], false);
	put(&b, payload + 12, 8, 4);
	seal_frame(&b, at);
	tap_ok(refused(&b, "unknown flags 0x8 of row 0"), "rows: unknown flag of a row");
	one_frame(&b, &f[2], false);
	put(&b, payload + 5 * 16, 1, 1);
	seal_frame(&b, at);
	tap_ok(refused(&b, "padding of the row table"), "rows: padding of the table");
	one_frame(&b, &f[2], false);
	put(&b, payload + 128 + 5 * 96, 1, 1); /* 128: the table; not covered by the sum */
	tap_ok(refused(&b, "the padding is not zero"), "rows: padding of the payload");
	one_frame(&b, &f[2], false);
	b.data[payload + 200] ^= 1;
	tap_ok(refused(&b, "checksum of the payload"), "rows: payload changed");

	static const struct {
		const char *name, *why;
		size_t at;
		uint64_t v;
	} bad[] = {
		{ "output 2", "unknown output 2", 16, 2 },
		{ "temperature NaN", "sampling", 20, 0x7fc00000 },
		{ "temperature -1", "sampling", 20, 0xbf800000 },
		{ "temperature infinite", "sampling", 20, 0x7f800000 },
		{ "top-p NaN", "sampling", 24, 0xffc00000 },
		{ "top-p 2", "sampling", 24, 0x40000000 },
		{ "min-p -0.5", "sampling", 28, 0xbf000000 },
		{ "repeat penalty NaN", "sampling", 32, 0x7f800001 },
		{ "repeat penalty -inf", "sampling", 32, 0xff800000 },
		{ "flags", "unknown flags 0x2", 44, 2 },
		{ "1 stop text of 2", "bytes behind what an open frame holds", 48, 1 },
		{ "3 stop texts of 2", "goes beyond", 48, 3 },
		{ "65 stop texts", "65 stop texts", 48, 65 },
		{ "2^32-1 stop texts", "4294967295 stop texts", 48, UINT32_MAX },
		{ "1 sequence breaker of 2", "bytes behind what an open frame holds", 52, 1 },
		{ "3 sequence breakers of 2", "sequence breaker goes beyond", 52, 3 },
		{ "33 sequence breakers", "33 sequence breakers", 52, STREAM_MAX_BREAKERS + 1 },
		{ "2 biases of 3", "goes beyond", 56, 2 },
		{ "4096 biases of 3", "logit bias goes beyond", 56, STREAM_MAX_BIASES },
		{ "2^32-1 biases", "4294967295 logit biases", 56, UINT32_MAX },
		{ "grammar that is cut", "1 bytes behind what an open frame holds", 60, 21 },
		{ "grammar longer than the frame", "grammar goes beyond", 60, 23 },
		{ "grammar of 65537 bytes", "a grammar of 65537 bytes", 60, STREAM_MAX_GRAMMAR + 1 },
		{ "presence penalty NaN", "presence_penalty", 64, 0x7fc00000 },
		{ "frequency penalty infinite", "frequency_penalty", 68, 0x7f800000 },
		{ "DRY multiplier -1", "dry_multiplier", 72, 0xbf800000 },
		{ "DRY base NaN", "dry_base", 76, 0x7fc00000 },
		{ "top-n-sigma -1", "top_n_sigma", 88, 0xbf800000 },
		{ "typical-p 2", "typical_p", 92, 0x40000000 },
		{ "XTC probability 2", "xtc_probability", 96, 0x40000000 },
		{ "XTC threshold NaN", "xtc_threshold", 100, 0xffc00000 },
		{ "dynamic temperature's range -1", "dynatemp_range", 104, 0xbf800000 },
		{ "dynamic temperature's exponent infinite", "dynatemp_exponent", 108, 0x7f800000 },
		{ "mirostat 3", "mirostat 3", 112, 3 },
		{ "mirostat tau -1", "mirostat_tau", 116, 0xbf800000 },
		{ "mirostat eta NaN", "mirostat_eta", 120, 0x7fc00000 },
		{ "reserved", "zeros belong", 124, 1 },
		{ "reserved, last", "zeros belong", 124, 0x01000000 },
		{ "bias NaN", "bias of token 15043", 132, 0x7fc00000 },
		{ "bias infinite", "bias of token 15043", 132, 0x7f800000 },
		{ "empty stop text", "goes beyond", 152, 0 },
		{ "stop text longer than the frame", "goes beyond", 152, 100 },
		{ "stop text of 2^32-1 bytes", "goes beyond", 152, UINT32_MAX },
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		one_frame(&b, &f[1], false);
		put(&b, payload + bad[i].at, bad[i].v, 4);
		seal_frame(&b, at);
		tap_ok(refused(&b, bad[i].why), "open: %s", bad[i].name);
	}
	buf_free(&b);
}

/* What packing refuses. */
static void
packing(void)
{
	struct buf b = {0};
	uint8_t text[STREAM_MAX_TEXT + 1] = {0};
	struct frame f = { .type = FRAME_OPEN, .open = { .n_stops = 1, .stop = { { text, STREAM_MAX_TEXT } } } };

	tap_ok(stream_encode(&b, &f, false) == 0, "packs a stop text of the largest size");
	f.open.stop[0].len++;
	b.len = 0;
	tap_ok(stream_encode(&b, &f, false) == -1 && b.len == 0, "but no larger one, and leaves nothing behind");
	f.open.stop[0].len = 0;
	tap_ok(stream_encode(&b, &f, false) == -1, "no empty stop text");
	f.open.n_stops = STREAM_MAX_STOPS + 1;
	tap_ok(stream_encode(&b, &f, false) == -1, "no more than 64 of them");
	f.open.n_stops = 0;
	f.open.n_breakers = 1;
	f.open.breaker[0] = (struct open_text){ text, STREAM_MAX_BREAKER };
	f.open.grammar = (struct open_text){ text, STREAM_MAX_TEXT };
	tap_ok(stream_encode(&b, &f, false) == 0, "packs the largest sequence breaker, and a grammar");
	f.open.breaker[0].len++;
	b.len = 0;
	tap_ok(stream_encode(&b, &f, false) == -1 && b.len == 0, "but no larger breaker");
	f.open.breaker[0].len = 0;
	tap_ok(stream_encode(&b, &f, false) == -1, "and no empty one");
	f.open.n_breakers = STREAM_MAX_BREAKERS + 1;
	tap_ok(stream_encode(&b, &f, false) == -1, "no more than 32 of them");
	f.open.n_breakers = 0;
	f.open.grammar.len = STREAM_MAX_GRAMMAR + 1;
	tap_ok(stream_encode(&b, &f, false) == -1, "no grammar of more than 64 KiB");
	f.open.grammar.len = 0;
	f.open.n_biases = STREAM_MAX_BIASES + 1;
	tap_ok(stream_encode(&b, &f, false) == -1, "no more than 4096 biases");
	f.open.n_biases = 0;
	f.open.sampling.top_p = NAN;
	tap_ok(stream_encode(&b, &f, false) == -1, "no setting that is no number");
	f = (struct frame){ .type = FRAME_ERROR, .text = (char *)text, .text_len = STREAM_MAX_TEXT + 1 };
	tap_ok(stream_encode(&b, &f, false) == -1, "no error text that is too long");
	f = (struct frame){ .type = FRAME_ROWS, .n_rows = STREAM_MAX_ROWS + 1, .rows = sample_rows };
	tap_ok(stream_encode(&b, &f, false) == -1, "no more than 512 rows");
	f = (struct frame){ .type = FRAME_ROWS, .n_rows = 512, .rows = sample_rows, .row_bytes = SIZE_MAX / 512 + 1 };
	tap_ok(stream_encode(&b, &f, false) == -1, "no rows whose size wraps");
	f = (struct frame){ .type = FRAME_ROWS, .n_rows = 32, .rows = sample_rows, .row_bytes = (1 << 25) };
	tap_ok(stream_encode(&b, &f, false) == -1, "no payload above 1 GiB");
	f = (struct frame){ .type = 11 };
	tap_ok(stream_encode(&b, &f, false) == -1, "no unknown type");
	f = (struct frame){ .type = FRAME_CLOSE };
	tap_ok(stream_encode(&b, &f, false) == -1, "no close without a reason");
	struct stream_header h = { .kind = STREAM_HIDDEN, .dtype = STREAM_Q8_0, .width = 33 };
	tap_ok(stream_encode_header(&b, &h) == -1, "no q8_0 of width 33");
	h.width = 64;
	memset(h.profile, 'x', sizeof h.profile);
	tap_ok(stream_encode_header(&b, &h) == -1 && b.len == 0, "no profile without an end");
	buf_free(&b);
}

/* ---- compressed payloads ---- */

/* Bytes that compress to about half. */
static void
noise(uint8_t *to, size_t n)
{
	uint64_t x = 88172645463325252;

	for (size_t i = 0; i < n; i++) {
		x ^= x << 13, x ^= x >> 7, x ^= x << 17;
		to[i] = x >> 32 & 15;
	}
}

/* A frame of rows with a zstd payload of our making; n_rows rows of the sample's width. */
static void
zstd_frame(struct buf *b, const void *stored, size_t n, uint32_t n_rows, uint64_t plain)
{
	const size_t at = STREAM_HEADER_SIZE;

	one_frame(b, &(struct frame){ .type = FRAME_END }, false);
	b->len = at + STREAM_FRAME_SIZE;
	put(b, at + FRAME_TYPE_AT, FRAME_ROWS, 2);
	put(b, at + FRAME_FLAGS_AT, 1, 2);
	put(b, at + FRAME_ROWS_AT, n_rows, 4);
	put(b, at + FRAME_STORED_AT, n, 8);
	put(b, at + FRAME_PLAIN_AT, plain, 8);
	buf_add(b, stored, n);
	buf_zero(b, -n & 63);
	seal_frame(b, at);
	stream_encode(b, &(struct frame){ .type = FRAME_END }, false);
}

static uint64_t
plain_bytes(uint32_t n_rows)
{
	return ((uint64_t)n_rows * 16 + 63) / 64 * 64 + (uint64_t)n_rows * SAMPLE_WIDTH * 4;
}

static void
zstd(void)
{
	enum { ROWS = 400 };
	const size_t plain = plain_bytes(ROWS), room = ZSTD_compressBound(plain) + 1000;
	uint8_t *data = calloc(1, plain), *out = calloc(1, room);
	struct buf b = {0};
	ZSTD_CCtx *z = ZSTD_createCCtx();

	noise(data + ROWS * 16, plain - ROWS * 16);
	size_t n = ZSTD_compress(out, room, data, plain, 1);
	zstd_frame(&b, out, n, ROWS, plain);
	tap_ok(streams_in(b.data, b.len, true) == 1 && streams_in(b.data, b.len, false) == 1, "zstd: a good payload");

	for (size_t cut = 1; cut < n * 9 / 10; cut += n / 7) {
		zstd_frame(&b, out, n - cut, ROWS, plain);
		tap_ok(refused(&b, "not one zstd frame"), "zstd: %zu bytes short", cut);
	}
	memcpy(out + n, out, n);
	zstd_frame(&b, out, 2 * n, ROWS, plain);
	tap_ok(refused(&b, "not one zstd frame"), "zstd: a second frame behind");
	memcpy(out + n, "\x50\x2a\x4d\x18\4\0\0\0skip", 12);
	zstd_frame(&b, out, n + 12, ROWS, plain);
	tap_ok(refused(&b, "not one zstd frame"), "zstd: a skippable frame behind");
	zstd_frame(&b, out, n + 1, ROWS, plain);
	tap_ok(refused(&b, "not one zstd frame"), "zstd: a byte behind");
	zstd_frame(&b, out, n, ROWS - 4, plain_bytes(ROWS - 4));
	tap_ok(refused(&b, "not one zstd frame"), "zstd: grows beyond what the frame says");
	zstd_frame(&b, out, n, ROWS + 4, plain_bytes(ROWS + 4));
	tap_ok(refused(&b, "not one zstd frame"), "zstd: falls short of what the frame says");
	zstd_frame(&b, out, n, ROWS, plain + 1);
	tap_ok(refused(&b, "rows of 96 bytes"), "zstd: a length that does not go with the rows");
	out[n - 1] ^= 0x55;
	zstd_frame(&b, out, n, ROWS, plain);
	int rc = streams_in(b.data, b.len, true);
	tap_ok(rc == 1 || (rc == -1 && err_status() == ERR_DATA), "zstd: damaged inside, checksums right: no crash");
	zstd_frame(&b, data, 100, ROWS, plain);
	tap_ok(refused(&b, "not one zstd frame"), "zstd: zeros");
	zstd_frame(&b, data, 0, ROWS, plain);
	tap_ok(refused(&b, "a compressed payload of 0 bytes"), "zstd: nothing");
	zstd_frame(&b, data, plain, ROWS, plain);
	tap_ok(refused(&b, "a compressed payload"), "zstd: not smaller than plain");

	/* Length not stated. */
	ZSTD_CCtx_setParameter(z, ZSTD_c_contentSizeFlag, 0);
	n = ZSTD_compress2(z, out, room, data, plain);
	zstd_frame(&b, out, n, ROWS, plain);
	tap_ok(refused(&b, "not one zstd frame"), "zstd: length not stated");
	ZSTD_CCtx_setParameter(z, ZSTD_c_contentSizeFlag, 1);

	/* A dictionary: one of raw content has no id, one with an id is built here by hand from its magic on. */
	ZSTD_CCtx_reset(z, ZSTD_reset_session_and_parameters);
	ZSTD_CCtx_loadDictionary(z, data, plain / 2);
	n = ZSTD_compress2(z, out, room, data, plain);
	zstd_frame(&b, out, n, ROWS, plain);
	tap_ok(refused(&b, "does not decompress"), "zstd: a dictionary that nobody has");
	ZSTD_CCtx_reset(z, ZSTD_reset_session_and_parameters);
	n = ZSTD_compress2(z, out, room, data, plain);
	/* Frame header descriptor: one byte of dictionary id, inserted behind the descriptor and the window, if any. */
	size_t id_at = out[4] & 0x20 ? 5 : 6;
	memmove(out + id_at + 1, out + id_at, n - id_at);
	out[4] |= 1;
	out[id_at] = 77;
	zstd_frame(&b, out, n + 1, ROWS, plain);
	tap_ok(refused(&b, "not one zstd frame"), "zstd: a dictionary with an id");

	/* 1 TB declared: by the zstd frame, by the mai frame, by both. */
	static const uint8_t tera[] = { 0x28, 0xb5, 0x2f, 0xfd, 0xe0, 0, 0, 0, 0, 0, 1, 0, 0, 3, 0, 0 };
	zstd_frame(&b, tera, sizeof tera, 1, plain_bytes(1));
	tap_ok(refused(&b, "not one zstd frame"), "zstd: declares 1 TB inside");
	zstd_frame(&b, tera, sizeof tera, 1, (uint64_t)1 << 40);
	tap_ok(refused(&b, "too long"), "zstd: declares 1 TB inside and outside");

	/* Ten thousand times larger: 1 MB of zeros in 50 bytes. */
	struct stream_header h = sample_header;
	h.width = 1 << 20;
	size_t big = 64 + 4 * (size_t)h.width;
	uint8_t *zero = calloc(1, big);
	n = ZSTD_compress(out, room, zero, big, 19);
	b.len = 0;
	zstd_frame(&b, out, n, 1, big);
	memset(b.data, 0, STREAM_HEADER_SIZE);
	struct buf c = {0};
	stream_encode_header(&c, &h);
	memcpy(b.data, c.data, STREAM_HEADER_SIZE);
	char why[80];
	snprintf(why, sizeof why, "a compressed payload of %zu bytes that stands for %zu", n, big);
	tap_ok(n * 10000 < big && refused(&b, why), "zstd: grows %zu times", big / n);

	/* Our own writer leaves such a payload as it is, so that what it writes is read. */
	struct frame f = { .type = FRAME_ROWS, .n_rows = 1, .rows = sample_rows, .data = zero, .row_bytes = big - 64 };
	c.len = 0;
	stream_encode_header(&c, &h);
	stream_encode(&c, &f, true);
	stream_encode(&c, &(struct frame){ .type = FRAME_END }, true);
	tap_ok(c.len > big && streams_in(c.data, c.len, true) == 1, "zeros are written plain, and read");
	/* And compresses what may be. */
	noise(zero, big);
	c.len = STREAM_HEADER_SIZE;
	stream_encode(&c, &f, true);
	stream_encode(&c, &(struct frame){ .type = FRAME_END }, true);
	tap_ok(c.len < big && streams_in(c.data, c.len, true) == 1 && streams_in(c.data, c.len, false) == 1,
	    "other rows are written in fewer bytes, and read");

	ZSTD_freeCCtx(z);
	buf_free(&b);
	buf_free(&c);
	free(zero);
	free(data);
	free(out);
}

int
main(void)
{
	cuts();
	flips(false);
	flips(true);
	no_streams();
	headers();
	heads();
	lengths();
	payloads();
	packing();
	zstd();
	return tap_done();
}
