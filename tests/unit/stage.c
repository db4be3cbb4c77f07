/* A stage: frames in, frames out. Forks and cuts, what closes a sequence, and that nobody else feels it. */
#include "flow/stage.h"

#include <math.h>

#include "flow/grammars.h"
#include "model_sample.h"
#include "tap.h"

enum { CONTEXT = 128, WIDTH = VOCAB > DIM ? VOCAB : DIM };

/* ---- a stage, and what it gave for the last frame ---- */

static struct {
	struct model *model;
	struct engine *engine;
	struct vocab *vocab;
	struct stage *stage;

	int rc;
	struct row row[STREAM_MAX_ROWS];
	float data[STREAM_MAX_ROWS][WIDTH];
	uint32_t n_rows, hops;
	size_t width;
	struct frame closed[STREAM_MAX_ROWS];
	size_t n_closed;
} s;

static int
keep(void *arg, const struct frame *f)
{
	(void)arg;
	if (f->type == FRAME_CLOSE)
		s.closed[s.n_closed++] = *f;
	s.hops = f->hops;
	if (f->type != FRAME_ROWS)
		return 0;
	s.n_rows = f->n_rows;
	s.width = f->row_bytes / sizeof(float);
	memcpy(s.row, f->rows, f->n_rows * sizeof *s.row);
	for (uint32_t i = 0; i < f->n_rows && f->data; i++)
		memcpy(s.data[i], (const float *)f->data + i * s.width, f->row_bytes);
	return 0;
}

static void
give(const struct frame *f)
{
	s.n_rows = 0;
	s.n_closed = 0;
	s.rc = stage_take(s.stage, f, keep, NULL);
}

static void
begin(const char *file, enum stage_output output, uint64_t kv_pages)
{
	struct engine_options o = { .threads = 1, .context = CONTEXT };

	if (!(s.model = open_in(file)))
		abort();
	if (kv_pages > 0) { /* a page holds a little besides the keys and values */
		uint64_t heads = (uint64_t)(s.model->layer_last - s.model->layer_first) * KV_HEADS;
		o.kv_bytes = kv_pages * (heads * 2 * KV_PAGE * HEAD_DIM * sizeof(float) + 1024);
	}
	s.vocab = s.model->has_head ? vocab_open(model_vocab_file(s.model)) : NULL;
	if (!(s.engine = engine_new(s.model, &o)) || !(s.stage = stage_new(s.model, s.engine, s.vocab, output))) {
		fprintf(stderr, "%s\n", err_reason());
		abort();
	}
}

static void
end(void)
{
	stage_free(s.stage);
	tap_ok(kv_bytes(engine_kv(s.engine)) == 0, "all memory of keys and values comes back");
	engine_free(s.engine);
	vocab_free(s.vocab);
	model_free(s.model);
}

static void
opens(uint32_t seq, enum open_output output)
{
	give(&(struct frame){ .type = FRAME_OPEN, .seq = seq, .open = { .output = output, .sampling.ignore_eos = true } });
}

static void
forks(uint32_t seq, uint32_t from, uint32_t pos)
{
	give(&(struct frame){ .type = FRAME_FORK, .seq = seq, .value = from, .pos = pos });
}

static void
cuts(uint32_t seq, uint32_t pos)
{
	give(&(struct frame){ .type = FRAME_CUT, .seq = seq, .pos = pos });
}

static void
closes(uint32_t seq)
{
	give(&(struct frame){ .type = FRAME_CLOSE, .seq = seq, .reason = CLOSE_STOP });
}

static struct row
token(uint32_t seq, uint32_t pos, uint32_t id)
{
	return (struct row){ seq, pos, id, ROW_WANTED };
}

/* Rows [pos, to) of a sequence, whose tokens are those of `text`. */
static void
rows(uint32_t seq, const char *text, uint32_t pos, uint32_t to)
{
	struct row row[STREAM_MAX_ROWS];

	for (uint32_t i = pos; i < to; i++)
		row[i - pos] = token(seq, i, (uint32_t)text[i] % VOCAB);
	give(&(struct frame){ .type = FRAME_ROWS, .n_rows = to - pos, .rows = row });
}

