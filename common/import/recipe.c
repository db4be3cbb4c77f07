#include "import/recipe.h"

#include <stdio.h>
#include <string.h>

#include "import/formula.h"
#include "model/arch.h"

/* ---- tensors ---- */

typedef const struct recipe_tensor list[];

static list ends = {
	{ "embed_tokens.weight", "token_embd.weight", 0 },
	{ "norm.*", "output_norm.*", 0 },
	{ "lm_head.*", "output.*", 0 },
	{ "layers.#.self_attn.rotary_emb.inv_freq", NULL, 0 },
	{ 0 },
};
static list norms = {
	{ "layers.#.input_layernorm.*", "blk.#.attn_norm.*", 0 },
	{ "layers.#.post_attention_layernorm.*", "blk.#.ffn_norm.*", 0 },
	{ 0 },
};
static list attention = {
	{ "layers.#.self_attn.q_proj.*", "blk.#.attn_q.*", 0 },
	{ "layers.#.self_attn.k_proj.*", "blk.#.attn_k.*", 0 },
	{ "layers.#.self_attn.v_proj.*", "blk.#.attn_v.*", 0 },
	{ "layers.#.self_attn.o_proj.*", "blk.#.attn_output.*", 0 },
	{ 0 },
};
static list attention_in_pairs = {
	{ "layers.#.self_attn.q_proj.*", "blk.#.attn_q.*", HOW_PAIRS_Q },
	{ "layers.#.self_attn.k_proj.*", "blk.#.attn_k.*", HOW_PAIRS_K },
	{ "layers.#.self_attn.v_proj.*", "blk.#.attn_v.*", 0 },
	{ "layers.#.self_attn.o_proj.*", "blk.#.attn_output.*", 0 },
	{ 0 },
};
static list qk_norms = {
	{ "layers.#.self_attn.q_norm.weight", "blk.#.attn_q_norm.weight", 0 },
	{ "layers.#.self_attn.k_norm.weight", "blk.#.attn_k_norm.weight", 0 },
	{ 0 },
};
static list gated = {
	{ "layers.#.mlp.gate_proj.*", "blk.#.ffn_gate.*", 0 },
	{ "layers.#.mlp.up_proj.*", "blk.#.ffn_up.*", 0 },
	{ "layers.#.mlp.down_proj.*", "blk.#.ffn_down.*", 0 },
	{ 0 },
};
static list experts = {
	{ "layers.#.mlp.gate.weight", "blk.#.ffn_gate_inp.weight", 0 },
	{ "layers.#.mlp.experts.@.gate_proj.weight", "blk.#.ffn_gate_exps.weight", 0 },
	{ "layers.#.mlp.experts.@.up_proj.weight", "blk.#.ffn_up_exps.weight", 0 },
	{ "layers.#.mlp.experts.@.down_proj.weight", "blk.#.ffn_down_exps.weight", 0 },
	{ "layers.#.mlp.experts.gate_up_proj", "blk.#.ffn_gate_exps.weight", HOW_FIRST_HALF },
	{ "layers.#.mlp.experts.gate_up_proj", "blk.#.ffn_up_exps.weight", HOW_SECOND_HALF },
	{ "layers.#.mlp.experts.down_proj", "blk.#.ffn_down_exps.weight", 0 },
	{ 0 },
};
static list mixtral = {
	{ "layers.#.block_sparse_moe.gate.weight", "blk.#.ffn_gate_inp.weight", 0 },
	{ "layers.#.block_sparse_moe.experts.@.w1.weight", "blk.#.ffn_gate_exps.weight", 0 },
	{ "layers.#.block_sparse_moe.experts.@.w2.weight", "blk.#.ffn_down_exps.weight", 0 },
	{ "layers.#.block_sparse_moe.experts.@.w3.weight", "blk.#.ffn_up_exps.weight", 0 },
	{ 0 },
};
static list shared_expert = {
	{ "layers.#.mlp.shared_expert_gate.weight", "blk.#.ffn_gate_inp_shexp.weight", 0 },
	{ "layers.#.mlp.shared_expert.gate_proj.weight", "blk.#.ffn_gate_shexp.weight", 0 },
	{ "layers.#.mlp.shared_expert.up_proj.weight", "blk.#.ffn_up_shexp.weight", 0 },
	{ "layers.#.mlp.shared_expert.down_proj.weight", "blk.#.ffn_down_shexp.weight", 0 },
	{ 0 },
};
static list deepseek = {
	{ "layers.#.self_attn.q_proj.weight", "blk.#.attn_q.weight", 0 },
	{ "layers.#.self_attn.q_a_proj.weight", "blk.#.attn_q_a.weight", 0 },
	{ "layers.#.self_attn.q_a_layernorm.weight", "blk.#.attn_q_a_norm.weight", 0 },
	{ "layers.#.self_attn.q_b_proj.weight", "blk.#.attn_q_b.weight", 0 },
	{ "layers.#.self_attn.kv_a_proj_with_mqa.weight", "blk.#.attn_kv_a_mqa.weight", 0 },
	{ "layers.#.self_attn.kv_a_layernorm.weight", "blk.#.attn_kv_a_norm.weight", 0 },
	{ "layers.#.self_attn.kv_b_proj.weight", "blk.#.attn_k_b.weight", HOW_LATENT_K },
	{ "layers.#.self_attn.kv_b_proj.weight", "blk.#.attn_v_b.weight", HOW_LATENT_V },
	{ "layers.#.self_attn.o_proj.weight", "blk.#.attn_output.weight", 0 },
	{ "layers.#.mlp.gate.e_score_correction_bias", "blk.#.exp_probs_b.bias", 0 },
	{ "layers.#.mlp.shared_experts.gate_proj.weight", "blk.#.ffn_gate_shexp.weight", 0 },
	{ "layers.#.mlp.shared_experts.up_proj.weight", "blk.#.ffn_up_shexp.weight", 0 },
	{ "layers.#.mlp.shared_experts.down_proj.weight", "blk.#.ffn_down_shexp.weight", 0 },
	{ 0 },
};
static list gpt_oss = {
	{ "layers.#.self_attn.sinks", "blk.#.attn_sinks.weight", 0 },
	{ "layers.#.input_layernorm.weight", "blk.#.attn_norm.weight", 0 },
	{ "layers.#.post_attention_layernorm.weight", "blk.#.post_attention_norm.weight", 0 },
	{ "layers.#.mlp.router.*", "blk.#.ffn_gate_inp.*", 0 },
	{ "layers.#.mlp.experts.gate_up_proj_blocks", "blk.#.ffn_gate_exps.weight", HOW_MXFP4_EVEN },
	{ "layers.#.mlp.experts.gate_up_proj_blocks", "blk.#.ffn_up_exps.weight", HOW_MXFP4_ODD },
	{ "layers.#.mlp.experts.gate_up_proj_scales", NULL, 0 },
	{ "layers.#.mlp.experts.gate_up_proj", "blk.#.ffn_gate_exps.weight", HOW_TRANSPOSED_EVEN },
	{ "layers.#.mlp.experts.gate_up_proj", "blk.#.ffn_up_exps.weight", HOW_TRANSPOSED_ODD },
	{ "layers.#.mlp.experts.gate_up_proj_bias", "blk.#.ffn_gate_exps.bias", HOW_EVEN },
	{ "layers.#.mlp.experts.gate_up_proj_bias", "blk.#.ffn_up_exps.bias", HOW_ODD },
	{ "layers.#.mlp.experts.down_proj_blocks", "blk.#.ffn_down_exps.weight", HOW_MXFP4 },
	{ "layers.#.mlp.experts.down_proj_scales", NULL, 0 },
	{ "layers.#.mlp.experts.down_proj", "blk.#.ffn_down_exps.weight", HOW_TRANSPOSED },
	{ "layers.#.mlp.experts.down_proj_bias", "blk.#.ffn_down_exps.bias", 0 },
	{ 0 },
};
static list phi3 = {
	{ "layers.#.self_attn.qkv_proj.weight", "blk.#.attn_qkv.weight", 0 },
	{ "layers.#.self_attn.o_proj.weight", "blk.#.attn_output.weight", 0 },
	{ "layers.#.mlp.gate_up_proj.weight", "blk.#.ffn_up.weight", 0 },
	{ "layers.#.mlp.down_proj.weight", "blk.#.ffn_down.weight", 0 },
	{ 0 },
};
static list olmo2 = {
	{ "layers.#.post_attention_layernorm.weight", "blk.#.post_attention_norm.weight", 0 },
	{ "layers.#.post_feedforward_layernorm.weight", "blk.#.post_ffw_norm.weight", 0 },
	{ 0 },
};
/* lm_head is the embedding once more. */
static list gemma_ends = {
	{ "embed_tokens.weight", "token_embd.weight", 0 },
	{ "norm.weight", "output_norm.weight", HOW_PLUS_ONE },
	{ "layers.#.input_layernorm.weight", "blk.#.attn_norm.weight", HOW_PLUS_ONE },
	{ "lm_head.weight", NULL, 0 },
	{ 0 },
};
static list gemma = {
	{ "layers.#.post_attention_layernorm.weight", "blk.#.ffn_norm.weight", HOW_PLUS_ONE },
	{ 0 },
};
static list gemma2 = {
	{ "layers.#.post_attention_layernorm.weight", "blk.#.post_attention_norm.weight", HOW_PLUS_ONE },
	{ "layers.#.pre_feedforward_layernorm.weight", "blk.#.ffn_norm.weight", HOW_PLUS_ONE },
	{ "layers.#.post_feedforward_layernorm.weight", "blk.#.post_ffw_norm.weight", HOW_PLUS_ONE },
	{ 0 },
};
static list gemma3 = {
	{ "layers.#.self_attn.q_norm.weight", "blk.#.attn_q_norm.weight", HOW_PLUS_ONE },
	{ "layers.#.self_attn.k_norm.weight", "blk.#.attn_k_norm.weight", HOW_PLUS_ONE },
	{ 0 },
};
static list gpt2 = {
	{ "wte.weight", "token_embd.weight", 0 },
	{ "wpe.weight", "position_embd.weight", 0 },
	{ "ln_f.*", "output_norm.*", 0 },
	{ "lm_head.weight", "output.weight", 0 },
	{ "h.#.ln_1.*", "blk.#.attn_norm.*", 0 },
	{ "h.#.attn.c_attn.weight", "blk.#.attn_qkv.weight", HOW_TRANSPOSED },
	{ "h.#.attn.c_attn.bias", "blk.#.attn_qkv.bias", 0 },
	{ "h.#.attn.c_proj.weight", "blk.#.attn_output.weight", HOW_TRANSPOSED },
	{ "h.#.attn.c_proj.bias", "blk.#.attn_output.bias", 0 },
	{ "h.#.ln_2.*", "blk.#.ffn_norm.*", 0 },
	{ "h.#.mlp.c_fc.weight", "blk.#.ffn_up.weight", HOW_TRANSPOSED },
	{ "h.#.mlp.c_fc.bias", "blk.#.ffn_up.bias", 0 },
	{ "h.#.mlp.c_proj.weight", "blk.#.ffn_down.weight", HOW_TRANSPOSED },
	{ "h.#.mlp.c_proj.bias", "blk.#.ffn_down.bias", 0 },
	{ "h.#.attn.bias", NULL, 0 },
	{ "h.#.attn.masked_bias", NULL, 0 },
	{ 0 },
};
static list gptneox = {
	{ "embed_in.weight", "token_embd.weight", 0 },
	{ "final_layer_norm.*", "output_norm.*", 0 },
	{ "embed_out.weight", "output.weight", 0 },
	{ "layers.#.attention.query_key_value.*", "blk.#.attn_qkv.*", HOW_QKV },
	{ "layers.#.attention.dense.*", "blk.#.attn_output.*", 0 },
	{ "layers.#.mlp.dense_h_to_4h.*", "blk.#.ffn_up.*", 0 },
	{ "layers.#.mlp.dense_4h_to_h.*", "blk.#.ffn_down.*", 0 },
	{ "layers.#.attention.bias", NULL, 0 },
	{ "layers.#.attention.masked_bias", NULL, 0 },
	{ "layers.#.attention.rotary_emb.inv_freq", NULL, 0 },
	{ 0 },
};
static list falcon = {
	{ "word_embeddings.weight", "token_embd.weight", 0 },
	{ "ln_f.*", "output_norm.*", 0 },
	{ "lm_head.weight", "output.weight", 0 },
	{ "h.#.input_layernorm.*", "blk.#.attn_norm.*", 0 },
	{ "h.#.ln_mlp.*", "blk.#.attn_norm.*", 0 },
	{ "h.#.ln_attn.*", "blk.#.attn_norm_2.*", 0 },
	{ "h.#.self_attention.query_key_value.weight", "blk.#.attn_qkv.weight", HOW_QKV },
	{ "h.#.self_attention.dense.weight", "blk.#.attn_output.weight", 0 },
	{ "h.#.mlp.dense_h_to_4h.weight", "blk.#.ffn_up.weight", 0 },
	{ "h.#.mlp.dense_4h_to_h.weight", "blk.#.ffn_down.weight", 0 },
	{ 0 },
};
static list phi2 = {
	{ "final_layernorm.*", "output_norm.*", 0 },
	{ "layers.#.input_layernorm.*", "blk.#.attn_norm.*", 0 },
	{ "layers.#.self_attn.dense.*", "blk.#.attn_output.*", 0 },
	{ "layers.#.mlp.fc1.*", "blk.#.ffn_up.*", 0 },
	{ "layers.#.mlp.fc2.*", "blk.#.ffn_down.*", 0 },
	{ 0 },
};
static list starcoder2 = {
	{ "layers.#.mlp.c_fc.*", "blk.#.ffn_up.*", 0 },
	{ "layers.#.mlp.c_proj.*", "blk.#.ffn_down.*", 0 },
	{ 0 },
};
static list mamba = {
	{ "embeddings.weight", "token_embd.weight", 0 },
	{ "embedding.weight", "token_embd.weight", 0 },
	{ "norm_f.weight", "output_norm.weight", 0 },
	{ "lm_head.weight", "output.weight", 0 },
	{ "layers.#.norm.weight", "blk.#.attn_norm.weight", 0 },
	{ "layers.#.mixer.in_proj.weight", "blk.#.ssm_in.weight", 0 },
	{ "layers.#.mixer.conv1d.weight", "blk.#.ssm_conv1d.weight", HOW_ROWS },
	{ "layers.#.mixer.conv1d.bias", "blk.#.ssm_conv1d.bias", 0 },
	{ "layers.#.mixer.x_proj.weight", "blk.#.ssm_x.weight", 0 },
	{ "layers.#.mixer.dt_proj.*", "blk.#.ssm_dt.*", 0 },
	{ "layers.#.mixer.A_log", "blk.#.ssm_a", HOW_MINUS_EXP },
	{ "layers.#.mixer.D", "blk.#.ssm_d", 0 },
	{ "layers.#.mixer.out_proj.weight", "blk.#.ssm_out.weight", 0 },
	{ 0 },
};
/* Of the first layer's values nothing is mixed in; llama.cpp wants tensors for it all the same, and takes others. */
static list rwkv7 = {
	{ "embeddings.weight", "token_embd.weight", 0 },
	{ "norm.*", "output_norm.*", 0 },
	{ "lm_head.weight", "output.weight", 0 },
	{ "layers.0.pre_norm.*", "token_embd_norm.*", 0 },
	{ "layers.#.attn_norm.*", "blk.#.attn_norm.*", 0 },
	{ "layers.#.ffn_norm.*", "blk.#.attn_norm_2.*", 0 },
	{ "layers.#.attn.x_[rwkvag]", "blk.#.time_mix_lerp_fused.weight", 0 },
	{ "layers.#.attn.x_x", "blk.#.time_mix_lerp_fused.weight", HOW_ROWS_APART },
	{ "layers.#.attn.w_lora.lora.2.bias", "blk.#.time_mix_w0.weight", 0 },
	{ "layers.#.attn.w_lora.lora.0.weight", "blk.#.time_mix_w1.weight", 0 },
	{ "layers.#.attn.w_lora.lora.2.weight", "blk.#.time_mix_w2.weight", 0 },
	{ "layers.#.attn.a_lora.lora.2.bias", "blk.#.time_mix_a0.weight", 0 },
	{ "layers.#.attn.a_lora.lora.0.weight", "blk.#.time_mix_a1.weight", 0 },
	{ "layers.#.attn.a_lora.lora.2.weight", "blk.#.time_mix_a2.weight", 0 },
	{ "layers.0.attn.a_lora.lora.2.bias", "blk.0.time_mix_v0.weight", 0 },
	{ "layers.0.attn.a_lora.lora.0.weight", "blk.0.time_mix_v1.weight", 0 },
	{ "layers.0.attn.a_lora.lora.2.weight", "blk.0.time_mix_v2.weight", 0 },
	{ "layers.0.attn.v_lora.lora.2.bias", NULL, 0 },
	{ "layers.0.attn.v_lora.lora.0.weight", NULL, 0 },
	{ "layers.0.attn.v_lora.lora.2.weight", NULL, 0 },
	{ "layers.#.attn.v_lora.lora.2.bias", "blk.#.time_mix_v0.weight", 0 },
	{ "layers.#.attn.v_lora.lora.0.weight", "blk.#.time_mix_v1.weight", 0 },
	{ "layers.#.attn.v_lora.lora.2.weight", "blk.#.time_mix_v2.weight", 0 },
	{ "layers.#.attn.g_lora.lora.0.weight", "blk.#.time_mix_g1.weight", 0 },
	{ "layers.#.attn.g_lora.lora.2.weight", "blk.#.time_mix_g2.weight", 0 },
	{ "layers.#.attn.k_k", "blk.#.time_mix_k_k.weight", HOW_FLAT },
	{ "layers.#.attn.k_a", "blk.#.time_mix_k_a.weight", HOW_FLAT },
	{ "layers.#.attn.r_k", "blk.#.time_mix_r_k.weight", HOW_FLAT },
	{ "layers.#.attn.r_proj.weight", "blk.#.time_mix_receptance.weight", 0 },
	{ "layers.#.attn.k_proj.weight", "blk.#.time_mix_key.weight", 0 },
	{ "layers.#.attn.v_proj.weight", "blk.#.time_mix_value.weight", 0 },
	{ "layers.#.attn.o_proj.weight", "blk.#.time_mix_output.weight", 0 },
	{ "layers.#.attn.g_norm.*", "blk.#.time_mix_ln.*", 0 },
	{ "layers.#.ffn.x_k", "blk.#.channel_mix_lerp_k.weight", HOW_FLAT },
	{ "layers.#.ffn.key.weight", "blk.#.channel_mix_key.weight", 0 },
	{ "layers.#.ffn.value.weight", "blk.#.channel_mix_value.weight", 0 },
	{ 0 },
};
/* Heads other than embeddings are of no use here. */
static list encoder_ends = {
	{ "embeddings.word_embeddings.weight", "token_embd.weight", 0 },
	{ "embeddings.token_type_embeddings.weight", "token_types.weight", 0 },
	{ "embeddings.position_embeddings.weight", "position_embd.weight", 0 },
	{ "embeddings.LayerNorm.*", "token_embd_norm.*", 0 },
	{ "emb_ln.*", "token_embd_norm.*", 0 },
	{ "embeddings.position_ids", NULL, 0 },
	{ "pooler.dense.*", NULL, 0 },
	{ "cls.predictions.*", NULL, 0 },
	{ "cls.predictions.transform.dense.*", NULL, 0 },
	{ "cls.predictions.transform.LayerNorm.*", NULL, 0 },
	{ "cls.predictions.transform.layer_norm.*", NULL, 0 },
	{ "cls.predictions.decoder.*", NULL, 0 },
	{ "cls.seq_relationship.*", NULL, 0 },
	{ 0 },
};
static list bert = {
	{ "encoder.layer.#.attention.self.query.*", "blk.#.attn_q.*", 0 },
	{ "encoder.layer.#.attention.self.key.*", "blk.#.attn_k.*", 0 },
	{ "encoder.layer.#.attention.self.value.*", "blk.#.attn_v.*", 0 },
	{ "encoder.layer.#.attention.output.dense.*", "blk.#.attn_output.*", 0 },
	{ "encoder.layer.#.attention.output.LayerNorm.*", "blk.#.attn_output_norm.*", 0 },
	{ "encoder.layer.#.intermediate.dense.*", "blk.#.ffn_up.*", 0 },
	{ "encoder.layer.#.output.dense.*", "blk.#.ffn_down.*", 0 },
	{ "encoder.layer.#.output.LayerNorm.*", "blk.#.layer_output_norm.*", 0 },
	{ 0 },
};
static list nomic_bert = {
	{ "encoder.layers.#.attn.Wqkv.*", "blk.#.attn_qkv.*", 0 },
	{ "encoder.layers.#.attn.out_proj.*", "blk.#.attn_output.*", 0 },
	{ "encoder.layers.#.norm1.*", "blk.#.attn_output_norm.*", 0 },
	{ "encoder.layers.#.mlp.fc11.*", "blk.#.ffn_up.*", 0 },
	{ "encoder.layers.#.mlp.fc12.*", "blk.#.ffn_gate.*", 0 },
	{ "encoder.layers.#.mlp.fc2.*", "blk.#.ffn_down.*", 0 },
	{ "encoder.layers.#.norm2.*", "blk.#.layer_output_norm.*", 0 },
	{ 0 },
};

