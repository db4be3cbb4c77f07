/* libp2p's encrypted channel between two sides of one process: every bit and every cut of a handshake, and its messages. */
#include "base/err.h"
#include "base/proto.h"
#include "net/secure.h"
#include "vectors.h"

enum { SIDES = 2 };
static struct key identity[SIDES];
static struct secure begun[NOISE_MESSAGES + 1][SIDES]; /* the sides before each message of a handshake, and at its end */
static struct buf message[NOISE_MESSAGES];

/* A handshake whose states and messages are kept. Side 0 is the initiator; i is read by the side 1 - i % 2. */
static void
handshake(void)
{
	struct peerid wanted[SIDES];

	for (int k = 0; k < SIDES; k++) {
		wanted[k] = peerid_of_key(identity[1 - k].public.bytes);
		message[k].len = 0;
	}
	message[2].len = 0;
	if (secure_begin(&begun[0][1], false, &identity[1], &wanted[1], &message[0]) < 0 || message[0].len > 0 ||
	    secure_begin(&begun[0][0], true, &identity[0], &wanted[0], &message[0]) < 0)
		abort();
	for (int i = 0; i < NOISE_MESSAGES; i++) {
		struct buf none = { 0 };
		memcpy(begun[i + 1], begun[i], sizeof begun[i]);
		struct buf *answer = i + 1 < NOISE_MESSAGES ? &message[i + 1] : &none;
		if (secure_handshake(&begun[i + 1][1 - i % 2], message[i].data, message[i].len, answer) != (ssize_t)message[i].len || none.len)
			abort();
	}
}

static void
check_handshake(void)
{
	handshake();
	const struct secure *s = begun[NOISE_MESSAGES];
	for (int k = 0; k < SIDES; k++) {
		struct peerid other = peerid_of_key(identity[1 - k].public.bytes);
		tap_ok(s[k].done && peerid_equal(&s[k].peer, &other) && s[k].muxer, "side %d knows the other, and the muxer", k);
	}
	tap_ok(!begun[1][0].done && begun[2][0].done && !begun[2][1].done, "the initiator by the second message, the other by the third");
	tap_ok(message[0].len == 34 && message[1].len == 218 && message[2].len == 186, "messages are as long as those of js-libp2p");
}

/* ---- damage ---- */

/*
 * What the side that reads message i makes of it: 1: it takes it, 0: it wants more, -1. The bytes are put where a sanitizer
 * sees their end. What it answers goes to `answer`, if any.
 */
static int
reads(int i, const uint8_t *data, size_t n, struct secure *after, struct buf *answer)
{
	struct secure s = begun[i][1 - i % 2];
	uint8_t *exact = malloc(n ? n : 1);
	size_t before = answer->len;

	memcpy(exact, data, n);
	ssize_t took = secure_handshake(&s, exact, n, answer);
	free(exact);
	if (after)
		*after = s;
	if (took <= 0 && (s.done || answer->len != before))
		abort(); /* it is not over, and nothing is said */
	return took > 0 ? 1 : (int)took;
}

/*
 * Does the side that got an altered message i ever come to its end, or the other to an answer to it? The first message is
 * not authenticated: the responder answers, but its answer is refused by who wrote the message, and nothing more is said.
 */
static bool
passes(int i, const uint8_t *data, size_t n)
{
	struct buf answer = { 0 }, none = { 0 };
	struct secure s;
	int rc = reads(i, data, n, &s, &answer);
	bool good = rc > 0;

	if (i == 0 && good)
		good = s.done || reads(1, answer.data, answer.len, NULL, &none) >= 0;
	buf_free(&answer);
	buf_free(&none);
	return good;
}

static void
check_flips(void)
{
	int passed = 0, n = 0;

	for (int i = 0; i < NOISE_MESSAGES; i++)
		for (size_t at = 0; at < message[i].len; at++)
			for (int bit = 0; bit < 8; bit++, n++) {
				message[i].data[at] ^= (uint8_t)(1 << bit);
				passed += passes(i, message[i].data, message[i].len);
				message[i].data[at] ^= (uint8_t)(1 << bit);
			}
	tap_ok(n > 3000 && passed == 0, "of %d bits of a handshake none may be another", n);
}

/* n bytes of message i with a length that is theirs. */
static bool
passes_with_length(int i, size_t n)
{
	uint8_t old[SECURE_LENGTH];

	memcpy(old, message[i].data, sizeof old);
	message[i].data[0] = (uint8_t)((n - SECURE_LENGTH) >> 8);
	message[i].data[1] = (uint8_t)((n - SECURE_LENGTH) & 0xff);
	bool good = passes(i, message[i].data, n);
	memcpy(message[i].data, old, sizeof old);
	return good;
}