/* The last frame closed just this sequence. */
static bool
closed(uint32_t seq, enum close_reason why, uint32_t pos)
{
	const struct frame *f = s.closed;

	return s.rc == 0 && s.n_closed == 1 && f->seq == seq && f->reason == why && f->pos == pos;
}

/* What the last row gave, to be compared. */
static const float *
last(void)
{
	static float seen[WIDTH];

	memcpy(seen, s.data[s.n_rows ? s.n_rows - 1 : 0], sizeof seen);
	return seen;
}

static bool
gives_last(const float *want)
{
	return s.rc == 0 && s.n_rows > 0 && memcmp(s.data[s.n_rows - 1], want, s.width * sizeof *want) == 0;
}

/* ---- forks and cuts ---- */

static const char one[] = "once upon a time", two[] = "once more a fork";

static void
forks_and_cuts(void)
{
	begin("m.gguf", STAGE_LOGITS, 0);
	opens(1, OUTPUT_ROWS);
	rows(1, two, 0, 12);
	const float *want = last();
	tap_ok(s.rc == 0 && s.n_rows == 12 && s.width == VOCAB && s.n_closed == 0, "12 rows give 12 times logits");
	opens(2, OUTPUT_ROWS);
	rows(2, one, 0, 12);
	tap_ok(!gives_last(want), "another text gives others");
	forks(3, 2, 5);
	rows(3, two, 5, 12);
	tap_ok(gives_last(want), "a fork goes on as if it had come all the way");
	rows(2, one, 12, 13);
	tap_ok(s.rc == 0 && s.n_rows == 1 && s.n_closed == 0, "and the other goes on too");
	cuts(2, 5);
	rows(2, two, 5, 12);
	tap_ok(gives_last(want), "what was cut goes on as if nothing had been behind");
	forks(4, 2, 0);
	rows(4, two, 0, 12);
	tap_ok(gives_last(want), "a fork at the beginning is a new sequence");
	closes(2);
	forks(5, 3, 5);
	rows(5, two, 5, 12);
	tap_ok(gives_last(want), "a fork outlives the one it came from");
	end();
}

static void
forks_refused(void)
{
	begin("m.gguf", STAGE_LOGITS, 0);
	opens(1, OUTPUT_ROWS);
	rows(1, one, 0, 5);
	forks(2, 9, 0);
	tap_ok(closed(2, CLOSE_ERROR, 0), "a fork of what is not there closes");
	forks(3, 1, 6);
	tap_ok(closed(3, CLOSE_ERROR, 0), "and one behind the end");
	rows(3, one, 6, 7);
	tap_ok(s.rc == 0 && s.n_rows == 0 && s.n_closed == 0, "its rows give nothing");
	forks(4, STREAM_LOADED, 0);
	tap_ok(closed(4, CLOSE_ERROR, 0), "nor is there a state that was not loaded");
	give(&(struct frame){ .type = FRAME_FORK, .seq = 5, .value = 1, .pos = 5, .restated = true, .open.output = OUTPUT_TOKENS });
	rows(5, one, 5, 6);
	tap_ok(s.rc == 0 && s.n_rows == 1 && s.width == 0 && s.row[0].pos == 6, "a fork that says what it wants is given that");
	cuts(1, 6);
	rows(1, one, 5, 6);
	tap_ok(s.rc == 0 && s.n_rows == 1, "a cut behind the end cuts nothing");
	closes(3);
	forks(3, 1, 6);
	tap_ok(s.rc == 0 && s.n_closed == 0, "an id is free again after its close");
	forks(3, 1, 6);
	tap_ok(s.rc < 0, "but not before: %s", err_reason());
	opens(1, OUTPUT_ROWS);
	tap_ok(s.rc < 0, "nor for open: %s", err_reason());
	end();
}

/* ---- states as files ---- */

static void
forks_loaded(uint32_t seq, uint32_t pos)
{
	give(&(struct frame){ .type = FRAME_FORK, .seq = seq, .value = STREAM_LOADED, .pos = pos, .restated = true });
}

