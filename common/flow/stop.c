#include "flow/stop.h"

#include <string.h>

static int
add(struct stops *s, const uint8_t *text, size_t len)
{
	if (buf_add(&s->text, text, len) < 0)
		return -1;
	s->len[s->n++] = len;
	if (len > s->longest)
		s->longest = len;
	return 0;
}

int
stops_copy(struct stops *s, const struct open *from)
{
	for (uint32_t i = 0; i < from->n_stops; i++)
		if (from->stop[i].len > 0 && add(s, from->stop[i].data, from->stop[i].len) < 0)
			return -1;
	return 0;
}

int
stops_clone(struct stops *s, const struct stops *from)
{
	const uint8_t *text = from->text.data;

	for (uint32_t i = 0; i < from->n; text += from->len[i++])
		if (add(s, text, from->len[i]) < 0)
			return -1;
	return 0;
}

void
stops_free(struct stops *s)
{
	buf_free(&s->text);
	*s = (struct stops){ 0 };
}

/* Offset of the first byte of `text` from which one of the stop texts runs, wholly or to text's end. len: none. */
static size_t
first_match(const struct stops *s, const uint8_t *text, size_t len, enum stop_state *state)
{
	*state = STOP_NOT;
	for (size_t at = 0; at < len; at++) {
		const uint8_t *stop = s->text.data;
		for (uint32_t i = 0; i < s->n; stop += s->len[i++]) {
			size_t rest = len - at;
			if (rest >= s->len[i] && memcmp(text + at, stop, s->len[i]) == 0) {
				*state = STOP_HIT;
				return at;
			}
			if (rest < s->len[i] && memcmp(text + at, stop, rest) == 0)
				*state = STOP_HELD;
		}
	}
	return len;
}

int
stops_check(const struct stops *s, const struct vocab *v, const uint32_t *token, size_t first, size_t n, size_t *at)
{
	struct buf text = { 0 };
	enum stop_state state;
	size_t from = n, hit;
	int rc = -1;

	if (s->n == 0)
		return STOP_NOT;
	/* Only the new token can complete a stop text: those before it matter as far as the longest reaches back. */
	size_t own = 0;
	while (from > first && text.len - own < s->longest) {
		if (vocab_piece(v, token[--from], &text) < 0)
			goto out;
		if (from == n - 1)
			own = text.len;
	}
	text.len = 0;
	for (size_t i = from; i < n; i++)
		if (vocab_piece(v, token[i], &text) < 0)
			goto out;
	hit = first_match(s, text.data, text.len, &state);
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
