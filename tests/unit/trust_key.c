/* Keys in the files of minisign: written, read, damaged, refused; signatures beside those of others. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/err.h"
#include "base/io.h"
#include "trust/key.h"
#include "vectors.h"

static char dir[] = "/tmp/mai-key-XXXXXX";

/* The next of a few paths in the directory. */
static const char *
in_dir(const char *name)
{
	static char paths[4][128];
	static unsigned next;
	char *path = paths[next++ % 4];

	snprintf(path, sizeof paths[0], "%s/%s", dir, name);
	return path;
}

static const char *
write_file(const char *name, const void *data, size_t n)
{
	const char *path = in_dir(name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	if (fd < 0 || fchmod(fd, 0600) < 0 || io_write(fd, data, n, path) < 0 || close(fd) < 0)
		abort();
	return path;
}

/* With a NUL behind it. */
static struct buf
read_file(const char *path)
{
	struct buf b = { 0 };
	struct io_map m;

	if (io_map(&m, path) < 0 || buf_add(&b, m.data, m.size) < 0 || buf_addc(&b, 0) < 0)
		abort();
	b.len--;
	io_unmap(&m);
	return b;
}

static int asked;

static int
answer(void *arg, const char *path, char to[KEY_PASS])
{
	(void)path;
	asked++;
	if (!arg)
		return err_set(ERR_USAGE, "nobody is there");
	snprintf(to, KEY_PASS, "%s", (const char *)arg);
	return 0;
}

static bool
same(const struct key *a, const struct key *b)
{
	return memcmp(&a->public, &b->public, sizeof a->public) == 0 && memcmp(a->secret, b->secret, sizeof a->secret) == 0;
}

static bool
reads_as(const char *path, const struct key *k, const char *pass)
{
	struct key got = { 0 };

	return key_read_secret(&got, path, answer, (void *)(uintptr_t)pass) == 0 && same(&got, k);
}

/* The key of RFC 8032's first test, with a number. */
static void
known_key(struct key *k)
{
	static const char seed[] = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
	uint8_t bytes[KEY_SEED];

	if (!hex_to(bytes, sizeof bytes, seed))
		abort();
	crypto_sign_seed_keypair(k->public.bytes, k->secret, bytes);
	memcpy(k->public.number, "\x01\x23\x45\x67\x89\xab\xcd\xef", KEY_NUMBER);
}

/* ---- the bytes of a secret key, put together by signature-formats' description ---- */

enum { KDF = 2, SALT = 6, WORK = 38, MEMORY = 46, PART = 54, SUM = PART + 72, SECRET = 158 };

/* Encrypted with as little work as libsodium does, so that it can be tried often. */
static void
by_hand(uint8_t to[SECRET], const struct key *k, const char *pass)
{
	uint8_t text[2 + KEY_NUMBER + KEY_SECRET] = "Ed", stream[SECRET - PART];

	memset(to, 0, SECRET);
	memcpy(to, "Ed\0\0B2", 6);
	memcpy(text + 2, k->public.number, KEY_NUMBER);
	memcpy(text + 2 + KEY_NUMBER, k->secret, KEY_SECRET);
	memcpy(to + PART, text + 2, sizeof text - 2);
	crypto_generichash(to + SUM, 32, text, sizeof text, NULL, 0);
	if (!pass)
		return;
	memcpy(to + KDF, "Sc", 2);
	memset(to + SALT, 0x5a, 32);
	memcpy(to + WORK, "\0\x80\0\0\0\0\0\0", 8);      /* 2^15 */
	memcpy(to + MEMORY, "\0\0\0\1\0\0\0\0", 8);      /* 2^24 */
	if (crypto_pwhash_scryptsalsa208sha256(stream, sizeof stream, pass, strlen(pass), to + SALT, 1 << 15, 1 << 24) != 0)
		abort();
	for (size_t i = 0; i < sizeof stream; i++)
		to[PART + i] ^= stream[i];
}

static const char *
write_secret(const char *name, const uint8_t bytes[SECRET])
{
	char code[256], text[512];

	sodium_bin2base64(code, sizeof code, bytes, SECRET, sodium_base64_VARIANT_ORIGINAL);
	return write_file(name, text, (size_t)snprintf(text, sizeof text, "untrusted comment: by hand\n%s\n", code));
}

/* ---- files ---- */

static void
check_files(void)
{
	struct key k, other;
	struct key_public p;
	struct stat s;
	struct buf first, again;
	const char *path = in_dir("secret"), *public = in_dir("public");

	tap_ok(key_generate(&k) == 0 && key_generate(&other) == 0 && !same(&k, &other) &&
	    memcmp(k.public.bytes, k.secret + KEY_SEED, KEY_PUBLIC) == 0, "each key is another");
	umask(0);
	tap_ok(key_write_secret(&k, path, NULL) == 0 && stat(path, &s) == 0 && (s.st_mode & 0777) == 0600,
	    "a secret key is its owner's alone, whatever the umask");
	umask(022);
	asked = 0;
	tap_ok(reads_as(path, &k, NULL) && asked == 0, "and is read, without a passphrase");
	first = read_file(path);
	tap_ok(key_write_secret(&other, path, NULL) == -1 && err_status() == ERR_SYSTEM, "it is not written over: %s", err_reason());
	again = read_file(path);
	tap_ok(first.len == again.len && memcmp(first.data, again.data, first.len) == 0, "and stays as it was");
	buf_free(&first);
	buf_free(&again);
	tap_ok(key_write_public(&k.public, public) == 0 && key_read_public(&p, public) == 0 && memcmp(&p, &k.public, sizeof p) == 0,
	    "a public key is written and read");
	tap_ok(key_write_public(&other.public, public) == -1 && key_read_public(&p, public) == 0 &&
	    memcmp(&p, &k.public, sizeof p) == 0, "nor is it written over");
	tap_ok(key_write_public(&k.public, in_dir("no/such")) == -1 && key_write_secret(&k, in_dir("no/such"), NULL) == -1,
	    "no directory: %s", err_reason());
	tap_ok(key_write_secret(&k, "/dev/full", NULL) == -1 && access("/dev/full", F_OK) == 0, "an existing device neither");
	key_wipe(&k);
	tap_ok(sodium_is_zero((const uint8_t *)&k, sizeof k), "a key that is wiped is gone");
	unlink(path);
	unlink(public);
}

static void
check_modes(void)
{
	static const mode_t bad[] = { 0640, 0604, 0620, 0602, 0610, 0601, 0644, 0666 };
	struct key k, got;
	const char *path;
	int taken = 0;

	known_key(&k);
	path = in_dir("secret");
	if (key_write_secret(&k, path, NULL) < 0)
		abort();
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		chmod(path, bad[i]);
		taken += key_read_secret(&got, path, answer, NULL) == 0;
	}
	tap_ok(taken == 0, "a secret key that is others' too is refused: %s", err_reason());
	chmod(path, 0400);
	tap_ok(reads_as(path, &k, NULL), "one that can't be written is read");
	unlink(path);
}

