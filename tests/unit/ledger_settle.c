/* Settlements of logs made by chance: whole, fair, the same in any order, and none paid twice (settle_log.h says what is due). */
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <time.h>

#include "base/err.h"
#include "ledger/settle.h"
#include "ledger/statement.h"
#include "settle_log.h"
#include "tap.h"

__extension__ typedef unsigned __int128 wide;
__extension__ typedef __int128 wide_signed;

/* One stretch of a log, settled. `paid` goes on from stretch to stretch. */
struct run {
	struct books b;
	struct settlement s;
};

static bool
settle_stretch(struct run *r, const struct world *w, const struct order *o, size_t from, size_t to, const struct settlement *before)
{
	*r = (struct run){ .b.from = from, .b.to = to };
	for (size_t i = 0; before && i < before->n_paid; i++) {
		if (!r->s.paid && !(r->s.paid = calloc(r->s.cap_paid = before->n_paid, sizeof *r->s.paid)))
			abort();
		r->s.paid[r->s.n_paid++] = before->paid[i];
	}
	for (size_t i = 0; i < to; i++)
		if (books_add(&r->b, i, &w->entry[o->entry[i]].record) < 0)
			return false;
	return books_close(&r->b) == 0 && settle(&r->s, &r->b) == 0;
}

static void
free_run(struct run *r)
{
	books_free(&r->b);
	settlement_free(&r->s);
}

/* The number in the world of a party or of terms of the books. */
static int
party_of(const struct run *r, uint32_t party)
{
	for (int i = 0; party != BOOKS_NONE && i < PARTIES; i++)
		if (memcmp(r->b.party[party], party_key[i], KEY_PUBLIC) == 0)
			return i;
	return NONE;
}

static int
terms_of(const struct run *r, const struct world *w, uint32_t terms)
{
	for (int i = 0; i < w->n_terms; i++) {
		struct hash id = record_id(&w->entry[i].record);
		if (hash_equal(&r->b.terms[terms].id, &id))
			return i;
	}
	return NONE;
}

static const struct entry *
record_of(const struct run *r, const struct world *w, const struct order *o, const struct payment *p, size_t i)
{
	return &w->entry[o->entry[r->s.record[p->first + i]]];
}

static enum record_type
type_of(const struct run *r, const struct world *w, const struct order *o, const struct payment *p)
{
	return record_of(r, w, o, p, 0)->type;
}

/* ---- what is paid in all ---- */

/* Of each client by all its terms for rows: what the log up to `to` comes to, less what it came to up to `from`. */
static bool
debts_are_paid(const struct run *r, const struct world *w, const struct order *o)
{
	struct due now[MOST], was[MOST];
	size_t n_now = find_due(w, o, r->b.to, now), n_was = find_due(w, o, r->b.from, was);

	for (int t = 0; t < w->n_terms; t++)
		for (int c = 0; c < PARTIES; c++) {
			uint64_t sum = 0;
			for (size_t i = 0; i < r->s.n; i++) {
				const struct payment *p = &r->s.payment[i];
				if (type_of(r, w, o, p) == RECORD_RECEIPT && party_of(r, p->from) == c && terms_of(r, w, p->terms) == t)
					sum += p->amount;
			}
			if (sum != debt_by(w, now, n_now, c, t) - debt_by(w, was, n_was, c, t))
				return false;
		}
	return true;
}

/* Subscriptions and resales that stand in the stretch: each is paid in full, and once. */
static bool
others_are_paid(const struct run *r, const struct world *w, const struct order *o)
{
	for (size_t at = 0; at < r->b.to; at++) {
		const struct entry *e = &w->entry[o->entry[at]];
		const struct made_terms *t = e->terms == NONE ? NULL : &w->terms[e->terms];
		uint64_t sum = 0, want = 0;
		if ((e->type != RECORD_SUBSCRIPTION && e->type != RECORD_TRANSFER) || !t)
			continue;
		if (e->type == RECORD_SUBSCRIPTION && t->period && e->time >= t->from && e->time < t->until)
			want = e->periods * t->period_price;
		if (e->type == RECORD_TRANSFER && t->resale_parts && owner_at(w, o, at, e->asset) == e->from)
			want = e->price * t->resale_parts / t->resale_per;
		for (size_t i = 0; i < r->s.n; i++)
			if (type_of(r, w, o, &r->s.payment[i]) == e->type && r->s.record[r->s.payment[i].first] == at)
				sum += r->s.payment[i].amount;
		if (sum != (at >= r->b.from ? want : 0))
			return false;
	}
	return true;
}

