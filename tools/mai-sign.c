/* mai-sign: keys and the names they give, signatures of files and directories, credentials, names of files. */
#include <errno.h>
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
#include "base/hash.h"
#include "base/io.h"
#include "base/mem.h"
#include "base/msg.h"
#include "base/opt.h"
#include "text/utf8.h"
#include "trust/cid.h"
#include "trust/datetime.h"
#include "trust/delegation.h"
#include "trust/jcs.h"
#include "trust/key.h"
#include "trust/keylist.h"
#include "trust/oms.h"
#include "trust/pass.h"
#include "trust/peerid.h"
#include "trust/pubkey.h"
#include "trust/signature.h"
#include "trust/signed_model.h"
#include "trust/status.h"

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
	const char *key, *type, *until, *from, *status;
} attest = { .type = "" };
static struct opt_list status_files;
#define STATUS { 0, "status", "LIST", OPT_LIST, &status_files, 0, 0, "what issuers have revoked; may be given several times" }
static const struct opt attest_opts[] = {
	{ 'k', "key", "FILE", OPT_STR, &attest.key, 0, 0, "secret key of the issuer (~/.config/mai/me.key)" },
	{ 'T', "type", "TYPE", OPT_STR, &attest.type, 0, 0, "what kind of credential it is" },
	{ 0, "until", "MOMENT", OPT_STR, &attest.until, 0, 0, "valid until then: 2026-01-02T03:04:05Z (for ever)" },
	{ 0, "from", "CREDENTIAL", OPT_STR, &attest.from, 0, 0, "pass on a part of what this one grants" },
	{ 0, "revocable", "ID#N", OPT_STR, &attest.status, 0, 0, "may be revoked: entry N of the list ID, an address" },
	STATUS,
	{ 0 },
};
static const struct opt_tool attest_tool = { "mai-sign attest", "[-k KEY] [-T TYPE] [--until MOMENT] [--from CREDENTIAL] [FILE]",
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
read_lists(struct status_lists *l)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < status_files.n; i++) {
		json_t *o = read_json(status_files.item[i]);
		rc = o ? status_add(l, o, (int64_t)time(NULL)) : -1;
		if (o && rc < 0)
			err_wrap("%s", status_files.item[i]);
		json_decref(o);
	}
	free(status_files.item);
	return rc;
}

/* ID#N. 0, or -1 with a reason. */
static int
read_entry(struct credential *c, const char *text)
{
	const char *hash = strrchr(text, '#');
	char *id = mem_strdup(text);
	int64_t n;
	int rc;

	if (!id)
		return -1;
	if (hash && hash > text && opt_number(hash + 1, 0, (int64_t)STATUS_MAX * 8 - 1, &n)) {
		id[hash - text] = '\0';
		rc = (c->status = status_entry(id, (uint64_t)n)) ? 0 : -1; /* n is not negative */
	} else {
		rc = err_set(ERR_USAGE, "'%s' is no ID#N with a number of at most %lld", text, (long long)STATUS_MAX * 8 - 1);
	}
	free(id);
	return rc;
}

/* By key k, or NULL with a reason. */
static json_t *
issue_by(const struct key *k, const struct credential *c)
{
	struct status_lists lists = { 0 };
	json_t *from, *o = NULL;

	if (!attest.from)
		return credential_issue(k, c);
	if ((from = read_json(attest.from)) && read_lists(&lists) == 0 && !(o = delegation_add(from, k, c, &lists)))
		err_wrap("%s", attest.from);
	status_free(&lists);
	json_decref(from);
	return o;
}

static int
issue(const struct credential *c)
{
	char mine[CONFIG_PATH];
	struct key k;
	json_t *o;
	int rc = -1;

	if (key_read_secret(&k, attest.key ? attest.key : config_file(mine, "me.key"), pass_ask, NULL) < 0)
		return -1;
	if ((o = issue_by(&k, c)))
		rc = print_json(o);
	key_wipe(&k);
	json_decref(o);
	return rc;
}

