/* Credentials: issued, passed on, checked, revoked. */
#include <errno.h>
#include <jansson.h>
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
#include "trust/datetime.h"
#include "trust/delegation.h"
#include "trust/jcs.h"
#include "trust/key.h"
#include "trust/keylist.h"
#include "trust/pass.h"
#include "trust/peerid.h"
#include "trust/status.h"
#include "verbs.h"

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

int
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
	{ 'p', "key", "KEY", OPT_STR, &signers.key, 0, 0, "who must have issued it: file, did:key, PeerId, RW..., or a name of the list" },
	{ 'a', "allow", "FILE", OPT_STR, &signers.list, 0, 0, "list of those who may have (~/.config/mai/trusted)" },
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

int
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
	int rc = jcs_add(&text, o) < 0 || buf_addc(&text, '\n') < 0 ? -1 : io_write_file(path, text.data, text.len);

	buf_free(&text);
	return rc;
}

int
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
