/* mai-train: vocabularies, models, and adapters, made from text. See mai-train(1). */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/io.h"
#include "base/mem.h"
#include "base/msg.h"
#include "base/opt.h"
#include "compute/pool.h"
#include "model/adapter.h"
#include "model/model.h"
#include "model/quantize.h"
#include "model/types.h"
#include "text/vocab.h"
#include "train/bpe.h"
#include "train/delta.h"
#include "train/init.h"
#include "train/outer.h"
#include "train/run.h"

static const struct opt no_opts[] = { { 0 } };
static const struct opt_tool top = { "mai-train", "vocab --size N -o VOCAB TEXT...\n"
	"mai-train init -V VOCAB [sizes] -o MODEL\n"
	"mai-train run -m MODEL -d TOKENS... --steps N [settings] -o OUT\n"
	"mai-train delta [-q TYPE] -o DELTA MODEL TRAINED\n"
	"mai-train outer -m MODEL [settings] -o OUT DELTA...",
	"trains language models; each verb has a --help of its own", no_opts };

/* ---- vocab ---- */

static struct {
	int64_t size;
	const char *out, *pre;
	struct opt_list special;
} vocab = { .pre = "gpt-2" };
static const struct opt vocab_opts[] = {
	{ 0, "size", "N", OPT_INT, &vocab.size, BPE_MIN_SIZE, MODEL_MAX_VOCAB, "tokens of the vocabulary" },
	{ 'o', "output", "VOCAB", OPT_STR, &vocab.out, 0, 0, "file to write" },
	{ 0, "pre", "NAME", OPT_STR, &vocab.pre, 0, 0, "how texts are cut into words: tokenizer.ggml.pre (gpt-2)" },
	{ 0, "special", "TEXT", OPT_LIST, &vocab.special, 0, 0, "one more special token, behind <|endoftext|>" },
	{ 0 },
};
static const struct opt_tool vocab_tool = { "mai-train vocab", "--size N [--pre NAME] [--special TEXT]... -o VOCAB TEXT...",
	"learns the vocabulary of byte-level BPE from texts", vocab_opts };

/* One text, "-" for stdin; its size is added to *bytes. */
static int
add_text(struct bpe_learner *b, const char *path, uint64_t *bytes)
{
	struct io_map map;
	struct buf text = { 0 };
	int rc;

	if (strcmp(path, "-") == 0) {
		rc = io_read_all(STDIN_FILENO, &text, "stdin") < 0 ? -1 : bpe_learner_add(b, (char *)text.data, text.len, "stdin");
		*bytes += text.len;
		buf_free(&text);
		return rc;
	}
	if (io_map(&map, path) < 0)
		return -1;
	rc = bpe_learner_add(b, (const char *)map.data, map.size, path);
	*bytes += map.size;
	io_unmap(&map);
	return rc;
}

static int
add_texts(struct bpe_learner *b, int n, char **path)
{
	uint64_t bytes = 0;

	for (int i = 0; i < n; i++)
		if (add_text(b, path[i], &bytes) < 0)
			return -1;
	return bytes > 0 ? 0 : err_set(ERR_DATA, "%s: no text to learn from", path[0]);
}

static int
learn(int n, char **path)
{
	struct bpe_learner *b = bpe_learner_new(vocab.pre, vocab.special.item, vocab.special.n);
	uint32_t got;
	int rc = -1;

	if (b && add_texts(b, n, path) == 0 && bpe_learner_run(b, (uint32_t)vocab.size, &got) == 0) {
		if (got < vocab.size)
			msg_warn("the texts have words for %u tokens only", got);
		rc = bpe_learner_write(b, vocab.out);
	}
	bpe_learner_free(b);
	msg_progress_end();
	return rc;
}

