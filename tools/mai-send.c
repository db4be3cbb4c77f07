/* mai-send: streams between peers. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/io.h"
#include "base/mem.h"
#include "base/msg.h"
#include "base/opt.h"
#include "net/allow.h"
#include "net/attach.h"
#include "net/child.h"
#include "net/exec.h"
#include "net/fd.h"
#include "net/listen.h"
#include "net/signals.h"
#include "trust/pass.h"

static struct {
	struct opt_list listen;
	const char *key, *allow, *protocol;
	bool any, raw, identify, json, stdio;
	int64_t most;
} o = { .most = 64 };

static const struct opt opts[] = {
	{ 'k', "key", "FILE", OPT_STR, &o.key, 0, 0, "secret key of this side ($XDG_CONFIG_HOME/mai/key)" },
	{ 'l', "listen", "ADDRESS", OPT_LIST, &o.listen, 0, 0, "serve COMMAND at this multiaddr; may be given several times" },
	{ 0, "stdio", NULL, OPT_FLAG, &o.stdio, 0, 0, "serve COMMAND to the peer at stdin and stdout" },
	{ 'a', "allow", "FILE", OPT_STR, &o.allow, 0, 0, "serve those whose keys are in FILE" },
	{ 0, "any", NULL, OPT_FLAG, &o.any, 0, 0, "serve whoever comes" },
	{ 0, "max-commands", "N", OPT_INT, &o.most, 1, 65536, "at most so many at a time (64)" },
	{ 0, "raw", NULL, OPT_FLAG, &o.raw, 0, 0, "plain bytes, no mai stream" },
	{ 0, "protocol", "ID", OPT_STR, &o.protocol, 0, 0, "the protocol of --raw" },
	{ 0, "identify", NULL, OPT_FLAG, &o.identify, 0, 0, "print what PEER says of itself" },
	{ 0, "json", NULL, OPT_FLAG, &o.json, 0, 0, "with --identify: print JSON" },
	{ 0 },
};
static const struct opt_tool tool = {
	"mai-send", "[-k KEY] --raw --protocol ID PEER\n"
	            "mai-send [-k KEY] -l ADDRESS (-a FILE | --any) --raw --protocol ID -- COMMAND [ARGUMENT...]\n"
	            "mai-send [-k KEY] --identify PEER",
	"Joins pipelines to those of peers, over libp2p.", opts,
};

static struct loop *loop;
static struct node node;
static struct key key;
static struct allow allow;

/* ---- what all uses share ---- */

static int
read_key(void)
{
	const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
	char path[4096];

	if (o.key)
		return key_read_secret(&key, o.key, pass_ask, NULL);
	if (config && *config)
		snprintf(path, sizeof path, "%s/mai/key", config);
	else
		snprintf(path, sizeof path, "%s/.config/mai/key", home ? home : "");
	return key_read_secret(&key, path, pass_ask, NULL);
}

static int
begin(void)
{
	return read_key() < 0 || !(loop = loop_new()) ? -1 : node_init(&node, loop, &key);
}

static void
end(void)
{
	if (loop)
		node_free(&node);
	loop_free(loop);
	allow_free(&allow);
	key_wipe(&key);
}

/* ---- serving ---- */

static bool
allows(void *arg, const struct peerid *p)
{
	(void)arg;
	return o.any || allow_has(&allow, p);
}

static void
told(void *arg, struct conn *c, const char *event, const char *reason)
{
	char peer[PEERID_TEXT];

	(void)arg;
	msg_info("%s: %s%s%s%s%s", conn_where(c), event, conn_peer(c)->n > 0 ? " " : "", peerid_text(conn_peer(c), peer), *reason ? ": " : "", reason);
}

static void
got_signal(void *arg, int sig)
{
	(void)arg;
	if (sig == SIGCHLD)
		child_reap();
	else if (sig == SIGHUP && o.allow && allow_read(&allow, o.allow) < 0)
		msg_error("%s", err_reason());
	else if (sig == SIGTERM || sig == SIGINT)
		loop_stop(loop);
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
begin_listening(struct listener **l)
{
	struct multiaddr a;

	for (size_t i = 0; i < o.listen.n; i++)
		if (multiaddr_parse(&a, o.listen.item[i]) < 0 || !(l[i] = listen_new(&node, &a, &(struct conn_owner){ 0 })))
			return -1;
	if (o.stdio && (fd_nonblocking(STDIN_FILENO) < 0 || fd_nonblocking(STDOUT_FILENO) < 0 ||
	    !conn_new(&node, STDIN_FILENO, STDOUT_FILENO, false, NULL, "stdin", &(struct conn_owner){ .closed = hung_up })))
		return -1;
	return 0;
}

static int
serve(char **argv)
{
	struct listener *l[NODE_MAX_ADDRESSES] = { 0 };
	struct signals signals = { 0 };
	struct exec *e = NULL;
	int rc = -1;

	signal(SIGPIPE, SIG_IGN); /* a command that takes no more is its own affair */
	node.allows = allows;
	node.told = told;
	if ((!o.allow || allow_read(&allow, o.allow) == 0) && signals_begin(&signals, loop, got_signal, NULL) == 0 &&
	    (e = exec_new(&node, o.protocol, argv, (size_t)o.most)) && begin_listening(l) == 0) {
		say_addresses();
		rc = loop_run(loop);
	}
	for (size_t i = 0; i < NODE_MAX_ADDRESSES; i++)
		listen_free(l[i]);
	exec_free(e);
	signals_end(&signals);
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
	if (!serves && (o.allow || o.any))
		return opt_usage(&tool, "--allow and --any are for serving (-l)");
	if (serves ? operands == 0 : operands != 1)
		return opt_usage(&tool, serves ? "no COMMAND is named" : "one PEER is wanted");
	if (!o.identify && (!o.raw || !o.protocol))
		return opt_usage(&tool, "--raw and --protocol ID are missing");
	return 0;
}

static int
dial(const char *peer)
{
	struct multiaddr a;

	if (multiaddr_parse(&a, peer) < 0)
		return -1;
	if (!o.identify)
		return attach_run(&node, &a, o.protocol, STDIN_FILENO, STDOUT_FILENO);
	return attach_identify(&node, &a, o.json) < 0 ? -1 : io_close_stdout();
}

int
main(int argc, char **argv)
{
	int first, rc;

	msg_init("mai-send");
	first = opt_parse(&tool, argc, argv);
	if (first < 0)
		return opt_exit_status();
	if ((rc = check(argc - first)) != 0)
		return rc;
	rc = begin();
	if (rc == 0)
		rc = o.listen.n > 0 || o.stdio ? serve(argv + first) : dial(argv[first]);
	rc = rc < 0 ? msg_fail() : 0;
	end();
	free(o.listen.item);
	return rc;
}
