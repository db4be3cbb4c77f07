/*
 * secure.h: libp2p's encrypted channel: Noise XX, in whose payloads each side proves the Ed25519 key of its PeerId
 * (libp2p specs, noise). Nothing here reads or writes a descriptor.
 *
 * Each message goes out as its length (16 bits, big endian) and itself.
 */
#ifndef MAI_NET_SECURE_H
#define MAI_NET_SECURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "net/noise.h"
#include "trust/key.h"
#include "trust/peerid.h"

enum {
	SECURE_LENGTH = 2,
	SECURE_MAX_PAYLOAD = 16384, /* of a handshake message */
	SECURE_MAX_SHOWN = 12288,
};

struct secure {
	struct noise noise;
	const struct key *key;      /* the identity of this side */
	struct peerid expected;     /* whom the other must prove to be; n is 0: anybody */
	struct peerid peer;         /* whom the other has proved to be, once the handshake is done */
	const struct buf *shows;    /* a capability (net/capability.h) that the initiator may show; NULL: none. At most SECURE_MAX_SHOWN bytes */
	struct buf shown;           /* what the other shows */
	bool muxer;                 /* both sides stated /yamux/1.0.0 in the handshake: it needs no more negotiation */
	struct noise_cipher send, receive;
	bool done;
	size_t plain;               /* bytes of the message that is being filled at the end of `out`; 0: none */
};

/* Begins; the initiator's first message is appended to `out`. `expected`: NULL for anybody. 0 or -1. */
int secure_begin(struct secure *s, bool initiator, const struct key *key, const struct peerid *expected, struct buf *out);

/*
 * Takes one message of the handshake, and appends the answer to `out`. How many bytes it took; 0: more are needed; -1
 * with a reason: the connection must end. s->done says that the handshake is over.
 */
ssize_t secure_handshake(struct secure *s, const uint8_t *data, size_t n, struct buf *out);

/*
 * After the handshake. Appends plain bytes to the message at the end of `out`, sealing it and beginning others as they
 * fill; secure_flush seals what is begun. Nothing else may write to `out` between. 0 or -1.
 */
int secure_put(struct secure *s, struct buf *out, const void *data, size_t n);
int secure_flush(struct secure *s, struct buf *out);

/*
 * Opens the message that `data` begins with, in place: how many bytes it took, and its plain bytes; 0: more are needed;
 * -1 with a reason: the connection must end.
 */
ssize_t secure_open(struct secure *s, uint8_t *data, size_t n, uint8_t **plain, size_t *n_plain);

void secure_wipe(struct secure *s);

#endif
