/* fd.h: descriptors that must not block. */
#ifndef MAI_NET_FD_H
#define MAI_NET_FD_H

/*
 * A descriptor for the same file that does not block. What others share (a pipe of the shell's, a terminal) is not changed: a pipe is
 * opened anew, and the old descriptor closed. A regular file is given back as it is. -1 with a reason.
 */
int fd_nonblocking(int fd);

/* A pipe that holds as much as the system allows at once, without asking for more than a megabyte. 0 or -1. */
int fd_pipe(int end[2]);

#endif
