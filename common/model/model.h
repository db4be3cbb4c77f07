/*
 * model.h: a model, or a part of one, as it lies in one or several GGUF files.
 *
 * A shard is a GGUF file with a range of layers; the first also has the embedding, the last the output head and the
 * vocabulary. Keys that begin with "mai." say which (mai-shard(5)); a file without them is a whole model.
 */
#ifndef MAI_MODEL_MODEL_H
#define MAI_MODEL_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/hash.h"
#include "model/arch.h"
#include "model/gguf.h"

/* Keys of a shard (mai-shard(5)). All begin with SHARD_PREFIX, and no other keys do. */
#define SHARD_PREFIX "mai."
#define SHARD_KEY_VERSION SHARD_PREFIX "version"           /* u32: SHARD_VERSION */
#define SHARD_KEY_MODEL_ID SHARD_PREFIX "model_id"         /* string, 64 hexadecimal digits */
#define SHARD_KEY_VOCAB_ID SHARD_PREFIX "vocab_id"         /* the same; absent where the model has no vocabulary */
#define SHARD_KEY_LAYER_FIRST SHARD_PREFIX "layer_first"   /* u32: layers [first, last) */
#define SHARD_KEY_LAYER_LAST SHARD_PREFIX "layer_last"
#define SHARD_KEY_LAYERS SHARD_PREFIX "layers"             /* u32: of the whole model */
#define SHARD_KEY_VOCAB_SIZE SHARD_PREFIX "vocab_size"     /* u32, 0 where it isn't known */
#define SHARD_KEY_ALIGNMENT SHARD_PREFIX "alignment"       /* u32: the model's own general.alignment, 0: it had none */
#define SHARD_KEY_TENSOR_COUNT SHARD_PREFIX "tensor_count" /* u32: of the whole model */
#define SHARD_KEY_TENSOR_INDEX SHARD_PREFIX "tensor_index" /* array of u32: the place in the model of each tensor here */

enum {
	SHARD_VERSION = 1,
	MODEL_MAX_LAYERS = 512,
	MODEL_MAX_DIM = 1 << 20,
	MODEL_MAX_HEADS = 1 << 12,
	MODEL_MAX_CONTEXT = 1 << 24,
	MODEL_MAX_VOCAB = 1 << 22,
	MODEL_MAX_EXPERTS = 1024,
	MODEL_MAX_STATES = 1024, /* of a channel */
	MODEL_MAX_TAPS = 64,
	MODEL_MAX_WKV_HEAD = 256,
};

enum rope_scaling { ROPE_NONE, ROPE_LINEAR, ROPE_YARN, ROPE_OTHER };

/* How an encoder makes one row of a sequence's: llama.cpp's numbers. */
enum pooling { POOLING_NONE, POOLING_MEAN, POOLING_CLS, POOLING_LAST, POOLING_RANK };

/*
 * Hyper-parameters, each within the limits above. What a file doesn't say, or says for each layer apart, is 0; whether they
 * make a model that can be computed is the business of model_check.
 */
