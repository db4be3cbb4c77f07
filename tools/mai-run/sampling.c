#include "sampling.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const default_breakers[] = { "\n", ":", "\"", "*" };

static struct sampling
settings(const struct sampling_options *o)
{
	return (struct sampling){
		.temperature = (float)o->temperature, .top_p = (float)o->top_p, .min_p = (float)o->min_p,
		.repeat_penalty = (float)o->repeat_penalty, .top_k = (uint32_t)o->top_k, .repeat_last = (uint32_t)o->repeat_last,
		.seed = (uint64_t)o->seed, .ignore_eos = o->ignore_eos,
		.presence_penalty = (float)o->presence_penalty, .frequency_penalty = (float)o->frequency_penalty,
		.dry_multiplier = (float)o->dry_multiplier, .dry_base = (float)o->dry_base,
		.dry_allowed_length = (uint32_t)o->dry_allowed_length, .dry_penalty_last_n = (uint32_t)o->dry_penalty_last_n,
		.xtc_probability = (float)o->xtc_probability, .xtc_threshold = (float)o->xtc_threshold, .typical_p = (float)o->typical_p,
		.top_n_sigma = o->top_n_sigma > 0 ? (float)o->top_n_sigma : 0,
		.dynatemp_range = (float)o->dynatemp_range, .dynatemp_exponent = (float)o->dynatemp_exponent,
		.mirostat = (uint32_t)o->mirostat, .mirostat_tau = (float)o->mirostat_tau, .mirostat_eta = (float)o->mirostat_eta,
	};
}

/* ID+BIAS or ID-BIAS; ID-inf and ID-false forbid the token. */
static bool
read_bias(const char *text, struct logit_bias *b)
{
	char *end;
	size_t digits = strspn(text, "0123456789");
	const char *value = text + digits + 1;

	if (digits == 0 || digits > 10 || strtoull(text, NULL, 10) > UINT32_MAX || (text[digits] != '+' && text[digits] != '-'))
		return false;
	b->token = (uint32_t)strtoul(text, NULL, 10);
	b->bias = -INFINITY;
	if (text[digits] == '-' && (strcmp(value, "inf") == 0 || strcmp(value, "false") == 0))
		return true;
	double v = strtod(value, &end);
	if (strchr("0123456789.", *value) == NULL || end == value || *end || !(v <= STREAM_MAX_SAMPLING))
		return false;
	b->bias = text[digits] == '-' ? -(float)v : (float)v;
	return true;
}

static int
read_biases(const struct opt_tool *tool, const struct sampling_options *o, struct open *to)
{
	static struct logit_bias bias[STREAM_MAX_BIASES];

	if (o->biases.n > STREAM_MAX_BIASES)
		return opt_usage(tool, "more than %d logit biases", STREAM_MAX_BIASES);
	for (size_t i = 0; i < o->biases.n; i++)
		if (!read_bias(o->biases.item[i], &bias[i]))
			return opt_usage(tool, "'%s' is no logit bias: a token's id, + or -, and a number up to %d; -inf forbids the token",
			    o->biases.item[i], STREAM_MAX_SAMPLING);
	to->bias = bias;
	to->n_biases = (uint32_t)o->biases.n;
	return 0;
}

/* The text with \n, \r, \t, \', \" and \\ as what they stand for; false when it has too many bytes, or none. */
static bool
unescape(const char *text, uint8_t to[STREAM_MAX_BREAKER], uint32_t *len)
{
	static const char letters[] = "nrt'\"\\", bytes[] = "\n\r\t'\"\\";

	for (*len = 0; *text; text++) {
		const char *escaped = *text == '\\' && text[1] ? strchr(letters, text[1]) : NULL;
		if (*len == STREAM_MAX_BREAKER)
			return false;
		to[(*len)++] = (uint8_t)(escaped ? bytes[escaped - letters] : *text);
		text += escaped != NULL;
	}
	return *len > 0;
}

/* "none" takes back those before it. */
static int
read_breakers(const struct opt_tool *tool, const struct sampling_options *o, struct open *to)
{
	static uint8_t text[STREAM_MAX_BREAKERS][STREAM_MAX_BREAKER];
	const char *const *item = o->breakers.n > 0 ? o->breakers.item : default_breakers;
	size_t n = o->breakers.n > 0 ? o->breakers.n : sizeof default_breakers / sizeof *default_breakers;

	for (size_t i = 0; i < n; i++) {
		uint32_t k = to->n_breakers;
		if (strcmp(item[i], "none") == 0) {
			to->n_breakers = 0;
			continue;
		}
		if (k == STREAM_MAX_BREAKERS)
			return opt_usage(tool, "more than %d sequence breakers", STREAM_MAX_BREAKERS);
		if (!unescape(item[i], text[k], &to->breaker[k].len))
			return opt_usage(tool, "a sequence breaker has 1 to %d bytes", STREAM_MAX_BREAKER);
		to->breaker[k].data = text[k];
		to->n_breakers++;
	}
	return 0;
}

static int
read_stops(const struct opt_tool *tool, const struct sampling_options *o, struct open *to)
{
	if (o->stops.n > STREAM_MAX_STOPS)
		return opt_usage(tool, "more than %d stop texts", STREAM_MAX_STOPS);
	for (size_t i = 0; i < o->stops.n; i++) {
		size_t len = strlen(o->stops.item[i]);
		if (len == 0 || len > STREAM_MAX_TEXT)
			return opt_usage(tool, "a stop text has 1 to %d bytes", STREAM_MAX_TEXT);
		to->stop[to->n_stops++] = (struct open_text){ (const uint8_t *)o->stops.item[i], (uint32_t)len };
	}
	return 0;
}

int
sampling_read(const struct opt_tool *tool, const struct sampling_options *o, struct open *to)
{
	int rc = read_biases(tool, o, to);

	to->sampling = settings(o);
	if (rc != 0 || (rc = read_breakers(tool, o, to)) != 0)
		return rc;
	if (o->dry_multiplier == 0) /* nobody looks for them */
		to->n_breakers = 0;
	return read_stops(tool, o, to);
}