static int
run_attest(int argc, char **argv)
{
	int first = opt_parse(&attest_tool, argc, argv), rc = 0;
	struct credential c = { .from = (int64_t)time(NULL), .until = CREDENTIAL_ALWAYS, .id = "" };

	if (first < 0)
		return opt_exit_status();
	if (argc - first > 1)
		return opt_usage(&attest_tool, "one file is taken");
	if (attest.until && !datetime_parse(&c.until, attest.until))
		return opt_usage(&attest_tool, "'%s' is no moment such as 2026-01-02T03:04:05Z", attest.until);
	c.type = attest.type;
	if (attest.status)
		rc = read_entry(&c, attest.status);
	if (rc == 0)
		rc = (c.claims = read_json(first < argc ? argv[first] : "-")) ? issue(&c) : -1;
	json_decref(c.claims);
	json_decref(c.status);
	return rc < 0 || io_close_stdout() < 0 ? msg_fail() : 0;
}

/* ---- check ---- */

static const char *wanted_type, *wanted_subject;
static const struct opt credential_opts[] = {
	{ 'p', "key", "KEY", OPT_STR, &check.key, 0, 0, "who must have issued it: file, did:key, PeerId, RW..., or a name of the list" },
	{ 'a', "allow", "FILE", OPT_STR, &check.list, 0, 0, "list of those who may have (~/.config/mai/trusted)" },
	{ 's', "subject", "ID", OPT_STR, &wanted_subject, 0, 0, "of whom it must speak" },
	{ 'T', "type", "TYPE", OPT_STR, &wanted_type, 0, 0, "what kind of credential it must be" },
	STATUS,
	{ 0 },
};
static const struct opt_tool credential_tool = { "mai-sign check", "[-p KEY | -a LIST] [-s ID] [-T TYPE] [--status LIST] FILE...",
	"checks credentials, and prints what they say, as JSON", credential_opts };

static struct status_lists revoked;

/* One, or a chain: what counts is who has issued the first, and what the last says. */
static int
check_credential(const json_t *o, const struct keylist *l)
{
	const struct credential *last;
	char did[PEERID_DID];
	struct delegation d;

	if (delegation_check(o, (int64_t)time(NULL), &revoked, &d) < 0)
		return -1;
	last = &d.link[d.n - 1];
	if (!keylist_find(l, d.link[0].issuer))
		return err_set(ERR_DATA, "issued by %s, who is not known", peerid_did(d.link[0].issuer, did));
	if (wanted_type && strcmp(wanted_type, last->type) != 0)
		return err_set(ERR_DATA, "not of the type that is wanted");
	if (wanted_subject && strcmp(wanted_subject, last->subject) != 0)
		return err_set(ERR_DATA, "speaks of somebody else");
	return print_json(last->claims);
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
	int first = opt_parse(&credential_tool, argc, argv), rc;

	if (first < 0)
		return opt_exit_status();
	if (first == argc)
		return opt_usage(&credential_tool, "no file to check");
	rc = read_lists(&revoked) < 0 ? msg_fail() : each_file(argv + first, argc - first, check_file);
	status_free(&revoked);
	return rc;
}

/* ---- revoke ---- */

static const char *revoke_key;
static const struct opt revoke_opts[] = {
	{ 'k', "key", "FILE", OPT_STR, &revoke_key, 0, 0, "secret key of the issuer (~/.config/mai/me.key)" },
	{ 0 },
};
static const struct opt_tool revoke_tool = { "mai-sign revoke", "[-k KEY] LIST CREDENTIAL...",
	"adds credentials to a list of those that are revoked, which it makes where there is none", revoke_opts };

/* The list as it is; empty and without an id where there is no file. */
static int
read_status(struct status_lists *l, const char *path, const struct key *k)
{
	json_t *o;
	int rc;

	if (access(path, F_OK) != 0 && errno == ENOENT)
		return mem_grow(&l->list, &l->cap, 1, sizeof *l->list) < 0 ? -1 : (l->list[l->n++] = (struct status_list){ 0 }, 0);
	if (!(o = read_json(path)))
		return -1;
	rc = status_add(l, o, (int64_t)time(NULL));
	if (rc == 0 && memcmp(l->list[0].issuer, k->public.bytes, KEY_PUBLIC) != 0)
		rc = err_set(ERR_DATA, "the list of another issuer");
	json_decref(o);
	return rc < 0 ? err_wrap("%s", path) : 0;
}

