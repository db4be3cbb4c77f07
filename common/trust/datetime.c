#include "trust/datetime.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

/* Digits that are all there, as a number; moves `text` behind them. -1 where they are none. */
static int
digits(const char **text, int n)
{
	int x = 0;

	for (; n > 0; n--, (*text)++) {
		if (**text < '0' || **text > '9')
			return -1;
		x = 10 * x + (**text - '0');
	}
	return x;
}

static bool
skip(const char **text, char c)
{
	if (**text != c)
		return false;
	(*text)++;
	return true;
}

/* Days since 1970 of a day in the Gregorian calendar. */
static int64_t
days_of(int year, int month, int day)
{
	int y = year - (month <= 2), era = y / 400, of_era = y % 400, of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	return (int64_t)era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static bool
take_date(int64_t *days, const char **text)
{
	static const int length[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	int year = digits(text, 4), month = skip(text, '-') ? digits(text, 2) : -1, day = skip(text, '-') ? digits(text, 2) : -1;
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	if (year < 1 || month < 1 || month > 12 || day < 1 || day > length[month - 1] + (month == 2 && leap))
		return false;
	*days = days_of(year, month, day);
	return true;
}

static bool
take_time(int64_t *seconds, const char **text)
{
	int hour = digits(text, 2), minute = skip(text, ':') ? digits(text, 2) : -1, second = skip(text, ':') ? digits(text, 2) : -1;

	if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59)
		return false;
	*seconds = hour * 3600 + minute * 60 + second;
	if (skip(text, '.')) {
		size_t n = strspn(*text, "0123456789");
		*text += n;
		return n > 0;
	}
	return true;
}

static bool
take_zone(int64_t *seconds, const char **text)
{
	int sign = **text == '+' ? 1 : **text == '-' ? -1 : 0, hour, minute;

	*seconds = 0;
	if (sign == 0)
		return skip(text, 'Z');
	(*text)++;
	hour = digits(text, 2);
	minute = skip(text, ':') ? digits(text, 2) : -1;
	*seconds = sign * (hour * 3600 + minute * 60);
	return hour >= 0 && minute >= 0 && minute <= 59 && hour * 60 + minute <= 14 * 60;
}

bool
datetime_parse(int64_t *seconds, const char *text)
{
	int64_t days, of_day, zone;

	if (!take_date(&days, &text) || !skip(&text, 'T') || !take_time(&of_day, &text) || !take_zone(&zone, &text) || *text)
		return false;
	*seconds = days * 86400 + of_day - zone;
	return true;
}

char *
datetime_text(char to[DATETIME_TEXT], int64_t seconds)
{
	time_t t = (time_t)seconds;
	struct tm tm;

	if (!gmtime_r(&t, &tm) || strftime(to, DATETIME_TEXT, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		to[0] = '\0';
	return to;
}