/* One that has ended is forked by another stage. */
static void
states(void)
{
	const char *path = in_dir("state.kv");
	struct state *from;
	float want[WIDTH];

	begin("m.gguf", STAGE_LOGITS, 0);
	tap_ok(stage_keep(s.stage, path) == 0, "a state is to be kept");
	opens(1, OUTPUT_ROWS);
	rows(1, one, 0, 9);
	give(&(struct frame){ .type = FRAME_CLOSE, .seq = 1, .reason = CLOSE_STOP, .pos = 8 });
	opens(2, OUTPUT_ROWS);
	rows(2, two, 0, 12);
	memcpy(want, last(), sizeof want);
	give(&(struct frame){ .type = FRAME_CLOSE, .seq = 2, .reason = CLOSE_MEMORY, .pos = 12 });
	forks_loaded(3, 4);
	tap_ok(closed(3, CLOSE_ERROR, 0), "a stage that was given no state can't fork it");
	end();

	from = state_open(path);
	tap_ok(from && from->n == 8 && from->token && from->token[7] == (uint32_t)one[7] % VOCAB, "it has the positions up to its end, and not those of a failure");
	begin("m.gguf", STAGE_LOGITS, 0);
	tap_ok(from && stage_load(s.stage, from) == 0, "another stage takes it");
	forks_loaded(1, 4);
	rows(1, two, 4, 12);
	tap_ok(gives_last(want), "a sequence goes on from it as if it had come all the way");
	stage_reset(s.stage);
	forks_loaded(1, 9);
	tap_ok(closed(1, CLOSE_ERROR, 0), "in each stream, and no further than it reaches");
	end();
	begin("other.gguf", STAGE_LOGITS, 0);
	tap_ok(from && stage_load(s.stage, from) < 0, "another model does not: %s", err_reason());
	end();
	state_free(from);
}

/* ---- what closes a sequence ---- */

static void
bad_rows(void)
{
	struct row row[] = { token(1, 0, 3), token(2, 0, 3), token(1, 1, VOCAB), token(1, 2, 3), token(2, 1, 4) };
	float alone[WIDTH];

	begin("m.gguf", STAGE_LOGITS, 0);
	opens(3, OUTPUT_ROWS);
	give(&(struct frame){ .type = FRAME_ROWS, .n_rows = 2, .rows = (struct row[]){ token(3, 0, 3), token(3, 1, 4) } });
	memcpy(alone, last(), sizeof alone);
	opens(1, OUTPUT_ROWS);
	opens(2, OUTPUT_ROWS);
	give(&(struct frame){ .type = FRAME_ROWS, .hops = 1, .n_rows = 5, .rows = row });
	tap_ok(closed(1, CLOSE_ERROR, 1), "a token that is none closes its sequence");
	tap_ok(s.n_rows == 3 && s.row[0].seq == 1 && s.row[1].seq == 2 && s.row[2].seq == 2, "rows before it went out");
	tap_ok(gives_last(alone), "its neighbour in the frame gives what it gives alone");
	give(&(struct frame){ .type = FRAME_ROWS, .hops = 1, .n_rows = 1, .rows = &row[3] });
	tap_ok(s.rc == 0 && s.n_rows == 0 && s.n_closed == 0 && s.hops == 2, "later rows are answered by an empty frame");
	rows(2, one, 3, 4);
	tap_ok(closed(2, CLOSE_ERROR, 2), "a position that is left out closes");
	rows(7, one, 0, 1);
	tap_ok(closed(7, CLOSE_ERROR, 0), "so does a row of no sequence");
	end();
}

static void
context_and_memory(void)
{
	static char text[CONTEXT + 2];

	memset(text, 'x', sizeof text);
	begin("m.gguf", STAGE_LOGITS, 3);
	opens(1, OUTPUT_ROWS);
	rows(1, text, 0, 60);
	opens(2, OUTPUT_ROWS);
	rows(2, text, 0, CONTEXT + 1);
	tap_ok(closed(2, CLOSE_CONTEXT, CONTEXT) && s.n_rows == CONTEXT, "a full context closes, after its last row");
	opens(3, OUTPUT_ROWS);
	rows(3, text, 0, 64);
	opens(4, OUTPUT_ROWS);
	rows(4, text, 0, 100);
	tap_ok(closed(4, CLOSE_MEMORY, 64) && s.n_rows == 64, "so does what finds no page, after what had room");
	rows(1, text, 60, 70);
	tap_ok(s.rc == 0 && s.n_closed == 0 && s.n_rows == 10, "whose pages the others may have");
	forks(5, 4, 10);
	tap_ok(closed(5, CLOSE_MEMORY, 0), "a fork of it may be tried again, too");
	end();
}

