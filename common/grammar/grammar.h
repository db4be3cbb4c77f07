/*
 * grammar.h: grammars in GBNF, the notation of llama.cpp: which texts a sequence may become. mai-grammar(5) describes it.
 *
 * A grammar becomes a graph. A node says what comes first, its `next` what comes then; node 0 is the end of a rule. Alternatives
 * and repetitions without a count are forks of the way; a rule's name, and a repetition with a count, is a call of a way of its own.
 * So matching needs a stack of calls and nothing else (grammar/match.h).
 */
#ifndef MAI_GRAMMAR_GRAMMAR_H
#define MAI_GRAMMAR_GRAMMAR_H

#include <stddef.h>
#include <stdint.h>

#include "stream/stream.h"
#include "text/vocab.h"

enum {
	GRAMMAR_MAX_RULES = 1 << 14,
	GRAMMAR_MAX_NODES = 1 << 20,
	GRAMMAR_MAX_NESTING = 256,    /* of parentheses */
	GRAMMAR_MAX_REPEAT = 1 << 20, /* {n} */
	GRAMMAR_MAX_CODE = 0x10ffff,  /* the last code point */
};
#define GRAMMAR_NO_MAX UINT32_MAX

enum node_type {
	NODE_END,       /* of a rule, or of what is repeated */
	NODE_JOIN,      /* nothing: ways come together here, */
	NODE_RULE,      /* a call of a rule by its number: of both none is left when a grammar has been read */
	NODE_FORK,      /* `next`, or `other` */
	NODE_CLASS,     /* a character of one of n ranges, sorted, from range[first] on */
	NODE_TOKEN,     /* this token */
	NODE_NOT_TOKEN, /* any token but this */
	NODE_CALL,      /* what begins at node `body`, at least `min` times and at most `max` (GRAMMAR_NO_MAX) */
};

struct node {
	enum node_type type;
	uint32_t next;
	union {
		uint32_t other;
		uint32_t rule;
		struct {
			uint32_t first, n;
		} class;
		uint32_t token;
		struct {
			uint32_t body, min, max;
		} call;
	};
};

/* Code points first to last; none is a surrogate. */
struct range {
	uint32_t first, last;
};

struct grammar {
	struct node *node;
	size_t n_nodes, node_cap;
	struct range *range;
	size_t n_ranges, range_cap;
	uint32_t root; /* the node that the rule "root" begins with */
};

/*
 * Reads n bytes of GBNF. `vocab` knows the tokens that <text> names; NULL: they match nothing, which is enough to see whether a
 * grammar is one. NULL with a reason that says line and column.
 */
struct grammar *grammar_parse(const char *text, size_t n, const struct vocab *vocab);
void grammar_free(struct grammar *g);

#endif
