#!/usr/bin/python3
"""arch_random.py: models with random weights of architectures and shapes for which there are no fixtures.

	arch_random.py names                 the models that can be made
	arch_random.py write NAME FROM OUT   writes one; its tokenizer is that of the GGUF file FROM, with 257 to 300 tokens
	arch_random.py compare NAME ROWS PEER  ROWS: logits of positions, as mai_stream.py rows gives them; PEER: lines of a position
	                                     and llama.cpp's probabilities. Prints how far logits are off; status 1 where too far

A model is its hyper-parameters and its tensors; what they mean, who reads them says. Probabilities say what logits are, but for a number that
is added to all.
"""
import json
import os
import sys

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tools"))
import gguf

# heads, KV heads, size of a head, ffn, layers
LLAMA = ("attn_norm ffn_norm", "q k v output gate up down")


def spec(arch, shape, vectors, matrices, biases="", ends="", keys=None, layer_norm=False):
    return dict(arch=arch, shape=shape, vectors=vectors.split(), matrices=matrices.split(), biases=biases.split(), ends=ends.split(),
                keys=keys or {}, eps="layer_norm_epsilon" if layer_norm else "layer_norm_rms_epsilon")


MODELS = {
    "granite": spec("granite", (4, 2, 16, 96, 3), *LLAMA, keys={"embedding_scale": 12.0, "residual_scale": 0.22, "attention.scale": 0.03, "logit_scale": 8.0}),
    "starcoder2": spec("starcoder2", (4, 2, 16, 80, 3), "attn_norm ffn_norm", "q k v output up down", "attn_norm ffn_norm q k v output up down",
                       "output_norm.bias", {"rope.freq_base": 100000.0}, True),
    "starcoder2-untied": spec("starcoder2", (6, 1, 8, 64, 2), "attn_norm ffn_norm", "q k v output up down", "attn_norm ffn_norm q k v output up down",
                              "output_norm.bias output.weight", None, True),
    "falcon-two-norms": spec("falcon", (8, 2, 8, 96, 3), "attn_norm attn_norm_2", "qkv output up down", "attn_norm attn_norm_2", "output_norm.bias", None, True),
    "gptneox-sequential": spec("gptneox", (4, 4, 16, 80, 3), "attn_norm ffn_norm", "qkv output up down", "attn_norm ffn_norm qkv output up down",
                               "output_norm.bias output.weight", {"rope.dimension_count": 8, "use_parallel_residual": False}, True),
    "stablelm-plain": spec("stablelm", (4, 2, 16, 96, 2), "attn_norm ffn_norm", "q k v output gate up down", "attn_norm ffn_norm",
                           "output_norm.bias output.weight", {"rope.dimension_count": 8}, True),
    "stablelm-parallel": spec("stablelm", (4, 4, 16, 96, 2), "attn_norm", "q k v output gate up down", "attn_norm q k v",
                              "output_norm.bias output.weight", {"rope.dimension_count": 4, "use_parallel_residual": True}, True),
    "phi2-fused": spec("phi2", (4, 4, 20, 96, 2), "attn_norm", "qkv output up down", "attn_norm qkv output up down",
                       "output_norm.bias output.weight output.bias", {"rope.dimension_count": 10}, True),
    "gpt2-untied": spec("gpt2", (3, 3, 24, 80, 3), "attn_norm ffn_norm", "qkv output up down", "attn_norm ffn_norm qkv output up down",
                        "output_norm.bias output.weight position_embd.weight", None, True),
    "phi3-window": spec("phi3", (4, 2, 16, 80, 3), LLAMA[0], "qkv output up down", ends="output.weight", keys={"attention.sliding_window": 6}),
    "qwen2-odd": spec("qwen2", (6, 2, 10, 72, 3), *LLAMA, "q k v", "output.weight", {"rope.freq_base": 10000.0}),
    "qwen3-wide": spec("qwen3", (3, 1, 48, 40, 4), LLAMA[0] + " attn_q_norm attn_k_norm", LLAMA[1]),
    "olmo2-gqa": spec("olmo2", (4, 2, 16, 64, 3), "attn_q_norm attn_k_norm post_attention_norm post_ffw_norm", LLAMA[1], ends="output.weight"),
    "gemma-gqa": spec("gemma", (4, 2, 24, 64, 2), *LLAMA),
    "gemma2-narrow": spec("gemma2", (4, 2, 24, 64, 5), LLAMA[0] + " post_attention_norm post_ffw_norm", LLAMA[1],
                          keys={"attention.sliding_window": 5, "attn_logit_softcapping": 2.0, "final_logit_softcapping": 3.0}),
    "gemma3-deep": spec("gemma3", (4, 1, 16, 64, 13), LLAMA[0] + " attn_q_norm attn_k_norm post_attention_norm post_ffw_norm", LLAMA[1],
                        keys={"attention.sliding_window": 40, "rope.freq_base": 1000000.0}),
}
# Of the keys of YaRN's numbers llama.cpp reads attn_factor alone.
YARN = {"rope.scaling.type": "yarn", "rope.scaling.factor": 6.0, "rope.scaling.original_context_length": 32, "rope.scaling.attn_factor": 1.25,
        "rope.scaling.yarn_ext_factor": 0.5, "rope.scaling.yarn_attn_factor": 1.5, "rope.scaling.yarn_beta_fast": 4.0, "rope.scaling.yarn_beta_slow": 2.0}