/* ---- who is paid ---- */

static bool
same_group(const struct due *a, const struct due *b)
{
	return a->e->client == b->e->client && a->e->terms == b->e->terms && a->e->node == b->e->node && memcmp(a->payee, b->payee, sizeof a->payee) == 0;
}

static bool
is_capped(const struct made_terms *t)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->share[i].cap != UINT64_MAX)
			return true;
	return false;
}

/* Is |amount - total * part / all| less than this many units? */
static bool
is_near(uint64_t amount, uint64_t total, wide part, wide all, unsigned units)
{
	wide_signed off = (wide_signed)(amount * all) - (wide_signed)(total * part);

	return (off < 0 ? -off : off) < (wide_signed)(units * all);
}

/*
 * The group of receipts due[0 to n - 1] that due[k] is in: its payments are to who must have them, for these rows and records, and near to the
 * exact share of the debt where nothing is capped.
 */
static bool
group_is_paid(const struct run *r, const struct world *w, const struct due *due, size_t n, size_t k)
{
	const struct made_terms *t = &w->terms[due[k].e->terms];
	uint64_t amount[MOST_SHARES + 1] = { 0 }, rows = 0, all = 0, parts = 0, debt = debt_by(w, due, n, due[k].e->client, due[k].e->terms);
	size_t members = 0, groups = 1;

	for (size_t i = 0; i < n; i++) {
		bool same = same_group(&due[i], &due[k]), owed = due[i].e->client == due[k].e->client && due[i].e->terms == due[k].e->terms;
		all += owed ? due[i].rows : 0;
		groups += owed && !same;
		rows += same ? due[i].rows : 0;
		members += same;
	}
	for (size_t i = 0; i < t->n; i++)
		parts += due[k].payee[i] == NONE ? 0 : t->share[i].parts;
	for (size_t i = 0; i < r->s.n; i++) {
		const struct payment *p = &r->s.payment[i];
		bool is = false;
		for (size_t m = 0; m < p->n; m++)
			is |= r->s.record[p->first + m] == due[k].at;
		if (!is)
			continue;
		if (p->n != members || p->rows != rows || party_of(r, p->from) != due[k].e->client || party_of(r, p->node) != due[k].e->node ||
		    terms_of(r, w, p->terms) != due[k].e->terms || p->amount == 0 || p->share < SETTLE_REST ||
		    party_of(r, p->to) != (p->share == SETTLE_REST ? t->issuer : due[k].payee[p->share]))
			return false;
		amount[p->share == SETTLE_REST ? MOST_SHARES : p->share] += p->amount;
	}
	if (is_capped(t))
		return true;
	for (size_t i = 0; i < t->n; i++)
		if (!is_near(amount[i], debt, due[k].payee[i] == NONE ? 0 : (wide)rows * t->share[i].parts, (wide)all * (parts ? parts : 1), groups > 1 ? 2 : 1))
			return false;
	return parts > 0 ? amount[MOST_SHARES] == 0 : is_near(amount[MOST_SHARES], debt, rows, all, 1);
}

/* Of a stretch from the log's beginning. */
static bool
groups_are_paid(const struct run *r, const struct world *w, const struct order *o)
{
	struct due due[MOST];
	size_t n = find_due(w, o, r->b.to, due);

	for (size_t k = 0; k < n; k++)
		if (!group_is_paid(r, w, due, n, k))
			return false;
	return true;
}

