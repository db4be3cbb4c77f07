#include "text/spm.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/half.h"
#include "base/mem.h"
#include "text/utf8.h"

#define SPACE "\xe2\x96\x81" /* U+2581 */

enum {
	SPACE_LENGTH = sizeof SPACE - 1,
	PAIR_BITS = 17,
};

struct spm {
	uint32_t *order;    /* of each token: the higher its score the less */
	uint32_t byte[256]; /* the token of each byte; VOCAB_NONE: has none */
	/*
	 * Which characters stand side by side in some token, as bits by hash. Between two that never do no token can reach
	 * across, so a text falls into parts, mostly words, that are merged each alone. (A bit too many costs time, no more.)
	 */
	uint64_t pair[(1 << PAIR_BITS) / 64];
};

/* A character as a number: its bytes. */
static uint32_t
character(const uint8_t *s, uint32_t n)
{
	uint32_t c = 0;

	for (uint32_t i = 0; i < n; i++)
		c = c << 8 | s[i];
	return c;
}

static uint32_t
pair_bit(uint32_t left, uint32_t right)
{
	return (left * 0x9e3779b1u + right * 0x85ebca6bu) * 0xc2b2ae35u >> (32 - PAIR_BITS);
}

static bool
may_join(const struct spm *s, uint32_t left, uint32_t right)
{
	uint32_t bit = pair_bit(left, right);

	return s->pair[bit / 64] >> bit % 64 & 1;
}

/* ---- loading ---- */

static void
load_pairs(struct spm *s, const struct vocab *v)
{
	for (uint32_t id = 0; id < v->n; id++) {
		const uint8_t *t = texts_at(&v->text, id);
		uint32_t n = texts_length(&v->text, id), left = 0;
		/* A token that is not UTF-8 never equals a part of a text, which is. */
		if (!token_is_plain(v, id) || utf8_valid((const char *)t, n) < n)
			continue;
		for (uint32_t at = 0; at < n;) {
			uint32_t k = utf8_length(t[at]), right = character(t + at, k);
			if (at > 0) {
				uint32_t bit = pair_bit(left, right);
				s->pair[bit / 64] |= (uint64_t)1 << bit % 64;
			}
			left = right;
			at += k;
		}
	}
}

/* Numbers that grow as the score falls; the two zeros are one. */
static uint32_t
order(float score)
{
	uint32_t u = f32_bits(score == 0 ? 0 : score);

	return u & 0x80000000 ? u : ~(u | 0x80000000);
}

static int
load_scores(struct spm *s, const struct vocab *v, const struct gguf *g)
{
	const struct gguf_key *scores;
	int found = gguf_get_array(g, "tokenizer.ggml.scores", GGUF_F32, &scores);

	if (found < 0)
		return -1;
	if (found == 0)
		return err_set(ERR_DATA, "%s: tokenizer.ggml.scores is missing", g->path);
	if (scores->n != v->n)
		return err_set(ERR_DATA, "%s: tokenizer.ggml.scores has %llu elements for %u tokens", g->path,
		    (unsigned long long)scores->n, v->n);
	for (uint32_t id = 0; id < v->n; id++) {
		float score;
		memcpy(&score, scores->data + id * sizeof score, sizeof score);
		if (!isfinite(score))
			return err_set(ERR_DATA, "%s: tokenizer.ggml.scores: that of token %u is not finite", g->path, id);
		s->order[id] = order(score);
	}
	return 0;
}

static void
load_bytes(struct spm *s, const struct vocab *v)
{
	for (uint32_t b = 0; b < 256; b++) {
		char name[8];
		uint8_t byte = (uint8_t)b;
		snprintf(name, sizeof name, "<0x%02X>", b);
		uint32_t id = lookup_find(&v->lookup, name, 6);
		if (id == LOOKUP_NONE)
			id = lookup_find(&v->lookup, &byte, 1);
		s->byte[b] = id == LOOKUP_NONE || token_is_control(v, id) ? VOCAB_NONE : id;
	}
}

int
spm_load(struct vocab *v, const struct gguf *g)
{
	struct spm *s = v->spm = mem_alloc(1, sizeof *s);

	if (!s)
		return -1;
	s->order = mem_alloc(v->n, sizeof *s->order);
	if (!s->order || load_scores(s, v, g) < 0)
		return -1;
	load_bytes(s, v);
	load_pairs(s, v);
	return 0;
}

