/* log.h: the log of a training run: tab-separated, a line a step, with the names of the columns first. */
#ifndef MAI_TRAIN_LOG_H
#define MAI_TRAIN_LOG_H

#include <stdint.h>
#include <stdio.h>

struct log {
	FILE *file; /* NULL: none is wanted */
	const char *path;
};

struct log_line {
	uint64_t step, tokens;  /* done, with this one */
	double loss, val_loss;  /* nats a token; val_loss < 0: not looked at */
	double lr, gradient_norm, tokens_per_second;
};

/* Begins the file anew, or goes on behind the lines of the first `steps` steps. path NULL: no log. 0 or -1. */
int log_open(struct log *l, const char *path, uint64_t steps);
int log_put(struct log *l, const struct log_line *line);
int log_close(struct log *l);

#endif
