#include "trust/base64.h"

#include <sodium.h>

static ssize_t
decode(uint8_t *to, size_t n, const char *text, size_t length, int variant)
{
	size_t got;

	/* libsodium takes 0xaf for a '/' */
	for (size_t i = 0; i < length; i++)
		if ((uint8_t)text[i] >= 0x80)
			return -1;
	return sodium_base642bin(to, n, text, length, NULL, &got, NULL, variant) == 0 ? (ssize_t)got : -1;
}

bool
base64_decode(uint8_t *to, size_t n, const char *text, size_t length)
{
	return decode(to, n, text, length, sodium_base64_VARIANT_ORIGINAL) == (ssize_t)n;
}

ssize_t
base64url_decode(uint8_t *to, size_t n, const char *text, size_t length)
{
	return decode(to, n, text, length, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}
