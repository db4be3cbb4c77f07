/* What a process that has confined itself can still do, and what it can't; and the keeper, which does the rest. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "base/msg.h"
#include "net/confine.h"
#include "net/keeper.h"
#include "tap.h"

static char folder[] = "/tmp/mai-confine-XXXXXX";
static char list[64], path[64];

/* Reads all of it, as text. */
static const char *
all_of(int fd)
{
	static char text[256];
	size_t n = 0;
	ssize_t got;

	while (n < sizeof text - 1 && (got = read(fd, text + n, sizeof text - 1 - n)) > 0)
		n += (size_t)got; /* positive */
	text[n] = '\0';
	close(fd);
	return text;
}

/* Waits until one has ended. */
static pid_t
next_ended(int *status)
{
	pid_t pid = 0;
	int rc;

	while ((rc = keeper_ended(&pid, status)) == 0)
		usleep(1000);
	return rc < 0 ? -1 : pid;
}

static void
check_keeper(const char *how)
{
	pid_t pid, other;
	int to, from, status = 0;

	tap_ok(keeper_run(&pid, &to, &from) == 0 && write(to, "there and back", 14) == 14 && close(to) == 0 && strcmp(all_of(from), "there and back") == 0,
	    "%s: a command runs between two pipes", how);
	tap_ok(next_ended(&status) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 7, "its status is told");
	tap_ok(keeper_run(&pid, &to, &from) == 0, "another");
	keeper_signal(getppid(), SIGKILL);
	keeper_signal(1, SIGKILL);
	tap_ok(write(to, "x", 1) == 1, "who was not started is not signalled");
	keeper_signal(pid, SIGKILL);
	other = next_ended(&status);
	tap_ok(other == pid && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "a signal reaches it");
	close(to);
	close(from);
	tap_ok(strcmp(all_of(keeper_open(0)), "a list\n") == 0, "the list is opened");
	tap_ok(keeper_open(1) == -1, "no other file: %s", err_reason());
}

/* More than the socket between the two holds: neither may wait for the other to read. */
static void
check_many(void)
{
	enum { MANY = 400 };
	pid_t pid;
	int to, from, started = 0, told = 0, status;

	while (started < MANY && keeper_run(&pid, &to, &from) == 0) {
		close(to);
		close(from);
		started++;
	}
	while (told < started && next_ended(&status) > 0)
		told++;
	tap_ok(started == MANY && told == MANY, "%d commands end before anybody asks (%d, %d told)", MANY, started, told);
}

static int
n_open(void)
{
	int n = 0;

	for (int fd = 0; fd < 64; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

/* One descriptor is left, two are needed. */
static void
check_exhausted(void)
{
	struct rlimit old, few = { 0 };
	pid_t pid;
	int to, from, before, status, n = 0, fd[32];

	if (getrlimit(RLIMIT_NOFILE, &old) < 0)
		abort();
	few = (struct rlimit){ 32, old.rlim_max };
	if (setrlimit(RLIMIT_NOFILE, &few) < 0)
		abort();
	while (n < 32 && (fd[n] = dup(STDERR_FILENO)) >= 0)
		n++;
	close(fd[--n]);
	before = n_open();
	tap_ok(keeper_run(&pid, &to, &from) < 0 && n_open() == before, "without descriptors a command fails, and none is lost");
	while (n > 0)
		close(fd[--n]);
	setrlimit(RLIMIT_NOFILE, &old);
	tap_ok(next_ended(&status) > 0, "it is ended");
}

static bool
denied(long rc)
{
	return rc == -1 && errno == EPERM;
}

static void
check_denied(void)
{
	char *const argv[] = { (char *)"true", NULL };
	int pair[2];

	tap_ok(denied(open(list, O_RDONLY)) && denied(open(path, O_WRONLY | O_CREAT, 0600)), "no file is opened");
	tap_ok(denied(execv("/bin/true", argv)), "no program is run");
	tap_ok(denied(syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0)), "no process is made");
	tap_ok(denied(kill(getppid(), 0)) && denied(syscall(SYS_ptrace, 0, 0, 0, 0)), "none is signalled or traced");
	tap_ok(denied(unlink(list)) && denied(rename(list, path)) && denied(chmod(list, 0666)) && denied(mkdir(path, 0777)), "no name is changed");
	tap_ok(denied(socket(AF_UNIX, SOCK_STREAM, 0)) && denied(socket(AF_NETLINK, SOCK_RAW, 0)) && denied(socketpair(AF_UNIX, SOCK_STREAM, 0, pair)),
	    "no socket but those of IPv4 and IPv6");
	tap_ok(denied(socket(AF_INET, SOCK_DGRAM, 0)) && denied(socket(AF_INET6, SOCK_RAW, IPPROTO_TCP)), "and of TCP");
	tap_ok(denied(fcntl(STDIN_FILENO, F_SETOWN, getppid())) && denied(fcntl(STDIN_FILENO, F_SETSIG, SIGKILL)) &&
	    denied(fcntl(STDIN_FILENO, F_SETFL, O_ASYNC)), "no descriptor sends signals");
	tap_ok(mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED && errno == EPERM, "no memory is run");
}

static void
check_allowed(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), six = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	void *memory = malloc(1 << 24);

	tap_ok(fd >= 0 && (six >= 0 || errno == EAFNOSUPPORT), "sockets of IPv4 and IPv6");
	tap_ok(fcntl(fd, F_SETFL, O_NONBLOCK) == 0 && fcntl(fd, F_GETFL) & O_NONBLOCK && close(fd) == 0, "that need not block");
	if (six >= 0)
		close(six);
	tap_ok(memory != NULL, "memory");
	free(memory);
}

