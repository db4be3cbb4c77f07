/* Making a log, and records for it. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/io.h"
#include "base/msg.h"
#include "base/opt.h"
#include "ledger/append.h"
#include "ledger/record.h"
#include "ledger/tlog.h"
#include "trust/key.h"
#include "trust/peerid.h"
#include "verbs.h"

/* ---- init ---- */

static const char *origin;
static const struct opt init_opts[] = {
	SECRET,
	{ 0, "origin", "NAME", OPT_STR, &origin, 0, 0, "what the log is called, without spaces and '+' (mai-ledger/PEERID)" },
	{ 0 },
};
static const struct opt_tool init_tool = { "mai-ledger init", "[-k KEY] [--origin NAME] LOG", "makes a log, a folder, that this key signs", init_opts };

int
run_init(int argc, char **argv)
{
	int first = opt_parse(&init_tool, argc, argv), rc;
	char own[PEERID_TEXT + 16] = "mai-ledger/";
	struct peerid peer;
	struct key k;

	if (first < 0)
		return opt_exit_status();
	if (argc - first != 1)
		return opt_usage(&init_tool, "one folder is wanted");
	if (read_secret(&k) < 0)
		return msg_fail();
	peer = peerid_of_key(k.public.bytes);
	peerid_text(&peer, own + strlen(own));
	rc = tlog_init(argv[first], origin ? origin : own, &k);
	key_wipe(&k);
	return finish(rc);
}

/* ---- sign ---- */

static const struct opt sign_opts[] = { SECRET, { 0 } };
static const struct opt_tool sign_tool = { "mai-ledger sign", "[-k KEY] [FILE...]", "signs statements, a JSON object a line, as records for a log", sign_opts };

static int
sign_line(const struct key *k, const char *line, size_t n)
{
	struct buf out = { 0 };
	int rc = record_sign(&out, line, n, k) < 0 || buf_addc(&out, '\n') < 0 ? -1 : put_text(out.data, out.len);

	buf_free(&out);
	return rc;
}

static int
sign_file(const struct key *k, const char *path)
{
	struct buf text = { 0 };
	const char *at, *end, *newline;
	int rc = io_read_file(&text, path, SIZE_MAX), number = 0;

	at = (const char *)text.data;
	for (end = at + text.len; rc == 0 && at < end; at = newline + 1) {
		number++;
		if (!(newline = memchr(at, '\n', (size_t)(end - at))))
			newline = end;
		if (newline > at && sign_line(k, at, (size_t)(newline - at)) < 0)
			rc = err_wrap("%s: line %d", strcmp(path, "-") == 0 ? "stdin" : path, number);
	}
	buf_free(&text);
	return rc;
}

int
run_sign(int argc, char **argv)
{
	int first = opt_parse(&sign_tool, argc, argv), rc;
	struct key k;

	if (first < 0)
		return opt_exit_status();
	rc = read_secret(&k);
	if (rc == 0 && first == argc)
		rc = sign_file(&k, "-");
	for (int i = first; rc == 0 && i < argc; i++)
		rc = sign_file(&k, argv[i]);
	key_wipe(&k);
	return finish(rc);
}

/* ---- append ---- */

static bool json;
static int64_t threads;
static const struct opt append_opts[] = {
	SECRET,
	{ 't', "threads", "N", OPT_INT, &threads, 1, POOL_MAX_THREADS, "threads that check signatures (all cores)" },
	{ 0, "json", NULL, OPT_FLAG, &json, 0, 0, "print JSON" },
	{ 0 },
};
static const struct opt_tool append_tool = { "mai-ledger append", "[-k KEY] [--json] LOG [FILE...]",
	"checks records, a JSON object a line, appends those that are new, and prints where each is once it is there for good", append_opts };

static int
tell_index(void *arg, uint64_t index, const struct hash *id, bool new)
{
	char hex[HASH_HEX];

	(void)arg;
	hash_to_hex(id, hex);
	if (json)
		printf("{\"id\":\"%s\",\"index\":%llu,\"new\":%s}\n", hex, (unsigned long long)index, new ? "true" : "false");
	else
		printf("%llu %s\n", (unsigned long long)index, hex);
	return ferror(stdout) ? err_sys("stdout") : 0;
}

static int
flush(void *arg)
{
	(void)arg;
	return fflush(stdout) == 0 ? 0 : err_sys("stdout");
}

static int
append_file(const struct append *a, const char *path)
{
	int fd = io_open(path), rc = fd < 0 ? -1 : append_lines(a, fd, strcmp(path, "-") == 0 ? "stdin" : path);

	if (fd > STDIN_FILENO)
		close(fd);
	return rc;
}

int
run_append(int argc, char **argv)
{
	int first = opt_parse(&append_tool, argc, argv), rc;
	struct append a = { .told = tell_index, .told_all = flush };
	struct key k;

	if (first < 0)
		return opt_exit_status();
	if (first == argc)
		return opt_usage(&append_tool, "no log is named");
	rc = read_secret(&k);
	if (rc == 0)
		rc = (a.pool = pool_new(threads ? (unsigned)threads : pool_cores())) && (a.log = tlog_writer_new(argv[first], &k)) ? 0 : -1;
	if (rc == 0 && first + 1 == argc)
		rc = append_file(&a, "-");
	for (int i = first + 1; rc == 0 && i < argc; i++)
		rc = append_file(&a, argv[i]);
	tlog_writer_free(a.log);
	if (a.pool)
		pool_free(a.pool);
	key_wipe(&k);
	return finish(rc);
}
