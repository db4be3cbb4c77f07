/* Shards and manifests that are not what they say are refused, and what fails leaves nothing behind. */
#include <signal.h>
#include <sys/resource.h>

#include "model_sample.h"
#include "tap.h"

/* ---- forging ---- */

/* Writes a file anew with the first `old` replaced by `text`, n bytes each. */
static void
edit(const char *name, const void *old, const void *text, size_t n)
{
	struct io_map m;
	uint8_t *copy, *at;

	if (io_map(&m, in_dir(name)) < 0 || !(copy = malloc(m.size)))
		abort();
	memcpy(copy, m.data, m.size);
	if (!(at = memmem(copy, m.size, old, n))) {
		fprintf(stderr, "%s: nothing to forge\n", name);
		abort();
	}
	memcpy(at, text, n);
	unlink(in_dir(name));
	FILE *f = fopen(in_dir(name), "wb");
	if (!f || fwrite(copy, 1, m.size, f) != m.size || fclose(f) != 0)
		abort();
	io_unmap(&m);
	free(copy);
}

/* Changes the lowest bit of the byte `at` bytes before the end. */
static void
flip(const char *name, long at)
{
	FILE *f = fopen(in_dir(name), "r+b");
	int c;

	if (!f || fseek(f, -at, SEEK_END) != 0 || (c = getc(f)) == EOF || fseek(f, -1, SEEK_CUR) != 0)
		abort();
	putc(c ^ 1, f);
	fclose(f);
}

static void
split_sample(const struct sample *s, const char *to)
{
	struct split_plan p;

	sample_write(s, in_dir("m.gguf"));
	struct model *m = open_in("m.gguf");
	if (!m || split_even(&p, m, 2) < 0 || shard_split(m, &p, in_dir(to), false) < 0) {
		fprintf(stderr, "%s\n", err_reason());
		abort();
	}
	model_free(m);
}

/* The shards are refused when they are opened, or when they are joined, and then no file is there. */
static void
check_refused(struct model *m, int status, const char *what)
{
	bool refused = !m || shard_join(m, in_dir("again.gguf")) < 0;

	tap_ok(refused && err_status() == status && access(in_dir("again.gguf"), F_OK) != 0, "%s: %s", what,
	    refused ? err_reason() : "TAKEN");
	model_free(m);
	unlink(in_dir("again.gguf"));
}

/* ---- shards ---- */

static const struct sample usual = { .type = TYPE_F16, .seed = 1 };

static void
check_shards(void)
{
#define TEXT(old, new) old, new, sizeof old - 1
	static const struct {
		const char *file, *what, *old, *new;
		size_t n;
	} forged[] = {
		{ "0.gguf", "a token that was changed", TEXT("t19", "t91") },
		{ "0.gguf", "a key of the vocabulary that was renamed", TEXT("ggml.scores", "ggml.scorex") },
		{ "0.gguf", "a hyper-parameter that was changed", TEXT("context_length\4\0\0\0\200", "context_length\4\0\0\0\100") },
		{ "0.gguf", "no model id", TEXT("mai.model_id", "mai.model_ix") },
		{ "0.gguf", "a model id that is cut", TEXT("mai.model_id\10\0\0\0\100\0\0\0\0\0\0\0", "mai.model_id\10\0\0\0\77\0\0\0\0\0\0\0") },
		{ "0.gguf", "another version", TEXT("mai.version\4\0\0\0\1", "mai.version\4\0\0\0\2") },
		{ "0.gguf", "a tensor that was renamed", TEXT("blk.0.ffn_up", "blk.0.ffn_uq") },
		{ "1.gguf", "a tensor of another shard's layer", TEXT("blk.3.ffn_up", "blk.1.ffn_up") },
		{ "1.gguf", "no places of tensors", TEXT("mai.tensor_index", "mai.tensor_indey") },
		{ "1.gguf", "a place beyond the model", TEXT("tensor_index\11\0\0\0\4\0\0\0\24\0\0\0\0\0\0\0\1\0",
		    "tensor_index\11\0\0\0\4\0\0\0\24\0\0\0\0\0\0\0\1\1") },
		{ "1.gguf", "a place twice", TEXT("tensor_index\11\0\0\0\4\0\0\0\24\0\0\0\0\0\0\0\1\0",
		    "tensor_index\11\0\0\0\4\0\0\0\24\0\0\0\0\0\0\0\24\0") },
		{ "1.gguf", "places of another type", TEXT("tensor_index\11\0\0\0\4", "tensor_index\11\0\0\0\5") },
		{ "0.gguf", "an alignment of no power", TEXT("mai.alignment\4\0\0\0\0", "mai.alignment\4\0\0\0\3") },
		{ "1.gguf", "another number of tensors", TEXT("tensor_count\4\0\0\0", "tensor_count\4\0\0\0") },
		{ "1.gguf", "layers that begin elsewhere", TEXT("layer_first\4\0\0\0\2", "layer_first\4\0\0\0\1") },
		{ "1.gguf", "layers that end elsewhere", TEXT("layer_last\4\0\0\0\4", "layer_last\4\0\0\0\3") },
		{ "1.gguf", "layers in the wrong order", TEXT("layer_last\4\0\0\0\4", "layer_last\4\0\0\0\1") },
		{ "1.gguf", "more layers than there are", TEXT("layer_last\4\0\0\0\4", "layer_last\4\0\0\0\5") },
		{ "1.gguf", "another architecture", TEXT("architecture\10\0\0\0\5\0\0\0\0\0\0\0llama", "architecture\10\0\0\0\5\0\0\0\0\0\0\0lamma") },
	};

	for (size_t i = 0; i < sizeof forged / sizeof *forged; i++) {
		char name[32];
		const char *paths[2];
		split_sample(&usual, "parts");
		snprintf(name, sizeof name, "parts/%s", forged[i].file);
		edit(name, forged[i].old, forged[i].new, forged[i].n);
		if (strstr(forged[i].what, "number of tensors"))
			edit(name, "tensor_count\4\0\0\0\47", "tensor_count\4\0\0\0\50", 17);
		paths[0] = in_dir("parts/0.gguf");
		paths[1] = in_dir("parts/1.gguf");
		check_refused(model_open(paths, 2), ERR_DATA, forged[i].what);
		clear(in_dir("parts"));
	}

	/* A weight says nothing of itself: its hash does. */
	split_sample(&usual, "parts");
	flip("parts/1.gguf", 2500); /* in blk.3.ffn_up: output.weight, the last, has 2048 bytes */
	check_refused(open_in("parts/manifest.json"), ERR_DATA, "a weight that was changed");
	flip("parts/1.gguf", 2500);
	struct model *m = open_in("parts/manifest.json");
	tap_ok(m && shard_join(m, in_dir("again.gguf")) == 0 && same_files(in_dir("again.gguf"), in_dir("m.gguf")),
	    "changed back, it is taken");
	model_free(m);
	unlink(in_dir("again.gguf"));
	clear(in_dir("parts"));
}

