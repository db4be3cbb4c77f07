#include "model/info.h"

#include <inttypes.h>

static uint64_t
number(const json_t *o, const char *key)
{
	return (uint64_t)json_integer_value(json_object_get(o, key));
}

/* A text for a terminal: control characters are not let through. */
static void
print_text(FILE *to, const char *label, const json_t *text)
{
	const char *s = json_string_value(text);

	fprintf(to, "%-14s", label);
	for (; s && *s; s++)
		putc((unsigned char)*s < 0x20 || *s == 0x7f ? '?' : *s, to);
	fputs(s ? "\n" : "-\n", to);
}

/* No line for what does not apply: null. */
static void
print_size(FILE *to, const char *label, const json_t *size)
{
	uint64_t v = (uint64_t)json_integer_value(size);

	if (json_is_null(size))
		return;
	fprintf(to, "%-14s", label);
	if (v)
		fprintf(to, "%" PRIu64 "\n", v);
	else
		fputs("-\n", to);
}

static void
print_layers(FILE *to, const json_t *o)
{
	uint64_t first = number(o, "layer_first"), last = number(o, "layer_last");

	fprintf(to, "%-14s%" PRIu64, "layers", number(o, "layers"));
	if (last - first != number(o, "layers"))
		fprintf(to, ", of which %" PRIu64 " to %" PRIu64 " are here%s%s", first, last - 1,
		    json_is_true(json_object_get(o, "embedding")) ? ", and the embedding" : "",
		    json_is_true(json_object_get(o, "head")) ? ", and the head" : "");
	putc('\n', to);
}

static void
print_mixer(FILE *to, const json_t *o)
{
	const json_t *ssm = json_object_get(o, "ssm"), *wkv = json_object_get(o, "wkv");

	if (json_is_object(ssm))
		fprintf(to, "%-14sinner size %" PRIu64 ", state size %" PRIu64 ", conv kernel %" PRIu64 ", time step rank %" PRIu64 "\n", "ssm",
		    number(ssm, "inner_size"), number(ssm, "state_size"), number(ssm, "conv_kernel"), number(ssm, "time_step_rank"));
	else if (json_is_object(wkv))
		fprintf(to, "%-14s%" PRIu64 " heads of %" PRIu64 "\n", "wkv", number(wkv, "heads"), number(wkv, "head_size"));
	else if (number(o, "heads"))
		fprintf(to, "%-14s%" PRIu64 ", %" PRIu64 " for keys and values, of %" PRIu64 "\n", "heads", number(o, "heads"),
		    number(o, "kv_heads"), number(o, "head_dim"));
	else
		print_size(to, "heads", json_object_get(o, "heads"));
}

static void
print_rope(FILE *to, const json_t *rope)
{
	if (json_is_null(rope))
		return;
	fprintf(to, "%-14s%" PRIu64 " of a head, base %g", "rope", number(rope, "dim"),
	    json_real_value(json_object_get(rope, "theta")));
	if (json_real_value(json_object_get(rope, "factor")) != 1)
		fprintf(to, ", %s scaling by %g", json_string_value(json_object_get(rope, "scaling")),
		    json_real_value(json_object_get(rope, "factor")));
	putc('\n', to);
}

static void
print_types(FILE *to, const json_t *o)
{
	const json_t *type;
	size_t i;

	fprintf(to, "%-14s%" PRIu64 " with %" PRIu64 " weights\n", "tensors", number(o, "tensors"), number(o, "weights"));
	json_array_foreach(json_object_get(o, "types"), i, type) {
		fprintf(to, "  %-12s%" PRIu64 " tensors, %" PRIu64 " weights, %" PRIu64 " bytes\n",
		    json_string_value(json_object_get(type, "type")), number(type, "tensors"), number(type, "weights"),
		    number(type, "bytes"));
	}
}

static void
print_tokenizer(FILE *to, const json_t *t)
{
	if (json_is_null(t)) {
		print_text(to, "tokenizer", t);
		return;
	}
	print_text(to, "tokenizer", json_object_get(t, "model"));
	if (json_is_string(json_object_get(t, "pre")))
		print_text(to, "  pre", json_object_get(t, "pre"));
	print_size(to, "  tokens", json_object_get(t, "tokens"));
}

void
info_print(const json_t *o, FILE *to)
{
	print_text(to, "architecture", json_object_get(o, "architecture"));
	print_text(to, "name", json_object_get(o, "name"));
	fprintf(to, "%-14s%" PRIu64 ", %" PRIu64 " bytes\n", "files", number(o, "files"), number(o, "bytes"));
	print_layers(to, o);
	print_size(to, "dim", json_object_get(o, "dim"));
	print_mixer(to, o);
	print_size(to, "ffn", json_object_get(o, "ffn"));
	print_size(to, "context", json_object_get(o, "context"));
	print_rope(to, json_object_get(o, "rope"));
	print_size(to, "vocabulary", json_object_get(o, "vocab_size"));
	print_tokenizer(to, json_object_get(o, "tokenizer"));
	print_types(to, o);
	print_text(to, "model id", json_object_get(o, "model_id"));
	print_text(to, "vocabulary id", json_object_get(o, "vocab_id"));
	print_text(to, "obstacle", json_object_get(o, "obstacle"));
}