/* The last of a chain is the issuer's own: what others have passed on is theirs to revoke. */
static int
revoke_file(struct status_list *l, const char *path, const struct key *k)
{
	json_t *o = read_json(path);
	struct credential c;
	int rc = -1;

	if (!o)
		return -1;
	if (credential_read(json_is_array(o) ? json_array_get(o, json_array_size(o) - 1) : o, &c) < 0)
		;
	else if (memcmp(c.issuer, k->public.bytes, KEY_PUBLIC) != 0)
		err_set(ERR_DATA, "issued by another key");
	else if (!c.status)
		err_set(ERR_DATA, "was issued for good: it names no list");
	else if (l->id || (status_list_of(c.status) && (l->id = mem_strdup(status_list_of(c.status)))))
		rc = status_revoke(l, c.status);
	json_decref(o);
	return rc < 0 ? err_wrap("%s", path) : 0;
}

static int
write_json(const json_t *o, const char *path)
{
	struct buf text = { 0 };
	struct io_out out;
	int rc = jcs_add(&text, o) < 0 || buf_addc(&text, '\n') < 0 || io_out_open(&out, path) < 0 ? -1 : 0;

	if (rc == 0) {
		rc = fwrite(text.data, 1, text.len, out.file) == text.len ? io_out_commit(&out) : err_sys("%s", path);
		io_out_abort(&out);
	}
	buf_free(&text);
	return rc;
}

static int
run_revoke(int argc, char **argv)
{
	int first = opt_parse(&revoke_tool, argc, argv), rc;
	struct status_lists l = { 0 };
	char mine[CONFIG_PATH];
	json_t *o = NULL;
	struct key k;

	if (first < 0)
		return opt_exit_status();
	if (argc - first < 2)
		return opt_usage(&revoke_tool, "a list, and what to add to it, are wanted");
	io_out_clean_on_signals();
	if (key_read_secret(&k, revoke_key ? revoke_key : config_file(mine, "me.key"), pass_ask, NULL) < 0)
		return msg_fail();
	rc = read_status(&l, argv[first], &k);
	for (int i = first + 1; rc == 0 && i < argc; i++)
		rc = revoke_file(&l.list[0], argv[i], &k);
	if (rc == 0)
		rc = (o = status_issue(&k, &l.list[0], (int64_t)time(NULL))) ? write_json(o, argv[first]) : -1;
	key_wipe(&k);
	status_free(&l);
	json_decref(o);
	return rc < 0 ? msg_fail() : 0;
}

/* ---- bundle ---- */

static struct {
	const char *key, *output;
	struct opt_list ignored;
} bundle;
static const struct opt bundle_opts[] = {
	{ 'k', "key", "FILE", OPT_STR, &bundle.key, 0, 0, "secret key (~/.config/mai/me.key)" },
	{ 'o', "output", "FILE", OPT_STR, &bundle.output, 0, 0, "where to write the bundle (DIRECTORY/" OMS_NAME ")" },
	{ 'i', "ignore", "PATH", OPT_LIST, &bundle.ignored, 0, 0, "leave this out, a path in DIRECTORY; may be given several times" },
	{ 0 },
};
static const struct opt_tool bundle_tool = { "mai-sign bundle", "[-k KEY] [-o FILE] [-i PATH] DIRECTORY",
	"signs all files of a directory at once: a bundle of OpenSSF Model Signing", bundle_opts };

/* The bundle's place in a directory that has no other name for it. */
static char *
bundle_in(const char *directory)
{
	return mem_join(directory, directory[0] && directory[strlen(directory) - 1] == '/' ? OMS_NAME : "/" OMS_NAME);
}

/* What is not of the model: what the user says, and the bundle itself. */
static int
leave_out(struct oms *m, const struct opt_list *paths, const char *directory, const char *file)
{
	for (size_t i = 0; i < paths->n; i++)
		if (oms_ignore(m, paths->item[i]) < 0)
			return -1;
	return strcmp(file, "-") == 0 ? 0 : oms_ignore_file(m, directory, file);
}

static int
write_bundle(const struct oms *m, const struct key *k, const char *path)
{
	struct buf text = { 0 };
	struct io_out out;
	int rc = oms_sign(&text, m, k);

	if (rc == 0 && (rc = io_out_open(&out, path)) == 0) {
		fwrite(text.data, 1, text.len, out.file);
		rc = io_out_commit(&out);
	}
	buf_free(&text);
	return rc;
}

