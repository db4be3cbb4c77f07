/* Statements and bundles of OpenSSF Model Signing with members that are other than they should be, or other than usual. */
#include <stdio.h>

#include "base/err.h"
#include "trust/base64.h"
#include "trust/oms.h"
#include "vectors.h"

static struct key k;
static struct pubkey public;

static json_t *
value(const char *text)
{
	json_t *j = text[0] ? json_loads(text, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL) : NULL;

	if (text[0] && !j)
		abort();
	return j;
}

/* ---- statements ---- */

#define H "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb" /* of "a" */
#define FILE_OF(name, algorithm, digest) "[{\"name\":\"" name "\",\"algorithm\":\"" algorithm "\",\"digest\":\"" digest "\"}]"
#define FILES "{\"method\":\"files\",\"hash_type\":\"sha256\",\"allow_symlinks\":false}"
#define FILES_AND(more) "{\"method\":\"files\",\"hash_type\":\"sha256\",\"allow_symlinks\":false," more "}"

static const struct {
	const char *key, *value; /* "": taken away */
	bool good;
} members[] = {
	{ "more", "1", false }, { "_type", "\"https://in-toto.io/Statement/v0.1\"", false }, { "_type", "", false }, { "_type", "1", false },
	{ "predicateType", "\"https://model_signing/Digests/v0.1\"", false }, { "predicateType", "", false }, { "subject", "", false }, { "subject", "[]", false },
	{ "subject", "{}", false }, { "subject", "[{\"name\":\"m\",\"digest\":{}}]", false }, { "subject", "[{\"name\":\"m\",\"digest\":{\"sha256\":\"" H "\"}}]", false },
	{ "predicate", "", false }, { "predicate", "[]", false }, { "predicate", "{}", false },
}, inside[] = {
	{ "more", "1", false }, { "resources", "", false }, { "resources", "[]", false }, { "resources", "{}", false }, { "resources", "[1]", false },
	{ "resources", "[{\"name\":\"a\",\"algorithm\":\"sha256\",\"digest\":\"" H "\",\"more\":1}]", true },
	{ "resources", FILE_OF("a", "sha512", H), false }, { "resources", "[{\"name\":\"a\",\"digest\":\"" H "\"}]", false },
	{ "resources", "[{\"name\":\"a\",\"algorithm\":\"sha256\"}]", false }, { "resources", "[{\"algorithm\":\"sha256\",\"digest\":\"" H "\"}]", false },
	{ "resources", "[{\"name\":1,\"algorithm\":\"sha256\",\"digest\":\"" H "\"}]", false }, { "resources", FILE_OF("", "sha256", H), false },
	{ "resources", FILE_OF("/a", "sha256", H), false }, { "resources", FILE_OF("../a", "sha256", H), false },
	{ "resources", FILE_OF("a/", "sha256", H), false }, { "resources", FILE_OF("a\\u0000", "sha256", H), false },
	{ "resources", FILE_OF("a", "sha256", "CA978112CA1BBDCAFAC231B39A23DC4DA786EFF8147C4E72B9807785AFEE48BB"), false },
	{ "resources", FILE_OF("a", "sha256", "ca97"), false },
	/* another digest than the subject's */
	{ "resources", FILE_OF("a", "sha256", "3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d"), false },
	{ "serialization", "", false }, { "serialization", FILES, true }, { "serialization", "[]", false }, { "serialization", FILES_AND("\"more\":1"), false },
	{ "serialization", FILES_AND("\"shard_size\":1"), false }, { "serialization", FILES_AND("\"ignore_paths\":[]"), true },
	{ "serialization", FILES_AND("\"ignore_paths\":[\"b/c\",\"b/c\"]"), true }, { "serialization", FILES_AND("\"ignore_paths\":{}"), false },
	{ "serialization", FILES_AND("\"ignore_paths\":[\"\"]"), false }, { "serialization", FILES_AND("\"ignore_paths\":[\".\"]"), false },
	{ "serialization", FILES_AND("\"ignore_paths\":[\"..\"]"), false }, { "serialization", FILES_AND("\"ignore_paths\":[\"/\"]"), false },
	{ "serialization", FILES_AND("\"ignore_paths\":[1]"), false }, { "serialization", FILES_AND("\"ignore_paths\":[\"a\\u0000\"]"), false },
	{ "serialization", "{\"method\":\"files\",\"hash_type\":\"sha256\"}", false }, { "serialization", "{\"method\":\"files\",\"hash_type\":\"sha256\",\"allow_symlinks\":0}", false },
	{ "serialization", "{\"method\":\"files\",\"hash_type\":\"sha256\",\"allow_symlinks\":true}", true },
	{ "serialization", "{\"method\":\"files\",\"hash_type\":\"blake2b\",\"allow_symlinks\":false}", false },
	{ "serialization", "{\"method\":\"shards\",\"hash_type\":\"sha256\",\"allow_symlinks\":false,\"shard_size\":10}", false },
};

