/*
 * Any bytes as a choice of protocols, by either side, the first message of a stream, a chain in it, and what identify says. What is taken in
 * pieces is taken as it is whole; what was unpacked, packed again, is the same.
 */
#include <stdlib.h>
#include <string.h>

#include "base/proto.h"
#include "net/chain.h"
#include "net/hello.h"
#include "net/identify.h"
#include "net/mss.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { RESPONDER, INITIATOR, HELLO, IDENTIFY, CHAIN, KINDS };

static void
must(bool good)
{
	if (!good)
		abort();
}

/* ---- the choice of a protocol ---- */

struct heard {
	int rc;
	size_t used, at;
	struct buf out;
};

/* What comes of it in pieces that the bytes say themselves, or at once. */
static void
choose(struct heard *h, bool initiator, const uint8_t *data, size_t size, bool whole)
{
	static const char *const names[] = { "/mai/stream/1.0.0", "/a", "/yamux/1.0.0" };
	struct mss m;
	size_t end = whole ? size : 0, used;

	must(mss_begin(&m, initiator, names, 3, &h->out) == 0);
	do {
		if (end < size)
			end += 1 + data[end] % 7u < size - end ? 1 + data[end] % 7u : size - end;
		uint8_t *exact = malloc(end - h->used + 1); /* a sanitizer sees its end, one byte off: it may be of none */
		must(exact != NULL);
		memcpy(exact + 1, data + h->used, end - h->used);
		h->rc = mss_take(&m, exact + 1, end - h->used, &used, &h->out);
		must(used <= end - h->used);
		free(exact);
		h->used += used;
	} while (h->rc == 0 && end < size);
	h->at = m.at;
	must(h->rc <= 0 || m.at < 3);
	must(m.at <= MSS_MAX_OFFERS + 1u);
}

static void
try_choice(bool initiator, const uint8_t *data, size_t size)
{
	struct heard a = { 0 }, b = { 0 };

	choose(&a, initiator, data, size, true);
	choose(&b, initiator, data, size, false);
	must(a.rc == b.rc && a.used == b.used && a.at == b.at && a.out.len == b.out.len && memcmp(a.out.data, b.out.data, a.out.len) == 0);
	buf_free(&a.out);
	buf_free(&b.out);
}

/* ---- the first message ---- */

static void
try_hello(const uint8_t *data, size_t size)
{
	struct hello h, again;
	struct buf b = { 0 };
	ssize_t n = hello_unpack(&h, data, size);

	must(n <= (ssize_t)size && n <= HELLO_MAX + 2);
	for (size_t cut = 0; n > 0 && cut < (size_t)n; cut++)
		must(hello_unpack(&again, data, cut) == 0);
	if (n > 0 && h.chain.len < HELLO_MAX - 64) { /* what is packed has all fields, and may be longer */
		must(hello_pack(&b, &h) == 0 && hello_unpack(&again, b.data, b.len) == (ssize_t)b.len);
		must(h.sequences == again.sequences && h.frames == again.frames && h.back == again.back && stream_dtype_name(h.back));
		must(h.chain.len == again.chain.len && (h.chain.len == 0 || memcmp(h.chain.data, again.chain.data, h.chain.len) == 0));
		hello_free(&again);
	}
	if (n > 0)
		hello_free(&h);
	buf_free(&b);
}

/* Nobody can sign for another: what is taken is the seed, which its client has signed. */
static void
try_chain(const uint8_t *data, size_t size)
{
	struct chain c;

	if (chain_unpack(&c, data, size) == 0)
		must(c.n >= 2 && c.n <= CHAIN_PEERS);
}

/* ---- identify ---- */

static bool
is_text(const char *s)
{
	size_t n = 0;

	for (; n < IDENTIFY_MAX_TEXT && s[n]; n++)
		if (s[n] < ' ' || s[n] > '~')
			return false;
	return n < IDENTIFY_MAX_TEXT;
}

static void
put_address(struct buf *to, uint32_t field, const struct multiaddr *a)
{
	struct buf bytes = { 0 };

	must(multiaddr_pack(&bytes, a) == 0 && proto_put(to, field, bytes.data, bytes.len) == 0);
	buf_free(&bytes);
}

static void
put_text(struct buf *to, uint32_t field, const char *text)
{
	must(proto_put(to, field, text, strlen(text)) == 0);
}

/* The message that says what was understood. */
static void
pack(struct buf *to, const struct identity *id)
{
	uint8_t key[PEERID_PROTO];

	if (id->peer.n > 0) {
		must(peerid_key(&id->peer) != NULL);
		peerid_pack_key(key, peerid_key(&id->peer));
		must(proto_put(to, 1, key, sizeof key) == 0);
	}
	for (size_t i = 0; i < id->n_addresses; i++)
		put_address(to, 2, &id->address[i]);
	for (size_t i = 0; i < id->n_protocols; i++)
		put_text(to, 3, id->protocol[i]);
	if (id->has_observed)
		put_address(to, 4, &id->observed);
	put_text(to, 5, id->version);
	put_text(to, 6, id->agent);
}

static void
try_identify(const uint8_t *data, size_t size)
{
	static struct identity id, again;
	struct buf one = { 0 }, two = { 0 };

	if (identify_unpack(&id, data, size) < 0)
		return;
	must(id.n_addresses <= NODE_MAX_ADDRESSES && id.n_protocols <= IDENTIFY_MAX_PROTOCOLS && is_text(id.agent) && is_text(id.version));
	for (size_t i = 0; i < id.n_protocols; i++)
		must(is_text(id.protocol[i]));
	pack(&one, &id);
	must(identify_unpack(&again, one.data, one.len) == 0);
	pack(&two, &again);
	must(one.len == two.len && memcmp(one.data, two.data, one.len) == 0);
	must(again.n_addresses == id.n_addresses && again.n_protocols == id.n_protocols && again.has_observed == id.has_observed);
	buf_free(&one);
	buf_free(&two);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1)
		return 0;
	switch (data[0] % KINDS) {
	case RESPONDER:
	case INITIATOR:
		try_choice(data[0] % KINDS == INITIATOR, data + 1, size - 1);
		break;
	case HELLO:
		try_hello(data + 1, size - 1);
		break;
	case IDENTIFY:
		try_identify(data + 1, size - 1);
		break;
	case CHAIN:
		try_chain(data + 1, size - 1);
		break;
	}
	return 0;
}
