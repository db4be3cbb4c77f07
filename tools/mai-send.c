/* mai-send: streams between peers. */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/config.h"
#include "base/err.h"
#include "base/io.h"
#include "base/mem.h"
#include "base/msg.h"
#include "base/opt.h"
#include "ledger/terms.h"
#include "net/attach.h"
#include "net/book.h"
#include "net/child.h"
#include "net/confine.h"
#include "net/exec.h"
#include "net/fd.h"
#include "net/keeper.h"
#include "net/listen.h"
#include "net/metrics.h"
#include "net/relay.h"
#include "net/serve.h"
#include "net/secure.h"
#include "net/signals.h"
#include "trust/jcs.h"
#include "trust/keylist.h"
#include "trust/pass.h"

static struct {
	struct opt_list listen;
	const char *key, *allow, *protocol, *wire, *log, *metrics, *trust, *capability, *usage;
	const char *receipts, *record;
	struct opt_list status, terms;
	int64_t credit;
	bool any, raw, identify, json, stdio, shared, zstd, direct;
	int64_t most, most_of_peer, sequences, rate;
	uint64_t journal;
	double timeout, idle, audit;
	const char *evidence;
	bool goes_on;
} o = { .most = 64, .most_of_peer = 16, .sequences = 1024, .credit = 8192, .journal = 256 << 20, .timeout = 30, .idle = 600, .evidence = "." };

static const struct opt opts[] = {
	{ 'k', "key", "FILE", OPT_STR, &o.key, 0, 0, "secret key of this side (~/.config/mai/me.key)" },
	{ 'l', "listen", "ADDRESS", OPT_LIST, &o.listen, 0, 0, "serve COMMAND at this multiaddr; may be given several times" },
	{ 0, "stdio", NULL, OPT_FLAG, &o.stdio, 0, 0, "serve COMMAND to the peer at stdin and stdout" },
	{ 'a', "allow", "FILE", OPT_STR, &o.allow, 0, 0, "serve those whose keys are in FILE" },
	{ 0, "any", NULL, OPT_FLAG, &o.any, 0, 0, "serve whoever comes" },
	{ 0, "status", "LIST", OPT_LIST, &o.status, 0, 0, "what issuers in FILE have revoked; may be given several times" },
	{ 0, "usage", "FILE", OPT_STR, &o.usage, 0, 0, "keep there how many rows each capability has used" },
	{ 0, "capability", "FILE", OPT_STR, &o.capability, 0, 0, "show this credential to peers whose lists do not have this side's key" },
	{ 0, "trust", "FILE", OPT_STR, &o.trust, 0, 0, "COMMAND may run only what is signed by a key of this list" },
	{ 0, "shared", NULL, OPT_FLAG, &o.shared, 0, 0, "one COMMAND for all, which computes their rows together" },
	{ 0, "max-streams", "N", OPT_INT, &o.most, 1, 65536, "serve at most so many streams at a time (64)" },
	{ 0, "max-peer-streams", "N", OPT_INT, &o.most_of_peer, 1, 65536, "and so many of one peer (16)" },
	{ 0, "max-sequences", "N", OPT_INT, &o.sequences, 1, STREAM_MAX_SEQUENCES, "and so many sequences of a stream (1024)" },
	{ 0, "max-rate", "N", OPT_INT, &o.rate, 0, 1e9, "and so many rows a second of a stream; 0: any (0)" },
	{ 0, "log", "json", OPT_STR, &o.log, 0, 0, "tell each event on stderr as a line of JSON" },
	{ 0, "metrics", "ADDRESS", OPT_STR, &o.metrics, 0, 0, "answer Prometheus there" },
	{ 0, "idle", "SECONDS", OPT_FLOAT, &o.idle, 0, 1e9, "end streams that are silent for so long; 0: never (600)" },
	{ 0, "wire", "TYPE", OPT_STR, &o.wire, 0, 0, "hidden states go as f32, f16, bf16 or q8 (f32: the bits stay)" },
	{ 0, "direct", NULL, OPT_FLAG, &o.direct, 0, 0, "peers pass rows on to each other; with -l: pass on, where clients ask for it" },
	{ 'z', "zstd", NULL, OPT_FLAG, &o.zstd, 0, 0, "compress frames where that makes them smaller" },
	{ 0, "journal", "SIZE", OPT_SIZE, &o.journal, 0, 0, "keep so much of what was sent in memory, the rest in a file (256M)" },
	{ 0, "timeout", "SECONDS", OPT_FLOAT, &o.timeout, 0, 1e6, "give up when no peer serves for so long (30)" },
	{ 0, "audit", "P", OPT_FLOAT, &o.audit, 0, 1, "a share P of the sequences is computed by a second replica too" },
	{ 0, "evidence", "FOLDER", OPT_STR, &o.evidence, 0, 0, "where to keep what shows that two answers differ (.)" },
	{ 0, "go-on", NULL, OPT_FLAG, &o.goes_on, 0, 0, "then go on with another replica, instead of failing" },
	{ 0, "terms", "FILE", OPT_LIST, &o.terms, 0, 0, "work is paid by these terms, a record; of a peer: by one of those given" },
	{ 0, "credit", "N", OPT_INT, &o.credit, BILL_CREDIT, 1e15, "with -l: compute so many rows that are not paid yet (8192)" },
	{ 0, "receipts", "FILE", OPT_STR, &o.receipts, 0, 0, "append receipts and vouchers to FILE, salts to FILE.salts" },
	{ 0, "record", "FOLDER", OPT_STR, &o.record, 0, 0, "keep there what is sent to peers that are paid, for audits" },
	{ 0, "raw", NULL, OPT_FLAG, &o.raw, 0, 0, "plain bytes, no mai stream" },
	{ 0, "protocol", "ID", OPT_STR, &o.protocol, 0, 0, "the protocol of --raw" },
	{ 0, "identify", NULL, OPT_FLAG, &o.identify, 0, 0, "print what PEER says of itself" },
	{ 0, "json", NULL, OPT_FLAG, &o.json, 0, 0, "with --identify: print JSON" },
	{ 0 },
};
static const struct opt_tool tool = {
	"mai-send", "[-k KEY] [--wire TYPE] PEER[,REPLICA...] [PEER...]\n"
	            "mai-send [-k KEY] -l ADDRESS (-a FILE | --any) [--shared] -- COMMAND [ARGUMENT...]\n"
	            "mai-send [-k KEY] [-l ADDRESS (-a FILE | --any)] --raw --protocol ID PEER | -- COMMAND\n"
	            "mai-send [-k KEY] --identify [--json] PEER",
	"Joins pipelines to those of peers, over libp2p.", opts,
};

