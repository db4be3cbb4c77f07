#!/usr/bin/python3
"""lora.py: adapters with random weights, and what numpy computes with them.

	lora.py make MODEL OUT [OPTION ...]             an adapter for MODEL's matrices (not for its embedding)
	lora.py compare MODEL IDS ROWS LIMIT ADAPTER[:SCALE] ...
	                IDS: a line of ids a sequence; ROWS: logits of all their rows, as mai_stream.py rows gives them. Compares
	                them with those of the model whose matrices are W + scale B A, in binary64; status 1 where one is off by
	                more than LIMIT, or none is by more than that from the model's own without adapters (if there are any).
	                Prints how far they are off.

Options of make: --rank R (8), --alpha A (16), --type f32|f16|bf16|q8_0 (f32), --seed N, --size X: of B A beside W (0.3),
--only PART: for matrices that hold PART in their names, and to spoil it --rank-b R, --arch NAME, --more NAME: a tensor.
"""
import argparse
import os
import sys

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tools"))
import gguf  # noqa: E402

F32, F16, Q8_0, BF16 = 0, 1, 8, 30
TYPES = {"f32": F32, "f16": F16, "q8_0": Q8_0, "bf16": BF16}


# ---- tensors ----

def unpack(tensor):
    """Rows as binary64."""
    kind, shape, data = tensor
    if kind == F32:
        x = np.frombuffer(data, "<f4")
    elif kind == F16:
        x = np.frombuffer(data, "<f2")
    elif kind == BF16:
        x = (np.frombuffer(data, "<u2").astype("<u4") << 16).view("<f4")
    else:
        blocks = np.frombuffer(data, np.dtype([("d", "<f2"), ("q", "i1", 32)]))
        x = blocks["d"].astype("f8")[:, None] * blocks["q"]
    return x.astype("f8").reshape(shape[::-1])


def pack(x, kind):
    x = x.astype("<f4")
    if kind == F32:
        return x.tobytes()
    if kind == F16:
        return x.astype("<f2").tobytes()
    if kind == BF16:
        return ((x.view("<u4") + 0x8000) >> 16).astype("<u2").tobytes()
    x = x.reshape(-1, 32)
    blocks = np.zeros(len(x), np.dtype([("d", "<f2"), ("q", "i1", 32)]))
    blocks["d"] = np.abs(x).max(axis=1) / 127
    blocks["q"] = np.clip(np.rint(x / blocks["d"].astype("f4")[:, None]), -127, 127)
    return blocks.tobytes()


# ---- making ----

def make(args):
    p = argparse.ArgumentParser()
    p.add_argument("model")
    p.add_argument("out")
    for option, default in (("rank", 8), ("alpha", 16.0), ("type", "f32"), ("seed", 0), ("size", 0.3)):
        p.add_argument("--" + option, default=default, type=type(default))
    p.add_argument("--rank-b", type=int)
    p.add_argument("--arch")
    p.add_argument("--only", default="")
    p.add_argument("--more")
    o = p.parse_args(args)
    f, r, kind = gguf.File(o.model), np.random.default_rng(o.seed), TYPES[o.type]
    arch = o.arch.encode() if o.arch else f.keys[b"general.architecture"][1]
    keys = [gguf.key(b"general.type", b"adapter"), gguf.key(b"adapter.type", b"lora"),
            gguf.key(b"general.architecture", arch), gguf.key(b"adapter.lora.alpha", o.alpha)]
    tensors = {}
    for name, tensor in f.tensors.items():
        shape = tensor[1]
        if len(shape) != 2 or name == b"token_embd.weight" or o.only.encode() not in name:
            continue
        spread = unpack(tensor).std()
        a = r.normal(0, 1, (o.rank, shape[0]))
        b = r.normal(0, spread * o.size / (o.rank ** 0.5 * (o.alpha / o.rank or 1)), (shape[1], o.rank_b or o.rank))
        tensors[name + b".lora_a"] = kind, a.shape[::-1], pack(a, kind)
        tensors[name + b".lora_b"] = kind, b.shape[::-1], pack(b, kind)
    if o.more:
        tensors[o.more.encode()] = F32, (1,), bytes(4)
    gguf.write(o.out, keys, tensors)


