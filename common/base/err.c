#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static _Thread_local struct {
	int status;
	char reason[1024];
} last;

static void
print(char *to, size_t size, const char *fmt, va_list ap)
{
	/* A name from a file may hold anything: a reason stays one line of printable text. */
	if (vsnprintf(to, size, fmt, ap) < 0)
		to[0] = '\0';
	for (unsigned char *p = (unsigned char *)to; *p; p++)
		if (*p < 0x20 || *p == 0x7f)
			*p = '?';
}

int
err_set(int status, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	last.status = status;
	print(last.reason, sizeof last.reason, fmt, ap);
	va_end(ap);
	return -1;
}

int
err_sys(const char *fmt, ...)
{
	int cause = errno;
	char text[768];
	va_list ap;

	va_start(ap, fmt);
	print(text, sizeof text, fmt, ap);
	va_end(ap);
	return err_set(ERR_SYSTEM, "%s: %s", text, strerror(cause));
}

int
err_wrap(const char *fmt, ...)
{
	char text[512], reason[sizeof last.reason];
	va_list ap;

	va_start(ap, fmt);
	print(text, sizeof text, fmt, ap);
	va_end(ap);
	memcpy(reason, last.reason, sizeof reason);
	return err_set(last.status, "%s: %.500s", text, reason);
}

const char *
err_reason(void)
{
	return last.reason;
}

int
err_status(void)
{
	return last.status ? last.status : ERR_SYSTEM;
}