MODELS["llama-yarn-keys"] = spec("llama", (4, 2, 32, 80, 2), *LLAMA, ends="output.weight", keys=YARN)
EXPERTS = {"expert_count": 5, "expert_used_count": 2, "expert_feed_forward_length": 40}
MODELS["qwen2moe"] = spec("qwen2moe", (4, 2, 16, 72, 3), LLAMA[0], "q k v output router gates ups downs shared_gate shared_up shared_down",
                          "q k v", "output.weight", dict(EXPERTS, expert_shared_feed_forward_length=72))
MODELS["qwen2moe"]["vectors"].append("ffn_gate_inp_shexp")
MODELS["qwen3moe-many"] = spec("qwen3moe", (2, 1, 32, 64, 2), LLAMA[0] + " attn_q_norm attn_k_norm", "q k v output router gates ups downs",
                               keys=dict(EXPERTS, expert_count=20, expert_used_count=5))
MODELS["mixtral-wide"] = spec("llama", (4, 2, 16, 64, 2), LLAMA[0], "q k v output router gates ups downs", ends="output.weight",
                              keys={"expert_count": 8, "expert_used_count": 3})
MODELS["gpt-oss-yarn"] = spec("gpt-oss", (6, 2, 16, 48, 3), "attn_norm post_attention_norm", "q k v output router gates ups downs",
                              "q k v output router gates ups downs", "output.weight",
                              dict(EXPERTS, **{"attention.sliding_window": 7, "rope.scaling.type": "yarn", "rope.scaling.factor": 8.0,
                                               "rope.scaling.original_context_length": 32, "rope.freq_base": 150000.0}))
# Of latent attention: shape is (heads, 1, size of rotated part, ffn, layers); llama.cpp knows those without q_lora by their 27 layers.
LATENT = {"attention.kv_lora_rank": 20, "attention.key_length": 28, "attention.value_length": 20, "attention.key_length_mla": 24,
          "attention.value_length_mla": 12, "rope.dimension_count": 8, "leading_dense_block_count": 1, "expert_count": 6, "expert_used_count": 2,
          "expert_feed_forward_length": 24, "expert_shared_count": 2, "expert_weights_scale": 1.5}
MODELS["deepseek2-lite"] = spec("deepseek2", (3, 1, 8, 40, 27), "attn_norm ffn_norm", "", ends="output.weight", keys=dict(LATENT, **{
    "expert_gating_func": 1, "rope.scaling.type": "yarn", "rope.scaling.factor": 4.0, "rope.scaling.original_context_length": 64,
    "rope.scaling.yarn_log_multiplier": 0.0707}))
MODELS["deepseek2-yarn-keys"] = spec("deepseek2", (2, 1, 8, 40, 2), "attn_norm ffn_norm", "", ends="output.weight", keys=dict(LATENT, **YARN, **{
    "expert_gating_func": 1, "attention.q_lora_rank": 36}))
