/* Records of every type: signed and read, each member of them wrong in every way, each bit flipped, other forms of the same, and what is too large. */
#include <stdio.h>

#include "base/err.h"
#include "ledger/merkle.h"
#include "ledger/record.h"
#include "trust/base64.h"
#include "trust/credential.h"
#include "trust/jcs.h"
#include "trust/peerid.h"
#include "vectors.h"

#define H1 "\"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\""
#define H2 "\"ffeeddccbbaa99887766554433221100ffeeddccbbaa99887766554433221100\""

static struct key k, other;
static char mine[PEERID_DID], theirs[PEERID_DID];

/* ---- one of each type: ME and YOU stand for did:keys, ME is the signer ---- */

static const struct {
	enum record_type type;
	const char *signer, *text, *may; /* members that may be left out, each with a space before and behind */
} samples[] = {
	{ RECORD_RECEIPT, "node", "{\"client\":YOU,\"first_layer\":0,\"from\":0,\"input\":" H1 ",\"last_layer\":16,\"model\":" H1 ",\"node\":ME,\"nonce\":" H2 ",\"output\":" H1
	    ",\"previous\":" H2 ",\"profile\":\"mai-1\",\"rows\":64,\"sequence\":3,\"terms\":" H2 ",\"time\":1767323045,\"to\":64,\"type\":\"receipt\",\"vocabulary\":" H1 ",\"wire\":\"f32\"}",
	    " model previous vocabulary " },
	{ RECORD_VOUCHER, "client", "{\"client\":ME,\"node\":YOU,\"nonce\":" H1 ",\"receipt\":" H2 ",\"rows\":9007199254740992,\"terms\":" H1 ",\"time\":0,\"type\":\"voucher\"}", " " },
	{ RECORD_SUBSCRIPTION, "client", "{\"client\":ME,\"from\":1,\"node\":YOU,\"periods\":12,\"terms\":" H1 ",\"time\":2,\"type\":\"subscription\"}", " node " },
	{ RECORD_TERMS, "issuer", "{\"free\":10,\"from\":1,\"issuer\":ME,\"name\":\"caf\xc3\xa9 \\\"1\\\"\",\"period\":{\"price\":3},\"resale\":[1,2.5],\"rows\":null,\"shares\":[{\"to\":YOU}],"
	    "\"type\":\"terms\",\"unit\":\"EUR\",\"until\":9}", " free from period resale rows until " },
	{ RECORD_REGISTRATION, "owner", "{\"asset\":" H1 ",\"kind\":\"model\",\"name\":\"\",\"owner\":ME,\"terms\":" H2 ",\"time\":5,\"type\":\"registration\"}", " terms " },
	{ RECORD_TRANSFER, "from", "{\"asset\":" H1 ",\"from\":ME,\"price\":0,\"terms\":" H2 ",\"time\":5,\"to\":YOU,\"type\":\"transfer\"}", " price terms " },
};
enum { SAMPLES = sizeof samples / sizeof *samples };

/* The text with the names in it, to be freed. */
static struct buf
filled(const char *text)
{
	struct buf b = { 0 };

	for (const char *at = text; *at;) {
		bool me = strncmp(at, ":ME", 3) == 0, you = strncmp(at, ":YOU", 4) == 0;
		if ((me || you ? buf_printf(&b, ":\"%s\"", me ? mine : theirs) : buf_addc(&b, (uint8_t)*at)) < 0)
			abort();
		at += you ? 4 : me ? 3 : 1;
	}
	if (buf_addc(&b, 0) < 0)
		abort();
	b.len--;
	return b;
}

static json_t *
sample(size_t i)
{
	struct buf b = filled(samples[i].text);
	json_t *o = jcs_parse((const char *)b.data, b.len);

	if (!o)
		abort();
	buf_free(&b);
	return o;
}

static struct buf
canonical(const json_t *o)
{
	struct buf b = { 0 };

	if (jcs_add(&b, o) < 0)
		abort();
	return b;
}

