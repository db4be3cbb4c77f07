/* A log in its tiles: each byte as the rules have it, proofs, writers who take turns, and what becomes of a last batch that was torn. */
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/err.h"
#include "base/io.h"
#include "ledger/journal.h"
#include "ledger/tlog_impl.h"
#include "ledger/tlog_write.h"
#include "vectors.h"

enum { MOST = 70000, HEIGHTS = 18, BATCHES = 200 };

static char dir[] = "/dev/shm/mai-tlog-XXXXXX", path[sizeof dir + 16]; /* in memory: files are written many thousand times */
static struct key k;
static size_t step = 1, step_large = 9, few = 4096; /* between the places where files, and those of more than a few bytes, are cut; MAI_EVERY_CUT: 1 */

/* ---- the log as it should be, from its entries alone ---- */

static struct hash *level[HEIGHTS]; /* of the tree of MOST entries: all whole nodes */
static size_t size_at[BATCHES], batches; /* entries behind each batch; the first is that of the empty log */

/* Numbers, one that is empty, and a long one. The same buffer each time. */
static const char *
entry(size_t i, size_t *n)
{
	static char text[300];

	memset(text, (int)(i / 40000) + 'a', sizeof text);
	*n = i == 7 ? 0 : i % 40000 == 100 ? sizeof text : (size_t)snprintf(text, sizeof text, "%zu", i);
	return text;
}

static struct hash
sha256(uint8_t first, const void *a, size_t n_a, const void *b, size_t n_b)
{
	crypto_hash_sha256_state s;
	struct hash h;

	crypto_hash_sha256_init(&s);
	crypto_hash_sha256_update(&s, &first, 1);
	crypto_hash_sha256_update(&s, a, n_a);
	crypto_hash_sha256_update(&s, b, n_b);
	crypto_hash_sha256_final(&s, h.bytes);
	return h;
}

static void
make_tree(void)
{
	for (size_t height = 0; height < HEIGHTS; height++) {
		const size_t nodes = (size_t)MOST >> height;
		if (!(level[height] = calloc(nodes + 1, sizeof **level)))
			abort();
		for (size_t i = 0; i < nodes; i++) {
			size_t n = 0;
			const char *text = height == 0 ? entry(i, &n) : "";
			level[height][i] = height == 0 ? sha256(0, text, n, "", 0) : sha256(1, &level[height - 1][2 * i], HASH_SIZE, &level[height - 1][2 * i + 1], HASH_SIZE);
		}
	}
}

static int
node(void *arg, unsigned height, uint64_t index, struct hash *to)
{
	(void)arg;
	if (height >= HEIGHTS || index >= (uint64_t)MOST >> height)
		return err_set(ERR_DATA, "no such node");
	*to = level[height][index];
	return 0;
}

/* RFC 6962, 2.1, word for word: of n leaves from `first` on. */
static struct hash
root_of(size_t first, size_t n)
{
	struct hash left, right;
	size_t half = 1;

	if (n == 0)
		return hash_bytes("", 0);
	if (n == 1)
		return level[0][first];
	while (2 * half < n)
		half *= 2;
	if (half == n / 2 && (n & (n - 1)) == 0 && first % n == 0)
		return level[__builtin_ctzll(n)][first / n]; /* was made so already */
	left = root_of(first, half);
	right = root_of(first + half, n - half);
	return sha256(1, &left, HASH_SIZE, &right, HASH_SIZE);
}

/* The bytes of a tile. */
static struct buf
tile(int l, uint64_t index, unsigned width)
{
	struct buf b = { 0 };

	for (size_t i = index * TILE_WIDTH; i < index * TILE_WIDTH + width; i++) {
		size_t n;
		const char *text = entry(i, &n);
		const uint8_t length[] = { (uint8_t)(n >> 8), (uint8_t)(n & 0xff) };
		if (l == TILE_ENTRIES ? buf_add(&b, length, 2) < 0 || buf_add(&b, text, n) < 0 : buf_add(&b, &level[l * TILE_HEIGHT][i], HASH_SIZE) < 0)
			abort();
	}
	return b;
}

/* ---- files ---- */

struct file {
	char name[TILE_PATH];
	struct buf data;
};

struct files {
	struct file *file;
	size_t n;
};

