/* The loop: times in order, descriptors that are ready, and callbacks that add, change and remove what they like. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "net/loop.h"
#include "tap.h"

enum { MS = 1000000 };

static struct loop *loop;

static struct loop *
begin(void)
{
	if (!(loop = loop_new()))
		abort();
	return loop;
}

static void
stop(void *arg)
{
	(void)arg;
	loop_stop(loop);
}

/* Runs until nothing is due any more that was due so many nanoseconds from now. */
static int
run_for(uint64_t ns)
{
	struct loop_timer end = { .call = stop };

	loop_at(loop, &end, clock_ns() + ns);
	int rc = loop_run(loop);
	loop_cancel(&end);
	return rc;
}

/* ---- times ---- */

struct alarm {
	struct loop_timer t;
	int *order;     /* how many were called before */
	int called, at; /* how often; as which */
	bool early;
	struct alarm *cancels, *sets;
	uint64_t later; /* it is set again, so much later */
	int again;      /* so often */
};

static void
ring(void *arg)
{
	struct alarm *a = arg;

	a->called++;
	a->at = (*a->order)++;
	a->early |= clock_ns() < a->t.at || loop_now(loop) < a->t.at || a->t.in;
	if (a->cancels)
		loop_cancel(&a->cancels->t);
	if (a->sets)
		loop_at(loop, &a->sets->t, a->t.at + a->later);
	if (a->again-- > 0)
		loop_at(loop, &a->t, a->t.at + a->later);
}

static void
set(struct alarm *a, int *order, uint64_t at)
{
	*a = (struct alarm){ .t = { .call = ring, .arg = a }, .order = order };
	loop_at(loop, &a->t, at);
}

static void
check_order(void)
{
	enum { N = 40 };
	struct alarm a[N];
	int order = 0, wrong = 0;
	uint64_t now;

	begin();
	now = loop_now(loop);
	for (int i = 0; i < N; i++)
		set(&a[i], &order, now + (uint64_t)(i * 7 % N / 2) * MS / 4); /* two at each time */
	run_for(50 * MS);
	for (int i = 0; i < N; i++)
		for (int k = 0; k < N; k++)
			wrong += a[i].called != 1 || a[i].early || (a[i].t.at < a[k].t.at && a[i].at > a[k].at) ||
			    (a[i].t.at == a[k].t.at && i < k && a[i].at > a[k].at);
	tap_ok(wrong == 0, "times are called in their order, each once, none early; those that are equal as they were set");
	loop_free(loop);
}

static void
check_changes(void)
{
	struct alarm a[6];
	int order = 0;

	begin();
	uint64_t now = loop_now(loop);
	for (int i = 0; i < 6; i++)
		set(&a[i], &order, now + (uint64_t)i);
	loop_at(loop, &a[0].t, now + 2 * MS); /* last */
	loop_at(loop, &a[5].t, now);          /* first */
	loop_cancel(&a[3].t);
	loop_cancel(&a[3].t);
	run_for(2 * MS);
	tap_ok(order == 5 && a[5].at == 0 && a[1].at == 1 && a[2].at == 2 && a[4].at == 3 && a[0].at == 4 && a[3].called == 0,
	    "what is set again is called then; what is cancelled is not");
	loop_cancel(&a[0].t);
	tap_ok(!a[0].t.in && !a[3].t.in, "what was called is not set");
	loop_free(loop);

	begin();
	order = 0;
	for (int i = 0; i < 3; i++)
		set(&a[i], &order, 0);
	loop_cancel(&a[1].t);
	loop_free(loop);
	tap_ok(!a[0].t.in && !a[1].t.in && !a[2].t.in && order == 0, "a loop that is freed calls nothing, and sets nothing");
	loop_cancel(&a[0].t);
	loop_free(NULL);
}

