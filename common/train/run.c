#include "train/run.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/msg.h"
#include "train/data.h"
#include "train/log.h"
#include "train/save.h"
#include "train/trainer.h"

struct run {
	const struct run_options *o;
	struct model *model;
	struct net net;
	struct lora lora;
	struct data *data, *val;
	struct trainer *trainer;
	struct log log;
	struct buf settings;
	struct progress done;
	uint32_t context;
	unsigned threads;
	uint32_t *tokens;       /* of one batch */
	double saved;           /* when the last checkpoint was written */
	uint64_t saved_step;
	bool save_failed;       /* the last time */
	double loss;            /* of the last step, for the progress line */
	char title[48];
};

/* ---- being ended ---- */

static volatile sig_atomic_t ended_by;

static void
end(int sig)
{
	ended_by = sig;
}

static void
catch_signals(void)
{
	static const int ends[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction now, ending = { .sa_handler = end, .sa_flags = SA_RESTART | (int)SA_RESETHAND };

	sigemptyset(&ending.sa_mask);
	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
		if (sigaction(ends[i], NULL, &now) == 0 && now.sa_handler == SIG_DFL)
			sigaction(ends[i], &ending, NULL);
}

/* ---- beginning ---- */

static int
open_data(struct run *r)
{
	const struct run_files *f = &r->o->files;
	struct hash vocab;

	if (model_vocab_id(r->model, &vocab) < 0 ||
	    !(r->data = data_open(f->data, f->n_data, &vocab, r->model->hp.n_vocab)))
		return -1;
	if (data_windows(r->data, r->context) == 0)
		return err_set(ERR_DATA, "%s: the data have %llu tokens, a context of %u takes %u", f->data[0],
		    (unsigned long long)data_tokens(r->data), r->context, r->context + 1);
	if (f->n_val == 0)
		return 0;
	if (!(r->val = data_open(f->val, f->n_val, &vocab, r->model->hp.n_vocab)))
		return -1;
	if (data_windows(r->val, r->context) == 0)
		return err_set(ERR_DATA, "%s: the data have %llu tokens, a context of %u takes %u", f->val[0],
		    (unsigned long long)data_tokens(r->val), r->context, r->context + 1);
	return 0;
}

/* All that the bits of a step depend on. */
static int
write_settings(struct run *r)
{
	const struct run_options *o = r->o;
	char id[HASH_HEX];
	struct hash model;

	if (model_id(r->model, &model) < 0)
		return -1;
	if (buf_printf(&r->settings, "model=%.16s data=%llu/%016llx batch=%llu context=%u seed=%llu", hash_to_hex(&model, id),
	    (unsigned long long)data_tokens(r->data), (unsigned long long)data_sum(r->data), (unsigned long long)o->batch,
	    r->context, (unsigned long long)o->seed) < 0 ||
	    buf_printf(&r->settings, " steps=%llu begin=%llu lr=%g warmup=%llu decay=%llu", (unsigned long long)o->schedule.steps,
	    (unsigned long long)o->begin, o->schedule.lr, (unsigned long long)o->schedule.warmup,
	    (unsigned long long)o->schedule.decay) < 0)
		return -1;
	if (buf_printf(&r->settings, " clip=%g weight-decay=%g beta1=%g beta2=%g epsilon=%g lora=%u:%g", o->clip, o->decay,
	    o->beta1, o->beta2, o->epsilon, o->lora_rank, o->lora_alpha) < 0)
		return -1;
	return buf_addc(&r->settings, '\0');
}

static int
make_trainer(struct run *r)
{
	const struct run_options *o = r->o;
	const struct trainer_options t = {
		.threads = r->threads, .context = r->context, .beta1 = o->beta1, .beta2 = o->beta2, .epsilon = o->epsilon,
		.decay = o->decay, .clip = o->clip,
	};

	if (net_load(&r->net, r->model) < 0)
		return -1;
	if (o->lora_rank > 0 && lora_new(&r->lora, &r->net, o->lora_rank, (float)o->lora_alpha, o->seed) < 0)
		return -1;
	r->trainer = trainer_new(&r->net, o->lora_rank > 0 ? &r->lora : NULL, &t);
	return r->trainer ? 0 : -1;
}

/* The state before the first step: a checkpoint's where there is one to resume. */
static int
begin_state(struct run *r)
{
	const struct run_files *f = &r->o->files;

	r->done.step = r->o->begin;
	if (f->resume && access(f->checkpoint, F_OK) == 0) {
		if (load_checkpoint(f->checkpoint, r->trainer, (const char *)r->settings.data, r->threads, &r->done) < 0)
			return -1;
		if (r->done.step < r->o->begin || r->done.step > r->o->until)
			return err_set(ERR_DATA, "%s: holds step %llu, which is none of %llu to %llu", f->checkpoint,
			    (unsigned long long)r->done.step, (unsigned long long)r->o->begin, (unsigned long long)r->o->until);
		msg_info("%s: goes on after step %llu", f->checkpoint, (unsigned long long)r->done.step);
	} else if (f->moments && load_moments(f->moments, r->trainer) < 0) {
		return -1;
	}
	r->saved_step = r->done.step;
	r->saved = clock_seconds();
	return log_open(&r->log, f->log, r->done.step);
}

static int
begin_run(struct run *r)
{
	const struct run_options *o = r->o;

	if (!(r->model = model_open(&o->files.model, 1)) || model_check_llama(r->model) < 0)
		return -1;
	r->context = o->context ? o->context : r->model->hp.context;
	if (r->context > r->model->hp.context)
		return err_set(ERR_USAGE, "a context of %u, but the model's is %u", r->context, r->model->hp.context);
	r->threads = o->threads < o->batch ? o->threads : (unsigned)o->batch;
	if (open_data(r) < 0 || write_settings(r) < 0 || make_trainer(r) < 0 ||
	    !(r->tokens = mem_alloc(o->batch * (r->context + 1), sizeof *r->tokens)))
		return -1;
	return begin_state(r);
}

static void
end_run(struct run *r)
{
	free(r->tokens);
	trainer_free(r->trainer);
	lora_free(&r->lora);
	net_free(&r->net);
	data_free(r->data);
	data_free(r->val);
	model_free(r->model);
	buf_free(&r->settings);
}

/* ---- going on ---- */

/* A failure to write a checkpoint is told, and does not end the run: the one before is still there, and a disk may have room again. */
static void
save(struct run *r)
{
	const char *path = r->o->files.checkpoint;

	if (!path || r->saved_step == r->done.step)
		return;
	r->save_failed = save_checkpoint(path, r->trainer, (const char *)r->settings.data, r->threads, r->done) < 0;
	if (r->save_failed)
		msg_error("the checkpoint was not written: %s", err_reason());
	else
		r->saved_step = r->done.step;
	r->saved = clock_seconds();
}

/* The mean loss of windows spread over the validation data. */
static double
validate(struct run *r)
{
	uint64_t all = data_windows(r->val, r->context), want = r->o->val_tokens / r->context, n = all, width = r->context + 1;
	double loss = 0;

	if (r->o->val_tokens > 0 && want < all)
		n = want > 0 ? want : 1;
	for (uint64_t first = 0, some; first < n; first += some) {
		some = n - first < r->o->batch ? n - first : r->o->batch;
		for (uint64_t k = 0; k < some; k++)
			data_copy(r->val, (first + k) * all / n * r->context, width, r->tokens + k * width);
		loss += trainer_loss(r->trainer, r->tokens, some) * (double)some;
	}
	return loss / (double)n;
}

static bool
wants_validation(const struct run *r)
{
	uint64_t every = r->o->val_every;

	return r->val && (r->done.step == r->o->until || (every > 0 && r->done.step % every == 0));
}

static int
do_step(struct run *r)
{
	const struct run_options *o = r->o;
	double began = clock_seconds(), lr = schedule_lr(&o->schedule, r->done.step);
	struct step s;

	for (uint64_t k = 0; k < o->batch; k++)
		data_window(r->data, r->context, r->done.step * o->batch + k, o->seed, r->tokens + k * (r->context + 1));
	if (trainer_step(r->trainer, r->tokens, o->batch, r->done.step + 1, lr, &s) < 0)
		return err_wrap("step %llu", (unsigned long long)r->done.step + 1);
	r->done.step++;
	r->done.tokens += o->batch * r->context;
	double seconds = clock_seconds() - began;
	r->loss = s.loss;
	const struct log_line line = { r->done.step, r->done.tokens, s.loss, wants_validation(r) ? validate(r) : -1, lr,
		s.gradient_norm, (double)(o->batch * r->context) / seconds };
	if (line.val_loss >= 0)
		msg_info("step %llu: loss %.4f, validation %.4f", (unsigned long long)line.step, line.loss, line.val_loss);
	return log_put(&r->log, &line);
}

static int
do_steps(struct run *r)
{
	const struct run_options *o = r->o;
	uint64_t first = r->done.step;

	while (r->done.step < o->until && !ended_by) {
		if (do_step(r) < 0)
			return -1;
		snprintf(r->title, sizeof r->title, "loss %.3f, training", r->loss);
		msg_progress(r->title, r->done.step - first, o->until - first, "steps");
		if (clock_seconds() - r->saved >= o->checkpoint_seconds)
			save(r);
	}
	return 0;
}

/* What a run that fails has left to go on from. */
static int
failed(const struct run *r)
{
	const char *path = r->o->files.checkpoint;

	if (path && access(path, F_OK) == 0 && err_status() == ERR_DATA)
		return err_wrap("%s holds step %llu, the last good one", path, (unsigned long long)r->saved_step);
	return -1;
}

static int
finish(struct run *r)
{
	const struct run_files *f = &r->o->files;

	save(r);
	msg_progress_end();
	if (log_close(&r->log) < 0)
		return -1;
	if (ended_by) {
		raise(ended_by);
		return err_set(ERR_SYSTEM, "interrupted");
	}
	if (r->o->lora_rank > 0 ? save_adapter(f->out, r->model->files[0], &r->lora, r->done) < 0
	    : save_model(f->out, r->model->files[0], &r->net.weights, r->done) < 0)
		return -1;
	return r->save_failed ? err_set(ERR_SYSTEM, "%s: the last checkpoint was not written", f->checkpoint) : 0;
}

int
run_training(const struct run_options *o)
{
	struct run r = { .o = o };
	int rc = begin_run(&r);

	if (rc == 0) {
		if (o->files.checkpoint)
			catch_signals();
		rc = do_steps(&r) < 0 ? failed(&r) : finish(&r);
	}
	msg_progress_end();
	end_run(&r);
	return rc;
}
