/*
 * opt.h: the one way to parse options. A tool lists them in a table; parsing fills the tool's struct,
 * and the same table prints --help. -h, --help, --version, -v and -q are everybody's and not listed; a table that has one of
 * these letters takes it away from the option of everybody's, which keeps its long name.
 *
 *	static struct { int64_t threads; bool json; } o = { .threads = 2 };
 *	static const struct opt opts[] = {
 *		{ 't', "threads", "N", OPT_INT, &o.threads, 1, 256, "threads to use" },
 *		{ 0, "json", NULL, OPT_FLAG, &o.json, 0, 0, "print JSON" },
 *		{ 0 },
 *	};
 *	static const struct opt_tool tool = { "mai-foo", "[-t N] FILE...", "does foo", opts };
 *	int first = opt_parse(&tool, argc, argv);
 *	if (first < 0)
 *		return opt_exit_status();
 */
#ifndef MAI_BASE_OPT_H
#define MAI_BASE_OPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum opt_kind {
	OPT_FLAG,  /* bool *: set true */
	OPT_INT,   /* int64_t *: within min and max */
	OPT_FLOAT, /* double *: within min and max */
	OPT_SIZE,  /* uint64_t *: bytes, with a suffix K, M, G or T (powers of 1024) */
	OPT_STR,   /* const char **: points into argv */
	OPT_MAYBE, /* const char **: an optional value, --name[=VALUE]; "" when there is none */
	OPT_LIST,  /* struct opt_list *: may be given several times */
};

struct opt_list {
	const char **item; /* n of them, each pointing into argv; freed by free(item) */
	size_t n, cap;
};

struct opt {
	char letter;      /* 0: long only */
	const char *name; /* 0: letter only */
	const char *arg;  /* what the value is called in --help; NULL for a flag */
	enum opt_kind kind;
	void *to;
	double min, max; /* OPT_INT and OPT_FLOAT */
	const char *help;
};

struct opt_tool {
	const char *name;     /* "mai-shard split" */
	const char *synopsis; /* after the name; lines after the first are printed as they are, indented */
	const char *does;     /* one sentence */
	const struct opt *opts;
};

/*
 * Parses argv, moving operands behind the options. Returns the index of the first operand, or -1 when the tool
 * is to exit at once with opt_exit_status(): 0 after --help or --version (ERR_SYSTEM where
 * stdout did not take them), ERR_USAGE after a wrong option, with the message already printed.
 */
int opt_parse(const struct opt_tool *t, int argc, char **argv);
int opt_exit_status(void);

/* Prints the reason that is set and a pointer to --help; returns ERR_USAGE. For checks after opt_parse. */
int opt_usage(const struct opt_tool *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/*
 * For a tool with verbs: runs the one that argv names, with its own arguments behind the verb, and returns its status.
 * Options before the verb are passed to it. --help and --version without a verb are the tool's. Ends with { 0 }.
 */
struct opt_verb {
	const char *name;
	int (*run)(int argc, char **argv);
};
int opt_verb(const struct opt_tool *t, const struct opt_verb *verbs, int argc, char **argv);

/* A whole number in decimal, nothing before or behind it; false when it is none or out of range. */
bool opt_number(const char *text, int64_t min, int64_t max, int64_t *out);

/*
 * FILE:X, with a number X behind the last colon (which may be too large, infinite or a NaN); where there is none, all of it is
 * FILE and X is 1. *file is freed by free(). 0, or -1 with a reason.
 */
int opt_file_number(const char *text, char **file, double *x);

#endif
