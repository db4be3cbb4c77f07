/*
 * wire.h: the bytes of the stream, as mai-stream(5) lays them out. Private to stream/: others use stream.h.
 *
 * Each structure has a function that packs it and one that unpacks it, beside each other in wire.c and wire_open.c. Unpacking
 * refuses whatever packing can't have made, and both check by the same rules. Errors name the fault; the reader adds the place.
 */
#ifndef MAI_STREAM_WIRE_H
#define MAI_STREAM_WIRE_H

#include "stream/stream.h"

#define WIRE_HEADER_MAGIC "\x89MAI\r\n\x1a\n"
#define WIRE_FRAME_MAGIC "MAIF"

enum {
	WIRE_MAGIC_SIZE = 8,       /* of a header */
	WIRE_FRAME_MAGIC_SIZE = 4,
	WIRE_ZSTD = 1,             /* flag of a frame */
	WIRE_IGNORE_EOS = 1,       /* flag of an open frame */
	WIRE_OPEN_SIZE = 128,      /* of an open payload before its lists */
	WIRE_MAX_OPEN = WIRE_OPEN_SIZE + STREAM_MAX_BIASES * 8 + STREAM_MAX_STOPS * (4 + STREAM_MAX_TEXT) +
	    STREAM_MAX_BREAKERS * (4 + STREAM_MAX_BREAKER) + STREAM_MAX_GRAMMAR,
};

/* The first 64 bytes of a frame. */
struct wire_head {
	enum frame_type type;
	bool zstd;
	uint32_t n_rows, hops, seq, pos;
	uint64_t stored, plain; /* bytes of the payload as it lies there, and unpacked */
	uint64_t value;
	uint64_t sum;           /* of the stored payload */
};

/* All return 0, or -1 with a reason. */
int wire_header_pack(uint8_t to[STREAM_HEADER_SIZE], const struct stream_header *h);
int wire_header_unpack(struct stream_header *h, const uint8_t from[STREAM_HEADER_SIZE]);

int wire_head_pack(uint8_t to[STREAM_FRAME_SIZE], const struct wire_head *h);
int wire_head_unpack(struct wire_head *h, const uint8_t from[STREAM_FRAME_SIZE]);

/* wire_open.c */
int wire_open_pack(struct buf *to, const struct open *o);
int wire_open_unpack(struct open *o, const uint8_t *from, size_t n);

/* Size of the row table with its padding. */
uint64_t wire_table_bytes(uint32_t n_rows);

/* The payload of n rows; false when it is beyond STREAM_MAX_PAYLOAD. */
bool wire_rows_bytes(uint32_t n_rows, uint64_t row_bytes, uint64_t *bytes);

/* Sets what a plain or decompressed payload holds. f's fields of the head are set already, row_bytes too. */
int wire_payload_unpack(struct frame *f, const uint8_t *payload, size_t n);

/* Checks that n bytes are zero. */
bool wire_is_zero(const uint8_t *p, size_t n);

#endif
