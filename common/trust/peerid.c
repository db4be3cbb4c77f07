#include "trust/peerid.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "trust/cid.h"

static const uint8_t proto_head[] = { 0x08, 0x01, 0x12, PEERID_KEY };  /* type 1: Ed25519; 32 bytes of data */
static const uint8_t identity_head[] = { 0x00, PEERID_PROTO };         /* multihash "identity" */
static const uint8_t sha256_head[] = { 0x12, 32 };
static const uint8_t did_head[] = { 0xed, 0x01 };                      /* multicodec ed25519-pub */
enum { IDENTITY_LONGEST = 42 };
_Static_assert((int)PEERID_MAX <= (int)MULTIBASE_MAX, "a PeerId has a text");

void
peerid_pack_key(uint8_t to[PEERID_PROTO], const uint8_t key[PEERID_KEY])
{
	memcpy(to, proto_head, sizeof proto_head);
	memcpy(to + sizeof proto_head, key, PEERID_KEY);
}

int
peerid_unpack_key(uint8_t key[PEERID_KEY], const uint8_t *bytes, size_t n)
{
	if (n != PEERID_PROTO || memcmp(bytes, proto_head, sizeof proto_head) != 0)
		return err_set(ERR_DATA, "not an Ed25519 public key");
	memcpy(key, bytes + sizeof proto_head, PEERID_KEY);
	return 0;
}

struct peerid
peerid_of_key(const uint8_t key[PEERID_KEY])
{
	struct peerid p = { .n = sizeof identity_head + PEERID_PROTO };

	memcpy(p.bytes, identity_head, sizeof identity_head);
	peerid_pack_key(p.bytes + sizeof identity_head, key);
	return p;
}

const uint8_t *
peerid_key(const struct peerid *p)
{
	const uint8_t *proto = p->bytes + sizeof identity_head;

	if (p->n != sizeof identity_head + PEERID_PROTO || memcmp(p->bytes, identity_head, sizeof identity_head) != 0 ||
	    memcmp(proto, proto_head, sizeof proto_head) != 0)
		return NULL;
	return proto + sizeof proto_head;
}

bool
peerid_equal(const struct peerid *a, const struct peerid *b)
{
	return a->n == b->n && memcmp(a->bytes, b->bytes, a->n) == 0;
}

int
peerid_unpack(struct peerid *p, const uint8_t *bytes, size_t n)
{
	bool hashed = n == sizeof sha256_head + 32 && memcmp(bytes, sha256_head, sizeof sha256_head) == 0;
	/* a key as protobuf, of any type: a text that is cut may begin as another identity by chance */
	bool identity = n > 6 && n <= 2 + IDENTITY_LONGEST && bytes[0] == 0 && bytes[1] == n - 2 && bytes[2] == proto_head[0] &&
	    bytes[3] < 0x80 && bytes[4] == proto_head[2] && bytes[5] == n - 6;

	if (!hashed && !identity)
		return err_set(ERR_DATA, "not a PeerId");
	*p = (struct peerid){ .n = (uint8_t)n }; /* <= PEERID_MAX */
	memcpy(p->bytes, bytes, n);
	return 0;
}

char *
peerid_text(const struct peerid *p, char to[PEERID_TEXT])
{
	char text[MULTIBASE_TEXT];

	snprintf(to, PEERID_TEXT, "%s", multibase_encode(text, MULTIBASE_58BTC, p->bytes, p->n) + 1); /* without "z" */
	return to;
}

int
peerid_parse(struct peerid *p, const char *text, size_t n)
{
	uint8_t bytes[MULTIBASE_MAX];
	struct cid c;
	ssize_t m = -1;

	if (multibase_of(text, n) == MULTIBASE_NONE) /* no base58 of a multihash begins as a text that says its base */
		m = multibase_decode_digits(bytes, MULTIBASE_58BTC, text, n);
	else if (cid_parse(&c, text, n) == 0 && c.codec == CID_LIBP2P_KEY)
		m = (ssize_t)multihash_pack(bytes, &c.hash); /* <= MULTIHASH_MAX */
	if (m >= 0 && peerid_unpack(p, bytes, (size_t)m) == 0)
		return 0;
	return err_set(ERR_DATA, "'%.*s' is not a PeerId", n < 100 ? (int)n : 100, text);
}

char *
peerid_did(const uint8_t key[PEERID_KEY], char to[PEERID_DID])
{
	uint8_t bytes[sizeof did_head + PEERID_KEY];
	char text[MULTIBASE_TEXT];

	memcpy(bytes, did_head, sizeof did_head);
	memcpy(bytes + sizeof did_head, key, PEERID_KEY);
	snprintf(to, PEERID_DID, "did:key:%s", multibase_encode(text, MULTIBASE_58BTC, bytes, sizeof bytes));
	return to;
}

int
peerid_parse_did(uint8_t key[PEERID_KEY], const char *text, size_t n)
{
	static const char head[] = "did:key:z";
	uint8_t bytes[MULTIBASE_MAX];

	if (n < sizeof head - 1 || memcmp(text, head, sizeof head - 1) != 0 ||
	    multibase_decode(bytes, text + sizeof head - 2, n - (sizeof head - 2)) != (ssize_t)(sizeof did_head + PEERID_KEY) ||
	    memcmp(bytes, did_head, sizeof did_head) != 0)
		return err_set(ERR_DATA, "'%.*s' is not the did:key of an Ed25519 key", n < 100 ? (int)n : 100, text);
	memcpy(key, bytes + sizeof did_head, PEERID_KEY);
	return 0;
}
