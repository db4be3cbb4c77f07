#include "ledger/books.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"

int
books_refuse(struct books *b, uint64_t index, const char *why)
{
	if (mem_grow(&b->refused, &b->cap_refused, b->n_refused + 1, sizeof *b->refused) < 0)
		return -1;
	b->refused[b->n_refused++] = (struct refused){ index, why };
	return 0;
}

/* ---- parties and owners ---- */

uint32_t
books_party(struct books *b, const uint8_t key[KEY_PUBLIC])
{
	struct hash h = hash_bytes(key, KEY_PUBLIC);
	uint64_t i;
	size_t at = 0;

	while (seen_next(&b->parties, &h, &at, &i))
		if (memcmp(b->party[i], key, KEY_PUBLIC) == 0)
			return (uint32_t)i; /* < n_parties */
	if (b->n_parties == BOOKS_NONE || mem_grow(&b->party, &b->cap_parties, b->n_parties + 1, sizeof *b->party) < 0 ||
	    seen_add(&b->parties, &h, b->n_parties) < 0)
		return BOOKS_NONE;
	memcpy(b->party[b->n_parties], key, KEY_PUBLIC);
	return (uint32_t)b->n_parties++; /* < BOOKS_NONE */
}

/* The party of a member; BOOKS_NONE where there is none, or no memory. */
static uint32_t
party_of(struct books *b, const struct record *r, const char *key)
{
	uint8_t bytes[KEY_PUBLIC];

	return record_key(r, key, bytes) ? books_party(b, bytes) : BOOKS_NONE;
}

uint32_t
books_owner(const struct books *b, const struct hash *asset, uint64_t index)
{
	const struct ownership *last = NULL;
	uint64_t i;
	size_t at = 0;

	while (seen_next(&b->owned, asset, &at, &i)) {
		const struct ownership *o = &b->ownership[i];
		if (hash_equal(&o->asset, asset) && o->index <= index && (!last || o->index > last->index))
			last = o;
	}
	return last ? last->owner : BOOKS_NONE;
}

static int
own(struct books *b, const struct hash *asset, uint64_t index, uint32_t owner)
{
	if (owner == BOOKS_NONE || mem_grow(&b->ownership, &b->cap_ownerships, b->n_ownerships + 1, sizeof *b->ownership) < 0 ||
	    seen_add(&b->owned, asset, b->n_ownerships) < 0)
		return -1;
	b->ownership[b->n_ownerships++] = (struct ownership){ *asset, index, owner };
	return 0;
}

static int
add_registration(struct books *b, uint64_t index, const struct record *r)
{
	struct hash asset = record_hash(r, "asset");

	if (books_owner(b, &asset, index) != BOOKS_NONE)
		return books_refuse(b, index, "the asset was registered before");
	return own(b, &asset, index, party_of(b, r, "owner"));
}

static uint32_t
terms_of(const struct books *b, const struct hash *id)
{
	for (size_t i = 0; i < b->n_terms; i++)
		if (hash_equal(&b->terms[i].id, id))
			return (uint32_t)i; /* < BOOKS_NONE */
	return BOOKS_NONE;
}

static int
add_transfer(struct books *b, uint64_t index, const struct record *r)
{
	struct hash asset = record_hash(r, "asset"), terms = record_hash(r, "terms");
	uint32_t from = party_of(b, r, "from"), which = terms_of(b, &terms);

	if (from == BOOKS_NONE || books_owner(b, &asset, index) != from)
		return books_refuse(b, index, "the asset is not theirs");
	if (own(b, &asset, index, party_of(b, r, "to")) < 0)
		return -1;
	if (record_number(r, "price") == 0 || which == BOOKS_NONE)
		return 0;
	if (mem_grow(&b->resale, &b->cap_resales, b->n_resales + 1, sizeof *b->resale) < 0)
		return -1;
	b->resale[b->n_resales++] = (struct resale){ index, record_number(r, "price"), from, which };
	return 0;
}

/* ---- records ---- */

static int
add_terms(struct books *b, uint64_t index, const struct record *r)
{
	struct terms *t;

	if (mem_grow(&b->terms, &b->cap_terms, b->n_terms + 1, sizeof *b->terms) < 0)
		return -1;
	t = &b->terms[b->n_terms];
	if (terms_read(t, r) < 0)
		return books_refuse(b, index, "terms that mean nothing");
	b->n_terms += terms_of(b, &t->id) == BOOKS_NONE;
	return 0;
}