# ---- computing ----

class Model:
    def __init__(self, path, adapters=()):
        f = gguf.File(path)
        self.w = {name.decode(): unpack(t) for name, t in f.tensors.items()}
        self.layers = f.get(b"llama.block_count")
        self.heads = f.get(b"llama.attention.head_count")
        self.kv_heads = f.get(b"llama.attention.head_count_kv", self.heads)
        self.eps = f.get(b"llama.attention.layer_norm_rms_epsilon")
        self.theta = f.get(b"llama.rope.freq_base", 10000.0)
        for path in adapters:
            self.add(path)

    def add(self, path):
        path, colon, scale = path.partition(":")
        f = gguf.File(path)
        alpha = f.get(b"adapter.lora.alpha")
        for name, t in f.tensors.items():
            if name.endswith(b".lora_a"):
                a, b = unpack(t), unpack(f.tensors[name[:-1] + b"b"])
                s = float(scale or 1) * (alpha / len(a) if alpha else 1)
                self.w[name[:-7].decode()] += s * b @ a

    def norm(self, x, name):
        return x / np.sqrt((x * x).mean(axis=1, keepdims=True) + self.eps) * self.w[name]

    def rope(self, x):
        """[position][head][element]"""
        n, _, size = x.shape
        angle = np.arange(n)[:, None, None] * self.theta ** (-np.arange(0, size, 2) / size)
        a, b, out = x[..., ::2], x[..., 1::2], np.empty_like(x)
        out[..., ::2] = a * np.cos(angle) - b * np.sin(angle)
        out[..., 1::2] = a * np.sin(angle) + b * np.cos(angle)
        return out

    def attention(self, x, part):
        n = len(x)
        q, k, v = ((x @ self.w[part + "attn_%s.weight" % c].T).reshape(n, h, -1)
                   for c, h in (("q", self.heads), ("k", self.kv_heads), ("v", self.kv_heads)))
        q, k = self.rope(q), self.rope(k)
        k, v = (y.repeat(self.heads // self.kv_heads, axis=1) for y in (k, v))
        scores = np.einsum("thd,shd->hts", q, k) / q.shape[2] ** 0.5
        scores[:, ~np.tri(n, dtype=bool)] = -np.inf
        p = np.exp(scores - scores.max(axis=2, keepdims=True))
        out = np.einsum("hts,shd->thd", p / p.sum(axis=2, keepdims=True), v)
        return out.reshape(n, -1) @ self.w[part + "attn_output.weight"].T

    def logits(self, ids):
        x = self.w["token_embd.weight"][ids]
        for i in range(self.layers):
            part = "blk.%d." % i
            x = x + self.attention(self.norm(x, part + "attn_norm.weight"), part)
            y = self.norm(x, part + "ffn_norm.weight")
            gate, up = (y @ self.w[part + "ffn_%s.weight" % c].T for c in ("gate", "up"))
            x = x + (gate / (1 + np.exp(-gate)) * up) @ self.w[part + "ffn_down.weight"].T
        head = self.w.get("output.weight", self.w["token_embd.weight"])
        return self.norm(x, "output_norm.weight") @ head.T


def compare(model, ids, rows, limit, *adapters):
    with_them, without = Model(model, adapters), Model(model)
    got, at, off, change = np.fromfile(rows, "<f4").astype("f8"), 0, 0, 0
    for line in open(ids):
        tokens = list(map(int, line.split()))
        want = with_them.logits(tokens)
        is_now = got[at:at + want.size].reshape(want.shape)
        off = max(off, np.abs(is_now - want).max())
        if adapters:
            change = max(change, np.abs(is_now - without.logits(tokens)).max())
        at += want.size
    if at != got.size:
        sys.exit("%d numbers, %d wanted" % (got.size, at))
    print("off by at most %.2g of %s; adapters change logits by at most %.2g" % (off, limit, change))
    sys.exit(not off <= float(limit) or bool(adapters) and not change > float(limit))


if sys.argv[1] == "make":
    make(sys.argv[2:])
else:
    compare(*sys.argv[2:])
