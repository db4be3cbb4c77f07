#include "flow/grammars.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"

static bool
is_same(const struct shared_grammar *g, const struct open *o)
{
	return g->constraint && g->ends == !o->sampling.ignore_eos && g->len == o->grammar.len &&
	    memcmp(g->text, o->grammar.data, g->len) == 0;
}

/* The place of the one that was not used for longest; NULL: all are in use. */
static struct shared_grammar *
find_place(struct grammars *all)
{
	struct shared_grammar *oldest = NULL;

	for (size_t i = 0; i < GRAMMARS_MAX; i++) {
		struct shared_grammar *g = &all->list[i];
		if (g->users == 0 && (!oldest || g->used < oldest->used))
			oldest = g;
	}
	return oldest;
}

static void
clear(struct shared_grammar *g)
{
	constraint_free(g->constraint);
	free(g->text);
	*g = (struct shared_grammar){ 0 };
}

static int
read_grammar(struct grammars *all, const struct open *o, struct shared_grammar *g)
{
	const struct open_text *text = &o->grammar;

	clear(g);
	if (!all->order.piece && order_make(&all->order, all->vocab) < 0)
		return -1;
	if (!(g->text = mem_alloc(text->len, 1)) ||
	    !(g->constraint = constraint_new((const char *)text->data, text->len, &all->order, !o->sampling.ignore_eos))) {
		clear(g);
		return -1;
	}
	memcpy(g->text, text->data, text->len);
	g->len = text->len;
	g->ends = !o->sampling.ignore_eos;
	return 0;
}

int
grammars_get(struct grammars *all, const struct open *o, struct shared_grammar **out, enum close_reason *why)
{
	struct shared_grammar *g = NULL;

	*out = NULL;
	if (o->grammar.len == 0)
		return 0;
	for (size_t i = 0; i < GRAMMARS_MAX && !g; i++)
		if (is_same(&all->list[i], o))
			g = &all->list[i];
	if (!g) {
		*why = CLOSE_REFUSED;
		if (!(g = find_place(all)))
			return err_set(ERR_DATA, "more than %d different grammars at once", GRAMMARS_MAX);
		if (read_grammar(all, o, g) < 0) {
			*why = err_status() == ERR_DATA ? CLOSE_ERROR : CLOSE_MEMORY;
			return err_wrap("grammar");
		}
	}
	g->users++;
	g->used = ++all->time;
	*out = g;
	return 0;
}

void
grammars_release(struct shared_grammar *g)
{
	if (g)
		g->users--;
}

void
grammars_free(struct grammars *all)
{
	for (size_t i = 0; i < GRAMMARS_MAX; i++)
		clear(&all->list[i]);
	order_free(&all->order);
}
