/*
 * bert.h: a text cut into words as BERT's tokenizers do it: what tokenizer.json calls BertNormalizer and BertPreTokenizer.
 *
 * Control characters go, white space ends a word, a mark of punctuation or a Chinese character is a word of its own. What is left loses
 * its accents (NFD without non-spacing marks) and its case, where the model was trained so.
 */
#ifndef MAI_TEXT_BERT_H
#define MAI_TEXT_BERT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bert_rules {
	bool strip_accents, lowercase;
};

enum {
	BERT_CHARACTERS = 100,                 /* of a word, at most */
	BERT_WORD = BERT_CHARACTERS * 4,       /* bytes of it */
};

/*
 * Calls `word` for each word of a well-formed text, until it returns other than 0; returns that, or 0. A word of more than BERT_CHARACTERS
 * comes as NULL.
 */
typedef int bert_word(void *arg, const uint8_t *word, size_t n);
int bert_words(struct bert_rules rules, const char *text, size_t n, bert_word *word, void *arg);

#endif
