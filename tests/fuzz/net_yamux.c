/*
 * Any bytes from a peer; and two sessions of one process that a script drives, whose every step four bytes say.
 *
 * A script's owners are as real ones are: what they could not send they send when they are told that they can. When it is over
 * and nobody has changed a byte, all that was to be sent must have arrived, without another try.
 */
#include <stdlib.h>
#include <string.h>

#include "net/yamux.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { RAW_RESPONDER, RAW_INITIATOR, SCRIPT, CHANGES, KINDS };
enum { SIDES = 2, MAX_STREAMS = 300, MAX_PINGS = 64, TOTAL = 2 << 20, LARGE = 1 << 30 };

static void
must(bool good)
{
	if (!good)
		abort();
}

/* ---- sides, streams and their owners ---- */

/* How an owner is. */
enum { TAKES = 1, ASKS = 2, FREES_LATER = 4, FREES_OTHER = 8 };

struct end {
	struct ystream *s; /* NULL: not opened, or freed */
	struct side *side;
	struct end *other; /* NULL: nobody knows what comes */
	unsigned how;
	int events;
	uint32_t key;      /* of the bytes that it sends */
	uint64_t wants, sent, got;
	bool ends;         /* when all that it wants is sent */
	bool quit;         /* freed before its end on both sides, or before all was taken */
	struct end *next;
};

struct side {
	struct yamux *y;
	struct buf out;
	size_t limit;
	uint64_t now;
	struct end *first; /* its streams, freed or not */
	size_t n;
	uint32_t pings, pongs;
};

static struct side side[SIDES];
static bool may_change, changed; /* bytes: then anything may come */
static bool over;    /* sessions are being freed */
static bool raw;     /* there is one side only */
static uint64_t total;

/* What a stream sends repeats after PERIOD bytes; up to PIECE of it, from anywhere, lie together. */
enum { PERIOD = 65521, PIECE = 1 << 17 };
static uint8_t pattern[PERIOD + PIECE];

static const uint8_t *
bytes_at(uint32_t key, uint64_t at)
{
	return pattern + (key * UINT64_C(977) + at) % PERIOD;
}

static struct end *
add(struct side *at, struct ystream *s)
{
	struct end *e = calloc(1, sizeof *e);

	must(e != NULL);
	*e = (struct end){ .s = s, .side = at, .key = s->id * 2 + (at == &side[1]), .next = at->first };
	at->first = e;
	at->n++;
	s->arg = e;
	return e;
}

/* What may be held of a stream is what was promised. */
static void
check(const struct side *at)
{
	size_t n;

	for (const struct end *e = at->first; e; e = e->next)
		if (e->s) {
			ystream_data(e->s, &n);
			must(e->s->granted + n <= e->s->window && e->s->window >= YAMUX_WINDOW && e->s->window <= YAMUX_MAX_WINDOW);
		}
}

static void
give_up(struct end *e)
{
	if (!e->s)
		return;
	e->quit = !(e->s->ended && e->s->finished && ystream_is_empty(e->s));
	ystream_free(e->s);
	e->s = NULL;
}

static void
take(struct end *e, size_t most)
{
	size_t n;
	const uint8_t *data = ystream_data(e->s, &n);

	if (n > most)
		n = most;
	for (size_t i = 0; e->other && !changed && i < n; i += PIECE)
		must(memcmp(data + i, bytes_at(e->other->key, e->got + i), n - i < PIECE ? n - i : PIECE) == 0);
	e->got += n;
	must(!e->other || changed || e->got <= e->other->sent);
	must(ystream_take(e->s, n, e->side->now) == 0);
}

static void
send_more(struct end *e)
{
	int64_t sent = 1;
	size_t room = PIECE;

	if (!e->s || e->s->finished || e->s->reset)
		return;
	while (sent > 0 && e->sent < e->wants) {
		if (e->how & ASKS && (room = ystream_room(e->s)) == 0)
			return;
		size_t n = e->wants - e->sent < PIECE ? (size_t)(e->wants - e->sent) : PIECE;
		n = n < room ? n : room;
		sent = ystream_send(e->s, bytes_at(e->key, e->sent), n);
		must(sent >= 0 && (size_t)sent <= n && (!(e->how & ASKS) || (size_t)sent == n));
		e->sent += (uint64_t)sent;
	}
	if (e->ends && e->sent == e->wants)
		must(ystream_finish(e->s) == 0);
}

/* Another stream of its side. */
static struct end *
neighbour(struct end *e)
{
	for (struct end *f = e->side->first; f; f = f->next)
		if (f->s && f != e)
			return f;
	return NULL;
}

