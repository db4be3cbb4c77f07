/* Terms: what is read of good ones, and that no others are taken. */
#include <jansson.h>
#include <string.h>

#include "base/err.h"
#include "ledger/terms.h"
#include "tap.h"
#include "trust/jcs.h"
#include "trust/peerid.h"

static char alice[PEERID_DID], bob[PEERID_DID];
static const char asset[] = "00112233445566778899aabbccddeeff00112233445566778899aabbccddee0f";

/* All members that there are. */
static json_t *
example(void)
{
	json_t *o = json_pack("{ss ss ss ss ss si si si s{si si} s{si si} s{si si ss} s[{ss si} {ss si si si si} {s{ss} si}]}", "type", "terms", "issuer", alice, "name",
	    "a model", "signature", "", "unit", "uEUR", "free", 100, "from", 1000, "until", 2000, "rows", "per", 1000, "price", 250, "period", "price", 5000000,
	    "seconds", 2592000, "resale", "parts", 5, "per", 100, "to", bob, "shares", "to", "node", "parts", 60, "to", bob, "parts", 40, "from", 1100, "until", 1900,
	    "cap", 77, "to", "owner", asset, "parts", 7);

	if (!o)
		abort();
	return o;
}

/* The object of the example that has this name: itself, one of its members, its share of this number, or whom its last share is for. */
static json_t *
part_of(json_t *o, const char *part)
{
	json_t *shares = json_object_get(o, "shares");

	if (strcmp(part, "terms") == 0)
		return o;
	if (strcmp(part, "owner") == 0)
		return json_object_get(json_array_get(shares, 2), "to");
	return *part >= '0' && *part <= '2' ? json_array_get(shares, (size_t)(*part - '0')) : json_object_get(o, part);
}

/* Is it taken, as a record and as terms? Frees it. */
static bool
is_taken(json_t *o, struct terms *t)
{
	struct buf text = { 0 }, made = { 0 };
	struct record r;
	bool is = jcs_add(&text, o) == 0 && record_parse(&r, (const char *)text.data, text.len, &made) == 0 && terms_read(t, &r) == 0;

	if (!is && (err_status() != ERR_DATA || !*err_reason()))
		printf("# refused without a reason\n");
	buf_free(&text);
	buf_free(&made);
	json_decref(o);
	return is;
}

/* With a member set to a value, or without it where there is none. */
static bool
takes(const char *part, const char *member, json_t *value)
{
	json_t *o = example();
	struct terms t;

	if (value ? json_object_set_new(part_of(o, part), member, value) : json_object_del(part_of(o, part), member))
		abort();
	return is_taken(o, &t);
}

static bool
takes_number(const char *part, const char *member, double x)
{
	return takes(part, member, json_real(x));
}

static bool
is_did(const uint8_t key[KEY_PUBLIC], const char *did)
{
	char text[PEERID_DID];

	return strcmp(peerid_did(key, text), did) == 0;
}

/* ---- what is read ---- */

static void
check_example(void)
{
	struct terms t;
	struct hash h;

	tap_ok(is_taken(example(), &t), "all members that there are");
	tap_ok(is_did(t.issuer, alice) && strcmp(t.unit, "uEUR") == 0 && !hash_is_none(&t.id), "issuer, unit and id");
	tap_ok(t.per == 1000 && t.price == 250 && t.free == 100 && t.period == 2592000 && t.period_price == 5000000, "prices");
	tap_ok(t.resale_parts == 5 && t.resale_per == 100 && is_did(t.resale_to, bob), "the part of a resale");
	tap_ok(t.from == 1000 && t.until == 2000 && t.n == 3, "the time, and the number of shares");
	tap_ok(t.share[0].to == SHARE_NODE && t.share[0].parts == 60 && t.share[0].from == 0 && t.share[0].until == TERMS_ALWAYS && t.share[0].cap == TERMS_ALWAYS,
	    "a share of the node's, always and without a cap");
	tap_ok(t.share[1].to == SHARE_KEY && is_did(t.share[1].key, bob) && t.share[1].parts == 40 && t.share[1].from == 1100 && t.share[1].until == 1900 &&
	    t.share[1].cap == 77, "one of a party's, for a time and up to a cap");
	tap_ok(t.share[2].to == SHARE_OWNER && hash_from_hex(&h, asset, strlen(asset)) && hash_equal(&t.share[2].asset, &h) && t.share[2].parts == 7, "one of an owner's");
}

