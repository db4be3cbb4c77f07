#include "net/secure.h"

#include <sodium.h>
#include <string.h>

#include "base/err.h"
#include "base/hash.h"
#include "base/proto.h"

static const char proved[] = "noise-libp2p-static-key:"; /* goes before the static key that is signed */
static const char muxer[] = "/yamux/1.0.0";

/* Fields of the payload. */
enum { IDENTITY_KEY = 1, IDENTITY_SIGNATURE = 2, EXTENSIONS = 4 };
enum { EXTENSION_MUXERS = 2, EXTENSION_CAPABILITY = 1060 }; /* those from 1024 on are free for experiments */

static void
what_is_signed(uint8_t to[sizeof proved - 1 + NOISE_KEY], const uint8_t key[NOISE_KEY])
{
	memcpy(to, proved, sizeof proved - 1);
	memcpy(to + sizeof proved - 1, key, NOISE_KEY);
}

static int
make_payload(const struct secure *s, struct buf *to)
{
	uint8_t key[PEERID_PROTO], signature[KEY_SIGNATURE], what[sizeof proved - 1 + NOISE_KEY];
	struct buf extensions = { 0 };
	int rc = -1;

	peerid_pack_key(key, s->key->public.bytes);
	what_is_signed(what, s->noise.s_public);
	key_sign(signature, s->key, what, sizeof what);
	if (proto_put(&extensions, EXTENSION_MUXERS, muxer, sizeof muxer - 1) == 0 &&
	    (!s->shows || proto_put(&extensions, EXTENSION_CAPABILITY, s->shows->data, s->shows->len) == 0) && proto_put(to, IDENTITY_KEY, key, sizeof key) == 0 &&
	    proto_put(to, IDENTITY_SIGNATURE, signature, sizeof signature) == 0)
		rc = proto_put(to, EXTENSIONS, extensions.data, extensions.len);
	buf_free(&extensions);
	return rc;
}

static int
take_extensions(struct secure *s, struct proto p)
{
	struct proto_field f;
	bool any = false;
	int rc;

	while ((rc = proto_next(&p, &f)) > 0) {
		if (f.number == EXTENSION_CAPABILITY && f.is_bytes && f.bytes.n <= SECURE_MAX_SHOWN && s->shown.len == 0 &&
		    buf_add(&s->shown, f.bytes.at, f.bytes.n) < 0)
			return -1;
		if (f.number != EXTENSION_MUXERS || !f.is_bytes)
			continue;
		any = true;
		s->muxer |= f.bytes.n == sizeof muxer - 1 && memcmp(f.bytes.at, muxer, f.bytes.n) == 0;
	}
	if (rc == 0 && any && !s->muxer)
		return err_set(ERR_DATA, "the peer does not speak %s", muxer);
	return rc;
}

/* Whom the payload proves the other side to be. */
static int
take_payload(struct secure *s, const struct buf *payload)
{
	struct proto p = { payload->data, payload->len }, key = { 0 }, signature = { 0 }, extensions = { 0 };
	struct proto_field f;
	uint8_t public[PEERID_KEY], what[sizeof proved - 1 + NOISE_KEY];
	int rc;

	if (payload->len > SECURE_MAX_PAYLOAD)
		return err_set(ERR_DATA, "a handshake payload of %zu bytes", payload->len);
	while ((rc = proto_next(&p, &f)) > 0) {
		if (f.is_bytes && f.number == IDENTITY_KEY)
			key = f.bytes;
		else if (f.is_bytes && f.number == IDENTITY_SIGNATURE)
			signature = f.bytes;
		else if (f.is_bytes && f.number == EXTENSIONS)
			extensions = f.bytes;
	}
	if (rc < 0 || peerid_unpack_key(public, key.at, key.n) < 0)
		return -1;
	what_is_signed(what, s->noise.rs);
	if (signature.n != KEY_SIGNATURE || !key_verifies(signature.at, public, what, sizeof what))
		return err_set(ERR_DATA, "the peer does not prove its key");
	s->peer = peerid_of_key(public);
	if (s->expected.n > 0 && !peerid_equal(&s->expected, &s->peer)) {
		char wanted[PEERID_TEXT], is[PEERID_TEXT];
		return err_set(ERR_DATA, "the peer is %s, not %s", peerid_text(&s->peer, is), peerid_text(&s->expected, wanted));
	}
	return take_extensions(s, extensions);
}

