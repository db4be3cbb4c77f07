/* exec.h: serves a protocol by a command of its own for each stream: plain bytes in, plain bytes out. */
#ifndef MAI_NET_EXEC_H
#define MAI_NET_EXEC_H

#include "net/conn.h"

struct exec;

/* Serves `protocol` by argv, at most so many at a time, and so many of one peer. Both must outlive it. NULL with a reason. */
struct exec *exec_new(struct node *n, const char *protocol, char *const *argv, size_t most, size_t most_of_peer);

/* Kills what still runs. */
void exec_free(struct exec *e);

#endif
