/*
 * arch.h: what differs between architectures, as data (mai-architectures(7)).
 *
 * A layer is always the same steps:
 *
 *	h = norm(x)               attn_norm
 *	q, k, v = h W + b         each head of q and k, or the whole rows, with a norm of their own; then rotated
 *	a = attention(q, k, v)    maybe within a window, maybe with soft caps
 *	x = x + norm(a W + b)     attn_output, post_attention_norm; of encoders then x = norm(x), attn_output_norm
 *	h = norm(x)               ffn_norm; of a parallel layer from the x at its beginning
 *	f = act(h W + b) * (h W + b)
 *	x = x + norm(f W + b)     ffn_down, post_ffw_norm; of encoders then x = norm(x), layer_output_norm; of experts the weighted sum of those that a row is sent to
 *
 * Which tensors there are says which of them are left out; the rest is here. Recurrent layers have other steps, in place of the first ones or of
 * all: common/compute/mamba.c and rwkv.c say them.
 */
#ifndef MAI_MODEL_ARCH_H
#define MAI_MODEL_ARCH_H

#include <stdbool.h>
#include <stdint.h>

/* Tensors of a layer. */
enum arch_slot {
	ATTN_NORM, ATTN_NORM_BIAS, ATTN_NORM_2, ATTN_NORM_2_BIAS,
	ATTN_Q, ATTN_Q_BIAS, ATTN_K, ATTN_K_BIAS, ATTN_V, ATTN_V_BIAS, /* or rows of attn_qkv, one below the other */
	ATTN_Q_NORM, ATTN_K_NORM, ATTN_SINKS,
	LATENT_Q_A, LATENT_Q_A_NORM, LATENT_Q_B, LATENT_KV_A, LATENT_KV_A_NORM, LATENT_K_B, LATENT_V_B, /* of latent attention, */
	LATENT_KV_B,                                                   /* or, in older files, a head's k_b, transposed, above its v_b */
	ATTN_OUTPUT, ATTN_OUTPUT_BIAS, ATTN_POST_NORM, ATTN_SUM_NORM, ATTN_SUM_NORM_BIAS,
	FFN_NORM, FFN_NORM_BIAS,
	FFN_GATE, FFN_GATE_BIAS, FFN_UP, FFN_UP_BIAS, FFN_DOWN, FFN_DOWN_BIAS, FFN_POST_NORM, FFN_SUM_NORM, FFN_SUM_NORM_BIAS,
	/* in place of ffn_gate, _up and _down, where there are experts */
	FFN_ROUTER, FFN_ROUTER_BIAS, EXPERTS_GATE, EXPERTS_GATE_BIAS, EXPERTS_UP, EXPERTS_UP_BIAS, EXPERTS_DOWN, EXPERTS_DOWN_BIAS,
	EXPERTS_BIAS,                                         /* of who is chosen */
	SHARED_ROUTER, SHARED_GATE, SHARED_UP, SHARED_DOWN,   /* one beside them that every row goes through */
	SSM_IN, SSM_CONV, SSM_CONV_BIAS, SSM_X, SSM_DT, SSM_DT_BIAS, SSM_A, SSM_D, SSM_OUT, /* of Mamba */
	TIME_LERPS, TIME_R, TIME_K, TIME_V, TIME_OUTPUT, TIME_KK, TIME_KA, TIME_RK, TIME_NORM, TIME_NORM_BIAS, /* of RWKV: its time mix, */
	TIME_W0, TIME_W1, TIME_W2, TIME_A0, TIME_A1, TIME_A2, TIME_V0, TIME_V1, TIME_V2, TIME_G1, TIME_G2,
	CHANNEL_LERP, CHANNEL_K, CHANNEL_V, /* and its channel mix */
	ARCH_SLOTS,
};

__extension__ typedef unsigned __int128 arch_slots; /* a set of them: bits 1 << arch_slot */

/* Tensors beside the layers. */
enum arch_end {
	TOKEN_EMBD, TOKEN_TYPES, TOKEN_EMBD_NORM, TOKEN_EMBD_NORM_BIAS, POSITION_EMBD, OUTPUT_NORM, OUTPUT_NORM_BIAS, OUTPUT, OUTPUT_BIAS, ROPE_FREQS, ROPE_LONG, ROPE_SHORT,
	ARCH_ENDS,
};

enum arch_norm { NORM_RMS, NORM_LAYER };
enum arch_rope { ROPE_PAIRS, ROPE_HALVES, ROPE_ABSENT }; /* elements 2i and 2i + 1 are a pair; i and i + half of them; none are */
enum arch_act { ACT_SILU, ACT_GELU, ACT_SWIGLU_CLAMPED, ACT_RELU_SQUARED };

