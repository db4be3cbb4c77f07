/* Who owes whom what. */
#include <stdio.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/io.h"
#include "base/msg.h"
#include "base/opt.h"
#include "ledger/record.h"
#include "ledger/settle.h"
#include "ledger/statement.h"
#include "ledger/tlog.h"
#include "trust/jcs.h"
#include "trust/key.h"
#include "trust/peerid.h"
#include "verbs.h"

static const char *since;
static bool csv, json;
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
	struct record r;

	return record_entry(&r, data, n) < 0 ? -1 : books_add(books, index, &r);
}

static int
read_since(struct tlog *l, struct books *b, struct settlement *s)
{
	struct buf text = { 0 };
	int rc = io_read_file(&text, since, JCS_MAX);

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

int
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
