#include "base/uvarint.h"

#include "base/err.h"

size_t
uvarint_put(uint8_t to[UVARINT_MAX], uint64_t x)
{
	size_t n = 0;

	for (; x >= 0x80; x >>= 7)
		to[n++] = (uint8_t)(x & 0x7f) | 0x80;
	to[n++] = (uint8_t)x; /* < 0x80 */
	return n;
}

int
uvarint_get(uint64_t *x, const uint8_t *from, size_t n)
{
	*x = 0;
	for (int i = 0; i < UVARINT_MAX; i++) {
		if ((size_t)i == n)
			return 0;
		*x |= (uint64_t)(from[i] & 0x7f) << 7 * i;
		if (from[i] & 0x80)
			continue;
		if (from[i] == 0 && i > 0)
			return err_set(ERR_DATA, "a varint longer than it need be");
		return i + 1;
	}
	return err_set(ERR_DATA, "a varint of more than %d bytes", UVARINT_MAX);
}
