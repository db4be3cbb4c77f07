/* The journal of a stage: what waits, what is known, what brings another stage to where the first was, and what can't be an answer. */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "net/journal.h"
#include "tap.h"

enum { SEEN = 32 };

/* What a replay gave: a letter a frame. */
struct seen {
	char text[SEEN];
	size_t n;
	struct row row[SEEN]; /* of all frames */
	uint8_t data[SEEN];   /* the first byte of each row */
	size_t rows;
	bool sampling;
	uint64_t seed; /* of the last that was opened */
};

static int
see(void *arg, const struct frame *f)
{
	static const char letter[] = { [FRAME_ROWS] = 'r', [FRAME_OPEN] = 'o', [FRAME_PROMPT_END] = 'p', [FRAME_FORK] = 'f', [FRAME_CUT] = 'c', [FRAME_CLOSE] = 'x' };
	struct seen *s = arg;

	s->text[s->n++] = letter[f->type];
	if (f->type == FRAME_OPEN) {
		s->sampling |= f->open.sampling.seed != 0 || f->open.n_stops > 0;
		s->seed = f->open.sampling.seed;
	}
	for (uint32_t i = 0; f->type == FRAME_ROWS && i < f->n_rows; i++) {
		s->data[s->rows] = f->row_bytes > 0 ? ((const uint8_t *)f->data)[i * f->row_bytes] : 0;
		s->row[s->rows++] = f->rows[i];
	}
	return 0;
}

static struct seen
replay(struct journal *j, struct strip strip, size_t *known)
{
	struct seen s = { 0 };

	if (journal_replay(j, strip, see, &s, known) < 0)
		abort();
	return s;
}

static void
sent(struct journal *j, const struct frame *f)
{
	if (journal_sent(j, f) < 0)
		abort();
}

/* Is sent, and answered by itself. */
static void
settled(struct journal *j, const struct frame *f)
{
	struct frame out;

	sent(j, f);
	if (journal_came(j, f, false, &out) != JOURNAL_ANSWER)
		abort();
}

/* Rows of sequence 1 from position `pos` on, with tokens 100 and more, and 8 bytes of data each, which begin with the position. */
static struct frame
rows(uint32_t pos, uint32_t n)
{
	static struct row space[4][SEEN]; /* of the last four calls */
	static uint8_t bytes[4][8 * SEEN];
	static unsigned turn;
	struct row *row = space[++turn % 4];
	uint8_t *data = bytes[turn % 4];

	for (uint32_t i = 0; i < n; i++) {
		row[i] = (struct row){ 1, pos + i, 100 + pos + i, ROW_WANTED };
		memset(data + 8 * (size_t)i, (int)(pos + i), 8); /* small */
	}
	return (struct frame){ .type = FRAME_ROWS, .n_rows = n, .rows = row, .data = data, .row_bytes = 8 };
}

static const struct frame opens = { .type = FRAME_OPEN, .seq = 1, .open = { .sampling.seed = 5, .n_stops = 1, .stop = { { (const uint8_t *)"end", 3 } } } };

static void
check_answers(void)
{
	struct journal *j = journal_new(1 << 20);
	struct frame f = rows(0, 3), out, short_of = rows(0, 3);
	struct row stripped[3];
	size_t known;

	sent(j, &opens);
	sent(j, &f);
	tap_ok(journal_queued(j) == 2 && journal_waiting(j) == 1 && journal_oldest(j) == 3 && journal_rows(j) == 0, "frames wait for their answers");
	tap_ok(journal_came(j, &f, false, &out) == JOURNAL_WRONG && strstr(err_reason(), "answers nothing"), "rows before the sequence is open: %s", err_reason());
	tap_ok(journal_came(j, &(struct frame){ .type = FRAME_OPEN, .seq = 1 }, false, &out) == JOURNAL_ANSWER && out.open.sampling.seed == 5 &&
	    out.open.n_stops == 1 && memcmp(out.open.stop[0].data, "end", 3) == 0, "sampling settings and texts are put back");
	for (uint32_t i = 0; i < 3; i++)
		stripped[i] = (struct row){ 1, i, ROW_NO_TOKEN, ROW_WANTED };
	short_of.rows = stripped;
	short_of.n_rows = 2;
	stripped[1].pos = 7;
	tap_ok(journal_came(j, &short_of, false, &out) == JOURNAL_WRONG && strstr(err_reason(), "position 7"), "a row that was not asked for: %s", err_reason());
	stripped[1].pos = 2;
	tap_ok(journal_came(j, &short_of, false, &out) == JOURNAL_ANSWER && out.n_rows == 2 && out.rows[0].token == 100 && out.rows[1].token == 102,
	    "fewer rows in the order of those that were sent; tokens are put back");
	tap_ok(journal_queued(j) == 0 && journal_rows(j) == 3, "all three are known");
	tap_ok(journal_came(j, &f, false, &out) == JOURNAL_WRONG, "a second answer");
	struct seen s = replay(j, (struct strip){ .tokens = true, .sampling = true }, &known);
	tap_ok(strcmp(s.text, "or") == 0 && known == 2 && s.rows == 3 && s.row[2].pos == 2 && s.data[2] == 2, "a replay: the sequence, and its rows");
	tap_ok(!s.sampling && s.row[0].token == ROW_NO_TOKEN && !(s.row[0].flags & ROW_WANTED), "stripped, and no answers are wanted");
	s = replay(j, (struct strip){ 0 }, &known);
	tap_ok(s.sampling && s.row[0].token == 100, "or not stripped");
	journal_free(j);
}

