#include "net/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "net/fd.h"

enum wish { RUN, SIGNAL, OPEN, REMOVE };

struct asked {
	enum wish wish;
	pid_t pid;
	int sig;
	size_t number; /* of a file or socket */
};

enum { REASON = 512, MOST_FDS = 2 };

struct answer {
	pid_t pid; /* -1: it failed */
	char reason[REASON];
};

struct ended {
	pid_t pid;
	int status;
};

/* ---- messages, with descriptors ---- */

union control {
	char bytes[CMSG_SPACE(MOST_FDS * sizeof(int))];
	struct cmsghdr aligned;
};

static int
send_answer(int to, const struct answer *a, const int *fd, size_t n)
{
	union control control = { 0 };
	struct iovec part = { (void *)(uintptr_t)a, sizeof *a }; /* is only read */
	struct msghdr m = { .msg_iov = &part, .msg_iovlen = 1 };

	if (n > 0) {
		struct cmsghdr *c;
		m.msg_control = control.bytes;
		m.msg_controllen = CMSG_SPACE(n * sizeof *fd);
		c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(n * sizeof *fd);
		memcpy(CMSG_DATA(c), fd, n * sizeof *fd);
	}
	return sendmsg(to, &m, MSG_NOSIGNAL) < 0 ? -1 : 0;
}

/* The descriptors that came with a message, MOST_FDS at most. */
static size_t
descriptors(struct msghdr *m, int *fd)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(m);
	size_t n;

	if (!c || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
		return 0;
	n = (c->cmsg_len - CMSG_LEN(0)) / sizeof *fd;
	memcpy(fd, CMSG_DATA(c), n * sizeof *fd);
	return n;
}

/* With n descriptors. 0 or -1. */
static int
take_answer(int from, struct answer *a, int *fd, size_t n)
{
	union control control = { 0 };
	struct iovec part = { a, sizeof *a };
	struct msghdr m = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes };
	int came[MOST_FDS];
	size_t n_came;
	ssize_t got;

	while ((got = recvmsg(from, &m, MSG_CMSG_CLOEXEC)) < 0 && errno == EINTR)
		;
	if (got != (ssize_t)sizeof *a)
		return err_set(ERR_SYSTEM, "the process that starts commands has gone");
	if (a->pid < 0)
		return err_set(ERR_SYSTEM, "%.*s", REASON - 1, a->reason);
	n_came = descriptors(&m, came);
	if (n_came == n) {
		for (size_t i = 0; i < n; i++)
			fd[i] = came[i];
		return 0;
	}
	while (n_came > 0) /* those for which there was room */
		close(came[--n_came]);
	return err_set(ERR_SYSTEM, "no descriptors are left");
}

/* ---- the keeper ---- */

struct keeper {
	struct keeper_orders orders;
	int asks, tells;       /* sockets */
	pid_t *running;
	size_t n, cap;
	struct ended *ended;   /* not yet told; has room for all that run, too */
	size_t n_ended, cap_ended;
};

extern char **environ;

/* argv, with these as stdin and stdout, in a process group of its own. */
static int
spawn(pid_t *pid, char *const *argv, int in, int out)
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
	rc = posix_spawnp(pid, argv[0], &files, &attributes, argv, environ);
	posix_spawn_file_actions_destroy(&files);
	posix_spawnattr_destroy(&attributes);
	if (rc != 0)
		return err_set(ERR_SYSTEM, "%s: %s", argv[0], strerror(rc));
	setpgid(*pid, *pid); /* the child does so too, but an emulator's vfork does not wait for it, and a signal would find no group */
	return 0;
}

