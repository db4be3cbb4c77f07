/* Lists of keys: three forms, names, comments, and what makes a list unusable. */
#include <fcntl.h>

#include "base/err.h"
#include "trust/keylist.h"
#include "trust/peerid.h"
#include "vectors.h"

/* A row of libp2p/peer-ids.json, made by js-libp2p. */
#define KEY "525c8be721c6720eb308e729ef121317ad5b11a54c5d56f2aa6ccbb2bc42e91c"
#define PEER "12D3KooWFMsSyQ8qoegi4jJ7NzMDbt2dBfmisZcM3rqsUoZfa6Dh"
#define PEER_CID "bafzaajaiaejcaus4rptsdrtsb2zqrzzj54jbgf5nlmi2ktc5k3zku3glwk6ef2i4"
#define DID "did:key:z6MkjzmKpWoZxHugmLdPRxZigBVnWuzwFknDnHPmw6NnbNH9"

static char path[] = "/tmp/mai-keylist-XXXXXX";

static int
reads_file(struct keylist *a, const char *name)
{
	return keylist_read(a, open(name, O_RDONLY | O_CLOEXEC), name);
}

/* What becomes of a list with these bytes. */
static int
reads(struct keylist *a, const void *bytes, size_t n)
{
	FILE *out = fopen(path, "we");

	if (!out || fwrite(bytes, 1, n, out) != n || fclose(out) != 0)
		abort();
	return reads_file(a, path);
}

static int
reads_text(struct keylist *a, const char *text)
{
	return reads(a, text, strlen(text));
}

static bool
has(const struct keylist *l, const struct peerid *p)
{
	return keylist_find(l, peerid_key(p)) != NULL;
}

/* A key whose bytes are all alike, and its names. */
static struct peerid
peer_of(uint8_t x)
{
	uint8_t key[PEERID_KEY];

	memset(key, x, sizeof key);
	return peerid_of_key(key);
}

/* A public key as minisign shows it in a line, of this algorithm. */
static char *
line_of(char to[64], const char *algorithm, const uint8_t key[KEY_PUBLIC])
{
	uint8_t bytes[2 + KEY_NUMBER + KEY_PUBLIC] = { 0 };

	memcpy(bytes, algorithm, 2);
	memcpy(bytes + 2 + KEY_NUMBER, key, KEY_PUBLIC);
	return sodium_bin2base64(to, 64, bytes, sizeof bytes, sodium_base64_VARIANT_ORIGINAL);
}

static void
check_forms(void)
{
	struct keylist a = { 0 };
	uint8_t key[PEERID_KEY];
	char line[64];

	if (!hex_to(key, sizeof key, KEY))
		abort();
	struct peerid p = peerid_of_key(key), q = p, other = peer_of(7);
	tap_ok(!has(&a, &p), "nobody is in a list that was not read");
	tap_ok(reads_text(&a, PEER "\n") == 0 && has(&a, &p) && a.n == 1 && !has(&a, &other), "a PeerId");
	tap_ok(reads_text(&a, PEER_CID "\n") == 0 && has(&a, &p), "its other form");
	tap_ok(reads_text(&a, DID "\n") == 0 && has(&a, &p), "a did:key");
	line_of(line, "Ed", key);
	tap_ok(reads_text(&a, line) == 0 && has(&a, &p), "a key of minisign, without a newline at the end: %s", line);
	q.bytes[q.n - 1] ^= 1;
	tap_ok(!has(&a, &q), "one that differs in its last bit is another");
	keylist_free(&a);
	tap_ok(!has(&a, &p) && a.n == 0, "a list that is freed is empty");
	keylist_free(&a);
}