/* Its choices lead to those behind them: the new stage makes them again. */
static void
check_mirostat(void)
{
	struct journal *j = journal_new(1 << 20);
	struct frame open = opens, f = rows(0, 3);
	size_t known;

	open.open.sampling.mirostat = 2;
	settled(j, &open);
	settled(j, &f);
	struct seen s = replay(j, (struct strip){ 0 }, &known);
	tap_ok(strcmp(s.text, "or") == 0 && known == 2 && s.rows == 3 && s.row[2].flags == ROW_WANTED, "with mirostat what was wanted is wanted again");
	journal_free(j);
}

static void
check_cut_fork_close(void)
{
	struct journal *j = journal_new(1 << 20);
	struct frame f = rows(0, 4);
	size_t known;

	settled(j, &opens);
	settled(j, &f);
	settled(j, &(struct frame){ .type = FRAME_PROMPT_END, .seq = 1 });
	f = rows(4, 2);
	settled(j, &f);
	settled(j, &(struct frame){ .type = FRAME_CUT, .seq = 1, .pos = 5 });
	settled(j, &(struct frame){ .type = FRAME_FORK, .seq = 2, .value = 1, .pos = 3 });
	struct seen s = replay(j, (struct strip){ 0 }, &known);
	tap_ok(strcmp(s.text, "orpror") == 0 && s.rows == 8 && s.row[4].pos == 4 && s.row[7].seq == 2 && s.row[7].pos == 2,
	    "a cut forgets, a fork has what its parent had: %s, %zu rows", s.text, s.rows);
	struct frame own = { .type = FRAME_FORK, .seq = 4, .value = 1, .pos = 3, .restated = true, .open = opens.open }, out;
	own.open.sampling.seed = 6;
	sent(j, &own);
	tap_ok(journal_came(j, &(struct frame){ .type = FRAME_FORK, .seq = 4, .value = 1, .pos = 3, .restated = true }, false, &out) == JOURNAL_ANSWER &&
	    out.restated && out.open.sampling.seed == 6 && memcmp(out.open.stop[0].data, "end", 3) == 0, "what a fork says that it wants is put back");
	s = replay(j, (struct strip){ 0 }, &known);
	tap_ok(strcmp(s.text, "orproror") == 0 && s.seed == 6, "and replayed: %s", s.text);
	settled(j, &(struct frame){ .type = FRAME_CLOSE, .seq = 4, .reason = CLOSE_STOP });
	settled(j, &(struct frame){ .type = FRAME_CLOSE, .seq = 1, .reason = CLOSE_STOP });
	s = replay(j, (struct strip){ 0 }, &known);
	tap_ok(strcmp(s.text, "or") == 0 && s.row[0].seq == 2, "what is closed is forgotten");
	f = rows(0, 1);
	sent(j, &(struct frame){ .type = FRAME_OPEN, .seq = 3 });
	s = replay(j, (struct strip){ 0 }, &known);
	tap_ok(strcmp(s.text, "oro") == 0 && known == 2, "what waits comes behind, and its answer is not known");
	journal_free(j);
}

