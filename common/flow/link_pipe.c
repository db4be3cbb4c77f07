/* A pipeline of processes: started, fed and read through one poll loop, forwarded signals, and reaped. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/msg.h"
#include "flow/link_impl.h"

static const char name[] = "pipeline";

enum {
	HEADER_MS = 5000, /* for the pipeline's header, before a word is said about it */
	FIRST_DEPTH = 4, /* frames under way until the first has come back and says how many stages there are */
	GRACE_MS = 2000, /* for processes to end by themselves, before they are made to */
	STATUS_MS = 300, /* for a pipeline that was cut to say how it ended */
};

struct pipeline {
	struct link link;
	pid_t group;
	int to, from; /* -1: closed */
	struct buf out;
	struct stream_reader *in;
	struct stream_header header;
	bool sent_end, got_end;
};

/* ---- signals ---- */

/* The group to which signals go; one pipeline at a time. */
static volatile sig_atomic_t signal_group;

/* Reaps what there is of the group, for at most `ms` milliseconds. False when some of it still runs. */
static bool
reap_group(pid_t group, int ms, int *shell_status)
{
	for (;;) {
		int status;
		pid_t r = waitpid(-group, &status, ms < 0 ? 0 : WNOHANG);
		if (r == group)
			*shell_status = status;
		else if (r < 0 && errno == ECHILD)
			return true;
		else if (r == 0) {
			if (ms < 10)
				return false;
			poll(NULL, 0, 10);
			ms -= 10;
		}
	}
}

static void
end_group(pid_t group, int sig)
{
	int status;

	kill(-group, sig);
	if (!reap_group(group, GRACE_MS, &status)) {
		kill(-group, SIGKILL);
		reap_group(group, GRACE_MS, &status);
	}
}

/* Whatever ends this process ends the pipeline: all that is called here may be called in a handler. */
static void
forward(int sig)
{
	if (signal_group > 0)
		end_group((pid_t)signal_group, sig);
	signal(sig, SIG_DFL);
	raise(sig);
}

/* SIGPIPE is among them: the reader of our output has gone, and the stages shall end as silently. */
static const int forwarded[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE };

