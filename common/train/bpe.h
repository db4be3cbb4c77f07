/*
 * bpe.h: learns the vocabulary of byte-level BPE from texts (Sennrich et al., arXiv:1508.07909).
 *
 * Texts are cut into words as the pre-tokenizer does, and the commonest pair of neighbouring symbols becomes a new
 * symbol, of pairs that are as common the one of the lower ids, until there are enough. Pairs are counted once; a
 * merge changes only the counts of the words it happens in.
 */
#ifndef MAI_TRAIN_BPE_H
#define MAI_TRAIN_BPE_H

#include <stddef.h>
#include <stdint.h>

enum {
	BPE_MIN_SIZE = 256 + 1,
	BPE_LEAST_COUNT = 2,     /* a pair that is rarer is no symbol */
};

struct bpe_learner;

/*
 * `pre` is a name that pretokenizer_open knows. Special tokens get the lowest ids, in their order, and their texts
 * stand between words. NULL with a reason.
 */
struct bpe_learner *bpe_learner_new(const char *pre, const char *const *special, size_t n_special);
void bpe_learner_free(struct bpe_learner *b);

/* Counts the words of n bytes of UTF-8; `name` is for reasons. 0; -1 when it is not UTF-8. */
int bpe_learner_add(struct bpe_learner *b, const char *text, size_t n, const char *name);

/* Learns merges until the vocabulary has `size` tokens, or fewer where the text has no more pairs: their number in
 * *got. 0 or -1. */
int bpe_learner_run(struct bpe_learner *b, uint32_t size, uint32_t *got);

/*
 * Writes the vocabulary as a GGUF without tensors: tokenizer.ggml.model "gpt2". The first special token is BOS and
 * EOS, and a text begins with it. 0 or -1.
 */
int bpe_learner_write(const struct bpe_learner *b, const char *path);

#endif