/* A stage closes a sequence by itself, and dies before it has answered the frame in which it did. */
static void
check_own_close(void)
{
	const struct frame closed = { .type = FRAME_CLOSE, .seq = 1, .reason = CLOSE_CONTEXT, .pos = 2 };
	struct journal *j = journal_new(1 << 20);
	struct frame f = rows(0, 2), more = rows(2, 1), out;
	size_t known;

	settled(j, &opens);
	sent(j, &f);
	f = rows(2, 1);
	sent(j, &f);
	tap_ok(journal_came(j, &closed, false, &out) == JOURNAL_CLOSE && out.reason == CLOSE_CONTEXT, "a close by the stage itself");
	struct seen s = replay(j, (struct strip){ 0 }, &known);
	tap_ok(strcmp(s.text, "orr") == 0 && s.rows == 2, "the frame that it was in is sent again, later rows are not");
	tap_ok(journal_came(j, &closed, false, &out) == JOURNAL_KNOWN, "the next stage's close is known");
	f = rows(0, 2);
	tap_ok(journal_came(j, &f, false, &out) == JOURNAL_ANSWER && out.n_rows == 2, "its rows are passed on");
	more.n_rows = 0;
	tap_ok(journal_came(j, &more, false, &out) == JOURNAL_ANSWER && out.n_rows == 0, "the later frame has no rows");
	sent(j, &(struct frame){ .type = FRAME_CLOSE, .seq = 1, .reason = CLOSE_STOP, .pos = 3 });
	s = replay(j, (struct strip){ 0 }, &known);
	tap_ok(strcmp(s.text, "ox") == 0 && known == 1, "then it is only opened, for the client's own close: %s", s.text);
	tap_ok(journal_came(j, &(struct frame){ .type = FRAME_CLOSE, .seq = 9, .reason = CLOSE_ERROR }, false, &out) == JOURNAL_KNOWN, "a close of none");
	/* a fork that the stage refuses */
	settled(j, &(struct frame){ .type = FRAME_CLOSE, .seq = 1, .reason = CLOSE_STOP, .pos = 3 });
	journal_free(j);
	j = journal_new(1 << 20);
	settled(j, &opens);
	sent(j, &(struct frame){ .type = FRAME_FORK, .seq = 2, .value = 1, .pos = 0 });
	tap_ok(journal_came(j, &(struct frame){ .type = FRAME_CLOSE, .seq = 2, .reason = CLOSE_MEMORY }, false, &out) == JOURNAL_CLOSE, "a fork is refused");
	s = replay(j, (struct strip){ 0 }, &known);
	tap_ok(strcmp(s.text, "oo") == 0, "the next stage only opens it: %s", s.text);
	tap_ok(journal_came(j, &(struct frame){ .type = FRAME_OPEN, .seq = 2 }, false, &out) == JOURNAL_ANSWER && out.type == FRAME_FORK && out.value == 1,
	    "the client hears of the fork that it wanted");
	journal_free(j);
}

/* At the last place of a chain, which hears of a close by the peer before, and by the client. */
static void
check_early_close(void)
{
	const struct frame closed = { .type = FRAME_CLOSE, .seq = 1, .reason = CLOSE_LENGTH, .pos = 2 };
	struct journal *j = journal_new(1 << 20);
	struct frame f = rows(0, 2), out;

	settled(j, &opens);
	tap_ok(journal_came(j, &closed, false, &out) == JOURNAL_CLOSE, "a close that came before it was sent");
	sent(j, &closed);
	settled(j, &opens);
	sent(j, &f);
	tap_ok(journal_came(j, &f, false, &out) == JOURNAL_ANSWER && journal_queued(j) == 0, "it is answered by what comes behind it");
	tap_ok(journal_came(j, &closed, false, &out) == JOURNAL_CLOSE, "one by the stage itself");
	sent(j, &closed);
	tap_ok(journal_came(j, &closed, false, &out) == JOURNAL_ANSWER && journal_queued(j) == 0, "and the source's, which says the same");
	journal_free(j);
}

/* More than fits into memory. */
static void
check_file(void)
{
	struct journal *j = journal_new(16);
	size_t known, right = 0;

	settled(j, &opens);
	for (uint32_t i = 0; i < 20; i++) {
		struct frame f = rows(i, 1);
		settled(j, &f);
	}
	struct seen s = replay(j, (struct strip){ 0 }, &known);
	for (size_t i = 0; i < s.rows; i++)
		right += s.data[i] == i && s.row[i].pos == i;
	tap_ok(s.rows == 20 && right == 20, "rows come back from a file, %zu of 20", right);
	/* frames with and without data */
	struct frame bare = rows(20, 2);
	bare.data = NULL;
	bare.row_bytes = 0;
	settled(j, &bare);
	struct frame f = rows(22, 2);
	settled(j, &f);
	s = replay(j, (struct strip){ 0 }, &known);
	tap_ok(s.rows == 24 && s.data[19] == 19 && s.data[20] == 0 && s.data[22] == 22 && s.n == 4, "rows without data go by themselves");
	journal_free(j);
}

int
main(void)
{
	check_answers();
	check_mirostat();
	check_cut_fork_close();
	check_own_close();
	check_early_close();
	check_file();
	return tap_done();
}
