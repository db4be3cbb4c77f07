/* rows.h: frames of rows with elements of another type, as they go over a link. */
#ifndef MAI_NET_ROWS_H
#define MAI_NET_ROWS_H

#include "base/buf.h"
#include "stream/stream.h"

/* Space for a frame that is another's with changes; freed by rows_free. */
struct rows {
	struct frame frame;
	struct row row[STREAM_MAX_ROWS];
	uint8_t *data;
	size_t cap;
};

/*
 * The frame with its elements as another type, `width` of them a row; itself where nothing changes. NULL with a reason: no
 * memory, or a number that the type can't hold.
 */
const struct frame *rows_convert(struct rows *space, const struct frame *f, uint32_t width, enum stream_dtype from, enum stream_dtype to);
void rows_free(struct rows *space);

#endif
