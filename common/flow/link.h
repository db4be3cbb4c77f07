/*
 * link.h: the way from a driver to the stages and back: a whole model in this process, or a pipeline of processes.
 *
 * What comes back is given to `take` as it comes, from within link_send or link_wait.
 */
#ifndef MAI_FLOW_LINK_H
#define MAI_FLOW_LINK_H

#include <stdbool.h>

#include "flow/stage.h"
#include "stream/stream.h"

typedef int link_take(void *arg, const struct frame *f); /* 0 or -1, passed on */

struct link;

/* The stage stays the caller's. NULL with a reason. */
struct link *link_local(struct stage *s);

/*
 * Starts `sh -c PIPELINE` in a process group of its own, which gets the INT, TERM, HUP and QUIT that this process gets.
 * Reads its header, which comes before anything is sent. NULL with a reason.
 */
struct link *link_pipeline(const char *pipeline);

/* Ends the pipeline if it still runs, and reaps it. */
void link_free(struct link *l);

void link_receiver(struct link *l, link_take *take, void *arg);

/* The header of what comes back. */
const struct stream_header *link_header(const struct link *l);

/* Whether what comes back is f32 rows of that kind: 0, or -1 with a reason, which calls them `what`. */
int link_gives(const struct link *l, enum stream_kind kind, const char *what);

/* Whether the stages take tokens of this vocabulary: 0, or -1 with a reason. `name` is where the tokens come from. */
int link_accepts(struct link *l, const struct stream_header *tokens, const char *name);

/* Frames for the stages; kept until they can be written. From within `take` only frames that point to nothing. 0 or -1. */
int link_send(struct link *l, const struct frame *f);

/*
 * Moves what can be moved. With `block`, waits until something was, or until `fd` (-1: none) can be read, which
 * *readable then says. Also notices the end of stdout's reader. 0 or -1 with the first cause.
 */
int link_wait(struct link *l, int fd, bool block, bool *readable);

/* After FRAME_END was sent and came back: waits for the pipeline to end well. 0 or -1. */
int link_finish(struct link *l);

/* How many frames keep all stages at work. */
unsigned link_depth(const struct link *l);

#endif