/* ---- keys ---- */

typedef const struct recipe_key key_list[];

static key_list all_keys = {
	{ "block_count", KEY_IS_U32, "num_hidden_layers | n_layer | n_layers | num_layers", NULL },
	{ "context_length", KEY_IS_U32, "max_position_embeddings | n_ctx | n_positions", NULL },
	{ "embedding_length", KEY_IS_U32, "hidden_size | n_embd | d_model", NULL },
	{ "feed_forward_length", KEY_IS_U32, "intermediate_size | n_inner | ffn_hidden_size | 4 * hidden_size | 4 * n_embd", NULL },
	{ "vocab_size", KEY_IS_U32, "vocab_size", NULL },
	{ 0 },
};
static key_list attention_keys = {
	{ "attention.head_count", KEY_IS_U32, "num_attention_heads | n_head", NULL },
	{ "attention.head_count_kv", KEY_IS_U32, "num_key_value_heads | num_attention_heads | n_head", NULL },
	{ "attention.key_length", KEY_IS_U32, "head_dim", NULL },
	{ "attention.value_length", KEY_IS_U32, "head_dim", NULL },
	{ 0 },
};
/* What they remember has no limit. */
static key_list recurrent_keys = {
	{ "context_length", KEY_IS_U32, "1048576", NULL },
	{ "attention.head_count", KEY_IS_U32, "0", NULL },
	{ 0 },
};
static key_list rms_keys = { { "attention.layer_norm_rms_epsilon", KEY_IS_F32, "rms_norm_eps | norm_eps | 1e-6", NULL }, { 0 } };
static key_list layer_norm_keys = {
	{ "attention.layer_norm_epsilon", KEY_IS_F32, "layer_norm_eps | layer_norm_epsilon | norm_epsilon | norm_eps | 1e-5", NULL },
	{ 0 },
};
static key_list rope_keys = {
	{ "rope.freq_base", KEY_IS_F32, "rope.rope_theta | rope_theta | rotary_emb_base | 10000", NULL },
	{ "rope.dimension_count", KEY_IS_U32,
	    "qk_rope_head_dim | rope.partial_rotary_factor * hidden_size / num_attention_heads | partial_rotary_factor * hidden_size / num_attention_heads | "
	    "rotary_pct * hidden_size / num_attention_heads | rope_pct * hidden_size / num_attention_heads | "
	    "head_dim | hidden_size / num_attention_heads | hidden_size / n_head | n_embd / n_head", NULL },
	{ "rope.scaling.type", KEY_IS_TEXT, "rope.rope_type=linear", "linear" },
	{ "rope.scaling.type", KEY_IS_TEXT, "rope.rope_type=yarn", "yarn" },
	{ "rope.scaling.factor", KEY_IS_F32, "rope.rope_type=linear ? rope.factor | rope.rope_type=yarn ? rope.factor", NULL },
	{ "rope.scaling.original_context_length", KEY_IS_U32,
	    "rope.rope_type=yarn ? rope.original_max_position_embeddings | rope.rope_type=yarn ? original_max_position_embeddings", NULL },
	{ "rope.scaling.yarn_ext_factor", KEY_IS_F32, "rope.rope_type=yarn ? rope.extrapolation_factor", NULL },
	{ "rope.scaling.yarn_attn_factor", KEY_IS_F32, "rope.rope_type=yarn ? rope.attention_factor | rope.rope_type=yarn ? rope.attn_factor", NULL },
	{ "rope.scaling.yarn_beta_fast", KEY_IS_F32, "rope.rope_type=yarn ? rope.beta_fast", NULL },
	{ "rope.scaling.yarn_beta_slow", KEY_IS_F32, "rope.rope_type=yarn ? rope.beta_slow", NULL },
	{ 0 },
};
static key_list expert_keys = {
	{ "expert_count", KEY_IS_U32, "num_local_experts | num_experts | n_routed_experts", NULL },
	{ "expert_used_count", KEY_IS_U32, "num_experts_per_tok | num_experts_per_token | experts_per_token", NULL },
	{ "expert_feed_forward_length", KEY_IS_U32, "moe_intermediate_size", NULL },
	{ "expert_shared_feed_forward_length", KEY_IS_U32, "shared_expert_intermediate_size", NULL },
	{ 0 },
};
static key_list gating_keys = {
	{ "expert_group_count", KEY_IS_U32, "n_group", NULL },
	{ "expert_group_used_count", KEY_IS_U32, "topk_group", NULL },
	{ "expert_gating_func", KEY_IS_U32, "scoring_func=sigmoid ? 2 | scoring_func=softmax ? 1", NULL },
	{ "expert_shared_count", KEY_IS_U32, "n_shared_experts | 0", NULL },
	{ "expert_weights_scale", KEY_IS_F32, "routed_scaling_factor", NULL },
	{ "expert_weights_norm", KEY_IS_BOOL, "norm_topk_prob", NULL },
	{ "leading_dense_block_count", KEY_IS_U32, "first_k_dense_replace | n_routed_experts ? 0 | num_hidden_layers", NULL },
	{ 0 },
};
static key_list latent_keys = {
	{ "attention.head_count_kv", KEY_IS_U32, "1", NULL },
	{ "attention.q_lora_rank", KEY_IS_U32, "q_lora_rank", NULL },
	{ "attention.kv_lora_rank", KEY_IS_U32, "kv_lora_rank", NULL },
	{ "attention.key_length", KEY_IS_U32, "kv_lora_rank + qk_rope_head_dim", NULL },
	{ "attention.value_length", KEY_IS_U32, "kv_lora_rank", NULL },
	{ "attention.key_length_mla", KEY_IS_U32, "qk_nope_head_dim + qk_rope_head_dim", NULL },
	{ "attention.value_length_mla", KEY_IS_U32, "v_head_dim", NULL },
	{ "rope.scaling.yarn_log_multiplier", KEY_IS_F32, "0.1 * rope.mscale_all_dim", NULL },
	{ 0 },
};
static key_list window_keys = { { "attention.sliding_window", KEY_IS_U32, "sliding_window | 0", NULL }, { 0 } };
static key_list cap_keys = {
	{ "attn_logit_softcapping", KEY_IS_F32, "attn_logit_softcapping", NULL },
	{ "final_logit_softcapping", KEY_IS_F32, "final_logit_softcapping", NULL },
	{ 0 },
};
static key_list scale_keys = {
	{ "attention.scale", KEY_IS_F32, "attention_multiplier", NULL },
	{ "embedding_scale", KEY_IS_F32, "embedding_multiplier", NULL },
	{ "residual_scale", KEY_IS_F32, "residual_multiplier", NULL },
	{ "logit_scale", KEY_IS_F32, "logits_scaling", NULL },
	{ 0 },
};
static key_list ssm_keys = {
	{ "feed_forward_length", KEY_IS_U32, "0", NULL },
	{ "attention.layer_norm_rms_epsilon", KEY_IS_F32, "layer_norm_epsilon | rms_norm_eps | 1e-5", NULL },
	{ "ssm.conv_kernel", KEY_IS_U32, "conv_kernel | d_conv | 4", NULL },
	{ "ssm.inner_size", KEY_IS_U32, "intermediate_size | d_inner | 2 * hidden_size | 2 * d_model", NULL },
	{ "ssm.state_size", KEY_IS_U32, "state_size | d_state | 16", NULL },
	{ "ssm.time_step_rank", KEY_IS_U32, "time_step_rank | dt_rank | hidden_size / 16 + 15 / 16 | d_model / 16 + 15 / 16", NULL }, /* rounded down */
	{ "ssm.dt_b_c_rms", KEY_IS_BOOL, "model_type=falcon_mamba | 0", NULL },
	{ 0 },
};
static key_list wkv_keys = {
	{ "wkv.head_size", KEY_IS_U32, "head_dim", NULL },
	{ "attention.decay_lora_rank", KEY_IS_U32, "decay_low_rank_dim", NULL },
	{ "attention.iclr_lora_rank", KEY_IS_U32, "a_low_rank_dim", NULL },
	{ "attention.value_residual_mix_lora_rank", KEY_IS_U32, "v_low_rank_dim", NULL },
	{ "attention.gate_lora_rank", KEY_IS_U32, "gate_low_rank_dim", NULL },
	{ 0 },
};
static key_list parallel_keys = { { "use_parallel_residual", KEY_IS_BOOL, "use_parallel_residual | 1", NULL }, { 0 } };
static key_list encoder_keys = {
	{ "attention.causal", KEY_IS_BOOL, "0", NULL },
	{ "attention.layer_norm_epsilon", KEY_IS_F32, "layer_norm_eps | layer_norm_epsilon | 1e-12", NULL },
	{ "context_length", KEY_IS_U32, "max_position_embeddings | max_trained_positions | n_positions", NULL },
	{ 0 },
};