static const char *
in_log(const char *name)
{
	static char full[256];

	snprintf(full, sizeof full, "%s/%s", path, name);
	return full;
}

static struct buf
get(const char *name)
{
	struct buf b = { 0 };
	int fd = open(in_log(name), O_RDONLY);

	if (fd >= 0 && (io_read_all(fd, &b, name) < 0 || close(fd) < 0))
		abort();
	return b;
}

static void
put(const char *name, const void *data, size_t n)
{
	int fd = open(in_log(name), O_WRONLY | O_CREAT | O_TRUNC, 0666);

	if (fd < 0 || io_write(fd, data, n, name) < 0 || close(fd) < 0)
		abort();
}

static bool
is_file(const struct file *f)
{
	struct buf b = get(f->name);
	bool same = b.len == f->data.len && (b.len == 0 || memcmp(b.data, f->data.data, b.len) == 0);

	buf_free(&b);
	return same;
}

static struct files found;

static int
find_one(const char *full, const struct stat *s, int what, struct FTW *at)
{
	const char *name = full + strlen(path) + 1;

	(void)s;
	(void)at;
	if (what != FTW_F)
		return 0;
	if (strlen(name) >= TILE_PATH || !(found.file = realloc(found.file, (found.n + 1) * sizeof *found.file)))
		abort();
	struct file *f = &found.file[found.n++];
	*f = (struct file){ .data = get(name) };
	strcpy(f->name, name);
	return 0;
}

/* All files of the log. */
static struct files
all_files(void)
{
	found = (struct files){ 0 };
	if (nftw(path, find_one, 16, FTW_PHYS) != 0)
		abort();
	return found;
}

static const struct file *
file_named(const struct files *all, const char *name)
{
	for (size_t i = 0; i < all->n; i++)
		if (strcmp(all->file[i].name, name) == 0)
			return &all->file[i];
	return NULL;
}

static void
files_free(struct files *all)
{
	for (size_t i = 0; i < all->n; i++)
		buf_free(&all->file[i].data);
	free(all->file);
	*all = (struct files){ 0 };
}

static int
remove_one(const char *full, const struct stat *s, int what, struct FTW *at)
{
	(void)s;
	(void)what;
	(void)at;
	return remove(full);
}

static void
new_log(const char *name)
{
	snprintf(path, sizeof path, "%s/%s", dir, name);
	if (tlog_init(path, "example.org/log", &k) < 0)
		abort();
	size_at[0] = 0;
	batches = 1;
}

/* ---- appending ---- */

static struct tlog_writer *
writer(void)
{
	struct tlog_writer *w = tlog_writer_new(path, &k);

	if (!w)
		abort();
	return w;
}

/* Adds some entries in one batch. Are those from `first_new` on new, and all where they should be? */
static bool
append(struct tlog_writer *w, size_t from, size_t to, size_t first_new)
{
	bool good = tlog_begin(w) == 0;

	for (size_t i = from; i < to && good; i++) {
		size_t n;
		const char *text = entry(i, &n);
		bool new;
		good = tlog_add(w, text, n, &level[0][i], &new) == (int64_t)i && new == (i >= first_new);
	}
	return good && tlog_commit(w) == 0;
}

/* Grows the log to so many entries in one batch. */
static bool
grow(struct tlog_writer *w, size_t size)
{
	size_t before = size_at[batches - 1];

	if (!append(w, before, size, before))
		return false;
	size_at[batches++] = size;
	return true;
}

/* ---- what it holds ---- */

static bool
is_tile(int l, uint64_t index, unsigned width)
{
	struct file f = { .data = tile(l, index, width) };
	bool same = is_file((tile_path(f.name, l, index, width), &f));

	if (!same)
		printf("# %s is not as it should be\n", f.name);
	buf_free(&f.data);
	return same;
}

