/* mai-ledger: an append-only log of receipts, terms and ownership, which anyone can check. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/config.h"
#include "base/err.h"
#include "base/io.h"
#include "base/msg.h"
#include "base/opt.h"
#include "ledger/append.h"
#include "ledger/record.h"
#include "ledger/settle.h"
#include "ledger/statement.h"
#include "ledger/tlog.h"
#include "net/inspect.h"
#include "trust/jcs_text.h"
#include "trust/key.h"
#include "trust/pass.h"
#include "trust/peerid.h"

static const struct opt no_opts[] = { { 0 } };
static const struct opt_tool top = { "mai-ledger", "init [-k KEY] [--origin NAME] LOG\n"
	"mai-ledger sign [-k KEY] [FILE...]\n"
	"mai-ledger append [-k KEY] [--json] LOG [FILE...]\n"
	"mai-ledger show [-p KEY] [--json] LOG [INDEX...]\n"
	"mai-ledger export [-p KEY] [--csv] LOG\n"
	"mai-ledger prove [-p KEY] LOG INDEX|ID\n"
	"mai-ledger verify [-p KEY] [--since CHECKPOINT] LOG\n"
	"mai-ledger verify -p KEY [-w KEY] --proof PROOF RECORD\n"
	"mai-ledger witness [-k KEY] [-p KEY] --name NAME --state FILE LOG\n"
	"mai-ledger audit [-p KEY] --record FOLDER --salts FILE [--share P] [--proofs FOLDER] LOG COMMAND\n"
	"mai-ledger audit -p KEY --fraud PROOF COMMAND\n"
	"mai-ledger settle [-k KEY] [-p KEY] [--since STATEMENT] [--csv | --json] LOG",
	"keeps receipts, terms and ownership in a log that only grows, and shows that it does; each verb has a --help of its own", no_opts };

/* ---- what verbs share ---- */

static const char *secret_file, *log_key;
#define SECRET { 'k', "key", "FILE", OPT_STR, &secret_file, 0, 0, "secret key (~/.config/mai/me.key)" }
#define PUBLIC { 'p', "public", "KEY", OPT_STR, &log_key, 0, 0, "verifier key of the log, or a file with it (LOG/key)" }

static int
read_secret(struct key *k)
{
	char mine[CONFIG_PATH];

	return key_read_secret(k, secret_file ? secret_file : config_file(mine, "me.key"), pass_ask, NULL);
}

/* A whole file, "-" being stdin. */
static int
read_file(struct buf *to, const char *path)
{
	int fd = io_open(path), rc = fd < 0 ? -1 : io_read_all(fd, to, path);

	if (fd > STDIN_FILENO)
		close(fd);
	return rc;
}

/* NAME+HASH+KEY, or a file with that. */
static int
read_vkey(struct note_key *k, const char *text)
{
	struct buf file = { 0 };
	size_t n;
	int rc;

	if (access(text, R_OK) != 0)
		return note_key_parse(k, text, strlen(text));
	if ((rc = read_file(&file, text)) == 0) {
		n = file.len > 0 && file.data[file.len - 1] == '\n' ? file.len - 1 : file.len;
		rc = note_key_parse(k, (const char *)file.data, n) < 0 ? err_wrap("%s", text) : 0;
	}
	buf_free(&file);
	return rc;
}

static int
open_log(struct tlog *l, const char *path)
{
	struct note_key k;

	*l = (struct tlog){ .folder = -1 };
	return log_key && read_vkey(&k, log_key) < 0 ? -1 : tlog_open(l, path, log_key ? &k : NULL);
}

static int
put_text(const void *text, size_t n)
{
	return fwrite(text, 1, n, stdout) == n ? 0 : err_sys("stdout");
}

static int
finish(int rc)
{
	return rc < 0 || io_close_stdout() < 0 ? msg_fail() : 0;
}

/* ---- init ---- */

static const char *origin;
static const struct opt init_opts[] = {
	SECRET,
	{ 0, "origin", "NAME", OPT_STR, &origin, 0, 0, "what the log is called, without spaces and '+' (mai-ledger/PEERID)" },
	{ 0 },
};
static const struct opt_tool init_tool = { "mai-ledger init", "[-k KEY] [--origin NAME] LOG", "makes a log, a folder, that this key signs", init_opts };

