/*
 * Any bytes as a varint, a protobuf message, a PeerId, a did:key and a multiaddr, in bytes and in text. What is taken
 * is written again as it was where there is one form only, and reads as the same always.
 */
#include <stdlib.h>
#include <string.h>

#include "base/proto.h"
#include "base/uvarint.h"
#include "net/multiaddr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool good)
{
	if (!good)
		abort();
}

static void
try_varint(const uint8_t *data, size_t size)
{
	uint8_t to[UVARINT_MAX];
	uint64_t x;
	int n = uvarint_get(&x, data, size);

	if (n > 0)
		must((size_t)n <= size && x <= UVARINT_LARGEST && uvarint_put(to, x) == (size_t)n && memcmp(to, data, (size_t)n) == 0);
}

/* The fields that are taken, written again, are the same fields. */
static void
try_proto(const uint8_t *data, size_t size)
{
	struct proto p = { data, size };
	struct proto_field f, g;
	struct buf again = { 0 };

	while (proto_next(&p, &f) > 0) {
		must(p.n < size && p.at + p.n == data + size && !(f.is_fixed && f.is_bytes));
		if (f.is_fixed)
			continue;
		again.len = 0;
		must((f.is_bytes ? proto_put(&again, f.number, f.bytes.at, f.bytes.n) : proto_put_number(&again, f.number, f.value)) == 0);
		struct proto q = { again.data, again.len };
		must(proto_next(&q, &g) == 1 && q.n == 0 && g.number == f.number && g.is_bytes == f.is_bytes && g.bytes.n == f.bytes.n &&
		    (f.is_bytes ? f.bytes.n == 0 || memcmp(g.bytes.at, f.bytes.at, f.bytes.n) == 0 : g.value == f.value));
	}
	buf_free(&again);
}

static void
reads_again(const struct peerid *p)
{
	struct peerid again;
	char text[PEERID_TEXT];

	peerid_text(p, text);
	must(peerid_parse(&again, text, strlen(text)) == 0 && peerid_equal(p, &again));
	must(peerid_unpack(&again, p->bytes, p->n) == 0 && peerid_equal(p, &again));
	if (peerid_key(p)) {
		again = peerid_of_key(peerid_key(p));
		must(peerid_equal(p, &again));
	}
}

static void
try_names(const uint8_t *data, size_t size)
{
	struct peerid p;
	uint8_t key[PEERID_KEY], proto[PEERID_PROTO];
	char did[PEERID_DID];

	if (peerid_parse(&p, (const char *)data, size) == 0)
		reads_again(&p);
	if (peerid_unpack(&p, data, size) == 0) {
		must(p.n == size && memcmp(p.bytes, data, size) == 0);
		reads_again(&p);
	}
	if (peerid_unpack_key(key, data, size) == 0) {
		peerid_pack_key(proto, key);
		must(size == sizeof proto && memcmp(proto, data, size) == 0);
	}
	if (peerid_parse_did(key, (const char *)data, size) == 0)
		must(strlen(peerid_did(key, did)) == size && memcmp(did, data, size) == 0);
}

static void
try_address(const uint8_t *data, size_t size)
{
	struct multiaddr a, b;
	struct buf packed = { 0 };
	char text[MULTIADDR_TEXT], *input = malloc(size + 1);

	must(input != NULL);
	memcpy(input, data, size);
	input[size] = '\0';
	if (multiaddr_parse(&a, input) == 0) {
		must(multiaddr_parse(&b, multiaddr_text(&a, text)) == 0 && memcmp(&a, &b, sizeof a) == 0);
		must(multiaddr_pack(&packed, &a) == 0 && multiaddr_unpack(&b, packed.data, packed.len) == 0 && memcmp(&a, &b, sizeof a) == 0);
	}
	packed.len = 0;
	if (multiaddr_unpack(&a, data, size) == 0) {
		must(multiaddr_pack(&packed, &a) == 0 && packed.len == size && memcmp(packed.data, data, size) == 0);
		must(multiaddr_parse(&b, multiaddr_text(&a, text)) == 0 && memcmp(&a, &b, sizeof a) == 0);
	}
	buf_free(&packed);
	free(input);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	try_varint(data, size);
	try_proto(data, size);
	try_names(data, size);
	try_address(data, size);
	return 0;
}
