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
	float *logits; /* a copy that may be changed; NULL: nothing is scored */
	struct part *part; /* n_parts, by the numbers of their sequences: what was scored */
	size_t n_parts, part_cap;

	/* perplexity */
	uint32_t window, bos;
	struct sequence *text; /* being cut into windows */
	size_t at;
	uint64_t texts;
};

/* A sequence that is scored: a text, or a window of one. */
struct part {
	uint64_t ordinal, text;
	uint64_t text_tokens, text_bytes; /* of the whole text */
	uint64_t n, wanted;               /* tokens scored, to be scored */
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

/* ---- what the scores come to ---- */

static int
add_part(struct measure *m, const struct part *p)
{
	if (mem_grow(&m->part, &m->part_cap, m->n_parts + 1, sizeof *m->part) < 0)
		return -1;
	m->part[m->n_parts++] = *p;
	return 0;
}

static void
count(struct measure *m, const struct sequence *s, double p)
{
	struct part *part = &m->part[s->number];

	part->n++;
	part->total -= p;
	part->squares += p * p;
}

static int
by_ordinal(const void *a, const void *b)
{
	const struct part *x = a, *y = b;

	return (x->ordinal > y->ordinal) - (x->ordinal < y->ordinal);
}

/* The parts of the text that begins with part i, into `sum`; returns where the next text begins. */
static size_t
add_text(const struct measure *m, size_t i, struct part *sum)
{
	*sum = m->part[i];
	sum->n = 0;
	sum->total = sum->squares = 0;
	for (; i < m->n_parts && m->part[i].text == sum->text; i++) {
		const struct part *p = &m->part[i];
		if (p->n < p->wanted)
			continue;
		sum->n += p->n;
		sum->total += p->total;
		sum->squares += p->squares;
	}
	return i;
}

/* In the order of ordinals: the sums are the same whatever order the sequences ended in. */
static void
sum_up(struct measure *m, struct perplexity *p)
{
	double total = 0, squares = 0, whole_texts = 0;
	bool known = true;
	struct part text;

	if (m->n_parts > 0)
		qsort(m->part, m->n_parts, sizeof *m->part, by_ordinal);
	for (size_t i = 0; i < m->n_parts;) {
		i = add_text(m, i, &text);
		if (text.n == 0)
			continue;
		p->tokens += text.n;
		total += text.total;
		squares += text.squares;
		whole_texts += text.total / (double)text.n * (double)text.text_tokens;
		p->bytes += text.text_bytes;
		known = known && text.text_bytes > 0;
	}
	if (!known)
		p->bytes = 0;
	if (p->tokens == 0)
		return;
	p->nll = total / (double)p->tokens;
	p->value = mathd_exp(p->nll);
	double variance = squares / (double)p->tokens - p->nll * p->nll;
	if (p->tokens > 1 && variance > 0)
		p->error = __builtin_sqrt(variance / (double)(p->tokens - 1));
	p->value_error = p->value * p->error;
	if (p->bytes > 0)
		p->bits_per_byte = whole_texts / 0.6931471805599453 / (double)p->bytes;
}

/* ---- scores and embeddings: a row of results for each row that comes back ---- */

static int
next_embedded(void *arg, struct sequence **s, bool *ended)
{
	struct measure *m = arg;
	int rc = source_next(m->from, s, ended);

	if (rc > 0) {
		(*s)->want_from = (*s)->n == 0 ? 0 : (uint32_t)(*s)->n - 1;
		(*s)->want_to = (uint32_t)(*s)->n;
	}
	return rc;
}

static int
next_scored(void *arg, struct sequence **s, bool *ended)
{
	struct measure *m = arg;
	int rc = source_next(m->from, s, ended);

	if (rc <= 0)
		return rc;
	(*s)->want_to = (*s)->n == 0 ? 0 : (uint32_t)(*s)->n - 1;
	const struct part p = { .ordinal = (*s)->ordinal, .text = (*s)->number, .text_tokens = (*s)->want_to,
		.text_bytes = (*s)->text_bytes, .wanted = (*s)->want_to };
	if (add_part(m, &p) < 0) {
		sequence_free(*s);
		return -1;
	}
	return 1;
}

static int
score_row(void *arg, struct sequence *s, const struct row *r, const float *data)
{
	struct measure *m = arg;
	double p;

	if (!score(m, s, r, data, &p))
		return 0;
	count(m, s, p);
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

/* Runs the driver over all sequences of the source, with results in the order of the input. Of c: next and row. */
static int
run_inorder(struct measure *m, struct link *l, const struct driver_options *o, int out, const struct stream_header *h,
    const struct driver_client *c)
{
	const struct driver_client client = { .arg = m, .fd = source_fd(m->from), .next = c->next, .fill = fill,
		.row = c->row, .closed = closed };
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
    struct perplexity *p, struct outcome *sum)
{
	const struct driver_client client = { .next = next_scored, .row = score_row };
	struct measure m = { .from = from, .sum = sum, .kernels = k, .n_vocab = link_header(l)->width };
	struct stream_header h = *link_header(l);
	int rc;

	*sum = (struct outcome){ 0 };
	*p = (struct perplexity){ 0 };
	if (link_gives(l, STREAM_LOGITS, "logits") < 0 || !(m.logits = mem_alloc64(m.n_vocab, sizeof *m.logits)))
		return -1;
	h.kind = STREAM_SCORES;
	h.width = 1;
	rc = run_inorder(&m, l, o, out, &h, &client);
	if (rc == 0)
		sum_up(&m, p);
	free(m.logits);
	free(m.part);
	return rc;
}

int
measure_embeddings(struct link *l, struct source *from, const struct driver_options *o, int out, struct outcome *sum)
{
	const struct driver_client client = { .next = next_embedded, .row = embedding_row };
	struct measure m = { .from = from, .sum = sum };

	*sum = (struct outcome){ 0 };
	if (link_gives(l, STREAM_EMBEDDINGS, "embeddings") < 0)
		return -1;
	return run_inorder(&m, l, o, out, link_header(l), &client);
}

/* ---- perplexity ---- */

/* The next window of the text in hand: 1; 0 when less than one is left of it; -1. */
static int
cut_window(struct measure *m, struct sequence **out)
{
	struct sequence *t = m->text, *w;
	struct part p = { .ordinal = m->n_parts, .text = m->texts, .text_tokens = t->n - (t->n > 0 && t->token[0] == m->bos),
		.text_bytes = t->text_bytes };
	size_t n = m->window;

	if (m->at == 0 && t->n < n)
		n = t->n;
	if (n < 2 || t->n - m->at < n)
		return 0;
	if (!(w = sequence_new()))
		return -1;
	w->n_prompt = (uint32_t)n;
	w->want_from = (uint32_t)n / 2;
	w->want_to = m->logits ? (uint32_t)n - 1 : w->want_from;
	w->ordinal = w->number = p.ordinal;
	p.wanted = w->want_to - w->want_from;
	for (size_t i = 0; i < n; i++)
		if (sequence_add(w, t->token[m->at + i]) < 0)
			goto fail;
	if (m->bos != VOCAB_NONE)
		w->token[0] = m->bos;
	if (add_part(m, &p) < 0)
		goto fail;
	m->at += n;
	*out = w;
	return 1;
fail:
	sequence_free(w);
	return -1;
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
		m->texts++;
	}
}

static int
window_row(void *arg, struct sequence *s, const struct row *r, const float *data)
{
	struct measure *m = arg;
	double p;

	if (score(m, s, r, data, &p))
		count(m, s, p);
	return 0;
}

static int
window_closed(void *arg, struct sequence *s)
{
	struct measure *m = arg;

	outcome_of(m->sum, s);
	msg_progress(m->logits ? "perplexity" : "inputs", m->sum->sequences, 0, "windows");
	return 0;
}

static int
run_windows(struct measure *m, struct link *l, const struct driver_options *o)
{
	const struct driver_client client = { .arg = m, .fd = source_fd(m->from), .next = next_window, .fill = fill,
		.row = window_row, .closed = window_closed };
	int rc = driver_run(l, &client, o);

	msg_progress_end();
	sequence_free(m->text);
	return rc;
}

int
measure_perplexity(struct link *l, struct source *from, const struct driver_options *o, const struct kernels *k,
    uint32_t window, uint32_t bos, struct perplexity *p, struct outcome *sum)
{
	struct measure m = { .from = from, .sum = sum, .kernels = k, .n_vocab = link_header(l)->width, .window = window, .bos = bos };
	int rc = -1;

	*sum = (struct outcome){ 0 };
	*p = (struct perplexity){ 0 };
	if (link_gives(l, STREAM_LOGITS, "logits") == 0 && (m.logits = mem_alloc64(m.n_vocab, sizeof *m.logits)))
		rc = run_windows(&m, l, o);
	if (rc == 0)
		sum_up(&m, p);
	free(m.logits);
	free(m.part);
	return rc;
}

int
measure_windows(struct link *l, struct source *from, const struct driver_options *o, uint32_t window, uint32_t bos, struct outcome *sum)
{
	struct measure m = { .from = from, .sum = sum, .window = window, .bos = bos };
	struct driver_options one = *o;
	int rc;

	*sum = (struct outcome){ 0 };
	one.slots = 1; /* rows in the order of the text */
	rc = run_windows(&m, l, &one);
	free(m.part);
	return rc;
}
