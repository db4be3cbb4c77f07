/* Headers and frames as lines for people: a word, then name=value pairs. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "stream/setting.h"
#include "stream/sink.h"

enum {
	SHORT_ID = 12,  /* digits shown of an id */
	MAX_GROUPS = 8, /* runs of rows shown in a line */
};

struct lines {
	struct sink sink;
	FILE *out;
};

/* Text from a stream, made harmless for a terminal. */
static void
put_text(FILE *out, const char *name, const void *text, size_t n)
{
	const unsigned char *p = text;

	fprintf(out, " %s=\"", name);
	for (size_t i = 0; i < n; i++) {
		if (p[i] == '"' || p[i] == '\\')
			fprintf(out, "\\%c", p[i]);
		else if (p[i] == '\n')
			fputs("\\n", out);
		else if (p[i] >= 0x20 && p[i] < 0x7f)
			putc(p[i], out);
		else
			fprintf(out, "\\x%02x", p[i]);
	}
	putc('"', out);
}

static void
put_id(FILE *out, const char *name, const struct hash *id)
{
	char hex[HASH_HEX];

	if (!hash_is_none(id))
		fprintf(out, " %s=%.*s", name, SHORT_ID, hash_to_hex(id, hex));
}

/* Whether row i goes on where the one before it stands. */
static bool
goes_on(const struct row *r, uint32_t i)
{
	return i > 0 && r[i].seq == r[i - 1].seq && r[i].pos == r[i - 1].pos + 1;
}

static void
put_rows(FILE *out, const struct frame *f)
{
	uint32_t wanted = 0, groups = 0;

	for (uint32_t i = 0; i < f->n_rows; i++)
		wanted += (f->rows[i].flags & ROW_WANTED) != 0;
	fprintf(out, " n=%u wanted=%u row-bytes=%zu", f->n_rows, wanted, f->row_bytes);
	for (uint32_t i = 0, n; i < f->n_rows; i += n) {
		const struct row *r = &f->rows[i];
		for (n = 1; i + n < f->n_rows && goes_on(f->rows, i + n); n++)
			;
		if (++groups > MAX_GROUPS) {
			fputs(" ...", out);
			break;
		}
		fprintf(out, " %u@%u", r->seq, r->pos);
		if (n > 1)
			fprintf(out, "-%u", r->pos + n - 1);
	}
}

/* Those that change something. */
static void
put_sampling(FILE *out, const struct sampling *s)
{
	for (size_t i = 0; i < N_SETTINGS; i++) {
		double v = setting_get(&settings[i], s);
		if (v == setting_get(&settings[i], &sampling_none))
			continue;
		putc(' ', out);
		for (const char *c = settings[i].name; *c; c++)
			putc(*c == '_' ? '-' : *c, out);
		fprintf(out, settings[i].whole ? "=%.0f" : "=%g", v);
	}
	fprintf(out, " seed=%" PRIu64 "%s", s->seed, s->ignore_eos ? " ignore-eos" : "");
}

static void
put_open(FILE *out, const struct frame *f)
{
	const struct open *o = &f->open;

	fprintf(out, " ordinal=%" PRIu64 " output=%s", o->ordinal, o->output == OUTPUT_TOKENS ? "tokens" : "rows");
	if (o->output == OUTPUT_TOKENS)
		put_sampling(out, &o->sampling);
	for (uint32_t i = 0; i < o->n_biases; i++)
		fprintf(out, " bias=%u%+g", o->bias[i].token, (double)o->bias[i].bias);
	for (uint32_t i = 0; i < o->n_stops; i++)
		put_text(out, "stop", o->stop[i].data, o->stop[i].len);
	for (uint32_t i = 0; i < o->n_breakers; i++)
		put_text(out, "breaker", o->breaker[i].data, o->breaker[i].len);
	if (o->grammar.len > 0)
		put_text(out, "grammar", o->grammar.data, o->grammar.len);
}

static void
put_frame(FILE *out, const struct frame *f)
{
	fputs(frame_type_name(f->type), out);
	switch (f->type) {
	case FRAME_ROWS:
		put_rows(out, f);
		break;
	case FRAME_OPEN:
		fprintf(out, " seq=%u", f->seq);
		put_open(out, f);
		break;
	case FRAME_PROMPT_END:
		fprintf(out, " seq=%u text-bytes=%" PRIu64, f->seq, f->value);
		break;
	case FRAME_FORK:
		fprintf(out, " seq=%u pos=%u from=%" PRIu64, f->seq, f->pos, f->value);
		if (f->restated)
			put_open(out, f);
		break;
	case FRAME_CUT:
		fprintf(out, " seq=%u pos=%u", f->seq, f->pos);
		break;
	case FRAME_CLOSE:
		fprintf(out, " seq=%u pos=%u reason=%s", f->seq, f->pos, close_reason_name(f->reason));
		break;
	case FRAME_ERROR:
	case FRAME_RECEIPT:
	case FRAME_VOUCHER:
		put_text(out, "text", f->text, f->text_len);
		break;
	case FRAME_END:
		break;
	}
	if (f->hops > 0)
		fprintf(out, " hops=%u", f->hops);
	putc('\n', out);
}

static int
lines_header(struct sink *s, const struct stream_header *h)
{
	FILE *out = ((struct lines *)s)->out;

	fprintf(out, "stream kind=%s", stream_kind_name(h->kind));
	if (h->width > 0)
		fprintf(out, " dtype=%s width=%u next-layer=%u", stream_dtype_name(h->dtype), h->width, h->next_layer);
	put_id(out, "vocab", &h->vocab_id);
	put_id(out, "model", &h->model_id);
	if (h->profile[0])
		put_text(out, "profile", h->profile, strlen(h->profile));
	putc('\n', out);
	return sink_flush(out);
}

static int
lines_frame(struct sink *s, const struct frame *f)
{
	FILE *out = ((struct lines *)s)->out;

	put_frame(out, f);
	return sink_flush(out);
}

static int
lines_finish(struct sink *s)
{
	return sink_flush(((struct lines *)s)->out);
}

static void
lines_free(struct sink *s)
{
	free(s);
}

struct sink *
sink_lines(FILE *out)
{
	struct lines *l = mem_alloc(1, sizeof *l);

	if (!l)
		return NULL;
	*l = (struct lines){ { lines_header, lines_frame, lines_finish, lines_free }, out };
	return &l->sink;
}
