/* fault.h: the first cause, told to those behind. */
#ifndef MAI_FLOW_FAULT_H
#define MAI_FLOW_FAULT_H

/*
 * Ends a stream that is being written to `fd` with an error frame: `self` and the reason that is set (base/err.h). Whether that
 * can be written or not, status and reason stay what they were. Returns -1.
 */
int fault_tell(int fd, const char *self, const char *name);

#endif
