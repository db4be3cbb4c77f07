#include "train/schedule.h"

#include "compute/mathd.h"

double
schedule_lr(const struct schedule *s, uint64_t i)
{
	double done = 0, sin, cos;

	if (i < s->warmup)
		return s->lr * (double)(i + 1) / (double)s->warmup;
	if (s->decay > 0)
		return i + s->decay < s->steps ? s->lr : s->lr * (double)(s->steps - i) / (double)(s->decay + 1);
	if (s->steps > s->warmup + 1)
		done = (double)(i - s->warmup) / (double)(s->steps - s->warmup - 1);
	mathd_sincos(3.141592653589793 * done, &sin, &cos);
	return s->lr * (SCHEDULE_COSINE_END + (1 - SCHEDULE_COSINE_END) * (1 + cos) / 2);
}
