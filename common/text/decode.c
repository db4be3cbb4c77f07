#include <string.h>

#include "base/err.h"
#include "text/tokens.h"
#include "text/utf8.h"

const uint8_t *
vocab_bytes(const struct vocab *v, uint32_t id, size_t *n)
{
	*n = token_is_control(v, id) ? 0 : texts_length(&v->piece, id);
	return texts_at(&v->piece, id);
}

int
vocab_piece(const struct vocab *v, uint32_t id, struct buf *out)
{
	const uint8_t *bytes;
	size_t n;

	if (id >= v->n)
		return err_set(ERR_DATA, "token %u is not in the vocabulary of %u", id, v->n);
	bytes = vocab_bytes(v, id, &n);
	return buf_add(out, bytes, n);
}

/* Gives what is whole of part[], replaces what can't become whole, keeps the beginning of a character; all goes at the end. */
static int
settle(struct decoder *d, bool end, struct buf *out)
{
	while (d->n_part > 0) {
		int k = utf8_step(d->part, d->n_part);
		if (k == 0 && !end)
			return 0;
		uint32_t used = k > 0 ? (uint32_t)k : k < 0 ? (uint32_t)-k : d->n_part;
		if (k > 0 ? buf_add(out, d->part, used) < 0 : buf_add(out, UTF8_REPLACEMENT, 3) < 0)
			return -1;
		d->n_part -= used;
		memmove(d->part, d->part + used, d->n_part);
	}
	return 0;
}

int
decoder_token(struct decoder *d, const struct vocab *v, uint32_t id, struct buf *out)
{
	if (id >= v->n)
		return err_set(ERR_DATA, "token %u is not in the vocabulary of %u", id, v->n);
	if (token_is_control(v, id) && !d->special)
		return 0;
	const uint8_t *s = texts_at(&v->piece, id);
	uint32_t n = texts_length(&v->piece, id);
	if (n == 0)
		return 0;
	if (!d->started && v->space_prefix && s[0] == ' ' && (v->algorithm->words || !token_is_control(v, id))) {
		s++; /* the one that was put before the text when it was encoded */
		n--;
	}
	d->started = true;
	if (d->n_part == 0 && (v->flags[id] & TOKEN_WHOLE))
		return buf_add(out, s, n);
	for (uint32_t i = 0; i < n; i++) {
		d->part[d->n_part++] = s[i];
		if (settle(d, false, out) < 0)
			return -1;
	}
	return 0;
}

int
decoder_end(struct decoder *d, struct buf *out)
{
	return settle(d, true, out);
}
