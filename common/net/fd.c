#include "net/fd.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"

enum { PIPE_SIZE = 1 << 20 };

int
fd_nonblocking(int fd)
{
	struct stat s;
	char path[64];
	int flags = fcntl(fd, F_GETFL), other;

	if (flags < 0 || fstat(fd, &s) < 0)
		return err_sys("descriptor %d", fd);
	if (flags & O_NONBLOCK || S_ISREG(s.st_mode) || S_ISBLK(s.st_mode))
		return fd;
	if (S_ISFIFO(s.st_mode)) {
		snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
		other = open(path, (flags & O_ACCMODE) | O_NONBLOCK | O_CLOEXEC);
		if (other >= 0 && dup3(other, fd, fd > STDERR_FILENO ? O_CLOEXEC : 0) == fd) {
			close(other);
			return fd;
		}
		if (other >= 0)
			close(other);
	}
	/* nothing else to do: a socket, a terminal, or no /proc */
	return fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ? err_sys("descriptor %d", fd) : fd;
}

int
fd_pipe(int end[2])
{
	if (pipe2(end, O_CLOEXEC) < 0)
		return err_sys("no pipe");
	fcntl(end[0], F_SETPIPE_SZ, PIPE_SIZE); /* a wish */
	return 0;
}
