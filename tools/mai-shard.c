/* mai-shard: models to shards and back. mai-shard(1) */

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/io.h"
#include "base/msg.h"
#include "base/opt.h"
#include "import/import.h"
#include "model/imatrix.h"
#include "model/info.h"
#include "model/merge.h"
#include "model/model.h"
#include "model/mixture.h"
#include "trust/signed_model.h"

static const struct opt no_opts[] = { { 0 } };
static const struct opt_tool top = { "mai-shard", "info [--json] [--ids] MODEL|SHARD...\n"
	"mai-shard split (-n N | -l RANGES | -b SIZE) [--stock] -o DIR MODEL\n"
	"mai-shard join -o OUT MANIFEST|SHARD...\n"
	"mai-shard import -o OUT DIR\n"
	"mai-shard quantize -q TYPE [--imatrix FILE] -o OUT MODEL\n"
	"mai-shard merge (--lora ADAPTER[:SCALE] ... | --mean) -o OUT MODEL...",
	"cuts models into shards, puts them together again, and writes them anew; each verb has a --help of its own", no_opts };

/* Of all verbs: what they read is to be signed by a key of this list. */
static const char *trust;
#define TRUST { 0, "trust", "FILE", OPT_STR, &trust, 0, 0, "read only what is signed by a key of this list ($MAI_TRUST)" }

static struct model *
open_model(char **paths, int n)
{
	struct model *m = NULL;

	if (signed_models(trust, (const char *const *)paths, (size_t)n, false) == 0)
		m = model_open((const char *const *)paths, (uint32_t)n);
	if (m)
		m->progress = msg_progress_bytes;
	return m;
}

/* What the verbs that write files have in common: `work` is given the model. Returns the exit status. */
static int
write_model(char **paths, int n, int (*work)(const struct model *m))
{
	struct model *m;
	int rc;

	io_out_clean_on_signals();
	if (!(m = open_model(paths, n)))
		return msg_fail();
	rc = work(m) < 0 ? msg_fail() : 0;
	model_free(m);
	msg_progress_end();
	return rc;
}

/* ---- info ---- */

static struct {
	bool json, ids;
} info;
static const struct opt info_opts[] = {
	{ 0, "json", NULL, OPT_FLAG, &info.json, 0, 0, "print a JSON object" },
	{ 0, "ids", NULL, OPT_FLAG, &info.ids, 0, 0, "compute the model id where it isn't known: reads all weights" },
	TRUST,
	{ 0 },
};
static const struct opt_tool info_tool = { "mai-shard info", "[--json] [--ids] MODEL|SHARD...", "says what a model is",
	info_opts };

static int
run_info(int argc, char **argv)
{
	int first = opt_parse(&info_tool, argc, argv);
	struct model *m;
	json_t *o;

	if (first < 0)
		return opt_exit_status();
	if (first == argc)
		return opt_usage(&info_tool, "no model is named");
	if (!(m = open_model(argv + first, argc - first)))
		return msg_fail();
	o = model_info(m, info.ids);
	model_free(m);
	msg_progress_end();
	if (!o)
		return msg_fail();
	if (!info.json)
		info_print(o, stdout);
	else if (json_dumpf(o, stdout, JSON_INDENT(2)) == 0)
		putchar('\n');
	json_decref(o);
	return io_close_stdout() < 0 ? msg_fail() : 0;
}

/* ---- split ---- */

static struct {
	int64_t n;
	const char *ranges;
	uint64_t bytes;
	const char *dir;
	bool stock;
} split;
static const struct opt split_opts[] = {
	{ 'n', "shards", "N", OPT_INT, &split.n, 1, MODEL_MAX_LAYERS, "this many shards, about equally large" },
	{ 'l', "layers", "RANGES", OPT_STR, &split.ranges, 0, 0, "a shard for each range of layers: 0-7,8-15" },
	{ 'b', "bytes", "SIZE", OPT_SIZE, &split.bytes, 0, 0, "as few shards as fit SIZE each: 500M, 2G" },
	{ 'o', "output", "DIR", OPT_STR, &split.dir, 0, 0, "folder to write 0.gguf ... and manifest.json to" },
	{ 0, "stock", NULL, OPT_FLAG, &split.stock, 0, 0, "plain tensor types, which other programs open" },
	TRUST,
	{ 0 },
};
static const struct opt_tool split_tool = { "mai-shard split", "(-n N | -l RANGES | -b SIZE) [--stock] -o DIR MODEL",
	"cuts a model into shards", split_opts };