/* The tiles of the log that are full, and those that were not at the end of any batch, until they are full and one more batch has come. */
static size_t
count_tiles(bool *good)
{
	size_t size = size_at[batches - 1], before = batches > 1 ? size_at[batches - 2] : 0, n = 0;

	for (int l = TILE_ENTRIES; l < 3; l++) {
		int shift = l == TILE_ENTRIES ? 0 : l * TILE_HEIGHT;
		uint64_t full = (size >> shift) / TILE_WIDTH, kept = (before >> shift) / TILE_WIDTH, last = UINT64_MAX;
		for (uint64_t i = 0; i < full; i++, n++)
			*good = *good && is_tile(l, i, TILE_WIDTH);
		for (size_t i = 0; i < batches; i++) {
			uint64_t nodes = size_at[i] >> shift;
			unsigned width = (unsigned)(nodes % TILE_WIDTH);
			if (width == 0 || nodes / TILE_WIDTH < kept || nodes == last)
				continue;
			last = nodes;
			*good = *good && is_tile(l, nodes / TILE_WIDTH, width);
			n++;
		}
	}
	return n;
}

static bool
has_exactly_its_tiles(void)
{
	bool good = true;
	size_t wanted = count_tiles(&good), n = 0;
	struct files all = all_files();

	for (size_t i = 0; i < all.n; i++)
		n += strncmp(all.file[i].name, "tile/", 5) == 0;
	if (n != wanted)
		printf("# %zu tiles, %zu wanted\n", n, wanted);
	files_free(&all);
	return good && n == wanted;
}

static int
count_entry(void *arg, uint64_t index, const uint8_t *data, size_t n)
{
	size_t *next = arg, wanted;
	const char *text = entry(index, &wanted);

	return index == (*next)++ && n == wanted && (n == 0 || memcmp(data, text, n) == 0) ? 0 : err_set(ERR_DATA, "entry %zu is another", (size_t)index);
}

/* Is it a log of the first `size` entries, by itself and by its root? */
static bool
verifies(size_t size)
{
	struct tlog l;
	struct hash root = root_of(0, size), same;
	size_t n = 0;
	bool good = tlog_open(&l, path, NULL) == 0 && tlog_verify(&l, count_entry, &n) == 0 && n == size && l.at.size == size && hash_equal(&l.at.root, &root) &&
	    merkle_root(node, NULL, size, &same) == 0 && hash_equal(&same, &root);

	if (!good)
		printf("# %s\n", err_reason());
	tlog_close(&l);
	return good;
}

static bool
includes(struct tlog *l, uint64_t index, size_t size)
{
	struct hash proof[MERKLE_PROOF], root = root_of(0, size);
	size_t n;

	return merkle_inclusion(tlog_node, l, index, size, proof, &n) == 0 && merkle_check_inclusion(index, size, &level[0][index], proof, n, &root) == 0;
}

static bool
continues(struct tlog *l, size_t size1, size_t size2)
{
	struct hash proof[MERKLE_PROOF], root1 = root_of(0, size1), root2 = root_of(0, size2);
	size_t n;

	return merkle_consistency(tlog_node, l, size1, size2, proof, &n) == 0 && (size1 == 0 || merkle_check_consistency(size1, size2, &root1, &root2, proof, n) == 0);
}

/* ---- a last batch that was torn ---- */

struct torn {
	struct files before, after;
	const struct file *file[16]; /* that the batch has written, of `after` */
	size_t n;
	size_t size;
};

static bool
is_of_batch(const struct torn *t, const struct file *f)
{
	const struct file *old = file_named(&t->before, f->name);

	if (strcmp(f->name, JOURNAL_FILE) == 0)
		return false;
	return !old || old->data.len != f->data.len || memcmp(old->data.data, f->data.data, f->data.len) != 0;
}

static struct torn
last_batch(struct tlog_writer *w, size_t size)
{
	struct torn t = { .before = all_files(), .size = size };
	bool good = grow(w, size);

	t.after = all_files();
	for (size_t i = 0; i < t.after.n && good; i++)
		if (is_of_batch(&t, &t.after.file[i])) {
			good = t.n < sizeof t.file / sizeof *t.file;
			if (good)
				t.file[t.n++] = &t.after.file[i];
		}
	if (!good)
		abort();
	return t;
}

static bool
is_whole(const struct torn *t)
{
	for (size_t i = 0; i < t->n; i++)
		if (!is_file(t->file[i]))
			return false;
	return true;
}

static bool
recovers(const struct torn *t)
{
	return tlog_recover(path) == 0 && is_whole(t);
}

