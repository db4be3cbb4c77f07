/*
 * pass.h: the loss of some sequences and its gradient: the forward and the backward pass of the Llama architecture, on
 * the calling thread.
 *
 * What the layers have computed is kept as little as pays: norms, products of silu and softmaxes are made again on the
 * way back, and logits exist for some rows at a time. So memory is bounded by PASS_ROWS (or one sequence), not by the
 * batch.
 *
 * The bits depend on OpenBLAS and so on the processor: this is the named exception of mai-arithmetic(7). On one
 * machine the same sequences in one call give the same bits.
 */
#ifndef MAI_TRAIN_PASS_H
#define MAI_TRAIN_PASS_H

#include <stddef.h>
#include <stdint.h>

#include "train/net.h"

enum {
	PASS_ROWS = 512,         /* rows that go through the layers together, or one sequence where that is longer */
	PASS_LOGITS = 1 << 20,   /* elements of logits that exist at a time, or one row of them */
	PASS_QUERIES = 64,       /* queries of a head whose scores exist at a time */
};

struct pass;

/* `context`: tokens of a sequence that predict one. `lora` may be NULL. Both must outlive it. NULL with a reason. */
struct pass *pass_new(const struct net *net, const struct lora *lora, uint32_t context);
void pass_free(struct pass *p);

/*
 * n sequences of context + 1 tokens, each below n_vocab, one behind the other. Returns the sum of -log p over all n *
 * context predicted tokens, and adds to `gradient` that sum's derivative times `scale`: of the adapter's weights where
 * there is an adapter, else of the net's. gradient NULL: the loss alone.
 */
double pass_run(struct pass *p, const uint32_t *tokens, size_t n, float *gradient, float scale);

#endif
