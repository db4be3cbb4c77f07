#include "flow/filter.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>

#include "base/err.h"
#include "flow/fault.h"

struct filter {
	struct stage *stage;
	struct stream_reader *in;
	const char *self, *in_name, *out_name;
	int in_fd, out_fd;
	struct outcome *sum;
	bool in_stream; /* a header was written whose stream has not ended */
	bool told;      /* an error frame has been passed on, which nothing may follow */
	bool closing;   /* the frame that is taken is a close: those before have told of it */
	bool driven;    /* a driver has sent rows, and sees what becomes of its sequences */
};

static int
put(void *arg, const struct frame *f)
{
	struct filter *x = arg;

	if (f->type == FRAME_CLOSE && !x->closing && !x->driven)
		outcome_close(x->sum, f->seq, f->reason, f->pos);
	if (f->type == FRAME_END)
		x->in_stream = false;
	x->told |= f->type == FRAME_ERROR;
	return stream_write(x->out_fd, f, false, x->out_name);
}

/* Waits for input, and for the end of whoever reads the output. */
static int
wait_for_input(const struct filter *x)
{
	struct pollfd p[2] = { { .fd = x->in_fd, .events = POLLIN }, { .fd = x->out_fd } };

	for (;;) {
		if (poll(p, 2, -1) < 0) {
			if (errno == EINTR)
				continue;
			return err_sys("poll");
		}
		if (p[1].revents & POLLERR)
			raise(SIGPIPE);
		if (p[0].revents)
			return 0;
		p[1].fd = -1; /* a socket that is half closed: nothing to learn from it */
	}
}

/* Takes the next header or frame as `take` does, reading what it needs. 1; 0 at the end of the input; -1. */
static int
next(struct filter *x, int (*take)(struct stream_reader *, void *), void *to)
{
	int rc, more = 1;

	while ((rc = take(x->in, to)) == 0 && more > 0)
		if (wait_for_input(x) < 0 || (more = stream_fill(x->in)) < 0)
			return -1;
	return rc;
}

static int
take_header(struct stream_reader *r, void *to)
{
	return stream_take_header(r, to);
}

static int
take_frame(struct stream_reader *r, void *to)
{
	return stream_take(r, to);
}

/* The frames of one stream, FRAME_END among them. */
static int
pass_frames(struct filter *x)
{
	struct frame f;
	int rc;

	do {
		if ((rc = next(x, take_frame, &f)) == 0)
			return stream_cut(x->in);
		if (rc < 0)
			return -1;
		x->closing = f.type == FRAME_CLOSE;
		x->driven |= f.hops > 0;
		if (stage_take(x->stage, &f, put, x) < 0)
			return -1;
		if (f.type == FRAME_ERROR)
			return err_set(ERR_DATA, "%s: %.*s", x->in_name, (int)f.text_len, f.text);
	} while (f.type != FRAME_END);
	stage_reset(x->stage);
	return 0;
}

static int
begin(struct filter *x)
{
	x->in_stream = true;
	return stream_write_header(x->out_fd, stage_header(x->stage), x->out_name);
}

/* Tells those behind, within a stream: between two it takes one more. */
static int
fail(struct filter *x)
{
	if (x->told)
		return -1;
	return fault_tell(x->out_fd, x->in_stream ? NULL : stage_header(x->stage), x->self, x->out_name);
}

static int
pass_streams(struct filter *x)
{
	struct stream_header h;
	int rc;

	if (begin(x) < 0)
		return -1;
	for (bool first = true; (rc = next(x, take_header, &h)) > 0; first = false) {
		if (stage_accepts(x->stage, &h, x->in_name) < 0)
			return fail(x);
		if (!first && begin(x) < 0)
			return -1;
		if (pass_frames(x) < 0)
			return fail(x);
	}
	if (rc < 0)
		return fail(x);
	if (stream_offset(x->in) > 0)
		return 0;
	/* No bytes at all: of a text that is empty, but a stage writes its header before anything can go wrong. */
	if (stage_takes_hidden(x->stage)) {
		stream_cut(x->in);
		return fail(x);
	}
	return put(x, &(struct frame){ .type = FRAME_END });
}

int
filter_run(struct stage *s, const char *self, int in, const char *in_name, int out, const char *out_name,
    struct outcome *sum)
{
	struct filter x = { .stage = s, .self = self, .in_name = in_name, .out_name = out_name, .in_fd = in, .out_fd = out,
		.sum = sum };
	int rc;

	if (!(x.in = stream_reader_new(in, in_name)))
		return -1;
	rc = pass_streams(&x);
	stream_reader_free(x.in);
	return rc;
}