/* How many of the ways to damage a file are not repaired. */
static size_t
cut_file(const struct torn *t, const struct file *f)
{
	size_t wrong = 0;

	for (size_t n = 0; n < f->data.len; n += f->data.len > few ? step_large : step) {
		put(f->name, f->data.data, n);
		wrong += !recovers(t);
	}
	unlink(in_log(f->name));
	return wrong + !recovers(t);
}

static size_t
spoil_file(const struct torn *t, const struct file *f)
{
	enum { PART = 64 };
	struct buf b = { 0 };
	size_t wrong = 0;

	if (buf_zero(&b, f->data.len + PART) < 0)
		abort();
	put(f->name, b.data, f->data.len);
	wrong += !recovers(t);
	randombytes_buf(b.data, b.len);
	for (size_t more = 0; more <= PART; more += PART) {
		put(f->name, b.data, f->data.len + more);
		wrong += !recovers(t);
	}
	for (size_t at = 0; at < f->data.len; at += PART * (f->data.len > few ? step_large : step)) { /* a part of it has not reached the disk */
		memcpy(b.data, f->data.data, f->data.len);
		memset(b.data + at, 0, f->data.len - at < PART ? f->data.len - at : PART);
		put(f->name, b.data, f->data.len);
		wrong += !recovers(t);
	}
	buf_free(&b);
	return wrong;
}

/* Each part of the files there, as it was before, or not at all. */
static size_t
leave_out(const struct torn *t)
{
	size_t wrong = 0;

	for (unsigned there = 0; there < 1u << t->n; there++) {
		for (size_t i = 0; i < t->n; i++) {
			const struct file *f = t->file[i], *old = file_named(&t->before, f->name);
			if (there >> i & 1)
				put(f->name, f->data.data, f->data.len);
			else if (old)
				put(f->name, old->data.data, old->data.len);
			else
				unlink(in_log(f->name));
		}
		wrong += !recovers(t);
	}
	return wrong;
}

static size_t
cut_journal(const struct torn *t)
{
	const struct file *f = file_named(&t->after, JOURNAL_FILE);
	size_t wrong = 0;

	for (size_t n = 0; n < f->data.len; n += step) {
		put(f->name, f->data.data, n);
		wrong += !recovers(t);
	}
	unlink(in_log(f->name));
	wrong += !recovers(t);
	put(f->name, f->data.data, f->data.len);
	return wrong;
}

static void
check_torn(const struct torn *t)
{
	size_t wrong;

	tap_ok(t->n >= 4 && is_whole(t) && verifies(t->size), "the batch up to entry %zu writes %zu files", t->size, t->n);
	for (size_t i = 0; i < t->n; i++) {
		const struct file *f = t->file[i];
		wrong = cut_file(t, f);
		tap_ok(wrong == 0 && verifies(t->size), "%s, of %zu bytes, cut anywhere, or gone, is written again (%zu were not)", f->name, f->data.len, wrong);
		wrong = spoil_file(t, f);
		tap_ok(wrong == 0, "and with other bytes in all of it, or a part (%zu were not)", wrong);
	}
	wrong = leave_out(t);
	tap_ok(wrong == 0 && verifies(t->size), "so is whatever part of the %zu files was not (%zu were not)", t->n, wrong);
	wrong = cut_journal(t);
	tap_ok(wrong == 0 && verifies(t->size), "the journal cut anywhere does no harm to a log that is whole (%zu did)", wrong);
	put("new", "half a ti", 9);
	put(JOURNAL_FILE ".new", "half a jour", 11);
	tap_ok(recovers(t), "nor do files that were never finished");
	tap_ok(has_exactly_its_tiles(), "no tile is more or less than before");
	unlink(in_log("new"));
	unlink(in_log(JOURNAL_FILE ".new"));
}

static void
torn_free(struct torn *t)
{
	files_free(&t->before);
	files_free(&t->after);
}

