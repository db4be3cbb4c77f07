#include "model/arch.h"

#include <stddef.h>
#include <string.h>

const struct arch_tensor arch_layer[ARCH_SLOTS] = {
	[ATTN_NORM] = { "attn_norm.weight", SIZE_DIM, SIZE_ONE, SIZE_ONE },
	[ATTN_NORM_BIAS] = { "attn_norm.bias", SIZE_DIM, SIZE_ONE, SIZE_ONE },
	[ATTN_NORM_2] = { "attn_norm_2.weight", SIZE_DIM, SIZE_ONE, SIZE_ONE },
	[ATTN_NORM_2_BIAS] = { "attn_norm_2.bias", SIZE_DIM, SIZE_ONE, SIZE_ONE },
	[ATTN_Q] = { "attn_q.weight", SIZE_DIM, SIZE_HEADS, SIZE_ONE },
	[ATTN_Q_BIAS] = { "attn_q.bias", SIZE_HEADS, SIZE_ONE, SIZE_ONE },
	[ATTN_K] = { "attn_k.weight", SIZE_DIM, SIZE_KV_HEADS, SIZE_ONE },
	[ATTN_K_BIAS] = { "attn_k.bias", SIZE_KV_HEADS, SIZE_ONE, SIZE_ONE },
	[ATTN_V] = { "attn_v.weight", SIZE_DIM, SIZE_KV_HEADS, SIZE_ONE },
	[ATTN_V_BIAS] = { "attn_v.bias", SIZE_KV_HEADS, SIZE_ONE, SIZE_ONE },
	[ATTN_Q_NORM] = { "attn_q_norm.weight", SIZE_HEAD, SIZE_ONE, SIZE_ONE },
	[ATTN_K_NORM] = { "attn_k_norm.weight", SIZE_HEAD, SIZE_ONE, SIZE_ONE },
	[ATTN_SINKS] = { "attn_sinks.weight", SIZE_HEAD_COUNT, SIZE_ONE, SIZE_ONE },
	[LATENT_Q_A] = { "attn_q_a.weight", SIZE_DIM, SIZE_LATENT_Q, SIZE_ONE },
	[LATENT_Q_A_NORM] = { "attn_q_a_norm.weight", SIZE_LATENT_Q, SIZE_ONE, SIZE_ONE },
	[LATENT_Q_B] = { "attn_q_b.weight", SIZE_LATENT_Q, SIZE_HEADS, SIZE_ONE },
	[LATENT_KV_A] = { "attn_kv_a_mqa.weight", SIZE_DIM, SIZE_HEAD, SIZE_ONE },
	[LATENT_KV_A_NORM] = { "attn_kv_a_norm.weight", SIZE_LATENT_KV, SIZE_ONE, SIZE_ONE },
	[LATENT_K_B] = { "attn_k_b.weight", SIZE_LATENT_KEY, SIZE_LATENT_KV, SIZE_HEAD_COUNT },
	[LATENT_V_B] = { "attn_v_b.weight", SIZE_LATENT_KV, SIZE_LATENT_VALUE, SIZE_HEAD_COUNT },
	[LATENT_KV_B] = { "attn_kv_b.weight", SIZE_LATENT_KV, SIZE_LATENT_HEADS, SIZE_ONE },
	[ATTN_OUTPUT] = { "attn_output.weight", SIZE_OUT_HEADS, SIZE_DIM, SIZE_ONE },
	[ATTN_OUTPUT_BIAS] = { "attn_output.bias", SIZE_DIM, SIZE_ONE, SIZE_ONE },
	[ATTN_POST_NORM] = { "post_attention_norm.weight", SIZE_DIM, SIZE_ONE, SIZE_ONE },
	[ATTN_SUM_NORM] = { "attn_output_norm.weight", SIZE_DIM, SIZE_ONE, SIZE_ONE },
	[ATTN_SUM_NORM_BIAS] = { "attn_output_norm.bias", SIZE_DIM, SIZE_ONE, SIZE_ONE },
	[FFN_NORM] = { "ffn_norm.weight", SIZE_DIM, SIZE_ONE, SIZE_ONE },
	[FFN_NORM_BIAS] = { "ffn_norm.bias", SIZE_DIM, SIZE_ONE, SIZE_ONE },
	[FFN_GATE] = { "ffn_gate.weight", SIZE_DIM, SIZE_FFN, SIZE_ONE },
	[FFN_GATE_BIAS] = { "ffn_gate.bias", SIZE_FFN, SIZE_ONE, SIZE_ONE },
	[FFN_UP] = { "ffn_up.weight", SIZE_DIM, SIZE_FFN, SIZE_ONE },
	[FFN_UP_BIAS] = { "ffn_up.bias", SIZE_FFN, SIZE_ONE, SIZE_ONE },
	[FFN_DOWN] = { "ffn_down.weight", SIZE_FFN, SIZE_DIM, SIZE_ONE },
	[FFN_DOWN_BIAS] = { "ffn_down.bias", SIZE_DIM, SIZE_ONE, SIZE_ONE },
	[FFN_POST_NORM] = { "post_ffw_norm.weight", SIZE_DIM, SIZE_ONE, SIZE_ONE },
	[FFN_SUM_NORM] = { "layer_output_norm.weight", SIZE_DIM, SIZE_ONE, SIZE_ONE },
	[FFN_SUM_NORM_BIAS] = { "layer_output_norm.bias", SIZE_DIM, SIZE_ONE, SIZE_ONE },
	[FFN_ROUTER] = { "ffn_gate_inp.weight", SIZE_DIM, SIZE_EXPERTS, SIZE_ONE },
	[FFN_ROUTER_BIAS] = { "ffn_gate_inp.bias", SIZE_EXPERTS, SIZE_ONE, SIZE_ONE },
	[EXPERTS_GATE_BIAS] = { "ffn_gate_exps.bias", SIZE_EXPERT_FFN, SIZE_EXPERTS, SIZE_ONE },
	[EXPERTS_UP_BIAS] = { "ffn_up_exps.bias", SIZE_EXPERT_FFN, SIZE_EXPERTS, SIZE_ONE },
	[EXPERTS_DOWN_BIAS] = { "ffn_down_exps.bias", SIZE_DIM, SIZE_EXPERTS, SIZE_ONE },
	[EXPERTS_GATE] = { "ffn_gate_exps.weight", SIZE_DIM, SIZE_EXPERT_FFN, SIZE_EXPERTS },
	[EXPERTS_UP] = { "ffn_up_exps.weight", SIZE_DIM, SIZE_EXPERT_FFN, SIZE_EXPERTS },
	[EXPERTS_DOWN] = { "ffn_down_exps.weight", SIZE_EXPERT_FFN, SIZE_DIM, SIZE_EXPERTS },
	[EXPERTS_BIAS] = { "exp_probs_b.bias", SIZE_EXPERTS, SIZE_ONE, SIZE_ONE },
	[SHARED_ROUTER] = { "ffn_gate_inp_shexp.weight", SIZE_DIM, SIZE_ONE, SIZE_ONE },
	[SHARED_GATE] = { "ffn_gate_shexp.weight", SIZE_DIM, SIZE_SHARED_FFN, SIZE_ONE },
	[SHARED_UP] = { "ffn_up_shexp.weight", SIZE_DIM, SIZE_SHARED_FFN, SIZE_ONE },
	[SHARED_DOWN] = { "ffn_down_shexp.weight", SIZE_SHARED_FFN, SIZE_DIM, SIZE_ONE },
	[SSM_IN] = { "ssm_in.weight", SIZE_DIM, SIZE_SSM_BOTH, SIZE_ONE },
	[SSM_CONV] = { "ssm_conv1d.weight", SIZE_SSM_TAPS, SIZE_ONE, SIZE_SSM_INNER },
	[SSM_CONV_BIAS] = { "ssm_conv1d.bias", SIZE_SSM_INNER, SIZE_ONE, SIZE_ONE },
	[SSM_X] = { "ssm_x.weight", SIZE_SSM_INNER, SIZE_SSM_X, SIZE_ONE },
	[SSM_DT] = { "ssm_dt.weight", SIZE_SSM_RANK, SIZE_SSM_INNER, SIZE_ONE },
	[SSM_DT_BIAS] = { "ssm_dt.bias", SIZE_SSM_INNER, SIZE_ONE, SIZE_ONE },
	[SSM_A] = { "ssm_a", SIZE_SSM_STATES, SIZE_ONE, SIZE_SSM_INNER },
	[SSM_D] = { "ssm_d", SIZE_SSM_INNER, SIZE_ONE, SIZE_ONE },
	[SSM_OUT] = { "ssm_out.weight", SIZE_SSM_INNER, SIZE_DIM, SIZE_ONE },
	[TIME_LERPS] = { "time_mix_lerp_fused.weight", SIZE_DIM, SIZE_ONE, SIZE_WKV_LERPS },
	[TIME_R] = { "time_mix_receptance.weight", SIZE_DIM, SIZE_DIM, SIZE_ONE },
	[TIME_K] = { "time_mix_key.weight", SIZE_DIM, SIZE_DIM, SIZE_ONE },
	[TIME_V] = { "time_mix_value.weight", SIZE_DIM, SIZE_DIM, SIZE_ONE },
	[TIME_OUTPUT] = { "time_mix_output.weight", SIZE_DIM, SIZE_DIM, SIZE_ONE },
	[TIME_KK] = { "time_mix_k_k.weight", SIZE_DIM, SIZE_ONE, SIZE_ONE },
	[TIME_KA] = { "time_mix_k_a.weight", SIZE_DIM, SIZE_ONE, SIZE_ONE },
	[TIME_RK] = { "time_mix_r_k.weight", SIZE_DIM, SIZE_ONE, SIZE_ONE },
	[TIME_NORM] = { "time_mix_ln.weight", SIZE_DIM, SIZE_ONE, SIZE_ONE },
	[TIME_NORM_BIAS] = { "time_mix_ln.bias", SIZE_DIM, SIZE_ONE, SIZE_ONE },
	[TIME_W0] = { "time_mix_w0.weight", SIZE_DIM, SIZE_ONE, SIZE_ONE },
	[TIME_W1] = { "time_mix_w1.weight", SIZE_DIM, SIZE_WKV_DECAY, SIZE_ONE },
	[TIME_W2] = { "time_mix_w2.weight", SIZE_WKV_DECAY, SIZE_DIM, SIZE_ONE },
	[TIME_A0] = { "time_mix_a0.weight", SIZE_DIM, SIZE_ONE, SIZE_ONE },
	[TIME_A1] = { "time_mix_a1.weight", SIZE_DIM, SIZE_WKV_RATE, SIZE_ONE },
	[TIME_A2] = { "time_mix_a2.weight", SIZE_WKV_RATE, SIZE_DIM, SIZE_ONE },
	[TIME_V0] = { "time_mix_v0.weight", SIZE_DIM, SIZE_ONE, SIZE_ONE },
	[TIME_V1] = { "time_mix_v1.weight", SIZE_DIM, SIZE_WKV_VALUE, SIZE_ONE },
	[TIME_V2] = { "time_mix_v2.weight", SIZE_WKV_VALUE, SIZE_DIM, SIZE_ONE },
	[TIME_G1] = { "time_mix_g1.weight", SIZE_DIM, SIZE_WKV_GATE, SIZE_ONE },
	[TIME_G2] = { "time_mix_g2.weight", SIZE_WKV_GATE, SIZE_DIM, SIZE_ONE },
	[CHANNEL_LERP] = { "channel_mix_lerp_k.weight", SIZE_DIM, SIZE_ONE, SIZE_ONE },
	[CHANNEL_K] = { "channel_mix_key.weight", SIZE_DIM, SIZE_FFN, SIZE_ONE },
	[CHANNEL_V] = { "channel_mix_value.weight", SIZE_FFN, SIZE_DIM, SIZE_ONE },
};

