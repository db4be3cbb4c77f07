#include "train/log.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"

static const char head[] = "step\ttokens\tloss\tval_loss\tlr\tgradient_norm\ttokens_per_second\n";

/* Leaves the file behind the last line of a step up to `steps`. */
static int
skip_lines(struct log *l, uint64_t steps)
{
	char *line = NULL;
	size_t cap = 0;
	off_t end = 0;
	ssize_t n;

	while ((n = getline(&line, &cap, l->file)) > 0) {
		if (end == 0 && strcmp(line, head) != 0)
			break;
		if (line[n - 1] != '\n' || (end > 0 && strtoull(line, NULL, 10) > steps))
			break;
		end += n;
	}
	free(line);
	if (end == 0)
		return err_set(ERR_DATA, "%s: not the log of a run", l->path);
	return fseeko(l->file, end, SEEK_SET) < 0 || ftruncate(fileno(l->file), end) < 0 ? err_sys("%s", l->path) : 0;
}

int
log_open(struct log *l, const char *path, uint64_t steps)
{
	*l = (struct log){ .path = path };
	if (!path)
		return 0;
	l->file = steps > 0 ? fopen(path, "r+e") : NULL;
	if (l->file)
		return skip_lines(l, steps);
	if (!(l->file = fopen(path, "we")))
		return err_sys("%s", path);
	return fputs(head, l->file) == EOF || fflush(l->file) != 0 ? err_sys("%s", path) : 0;
}

int
log_put(struct log *l, const struct log_line *x)
{
	if (!l->file)
		return 0;
	fprintf(l->file, "%llu\t%llu\t%.6f\t", (unsigned long long)x->step, (unsigned long long)x->tokens, x->loss);
	if (x->val_loss >= 0)
		fprintf(l->file, "%.6f", x->val_loss);
	fprintf(l->file, "\t%.6g\t%.4f\t%.0f\n", x->lr, x->gradient_norm, x->tokens_per_second);
	return fflush(l->file) != 0 ? err_sys("%s", l->path) : 0;
}

int
log_close(struct log *l)
{
	int rc = 0;

	if (l->file && (ferror(l->file) || fclose(l->file) != 0))
		rc = err_sys("%s", l->path);
	l->file = NULL;
	return rc;
}
