#!/usr/bin/python3
"""hub_seeds.py: writes the seeds of the fuzz targets safetensors and import, into tests/fuzz/corpus."""
import json
import os
import struct

CORPUS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "corpus")


def save(target, name, data):
    os.makedirs(os.path.join(CORPUS, target), exist_ok=True)
    with open(os.path.join(CORPUS, target, name), "wb") as f:
        f.write(data)


def safetensors(tensors, metadata=None, pad=0):
    """tensors: (name, dtype, shape, bytes)"""
    header, data = {}, b""
    if metadata is not None:
        header["__metadata__"] = metadata
    for name, dtype, shape, size in tensors:
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + size]}
        data += bytes(i * 7 % 251 for i in range(size))
    text = json.dumps(header, separators=(",", ":")).encode() + b" " * pad
    return struct.pack("<Q", len(text)) + text + data


save("safetensors", "empty", safetensors([]))
save("safetensors", "plain", safetensors([("a", "F32", [2, 3], 24), ("b", "BF16", [3], 6), ("c", "F16", [1, 1, 2], 4)], {"format": "pt"}, 3))
save("safetensors", "types", safetensors([(t, t, [8], n) for t, n in (
    ("BOOL", 8), ("U8", 8), ("I8", 8), ("F8_E4M3", 8), ("F8_E5M2", 8), ("F8_E8M0", 8), ("I16", 16), ("U16", 16), ("I32", 32), ("U32", 32),
    ("F64", 64), ("I64", 64), ("U64", 64), ("C64", 64), ("F4", 4), ("F6_E2M3", 6), ("F6_E3M2", 6))]))
save("safetensors", "edges", safetensors([("none", "F32", [0, 4], 0), ("number", "F32", [], 4), ("\u00e9", "U8", [1] * 8, 1)]))
save("safetensors", "hole", struct.pack("<Q", 58) + b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}    ' + bytes(8))
save("safetensors", "long", struct.pack("<Q", 1 << 60) + b"{}")


# ---- import: folders of models of two dimensions ----

BYTES = {"F32": 4, "F16": 2, "BF16": 2, "U8": 1}
HEAD = {"num_hidden_layers": 1, "num_attention_heads": 1, "max_position_embeddings": 8}
BPE = {"model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": ["a b"]}, "added_tokens": [{"id": 3, "content": "<s>", "special": True}],
       "pre_tokenizer": {"type": "ByteLevel", "use_regex": True}, "post_processor": {"type": "TemplateProcessing", "single": [
           {"SpecialToken": {"id": "<s>"}}, {"Sequence": {"id": "A"}}]}}
PIECES = {"model": {"type": "BPE", "byte_fallback": True, "unk_token": "<unk>", "vocab": {"<unk>": 0, "<0x41>": 1, "a": 2, "aa": 3},
                    "merges": [["a", "a"]]}, "normalizer": {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "_"}]}, "added_tokens": []}
WORDS = {"model": {"type": "WordPiece", "continuing_subword_prefix": "##", "vocab": {"[PAD]": 0, "[CLS]": 1, "##a": 2, "a": 3}},
         "added_tokens": [{"id": 1, "content": "[CLS]", "special": True}], "post_processor": {"type": "BertProcessing", "sep": ["[PAD]", 0], "cls": ["[CLS]", 1]}}
CONFIG = {"bos_token": {"content": "<s>"}, "add_bos_token": True, "chat_template": [{"name": "default", "template": "{{ x }}"}]}


def piece(text, score, kind):
    body = b"\x0a" + bytes([len(text)]) + text + b"\x15" + struct.pack("<f", score) + b"\x18" + bytes([kind])
    return b"\x0a" + bytes([len(body)]) + body


SPM = piece(b"<unk>", 0, 2) + piece(b"<s>", 0, 3) + piece(b"</s>", 0, 3) + piece(b"a", -1, 1) + b"\x1a\x02\x18\x00"


def model(name, cls, tensors, tokenizer=b"", tokenizer_config=b"", spm=b"", **settings):
    """tensors: name: (dtype, shape)"""
    sized = []
    for key, (dtype, shape) in tensors.items():
        n = BYTES[dtype]
        for d in shape:
            n *= d
        sized.append((key, dtype, shape, n))
    config = {"architectures": [cls], "hidden_size": 2, "intermediate_size": 2, "vocab_size": 4, **HEAD, **settings}
    parts = [json.dumps(config), json.dumps(tokenizer) if tokenizer else b"", json.dumps(tokenizer_config) if tokenizer_config else b"", spm]
    parts = [p.encode() if isinstance(p, str) else p for p in parts]
    save("import", name, b"".join(struct.pack("<I", len(p)) + p for p in parts) + safetensors(sized))


