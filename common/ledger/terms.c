#include "ledger/terms.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "trust/jcs.h"
#include "trust/member.h"
#include "trust/peerid.h"

/* A whole number of an object, or `other` where it has none. 0, or -1 with a reason. */
static int
read_whole(uint64_t *to, const json_t *o, const char *key, uint64_t other)
{
	const json_t *v = json_object_get(o, key);
	double x = json_number_value(v);

	*to = other;
	if (!v)
		return 0;
	if (!json_is_number(v) || !(x >= 0 && x <= (double)TERMS_LARGEST) || x != (double)(uint64_t)x)
		return err_set(ERR_DATA, "terms whose '%s' is no whole number of at most 2^53", key);
	*to = (uint64_t)x;
	return 0;
}

/* The same, and at least 1. */
static int
read_some(uint64_t *to, const json_t *o, const char *key)
{
	if (read_whole(to, o, key, 0) < 0)
		return -1;
	return *to > 0 ? 0 : err_set(ERR_DATA, "terms without a '%s' above 0", key);
}

static int
read_did(uint8_t to[KEY_PUBLIC], const json_t *v)
{
	const char *text = json_string_value(v);

	return text && peerid_parse_did(to, text, json_string_length(v)) == 0 ? 0 : err_set(ERR_DATA, "terms with a party that is no did:key");
}

/* ---- shares ---- */

static int
read_who(struct share *s, const json_t *share)
{
	static const char *const members[] = { "owner", NULL };
	const json_t *to = json_object_get(share, "to");
	const char *text = member_text(share, "to"), *asset;

	if (text && strcmp(text, "node") == 0) {
		s->to = SHARE_NODE;
		return 0;
	}
	if (text) {
		s->to = SHARE_KEY;
		return read_did(s->key, to);
	}
	if (member_check(to, "who gets a share", members, 1) < 0)
		return -1;
	s->to = SHARE_OWNER;
	asset = member_text(to, "owner");
	return asset && hash_from_hex(&s->asset, asset, strlen(asset)) ? 0 : err_set(ERR_DATA, "terms with an asset that is no hash");
}

static int
read_share(struct share *s, const json_t *o)
{
	static const char *const members[] = { "to", "parts", "from", "until", "cap", NULL };

	if (member_check(o, "a share", members, 2) < 0 || read_who(s, o) < 0 || read_some(&s->parts, o, "parts") < 0)
		return -1;
	if (s->parts > TERMS_PARTS)
		return err_set(ERR_DATA, "a share of more than 2^32 parts");
	return read_whole(&s->from, o, "from", 0) < 0 || read_whole(&s->until, o, "until", TERMS_ALWAYS) < 0 ? -1
	                                                                                                : read_whole(&s->cap, o, "cap", TERMS_ALWAYS);
}

static int
read_shares(struct terms *t, const json_t *shares)
{
	const json_t *one;
	size_t i;

	if (!json_is_array(shares) || json_array_size(shares) < 1 || json_array_size(shares) > TERMS_SHARES)
		return err_set(ERR_DATA, "terms with no shares, or more than %d", TERMS_SHARES);
	json_array_foreach(shares, i, one)
		if (read_share(&t->share[t->n++], one) < 0)
			return -1;
	return 0;
}

/* ---- prices ---- */

static int
read_prices(struct terms *t, const json_t *o)
{
	static const char *const of_rows[] = { "per", "price", NULL }, *const of_period[] = { "price", "seconds", NULL },
	                          *const of_resale[] = { "parts", "per", "to", NULL };
	const json_t *rows = json_object_get(o, "rows"), *period = json_object_get(o, "period"), *resale = json_object_get(o, "resale");

	if (rows && (member_check(rows, "the price of rows", of_rows, 2) < 0 || read_some(&t->per, rows, "per") < 0 || read_whole(&t->price, rows, "price", 0) < 0))
		return -1;
	if (period && (member_check(period, "the price of a period", of_period, 2) < 0 || read_some(&t->period, period, "seconds") < 0 ||
	                  read_whole(&t->period_price, period, "price", 0) < 0))
		return -1;
	if (resale && (member_check(resale, "the part of a resale", of_resale, 3) < 0 || read_some(&t->resale_per, resale, "per") < 0 ||
	                  read_whole(&t->resale_parts, resale, "parts", 0) < 0 || read_did(t->resale_to, json_object_get(resale, "to")) < 0))
		return -1;
	return t->resale_parts <= t->resale_per ? 0 : err_set(ERR_DATA, "terms by which more than the price is due at a resale");
}

/* It is shown to people: nothing in it begins a line or moves a cursor. */
static bool
is_name(const char *text)
{
	for (const char *c = text; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			return false;
	return *text != '\0' && strlen(text) < TERMS_UNIT;
}

static int
read_all(struct terms *t, const json_t *o)
{
	const char *unit = member_text(o, "unit");

	if (!unit || !is_name(unit))
		return err_set(ERR_DATA, "terms whose unit has no name of 1 to %d bytes", TERMS_UNIT - 1);
	snprintf(t->unit, sizeof t->unit, "%s", unit);
	if (read_whole(&t->free, o, "free", 0) < 0 || read_whole(&t->from, o, "from", 0) < 0 || read_whole(&t->until, o, "until", TERMS_ALWAYS) < 0)
		return -1;
	return read_prices(t, o) < 0 ? -1 : read_shares(t, json_object_get(o, "shares"));
}

int
terms_read(struct terms *t, const struct record *r)
{
	json_t *o = jcs_parse(r->text, r->n);
	int rc;

	*t = (struct terms){ .id = record_id(r) };
	memcpy(t->issuer, r->signer, KEY_PUBLIC);
	rc = o ? read_all(t, o) : -1;
	json_decref(o);
	return rc;
}
