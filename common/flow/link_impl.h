/* link_impl.h: the two kinds of link. */
#ifndef MAI_FLOW_LINK_IMPL_H
#define MAI_FLOW_LINK_IMPL_H

#include "flow/link.h"

struct link_kind {
	const struct stream_header *(*header)(const struct link *l);
	int (*accepts)(struct link *l, const struct stream_header *tokens, const char *name);
	int (*send)(struct link *l, const struct frame *f);
	int (*wait)(struct link *l, int fd, bool block, bool *readable);
	int (*finish)(struct link *l);
	void (*free)(struct link *l);
};

/* The first member of each kind's own struct. */
struct link {
	const struct link_kind *kind;
	link_take *take;
	void *arg;
	unsigned depth;
};

/*
 * Waits on descriptors as poll(2) does, for at most `ms` milliseconds (-1: for ever); dies of SIGPIPE when the reader of
 * stdout has gone. p has room for one more than n.
 */
struct pollfd;
int link_poll(struct pollfd *p, unsigned n, int ms);

#endif
