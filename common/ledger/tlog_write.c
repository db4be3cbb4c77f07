#include "ledger/tlog_write.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/io.h"
#include "base/mem.h"
#include "ledger/edge.h"
#include "ledger/journal.h"
#include "ledger/tlog_impl.h"
#include "ledger/seen.h"

#define LOCK_FILE "lock"
#define TEMPORARY "new"

struct tlog_writer {
	struct tlog log;
	const struct key *secret;
	int lock;
	struct edge edge;
	struct seen seen;
	uint64_t n_seen;           /* entries of the log that are in there */
	struct stat journal;       /* of the journal that goes with the edge; st_ino 0: there was none */
	uint64_t before;           /* entries before the last batch */
	struct journal_entries batch;
	struct hash *leaf;         /* of the batch */
	size_t cap;
};

/* ---- files ---- */

/* Makes the folders on the way to a file. */
static int
make_folders(const struct tlog *l, char *name)
{
	for (char *slash = strchr(name, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		int rc = mkdirat(l->folder, name, 0777);
		*slash = '/';
		if (rc < 0 && errno != EEXIST)
			return err_sys("%s/%s", l->path, name);
	}
	return 0;
}

/* A file that appears whole or not at all. */
static int
write_file(const struct tlog *l, char *name, const void *data, size_t n)
{
	int fd = openat(l->folder, TEMPORARY, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666), rc;

	if (fd < 0)
		return err_sys("%s/%s", l->path, TEMPORARY);
	rc = io_write(fd, data, n, name);
	if (close(fd) < 0 && rc == 0)
		rc = err_sys("%s/%s", l->path, name);
	if (rc == 0 && renameat(l->folder, TEMPORARY, l->folder, name) < 0)
		rc = errno != ENOENT || make_folders(l, name) < 0 || renameat(l->folder, TEMPORARY, l->folder, name) < 0 ? err_sys("%s/%s", l->path, name) : 0;
	if (rc < 0)
		unlinkat(l->folder, TEMPORARY, 0);
	return rc;
}

static int
write_tiles(const struct tlog *l, const struct edge *e)
{
	char name[TILE_PATH];

	for (size_t i = 0; i < e->n_files; i++) {
		const struct edge_file *f = &e->file[i];
		if (write_file(l, tile_path(name, f->level, f->index, f->width), f->data.data, f->data.len) < 0)
			return -1;
	}
	return 0;
}

static int
write_checkpoint(const struct tlog *l, const struct buf *note)
{
	char name[] = TLOG_CHECKPOINT;

	return write_file(l, name, note->data, note->len);
}

/* What is left of a tile from when it was not full. */
static void
drop_partial(const struct tlog *l, int level, uint64_t index)
{
	char name[TILE_PATH];
	int fd = openat(l->folder, strcat(tile_path(name, level, index, TILE_WIDTH), ".p"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	while (d && (e = readdir(d)))
		unlinkat(fd, e->d_name, 0);
	if (d)
		closedir(d);
	else if (fd >= 0)
		close(fd);
	unlinkat(l->folder, name, AT_REMOVEDIR);
}

/* Of the tiles that became full between the two sizes. */
static void
drop_partials(const struct tlog *l, uint64_t before, uint64_t size)
{
	for (int level = TILE_ENTRIES; level < TILE_LEVELS; level++) {
		int shift = level == TILE_ENTRIES ? 0 : TILE_HEIGHT * level;
		uint64_t index = (before >> shift) / TILE_WIDTH;
		if (index < (size >> shift) / TILE_WIDTH)
			drop_partial(l, level, index);
	}
}

/* ---- a batch that was not completed ---- */

/* The edge with the journal's entries behind it. */
static int
replay(struct edge *e, const struct journal_entries *j)
{
	const uint8_t *at = j->data.data, *end = at + j->data.len;

	for (uint32_t i = 0; i < j->n; i++) {
		size_t n = end - at < 2 ? 0 : (size_t)(at[0] << 8 | at[1]);
		struct hash leaf;
		if (end - at < 2 || (size_t)(end - at) - 2 < n)
			return err_set(ERR_DATA, "%s: an entry that is cut short", JOURNAL_FILE);
		leaf = merkle_leaf(at + 2, n);
		if (edge_add(e, at + 2, n, &leaf) < 0)
			return -1;
		at += 2 + n;
	}
	return edge_finish(e);
}

/* Writes again what the journal has. */
static int
redo(struct tlog *l, struct journal_entries *j, const struct checkpoint *before, const struct checkpoint *after)
{
	struct buf note = { 0 };
	struct edge e = { 0 };
	struct hash root;
	int rc;

	if (buf_add(&note, j->before.data, j->before.len) < 0)
		return -1;
	for (unsigned i = 0; i < TLOG_CACHE; i++) /* a full tile may be one that is to be written again */
		l->cache[i].width = 0;
	tlog_set(l, &note, before);
	rc = edge_load(&e, l, before->size, &before->root) < 0 || replay(&e, j) < 0 ? -1 : 0;
	root = edge_root(&e);
	if (rc == 0 && (e.size != after->size || !hash_equal(&root, &after->root)))
		rc = err_set(ERR_DATA, "%s/%s: does not lead to its checkpoint", l->path, JOURNAL_FILE);
	if (rc == 0)
		rc = write_tiles(l, &e) < 0 || write_checkpoint(l, &j->after) < 0 ? -1 : 0;
	edge_free(&e);
	if (rc == 0)
		tlog_set(l, &j->after, after);
	return rc;
}

/* Are the last batch's files as the journal says? */
static bool
is_complete(struct tlog *l, const struct checkpoint *before, const struct checkpoint *after)
{
	struct checkpoint now;
	struct buf note = { 0 };

	if (tlog_read_checkpoint(l, &note, &now) < 0) {
		buf_free(&note);
		return false;
	}
	tlog_set(l, &note, &now);
	if (now.size > after->size)
		return true; /* the journal is an old one */
	return now.size == after->size && tlog_verify_from(l, before->size, NULL, NULL) == 0;
}

/* The log as it is, or as the journal makes it. *size: entries before the last batch. */
static int
recover(struct tlog *l, uint64_t *size)
{
	struct checkpoint before, after;
	struct journal_entries j;
	struct note t;
	int rc = journal_get(l, &j);

	if (rc == 0) {
		rc = tlog_read_checkpoint(l, &l->note, &l->at);
		*size = l->at.size;
	} else if (rc > 0) {
		rc = checkpoint_open(&before, &t, (const char *)j.before.data, j.before.len, &l->key) < 0 ||
		        checkpoint_open(&after, &t, (const char *)j.after.data, j.after.len, &l->key) < 0
		    ? err_wrap("%s/%s", l->path, JOURNAL_FILE)
		    : 0;
		*size = before.size;
		if (rc == 0 && !is_complete(l, &before, &after))
			rc = redo(l, &j, &before, &after);
	}
	journal_entries_free(&j);
	return rc;
}

/* ---- turns ---- */

static int
open_lock(const struct tlog *l)
{
	int fd = openat(l->folder, LOCK_FILE, O_RDWR | O_CREAT | O_CLOEXEC, 0666);

	return fd < 0 ? err_sys("%s/%s", l->path, LOCK_FILE) : fd;
}

static int
take_lock(const struct tlog *l, int fd)
{
	while (flock(fd, LOCK_EX) < 0)
		if (errno != EINTR)
			return err_sys("%s/%s", l->path, LOCK_FILE);
	return 0;
}

int
tlog_recover(const char *path)
{
	static const struct note_key any;
	struct tlog l;
	uint64_t size;
	int rc = tlog_open_folder(&l, path, &any), fd = -1;

	if (rc == 0 && faccessat(l.folder, JOURNAL_FILE, R_OK | W_OK, 0) == 0) { /* else it may also have no key, as one that was fetched */
		tlog_close(&l);
		rc = tlog_open_folder(&l, path, NULL) < 0 || (fd = open_lock(&l)) < 0 || take_lock(&l, fd) < 0 ? -1 : recover(&l, &size);
		if (fd >= 0)
			close(fd);
	}
	tlog_close(&l);
	return rc;
}

/* Is the key the log's? */
static int
check_key(const struct tlog *l, const struct key *secret)
{
	return memcmp(l->key.bytes, secret->public.bytes, KEY_PUBLIC) == 0 ? 0 : err_set(ERR_DATA, "%s: the log of another key", l->path);
}

struct tlog_writer *
tlog_writer_new(const char *path, const struct key *secret)
{
	struct tlog_writer *w = mem_alloc(1, sizeof *w);

	if (!w)
		return NULL;
	w->secret = secret;
	w->lock = -1;
	if (tlog_open_folder(&w->log, path, NULL) == 0 && check_key(&w->log, secret) == 0 && (w->lock = open_lock(&w->log)) >= 0)
		return w;
	tlog_writer_free(w);
	return NULL;
}

void
tlog_writer_free(struct tlog_writer *w)
{
	if (!w)
		return;
	if (w->lock >= 0)
		close(w->lock); /* and unlocked */
	tlog_close(&w->log);
	edge_free(&w->edge);
	seen_free(&w->seen);
	journal_entries_free(&w->batch);
	free(w->leaf);
	free(w);
}

const struct tlog *
tlog_of(const struct tlog_writer *w)
{
	return &w->log;
}

static void
look_at_journal(const struct tlog_writer *w, struct stat *s)
{
	if (fstatat(w->log.folder, JOURNAL_FILE, s, 0) < 0)
		*s = (struct stat){ 0 };
}

static bool
is_same_file(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* Has nobody else written? The number of a file may be given again within one tick of its time; the checkpoint is then another. */
static bool
is_as_left(const struct tlog_writer *w, const struct stat *journal)
{
	const struct buf *mine = &w->log.note;
	struct buf note = { 0 };
	bool same = is_same_file(journal, &w->journal) && tlog_read_file(&w->log, TLOG_CHECKPOINT, NOTE_MAX, &note) == 0 && note.len == mine->len &&
	    memcmp(note.data, mine->data, note.len) == 0;

	buf_free(&note);
	return same;
}

static int
learn_leaves(struct tlog_writer *w)
{
	struct hash leaf;

	for (; w->n_seen < w->log.at.size; w->n_seen++)
		if (tlog_leaf(&w->log, w->n_seen, &leaf) < 0 || seen_add(&w->seen, &leaf, w->n_seen) < 0)
			return -1;
	return 0;
}

/* Somebody else has written, or it is the first turn. */
static int
catch_up(struct tlog_writer *w, const struct stat *journal)
{
	if (recover(&w->log, &w->before) < 0 || edge_load(&w->edge, &w->log, w->log.at.size, &w->log.at.root) < 0 || learn_leaves(w) < 0)
		return -1;
	w->journal = *journal;
	return 0;
}

int
tlog_begin(struct tlog_writer *w)
{
	struct stat journal;

	if (take_lock(&w->log, w->lock) < 0)
		return -1;
	w->batch.n = 0;
	w->batch.data.len = 0;
	look_at_journal(w, &journal);
	return w->n_seen > 0 && is_as_left(w, &journal) ? 0 : catch_up(w, &journal);
}

/* Where the same leaf is; -1: nowhere; -2 with a reason. */
static int64_t
place_of(struct tlog_writer *w, const struct hash *leaf)
{
	uint64_t index, size = w->log.at.size;
	size_t at = 0;

	while (seen_next(&w->seen, leaf, &at, &index)) {
		struct hash other;
		if (index >= size)
			other = w->leaf[index - size];
		else if (tlog_leaf(&w->log, index, &other) < 0)
			return -2;
		if (hash_equal(&other, leaf))
			return (int64_t)index; /* < 2^63 */
	}
	return -1;
}

int64_t
tlog_add(struct tlog_writer *w, const void *data, size_t n, const struct hash *leaf, bool *new)
{
	const uint8_t length[] = { (uint8_t)(n >> 8), (uint8_t)(n & 0xff) };
	int64_t place = place_of(w, leaf);

	*new = place == -1;
	if (!*new)
		return place < 0 ? -1 : place;
	if (n > RECORD_MAX || w->batch.n == TLOG_BATCH || w->batch.data.len + sizeof length + n > TLOG_BATCH_BYTES)
		return err_set(ERR_DATA, "an entry of %zu bytes, or more than %d in a batch, or %d bytes", n, TLOG_BATCH, TLOG_BATCH_BYTES);
	if (mem_grow(&w->leaf, &w->cap, w->batch.n + 1, sizeof *w->leaf) < 0 || buf_add(&w->batch.data, length, sizeof length) < 0 ||
	    buf_add(&w->batch.data, data, n) < 0 || seen_add(&w->seen, leaf, w->n_seen) < 0)
		return -1;
	w->leaf[w->batch.n++] = *leaf;
	return (int64_t)w->n_seen++; /* < 2^63 */
}

/* ---- committing ---- */

static int
make_checkpoint(const struct tlog_writer *w, struct checkpoint *to, struct buf *note)
{
	*to = w->log.at;
	to->size = w->edge.size;
	to->root = edge_root(&w->edge);
	if (checkpoint_add(note, to) < 0)
		return -1;
	const size_t text = note->len;
	return buf_addc(note, '\n') < 0 ? -1 : note_sign(note, (const char *)note->data, text, &w->log.key, w->secret, 0);
}

static int
extend_edge(struct tlog_writer *w)
{
	const uint8_t *at = w->batch.data.data;

	for (uint32_t i = 0; i < w->batch.n; i++) {
		size_t n = (size_t)(at[0] << 8 | at[1]);
		if (edge_add(&w->edge, at + 2, n, &w->leaf[i]) < 0)
			return -1;
		at += 2 + n;
	}
	return edge_finish(&w->edge);
}

static int
write_batch(struct tlog_writer *w)
{
	struct journal_entries *b = &w->batch;
	struct checkpoint now;
	uint64_t before = w->before, size = w->log.at.size;

	b->before.len = b->after.len = 0;
	if (buf_add(&b->before, w->log.note.data, w->log.note.len) < 0 || extend_edge(w) < 0 || make_checkpoint(w, &now, &b->after) < 0 ||
	    journal_put(&w->log, b) < 0)
		return -1;
	drop_partials(&w->log, before, size); /* nothing depends on them any more */
	w->before = size;
	if (write_tiles(&w->log, &w->edge) < 0 || write_checkpoint(&w->log, &b->after) < 0)
		return -1;
	edge_drop_files(&w->edge);
	tlog_set(&w->log, &b->after, &now);
	look_at_journal(w, &w->journal);
	return 0;
}

int
tlog_commit(struct tlog_writer *w)
{
	int rc = w->batch.n == 0 ? 0 : write_batch(w);

	if (flock(w->lock, LOCK_UN) < 0 && rc == 0)
		rc = err_sys("%s/%s", w->log.path, LOCK_FILE);
	return rc;
}

/* ---- a new log ---- */

static int
write_key(const struct tlog *l)
{
	char text[NOTE_VKEY + 1], name[] = TLOG_KEY;

	return write_file(l, name, text, strlen(strcat(note_key_text(&l->key, text), "\n")));
}

int
tlog_init(const char *path, const char *origin, const struct key *secret)
{
	struct tlog_writer w = { .secret = secret };
	struct note_key key;
	struct checkpoint now;
	struct buf note = { 0 };
	int rc;

	if (note_key_make(&key, origin, NOTE_ED25519, secret->public.bytes) < 0)
		return -1;
	if (mkdir(path, 0777) < 0 && errno != EEXIST)
		return err_sys("%s", path);
	rc = tlog_open_folder(&w.log, path, &key);
	if (rc == 0 && (faccessat(w.log.folder, TLOG_CHECKPOINT, F_OK, 0) == 0 || faccessat(w.log.folder, TLOG_KEY, F_OK, 0) == 0))
		rc = err_set(ERR_SYSTEM, "%s: there is a log already", path);
	snprintf(w.log.at.origin, sizeof w.log.at.origin, "%s", origin);
	if (rc == 0)
		rc = make_checkpoint(&w, &now, &note) < 0 || write_key(&w.log) < 0 || write_checkpoint(&w.log, &note) < 0 ? -1 : 0;
	if (rc == 0 && fsync(w.log.folder) < 0)
		rc = err_sys("%s", path);
	buf_free(&note);
	tlog_close(&w.log);
	return rc;
}
