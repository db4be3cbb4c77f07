#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"

int
io_write(int fd, const void *data, size_t n, const char *name)
{
	const uint8_t *p = data;

	while (n > 0) {
		ssize_t w = write(fd, p, n);
		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0)
			return err_sys("%s: write", name);
		p += w;
		n -= (size_t)w;
	}
	return 0;
}

ssize_t
io_read(int fd, void *data, size_t n, const char *name)
{
	uint8_t *p = data;
	size_t got = 0;

	while (got < n) {
		ssize_t r = read(fd, p + got, n - got);
		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return err_sys("%s: read", name);
		if (r == 0)
			break;
		got += (size_t)r;
	}
	return (ssize_t)got;
}

/* Appends what is left to read, but at most so many bytes. */
static int
read_some(int fd, struct buf *to, size_t most, const char *name)
{
	const size_t piece = 1 << 16;
	ssize_t n;

	do {
		size_t want = most < piece ? most : piece;
		if (buf_reserve(to, want) < 0 || (n = io_read(fd, to->data + to->len, want, name)) < 0)
			return -1;
		to->len += (size_t)n;
		most -= (size_t)n;
	} while (n > 0 && most > 0);
	return 0;
}

int
io_read_all(int fd, struct buf *to, const char *name)
{
	return read_some(fd, to, SIZE_MAX, name);
}

void
io_hold_standard(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF && open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd)
			return;
}

int
io_close_stdout(void)
{
	bool failed = ferror(stdout) || fflush(stdout) != 0;

	/* EBADF: stdout was closed from the start, which is an error only if something was to be written. */
	if ((close(STDOUT_FILENO) != 0 && errno != EBADF) || failed)
		return err_sys("stdout");
	return 0;
}

int
io_open(const char *path)
{
	int fd;

	if (strcmp(path, "-") == 0)
		return STDIN_FILENO;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? err_sys("%s", path) : fd;
}

int
io_read_file(struct buf *to, const char *path, size_t most)
{
	size_t one_more = most < SIZE_MAX ? most + 1 : most, had = to->len;
	int fd = io_open(path), rc = fd < 0 ? -1 : read_some(fd, to, one_more, path);

	if (fd > STDIN_FILENO)
		close(fd);
	return rc == 0 && to->len - had > most ? err_set(ERR_DATA, "%s: more than %zu bytes", path, most) : rc;
}

int
io_map_fd(struct io_map *m, int fd, const char *name)
{
	struct stat st;

	*m = (struct io_map){0};
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
		return -1;
	if (st.st_size == 0)
		return 0;
	void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return err_sys("%s: mmap", name);
	m->data = p;
	m->size = (size_t)st.st_size;
	return 0;
}

int
io_map(struct io_map *m, const char *path)
{
	struct stat st;
	int fd, rc;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_sys("%s", path);
	if (fstat(fd, &st) == 0 && !S_ISREG(st.st_mode))
		rc = err_set(ERR_DATA, "%s: not a regular file", path);
	else
		rc = io_map_fd(m, fd, path);
	close(fd);
	return rc;
}

void
io_unmap(struct io_map *m)
{
	if (m->data)
		munmap((void *)(uintptr_t)m->data, m->size); /* munmap takes what mmap gave, without const */
	*m = (struct io_map){0};
}

static void
advise(const struct io_map *m, const void *data, size_t n, int advice)
{
	const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	uintptr_t begin = (uintptr_t)data, end = begin + n, limit = (uintptr_t)m->data + m->size;

	begin &= ~(page - 1);
	if (end > limit)
		end = limit;
	if (end > begin)
		madvise((void *)begin, end - begin, advice); /* a hint: what becomes of it does not matter */
}

void
io_wanted(const struct io_map *m, const void *data, size_t n)
{
	advise(m, data, n, MADV_WILLNEED);
}

void
io_done(const struct io_map *m, const void *data, size_t n)
{
	/* The pages stay in the cache of files; this process only no longer counts them as its own. */
	advise(m, data, n, MADV_DONTNEED);
}

/* Names of temporaries, for the signal handler. One more than fit is not removed by it, which is no harm to others. */
static char *_Atomic temporaries[1024];

enum { TEMPORARIES = sizeof temporaries / sizeof *temporaries };

static void
remember(char *name)
{
	char *none;

	for (int i = 0; i < TEMPORARIES; i++) {
		none = NULL;
		if (atomic_compare_exchange_strong(&temporaries[i], &none, name))
			return;
	}
}

