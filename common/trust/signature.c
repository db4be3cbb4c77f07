#include "trust/signature.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/io.h"
#include "base/mem.h"
#include "text/utf8.h"
#include "trust/base64.h"
#include "trust/digest.h"

static const char untrusted_head[] = "untrusted comment: ", trusted_head[] = "trusted comment: ";
enum {
	SIGNED = 2 + KEY_NUMBER + KEY_SIGNATURE, /* bytes of the second line */
	LONGEST_FILE = 1 << 15,
};

/* ---- the data ---- */

/* What is signed: a hash, or the data itself, which then is in memory. */
struct data {
	uint8_t hash[DIGEST_BLAKE2B];
	struct io_map map;
	struct buf read;
	const uint8_t *at;
	size_t n;
};

static void
data_free(struct data *d)
{
	io_unmap(&d->map);
	buf_free(&d->read);
}

static int
data_whole(struct data *d, int fd, const char *path)
{
	if (io_map_fd(&d->map, fd, path) == 0) {
		d->at = d->map.data;
		d->n = d->map.size;
		return 0;
	}
	if (io_read_all(fd, &d->read, path) < 0)
		return -1;
	d->at = d->read.data;
	d->n = d->read.len;
	return 0;
}

static int
data_read(struct data *d, const char *path, bool hashed)
{
	int fd = io_open(path), rc;

	*d = (struct data){ 0 };
	if (fd < 0)
		return -1;
	if (hashed) {
		rc = digest_blake2b(d->hash, fd, path);
		d->at = d->hash;
		d->n = DIGEST_BLAKE2B;
	} else {
		rc = data_whole(d, fd, path);
	}
	if (fd != STDIN_FILENO)
		close(fd);
	if (rc < 0)
		data_free(d);
	return rc;
}

/* ---- comments ---- */

/* Control characters, of a terminal too, and what is no UTF-8: not in what is shown to people. */
static int
check_comment(const char *text, size_t n, size_t room, const char *what)
{
	const uint8_t *s = (const uint8_t *)text, *end = s + n;

	if (n >= room)
		return err_set(ERR_DATA, "the %s comment has more than %zu bytes", what, room - 1);
	while (s < end) {
		int k = utf8_step(s, (size_t)(end - s));
		if (k <= 0 || (k == 1 && *s != '\t' && (*s < ' ' || *s == 0x7f)) || (k == 2 && s[0] == 0xc2 && s[1] < 0xa0))
			return err_set(ERR_DATA, "the %s comment is not a line of text", what);
		s += k;
	}
	return 0;
}

static int
set_comments(struct signature *s, const char *comment, const char *trusted)
{
	if (check_comment(comment, strlen(comment), sizeof s->comment - sizeof untrusted_head + 1, "untrusted") < 0 ||
	    check_comment(trusted, strlen(trusted), sizeof s->trusted - sizeof trusted_head + 1, "trusted") < 0)
		return -1;
	snprintf(s->comment, sizeof s->comment, "%s", comment);
	snprintf(s->trusted, sizeof s->trusted, "%s", trusted);
	return 0;
}

/* As minisign says it. A name that is no text is left out. */
static void
usual_comment(char to[SIGNATURE_TRUSTED], const char *path, bool hashed)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path, *how = hashed ? "\thashed" : "";
	long long now = (long long)time(NULL);

	if (check_comment(name, strlen(name), SIGNATURE_TRUSTED / 2, "trusted") == 0)
		snprintf(to, SIGNATURE_TRUSTED, "timestamp:%lld\tfile:%s%s", now, name, how);
	else
		snprintf(to, SIGNATURE_TRUSTED, "timestamp:%lld%s", now, how);
}

/* What the second signature is over; how many bytes. */
static size_t
comment_bytes(uint8_t to[KEY_SIGNATURE + SIGNATURE_TRUSTED], const struct signature *s)
{
	size_t n = strlen(s->trusted);

	memcpy(to, s->bytes, KEY_SIGNATURE);
	memcpy(to + KEY_SIGNATURE, s->trusted, n);
	return KEY_SIGNATURE + n;
}