static void
too_many(void)
{
	struct row row[STREAM_MAX_ROWS];
	uint32_t id = 0;

	begin("m.gguf", STAGE_LOGITS, 0);
	for (uint32_t n = 0; n < STREAM_MAX_SEQUENCES; n++)
		opens(id++, OUTPUT_ROWS);
	tap_ok(s.rc == 0 && s.n_closed == 0, "so many sequences may be open");
	opens(id++, OUTPUT_ROWS);
	tap_ok(closed(id - 1, CLOSE_REFUSED, 0), "one more is refused");
	forks(id++, 0, 0);
	tap_ok(closed(id - 1, CLOSE_REFUSED, 0), "a fork as well");
	closes(id - 1);
	closes(id - 2);
	closes(0);
	opens(0, OUTPUT_ROWS);
	tap_ok(s.rc == 0 && s.n_closed == 0, "after a close there is room again");
	do {
		for (uint32_t i = 0; i < STREAM_MAX_ROWS; i++)
			row[i] = token(id++, 0, 1);
		give(&(struct frame){ .type = FRAME_ROWS, .n_rows = STREAM_MAX_ROWS, .rows = row });
	} while (s.rc == 0 && id < 4 * STREAM_MAX_SEQUENCES);
	tap_ok(s.rc < 0 && id <= 2 * STREAM_MAX_SEQUENCES + 2 * STREAM_MAX_ROWS, "what never opened is not remembered for ever: %s",
	    err_reason());
	end();
}

/* ---- hidden states ---- */

static void
not_finite(void)
{
	static _Alignas(64) float x[4][DIM];
	struct row row[] = { token(1, 0, 1), token(1, 1, 1), token(2, 0, 1), token(1, 2, 1) };

	for (size_t i = 0; i < 4; i++)
		for (size_t k = 0; k < DIM; k++)
			x[i][k] = (float)(i + k) / 16;
	x[1][5] = NAN;
	begin("parts/1.gguf", STAGE_LOGITS, 0);
	opens(1, OUTPUT_ROWS);
	opens(2, OUTPUT_ROWS);
	give(&(struct frame){ .type = FRAME_ROWS, .n_rows = 4, .rows = row, .data = x, .row_bytes = sizeof *x });
	tap_ok(closed(1, CLOSE_ERROR, 1), "a row that is not finite closes its sequence");
	tap_ok(s.n_rows == 2 && s.row[0].seq == 1 && s.row[1].seq == 2, "neither it nor those behind it go out");
	give(&(struct frame){ .type = FRAME_ROWS, .n_rows = 1, .rows = &(struct row){ 2, 1, 1, 0 } });
	tap_ok(s.rc < 0, "rows without hidden states are a fault: %s", err_reason());
	end();
}

/* ---- embeddings ---- */

static void
embeddings(enum stage_output output, const char *name)
{
	float want[WIDTH];

	begin("m.gguf", output, 0);
	opens(1, OUTPUT_ROWS);
	rows(1, two, 0, 12);
	memcpy(want, last(), sizeof want);
	tap_ok(s.rc == 0 && s.width == DIM, "%s: an embedding", name);
	opens(2, OUTPUT_ROWS);
	rows(2, one, 0, 5);
	forks(3, 2, 5);
	rows(2, one, 5, 12);
	rows(3, two, 5, 12);
	tap_ok(gives_last(want), "%s: a fork where the other stands goes on from there", name);
	forks(4, 2, 5);
	if (output == STAGE_EMBED_MEAN) {
		tap_ok(closed(4, CLOSE_REFUSED, 0), "%s: no mean can be taken apart by a fork", name);
		cuts(3, 5);
		tap_ok(closed(3, CLOSE_REFUSED, 5), "%s: nor by a cut", name);
	} else {
		rows(4, two, 5, 12);
		tap_ok(gives_last(want), "%s: a fork further back as well", name);
		cuts(2, 5);
		rows(2, two, 5, 12);
		tap_ok(gives_last(want), "%s: and a cut", name);
	}
	cuts(2, 0);
	rows(2, two, 0, 12);
	tap_ok(gives_last(want), "%s: what is cut to nothing begins anew", name);
	end();
}

