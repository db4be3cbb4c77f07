/*
 * settle.h: who owes whom what, from the books of a stretch of a log (books.h), by the terms in it. Exact: whole numbers alone, all of each
 * debt goes to somebody, and neither the order of the receipts nor the machine matters.
 *
 * A client's debt by terms is the price of all its rows so far less that of the rows before the stretch: rounding down never adds up. It is
 * split between those groups of its receipts for which the same parties are to be paid, by their rows, and in each group by the parts of the
 * shares that hold at the receipts' time; what does not come out even goes, unit by unit, to the largest remainders. A share that
 * has had its cap leaves the rest to the others; where nobody is left, it is the issuer's.
 */
#ifndef MAI_LEDGER_SETTLE_H
#define MAI_LEDGER_SETTLE_H

#include "ledger/books.h"

#define SETTLE_REST (-1)   /* in place of a share: what no share takes */
#define SETTLE_RESALE (-2) /* the part of a resale */

struct payment {
	uint32_t from, to, node, terms;
	int share;
	uint64_t amount, rows;
	size_t first, n;         /* the records that it is for: of settlement.record */
};

/* What a share that has a cap has had. */
struct share_paid {
	struct hash terms;
	size_t share;
	uint64_t amount;
};

struct settlement {
	struct payment *payment; /* in an order of their own: by terms, payer, node and payees */
	size_t n, cap;
	uint64_t *record;        /* indices in the log */
	size_t n_records, cap_records;
	struct share_paid *paid; /* up to and with this stretch */
	size_t n_paid, cap_paid;
};

/*
 * s->paid has what shares had before. 0, or -1 with a reason: there is no memory. Receipts that are due, and don't count, are noted in b->refused: those
 * of a debt beyond 2^53 among them.
 */
int settle(struct settlement *s, struct books *b);
void settlement_free(struct settlement *s);

/*
 * Splits an amount by weights, whose sum is at least 1 and below 2^64: the parts add up to it, and each is less than one unit from its share. 0
 * or -1.
 */
int settle_split(uint64_t amount, const uint64_t *weight, uint64_t *part, size_t n);

#endif
