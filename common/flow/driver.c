#include "flow/driver.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/msg.h"
#include "stream/seqmap.h"

enum { SHARE_LEAST = 32 }; /* positions for which it is worth while to wait for another sequence */

struct driver {
	struct link *link;
	const struct driver_client *client;
	const struct driver_options *o;
	struct sequence **active; /* o->slots of them; NULL: a free slot */
	size_t n_active, turn;    /* turn: where the next frame begins to look for rows */
	struct sequence *waiting; /* to be sent again */
	struct seqmap ids;
	uint32_t next_id;
	uint32_t n_loaded;        /* positions that all stages were given, as far as is known */
	unsigned in_flight;       /* frames of rows */
	bool crowded;             /* KV memory ran out: nobody comes in until somebody has ended, or all have left */
	bool client_ended, end_back;
	int fault;                /* of the client's input, with its reason: told when all that came before is done */
	char reason[STREAM_MAX_TEXT];
	struct row row[STREAM_MAX_ROWS];
};

/* ---- sequences ---- */

/* The first token, BOS mostly, is always kept. */
static uint32_t
keeps(const struct driver_options *o, const struct sequence *s)
{
	return o->keep < 0 || o->keep > s->n_prompt ? s->n_prompt : o->keep > 0 ? (uint32_t)o->keep : 1;
}

/* Makes room in a context of `full` positions. False where there is none to be made, or it is the prompt that doesn't fit. */
static bool
shift(const struct driver *d, struct sequence *s, uint32_t full)
{
	uint32_t drop = full > s->keep ? (full - s->keep) / 2 : 0;

	if (!d->o->shift || s->n == s->n_prompt || full + 1 != sequence_length(s) || drop == 0)
		return false;
	s->dropped += drop;
	s->shifts++;
	return true;
}

static int
send_close(struct driver *d, uint32_t id, enum close_reason reason, uint32_t pos)
{
	return link_send(d->link, &(struct frame){ .type = FRAME_CLOSE, .seq = id, .pos = pos, .reason = reason });
}

/* The sequence leaves its slot. */
static void
leave(struct driver *d, struct sequence *s)
{
	if (d->o->draft)
		drafter_forget(d->o->draft, s->id);
	seqmap_remove(&d->ids, s->id);
	for (size_t i = 0; i < d->o->slots; i++)
		if (d->active[i] == s)
			d->active[i] = NULL;
	d->n_active--;
}

static int
finish(struct driver *d, struct sequence *s, enum close_reason reason, uint32_t end)
{
	int rc = 0;

	leave(d, s);
	d->crowded = false;
	s->reason = reason;
	s->end = end;
	if (!s->told_close)
		rc = send_close(d, s->id, reason, end);
	if (rc == 0)
		rc = d->client->closed(d->client->arg, s);
	sequence_free(s);
	return rc;
}

/* It waits for a slot, and is then sent from its first position on. */
static int
send_again(struct driver *d, struct sequence *s)
{
	struct sequence **at = &d->waiting;
	bool told = s->told_close;

	leave(d, s);
	s->sent = s->drafts = 0;
	s->begun = s->told_end = s->told_close = false;
	while (*at && (*at)->ordinal < s->ordinal)
		at = &(*at)->next;
	s->next = *at;
	*at = s;
	return told ? 0 : send_close(d, s->id, CLOSE_MEMORY, 0);
}

/* ---- shared beginnings ---- */

/* Positions that s may begin with as a fork of one with these tokens. The end of its prompt is for itself: its output is wanted. */
static uint32_t
common(const struct sequence *s, const uint32_t *token, size_t n)
{
	uint32_t same = 0;

	while (same < n && same + 1 < s->n_prompt && token[same] == s->token[same])
		same++;
	return same;
}

/*
 * With whom s shares most: a state that was loaded, or the prompt of a sequence that came before it, but for its end. Rows behind that are
 * wanted, and with mirostat would be chosen again for s where a journal is replayed.
 */
static void
choose_donor(const struct driver *d, struct sequence *s)
{
	s->donor = s->id;
	s->shared = 0;
	if (!d->o->generate || s->apart || s->dropped > 0)
		return;
	if ((s->shared = common(s, d->o->loaded, d->n_loaded)) < d->n_loaded && d->o->recurrent)
		s->shared = 0;
	if (s->shared > 0)
		s->donor = STREAM_LOADED;
	for (size_t i = 0; i < d->o->slots && !d->o->recurrent; i++) {
		const struct sequence *t = d->active[i];
		uint32_t n = t && t->id < s->id && !t->told_close && t->dropped == 0 ? common(s, t->token, t->n_prompt - 1) : 0;
		if (n < SHARE_LEAST || n <= s->shared)
			continue;
		s->shared = n;
		s->donor = t->id;
	}
}

