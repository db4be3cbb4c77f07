/*
 * meter.h: what went over a stream, as its node and its client both count it: rows, and hash chains over them. From it the node
 * makes receipts (ledger/record.h), and the client sees that they are right.
 *
 * Each row's bytes, as they go over the link, are hashed behind the hash of those before it of its sequence, and so is what was said in
 * between (that it begins, goes back, as a copy of which other): who has the rows from position 0 on computes the same. A chain begins with a salt
 * that client and node alone know: who does not have it can't try texts until their hash comes out.
 *
 * Both see the same frames in the same order each way. What was sent counts once its answer has come.
 */
#ifndef MAI_NET_METER_H
#define MAI_NET_METER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/hash.h"
#include "stream/stream.h"
#include "trust/key.h"

enum { METER_SALT = 32 };

struct meter_about {
	uint8_t node[KEY_PUBLIC], client[KEY_PUBLIC];
	struct hash nonce;              /* of the stream: no other has it */
	uint8_t salt[METER_SALT];       /* of the client's choice */
	struct hash terms;
	struct stream_header in, out;   /* with the types in which hidden states go over the link */
};

struct meter;

/* NULL with a reason. */
struct meter *meter_new(const struct meter_about *a);
void meter_free(struct meter *m);

/* A frame to the node, one from it, as they are on the link. 0, or -1 with a reason. */
int meter_sent(struct meter *m, const struct frame *f);
int meter_came(struct meter *m, const struct frame *f);

/* The salt of a sequence, the n-th that was begun on this stream; the hash of its chain before any row: `way` is "in" or "out". */
struct hash meter_salt(const uint8_t salt[METER_SALT], uint64_t sequence);
struct hash meter_begin(const struct hash *salt, const char *way);

/* ---- receipts ---- */

uint64_t meter_rows(const struct meter *m);     /* that were sent */
uint64_t meter_open(const struct meter *m);     /* that were answered, and are in no receipt */
bool meter_is_done(const struct meter *m);      /* all was answered, and is in receipts; all sequences have been closed */

/* A sequence of which a receipt is due: one that was closed and answered, or (any) one with rows in no receipt. False: none. */
bool meter_due(const struct meter *m, bool any, uint64_t *sequence);

/* What is known of a sequence: hashes over rows that were answered, and the answers; the position behind them; how many they are in all, and in no receipt. */
struct meter_state {
	struct hash in, out;
	uint64_t to, rows, open;
};
bool meter_look(const struct meter *m, uint64_t sequence, struct meter_state *s); /* false: it is not there, or all of it is in receipts */

/* The next sequence that begins gets this number and salt: of a stream of which only a part is there. */
void meter_next(struct meter *m, uint64_t sequence, const struct hash *salt);

/* Appends the receipt of a sequence without a signature, in canonical JSON. 0, or -1 with a reason: nothing of it is open. */
int meter_receipt(const struct meter *m, uint64_t sequence, uint64_t time, struct buf *to);

/* The receipt with this id, which has just been made, was signed: the next goes on behind it. */
void meter_receipted(struct meter *m, uint64_t sequence, const struct hash *id);

/* Rows in receipts so far; the last one. */
uint64_t meter_receipted_rows(const struct meter *m);

/* Appends what the client owes up to receipt `id`, with that many rows in all, without a signature. 0 or -1. */
int meter_voucher(const struct meter *m, const struct hash *id, uint64_t rows, uint64_t time, struct buf *to);

#endif