/* Each record of a payment for rows is a receipt of that client, node and terms, in the log's order; `seen` by how many groups each place of the log has been paid for. */
static bool
records_are_right(const struct run *r, const struct world *w, const struct order *o, unsigned char seen[2 * MOST])
{
	for (size_t i = 0; i < r->s.n; i++) {
		const struct payment *p = &r->s.payment[i];
		bool first = i == 0 || r->s.payment[i - 1].first != p->first;
		if (type_of(r, w, o, p) != RECORD_RECEIPT)
			continue;
		for (size_t k = 0; k < p->n; k++) {
			const struct entry *e = record_of(r, w, o, p, k);
			if ((k > 0 && r->s.record[p->first + k] <= r->s.record[p->first + k - 1]) || e->type != RECORD_RECEIPT || e->client != party_of(r, p->from) || e->node != party_of(r, p->node) || e->terms != terms_of(r, w, p->terms))
				return false;
			seen[r->s.record[p->first + k]] = (unsigned char)(seen[r->s.record[p->first + k]] + first);
		}
	}
	for (size_t i = 0; i < 2 * MOST; i++)
		if (seen[i] > 1)
			return false;
	return true;
}

/* What is written as had is what was had, and no share has more than its cap. The rest is for when all are full or absent. */
static bool
caps_hold(const struct run *r, const struct world *w, uint64_t had[MOST_TERMS][MOST_SHARES])
{
	for (size_t i = 0; i < r->s.n; i++)
		if (r->s.payment[i].share >= 0)
			had[terms_of(r, w, r->s.payment[i].terms)][r->s.payment[i].share] += r->s.payment[i].amount;
	for (int t = 0; t < w->n_terms; t++)
		for (size_t k = 0; k < w->terms[t].n; k++)
			if (had[t][k] > w->terms[t].share[k].cap)
				return false;
	for (size_t i = 0; i < r->s.n_paid; i++)
		for (int t = 0; t < w->n_terms; t++) {
			struct hash id = record_id(&w->entry[t].record);
			if (hash_equal(&id, &r->s.paid[i].terms) && r->s.paid[i].amount != had[t][r->s.paid[i].share])
				return false;
		}
	return true;
}

/* Who has a part without a cap is there: nothing is the issuer's. */
static bool
rest_is_rest(const struct run *r, const struct world *w, const struct order *o)
{
	for (size_t i = 0; i < r->s.n; i++) {
		const struct payment *p = &r->s.payment[i];
		const struct entry *e = record_of(r, w, o, p, 0);
		int payee[MOST_SHARES], terms = terms_of(r, w, p->terms);
		if (p->share != SETTLE_REST)
			continue;
		find_payees_of(w, o, r->s.record[p->first], terms, party_of(r, p->node), e->time, payee);
		for (size_t k = 0; k < w->terms[terms].n; k++)
			if (payee[k] != NONE && w->terms[terms].share[k].cap == UINT64_MAX)
				return false;
	}
	return true;
}

/* ---- in writing ---- */

static uint64_t
amounts(const json_t *list, const char *to)
{
	uint64_t sum = 0;
	const json_t *one;
	size_t i;

	json_array_foreach(list, i, one)
		if (strcmp(json_string_value(json_object_get(one, "to")), to) == 0)
			sum += (uint64_t)json_number_value(json_object_get(one, "amount"));
	return sum;
}

/* All terms have one unit: a party has one payout, of all its payments. */
static bool
payouts_add_up(const struct run *r)
{
	struct tlog l = { 0 };
	struct buf text = { 0 };
	json_t *o, *payments, *payouts;
	bool good = statement_add(&text, &l, &r->b, &r->s, NULL) == 0;
	size_t parties = 0;

	o = good ? json_loadb((const char *)text.data, text.len, 0, NULL) : NULL;
	payments = json_object_get(o, "payments");
	payouts = json_object_get(o, "payouts");
	good = good && json_array_size(payments) == r->s.n;
	for (int i = 0; good && i < PARTIES; i++) {
		uint64_t sum = 0;
		for (size_t k = 0; k < r->s.n; k++)
			sum += party_of(r, r->s.payment[k].to) == i ? r->s.payment[k].amount : 0;
		good = amounts(payments, party_did[i]) == sum && amounts(payouts, party_did[i]) == sum;
		parties += sum > 0;
	}
	good = good && json_array_size(payouts) == parties;
	json_decref(o);
	buf_free(&text);
	return good;
}