/* Who goes on behind a journal that was cut, or a batch that was, has all of it. */
static void
check_going_on(const struct torn *t)
{
	const struct file *journal = file_named(&t->after, JOURNAL_FILE);
	struct tlog_writer *w = writer();

	put(JOURNAL_FILE, journal->data.data, journal->data.len / 2);
	tap_ok(grow(w, t->size + 2) && verifies(t->size + 2), "a writer goes on behind half a journal");
	put(JOURNAL_FILE, journal->data.data, journal->data.len);
	tap_ok(tlog_recover(path) == 0 && verifies(t->size + 2), "an older journal changes nothing");
	tlog_writer_free(w);
	w = writer();
	struct torn next = last_batch(w, t->size + 5);
	const struct file *note = file_named(&next.before, "checkpoint");
	put("checkpoint", note->data.data, note->data.len);
	tlog_writer_free(w);
	w = writer();
	tap_ok(append(w, t->size, t->size + 5, t->size + 5) && verifies(t->size + 5), "a writer completes the batch of one who was killed");
	tlog_writer_free(w);
	torn_free(&next);
}

/* A log whose first batch is torn. */
static void
check_first(void)
{
	struct tlog_writer *w;
	struct torn t;

	new_log("first");
	w = writer();
	t = last_batch(w, 257);
	tlog_writer_free(w);
	check_torn(&t);
	torn_free(&t);
}

static void
check_small(void)
{
	struct tlog_writer *w;
	struct torn t;
	struct tlog l;
	bool good = true;

	new_log("small");
	tap_ok(verifies(0) && tlog_recover(path) == 0, "a log of no entries");
	w = writer();
	tap_ok(tlog_begin(w) == 0 && tlog_commit(w) == 0 && access(in_log(JOURNAL_FILE), F_OK) != 0, "an empty batch writes nothing");
	for (size_t size = 1; size <= 40 && good; size++)
		good = grow(w, size) && verifies(size) && has_exactly_its_tiles();
	tap_ok(good, "an entry at a time");
	tap_ok(grow(w, 250) && has_exactly_its_tiles(), "many at once");
	t = last_batch(w, 259);
	tlog_writer_free(w);
	few = 1024; /* what is larger was cut everywhere in the first */
	step_large = 31 * step;
	check_torn(&t);
	check_going_on(&t);
	torn_free(&t);
	if (tlog_open(&l, path, NULL) < 0)
		abort();
	for (size_t size = 1; size <= 264 && good; size += size < 250 ? 13 : 5)
		for (size_t i = 0; i < size && good; i++)
			good = includes(&l, i, size) && continues(&l, i, size);
	tap_ok(good, "each entry is shown to be in the log, and each older log to be its beginning");
	tlog_close(&l);
}

/* ---- a large one ---- */

static const size_t sizes[] = { 1, 3, 255, 256, 257, 511, 512, 768, 769, 1025, 2000, 2001, 4096, 4097, 10000, 42768, 42769, 50000, 65000, 65530 };

static void
check_proofs(size_t size)
{
	struct tlog l;
	size_t wrong = 0;

	if (tlog_open(&l, path, NULL) < 0)
		abort();
	for (int i = 0; i < 300; i++) {
		size_t s = 1 + randombytes_uniform((uint32_t)size), index = randombytes_uniform((uint32_t)s);
		wrong += !includes(&l, index, size) || !includes(&l, index, s) || !continues(&l, s, size) || !continues(&l, index, s);
	}
	for (size_t i = 0; i < batches; i++)
		wrong += !continues(&l, size_at[i], size);
	tap_ok(wrong == 0, "random entries of it, and older logs, are shown to be in it");
	struct hash h;
	const uint8_t *data;
	size_t n;
	tap_ok(tlog_node(&l, 0, size, &h) < 0 && tlog_node(&l, 16, 1, &h) < 0 && tlog_leaf(&l, size, &h) < 0 && tlog_entry(&l, size, &data, &n) < 0 &&
	    tlog_leaf(&l, UINT64_MAX, &h) < 0 && tlog_entry(&l, UINT64_MAX, &data, &n) < 0, "what is not in it is not: %s", err_reason());
	tlog_close(&l);
}

