/* mai-sign: keys and the names they give, signatures of files, credentials. */
#include <jansson.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/config.h"
#include "base/err.h"
#include "base/io.h"
#include "base/mem.h"
#include "base/msg.h"
#include "base/opt.h"
#include "text/utf8.h"
#include "trust/credential.h"
#include "trust/datetime.h"
#include "trust/jcs.h"
#include "trust/key.h"
#include "trust/keylist.h"
#include "trust/pass.h"
#include "trust/peerid.h"
#include "trust/signature.h"
#include "trust/signed_model.h"

static const struct opt no_opts[] = { { 0 } };
static const struct opt_tool top = { "mai-sign", "keygen [-o NAME] [-W] [--json]\n"
	"mai-sign id [--json] [PUBLIC]\n"
	"mai-sign sign [-k KEY] [-x SIGNATURE] FILE...\n"
	"mai-sign verify [-p KEY | -a LIST] [-x SIGNATURE | -m] [--json] FILE...\n"
	"mai-sign attest [-k KEY] [-T TYPE] [--until MOMENT] [FILE]\n"
	"mai-sign check [-p KEY | -a LIST] [-s ID] [-T TYPE] FILE...",
	"makes keys and the names that they give to people and nodes, signs and verifies files, issues and checks credentials; "
	"each verb has a --help of its own",
	no_opts };

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

static int
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

static int
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

/* ---- sign ---- */

static struct {
	const char *key, *signature, *comment, *trusted;
	bool legacy;
} sign = { .comment = "signature from mai-sign" };
static const struct opt sign_opts[] = {
	{ 'k', "key", "FILE", OPT_STR, &sign.key, 0, 0, "secret key (~/.config/mai/me.key)" },
	{ 'x', "signature", "FILE", OPT_STR, &sign.signature, 0, 0, "where to write the signature (FILE.minisig)" },
	{ 't', "trusted-comment", "TEXT", OPT_STR, &sign.trusted, 0, 0, "a comment that is signed (time and name)" },
	{ 'c', "comment", "TEXT", OPT_STR, &sign.comment, 0, 0, "one that is not" },
	{ 'l', "legacy", NULL, OPT_FLAG, &sign.legacy, 0, 0, "sign the data, not their hash: for signify" },
	{ 0 },
};
static const struct opt_tool sign_tool = { "mai-sign sign", "[-k KEY] [-x SIGNATURE] FILE...", "signs files, as minisign does", sign_opts };

static int
sign_file(const struct key *k, const char *path)
{
	static struct signature s;
	char *name = mem_join(path, ".minisig");
	int rc = -1;

	if (name && signature_make(&s, k, path, !sign.legacy, sign.comment, sign.trusted) == 0)
		rc = signature_write(&s, sign.signature ? sign.signature : name);
	free(name);
	return rc;
}

static int
check_files(const struct opt_tool *t, char **files, int n, const char *signature)
{
	if (n == 0)
		return opt_usage(t, "no file to %s", strchr(t->name, ' ') + 1);
	if (n > 1 && signature)
		return opt_usage(t, "-x is for one file");
	for (int i = 0; i < n; i++)
		if (strcmp(files[i], "-") == 0 && !signature)
			return opt_usage(t, "the signature of stdin has no name of its own; -x gives one");
	return 0;
}

static int
run_sign(int argc, char **argv)
{
	int first = opt_parse(&sign_tool, argc, argv), rc;
	char mine[CONFIG_PATH];
	struct key k;

	if (first < 0)
		return opt_exit_status();
	if ((rc = check_files(&sign_tool, argv + first, argc - first, sign.signature)) != 0)
		return rc;
	io_out_clean_on_signals();
	rc = key_read_secret(&k, sign.key ? sign.key : config_file(mine, "me.key"), pass_ask, NULL);
	for (int i = first; rc == 0 && i < argc; i++)
		rc = sign_file(&k, argv[i]);
	key_wipe(&k);
	return rc < 0 ? msg_fail() : 0;
}

/* ---- verify ---- */

static struct {
	const char *key, *list, *signature;
	bool model, json;
} check;
static const struct opt check_opts[] = {
	{ 'p', "key", "KEY", OPT_STR, &check.key, 0, 0, "who must have signed: file, did:key, PeerId, RW..., or a name of the list" },
	{ 'a', "allow", "FILE", OPT_STR, &check.list, 0, 0, "list of those who may have (~/.config/mai/trusted)" },
	{ 'x', "signature", "FILE", OPT_STR, &check.signature, 0, 0, "the signature (FILE.minisig, or else FILE.sig)" },
	{ 'm', "model", NULL, OPT_FLAG, &check.model, 0, 0, "a model: a manifest with its shards, or a file that the manifest beside it names" },
	{ 0, "json", NULL, OPT_FLAG, &check.json, 0, 0, "print JSON" },
	{ 0 },
};
static const struct opt_tool check_tool = { "mai-sign verify", "[-p KEY | -a LIST] [-x SIGNATURE | -m] [--json] FILE...",
	"verifies signatures of minisign and signify, and prints their comments", check_opts };