/* ---- what does not count ---- */

static bool
is_refused(const struct run *r, size_t at, const char *why)
{
	for (size_t i = 0; i < r->b.n_refused; i++)
		if (r->b.refused[i].index == at && strcmp(r->b.refused[i].why, why) == 0)
			return true;
	return false;
}

/* A receipt that is there twice is refused where it comes again, and nowhere else. */
static bool
second_is_refused(const struct run *r, const struct world *w, const struct order *o)
{
	for (size_t i = 0; i < o->n; i++)
		if (w->entry[o->entry[i]].type == RECORD_RECEIPT && is_refused(r, i, "the receipt was there before") != (place_in(o, o->n, o->entry[i]) < i))
			return false;
	return true;
}

/* ---- in other orders, and in stretches ---- */

/* The same payments, one after the other, but for the places of their records. */
static bool
same_payments(const struct run *a, const struct run *b, const struct world *w)
{
	if (a->s.n != b->s.n)
		return false;
	for (size_t i = 0; i < a->s.n; i++) {
		const struct payment *x = &a->s.payment[i], *y = &b->s.payment[i];
		if (party_of(a, x->from) != party_of(b, y->from) || party_of(a, x->to) != party_of(b, y->to) || party_of(a, x->node) != party_of(b, y->node) ||
		    terms_of(a, w, x->terms) != terms_of(b, w, y->terms) || x->share != y->share || x->amount != y->amount || x->rows != y->rows || x->n != y->n)
			return false;
	}
	return true;
}

static const char *
wrong_when_shuffled(const struct run *whole, const struct world *w, const struct order *o)
{
	struct order other = *o;
	struct run r;
	const char *wrong = NULL;

	shuffle(w, &other);
	if (!settle_stretch(&r, w, &other, 0, other.n, NULL))
		wrong = "it is settled in another order";
	else if (!same_payments(whole, &r, w))
		wrong = "another order pays the same";
	free_run(&r);
	return wrong;
}

static const char *
wrong_in_stretches(const struct world *w, const struct order *o)
{
	size_t cut[4] = { 0, chance(o->n + 1), o->n, o->n };
	uint64_t had[MOST_TERMS][MOST_SHARES] = { 0 };
	unsigned char seen[2 * MOST] = { 0 };
	struct run r[3] = { 0 };
	const char *wrong = NULL;

	if (one_in(2))
		cut[2] = cut[1] + chance(o->n + 1 - cut[1]);
	for (size_t i = 0; !wrong && i < 3 && (i < 2 || cut[2] < o->n); i++) {
		if (!settle_stretch(&r[i], w, o, cut[i], cut[i + 1], i ? &r[i - 1].s : NULL))
			wrong = "a stretch is settled";
		else if (!debts_are_paid(&r[i], w, o))
			wrong = "each stretch pays what it adds to the debts";
		else if (!others_are_paid(&r[i], w, o))
			wrong = "each stretch pays its subscriptions and resales";
		else if (!records_are_right(&r[i], w, o, seen))
			wrong = "no receipt is paid in two stretches";
		else if (!caps_hold(&r[i], w, had))
			wrong = "caps hold over stretches";
	}
	for (size_t i = 0; i < 3; i++)
		free_run(&r[i]);
	return wrong;
}

/* What does not hold in a log; NULL: all does. */
static const char *
wrong_in(const struct run *r, const struct world *w, const struct order *o)
{
	uint64_t had[MOST_TERMS][MOST_SHARES] = { 0 };
	unsigned char seen[2 * MOST] = { 0 };

	if (!debts_are_paid(r, w, o))
		return "each client pays its debts to the unit";
	if (!others_are_paid(r, w, o))
		return "subscriptions and resales are paid to the unit";
	if (!records_are_right(r, w, o, seen))
		return "a payment's records are the payer's receipts, each paid once";
	if (!groups_are_paid(r, w, o))
		return "payments are to those of the shares, within a unit";
	if (!caps_hold(r, w, had))
		return "no share has more than its cap";
	if (!rest_is_rest(r, w, o))
		return "the issuer has only what nobody else may have";
	if (!second_is_refused(r, w, o))
		return "a receipt that is there twice is refused once";
	return w->serial % 16 || payouts_add_up(r) ? NULL : "payouts are the sums of payments";
}

