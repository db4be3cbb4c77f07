/* The payload of an open frame. */
#include <math.h>

#include "base/err.h"
#include "stream/bytes.h"
#include "stream/setting.h"
#include "stream/wire.h"

/* Where the fields lie that are no numbers of struct sampling: for these see setting.c. */
enum {
	O_ORDINAL = 0,
	O_SEED = 8,
	O_OUTPUT = 16,
	O_FLAGS = 44,
	O_STOPS = 48,
	O_BREAKERS = 52,
	O_BIASES = 56,
	O_GRAMMAR = 60,
	O_ZERO = 124,
};

/* ---- what both refuse ---- */

static int
check_sampling(const struct sampling *s)
{
	for (size_t i = 0; i < N_SETTINGS; i++) {
		double v = setting_get(&settings[i], s);
		if (!(v >= settings[i].min && v <= settings[i].max)) /* a NaN too */
			return err_set(ERR_DATA, "a sampling setting is out of range: %s %g", settings[i].name, v);
	}
	return 0;
}

static int
check_counts(const struct open *o)
{
	if (o->n_stops > STREAM_MAX_STOPS)
		return err_set(ERR_DATA, "%u stop texts are too many", o->n_stops);
	if (o->n_breakers > STREAM_MAX_BREAKERS)
		return err_set(ERR_DATA, "%u sequence breakers are too many", o->n_breakers);
	if (o->n_biases > STREAM_MAX_BIASES)
		return err_set(ERR_DATA, "%u logit biases are too many", o->n_biases);
	if (o->grammar.len > STREAM_MAX_GRAMMAR)
		return err_set(ERR_DATA, "a grammar of %u bytes", o->grammar.len);
	return 0;
}

static int
check_texts(const struct open_text *text, uint32_t n, uint32_t max, const char *what)
{
	for (uint32_t i = 0; i < n; i++)
		if (text[i].len == 0 || text[i].len > max)
			return err_set(ERR_DATA, "a %s of %u bytes", what, text[i].len);
	return 0;
}

static int
check_biases(const struct open *o)
{
	for (uint32_t i = 0; i < o->n_biases; i++) {
		float b = o->bias[i].bias;
		if (!(b >= -STREAM_MAX_SAMPLING && b <= STREAM_MAX_SAMPLING) && b != -INFINITY)
			return err_set(ERR_DATA, "the logit bias of token %u is out of range: %g", o->bias[i].token, (double)b);
	}
	return 0;
}

static int
check_open(const struct open *o)
{
	if (o->output != OUTPUT_ROWS && o->output != OUTPUT_TOKENS)
		return err_set(ERR_DATA, "unknown output %u of a sequence", (unsigned)o->output);
	if (check_sampling(&o->sampling) < 0 || check_counts(o) < 0 || check_biases(o) < 0)
		return -1;
	if (check_texts(o->stop, o->n_stops, STREAM_MAX_TEXT, "stop text") < 0)
		return -1;
	return check_texts(o->breaker, o->n_breakers, STREAM_MAX_BREAKER, "sequence breaker");
}

/* ---- packing ---- */

static int
pack_texts(struct buf *to, const struct open_text *text, uint32_t n)
{
	uint8_t len[4];

	for (uint32_t i = 0; i < n; i++) {
		put32(len, text[i].len);
		if (buf_add(to, len, sizeof len) < 0 || buf_add(to, text[i].data, text[i].len) < 0)
			return -1;
	}
	return 0;
}