/* All are due in the same round. */
static void
check_in_callbacks(void)
{
	struct alarm a[5];
	int order = 0;

	begin();
	for (int i = 0; i < 5; i++)
		set(&a[i], &order, 1 + (uint64_t)i);
	a[0].cancels = &a[1];
	a[2].cancels = &a[2]; /* itself: nothing */
	a[3].cancels = &a[0]; /* one that was called */
	a[4].cancels = &a[3];
	run_for(0);
	tap_ok(order == 4 && a[1].called == 0 && a[4].at == 3, "one may cancel another that is due, itself, and those that were called");

	order = 0;
	for (int i = 0; i < 3; i++)
		set(&a[i], &order, loop_now(loop) + (uint64_t)i * MS);
	a[0].sets = &a[2]; /* from behind the other to before it */
	a[0].later = MS / 2;
	run_for(2 * MS);
	tap_ok(order == 3 && a[2].at == 1 && a[1].at == 2 && a[2].called == 1, "one may set another");

	order = 0;
	set(&a[0], &order, loop_now(loop));
	set(&a[1], &order, loop_now(loop) + 10 * MS);
	a[0].again = 5;
	a[0].later = MS;
	run_for(10 * MS);
	tap_ok(a[0].called == 6 && a[1].called == 1 && a[1].at == 6 && !a[0].early, "and itself, again and again");

	order = 0;
	set(&a[0], &order, 0);
	a[0].again = 3; /* in the past */
	for (int i = 0; i < 4; i++)
		run_for(0);
	tap_ok(a[0].called == 4, "also where it is due at once");
	loop_free(loop);
}

/* ---- descriptors ---- */

struct watched {
	struct loop_fd f;
	int called;
	unsigned what;
	bool reads;               /* a byte, each time */
	bool stops;
	struct watched *removes;  /* it is removed, closed and freed */
	struct watched *adds;
	unsigned then;            /* what it wants from then on, with `changes` */
	bool changes;
	int most;                 /* it stops the loop after so many calls; 0: no */
};

static void
ready(void *arg, unsigned what)
{
	struct watched *w = arg;
	char c;

	w->called++;
	w->what |= what;
	if (w->reads && read(w->f.fd, &c, 1) < 0)
		abort();
	if (w->changes && loop_want(loop, &w->f, w->then) < 0)
		abort();
	if (w->removes && w->removes->f.in) {
		struct watched *other = w->removes;
		loop_remove(loop, &other->f);
		close(other->f.fd);
		memset(other, 0xee, sizeof *other); /* who calls it without a sanitizer is seen too */
		free(other);
		if (other == w)
			return;
		w->removes = NULL;
	}
	if (w->adds) {
		if (loop_want(loop, &w->adds->f, LOOP_READ) < 0)
			abort();
		w->adds = NULL;
	}
	if (w->stops || (w->most && w->called >= w->most))
		loop_stop(loop);
}

/* To be freed, so that a sanitizer sees who uses it afterwards. */
static struct watched *
watch(int fd, unsigned wants)
{
	struct watched *w = calloc(1, sizeof *w);

	if (!w)
		abort();
	w->f = (struct loop_fd){ .fd = fd, .ready = ready, .arg = w };
	if (loop_want(loop, &w->f, wants) < 0)
		abort();
	return w;
}

static void
unwatch(struct watched *w)
{
	loop_remove(loop, &w->f);
	loop_remove(loop, &w->f); /* twice: nothing */
	close(w->f.fd);
	free(w);
}

/* A pipe with a byte in it. */
static void
pipe_with(int p[2], const char *bytes)
{
	if (pipe(p) != 0 || write(p[1], bytes, strlen(bytes)) != (ssize_t)strlen(bytes))
		abort();
}

static int
file_with(const char *bytes)
{
	int fd = memfd_create("mai-test", MFD_CLOEXEC);

	if (fd < 0 || write(fd, bytes, strlen(bytes)) != (ssize_t)strlen(bytes) || lseek(fd, 0, SEEK_SET) != 0)
		abort();
	return fd;
}

static void
check_ready(void)
{
	int p[2], s[2];
	struct watched *r, *w;

	begin();
	pipe_with(p, "");
	r = watch(p[0], LOOP_READ);
	w = watch(p[1], LOOP_WRITE);
	w->changes = true; /* to nothing: once */
	run_for(0);
	tap_ok(r->called == 0 && w->called == 1 && w->what & LOOP_WRITE, "an empty pipe can be written and not read");
	if (write(p[1], "abc", 3) != 3)
		abort();
	r->reads = true;
	r->most = 3;
	loop_run(loop);
	tap_ok(r->called == 3 && r->what == LOOP_READ && w->called == 1, "what is there is read, as long as it is");
	run_for(0);
	tap_ok(r->called == 3, "and no longer");
	loop_want(loop, &r->f, 0);
	if (write(p[1], "d", 1) != 1)
		abort();
	run_for(0);
	tap_ok(r->called == 3, "what is not wanted is not told");
	loop_want(loop, &r->f, LOOP_READ);
	loop_want(loop, &r->f, LOOP_READ);
	r->most = 4;
	loop_run(loop);
	tap_ok(r->called == 4, "until it is");
	loop_remove(loop, &r->f);
	if (write(p[1], "e", 1) != 1)
		abort();
	run_for(0);
	tap_ok(r->called == 4, "nor what was removed");
	loop_want(loop, &r->f, LOOP_READ);
	r->most = 5;
	loop_run(loop);
	tap_ok(r->called == 5, "until it is added again");
	r->most = 6;
	r->what = 0;
	loop_remove(loop, &w->f);
	close(p[1]);
	loop_run(loop);
	tap_ok(r->called == 6 && r->what & LOOP_READ, "the end of the other side is told to who reads");
	free(w);
	unwatch(r);

	pipe_with(p, "");
	w = watch(p[1], 0);
	run_for(0);
	tap_ok(w->called == 0, "who wants nothing is not called");
	w->most = 1;
	close(p[0]);
	loop_run(loop);
	tap_ok(w->called == 1, "but for a failure");
	unwatch(w);

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, s) != 0 || write(s[1], "x", 1) != 1)
		abort();
	r = watch(s[0], LOOP_READ | LOOP_WRITE);
	r->most = 1;
	loop_run(loop);
	tap_ok(r->called == 1 && r->what == (LOOP_READ | LOOP_WRITE), "both at once are one call");
	unwatch(r);
	close(s[1]);
	loop_free(loop);
}

