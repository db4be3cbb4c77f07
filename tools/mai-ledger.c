/* mai-ledger: an append-only log of receipts, terms and ownership, which anyone can check. */
#include "mai-ledger/verbs.h"

#include "base/msg.h"
#include "base/opt.h"

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
	"mai-ledger witness [-k KEY] --name NAME\n"
	"mai-ledger audit [-p KEY] --record FOLDER --salts FILE [--share P] [--proofs FOLDER] LOG COMMAND\n"
	"mai-ledger audit -p KEY --fraud PROOF COMMAND\n"
	"mai-ledger settle [-k KEY] [-p KEY] [--since STATEMENT] [--csv | --json] LOG",
	"keeps receipts, terms and ownership in a log that only grows, and shows that it does; each verb has a --help of its own", no_opts };

static const struct opt_verb verbs[] = { { "init", run_init }, { "sign", run_sign }, { "append", run_append }, { "show", run_show }, { "export", run_export },
	{ "prove", run_prove }, { "verify", run_verify }, { "witness", run_witness },
	{ "audit", run_audit }, { "settle", run_settle }, { 0 } };

int
main(int argc, char **argv)
{
	msg_init("mai-ledger");
	return opt_verb(&top, verbs, argc, argv);
}
