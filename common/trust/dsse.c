#include "trust/dsse.h"

#include <string.h>

#include "base/err.h"
#include "trust/base64.h"
#include "trust/member.h"

int
dsse_pae(struct buf *to, const char *type, const void *data, size_t n)
{
	return buf_printf(to, "DSSEv1 %zu %s %zu ", strlen(type), type, n) < 0 ? -1 : buf_add(to, data, n);
}

/* ---- making one ---- */

static json_t *
base64(const void *data, size_t n)
{
	struct buf text = { 0 };
	json_t *s = base64_add(&text, data, n) == 0 ? json_stringn((const char *)text.data, text.len) : NULL;

	buf_free(&text);
	return s;
}

json_t *
dsse_make(const char *type, const void *data, size_t n, const struct key *k)
{
	uint8_t signature[KEY_SIGNATURE];
	struct buf pae = { 0 };
	json_t *o = NULL;

	if (dsse_pae(&pae, type, data, n) == 0) {
		key_sign(signature, k, pae.data, pae.len);
		o = json_pack("{so ss s[{so ss}]}", "payload", base64(data, n), "payloadType", type, "signatures", "sig",
		    base64(signature, sizeof signature), "keyid", "");
		if (!o)
			err_set(ERR_SYSTEM, "no memory for the envelope");
	}
	buf_free(&pae);
	return o;
}

/* ---- reading one ---- */

static int
read_base64(struct buf *to, const json_t *object, const char *name)
{
	const json_t *v = json_object_get(object, name);

	if (json_string_length(v) == 0)
		return err_set(ERR_DATA, "the envelope's '%s' is no text, or an empty one", name);
	return base64_read(to, json_string_value(v), json_string_length(v)) < 0 ? err_wrap("the envelope's '%s'", name) : 0;
}

static int
read_signature(struct dsse *e, const json_t *one)
{
	static const char *const members[] = { "sig", "keyid", NULL };
	const json_t *keyid = json_object_get(one, "keyid");

	if (member_check(one, "a signature of the envelope", members, 1) < 0)
		return -1;
	if (keyid && !json_is_null(keyid) && !json_is_string(keyid))
		return err_set(ERR_DATA, "the 'keyid' of a signature is no text");
	return read_base64(&e->signature[e->n++], one, "sig");
}

static int
read_envelope(struct dsse *e, const json_t *envelope)
{
	static const char *const members[] = { "payload", "payloadType", "signatures", NULL };
	const json_t *signatures = json_object_get(envelope, "signatures");
	size_t n = json_array_size(signatures);

	if (member_check(envelope, "the envelope", members, 3) < 0 || read_base64(&e->payload, envelope, "payload") < 0)
		return -1;
	if (!(e->type = member_text(envelope, "payloadType")))
		return err_set(ERR_DATA, "the envelope's 'payloadType' is no text");
	if (n < 1 || n > DSSE_MAX_SIGNATURES)
		return err_set(ERR_DATA, "the envelope's 'signatures' is no array of 1 to %d", DSSE_MAX_SIGNATURES);
	for (size_t i = 0; i < n; i++)
		if (read_signature(e, json_array_get(signatures, i)) < 0)
			return -1;
	return 0;
}

int
dsse_parse(struct dsse *e, const json_t *envelope)
{
	*e = (struct dsse){ 0 };
	if (read_envelope(e, envelope) == 0)
		return 0;
	dsse_free(e);
	return -1;
}

int
dsse_verify(const struct dsse *e, const struct pubkey *k)
{
	struct buf pae = { 0 };
	bool good = false;

	if (dsse_pae(&pae, e->type, e->payload.data, e->payload.len) < 0)
		return -1;
	for (size_t i = 0; i < e->n && !good; i++)
		good = pubkey_verifies(k, e->signature[i].data, e->signature[i].len, pae.data, pae.len);
	buf_free(&pae);
	return good ? 0 : err_set(ERR_DATA, "the signature is wrong, or of another key");
}

void
dsse_free(struct dsse *e)
{
	buf_free(&e->payload);
	for (size_t i = 0; i < e->n; i++)
		buf_free(&e->signature[i]);
	*e = (struct dsse){ 0 };
}
