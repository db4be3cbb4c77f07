/* Rights that are passed on: what is narrower, and chains that are none. */
#include "base/err.h"
#include "trust/delegation.h"
#include "trust/jcs.h"
#include "trust/peerid.h"
#include "vectors.h"

#define NOW 1767323045 /* 2026-01-02T03:04:05Z */

static struct key key[4];

static json_t *
value(const char *text)
{
	json_t *j = jcs_parse(text, strlen(text));

	if (!j)
		abort();
	return j;
}

static const struct {
	const char *from, *to;
	bool good;
} pairs[] = {
	{ "{\"delegate\":1}", "{}", true }, { "{}", "{}", false }, { "{\"delegate\":0}", "{}", false }, { "{\"delegate\":true}", "{}", false },
	{ "{\"delegate\":2}", "{\"delegate\":1}", true }, { "{\"delegate\":2}", "{\"delegate\":2}", false }, { "{\"delegate\":1}", "{\"delegate\":1}", false },
	{ "{\"delegate\":1,\"rows\":10}", "{\"rows\":10}", true }, { "{\"delegate\":1,\"rows\":10}", "{\"rows\":0}", true },
	{ "{\"delegate\":1,\"rows\":10}", "{\"rows\":10.5}", false }, { "{\"delegate\":1,\"rows\":10}", "{}", false },
	{ "{\"delegate\":1,\"rows\":10}", "{\"rows\":\"1\"}", false }, { "{\"delegate\":1,\"rows\":10}", "{\"rows\":[1]}", false },
	{ "{\"delegate\":1,\"rows\":[1,5]}", "{\"rows\":5}", false }, { "{\"delegate\":1,\"rows\":[1,5]}", "{\"rows\":[5]}", true },
	{ "{\"delegate\":1}", "{\"rows\":10}", true }, /* absent: no limit */
	{ "{\"delegate\":1,\"model\":\"a\"}", "{\"model\":\"a\"}", true }, { "{\"delegate\":1,\"model\":\"a\"}", "{\"model\":\"b\"}", false },
	{ "{\"delegate\":1,\"model\":\"a\"}", "{}", false }, { "{\"delegate\":1,\"model\":\"a\"}", "{\"model\":[\"a\"]}", true },
	{ "{\"delegate\":1,\"model\":[\"a\",\"b\"]}", "{\"model\":\"b\"}", true }, { "{\"delegate\":1,\"model\":[\"a\",\"b\"]}", "{\"model\":[\"b\",\"a\"]}", true },
	{ "{\"delegate\":1,\"model\":[\"a\",\"b\"]}", "{\"model\":[\"a\",\"c\"]}", false }, { "{\"delegate\":1,\"model\":[\"a\"]}", "{\"model\":[]}", true },
	{ "{\"delegate\":1,\"model\":[]}", "{\"model\":\"a\"}", false }, { "{\"delegate\":1,\"id\":\"x\"}", "{\"id\":\"y\"}", true },
	{ "{\"delegate\":1,\"free\":false}", "{\"free\":true}", false }, { "{\"delegate\":1,\"at\":{\"a\":1}}", "{\"at\":{\"a\":1}}", true },
	{ "{\"delegate\":1,\"at\":{\"a\":1}}", "{\"at\":{}}", false },
};

static void
check_pairs(void)
{
	for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
		json_t *from = value(pairs[i].from), *to = value(pairs[i].to);
		bool good = delegation_narrows(from, to) == 0;
		tap_ok(good == pairs[i].good, "%s to %s: %s", pairs[i].from, pairs[i].to, good ? "narrower" : err_reason());
		json_decref(from);
		json_decref(to);
	}
}

/* Claims about key i: what is written, and its id. */
static json_t *
about(int i, const char *text)
{
	char did[PEERID_DID];
	json_t *claims = value(text);

	json_object_set_new(claims, "id", json_string(peerid_did(key[i].public.bytes, did)));
	return claims;
}

/* Key `by` says something about key `to`, behind a chain or alone. */
static json_t *
grant(const json_t *chain, int by, int to, const char *text, const char *type, int64_t until)
{
	json_t *claims = about(to, text), *o;
	struct credential c = { .from = NOW, .until = until, .id = "", .type = type, .claims = claims };

	o = chain ? delegation_add(chain, &key[by], &c, NULL) : credential_issue(&key[by], &c);
	json_decref(claims);
	return o;
}

static void
check_chains(void)
{
	json_t *first = grant(NULL, 0, 1, "{\"delegate\":2,\"rows\":1000}", "T", NOW + 100), *second, *third, *other;
	struct delegation d;

	tap_ok(delegation_check(first, NOW, NULL, &d) == 0 && d.n == 1, "one credential is a chain");
	second = grant(first, 1, 2, "{\"delegate\":1,\"rows\":500}", "T", NOW + 100);
	tap_ok(second && delegation_check(second, NOW, NULL, &d) == 0 && d.n == 2 && memcmp(d.link[0].issuer, key[0].public.bytes, KEY_PUBLIC) == 0 &&
	    json_number_value(json_object_get(d.link[1].claims, "rows")) == 500, "two");
	third = grant(second, 2, 3, "{\"rows\":500}", "T", NOW + 50);
	tap_ok(third && delegation_check(third, NOW, NULL, &d) == 0 && d.n == 3, "three");
	tap_ok(delegation_check(third, NOW + 51, NULL, &d) == -1, "one of which has expired: %s", err_reason());
	tap_ok(!grant(third, 3, 0, "{\"rows\":1}", "T", NOW + 50), "no fourth: %s", err_reason());
	tap_ok(!grant(first, 2, 3, "{\"rows\":1}", "T", NOW + 50), "by somebody else: %s", err_reason());
	tap_ok(!grant(first, 1, 2, "{\"rows\":1001}", "T", NOW + 50), "more: %s", err_reason());
	tap_ok(!grant(first, 1, 2, "{\"rows\":1}", "U", NOW + 50), "another type: %s", err_reason());
	tap_ok(!grant(first, 1, 2, "{\"rows\":1}", "T", NOW + 101), "for longer: %s", err_reason());
	other = json_array();
	tap_ok(delegation_check(other, NOW, NULL, &d) == -1, "an empty chain: %s", err_reason());
	json_array_append(other, json_array_get(third, 0));
	json_array_append(other, json_array_get(third, 2));
	tap_ok(delegation_check(other, NOW, NULL, &d) == -1, "one without its middle: %s", err_reason());
	json_array_clear(other);
	for (int i = 0; i <= DELEGATION_MAX; i++)
		json_array_append(other, first);
	tap_ok(delegation_check(other, NOW, NULL, &d) == -1, "one too long: %s", err_reason());
	json_decref(other);
	json_decref(third);
	json_decref(second);
	json_decref(first);
}