static const uint64_t first_seed = 20261129;

/* Fewer where all is slow: under a sanitizer, and on processors that are emulated. */
static size_t
how_many(size_t n)
{
	return getenv("MAI_SLOW") ? n / 20 : n;
}

static void
check_worlds(void)
{
	size_t worlds = how_many(10000), payments = 0, refused = 0;
	const char *wrong = NULL;
	static struct world w;

	for (size_t i = 0; !wrong && i < worlds; i++) {
		struct order o;
		struct run r;
		chance_state = first_seed + i;
		some_world(&w, i);
		some_order(&w, &o);
		wrong = settle_stretch(&r, &w, &o, 0, o.n, NULL) ? wrong_in(&r, &w, &o) : "it is settled";
		payments += r.s.n;
		refused += r.b.n_refused;
		if (!wrong)
			wrong = i % 2 ? wrong_when_shuffled(&r, &w, &o) : wrong_in_stretches(&w, &o);
		if (wrong)
			printf("# seed %" PRIu64 ": does not hold: %s\n", first_seed + i, wrong);
		free_run(&r);
		free_world(&w);
	}
	tap_ok(!wrong, "%zu logs: %zu payments are whole, fair, the same in other orders and in stretches; %zu records don't count", worlds, payments, refused);
	tap_ok(payments > 5 * worlds && refused > worlds, "and the logs have something in them");
}

/* ---- splitting ---- */

/* Each part is the whole number below its exact share, or one more, and those have one more whose remainders are largest, the first of equals. */
static bool
is_split(uint64_t amount, const uint64_t *weight, const uint64_t *part, size_t n)
{
	uint64_t sum = 0, all = 0;

	for (size_t i = 0; i < n; i++) {
		sum += part[i];
		all += weight[i];
	}
	for (size_t i = 0; i < n; i++) {
		uint64_t low = (uint64_t)((wide)amount * weight[i] / all), left = (uint64_t)((wide)amount * weight[i] % all);
		if (part[i] != low && part[i] != low + 1)
			return false;
		for (size_t k = 0; k < n; k++) {
			uint64_t low2 = (uint64_t)((wide)amount * weight[k] / all), left2 = (uint64_t)((wide)amount * weight[k] % all);
			bool before = left > left2 || (left == left2 && i < k);
			if (before && part[i] == low && part[k] > low2)
				return false;
		}
	}
	return sum == amount;
}

static void
check_split(void)
{
	uint64_t weight[64], part[64];
	size_t wrong = 0, rounds = how_many(20000);

	chance_state = first_seed;
	for (size_t i = 0; i < rounds; i++) {
		size_t n = 1 + chance(one_in(4) ? 64 : 8);
		uint64_t most = one_in(3) ? 3 : one_in(2) ? 1000 : TERMS_LARGEST, amount = chance(one_in(2) ? 100 : TERMS_LARGEST + 1);
		for (size_t k = 0; k < n; k++)
			weight[k] = chance(most);
		weight[chance(n)]++;
		wrong += settle_split(amount, weight, part, n) < 0 || !is_split(amount, weight, part, n);
	}
	tap_ok(wrong == 0, "%zu amounts split by weights: whole, within a unit, ties to the first", rounds);
	tap_ok(settle_split(10, (uint64_t[]){ 1, 1, 1 }, part, 3) == 0 && part[0] == 4 && part[1] == 3 && part[2] == 3, "ten by three");
	tap_ok(settle_split(1, (uint64_t[]){ 1, 2, 0 }, part, 3) == 0 && part[0] == 0 && part[1] == 1 && part[2] == 0, "one goes to the larger");
	tap_ok(settle_split(UINT64_MAX, (uint64_t[]){ UINT64_MAX - 1, 1 }, part, 2) == 0 && part[0] == UINT64_MAX - 1 && part[1] == 1, "the largest numbers");
	tap_ok(settle_split(0, (uint64_t[]){ 5, 5 }, part, 2) == 0 && part[0] == 0 && part[1] == 0, "nothing");
}