static int
read_list(struct keylist *l)
{
	char path[CONFIG_PATH];

	return keylist_load(l, check.list ? check.list : config_file(path, "trusted"));
}

/* The key that -p names. */
static int
find_key(struct key_public *k)
{
	const struct keylist_entry *e;
	struct keylist l = { 0 };
	int rc;

	if (keylist_parse(k, check.key, strlen(check.key)) == 0 || key_read_public(k, check.key) == 0)
		return 0;
	if (access(check.key, F_OK) == 0)
		return -1;
	if ((rc = read_list(&l)) == 0) {
		e = keylist_named(&l, check.key);
		rc = e ? 0 : err_set(ERR_DATA, "'%s' is no key, no file and no name in the list", check.key);
		if (e)
			*k = e->key;
	}
	keylist_free(&l);
	return rc;
}

static int
read_keys(struct keylist *l)
{
	struct key_public k;

	if (!check.key)
		return read_list(l);
	return find_key(&k) < 0 ? -1 : keylist_add(l, &k);
}

static int
print_signer(const char *path, const struct signature *s, const struct keylist_entry *e)
{
	char did[PEERID_DID];
	struct buf name = { 0 };
	json_t *o;
	int rc;

	peerid_did(e->key.bytes, did);
	if (!check.json) {
		printf("%s: signed by %s%s%s\n", path, e->name[0] ? e->name : did, s->commented ? ": " : "", s->trusted);
		return 0;
	}
	rc = utf8_replace(&name, path, strlen(path)); /* JSON knows no other bytes */
	o = json_pack("{ss# ss ss* ss*}", "file", name.data, (int)name.len, "did", did, "name", e->name[0] ? e->name : NULL, "comment",
	    s->commented ? s->trusted : NULL);
	if (rc == 0 && (!o || json_dumpf(o, stdout, JSON_COMPACT) < 0 || putchar('\n') == EOF))
		rc = err_sys("stdout");
	json_decref(o);
	buf_free(&name);
	return rc;
}

static int
verify_file(const char *path, const struct keylist *l)
{
	static struct signature s;
	const struct keylist_entry *signer;

	if (check.model)
		return (signer = signed_model(path, l)) ? print_signer(path, &(struct signature){ 0 }, signer) : -1;
	if ((check.signature ? signature_read(&s, check.signature) : signature_read_of(&s, path)) < 0)
		return -1;
	if (!(signer = signature_signer(&s, path, l)))
		return err_wrap("%s", path);
	return print_signer(path, &s, signer);
}

/* Tries all, with the keys that count; returns the exit status. */
static int
each_file(char **files, int n, int (*try)(const char *path, const struct keylist *l))
{
	struct keylist l = { 0 };
	int status = 0, rc;

	if (read_keys(&l) < 0)
		return msg_fail();
	for (int i = 0; i < n; i++)
		if (try(files[i], &l) < 0 && (rc = msg_fail()) > status)
			status = rc;
	keylist_free(&l);
	return io_close_stdout() < 0 ? msg_fail() : status;
}

static int
run_verify(int argc, char **argv)
{
	int first = opt_parse(&check_tool, argc, argv), rc;

	if (first < 0)
		return opt_exit_status();
	if ((rc = check_files(&check_tool, argv + first, argc - first, check.signature)) != 0)
		return rc;
	if (check.model && check.signature)
		return opt_usage(&check_tool, "-m finds the signature itself, -x names it");
	return each_file(argv + first, argc - first, verify_file);
}

/* ---- attest ---- */

static struct {
	const char *key, *type, *until;
} attest = { .type = "" };
static const struct opt attest_opts[] = {
	{ 'k', "key", "FILE", OPT_STR, &attest.key, 0, 0, "secret key of the issuer (~/.config/mai/me.key)" },
	{ 'T', "type", "TYPE", OPT_STR, &attest.type, 0, 0, "what kind of credential it is" },
	{ 0, "until", "MOMENT", OPT_STR, &attest.until, 0, 0, "valid until then: 2026-01-02T03:04:05Z (for ever)" },
	{ 0 },
};
static const struct opt_tool attest_tool = { "mai-sign attest", "[-k KEY] [-T TYPE] [--until MOMENT] [FILE]",
	"issues a credential that says what the JSON object in FILE (stdin) says of its \"id\"", attest_opts };

