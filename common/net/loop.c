#include "net/loop.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"

enum { EVENTS = 64 };

struct loop {
	int epoll;
	bool stops;
	uint64_t now;
	struct epoll_event event[EVENTS];
	int n, at;                          /* events of this round, and the one being handled */
	struct loop_fd *always, *next;      /* those that can't be waited for; the one to be called next */
	struct loop_timer *first, *last;    /* in order of time */
	void (*before)(void *arg);
	void *before_arg;
};

struct loop *
loop_new(void)
{
	struct loop *l = mem_alloc(1, sizeof *l);

	if (!l)
		return NULL;
	l->now = clock_ns();
	if ((l->epoll = epoll_create1(EPOLL_CLOEXEC)) < 0) {
		err_sys("cannot wait for descriptors");
		free(l);
		return NULL;
	}
	return l;
}

void
loop_free(struct loop *l)
{
	if (!l)
		return;
	while (l->first)
		loop_cancel(l->first);
	close(l->epoll);
	free(l);
}

/* ---- descriptors ---- */

static uint32_t
epoll_wants(unsigned wants)
{
	return (wants & LOOP_READ ? EPOLLIN : 0u) | (wants & LOOP_WRITE ? EPOLLOUT : 0u);
}

static void
link_always(struct loop *l, struct loop_fd *f)
{
	f->always = true;
	f->before = NULL;
	f->after = l->always;
	if (l->always)
		l->always->before = f;
	l->always = f;
}

static void
unlink_always(struct loop *l, struct loop_fd *f)
{
	if (l->next == f)
		l->next = f->after;
	if (f->after)
		f->after->before = f->before;
	if (f->before)
		f->before->after = f->after;
	else
		l->always = f->after;
	f->always = false;
}

int
loop_want(struct loop *l, struct loop_fd *f, unsigned wants)
{
	struct epoll_event e = { .events = epoll_wants(wants), .data.ptr = f };

	f->wants = wants;
	if (f->always || (f->in && f->told == wants))
		return 0;
	if (epoll_ctl(l->epoll, f->in ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, f->fd, &e) < 0) {
		if (errno != EPERM || f->in)
			return err_sys("cannot wait for a descriptor");
		link_always(l, f);
	}
	f->in = true;
	f->told = wants;
	return 0;
}

void
loop_remove(struct loop *l, struct loop_fd *f)
{
	if (!f->in)
		return;
	if (f->always)
		unlink_always(l, f);
	else
		epoll_ctl(l->epoll, EPOLL_CTL_DEL, f->fd, NULL);
	f->in = false;
	for (int i = l->at + 1; i < l->n; i++)
		if (l->event[i].data.ptr == f)
			l->event[i].data.ptr = NULL;
}

/* ---- times ---- */

void
loop_cancel(struct loop_timer *t)
{
	struct loop *l = t->in;

	if (!l)
		return;
	*(t->before ? &t->before->after : &l->first) = t->after;
	*(t->after ? &t->after->before : &l->last) = t->before;
	t->in = NULL;
}

/* Most times are later than all that are set: the search begins at the end. */
void
loop_at(struct loop *l, struct loop_timer *t, uint64_t at)
{
	struct loop_timer *before;

	loop_cancel(t);
	before = l->last;
	while (before && before->at > at)
		before = before->before;
	t->in = l;
	t->at = at;
	t->before = before;
	t->after = before ? before->after : l->first;
	*(t->before ? &t->before->after : &l->first) = t;
	*(t->after ? &t->after->before : &l->last) = t;
}

uint64_t
loop_now(const struct loop *l)
{
	return l->now;
}

static void
call_timers(struct loop *l)
{
	while (!l->stops && l->first && l->first->at <= l->now) {
		struct loop_timer *t = l->first;
		loop_cancel(t);
		t->call(t->arg);
	}
}

/* ---- running ---- */

void
loop_before_sleep(struct loop *l, void (*call)(void *arg), void *arg)
{
	l->before = call;
	l->before_arg = arg;
}

static bool
wants_always(const struct loop *l)
{
	for (const struct loop_fd *f = l->always; f; f = f->after)
		if (f->wants)
			return true;
	return false;
}

/* Milliseconds to the next time, rounded up; -1: none. */
static int
sleep_ms(const struct loop *l)
{
	uint64_t now = clock_ns(), ms;

	if (wants_always(l) || l->stops)
		return 0;
	if (!l->first)
		return -1;
	ms = l->first->at <= now ? 0 : (l->first->at - now + 999999) / 1000000;
	return ms > 1000000 ? 1000000 : (int)ms; /* in range */
}

static void
call_fds(struct loop *l)
{
	for (l->at = 0; l->at < l->n && !l->stops; l->at++) {
		const struct epoll_event *e = &l->event[l->at];
		struct loop_fd *f = e->data.ptr;
		unsigned what = 0;
		if (!f)
			continue;
		if (e->events & (EPOLLIN | EPOLLHUP | EPOLLERR | EPOLLRDHUP))
			what |= LOOP_READ;
		if (e->events & (EPOLLOUT | EPOLLHUP | EPOLLERR))
			what |= LOOP_WRITE;
		/* a failure where nothing is wanted must be told too, or it comes again at once */
		if (what & f->wants || e->events & (EPOLLERR | EPOLLHUP))
			f->ready(f->arg, what);
	}
	l->n = 0;
	for (struct loop_fd *f = l->always; f && !l->stops; f = l->next) {
		l->next = f->after;
		if (f->wants)
			f->ready(f->arg, f->wants);
	}
}

int
loop_run(struct loop *l)
{
	l->stops = false;
	while (!l->stops) {
		int n;
		if (l->before)
			l->before(l->before_arg);
		n = epoll_wait(l->epoll, l->event, EVENTS, sleep_ms(l));
		if (n < 0 && errno != EINTR)
			return err_sys("cannot wait for descriptors");
		l->now = clock_ns();
		l->n = n < 0 ? 0 : n;
		call_fds(l);
		call_timers(l);
	}
	return 0;
}

void
loop_stop(struct loop *l)
{
	l->stops = true;
}
