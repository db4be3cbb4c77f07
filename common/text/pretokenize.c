#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "text/pretokenize.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "text/scan.h"

enum {
	MAX_LEVELS = 6,
	MIN_STEPS = 1000000,        /* of one match, and */
	STEPS_PER_BYTE = 64,        /* so many more for each byte of the text */
	HEAP_KIB = 64 << 10,        /* of the interpreter, where there is no JIT */
	JIT_STACK_MIN = 64 << 10,
	JIT_STACK_MAX = 8 << 20,
};

/*
 * White space as Unicode has it, inside brackets. \s of PCRE2 also takes U+180E, which left that set in Unicode 6.3 and which
 * those who trained the models don't take for white space.
 */
#define WS "\\t-\\r\\x{85}\\p{Z}"
#define SPACES "[" WS "]+(?![^" WS "])"

#define GPT2 "'(?:s|t|re|ve|m|ll|d)| ?\\p{L}+| ?\\p{N}+| ?[^" WS "\\p{L}\\p{N}]+|" SPACES

#define SUFFIX "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
#define WORD "[^\\r\\n\\p{L}\\p{N}]?\\p{L}+"
#define OTHER " ?[^" WS "\\p{L}\\p{N}]+[\\r\\n]*"
#define OTHER_OR_SLASH " ?[^" WS "\\p{L}\\p{N}]+[\\r\\n/]*"
#define LINES "[" WS "]*[\\r\\n]+"
#define END "|" LINES "|" SPACES "|[" WS "]+"
#define CL100K(digits) SUFFIX "|" WORD "|" digits "|" OTHER END

/* A word that may begin with capitals: camelCase falls into two. */
#define UPPER "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]"
#define LOWER "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]"
#define LEAD "[^\\r\\n\\p{L}\\p{N}]?"
#define CASED(suffix) LEAD UPPER "*" LOWER "+" suffix "|" LEAD UPPER "+" LOWER "*" suffix

#define CJK "[\\x{4e00}-\\x{9fa5}\\x{800}-\\x{4e00}\\x{ac00}-\\x{d7ff}]+"
#define PUNCT_ASCII "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~]"

/* Letters that have case (and some more), range by range, as DeepSeek LLM lists them. */
#define DEEPSEEK_LETTERS \
	"A-Za-z\\x{b5}\\x{c0}-\\x{d6}\\x{d8}-\\x{f6}\\x{f8}-\\x{1ba}\\x{1bc}-\\x{1bf}\\x{1c4}-\\x{293}\\x{295}-\\x{2af}" \
	"\\x{370}-\\x{373}\\x{376}\\x{377}\\x{37b}-\\x{37d}\\x{37f}\\x{386}\\x{388}-\\x{38a}\\x{38c}\\x{38e}-\\x{3a1}" \
	"\\x{3a3}-\\x{3f5}\\x{3f7}-\\x{481}\\x{48a}-\\x{52f}\\x{531}-\\x{556}\\x{10a0}-\\x{10c5}\\x{13a0}-\\x{13f5}" \
	"\\x{13f8}-\\x{13fd}\\x{1c90}-\\x{1cba}\\x{1cbd}-\\x{1cbf}\\x{1d00}-\\x{1d2b}\\x{1d6b}-\\x{1d77}\\x{1d79}-\\x{1d9a}" \
	"\\x{1e00}-\\x{1f15}\\x{1f18}-\\x{1f1d}\\x{1f20}-\\x{1f45}\\x{1f48}-\\x{1f4d}\\x{1f50}-\\x{1f57}\\x{1f59}\\x{1f5b}" \
	"\\x{1f5d}\\x{1f5f}-\\x{1f7d}\\x{1f80}-\\x{1fb4}\\x{1fb6}-\\x{1fbc}\\x{1fbe}\\x{1fc2}-\\x{1fc4}\\x{1fc6}-\\x{1fcc}" \
	"\\x{1fd0}-\\x{1fd3}\\x{1fd6}-\\x{1fdb}\\x{1fe0}-\\x{1fec}\\x{1ff2}-\\x{1ff4}\\x{1ff6}-\\x{1ffc}\\x{2102}\\x{2107}" \
	"\\x{210a}-\\x{2113}\\x{2115}\\x{2119}-\\x{211d}\\x{2124}\\x{2126}\\x{2128}\\x{212a}-\\x{212d}\\x{212f}-\\x{2134}" \
	"\\x{2139}\\x{213c}-\\x{213f}\\x{2145}-\\x{2149}\\x{214e}\\x{2183}\\x{2184}\\x{2c00}-\\x{2c7b}\\x{2c7e}-\\x{2ce4}" \
	"\\x{2ceb}-\\x{2cee}\\x{2cf2}\\x{2cf3}\\x{a640}-\\x{a66d}\\x{a680}-\\x{a69b}\\x{a722}-\\x{a76f}\\x{a771}-\\x{a787}" \
	"\\x{a78b}-\\x{a78e}\\x{ab70}-\\x{abbf}\\x{fb00}-\\x{fb06}\\x{fb13}-\\x{fb17}\\x{ff21}-\\x{ff3a}\\x{ff41}-\\x{ff5a}" \
	"\\x{10400}-\\x{1044f}\\x{104b0}-\\x{104d3}\\x{104d8}-\\x{104fb}\\x{10c80}-\\x{10cb2}\\x{10cc0}-\\x{10cf2}" \
	"\\x{118a0}-\\x{118df}\\x{1e900}-\\x{1e943}"

