#include "net/yamux.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"

enum type { DATA = 0, WINDOW = 1, PING = 2, GO_AWAY = 3 };
enum { SYN = 1, ACK = 2, FIN = 4, RST = 8 };
enum { AWAY_NORMAL = 0, AWAY_PROTOCOL = 1 };

struct head {
	uint8_t type;
	uint16_t flags;
	uint32_t stream, length;
};

struct yamux {
	bool initiator, away;
	const struct yamux_calls *calls;
	void *arg;
	struct ystream *first;
	size_t n, theirs, unacknowledged;
	uint64_t windows;              /* of all streams, together */
	uint32_t next_id, last_theirs; /* of the next stream of this side; the newest of the other */
	uint64_t round_trip;

	uint8_t head[YAMUX_HEADER];    /* of a frame, as far as it came */
	size_t n_head;
	uint32_t left;                 /* bytes of data that are still to come of the frame, */
	struct ystream *of;            /* for this stream; NULL: one that is gone */
	uint16_t flags;                /* that hold when they are all there */
};

/* ---- the bytes of a frame's head ---- */

static void
pack(uint8_t to[YAMUX_HEADER], struct head h)
{
	to[0] = 0;
	to[1] = h.type;
	to[2] = (uint8_t)(h.flags >> 8);
	to[3] = (uint8_t)(h.flags & 0xff);
	for (int i = 0; i < 4; i++) {
		to[4 + i] = (uint8_t)(h.stream >> (24 - 8 * i) & 0xff);
		to[8 + i] = (uint8_t)(h.length >> (24 - 8 * i) & 0xff);
	}
}

static int
unpack(struct head *h, const uint8_t from[YAMUX_HEADER])
{
	*h = (struct head){ .type = from[1], .flags = (uint16_t)(from[2] << 8 | from[3]) }; /* 16 bits */
	for (int i = 0; i < 4; i++) {
		h->stream = h->stream << 8 | from[4 + i];
		h->length = h->length << 8 | from[8 + i];
	}
	if (from[0] != 0 || h->type > GO_AWAY || h->flags & ~(SYN | ACK | FIN | RST))
		return err_set(ERR_DATA, "a frame of version %d, type %d, flags %#x", from[0], h->type, (unsigned)h->flags);
	return 0;
}

static int
send_head(struct yamux *y, enum type type, unsigned flags, uint32_t stream, uint32_t length)
{
	uint8_t bytes[YAMUX_HEADER];

	pack(bytes, (struct head){ (uint8_t)type, (uint16_t)flags, stream, length }); /* both small */
	return y->calls->write(y->arg, bytes, sizeof bytes);
}

/* ---- streams ---- */

static struct ystream *
find(const struct yamux *y, uint32_t id)
{
	struct ystream *s = y->first;

	while (s && s->id != id)
		s = s->next;
	return s;
}

static bool
is_theirs(const struct yamux *y, uint32_t id)
{
	return (id % 2 == 1) != y->initiator;
}

static struct ystream *
add(struct yamux *y, uint32_t id)
{
	struct ystream *s = mem_alloc(1, sizeof *s);

	if (!s)
		return NULL;
	*s = (struct ystream){ .mux = y, .id = id, .granted = YAMUX_WINDOW, .window = YAMUX_WINDOW, .credit = YAMUX_WINDOW };
	s->next = y->first;
	y->first = s;
	y->n++;
	y->windows += s->window;
	y->theirs += is_theirs(y, id);
	return s;
}

static void
drop(struct ystream *s)
{
	struct yamux *y = s->mux;

	if (y) {
		struct ystream **link = &y->first;
		while (*link != s)
			link = &(*link)->next;
		*link = s->next;
		y->n--;
		y->windows -= s->window;
		y->theirs -= is_theirs(y, s->id);
		y->unacknowledged -= s->opening;
		if (y->of == s)
			y->of = NULL;
	}
	buf_free(&s->in);
	free(s);
}

