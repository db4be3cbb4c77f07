/*
 * Any bytes as JSON to be canonical, as a document with a proof, and as a credential. Canonical text is canonical already, and no document that was not
 * signed with the key at hand carries its proof.
 */
#include <stdlib.h>
#include <string.h>

#include "trust/credential.h"
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
	static struct key k;

	struct credential c;

	proof_check(document, 0, signer);
	credential_check(document, 0, &c);
	if (k.public.bytes[0] == 0)
		must(key_generate(&k) == 0);
	if (proof_add(document, &k, 0) == 0)
		must(proof_check(document, 0, signer) == 0 && memcmp(signer, k.public.bytes, KEY_PUBLIC) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	json_t *j = jcs_parse((const char *)data, size);

	if (j) {
		try_canonical(j);
		try_proof(j);
	}
	json_decref(j);
	return 0;
}