/* ---- signing, verifying ---- */

int
signature_make(struct signature *s, const struct key *k, const char *path, bool hashed, const char *comment, const char *trusted)
{
	uint8_t bytes[KEY_SIGNATURE + SIGNATURE_TRUSTED];
	char usual[SIGNATURE_TRUSTED];
	struct data d;

	*s = (struct signature){ .hashed = hashed, .commented = true };
	if (!trusted)
		usual_comment(usual, path, hashed);
	if (set_comments(s, comment, trusted ? trusted : usual) < 0 || data_read(&d, path, hashed) < 0)
		return -1;
	memcpy(s->number, k->public.number, KEY_NUMBER);
	key_sign(s->bytes, k, d.at, d.n);
	data_free(&d);
	key_sign(s->of_comment, k, bytes, comment_bytes(bytes, s));
	return 0;
}

/* Could it be the key that made the signature? Not every list says the numbers. */
static bool
may_be(const struct signature *s, const struct key_public *k)
{
	return sodium_is_zero(k->number, KEY_NUMBER) || memcmp(s->number, k->number, KEY_NUMBER) == 0;
}

static bool
verifies(const struct signature *s, const struct data *d, const struct key_public *k)
{
	uint8_t bytes[KEY_SIGNATURE + SIGNATURE_TRUSTED];

	return key_verifies(s->bytes, k->bytes, d->at, d->n) &&
	       (!s->commented || key_verifies(s->of_comment, k->bytes, bytes, comment_bytes(bytes, s)));
}

const struct keylist_entry *
signature_signer(const struct signature *s, const char *path, const struct keylist *l)
{
	const struct keylist_entry *signer = NULL;
	char number[2 * KEY_NUMBER + 1];
	struct key_public stated = { 0 };
	struct data d;
	bool any = false, known = false;

	for (size_t i = 0; i < l->n; i++) {
		any |= may_be(s, &l->entry[i].key);
		known |= memcmp(s->number, l->entry[i].key.number, KEY_NUMBER) == 0;
	}
	memcpy(stated.number, s->number, KEY_NUMBER);
	if (!any) {
		err_set(ERR_DATA, "signed by key %s, which is not known", key_number_text(&stated, number));
		return NULL;
	}
	if (data_read(&d, path, s->hashed) < 0)
		return NULL;
	for (size_t i = 0; i < l->n && !signer; i++)
		if (may_be(s, &l->entry[i].key) && verifies(s, &d, &l->entry[i].key))
			signer = &l->entry[i];
	data_free(&d);
	if (!signer)
		err_set(ERR_DATA, known ? "the signature is wrong" : "the signature is wrong, or of another key");
	return signer;
}

/* ---- the lines ---- */

struct line {
	const char *at;
	size_t n;
};

/* The next line, without its end. False where there is none. */
static bool
next_line(struct line *rest, struct line *line)
{
	const char *end = rest->n > 0 ? memchr(rest->at, '\n', rest->n) : NULL;

	if (rest->n == 0)
		return false;
	*line = (struct line){ rest->at, end ? (size_t)(end - rest->at) : rest->n };
	rest->at += line->n + (end != NULL);
	rest->n -= line->n + (end != NULL);
	while (line->n > 0 && line->at[line->n - 1] == '\r')
		line->n--;
	return true;
}

/* A comment behind its head. */
static int
take_comment(char *to, size_t room, struct line l, const char *head, const char *what)
{
	size_t n = strlen(head);

	if (l.n < n || memcmp(l.at, head, n) != 0)
		return err_set(ERR_DATA, "no '%.*s'", (int)n - 1, head); /* short */
	if (check_comment(l.at + n, l.n - n, room - n, what) < 0)
		return -1;
	memcpy(to, l.at + n, l.n - n);
	to[l.n - n] = '\0';
	return 0;
}

static int
take_base64(uint8_t *to, size_t n, struct line l, const char *what)
{
	if (!base64_decode(to, n, l.at, l.n))
		return err_set(ERR_DATA, "the signature%s is not base64 of %zu bytes", what, n);
	return 0;
}

