/* ahead.h: a file is read by one thread while another works on what was read before. */
#ifndef MAI_BASE_AHEAD_H
#define MAI_BASE_AHEAD_H

#include <stddef.h>
#include <stdint.h>

/*
 * Calls f(arg, piece, n) in this thread for what is left to read of fd, piece after piece, each longer than none; `name` is for
 * reasons. Where no thread can be had, reads and works in turns. 0 or -1.
 */
int ahead_read(int fd, const char *name, void (*f)(void *arg, const uint8_t *piece, size_t n), void *arg);

#endif
