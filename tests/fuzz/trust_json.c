/*
 * Any bytes as JSON to be canonical, as a document with a proof, as a credential, a chain of them, a list of revoked ones. Canonical text is canonical
 * already, no document that was not signed with the key at hand carries its proof, and what narrows a right narrows it twice.
 */
#include <stdlib.h>
#include <string.h>

#include "trust/delegation.h"
#include "trust/jcs.h"
#include "trust/proof.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool good)
{
	if (!good)
		abort();
}

static void
try_canonical(const json_t *value)
{
	struct buf first = { 0 }, second = { 0 };
	json_t *again;

	if (jcs_add(&first, value) < 0)
		return;
	must((again = jcs_parse((const char *)first.data, first.len)) != NULL);
	must(jcs_add(&second, again) == 0 && first.len == second.len && memcmp(first.data, second.data, first.len) == 0);
	json_decref(again);
	buf_free(&first);
	buf_free(&second);
}

static void
try_proof(json_t *document)
{
	uint8_t signer[KEY_PUBLIC];
	static struct delegation d;
	static struct key k;

	proof_check(document, 0, signer);
	delegation_check(document, 0, NULL, &d);
	if (k.public.bytes[0] == 0)
		must(key_generate(&k) == 0);
	if (proof_add(document, &k, 0) == 0)
		must(proof_check(document, 0, signer) == 0 && memcmp(signer, k.public.bytes, KEY_PUBLIC) == 0);
}

/* Two of an array's elements as rights, a text as the bits of a list. */
static void
try_parts(const json_t *value)
{
	json_t *a = json_array_get(value, 0), *b = json_array_get(value, 1), *c = json_array_get(value, 2), *claims;
	struct status_lists lists = { 0 };
	static struct key k;

	if (json_is_object(a) && json_is_object(b) && json_is_object(c) && delegation_narrows(a, b) == 0 && delegation_narrows(b, c) == 0) {
		json_object_set_new(c, "delegate", json_real(-1)); /* once is as good as twice for this one */
		must(delegation_narrows(a, c) == 0);
	}
	if (!json_is_string(value))
		return;
	if (k.public.bytes[0] == 0)
		must(key_generate(&k) == 0);
	claims = json_pack("{ss ss sO}", "type", "BitstringStatusList", "statusPurpose", "revocation", "encodedList", value);
	struct credential list = { .from = 0, .until = CREDENTIAL_ALWAYS, .id = "x", .type = "BitstringStatusListCredential", .claims = claims };
	json_t *o = credential_issue(&k, &list), *again;
	if (o && status_add(&lists, o, 0) == 0) {
		must((again = status_issue(&k, &lists.list[0], 0)) && status_add(&lists, again, 0) == 0);
		must(lists.list[0].n == lists.list[1].n && memcmp(lists.list[0].bits, lists.list[1].bits, lists.list[0].n) == 0);
		json_decref(again);
	}
	status_free(&lists);
	json_decref(o);
	json_decref(claims);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	json_t *j = jcs_parse((const char *)data, size);

	if (j) {
		try_canonical(j);
		try_parts(j);
		try_proof(j);
	}
	json_decref(j);
	return 0;
}
