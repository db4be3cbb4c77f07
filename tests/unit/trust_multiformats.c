/* Multiformats: texts that say their base, varints, multihashes and CIDs, beside those of others. */
#include <strings.h>

#include "base/err.h"
#include "base/uvarint.h"
#include "trust/cid.h"
#include "vectors.h"

/* ---- bases ---- */

static bool
decodes(const char *text, size_t n, const void *bytes, size_t size)
{
	uint8_t got[MULTIBASE_MAX];

	return multibase_decode(got, text, n) == (ssize_t)size && (size == 0 || memcmp(got, bytes, size) == 0);
}

/* Both ways, with what says the base and without. */
static bool
is_text(enum multibase base, const void *bytes, size_t size, const char *text)
{
	char to[MULTIBASE_TEXT];

	return strcmp(multibase_encode(to, base, bytes, size), text) == 0 && decodes(text, strlen(text), bytes, size) &&
	    multibase_of(text, strlen(text)) == base;
}

static void
check_base_known(void)
{
	static const struct {
		const char *bytes;
		size_t n;
		enum multibase base;
		const char *text;
	} known[] = {
		/* RFC 4648, 10 */
		{ "", 0, MULTIBASE_64PAD, "M" }, { "f", 1, MULTIBASE_64PAD, "MZg==" }, { "fo", 2, MULTIBASE_64PAD, "MZm8=" },
		{ "foo", 3, MULTIBASE_64PAD, "MZm9v" }, { "foob", 4, MULTIBASE_64PAD, "MZm9vYg==" },
		{ "", 0, MULTIBASE_32PADUPPER, "C" }, { "f", 1, MULTIBASE_32PADUPPER, "CMY======" },
		{ "fo", 2, MULTIBASE_32PADUPPER, "CMZXQ====" }, { "foo", 3, MULTIBASE_32PADUPPER, "CMZXW6===" },
		{ "foob", 4, MULTIBASE_32PADUPPER, "CMZXW6YQ=" }, { "fooba", 5, MULTIBASE_32PADUPPER, "CMZXW6YTB" },
		{ "foobar", 6, MULTIBASE_32UPPER, "BMZXW6YTBOI" }, { "foobar", 6, MULTIBASE_32HEXPADUPPER, "TCPNMUOJ1E8======" },
		{ "foobar", 6, MULTIBASE_16UPPER, "F666F6F626172" }, { "\xfb\xff", 2, MULTIBASE_64URL, "u-_8" },
		/* draft-msporny-base58 */
		{ "Hello World!", 12, MULTIBASE_58BTC, "z2NEpo7TZRRrLZSi2U" }, { "\0\0\x28\x7f\xb4\xcd", 6, MULTIBASE_58BTC, "z11233QC4" },
		{ "The quick brown fox jumps over the lazy dog.", 44, MULTIBASE_58BTC,
		    "zUSm3fpXnKG5EUBx2ndxBDMPVciP5hGey2Jh4NDv6gmeo1LkMeiKrLJUUBk6Z" },
		/* as printf and bc write it */
		{ "\xa5\0", 2, MULTIBASE_2, "01010010100000000" }, { "\xff", 1, MULTIBASE_8, "7776" }, { "\0\xff\xff", 3, MULTIBASE_10, "9065535" },
		{ "\x01\0", 2, MULTIBASE_36, "k74" }, { "\x01\0", 2, MULTIBASE_36UPPER, "K74" }, { "\0\x01\xff", 3, MULTIBASE_256EMOJI, "🚀🚀🪐🥂" },
	};
	size_t right = 0, n = sizeof known / sizeof *known;

	for (size_t i = 0; i < n; i++)
		if (is_text(known[i].base, known[i].bytes, known[i].n, known[i].text))
			right++;
		else
			tap_ok(false, "%s is %s", known[i].text, multibase_name(known[i].base));
	tap_ok(right == n, "%zu of %zu known texts are right", right, n);
}

static int
round_trips(enum multibase base, const uint8_t *bytes, size_t n)
{
	char text[MULTIBASE_TEXT];

	multibase_encode(text, base, bytes, n);
	return decodes(text, strlen(text), bytes, n) && multibase_of(text, strlen(text)) == base;
}