enum { MAX_LISTS = 64 };

/* A peer that has replicas and is silent for so long after a question is left for one of them. */
#define PING (NODE_SECOND / 5)
#define SILENCE (NODE_SECOND * 7 / 10)
#define HANDSHAKE (3 * NODE_SECOND)

static enum stream_dtype wire = STREAM_F32;
static struct loop *loop;
static struct node node;
static struct key key;
static struct keylist allow;
static struct status_lists revoked;
static struct buf shown; /* the capability of this side */

/* ---- what all uses share ---- */

static int
read_key(void)
{
	char path[CONFIG_PATH];

	if (!o.key && access(config_file(path, "me.key"), F_OK) != 0 && errno == ENOENT)
		return err_set(ERR_SYSTEM, "%s: no such file; 'mai-sign keygen' makes one, -k names another", path);
	return key_read_secret(&key, o.key ? o.key : path, pass_ask, NULL);
}

/* Work that is paid. */
static struct bill_options bill = { .receipts = -1, .salts = -1 };

/* The id of the terms in a file. */
static int
read_terms(struct hash *id, const char *path)
{
	struct buf text = { 0 }, made = { 0 };
	struct terms t;
	struct record r;
	int rc = io_read_file(&text, path, JCS_MAX);

	while (text.len > 0 && text.data[text.len - 1] == '\n')
		text.len--;
	if (rc == 0) {
		rc = record_read(&r, (const char *)text.data, text.len, &made);
		if (rc == 0)
			rc = r.type == RECORD_TERMS ? terms_read(&t, &r) : err_set(ERR_DATA, "a %s, not terms", record_type_name(r.type));
		if (rc == 0)
			*id = t.id;
		else
			err_wrap("%s", path);
	}
	buf_free(&text);
	buf_free(&made);
	return rc;
}