static void
check_cuts(void)
{
	struct buf none = { 0 };
	int wrong = 0, passed = 0;

	for (int i = 0; i < NOISE_MESSAGES; i++) {
		for (size_t n = 0; n < message[i].len; n++)
			wrong += reads(i, message[i].data, n, NULL, &none) != 0;
		for (size_t n = SECURE_LENGTH; n < message[i].len; n++)
			passed += passes_with_length(i, n);
		if (buf_zero(&message[i], 20) < 0)
			abort();
		passed += passes_with_length(i, message[i].len - 19) + passes_with_length(i, message[i].len);
		message[i].len -= 20;
	}
	tap_ok(wrong == 0, "a message that is not all there is waited for");
	tap_ok(passed == 0, "one that is shorter or longer is refused: %s", err_reason());
	tap_ok(reads(0, (const uint8_t *)"\0\0", 2, NULL, &none) == -1, "and so is one of nothing");
	buf_free(&none);
}

/* What follows a message stays. */
static void
check_more(void)
{
	struct secure s;
	struct buf answer = { 0 };
	int wrong = 0;

	for (int i = 0; i < NOISE_MESSAGES; i++) {
		s = begun[i][1 - i % 2];
		answer.len = 0;
		buf_add(&message[i], "more", 4);
		wrong += secure_handshake(&s, message[i].data, message[i].len, &answer) != (ssize_t)message[i].len - 4;
		message[i].len -= 4;
	}
	tap_ok(wrong == 0, "bytes behind a message are not taken");
	buf_free(&answer);
}

/* Every message of this handshake and of an earlier one in every place, but for the one that is due. */
static void
check_order(void)
{
	struct buf old[NOISE_MESSAGES];
	int passed = 0;

	for (int i = 0; i < NOISE_MESSAGES; i++) {
		old[i] = message[i];
		message[i] = (struct buf){ 0 };
	}
	handshake();
	for (int i = 1; i < NOISE_MESSAGES; i++)
		for (int k = 0; k < NOISE_MESSAGES; k++) {
			passed += k != i && passes(i, message[k].data, message[k].len);
			passed += passes(i, old[k].data, old[k].len);
		}
	for (int k = 1; k < NOISE_MESSAGES; k++)
		passed += passes(0, message[k].data, message[k].len) + passes(0, old[k].data, old[k].len);
	passed += passes(0, old[0].data, old[0].len);
	tap_ok(passed == 0, "messages out of place, reflected, or of an earlier handshake are refused: %s", err_reason());
	for (int i = 0; i < NOISE_MESSAGES; i++)
		buf_free(&old[i]);
}

/* After a message that is refused the right one, if it comes, does not help, unless nothing was looked at. */
static void
check_after(void)
{
	struct buf answer = { 0 };
	int done = 0;

	for (int i = 1; i < NOISE_MESSAGES; i++)
		for (size_t at = SECURE_LENGTH; at < message[i].len; at++) {
			struct secure s = begun[i][1 - i % 2];
			message[i].data[at] ^= 4;
			secure_handshake(&s, message[i].data, message[i].len, &answer);
			message[i].data[at] ^= 4;
			secure_handshake(&s, message[i].data, message[i].len, &answer);
			done += s.done;
		}
	tap_ok(done == 0, "a handshake that has failed does not go on");
	buf_free(&answer);
}

/* ---- payloads ---- */

static const char proved[] = "noise-libp2p-static-key:";

/* What a payload is made of: each case changes one thing. */
struct parts {
	const uint8_t *key;        /* as protobuf */
	size_t n_key;
	const struct key *signer;
	uint8_t said[sizeof proved - 1 + NOISE_KEY];
	size_t n_said;
	size_t n_signature;
	bool muxers;
	const char *muxer[3];
	size_t padding;            /* bytes of an unknown field, with its head */
	const char *behind;        /* any bytes */
	size_t n_behind;
};

static void
put(struct buf *to, uint32_t number, const void *bytes, size_t n)
{
	if (proto_put(to, number, bytes, n) < 0)
		abort();
}

