#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "trust/digest.h"
#include "trust/oms_impl.h"

/* ---- hashing them ---- */

/* Opens a file below a directory without going through links. A descriptor, or -1 with a reason. */
static int
open_below(int directory, const char *path)
{
	int at = directory, next;
	char part[OMS_PATH];
	const char *slash;

	for (const char *rest = path;; rest = slash + 1) {
		slash = strchrnul(rest, '/');
		snprintf(part, sizeof part, "%.*s", (int)(slash - rest), rest); /* short */
		next = openat(at, part, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | (*slash ? O_DIRECTORY : 0));
		if (next < 0)
			err_sys("%s", path);
		if (at != directory)
			close(at);
		if (next < 0 || !*slash)
			return next;
		at = next;
	}
}

static int
hash_file(struct hash *h, int directory, const char *path)
{
	int fd = open_below(directory, path), rc;
	struct stat st;

	if (fd < 0)
		return -1;
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
		rc = err_set(ERR_DATA, "%s: not a regular file", path);
	else
		rc = digest_sha256(h->bytes, fd, path);
	close(fd);
	return rc;
}

/* The order of bytes, which for UTF-8 is that of code points. */
static int
compare(const void *a, const void *b)
{
	return strcmp(((const struct oms_file *)a)->path, ((const struct oms_file *)b)->path);
}

int
oms_sort(struct oms *m)
{
	if (m->n == 0)
		return err_set(ERR_DATA, "no file");
	qsort(m->file, m->n, sizeof *m->file, compare);
	for (size_t i = 1; i < m->n; i++)
		if (strcmp(m->file[i - 1].path, m->file[i].path) == 0)
			return err_set(ERR_DATA, "%s: named twice", m->file[i].path);
	return 0;
}

/* The last part of its path: "." has one too. */
static int
name_model(struct oms *m, const char *directory)
{
	char *whole = realpath(directory, NULL);
	const char *slash = whole ? strrchr(whole, '/') : NULL;

	if (!whole)
		return err_sys("%s", directory);
	free(m->model);
	m->model = mem_strdup(slash && slash[1] ? slash + 1 : "model");
	free(whole);
	return m->model ? 0 : -1;
}

int
oms_hash(struct oms *m, const char *directory)
{
	int fd = oms_open(directory), rc = 0;

	if (fd < 0)
		return -1;
	if (name_model(m, directory) < 0 || oms_sort(m) < 0)
		rc = -1;
	for (size_t i = 0; rc == 0 && i < m->n; i++)
		rc = hash_file(&m->file[i].sha256, fd, m->file[i].path);
	close(fd);
	return rc < 0 ? err_wrap("%s", directory) : 0;
}

/* ---- comparing them ---- */

/* Both sorted. */
static int
compare_paths(const struct oms *wanted, const struct oms *there)
{
	for (size_t i = 0; i < wanted->n || i < there->n; i++) {
		const char *a = i < wanted->n ? wanted->file[i].path : NULL, *b = i < there->n ? there->file[i].path : NULL;
		int order = !a ? 1 : !b ? -1 : strcmp(a, b);
		if (order < 0)
			return err_set(ERR_DATA, "%s: is signed, and is missing", a);
		if (order > 0)
			return err_set(ERR_DATA, "%s: is not among what is signed", b);
	}
	return 0;
}

static int
check_file(const struct oms_file *f, int directory)
{
	struct hash h;

	if (hash_file(&h, directory, f->path) < 0)
		return -1;
	return hash_equal(&h, &f->sha256) ? 0 : err_set(ERR_DATA, "%s: not the file that is signed", f->path);
}

int
oms_check(const struct oms *m, const char *directory)
{
	struct oms there = { .ignored = m->ignored, .n_ignored = m->n_ignored }; /* borrowed: nothing is added to them */
	int rc = oms_find(&there, directory), fd;

	if (rc == 0)
		rc = there.n > 0 ? oms_sort(&there) : 0;
	if (rc == 0 && compare_paths(m, &there) < 0)
		rc = err_wrap("%s", directory);
	there.ignored = NULL;
	there.n_ignored = 0;
	oms_free(&there);
	if (rc < 0 || (fd = oms_open(directory)) < 0)
		return -1;
	for (size_t i = 0; rc == 0 && i < m->n; i++)
		rc = check_file(&m->file[i], fd);
	close(fd);
	return rc < 0 ? err_wrap("%s", directory) : 0;
}
