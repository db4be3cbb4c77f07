/* mai-run: rows in, rows out; or a whole model, or a pipeline, that generates and measures. See mai-run(1). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/io.h"
#include "base/mem.h"
#include "base/msg.h"
#include "base/opt.h"
#include "compute/cpu.h"
#include "compute/inputs.h"
#include "flow/bench.h"
#include "flow/draft.h"
#include "flow/filter.h"
#include "flow/generate.h"
#include "flow/measure.h"
#include "flow/stage.h"
#include "grammar/load.h"
#include "model/finite.h"
#include "model/model.h"
#include "model/types.h"
#include "trust/signed_model.h"
#include "mai-run/sampling.h"

static struct {
	const char *n, *via, *embed, *trust, *kv_type, *kv_save, *kv_load, *draft, *imatrix, *grammar, *json_schema;
	int64_t n_new, keep, draft_max, threads, context, batch, bos;
	uint64_t kv_mem;
	enum stream_dtype kv_dtype; /* which kv_type names; the types of GGUF have the same numbers */
	double draft_p_min;
	struct opt_list adapters;
	bool pin, shift, echo, score, perplexity, json, check;
	const char *bench;
	struct sampling_options sampling;
	struct open open; /* what a sequence wants, of all these */
} o = { .batch = 16, .draft_max = 16, .draft_p_min = 0.75, .bos = -1, .keep = 1, .sampling = SAMPLING_DEFAULTS };

static const struct opt opts[] = {
	{ 'n', "predict", "N", OPT_STR, &o.n, 0, 0, "generate N tokens; -1: until the text ends" },
	{ 0, "via", "PIPELINE", OPT_STR, &o.via, 0, 0, "drive a pipeline of stages, started with sh -c" },
	{ 0, "score", NULL, OPT_FLAG, &o.score, 0, 0, "give each token's log-probability" },
	{ 0, "perplexity", NULL, OPT_FLAG, &o.perplexity, 0, 0, "print the perplexity of a text" },
	{ 0, "imatrix", "FILE", OPT_STR, &o.imatrix, 0, 0, "write how large the inputs of each matrix are, for quantize" },
	{ 0, "bos", "ID", OPT_INT, &o.bos, 0, MODEL_MAX_VOCAB, "what each window of --perplexity or --imatrix begins with (BOS)" },
	{ 0, "embed", "mean|cls|last", OPT_MAYBE, &o.embed, 0, 0, "give an embedding of each sequence" },
	{ 0, "bench", "N[,DEPTH]", OPT_MAYBE, &o.bench, 0, 0, "measure prefill, and decode of N sequences behind DEPTH positions (1,0)" },
	{ 't', "threads", "N", OPT_INT, &o.threads, 1, POOL_MAX_THREADS, "threads (as many as cores)" },
	{ 0, "pin", NULL, OPT_FLAG, &o.pin, 0, 0, "bind each thread to a core of its own" },
	{ 'c', "context", "N", OPT_INT, &o.context, 1, MODEL_MAX_CONTEXT, "positions of a sequence (the model's)" },
	{ 0, "kv-mem", "SIZE", OPT_SIZE, &o.kv_mem, 0, 0, "memory for all KV caches (no bound)" },
	{ 0, "kv-type", "TYPE", OPT_STR, &o.kv_type, 0, 0, "of keys and values in them: f32 (default), f16 or q8_0" },
	{ 0, "kv-save", "FILE", OPT_STR, &o.kv_save, 0, 0, "keep the state of the first sequence there" },
	{ 0, "kv-load", "FILE", OPT_STR, &o.kv_load, 0, 0, "go on from a state where a prompt begins like it" },
	{ 0, "context-shift", NULL, OPT_FLAG, &o.shift, 0, 0, "when the context is full, drop half of it and go on" },
	{ 0, "keep", "N", OPT_INT, &o.keep, -1, MODEL_MAX_CONTEXT, "but for the first N tokens of the prompt; -1: all of it (1)" },
	{ 'b', "batch", "N", OPT_INT, &o.batch, 1, STREAM_MAX_ROWS, "sequences at once (16)" },
	{ 0, "lora", "FILE[:SCALE]", OPT_LIST, &o.adapters, 0, 0, "apply an adapter SCALE times (1); again: another" },
	{ 0, "draft", "MODEL", OPT_STR, &o.draft, 0, 0, "let a small model of the same vocabulary guess tokens ahead" },
	{ 0, "draft-max", "N", OPT_INT, &o.draft_max, 1, DRAFT_MAX, "how many at a time (16)" },
	{ 0, "draft-p-min", "P", OPT_FLOAT, &o.draft_p_min, 0, 1, "until it is less sure than that (0.75)" },
	{ 0, "check", NULL, OPT_FLAG, &o.check, 0, 0, "first see that every weight is a finite number" },
	{ 0, "trust", "FILE", OPT_STR, &o.trust, 0, 0, "run only what is signed by a key of this list ($MAI_TRUST)" },
	SAMPLING_OPTS(o.sampling),
	{ 0, "grammar", "FILE", OPT_STR, &o.grammar, 0, 0, "generate what this grammar (GBNF) allows" },
	{ 0, "json-schema", "FILE", OPT_STR, &o.json_schema, 0, 0, "or JSON of this schema: a file, or '{...}' itself" },
	{ 0, "echo", NULL, OPT_FLAG, &o.echo, 0, 0, "give the prompt's tokens too" },
	{ 0, "json", NULL, OPT_FLAG, &o.json, 0, 0, "print figures as JSON" },
	{ 0 },
};