static void
check_known(void)
{
	static const char text[] = "untrusted comment: minisign public key EFCDAB8967452301\n"
	    "RWQBI0VniavN79damAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea\n";
	struct key k, got = { 0 };
	struct key_public p;
	uint8_t bytes[SECRET];
	char number[2 * KEY_NUMBER + 1];
	const char *path = in_dir("known");

	known_key(&k);
	tap_ok(key_write_public(&k.public, path) == 0, "the key of RFC 8032");
	struct buf b = read_file(path);
	tap_ok(strcmp((char *)b.data, text) == 0, "is written as by hand");
	buf_free(&b);
	tap_ok(strcmp(key_number_text(&k.public, number), "EFCDAB8967452301") == 0, "its number is %s", number);
	by_hand(bytes, &k, NULL);
	tap_ok(reads_as(write_secret("known", bytes), &k, NULL), "its secret key by hand is read");
	asked = 0;
	by_hand(bytes, &k, "pass");
	tap_ok(reads_as(write_secret("known", bytes), &k, "pass") && asked == 1, "also encrypted, and the passphrase is asked for once");
	tap_ok(key_read_secret(&got, path, answer, (void *)(uintptr_t)"Pass") == -1, "another passphrase: %s", err_reason());
	tap_ok(key_read_secret(&got, path, answer, NULL) == -1 && err_status() == ERR_USAGE, "none: %s", err_reason());
	tap_ok(sodium_is_zero(got.secret, sizeof got.secret), "and no secret is given out");
	unlink(path);
	tap_ok(key_write_public(&k.public, path) == 0 && key_read_secret(&got, path, answer, NULL) == -1, "a public key is no secret one: %s",
	    err_reason());
	tap_ok(key_read_public(&p, write_secret("known", bytes)) == -1, "nor the other way: %s", err_reason());
	unlink(path);
}

