#include "grammar/load.h"

#include <stdbool.h>
#include <string.h>

#include "base/err.h"
#include "base/io.h"
#include "grammar/grammar.h"
#include "grammar/schema.h"

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
	if (io_read_file(out, path, STREAM_MAX_GRAMMAR) < 0)
		return -1;
	return check(out) < 0 ? err_wrap("%s", path) : 0;
}

int
load_schema(const char *what, struct buf *out)
{
	bool text = what[0] == '{';
	struct buf schema = { 0 };
	int rc = -1;

	if (text ? buf_add(&schema, what, strlen(what)) : io_read_file(&schema, what, LOAD_MAX_SCHEMA))
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