/* ---- tokens ---- */

static void
tokens(void)
{
	struct frame open = { .type = FRAME_OPEN, .seq = 2, .open = { .output = OUTPUT_TOKENS, .n_stops = 1, .sampling.ignore_eos = true } };
	char text[16];

	begin("m.gguf", STAGE_LOGITS, 0);
	opens(1, OUTPUT_TOKENS);
	rows(1, one, 0, 4);
	tap_ok(s.rc == 0 && s.n_rows == 4 && s.width == 0 && s.row[3].pos == 4, "tokens stand behind the rows they follow");
	snprintf(text, sizeof text, "t%u", s.row[0].token);
	open.open.stop[0] = (struct open_text){ (const uint8_t *)text, (uint32_t)strlen(text) };
	give(&open);
	rows(2, one, 0, 4);
	tap_ok(closed(2, CLOSE_STOP, 1) && s.n_rows == 0, "a stop text ends its sequence; rows behind it give nothing");
	opens(3, OUTPUT_TOKENS);
	give(&(struct frame){ .type = FRAME_ROWS, .n_rows = 1, .rows = &(struct row){ 3, 0, 1, 0 } });
	tap_ok(s.rc == 0 && s.n_rows == 0 && s.n_closed == 0, "a row that is not wanted is answered by an empty frame");
	end();
}

/* Rows of `token` from 0 on, all behind the first as drafts. */
static void
drafts(uint32_t seq, const uint32_t *tokens, uint32_t n)
{
	struct row row[STREAM_MAX_ROWS];

	for (uint32_t i = 0; i < n; i++)
		row[i] = (struct row){ seq, i, tokens[i], ROW_WANTED | (i > 0 ? ROW_DRAFT : 0) };
	give(&(struct frame){ .type = FRAME_ROWS, .n_rows = n, .rows = row });
}

static void
guesses(void)
{
	uint32_t right[CONTEXT + 2] = { 1 };

	begin("m.gguf", STAGE_LOGITS, 0);
	opens(0, OUTPUT_TOKENS);
	for (uint32_t i = 0; i < CONTEXT; i++) {
		give(&(struct frame){ .type = FRAME_ROWS, .n_rows = 1, .rows = &(struct row){ 0, i, right[i], ROW_WANTED } });
		right[i + 1] = s.row[0].token;
	}
	opens(1, OUTPUT_TOKENS);
	drafts(1, right, 9);
	bool all = s.n_rows == 9;
	for (uint32_t i = 0; i < s.n_rows; i++)
		all &= s.row[i].pos == i + 1 && s.row[i].token == right[i + 1] && s.row[i].flags == 0;
	tap_ok(all, "right drafts give the tokens that follow them");
	cuts(1, 0);
	right[4] ^= 1;
	drafts(1, right, 9);
	right[4] ^= 1;
	tap_ok(s.n_rows == 4 && s.row[3].token == right[4] && s.n_closed == 0, "none comes for a wrong draft and those behind it");
	cuts(1, 4);
	give(&(struct frame){ .type = FRAME_ROWS, .n_rows = 1, .rows = &(struct row){ 1, 4, right[4], ROW_WANTED } });
	tap_ok(s.n_rows == 1 && s.row[0].token == right[5], "behind a cut its sequence goes on as if there had been none");
	cuts(1, 0);
	drafts(1, right, CONTEXT + 2);
	tap_ok(s.n_rows == CONTEXT && s.n_closed == 0, "drafts beyond the context are left out, and close nothing");
	end();
}

/* ---- grammars ---- */

static void
opens_grammar(uint32_t seq, const char *gbnf)
{
	struct frame f = { .type = FRAME_OPEN, .seq = seq, .open = { .output = OUTPUT_TOKENS } };

	f.open.grammar = (struct open_text){ (const uint8_t *)gbnf, (uint32_t)strlen(gbnf) };
	give(&f);
}

