#include "import/pretokenizer.h"

#include <stdbool.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"

/* ---- the descriptions ---- */

#define GPT2 "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"
#define SUFFIX "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
#define END "|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
#define OTHER " ?[^\\s\\p{L}\\p{N}]+[\\r\\n"
#define CL100K(digits) SUFFIX "|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|" digits "|" OTHER "]*" END
#define UPPER "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]"
#define LOWER "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]"
#define LEAD "[^\\r\\n\\p{L}\\p{N}]?"
#define CASED(suffix) LEAD UPPER "*" LOWER "+" suffix "|" LEAD UPPER "+" LOWER "*" suffix

/*
 * What `describe` makes of them: parts with a space before each, texts of expressions as they are, but for line ends. In front of "..." only
 * the beginning counts. `whole` is the name where the model says "ignore_merges": words that are tokens are taken whole.
 */
static const struct {
	const char *description, *name, *whole;
} known[] = {
	{ " <bytes>", "gpt-2", NULL },
	{ " " GPT2, "gpt-2", NULL },
	{ " <digit> <bytes>", "starcoder", NULL },
	{ " <punctuation> <bytes> <digits> [0-9][0-9][0-9]", "falcon", NULL },
	{ " " CL100K("\\p{N}{1,3}"), "dbrx", "llama-bpe" },
	{ " " CL100K("\\p{N}"), "qwen2", NULL },
	{ " " SUFFIX "|[^\\r\\n\\p{L}\\p{N}]?[\\p{L}\\p{M}]+|\\p{N}| ?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*" END, "qwen35", NULL },
	{ " " CASED("") "|\\p{N}|" OTHER "/]*" END, NULL, "tekken" },
	{ " " CASED(SUFFIX "?") "|\\p{N}{1,3}|" OTHER "/]*" END, "gpt-4o", "gpt-4o" },
	{ " [\\r\\n] \\s?[A-Za-z\xc2\xb5\xc3\x80-\xc3\x96...", "deepseek-llm", NULL },
	{ " [\\r\\n] \\s?\\p{L}+ \\s?\\p{P}+ [\xe4\xb8\x80-\xe9\xbe\xa5...", "deepseek-coder", NULL },
	{ " \\p{N}{1,3} [\xe4\xb8\x80-\xe9\xbe\xa5\xe3\x81\x80-\xe3\x82\x9f\xe3\x82\xa0-\xe3\x83\xbf]+ "
	  "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\\r\\n]*" END,
	  "deepseek-v3", NULL },
};

static bool
is_description(const char *is, const char *text)
{
	size_t n = strlen(is);

	return n > 3 && strcmp(is + n - 3, "...") == 0 ? strncmp(text, is, n - 3) == 0 : strcmp(text, is) == 0;
}

/* ---- what a file says ---- */

static bool
is_true(const json_t *o, const char *key, bool otherwise)
{
	const json_t *v = json_object_get(o, key);

	return json_is_boolean(v) ? json_is_true(v) : otherwise;
}

/* Some write \r and \n in expressions, others the characters themselves. */
static int
add_expression(struct buf *to, const char *text)
{
	int rc = buf_addc(to, ' ');

	for (; *text && rc == 0; text++)
		rc = *text == '\r' ? buf_add(to, "\\r", 2) : *text == '\n' ? buf_add(to, "\\n", 2) : buf_addc(to, (uint8_t)*text);
	return rc;
}

/* Matches are words, and so is what lies between them. */
static bool
isolates(const json_t *o)
{
	const char *behavior = json_string_value(json_object_get(o, "behavior"));

	return behavior && strcmp(behavior, is_true(o, "invert", false) ? "Removed" : "Isolated") == 0;
}

static int
describe(struct buf *to, const json_t *o)
{
	const char *type = json_string_value(json_object_get(o, "type"));
	const char *expression = json_string_value(json_object_get(json_object_get(o, "pattern"), "Regex"));
	const json_t *list = json_object_get(o, "pretokenizers");

	if (!type)
		return 0;
	if (strcmp(type, "Sequence") == 0) {
		for (size_t i = 0; i < json_array_size(list); i++)
			if (describe(to, json_array_get(list, i)) < 0)
				return -1;
		return 0;
	}
	if (strcmp(type, "Split") == 0 && expression && isolates(o))
		return add_expression(to, expression);
	if (strcmp(type, "ByteLevel") == 0)
		return is_true(o, "use_regex", true) ? buf_printf(to, " <bytes>") : 0;
	if (strcmp(type, "Digits") == 0)
		return buf_printf(to, is_true(o, "individual_digits", false) ? " <digit>" : " <digits>");
	if (strcmp(type, "Punctuation") == 0)
		return buf_printf(to, " <punctuation>");
	return buf_printf(to, " <%s>", type);
}

const char *
pretokenizer_name(const json_t *tokenizer)
{
	bool whole = is_true(json_object_get(tokenizer, "model"), "ignore_merges", false);
	struct buf text = { 0 };
	const char *name = NULL;

	if (describe(&text, json_object_get(tokenizer, "pre_tokenizer")) == 0 && buf_addc(&text, '\0') == 0) {
		const char *is = (const char *)text.data;
		for (size_t i = 0; i < sizeof known / sizeof *known && !name; i++)
			if (is_description(known[i].description, is))
				name = whole && known[i].whole ? known[i].whole : known[i].name;
		if (!name)
			err_set(ERR_DATA, "its pre_tokenizer is none that is known:%.400s", is);
	}
	buf_free(&text);
	return name;
}
