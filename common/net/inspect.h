/*
 * inspect.h: receipts of a log, computed again from what was recorded of their streams (mai-send --record).
 */
#ifndef MAI_NET_INSPECT_H
#define MAI_NET_INSPECT_H

#include "net/fraud.h"

struct inspect_options {
	const char *records;         /* folder of NONCE.mai */
	const char *salts;           /* file of lines { "nonce", "salt" } */
	const char *command;         /* that computes the layers */
	const char *proofs;          /* folder for proofs of fraud; NULL: none are written */
	double share;                /* of the streams that there are records of, by chance: 0 to 1 */
	void (*told)(void *arg, uint64_t index, enum fraud_verdict v); /* for each receipt */
	void *arg;
};

/* Of a log that is open: 0, or -1 with a reason. Receipts without a record, or of other layers, are passed over. */
int inspect(struct tlog *l, const struct inspect_options *o);

#endif