static void
check_base_round(void)
{
	uint8_t bytes[MULTIBASE_MAX];
	int wrong = 0;

	for (enum multibase base = 0; base < MULTIBASE_NONE; base++)
		for (size_t n = 0; n <= MULTIBASE_MAX; n += 1 + n / 16 + n % 2 * (n > 200))
			for (size_t zeros = 0; zeros <= n; zeros += 1 + n / 4) {
				randombytes_buf(bytes, n);
				memset(bytes, 0, zeros);
				wrong += !round_trips(base, bytes, n);
			}
	for (enum multibase base = 0; base < MULTIBASE_NONE; base++)
		for (int value = 0; value < 256; value += 255) { /* the largest number takes the most digits */
			memset(bytes, value, sizeof bytes);
			wrong += !round_trips(base, bytes, sizeof bytes);
		}
	tap_ok(wrong == 0, "0 to %d bytes come back in each base", MULTIBASE_MAX);
}

/* How many bytes may stand at the beginning of a text. */
static void
check_alphabets(void)
{
	static const int want[MULTIBASE_NONE] = { 2, 8, 10, 22, 22, 58, 58, 58, 58, 54, 54, 54, 54, 32, 62, 62, 58, 58, 64, 64, 64, 64,
		1 /* all emoji of more than 3 bytes begin so */ };
	static const uint8_t zeros[15]; /* fill digits of any base */
	uint8_t bytes[MULTIBASE_MAX];
	char text[MULTIBASE_TEXT];

	for (enum multibase base = 0; base < MULTIBASE_NONE; base++) {
		char *digits = multibase_encode(text, base, zeros, sizeof zeros) + (base == MULTIBASE_256EMOJI ? 4 : 1);
		int taken = 0;
		for (int c = 0; c < 256; c++) {
			digits[0] = (char)c;
			taken += multibase_decode_digits(bytes, base, digits, strlen(digits + 1) + 1) >= 0;
		}
		tap_ok(taken == want[base], "%s: %d characters are of the alphabet", multibase_name(base), taken);
	}
}

static void
check_base_bad(void)
{
	static const char *const bad[] = {
		"", "1abc", "Qabc", "/abc", "Y", " zA", "\xf0\x9f\x9a",     /* no base */
		"00000000", "0000000000", "7775", "777", "70000", "f0", "f000", "bm", "bmz", "bmzx", "bmzxw6y", "bmzxw6yt", /* bits behind the last byte */
		"mZh", "mZm9=", "mZ", "mZm9vY", "CMY======A",
		"mZg==", "bmy======", "uZg=", "f66=", "zA=",                 /* padding where there is none */
		"MZg", "MZg=", "MZg===", "MZg==\n", "MZm9v=", "MZm9v====", "M=", "M====", "CMY", "CMY=====", "CMY=======", "C========", "MZ=g=",
		"zA ", "z A", "z0", "zO", "zI", "zl", "Zl", "9a", "k-", "mab_-", "uab+/", "hl", "hv", "hB", "02", "78", "fg", "b1", "b0", "b8", "vw", "Vz",
		"z\xc1", "🚀a", "🚀\xf0\x9f\x9a", "🚀🚁",
	};
	uint8_t bytes[MULTIBASE_MAX];
	int taken = 0;

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (multibase_decode(bytes, bad[i], strlen(bad[i])) >= 0) {
			tap_ok(false, "'%s' is refused", bad[i]);
			taken++;
		}
	tap_ok(taken == 0, "wrong texts are refused: %s", err_reason());
	tap_ok(multibase_decode(bytes, "z1\0", 3) < 0 && multibase_decode(bytes, "\0", 1) < 0 && decodes("z1\0", 2, "", 1), "and so is a NUL");
}