/* Shards that don't belong together. */
static void
check_sets(void)
{
	const char *a, *b, *other, *whole;

	split_sample(&(struct sample){ .type = TYPE_F16, .seed = 2 }, "other");
	split_sample(&usual, "parts");
	a = in_dir("parts/0.gguf"), b = in_dir("parts/1.gguf"), other = in_dir("other/1.gguf"), whole = in_dir("m.gguf");
	check_refused(model_open((const char *[]){ a, other }, 2), ERR_DATA, "shards of two models");
	check_refused(model_open((const char *[]){ a }, 1), ERR_DATA, "a shard that is missing at the end");
	check_refused(model_open((const char *[]){ b }, 1), ERR_DATA, "a shard that is missing at the beginning");
	check_refused(model_open((const char *[]){ a, a }, 2), ERR_DATA, "a shard twice");
	check_refused(model_open((const char *[]){ a, b, b }, 3), ERR_DATA, "the last shard twice");
	check_refused(model_open((const char *[]){ a, whole }, 2), ERR_DATA, "a shard and a whole model");
	check_refused(model_open((const char *[]){ whole, whole }, 2), ERR_DATA, "a whole model twice");
	check_refused(model_open((const char *[]){ a, in_dir("none.gguf") }, 2), ERR_SYSTEM, "a shard that is not there");
	check_refused(model_open(NULL, 0), ERR_USAGE, "no shard at all");
	struct model *m = model_open((const char *[]){ b, a }, 2);
	tap_ok(m && shard_join(m, in_dir("again.gguf")) == 0 && same_files(in_dir("again.gguf"), whole),
	    "in another order, all of them are taken");
	model_free(m);
	unlink(in_dir("again.gguf"));
	clear(in_dir("other"));
	clear(in_dir("parts"));
}

/* ---- manifests ---- */

static void
write_manifest(const char *text)
{
	FILE *f = fopen(in_dir("parts/manifest.json"), "wb");

	if (!f || fputs(text, f) < 0 || fclose(f) != 0)
		abort();
}