static int
open_to_append(const char *path, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, mode);

	return fd < 0 ? err_sys("%s", path) : fd;
}

static int
begin_bill(void)
{
	char *salts;

	bill.key = &key;
	bill.record = o.record;
	bill.credit = (uint64_t)o.credit; /* positive */
	for (bill.n_terms = 0; bill.n_terms < o.terms.n; bill.n_terms++)
		if (read_terms(&bill.terms[bill.n_terms], o.terms.item[bill.n_terms]) < 0)
			return -1;
	if (!o.receipts)
		return 0;
	if (!(salts = mem_join(o.receipts, ".salts")))
		return -1;
	bill.receipts = open_to_append(o.receipts, 0666);
	bill.salts = bill.receipts < 0 ? -1 : open_to_append(salts, 0600);
	free(salts);
	return bill.salts < 0 ? -1 : 0;
}

static int
begin(void)
{
	if (read_key() < 0 || (o.capability && io_read_file(&shown, o.capability, SECURE_MAX_SHOWN) < 0) || !(loop = loop_new()) || node_init(&node, loop, &key) < 0)
		return -1;
	if (o.terms.n > 0 && begin_bill() < 0)
		return -1;
	node.shows = o.capability ? &shown : NULL;
	node.bursts = !o.raw;
	return 0;
}

static void
end(void)
{
	if (loop)
		node_free(&node);
	loop_free(loop);
	keylist_free(&allow);
	status_free(&revoked);
	buf_free(&shown);
	key_wipe(&key);
}

/* ---- serving ---- */

static struct multiaddr addresses[NODE_MAX_ADDRESSES]; /* of -l */
static const char *files[1 + MAX_LISTS];                /* of -a and --status */
static const char *sockets[NODE_MAX_ADDRESSES];        /* the paths of Unix sockets among them */

/* Whoever starts COMMAND, before there is a key that it could know. */
static int
begin_keeper(char **argv)
{
	size_t n = 0;

	if (o.trust && setenv("MAI_TRUST", o.trust, 1) < 0) /* the command and all that it starts refuse other models */
		return err_sys("MAI_TRUST");
	files[0] = o.allow ? o.allow : "";
	for (size_t i = 0; i < o.status.n; i++)
		files[1 + i] = o.status.item[i];
	for (size_t i = 0; i < o.listen.n; i++) {
		if (multiaddr_parse(&addresses[i], o.listen.item[i]) < 0)
			return -1;
		if (addresses[i].host == MULTIADDR_UNIX)
			sockets[n++] = addresses[i].name;
	}
	return keeper_start(&(struct keeper_orders){ .argv = argv, .file = files, .n_files = 1 + o.status.n, .socket = sockets, .n_sockets = n });
}

static struct service *service;
static struct capability_usage usage = { .fd = -1 };

static bool
listed(const struct conn *c)
{
	const uint8_t *k = peerid_key(conn_peer(c));

	return o.any || (k && keylist_find(&allow, k));
}

/* Who is in the list has no limits; who shows a capability has those. */
static int
admit(void *arg, const struct conn *c, struct capability *to)
{
	struct capability_rules rules = { .issuers = &allow, .revoked = &revoked };

	(void)arg;
	if (listed(c))
		return 0;
	if (conn_shown(c)->len == 0 || o.raw) /* nobody counts rows of plain bytes */
		return err_set(ERR_DATA, "not in the list of those who may come in");
	memcpy(rules.node, key.public.bytes, KEY_PUBLIC);
	return capability_read(to, conn_shown(c), conn_peer(c), &rules, (int64_t)time(NULL));
}

static int
allows(void *arg, const struct conn *c)
{
	struct capability limits = { 0 };
	int rc = service && serve_expects(service, conn_peer(c)) ? 0 : admit(arg, c, &limits);

	capability_free(&limits);
	return rc;
}

