/*
 * settle_log.h: logs made by chance, as records and as plain numbers, and what is due in them by first principles.
 *
 * A world is a set of entries; a log is an order of them, in which some may be twice and some missing. Signatures are not made:
 * record_parse does not check them.
 */
#ifndef MAI_TESTS_SETTLE_LOG_H
#define MAI_TESTS_SETTLE_LOG_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ledger/record.h"
#include "ledger/terms.h"
#include "trust/peerid.h"

enum { PARTIES = 6, ASSETS = 3, MOST_TERMS = 3, MOST_SHARES = 5, MOST_CONNECTIONS = 6, MOST = 160, NONE = -1 };

/* ---- chance ---- */

static uint64_t chance_state;

/* splitmix64: 0 to n - 1. */
static inline uint64_t
chance(uint64_t n)
{
	uint64_t z = chance_state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return (z ^ z >> 31) % n;
}

static inline bool
one_in(uint64_t n)
{
	return chance(n) == 0;
}

static inline int
any(int n)
{
	return (int)chance((uint64_t)n); /* < n */
}

/* ---- the parts of a world ---- */

struct made_share {
	enum share_to to;
	int key, asset;
	uint64_t parts, from, until, cap; /* UINT64_MAX: none */
};

struct made_terms {
	int issuer;
	uint64_t per, price, free, period, period_price, resale_parts, resale_per, from, until;
	int resale_to;
	struct made_share share[MOST_SHARES];
	size_t n;
};

struct entry {
	enum record_type type;
	int client, node, terms;  /* terms: NONE for some that are in no log */
	int connection, receipt;  /* of a receipt: the one before it; of a voucher: the one that it covers; numbers of entries */
	int asset, from, to;
	uint64_t rows, time, periods, price;
	struct buf text;
	struct record record;
};

struct world {
	struct made_terms terms[MOST_TERMS];
	int n_terms;
	bool has_forks;           /* two chains on a connection; then all rows cost something */
	uint64_t serial;          /* makes hashes differ */
	struct entry entry[MOST];
	int n;
};

static uint8_t party_key[PARTIES][KEY_PUBLIC];
static char party_did[PARTIES][PEERID_DID];

static inline void
make_parties(void)
{
	for (int i = 0; i < PARTIES; i++) {
		struct hash h = hash_bytes(&i, sizeof i);
		memcpy(party_key[i], h.bytes, KEY_PUBLIC);
		peerid_did(party_key[i], party_did[i]);
	}
}

/* The hash of a text and two numbers, in hexadecimal. */
static inline const char *
name_of(char to[HASH_HEX], const char *what, uint64_t a, uint64_t b)
{
	char text[64];
	struct hash h = hash_bytes(text, (size_t)snprintf(text, sizeof text, "%s %llu %llu", what, (unsigned long long)a, (unsigned long long)b));

	return hash_to_hex(&h, to);
}

/* An asset is the same in all worlds. */
static inline const char *
asset_name(char to[HASH_HEX], int asset)
{
	return name_of(to, "asset", (uint64_t)asset, 0); /* not negative */
}

static inline const char *
id_name(char to[HASH_HEX], const struct world *w, int entry)
{
	struct hash h = record_id(&w->entry[entry].record);

	return hash_to_hex(&h, to);
}

static inline const char *
terms_name(char to[HASH_HEX], const struct world *w, int terms)
{
	return terms == NONE ? name_of(to, "no terms", 0, 0) : id_name(to, w, terms);
}

/* ---- texts ---- */

__attribute__((format(printf, 2, 3))) static inline void
say(struct buf *b, const char *fmt, ...)
{
	char text[1024];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof text || buf_add(b, text, (size_t)n) < 0)
		abort();
}

static inline void
say_number(struct buf *b, const char *key, uint64_t n, uint64_t none)
{
	if (n != none)
		say(b, ",\"%s\":%llu", key, (unsigned long long)n);
}