/* Whether what s shares has yet to be sent. Where the other has gone meanwhile, there may be a third. */
static bool
must_wait(const struct driver *d, struct sequence *s)
{
	const struct sequence *t = seqmap_get(&d->ids, s->donor);

	if (s->donor != STREAM_LOADED && (!t || t->told_close)) {
		choose_donor(d, s);
		t = seqmap_get(&d->ids, s->donor);
	}
	return t && t != s && t->sent < s->shared;
}

/* Tells the stages of s, as soon as that can be. 0 or -1. */
static int
begin(struct driver *d, struct sequence *s)
{
	struct frame f = { .type = FRAME_OPEN, .hops = 1, .seq = s->id, .open = d->o->open };

	if (must_wait(d, s))
		return 0;
	if (s->donor != s->id) {
		f.type = FRAME_FORK;
		f.value = s->donor;
		f.pos = s->sent = s->shared;
		f.restated = true;
	}
	f.open.ordinal = s->ordinal + ((uint64_t)s->shifts << 32); /* positions come again: draws don't */
	s->begun = true;
	return link_send(d->link, &f);
}

static int
enter(struct driver *d, struct sequence *s, bool again)
{
	size_t slot = 0;

	while (d->active[slot])
		slot++;
	for (size_t i = 0; i < d->o->slots; i++)
		if (d->active[i])
			d->active[i]->alone = false;
	s->alone = d->n_active == 0;
	d->active[slot] = s;
	d->n_active++;
	s->id = d->next_id++;
	if (seqmap_put(&d->ids, s->id, s) < 0)
		return -1;
	if (!again && d->client->opened && d->client->opened(d->client->arg, s) < 0)
		return -1;
	/* Nothing to begin with: the stages need not hear of it. */
	s->told_close = s->n_prompt == 0;
	if (s->told_close)
		return finish(d, s, CLOSE_STOP, 0);
	s->keep = keeps(d->o, s);
	choose_donor(d, s);
	return 0;
}

/* Nothing more comes in; what has come is finished. */
static int
input_fault(struct driver *d)
{
	d->client_ended = true;
	d->fault = err_status();
	snprintf(d->reason, sizeof d->reason, "%s", err_reason());
	return 0;
}

static bool
may_enter(const struct driver *d)
{
	return !d->crowded || d->n_active == 0;
}

/* Fills free slots. */
static int
admit(struct driver *d)
{
	while (d->n_active < d->o->slots && may_enter(d)) {
		struct sequence *s = d->waiting;
		int rc;

		if (s) {
			d->waiting = s->next;
			if (enter(d, s, true) < 0)
				return -1;
			continue;
		}
		if (d->client_ended)
			return 0;
		if ((rc = d->client->next(d->client->arg, &s, &d->client_ended)) < 0)
			return input_fault(d);
		if (rc == 0)
			return 0;
		if (enter(d, s, false) < 0)
			return -1;
	}
	return 0;
}

/* ---- rows out ---- */

static bool
wanted(const struct driver *d, const struct sequence *s, uint32_t pos)
{
	if (d->o->generate && d->o->n_new == 0)
		return false;
	if (d->o->generate && d->o->open.sampling.mirostat) /* which a sequence that is sent again begins by its first choice */
		return pos + 1 >= s->n_prompt;
	if (d->o->generate)
		return pos + 1 == sequence_length(s);
	return pos >= s->want_from && pos < s->want_to;
}

/* Rows of one sequence into the frame: not across the prompt's end, which is told between two frames. */
static uint32_t
add_rows(struct driver *d, struct sequence *s, uint32_t n)
{
	uint32_t until = s->sent < sequence_prompt(s) ? sequence_prompt(s) : sequence_length(s);

	while (s->sent < until && n < d->o->frame_rows) {
		uint32_t pos = s->sent++;
		d->row[n++] = (struct row){ s->id, pos, s->token[sequence_in_text(s, pos)], wanted(d, s, pos) ? ROW_WANTED : 0 };
	}
	return n;
}

/* Behind the last token of s what is guessed to follow, as far as it may. */
static int
add_drafts(struct driver *d, struct sequence *s, uint32_t *n)
{
	uint32_t token[DRAFT_MAX], room = d->o->frame_rows - *n;
	size_t left = d->o->n_new < 0 ? DRAFT_MAX : (size_t)d->o->n_new - (s->n - s->n_prompt) - 1;
	int got;

	if (!d->o->draft || s->sent <= s->n_prompt || s->sent < s->n || left == 0 || room == 0)
		return 0;
	got = drafter_guess(d->o->draft, s->id, &d->o->open, s->ordinal, s->token, (uint32_t)s->n, token, left < room ? (uint32_t)left : room);
	if (got < 0)
		return -1;
	for (uint32_t i = 0; i < (uint32_t)got; i++)
		d->row[(*n)++] = (struct row){ s->id, s->sent + i, token[i], ROW_WANTED | ROW_DRAFT };
	s->drafts = (uint32_t)got;
	return 0;
}

