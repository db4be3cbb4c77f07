/* exec.h: serves a protocol by the keeper's command, one for each stream: plain bytes in, plain bytes out. */
#ifndef MAI_NET_EXEC_H
#define MAI_NET_EXEC_H

#include "net/conn.h"

struct exec;

/* At most so many at a time, and so many of one peer. `protocol` must outlive it. NULL with a reason. */
struct exec *exec_new(struct node *n, const char *protocol, size_t most, size_t most_of_peer);

/* Kills what still runs. */
void exec_free(struct exec *e);

#endif
