#!/usr/bin/python3
"""hub.py: a model of a GGUF as Hugging Face would have it, for tests of mai-shard import.

	hub.py write PARTS DIR MODEL...  of each MODEL a folder DIR/NAME: names, shapes and order of elements are those of the transformers
	                                 library; weights in so many files
	hub.py tokenizer TOKENIZER DIR   a folder of the smallest llama with this tokenizer.json, or tokenizer.model
	hub.py compare DIR MODEL...      DIR/NAME.gguf has all tensors of MODEL, no others, byte for byte, and its keys, but for general.*;
	                                 what went through a logarithm and back is near
	hub.py factors MADE CONFIG       rope_freqs of MADE are those of Llama 3's paper for the settings in CONFIG
	hub.py round TYPE MODEL OUT      MODEL with all its tensors, vectors too, rounded to f16 or bf16, and matrices of that type
	hub.py narrow TYPE DIR           vectors in the folder of such a model become f16 or bf16, too

What import does is undone here as the classes of transformers compute with weights, not as import.c does it.
"""
import json
import math
import os
import re
import struct
import sys

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tools"))
import gguf  # the reader in tests/tools

F32, F16, BF16, MXFP4 = 0, 1, 30, 39
DTYPES = {F32: ("F32", "<f4"), F16: ("F16", "<f2"), BF16: ("BF16", "<u2")}
NORMAL, UNKNOWN, CONTROL, BYTE = 1, 2, 3, 6
ROPE_PAIRS = ("llama", "granite")

CLASSES = {
    "llama": "LlamaForCausalLM", "granite": "GraniteForCausalLM", "qwen2": "Qwen2ForCausalLM", "qwen3": "Qwen3ForCausalLM",
    "qwen2moe": "Qwen2MoeForCausalLM", "qwen3moe": "Qwen3MoeForCausalLM", "gpt-oss": "GptOssForCausalLM",
    "deepseek2": "DeepseekV3ForCausalLM", "phi3": "Phi3ForCausalLM", "olmo2": "Olmo2ForCausalLM", "gemma": "GemmaForCausalLM",
    "gemma2": "Gemma2ForCausalLM", "gemma3": "Gemma3ForCausalLM", "gpt2": "GPT2LMHeadModel", "starcoder2": "Starcoder2ForCausalLM",
    "gptneox": "GPTNeoXForCausalLM", "phi2": "PhiForCausalLM", "falcon": "FalconForCausalLM", "bert": "BertModel",
    "nomic-bert": "NomicBertModel", "stablelm": "StableLmForCausalLM", "mamba": "MambaForCausalLM", "rwkv7": "RWKV7ForCausalLM",
}

# Names of a layer's tensors, without .weight and .bias.
LLAMA = {
    "attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm", "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj", "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj", "attn_q_norm": "self_attn.q_norm", "attn_k_norm": "self_attn.k_norm",
}
EXPERTS = {"ffn_gate_inp": "mlp.gate", "ffn_gate_exps": "mlp.experts.%d.gate_proj", "ffn_up_exps": "mlp.experts.%d.up_proj",
           "ffn_down_exps": "mlp.experts.%d.down_proj"}
MIXTRAL = {"ffn_gate_inp": "block_sparse_moe.gate", "ffn_gate_exps": "block_sparse_moe.experts.%d.w1",
           "ffn_down_exps": "block_sparse_moe.experts.%d.w2", "ffn_up_exps": "block_sparse_moe.experts.%d.w3"}
SHARED = {"ffn_gate_inp_shexp": "mlp.shared_expert_gate", "ffn_gate_shexp": "mlp.shared_expert.gate_proj",
          "ffn_up_shexp": "mlp.shared_expert.up_proj", "ffn_down_shexp": "mlp.shared_expert.down_proj"}
AFTER = {"post_attention_norm": "post_attention_layernorm", "post_ffw_norm": "post_feedforward_layernorm"}
GEMMA2 = {**LLAMA, **AFTER, "ffn_norm": "pre_feedforward_layernorm"}
NEOX = {"attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm", "attn_qkv": "attention.query_key_value",
        "attn_output": "attention.dense", "ffn_up": "mlp.dense_h_to_4h", "ffn_down": "mlp.dense_4h_to_h"}
