#include "net/attach.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"
#include "base/io.h"
#include "net/conn.h"
#include "net/fd.h"
#include "net/identify.h"
#include "net/pump.h"

struct attach {
	struct node *node;
	const char *protocol; /* NULL: identify */
	int in, out;
	bool json;
	struct conn *conn;
	int rc;
	bool over;
};

static void
over(struct attach *a, int rc)
{
	if (!a->over) {
		a->over = true;
		a->rc = rc;
		loop_stop(a->node->loop);
	}
}

static void
pumped(void *arg, enum pump_end how)
{
	struct attach *a = arg;

	if (how == PUMP_DONE)
		conn_finish(a->conn);
	else
		over(a, -1);
}

static void
opened(void *arg, struct ystream *s)
{
	struct attach *a = arg;

	if (!s || !pump_new(a->node->loop, s, a->in, a->out, &(struct pump_owner){ pumped, a, true }))
		over(a, -1);
}

/* ---- identify ---- */

static json_t *
address_list(const struct identity *id)
{
	json_t *list = json_array();
	char text[MULTIADDR_TEXT];

	for (size_t i = 0; i < id->n_addresses; i++)
		json_array_append_new(list, json_string(multiaddr_text(&id->address[i], text)));
	return list;
}

static json_t *
protocol_list(const struct identity *id)
{
	json_t *list = json_array();

	for (size_t i = 0; i < id->n_protocols; i++)
		json_array_append_new(list, json_string(id->protocol[i]));
	return list;
}

static void
print_json(const struct attach *a, const struct identity *id)
{
	char peer[PEERID_TEXT], seen[MULTIADDR_TEXT] = "";
	json_t *all = json_pack("{s:s, s:s, s:s, s:o, s:o, s:s, s:f}", "peer", peerid_text(conn_peer(a->conn), peer), "agent", id->agent,
	    "version", id->version, "addresses", address_list(id), "protocols", protocol_list(id), "sees_us_at",
	    id->has_observed ? multiaddr_text(&id->observed, seen) : "", "ping_ms", (double)conn_round_trip(a->conn) / 1e6);

	json_dumpf(all, stdout, JSON_COMPACT);
	putchar('\n');
	json_decref(all);
}

static void
print_lines(const struct attach *a, const struct identity *id)
{
	char peer[PEERID_TEXT], text[MULTIADDR_TEXT];

	printf("peer      %s\nagent     %s\nversion   %s\n", peerid_text(conn_peer(a->conn), peer), id->agent, id->version);
	for (size_t i = 0; i < id->n_addresses; i++)
		printf("address   %s\n", multiaddr_text(&id->address[i], text));
	for (size_t i = 0; i < id->n_protocols; i++)
		printf("protocol  %s\n", id->protocol[i]);
	if (id->has_observed)
		printf("sees us   %s\n", multiaddr_text(&id->observed, text));
	printf("ping      %.2f ms\n", (double)conn_round_trip(a->conn) / 1e6);
}

static void
heard(void *arg, const struct identity *id)
{
	struct attach *a = arg;

	if (id)
		(a->json ? print_json : print_lines)(a, id);
	over(a, id ? 0 : -1);
}

/* ---- the connection ---- */

static void
ready(void *arg, struct conn *c)
{
	struct attach *a = arg;

	if ((a->protocol ? conn_open(c, a->protocol, opened, a) : identify_ask(c, heard, a)) < 0)
		over(a, -1);
}

static void
closed(void *arg, struct conn *c)
{
	struct attach *a = arg;

	a->conn = NULL;
	over(a, conn_is_done(c) ? 0 : -1);
}

static int
run(struct attach *a, const struct multiaddr *peer)
{
	int rc = -1, status;
	char reason[512];

	if ((a->conn = conn_dial(a->node, peer, &(struct conn_owner){ ready, closed, a })) && loop_run(a->node->loop) == 0)
		rc = a->rc;
	status = err_status();
	snprintf(reason, sizeof reason, "%s", err_reason());
	node_free(a->node); /* what is left tells `a`, which goes now */
	if (rc < 0)
		err_set(status, "%s", reason);
	return rc;
}

int
attach_run(struct node *n, const struct multiaddr *peer, const char *protocol, int in, int out)
{
	struct attach a = { .node = n, .protocol = protocol, .in = in, .out = out };

	return fd_nonblocking(in) < 0 || fd_nonblocking(out) < 0 ? -1 : run(&a, peer);
}

int
attach_identify(struct node *n, const struct multiaddr *peer, bool json)
{
	struct attach a = { .node = n, .json = json };

	return run(&a, peer);
}