static inline void
say_terms(struct buf *b, const struct world *w, const struct made_terms *t)
{
	char h[HASH_HEX];

	say(b, "{\"free\":%llu", (unsigned long long)t->free);
	say_number(b, "from", t->from, 0);
	say(b, ",\"issuer\":\"%s\",\"name\":\"%llu\"", party_did[t->issuer], (unsigned long long)w->serial);
	if (t->period)
		say(b, ",\"period\":{\"price\":%llu,\"seconds\":%llu}", (unsigned long long)t->period_price, (unsigned long long)t->period);
	if (t->resale_per)
		say(b, ",\"resale\":{\"parts\":%llu,\"per\":%llu,\"to\":\"%s\"}", (unsigned long long)t->resale_parts, (unsigned long long)t->resale_per,
		    party_did[t->resale_to]);
	if (t->per)
		say(b, ",\"rows\":{\"per\":%llu,\"price\":%llu}", (unsigned long long)t->per, (unsigned long long)t->price);
	say(b, ",\"shares\":");
	for (size_t i = 0; i < t->n; i++) {
		const struct made_share *s = &t->share[i];
		say(b, i ? ",{" : "[{");
		if (s->cap != UINT64_MAX)
			say(b, "\"cap\":%llu,", (unsigned long long)s->cap);
		if (s->from)
			say(b, "\"from\":%llu,", (unsigned long long)s->from);
		say(b, s->to == SHARE_OWNER ? "\"parts\":%llu,\"to\":{\"owner\":\"%s\"}" : "\"parts\":%llu,\"to\":\"%s\"", (unsigned long long)s->parts,
		    s->to == SHARE_OWNER ? asset_name(h, s->asset) : s->to == SHARE_NODE ? "node" : party_did[s->key]);
		say_number(b, "until", s->until, UINT64_MAX);
		say(b, "}");
	}
	say(b, "],\"signature\":\"\",\"type\":\"terms\",\"unit\":\"uEUR\"");
	say_number(b, "until", t->until, UINT64_MAX);
	say(b, "}");
}

static inline void
say_receipt(struct buf *b, const struct world *w, const struct entry *e)
{
	char h[HASH_HEX], i[HASH_HEX];
	uint64_t number = (uint64_t)(e - w->entry); /* not negative */

	say(b, "{\"client\":\"%s\",\"first_layer\":0,\"from\":0,\"input\":\"%s\",\"last_layer\":4,\"node\":\"%s\",\"nonce\":\"%s\",", party_did[e->client],
	    name_of(h, "input", w->serial, number), party_did[e->node], name_of(i, "nonce", w->serial, (uint64_t)e->connection)); /* not negative */
	say(b, "\"output\":\"%s\",", name_of(h, "output", w->serial, number));
	if (e->receipt != NONE)
		say(b, "\"previous\":\"%s\",", id_name(h, w, e->receipt));
	say(b, "\"profile\":\"mai-1\",\"rows\":%llu,\"sequence\":0,\"signature\":\"\",\"terms\":\"%s\",\"time\":%llu,\"to\":9,\"type\":\"receipt\",\"wire\":\"f32\"}",
	    (unsigned long long)e->rows, terms_name(h, w, e->terms), (unsigned long long)e->time);
}

static inline void
say_entry(struct buf *b, const struct world *w, const struct entry *e)
{
	char h[HASH_HEX], i[HASH_HEX], j[HASH_HEX];
	unsigned long long time = e->time;

	switch (e->type) {
	case RECORD_TERMS:
		say_terms(b, w, &w->terms[e->terms]);
		break;
	case RECORD_RECEIPT:
		say_receipt(b, w, e);
		break;
	case RECORD_VOUCHER:
		say(b, "{\"client\":\"%s\",\"node\":\"%s\",\"nonce\":\"%s\",\"receipt\":\"%s\",\"rows\":%llu,", party_did[e->client], party_did[e->node],
		    name_of(h, "nonce", w->serial, (uint64_t)e->connection), id_name(i, w, e->receipt), (unsigned long long)e->rows); /* not negative */
		say(b, "\"signature\":\"\",\"terms\":\"%s\",\"time\":%llu,\"type\":\"voucher\"}", terms_name(j, w, e->terms), time);
		break;
	case RECORD_SUBSCRIPTION:
		say(b, "{\"client\":\"%s\",\"from\":%llu,", party_did[e->client], time);
		if (e->node != NONE)
			say(b, "\"node\":\"%s\",", party_did[e->node]);
		say(b, "\"periods\":%llu,\"signature\":\"\",\"terms\":\"%s\",\"time\":%lld,\"type\":\"subscription\"}", (unsigned long long)e->periods,
		    terms_name(j, w, e->terms), (long long)(e - w->entry));
		break;
	case RECORD_REGISTRATION:
		say(b, "{\"asset\":\"%s\",\"kind\":\"model\",\"name\":\"%llu\",\"owner\":\"%s\",\"signature\":\"\",\"time\":%llu,\"type\":\"registration\"}",
		    asset_name(h, e->asset), (unsigned long long)w->serial, party_did[e->from], time);
		break;
	default:
		say(b, "{\"asset\":\"%s\",\"from\":\"%s\",\"price\":%llu,\"signature\":\"\",\"terms\":\"%s\",\"time\":%llu,\"to\":\"%s\",\"type\":\"transfer\"}",
		    asset_name(h, e->asset), party_did[e->from], (unsigned long long)e->price, terms_name(j, w, e->terms), time, party_did[e->to]);
	}
}