static void
check_unusable(void)
{
	struct loop_fd f = { .fd = -1, .ready = ready };
	int p[2];

	begin();
	tap_ok(loop_want(loop, &f, LOOP_READ) == -1 && !f.in && err_status() == ERR_SYSTEM, "no descriptor: %s", err_reason());
	loop_remove(loop, &f);
	pipe_with(p, "");
	close(p[0]);
	close(p[1]);
	f.fd = p[0];
	tap_ok(loop_want(loop, &f, LOOP_READ) == -1 && !f.in, "one that is closed: %s", err_reason());
	loop_free(loop);
}

/* Regular files, beside pipes and times. */
static void
check_always(void)
{
	int p[2], order = 0;
	struct watched *file, *other, *r;
	struct alarm a;

	begin();
	file = watch(file_with("abcdef"), LOOP_READ);
	other = watch(file_with(""), 0);
	pipe_with(p, "x");
	r = watch(p[0], LOOP_READ);
	r->reads = true;
	set(&a, &order, loop_now(loop) + MS);
	file->most = 100;
	loop_run(loop);
	tap_ok(file->called == 100 && file->what == LOOP_READ && other->called == 0, "a regular file is always ready, where that is wanted");
	tap_ok(r->called == 1, "and others are called beside it");
	file->most = 0;
	run_for(2 * MS);
	tap_ok(a.called == 1 && !a.early, "and times");
	int before = file->called;
	loop_want(loop, &file->f, 0);
	loop_want(loop, &other->f, LOOP_READ | LOOP_WRITE);
	other->most = 3;
	loop_run(loop);
	tap_ok(file->called == before && other->called == 3 && other->what == (LOOP_READ | LOOP_WRITE), "what is wanted may change");
	loop_remove(loop, &other->f);
	run_for(0);
	tap_ok(other->called == 3, "one that is removed is not called");
	unwatch(other);
	unwatch(file);
	unwatch(r);
	close(p[1]);
	loop_free(loop);
}

/*
 * Some descriptors that are ready at once, pipes or regular files: whichever is called first removes another, closes and frees
 * it. All that are left are called, and who is gone is not.
 */
static bool
removes(int n, unsigned files, int who, int whom)
{
	struct watched *w[8];
	int p[2], wrong = 0;

	begin();
	for (int i = 0; i < n; i++) {
		if (files >> i & 1) {
			p[0] = file_with("x");
		} else {
			pipe_with(p, "x");
			close(p[1]);
		}
		w[i] = watch(p[0], LOOP_READ);
	}
	w[who]->removes = w[whom];
	run_for(0);
	for (int i = 0; i < n; i++)
		if (i != whom) {
			wrong += w[i]->called != 1;
			unwatch(w[i]);
		}
	loop_free(loop);
	return wrong == 0;
}

static void
check_removes(void)
{
	int wrong = 0, n = 0;

	for (unsigned files = 0; files < 32; files += files == 0 ? 5 : 13)
		for (int who = 0; who < 5; who++)
			for (int whom = 0; whom < 5; whom++, n++)
				wrong += who != whom && !removes(5, files, who, whom);
	tap_ok(wrong == 0 && n > 50, "one of a round may remove another of it, which is gone then");

	/* its own, while it is called */
	struct watched *w;
	int p[2];
	for (int file = 0; file < 2; file++) {
		begin();
		pipe_with(p, "x");
		w = watch(file ? file_with("x") : p[0], LOOP_READ);
		w->removes = w;
		w->most = 0;
		run_for(0);
		tap_ok(true, "one may remove itself, and be freed, %s", file ? "a file" : "a pipe");
		if (file)
			close(p[0]);
		close(p[1]);
		loop_free(loop);
	}
}

