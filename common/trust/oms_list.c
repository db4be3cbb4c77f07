#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "text/vocab.h"
#include "trust/oms_impl.h"

/* ---- paths ---- */

/* Relative, without an empty part, "." or ".." (OMS 1.0, 6.1.2). */
static bool
is_path(const char *path)
{
	size_t n = strlen(path), k;

	if (n >= OMS_PATH || utf8_valid(path, n) != n)
		return false;
	for (const char *part = path;; part += k + 1) {
		k = strcspn(part, "/");
		if (k == 0 || (k == 1 && part[0] == '.') || (k == 2 && part[0] == '.' && part[1] == '.'))
			return false;
		if (part[k] == '\0')
			return true;
	}
}

static int
check_path(const char *path)
{
	return is_path(path) ? 0 : err_set(ERR_DATA, "%.200s: no path of UTF-8 below the directory, of less than %d bytes", path, OMS_PATH);
}

static bool
is_ignored(const struct oms *m, const char *path)
{
	for (size_t i = 0; i < m->n_ignored; i++)
		if (strcmp(m->ignored[i], path) == 0)
			return true;
	return false;
}

int
oms_ignore(struct oms *m, const char *path)
{
	char *copy;

	if (is_ignored(m, path))
		return 0;
	if (m->n_ignored == OMS_IGNORED)
		return err_set(ERR_DATA, "more than %d paths are left out", OMS_IGNORED);
	if (check_path(path) < 0 || mem_grow(&m->ignored, &m->cap_ignored, m->n_ignored + 1, sizeof *m->ignored) < 0 ||
	    !(copy = mem_strdup(path)))
		return -1;
	m->ignored[m->n_ignored++] = copy;
	return 0;
}

int
oms_ignore_git(struct oms *m)
{
	static const char *const name[] = { ".git", ".gitattributes", ".github", ".gitignore" };

	for (size_t i = 0; i < sizeof name / sizeof *name; i++)
		if (oms_ignore(m, name[i]) < 0)
			return -1;
	return 0;
}

/* The path below `directory` of a file in `folder`, both without links and dots; NULL when it is elsewhere. */
static char *
below(const char *directory, const char *folder, const char *name)
{
	size_t n = strlen(directory);
	char *path = NULL;

	if (strncmp(directory, folder, n) != 0 || (folder[n] != '\0' && folder[n] != '/'))
		return NULL;
	if (asprintf(&path, "%s%s%s", folder + n + (folder[n] == '/'), folder[n] == '/' ? "/" : "", name) < 0)
		return NULL;
	return path;
}

int
oms_ignore_file(struct oms *m, const char *directory, const char *file)
{
	const char *slash = strrchr(file, '/');
	char *folder = slash ? strndup(file, (size_t)(slash - file) + 1) : mem_strdup(".");
	char *there = folder ? realpath(folder, NULL) : NULL, *top = realpath(directory, NULL), *path = NULL;
	int rc = 0;

	if (there && top)
		path = below(top, there, slash ? slash + 1 : file);
	if (path)
		rc = oms_ignore(m, path);
	free(path);
	free(top);
	free(there);
	free(folder);
	return rc;
}

/* ---- which files there are ---- */

int
oms_add(struct oms *m, const char *path)
{
	char *copy;

	if (check_path(path) < 0 || mem_grow(&m->file, &m->cap, m->n + 1, sizeof *m->file) < 0 || !(copy = mem_strdup(path)))
		return -1;
	m->file[m->n++] = (struct oms_file){ .path = copy };
	return 0;
}

/* A walk: the path of where it is, n bytes, 0 at the top. */
struct walk {
	struct oms *to;
	char path[OMS_PATH];
	size_t n;
	int depth;
};

static int walk(struct walk *w, int fd);

/* What is where the walk is, by its last name in the directory `fd`. Nothing is looked for below what is left out. */
static int
visit(struct walk *w, int fd, const char *name)
{
	struct stat st;

	if (is_ignored(w->to, w->path))
		return 0;
	if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return err_sys("%s", w->path);
	if (S_ISREG(st.st_mode))
		return oms_add(w->to, w->path);
	if (S_ISDIR(st.st_mode))
		return walk(w, openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
	return err_set(ERR_DATA, "%s: %s", w->path, S_ISLNK(st.st_mode) ? "a symbolic link" : "neither a file nor a directory");
}

static int
visit_named(struct walk *w, int fd, const char *name)
{
	size_t room = sizeof w->path - w->n, before = w->n;
	int n, rc;

	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return 0;
	n = snprintf(w->path + w->n, room, "%s%s", w->n ? "/" : "", name);
	if (n < 0 || (size_t)n >= room)
		return err_set(ERR_DATA, "%.200s: a path of %d bytes or more", w->path, OMS_PATH);
	w->n += (size_t)n;
	rc = visit(w, fd, name);
	w->n = before;
	w->path[before] = '\0';
	return rc;
}

/* Closes fd, which may be -1. */
static int
walk(struct walk *w, int fd)
{
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;
	int rc = 0;

	if (!d) {
		err_sys("%s", w->n ? w->path : ".");
		if (fd >= 0)
			close(fd);
		return -1;
	}
	if (++w->depth > OMS_DEPTH)
		rc = err_set(ERR_DATA, "%.200s: more than %d directories in each other", w->path, OMS_DEPTH);
	while (rc == 0 && (errno = 0, e = readdir(d)))
		rc = visit_named(w, fd, e->d_name);
	if (rc == 0 && errno)
		rc = err_sys("%s", w->n ? w->path : ".");
	w->depth--;
	closedir(d);
	return rc;
}

int
oms_open(const char *directory)
{
	int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? err_sys("%s", directory) : fd;
}

int
oms_find(struct oms *m, const char *directory)
{
	struct walk w = { .to = m };
	int fd = oms_open(directory);

	if (fd < 0)
		return -1;
	return walk(&w, fd) < 0 ? err_wrap("%s", directory) : 0;
}

int
oms_add_all(struct oms *m, const char *directory)
{
	return oms_ignore_git(m) < 0 ? -1 : oms_find(m, directory);
}

void
oms_free(struct oms *m)
{
	for (size_t i = 0; i < m->n; i++)
		free(m->file[i].path);
	for (size_t i = 0; i < m->n_ignored; i++)
		free(m->ignored[i]);
	free(m->file);
	free(m->ignored);
	free(m->model);
	*m = (struct oms){ 0 };
}