LAYERS = {
    "llama": {**LLAMA, **MIXTRAL}, "granite": LLAMA, "qwen2": LLAMA, "qwen3": LLAMA, "qwen2moe": {**LLAMA, **EXPERTS, **SHARED},
    "qwen3moe": {**LLAMA, **EXPERTS}, "stablelm": LLAMA, "olmo2": {**LLAMA, **AFTER}, "gemma": LLAMA, "gemma2": GEMMA2, "gemma3": GEMMA2,
    "phi3": {**LLAMA, "attn_qkv": "self_attn.qkv_proj", "ffn_up": "mlp.gate_up_proj"},
    "starcoder2": {**LLAMA, "ffn_up": "mlp.c_fc", "ffn_down": "mlp.c_proj"},
    "phi2": {**LLAMA, "attn_output": "self_attn.dense", "ffn_up": "mlp.fc1", "ffn_down": "mlp.fc2"},
    "gpt2": {"attn_norm": "ln_1", "attn_qkv": "attn.c_attn", "attn_output": "attn.c_proj", "ffn_norm": "ln_2", "ffn_up": "mlp.c_fc",
             "ffn_down": "mlp.c_proj"},
    "gptneox": NEOX,
    "falcon": {"attn_norm": "input_layernorm", "attn_qkv": "self_attention.query_key_value", "attn_output": "self_attention.dense",
               "ffn_up": "mlp.dense_h_to_4h", "ffn_down": "mlp.dense_4h_to_h"},
    "gpt-oss": {**LLAMA, "post_attention_norm": "post_attention_layernorm", "ffn_gate_inp": "mlp.router"},
    "deepseek2": {**LLAMA, **EXPERTS, "attn_q_a": "self_attn.q_a_proj", "attn_q_a_norm": "self_attn.q_a_layernorm",
                  "attn_q_b": "self_attn.q_b_proj", "attn_kv_a_mqa": "self_attn.kv_a_proj_with_mqa",
                  "attn_kv_a_norm": "self_attn.kv_a_layernorm", "ffn_gate_shexp": "mlp.shared_experts.gate_proj",
                  "ffn_up_shexp": "mlp.shared_experts.up_proj", "ffn_down_shexp": "mlp.shared_experts.down_proj"},
    "bert": {"attn_q": "attention.self.query", "attn_k": "attention.self.key", "attn_v": "attention.self.value",
             "attn_output": "attention.output.dense", "attn_output_norm": "attention.output.LayerNorm", "ffn_up": "intermediate.dense",
             "ffn_down": "output.dense", "layer_output_norm": "output.LayerNorm"},
    "nomic-bert": {"attn_qkv": "attn.Wqkv", "attn_output": "attn.out_proj", "attn_output_norm": "norm1", "ffn_up": "mlp.fc11",
                   "ffn_gate": "mlp.fc12", "ffn_down": "mlp.fc2", "layer_output_norm": "norm2"},
    "mamba": {"attn_norm": "norm", "ssm_in": "mixer.in_proj", "ssm_conv1d": "mixer.conv1d", "ssm_x": "mixer.x_proj", "ssm_dt": "mixer.dt_proj",
              "ssm_out": "mixer.out_proj"},
    "rwkv7": {"attn_norm": "attn_norm", "attn_norm_2": "ffn_norm", "time_mix_receptance": "attn.r_proj", "time_mix_key": "attn.k_proj",
              "time_mix_value": "attn.v_proj", "time_mix_output": "attn.o_proj", "time_mix_ln": "attn.g_norm", "channel_mix_key": "ffn.key",
              "channel_mix_value": "ffn.value"},
}
FALCON_40B = {"attn_norm": "ln_mlp", "attn_norm_2": "ln_attn"}
ENDS = {"token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head"}
ENCODER_ENDS = {"token_embd": "embeddings.word_embeddings", "token_types": "embeddings.token_type_embeddings",
                "position_embd": "embeddings.position_embeddings"}
OTHER_ENDS = {
    "gpt2": {"token_embd": "transformer.wte", "position_embd": "transformer.wpe", "output_norm": "transformer.ln_f", "output": "lm_head"},
    "gptneox": {"token_embd": "gpt_neox.embed_in", "output_norm": "gpt_neox.final_layer_norm", "output": "embed_out"},
    "phi2": {**ENDS, "output_norm": "model.final_layernorm"},
    "falcon": {"token_embd": "transformer.word_embeddings", "output_norm": "transformer.ln_f", "output": "lm_head"},
    "bert": {**ENCODER_ENDS, "token_embd_norm": "embeddings.LayerNorm"}, "nomic-bert": {**ENCODER_ENDS, "token_embd_norm": "emb_ln"},
    "mamba": {"token_embd": "backbone.embeddings", "output_norm": "backbone.norm_f", "output": "lm_head"},
    "rwkv7": {**ENDS, "token_embd": "model.embeddings", "token_embd_norm": "model.layers.0.pre_norm"},
}
FRONTS = {"gpt2": "transformer.h", "falcon": "transformer.h", "gptneox": "gpt_neox.layers", "bert": "encoder.layer",
          "nomic-bert": "encoder.layers", "mamba": "backbone.layers"}