static void
check_manifests(void)
{
	static const struct {
		const char *old, *new, *what;
		int status;
	} forged[] = {
		{ "0.gguf", "9.gguf", "a shard that is not there", ERR_SYSTEM },
		{ "0.gguf", "../x.g", "a name with ..", ERR_DATA },
		{ "0.gguf", "/etc/x", "a path", ERR_DATA },
		{ "0.gguf", "a/0.gg", "a name with a folder", ERR_DATA },
		{ "\"0.gguf", "\"\\u000a", "a name with a newline", ERR_DATA },
		{ "\"version\": 1", "\"version\": 2", "another version", ERR_DATA },
		{ "\"version\": 1", "\"versiom\": 1", "no version", ERR_DATA },
		{ "\"size\": ", "\"size\":1", "another size", ERR_DATA },
		{ "\"size\": ", "\"size\":-", "a negative size", ERR_DATA },
		{ "\"layer_last\": 2", "\"layer_last\": 3", "layers with an overlap", ERR_DATA },
		{ "\"layer_first\": 2", "\"layer_first\": 3", "layers with a gap", ERR_DATA },
		{ "\"layers\": 4", "\"layers\": 5", "more layers than the shards hold", ERR_DATA },
		{ "\"shards\"", "\"layers\"", "a member twice", ERR_DATA },
		{ "\"shards\"", "\"shard_\"", "no shards", ERR_DATA },
		{ "\"model_id\": \"", "\"model_id\":\"x", "an identity of other characters", ERR_DATA },
		{ "\"sha256\": \"", "\"sha256\":\"0", "a SHA-256 of 65 digits", ERR_DATA },
		{ "\"vocab_id\"", "\"vocab_ix\"", "no vocabulary id", ERR_DATA },
	};
	static const struct {
		const char *text, *what;
	} texts[] = {
		{ "{", "JSON that is cut" }, { "{}", "an empty object" }, { "{\"version\": 1} x", "bytes behind the object" },
		{ "{\"version\": 1e0, \"shards\": []}", "a version that is no integer" }, { "{\"version\": \"1\"}", "a version that is text" },
		{ "{\"version\": 1, \"model_id\": \"\xff\"}", "ill-formed UTF-8" },
	};

	for (size_t i = 0; i < sizeof forged / sizeof *forged; i++) {
		split_sample(&usual, "parts");
		edit("parts/manifest.json", forged[i].old, forged[i].new, strlen(forged[i].old));
		check_refused(open_in("parts/manifest.json"), forged[i].status, forged[i].what);
		clear(in_dir("parts"));
	}
	split_sample(&usual, "parts");
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		write_manifest(texts[i].text);
		check_refused(open_in("parts/manifest.json"), ERR_DATA, texts[i].what);
	}
	FILE *f = fopen(in_dir("parts/manifest.json"), "wb");
	fputs("{\"a\":", f);
	for (int i = 0; i < 100000; i++)
		putc('[', f);
	fclose(f);
	check_refused(open_in("parts/manifest.json"), ERR_DATA, "100000 brackets");
	if (truncate(in_dir("parts/manifest.json"), MANIFEST_MAX_SIZE + 1) == 0)
		check_refused(open_in("parts/manifest.json"), ERR_DATA, "a manifest over the limit");
	clear(in_dir("parts"));
	split_sample(&(struct sample){ .type = TYPE_F16, .seed = 2 }, "other");
	split_sample(&usual, "parts");
	if (rename(in_dir("other/manifest.json"), in_dir("parts/manifest.json")) != 0)
		abort();
	check_refused(open_in("parts/manifest.json"), ERR_DATA, "the manifest of another model");
	clear(in_dir("other"));
	clear(in_dir("parts"));
}

/* ---- a full disk ---- */

static void
check_full(void)
{
	struct rlimit old, small;
	struct split_plan p;
	int failed = 0, clean = 0, n = 0;

	split_sample(&usual, "parts");
	struct model *m = open_in("m.gguf"), *parts = open_in("parts/manifest.json");
	if (!m || !parts || split_even(&p, m, 3) < 0 || getrlimit(RLIMIT_FSIZE, &old) != 0)
		abort();
	signal(SIGXFSZ, SIG_IGN);
	for (rlim_t limit = 0; limit < 30000; limit += 5000, n++) {
		small = (struct rlimit){ limit, old.rlim_max };
		setrlimit(RLIMIT_FSIZE, &small);
		failed += shard_split(m, &p, in_dir("full"), false) < 0 && err_status() == ERR_SYSTEM;
		failed += shard_join(parts, in_dir("again.gguf")) < 0 && err_status() == ERR_SYSTEM;
		setrlimit(RLIMIT_FSIZE, &old);
		clean += clear(in_dir("full")) == 0 && access(in_dir("again.gguf"), F_OK) != 0;
	}
	tap_ok(failed == 2 * n && clean == n, "files that can't grow: status 3 and nothing left: %s", err_reason());
	model_free(m);
	model_free(parts);
	clear(in_dir("parts"));
}

/* A folder that can't be made; a model without layers. */
static void
check_others(void)
{
	struct split_plan p;

	sample_write(&usual, in_dir("m.gguf"));
	struct model *m = open_in("m.gguf");
	if (!m || split_even(&p, m, 2) < 0)
		abort();
	tap_ok(shard_split(m, &p, in_dir("m.gguf/x"), false) < 0 && err_status() == ERR_SYSTEM, "no folder: %s", err_reason());
	tap_ok(shard_split(m, &p, in_dir("none/x"), false) < 0 && err_status() == ERR_SYSTEM, "no folder above: %s", err_reason());
	model_free(m);
	struct gguf_writer *w = gguf_writer_new();
	gguf_put_string(w, "general.architecture", "x");
	if (gguf_write(w, in_dir("m.gguf")) < 0)
		abort();
	gguf_writer_free(w);
	m = open_in("m.gguf");
	tap_ok(m && split_even(&p, m, 1) < 0 && split_list(&p, m, "0") < 0 && split_size(&p, m, 1 << 20) < 0 &&
	    err_status() == ERR_DATA, "a model without layers: %s", err_reason());
	model_free(m);
}

int
main(void)
{
	make_dir();
	check_shards();
	check_sets();
	check_manifests();
	check_full();
	check_others();
	remove_dir();
	return tap_done();
}