/* One event: a line of JSON, or one for people with -v. */
static void
log_event(const struct conn *c, const char *event, const char *reason, const uint64_t *rows)
{
	char peer[PEERID_TEXT], when[32];
	time_t now = time(NULL);
	struct tm utc;
	json_t *line;

	peerid_text(conn_peer(c), peer);
	if (!o.log) {
		msg_info("%s: %s%s%s%s%s", conn_where(c), event, *peer ? " " : "", peer, *reason ? ": " : "", reason);
		return;
	}
	strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
	line = json_pack("{s:s, s:s, s:s, s:s}", "time", when, "event", event, "address", conn_where(c), "peer", peer);
	if (*reason)
		json_object_set_new(line, "reason", json_string(reason));
	if (rows)
		json_object_set_new(line, "rows", json_integer((json_int_t)*rows));
	json_dumpf(line, stderr, JSON_COMPACT);
	fputc('\n', stderr);
	json_decref(line);
}

static void
told(void *arg, struct conn *c, const char *event, const char *reason)
{
	(void)arg;
	log_event(c, event, reason, NULL);
}

static void
stream_told(void *arg, const struct conn *c, const char *event, const char *reason, uint64_t rows)
{
	(void)arg;
	log_event(c, event, reason, &rows);
}

static struct listener *listeners[NODE_MAX_ADDRESSES];

static void
stop_listening(void)
{
	for (size_t i = 0; i < NODE_MAX_ADDRESSES; i++) {
		listen_free(listeners[i]);
		listeners[i] = NULL;
	}
}

static void
finished(void *arg)
{
	(void)arg;
	loop_stop(loop);
}

/* The last stream has ended: what it was sent may still be under way. */
static void
drained(void *arg)
{
	(void)arg;
	node_finish(&node, finished, NULL);
}

/* NULL with a reason. */
static json_t *
read_json(size_t file)
{
	struct buf text = { 0 };
	int fd = keeper_open(file);
	json_t *j = NULL;

	if (fd < 0)
		return NULL;
	if (io_read_all(fd, &text, files[file]) == 0)
		j = jcs_parse((const char *)text.data, text.len);
	close(fd);
	buf_free(&text);
	return j;
}

/* All of them or none: what was read before stays. */
static int
read_status(void)
{
	struct status_lists l = { 0 };

	for (size_t i = 0; i < o.status.n; i++) {
		json_t *j = read_json(1 + i);
		int rc = j ? status_add(&l, j, (int64_t)time(NULL)) : -1;
		json_decref(j);
		if (rc < 0) {
			status_free(&l);
			return err_wrap("%s", o.status.item[i]);
		}
	}
	status_free(&revoked);
	revoked = l;
	return 0;
}

static int
read_lists(void)
{
	int fd;

	if (o.allow && ((fd = keeper_open(0)) < 0 || keylist_read(&allow, fd, o.allow) < 0))
		return -1;
	return read_status();
}

static bool lost;

static void
keeper_lost(void)
{
	lost = true;
	loop_stop(loop);
}

/* HUP: new guests get a new command, and the list is read again. TERM: those who are there may finish; a second one ends all. */
static void
got_signal(void *arg, int sig)
{
	static bool draining;

	(void)arg;
	if (sig == SIGHUP) {
		if (read_lists() < 0)
			msg_error("%s", err_reason());
		if (service)
			serve_renew(service);
	} else if (sig == SIGTERM && service && !draining) {
		draining = true;
		stop_listening();
		serve_drain(service, drained, NULL);
	} else if (sig == SIGTERM || sig == SIGINT) {
		loop_stop(loop);
	}
}