static void
forget(char *name)
{
	char *same;

	for (int i = 0; i < TEMPORARIES; i++) {
		same = name;
		if (atomic_compare_exchange_strong(&temporaries[i], &same, NULL))
			return;
	}
}

/* Calls only what a handler may: unlink, signal, raise. */
static void
clean(int sig)
{
	for (int i = 0; i < TEMPORARIES; i++) {
		const char *name = atomic_load(&temporaries[i]);
		if (name)
			unlink(name);
	}
	signal(sig, SIG_DFL);
	raise(sig);
}

void
io_out_clean_on_signals(void)
{
	static const int ends[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGXFSZ, SIGXCPU };
	struct sigaction now, cleaning = { .sa_handler = clean };

	sigemptyset(&cleaning.sa_mask);
	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
		if (sigaction(ends[i], NULL, &now) == 0 && now.sa_handler == SIG_DFL)
			sigaction(ends[i], &cleaning, NULL);
}

/* Opens what is there and can't be replaced by a file; -1 with a reason. */
static int
open_directly(struct io_out *o, const char *path)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return err_sys("%s", path);
	o->file = fdopen(fd, "wb");
	if (!o->file) {
		err_sys("%s", path);
		close(fd);
		return -1;
	}
	return 0;
}

/*
 * A huge page: what is written in pieces of this size, at multiples of it, is kept so by file systems that can, and a process
 * that maps the file later meets one page instead of 512.
 */
enum { WRITTEN_AT_ONCE = 2 << 20 };

static int
open_temporary(struct io_out *o, const char *path)
{
	size_t n = strlen(o->path) + 8;
	mode_t mask = umask(0);
	int fd;

	umask(mask);
	if (!(o->temporary = mem_alloc(n, 1)) || !(o->buffer = mem_alloc(WRITTEN_AT_ONCE, 1)))
		return -1;
	snprintf(o->temporary, n, "%s.XXXXXX", o->path);
	remember(o->temporary); /* before it exists: a signal may come at any time */
	fd = mkostemp(o->temporary, O_CLOEXEC);
	if (fd < 0) {
		err_sys("%s", path);
		o->temporary[0] = '\0';
		return -1;
	}
	if (fchmod(fd, 0666 & ~mask) != 0 || !(o->file = fdopen(fd, "wb"))) {
		err_sys("%s", path);
		close(fd);
		return -1;
	}
	setvbuf(o->file, o->buffer, _IOFBF, WRITTEN_AT_ONCE);
	return 0;
}

int
io_out_open(struct io_out *o, const char *path)
{
	struct stat st;
	bool there = stat(path, &st) == 0;
	int rc;

	*o = (struct io_out){0};
	if (strcmp(path, "-") == 0) {
		o->file = stdout;
		return 0;
	}
	/* realpath follows links, so that the file they lead to is replaced, not they. */
	o->path = there && S_ISREG(st.st_mode) ? realpath(path, NULL) : mem_strdup(path);
	if (!o->path)
		return err_sys("%s", path);
	rc = there && !S_ISREG(st.st_mode) ? open_directly(o, path) : open_temporary(o, path);
	if (rc < 0)
		io_out_abort(o);
	return rc;
}

int
io_out_commit(struct io_out *o)
{
	int rc = 0;

	if (!o->path) {
		rc = io_close_stdout();
	} else {
		FILE *f = o->file;
		bool bad = ferror(f) || fflush(f) != 0;
		o->file = NULL;
		if (fclose(f) != 0 || bad || (o->temporary && rename(o->temporary, o->path) != 0)) {
			err_sys("%s", o->path);
			io_out_abort(o);
			return -1;
		}
		if (o->temporary)
			o->temporary[0] = '\0';
	}
	io_out_abort(o);
	return rc;
}

void
io_out_abort(struct io_out *o)
{
	if (o->file && o->path)
		fclose(o->file);
	if (o->temporary && o->temporary[0])
		unlink(o->temporary);
	if (o->temporary)
		forget(o->temporary);
	free(o->path);
	free(o->temporary);
	free(o->buffer);
	*o = (struct io_out){0};
}

int
io_write_file(const char *path, const void *data, size_t n)
{
	struct io_out out;

	if (io_out_open(&out, path) < 0)
		return -1;
	fwrite(data, 1, n, out.file); /* what fails here shows at the end */
	return io_out_commit(&out);
}