const struct arch_tensor arch_ends[ARCH_ENDS] = {
	[TOKEN_EMBD] = { "token_embd.weight", SIZE_DIM, SIZE_VOCAB, SIZE_ONE },
	[TOKEN_TYPES] = { "token_types.weight", SIZE_DIM, SIZE_TOKEN_TYPES, SIZE_ONE },
	[TOKEN_EMBD_NORM] = { "token_embd_norm.weight", SIZE_DIM, SIZE_ONE, SIZE_ONE },
	[TOKEN_EMBD_NORM_BIAS] = { "token_embd_norm.bias", SIZE_DIM, SIZE_ONE, SIZE_ONE },
	[POSITION_EMBD] = { "position_embd.weight", SIZE_DIM, SIZE_CONTEXT, SIZE_ONE },
	[OUTPUT_NORM] = { "output_norm.weight", SIZE_DIM, SIZE_ONE, SIZE_ONE },
	[OUTPUT_NORM_BIAS] = { "output_norm.bias", SIZE_DIM, SIZE_ONE, SIZE_ONE },
	[OUTPUT] = { "output.weight", SIZE_DIM, SIZE_VOCAB, SIZE_ONE },
	[OUTPUT_BIAS] = { "output.bias", SIZE_VOCAB, SIZE_ONE, SIZE_ONE },
	[ROPE_FREQS] = { "rope_freqs.weight", SIZE_PAIRS, SIZE_ONE, SIZE_ONE },
	[ROPE_LONG] = { "rope_factors_long.weight", SIZE_PAIRS, SIZE_ONE, SIZE_ONE },
	[ROPE_SHORT] = { "rope_factors_short.weight", SIZE_PAIRS, SIZE_ONE, SIZE_ONE },
};

