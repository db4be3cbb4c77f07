#include "stream/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>

#include "base/err.h"
#include "stream/encode.h"

/* Another program may have made the descriptor non-blocking (the flag is shared): wait here, as a blocking one would. */
static int
wait_for_room(int fd, const char *name)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };

	if (poll(&p, 1, -1) < 0 && errno != EINTR)
		return err_sys("%s: poll", name);
	return 0;
}

/* Drops n written bytes from the front of the list. */
static void
advance(struct iovec **io, int *count, size_t n)
{
	while (*count > 0 && n >= (*io)->iov_len) {
		n -= (*io)->iov_len;
		++*io, --*count;
	}
	if (*count > 0) {
		(*io)->iov_base = (uint8_t *)(*io)->iov_base + n;
		(*io)->iov_len -= n;
	}
}

static int
write_all(int fd, struct iovec *io, int count, const char *name)
{
	advance(&io, &count, 0);
	while (count > 0) {
		ssize_t n = writev(fd, io, count);
		if (n >= 0)
			advance(&io, &count, (size_t)n);
		else if (errno == EAGAIN && wait_for_room(fd, name) < 0)
			return -1;
		else if (errno != EINTR && errno != EAGAIN)
			return err_sys("%s: write", name);
	}
	return 0;
}

/* A frame of 1 MiB through a pipe of the usual 64 KiB wakes reader and writer 16 times. */
enum { PIPE_SIZE = 1 << 20 };

/* What is no pipe, or may not be larger, stays what it is. */
static void
widen(int fd)
{
	if (fcntl(fd, F_GETPIPE_SZ) < PIPE_SIZE)
		fcntl(fd, F_SETPIPE_SZ, PIPE_SIZE);
}

int
stream_write_header(int fd, const struct stream_header *h, const char *name)
{
	uint8_t packed[STREAM_HEADER_SIZE];
	struct iovec io = { packed, sizeof packed };

	widen(fd);
	return wire_header_pack(packed, h) < 0 ? err_wrap("%s", name) : write_all(fd, &io, 1, name);
}

int
stream_write(int fd, const struct frame *f, bool compress, const char *name)
{
	struct pieces p;
	int rc;

	rc = pieces_of_frame(&p, f, compress) < 0 ? err_wrap("%s", name) : write_all(fd, p.io, PIECES, name);
	pieces_free(&p);
	return rc;
}
