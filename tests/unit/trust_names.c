/* The names of keys: PeerIds and did:key, beside those of others. */
#include "base/err.h"
#include "trust/multibase.h"
#include "trust/peerid.h"
#include "vectors.h"

/* A row of libp2p/peer-ids.json, made by js-libp2p. */
#define KEY "525c8be721c6720eb308e729ef121317ad5b11a54c5d56f2aa6ccbb2bc42e91c"
#define PROTO "08011220" KEY
#define PEER_BYTES "0024" PROTO
#define PEER "12D3KooWFMsSyQ8qoegi4jJ7NzMDbt2dBfmisZcM3rqsUoZfa6Dh"
#define PEER_CID "bafzaajaiaejcaus4rptsdrtsb2zqrzzj54jbgf5nlmi2ktc5k3zku3glwk6ef2i4"
#define PEER_CID_36 "k51qzi5uqu5di8hlwwrko6wis5yhmnr3nu96t1ms301hussgmbpj1bj6sk0dng"
#define PEER_CID_UPPER "BAFZAAJAIAEJCAUS4RPTSDRTSB2ZQRZZJ54JBGF5NLMI2KTC5K3ZKU3GLWK6EF2I4"
#define DID "did:key:z6MkjzmKpWoZxHugmLdPRxZigBVnWuzwFknDnHPmw6NnbNH9"
/* The specification's PeerId of a key that is hashed. */
#define HASHED "QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N"
#define HASHED_CID "bafzbeie5745rpv2m6tjyuugywy4d5ewrqgqqhfnf445he3omzpjbx5xqxe"

/* ---- PeerIds and did:key ---- */

static bool
parses_as(const char *text, const struct peerid *p)
{
	struct peerid got;

	return peerid_parse(&got, text, strlen(text)) == 0 && peerid_equal(&got, p);
}

/* All names of one key, in all directions. */
static bool
names_are(const char *proto, const char *bytes, const char *text, const char *cid, const char *did)
{
	uint8_t key[PEERID_KEY], back[PEERID_KEY], packed[PEERID_PROTO];
	char to[PEERID_TEXT], to_did[PEERID_DID];
	struct buf b = hex(proto);
	struct peerid p, unpacked;
	bool good = peerid_unpack_key(key, b.data, b.len) == 0;

	buf_free(&b);
	if (!good)
		return false;
	peerid_pack_key(packed, key);
	p = peerid_of_key(key);
	good = is_hex(packed, sizeof packed, proto) && is_hex(p.bytes, p.n, bytes) && strcmp(peerid_text(&p, to), text) == 0 &&
	    peerid_unpack(&unpacked, p.bytes, p.n) == 0 && peerid_equal(&unpacked, &p) &&
	    peerid_key(&p) && memcmp(peerid_key(&p), key, sizeof key) == 0 && parses_as(text, &p) && parses_as(cid, &p);
	return good && strcmp(peerid_did(key, to_did), did) == 0 && peerid_parse_did(back, did, strlen(did)) == 0 &&
	    memcmp(back, key, sizeof key) == 0;
}

static void
check_peer_vectors(void)
{
	json_t *all = vectors_json("libp2p/peer-ids.json"), *v;
	size_t i;
	int n = 0, right = 0;
	uint8_t key[PEERID_KEY];

	json_array_foreach(all, i, v) {
		const char *proto = vectors_text(v, "publicProto");
		struct buf b = hex(proto);
		n++;
		if (json_object_get(v, "peerId"))
			right += names_are(proto, vectors_text(v, "peerIdBytes"), vectors_text(v, "peerId"), vectors_text(v, "peerIdCid"),
			    vectors_text(v, "didKey"));
		else
			right += peerid_unpack_key(key, b.data, b.len) == 0;
		buf_free(&b);
	}
	if (all)
		tap_ok(n >= 20 && right == n, "%d of %d keys have the names that js-libp2p gives them", right, n);
	json_decref(all);
}

static void
check_peer_strings(void)
{
	json_t *all = vectors_json("libp2p/peer-id-strings.json"), *v;
	size_t i;
	int n = 0, right = 0;

	json_array_foreach(all, i, v) {
		const char *text = vectors_text(v, "text");
		struct peerid p, back;
		char to[PEERID_TEXT];
		n++;
		if (peerid_parse(&p, text, strlen(text)) < 0)
			continue;
		bool ed25519 = strstr(vectors_text(v, "form"), "Ed25519") != NULL;
		peerid_text(&p, to);
		right += (text[0] == 'b' || strcmp(to, text) == 0) && peerid_parse(&back, to, strlen(to)) == 0 && peerid_equal(&p, &back) &&
		    (peerid_key(&p) != NULL) == ed25519;
	}
	if (all)
		tap_ok(n >= 3 && right == n, "%d of %d PeerIds of the specification are read", right, n);
	json_decref(all);
}

