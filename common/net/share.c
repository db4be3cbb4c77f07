/* A command and its guests: batches of rows there and back. */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/msg.h"
#include "net/serve_impl.h"

enum {
	BACKLOG = 1 << 22, /* bytes that wait for the command, or for a guest, before no more of the guest's frames are taken */
	LINGER_PART = 16,  /* how much of a batch's time is waited for those who are about to come */
};
#define LINGER_MOST (NODE_SECOND / 100)

/* ---- who is there ---- */

void
share_join(struct share *h, struct guest *g)
{
	g->share = h;
	g->next = h->first;
	g->link = &h->first;
	if (h->first)
		h->first->link = &g->next;
	h->first = g;
	h->n_guests++;
}

/* Nobody is left: the command is told that nothing more comes, and given up with its sequences. */
static bool
is_over(const struct share *h)
{
	return h->n_guests == 0 && (h->retired || !h->service->o->shared);
}

void
share_leave(struct guest *g)
{
	struct share *h = g->share;

	for (unsigned i = 0; i < h->n_batches; i++) {
		struct batch *b = &h->batch[(h->first_batch + i) % SHARE_DEPTH];
		for (size_t k = 0; k < b->n; k++)
			if (b->part[k].guest == g)
				b->part[k].guest = NULL;
	}
	for (size_t i = 0; i < h->seqs.cap; i++) {
		struct shared_seq *q = h->seqs.slot[i].value;
		if (!q || q->guest != g)
			continue;
		q->guest = NULL;
		if (!q->closing && !q->stray && h->worker)
			worker_put(h->worker, &(struct frame){ .type = FRAME_CLOSE, .seq = q->id, .reason = CLOSE_ERROR });
		q->closing = true;
		q->pos = 0;
		q->reason = CLOSE_ERROR;
	}
	seqmap_free(&g->seqs);
	*g->link = g->next;
	if (g->next)
		g->next->link = g->link;
	h->n_guests--;
	g->share = NULL;
	g->has_rows = false;
	g->under_way = 0;
	if (is_over(h))
		loop_at(h->service->node->loop, &h->reap, 0);
}

void
share_free(struct share *h)
{
	*h->link = h->next;
	if (h->next)
		h->next->link = h->link;
	loop_cancel(&h->linger);
	worker_free(h->worker);
	h->worker = NULL;
	while (h->first)
		guest_fail(h->first);
	loop_cancel(&h->reap);
	for (size_t i = 0; i < h->seqs.cap; i++) {
		h->service->count.sequences_now -= h->seqs.slot[i].value != NULL;
		free(h->seqs.slot[i].value);
	}
	seqmap_free(&h->seqs);
	for (unsigned i = 0; i < SHARE_DEPTH; i++)
		free(h->batch[i].part);
	rows_free(&h->space);
	free(h);
}

/* ---- batches to the command ---- */

static bool
is_ready(const struct guest *g)
{
	return g->has_rows && !g->waits && wire_backlog(g->out) < BACKLOG;
}

/* Puts a guest's frame at the end of the batch that is being made. */
static int
add_part(struct share *h, struct batch *b, struct guest *g, size_t row_bytes)
{
	struct frame *all = &h->space.frame;
	const struct frame *f = &g->frame;

	if (mem_grow(&b->part, &b->cap, b->n + 1, sizeof *b->part) < 0)
		return -1;
	if (row_bytes > 0 && f->n_rows > 0) {
		f = rows_convert(&g->space, f, g->header.width, g->header.dtype, STREAM_F32);
		if (!f)
			return -1;
		memcpy(h->space.data + all->n_rows * row_bytes, f->data, f->n_rows * row_bytes);
	}
	for (uint32_t i = 0; i < f->n_rows; i++) {
		const struct shared_seq *q = seqmap_get(&g->seqs, f->rows[i].seq);
		if (!q) /* guest_read has looked: all are known */
			return err_set(ERR_DATA, "a row of no sequence");
		h->space.row[all->n_rows] = f->rows[i];
		h->space.row[all->n_rows++].seq = q->id;
	}
	b->part[b->n++] = (struct part){ g, g->frame.hops };
	g->has_rows = false;
	g->under_way++;
	g->active = true;
	h->service->count.frames++;
	h->service->count.rows_in += f->n_rows;
	g->rows += f->n_rows;
	return 0;
}