/* What brings the positions of a sequence together. All but attention are recurrent: they keep a state, not what came before. */
enum arch_mixer { MIXER_ATTENTION, MIXER_MAMBA, MIXER_RWKV };

/* Numbers that a file may state for this architecture: keys, behind its name. */
enum arch_key {
	KEY_WINDOW = 1 << 0,        /* attention.sliding_window, and its _pattern */
	KEY_ATTN_CAP = 1 << 1,      /* attn_logit_softcapping */
	KEY_FINAL_CAP = 1 << 2,     /* final_logit_softcapping */
	KEY_SCALES = 1 << 3,        /* attention.scale, residual_scale, embedding_scale, logit_scale */
	KEY_PARALLEL = 1 << 4,      /* use_parallel_residual, true where it is absent */
	KEY_EXPERTS = 1 << 5,       /* expert_count and what goes with it */
	KEY_WINDOW_UNUSED = 1 << 6, /* attention.sliding_window, which llama.cpp does not apply either */
	KEY_LATENT = 1 << 7,        /* attention.kv_lora_rank and what goes with it */
	KEY_GATING = 1 << 8,        /* expert_gating_func and what else chooses experts */
	KEY_SSM = 1 << 9,           /* ssm.inner_size and what goes with it */
	KEY_WKV = 1 << 10,          /* wkv.head_size and what goes with it */
};

/* How the scores of experts become weights: softmax over those that are chosen, or over all, or the logistic function of each. */
enum arch_gating { GATING_CHOSEN, GATING_ALL, GATING_LOGISTIC };

struct arch {
	const char *name; /* general.architecture */
	enum arch_mixer mixer;
	enum arch_norm norm;
	enum arch_rope rope;
	enum arch_act act;
	arch_slots needs, may;     /* tensors of a layer without experts */
	uint32_t ends;             /* that it may have: bits 1 << arch_end; token_embd and output_norm it must have */
	uint32_t keys;             /* bits of arch_key */
	bool parallel;             /* attention and feed-forward both begin with the layer's input */
	bool parallel_without_norm; /* where there is no ffn_norm */
	bool fused_gate;           /* ffn_up has the rows of the gate above its own */
	bool encoder;              /* every position sees all of its sequence, and embeddings come out: there is no head */
	bool norm_between;         /* post_attention_norm is what ffn_norm is elsewhere */
	bool whole_row_norms;      /* those of q and k are over all heads at once */
	bool scales_embedding;     /* by the root of dim */
	enum arch_gating gating;
	uint32_t window_period;    /* every so many layers the last one has no window; 0: all have one */
	double window_theta;       /* theta of layers with a window, which scale nothing; 0: that of the others */
	uint32_t dim_scale_layers; /* with so many layers scores are scaled by the root of dim / heads, not of the size of a head */
};

/* NULL: none that is known. */
const struct arch *arch_find(const char *name);

/* The tensors that a layer must have, with experts or without. */
arch_slots arch_needs(const struct arch *a, bool experts);

/* Shapes, as functions of hyper-parameters. */
enum arch_size { SIZE_ONE, SIZE_DIM, SIZE_HEAD, SIZE_HEADS, SIZE_OUT_HEADS, SIZE_HEAD_COUNT, SIZE_KV_HEADS, SIZE_FFN, SIZE_VOCAB, SIZE_CONTEXT, SIZE_PAIRS,
	SIZE_EXPERTS, SIZE_EXPERT_FFN, SIZE_SHARED_FFN, SIZE_LATENT_Q, SIZE_LATENT_KV, SIZE_LATENT_KEY, SIZE_LATENT_VALUE, SIZE_LATENT_HEADS, SIZE_TOKEN_TYPES,
	SIZE_SSM_INNER, SIZE_SSM_BOTH, SIZE_SSM_TAPS, SIZE_SSM_STATES, SIZE_SSM_RANK, SIZE_SSM_X,
	SIZE_WKV_LERPS, SIZE_WKV_DECAY, SIZE_WKV_RATE, SIZE_WKV_VALUE, SIZE_WKV_GATE };

/* rows SIZE_ONE: a vector of f32; else a matrix, whose rows are what comes out. */
struct arch_tensor {
	const char *name; /* of a layer's without "blk.N." */
	enum arch_size cols, rows, many; /* many: so many matrices or vectors, one behind the other; SIZE_ONE: one */
};
extern const struct arch_tensor arch_layer[ARCH_SLOTS];
extern const struct arch_tensor arch_ends[ARCH_ENDS];

#endif
