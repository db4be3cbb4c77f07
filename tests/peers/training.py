#!/usr/bin/python3
"""training.py: what mai-train makes, worked out from the definitions.

	training.py merges SIZE TEXT VOCAB     VOCAB holds the merges of byte-level BPE learnt from a text of ASCII
	training.py outer OUT MODEL WEIGHTS HOW LR MOMENTUM CLIP DELTA...   OUT is the model that mai-train outer makes of deltas (f32,
	                                       GGUF), which weigh WEIGHTS (1,2,3); HOW: mean or median; no momentum before
	training.py near LIMIT A B             the tensors of two files differ by at most LIMIT of the first's norm
	training.py set FILE TENSOR INDEX VALUE OUT   OUT is FILE with another value in a tensor of f32
	training.py noise DEVIATION SEED FILE OUT     OUT is FILE, of f32, with noise in place of all values
"""
import os
import re
import sys
from collections import Counter

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tools"))
import gguf  # the reader in tests/tools

WORD = re.compile(r"'(?:s|t|re|ve|m|ll|d)| ?[A-Za-z]+| ?[0-9]+| ?[^\sA-Za-z0-9]+|\s+(?!\S)|\s+")


def merges(size, text, vocab):
    words = {tuple(w): n for w, n in Counter(WORD.findall(open(text, newline="").read())).items()}
    learnt, order = [], ["<|endoftext|>"] + [chr(i) for i in range(256)]
    while len(order) < size:
        pairs = Counter()
        for w, n in words.items():
            for pair in zip(w, w[1:]):
                pairs[pair] += n
        rank = {s: i for i, s in enumerate(order)}
        best = min(pairs, key=lambda p: (-pairs[p], rank[p[0]], rank[p[1]]))
        if pairs[best] < 2:
            break
        learnt.append(best)
        order.append("".join(best))
        merged = Counter()
        for w, n in words.items():
            out, i = [], 0
            while i < len(w):
                both = w[i:i + 2] == best
                out.append("".join(best) if both else w[i])
                i += 2 if both else 1
            merged[tuple(out)] += n
        words = merged
    shown = lambda s: s.replace(" ", "\u0120").replace("\n", "\u010a")
    got = [m.decode() for m in gguf.File(vocab).keys[b"tokenizer.ggml.merges"][1]]
    wanted = [shown(a) + " " + shown(b) for a, b in learnt]
    for i, (g, w) in enumerate(zip(got + [None] * len(wanted), wanted)):
        if g != w:
            sys.exit("merge %d is %r, not %r" % (i, g, w))
    if len(got) != len(wanted):
        sys.exit("%d merges, not %d" % (len(got), len(wanted)))


def values(path):
    f = gguf.File(path)
    assert all(kind == 0 for kind, _, _ in f.tensors.values()), "all f32"
    return {name: np.frombuffer(data, "<f4").astype("f8") for name, (_, _, data) in f.tensors.items()}


def norm(x):
    return np.sqrt(sum((v * v).sum() for v in x.values()))


def near(limit, a, b):
    difference = norm({k: a[k] - b[k] for k in a}) / norm(a)
    if a.keys() != b.keys() or not difference <= limit:
        sys.exit("%g apart" % difference)


def outer(out, model, weights, how, lr, momentum, clip, *deltas):
    weights, lr, momentum, clip = np.array([float(w) for w in weights.split(",")]), float(lr), float(momentum), float(clip)
    deltas = [values(d) for d in deltas]
    norms = np.array([norm(d) for d in deltas])
    scales = np.minimum(1, clip * np.median(norms) / norms) if clip > 0 else np.ones(len(norms))
    wanted = {}
    for name, w in values(model).items():
        all_of = np.array([s * d[name] for s, d in zip(scales, deltas)])
        d = np.median(all_of, axis=0) if how == "median" else weights @ all_of / weights.sum()
        wanted[name] = w + lr * (d + momentum * d)
    near(1e-6, wanted, values(out))


def rewrite(path, out, change):
    f = gguf.File(path)
    with open(out, "wb") as to:
        data = f.data
        for name, (kind, _, old) in f.tensors.items():
            new = change(name, np.frombuffer(old, "<f4").copy()).astype("<f4").tobytes()
            if new != old:
                at = data.rindex(old)
                data = data[:at] + new + data[at + len(old):]
        to.write(data)


def set_value(path, tensor, index, value, out):
    def change(name, x):
        if name == tensor.encode():
            x[int(index)] = float(value)
        return x
    rewrite(path, out, change)


def noise(deviation, seed, path, out):
    r = np.random.default_rng(int(seed))
    rewrite(path, out, lambda name, x: r.normal(0, float(deviation), x.shape))


what, *rest = sys.argv[1:]
if what == "merges":
    merges(int(rest[0]), *rest[1:])
elif what == "near":
    near(float(rest[0]), values(rest[1]), values(rest[2]))
else:
    {"outer": outer, "set": set_value, "noise": noise}[what](*rest)