static void
event(void *arg, struct ystream *s)
{
	struct end *e = arg, *f;

	must(e->s == s);
	e->events++;
	if (over) {
		must(s->reset && !s->mux);
		give_up(e);
		return;
	}
	/* who was reset was given up by the other side, or refused by it */
	must(changed || raw || !s->reset || !e->other || e->other->quit);
	if (e->how & TAKES && !s->reset)
		take(e, SIZE_MAX);
	send_more(e);
	if (e->how & FREES_OTHER && e->events == 2 && (f = neighbour(e)))
		give_up(f);
	if (s->reset || (e->how & FREES_LATER && e->events == 3))
		give_up(e);
}

static int
write_out(void *arg, const void *data, size_t n)
{
	struct side *at = arg;

	return buf_add(&at->out, data, n);
}

static size_t
room(void *arg)
{
	const struct side *at = arg;

	return at->limit > at->out.len ? at->limit - at->out.len : 0;
}

/* Who has opened it is at the other side, unless the bytes were changed. */
static void
opened(void *arg, struct ystream *s)
{
	struct side *at = arg;
	struct end *e = add(at, s), *f = raw || changed ? NULL : side[at == &side[0]].first;

	s->event = event;
	while (f && f->key / 2 != s->id)
		f = f->next;
	must(raw || changed || f);
	e->other = f;
	if (f)
		f->other = e;
	e->how = f ? f->how >> 4 : s->id / 2 & 7;
	if (raw && s->id % 16 == 15)
		give_up(e);
}

static void
pong(void *arg, uint32_t value)
{
	struct side *at = arg;

	must(changed || raw || (at->pongs < at->pings && value == 1000 + at->pongs));
	at->pongs++;
}

static const struct yamux_calls calls = { write_out, room, opened, pong };

static void
begin(int k, bool initiator)
{
	side[k] = (struct side){ .limit = LARGE };
	must((side[k].y = yamux_new(initiator, &calls, &side[k])) != NULL);
}

static void
end(int k)
{
	struct end *next;

	over = true;
	must(yamux_arg(side[k].y) == &side[k]);
	yamux_free(side[k].y);
	for (struct end *e = side[k].first; e; e = next) {
		must(!e->s);
		next = e->next;
		free(e);
	}
	buf_free(&side[k].out);
	over = false;
}

/* ---- any bytes ---- */

/* In pieces that they say themselves. */
static void
say(bool initiator, const uint8_t *data, size_t size)
{
	const size_t most = 400000 + 3 * size; /* of what it says: its own data, an answer to each head, grants */
	size_t some;

	raw = true;
	begin(0, initiator);
	yamux_set_round_trip(side[0].y, 1000);
	for (int i = 0; i < 2; i++) {
		struct ystream *s = ystream_open(side[0].y);
		must(s != NULL);
		struct end *e = add(&side[0], s);
		s->event = event;
		e->how = TAKES;
		e->wants = i == 0 ? 300000 : 3000;
		send_more(e);
	}
	for (; size > 0; data += some, size -= some) {
		some = 1 + data[0] * 5u % 64;
		some = some < size ? some : size;
		uint8_t *exact = malloc(some);
		must(exact != NULL);
		memcpy(exact, data, some);
		int rc = yamux_take(side[0].y, exact, some);
		free(exact);
		if (rc < 0)
			break;
		check(&side[0]);
		must(yamux_streams(side[0].y) <= YAMUX_MAX_STREAMS + 2 && side[0].out.len <= most);
		yamux_room(side[0].y);
	}
	end(0);
}

/* ---- a script ---- */

/* n bytes of what a side has said reach the other. Is there an other yet? */
static bool
deliver(int k, size_t n)
{
	struct side *from = &side[k], *to = &side[1 - k];
	uint8_t *exact;
	int rc;

	n = n < from->out.len ? n : from->out.len;
	if (n == 0)
		return true;
	must((exact = malloc(n)) != NULL);
	memcpy(exact, from->out.data, n);
	buf_shift(&from->out, n);
	rc = yamux_take(to->y, exact, n);
	free(exact);
	must(rc == 0 || changed);
	if (rc == 0 && room(from) > 0)
		yamux_room(from->y);
	return rc == 0;
}

static struct end *
pick(int k, uint8_t which)
{
	struct end *e = side[k].first;

	for (size_t i = side[k].n ? which % side[k].n : 0; i > 0; i--)
		e = e->next;
	return e && e->s ? e : NULL;
}

