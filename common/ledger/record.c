#include "ledger/record.h"

#include <string.h>

#include "base/err.h"
#include "ledger/merkle.h"
#include "trust/base64.h"
#include "trust/credential.h"
#include "trust/jcs.h"
#include "trust/jcs_text.h"
#include "trust/peerid.h"

/* ---- what each type has ---- */

enum kind { TEXT, WHOLE, HASH, DID, ANY, MAYBE = 16 };

struct member {
	const char *key;
	int kind;
};

enum { MAX_MEMBERS = 19, MAX_TEXT = 1024 };

static const struct type {
	const char *name, *signer; /* the member whose key signs */
	struct member member[MAX_MEMBERS]; /* besides type and signature, which all have */
} types[RECORD_TYPES] = {
	[RECORD_RECEIPT] = { "receipt", "node",
		{ { "client", DID }, { "first_layer", WHOLE }, { "from", WHOLE }, { "input", HASH }, { "last_layer", WHOLE }, { "model", HASH | MAYBE },
		    { "node", DID }, { "nonce", HASH }, { "output", HASH }, { "previous", HASH | MAYBE }, { "profile", TEXT }, { "rows", WHOLE },
		    { "sequence", WHOLE }, { "terms", HASH }, { "time", WHOLE }, { "to", WHOLE }, { "vocabulary", HASH | MAYBE }, { "wire", TEXT } } },
	[RECORD_VOUCHER] = { "voucher", "client",
		{ { "client", DID }, { "node", DID }, { "nonce", HASH }, { "receipt", HASH }, { "rows", WHOLE }, { "terms", HASH }, { "time", WHOLE } } },
	[RECORD_SUBSCRIPTION] = { "subscription", "client",
		{ { "client", DID }, { "from", WHOLE }, { "node", DID | MAYBE }, { "periods", WHOLE }, { "terms", HASH }, { "time", WHOLE } } },
	[RECORD_TERMS] = { "terms", "issuer",
		{ { "free", WHOLE | MAYBE }, { "from", WHOLE | MAYBE }, { "issuer", DID }, { "name", TEXT }, { "period", ANY | MAYBE }, { "resale", ANY | MAYBE },
		    { "rows", ANY | MAYBE }, { "shares", ANY }, { "unit", TEXT }, { "until", WHOLE | MAYBE } } },
	[RECORD_REGISTRATION] = { "registration", "owner",
		{ { "asset", HASH }, { "kind", TEXT }, { "name", TEXT }, { "owner", DID }, { "terms", HASH | MAYBE }, { "time", WHOLE } } },
	[RECORD_TRANSFER] = { "transfer", "from",
		{ { "asset", HASH }, { "from", DID }, { "price", WHOLE | MAYBE }, { "terms", HASH | MAYBE }, { "time", WHOLE }, { "to", DID } } },
	[RECORD_CREDENTIAL] = { "credential", NULL, { { NULL, 0 } } },
};

const char *
record_type_name(enum record_type t)
{
	return types[t].name;
}

/* ---- values ---- */

static bool
is_hash(const struct jcs_value *v, struct hash *h)
{
	const char *text;
	size_t n;

	return jcs_plain(v, &text, &n) && hash_from_hex(h, text, n);
}

/* The same few parties are in most records: the last ones are remembered. */
static bool
is_did(const struct jcs_value *v, uint8_t key[KEY_PUBLIC])
{
	enum { SOME = 4 };
	static _Thread_local struct {
		char text[PEERID_DID];
		size_t n;
		uint8_t key[KEY_PUBLIC];
	} known[SOME];
	static _Thread_local unsigned next;
	const char *text;
	size_t n;

	if (!jcs_plain(v, &text, &n) || n == 0 || n >= PEERID_DID) /* none of those that are not known yet */
		return false;
	for (int i = 0; i < SOME; i++)
		if (known[i].n == n && memcmp(known[i].text, text, n) == 0) {
			memcpy(key, known[i].key, KEY_PUBLIC);
			return true;
		}
	if (peerid_parse_did(key, text, n) < 0)
		return false;
	next = (next + 1) % SOME;
	memcpy(known[next].text, text, known[next].n = n);
	memcpy(known[next].key, key, KEY_PUBLIC);
	return true;
}

/* In small letters: one text a hash. Without a way out on the way, so that it is looked at many bytes at a time. */
static bool
is_hex(const struct jcs_value *v)
{
	unsigned wrong = 0;
	const char *text;
	size_t n;

	if (!jcs_plain(v, &text, &n) || n != HASH_HEX - 1)
		return false;
	for (int i = 0; i < HASH_HEX - 1; i++)
		wrong |= (unsigned)((text[i] < '0' || text[i] > '9') & (text[i] < 'a' || text[i] > 'f')); /* 0 or 1 */
	return !wrong;
}

