#include "base/opt.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/io.h"
#include "base/mem.h"
#include "base/msg.h"

/* What getopt_long returns for an option without a letter, above all letters: those of everybody, then the tool's. */
enum { MAX_OPTS = 64, VERBOSE = 256, QUIET, HELP, VERSION, FIRST_LONG };

/* In order of VERBOSE to VERSION. */
static const struct opt common[] = {
	{ 'v', "verbose", NULL, OPT_FLAG, NULL, 0, 0, "say what is being done; twice: more" },
	{ 'q', "quiet", NULL, OPT_FLAG, NULL, 0, 0, "say errors only" },
	{ 'h', "help", NULL, OPT_FLAG, NULL, 0, 0, "print this and exit" },
	{ 0, "version", NULL, OPT_FLAG, NULL, 0, 0, "print the version and exit" },
	{ 0 },
};

static int exit_status;

int
opt_exit_status(void)
{
	return exit_status;
}

bool
opt_number(const char *text, int64_t min, int64_t max, int64_t *out)
{
	char *end;

	errno = 0;
	long long v = strtoll(text, &end, 10);
	if (errno || end == text || *end || v < min || v > max)
		return false;
	*out = v;
	return true;
}

int
opt_file_number(const char *text, char **file, double *x)
{
	const char *colon = strrchr(text, ':');
	char *end;

	*x = 1;
	if (!(*file = mem_strdup(text)))
		return -1;
	if (!colon)
		return 0;
	double v = strtod(colon + 1, &end);
	if (end == colon + 1 || *end)
		return 0;
	*x = v;
	(*file)[colon - text] = '\0';
	return 0;
}

static bool
parse_size(const char *text, uint64_t *out)
{
	static const char suffix[] = "KMGT";
	char *end;

	errno = 0;
	if (*text < '0' || *text > '9')
		return false;
	unsigned long long v = strtoull(text, &end, 10);
	if (errno || end == text)
		return false;
	if (*end) {
		const char *s = strchr(suffix, *end & ~0x20);
		if (!s || end[1])
			return false;
		for (long i = 0; i <= s - suffix; i++)
			if (!mem_mul(v, 1024, (uint64_t *)&v))
				return false;
	}
	*out = v;
	return true;
}

static bool
parse_float(const char *text, double min, double max, double *out)
{
	char *end;
	double v = strtod(text, &end);

	if (end == text || *end || isnan(v) || v < min || v > max)
		return false;
	*out = v;
	return true;
}

static bool
store(const struct opt *o, const char *value)
{
	switch (o->kind) {
	case OPT_FLAG:
		*(bool *)o->to = true;
		return true;
	case OPT_INT:
		return opt_number(value, (int64_t)o->min, (int64_t)o->max, o->to);
	case OPT_FLOAT:
		return parse_float(value, o->min, o->max, o->to);
	case OPT_SIZE:
		return parse_size(value, o->to);
	case OPT_STR:
		*(const char **)o->to = value;
		return true;
	case OPT_MAYBE:
		*(const char **)o->to = value ? value : "";
		return true;
	case OPT_LIST: {
		struct opt_list *l = o->to;
		if (mem_grow(&l->item, &l->cap, l->n + 1, sizeof *l->item) < 0)
			return false;
		l->item[l->n++] = value;
		return true;
	}
	}
	return false;
}

static void
print_opt(const struct opt *o)
{
	char left[64];
	const char *arg = o->arg ? o->arg : "";
	const char *open = !o->arg ? "" : o->kind == OPT_MAYBE ? "[=" : o->name ? "=" : " ";

	snprintf(left, sizeof left, "%c%c%s%s%s%s%s%s", o->letter ? '-' : ' ', o->letter ? o->letter : ' ',
	    o->letter && o->name ? ", " : "  ", o->name ? "--" : "", o->name ? o->name : "", open, arg,
	    o->kind == OPT_MAYBE ? "]" : "");
	printf("  %-28s %s\n", left, o->help);
}

/* The option of a tool's table that getopt_long found, or NULL. */
static const struct opt *
find(const struct opt_tool *t, int c)
{
	for (int i = 0; t->opts[i].help; i++)
		if (c == FIRST_LONG + i || (t->opts[i].letter && c == t->opts[i].letter))
			return &t->opts[i];
	return NULL;
}

/* An option of everybody's as this tool has it: without a letter that the tool takes for itself. */
static struct opt
common_opt(const struct opt_tool *t, int i)
{
	struct opt o = common[i];

	if (find(t, o.letter))
		o.letter = 0;
	return o;
}

static void
print_help(const struct opt_tool *t)
{
	printf("usage: %s %s\n%s\n\n", t->name, t->synopsis, t->does);
	for (const struct opt *o = t->opts; o->help; o++)
		print_opt(o);
	for (int i = 0; common[i].help; i++) {
		struct opt o = common_opt(t, i);
		print_opt(&o);
	}
}