static void
check_did_vectors(void)
{
	json_t *all = vectors_json("did-key/ed25519-x25519.json"), *v;
	size_t i;
	int n = 0, right = 0;

	json_array_foreach(all, i, v) {
		const char *did = vectors_text(v, "did"), *base58 = vectors_text(json_object_get(v, "verificationKeyPair"), "publicKeyBase58");
		uint8_t seed[32], key[PEERID_KEY], secret[64], got[PEERID_KEY];
		char to[PEERID_DID], text[MULTIBASE_TEXT];
		n++;
		if (!hex_to(seed, sizeof seed, vectors_text(v, "seed")))
			continue;
		crypto_sign_seed_keypair(key, secret, seed);
		right += peerid_parse_did(got, did, strlen(did)) == 0 && memcmp(got, key, sizeof key) == 0 && strcmp(peerid_did(key, to), did) == 0 &&
		    (!*base58 || strcmp(multibase_encode(text, MULTIBASE_58BTC, key, sizeof key) + 1, base58) == 0);
	}
	if (all)
		tap_ok(n >= 4 && right == n, "%d of %d did:key of W3C are of their seeds", right, n);
	json_decref(all);
}

static void
check_names_known(void)
{
	struct peerid p, cid;
	char to[PEERID_TEXT];

	tap_ok(names_are(PROTO, PEER_BYTES, PEER, PEER_CID, DID), "the names of a key");
	tap_ok(peerid_parse(&p, HASHED, strlen(HASHED)) == 0 && p.n == 34 && !peerid_key(&p) && strcmp(peerid_text(&p, to), HASHED) == 0,
	    "a PeerId that is a hash has no key");
	tap_ok(peerid_parse(&cid, HASHED_CID, strlen(HASHED_CID)) == 0 && cid.n == 34 && peerid_equal(&p, &cid),
	    "also as a CID");
	tap_ok(peerid_parse(&p, PEER, strlen(PEER)) == 0 && parses_as(PEER_CID_36, &p) && parses_as(PEER_CID_UPPER, &p), "a CID of any base");
	struct buf b = hex("0025" "08021221" "02" KEY);
	tap_ok(peerid_unpack(&p, b.data, b.len) == 0 && p.n == 39 && !peerid_key(&p), "and so has that of another kind");
	buf_free(&b);
	p = (struct peerid){ 0 };
	tap_ok(!peerid_key(&p) && !peerid_equal(&p, &cid), "nobody is nobody");
}

static void
check_key_bad(void)
{
	static const char *const bad[] = {
		"08001220" KEY,         /* RSA, as it says */
		"08021220" KEY,         /* secp256k1 */
		"1220" KEY "0801",      /* in another order */
		"0881001220" KEY,       /* a type that is longer than it need be */
		"080112a000" KEY,       /* a length that is */
		"0801" "0801" "1220" KEY,
		PROTO "1800",           /* a field more */
		PROTO "00",
		"0801121f" KEY,         /* a length less than what follows */
		"08011221" KEY,
		"08011220" KEY KEY,
		"0801" "1a20" KEY,      /* field 3 */
		"",
	};
	uint8_t key[PEERID_KEY];
	struct buf b = hex(PROTO);
	int taken = 0;

	for (size_t n = 0; n < b.len; n++)
		taken += peerid_unpack_key(key, b.data, n) == 0;
	buf_free(&b);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		b = hex(bad[i]);
		if (peerid_unpack_key(key, b.data, b.len) == 0) {
			tap_ok(false, "the key %s is refused", bad[i]);
			taken++;
		}
		buf_free(&b);
	}
	tap_ok(taken == 0, "keys that are cut, of other kinds, or of another form are refused: %s", err_reason());
}

