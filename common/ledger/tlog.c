#include "ledger/tlog.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/io.h"
#include "base/mem.h"
#include "ledger/tlog_impl.h"

/* ---- files ---- */

int
tlog_read_file(const struct tlog *l, const char *name, size_t most, struct buf *to)
{
	int fd = openat(l->folder, name, O_RDONLY | O_CLOEXEC), rc;
	struct stat s;

	if (fd < 0)
		return err_sys("%s/%s", l->path, name);
	to->len = 0;
	if (fstat(fd, &s) < 0 || !S_ISREG(s.st_mode) || (uint64_t)s.st_size > most)
		rc = err_set(ERR_DATA, "%s/%s: no file of at most %zu bytes", l->path, name, most);
	else
		rc = io_read_all(fd, to, name);
	close(fd);
	return rc;
}

/* Of a tile that is not full, either file will do: the full one begins with the same. */
static int
read_tile(const struct tlog *l, int level, uint64_t index, size_t most, struct buf *to)
{
	unsigned width = tile_width(level, index, l->at.size);
	char name[TILE_PATH];
	int rc = tlog_read_file(l, tile_path(name, level, index, width), most, to);

	if (rc < 0 && width < TILE_WIDTH && errno == ENOENT)
		rc = tlog_read_file(l, tile_path(name, level, index, TILE_WIDTH), most, to);
	return rc;
}

/* ---- opening ---- */

static int
read_key(struct tlog *l)
{
	struct buf text = { 0 };
	int rc = tlog_read_file(l, TLOG_KEY, NOTE_VKEY, &text);

	if (rc == 0) {
		size_t n = text.len > 0 && text.data[text.len - 1] == '\n' ? text.len - 1 : text.len;
		if ((rc = note_key_parse(&l->key, (const char *)text.data, n)) < 0)
			err_wrap("%s/%s", l->path, TLOG_KEY);
	}
	buf_free(&text);
	return rc;
}

int
tlog_read_checkpoint(const struct tlog *l, struct buf *note, struct checkpoint *at)
{
	struct note t;

	if (tlog_read_file(l, TLOG_CHECKPOINT, NOTE_MAX, note) < 0)
		return -1;
	return checkpoint_open(at, &t, (const char *)note->data, note->len, &l->key) < 0 ? err_wrap("%s/%s", l->path, TLOG_CHECKPOINT) : 0;
}

