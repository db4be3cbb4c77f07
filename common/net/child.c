#include "net/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "net/fd.h"

extern char **environ;
static struct child *first;

static int
spawn(struct child *c, char *const *argv, int in, int out)
{
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attributes;
	sigset_t none, defaults;
	int rc;

	sigemptyset(&none);
	sigemptyset(&defaults);
	sigaddset(&defaults, SIGPIPE);
	if (posix_spawn_file_actions_init(&files) != 0 || posix_spawnattr_init(&attributes) != 0)
		return err_set(ERR_SYSTEM, "out of memory");
	posix_spawn_file_actions_adddup2(&files, in, STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&files, out, STDOUT_FILENO);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &defaults);
	posix_spawnattr_setpgroup(&attributes, 0);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
	rc = posix_spawnp(&c->pid, argv[0], &files, &attributes, argv, environ);
	posix_spawn_file_actions_destroy(&files);
	posix_spawnattr_destroy(&attributes);
	if (rc == 0)
		return 0;
	c->pid = 0;
	return err_set(ERR_SYSTEM, "%s: %s", argv[0], strerror(rc));
}

int
child_start(struct child *c, char *const *argv, void (*gone)(void *arg, struct child *c), void *arg)
{
	int to[2], from[2], rc;

	*c = (struct child){ .to = -1, .from = -1, .gone = gone, .arg = arg };
	if (fd_pipe(to) < 0)
		return -1;
	if (fd_pipe(from) < 0) {
		close(to[0]);
		close(to[1]);
		return -1;
	}
	rc = spawn(c, argv, to[0], from[1]);
	close(to[0]);
	close(from[1]);
	if (rc == 0 && (fcntl(to[1], F_SETFL, O_NONBLOCK) < 0 || fcntl(from[0], F_SETFL, O_NONBLOCK) < 0))
		rc = err_sys("a pipe");
	if (rc < 0) {
		close(to[1]);
		close(from[0]);
		return -1;
	}
	c->to = to[1];
	c->from = from[0];
	c->next = first;
	c->link = &first;
	if (first)
		first->link = &c->next;
	first = c;
	return 0;
}

void
child_signal(struct child *c, int sig)
{
	if (c->pid > 0 && !c->ended)
		kill(-c->pid, sig);
}

void
child_forget(struct child *c)
{
	if (!c->link)
		return;
	*c->link = c->next;
	if (c->next)
		c->next->link = c->link;
	c->link = NULL;
}

void
child_reap(void)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		struct child *c = first;
		while (c && c->pid != pid)
			c = c->next;
		if (!c)
			continue;
		child_forget(c);
		c->ended = true;
		c->status = status;
		if (c->gone)
			c->gone(c->arg, c);
	}
}