static key_list falcon_keys = {
	{ "context_length", KEY_IS_U32, "max_position_embeddings | 2048", NULL },
	{ "attention.head_count_kv", KEY_IS_U32,
	    "n_head_kv | new_decoder_architecture ? num_kv_heads | multi_query ? 1 | num_attention_heads | n_head", NULL },
	{ "tensor_data_layout", KEY_IS_TEXT, "1", "jploski" },
	{ 0 },
};
static key_list gemma_keys = {
	{ "attention.key_length", KEY_IS_U32, "head_dim | 256", NULL },
	{ "attention.value_length", KEY_IS_U32, "head_dim | 256", NULL },
	{ 0 },
};
static key_list gemma3_keys = {
	{ "context_length", KEY_IS_U32, "max_position_embeddings | 131072", NULL },
	{ "attention.head_count", KEY_IS_U32, "num_attention_heads | 8", NULL },
	{ "attention.head_count_kv", KEY_IS_U32, "num_key_value_heads | 4", NULL },
	{ "attention.key_length", KEY_IS_U32, "head_dim | 256", NULL },
	{ "attention.value_length", KEY_IS_U32, "head_dim | 256", NULL },
	{ "rope.freq_base", KEY_IS_F32, "rope.rope_theta | rope_theta | 1e6", NULL },
	{ "rope.dimension_count", KEY_IS_U32, "head_dim | 256", NULL },
	{ 0 },
};
static key_list gpt_oss_keys = { { "expert_feed_forward_length", KEY_IS_U32, "intermediate_size", NULL }, { 0 } };
static key_list phi3_keys = {
	{ "rope.scaling.original_context_length", KEY_IS_U32,
	    "rope.original_max_position_embeddings | original_max_position_embeddings | max_position_embeddings", NULL },
	{ 0 },
};
static key_list qwen3_keys = {
	{ "attention.key_length", KEY_IS_U32, "head_dim | 128", NULL },
	{ "attention.value_length", KEY_IS_U32, "head_dim | 128", NULL },
	{ "rope.dimension_count", KEY_IS_U32, "head_dim | 128", NULL },
	{ 0 },
};

