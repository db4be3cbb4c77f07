#include "model/model.h"
#include "model/rewrite.h"

int
shard_join(const struct model *m, const char *out)
{
	return rewrite_model(&(struct rewrite){ .m = m, .out = out, .what = "joining" });
}
