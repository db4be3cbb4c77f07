/*
 * keeper.h: a process that starts commands, for one that has given up the right to (confine.h). It is forked before the other has
 * keys, sockets or peers; it reads nothing but the other's wishes, which are few: to run the one command, to signal
 * what it has run, to open the few files and to remove the sockets that were named at the beginning.
 *
 * It ends, and what it has run gets TERM, when the other ends.
 */
#ifndef MAI_NET_KEEPER_H
#define MAI_NET_KEEPER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct keeper_orders {
	char *const *argv;    /* the command; argv[0] is looked for in PATH */
	const char **file;    /* that may be opened, for reading */
	size_t n_files;
	const char **socket;  /* that may be removed */
	size_t n_sockets;
};

/* Forks it. 0, or -1 with a reason. */
int keeper_start(const struct keeper_orders *o);

/* Ends it, and waits for that. */
void keeper_end(void);

/* Runs the command between two pipes: *to its stdin, *from its stdout. Its process group is its pid. 0, or -1 with a reason. */
int keeper_run(pid_t *pid, int *to, int *from);

/* To a process group that runs; else nothing happens. */
void keeper_signal(pid_t pid, int sig);

/* File i, opened. -1 with a reason. */
int keeper_open(size_t i);
void keeper_remove(const char *socket);

/* Readable when a command has ended, or the keeper has. */
int keeper_news(void);

/* One that has ended: 1; 0: none now; -1: the keeper has, with a reason. */
int keeper_ended(pid_t *pid, int *status);

#endif