static int
add_receipt(struct books *b, uint64_t index, const struct record *r)
{
	struct hash id = record_id(r), terms = record_hash(r, "terms");
	struct receipt *e;
	uint64_t i;
	size_t at = 0;

	while (seen_next(&b->receipts, &id, &at, &i))
		if (hash_equal(&b->receipt[i].id, &id))
			return books_refuse(b, index, "the receipt was there before");
	if (mem_grow(&b->receipt, &b->cap_receipts, b->n_receipts + 1, sizeof *b->receipt) < 0 || seen_add(&b->receipts, &id, b->n_receipts) < 0)
		return -1;
	e = &b->receipt[b->n_receipts];
	*e = (struct receipt){ .id = id, .previous = record_hash(r, "previous"), .nonce = record_hash(r, "nonce"), .index = index,
		.rows = record_number(r, "rows"), .time = record_number(r, "time"), .client = party_of(b, r, "client"), .node = party_of(b, r, "node"),
		.terms = terms_of(b, &terms), .before = BOOKS_NONE };
	if (e->client == BOOKS_NONE || e->node == BOOKS_NONE)
		return -1;
	b->n_receipts++;
	return 0;
}

static int
add_voucher(struct books *b, uint64_t index, const struct record *r)
{
	struct hash terms = record_hash(r, "terms");

	if (mem_grow(&b->voucher, &b->cap_vouchers, b->n_vouchers + 1, sizeof *b->voucher) < 0)
		return -1;
	b->voucher[b->n_vouchers++] = (struct voucher){ .receipt = record_hash(r, "receipt"), .nonce = record_hash(r, "nonce"), .index = index,
		.rows = record_number(r, "rows"), .client = party_of(b, r, "client"), .node = party_of(b, r, "node"), .terms = terms_of(b, &terms) };
	return 0;
}

static int
add_subscription(struct books *b, uint64_t index, const struct record *r)
{
	struct hash terms = record_hash(r, "terms");
	uint32_t which = terms_of(b, &terms);
	uint64_t amount;

	if (which == BOOKS_NONE || b->terms[which].period == 0)
		return books_refuse(b, index, "a subscription by terms that are not there, or know none");
	if (record_number(r, "from") < b->terms[which].from || record_number(r, "from") >= b->terms[which].until)
		return books_refuse(b, index, "not in the time of its terms");
	if (!mem_mul(record_number(r, "periods"), b->terms[which].period_price, &amount) || amount > TERMS_LARGEST)
		return books_refuse(b, index, "a debt of more than 2^53");
	if (mem_grow(&b->subscription, &b->cap_subscriptions, b->n_subscriptions + 1, sizeof *b->subscription) < 0)
		return -1;
	b->subscription[b->n_subscriptions++] = (struct subscription){ index, record_number(r, "from"), record_number(r, "periods"), party_of(b, r, "client"),
		party_of(b, r, "node"), which };
	return 0;
}

int
books_add(struct books *b, uint64_t index, const struct record *r)
{
	switch (r->type) {
	case RECORD_TERMS:
		return add_terms(b, index, r);
	case RECORD_REGISTRATION:
		return add_registration(b, index, r);
	case RECORD_TRANSFER:
		return add_transfer(b, index, r);
	case RECORD_RECEIPT:
		return add_receipt(b, index, r);
	case RECORD_VOUCHER:
		return add_voucher(b, index, r);
	case RECORD_SUBSCRIPTION:
		return add_subscription(b, index, r);
	default:
		return 0;
	}
}

/* ---- what vouchers cover ---- */

/* The receipt of this id before entry `end`; BOOKS_NONE. */
static uint32_t
find_receipt(const struct books *b, const struct hash *id, uint64_t end)
{
	uint64_t i;
	size_t at = 0;

	while (seen_next(&b->receipts, id, &at, &i))
		if (hash_equal(&b->receipt[i].id, id) && b->receipt[i].index < end)
			return (uint32_t)i; /* < n_receipts */
	return BOOKS_NONE;
}

static bool
is_same_connection(const struct receipt *a, const struct receipt *b)
{
	return hash_equal(&a->nonce, &b->nonce) && a->client == b->client && a->node == b->node && a->terms == b->terms;
}

/* NULL where there is no memory. A nonce that others use too is theirs. */
static struct connection *
connection_of(struct books *b, const struct receipt *r)
{
	struct connection *c;
	uint64_t i;
	size_t at = 0;

	while (seen_next(&b->connections, &r->nonce, &at, &i)) {
		c = &b->connection[i];
		if (hash_equal(&c->nonce, &r->nonce) && c->client == r->client && c->node == r->node)
			return c;
	}
	if (mem_grow(&b->connection, &b->cap_connections, b->n_connections + 1, sizeof *b->connection) < 0 ||
	    seen_add(&b->connections, &r->nonce, b->n_connections) < 0)
		return NULL;
	c = &b->connection[b->n_connections++];
	*c = (struct connection){ .nonce = r->nonce, .client = r->client, .node = r->node };
	return c;
}

