/*
 * source.h: sequences out of token streams, as a driver wants them: whole, in the order in which they end.
 */
#ifndef MAI_FLOW_SOURCE_H
#define MAI_FLOW_SOURCE_H

#include "flow/driver.h"

struct source;

/* Reads `fd`; checks each stream's header against the link. NULL with a reason. */
struct source *source_new(int fd, const char *name, struct link *l);
void source_free(struct source *s);

/* For a driver_client: the next whole sequence, without waiting. Ordinals count through all streams. */
int source_next(struct source *s, struct sequence **q, bool *ended);
int source_fill(struct source *s);
int source_fd(const struct source *s);

#endif