/* ---- architectures ---- */

static const struct recipe recipes[] = {
	{ .arch = "llama", .classes = " LlamaForCausalLM LLaMAForCausalLM MistralForCausalLM MixtralForCausalLM LlamaModel ",
	    .tensors = { ends, norms, attention_in_pairs, gated, mixtral } },
	{ .arch = "granite", .classes = " GraniteForCausalLM ", .tensors = { ends, norms, attention_in_pairs, gated } },
	{ .arch = "qwen2", .classes = " Qwen2ForCausalLM Qwen2Model ", .tensors = { ends, norms, attention, gated } },
	{ .arch = "qwen3", .classes = " Qwen3ForCausalLM Qwen3Model ", .tensors = { ends, norms, attention, qk_norms, gated }, .keys = qwen3_keys },
	{ .arch = "qwen2moe", .classes = " Qwen2MoeForCausalLM ", .tensors = { ends, norms, attention, experts, shared_expert }, .refused = "norm_topk_prob" },
	{ .arch = "qwen3moe", .classes = " Qwen3MoeForCausalLM ", .tensors = { ends, norms, attention, qk_norms, experts }, .keys = qwen3_keys,
	    .refused = "!norm_topk_prob" },
	{ .arch = "gpt-oss", .classes = " GptOssForCausalLM ", .tensors = { ends, attention, gpt_oss }, .keys = gpt_oss_keys },
	{ .arch = "deepseek2", .classes = " DeepseekV2ForCausalLM DeepseekV3ForCausalLM ", .tensors = { ends, norms, deepseek, gated, experts },
	    .predicts_more = true },
	{ .arch = "phi3", .classes = " Phi3ForCausalLM ", .tensors = { ends, norms, phi3 }, .keys = phi3_keys },
	{ .arch = "olmo2", .classes = " Olmo2ForCausalLM ", .tensors = { ends, attention, qk_norms, gated, olmo2 } },
	{ .arch = "gemma", .classes = " GemmaForCausalLM ", .tensors = { gemma_ends, gemma, attention, gated }, .keys = gemma_keys,
	    .no_space_prefix = true },
	{ .arch = "gemma2", .classes = " Gemma2ForCausalLM ", .tensors = { gemma_ends, gemma2, attention, gated }, .keys = gemma_keys,
	    .no_space_prefix = true },
	{ .arch = "gemma3", .classes = " Gemma3ForCausalLM Gemma3ForConditionalGeneration ", .tensors = { gemma_ends, gemma2, gemma3, attention, gated },
	    .keys = gemma3_keys, .no_space_prefix = true },
	{ .arch = "gpt2", .classes = " GPT2LMHeadModel GPT2Model ", .tensors = { gpt2 }, .refused = "scale_attn_by_inverse_layer_idx" },
	{ .arch = "starcoder2", .classes = " Starcoder2ForCausalLM ", .tensors = { ends, norms, attention, starcoder2 } },
	{ .arch = "gptneox", .classes = " GPTNeoXForCausalLM ", .tensors = { gptneox, norms } },
	{ .arch = "phi2", .classes = " PhiForCausalLM ", .tensors = { ends, attention, phi2 }, .refused = "qk_layernorm" },
	{ .arch = "falcon", .classes = " FalconForCausalLM RWForCausalLM ", .tensors = { falcon }, .keys = falcon_keys, .refused = "alibi" },
	{ .arch = "bert", .classes = " BertModel BertForMaskedLM ", .tensors = { encoder_ends, bert } },
	{ .arch = "nomic-bert", .classes = " NomicBertModel ", .tensors = { encoder_ends, nomic_bert }, .refused = "moe_every_n_layers" },
	{ .arch = "stablelm", .classes = " StableLmForCausalLM StableLMEpochForCausalLM ", .tensors = { ends, norms, attention, gated }, .keys = parallel_keys,
	    .refused = "qk_layernorm" },
	{ .arch = "mamba", .classes = " MambaForCausalLM FalconMambaForCausalLM MambaLMHeadModel ", .tensors = { mamba } },
	{ .arch = "rwkv7", .classes = " RWKV7ForCausalLM Rwkv7ForCausalLM ", .tensors = { rwkv7 } },
};