/* Its number. */
static inline int
add_entry(struct world *w, struct entry e)
{
	struct buf made = { 0 }, *b;

	if (w->n == MOST)
		abort();
	w->entry[w->n] = e;
	b = &w->entry[w->n].text;
	say_entry(b, w, &w->entry[w->n]);
	if (record_parse(&w->entry[w->n].record, (const char *)b->data, b->len, &made) < 0)
		abort();
	if (made.len > 0) /* what is said is canonical */
		abort();
	buf_free(&made);
	return w->n++;
}

static inline void
free_world(struct world *w)
{
	for (int i = 0; i < w->n; i++)
		buf_free(&w->entry[i].text);
	w->n = 0;
}

/* ---- worlds by chance ---- */

static inline struct made_terms
some_terms(bool always)
{
	struct made_terms t = { .issuer = any(PARTIES), .free = one_in(2) ? chance(400) : 0, .until = UINT64_MAX, .n = 1 + chance(MOST_SHARES) };
	bool has_times = !always && one_in(3), has_caps = one_in(3);

	if (!one_in(8)) {
		t.per = 1 + chance(one_in(2) ? 10 : 1000);
		t.price = chance(3000);
	}
	if (!always && one_in(4)) {
		t.period = 1 + chance(300);
		t.period_price = chance(10000);
	}
	if (one_in(2)) {
		t.resale_per = 1 + chance(100);
		t.resale_parts = chance(t.resale_per + 1);
		t.resale_to = any(PARTIES);
	}
	if (!always && one_in(6)) {
		t.from = chance(300);
		t.until = 700 + chance(300);
	}
	for (size_t i = 0; i < t.n; i++) {
		struct made_share *s = &t.share[i];
		*s = (struct made_share){ .to = (enum share_to)chance(3), .key = any(PARTIES), .asset = any(ASSETS), .parts = 1 + chance(one_in(2) ? 3 : 100),
			.until = UINT64_MAX, .cap = UINT64_MAX };
		if (has_times && one_in(2))
			s->from = chance(600);
		if (has_times && one_in(2))
			s->until = 400 + chance(600);
		if (has_caps && one_in(2))
			s->cap = chance(one_in(2) ? 100 : 20000);
	}
	return t;
}

/* A chain on a connection from a receipt on, and vouchers for some of it. */
static inline void
some_chain(struct world *w, struct entry like, int receipts)
{
	uint64_t rows = like.receipt == NONE ? 0 : w->entry[like.receipt].rows;

	for (int i = 0; i < receipts; i++) {
		like.type = RECORD_RECEIPT;
		rows += one_in(10) ? 0 : chance(300);
		like.rows = one_in(60) && rows > 50 ? rows - 50 : rows; /* fewer than before: with it nothing goes together */
		like.time = chance(1000);
		like.receipt = add_entry(w, like);
		if (i + 1 < receipts && !one_in(3))
			continue;
		like.type = RECORD_VOUCHER;
		if (one_in(20)) { /* says something else than the receipt */
			struct entry wrong = like;
			if (one_in(2))
				wrong.rows++;
			else
				wrong.client = (wrong.client + 1) % PARTIES;
			add_entry(w, wrong);
		} else if (!one_in(8)) {
			add_entry(w, like);
		}
	}
}

