#include "net/chain.h"

#include <string.h>

#include "base/err.h"
#include "base/proto.h"

/* What is signed begins with this, so that no other signature of the key can be taken for one of a chain. */
static const char purpose[] = "mai-chain:";

/* Fields of the message; of what is signed in it. */
enum { SIGNED = 1, SIGNATURE = 2 };
enum { NUMBER = 1, CLIENT = 2, PEER = 3 };

static int
pack_peers(struct buf *to, const struct chain *c)
{
	struct buf address = { 0 };
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < c->n; i++) {
		address.len = 0;
		rc = multiaddr_pack(&address, &c->peer[i]);
		if (rc == 0)
			rc = proto_put(to, PEER, address.data, address.len);
	}
	buf_free(&address);
	return rc;
}

int
chain_pack(struct buf *to, const struct chain *c, const struct key *client)
{
	struct buf said = { 0 };
	uint8_t signature[KEY_SIGNATURE];
	const size_t begin = sizeof purpose - 1;
	int rc = -1;

	if (buf_add(&said, purpose, begin) == 0 && proto_put(&said, NUMBER, c->number, sizeof c->number) == 0 &&
	    proto_put(&said, CLIENT, client->public.bytes, KEY_PUBLIC) == 0 && pack_peers(&said, c) == 0) {
		key_sign(signature, client, said.data, said.len);
		rc = proto_put(to, SIGNED, said.data + begin, said.len - begin) < 0 ? -1 : proto_put(to, SIGNATURE, signature, sizeof signature);
	}
	buf_free(&said);
	return rc;
}

static int
take_peer(struct chain *c, struct proto bytes)
{
	struct multiaddr *a = &c->peer[c->n];

	if (c->n == CHAIN_PEERS)
		return err_set(ERR_DATA, "a chain of more than %d peers", CHAIN_PEERS);
	if (multiaddr_unpack(a, bytes.at, bytes.n) < 0)
		return -1;
	if ((a->host != MULTIADDR_IP4 && a->host != MULTIADDR_IP6) || !peerid_key(&a->peer))
		return err_set(ERR_DATA, "a peer of a chain without IP address and key");
	c->n++;
	return 0;
}

static int
unpack_signed(struct chain *c, struct proto p)
{
	struct proto_field f;
	bool number = false, client = false;
	int rc;

	while ((rc = proto_next(&p, &f)) > 0) {
		if (!f.is_bytes)
			continue;
		if (f.number == NUMBER && f.bytes.n == CHAIN_NUMBER) {
			memcpy(c->number, f.bytes.at, CHAIN_NUMBER);
			number = true;
		} else if (f.number == CLIENT && f.bytes.n == KEY_PUBLIC) {
			memcpy(c->client, f.bytes.at, KEY_PUBLIC);
			client = true;
		} else if (f.number == PEER && take_peer(c, f.bytes) < 0) {
			return -1;
		}
	}
	if (rc == 0 && (!number || !client || c->n < 2))
		return err_set(ERR_DATA, "a chain without number, client or peers");
	return rc;
}

static bool
is_signed(const struct chain *c, struct proto what, struct proto signature)
{
	struct buf said = { 0 };
	bool is = signature.n == KEY_SIGNATURE && buf_add(&said, purpose, sizeof purpose - 1) == 0 && buf_add(&said, what.at, what.n) == 0 &&
	    key_verifies(signature.at, c->client, said.data, said.len);

	buf_free(&said);
	return is;
}

int
chain_unpack(struct chain *c, const uint8_t *data, size_t n)
{
	struct proto p = { data, n }, what = { 0 }, signature = { 0 };
	struct proto_field f;
	int rc;

	*c = (struct chain){ 0 };
	while ((rc = proto_next(&p, &f)) > 0) {
		if (f.is_bytes && f.number == SIGNED)
			what = f.bytes;
		else if (f.is_bytes && f.number == SIGNATURE)
			signature = f.bytes;
	}
	if (rc < 0 || unpack_signed(c, what) < 0)
		return -1;
	return is_signed(c, what, signature) ? 0 : err_set(ERR_DATA, "a chain that its client has not signed");
}
