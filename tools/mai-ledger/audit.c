/* Receipts, beside what comes out when their rows are computed again. */
#include <stdio.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/io.h"
#include "base/opt.h"
#include "ledger/record.h"
#include "ledger/tlog.h"
#include "net/inspect.h"
#include "trust/peerid.h"
#include "verbs.h"

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

int
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