class Model:
    def __init__(self, path):
        self.file = gguf.File(path)
        self.arch = self.file.get(b"general.architecture").decode()

    def key(self, name, otherwise=None):
        v = self.file.get(("%s.%s" % (self.arch, name)).encode(), otherwise)
        return v.decode() if isinstance(v, bytes) else v

    def numbers(self, name, code):
        """A key that is an array of numbers."""
        raw, _ = self.file.keys[name]
        n, = struct.unpack_from("<Q", raw, 8 + len(name) + 4 + 4)
        return struct.unpack("<%d%s" % (n, code), raw[len(raw) - n * 4:])

    def arrays(self):
        """Tensors by name: (type, array whose last dimension runs fastest); of MXFP4 the bytes of blocks."""
        for name, (kind, shape, data) in self.file.tensors.items():
            if kind == MXFP4:
                yield name.decode(), kind, np.frombuffer(data, "u1").reshape(shape[::-1][:-1] + [shape[0] // 32, 17])
            else:
                yield name.decode(), kind, np.frombuffer(data, DTYPES[kind][1]).reshape(shape[::-1])


# ---- tensors ----

def halves(w, heads):
    """Rotated pairs of a head's elements stand one half apart."""
    return w.reshape(heads, w.shape[0] // heads // 2, 2, *w.shape[1:]).swapaxes(1, 2).reshape(w.shape)


def grouped(w, heads, kv):
    """All queries, keys, values: for each key its queries, itself, its value."""
    head = w.shape[0] // (heads + 2 * kv)
    rest = w.shape[1:]
    q, k, v = np.split(w, [heads * head, (heads + kv) * head])
    return np.concatenate([q.reshape(kv, -1, head, *rest), k.reshape(kv, 1, head, *rest), v.reshape(kv, 1, head, *rest)], axis=1).reshape(w.shape)


def codes(blocks):
    """Of MXFP4: codes in order, two a byte, low one first; and scales."""
    low, high = blocks[..., 1:] & 15, blocks[..., 1:] >> 4
    all32 = np.concatenate([low, high], axis=-1)
    return all32[..., 0::2] | all32[..., 1::2] << 4, blocks[..., 0]


def woven(gate, up):
    """Rows of two matrices by turns."""
    return np.stack([gate, up], axis=2).reshape(gate.shape[0], -1, *gate.shape[2:])


def gpt_oss(front, layer, out):
    """Experts of a layer: gate and up are one, rows by turns."""
    gate, up, down = (layer.pop("ffn_%s_exps.weight" % p) for p in ("gate", "up", "down"))
    for name, (kind, w) in ("down_proj", down), ("gate_up_proj", (gate[0], woven(gate[1], up[1]))):
        if kind == MXFP4:
            out[front + ".mlp.experts.%s_blocks" % name], out[front + ".mlp.experts.%s_scales" % name] = (("U8", x) for x in codes(w))
        else:
            out[front + ".mlp.experts." + name] = DTYPES[kind][0], w.swapaxes(1, 2)
    bias = {p: layer.pop("ffn_%s_exps.bias" % p)[1] for p in ("gate", "up", "down")}
    out[front + ".mlp.experts.gate_up_proj_bias"] = "F32", np.stack([bias["gate"], bias["up"]], axis=2).reshape(len(bias["up"]), -1)
    out[front + ".mlp.experts.down_proj_bias"] = "F32", bias["down"]
    out[front + ".self_attn.sinks"] = "F32", layer.pop("attn_sinks.weight")[1]


def deepseek(front, layer, out):
    kind, k = layer.pop("attn_k_b.weight")
    v = layer.pop("attn_v_b.weight")[1]
    kv = np.concatenate([k.swapaxes(1, 2), v], axis=1)
    out[front + ".self_attn.kv_b_proj.weight"] = DTYPES[kind][0], kv.reshape(-1, kv.shape[-1])
    if "exp_probs_b.bias" in layer:
        out[front + ".mlp.gate.e_score_correction_bias"] = "F32", layer.pop("exp_probs_b.bias")[1]


def mamba(front, layer, out):
    out[front + ".mixer.A_log"] = "F32", np.log(-layer.pop("ssm_a")[1])
    out[front + ".mixer.D"] = "F32", layer.pop("ssm_d")[1]
    kind, conv = layer["ssm_conv1d.weight"]
    layer["ssm_conv1d.weight"] = kind, conv[:, None]  # of each channel's one input


def rwkv7(m, i, front, layer, out):
    lerps = layer.pop("time_mix_lerp_fused.weight")[1]  # 6 x 1 x 1 x dim; newer folders have them so, or as a matrix
    if i % 2:
        out[front + ".attn.x_x"] = "F32", lerps[:, 0, 0]
    else:
        out.update((front + ".attn.x_" + name, ("F32", x)) for name, x in zip("rwkvag", lerps))
    for name in "wavg":  # some have those of v in the first layer, too, of no use
        for part, lora in ("0", "2.bias"), ("1", "0.weight"), ("2", "2.weight"):
            if name + part != "g0":
                out["%s.attn.%s_lora.lora.%s" % (front, name, lora)] = "F32", layer.pop("time_mix_%s%s.weight" % (name, part))[1]
    out[front + ".attn.r_k"] = "F32", layer.pop("time_mix_r_k.weight")[1].reshape(-1, m.key("wkv.head_size"))
    for name, part in ("attn.k_k", "time_mix_k_k"), ("attn.k_a", "time_mix_k_a"), ("ffn.x_k", "channel_mix_lerp_k"):
        out["%s.%s" % (front, name)] = "F32", layer.pop(part + ".weight")[1].ravel()


def changed(m, base, w):
    """Elements as transformers has them."""
    heads = m.key("attention.head_count")
    if m.arch in ROPE_PAIRS and base in ("attn_q", "attn_k"):
        return halves(w, heads if base == "attn_q" else m.key("attention.head_count_kv"))
    if m.arch in ("gptneox", "falcon") and base == "attn_qkv":
        return grouped(w, heads, m.key("attention.head_count_kv"))
    if m.arch == "gpt2" and base in ("attn_qkv", "attn_output", "ffn_up", "ffn_down") and w.ndim == 2:
        return w.T
    if m.arch.startswith("gemma") and base.endswith("norm"):
        return w - np.float32(1)
    return w


def put_layer(m, i, front, layer, out):
    if m.arch == "gpt-oss":
        gpt_oss(front, layer, out)
    if m.arch == "deepseek2":
        deepseek(front, layer, out)
    if m.arch == "mamba":
        mamba(front, layer, out)
    if m.arch == "rwkv7":
        rwkv7(m, i, front, layer, out)
    names = {**LAYERS[m.arch], **(FALCON_40B if m.arch == "falcon" and "attn_norm_2.weight" in layer else {})}
    for name, (kind, w) in layer.items():
        base, suffix = name.rsplit(".", 1)
        to = "%s.%s.%s" % (front, names[base], suffix)
        for i in range(len(w)) if "%" in to else [None]:
            out[to if i is None else to % i] = DTYPES[kind][0], changed(m, base, w) if i is None else w[i]


def tensors(m):
    layers, out = {}, {}
    ends = OTHER_ENDS.get(m.arch, ENDS)
    for name, kind, w in m.arrays():
        if name.startswith("blk."):
            _, layer, rest = name.split(".", 2)
            layers.setdefault(int(layer), {})[rest] = kind, w
        elif not name.startswith("rope_f"):
            base, suffix = name.rsplit(".", 1)
            out["%s.%s" % (ends[base], suffix)] = DTYPES[kind][0], changed(m, base, w)
    for i, layer in layers.items():
        put_layer(m, i, "%s.%d" % (FRONTS.get(m.arch, "model.layers"), i), layer, out)
    return out


def write_safetensors(path, some):
    header, data = {"__metadata__": {"format": "pt"}}, b""
    for name, (dtype, w) in some.items():
        raw = np.ascontiguousarray(w).tobytes()
        header[name] = {"dtype": dtype, "shape": list(w.shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + data)


def write_weights(folder, all_tensors, parts):
    if parts == 1:
        write_safetensors(folder + "/model.safetensors", all_tensors)
        return
    names, where = sorted(all_tensors), {}
    for i in range(parts):
        file = "model-%05d-of-%05d.safetensors" % (i + 1, parts)
        mine = names[i * len(names) // parts:(i + 1) * len(names) // parts]
        write_safetensors("%s/%s" % (folder, file), {n: all_tensors[n] for n in mine})
        where.update((n, file) for n in mine)
    with open(folder + "/model.safetensors.index.json", "w") as f:
        json.dump({"metadata": {"total_size": 0}, "weight_map": where}, f)


# ---- settings ----

def rope_scaling(m):
    kind = m.key("rope.scaling.type")
    if kind == "linear":
        return {"rope_type": kind, "factor": m.key("rope.scaling.factor")}
    if kind == "yarn":
        multiplier = m.key("rope.scaling.yarn_log_multiplier")
        return {"rope_type": kind, "factor": m.key("rope.scaling.factor"), **({"mscale_all_dim": exact(multiplier) * 10} if multiplier else {}),
                "original_max_position_embeddings": m.key("rope.scaling.original_context_length")}
    if b"rope_factors_long.weight" in m.file.tensors:
        long, short = (np.frombuffer(m.file.tensors[b"rope_factors_%s.weight" % w][2], "<f4").tolist() for w in (b"long", b"short"))
        return {"type": "longrope", "long_factor": long, "short_factor": short, "attention_factor": m.key("rope.scaling.attn_factor")}
    return None


def exact(v):
    """The shortest number that is this f32."""
    return float(str(np.float32(v)))


def settings(m):
    heads, dim = m.key("attention.head_count"), m.key("embedding_length")
    c = {
        "architectures": [CLASSES[m.arch]], "hidden_size": dim, "num_hidden_layers": m.key("block_count"), "num_attention_heads": heads,
        "num_key_value_heads": m.key("attention.head_count_kv", heads), "intermediate_size": m.key("feed_forward_length"),
        "max_position_embeddings": m.key("context_length"), "vocab_size": m.file.tensors[b"token_embd.weight"][1][1],
    }
    for name, key in (("rms_norm_eps", "attention.layer_norm_rms_epsilon"), ("layer_norm_eps", "attention.layer_norm_epsilon"),
                      ("rope_theta", "rope.freq_base"), ("routed_scaling_factor", "expert_weights_scale"),
                      ("attn_logit_softcapping", "attn_logit_softcapping"), ("final_logit_softcapping", "final_logit_softcapping"),
                      ("attention_multiplier", "attention.scale"), ("embedding_multiplier", "embedding_scale"),
                      ("residual_multiplier", "residual_scale"), ("logits_scaling", "logit_scale")):
        if m.key(key) is not None:
            c[name] = exact(m.key(key))
    for name, key in (("head_dim", "attention.key_length"), ("sliding_window", "attention.sliding_window"),
                      ("num_experts", "expert_count"), ("num_experts_per_tok", "expert_used_count"),
                      ("moe_intermediate_size", "expert_feed_forward_length"),
                      ("shared_expert_intermediate_size", "expert_shared_feed_forward_length"),
                      ("use_parallel_residual", "use_parallel_residual")):
        if m.key(key) is not None:
            c[name] = m.key(key)
    c.setdefault("rope_theta", 10000.0)
    if m.key("rope.dimension_count") is not None and m.arch in ("gptneox", "phi2", "stablelm", "phi3"):
        c["rotary_pct" if m.arch == "gptneox" else "partial_rotary_factor"] = m.key("rope.dimension_count") * heads / dim
    if m.arch == "llama" and "num_experts" in c:
        c["architectures"], c["num_local_experts"] = ["MixtralForCausalLM"], c.pop("num_experts")
    if m.arch == "qwen3moe":
        c["norm_topk_prob"] = True
    if m.arch == "gpt-oss":
        c["num_local_experts"] = c.pop("num_experts")
        c["quantization_config"] = {"quant_method": "mxfp4"}
    if m.arch == "deepseek2":
        rope = m.key("rope.dimension_count")
        c.update(num_key_value_heads=heads, n_routed_experts=c.pop("num_experts"), n_shared_experts=m.key("expert_shared_count"),
                 first_k_dense_replace=m.key("leading_dense_block_count"), q_lora_rank=m.key("attention.q_lora_rank"),
                 kv_lora_rank=m.key("attention.kv_lora_rank"), qk_rope_head_dim=rope,
                 qk_nope_head_dim=m.key("attention.key_length_mla") - rope, v_head_dim=m.key("attention.value_length_mla"),
                 n_group=m.key("expert_group_count"), topk_group=m.key("expert_group_used_count"),
                 norm_topk_prob=m.key("expert_weights_norm"), scoring_func="softmax" if m.key("expert_gating_func") == 1 else "sigmoid")
        del c["head_dim"]
    if m.arch == "phi3":
        c["original_max_position_embeddings"] = m.key("rope.scaling.original_context_length")
    if m.arch == "falcon":
        new = b"blk.0.attn_norm_2.weight" in m.file.tensors
        c.update(multi_query=True, new_decoder_architecture=new, parallel_attn=True, alibi=False, ffn_hidden_size=c.pop("intermediate_size"))
        c["layer_norm_epsilon"] = c.pop("layer_norm_eps")
        c["num_kv_heads"] = m.key("attention.head_count_kv") if new else heads  # what it says is of the new architecture only
        del c["num_key_value_heads"]
    if m.arch == "gpt2":
        c = {"architectures": c["architectures"], "n_embd": dim, "n_layer": c["num_hidden_layers"], "n_head": heads, "n_ctx": c["max_position_embeddings"],
             "n_inner": c["intermediate_size"], "layer_norm_epsilon": c["layer_norm_eps"], "vocab_size": c["vocab_size"]}
    if m.arch == "nomic-bert":
        c = {"architectures": c["architectures"], "n_embd": dim, "n_layer": c["num_hidden_layers"], "n_head": heads,
             "n_positions": c["max_position_embeddings"], "n_inner": c["intermediate_size"], "layer_norm_epsilon": c["layer_norm_eps"],
             "rotary_emb_base": c["rope_theta"], "vocab_size": c["vocab_size"], "causal": False}
    if m.arch == "mamba":
        dim, falcon = c["hidden_size"], m.key("ssm.dt_b_c_rms", False)
        rank = m.key("ssm.time_step_rank")
        c = {"architectures": ["FalconMambaForCausalLM" if falcon else "MambaForCausalLM"], "model_type": "falcon_mamba" if falcon else "mamba",
             "hidden_size": dim, "num_hidden_layers": c["num_hidden_layers"], "intermediate_size": m.key("ssm.inner_size"),
             "conv_kernel": m.key("ssm.conv_kernel"), "state_size": m.key("ssm.state_size"), "layer_norm_epsilon": c["rms_norm_eps"],
             "time_step_rank": "auto" if rank == -(-dim // 16) else rank, "vocab_size": c["vocab_size"]}
    if m.arch == "rwkv7":
        c = {"architectures": c["architectures"], "hidden_size": dim, "num_hidden_layers": c["num_hidden_layers"], "intermediate_size": c["intermediate_size"],
             "head_dim": m.key("wkv.head_size"), "num_heads": None, "norm_eps": c["layer_norm_eps"], "norm_first": True, "norm_bias": True,
             "decay_low_rank_dim": m.key("attention.decay_lora_rank"), "a_low_rank_dim": m.key("attention.iclr_lora_rank"),
             "v_low_rank_dim": m.key("attention.value_residual_mix_lora_rank"), "gate_low_rank_dim": m.key("attention.gate_lora_rank"),
             "max_position_embeddings": 2048, "vocab_size": c["vocab_size"]}
    if "bert" in m.arch:
        c["type_vocab_size"] = m.file.tensors[b"token_types.weight"][1][1]
    if rope_scaling(m):
        c["rope_scaling"] = rope_scaling(m)
    return c


# ---- the tokenizer ----

EXPRESSIONS = {  # of tokenizer.json files, by tokenizer.ggml.pre
    "qwen2": r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    "llama-bpe": r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    "gpt-4o": r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
              r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
              r"\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+",
}


def split(expression):
    return {"type": "Split", "pattern": {"Regex": expression}, "behavior": "Isolated", "invert": False}


def byte_level(use_regex):
    return {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": use_regex}


def pre_tokenizer(name):
    if name in ("gpt-2", "default"):
        return byte_level(True)
    if name == "falcon":
        return {"type": "Sequence", "pretokenizers": [{"type": "Punctuation", "behavior": "Contiguous"}, byte_level(True),
                                                      {"type": "Digits", "individual_digits": False}, split("[0-9][0-9][0-9]")]}
    if name == "deepseek-v3":
        parts = [r"\p{N}{1,3}", "[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+",
                 "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\r\n]*|"
                 "\\s*[\r\n]+|\\s+(?!\\S)|\\s+"]
        return {"type": "Sequence", "pretokenizers": [split(p) for p in parts] + [byte_level(False)]}
    return {"type": "Sequence", "pretokenizers": [split(EXPRESSIONS[name]), byte_level(False)]}


def varint(n):
    return bytes([n]) if n < 128 else bytes([n & 127 | 128]) + varint(n >> 7)


def field(number, data):
    return varint(number << 3 | 2) + varint(len(data)) + data


def sentencepiece(texts, scores, kinds):
    pieces = b"".join(field(1, field(1, t) + b"\x15" + struct.pack("<f", s) + b"\x18" + varint(k)) for t, s, k in zip(texts, scores, kinds))
    return pieces + field(2, b"\x18\x02") + field(3, b"\x18\x01")


def write_json(folder, name, value):
    with open("%s/%s" % (folder, name), "w") as f:
        json.dump(value, f)


def write_tokenizer(m, folder):
    texts = m.file.get(b"tokenizer.ggml.tokens")
    kinds = m.numbers(b"tokenizer.ggml.token_type", "i")
    names = {"bos_token": b"bos", "eos_token": b"eos", "unk_token": b"unknown", "sep_token": b"seperator", "pad_token": b"padding",
             "cls_token": b"cls", "mask_token": b"mask"}
    ids = {n: m.file.get(b"tokenizer.ggml.%s_token_id" % k) for n, k in names.items()}
    config = {n: {"content": texts[i].decode(), "lstrip": False} for n, i in ids.items() if i is not None}
    for n in "add_bos_token", "add_eos_token":
        if m.file.get(b"tokenizer.ggml." + n.encode()) is not None:
            config[n] = m.file.get(b"tokenizer.ggml." + n.encode())
    config["tokenizer_class"] = "LlamaTokenizer" if m.file.get(b"tokenizer.ggml.model") == b"llama" else "PreTrainedTokenizerFast"
    write_json(folder, "tokenizer_config.json", config)
    model = m.file.get(b"tokenizer.ggml.model")
    if model == b"llama":
        with open(folder + "/tokenizer.model", "wb") as f:
            f.write(sentencepiece(texts, m.numbers(b"tokenizer.ggml.scores", "f"), kinds))
        return
    added = [{"id": i, "content": t.decode(), "special": True} for i, t in enumerate(texts) if kinds[i] == CONTROL]
    t = {"version": "1.0", "added_tokens": added, "normalizer": None, "decoder": {"type": "ByteLevel"}}
    if model == b"bert":
        space = "\u2581"
        plain = [t.decode() if kinds[i] == CONTROL else t.decode()[1:] if t.decode().startswith(space) else "##" + t.decode()
                 for i, t in enumerate(texts)]
        t["model"] = {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "vocab": {t: i for i, t in enumerate(plain)}}
        t["pre_tokenizer"] = {"type": "BertPreTokenizer"}
    else:
        pre = m.file.get(b"tokenizer.ggml.pre").decode()
        t["model"] = {"type": "BPE", "ignore_merges": pre == "llama-bpe", "vocab": {t.decode(): i for i, t in enumerate(texts)},
                      "merges": [s.decode() for s in m.file.get(b"tokenizer.ggml.merges")]}
        t["pre_tokenizer"] = pre_tokenizer(pre)
    write_json(folder, "tokenizer.json", t)


def write_pooling(m, folder):
    kind = m.key("pooling_type")
    if kind is None:
        return
    os.makedirs(folder + "/1_Pooling")
    write_json(folder, "modules.json", [{"idx": 0, "path": "", "type": "sentence_transformers.models.Transformer"},
                                        {"idx": 1, "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"}])
    write_json(folder + "/1_Pooling", "config.json", {"pooling_mode_cls_token": kind == 2, "pooling_mode_mean_tokens": kind == 1})


def name_of(path):
    return os.path.basename(path)[:-len(".gguf")]


def write(parts, to, *paths):
    for path in paths:
        m, folder = Model(path), "%s/%s" % (to, name_of(path))
        os.makedirs(folder)
        write_json(folder, "config.json", settings(m))
        write_weights(folder, tensors(m), int(parts))
        write_tokenizer(m, folder)
        write_pooling(m, folder)


def write_around(tokenizer, folder):
    with open(tokenizer, "rb") as f:
        data = f.read()
    t = json.loads(data) if tokenizer.endswith(".json") else None
    n = 1 + max(list(t["model"]["vocab"].values()) + [a["id"] for a in t["added_tokens"]]) if t else data.count(b"\x15")
    os.makedirs(folder)
    write_json(folder, "config.json", {"architectures": ["LlamaForCausalLM"], "hidden_size": 2, "num_hidden_layers": 1, "num_attention_heads": 1,
                                       "intermediate_size": 2, "max_position_embeddings": 64, "vocab_size": n})
    ones = {"model.layers.0.%s.weight" % v: np.ones((2, 2) if "proj" in v else 2, "<f4") for k, v in LLAMA.items() if not k.endswith("k_norm") and not k.endswith("q_norm")}
    ones.update({"model.embed_tokens.weight": np.ones((n, 2), "<f4"), "model.norm.weight": np.ones(2, "<f4")})
    write_safetensors(folder + "/model.safetensors", {k: ("F32", w) for k, w in ones.items()})
    with open(folder + ("/tokenizer.json" if t else "/tokenizer.model"), "wb") as f:
        f.write(data)


# ---- what came of it ----

def compare(folder, *paths):
    for path in paths:
        compare_with(path, "%s/%s.gguf" % (folder, name_of(path)))


RECURRENT = b"mamba", b"rwkv7"
UNSAID = b".context_length", b".head_count_kv", b".key_length", b".value_length", b".token_shift_count"  # in their folders


def is_said(arch, name):
    return not name.startswith(b"general.") and not (arch in RECURRENT and name.endswith(UNSAID))


def wanted(tensors):
    """As llama.cpp makes them: in the first layer of RWKV those of the rate of learning are there once more, as those of values."""
    return {name: tensors[re.sub(rb"^(blk\.0\.time_mix_)v([012])", rb"\1a\2", name)] for name in tensors}


def is_same(name, x, y):
    (kind, shape, _), (made, other, _) = x, y
    if kind != made or shape + [1] * (4 - len(shape)) != other + [1] * (4 - len(other)):
        return False
    if not name.endswith(b".ssm_a"):
        return x[2] == y[2]
    a, b = (np.frombuffer(t[2], "<f4") for t in (x, y))
    return np.allclose(a, b, rtol=4e-7, atol=0)


def compare_with(path, made):
    a, b = gguf.File(path), gguf.File(made)
    a.tensors = wanted(a.tensors)
    bad = ["%s: missing" % n for n in a.tensors.keys() - b.tensors.keys()] + ["%s: too many" % n for n in b.tensors.keys() - a.tensors.keys()]
    for name in a.tensors.keys() & b.tensors.keys():
        x, y = a.tensors[name], b.tensors[name]
        if not is_same(name, x, y):
            bad.append("%s: %s, made is %s%s" % (name, x[:2], y[:2], " of other bytes" if x[:2] == y[:2] else ""))
    for name, (raw, v) in a.keys.items():
        if is_said(a.get(b"general.architecture"), name) and b.keys.get(name, (None,))[0] != raw:
            bad.append("%s: %s, made is %s" % (name, v, b.get(name)))
    if a.get(b"general.architecture") != b.get(b"general.architecture"):
        bad.append("another architecture")
    if bad:
        sys.exit("\n".join([made] + bad))
    print("%s: %d tensors, %d keys" % (name_of(path), len(b.tensors), len(b.keys)))


def factors(made, config):
    got = np.frombuffer(gguf.File(made).tensors[b"rope_freqs.weight"][2], "<f4")
    c = json.load(open(config))
    s, dim = c["rope_scaling"], c["hidden_size"] // c["num_attention_heads"]
    wanted = []
    for i in range(0, dim, 2):
        wave = 2 * math.pi * c["rope_theta"] ** (i / dim)
        turns = s["original_max_position_embeddings"] / wave
        part = min(1, max(0, (turns - s["low_freq_factor"]) / (s["high_freq_factor"] - s["low_freq_factor"])))
        wanted.append(1 / ((1 - part) / s["factor"] + part))
    if got.shape != (dim // 2,) or not np.allclose(got, wanted, rtol=1e-6, atol=0):
        sys.exit("%s\nwanted are %s" % (got, wanted))
    print("%d factors from %g to %g" % (len(got), got.min(), got.max()))


def narrowed(kind, data):
    x = np.frombuffer(data, "<f4")
    u = x.view("<u4").astype("u8")
    return x.astype("<f2") if kind == "f16" else (u + 0x7fff + (u >> 16 & 1) >> 16).astype("<u2")


def narrow(kind, folder):
    path = folder + "/model.safetensors"
    with open(path, "rb") as f:
        n, = struct.unpack("<Q", f.read(8))
        header, data, some = json.loads(f.read(n)), f.read(), {}
    header.pop("__metadata__")
    for name, t in header.items():
        raw = data[t["data_offsets"][0]:t["data_offsets"][1]]
        w = narrowed(kind, raw) if t["dtype"] == "F32" else np.frombuffer(raw, "<u2")
        some[name] = kind.upper(), w.reshape(t["shape"])
    write_safetensors(path, some)


def rounded(kind, path, out):
    f = gguf.File(path)
    for name, (_, shape, data) in f.tensors.items():
        raw = narrowed(kind, data)
        wide = raw.astype("<f4") if kind == "f16" else (raw.astype("<u4") << 16).view("<f4")
        f.tensors[name] = (F32, shape, wide.tobytes()) if len(shape) == 1 else (F16 if kind == "f16" else BF16, shape, raw.tobytes())
    gguf.write(out, [raw for raw, _ in f.keys.values()], f.tensors)


if __name__ == "__main__":
    {"write": write, "tokenizer": write_around, "compare": compare, "factors": factors, "round": rounded, "narrow": narrow}[sys.argv[1]](*sys.argv[2:])
