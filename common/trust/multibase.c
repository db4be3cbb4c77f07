#include "trust/multibase.h"

#include <stdbool.h>
#include <string.h>

#include "base/err.h"
#include "text/utf8.h"

#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DECIMAL "0123456789"

static const char rfc32[] = LOWER "234567", rfc32_upper[] = UPPER "234567";
static const char hex32[] = DECIMAL "abcdefghijklmnopqrstuv", hex32_upper[] = DECIMAL "ABCDEFGHIJKLMNOPQRSTUV";
static const char base64[] = UPPER LOWER DECIMAL "+/", base64_url[] = UPPER LOWER DECIMAL "-_";
static const char emoji[] = /* multibase, rfcs/Base256Emoji.md */
	"🚀🪐☄🛰🌌🌑🌒🌓🌔🌕🌖🌗🌘🌍🌏🌎🐉☀💻🖥💾💿😂❤😍🤣😊🙏💕😭😘👍"
	"😅👏😁🔥🥰💔💖💙😢🤔😆🙄💪😉☺👌🤗💜😔😎😇🌹🤦🎉💞✌✨🤷😱😌🌸🙌"
	"😋💗💚😏💛🙂💓🤩😄😀🖤😃💯🙈👇🎶😒🤭❣😜💋👀😪😑💥🙋😞😩😡🤪👊🥳"
	"😥🤤👉💃😳✋😚😝😴🌟😬🙃🍀🌷😻😓⭐✅🥺🌈😈🤘💦✔😣🏃💐☹🎊💘😠☝"
	"😕🌺🎂🌻😐🖕💝🙊😹🗣💫💀👑🎵🤞😛🔴😤🌼😫⚽🤙☕🏆🤫👈😮🙆🍻🍃🐶💁"
	"😲🌿🧡🎁⚡🌞🎈❌✊👋😰🤨😶🤝🚶💰🍓💢🤟🙁🚨💨🤬✈🎀🍺🤓😙💟🌱😖👶"
	"🥴▶➡❓💎💸⬇😨🌚🦋😷🕺⚠🙅😟😵👎🤲🤠🤧📌🔵💅🧐🐾🍒😗🤑🌊🤯🐷☎"
	"💧😯💆👆🎤🙇🍑❄🌴💣🐸💌📍🥀🤢👅💡💩👐📸👻🤐🤮🎼🥵🚩🍎🍊👼💍📣🥂";

static const struct base {
	const char *name, *prefix, *digits;
	uint8_t bits;  /* of a digit; 0: the digits are those of one large number */
	uint8_t group; /* of digits that '=' fills up; 0: nothing is filled up */
	bool any_case;
} bases[] = {
	[MULTIBASE_2] = { "base2", "0", "01", 1, 0, false },
	[MULTIBASE_8] = { "base8", "7", "01234567", 3, 0, false },
	[MULTIBASE_10] = { "base10", "9", DECIMAL, 0, 0, false },
	[MULTIBASE_16] = { "base16", "f", DECIMAL "abcdef", 4, 0, true },
	[MULTIBASE_16UPPER] = { "base16upper", "F", DECIMAL "ABCDEF", 4, 0, true },
	[MULTIBASE_32] = { "base32", "b", rfc32, 5, 0, true },
	[MULTIBASE_32UPPER] = { "base32upper", "B", rfc32_upper, 5, 0, true },
	[MULTIBASE_32PAD] = { "base32pad", "c", rfc32, 5, 8, true },
	[MULTIBASE_32PADUPPER] = { "base32padupper", "C", rfc32_upper, 5, 8, true },
	[MULTIBASE_32HEX] = { "base32hex", "v", hex32, 5, 0, true },
	[MULTIBASE_32HEXUPPER] = { "base32hexupper", "V", hex32_upper, 5, 0, true },
	[MULTIBASE_32HEXPAD] = { "base32hexpad", "t", hex32, 5, 8, true },
	[MULTIBASE_32HEXPADUPPER] = { "base32hexpadupper", "T", hex32_upper, 5, 8, true },
	[MULTIBASE_32Z] = { "base32z", "h", "ybndrfg8ejkmcpqxot1uwisza345h769", 5, 0, false },
	[MULTIBASE_36] = { "base36", "k", DECIMAL LOWER, 0, 0, true },
	[MULTIBASE_36UPPER] = { "base36upper", "K", DECIMAL UPPER, 0, 0, true },
	[MULTIBASE_58BTC] = { "base58btc", "z", "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz", 0, 0, false },
	[MULTIBASE_58FLICKR] = { "base58flickr", "Z", "123456789abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ", 0, 0, false },
	[MULTIBASE_64] = { "base64", "m", base64, 6, 0, false },
	[MULTIBASE_64PAD] = { "base64pad", "M", base64, 6, 4, false },
	[MULTIBASE_64URL] = { "base64url", "u", base64_url, 6, 0, false },
	[MULTIBASE_64URLPAD] = { "base64urlpad", "U", base64_url, 6, 4, false },
	[MULTIBASE_256EMOJI] = { "base256emoji", "🚀", emoji, 8, 0, false },
};
_Static_assert(sizeof bases / sizeof *bases == MULTIBASE_NONE, "each base is in the table");