/* What is wrong with a special token, or NULL. One of a single byte would be that byte's token. */
static const char *
bad_special(size_t i)
{
	const char *text = vocab.special.item[i];
	size_t n = strlen(text);

	if (n < 2 || n > VOCAB_MAX_SPECIAL)
		return "a special token has 2 to 1024 bytes";
	for (size_t k = 0; k < i; k++)
		if (strcmp(vocab.special.item[k], text) == 0)
			return "the same token twice";
	return utf8_valid(text, n) == n ? NULL : "not UTF-8";
}

static int
run_vocab(int argc, char **argv)
{
	const char *wrong;
	int first, rc;

	if (mem_grow(&vocab.special.item, &vocab.special.cap, 1, sizeof *vocab.special.item) < 0)
		return msg_fail();
	vocab.special.item[vocab.special.n++] = "<|endoftext|>";
	if ((first = opt_parse(&vocab_tool, argc, argv)) < 0)
		return opt_exit_status();
	if (!vocab.size || !vocab.out)
		return opt_usage(&vocab_tool, "--size N or -o VOCAB is missing");
	if (first == argc)
		return opt_usage(&vocab_tool, "no text is named");
	for (size_t i = 0; i < vocab.special.n; i++)
		if ((wrong = bad_special(i)))
			return opt_usage(&vocab_tool, "--special: %s", wrong);
	if (vocab.special.n + 256 > (size_t)vocab.size)
		return opt_usage(&vocab_tool, "%zu special tokens and 256 bytes are more than --size", vocab.special.n);
	io_out_clean_on_signals();
	rc = learn(argc - first, argv + first) < 0 ? msg_fail() : 0;
	free(vocab.special.item);
	return rc;
}

/* ---- init ---- */

static struct {
	int64_t dim, layers, heads, kv_heads, ffn, context, seed;
	double rope_theta;
	const char *vocab, *out, *name;
	bool untied;
} init = { .dim = 256, .layers = 5, .heads = 8, .context = 512, .rope_theta = 10000 };
static const struct opt init_opts[] = {
	{ 'V', "vocab", "VOCAB", OPT_STR, &init.vocab, 0, 0, "GGUF file whose vocabulary the model has" },
	{ 'o', "output", "MODEL", OPT_STR, &init.out, 0, 0, "file to write" },
	{ 0, "dim", "N", OPT_INT, &init.dim, 2, MODEL_MAX_DIM, "width of the hidden state (256)" },
	{ 0, "layers", "N", OPT_INT, &init.layers, 1, MODEL_MAX_LAYERS, "layers (5)" },
	{ 0, "heads", "N", OPT_INT, &init.heads, 1, MODEL_MAX_HEADS, "attention heads (8)" },
	{ 0, "kv-heads", "N", OPT_INT, &init.kv_heads, 1, MODEL_MAX_HEADS, "heads of keys and values (as many as heads)" },
	{ 0, "ffn", "N", OPT_INT, &init.ffn, 1, MODEL_MAX_DIM, "width of the feed-forward layer (8/3 of dim, to 32)" },
	{ 'c', "context", "N", OPT_INT, &init.context, 1, MODEL_MAX_CONTEXT, "positions of a sequence (512)" },
	{ 0, "rope-theta", "X", OPT_FLOAT, &init.rope_theta, 1, 1e9, "base of the rotary embedding (10000)" },
	{ 0, "untied", NULL, OPT_FLAG, &init.untied, 0, 0, "an output head that is not the embedding" },
	{ 0, "name", "TEXT", OPT_STR, &init.name, 0, 0, "what the model is called (general.name)" },
	{ 0, "seed", "N", OPT_INT, &init.seed, 0, 0x1p53, "seed of the weights (0)" },
	{ 0 },
};
static const struct opt_tool init_tool = { "mai-train init", "-V VOCAB [sizes] -o MODEL", "makes a model to be trained",
	init_opts };

