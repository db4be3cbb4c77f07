/* Bundles of OpenSSF Model Signing: made, verified, changed in each bit; what a directory may have; those of others, good and bad. */
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/err.h"
#include "base/io.h"
#include "trust/oms.h"
#include "vectors.h"

static char dir[] = "/tmp/mai-oms-XXXXXX";
static struct key k;
static struct pubkey public;

/* ---- files in the directory ---- */

static const char *
in_dir(const char *name)
{
	static char path[8192];

	snprintf(path, sizeof path, "%s/%s", dir, name);
	return path;
}

static void
write_file(const char *name, const char *text)
{
	int fd = open(in_dir(name), O_WRONLY | O_CREAT | O_TRUNC, 0600);

	if (fd < 0 || io_write(fd, text, strlen(text), name) < 0 || close(fd) < 0)
		abort();
}

static void
make_folder(const char *name)
{
	if (mkdir(in_dir(name), 0700) < 0)
		abort();
}

static void
take_away(const char *name)
{
	if (remove(in_dir(name)) != 0)
		abort();
}

static void
move(const char *from, const char *to)
{
	char path[600];

	snprintf(path, sizeof path, "%s/%s", dir, from);
	if (rename(path, in_dir(to)) != 0)
		abort();
}

/* ---- made here ---- */

/* The bundle of the directory. */
static struct buf
made(void)
{
	struct buf text = { 0 };
	struct oms m = { 0 };

	if (oms_ignore(&m, OMS_NAME) < 0 || oms_add_all(&m, dir) < 0 || oms_hash(&m, dir) < 0 || oms_sign(&text, &m, &k) < 0)
		abort();
	oms_free(&m);
	return text;
}

/* What a bundle has signed. */
static int
opened(struct oms *m, const void *text, size_t n)
{
	struct oms_bundle b;
	int rc;

	*m = (struct oms){ 0 };
	if (oms_parse(&b, text, n) < 0)
		return -1;
	rc = oms_signed(m, &b, &public);
	oms_bundle_free(&b);
	return rc;
}

static bool
is_good(const struct buf *text)
{
	struct oms m;
	bool good = opened(&m, text->data, text->len) == 0 && oms_check(&m, dir) == 0;

	oms_free(&m);
	return good;
}

/* Sorted by bytes: '!' and '-' are before the '/', 'b' behind it; U+FF21 is before U+1F600 though not in UTF-16. */
static const char *const names[] = { "a", "a!b", "a-b", "aa", "d/.git", "d/e/f", "d0", "\xef\xbc\xa1", "\xf0\x9f\x98\x80" };

static void
check_made(void)
{
	static const char *const ignored[] = { ".git", ".gitattributes", ".github", ".gitignore" };
	struct oms m;
	bool sorted = true;

	make_folder("d");
	make_folder("d/e");
	make_folder("empty");
	make_folder(".git");
	write_file(".git/config", "x");
	write_file(".gitignore", "x");
	for (size_t i = sizeof names / sizeof *names; i-- > 0;)
		write_file(names[i], names[i]);
	struct buf text = made(), again = made();
	tap_ok(text.len == again.len && memcmp(text.data, again.data, text.len) == 0, "a directory has one bundle");
	buf_free(&again);
	tap_ok(opened(&m, text.data, text.len) == 0 && m.n == sizeof names / sizeof *names, "as many files as there are");
	for (size_t i = 0; i < m.n; i++) {
		struct hash h = hash_bytes(names[i], strlen(names[i]));
		sorted &= strcmp(m.file[i].path, names[i]) == 0 && hash_equal(&h, &m.file[i].sha256);
	}
	tap_ok(sorted, "by the bytes of their names, each with its SHA-256");
	tap_ok(strcmp(m.model, strrchr(dir, '/') + 1) == 0, "by the directory's name");
	for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++)
		sorted &= m.n_ignored == 5 && (strcmp(m.ignored[i], ignored[i]) == 0 || strcmp(m.ignored[i + 1], ignored[i]) == 0);
	tap_ok(sorted, "git's files are left out");
	oms_free(&m);
	tap_ok(is_good(&text), "it verifies");
	write_file(OMS_NAME, "x");
	tap_ok(is_good(&text), "beside its bundle");
	buf_free(&text);
}

