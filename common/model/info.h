/* info.h: what there is to say about a model, for people and for programs. The members are specified in mai-shard(1). */
#ifndef MAI_MODEL_INFO_H
#define MAI_MODEL_INFO_H

#include <jansson.h>
#include <stdio.h>

#include "model/model.h"

/*
 * A JSON object; NULL with a reason. The model id is null where it is neither stated nor cached, unless `ids`, which
 * hashes the model. "obstacle" is why mai-run can't compute it (model_check), null when it can. Freed with
 * json_decref.
 */
json_t *model_info(const struct model *m, bool ids);

/* The same as text, a line or two for each thing. Whoever closes `to` sees whether it was written. */
void info_print(const json_t *o, FILE *to);

#endif
