/*
 * fraud.h: is a receipt what comes out when its rows are computed again? And the proof that it is not, which a third party checks who trusts
 * neither side: a file of one line of JSON, and then the stream of what the node was sent, from position 0 on (mai-stream(5)).
 *
 *	{ "type": "fraud", "record": RECEIPT, "proof": TEXT, "rows": N,          the receipt, and that it is in a log (C2SP tlog-proof);
 *	  "salts": [ { "sequence": N, "salt": HASH }, ... ] }                    rows of the sequence up to it; salts, in the stream's order
 *
 * The receipt's input hash says that these rows are the node's own claim of what it was sent, its output hash what it claims to have computed.
 */
#ifndef MAI_NET_FRAUD_H
#define MAI_NET_FRAUD_H

#include "ledger/record.h"
#include "ledger/tlog.h"
#include "net/recount.h"

enum fraud_verdict {
	FRAUD_NONE,     /* the answer is right */
	FRAUD_OTHER,    /* the rows are not those that the receipt is about, or the command is for other layers: nothing is shown */
	FRAUD_SHOWN,    /* the rows are those, and the answer is another */
};

/* What a receipt says, beside what a recount has come to. */
enum fraud_verdict fraud_judge(const struct recount *r, const struct record *receipt, const struct meter_state *s);

/* All of a meter's `about` that a receipt says. 0, or -1 with a reason. */
int fraud_about(struct meter_about *a, enum stream_dtype *wire, const struct record *receipt);

struct fraud_case {
	const struct record *receipt;
	uint64_t index;              /* in the log */
	uint64_t rows;               /* of its sequence, up to it */
	const uint8_t *salt;         /* of the stream */
	const char *path;            /* of the record */
};

/* Writes a proof; the sequence and those that it was forked from are in it, others are not. 0, or -1 with a reason. */
int fraud_write(const char *to, const struct fraud_case *c, struct tlog *l);

/* Checks a proof for a log of this key. *verdict: what it shows; the record's text is in `line`. 0, or -1 with a reason: it is no proof. */
int fraud_check(const char *path, const struct note_key *log, const char *command, struct buf *line, struct record *receipt, enum fraud_verdict *verdict);

#endif
