/* Proofs of documents: W3C's example step by step, credentials good and tampered with, moments, and each member changed. */
#include <stdio.h>
#include <time.h>

#include "base/err.h"
#include "trust/datetime.h"
#include "trust/jcs.h"
#include "trust/peerid.h"
#include "trust/proof.h"
#include "vectors.h"

#define NOW 1767323045 /* 2026-01-02T03:04:05Z */

static const struct {
	const char *text;
	bool good;
	int64_t seconds;
} moments[] = {
	{ "1970-01-01T00:00:00Z", true, 0 }, { "2026-01-02T03:04:05Z", true, NOW }, { "2026-01-02T03:04:05.999Z", true, NOW },
	{ "2026-01-02T05:34:05+02:30", true, NOW }, { "2026-01-01T22:04:05-05:00", true, NOW }, { "2024-02-29T00:00:00Z", true, 1709164800 },
	{ "2000-02-29T00:00:00Z", true, 951782400 }, { "1969-12-31T23:59:59Z", true, -1 }, { "0001-01-01T00:00:00Z", true, -62135596800 },
	{ "9999-12-31T23:59:59Z", true, 253402300799 }, { "2023-02-29T00:00:00Z", false, 0 }, { "1900-02-29T00:00:00Z", false, 0 },
	{ "2026-01-02", false, 0 }, { "2026-01-02T03:04:05", false, 0 }, { "2026-01-02 03:04:05Z", false, 0 }, { "2026-13-02T03:04:05Z", false, 0 },
	{ "2026-00-02T03:04:05Z", false, 0 }, { "2026-01-00T03:04:05Z", false, 0 }, { "2026-01-02T24:00:00Z", false, 0 }, { "2026-01-02T03:60:05Z", false, 0 },
	{ "2026-01-02T03:04:60Z", false, 0 }, { "2026-01-02T03:04:05.Z", false, 0 }, { "2026-01-02T03:04:05+15:00", false, 0 }, { "2026-01-02T03:04:05Zx", false, 0 },
	{ "26-01-02T03:04:05Z", false, 0 }, { "", false, 0 }, { "0000-01-01T00:00:00Z", false, 0 }, { "2026-1-2T03:04:05Z", false, 0 },
};

static void
check_moments(void)
{
	char text[DATETIME_TEXT];
	int64_t s, wrong = 0;

	for (size_t i = 0; i < sizeof moments / sizeof *moments; i++) {
		s = 0;
		bool good = datetime_parse(&s, moments[i].text);
		tap_ok(good == moments[i].good && (!good || s == moments[i].seconds), "'%s'", moments[i].text);
	}
	for (int64_t t = 0; t < 253402300800; t += 86400 * 13 + 4711)
		wrong += !datetime_parse(&s, datetime_text(text, t)) || s != t;
	tap_ok(wrong == 0, "moments are written and read, up to %s", text);
}

static json_t *
document(const char *text)
{
	json_t *j = jcs_parse(text, strlen(text));

	if (!j)
		abort();
	return j;
}

static void
known_key(struct key *k, const char *seed)
{
	uint8_t bytes[KEY_SEED];

	memset(k, 0, sizeof *k);
	if (!hex_to(bytes, sizeof bytes, seed))
		abort();
	crypto_sign_seed_keypair(k->public.bytes, k->secret, bytes);
}

/* What a member of the example becomes, as JSON ("" for none), and whether the proof still holds. */
static const struct {
	const char *where, *key, *value;
} changes[] = {
	{ "", "issuer", "\"did:key:x\"" }, { "", "more", "1" }, { "", "n", "1.0000001" }, { "", "n", "" }, { "", "@context", "[\"a\"]" },
	{ "", "@context", "[\"b\",\"a\"]" }, { "", "@context", "" }, { "", "proof", "" }, { "", "proof", "[]" }, { "", "proof", "\"x\"" },
	{ "proof", "created", "\"2026-01-02T03:04:06Z\"" }, { "proof", "created", "1" }, { "proof", "created", "\"yesterday\"" }, { "proof", "expires", "\"2020-01-01T00:00:00Z\"" },
	{ "proof", "expires", "\"2030-01-01T00:00:00Z\"" }, { "proof", "cryptosuite", "\"eddsa-rdfc-2022\"" }, { "proof", "type", "\"Ed25519Signature2020\"" },
	{ "proof", "proofPurpose", "\"authentication\"" }, { "proof", "proofPurpose", "" }, { "proof", "proofValue", "" }, { "proof", "proofValue", "\"z\"" },
	{ "proof", "proofValue", "\"u2HnFSSPPBzR36zdDgK8PbEHeXbR56YF24jwMpt3R1eHXQzJDMWS93FCzpvJpwTWd3GAVFuUfjoJdcnTMuVor51aX\"" },
	{ "proof", "proofValue", "\"z2HnFSSPPBzR36zdDgK8PbEHeXbR56YF24jwMpt3R1eHXQzJDMWS93FCzpvJpwTWd3GAVFuUfjoJdcnTMuVor51aX\"" },
	{ "proof", "verificationMethod", "" }, { "proof", "verificationMethod", "\"did:key:z6MkrJVnaZkeFzdQyMZu1cgjg7k1pZZ6pvBQ7XJPt4swbTQ2\"" },
	{ "proof", "verificationMethod", "\"did:key:z6MkrJVnaZkeFzdQyMZu1cgjg7k1pZZ6pvBQ7XJPt4swbTQ2#z6MkrJVnaZkeFzdQyMZu1cgjg7k1pZZ6pvBQ7XJPt4swbTQ2\"" },
	{ "proof", "verificationMethod", "\"did:key:z6Mkr#z6Mkr\"" }, { "proof", "verificationMethod", "\"#\"" }, { "proof", "verificationMethod", "\"did:key:#\"" },
	{ "proof", "@context", "[\"a\",\"b\",\"c\"]" }, { "proof", "@context", "[\"a\"]" }, { "proof", "@context", "" }, { "proof", "more", "1" },
};

