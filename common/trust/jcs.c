#include "trust/jcs.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"

json_t *
jcs_parse(const char *text, size_t n)
{
	json_error_t e;
	json_t *value;

	if (n > JCS_MAX) {
		err_set(ERR_DATA, "JSON of more than %d bytes", JCS_MAX);
		return NULL;
	}
	value = json_loadb(text, n, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL | JSON_ALLOW_NUL, &e);
	if (!value)
		err_set(ERR_DATA, "line %d, column %d: %s", e.line, e.column, e.text);
	return value;
}

/* ---- numbers ---- */

/* The fewest digits that are read as x, of those the nearest; x is finite, positive. x = 0.DIGITS times 10 to the exponent. */
static int
shortest(char digits[32], double x)
{
	char text[32];
	int exponent = 0, n = 0;

	for (int precision = 0; precision < 17; precision++) {
		snprintf(text, sizeof text, "%.*e", precision, x);
		if (strtod(text, NULL) == x)
			break;
	}
	for (const char *c = text; *c != 'e'; c++)
		if (*c != '.')
			digits[n++] = *c;
	digits[n] = '\0';
	exponent = atoi(strchr(text, 'e') + 1) + 1;
	return exponent;
}

/* Number::toString of ECMA-262 (2019, 7.1.12.1); the names k and n are there. */
static int
add_number(struct buf *to, double x)
{
	char digits[32];
	int k, n;

	if (!isfinite(x))
		return err_set(ERR_DATA, "a number that is not finite has no JSON");
	if (x == 0)
		return buf_addc(to, '0');
	if (x < 0 && buf_addc(to, '-') < 0)
		return -1;
	n = shortest(digits, fabs(x));
	k = (int)strlen(digits);
	if (k <= n && n <= 21)
		return buf_printf(to, "%s%.*s", digits, n - k, "000000000000000000000");
	if (0 < n && n <= 21)
		return buf_printf(to, "%.*s.%s", n, digits, digits + n);
	if (-6 < n && n <= 0)
		return buf_printf(to, "0.%.*s%s", -n, "000000", digits);
	return buf_printf(to, "%c%s%se%+d", digits[0], k > 1 ? "." : "", digits + 1, n - 1);
}

/* ---- strings ---- */

static int
add_character(struct buf *to, uint8_t c)
{
	static const char short_of[] = "\b\t\n\f\r\"\\", letter[] = "btnfr\"\\";
	const char *at = c ? strchr(short_of, c) : NULL;

	if (at)
		return buf_printf(to, "\\%c", letter[at - short_of]);
	return c < 0x20 ? buf_printf(to, "\\u%04x", c) : buf_addc(to, c);
}

static int
add_string(struct buf *to, const char *text, size_t n)
{
	if (buf_reserve(to, n + 2) < 0 || buf_addc(to, '"') < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (add_character(to, (uint8_t)text[i]) < 0)
			return -1;
	return buf_addc(to, '"');
}

/* ---- arrays and objects ---- */

static int
add_array(struct buf *to, const json_t *array)
{
	for (size_t i = 0; i < json_array_size(array); i++)
		if (buf_addc(to, i ? ',' : '[') < 0 || jcs_add(to, json_array_get(array, i)) < 0)
			return -1;
	return json_array_size(array) ? buf_addc(to, ']') : buf_add(to, "[]", 2);
}

/* UTF-8 in the order of UTF-16: what takes two units there (first byte f0 and above) is before U+E000 to U+FFFF (ee, ef). */
static int
place(uint8_t c)
{
	return c == 0xee || c == 0xef ? c + 0x10 : c;
}

static int
compare(const void *a, const void *b)
{
	const uint8_t *x = *(const uint8_t *const *)a, *y = *(const uint8_t *const *)b;

	while (*x && *x == *y) {
		x++;
		y++;
	}
	return place(*x) - place(*y);
}

static int
add_object(struct buf *to, const json_t *object)
{
	size_t n = json_object_size(object), i = 0;
	const char **key = mem_alloc(n ? n : 1, sizeof *key);
	int rc = key ? buf_addc(to, '{') : -1;

	if (rc == 0)
		for (void *at = json_object_iter((json_t *)(uintptr_t)object); at; at = json_object_iter_next((json_t *)(uintptr_t)object, at))
			key[i++] = json_object_iter_key(at); /* jansson's walk takes no const, and changes nothing */
	if (i > 0)
		qsort(key, n, sizeof *key, compare);
	for (i = 0; rc == 0 && i < n; i++)
		if ((i && buf_addc(to, ',') < 0) || add_string(to, key[i], strlen(key[i])) < 0 || buf_addc(to, ':') < 0 ||
		    jcs_add(to, json_object_get(object, key[i])) < 0)
			rc = -1;
	free(key);
	return rc < 0 ? -1 : buf_addc(to, '}');
}

int
jcs_add(struct buf *to, const json_t *value)
{
	switch (json_typeof(value)) {
	case JSON_OBJECT:
		return add_object(to, value);
	case JSON_ARRAY:
		return add_array(to, value);
	case JSON_STRING:
		return add_string(to, json_string_value(value), json_string_length(value));
	case JSON_INTEGER:
	case JSON_REAL:
		return add_number(to, json_number_value(value));
	case JSON_TRUE:
		return buf_add(to, "true", 4);
	case JSON_FALSE:
		return buf_add(to, "false", 5);
	case JSON_NULL:
		break;
	}
	return buf_add(to, "null", 4);
}
