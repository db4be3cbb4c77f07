#include "stream/setting.h"

#include <string.h>

#define FLOAT(name, at, max) { #name, false, offsetof(struct sampling, name), at, 0, max }
#define SIGNED(name, at) { #name, false, offsetof(struct sampling, name), at, -STREAM_MAX_SAMPLING, STREAM_MAX_SAMPLING }
#define WHOLE(name, at, max) { #name, true, offsetof(struct sampling, name), at, 0, max }

/* In the order in which they are shown. */
const struct setting settings[N_SETTINGS] = {
	FLOAT(temperature, 20, STREAM_MAX_SAMPLING),
	WHOLE(top_k, 36, UINT32_MAX),
	FLOAT(top_p, 24, 1),
	FLOAT(min_p, 28, 1),
	FLOAT(repeat_penalty, 32, STREAM_MAX_SAMPLING),
	WHOLE(repeat_last, 40, UINT32_MAX),
	SIGNED(presence_penalty, 64),
	SIGNED(frequency_penalty, 68),
	FLOAT(dry_multiplier, 72, STREAM_MAX_SAMPLING),
	FLOAT(dry_base, 76, STREAM_MAX_SAMPLING),
	WHOLE(dry_allowed_length, 80, UINT32_MAX),
	WHOLE(dry_penalty_last_n, 84, UINT32_MAX),
	FLOAT(top_n_sigma, 88, STREAM_MAX_SAMPLING),
	FLOAT(typical_p, 92, 1),
	FLOAT(xtc_probability, 96, 1),
	FLOAT(xtc_threshold, 100, 1),
	FLOAT(dynatemp_range, 104, STREAM_MAX_SAMPLING),
	FLOAT(dynatemp_exponent, 108, STREAM_MAX_SAMPLING),
	WHOLE(mirostat, 112, 2),
	FLOAT(mirostat_tau, 116, STREAM_MAX_SAMPLING),
	FLOAT(mirostat_eta, 120, STREAM_MAX_SAMPLING),
};

const struct sampling sampling_none = { .top_p = 1, .repeat_penalty = 1, .typical_p = 1, .dynatemp_exponent = 1 };

double
setting_get(const struct setting *t, const struct sampling *s)
{
	const char *p = (const char *)s + t->field;
	uint32_t whole;
	float f;

	memcpy(&whole, p, sizeof whole);
	memcpy(&f, p, sizeof f);
	return t->whole ? (double)whole : (double)f;
}

void
setting_set(const struct setting *t, struct sampling *s, double v)
{
	char *p = (char *)s + t->field;
	uint32_t whole = t->whole ? (uint32_t)v : 0;
	float f = (float)v;

	memcpy(p, t->whole ? (const void *)&whole : &f, SETTING_SIZE);
}