static int
make_model(void)
{
	const struct init_options o = {
		.dim = (uint32_t)init.dim, .layers = (uint32_t)init.layers, .heads = (uint32_t)init.heads,
		.kv_heads = (uint32_t)(init.kv_heads ? init.kv_heads : init.heads),
		.ffn = (uint32_t)(init.ffn ? init.ffn : (init.dim * 8 / 3 + 31) / 32 * 32), .context = (uint32_t)init.context,
		.rope_theta = init.rope_theta, .rms_eps = 1e-5, .name = init.name, .untied = init.untied, .seed = (uint64_t)init.seed,
	};
	struct gguf *g = gguf_open(init.vocab);
	int rc = g ? init_model(init.out, g, &o) : -1;

	gguf_free(g);
	return rc;
}

static int
run_init(int argc, char **argv)
{
	int first = opt_parse(&init_tool, argc, argv);

	if (first < 0)
		return opt_exit_status();
	if (!init.vocab || !init.out)
		return opt_usage(&init_tool, "-V VOCAB or -o MODEL is missing");
	if (first < argc)
		return opt_usage(&init_tool, "'%s' is too much", argv[first]);
	io_out_clean_on_signals();
	return make_model() < 0 ? msg_fail() : 0;
}

/* ---- run ---- */

static struct {
	const char *model, *out, *checkpoint, *moments, *log, *lora;
	struct opt_list data, val;
	int64_t steps, begin, until, batch, accumulate, context, warmup, decay, seed, threads, val_every, val_tokens;
	double lr, clip, weight_decay, beta1, beta2, checkpoint_every;
	bool resume;
} run = {
	.until = -1, .batch = 16, .accumulate = 1, .warmup = -1, .val_every = -1, .val_tokens = -1,
	.lr = 1e-3, .clip = 1, .weight_decay = 0.1, .beta1 = 0.9, .beta2 = 0.95, .checkpoint_every = -1,
};
static const struct opt run_opts[] = {
	{ 'm', "model", "MODEL", OPT_STR, &run.model, 0, 0, "GGUF file to begin with" },
	{ 'o', "output", "OUT", OPT_STR, &run.out, 0, 0, "GGUF file to write: the model, or the adapter" },
	{ 'd', "data", "TOKENS", OPT_LIST, &run.data, 0, 0, "token stream to train on; may be given several times" },
	{ 0, "val", "TOKENS", OPT_LIST, &run.val, 0, 0, "token stream to measure the loss on" },
	{ 0, "val-every", "N", OPT_INT, &run.val_every, 0, INT32_MAX, "steps between that; 0: at the end (0)" },
	{ 0, "val-tokens", "N", OPT_INT, &run.val_tokens, 0, 0x1p53, "tokens to measure it on; 0: all (65536)" },
	{ 0, "steps", "N", OPT_INT, &run.steps, 1, 0x1p53, "steps of the whole run" },
	{ 0, "begin", "N", OPT_INT, &run.begin, 0, 0x1p53, "begin behind step N of it (0)" },
	{ 0, "until", "N", OPT_INT, &run.until, 0, 0x1p53, "end behind step N of it (the last)" },
	{ 'b', "batch", "N", OPT_INT, &run.batch, 1, 1 << 16, "sequences of a batch (16)" },
	{ 0, "accumulate", "N", OPT_INT, &run.accumulate, 1, 1 << 16, "batches of a step (1)" },
	{ 'c', "context", "N", OPT_INT, &run.context, 1, MODEL_MAX_CONTEXT, "tokens of a sequence (the model's context)" },
	{ 0, "lr", "X", OPT_FLOAT, &run.lr, 0, 100, "learning rate (0.001)" },
	{ 0, "warmup", "N", OPT_INT, &run.warmup, 0, 0x1p53, "steps in which it rises (a tenth of all, at most 100)" },
	{ 0, "decay", "N", OPT_INT, &run.decay, 0, 0x1p53, "last steps, in which it falls to 0; 0: a cosine to a tenth (0)" },
	{ 0, "clip", "X", OPT_FLOAT, &run.clip, 0, 1e9, "largest norm of a gradient; 0: any (1)" },
	{ 0, "weight-decay", "X", OPT_FLOAT, &run.weight_decay, 0, 100, "of matrices (0.1)" },
	{ 0, "beta1", "X", OPT_FLOAT, &run.beta1, 0, 0.999999, "of AdamW (0.9)" },
	{ 0, "beta2", "X", OPT_FLOAT, &run.beta2, 0, 0.999999, "of AdamW (0.95)" },
	{ 0, "seed", "N", OPT_INT, &run.seed, 0, 0x1p53, "seed of the order of the data (0)" },
	{ 0, "lora", "RANK[:ALPHA]", OPT_STR, &run.lora, 0, 0, "train an adapter of this rank, scaled by ALPHA / RANK (1)" },
	{ 0, "checkpoint", "FILE", OPT_STR, &run.checkpoint, 0, 0, "where to save the state of the run" },
	{ 0, "checkpoint-every", "SECONDS", OPT_FLOAT, &run.checkpoint_every, 0, 1e9, "how often (180)" },
	{ 0, "resume", NULL, OPT_FLAG, &run.resume, 0, 0, "go on from the checkpoint, if it is there" },
	{ 0, "moments", "FILE", OPT_STR, &run.moments, 0, 0, "begin with the optimiser's moments of a checkpoint" },
	{ 0, "log", "FILE", OPT_STR, &run.log, 0, 0, "table of each step's loss, learning rate and speed" },
	{ 't', "threads", "N", OPT_INT, &run.threads, 1, POOL_MAX_THREADS, "threads (as many as cores)" },
	{ 0 },
};
static const struct opt_tool run_tool = { "mai-train run", "-m MODEL -d TOKENS... --steps N [settings] -o OUT",
	"trains a model, or an adapter for it, on token streams", run_opts };

