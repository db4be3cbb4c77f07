/* finite.h: are all weights numbers? A disk or a conversion that went wrong leaves infinities and NaNs, which come up much later. */
#ifndef MAI_MODEL_FINITE_H
#define MAI_MODEL_FINITE_H

#include "model/model.h"

/* 0 when every weight of every tensor is finite; else -1, and a reason names the first tensor, row and column that
 * is not. Tells m->progress. Of a model that model_check has passed. */
int model_finite(const struct model *m);

#endif