static void
tell(struct ystream *s)
{
	if (s->event)
		s->event(s->arg, s);
}

static void
acknowledged(struct ystream *s)
{
	s->mux->unacknowledged -= s->opening;
	s->opening = false;
}

struct ystream *
ystream_open(struct yamux *y)
{
	struct ystream *s;

	if (y->away || y->next_id > UINT32_MAX - 2 || y->unacknowledged == YAMUX_MAX_UNACKNOWLEDGED) {
		err_set(ERR_SYSTEM, "no more streams can be opened on this connection");
		return NULL;
	}
	if (!(s = add(y, y->next_id)))
		return NULL;
	y->next_id += 2;
	s->opening = true;
	y->unacknowledged++;
	if (send_head(y, WINDOW, SYN, s->id, 0) < 0) {
		drop(s);
		return NULL;
	}
	return s;
}

const uint8_t *
ystream_data(const struct ystream *s, size_t *n)
{
	*n = s->in.len - s->taken;
	return s->in.data ? s->in.data + s->taken : NULL;
}

bool
ystream_is_empty(const struct ystream *s)
{
	return s->taken == s->in.len;
}

/*
 * Grants what was taken, half a window at a time. A stream that used up half its window in less than two round trips is
 * held back by it: it gets twice as much.
 */
static int
grant(struct ystream *s, uint64_t now)
{
	/* What was granted, what is still to come of a frame, and what waits are never more than the window. */
	uint32_t coming = s->mux->of == s ? s->mux->left : 0;
	uint32_t more = s->window - s->granted - coming - (uint32_t)(s->in.len - s->taken);

	if (s->ended || s->reset || more < s->window / 2)
		return 0;
	if (s->mux->round_trip > 0 && now - s->updated < 2 * s->mux->round_trip && s->window < YAMUX_MAX_WINDOW &&
	    s->mux->windows + s->window <= YAMUX_MAX_WINDOWS) {
		more += s->window;
		s->mux->windows += s->window;
		s->window *= 2;
	}
	s->updated = now;
	s->granted += more;
	return send_head(s->mux, WINDOW, 0, s->id, more);
}

int
ystream_take(struct ystream *s, size_t n, uint64_t now)
{
	s->taken += n;
	if (s->taken == s->in.len) {
		s->taken = s->in.len = 0;
	} else if (s->taken >= s->in.len / 2) {
		buf_shift(&s->in, s->taken);
		s->taken = 0;
	}
	return s->mux ? grant(s, now) : 0;
}

size_t
ystream_room(struct ystream *s)
{
	size_t room;

	if (s->reset || s->finished) /* nothing more is sent: there is nothing to wait for */
		return 0;
	room = s->mux->calls->room(s->mux->arg);
	if (room > s->credit)
		room = s->credit;
	s->full |= room == 0;
	return room;
}

/* The heads of frames are not counted as room: all is taken that ystream_room has said. */
int64_t
ystream_send(struct ystream *s, const void *data, size_t n)
{
	const uint8_t *from = data;
	size_t sent = 0, most = n > 0 ? ystream_room(s) : 0; /* heads of frames are not counted: what was room at first is room */

	if (most > n)
		most = n;
	while (sent < most) {
		uint32_t some = most - sent < YAMUX_FRAME ? (uint32_t)(most - sent) : YAMUX_FRAME; /* <= YAMUX_FRAME */
		if (send_head(s->mux, DATA, 0, s->id, some) < 0 || s->mux->calls->write(s->mux->arg, from + sent, some) < 0)
			return -1;
		s->credit -= some;
		sent += some;
	}
	s->full |= sent < n && !s->reset && !s->finished;
	return (int64_t)sent; /* <= credit */
}

int
ystream_finish(struct ystream *s)
{
	if (s->finished || s->reset)
		return 0;
	s->finished = true;
	s->full = false;
	return send_head(s->mux, DATA, FIN, s->id, 0);
}