static inline void
some_connection(struct world *w, int number)
{
	struct entry like = { .client = any(4), .node = any(PARTIES), .connection = number, .receipt = NONE, .terms = one_in(40) ? NONE : any(w->n_terms) };
	int first = w->n;

	some_chain(w, like, 1 + any(3));
	if (!w->has_forks || !one_in(2))
		return;
	if (one_in(2)) /* behind the first */
		like.receipt = first;
	some_chain(w, like, 1 + any(3));
}

static inline void
some_world(struct world *w, uint64_t serial)
{
	*w = (struct world){ .serial = serial, .n_terms = 1 + any(MOST_TERMS), .has_forks = one_in(4) };
	for (int i = 0; i < w->n_terms; i++) {
		w->terms[i] = some_terms(w->has_forks);
		add_entry(w, (struct entry){ .type = RECORD_TERMS, .terms = i });
	}
	for (int i = any(4); i > 0; i--)
		add_entry(w, (struct entry){ .type = RECORD_REGISTRATION, .asset = any(ASSETS), .from = any(PARTIES), .time = (uint64_t)i }); /* above 0 */
	for (int i = any(6); i > 0; i--)
		add_entry(w, (struct entry){ .type = RECORD_TRANSFER, .asset = any(ASSETS), .from = any(PARTIES), .to = any(PARTIES), .terms = any(w->n_terms),
		    .price = one_in(3) ? 0 : chance(10000), .time = (uint64_t)i });
	for (int i = w->has_forks ? 0 : any(4); i > 0; i--)
		add_entry(w, (struct entry){ .type = RECORD_SUBSCRIPTION, .client = any(4), .node = one_in(2) ? NONE : any(PARTIES), .terms = any(w->n_terms),
		    .time = chance(800), .periods = 1 + chance(4) });
	for (int i = 0, n = 1 + any(MOST_CONNECTIONS); i < n; i++)
		some_connection(w, i);
}

/* ---- logs ---- */

struct order {
	int entry[2 * MOST];
	size_t n;
};

static inline void
swap_entries(struct order *o, size_t i, size_t k)
{
	int e = o->entry[i];

	o->entry[i] = o->entry[k];
	o->entry[k] = e;
}

/* Terms first, all else in any order; few are missing, few are there twice. */
static inline void
some_order(const struct world *w, struct order *o)
{
	o->n = 0;
	for (int i = 0; i < w->n; i++)
		if (i < w->n_terms || !one_in(50))
			o->entry[o->n++] = i;
	for (size_t i = o->n; i-- > (size_t)w->n_terms + 1;)
		swap_entries(o, i, (size_t)w->n_terms + chance(i + 1 - (size_t)w->n_terms));
	for (size_t i = 0, n = o->n; i < n; i++)
		if (w->entry[o->entry[i]].type == RECORD_RECEIPT && one_in(40))
			o->entry[o->n++] = o->entry[i];
}

/* Receipts and vouchers change places between the others, which stay. */
static inline void
shuffle(const struct world *w, struct order *o)
{
	for (size_t i = 0, end; i < o->n; i = end + 1) {
		for (end = i; end < o->n && (w->entry[o->entry[end]].type == RECORD_RECEIPT || w->entry[o->entry[end]].type == RECORD_VOUCHER); end++)
			;
		for (size_t k = end; k-- > i + 1;)
			swap_entries(o, k, i + chance(k + 1 - i));
	}
}

/* ---- what is due, by first principles ---- */

/* A receipt that costs something: its place in the log, its rows, and who gets each share. */
struct due {
	const struct entry *e;
	size_t at;
	uint64_t rows;
	int payee[MOST_SHARES];
};

static inline size_t
place_in(const struct order *o, size_t n, int entry)
{
	for (size_t i = 0; i < n; i++)
		if (o->entry[i] == entry)
			return i;
	return n;
}

/* Registered first, and transferred by who owned it, before this place. */
static inline int
owner_at(const struct world *w, const struct order *o, size_t at, int asset)
{
	int owner = NONE;

	for (size_t i = 0; i < at; i++) {
		const struct entry *e = &w->entry[o->entry[i]];
		if (e->type == RECORD_REGISTRATION && e->asset == asset && owner == NONE)
			owner = e->from;
		if (e->type == RECORD_TRANSFER && e->asset == asset && owner == e->from)
			owner = e->to;
	}
	return owner;
}

