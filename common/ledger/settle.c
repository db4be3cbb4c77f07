#include "ledger/settle.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

__extension__ typedef unsigned __int128 wide; /* of gcc and clang */

/* ---- splitting ---- */

struct remainder {
	uint64_t left;
	size_t i;
};

static int
compare_remainders(const void *a, const void *b)
{
	const struct remainder *x = a, *y = b;

	if (x->left != y->left)
		return x->left < y->left ? 1 : -1;
	return x->i < y->i ? -1 : x->i > y->i;
}

int
settle_split(uint64_t amount, const uint64_t *weight, uint64_t *part, size_t n)
{
	struct remainder *r = mem_alloc(n, sizeof *r);
	uint64_t all = 0, placed = 0;

	if (!r)
		return -1;
	for (size_t i = 0; i < n; i++)
		all += weight[i];
	for (size_t i = 0; i < n; i++) {
		wide product = (wide)amount * weight[i];
		part[i] = (uint64_t)(product / all); /* <= amount */
		r[i] = (struct remainder){ (uint64_t)(product % all), i };
		placed += part[i];
	}
	qsort(r, n, sizeof *r, compare_remainders);
	for (size_t i = 0; placed < amount; i++, placed++) /* less than n */
		part[r[i].i]++;
	free(r);
	return 0;
}

/* ---- what is due ---- */

/* A receipt that is due, and who is paid for it: for each share of its terms a party, or BOOKS_NONE. */
struct item {
	uint32_t terms, client, node;
	uint64_t rows, index;
	const uint32_t *payee;
};

struct work {
	struct books *b;
	struct settlement *s;
	struct item *item;
	size_t n, cap;
	uint32_t **payees;       /* blocks of them */
	size_t n_blocks, cap_blocks, left; /* numbers that are left in the last block */
	struct item *old;        /* one for each debt before the stretch: its rows */
	size_t n_old, cap_old;
};

enum { BLOCK = 1 << 16 };

static uint32_t *
new_payees(struct work *w, size_t n)
{
	if (w->left < n) {
		if (mem_grow(&w->payees, &w->cap_blocks, w->n_blocks + 1, sizeof *w->payees) < 0 ||
		    !(w->payees[w->n_blocks] = mem_alloc(BLOCK, sizeof **w->payees)))
			return NULL;
		w->n_blocks++;
		w->left = BLOCK;
	}
	w->left -= n;
	return w->payees[w->n_blocks - 1] + BLOCK - w->left - n;
}

/* Who each share is for, at that time and place. NULL with a reason. */
static const uint32_t *
find_payees(struct work *w, const struct terms *t, uint32_t node, uint64_t time, uint64_t index)
{
	uint32_t *payee = new_payees(w, t->n);

	for (size_t i = 0; payee && i < t->n; i++) {
		const struct share *s = &t->share[i];
		if (time < s->from || time >= s->until)
			payee[i] = BOOKS_NONE;
		else if (s->to == SHARE_NODE)
			payee[i] = node;
		else if (s->to == SHARE_OWNER)
			payee[i] = books_owner(w->b, &s->asset, index);
		else if ((payee[i] = books_party(w->b, s->key)) == BOOKS_NONE)
			return NULL;
	}
	return payee;
}

static bool
is_in_time(const struct terms *t, uint64_t time)
{
	return time >= t->from && time < t->until;
}

static bool
is_charged(const struct books *b, const struct receipt *r)
{
	return r->terms != BOOKS_NONE && is_in_time(&b->terms[r->terms], r->time) && !books_subscribed(b, r);
}

static int
add_old(struct work *w, const struct receipt *r)
{
	if (mem_grow(&w->old, &w->cap_old, w->n_old + 1, sizeof *w->old) < 0)
		return -1;
	w->old[w->n_old++] = (struct item){ .terms = r->terms, .client = r->client, .rows = books_rows(w->b, r) };
	return 0;
}

static int
add_items(struct work *w)
{
	struct books *b = w->b;

	for (size_t i = 0; i < b->n_receipts; i++) {
		const struct receipt *r = &b->receipt[i];
		struct item *e;
		if (r->state == RECEIPT_SETTLED && is_charged(b, r) && add_old(w, r) < 0)
			return -1;
		if (r->state != RECEIPT_DUE || books_rows(b, r) == 0)
			continue;
		if (!is_in_time(&b->terms[r->terms], r->time)) { /* the voucher's terms, which are there, are the receipt's */
			if (books_refuse(b, r->index, "not in the time of its terms") < 0)
				return -1;
			continue;
		}
		if (!is_charged(b, r))
			continue;
		if (mem_grow(&w->item, &w->cap, w->n + 1, sizeof *w->item) < 0)
			return -1;
		e = &w->item[w->n++];
		*e = (struct item){ r->terms, r->client, r->node, books_rows(b, r), r->index, find_payees(w, &b->terms[r->terms], r->node, r->time, r->index) };
		if (!e->payee)
			return -1;
	}
	return 0;
}

