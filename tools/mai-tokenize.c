/* mai-tokenize: text to tokens and back. See mai-tokenize(1). */
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/io.h"
#include "base/msg.h"
#include "base/opt.h"
#include "flow/detokenize.h"
#include "flow/tokenize.h"
#include "model/model.h"

static struct {
	const char *model, *add_special;
	bool decode, lines, ids, special, count, strict;
} o = { .add_special = "auto" };

static const struct opt opts[] = {
	{ 'm', "model", "MODEL", OPT_STR, &o.model, 0, 0, "whose vocabulary to use" },
	{ 'd', "decode", NULL, OPT_FLAG, &o.decode, 0, 0, "tokens to text" },
	{ 'l', "lines", NULL, OPT_FLAG, &o.lines, 0, 0, "each line is a sequence" },
	{ 't', "ids", NULL, OPT_FLAG, &o.ids, 0, 0, "decimal ids instead of a stream" },
	{ 's', "special", NULL, OPT_FLAG, &o.special, 0, 0, "special tokens are recognised in the text, or written" },
	{ 0, "add-special", "auto|no", OPT_STR, &o.add_special, 0, 0, "tokens that the model adds itself, like BOS (auto)" },
	{ 'c', "count", NULL, OPT_FLAG, &o.count, 0, 0, "print how many tokens each sequence has" },
	{ 0, "strict", NULL, OPT_FLAG, &o.strict, 0, 0, "refuse text that is not UTF-8" },
	{ 0 },
};

static const struct opt_tool tool = {
	"mai-tokenize",
	"-m MODEL [-lst] [TEXT ...]\n"
	"mai-tokenize -m MODEL -d [-lst]",
	"Turns text into a stream of tokens, and a stream of tokens into text.",
	opts,
};

static int
check_options(int operands)
{
	if (!o.model)
		return opt_usage(&tool, "no model given");
	if (strcmp(o.add_special, "auto") != 0 && strcmp(o.add_special, "no") != 0)
		return opt_usage(&tool, "'%s' is neither auto nor no", o.add_special);
	if (o.decode && operands > 0)
		return opt_usage(&tool, "-d reads standard input and takes no text");
	if (o.decode && (o.count || o.strict))
		return opt_usage(&tool, "-c and --strict are for text, not with -d");
	if (o.lines && operands > 0)
		return opt_usage(&tool, "-l reads lines of standard input and takes no text");
	return 0;
}

/* The vocabulary of the model, and its identity. */
static struct vocab *
load(struct hash *id)
{
	struct model *m = model_open(&o.model, 1);
	const struct gguf *file = m ? model_vocab_file(m) : NULL;
	struct vocab *v = NULL;

	if (m && !file)
		err_set(ERR_DATA, "%s: has no vocabulary", o.model);
	if (file && model_vocab_id(m, id) == 0)
		v = vocab_open(file);
	model_free(m);
	return v;
}

static int
encode(const struct vocab *v, const struct hash *id, int n, char **text)
{
	struct tokenize t = {
		.encoder = encoder_new(v),
		.vocab_id = *id,
		.encode = { .special = o.special, .add = strcmp(o.add_special, "no") != 0 },
		.output = o.count ? TOKENIZE_COUNT : o.ids ? TOKENIZE_IDS : TOKENIZE_STREAM,
		.strict = o.strict,
	};
	int rc = t.encoder ? tokenize_begin(&t) : -1;

	for (int i = 0; i < n && rc == 0; i++)
		rc = tokenize_text(&t, text[i], strlen(text[i]));
	if (n == 0 && rc == 0)
		rc = (o.lines ? tokenize_lines : tokenize_all)(&t, STDIN_FILENO, "stdin");
	if (rc == 0)
		rc = tokenize_end(&t);
	encoder_free(t.encoder);
	return rc;
}

static int
decode(const struct vocab *v, const struct hash *id)
{
	const struct detokenize d = { .vocab = v, .vocab_id = *id, .special = o.special, .lines = o.lines };

	return (o.ids ? detokenize_ids : detokenize_stream)(&d, STDIN_FILENO, "stdin");
}

int
main(int argc, char **argv)
{
	struct vocab *v;
	struct hash id;
	int first, status, rc;

	msg_init("mai-tokenize");
	first = opt_parse(&tool, argc, argv);
	if (first < 0)
		return opt_exit_status();
	if ((status = check_options(argc - first)) != 0)
		return status;
	if (!(v = load(&id)))
		return msg_fail();
	rc = o.decode ? decode(v, &id) : encode(v, &id, argc - first, argv + first);
	if (rc == 0)
		rc = io_close_stdout();
	vocab_free(v);
	return rc < 0 ? msg_fail() : 0;
}