/* A key file that minisign has made, as it is, is no list; its line of the key is. */
static void
check_minisign(void)
{
	struct keylist a = { 0 };
	char text[512];
	struct key_public k;
	const char *name = vectors_path("minisign/a.pub");
	FILE *in = name ? fopen(name, "re") : NULL;

	if (!in)
		return;
	char *key = fgets(text, sizeof text, in) ? fgets(text, sizeof text, in) : NULL;
	fclose(in);
	if (!key || key_read_public(&k, name) < 0)
		abort();
	struct peerid p = peerid_of_key(k.bytes);
	tap_ok(reads_text(&a, key) == 0 && has(&a, &p), "the key of a file of minisign");
	tap_ok(reads_file(&a, name) == -1 && strstr(err_reason(), "line 1") && has(&a, &p), "the file has another line: %s", err_reason());
	keylist_free(&a);
}

static void
check_lines(void)
{
	struct keylist a = { 0 };
	struct peerid p[3];
	char text[3][PEERID_TEXT], did[PEERID_DID], line[64];

	for (int i = 0; i < 3; i++) {
		p[i] = peer_of((uint8_t)(i + 1));
		peerid_text(&p[i], text[i]);
	}
	peerid_did(peerid_key(&p[1]), did);
	line_of(line, "Ed", peerid_key(&p[2]));
	struct buf b = { 0 };
	buf_printf(&b, "# who may come in\n\n%s\n  \t \n \t%s alice's laptop\n#%s\n%s\tbob\r\n\r\n%s\n", text[0], did, text[0], line, text[0]);
	tap_ok(reads(&a, b.data, b.len) == 0 && has(&a, &p[0]) && has(&a, &p[1]) && has(&a, &p[2]),
	    "comments, empty lines, spaces before, names behind, ends of lines of other systems, a key twice");
	b.len = 0;
	buf_printf(&b, "#%s\n # %s\n", text[0], text[1]);
	tap_ok(reads(&a, b.data, b.len) == 0 && a.n == 0 && !has(&a, &p[0]) && !has(&a, &p[1]), "a key in a comment is not in the list");
	tap_ok(reads_text(&a, "") == 0 && a.n == 0 && !has(&a, &p[0]), "an empty file lets nobody in");
	buf_free(&b);
	keylist_free(&a);
}

static void
check_names(void)
{
	struct keylist a = { 0 };
	struct key_public k = { 0 };
	const struct keylist_entry *e;
	char line[64];

	memset(k.bytes, 5, sizeof k.bytes);
	line_of(line, "Ed", k.bytes);
	struct buf b = { 0 };
	buf_printf(&b, "%s  alice of the north\n" PEER "\n" DID "\tbob\n", line);
	tap_ok(reads(&a, b.data, b.len) == 0 && (e = keylist_named(&a, "alice")) && memcmp(e->key.bytes, k.bytes, KEY_PUBLIC) == 0 &&
	    (e = keylist_named(&a, "bob")) && strcmp(e->name, "bob") == 0, "keys are found by their names");
	tap_ok(!keylist_named(&a, "of") && !keylist_named(&a, "") && !keylist_named(&a, "carol"), "by nothing else");
	memset(k.bytes, 6, sizeof k.bytes);
	tap_ok(keylist_add(&a, &k) == 0 && (e = keylist_find(&a, k.bytes)) && !e->name[0] && keylist_named(&a, "alice"), "one more");
	buf_free(&b);
	keylist_free(&a);
}

static void
check_many(void)
{
	struct keylist a = { 0 };
	struct buf b = { 0 };
	char text[PEERID_TEXT];
	int wrong = 0;

	for (int i = 0; i < 250; i += 2) { /* in no order */
		struct peerid p = peer_of((uint8_t)(i * 37 % 250));
		buf_printf(&b, "%s\n", peerid_text(&p, text));
	}
	wrong += reads(&a, b.data, b.len) != 0 || a.n != 125;
	for (int i = 0; i < 250; i++) {
		struct peerid p = peer_of((uint8_t)(i * 37 % 250));
		wrong += has(&a, &p) != (i % 2 == 0);
	}
	tap_ok(wrong == 0, "of 250 keys the 125 are in that were listed");
	buf_free(&b);
	keylist_free(&a);
}

/* ---- what makes a list unusable ---- */

#define X50 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define X1000 X50 X50 X50 X50 X50 X50 X50 X50 X50 X50 X50 X50 X50 X50 X50 X50 X50 X50 X50 X50

