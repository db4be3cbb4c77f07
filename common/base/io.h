/*
 * io.h: files and descriptors, with every outcome checked.
 *
 * SIGPIPE keeps its default: a tool whose reader has gone dies of it silently, as in coreutils.
 */
#ifndef MAI_BASE_IO_H
#define MAI_BASE_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "base/buf.h"

/* Writes all n bytes, through short writes and EINTR. Returns 0 or -1; `name` is for the reason. */
int io_write(int fd, const void *data, size_t n, const char *name);

/* Reads until n bytes or the end of the file. Returns how many, or -1. */
ssize_t io_read(int fd, void *data, size_t n, const char *name);

/* Appends all that is left to read. Returns 0 or -1. */
int io_read_all(int fd, struct buf *to, const char *name);

/*
 * Takes the places of standard descriptors that are closed, so that no file or pipe gets them: reading and writing them fails
 * as ever (EBADF).
 */
void io_hold_standard(void);

/* Flushes and closes stdout. A full disk shows here at the latest: every tool ends with it. Returns 0 or -1. */
int io_close_stdout(void);

/* Opens for reading; "-" is stdin. Returns a descriptor or -1. */
int io_open(const char *path);

/* A whole file of at most `most` bytes (SIZE_MAX: as many as there are), "-" being stdin: appends it. 0 or -1. */
int io_read_file(struct buf *to, const char *path, size_t most);

/* A whole file, mapped read-only and shared. An empty file has data NULL. */
struct io_map {
	const uint8_t *data;
	size_t size;
};
int io_map(struct io_map *m, const char *path);
int io_map_fd(struct io_map *m, int fd, const char *name); /* -1 without a reason set when fd is no regular file */
void io_unmap(struct io_map *m);

/* Hints for a walk through a map that may be larger than memory: these bytes are wanted soon; are done with. */
void io_wanted(const struct io_map *m, const void *data, size_t n);
void io_done(const struct io_map *m, const void *data, size_t n);

/*
 * A file that appears whole or not at all: written to a temporary beside its place and renamed on commit. A symbolic link is
 * followed. What is there and no regular file (a FIFO, /dev/null) is written directly, and so is stdout, which "-" names.
 * io_out_abort after a commit, or on a zeroed struct, does nothing.
 */
struct io_out {
	FILE *file;
	char *path, *temporary; /* stdout: none; written directly: no temporary */
	void *buffer;           /* of a temporary */
};
int io_out_open(struct io_out *o, const char *path);
int io_out_commit(struct io_out *o);
void io_out_abort(struct io_out *o);

/* n bytes as such a file, in one call. 0 or -1. */
int io_write_file(const char *path, const void *data, size_t n);

/* From now on INT, TERM and HUP (where they are not ignored) remove the temporaries that are open before they end the
 * process as ever. For tools that don't handle these signals themselves. */
void io_out_clean_on_signals(void);

#endif
