/* mai-cat: look at a stream, convert it, take parts of it. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/io.h"
#include "base/msg.h"
#include "base/opt.h"
#include "stream/sink.h"

enum { NOT_GIVEN = -1 };

static struct {
	bool json, ids, npy, stream;       /* what comes out */
	bool from_json, from_ids;          /* what goes in */
	const char *from_npy, *like;
	const char *seq, *rows;
	int64_t head, tail;
	bool zstd;
} o = { .head = NOT_GIVEN, .tail = NOT_GIVEN };

static const struct opt opts[] = {
	{ 0, "json", NULL, OPT_FLAG, &o.json, 0, 0, "JSON lines: headers and frames with all their rows" },
	{ 0, "ids", NULL, OPT_FLAG, &o.ids, 0, 0, "decimal token ids, one sequence a line in order" },
	{ 0, "npy", NULL, OPT_FLAG, &o.npy, 0, 0, "a NumPy array of all rows in stream order" },
	{ 0, "stream", NULL, OPT_FLAG, &o.stream, 0, 0, "a stream again" },
	{ 0, "from-ids", NULL, OPT_FLAG, &o.from_ids, 0, 0, "read lines of decimal ids" },
	{ 0, "from-json", NULL, OPT_FLAG, &o.from_json, 0, 0, "read JSON lines" },
	{ 0, "from-npy", "ARRAY", OPT_STR, &o.from_npy, 0, 0, "put the rows of ARRAY in the place of those of --like" },
	{ 0, "like", "STREAM", OPT_STR, &o.like, 0, 0, "the stream whose rows are replaced" },
	{ 0, "seq", "LIST", OPT_STR, &o.seq, 0, 0, "only these sequences: 0,4-7" },
	{ 0, "rows", "RANGE", OPT_STR, &o.rows, 0, 0, "only these rows of each sequence: 3, 0-9, 5-, -1, -4--2" },
	{ 0, "head", "N", OPT_INT, &o.head, 0, 1ll << 32, "only the first N rows of each sequence" },
	{ 0, "tail", "N", OPT_INT, &o.tail, 0, 1ll << 32, "only the last N rows of each sequence" },
	{ 'z', "zstd", NULL, OPT_FLAG, &o.zstd, 0, 0, "compress the stream that is written" },
	{ 0 },
};

static const struct opt_tool tool = {
	"mai-cat", "[--json | --ids | --npy | --stream] [--from-ids | --from-json] [selection] [FILE...]\n"
	           "mai-cat --from-npy ARRAY --like STREAM [selection]",
	"Prints streams of frames, one line a frame, or converts them.", opts,
};

/* What was asked for, checked: 0, or the status to exit with. */
static int
check(int operands)
{
	if (o.json + o.ids + o.npy + o.stream > 1)
		return opt_usage(&tool, "--json, --ids, --npy and --stream exclude each other");
	if (o.from_json + o.from_ids + (o.from_npy != NULL) > 1)
		return opt_usage(&tool, "--from-json, --from-ids and --from-npy exclude each other");
	if (!o.from_npy != !o.like)
		return opt_usage(&tool, "--from-npy and --like go together");
	if (o.from_npy && operands > 0)
		return opt_usage(&tool, "--from-npy takes its stream from --like alone");
	if (o.from_npy && strcmp(o.from_npy, "-") == 0 && strcmp(o.like, "-") == 0)
		return opt_usage(&tool, "--from-npy and --like can't both be stdin");
	if ((o.rows != NULL) + (o.head != NOT_GIVEN) + (o.tail != NOT_GIVEN) > 1)
		return opt_usage(&tool, "--rows, --head and --tail exclude each other");
	/* What is made by hand becomes a stream unless told otherwise. */
	if ((o.from_json || o.from_ids || o.from_npy) && !o.json && !o.ids && !o.npy)
		o.stream = true;
	if (o.zstd && !o.stream)
		return opt_usage(&tool, "--zstd is for a stream (--stream)");
	return 0;
}

static int
select_rows(struct selection *s)
{
	s->rows = (struct row_range){ 0, -1 };
	if (o.seq && selection_parse_seq(s, o.seq) < 0)
		return opt_usage(&tool, "--seq %s: %s", o.seq, err_reason());
	if (o.rows && selection_parse_rows(s, o.rows) < 0)
		return opt_usage(&tool, "--rows %s: %s", o.rows, err_reason());
	if (o.head == 0 || o.tail == 0)
		s->rows = (struct row_range){ 1, 0 }; /* none */
	else if (o.head > 0)
		s->rows.last = o.head - 1;
	else if (o.tail > 0)
		s->rows.first = -o.tail;
	if (o.from_npy && (s->rows.first < 0 || s->rows.last < -1))
		return opt_usage(&tool, "--from-npy takes no rows that are counted from the end");
	return 0;
}

static struct sink *
make_sink(const struct selection *s, FILE *npy)
{
	struct sink *to;

	if (o.json)
		to = sink_json(stdout);
	else if (o.ids)
		to = sink_ids(stdout);
	else if (o.npy)
		to = sink_npy(stdout);
	else if (o.stream)
		to = sink_stream(STDOUT_FILENO, "stdout", o.zstd);
	else
		to = sink_lines(stdout);
	if (npy)
		return sink_replace(s, npy, o.from_npy, to);
	if (o.seq || o.rows || o.head != NOT_GIVEN || o.tail != NOT_GIVEN)
		return sink_select(s, to);
	return to;
}

/* One input to its end. */
static int
pass(const char *path, struct sink *to)
{
	const char *name = strcmp(path, "-") == 0 ? "stdin" : path;
	int fd = io_open(path), rc;
	FILE *in = NULL;

	if (fd < 0)
		return -1;
	msg_debug("reading %s", name);
	if (!o.from_json && !o.from_ids)
		rc = source_stream(fd, name, to);
	else if (!(in = fd == STDIN_FILENO ? stdin : fdopen(fd, "rb")))
		rc = err_sys("%s", name);
	else
		rc = o.from_json ? source_json(in, name, to) : source_ids(in, name, to);
	if (in && in != stdin)
		fclose(in);
	else if (fd != STDIN_FILENO)
		close(fd);
	return rc;
}

static int
run(char *const *path, int n, const struct selection *s)
{
	char *const standard[] = { "-" }, *const like[] = { (char *)(uintptr_t)o.like };
	FILE *npy = NULL;
	int rc = 0;

	if (o.from_npy && !(npy = strcmp(o.from_npy, "-") == 0 ? stdin : fopen(o.from_npy, "rbe")))
		return err_sys("%s", o.from_npy);
	if (o.like || n == 0) {
		path = o.like ? like : standard;
		n = 1;
	}
	struct sink *to = make_sink(s, npy);
	if (!to)
		rc = -1;
	for (int i = 0; i < n && rc == 0; i++)
		rc = pass(path[i], to);
	if (rc == 0)
		rc = to->finish(to);
	sink_free(to);
	if (npy && npy != stdin)
		fclose(npy);
	return rc;
}

int
main(int argc, char **argv)
{
	struct selection selection = {0};
	int first, rc;

	msg_init("mai-cat");
	if ((first = opt_parse(&tool, argc, argv)) < 0)
		return opt_exit_status();
	if ((rc = check(argc - first)) != 0)
		return rc;
	if ((rc = select_rows(&selection)) != 0) {
		free(selection.seq);
		return rc;
	}
	rc = run(argv + first, argc - first, &selection);
	free(selection.seq);
	if (rc < 0)
		return msg_fail();
	return io_close_stdout() < 0 ? msg_fail() : 0;
}
