/*
 * recipe.h: what becomes of Hugging Face's models, by architecture, as data: the names of tensors and what is done with their elements,
 * and the keys of a GGUF with what they are computed from. Both are those of llama.cpp's convert_hf_to_gguf.py.
 */
#ifndef MAI_IMPORT_RECIPE_H
#define MAI_IMPORT_RECIPE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* Which elements of a tensor (or numbers of it) a tensor is made of, and in which order; see view.c. */
enum recipe_how {
	HOW_AS_IT_IS,
	HOW_PLUS_ONE,      /* what a norm multiplies with is stored less 1 */
	HOW_MINUS_EXP,     /* of what is stored as the logarithm of its negative */
	HOW_FLAT, HOW_ROWS, HOW_ROWS_APART, /* of any dimensions: a vector, a matrix, vectors */
	HOW_PAIRS_Q,       /* rows of each head: i and i + half become 2i and 2i + 1; q has n_heads of them, k n_kv_heads */
	HOW_PAIRS_K,
	HOW_QKV,           /* for each key its queries, itself and its value: all queries, all keys, all values */
	HOW_TRANSPOSED,    /* each matrix */
	HOW_FIRST_HALF, HOW_SECOND_HALF, /* of the rows of each matrix */
	HOW_EVEN, HOW_ODD, /* rows; elements of a row's of biases */
	HOW_TRANSPOSED_EVEN, HOW_TRANSPOSED_ODD,
	HOW_LATENT_K, HOW_LATENT_V, /* of each head, the rows of keys, transposed, or those of values */
	HOW_MXFP4, HOW_MXFP4_EVEN, HOW_MXFP4_ODD, /* NAME_blocks, and NAME_scales beside it */
};

/*
 * In names # is the number of a layer, @ that of an expert, the matrices of all of which become one tensor, [abc] one of these letters, likewise
 * in their order, and * "weight" or "bias" (or "gamma" or "beta"); see import/name.h.
 */
struct recipe_tensor {
	const char *from;
	const char *to; /* NULL: what is not needed, whatever follows says */
	enum recipe_how how;
};

enum recipe_kind { KEY_IS_U32, KEY_IS_F32, KEY_IS_BOOL, KEY_IS_TEXT };

struct recipe_key {
	const char *name;    /* behind that of the architecture */
	enum recipe_kind kind;
	const char *formula; /* import/formula.h; without a value there is no key */
	const char *text;    /* of KEY_IS_TEXT, where the formula's value is not 0 */
};

enum { RECIPE_LISTS = 8, RECIPE_KEY_LISTS = 15 };

struct recipe {
	const char *arch;        /* general.architecture */
	const char *classes;     /* of config.json's "architectures", with a space before and behind each */
	const struct recipe_tensor *const tensors[RECIPE_LISTS]; /* lists that each end with { 0 } */
	const struct recipe_key *keys; /* what is another number here than elsewhere, or is only here; NULL: nothing */
	const char *refused;     /* a formula: where it is not 0, the model is another one than is computed */
	bool no_space_prefix;    /* whatever the tokenizer's files say */
	bool predicts_more;      /* layers behind the last are there to guess tokens ahead, and are left out */
};

const struct recipe *recipe_find(const char *class); /* NULL: none that is known */

/*
 * The lists of keys of this architecture, the end of each { 0 }: of several of one name the first counts that has a value. Returns how many
 * lists there are.
 */
size_t recipe_keys(const struct recipe *r, const struct recipe_key *lists[RECIPE_KEY_LISTS]);

/* The value of a key that is a number; 0: it has none. */
double recipe_number(const struct recipe *r, const json_t *settings, const char *key);

#endif
