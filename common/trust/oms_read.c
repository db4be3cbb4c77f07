#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/io.h"
#include "base/mem.h"
#include "trust/member.h"
#include "trust/oms_impl.h"

static int
fault(const char *what)
{
	return err_set(ERR_DATA, "%s", what);
}

/* ---- which key: verificationMaterial (schema bundle) ---- */

/* Are the members of these names, where there are any, all of this type? */
static bool
all_of(const json_t *o, const char *const *names, json_type type)
{
	for (; *names; names++) {
		const json_t *v = json_object_get(o, *names);
		if (v && json_typeof(v) != type)
			return false;
	}
	return true;
}

static bool
is_certificate(const json_t *o)
{
	const char *raw = member_text(o, "rawBytes");

	return raw && raw[0];
}

static bool
is_chain(const json_t *o)
{
	const json_t *all = json_object_get(o, "certificates"), *one;
	size_t i;

	json_array_foreach(all, i, one)
		if (!is_certificate(one))
			return false;
	return json_array_size(all) > 0;
}

/* Entries of a log, which others check. */
static bool
are_entries(const json_t *all)
{
	static const char *const texts[] = { "logIndex", "integratedTime", "canonicalizedBody", NULL };
	static const char *const objects[] = { "logId", "kindVersion", "inclusionPromise", "inclusionProof", NULL };
	const json_t *one;
	size_t i;

	json_array_foreach(all, i, one)
		if (!json_is_object(one) || !all_of(one, texts, JSON_STRING) || !all_of(one, objects, JSON_OBJECT))
			return false;
	return json_is_array(all);
}

static bool
are_timestamps(const json_t *o)
{
	static const char *const text[] = { "signedTimestamp", NULL };
	const json_t *all = json_object_get(o, "rfc3161Timestamps"), *one;
	size_t i;

	json_array_foreach(all, i, one)
		if (!json_is_object(one) || !all_of(one, text, JSON_STRING))
			return false;
	return json_is_object(o) && (!all || json_is_array(all));
}

static int
read_key(struct oms_bundle *b, const json_t *o)
{
	static const char *const texts[] = { "hint", "rawBytes", NULL };

	if (!json_is_object(o) || !all_of(o, texts, JSON_STRING))
		return fault("the bundle's 'publicKey' is none");
	b->hint = member_text(o, "hint");
	b->raw = member_text(o, "rawBytes");
	return b->hint || b->raw ? 0 : fault("the bundle's 'publicKey' names no key");
}

static int
read_material(struct oms_bundle *b, const json_t *o)
{
	const json_t *key = json_object_get(o, "publicKey"), *chain = json_object_get(o, "x509CertificateChain"),
		     *certificate = json_object_get(o, "certificate"), *entries = json_object_get(o, "tlogEntries"),
		     *times = json_object_get(o, "timestampVerificationData");

	if (!json_is_object(o) || (key != NULL) + (chain != NULL) + (certificate != NULL) != 1)
		return fault("the bundle's 'verificationMaterial' is not a key, a chain of certificates or a certificate");
	if ((entries && !are_entries(entries)) || (times && !are_timestamps(times)))
		return fault("the bundle's 'tlogEntries' or 'timestampVerificationData' is none");
	if (key)
		return read_key(b, key);
	if (chain)
		return is_chain(chain) ? 0 : fault("the bundle's 'x509CertificateChain' is none");
	if (!is_certificate(certificate))
		return fault("the bundle's 'certificate' is none");
	return json_array_size(entries) > 0 ? 0 : fault("the bundle has a certificate, but no 'tlogEntries'");
}

/* ---- the bundle ---- */

/* Of the versions of Sigstore's bundles that there have been. */
static bool
is_media(const json_t *root)
{
	static const char *const types[] = { OMS_MEDIA, "application/vnd.dev.sigstore.bundle+json;version=0.1",
		"application/vnd.dev.sigstore.bundle+json;version=0.2", "application/vnd.dev.sigstore.bundle+json;version=0.3" };

	for (size_t i = 0; i < sizeof types / sizeof *types; i++)
		if (member_is(root, "mediaType", types[i]))
			return true;
	return false;
}

static int
read_root(struct oms_bundle *b)
{
	static const char *const members[] = { "mediaType", "verificationMaterial", "dsseEnvelope", NULL };

	if (member_check(b->root, "the bundle", members, 3) < 0)
		return -1;
	if (!is_media(b->root))
		return fault("not a bundle of Sigstore, by its 'mediaType'");
	if (read_material(b, json_object_get(b->root, "verificationMaterial")) < 0 ||
	    dsse_parse(&b->envelope, json_object_get(b->root, "dsseEnvelope")) < 0)
		return -1;
	return strcmp(b->envelope.type, OMS_PAYLOAD) == 0 ? 0 : fault("what the bundle has signed is no statement of in-toto");
}

int
oms_parse(struct oms_bundle *b, const char *text, size_t n)
{
	*b = (struct oms_bundle){ .root = jcs_parse(text, n) };
	if (!b->root)
		return -1;
	if (read_root(b) == 0)
		return 0;
	oms_bundle_free(b);
	return -1;
}

