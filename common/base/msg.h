/*
 * msg.h: what a tool says on stderr. For tools/ and long work; stdout carries data only.
 *
 * Levels: -q only errors, default warnings and notes, -v what is being done, -vv more.
 */
#ifndef MAI_BASE_MSG_H
#define MAI_BASE_MSG_H

#include <stdint.h>

/* The tool's name goes before every line. Called first in main; what is opened later is no standard descriptor. */
void msg_init(const char *tool);
const char *msg_tool(void);

void msg_level(int delta); /* -1 for each -q, +1 for each -v */

/* Something went wrong, and the work goes on; msg_fail is for what ends it. */
void msg_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void msg_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void msg_note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));  /* what came of the work; not with -q */
void msg_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));  /* with -v */
void msg_debug(const char *fmt, ...) __attribute__((format(printf, 1, 2))); /* with -vv */

/* Prints the reason that is set (base/err.h) as one line; returns the status to exit with. */
int msg_fail(void);

/*
 * A progress line, drawn at most ten times a second and only when stderr is a terminal.
 * `what` names the work, `unit` is what done and total count ("" for bytes); total 0: not known.
 * msg_progress_end removes the line.
 */
void msg_progress(const char *what, uint64_t done, uint64_t total, const char *unit);
void msg_progress_end(void);

/* The same of bytes, as a function that others are given to call. */
void msg_progress_bytes(void *none, const char *what, uint64_t done, uint64_t total);

#endif
