#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "stream/stream.h"

/* The bytes of the texts. */
static size_t
texts_size(const struct open_text *text, uint32_t n)
{
	size_t size = 0;

	for (uint32_t i = 0; i < n; i++)
		size += text[i].len;
	return size;
}

/* Moves the texts to `to`, one behind the other; returns where the last of them ends. */
static uint8_t *
own_texts(struct open_text *text, uint32_t n, uint8_t *to)
{
	for (uint32_t i = 0; i < n; i++) {
		if (text[i].len > 0)
			memcpy(to, text[i].data, text[i].len);
		text[i].data = to;
		to += text[i].len;
	}
	return to;
}

struct open *
open_clone(const struct open *o)
{
	size_t biases = o->n_biases * sizeof *o->bias;
	size_t texts = texts_size(o->stop, o->n_stops) + texts_size(o->breaker, o->n_breakers) + o->grammar.len;
	struct open *c = mem_alloc(1, sizeof *c + biases + texts);
	uint8_t *to;

	if (!c)
		return NULL;
	*c = *o;
	to = (uint8_t *)(c + 1);
	c->bias = (const void *)to; /* aligned as the struct is */
	if (biases > 0)
		memcpy(to, o->bias, biases);
	to = own_texts(c->stop, c->n_stops, to + biases);
	to = own_texts(c->breaker, c->n_breakers, to);
	own_texts(&c->grammar, 1, to);
	return c;
}
