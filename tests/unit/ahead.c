/* base/ahead: every byte of a file comes once and in order, whatever its length; so do those of a pipe; what can't be read says so. */
#include "base/ahead.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/io.h"
#include "tap.h"

static uint8_t data[5 << 18]; /* ten pieces */

static void
keep(void *arg, const uint8_t *piece, size_t n)
{
	if (n == 0 || buf_add(arg, piece, n) < 0)
		abort();
}

static bool
comes_back(int fd, size_t n)
{
	struct buf b = { 0 };
	bool same = ahead_read(fd, "test", keep, &b) == 0 && b.len == n && (n == 0 || memcmp(b.data, data, n) == 0);

	buf_free(&b);
	return same;
}

static void
check_files(void)
{
	static const size_t length[] = { 0, 1, (1 << 17) - 1, 1 << 17, (1 << 17) + 1, 1 << 18, sizeof data - 1, sizeof data };
	char path[] = "/tmp/mai-ahead-XXXXXX";
	int fd = mkstemp(path);

	unlink(path);
	for (size_t i = 0; i < sizeof length / sizeof *length; i++) {
		bool good = ftruncate(fd, 0) == 0 && pwrite(fd, data, length[i], 0) == (ssize_t)length[i] && lseek(fd, 0, SEEK_SET) == 0;

		tap_ok(good && comes_back(fd, length[i]), "a file of %zu bytes", length[i]);
	}
	close(fd);
}

static void *
write_slowly(void *arg)
{
	int fd = *(int *)arg;

	for (size_t at = 0, n; at < sizeof data; at += n) {
		n = 1 + (size_t)rand() % 70000;
		if (n > sizeof data - at)
			n = sizeof data - at;
		if (io_write(fd, data + at, n, "pipe") < 0)
			abort();
	}
	close(fd);
	return NULL;
}

static void
check_pipe(void)
{
	int end[2];
	pthread_t writer;

	if (pipe(end) < 0 || pthread_create(&writer, NULL, write_slowly, &end[1]) != 0)
		abort();
	tap_ok(comes_back(end[0], sizeof data), "a pipe that gives some at a time");
	pthread_join(writer, NULL);
	close(end[0]);
}

static void
check_unreadable(void)
{
	struct buf b = { 0 };
	int fd = open("/tmp", O_RDONLY | O_DIRECTORY);
	bool refused = ahead_read(fd, "here", keep, &b) < 0;

	tap_ok(refused && b.len == 0 && err_status() == ERR_SYSTEM && strcmp(err_reason(), "here: read: Is a directory") == 0,
	    "a folder: %s", err_reason());
	close(fd);
}

int
main(void)
{
	for (size_t i = 0; i < sizeof data; i++)
		data[i] = (uint8_t)(i * 2654435761u >> 24);
	check_files();
	check_pipe();
	check_unreadable();
	return tap_done();
}
