#include "ledger/note.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/hash.h"
#include "text/vocab.h"
#include "trust/base64.h"

static const char dash[] = "\xe2\x80\x94 "; /* U+2014 and a space */

enum {
	HASH_BYTES = 4,           /* before a signature */
	TIME_BYTES = 8,           /* before a cosignature */
	KEY_BASE64 = 44,          /* of a type and a key */
	MAX_SIGNATURE = 16 << 10, /* bytes of a signature of whatever kind */
};

static uint64_t
big_endian(const uint8_t *from, size_t n)
{
	uint64_t v = 0;

	for (size_t i = 0; i < n; i++)
		v = v << 8 | from[i];
	return v;
}

static void
put_big_endian(uint8_t *to, size_t n, uint64_t v)
{
	for (size_t i = n; i-- > 0; v >>= 8)
		to[i] = (uint8_t)(v & 0xff);
}

/* ---- keys ---- */

/* Is there one of Unicode's spaces beyond ASCII? */
static bool
has_space(const char *name, size_t n)
{
	static const char *const space[] = { "\xc2\x85", "\xc2\xa0", "\xe1\x9a\x80", "\xe2\x80\x80", "\xe2\x80\x81", "\xe2\x80\x82", "\xe2\x80\x83",
		"\xe2\x80\x84", "\xe2\x80\x85", "\xe2\x80\x86", "\xe2\x80\x87", "\xe2\x80\x88", "\xe2\x80\x89", "\xe2\x80\x8a", "\xe2\x80\xa8",
		"\xe2\x80\xa9", "\xe2\x80\xaf", "\xe2\x81\x9f", "\xe3\x80\x80" };

	for (size_t i = 0; i < sizeof space / sizeof *space; i++)
		if (memmem(name, n, space[i], strlen(space[i])))
			return true;
	return false;
}

static int
check_name(const char *name, size_t n)
{
	if (n == 0 || n >= NOTE_NAME || utf8_valid(name, n) != n)
		return err_set(ERR_DATA, "no name of a key: it has 1 to %d bytes of UTF-8", NOTE_NAME - 1);
	for (size_t i = 0; i < n; i++)
		if ((uint8_t)name[i] <= ' ' || name[i] == '+' || name[i] == 0x7f)
			return err_set(ERR_DATA, "the name of a key has neither spaces nor '+' nor control characters");
	return has_space(name, n) ? err_set(ERR_DATA, "the name of a key has a space") : 0;
}

int
note_key_make(struct note_key *k, const char *name, enum note_type type, const uint8_t key[KEY_PUBLIC])
{
	uint8_t what[NOTE_NAME + 1 + 1 + KEY_PUBLIC];
	size_t n = strlen(name);
	struct hash h;

	if (check_name(name, n) < 0)
		return -1;
	*k = (struct note_key){ .type = type };
	memcpy(k->name, name, n);
	memcpy(k->bytes, key, KEY_PUBLIC);
	memcpy(what, name, n);
	what[n] = '\n';
	what[n + 1] = (uint8_t)type;
	memcpy(what + n + 2, key, KEY_PUBLIC);
	h = hash_bytes(what, n + 2 + KEY_PUBLIC);
	k->hash = (uint32_t)big_endian(h.bytes, HASH_BYTES);
	return 0;
}

int
note_key_parse(struct note_key *k, const char *text, size_t n)
{
	const char *first = memchr(text, '+', n), *second = first ? memchr(first + 1, '+', n - (size_t)(first + 1 - text)) : NULL;
	uint8_t bytes[1 + KEY_PUBLIC];
	char name[NOTE_NAME], hash[2 * HASH_BYTES + 1];

	if (!second || second - first != 2 * HASH_BYTES + 1 || first - text >= NOTE_NAME ||
	    !base64_decode(bytes, sizeof bytes, second + 1, n - (size_t)(second + 1 - text)))
		return err_set(ERR_DATA, "no verifier key NAME+HASH+KEY of Ed25519");
	if (bytes[0] != NOTE_ED25519 && bytes[0] != NOTE_COSIGNATURE)
		return err_set(ERR_DATA, "a verifier key of the unknown type %u", bytes[0]);
	snprintf(name, sizeof name, "%.*s", (int)(first - text), text); /* < NOTE_NAME */
	if (strlen(name) != (size_t)(first - text))
		return err_set(ERR_DATA, "the name of a key has a NUL");
	if (note_key_make(k, name, bytes[0], bytes + 1) < 0)
		return -1;
	snprintf(hash, sizeof hash, "%08x", k->hash);
	return memcmp(hash, first + 1, 2 * HASH_BYTES) == 0 ? 0 : err_set(ERR_DATA, "a verifier key whose hash is another");
}

char *
note_key_text(const struct note_key *k, char to[NOTE_VKEY])
{
	uint8_t bytes[1 + KEY_PUBLIC] = { (uint8_t)k->type };
	char base64[KEY_BASE64 + 1];

	memcpy(bytes + 1, k->bytes, KEY_PUBLIC);
	sodium_bin2base64(base64, sizeof base64, bytes, sizeof bytes, sodium_base64_VARIANT_ORIGINAL);
	snprintf(to, NOTE_VKEY, "%s+%08x+%s", k->name, k->hash, base64);
	return to;
}

/* ---- notes ---- */

/* A line of signatures: its name, and its signature as text. */
struct line {
	const char *name, *base64;
	size_t n_name, n_base64;
};

static int
malformed(void)
{
	return err_set(ERR_DATA, "a malformed signature line");
}