static void
make_payload(struct buf *to, const struct parts *p)
{
	uint8_t signature[KEY_SIGNATURE + 1] = { 0 }, filler[SECURE_MAX_PAYLOAD] = { 0 };
	struct buf list = { 0 };

	to->len = 0;
	key_sign(signature, p->signer, p->said, p->n_said);
	if (p->n_key)
		put(to, 1, p->key, p->n_key);
	if (p->n_signature)
		put(to, 2, signature, p->n_signature);
	for (size_t i = 0; i < 3 && p->muxer[i]; i++)
		put(&list, 2, p->muxer[i], strlen(p->muxer[i]));
	if (p->muxers)
		put(to, 4, list.data, list.len);
	if (p->padding)
		put(to, 99, filler, p->padding - 4); /* a head of 2 + 2 bytes */
	if (buf_add(to, p->behind, p->n_behind) < 0)
		abort();
	buf_free(&list);
}

/*
 * A peer by hand, with the Noise handshake done right and this payload, against the side `victim` (0: an initiator). Was it
 * believed to be `mallory`?
 */
static bool
believes(struct secure *s, int victim, struct noise *peer, const struct buf *payload, const struct buf *first)
{
	struct buf wire = { 0 }, got = { 0 };
	const struct peerid mallory = peerid_of_key(identity[1].public.bytes);
	ssize_t took = -1;

	if (victim == 1) { /* its answer is in `first` */
		if (noise_read(peer, first->data + SECURE_LENGTH, first->len - SECURE_LENGTH, &got) < 0)
			abort();
		got.len = 0;
	}
	if (buf_zero(&wire, SECURE_LENGTH) < 0 || noise_write(peer, &wire, payload->data, payload->len) < 0)
		abort();
	wire.data[0] = (uint8_t)((wire.len - SECURE_LENGTH) >> 8);
	wire.data[1] = (uint8_t)((wire.len - SECURE_LENGTH) & 0xff);
	took = secure_handshake(s, wire.data, wire.len, &got);
	if ((took > 0) != s->done || (took < 0 && got.len > 0))
		abort();
	buf_free(&wire);
	buf_free(&got);
	return s->done && peerid_equal(&s->peer, &mallory);
}

/* Begins a handshake with `victim`; its first message, or its answer to ours, goes to `first`. */
static void
meet(struct secure *s, int victim, struct noise *peer, struct buf *first)
{
	struct buf hello = { 0 };

	first->len = 0;
	noise_begin(peer, victim == 1, "", 0);
	if (secure_begin(s, victim == 0, &identity[0], NULL, first) < 0)
		abort();
	if (victim == 0) {
		if (noise_read(peer, first->data + SECURE_LENGTH, first->len - SECURE_LENGTH, &hello) < 0)
			abort();
	} else if (buf_add(&hello, "\0\x20", 2) < 0 || noise_write(peer, &hello, "", 0) < 0 ||
	    secure_handshake(s, hello.data, hello.len, first) != (ssize_t)hello.len) {
		abort();
	}
	buf_free(&hello);
}

/* Changes the parts of a good payload. Names end in what must come of them. */
struct change {
	const char *what;
	bool good, muxer;
	void (*make)(struct parts *p, const struct noise *peer, const struct noise *victim);
};

static uint8_t key_bytes[64];

#define CHANGE(name) static void name(struct parts *p, const struct noise *peer, const struct noise *victim)
#define UNUSED (void)p, (void)peer, (void)victim

