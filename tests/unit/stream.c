/*
 * Round trips of all frames: through a map, a pipe, a socket in pieces, fed, compressed or not.
 *
 *	stream DIR	writes the seeds of tests/fuzz/frame.c to DIR instead
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/socket.h>

#include "base/err.h"
#include "stream_sample.h"
#include "tap.h"

static bool
same_sampling(const struct sampling *s, const struct sampling *t)
{
	return s->temperature == t->temperature && s->top_p == t->top_p && s->min_p == t->min_p &&
	    s->repeat_penalty == t->repeat_penalty && s->top_k == t->top_k && s->repeat_last == t->repeat_last &&
	    s->seed == t->seed && s->ignore_eos == t->ignore_eos && s->presence_penalty == t->presence_penalty &&
	    s->frequency_penalty == t->frequency_penalty && s->dry_multiplier == t->dry_multiplier && s->dry_base == t->dry_base &&
	    s->dry_allowed_length == t->dry_allowed_length && s->dry_penalty_last_n == t->dry_penalty_last_n &&
	    s->xtc_probability == t->xtc_probability && s->xtc_threshold == t->xtc_threshold && s->typical_p == t->typical_p &&
	    s->top_n_sigma == t->top_n_sigma && s->dynatemp_range == t->dynatemp_range && s->dynatemp_exponent == t->dynatemp_exponent &&
	    s->mirostat == t->mirostat && s->mirostat_tau == t->mirostat_tau && s->mirostat_eta == t->mirostat_eta;
}

static bool
same_texts(const struct open_text *a, const struct open_text *b, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (a[i].len != b[i].len || (a[i].len > 0 && memcmp(a[i].data, b[i].data, a[i].len) != 0))
			return false;
	return true;
}

static bool
same_open(const struct open *a, const struct open *b)
{
	return a->ordinal == b->ordinal && a->output == b->output && same_sampling(&a->sampling, &b->sampling) &&
	    a->n_biases == b->n_biases && (a->n_biases == 0 || memcmp(a->bias, b->bias, a->n_biases * sizeof *a->bias) == 0) &&
	    a->n_stops == b->n_stops && same_texts(a->stop, b->stop, a->n_stops) &&
	    a->n_breakers == b->n_breakers && same_texts(a->breaker, b->breaker, a->n_breakers) && same_texts(&a->grammar, &b->grammar, 1);
}

static void
clones(void)
{
	const struct open *o = &sample_frames()[1].open;
	struct open *c = open_clone(o), *again = c ? open_clone(c) : NULL;

	free(c);
	tap_ok(again && same_open(o, again) && again->bias != o->bias && again->stop[0].data != o->stop[0].data &&
	    again->grammar.data != o->grammar.data, "a copy of a copy of an open frame is the same, and points into itself");
	free(again);
}

static bool
same_frame(const struct frame *a, const struct frame *b)
{
	if (a->type != b->type || a->hops != b->hops || a->seq != b->seq || a->pos != b->pos || a->value != b->value ||
	    a->reason != b->reason || a->n_rows != b->n_rows || a->row_bytes != b->row_bytes ||
	    a->text_len != b->text_len || a->restated != b->restated)
		return false;
	if (a->n_rows > 0 && memcmp(a->rows, b->rows, a->n_rows * sizeof *a->rows) != 0)
		return false;
	if (a->row_bytes > 0 && memcmp(a->data, b->data, a->n_rows * a->row_bytes) != 0)
		return false;
	return (a->type != FRAME_OPEN && !a->restated) || same_open(&a->open, &b->open);
}

static bool
aligned(const struct frame *f)
{
	return f->type != FRAME_ROWS || ((uintptr_t)f->rows % STREAM_ALIGN == 0 && (uintptr_t)f->data % STREAM_ALIGN == 0);
}

static bool
reads_back(int fd)
{
	const struct frame *want = sample_frames();
	struct stream_reader *r = stream_reader_new(fd, "test");
	struct stream_header h;
	struct frame f;
	bool good = r && stream_read_header(r, &h) == 1 && memcmp(&h, &sample_header, sizeof h) == 0;

	for (int i = 0; good && i < SAMPLE_FRAMES - 1; i++)
		good = stream_read(r, &f) == 1 && same_frame(&f, &want[i]) && aligned(&f);
	good = good && stream_read(r, &f) == 0 && stream_read(r, &f) == 0 && stream_read_header(r, &h) == 0;
	if (!good)
		printf("# %s\n", err_reason());
	stream_reader_free(r);
	return good;
}

struct feed {
	int fd;
	const struct buf *b;
	size_t step; /* bytes a write */
};

