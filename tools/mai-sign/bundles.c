/* Whole directories, in the format of OpenSSF Model Signing. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/config.h"
#include "base/err.h"
#include "base/io.h"
#include "base/mem.h"
#include "base/msg.h"
#include "base/opt.h"
#include "trust/key.h"
#include "trust/oms.h"
#include "trust/pass.h"
#include "trust/peerid.h"
#include "trust/pubkey.h"
#include "verbs.h"

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
	int rc = oms_sign(&text, m, k) < 0 ? -1 : io_write_file(path, text.data, text.len);

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

int
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
	{ 'p', "key", "KEY", OPT_STR, &signers.key, 0, 0, "who must have signed: file, also PEM, did:key, PeerId, RW..., or a name of the list" },
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

	if (pubkey_is_pem(signers.key))
		return pubkey_read(p, signers.key);
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

int
run_verify_bundle(int argc, char **argv)
{
	int first = opt_parse(&bundled_tool, argc, argv), rc = -1;
	struct pubkey p = { 0 };
	char *file;

	if (first < 0)
		return opt_exit_status();
	if (argc - first != 1)
		return opt_usage(&bundled_tool, "one directory is wanted");
	if (!signers.key)
		return opt_usage(&bundled_tool, "-p says who must have signed it");
	file = bundled.file ? mem_strdup(bundled.file) : bundle_in(argv[first]);
	if (file && find_pubkey(&p) == 0)
		rc = verify_directory(argv[first], file, &p);
	pubkey_free(&p);
	free(file);
	free(bundled.ignored.item);
	return rc < 0 || io_close_stdout() < 0 ? msg_fail() : 0;
}
