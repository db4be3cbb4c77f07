/*
 * Any bytes from a peer, before its handshake, in it, and after it; and whole messages cut anywhere.
 *
 * The first byte says what the others are. Chance is the same for each input, so that what is found is found again.
 */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/proto.h"
#include "net/secure.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { TO_RESPONDER, TO_INITIATOR, PAYLOAD_TO_RESPONDER, PAYLOAD_TO_INITIATOR, MESSAGES, PIECES, EDITS, KINDS };
enum { SIDES = 2 };
static struct key identity[SIDES];

static void
must(bool good)
{
	if (!good)
		abort();
}

/* ---- chance that is the same each time ---- */

static uint64_t chance;

static const char *
chance_name(void)
{
	return "counted";
}

static void
chance_bytes(void *to, size_t n)
{
	uint8_t seed[randombytes_SEEDBYTES] = { 0 };

	chance++;
	memcpy(seed, &chance, sizeof chance);
	randombytes_buf_deterministic(to, n, seed);
}

static uint32_t
chance_number(void)
{
	uint32_t x;

	chance_bytes(&x, sizeof x);
	return x;
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static struct randombytes_implementation counted = { .implementation_name = chance_name, .random = chance_number,
	    .buf = chance_bytes };

	(void)argc;
	(void)argv;
	must(randombytes_set_implementation(&counted) == 0 && sodium_init() >= 0);
	for (int k = 0; k < SIDES; k++)
		must(key_generate(&identity[k]) == 0);
	return 0;
}

/* ---- what a peer says ---- */

static void
begin(struct secure *s, int side, struct buf *out)
{
	struct peerid other = peerid_of_key(identity[1 - side].public.bytes);

	must(secure_begin(s, side == 0, &identity[side], &other, out) == 0);
}

/* Messages as they come, for as long as they are taken. Nobody comes to an end of a handshake with them. */
static void
say(int to, const uint8_t *data, size_t size)
{
	struct secure s;
	struct buf out = { 0 };
	ssize_t took;

	begin(&s, to, &out);
	while ((took = secure_handshake(&s, data, size, &out)) > 0) {
		must((size_t)took <= size && !s.done);
		data += took;
		size -= (size_t)took;
	}
	must(!s.done);
	buf_free(&out);
}

/*
 * A payload in a handshake that is right otherwise. Its first byte: does a proof of the key go before? Whoever is believed
 * has proved it.
 */
static void
say_payload(int to, const uint8_t *data, size_t size)
{
	static const char proved[] = "noise-libp2p-static-key:";
	struct secure s;
	struct noise peer;
	struct buf out = { 0 }, said = { 0 }, payload = { 0 }, none = { 0 };
	uint8_t key[PEERID_PROTO], signature[KEY_SIGNATURE];
	const struct peerid who = peerid_of_key(identity[1 - to].public.bytes);
	bool proves = size > 0 && data[0] & 1;

	must(secure_begin(&s, to == 0, &identity[to], NULL, &out) == 0); /* anybody: the proof alone counts */
	noise_begin(&peer, to == 1, "", 0);
	must(buf_add(&said, proved, sizeof proved - 1) == 0 && buf_add(&said, peer.s_public, NOISE_KEY) == 0);
	key_sign(signature, &identity[1 - to], said.data, said.len);
	peerid_pack_key(key, identity[1 - to].public.bytes);
	if (proves)
		must(proto_put(&payload, 1, key, sizeof key) == 0 && proto_put(&payload, 2, signature, sizeof signature) == 0);
	if (size > 1)
		must(buf_add(&payload, data + 1, size - 1) == 0);
	said.len = 0;
	must(buf_addc(&said, 0) == 0 && buf_addc(&said, NOISE_KEY) == 0);
	if (to == 1) {
		must(noise_write(&peer, &said, "", 0) == 0 && secure_handshake(&s, said.data, said.len, &out) == (ssize_t)said.len);
		said.len = 2;
	}
	must(noise_read(&peer, out.data + 2, out.len - 2, &none) == 0);
	if (payload.len > NOISE_MAX - 200)
		payload.len = NOISE_MAX - 200;
	must(noise_write(&peer, &said, payload.data ? payload.data : (const uint8_t *)"", payload.len) == 0);
	said.data[0] = (uint8_t)((said.len - 2) >> 8);
	said.data[1] = (uint8_t)((said.len - 2) & 0xff);
	ssize_t took = secure_handshake(&s, said.data, said.len, &out);
	must((took == (ssize_t)said.len || took == -1) && (took > 0) == s.done && (!s.done || (proves && peerid_equal(&s.peer, &who))));
	buf_free(&out);
	buf_free(&said);
	buf_free(&payload);
	buf_free(&none);
}