/* A statement of the file "a". */
static json_t *
sample(void)
{
	struct hash h;
	char all[HASH_HEX];

	if (!hash_from_hex(&h, H, strlen(H)))
		abort();
	h = hash_bytes(h.bytes, sizeof h.bytes);
	return json_pack("{ss s[{ss s{ss}}] ss s{s[{ss ss ss}] so}}", "_type", "https://in-toto.io/Statement/v1", "subject", "name", "m", "digest", "sha256",
	    hash_to_hex(&h, all), "predicateType", "https://model_signing/signature/v1.0", "predicate", "resources", "name", "a", "algorithm", "sha256", "digest", H,
	    "serialization", value(FILES));
}

static void
set(json_t *o, const char *key, const char *text)
{
	if (text[0])
		json_object_set_new(o, key, value(text));
	else
		json_object_del(o, key);
}

static bool
is_statement(const json_t *o)
{
	char *text = json_dumps(o, 0);
	struct oms m;
	bool good = oms_statement(&m, text, strlen(text)) == 0;

	oms_free(&m);
	free(text);
	return good;
}

static void
check_statements(void)
{
	struct oms m;

	for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
		json_t *o = sample();
		set(o, members[i].key, members[i].value);
		bool good = is_statement(o);
		tap_ok(good == members[i].good, "%s %s: %s", members[i].key, members[i].value, good ? "taken" : err_reason());
		json_decref(o);
	}
	for (size_t i = 0; i < sizeof inside / sizeof *inside; i++) {
		json_t *o = sample();
		set(json_object_get(o, "predicate"), inside[i].key, inside[i].value);
		bool good = is_statement(o);
		tap_ok(good == inside[i].good, "%s %s: %s", inside[i].key, inside[i].value, good ? "taken" : err_reason());
		json_decref(o);
	}
	static const char *const none[] = { "", "[]", "{", "null", "{\"_type\":1,\"_type\":1}" };
	for (size_t i = 0; i < sizeof none / sizeof *none; i++)
		tap_ok(oms_statement(&m, none[i], strlen(none[i])) == -1, "%s: %s", none[i], err_reason());
}

/* The order of the files is the signer's, but none is there twice. */
static void
check_order(void)
{
	static const char two[] = "[{\"name\":\"%s\",\"algorithm\":\"sha256\",\"digest\":\"" H "\"},{\"name\":\"%s\",\"algorithm\":\"sha256\",\"digest\":\"" H "\"}]";
	static const char *const name[][2] = { { "a/c", "a.b" }, { "a.b", "a/c" }, { "a", "a" }, { "a", "." } };
	char all[HASH_HEX], text[512];
	uint8_t both[2 * HASH_SIZE];

	if (!hex_to(both, HASH_SIZE, H))
		abort();
	memcpy(both + HASH_SIZE, both, HASH_SIZE);
	struct hash h = hash_bytes(both, sizeof both);
	hash_to_hex(&h, all);
	for (size_t i = 0; i < sizeof name / sizeof *name; i++) {
		json_t *o = sample();
		snprintf(text, sizeof text, two, name[i][0], name[i][1]);
		set(json_object_get(o, "predicate"), "resources", text);
		json_object_set_new(json_object_get(json_array_get(json_object_get(o, "subject"), 0), "digest"), "sha256", json_string(all));
		bool good = is_statement(o);
		tap_ok(good == (i < 2), "%s before %s: %s", name[i][0], name[i][1], good ? "taken" : err_reason());
		json_decref(o);
	}
}

/* ---- bundles around a statement ---- */

