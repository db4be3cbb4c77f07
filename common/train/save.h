/*
 * save.h: what training leaves in files: models, adapters, and checkpoints, all GGUF.
 *
 * A model is written with the keys of the one that training began with, its matrices f32. An adapter is what llama.cpp
 * loads with --lora. A checkpoint holds the weights, of the adapter where one is trained, and the moments of AdamW, a
 * tensor each, under the weights' names with SAVE_MOMENT1 and SAVE_MOMENT2 behind them; so no program takes it for a
 * model.
 */
#ifndef MAI_TRAIN_SAVE_H
#define MAI_TRAIN_SAVE_H

#include "base/buf.h"
#include "train/trainer.h"

#define SAVE_KEY_STEP "train.step"         /* u64: steps done */
#define SAVE_KEY_TOKENS "train.tokens"     /* u64: tokens that were predicted for it */
#define SAVE_KEY_SETTINGS "train.settings" /* string: all that the bits of the next step depend on, but the threads */
#define SAVE_KEY_THREADS "train.threads"   /* u32 */
#define SAVE_KEY_UPDATES "train.updates"   /* u64: steps that the moments have seen */
#define SAVE_KEY_SUM "train.sum"           /* u64: XXH3-64 of weights and moments, against accidents */
#define SAVE_MOMENT1 ".m"
#define SAVE_MOMENT2 ".v"

struct progress {
	uint64_t step, tokens, updates;
};

/* `from`: the file that training began with. All write whole files or none (base/io.h); 0 or -1. */
int save_model(const char *path, const struct gguf *from, const struct params *weights, struct progress done);
int save_tensors(const char *path, const char *type, const struct params *p, const float *value); /* general.type: `type` */
int save_adapter(const char *path, const struct gguf *from, const struct lora *l, struct progress done);
int save_checkpoint(const char *path, const struct trainer *t, const char *settings, unsigned threads, struct progress done);

/* Refuses settings other than those of the checkpoint, and names the first that differs; another number of threads
 * is a warning. 0 or -1. */
int load_checkpoint(const struct gguf *g, struct trainer *t, const char *settings, unsigned threads, struct progress *done);

/* Of a checkpoint of any run with these parameters the moments alone, and how many steps they have seen. 0 or -1. */
int load_moments(const struct gguf *g, struct trainer *t, uint64_t *updates);

#endif