/* ---- by hand ---- */

static struct world hand;

/* A world with these terms, of which the issuer gets all if they have no shares. */
static void
begin(struct made_terms t)
{
	free_world(&hand);
	if (t.n == 0)
		t.share[t.n++] = (struct made_share){ .to = SHARE_KEY, .key = t.issuer, .parts = 1, .until = UINT64_MAX, .cap = UINT64_MAX };
	t.until = t.until ? t.until : UINT64_MAX;
	hand = (struct world){ .n_terms = 1, .terms[0] = t };
	add_entry(&hand, (struct entry){ .type = RECORD_TERMS });
}

/* The number of a receipt behind another, and a voucher for it. */
static int
add_receipt(int client, int node, int connection, int previous, uint64_t rows)
{
	struct entry e = { .type = RECORD_RECEIPT, .client = client, .node = node, .connection = connection, .receipt = previous, .rows = rows, .time = 500 };

	e.receipt = add_entry(&hand, e);
	e.type = RECORD_VOUCHER;
	add_entry(&hand, e);
	return e.receipt;
}

static void
subscribe(int client, uint64_t from, uint64_t periods)
{
	add_entry(&hand, (struct entry){ .type = RECORD_SUBSCRIPTION, .client = client, .node = NONE, .time = from, .periods = periods });
}

/* All entries as they were added, from one on; what comes of it is to be freed. */
static struct run
settle_hand(int from, int to, const struct run *before)
{
	struct order o = { .n = (size_t)hand.n }; /* not negative, like all numbers of entries */
	struct run r;

	for (int i = 0; i < hand.n; i++)
		o.entry[i] = i;
	if (!settle_stretch(&r, &hand, &o, (size_t)from, (size_t)to, before ? &before->s : NULL))
		printf("# %s\n", err_reason());
	return r;
}

/* What a party pays in all. */
static uint64_t
pays(const struct run *r, int client)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < r->s.n; i++)
		sum += party_of(r, r->s.payment[i].from) == client ? r->s.payment[i].amount : 0;
	return sum;
}

/* The whole log in one stretch. */
static bool
pay(uint64_t first, uint64_t second)
{
	struct run r = settle_hand(0, hand.n, NULL);
	bool good = pays(&r, 0) == first && pays(&r, 1) == second;

	if (!good)
		printf("# they pay %" PRIu64 " and %" PRIu64 "\n", pays(&r, 0), pays(&r, 1));
	free_run(&r);
	return good;
}

static const struct made_terms one_each = { .issuer = 5, .per = 1, .price = 1 };

