#include "trust/pass.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/err.h"
#include "base/io.h"

/* A line, without its end; byte by byte, so that nothing behind it is taken. */
static int
read_line(int fd, char to[KEY_PASS])
{
	size_t n = 0;
	ssize_t got;
	char c;

	while ((got = read(fd, &c, 1)) > 0 || (got < 0 && errno == EINTR)) {
		if (got < 0)
			continue;
		if (c == '\n') {
			to[n] = '\0';
			return 0;
		}
		if (n == KEY_PASS - 1)
			return err_set(ERR_USAGE, "a passphrase of more than %d bytes", KEY_PASS - 1);
		to[n++] = c;
	}
	to[n] = '\0';
	return n > 0 && got == 0 ? 0 : err_set(ERR_SYSTEM, "no passphrase");
}

/* At the terminal, not shown. */
static int
ask_at(int tty, const char *question, char to[KEY_PASS])
{
	struct termios shown, hidden;
	int rc;

	if (tcgetattr(tty, &shown) < 0)
		return err_sys("the terminal");
	hidden = shown;
	hidden.c_lflag &= ~(tcflag_t)ECHO;
	if (io_write(tty, question, strlen(question), "the terminal") < 0 || tcsetattr(tty, TCSAFLUSH, &hidden) < 0)
		return -1;
	rc = read_line(tty, to);
	tcsetattr(tty, TCSAFLUSH, &shown);
	io_write(tty, "\n", 1, "the terminal");
	return rc;
}

int
pass_ask(void *arg, const char *path, char to[KEY_PASS])
{
	char question[512];
	int tty = open("/dev/tty", O_RDWR | O_CLOEXEC), rc;

	(void)arg;
	if (tty < 0)
		return read_line(STDIN_FILENO, to);
	snprintf(question, sizeof question, "Passphrase for %s: ", path);
	rc = ask_at(tty, question, to);
	close(tty);
	return rc;
}

int
pass_choose(char to[KEY_PASS])
{
	char again[KEY_PASS];
	int tty = open("/dev/tty", O_RDWR | O_CLOEXEC), rc;

	if (tty < 0)
		return read_line(STDIN_FILENO, to);
	rc = ask_at(tty, "Passphrase for the new key: ", to) < 0 || ask_at(tty, "Once more: ", again) < 0 ? -1 : 0;
	if (rc == 0 && strcmp(to, again) != 0)
		rc = err_set(ERR_USAGE, "the two are not the same");
	sodium_memzero(again, sizeof again);
	close(tty);
	return rc;
}