/* Signed by key k, whatever it says: so that a record is refused for what it says alone. */
static struct buf
signed_anyhow(json_t *o)
{
	uint8_t signature[KEY_SIGNATURE];
	struct buf text, base64 = { 0 };

	json_object_del(o, "signature");
	text = canonical(o);
	key_sign(signature, &k, text.data, text.len);
	if (base64_add(&base64, signature, sizeof signature) < 0 || json_object_set_new(o, "signature", json_stringn((const char *)base64.data, base64.len)) < 0)
		abort();
	buf_free(&text);
	buf_free(&base64);
	return canonical(o);
}

static bool
reads(const struct buf *b)
{
	struct buf made = { 0 };
	struct record r;
	bool good = record_read(&r, (const char *)b->data, b->len, &made) == 0;

	buf_free(&made);
	return good;
}

/* ---- what is good ---- */

static void
check_good(size_t i)
{
	struct buf statement = filled(samples[i].text), line = { 0 }, made = { 0 }, again;
	const char *name = record_type_name(samples[i].type);
	json_t *o = sample(i);
	struct record r;
	bool good = record_sign(&line, (const char *)statement.data, statement.len, &k) == 0 && record_read(&r, (const char *)line.data, line.len, &made) == 0;

	again = signed_anyhow(o);
	tap_ok(good && r.type == samples[i].type && memcmp(r.signer, k.public.bytes, KEY_PUBLIC) == 0 && r.n == line.len && memcmp(r.text, line.data, r.n) == 0,
	    "a %s is signed and read", name);
	tap_ok(again.len == line.len && memcmp(again.data, line.data, line.len) == 0, "and is canonical, with its signature in its place");
	struct hash id = record_id(&r), leaf = merkle_leaf(line.data, line.len);
	tap_ok(hash_equal(&id, &leaf), "its id is the hash of its leaf");
	char *pretty = json_dumps(o, JSON_INDENT(3)), *plain = json_dumps(o, JSON_ENSURE_ASCII);
	bool same = record_read(&r, pretty, strlen(pretty), &made) == 0 && r.n == line.len && memcmp(r.text, line.data, line.len) == 0;
	tap_ok(same && record_read(&r, plain, strlen(plain), &made) == 0 && r.n == line.len && memcmp(r.text, line.data, line.len) == 0, "written in another way, it is the same record");
	tap_ok(record_entry(&r, line.data, line.len) == 0 && r.text == (const char *)line.data && record_entry(&r, pretty, strlen(pretty)) < 0,
	    "but no entry of a log: %s", err_reason());
	struct buf signed_pretty = { 0 };
	json_object_del(o, "signature");
	free(pretty);
	pretty = json_dumps(o, JSON_INDENT(1));
	tap_ok(record_sign(&signed_pretty, pretty, strlen(pretty), &k) == 0 && signed_pretty.len == line.len && memcmp(signed_pretty.data, line.data, line.len) == 0, "also when it is signed");
	free(pretty);
	free(plain);
	json_decref(o);
	buf_free(&statement);
	buf_free(&line);
	buf_free(&made);
	buf_free(&again);
	buf_free(&signed_pretty);
}

/* ---- what is not ---- */

/* Values of every kind, each with the kinds that it is one of: text, whole number, hash, did:key, anything. */
enum { T = 1, W = 2, H = 4, D = 8 };
static const struct {
	const char *text;
	int is;
} values[] = {
	{ "\"x\"", T }, { "\"\"", T }, { "1", W }, { "0", W }, { "9007199254740992", W }, { "9007199254740994", 0 }, { "1e20", 0 }, { "-1", 0 }, { "1.5", 0 }, { H1, T | H },
	{ "\"00112233445566778899AABBCCDDEEFF00112233445566778899aabbccddeeff\"", T }, { "\"00112233445566778899aabbccddeeff00112233445566778899aabbccddeef\"", T },
	{ "\"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff0\"", T }, { "\"g0112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\"", T },
	{ "\"did:key:z6Mk\"", T }, { "\"did:web:example.org\"", T }, { "\"1\"", T }, { "null", 0 }, { "true", 0 }, { "[]", 0 }, { "{}", 0 }, { "[1]", 0 },
};

/* The kind of a member of a sample, by the value that it has there. */
static int
kind_of(const json_t *v)
{
	const char *text = json_string_value(v);

	if (text)
		return strncmp(text, "did:key:", 8) == 0 ? D : strlen(text) == 64 ? H : T;
	return json_is_number(v) ? W : 0;
}