static void
catch_signals(void)
{
	struct sigaction sa = { .sa_handler = forward }, old;

	for (size_t i = 0; i < sizeof forwarded / sizeof *forwarded; i++)
		if (sigaction(forwarded[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
			sigaction(forwarded[i], &sa, NULL);
}

/*
 * write(2) without SIGPIPE: that the pipeline has gone is an error with a cause to report. The signal is the thread's own and
 * still pending, so it can be taken back.
 */
static ssize_t
write_quietly(int fd, const void *data, size_t n)
{
	struct timespec none = { 0 };
	sigset_t pipe, old;

	sigemptyset(&pipe);
	sigaddset(&pipe, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &pipe, &old);
	ssize_t w = write(fd, data, n);
	int cause = errno;
	if (w < 0 && cause == EPIPE)
		sigtimedwait(&pipe, NULL, &none);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	errno = cause;
	return w;
}

/* ---- the process ---- */

static void
become_pipeline(const char *pipeline, int in, int out)
{
	setpgid(0, 0);
	signal(SIGPIPE, SIG_DFL); /* what else is ignored (nohup) stays so; handlers end with exec */
	if (dup2(in, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0)
		_exit(ERR_SYSTEM);
	execl("/bin/sh", "sh", "-c", pipeline, (char *)NULL);
	_exit(127);
}

static int
start(struct pipeline *p, const char *command)
{
	int to[2], from[2];

	if (pipe2(to, O_CLOEXEC) != 0)
		return err_sys("pipe");
	if (pipe2(from, O_CLOEXEC) != 0) {
		err_sys("pipe");
		close(to[0]);
		close(to[1]);
		return -1;
	}
	p->group = fork();
	if (p->group == 0)
		become_pipeline(command, to[0], from[1]);
	close(to[0]);
	close(from[1]);
	p->to = to[1];
	p->from = from[0];
	if (p->group < 0)
		return err_sys("fork");
	setpgid(p->group, p->group); /* whichever of the two comes first */
	signal_group = p->group;
	if (fcntl(p->to, F_SETFL, O_NONBLOCK) != 0 || fcntl(p->from, F_SETFL, O_NONBLOCK) != 0)
		return err_sys("fcntl");
	return 0;
}

static void
hang_up(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* ---- reading and writing ---- */

/* Its output has ended too early. Where the shell says how, that is told too; the first cause came as an error frame before. */
static int
cut(struct pipeline *p)
{
	unsigned long long at = stream_offset(p->in);
	int status = 0;

	hang_up(&p->to);
	hang_up(&p->from);
	if (reap_group(p->group, STATUS_MS, &status))
		p->group = 0;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return err_set(ERR_DATA, "%s: offset %llu: the stream was cut", name, at);
	/* A shell says so of the last command: 128 and the signal. */
	int sig = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status) > 128 ? WEXITSTATUS(status) - 128 : 0;
	if (sig)
		return err_set(ERR_DATA, "%s: offset %llu: the stream was cut: its last stage was killed by signal %d", name, at, sig);
	return err_set(ERR_DATA, "%s: offset %llu: the stream was cut: its last stage ended with status %d", name, at,
	    WEXITSTATUS(status));
}

static int
flush(struct pipeline *p)
{
	if (p->to < 0)
		p->out.len = 0;
	while (p->out.len > 0 && p->to >= 0) {
		ssize_t n = write_quietly(p->to, p->out.data, p->out.len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return 0;
		if (n < 0) {
			/* Its first stage has gone. Why, comes out at the other end, so reading goes on. */
			hang_up(&p->to);
			p->out.len = 0;
			return 0;
		}
		buf_shift(&p->out, (size_t)n);
	}
	return 0;
}

static int
take_frames(struct pipeline *p)
{
	struct frame f;
	int rc;

	while (!p->got_end && (rc = stream_take(p->in, &f)) != 0) {
		if (rc < 0)
			return -1;
		if (f.type == FRAME_ERROR)
			return err_set(ERR_DATA, "%s: %.*s", name, (int)f.text_len, f.text);
		if (f.type == FRAME_END) {
			p->got_end = true;
			if (!p->sent_end)
				return err_set(ERR_DATA, "%s: its stream ends before the input does", name);
		}
		if (f.type == FRAME_ROWS && f.hops > 0)
			p->link.depth = f.hops; /* one more than there are stages */
		if (p->link.take(p->link.arg, &f) < 0)
			return -1;
	}
	return 0;
}

static int
pipeline_wait(struct link *l, int fd, bool block, bool *readable)
{
	struct pipeline *p = (struct pipeline *)l;
	struct pollfd w[4] = {
		{ .fd = p->from, .events = POLLIN },
		{ .fd = p->out.len > 0 ? p->to : -1, .events = POLLOUT },
		{ .fd = fd, .events = POLLIN },
	};
	int more;

	if (link_poll(w, 3, block ? -1 : 0) < 0)
		return -1;
	*readable = w[2].revents != 0;
	if (w[1].revents && flush(p) < 0)
		return -1;
	if (!w[0].revents)
		return 0;
	if ((more = stream_fill(p->in)) < 0)
		return -1;
	return more > 0 || p->got_end ? take_frames(p) : cut(p);
}

static int
pipeline_send(struct link *l, const struct frame *f)
{
	struct pipeline *p = (struct pipeline *)l;

	if (f->type == FRAME_END)
		p->sent_end = true;
	if (stream_encode(&p->out, f, false) < 0)
		return -1;
	return flush(p);
}

/* Reads the rest of the output, of which there must be none: a stage that still writes would never end. */
static int
drain(struct pipeline *p)
{
	struct pollfd w[2] = { { .fd = p->from, .events = POLLIN } };
	struct stream_header h;
	int more = 1, rc = 0;

	while (more > 0 && (rc = stream_take_header(p->in, &h)) == 0)
		if (link_poll(w, 1, -1) < 0 || (more = stream_fill(p->in)) < 0)
			return -1;
	return rc > 0 ? err_set(ERR_DATA, "%s: another stream follows its end", name) : rc;
}

static int
pipeline_finish(struct link *l)
{
	struct pipeline *p = (struct pipeline *)l;
	int status = 0;

	hang_up(&p->to);
	if (drain(p) < 0)
		return -1;
	reap_group(p->group, -1, &status);
	signal_group = 0;
	p->group = 0;
	if (WIFSIGNALED(status))
		return err_set(ERR_DATA, "%s: killed by signal %d", name, WTERMSIG(status));
	if (WEXITSTATUS(status) != 0)
		return err_set(ERR_DATA, "%s: ended with status %d", name, WEXITSTATUS(status));
	return 0;
}

static void
pipeline_free(struct link *l)
{
	struct pipeline *p = (struct pipeline *)l;

	hang_up(&p->to);
	hang_up(&p->from);
	/* After a failure its stages end by themselves, since both ends are closed; what doesn't is ended. */
	int status;
	if (p->group > 0 && !reap_group(p->group, GRACE_MS, &status))
		end_group(p->group, SIGTERM);
	signal_group = 0;
	stream_reader_free(p->in);
	buf_free(&p->out);
	free(p);
}

static const struct stream_header *
pipeline_header(const struct link *l)
{
	return &((const struct pipeline *)l)->header;
}

static int
pipeline_accepts(struct link *l, const struct stream_header *tokens, const char *from)
{
	const struct hash *a = &tokens->vocab_id, *b = &((struct pipeline *)l)->header.vocab_id;

	if (!hash_is_none(a) && !hash_is_none(b) && !hash_equal(a, b))
		return err_set(ERR_DATA, "%s was made with another vocabulary than the pipeline's", from);
	return 0;
}

/*
 * A stage that fails before it knows what it gives says why behind a header that says nothing. 0 where no such word
 * comes, too: then the header itself is refused.
 */
static int
fault_of(struct pipeline *p)
{
	struct pollfd w[2] = { { .fd = p->from, .events = POLLIN } };
	struct frame f;
	int rc, more = 1;

	while ((rc = stream_take(p->in, &f)) == 0 && more > 0) {
		if (link_poll(w, 1, STATUS_MS) < 0 || (w[0].revents && (more = stream_fill(p->in)) < 0))
			return -1;
		if (!w[0].revents)
			return 0;
	}
	return rc > 0 && f.type == FRAME_ERROR ? err_set(ERR_DATA, "%s: %.*s", name, (int)f.text_len, f.text) : rc < 0 ? -1 : 0;
}

/* The stages write their headers at once, before they read anything; then ours goes, for tokens of their vocabulary. */
static int
exchange_headers(struct pipeline *p)
{
	struct pollfd w[2] = { { .fd = p->from, .events = POLLIN } };
	int rc, more = 1, patience = HEADER_MS;

	while ((rc = stream_take_header(p->in, &p->header)) == 0 && more > 0) {
		if (link_poll(w, 1, patience) < 0 || (w[0].revents && (more = stream_fill(p->in)) < 0))
			return -1;
		if (!w[0].revents) {
			msg_warn("%s: no header yet; each stage writes one before it reads", name);
			patience = -1;
		}
	}
	if (rc <= 0)
		return rc < 0 ? -1 : cut(p);
	if (p->header.kind == STREAM_TOKENS && hash_is_none(&p->header.model_id) && fault_of(p) < 0)
		return -1;
	return stream_encode_header(&p->out, &(struct stream_header){ .kind = STREAM_TOKENS, .vocab_id = p->header.vocab_id });
}

struct link *
link_pipeline(const char *command)
{
	static const struct link_kind kind = { pipeline_header, pipeline_accepts, pipeline_send, pipeline_wait, pipeline_finish,
		pipeline_free };
	struct pipeline *p = mem_alloc(1, sizeof *p);

	if (!p)
		return NULL;
	p->link = (struct link){ .kind = &kind, .depth = FIRST_DEPTH };
	p->to = p->from = -1;
	/* A stage whose shell has gone becomes our child, so that none is left unreaped. */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	catch_signals();
	if (start(p, command) < 0 || !(p->in = stream_reader_new(p->from, name)) || exchange_headers(p) < 0) {
		pipeline_free(&p->link);
		return NULL;
	}
	return &p->link;
}