CHANGE(nothing) { UNUSED; }
CHANGE(no_muxers) { UNUSED; p->muxers = false; }
CHANGE(empty_muxers) { UNUSED; p->muxer[0] = NULL; }
CHANGE(second_muxer) { UNUSED; p->muxer[0] = "/mplex/6.7.0"; p->muxer[1] = "/yamux/1.0.0"; }
CHANGE(other_muxer) { UNUSED; p->muxer[0] = "/mplex/6.7.0"; }
CHANGE(longer_muxer) { UNUSED; p->muxer[0] = "/yamux/1.0.0\n"; }
CHANGE(shorter_muxer) { UNUSED; p->muxer[0] = "/yamux/1.0"; }
CHANGE(muxer_and_nul) { UNUSED; p->behind = "\x22\x0f\x12\x0d/yamux/1.0.0"; p->n_behind = 17; } /* with the NUL */
CHANGE(other_signer) { UNUSED; p->signer = &identity[0]; }
CHANGE(other_static) { UNUSED; p->said[sizeof p->said - 1] ^= 1; }
CHANGE(ephemeral) { UNUSED; memcpy(p->said + sizeof proved - 1, peer->e_public, NOISE_KEY); }
CHANGE(victims_static) { UNUSED; memcpy(p->said + sizeof proved - 1, victim->s_public, NOISE_KEY); }
CHANGE(no_prefix) { UNUSED; memmove(p->said, p->said + sizeof proved - 1, NOISE_KEY); p->n_said = NOISE_KEY; }
CHANGE(other_prefix) { UNUSED; p->said[0] = 'N'; }
CHANGE(no_signature) { UNUSED; p->n_signature = 0; }
CHANGE(short_signature) { UNUSED; p->n_signature = KEY_SIGNATURE - 1; }
CHANGE(long_signature) { UNUSED; p->n_signature = KEY_SIGNATURE + 1; }
CHANGE(no_key) { UNUSED; p->n_key = 0; }
CHANGE(cut_key) { UNUSED; p->n_key--; }
CHANGE(longer_key) { UNUSED; p->n_key += 2; } /* a field 3 */
CHANGE(rsa_key) { UNUSED; key_bytes[1] = 0; }
CHANGE(other_key) { UNUSED; key_bytes[20] ^= 1; }
CHANGE(largest) { UNUSED; p->padding = SECURE_MAX_PAYLOAD - 120; }
CHANGE(too_large) { UNUSED; p->padding = SECURE_MAX_PAYLOAD - 119; }
CHANGE(unknown) { UNUSED; p->behind = "\x78\x05\x51" "12345678" "\x55" "1234\x1a\x01x"; p->n_behind = 19; }
CHANGE(bad_wire) { UNUSED; p->behind = "\x7b"; p->n_behind = 1; }
CHANGE(number_zero) { UNUSED; p->behind = "\x02\x00"; p->n_behind = 2; }
CHANGE(cut) { UNUSED; p->behind = "\x7a\x05" "abc"; p->n_behind = 5; }
CHANGE(huge) { UNUSED; p->behind = "\x7a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"; p->n_behind = 11; }
CHANGE(key_again) { UNUSED; p->behind = "\x0a\x00"; p->n_behind = 2; }
CHANGE(signature_again) { UNUSED; p->behind = "\x12\x00"; p->n_behind = 2; }
CHANGE(bad_extension) { UNUSED; p->behind = "\x22\x02\x12\x05"; p->n_behind = 4; }

CHANGE(reordered_key)
{
	UNUSED;
	memcpy(key_bytes, "\x12\x20", 2);
	memcpy(key_bytes + 2, identity[1].public.bytes, KEY_PUBLIC);
	memcpy(key_bytes + 34, "\x08\x01", 2);
}

CHANGE(long_type)
{
	UNUSED;
	memcpy(key_bytes, "\x08\x81\x00\x12\x20", 5);
	memcpy(key_bytes + 5, identity[1].public.bytes, KEY_PUBLIC);
	p->n_key = 37;
}

/* The point of order 1, for which R = 1 and S = 0 is a signature of anything, by the equation. */
CHANGE(small_key)
{
	static const struct key none;

	UNUSED;
	memset(key_bytes + 4, 0, KEY_PUBLIC);
	key_bytes[4] = 1;
	p->signer = &none;
	p->n_signature = 0;
	p->behind = "\x12\x40\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
	    "\0\0\0\0\0\0\0\0";
	p->n_behind = 66;
}

static const struct change changes[] = {
	{ "what libp2p sends", true, true, nothing }, { "no muxers", true, false, no_muxers },
	{ "no muxer in the list", true, false, empty_muxers }, { "another muxer before", true, true, second_muxer },
	{ "unknown fields", true, true, unknown }, { "4096 bytes", true, true, largest },
	{ "only another muxer", false, false, other_muxer }, { "a muxer that begins so", false, false, longer_muxer },
	{ "one that is its beginning", false, false, shorter_muxer }, { "one with a NUL", false, false, muxer_and_nul },
	{ "a signature by another key", false, false, other_signer }, { "one over another static key", false, false, other_static },
	{ "one over the ephemeral key", false, false, ephemeral }, { "one over the other's static key", false, false, victims_static },
	{ "one over the key alone", false, false, no_prefix }, { "one over another text", false, false, other_prefix },
	{ "no signature", false, false, no_signature }, { "a cut one", false, false, short_signature },
	{ "a longer one", false, false, long_signature }, { "no key", false, false, no_key }, { "a cut key", false, false, cut_key },
	{ "a key with a field more", false, false, longer_key }, { "an RSA key, as it says", false, false, rsa_key },
	{ "another key", false, false, other_key }, { "a key in another order", false, false, reordered_key },
	{ "a key with a longer number", false, false, long_type }, { "a key of small order", false, false, small_key },
	{ "4097 bytes", false, false, too_large }, { "a field of type 3", false, false, bad_wire },
	{ "a field 0", false, false, number_zero }, { "a field that is cut", false, false, cut },
	{ "a field of 2^64 - 1 bytes", false, false, huge }, { "an empty key behind", false, false, key_again },
	{ "an empty signature behind", false, false, signature_again }, { "extensions that are cut", false, false, bad_extension },
};

