/*
 * stream.h: the format in which all tools exchange tokens and tensors, byte by byte in mai-stream(5).
 *
 * A stream is a header and then frames, the last one FRAME_END; streams may follow one another. Everything begins
 * at a multiple of 64 bytes, so a frame in a mapped file is used where it lies. One frame carries rows of many
 * sequences, or one control message. Byte order is little-endian, here and on all hosts mai runs on.
 *
 * struct stream_header and struct frame are the unpacked forms; stream_encode_* packs, stream_reader unpacks. Packing
 * writes only the fields that the type of frame has; both refuse what is beyond the limits below.
 */
#ifndef MAI_STREAM_STREAM_H
#define MAI_STREAM_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/hash.h"

enum {
	STREAM_VERSION = 1,
	STREAM_HEADER_SIZE = 256,
	STREAM_FRAME_SIZE = 64,         /* of a frame before its payload */
	STREAM_ALIGN = 64,
	STREAM_PROFILE_SIZE = 128,      /* text, NUL-padded */
	STREAM_MAX_ROWS = 512,          /* in a frame: bounds the logits that a stage must hold */
	STREAM_MAX_WIDTH = 1 << 24,     /* elements in a row */
	STREAM_MAX_SEQUENCES = 1 << 16, /* open at once; a sequence id may be any uint32_t */
	STREAM_MAX_STOPS = 64,          /* stop texts of a sequence */
	STREAM_MAX_TEXT = 1 << 12,      /* bytes of one stop text, or of the text of an error */
	STREAM_MAX_BREAKERS = 32,       /* texts that break a repetition (DRY) */
	STREAM_MAX_BREAKER = 40,        /* bytes of one */
	STREAM_MAX_BIASES = 1 << 12,    /* tokens with a bias */
	STREAM_MAX_GRAMMAR = 1 << 16,   /* bytes */
	STREAM_MAX_LAYER = 1 << 16,     /* next layer */
	STREAM_MAX_HOPS = 1 << 12,
	STREAM_MAX_RATIO = 1000,        /* a compressed payload grows at most so many times */
	STREAM_MAX_SAMPLING = 1000000,  /* of a sampling setting that is no probability, and of a bias */
};
#define STREAM_MAX_PAYLOAD ((uint64_t)1 << 30)

/* What a stage was given before the stream began (mai-run --kv-load) can be forked as the sequence of this id, which nobody opens. */
#define STREAM_LOADED UINT32_MAX

/* What a row holds besides its token. */
enum stream_kind {
	STREAM_TOKENS = 1,     /* nothing: width 0 */
	STREAM_HIDDEN = 2,     /* the hidden state before layer `next_layer`: width dim */
	STREAM_LOGITS = 3,     /* width n_vocab */
	STREAM_SCORES = 4,     /* log-probability (natural) of the row's own token given those before it: width 1 */
	STREAM_EMBEDDINGS = 5, /* width dim */
};

/* Element types carry GGML's numbers. */
enum stream_dtype {
	STREAM_F32 = 0,
	STREAM_F16 = 1,
	STREAM_Q8_0 = 8, /* blocks of 32: an f16 scale and 32 int8 */
	STREAM_BF16 = 30,
};
enum { STREAM_Q8_BLOCK = 32, STREAM_Q8_BYTES = 2 + STREAM_Q8_BLOCK };

struct stream_header {
	enum stream_kind kind;
	enum stream_dtype dtype; /* STREAM_F32 when width is 0 */
	uint32_t width;          /* elements a row */
	uint32_t next_layer;     /* 0 for tokens; the number of the model's layers for what the head gives */
	struct hash vocab_id;    /* none: tokens made by hand, any vocabulary that is large enough takes them */
	struct hash model_id;    /* none: no model has touched the rows yet */
	char profile[STREAM_PROFILE_SIZE]; /* compute profile, see mai-arithmetic(7); "" with no model id */
};

enum frame_type {
	FRAME_ROWS = 1,
	FRAME_OPEN = 2,       /* a sequence begins: struct open */
	FRAME_PROMPT_END = 3, /* all rows of the prompt of `seq` were sent; value: bytes of its text, 0 if not known */
	FRAME_FORK = 4,       /* `seq` begins as a copy of the first `pos` positions of sequence `value`, already open or STREAM_LOADED */
	FRAME_CUT = 5,        /* `seq` goes back: positions from `pos` on are forgotten */
	FRAME_CLOSE = 6,      /* `seq` ends with `reason`; its output ends before position `pos` */
	FRAME_ERROR = 7,      /* the stream ends with a fault: text */
	FRAME_END = 8,        /* the stream ends well */
	FRAME_RECEIPT = 9,    /* text: a node's record of what it has computed; between nodes and clients alone */
	FRAME_VOUCHER = 10,   /* text: the client's, of what it owes */
};

