#include "base/msg.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/io.h"

static const char *tool = "mai";
static int level;
static bool drawn;

void
msg_init(const char *name)
{
	tool = name;
	io_hold_standard();
}

const char *
msg_tool(void)
{
	return tool;
}

void
msg_level(int delta)
{
	level += delta;
}

static void
say(const char *kind, const char *fmt, va_list ap)
{
	char line[1200];

	/* One write a line, so that the lines of several processes don't mix. */
	vsnprintf(line, sizeof line, fmt, ap);
	msg_progress_end();
	fprintf(stderr, "%s: %s%s\n", tool, kind, line);
}

void
msg_error(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say("", fmt, ap);
	va_end(ap);
}

void
msg_warn(const char *fmt, ...)
{
	va_list ap;

	if (level < 0)
		return;
	va_start(ap, fmt);
	say("warning: ", fmt, ap);
	va_end(ap);
}

void
msg_note(const char *fmt, ...)
{
	va_list ap;

	if (level < 0)
		return;
	va_start(ap, fmt);
	say("", fmt, ap);
	va_end(ap);
}

void
msg_info(const char *fmt, ...)
{
	va_list ap;

	if (level < 1)
		return;
	va_start(ap, fmt);
	say("", fmt, ap);
	va_end(ap);
}

void
msg_debug(const char *fmt, ...)
{
	va_list ap;

	if (level < 2)
		return;
	va_start(ap, fmt);
	say("", fmt, ap);
	va_end(ap);
}

int
msg_fail(void)
{
	msg_progress_end();
	fprintf(stderr, "%s: %s\n", tool, err_reason());
	return err_status();
}

static void
amount(char *to, size_t size, uint64_t n, const char *unit)
{
	static const char prefix[] = " KMGTPE";
	double v = (double)n;
	int i = 0;

	if (*unit) {
		snprintf(to, size, "%llu %s", (unsigned long long)n, unit);
		return;
	}
	for (; v >= 1024 && prefix[i + 1]; i++)
		v /= 1024;
	snprintf(to, size, i ? "%.1f %ciB" : "%.0f %cB", v, prefix[i]);
}

void
msg_progress(const char *what, uint64_t done, uint64_t total, const char *unit)
{
	static double began, shown;
	static const char *work;
	char n[32], of[32];
	double now;

	if (level < 0 || !isatty(STDERR_FILENO))
		return;
	now = clock_seconds();
	if (work != what) {
		work = what;
		began = now;
	} else if (now - shown < 0.1) {
		return;
	}
	shown = now;
	drawn = true;
	amount(n, sizeof n, done, unit);
	if (total == 0 || done == 0) {
		fprintf(stderr, "\r\033[K%s: %s", what, n);
	} else {
		amount(of, sizeof of, total, unit);
		fprintf(stderr, "\r\033[K%s: %s of %s, %.0f s left", what, n, of,
		    (now - began) * (double)(total - done) / (double)done);
	}
	fflush(stderr);
}

void
msg_progress_end(void)
{
	if (drawn)
		fputs("\r\033[K", stderr);
	drawn = false;
}

void
msg_progress_bytes(void *none, const char *what, uint64_t done, uint64_t total)
{
	(void)none;
	msg_progress(what, done, total, "");
}