static void
good_parts(struct parts *p, const struct noise *peer)
{
	*p = (struct parts){ .key = key_bytes, .n_key = PEERID_PROTO, .signer = &identity[1], .n_said = sizeof p->said,
	    .n_signature = KEY_SIGNATURE, .muxers = true, .muxer = { "/yamux/1.0.0" } };
	peerid_pack_key(key_bytes, identity[1].public.bytes);
	memcpy(key_bytes + PEERID_PROTO, "\x18\x00", 2);
	memcpy(p->said, proved, sizeof proved - 1);
	memcpy(p->said + sizeof proved - 1, peer->s_public, NOISE_KEY);
}

static void
check_payloads(void)
{
	struct buf payload = { 0 }, first = { 0 };
	struct secure s;
	struct noise peer;
	struct parts p;

	for (size_t i = 0; i < sizeof changes / sizeof *changes; i++)
		for (int victim = 0; victim < SIDES; victim++) {
			const struct change *c = &changes[i];
			meet(&s, victim, &peer, &first);
			good_parts(&p, &peer);
			c->make(&p, &peer, &s.noise);
			make_payload(&payload, &p);
			bool good = believes(&s, victim, &peer, &payload, &first);
			tap_ok(good == c->good && (!good || s.muxer == c->muxer), "%s, to the %s: %s", c->what,
			    victim == 0 ? "initiator" : "responder", good ? "believed" : err_reason());
		}
	meet(&s, 0, &peer, &first);
	payload.len = 0;
	tap_ok(!believes(&s, 0, &peer, &payload, &first), "nothing at all: %s", err_reason());
	buf_free(&payload);
	buf_free(&first);
}

/* The first message is not secret, and nothing that is proved yet: it says nothing. */
static void
check_first_payload(void)
{
	struct secure s;
	struct noise peer;
	struct buf wire = { 0 }, answer = { 0 };

	noise_begin(&peer, true, "", 0);
	if (secure_begin(&s, false, &identity[0], NULL, &answer) < 0 || buf_add(&wire, "\0\x21", 2) < 0 || noise_write(&peer, &wire, "x", 1) < 0)
		abort();
	tap_ok(secure_handshake(&s, wire.data, wire.len, &answer) == -1 && answer.len == 0, "the first message is empty: %s", err_reason());
	buf_free(&wire);
	buf_free(&answer);
}

/* The payload of a real peer, which it has sent to somebody in the middle, who passes it on in a handshake of his own. */
static void
check_middle(void)
{
	struct secure s;
	struct noise peer;
	struct buf payload = { 0 }, first = { 0 };

	for (int victim = 0; victim < SIDES; victim++) {
		struct noise reader = begun[victim == 0 ? 1 : 2][victim].noise; /* as the one who was spoken to read it */
		int i = victim == 0 ? 1 : 2;
		payload.len = 0;
		if (noise_read(&reader, message[i].data + SECURE_LENGTH, message[i].len - SECURE_LENGTH, &payload) < 0)
			abort();
		meet(&s, victim, &peer, &first);
		tap_ok(!believes(&s, victim, &peer, &payload, &first) && !s.done, "a payload that is passed on to the %s: %s",
		    victim == 0 ? "initiator" : "responder", err_reason());
	}
	buf_free(&payload);
	buf_free(&first);
}

