#include "trust/oms.h"

#include <sodium.h>
#include <string.h>

#include "base/err.h"
#include "base/io.h"
#include "trust/base64.h"
#include "trust/oms_impl.h"

/* ---- making a bundle ---- */

static json_t *
resources(const struct oms *m)
{
	json_t *all = json_array();
	char hex[HASH_HEX];

	for (size_t i = 0; i < m->n; i++)
		if (json_array_append_new(all, json_pack("{ss ss ss}", "name", m->file[i].path, "algorithm", OMS_HASH, "digest",
		    hash_to_hex(&m->file[i].sha256, hex))) != 0) {
			json_decref(all);
			return NULL;
		}
	return all;
}

static json_t *
ignored(const struct oms *m)
{
	json_t *all = json_array();

	for (size_t i = 0; i < m->n_ignored; i++)
		if (json_array_append_new(all, json_string(m->ignored[i])) != 0) {
			json_decref(all);
			return NULL;
		}
	return all;
}

static json_t *
statement(const struct oms *m)
{
	char hex[HASH_HEX];
	struct hash h = oms_digest(m);
	json_t *o = json_pack("{ss s[{ss s{ss}}] ss s{so s{ss ss sb so}}}", "_type", OMS_STATEMENT, "subject", "name", m->model,
	    "digest", OMS_HASH, hash_to_hex(&h, hex), "predicateType", OMS_PREDICATE, "predicate", "resources", resources(m),
	    "serialization", "method", OMS_METHOD, "hash_type", OMS_HASH, "allow_symlinks", 0, "ignore_paths", ignored(m));

	if (!o)
		err_set(ERR_DATA, "the directory's name is not UTF-8, or there is no memory");
	return o;
}

static json_t *
envelope(const struct oms *m, const struct key *k)
{
	json_t *o = statement(m), *signed_one = NULL;
	struct buf text = { 0 };

	if (o && jcs_add(&text, o) == 0)
		signed_one = dsse_make(OMS_PAYLOAD, text.data, text.len, k);
	buf_free(&text);
	json_decref(o);
	return signed_one;
}

int
oms_sign(struct buf *to, const struct oms *m, const struct key *k)
{
	struct pubkey public;
	char hint[HASH_HEX];
	size_t before = to->len;
	json_t *o, *signed_one;
	int rc;

	if (pubkey_of_key(&public, k->public.bytes) < 0)
		return -1;
	pubkey_hint(&public, hint);
	pubkey_free(&public);
	if (!(signed_one = envelope(m, k)))
		return -1;
	o = json_pack("{ss s{s{ss} s[]} so}", "mediaType", OMS_MEDIA, "verificationMaterial", "publicKey", "hint", hint, "tlogEntries",
	    "dsseEnvelope", signed_one);
	rc = o ? jcs_add(to, o) : err_set(ERR_SYSTEM, "no memory for the bundle");
	json_decref(o);
	if (rc == 0 && (rc = buf_addc(to, '\n')) == 0 && to->len - before > OMS_MAX)
		rc = err_set(ERR_DATA, "too many files: the bundle would have more than %d bytes", OMS_MAX);
	return rc;
}

/* ---- what a key has signed ---- */

static int
check_key(const struct oms_bundle *b, const struct pubkey *k)
{
	struct buf raw = { 0 };
	char hint[HASH_HEX];
	int rc = 0;

	if (b->raw && (rc = base64_read(&raw, b->raw, strlen(b->raw))) < 0)
		err_wrap("the bundle's key");
	if (rc == 0 && ((b->hint && b->hint[0] && strcmp(b->hint, pubkey_hint(k, hint)) != 0) ||
	    (b->raw && (raw.len != strlen(k->pem) || memcmp(raw.data, k->pem, raw.len) != 0))))
		rc = err_set(ERR_DATA, "made with another key, by what it says");
	buf_free(&raw);
	return rc;
}

int
oms_signed(struct oms *m, const struct oms_bundle *b, const struct pubkey *k)
{
	*m = (struct oms){ 0 };
	if (check_key(b, k) < 0 || dsse_verify(&b->envelope, k) < 0)
		return -1;
	return oms_statement(m, b->envelope.payload.data, b->envelope.payload.len);
}

/* ---- the one digest of all ---- */

struct hash
oms_digest(const struct oms *m)
{
	crypto_hash_sha256_state state;
	struct hash h;

	crypto_hash_sha256_init(&state);
	for (size_t i = 0; i < m->n; i++)
		crypto_hash_sha256_update(&state, m->file[i].sha256.bytes, HASH_SIZE);
	crypto_hash_sha256_final(&state, h.bytes);
	return h;
}