/* Finds the receipt before this one, where it has one. NULL, or why there is none. */
static const char *
find_before(const struct books *b, struct receipt *r, uint64_t end)
{
	if (r->broken && r->broken_at == end)
		return r->broken;
	if (hash_is_none(&r->previous))
		return NULL;
	r->before = find_receipt(b, &r->previous, end);
	if (r->before == BOOKS_NONE)
		return "a receipt before the one that it covers is not there";
	return is_same_connection(r, &b->receipt[r->before]) && r->rows >= b->receipt[r->before].rows ? NULL : "the receipts that it covers don't go together";
}

/*
 * Finds the receipts before `last` until one that is covered. NULL: all are there and go together. What is not so once is not looked for again:
 * a voucher for each receipt of a long chain must not take the square of its length.
 */
static const char *
follow(struct books *b, uint32_t last, uint64_t end)
{
	for (uint32_t i = last; i != BOOKS_NONE && b->receipt[i].state == RECEIPT_OPEN; i = b->receipt[i].before) {
		const char *why = find_before(b, &b->receipt[i], end);
		if (!why)
			continue;
		for (uint32_t k = last;; k = b->receipt[k].before) {
			b->receipt[k].broken = why;
			b->receipt[k].broken_at = end;
			if (k == i)
				return why;
		}
	}
	return NULL;
}

/* *why: NULL, or why it covers nothing. 0 or -1. */
static int
cover(struct books *b, const struct voucher *v, uint64_t end, enum receipt_state state, const char **why)
{
	uint32_t last = find_receipt(b, &v->receipt, end);
	const struct receipt *r = last == BOOKS_NONE ? NULL : &b->receipt[last];
	struct connection *c = NULL;

	*why = NULL;
	if (!r)
		*why = "the receipt that it covers is not there";
	else if (v->terms == BOOKS_NONE)
		*why = "its terms are not in the log before it";
	else if (!hash_equal(&v->nonce, &r->nonce) || v->client != r->client || v->node != r->node || v->terms != r->terms || v->rows != r->rows)
		*why = "it says something else than the receipt that it covers";
	else if (!(c = connection_of(b, r)))
		return -1;
	else if (r->rows > c->covered)
		*why = follow(b, last, end);
	else if (r->rows < c->covered && r->state == RECEIPT_OPEN)
		*why = "it covers a receipt beside one that is covered";
	if (*why || r->rows <= c->covered)
		return 0;
	for (uint32_t i = last; i != BOOKS_NONE && b->receipt[i].state == RECEIPT_OPEN; i = b->receipt[i].before) {
		b->receipt[i].state = state;
		b->receipt[i].covered = c->covered;
	}
	c->covered = v->rows;
	return 0;
}

/* Most rows first, so that the order in the log does not matter where two don't go together. */
static int
compare_vouchers(const void *a, const void *b)
{
	const struct voucher *x = a, *y = b;

	return x->rows != y->rows ? (x->rows < y->rows ? 1 : -1) : memcmp(x->receipt.bytes, y->receipt.bytes, HASH_SIZE);
}

int
books_close(struct books *b)
{
	const char *why;

	if (b->n_vouchers > 0)
		qsort(b->voucher, b->n_vouchers, sizeof *b->voucher, compare_vouchers);
	for (size_t i = 0; i < b->n_vouchers; i++)
		if (b->voucher[i].index < b->from && cover(b, &b->voucher[i], b->from, RECEIPT_SETTLED, &why) < 0)
			return -1;
	for (size_t i = 0; i < b->n_vouchers; i++)
		if (cover(b, &b->voucher[i], b->to, RECEIPT_DUE, &why) < 0 ||
		    (why && b->voucher[i].index >= b->from && books_refuse(b, b->voucher[i].index, why) < 0))
			return -1;
	return 0;
}

uint64_t
books_rows(const struct books *b, const struct receipt *r)
{
	uint64_t begin = r->before == BOOKS_NONE ? 0 : b->receipt[r->before].rows;

	if (begin < r->covered)
		begin = r->covered < r->rows ? r->covered : r->rows;
	return r->rows - begin;
}

bool
books_subscribed(const struct books *b, const struct receipt *r)
{
	for (size_t i = 0; i < b->n_subscriptions; i++) {
		const struct subscription *s = &b->subscription[i];
		if (s->index < r->index && s->client == r->client && s->terms == r->terms && r->time >= s->from &&
		    (r->time - s->from) / b->terms[r->terms].period < s->periods)
			return true;
	}
	return false;
}

void
books_free(struct books *b)
{
	free(b->party);
	seen_free(&b->parties);
	free(b->terms);
	free(b->receipt);
	seen_free(&b->receipts);
	free(b->voucher);
	free(b->subscription);
	free(b->resale);
	free(b->ownership);
	seen_free(&b->owned);
	free(b->connection);
	seen_free(&b->connections);
	free(b->refused);
	*b = (struct books){ 0 };
}