int
oms_read(struct oms_bundle *b, const char *path)
{
	struct buf text = { 0 };
	int rc = io_read_file(&text, path, OMS_MAX);

	*b = (struct oms_bundle){ 0 };
	if (rc == 0 && oms_parse(b, (const char *)text.data, text.len) < 0)
		rc = err_wrap("%s", path);
	buf_free(&text);
	return rc;
}

void
oms_bundle_free(struct oms_bundle *b)
{
	dsse_free(&b->envelope);
	json_decref(b->root);
	*b = (struct oms_bundle){ 0 };
}

/* ---- the statement (schemas statement and predicate) ---- */

/* A digest as it is written: in small letters. */
static bool
read_hash(struct hash *h, const json_t *object, const char *name)
{
	const char *hex = member_text(object, name);

	return hex && strspn(hex, "0123456789abcdef") == 2 * HASH_SIZE && hash_from_hex(h, hex, strlen(hex));
}

/* Digests by the names of their hashes, one of them SHA-256. */
static bool
read_digests(struct hash *h, const json_t *o)
{
	json_t *all = (json_t *)(uintptr_t)o; /* jansson's walk takes no const, and changes nothing */

	if (!json_is_object(o))
		return false;
	for (void *at = json_object_iter(all); at; at = json_object_iter_next(all, at)) {
		const char *hex = json_string_value(json_object_iter_value(at));
		if (!hex || !hex[0] || hex[strspn(hex, "0123456789abcdef")])
			return false;
	}
	return read_hash(h, o, OMS_HASH);
}

static int
read_subject(struct oms *m, struct hash *all, const json_t *subjects)
{
	const json_t *one = json_array_get(subjects, 0);
	const char *name = member_text(one, "name");

	if (json_array_size(subjects) != 1)
		return fault("the statement's 'subject' is not an array of one");
	if (!name || !name[0] || !read_digests(all, json_object_get(one, "digest")))
		return fault("the statement's 'subject' has no name or no SHA-256");
	return (m->model = mem_strdup(name)) ? 0 : -1;
}

static int
read_serialization(struct oms *m, const json_t *o)
{
	static const char *const members[] = { "method", "hash_type", "allow_symlinks", "ignore_paths", NULL };
	const json_t *paths = json_object_get(o, "ignore_paths"), *one;
	size_t i;

	if (!member_is(o, "method", OMS_METHOD) || !member_is(o, "hash_type", OMS_HASH))
		return fault("not hashed by 'files' and 'sha256', which alone are supported");
	if (member_check(o, "the statement's 'serialization'", members, 3) < 0)
		return -1;
	if (!json_is_boolean(json_object_get(o, "allow_symlinks")) || (paths && !json_is_array(paths)))
		return fault("the statement's 'allow_symlinks' or 'ignore_paths' is none");
	json_array_foreach(paths, i, one) {
		if (!json_is_string(one) || strlen(json_string_value(one)) != json_string_length(one))
			return fault("one of 'ignore_paths' is no path");
		if (oms_ignore(m, json_string_value(one)) < 0)
			return -1;
	}
	return oms_ignore_git(m);
}

/* One file alone was "." before 1.0: it goes by the model's name. */
static int
read_resource(struct oms *m, const json_t *o, bool alone)
{
	const char *name = member_text(o, "name");
	struct hash h;

	if (!name || !member_is(o, "algorithm", OMS_HASH) || !read_hash(&h, o, "digest"))
		return fault("one of the statement's 'resources' has no name or no SHA-256");
	if (oms_add(m, alone && strcmp(name, ".") == 0 ? m->model : name) < 0)
		return -1;
	m->file[m->n - 1].sha256 = h;
	return 0;
}

static int
read_predicate(struct oms *m, const struct hash *all, const json_t *o)
{
	static const char *const members[] = { "resources", "serialization", NULL };
	const json_t *resources = json_object_get(o, "resources"), *one;
	struct hash h;
	size_t i;

	if (member_check(o, "the statement's 'predicate'", members, 2) < 0 || read_serialization(m, json_object_get(o, "serialization")) < 0)
		return -1;
	json_array_foreach(resources, i, one)
		if (read_resource(m, one, json_array_size(resources) == 1) < 0)
			return -1;
	if (m->n == 0)
		return fault("the statement's 'resources' is no array of files");
	/* in their order there: not everybody's is that of bytes */
	h = oms_digest(m);
	return hash_equal(&h, all) ? oms_sort(m) : fault("the digest of all is not that of the files' digests");
}

static int
read_statement(struct oms *m, const json_t *o)
{
	static const char *const members[] = { "_type", "subject", "predicateType", "predicate", NULL };
	struct hash all;

	if (member_check(o, "the statement", members, 4) < 0)
		return -1;
	if (!member_is(o, "_type", OMS_STATEMENT) || !member_is(o, "predicateType", OMS_PREDICATE))
		return fault("not a statement of OpenSSF Model Signing 1.0");
	return read_subject(m, &all, json_object_get(o, "subject")) < 0 ? -1 : read_predicate(m, &all, json_object_get(o, "predicate"));
}

int
oms_statement(struct oms *m, const void *text, size_t n)
{
	json_t *o = jcs_parse(text, n);
	int rc;

	*m = (struct oms){ 0 };
	if (!o)
		return err_wrap("the statement");
	if ((rc = read_statement(m, o)) < 0)
		oms_free(m);
	json_decref(o);
	return rc;
}
