/* What verbs of mai-ledger share. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/config.h"
#include "base/err.h"
#include "base/io.h"
#include "base/msg.h"
#include "ledger/tlog.h"
#include "trust/key.h"
#include "trust/pass.h"
#include "verbs.h"

const char *secret_file, *log_key;

int
read_secret(struct key *k)
{
	char mine[CONFIG_PATH];

	return key_read_secret(k, secret_file ? secret_file : config_file(mine, "me.key"), pass_ask, NULL);
}

int
read_vkey(struct note_key *k, const char *text)
{
	struct buf file = { 0 };
	size_t n;
	int rc;

	if (access(text, R_OK) != 0)
		return note_key_parse(k, text, strlen(text));
	if ((rc = io_read_file(&file, text, NOTE_MAX)) == 0) {
		n = file.len > 0 && file.data[file.len - 1] == '\n' ? file.len - 1 : file.len;
		rc = note_key_parse(k, (const char *)file.data, n) < 0 ? err_wrap("%s", text) : 0;
	}
	buf_free(&file);
	return rc;
}

int
open_log(struct tlog *l, const char *path)
{
	struct note_key k;

	*l = (struct tlog){ .folder = -1 };
	return log_key && read_vkey(&k, log_key) < 0 ? -1 : tlog_open(l, path, log_key ? &k : NULL);
}

int
put_text(const void *text, size_t n)
{
	return fwrite(text, 1, n, stdout) == n ? 0 : err_sys("stdout");
}

int
finish(int rc)
{
	return rc < 0 || io_close_stdout() < 0 ? msg_fail() : 0;
}
