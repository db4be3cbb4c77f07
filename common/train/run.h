/*
 * run.h: a training run from a model, or a checkpoint, to a model: what `mai-train run` does.
 *
 * A run is a schedule of `steps` steps, of which this process does those from `begin` to `until`. What step i does is
 * a function of the weights and moments before it, of the settings, and of i: a run that was interrupted goes on from
 * its last checkpoint to the same bits.
 */
#ifndef MAI_TRAIN_RUN_H
#define MAI_TRAIN_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "train/schedule.h"

struct run_files {
	const char *model, *out;
	const char *const *data, *const *val;
	size_t n_data, n_val;
	const char *checkpoint, *moments, *log; /* NULL: none */
	bool resume; /* from the checkpoint, where it is there */
};

struct run_options {
	struct run_files files;
	struct schedule schedule;
	uint64_t begin, until;     /* steps [begin, until) of the schedule's */
	uint64_t batch;            /* sequences of a step */
	uint32_t context;          /* their tokens; 0: the model's */
	uint64_t seed;             /* of the order of the data, and of a new adapter */
	double clip, decay, beta1, beta2, epsilon; /* train/trainer.h */
	uint32_t lora_rank;        /* 0: all weights are trained */
	double lora_alpha;
	unsigned threads;
	double checkpoint_seconds; /* between checkpoints; 0: after each step */
	uint64_t val_every;        /* steps between looks at the validation data; 0: only at the end */
	uint64_t val_tokens;       /* of them to look at; 0: all */
};

/*
 * 0, or -1 with a reason. Ended by INT, TERM or HUP it writes a checkpoint first, where one is wanted, and then dies
 * of the signal. A loss that is not finite ends it too; the checkpoint is the last good one.
 */
int run_training(const struct run_options *o);

#endif