static bool
is_any(size_t i, const char *key)
{
	return samples[i].type == RECORD_TERMS && strstr(" period resale rows shares ", key);
}

static void
check_member(size_t i, const char *key, size_t *tried, size_t *wrong)
{
	char spaced[64];
	json_t *o = sample(i);
	const int kind = kind_of(json_object_get(o, key));
	struct buf b;

	snprintf(spaced, sizeof spaced, " %s ", key);
	json_object_del(o, key);
	b = signed_anyhow(o);
	if (reads(&b) != !!strstr(samples[i].may, spaced)) {
		++*wrong;
		printf("# %s left out\n", key);
	}
	buf_free(&b);
	for (size_t v = 0; v < sizeof values / sizeof *values; v++) {
		json_object_set_new(o, key, jcs_parse(values[v].text, strlen(values[v].text)));
		b = signed_anyhow(o);
		++*tried;
		if (reads(&b) != (is_any(i, key) || values[v].is & kind)) {
			++*wrong;
			printf("# %s: %s\n", key, values[v].text);
		}
		buf_free(&b);
	}
	json_decref(o);
}

/* A member a second time, behind the first. */
static bool
reads_twice(const struct buf *line, const char *key)
{
	struct buf b = { 0 };
	json_t *o = jcs_parse((const char *)line->data, line->len);
	struct buf value = canonical(json_object_get(o, key));
	bool taken;

	if (buf_add(&b, line->data, line->len - 1) < 0 || buf_printf(&b, ",\"%s\":%.*s}", key, (int)value.len, (const char *)value.data) < 0)
		abort();
	taken = reads(&b);
	json_decref(o);
	buf_free(&b);
	buf_free(&value);
	return taken;
}

static void
check_members(size_t i)
{
	json_t *whole = sample(i), *v, *o;
	struct buf line = signed_anyhow(whole), b;
	size_t tried = 0, wrong = 0, twice = 0, known = 0;
	const char *name = record_type_name(samples[i].type), *key;
	static const char *const more[] = { "a", "rowz", "Node", "signaturf", "zzz", "", "n\u00f6", "typ", "types", "tim\\e" };

	json_object_foreach(whole, key, v) {
		if (strcmp(key, "type") != 0 && strcmp(key, "signature") != 0)
			check_member(i, key, &tried, &wrong);
		twice += reads_twice(&line, key);
	}
	tap_ok(wrong == 0 && tried > 50, "a %s with each member left out, or another in %zu ways", name, tried);
	tap_ok(twice == 0, "with each of them twice");
	for (size_t m = 0; m < sizeof more / sizeof *more; m++) {
		o = sample(i);
		json_object_set_new(o, more[m], json_integer(1));
		b = signed_anyhow(o);
		known += reads(&b);
		buf_free(&b);
		json_decref(o);
	}
	tap_ok(known == 0, "with one that is not known");
	wrong = 0;
	for (enum record_type t = 0; t < RECORD_TYPES; t++) {
		o = sample(i);
		json_object_set_new(o, "type", json_string(record_type_name(t)));
		b = signed_anyhow(o);
		wrong += reads(&b) != (t == samples[i].type);
		buf_free(&b);
		json_decref(o);
	}
	tap_ok(wrong == 0, "as one of another type");
	json_decref(whole);
	buf_free(&line);
}

/* ---- signatures ---- */

/* Is it taken, and as another record? 2^53 + 1, which no double is, is 2^53. */
static bool
reads_as_other(const struct buf *b, const struct buf *one)
{
	struct buf made = { 0 };
	struct record r;
	bool taken = record_read(&r, (const char *)b->data, b->len, &made) == 0 && (r.n != one->len || memcmp(r.text, one->data, r.n) != 0);

	buf_free(&made);
	return taken;
}