static int
split_model(const struct model *m)
{
	struct split_plan plan;
	int rc = split.n ? split_even(&plan, m, (uint32_t)split.n)
	    : split.ranges ? split_list(&plan, m, split.ranges) : split_size(&plan, m, split.bytes);

	return rc < 0 ? -1 : shard_split(m, &plan, split.dir, split.stock);
}

static int
run_split(int argc, char **argv)
{
	int first = opt_parse(&split_tool, argc, argv);

	if (first < 0)
		return opt_exit_status();
	if ((split.n != 0) + (split.ranges != NULL) + (split.bytes != 0) != 1)
		return opt_usage(&split_tool, "one of -n, -l and -b says how to split");
	if (!split.dir)
		return opt_usage(&split_tool, "-o DIR is missing");
	if (first == argc)
		return opt_usage(&split_tool, "no model is named");
	return write_model(argv + first, argc - first, split_model);
}

/* ---- the verbs that write one file ---- */

static const char *out;

static bool
names_file(void)
{
	return out && strcmp(out, "-") != 0;
}

static const struct opt join_opts[] = {
	{ 'o', "output", "OUT", OPT_STR, &out, 0, 0, "file to write" },
	TRUST,
	{ 0 },
};
static const struct opt_tool join_tool = { "mai-shard join", "-o OUT MANIFEST|SHARD...",
	"writes the stock GGUF whose shards these are", join_opts };

static int
join_model(const struct model *m)
{
	return shard_join(m, out);
}

static int
run_join(int argc, char **argv)
{
	int first = opt_parse(&join_tool, argc, argv);

	if (first < 0)
		return opt_exit_status();
	if (!names_file())
		return opt_usage(&join_tool, "-o OUT is missing, or no file");
	if (first == argc)
		return opt_usage(&join_tool, "no shard is named");
	return write_model(argv + first, argc - first, join_model);
}

static const struct opt import_opts[] = {
	{ 'o', "output", "OUT", OPT_STR, &out, 0, 0, "file to write" },
	TRUST,
	{ 0 },
};
static const struct opt_tool import_tool = { "mai-shard import", "-o OUT DIR",
	"writes a model as Hugging Face has it, a folder of safetensors, as a stock GGUF", import_opts };

static struct keylist keys;

static int
is_signed(const char *path)
{
	return signed_file(&keys, path);
}

static int
run_import(int argc, char **argv)
{
	int first = opt_parse(&import_tool, argc, argv), trusts, rc;

	if (first < 0)
		return opt_exit_status();
	if (!names_file())
		return opt_usage(&import_tool, "-o OUT is missing, or no file");
	if (first + 1 != argc)
		return opt_usage(&import_tool, "one folder is to be named");
	if ((trusts = signed_list(&keys, trust)) < 0)
		return msg_fail();
	io_out_clean_on_signals();
	const struct import i = { .dir = argv[first], .out = out, .allow = trusts ? is_signed : NULL, .progress = msg_progress_bytes };
	rc = import_model(&i) < 0 ? msg_fail() : 0;
	msg_progress_end();
	keylist_free(&keys);
	return rc;
}

static struct {
	const char *name, *imatrix;
	const struct mixture *mixture;
} quantize;
static const struct opt quantize_opts[] = {
	{ 'q', "type", "TYPE", OPT_STR, &quantize.name, 0, 0, "of the matrices: " MIXTURES },
	{ 0, "imatrix", "FILE", OPT_STR, &quantize.imatrix, 0, 0, "let errors count by an importance matrix" },
	{ 'o', "output", "OUT", OPT_STR, &out, 0, 0, "file to write" },
	TRUST,
	{ 0 },
};
static const struct opt_tool quantize_tool = { "mai-shard quantize", "-q TYPE [--imatrix FILE] -o OUT MODEL",
	"writes a stock GGUF with the model's matrices in another type", quantize_opts };