/* Whom a side wants, and whom it gets. */
static void
check_expected(void)
{
	struct peerid want = peerid_of_key(identity[0].public.bytes);
	struct peerid hashed = { .n = 34, .bytes = { 0x12, 32 } };

	crypto_hash_sha256(hashed.bytes + 2, begun[0][0].expected.bytes + 2, PEERID_PROTO);
	for (int k = 0; k < SIDES; k++) {
		struct secure s = begun[1 + k][k];
		const struct buf *m = &message[1 + k];
		struct buf answer = { 0 };
		s.expected = k == 0 ? want : peerid_of_key(identity[1].public.bytes);
		ssize_t took = secure_handshake(&s, m->data, m->len, &answer);
		tap_ok(took == -1 && !s.done && answer.len == 0, "another than who was wanted: %s", err_reason());
		s = begun[1 + k][k];
		s.expected.n = 0;
		tap_ok(secure_handshake(&s, m->data, m->len, &answer) > 0 && s.done, "anybody is wanted");
		s = begun[1 + k][k];
		s.expected.bytes[s.expected.n - 1] ^= 1;
		answer.len = 0;
		tap_ok(secure_handshake(&s, m->data, m->len, &answer) == -1 && answer.len == 0, "a PeerId that is other in its last bit");
		s = begun[1 + k][k];
		s.expected = hashed;
		tap_ok(secure_handshake(&s, m->data, m->len, &answer) == -1 && answer.len == 0, "nor is the hash of a key its PeerId");
		buf_free(&answer);
	}
}

/* ---- messages behind the handshake ---- */

/* Takes what has come to `wire` apart, to the last whole message. */
static bool
take(struct secure *s, struct buf *wire, struct buf *got, size_t *messages)
{
	uint8_t *plain;
	size_t n, at = 0;
	ssize_t took;

	while ((took = secure_open(s, wire->data + at, wire->len - at, &plain, &n)) > 0) {
		if (n > NOISE_MAX_PLAIN || buf_add(got, plain, n) < 0)
			return false;
		at += (size_t)took;
		++*messages;
	}
	buf_shift(wire, at);
	return took == 0;
}

/* `size` bytes in puts and pieces of any size. */
static bool
comes_through(struct secure *from, struct secure *to, size_t size, size_t *messages)
{
	uint8_t *data = malloc(size + 1);
	struct buf sent = { 0 }, wire = { 0 }, got = { 0 };
	bool good = true;

	randombytes_buf(data, size);
	for (size_t at = 0, some; at < size; at += some) {
		some = 1 + randombytes_uniform((uint32_t)(size - at < 70000 ? size - at : 70000));
		good = good && secure_put(from, &sent, data + at, some) == 0;
		if (randombytes_uniform(4) == 0)
			good = good && secure_flush(from, &sent) == 0;
	}
	good = good && secure_flush(from, &sent) == 0 && secure_flush(from, &sent) == 0;
	for (size_t at = 0, some; good && at < sent.len; at += some) {
		some = 1 + randombytes_uniform((uint32_t)(sent.len - at < 100000 ? sent.len - at : 100000));
		good = buf_add(&wire, sent.data + at, some) == 0 && take(to, &wire, &got, messages);
	}
	good = good && wire.len == 0 && got.len == size && (size == 0 || memcmp(got.data, data, size) == 0);
	free(data);
	buf_free(&sent);
	buf_free(&wire);
	buf_free(&got);
	return good;
}

static void
check_bytes(void)
{
	static const size_t sizes[] = { 0, 1, 2, 15, 16, 17, 65518, 65519, 65520, 65535, 65536, 131038, 131039, 200000 };
	struct secure s[SIDES];
	size_t messages = 0;
	int wrong = 0;

	memcpy(s, begun[NOISE_MESSAGES], sizeof s);
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
		for (int k = 0; k < SIDES; k++)
			wrong += !comes_through(&s[k], &s[1 - k], sizes[i], &messages);
	for (int i = 0; i < 60; i++)
		wrong += !comes_through(&s[i % 2], &s[1 - i % 2], randombytes_uniform(200001), &messages);
	tap_ok(wrong == 0, "0 to 200000 bytes come through, both ways, in %zu messages", messages);
}

/* Messages are as full as can be, and none is empty. */
static void
check_full(void)
{
	static uint8_t data[2 * NOISE_MAX_PLAIN + 1];
	struct secure s[SIDES];
	struct buf out = { 0 };
	uint8_t *plain;
	size_t n;

	memcpy(s, begun[NOISE_MESSAGES], sizeof s);
	tap_ok(secure_flush(&s[0], &out) == 0 && out.len == 0, "nothing to send is no message");
	tap_ok(secure_put(&s[0], &out, data, sizeof data) == 0 && secure_flush(&s[0], &out) == 0 &&
	    out.len == sizeof data + 3 * (SECURE_LENGTH + NOISE_TAG), "messages are full");
	tap_ok(memcmp(out.data, "\xff\xff", 2) == 0 && secure_open(&s[1], out.data, out.len, &plain, &n) == SECURE_LENGTH + NOISE_MAX &&
	    n == NOISE_MAX_PLAIN && plain == out.data + SECURE_LENGTH, "one of %d bytes", NOISE_MAX_PLAIN);
	buf_shift(&out, SECURE_LENGTH + NOISE_MAX);
	tap_ok(secure_open(&s[1], out.data, SECURE_LENGTH + NOISE_MAX - 1, &plain, &n) == 0, "not before its last byte is there");
	buf_free(&out);
}