/* ---- their order ---- */

static int
compare_parties(const struct books *b, uint32_t x, uint32_t y)
{
	if (x == y)
		return 0;
	if (x == BOOKS_NONE || y == BOOKS_NONE)
		return x == BOOKS_NONE ? -1 : 1;
	return memcmp(b->party[x], b->party[y], KEY_PUBLIC);
}

/* By what they are, not by the numbers that they have here. */
static int
compare_debts(const struct books *b, const struct item *x, const struct item *y)
{
	int order = x->terms == y->terms ? 0 : memcmp(b->terms[x->terms].id.bytes, b->terms[y->terms].id.bytes, HASH_SIZE);

	return order ? order : compare_parties(b, x->client, y->client);
}

static int
compare_groups(const struct books *b, const struct item *x, const struct item *y)
{
	int order = compare_debts(b, x, y);

	if (!order)
		order = compare_parties(b, x->node, y->node);
	for (size_t i = 0; !order && i < b->terms[x->terms].n; i++)
		order = compare_parties(b, x->payee[i], y->payee[i]);
	return order;
}

static int
compare_items(const void *a, const void *c, void *books)
{
	const struct item *x = a, *y = c;
	int order = compare_groups(books, x, y);

	return order ? order : x->index < y->index ? -1 : x->index > y->index;
}

static int
compare_old(const void *a, const void *c, void *books)
{
	return compare_debts(books, a, c);
}

/* Rows in all: TERMS_LARGEST and 1 is too many, and stays that. */
static uint64_t
add_rows(uint64_t a, uint64_t b)
{
	return a + b <= TERMS_LARGEST ? a + b : TERMS_LARGEST + 1; /* both are at most that */
}

/* One of each debt, with all its rows. */
static void
sum_old(struct work *w)
{
	size_t n = 0;

	if (w->n_old > 0)
		qsort_r(w->old, w->n_old, sizeof *w->old, compare_old, w->b);
	for (size_t i = 0; i < w->n_old; i++)
		if (n > 0 && compare_debts(w->b, &w->old[n - 1], &w->old[i]) == 0)
			w->old[n - 1].rows = add_rows(w->old[n - 1].rows, w->old[i].rows);
		else
			w->old[n++] = w->old[i];
	w->n_old = n;
}

/* The rows of a client by terms that were charged before the stretch. */
static uint64_t
rows_before(const struct work *w, const struct item *e)
{
	size_t low = 0, high = w->n_old;

	while (low < high) {
		size_t i = (low + high) / 2;
		int order = compare_debts(w->b, &w->old[i], e);
		if (order == 0)
			return w->old[i].rows;
		if (order < 0)
			low = i + 1;
		else
			high = i;
	}
	return 0;
}

/* ---- paying ---- */

static struct share_paid *
paid_of(struct settlement *s, const struct terms *t, size_t share)
{
	for (size_t i = 0; i < s->n_paid; i++)
		if (s->paid[i].share == share && hash_equal(&s->paid[i].terms, &t->id))
			return &s->paid[i];
	if (mem_grow(&s->paid, &s->cap_paid, s->n_paid + 1, sizeof *s->paid) < 0)
		return NULL;
	s->paid[s->n_paid] = (struct share_paid){ t->id, share, 0 };
	return &s->paid[s->n_paid++];
}

/* What a share may still have. 0, or -1. */
static int
room_of(struct settlement *s, const struct terms *t, size_t share, uint64_t *room)
{
	const struct share_paid *p;

	*room = UINT64_MAX;
	if (t->share[share].cap == TERMS_ALWAYS)
		return 0;
	if (!(p = paid_of(s, t, share)))
		return -1;
	*room = t->share[share].cap > p->amount ? t->share[share].cap - p->amount : 0;
	return 0;
}