/* One bit of each byte: the damage is found, or it was where nothing is said, and the key is the same. */
static void
damage(const struct key *k, const char *pass)
{
	uint8_t bytes[SECRET];
	int refused = 0, other = 0;

	by_hand(bytes, k, pass);
	for (int i = 0; i < SECRET; i++)
		for (int bit = 0; bit < 8; bit += pass ? 8 : 1) {
			struct key got = { 0 };
			bytes[i] ^= (uint8_t)(1 << bit);
			int rc = key_read_secret(&got, write_secret("damaged", bytes), answer, (void *)(uintptr_t)pass);
			bytes[i] ^= (uint8_t)(1 << bit);
			if (rc < 0)
				refused++;
			else
				other += i < SALT || i >= PART || (pass && i < WORK) || !same(&got, k);
		}
	unlink(in_dir("damaged"));
	tap_ok(other == 0 && refused > 0, "%d bits of a key %s change it, and none unnoticed", refused, pass ? "with a passphrase" : "without one");
}

static void
check_halves(void)
{
	struct key k, got, other;
	uint8_t bytes[SECRET];

	known_key(&k);
	other = k;
	k.secret[3] ^= 1; /* the checksum is right */
	by_hand(bytes, &k, NULL);
	tap_ok(key_read_secret(&got, write_secret("halves", bytes), answer, NULL) == -1, "the seed of another key: %s", err_reason());
	k = other;
	k.secret[KEY_SEED + 3] ^= 1;
	by_hand(bytes, &k, NULL);
	tap_ok(key_read_secret(&got, write_secret("halves", bytes), answer, NULL) == -1, "the public key of another");
	by_hand(bytes, &other, "pass");
	memset(bytes + WORK, 0xff, 8);
	tap_ok(key_read_secret(&got, write_secret("halves", bytes), answer, (void *)(uintptr_t)"pass") == -1, "endless work: %s", err_reason());
	by_hand(bytes, &other, "pass");
	bytes[MEMORY + 4] = 1;
	tap_ok(key_read_secret(&got, write_secret("halves", bytes), answer, (void *)(uintptr_t)"pass") == -1, "much memory: %s", err_reason());
	unlink(in_dir("halves"));
}

/* A text in place of another that it has. */
static size_t
replace(char *to, size_t room, const char *text, const char *what, const char *by)
{
	const char *at = strstr(text, what);

	if (!at)
		abort();
	return (size_t)snprintf(to, room, "%.*s%s%s", (int)(at - text), text, by, at + strlen(what));
}