enum { SENT = 3, PLAIN = 30, WIRE = SECURE_LENGTH + PLAIN + NOISE_TAG };

static ssize_t
opens(struct secure *s, const uint8_t *data, size_t n)
{
	uint8_t *copy = malloc(n ? n : 1), *plain;
	size_t n_plain;

	memcpy(copy, data, n);
	ssize_t took = secure_open(s, copy, n, &plain, &n_plain);
	free(copy);
	return took;
}

/* Each bit, cut, and order of three messages. The side that has refused one opens no other. */
static void
check_messages(void)
{
	struct secure s[SIDES], reader;
	struct buf out = { 0 };
	int wrong = 0, n = 0;

	memcpy(s, begun[NOISE_MESSAGES], sizeof s);
	for (int i = 0; i < SENT; i++)
		if (secure_put(&s[0], &out, "thirty bytes that are sent off", PLAIN) < 0 || secure_flush(&s[0], &out) < 0)
			abort();
	for (size_t at = 0; at < WIRE; at++)
		for (int bit = 0; bit < 8; bit++, n++) {
			reader = s[1];
			out.data[at] ^= (uint8_t)(1 << bit);
			ssize_t took = opens(&reader, out.data, out.len);
			wrong += took > 0 || (took == 0 && at >= SECURE_LENGTH); /* a longer message is waited for */
			out.data[at] ^= (uint8_t)(1 << bit);
			for (int i = 0; took < 0 && i < SENT; i++) {
				struct secure copy = reader;
				wrong += opens(&copy, out.data + i * WIRE, WIRE) >= 0;
			}
		}
	tap_ok(wrong == 0, "none of %d bits may be another, and after it nothing is opened", n);
	for (size_t cut = 0; cut < WIRE; cut++) {
		reader = s[1];
		wrong += opens(&reader, out.data, cut) != 0 || opens(&reader, out.data, WIRE) != WIRE;
	}
	tap_ok(wrong == 0, "a message that is cut is waited for");
	for (int first = 0; first < SENT; first++)
		for (int second = 0; second < SENT; second++) {
			reader = s[1];
			bool good = opens(&reader, out.data + first * WIRE, WIRE) == WIRE;
			wrong += good != (first == 0);
			wrong += (opens(&reader, out.data + second * WIRE, WIRE) == WIRE) != (good && second == 1);
		}
	reader = s[0];
	wrong += opens(&reader, out.data, WIRE) >= 0;
	tap_ok(wrong == 0, "again, out of order, or reflected, one is refused: %s", err_reason());
	reader = s[1];
	tap_ok(opens(&reader, (const uint8_t *)"\0\0", 2) == -1 && opens(&reader, out.data, WIRE) == -1, "a message of nothing: %s", err_reason());
	buf_free(&out);
}

static void
check_wipe(void)
{
	struct secure s = begun[NOISE_MESSAGES][0];

	secure_wipe(&s);
	tap_ok(sodium_is_zero((const uint8_t *)&s, sizeof s), "what is wiped is gone");
}

/* ---- a session that was recorded ---- */

/* All that went in one direction, behind what was said on the bare connection. */
static struct buf
recorded(const json_t *session, const char *direction, size_t bare)
{
	struct buf all = { 0 };
	json_t *v;
	size_t i;

	json_array_foreach(json_object_get(session, "io"), i, v) {
		struct buf b = hex(json_string_value(json_array_get(v, 1)));
		if (strcmp(json_string_value(json_array_get(v, 0)), direction) == 0 && buf_add(&all, b.data, b.len) < 0)
			abort();
		buf_free(&b);
	}
	buf_shift(&all, bare);
	return all;
}

/* The initiator that was recorded: its identity and its keys. Its first message goes to `out`. */
static void
begin_recorded(struct secure *s, struct key *k, const json_t *session, struct buf *out)
{
	uint8_t seed[KEY_SEED], static_key[NOISE_KEY], ephemeral[NOISE_KEY];

	if (!hex_to(seed, sizeof seed, vectors_text(session, "identitySeed")) ||
	    !hex_to(static_key, sizeof static_key, vectors_text(session, "staticPriv")) ||
	    !hex_to(ephemeral, sizeof ephemeral, vectors_text(session, "ephemeralPriv")))
		abort();
	crypto_sign_seed_keypair(k->public.bytes, k->secret, seed);
	if (secure_begin(s, true, k, NULL, out) < 0)
		abort();
	out->len = 0; /* with keys of its own, again */
	noise_begin(&s->noise, true, "", 0);
	noise_set_keys(&s->noise, static_key, ephemeral);
	if (buf_add(out, "\0\x20", 2) < 0 || noise_write(&s->noise, out, "", 0) < 0)
		abort();
}

