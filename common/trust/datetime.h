/* datetime.h: moments as XML Schema and RFC 3339 write them: 2026-01-02T03:04:05Z, with a fraction, or another zone behind. */
#ifndef MAI_TRUST_DATETIME_H
#define MAI_TRUST_DATETIME_H

#include <stdbool.h>
#include <stdint.h>

enum { DATETIME_TEXT = 32 };

/* Seconds since 1970, UTC; a fraction is cut off. False when it is no such moment of the years 1 to 9999. */
bool datetime_parse(int64_t *seconds, const char *text);

/* In UTC, with a Z, for the years 1970 to 9999. Returns `to`. */
char *datetime_text(char to[DATETIME_TEXT], int64_t seconds);

#endif
