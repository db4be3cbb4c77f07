#include "train/run.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/io.h"
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
	bool has_saved;         /* the checkpoint is of this run */
	bool save_failed;       /* the last time */
	bool log_failed;
	double loss;            /* of the last step, for the progress line */
	char title[48];
};

/* ---- being ended ---- */

static const int ends[] = { SIGINT, SIGTERM, SIGHUP };
enum { ENDS = sizeof ends / sizeof *ends };

static struct sigaction before[ENDS];
static volatile sig_atomic_t ended_by;

/* Asks for the end; the same signal once more does what it did before. */
static void
end(int sig)
{
	ended_by = sig;
	for (int i = 0; i < ENDS; i++)
		if (ends[i] == sig)
			sigaction(sig, &before[i], NULL);
}

static void
catch_signals(void)
{
	struct sigaction ending = { .sa_handler = end, .sa_flags = SA_RESTART };

	sigemptyset(&ending.sa_mask);
	for (int i = 0; i < ENDS; i++)
		if (sigaction(ends[i], NULL, &before[i]) == 0 && before[i].sa_handler != SIG_IGN)
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
	    buf_printf(&r->settings, " steps=%llu begin=%llu lr=%.17g warmup=%llu decay=%llu", (unsigned long long)o->schedule.steps,
	    (unsigned long long)o->begin, o->schedule.lr, (unsigned long long)o->schedule.warmup,
	    (unsigned long long)o->schedule.decay) < 0)
		return -1;
	if (buf_printf(&r->settings, " clip=%.17g weight-decay=%.17g beta1=%.17g beta2=%.17g epsilon=%.17g lora=%u:%.17g", o->clip, o->decay,
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

/* Goes on from the checkpoint, which is there. */
static int
resume(struct run *r, const struct gguf *g)
{
	if (!g || load_checkpoint(g, r->trainer, (const char *)r->settings.data, r->threads, &r->done) < 0)
		return -1;
	if (r->done.step < r->o->begin || r->done.step > r->o->until)
		return err_set(ERR_DATA, "%s: holds step %llu, which is none of %llu to %llu", g->path,
		    (unsigned long long)r->done.step, (unsigned long long)r->o->begin, (unsigned long long)r->o->until);
	msg_info("%s: goes on after step %llu", g->path, (unsigned long long)r->done.step);
	r->has_saved = true;
	return 0;
}

/* The state before the first step. */
static int
begin_state(struct run *r)
{
	const struct run_files *f = &r->o->files;
	bool resumes = f->resume && (access(f->checkpoint, F_OK) == 0 || errno != ENOENT);
	struct gguf *g = NULL;
	int rc = 0;

	r->done.step = r->o->begin;
	if (resumes)
		rc = resume(r, g = gguf_open(f->checkpoint));
	else if (f->moments)
		rc = (g = gguf_open(f->moments)) ? load_moments(g, r->trainer, &r->done.updates) : -1;
	gguf_free(g);
	r->saved_step = r->done.step;
	r->saved = clock_seconds();
	return rc < 0 ? -1 : log_open(&r->log, f->log, r->done.step);
}

/* A file that can't be written is told before the work, not behind it. What is there and no regular file is left alone. */
static int
check_place(const char *path)
{
	struct io_out out;
	struct stat st;
	int rc;

	if (!path || strcmp(path, "-") == 0 || (stat(path, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)))
		return 0;
	rc = io_out_open(&out, path);
	io_out_abort(&out);
	return rc;
}

static int
begin_run(struct run *r)
{
	const struct run_options *o = r->o;

	if (check_place(o->files.out) < 0 || check_place(o->files.checkpoint) < 0)
		return -1;
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
	log_close(&r->log);
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

/*
 * A failure to write a checkpoint is told, and does not end the run: the one before is still there, and a disk may have
 * room again. But weights that are not finite end it. 0 or -1.
 */
static int
save(struct run *r)
{
	const char *path = r->o->files.checkpoint;

	if (!path || (r->has_saved && r->saved_step == r->done.step))
		return 0;
	r->save_failed = save_checkpoint(path, r->trainer, (const char *)r->settings.data, r->threads, r->done) < 0;
	if (r->save_failed && err_status() == ERR_DATA)
		return err_wrap("step %llu", (unsigned long long)r->done.step);
	if (r->save_failed) {
		msg_error("the checkpoint was not written: %s", err_reason());
	} else {
		r->saved_step = r->done.step;
		r->has_saved = true;
	}
	r->saved = clock_seconds();
	return 0;
}

/* The mean loss of windows spread over the validation data; -1 when a signal came meanwhile. */
static double
validate(struct run *r)
{
	uint64_t all = data_windows(r->val, r->context), want = r->o->val_tokens / r->context, n = all, width = r->context + 1;
	double loss = 0;

	if (r->o->val_tokens > 0 && want < all)
		n = want > 0 ? want : 1;
	for (uint64_t first = 0, some; first < n; first += some) {
		if (ended_by)
			return -1;
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

/* A log that can't be written is told once, and does without the rest. */
static void
put_log(struct run *r, const struct log_line *line)
{
	if (log_put(&r->log, line) == 0)
		return;
	msg_error("the log was not written: %s", err_reason());
	r->log_failed = true;
	log_close(&r->log);
}

static int
do_step(struct run *r)
{
	const struct run_options *o = r->o;
	double began = clock_seconds(), lr = schedule_lr(&o->schedule, r->done.step);
	struct step s;

	for (uint64_t k = 0; k < o->batch; k++)
		data_window(r->data, r->context, r->done.step * o->batch + k, o->seed, r->tokens + k * (r->context + 1));
	if (trainer_step(r->trainer, r->tokens, o->batch, r->done.updates + 1, lr, &s) < 0)
		return err_wrap("step %llu", (unsigned long long)r->done.step + 1);
	r->done.step++;
	r->done.updates++;
	r->done.tokens += o->batch * r->context;
	double seconds = clock_seconds() - began;
	r->loss = s.loss;
	const struct log_line line = { r->done.step, r->done.tokens, s.loss, wants_validation(r) ? validate(r) : -1, lr,
		s.gradient_norm, (double)(o->batch * r->context) / seconds };
	put_log(r, &line);
	if (isnan(line.val_loss))
		return err_set(ERR_DATA, "step %llu: the loss on the validation data is not finite", (unsigned long long)line.step);
	if (line.val_loss >= 0)
		msg_info("step %llu: loss %.4f, validation %.4f", (unsigned long long)line.step, line.loss, line.val_loss);
	return 0;
}

static int
do_steps(struct run *r)
{
	const struct run_options *o = r->o;
	uint64_t first = r->done.step;

	snprintf(r->title, sizeof r->title, "training");
	msg_progress(r->title, 0, o->until - first, "steps");
	while (r->done.step < o->until && !ended_by) {
		if (do_step(r) < 0)
			return -1;
		snprintf(r->title, sizeof r->title, "loss %.3f, training", r->loss);
		msg_progress(r->title, r->done.step - first, o->until - first, "steps");
		if (clock_seconds() - r->saved >= o->checkpoint_seconds && save(r) < 0)
			return -1;
	}
	return 0;
}

/* What a run that fails has left to go on from. */
static int
failed(const struct run *r)
{
	if (r->has_saved && err_status() == ERR_DATA)
		return err_wrap("%s holds step %llu, the last good one", r->o->files.checkpoint,
		    (unsigned long long)r->saved_step);
	return -1;
}

static int
write_result(const struct run *r)
{
	const struct run_files *f = &r->o->files;
	const struct gguf *from = r->model->files[0];

	return r->o->lora_rank > 0 ? save_adapter(f->out, from, &r->lora, r->done)
	    : save_model(f->out, from, &r->net.weights, r->done);
}

static int
finish(struct run *r)
{
	if (save(r) < 0)
		return failed(r);
	msg_progress_end();
	if (ended_by) {
		raise(ended_by);
		return err_set(ERR_SYSTEM, "interrupted");
	}
	if (write_result(r) < 0)
		return -1;
	if (r->save_failed)
		return err_set(ERR_SYSTEM, "%s: the last checkpoint was not written", r->o->files.checkpoint);
	return log_close(&r->log) < 0 || r->log_failed ? err_set(ERR_SYSTEM, "%s: the log is not whole", r->o->files.log) : 0;
}

int
run_training(const struct run_options *o)
{
	struct run r = { .o = o };
	int rc = begin_run(&r);

	if (rc == 0) {
		signal(SIGXFSZ, SIG_IGN); /* a file that is too large is a full disk */
		if (o->files.checkpoint)
			catch_signals();
		rc = do_steps(&r) < 0 ? failed(&r) : finish(&r);
	}
	msg_progress_end();
	end_run(&r);
	return rc;
}
