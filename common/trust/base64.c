#include "trust/base64.h"

#include <sodium.h>
#include <string.h>

#include "base/err.h"

/* How many bytes a text gives, of which there is room for n; n + 1 where it is no text of this kind. */
static size_t
decode(uint8_t *to, size_t n, const char *text, size_t length, int variant)
{
	size_t got;

	/* libsodium takes 0xaf for a '/' */
	for (size_t i = 0; i < length; i++)
		if ((uint8_t)text[i] >= 0x80)
			return n + 1;
	return sodium_base642bin(to, n, text, length, NULL, &got, NULL, variant) == 0 ? got : n + 1;
}

bool
base64_decode(uint8_t *to, size_t n, const char *text, size_t length)
{
	return decode(to, n, text, length, sodium_base64_VARIANT_ORIGINAL) == n;
}

ssize_t
base64_decode_some(uint8_t *to, size_t n, const char *text, size_t length)
{
	size_t got = decode(to, n, text, length, sodium_base64_VARIANT_ORIGINAL);

	return got > n ? -1 : (ssize_t)got; /* <= n */
}

int
base64_read(struct buf *to, const char *text, size_t length)
{
	bool padded = length > 0 && text[length - 1] == '=', url = length > 0 && (memchr(text, '-', length) || memchr(text, '_', length));
	size_t room = length / 4 * 3 + 3, got;
	int variant;

	if (url)
		variant = padded ? sodium_base64_VARIANT_URLSAFE : sodium_base64_VARIANT_URLSAFE_NO_PADDING;
	else
		variant = padded ? sodium_base64_VARIANT_ORIGINAL : sodium_base64_VARIANT_ORIGINAL_NO_PADDING;
	if (buf_reserve(to, room) < 0)
		return -1;
	if ((got = decode(to->data + to->len, room, text, length, variant)) > room)
		return err_set(ERR_DATA, "not base64");
	to->len += got;
	return 0;
}

int
base64_add(struct buf *to, const void *data, size_t n)
{
	size_t room = sodium_base64_encoded_len(n, sodium_base64_VARIANT_ORIGINAL);

	if (buf_reserve(to, room) < 0)
		return -1;
	sodium_bin2base64((char *)to->data + to->len, room, data, n, sodium_base64_VARIANT_ORIGINAL);
	to->len += room - 1; /* without its NUL */
	return 0;
}
