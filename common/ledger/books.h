/*
 * books.h: what a stretch of a log comes to: its receipts, vouchers, terms and owners, as tables. Numbers stand for parties and terms.
 */
#ifndef MAI_LEDGER_BOOKS_H
#define MAI_LEDGER_BOOKS_H

#include "ledger/seen.h"
#include "ledger/terms.h"

#define BOOKS_NONE UINT32_MAX

enum receipt_state {
	RECEIPT_OPEN,    /* no voucher covers it */
	RECEIPT_SETTLED, /* one did before the stretch */
	RECEIPT_DUE,     /* one does now */
};

struct receipt {
	struct hash id, previous, nonce; /* previous: none for the first of a connection */
	uint64_t index, rows, time;
	uint32_t client, node, terms;
	uint32_t before;             /* the receipt before it, once it is found */
	uint64_t covered;            /* rows of its connection that were covered before it was */
	const char *broken;          /* why no voucher can cover it by what is before entry broken_at */
	uint64_t broken_at;
	enum receipt_state state;
};

/* Of a client and a node, by its nonce. Receipts that are not of one chain count for the rows that no other has been covered for. */
struct connection {
	struct hash nonce;
	uint32_t client, node;
	uint64_t covered;            /* rows */
};

struct voucher {
	struct hash receipt, nonce;
	uint64_t index, rows;
	uint32_t client, node, terms;
};

struct subscription {
	uint64_t index, from, periods;
	uint32_t client, node, terms; /* node: BOOKS_NONE for whoever has issued the terms */
};

struct resale {
	uint64_t index, price;
	uint32_t from, terms;
};

/* From its index on, until the next of this asset. */
struct ownership {
	struct hash asset;
	uint64_t index;
	uint32_t owner;
};

/* A record that does not count, and why. */
struct refused {
	uint64_t index;
	const char *why;
};

struct books {
	uint64_t from, to;           /* the stretch: entries from `from` on, before `to` */
	uint8_t (*party)[KEY_PUBLIC];
	size_t n_parties, cap_parties;
	struct seen parties;         /* by the hash of their keys */
	struct terms *terms;
	size_t n_terms, cap_terms;
	struct receipt *receipt;
	size_t n_receipts, cap_receipts;
	struct seen receipts;        /* by id */
	struct voucher *voucher;
	size_t n_vouchers, cap_vouchers;
	struct subscription *subscription;
	size_t n_subscriptions, cap_subscriptions;
	struct resale *resale;
	size_t n_resales, cap_resales;
	struct ownership *ownership; /* in the log's order */
	size_t n_ownerships, cap_ownerships;
	struct seen owned;           /* by asset */
	struct connection *connection;
	size_t n_connections, cap_connections;
	struct seen connections;     /* by nonce */
	struct refused *refused;
	size_t n_refused, cap_refused;
};

/* One record of the log, in order. Records that don't count are noted. 0; -1 with a reason: no memory. */
int books_add(struct books *b, uint64_t index, const struct record *r);

/* All are there: terms are looked up, and receipts that vouchers cover are marked. 0 or -1. */
int books_close(struct books *b);
void books_free(struct books *b);

/* Notes that a record does not count, and why. 0 or -1. */
int books_refuse(struct books *b, uint64_t index, const char *why);

/* The number of a party, which it gets where it has none; BOOKS_NONE with a reason where there is no memory. */
uint32_t books_party(struct books *b, const uint8_t key[KEY_PUBLIC]);

/* Who owns an asset at a place in the log; BOOKS_NONE: nobody. */
uint32_t books_owner(const struct books *b, const struct hash *asset, uint64_t index);

/* Rows of this receipt that neither the one before it has nor what was covered before. */
uint64_t books_rows(const struct books *b, const struct receipt *r);

/* Does a subscription that stands before this receipt in the log hold at its time? */
bool books_subscribed(const struct books *b, const struct receipt *r);

#endif