static const struct opt_tool tool = {
	"mai-run",
	"[-n N] [sampling] SHARD...\n"
	"mai-run -n N --via PIPELINE [sampling]\n"
	"mai-run --score|--perplexity|--embed SHARD... | --via PIPELINE\n"
	"mai-run --imatrix FILE SHARD...\n"
	"mai-run --bench[=N[,DEPTH]] SHARD...",
	"Runs a language model, or shards of one: rows in, rows out.",
	opts,
};

/* What runs, and what must be given back at the end. */
struct run {
	const char *name; /* the first shard's, for messages */
	struct model *model;
	struct adapter_list adapters;
	struct inputs *inputs;
	struct vocab *vocab;
	struct state *state;
	struct engine *engine;
	struct stage *stage;
	struct link *link;
	struct source *source;
	struct drafter *draft;
	struct buf grammar; /* GBNF; empty: none */
};

struct given {
	bool is;
	const char *option;
};

static const char *
first_given(const struct given *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (list[i].is)
			return list[i].option;
	return NULL;
}

static struct bench_options bench = { .sequences = 1 };

/* N or N,DEPTH */
static bool
read_bench(const char *text)
{
	char first[16] = "";
	size_t n = strcspn(text, ",");
	int64_t sequences, positions = 0;

	if (n >= sizeof first)
		return false;
	memcpy(first, text, n);
	if (!opt_number(first, 1, ENGINE_BATCH, &sequences) || (text[n] && !opt_number(text + n + 1, 0, MODEL_MAX_CONTEXT, &positions)))
		return false;
	bench.sequences = (uint32_t)sequences; /* both are within what was asked for */
	bench.positions = (uint32_t)positions;
	return true;
}

