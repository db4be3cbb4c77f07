/* Ranges of numbers, as alternatives of their digits. */
#include "grammar/schema_impl.h"

enum { DIGITS = 16 }; /* of a whole number without a bound, and of a fraction */
#define LARGEST_BOUND INT64_C(1000000000000000000)

/* From `least` to `most`, or to but not with an end that is open. */
struct range_of {
	int64_t least, most;
	bool least_open, most_open;
};

static uint64_t
power(unsigned n)
{
	uint64_t p = 1;

	while (n-- > 0)
		p *= 10;
	return p;
}

static unsigned
digits(uint64_t x)
{
	unsigned n = 1;

	for (; x >= 10; x /= 10)
		n++;
	return n;
}

/* ---- digits ---- */

static void
put_digit(struct schema *s, uint64_t from, uint64_t to, unsigned others)
{
	schema_put(s, "[%u-%u]", (unsigned)from, (unsigned)to);
	if (others > 0)
		schema_put(s, " [0-9]{%u}", others);
}

/* Whole numbers of n digits, those at the front may be 0. */
static void
put_digits(struct schema *s, uint64_t from, uint64_t to, unsigned n)
{
	uint64_t unit = power(n - 1), first = from / unit, last = to / unit;

	if (from % unit == 0 && to % unit == unit - 1) {
		put_digit(s, first, last, n - 1);
		return;
	}
	if (first == last) {
		schema_put(s, "\"%u\" ", (unsigned)first);
		put_digits(s, from % unit, to % unit, n - 1);
		return;
	}
	schema_put(s, "(");
	if (from % unit != 0) {
		put_digits(s, from, first * unit + unit - 1, n);
		schema_put(s, " | ");
		first++;
	}
	if (to % unit != unit - 1)
		last--;
	if (first <= last)
		put_digit(s, first, last, n - 1);
	if (to % unit != unit - 1) {
		schema_put(s, "%s", first <= last ? " | " : "");
		put_digits(s, (last + 1) * unit, to, n);
	}
	schema_put(s, ")");
}

/* A group of whole numbers, the smaller first. */
static void
put_whole(struct schema *s, uint64_t from, uint64_t to)
{
	schema_put(s, "(");
	for (unsigned n = digits(from); n <= digits(to); n++) {
		uint64_t least = n > 1 ? power(n - 1) : 0, most = power(n) - 1;
		schema_put(s, "%s", n > digits(from) ? " | " : "");
		put_digits(s, from > least ? from : least, to < most ? to : most, n);
	}
	schema_put(s, ")");
}

/* ---- bounds ---- */

/* A bound that is there; its end is open where the keyword says so. Of two the stricter one. */
static void
read_bound(struct schema *s, json_t *schema, const char *path, const char *key, bool open, bool least, int64_t *end, bool *end_open)
{
	json_t *v = json_object_get(schema, key);
	double d = json_number_value(v), limit = (double)LARGEST_BOUND;
	int64_t x;

	if (!v)
		return;
	if (!json_is_number(v) || d < -limit || d > limit || d != (double)(int64_t)d) {
		schema_wrong(s, schema_path(s, path, key), "only whole numbers of at most 18 digits are supported here");
		return;
	}
	x = json_is_integer(v) ? json_integer_value(v) : (int64_t)d;
	if (least ? x < *end : x > *end)
		return;
	*end_open = open || (x == *end && *end_open);
	*end = x;
}

static struct range_of
read_range(struct schema *s, json_t *schema, const char *path)
{
	const int64_t none = 2 * LARGEST_BOUND, far = (int64_t)power(DIGITS) - 1;
	struct range_of r = { -none, none, false, false };

	read_bound(s, schema, path, "minimum", false, true, &r.least, &r.least_open);
	read_bound(s, schema, path, "exclusiveMinimum", true, true, &r.least, &r.least_open);
	read_bound(s, schema, path, "maximum", false, false, &r.most, &r.most_open);
	read_bound(s, schema, path, "exclusiveMaximum", true, false, &r.most, &r.most_open);
	/* Without a bound there are as many digits as elsewhere, or as the other bound has. */
	if (r.most == none)
		r.most = r.least < far ? far : (int64_t)power(digits((uint64_t)r.least)) - 1;
	if (r.least == -none)
		r.least = r.most > -far ? -far : 1 - (int64_t)power(digits((uint64_t)-r.most));
	return r;
}

void
schema_put_integer(struct schema *s, const char *rule, json_t *schema, const char *path)
{
	struct range_of r = read_range(s, schema, path);

	r.least += r.least_open;
	r.most -= r.most_open;
	if (r.least > r.most)
		schema_wrong(s, path, "no number is within these bounds");
	if (s->failed)
		return;
	schema_put(s, "%s ::= ", rule);
	if (r.least < 0) {
		schema_put(s, "\"-\" ");
		put_whole(s, r.most < 0 ? (uint64_t)-r.most : 1, (uint64_t)-r.least);
	}
	schema_put(s, "%s", r.least < 0 && r.most >= 0 ? " | " : "");
	if (r.most >= 0)
		put_whole(s, r.least > 0 ? (uint64_t)r.least : 0, (uint64_t)r.most);
	schema_put(s, "\n");
}

/* Numbers that are not negative, with `sign` before each. The range is not empty. */
static void
put_numbers(struct schema *s, const char *sign, struct range_of r)
{
	uint64_t from = (uint64_t)r.least, to = (uint64_t)r.most;

	schema_put(s, "%s(", sign);
	if (from == to) {
		schema_put(s, "\"%llu\"", (unsigned long long)from);
	} else {
		schema_put(s, "\"%llu\" ", (unsigned long long)from);
		schema_put(s, r.least_open ? "\".\" [0-9]{0,%d} [1-9]" : "(\".\" [0-9]{1,%d})?", DIGITS - r.least_open);
		if (to - from > 1) {
			schema_put(s, " | ");
			put_whole(s, from + 1, to - 1);
			schema_put(s, " (\".\" [0-9]{1,%d})?", DIGITS);
		}
		if (!r.most_open)
			schema_put(s, " | \"%llu\"", (unsigned long long)to);
	}
	if (!r.most_open)
		schema_put(s, " (\".\" \"0\"{1,%d})?", DIGITS);
	schema_put(s, ")");
}

void
schema_put_number(struct schema *s, const char *rule, json_t *schema, const char *path)
{
	struct range_of r = read_range(s, schema, path);
	bool negative = r.least < 0, other = r.most > 0 || (r.most == 0 && !r.most_open);

	if (r.least > r.most || (r.least == r.most && (r.least_open || r.most_open)))
		schema_wrong(s, path, "no number is within these bounds");
	if (s->failed)
		return;
	schema_put(s, "%s ::= ", rule);
	if (negative && r.most < 0)
		put_numbers(s, "\"-\" ", (struct range_of){ -r.most, -r.least, r.most_open, r.least_open });
	else if (negative)
		put_numbers(s, "\"-\" ", (struct range_of){ 0, -r.least, true, r.least_open });
	schema_put(s, "%s", negative && other ? " | " : "");
	if (other)
		put_numbers(s, "", (struct range_of){ negative ? 0 : r.least, r.most, !negative && r.least_open, r.most_open });
	schema_put(s, "\n");
}
