#include "net/hop.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/msg.h"
#include "net/session.h"

enum {
	FRUITLESS = 4,              /* peers that are lost without anything new, beside two of each */
	MOST_FRAMES = 256,          /* of rows under way */
	MOST_BACKLOG = 1 << 23,     /* bytes that wait to be sent */
	SMALL = 16,                 /* rows: frames up to so many take about the same time */
};
#define PATIENCE (NODE_SECOND / 2)       /* beyond what rows take */
#define FIRST_PATIENCE (30 * NODE_SECOND) /* as long as nothing is known of that */

static uint64_t
now_of(const struct hop *h)
{
	return loop_now(h->node->loop);
}

static void
fail(struct hop *h)
{
	if (h->failed)
		return;
	h->failed = true;
	loop_cancel(&h->deadline);
	loop_cancel(&h->stall);
	loop_cancel(&h->leave);
	h->calls.failed(h->calls.arg);
}

bool
hop_full(const struct hop *h)
{
	return journal_waiting(h->journal) >= MOST_FRAMES || (h->audit && audit_full(h->audit)) || (h->active && session_backlog(h->active) >= MOST_BACKLOG) || !h->active;
}

/* ---- who serves ---- */

static int
put(void *arg, const struct frame *f)
{
	return session_put(arg, f);
}

/* Another hop that must not use the same peer does. */
static bool
is_taken(const struct hop *h, const struct session *s)
{
	const struct hop *other = h->o.not_as;

	return other && other->active && &other->session[s - h->session] == other->active;
}

/* The session that is ready and nearest; NULL: none. */
static struct session *
nearest(struct hop *h)
{
	struct session *best = NULL;

	for (size_t i = 0; i < h->n; i++) {
		struct session *s = &h->session[i];
		if (s->state == SESSION_READY && !is_taken(h, s) && (!best || session_round_trip(s) < session_round_trip(best)))
			best = s;
	}
	return best;
}

/* A stage that gives hidden states needs no token ids but where it takes tokens, as the first of a chain does. */
static void
decide_stripping(struct hop *h)
{
	bool samples = h->header.kind != STREAM_HIDDEN, embeds = h->input.kind != STREAM_HIDDEN;

	h->first = (struct strip){ .tokens = !embeds, .sampling = true };
	h->last = (struct strip){ .tokens = !samples && (!embeds || h->n_places > 1), .sampling = !samples };
}

static void
activate(struct hop *h, struct session *s)
{
	char where[SESSION_NAME];
	uint64_t rows = journal_rows(h->journal);

	decide_stripping(h);
	h->active = s;
	h->progress = h->activated = now_of(h);
	loop_cancel(&h->deadline);
	msg_info("%s serves%s", session_name(s, where), rows > 0 ? " from now on" : "");
	if (h->audit)
		audit_moved(h->audit);
	if (journal_replay(h->journal, (struct strip){ 0 }, put, s, &s->skip) < 0 || session_push(s) < 0) {
		session_lost(s);
		return;
	}
	if (!hop_full(h))
		h->calls.room(h->calls.arg);
}

void
hop_ready(struct hop *h, struct session *s)
{
	if (!h->active && !is_taken(h, s))
		activate(h, s);
}

/* All have said that they are none: the last reason is the hop's. */
static bool
all_refuse(const struct hop *h)
{
	for (size_t i = 0; i < h->n; i++)
		if (h->session[i].refusals < SESSION_REFUSALS)
			return false;
	return true;
}

void
hop_lost(struct hop *h, struct session *s, bool was_ready)
{
	struct session *other;

	if (h->failed)
		return;
	if (all_refuse(h)) {
		err_set(h->status, "%s", h->reason);
		fail(h);
		return;
	}
	if (!was_ready || h->active != s)
		return;
	h->active = NULL;
	if (++h->fruitless > FRUITLESS + 2 * h->n) {
		err_set(h->status, "%s", h->reason);
		fail(h);
		return;
	}
	if ((other = nearest(h))) {
		activate(h, other);
		return;
	}
	loop_at(h->node->loop, &h->deadline, now_of(h) + h->o.timeout_ns);
	for (size_t i = 0; i < h->n; i++) /* now it is urgent */
		if (&h->session[i] != s)
			session_hurry(&h->session[i]);
}

static void
too_late(void *arg)
{
	struct hop *h = arg;

	err_set(ERR_SYSTEM, "no peer serves: %s", *h->reason ? h->reason : "no answer");
	fail(h);
}

/* ---- rows that don't come back ---- */