/* Splits an amount between the shares that are left, until none gets more than it may. part[n]: what is left for nobody. */
static int
share_out(struct settlement *s, const struct terms *t, const uint32_t *payee, uint64_t amount, uint64_t part[TERMS_SHARES + 1])
{
	uint64_t weight[TERMS_SHARES], tried[TERMS_SHARES], room, parts = 0;
	bool again = true;

	for (size_t i = 0; i < t->n; i++) {
		part[i] = 0;
		weight[i] = payee[i] == BOOKS_NONE ? 0 : t->share[i].parts;
		parts += weight[i];
	}
	while (again && parts > 0 && amount > 0) {
		if (settle_split(amount, weight, tried, t->n) < 0)
			return -1;
		again = false;
		for (size_t i = 0; i < t->n; i++) {
			if (weight[i] == 0)
				continue;
			if (room_of(s, t, i, &room) < 0)
				return -1;
			if (tried[i] <= room)
				continue;
			part[i] = room; /* it is full, and the others get what it does not */
			amount -= room;
			parts -= weight[i];
			weight[i] = 0;
			again = true;
		}
		for (size_t i = 0; !again && i < t->n; i++)
			part[i] += weight[i] > 0 ? tried[i] : 0;
	}
	part[t->n] = parts > 0 ? 0 : amount;
	return 0;
}

static int
pay(struct settlement *s, const struct payment *p)
{
	if (p->amount == 0)
		return 0;
	if (mem_grow(&s->payment, &s->cap, s->n + 1, sizeof *s->payment) < 0)
		return -1;
	s->payment[s->n++] = *p;
	return 0;
}

/* Pays an amount to the payees of a group; `p` has the rest. */
static int
pay_shares(struct work *w, struct payment *p, const uint32_t *payee, uint64_t amount)
{
	const struct terms *t = &w->b->terms[p->terms];
	uint64_t part[TERMS_SHARES + 1];
	struct share_paid *paid;

	if (share_out(w->s, t, payee, amount, part) < 0)
		return -1;
	for (size_t i = 0; i < t->n; i++) {
		p->share = (int)i; /* < TERMS_SHARES */
		p->to = payee[i];
		p->amount = part[i];
		if (pay(w->s, p) < 0)
			return -1;
		if (t->share[i].cap == TERMS_ALWAYS)
			continue;
		if (!(paid = paid_of(w->s, t, i)))
			return -1;
		paid->amount += part[i];
	}
	p->share = SETTLE_REST;
	p->amount = part[t->n];
	return (p->to = books_party(w->b, t->issuer)) == BOOKS_NONE ? -1 : pay(w->s, p);
}

/* ---- rows ---- */

/* floor((rows - free) price / per). False: it is beyond what all programs know exactly. */
static bool
price_of(const struct terms *t, uint64_t rows, uint64_t *price)
{
	wide all = t->per == 0 || rows <= t->free ? 0 : (wide)(rows - t->free) * t->price / t->per;

	*price = (uint64_t)all;
	return rows <= TERMS_LARGEST && all <= TERMS_LARGEST;
}

static bool
debt_of(const struct work *w, const struct item *e, size_t n, uint64_t *amount)
{
	const struct terms *t = &w->b->terms[e->terms];
	uint64_t before = rows_before(w, e), now = before, was, is;

	for (size_t i = 0; i < n; i++)
		now = add_rows(now, e[i].rows);
	if (!price_of(t, now, &is) || !price_of(t, before, &was))
		return false;
	*amount = is - was;
	return true;
}

