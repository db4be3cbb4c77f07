/*
 * Identities of whole files, each in a small file of its own: a line with the stamp of the model's file and the id.
 * What can't be read, or is not exactly as it was written, is as if it were not there.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/io.h"
#include "model/id.h"

enum {
	MAX_PATH = 4096,
	MAX_LINE = 256,
	SETTLED = 2, /* seconds: a file that changed later than that may change again without another time stamp */
};

/* PATH for the folder's levels: mai, mai/ids; then the file. False when there is no place for a cache. */
static bool
cache_path(char *to, size_t size, const char *rest)
{
	const char *base = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
	int n;

	if (base && base[0] == '/')
		n = snprintf(to, size, "%s/%s", base, rest);
	else if (home && home[0] == '/')
		n = snprintf(to, size, "%s/.cache/%s", home, rest);
	else
		return false;
	return n > 0 && (size_t)n < size;
}

static bool
file_path(char *to, size_t size, const struct gguf_stamp *s)
{
	char name[64];

	snprintf(name, sizeof name, "mai/ids/%" PRIx64 "-%" PRIx64, s->device, s->inode);
	return s->inode != 0 && cache_path(to, size, name);
}

/* All of the line but the id. */
static size_t
stamp_text(char *to, const struct gguf_stamp *s)
{
	return (size_t)snprintf(to, MAX_LINE, "mai-id 1 %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRId64 " %" PRId64 " ",
	    s->device, s->inode, s->size, s->modified, s->changed);
}

bool
id_cache_get(const struct gguf *g, struct hash *id)
{
	char path[MAX_PATH], line[MAX_LINE], wanted[MAX_LINE];
	size_t n, stamp = stamp_text(wanted, &g->stamp);
	FILE *f;

	if (!file_path(path, sizeof path, &g->stamp) || !(f = fopen(path, "rbe")))
		return false;
	n = fread(line, 1, sizeof line, f);
	fclose(f);
	return n == stamp + HASH_HEX && memcmp(line, wanted, stamp) == 0 && line[n - 1] == '\n' &&
	    hash_from_hex(id, line + stamp, HASH_HEX - 1);
}

static bool
settled(const struct gguf_stamp *s)
{
	int64_t last = s->modified > s->changed ? s->modified : s->changed;

	return last / 1000000000 + SETTLED <= (int64_t)time(NULL);
}

void
id_cache_put(const struct gguf *g, const struct hash *id)
{
	static const char *const folders[] = { "", "mai", "mai/ids" };
	char path[MAX_PATH], text[MAX_LINE], hex[HASH_HEX];
	struct io_out out;
	size_t n;

	if (!settled(&g->stamp) || !gguf_unchanged(g))
		return;
	for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
		if (cache_path(path, sizeof path, folders[i]))
			mkdir(path, 0700); /* whether it is there now shows when the file is opened */
	if (!file_path(path, sizeof path, &g->stamp) || io_out_open(&out, path) < 0)
		return;
	n = stamp_text(text, &g->stamp);
	if (fwrite(text, 1, n, out.file) != n || fprintf(out.file, "%s\n", hash_to_hex(id, hex)) != HASH_HEX)
		io_out_abort(&out);
	else
		io_out_commit(&out);
}