enum { DIGITS_MAX = 8 * MULTIBASE_MAX }; /* of a text */

/* ---- values of one base in another: both ways are the same ---- */

/*
 * n values of from_bits each, highest bit first, as whole ones of to_bits. How many; in *rest the bits behind them, less than
 * to_bits.
 */
static size_t
regroup(uint8_t *to, unsigned to_bits, const uint8_t *from, size_t n, unsigned from_bits, unsigned *rest)
{
	unsigned bits = 0, have = 0;
	size_t m = 0;

	for (size_t i = 0; i < n; i++) {
		bits = bits << from_bits | from[i];
		have += from_bits;
		for (; have >= to_bits; bits &= (1u << have) - 1) {
			have -= to_bits;
			to[m++] = (uint8_t)(bits >> have); /* < 1 << to_bits <= 256 */
		}
	}
	*rest = bits;
	return m;
}

/* number = number * by + add; it has m digits in base `base`, the lowest first. How many it has then. */
static size_t
push(uint8_t *number, size_t m, unsigned base, unsigned by, unsigned add)
{
	unsigned carry = add;

	for (size_t i = 0; i < m && base == 256; i++, carry >>= 8) { /* most texts are read, and this is quicker */
		carry += number[i] * by;
		number[i] = (uint8_t)(carry & 0xff);
	}
	for (size_t i = 0; i < m && base < 256; i++, carry /= base) {
		carry += number[i] * by;
		number[i] = (uint8_t)(carry % base);
	}
	for (; carry > 0; carry /= base)
		number[m++] = (uint8_t)(carry % base);
	return m;
}

/* The number of n values in base `in`, highest first, in base `base`: how many, more than `most` when it stopped there. */
static size_t
convert(uint8_t *to, size_t most, unsigned base, const uint8_t *from, size_t n, unsigned in)
{
	uint8_t number[DIGITS_MAX + 8]; /* one step adds 3 digits at most */
	size_t zeros = 0, m = 0;

	while (zeros < n && from[zeros] == 0)
		zeros++;
	for (size_t i = zeros; i < n && zeros + m <= most; i++)
		m = push(number, m, base, in, from[i]);
	if (zeros + m > most)
		return most + 1;
	memset(to, 0, zeros);
	for (size_t i = 0; i < m; i++)
		to[zeros + i] = number[m - 1 - i];
	return zeros + m;
}

static size_t
to_digits(uint8_t to[DIGITS_MAX], const struct base *b, const uint8_t *from, size_t n)
{
	unsigned rest, left = b->bits ? (unsigned)(8 * n % b->bits) : 0;
	size_t m;

	if (!b->bits)
		return convert(to, DIGITS_MAX, (unsigned)strlen(b->digits), from, n, 256);
	m = regroup(to, b->bits, from, n, 8, &rest);
	if (left > 0)
		to[m++] = (uint8_t)(rest << (b->bits - left)); /* < 1 << bits */
	return m;
}

