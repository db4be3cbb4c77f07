/*
 * trainer.h: one step of training: the gradient of a batch, shared by threads, its clipping, and AdamW.
 *
 * Each thread takes an equal run of the batch's sequences and has a gradient of its own; these are added in the order
 * of the threads, so that a step's bits depend on how many there are, and on nothing else but the processor.
 */
#ifndef MAI_TRAIN_TRAINER_H
#define MAI_TRAIN_TRAINER_H

#include "compute/pool.h"
#include "train/net.h"

struct trainer_options {
	unsigned threads;
	uint32_t context;
	double beta1, beta2, epsilon; /* of AdamW */
	double decay;                 /* of matrices */
	double clip;                  /* the norm of the gradient at most; 0: whatever it is */
};

struct trainer;

/* Trains the adapter's weights where `lora` is not NULL, else the net's; both must outlive it. NULL with a reason. */
struct trainer *trainer_new(struct net *net, struct lora *lora, const struct trainer_options *o);
void trainer_free(struct trainer *t);

/* What is trained, and the optimiser's moments in the same layout. */
struct params *trainer_params(const struct trainer *t);
float *trainer_moment1(const struct trainer *t);
float *trainer_moment2(const struct trainer *t);

struct step {
	double loss;          /* mean -log p of the batch, in nats */
	double gradient_norm; /* before clipping */
};

/*
 * n sequences of context + 1 tokens. `number` counts from 1: how many steps the moments will have seen. 0; or -1 and
 * nothing is changed when the loss or its gradient is not finite.
 */
int trainer_step(struct trainer *t, const uint32_t *tokens, size_t n, uint64_t number, double lr, struct step *out);

/* The gradient of that mean loss into `to`, in the layout of the parameters, without a step. Returns the loss. */
double trainer_gradient(struct trainer *t, const uint32_t *tokens, size_t n, float *to);

/* The mean loss of n sequences. */
double trainer_loss(struct trainer *t, const uint32_t *tokens, size_t n);

#endif
