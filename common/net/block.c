#include "net/block.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"

void
blocks_init(struct blocks *s, size_t limit)
{
	*s = (struct blocks){ .limit = limit, .fd = -1 };
}

void
blocks_free(struct blocks *s)
{
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}

/* A file without a name: it goes with the process, however that ends. */
static int
open_file(struct blocks *s)
{
	const char *folder = getenv("TMPDIR");
	char path[4096];

	if (s->fd >= 0)
		return 0;
	if (!folder || !*folder)
		folder = "/tmp";
	s->fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (s->fd < 0) {
		snprintf(path, sizeof path, "%s/mai-send.XXXXXX", folder);
		if ((s->fd = mkostemp(path, O_CLOEXEC)) < 0)
			return err_sys("%s: cannot write what may have to be sent again", folder);
		unlink(path);
	}
	return 0;
}

static int
write_data(struct blocks *s, struct block *b, const uint8_t *data, size_t n)
{
	if (open_file(s) < 0)
		return -1;
	b->at = s->end;
	for (size_t done = 0; done < n;) {
		ssize_t got = pwrite(s->fd, data + done, n - done, b->at + (off_t)done);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return err_sys("cannot write what may have to be sent again");
		done += (size_t)got; /* positive */
	}
	s->end += (off_t)n; /* of a frame: at most 1 GiB */
	s->filed++;
	return 0;
}

struct block *
block_new(struct blocks *s, const struct frame *f)
{
	size_t n = f->n_rows * f->row_bytes; /* a frame has at most 1 GiB */
	struct block *b = mem_alloc(1, sizeof *b + f->n_rows * sizeof *b->row);

	if (!b)
		return NULL;
	b->holders = 1;
	b->n = f->n_rows;
	b->row_bytes = f->row_bytes;
	if (f->n_rows > 0)
		memcpy(b->row, f->rows, f->n_rows * sizeof *b->row);
	if (n == 0)
		return b;
	if (s->used + n > s->limit) {
		if (write_data(s, b, f->data, n) == 0)
			return b;
	} else if ((b->data = mem_alloc64(n, 1))) {
		memcpy(b->data, f->data, n);
		s->used += n;
		return b;
	}
	free(b);
	return NULL;
}

struct block *
block_hold(struct block *b)
{
	b->holders++;
	return b;
}

void
block_release(struct blocks *s, struct block *b)
{
	size_t n;

	if (!b || --b->holders > 0)
		return;
	n = b->n * b->row_bytes;
	if (b->data) {
		s->used -= n;
	} else if (n > 0) {
		/* the space is given back; where that can't be, when the last has gone */
		(void)!fallocate(s->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, b->at, (off_t)n);
		if (--s->filed == 0 && ftruncate(s->fd, 0) == 0)
			s->end = 0;
	}
	free(b->data);
	free(b);
}

int
block_copy(const struct blocks *s, const struct block *b, uint32_t i, void *to)
{
	uint8_t *at = to;

	if (b->data) {
		memcpy(to, b->data + i * b->row_bytes, b->row_bytes);
		return 0;
	}
	for (size_t done = 0; done < b->row_bytes;) {
		ssize_t got = pread(s->fd, at + done, b->row_bytes - done, b->at + (off_t)(i * b->row_bytes + done));
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got < 0 ? err_sys("cannot read what is to be sent again") : err_set(ERR_SYSTEM, "what is to be sent again is gone");
		done += (size_t)got; /* positive */
	}
	return 0;
}