/* What must not be done to others, or for oneself, with odd records. */
static void
check_odd(void)
{
	static const char beside[] = "it covers a receipt beside one that is covered";
	int a, b, end[3];
	struct run r[3];

	begin(one_each);
	add_receipt(0, 2, 0, NONE, 10);
	add_receipt(1, 3, 0, NONE, 1000);
	tap_ok(pay(10, 1000), "a nonce that others use too takes nothing from a connection");

	begin(one_each);
	a = add_receipt(0, 2, 0, NONE, 10);
	add_receipt(0, 2, 0, NONE, 30);
	add_receipt(0, 2, 0, a, 20);
	tap_ok(pay(30, 0), "of chains on a connection only the longest is paid");
	r[0] = settle_hand(0, hand.n, NULL);
	tap_ok(r[0].b.n_refused == 2 && is_refused(&r[0], 2, beside) && is_refused(&r[0], 6, beside), "and the vouchers for the others are named");
	free_run(&r[0]);

	begin(one_each);
	a = add_receipt(0, 2, 0, NONE, 10);
	end[0] = hand.n;
	b = add_receipt(0, 2, 0, NONE, 30);
	end[1] = hand.n;
	add_receipt(0, 2, 0, a, 35);
	add_receipt(0, 2, 0, b, 31);
	end[2] = hand.n;
	for (int i = 0; i < 3; i++)
		r[i] = settle_hand(i ? end[i - 1] : 0, end[i], i ? &r[i - 1] : NULL);
	tap_ok(pays(&r[0], 0) == 10 && pays(&r[1], 0) == 20 && pays(&r[2], 0) == 5, "in stretches each is paid for the rows that none was paid for");
	for (int i = 0; i < 3; i++)
		free_run(&r[i]);
	tap_ok(pay(35, 0), "and in one stretch the same");

	begin((struct made_terms){ .issuer = 5, .per = 1, .price = 1, .period = 1000, .period_price = 7, .from = 100 });
	subscribe(0, 99, 10);
	subscribe(1, 100, 1);
	add_receipt(0, 2, 0, NONE, 50);
	add_receipt(1, 2, 1, NONE, 50);
	tap_ok(pay(50, 7), "a subscription that begins before its terms do is not paid, and makes nothing free");

	begin((struct made_terms){ .issuer = 5, .per = 1, .price = 1, .period = 1000, .period_price = 7 });
	add_receipt(0, 2, 0, NONE, 50);
	subscribe(0, 0, 1);
	add_receipt(0, 2, 1, NONE, 30);
	tap_ok(pay(57, 0), "nor does one that comes behind a receipt make that free");
}

/* A share of all parts that there can be. */
static struct made_share
largest_share(int party)
{
	return (struct made_share){ .to = SHARE_KEY, .key = party, .parts = TERMS_PARTS, .until = UINT64_MAX, .cap = UINT64_MAX };
}

static void
check_large(void)
{
	struct made_terms t = { .issuer = 5, .per = 1, .price = 1 };
	struct run r;

	begin(one_each);
	add_receipt(0, 2, 0, NONE, TERMS_LARGEST);
	tap_ok(pay(TERMS_LARGEST, 0), "2^53 rows at one");
	begin((struct made_terms){ .issuer = 5, .per = TERMS_LARGEST, .price = TERMS_LARGEST, .free = 1 });
	add_receipt(0, 2, 0, NONE, TERMS_LARGEST);
	tap_ok(pay(TERMS_LARGEST - 1, 0), "2^53 rows, but one, at 2^53 for 2^53");
	begin((struct made_terms){ .issuer = 5, .per = 3, .price = 2 });
	add_receipt(0, 2, 0, NONE, TERMS_LARGEST - 1);
	tap_ok(pay((TERMS_LARGEST - 1) / 3 * 2 + (TERMS_LARGEST - 1) % 3 * 2 / 3, 0), "and at two for three");

	begin((struct made_terms){ .issuer = 5, .per = 1, .price = 2 });
	add_receipt(0, 2, 0, NONE, TERMS_LARGEST / 2 + 1);
	add_receipt(1, 2, 1, NONE, 4);
	tap_ok(pay(0, 8), "a debt beyond 2^53 does not count, and another's does");
	begin((struct made_terms){ .issuer = 5, .per = TERMS_LARGEST, .price = 1 });
	add_receipt(0, 2, 0, NONE, TERMS_LARGEST);
	add_receipt(0, 2, 1, NONE, 1);
	add_receipt(1, 2, 2, NONE, TERMS_LARGEST);
	tap_ok(pay(0, 1), "nor do more than 2^53 rows");
	begin((struct made_terms){ .issuer = 5, .period = 1, .period_price = 2 });
	subscribe(0, 0, TERMS_LARGEST);
	subscribe(0, 0, TERMS_LARGEST / 2);
	subscribe(1, 0, 3);
	tap_ok(pay(TERMS_LARGEST, 6), "nor a subscription beyond");

	for (t.n = 0; t.n < MOST_SHARES; t.n++)
		t.share[t.n] = largest_share((int)t.n); /* few */
	begin(t);
	add_receipt(0, 2, 0, NONE, TERMS_LARGEST);
	r = settle_hand(0, hand.n, NULL);
	tap_ok(pays(&r, 0) == TERMS_LARGEST && r.s.n == MOST_SHARES && r.s.payment[0].amount == TERMS_LARGEST / MOST_SHARES + 1 &&
	    r.s.payment[MOST_SHARES - 1].amount == TERMS_LARGEST / MOST_SHARES, "2^53 to shares of 2^32 parts each");
	free_run(&r);
}