/* Takes the line at `at`. How many bytes it has with its newline; -1 with a reason. */
static ssize_t
take_line(struct line *l, const char *at, size_t n)
{
	const char *end = memchr(at, '\n', n), *space;
	const size_t head = sizeof dash - 1;

	if (!end || (size_t)(end - at) < head || memcmp(at, dash, head) != 0)
		return malformed();
	space = memchr(at + head, ' ', (size_t)(end - at) - head);
	if (!space)
		return malformed();
	*l = (struct line){ at + head, space + 1, (size_t)(space - at) - head, (size_t)(end - space) - 1 };
	return end + 1 - at;
}

/* The bytes of a line's signature, into `to`, of MAX_SIGNATURE. How many; -1 with a reason. */
static ssize_t
signature_of(uint8_t *to, const struct line *l)
{
	ssize_t n = base64_decode_some(to, MAX_SIGNATURE, l->base64, l->n_base64);

	return n > HASH_BYTES ? n : malformed();
}

static int
check_lines(const struct note *t)
{
	static _Thread_local uint8_t bytes[MAX_SIGNATURE];
	size_t count = 0;
	struct line l;

	for (size_t at = 0; at < t->n_signatures;) {
		ssize_t n = take_line(&l, t->signatures + at, t->n_signatures - at);
		if (n < 0 || check_name(l.name, l.n_name) < 0 || signature_of(bytes, &l) < 0)
			return -1;
		if (++count > NOTE_SIGNATURES)
			return err_set(ERR_DATA, "more than %d signatures", NOTE_SIGNATURES);
		at += (size_t)n; /* positive */
	}
	return count > 0 ? 0 : malformed();
}

/* UTF-8 without control characters but newlines. */
static bool
is_text(const char *data, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if ((uint8_t)data[i] < ' ' && data[i] != '\n')
			return false;
	return utf8_valid(data, n) == n;
}

int
note_parse(struct note *t, const char *data, size_t n)
{
	const char *gap = NULL;

	if (n > NOTE_MAX || !is_text(data, n))
		return err_set(ERR_DATA, "no note: not a text of UTF-8, or of more than %d bytes", NOTE_MAX);
	for (const char *at = data; (at = memmem(at, n - (size_t)(at - data), "\n\n", 2)); at++)
		gap = at; /* the last */
	if (!gap)
		return err_set(ERR_DATA, "no note: there is no empty line before signatures");
	t->text = data;
	t->n = (size_t)(gap + 1 - data);
	t->signatures = gap + 2;
	t->n_signatures = n - t->n - 1;
	return check_lines(t);
}

/* What a cosignature signs, in front of the text. */
static int
cosigned(struct buf *to, uint64_t time, const char *text, size_t n)
{
	return buf_printf(to, "cosignature/v1\ntime %llu\n", (unsigned long long)time) < 0 ? -1 : buf_add(to, text, n);
}

static int
check_cosignature(const struct note *t, const struct note_key *k, const uint8_t *bytes, uint64_t *time)
{
	uint64_t when = big_endian(bytes, TIME_BYTES);
	struct buf what = { 0 };
	int rc = cosigned(&what, when, t->text, t->n);

	if (rc == 0 && !key_verifies(bytes + TIME_BYTES, k->bytes, what.data, what.len))
		rc = err_set(ERR_DATA, "the cosignature of %s is wrong", k->name);
	buf_free(&what);
	if (rc == 0 && time)
		*time = when;
	return rc < 0 ? -1 : 1;
}

static int
check_signature(const struct note *t, const struct note_key *k, const uint8_t *bytes, size_t n, uint64_t *time)
{
	if (n != HASH_BYTES + KEY_SIGNATURE + (k->type == NOTE_COSIGNATURE ? (size_t)TIME_BYTES : 0))
		return err_set(ERR_DATA, "the signature of %s has another length", k->name);
	if (k->type == NOTE_COSIGNATURE)
		return check_cosignature(t, k, bytes + HASH_BYTES, time);
	return key_verifies(bytes + HASH_BYTES, k->bytes, t->text, t->n) ? 1 : err_set(ERR_DATA, "the signature of %s is wrong", k->name);
}

int
note_signed(const struct note *t, const struct note_key *k, uint64_t *time)
{
	static _Thread_local uint8_t bytes[MAX_SIGNATURE];
	struct line l;

	for (size_t at = 0; at < t->n_signatures;) {
		ssize_t n = take_line(&l, t->signatures + at, t->n_signatures - at), size;
		if (n < 0)
			return -1;
		at += (size_t)n; /* positive */
		if (l.n_name != strlen(k->name) || memcmp(l.name, k->name, l.n_name) != 0)
			continue;
		if ((size = signature_of(bytes, &l)) < 0)
			return -1;
		if (big_endian(bytes, HASH_BYTES) == k->hash)
			return check_signature(t, k, bytes, (size_t)size, time); /* positive */
	}
	return 0;
}

int
note_sign(struct buf *to, const char *text, size_t n, const struct note_key *k, const struct key *secret, uint64_t time)
{
	uint8_t bytes[HASH_BYTES + TIME_BYTES + KEY_SIGNATURE];
	struct buf what = { 0 };
	size_t size = HASH_BYTES;
	int rc = 0;

	put_big_endian(bytes, HASH_BYTES, k->hash);
	if (k->type == NOTE_COSIGNATURE) {
		rc = cosigned(&what, time, text, n);
		put_big_endian(bytes + size, TIME_BYTES, time);
		size += TIME_BYTES;
	} else {
		rc = buf_add(&what, text, n);
	}
	if (rc == 0) {
		key_sign(bytes + size, secret, what.data, what.len);
		rc = buf_printf(to, "%s%s ", dash, k->name) < 0 || base64_add(to, bytes, size + KEY_SIGNATURE) < 0 ? -1 : buf_addc(to, '\n');
	}
	buf_free(&what);
	return rc;
}