int
opt_usage(const struct opt_tool *t, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	for (char *c = text; *c; c++) /* one line, whatever was given */
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = '?';
	fprintf(stderr, "%s: %s (see '%s --help')\n", msg_tool(), text, t->name);
	exit_status = ERR_USAGE;
	return ERR_USAGE;
}

/* The tables as getopt_long wants them: a long option's val is its number when it has no letter. */
static void
to_getopt(const struct opt_tool *t, char *letters, struct option *longs)
{
	size_t n = 0;

	*letters++ = ':';
	for (int i = 0; common[i].help; i++) {
		struct opt o = common_opt(t, i);
		if (o.letter)
			*letters++ = o.letter;
		longs[n++] = (struct option){ o.name, no_argument, NULL, VERBOSE + i };
	}
	for (int i = 0; t->opts[i].help && n < MAX_OPTS - 1; i++) {
		const struct opt *o = &t->opts[i];
		int has = o->kind == OPT_FLAG ? no_argument : o->kind == OPT_MAYBE ? optional_argument : required_argument;
		if (o->letter) {
			*letters++ = o->letter;
			for (int c = 0; c < has; c++)
				*letters++ = ':';
		}
		if (o->name)
			longs[n++] = (struct option){ o->name, has, NULL, o->letter ? o->letter : FIRST_LONG + i };
	}
	*letters = '\0';
	longs[n] = (struct option){ 0 };
}

/* The number of an option of everybody's. */
static int
common_number(int c)
{
	for (int i = 0; common[i].help; i++)
		if (common[i].letter && c == common[i].letter)
			return VERBOSE + i;
	return c;
}

static int
wrong(const struct opt_tool *t, int c, char **argv)
{
	const char *given = argv[optind - 1];

	if (c == ':')
		opt_usage(t, "option '%s' wants a value", given);
	else if (optopt > 0 && optopt < 256 && strncmp(given, "--", 2) != 0)
		opt_usage(t, "no option '-%c'", optopt);
	else
		opt_usage(t, "no option '%s', or not used so", given);
	return -1;
}

int
opt_parse(const struct opt_tool *t, int argc, char **argv)
{
	char letters[4 + 3 * MAX_OPTS];
	struct option longs[MAX_OPTS];
	int c;

	to_getopt(t, letters, longs);
	optind = 0;
	opterr = 0;
	while ((c = getopt_long(argc, argv, letters, longs, NULL)) != -1) {
		const struct opt *o = find(t, c);
		if (c == '?' || c == ':')
			return wrong(t, c, argv);
		if (!o)
			c = common_number(c);
		if (c == VERBOSE || c == QUIET) {
			msg_level(c == VERBOSE ? 1 : -1);
		} else if (c == HELP || c == VERSION) {
			if (c == HELP)
				print_help(t);
			else
				printf("%s %s\n", msg_tool(), MAI_VERSION);
			exit_status = io_close_stdout() < 0 ? msg_fail() : 0;
			return -1;
		} else if (o && !store(o, optarg)) {
			if (o->kind == OPT_INT || o->kind == OPT_FLOAT)
				opt_usage(t, "'%s' is no %s for %s (%.16g to %.16g)", optarg, o->arg,
				    o->name ? o->name : (char[]){ '-', o->letter, 0 }, o->min, o->max);
			else
				opt_usage(t, "'%s' is no %s for --%s", optarg, o->arg, o->name);
			return -1;
		}
	}
	return optind;
}

/* "info, split or join" */
static void
list_verbs(char *to, size_t size, const struct opt_verb *v, const char *last)
{
	size_t n = 0;

	for (size_t i = 0; v[i].name && n < size; i++)
		n += (size_t)snprintf(to + n, size - n, "%s%s", i == 0 ? "" : v[i + 1].name ? ", " : last, v[i].name);
}

int
opt_verb(const struct opt_tool *t, const struct opt_verb *verbs, int argc, char **argv)
{
	char names[256];
	int at = 1, first;

	while (at < argc && argv[at][0] == '-')
		at++;
	for (size_t i = 0; at < argc && verbs[i].name; i++)
		if (strcmp(argv[at], verbs[i].name) == 0) {
			/* The verb takes the tool's place in argv. */
			memmove(argv + 2, argv + 1, (size_t)(at - 1) * sizeof *argv);
			argv[1] = argv[0];
			return verbs[i].run(argc - 1, argv + 1);
		}
	if ((first = opt_parse(t, argc, argv)) < 0)
		return opt_exit_status();
	list_verbs(names, sizeof names, verbs, first == argc ? " or " : " and ");
	if (first == argc)
		return opt_usage(t, "say what to do: %s", names);
	return opt_usage(t, "'%s' is none of %s", argv[first], names);
}
