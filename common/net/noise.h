/*
 * noise.h: the handshake Noise_XX_25519_ChaChaPoly_SHA256 (noiseprotocol.org, revision 34), by libsodium, and the
 * messages after it, sealed by OpenSSL. Nothing here reads or writes a descriptor.
 *
 *	-> e
 *	<- e, ee, s, es
 *	-> s, se
 */
#ifndef MAI_NET_NOISE_H
#define MAI_NET_NOISE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

enum {
	NOISE_KEY = 32,        /* of X25519, public or secret */
	NOISE_HASH = 32,
	NOISE_TAG = 16,        /* by which a sealed message is longer */
	NOISE_MAX = 65535,     /* bytes of a message on the wire */
	NOISE_MAX_PLAIN = NOISE_MAX - NOISE_TAG,
	NOISE_MESSAGES = 3,    /* of the handshake */
};

/* One direction. A message that can't be opened leaves it useless: the connection must end. */
struct noise_cipher {
	uint8_t key[NOISE_KEY];
	uint64_t counter;
};

struct noise {
	bool initiator;
	unsigned turn;                  /* of the next message, from 0; NOISE_MESSAGES: done */
	uint8_t ck[NOISE_HASH], h[NOISE_HASH];
	struct noise_cipher cipher;     /* of the handshake; no key before `has_key` */
	bool has_key;
	uint8_t s_secret[NOISE_KEY], s_public[NOISE_KEY], e_secret[NOISE_KEY], e_public[NOISE_KEY];
	uint8_t re[NOISE_KEY], rs[NOISE_KEY]; /* the other's ephemeral and static public keys, once they are known */
};

/* What its libraries load when they are first used is loaded: from now on no file is opened. 0 or -1. */
int noise_prepare(void);

/* Begins with a new static and a new ephemeral key. `prologue` must be the same on both sides. */
void noise_begin(struct noise *n, bool initiator, const void *prologue, size_t size);

/* Keys instead of new ones, for tests against vectors; before the first message. */
void noise_set_keys(struct noise *n, const uint8_t s[NOISE_KEY], const uint8_t e[NOISE_KEY]);

/* Is the next message ours to write? */
bool noise_writes(const struct noise *n);
bool noise_done(const struct noise *n);

/* Appends the next message, with a payload, to `out`; reads the next message and appends its payload. 0 or -1. */
int noise_write(struct noise *n, struct buf *out, const void *payload, size_t size);
int noise_read(struct noise *n, const uint8_t *message, size_t size, struct buf *payload);

/* After the last message: the two directions, and the handshake is wiped but for h and rs. */
void noise_split(struct noise *n, struct noise_cipher *send, struct noise_cipher *receive);

/*
 * In place: `data` holds `size` bytes and has room for NOISE_TAG more behind them; opening leaves size - NOISE_TAG bytes.
 * Sealing returns 0; opening 0, or -1 with a reason when the message is not the next one of the other side.
 */
int noise_seal(struct noise_cipher *c, uint8_t *data, size_t size);
int noise_open(struct noise_cipher *c, uint8_t *data, size_t size);

#endif