static bool
is_kind(const struct jcs_value *v, int kind)
{
	uint8_t key[KEY_PUBLIC];
	uint64_t number;

	switch (kind & ~MAYBE) {
	case TEXT:
		return v->n <= MAX_TEXT && *v->at == '"';
	case WHOLE:
		return jcs_whole(v, &number);
	case HASH:
		return is_hex(v);
	case DID:
		return is_did(v, key);
	default:
		return true;
	}
}

/* ---- reading ---- */

static bool
is_called(const struct jcs_member *m, const char *key)
{
	return m->n_key == strlen(key) && memcmp(m->key, key, m->n_key) == 0;
}

static const char *
kind_name(int kind)
{
	static const char *const name[] = { "text", "whole number", "hash", "did:key", "value" };

	return name[kind & ~MAYBE];
}

/* The members of a record: as many as a type has, with its type and signature, and one too many. */
struct members {
	size_t n;
	struct jcs_member at[MAX_MEMBERS + 2];
};

static void
walk(const struct record *r, struct members *m)
{
	size_t at = 0;

	for (m->n = 0; m->n < MAX_MEMBERS + 2 && jcs_next(r->text, r->n, &at, &m->at[m->n]); m->n++)
		;
}

static struct jcs_value
value_of(const struct members *m, const char *key)
{
	for (size_t i = 0; i < m->n; i++)
		if (is_called(&m->at[i], key))
			return m->at[i].value;
	return (struct jcs_value){ 0 };
}

/* The members of both lists are sorted: one walk. The place of the signature is kept. */
static int
check_members(struct record *r, const struct members *has, bool is_signed)
{
	const struct type *t = &types[r->type];
	const struct member *want = t->member;

	for (size_t i = 0; i < has->n; i++) {
		const struct jcs_member *m = &has->at[i];
		if (is_called(m, "signature"))
			r->signature = *m;
		if (is_called(m, "type") || is_called(m, "signature"))
			continue;
		while (want->key && !is_called(m, want->key) && want->kind & MAYBE)
			want++;
		if (!want->key || !is_called(m, want->key))
			return err_set(ERR_DATA, "a %s with a member '%.*s', or without '%s'", t->name, m->n_key > 64 ? 64 : (int)m->n_key, m->key,
			    want->key ? want->key : "it");
		if (!is_kind(&m->value, want->kind))
			return err_set(ERR_DATA, "a %s whose '%s' is no %s", t->name, want->key, kind_name(want->kind));
		want++;
	}
	while (want->key && want->kind & MAYBE)
		want++;
	if (want->key)
		return err_set(ERR_DATA, "a %s without '%s'", t->name, want->key);
	return !r->signature.key == !is_signed ? 0 : err_set(ERR_DATA, "a %s with%s a signature", t->name, is_signed ? "out" : "");
}

static int
find_type(struct record *r, const struct members *m)
{
	struct jcs_value v = value_of(m, "type");
	const char *text;
	size_t n;

	if (jcs_member(r->text, r->n, "@context").at) {
		r->type = RECORD_CREDENTIAL;
		return 0;
	}
	if (!jcs_plain(&v, &text, &n))
		return err_set(ERR_DATA, "no record: it has no type");
	for (r->type = 0; r->type < RECORD_CREDENTIAL; r->type++)
		if (strlen(types[r->type].name) == n && memcmp(types[r->type].name, text, n) == 0)
			return 0;
	return err_set(ERR_DATA, "a record of the type '%.*s', which is not known", n > 64 ? 64 : (int)n, text);
}

static int
parse(struct record *r, const char *line, size_t n, struct buf *made, bool is_signed)
{
	struct members m;
	struct jcs_value v;

	*r = (struct record){ 0 };
	if (!(r->text = jcs_text(line, n, made, &r->n)))
		return -1;
	if (r->n == n && memcmp(r->text, line, n) == 0) {
		r->text = line;
		made->len = 0;
	}
	if (r->n > RECORD_MAX)
		return err_set(ERR_DATA, "a record of more than %d bytes", RECORD_MAX);
	walk(r, &m);
	if (find_type(r, &m) < 0)
		return -1;
	if (r->type == RECORD_CREDENTIAL)
		return 0;
	if (check_members(r, &m, is_signed) < 0)
		return -1;
	v = value_of(&m, types[r->type].signer);
	return is_did(&v, r->signer) ? 0 : -1;
}

int
record_parse(struct record *r, const char *line, size_t n, struct buf *made)
{
	return parse(r, line, n, made, true);
}

/* ---- signatures ---- */

static int
check_credential(const struct record *r)
{
	json_t *o = jcs_parse(r->text, r->n);
	struct credential c;
	int rc = o ? credential_read(o, &c) : -1;

	json_decref(o);
	return rc;
}

