#include "ledger/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/err.h"
#include "base/io.h"
#include "ledger/tlog_impl.h"
#include "ledger/tlog_write.h"

static const char magic[8] = { 'm', 'a', 'i', 'j', 'r', 'n', 'l', '1' };
enum { LENGTHS = 4, HEAD = sizeof magic + 4 * LENGTHS, SUM = 8, MOST = TLOG_BATCH_BYTES + 2 * TLOG_BATCH + 2 * NOTE_MAX + HEAD + SUM };
#define TEMPORARY JOURNAL_FILE ".new"

static int
put(struct buf *to, uint64_t v, int bytes)
{
	for (int i = 0; i < bytes; i++)
		if (buf_addc(to, (uint8_t)(v >> 8 * i & 0xff)) < 0)
			return -1;
	return 0;
}

static int
pack(struct buf *to, const struct journal_entries *j)
{
	const size_t length[LENGTHS] = { j->before.len, j->after.len, j->data.len, j->n };

	if (buf_add(to, magic, sizeof magic) < 0)
		return -1;
	for (int i = 0; i < LENGTHS; i++)
		if (put(to, length[i], 4) < 0)
			return -1;
	if (buf_add(to, j->before.data, j->before.len) < 0 || buf_add(to, j->after.data, j->after.len) < 0 || buf_add(to, j->data.data, j->data.len) < 0)
		return -1;
	return put(to, XXH3_64bits(to->data, to->len), SUM);
}

static int
write_all(const struct tlog *l, const struct buf *data)
{
	int fd = openat(l->folder, TEMPORARY, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644), rc;

	if (fd < 0)
		return err_sys("%s/%s", l->path, TEMPORARY);
	rc = io_write(fd, data->data, data->len, JOURNAL_FILE);
	if (rc == 0 && syncfs(fd) < 0)
		rc = err_sys("%s/%s", l->path, TEMPORARY);
	if (close(fd) < 0 && rc == 0)
		rc = err_sys("%s/%s", l->path, TEMPORARY);
	if (rc == 0 && (renameat(l->folder, TEMPORARY, l->folder, JOURNAL_FILE) < 0 || fsync(l->folder) < 0))
		rc = err_sys("%s/%s", l->path, JOURNAL_FILE);
	if (rc < 0)
		unlinkat(l->folder, TEMPORARY, 0);
	return rc;
}

int
journal_put(const struct tlog *l, const struct journal_entries *j)
{
	struct buf all = { 0 };
	int rc = pack(&all, j) < 0 ? -1 : write_all(l, &all);

	buf_free(&all);
	return rc;
}

static uint64_t
little_endian(const uint8_t *from, int bytes)
{
	uint64_t v = 0;

	while (bytes-- > 0)
		v = v << 8 | from[bytes];
	return v;
}

/* False where it is cut short, or changed. */
static bool
unpack(const struct buf *all, struct journal_entries *j)
{
	const uint8_t *at = all->data + HEAD;
	uint64_t length[LENGTHS];

	if (all->len < HEAD + SUM || memcmp(all->data, magic, sizeof magic) != 0 ||
	    little_endian(all->data + all->len - SUM, SUM) != XXH3_64bits(all->data, all->len - SUM))
		return false;
	for (int i = 0; i < LENGTHS; i++)
		length[i] = little_endian(all->data + sizeof magic + 4 * i, 4);
	if (length[0] + length[1] + length[2] + HEAD + SUM != all->len)
		return false;
	j->n = (uint32_t)length[3];
	return buf_add(&j->before, at, length[0]) == 0 && buf_add(&j->after, at + length[0], length[1]) == 0 &&
	    buf_add(&j->data, at + length[0] + length[1], length[2]) == 0;
}

int
journal_get(const struct tlog *l, struct journal_entries *j)
{
	struct buf all = { 0 };
	int rc;

	*j = (struct journal_entries){ 0 };
	if (faccessat(l->folder, JOURNAL_FILE, F_OK, 0) < 0 && errno == ENOENT)
		return 0;
	rc = tlog_read_file(l, JOURNAL_FILE, MOST, &all);
	if (rc == 0 && unpack(&all, j))
		rc = 1;
	buf_free(&all);
	return rc;
}

void
journal_entries_free(struct journal_entries *j)
{
	buf_free(&j->before);
	buf_free(&j->after);
	buf_free(&j->data);
}
