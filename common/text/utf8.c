#include "text/utf8.h"

#include <string.h>

#include "text/vocab.h"

/* The bytes that may follow a first byte: how many, and the range of the first of them; the others are 80 to BF. */
struct follow {
	uint8_t n, low, high;
};

static struct follow
follow(uint8_t c)
{
	if (c < 0xc2 || c > 0xf4)
		return (struct follow){ 0, 0, 0 };
	if (c < 0xe0)
		return (struct follow){ 1, 0x80, 0xbf };
	if (c < 0xf0)
		return (struct follow){ 2, c == 0xe0 ? 0xa0 : 0x80, c == 0xed ? 0x9f : 0xbf };
	return (struct follow){ 3, c == 0xf0 ? 0x90 : 0x80, c == 0xf4 ? 0x8f : 0xbf };
}

int
utf8_step(const uint8_t *s, size_t n)
{
	if (s[0] < 0x80)
		return 1;
	struct follow f = follow(s[0]);
	if (f.n == 0)
		return -1;
	if (n < 2)
		return 0;
	if (s[1] < f.low || s[1] > f.high)
		return -1;
	for (int k = 2; k <= f.n; k++) {
		if (n <= (size_t)k)
			return 0;
		if ((s[k] & 0xc0) != 0x80)
			return -k;
	}
	return f.n + 1;
}

size_t
utf8_valid(const char *text, size_t n)
{
	const uint8_t *s = (const uint8_t *)text;
	size_t at = 0;

	while (at < n) {
		uint64_t eight;
		if (n - at >= sizeof eight) {
			memcpy(&eight, s + at, sizeof eight);
			if (!(eight & 0x8080808080808080)) {
				at += sizeof eight;
				continue;
			}
		}
		int k = utf8_step(s + at, n - at);
		if (k <= 0)
			return at;
		at += (size_t)k;
	}
	return n;
}

int
utf8_replace(struct buf *out, const char *text, size_t n)
{
	while (n > 0) {
		size_t good = utf8_valid(text, n);
		if (buf_add(out, text, good) < 0)
			return -1;
		text += good;
		n -= good;
		if (n == 0)
			break;
		int k = utf8_step((const uint8_t *)text, n);
		size_t bad = k == 0 ? n : (size_t)-k; /* a beginning at the end of the text is one part */
		if (buf_add(out, UTF8_REPLACEMENT, 3) < 0)
			return -1;
		text += bad;
		n -= bad;
	}
	return 0;
}