static void *
feed(void *arg)
{
	struct feed *f = arg;

	for (size_t at = 0; at < f->b->len; at += f->step) {
		size_t n = f->b->len - at < f->step ? f->b->len - at : f->step;
		if (write(f->fd, f->b->data + at, n) != (ssize_t)n)
			break;
	}
	close(f->fd);
	return NULL;
}

static bool
reads_back_from_pipe(const struct buf *b, size_t step, bool nonblocking)
{
	pthread_t t;
	int p[2];

	if (pipe(p) != 0)
		return false;
	if (nonblocking)
		fcntl(p[0], F_SETFL, O_NONBLOCK);
	struct feed f = { p[1], b, step };
	pthread_create(&t, NULL, feed, &f);
	bool good = reads_back(p[0]);
	pthread_join(t, NULL);
	close(p[0]);
	return good;
}

static void
round_trips(bool compress)
{
	const char *how = compress ? "compressed" : "plain";
	struct buf b = {0};

	tap_ok(sample_stream(&b, compress) == 0, "%s: packs", how);
	tap_ok(b.len % STREAM_ALIGN == 0, "%s: the length is a multiple of 64", how);
	int fd = sample_file(b.data, b.len);
	tap_ok(fd >= 0 && reads_back(fd), "%s: reads back from a file", how);
	tap_ok(lseek(fd, 0, SEEK_CUR) == (off_t)b.len, "%s: the file stands behind what was read", how);
	close(fd);
	tap_ok(reads_back_from_pipe(&b, b.len, false), "%s: reads back from a pipe", how);
	tap_ok(reads_back_from_pipe(&b, 1, false), "%s: reads back byte by byte", how);
	tap_ok(reads_back_from_pipe(&b, 100, true), "%s: reads back from a non-blocking pipe", how);
	buf_free(&b);
}

/* A file from an offset: mapped when it is aligned, read when not. */
static void
offsets(void)
{
	struct buf b = {0}, c = {0};
	static const size_t at[] = { 64, 4096, 1, 100 };

	sample_stream(&b, false);
	for (size_t i = 0; i < sizeof at / sizeof *at; i++) {
		c.len = 0;
		buf_zero(&c, at[i]);
		buf_add(&c, b.data, b.len);
		int fd = sample_file(c.data, c.len);
		lseek(fd, (off_t)at[i], SEEK_SET);
		tap_ok(reads_back(fd), "reads back from offset %zu of a file", at[i]);
		tap_ok(lseek(fd, 0, SEEK_CUR) == (off_t)c.len, "and leaves it at the end");
		close(fd);
	}
	buf_free(&b);
	buf_free(&c);
}

/* Leaving after one stream of two, the descriptor stands at the second, mapped or read. */
static void
leaves_rest(void)
{
	struct stream_header h;
	struct frame f;
	struct buf b = {0};

	for (size_t skip = 0; skip <= 1; skip++) {
		b.len = 0;
		buf_zero(&b, skip);
		sample_stream(&b, false);
		size_t first = b.len;
		sample_stream(&b, false);
		int fd = sample_file(b.data, b.len);
		lseek(fd, (off_t)skip, SEEK_SET);
		struct stream_reader *r = stream_reader_new(fd, "test");
		int rc = stream_read_header(r, &h);
		while (rc > 0)
			rc = stream_read(r, &f);
		stream_reader_free(r);
		tap_ok(rc == 0 && lseek(fd, 0, SEEK_CUR) == (off_t)first, "%s file: the second stream is left for others",
		    skip ? "read" : "mapped");
		tap_ok(reads_back(fd), "and can be read on");
		close(fd);
	}
	buf_free(&b);
}

