#include "net/identify.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/proto.h"
#include "base/uvarint.h"

enum { PUBLIC_KEY = 1, LISTEN_ADDRESS = 2, PROTOCOL = 3, OBSERVED = 4, VERSION = 5, AGENT = 6 };
static const char version[] = "ipfs/0.1.0", agent[] = "mai/" MAI_VERSION;

/* ---- the message ---- */

static int
put_address(struct buf *to, uint32_t field, const struct multiaddr *a)
{
	struct buf bytes = { 0 };
	int rc = multiaddr_pack(&bytes, a) < 0 ? -1 : proto_put(to, field, bytes.data, bytes.len);

	buf_free(&bytes);
	return rc;
}

int
identify_pack(struct buf *to, const struct node *n, const struct conn *c)
{
	uint8_t key[PEERID_PROTO];
	struct multiaddr from;

	peerid_pack_key(key, n->key->public.bytes);
	if (proto_put(to, PUBLIC_KEY, key, sizeof key) < 0)
		return -1;
	for (size_t i = 0; i < n->n_addresses; i++) {
		struct multiaddr a = n->address[i];
		a.peer.n = 0;
		if (put_address(to, LISTEN_ADDRESS, &a) < 0)
			return -1;
	}
	for (size_t i = 0; i < n->n_protocols; i++)
		if (proto_put(to, PROTOCOL, n->protocol[i].name, strlen(n->protocol[i].name)) < 0)
			return -1;
	if (multiaddr_parse(&from, conn_where(c)) == 0 && put_address(to, OBSERVED, &from) < 0)
		return -1;
	if (proto_put(to, VERSION, version, sizeof version - 1) < 0)
		return -1;
	return proto_put(to, AGENT, agent, sizeof agent - 1);
}

/* Text of a peer, which goes to terminals: what is not printable ASCII becomes '?'. */
static void
take_text(char to[IDENTIFY_MAX_TEXT], const struct proto *from)
{
	size_t n = from->n < IDENTIFY_MAX_TEXT - 1 ? from->n : IDENTIFY_MAX_TEXT - 1;

	for (size_t i = 0; i < n; i++)
		to[i] = from->at[i] > ' ' && from->at[i] < 127 ? (char)from->at[i] : '?';
	to[n] = '\0';
}

static void
take_field(struct identity *id, const struct proto_field *f)
{
	switch (f->number) {
	case LISTEN_ADDRESS:
		if (id->n_addresses < NODE_MAX_ADDRESSES && multiaddr_unpack(&id->address[id->n_addresses], f->bytes.at, f->bytes.n) == 0)
			id->n_addresses++;
		break;
	case PROTOCOL:
		if (id->n_protocols < IDENTIFY_MAX_PROTOCOLS)
			take_text(id->protocol[id->n_protocols++], &f->bytes);
		break;
	case OBSERVED:
		id->has_observed = multiaddr_unpack(&id->observed, f->bytes.at, f->bytes.n) == 0;
		break;
	case VERSION:
		take_text(id->version, &f->bytes);
		break;
	case AGENT:
		take_text(id->agent, &f->bytes);
		break;
	default:
		break;
	}
}

int
identify_unpack(struct identity *id, const uint8_t *data, size_t n)
{
	struct proto p = { data, n };
	struct proto_field f;
	uint8_t key[PEERID_KEY];
	int rc;

	*id = (struct identity){ 0 };
	while ((rc = proto_next(&p, &f)) > 0) {
		if (!f.is_bytes)
			continue;
		if (f.number == PUBLIC_KEY && peerid_unpack_key(key, f.bytes.at, f.bytes.n) < 0)
			return -1;
		if (f.number == PUBLIC_KEY)
			id->peer = peerid_of_key(key);
		take_field(id, &f);
	}
	return rc;
}

/* ---- answering ---- */

static void
answer(void *arg, struct conn *c, struct ystream *s)
{
	struct buf message = { 0 };
	uint8_t size[UVARINT_MAX];

	if (identify_pack(&message, arg, c) == 0 && message.len <= IDENTIFY_MAX) {
		/* a few hundred bytes: the first window holds them; where the connection is full the asker sees a short message */
		ystream_send(s, size, uvarint_put(size, message.len));
		ystream_send(s, message.data, message.len);
		ystream_finish(s);
	}
	buf_free(&message);
	s->ended = true; /* the asker sends nothing: there is no more to wait for */
	ystream_free(s);
}

int
identify_serve(struct node *n)
{
	return node_serve(n, IDENTIFY_PROTOCOL, answer, n);
}

/* ---- asking ---- */

struct question {
	void (*heard)(void *arg, const struct identity *id);
	void *arg;
	struct conn *conn;
};

static void
done(struct question *q, struct ystream *s, const struct identity *id)
{
	q->heard(q->arg, id);
	ystream_free(s);
	free(q);
}

/* Several messages may follow one another: protobuf merges them by being one. */
static int
read_messages(const struct question *q, const uint8_t *data, size_t n, struct identity *id)
{
	struct buf all = { 0 };
	uint64_t size;
	int used = 0, rc = 0;

	while (rc == 0 && n > 0) {
		used = uvarint_get(&size, data, n);
		if (used <= 0 || size > n - (size_t)used) {
			rc = err_set(ERR_DATA, "identify: a message that is cut");
			break;
		}
		rc = buf_add(&all, data + used, size);
		data += (size_t)used + size;
		n -= (size_t)used + size;
	}
	if (rc == 0)
		rc = identify_unpack(id, all.data, all.len);
	buf_free(&all);
	if (rc == 0 && id->peer.n > 0 && !peerid_equal(&id->peer, conn_peer(q->conn)))
		rc = err_set(ERR_DATA, "identify: another key than the connection's");
	return rc;
}

static void
event(void *arg, struct ystream *s)
{
	struct question *q = arg;
	struct identity *id;
	size_t n;
	const uint8_t *data = ystream_data(s, &n);

	if (s->reset || n > IDENTIFY_MAX) {
		err_set(ERR_DATA, s->reset ? "identify: the peer has reset the stream" : "identify: a message of more than 64 KiB");
		done(q, s, NULL);
	} else if (s->ended) {
		id = mem_alloc(1, sizeof *id);
		done(q, s, id && read_messages(q, data, n, id) == 0 ? id : NULL);
		free(id);
	}
}

static void
agreed(void *arg, struct ystream *s)
{
	struct question *q = arg;

	if (!s) {
		done(q, NULL, NULL);
		return;
	}
	s->event = event;
	s->arg = q;
	ystream_finish(s);
	event(q, s);
}

int
identify_ask(struct conn *c, void (*heard)(void *arg, const struct identity *id), void *arg)
{
	struct question *q = mem_alloc(1, sizeof *q);

	if (!q)
		return -1;
	*q = (struct question){ heard, arg, c };
	if (conn_open(c, IDENTIFY_PROTOCOL, agreed, q) < 0) {
		free(q);
		return -1;
	}
	return 0;
}
