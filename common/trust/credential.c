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

json_t *
credential_issue(const struct key *k, const char *type, json_t *claims, int64_t from, int64_t until)
{
	char did[PEERID_DID], moment[DATETIME_TEXT];
	json_t *o;
	int rc;

	if (!is_subject(claims)) {
		err_set(ERR_DATA, "what is said is no object, or an empty one");
		return NULL;
	}
	o = json_pack("{s[ss] s[s] sO}", "@context", context, other_terms, "type", credential_type, "credentialSubject", claims);
	rc = o ? 0 : err_set(ERR_SYSTEM, "no memory");

	if (rc == 0 && type[0] && json_array_append_new(json_object_get(o, "type"), json_string(type)) != 0)
		rc = err_set(ERR_DATA, "the type is no text of UTF-8");
	if (rc == 0 && (add(o, "issuer", peerid_did(k->public.bytes, did)) < 0 || add(o, "validFrom", datetime_text(moment, from)) < 0))
		rc = -1;
	if (rc == 0 && until != CREDENTIAL_ALWAYS)
		rc = add(o, "validUntil", datetime_text(moment, until));
	if (rc == 0)
		rc = proof_add(o, k, from);
	if (rc == 0)
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
	if (json_object_get(document, "credentialStatus"))
		return err_set(ERR_DATA, "its status would have to be looked up");
	return 0;
}

int
credential_check(const json_t *document, int64_t now, struct credential *c)
{
	char did[PEERID_DID], moment[DATETIME_TEXT];

	*c = (struct credential){ .from = INT64_MIN, .until = CREDENTIAL_ALWAYS, .type = "", .subject = "" };
	if (!json_is_object(document))
		return err_set(ERR_DATA, "no credential");
	if (read_members(document, c) < 0 || proof_check(document, now, c->issuer) < 0)
		return -1;
	if (strcmp(id_of(json_object_get(document, "issuer")), peerid_did(c->issuer, did)) != 0)
		return err_set(ERR_DATA, "signed by %s, which is not its issuer", did);
	if (now < c->from)
		return err_set(ERR_DATA, "valid from %s on", datetime_text(moment, c->from));
	if (now > c->until)
		return err_set(ERR_DATA, "expired at %s", datetime_text(moment, c->until));
	return 0;
}