/* RANK[:ALPHA]; ALPHA is RANK when it is not given. */
static bool
parse_lora(const char *text, uint32_t *rank, double *alpha)
{
	char *end;
	unsigned long v = strtoul(text, &end, 10);

	if (end == text || *text == '-' || v < 1 || v > ADAPTER_MAX_RANK)
		return false;
	*rank = (uint32_t)v;
	*alpha = (double)v;
	if (*end == ':') {
		text = end + 1;
		*alpha = strtod(text, &end);
		if (end == text || !(*alpha >= 1e-6 && *alpha <= 1e6))
			return false;
	}
	return *end == '\0';
}

static bool
is_same(const char *a, const char *b)
{
	struct stat x, y;

	if (!a || !b)
		return false;
	return strcmp(a, b) == 0 || (stat(a, &x) == 0 && stat(b, &y) == 0 && S_ISREG(x.st_mode) && x.st_dev == y.st_dev &&
	    x.st_ino == y.st_ino);
}

/* Is one of the files that are written another of those, or one that is read? The result may replace the model. */
static bool
names_twice(void)
{
	const char *written[] = { run.checkpoint, run.log, run.out };
	bool twice = is_same(run.out, run.checkpoint) || is_same(run.out, run.log) || is_same(run.checkpoint, run.log) ||
	    is_same(run.model, run.checkpoint) || is_same(run.model, run.log);

	for (size_t i = 0; i < sizeof written / sizeof *written; i++) {
		for (size_t k = 0; k < run.data.n; k++)
			twice |= is_same(written[i], run.data.item[k]);
		for (size_t k = 0; k < run.val.n; k++)
			twice |= is_same(written[i], run.val.item[k]);
	}
	return twice;
}