static void
check_peer_bytes_bad(void)
{
	static const char *const bad[] = {
		PEER_BYTES "00",
		"0023" PROTO, "0025" PROTO,       /* of another length than it says */
		"00a400" PROTO,                   /* a length longer than it need be */
		"1120" KEY, "1340" KEY KEY,       /* SHA-1, SHA-512, as they say */
		"1221" KEY "00", "121f" KEY, "1220" KEY "00",
		"0172" PEER_BYTES,                /* a CID */
		"0000", "00", "",
		"002b" "08001227" KEY "00000000000000", /* 43 bytes are hashed */
		"0003616263", "0007f07f4e9a3d7c11", /* an identity that is no key */
		"002408011221" KEY, "002408011a20" KEY, "002410011220" KEY,
	};
	struct peerid p;
	struct buf b = hex(PEER_BYTES);
	int taken = 0;

	for (size_t n = 0; n < b.len; n++)
		taken += peerid_unpack(&p, b.data, n) == 0;
	buf_free(&b);
	b = hex("1220" KEY);
	for (size_t n = 0; n < b.len; n++)
		taken += peerid_unpack(&p, b.data, n) == 0;
	buf_free(&b);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		b = hex(bad[i]);
		if (peerid_unpack(&p, b.data, b.len) == 0) {
			tap_ok(false, "the PeerId %s is refused", bad[i]);
			taken++;
		}
		buf_free(&b);
	}
	tap_ok(taken == 0, "bytes that are no PeerId are refused: %s", err_reason());
}

static void
check_peer_text_bad(void)
{
	static const char *const bad[] = {
		"", " " PEER, PEER " ", PEER "\n", PEER "1", "1" PEER, "z" PEER, PEER "/", PEER PEER PEER,
		"12D3KooWFMsSyQ8qoegi4jJ7NzMDbt2dBfmisZcM3rqsUoZfa6D0", /* a character that is not of base58 */
		"12d3KooWFMsSyQ8qoegi4jJ7NzMDbt2dBfmisZcM3rqsUoZfa6Dh",
		"b", "ba", "bAFZAAJAIAEJCAUS4RPTSDRTSB2ZQRZZJ54JBGF5NLMI2KTC5K3ZKU3GLWK6EF2I8",
		PEER_CID "a", PEER_CID "=", PEER_CID "aa", PEER_CID PEER_CID PEER_CID PEER_CID,
		"bafzbeie5745rpv2m6tjyuugywy4d5ewrqgqqhfnf445he3omzpjbx5xqxf", /* bits behind the last byte */
		"bafzaajaiaejcaus4rptsdrtsb2zqrzzj54jbgf5nlmi2ktc5k3zku3glwk6ef2i1",
		"bafyaajaiaejcaus4rptsdrtsb2zqrzzj54jbgf5nlmi2ktc5k3zku3glwk6ef2i4", /* codec 0x70, dag-pb */
		"bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy",       /* raw */
	};
	struct peerid p;
	int taken = 0;

	for (size_t n = 0; n < strlen(PEER); n++)
		taken += peerid_parse(&p, PEER, n) == 0;
	for (size_t n = 0; n < strlen(PEER_CID); n++)
		taken += peerid_parse(&p, PEER_CID, n) == 0;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (peerid_parse(&p, bad[i], strlen(bad[i])) == 0) {
			tap_ok(false, "the PeerId '%s' is refused", bad[i]);
			taken++;
		}
	tap_ok(taken == 0, "texts that are no PeerId are refused: %s", err_reason());
}

static void
check_did_bad(void)
{
	static const char *const bad[] = {
		"did:key:z6LSrHyXiPBhUbvPUtyUCdf32sniiMGPTAesgHrtEa4FePtr",    /* X25519 */
		"did:key:6MkjzmKpWoZxHugmLdPRxZigBVnWuzwFknDnHPmw6NnbNH9", "did:web:z6MkjzmKpWoZxHugmLdPRxZigBVnWuzwFknDnHPmw6NnbNH9",
		"DID:KEY:z6MkjzmKpWoZxHugmLdPRxZigBVnWuzwFknDnHPmw6NnbNH9", "z6MkjzmKpWoZxHugmLdPRxZigBVnWuzwFknDnHPmw6NnbNH9",
		DID "1", DID " ", DID "#z6MkjzmKpWoZxHugmLdPRxZigBVnWuzwFknDnHPmw6NnbNH9", " " DID, "did:key:z", "",
		"did:key:z6MkjzmKpWoZxHugmLdPRxZigBVnWuzwFknDnHPmw6NnbNH0",
		"did:key:z" PEER,
	};
	uint8_t key[PEERID_KEY];
	int taken = 0;

	for (size_t n = 0; n < strlen(DID); n++)
		taken += peerid_parse_did(key, DID, n) == 0;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (peerid_parse_did(key, bad[i], strlen(bad[i])) == 0) {
			tap_ok(false, "'%s' is refused", bad[i]);
			taken++;
		}
	tap_ok(taken == 0, "what is no did:key of an Ed25519 key is refused: %s", err_reason());
}

int
main(void)
{
	if (sodium_init() < 0)
		abort();
	check_names_known();
	check_peer_vectors();
	check_peer_strings();
	check_did_vectors();
	check_key_bad();
	check_peer_bytes_bad();
	check_peer_text_bad();
	check_did_bad();
	return tap_done();
}
