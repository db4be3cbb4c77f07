/* Files that appear whole or not at all, and what is no file. */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "base/io.h"
#include "tap.h"

static char dir[] = "/tmp/mai-io-XXXXXX";

static bool
holds(const char *path, const char *text)
{
	struct io_map m;
	bool good = io_map(&m, path) == 0 && m.size == strlen(text) && memcmp(m.data, text, m.size) == 0;

	io_unmap(&m);
	return good;
}

static bool
put(const char *path, const char *text)
{
	struct io_out o;

	if (io_out_open(&o, path) < 0)
		return false;
	fputs(text, o.file);
	return io_out_commit(&o) == 0;
}

static int
files(void)
{
	FILE *f = popen("ls -A | wc -l", "r");
	int n = -1;

	if (f && fscanf(f, "%d", &n) != 1)
		n = -1;
	if (f)
		pclose(f);
	return n;
}

static void
check_files(void)
{
	struct io_out o;
	struct stat st;

	tap_ok(put("new", "one") && holds("new", "one") && files() == 1, "a file that was not there");
	tap_ok(put("new", "two") && holds("new", "two") && files() == 1, "a file that was");
	tap_ok(io_out_open(&o, "new") == 0 && fputs("three", o.file) >= 0 && fflush(o.file) == 0 && holds("new", "two"),
	    "until it is committed, the old one is there");
	io_out_abort(&o);
	io_out_abort(&o);
	tap_ok(holds("new", "two") && files() == 1, "aborted, and again, it still is, and nothing else");
	tap_ok(symlink("new", "link") == 0 && put("link", "four") && holds("new", "four") && lstat("link", &st) == 0 &&
	    S_ISLNK(st.st_mode), "a link stays one, and what it leads to is written");
	tap_ok(symlink("none", "dangling") == 0 && put("dangling", "five") && holds("dangling", "five"),
	    "a link that leads nowhere becomes a file");
	tap_ok(io_out_open(&o, "none/x") < 0 && err_status() == ERR_SYSTEM && !o.file, "no folder: %s", err_reason());
	tap_ok(io_out_open(&o, ".") < 0 && err_status() == ERR_SYSTEM && files() == 3, "a folder: %s", err_reason());
	unlink("new"), unlink("link"), unlink("dangling");
}

/* A FIFO takes what is written, and stays a FIFO. */
static void
check_fifo(void)
{
	char got[16] = "";
	struct stat st;
	int fd;

	if (mkfifo("fifo", 0600) != 0 || (fd = open("fifo", O_RDWR)) < 0)
		abort();
	tap_ok(put("fifo", "text") && read(fd, got, sizeof got) == 4 && strcmp(got, "text") == 0 && stat("fifo", &st) == 0 &&
	    S_ISFIFO(st.st_mode) && files() == 1, "a FIFO is written directly");
	close(fd);
	unlink("fifo");
	/* By a link in this folder: what would replace it would not replace the device. */
	tap_ok(symlink("/dev/full", "full") == 0 && !put("full", "text") && err_status() == ERR_SYSTEM &&
	    stat("full", &st) == 0 && S_ISCHR(st.st_mode), "and so is a device: %s", err_reason());
	unlink("full");
}

/* A child that holds two temporaries is ended: none is left. */
static void
check_signal(int sig, const char *name)
{
	struct io_out a, b;
	int ready[2], status;
	char c;
	pid_t pid;

	if (pipe(ready) != 0 || (pid = fork()) < 0)
		abort();
	if (pid == 0) {
		io_out_clean_on_signals();
		if (io_out_open(&a, "a") < 0 || io_out_open(&b, "b") < 0 || write(ready[1], "", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	if (read(ready[0], &c, 1) != 1)
		abort();
	int during = files();
	kill(pid, sig);
	waitpid(pid, &status, 0);
	tap_ok(during == 2 && files() == 0 && WIFSIGNALED(status) && WTERMSIG(status) == sig,
	    "%s removes temporaries and ends the process as ever", name);
	close(ready[0]);
	close(ready[1]);
}

int
main(void)
{
	if (!mkdtemp(dir) || chdir(dir) != 0)
		abort();
	check_files();
	check_fifo();
	check_signal(SIGINT, "INT");
	check_signal(SIGTERM, "TERM");
	check_signal(SIGHUP, "HUP");
	if (chdir("/") != 0 || rmdir(dir) != 0)
		abort();
	return tap_done();
}