/* stream_write against a reader that is slow, through a non-blocking socket with a small buffer. */
static void
writes(void)
{
	const struct frame *f = sample_frames();
	struct buf want = {0};
	int s[2], small = 4096;
	uint8_t *got;

	sample_stream(&want, false);
	socketpair(AF_UNIX, SOCK_STREAM, 0, s);
	setsockopt(s[1], SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
	fcntl(s[1], F_SETFL, O_NONBLOCK);

	int rc = 0;
	pid_t child = fork();
	if (child == 0) {
		rc = stream_write_header(s[1], &sample_header, "socket");
		for (int i = 0; i < SAMPLE_FRAMES && rc == 0; i++)
			rc = stream_write(s[1], &f[i], false, "socket");
		_exit(rc != 0);
	}
	close(s[1]);
	got = malloc(want.len + 1);
	size_t n = 0;
	ssize_t k;
	while ((k = read(s[0], got + n, want.len + 1 - n < 37 ? want.len + 1 - n : 37)) > 0)
		n += (size_t)k;
	tap_ok(n == want.len && memcmp(got, want.data, n) == 0, "writing gives the bytes of packing, through short writes");
	close(s[0]);
	free(got);
	buf_free(&want);
}

static void
large_frame(void)
{
	enum { WIDTH = 6000, ROWS = STREAM_MAX_ROWS };
	struct stream_header h = { .kind = STREAM_LOGITS, .width = WIDTH };
	struct row *rows = calloc(ROWS, sizeof *rows);
	float *data = malloc(sizeof *data * WIDTH * ROWS);
	struct buf b = {0};
	struct frame f = { .type = FRAME_ROWS, .n_rows = ROWS, .rows = rows, .data = data, .row_bytes = WIDTH * 4 };
	bool good = true;

	for (size_t i = 0; i < WIDTH * ROWS; i++)
		data[i] = (float)(i * 2654435761u % 1000);
	stream_encode_header(&b, &h);
	for (int i = 0; i < 3; i++)
		stream_encode(&b, &f, i == 1);
	f.n_rows = 1;
	stream_encode(&b, &f, false);
	stream_encode(&b, &(struct frame){ .type = FRAME_END }, false);

	int p[2];
	pthread_t t;
	if (pipe(p) != 0)
		return;
	struct feed fd = { p[1], &b, 50000 };
	pthread_create(&t, NULL, feed, &fd);
	struct stream_reader *r = stream_reader_new(p[0], "pipe");
	struct frame g;
	stream_read_header(r, &h);
	for (int i = 0; i < 4; i++) {
		f.n_rows = i < 3 ? ROWS : 1;
		good = good && stream_read(r, &g) == 1 && same_frame(&f, &g) && aligned(&g);
	}
	good = good && stream_read(r, &g) == 0;
	if (!good)
		printf("# %s\n", err_reason());
	tap_ok(good, "frames of 12 MB through a pipe");
	stream_reader_free(r);
	pthread_join(t, NULL);
	close(p[0]);
	buf_free(&b);
	free(rows);
	free(data);
}

/* A frame is given as soon as its last byte is there, without waiting for the next. */
static void
at_once(void)
{
	struct buf b = {0};
	struct stream_header h;
	struct frame f;
	int p[2];

	if (pipe(p) != 0)
		return;
	struct stream_reader *r = stream_reader_new(p[0], "pipe");
	stream_write_header(p[1], &sample_header, "pipe");
	tap_ok(stream_read_header(r, &h) == 1, "a header is given while the writer waits");
	for (int i = 0; i < SAMPLE_FRAMES - 1; i++) {
		stream_write(p[1], &sample_frames()[i], false, "pipe");
		if (stream_read(r, &f) != 1)
			break;
		b.len++;
	}
	tap_ok(b.len == SAMPLE_FRAMES - 1, "each frame is given while the writer waits");

	fcntl(p[0], F_SETFL, O_NONBLOCK);
	tap_ok(stream_take(r, &f) == 0 && stream_fill(r) == 1 && stream_take(r, &f) == 0,
	    "nothing to take, and nothing to read yet");
	stream_write(p[1], &sample_frames()[11], false, "pipe");
	tap_ok(stream_fill(r) == 1 && stream_take(r, &f) == 1 && f.type == FRAME_END, "the end frame is taken as a frame");
	tap_ok(stream_take_header(r, &h) == 0, "then a header is due");
	close(p[1]);
	tap_ok(stream_fill(r) == 0 && stream_take_header(r, &h) == 0 && stream_read_header(r, &h) == 0,
	    "and the input may end");
	stream_reader_free(r);
	close(p[0]);
	buf_free(&b);
}

static void
faults(void)
{
	struct buf b = {0};
	struct stream_header h;
	struct frame f = { .type = FRAME_ERROR, .text = "stage 2: no memory", .text_len = 18 };

	stream_encode_header(&b, &sample_header);
	stream_encode(&b, &f, false);
	int fd = sample_file(b.data, b.len);
	struct stream_reader *r = stream_reader_new(fd, "in.mai");
	tap_ok(stream_read_header(r, &h) == 1 && stream_read(r, &f) == -1 &&
	    strcmp(err_reason(), "in.mai: stage 2: no memory") == 0 && err_status() == ERR_DATA,
	    "an error frame is an error with its text");
	tap_ok(stream_read(r, &f) == -1 && stream_read_header(r, &h) == -1, "nothing can be read behind it");
	stream_reader_free(r);
	close(fd);

	tap_ok(stream_write_header(open("/dev/full", O_WRONLY), &sample_header, "full") == -1 &&
	    err_status() == ERR_SYSTEM && strstr(err_reason(), "full: write"), "a full disk is an error of the system");

	b.len = 0;
	sample_stream(&b, false);
	fd = sample_file(b.data, b.len);
	r = stream_reader_new(fd, "in.mai");
	tap_ok(stream_read(r, &f) == 0 && stream_take(r, &f) == -1, "no frame before the header");
	stream_read_header(r, &h);
	tap_ok(stream_read_header(r, &h) == -1, "no second header inside a stream");
	stream_reader_free(r);
	stream_reader_free(NULL);
	close(fd);
	buf_free(&b);
}

static void
several(void)
{
	struct buf b = {0};
	int frames;

	for (int i = 0; i < 3; i++)
		sample_stream(&b, i == 1);
	int fd = sample_file(b.data, b.len);
	struct stream_reader *r = stream_reader_new(fd, "test");
	tap_ok(sample_read_all(r, &frames) == 3 && frames == 3 * (SAMPLE_FRAMES - 1), "streams may follow one another");
	tap_ok(stream_offset(r) == b.len, "all bytes were consumed");
	stream_reader_free(r);
	close(fd);
	fd = sample_file("", 0);
	r = stream_reader_new(fd, "test");
	tap_ok(sample_read_all(r, &frames) == 0, "an empty input has no streams");
	stream_reader_free(r);
	close(fd);
	buf_free(&b);
}

/* ---- fed, not read ---- */

/* Does a reader that is fed so many bytes at a time give the streams of the sample, before it is told that none follow? */
static bool
reads_back_fed(const struct buf *b, size_t step, int streams)
{
	const struct frame *want = sample_frames();
	struct stream_reader *r = stream_reader_fed("fed");
	struct stream_header h;
	struct frame f;
	bool good = r != NULL;
	int i = -1, rc = 1; /* the next frame of a stream; -1: its header */

	for (size_t at = 0; good && at < b->len; at += step) {
		size_t n = b->len - at < step ? b->len - at : step;
		uint8_t *exact = malloc(n); /* a sanitizer sees its end */
		memcpy(exact, b->data + at, n);
		good = stream_feed(r, exact, n) == 0 && stream_feed(r, exact, 0) == 0;
		free(exact);
		while (good && (rc = i < 0 ? stream_take_header(r, &h) : stream_take(r, &f)) > 0) {
			good = i < 0 ? memcmp(&h, &sample_header, sizeof h) == 0 : same_frame(&f, &want[i]) && aligned(&f) && !stream_keeps(r, &f);
			i = i == SAMPLE_FRAMES - 1 ? -1 : i + 1;
			streams -= i < 0;
		}
		good = good && rc == 0 && stream_offset(r) <= at + n;
	}
	good = good && i == -1 && streams == 0 && stream_offset(r) == b->len && stream_take_header(r, &h) == 0;
	stream_feed_end(r);
	good = good && stream_take_header(r, &h) == 0 && stream_read_header(r, &h) == 0;
	if (!good)
		printf("# step %zu: %s\n", step, err_reason());
	stream_reader_free(r);
	return good;
}

static void
fed(bool compress)
{
	struct buf b = {0};
	bool good = true;

	for (int i = 0; i < 3; i++)
		sample_stream(&b, compress && i != 1);
	for (size_t step = 1; step <= 300; step++)
		good = reads_back_fed(&b, step, 3) && good;
	tap_ok(good, "%s: fed 1 to 300 bytes at a time, the frames are those of a descriptor", compress ? "compressed" : "plain");
	tap_ok(reads_back_fed(&b, b.len, 3) && reads_back_fed(&b, b.len / 2 + 1, 3), "%s: also many at once", compress ? "compressed" : "plain");
	buf_free(&b);
}

/* Much more than a buffer, at once and in pieces, taken only when all of it is there; and frames larger than one. */
static void
fed_much(void)
{
	enum { WIDTH = 6000, ROWS = 64, FRAMES = 5 };
	struct stream_header h = { .kind = STREAM_LOGITS, .width = WIDTH };
	struct row *rows = calloc(ROWS, sizeof *rows);
	float *data = malloc(sizeof *data * WIDTH * ROWS);
	struct buf b = {0};
	struct frame f = { .type = FRAME_ROWS, .rows = rows, .data = data, .row_bytes = WIDTH * 4 }, g;
	static const size_t step[] = { SIZE_MAX, 1 << 20, 65536, 65507, 1000 };

	for (size_t i = 0; i < WIDTH * ROWS; i++)
		data[i] = (float)(i * 2654435761u % 1000);
	stream_encode_header(&b, &h);
	for (uint32_t i = 0; i < FRAMES; i++) {
		f.n_rows = ROWS / (i + 1);
		stream_encode(&b, &f, i == 1);
	}
	stream_encode(&b, &(struct frame){ .type = FRAME_END }, false);
	for (size_t s = 0; s < 2 * sizeof step / sizeof *step; s++) {
		struct stream_reader *r = stream_reader_fed("fed");
		bool good = r != NULL, late = s % 2;
		uint32_t i = 0;
		int rc = 0;
		for (size_t at = 0, n; good && at < b.len; at += n) {
			n = b.len - at < step[s / 2] ? b.len - at : step[s / 2];
			good = stream_feed(r, b.data + at, n) == 0;
			if (late && at + n < b.len)
				continue;
			if (stream_offset(r) == 0 && (rc = stream_take_header(r, &h)) < 0)
				good = false;
			while (good && stream_offset(r) > 0 && i <= FRAMES && (rc = stream_take(r, &g)) > 0) {
				f.n_rows = ROWS / (i + 1);
				good = i < FRAMES ? same_frame(&f, &g) && aligned(&g) : g.type == FRAME_END;
				i++;
			}
			good = good && rc >= 0;
		}
		tap_ok(good && i == FRAMES + 1 && stream_offset(r) == b.len, "frames of 1.5 MB, fed %zu bytes at a time, taken %s",
		    step[s / 2] < b.len ? step[s / 2] : b.len, late ? "at the end" : "as they come");
		stream_reader_free(r);
	}
	buf_free(&b);
	free(rows);
	free(data);
}

/* The end after n bytes: all frames that are whole, and then either the end, or a cut. */
static bool
ends(const struct buf *b, size_t n)
{
	struct stream_reader *r = stream_reader_fed("in.mai");
	struct stream_header h;
	struct frame f = {0};
	int rc;
	bool good;

	stream_feed(r, b->data, n);
	stream_feed_end(r);
	rc = stream_take_header(r, &h);
	while (rc > 0 && f.type != FRAME_END)
		rc = stream_take(r, &f);
	if (n == 0 || n == b->len)
		good = n == 0 ? rc == 0 : rc == 1 && stream_take_header(r, &h) == 0;
	else
		good = rc == -1 && err_status() == ERR_DATA && strstr(err_reason(), "in.mai: offset ") && strstr(err_reason(), "the stream was cut");
	stream_reader_free(r);
	return good;
}

static void
fed_ends(void)
{
	struct buf b = {0};
	int wrong = 0;

	for (int compress = 0; compress < 2; compress++) {
		b.len = 0;
		sample_stream(&b, compress);
		for (size_t n = 0; n <= b.len; n++)
			wrong += !ends(&b, n);
	}
	tap_ok(wrong == 0, "what is fed may end between streams; in the middle of one it was cut: %s", err_reason());
	buf_free(&b);
}

static void
write_seed(const char *dir, const char *name, const struct buf *b)
{
	char path[4096];

	snprintf(path, sizeof path, "%s/%s", dir, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
	if (fd < 0 || write(fd, b->data, b->len) != (ssize_t)b->len || close(fd) != 0)
		abort();
}

static void
write_seeds(const char *dir)
{
	static const struct stream_header other[] = {
		{ .kind = STREAM_TOKENS },
		{ .kind = STREAM_LOGITS, .dtype = STREAM_F16, .width = 3, .next_layer = 5 },
		{ .kind = STREAM_SCORES, .width = 1 },
		{ .kind = STREAM_EMBEDDINGS, .dtype = STREAM_Q8_0, .width = 32 },
		{ .kind = STREAM_HIDDEN, .dtype = STREAM_BF16, .width = 1 },
	};
	static const uint8_t data[4 * 64];
	struct buf b = {0};
	char name[32];

	sample_stream(&b, false);
	write_seed(dir, "all", &b);
	b.len = 0;
	sample_stream(&b, true);
	sample_stream(&b, false);
	write_seed(dir, "zstd", &b);
	for (size_t i = 0; i < sizeof other / sizeof *other; i++) {
		const struct stream_header *h = &other[i];
		b.len = 0;
		stream_encode_header(&b, h);
		stream_encode(&b, &(struct frame){ .type = FRAME_ROWS, .n_rows = 4, .rows = sample_rows, .data = data,
			.row_bytes = (size_t)stream_row_bytes(h->dtype, h->width) }, i % 2);
		stream_encode(&b, &(struct frame){ .type = i == 0 ? FRAME_ERROR : FRAME_END, .text = "why",
			.text_len = 3 }, false);
		snprintf(name, sizeof name, "%s", stream_kind_name(h->kind));
		write_seed(dir, name, &b);
	}
	buf_free(&b);
}

int
main(int argc, char **argv)
{
	if (argc > 1) {
		write_seeds(argv[1]);
		return 0;
	}
	round_trips(false);
	round_trips(true);
	offsets();
	leaves_rest();
	writes();
	large_frame();
	at_once();
	faults();
	several();
	clones();
	fed(false);
	fed(true);
	fed_much();
	fed_ends();
	return tap_done();
}
