/* What verbs of mai-sign share. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/config.h"
#include "base/err.h"
#include "base/io.h"
#include "base/msg.h"
#include "trust/jcs.h"
#include "trust/key.h"
#include "trust/keylist.h"
#include "verbs.h"

struct signers signers;

static int
read_list(struct keylist *l)
{
	char path[CONFIG_PATH];

	return keylist_load(l, signers.list ? signers.list : config_file(path, "trusted"));
}

int
find_key(struct key_public *k)
{
	const struct keylist_entry *e;
	struct keylist l = { 0 };
	int rc;

	if (keylist_parse(k, signers.key, strlen(signers.key)) == 0 || key_read_public(k, signers.key) == 0)
		return 0;
	if (access(signers.key, F_OK) == 0)
		return -1;
	if ((rc = read_list(&l)) == 0) {
		e = keylist_named(&l, signers.key);
		rc = e ? 0 : err_set(ERR_DATA, "'%s' is no key, no file and no name in the list", signers.key);
		if (e)
			*k = e->key;
	}
	keylist_free(&l);
	return rc;
}

int
read_keys(struct keylist *l)
{
	struct key_public k;

	if (!signers.key)
		return read_list(l);
	return find_key(&k) < 0 ? -1 : keylist_add(l, &k);
}

int
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

json_t *
read_json(const char *path)
{
	struct buf text = { 0 };
	json_t *o = NULL;

	if (io_read_file(&text, path, JCS_MAX) == 0 && !(o = jcs_parse((const char *)text.data, text.len)))
		err_wrap("%s", path);
	buf_free(&text);
	return o;
}

int
print_json(const json_t *o)
{
	struct buf text = { 0 };
	int rc = jcs_add(&text, o);

	if (rc == 0 && (fwrite(text.data, 1, text.len, stdout) != text.len || putchar('\n') == EOF))
		rc = err_sys("stdout");
	buf_free(&text);
	return rc;
}
