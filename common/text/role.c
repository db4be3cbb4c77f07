#include "text/role.h"

#include <string.h>

#include "base/err.h"

enum { CONTROL = 1, ENDS = 2 }; /* what a text says: a control token; and one at which generation ends */

static const struct known {
	const char *text;
	int is;
} known[] = {
	{ "</s>", CONTROL | ENDS },
	{ "<eos>", CONTROL | ENDS },
	{ "<EOT>", CONTROL | ENDS },
	{ "_<EOT>", CONTROL | ENDS },
	{ "[EOT]", CONTROL | ENDS },
	{ "[EOS]", CONTROL | ENDS },
	{ "[e~[", CONTROL | ENDS },
	{ "<|end|>", CONTROL | ENDS },
	{ "<|call|>", CONTROL | ENDS },
	{ "<|calls|>", CONTROL | ENDS },
	{ "<|flush|>", CONTROL | ENDS },
	{ "<|return|>", CONTROL | ENDS },
	{ "<|im_end|>", CONTROL | ENDS },
	{ "<|eot_id|>", CONTROL | ENDS },
	{ "<|eom_id|>", CONTROL | ENDS },
	{ "<|endoftext|>", CONTROL | ENDS },
	{ "<|end_of_text|>", CONTROL | ENDS },
	{ "<turn|>", CONTROL | ENDS },
	{ "<end_of_turn>", CONTROL | ENDS },
	{ "<end_of_utterance>", CONTROL | ENDS },
	{ "<|tool_response>", CONTROL | ENDS },
	{ "<\xef\xbd\x9c" "end\xe2\x96\x81of\xe2\x96\x81sentence\xef\xbd\x9c>", CONTROL | ENDS },
	/* fill in the middle: what comes behind padding or a file's name is not of this file any more */
	{ "<|fim_pad|>", CONTROL | ENDS },
	{ "<fim-pad>", CONTROL | ENDS },
	{ "<fim_pad>", CONTROL | ENDS },
	{ "<PAD>", CONTROL | ENDS },
	{ "[PAD]", CONTROL | ENDS },
	{ "<|fim_repo|>", CONTROL | ENDS },
	{ "<|repo_name|>", CONTROL | ENDS },
	{ "<fim-repo>", CONTROL | ENDS },
	{ "<REPO>", CONTROL | ENDS },
	{ "<reponame>", CONTROL | ENDS },
	{ "<|file_sep|>", CONTROL | ENDS },
	{ "<|fim_prefix|>", CONTROL },
	{ "<fim-prefix>", CONTROL },
	{ "<fim_prefix>", CONTROL },
	{ "<PRE>", CONTROL },
	{ "\xe2\x96\x81<PRE>", CONTROL },
	{ "<|code_prefix|>", CONTROL },
	{ "<|prefix|>", CONTROL },
	{ "<\xef\xbd\x9c" "fim\xe2\x96\x81" "begin\xef\xbd\x9c>", CONTROL },
	{ "<|fim_suffix|>", CONTROL },
	{ "<fim-suffix>", CONTROL },
	{ "<fim_suffix>", CONTROL },
	{ "<SUF>", CONTROL },
	{ "\xe2\x96\x81<SUF>", CONTROL },
	{ "<|code_suffix|>", CONTROL },
	{ "<|suffix|>", CONTROL },
	{ "<\xef\xbd\x9c" "fim\xe2\x96\x81hole\xef\xbd\x9c>", CONTROL },
	{ "<|fim_middle|>", CONTROL },
	{ "<fim-middle>", CONTROL },
	{ "<fim_middle>", CONTROL },
	{ "<MID>", CONTROL },
	{ "\xe2\x96\x81<MID>", CONTROL },
	{ "<|code_middle|>", CONTROL },
	{ "<|middle|>", CONTROL },
	{ "<\xef\xbd\x9c" "fim\xe2\x96\x81" "end\xef\xbd\x9c>", CONTROL },
};

static uint32_t
token(const struct vocab *v, const char *text)
{
	return lookup_find(&v->lookup, text, strlen(text));
}

static void
apply_texts(struct vocab *v)
{
	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		uint32_t id = token(v, known[i].text);
		if (id == LOOKUP_NONE)
			continue;
		v->kind[id] = TOKEN_CONTROL;
		if (known[i].is & ENDS)
			v->flags[id] |= TOKEN_EOG;
	}
}