/* 2048 receipts of 2^53 rows are 2^64 rows, which are none in 64 bits. So many of them are settled, so many due. */
static bool
is_too_much(size_t settled, size_t due)
{
	struct receipt *receipt = calloc(settled + due, sizeof *receipt);
	struct terms t = { .per = TERMS_LARGEST, .price = 1, .until = TERMS_ALWAYS, .n = 1, .share[0] = { .to = SHARE_NODE, .parts = 1, .until = TERMS_ALWAYS, .cap = TERMS_ALWAYS } };
	struct books b = { .party = party_key, .n_parties = 2, .terms = &t, .n_terms = 1, .receipt = receipt, .n_receipts = settled + due };
	struct settlement s = { 0 };
	bool is;

	for (size_t i = 0; receipt && i < settled + due; i++)
		receipt[i] = (struct receipt){ .rows = TERMS_LARGEST, .node = 1, .before = BOOKS_NONE, .state = i < settled ? RECEIPT_SETTLED : RECEIPT_DUE };
	is = receipt && settle(&s, &b) == 0 && s.n == 0 && b.n_refused == due;
	settlement_free(&s);
	free(b.refused);
	free(receipt);
	return is;
}

static void
check_wrap(void)
{
	tap_ok(is_too_much(0, 2049) && is_too_much(2048, 1) && is_too_much(1024, 1025), "more rows than 64 bits hold are too many");
}

/* ---- long chains ---- */

static struct hash
number_hash(uint64_t n)
{
	return hash_bytes(&n, sizeof n);
}

/* A receipt, and a voucher for it. */
static void
put_pair(struct books *b, uint64_t rows, const struct hash *previous)
{
	struct hash id = number_hash(rows), nonce = number_hash(0);

	if (seen_add(&b->receipts, &id, b->n_receipts) < 0)
		abort();
	b->receipt[b->n_receipts] = (struct receipt){ .id = id, .previous = *previous, .nonce = nonce, .index = 2 * b->n_receipts, .rows = rows, .before = BOOKS_NONE };
	b->voucher[b->n_vouchers++] = (struct voucher){ .receipt = id, .nonce = nonce, .index = 2 * b->n_receipts + 1, .rows = rows };
	b->n_receipts++;
}

/* Are vouchers for all receipts of a long chain refused soon, for its first receipt is missing, or there is one beside it for more rows? */
static bool
is_refused_soon(bool is_missing)
{
	enum { LONG = 50000 };
	struct books b = { .receipt = calloc(LONG, sizeof *b.receipt), .voucher = calloc(LONG, sizeof *b.voucher), .to = 2 * LONG };
	const struct hash none = { 0 };
	clock_t began = clock();
	bool is;

	if (!b.receipt || !b.voucher)
		abort();
	put_pair(&b, 2 * LONG, &none);
	for (uint64_t i = 1; i < LONG; i++) {
		struct hash before = number_hash(i - 1);
		put_pair(&b, i, i == 1 && !is_missing ? &none : &before);
	}
	if (is_missing)
		b.voucher[0].rows = 0; /* the one beside is not covered */
	is = books_close(&b) == 0 && b.n_refused == (is_missing ? LONG : LONG - 1) && clock() - began < 3 * CLOCKS_PER_SEC;
	books_free(&b);
	return is;
}

static void
check_long(void)
{
	tap_ok(is_refused_soon(true), "a long chain whose beginning is missing takes no long time");
	tap_ok(is_refused_soon(false), "nor one beside another");
}

int
main(void)
{
	make_parties();
	check_worlds();
	check_odd();
	check_large();
	check_wrap();
	check_long();
	check_split();
	free_world(&hand);
	return tap_done();
}
