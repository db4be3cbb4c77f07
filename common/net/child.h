/* child.h: a command that is run for a peer, between two pipes. */
#ifndef MAI_NET_CHILD_H
#define MAI_NET_CHILD_H

#include <stdbool.h>
#include <sys/types.h>

struct child {
	pid_t pid;      /* also its process group; 0: none */
	int to, from;   /* its stdin and stdout: they don't block. The caller's to close */
	bool ended;
	int status;     /* of waitpid */
	void (*gone)(void *arg, struct child *c); /* when it has ended; may be NULL */
	void *arg;
	struct child *next, **link;
};

/* Starts argv (argv[0] is looked for in PATH). `c` stays where it is until child_forget. 0 or -1. */
int child_start(struct child *c, char *const *argv, void (*gone)(void *arg, struct child *c), void *arg);

/* Sends a signal to it and what it has started. */
void child_signal(struct child *c, int sig);

/* Not to be told of any more; it is reaped when it ends. */
void child_forget(struct child *c);

/* Upon SIGCHLD: reaps those that have ended, and tells. */
void child_reap(void);

#endif