/* What follows rows of s: the end of its prompt, and its close where no more will come. */
static int
after_rows(struct driver *d, struct sequence *s)
{
	if (!s->begun || s->sent < sequence_prompt(s) || s->told_end)
		return 0;
	s->told_end = true;
	struct frame f = { .type = FRAME_PROMPT_END, .seq = s->id, .value = s->text_bytes };
	if (link_send(d->link, &f) < 0)
		return -1;
	/* A close goes the same way as the rows before it: when it comes back, all their outputs have. */
	s->told_close = !d->o->generate || d->o->n_new == 0;
	return s->told_close ? send_close(d, s->id, d->o->generate ? CLOSE_LENGTH : CLOSE_STOP, s->n_prompt) : 0;
}

/*
 * One frame of rows: generating sequences in so many groups as frames may be under way, so that each stage has one to
 * work on, and prompts as far as there is room. 1; 0 when nothing is ready; -1.
 */
static int
send_rows(struct driver *d)
{
	unsigned depth = link_depth(d->link);
	size_t group = (d->n_active + depth - 1) / depth, generating = 0;
	uint32_t n = 0;

	for (size_t i = 0; i < d->o->slots; i++)
		if (d->active[i] && !d->active[i]->begun && begin(d, d->active[i]) < 0)
			return -1;
	for (size_t k = 0; k < d->o->slots && n < d->o->frame_rows; k++) {
		struct sequence *s = d->active[(d->turn + k) % d->o->slots];
		if (!s || !s->begun || s->told_close || s->sent == sequence_length(s))
			continue;
		if (s->sent >= sequence_prompt(s) && generating++ >= group)
			continue;
		n = add_rows(d, s, n);
		if (add_drafts(d, s, &n) < 0)
			return -1;
	}
	d->turn = (d->turn + group) % d->o->slots;
	if (n == 0)
		return 0;
	d->in_flight++;
	if (link_send(d->link, &(struct frame){ .type = FRAME_ROWS, .hops = 1, .n_rows = n, .rows = d->row }) < 0)
		return -1;
	for (size_t i = 0; i < d->o->slots; i++)
		if (d->active[i] && after_rows(d, d->active[i]) < 0)
			return -1;
	return 1;
}

/* ---- what comes back ---- */

static int
take_token(struct driver *d, struct sequence *s, const struct row *r)
{
	if (r->pos != s->n)
		return err_set(ERR_DATA, "a token came back for position %u of a sequence of %zu", r->pos, s->n);
	if (sequence_add(s, r->token) < 0 || d->client->row(d->client->arg, s, r, NULL) < 0)
		return -1;
	if (d->o->n_new < 0 || s->n - s->n_prompt < (uint64_t)d->o->n_new)
		return 0;
	return finish(d, s, CLOSE_LENGTH, (uint32_t)s->n);
}

static int
take_output(struct driver *d, struct sequence *s, const struct row *r, const float *data)
{
	if (!wanted(d, s, r->pos) || r->pos >= s->sent)
		return err_set(ERR_DATA, "a row came back for position %u, where none is wanted", r->pos);
	return d->client->row(d->client->arg, s, r, data);
}

/* Tokens came back for a sequence with drafts: those that were not sampled are taken back from all stages. */
static int
settle_drafts(struct driver *d, struct sequence *s)
{
	uint32_t known = (uint32_t)s->n - 1, beyond = s->sent + s->drafts; /* positions are 32 bits */

	drafter_taken(d->o->draft, known - s->sent);
	s->drafts = 0;
	s->sent = known;
	return known < beyond ? link_send(d->link, &(struct frame){ .type = FRAME_CUT, .seq = s->id, .pos = known }) : 0;
}

