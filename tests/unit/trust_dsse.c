/* Envelopes of DSSE, with their example; base64 in both alphabets; keys in PEM, of OpenSSL and of the RFC, and their signatures. */
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>

#include "base/err.h"
#include "trust/base64.h"
#include "trust/dsse.h"
#include "vectors.h"

/* ---- base64 ---- */

static const struct {
	const char *text, *bytes; /* NULL: none */
} texts[] = {
	{ "", "" }, { "Zg==", "f" }, { "Zg", "f" }, { "Zm8=", "fo" }, { "Zm8", "fo" }, { "Zm9v", "foo" }, { "Zm9vYmFy", "foobar" }, { "+/+/", "\xfb\xff\xbf" },
	{ "-_-_", "\xfb\xff\xbf" }, { "+w==", "\xfb" }, { "-w==", "\xfb" }, { "-w", "\xfb" }, { "+w", "\xfb" },
	/* both alphabets, half a padding, more of it, in the middle, bits that say nothing, one character, spaces */
	{ "+_+_", NULL }, { "-/", NULL }, { "Zg=", NULL }, { "Zg===", NULL }, { "Zm8==", NULL }, { "Zg==Zg==", NULL }, { "Zh==", NULL }, { "Zh", NULL }, { "Z", NULL },
	{ "Zm9vY", NULL }, { "=", NULL }, { "====", NULL }, { "Zm9v\n", NULL }, { " Zm9v", NULL }, { "Zm 9v", NULL }, { "Zm9v!", NULL }, { "Zm9\xaf", NULL }, { "\xc3\xa9zz", NULL },
};

static void
check_base64(void)
{
	struct buf b = { 0 };

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		const char *wanted = texts[i].bytes;
		b.len = 0;
		bool good = base64_read(&b, texts[i].text, strlen(texts[i].text)) == 0;
		tap_ok(wanted ? good && b.len == strlen(wanted) && memcmp(b.data, wanted, b.len) == 0 : !good && b.len == 0, "base64, text %zu: %s", i,
		    good ? "taken" : err_reason());
	}
	uint8_t bytes[200];
	int right = 0;
	for (size_t n = 0; n < sizeof bytes; n++) {
		struct buf text = { 0 };
		randombytes_buf(bytes, n);
		b.len = 0;
		right += base64_add(&text, bytes, n) == 0 && base64_read(&b, (char *)text.data, text.len) == 0 && b.len == n && (n == 0 || memcmp(b.data, bytes, n) == 0);
		buf_free(&text);
	}
	tap_ok(right == sizeof bytes, "of 0 to %zu bytes, there and back", sizeof bytes - 1);
	buf_free(&b);
}

/* ---- keys ---- */

/* The PEM of a key of OpenSSL, or of its secret half. */
static char *
pem(EVP_PKEY *key, bool secret)
{
	static char text[4096];
	BIO *out = BIO_new(BIO_s_mem());
	int n = 0;

	if (!key || (secret ? PEM_write_bio_PrivateKey(out, key, NULL, NULL, 0, NULL, NULL) : PEM_write_bio_PUBKEY(out, key)) != 1 ||
	    (n = BIO_read(out, text, sizeof text - 1)) <= 0)
		abort();
	text[n] = '\0';
	BIO_free(out);
	return text;
}

static size_t
sign(uint8_t to[256], EVP_PKEY *key, const EVP_MD *hash, const void *data, size_t n)
{
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	size_t len = 256;

	if (EVP_DigestSignInit(c, NULL, hash, NULL, key) != 1 || EVP_DigestSign(c, to, &len, data, n) != 1)
		abort();
	EVP_MD_CTX_free(c);
	return len;
}