def f32(front, **shapes):
    return {front + k.replace("__", "."): ("F32", v) for k, v in shapes.items()}


ENDS = {"model.embed_tokens.weight": ("BF16", [4, 2]), "model.norm.weight": ("F32", [2])}
L = "model.layers.0."
NORMS = f32(L, input_layernorm__weight=[2], post_attention_layernorm__weight=[2])
ATTENTION = f32(L + "self_attn.", q_proj__weight=[2, 2], k_proj__weight=[2, 2], v_proj__weight=[2, 2], o_proj__weight=[2, 2])
MLP = f32(L + "mlp.", gate_proj__weight=[2, 2], up_proj__weight=[2, 2], down_proj__weight=[2, 2])
LLAMA = {**ENDS, **NORMS, **ATTENTION}
model("llama", "LlamaForCausalLM", {**LLAMA, **MLP}, BPE, CONFIG,
      rope_scaling={"rope_type": "llama3", "factor": 8, "original_max_position_embeddings": 4})
model("pieces", "LlamaForCausalLM", {**LLAMA, **MLP}, PIECES, CONFIG, rope_scaling={"type": "yarn", "factor": 2, "original_max_position_embeddings": 4})
model("gemma", "GemmaForCausalLM", {**LLAMA, **MLP}, b"", {"added_tokens_decoder": {"2": {"content": "</s>", "special": True}}}, SPM, head_dim=2)
model("mixtral", "MixtralForCausalLM", {**LLAMA, L + "block_sparse_moe.gate.weight": ("F16", [2, 2]),
      **{L + "block_sparse_moe.experts.%d.w%d.weight" % (e, w): ("F16", [2, 2]) for e in (0, 1) for w in (1, 2, 3)}}, BPE,
      num_local_experts=2, num_experts_per_tok=1)
model("qwen2moe", "Qwen2MoeForCausalLM", {**LLAMA, L + "mlp.gate.weight": ("F32", [2, 2]), L + "mlp.experts.gate_up_proj": ("F32", [2, 4, 2]),
      L + "mlp.experts.down_proj": ("F32", [2, 2, 2]), **f32(L + "self_attn.", q_proj__bias=[2], k_proj__bias=[2], v_proj__bias=[2]),
      **f32(L + "mlp.", shared_expert_gate__weight=[1, 2], shared_expert__gate_proj__weight=[2, 2], shared_expert__up_proj__weight=[2, 2],
            shared_expert__down_proj__weight=[2, 2])}, BPE, num_experts=2, num_experts_per_tok=1, moe_intermediate_size=2, shared_expert_intermediate_size=2)
model("deepseek", "DeepseekV3ForCausalLM", {**ENDS, **NORMS, **MLP, **f32(L + "self_attn.", q_proj__weight=[4, 2], kv_a_proj_with_mqa__weight=[4, 2],
      kv_a_layernorm__weight=[2], kv_b_proj__weight=[4, 2], o_proj__weight=[2, 2]), "model.layers.1.eh_proj.weight": ("F32", [2])}, BPE, kv_lora_rank=2,
      qk_rope_head_dim=2, qk_nope_head_dim=2, v_head_dim=2, first_k_dense_replace=1, scoring_func="sigmoid")
model("gptneox", "GPTNeoXForCausalLM", {"gpt_neox.embed_in.weight": ("F16", [4, 2]), "embed_out.weight": ("F16", [4, 2]),
      **f32("gpt_neox.final_layer_norm.", weight=[2], bias=[2]), **f32("gpt_neox.layers.0.", input_layernorm__weight=[2], input_layernorm__bias=[2],
      post_attention_layernorm__weight=[2], post_attention_layernorm__bias=[2], attention__query_key_value__weight=[6, 2],
      attention__query_key_value__bias=[6], attention__dense__weight=[2, 2], attention__dense__bias=[2], mlp__dense_h_to_4h__weight=[2, 2],
      mlp__dense_h_to_4h__bias=[2], mlp__dense_4h_to_h__weight=[2, 2], mlp__dense_4h_to_h__bias=[2])}, BPE)
model("gpt2", "GPT2LMHeadModel", {**f32("", wte__weight=[4, 2], wpe__weight=[8, 2], ln_f__weight=[2], ln_f__bias=[2]), **f32("h.0.", ln_1__weight=[2], ln_1__bias=[2],
      ln_2__weight=[2], ln_2__bias=[2], attn__c_attn__weight=[2, 6], attn__c_attn__bias=[6], attn__c_proj__weight=[2, 2], attn__c_proj__bias=[2],
      mlp__c_fc__weight=[2, 2], mlp__c_fc__bias=[2], mlp__c_proj__weight=[2, 2], mlp__c_proj__bias=[2])}, BPE)