static inline void
find_payees_of(const struct world *w, const struct order *o, size_t at, int terms, int node, uint64_t time, int payee[MOST_SHARES])
{
	const struct made_terms *t = &w->terms[terms];

	for (size_t i = 0; i < MOST_SHARES; i++) {
		const struct made_share *s = &t->share[i];
		payee[i] = NONE;
		if (i < t->n && time >= s->from && time < s->until)
			payee[i] = s->to == SHARE_NODE ? node : s->to == SHARE_KEY ? s->key : owner_at(w, o, at, s->asset);
	}
}

/* Does a subscription that stands before this place hold? */
static inline bool
is_subscribed(const struct world *w, const struct order *o, size_t at, const struct entry *r)
{
	const struct made_terms *t = &w->terms[r->terms];

	for (size_t i = 0; i < at; i++) {
		const struct entry *s = &w->entry[o->entry[i]];
		if (s->type == RECORD_SUBSCRIPTION && s->terms == r->terms && s->client == r->client && t->period && s->time >= t->from && s->time < t->until &&
		    r->time >= s->time && r->time < s->time + s->periods * t->period)
			return true;
	}
	return false;
}

/* Is all there among the first n that this voucher needs, and does it go together? */
static inline bool
voucher_holds(const struct world *w, const struct order *o, size_t n, const struct entry *v)
{
	const struct entry *r = &w->entry[v->receipt];

	if (v->terms == NONE || v->rows != r->rows || v->client != r->client)
		return false;
	for (int i = v->receipt; i != NONE; i = w->entry[i].receipt) {
		const struct entry *e = &w->entry[i];
		if (place_in(o, n, i) == n || (e->receipt != NONE && w->entry[e->receipt].rows > e->rows))
			return false;
	}
	return true;
}

/* Of each connection the voucher for most rows; of two, the one for the receipt of the smaller id. */
static inline int
best_voucher(const struct world *w, const struct order *o, size_t n, int connection)
{
	int best = NONE;

	for (size_t i = 0; i < n; i++) {
		const struct entry *v = &w->entry[o->entry[i]], *b = best == NONE ? NULL : &w->entry[best];
		struct hash x, y;
		if (v->type != RECORD_VOUCHER || v->connection != connection || !voucher_holds(w, o, n, v) || (b && b->rows > v->rows))
			continue;
		if (b && b->rows == v->rows) {
			x = record_id(&w->entry[v->receipt].record);
			y = record_id(&w->entry[b->receipt].record);
			if (memcmp(x.bytes, y.bytes, HASH_SIZE) >= 0)
				continue;
		}
		best = o->entry[i];
	}
	return best;
}

/* Of the first n of a log. How many. */
static inline size_t
find_due(const struct world *w, const struct order *o, size_t n, struct due due[MOST])
{
	size_t found = 0;

	for (int c = 0; c < MOST_CONNECTIONS; c++) {
		int v = best_voucher(w, o, n, c);
		for (int i = v == NONE ? NONE : w->entry[v].receipt; i != NONE; i = w->entry[i].receipt) {
			const struct entry *e = &w->entry[i];
			const struct made_terms *t = &w->terms[e->terms];
			struct due d = { .e = e, .at = place_in(o, n, i), .rows = e->rows - (e->receipt == NONE ? 0 : w->entry[e->receipt].rows) };
			if (d.rows == 0 || e->time < t->from || e->time >= t->until || is_subscribed(w, o, d.at, e))
				continue;
			find_payees_of(w, o, d.at, e->terms, e->node, e->time, d.payee);
			due[found++] = d;
		}
	}
	return found;
}

/* What a client owes for rows by the first n of a log. */
static inline uint64_t
debt_by(const struct world *w, const struct due *due, size_t n, int client, int terms)
{
	const struct made_terms *t = &w->terms[terms];
	uint64_t rows = 0;

	for (size_t i = 0; i < n; i++)
		rows += due[i].e->client == client && due[i].e->terms == terms ? due[i].rows : 0;
	return t->per == 0 || rows <= t->free ? 0 : (rows - t->free) * t->price / t->per;
}

#endif