/* Some models use one of these texts for something else, as others of their tokens give away. */
static void
apply_exceptions(struct vocab *v)
{
	bool call = token(v, "<|call|>") != LOOKUP_NONE || token(v, "<|calls|>") != LOOKUP_NONE;
	bool last = token(v, "<|return|>") != LOOKUP_NONE || token(v, "<|flush|>") != LOOKUP_NONE;
	uint32_t end = token(v, "<|end|>"), s = token(v, "</s>");

	if (call && last && end != LOOKUP_NONE) /* it ends a message, of which an answer has several */
		v->flags[end] &= (uint8_t)~TOKEN_EOG;
	if (token(v, "<|tool_response>") != LOOKUP_NONE && s != LOOKUP_NONE) { /* a tag of HTML */
		v->flags[s] &= (uint8_t)~TOKEN_EOG;
		v->kind[s] = TOKEN_NORMAL;
	}
}

/* Phi-3 was trained with the white space behind its special tokens cut off, which no key says. */
static void
apply_phi3(struct vocab *v, const struct gguf *g)
{
	struct gguf_string name = { 0 };
	bool phi3 = false;

	if (gguf_get_string(g, "general.name", &name) != 1)
		return;
	for (uint64_t i = 0; i + 4 <= name.len && !phi3; i++) {
		const char *s = name.data + i;
		uint64_t left = name.len - i;
		phi3 = (s[0] | 0x20) == 'p' && (s[1] | 0x20) == 'h' && (s[2] | 0x20) == 'i' &&
		       (s[3] == '3' || (s[3] == '-' && left > 4 && s[4] == '3'));
	}
	for (uint32_t id = 0; id < v->n && phi3; id++)
		if (token_is_control(v, id) || v->kind[id] == TOKEN_USER)
			v->flags[id] |= TOKEN_EATS_SPACE;
	static const char *const not[] = { "<unk>", "<s>", "<|endoftext|>" };
	for (int i = 0; i < 3; i++)
		if (token(v, not[i]) != LOOKUP_NONE)
			v->flags[token(v, not[i])] &= (uint8_t)~TOKEN_EATS_SPACE;
}

/* A key that holds a token id: it replaces *id. 0 or -1. */
static int
id_key(const struct vocab *v, const struct gguf *g, const char *key, uint32_t *id)
{
	uint64_t value;
	int found = gguf_get_u64(g, key, &value);

	if (found < 0)
		return -1;
	if (found && value >= v->n)
		return err_set(ERR_DATA, "%s: %s is %llu, but there are %u tokens", g->path, key, (unsigned long long)value, v->n);
	if (found)
		*id = (uint32_t)value;
	return 0;
}

static int
apply_keys(struct vocab *v, const struct gguf *g)
{
	static const char *const ends[] = {
		"tokenizer.ggml.eot_token_id", "tokenizer.ggml.eom_token_id", "tokenizer.ggml.fim_pad_token_id",
		"tokenizer.ggml.fim_rep_token_id", "tokenizer.ggml.fim_sep_token_id",
	};

	if (id_key(v, g, "tokenizer.ggml.bos_token_id", &v->bos) < 0 || id_key(v, g, "tokenizer.ggml.eos_token_id", &v->eos) < 0 ||
	    (v->algorithm->words && (id_key(v, g, "tokenizer.ggml.cls_token_id", &v->bos) < 0 ||
	    id_key(v, g, "tokenizer.ggml.seperator_token_id", &v->eos) < 0)) || /* so it is written */
	    id_key(v, g, "tokenizer.ggml.unknown_token_id", &v->unknown) < 0)
		return -1;
	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
		uint32_t id = VOCAB_NONE;
		if (id_key(v, g, ends[i], &id) < 0)
			return -1;
		if (id != VOCAB_NONE)
			v->flags[id] |= TOKEN_EOG;
	}
	return 0;
}

static uint32_t
default_id(const struct vocab *v, uint32_t id)
{
	return id < v->n ? id : VOCAB_NONE;
}

int
role_load(struct vocab *v, const struct gguf *g)
{
	v->bos = default_id(v, v->algorithm->bos);
	v->eos = default_id(v, v->algorithm->eos);
	v->unknown = default_id(v, v->algorithm->unknown);
	if (apply_keys(v, g) < 0)
		return -1;
	apply_texts(v);
	apply_exceptions(v);
	apply_phi3(v, g);
	if (v->eos != VOCAB_NONE)
		v->flags[v->eos] |= TOKEN_EOG;
	if (v->bos != VOCAB_NONE)
		v->flags[v->bos] |= TOKEN_EOG;
	return 0;
}
