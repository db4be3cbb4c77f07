/* Signatures of files, as minisign makes them, and names of files. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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
#include "trust/key.h"
#include "trust/keylist.h"
#include "trust/pass.h"
#include "trust/peerid.h"
#include "trust/signature.h"
#include "trust/signed_model.h"
#include "verbs.h"

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

int
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
	const char *signature;
	bool model, json;
} check;
static const struct opt check_opts[] = {
	{ 'p', "key", "KEY", OPT_STR, &signers.key, 0, 0, "who must have signed: file, did:key, PeerId, RW..., or a name of the list" },
	{ 'a', "allow", "FILE", OPT_STR, &signers.list, 0, 0, "list of those who may have (~/.config/mai/trusted)" },
	{ 'x', "signature", "FILE", OPT_STR, &check.signature, 0, 0, "the signature (FILE.minisig, or else FILE.sig)" },
	{ 'm', "model", NULL, OPT_FLAG, &check.model, 0, 0, "a model: a manifest with its shards, or a file that the manifest beside it names" },
	{ 0, "json", NULL, OPT_FLAG, &check.json, 0, 0, "print JSON" },
	{ 0 },
};
static const struct opt_tool check_tool = { "mai-sign verify", "[-p KEY | -a LIST] [-x SIGNATURE | -m] [--json] FILE...",
	"verifies signatures of minisign and signify, and prints their comments", check_opts };

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

int
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

int
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
