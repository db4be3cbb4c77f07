/*
 * terms.h: what is to be paid for the use of a model, and who gets which part: a record of the type "terms".
 *
 *	{ "type": "terms", "issuer": DID, "name": TEXT, "unit": TEXT,      amounts are whole numbers of that unit
 *	  "rows": { "per": 1000, "price": 250 },                           for 1000 rows; without it, rows cost nothing
 *	  "free": 10000,                                                   the first rows of each client
 *	  "period": { "price": 5000000, "seconds": 2592000 },              a subscription: rows in its time cost nothing
 *	  "resale": { "parts": 5, "per": 100, "to": DID },                 of the price of an asset that is transferred by these terms
 *	  "shares": [ { "to": WHO, "parts": 60, "from": TIME, "until": TIME, "cap": AMOUNT }, ... ],
 *	  "from": TIME, "until": TIME, "signature": ... }
 *
 * WHO is a did:key, "node" (whoever has computed), or { "owner": ASSET }: whoever owns it at the receipt's place in the log.
 */
#ifndef MAI_LEDGER_TERMS_H
#define MAI_LEDGER_TERMS_H

#include <stdbool.h>
#include <stdint.h>

#include "ledger/record.h"

enum {
	TERMS_SHARES = 64,
	TERMS_UNIT = 64,                 /* bytes of a unit's name with a NUL */
};
#define TERMS_PARTS (UINT64_C(1) << 32)  /* of a share, at most */
#define TERMS_LARGEST (UINT64_C(1) << 53) /* amounts and rows: whole numbers that all programs know exactly */
#define TERMS_ALWAYS UINT64_MAX

enum share_to { SHARE_KEY, SHARE_NODE, SHARE_OWNER };

struct share {
	enum share_to to;
	uint8_t key[KEY_PUBLIC];         /* SHARE_KEY */
	struct hash asset;               /* SHARE_OWNER */
	uint64_t parts, from, until, cap; /* until and cap: TERMS_ALWAYS for none */
};

struct terms {
	struct hash id;
	uint8_t issuer[KEY_PUBLIC];
	char unit[TERMS_UNIT];
	uint64_t per, price;             /* of rows; per is 0: they cost nothing */
	uint64_t free;
	uint64_t period, period_price;   /* seconds; 0: there are no subscriptions */
	uint64_t resale_parts, resale_per; /* 0: nothing */
	uint8_t resale_to[KEY_PUBLIC];
	uint64_t from, until;
	struct share share[TERMS_SHARES];
	size_t n;                        /* 1 or more */
};

/* Reads a record of this type. 0, or -1 with a reason. */
int terms_read(struct terms *t, const struct record *r);

#endif
