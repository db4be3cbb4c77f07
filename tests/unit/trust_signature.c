/* Signatures of files: made and verified, by whom, what a change of each byte does, and what is no signature. */
#include <fcntl.h>
#include <stdio.h>

#include "base/err.h"
#include "base/io.h"
#include "trust/peerid.h"
#include "trust/signature.h"
#include "vectors.h"

static char dir[] = "/tmp/mai-signature-XXXXXX";
static char data[64], sig[64], signify[64];

static void
write_file(const char *path, const void *bytes, size_t n)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	if (fd < 0 || io_write(fd, bytes, n, path) < 0 || close(fd) < 0)
		abort();
}

static struct buf
read_file(const char *path)
{
	struct buf b = { 0 };
	int fd = open(path, O_RDONLY);

	if (fd < 0 || io_read_all(fd, &b, path) < 0 || close(fd) < 0)
		abort();
	return b;
}

static struct keylist
list_of(const struct key_public *k)
{
	struct keylist l = { 0 };

	if (keylist_add(&l, k) < 0)
		abort();
	return l;
}

/* Whether the file of data is signed, as the text of a signature says, by one of the list. */
static bool
is_signed(const char *text, size_t n, const char *path, const struct keylist *l)
{
	struct signature s;

	return signature_parse(&s, text, n) == 0 && signature_signer(&s, path, l);
}

static void
check_made(const struct key *k, bool hashed)
{
	struct signature made, read;
	struct key other;
	struct keylist l = list_of(&k->public), none = { 0 };
	const char *how = hashed ? "hashed" : "whole";
	struct key_public by_did = k->public;

	write_file(data, "some data\n", 10);
	tap_ok(signature_make(&made, k, data, hashed, "for people", NULL) == 0 && signature_write(&made, sig) == 0, "%s: a signature is made", how);
	tap_ok(signature_read(&read, sig) == 0 && read.hashed == hashed && strcmp(read.comment, "for people") == 0 && strstr(read.trusted, "file:data"),
	    "%s: and read: %s", how, read.trusted);
	tap_ok(signature_signer(&read, data, &l) == l.entry, "%s: it verifies", how);
	tap_ok(!signature_signer(&read, data, &none), "%s: where nobody is known it does not: %s", how, err_reason());
	keylist_free(&l);
	if (key_generate(&other) < 0)
		abort();
	l = list_of(&other.public);
	tap_ok(!signature_signer(&read, data, &l) && strstr(err_reason(), "not known"), "%s: by another key: %s", how, err_reason());
	memset(by_did.number, 0, KEY_NUMBER);
	tap_ok(keylist_add(&l, &by_did) == 0, "%s: a key of a list that has no numbers", how);
	const struct keylist_entry *e = signature_signer(&read, data, &l);
	tap_ok(e && memcmp(e->key.bytes, k->public.bytes, KEY_PUBLIC) == 0, "%s: is found all the same", how);
	keylist_free(&l);
	/* another key with the number of this one */
	other.public = (struct key_public){ 0 };
	memcpy(other.public.number, k->public.number, KEY_NUMBER);
	memcpy(other.public.bytes, other.secret + KEY_SEED, KEY_PUBLIC);
	l = list_of(&other.public);
	tap_ok(!signature_signer(&read, data, &l) && strstr(err_reason(), "wrong"), "%s: a key that has its number only: %s", how, err_reason());
	keylist_free(&l);
	l = list_of(&k->public);
	write_file(data, "some dbta\n", 10);
	tap_ok(!signature_signer(&read, data, &l), "%s: other data: %s", how, err_reason());
	tap_ok(!signature_signer(&read, "/nowhere/data", &l) && err_status() == ERR_SYSTEM, "%s: no data: %s", how, err_reason());
	keylist_free(&l);
}

