#include "trust/cid.h"

#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/io.h"
#include "trust/digest.h"

enum { V0_BYTES = 34, V0_TEXT = 46 }; /* 12 20, 32 bytes; "Qm" and what follows */

int
cid_of_file(struct cid *c, const char *path)
{
	int fd = io_open(path), rc;

	if (fd < 0)
		return -1;
	*c = (struct cid){ .version = 1, .codec = CID_RAW, .hash = { .code = MULTIHASH_SHA256, .n = DIGEST_SHA256 } };
	rc = digest_sha256(c->hash.digest, fd, path);
	if (fd != STDIN_FILENO)
		close(fd);
	return rc;
}

bool
cid_equal(const struct cid *a, const struct cid *b)
{
	return a->version == b->version && a->codec == b->codec && multihash_equal(&a->hash, &b->hash);
}

/* ---- bytes ---- */

size_t
cid_pack(uint8_t to[CID_MAX], const struct cid *c)
{
	size_t n = 0;

	if (c->version > 0) {
		to[n++] = c->version;
		n += uvarint_put(to + n, c->codec);
	}
	return n + multihash_pack(to + n, &c->hash);
}

static bool
is_v0(const uint8_t *bytes, size_t n)
{
	return n == V0_BYTES && bytes[0] == MULTIHASH_SHA256 && bytes[1] == V0_BYTES - 2;
}

static int
unpack_v0(struct cid *c, const uint8_t *from, size_t n)
{
	*c = (struct cid){ .version = 0, .codec = CID_DAG_PB };
	return multihash_unpack(&c->hash, from, n);
}

static int
unpack_v1(struct cid *c, const uint8_t *from, size_t n)
{
	int used;

	if (n == 0 || from[0] != 1)
		return err_set(ERR_DATA, "not a CID of version 1");
	*c = (struct cid){ .version = 1 };
	used = uvarint_get(&c->codec, from + 1, n - 1);
	if (used < 0)
		return err_wrap("not a CID");
	if (used == 0)
		return err_set(ERR_DATA, "a CID that is cut");
	return multihash_unpack(&c->hash, from + 1 + used, n - 1 - (size_t)used);
}

int
cid_unpack(struct cid *c, const uint8_t *from, size_t n)
{
	return is_v0(from, n) ? unpack_v0(c, from, n) : unpack_v1(c, from, n);
}

/* ---- text ---- */

char *
cid_text(const struct cid *c, char to[MULTIBASE_TEXT])
{
	uint8_t bytes[CID_MAX];
	size_t n = cid_pack(bytes, c);

	if (c->version > 0)
		return multibase_encode(to, MULTIBASE_32, bytes, n);
	multibase_encode(to, MULTIBASE_58BTC, bytes, n);
	memmove(to, to + 1, strlen(to)); /* without "z" */
	return to;
}

int
cid_parse(struct cid *c, const char *text, size_t n)
{
	uint8_t bytes[MULTIBASE_MAX];
	ssize_t m;

	if (n == V0_TEXT && memcmp(text, "Qm", 2) == 0) {
		m = multibase_decode_digits(bytes, MULTIBASE_58BTC, text, n);
		return m >= 0 && is_v0(bytes, (size_t)m) ? unpack_v0(c, bytes, (size_t)m) : err_set(ERR_DATA, "not a CID of version 0");
	}
	m = multibase_decode(bytes, text, n);
	return m < 0 ? -1 : unpack_v1(c, bytes, (size_t)m); /* version 0 has no text that says its base */
}