/* For a frame of so many rows. */
static uint64_t
patience(const struct hop *h, uint32_t rows)
{
	double ns = rows <= SMALL ? h->small_ns : h->row_ns > 0 ? h->row_ns * rows : h->small_ns * rows;

	return ns == 0 ? FIRST_PATIENCE : PATIENCE + (uint64_t)(4 * ns); /* positive */
}

/* An answer took so long for so many rows. The longest counts, less with time. */
static void
measure(struct hop *h, double ns, uint32_t rows)
{
	double *most = rows <= SMALL ? &h->small_ns : &h->row_ns;

	if (rows > SMALL)
		ns /= rows;
	*most = ns > *most * 0.98 ? ns : *most * 0.98;
}

/* The end of the stream, once all is compared that is. */
static void
give_end(struct hop *h)
{
	if (!h->held_end || (h->audit && audit_waiting(h->audit) > 0) || h->failed)
		return;
	h->held_end = false;
	if (h->audit)
		msg_info("%llu rows were compared", (unsigned long long)audit_rows(h->audit));
	if (h->calls.frame(h->calls.arg, &(struct frame){ .type = FRAME_END }) < 0)
		fail(h);
}

static void
watch(void *arg)
{
	struct hop *h = arg;
	bool again = h->active && h->active->skip > 0; /* frames of a replay are large */
	uint64_t now = now_of(h), wait = patience(h, again ? STREAM_MAX_ROWS : h->oldest_rows);
	bool others = false;

	for (size_t i = 0; i < h->n; i++)
		others |= &h->session[i] != h->active && h->session[i].state == SESSION_READY;
	if (h->active && others && (journal_waiting(h->journal) > 0 || again) && now - h->progress > wait) {
		err_set(ERR_SYSTEM, "no rows for %.1f s", (double)(now - h->progress) / 1e9);
		session_lost(h->active);
	}
	give_end(h);
	if (!h->active && nearest(h)) /* one that was another's has become free */
		activate(h, nearest(h));
	if (!h->failed)
		loop_at(h->node->loop, &h->stall, now + NODE_SECOND / 10);
}

/* ---- headers ---- */

static bool
same_headers(const struct stream_header *a, const struct stream_header *b)
{
	return a->kind == b->kind && a->width == b->width && a->next_layer == b->next_layer && hash_equal(&a->vocab_id, &b->vocab_id) &&
	    hash_equal(&a->model_id, &b->model_id) && strcmp(a->profile, b->profile) == 0;
}

int
hop_heard(struct hop *h, struct session *s)
{
	struct stream_header head = *session_header(s);

	if (h->has_header)
		return same_headers(&h->header, &head) ? 0 : err_set(ERR_DATA, "serves another model, layer or profile than the peer before");
	head.dtype = STREAM_F32;
	h->header = head;
	h->has_header = true;
	if (h->calls.header(h->calls.arg, &head) < 0)
		fail(h);
	return 0;
}

static void
prove_all(struct hop *h)
{
	for (size_t i = 0; i < h->n; i++)
		if (h->session[i].state == SESSION_WAITS && session_prove(&h->session[i]) < 0)
			session_lost(&h->session[i]);
}

int
hop_header(struct hop *h, const struct stream_header *head)
{
	if (head->kind == STREAM_HIDDEN && stream_row_bytes(h->o.wire, head->width) == 0)
		return err_set(ERR_DATA, "rows of %u elements can't be %s", (unsigned)head->width, stream_dtype_name(h->o.wire));
	h->input = *head;
	h->has_input = true;
	prove_all(h);
	return h->audit ? audit_header(h->audit, head) : 0;
}

/* ---- frames ---- */

int
hop_send(struct hop *h, const struct frame *f)
{
	enum stream_dtype to = h->input.kind == STREAM_HIDDEN ? h->o.wire : h->input.dtype;
	const struct frame *own = rows_convert(&h->out, f, h->input.width, h->input.dtype, to);
	bool was_idle = journal_waiting(h->journal) == 0;

	h->opened += f->type == FRAME_OPEN || f->type == FRAME_FORK;
	h->opened -= f->type == FRAME_CLOSE && h->opened > 0;
	if (h->active && h->opened > session_sequences(h->active))
		return err_set(ERR_DATA, "the peer takes %u sequences at a time", (unsigned)session_sequences(h->active));
	if (!own || journal_sent(h->journal, own) < 0 || (h->audit && audit_sent(h->audit, f) < 0))
		return -1;
	if (was_idle && f->type == FRAME_ROWS) {
		h->progress = now_of(h);
		h->oldest_rows = f->n_rows;
	}
	if (!h->active)
		return 0;
	if (session_put(h->active, own) < 0 || session_push(h->active) < 0)
		session_lost(h->active);
	return 0;
}

