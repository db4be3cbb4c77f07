/*
 * statement.h: a settlement, in writing: canonical JSON, which whoever has settled may sign, or CSV.
 *
 *	{ "type": "settlement", "log": ORIGIN, "from": N, "to": N, "root": HASH,    the stretch, and the log's root at its end
 *	  "payments": [ { "from": DID, "to": DID, "unit": TEXT, "amount": N, "terms": HASH, "share": N | "rest" | "resale",
 *	                  "node": DID, "rows": N, "records": [N, ...] }, ... ],       who owes whom what, and for which records
 *	  "payouts": [ { "to": DID, "unit": TEXT, "amount": N }, ... ],               the same by payee
 *	  "paid": [ { "terms": HASH, "share": N, "amount": N }, ... ],                what shares with a cap have had so far
 *	  "refused": [ { "index": N, "why": TEXT }, ... ],                            records that don't count
 *	  "issuer": DID, "signature": BASE64 }                                        of all but the signature
 */
#ifndef MAI_LEDGER_STATEMENT_H
#define MAI_LEDGER_STATEMENT_H

#include "ledger/settle.h"
#include "ledger/tlog.h"

/* Appends it, signed where k is not NULL. 0, or -1 with a reason. */
int statement_add(struct buf *to, const struct tlog *l, const struct books *b, const struct settlement *s, const struct key *k);

/* Appends the payments as CSV (RFC 4180). 0 or -1. */
int statement_add_csv(struct buf *to, const struct books *b, const struct settlement *s);

/*
 * The statement after which the next stretch begins: its end goes to *from, what shares have had to s->paid. It must be of this log, and carry the
 * issuer's signature where it has an issuer. 0, or -1 with a reason.
 */
int statement_read(const char *text, size_t n, struct tlog *l, uint64_t *from, struct settlement *s);

#endif