/* *fd: the ends that are not the command's. */
static int
run(struct keeper *k, pid_t *pid, int fd[2])
{
	int to[2], from[2], rc;

	if (mem_grow(&k->running, &k->cap, k->n + 1, sizeof *k->running) < 0 ||
	    mem_grow(&k->ended, &k->cap_ended, k->n_ended + k->n + 1, sizeof *k->ended) < 0 || fd_pipe(to) < 0)
		return -1;
	if (fd_pipe(from) < 0) {
		close(to[0]);
		close(to[1]);
		return -1;
	}
	rc = spawn(pid, k->orders.argv, to[0], from[1]);
	close(to[0]);
	close(from[1]);
	fd[0] = to[1];
	fd[1] = from[0];
	if (rc == 0)
		k->running[k->n++] = *pid;
	return rc;
}

/* With the reason that is set. */
static void
refuse(const struct keeper *k)
{
	struct answer a = { .pid = -1 };

	snprintf(a.reason, sizeof a.reason, "%s", err_reason());
	send_answer(k->asks, &a, NULL, 0);
}

static void
answer_run(struct keeper *k)
{
	struct answer a = { 0 };
	int fd[2] = { -1, -1 }, rc = run(k, &a.pid, fd);

	if (rc == 0 && send_answer(k->asks, &a, fd, 2) < 0) { /* too many are under way: without an answer the other would wait for ever */
		rc = err_sys("no descriptors can be passed");
		kill(-a.pid, SIGTERM);
	}
	if (rc < 0)
		refuse(k);
	for (int i = 0; i < 2; i++)
		if (fd[i] >= 0)
			close(fd[i]);
}

static void
answer_open(struct keeper *k, size_t i)
{
	const char *file = i < k->orders.n_files ? k->orders.file[i] : NULL;
	int fd = file ? open(file, O_RDONLY | O_CLOEXEC) : -1, rc = 0;

	if (!file)
		rc = err_set(ERR_USAGE, "there is no such file");
	else if (fd < 0 || send_answer(k->asks, &(struct answer){ 0 }, &fd, 1) < 0)
		rc = err_sys("%s", file);
	if (rc < 0)
		refuse(k);
	if (fd >= 0)
		close(fd);
}

static void
remove_socket(const struct keeper *k, size_t i)
{
	struct stat s;

	if (i < k->orders.n_sockets && lstat(k->orders.socket[i], &s) == 0 && S_ISSOCK(s.st_mode))
		unlink(k->orders.socket[i]);
	send_answer(k->asks, &(struct answer){ 0 }, NULL, 0);
}

static void
signal_running(const struct keeper *k, pid_t pid, int sig)
{
	for (size_t i = 0; i < k->n; i++)
		if (k->running[i] == pid)
			kill(-pid, sig);
}

/* A wish of the other's. False when it has ended. */
static bool
grant(struct keeper *k)
{
	struct asked a;
	ssize_t n = recv(k->asks, &a, sizeof a, 0);

	if (n < 0 && errno == EINTR)
		return true;
	if (n != (ssize_t)sizeof a)
		return false;
	switch (a.wish) {
	case RUN:
		answer_run(k);
		break;
	case SIGNAL:
		signal_running(k, a.pid, a.sig);
		break;
	case OPEN:
		answer_open(k, a.number);
		break;
	case REMOVE:
		remove_socket(k, a.number);
		break;
	}
	return true;
}

static void
reap(struct keeper *k, int signals)
{
	struct signalfd_siginfo info;
	struct ended e;

	while (read(signals, &info, sizeof info) == (ssize_t)sizeof info)
		;
	while ((e.pid = waitpid(-1, &e.status, WNOHANG)) > 0)
		for (size_t i = 0; i < k->n; i++)
			if (k->running[i] == e.pid) {
				k->running[i] = k->running[--k->n];
				k->ended[k->n_ended++] = e;
			}
}

