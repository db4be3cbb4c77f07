/* vocab_make.h: small vocabularies for the fuzz targets, written as GGUF files are and opened from memory. */
#ifndef MAI_TESTS_VOCAB_MAKE_H
#define MAI_TESTS_VOCAB_MAKE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/gguf.h"
#include "text/vocab.h"

enum { MAKE_MAX = 1024 };

struct make {
	const char *model, *pre, *name; /* NULL: the key is left out */
	struct gguf_string token[MAKE_MAX], merge[MAKE_MAX];
	float score[MAKE_MAX];
	int32_t kind[MAKE_MAX];
	uint32_t n, n_merges;
	uint32_t bos, eos, unknown; /* VOCAB_NONE: the key is left out */
	bool add_bos, add_eos, space_prefix;
	char text[MAKE_MAX * 8];    /* where texts lie that are made here */
	size_t used;
};

static inline void
make_token(struct make *m, const char *text, size_t n, int32_t kind, float score)
{
	if (m->n == MAKE_MAX)
		abort();
	m->token[m->n] = (struct gguf_string){ text, n };
	m->kind[m->n] = kind;
	m->score[m->n++] = score;
}

static inline void
make_merge(struct make *m, const char *text, size_t n)
{
	if (m->n_merges == MAKE_MAX)
		abort();
	m->merge[m->n_merges++] = (struct gguf_string){ text, n };
}

/* n bytes that live as long as m. */
static inline char *
make_text(struct make *m, size_t n)
{
	char *p = m->text + m->used;

	if (n > sizeof m->text - m->used)
		abort();
	m->used += n;
	return p;
}

static inline void
make_check(bool good)
{
	if (!good)
		abort();
}

static inline void
make_id(struct gguf_writer *w, const char *key, uint32_t id)
{
	if (id != VOCAB_NONE)
		make_check(gguf_put_u32(w, key, id) == 0);
}

/* The vocabulary, or NULL where vocab_open refuses it. */
static inline struct vocab *
make_vocab(const struct make *m)
{
	struct gguf_writer *w = gguf_writer_new();
	char *file = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&file, &size);

	make_check(w && f);
	make_check(gguf_put_string(w, "general.architecture", "llama") == 0);
	if (m->name)
		make_check(gguf_put_string(w, "general.name", m->name) == 0);
	make_check(gguf_put_string(w, "tokenizer.ggml.model", m->model) == 0);
	if (m->pre)
		make_check(gguf_put_string(w, "tokenizer.ggml.pre", m->pre) == 0);
	make_check(gguf_put_strings(w, "tokenizer.ggml.tokens", m->token, m->n) == 0);
	make_check(gguf_put_array(w, "tokenizer.ggml.token_type", GGUF_I32, m->kind, m->n) == 0);
	make_check(gguf_put_array(w, "tokenizer.ggml.scores", GGUF_F32, m->score, m->n) == 0);
	make_check(gguf_put_strings(w, "tokenizer.ggml.merges", m->merge, m->n_merges) == 0);
	make_id(w, "tokenizer.ggml.bos_token_id", m->bos);
	make_id(w, "tokenizer.ggml.eos_token_id", m->eos);
	make_id(w, "tokenizer.ggml.unknown_token_id", m->unknown);
	make_check(gguf_put_bool(w, "tokenizer.ggml.add_bos_token", m->add_bos) == 0);
	make_check(gguf_put_bool(w, "tokenizer.ggml.add_eos_token", m->add_eos) == 0);
	make_check(gguf_put_bool(w, "tokenizer.ggml.add_space_prefix", m->space_prefix) == 0);
	make_check(gguf_write_file(w, f, "made") == 0 && fclose(f) == 0);
	gguf_writer_free(w);

	struct gguf *g = gguf_open_memory(file, size, "made");
	struct vocab *v = g ? vocab_open(g) : NULL;
	gguf_free(g);
	free(file); /* a vocabulary keeps nothing of its file */
	return v;
}

#endif
