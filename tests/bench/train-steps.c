/*
 * train-steps MODEL IDS OUT [STEPS LR]: what mai-train computes, for a peer to compare with
 * (tests/peers/train_torch.py).
 *
 * IDS is a text of decimal ids, a sequence a line, all of one length. OUT is a GGUF file with the gradient of each
 * tensor and the loss as train.loss; or with the model as STEPS steps of AdamW with all sequences have changed it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/msg.h"
#include "train/save.h"

struct ids {
	uint32_t *id;
	size_t n, cap, sequences, length;
};

static int
read_ids(struct ids *s, const char *path)
{
	FILE *f = fopen(path, "r");
	char *line = NULL, *end;
	size_t cap = 0;

	if (!f)
		return err_sys("%s", path);
	while (getline(&line, &cap, f) > 0) {
		size_t before = s->n;
		for (char *at = line;; at = end) {
			unsigned long id = strtoul(at, &end, 10);
			if (end == at)
				break;
			if (mem_grow(&s->id, &s->cap, s->n + 1, sizeof *s->id) < 0)
				return -1;
			s->id[s->n++] = (uint32_t)id;
		}
		if (s->length && s->n - before != s->length)
			return err_set(ERR_DATA, "%s: sequences of several lengths", path);
		s->length = s->n - before;
		s->sequences++;
	}
	free(line);
	fclose(f);
	return s->length > 1 ? 0 : err_set(ERR_DATA, "%s: no ids", path);
}

static int
write_gradient(struct trainer *t, const struct ids *s, const char *path)
{
	struct params *p = trainer_params(t);
	float *gradient = params_zeros(p);
	struct gguf_writer *w = gguf_writer_new();
	int rc = -1;

	if (gradient && w) {
		float loss = (float)trainer_gradient(t, s->id, s->sequences, gradient);
		if (gguf_put_f32(w, "train.loss", loss) == 0 && params_put(w, p, "", gradient) == 0)
			rc = gguf_write(w, path);
	}
	gguf_writer_free(w);
	free(gradient);
	return rc;
}

static int
write_steps(struct trainer *t, const struct ids *s, const char *path, const struct gguf *from, uint64_t steps, double lr)
{
	struct step out;

	for (uint64_t i = 1; i <= steps; i++)
		if (trainer_step(t, s->id, s->sequences, i, lr, &out) < 0)
			return -1;
	return save_model(path, from, trainer_params(t), (struct progress){ 0 });
}

static int
run(int argc, char **argv)
{
	struct model *m = model_open((const char *const *)&argv[1], 1);
	struct ids s = { 0 };
	struct net net;

	if (!m || read_ids(&s, argv[2]) < 0 || net_load(&net, m) < 0)
		return -1;
	const struct trainer_options o = { .threads = 2, .context = (uint32_t)s.length - 1, .beta1 = 0.9, .beta2 = 0.95,
		.epsilon = 1e-8, .decay = 0.1, .clip = 1 };
	struct trainer *t = trainer_new(&net, NULL, &o);
	if (!t)
		return -1;
	int rc = argc == 6 ? write_steps(t, &s, argv[3], m->files[0], strtoull(argv[4], NULL, 10), strtod(argv[5], NULL))
	    : write_gradient(t, &s, argv[3]);
	trainer_free(t);
	net_free(&net);
	free(s.id);
	model_free(m);
	return rc;
}

int
main(int argc, char **argv)
{
	msg_init("train-steps");
	if (argc != 4 && argc != 6) {
		fputs("usage: train-steps MODEL IDS OUT [STEPS LR]\n", stderr);
		return ERR_USAGE;
	}
	return run(argc, argv) < 0 ? msg_fail() : 0;
}