enum close_reason {
	CLOSE_STOP = 1,    /* complete: end of generation, a stop text, or all of a text was sent */
	CLOSE_LENGTH = 2,  /* as many tokens as were wanted */
	CLOSE_CONTEXT = 3, /* the context is full */
	CLOSE_MEMORY = 4,  /* no KV memory: may be tried again */
	CLOSE_REFUSED = 5, /* too many sequences, or what is asked for can't be given: may be tried again */
	CLOSE_ERROR = 6,   /* a bad row (token, position), a result that is not finite, a grammar that is none or lets no token come */
};

/* "tokens", "f32", "rows", "stop" ...; NULL for an unknown number. The others find a name: false when it is none. */
const char *stream_kind_name(enum stream_kind k);
const char *stream_dtype_name(enum stream_dtype d);
const char *frame_type_name(enum frame_type t);
const char *close_reason_name(enum close_reason r);
bool stream_kind_named(const char *name, enum stream_kind *k);
bool stream_dtype_named(const char *name, enum stream_dtype *d);
bool frame_type_named(const char *name, enum frame_type *t);
bool close_reason_named(const char *name, enum close_reason *r);

enum row_flag {
	ROW_WANTED = 1, /* an output is wanted for this row */
	ROW_HELD = 2,   /* a sampled token that may become part of a stop text: not to be shown yet */
	ROW_DRAFT = 4,  /* a guess of the token that will be sampled, in one frame with the row before it */
};

#define ROW_NO_TOKEN UINT32_MAX

/* As it lies in the stream: 16 bytes. Position 0 is the first token of the sequence. */
struct row {
	uint32_t seq;
	uint32_t pos;
	uint32_t token; /* the token at pos; ROW_NO_TOKEN where it was stripped */
	uint32_t flags;
};
_Static_assert(sizeof(struct row) == 16, "a row is 16 bytes in the stream");

/* What a sequence wants of the stage that has the head. */
enum open_output {
	OUTPUT_ROWS = 0,   /* whatever the last stage gives of itself: hidden states, or logits from a head */
	OUTPUT_TOKENS = 1, /* a sampled token for each wanted row, at position pos + 1 */
};

/* What each setting does, compute/sample.h says. */
struct sampling {
	float temperature; /* 0: greedy */
	float top_p, min_p;
	float repeat_penalty;  /* 1: none; 0 as well */
	uint32_t top_k;        /* 0: all */
	uint32_t repeat_last;  /* how many tokens back the penalties look */
	uint64_t seed;
	bool ignore_eos;       /* go on after an end-of-generation token */
	float presence_penalty, frequency_penalty;
	float dry_multiplier;  /* 0: none */
	float dry_base;
	uint32_t dry_allowed_length, dry_penalty_last_n;
	float xtc_probability; /* 0: none */
	float xtc_threshold;
	float typical_p;       /* 1: none */
	float top_n_sigma;     /* 0: none */
	float dynatemp_range;  /* 0: none */
	float dynatemp_exponent;
	uint32_t mirostat;     /* 0: none; its version, 1 or 2 */
	float mirostat_tau, mirostat_eta; /* target entropy, learning rate */
};

/* Settings that change nothing: always the likeliest token. */
extern const struct sampling sampling_none;

struct open_text {
	const uint8_t *data;
	uint32_t len;
};

/* As it lies in the stream: 8 bytes. */
struct logit_bias {
	uint32_t token;
	float bias; /* added to the token's logit; -INFINITY: the token is never chosen */
};
_Static_assert(sizeof(struct logit_bias) == 8, "a bias is 8 bytes in the stream");

/* What its pointers point to lies in the frame. */
struct open {
	uint64_t ordinal; /* which sequence of the whole input: draws depend on it, not on seq */
	enum open_output output;
	struct sampling sampling;
	uint32_t n_biases, n_stops, n_breakers;
	const struct logit_bias *bias;
	struct open_text stop[STREAM_MAX_STOPS];
	struct open_text breaker[STREAM_MAX_BREAKERS]; /* no repetition goes across one of them (DRY) */
	struct open_text grammar; /* GBNF; no bytes: none */
};