static int
sign_directory(const char *directory, const char *file)
{
	char mine[CONFIG_PATH];
	struct oms m = { 0 };
	struct key k;
	int rc;

	if (key_read_secret(&k, bundle.key ? bundle.key : config_file(mine, "me.key"), pass_ask, NULL) < 0)
		return -1;
	if ((rc = leave_out(&m, &bundle.ignored, directory, file)) == 0 && (rc = oms_add_all(&m, directory)) == 0 &&
	    (rc = oms_hash(&m, directory)) == 0)
		rc = write_bundle(&m, &k, file);
	if (rc == 0)
		msg_info("%s: %zu files signed", directory, m.n);
	oms_free(&m);
	key_wipe(&k);
	return rc;
}

static int
run_bundle(int argc, char **argv)
{
	int first = opt_parse(&bundle_tool, argc, argv), rc;
	char *file;

	if (first < 0)
		return opt_exit_status();
	if (argc - first != 1)
		return opt_usage(&bundle_tool, "one directory is wanted");
	io_out_clean_on_signals();
	file = bundle.output ? mem_strdup(bundle.output) : bundle_in(argv[first]);
	rc = file ? sign_directory(argv[first], file) : -1;
	free(file);
	free(bundle.ignored.item);
	return rc < 0 ? msg_fail() : 0;
}

/* ---- verify-bundle ---- */

static struct {
	const char *file;
	struct opt_list ignored;
} bundled;
static const struct opt bundled_opts[] = {
	{ 'p', "key", "KEY", OPT_STR, &check.key, 0, 0, "who must have signed: file, also PEM, did:key, PeerId, RW..., or a name of the list" },
	{ 'x', "bundle", "FILE", OPT_STR, &bundled.file, 0, 0, "the bundle (DIRECTORY/" OMS_NAME ")" },
	{ 'i', "ignore", "PATH", OPT_LIST, &bundled.ignored, 0, 0, "let this be there, a path in DIRECTORY; may be given several times" },
	{ 0 },
};
static const struct opt_tool bundled_tool = { "mai-sign verify-bundle", "-p KEY [-x BUNDLE] [-i PATH] DIRECTORY",
	"verifies a directory by its bundle: all files as they were signed, and no others", bundled_opts };

static int
find_pubkey(struct pubkey *p)
{
	struct key_public k;

	if (pubkey_is_pem(check.key))
		return pubkey_read(p, check.key);
	return find_key(&k) < 0 ? -1 : pubkey_of_key(p, k.bytes);
}

static void
print_directory(const char *directory, const struct oms *m, const struct pubkey *p)
{
	char did[PEERID_DID], hint[HASH_HEX];

	if (p->ed25519)
		printf("%s: %zu file%s signed by %s\n", directory, m->n, m->n == 1 ? "" : "s", peerid_did(p->bytes, did));
	else
		printf("%s: %zu file%s signed by key %s\n", directory, m->n, m->n == 1 ? "" : "s", pubkey_hint(p, hint));
}

static int
verify_directory(const char *directory, const char *file, const struct pubkey *p)
{
	struct oms_bundle b;
	struct oms m;
	int rc;

	if (oms_read(&b, file) < 0)
		return -1;
	rc = oms_signed(&m, &b, p) < 0 ? err_wrap("%s", file) : 0;
	oms_bundle_free(&b);
	if (rc == 0 && (rc = leave_out(&m, &bundled.ignored, directory, file)) == 0 && (rc = oms_check(&m, directory)) == 0)
		print_directory(directory, &m, p);
	oms_free(&m);
	return rc;
}

static int
run_verify_bundle(int argc, char **argv)
{
	int first = opt_parse(&bundled_tool, argc, argv), rc = -1;
	struct pubkey p = { 0 };
	char *file;

	if (first < 0)
		return opt_exit_status();
	if (argc - first != 1)
		return opt_usage(&bundled_tool, "one directory is wanted");
	if (!check.key)
		return opt_usage(&bundled_tool, "-p says who must have signed it");
	file = bundled.file ? mem_strdup(bundled.file) : bundle_in(argv[first]);
	if (file && find_pubkey(&p) == 0)
		rc = verify_directory(argv[first], file, &p);
	pubkey_free(&p);
	free(file);
	free(bundled.ignored.item);
	return rc < 0 || io_close_stdout() < 0 ? msg_fail() : 0;
}