int
hop_came(struct hop *h, struct session *s, const struct frame *f)
{
	bool sampled = h->header.kind == STREAM_LOGITS;
	struct frame out;
	const struct frame *own;
	uint64_t now = now_of(h);

	if (s != h->active)
		return err_set(ERR_DATA, "a frame that nothing was sent for");
	if (f->type == FRAME_ROWS) {
		if (s->skip == 0)
			measure(h, (double)(now - h->progress), h->oldest_rows);
		h->progress = now;
	}
	if (s->skip > 0 && f->type != FRAME_CLOSE) {
		if (--s->skip == 0)
			msg_info("%llu rows were sent again in %.2f s", (unsigned long long)journal_rows(h->journal), (double)(now - h->activated) / 1e9);
		return 0;
	}
	switch (journal_came(h->journal, f, sampled, &out)) {
	case JOURNAL_WRONG:
		return -1;
	case JOURNAL_KNOWN:
		return 0;
	case JOURNAL_FAILED:
		fail(h);
		return 0;
	default:
		break;
	}
	h->fruitless = 0;
	h->oldest_rows = journal_oldest(h->journal);
	own = rows_convert(&h->in, &out, h->header.width, session_header(s)->dtype, STREAM_F32);
	if (!own || (h->audit && audit_came(h->audit, own) < 0)) {
		fail(h);
		return 0;
	}
	if (f->type == FRAME_END) {
		h->held_end = true;
		give_end(h);
		return 0;
	}
	if (!h->failed && h->calls.frame(h->calls.arg, own) < 0)
		fail(h);
	return 0;
}

/* Not from within the audit: the frame that showed it lies in the session's memory. */
static void
leave_liar(void *arg)
{
	struct hop *h = arg;

	err_set(ERR_DATA, "its answer was not its replica's");
	if (h->active && h->active == h->liar)
		session_refuse(h->active);
}

/* The audit has found two answers. */
static void
differ(void *arg)
{
	struct hop *h = arg;

	if (!h->o.goes_on || !h->active) {
		fail(h);
		return;
	}
	msg_warn("%s", err_reason());
	h->liar = h->active;
	loop_at(h->node->loop, &h->leave, now_of(h));
}

/* ---- all of it ---- */

static void
again(void *arg)
{
	session_start(arg);
}

/* As many sessions as the place with most peers has: that all stand by in one of them. */
static size_t
most_peers(const struct hop_peers *place, size_t n)
{
	size_t most = 0;

	for (size_t i = 0; i < n; i++)
		if (place[i].n > most)
			most = place[i].n;
	return most;
}

static void
begin_session(struct hop *h, size_t i)
{
	struct session *s = &h->session[i];

	*s = (struct session){ .hop = h, .again = { .call = again, .arg = s } };
	for (size_t k = 0; k < h->n_places; k++)
		s->link[k] = (struct link){ .session = s, .choice = i % h->place[k].n };
	session_start(s);
}

struct hop *
hop_new(struct node *n, const struct hop_peers *place, size_t n_places, const struct hop_options *o, const struct hop_calls *c)
{
	struct hop *h = mem_alloc(1, sizeof *h);

	if (!h)
		return NULL;
	h->node = n;
	h->o = *o;
	h->calls = *c;
	h->place = place;
	h->n_places = n_places;
	h->n = most_peers(place, n_places);
	h->deadline = (struct loop_timer){ .call = too_late, .arg = h };
	h->stall = (struct loop_timer){ .call = watch, .arg = h };
	h->leave = (struct loop_timer){ .call = leave_liar, .arg = h };
	if (!(h->journal = journal_new(o->journal))) {
		free(h);
		return NULL;
	}
	if (o->audit > 0 && !(h->audit = audit_new(n, place, o, &(struct audit_options){ o->audit, o->evidence, differ, h }, h))) {
		journal_free(h->journal);
		free(h);
		return NULL;
	}
	loop_at(n->loop, &h->deadline, now_of(h) + o->timeout_ns);
	loop_at(n->loop, &h->stall, now_of(h) + NODE_SECOND / 10);
	for (size_t i = 0; i < h->n; i++)
		begin_session(h, i);
	return h;
}

void
hop_free(struct hop *h)
{
	if (!h)
		return;
	h->failed = true;
	loop_cancel(&h->deadline);
	loop_cancel(&h->stall);
	loop_cancel(&h->leave);
	for (size_t i = 0; i < h->n; i++)
		session_stop(&h->session[i]);
	audit_free(h->audit);
	journal_free(h->journal);
	rows_free(&h->out);
	rows_free(&h->in);
	free(h);
}
