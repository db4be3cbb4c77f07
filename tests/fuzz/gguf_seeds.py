#!/usr/bin/python3
"""gguf_seeds.py: writes the seeds of the fuzz target gguf, small well-formed files, into tests/fuzz/corpus/gguf.
Shards and their manifest are made by mai-shard, where it is in PATH."""
import os
import shutil
import struct
import subprocess
import tempfile

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "corpus", "gguf")
U32, F32, BOOL, STRING, ARRAY = 4, 6, 7, 8, 9


def string(s):
    return struct.pack("<Q", len(s)) + s


def key(name, kind, value):
    return string(name) + struct.pack("<I", kind) + value


def u32(name, v):
    return key(name, U32, struct.pack("<I", v))


def texts(name, v):
    return key(name, ARRAY, struct.pack("<IQ", STRING, len(v)) + b"".join(map(string, v)))


def numbers(name, kind, form, v):
    return key(name, ARRAY, struct.pack("<IQ", kind, len(v)) + struct.pack("<%d%s" % (len(v), form), *v))


def file(keys, tensors, version=3):
    """tensors: (name, type, dimensions, bytes, or how many)"""
    infos, data = b"", b""
    for name, kind, dims, raw in tensors:
        infos += string(name) + struct.pack("<I%dQIQ" % len(dims), len(dims), *dims, kind, len(data))
        raw = raw if isinstance(raw, bytes) else bytes(i * 7 % 251 for i in range(raw))
        data += raw + bytes(-len(raw) % 32)
    head = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(keys)) + b"".join(keys) + infos
    return head + bytes(-len(head) % 32) + data


