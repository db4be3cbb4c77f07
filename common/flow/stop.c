#include "flow/stop.h"

#include <string.h>

#include "base/buf.h"

static size_t
longest(const struct open *o)
{
	size_t most = 0;

	for (uint32_t i = 0; i < o->n_stops; i++)
		if (o->stop[i].len > most)
			most = o->stop[i].len;
	return most;
}

/* Offset of the first byte of `text` from which one of the stop texts runs, wholly or to text's end. len: none. */
static size_t
first_match(const struct open *o, const uint8_t *text, size_t len, enum stop_state *state)
{
	*state = STOP_NOT;
	for (size_t at = 0; at < len; at++) {
		for (uint32_t i = 0; i < o->n_stops; i++) {
			const struct open_text *stop = &o->stop[i];
			size_t rest = len - at;
			if (rest >= stop->len && memcmp(text + at, stop->data, stop->len) == 0) {
				*state = STOP_HIT;
				return at;
			}
			if (rest < stop->len && memcmp(text + at, stop->data, rest) == 0)
				*state = STOP_HELD;
		}
	}
	return len;
}

int
stops_check(const struct open *o, const struct vocab *v, const uint32_t *token, size_t first, size_t n, size_t *at)
{
	struct buf text = { 0 };
	enum stop_state state;
	size_t from = n, reach = longest(o), hit;
	int rc = -1;

	if (o->n_stops == 0)
		return STOP_NOT;
	/* Only the new token can complete a stop text: those before it matter as far as the longest reaches back. */
	size_t own = 0;
	while (from > first && text.len - own < reach) {
		if (vocab_piece(v, token[--from], &text) < 0)
			goto out;
		if (from == n - 1)
			own = text.len;
	}
	text.len = 0;
	for (size_t i = from; i < n; i++)
		if (vocab_piece(v, token[i], &text) < 0)
			goto out;
	hit = first_match(o, text.data, text.len, &state);
	rc = (int)state; /* none of them is negative */
	if (state == STOP_HIT) {
		/* the token that holds the byte at `hit` */
		text.len = 0;
		for (*at = from; *at < n; ++*at) {
			if (vocab_piece(v, token[*at], &text) < 0) {
				rc = -1;
				break;
			}
			if (text.len > hit)
				break;
		}
	}
out:
	buf_free(&text);
	return rc;
}
