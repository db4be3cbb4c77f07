/* All rows as one NumPy array. Its header holds their number, so it is written last, to the front. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/io.h"
#include "base/mem.h"
#include "stream/convert.h"
#include "stream/npy.h"
#include "stream/sink.h"

struct npy {
	struct sink sink;
	FILE *out;
	FILE *rows;  /* where they go meanwhile: out itself, or a temporary file */
	off_t start; /* of the array in out, when it is written in place */
	bool done;

	bool any_header, any_rows;
	struct stream_header header; /* of the stream now read */
	struct npy_header array;     /* set by the first rows */
	float *row;
};

/* Whether the header can be put before the rows afterwards. O_APPEND writes at the end whatever the offset. */
static bool
can_go_back(int fd, off_t *start)
{
	struct stat st;
	int flags = fcntl(fd, F_GETFL);

	*start = lseek(fd, 0, SEEK_CUR);
	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && flags >= 0 && !(flags & O_APPEND) && *start >= 0;
}

static FILE *
temporary(void)
{
	const char *dir = getenv("TMPDIR");
	char path[4096];
	int fd;

	snprintf(path, sizeof path, "%s/mai-cat.XXXXXX", dir && *dir ? dir : "/tmp");
	fd = mkostemp(path, O_CLOEXEC);
	if (fd >= 0)
		unlink(path);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "w+b");
	if (!f) {
		err_sys("%s", path);
		if (fd >= 0)
			close(fd);
	}
	return f;
}

/* Begins with zeros in the place of the header: an array that is not finished is not taken for one. */
static int
begin(struct npy *s)
{
	static const char nothing[NPY_HEADER_SIZE];

	if (!can_go_back(fileno(s->out), &s->start))
		return (s->rows = temporary()) ? 0 : -1;
	s->rows = s->out;
	return fwrite(nothing, 1, sizeof nothing, s->out) == sizeof nothing ? 0 : err_sys("stdout: write");
}

static int
npy_header(struct sink *sink, const struct stream_header *h)
{
	struct npy *s = (struct npy *)sink;

	if (!s->any_header && begin(s) < 0)
		return -1;
	s->any_header = true;
	s->header = *h;
	if (s->any_rows)
		return 0;
	/* What an array without rows is. */
	s->array.type = h->width > 0 ? NPY_F4 : NPY_U4;
	s->array.dims = h->width > 0 ? 2 : 1;
	s->array.shape[1] = h->width;
	return 0;
}

/* Rows with data and without, or of different widths, are not one array. */
static int
check_shape(struct npy *s, const struct frame *f)
{
	enum npy_type type = f->row_bytes > 0 ? NPY_F4 : NPY_U4;
	uint64_t width = f->row_bytes > 0 ? s->header.width : 0;

	if (s->any_rows && (type != s->array.type || width != s->array.shape[1]))
		return err_set(ERR_DATA, "rows of %llu elements and of %llu don't go into one array",
		    (unsigned long long)s->array.shape[1], (unsigned long long)width);
	if (s->any_rows)
		return 0;
	s->any_rows = true;
	s->array = (struct npy_header){ .type = type, .dims = width > 0 ? 2 : 1, .shape = { 0, width } };
	return width > 0 && !(s->row = mem_alloc(width, sizeof *s->row)) ? -1 : 0;
}

static int
put_row(struct npy *s, const struct frame *f, uint32_t i)
{
	const void *from = &f->rows[i].token;
	size_t n = sizeof f->rows[i].token;

	if (f->row_bytes > 0) {
		convert_to_f32(s->row, s->header.dtype, (const uint8_t *)f->data + i * f->row_bytes, s->header.width);
		from = s->row;
		n = s->header.width * sizeof *s->row;
	} else if (f->rows[i].token == ROW_NO_TOKEN) {
		return err_set(ERR_DATA, "the token of sequence %u at position %u is not in the stream", f->rows[i].seq,
		    f->rows[i].pos);
	}
	if (fwrite(from, 1, n, s->rows) == n)
		return 0;
	return err_sys("%s: write", s->rows == s->out ? "stdout" : "temporary file");
}

static int
npy_frame(struct sink *sink, const struct frame *f)
{
	struct npy *s = (struct npy *)sink;

	if (f->type != FRAME_ROWS || f->n_rows == 0)
		return 0;
	if (check_shape(s, f) < 0)
		return -1;
	for (uint32_t i = 0; i < f->n_rows; i++)
		if (put_row(s, f, i) < 0)
			return -1;
	s->array.shape[0] += f->n_rows;
	return 0;
}

static int
copy(FILE *from, FILE *to)
{
	char part[1 << 16];
	size_t n;

	if (fflush(from) != 0 || fseek(from, 0, SEEK_SET) != 0)
		return err_sys("temporary file");
	while ((n = fread(part, 1, sizeof part, from)) > 0)
		if (fwrite(part, 1, n, to) != n)
			return err_sys("stdout: write");
	return ferror(from) ? err_sys("temporary file") : sink_flush(to);
}

static int
npy_finish(struct sink *sink)
{
	struct npy *s = (struct npy *)sink;
	char header[NPY_HEADER_SIZE];

	if (!s->any_header) /* no stream, no array */
		return 0;
	npy_header_pack(header, &s->array);
	if (s->rows != s->out) {
		if (fwrite(header, 1, sizeof header, s->out) != sizeof header)
			return err_sys("stdout: write");
		return copy(s->rows, s->out);
	}
	if (sink_flush(s->out) < 0)
		return -1;
	if (pwrite(fileno(s->out), header, sizeof header, s->start) != sizeof header)
		return err_sys("stdout: write");
	s->done = true;
	return 0;
}

static void
npy_free(struct sink *sink)
{
	struct npy *s = (struct npy *)sink;

	if (s->rows && s->rows != s->out)
		fclose(s->rows);
	/* Half an array is of no use to anybody; the fault that left it so is what is told. */
	if (s->rows && s->rows == s->out && !s->done) {
		fflush(s->out);
		if (ftruncate(fileno(s->out), s->start) == 0)
			lseek(fileno(s->out), s->start, SEEK_SET);
	}
	free(s->row);
	free(s);
}

struct sink *
sink_npy(FILE *out)
{
	struct npy *s = mem_alloc(1, sizeof *s);

	if (!s)
		return NULL;
	s->sink = (struct sink){ npy_header, npy_frame, npy_finish, npy_free };
	s->out = out;
	return &s->sink;
}
