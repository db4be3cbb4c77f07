/* sampling.h: the options of mai-run that say how a token is chosen. Private to mai-run. */
#ifndef MAI_RUN_SAMPLING_H
#define MAI_RUN_SAMPLING_H

#include "base/opt.h"
#include "model/model.h"
#include "stream/stream.h"

struct sampling_options {
	double temperature, dynatemp_range, dynatemp_exponent, top_n_sigma, typical_p, top_p, min_p, xtc_probability, xtc_threshold;
	double repeat_penalty, presence_penalty, frequency_penalty, dry_multiplier, dry_base, mirostat_tau, mirostat_eta;
	int64_t seed, top_k, repeat_last, dry_allowed_length, dry_penalty_last_n, mirostat;
	struct opt_list biases, breakers, stops;
	bool ignore_eos;
};

/* As llama.cpp has them. */
#define SAMPLING_DEFAULTS { \
	.temperature = 0.8, .dynatemp_exponent = 1, .top_k = 40, .typical_p = 1, .top_p = 0.95, .min_p = 0.05, .xtc_threshold = 0.1, \
	.repeat_penalty = 1, .repeat_last = 64, .dry_base = 1.75, .dry_allowed_length = 2, .dry_penalty_last_n = 64, \
	.mirostat_tau = 5, .mirostat_eta = 0.1, \
}

/* Rows of a table of options. */
#define SAMPLING_OPTS(o) \
	{ 'l', "logit-bias", "ID+BIAS", OPT_LIST, &(o).biases, 0, 0, "add BIAS to a token's logit; ID-BIAS; ID-inf: forbid it" }, \
	{ 0, "repeat-penalty", "X", OPT_FLOAT, &(o).repeat_penalty, 0.01, 100, "penalty of tokens seen lately; 1: none" }, \
	{ 0, "presence-penalty", "X", OPT_FLOAT, &(o).presence_penalty, -STREAM_MAX_SAMPLING, STREAM_MAX_SAMPLING, "taken off their logits (0)" }, \
	{ 0, "frequency-penalty", "X", OPT_FLOAT, &(o).frequency_penalty, -STREAM_MAX_SAMPLING, STREAM_MAX_SAMPLING, "the same for each time (0)" }, \
	{ 0, "repeat-last-n", "N", OPT_INT, &(o).repeat_last, 0, MODEL_MAX_CONTEXT, "how far back these look (64)" }, \
	{ 0, "dry-multiplier", "X", OPT_FLOAT, &(o).dry_multiplier, 0, STREAM_MAX_SAMPLING, "penalty of what continues a repetition; 0: none (DRY)" }, \
	{ 0, "dry-base", "X", OPT_FLOAT, &(o).dry_base, 1, STREAM_MAX_SAMPLING, "it grows so with each repeated token (1.75)" }, \
	{ 0, "dry-allowed-length", "N", OPT_INT, &(o).dry_allowed_length, 0, MODEL_MAX_CONTEXT, "from this length of the repetition on (2)" }, \
	{ 0, "dry-penalty-last-n", "N", OPT_INT, &(o).dry_penalty_last_n, 0, MODEL_MAX_CONTEXT, "how far back DRY looks (64)" }, \
	{ 0, "dry-sequence-breaker", "TEXT", OPT_LIST, &(o).breakers, 0, 0, "ends a repetition; none: nothing (newline : \" *)" }, \
	{ 0, "top-n-sigma", "N", OPT_FLOAT, &(o).top_n_sigma, -1, STREAM_MAX_SAMPLING, "drop logits N deviations below the best; 0: none" }, \
	{ 0, "top-k", "K", OPT_INT, &(o).top_k, 0, MODEL_MAX_VOCAB, "choose among the K likeliest; 0: all (40)" }, \
	{ 0, "typical-p", "P", OPT_FLOAT, &(o).typical_p, 0, 1, "choose among the most typical that hold P; 1: all" }, \
	{ 0, "top-p", "P", OPT_FLOAT, &(o).top_p, 0, 1, "choose among the fewest that hold P (0.95)" }, \
	{ 0, "min-p", "P", OPT_FLOAT, &(o).min_p, 0, 1, "drop what is P times less likely than the best (0.05)" }, \
	{ 0, "xtc-probability", "P", OPT_FLOAT, &(o).xtc_probability, 0, 1, "drop top choices in so many cases; 0: none (XTC)" }, \
	{ 0, "xtc-threshold", "P", OPT_FLOAT, &(o).xtc_threshold, 0, 1, "those as likely as this, but for the last (0.1)" }, \
	{ 0, "temp", "T", OPT_FLOAT, &(o).temperature, 0, 100, "temperature; 0: always the likeliest token (0.8)" }, \
	{ 0, "dynatemp-range", "R", OPT_FLOAT, &(o).dynatemp_range, 0, 100, "by the entropy, from T-R to T+R; 0: always T" }, \
	{ 0, "dynatemp-exp", "X", OPT_FLOAT, &(o).dynatemp_exponent, 0, 100, "of the entropy (1)" }, \
	{ 0, "mirostat", "1|2", OPT_INT, &(o).mirostat, 0, 2, "keep the surprise even, in place of most of these; 0: don't" }, \
	{ 0, "mirostat-ent", "X", OPT_FLOAT, &(o).mirostat_tau, 0, STREAM_MAX_SAMPLING, "at so many bits (5)" }, \
	{ 0, "mirostat-lr", "X", OPT_FLOAT, &(o).mirostat_eta, 0, STREAM_MAX_SAMPLING, "learning so fast (0.1)" }, \
	{ 0, "seed", "N", OPT_INT, &(o).seed, 0, 0x1p53, "seed of the draws (0)" }, \
	{ 0, "stop", "TEXT", OPT_LIST, &(o).stops, 0, 0, "end before TEXT; may be given several times" }, \
	{ 0, "ignore-eos", NULL, OPT_FLAG, &(o).ignore_eos, 0, 0, "go on after the end of the text" }

/*
 * Fills in what a sequence wants. 0, or the exit status of wrong usage, which has been told. `to` points into o, the arguments
 * and static memory.
 */
int sampling_read(const struct opt_tool *tool, const struct sampling_options *o, struct open *to);

#endif
