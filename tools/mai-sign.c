/* mai-sign: keys and the names they give, signatures of files and directories, credentials, names of files. */
#include "mai-sign/verbs.h"

#include "base/msg.h"
#include "base/opt.h"

static const struct opt no_opts[] = { { 0 } };
static const struct opt_tool top = { "mai-sign", "keygen [-o NAME] [-W] [--json]\n"
	"mai-sign id [--json] [PUBLIC]\n"
	"mai-sign sign [-k KEY] [-x SIGNATURE] FILE...\n"
	"mai-sign verify [-p KEY | -a LIST] [-x SIGNATURE | -m] [--json] FILE...\n"
	"mai-sign attest [-k KEY] [-T TYPE] [--until MOMENT] [--from CREDENTIAL] [FILE]\n"
	"mai-sign check [-p KEY | -a LIST] [-s ID] [-T TYPE] [--status LIST] FILE...\n"
	"mai-sign revoke [-k KEY] LIST CREDENTIAL...\n"
	"mai-sign bundle [-k KEY] [-o FILE] [-i PATH] DIRECTORY\n"
	"mai-sign verify-bundle -p KEY [-x BUNDLE] [-i PATH] DIRECTORY\n"
	"mai-sign cid [-c] FILE...",
	"makes keys and the names that they give to people and nodes, signs and verifies files, issues and checks credentials; "
	"each verb has a --help of its own",
	no_opts };

static const struct opt_verb verbs[] = { { "keygen", run_keygen }, { "id", run_id }, { "sign", run_sign }, { "verify", run_verify },
	{ "attest", run_attest }, { "check", run_check }, { "revoke", run_revoke }, { "bundle", run_bundle }, { "verify-bundle", run_verify_bundle },
	{ "cid", run_cid }, { 0 } };

int
main(int argc, char **argv)
{
	msg_init("mai-sign");
	return opt_verb(&top, verbs, argc, argv);
}
