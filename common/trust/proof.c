#include "trust/proof.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/hash.h"
#include "trust/datetime.h"
#include "trust/jcs.h"
#include "trust/multibase.h"
#include "trust/peerid.h"

static const char kind[] = "DataIntegrityProof", suite[] = "eddsa-jcs-2022", purpose[] = "assertionMethod";

/* The SHA-256 of an object's canonical text without one of its members. */
static int
hash_without(uint8_t to[HASH_SIZE], const json_t *object, const char *member)
{
	json_t *copy = json_copy((json_t *)(uintptr_t)object); /* jansson's copy takes no const */
	struct buf text = { 0 };
	struct hash h;
	int rc = -1;

	if (!copy)
		return err_set(ERR_SYSTEM, "no memory");
	json_object_del(copy, member);
	if ((rc = jcs_add(&text, copy)) == 0) {
		h = hash_bytes(text.data, text.len);
		memcpy(to, h.bytes, HASH_SIZE);
	}
	buf_free(&text);
	json_decref(copy);
	return rc;
}

int
proof_bytes(uint8_t to[PROOF_SIGNED], const json_t *document, const json_t *proof)
{
	return hash_without(to, proof, "proofValue") < 0 ? -1 : hash_without(to + HASH_SIZE, document, "proof");
}

/* ---- signing ---- */

static int
set(json_t *object, const char *key, json_t *value)
{
	return value && json_object_set_new(object, key, value) == 0 ? 0 : err_set(ERR_SYSTEM, "no memory");
}

/* All but the value. NULL with a reason. */
static json_t *
options(const json_t *document, const struct key *k, int64_t created)
{
	char did[PEERID_DID], method[2 * PEERID_DID], when[DATETIME_TEXT];
	json_t *context = json_object_get(document, "@context"), *o;

	peerid_did(k->public.bytes, did);
	snprintf(method, sizeof method, "%s#%s", did, did + strlen("did:key:"));
	o = json_pack("{ss ss ss ss ss}", "type", kind, "cryptosuite", suite, "created", datetime_text(when, created), "verificationMethod", method,
	    "proofPurpose", purpose);
	if (!o)
		err_set(ERR_SYSTEM, "no memory");
	else if (context && set(o, "@context", json_deep_copy(context)) < 0) {
		json_decref(o);
		o = NULL;
	}
	return o;
}

int
proof_add(json_t *document, const struct key *k, int64_t created)
{
	uint8_t bytes[PROOF_SIGNED], signature[KEY_SIGNATURE];
	char value[MULTIBASE_TEXT];
	json_t *o;

	if (!json_is_object(document) || json_object_get(document, "proof"))
		return err_set(ERR_DATA, "not an object without a proof");
	if (!(o = options(document, k, created)))
		return -1;
	if (proof_bytes(bytes, document, o) < 0) {
		json_decref(o);
		return -1;
	}
	key_sign(signature, k, bytes, sizeof bytes);
	multibase_encode(value, MULTIBASE_58BTC, signature, sizeof signature);
	if (set(o, "proofValue", json_string(value)) < 0) {
		json_decref(o);
		return -1;
	}
	return set(document, "proof", o);
}

/* ---- checking ---- */

static bool
says(const json_t *object, const char *key, const char *wanted)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text && strcmp(text, wanted) == 0;
}

/* did:key:X#X */
static int
read_method(uint8_t key[KEY_PUBLIC], const json_t *proof)
{
	static const char head[] = "did:key:";
	const char *text = json_string_value(json_object_get(proof, "verificationMethod")), *hash = text ? strchr(text, '#') : NULL;

	if (!hash || strncmp(text, head, sizeof head - 1) != 0 || strncmp(text + sizeof head - 1, hash + 1, strlen(hash + 1)) != 0 ||
	    (size_t)(hash - text) != sizeof head - 1 + strlen(hash + 1))
		return err_set(ERR_DATA, "the proof names no key as did:key:X#X");
	return peerid_parse_did(key, text, (size_t)(hash - text));
}

static int
read_value(uint8_t signature[KEY_SIGNATURE], const json_t *proof)
{
	const char *text = json_string_value(json_object_get(proof, "proofValue"));
	uint8_t bytes[MULTIBASE_MAX];

	if (!text || text[0] != 'z' || multibase_decode(bytes, text, strlen(text)) != KEY_SIGNATURE)
		return err_set(ERR_DATA, "the proof's value is not base58 of %d bytes", KEY_SIGNATURE);
	memcpy(signature, bytes, KEY_SIGNATURE);
	return 0;
}

static int
check_moment(const json_t *proof, const char *key, int64_t *seconds)
{
	const json_t *v = json_object_get(proof, key);

	if (v && !(json_is_string(v) && datetime_parse(seconds, json_string_value(v))))
		return err_set(ERR_DATA, "the proof's '%s' is no moment", key);
	return 0;
}

/* A proof's contexts, which are signed with it, are the first of the document's. */
static int
check_context(const json_t *document, const json_t *proof)
{
	const json_t *of = json_object_get(document, "@context"), *in = json_object_get(proof, "@context");
	size_t n = json_is_array(in) ? json_array_size(in) : 1;

	if (!in)
		return 0;
	if (json_equal(of, in))
		return 0;
	for (size_t i = 0; i < n; i++) {
		const json_t *a = json_is_array(in) ? json_array_get(in, i) : in;
		const json_t *b = json_is_array(of) ? json_array_get(of, i) : i == 0 ? of : NULL;
		if (!a || !b || !json_equal(a, b))
			return err_set(ERR_DATA, "the proof has contexts that the document has not");
	}
	return 0;
}

static int
check_options(const json_t *document, const json_t *proof, int64_t now)
{
	int64_t created, expires = INT64_MAX;

	if (!json_is_object(proof))
		return err_set(ERR_DATA, "no proof, or several");
	if (!says(proof, "type", kind) || !says(proof, "cryptosuite", suite))
		return err_set(ERR_DATA, "the proof is not %s by %s", kind, suite);
	if (!says(proof, "proofPurpose", purpose))
		return err_set(ERR_DATA, "the proof is not for %s", purpose);
	if (check_moment(proof, "created", &created) < 0 || check_moment(proof, "expires", &expires) < 0)
		return -1;
	if (now > expires)
		return err_set(ERR_DATA, "the proof has expired");
	return check_context(document, proof);
}

/* What was signed: where the proof has contexts, the document with those. */
static int
signed_bytes(uint8_t to[PROOF_SIGNED], const json_t *document, const json_t *proof)
{
	json_t *context = json_object_get(proof, "@context"), *copy;
	int rc;

	if (!context)
		return proof_bytes(to, document, proof);
	copy = json_copy((json_t *)(uintptr_t)document); /* jansson's copy takes no const */
	rc = copy && json_object_set(copy, "@context", context) == 0 ? proof_bytes(to, copy, proof) : err_set(ERR_SYSTEM, "no memory");
	json_decref(copy);
	return rc;
}

int
proof_check(const json_t *document, int64_t now, uint8_t signer[KEY_PUBLIC])
{
	const json_t *proof = json_object_get(document, "proof");
	uint8_t bytes[PROOF_SIGNED], signature[KEY_SIGNATURE];

	if (check_options(document, proof, now) < 0 || read_method(signer, proof) < 0 || read_value(signature, proof) < 0 ||
	    signed_bytes(bytes, document, proof) < 0)
		return -1;
	return key_verifies(signature, signer, bytes, sizeof bytes) ? 0 : err_set(ERR_DATA, "the proof's signature is wrong");
}