/* -1 when they are more bytes than may be, or end in a digit too many, or one that is not filled up with zeros. */
static ssize_t
from_digits(uint8_t to[MULTIBASE_MAX], const struct base *b, const uint8_t *from, size_t n)
{
	unsigned rest;
	size_t m;

	if (!b->bits) {
		m = convert(to, MULTIBASE_MAX, 256, from, n, (unsigned)strlen(b->digits));
		return m <= MULTIBASE_MAX ? (ssize_t)m : -1;
	}
	if (n * b->bits / 8 > MULTIBASE_MAX || n * b->bits % 8 >= b->bits)
		return -1;
	m = regroup(to, 8, from, n, b->bits, &rest);
	return rest == 0 ? (ssize_t)m : -1; /* <= MULTIBASE_MAX */
}

/* ---- digits and characters ---- */

static bool
same_letter(char a, char b)
{
	return (a | 0x20) == (b | 0x20) && (a | 0x20) >= 'a' && (a | 0x20) <= 'z';
}

/* Which digit a text begins with, and how many bytes that takes; -1: none. */
static int
digit_at(const struct base *b, const char *text, size_t n, size_t *used)
{
	const char *d = b->digits, *at = n > 0 && *text ? strchr(d, *text) : NULL;

	*used = 1;
	if (n > 0 && (uint8_t)*text < 0x80 && (at || !b->any_case))
		return at ? (int)(at - d) : -1; /* no digit of a base beside it is of several bytes */
	for (int i = 0; *d; i++, d += *used) {
		*used = utf8_length((uint8_t)*d);
		if (*used <= n && (memcmp(d, text, *used) == 0 || (b->any_case && same_letter(*d, *text))))
			return i;
	}
	return -1;
}

/* How many '=' are behind n digits. */
static size_t
padding(const struct base *b, size_t n)
{
	return b->group ? (b->group - n % b->group) % b->group : 0;
}

static const char filling[] = "========";

/* How many digits; -1 when it is not digits, and what fills them up. */
static ssize_t
read_digits(uint8_t to[DIGITS_MAX], const struct base *b, const char *text, size_t n)
{
	size_t m = 0, used;
	int digit;

	for (; m < DIGITS_MAX && (digit = digit_at(b, text, n, &used)) >= 0; text += used, n -= used)
		to[m++] = (uint8_t)digit; /* < 256 */
	return n == padding(b, m) && memcmp(text, filling, n) == 0 ? (ssize_t)m : -1; /* <= DIGITS_MAX */
}

static char *
write_digits(char *to, const struct base *b, const uint8_t *digits, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const char *d = b->digits;
		for (int k = digits[i]; k > 0; k--)
			d += utf8_length((uint8_t)*d);
		to = mempcpy(to, d, utf8_length((uint8_t)*d));
	}
	return to;
}

/* ---- texts ---- */

const char *
multibase_name(enum multibase base)
{
	return bases[base].name;
}

enum multibase
multibase_of(const char *text, size_t n)
{
	enum multibase base = 0;

	for (; base < MULTIBASE_NONE; base++) {
		size_t length = strlen(bases[base].prefix);
		if (n >= length && memcmp(text, bases[base].prefix, length) == 0)
			break;
	}
	return base;
}

char *
multibase_encode(char to[MULTIBASE_TEXT], enum multibase base, const uint8_t *from, size_t n)
{
	const struct base *b = &bases[base];
	uint8_t digits[DIGITS_MAX];
	size_t m = to_digits(digits, b, from, n);
	char *end = write_digits(stpcpy(to, b->prefix), b, digits, m);

	end = mempcpy(end, filling, padding(b, m));
	*end = '\0';
	return to;
}

ssize_t
multibase_decode_digits(uint8_t to[MULTIBASE_MAX], enum multibase base, const char *text, size_t n)
{
	const struct base *b = &bases[base];
	uint8_t digits[DIGITS_MAX];
	ssize_t m = read_digits(digits, b, text, n);

	if (m >= 0)
		m = from_digits(to, b, digits, (size_t)m);
	return m >= 0 ? m : err_set(ERR_DATA, "not %s of at most %d bytes", b->name, MULTIBASE_MAX);
}

ssize_t
multibase_decode(uint8_t to[MULTIBASE_MAX], const char *text, size_t n)
{
	enum multibase base = multibase_of(text, n);
	size_t head;

	if (base == MULTIBASE_NONE)
		return err_set(ERR_DATA, "not a text that says its base");
	head = strlen(bases[base].prefix);
	return multibase_decode_digits(to, base, text + head, n - head);
}