static void
check_base_long(void)
{
	static char text[MULTIBASE_TEXT + 16];
	static const uint8_t zeros[MULTIBASE_MAX];
	uint8_t bytes[MULTIBASE_MAX];
	int wrong = 0;

	for (enum multibase base = 0; base < MULTIBASE_NONE; base++) {
		multibase_encode(text, base, zeros, sizeof zeros);
		char *end = strchr(text, '=') ? strchr(text, '=') : strchr(text, '\0');
		size_t one = base == MULTIBASE_256EMOJI ? 4 : 1;
		for (int more = 1; more <= 8; more++, end += one) { /* of the digit that is a zero */
			memcpy(end, end - one, one);
			end[one] = '\0';
			wrong += multibase_decode(bytes, text, strlen(text)) >= 0;
		}
	}
	memset(text, 'z', sizeof text);
	for (size_t n = MULTIBASE_MAX * 137 / 100 + 1; n <= sizeof text; n++)
		wrong += multibase_decode(bytes, text, n) >= 0;
	tap_ok(wrong == 0, "more than %d bytes are refused", MULTIBASE_MAX);
}

static void
check_base_vectors(void)
{
	json_t *all = vectors_json("multiformats/multibase.json"), *v;
	size_t i;
	int n = 0, right = 0;

	json_array_foreach(all, i, v) {
		const json_t *plain = json_object_get(v, "plain");
		const char *text = vectors_text(v, "encoded");
		bool any_case = strcmp(vectors_text(v, "file"), "case_insensitivity") == 0;
		enum multibase base = multibase_of(text, strlen(text));
		char to[MULTIBASE_TEXT] = "";

		n++;
		if (base == MULTIBASE_NONE || strcmp(multibase_name(base), vectors_text(v, "encoding")) != 0 ||
		    !decodes(text, strlen(text), json_string_value(plain), json_string_length(plain))) {
			tap_ok(false, "%s is %s", text, vectors_text(v, "encoding"));
			continue;
		}
		multibase_encode(to, base, (const uint8_t *)json_string_value(plain), json_string_length(plain));
		right += (any_case ? strcasecmp : strcmp)(to, text) == 0;
	}
	if (all)
		tap_ok(n > 0 && right == n, "%d of %d vectors of multibase are right", right, n);
	json_decref(all);
}

/* ---- varints ---- */

static bool
varint_is(const uint8_t *from, size_t n, uint64_t x)
{
	uint8_t to[UVARINT_MAX];
	uint64_t got;

	return uvarint_get(&got, from, n) == (int)n && got == x && uvarint_put(to, x) == n && memcmp(to, from, n) == 0;
}