#define BLOOM " ?[^(" WS "|.,!?\\x{2026}\\x{3002}\\x{ff0c}\\x{3001}\\x{964}\\x{6d4}\\x{60c})]+"

typedef const char *const rules[MAX_LEVELS];

static rules rules_default = { "[\\p{P}$+<=>^~|]+", GPT2, "\\p{N}+", "[0-9][0-9][0-9]" };
static rules rules_gpt2 = { GPT2 };
static rules rules_digits_gpt2 = { "\\p{N}", GPT2 };
static rules rules_falcon = { "[\\p{P}$+<=>^~|`]+", GPT2, "[0-9][0-9][0-9]" };
static rules rules_llama3 = { CL100K("\\p{N}{1,3}") };
static rules rules_qwen2 = { CL100K("\\p{N}") };
static rules rules_qwen35 = { SUFFIX "|[^\\r\\n\\p{L}\\p{N}]?[\\p{L}\\p{M}]+|\\p{N}| ?[^" WS "\\p{L}\\p{M}\\p{N}]+[\\r\\n]*" END };
static rules rules_tekken = { CASED("") "|\\p{N}|" OTHER_OR_SLASH END };
static rules rules_gpt4o = { CASED(SUFFIX "?") "|\\p{N}{1,3}|" OTHER_OR_SLASH END };
static rules rules_deepseek_llm = { "[\\r\\n]", "[" WS "]?[" DEEPSEEK_LETTERS "]+",
	"[" WS "]?[!-/:-~\\x{ff01}-\\x{ff0f}\\x{ff1a}-\\x{ff5e}\\x{2018}-\\x{201f}\\x{3000}-\\x{3002}]+", "[" WS "]+\\z", CJK,
	"\\p{N}+" };
static rules rules_deepseek_coder = { "[\\r\\n]", "[" WS "]?\\p{L}+", "[" WS "]?\\p{P}+", CJK, "\\p{N}" };
static rules rules_deepseek_v3 = { "\\p{N}{1,3}", "[\\x{4e00}-\\x{9fa5}\\x{3040}-\\x{30ff}]+",
	PUNCT_ASCII "[A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\\r\\n]*" END };
static rules rules_seed_coder = { SUFFIX "|" WORD "|\\p{N}| ?[^" WS "\\p{L}\\p{N}\\r\\n]+" END };
static rules rules_bloom = { BLOOM };
static rules rules_viking = { BLOOM, "\\p{N}" };

enum { WHOLE_WORDS = 1, ADDS_BOS = 2 };