static void
check_texts(void)
{
	/* signature-formats: a comment, a line, its end */
	static const struct {
		const char *what, *by;
		bool good;
	} changes[] = {
		{ "by hand", "", true }, { "by hand", "\xff anything at all", true }, { "\n", "\r\n", true }, { "=\n", "=\r\n", true },
		{ "=\n", "=", true }, { "=\n", "=\nmore\n", true },
		{ "untrusted", "trusted", false }, { "untrusted comment: ", "", false }, { "untrusted comment:", " untrusted comment:", false },
		{ "\n", "", false }, { "\n", "\n\n", false }, { "=\n", "\n", false }, { "=\n", "==\n", false }, { "=\n", "=A\n", false },
		{ "=\n", "= \n", false }, { "\nRWQ", "\n RWQ", false }, { "RWQ", "RWQ\n", false }, { "RWQ", "RW-", false }, { "RWQ", "RW", false },
		{ "RWQ", "RWQAAAA", false }, { "RWQ", "UldR", false },
	};
	struct key k, got;
	uint8_t bytes[SECRET];
	char text[1024];
	int wrong = 0;

	known_key(&k);
	by_hand(bytes, &k, NULL);
	struct buf good = read_file(write_secret("text", bytes));
	for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
		size_t n = replace(text, sizeof text, (char *)good.data, changes[i].what, changes[i].by);
		if ((key_read_secret(&got, write_file("text", text, n), answer, NULL) == 0) != changes[i].good) {
			tap_ok(false, "'%s' for '%s' is %s", changes[i].by, changes[i].what, changes[i].good ? "taken" : "refused");
			wrong++;
		}
	}
	for (size_t n = 0; n + 1 < good.len; n++)
		wrong += key_read_secret(&got, write_file("text", good.data, n), answer, NULL) == 0;
	tap_ok(wrong == 0, "files of another form, or cut anywhere, are refused: %s", err_reason());
	tap_ok(key_read_secret(&got, dir, answer, NULL) == -1, "a directory: %s", err_reason());
	tap_ok(key_read_secret(&got, in_dir("absent"), answer, NULL) == -1 && err_status() == ERR_SYSTEM, "none: %s", err_reason());
	unlink(in_dir("text"));
	buf_free(&good);
}

/* ---- the keys and signatures of minisign and signify ---- */

/* The second or fourth line of a file, decoded. How many bytes. */
static size_t
line(const char *file, int number, uint8_t *to, size_t room)
{
	const char *path = vectors_path(file);
	size_t n = 0;

	if (!path)
		return 0;
	struct buf b = read_file(path);
	char *at = (char *)b.data;
	for (int i = 1; at && i < number; i++)
		if ((at = strchr(at, '\n')))
			at++;
	if (!at || sodium_base642bin(to, room, at, strcspn(at, "\r\n"), NULL, &n, NULL, sodium_base64_VARIANT_ORIGINAL) != 0)
		n = 0;
	buf_free(&b);
	return n;
}

/* A copy that is its owner's alone; NULL when the shared data is absent. */
static const char *
copy(const char *vector)
{
	const char *path = vectors_path(vector);

	if (!path)
		return NULL;
	struct buf b = read_file(path);
	path = write_file("copy", b.data, b.len);
	buf_free(&b);
	return path;
}

/* What minisign has signed, signed again, is the same; the key file's public half is the other file. */
static void
check_minisign(const char *name, const char *pass)
{
	char file[128];
	struct key k;
	struct key_public p;
	const char *path;

	snprintf(file, sizeof file, "minisign/%s.key", name);
	if (!(path = copy(file)))
		return;
	asked = 0;
	if (tap_ok(key_read_secret(&k, path, answer, (void *)(uintptr_t)pass) == 0 && asked == (pass != NULL), "minisign's key %s is read", name)) {
		snprintf(file, sizeof file, "minisign/%s.pub", name);
		tap_ok((path = vectors_path(file)) && key_read_public(&p, path) == 0 && memcmp(&p, &k.public, sizeof p) == 0, "%s is its half", file);
	}
	unlink(in_dir("copy"));
}

