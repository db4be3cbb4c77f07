#include "flow/measure.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/msg.h"
#include "compute/mathd.h"
#include "compute/sample.h"
#include "flow/fault.h"
#include "flow/inorder.h"
#include "text/vocab.h"

static const char name[] = "stdout";

struct measure {
	struct source *from;
	struct inorder *out;
	struct outcome *sum;
	const struct kernels *kernels;
	uint32_t n_vocab;
	float *logits; /* a copy that may be changed */

	/* perplexity */
	uint32_t window, bos;
	struct sequence *text; /* being cut into windows */
	size_t at;
	uint64_t windows, text_tokens, text_bytes;
	struct window *done;   /* by ordinal: summed up in this order, whatever order they end in */
	size_t done_cap;
};

struct window {
	uint64_t n;
	double total, squares;
};

static int
fill(void *arg)
{
	return source_fill(((struct measure *)arg)->from);
}

/* The log-probability of the token behind row r. False: there is no such token, for which its row will close the sequence. */
static bool
score(struct measure *m, const struct sequence *s, const struct row *r, const float *logits, double *p)
{
	uint32_t token = s->token[r->pos + 1];

	if (token >= m->n_vocab)
		return false;
	memcpy(m->logits, logits, m->n_vocab * sizeof *logits);
	*p = sampler_log_probability(m->kernels, m->logits, m->n_vocab, token);
	return true;
}

/* ---- scores and embeddings: a row of results for each row that comes back ---- */

static int
next_sequence(void *arg, struct sequence **s, bool *ended)
{
	struct measure *m = arg;
	int rc = source_next(m->from, s, ended);

	if (rc > 0) {
		bool scores = m->kernels != NULL;
		(*s)->want_from = scores || (*s)->n == 0 ? 0 : (uint32_t)(*s)->n - 1;
		(*s)->want_to = scores && (*s)->n > 0 ? (uint32_t)(*s)->n - 1 : (uint32_t)(*s)->n;
	}
	return rc;
}

static int
score_row(void *arg, struct sequence *s, const struct row *r, const float *data)
{
	struct measure *m = arg;
	double p;

	if (!score(m, s, r, data, &p))
		return 0;
	return inorder_row(m->out, s->number, r->pos + 1, s->token[r->pos + 1], &(const float){ (float)p });
}

static int
embedding_row(void *arg, struct sequence *s, const struct row *r, const float *data)
{
	return inorder_row(((struct measure *)arg)->out, s->number, r->pos, s->token[r->pos], data);
}

static int
closed(void *arg, struct sequence *s)
{
	struct measure *m = arg;

	outcome_of(m->sum, s);
	return inorder_close(m->out, s->number, s->ordinal, s->reason, s->end);
}

/* Runs the driver over all sequences of the source, with results in the order of the input. */
static int
run_inorder(struct measure *m, struct link *l, const struct driver_options *o, int out, const struct stream_header *h,
    int (*row)(void *, struct sequence *, const struct row *, const float *))
{
	const struct driver_client client = { .arg = m, .fd = source_fd(m->from), .next = next_sequence, .fill = fill,
		.row = row, .closed = closed };
	int rc = -1;

	if (!(m->out = inorder_new(out, name, h)))
		return -1;
	if (driver_run(l, &client, o) == 0)
		rc = inorder_end(m->out);
	else
		rc = fault_tell(out, NULL, msg_tool(), name);
	inorder_free(m->out);
	return rc;
}

int
measure_scores(struct link *l, struct source *from, const struct driver_options *o, const struct kernels *k, int out,
    struct outcome *sum)
{
	struct measure m = { .from = from, .sum = sum, .kernels = k, .n_vocab = link_header(l)->width };
	struct stream_header h = *link_header(l);
	int rc;

	*sum = (struct outcome){ 0 };
	if (link_gives(l, STREAM_LOGITS, "logits") < 0 || !(m.logits = mem_alloc64(m.n_vocab, sizeof *m.logits)))
		return -1;
	h.kind = STREAM_SCORES;
	h.width = 1;
	rc = run_inorder(&m, l, o, out, &h, score_row);
	free(m.logits);
	return rc;
}