static void
check_least(void)
{
	static const char *const may_be_absent[] = { "free", "from", "until", "rows", "period", "resale" };
	json_t *o = example();
	struct terms t;

	for (size_t i = 0; i < sizeof may_be_absent / sizeof *may_be_absent; i++)
		json_object_del(o, may_be_absent[i]);
	tap_ok(is_taken(o, &t) && t.per == 0 && t.free == 0 && t.period == 0 && t.resale_parts == 0 && t.from == 0 && t.until == TERMS_ALWAYS,
	    "without prices and times nothing costs, always");
}

/* ---- members ---- */

static const struct member {
	const char *part, *name;
	char must; /* m: it must be there */
	char kind; /* of a value that is taken: number, text, or neither where a small one says nothing */
} members[] = {
	{ "terms", "type", 'm', '-' }, { "terms", "issuer", 'm', '-' }, { "terms", "name", 'm', 't' }, { "terms", "unit", 'm', 't' }, { "terms", "shares", 'm', '-' },
	{ "terms", "signature", 'm', '*' }, { "terms", "free", '-', 'n' }, { "terms", "from", '-', 'n' }, { "terms", "until", '-', 'n' }, { "terms", "rows", '-', '-' },
	{ "terms", "period", '-', '-' }, { "terms", "resale", '-', '-' }, { "rows", "per", 'm', 'n' }, { "rows", "price", 'm', 'n' }, { "period", "price", 'm', 'n' },
	{ "period", "seconds", 'm', 'n' }, { "resale", "parts", 'm', 'n' }, { "resale", "per", 'm', '-' }, { "resale", "to", 'm', '-' }, { "0", "to", 'm', '-' },
	{ "0", "parts", 'm', 'n' }, { "1", "from", '-', 'n' }, { "1", "until", '-', 'n' }, { "1", "cap", '-', 'n' }, { "owner", "owner", 'm', '-' },
};

/* Absent, and of each kind that there is. What the signature is, record_check looks at. */
static void
check_members(void)
{
	for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
		const struct member *m = &members[i];
		bool absent = takes(m->part, m->name, NULL), others = false;
		tap_ok(absent == (m->must != 'm'), "%s without '%s'", m->part, m->name);
		if (m->kind == '*')
			continue;
		others |= takes(m->part, m->name, json_null()) || takes(m->part, m->name, json_true()) || takes(m->part, m->name, json_array());
		others |= takes(m->part, m->name, json_object()) || takes(m->part, m->name, json_pack("[s]", "node")) || takes(m->part, m->name, json_pack("{si}", "x", 1));
		tap_ok(!others, "%s with '%s' of other kinds", m->part, m->name);
		tap_ok(takes(m->part, m->name, json_integer(1)) == (m->kind == 'n'), "%s with '%s' 1", m->part, m->name);
		tap_ok(takes(m->part, m->name, json_string("text")) == (m->kind == 't'), "%s with '%s' \"text\"", m->part, m->name);
	}
}

static void
check_unknown(void)
{
	static const char *const parts[] = { "terms", "rows", "period", "resale", "0", "1", "2", "owner" };
	size_t taken = 0;

	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		taken += takes(parts[i], "more", json_integer(1)) || takes(parts[i], "", json_null());
	tap_ok(taken == 0, "members without a meaning, wherever they are");
}

/* ---- numbers ---- */

static void
check_numbers(void)
{
	static const double wrong[] = { -1, -0.5, 0.5, 0x1p53 + 2, 0x1p63, 0x1p64, 1e300, -1e300 };

	for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
		const struct member *m = &members[i];
		bool least = strcmp(m->name, "per") == 0 || strcmp(m->name, "seconds") == 0 || (strcmp(m->name, "parts") == 0 && strcmp(m->part, "resale") != 0);
		size_t taken = 0;
		if (m->kind != 'n')
			continue;
		for (size_t k = 0; k < sizeof wrong / sizeof *wrong; k++)
			taken += takes_number(m->part, m->name, wrong[k]);
		tap_ok(taken == 0, "%s: '%s' below 0, broken, or above 2^53", m->part, m->name);
		tap_ok(takes_number(m->part, m->name, 0) == !least, "%s: '%s' 0", m->part, m->name);
		if (strcmp(m->name, "parts") != 0)
			tap_ok(takes_number(m->part, m->name, 0x1p53), "%s: '%s' 2^53", m->part, m->name);
	}
	tap_ok(takes_number("0", "parts", 0x1p32) && !takes_number("0", "parts", 0x1p32 + 1), "a share of 2^32 parts, and no more");
	tap_ok(takes_number("resale", "parts", 100) && !takes_number("resale", "parts", 101), "all of the price of a resale, and no more");
	tap_ok(!takes_number("resale", "per", 0) && !takes_number("resale", "per", 4) && takes_number("resale", "per", 0x1p53), "of at least as many");
	tap_ok(takes_number("1", "until", 1000) && takes_number("terms", "until", 1), "a time that ends before it begins is never");
}