/* Whoever is first now is last the next time: a prompt of many frames keeps nobody out. */
static void
rotate(struct share *h)
{
	struct guest *g = h->first, *last = g;

	if (!g || !g->next)
		return;
	while (last->next)
		last = last->next;
	h->first = g->next;
	h->first->link = &h->first;
	last->next = g;
	g->link = &last->next;
	g->next = NULL;
}

static int
send_batch(struct share *h)
{
	struct batch *b = &h->batch[(h->first_batch + h->n_batches) % SHARE_DEPTH];
	struct frame *all = &h->space.frame;
	size_t row_bytes = (size_t)stream_row_bytes(STREAM_F32, h->takes.width), need = STREAM_MAX_ROWS * row_bytes;

	if (h->space.cap < need) {
		free(h->space.data);
		h->space.cap = 0;
		if (!(h->space.data = mem_alloc64(need, 1)))
			return -1;
		h->space.cap = need;
	}
	*all = (struct frame){ .type = FRAME_ROWS, .hops = 1, .rows = h->space.row, .data = h->space.data, .row_bytes = row_bytes };
	b->n = 0;
	b->sent = loop_now(h->service->node->loop);
	for (struct guest *g = h->first; g; g = g->next) {
		g->active = false;
		if (is_ready(g) && all->n_rows + g->frame.n_rows <= STREAM_MAX_ROWS && add_part(h, b, g, row_bytes) < 0)
			return -1;
	}
	rotate(h);
	h->n_batches++;
	h->service->count.batches++;
	if (all->n_rows == 0)
		all->row_bytes = 0;
	return worker_put(h->worker, all);
}

/* Is it better to wait a little: have some of those who were in the last batch not come back yet? */
static bool
lingers(struct share *h)
{
	uint64_t now = loop_now(h->service->node->loop), wait = h->took / LINGER_PART;
	bool all_there = true;

	if (wait > LINGER_MOST)
		wait = LINGER_MOST;
	for (const struct guest *g = h->first; g; g = g->next)
		all_there &= !g->active || g->has_rows || g->done;
	if (all_there || now - h->idle_since >= wait)
		return false;
	loop_at(h->service->node->loop, &h->linger, h->idle_since + wait);
	return true;
}

static bool
wants_batch(struct share *h)
{
	unsigned depth = h->n_guests > 1 ? 1 : SHARE_DEPTH;
	bool any = false;

	if (!h->accepted || h->n_batches >= depth || worker_backlog(h->worker) >= BACKLOG)
		return false;
	for (const struct guest *g = h->first; g && !any; g = g->next)
		any = is_ready(g);
	return any && !lingers(h);
}

static void
read_guests(struct share *h)
{
	struct guest *next;

	for (struct guest *g = h->first; g; g = next) {
		next = g->next;
		if (g->state == GUEST_RUNS && !g->has_rows && worker_backlog(h->worker) < BACKLOG)
			guest_read(g);
	}
}

void
share_step(struct share *h)
{
	int rc = 0;

	if (h->stepping)
		return;
	h->stepping = true;
	read_guests(h);
	while (rc == 0 && wants_batch(h)) {
		rc = send_batch(h);
		if (rc == 0)
			read_guests(h);
	}
	h->stepping = false;
	if (rc < 0) {
		msg_error("%s", err_reason());
		h->retired = h->failed = true;
		loop_at(h->service->node->loop, &h->reap, 0);
	}
}

int
share_propose(struct share *h, const struct stream_header *takes)
{
	h->proposed = true;
	h->takes = *takes;
	h->batch[(h->first_batch + h->n_batches) % SHARE_DEPTH].n = 0;
	h->n_batches++;
	/* a frame without rows: when it comes back, all stages of the command have taken the header */
	if (worker_put_header(h->worker, takes) < 0)
		return -1;
	return worker_put(h->worker, &(struct frame){ .type = FRAME_ROWS, .hops = 1 });
}

static void
lingered(void *arg)
{
	share_step(arg);
}

/* Not from within what the command's own callbacks call. */
static void
reap(void *arg)
{
	struct share *h = arg;

	if (is_over(h) && h->accepted && !h->failed) {
		worker_retire(h->worker);
		h->worker = NULL;
	}
	err_set(ERR_SYSTEM, "the command has failed");
	share_free(h);
}

/* ---- what the command gives ---- */

static int
header(void *arg, const struct stream_header *head)
{
	struct share *h = arg;
	struct guest *next;

	if (head->dtype != STREAM_F32)
		return err_set(ERR_DATA, "the command gives %s, not f32", stream_dtype_name(head->dtype));
	h->has_header = true;
	h->header = *head;
	for (struct guest *g = h->first; g; g = next) {
		next = g->next;
		guest_told(g);
	}
	return 0;
}

