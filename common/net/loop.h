/*
 * loop.h: one thread that waits for many descriptors and times (epoll), and calls whoever they concern.
 *
 * Descriptors that can't be waited for (regular files) are always ready. Callbacks may add, change and remove anything,
 * their own too.
 */
#ifndef MAI_NET_LOOP_H
#define MAI_NET_LOOP_H

#include <stdbool.h>
#include <stdint.h>

struct loop;

struct loop *loop_new(void); /* NULL with a reason */
void loop_free(struct loop *l);

enum { LOOP_READ = 1, LOOP_WRITE = 2 };

/* A descriptor that is waited for; its owner's memory, which must stay while it is in the loop. Zeroed, it is in none. */
struct loop_fd {
	int fd;
	unsigned wants;  /* LOOP_READ, LOOP_WRITE; 0: only failures */
	void (*ready)(void *arg, unsigned what); /* a failure, or the end of the other side, makes all ready that is wanted */
	void *arg;
	bool in, always; /* the loop's */
	unsigned told;   /* the loop's: what epoll knows */
	struct loop_fd *before, *after;
};

/* Sets what is waited for, adding it if need be. 0 or -1. */
int loop_want(struct loop *l, struct loop_fd *f, unsigned wants);

/* Takes it out, before its descriptor is closed. */
void loop_remove(struct loop *l, struct loop_fd *f);

/* A call at a time (clock_ns). Zeroed, it is not set. */
struct loop_timer {
	uint64_t at;
	void (*call)(void *arg);
	void *arg;
	struct loop *in;                 /* the loop's */
	struct loop_timer *before, *after;
};
void loop_at(struct loop *l, struct loop_timer *t, uint64_t at); /* also where it is set already */
void loop_cancel(struct loop_timer *t);

/* The time as of the last wake: clock_ns. */
uint64_t loop_now(const struct loop *l);

/* What is called after each round of callbacks, before the loop sleeps: to send what they have gathered. */
void loop_before_sleep(struct loop *l, void (*call)(void *arg), void *arg);

/* Runs until loop_stop. 0 or -1. */
int loop_run(struct loop *l);
void loop_stop(struct loop *l);

#endif