const struct recipe *
recipe_find(const char *class)
{
	char word[128];

	snprintf(word, sizeof word, " %.120s ", class);
	for (size_t i = 0; i < sizeof recipes / sizeof *recipes; i++)
		if (strstr(recipes[i].classes, word))
			return &recipes[i];
	return NULL;
}

size_t
recipe_keys(const struct recipe *r, const struct recipe_key *lists[RECIPE_KEY_LISTS])
{
	const struct arch *a = arch_find(r->arch);
	const struct {
		bool has;
		const struct recipe_key *list;
	} all[RECIPE_KEY_LISTS] = {
		{ r->keys, r->keys }, { a->encoder, encoder_keys }, { a->keys & KEY_LATENT, latent_keys }, { a->keys & KEY_GATING, gating_keys },
		{ a->keys & KEY_EXPERTS, expert_keys }, { a->keys & (KEY_WINDOW | KEY_WINDOW_UNUSED), window_keys }, { a->keys & KEY_FINAL_CAP, cap_keys },
		{ a->keys & KEY_SCALES, scale_keys }, { a->keys & KEY_PARALLEL, parallel_keys }, { a->keys & KEY_SSM, ssm_keys },
		{ a->keys & KEY_WKV, wkv_keys },
		{ true, a->mixer == MIXER_ATTENTION ? attention_keys : recurrent_keys }, { true, all_keys }, { true, a->norm == NORM_RMS ? rms_keys : layer_norm_keys }, { a->rope != ROPE_ABSENT, rope_keys },
	};
	size_t n = 0;

	for (size_t i = 0; i < RECIPE_KEY_LISTS; i++)
		if (all[i].has)
			lists[n++] = all[i].list;
	return n;
}

double
recipe_number(const struct recipe *r, const json_t *settings, const char *key)
{
	const struct recipe_key *lists[RECIPE_KEY_LISTS];
	size_t n = recipe_keys(r, lists);
	double v;

	for (size_t i = 0; i < n; i++)
		for (const struct recipe_key *k = lists[i]; k->name; k++)
			if (strcmp(k->name, key) == 0 && formula(settings, k->formula, &v))
				return v;
	return 0;
}
