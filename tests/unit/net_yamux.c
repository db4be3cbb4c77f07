/* yamux: two sessions of one process joined by buffers, and one against a peer by hand. */
#include <malloc.h>

#include "base/err.h"
#include "net/yamux.h"
#include "vectors.h"

enum { DATA = 0, WINDOW = 1, PING = 2, AWAY = 3 };
enum { SYN = 1, ACK = 2, FIN = 4, RST = 8 };
enum { SIDES = 2, MAX_OPENED = 300, MAX_ID = 1024 };

/* ---- the bytes of a frame, by hand ---- */

static void
frame(struct buf *to, int type, unsigned flags, uint32_t id, uint32_t length)
{
	const uint8_t head[12] = { 0, (uint8_t)type, (uint8_t)(flags >> 8), (uint8_t)(flags & 0xff),
	    (uint8_t)(id >> 24), (uint8_t)(id >> 16 & 0xff), (uint8_t)(id >> 8 & 0xff), (uint8_t)(id & 0xff),
	    (uint8_t)(length >> 24), (uint8_t)(length >> 16 & 0xff), (uint8_t)(length >> 8 & 0xff), (uint8_t)(length & 0xff) };

	if (buf_add(to, head, sizeof head) < 0)
		abort();
}

/* ---- what passes by, read by another than yamux.c ---- */

struct watch {
	uint8_t head[12];
	size_t n_head, left;
	uint64_t sent[MAX_ID], granted[MAX_ID]; /* a stream's data, and window beyond its first */
	uint32_t largest;                       /* frame of data */
	size_t frames[4], resets, acks;
};