/* What was sent, sealed again from its plain bytes, is the same. */
static bool
seals_again(struct secure *s, struct buf *sent)
{
	struct secure reader = { .receive = s->send };
	struct buf again = { 0 }, was = { 0 };
	uint8_t *plain;
	size_t n, at = 0;
	ssize_t took;

	buf_add(&was, sent->data, sent->len);
	while ((took = secure_open(&reader, sent->data + at, sent->len - at, &plain, &n)) > 0) {
		at += (size_t)took;
		if (secure_put(s, &again, plain, n) < 0 || secure_flush(s, &again) < 0)
			abort();
	}
	bool same = took == 0 && at == sent->len && again.len == was.len && memcmp(again.data, was.data, was.len) == 0;
	buf_free(&again);
	buf_free(&was);
	return same;
}

static void
check_recorded(void)
{
	json_t *session = vectors_json("libp2p/transcript-ext.json");
	struct buf sent, came, out = { 0 }, got = { 0 };
	struct secure s;
	struct key k;
	size_t messages = 0;

	if (!session)
		return;
	sent = recorded(session, "send", 28);
	came = recorded(session, "recv", 28);
	begin_recorded(&s, &k, session, &out);
	ssize_t took = secure_handshake(&s, came.data, came.len, &out);
	tap_ok(took > 0 && s.done && s.muxer && peerid_key(&s.peer), "the answer of js-libp2p is believed");
	tap_ok(out.len < sent.len && memcmp(out.data, sent.data, out.len) == 0, "and our %zu bytes are those that it took", out.len);
	buf_shift(&came, took > 0 ? (size_t)took : 0);
	buf_shift(&sent, out.len);
	tap_ok(take(&s, &came, &got, &messages) && came.len == 0 && messages > 5, "its %zu messages are opened", messages);
	tap_ok(got.len > 12 && got.data[0] == 0 && got.data[1] <= 3, "and begin with a frame of yamux");
	tap_ok(seals_again(&s, &sent), "what was sent is sealed so again");
	buf_free(&sent);
	buf_free(&came);
	buf_free(&out);
	buf_free(&got);
	json_decref(session);
}

/* The payloads that js-libp2p makes of its keys, sent by hand. */
static void
check_payload_vectors(void)
{
	json_t *all = vectors_json("libp2p/peer-ids.json"), *v;
	struct buf first = { 0 }, got = { 0 };
	size_t i;
	int n = 0, right = 0;

	json_array_foreach(all, i, v) {
		uint8_t secret[NOISE_KEY];
		struct secure s;
		struct noise peer;
		struct peerid who;
		if (!hex_to(secret, sizeof secret, vectors_text(v, "noiseStaticPriv")))
			continue;
		struct buf payload = hex(vectors_text(v, "noisePayload"));
		meet(&s, 0, &peer, &first);
		noise_set_keys(&peer, secret, peer.e_secret);
		believes(&s, 0, &peer, &payload, &first);
		n++;
		right += s.done && !s.muxer && peerid_parse(&who, vectors_text(v, "peerId"), strlen(vectors_text(v, "peerId"))) == 0 &&
		    peerid_equal(&who, &s.peer);
		buf_free(&payload);
	}
	if (all)
		tap_ok(n >= 19 && right == n, "%d of %d payloads of js-libp2p are believed", right, n);
	buf_free(&first);
	buf_free(&got);
	json_decref(all);
}

int
main(void)
{
	if (sodium_init() < 0 || key_generate(&identity[0]) < 0 || key_generate(&identity[1]) < 0)
		abort();
	check_handshake();
	check_flips();
	check_cuts();
	check_more();
	check_order();
	check_after();
	check_middle();
	check_expected();
	check_payloads();
	check_first_payload();
	check_bytes();
	check_full();
	check_messages();
	check_wipe();
	check_recorded();
	check_payload_vectors();
	for (int i = 0; i < NOISE_MESSAGES; i++)
		buf_free(&message[i]);
	return tap_done();
}