static const struct {
	const char *what, *text;
	int line;
} bad[] = {
	{ "a word", "alice\n", 1 }, { "a name before the key", "#\n\nalice " PEER "\n", 3 }, { "a cut PeerId", PEER "\n12D3KooWFMsSyQ8qoegi4jJ7NzM\n", 2 },
	{ "a PeerId with another letter", "12D3KooWFMsSyQ8qoegi4jJ7NzMDbt2dBfmisZcM3rqsUoZfa6Di1\n", 1 },
	{ "a PeerId that is a hash, of an RSA key", "QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N\n", 1 },
	{ "two keys with a comma", PEER "," PEER "\n", 1 }, { "a cut did:key", "\n" DID "\ndid:key:z6MkjzmKpWoZxHug\n", 3 }, { "did:key: alone", "did:key:\n", 1 },
	{ "another kind of did", "did:web:example.org\n", 1 }, { "RW", "RW\n", 1 }, { "a cut key of minisign", "RWQAAAAAAAAAAFJci+chxnIOswjnKe8SExetWxGlTF1W\n", 1 },
	{ "one with more", "RWQAAAAAAAAAAFJci+chxnIOswjnKe8SExetWxGlTF1W8qpsy7K8QukcAAAA\n", 1 },
	{ "one of another algorithm", "RWUAAAAAAAAAAFJci+chxnIOswjnKe8SExetWxGlTF1W8qpsy7K8Qukc\n", 1 },
	{ "a line that is too long", PEER "\n" PEER " " X1000 X50 "\n" PEER "\n", 2 },
	{ "a comment whose end would be a key", "#" X1000 X50 PEER "\n", 1 },
	{ "a comment that is long, with a key where a buffer of 1024 ends", "#" X1000 "xxxxxxxxxxxxxxxxxxxxxx" PEER "\n", 1 },
};

static void
check_bad(void)
{
	struct keylist a = { 0 };
	struct peerid mine = peer_of(9), listed;
	char text[PEERID_TEXT], where[64];

	if (peerid_parse(&listed, PEER, strlen(PEER)) < 0 || reads_text(&a, peerid_text(&mine, text)) < 0)
		abort();
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		int rc = reads_text(&a, bad[i].text);
		snprintf(where, sizeof where, "%s: line %d", path, bad[i].line);
		tap_ok(rc == -1 && strstr(err_reason(), where) && a.n == 1 && has(&a, &mine) && !has(&a, &listed), "%s: %.200s", bad[i].what,
		    rc < 0 ? err_reason() + strlen(path) : "taken");
	}
	tap_ok(reads(&a, "\0" PEER "\n", sizeof PEER + 1) == -1 && has(&a, &mine), "a line with a NUL: %s", err_reason() + strlen(path));
	tap_ok(reads_file(&a, "/") == -1 && err_status() == ERR_SYSTEM && has(&a, &mine), "a folder: %s", err_reason());
	keylist_free(&a);
}

/* The longest line that may be, with its newline or at the end of the file. */
static void
check_long(void)
{
	struct keylist a = { 0 };
	struct buf b = { 0 };

	buf_printf(&b, "%s ", PEER);
	while (b.len < KEYLIST_MAX_LINE - 2)
		buf_addc(&b, 'x');
	buf_printf(&b, "\n%s\n", PEER);
	tap_ok(reads(&a, b.data, b.len) == 0 && a.n == 2, "a line of %d bytes, and the next", KEYLIST_MAX_LINE - 1);
	tap_ok(reads(&a, b.data, KEYLIST_MAX_LINE - 2) == 0 && a.n == 1, "one at the end of the file, of %d", KEYLIST_MAX_LINE - 2);
	buf_free(&b);
	keylist_free(&a);
}

int
main(void)
{
	int fd = mkstemp(path);

	if (fd < 0 || close(fd) != 0)
		abort();
	check_forms();
	check_minisign();
	check_lines();
	check_names();
	check_many();
	check_bad();
	check_long();
	unlink(path);
	return tap_done();
}