static int
check_options(int operands)
{
	const struct given of_stages[] = { { o.trust != NULL, "--trust" }, { o.kv_type != NULL, "--kv-type" }, { o.pin, "--pin" },
		{ o.kv_save != NULL, "--kv-save" }, { o.check, "--check" } };
	const struct given of_generating[] = { { o.shift, "--context-shift" }, { o.draft != NULL, "--draft" } };
	const char *option;
	int modes = (o.n != NULL) + o.score + o.perplexity + (o.embed != NULL) + (o.imatrix != NULL) + (o.bench != NULL);

	if (modes > 1)
		return opt_usage(&tool, "-n, --score, --perplexity, --embed, --imatrix and --bench exclude each other");
	if (o.n && !opt_number(o.n, -1, INT64_MAX, &o.n_new))
		return opt_usage(&tool, "'%s' is no number of tokens", o.n);
	if (o.via && operands > 0)
		return opt_usage(&tool, "--via loads no model: '--via' and SHARD exclude each other");
	if (o.via && (modes == 0 || o.imatrix || o.bench))
		return opt_usage(&tool, "--via goes with -n, --score, --perplexity or --embed");
	if (!o.via && operands == 0)
		return opt_usage(&tool, "no model given");
	if (o.embed && *o.embed && strcmp(o.embed, "mean") && strcmp(o.embed, "cls") && strcmp(o.embed, "last"))
		return opt_usage(&tool, "'%s' is no way to pool: mean, cls or last", o.embed);
	if (o.bench && *o.bench && !read_bench(o.bench))
		return opt_usage(&tool, "'%s' is no number of sequences, and of positions", o.bench);
	if (o.bos >= 0 && !o.perplexity && !o.imatrix)
		return opt_usage(&tool, "--bos goes with --perplexity or --imatrix");
	if ((o.perplexity || o.imatrix) && o.context > 0 && o.context < 3)
		return opt_usage(&tool, "a window of --perplexity or --imatrix has at least 3 positions");
	if (o.via && ((o.context && !o.perplexity) || o.kv_mem || o.adapters.n > 0))
		return opt_usage(&tool, "-c, --kv-mem and --lora are for the stages of the pipeline to be given");
	if (o.kv_type && (!stream_dtype_named(o.kv_type, &o.kv_dtype) || o.kv_dtype == STREAM_BF16))
		return opt_usage(&tool, "'%s' is no type of --kv-type: f32, f16 or q8_0", o.kv_type);
	if (o.via && (option = first_given(of_stages, sizeof of_stages / sizeof *of_stages)))
		return opt_usage(&tool, "%s is for the stages of the pipeline to be given", option);
	if ((o.kv_load || o.kv_save) && modes > (o.n != NULL))
		return opt_usage(&tool, "--kv-save and --kv-load go with -n, or with a stage");
	if (!o.n && (option = first_given(of_generating, sizeof of_generating / sizeof *of_generating)))
		return opt_usage(&tool, "%s goes with -n", option);
	if (o.shift && (o.draft || o.sampling.mirostat || o.grammar || o.json_schema))
		return opt_usage(&tool, "--context-shift excludes --draft, --mirostat, --grammar and --json-schema, which look back on all of a text");
	if (!o.shift && o.keep != 1)
		return opt_usage(&tool, "--keep goes with --context-shift");
	if (!o.n && (o.echo || o.sampling.ignore_eos || o.sampling.stops.n > 0 || o.grammar || o.json_schema))
		return opt_usage(&tool, "--echo, --ignore-eos, --stop, --grammar and --json-schema go with -n");
	if (o.grammar && o.json_schema)
		return opt_usage(&tool, "--grammar and --json-schema exclude each other");
	if ((o.grammar && !strcmp(o.grammar, "-")) || (o.json_schema && !strcmp(o.json_schema, "-")))
		return opt_usage(&tool, "stdin has the tokens: a grammar or schema is read from a file");
	o.open.output = o.n ? OUTPUT_TOKENS : OUTPUT_ROWS;
	return sampling_read(&tool, &o.sampling, &o.open);
}

static enum stage_output
stage_output(const struct hparams *hp)
{
	if (!o.embed)
		return STAGE_LOGITS;
	if (!*o.embed) /* as the model says, or the mean */
		return hp->pooling == POOLING_CLS ? STAGE_EMBED_CLS : hp->pooling == POOLING_LAST ? STAGE_EMBED_LAST : STAGE_EMBED_MEAN;
	return strcmp(o.embed, "cls") == 0 ? STAGE_EMBED_CLS : strcmp(o.embed, "last") == 0 ? STAGE_EMBED_LAST : STAGE_EMBED_MEAN;
}