static int
take_rows(struct driver *d, const struct frame *f)
{
	if (d->in_flight == 0)
		return err_set(ERR_DATA, "more frames of rows came back than were sent");
	d->in_flight--;
	if (f->n_rows > 0 && !d->o->generate && f->row_bytes == 0)
		return err_set(ERR_DATA, "the last stage gives no data");
	for (uint32_t i = 0; i < f->n_rows; i++) {
		struct row r = f->rows[i];
		struct sequence *s = seqmap_get(&d->ids, r.seq);
		if (!s)
			continue;
		r.pos = sequence_in_text(s, r.pos);
		if (r.pos < s->taken)
			continue;
		s->taken = r.pos + 1;
		int rc = d->o->generate ? take_token(d, s, &r)
		    : take_output(d, s, &r, (const float *)f->data + i * (f->row_bytes / sizeof(float)));
		if (rc < 0)
			return -1;
	}
	for (uint32_t i = 0; i < f->n_rows; i++) {
		struct sequence *s = seqmap_get(&d->ids, f->rows[i].seq);
		if (s && s->drafts > 0 && settle_drafts(d, s) < 0)
			return -1;
	}
	return 0;
}

/* What it was to share is not there: the other has ended at some stage, or a stage was given no state. */
static int
send_apart(struct driver *d, struct sequence *s)
{
	if (s->donor == STREAM_LOADED && d->n_loaded > 0) {
		msg_warn("a stage lacks the state that was loaded: its positions are computed again");
		d->n_loaded = 0;
	}
	s->apart = true;
	return send_again(d, s);
}

static int
take_close(struct driver *d, const struct frame *f)
{
	struct sequence *s = seqmap_get(&d->ids, f->seq);

	if (!s)
		return 0; /* our own close, come back */
	if (s->shared > 0 && f->reason != CLOSE_MEMORY && f->pos == 0)
		return send_apart(d, s);
	/* A stage could not take it beside others: it waits for one of them to end, or until it can have everything for itself. */
	if ((f->reason == CLOSE_MEMORY || f->reason == CLOSE_REFUSED) && !s->alone) {
		d->crowded = true;
		return send_again(d, s);
	}
	if (f->reason == CLOSE_CONTEXT && shift(d, s, f->pos))
		return send_again(d, s);
	s->closed_at = sequence_in_text(s, f->pos);
	/* Only a stop takes back tokens that have come: any other end is met by the row that would give the next one. */
	return finish(d, s, f->reason, d->o->generate && f->reason != CLOSE_STOP ? (uint32_t)s->n : s->closed_at);
}

static int
take(void *arg, const struct frame *f)
{
	struct driver *d = arg;
	int rc = 0;

	if (f->type == FRAME_ROWS)
		rc = take_rows(d, f);
	else if (f->type == FRAME_CLOSE)
		rc = take_close(d, f);
	else if (f->type == FRAME_END)
		d->end_back = true;
	else
		return 0;
	return rc == 0 && d->client->flush ? d->client->flush(d->client->arg) : rc;
}

/* ---- */

static int
step(struct driver *d)
{
	bool readable, more_input;
	int sent = 0;

	if (admit(d) < 0)
		return -1;
	while (d->in_flight < link_depth(d->link) && (sent = send_rows(d)) > 0 && d->in_flight > 0)
		;
	if (sent < 0)
		return -1;
	/* A frame that came back at once (a model in this process) leaves work to do: then nothing is waited for. */
	bool idle = sent == 0 || d->in_flight > 0;
	more_input = d->n_active < d->o->slots && may_enter(d) && !d->client_ended;
	if (d->client_ended && d->n_active == 0 && !d->waiting)
		return 0;
	if (link_wait(d->link, more_input ? d->client->fd : -1, idle, &readable) < 0)
		return -1;
	return readable && d->client->fill(d->client->arg) < 0 ? input_fault(d) : 0;
}

static int
run(struct driver *d)
{
	bool readable;

	do
		if (step(d) < 0)
			return -1;
	while (!d->client_ended || d->n_active > 0 || d->waiting);
	if (link_send(d->link, &(struct frame){ .type = FRAME_END }) < 0)
		return -1;
	while (!d->end_back)
		if (link_wait(d->link, -1, true, &readable) < 0)
			return -1;
	if (link_finish(d->link) < 0)
		return -1;
	return d->fault ? err_set(d->fault, "%s", d->reason) : 0;
}

int
driver_run(struct link *l, const struct driver_client *c, const struct driver_options *o)
{
	struct driver *d = mem_alloc(1, sizeof *d);
	int rc = -1;

	if (!d)
		return -1;
	d->link = l;
	d->client = c;
	d->o = o;
	d->n_loaded = o->n_loaded;
	link_receiver(l, take, d);
	if ((d->active = mem_alloc(o->slots, sizeof(struct sequence *))))
		rc = run(d);
	for (size_t i = 0; d->active && i < o->slots; i++)
		sequence_free(d->active[i]);
	for (struct sequence *s = d->waiting, *next; s; s = next) {
		next = s->next;
		sequence_free(s);
	}
	seqmap_free(&d->ids);
	free(d->active);
	free(d);
	return rc;
}