void
ystream_free(struct ystream *s)
{
	if (!s)
		return;
	if (s->mux && !s->reset && !(s->ended && s->finished))
		send_head(s->mux, WINDOW, RST, s->id, 0); /* it fails where the connection does, which tells it */
	drop(s);
}

static void
reset(struct ystream *s)
{
	acknowledged(s);
	s->reset = true;
	s->full = false;
	tell(s);
}

/* ---- frames that came ---- */

/* It fails only where the connection does, which is at its end anyway. */
static void
say_violation(struct yamux *y)
{
	send_head(y, GO_AWAY, 0, 0, AWAY_PROTOCOL);
}

static int
violation(struct yamux *y, const char *what)
{
	say_violation(y);
	return err_set(ERR_DATA, "yamux: %s", what);
}

/* A frame that opens a stream. *s is NULL where it is refused. */
static int
opened(struct yamux *y, const struct head *h, struct ystream **s)
{
	*s = NULL;
	if (!is_theirs(y, h->stream) || h->stream <= y->last_theirs || h->stream == 0)
		return violation(y, "a stream is opened under an id that it can't have");
	y->last_theirs = h->stream;
	if (y->theirs >= YAMUX_MAX_STREAMS)
		return send_head(y, WINDOW, RST, h->stream, 0);
	if (!(*s = add(y, h->stream)))
		return -1;
	if (send_head(y, WINDOW, ACK, h->stream, 0) < 0) {
		drop(*s); /* it has no owner yet */
		return -1;
	}
	y->calls->opened(y->arg, *s);
	*s = find(y, h->stream); /* it may have been given up */
	return 0;
}

/* The stream that a frame is about; NULL for one that is gone. */
static int
stream_of(struct yamux *y, const struct head *h, struct ystream **s)
{
	if (h->flags & SYN)
		return opened(y, h, s);
	*s = find(y, h->stream);
	if (!*s && (h->stream == 0 || (is_theirs(y, h->stream) ? h->stream > y->last_theirs : h->stream >= y->next_id)))
		return violation(y, "a frame of a stream that was never opened");
	if (*s && h->flags & ACK)
		acknowledged(*s);
	return 0;
}

/* Flags that close, once all data of the frame is there. */
static void
close_flags(struct ystream *s, unsigned flags)
{
	if (flags & RST) {
		reset(s);
	} else if (flags & FIN && !s->ended) {
		s->ended = true;
		tell(s);
	}
}

static int
take_window(struct yamux *y, const struct head *h)
{
	struct ystream *s;
	bool more, ends;

	if (stream_of(y, h, &s) < 0)
		return -1;
	if (!s)
		return 0;
	if (h->length > UINT32_MAX - s->credit)
		return violation(y, "a window of more than 4 GiB");
	s->credit += h->length;
	more = s->full && h->length > 0;
	ends = h->flags & RST || (h->flags & FIN && !s->ended);
	if (more)
		s->full = false;
	if (ends) /* one event tells both */
		close_flags(s, h->flags);
	else if (more)
		tell(s);
	return 0;
}

static int
begin_data(struct yamux *y, const struct head *h)
{
	struct ystream *s;

	if (stream_of(y, h, &s) < 0)
		return -1;
	if (s && h->length > 0 && s->ended)
		return violation(y, "data behind the end of a stream");
	if (s && h->length > s->granted)
		return violation(y, "more data than the window allows");
	if (!s && h->length > YAMUX_MAX_WINDOW)
		return violation(y, "more data than any window allows");
	if (s)
		s->granted -= h->length;
	y->left = h->length;
	y->of = s;
	y->flags = h->flags;
	if (h->length == 0 && s)
		close_flags(s, h->flags);
	return 0;
}