static const struct named {
	const char *name;
	rules *rules;
	int flags;
} table[] = {
	{ "default", &rules_default, 0 },
	{ "gpt-2", &rules_gpt2, 0 },
	{ "gpt-neox", &rules_gpt2, 0 },
	{ "phi-2", &rules_gpt2, 0 },
	{ "olmo", &rules_gpt2, 0 },
	{ "mpt", &rules_gpt2, 0 },
	{ "jais", &rules_gpt2, 0 },
	{ "trillion", &rules_gpt2, 0 },
	{ "gigachat", &rules_gpt2, 0 },
	{ "exaone4", &rules_gpt2, 0 },
	{ "granite-docling", &rules_gpt2, 0 },
	{ "starcoder", &rules_digits_gpt2, 0 },
	{ "refact", &rules_digits_gpt2, 0 },
	{ "command-r", &rules_digits_gpt2, 0 },
	{ "smollm", &rules_digits_gpt2, 0 },
	{ "codeshell", &rules_digits_gpt2, 0 },
	{ "exaone", &rules_digits_gpt2, 0 },
	{ "minerva-7b", &rules_digits_gpt2, 0 },
	{ "falcon", &rules_falcon, 0 },
	{ "llama3", &rules_llama3, WHOLE_WORDS | ADDS_BOS },
	{ "llama-v3", &rules_llama3, WHOLE_WORDS | ADDS_BOS },
	{ "llama-bpe", &rules_llama3, WHOLE_WORDS | ADDS_BOS },
	{ "falcon3", &rules_llama3, WHOLE_WORDS | ADDS_BOS },
	{ "falcon-h1", &rules_llama3, WHOLE_WORDS | ADDS_BOS },
	{ "pixtral", &rules_llama3, WHOLE_WORDS | ADDS_BOS },
	{ "lfm2", &rules_llama3, WHOLE_WORDS | ADDS_BOS },
	{ "dbrx", &rules_llama3, 0 },
	{ "smaug-bpe", &rules_llama3, 0 },
	{ "glm4", &rules_llama3, 0 },
	{ "chatglm-bpe", &rules_llama3, 0 },
	{ "qwen2", &rules_qwen2, 0 },
	{ "deepseek-r1-qwen", &rules_qwen2, 0 },
	{ "stablelm2", &rules_qwen2, 0 },
	{ "hunyuan", &rules_qwen2, 0 },
	{ "megrez", &rules_qwen2, 0 },
	{ "grok-2", &rules_qwen2, 0 },
	{ "qwen35", &rules_qwen35, 0 },
	{ "tekken", &rules_tekken, WHOLE_WORDS | ADDS_BOS },
	{ "gpt-4o", &rules_gpt4o, 0 },
	{ "llama4", &rules_gpt4o, 0 },
	{ "deepseek-llm", &rules_deepseek_llm, 0 },
	{ "deepseek-coder", &rules_deepseek_coder, 0 },
	{ "deepseek-v3", &rules_deepseek_v3, 0 },
	{ "hunyuan-dense", &rules_deepseek_v3, 0 },
	{ "seed-coder", &rules_seed_coder, 0 },
	{ "poro-chat", &rules_bloom, 0 },
	{ "bloom", &rules_bloom, 0 },
	{ "gpt3-finnish", &rules_bloom, 0 },
	{ "viking", &rules_viking, 0 },
};

/* Those that are scanned by hand. */
static const struct {
	rules *rules;
	struct scan_rules scan;
} scanned[] = {
	{ &rules_gpt2, { 0 } },
	{ &rules_llama3, { 3 } },
	{ &rules_qwen2, { 1 } },
};

struct pretokenizer {
	const struct scan_rules *scan; /* NULL: by these */
	pcre2_code *rule[MAX_LEVELS];
	uint32_t n;
	int flags;
	bool jit;
};

/* ---- compiling ---- */

static int
compile(struct pretokenizer *p, const char *rule)
{
	PCRE2_SIZE at;
	PCRE2_UCHAR text[128];
	int error;
	pcre2_code *c = pcre2_compile((PCRE2_SPTR)rule, PCRE2_ZERO_TERMINATED, PCRE2_UTF | PCRE2_UCP, &error, &at, NULL);

	if (!c) {
		pcre2_get_error_message(error, text, sizeof text);
		return err_set(ERR_SYSTEM, "the pre-tokenizer's expression, at %zu: %s", at, (const char *)text);
	}
	p->rule[p->n++] = c;
	if (pcre2_jit_compile(c, PCRE2_JIT_COMPLETE) != 0)
		p->jit = false; /* not on this machine, or not allowed here: the interpreter gives the same */
	return 0;
}

static const struct named *
find(const char *name, size_t n)
{
	for (size_t i = 0; i < sizeof table / sizeof *table; i++)
		if (strlen(table[i].name) == n && memcmp(table[i].name, name, n) == 0)
			return &table[i];
	err_set(ERR_DATA, "tokenizer.ggml.pre: pre-tokenizer '%.*s' is not known", n < 64 ? (int)n : 64, name);
	return NULL;
}

static const struct scan_rules *
scan_of(const rules *r)
{
	for (size_t i = 0; i < sizeof scanned / sizeof *scanned; i++)
		if (scanned[i].rules == r)
			return &scanned[i].scan;
	return NULL;
}

static struct pretokenizer *
open_named(const char *name, size_t n, bool by_hand)
{
	const struct named *found = find(name, n);
	struct pretokenizer *p = found ? mem_alloc(1, sizeof *p) : NULL;

	if (!p)
		return NULL;
	p->flags = found->flags;
	p->jit = true;
	p->scan = by_hand ? scan_of(found->rules) : NULL;
	for (int i = 0; !p->scan && i < MAX_LEVELS && (*found->rules)[i]; i++)
		if (compile(p, (*found->rules)[i]) < 0) {
			pretokenizer_free(p);
			return NULL;
		}
	return p;
}

struct pretokenizer *
pretokenizer_open(const char *name, size_t n)
{
	return open_named(name, n, true);
}

struct pretokenizer *
pretokenizer_open_expressions(const char *name, size_t n)
{
	return open_named(name, n, false);
}