MODELS["deepseek2-groups"] = spec("deepseek2", (2, 1, 8, 40, 3), "attn_norm ffn_norm", "", ends="output.weight", keys=dict(LATENT, **{
    "expert_gating_func": 2, "attention.q_lora_rank": 36, "expert_group_count": 3, "expert_group_used_count": 2, "expert_weights_norm": True}))
# As older files have it: attn_kv_b whole, and the sizes of heads, and how many there are of keys, as other architectures have them.
MODELS["deepseek2-whole"] = spec("deepseek2", (3, 3, 8, 40, 3), "attn_norm ffn_norm", "", ends="output.weight", keys=dict(
    {k: v for k, v in LATENT.items() if not k.endswith("_mla")}, **{"expert_gating_func": 1, "attention.q_lora_rank": 36, "attention.key_length": 24,
                                                                    "attention.value_length": 12}))


# Recurrent: shape is two factors of dim, ffn, layers.
SSM = {"attention.head_count": 0, "ssm.conv_kernel": 4, "ssm.state_size": 16, "ssm.time_step_rank": 6}
MODELS["mamba-odd"] = spec("mamba", (5, 0, 4, 0, 4), "attn_norm", "", ends="output.weight",
                           keys=dict(SSM, **{"ssm.conv_kernel": 3, "ssm.state_size": 7, "ssm.time_step_rank": 5, "ssm.inner_size": 40}))
MODELS["mamba-falcon"] = spec("mamba", (6, 0, 16, 0, 3), "attn_norm", "", keys=dict(SSM, **{"ssm.inner_size": 192, "ssm.dt_b_c_rms": True}))
MODELS["rwkv7"] = spec("rwkv7", (12, 0, 16, 80, 4), "attn_norm attn_norm_2", "", "attn_norm attn_norm_2", "output.weight output_norm.bias token_embd_norm.weight token_embd_norm.bias",
                       {"attention.head_count": 0, "wkv.head_size": 64, "attention.decay_lora_rank": 20, "attention.iclr_lora_rank": 12, "token_shift_count": 2,
                        "attention.value_residual_mix_lora_rank": 8, "attention.gate_lora_rank": 28}, True)


def recurrent_tensors(m, dim, layer):
    """As latent_tensors, with mean and spread."""
    k = m["keys"]
    if m["arch"] == "mamba":
        inner, states, rank = k["ssm.inner_size"], k["ssm.state_size"], k["ssm.time_step_rank"]
        shapes = {"in.weight": (dim, 2 * inner), "x.weight": (inner, rank + 2 * states), "dt.weight": (rank, inner), "out.weight": (inner, dim)}
        yield from [("ssm_" + name, shape, 0, 1.5 / shape[0] ** 0.5) for name, shape in shapes.items()]
        yield from [("ssm_conv1d.weight", (k["ssm.conv_kernel"], inner), 0, 0.5), ("ssm_conv1d.bias", (inner,), 0, 0.2), ("ssm_dt.bias", (inner,), -1, 1),
                    ("ssm_a", (states, inner), -1, 0.2), ("ssm_d", (inner,), 1, 0.3)]
        return
    ffn, rate = m["shape"][3], k["attention.iclr_lora_rank"]
    low = {"w": k["attention.decay_lora_rank"], "a": rate, "v": k["attention.value_residual_mix_lora_rank"] if layer else rate, "g": k["attention.gate_lora_rank"]}
    for name, rank in low.items():
        yield from [("time_mix_%s1.weight" % name, (dim, rank), 0, 1.5 / dim ** 0.5), ("time_mix_%s2.weight" % name, (rank, dim), 0, 1.5 / rank ** 0.5)]
    for name, mean, spread in ("w0", -1, 1), ("a0", 0, 1), ("v0", 0, 1), ("k_k", 0.8, 0.2), ("k_a", 1, 0.2), ("r_k", 0, 0.3), ("ln", 1, 0.1):
        yield "time_mix_%s.weight" % name, (dim,), mean, spread
    yield from [("time_mix_%s.weight" % name, (dim, dim), 0, 1.5 / dim ** 0.5) for name in ("receptance", "key", "value", "output")]
    yield from [("time_mix_ln.bias", (dim,), 0, 0.1), ("time_mix_lerp_fused.weight", (dim, 1, 1, 6), 0.5, 0.3), ("channel_mix_lerp_k.weight", (dim, 1, 1), 0.5, 0.3),
                ("channel_mix_key.weight", (dim, ffn), 0, 1.5 / dim ** 0.5), ("channel_mix_value.weight", (ffn, dim), 0, 1.5 / ffn ** 0.5)]


