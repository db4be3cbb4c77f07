/* The word of a client for a chain of peers: what it says comes out, and nothing that anybody else has made of it. */
#include <string.h>

#include "base/err.h"
#include "net/chain.h"
#include "net/hello.h"
#include "vectors.h"

static struct key client, other;

static struct chain
example(void)
{
	struct chain c = { .n = 3 };
	char text[MULTIADDR_TEXT], id[PEERID_TEXT];

	memset(c.number, 7, sizeof c.number);
	for (size_t i = 0; i < c.n; i++) {
		struct peerid p = peerid_of_key((i == 1 ? &other : &client)->public.bytes);
		snprintf(text, sizeof text, i == 2 ? "/ip6/2001:db8::%zu/tcp/4001/p2p/%s" : "/ip4/192.0.2.%zu/tcp/4001/p2p/%s", i, peerid_text(&p, id));
		if (multiaddr_parse(&c.peer[i], text) < 0)
			abort();
	}
	return c;
}

static bool
same(const struct chain *a, const struct chain *b)
{
	char one[MULTIADDR_TEXT], two[MULTIADDR_TEXT];
	bool is = a->n == b->n && memcmp(a->number, b->number, CHAIN_NUMBER) == 0;

	for (size_t i = 0; is && i < a->n; i++)
		is = strcmp(multiaddr_text(&a->peer[i], one), multiaddr_text(&b->peer[i], two)) == 0;
	return is;
}

static void
check_there_and_back(void)
{
	struct chain c = example(), back;
	struct buf b = { 0 };

	tap_ok(chain_pack(&b, &c, &client) == 0 && chain_unpack(&back, b.data, b.len) == 0 && same(&c, &back), "peers, addresses, number");
	tap_ok(memcmp(back.client, client.public.bytes, KEY_PUBLIC) == 0, "and who the client is");
	buf_free(&b);
}

/* Refuses: no chain, with a reason. */
static bool
refuses(const uint8_t *data, size_t n)
{
	struct chain back;
	uint8_t *exact = malloc(n ? n : 1);
	bool is;

	memcpy(exact, data, n);
	is = chain_unpack(&back, exact, n) < 0 && err_status() == ERR_DATA && *err_reason();
	free(exact);
	return is;
}

static void
check_damage(void)
{
	struct chain c = example();
	struct buf b = { 0 };
	size_t bits = 0, cuts = 0;

	if (chain_pack(&b, &c, &client) < 0)
		abort();
	for (size_t i = 0; i < 8 * b.len; i++) {
		b.data[i / 8] ^= (uint8_t)(1 << i % 8);
		bits += refuses(b.data, b.len);
		b.data[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	for (size_t n = 0; n < b.len; n++)
		cuts += refuses(b.data, n);
	tap_ok(bits == 8 * b.len, "%zu of %zu flipped bits are seen", bits, 8 * b.len);
	tap_ok(cuts == b.len, "%zu of %zu cuts are seen", cuts, b.len);
	buf_free(&b);
}

/* Whoever signs is the client: another can't speak for it. */
static void
check_others(void)
{
	struct chain c = example(), back;
	struct buf mine = { 0 }, theirs = { 0 }, forged = { 0 };
	const size_t signature = 2 + KEY_SIGNATURE;

	if (chain_pack(&mine, &c, &client) < 0 || chain_pack(&theirs, &c, &other) < 0)
		abort();
	tap_ok(chain_unpack(&back, theirs.data, theirs.len) == 0 && memcmp(back.client, other.public.bytes, KEY_PUBLIC) == 0,
	    "a chain that another signs is that one's");
	if (buf_add(&forged, mine.data, mine.len - signature) < 0 || buf_add(&forged, theirs.data + theirs.len - signature, signature) < 0)
		abort();
	tap_ok(refuses(forged.data, forged.len), "the signature of another under a client's words");
	c.n = 1;
	mine.len = 0;
	tap_ok(chain_pack(&mine, &c, &client) == 0 && refuses(mine.data, mine.len), "a chain of one");
	c = example();
	c.peer[1].peer = (struct peerid){ 0 };
	mine.len = 0;
	tap_ok(chain_pack(&mine, &c, &client) == 0 && refuses(mine.data, mine.len), "a peer that may be anybody");
	c = example();
	c.peer[1].host = MULTIADDR_DNS;
	snprintf(c.peer[1].name, sizeof c.peer[1].name, "example.org");
	mine.len = 0;
	tap_ok(chain_pack(&mine, &c, &client) == 0 && refuses(mine.data, mine.len), "a name, which a node would have to look up");
	buf_free(&mine);
	buf_free(&theirs);
	buf_free(&forged);
}

static void
check_hello(void)
{
	struct chain c = example();
	struct hello h = { .back = STREAM_F16, .place = 2, .forwarded = true }, back;
	struct buf b = { 0 };
	bool whole;

	c.n = CHAIN_PEERS;
	for (size_t i = 3; i < c.n; i++)
		c.peer[i] = c.peer[2];
	if (chain_pack(&h.chain, &c, &client) < 0 || hello_pack(&b, &h) < 0)
		abort();
	whole = hello_unpack(&back, b.data, b.len) == (ssize_t)b.len;
	tap_ok(whole && back.place == 2 && back.forwarded && back.back == STREAM_F16 && back.chain.len == h.chain.len &&
	    memcmp(back.chain.data, h.chain.data, h.chain.len) == 0, "the longest chain goes into a first message (%zu bytes)", b.len);
	hello_free(&back);
	hello_free(&h);
	buf_free(&b);
}

int
main(void)
{
	if (key_generate(&client) < 0 || key_generate(&other) < 0)
		return 1;
	check_there_and_back();
	check_damage();
	check_others();
	check_hello();
	return tap_done();
}
