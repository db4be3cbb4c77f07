/*
 * schedule.h: the learning rate of each step.
 *
 * It rises linearly over the first `warmup` steps. Then it follows a cosine down to a tenth at the last step
 * (Loshchilov and Hutter, arXiv:1608.03983); or, where `decay` is not 0, it stays and falls linearly to 0 over the
 * last `decay` steps (warmup-stable-decay: Hu et al., arXiv:2404.06395).
 */
#ifndef MAI_TRAIN_SCHEDULE_H
#define MAI_TRAIN_SCHEDULE_H

#include <stdint.h>

#define SCHEDULE_COSINE_END 0.1

struct schedule {
	double lr;
	uint64_t steps, warmup, decay;
};

/* Of step `i`, the first of which is 0. */
double schedule_lr(const struct schedule *s, uint64_t i);

#endif