def latent_tensors(m, dim, layer):
    """Name, shape, mean and spread of those tensors of a layer that are its own, and not in every layer."""
    k, (heads, _, rope, ffn, _) = m["keys"], m["shape"]
    whole, low, q = "attention.key_length_mla" not in k, k["attention.kv_lora_rank"], k.get("attention.q_lora_rank")
    key, value = (k["attention." + name + "_length" + ("" if whole else "_mla")] for name in ("key", "value"))
    n, wide = k["expert_count"], k["expert_feed_forward_length"]
    both = k["expert_shared_count"] * wide
    if q:
        yield from [("attn_q_a.weight", (dim, q)), ("attn_q_a_norm.weight", (q,)), ("attn_q_b.weight", (q, heads * key))]
    else:
        yield "attn_q.weight", (dim, heads * key)
    yield from [("attn_kv_a_mqa.weight", (dim, low + rope)), ("attn_kv_a_norm.weight", (low,))]
    if whole:
        yield "attn_kv_b.weight", (low, heads * (key - rope + value))
    else:
        yield from [("attn_k_b.weight", (key - rope, low, heads)), ("attn_v_b.weight", (low, value, heads))]
    yield "attn_output.weight", (heads * value, dim)
    if layer < k["leading_dense_block_count"]:
        yield from [("ffn_gate.weight", (dim, ffn)), ("ffn_up.weight", (dim, ffn)), ("ffn_down.weight", (ffn, dim))]
        return
    yield from [("ffn_gate_inp.weight", (dim, n)), ("ffn_gate_exps.weight", (dim, wide, n)), ("ffn_up_exps.weight", (dim, wide, n)),
                ("ffn_down_exps.weight", (wide, dim, n)), ("ffn_gate_shexp.weight", (dim, both)), ("ffn_up_shexp.weight", (dim, both)),
                ("ffn_down_shexp.weight", (both, dim))]
    if k["expert_gating_func"] == 2:
        yield "exp_probs_b.bias", (n,)


LONG = {"q": "attn_q", "k": "attn_k", "v": "attn_v", "qkv": "attn_qkv", "output": "attn_output", "gate": "ffn_gate", "up": "ffn_up", "down": "ffn_down",
        "router": "ffn_gate_inp", "gates": "ffn_gate_exps", "ups": "ffn_up_exps", "downs": "ffn_down_exps",
        "shared_gate": "ffn_gate_shexp", "shared_up": "ffn_up_shexp", "shared_down": "ffn_down_shexp"}


def bool_key(name, value):
    return gguf.text(name) + b"\7\0\0\0" + bytes([value])


