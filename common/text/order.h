/*
 * order.h: the tokens of a vocabulary in the order of the bytes they stand for, so that whoever looks at those byte by byte does
 * it once for a beginning that many share. Tokens without bytes are not among them.
 */
#ifndef MAI_TEXT_ORDER_H
#define MAI_TEXT_ORDER_H

#include <stdint.h>

#include "text/vocab.h"

struct piece {
	uint32_t id;
	uint16_t shared; /* bytes at its beginning that are those of the piece before it, and how many follow: */
	uint16_t rest;
};

struct order {
	const struct vocab *vocab;
	struct piece *piece;
	uint32_t n;
	struct buf rests; /* one behind the other */
	size_t longest;   /* bytes */
}; /* zeroed: none */

int order_make(struct order *o, const struct vocab *v); /* which must outlive it. 0 or -1 */
void order_free(struct order *o);

#endif