static void
open_stream(struct side *at, uint8_t how)
{
	struct ystream *s;

	if (at->n >= MAX_STREAMS || !(s = ystream_open(at->y)))
		return;
	s->event = event;
	add(at, s)->how = how;
}

static void
want(struct end *e, size_t n)
{
	if (e->ends || total + n > TOTAL)
		return;
	total += n;
	e->wants += n;
	send_more(e);
}

/* Bytes that nobody has sent, or others than were. */
static void
change(struct buf *out, uint8_t where, uint8_t x)
{
	if (out->len == 0 || where >= 0xf0) {
		must(buf_addc(out, x) == 0);
	} else {
		out->data[where * out->len / 0xf0] ^= x;
	}
	changed = true;
}

enum { OPEN, WANT, TAKE, FINISH, FREE, SEND_PING, DELIVER, LIMIT, TIME, ROUND_TRIP, CHANGE, HOW, STEPS };

/* One step, of four bytes: false at the end of a session. */
static bool
step(const uint8_t op[4])
{
	int k = op[0] & 1;
	struct side *at = &side[k];
	struct end *e = pick(k, op[1]);
	size_t n = (size_t)op[2] << 8 | op[3];

	switch ((op[0] >> 1) % STEPS) {
	case OPEN:
		open_stream(at, op[1] & (op[2] & 1 ? 0x77 : 0xff)); /* mostly owners that stay */
		break;
	case WANT:
		if (e)
			want(e, n * 16);
		break;
	case TAKE:
		if (e)
			take(e, n * 16);
		break;
	case FINISH:
		if (e) {
			e->ends = true;
			send_more(e);
		}
		break;
	case FREE:
		if (e && n < 0x4000)
			give_up(e);
		break;
	case SEND_PING:
		if (at->pings < MAX_PINGS)
			must(yamux_ping(at->y, 1000 + at->pings++) == 0);
		break;
	case DELIVER:
		return deliver(k, op[1] & 1 ? n : n * 16);
	case LIMIT:
		at->limit = n;
		yamux_room(at->y);
		break;
	case TIME:
		at->now += n;
		break;
	case ROUND_TRIP:
		yamux_set_round_trip(at->y, n);
		break;
	case CHANGE:
		if (may_change)
			change(&at->out, op[1], op[2]);
		break;
	default:
		if (e)
			e->how = op[2];
		break;
	}
	return true;
}

/* Both sides take all that comes, until nothing does. */
static void
drain(void)
{
	bool goes_on = true;
	size_t n;

	for (int rounds = 0; goes_on; rounds++) {
		must(rounds < 100000);
		goes_on = false;
		for (int k = 0; k < SIDES; k++) {
			side[k].limit = LARGE;
			yamux_room(side[k].y);
			goes_on |= side[k].out.len > 0;
			if (!deliver(k, SIZE_MAX))
				return;
			for (struct end *e = side[k].first; e; e = e->next)
				if (e->s && !ystream_is_empty(e->s)) {
					ystream_data(e->s, &n);
					take(e, n);
					goes_on = true;
				}
		}
	}
}

/* All that was to be sent has come, and all ends, where nobody has given up. */
static void
check_arrived(int k)
{
	size_t live = 0;

	must(side[k].pings == side[k].pongs);
	for (struct end *e = side[k].first; e; e = e->next) {
		live += e->s != NULL;
		if (!e->other || e->quit || e->other->quit)
			continue;
		must(e->sent == e->wants && e->other->got == e->sent);
		must(!e->ends || !e->s || e->s->finished);
		must(!e->other->s || e->other->s->ended == (!e->s || e->s->finished));
	}
	must(live == yamux_streams(side[k].y) && !yamux_waits(side[k].y));
}

static void
run(const uint8_t *data, size_t size)
{
	bool lives = true;

	raw = changed = false;
	total = 0;
	begin(0, true);
	begin(1, false);
	for (; lives && size >= 4; data += 4, size -= 4) {
		lives = step(data);
		check(&side[0]);
		check(&side[1]);
	}
	if (lives)
		drain();
	for (int k = 0; k < SIDES && !changed; k++)
		check_arrived(k);
	end(0);
	end(1);
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	for (uint32_t i = 0; i < sizeof pattern; i++)
		pattern[i] = (uint8_t)((i % PERIOD) * 2654435761u >> 20 & 0xff);
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1)
		return 0;
	may_change = data[0] % KINDS == CHANGES;
	if (data[0] % KINDS >= SCRIPT)
		run(data + 1, size - 1);
	else
		say(data[0] % KINDS == RAW_INITIATOR, data + 1, size - 1);
	return 0;
}
