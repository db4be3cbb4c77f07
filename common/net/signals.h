/* signals.h: signals as events of a loop. */
#ifndef MAI_NET_SIGNALS_H
#define MAI_NET_SIGNALS_H

#include "net/loop.h"

struct signals {
	struct loop *loop;
	struct loop_fd fd;
	void (*got)(void *arg, int sig);
	void *arg;
};

/*
 * From now on INT, TERM and HUP of this process are told by `got`, those that were ignored excepted. 0 or -1.
 */
int signals_begin(struct signals *s, struct loop *l, void (*got)(void *arg, int sig), void *arg);
void signals_end(struct signals *s);

#endif