/* Those that have ended, as far as there is room: the other may wait for an answer, and must not be waited for. */
static void
tell(struct keeper *k)
{
	size_t n = 0;

	while (n < k->n_ended && send(k->tells, &k->ended[n], sizeof *k->ended, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0)
		n++;
	if (n > 0)
		memmove(k->ended, k->ended + n, (k->n_ended - n) * sizeof *k->ended);
	k->n_ended -= n;
}

/* Of signals from a terminal it wants to hear nothing: the other does, and ends. */
static _Noreturn void
keep(struct keeper *k)
{
	struct pollfd p[] = { { .fd = k->asks, .events = POLLIN }, { .events = POLLIN }, { .fd = k->tells } };
	sigset_t set;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null >= 0) { /* stdin and stdout may be a peer's connection */
		dup2(null, STDIN_FILENO);
		dup2(null, STDOUT_FILENO);
	}
	signal(SIGCHLD, SIG_DFL); /* who has started us may ignore it: then no status would be kept */
	sigfillset(&set);
	sigprocmask(SIG_SETMASK, &set, NULL);
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	p[1].fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	while (p[1].fd >= 0 && (poll(p, 3, -1) >= 0 || errno == EINTR)) {
		if (p[1].revents)
			reap(k, p[1].fd);
		if (p[0].revents && !grant(k))
			break;
		tell(k);
		p[2].events = k->n_ended > 0 ? POLLOUT : 0;
	}
	for (size_t i = 0; i < k->n; i++)
		kill(-k->running[i], SIGTERM);
	_exit(0);
}

/* ---- the side of the other ---- */

static pid_t keeper_pid;
static int ask = -1, news = -1;
static struct keeper_orders given;

int
keeper_start(const struct keeper_orders *o)
{
	int asks[2], tells[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, asks) < 0 || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, tells) < 0)
		return err_sys("no socket pair");
	if ((keeper_pid = fork()) < 0)
		return err_sys("cannot fork");
	if (keeper_pid == 0) {
		close(asks[0]);
		close(tells[0]);
		keep(&(struct keeper){ .orders = *o, .asks = asks[1], .tells = tells[1] });
	}
	close(asks[1]);
	close(tells[1]);
	ask = asks[0];
	news = tells[0];
	given = *o;
	return fcntl(news, F_SETFL, O_NONBLOCK) < 0 ? err_sys("a socket") : 0;
}

void
keeper_end(void)
{
	if (ask < 0)
		return;
	close(ask);
	close(news);
	ask = news = -1;
	while (waitpid(keeper_pid, NULL, 0) < 0 && errno == EINTR)
		;
}

static int
wish(const struct asked *a)
{
	return send(ask, a, sizeof *a, MSG_NOSIGNAL) < 0 ? err_set(ERR_SYSTEM, "the process that starts commands has gone") : 0;
}

int
keeper_run(pid_t *pid, int *to, int *from)
{
	struct answer a = { .pid = -1 };
	int fd[2];

	if (wish(&(struct asked){ .wish = RUN }) < 0)
		return -1;
	if (take_answer(ask, &a, fd, 2) < 0) {
		if (a.pid > 0) /* it runs, but can't be spoken with */
			keeper_signal(a.pid, SIGTERM);
		return -1;
	}
	*pid = a.pid;
	*to = fd[0];
	*from = fd[1];
	return 0;
}

void
keeper_signal(pid_t pid, int sig)
{
	wish(&(struct asked){ .wish = SIGNAL, .pid = pid, .sig = sig }); /* where the keeper has gone, so have they */
}

int
keeper_open(size_t i)
{
	struct answer a;
	int fd;

	return wish(&(struct asked){ .wish = OPEN, .number = i }) < 0 || take_answer(ask, &a, &fd, 1) < 0 ? -1 : fd;
}

void
keeper_remove(const char *path)
{
	struct answer a;

	for (size_t i = 0; i < given.n_sockets; i++)
		if (strcmp(given.socket[i], path) == 0 && wish(&(struct asked){ .wish = REMOVE, .number = i }) == 0)
			take_answer(ask, &a, NULL, 0);
}

int
keeper_news(void)
{
	return news;
}

int
keeper_ended(pid_t *pid, int *status)
{
	struct ended e;
	ssize_t n = recv(news, &e, sizeof e, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
		return 0;
	if (n != (ssize_t)sizeof e)
		return err_set(ERR_SYSTEM, "the process that starts commands has gone");
	*pid = e.pid;
	*status = e.status;
	return 1;
}