static int
note_records(struct settlement *s, const struct item *e, size_t n)
{
	if (mem_grow(&s->record, &s->cap_records, s->n_records + n, sizeof *s->record) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		s->record[s->n_records++] = e[i].index;
	return 0;
}

/* How many of the n items, from the first on, are alike. */
static size_t
run(const struct books *b, const struct item *e, size_t n, int (*compare)(const struct books *b, const struct item *x, const struct item *y))
{
	size_t i = 1;

	while (i < n && compare(b, e, &e[i]) == 0)
		i++;
	return i;
}

static int
pay_group(struct work *w, const struct item *e, size_t n, uint64_t rows, uint64_t amount)
{
	struct payment p = { .from = e->client, .node = e->node, .terms = e->terms, .rows = rows, .first = w->s->n_records, .n = n };

	return note_records(w->s, e, n) < 0 ? -1 : pay_shares(w, &p, e->payee, amount);
}

/* It would be wrong in a statement, and must not keep others from theirs. */
static int
refuse_debt(struct work *w, const struct item *e, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (books_refuse(w->b, e[i].index, "a debt of more than 2^53") < 0)
			return -1;
	return 0;
}

/* All items of one client by the same terms. */
static int
pay_debt(struct work *w, const struct item *e, size_t n)
{
	size_t groups = 0, at, k;
	uint64_t amount, all = 0, *rows = NULL, *part;
	int rc;

	if (!debt_of(w, e, n, &amount))
		return refuse_debt(w, e, n);
	for (at = 0; at < n; at += run(w->b, e + at, n - at, compare_groups))
		groups++;
	if (!(rows = mem_alloc(2 * groups, sizeof *rows)))
		return -1;
	part = rows + groups;
	for (at = groups = 0; at < n; at += k, groups++) {
		k = run(w->b, e + at, n - at, compare_groups);
		for (size_t i = 0; i < k; i++)
			rows[groups] += e[at + i].rows;
		all += rows[groups];
	}
	rc = all == 0 ? 0 : settle_split(amount, rows, part, groups);
	for (at = groups = 0; rc == 0 && all > 0 && at < n; at += k, groups++) {
		k = run(w->b, e + at, n - at, compare_groups);
		rc = pay_group(w, e + at, k, rows[groups], part[groups]);
	}
	free(rows);
	return rc;
}

static int
pay_rows(struct work *w)
{
	size_t n;

	sum_old(w);
	if (w->n > 0)
		qsort_r(w->item, w->n, sizeof *w->item, compare_items, w->b);
	for (size_t at = 0; at < w->n; at += n) {
		n = run(w->b, w->item + at, w->n - at, compare_debts);
		if (pay_debt(w, w->item + at, n) < 0)
			return -1;
	}
	return 0;
}

/* ---- subscriptions and resales ---- */

static int
pay_subscription(struct work *w, const struct subscription *s)
{
	const struct terms *t = &w->b->terms[s->terms];
	uint32_t node = s->node == BOOKS_NONE ? books_party(w->b, t->issuer) : s->node;
	const uint32_t *payee = find_payees(w, t, node, s->from, s->index);
	struct payment p = { .from = s->client, .node = node, .terms = s->terms, .first = w->s->n_records, .n = 1 };

	if (!payee || node == BOOKS_NONE || note_records(w->s, &(struct item){ .index = s->index }, 1) < 0)
		return -1;
	return pay_shares(w, &p, payee, s->periods * t->period_price); /* was not refused: at most TERMS_LARGEST */
}

static int
pay_resale(struct work *w, const struct resale *r)
{
	const struct terms *t = &w->b->terms[r->terms];
	struct payment p = { .from = r->from, .node = BOOKS_NONE, .terms = r->terms, .share = SETTLE_RESALE, .first = w->s->n_records, .n = 1 };

	if (t->resale_parts == 0)
		return 0;
	if ((p.to = books_party(w->b, t->resale_to)) == BOOKS_NONE || note_records(w->s, &(struct item){ .index = r->index }, 1) < 0)
		return -1;
	p.amount = (uint64_t)((wide)r->price * t->resale_parts / t->resale_per); /* <= price */
	return pay(w->s, &p);
}

/* By what they are, and only of equal ones by their place in the log. */
static int
compare_subscriptions(const void *a, const void *c, void *books)
{
	const struct subscription *x = a, *y = c;
	const struct books *b = books;
	int order = compare_debts(b, &(struct item){ .terms = x->terms, .client = x->client }, &(struct item){ .terms = y->terms, .client = y->client });

	if (!order)
		order = compare_parties(b, x->node, y->node);
	if (!order && x->from != y->from)
		order = x->from < y->from ? -1 : 1;
	if (!order && x->periods != y->periods)
		order = x->periods < y->periods ? -1 : 1;
	return order ? order : x->index < y->index ? -1 : x->index > y->index;
}

static int
pay_others(struct work *w)
{
	const struct books *b = w->b;

	if (b->n_subscriptions > 0)
		qsort_r(b->subscription, b->n_subscriptions, sizeof *b->subscription, compare_subscriptions, w->b);
	for (size_t i = 0; i < b->n_subscriptions; i++)
		if (b->subscription[i].index >= b->from && pay_subscription(w, &b->subscription[i]) < 0)
			return -1;
	for (size_t i = 0; i < b->n_resales; i++)
		if (b->resale[i].index >= b->from && pay_resale(w, &b->resale[i]) < 0)
			return -1;
	return 0;
}

int
settle(struct settlement *s, struct books *b)
{
	struct work w = { .b = b, .s = s };
	int rc = add_items(&w) < 0 || pay_rows(&w) < 0 ? -1 : pay_others(&w);

	for (size_t i = 0; i < w.n_blocks; i++)
		free(w.payees[i]);
	free(w.payees);
	free(w.item);
	free(w.old);
	return rc;
}

void
settlement_free(struct settlement *s)
{
	free(s->payment);
	free(s->record);
	free(s->paid);
	*s = (struct settlement){ 0 };
}