/* ---- the architectures ---- */

#define BIT(slot) ((arch_slots)1 << (slot))
#define END(end) (1u << (end))

#define QKV (BIT(ATTN_Q) | BIT(ATTN_K) | BIT(ATTN_V))
#define QKV_BIASES (BIT(ATTN_Q_BIAS) | BIT(ATTN_K_BIAS) | BIT(ATTN_V_BIAS))
#define QK_NORMS (BIT(ATTN_Q_NORM) | BIT(ATTN_K_NORM))
#define NORM_BIASES (BIT(ATTN_NORM_BIAS) | BIT(FFN_NORM_BIAS))
#define POST_NORMS (BIT(ATTN_POST_NORM) | BIT(FFN_POST_NORM))
#define MATRICES (QKV | BIT(ATTN_OUTPUT) | BIT(FFN_UP) | BIT(FFN_DOWN)) /* of every layer */
#define BIASES (QKV_BIASES | BIT(ATTN_OUTPUT_BIAS) | BIT(FFN_UP_BIAS) | BIT(FFN_DOWN_BIAS))
#define LLAMA (BIT(ATTN_NORM) | MATRICES | BIT(FFN_NORM) | BIT(FFN_GATE))
#define SHARED_EXPERT (BIT(SHARED_ROUTER) | BIT(SHARED_GATE) | BIT(SHARED_UP) | BIT(SHARED_DOWN))
#define EXPERT_BIASES (BIT(FFN_ROUTER_BIAS) | BIT(EXPERTS_GATE_BIAS) | BIT(EXPERTS_UP_BIAS) | BIT(EXPERTS_DOWN_BIAS))
#define SUM_NORMS (BIT(ATTN_SUM_NORM) | BIT(ATTN_SUM_NORM_BIAS) | BIT(FFN_SUM_NORM) | BIT(FFN_SUM_NORM_BIAS))
#define MAMBA (BIT(ATTN_NORM) | BIT(SSM_IN) | BIT(SSM_CONV) | BIT(SSM_CONV_BIAS) | BIT(SSM_X) | BIT(SSM_DT) | BIT(SSM_DT_BIAS) | BIT(SSM_A) | BIT(SSM_D) | BIT(SSM_OUT))
#define TIME_LOW (BIT(TIME_W0) | BIT(TIME_W1) | BIT(TIME_W2) | BIT(TIME_A0) | BIT(TIME_A1) | BIT(TIME_A2) | BIT(TIME_V0) | BIT(TIME_V1) | BIT(TIME_V2) | BIT(TIME_G1) | BIT(TIME_G2))
#define TIME_MIX (TIME_LOW | BIT(TIME_LERPS) | BIT(TIME_R) | BIT(TIME_K) | BIT(TIME_V) | BIT(TIME_OUTPUT) | BIT(TIME_KK) | BIT(TIME_KA) | BIT(TIME_RK) | BIT(TIME_NORM) | BIT(TIME_NORM_BIAS))
#define RWKV (BIT(ATTN_NORM) | BIT(ATTN_NORM_BIAS) | TIME_MIX | BIT(ATTN_NORM_2) | BIT(ATTN_NORM_2_BIAS) | BIT(CHANNEL_LERP) | BIT(CHANNEL_K) | BIT(CHANNEL_V))
#define ENCODER_ENDS (END(TOKEN_EMBD) | END(TOKEN_TYPES) | END(TOKEN_EMBD_NORM) | END(TOKEN_EMBD_NORM_BIAS))
#define PLAIN_ENDS (END(TOKEN_EMBD) | END(OUTPUT_NORM) | END(OUTPUT))
#define BIAS_ENDS (PLAIN_ENDS | END(OUTPUT_NORM_BIAS))

