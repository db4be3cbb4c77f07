/* Keys, and the names that they give. */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/config.h"
#include "base/err.h"
#include "base/io.h"
#include "base/mem.h"
#include "base/msg.h"
#include "base/opt.h"
#include "trust/key.h"
#include "trust/pass.h"
#include "trust/peerid.h"
#include "verbs.h"

static int
print_names(const struct key_public *k, bool json)
{
	struct peerid peer = peerid_of_key(k->bytes);
	char did[PEERID_DID], id[PEERID_TEXT], number[2 * KEY_NUMBER + 1];

	peerid_did(k->bytes, did);
	peerid_text(&peer, id);
	key_number_text(k, number);
	if (json)
		printf("{\"did\":\"%s\",\"peer\":\"%s\",\"key\":\"%s\"}\n", did, id, number);
	else
		printf("did:key  %s\nPeerId   %s\nkey      %s\n", did, id, number);
	return io_close_stdout() < 0 ? msg_fail() : 0;
}

/* ---- keygen ---- */

static struct {
	const char *name;
	bool open, json;
} gen;
static const struct opt gen_opts[] = {
	{ 'o', "output", "NAME", OPT_STR, &gen.name, 0, 0, "files to write: NAME.key and NAME.pub (~/.config/mai/me)" },
	{ 'W', "no-passphrase", NULL, OPT_FLAG, &gen.open, 0, 0, "the secret key is not encrypted: for nodes" },
	{ 0, "json", NULL, OPT_FLAG, &gen.json, 0, 0, "print JSON" },
	{ 0 },
};
static const struct opt_tool gen_tool = { "mai-sign keygen", "[-o NAME] [-W] [--json]", "makes a key: for files, a person and a node", gen_opts };

static int
generate(struct key *k, const char *secret, const char *public)
{
	char pass[KEY_PASS];
	int rc;

	if (access(public, F_OK) == 0)
		return err_set(ERR_SYSTEM, "%s: exists; no key is written over", public);
	if (key_generate(k) < 0 || (!gen.open && pass_choose(pass) < 0))
		return -1;
	rc = key_write_secret(k, secret, gen.open ? NULL : pass);
	sodium_memzero(pass, sizeof pass);
	if (rc == 0 && key_write_public(&k->public, public) < 0) {
		unlink(secret);
		rc = -1;
	}
	return rc;
}

int
run_keygen(int argc, char **argv)
{
	int first = opt_parse(&gen_tool, argc, argv), rc;
	char mine[CONFIG_PATH];
	struct key k;
	char *secret, *public;

	if (first < 0)
		return opt_exit_status();
	if (first < argc)
		return opt_usage(&gen_tool, "no operand is taken");
	if (!gen.name) {
		gen.name = config_file(mine, "me");
		if (config_make_folder() < 0)
			return msg_fail();
	}
	secret = mem_join(gen.name, ".key");
	public = mem_join(gen.name, ".pub");
	rc = secret && public ? generate(&k, secret, public) : -1;
	free(secret);
	free(public);
	if (rc < 0)
		return msg_fail();
	rc = print_names(&k.public, gen.json);
	key_wipe(&k);
	return rc;
}

/* ---- id ---- */

static bool id_json;
static const struct opt id_opts[] = {
	{ 0, "json", NULL, OPT_FLAG, &id_json, 0, 0, "print JSON" },
	{ 0 },
};
static const struct opt_tool id_tool = { "mai-sign id", "[--json] [PUBLIC]", "prints the names of a public key (~/.config/mai/me.pub)", id_opts };

int
run_id(int argc, char **argv)
{
	int first = opt_parse(&id_tool, argc, argv);
	struct key_public k;
	char mine[CONFIG_PATH];

	if (first < 0)
		return opt_exit_status();
	if (argc - first > 1)
		return opt_usage(&id_tool, "one file of a public key is wanted");
	return key_read_public(&k, first < argc ? argv[first] : config_file(mine, "me.pub")) < 0 ? msg_fail() : print_names(&k, id_json);
}
