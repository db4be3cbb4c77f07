#include "net/signals.h"

#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/err.h"

static void
ready(void *arg, unsigned what)
{
	struct signals *s = arg;
	struct signalfd_siginfo info;

	(void)what;
	while (read(s->fd.fd, &info, sizeof info) == (ssize_t)sizeof info)
		s->got(s->arg, (int)info.ssi_signo); /* a small number */
}

int
signals_begin(struct signals *s, struct loop *l, void (*got)(void *arg, int sig), void *arg)
{
	static const int wanted[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction old;
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
		if (sigaction(wanted[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
			sigaddset(&set, wanted[i]);
	*s = (struct signals){ .loop = l, .fd = { .ready = ready, .arg = s }, .got = got, .arg = arg };
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0 || (s->fd.fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC)) < 0)
		return err_sys("no descriptor for signals");
	return loop_want(l, &s->fd, LOOP_READ);
}

void
signals_end(struct signals *s)
{
	if (!s->loop)
		return;
	loop_remove(s->loop, &s->fd);
	close(s->fd.fd);
	s->loop = NULL;
}