static void
check_curve(const char *curve, const EVP_MD *hash, const EVP_MD *other)
{
	EVP_PKEY *key = EVP_EC_gen(curve);
	struct pubkey p;
	uint8_t s[256];
	int bad = 0;

	tap_ok(pubkey_parse(&p, pem(key, false), strlen(pem(key, false))) == 0 && !p.ed25519 && strcmp(p.pem, pem(key, false)) == 0, "%s: its PEM is openssl's", curve);
	size_t n = sign(s, key, hash, "data", 4);
	tap_ok(pubkey_verifies(&p, s, n, "data", 4), "%s: a signature", curve);
	tap_ok(!pubkey_verifies(&p, s, n, "date", 4) && !pubkey_verifies(&p, s, n, "data", 3) && !pubkey_verifies(&p, s, n - 1, "data", 4) &&
	    !pubkey_verifies(&p, s, n + 1, "data", 4) && !pubkey_verifies(&p, s, 0, "data", 4), "%s: of other data, cut off, with a byte more", curve);
	for (size_t i = 0; i < 8 * n; i++) {
		s[i / 8] ^= (uint8_t)(1u << i % 8);
		bad += pubkey_verifies(&p, s, n, "data", 4);
		s[i / 8] ^= (uint8_t)(1u << i % 8);
	}
	tap_ok(bad == 0, "%s: no bit of it is another", curve);
	n = sign(s, key, other, "data", 4);
	tap_ok(!pubkey_verifies(&p, s, n, "data", 4), "%s: not with another hash", curve);
	pubkey_free(&p);
	EVP_PKEY_set_utf8_string_param(key, "point-format", "compressed");
	char hint[HASH_HEX], again[HASH_HEX];
	tap_ok(pubkey_parse(&p, pem(key, false), strlen(pem(key, false))) == 0 && strcmp(p.pem, pem(key, false)) != 0, "%s: a point that is written in half", curve);
	pubkey_hint(&p, hint);
	pubkey_free(&p);
	EVP_PKEY_set_utf8_string_param(key, "point-format", "uncompressed");
	tap_ok(pubkey_parse(&p, pem(key, false), strlen(pem(key, false))) == 0 && strcmp(pubkey_hint(&p, again), hint) == 0, "%s: is the same key", curve);
	pubkey_free(&p);
	tap_ok(pubkey_parse(&p, pem(key, true), strlen(pem(key, true))) == -1, "%s: a secret key: %s", curve, err_reason());
	EVP_PKEY_free(key);
}

#define BEGIN "-----BEGIN PUBLIC KEY-----\n"
#define END "-----END PUBLIC KEY-----\n"
#define RFC8410 "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n" /* its example, in 10.1 */

static void
check_ed25519(void)
{
	static const char text[] = BEGIN RFC8410 END;
	struct pubkey p, q;
	uint8_t s[KEY_SIGNATURE + 1] = { 0 };
	struct key k;

	tap_ok(pubkey_parse(&p, text, strlen(text)) == 0 && p.ed25519 && strcmp(p.pem, text) == 0 &&
	    is_hex(p.bytes, KEY_PUBLIC, "19bf44096984cdfe8541bac167dc3b96c85086aa30b6b6cb0c5c38ad703166e1"), "the example of RFC 8410");
	tap_ok(pubkey_of_key(&q, p.bytes) == 0 && strcmp(q.pem, text) == 0, "and from its bytes");
	pubkey_free(&p);
	pubkey_free(&q);
	if (key_generate(&k) < 0 || pubkey_of_key(&p, k.public.bytes) < 0)
		abort();
	key_sign(s, &k, "data", 4);
	tap_ok(pubkey_verifies(&p, s, KEY_SIGNATURE, "data", 4) && !pubkey_verifies(&p, s, KEY_SIGNATURE + 1, "data", 4) &&
	    !pubkey_verifies(&p, s, KEY_SIGNATURE - 1, "data", 4) && !pubkey_verifies(&p, s, KEY_SIGNATURE, "date", 4), "Ed25519: a signature, and none");
	pubkey_free(&p);
}

static const struct {
	const char *what, *text;
} no_keys[] = {
	{ "nothing", "" }, { "no PEM", "key" }, { "cut off", BEGIN RFC8410 }, { "an empty block", BEGIN END }, { "no base64", BEGIN "!!!!\n" END },
	{ "another block", "-----BEGIN CERTIFICATE-----\n" RFC8410 "-----END CERTIFICATE-----\n" }, { "another end", BEGIN RFC8410 "-----END CERTIFICATE-----\n" },
	{ "a byte less", BEGIN "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZg==\n" END },
	{ "a byte more", BEGIN "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuEA\n" END },
	{ "with a passphrase", BEGIN "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00000000000000000000000000000000\n\n" RFC8410 END },
	{ "X25519", BEGIN "MCowBQYDK2VuAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n" END },
};

