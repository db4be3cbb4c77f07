/*
 * record.h: what stands in a ledger: statements in canonical JSON (trust/jcs.h), each signed by whom it binds.
 *
 * But for credentials (trust/credential.h), which carry a proof of their own, the member "signature" is the base64 of an Ed25519
 * signature of the statement's canonical text without that member. Numbers are whole, times are seconds since 1970, hashes are in hexadecimal, people
 * and nodes are did:keys. The id of a record is the hash of its leaf in the log (ledger/merkle.h).
 *
 *	receipt       node: so many rows were computed for a client (ledger/receipt.h)
 *	voucher       client: so many rows are owed for
 *	subscription  client: a time of use is owed for
 *	terms         issuer: what is to be paid, and who gets which part (ledger/terms.h)
 *	registration  owner: an asset, a model, an adapter or data, by its hash, is theirs. The first in a log holds
 *	transfer      from: it is another's from here on, for a price or none. Holds if they own it at this place of the log
 */
#ifndef MAI_LEDGER_RECORD_H
#define MAI_LEDGER_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/hash.h"
#include "trust/jcs_text.h"
#include "trust/key.h"

enum { RECORD_MAX = 65535 }; /* bytes: entries of tlog-tiles have a length of 16 bits */

enum record_type { RECORD_RECEIPT, RECORD_VOUCHER, RECORD_SUBSCRIPTION, RECORD_TERMS, RECORD_REGISTRATION, RECORD_TRANSFER, RECORD_CREDENTIAL, RECORD_TYPES };

struct record {
	const char *text; /* canonical */
	size_t n;
	enum record_type type;
	uint8_t signer[KEY_PUBLIC]; /* zeros: a credential, whose proof says it */
	struct jcs_member signature; /* not of credentials */
};

const char *record_type_name(enum record_type t);

/*
 * Reads a line of JSON; where it is not canonical, what is made of it goes to `made`. Members are checked: those that must be there, their
 * kinds, that there are no others. record_check checks the signature; record_read does both. 0, or -1 with a reason.
 */
int record_parse(struct record *r, const char *line, size_t n, struct buf *made);
int record_check(const struct record *r);
int record_read(struct record *r, const char *line, size_t n, struct buf *made);

/* The same for an entry of a log, which must be canonical. */
int record_entry(struct record *r, const void *data, size_t n);

/* Appends what is signed: the text of a record with a signature without it. 0, or -1 with a reason. */
int record_statement(const struct record *r, struct buf *to);

struct hash record_id(const struct record *r);

/* Members of a record that was read: 0 bytes, 0 or an empty hash where there is none. */
uint64_t record_number(const struct record *r, const char *key);
struct hash record_hash(const struct record *r, const char *key);
bool record_key(const struct record *r, const char *key, uint8_t to[KEY_PUBLIC]); /* of a did:key; false: there is none */

/* Signs a statement, JSON without a signature that is else a record: its canonical text is appended. 0, or -1 with a reason. */
int record_sign(struct buf *to, const char *statement, size_t n, const struct key *k);

#endif