static int
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
	int rc = read_file(&text, path), number = 0;

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

static int
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
append_file(const struct append *a, const char *path)
{
	int fd = io_open(path), rc = fd < 0 ? -1 : append_lines(a, fd, strcmp(path, "-") == 0 ? "stdin" : path);

	if (fd > STDIN_FILENO)
		close(fd);
	return rc;
}

static int
run_append(int argc, char **argv)
{
	int first = opt_parse(&append_tool, argc, argv), rc;
	struct append a = { .told = tell_index };
	struct key k;

	if (first < 0)
		return opt_exit_status();
	if (first == argc)
		return opt_usage(&append_tool, "no log is named");
	setvbuf(stdout, NULL, _IOLBF, 0);
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

/* ---- show, export ---- */

static const struct opt show_opts[] = {
	PUBLIC,
	{ 0, "json", NULL, OPT_FLAG, &json, 0, 0, "print JSON" },
	{ 0 },
};
static const struct opt_tool show_tool = { "mai-ledger show", "[-p KEY] [--json] LOG [INDEX...]", "prints a log's state, or records of it", show_opts };

static int
show_state(const struct tlog *l)
{
	char root[HASH_HEX], vkey[NOTE_VKEY];

	hash_to_hex(&l->at.root, root);
	note_key_text(&l->key, vkey);
	if (json)
		printf("{\"key\":\"%s\",\"origin\":\"%s\",\"root\":\"%s\",\"size\":%llu}\n", vkey, l->at.origin, root, (unsigned long long)l->at.size);
	else
		printf("origin   %s\nkey      %s\nrecords  %llu\nroot     %s\n", l->at.origin, vkey, (unsigned long long)l->at.size, root);
	return 0;
}

/* An entry that is the one of its leaf. */
static int
read_entry(struct tlog *l, uint64_t index, const uint8_t **data, size_t *n)
{
	struct hash leaf, is;

	if (tlog_leaf(l, index, &leaf) < 0 || tlog_entry(l, index, data, n) < 0)
		return -1;
	is = merkle_leaf(*data, *n);
	return hash_equal(&is, &leaf) ? 0 : err_set(ERR_DATA, "%s: entry %llu is not the one of its hash", l->path, (unsigned long long)index);
}

static int
show_entry(struct tlog *l, const char *text)
{
	const uint8_t *data;
	int64_t index;
	size_t n;

	if (!opt_number(text, 0, INT64_MAX, &index))
		return err_set(ERR_USAGE, "'%s' is no index", text);
	if (read_entry(l, (uint64_t)index, &data, &n) < 0) /* not negative */
		return -1;
	return put_text(data, n) < 0 ? -1 : put_text("\n", 1);
}

static int
run_show(int argc, char **argv)
{
	int first = opt_parse(&show_tool, argc, argv), rc;
	struct tlog l;

	if (first < 0)
		return opt_exit_status();
	if (first == argc)
		return opt_usage(&show_tool, "no log is named");
	rc = open_log(&l, argv[first]);
	if (rc == 0 && first + 1 == argc)
		rc = show_state(&l);
	for (int i = first + 1; rc == 0 && i < argc; i++)
		rc = show_entry(&l, argv[i]);
	tlog_close(&l);
	return finish(rc);
}

static bool csv;
static const struct opt export_opts[] = {
	PUBLIC,
	{ 0, "csv", NULL, OPT_FLAG, &csv, 0, 0, "print CSV (RFC 4180) instead of JSON lines" },
	{ 0 },
};
static const struct opt_tool export_tool = { "mai-ledger export", "[-p KEY] [--csv] LOG", "prints all records of a log, each with its index and id", export_opts };

static const char *const columns[] = { "time", "type", "node", "client", "issuer", "owner", "from", "to", "asset", "model", "rows", "terms", "nonce", "receipt", "unit", "price" };

/* Texts without their quotes, where nothing in them would be taken for something else. */
static void
put_cell(const struct jcs_value *v)
{
	const char *text;
	size_t n;

	if (!v->at)
		return;
	if (!jcs_plain(v, &text, &n)) {
		text = v->at;
		n = v->n;
	}
	if (!memchr(text, '"', n) && !memchr(text, ',', n) && !memchr(text, '\r', n)) {
		fwrite(text, 1, n, stdout);
		return;
	}
	putchar('"');
	for (size_t i = 0; i < n; i++) {
		if (text[i] == '"')
			putchar('"');
		putchar(text[i]);
	}
	putchar('"');
}

static int
export_entry(void *arg, uint64_t index, const uint8_t *data, size_t n)
{
	struct hash id = merkle_leaf(data, n);
	char hex[HASH_HEX];

	(void)arg;
	hash_to_hex(&id, hex);
	if (!csv) {
		printf("{\"id\":\"%s\",\"index\":%llu,\"record\":%.*s}\n", hex, (unsigned long long)index, (int)n, (const char *)data);
	} else {
		printf("%llu,%s", (unsigned long long)index, hex);
		for (size_t i = 0; i < sizeof columns / sizeof *columns; i++) {
			struct jcs_value v = jcs_member((const char *)data, n, columns[i]);
			putchar(',');
			put_cell(&v);
		}
		fputs("\r\n", stdout);
	}
	return ferror(stdout) ? err_sys("stdout") : 0;
}

static int
run_export(int argc, char **argv)
{
	int first = opt_parse(&export_tool, argc, argv), rc;
	struct tlog l;

	if (first < 0)
		return opt_exit_status();
	if (argc - first != 1)
		return opt_usage(&export_tool, "one log is wanted");
	if ((rc = open_log(&l, argv[first])) == 0) {
		if (csv) {
			printf("index,id");
			for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
				printf(",%s", columns[i]);
			fputs("\r\n", stdout);
		}
		rc = tlog_verify(&l, export_entry, NULL);
	}
	tlog_close(&l);
	return finish(rc);
}

/* ---- prove ---- */

static const struct opt prove_opts[] = { PUBLIC, { 0 } };
static const struct opt_tool prove_tool = { "mai-ledger prove", "[-p KEY] LOG INDEX|ID", "prints the proof that a record is in a log, with its checkpoint", prove_opts };

/* An index, or an id, which is looked for. */
static int
find_entry(struct tlog *l, const char *text, uint64_t *index)
{
	struct hash id, leaf;
	int64_t number;

	if (opt_number(text, 0, INT64_MAX, &number)) {
		*index = (uint64_t)number; /* not negative */
		return 0;
	}
	if (!hash_from_hex(&id, text, strlen(text)))
		return err_set(ERR_USAGE, "'%s' is no index and no id", text);
	for (*index = 0; *index < l->at.size; ++*index) {
		if (tlog_leaf(l, *index, &leaf) < 0)
			return -1;
		if (hash_equal(&id, &leaf))
			return 0;
	}
	return err_set(ERR_DATA, "%s: has no record of this id", l->path);
}

static int
prove(struct tlog *l, const char *which)
{
	struct proof_file p = { .checkpoint = (const char *)l->note.data, .n_checkpoint = l->note.len };
	struct buf text = { 0 };
	struct hash leaf;
	int rc = -1;

	if (find_entry(l, which, &p.index) < 0 || tlog_leaf(l, p.index, &leaf) < 0 || merkle_inclusion(tlog_node, l, p.index, l->at.size, p.proof, &p.n) < 0)
		return -1;
	if (merkle_check_inclusion(p.index, l->at.size, &leaf, p.proof, p.n, &l->at.root) < 0)
		err_wrap("%s", l->path);
	else if (proof_file_add(&text, &p) == 0)
		rc = put_text(text.data, text.len);
	buf_free(&text);
	return rc;
}

static int
run_prove(int argc, char **argv)
{
	int first = opt_parse(&prove_tool, argc, argv), rc;
	struct tlog l;

	if (first < 0)
		return opt_exit_status();
	if (argc - first != 2)
		return opt_usage(&prove_tool, "a log, and a record's index or id, are wanted");
	rc = open_log(&l, argv[first]) < 0 ? -1 : prove(&l, argv[first + 1]);
	tlog_close(&l);
	return finish(rc);
}

/* ---- verify ---- */

static const char *since, *proof_path;
static struct opt_list witnesses;
static const struct opt verify_opts[] = {
	PUBLIC,
	{ 0, "since", "CHECKPOINT", OPT_STR, &since, 0, 0, "that it has only grown since this one" },
	{ 0, "proof", "PROOF", OPT_STR, &proof_path, 0, 0, "verify this proof instead of a log, for the record in a file" },
	{ 'w', "witness", "KEY", OPT_LIST, &witnesses, 0, 0, "verifier key of one who must have cosigned; may be given several times" },
	{ 0 },
};
static const struct opt_tool verify_tool = { "mai-ledger verify", "[-p KEY] [-w KEY] [--since CHECKPOINT] LOG\n"
	"mai-ledger verify -p KEY [-w KEY] --proof PROOF RECORD",
	"verifies a log: every record, every hash, its checkpoint; or the proof that a record is in one", verify_opts };

static int
check_witnesses(const struct note *t)
{
	struct note_key k;
	int rc;

	for (size_t i = 0; i < witnesses.n; i++) {
		if (read_vkey(&k, witnesses.item[i]) < 0 || (rc = note_signed(t, &k, NULL)) < 0)
			return -1;
		if (rc == 0)
			return err_set(ERR_DATA, "%s has not cosigned the checkpoint", k.name);
	}
	return 0;
}

/* Does the log begin with what an older checkpoint of it says? */
static int
check_since(struct tlog *l, const struct checkpoint *old)
{
	struct hash proof[MERKLE_PROOF];
	size_t n;

	if (old->size == 0)
		return 0;
	if (merkle_consistency(tlog_node, l, old->size, l->at.size, proof, &n) < 0 ||
	    merkle_check_consistency(old->size, l->at.size, &old->root, &l->at.root, proof, n) < 0)
		return err_wrap("%s: not what it was", l->path);
	return 0;
}

static int
check_file_since(struct tlog *l, const char *path)
{
	struct buf text = { 0 };
	struct checkpoint old;
	struct note t;
	int rc = read_file(&text, path);

	if (rc == 0)
		rc = checkpoint_open(&old, &t, (const char *)text.data, text.len, &l->key) < 0 ? err_wrap("%s", path) : check_since(l, &old);
	buf_free(&text);
	return rc;
}

static int
check_record(void *arg, uint64_t index, const uint8_t *data, size_t n)
{
	struct buf made = { 0 };
	struct record r;
	int rc = record_read(&r, (const char *)data, n, &made);

	buf_free(&made);
	return rc < 0 ? err_wrap("%s: entry %llu", (const char *)arg, (unsigned long long)index) : 0;
}

static int
verify_log(const char *path)
{
	struct tlog l = { .folder = -1 };
	struct note t;
	int rc = tlog_recover(path) < 0 || open_log(&l, path) < 0 ? -1 : tlog_verify(&l, check_record, (void *)(uintptr_t)path); /* is only read */

	if (rc == 0)
		rc = note_parse(&t, (const char *)l.note.data, l.note.len) < 0 || check_witnesses(&t) < 0 || (since && check_file_since(&l, since) < 0) ? -1 : 0;
	if (rc == 0)
		printf("%s: %llu records, as %s has signed\n", path, (unsigned long long)l.at.size, l.at.origin);
	tlog_close(&l);
	return rc;
}

/* The record may have a newline behind it, and be written in another way. */
static int
check_proof(const struct buf *text, const struct buf *line)
{
	size_t n = line->len > 0 && line->data[line->len - 1] == '\n' ? line->len - 1 : line->len;
	struct buf made = { 0 };
	struct proof_file p;
	struct checkpoint c;
	struct note_key k;
	struct record r;
	struct hash leaf;
	struct note t;
	int rc = -1;

	if (read_vkey(&k, log_key) == 0 && proof_file_parse(&p, (const char *)text->data, text->len) == 0 &&
	    checkpoint_open(&c, &t, p.checkpoint, p.n_checkpoint, &k) == 0 && check_witnesses(&t) == 0 &&
	    record_read(&r, (const char *)line->data, n, &made) == 0) {
		leaf = record_id(&r);
		rc = merkle_check_inclusion(p.index, c.size, &leaf, p.proof, p.n, &c.root);
	}
	if (rc == 0)
		printf("record %llu of %llu in %s\n", (unsigned long long)p.index, (unsigned long long)c.size, c.origin);
	buf_free(&made);
	return rc;
}

static int
verify_proof(const char *path)
{
	struct buf text = { 0 }, line = { 0 };
	int rc = read_file(&text, proof_path);

	if (rc == 0 && (rc = read_file(&line, path)) == 0 && check_proof(&text, &line) < 0)
		rc = err_wrap("%s", proof_path);
	buf_free(&text);
	buf_free(&line);
	return rc;
}

static int
run_verify(int argc, char **argv)
{
	int first = opt_parse(&verify_tool, argc, argv), rc;

	if (first < 0)
		return opt_exit_status();
	if (argc - first != 1)
		return opt_usage(&verify_tool, "one %s is wanted", proof_path ? "record" : "log");
	if (proof_path && (!log_key || since))
		return opt_usage(&verify_tool, "--proof needs the key of the log (-p), and takes no --since");
	rc = proof_path ? verify_proof(argv[first]) : verify_log(argv[first]);
	free(witnesses.item);
	return finish(rc);
}

/* ---- witness ---- */

static const char *witness_name, *state_file;
static const struct opt witness_opts[] = {
	SECRET,
	PUBLIC,
	{ 0, "name", "NAME", OPT_STR, &witness_name, 0, 0, "what the witness is called, without spaces and '+'" },
	{ 0, "state", "FILE", OPT_STR, &state_file, 0, 0, "the checkpoint that was cosigned last" },
	{ 0 },
};
static const struct opt_tool witness_tool = { "mai-ledger witness", "[-k KEY] [-p KEY] --name NAME --state FILE LOG",
	"cosigns a log's checkpoint, if the log has only grown since the last one, and prints it", witness_opts };

/* Writes the cosigned checkpoint to the state file first: whoever was told of it will find it there. */
static int
cosign(struct tlog *l, const struct key *k)
{
	struct note_key own;
	struct buf note = { 0 };
	struct io_out out = { 0 };
	struct note t;
	int rc = -1;

	if (note_key_make(&own, witness_name, NOTE_COSIGNATURE, k->public.bytes) == 0 && buf_add(&note, l->note.data, l->note.len) == 0 &&
	    note_parse(&t, (const char *)l->note.data, l->note.len) == 0 && note_sign(&note, t.text, t.n, &own, k, (uint64_t)time(NULL)) == 0 &&
	    io_out_open(&out, state_file) == 0)
		rc = fwrite(note.data, 1, note.len, out.file) == note.len ? io_out_commit(&out) : err_sys("%s", state_file);
	io_out_abort(&out);
	if (rc == 0)
		rc = put_text(note.data, note.len);
	buf_free(&note);
	return rc;
}

static int
run_witness(int argc, char **argv)
{
	int first = opt_parse(&witness_tool, argc, argv), rc;
	struct tlog l = { .folder = -1 };
	struct hash root;
	struct key k;

	if (first < 0)
		return opt_exit_status();
	if (argc - first != 1 || !witness_name || !state_file)
		return opt_usage(&witness_tool, "--name, --state and one log are wanted");
	io_out_clean_on_signals();
	rc = read_secret(&k) < 0 || open_log(&l, argv[first]) < 0 || merkle_root(tlog_node, &l, l.at.size, &root) < 0 ? -1 : 0;
	if (rc == 0 && !hash_equal(&root, &l.at.root))
		rc = err_set(ERR_DATA, "%s: its tiles are not those of its checkpoint", l.path);
	if (rc == 0 && access(state_file, F_OK) == 0)
		rc = check_file_since(&l, state_file);
	if (rc == 0)
		rc = cosign(&l, &k);
	tlog_close(&l);
	key_wipe(&k);
	return finish(rc);
}

/* ---- settle ---- */

static const struct opt settle_opts[] = {
	{ 'k', "key", "FILE", OPT_STR, &secret_file, 0, 0, "sign the statement by this secret key" },
	PUBLIC,
	{ 0, "since", "STATEMENT", OPT_STR, &since, 0, 0, "settle what came after this one" },
	{ 0, "csv", NULL, OPT_FLAG, &csv, 0, 0, "print payments as CSV (RFC 4180)" },
	{ 0, "json", NULL, OPT_FLAG, &json, 0, 0, "print the whole statement, as JSON" },
	{ 0 },
};
static const struct opt_tool settle_tool = { "mai-ledger settle", "[-k KEY] [-p KEY] [--since STATEMENT] [--csv | --json] LOG",
	"computes who owes whom what, by the terms and receipts of a log, and prints it", settle_opts };

/* Signatures were checked before records were appended, by whoever has the log's key; here they are again. */
static int
add_to_books(void *books, uint64_t index, const uint8_t *data, size_t n)
{
	struct buf made = { 0 };
	struct record r;
	int rc = record_read(&r, (const char *)data, n, &made);

	if (rc == 0)
		rc = books_add(books, index, &r);
	buf_free(&made);
	return rc;
}

static int
read_since(struct tlog *l, struct books *b, struct settlement *s)
{
	struct buf text = { 0 };
	int rc = read_file(&text, since);

	if (rc == 0 && statement_read((const char *)text.data, text.len, l, &b->from, s) < 0)
		rc = err_wrap("%s", since);
	buf_free(&text);
	return rc;
}

/* For people: who gets what. */
static int
add_summary(struct buf *to, const struct books *b, const struct settlement *s)
{
	char from[PEERID_DID], payee[PEERID_DID];

	for (size_t i = 0; i < s->n; i++) {
		const struct payment *p = &s->payment[i];
		if (buf_printf(to, "%s pays %s %llu %s\n", peerid_did(b->party[p->from], from), peerid_did(b->party[p->to], payee),
		        (unsigned long long)p->amount, b->terms[p->terms].unit) < 0)
			return -1;
	}
	return 0;
}

static int
print_settlement(const struct tlog *l, const struct books *b, const struct settlement *s, const struct key *k)
{
	struct buf text = { 0 };
	int rc = csv ? statement_add_csv(&text, b, s) : json ? statement_add(&text, l, b, s, k) : add_summary(&text, b, s);

	for (size_t i = 0; i < b->n_refused; i++)
		if (b->refused[i].index >= b->from)
			msg_warn("record %llu does not count: %s", (unsigned long long)b->refused[i].index, b->refused[i].why);
	if (rc == 0)
		rc = put_text(text.data, text.len);
	buf_free(&text);
	return rc;
}

static int
settle_log(struct tlog *l, const struct key *k)
{
	struct settlement s = { 0 };
	struct books b = { .to = l->at.size };
	int rc = since && read_since(l, &b, &s) < 0 ? -1 : tlog_verify(l, add_to_books, &b);

	if (rc == 0)
		rc = books_close(&b) < 0 || settle(&s, &b) < 0 ? -1 : print_settlement(l, &b, &s, k);
	books_free(&b);
	settlement_free(&s);
	return rc;
}

static int
run_settle(int argc, char **argv)
{
	int first = opt_parse(&settle_tool, argc, argv), rc = 0;
	struct tlog l = { .folder = -1 };
	struct key k;

	if (first < 0)
		return opt_exit_status();
	if (argc - first != 1)
		return opt_usage(&settle_tool, "one log is wanted");
	if (csv && json)
		return opt_usage(&settle_tool, "--csv or --json");
	if (secret_file && !json)
		return opt_usage(&settle_tool, "what is signed is the statement (--json)");
	if (secret_file)
		rc = read_secret(&k);
	if (rc == 0)
		rc = open_log(&l, argv[first]) < 0 ? -1 : settle_log(&l, secret_file ? &k : NULL);
	tlog_close(&l);
	if (secret_file)
		key_wipe(&k);
	return finish(rc);
}

/* ---- audit ---- */

static struct inspect_options audit = { .share = 1 };
static const char *fraud_path;
static const struct opt audit_opts[] = {
	PUBLIC,
	{ 0, "record", "FOLDER", OPT_STR, &audit.records, 0, 0, "what was sent: of mai-send --record" },
	{ 0, "salts", "FILE", OPT_STR, &audit.salts, 0, 0, "salts: beside the file of mai-send --receipts" },
	{ 0, "share", "P", OPT_FLOAT, &audit.share, 0, 1, "compute a share P of the streams again, by chance (1)" },
	{ 0, "proofs", "FOLDER", OPT_STR, &audit.proofs, 0, 0, "where to write a proof for each receipt that is wrong" },
	{ 0, "fraud", "PROOF", OPT_STR, &fraud_path, 0, 0, "check such a proof instead" },
	{ 0 },
};
static const struct opt_tool audit_tool = { "mai-ledger audit", "[-p KEY] --record FOLDER --salts FILE [--share P] [--proofs FOLDER] LOG COMMAND\n"
	"mai-ledger audit -p KEY --fraud PROOF COMMAND",
	"computes rows again by COMMAND, such as 'mai-run SHARD', and compares what receipts say of them", audit_opts };

struct tally {
	uint64_t right, other, wrong;
};

static void
judged(void *arg, uint64_t index, enum fraud_verdict v)
{
	struct tally *t = arg;

	t->right += v == FRAUD_NONE;
	t->other += v == FRAUD_OTHER;
	t->wrong += v == FRAUD_SHOWN;
	if (v == FRAUD_SHOWN)
		printf("receipt %llu: its rows give another answer\n", (unsigned long long)index);
}

static int
audit_log(const char *path)
{
	struct tally t = { 0 };
	struct tlog l;
	int rc;

	audit.told = judged;
	audit.arg = &t;
	rc = open_log(&l, path) < 0 ? -1 : inspect(&l, &audit);
	tlog_close(&l);
	if (rc < 0)
		return -1;
	printf("%llu receipts as computed, %llu not, %llu not of these rows or layers\n", (unsigned long long)t.right, (unsigned long long)t.wrong,
	    (unsigned long long)t.other);
	return t.wrong > 0 ? err_set(ERR_DATA, "%s: %llu receipts are wrong", path, (unsigned long long)t.wrong) : 0;
}

static int
audit_proof(void)
{
	enum fraud_verdict v = FRAUD_OTHER;
	struct buf text = { 0 };
	char did[PEERID_DID];
	struct note_key log;
	struct record r;
	int rc = read_vkey(&log, log_key) < 0 ? -1 : fraud_check(fraud_path, &log, audit.command, &text, &r, &v);

	if (rc == 0 && v == FRAUD_SHOWN)
		printf("%s has not computed what it says\n", peerid_did(r.signer, did));
	else if (rc == 0)
		rc = err_set(ERR_DATA, "%s: shows no fraud: %s", fraud_path, v == FRAUD_NONE ? "the answer is right" : "other rows or layers");
	buf_free(&text);
	return rc;
}

static int
run_audit(int argc, char **argv)
{
	int first = opt_parse(&audit_tool, argc, argv), rc;

	if (first < 0)
		return opt_exit_status();
	if (argc - first != (fraud_path ? 1 : 2))
		return opt_usage(&audit_tool, fraud_path ? "one command is wanted" : "a log and a command are wanted");
	if (fraud_path ? !log_key : !audit.records || !audit.salts)
		return opt_usage(&audit_tool, fraud_path ? "--fraud needs the key of the log (-p)" : "--record and --salts are wanted");
	audit.command = argv[argc - 1];
	io_out_clean_on_signals();
	rc = fraud_path ? audit_proof() : audit_log(argv[first]);
	return finish(rc);
}

static const struct opt_verb verbs[] = { { "init", run_init }, { "sign", run_sign }, { "append", run_append }, { "show", run_show }, { "export", run_export },
	{ "prove", run_prove }, { "verify", run_verify }, { "witness", run_witness },
	{ "audit", run_audit }, { "settle", run_settle }, { 0 } };

int
main(int argc, char **argv)
{
	msg_init("mai-ledger");
	return opt_verb(&top, verbs, argc, argv);
}