struct hparams {
	char arch[32]; /* general.architecture */
	const struct arch *how; /* NULL: not known */
	uint32_t n_layers, dim, n_heads, n_kv_heads, head_dim, ffn, n_vocab, context;
	uint32_t n_experts, experts_used, expert_ffn, shared_ffn; /* 0: no experts, no shared one */
	uint32_t dense_layers;                /* the first, which have none */
	enum arch_gating gating;
	uint32_t expert_groups, groups_used;  /* experts are chosen from the best of so many groups; 0: from all */
	bool norms_weights;                   /* divides the weights of those chosen by their sum */
	double expert_scale;                  /* and multiplies them */
	/*
	 * Latent attention: keys and values are read off kv_lora numbers and rope_dim rotated ones, which all heads share, and so
	 * head_dim is both together. q_head and out_head are what attn_q makes and attn_output takes of a head: head_dim without.
	 */
	uint32_t q_lora, kv_lora, q_head, out_head; /* q_lora 0: queries come of the hidden state at once */
	bool kv_b_whole;                            /* what makes heads of the kv_lora numbers is one matrix */
	struct {
		uint32_t inner, states, taps, rank; /* channels, numbers of the state of each, positions of its convolution, columns of ssm_dt */
		bool norms;                         /* of what ssm_x gives, without weights */
	} ssm;                                /* of Mamba */
	struct {
		uint32_t head, decay, rate, value, gate; /* the size of a head, and the ranks of matrices that are two */
	} wkv;                                /* of RWKV */
	uint32_t hidden;                      /* numbers of a row between two layers: dim, and of RWKV the first layer's values behind them */
	double norm_eps;
	uint32_t token_types, pooling;        /* types: of encoders; POOLING_NONE: not stated */
	bool parallel;                        /* attention and feed-forward both begin with a layer's input */
	uint32_t window, window_period;       /* 0: none; see hparams_window */
	double attn_cap, final_cap;           /* soft caps; 0: none */
	double attention_scale;               /* of scores: 1/sqrt(head_dim), mostly */
	double embedding_scale, residual_scale, logit_scale; /* 1, mostly; logits are divided by the last */
	uint32_t rope_dim;
	double rope_theta;
	enum rope_scaling rope_scaling;
	double rope_factor;             /* linear, yarn: how many times longer; 1 when there is no scaling */
	uint32_t rope_original_context; /* yarn, and what follows too; llama.cpp's defaults where a key is absent */
	double rope_attn_factor;        /* of cos and sin: 1, mostly; for yarn times 1 + 0.1 ln(factor) where factor > 1 */
	double yarn_log_mul;            /* of latent attention: what scales the scores, in place of cos and sin; 0: not stated */
};

/* A tensor, looked up by name in whichever file holds it. */
struct model {
	struct gguf **files; /* in order of layers */
	uint32_t n_files;
	struct hparams hp;
	uint32_t layer_first, layer_last; /* layers [first, last) are here */
	bool has_embedding, has_head;     /* layer_first is 0: the first shard; layer_last is n_layers: the last */
	struct hash stated_model_id, stated_vocab_id; /* as the shards state them; none for a whole GGUF */

	/* May be set after model_open: told how far long work is, in bytes. */
	void (*progress)(void *arg, const char *what, uint64_t done, uint64_t total);
	void *progress_arg;
};

/*
 * Opens one file, or several shards, which must be of one model and make one range of layers (in whatever order they are
 * named), or the shards of a manifest. Any architecture and any tensor type will do; a program that computes calls model_check next.
 * NULL with a reason.
 */
struct model *model_open(const char *const *paths, uint32_t n);
void model_free(struct model *m);

/* NULL when there is none. Where several files hold one of that name, it is the first one's. */
const struct gguf_tensor *model_tensor(const struct model *m, const char *name);

/* The matrix of the output head: output.weight, or token_embd.weight of the last file when the model is tied (an interleaved
 * last shard has it interleaved, while model_tensor gives the plain one of the first). NULL without head. */
const struct gguf_tensor *model_output(const struct model *m);

/*
 * 0 when this is a model, or a range of layers of one, as mai computes it: of a known architecture, with sound
 * hyper-parameters, every tensor that the layers, the embedding and the head need, with its shape and a type that
 * tile_supports (vectors f32), and no tensor besides. -1 with a reason.
 */
int model_check(const struct model *m);
int model_check_llama(const struct model *m); /* and of the architecture llama: what mai-train can train */

/* Where a layer's tensor is: rows [first, first + rows) of a tensor, which may hold others too. False: it has none. */
struct model_part {
	char name[GGUF_MAX_NAME];
	const struct gguf_tensor *tensor;
	uint64_t first, rows; /* of a vector: elements */
	bool is_cut;          /* it holds others */
};
bool model_part(const struct model *m, uint32_t layer, enum arch_slot slot, struct model_part *p);

/* The shape that a matrix has by its tensor's name, whether it is here or in another part of the
 * model; false for what is none. */
bool model_matrix(const struct model *m, const char *name, uint64_t *cols, uint64_t *rows);

/* Whether a tensor of that name is vectors, be they several that look like a matrix. */
bool model_vectors(const char *name);

/* The file with the tokenizer keys (the last shard or the first), or NULL. */
const struct gguf *model_vocab_file(const struct model *m);

/* The layer N of a name "blk.N.REST", or -1. */
int64_t model_layer(struct gguf_string name);