/* ---- cid ---- */

static bool cid_lists;
static const struct opt cid_opts[] = {
	{ 'c', "check", NULL, OPT_FLAG, &cid_lists, 0, 0, "the files are lists of such lines: compare what they name" },
	{ 0 },
};
static const struct opt_tool cid_tool = { "mai-sign cid", "[-c] FILE...",
	"prints the CID of each file: version 1, raw, SHA-256, as IPFS names files of one chunk", cid_opts };

static int
print_cid(const char *path)
{
	char text[MULTIBASE_TEXT];
	struct cid c;

	if (strchr(path, '\n'))
		return err_set(ERR_DATA, "a name with a newline does not go on a line");
	if (cid_of_file(&c, path) < 0)
		return -1;
	printf("%s  %s\n", cid_text(&c, text), path);
	return 0;
}

/* Is the file what its CID says? The answer goes to stdout. */
static int
check_cid(const struct cid *want, const char *path)
{
	struct cid is;

	if (want->version != 1 || want->codec != CID_RAW || want->hash.code != MULTIHASH_SHA256 || want->hash.n != HASH_SIZE)
		return err_set(ERR_DATA, "%s: its CID is not that of a file, raw, by SHA-256", path);
	if (cid_of_file(&is, path) < 0) {
		printf("%s: FAILED open or read\n", path);
		return -1;
	}
	if (!cid_equal(&is, want)) {
		printf("%s: FAILED\n", path);
		return err_set(ERR_DATA, "%s: not what its CID says", path);
	}
	printf("%s: OK\n", path);
	return 0;
}

/* "CID  NAME", of n characters: the name; NULL with a reason. */
static const char *
read_line(struct cid *c, const char *line, size_t n)
{
	const char *gap = strstr(line, "  ");

	if (strlen(line) == n && gap && gap[2])
		return cid_parse(c, line, (size_t)(gap - line)) < 0 ? NULL : gap + 2;
	err_set(ERR_DATA, "not a CID, two spaces and a name");
	return NULL;
}

/* Tries all lines; returns the exit status. */
static int
check_lines(FILE *in, const char *path)
{
	int status = 0, rc, number = 0;
	const char *name;
	char *line = NULL;
	size_t cap = 0;
	struct cid c;
	ssize_t n;

	while ((n = getline(&line, &cap, in)) >= 0) {
		number++;
		if (line[n - 1] == '\n')
			line[--n] = '\0';
		name = read_line(&c, line, (size_t)n);
		rc = name ? check_cid(&c, name) : err_wrap("%s: line %d", path, number);
		if (rc < 0 && (rc = msg_fail()) > status)
			status = rc;
	}
	free(line);
	if (ferror(in))
		err_sys("%s", path);
	else if (number == 0)
		err_set(ERR_DATA, "%s: no line", path);
	return ferror(in) || number == 0 ? msg_fail() : status;
}

static int
check_list(const char *path)
{
	int fd = io_open(path), status;
	FILE *in;

	if (fd < 0)
		return msg_fail();
	if (!(in = fdopen(fd, "re"))) {
		err_sys("%s", path);
		close(fd);
		return msg_fail();
	}
	status = check_lines(in, path);
	fclose(in);
	return status;
}

static int
run_cid(int argc, char **argv)
{
	int first = opt_parse(&cid_tool, argc, argv), status = 0, rc;

	if (first < 0)
		return opt_exit_status();
	if (first == argc)
		return opt_usage(&cid_tool, "no file to name");
	for (int i = first; i < argc; i++) {
		rc = cid_lists ? check_list(argv[i]) : print_cid(argv[i]) < 0 ? msg_fail() : 0;
		if (rc > status)
			status = rc;
	}
	return io_close_stdout() < 0 ? msg_fail() : status;
}

static const struct opt_verb verbs[] = { { "keygen", run_keygen }, { "id", run_id }, { "sign", run_sign }, { "verify", run_verify },
	{ "attest", run_attest }, { "check", run_check }, { "revoke", run_revoke }, { "bundle", run_bundle }, { "verify-bundle", run_verify_bundle },
	{ "cid", run_cid }, { 0 } };

int
main(int argc, char **argv)
{
	msg_init("mai-sign");
	return opt_verb(&top, verbs, argc, argv);
}