static void
check_no_keys(void)
{
	EVP_PKEY *curve = EVP_EC_gen("secp256k1"), *rsa = EVP_RSA_gen(1024);
	struct pubkey p;

	for (size_t i = 0; i < sizeof no_keys / sizeof *no_keys; i++)
		tap_ok(pubkey_parse(&p, no_keys[i].text, strlen(no_keys[i].text)) == -1 && !p.openssl, "%s: %s", no_keys[i].what, err_reason());
	tap_ok(pubkey_parse(&p, pem(curve, false), strlen(pem(curve, false))) == -1, "another curve: %s", err_reason());
	tap_ok(pubkey_parse(&p, pem(rsa, false), strlen(pem(rsa, false))) == -1, "RSA: %s", err_reason());
	tap_ok(pubkey_read(&p, "/") == -1 && !pubkey_is_pem("/") && !pubkey_is_pem("/nowhere"), "no file: %s", err_reason());
	EVP_PKEY_free(curve);
	EVP_PKEY_free(rsa);
}

/* ---- envelopes ---- */

static json_t *
value(const char *text)
{
	json_t *j = json_loads(text, JSON_DECODE_ANY, NULL);

	if (!j)
		abort();
	return j;
}

static void
check_made(void)
{
	struct buf data = { 0 };
	struct pubkey p, q;
	struct key k, other;
	struct dsse e;

	if (key_generate(&k) < 0 || key_generate(&other) < 0 || pubkey_of_key(&p, k.public.bytes) < 0 || pubkey_of_key(&q, other.public.bytes) < 0)
		abort();
	json_t *o = dsse_make("a/b", "\0data", 5, &k);
	tap_ok(o && dsse_parse(&e, o) == 0 && strcmp(e.type, "a/b") == 0 && e.payload.len == 5 && memcmp(e.payload.data, "\0data", 5) == 0 && dsse_verify(&e, &p) == 0,
	    "what is made is read, and verifies");
	tap_ok(dsse_verify(&e, &q) == -1, "not by another key: %s", err_reason());
	e.payload.data[1]++;
	tap_ok(dsse_verify(&e, &p) == -1, "not with other data");
	e.payload.data[1]--;
	e.type = "a/c";
	tap_ok(dsse_verify(&e, &p) == -1, "not with another type");
	dsse_free(&e);
	/* a signature of somebody else before ours, of a kind that we don't know */
	json_array_insert_new(json_object_get(o, "signatures"), 0, value("{\"sig\":\"AAAA\",\"keyid\":\"x\"}"));
	tap_ok(dsse_parse(&e, o) == 0 && e.n == 2 && dsse_verify(&e, &p) == 0 && dsse_verify(&e, &q) == -1, "ours is one of two");
	dsse_free(&e);
	tap_ok(dsse_pae(&data, "", "", 0) == 0 && data.len == 12 && memcmp(data.data, "DSSEv1 0  0 ", 12) == 0, "what is signed of nothing");
	buf_free(&data);
	json_decref(o);
	pubkey_free(&p);
	pubkey_free(&q);
}

/* Members that are other than they should be; "" takes one away. */
static const struct {
	const char *key, *value;
	bool good;
} members[] = {
	{ "payload", "\"ZGF0YQ\"", true }, { "payload", "\"\"", false }, { "payload", "\"!\"", false }, { "payload", "1", false }, { "payload", "", false },
	{ "payload", "\"ZGF0\\u0000\"", false }, { "payloadType", "1", false }, { "payloadType", "", false }, { "payloadType", "\"x\"", true },
	{ "more", "1", false }, { "signatures", "", false }, { "signatures", "[]", false }, { "signatures", "{}", false }, { "signatures", "[1]", false },
	{ "signatures", "[{}]", false }, { "signatures", "[{\"sig\":\"\"}]", false }, { "signatures", "[{\"sig\":\"!\"}]", false },
	{ "signatures", "[{\"sig\":\"AAAA\"}]", true }, { "signatures", "[{\"sig\":\"_-8\",\"keyid\":null}]", true },
	{ "signatures", "[{\"sig\":\"AAAA\",\"keyid\":1}]", false }, { "signatures", "[{\"sig\":\"AAAA\",\"more\":1}]", false }, { "signatures", "[{\"keyid\":\"\"}]", false },
	{ "signatures", "[{\"sig\":\"AAAA\"},{\"sig\":1}]", false },
};

