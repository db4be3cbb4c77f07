/*
 * pretokenize.h: a text cut into words, within which byte-level BPE merges.
 *
 * How to cut is a list of regular expressions, known by the name in tokenizer.ggml.pre. Each in turn cuts what the one before
 * has left into what it matches and what lies between. The best-known lists are scanned by hand (text/scan.h). A name that is not known is refused: a guess would give other tokens
 * than the model was trained with.
 */
#ifndef MAI_TEXT_PRETOKENIZE_H
#define MAI_TEXT_PRETOKENIZE_H

#include <stdbool.h>
#include <stddef.h>

struct pretokenizer;

struct pretokenizer *pretokenizer_open(const char *name, size_t n); /* NULL with a reason */

/* The same without text/scan.h, which takes the place of the best-known expressions: to compare with. */
struct pretokenizer *pretokenizer_open_expressions(const char *name, size_t n);
void pretokenizer_free(struct pretokenizer *p);

/* What else the name says: a word that is a token is not merged; the model wants BOS where its file does not say. */
bool pretokenizer_takes_whole_words(const struct pretokenizer *p);
bool pretokenizer_adds_bos(const struct pretokenizer *p);

/* What one run needs; a pretokenizer serves any number of them at a time. */
struct splitter;

struct splitter *splitter_new(const struct pretokenizer *p); /* NULL with a reason */
void splitter_free(struct splitter *s);

/*
 * Calls `word` for each word of n bytes of well-formed UTF-8, in order, until it returns other than 0; returns that, or 0,
 * or -1 with a reason when an expression takes more steps than the length of the text justifies.
 */
typedef int split_word(void *arg, const char *word, size_t n);
int splitter_run(struct splitter *s, const char *text, size_t n, split_word *word, void *arg);

#endif
