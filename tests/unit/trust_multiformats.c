/* Multiformats: texts that say their base, varints, multihashes and CIDs, beside those of others. */
#include <strings.h>

#include "base/err.h"
#include "base/uvarint.h"
#include "trust/multibase.h"
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
		"z\xc1", "\xf0\x9f\x9a\x80" "a", "\xf0\x9f\x9a\x80\xf0\x9f\x9a", "\xf0\x9f\x9a\x80\xf0\x9f\x9a\x81",
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
	return tap_done();
}
