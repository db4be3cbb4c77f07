#include "flow/generate.h"

#include <string.h>

#include "base/err.h"
#include "base/msg.h"
#include "flow/fault.h"

static const char name[] = "stdout";

struct generate {
	struct source *from;
	struct outcome *sum;
	int out;
	bool echo;
	struct row row[STREAM_MAX_ROWS]; /* of the frame being made */
	uint32_t n;
};

static int
put(struct generate *g, const struct frame *f)
{
	return stream_write(g->out, f, false, name);
}

static int
flush(void *arg)
{
	struct generate *g = arg;
	uint32_t n = g->n;

	g->n = 0;
	return n ? put(g, &(struct frame){ .type = FRAME_ROWS, .n_rows = n, .rows = g->row }) : 0;
}

/* The output's sequences are called by their numbers, which the driver never uses twice. */
static int
add(struct generate *g, const struct sequence *s, uint32_t pos)
{
	if (g->n == STREAM_MAX_ROWS && flush(g) < 0)
		return -1;
	g->row[g->n++] = (struct row){ (uint32_t)s->number, pos, s->token[pos], ROW_WANTED };
	return 0;
}

static int
opened(void *arg, struct sequence *s)
{
	struct generate *g = arg;
	struct frame f = { .type = FRAME_OPEN, .seq = (uint32_t)s->number, .open = { .ordinal = s->ordinal } };

	f.open.sampling = sampling_none;
	s->shown = s->n_prompt;
	if (flush(g) < 0 || put(g, &f) < 0)
		return -1;
	for (uint32_t i = 0; g->echo && i < s->n_prompt; i++)
		if (add(g, s, i) < 0)
			return -1;
	return flush(g);
}

static int
show_until(struct generate *g, struct sequence *s, uint32_t end)
{
	while (s->shown < end && s->shown < s->n)
		if (add(g, s, s->shown++) < 0)
			return -1;
	return 0;
}

static int
row(void *arg, struct sequence *s, const struct row *r, const float *data)
{
	struct generate *g = arg;

	(void)data;
	g->sum->new_tokens++;
	/* What may become a stop text is kept back until it has, or can't any more. */
	return r->flags & ROW_HELD ? 0 : show_until(g, s, r->pos + 1);
}

static int
closed(void *arg, struct sequence *s)
{
	struct generate *g = arg;
	struct frame f = { .type = FRAME_CLOSE, .seq = (uint32_t)s->number, .pos = s->end, .reason = s->reason };

	outcome_of(g->sum, s);
	if (show_until(g, s, s->end) < 0 || flush(g) < 0)
		return -1;
	return put(g, &f);
}

static int
next(void *arg, struct sequence **s, bool *ended)
{
	return source_next(((struct generate *)arg)->from, s, ended);
}

static int
fill(void *arg)
{
	return source_fill(((struct generate *)arg)->from);
}

int
generate(struct link *l, struct source *from, const struct driver_options *o, bool echo, int out, struct outcome *sum)
{
	struct generate g = { .from = from, .sum = sum, .out = out, .echo = echo };
	const struct driver_client client = { .arg = &g, .fd = source_fd(from), .next = next, .fill = fill, .opened = opened,
		.row = row, .closed = closed, .flush = flush };
	const struct stream_header h = { .kind = STREAM_TOKENS, .vocab_id = link_header(l)->vocab_id };

	*sum = (struct outcome){ 0 };
	if (link_gives(l, STREAM_LOGITS, "tokens") < 0 || stream_write_header(out, &h, name) < 0)
		return -1;
	if (driver_run(l, &client, o) < 0)
		return fault_tell(out, NULL, msg_tool(), name);
	return put(&g, &(struct frame){ .type = FRAME_END });
}