int
wire_open_pack(struct buf *to, const struct open *o)
{
	uint8_t fixed[WIRE_OPEN_SIZE] = {0};

	if (check_open(o) < 0)
		return -1;
	put64(fixed + O_ORDINAL, o->ordinal);
	put64(fixed + O_SEED, o->sampling.seed);
	put32(fixed + O_OUTPUT, o->output);
	put32(fixed + O_FLAGS, o->sampling.ignore_eos ? WIRE_IGNORE_EOS : 0);
	put32(fixed + O_STOPS, o->n_stops);
	put32(fixed + O_BREAKERS, o->n_breakers);
	put32(fixed + O_BIASES, o->n_biases);
	put32(fixed + O_GRAMMAR, o->grammar.len);
	for (size_t i = 0; i < N_SETTINGS; i++)
		memcpy(fixed + settings[i].at, (const char *)&o->sampling + settings[i].field, SETTING_SIZE);
	if (buf_add(to, fixed, sizeof fixed) < 0 || buf_add(to, o->bias, o->n_biases * sizeof *o->bias) < 0)
		return -1;
	if (pack_texts(to, o->stop, o->n_stops) < 0 || pack_texts(to, o->breaker, o->n_breakers) < 0)
		return -1;
	return buf_add(to, o->grammar.data, o->grammar.len);
}

/* ---- unpacking ---- */

/* What is left of a payload. */
struct rest {
	const uint8_t *at;
	size_t n;
};

static int
take(struct rest *r, size_t n, const uint8_t **to, const char *what)
{
	if (n > r->n)
		return err_set(ERR_DATA, "a %s goes beyond its frame", what);
	*to = r->at;
	r->at += n;
	r->n -= n;
	return 0;
}

static int
take_texts(struct rest *r, struct open_text *text, uint32_t n, const char *what)
{
	const uint8_t *len = NULL;

	for (uint32_t i = 0; i < n; i++) {
		if (take(r, 4, &len, what) < 0)
			return -1;
		text[i].len = get32(len);
		if (take(r, text[i].len, &text[i].data, what) < 0)
			return -1;
	}
	return 0;
}

static int
take_lists(struct open *o, struct rest r)
{
	const uint8_t *bias = NULL;

	if (take(&r, o->n_biases * sizeof *o->bias, &bias, "logit bias") < 0 || take_texts(&r, o->stop, o->n_stops, "stop text") < 0 ||
	    take_texts(&r, o->breaker, o->n_breakers, "sequence breaker") < 0 ||
	    take(&r, o->grammar.len, &o->grammar.data, "grammar") < 0)
		return -1;
	o->bias = (const void *)bias; /* aligned: payloads begin at a multiple of 64, and so do the biases in them */
	if (r.n > 0)
		return err_set(ERR_DATA, "%zu bytes behind what an open frame holds", r.n);
	return 0;
}

int
wire_open_unpack(struct open *o, const uint8_t *from, size_t n)
{
	*o = (struct open){0};
	if (n < WIRE_OPEN_SIZE)
		return err_set(ERR_DATA, "open frame: the payload is too short");
	uint32_t flags = get32(from + O_FLAGS);
	if (flags & ~(uint32_t)WIRE_IGNORE_EOS)
		return err_set(ERR_DATA, "unknown flags 0x%x of a sequence", flags);
	if (!wire_is_zero(from + O_ZERO, WIRE_OPEN_SIZE - O_ZERO))
		return err_set(ERR_DATA, "open frame: something where zeros belong");
	o->ordinal = get64(from + O_ORDINAL);
	o->output = get32(from + O_OUTPUT);
	o->sampling.seed = get64(from + O_SEED);
	o->sampling.ignore_eos = flags & WIRE_IGNORE_EOS;
	o->n_stops = get32(from + O_STOPS);
	o->n_breakers = get32(from + O_BREAKERS);
	o->n_biases = get32(from + O_BIASES);
	o->grammar.len = get32(from + O_GRAMMAR);
	for (size_t i = 0; i < N_SETTINGS; i++)
		memcpy((char *)&o->sampling + settings[i].field, from + settings[i].at, SETTING_SIZE);
	if (check_counts(o) < 0 || take_lists(o, (struct rest){ from + WIRE_OPEN_SIZE, n - WIRE_OPEN_SIZE }) < 0)
		return -1;
	return check_open(o);
}
