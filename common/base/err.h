/*
 * err.h: the one way to report errors.
 *
 * A library function that fails says why with one of the calls below and returns what they return,
 * -1 (or NULL, where it returns a pointer). The reason and the exit status wait here, one of each a
 * thread, until a tool prints them (base/msg.h) and exits. Nothing in the library prints or exits.
 */
#ifndef MAI_BASE_ERR_H
#define MAI_BASE_ERR_H

/* Exit statuses of all tools. */
enum {
	ERR_DATA = 1,   /* the data is wrong: bad file, cut stream, mismatch of models */
	ERR_USAGE = 2,  /* the command line is wrong */
	ERR_SYSTEM = 3, /* the system failed: no file, no memory, disk full */
};

/* Sets status and reason; the reason is one line without a newline at its end. Returns -1. */
int err_set(int status, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The same with ERR_SYSTEM, and ": " and strerror(errno) after the text. Returns -1. */
int err_sys(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Puts text and ": " before the reason that is set, keeping its status. Returns -1. */
int err_wrap(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

const char *err_reason(void);
int err_status(void);

#endif