static void
check_changes(void)
{
	struct buf text = made();

	write_file("aa", "ab");
	tap_ok(!is_good(&text), "a file that is changed: %s", err_reason());
	write_file("aa", "aa");
	write_file("d/new", "");
	tap_ok(!is_good(&text), "one more: %s", err_reason());
	take_away("d/new");
	make_folder("d/new");
	tap_ok(is_good(&text), "a folder without files is nothing");
	take_away("d/new");
	write_file("d/.gitignore", "");
	tap_ok(!is_good(&text), "git's file, but not at the top: %s", err_reason());
	take_away("d/.gitignore");
	take_away("d/e/f");
	tap_ok(!is_good(&text), "one less: %s", err_reason());
	if (symlink("../../aa", in_dir("d/e/f")) != 0)
		abort();
	tap_ok(!is_good(&text), "a link: %s", err_reason());
	take_away("d/e/f");
	make_folder("d/e/f");
	tap_ok(!is_good(&text), "a folder: %s", err_reason());
	take_away("d/e/f");
	if (mkfifo(in_dir("d/e/f"), 0600) != 0)
		abort();
	tap_ok(!is_good(&text), "a pipe: %s", err_reason());
	take_away("d/e/f");
	write_file("d/e/f", "d/e/f");
	write_file("z", "");
	tap_ok(!is_good(&text), "one behind all: %s", err_reason());
	take_away("z");
	write_file("\xff", "");
	tap_ok(!is_good(&text), "a name that is not UTF-8");
	take_away("\xff");
	move("d/e", "moved");
	if (symlink("../moved", in_dir("d/e")) != 0)
		abort();
	tap_ok(!is_good(&text), "a link to the folder: %s", err_reason());
	take_away("d/e");
	move("moved", "d/e");
	tap_ok(is_good(&text), "as it was");
	buf_free(&text);
}

/* Whether no bit can be another in the text of a member of the envelope, which is found by what is before it. */
static void
flip(const struct buf *text, const char *before)
{
	char *at = memmem(text->data, text->len, before, strlen(before));
	struct oms m;
	size_t n, taken = 0;

	if (!at)
		abort();
	at += strlen(before);
	n = strcspn(at, "\"");
	for (size_t i = 0; i < 8 * n; i++) {
		at[i / 8] ^= (char)(1 << i % 8);
		taken += opened(&m, text->data, text->len) == 0;
		oms_free(&m);
		at[i / 8] ^= (char)(1 << i % 8);
	}
	tap_ok(taken == 0, "%s: none of %zu bits is another", before, 8 * n);
}

static void
check_bits(void)
{
	struct oms m = { 0 }, read;
	struct buf text = { 0 };
	struct oms_bundle b;
	struct pubkey p;
	struct key other;

	if (oms_add(&m, "a") < 0 || oms_hash(&m, dir) < 0 || oms_sign(&text, &m, &k) < 0 || buf_addc(&text, 0) < 0)
		abort();
	text.len--;
	flip(&text, "\"payload\":\"");
	flip(&text, "\"payloadType\":\"");
	flip(&text, "\"sig\":\"");
	flip(&text, "\"hint\":\"");
	for (size_t n = 0; n + 1 < text.len; n++) /* the last is a newline */
		if (opened(&read, text.data, n) == 0)
			abort();
	tap_ok(opened(&read, text.data, text.len) == 0, "nor is it cut off anywhere");
	oms_free(&read);
	if (key_generate(&other) < 0 || pubkey_of_key(&p, other.public.bytes) < 0 || oms_parse(&b, (char *)text.data, text.len) < 0)
		abort();
	tap_ok(oms_signed(&read, &b, &p) == -1, "by another key: %s", err_reason());
	b.hint = NULL;
	tap_ok(oms_signed(&read, &b, &p) == -1, "that it does not name: %s", err_reason());
	oms_bundle_free(&b);
	pubkey_free(&p);
	oms_free(&m);
	buf_free(&text);
}

/* ---- which paths and directories ---- */

