/* stage_impl.h: what the files of a stage share. */
#ifndef MAI_FLOW_STAGE_IMPL_H
#define MAI_FLOW_STAGE_IMPL_H

#include "compute/sample.h"
#include "stream/seqmap.h"
#include "flow/breakers.h"
#include "flow/grammars.h"
#include "flow/stage.h"
#include "flow/stop.h"

struct stage_seq {
	uint32_t id;
	bool closed;       /* by this stage; its rows are dropped until its close arrives, */
	uint32_t end;      /* and those of the present batch from this position on */
	enum close_reason reason;
	struct kv_seq kv;
	uint32_t pending;  /* rows of the batch being made; of an encoder all that came */
	struct open *open; /* what it wants, where a stage has the head */
	struct breaker_set *breakers; /* of DRY: made when they are first looked for */
	double mu;         /* of mirostat: begins anew with a fork, and with a cut that takes back what was chosen */
	struct shared_grammar *grammar; /* NULL: none */
	struct constraint_at grammar_at;
	uint32_t chosen;   /* the position of the token chosen last, 0: none; mu and grammar_at stand there */
	uint32_t *token;   /* of the positions so far, where a stage has the head or keeps states */
	size_t token_cap;
	uint32_t prompt;   /* length of the prompt; UINT32_MAX: it has not ended yet */
	uint32_t wrong;    /* from this position on drafts are not what was sampled; UINT32_MAX: none is known */
	float *embedding;  /* what was pooled so far, over `pooled` rows */
	uint32_t pooled;
};

struct stage {
	const struct model *model;
	struct engine *engine;
	const struct vocab *vocab;
	enum stage_output output;
	struct stream_header header;
	struct hash model_id; /* of hidden states that come or go; none for a whole model */
	char profile[STREAM_PROFILE_SIZE]; /* the same */
	enum stream_dtype in_dtype; /* of the hidden states that come in */
	struct sampler *sampler;
	struct breaker_set *breakers; /* those of the last sequence that had some */
	struct grammars grammars;
	struct seqmap seqs;
	struct stage_seq *loaded;     /* STREAM_LOADED; NULL: none */
	const char *keep;             /* where a state is written; NULL: nowhere */
	struct state_of *kept;        /* of what */

	/* One batch */
	float *x, *logits; /* logits: also the embeddings of an encoder */
	size_t x_rows;     /* there is room for in x: a batch, or the longest sequence of an encoder so far */
	size_t logits_cap;
	struct engine_row in[STREAM_MAX_ROWS];
	struct stage_seq *owner[STREAM_MAX_ROWS];
	struct row row[STREAM_MAX_ROWS];
	size_t n;
	struct stage_seq *closing[STREAM_MAX_ROWS];
	size_t n_closing;
};

/* The compute profile: what besides the model decides the bits of a hidden state, padded with zeros. 0 or -1. */
int stage_profile(struct stage *s, char to[STREAM_PROFILE_SIZE]);

/*
 * stage_state.c: writes the state of a sequence that ends before `end` where that is asked for, before its keys and values are given
 * back. What lies behind is a stop text, or drafts. 0 or -1.
 */
int stage_save(struct stage *s, const struct stage_seq *q, enum close_reason reason, uint32_t end);

/* stage_seq.c: sequences. Those that return int: 0, or -1 for a fault of the stream. */
int stage_open(struct stage *s, const struct frame *f);
int stage_fork(struct stage *s, const struct frame *f);
void stage_cut(struct stage *s, const struct frame *f);
void stage_prompt_end(struct stage *s, uint32_t id);
int stage_drop(struct stage *s, const struct frame *f);
void stage_seq_free(struct stage *s, struct stage_seq *q);

/* The sequence of that id; one that was never opened is made, and closed as an error. NULL with a reason. */
struct stage_seq *stage_find(struct stage *s, uint32_t id);

/* Ends a sequence before `pos`, the first one that is said; its close is given after the frame that is being made. */
void stage_end(struct stage *s, struct stage_seq *q, enum close_reason reason, uint32_t pos);

/* What a frame that follows from `in` says: a driver counts stages, a plain pipe does not. */
static inline uint32_t
stage_hops(const struct frame *in)
{
	return in->hops ? in->hops + 1 : 0;
}

/* stage_rows.c: a frame of rows; room for n floats in s->logits. 0 or -1. */
int stage_rows(struct stage *s, const struct frame *f, stage_emit *emit, void *arg);
int stage_reserve(struct stage *s, size_t n);

/* stage_grammar.c: finds the grammar that a sequence wants, if any, or ends it, with a message. */
void stage_take_grammar(struct stage *s, struct stage_seq *q);

/*
 * Of the logits for position `next` leaves those of tokens that the grammar lets come; generation began at `first`. False: the
 * sequence has ended.
 */
bool stage_constrain(struct stage *s, struct stage_seq *q, float *logits, uint32_t first, uint32_t next);

/* stage_encode.c: the same for an encoder. */
int stage_encode(struct stage *s, const struct frame *f, stage_emit *emit, void *arg);

#endif