/* Three tokens as a prompt, then one at a time those that come, up to position `to`. */
static void
generates(uint32_t seq, uint32_t pos, uint32_t to)
{
	static struct row prompt[] = { { 0, 0, 4, 0 }, { 0, 1, 5, 0 }, { 0, 2, 6, ROW_WANTED } };

	if (pos == 0) {
		for (int i = 0; i < 3; i++)
			prompt[i].seq = seq;
		give(&(struct frame){ .type = FRAME_ROWS, .n_rows = 3, .rows = prompt });
		struct row next = s.row[0];
		give(&(struct frame){ .type = FRAME_PROMPT_END, .seq = seq });
		s.row[0] = next;
		s.n_rows = 1;
		pos = 3;
	}
	for (; pos < to && s.n_rows == 1; pos++) {
		struct row row = token(seq, pos, s.row[0].token);
		give(&(struct frame){ .type = FRAME_ROWS, .n_rows = 1, .rows = &row });
	}
}

/* The row that came last has this token. */
static bool
came(uint32_t id)
{
	return s.rc == 0 && s.n_rows == 1 && s.row[0].token == id;
}

static void
grammars(void)
{
	static const char gbnf[] = "root ::= \"t7t\" [89] \"t1\" [0-4] \"t6\"";
	struct row row;

	begin("m.gguf", STAGE_LOGITS, 0);
	opens_grammar(1, gbnf);
	generates(1, 0, 3);
	tap_ok(came(7) && s.row[0].pos == 3, "a grammar's only token comes");
	generates(1, 3, 4);
	row = s.row[0];
	tap_ok(came(8) || came(9), "then one of two");
	generates(1, 4, 5);
	uint32_t third = s.row[0].token;
	tap_ok(third >= 10 && third <= 14, "then one of five");
	generates(1, 5, 6);
	tap_ok(came(6), "then one again");
	forks(2, 1, 4);
	give(&(struct frame){ .type = FRAME_ROWS, .n_rows = 1, .rows = &(struct row){ 2, 4, row.token, ROW_WANTED } });
	tap_ok(came(third), "a fork is where the one it came from was");
	row = token(1, 6, 6);
	give(&(struct frame){ .type = FRAME_ROWS, .n_rows = 1, .rows = &row });
	tap_ok(closed(1, CLOSE_STOP, 7), "the end of the grammar ends the sequence");
	cuts(2, 3);
	row = token(2, 3, 7);
	give(&(struct frame){ .type = FRAME_ROWS, .n_rows = 1, .rows = &row });
	tap_ok(came(8) || came(9), "what was cut is back where it was");
	row = token(2, 4, 12);
	give(&(struct frame){ .type = FRAME_ROWS, .n_rows = 1, .rows = &row });
	tap_ok(closed(2, CLOSE_ERROR, 5), "after a token that does not match none can come");
	end();
}

static void
grammars_refused(void)
{
	char gbnf[64];
	uint32_t id = 0;

	begin("m.gguf", STAGE_LOGITS, 0);
	opens_grammar(99, "root ::= (");
	tap_ok(closed(99, CLOSE_ERROR, 0), "what is no grammar closes its sequence: %s", err_reason());
	do {
		snprintf(gbnf, sizeof gbnf, "root ::= \"t%u\"", id);
		opens_grammar(id++, gbnf);
	} while (s.n_closed == 0 && id < 99);
	tap_ok(closed(id - 1, CLOSE_REFUSED, 0) && id == GRAMMARS_MAX + 1, "more than %d different ones are refused", GRAMMARS_MAX);
	opens_grammar(100, "root ::= \"t3\"");
	tap_ok(s.rc == 0 && s.n_closed == 0, "but not the same again");
	closes(5);
	opens_grammar(101, gbnf);
	tap_ok(s.rc == 0 && s.n_closed == 0, "nor another one in the place of one that ended");
	closes(7);
	opens_grammar(102, "root ::= \"x\"");
	rows(102, one, 0, 1);
	tap_ok(closed(102, CLOSE_ERROR, 1), "where no token fits the sequence ends");
	end();
}

/* The tokens that follow positions [pos, 10) of the text, which comes a row a frame. */
static const uint32_t *
follow(uint32_t seq, uint32_t pos)
{
	static uint32_t all[4][10];
	static int at;
	uint32_t *t = all[at++ % 4];

	memset(t, 0xff, sizeof *all);
	for (uint32_t i = pos; i < 10; i++) {
		rows(seq, "abaabcabab", i, i + 1);
		t[i] = s.row[0].token;
	}
	return t;
}

