/*
 * Any bytes as a text of multibase, as digits of each base, as a multihash and as a CID. What is taken is written again as it was,
 * but for the case of letters, and any bytes come back from each base.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "trust/cid.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool good)
{
	if (!good)
		abort();
}

static void
try_text(const char *text, size_t n)
{
	enum multibase base = multibase_of(text, n);
	char again[MULTIBASE_TEXT];
	uint8_t bytes[MULTIBASE_MAX];
	ssize_t m = multibase_decode(bytes, text, n);

	if (m >= 0) {
		must(base != MULTIBASE_NONE && m <= MULTIBASE_MAX);
		multibase_encode(again, base, bytes, (size_t)m);
		must(strlen(again) == n && strncasecmp(again, text, n) == 0);
	}
}

/* The first byte chooses the base. */
static void
try_base(const uint8_t *data, size_t size)
{
	enum multibase base = (enum multibase)(size > 0 ? data[0] % MULTIBASE_NONE : 0);
	char text[MULTIBASE_TEXT];
	uint8_t bytes[MULTIBASE_MAX];
	size_t n = size > 0 ? size - 1 : 0;

	multibase_decode_digits(bytes, base, (const char *)data + size - n, n);
	if (n > MULTIBASE_MAX)
		return;
	multibase_encode(text, base, data + size - n, n);
	must(strlen(text) < sizeof text && multibase_of(text, strlen(text)) == base);
	must(multibase_decode(bytes, text, strlen(text)) == (ssize_t)n && (n == 0 || memcmp(bytes, data + size - n, n) == 0));
}

static void
try_hash(const uint8_t *data, size_t size)
{
	struct multihash h;
	uint8_t again[MULTIHASH_MAX];

	if (multihash_unpack(&h, data, size) == 0) {
		must(multihash_pack(again, &h) == size && memcmp(again, data, size) == 0);
		must(multihash_check(&h, "", 0) < 0 || h.n >= MULTIHASH_SHORTEST || (h.code == MULTIHASH_IDENTITY && h.n == 0));
	}
	if (multihash_make(&h, MULTIHASH_IDENTITY, size, data, size) == 0)
		must(multihash_check(&h, data, size) == 0);
}

static void
reads_again(const struct cid *c)
{
	struct cid again;
	char text[MULTIBASE_TEXT];

	cid_text(c, text);
	must(cid_parse(&again, text, strlen(text)) == 0 && cid_equal(c, &again));
}

static void
try_cid(const uint8_t *data, size_t size)
{
	uint8_t again[CID_MAX];
	struct cid c;

	if (cid_parse(&c, (const char *)data, size) == 0)
		reads_again(&c);
	if (cid_unpack(&c, data, size) == 0) {
		must(cid_pack(again, &c) == size && memcmp(again, data, size) == 0);
		reads_again(&c);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	try_text((const char *)data, size);
	try_base(data, size);
	try_hash(data, size);
	try_cid(data, size);
	return 0;
}
