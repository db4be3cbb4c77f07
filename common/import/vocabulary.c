#include "import/vocabulary.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "import/sentencepiece.h"
#include "import/special.h"
#include "import/vocabulary_impl.h"

int
vocabulary_init(struct vocabulary *v, uint64_t n)
{
	uint64_t said;
	bool says = hub_number(json_object_get(v->h->settings, "vocab_size"), &said);

	return tokens_init(&v->tokens, says ? said : n);
}

int
vocabulary_put_model(struct vocabulary *v, const char *model, const char *pre)
{
	if (gguf_put_string(v->to, "tokenizer.ggml.model", model) < 0)
		return -1;
	return pre ? gguf_put_string(v->to, "tokenizer.ggml.pre", pre) : 0;
}

int
vocabulary_put_space(struct vocabulary *v, bool prefix)
{
	const json_t *said = json_object_get(v->config, "add_prefix_space");

	if (json_is_boolean(said))
		prefix = json_is_true(said);
	return gguf_put_bool(v->to, "tokenizer.ggml.add_space_prefix", prefix && !v->r->no_space_prefix);
}

/* ---- SentencePiece, in tokenizer.model ---- */

/* Tokens that came later: added_tokens.json, { TEXT: NUMBER ... }. */
static int
read_added_tokens(struct vocabulary *v)
{
	json_t *added, *id;
	const char *text;
	uint64_t k;
	int rc = hub_json(v->h, "added_tokens.json", &added);

	json_object_foreach(added, text, id)
		if (rc > 0 && hub_number(id, &k) && *text != '\0' && tokens_set(&v->tokens, k, text, strlen(text), TOKEN_USER, ADDED_SCORE) < 0)
			rc = -1;
	json_decref(added);
	return rc < 0 ? -1 : 0;
}

/* And tokenizer_config.json's added_tokens_decoder, { NUMBER: { "content": TEXT, "special": ... } ... }. */
static int
read_decoder(struct vocabulary *v)
{
	json_t *decoder = json_object_get(v->config, "added_tokens_decoder"), *o;
	const char *id, *text;
	char *end;

	json_object_foreach(decoder, id, o) {
		uint64_t k = strtoull(id, &end, 10);
		text = hub_text(o, "content");
		if (*id < '0' || *id > '9' || *end != '\0' || !text || *text == '\0')
			return err_set(ERR_DATA, "%s/tokenizer_config.json: added token %.40s has no text, or no number", v->h->dir, id);
		if (tokens_add(&v->tokens, k, text, json_is_true(json_object_get(o, "special")), ADDED_SCORE) < 0)
			return -1;
	}
	return 0;
}

static int
put_sentencepiece(struct vocabulary *v)
{
	uint64_t n;
	bool prefix;

	if (sentencepiece_count(&v->sentencepiece, &n) < 0 || vocabulary_put_model(v, "llama", "default") < 0 || vocabulary_init(v, n) < 0 ||
	    sentencepiece_tokens(&v->sentencepiece, &v->tokens, &prefix) < 0)
		return err_wrap("%s/tokenizer.model", v->h->dir);
	if (read_added_tokens(v) < 0 || read_decoder(v) < 0 || vocabulary_read_added(v, true) < 0)
		return -1;
	return tokens_put(v->to, &v->tokens, true) < 0 ? -1 : vocabulary_put_space(v, prefix);
}

/* ---- all ---- */

static int
no_tokenizer(const struct hub *h)
{
	static const char world[] = "rwkv_vocab_v20230424.txt";
	struct buf text = { 0 };
	int rc = hub_file(h, world, &text);

	buf_free(&text);
	if (rc > 0)
		return err_set(ERR_DATA, "%s/%s: the tokenizer of RWKV World, which can't be expressed", h->dir, world);
	return rc < 0 ? -1 : err_set(ERR_SYSTEM, "%s: neither tokenizer.json nor tokenizer.model there", h->dir);
}

static int
load(struct vocabulary *v)
{
	if (hub_file(v->h, "tokenizer.model", &v->sentencepiece) < 0 || hub_json(v->h, "tokenizer.json", &v->tokenizer) < 0 ||
	    hub_json(v->h, "tokenizer_config.json", &v->config) < 0)
		return -1;
	return v->sentencepiece.len == 0 && !v->tokenizer ? no_tokenizer(v->h) : 0;
}

/* Phi 4 has a tokenizer.model that is not its own. */
static bool
is_sentencepiece(const struct vocabulary *v)
{
	const char *class = hub_text(v->config, "tokenizer_class");

	return v->sentencepiece.len > 0 && !(v->tokenizer && class && strcmp(class, "GPT2Tokenizer") == 0);
}

static int
put(struct vocabulary *v)
{
	uint64_t types;

	if (load(v) < 0)
		return -1;
	if (is_sentencepiece(v)) {
		if (put_sentencepiece(v) < 0)
			return -1;
	} else if (vocabulary_put_json(v) < 0) {
		return err_wrap("%s/tokenizer.json", v->h->dir);
	}
	if (hub_number(json_object_get(v->h->settings, "type_vocab_size"), &types) && types <= UINT32_MAX &&
	    gguf_put_u32(v->to, "tokenizer.ggml.token_type_count", (uint32_t)types) < 0)
		return -1;
	return special_put(v->to, v->h, v->tokenizer, v->config, &v->tokens);
}

int
vocabulary_put(struct gguf_writer *to, const struct hub *h, const struct recipe *r)
{
	struct vocabulary v = { .to = to, .h = h, .r = r };
	int rc = put(&v);

	tokens_free(&v.tokens);
	buf_free(&v.sentencepiece);
	json_decref(v.tokenizer);
	json_decref(v.config);
	return rc;
}