static void
samples(uint32_t seq, const struct open *o)
{
	struct frame f = { .type = FRAME_OPEN, .seq = seq, .open = *o };

	f.open.output = OUTPUT_TOKENS;
	f.open.sampling.ignore_eos = true;
	give(&f);
}

static void
sampling(void)
{
	struct logit_bias bias[VOCAB];
	struct open o = { .sampling = sampling_none };
	const uint32_t *whole, *anew;

	begin("m.gguf", STAGE_LOGITS, 0);
	for (uint32_t i = 0; i < VOCAB; i++)
		bias[i] = (struct logit_bias){ i, -INFINITY };
	o.bias = bias;
	o.n_biases = VOCAB;
	samples(1, &o);
	rows(1, one, 0, 4);
	tap_ok(closed(1, CLOSE_ERROR, 1) && s.n_rows == 0, "where every token is forbidden the sequence ends as an error");
	bias[7].bias = -1;
	samples(2, &o);
	bias[7].bias = -INFINITY; /* the stage has its own */
	rows(2, one, 0, 4);
	tap_ok(s.n_rows == 4 && s.row[0].token == 7 && s.row[3].token == 7, "where all but one are, that one comes");
	o.n_biases = 0;

	o.sampling.temperature = 2;
	samples(3, &o);
	whole = follow(3, 0);
	o.sampling.dry_multiplier = 50;
	o.sampling.dry_base = 2;
	o.sampling.dry_penalty_last_n = 64;
	samples(4, &o);
	tap_ok(memcmp(follow(4, 0), whole, 10 * sizeof *whole) != 0, "DRY changes tokens");
	o.n_breakers = 1;
	o.breaker[0] = (struct open_text){ (const uint8_t *)"t", 1 };
	samples(5, &o);
	tap_ok(memcmp(follow(5, 0), whole, 10 * sizeof *whole) == 0, "but none where every token breaks repetitions");

	o = (struct open){ .sampling = sampling_none };
	o.sampling.temperature = 2;
	o.sampling.mirostat = 2;
	o.sampling.mirostat_tau = 1;
	o.sampling.mirostat_eta = 0.75f;
	samples(6, &o);
	whole = follow(6, 0);
	samples(7, &o);
	for (uint32_t i = 0; i < 5; i++)
		give(&(struct frame){ .type = FRAME_ROWS, .n_rows = 1, .rows = &(struct row){ 7, i, (uint32_t)"abaab"[i] % VOCAB, 0 } });
	anew = follow(7, 5);
	tap_ok(memcmp(anew + 5, whole + 5, 5 * sizeof *whole) != 0, "mirostat chooses by the tokens that it has chosen");
	forks(8, 6, 5);
	tap_ok(memcmp(follow(8, 5), anew, 10 * sizeof *whole) == 0, "a fork begins with it anew, as one whose tokens were given");
	cuts(6, 5);
	tap_ok(memcmp(follow(6, 5), anew, 10 * sizeof *whole) == 0, "and so does what was cut");
	end();
}

static void
make_models(void)
{
	struct split_plan plan;
	struct model *m;

	sample_write(&(struct sample){ .type = TYPE_F32, .seed = 5 }, in_dir("m.gguf"));
	sample_write(&(struct sample){ .type = TYPE_F32, .seed = 6 }, in_dir("other.gguf"));
	m = open_in("m.gguf");
	if (!m || split_even(&plan, m, 3) < 0 || shard_split(m, &plan, in_dir("parts"), false) < 0)
		abort();
	model_free(m);
}

int
main(void)
{
	make_dir();
	make_models();
	forks_and_cuts();
	forks_refused();
	states();
	bad_rows();
	context_and_memory();
	too_many();
	not_finite();
	embeddings(STAGE_EMBED_MEAN, "mean");
	embeddings(STAGE_EMBED_CLS, "cls");
	embeddings(STAGE_EMBED_LAST, "last");
	tokens();
	guesses();
	grammars();
	grammars_refused();
	sampling();
	clear(in_dir("parts"));
	remove_dir();
	return tap_done();
}