static const struct {
	const char *key, *value;
	bool good;
} bundles[] = {
	{ "more", "1", false }, { "mediaType", "", false }, { "mediaType", "1", false }, { "mediaType", "\"application/json\"", false },
	{ "mediaType", "\"application/vnd.dev.sigstore.bundle+json;version=0.2\"", true }, { "mediaType", "\"application/vnd.dev.sigstore.bundle.v0.4+json\"", false },
	{ "dsseEnvelope", "", false }, { "dsseEnvelope", "{}", false }, { "messageSignature", "{}", false }, { "verificationMaterial", "", false },
	{ "verificationMaterial", "{}", false }, { "verificationMaterial", "[]", false }, { "verificationMaterial", "{\"publicKey\":{}}", false },
	{ "verificationMaterial", "{\"publicKey\":{\"hint\":1}}", false }, { "verificationMaterial", "{\"publicKey\":{\"hint\":\"\"}}", true },
	{ "verificationMaterial", "{\"publicKey\":{\"hint\":\"00\"}}", false }, { "verificationMaterial", "{\"publicKey\":\"\"}", false },
	{ "verificationMaterial", "{\"publicKey\":{\"rawBytes\":\"!\"}}", false }, { "verificationMaterial", "{\"publicKey\":{\"rawBytes\":\"AAAA\"}}", false },
	{ "verificationMaterial", "{\"publicKey\":{\"hint\":\"\",\"rawBytes\":1}}", false },
	{ "verificationMaterial", "{\"publicKey\":{\"hint\":\"\",\"more\":1},\"more\":1}", true },
	{ "verificationMaterial", "{\"publicKey\":{\"hint\":\"\"},\"tlogEntries\":{}}", false }, { "verificationMaterial", "{\"publicKey\":{\"hint\":\"\"},\"tlogEntries\":[1]}", false },
	{ "verificationMaterial", "{\"publicKey\":{\"hint\":\"\"},\"tlogEntries\":[{\"logIndex\":1}]}", false },
	{ "verificationMaterial", "{\"publicKey\":{\"hint\":\"\"},\"tlogEntries\":[{\"logIndex\":\"1\",\"logId\":{},\"more\":1}]}", true },
	{ "verificationMaterial", "{\"publicKey\":{\"hint\":\"\"},\"timestampVerificationData\":[]}", false },
	{ "verificationMaterial", "{\"publicKey\":{\"hint\":\"\"},\"timestampVerificationData\":{\"rfc3161Timestamps\":{}}}", false },
	{ "verificationMaterial", "{\"publicKey\":{\"hint\":\"\"},\"timestampVerificationData\":{\"rfc3161Timestamps\":[{\"signedTimestamp\":\"\"}]}}", true },
	{ "verificationMaterial", "{\"publicKey\":{\"hint\":\"\"},\"certificate\":{\"rawBytes\":\"AAAA\"},\"tlogEntries\":[{}]}", false },
	{ "verificationMaterial", "{\"certificate\":{\"rawBytes\":\"AAAA\"},\"tlogEntries\":[{}]}", true },
	{ "verificationMaterial", "{\"certificate\":{\"rawBytes\":\"AAAA\"},\"tlogEntries\":[]}", false }, { "verificationMaterial", "{\"certificate\":{\"rawBytes\":\"AAAA\"}}", false },
	{ "verificationMaterial", "{\"certificate\":{\"rawBytes\":\"\"},\"tlogEntries\":[{}]}", false }, { "verificationMaterial", "{\"certificate\":{},\"tlogEntries\":[{}]}", false },
	{ "verificationMaterial", "{\"x509CertificateChain\":{\"certificates\":[{\"rawBytes\":\"AAAA\"}]}}", true },
	{ "verificationMaterial", "{\"x509CertificateChain\":{\"certificates\":[{\"rawBytes\":\"AAAA\"},{}]}}", false },
	{ "verificationMaterial", "{\"x509CertificateChain\":{\"certificates\":[]}}", false }, { "verificationMaterial", "{\"x509CertificateChain\":{}}", false },
};

static bool
is_signed(const json_t *o)
{
	char *text = json_dumps(o, 0);
	struct oms m = { 0 };
	struct oms_bundle b;
	bool good = oms_parse(&b, text, strlen(text)) == 0 && oms_signed(&m, &b, &public) == 0;

	oms_bundle_free(&b);
	oms_free(&m);
	free(text);
	return good;
}

/* The text of a bundle around the sample, with a NUL. */
static struct buf
made(void)
{
	json_t *o = sample();
	char *text = json_dumps(o, 0);
	struct buf b = { 0 };
	struct oms m;

	if (oms_statement(&m, text, strlen(text)) < 0 || oms_sign(&b, &m, &k) < 0 || buf_addc(&b, 0) < 0)
		abort();
	oms_free(&m);
	free(text);
	json_decref(o);
	return b;
}

static void
check_bundles(void)
{
	struct buf text = made();

	for (size_t i = 0; i < sizeof bundles / sizeof *bundles; i++) {
		json_t *o = value((char *)text.data);
		set(o, bundles[i].key, bundles[i].value);
		bool good = is_signed(o);
		tap_ok(good == bundles[i].good, "%s %s: %s", bundles[i].key, bundles[i].value, good ? "taken" : err_reason());
		json_decref(o);
	}
	buf_free(&text);
}

static void
check_envelopes(void)
{
	struct buf text = made(), raw = { 0 }, other = { 0 };

	if (base64_add(&raw, public.pem, strlen(public.pem)) < 0)
		abort();
	json_t *o = value((char *)text.data), *key = json_object_get(json_object_get(o, "verificationMaterial"), "publicKey");
	json_object_clear(key);
	json_object_set_new(key, "rawBytes", json_stringn((char *)raw.data, raw.len));
	tap_ok(is_signed(o), "a key by its PEM, as before 1.1");
	buf_free(&raw);
	json_decref(o);
	/* the same statement as something else */
	o = value((char *)text.data);
	const char *payload = json_string_value(json_object_get(json_object_get(o, "dsseEnvelope"), "payload"));
	if (base64_read(&other, payload, strlen(payload)) < 0)
		abort();
	json_object_set_new(o, "dsseEnvelope", dsse_make("application/json", other.data, other.len, &k));
	tap_ok(!is_signed(o), "a statement that is signed as something else: %s", err_reason());
	json_decref(o);
	buf_free(&other);
	buf_free(&text);
}

int
main(void)
{
	if (key_generate(&k) < 0 || pubkey_of_key(&public, k.public.bytes) < 0)
		abort();
	check_statements();
	check_order();
	check_bundles();
	check_envelopes();
	pubkey_free(&public);
	return tap_done();
}