static void
check_members(void)
{
	static const char whole[] = "{\"payload\":\"ZGF0YQ==\",\"payloadType\":\"t\",\"signatures\":[{\"sig\":\"AAAA\",\"keyid\":\"\"}]}";
	struct dsse e;

	for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
		json_t *o = value(whole), *v = members[i].value[0] ? json_loads(members[i].value, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL) : NULL;
		if (v)
			json_object_set_new(o, members[i].key, v);
		else
			json_object_del(o, members[i].key);
		bool good = dsse_parse(&e, o) == 0;
		tap_ok(good == members[i].good, "%s %s: %s", members[i].key, members[i].value, good ? "taken" : err_reason());
		if (good)
			dsse_free(&e);
		json_decref(o);
	}
	json_t *o = value(whole), *all = json_object_get(o, "signatures");
	while (json_array_size(all) <= DSSE_MAX_SIGNATURES)
		json_array_append(all, json_array_get(all, 0));
	tap_ok(dsse_parse(&e, o) == -1, "%zu signatures: %s", json_array_size(all), err_reason());
	json_decref(o);
	tap_ok(dsse_parse(&e, NULL) == -1, "none: %s", err_reason());
}

/* A key of P-256 by its coordinates in decimal, as PEM. */
static void
read_point(struct pubkey *p, const char *x, const char *y)
{
	struct buf text = { 0 }, der = hex("3059301306072a8648ce3d020106082a8648ce3d03010703420004");
	BIGNUM *a = NULL, *b = NULL;

	if (!BN_dec2bn(&a, x) || !BN_dec2bn(&b, y) || buf_zero(&der, 64) < 0 || BN_bn2binpad(a, der.data + der.len - 64, 32) != 32 ||
	    BN_bn2binpad(b, der.data + der.len - 32, 32) != 32 || buf_printf(&text, BEGIN) < 0 || base64_add(&text, der.data, der.len) < 0 ||
	    buf_printf(&text, "\n" END) < 0 || pubkey_parse(p, (char *)text.data, text.len) < 0)
		abort();
	BN_free(a);
	BN_free(b);
	buf_free(&text);
	buf_free(&der);
}

/* r and s, one behind the other, as DER. */
static void
to_der(struct buf *signature)
{
	ECDSA_SIG *s = ECDSA_SIG_new();
	unsigned char *der = NULL;
	int n;

	if (signature->len != 64 || !ECDSA_SIG_set0(s, BN_bin2bn(signature->data, 32, NULL), BN_bin2bn(signature->data + 32, 32, NULL)) ||
	    (n = i2d_ECDSA_SIG(s, &der)) < 0)
		abort();
	signature->len = 0;
	if (buf_add(signature, der, (size_t)n) < 0)
		abort();
	OPENSSL_free(der);
	ECDSA_SIG_free(s);
}

static void
check_example(void)
{
	json_t *j = vectors_json("dsse/example.json"), *e = json_object_get(j, "envelope");
	const char *wanted = vectors_text(j, "pae");
	struct buf pae = { 0 };
	struct pubkey p;
	struct dsse d;

	if (!j)
		return;
	tap_ok(dsse_pae(&pae, vectors_text(j, "payloadType"), vectors_text(j, "payload"), strlen(vectors_text(j, "payload"))) == 0 && pae.len == strlen(wanted) &&
	    memcmp(pae.data, wanted, pae.len) == 0, "what is signed in DSSE's example");
	read_point(&p, vectors_text(j, "x"), vectors_text(j, "y"));
	tap_ok(dsse_parse(&d, e) == 0 && dsse_verify(&d, &p) == -1, "its signature, which is not DER: %s", err_reason());
	to_der(&d.signature[0]);
	tap_ok(dsse_verify(&d, &p) == 0, "is good as DER");
	dsse_free(&d);
	pubkey_free(&p);
	buf_free(&pae);
	json_decref(j);
}

int
main(void)
{
	check_base64();
	check_ed25519();
	check_curve("P-256", EVP_sha256(), EVP_sha384());
	check_curve("P-384", EVP_sha384(), EVP_sha256());
	check_curve("P-521", EVP_sha512(), EVP_sha384());
	check_no_keys();
	check_made();
	check_members();
	check_example();
	return tap_done();
}