static void
check_minisign_signature(const char *key, const char *message, const char *signature, bool hashed)
{
	struct key k;
	uint8_t sig[128], hash[64], made[KEY_SIGNATURE];
	const char *path = copy(key);

	if (!path || key_read_secret(&k, path, answer, NULL) < 0 || !(path = vectors_path(message)))
		return;
	struct buf m = read_file(path);
	crypto_generichash(hash, sizeof hash, m.data, m.len, NULL, 0);
	const void *what = hashed ? hash : m.data;
	size_t n = hashed ? sizeof hash : m.len;
	bool right = line(signature, 2, sig, sizeof sig) == 74 && memcmp(sig, hashed ? "ED" : "Ed", 2) == 0 &&
	    memcmp(sig + 2, k.public.number, KEY_NUMBER) == 0 && key_verifies(sig + 10, k.public.bytes, what, n);
	key_sign(made, &k, what, n);
	tap_ok(right && memcmp(made, sig + 10, sizeof made) == 0, "%s is what our key signs", signature);
	buf_free(&m);
	unlink(in_dir("copy"));
}

static void
check_signify(void)
{
	struct key k;
	struct key_public p;
	uint8_t sig[128];
	const char *path = copy("minisign/s.sec"), *message;

	if (!path)
		return;
	tap_ok(key_read_secret(&k, path, answer, NULL) == -1, "a secret key of signify: %s", err_reason());
	unlink(path);
	path = vectors_path("minisign/s.pub");
	bool good = path && key_read_public(&p, path) == 0;
	if (!(message = vectors_path("minisign/msg/hello.txt")))
		return;
	struct buf m = read_file(message);
	tap_ok(good && line("minisign/hello.txt.sig", 2, sig, sizeof sig) == 74 && memcmp(sig + 2, p.number, KEY_NUMBER) == 0 &&
	    key_verifies(sig + 10, p.bytes, m.data, m.len), "its public key verifies its signature");
	buf_free(&m);
}

/* Written as minisign does, with the work that it does: about a second, and 1 GiB. */
static void
check_passphrase(void)
{
	struct key k;
	const char *path = in_dir("encrypted");

	if (getenv("MAI_SAN")) {
		tap_skip("a key is written with a passphrase", "libsodium's work; sanitizers see ours in the tests of mai-sign");
		return;
	}
	known_key(&k);
	if (key_write_secret(&k, path, "pass \xc3\xa9") < 0) {
		tap_skip("a key is written with a passphrase", err_reason());
		return;
	}
	struct buf b = read_file(path);
	tap_ok(strstr((char *)b.data, "\nRWRTY0Iy") != NULL, "with a passphrase, the file says so");
	buf_free(&b);
	asked = 0;
	tap_ok(reads_as(path, &k, "pass \xc3\xa9") && asked == 1, "and is read with it");
	unlink(path);
}

/* ---- signatures ---- */

static bool
signs(const char *seed, const char *public, const char *message, const char *signature)
{
	struct key k = { 0 };
	uint8_t bytes[KEY_SEED], made[KEY_SIGNATURE];
	struct buf m = hex(message);
	bool good = hex_to(bytes, sizeof bytes, seed);

	crypto_sign_seed_keypair(k.public.bytes, k.secret, bytes);
	key_sign(made, &k, m.data, m.len);
	good = good && is_hex(k.public.bytes, KEY_PUBLIC, public) && is_hex(made, sizeof made, signature) &&
	    key_verifies(made, k.public.bytes, m.data, m.len);
	made[5] ^= 1;
	good = good && !key_verifies(made, k.public.bytes, m.data, m.len);
	buf_free(&m);
	return good;
}

static void
check_rfc8032(void)
{
	json_t *all = vectors_json("ed25519/rfc8032.json"), *v;
	size_t i;
	int n = 0, right = 0;

	tap_ok(signs("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
	    "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
	    "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"),
	    "RFC 8032, test 1");
	json_array_foreach(all, i, v) {
		n++;
		right += signs(vectors_text(v, "seed"), vectors_text(v, "pub"), vectors_text(v, "msg"), vectors_text(v, "sig"));
	}
	if (all)
		tap_ok(n >= 4 && right == n, "%d of %d vectors of RFC 8032 are right", right, n);
	json_decref(all);
}

