#include "trust/base64.h"

#include <sodium.h>

bool
base64_decode(uint8_t *to, size_t n, const char *text, size_t length)
{
	size_t got;

	/* libsodium takes 0xaf for a '/' */
	for (size_t i = 0; i < length; i++)
		if ((uint8_t)text[i] >= 0x80)
			return false;
	return sodium_base642bin(to, n, text, length, NULL, &got, NULL, sodium_base64_VARIANT_ORIGINAL) == 0 && got == n;
}