static void
check_changes(void)
{
	struct key k;
	uint8_t signer[KEY_PUBLIC];

	known_key(&k, "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60");
	json_t *d = document("{\"@context\":[\"a\",\"b\"],\"n\":1,\"issuer\":\"x\"}");
	tap_ok(proof_add(d, &k, NOW) == 0 && proof_check(d, NOW, signer) == 0 && memcmp(signer, k.public.bytes, KEY_PUBLIC) == 0, "a proof is made, and holds");
	tap_ok(proof_add(d, &k, NOW) == -1, "one is enough: %s", err_reason());
	for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
		json_t *other = json_deep_copy(d), *in = changes[i].where[0] ? json_object_get(other, changes[i].where) : other;
		if (changes[i].value[0])
			json_object_set_new(in, changes[i].key, document(changes[i].value));
		else
			json_object_del(in, changes[i].key);
		tap_ok(proof_check(other, NOW, signer) == -1, "%s %s %s: %s", changes[i].where, changes[i].key, changes[i].value, err_reason());
		json_decref(other);
	}
	json_array_append_new(json_object_get(d, "@context"), json_string("c"));
	tap_ok(proof_check(d, NOW, signer) == 0, "a context behind those that are signed changes nothing");
	json_decref(d);
	d = document("{\"n\":1}");
	tap_ok(proof_add(d, &k, NOW) == 0 && proof_check(d, NOW, signer) == 0, "without contexts");
	json_decref(d);
	d = document("[]");
	tap_ok(proof_add(d, &k, NOW) == -1 && proof_check(d, NOW, signer) == -1, "no object: %s", err_reason());
	json_decref(d);
}

/* Is the canonical text, of an object without a member, this? */
static bool
canonical_is(const json_t *object, const char *member, const char *wanted)
{
	json_t *copy = json_deep_copy(object);
	struct buf b = { 0 };

	json_object_del(copy, member);
	bool same = jcs_add(&b, copy) == 0 && buf_addc(&b, 0) == 0 && strcmp((char *)b.data, wanted) == 0;
	json_decref(copy);
	buf_free(&b);
	return same;
}

/* What a credential says of who issued it; offline only a did:key can be compared. */
static bool
is_of_issuer(const json_t *credential, const uint8_t signer[KEY_PUBLIC])
{
	char did[PEERID_DID];

	return strcmp(vectors_text(credential, "issuer"), peerid_did(signer, did)) == 0;
}

static void
check_generated(void)
{
	json_t *all = vectors_json("vc-di/generated.json"), *one;
	uint8_t signer[KEY_PUBLIC], bytes[PROOF_SIGNED];
	struct key k;
	size_t i;

	json_array_foreach(all, i, one) {
		json_t *text = json_object_get(one, "signed"), *proof = json_object_get(text, "proof");
		bool good = json_is_true(json_object_get(one, "ok"));
		bool holds = proof_check(text, NOW, signer) == 0 && is_of_issuer(text, signer);
		tap_ok(holds == good, "%s: %s", vectors_text(one, "why"), holds ? "holds" : err_reason());
		if (!good)
			continue;
		tap_ok(canonical_is(text, "proof", vectors_text(one, "canonicalDocument")) && canonical_is(proof, "proofValue", vectors_text(one, "canonicalOptions")) &&
		    proof_bytes(bytes, text, proof) == 0 && is_hex(bytes, sizeof bytes, vectors_text(one, "hashData")), "and so does each step to it");
		json_t *made = json_deep_copy(text);
		known_key(&k, vectors_text(one, "seed"));
		json_object_del(made, "proof");
		tap_ok(proof_add(made, &k, NOW) == 0 && json_equal(made, text), "the same is made by its key");
		json_decref(made);
	}
	json_decref(all);
}

static void
check_w3c(void)
{
	json_t *d = vectors_json("vc-di/eddsa-jcs-2022/signedJCS.json");
	uint8_t signer[KEY_PUBLIC];
	char did[PEERID_DID];

	if (!d)
		return;
	tap_ok(proof_check(d, NOW, signer) == 0 && strcmp(peerid_did(signer, did), "did:key:z6MkrJVnaZkeFzdQyMZu1cgjg7k1pZZ6pvBQ7XJPt4swbTQ2") == 0,
	    "the example of W3C holds, by %s", did);
	json_decref(d);
}

int
main(void)
{
	if (sodium_init() < 0)
		abort();
	check_moments();
	check_changes();
	check_w3c();
	check_generated();
	return tap_done();
}