static unsigned
threads(void)
{
	return o.threads ? (unsigned)o.threads : pool_cores();
}

static int
check_weights(struct model *m)
{
	int rc;

	m->progress = msg_progress_bytes;
	rc = model_finite(m);
	m->progress = NULL;
	msg_progress_end();
	return rc;
}

static int
load(struct run *r, int n, char **operand)
{
	struct engine_options eo = {
		.threads = threads(), .pin = o.pin, .context = (uint32_t)o.context,
		.kv_bytes = o.kv_mem, .kv_type = o.kv_dtype, .adapters = &r->adapters,
	};

	r->name = operand[0];
	if (signed_models(o.trust, (const char *const *)operand, (size_t)n, false) < 0 || signed_models(o.trust, o.adapters.item, o.adapters.n, true) < 0)
		return -1;
	if (!(r->model = model_open((const char *const *)operand, (uint32_t)n)) || model_check(r->model) < 0)
		return -1;
	if (o.check && check_weights(r->model) < 0)
		return -1;
	if (r->model->hp.how->encoder && !o.embed)
		return err_set(ERR_DATA, "%s: an encoder, which gives embeddings: --embed", r->name);
	if (r->model->has_head && !r->model->hp.how->encoder && !(r->vocab = vocab_open(model_vocab_file(r->model))))
		return -1;
	if (adapters_open(&r->adapters, o.adapters.item, o.adapters.n, r->model) < 0)
		return -1;
	if (o.imatrix && !(eo.inputs = r->inputs = inputs_new(r->model)))
		return -1;
	if (!(r->engine = engine_new(r->model, &eo)) ||
	    !(r->stage = stage_new(r->model, r->engine, r->vocab, stage_output(&r->model->hp))))
		return -1;
	if ((r->state && stage_load(r->stage, r->state) < 0) || (o.kv_save && stage_keep(r->stage, o.kv_save) < 0))
		return -1;
	msg_info("%s: layers %u to %u of %u, %s kernels, %u threads", r->name, r->model->layer_first,
	    r->model->layer_last - 1, r->model->hp.n_layers, engine_arithmetic(r->engine)->name, eo.threads);
	if (*kernels_passed_over())
		msg_info("%s", kernels_passed_over());
	return 0;
}

static int
load_constraint(struct run *r)
{
	int rc = o.grammar ? load_grammar(o.grammar, &r->grammar) : o.json_schema ? load_schema(o.json_schema, &r->grammar) : 0;

	o.open.grammar = (struct open_text){ r->grammar.data, (uint32_t)r->grammar.len };
	return rc;
}

static void
unload(struct run *r)
{
	buf_free(&r->grammar);
	source_free(r->source);
	drafter_free(r->draft);
	link_free(r->link);
	state_free(r->state);
	stage_free(r->stage);
	engine_free(r->engine);
	inputs_free(r->inputs);
	adapters_free(&r->adapters);
	vocab_free(r->vocab);
	model_free(r->model);
	free(o.sampling.biases.item);
	free(o.sampling.breakers.item);
	free(o.sampling.stops.item);
	free(o.adapters.item);
}

static struct driver_options
driver_options(const struct run *r)
{
	return (struct driver_options){
		.slots = (unsigned)o.batch,
		.generate = o.n != NULL,
		.n_new = o.n_new,
		.loaded = r->state ? r->state->token : NULL,
		.n_loaded = r->state && r->state->token ? r->state->n : 0,
		.recurrent = r->model ? hparams_is_recurrent(&r->model->hp) : r->state && r->state->shape.state > 0,
		.shift = o.shift,
		.keep = o.keep,
		.frame_rows = o.via ? STREAM_MAX_ROWS / 2 : STREAM_MAX_ROWS,
		.open = o.open,
	};
}