/* One who has read it sees what has come since. */
static void
check_refresh(struct tlog_writer *w)
{
	size_t before = size_at[batches - 1], n;
	const uint8_t *data;
	struct tlog l;
	struct hash h;

	if (tlog_open(&l, path, NULL) < 0)
		abort();
	tap_ok(tlog_refresh(&l) == 0 && l.at.size == before && tlog_leaf(&l, before - 1, &h) == 0 && tlog_entry(&l, before - 1, &data, &n) == 0 && tlog_leaf(&l, before, &h) < 0,
	    "a reader sees the log as it is");
	tap_ok(grow(w, before + 3) && tlog_leaf(&l, before, &h) < 0 && tlog_refresh(&l) == 0 && tlog_leaf(&l, before + 2, &h) == 0 &&
	    hash_equal(&h, &level[0][before + 2]) && tlog_entry(&l, before + 2, &data, &n) == 0 && n == 5, "and, when he looks again, as it is then");
	struct buf now = get("checkpoint");
	put("checkpoint", l.note.data, l.note.len / 2);
	tap_ok(tlog_refresh(&l) < 0 && l.at.size == before + 3, "but not half a checkpoint: %s", err_reason());
	put("checkpoint", now.data, now.len);
	buf_free(&now);
	tlog_close(&l);
}

static void
check_large(void)
{
	struct tlog_writer *w;
	struct torn t;
	bool good = true;

	new_log("large");
	w = writer();
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes && good; i++) {
		good = grow(w, sizes[i]) && (i % 4 || has_exactly_its_tiles());
		if (i % 5 == 4) { /* somebody else goes on */
			tlog_writer_free(w);
			w = writer();
		}
	}
	tap_ok(good && verifies(65530) && has_exactly_its_tiles(), "65530 entries in batches of 1 to %d", TLOG_BATCH);
	t = last_batch(w, 65540);
	tlog_writer_free(w);
	step = 3 * step;
	step_large = 41 * step;
	check_torn(&t);
	torn_free(&t);
	w = writer();
	for (size_t size = 65541; size < 69000 && good; size += 1 + randombytes_uniform(400))
		good = grow(w, size);
	tap_ok(good && grow(w, 69000) && verifies(69000) && has_exactly_its_tiles(), "69000 entries");
	check_proofs(69000);
	check_refresh(w);
	tlog_writer_free(w);
}

/* ---- entries that are there, several writers, what can't be ---- */

static void
check_duplicates(void)
{
	struct tlog_writer *w = writer();
	struct buf before = get("checkpoint"), after;
	bool new;

	tap_ok(append(w, 40000, 42000, MOST) && append(w, 0, 300, MOST), "entries that are in the log are not appended again");
	after = get("checkpoint");
	tap_ok(before.len == after.len && memcmp(before.data, after.data, after.len) == 0, "and change nothing");
	new_log("twice");
	tlog_writer_free(w);
	w = writer();
	tap_ok(tlog_begin(w) == 0 && tlog_add(w, "0", 1, &level[0][0], &new) == 0 && new && tlog_add(w, "1", 1, &level[0][1], &new) == 1 && new &&
	    tlog_add(w, "0", 1, &level[0][0], &new) == 0 && !new && tlog_add(w, "2", 1, &level[0][2], &new) == 2 && new && tlog_add(w, "1", 1, &level[0][1], &new) == 1 && !new &&
	    tlog_commit(w) == 0 && verifies(3), "nor are those of the same batch");
	tap_ok(append(w, 1, 5, 3) && verifies(5), "old and new ones");
	tlog_writer_free(w);
	buf_free(&before);
	buf_free(&after);
}

/* Each sees what the other has done, however soon after its own. */
static void
check_turns(void)
{
	struct tlog_writer *w[2];
	size_t size = 0;
	bool good = true;

	new_log("turns");
	w[0] = writer();
	w[1] = writer();
	for (size_t round = 0; round < 300 && good; round++) {
		size_t from = size - randombytes_uniform((uint32_t)(size < 20 ? size + 1 : 20)), to = size + randombytes_uniform(3);
		if (round % 8 == 7)
			to += randombytes_uniform(300);
		good = append(w[randombytes_uniform(2)], from, to, size);
		if (!good)
			printf("# at %zu: %zu to %zu: %s\n", size, from, to, err_reason());
		size = to;
	}
	tap_ok(good && verifies(size) && size > 1000, "two writers in turn, each with some that the other had: %zu entries", size);
	for (int round = 0; round < 50 && good; round++, size += 4) /* batches of one length, as soon as can be */
		good = append(w[0], size, size + 1, size) && append(w[1], size + 1, size + 2, size) && append(w[1], size + 2, size + 3, size) && append(w[0], size + 3, size + 4, size);
	tap_ok(good && verifies(size), "also when the other has had several turns");
	tlog_writer_free(w[0]);
	tlog_writer_free(w[1]);
}