/* The rows of one guest, from row i on: to it, under its own numbers. How many they are. */
static uint32_t
give_rows(struct share *h, const struct part *p, const struct frame *f, uint32_t i, uint32_t hops)
{
	struct guest *g = p->guest;
	uint32_t n = 0;
	struct frame own = *f;

	for (; i + n < f->n_rows; n++) {
		const struct shared_seq *q = seqmap_get(&h->seqs, f->rows[i + n].seq);
		if (!q || q->guest != g)
			break;
		h->space.row[n] = f->rows[i + n];
		h->space.row[n].seq = q->seq;
	}
	own.n_rows = n;
	own.rows = h->space.row;
	own.data = f->row_bytes > 0 ? (const uint8_t *)f->data + i * f->row_bytes : NULL;
	own.row_bytes = n > 0 ? f->row_bytes : 0;
	own.hops = p->hops > 0 ? p->hops + hops : 0;
	h->service->count.rows_out += n;
	g->under_way--;
	guest_put(g, &own);
	return n;
}

/* Rows of guests that have gone are passed over: of parts in the order in which they were sent. */
static int
rows(struct share *h, const struct frame *f)
{
	struct batch *b = &h->batch[h->first_batch];
	uint64_t now = loop_now(h->service->node->loop);
	uint32_t i = 0, hops = f->hops > 0 ? f->hops - 1 : 0;

	if (h->n_batches == 0)
		return err_set(ERR_DATA, "the command gives a frame of rows that nothing was sent for");
	h->took = now - b->sent;
	h->idle_since = now;
	h->first_batch = (h->first_batch + 1) % SHARE_DEPTH;
	h->n_batches--;
	for (size_t k = 0; k < b->n; k++) {
		while (i < f->n_rows) {
			const struct shared_seq *q = seqmap_get(&h->seqs, f->rows[i].seq);
			if (q && q->guest)
				break;
			i++;
		}
		if (b->part[k].guest)
			i += give_rows(h, &b->part[k], f, i, hops);
	}
	if (!h->accepted) { /* the empty frame that went before all others has come back */
		struct guest *next;
		h->accepted = true;
		for (struct guest *g = h->first; g; g = next) {
			next = g->next;
			guest_told(g);
		}
	}
	return 0;
}

static int
control(struct share *h, const struct frame *f)
{
	struct shared_seq *q = seqmap_get(&h->seqs, f->seq), *parent = NULL;
	struct frame own = *f;
	struct guest *g;
	bool last;

	if (!q)
		return 0; /* an echo of what was given up */
	last = q->stray || (f->type == FRAME_CLOSE && q->closing && f->reason == q->reason && f->pos == q->pos);
	g = q->guest;
	own.seq = q->seq;
	if (f->type == FRAME_FORK && (parent = seqmap_get(&h->seqs, (uint32_t)f->value)))
		own.value = parent->seq;
	if (last) {
		seqmap_remove(&h->seqs, q->id);
		if (g)
			g->n_seqs--;
		free(q);
		h->service->count.sequences_now--;
	}
	if (g)
		guest_put(g, &own);
	return 0;
}

static int
frame(void *arg, const struct frame *f)
{
	struct share *h = arg;
	struct guest *next;
	int rc;

	if (f->type == FRAME_END)
		return err_set(ERR_DATA, "the command ends its stream by itself");
	h->stepping = true; /* guests may go meanwhile */
	rc = f->type == FRAME_ROWS ? rows(h, f) : control(h, f);
	for (struct guest *g = h->first; g; g = next) {
		next = g->next;
		guest_end(g);
	}
	h->stepping = false;
	if (rc == 0)
		share_step(h);
	return rc;
}

static void
gone(void *arg)
{
	struct share *h = arg;

	msg_error("%s", err_reason());
	share_free(h);
}

struct share *
share_new(struct service *s)
{
	static const struct worker_calls calls = { header, frame, gone };
	struct share *h = mem_alloc(1, sizeof *h);

	if (!h)
		return NULL;
	h->service = s;
	h->linger = (struct loop_timer){ .call = lingered, .arg = h };
	h->reap = (struct loop_timer){ .call = reap, .arg = h };
	if (!(h->worker = worker_start(s->node->loop, &calls, h))) {
		free(h);
		return NULL;
	}
	h->next = s->first;
	h->link = &s->first;
	if (s->first)
		s->first->link = &h->next;
	s->first = h;
	return h;
}
