#include "trust/signed_model.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/hash.h"
#include "base/io.h"
#include "base/msg.h"
#include "base/opt.h"
#include "model/model.h"
#include "trust/digest.h"
#include "trust/signature.h"

static int
check_sha256(const char *path, const struct hash *stated, const char *manifest)
{
	struct hash h;
	int fd = io_open(path), rc;

	if (fd < 0)
		return -1;
	rc = digest_sha256(h.bytes, fd, path);
	close(fd);
	if (rc == 0 && !hash_equal(&h, stated))
		rc = err_set(ERR_DATA, "%s: not the file that %s states (SHA-256)", path, manifest);
	return rc;
}

static const struct keylist_entry *
signer_of(const char *path, const struct keylist *l)
{
	static _Thread_local struct signature s;
	const struct keylist_entry *e;

	if (signature_read_of(&s, path) < 0)
		return NULL;
	if (!(e = signature_signer(&s, path, l)))
		err_wrap("%s", path);
	return e;
}

static const struct keylist_entry *
signed_manifest(const char *path, const struct keylist *l)
{
	const struct keylist_entry *e = signer_of(path, l);
	struct manifest mf;
	int rc = 0;

	if (!e || manifest_read(&mf, path) < 0)
		return NULL;
	for (uint32_t i = 0; rc == 0 && i < mf.n; i++)
		rc = check_sha256(mf.paths[i], &mf.sha256[i], path);
	manifest_free(&mf);
	return rc < 0 ? NULL : e;
}

/* A file without a signature of its own. */
static const struct keylist_entry *
signed_shard(const char *path, const char *manifest, const struct keylist *l)
{
	const char *slash = strrchr(path, '/');
	const struct keylist_entry *e;
	struct hash h;
	int rc;

	if (!signature_exists(manifest)) {
		err_set(ERR_DATA, "%s: is not signed, and neither is %s", path, manifest);
		return NULL;
	}
	if (!(e = signer_of(manifest, l)) || (rc = manifest_find(&h, manifest, slash ? slash + 1 : path)) < 0)
		return NULL;
	if (rc == 0) {
		err_set(ERR_DATA, "%s: is not signed, and %s does not name it", path, manifest);
		return NULL;
	}
	return check_sha256(path, &h, manifest) < 0 ? NULL : e;
}

const struct keylist_entry *
signed_model(const char *path, const struct keylist *l)
{
	const struct keylist_entry *e;
	char *manifest;

	if (manifest_is(path))
		return signed_manifest(path, l);
	if (access(path, F_OK) != 0) {
		err_sys("%s", path);
		return NULL;
	}
	if (signature_exists(path))
		return signer_of(path, l);
	if (!(manifest = manifest_beside(path)))
		return NULL;
	e = signed_shard(path, manifest, l);
	free(manifest);
	return e;
}

static int
check_one(const char *name, const struct keylist *l, bool numbered)
{
	const struct keylist_entry *e;
	char *file = NULL;
	double number;

	if (numbered && opt_file_number(name, &file, &number) < 0)
		return -1;
	e = signed_model(file ? file : name, l);
	if (e)
		msg_info("%s: signed by %s", file ? file : name, e->name[0] ? e->name : "a key of the list");
	free(file);
	return e ? 0 : -1;
}

int
signed_list(struct keylist *l, const char *list)
{
	if (!list && !(list = getenv("MAI_TRUST")))
		return 0;
	return keylist_load(l, list) < 0 ? -1 : 1;
}

int
signed_models(const char *list, const char *const *names, size_t n, bool numbered)
{
	struct keylist l = { 0 };
	int rc = signed_list(&l, list);

	if (rc <= 0)
		return rc;
	rc = 0;
	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = check_one(names[i], &l, numbered);
	keylist_free(&l);
	return rc;
}

int
signed_file(const struct keylist *l, const char *path)
{
	if (!signature_exists(path))
		return err_set(ERR_DATA, "%s: is not signed", path);
	return signer_of(path, l) ? 0 : -1;
}