int
tlog_open_folder(struct tlog *l, const char *path, const struct note_key *key)
{
	*l = (struct tlog){ .folder = -1, .bundle_index = UINT64_MAX };
	if (!(l->path = mem_strdup(path)) || !(l->cache = mem_alloc(TLOG_CACHE, sizeof *l->cache)))
		return -1;
	if ((l->folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
		return err_sys("%s", path);
	if (!key)
		return read_key(l);
	l->key = *key;
	return 0;
}

int
tlog_open(struct tlog *l, const char *path, const struct note_key *key)
{
	return tlog_open_folder(l, path, key) < 0 ? -1 : tlog_read_checkpoint(l, &l->note, &l->at);
}

void
tlog_close(struct tlog *l)
{
	if (l->folder >= 0)
		close(l->folder);
	free(l->path);
	free(l->cache);
	buf_free(&l->note);
	buf_free(&l->bundle);
	*l = (struct tlog){ .folder = -1 };
}

int
tlog_refresh(struct tlog *l)
{
	struct checkpoint now;
	struct buf note = { 0 };

	if (tlog_read_checkpoint(l, &note, &now) < 0) {
		buf_free(&note);
		return -1;
	}
	if (now.size < l->at.size || (now.size == l->at.size && !hash_equal(&now.root, &l->at.root))) {
		buf_free(&note);
		return err_set(ERR_DATA, "%s: another log than it was: %llu entries, %llu before", l->path, (unsigned long long)now.size,
		    (unsigned long long)l->at.size);
	}
	tlog_set(l, &note, &now);
	return 0;
}

void
tlog_set(struct tlog *l, struct buf *note, const struct checkpoint *now)
{
	buf_free(&l->note);
	l->note = *note;
	*note = (struct buf){ 0 };
	for (unsigned i = 0; i < TLOG_CACHE; i++)
		if (l->cache[i].width < TILE_WIDTH) /* there may be more now */
			l->cache[i].width = 0;
	l->bundle_index = UINT64_MAX;
	l->at = *now;
}

/* ---- hashes ---- */

static struct tlog_tile *
find_tile(struct tlog *l, int level, uint64_t index)
{
	for (unsigned i = 0; i < TLOG_CACHE; i++)
		if (l->cache[i].width > 0 && l->cache[i].level == level && l->cache[i].index == index)
			return &l->cache[i];
	return NULL;
}

/* NULL with a reason. */
static const struct tlog_tile *
tile_of(struct tlog *l, int level, uint64_t index)
{
	struct tlog_tile *t = find_tile(l, level, index);
	unsigned width = tile_width(level, index, l->at.size);
	struct buf data = { 0 };

	if (t)
		return t;
	if (read_tile(l, level, index, sizeof t->hash, &data) < 0) {
		buf_free(&data);
		return NULL;
	}
	if (data.len < width * sizeof *t->hash || data.len % sizeof *t->hash != 0) {
		char name[TILE_PATH];
		err_set(ERR_DATA, "%s/%s: %zu bytes, where %u hashes should be", l->path, tile_path(name, level, index, width), data.len, width);
		buf_free(&data);
		return NULL;
	}
	t = &l->cache[l->next++ % TLOG_CACHE];
	t->level = level;
	t->index = index;
	t->width = width;
	if (width > 0)
		memcpy(t->hash, data.data, width * sizeof *t->hash);
	buf_free(&data);
	return t;
}

struct hash
tlog_fold(const struct hash *hash, unsigned n)
{
	struct hash level[TILE_WIDTH];

	memcpy(level, hash, n * sizeof *hash);
	for (; n > 1; n /= 2)
		for (unsigned i = 0; i < n / 2; i++)
			level[i] = merkle_node(&level[2 * i], &level[2 * i + 1]);
	return level[0];
}

int
tlog_node(void *arg, unsigned height, uint64_t index, struct hash *to)
{
	struct tlog *l = arg;
	unsigned within = height % TILE_HEIGHT, n = 1u << within;
	uint64_t first = index << within; /* of the nodes that are in tiles */
	const struct tlog_tile *t = tile_of(l, (int)(height / TILE_HEIGHT), first / TILE_WIDTH);

	if (!t)
		return -1;
	if (first % TILE_WIDTH + n > t->width)
		return err_set(ERR_DATA, "%s: a node of a tree that is larger", l->path);
	*to = tlog_fold(&t->hash[first % TILE_WIDTH], n);
	return 0;
}

int
tlog_leaf(struct tlog *l, uint64_t index, struct hash *to)
{
	if (index >= l->at.size)
		return err_set(ERR_DATA, "%s: entry %llu of %llu", l->path, (unsigned long long)index, (unsigned long long)l->at.size);
	return tlog_node(l, 0, index, to);
}

/* ---- entries ---- */

/* Where each of a bundle's entries begins, behind its length. */
static int
index_bundle(struct tlog *l, unsigned width)
{
	size_t at = 0;

	for (l->n_entries = 0; l->n_entries < width; l->n_entries++) {
		size_t n;
		if (l->bundle.len - at < 2)
			return -1;
		n = (size_t)(l->bundle.data[at] << 8 | l->bundle.data[at + 1]);
		at += 2;
		if (l->bundle.len - at < n)
			return -1;
		l->entry[l->n_entries] = (uint32_t)at; /* < TLOG_BUNDLE */
		at += n;
	}
	l->entry[width] = (uint32_t)at + 2;
	return 0;
}

static int
load_bundle(struct tlog *l, uint64_t index)
{
	unsigned width = tile_width(TILE_ENTRIES, index, l->at.size);
	char name[TILE_PATH];

	l->bundle_index = UINT64_MAX;
	if (read_tile(l, TILE_ENTRIES, index, TLOG_BUNDLE, &l->bundle) < 0)
		return -1;
	if (index_bundle(l, width) < 0)
		return err_set(ERR_DATA, "%s/%s: cut short: %u entries, where %u should be", l->path, tile_path(name, TILE_ENTRIES, index, width), l->n_entries,
		    width);
	l->bundle_index = index;
	return 0;
}

int
tlog_entry(struct tlog *l, uint64_t index, const uint8_t **data, size_t *n)
{
	unsigned i = (unsigned)(index % TILE_WIDTH);

	if (index >= l->at.size)
		return err_set(ERR_DATA, "%s: entry %llu of %llu", l->path, (unsigned long long)index, (unsigned long long)l->at.size);
	if (l->bundle_index != index / TILE_WIDTH && load_bundle(l, index / TILE_WIDTH) < 0)
		return -1;
	*data = l->bundle.data + l->entry[i];
	*n = (size_t)(l->entry[i + 1] - 2 - l->entry[i]);
	return 0;
}

/* ---- all of it ---- */

/* The hash of a tile, all of which is there. 0, or -1 with a reason. */
static int
hash_tile(struct tlog *l, int level, uint64_t index, struct hash *to)
{
	const struct tlog_tile *t = tile_of(l, level, index);

	if (!t)
		return -1;
	*to = tlog_fold(t->hash, TILE_WIDTH);
	return 0;
}

/* The tiles of a level above the first, from `from` on, against those that they are the hashes of. */
static int
verify_level(struct tlog *l, int level, uint64_t from)
{
	char name[TILE_PATH];
	struct hash below, is;
	unsigned width;

	for (uint64_t i = from; (width = tile_width(level, i, l->at.size)) > 0; i++)
		for (unsigned k = 0; k < width; k++) {
			uint64_t node = i * TILE_WIDTH + k;
			if (hash_tile(l, level - 1, node, &below) < 0 || tlog_node(l, (unsigned)level * TILE_HEIGHT, node, &is) < 0)
				return -1;
			if (!hash_equal(&below, &is))
				return err_set(ERR_DATA, "%s/%s: hash %u is not that of its tile", l->path, tile_path(name, level, i, width), k);
		}
	return 0;
}

static int
verify_entry(struct tlog *l, uint64_t i, const uint8_t **data, size_t *n)
{
	char name[TILE_PATH];
	struct hash leaf, is;

	if (tlog_entry(l, i, data, n) < 0 || tlog_leaf(l, i, &leaf) < 0)
		return -1;
	is = merkle_leaf(*data, *n);
	if (hash_equal(&is, &leaf))
		return 0;
	tile_path(name, TILE_ENTRIES, i / TILE_WIDTH, tile_width(TILE_ENTRIES, i / TILE_WIDTH, l->at.size));
	return err_set(ERR_DATA, "%s/%s: entry %u is not the one of its hash", l->path, name, (unsigned)(i % TILE_WIDTH));
}

int
tlog_verify_from(struct tlog *l, uint64_t from, int (*tell)(void *arg, uint64_t index, const uint8_t *data, size_t n), void *arg)
{
	const uint8_t *data;
	struct hash root;
	size_t n;

	for (uint64_t i = from - from % TILE_WIDTH; i < l->at.size; i++)
		if (verify_entry(l, i, &data, &n) < 0 || (tell && tell(arg, i, data, n) < 0))
			return -1;
	for (int level = 1; level < TILE_LEVELS; level++)
		if (verify_level(l, level, (from >> TILE_HEIGHT * level) / TILE_WIDTH) < 0)
			return -1;
	if (merkle_root(tlog_node, l, l->at.size, &root) < 0)
		return -1;
	return hash_equal(&root, &l->at.root) ? 0 : err_set(ERR_DATA, "%s: its tiles are not those of its checkpoint", l->path);
}

int
tlog_verify(struct tlog *l, int (*tell)(void *arg, uint64_t index, const uint8_t *data, size_t n), void *arg)
{
	return tlog_verify_from(l, 0, tell, arg);
}
