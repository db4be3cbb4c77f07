/*
 * Any bytes into the reader of streams: as they are, and with their checksums made right, so that what lies behind the
 * checksums is reached; mapped, and read. A frame that was taken must pack again and unpack to the same.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "stream/stream.h"
#include "stream/sum.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
seal(uint8_t *p, uint64_t sum)
{
	memcpy(p, &sum, sizeof sum);
}

/* Follows headers and frames as long as they lead anywhere. */
static void
make_sums_right(uint8_t *p, size_t n)
{
	bool header = true;

	for (size_t at = 0; n - at >= (header ? STREAM_HEADER_SIZE : STREAM_FRAME_SIZE);) {
		uint8_t *f = p + at;
		if (header) {
			seal(f + 248, sum_bytes(f, 248));
			at += STREAM_HEADER_SIZE;
			header = false;
			continue;
		}
		uint64_t stored;
		memcpy(&stored, f + 16, sizeof stored);
		at += STREAM_FRAME_SIZE;
		if (stored <= n - at)
			seal(f + 48, sum_bytes(f + STREAM_FRAME_SIZE, stored));
		seal(f + 56, sum_bytes(f, 56));
		uint64_t whole = (stored + STREAM_ALIGN - 1) & ~(uint64_t)(STREAM_ALIGN - 1);
		if (stored > n - at || whole > n - at)
			break;
		at += whole;
		header = f[4] == FRAME_END;
	}
}

/* What packing makes of a frame must be taken again, and pack to the same bytes. */
static void
check_frame(const struct stream_header *h, const struct frame *f)
{
	struct buf first = {0}, again = {0};
	struct stream_header h2;
	struct frame g;

	if (stream_encode_header(&first, h) < 0 || stream_encode(&first, f, false) < 0)
		abort();
	int fd = memfd_create("frame", MFD_CLOEXEC);
	if (fd < 0 || write(fd, first.data, first.len) != (ssize_t)first.len || lseek(fd, 0, SEEK_SET) != 0)
		abort();
	struct stream_reader *r = stream_reader_new(fd, "frame");
	if (stream_take_header(r, &h2) != 1 || stream_take(r, &g) != 1 || stream_encode_header(&again, &h2) < 0 ||
	    stream_encode(&again, &g, false) < 0)
		abort();
	if (again.len != first.len || memcmp(again.data, first.data, first.len) != 0)
		abort();
	stream_reader_free(r);
	close(fd);
	buf_free(&first);
	buf_free(&again);
}

static void
read_all(int fd, off_t at, bool check)
{
	struct stream_header h;
	struct frame f;
	int rc;

	lseek(fd, at, SEEK_SET);
	struct stream_reader *r = stream_reader_new(fd, "input");
	while (r && (rc = stream_read_header(r, &h)) > 0) {
		while ((rc = stream_read(r, &f)) > 0)
			if (check)
				check_frame(&h, &f);
		if (rc < 0)
			break;
	}
	stream_reader_free(r);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *p = malloc(STREAM_ALIGN + size + 1);

	/* Two copies: aligned, so that it is mapped, and behind one byte, so that it is read. */
	for (int right = 0; p && right < 2; right++) {
		memcpy(p, data, size);
		if (right)
			make_sums_right(p, size);
		int fd = memfd_create("input", MFD_CLOEXEC);
		if (fd < 0 || write(fd, p, size) != (ssize_t)size)
			abort();
		read_all(fd, 0, true);
		if (pwrite(fd, p, size, 1) != (ssize_t)size)
			abort();
		read_all(fd, 1, false);
		close(fd);
	}
	free(p);
	return 0;
}