static int
check_run(int operands, struct run_options *o)
{
	if (!run.model || !run.out || run.data.n == 0 || !run.steps)
		return opt_usage(&run_tool, "-m MODEL, -d TOKENS, --steps N and -o OUT are needed");
	if (operands > 0)
		return opt_usage(&run_tool, "a file of tokens is named with -d");
	if (run.resume && !run.checkpoint)
		return opt_usage(&run_tool, "--resume goes with --checkpoint");
	if ((run.val_every >= 0 || run.val_tokens >= 0) && run.val.n == 0)
		return opt_usage(&run_tool, "--val-every and --val-tokens go with --val");
	if (run.checkpoint_every >= 0 && !run.checkpoint)
		return opt_usage(&run_tool, "--checkpoint-every goes with --checkpoint");
	if (names_twice())
		return opt_usage(&run_tool, "a file is named twice: --output, --checkpoint and --log write files of their own");
	if (run.until < 0)
		run.until = run.steps;
	if (run.begin > run.until || run.until > run.steps)
		return opt_usage(&run_tool, "--begin, --until and --steps are in no order");
	if (run.warmup < 0) {
		run.warmup = run.steps / 10 < 100 ? run.steps / 10 : 100;
		if (run.decay <= run.steps && run.warmup > run.steps - run.decay)
			run.warmup = run.steps - run.decay;
	}
	if (run.warmup + run.decay > run.steps)
		return opt_usage(&run_tool, "--warmup and --decay are more than --steps");
	if (run.lora && !parse_lora(run.lora, &o->lora_rank, &o->lora_alpha))
		return opt_usage(&run_tool, "'%s' is no RANK[:ALPHA] of 1 to %d and 0.000001 to 1000000", run.lora, ADAPTER_MAX_RANK);
	return 0;
}

static int
run_run(int argc, char **argv)
{
	struct run_options o = { 0 };
	int first = opt_parse(&run_tool, argc, argv), status;

	if (first < 0)
		return opt_exit_status();
	if ((status = check_run(argc - first, &o)) != 0)
		return status;
	o.files = (struct run_files){ run.model, run.out, run.data.item, run.val.item, run.data.n, run.val.n, run.checkpoint,
		run.moments, run.log, run.resume };
	o.schedule = (struct schedule){ run.lr, (uint64_t)run.steps, (uint64_t)run.warmup, (uint64_t)run.decay };
	o.begin = (uint64_t)run.begin, o.until = (uint64_t)run.until;
	o.batch = (uint64_t)(run.batch * run.accumulate), o.context = (uint32_t)run.context, o.seed = (uint64_t)run.seed;
	o.clip = run.clip, o.decay = run.weight_decay, o.beta1 = run.beta1, o.beta2 = run.beta2, o.epsilon = 1e-8;
	o.threads = run.threads ? (unsigned)run.threads : pool_cores();
	o.checkpoint_seconds = run.checkpoint_every < 0 ? 180 : run.checkpoint_every;
	o.val_every = run.val_every < 0 ? 0 : (uint64_t)run.val_every;
	o.val_tokens = run.val_tokens < 0 ? 1 << 16 : (uint64_t)run.val_tokens;
	io_out_clean_on_signals();
	status = run_training(&o) < 0 ? msg_fail() : 0;
	free(run.data.item);
	free(run.val.item);
	return status;
}

/* ---- delta ---- */

static struct {
	const char *type, *out, *lost, *lost_out;
	int64_t tokens;
} delta = { .type = "bf16" };
static const struct opt delta_opts[] = {
	{ 'q', "type", "TYPE", OPT_STR, &delta.type, 0, 0, "of the differences: f32, bf16 or q8_0 (bf16)" },
	{ 'o', "output", "DELTA", OPT_STR, &delta.out, 0, 0, "file to write; -: stdout" },
	{ 0, "tokens", "N", OPT_INT, &delta.tokens, 1, 0x1p53, "its weight among others (what TRAINED was trained on)" },
	{ 0, "feedback", "FILE", OPT_STR, &delta.lost, 0, 0, "add what rounding has lost the last time" },
	{ 0, "feedback-out", "FILE", OPT_STR, &delta.lost_out, 0, 0, "keep what it loses this time" },
	{ 0 },
};
static const struct opt_tool delta_tool = { "mai-train delta", "[-q TYPE] -o DELTA MODEL TRAINED",
	"writes what training has changed, small enough to be sent", delta_opts };