/* What the driver of a pipeline can't know, and a stage passes over. */
static int
check_biases(const struct run *r)
{
	for (uint32_t i = 0; r->model && i < o.open.n_biases; i++)
		if (o.open.bias[i].token >= r->model->hp.n_vocab)
			return err_set(ERR_DATA, "%s: --logit-bias of token %u, which the vocabulary of %u does not have", r->name,
			    o.open.bias[i].token, r->model->hp.n_vocab);
	return 0;
}

static int
connect_stages(struct run *r)
{
	if (!o.via && (!r->model->has_embedding || !r->model->has_head))
		return err_set(ERR_DATA, "%s: not a whole model; a part of one runs under --via", r->name);
	if (!(r->link = o.via ? link_pipeline(o.via) : link_local(r->stage)))
		return -1;
	if (o.via && r->state && link_accepts(r->link, &(struct stream_header){ .vocab_id = r->state->of.vocab_id }, o.kv_load) < 0)
		return -1;
	r->source = source_new(STDIN_FILENO, "stdin", r->link);
	return r->source ? 0 : -1;
}

/* A draft guesses for what comes back by the link. */
static int
open_draft(struct run *r)
{
	const struct drafter_options d = { .threads = threads(), .max = (uint32_t)o.draft_max, .p_min = (float)o.draft_p_min };

	if (r->model && hparams_is_recurrent(&r->model->hp))
		return err_set(ERR_DATA, "%s: a recurrent model, which can't take back what a draft guessed", r->name);
	if (signed_models(o.trust, &o.draft, 1, false) < 0 || !(r->draft = drafter_open(o.draft, &d)))
		return -1;
	if (!hash_equal(drafter_vocab(r->draft), &link_header(r->link)->vocab_id))
		return err_set(ERR_DATA, "%s: a draft needs the vocabulary of the model it guesses for", o.draft);
	return 0;
}

/* Figures that there are none of: null, and left out of what people read. */
static void
print_json(FILE *to, const struct perplexity *p)
{
	char bytes[32] = "null", bits[32] = "null";

	if (p->bytes > 0) {
		snprintf(bytes, sizeof bytes, "%llu", (unsigned long long)p->bytes);
		snprintf(bits, sizeof bits, "%.6f", p->bits_per_byte);
	}
	if (p->tokens == 0)
		fputs("{\"perplexity\": null, \"error\": null, \"nll\": null, \"tokens\": 0", to);
	else
		fprintf(to, "{\"perplexity\": %.6f, \"error\": %.6f, \"nll\": %.9f, \"tokens\": %llu", p->value, p->value_error,
		    p->nll, (unsigned long long)p->tokens);
	fprintf(to, ", \"bytes\": %s, \"bits_per_byte\": %s}\n", bytes, bits);
}

static void
print_perplexity(const struct perplexity *p)
{
	if (o.json) {
		print_json(stdout, p);
	} else if (p->tokens > 0) {
		printf("perplexity %.4f +/- %.4f\ttokens %llu", p->value, p->value_error, (unsigned long long)p->tokens);
		if (p->bytes > 0)
			printf("\tbits per byte %.4f", p->bits_per_byte);
		putchar('\n');
	}
}

/* Positions of a window of --perplexity or --imatrix. What a pipeline's context is, only its stages know. */
static uint32_t
window(const struct run *r)
{
	const uint32_t usual = 512;

	if (o.context)
		return (uint32_t)o.context;
	return r->engine && engine_context(r->engine) < usual ? engine_context(r->engine) : usual;
}

/* What each begins with. */
static uint32_t
window_bos(const struct run *r)
{
	if (o.bos >= 0)
		return (uint32_t)o.bos;
	return r->vocab && vocab_adds_bos(r->vocab) ? vocab_bos(r->vocab) : VOCAB_NONE;
}