static void
check_varints(void)
{
	uint8_t to[UVARINT_MAX];
	uint64_t got;
	int wrong = 0;

	tap_ok(varint_is((const uint8_t *)"\xac\x02", 2, 300), "300 as the specification writes it");
	for (int bit = 0; bit <= 63; bit++)
		for (int less = 0; less < 2; less++) {
			uint64_t x = ((uint64_t)1 << bit) - (bit == 63 || less);
			size_t n = uvarint_put(to, x);
			wrong += !varint_is(to, n, x) || (n > 1 && x >> 7 * (n - 1) == 0);
			for (size_t cut = 0; cut < n; cut++)
				wrong += uvarint_get(&got, to, cut) != 0;
		}
	tap_ok(wrong == 0, "powers of two come back, and cut they want more");
	tap_ok(uvarint_get(&got, (const uint8_t *)"\x05\xff\xff", 3) == 1 && got == 5, "what follows is not looked at");
	tap_ok(uvarint_get(&got, (const uint8_t *)"\x80\x00", 2) == -1 && uvarint_get(&got, (const uint8_t *)"\xff\xff\x00", 3) == -1,
	    "a longer form is refused: %s", err_reason());
	tap_ok(uvarint_get(&got, (const uint8_t *)"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10) == -1 &&
	    uvarint_get(&got, (const uint8_t *)"\xff\xff\xff\xff\xff\xff\xff\xff\xff", 9) == -1, "ten bytes are refused: %s", err_reason());
}

static void
check_varint_vectors(void)
{
	json_t *all = vectors_json("multiformats/varint.json"), *v;
	size_t i;
	int n = 0, right = 0;

	json_array_foreach(json_object_get(all, "valid"), i, v) {
		const json_t *x = json_array_get(v, 1);
		struct buf b = hex(json_string_value(json_array_get(v, 0)));
		n++;
		right += varint_is(b.data, b.len, json_is_string(x) ? strtoull(json_string_value(x), NULL, 10) :
		    (uint64_t)json_integer_value(x));
		buf_free(&b);
	}
	json_array_foreach(json_object_get(all, "invalid"), i, v) {
		struct buf b = hex(json_string_value(json_array_get(v, 0)));
		uint64_t x;
		n++;
		right += uvarint_get(&x, b.data, b.len) <= 0;
		buf_free(&b);
	}
	if (all)
		tap_ok(n > 0 && right == n, "%d of %d vectors of varints are right", right, n);
	json_decref(all);
}

/* ---- multihashes ---- */

static const struct {
	const char *name;
	uint64_t code;
} hashes[] = {
	{ "identity", MULTIHASH_IDENTITY }, { "sha1", 0x11 }, { "sha2-256", MULTIHASH_SHA256 }, { "sha2-512", MULTIHASH_SHA512 },
	{ "sha3", MULTIHASH_SHA3_512 }, { "blake2b-256", MULTIHASH_BLAKE2B_256 }, { "blake2b-512", MULTIHASH_BLAKE2B_512 },
};

static uint64_t
code_of(const char *name)
{
	for (size_t i = 0; i < sizeof hashes / sizeof *hashes; i++)
		if (strcmp(hashes[i].name, name) == 0)
			return hashes[i].code;
	return UINT64_MAX;
}

static bool
packs_as(const struct multihash *h, const char *bytes)
{
	uint8_t to[MULTIHASH_MAX];

	return is_hex(to, multihash_pack(to, h), bytes);
}

/* Bytes in hexadecimal as a multihash, which is written again as it was. */
static bool
unpacks(struct multihash *h, const char *bytes)
{
	struct buf b = hex(bytes);
	bool good = multihash_unpack(h, b.data, b.len) == 0 && packs_as(h, bytes);

	buf_free(&b);
	return good;
}

#define ABC_SHA256 "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define ABC_BLAKE2B "ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d17d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923"

static void
check_hash_known(void)
{
	static const struct {
		uint64_t code;
		size_t n;
		const char *bytes;
	} of_abc[] = { /* FIPS 180-4, FIPS 202, RFC 7693, and Python's hashlib */
		{ MULTIHASH_SHA256, 32, "1220" ABC_SHA256 },
		{ MULTIHASH_SHA512, 64, "1340ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
		    "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f" },
		{ MULTIHASH_SHA3_512, 64, "1440b751850b1a57168a5693cd924b6b096e08f621827444f70d884f5d0240d2712e"
		    "10e116e9192af3c91a7ec57647e3934057340b4cf408d5a56592f8274eec53f0" },
		{ MULTIHASH_BLAKE2B_512, 64, "c0e40240" ABC_BLAKE2B },
		{ MULTIHASH_BLAKE2B_256, 32, "a0e40220bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319" },
		{ MULTIHASH_IDENTITY, 3, "0003616263" },
		{ MULTIHASH_SHA256, 20, "1214ba7816bf8f01cfea414140de5dae2223b00361a3" },
	};

	for (size_t i = 0; i < sizeof of_abc / sizeof *of_abc; i++) {
		struct multihash h, got;
		bool good = multihash_make(&h, of_abc[i].code, of_abc[i].n, "abc", 3) == 0 && unpacks(&got, of_abc[i].bytes) &&
		    multihash_equal(&h, &got);
		tap_ok(good && multihash_check(&got, "abc", 3) == 0 && multihash_check(&got, "abd", 3) < 0 && multihash_check(&got, "ab", 2) < 0,
		    "the hash %.12s... is that of its data, and of no other", of_abc[i].bytes);
	}
}

static void
check_hash_weak(void)
{
	struct multihash h;

	tap_ok(unpacks(&h, "1213ba7816bf8f01cfea414140de5dae2223b00361") && multihash_check(&h, "abc", 3) < 0 && unpacks(&h, "1200") &&
	    multihash_check(&h, "abc", 3) < 0, "a hash that is cut short proves nothing: %s", err_reason());
	tap_ok(unpacks(&h, "1114a9993e364706816aba3e25717850c26c9cd0d89d") && multihash_check(&h, "abc", 3) < 0,
	    "neither does SHA-1: %s", err_reason());
	tap_ok(unpacks(&h, "1221" ABC_SHA256 "00") && multihash_check(&h, "abc", 3) < 0, "nor one that is longer than its hash: %s", err_reason());
	tap_ok(multihash_make(&h, MULTIHASH_IDENTITY, 2, "abc", 3) < 0 && multihash_make(&h, MULTIHASH_SHA256, 33, "abc", 3) < 0 &&
	    multihash_make(&h, 0x11, 20, "abc", 3) < 0, "and none of these is made");
	tap_ok(unpacks(&h, "0000") && multihash_check(&h, "", 0) == 0 && multihash_make(&h, MULTIHASH_SHA256, 32, "", 0) == 0 &&
	    packs_as(&h, "1220e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"), "nothing has hashes too");
}

static void
check_hash_bad(void)
{
	static const char *const bad[] = {
		"", "12", "80", "1280", "122000", "1220" ABC_SHA256 "00", "1221" ABC_SHA256, "121f" ABC_SHA256,
		"920020" ABC_SHA256, "12a000" ABC_SHA256,               /* longer than it need be */
		"ffffffffffffffffff0100", "12ffffffffffffffffff01",
		"12ffffffffffffffff7f",                                  /* as long as can be said */
		"00810100", "00820100",
	};
	uint8_t longest[3 + MULTIHASH_DIGEST + 1] = { 0x00, 0x80, 0x01 };
	struct multihash h;
	int taken = 0;

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (unpacks(&h, bad[i])) {
			tap_ok(false, "the multihash %s is refused", bad[i]);
			taken++;
		}
	tap_ok(taken == 0, "bytes that are no multihash are refused: %s", err_reason());
	bool most = multihash_unpack(&h, longest, 3 + MULTIHASH_DIGEST) == 0 && h.n == MULTIHASH_DIGEST;
	longest[1] = 0x81;
	tap_ok(most && multihash_unpack(&h, longest, sizeof longest) < 0, "a digest is of %d bytes at most", MULTIHASH_DIGEST);
}

static void
check_hash_vectors(void)
{
	json_t *all = vectors_json("multiformats/multihash.json"), *v;
	size_t i;
	int n = 0, right = 0, made = 0;

	json_array_foreach(all, i, v) {
		const char *input = vectors_text(v, "input"), *bytes = vectors_text(v, "multihash");
		uint64_t code = code_of(vectors_text(v, "algorithm"));
		json_int_t bits = json_integer_value(json_object_get(v, "bits"));
		struct multihash h, is;
		bool good = unpacks(&h, bytes) && h.code == code && h.n * 8 == bits;
		n++;
		if (good && code != 0x11) {
			good = multihash_make(&is, code, h.n, input, strlen(input)) == 0 && multihash_equal(&h, &is);
			made++;
		}
		right += good;
	}
	if (all)
		tap_ok(n > 0 && right == n && made > 0, "%d of %d vectors of multihash are right, %d of them made again", right, n, made);
	json_decref(all);
}

/* A code, a length, and a digest that may be of another. */
static struct buf
parts(uint64_t code, uint64_t length, const char *digest)
{
	uint8_t number[UVARINT_MAX];
	struct buf b = { 0 }, d = hex(digest);

	if (buf_add(&b, number, uvarint_put(number, code)) < 0 || buf_add(&b, number, uvarint_put(number, length)) < 0 ||
	    buf_add(&b, d.data, d.len) < 0)
		abort();
	buf_free(&d);
	return b;
}

static uint64_t
number_of(const json_t *object, const char *key)
{
	return (uint64_t)json_integer_value(json_object_get(object, key));
}

static void
check_hash_forms(void)
{
	json_t *valid = vectors_json("multiformats/valid-multihash.json"), *invalid = vectors_json("multiformats/invalid-multihash.json"), *v;
	size_t i;
	int n = 0, right = 0;
	struct multihash h;

	json_array_foreach(valid, i, v) {
		uint64_t code = number_of(json_object_get(v, "encoding"), "code"), length = number_of(v, "size");
		struct buf b = parts(code, length, vectors_text(v, "hex"));
		n++;
		right += multihash_unpack(&h, b.data, b.len) == 0 && h.code == code && h.n == length && is_hex(h.digest, h.n, vectors_text(v, "hex"));
		buf_free(&b);
	}
	json_array_foreach(invalid, i, v) {
		struct buf b = parts(number_of(v, "code"), number_of(v, "size"), vectors_text(v, "hex"));
		n++;
		right += multihash_unpack(&h, b.data, b.len) < 0 && !unpacks(&h, vectors_text(v, "hex"));
		buf_free(&b);
	}
	if (valid && invalid)
		tap_ok(n > 0 && right == n, "%d of %d multihashes of js-multihash are taken or refused as they should be", right, n);
	json_decref(valid);
	json_decref(invalid);
}

/* ---- CIDs ---- */

static bool
cid_reads(const char *text, const struct cid *c)
{
	struct cid got;

	return cid_parse(&got, text, strlen(text)) == 0 && cid_equal(&got, c);
}

/* The bytes and the text of a CID, both ways. */
static bool
cid_is(const struct cid *c, const char *bytes, const char *text)
{
	uint8_t to[CID_MAX];
	char to_text[MULTIBASE_TEXT];
	size_t n = cid_pack(to, c);
	struct cid got;

	return is_hex(to, n, bytes) && cid_unpack(&got, to, n) == 0 && cid_equal(&got, c) && strcmp(cid_text(c, to_text), text) == 0 &&
	    cid_reads(text, c);
}

#define ABC_CID "bafkreif2pall7dybz7vecqka3zo24irdwabwdi4wc55jznaq75q7eaavvu"
/* A hash as version 0 has it, and as version 1 does with its codec. */
#define V0 "QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N"
#define V0_AS_V1 "bafybeie5745rpv2m6tjyuugywy4d5ewrqgqqhfnf445he3omzpjbx5xqxe"

static void
check_cid_known(void)
{
	struct cid c = { .version = 1, .codec = CID_RAW }, node;
	char path[] = "/tmp/mai-cid-XXXXXX", text[MULTIBASE_TEXT];
	int fd = mkstemp(path);

	multihash_make(&c.hash, MULTIHASH_SHA256, 32, "abc", 3);
	tap_ok(cid_is(&c, "01551220" ABC_SHA256, ABC_CID), "a CID of version 1");
	tap_ok(fd >= 0 && write(fd, "abc", 3) == 3 && cid_of_file(&node, path) == 0 && cid_equal(&node, &c), "and of a file");
	close(fd);
	unlink(path);
	tap_ok(cid_of_file(&node, path) < 0, "which may be missing: %s", err_reason());
	tap_ok(cid_parse(&node, V0, strlen(V0)) == 0 && node.version == 0 && node.codec == CID_DAG_PB && strcmp(cid_text(&node, text), V0) == 0,
	    "one of version 0");
	node.version = 1;
	tap_ok(strcmp(cid_text(&node, text), V0_AS_V1) == 0 && cid_reads(V0_AS_V1, &node) && !cid_reads(V0, &node), "is another than its like of version 1");
	multihash_make(&c.hash, MULTIHASH_IDENTITY, 3, "abc", 3);
	tap_ok(cid_is(&c, "01550003616263", "bafkqaa3bmjrq"), "the data may stand in the CID");
}

static void
check_cid_bad(void)
{
	static const char *const bad_text[] = {
		"", "b", "Qm", "z" V0, V0 "1", "1" V0, "QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5", "QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx50",
		"Qm11111111111111111111111111111111111111111111", "Qmzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz",
		ABC_CID "a", " " ABC_CID, ABC_CID "\n", ABC_CID "=", "/ipfs/" ABC_CID, "ipfs://" ABC_CID,
		"f1220" ABC_SHA256,         /* version 0 with a base */
		"f00551220" ABC_SHA256, "f02551220" ABC_SHA256, "f03551220" ABC_SHA256,
	};
	static const char *const bad_bytes[] = {
		"", "01", "0155", "015512", "01551220", "01551220" ABC_SHA256 "00", "0155121f" ABC_SHA256, "0180", "01ff", "01d5001220" ABC_SHA256,
		"8100551220" ABC_SHA256, "1220" ABC_SHA256 "00", "121f" ABC_SHA256, "1114a9993e364706816aba3e25717850c26c9cd0d89d", "12",
	};
	struct cid c;
	int taken = 0;

	for (size_t i = 0; i < sizeof bad_text / sizeof *bad_text; i++)
		if (cid_parse(&c, bad_text[i], strlen(bad_text[i])) == 0) {
			tap_ok(false, "the CID '%s' is refused", bad_text[i]);
			taken++;
		}
	for (size_t i = 0; i < sizeof bad_bytes / sizeof *bad_bytes; i++) {
		struct buf b = hex(bad_bytes[i]);
		if (cid_unpack(&c, b.data, b.len) == 0) {
			tap_ok(false, "the CID %s is refused", bad_bytes[i]);
			taken++;
		}
		buf_free(&b);
	}
	for (size_t n = 0; n < strlen(ABC_CID); n++)
		taken += cid_parse(&c, ABC_CID, n) == 0;
	tap_ok(taken == 0, "what is no CID is refused: %s", err_reason());
}

static void
check_cid_generated(void)
{
	json_t *all = vectors_json("multiformats/cid-generated.json"), *v;
	size_t i;
	int n = 0, right = 0;

	json_array_foreach(all, i, v) {
		struct cid c = { .version = 1, .codec = number_of(v, "codecCode") };
		struct buf data = hex(vectors_text(v, "dataHex"));
		uint64_t code = code_of(vectors_text(v, "hash"));
		size_t length = code == MULTIHASH_IDENTITY ? data.len : code == MULTIHASH_SHA512 || code == MULTIHASH_BLAKE2B_512 ? 64 : 32;
		n++;
		right += multihash_make(&c.hash, code, length, data.data, data.len) == 0 &&
		    cid_is(&c, vectors_text(v, "cidBytes"), vectors_text(v, "base32")) && cid_reads(vectors_text(v, "base58btc"), &c) &&
		    cid_reads(vectors_text(v, "base36"), &c) && cid_reads(vectors_text(v, "base64url"), &c);
		buf_free(&data);
	}
	if (all)
		tap_ok(n > 0 && right == n, "%d of %d CIDs are those that js-multiformats gives to the data", right, n);
	json_decref(all);
}

/* "base58btc - cidv1 - raw - sha2-256-256-DIGEST" */
static bool
says(const struct cid *c, const char *text, const char *human)
{
	enum multibase base = c->version == 0 ? MULTIBASE_58BTC : multibase_of(text, strlen(text));
	char digest[2 * MULTIHASH_DIGEST + 1], want[400];

	sodium_bin2hex(digest, sizeof digest, c->hash.digest, c->hash.n);
	snprintf(want, sizeof want, "%s - cidv%d - %s - %s-%d-%s", multibase_name(base), c->version, c->codec == CID_RAW ? "raw" :
	    c->codec == CID_DAG_PB ? "dag-pb" : "?", c->hash.code == MULTIHASH_SHA256 ? "sha2-256" : "?", c->hash.n * 8, digest);
	return strcasecmp(human, want) == 0;
}

static void
check_cid_examples(void)
{
	json_t *all = vectors_json("multiformats/cid-examples.json"), *v;
	size_t i;
	int n = 0, right = 0;

	json_array_foreach(all, i, v) {
		const char *text = vectors_text(v, "cid");
		struct cid c;
		n++;
		if (cid_parse(&c, text, strlen(text)) == 0 && says(&c, text, vectors_text(v, "human")))
			right++;
		else
			tap_ok(false, "%s is %s", text, vectors_text(v, "human"));
	}
	if (all)
		tap_ok(n > 0 && right == n, "%d of %d CIDs of the specification are read", right, n);
	json_decref(all);
}

int
main(void)
{
	if (sodium_init() < 0)
		abort();
	check_base_known();
	check_base_round();
	check_alphabets();
	check_base_bad();
	check_base_long();
	check_base_vectors();
	check_varints();
	check_varint_vectors();
	check_hash_known();
	check_hash_weak();
	check_hash_bad();
	check_hash_vectors();
	check_hash_forms();
	check_cid_known();
	check_cid_bad();
	check_cid_generated();
	check_cid_examples();
	return tap_done();
}