def write(name, source, path):
    m, f, g = MODELS[name], gguf.File(source), np.random.default_rng(sum(name.encode()))
    heads, kv, d, ffn, layers = m["shape"]
    dim, vocab = (heads * d if m["arch"] not in ("qwen3", "gemma", "gemma2", "gemma3", "gpt-oss", "deepseek2") else 64), f.tensors[b"token_embd.weight"][1][1]
    rows = {"q": heads * d, "k": kv * d, "v": kv * d, "qkv": (heads + 2 * kv) * d, "output": dim, "gate": ffn, "up": ffn, "down": dim}
    experts, wide, shared = m["keys"].get("expert_count"), m["keys"].get("expert_feed_forward_length", ffn), m["keys"].get("expert_shared_feed_forward_length")
    rows.update(router=experts, gates=wide, ups=wide, downs=dim, shared_gate=shared, shared_up=shared, shared_down=dim)
    if m["arch"] == "phi3":
        rows["up"] = 2 * ffn
    inputs = {"output": heads * d, "down": ffn, "downs": wide, "shared_down": shared}
    tensors = {}

    def put(tensor, shape, mean, spread):
        values = (mean + spread * g.standard_normal(shape[::-1])).astype("<f4")
        tensors[tensor.encode()] = 0, list(shape), values.tobytes()

    put("token_embd.weight", (dim, vocab), 0, 1 if "output.weight" in m["ends"] else 2 / dim ** 0.5)
    put("output_norm.weight", (dim,), 1, 0.1)
    for end in m["ends"]:
        shape = {"output.weight": (dim, vocab), "output.bias": (vocab,), "position_embd.weight": (dim, 256)}.get(end, (dim,))
        put(end, shape, int(end == "token_embd_norm.weight"), 2 / dim ** 0.5 if end == "output.weight" else 0.3)
    for layer in range(layers):
        for v in m["vectors"]:
            n = dim if "_q_" not in v and "_k_" not in v else d
            if m["arch"] == "olmo2" and n == d:
                n = rows["q"] if "_q_" in v else rows["k"]
            put("blk.%d.%s.weight" % (layer, v), (n,), 1, 0.1)
            if v in m["biases"]:
                put("blk.%d.%s.bias" % (layer, v), (n,), 0, 0.2)
        for w in m["matrices"]:
            cols = inputs.get(w, dim)
            put("blk.%d.%s.weight" % (layer, LONG[w]), (cols, rows[w], experts) if w in ("gates", "ups", "downs") else (cols, rows[w]), 0, 1.5 / cols ** 0.5)
            if w in m["biases"]:
                put("blk.%d.%s.bias" % (layer, LONG[w]), (rows[w], experts) if w in ("gates", "ups", "downs") else (rows[w],), 0, 0.3)
        if m["arch"] == "gpt-oss":
            put("blk.%d.attn_sinks.weight" % layer, (heads,), 0, 2)
        for name, shape in latent_tensors(m, dim, layer) if m["arch"] == "deepseek2" else ():
            put("blk.%d.%s" % (layer, name), shape, *((0, 1.5 / shape[0] ** 0.5) if len(shape) > 1 else (1, 0.1)))
        for name, *how in recurrent_tensors(m, dim, layer) if m["arch"] in ("mamba", "rwkv7") else ():
            put("blk.%d.%s" % (layer, name), *how)
    about = {"context_length": 256, "embedding_length": dim, "block_count": layers, "feed_forward_length": ffn, "attention.head_count": heads,
             "attention.head_count_kv": kv, "attention." + m["eps"]: 1e-5, "attention.key_length": d, "attention.value_length": d, "vocab_size": vocab}
    about.update({k: v.encode() if isinstance(v, str) else v for k, v in m["keys"].items()})
    raw = [gguf.key(b"general.architecture", m["arch"].encode()), gguf.key(b"general.name", b"random weights")]
    for k, v in about.items():
        k = (m["arch"] + "." + k).encode()
        raw.append(bool_key(k, v) if isinstance(v, bool) else gguf.key(k, v))
    raw += [r for k, (r, _) in f.keys.items() if k.startswith(b"tokenizer.")]
    gguf.write(path, raw, tensors)


def compare(name, ours, theirs):
    peer = [json.loads(line) for line in open(theirs)]
    logits = np.fromfile(ours, "<f4").astype("f8").reshape(peer[-1]["position"] + 1, -1)
    worst = 0
    for at in peer:
        tokens, p = np.array(at["p"]).T
        known = p > 1e-30  # an f32 holds them as exactly as others
        assert known.sum() > 200
        d = logits[at["position"]][tokens[known].astype(int)] - np.log(p[known])
        worst = max(worst, np.abs(d - np.median(d)).max())
    close = max(1e-4, 1e-5 * MODELS[name]["shape"][4])  # by layers
    limit = close if MODELS[name]["arch"] in ("llama", "granite", "qwen2", "qwen3", "qwen2moe", "qwen3moe", "olmo2", "stablelm", "phi3", "gpt-oss", "deepseek2", "mamba", "rwkv7") else 1e-2  # a GELU from a table
    print("largest %.2g of %g, spread of logits %.2g" % (worst, limit, logits.std()))
    sys.exit(int(not worst < limit or logits.std() < 0.1))


if sys.argv[1] == "names":
    print(*MODELS)
elif sys.argv[1] == "write":
    write(*sys.argv[2:])
else:
    compare(*sys.argv[2:])
