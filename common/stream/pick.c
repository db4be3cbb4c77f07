#include "stream/pick.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"

/* ---- what is asked for ---- */

/* A number at *p with an optional sign; false when there is none or it is out of range. */
static bool
take_number(const char **p, int64_t min, int64_t max, int64_t *v)
{
	bool minus = **p == '-';
	const char *d = *p + minus;

	if (*d < '0' || *d > '9')
		return false;
	for (*v = 0; *d >= '0' && *d <= '9'; d++) {
		if (*v > (INT64_MAX - 9) / 10)
			return false;
		*v = *v * 10 + (*d - '0');
	}
	if (minus)
		*v = -*v;
	*p = d;
	return *v >= min && *v <= max;
}

int
selection_parse_seq(struct selection *s, const char *list)
{
	int64_t first, last;

	do {
		if (!take_number(&list, 0, UINT32_MAX, &first))
			return err_set(ERR_USAGE, "no sequence id");
		last = first;
		if (*list == '-' && (list++, !take_number(&list, first, UINT32_MAX, &last)))
			return err_set(ERR_USAGE, "no range of sequence ids");
		if (mem_grow(&s->seq, &s->cap_seq, s->n_seq + 1, sizeof *s->seq) < 0)
			return -1;
		s->seq[s->n_seq++] = (struct seq_range){ (uint32_t)first, (uint32_t)last };
	} while (*list == ',' && list++);
	return *list ? err_set(ERR_USAGE, "not a list of sequence ids") : 0;
}

int
selection_parse_rows(struct selection *s, const char *p)
{
	struct row_range *r = &s->rows;
	const int64_t max = (int64_t)1 << 32;

	if (!take_number(&p, -max, max, &r->first))
		return err_set(ERR_USAGE, "no number of a row");
	r->last = r->first;
	if (*p == '-') {
		p++;
		r->last = -1;
		if (*p && !take_number(&p, -max, max, &r->last))
			return err_set(ERR_USAGE, "no range of rows");
	}
	/* Of two ends that count from the same side it can be said which comes first. */
	if (*p || ((r->first < 0) == (r->last < 0) && r->last < r->first))
		return err_set(ERR_USAGE, "no range of rows");
	return 0;
}

bool
pick_has_seq(const struct selection *s, uint32_t seq)
{
	for (size_t i = 0; i < s->n_seq; i++)
		if (seq >= s->seq[i].first && seq <= s->seq[i].last)
			return true;
	return s->n_seq == 0;
}

/* ---- counting ---- */

struct pick_seq *
pick_row(struct picks *p, const struct row *r)
{
	struct pick_seq *q = seqmap_get(&p->seqs, r->seq);

	if (!q) {
		if (!(q = mem_alloc(1, sizeof *q)))
			return NULL;
		if (seqmap_put(&p->seqs, r->seq, q) < 0) {
			free(q);
			return NULL;
		}
		q->first = r->pos;
	}
	q->count++;
	return q;
}

void
pick_cut(struct picks *p, uint32_t seq, uint32_t pos)
{
	struct pick_seq *q = seqmap_get(&p->seqs, seq);
	uint64_t left = q && pos > q->first ? pos - q->first : 0;

	if (q && q->count > left)
		q->count = left;
	if (q && left == 0)
		q->first = pos;
}

static void
pick_free(struct pick_seq *q)
{
	if (q)
		buf_free(&q->wait);
	free(q);
}

void
pick_close(struct picks *p, uint32_t seq)
{
	struct pick_seq *q = seqmap_get(&p->seqs, seq);

	seqmap_remove(&p->seqs, seq);
	pick_free(q);
}

void
pick_reset(struct picks *p)
{
	for (size_t i = 0; i < p->seqs.cap; i++)
		pick_free(p->seqs.slot[i].value);
	seqmap_free(&p->seqs);
}
