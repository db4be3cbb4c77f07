/*
 * bill.h: work that is paid: the receipts of a node and the vouchers of its client, on the stream that they are about.
 *
 * The node says by which terms (ledger/terms.h) it works, and for how many rows it trusts (its credit); the client chooses the salt. As rows
 * come back the node sends receipts; the client compares each with what it has counted itself (meter.h) and answers it with a
 * voucher for all rows so far. Neither does more than the credit allows: the client holds rows back, the node ends the stream.
 *
 * Both append what they have to a file, a record a line, for a ledger; and salts to another, for audits.
 */
#ifndef MAI_NET_BILL_H
#define MAI_NET_BILL_H

#include "net/meter.h"

enum {
	BILL_CREDIT = 4 * STREAM_MAX_ROWS, /* rows, at least: a frame must fit, and what is under way beside it */
	BILL_TERMS = 16,
};

struct bill_options {
	const struct key *key;
	struct hash terms[BILL_TERMS]; /* a node's own; those that a client agrees to */
	size_t n_terms;
	uint64_t credit;         /* a node's */
	int receipts, salts;     /* descriptors of files; -1: none */
	const char *record;      /* folder for what a client sends, a file for each stream: for audits; NULL: none */
};

struct bill;

/* Begins. `o` must outlive it. NULL with a reason. */
struct bill *bill_new(const struct bill_options *o, const struct meter_about *a, uint64_t credit);
void bill_free(struct bill *b);

/* As for a meter; a copy goes to the record. */
int bill_sent(struct bill *b, const struct frame *f);
int bill_came(struct bill *b, const struct frame *f);

/* ---- of a node ---- */

/* Gives the receipts that are due to `put`, whose text lives until it returns. 0 or -1. */
int bill_issue(struct bill *b, int (*put)(void *arg, const struct frame *f), void *arg);

/* Are there no more rows than the credit allows? 0, or -1 with a reason. */
int bill_check_credit(const struct bill *b);

/* A voucher has come: 0, or -1 with a reason. */
int bill_paid(struct bill *b, const struct frame *f);
uint64_t bill_unpaid(const struct bill *b); /* rows in receipts that no voucher covers */

/* ---- of a client ---- */

/* A receipt has come: *voucher is the answer, until the next call. 0, or -1 with a reason: it is not what was counted here. */
int bill_receipt(struct bill *b, const struct frame *f, struct frame *voucher);

/* May a frame of so many rows go now? */
bool bill_allows(const struct bill *b, uint64_t released, uint32_t rows);
bool bill_is_done(const struct bill *b);

#endif