/* Up to n bytes of the data of a frame. How many; -1. */
static int64_t
take_data(struct yamux *y, const uint8_t *data, size_t n)
{
	struct ystream *s = y->of;
	uint32_t some = n < y->left ? (uint32_t)n : y->left; /* <= left */
	size_t direct = 0;

	y->left -= some;
	if (!s || s->reset)
		return some;
	if (s->direct && ystream_is_empty(s))
		direct = s->direct(s->arg, data, some);
	if (direct < some && buf_add(&s->in, data + direct, some - direct) < 0)
		return -1;
	tell(s);
	if (y->left == 0 && y->of) /* not given up meanwhile */
		close_flags(y->of, y->flags);
	return some;
}

static int
take_head(struct yamux *y)
{
	struct head h;

	if (unpack(&h, y->head) < 0) {
		say_violation(y);
		return err_wrap("yamux");
	}
	switch (h.type) {
	case DATA:
		return begin_data(y, &h);
	case WINDOW:
		return take_window(y, &h);
	case PING:
		if (h.flags & SYN)
			return send_head(y, PING, ACK, 0, h.length);
		if (h.flags & ACK)
			y->calls->pong(y->arg, h.length);
		return 0;
	default:
		y->away = true;
		return h.length == AWAY_NORMAL ? 0 : err_set(ERR_DATA, "yamux: the peer ends the connection, code %u", (unsigned)h.length);
	}
}

int
yamux_take(struct yamux *y, const uint8_t *data, size_t n)
{
	while (n > 0) {
		size_t some;
		if (y->left > 0) {
			int64_t got = take_data(y, data, n);
			if (got < 0)
				return -1;
			some = (size_t)got; /* not negative */
		} else {
			some = YAMUX_HEADER - y->n_head < n ? YAMUX_HEADER - y->n_head : n;
			memcpy(y->head + y->n_head, data, some);
			y->n_head += some;
			if (y->n_head == YAMUX_HEADER) {
				y->n_head = 0;
				if (take_head(y) < 0)
					return -1;
			}
		}
		data += some;
		n -= some;
	}
	return 0;
}

/* ---- the session ---- */

struct yamux *
yamux_new(bool initiator, const struct yamux_calls *calls, void *arg)
{
	struct yamux *y = mem_alloc(1, sizeof *y);

	if (y)
		*y = (struct yamux){ .initiator = initiator, .calls = calls, .arg = arg, .next_id = initiator ? 1 : 2 };
	return y;
}

void
yamux_free(struct yamux *y)
{
	if (!y)
		return;
	while (y->first) {
		struct ystream *s = y->first;
		y->first = s->next;
		s->mux = NULL;
		s->reset = true;
		tell(s);
	}
	free(y);
}

void
yamux_room(struct yamux *y)
{
	struct ystream *s = y->first;

	/* An owner may free any stream, so the walk begins anew after each call; `full` marks those that are left. */
	while (s) {
		if (s->full && s->credit > 0 && y->calls->room(y->arg) > 0) {
			s->full = false;
			tell(s);
			s = y->first;
		} else {
			s = s->next;
		}
	}
}

bool
yamux_waits(const struct yamux *y)
{
	for (const struct ystream *s = y->first; s; s = s->next)
		if (s->full && s->credit > 0)
			return true;
	return false;
}

void
yamux_set_round_trip(struct yamux *y, uint64_t ns)
{
	y->round_trip = ns;
}

int
yamux_ping(struct yamux *y, uint32_t value)
{
	return send_head(y, PING, SYN, 0, value);
}

int
yamux_go_away(struct yamux *y)
{
	return send_head(y, GO_AWAY, 0, 0, AWAY_NORMAL);
}

bool
yamux_gone_away(const struct yamux *y)
{
	return y->away;
}

size_t
yamux_streams(const struct yamux *y)
{
	return y->n;
}

void *
yamux_arg(const struct yamux *y)
{
	return y->arg;
}
