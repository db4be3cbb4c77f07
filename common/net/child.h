/* child.h: a command that is run for a peer, between two pipes, by the keeper. */
#ifndef MAI_NET_CHILD_H
#define MAI_NET_CHILD_H

#include <stdbool.h>
#include <sys/types.h>

#include "net/loop.h"

struct child {
	pid_t pid;      /* also its process group; 0: none */
	int to, from;   /* its stdin and stdout: they don't block. The caller's to close */
	bool ended;
	int status;     /* of waitpid */
	void (*gone)(void *arg, struct child *c); /* when it has ended; may be NULL */
	void *arg;
	struct child *next, **link;
};

/* Runs the keeper's command. `c` stays where it is until child_forget. 0 or -1. */
int child_start(struct child *c, void (*gone)(void *arg, struct child *c), void *arg);

/* Sends a signal to it and what it has started. */
void child_signal(struct child *c, int sig);

/* Not to be told of any more. */
void child_forget(struct child *c);

/* From now on those that have ended are told of. `lost`: the keeper has gone, with a reason. 0 or -1. */
int child_watch(struct loop *l, void (*lost)(void));

#endif