static int
print_metrics(void *arg, struct buf *to)
{
	const struct serve_count *n = serve_counts(service);

	(void)arg;
	if (metrics_line(to, "mai_connections", "gauge", "peers that are connected", node.n_incoming) < 0 ||
	    metrics_line(to, "mai_streams", "gauge", "streams that are served", n->guests_now) < 0 ||
	    metrics_line(to, "mai_streams_total", "counter", "streams that were begun", n->guests) < 0 ||
	    metrics_line(to, "mai_streams_refused_total", "counter", "streams that were refused or failed", n->refused) < 0 ||
	    metrics_line(to, "mai_sequences", "gauge", "sequences that are open", n->sequences_now) < 0 ||
	    metrics_line(to, "mai_sequences_total", "counter", "sequences that were begun", n->sequences) < 0 ||
	    metrics_line(to, "mai_rows_in_total", "counter", "rows that came", n->rows_in) < 0 ||
	    metrics_line(to, "mai_rows_out_total", "counter", "rows that went back", n->rows_out) < 0 ||
	    metrics_line(to, "mai_frames_total", "counter", "frames of rows that came", n->frames) < 0 ||
	    metrics_line(to, "mai_batches_total", "counter", "frames of rows that the command computed", n->batches) < 0 ||
	    metrics_line(to, "mai_bytes_in_total", "counter", "bytes of streams that have ended, that came", n->bytes_in) < 0)
		return -1;
	return metrics_line(to, "mai_bytes_out_total", "counter", "bytes of streams that have ended, that went", n->bytes_out);
}

/* Says where it listens: on stderr, since stdout is for data. */
static void
say_addresses(void)
{
	char text[MULTIADDR_TEXT];

	for (size_t i = 0; i < node.n_addresses; i++)
		msg_note("listening at %s", multiaddr_text(&node.address[i], text));
}

static void
hung_up(void *arg, struct conn *c)
{
	(void)arg;
	(void)c;
	loop_stop(loop);
}

static int
begin_listening(void)
{
	for (size_t i = 0; i < o.listen.n; i++)
		if (!(listeners[i] = listen_new(&node, &addresses[i], &(struct conn_owner){ 0 })))
			return -1;
	if (o.stdio && (fd_nonblocking(STDIN_FILENO) < 0 || fd_nonblocking(STDOUT_FILENO) < 0 ||
	    !conn_new(&node, STDIN_FILENO, STDOUT_FILENO, false, NULL, "stdin", &(struct conn_owner){ .closed = hung_up })))
		return -1;
	return 0;
}

static int
serve(void)
{
	struct signals signals = { 0 };
	const struct serve_options so = { .shared = o.shared, .direct = o.direct, .admit = admit, .usage = &usage, .bill = o.terms.n > 0 ? &bill : NULL, .max_guests = (size_t)o.most, .max_peer_guests = (size_t)o.most_of_peer,
		.max_sequences = (uint32_t)o.sequences, .idle_ns = (uint64_t)(o.idle * (double)NODE_SECOND), .rows_a_second = (uint64_t)o.rate, .told = stream_told };
	struct metrics *m = NULL;
	struct multiaddr at;
	struct exec *e = NULL;
	int rc = -1;

	signal(SIGPIPE, SIG_IGN); /* a command that takes no more is its own affair */
	node.allows = allows;
	node.told = told;
	if (read_lists() == 0 && (!o.usage || capability_usage_open(&usage, o.usage) == 0) && signals_begin(&signals, loop, got_signal, NULL) == 0 && child_watch(loop, keeper_lost) == 0 &&
	    (o.raw ? (e = exec_new(&node, o.protocol, (size_t)o.most, (size_t)o.most_of_peer)) != NULL : (service = serve_new(&node, &so)) != NULL) &&
	    (!o.metrics || (multiaddr_parse(&at, o.metrics) == 0 && (m = metrics_new(loop, &at, print_metrics, NULL)))) && begin_listening() == 0 &&
	    confine() == 0) {
		say_addresses();
		rc = loop_run(loop) < 0 || lost ? -1 : 0;
	}
	stop_listening();
	metrics_free(m);
	exec_free(e);
	serve_free(service);
	capability_usage_close(&usage);
	signals_end(&signals);
	keeper_end();
	return rc;
}

/* ---- main ---- */