/* What is signed: the text before and behind the signature's member, with one comma beside it. Its length. */
static size_t
cut_signature(const struct record *r, char text[RECORD_MAX])
{
	const char *from = r->signature.from, *to = r->signature.value.at + r->signature.value.n;
	size_t before = (size_t)(from - r->text);

	to += *from != ',' && *to == ','; /* the first member */
	memcpy(text, r->text, before);
	memcpy(text + before, to, r->n - (size_t)(to - r->text));
	return r->n - (size_t)(to - from);
}

int
record_statement(const struct record *r, struct buf *to)
{
	char text[RECORD_MAX];

	if (!r->signature.key)
		return err_set(ERR_DATA, "a %s without a signature", types[r->type].name);
	return buf_add(to, text, cut_signature(r, text));
}

int
record_check(const struct record *r)
{
	char text[RECORD_MAX];
	uint8_t signature[KEY_SIGNATURE];
	const char *base64;
	size_t n;

	if (r->type == RECORD_CREDENTIAL)
		return check_credential(r);
	if (!jcs_plain(&r->signature.value, &base64, &n) || !base64_decode(signature, sizeof signature, base64, n))
		return err_set(ERR_DATA, "a %s whose signature is no base64 of %d bytes", types[r->type].name, KEY_SIGNATURE);
	return key_verifies(signature, r->signer, text, cut_signature(r, text)) ? 0 : err_set(ERR_DATA, "a %s whose signature is wrong", types[r->type].name);
}

int
record_read(struct record *r, const char *line, size_t n, struct buf *made)
{
	return record_parse(r, line, n, made) < 0 ? -1 : record_check(r);
}

int
record_entry(struct record *r, const void *data, size_t n)
{
	struct buf made = { 0 };
	int rc = record_parse(r, data, n, &made);

	if (rc == 0)
		rc = r->text != data ? err_set(ERR_DATA, "a record that is not canonical") : record_check(r);
	buf_free(&made);
	return rc;
}

enum { SIGNATURE_MEMBER = sizeof ",\"signature\":\"\"" - 1 + (KEY_SIGNATURE + 2) / 3 * 4 }; /* bytes */

/* Appends the canonical text with a signature, which goes where its key has its place. */
static int
add_signed(struct buf *to, const struct record *r, const uint8_t signature[KEY_SIGNATURE])
{
	size_t at = 0, place = 0;
	struct jcs_member m;

	while (jcs_next(r->text, r->n, &at, &m)) {
		size_t n = m.n_key < strlen("signature") ? m.n_key : strlen("signature");
		if (memcmp(m.key, "signature", n) > 0) /* no key is a part of this one, nor this one of another */
			break;
		place = at;
	}
	if (place == 0) /* every record has a member before it */
		return err_set(ERR_DATA, "a record without members");
	if (buf_add(to, r->text, place) < 0 || buf_printf(to, ",\"signature\":\"") < 0 ||
	    base64_add(to, signature, KEY_SIGNATURE) < 0 || buf_addc(to, '"') < 0)
		return -1;
	return buf_add(to, r->text + place, r->n - place);
}

int
record_sign(struct buf *to, const char *statement, size_t n, const struct key *k)
{
	uint8_t signature[KEY_SIGNATURE];
	struct buf made = { 0 };
	struct record r;
	int rc = parse(&r, statement, n, &made, false);

	if (rc == 0 && r.type == RECORD_CREDENTIAL)
		rc = err_set(ERR_DATA, "a credential has a proof, and no signature");
	if (rc == 0 && memcmp(r.signer, k->public.bytes, KEY_PUBLIC) != 0)
		rc = err_set(ERR_DATA, "a %s is signed by the key of its '%s'", types[r.type].name, types[r.type].signer);
	if (rc == 0 && r.n + SIGNATURE_MEMBER > RECORD_MAX)
		rc = err_set(ERR_DATA, "a record of more than %d bytes with its signature", RECORD_MAX);
	if (rc == 0) {
		key_sign(signature, k, r.text, r.n);
		rc = add_signed(to, &r, signature);
	}
	buf_free(&made);
	return rc;
}

/* ---- members ---- */

struct hash
record_id(const struct record *r)
{
	return merkle_leaf(r->text, r->n);
}

uint64_t
record_number(const struct record *r, const char *key)
{
	struct jcs_value v = jcs_member(r->text, r->n, key);
	uint64_t number;

	return jcs_whole(&v, &number) ? number : 0;
}

struct hash
record_hash(const struct record *r, const char *key)
{
	struct jcs_value v = jcs_member(r->text, r->n, key);
	struct hash h;

	return is_hash(&v, &h) ? h : (struct hash){ 0 };
}

bool
record_key(const struct record *r, const char *key, uint8_t to[KEY_PUBLIC])
{
	struct jcs_value v = jcs_member(r->text, r->n, key);

	return is_did(&v, to);
}