/* NULL with a reason. */
static json_t *
read_json(const char *path)
{
	struct buf text = { 0 };
	int fd = io_open(path);
	json_t *o = NULL;

	if (fd < 0)
		return NULL;
	if (io_read_all(fd, &text, path) == 0 && !(o = jcs_parse((const char *)text.data, text.len)))
		err_wrap("%s", path);
	if (fd != STDIN_FILENO)
		close(fd);
	buf_free(&text);
	return o;
}

/* The canonical text, on a line. */
static int
print_json(const json_t *o)
{
	struct buf text = { 0 };
	int rc = jcs_add(&text, o);

	if (rc == 0 && (fwrite(text.data, 1, text.len, stdout) != text.len || putchar('\n') == EOF))
		rc = err_sys("stdout");
	buf_free(&text);
	return rc;
}

static int
issue(json_t *claims, int64_t until)
{
	char mine[CONFIG_PATH];
	struct key k;
	json_t *o;
	int rc = -1;

	if (key_read_secret(&k, attest.key ? attest.key : config_file(mine, "me.key"), pass_ask, NULL) < 0)
		return -1;
	if ((o = credential_issue(&k, attest.type, claims, (int64_t)time(NULL), until)))
		rc = print_json(o);
	key_wipe(&k);
	json_decref(o);
	return rc;
}

static int
run_attest(int argc, char **argv)
{
	int first = opt_parse(&attest_tool, argc, argv), rc;
	int64_t until = CREDENTIAL_ALWAYS;
	json_t *claims;

	if (first < 0)
		return opt_exit_status();
	if (argc - first > 1)
		return opt_usage(&attest_tool, "one file is taken");
	if (attest.until && !datetime_parse(&until, attest.until))
		return opt_usage(&attest_tool, "'%s' is no moment such as 2026-01-02T03:04:05Z", attest.until);
	if (!(claims = read_json(first < argc ? argv[first] : "-")))
		return msg_fail();
	rc = issue(claims, until);
	json_decref(claims);
	return rc < 0 || io_close_stdout() < 0 ? msg_fail() : 0;
}

/* ---- check ---- */

static const char *wanted_type, *wanted_subject;
static const struct opt credential_opts[] = {
	{ 'p', "key", "KEY", OPT_STR, &check.key, 0, 0, "who must have issued it: file, did:key, PeerId, RW..., or a name of the list" },
	{ 'a', "allow", "FILE", OPT_STR, &check.list, 0, 0, "list of those who may have (~/.config/mai/trusted)" },
	{ 's', "subject", "ID", OPT_STR, &wanted_subject, 0, 0, "of whom it must speak" },
	{ 'T', "type", "TYPE", OPT_STR, &wanted_type, 0, 0, "what kind of credential it must be" },
	{ 0 },
};
static const struct opt_tool credential_tool = { "mai-sign check", "[-p KEY | -a LIST] [-s ID] [-T TYPE] FILE...",
	"checks credentials, and prints what they say, as JSON", credential_opts };

static int
check_credential(const json_t *o, const struct keylist *l)
{
	char did[PEERID_DID];
	struct credential c;

	if (credential_check(o, (int64_t)time(NULL), &c) < 0)
		return -1;
	if (!keylist_find(l, c.issuer))
		return err_set(ERR_DATA, "issued by %s, who is not known", peerid_did(c.issuer, did));
	if (wanted_type && strcmp(wanted_type, c.type) != 0)
		return err_set(ERR_DATA, "not of the type that is wanted");
	if (wanted_subject && strcmp(wanted_subject, c.subject) != 0)
		return err_set(ERR_DATA, "speaks of somebody else");
	return print_json(c.claims);
}

static int
check_file(const char *path, const struct keylist *l)
{
	json_t *o = read_json(path);
	int rc = o ? 0 : -1;

	if (o && check_credential(o, l) < 0)
		rc = err_wrap("%s", path);
	json_decref(o);
	return rc;
}

static int
run_check(int argc, char **argv)
{
	int first = opt_parse(&credential_tool, argc, argv);

	if (first < 0)
		return opt_exit_status();
	if (first == argc)
		return opt_usage(&credential_tool, "no file to check");
	return each_file(argv + first, argc - first, check_file);
}

static const struct opt_verb verbs[] = { { "keygen", run_keygen }, { "id", run_id }, { "sign", run_sign }, { "verify", run_verify },
	{ "attest", run_attest }, { "check", run_check }, { 0 } };

int
main(int argc, char **argv)
{
	msg_init("mai-sign");
	return opt_verb(&top, verbs, argc, argv);
}