void
pretokenizer_free(struct pretokenizer *p)
{
	if (!p)
		return;
	for (uint32_t i = 0; i < p->n; i++)
		pcre2_code_free(p->rule[i]);
	free(p);
}

bool
pretokenizer_takes_whole_words(const struct pretokenizer *p)
{
	return p->flags & WHOLE_WORDS;
}

bool
pretokenizer_adds_bos(const struct pretokenizer *p)
{
	return p->flags & ADDS_BOS;
}

/* ---- splitting ---- */

struct splitter {
	const struct pretokenizer *p;
	pcre2_match_data *match;
	pcre2_match_context *context;
	pcre2_jit_stack *stack; /* NULL until a match wants more than the machine's */
	const char *text;       /* of the run, for reasons */
	split_word *word;
	void *arg;
};

struct splitter *
splitter_new(const struct pretokenizer *p)
{
	struct splitter *s = mem_alloc(1, sizeof *s);

	if (!s)
		return NULL;
	s->p = p;
	if (p->scan)
		return s;
	s->match = pcre2_match_data_create(1, NULL); /* the whole match is all that is asked */
	s->context = pcre2_match_context_create(NULL);
	if (!s->match || !s->context) {
		err_set(ERR_SYSTEM, "out of memory");
		splitter_free(s);
		return NULL;
	}
	pcre2_set_heap_limit(s->context, HEAP_KIB);
	return s;
}

void
splitter_free(struct splitter *s)
{
	if (!s)
		return;
	pcre2_jit_stack_free(s->stack);
	pcre2_match_context_free(s->context);
	pcre2_match_data_free(s->match);
	free(s);
}

static int
match(struct splitter *s, const pcre2_code *rule, const char *text, size_t n, size_t at)
{
	PCRE2_SPTR subject = (PCRE2_SPTR)text;

	if (s->p->jit)
		return pcre2_jit_match(rule, subject, n, at, PCRE2_NO_UTF_CHECK, s->match, s->context);
	return pcre2_match(rule, subject, n, at, PCRE2_NO_UTF_CHECK, s->match, s->context);
}

/* The next match at or after `at`: 1, and where it is; 0 when there is none; -1 with a reason. */
static int
next_match(struct splitter *s, const pcre2_code *rule, const char *text, size_t n, size_t at, size_t *begin, size_t *end)
{
	int rc = match(s, rule, text, n, at);

	if (rc == PCRE2_ERROR_JIT_STACKLIMIT && !s->stack) {
		s->stack = pcre2_jit_stack_create(JIT_STACK_MIN, JIT_STACK_MAX, NULL);
		pcre2_jit_stack_assign(s->context, NULL, s->stack);
		rc = match(s, rule, text, n, at);
	}
	if (rc == PCRE2_ERROR_NOMATCH)
		return 0;
	if (rc < 0)
		return err_set(ERR_DATA, "the pre-tokenizer gives up %zu bytes into the text (error %d of PCRE2)",
		    (size_t)(text - s->text) + at, -rc);
	const PCRE2_SIZE *v = pcre2_get_ovector_pointer(s->match);
	*begin = v[0];
	*end = v[1];
	return 1;
}

/* Cuts by the rules from `level` on. */
static int
split(struct splitter *s, uint32_t level, const char *text, size_t n)
{
	size_t begin = 0, end = 0;
	int rc;

	if (n == 0)
		return 0;
	if (level == s->p->n)
		return s->word(s->arg, text, n);
	for (size_t at = 0; at < n; at = end) {
		rc = next_match(s, s->p->rule[level], text, n, at, &begin, &end);
		if (rc < 0)
			return -1;
		if (rc == 0 || end == begin) /* no rule matches nothing */
			begin = end = n;
		rc = split(s, level + 1, text + at, begin - at);
		if (rc == 0)
			rc = split(s, level + 1, text + begin, end - begin);
		if (rc != 0)
			return rc;
	}
	return 0;
}

static int
scan(const struct scan_rules *by, const char *text, size_t n, split_word *word, void *arg)
{
	int rc = 0;

	for (size_t at = 0, k; at < n && rc == 0; at += k) {
		k = scan_word(*by, text + at, n - at);
		rc = word(arg, text + at, k);
	}
	return rc;
}

int
splitter_run(struct splitter *s, const char *text, size_t n, split_word *word, void *arg)
{
	uint64_t steps = MIN_STEPS + (uint64_t)STEPS_PER_BYTE * n;

	if (s->p->scan)
		return scan(s->p->scan, text, n, word, arg);
	pcre2_set_match_limit(s->context, steps < UINT32_MAX ? (uint32_t)steps : UINT32_MAX);
	s->text = text;
	s->word = word;
	s->arg = arg;
	return split(s, 0, text, n);
}