static const struct arch archs[] = {
	{ .name = "llama", .rope = ROPE_PAIRS, .needs = LLAMA, .ends = PLAIN_ENDS | END(ROPE_FREQS), .keys = KEY_EXPERTS },
	{ .name = "granite", .rope = ROPE_PAIRS, .needs = LLAMA, .ends = PLAIN_ENDS, .keys = KEY_SCALES },
	{ .name = "qwen2", .rope = ROPE_HALVES, .needs = LLAMA | QKV_BIASES, .ends = PLAIN_ENDS },
	{ .name = "qwen3", .rope = ROPE_HALVES, .needs = LLAMA | QK_NORMS, .ends = PLAIN_ENDS },
	{ .name = "qwen2moe", .rope = ROPE_HALVES, .needs = LLAMA | QKV_BIASES | SHARED_EXPERT, .ends = PLAIN_ENDS, .keys = KEY_EXPERTS, .gating = GATING_ALL },
	{ .name = "qwen3moe", .rope = ROPE_HALVES, .needs = LLAMA | QK_NORMS, .ends = PLAIN_ENDS, .keys = KEY_EXPERTS },
	{ .name = "gpt-oss", .rope = ROPE_HALVES, .act = ACT_SWIGLU_CLAMPED, .ends = PLAIN_ENDS, .keys = KEY_WINDOW | KEY_EXPERTS,
	    .needs = BIT(ATTN_NORM) | MATRICES | BIT(FFN_GATE) | QKV_BIASES | BIT(ATTN_OUTPUT_BIAS) | BIT(ATTN_SINKS) | BIT(ATTN_POST_NORM) | EXPERT_BIASES,
	    .norm_between = true, .window_period = 2 },
	{ .name = "deepseek2", .rope = ROPE_PAIRS, .ends = PLAIN_ENDS, .keys = KEY_EXPERTS | KEY_GATING | KEY_LATENT,
	    .needs = BIT(ATTN_NORM) | BIT(LATENT_KV_A) | BIT(LATENT_KV_A_NORM) | BIT(ATTN_OUTPUT) | BIT(FFN_NORM) | BIT(FFN_GATE) | BIT(FFN_UP) | BIT(FFN_DOWN),
	    .may = BIT(ATTN_Q) | BIT(LATENT_Q_A) | BIT(LATENT_Q_A_NORM) | BIT(LATENT_Q_B) | BIT(EXPERTS_BIAS) | BIT(SHARED_GATE) | BIT(SHARED_UP) | BIT(SHARED_DOWN) },
	{ .name = "phi3", .rope = ROPE_HALVES, .needs = LLAMA, .ends = PLAIN_ENDS | END(ROPE_LONG) | END(ROPE_SHORT),
	    .keys = KEY_WINDOW_UNUSED, .fused_gate = true },
	{ .name = "olmo2", .rope = ROPE_HALVES, .needs = MATRICES | BIT(FFN_GATE) | QK_NORMS | POST_NORMS, .ends = PLAIN_ENDS, .whole_row_norms = true },
	{ .name = "gemma", .rope = ROPE_HALVES, .act = ACT_GELU, .needs = LLAMA, .ends = PLAIN_ENDS, .scales_embedding = true },
	{ .name = "gemma2", .rope = ROPE_HALVES, .act = ACT_GELU, .needs = LLAMA | POST_NORMS, .ends = PLAIN_ENDS, .scales_embedding = true,
	    .keys = KEY_WINDOW | KEY_ATTN_CAP | KEY_FINAL_CAP, .window_period = 2, .dim_scale_layers = 46 },
	{ .name = "gemma3", .rope = ROPE_HALVES, .act = ACT_GELU, .needs = LLAMA | QK_NORMS | POST_NORMS, .ends = PLAIN_ENDS, .scales_embedding = true,
	    .keys = KEY_WINDOW | KEY_FINAL_CAP, .window_period = 6, .window_theta = 10000, .dim_scale_layers = 62 },
	{ .name = "gpt2", .norm = NORM_LAYER, .rope = ROPE_ABSENT, .act = ACT_GELU,
	    .needs = BIT(ATTN_NORM) | BIT(FFN_NORM) | NORM_BIASES | MATRICES | BIASES, .ends = BIAS_ENDS | END(POSITION_EMBD) },
	{ .name = "starcoder2", .norm = NORM_LAYER, .rope = ROPE_HALVES, .act = ACT_GELU,
	    .needs = BIT(ATTN_NORM) | BIT(FFN_NORM) | NORM_BIASES | MATRICES | BIASES, .ends = BIAS_ENDS },
	{ .name = "gptneox", .norm = NORM_LAYER, .rope = ROPE_HALVES, .act = ACT_GELU,
	    .needs = BIT(ATTN_NORM) | BIT(FFN_NORM) | NORM_BIASES | MATRICES | BIASES, .ends = BIAS_ENDS, .keys = KEY_PARALLEL },
	{ .name = "phi2", .norm = NORM_LAYER, .rope = ROPE_HALVES, .act = ACT_GELU, .parallel = true,
	    .needs = BIT(ATTN_NORM) | BIT(ATTN_NORM_BIAS) | MATRICES | BIASES, .ends = BIAS_ENDS | END(OUTPUT_BIAS) },
	{ .name = "falcon", .norm = NORM_LAYER, .rope = ROPE_HALVES, .act = ACT_GELU, .parallel = true,
	    .needs = BIT(ATTN_NORM) | BIT(ATTN_NORM_BIAS) | MATRICES, .may = BIT(ATTN_NORM_2) | BIT(ATTN_NORM_2_BIAS), .ends = BIAS_ENDS },
	{ .name = "bert", .norm = NORM_LAYER, .rope = ROPE_ABSENT, .act = ACT_GELU, .encoder = true, .needs = MATRICES | BIASES | SUM_NORMS,
	    .ends = ENCODER_ENDS | END(POSITION_EMBD) },
	{ .name = "nomic-bert", .norm = NORM_LAYER, .rope = ROPE_HALVES, .encoder = true, .needs = MATRICES | BIT(FFN_GATE) | SUM_NORMS,
	    .may = BIASES | BIT(FFN_GATE_BIAS), .ends = ENCODER_ENDS },
	{ .name = "stablelm", .norm = NORM_LAYER, .rope = ROPE_HALVES, .parallel_without_norm = true,
	    .needs = BIT(ATTN_NORM) | BIT(ATTN_NORM_BIAS) | MATRICES | BIT(FFN_GATE), .may = QKV_BIASES | BIT(FFN_NORM) | BIT(FFN_NORM_BIAS), .ends = BIAS_ENDS },
	{ .name = "mamba", .mixer = MIXER_MAMBA, .rope = ROPE_ABSENT, .needs = MAMBA, .ends = PLAIN_ENDS, .keys = KEY_SSM },
	{ .name = "rwkv7", .mixer = MIXER_RWKV, .norm = NORM_LAYER, .rope = ROPE_ABSENT, .act = ACT_RELU_SQUARED, .needs = RWKV,
	    .ends = BIAS_ENDS | END(TOKEN_EMBD_NORM) | END(TOKEN_EMBD_NORM_BIAS), .keys = KEY_WKV },
};

arch_slots
arch_needs(const struct arch *a, bool experts)
{
	const arch_slots dense = BIT(FFN_GATE) | BIT(FFN_UP) | BIT(FFN_DOWN);

	return experts ? (a->needs & ~dense) | BIT(FFN_ROUTER) | BIT(EXPERTS_GATE) | BIT(EXPERTS_UP) | BIT(EXPERTS_DOWN) : a->needs;
}

const struct arch *
arch_find(const char *name)
{
	for (size_t i = 0; i < sizeof archs / sizeof *archs; i++)
		if (strcmp(archs[i].name, name) == 0)
			return &archs[i];
	return NULL;
}
