/*
 * import.h: a model's folder as Hugging Face has it, written as a stock GGUF, as llama.cpp's convert_hf_to_gguf.py would:
 *
 *	hub.h         the folder: settings, tokenizer, weights (model/safetensors.h)
 *	recipe.h      which keys and tensors become which, as data
 *	keys.h        the keys (formula.h)
 *	tensors.h     the tensors (name.h, view.h)
 *	vocabulary.h  the tokenizer
 */
#ifndef MAI_IMPORT_IMPORT_H
#define MAI_IMPORT_IMPORT_H

#include <stdint.h>

struct import {
	const char *dir;
	const char *out; /* the file, renamed into place when it is whole and a model that is computed (model_check) */
	int (*allow)(const char *path); /* or NULL: is a file of the folder to be read? 0, or -1 with a reason */
	void (*progress)(void *arg, const char *what, uint64_t done, uint64_t total); /* or NULL; in bytes */
	void *progress_arg;
};

int import_model(const struct import *i); /* 0, or -1 with a reason */

#endif