model("phi3", "Phi3ForCausalLM", {**ENDS, **NORMS, **f32(L, self_attn__qkv_proj__weight=[6, 2], self_attn__o_proj__weight=[2, 2],
      mlp__gate_up_proj__weight=[4, 2], mlp__down_proj__weight=[2, 2])}, PIECES, original_max_position_embeddings=4,
      rope_scaling={"type": "longrope", "long_factor": [2], "short_factor": [1]})
E = L + "mlp.experts."
model("gpt-oss", "GptOssForCausalLM", {"model.embed_tokens.weight": ("BF16", [4, 32]), "model.norm.weight": ("F32", [32]),
      "lm_head.weight": ("BF16", [4, 32]), **f32(L, input_layernorm__weight=[32], post_attention_layernorm__weight=[32]),
      **f32(L + "self_attn.", q_proj__weight=[2, 32], q_proj__bias=[2], k_proj__weight=[2, 32], k_proj__bias=[2], v_proj__weight=[2, 32],
            v_proj__bias=[2], o_proj__weight=[32, 2], o_proj__bias=[32], sinks=[1]), **f32(L + "mlp.router.", weight=[1, 32], bias=[1]),
      E + "gate_up_proj_blocks": ("U8", [1, 64, 1, 16]), E + "gate_up_proj_scales": ("U8", [1, 64, 1]), E + "gate_up_proj_bias": ("F32", [1, 64]),
      E + "down_proj_blocks": ("U8", [1, 32, 1, 16]), E + "down_proj_scales": ("U8", [1, 32, 1]), E + "down_proj_bias": ("F32", [1, 32])}, BPE,
      hidden_size=32, intermediate_size=32, head_dim=2, num_local_experts=1, num_experts_per_tok=1, sliding_window=4)
M = "backbone.layers.0."
model("mamba", "FalconMambaForCausalLM", {**f32("backbone.", embeddings__weight=[4, 2], norm_f__weight=[2]), **f32(M, norm__weight=[2]), **f32(M + "mixer.",
      in_proj__weight=[4, 2], conv1d__weight=[2, 1, 2], conv1d__bias=[2], x_proj__weight=[3, 2], dt_proj__weight=[2, 1], dt_proj__bias=[2], A_log=[2, 1], D=[2],
      out_proj__weight=[2, 2])}, BPE, model_type="falcon_mamba", conv_kernel=2, state_size=1, time_step_rank="auto")


def rwkv7(layer, lerps, loras):
    front = "model.layers.%d." % layer
    pairs = {front + n + s: ("F32", [16]) for n in ("attn_norm", "ffn_norm", "attn.g_norm") for s in (".weight", ".bias")}
    squares = {front + "attn.%s_proj.weight" % n: ("F16", [16, 16]) for n in "rkvo"}
    low = {front + "attn.%s_lora.lora.%s" % (n, k): ("F32", v) for n in loras for k, v in (("0.weight", [1, 16]), ("2.weight", [16, 1]), ("2.bias", [16]))
           if n + k != "g2.bias"}
    return {**pairs, **squares, **low, **f32(front, **lerps, attn__k_k=[16], attn__k_a=[16], attn__r_k=[1, 16], ffn__x_k=[16], ffn__key__weight=[2, 16],
                                             ffn__value__weight=[16, 2])}


model("rwkv7", "RWKV7ForCausalLM", {"model.embeddings.weight": ("BF16", [4, 16]), "lm_head.weight": ("BF16", [4, 16]), **f32("model.", norm__weight=[16],
      norm__bias=[16], layers__0__pre_norm__weight=[16], layers__0__pre_norm__bias=[16]), **rwkv7(0, {"attn__x_" + n: [1, 1, 16] for n in "rwkvag"}, "wag"),
      **rwkv7(1, {"attn__x_x": [6, 16]}, "wagv")}, BPE, num_hidden_layers=2, hidden_size=16, head_dim=16, decay_low_rank_dim=1, a_low_rank_dim=1,
      v_low_rank_dim=1, gate_low_rank_dim=1)
B = "encoder.layer.0."
model("bert", "BertModel", {**f32("embeddings.", word_embeddings__weight=[4, 2], position_embeddings__weight=[8, 2], token_type_embeddings__weight=[2, 2],
      LayerNorm__gamma=[2], LayerNorm__beta=[2]), **{B + n + s: ("F32", [2, 2] if s == ".weight" else [2]) for n in (
          "attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense", "intermediate.dense", "output.dense")
          for s in (".weight", ".bias")}, **{B + n + s: ("F32", [2]) for n in ("attention.output.LayerNorm", "output.LayerNorm")
          for s in (".weight", ".bias")}}, WORDS, type_vocab_size=2)
