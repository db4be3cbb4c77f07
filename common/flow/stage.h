/*
 * stage.h: a part of a model as a filter of frames: rows in, rows out, one KV cache a sequence.
 *
 * Faults are the sequence's, not the stage's: a bad row, a full context, no KV memory or a result that is not finite closes
 * that sequence with its reason, and the rest of its rows are dropped until its close arrives.
 */
#ifndef MAI_FLOW_STAGE_H
#define MAI_FLOW_STAGE_H

#include "compute/engine.h"
#include "flow/state.h"
#include "model/model.h"
#include "stream/stream.h"
#include "text/vocab.h"

/* What a part with the head gives. A part without it gives hidden states. */
enum stage_output {
	STAGE_LOGITS,     /* logits of wanted rows, or what the sequence's open asks for */
	STAGE_EMBED_MEAN, /* for a wanted row what its sequence's normalised hidden states give up to it: their mean, */
	STAGE_EMBED_CLS,  /* the first of them, */
	STAGE_EMBED_LAST, /* or the last */
};

struct stage;

/* All must outlive the stage; `vocab` is NULL where the part has no head. NULL with a reason. */
struct stage *stage_new(const struct model *m, struct engine *e, const struct vocab *vocab, enum stage_output output);
void stage_free(struct stage *s);

/* From now on each stream can be forked from that state as from sequence STREAM_LOADED: once, before any stream. 0, or -1 with a reason. */
int stage_load(struct stage *s, const struct state *from);

/* When a sequence of ordinal 0 ends well, its state is written to that file, whose name must outlive the stage. 0, or -1 with a reason. */
int stage_keep(struct stage *s, const char *path);

/* The header of what the stage gives. */
const struct stream_header *stage_header(const struct stage *s);

/* It is not the first part of its model: its input comes from another stage. */
bool stage_takes_hidden(const struct stage *s);

/* Whether it takes a stream with this header: 0, or -1 with a reason that names `name` and what does not fit. */
int stage_accepts(struct stage *s, const struct stream_header *in, const char *name);

/*
 * Takes one frame and gives what follows from it by calls of `emit` (0 or -1, passed on): for a frame of rows exactly one,
 * then closes of sequences that ended. Returns 0, or -1 for a fault of the stream. Not to be called from within `emit`.
 */
typedef int stage_emit(void *arg, const struct frame *f);
int stage_take(struct stage *s, const struct frame *in, stage_emit *emit, void *arg);

/* Forgets all sequences: between two streams. */
void stage_reset(struct stage *s);

#endif