/* In a process of its own: what it gives up does not come back. */
static int
confined(void)
{
	struct stat s;
	bool here;

	if (confine() < 0)
		abort();
#ifdef MAI_UNCONFINED
	here = false;
#else
	here = denied(open(list, O_RDONLY)); /* an emulator of processors may have none */
#endif
	if (here) {
		check_denied();
		check_allowed();
	} else {
		tap_skip("what is denied", "can't be confined here");
	}
	check_keeper(here ? "confined" : "not confined");
	keeper_remove(path);
	tap_ok(lstat(path, &s) < 0, "a socket is removed");
	return tap_failed;
}

static void
make_socket(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
	if (fd < 0 || bind(fd, (const struct sockaddr *)&a, sizeof a) < 0)
		abort();
	close(fd);
}

int
main(void)
{
	static const char *paths[2], *files[] = { list };
	char *const argv[] = { (char *)"sh", (char *)"-c", (char *)"cat; exit 7", NULL };
	struct keeper_orders orders = { .argv = argv, .file = files, .n_files = 1, .socket = paths, .n_sockets = 2 };
	FILE *out;
	pid_t pid;
	int status = -1;

	msg_init("net_confine");
	if (!mkdtemp(folder))
		return 1;
	snprintf(list, sizeof list, "%s/list", folder);
	snprintf(path, sizeof path, "%s/socket", folder);
	if (!(out = fopen(list, "we")) || fputs("a list\n", out) < 0 || fclose(out) != 0)
		return 1;
	paths[0] = list; /* no socket: it stays */
	paths[1] = path;
	make_socket();
	alarm(120); /* a keeper that is stuck is a failure */
	signal(SIGCHLD, SIG_IGN); /* as whoever has started us may */
	if (keeper_start(&orders) < 0)
		return 1;
	signal(SIGCHLD, SIG_DFL);
	check_keeper("a keeper");
	check_many();
	check_exhausted();
	fflush(stdout);
	if ((pid = fork()) == 0)
		_exit(confined() == 0 && fflush(stdout) == 0 ? tap_count : 255);
	waitpid(pid, &status, 0);
	if (WIFEXITED(status) && WEXITSTATUS(status) < 255)
		tap_count = WEXITSTATUS(status); /* what the other process has checked is counted too */
	tap_ok(tap_count > 6, "all of that holds");
	keeper_remove(list);
	tap_ok(access(list, F_OK) == 0, "what is no socket is not removed");
	unlink(list);
	tap_ok(keeper_open(0) == -1 && err_status() == ERR_SYSTEM && strstr(err_reason(), list), "no list: %s", err_reason());
	keeper_end();
	rmdir(folder);
	return tap_done();
}