static int
run_delta(int argc, char **argv)
{
	struct delta_options o = { 0 };
	int first = opt_parse(&delta_tool, argc, argv);

	if (first < 0)
		return opt_exit_status();
	if (!delta.out)
		return opt_usage(&delta_tool, "-o DELTA is missing");
	if (!quantize_type(delta.type, &o.type) || o.type == TYPE_F16)
		return opt_usage(&delta_tool, "'%s' is none of f32, bf16 and q8_0", delta.type);
	if (argc - first != 2)
		return opt_usage(&delta_tool, "two models are named: before and after training");
	if (is_same(delta.out, delta.lost_out))
		return opt_usage(&delta_tool, "--output and --feedback-out are one file");
	o.base = argv[first], o.trained = argv[first + 1], o.out = delta.out;
	o.tokens = (uint64_t)delta.tokens;
	o.lost = delta.lost, o.lost_out = delta.lost_out;
	io_out_clean_on_signals();
	return delta_write(&o) < 0 ? msg_fail() : 0;
}

/* ---- outer ---- */

static struct outer_options outer = { .lr = 0.7, .beta = 0.9, .clip = 2 };
static const struct opt outer_opts[] = {
	{ 'm', "model", "MODEL", OPT_STR, &outer.model, 0, 0, "the model that the workers began with" },
	{ 'o', "output", "OUT", OPT_STR, &outer.out, 0, 0, "file to write: the model of the next round" },
	{ 0, "lr", "X", OPT_FLOAT, &outer.lr, 0, 100, "learning rate (0.7)" },
	{ 0, "momentum", "X", OPT_FLOAT, &outer.beta, 0, 0.9999, "of Nesterov (0.9)" },
	{ 0, "state", "FILE", OPT_STR, &outer.momentum, 0, 0, "momentum of the round before" },
	{ 0, "state-out", "FILE", OPT_STR, &outer.momentum_out, 0, 0, "file to write the momentum to" },
	{ 0, "median", NULL, OPT_FLAG, &outer.median, 0, 0, "trust none: leave out who is outvoted, take the median, not the mean" },
	{ 0, "clip", "X", OPT_FLOAT, &outer.clip, 0, 1e9, "largest norm of a delta, in medians of all; 0: any (2)" },
	{ 0 },
};
static const struct opt_tool outer_tool = { "mai-train outer", "-m MODEL [settings] -o OUT DELTA...",
	"takes what several workers have learnt into the model", outer_opts };

static int
run_outer(int argc, char **argv)
{
	int first = opt_parse(&outer_tool, argc, argv);

	if (first < 0)
		return opt_exit_status();
	if (!outer.model || !outer.out)
		return opt_usage(&outer_tool, "-m MODEL or -o OUT is missing");
	if (first == argc)
		return opt_usage(&outer_tool, "no delta is named");
	if (is_same(outer.out, outer.momentum_out))
		return opt_usage(&outer_tool, "--output and --state-out are one file");
	outer.delta = (const char *const *)(argv + first);
	outer.n = (size_t)(argc - first);
	io_out_clean_on_signals();
	return outer_step(&outer) < 0 ? msg_fail() : 0;
}

/* ---- the verbs ---- */

static const struct opt_verb verbs[] = {
	{ "vocab", run_vocab }, { "init", run_init }, { "run", run_run }, { "delta", run_delta }, { "outer", run_outer }, { 0 },
};

int
main(int argc, char **argv)
{
	msg_init("mai-train");
	return opt_verb(&top, verbs, argc, argv);
}