void
spm_free(struct vocab *v)
{
	if (!v->spm)
		return;
	free(v->spm->order);
	free(v->spm);
	v->spm = NULL;
}

int
spm_piece(const uint8_t *text, size_t n, struct buf *out)
{
	for (size_t at = 0; at < n;) {
		bool space = n - at >= SPACE_LENGTH && memcmp(text + at, SPACE, SPACE_LENGTH) == 0;
		if (buf_addc(out, space ? ' ' : text[at]) < 0)
			return -1;
		at += space ? SPACE_LENGTH : 1;
	}
	return 0;
}

/* ---- encoding ---- */

/* The part that is being merged. */
struct part {
	const struct vocab *v;
	const uint8_t *text;
};

static bool
merged(const void *arg, const struct merge_symbol *left, const struct merge_symbol *right, uint32_t *id, uint32_t *rank)
{
	const struct part *p = arg;

	if ((uint64_t)left->len + right->len > p->v->longest)
		return false;
	*id = lookup_find(&p->v->lookup, p->text + left->start, left->len + right->len);
	if (*id == LOOKUP_NONE || !token_is_plain(p->v, *id))
		return false;
	*rank = p->v->spm->order[*id];
	return true;
}

/* A character that was merged with nothing: its own token, or those of its bytes. */
static int
add_character(const struct vocab *v, const uint8_t *s, uint32_t n, struct ids *out)
{
	uint32_t id = lookup_find(&v->lookup, s, n);

	if (id != LOOKUP_NONE && token_is_plain(v, id))
		return ids_add(out, id);
	for (uint32_t i = 0; i < n; i++)
		if (v->spm->byte[s[i]] == VOCAB_NONE)
			return ids_add_unknown(v, s[i], out);
	for (uint32_t i = 0; i < n; i++)
		if (ids_add(out, v->spm->byte[s[i]]) < 0)
			return -1;
	return 0;
}

static int
merge_part(void *arg, const void *text, size_t n, struct ids *out)
{
	struct encoder *e = arg;
	struct merger *m = &e->merger;
	struct part p = { e->vocab, text };

	if (n >= UINT32_MAX)
		return err_set(ERR_DATA, "a text of more than 4 GiB without a break");
	merge_begin(m);
	for (uint32_t at = 0, k; at < n; at += k) {
		k = utf8_length(p.text[at]);
		if (merge_add(m, at, k, MERGE_NONE) < 0)
			return -1;
	}
	if (merge_run(m, merged, &p) < 0)
		return -1;
	for (uint32_t i = 0; i != MERGE_NONE; i = m->symbol[i].next) {
		const struct merge_symbol *s = &m->symbol[i];
		if (s->id != MERGE_NONE ? ids_add(out, s->id) < 0 : add_character(p.v, p.text + s->start, s->len, out) < 0)
			return -1;
	}
	return 0;
}

static int
escape(const char *text, size_t n, bool prefix, struct buf *out)
{
	out->len = 0;
	if (prefix && buf_add(out, SPACE, SPACE_LENGTH) < 0)
		return -1;
	while (n > 0) {
		const char *space = memchr(text, ' ', n);
		size_t k = space ? (size_t)(space - text) : n;
		if (buf_add(out, text, k) < 0 || (space && buf_add(out, SPACE, SPACE_LENGTH) < 0))
			return -1;
		k += space != NULL;
		text += k;
		n -= k;
	}
	return 0;
}

int
spm_encode(struct encoder *e, const char *text, size_t n, bool start, struct ids *out)
{
	const struct vocab *v = e->vocab;
	uint32_t left = 0;
	size_t begin = 0; /* of the part */

	if (escape(text, n, start && v->space_prefix, &e->escaped) < 0)
		return -1;
	const uint8_t *s = e->escaped.data;
	for (size_t at = 0, k; at < e->escaped.len; at += k) {
		k = utf8_length(s[at]);
		uint32_t right = character(s + at, (uint32_t)k);
		if (at > begin && !may_join(v->spm, left, right)) {
			if (word_cache_run(&e->words, s + begin, at - begin, out, merge_part, e) < 0)
				return -1;
			begin = at;
		}
		left = right;
	}
	return begin < e->escaped.len ? word_cache_run(&e->words, s + begin, e->escaped.len - begin, out, merge_part, e) : 0;
}