static void
check_paths(void)
{
	static const char *const bad[] = { "", "/", "/a", "a/", "a//b", ".", "..", "./a", "a/.", "a/./b", "../a", "a/..", "a/../b", "\xff", "a/\xc0\xaf", "\xed\xa0\x80" };
	static const char *const good[] = { "...", "a/..b", ".a", "a\nb", "a*", "a:b", "\\", " ", "a/b.c/d" };
	static char longest[OMS_PATH + 1];
	struct oms m = { 0 };
	size_t n = 0;

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		tap_ok(oms_add(&m, bad[i]) == -1 && oms_ignore(&m, bad[i]) == -1 && m.n == 0, "no path, %zu", i);
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		n += oms_add(&m, good[i]) == 0 && oms_ignore(&m, good[i]) == 0;
	tap_ok(n == sizeof good / sizeof *good && m.n == n && m.n_ignored == n, "%zu odd paths", n);
	memset(longest, 'a', OMS_PATH);
	tap_ok(oms_add(&m, longest) == -1, "too long: %.80s", err_reason());
	longest[OMS_PATH - 1] = '\0';
	tap_ok(oms_add(&m, longest) == 0, "as long as may be");
	for (int i = (int)n; i < OMS_IGNORED; i++) {
		snprintf(longest, sizeof longest, "%d", i);
		oms_ignore(&m, longest);
	}
	tap_ok(m.n_ignored == OMS_IGNORED && oms_ignore(&m, "x") == -1 && oms_ignore(&m, "100") == 0, "too many: %s", err_reason());
	oms_free(&m);
}

static void
check_lists(void)
{
	struct oms m = { 0 }, others = { 0 };
	char folder[600];

	tap_ok(oms_hash(&m, dir) == -1, "no files: %s", err_reason());
	oms_add(&m, "d/e/f");
	oms_add(&m, "a");
	tap_ok(oms_hash(&m, dir) == 0 && strcmp(m.file[0].path, "a") == 0, "a list of two");
	tap_ok(oms_check(&m, dir) == -1, "which are not all: %s", err_reason());
	oms_add(&m, "a");
	tap_ok(oms_hash(&m, dir) == -1, "one of them twice: %s", err_reason());
	oms_free(&m);
	static const char *const none[] = { "none", "d", "a/b", "d/none/f" };
	for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
		oms_add(&m, none[i]);
		tap_ok(oms_hash(&m, dir) == -1, "no file: %s", err_reason());
		oms_free(&m);
	}
	tap_ok(oms_add_all(&m, in_dir("a")) == -1 && oms_add_all(&m, in_dir("none")) == -1, "no directory: %s", err_reason());
	oms_free(&m);
	tap_ok(oms_add_all(&m, in_dir("empty")) == 0 && m.n == 0 && oms_hash(&m, in_dir("empty")) == -1, "an empty one: %s", err_reason());
	oms_free(&m);
	oms_ignore_file(&others, dir, in_dir("d/e/../../x"));
	snprintf(folder, sizeof folder, "%s/d/..", dir);
	oms_ignore_file(&others, folder, in_dir("d/y"));
	tap_ok(others.n_ignored == 2 && strcmp(others.ignored[0], "x") == 0 && strcmp(others.ignored[1], "d/y") == 0, "files below a directory");
	snprintf(folder, sizeof folder, "%s/d", dir);
	tap_ok(oms_ignore_file(&others, folder, in_dir("y")) == 0 && oms_ignore_file(&others, folder, in_dir("d0")) == 0 &&
	    oms_ignore_file(&others, dir, "/nowhere/y") == 0 && oms_ignore_file(&others, dir, "y") == 0 && others.n_ignored == 2, "and elsewhere");
	oms_free(&others);
}

static void
check_depth(void)
{
	char path[8 * OMS_DEPTH] = "deep";
	struct oms m = { 0 };
	int n = 1;

	for (; n < OMS_DEPTH; n++) {
		make_folder(path);
		strcat(path, "/d");
	}
	tap_ok(oms_add_all(&m, dir) == 0, "%d directories in each other", n);
	oms_free(&m);
	make_folder(path);
	tap_ok(oms_add_all(&m, dir) == -1, "and one more: %.20s", strrchr(err_reason(), ':'));
	oms_free(&m);
	for (; path[0]; path[strlen(path) > 4 ? strlen(path) - 2 : 0] = '\0')
		take_away(path);
}