/* The number of a file that is gone may be given to another, and two may be written within one tick of the clock. */
static void
check_same_file(void)
{
	struct tlog_writer *a, *b;
	struct buf now;
	struct stat s;
	char kept[sizeof path + 16];

	new_log("same");
	a = writer();
	b = writer();
	snprintf(kept, sizeof kept, "%s/kept", path);
	bool good = append(a, 0, 1, 0) && stat(in_log(JOURNAL_FILE), &s) == 0 && link(in_log(JOURNAL_FILE), kept) == 0 && append(b, 1, 2, 1);
	now = get(JOURNAL_FILE);
	put("kept", now.data, now.len);
	good = good && now.len == (size_t)s.st_size && utimensat(AT_FDCWD, kept, (const struct timespec[]){ s.st_atim, s.st_mtim }, 0) == 0 && rename(kept, in_log(JOURNAL_FILE)) == 0;
	tap_ok(good && append(a, 1, 3, 2) && verifies(3), "what another has written is seen, though the journal's file looks as it did");
	tlog_writer_free(a);
	tlog_writer_free(b);
	buf_free(&now);
}

static void
check_limits(void)
{
	static uint8_t large[RECORD_MAX + 1];
	struct hash leaf = merkle_leaf(large, RECORD_MAX);
	struct tlog_writer *w;
	struct key other;
	struct tlog l;
	const uint8_t *data;
	size_t n = 0;
	bool new, good = true;

	new_log("limits");
	w = writer();
	tap_ok(tlog_begin(w) == 0 && tlog_add(w, large, RECORD_MAX + 1, &leaf, &new) < 0, "an entry of 65536 bytes: %s", err_reason());
	tap_ok(tlog_add(w, large, RECORD_MAX, &leaf, &new) == 0 && tlog_commit(w) == 0 && tlog_open(&l, path, NULL) == 0 && tlog_verify(&l, NULL, NULL) == 0 &&
	    tlog_entry(&l, 0, &data, &n) == 0 && n == RECORD_MAX, "one of 65535");
	tlog_close(&l);
	good = tlog_begin(w) == 0;
	for (int i = 0; i < 1023 && good; i++) {
		memcpy(large, &i, sizeof i);
		large[4] = 1;
		leaf = merkle_leaf(large, RECORD_MAX);
		good = tlog_add(w, large, RECORD_MAX, &leaf, &new) == i + 1;
	}
	tap_ok(good && tlog_add(w, large, RECORD_MAX, &level[0][0], &new) < 0,
	    "a batch of more bytes than a journal may have: %s", err_reason());
	tlog_writer_free(w);
	w = writer();
	good = tlog_begin(w) == 0;
	for (size_t i = 0; i < TLOG_BATCH && good; i++) {
		const char *text = entry(i, &n);
		good = tlog_add(w, text, n, &level[0][i], &new) == (int64_t)i + 1;
	}
	tap_ok(good && tlog_add(w, "x", 1, &level[0][TLOG_BATCH], &new) < 0, "a batch of more entries than it may have: %s", err_reason());
	tlog_writer_free(w);
	if (key_generate(&other) < 0)
		abort();
	tap_ok(!tlog_writer_new(path, &other), "who has another key does not write: %s", err_reason());
	tap_ok(tlog_init(path, "example.org/log", &k) < 0 && err_status() == ERR_SYSTEM, "a log is not made twice: %s", err_reason());
	tap_ok(tlog_init(dir, "two words", &k) < 0 && tlog_open(&l, dir, NULL) < 0, "nor with such a name: %s", err_reason());
	tlog_close(&l);
}

int
main(void)
{
	if (sodium_init() < 0 || !mkdtemp(dir) || key_generate(&k) < 0)
		abort();
	if (getenv("MAI_EVERY_CUT"))
		step_large = 1;
	else if (getenv("MAI_SLOW"))
		step = step_large = 29;
	make_tree();
	check_first();
	check_small();
	check_large();
	check_duplicates();
	check_turns();
	check_same_file();
	check_limits();
	for (unsigned i = 0; i < HEIGHTS; i++)
		free(level[i]);
	nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	return tap_done();
}
