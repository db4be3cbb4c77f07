#include "trust/credential.h"

#include <string.h>

#include "base/err.h"
#include "trust/datetime.h"
#include "trust/peerid.h"
#include "trust/proof.h"

/* The second is for members that no vocabulary defines, such as the claims here. */
static const char context[] = "https://www.w3.org/ns/credentials/v2", other_terms[] = "https://www.w3.org/ns/credentials/undefined-terms/v2";
static const char credential_type[] = "VerifiableCredential";

/* One subject, of whom something is said. */
static bool
is_subject(const json_t *claims)
{
	return json_is_object(claims) && json_object_size(claims) > 0;
}

/* ---- issuing ---- */

static int
add(json_t *o, const char *key, const char *text)
{
	return json_object_set_new(o, key, json_string(text)) == 0 ? 0 : err_set(ERR_DATA, "'%s' is no text of UTF-8", key);
}

/* Those members that it may be without. */
static int
add_optional(json_t *o, const struct credential *c)
{
	char moment[DATETIME_TEXT];

	if (c->type[0] && json_array_append_new(json_object_get(o, "type"), json_string(c->type)) != 0)
		return err_set(ERR_DATA, "the type is no text of UTF-8");
	if ((c->id[0] && add(o, "id", c->id) < 0) || (c->until != CREDENTIAL_ALWAYS && add(o, "validUntil", datetime_text(moment, c->until)) < 0))
		return -1;
	return !c->status || json_object_set(o, "credentialStatus", c->status) == 0 ? 0 : err_set(ERR_SYSTEM, "no memory");
}

json_t *
credential_issue(const struct key *k, const struct credential *c)
{
	char did[PEERID_DID], moment[DATETIME_TEXT];
	json_t *o;

	if (!is_subject(c->claims)) {
		err_set(ERR_DATA, "what is said is no object, or an empty one");
		return NULL;
	}
	o = json_pack("{s[ss] s[s] sO}", "@context", context, other_terms, "type", credential_type, "credentialSubject", c->claims);
	if (!o)
		err_set(ERR_SYSTEM, "no memory");
	else if (add(o, "issuer", peerid_did(k->public.bytes, did)) == 0 && add(o, "validFrom", datetime_text(moment, c->from)) == 0 &&
	    add_optional(o, c) == 0 && proof_add(o, k, c->from) == 0)
		return o;
	json_decref(o);
	return NULL;
}

/* ---- checking ---- */

static const char *
text_of(const json_t *v)
{
	return json_is_string(v) ? json_string_value(v) : "";
}

/* A text, or the "id" of an object. */
static const char *
id_of(const json_t *v)
{
	return text_of(json_is_object(v) ? json_object_get(v, "id") : v);
}

static int
read_types(const json_t *types, struct credential *c)
{
	const json_t *one;
	bool is_one = strcmp(text_of(types), credential_type) == 0;
	size_t i;

	json_array_foreach(types, i, one) {
		if (strcmp(text_of(one), credential_type) == 0)
			is_one = true;
		else if (!c->type[0])
			c->type = text_of(one);
	}
	return is_one ? 0 : err_set(ERR_DATA, "not a %s", credential_type);
}

static int
read_moment(int64_t *to, const json_t *document, const char *key)
{
	const json_t *v = json_object_get(document, key);

	return !v || datetime_parse(to, text_of(v)) ? 0 : err_set(ERR_DATA, "its '%s' is no moment", key);
}

static int
read_members(const json_t *document, struct credential *c)
{
	const json_t *contexts = json_object_get(document, "@context");

	if (strcmp(text_of(json_array_get(contexts, 0)), context) != 0)
		return err_set(ERR_DATA, "not a credential of %s", context);
	if (read_types(json_object_get(document, "type"), c) < 0 || read_moment(&c->from, document, "validFrom") < 0 ||
	    read_moment(&c->until, document, "validUntil") < 0)
		return -1;
	c->claims = json_object_get(document, "credentialSubject");
	if (!is_subject(c->claims))
		return err_set(ERR_DATA, "it speaks of no one subject");
	c->subject = text_of(json_object_get(c->claims, "id"));
	c->id = text_of(json_object_get(document, "id"));
	c->status = json_object_get(document, "credentialStatus");
	return 0;
}

static int
read_signed(const json_t *document, int64_t now, struct credential *c)
{
	char did[PEERID_DID];

	*c = (struct credential){ .from = INT64_MIN, .until = CREDENTIAL_ALWAYS, .id = "", .type = "", .subject = "" };
	if (!json_is_object(document))
		return err_set(ERR_DATA, "no credential");
	if (read_members(document, c) < 0 || proof_check(document, now, c->issuer) < 0)
		return -1;
	if (strcmp(id_of(json_object_get(document, "issuer")), peerid_did(c->issuer, did)) != 0)
		return err_set(ERR_DATA, "signed by %s, which is not its issuer", did);
	return 0;
}

int
credential_read(const json_t *document, struct credential *c)
{
	return read_signed(document, INT64_MIN, c); /* a proof expires too */
}

int
credential_check(const json_t *document, int64_t now, struct credential *c)
{
	char moment[DATETIME_TEXT];

	if (read_signed(document, now, c) < 0)
		return -1;
	if (now < c->from)
		return err_set(ERR_DATA, "valid from %s on", datetime_text(moment, c->from));
	if (now > c->until)
		return err_set(ERR_DATA, "expired at %s", datetime_text(moment, c->until));
	return 0;
}
