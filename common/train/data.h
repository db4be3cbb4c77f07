/*
 * data.h: token streams as one long text, and the windows of it that are trained on.
 *
 * The sequences of all files follow one another in the order in which they end. Files are mapped: what is kept of one
 * is where its rows lie, and the rows themselves only of what can't be mapped (a pipe, compressed frames).
 */
#ifndef MAI_TRAIN_DATA_H
#define MAI_TRAIN_DATA_H

#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"

struct data;

/*
 * Opens token streams ("-": stdin), which are checked to the end: of the vocabulary `vocab_id` where they state one,
 * every token below n_vocab. The same file may be named several times and then counts as often. NULL with a reason.
 */
struct data *data_open(const char *const *paths, size_t n, const struct hash *vocab_id, uint32_t n_vocab);
void data_free(struct data *d);

uint64_t data_tokens(const struct data *d);

/* Tells data from other data, for the settings of a run. */
uint64_t data_sum(const struct data *d);

/* n tokens from place `at` on. */
void data_copy(const struct data *d, uint64_t at, size_t n, uint32_t *to);

/*
 * Windows of `context` inputs and the token behind them, next to each other and without overlap: 0 when the data are
 * too short for one. An epoch goes through all of them once, in an order and from an offset of its own, for which one
 * window's length is left free where there are several; window `i` counts through the epochs.
 */
uint64_t data_windows(const struct data *d, uint32_t context);
void data_window(const struct data *d, uint32_t context, uint64_t i, uint64_t seed, uint32_t *to); /* context + 1 tokens */

#endif