int
signature_parse(struct signature *s, const char *text, size_t n)
{
	struct line rest = { text, n }, l = { 0 };
	uint8_t bytes[SIGNED];

	*s = (struct signature){ 0 };
	if (!next_line(&rest, &l))
		return err_set(ERR_DATA, "empty: no signature");
	if (take_comment(s->comment, sizeof s->comment, l, untrusted_head, "untrusted") < 0)
		return -1;
	if (!next_line(&rest, &l))
		return err_set(ERR_DATA, "ends before the signature");
	if (take_base64(bytes, sizeof bytes, l, "") < 0)
		return -1;
	if (memcmp(bytes, "ED", 2) != 0 && memcmp(bytes, "Ed", 2) != 0)
		return err_set(ERR_DATA, "a signature of an unknown kind");
	s->hashed = bytes[1] == 'D';
	memcpy(s->number, bytes + 2, KEY_NUMBER);
	memcpy(s->bytes, bytes + 2 + KEY_NUMBER, KEY_SIGNATURE);
	if (!next_line(&rest, &l))
		return s->hashed ? err_set(ERR_DATA, "ends before the trusted comment") : 0;
	s->commented = true;
	if (take_comment(s->trusted, sizeof s->trusted, l, trusted_head, "trusted") < 0)
		return -1;
	if (!next_line(&rest, &l))
		return err_set(ERR_DATA, "ends before the signature of the trusted comment");
	return take_base64(s->of_comment, sizeof s->of_comment, l, " of the trusted comment");
}

/* Whoever cuts off a trusted comment, and its signature, makes of minisign's a signature as signify's are. */
static int
check_lines(const struct signature *s, const char *path)
{
	const char *ending = strrchr(path, '.');

	if (s->commented || (ending && strcmp(ending, ".sig") == 0))
		return 0;
	return err_set(ERR_DATA, "no trusted comment (one of signify has a name that ends in .sig)");
}

int
signature_read(struct signature *s, const char *path)
{
	char text[LONGEST_FILE];
	int fd = io_open(path);
	ssize_t n;

	if (fd < 0)
		return -1;
	n = io_read(fd, text, sizeof text, path);
	if (fd != STDIN_FILENO)
		close(fd);
	if (n < 0)
		return -1;
	return signature_parse(s, text, (size_t)n) < 0 || check_lines(s, path) < 0 ? err_wrap("%s", path) : 0;
}

/* Whether there is a file of this ending too. */
static bool
is_beside(const char *path, const char *ending)
{
	char *name = mem_join(path, ending);
	bool there = name && access(name, F_OK) == 0;

	free(name);
	return there;
}

bool
signature_exists(const char *path)
{
	return is_beside(path, ".minisig") || is_beside(path, ".sig");
}

int
signature_read_of(struct signature *s, const char *path)
{
	char *name = mem_join(path, !is_beside(path, ".minisig") && is_beside(path, ".sig") ? ".sig" : ".minisig");
	int rc = name ? signature_read(s, name) : -1;

	free(name);
	return rc;
}

int
signature_write(const struct signature *s, const char *path)
{
	uint8_t bytes[SIGNED];
	char first[2 * SIGNED], second[2 * KEY_SIGNATURE];
	struct io_out out;

	memcpy(bytes, s->hashed ? "ED" : "Ed", 2);
	memcpy(bytes + 2, s->number, KEY_NUMBER);
	memcpy(bytes + 2 + KEY_NUMBER, s->bytes, KEY_SIGNATURE);
	sodium_bin2base64(first, sizeof first, bytes, sizeof bytes, sodium_base64_VARIANT_ORIGINAL);
	sodium_bin2base64(second, sizeof second, s->of_comment, KEY_SIGNATURE, sodium_base64_VARIANT_ORIGINAL);
	if (io_out_open(&out, path) < 0)
		return -1;
	fprintf(out.file, "%s%s\n%s\n%s%s\n%s\n", untrusted_head, s->comment, first, trusted_head, s->trusted, second);
	return io_out_commit(&out);
}
