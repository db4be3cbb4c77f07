#include "import/special.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"

enum role { BOS, EOS, EOT, UNKNOWN, SEPARATOR, PADDING, CLASS, MASK, ROLES };

static const struct {
	const char *key; /* of tokenizer.ggml.*_token_id; "seperator" is how it is spelt */
	const char *token, *id; /* tokenizer_config.json's, config.json's */
} roles[ROLES] = {
	[BOS] = { "bos", "bos_token", "bos_token_id" },
	[EOS] = { "eos", "eos_token", "eos_token_id" },
	[EOT] = { "eot", "eot_token", "eot_token_id" },
	[UNKNOWN] = { "unknown", "unk_token", "unk_token_id" },
	[SEPARATOR] = { "seperator", "sep_token", "sep_token_id" },
	[PADDING] = { "padding", "pad_token", "pad_token_id" },
	[CLASS] = { "cls", "cls_token", "cls_token_id" },
	[MASK] = { "mask", "mask_token", "mask_token_id" },
};

enum adds { UNSAID, ADDED, NOT_ADDED };

struct specials {
	const char *text[ROLES]; /* NULL: not said */
	enum adds adds_bos, adds_eos;
};

/* "<s>", or { "content": "<s>", ... } */
static const char *
token_text(const json_t *v)
{
	return json_is_object(v) ? hub_text(v, "content") : json_string_value(v);
}

static void
read_config(struct specials *s, const json_t *config)
{
	for (enum role i = 0; i < ROLES; i++)
		s->text[i] = token_text(json_object_get(config, roles[i].token));
	if (!s->text[BOS])
		s->text[BOS] = s->text[CLASS];
	if (!s->text[EOS])
		s->text[EOS] = s->text[SEPARATOR];
}

/* ---- what a post-processor puts around a text ---- */

static bool
is_same(const char *a, const char *b)
{
	return a && b && strcmp(a, b) == 0;
}

static void
begins(struct specials *s, const char *text)
{
	if (!s->text[BOS])
		s->text[BOS] = text;
	s->adds_bos = is_same(text, s->text[BOS]) || is_same(text, s->text[CLASS]) ? ADDED : NOT_ADDED;
}

/* Another token than EOS ends the texts of some models of embeddings: EOS then ends a turn. */
static void
ends(struct specials *s, const char *text)
{
	if (!is_same(text, s->text[EOS])) {
		s->text[EOT] = s->text[EOS];
		s->text[EOS] = text;
	}
	s->adds_eos = ADDED;
}

static const char *
special_of(const json_t *part)
{
	return hub_text(json_object_get(part, "SpecialToken"), "id");
}

static void
read_processor(struct specials *s, const json_t *o)
{
	const char *type = hub_text(o, "type"), *first, *last;
	const json_t *list = json_object_get(o, "processors"), *single = json_object_get(o, "single");
	size_t n = json_array_size(single);

	for (size_t i = 0; i < json_array_size(list); i++)
		if (!json_object_get(json_array_get(list, i), "processors"))
			read_processor(s, json_array_get(list, i));
	if (type && (strcmp(type, "RobertaProcessing") == 0 || strcmp(type, "BertProcessing") == 0)) {
		first = json_string_value(json_array_get(json_object_get(o, "cls"), 0));
		last = json_string_value(json_array_get(json_object_get(o, "sep"), 0));
	} else {
		first = n > 1 ? special_of(json_array_get(single, 0)) : NULL;
		last = n > 1 ? special_of(json_array_get(single, n - 1)) : NULL;
	}
	if (first)
		begins(s, first);
	if (last)
		ends(s, last);
}

static enum adds
said(const json_t *config, const char *key, enum adds otherwise)
{
	const json_t *v = json_object_get(config, key);

	return json_is_boolean(v) ? json_is_true(v) ? ADDED : NOT_ADDED : otherwise;
}

/* ---- writing ---- */

static int
put_ids(struct gguf_writer *to, const struct hub *h, const struct specials *s, const struct tokens *t)
{
	char key[64];
	uint64_t said;
	uint32_t id;

	for (enum role i = 0; i < ROLES; i++) {
		bool is = s->text[i] && tokens_find(t, s->text[i], &id);
		if (!is && hub_number(json_object_get(h->settings, roles[i].id), &said) && said < t->n) {
			id = (uint32_t)said; /* less than VOCAB_MAX_TOKENS */
			is = true;
		}
		snprintf(key, sizeof key, "tokenizer.ggml.%s_token_id", roles[i].key);
		if (is && gguf_put_u32(to, key, id) < 0)
			return -1;
	}
	return 0;
}

static int
put_adds(struct gguf_writer *to, const char *key, enum adds adds)
{
	return adds == UNSAID ? 0 : gguf_put_bool(to, key, adds == ADDED);
}

/* Of several templates the one that is the default. */
static const char *
template_of(const json_t *v)
{
	for (size_t i = 0; i < json_array_size(v); i++)
		if (is_same(hub_text(json_array_get(v, i), "name"), "default"))
			return hub_text(json_array_get(v, i), "template");
	return json_string_value(v);
}

static int
put_template(struct gguf_writer *to, const struct hub *h, const json_t *config)
{
	const char *text = template_of(json_object_get(config, "chat_template"));
	struct buf file = { 0 };
	int rc = 1;

	if (!text && (rc = hub_file(h, "chat_template.jinja", &file)) > 0) {
		rc = buf_addc(&file, '\0') < 0 ? -1 : 1;
		text = (const char *)file.data; /* bytes of a text file */
	}
	if (rc > 0)
		rc = gguf_put_string(to, "tokenizer.chat_template", text);
	buf_free(&file);
	return rc < 0 ? -1 : 0;
}

int
special_put(struct gguf_writer *to, const struct hub *h, const json_t *tokenizer, const json_t *config, const struct tokens *t)
{
	struct specials s = { 0 };

	read_config(&s, config);
	read_processor(&s, json_object_get(tokenizer, "post_processor"));
	if (!s.text[UNKNOWN])
		s.text[UNKNOWN] = hub_text(json_object_get(tokenizer, "model"), "unk_token");
	if (tokenizer && s.adds_bos == UNSAID)
		s.adds_bos = NOT_ADDED;
	s.adds_bos = said(config, "add_bos_token", s.adds_bos);
	s.adds_eos = said(config, "add_eos_token", s.adds_eos);
	if (put_ids(to, h, &s, t) < 0 || put_adds(to, "tokenizer.ggml.add_bos_token", s.adds_bos) < 0 ||
	    put_adds(to, "tokenizer.ggml.add_eos_token", s.adds_eos) < 0)
		return -1;
	return put_template(to, h, config);
}
