/* fault.h: the first cause, told to those behind. */
#ifndef MAI_FLOW_FAULT_H
#define MAI_FLOW_FAULT_H

#include "stream/stream.h"

/*
 * Ends the stream that is being written to `fd`, or one that begins with `header` (NULL: it has begun), with an error frame:
 * `self` and the reason that is set (base/err.h). Whether that can be written or not, status and reason stay what they
 * were. Returns -1.
 */
int fault_tell(int fd, const struct stream_header *header, const char *self, const char *name);

#endif
