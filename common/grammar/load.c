#include "grammar/load.h"

#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/io.h"
#include "grammar/grammar.h"
#include "grammar/schema.h"

/* A file of at most `limit` bytes. */
static int
read_file(const char *path, size_t limit, struct buf *out)
{
	ssize_t n;
	int fd = io_open(path);

	if (fd < 0 || buf_reserve(out, limit + 1) < 0)
		return -1;
	n = io_read(fd, out->data + out->len, limit + 1, path);
	close(fd);
	if (n < 0)
		return -1;
	if ((size_t)n > limit)
		return err_set(ERR_DATA, "%s: more than %zu bytes", path, limit);
	out->len += (size_t)n;
	return 0;
}

static int
check(const struct buf *text)
{
	struct grammar *g = grammar_parse((const char *)text->data, text->len, NULL);

	grammar_free(g);
	return g ? 0 : -1;
}

int
load_grammar(const char *path, struct buf *out)
{
	if (read_file(path, STREAM_MAX_GRAMMAR, out) < 0)
		return -1;
	return check(out) < 0 ? err_wrap("%s", path) : 0;
}

int
load_schema(const char *what, struct buf *out)
{
	bool text = what[0] == '{';
	struct buf schema = { 0 };
	int rc = -1;

	if (text ? buf_add(&schema, what, strlen(what)) : read_file(what, LOAD_MAX_SCHEMA, &schema))
		goto out;
	rc = schema_to_grammar((const char *)schema.data, schema.len, out);
	if (rc == 0)
		rc = check(out);
	if (rc < 0)
		err_wrap("%s", text ? "--json-schema" : what);
out:
	buf_free(&schema);
	return rc;
}
