/* Credentials: issued and checked, when they are valid, by whom, and what is none. */
#include <stdio.h>

#include "base/err.h"
#include "trust/credential.h"
#include "trust/jcs.h"
#include "trust/peerid.h"
#include "trust/proof.h"
#include "vectors.h"

#define NOW 1767323045 /* 2026-01-02T03:04:05Z */

static struct key k;

static json_t *
value(const char *text)
{
	json_t *j = jcs_parse(text, strlen(text));

	if (!j)
		abort();
	return j;
}

static json_t *
issue(const char *type, json_t *claims, int64_t until)
{
	return credential_issue(&k, &(struct credential){ .from = NOW, .until = until, .id = "", .type = type, .claims = claims });
}

static void
check_issued(void)
{
	json_t *claims = value("{\"id\":\"did:key:z\",\"model\":\"m\",\"quota\":1000}"), *o = issue("NodeCapability", claims, NOW + 100);
	struct credential c;

	tap_ok(o && credential_check(o, NOW, &c) == 0 && memcmp(c.issuer, k.public.bytes, KEY_PUBLIC) == 0 && strcmp(c.type, "NodeCapability") == 0 &&
	    strcmp(c.subject, "did:key:z") == 0 && json_equal(c.claims, claims) && c.from == NOW && c.until == NOW + 100, "a credential is issued, and says what it should");
	tap_ok(credential_check(o, NOW + 100, &c) == 0, "until its last second");
	tap_ok(credential_check(o, NOW + 101, &c) == -1, "then no more: %s", err_reason());
	tap_ok(credential_check(o, NOW - 1, &c) == -1, "nor before: %s", err_reason());
	json_decref(o);
	o = issue("", claims, CREDENTIAL_ALWAYS);
	tap_ok(o && credential_check(o, INT64_MAX - 1, &c) == 0 && !c.type[0] && !json_object_get(o, "validUntil"), "one for ever, of no type");
	json_decref(o);
	json_decref(claims);
	static const char *const none[] = { "[]", "{}", "1", "\"x\"", "null" };
	for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
		claims = value(none[i]);
		tap_ok(!issue("", claims, CREDENTIAL_ALWAYS), "%s says nothing: %s", none[i], err_reason());
		json_decref(claims);
	}
	claims = value("{\"a\":1}");
	tap_ok(!issue("\xff", claims, CREDENTIAL_ALWAYS), "a type that is no text: %s", err_reason());
	json_decref(claims);
}

/* Members that are other than they should be, though they are signed. */
static const struct {
	const char *key, *value;
	bool good;
} members[] = {
	{ "more", "1", true }, { "issuer", "\"did:key:z6MkrJVnaZkeFzdQyMZu1cgjg7k1pZZ6pvBQ7XJPt4swbTQ2\"", false }, { "issuer", "\"https://x\"", false },
	{ "issuer", "{\"name\":\"x\"}", false }, { "issuer", "", false }, { "type", "\"VerifiableCredential\"", true }, { "type", "[\"Other\"]", false },
	{ "type", "", false }, { "type", "[1,\"VerifiableCredential\",\"a\",\"b\"]", true }, { "@context", "\"https://www.w3.org/ns/credentials/v2\"", false },
	{ "@context", "[\"x\",\"https://www.w3.org/ns/credentials/v2\"]", false }, { "@context", "", false }, { "validFrom", "", true }, { "validFrom", "1", false },
	{ "validFrom", "\"tomorrow\"", false }, { "validUntil", "\"2000-01-01T00:00:00Z\"", false }, { "validUntil", "\"2030-01-01T00:00:00+01:00\"", true },
	{ "credentialSubject", "[{\"id\":\"a\"},{\"id\":\"b\"}]", false }, { "credentialSubject", "{}", false }, { "credentialSubject", "", false },
	{ "credentialSubject", "{\"a\":1}", true }, { "credentialSubject", "{\"id\":1}", true }, { "credentialStatus", "{\"type\":\"BitstringStatusListEntry\"}", true },
};

static void
check_members(void)
{
	json_t *claims = value("{\"id\":\"x\"}"), *whole = issue("T", claims, CREDENTIAL_ALWAYS);
	struct credential c;

	for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
		json_t *o = json_deep_copy(whole);
		json_object_del(o, "proof");
		if (members[i].value[0])
			json_object_set_new(o, members[i].key, value(members[i].value));
		else
			json_object_del(o, members[i].key);
		bool good = proof_add(o, &k, NOW) == 0 && credential_check(o, NOW, &c) == 0;
		tap_ok(good == members[i].good, "%s %s: %s", members[i].key, members[i].value, good ? "taken" : err_reason());
		json_decref(o);
	}
	char did[PEERID_DID], text[128];
	snprintf(text, sizeof text, "{\"id\":\"%s\",\"name\":\"me\"}", peerid_did(k.public.bytes, did));
	json_object_del(whole, "proof");
	json_object_set_new(whole, "issuer", value(text));
	tap_ok(proof_add(whole, &k, NOW) == 0 && credential_check(whole, NOW, &c) == 0, "an issuer that is an object with an id");
	json_object_set_new(whole, "issuer", json_string(did));
	tap_ok(credential_check(whole, NOW, &c) == -1, "what is changed afterwards: %s", err_reason());
	json_object_del(whole, "proof");
	tap_ok(credential_check(whole, NOW, &c) == -1, "without a proof: %s", err_reason());
	tap_ok(credential_check(claims, NOW, &c) == -1, "another object: %s", err_reason());
	json_decref(whole);
	json_decref(claims);
	claims = value("[]");
	tap_ok(credential_check(claims, NOW, &c) == -1, "no object: %s", err_reason());
	json_decref(claims);
}

int
main(void)
{
	if (key_generate(&k) < 0)
		abort();
	check_issued();
	check_members();
	return tap_done();
}