/* A copy that points into itself: one block, freed by free(). NULL with a reason. */
struct open *open_clone(const struct open *o);

struct frame {
	enum frame_type type;
	uint32_t hops; /* not 0: a driver counts its stages, each of which adds one */
	uint32_t seq, pos;
	uint64_t value;
	enum close_reason reason;

	/*
	 * FRAME_ROWS: data is n_rows times row_bytes, aligned to 64 bytes. row_bytes is that of the header, or 0: a
	 * stage with the head gives sampled tokens (OUTPUT_TOKENS) as rows without data in its stream of logits.
	 */
	uint32_t n_rows;
	const struct row *rows;
	const void *data;
	size_t row_bytes;

	struct open open;  /* where frame_has_open */
	bool restated;     /* FRAME_FORK: `open` says what it wants; else it takes over what the other wanted */
	const char *text;  /* FRAME_ERROR, _RECEIPT, _VOUCHER: text_len bytes, not terminated */
	uint32_t text_len;
};

/* Does it say what its sequence wants? */
static inline bool
frame_has_open(const struct frame *f)
{
	return f->type == FRAME_OPEN || (f->type == FRAME_FORK && f->restated);
}

/* Bytes of one row of `width` elements; q8_0 wants a width that is a multiple of 32. 0 when dtype is unknown. */
uint64_t stream_row_bytes(enum stream_dtype dtype, uint32_t width);

/* ---- writing ---- */

/* Append the packed form to `out`. Return 0 or -1. `compress` with zstd where that makes a frame smaller. */
int stream_encode_header(struct buf *out, const struct stream_header *h);
int stream_encode(struct buf *out, const struct frame *f, bool compress);

/* The same, written to a descriptor at once; rows go out with writev, without a copy. `name` is for reasons. */
int stream_write_header(int fd, const struct stream_header *h, const char *name);
int stream_write(int fd, const struct frame *f, bool compress, const char *name);

/* ---- reading ---- */

/*
 * Reads a descriptor, or a regular file through a map. Memory is bounded by one frame. What a call gives points into
 * the reader and holds until the next call on it. A file must not be made shorter meanwhile (SIGBUS, as with any map).
 * Where the descriptor can seek, stream_reader_free leaves it behind
 * what was consumed.
 */
struct stream_reader;
struct stream_reader *stream_reader_new(int fd, const char *name); /* NULL: no memory. fd stays the caller's */
void stream_reader_free(struct stream_reader *r);

/* Next header: 1; 0 when the input ends before another stream begins; -1 error. Blocks. */
int stream_read_header(struct stream_reader *r, struct stream_header *h);

/* Next frame: 1; 0 for the end of this stream (its FRAME_END was read); -1 error, also for FRAME_ERROR and for an
 * input that ends without FRAME_END ("the stream was cut"). Of these only FRAME_ERROR sets f->type, so that it can be
 * passed on. Blocks. */
int stream_read(struct stream_reader *r, struct frame *f);

/*
 * For a descriptor in a poll loop: stream_fill does one read(2) (1; 0 at the end of the input; -1 error; EAGAIN gives
 * 1), and the others take what is there without reading: 1; 0 more bytes are needed; -1 error. stream_take gives
 * FRAME_END as a frame, and FRAME_ERROR too; after FRAME_END the next thing to take is a header. When the input has
 * ended in the middle of a stream they give -1, as stream_cut does; between streams stream_take_header gives 0.
 */
int stream_fill(struct stream_reader *r);
int stream_take_header(struct stream_reader *r, struct stream_header *h);
int stream_take(struct stream_reader *r, struct frame *f);
int stream_next(const struct stream_reader *r); /* the type of the frame that comes next; 0: its head is not there, or is none */

/*
 * A reader of bytes that come otherwise than by a descriptor: it is given them, and told when none follow. Instead of
 * stream_fill; the others take what is there.
 */
struct stream_reader *stream_reader_fed(const char *name); /* NULL: no memory */
int stream_feed(struct stream_reader *r, const void *data, size_t n); /* 0 or -1 */
void stream_feed_end(struct stream_reader *r);

/* Do the rows of a frame hold until stream_reader_free? They do where they lie in a mapped file, and not where they
 * were read or decompressed. */
bool stream_keeps(const struct stream_reader *r, const struct frame *f);

/* Bytes of input consumed so far: where the next thing begins. */
uint64_t stream_offset(const struct stream_reader *r);

/* Sets the error of an input that ended early. Returns -1. */
int stream_cut(const struct stream_reader *r);

#endif