/* What is said of a list's entry, with a list and without. */
static void
check_revoked(void)
{
	json_t *claims = value("{\"a\":1}"), *status = status_entry("https://example.org/revoked", 140001), *o, *document;
	struct credential c = { .from = NOW, .until = CREDENTIAL_ALWAYS, .id = "", .type = "", .claims = claims, .status = status };
	struct status_list list = { .id = (char[]){ "https://example.org/revoked" } };
	struct status_lists lists = { 0 };
	struct delegation d;

	o = credential_issue(&key[0], &c);
	tap_ok(delegation_check(o, NOW, NULL, &d) == -1, "without its list: %s", err_reason());
	json_t *neighbour = status_entry(list.id, 140000);
	tap_ok(status_revoke(&list, neighbour) == 0 && list.n == 140000 / 8 + 1, "another is revoked");
	json_decref(neighbour);
	document = status_issue(&key[0], &list, NOW);
	tap_ok(document && status_add(&lists, document, NOW) == 0 && delegation_check(o, NOW, &lists, &d) == 0, "not revoked");
	json_decref(document);
	status_free(&lists);
	document = status_issue(&key[1], &list, NOW);
	tap_ok(status_add(&lists, document, NOW) == 0 && delegation_check(o, NOW, &lists, &d) == -1, "the list of another: %s", err_reason());
	json_decref(document);
	status_free(&lists);
	status_revoke(&list, status);
	document = status_issue(&key[0], &list, NOW);
	tap_ok(status_add(&lists, document, NOW) == 0 && delegation_check(o, NOW, &lists, &d) == -1, "then it is: %s", err_reason());
	tap_ok(status_add(&lists, o, NOW) == -1, "no list: %s", err_reason());
	json_decref(document);
	status_free(&lists);
	json_decref(o);
	json_object_set_new(status, "statusListIndex", json_string("140008"));
	o = credential_issue(&key[0], &c);
	document = status_issue(&key[0], &list, NOW);
	tap_ok(status_add(&lists, document, NOW) == 0 && delegation_check(o, NOW, &lists, &d) == -1, "behind its end: %s", err_reason());
	json_decref(document);
	status_free(&lists);
	json_decref(o);
	free(list.bits);
	json_decref(claims);
	json_decref(status);
}

/* 16 KiB of nothing, as gzip makes it, and what is not quite that. */
static const struct {
	const char *text;
	bool good;
} encoded[] = {
	{ "uH4sIAAAAAAAAA-3BMQEAAADCoPVPbQwfoAAAAAAAAAAAAAAAAAAAAIC3AYbSVKsAQAAA", true },
	{ "H4sIAAAAAAAAA-3BMQEAAADCoPVPbQwfoAAAAAAAAAAAAAAAAAAAAIC3AYbSVKsAQAAA", false },
	{ "uH4sIAAAAAAAAA-3BMQEAAADCoPVPbQwfoAAAAAAAAAAAAAAAAAAAAIC3AYbSVKsAQAAB", false },
	{ "uH4sIAAAAAAAAA-3BMQEAAADCoPVPbQwfoAAAAAAAAAAAAAAAAAAAAIC3AYbSVKsAQAA", false },
	{ "uH4sIAAAAAAAAA-3BMQEAAADCoPVPbQwfoAAAAAAAAAAAAAAAAAAAAIC3AYbSVKsAQAAAAA", false }, { "u", false }, { "uAAAA", false }, { "", false },
};

static void
check_encoded(void)
{
	for (size_t i = 0; i < sizeof encoded / sizeof *encoded; i++) {
		json_t *claims = json_pack("{ss ss ss}", "type", "BitstringStatusList", "statusPurpose", "revocation", "encodedList", encoded[i].text);
		struct credential c = { .from = NOW, .until = CREDENTIAL_ALWAYS, .id = "x", .type = "BitstringStatusListCredential", .claims = claims };
		json_t *o = credential_issue(&key[0], &c);
		struct status_lists lists = { 0 };
		bool good = status_add(&lists, o, NOW) == 0;
		tap_ok(good == encoded[i].good, "%s: %s", encoded[i].text, good ? "taken" : err_reason());
		if (good)
			tap_ok(lists.list[0].n == STATUS_MIN && !lists.list[0].bits[0] && !lists.list[0].bits[STATUS_MIN - 1], "it is empty");
		status_free(&lists);
		json_decref(o);
		json_decref(claims);
	}
}

int
main(void)
{
	for (int i = 0; i < 4; i++)
		if (key_generate(&key[i]) < 0)
			abort();
	check_pairs();
	check_chains();
	check_revoked();
	check_encoded();
	return tap_done();
}