static int
check(int operands)
{
	bool serves = o.listen.n > 0 || o.stdio;

	if (o.listen.n > NODE_MAX_ADDRESSES)
		return opt_usage(&tool, "more than %d addresses", NODE_MAX_ADDRESSES);
	if (serves && !o.allow == !o.any)
		return opt_usage(&tool, "-a FILE or --any: who may come in?");
	if (!serves && (o.allow || o.any || o.trust || o.usage || o.status.n > 0))
		return opt_usage(&tool, "--allow, --any, --trust, --usage and --status are for serving (-l)");
	if (serves && o.capability)
		return opt_usage(&tool, "--capability is for whoever connects");
	if (o.status.n > MAX_LISTS)
		return opt_usage(&tool, "more than %d lists", MAX_LISTS);
	if (operands == 0)
		return opt_usage(&tool, serves ? "no COMMAND is named" : "no PEER is named");
	if (!serves && (o.raw || o.identify) && operands != 1)
		return opt_usage(&tool, "one PEER is wanted");
	if (!serves && operands > HOP_MAX_PLACES)
		return opt_usage(&tool, "more than %d peers in a chain", HOP_MAX_PLACES);
	if (o.terms.n > (serves ? 1 : BILL_TERMS) || (o.terms.n > 0 && (o.raw || o.direct || o.identify)))
		return opt_usage(&tool, "--terms: one of a node, up to %d for peers; not with --raw, --direct, --identify", BILL_TERMS);
	if ((o.receipts || o.record) && o.terms.n == 0)
		return opt_usage(&tool, "--receipts and --record go with --terms");
	if (o.record && serves)
		return opt_usage(&tool, "--record is for whoever connects");
	if (o.direct && (o.raw || o.identify || o.audit > 0))
		return opt_usage(&tool, "--direct goes with none of --raw, --identify, --audit");
	if (o.log && strcmp(o.log, "json") != 0)
		return opt_usage(&tool, "--log is json, not '%s'", o.log);
	if (o.metrics && (!serves || o.raw))
		return opt_usage(&tool, "--metrics is for serving streams");
	if (o.raw != (o.protocol != NULL))
		return opt_usage(&tool, "--raw and --protocol ID go together");
	if (o.wire && !stream_dtype_named(strcmp(o.wire, "q8") == 0 ? "q8_0" : o.wire, &wire))
		return opt_usage(&tool, "--wire is f32, f16, bf16 or q8, not '%s'", o.wire);
	return 0;
}

/* stdin through the peers, each with its replicas, to stdout. */
static int
relay(char **peer, size_t n)
{
	static struct hop_peers place[HOP_MAX_PLACES];
	char book[CONFIG_PATH];
	const struct hop_options ho = { .wire = wire, .compress = o.zstd, .journal = o.journal, .audit = o.audit, .evidence = o.evidence,
		.goes_on = o.goes_on, .bill = o.terms.n > 0 ? &bill : NULL, .timeout_ns = (uint64_t)(o.timeout * (double)NODE_SECOND) };

	for (size_t i = 0; i < n; i++) {
		if (relay_parse(&place[i], peer[i], config_file(book, "peers")) < 0)
			return -1;
		if (o.audit > 0 && place[i].n < 2)
			return err_set(ERR_USAGE, "%s: an audit wants a replica", peer[i]);
		if (place[i].n > 1)
			node.silence_ns = SILENCE, node.handshake_ns = HANDSHAKE; /* there is another */
	}
	node.ping_ns = PING;
	return relay_run(&node, place, n, o.direct && n > 1, &ho, STDIN_FILENO, STDOUT_FILENO);
}

static int
dial(char **peer, size_t n)
{
	struct multiaddr a;
	char book[CONFIG_PATH];

	if (!o.raw && !o.identify)
		return relay(peer, n);
	if (book_find(&a, peer[0], config_file(book, "peers")) < 0)
		return -1;
	if (!o.identify)
		return attach_run(&node, &a, o.protocol, STDIN_FILENO, STDOUT_FILENO);
	return attach_identify(&node, &a, o.json) < 0 ? -1 : io_close_stdout();
}

int
main(int argc, char **argv)
{
	int first, rc;
	bool serves;

	msg_init("mai-send");
	first = opt_parse(&tool, argc, argv);
	if (first < 0)
		return opt_exit_status();
	if ((rc = check(argc - first)) != 0)
		return rc;
	serves = o.listen.n > 0 || o.stdio;
	rc = (serves && begin_keeper(argv + first) < 0) || begin() < 0 ? -1 : 0;
	if (rc == 0)
		rc = serves ? serve() : dial(argv + first, (size_t)(argc - first));
	rc = rc < 0 ? msg_fail() : 0;
	end();
	free(o.listen.item);
	free(o.status.item);
	free(o.terms.item);
	return rc;
}