/* The next message of the handshake, with a payload from the second on. */
static int
write_message(struct secure *s, struct buf *out)
{
	struct buf message = { 0 }, payload = { 0 };
	int rc = -1;

	if ((s->noise.turn == 0 || make_payload(s, &payload) == 0) &&
	    noise_write(&s->noise, &message, payload.data ? payload.data : (const uint8_t *)"", payload.len) == 0) {
		const uint8_t length[] = { (uint8_t)(message.len >> 8), (uint8_t)(message.len & 0xff) };
		rc = buf_add(out, length, sizeof length) < 0 ? -1 : buf_add(out, message.data, message.len);
	}
	buf_free(&message);
	buf_free(&payload);
	return rc;
}

static void
finish(struct secure *s)
{
	noise_split(&s->noise, &s->send, &s->receive);
	s->done = true;
}

int
secure_begin(struct secure *s, bool initiator, const struct key *key, const struct peerid *expected, struct buf *out)
{
	*s = (struct secure){ .key = key };
	if (expected)
		s->expected = *expected;
	if (hash_prepare() < 0)
		return -1;
	noise_begin(&s->noise, initiator, "", 0);
	return initiator ? write_message(s, out) : 0;
}

/* Bytes of the message that data begins with and its length; 0: more are needed. */
static size_t
message_size(const uint8_t *data, size_t n)
{
	size_t size = n < SECURE_LENGTH ? SIZE_MAX : (size_t)(data[0] << 8 | data[1]) + SECURE_LENGTH;

	return size > n ? 0 : size;
}

ssize_t
secure_handshake(struct secure *s, const uint8_t *data, size_t n, struct buf *out)
{
	struct buf payload = { 0 };
	bool first = s->noise.turn == 0;
	size_t size = message_size(data, n);
	int rc;

	if (size == 0)
		return 0;
	rc = noise_read(&s->noise, data + SECURE_LENGTH, size - SECURE_LENGTH, &payload);
	if (rc == 0 && first && payload.len > 0)
		rc = err_set(ERR_DATA, "a first handshake message with a payload");
	if (rc == 0 && !first)
		rc = take_payload(s, &payload);
	buf_free(&payload);
	if (rc == 0 && noise_writes(&s->noise))
		rc = write_message(s, out);
	if (rc < 0)
		return err_wrap("handshake");
	if (noise_done(&s->noise))
		finish(s);
	return (ssize_t)size; /* <= 65537 */
}

int
secure_put(struct secure *s, struct buf *out, const void *data, size_t n)
{
	const uint8_t *from = data;

	while (n > 0) {
		size_t some = NOISE_MAX_PLAIN - s->plain < n ? NOISE_MAX_PLAIN - s->plain : n;
		if (buf_reserve(out, SECURE_LENGTH + some + NOISE_TAG) < 0)
			return -1;
		if (s->plain == 0)
			out->len += SECURE_LENGTH;
		memcpy(out->data + out->len, from, some);
		out->len += some;
		s->plain += some;
		from += some;
		n -= some;
		if (s->plain == NOISE_MAX_PLAIN && secure_flush(s, out) < 0)
			return -1;
	}
	return 0;
}

int
secure_flush(struct secure *s, struct buf *out)
{
	uint8_t *message;
	size_t size = s->plain + NOISE_TAG;

	if (s->plain == 0)
		return 0;
	if (buf_reserve(out, NOISE_TAG) < 0)
		return -1;
	message = out->data + out->len - s->plain;
	if (noise_seal(&s->send, message, s->plain) < 0)
		return -1;
	message[-2] = (uint8_t)(size >> 8); /* size <= NOISE_MAX */
	message[-1] = (uint8_t)(size & 0xff);
	out->len += NOISE_TAG;
	s->plain = 0;
	return 0;
}

ssize_t
secure_open(struct secure *s, uint8_t *data, size_t n, uint8_t **plain, size_t *n_plain)
{
	size_t size = message_size(data, n);

	if (size == 0)
		return 0;
	if (noise_open(&s->receive, data + SECURE_LENGTH, size - SECURE_LENGTH) < 0)
		return -1;
	*plain = data + SECURE_LENGTH;
	*n_plain = size - SECURE_LENGTH - NOISE_TAG;
	return (ssize_t)size; /* <= 65537 */
}

void
secure_wipe(struct secure *s)
{
	buf_free(&s->shown);
	sodium_memzero(s, sizeof *s);
}