static int
quantize_model(const struct model *m)
{
	struct imatrix *im = NULL;
	int rc = -1;

	if (quantize.imatrix && signed_models(trust, &quantize.imatrix, 1, false) < 0)
		return -1;
	if (!quantize.imatrix || (im = imatrix_open(quantize.imatrix, m)))
		rc = shard_quantize(m, quantize.mixture, im, out);
	imatrix_free(im);
	return rc;
}

static int
run_quantize(int argc, char **argv)
{
	int first = opt_parse(&quantize_tool, argc, argv);

	if (first < 0)
		return opt_exit_status();
	if (!quantize.name)
		return opt_usage(&quantize_tool, "-q TYPE is missing");
	if (!(quantize.mixture = mixture_find(quantize.name)))
		return opt_usage(&quantize_tool, "'%s' is none of " MIXTURES, quantize.name);
	if (!names_file())
		return opt_usage(&quantize_tool, "-o OUT is missing, or no file");
	if (first == argc)
		return opt_usage(&quantize_tool, "no model is named");
	return write_model(argv + first, argc - first, quantize_model);
}

/* ---- merge ---- */

static struct {
	struct opt_list lora;
	bool mean;
} merge;
static const struct opt merge_opts[] = {
	{ 0, "lora", "ADAPTER[:SCALE]", OPT_LIST, &merge.lora, 0, 0, "add an adapter; may be given several times" },
	{ 0, "mean", NULL, OPT_FLAG, &merge.mean, 0, 0, "average models, each named as MODEL[:WEIGHT]" },
	{ 'o', "output", "OUT", OPT_STR, &out, 0, 0, "file to write" },
	TRUST,
	{ 0 },
};
static const struct opt_tool merge_tool = { "mai-shard merge",
	"--lora ADAPTER[:SCALE] ... -o OUT MODEL\nmai-shard merge --mean -o OUT MODEL[:WEIGHT]...",
	"writes a stock GGUF with adapters in the weights, or with the mean of several models", merge_opts };

static int
add_adapters(const struct model *m)
{
	struct adapter_list l;
	int rc;

	if (signed_models(trust, merge.lora.item, merge.lora.n, true) < 0)
		return -1;
	if (adapters_open(&l, merge.lora.item, merge.lora.n, m) < 0)
		return -1;
	rc = merge_adapters(m, &l, out);
	adapters_free(&l);
	return rc;
}

static int
average(char **names, int n)
{
	struct merge_models l;
	int rc;

	io_out_clean_on_signals();
	if (signed_models(trust, (const char *const *)names, (size_t)n, true) < 0)
		return msg_fail();
	if (merge_open(&l, names, (size_t)n) < 0)
		return msg_fail();
	for (size_t i = 0; i < l.n; i++)
		l.at[i]->progress = msg_progress_bytes;
	rc = merge_mean(&l, out) < 0 ? msg_fail() : 0;
	merge_close(&l);
	msg_progress_end();
	return rc;
}

static int
run_merge(int argc, char **argv)
{
	int first = opt_parse(&merge_tool, argc, argv), rc;

	if (first < 0)
		return opt_exit_status();
	if ((merge.lora.n != 0) == merge.mean)
		return opt_usage(&merge_tool, "one of --lora and --mean says what to merge");
	if (!names_file())
		return opt_usage(&merge_tool, "-o OUT is missing, or no file");
	if (first == argc)
		return opt_usage(&merge_tool, "no model is named");
	rc = merge.mean ? average(argv + first, argc - first) : write_model(argv + first, argc - first, add_adapters);
	free(merge.lora.item);
	return rc;
}

/* ---- the verbs ---- */

static const struct opt_verb verbs[] = {
	{ "info", run_info }, { "split", run_split }, { "join", run_join }, { "import", run_import }, { "quantize", run_quantize }, { "merge", run_merge },
	{ 0 },
};

int
main(int argc, char **argv)
{
	msg_init("mai-shard");
	return opt_verb(&top, verbs, argc, argv);
}