/* ---- behind a handshake ---- */

static void
meet(struct secure s[SIDES])
{
	struct buf one = { 0 }, two = { 0 }, three = { 0 };

	begin(&s[1], 1, &one);
	begin(&s[0], 0, &one);
	must(secure_handshake(&s[1], one.data, one.len, &two) > 0 && secure_handshake(&s[0], two.data, two.len, &three) > 0 && s[0].done);
	must(secure_handshake(&s[1], three.data, three.len, &one) > 0 && s[1].done);
	buf_free(&one);
	buf_free(&two);
	buf_free(&three);
}

/* None of it is the peer's. */
static void
say_messages(const uint8_t *data, size_t size)
{
	struct secure s[SIDES];
	uint8_t *copy = malloc(size + 1), *plain;
	size_t n;

	meet(s);
	must(copy != NULL);
	memcpy(copy, data, size);
	must(secure_open(&s[0], copy, size, &plain, &n) <= 0);
	free(copy);
}

/* The data, put in parts and taken in pieces that it says itself, is the same. */
static void
say_pieces(const uint8_t *data, size_t size)
{
	struct secure s[SIDES];
	struct buf out = { 0 }, wire = { 0 }, got = { 0 };
	uint8_t *plain;
	size_t n, at = 0, some;
	ssize_t took;

	meet(s);
	for (size_t i = 0; i < size; i += some) {
		some = 1 + data[i] % 16;
		if (some > size - i)
			some = size - i;
		must(secure_put(&s[0], &out, data + i, some) == 0);
		if (data[i] >= 0xc0)
			must(secure_flush(&s[0], &out) == 0);
	}
	must(secure_flush(&s[0], &out) == 0);
	for (size_t i = 0; at < out.len; at += some, i++) {
		some = 1 + data[i % size];
		if (some > out.len - at)
			some = out.len - at;
		must(buf_add(&wire, out.data + at, some) == 0);
		while ((took = secure_open(&s[1], wire.data, wire.len, &plain, &n)) > 0) {
			must(buf_add(&got, plain, n) == 0);
			buf_shift(&wire, (size_t)took);
		}
		must(took == 0);
	}
	must(wire.len == 0 && got.len == size && (size == 0 || memcmp(got.data, data, size) == 0));
	buf_free(&out);
	buf_free(&wire);
	buf_free(&got);
}

/* ---- a handshake with changes ---- */

/* Three bytes a change: where, two bytes, and what is added to the byte there. Was anything changed? */
static bool
edit(struct buf *m, const uint8_t **data, size_t *size)
{
	struct buf was = { 0 };
	bool changed;

	must(buf_add(&was, m->data, m->len) == 0);
	for (; *size >= 3 && (*data)[0] < 0x80; *data += 3, *size -= 3)
		m->data[(size_t)((*data)[0] << 8 | (*data)[1]) % m->len] ^= (*data)[2];
	if (*size > 0) { /* the end of the changes to this message */
		++*data;
		--*size;
	}
	changed = memcmp(was.data, m->data, m->len) != 0;
	buf_free(&was);
	return changed;
}

/* Who has got a message that was changed does not believe its answer, or is not believed. */
static void
say_edits(const uint8_t *data, size_t size)
{
	struct secure s[SIDES];
	struct buf m[4] = { 0 };
	bool changed = false;

	begin(&s[1], 1, &m[0]);
	begin(&s[0], 0, &m[0]);
	for (int i = 0; i < NOISE_MESSAGES; i++) {
		changed |= edit(&m[i], &data, &size);
		ssize_t took = secure_handshake(&s[1 - i % 2], m[i].data, m[i].len, &m[i + 1]);
		must(took > 0 ? took <= (ssize_t)m[i].len && (i == 0 || !changed) : changed);
		must(s[1 - i % 2].done == (i > 0 && took > 0));
		if (took <= 0)
			break;
	}
	must(s[1].done == !changed);
	for (int i = 0; i < 4; i++)
		buf_free(&m[i]);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1)
		return 0;
	chance = 1000;
	switch (data[0] % KINDS) {
	case TO_RESPONDER:
	case TO_INITIATOR:
		say(data[0] % KINDS == TO_INITIATOR ? 0 : 1, data + 1, size - 1);
		break;
	case PAYLOAD_TO_RESPONDER:
	case PAYLOAD_TO_INITIATOR:
		say_payload(data[0] % KINDS == PAYLOAD_TO_INITIATOR ? 0 : 1, data + 1, size - 1);
		break;
	case MESSAGES:
		say_messages(data + 1, size - 1);
		break;
	case PIECES:
		say_pieces(data + 1, size - 1);
		break;
	case EDITS:
		say_edits(data + 1, size - 1);
		break;
	}
	return 0;
}