static uint32_t
number(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static void
see_head(struct watch *w)
{
	uint32_t id = number(w->head + 4), length = number(w->head + 8);

	w->frames[w->head[1] & 3]++;
	w->resets += (w->head[3] & RST) != 0;
	w->acks += w->head[1] != PING && w->head[3] & ACK;
	if (w->head[1] == DATA) {
		w->left = length;
		w->sent[id % MAX_ID] += length;
		w->largest = length > w->largest ? length : w->largest;
	} else if (w->head[1] == WINDOW) {
		w->granted[id % MAX_ID] += length;
	}
}

static void
see(struct watch *w, const uint8_t *data, size_t n)
{
	while (n > 0) {
		size_t some = w->left > 0 ? w->left : 12 - w->n_head;
		some = some < n ? some : n;
		if (w->left > 0) {
			w->left -= some;
		} else {
			memcpy(w->head + w->n_head, data, some);
			w->n_head += some;
			if (w->n_head == 12) {
				w->n_head = 0;
				see_head(w);
			}
		}
		data += some;
		n -= some;
	}
}

/* ---- a side ---- */

struct side {
	struct yamux *y;
	struct buf out; /* written, and not delivered yet */
	size_t limit;   /* of out, before there is no room */
	bool fails;     /* nothing can be written */
	bool refuses;   /* frees what is opened */
	struct ystream *opened[MAX_OPENED];
	size_t n_opened, n_pongs;
	uint32_t pong;
	struct watch *wrote, *got; /* NULL: not watched */
	bool broken;               /* more was sent than the other side has granted */
};

/* A stream's owner. */
struct owner {
	int events, resets, ends;
	bool frees;               /* its stream, in any event */
	struct ystream *frees_too;
	bool asks;                /* for room, in each event, but not for ever */
	bool opens;
	struct ystream *born;
};

static int
write_out(void *arg, const void *data, size_t n)
{
	struct side *s = arg;

	if (s->fails)
		return err_set(ERR_SYSTEM, "no memory, say");
	if (s->wrote)
		see(s->wrote, data, n);
	if (s->wrote && s->got)
		for (size_t i = 0; i < MAX_ID; i++)
			s->broken |= s->wrote->sent[i] > YAMUX_WINDOW + s->got->granted[i];
	return buf_add(&s->out, data, n);
}

static size_t
room(void *arg)
{
	const struct side *s = arg;

	return s->limit > s->out.len ? s->limit - s->out.len : 0;
}

static void
opened(void *arg, struct ystream *t)
{
	struct side *s = arg;

	if (s->refuses) {
		ystream_free(t);
		s->n_opened++;
	} else if (s->n_opened < MAX_OPENED) {
		s->opened[s->n_opened++] = t;
	} else {
		abort();
	}
}

static void
pong(void *arg, uint32_t value)
{
	struct side *s = arg;

	s->n_pongs++;
	s->pong = value;
}

static const struct yamux_calls calls = { write_out, room, opened, pong };

static void
begin(struct side *s, bool initiator)
{
	*s = (struct side){ .limit = 1 << 30 };
	if (!(s->y = yamux_new(initiator, &calls, s)))
		abort();
}

/* All streams that were opened at this side, and it. */
static void
end(struct side *s)
{
	for (size_t i = 0; i < s->n_opened && !s->refuses; i++)
		ystream_free(s->opened[i]);
	yamux_free(s->y);
	buf_free(&s->out);
	s->y = NULL;
}

static void
event(void *arg, struct ystream *s)
{
	struct owner *o = arg;

	o->events++;
	o->resets += s->reset;
	o->ends += s->ended;
	if (o->asks && o->events < 100)
		ystream_room(s);
	if (o->opens && s->mux && !o->born)
		o->born = ystream_open(s->mux);
	if (o->frees_too) {
		ystream_free(o->frees_too);
		o->frees_too = NULL;
	}
	if (o->frees)
		ystream_free(s);
}

static struct ystream *
own(struct ystream *s, struct owner *o)
{
	if (!s)
		abort();
	s->event = event;
	s->arg = o;
	return s;
}

/* Is this, in hexadecimal, all that was written? It is taken away. */
static bool
says(struct side *s, const char *text)
{
	bool same = is_hex(s->out.data, s->out.len, text);

	if (!same) {
		printf("# says");
		for (size_t i = 0; i < s->out.len && i < 64; i++)
			printf(" %02x", s->out.data[i]);
		printf("\n");
	}
	s->out.len = 0;
	return same;
}

#define PROTOCOL_ERROR "000300000000000000000001"

/* A frame from a peer, with so many bytes of 'x' where it is data. */
static int
hears(struct side *s, int type, unsigned flags, uint32_t id, uint32_t length)
{
	struct buf b = { 0 };

	frame(&b, type, flags, id, length);
	if (type == DATA && length > 0) {
		if (buf_zero(&b, length) < 0)
			abort();
		memset(b.data + 12, 'x', length);
	}
	int rc = yamux_take(s->y, b.data, b.len);
	buf_free(&b);
	return rc;
}

/* A frame that must end the connection, and a word of why. */
static bool
refuses(struct side *s, int type, unsigned flags, uint32_t id, uint32_t length, const char *why)
{
	struct buf b = { 0 };
	int rc;

	s->out.len = 0;
	frame(&b, type, flags, id, length); /* its head is enough */
	rc = yamux_take(s->y, b.data, b.len);
	buf_free(&b);
	return rc == -1 && strstr(err_reason(), why) && err_status() == ERR_DATA && says(s, PROTOCOL_ERROR);
}

static size_t
waiting(const struct ystream *s)
{
	size_t n;

	ystream_data(s, &n);
	return n;
}

/* n bytes that were written to the other side. */
static int
deliver(struct side *from, struct side *to, size_t n)
{
	if (n > from->out.len)
		n = from->out.len;
	if (n == 0)
		return 0;

	/* a copy of its own, whose end a sanitizer sees; and what is answered does not move what is read */
	uint8_t *copy = malloc(n);
	if (!copy)
		abort();
	memcpy(copy, from->out.data, n);
	buf_shift(&from->out, n);
	if (to->got)
		see(to->got, copy, n);
	int rc = yamux_take(to->y, copy, n);
	free(copy);
	return rc;
}

static void
settle(struct side s[SIDES])
{
	while (s[0].out.len + s[1].out.len > 0)
		for (int k = 0; k < SIDES; k++)
			if (deliver(&s[k], &s[1 - k], s[k].out.len) < 0) {
				printf("# %s\n", err_reason());
				abort();
			}
}

/* ---- known bytes ---- */

static void
check_known(void)
{
	struct side s;
	struct ystream *a, *b;

	begin(&s, true);
	a = ystream_open(s.y);
	b = ystream_open(s.y);
	tap_ok(a && b && a->id == 1 && b->id == 3 && says(&s, "000100010000000100000000" "000100010000000300000000"), "the initiator opens 1 and 3");
	tap_ok(ystream_send(a, "hi", 2) == 2 && says(&s, "000000000000000100000002" "6869"), "data");
	tap_ok(ystream_send(a, "", 0) == 0 && says(&s, ""), "of no bytes is none");
	tap_ok(ystream_finish(a) == 0 && a->finished && says(&s, "000000040000000100000000"), "the end of a stream");
	tap_ok(ystream_finish(a) == 0 && says(&s, ""), "is said once");
	ystream_free(b);
	tap_ok(says(&s, "000100080000000300000000"), "what is given up is reset");
	tap_ok(yamux_ping(s.y, 0x01020304) == 0 && says(&s, "000200010000000001020304"), "a ping");
	tap_ok(hears(&s, PING, ACK, 0, 0x01020304) == 0 && s.n_pongs == 1 && s.pong == 0x01020304 && says(&s, ""), "and its answer");
	tap_ok(hears(&s, PING, SYN, 0, 0xfffefdfc) == 0 && s.n_pongs == 1 && says(&s, "0002000200000000fffefdfc"), "the other's is answered");
	tap_ok(hears(&s, DATA, ACK, 1, YAMUX_WINDOW / 2) == 0 && waiting(a) == YAMUX_WINDOW / 2 && says(&s, ""), "half a window of data");
	tap_ok(ystream_take(a, YAMUX_WINDOW / 2 - 1, 0) == 0 && says(&s, "") && ystream_take(a, 1, 0) == 0 && says(&s, "000100000000000100020000"),
	    "is granted anew when it is taken");
	tap_ok(yamux_go_away(s.y) == 0 && says(&s, "000300000000000000000000"), "an end without a fault");
	tap_ok(hears(&s, WINDOW, SYN, 2, 5) == 0 && s.n_opened == 1 && s.opened[0]->id == 2 && says(&s, "000100020000000200000000"),
	    "a stream of the other side is acknowledged");
	ystream_free(a);
	s.out.len = 0;
	end(&s);

	begin(&s, false);
	a = ystream_open(s.y);
	b = ystream_open(s.y);
	tap_ok(a && b && says(&s, "000100010000000200000000" "000100010000000400000000"), "the listener opens 2 and 4");
	ystream_free(a);
	ystream_free(b);
	s.out.len = 0;
	tap_ok(hears(&s, DATA, SYN | FIN, 0x01020305, 3) == 0 && s.n_opened == 1 && s.opened[0]->id == 0x01020305 && waiting(s.opened[0]) == 3 &&
	    s.opened[0]->ended && says(&s, "000100020102030500000000"), "a stream may come with its data and its end");
	end(&s);
}

/* ---- chance, the same each time ---- */

static uint64_t chance;

static uint64_t
draw(uint64_t below)
{
	chance ^= chance << 13;
	chance ^= chance >> 7;
	chance ^= chance << 17;
	return chance % below;
}

/* ---- data both ways ---- */

enum { STREAMS = 6, BYTES = 700000 };

/* One direction of a stream. */
struct way {
	struct ystream *from, *to;
	uint8_t *data;
	size_t sent, got;
	bool same;
};

static void
push(struct way *w)
{
	size_t n = 1 + draw(120000);

	if (n > BYTES - w->sent)
		n = BYTES - w->sent;
	int64_t sent = ystream_send(w->from, w->data + w->sent, n);
	if (sent < 0 || (size_t)sent > n)
		abort();
	w->sent += (size_t)sent;
	if (w->sent == BYTES)
		ystream_finish(w->from);
}

static void
pull(struct way *w)
{
	size_t n;
	const uint8_t *data = ystream_data(w->to, &n);

	if (n > 0 && draw(3) == 0)
		n = 1 + draw(n);
	w->same &= w->got + n <= BYTES && (n == 0 || memcmp(data, w->data + w->got, n) == 0);
	w->got += n;
	if (n > 0)
		ystream_take(w->to, n, 0);
}

static void
check_transfer(bool tight)
{
	struct side s[SIDES];
	struct way way[2 * STREAMS] = { 0 };
	struct watch *w = calloc(4, sizeof *w);
	bool good = true, over = false;
	long rounds = 0;

	for (int k = 0; k < SIDES; k++) {
		begin(&s[k], k == 0);
		s[k].limit = tight ? 5000 : 1 << 20;
		s[k].wrote = &w[2 * k];
		s[k].got = &w[2 * k + 1];
	}
	for (size_t i = 0; i < STREAMS; i++)
		way[2 * i].from = way[2 * i + 1].to = ystream_open(s[i % 2].y);
	settle(s);
	for (size_t i = 0; i < STREAMS; i++)
		way[2 * i].to = way[2 * i + 1].from = s[1 - i % 2].opened[i / 2];
	for (size_t i = 0; i < 2 * STREAMS; i++) {
		way[i].same = true;
		if (!(way[i].data = malloc(BYTES)))
			abort();
		for (size_t j = 0; j < BYTES; j += 4)
			memcpy(way[i].data + j, &(uint32_t){ (uint32_t)draw(UINT32_MAX) }, 4);
	}
	for (; !over && good && rounds < 1000000; rounds++) {
		int k = (int)draw(2);
		push(&way[draw(2 * STREAMS)]);
		pull(&way[draw(2 * STREAMS)]);
		good = deliver(&s[k], &s[1 - k], 1 + draw(tight ? 3000 : 60000)) == 0;
		over = true;
		for (size_t i = 0; i < 2 * STREAMS; i++)
			over &= way[i].to->ended && way[i].got == BYTES;
	}
	tap_ok(good && over, "%d bytes on each of %d streams, both ways, %s", BYTES, STREAMS, tight ? "with little room" : "in large pieces");
	for (size_t i = 0; i < 2 * STREAMS; i++) {
		good &= way[i].same && way[i].got == BYTES && ystream_is_empty(way[i].to);
		free(way[i].data);
	}
	tap_ok(good, "come as they went");
	tap_ok(!s[0].broken && !s[1].broken && w[0].largest <= YAMUX_FRAME && w[2].largest <= YAMUX_FRAME,
	    "never more than was granted, in frames of at most %u bytes", (unsigned)(w[0].largest > w[2].largest ? w[0].largest : w[2].largest));
	settle(s);
	for (size_t i = 0; i < STREAMS; i++)
		ystream_free(way[2 * i].from);
	for (int k = 0; k < SIDES; k++)
		end(&s[k]);
	tap_ok(w[0].resets + w[2].resets == 0 && w[0].acks == STREAMS / 2, "and end without a reset");
	free(w);
}

/* ---- windows ---- */

/* How many bytes the other side may send at most on a stream, as what was written says. */
static uint64_t
promised(const struct watch *w, const struct ystream *s, uint64_t taken)
{
	return YAMUX_WINDOW + w->granted[s->id] - taken;
}

/* n streams on which all is sent that may be, and taken `step` nanoseconds later. The windows that come of it, together. */
static uint64_t
grow(struct ystream *from[], struct ystream *to[], struct side s[SIDES], uint64_t taken[], size_t n, int rounds, uint64_t step, uint64_t *most)
{
	static const uint8_t data[YAMUX_MAX_WINDOW / 4];
	static uint64_t now = 1; /* it only goes forward */
	uint64_t sum = 0;

	for (int r = 0; r < rounds; r++)
		for (size_t i = 0; i < n; i++) {
			now += step;
			while (ystream_send(from[i], data, sizeof data) > 0)
				continue;
			settle(s);
			taken[i] += waiting(to[i]);
			ystream_take(to[i], waiting(to[i]), now);
			settle(s);
		}
	*most = 0;
	for (size_t i = 0; i < n; i++) {
		uint64_t window = promised(s[1].wrote, to[i], taken[i]);
		sum += window;
		*most = window > *most ? window : *most;
	}
	return sum;
}

static void
check_growth(void)
{
	enum { N = 8 };
	struct side s[SIDES];
	struct watch *w = calloc(4, sizeof *w);
	struct ystream *from[N], *to[N];
	uint64_t taken[N] = { 0 }, most, sum;

	for (int k = 0; k < SIDES; k++) {
		begin(&s[k], k == 0);
		s[k].wrote = &w[2 * k];
		s[k].got = &w[2 * k + 1];
	}
	for (size_t i = 0; i < N; i++)
		from[i] = ystream_open(s[0].y);
	settle(s);
	memcpy(to, s[1].opened, sizeof to);
	grow(from, to, s, taken, 1, 20, 1, &most);
	tap_ok(most == YAMUX_WINDOW, "a window stays where the round trip is not known");
	yamux_set_round_trip(s[1].y, 1000);
	grow(from, to, s, taken, 1, 20, 2000, &most);
	tap_ok(most == YAMUX_WINDOW, "and where it was enough for two round trips");
	grow(from, to, s, taken, 1, 1, 1999, &most);
	tap_ok(most == 2 * YAMUX_WINDOW, "else it doubles");
	grow(from, to, s, taken, 1, 20, 100, &most);
	tap_ok(most == YAMUX_MAX_WINDOW, "up to %d bytes", YAMUX_MAX_WINDOW);
	sum = grow(from, to, s, taken, N, 12, 1, &most);
	tap_ok(sum <= YAMUX_MAX_WINDOWS && sum > YAMUX_MAX_WINDOWS / 2 && most == YAMUX_MAX_WINDOW, "all together %llu, of %d", (unsigned long long)sum,
	    YAMUX_MAX_WINDOWS);
	sum -= promised(s[1].wrote, to[0], taken[0]);
	ystream_free(to[0]);
	s[1].opened[0] = NULL;
	settle(s);
	tap_ok(grow(from + 1, to + 1, s, taken + 1, N - 1, 12, 1, &most) > sum, "what a stream had is free for others behind it");
	tap_ok(!s[0].broken, "and never more came than was granted");
	for (size_t i = 0; i < N; i++)
		ystream_free(from[i]);
	for (int k = 0; k < SIDES; k++)
		end(&s[k]);
	free(w);
}

/* A reader that does not take: no more than a window comes, whatever is written; and what it holds of it is bounded. */
static void
check_slow(void)
{
	struct side s[SIDES];
	uint8_t data[1000] = { 0 };
	size_t sent = 0;

	for (int k = 0; k < SIDES; k++)
		begin(&s[k], k == 0);
	struct ystream *a = ystream_open(s[0].y);
	for (int i = 0; i < 1000; i++) {
		sent += (size_t)ystream_send(a, data, sizeof data);
		settle(s);
	}
	tap_ok(sent == YAMUX_WINDOW && waiting(s[1].opened[0]) == YAMUX_WINDOW && ystream_room(a) == 0, "who does not take gets a window and no more");
	for (size_t i = 0; i < YAMUX_WINDOW; i++)
		ystream_take(s[1].opened[0], 1, 0);
	settle(s);
	tap_ok(ystream_room(a) == YAMUX_WINDOW, "and a window more when it has taken it, byte by byte");
	ystream_free(a);
	for (int k = 0; k < SIDES; k++)
		end(&s[k]);
}

static void
check_overflow(void)
{
	struct side s;

	begin(&s, false);
	hears(&s, WINDOW, SYN, 1, UINT32_MAX - YAMUX_WINDOW);
	tap_ok(hears(&s, WINDOW, 0, 1, 0) == 0, "4 GiB - 1 may be granted");
	tap_ok(refuses(&s, WINDOW, 0, 1, 1, "4 GiB"), "not 4 GiB: %s", err_reason());
	end(&s);
	begin(&s, false);
	hears(&s, WINDOW, SYN, 1, 0);
	tap_ok(refuses(&s, WINDOW, 0, 1, UINT32_MAX, "4 GiB"), "nor more at once");
	end(&s);
	begin(&s, false);
	tap_ok(hears(&s, WINDOW, SYN, 1, UINT32_MAX) == -1 && says(&s, "000100020000000100000000" PROTOCOL_ERROR), "nor with the opening");
	end(&s);

	begin(&s, false);
	tap_ok(hears(&s, DATA, SYN, 1, YAMUX_WINDOW) == 0 && waiting(s.opened[0]) == YAMUX_WINDOW, "a window may come at once");
	tap_ok(refuses(&s, DATA, 0, 1, 1, "window"), "and no byte more: %s", err_reason());
	end(&s);
	begin(&s, false);
	hears(&s, DATA, SYN, 1, YAMUX_WINDOW - 10);
	tap_ok(refuses(&s, DATA, 0, 1, 11, "window"), "nor in two frames");
	end(&s);
	for (uint32_t n = YAMUX_WINDOW + 1; n > YAMUX_WINDOW; n = n < UINT32_MAX / 2 ? 2 * n : n < UINT32_MAX ? UINT32_MAX : 0) {
		begin(&s, false);
		hears(&s, WINDOW, SYN, 1, 0);
		tap_ok(refuses(&s, DATA, 0, 1, n, "window"), "nor %u bytes", (unsigned)n);
		end(&s);
	}
	begin(&s, false);
	hears(&s, DATA, SYN, 1, YAMUX_WINDOW);
	ystream_take(s.opened[0], YAMUX_WINDOW / 2 - 1, 0);
	tap_ok(refuses(&s, DATA, 0, 1, 1, "window"), "what is taken and not yet granted may not come");
	end(&s);
	begin(&s, false);
	hears(&s, DATA, SYN, 1, YAMUX_WINDOW);
	ystream_take(s.opened[0], YAMUX_WINDOW / 2, 0);
	tap_ok(hears(&s, DATA, 0, 1, YAMUX_WINDOW / 2) == 0 && refuses(&s, DATA, 0, 1, 1, "window"), "what is granted may, once");
	end(&s);
}

/* What is still to come of a frame counts: a reader that takes the beginning of it is not told that all of it may come again. */
static void
check_coming(void)
{
	struct side s;
	struct buf b = { 0 };
	struct watch w = { 0 };

	begin(&s, false);
	s.wrote = &w;
	frame(&b, DATA, SYN, 1, YAMUX_WINDOW);
	if (buf_zero(&b, YAMUX_WINDOW) < 0)
		abort();
	for (size_t at = 0, some; at < b.len; at += some) {
		some = b.len - at < 7000 ? b.len - at : 7000;
		yamux_take(s.y, b.data + at, some);
		ystream_take(s.opened[0], waiting(s.opened[0]), 0);
		if (w.granted[1] > (at + some))
			break;
	}
	tap_ok(w.granted[1] <= YAMUX_WINDOW && w.granted[1] >= YAMUX_WINDOW / 2, "a frame that is taken as it comes is granted once");
	buf_free(&b);
	end(&s);
}

/* ---- ends ---- */

static void
check_half_close(void)
{
	struct side s[SIDES];
	struct owner o[SIDES] = { 0 };
	struct ystream *t[SIDES];

	for (int k = 0; k < SIDES; k++)
		begin(&s[k], k == 0);
	t[0] = own(ystream_open(s[0].y), &o[0]);
	settle(s);
	t[1] = own(s[1].opened[0], &o[1]);
	ystream_send(t[0], "question", 8);
	ystream_finish(t[0]);
	settle(s);
	tap_ok(o[1].events == 2 && o[1].ends == 1 && t[1]->ended && waiting(t[1]) == 8 && !t[1]->finished, "data, and then the end, is heard");
	tap_ok(ystream_send(t[0], "more", 4) == 0 && ystream_room(t[0]) == 0 && says(&s[0], ""), "behind the end nothing is sent");
	tap_ok(ystream_send(t[1], "answer", 6) == 6, "the other half lives on");
	settle(s);
	tap_ok(waiting(t[0]) == 6 && !t[0]->ended && o[0].events == 1, "and is heard");
	ystream_take(t[0], 6, 0);
	ystream_finish(t[1]);
	settle(s);
	tap_ok(t[0]->ended && o[0].ends == 1 && yamux_streams(s[0].y) == 1, "its end too");
	ystream_free(t[0]);
	ystream_free(t[1]);
	s[1].opened[0] = NULL;
	tap_ok(says(&s[0], "") && says(&s[1], "") && yamux_streams(s[0].y) + yamux_streams(s[1].y) == 0, "then nothing more is said");
	for (int k = 0; k < SIDES; k++)
		end(&s[k]);
}

/* Side `who` gives up, with data under way in both directions. */
static void
check_reset(int who)
{
	struct side s[SIDES];
	struct owner o[SIDES] = { 0 };
	struct ystream *t[SIDES], *other;

	for (int k = 0; k < SIDES; k++)
		begin(&s[k], k == 0);
	t[0] = own(ystream_open(s[0].y), &o[0]);
	other = ystream_open(s[0].y);
	settle(s);
	t[1] = own(s[1].opened[0], &o[1]);
	s[1].opened[0] = NULL;
	for (int k = 0; k < SIDES; k++)
		ystream_send(t[k], "under way", 9);
	ystream_free(t[who]);
	settle(s);
	struct ystream *left = t[1 - who];
	tap_ok(left->reset && o[1 - who].resets == 1 && left->mux, "a reset by the %s is heard", who == 0 ? "opener" : "other side");
	tap_ok(ystream_send(left, "x", 1) == 0 && ystream_room(left) == 0 && ystream_finish(left) == 0 && ystream_take(left, waiting(left), 0) == 0 &&
	    s[1 - who].out.len == 0, "nothing can be sent then");
	uint32_t id = left->id;
	tap_ok(hears(&s[1 - who], DATA, 0, id, 10) == 0 && waiting(left) == 0, "data behind it is passed over");
	tap_ok(hears(&s[1 - who], WINDOW, FIN, id, 10) == 0, "and so is an end");
	ystream_free(left);
	tap_ok(says(&s[1 - who], "") && hears(&s[1 - who], DATA, 0, id, 10) == 0 && hears(&s[1 - who], WINDOW, RST, id, 0) == 0 && says(&s[1 - who], ""),
	    "also when its owner has gone");
	tap_ok(ystream_send(other, "lives", 5) == 5, "another stream lives");
	settle(s);
	tap_ok(waiting(s[1].opened[1]) == 5, "and is heard");
	ystream_free(other);
	for (int k = 0; k < SIDES; k++)
		end(&s[k]);
}

/* Resets that come with data, as data, again. */
static void
check_resets(void)
{
	struct side s;
	struct owner o = { 0 };

	begin(&s, false);
	hears(&s, WINDOW, SYN, 1, 0);
	own(s.opened[0], &o);
	s.out.len = 0;
	tap_ok(hears(&s, DATA, RST, 1, 5) == 0 && s.opened[0]->reset && o.resets == 1, "a reset may come with data");
	ystream_finish(s.opened[0]);
	tap_ok(hears(&s, DATA, RST, 1, 0) == 0 && o.resets <= 2 && says(&s, ""), "and again");
	end(&s);
	begin(&s, false);
	tap_ok(hears(&s, WINDOW, SYN | RST, 1, 0) == 0 && s.opened[0]->reset, "one may come with the opening");
	end(&s);
	begin(&s, false);
	tap_ok(refuses(&s, WINDOW, RST, 1, 0, "never opened"), "but not before it: %s", err_reason());
	end(&s);
}

static void
check_behind_end(void)
{
	struct side s;
	struct owner o = { 0 };

	for (int type = DATA; type <= WINDOW; type++) {
		o = (struct owner){ 0 };
		begin(&s, false);
		hears(&s, WINDOW, SYN, 1, 0);
		own(s.opened[0], &o);
		s.out.len = 0;
		tap_ok(hears(&s, type, FIN, 1, 0) == 0 && o.ends == 1 && s.opened[0]->ended, "an end, as a frame of type %d", type);
		tap_ok(hears(&s, type, FIN, 1, 0) == 0 && o.ends == 1 && hears(&s, DATA, 0, 1, 0) == 0 && o.events == 1, "again, and no data: nothing happens");
		tap_ok(hears(&s, WINDOW, 0, 1, 100) == 0 && says(&s, ""), "a window may still come");
		tap_ok(refuses(&s, DATA, 0, 1, 1, "behind the end"), "data may not: %s", err_reason());
		end(&s);
	}
}

/* ---- ids ---- */

static const struct {
	const char *what;
	bool initiator;
	uint32_t theirs; /* a stream that is open; 0: none */
	int type;
	unsigned flags;
	uint32_t id, length;
	const char *why; /* NULL: it is taken */
} frames[] = {
	{ "the first stream", false, 0, WINDOW, SYN, 1, 0, NULL }, { "the first stream of a listener", true, 0, WINDOW, SYN, 2, 0, NULL },
	{ "a stream that leaves some out", false, 5, WINDOW, SYN, 9, 0, NULL }, { "the last stream", false, 5, DATA, SYN, UINT32_MAX, 0, NULL },
	{ "an even stream of an initiator", false, 0, WINDOW, SYN, 2, 0, "opened under an id" },
	{ "an odd one of a listener", true, 0, WINDOW, SYN, 1, 0, "opened under an id" },
	{ "stream 0 of an initiator", false, 0, WINDOW, SYN, 0, 0, "opened under an id" },
	{ "stream 0 of a listener", true, 0, WINDOW, SYN, 0, 0, "opened under an id" },
	{ "a stream again", false, 5, WINDOW, SYN, 5, 0, "opened under an id" },
	{ "one that was left out", false, 5, WINDOW, SYN, 3, 0, "opened under an id" },
	{ "one with data, again", false, 5, DATA, SYN, 5, 1, "opened under an id" },
	{ "one behind the last", false, UINT32_MAX, WINDOW, SYN, 1, 0, "opened under an id" },
	{ "data before a stream", false, 0, DATA, 0, 1, 1, "never opened" }, { "no data before a stream", false, 0, DATA, 0, 1, 0, "never opened" },
	{ "an end before a stream", false, 0, DATA, FIN, 1, 0, "never opened" }, { "a window before a stream", false, 0, WINDOW, 0, 1, 1, "never opened" },
	{ "data behind the newest", false, 5, DATA, 0, 7, 1, "never opened" }, { "data before the newest", false, 5, DATA, 0, 3, 1, NULL },
	{ "data of stream 0", false, 5, DATA, 0, 0, 1, "never opened" }, { "a window of stream 0", true, 0, WINDOW, 0, 0, 1, "never opened" },
	{ "data of a stream this side has not opened", true, 0, DATA, 0, 1, 1, "never opened" },
	{ "an answer to none", true, 0, WINDOW, ACK, 1, 0, "never opened" }, { "an answer to the other's own", false, 5, WINDOW, ACK, 5, 0, NULL },
	{ "version 1", false, 5, DATA | 1 << 8, 0, 5, 0, "version 1" }, { "version 255", false, 5, DATA | 255 << 8, 0, 5, 0, "version 255" },
	{ "type 4", false, 5, 4, 0, 5, 0, "type 4" }, { "type 255", false, 5, 255, 0, 0, 0, "type 255" },
	{ "flag 16", false, 5, DATA, 16, 5, 0, "flags 0x10" }, { "flag 32768", false, 5, WINDOW, 0x8000, 5, 0, "flags 0x8000" },
	{ "all flags on a ping", false, 5, PING, 0xffff, 0, 0, "flags 0xffff" },
	{ "a ping of no kind", false, 5, PING, 0, 0, 0, NULL }, { "an answer to no ping", false, 5, PING, ACK, 0, 7, NULL },
	{ "more data for a stream that is gone than any window", false, 5, DATA, 0, 3, YAMUX_MAX_WINDOW + 1, "any window" },
};

static void
check_frames(void)
{
	for (size_t i = 0; i < sizeof frames / sizeof *frames; i++) {
		struct side s;
		struct buf b = { 0 };
		begin(&s, frames[i].initiator);
		if (frames[i].theirs)
			hears(&s, WINDOW, SYN, frames[i].theirs, 0);
		frame(&b, frames[i].type & 0xff, frames[i].flags, frames[i].id, frames[i].length);
		b.data[0] = (uint8_t)(frames[i].type >> 8);
		s.out.len = 0;
		int rc = yamux_take(s.y, b.data, b.len);
		if (frames[i].why)
			tap_ok(rc == -1 && strstr(err_reason(), frames[i].why) && strncmp(err_reason(), "yamux: ", 7) == 0 &&
			    !strstr(err_reason() + 7, "yamux: ") && says(&s, PROTOCOL_ERROR), "%s: %s", frames[i].what, err_reason());
		else
			tap_ok(rc == 0, "%s is taken", frames[i].what);
		end(&s);
		buf_free(&b);
	}
}

/* ---- limits ---- */

static void
check_many(void)
{
	struct side s;
	bool good = true;

	begin(&s, false);
	for (uint32_t i = 0; i < YAMUX_MAX_STREAMS; i++)
		good &= hears(&s, WINDOW, SYN, 2 * i + 1, 0) == 0;
	tap_ok(good && yamux_streams(s.y) == YAMUX_MAX_STREAMS && s.n_opened == YAMUX_MAX_STREAMS, "%d streams may be open", YAMUX_MAX_STREAMS);
	s.out.len = 0;
	tap_ok(hears(&s, WINDOW, SYN, 513, 0) == 0 && s.n_opened == YAMUX_MAX_STREAMS && says(&s, "000100080000020100000000"), "one more is reset");
	tap_ok(hears(&s, DATA, 0, 513, 100) == 0 && hears(&s, WINDOW, FIN, 513, 9) == 0 && says(&s, ""), "what is sent on it is passed over");
	tap_ok(hears(&s, DATA, SYN, 515, 100) == 0 && says(&s, "000100080000020300000000"), "also with data at once");
	tap_ok(hears(&s, DATA, 0, 1, 9) == 0 && waiting(s.opened[0]) == 9, "the others live on");
	struct ystream *mine = ystream_open(s.y);
	tap_ok(mine && yamux_streams(s.y) == YAMUX_MAX_STREAMS + 1, "and this side may open its own");
	ystream_free(s.opened[7]);
	s.opened[7] = NULL;
	s.out.len = 0;
	tap_ok(hears(&s, WINDOW, SYN, 517, 0) == 0 && s.n_opened == YAMUX_MAX_STREAMS + 1 && says(&s, "000100020000020500000000"),
	    "when one is given up another may come");
	tap_ok(refuses(&s, WINDOW, SYN, 513, 0, "opened under an id"), "but none that was refused");
	ystream_free(mine);
	end(&s);
}

static void
check_unacknowledged(void)
{
	struct side s;
	struct ystream *t[YAMUX_MAX_UNACKNOWLEDGED + 4];
	size_t n = 0;

	begin(&s, true);
	while (n < YAMUX_MAX_UNACKNOWLEDGED)
		if (!(t[n++] = ystream_open(s.y)))
			abort();
	tap_ok(!ystream_open(s.y), "more than %d that are not answered can't be opened: %s", YAMUX_MAX_UNACKNOWLEDGED, err_reason());
	hears(&s, WINDOW, ACK, 3, 0);
	tap_ok((t[n++] = ystream_open(s.y)) && !ystream_open(s.y), "an answer makes room for one");
	hears(&s, WINDOW, ACK, 3, 0);
	tap_ok(!ystream_open(s.y), "once");
	hears(&s, DATA, ACK, 5, 1);
	tap_ok((t[n++] = ystream_open(s.y)) && !ystream_open(s.y), "so does one with data");
	hears(&s, WINDOW, RST, 7, 0);
	tap_ok((t[n++] = ystream_open(s.y)) && !ystream_open(s.y), "and a reset");
	ystream_free(t[3]);
	tap_ok(!ystream_open(s.y), "giving up what is reset makes none");
	ystream_free(t[4]);
	tap_ok((t[n++] = ystream_open(s.y)) && !ystream_open(s.y), "giving up what is not answered does");
	hears(&s, WINDOW, ACK, 9, 0);
	tap_ok(!ystream_open(s.y), "and its answer comes too late for more");
	for (size_t i = 0; i < n; i++)
		if (i != 3 && i != 4)
			ystream_free(t[i]);
	tap_ok(yamux_streams(s.y) == 0, "all are gone");
	end(&s);
}

/* ---- floods ---- */

static size_t
in_use(void)
{
	struct mallinfo2 m = mallinfo2();

	return m.uordblks + m.hblkhd;
}

enum { FLOOD = 10000, SMALL = 1 << 16 };

/* The same frame again and again, what is said being read. How many bytes were said; more memory than a little is a fault. */
static size_t
flood(struct side *s, int type, unsigned flags, uint32_t id, uint32_t step, uint32_t length)
{
	size_t said = 0, before;

	s->out.len = 0;
	before = in_use();
	for (uint32_t i = 0; i < FLOOD; i++) {
		if (hears(s, type, flags, id + i * step, length) < 0)
			return SIZE_MAX;
		said += s->out.len;
		s->out.len = 0;
	}
	return in_use() > before + SMALL ? SIZE_MAX : said;
}

static void
check_floods(void)
{
	struct side s;
	struct owner o = { 0 };

	begin(&s, false);
	hears(&s, WINDOW, SYN, 1, 0);
	own(s.opened[0], &o);
	tap_ok(flood(&s, DATA, 0, 1, 0, 0) == 0 && waiting(s.opened[0]) == 0, "%d frames without data", FLOOD);
	tap_ok(flood(&s, WINDOW, 0, 1, 0, 0) == 0, "windows of nothing");
	tap_ok(flood(&s, WINDOW, ACK, 1, 0, 0) == 0 && flood(&s, DATA, FIN, 1, 0, 0) == 0 && o.events == 1, "answers, and ends");
	tap_ok(flood(&s, PING, SYN, 0, 0, 0x01020304) == 12 * FLOOD && flood(&s, PING, ACK, 0, 0, 9) == 0 && s.n_pongs == FLOOD, "pings, and answers");
	tap_ok(flood(&s, WINDOW, RST, 1, 0, 0) == 0 && s.opened[0]->reset, "resets");
	end(&s);

	begin(&s, false);
	flood(&s, WINDOW, SYN, 1, 2, 0);
	tap_ok(yamux_streams(s.y) == YAMUX_MAX_STREAMS && s.n_opened == YAMUX_MAX_STREAMS, "%d streams: %d are open", FLOOD, YAMUX_MAX_STREAMS);
	end(&s);
	begin(&s, false);
	s.refuses = true;
	tap_ok(flood(&s, WINDOW, SYN, 1, 2, 0) == 24 * FLOOD && yamux_streams(s.y) == 0 && s.n_opened == FLOOD, "none, where all are given up");
	tap_ok(flood(&s, DATA, 0, 1, 2, 100) == 0 && flood(&s, DATA, FIN | RST, 1, 2, 100) == 0, "data for all of those");
	end(&s);
	begin(&s, false);
	for (int i = 0; i < 10; i++)
		yamux_take(s.y, (const uint8_t *)"\0\2\0\1\0\0\0\0\0\0\0", 11); /* never whole, or shifted */
	tap_ok(yamux_streams(s.y) == 0, "heads that are cut");
	end(&s);
}

/* A window of data in frames of a byte takes about as much memory as it has bytes. */
static void
check_small_frames(void)
{
	struct side s;
	size_t before;

	begin(&s, false);
	hears(&s, WINDOW, SYN, 1, 0);
	before = in_use();
	for (int i = 0; i < YAMUX_WINDOW; i++)
		hears(&s, DATA, 0, 1, 1);
	tap_ok(waiting(s.opened[0]) == YAMUX_WINDOW && in_use() <= before + 2 * YAMUX_WINDOW + SMALL, "a window in frames of a byte takes %zu KiB",
	    (in_use() - before) / 1024);
	end(&s);
}

/* ---- events, in which owners do what they like ---- */

static const struct {
	const char *what;
	int type;
	unsigned flags;
	uint32_t length;
} events[] = {
	{ "data", DATA, 0, 100 }, { "data with an end", DATA, FIN, 100 }, { "an end", DATA, FIN, 0 }, { "an end with a window", WINDOW, FIN, 9 },
	{ "data with a reset", DATA, RST, 100 }, { "a reset", WINDOW, RST, 0 }, { "an end and a reset", DATA, FIN | RST, 0 }, { "a window", WINDOW, 0, 9 },
};

/* A stream that waits to send gets one of these, and its owner frees it, or another, or opens one. What follows is read rightly. */
static bool
survives(size_t i, int what, size_t cut)
{
	struct side s;
	struct owner o = { .frees = what & 1, .opens = what & 4 }, next = { 0 };
	struct buf b = { 0 };
	static const uint8_t data[YAMUX_WINDOW];

	begin(&s, false);
	hears(&s, WINDOW, SYN, 1, 0);
	hears(&s, WINDOW, SYN, 3, 0);
	hears(&s, WINDOW, SYN, 5, 0);
	own(s.opened[1], &o);
	own(s.opened[2], &next);
	ystream_send(s.opened[1], data, sizeof data);
	ystream_room(s.opened[1]); /* it waits */
	if (what & 2) {
		o.frees_too = s.opened[0];
		s.opened[0] = NULL;
	}
	frame(&b, events[i].type, events[i].flags, 3, events[i].length);
	if (events[i].type == DATA && buf_zero(&b, events[i].length) < 0)
		abort();
	frame(&b, DATA, 0, 5, 3);
	buf_add(&b, "abc", 3);
	if (cut > b.len)
		cut = b.len;
	bool good = yamux_take(s.y, b.data, cut) == 0 && yamux_take(s.y, b.data + cut, b.len - cut) == 0;
	good = good && o.events > 0 && next.events > 0 && waiting(s.opened[2]) == 3;
	good = good && yamux_streams(s.y) == 3u - ((what & 1) != 0) - ((what & 2) != 0) + ((what & 4) != 0);
	if (o.frees)
		s.opened[1] = NULL;
	ystream_free(o.born);
	buf_free(&b);
	end(&s);
	return good;
}

static void
check_events(void)
{
	for (size_t i = 0; i < sizeof events / sizeof *events; i++) {
		int wrong = 0;
		for (int what = 0; what < 8; what++)
			for (size_t cut = 1; cut < 125; cut++)
				wrong += !survives(i, what, cut);
		tap_ok(wrong == 0, "%s: in its event an owner may free its stream, or another, or open one", events[i].what);
	}
}

/* Streams that wait for room, any of which may free any other when there is some. */
static void
check_room(void)
{
	enum { N = 5 };
	static const uint8_t data[1000];
	struct side s;
	struct owner o[N];
	struct ystream *t[N];
	int wrong = 0;

	for (size_t first = 0; first < N; first++)
		for (size_t other = 0; other < N; other++) {
			begin(&s, true);
			s.limit = 0;
			for (size_t i = 0; i < N; i++) {
				o[i] = (struct owner){ .frees = i == first };
				t[i] = own(ystream_open(s.y), &o[i]);
				wrong += ystream_send(t[i], data, sizeof data) != 0;
			}
			if (other != first)
				o[first].frees_too = t[other];
			yamux_room(s.y); /* there is none: nobody is told */
			for (size_t i = 0; i < N; i++)
				wrong += o[i].events != 0;
			s.limit = 1 << 20;
			wrong += !yamux_waits(s.y);
			yamux_room(s.y);
			for (size_t i = 0; i < N; i++) {
				bool gone = i == first || i == other;
				wrong += gone ? o[i].events > 1 : o[i].events != 1;
				if (!gone)
					ystream_free(t[i]);
			}
			wrong += o[first].events == 0 && other == first;
			wrong += yamux_waits(s.y);
			if (o[first].events == 0)
				ystream_free(t[first]);
			end(&s);
		}
	tap_ok(wrong == 0, "who waits for room is told once, whoever frees whom");
}

/* Each wait for something to send ends in an event, and nothing else does. */
static void
check_waits(void)
{
	static const uint8_t data[YAMUX_WINDOW];
	struct side s;
	struct owner o = { 0 };
	struct ystream *t;
	int wrong = 0;

	begin(&s, true);
	t = own(ystream_open(s.y), &o);
	hears(&s, WINDOW, ACK, 1, 5);
	tap_ok(o.events == 0, "who does not wait is not told of a window");
	tap_ok(ystream_send(t, data, sizeof data) == YAMUX_WINDOW && ystream_room(t) == 5 && ystream_send(t, data, 6) == 5, "a window is as large as was said");
	yamux_room(s.y);
	tap_ok(o.events == 0 && !yamux_waits(s.y), "room does not help who waits for a window");
	hears(&s, WINDOW, 0, 1, 0);
	tap_ok(o.events == 0, "nor does a window of nothing");
	hears(&s, WINDOW, 0, 1, 1);
	tap_ok(o.events == 1 && ystream_room(t) == 1, "a byte does");
	hears(&s, WINDOW, 0, 1, 1);
	tap_ok(o.events == 1, "and is told once");
	ystream_send(t, data, 3);
	hears(&s, WINDOW, FIN, 1, 0);
	tap_ok(o.events == 2 && o.ends == 1, "an end is told in between");
	hears(&s, WINDOW, 0, 1, 7);
	tap_ok(o.events == 3, "and is not taken for the window that was waited for");
	ystream_send(t, data, 8);
	hears(&s, WINDOW, FIN, 1, 7);
	tap_ok(o.events == 4, "nor is a window lost that comes with an end again");
	s.limit = s.out.len + 3;
	tap_ok(ystream_send(t, data, 7) == 3 && ystream_send(t, data, 4) == 0, "there may be a window and no room");
	ystream_free(t);
	end(&s);

	for (size_t n = 1; n <= sizeof data; n = n < YAMUX_FRAME - 1 ? 3 * n + 2 : n < 70000 ? n + 1 : 2 * n) {
		begin(&s, true);
		t = own(ystream_open(s.y), &o);
		s.limit = s.out.len + n;
		wrong += ystream_room(t) != n || ystream_send(t, data, n) != (int64_t)n || ystream_room(t) != 0 || !yamux_waits(s.y);
		ystream_free(t);
		end(&s);
	}
	tap_ok(wrong == 0, "all is taken that there was said to be room for, whatever frames it takes");
}

/* An owner that asks for room although it has said the end, or heard of a reset, waits for nothing. */
static void
check_asks(void)
{
	static const uint8_t data[10];
	struct side s;
	struct owner o = { .asks = true };
	struct ystream *t;

	begin(&s, true);
	s.limit = 0;
	t = own(ystream_open(s.y), &o);
	ystream_send(t, data, 10);
	ystream_finish(t);
	ystream_room(t);
	s.limit = 1 << 20;
	yamux_room(s.y);
	tap_ok(o.events <= 1 && !yamux_waits(s.y), "a stream that is finished does not wait for room");
	hears(&s, WINDOW, RST, 1, 0);
	o.events = 0;
	yamux_room(s.y);
	tap_ok(o.events == 0 && !yamux_waits(s.y), "nor one that is reset");
	ystream_free(t);
	end(&s);
}

/* ---- the session ---- */

static void
check_away(void)
{
	struct side s;
	struct ystream *t;

	for (uint32_t code = 0; code < 4; code++) {
		begin(&s, true);
		t = ystream_open(s.y);
		s.out.len = 0;
		tap_ok(!yamux_gone_away(s.y) && hears(&s, AWAY, 0, 0, code) == (code ? -1 : 0) && yamux_gone_away(s.y), "going away with code %u: %s", (unsigned)code,
		    code ? err_reason() : "heard");
		tap_ok(!ystream_open(s.y) && says(&s, ""), "no stream is opened then: %s", err_reason());
		if (code == 0)
			tap_ok(ystream_send(t, "x", 1) == 1 && hears(&s, DATA, ACK, 1, 5) == 0 && waiting(t) == 5, "those that are open live on");
		ystream_free(t);
		end(&s);
	}
}

/* What its owners hear when a session is freed; they may free theirs then or later. */
static void
check_free(void)
{
	struct side s;
	struct owner o[3] = { { 0 }, { .frees = true }, { 0 } };
	struct ystream *t[3];

	begin(&s, true);
	for (int i = 0; i < 3; i++)
		t[i] = own(ystream_open(s.y), &o[i]);
	hears(&s, DATA, ACK, 1, 9);
	o[0].events = 0;
	s.out.len = 0;
	end(&s);
	tap_ok(o[0].resets == 1 && o[1].resets == 1 && o[2].resets == 1 && o[0].events == 1, "at the end of a session all owners hear of a reset");
	tap_ok(t[0]->reset && !t[0]->mux && ystream_send(t[0], "x", 1) == 0 && ystream_room(t[0]) == 0 && ystream_finish(t[0]) == 0 &&
	    waiting(t[0]) == 9 && ystream_take(t[0], 9, 0) == 0 && ystream_is_empty(t[0]), "what they hold of it does nothing more");
	ystream_free(t[0]);
	ystream_free(t[2]);
	ystream_free(NULL);
	yamux_free(NULL);
}

/* Where nothing can be written all fails, and nothing is lost. */
static void
check_failing(void)
{
	struct side s;
	struct ystream *t;

	begin(&s, false);
	t = ystream_open(s.y);
	hears(&s, DATA, SYN, 1, YAMUX_WINDOW);
	s.fails = true;
	tap_ok(!ystream_open(s.y) && yamux_streams(s.y) == 2, "no stream is opened where nothing can be written: %s", err_reason());
	tap_ok(ystream_send(t, "x", 1) == -1 && ystream_finish(t) == -1 && yamux_ping(s.y, 1) == -1 && yamux_go_away(s.y) == -1, "nothing is sent");
	tap_ok(ystream_take(s.opened[0], YAMUX_WINDOW, 0) == -1, "nor granted");
	tap_ok(hears(&s, PING, SYN, 0, 1) == -1 && hears(&s, WINDOW, SYN, 3, 0) == -1 && s.n_opened == 1 && yamux_streams(s.y) == 2, "nor answered");
	ystream_free(t);
	end(&s);
}

/* All of a session's frames, cut in two anywhere, and into bytes: the same is said, and heard. */
static void
check_cuts(void)
{
	static const char want[] = "000100020000000100000000" "000200020000000000000007" "000100020000000300000000";
	struct buf b = { 0 };
	struct side s;
	int wrong = 0;

	frame(&b, DATA, SYN, 1, 4);
	buf_add(&b, "abcd", 4);
	frame(&b, PING, SYN, 0, 7);
	frame(&b, WINDOW, 0, 1, 1000);
	frame(&b, WINDOW, SYN, 3, 0);
	frame(&b, DATA, FIN, 1, 5);
	buf_add(&b, "efghi", 5);
	frame(&b, WINDOW, RST, 3, 0);
	frame(&b, PING, ACK, 0, 8);
	for (size_t cut = 0; cut <= b.len; cut++) {
		begin(&s, false);
		size_t step = cut == 0 ? 1 : cut;
		for (size_t at = 0; at < b.len; at += step, step = cut == 0 ? 1 : b.len - cut) {
			uint8_t *exact = malloc(step); /* a sanitizer sees its end */
			memcpy(exact, b.data + at, step);
			wrong += yamux_take(s.y, exact, step) != 0;
			free(exact);
			if (at + step == b.len)
				break;
		}
		size_t n;
		const uint8_t *data = ystream_data(s.opened[0], &n);
		wrong += s.n_opened != 2 || n != 9 || memcmp(data, "abcdefghi", 9) != 0 || !s.opened[0]->ended || !s.opened[1]->reset || s.pong != 8;
		wrong += !says(&s, want);
		end(&s);
	}
	tap_ok(wrong == 0, "frames may be cut anywhere");
	buf_free(&b);
}

int
main(void)
{
	chance = 88172645463325252u;
	check_known();
	check_transfer(false);
	check_transfer(true);
	check_growth();
	check_slow();
	check_overflow();
	check_coming();
	check_half_close();
	check_reset(0);
	check_reset(1);
	check_resets();
	check_behind_end();
	check_frames();
	check_many();
	check_unacknowledged();
	check_floods();
	check_small_frames();
	check_events();
	check_room();
	check_waits();
	check_asks();
	check_away();
	check_free();
	check_failing();
	check_cuts();
	return tap_done();
}