/* ---- texts, parties, shares ---- */

static bool
takes_unit(const char *unit, size_t n)
{
	return takes("terms", "unit", json_stringn(unit, n));
}

static void
check_texts(void)
{
	char text[2000];

	memset(text, 'u', sizeof text);
	tap_ok(takes_unit(text, 63) && !takes_unit(text, 64) && !takes_unit("", 0), "a unit of 1 to 63 bytes");
	tap_ok(takes_unit("\xe2\x82\xac", 3) && takes_unit("\"a, b\"", 6), "in any writing");
	tap_ok(!takes_unit("u\0v", 3) && !takes_unit("u\nv", 3) && !takes_unit("\x1b[2J", 4) && !takes_unit("u\x7f", 2), "that is on one line, and moves no cursor");
	tap_ok(takes("terms", "name", json_stringn(text, 1022)) && !takes("terms", "name", json_stringn(text, 1023)) && takes("terms", "name", json_string("")),
	    "a name of at most 1024 bytes with its quotes");
}

static bool
takes_owner(const char *hash)
{
	return takes("owner", "owner", json_string(hash));
}

static void
check_parties(void)
{
	static const char *const nobody[] = { "", "Node", "node ", "owner", "did:key:", "did:key:z6Mk", "did:web:example.org" };
	char cut[PEERID_DID];
	size_t taken = 0;

	for (size_t i = 0; i < sizeof nobody / sizeof *nobody; i++)
		taken += takes("0", "to", json_string(nobody[i])) || takes("resale", "to", json_string(nobody[i])) || takes("terms", "issuer", json_string(nobody[i]));
	snprintf(cut, sizeof cut, "%.*s", (int)strlen(alice) - 1, alice); /* short */
	taken += takes("0", "to", json_string(cut)) || takes("0", "to", json_stringn("node\0", 5)) || takes("0", "to", json_pack("{ss}", "owner", alice));
	tap_ok(taken == 0, "parties that are none");
	tap_ok(takes("0", "to", json_string(alice)) && takes("0", "to", json_string("node")) && takes("0", "to", json_pack("{ss}", "owner", asset)), "a did:key, the node, an owner");
	tap_ok(takes("resale", "to", json_string(alice)) && !takes("resale", "to", json_string("node")) && !takes("resale", "to", json_pack("{ss}", "owner", asset)),
	    "of a resale only a did:key");
	tap_ok(!takes_owner("") && !takes_owner(asset + 1) && !takes_owner("x0112233445566778899aabbccddeeff00112233445566778899aabbccddee0f"), "assets that are no hash");
}

static bool
takes_shares(size_t n)
{
	json_t *list = json_array();
	struct terms t = { 0 };
	json_t *o = example();
	bool taken;

	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, json_pack("{ss sI}", "to", "node", "parts", (json_int_t)i + 1));
	json_object_set_new(o, "shares", list);
	taken = is_taken(o, &t);
	for (size_t i = 0; taken && i < n && n <= TERMS_SHARES; i++)
		taken = t.n == n && t.share[i].parts == i + 1;
	return taken;
}

static void
check_shares(void)
{
	tap_ok(!takes_shares(0) && takes_shares(1) && takes_shares(TERMS_SHARES) && !takes_shares(TERMS_SHARES + 1), "1 to 64 shares");
	tap_ok(!takes("terms", "shares", json_pack("[s]", "node")) && !takes("terms", "shares", json_pack("[n]")) && !takes("terms", "shares", json_pack("{si}", "to", 1)),
	    "shares that are no list of objects");
}

int
main(void)
{
	uint8_t key[KEY_PUBLIC] = { 1 };

	peerid_did(key, alice);
	key[0]++;
	peerid_did(key, bob);
	check_example();
	check_least();
	check_members();
	check_unknown();
	check_numbers();
	check_texts();
	check_parties();
	check_shares();
	return tap_done();
}