static int
perplexity(struct run *r, const struct driver_options *d, const struct kernels *k, struct outcome *sum)
{
	struct perplexity p;

	if (measure_perplexity(r->link, r->source, d, k, window(r), window_bos(r), &p, sum) < 0)
		return -1;
	if (o.via && o.bos < 0 && sum->sequences > 1)
		msg_warn("windows begin with tokens of the text: the driver of a pipeline knows no BOS but by --bos");
	print_perplexity(&p);
	return io_close_stdout();
}

/* The file is opened first: where that can't be, nothing is computed in vain. */
static int
imatrix(struct run *r, const struct driver_options *d, struct outcome *sum)
{
	struct io_out out = { 0 };
	int rc;

	io_out_clean_on_signals();
	if (io_out_open(&out, o.imatrix) < 0)
		return -1;
	rc = measure_windows(r->link, r->source, d, window(r), window_bos(r), sum);
	if (rc == 0 && sum->sequences == 0)
		rc = err_set(ERR_DATA, "stdin: no text of two tokens or more");
	if (rc == 0 && sum->status == 0 && (rc = inputs_write(r->inputs, out.file, o.imatrix, sum->sequences, window(r))) == 0)
		rc = io_out_commit(&out);
	io_out_abort(&out);
	return rc;
}

/* The stream of scores has stdout: what they come to goes to stderr. */
static int
scores(struct run *r, const struct driver_options *d, const struct kernels *k, struct outcome *sum)
{
	struct perplexity p;
	char bytes[96] = "";

	if (measure_scores(r->link, r->source, d, k, STDOUT_FILENO, &p, sum) < 0)
		return -1;
	if (p.bytes > 0)
		snprintf(bytes, sizeof bytes, ", %llu bytes, %.4f bits per byte", (unsigned long long)p.bytes, p.bits_per_byte);
	if (o.json)
		print_json(stderr, &p);
	else if (p.tokens > 0)
		msg_note("%llu tokens scored, perplexity %.4f%s", (unsigned long long)p.tokens, p.value, bytes);
	return 0;
}

/* The modes that drive a link. */
static int
drive(struct run *r, struct outcome *sum)
{
	struct driver_options d = driver_options(r);
	const struct kernels *k;

	if (connect_stages(r) < 0 || check_biases(r) < 0 || (o.draft && open_draft(r) < 0))
		return -1;
	d.draft = r->draft;
	if (o.n)
		return generate(r->link, r->source, &d, o.echo, STDOUT_FILENO, sum);
	if (o.embed)
		return measure_embeddings(r->link, r->source, &d, STDOUT_FILENO, sum);
	if (o.imatrix)
		return imatrix(r, &d, sum);
	if (!(k = kernels_best()))
		return -1;
	if (o.perplexity)
		return perplexity(r, &d, k, sum);
	return scores(r, &d, k, sum);
}

static int
run(struct run *r, int n, char **operand, struct outcome *sum)
{
	if (load_constraint(r) < 0 || (o.kv_load && !(r->state = state_open(o.kv_load))))
		return -1;
	if (!o.via && load(r, n, operand) < 0)
		return -1;
	if (o.bench) {
		bench.json = o.json;
		return bench_run(r->model, r->engine, &bench);
	}
	/* A part of a model that pools embeddings is the last stage of a pipeline, not its driver. */
	if (o.n || o.score || o.perplexity || o.imatrix || (o.embed && (o.via || r->model->has_embedding)))
		return drive(r, sum);
	return filter_run(r->stage, r->name, STDIN_FILENO, "stdin", STDOUT_FILENO, "stdout", sum);
}

int
main(int argc, char **argv)
{
	struct run r = { 0 };
	struct outcome sum = { 0 };
	int first, status;

	msg_init("mai-run");
	first = opt_parse(&tool, argc, argv);
	if (first < 0)
		return opt_exit_status();
	if ((status = check_options(argc - first)) != 0)
		return status;
	status = run(&r, argc - first, argv + first, &sum) < 0 ? msg_fail() : sum.status;
	unload(&r);
	return status;
}