static void
check_bits(size_t i)
{
	json_t *o = sample(i);
	struct buf line = signed_anyhow(o), flipped = { 0 };
	size_t taken = 0, cut = 0;

	if (buf_add(&flipped, line.data, line.len) < 0)
		abort();
	for (size_t bit = 0; bit < 8 * line.len; bit++) {
		flipped.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
		taken += reads_as_other(&flipped, &line);
		flipped.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	buf_free(&flipped);
	tap_ok(taken == 0 && reads(&line), "a %s with any bit flipped is refused", record_type_name(samples[i].type));
	for (size_t n = 0; n < line.len; n++) {
		struct buf part = { .data = line.data, .len = n };
		cut += reads(&part);
	}
	tap_ok(cut == 0, "and cut short anywhere");
	json_decref(o);
	buf_free(&line);
}

/* A record with these bytes as its signature. */
static bool
takes_signature(size_t i, const void *bytes, size_t n)
{
	json_t *o = sample(i);
	struct buf base64 = { 0 }, b;
	bool taken;

	if (base64_add(&base64, bytes, n) < 0)
		abort();
	json_object_set_new(o, "signature", json_stringn((const char *)base64.data, base64.len));
	b = canonical(o);
	taken = reads(&b);
	buf_free(&b);
	buf_free(&base64);
	json_decref(o);
	return taken;
}

/* The group's order, little endian. */
static const uint8_t order[32] = { 0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, [31] = 0x10 };

static void
check_signer(size_t i)
{
	struct buf statement = filled(samples[i].text), out = { 0 }, text;
	uint8_t signature[KEY_SIGNATURE + 1] = { 0 }, malleable[KEY_SIGNATURE];
	const char *name = record_type_name(samples[i].type), *base64, *end;
	json_t *o = sample(i);
	char small[PEERID_DID];
	struct record r;
	struct buf made = { 0 };
	unsigned carry = 0;

	tap_ok(record_sign(&out, (const char *)statement.data, statement.len, &other) < 0 && out.len == 0, "a %s is not signed by another: %s", name, err_reason());
	text = canonical(o);
	key_sign(signature, &other, text.data, text.len);
	tap_ok(!takes_signature(i, signature, KEY_SIGNATURE), "nor taken so: %s", err_reason());
	key_sign(signature, &k, text.data, text.len);
	memcpy(malleable, signature, sizeof malleable);
	for (size_t b = 0; b < sizeof order; b++) {
		carry += (unsigned)malleable[32 + b] + order[b];
		malleable[32 + b] = (uint8_t)(carry & 0xff);
		carry >>= 8;
	}
	tap_ok(takes_signature(i, signature, KEY_SIGNATURE) && !takes_signature(i, malleable, KEY_SIGNATURE), "a signature that was made of another is refused: %s", err_reason());
	tap_ok(!takes_signature(i, signature, KEY_SIGNATURE - 1) && !takes_signature(i, signature, KEY_SIGNATURE + 1) && !takes_signature(i, signature, 0), "one of another length: %s", err_reason());
	memset(signature, 0, sizeof signature);
	signature[0] = 1; /* the neutral element, and 0: right for every text under a key of small order */
	tap_ok(peerid_did((const uint8_t[KEY_PUBLIC]){ 1 }, small) && json_object_set_new(o, samples[i].signer, json_string(small)) == 0, "a key of small order");
	struct buf b = { 0 };
	base64 = "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==";
	json_object_set_new(o, "signature", json_string(base64));
	b = canonical(o);
	tap_ok(!reads(&b), "signs nothing: %s", err_reason());
	buf_free(&b);
	json_decref(o);
	/* base64 that is another text of the same bytes */
	out.len = 0;
	if (record_sign(&out, (const char *)statement.data, statement.len, &k) < 0 || buf_addc(&out, 0) < 0)
		abort();
	end = strstr((const char *)out.data, "==\"");
	out.data[end - 1 - (const char *)out.data]++; /* A, Q, g or w: the last bits are none of the signature's */
	tap_ok(record_read(&r, (const char *)out.data, out.len - 1, &made) < 0, "a signature in other base64: %s", err_reason());
	tap_ok(record_parse(&r, (const char *)out.data, out.len - 1, &made) == 0 && record_check(&r) < 0, "which only the check sees");
	buf_free(&statement);
	buf_free(&text);
	buf_free(&out);
	buf_free(&made);
}

/* A party that is nobody: it must not be taken for one that was never read. */
static void
check_nobody(void)
{
	static const char *const text = "{\"client\":\"\",\"node\":\"\",\"nonce\":" H1 ",\"receipt\":" H1 ",\"rows\":1,\"signature\":\"\",\"terms\":" H1 ",\"time\":1,\"type\":\"voucher\"}";
	struct buf made = { 0 };
	uint8_t key[KEY_PUBLIC];
	struct record r;

	tap_ok(record_parse(&r, text, strlen(text), &made) < 0, "parties without a name, before any was read: %s", err_reason());
	r = (struct record){ .text = text, .n = strlen(text) };
	tap_ok(!record_key(&r, "client", key) && !record_key(&r, "nobody", key), "which have no key");
	buf_free(&made);
}

/* ---- what is read of them ---- */

static void
check_reading(void)
{
	json_t *o = sample(0);
	struct buf line = signed_anyhow(o), made = { 0 };
	uint8_t key[KEY_PUBLIC];
	struct record r;
	struct hash h;

	tap_ok(record_read(&r, (const char *)line.data, line.len, &made) == 0 && record_number(&r, "time") == 1767323045 && record_number(&r, "rows") == 64 &&
	    record_number(&r, "first_layer") == 0 && record_number(&r, "none") == 0 && record_number(&r, "profile") == 0, "numbers of a record");
	h = record_hash(&r, "nonce");
	tap_ok(is_hex(h.bytes, HASH_SIZE, "ffeeddccbbaa99887766554433221100ffeeddccbbaa99887766554433221100"), "a hash");
	h = record_hash(&r, "none");
	tap_ok(hash_is_none(&h) && (h = record_hash(&r, "profile"), hash_is_none(&h)) && (h = record_hash(&r, "rows"), hash_is_none(&h)), "none");
	tap_ok(record_key(&r, "node", key) && memcmp(key, k.public.bytes, KEY_PUBLIC) == 0 && record_key(&r, "client", key) && memcmp(key, other.public.bytes, KEY_PUBLIC) == 0 &&
	    !record_key(&r, "profile", key) && !record_key(&r, "rows", key) && !record_key(&r, "none", key), "keys");
	for (int i = 0; i < 20; i++) { /* more parties than are remembered */
		struct key one;
		char did[PEERID_DID];
		if (key_generate(&one) < 0)
			abort();
		json_object_set_new(o, "client", json_string(peerid_did(one.public.bytes, did)));
		buf_free(&line);
		line = signed_anyhow(o);
		if (record_read(&r, (const char *)line.data, line.len, &made) < 0 || !record_key(&r, "client", key) || memcmp(key, one.public.bytes, KEY_PUBLIC) != 0 ||
		    memcmp(r.signer, k.public.bytes, KEY_PUBLIC) != 0)
			i = 100;
		if (i == 19)
			tap_ok(true, "many parties are told apart");
		else if (i == 100)
			tap_ok(false, "many parties are told apart");
	}
	json_decref(o);
	buf_free(&line);
	buf_free(&made);
}

/* ---- credentials ---- */

static void
check_credentials(void)
{
	json_t *claims = json_pack("{ssss}", "id", theirs, "model", "m"), *o;
	struct buf line, made = { 0 }, out = { 0 };
	struct record r;
	size_t taken = 0;

	o = credential_issue(&k, &(struct credential){ .from = 0, .until = CREDENTIAL_ALWAYS, .id = "", .type = "NodeCapability", .claims = claims });
	line = canonical(o);
	tap_ok(record_read(&r, (const char *)line.data, line.len, &made) == 0 && r.type == RECORD_CREDENTIAL && r.n == line.len, "a credential");
	tap_ok(memcmp(r.signer, (const uint8_t[KEY_PUBLIC]){ 0 }, KEY_PUBLIC) == 0, "no member of which says who has signed it");
	for (size_t bit = 0; bit < 8 * line.len; bit += 5) {
		line.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
		taken += reads(&line);
		line.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	tap_ok(taken == 0, "with a bit flipped, it is none");
	tap_ok(record_sign(&out, (const char *)line.data, line.len, &k) < 0 && out.len == 0, "it is not signed again: %s", err_reason());
	json_object_set_new(o, "type", json_string("voucher"));
	buf_free(&line);
	line = canonical(o);
	tap_ok(!reads(&line), "nor of another type: %s", err_reason());
	json_decref(o);
	o = sample(0);
	json_object_set_new(o, "@context", json_string("https://www.w3.org/ns/credentials/v2"));
	buf_free(&line);
	line = signed_anyhow(o);
	tap_ok(!reads(&line), "a receipt with a context: %s", err_reason());
	json_decref(o);
	json_decref(claims);
	buf_free(&line);
	buf_free(&made);
}

/* ---- sizes ---- */

/* Terms with shares of so many bytes that they are n bytes in all. */
static struct buf
terms_of(size_t n, bool is_signed)
{
	json_t *o = sample(3);
	struct buf b, text = { 0 };

	json_object_set_new(o, "shares", json_string(""));
	b = is_signed ? signed_anyhow(o) : canonical(o);
	for (size_t i = b.len; i < n; i++)
		if (buf_addc(&text, 'x') < 0)
			abort();
	buf_free(&b);
	json_object_set_new(o, "shares", json_stringn((const char *)text.data, text.len));
	b = is_signed ? signed_anyhow(o) : canonical(o);
	if (b.len != n)
		abort();
	json_decref(o);
	buf_free(&text);
	return b;
}

static void
check_sizes(void)
{
	enum { SIGNATURE = 103 }; /* bytes of the member, with its comma */
	struct buf b = terms_of(RECORD_MAX, true), out = { 0 };
	json_t *o = sample(3);

	tap_ok(reads(&b), "a record of %d bytes", RECORD_MAX);
	buf_free(&b);
	b = terms_of(RECORD_MAX + 1, true);
	tap_ok(!reads(&b), "none of more: %s", err_reason());
	buf_free(&b);
	b = terms_of(RECORD_MAX - SIGNATURE, false);
	tap_ok(record_sign(&out, (const char *)b.data, b.len, &k) == 0 && out.len == RECORD_MAX && reads(&out), "such a one is signed");
	buf_free(&b);
	b = terms_of(RECORD_MAX - SIGNATURE + 1, false);
	out.len = 0;
	tap_ok(record_sign(&out, (const char *)b.data, b.len, &k) < 0 && out.len == 0, "what would be too large with its signature is not: %s", err_reason());
	buf_free(&b);
	buf_free(&out);
	for (int n = 1022; n <= 1023; n++) {
		char name[1024];
		memset(name, 'x', sizeof name);
		json_object_set_new(o, "name", json_stringn(name, (size_t)n));
		b = signed_anyhow(o);
		tap_ok(reads(&b) == (n == 1022), "a name of %d bytes%s", n, n == 1022 ? "" : " is too long");
		buf_free(&b);
	}
	json_decref(o);
}

static void
check_nonsense(void)
{
	static const char *const texts[] = { "", " ", "{}", "[]", "null", "1", "\"receipt\"", "{\"type\":\"receipt\"}", "{\"type\":\"\"}", "{\"type\":null}", "{\"type\":\"credential\"}",
		"{\"@context\":1}", "{\"@context\":null,\"type\":\"voucher\"}", "{\"signature\":\"\"}", "{\"type\":\"terms\",\"signature\":1}", "{", "{\"type\":\"rec", "\xff", "{}{}", "{} x",
		"{\"type\":\"re\\u0063eipt\"}", "{\"type\":\"Receipt\"}", "{\"\\u0000\":1,\"type\":\"voucher\"}" };
	size_t taken = 0;

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct buf made = { 0 }, out = { 0 };
		struct record r;
		taken += record_read(&r, texts[i], strlen(texts[i]), &made) == 0 || record_sign(&out, texts[i], strlen(texts[i]), &k) == 0;
		buf_free(&made);
		buf_free(&out);
	}
	tap_ok(taken == 0, "what is no record at all");
}

int
main(void)
{
	if (sodium_init() < 0 || key_generate(&k) < 0 || key_generate(&other) < 0)
		abort();
	peerid_did(k.public.bytes, mine);
	peerid_did(other.public.bytes, theirs);
	check_nobody();
	for (size_t i = 0; i < SAMPLES; i++) {
		check_good(i);
		check_members(i);
		check_bits(i);
		check_signer(i);
	}
	check_reading();
	check_credentials();
	check_sizes();
	check_nonsense();
	return tap_done();
}