def model(layers):
    d, f, v, tensors = 32, 32, 8, []
    keys = [key(b"general.architecture", STRING, string(b"llama")), u32(b"llama.block_count", layers), u32(b"llama.embedding_length", d),
            u32(b"llama.attention.head_count", 2), u32(b"llama.attention.head_count_kv", 1), u32(b"llama.feed_forward_length", f),
            u32(b"llama.context_length", 64), key(b"llama.attention.layer_norm_rms_epsilon", F32, struct.pack("<f", 1e-5)),
            key(b"tokenizer.ggml.model", STRING, string(b"llama")),
            texts(b"tokenizer.ggml.tokens", [b"<unk>", b"<s>", b"</s>", b"a", b"b", b"ab", b"<0x00>", b"c"]),
            numbers(b"tokenizer.ggml.scores", F32, "f", [0, 0, 0, -1, -2, -3, 0, -4]),
            numbers(b"tokenizer.ggml.token_type", 5, "i", [2, 3, 3, 1, 1, 1, 6, 1])]
    tensors.append((b"token_embd.weight", 8, (d, v), v * 34))
    tensors.append((b"output_norm.weight", 0, (d,), 4 * d))
    for i in range(layers):
        def add(name, *dims):
            n = 1
            for x in dims:
                n *= x
            tensors.append((b"blk.%d.%s.weight" % (i, name), 0 if len(dims) == 1 else 8, dims, 4 * n if len(dims) == 1 else n // 32 * 34))
        add(b"attn_norm", d), add(b"ffn_norm", d)
        add(b"attn_q", d, d), add(b"attn_k", d, 16), add(b"attn_v", d, 16), add(b"attn_output", d, d)
        add(b"ffn_gate", d, f), add(b"ffn_up", d, f), add(b"ffn_down", f, d)
    return file(keys, tensors)


# Of architectures with tensors of their own: a layer's, with their shapes; of experts there are 2.
OSS_KEYS = {b"expert_count": 2, b"expert_used_count": 1, b"expert_feed_forward_length": 32, b"attention.sliding_window": 8,
            b"attention.layer_norm_rms_epsilon": 1e-5}
OSS = {b"attn_norm.weight": (32,), b"post_attention_norm.weight": (32,), b"attn_q.weight": (32, 32), b"attn_q.bias": (32,), b"attn_k.weight": (32, 16),
       b"attn_k.bias": (16,), b"attn_v.weight": (32, 16), b"attn_v.bias": (16,), b"attn_output.weight": (32, 32), b"attn_output.bias": (32,),
       b"attn_sinks.weight": (2,), b"ffn_gate_inp.weight": (32, 2), b"ffn_gate_inp.bias": (2,), b"ffn_gate_exps.weight": (32, 32, 2),
       b"ffn_gate_exps.bias": (32, 2), b"ffn_up_exps.weight": (32, 32, 2), b"ffn_up_exps.bias": (32, 2), b"ffn_down_exps.weight": (32, 32, 2),
       b"ffn_down_exps.bias": (32, 2)}
LATENT_KEYS = {b"attention.kv_lora_rank": 16, b"attention.key_length": 20, b"attention.value_length": 16, b"attention.key_length_mla": 8,
               b"attention.value_length_mla": 8, b"rope.dimension_count": 4, b"attention.q_lora_rank": 16, b"expert_count": 4, b"expert_used_count": 1,
               b"expert_feed_forward_length": 32, b"expert_shared_count": 1, b"expert_group_count": 2, b"expert_group_used_count": 1,
               b"expert_gating_func": 2, b"attention.layer_norm_rms_epsilon": 1e-5, b"attention.head_count_kv": 1}
LATENT = {b"attn_norm.weight": (32,), b"ffn_norm.weight": (32,), b"attn_q_a.weight": (32, 16), b"attn_q_a_norm.weight": (16,), b"attn_q_b.weight": (16, 16),
          b"attn_kv_a_mqa.weight": (32, 20), b"attn_kv_a_norm.weight": (16,), b"attn_k_b.weight": (4, 16, 2), b"attn_v_b.weight": (16, 8, 2),
          b"attn_output.weight": (16, 32), b"ffn_gate_inp.weight": (32, 4), b"exp_probs_b.bias": (4,), b"ffn_gate_exps.weight": (32, 32, 4),
          b"ffn_up_exps.weight": (32, 32, 4), b"ffn_down_exps.weight": (32, 32, 4), b"ffn_gate_shexp.weight": (32, 32), b"ffn_up_shexp.weight": (32, 32),
          b"ffn_down_shexp.weight": (32, 32)}
WHOLE_KEYS = {**{k: v for k, v in LATENT_KEYS.items() if not k.endswith(b"_mla")}, b"attention.key_length": 8, b"attention.value_length": 8}
WHOLE = {**{k: v for k, v in LATENT.items() if k not in (b"attn_k_b.weight", b"attn_v_b.weight")}, b"attn_kv_b.weight": (16, 24)}
BERT = {name + end: shape for name, rows, cols in ((b"attn_q", 32, 32), (b"attn_k", 32, 32), (b"attn_v", 32, 32), (b"attn_output", 32, 32),
                                                  (b"ffn_up", 32, 32), (b"ffn_down", 32, 32), (b"attn_output_norm", 0, 32), (b"layer_output_norm", 0, 32))
        for end, shape in ((b".weight", (cols, rows) if rows else (cols,)), (b".bias", (cols,)))}
MAMBA_KEYS = {b"ssm.conv_kernel": 3, b"ssm.inner_size": 24, b"ssm.state_size": 5, b"ssm.time_step_rank": 2, b"attention.layer_norm_rms_epsilon": 1e-5}
MAMBA = {b"attn_norm.weight": (32,), b"ssm_in.weight": (32, 48), b"ssm_conv1d.weight": (3, 24), b"ssm_conv1d.bias": (24,), b"ssm_x.weight": (24, 12),
         b"ssm_dt.weight": (2, 24), b"ssm_dt.bias": (24,), b"ssm_a": (5, 24), b"ssm_d": (24,), b"ssm_out.weight": (24, 32)}
RWKV_KEYS = {b"wkv.head_size": 16, b"attention.decay_lora_rank": 3, b"attention.iclr_lora_rank": 4, b"attention.value_residual_mix_lora_rank": 2,
             b"attention.gate_lora_rank": 5, b"token_shift_count": 2, b"attention.layer_norm_epsilon": 1e-5}
RWKV = {**{name + end: (32,) for name in (b"attn_norm", b"attn_norm_2", b"time_mix_ln") for end in (b".weight", b".bias")},
        **{b"time_mix_%s.weight" % name: (32,) for name in (b"w0", b"a0", b"v0", b"k_k", b"k_a", b"r_k")},
        **{b"time_mix_%s.weight" % name: (32, 32) for name in (b"receptance", b"key", b"value", b"output")},
        **{b"time_mix_%s%d.weight" % (name, i): (32, rank) if i == 1 else (rank, 32) for name, rank in ((b"w", 3), (b"a", 4), (b"v", 4), (b"g", 5)) for i in (1, 2)},
        b"time_mix_lerp_fused.weight": (32, 1, 1, 6), b"channel_mix_lerp_k.weight": (32, 1, 1), b"channel_mix_key.weight": (32, 32),
        b"channel_mix_value.weight": (32, 32)}


def other(arch, keys, layer):
    """A model of one layer, all of it f32."""
    d, v = 32, 8
    about = {b"block_count": 1, b"embedding_length": d, b"attention.head_count": 2, b"attention.head_count_kv": 2 if arch == b"bert" else 1,
             b"feed_forward_length": 32, b"context_length": 16, b"vocab_size": v, **keys}
    raw = [key(b"general.architecture", STRING, string(arch))]
    raw += [u32(arch + b"." + k, x) if isinstance(x, int) else key(arch + b"." + k, F32, struct.pack("<f", x)) for k, x in about.items()]
    ends = {b"token_embd.weight": (d, v)}
    if arch == b"bert":
        ends.update({b"token_types.weight": (d, 2), b"token_embd_norm.weight": (d,), b"token_embd_norm.bias": (d,), b"position_embd.weight": (d, 16)})
    else:
        ends.update({b"output_norm.weight": (d,), b"output.weight": (d, v)})
    if arch == b"rwkv7":
        ends.update({b"token_embd_norm.weight": (d,), b"token_embd_norm.bias": (d,)})
    ends.update({b"blk.0." + name: shape for name, shape in layer.items()})
    tensors = []
    for name, shape in ends.items():
        n = 4
        for x in shape:
            n *= x
        tensors.append((name, 0, shape, n))
    return file(raw, tensors)


def adapter(rank):
    """For model2: one pair whose halves have two types, one of a block type where the rank allows it, and the head's."""
    keys = [key(b"general.type", STRING, string(b"adapter")), key(b"general.architecture", STRING, string(b"llama")),
            key(b"adapter.type", STRING, string(b"lora")), key(b"adapter.lora.alpha", F32, struct.pack("<f", 8))]
    b = (8, 34) if rank % 32 == 0 else (30, 2 * 32)  # type and bytes of 32 elements
    return file(keys, [(b"blk.0.attn_q.weight.lora_a", 0, (32, rank), 128 * rank), (b"blk.0.attn_q.weight.lora_b", 1, (rank, 32), 64 * rank),
                       (b"blk.1.ffn_up.weight.lora_b", b[0], (rank, 32), b[1] * rank), (b"blk.1.ffn_up.weight.lora_a", 8, (32, rank), 34 * rank),
                       (b"output.weight.lora_a", 1, (32, rank), 64 * rank), (b"output.weight.lora_b", 0, (rank, 8), 32 * rank)])


def imatrix():
    """A model of two tensors and what an importance matrix has of them, in one file."""
    keys = [key(b"general.architecture", STRING, string(b"llama")), u32(b"llama.block_count", 1), key(b"general.type", STRING, string(b"imatrix")),
            texts(b"imatrix.datasets", [b"text"]), u32(b"imatrix.chunk_count", 3), u32(b"imatrix.chunk_size", 8)]
    tensors = []
    for name, dims in ((b"blk.0.attn_q.weight", (32, 2, 1)), (b"blk.0.ffn_down_exps.weight", (256, 1, 2))):
        cols, rows, many = dims
        sums = struct.pack("<%df" % (cols * many), *(i % 5 * 0.5 for i in range(cols * many)))
        tensors += [(name, 0, dims, struct.pack("<%df" % (cols * rows * many), *(i % 7 - 3 for i in range(cols * rows * many)))),
                    (name + b".in_sum2", 0, (cols, many), sums), (name + b".counts", 0, (1, many), struct.pack("<%df" % many, *range(many)))]
    return file(keys, tensors)


def main():
    os.makedirs(FOLDER, exist_ok=True)
    kinds = [key(b"k%d" % kind, kind, struct.pack("<" + form, 1)) for kind, form in enumerate("BbHhIif?", 0)]
    kinds += [key(b"k%d" % kind, kind, struct.pack("<" + form, 1)) for kind, form in ((10, "Q"), (11, "q"), (12, "d"))]
    seeds = {
        "empty": file([], []),
        "kinds": file(kinds + [key(b"s", STRING, string(b"text")), texts(b"a", [b"x", b"", b"yz"])], []),
        "version2": file([u32(b"general.alignment", 32)], [(b"t", 1, (4, 3), 24)], 2),
        "types": file([], [(b"t%d" % t, t, (256, 2), n) for t, n in (
            (0, 2048), (1, 1024), (2, 288), (3, 320), (6, 352), (7, 384), (8, 544), (10, 168), (11, 220), (12, 288), (13, 352), (14, 420), (20, 288),
            (23, 272), (30, 1024), (39, 272))]),
        "gpt-oss": other(b"gpt-oss", OSS_KEYS, OSS),
        "deepseek2": other(b"deepseek2", LATENT_KEYS, LATENT),
        "deepseek2-whole": other(b"deepseek2", WHOLE_KEYS, WHOLE),
        "bert": other(b"bert", {b"attention.layer_norm_epsilon": 1e-5, b"pooling_type": 2}, BERT),
        "mamba": other(b"mamba", MAMBA_KEYS, MAMBA),
        "rwkv7": other(b"rwkv7", RWKV_KEYS, RWKV),
        "model1": model(1),
        "model2": model(2),
        "adapter2": adapter(2),
        "adapter32": adapter(32),
        "imatrix": imatrix(),
    }
    for name, data in seeds.items():
        with open(os.path.join(FOLDER, name), "wb") as f:
            f.write(data)
    if shutil.which("mai-shard"):
        split("model2", ["-n", "2", "--stock"], {"0.gguf": "stock0"})
        split("model2", ["-n", "2"], {"0.gguf": "shard0", "1.gguf": "shard1", "manifest.json": "manifest"})
        split("gpt-oss", ["-n", "1"], {"0.gguf": "shard-experts"})


def split(model, options, wanted):
    with tempfile.TemporaryDirectory() as parts:
        subprocess.run(["mai-shard", "split", *options, "-o", parts, os.path.join(FOLDER, model)], check=True)
        for name, seed in wanted.items():
            shutil.copy(os.path.join(parts, name), os.path.join(FOLDER, seed))


main()