/* Each bit of each byte: none of them may pass, but for comments that nobody signs and ends of lines. */
static void
check_damage(const struct key *k, bool hashed)
{
	struct signature made;
	struct keylist l = list_of(&k->public);
	int refused = 0, taken = 0, wrong = 0;

	write_file(data, "some data\n", 10);
	if (signature_make(&made, k, data, hashed, "x", "y") < 0 || signature_write(&made, sig) < 0)
		abort();
	struct buf b = read_file(sig);
	const uint8_t *second = (const uint8_t *)memchr(b.data, '\n', b.len) + 1;
	for (size_t i = 0; i < b.len; i++)
		for (int bit = 0; bit < 8; bit++) {
			b.data[i] ^= (uint8_t)(1 << bit);
			bool passes = is_signed((const char *)b.data, b.len, data, &l);
			b.data[i] ^= (uint8_t)(1 << bit);
			refused += !passes;
			taken += passes;
			wrong += passes && b.data + i >= second && i != b.len - 1;
		}
	tap_ok(wrong == 0 && refused > taken, "%s: %d changes of a bit are refused, %d of the untrusted comment are not", hashed ? "hashed" : "whole",
	    refused, taken);
	int cut = 0;
	for (size_t n = 0; n < b.len - 1; n++)
		cut += is_signed((const char *)b.data, n, data, &l);
	/* two whole lines of "Ed" are a signature of signify */
	tap_ok(cut == (hashed ? 0 : 2), "cut anywhere: %d pass", cut);
	tap_ok(is_signed((const char *)b.data, b.len - 1, data, &l), "without the last newline it passes");
	buf_addc(&b, 'x');
	tap_ok(is_signed((const char *)b.data, b.len, data, &l), "and with more behind it");
	buf_free(&b);
	keylist_free(&l);
}

static void
check_signify(const struct key *k)
{
	struct signature made, read;
	struct keylist l = list_of(&k->public);

	write_file(data, "", 0);
	if (signature_make(&made, k, data, false, "x", "y") < 0 || signature_write(&made, sig) < 0)
		abort();
	struct buf b = read_file(sig);
	const uint8_t *second = (const uint8_t *)memchr(b.data, '\n', b.len) + 1;
	size_t n = (size_t)((const uint8_t *)memchr(second, '\n', b.len) + 1 - b.data);
	write_file(sig, b.data, n);
	write_file(signify, b.data, n);
	tap_ok(signature_read(&read, sig) == -1, "a signature without its trusted comment: %s", err_reason());
	tap_ok(signature_read(&read, signify) == 0 && !read.commented && signature_signer(&read, data, &l), "signify's, in a file of its kind of name");
	buf_free(&b);
	keylist_free(&l);
}

static const struct {
	const char *what, *comment;
	bool good;
} comments[] = {
	{ "none", "", true }, { "text with a tab", "a\tb", true }, { "UTF-8", "\xc3\xa4\xe2\x82\xac", true }, { "a newline", "a\nb", false },
	{ "a carriage return", "a\r", false }, { "an escape", "\x1b[2J", false }, { "CSI as a character", "\xc2\x9b" "2J", false }, { "not UTF-8", "\xff", false },
	{ "a deleting character", "\x7f", false },
};

static void
check_comments(const struct key *k)
{
	static char longest[SIGNATURE_TRUSTED];
	struct signature s;
	struct keylist l = list_of(&k->public);

	write_file(data, "x", 1);
	for (size_t i = 0; i < sizeof comments / sizeof *comments; i++) {
		bool made = signature_make(&s, k, data, true, "c", comments[i].comment) == 0;
		tap_ok(made == comments[i].good && made == (signature_make(&s, k, data, true, comments[i].comment, "t") == 0), "a comment of %s",
		    comments[i].what);
		if (made)
			tap_ok(signature_write(&s, sig) == 0 && signature_read(&s, sig) == 0 && signature_signer(&s, data, &l), "is written and read");
	}
	memset(longest, 'x', sizeof longest - 1);
	tap_ok(signature_make(&s, k, data, true, "c", longest) == -1, "one that is too long: %s", err_reason());
	longest[SIGNATURE_TRUSTED - 1 - strlen("trusted comment: ")] = '\0';
	tap_ok(signature_make(&s, k, data, true, "c", longest) == 0 && signature_write(&s, sig) == 0 && signature_read(&s, sig) == 0 &&
	    strcmp(s.trusted, longest) == 0 && signature_signer(&s, data, &l), "the longest that may be");
	keylist_free(&l);
}

int
main(void)
{
	struct key k;

	if (sodium_init() < 0 || !mkdtemp(dir) || key_generate(&k) < 0)
		abort();
	snprintf(data, sizeof data, "%s/data", dir);
	snprintf(sig, sizeof sig, "%s/data.minisig", dir);
	snprintf(signify, sizeof signify, "%s/data.sig", dir);
	check_made(&k, true);
	check_made(&k, false);
	check_damage(&k, true);
	check_damage(&k, false);
	check_signify(&k);
	check_comments(&k);
	unlink(data);
	unlink(sig);
	unlink(signify);
	tap_ok(rmdir(dir) == 0, "nothing is left");
	return tap_done();
}
