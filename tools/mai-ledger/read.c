/* What is in a log, and the proof that it is. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/opt.h"
#include "ledger/tlog.h"
#include "trust/jcs_text.h"
#include "verbs.h"

/* ---- show, export ---- */

static bool json;
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

int
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

int
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

int
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