/* One that is removed in a round, and another that is added in it under the same number, are two. */
static void
check_adds(void)
{
	struct watched *a, *b, late = { 0 };
	int p[2], q[2], empty[2];

	begin();
	pipe_with(p, "x");
	pipe_with(q, "x");
	pipe_with(empty, "");
	a = watch(p[0], LOOP_READ);
	b = watch(q[0], LOOP_READ);
	late.f = (struct loop_fd){ .fd = file_with("x"), .ready = ready, .arg = &late };
	a->adds = b->adds = &late;
	a->stops = b->stops = true;
	loop_run(loop);
	tap_ok(a->called + b->called == 1 && late.called == 0, "a stop lets nobody be called who comes behind");
	a->stops = b->stops = false;
	late.most = 1;
	loop_run(loop);
	tap_ok(a->called > 0 && b->called > 0 && late.called == 1, "who was left, and what was added, is called when it goes on");
	loop_remove(loop, &late.f);
	unwatch(a);
	unwatch(b);

	late.called = late.most = 0;
	late.f.fd = empty[0];
	pipe_with(p, "x");
	a = watch(p[0], LOOP_READ);
	a->changes = true;
	a->adds = &late;
	run_for(0);
	tap_ok(a->called == 1 && late.called == 0 && late.f.in, "one that is added and has nothing to read is not called");
	loop_remove(loop, &late.f);
	unwatch(a);
	loop_free(loop);
	close(late.f.fd);
	close(empty[1]);
}

/* Two that are ready: each, when called first, puts another's number under the memory of the one that it removes. */
static struct watched *pair[2];
static int swapped[2], hits;

static void
swap(void *arg, unsigned what)
{
	struct watched *w = arg, *other = pair[w == pair[0]];

	(void)what;
	hits++;
	loop_want(loop, &w->f, 0);
	loop_remove(loop, &other->f);
	close(other->f.fd);
	other->f.fd = swapped[0]; /* a pipe with nothing in it */
	if (loop_want(loop, &other->f, LOOP_READ) < 0)
		abort();
}

static void
check_swap(void)
{
	int p[2], q[2];

	begin();
	pipe_with(p, "x");
	pipe_with(q, "x");
	pipe_with(swapped, "");
	pair[0] = watch(p[0], LOOP_READ);
	pair[1] = watch(q[0], LOOP_READ);
	pair[0]->f.ready = pair[1]->f.ready = swap;
	run_for(0);
	tap_ok(hits == 1, "what was ready under the old number is not told of the new one");
	unwatch(pair[0]);
	unwatch(pair[1]);
	close(p[1]);
	close(q[1]);
	close(swapped[1]);
	loop_free(loop);
}

/* ---- rounds ---- */

struct rounds {
	int calls, gathered, seen; /* before sleeps; in callbacks; of these, before sleeps */
};

/* Stops when something was gathered. */
static void
before_sleep(void *arg)
{
	struct rounds *r = arg;

	r->calls++;
	r->seen += r->gathered;
	if (r->gathered > 0)
		loop_stop(loop);
	r->gathered = 0;
}

static void
gather(void *arg)
{
	struct rounds *r = arg;

	r->gathered++;
}

static void
check_rounds(void)
{
	struct rounds r = { 0 };
	struct loop_timer t = { .call = gather, .arg = &r };

	begin();
	uint64_t now = loop_now(loop);
	loop_before_sleep(loop, before_sleep, &r);
	loop_at(loop, &t, now + MS);
	tap_ok(loop_run(loop) == 0 && r.calls >= 2 && r.seen == 1, "after a round of callbacks it is said, before the loop sleeps again");
	tap_ok(loop_now(loop) >= now + MS && loop_now(loop) <= clock_ns(), "the time is that of the last wake");
	r = (struct rounds){ .gathered = 1 };
	tap_ok(loop_run(loop) == 0 && r.calls == 1 && r.seen == 1, "also before the first sleep, in which it may stop");
	loop_free(loop);
}

int
main(void)
{
	check_order();
	check_changes();
	check_in_callbacks();
	check_ready();
	check_unusable();
	check_always();
	check_removes();
	check_adds();
	check_swap();
	check_rounds();
	return tap_done();
}
