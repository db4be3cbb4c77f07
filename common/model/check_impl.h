/* check_impl.h: what the files of model_check share: check.c, of hyper-parameters, and check_tensors.c. */
#ifndef MAI_MODEL_CHECK_IMPL_H
#define MAI_MODEL_CHECK_IMPL_H

#include "model/model.h"

/* The tensors of a layer, and those beside the layers: all that must be there, each of its shape and of a type that is computed. 0, or -1 with
 * a reason. */
int check_layer(const struct model *m, uint32_t layer);
int check_ends(const struct model *m);

/* Refuses a tensor that is not known: it would be left out of the computation. */
int check_unknown(const struct model *m);

#endif