int
measure_embeddings(struct link *l, struct source *from, const struct driver_options *o, int out, struct outcome *sum)
{
	struct measure m = { .from = from, .sum = sum };

	*sum = (struct outcome){ 0 };
	if (link_gives(l, STREAM_EMBEDDINGS, "embeddings") < 0)
		return -1;
	return run_inorder(&m, l, o, out, link_header(l), embedding_row);
}

/* ---- perplexity ---- */

/* The next window of the text in hand: 1; 0 when less than one is left of it; -1. */
static int
cut_window(struct measure *m, struct sequence **out)
{
	struct sequence *t = m->text, *w;
	size_t n = m->window;

	if (m->at == 0 && t->n < n)
		n = t->n;
	if (n < 2 || t->n - m->at < n)
		return 0;
	if (mem_grow(&m->done, &m->done_cap, m->windows + 1, sizeof *m->done) < 0 || !(w = sequence_new()))
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (sequence_add(w, t->token[m->at + i]) < 0) {
			sequence_free(w);
			return -1;
		}
	}
	if (m->bos != VOCAB_NONE)
		w->token[0] = m->bos;
	w->n_prompt = (uint32_t)n;
	w->want_from = (uint32_t)n / 2;
	w->want_to = (uint32_t)n - 1;
	w->ordinal = m->windows++;
	m->done[w->ordinal] = (struct window){ 0 };
	m->at += n;
	*out = w;
	return 1;
}

static int
next_window(void *arg, struct sequence **s, bool *ended)
{
	struct measure *m = arg;
	int rc;

	for (;;) {
		if (m->text && (rc = cut_window(m, s)) != 0)
			return rc;
		sequence_free(m->text);
		m->text = NULL;
		if ((rc = source_next(m->from, &m->text, ended)) <= 0)
			return rc;
		m->at = 0;
		m->text_tokens += m->text->n - (m->text->n > 0 && m->text->token[0] == m->bos);
		m->text_bytes += m->text->text_bytes;
	}
}

static int
window_row(void *arg, struct sequence *s, const struct row *r, const float *data)
{
	struct measure *m = arg;
	struct window *w = &m->done[s->ordinal];
	double p;

	if (!score(m, s, r, data, &p))
		return 0;
	w->n++;
	w->total -= p;
	w->squares += p * p;
	return 0;
}

static int
window_closed(void *arg, struct sequence *s)
{
	struct measure *m = arg;

	outcome_of(m->sum, s);
	msg_progress("perplexity", m->sum->sequences, 0, "windows");
	return 0;
}

static void
sum_up(const struct measure *m, struct perplexity *p)
{
	double total = 0, squares = 0;

	for (uint64_t i = 0; i < m->windows; i++) {
		p->tokens += m->done[i].n;
		total += m->done[i].total;
		squares += m->done[i].squares;
	}
	if (p->tokens == 0)
		return;
	p->nll = total / (double)p->tokens;
	p->value = mathd_exp(p->nll);
	double variance = squares / (double)p->tokens - p->nll * p->nll;
	if (p->tokens > 1 && variance > 0)
		p->error = __builtin_sqrt(variance / (double)(p->tokens - 1));
	p->value_error = p->value * p->error;
	if (m->text_bytes > 0)
		p->bits_per_byte = p->nll / 0.6931471805599453 * (double)m->text_tokens / (double)m->text_bytes;
}

int
measure_perplexity(struct link *l, struct source *from, const struct driver_options *o, const struct kernels *k,
    uint32_t window, uint32_t bos, struct perplexity *p, struct outcome *sum)
{
	struct measure m = { .from = from, .sum = sum, .kernels = k, .n_vocab = link_header(l)->width, .window = window, .bos = bos };
	const struct driver_client client = { .arg = &m, .fd = source_fd(from), .next = next_window, .fill = fill,
		.row = window_row, .closed = window_closed };
	int rc = -1;

	*sum = (struct outcome){ 0 };
	*p = (struct perplexity){ 0 };
	if (link_gives(l, STREAM_LOGITS, "logits") == 0 && (m.logits = mem_alloc64(m.n_vocab, sizeof *m.logits)))
		rc = driver_run(l, &client, o);
	msg_progress_end();
	if (rc == 0)
		sum_up(&m, p);
	sequence_free(m.text);
	free(m.logits);
	free(m.done);
	return rc;
}