/* Fills *hp from a file's metadata. 0 or -1. An architecture other than those mai computes is not an error here. */
int hparams_read(struct hparams *hp, const struct gguf *g);

/* Has a layer experts? */
static inline bool
hparams_has_experts(const struct hparams *hp, uint32_t layer)
{
	return hp->n_experts > 0 && layer >= hp->dense_layers;
}

static inline bool
hparams_is_recurrent(const struct hparams *hp)
{
	return hp->how && hp->how->mixer != MIXER_ATTENTION;
}

/* How many positions a layer's attention looks back on, its own included; 0: all. */
uint32_t hparams_window(const struct hparams *hp, uint32_t layer);

/*
 * Identities (mai-shard(5)). The model id hashes the hyper-parameters and the hash of each tensor's plain bytes in order of names:
 * it is the same for every split. For a whole GGUF the hash is computed once and cached in
 * $XDG_CACHE_HOME/mai/ids; for shards it is the one they state. The vocabulary id hashes the tokenizer keys.
 */
int model_id(const struct model *m, struct hash *id);
bool model_id_known(const struct model *m, struct hash *id); /* stated or cached: nothing is hashed; else false */
int model_vocab_id(const struct model *m, struct hash *id); /* none where there is no vocabulary */

/* ---- shards ---- */

/* Layers [first, last) of each shard, which follow one another. The functions that make one want a model all of whose
 * layers are here. 0 or -1. */
struct split_plan {
	uint32_t n;
	uint32_t first[MODEL_MAX_LAYERS], last[MODEL_MAX_LAYERS];
};
int split_even(struct split_plan *p, const struct model *m, uint32_t n);          /* -n: by bytes, each at least a layer */
int split_list(struct split_plan *p, const struct model *m, const char *ranges);  /* -l 0-7,8-15 */
int split_size(struct split_plan *p, const struct model *m, uint64_t bytes);      /* -b: as few as fit */

/* Writes DIR/0.gguf ... and DIR/manifest.json, making DIR. `stock`: plain tensor types. The files appear when all of them are
 * whole, the manifest last. */
int shard_split(const struct model *m, const struct split_plan *p, const char *dir, bool stock);

/* Writes the stock GGUF whose shards `m` holds, all of them. Refused when what comes out has not the model id that the
 * shards state. "-" is not taken: the file is renamed into place. */
int shard_join(const struct model *m, const char *out);

/*
 * Writes a stock GGUF with the matrices in the types of a mixture (model/mixture.h), and what llama-quantize leaves alone
 * (vectors, and some tensors by name) as it is. Matrices whose rows are no whole blocks get another type, which a warning
 * tells. Refused: matrices of types that are not converted, and values that are not finite or too large. Shards have to hold the
 * model that they state, as above. With an importance matrix (model/imatrix.h, NULL: none) errors count by it.
 */
struct mixture;
struct imatrix;
int shard_quantize(const struct model *m, const struct mixture *x, const struct imatrix *im, const char *out);

/*
 * Reads a manifest and checks it against its files: each is there, in the folder of the manifest, with the size it
 * states. (model_open opens one like any file, and checks its layers and identities too.) Freed with manifest_free.
 */
#define MANIFEST_NAME "manifest.json"
enum { MANIFEST_VERSION = 1, MANIFEST_MAX_SIZE = 1 << 20 };
struct manifest {
	char **paths;
	uint32_t n;
	struct hash model_id, vocab_id;
	uint32_t first[MODEL_MAX_LAYERS], last[MODEL_MAX_LAYERS];
	uint64_t size[MODEL_MAX_LAYERS];
	struct hash sha256[MODEL_MAX_LAYERS]; /* of each file; not checked here */
};
int manifest_read(struct manifest *mf, const char *path);

/* The SHA-256 that a manifest states for the shard of this name: 1; 0 where it names none such; -1. No shard is looked at. */
int manifest_find(struct hash *sha256, const char *path, const char *name);

/* Does the file begin as JSON does? Whatever can't be read is no manifest, and refused as what else it is. */
bool manifest_is(const char *path);

/* The path of the manifest in the folder of a file; NULL without memory, freed by free(). */
char *manifest_beside(const char *path);
void manifest_free(struct manifest *mf);

#endif
