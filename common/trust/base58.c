#include "trust/base58.h"

#include <string.h>

static const char alphabet[] = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

/*
 * digits = digits * by + add, in base `base`, the lowest digit first; *n grows as needed. Both ways are this one step,
 * once for each digit of what is converted.
 */
static void
push(uint8_t *digits, size_t *n, unsigned base, unsigned by, unsigned add)
{
	unsigned carry = add;

	for (size_t i = 0; i < *n; i++) {
		carry += digits[i] * by;
		digits[i] = (uint8_t)(carry % base); /* base <= 256 */
		carry /= base;
	}
	for (; carry > 0; carry /= base)
		digits[(*n)++] = (uint8_t)(carry % base);
}

char *
base58_encode(char to[BASE58_MAX_TEXT], const uint8_t *from, size_t n)
{
	uint8_t digits[BASE58_MAX_TEXT];
	size_t zeros = 0, m = 0;

	while (zeros < n && from[zeros] == 0)
		zeros++;
	for (size_t i = zeros; i < n; i++)
		push(digits, &m, 58, 256, from[i]);
	memset(to, alphabet[0], zeros);
	for (size_t i = 0; i < m; i++)
		to[zeros + i] = alphabet[digits[m - 1 - i]];
	to[zeros + m] = '\0';
	return to;
}

ssize_t
base58_decode(uint8_t to[BASE58_MAX], const char *from, size_t n)
{
	uint8_t digits[BASE58_MAX_TEXT];
	size_t zeros = 0, m = 0;

	if (n >= BASE58_MAX_TEXT)
		return -1;
	while (zeros < n && from[zeros] == alphabet[0])
		zeros++;
	for (size_t i = zeros; i < n; i++) {
		const char *c = from[i] ? strchr(alphabet, from[i]) : NULL;
		if (!c)
			return -1;
		push(digits, &m, 256, 58, (unsigned)(c - alphabet)); /* < 58 */
	}
	if (zeros + m > BASE58_MAX)
		return -1;
	memset(to, 0, zeros);
	for (size_t i = 0; i < m; i++)
		to[zeros + i] = digits[m - 1 - i];
	return (ssize_t)(zeros + m); /* <= BASE58_MAX */
}