/* ---- those of others ---- */

/* The bundle in a file is well-formed, and so is its statement. */
static bool
is_valid(const char *path)
{
	struct oms_bundle b;
	struct oms m;
	bool good;

	if (oms_read(&b, path) < 0)
		return false;
	good = oms_statement(&m, b.envelope.payload.data, b.envelope.payload.len) == 0;
	oms_free(&m);
	oms_bundle_free(&b);
	return good;
}

/* The names of files that vectors are in; some are kept elsewhere. */
static bool
find(glob_t *g, const char *pattern)
{
	const char *path = vectors_path("oms");
	char all[600];

	if (!path)
		return false;
	snprintf(all, sizeof all, "%s/%s", path, pattern);
	return tap_ok(glob(all, 0, NULL, g) == 0, "%s", pattern);
}

static void
check_examples(const char *pattern, bool good)
{
	glob_t g;

	if (!find(&g, pattern))
		return;
	for (size_t i = 0; i < g.gl_pathc; i++) {
		const char *name = strrchr(g.gl_pathv[i], '/') + 1;
		bool is = is_valid(g.gl_pathv[i]);
		tap_ok(is == good, "%s: %s", name, is ? "taken" : err_reason());
	}
	globfree(&g);
}

/* A model that the tool of OMS has signed. Before 1.1 it did not say what it had left out. */
static void
check_model(const char *bundle, const struct pubkey *p)
{
	char folder[600];
	struct oms_bundle b;
	struct oms m;

	snprintf(folder, sizeof folder, "%.*s", (int)(strrchr(bundle, '/') - bundle), bundle);
	const char *name = strrchr(folder, '/') + 1;
	if (oms_read(&b, bundle) < 0 || oms_signed(&m, &b, p) < 0 || oms_ignore(&m, OMS_NAME) < 0) {
		tap_ok(false, "%s: %s", name, err_reason());
		return;
	}
	bool told = m.n_ignored > 5;
	if (m.n > 1)
		tap_ok((oms_check(&m, folder) == 0) == told, "%s: %s", name, told ? "as it is" : err_reason());
	oms_ignore(&m, "ignore-me");
	tap_ok(oms_check(&m, folder) == 0, "%s: %zu of its files", name, m.n);
	m.file[0].sha256.bytes[0] ^= 1;
	tap_ok(oms_check(&m, folder) == -1, "%s: with another digest: %s", name, err_reason());
	oms_free(&m);
	oms_bundle_free(&b);
}

static void
check_models(void)
{
	const char *path = vectors_path("oms/signed-models/signing-key-pub.pem");
	char hint[HASH_HEX];
	struct pubkey p;
	glob_t g;

	if (!path || !tap_ok(pubkey_read(&p, path) == 0, "their key"))
		return;
	tap_ok(strcmp(pubkey_hint(&p, hint), "e8450dec4eb99dae995da9af1bc2cc9f76ed669ee2e744f57abba763df3e3f8e") == 0, "by the name that they give it");
	if (find(&g, "signed-models/*-key/" OMS_NAME)) {
		for (size_t i = 0; i < g.gl_pathc; i++)
			check_model(g.gl_pathv[i], &p);
		globfree(&g);
	}
	pubkey_free(&p);
}

static void
remove_all(void)
{
	static const char *const others[] = { "d/e", "d", "empty", ".git/config", ".git", ".gitignore", OMS_NAME };

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		take_away(names[i]);
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		take_away(others[i]);
	rmdir(dir);
}

int
main(void)
{
	if (!mkdtemp(dir) || key_generate(&k) < 0 || pubkey_of_key(&public, k.public.bytes) < 0)
		abort();
	check_made();
	check_changes();
	check_bits();
	check_paths();
	check_lists();
	check_depth();
	check_examples("v1.0/valid/*.json", true);
	check_examples("v1.0/invalid/*.json", false);
	check_models();
	remove_all();
	pubkey_free(&public);
	return tap_done();
}