static void
check_djb(void)
{
	const char *path = vectors_path("ed25519/djb-sign-input.txt");
	int n = 0, right = 0;

	if (!path)
		return;
	struct buf b = read_file(path);
	for (char *end, *at = (char *)b.data; (end = strchr(at, '\n')); at = end + 1) {
		char *field[4] = { at };
		*end = '\0';
		for (int i = 1; i < 4; i++)
			if ((field[i] = strchr(field[i - 1], ':')))
				*field[i]++ = '\0';
			else
				abort();
		field[0][2 * KEY_SEED] = '\0';
		field[3][2 * KEY_SIGNATURE] = '\0';
		n++;
		right += signs(field[0], field[1], field[2], field[3]);
	}
	buf_free(&b);
	tap_ok(n >= 683 && right == n, "%d of %d of Bernstein's signatures are right", right, n);
}

static void
check_small_order(void)
{
	json_t *all = vectors_json("ed25519/zip215-small-order.json"), *v;
	static const uint8_t identity[KEY_PUBLIC] = { 1 }, signature[KEY_SIGNATURE] = { 1 };
	uint8_t public[KEY_PUBLIC], sig[KEY_SIGNATURE];
	size_t i;
	int n = 0, taken = 0;

	tap_ok(!key_verifies(signature, identity, "Zcash", 5), "a key of small order verifies nothing");
	json_array_foreach(all, i, v) {
		n += hex_to(public, sizeof public, vectors_text(v, "vk_bytes")) && hex_to(sig, sizeof sig, vectors_text(v, "sig_bytes"));
		taken += key_verifies(sig, public, "Zcash", 5);
	}
	if (all)
		tap_ok(n >= 131 && taken == 0, "nor do %d keys or signatures of ZIP 215", n);
	json_decref(all);
}

static void
check_wycheproof(void)
{
	json_t *all = vectors_json("wycheproof/ed25519_test.json"), *group, *v;
	size_t i, j;
	int n = 0, right = 0, other = 0;

	json_array_foreach(json_object_get(all, "testGroups"), i, group)
		json_array_foreach(json_object_get(group, "tests"), j, v) {
			uint8_t public[KEY_PUBLIC], sig[KEY_SIGNATURE];
			bool valid = strcmp(vectors_text(v, "result"), "valid") == 0;
			struct buf m = hex(vectors_text(v, "msg"));
			if (!hex_to(public, sizeof public, vectors_text(json_object_get(group, "publicKey"), "pk")))
				abort();
			n++;
			if (hex_to(sig, sizeof sig, vectors_text(v, "sig")))
				right += key_verifies(sig, public, m.data, m.len) == valid;
			else
				other += !valid; /* no signature has another length here */
			buf_free(&m);
		}
	if (all)
		tap_ok(n >= 101 && right + other == n && right > other, "%d of %d cases of Wycheproof are right, %d have another length",
		    right, n, other);
	json_decref(all);
}

int
main(void)
{
	struct key k;

	if (sodium_init() < 0 || !mkdtemp(dir))
		abort();
	known_key(&k);
	check_files();
	check_modes();
	check_known();
	damage(&k, NULL);
	damage(&k, "pass");
	check_halves();
	check_texts();
	check_minisign("a", NULL);
	check_minisign("b", NULL);
	check_minisign("c", "pw");
	check_minisign_signature("minisign/a.key", "minisign/msg/hello.txt", "minisign/hello.txt.minisig", true);
	check_minisign_signature("minisign/a.key", "minisign/msg/hello.txt", "minisign/hello.txt.legacy.minisig", false);
	check_minisign_signature("minisign/a.key", "minisign/msg/empty.bin", "minisign/empty.bin.legacy.minisig", false);
	check_minisign_signature("minisign/b.key", "minisign/msg/z129.bin", "minisign/z129.bin.b.minisig", true);
	check_signify();
	check_passphrase();
	check_rfc8032();
	check_djb();
	check_small_order();
	check_wycheproof();
	tap_ok(rmdir(dir) == 0, "nothing is left");
	return tap_done();
}
