#!/usr/bin/python3
"""weights.py: what mai-shard makes of a model's weights, worked out from the formats' definitions.

	weights.py quantized TYPE MODEL OUT     OUT is MODEL with its matrices in TYPE (f32, f16, bf16, q8_0), to the bit, where
	                                        rows that are no multiple of 32 became f16
	weights.py near LARGEST RMS ROWS ROWS   two files of f32 differ by no more
	weights.py set MODEL TENSOR INDEX VALUE OUT   OUT is MODEL with another value in a tensor of f32
	weights.py adapter MODEL RANK ALPHA TYPE SEED OUT [WHAT]   OUT is a LoRA adapter of MODEL, in llama.cpp's format, with
	                                        random weights for the matrices with WHAT (attn_) in their names
	weights.py merged MODEL OUT ADAPTER:SCALE...   OUT is MODEL with the adapters added, to the bit
	weights.py mean OUT MODEL:WEIGHT...     OUT is the mean of the models, to the bit
"""
import os
import sys

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tools"))
import gguf  # the reader in tests/tools

F32, F16, Q8_0, BF16 = 0, 1, 8, 30
TYPES = {"f32": F32, "f16": F16, "q8_0": Q8_0, "bf16": BF16}
FILE_TYPES = {F32: 0, F16: 1, Q8_0: 7, BF16: 32}
BLOCK = np.dtype([("d", "<f2"), ("q", "i1", 32)])


def values(kind, data):
    """The values of a tensor's bytes, as f32."""
    if kind == F32:
        return np.frombuffer(data, "<f4")
    if kind == F16:
        return np.frombuffer(data, "<f2").astype("f4")
    if kind == BF16:
        return (np.frombuffer(data, "<u2").astype("<u4") << 16).view("<f4")
    blocks = np.frombuffer(data, BLOCK)
    return (blocks["d"].astype("f4")[:, None] * blocks["q"].astype("f4")).ravel()


def bytes_of(kind, x):
    """The bytes of f32 values in a type."""
    if kind == F32:
        return x.astype("<f4").tobytes()
    if kind == F16:
        return x.astype("<f2").tobytes()
    if kind == BF16:  # the two neighbours of 16 bits: the nearer one, of two that are as near the even one
        low = x.view("<u4") >> 16
        near = [((low + i) << 16).view("<f4").astype("f8") for i in (0, 1)]
        down, up = (np.abs(n - x) for n in near)
        return (low + ((up < down) | ((up == down) & (low & 1 == 1)))).astype("<u2").tobytes()
    x = x.reshape(-1, 32)
    d = (np.abs(x).max(axis=1) / np.float32(127)).astype("f4")
    inverse = np.divide(np.float32(1), d, out=np.zeros_like(d), where=d > 0)
    v = (x * inverse[:, None]).astype("f8")
    out = np.empty(len(x), BLOCK)
    out["d"], out["q"] = d, np.sign(v) * np.floor(np.abs(v) + 0.5)
    return out.tobytes()


def same_keys(a, b, but=()):
    """Every key of one file is one of the other, byte for byte, but for some."""
    for name in set(a.keys) | set(b.keys):
        if name not in but and a.keys.get(name, (b"",))[0] != b.keys.get(name, (b"",))[0]:
            sys.exit("the key %s" % name.decode())


def same_tensors(wanted, out):
    if wanted.keys() != out.tensors.keys():
        sys.exit("other tensors")
    for name, (kind, shape, data) in wanted.items():
        if out.tensors[name] != (kind, shape, data):
            sys.exit("tensor %s: type %d, wanted is %d, or other values" % (name.decode(), out.tensors[name][0], kind))


def quantized(kind, model, out):
    file_type, version = b"general.file_type", b"general.quantization_version"
    same_keys(model, out, (file_type, version))
    if out.keys[file_type][1] != FILE_TYPES[kind] or out.keys[version][1] != 2:
        sys.exit("file type %d" % out.keys[file_type][1])
    wanted = {}
    for name, (was, shape, data) in model.tensors.items():
        to = was
        if len(shape) > 1 and not name.endswith(b"_norm.weight"):
            to = F16 if kind == Q8_0 and shape[0] % 32 else kind
        wanted[name] = to, shape, data if to == was else bytes_of(to, values(was, data))
    same_tensors(wanted, out)


def near(largest, rms, a, b):
    d = np.abs(np.fromfile(a, "<f4").astype("f8") - np.fromfile(b, "<f4"))
    print("largest %.2g of %g, rms %.2g of %g" % (d.max(), largest, np.sqrt((d * d).mean()), rms))
    sys.exit(not (d.max() <= largest and np.sqrt((d * d).mean()) <= rms))


def set_value(path, tensor, index, value, out):
    model = gguf.File(path)
    kind, _, data = model.tensors[tensor.encode()]
    assert kind == F32 and model.data.count(data) == 1
    changed = np.frombuffer(data, "<f4").copy()
    changed[int(index)] = float(value)
    with open(out, "wb") as f:
        f.write(model.data.replace(data, changed.tobytes()))


def adapter(path, rank, alpha, kind, seed, out, what="attn_"):
    rank, kind, draw = int(rank), TYPES[kind], np.random.default_rng(int(seed))
    model = gguf.File(path)
    tensors = {}
    for name, (_, shape, _) in model.tensors.items():
        if what.encode() not in name or len(shape) != 2:
            continue
        cols, rows = shape
        for half, n in (b".lora_a", (cols, rank)), (b".lora_b", (rank, rows)):
            tensors[name + half] = kind, n, bytes_of(kind, draw.normal(0, 0.1, n[0] * n[1]).astype("f4"))
    gguf.write(out, [gguf.key(b"general.type", b"adapter"), gguf.key(b"adapter.type", b"lora"),
                     gguf.key(b"general.architecture", model.get(b"general.architecture")),
                     gguf.key(b"adapter.lora.alpha", float(alpha))], tensors)


def product(a, b):
    """B A in double, over the rank in ascending order."""
    sums = np.zeros((len(b), a.shape[1]))
    for r in range(len(a)):
        sums += b[:, r, None] * a[r]
    return sums


def with_number(name):
    path, _, number = name.rpartition(":")
    return gguf.File(path), float(number)


def merged(model, out, *adapters):
    same_keys(model, out)
    wanted = dict(model.tensors)
    changes = {}  # of a tensor: what is added to its values, in order
    for file, scale in map(with_number, adapters):
        alpha = np.float32(file.get(b"adapter.lora.alpha"))
        for name, (kind, (cols, rank), data) in file.tensors.items():
            if not name.endswith(b".lora_a"):
                continue
            base = name[:-len(b".lora_a")]
            b = file.tensors[base + b".lora_b"]
            ba = product(values(kind, data).reshape(rank, cols).astype("f8"),
                         values(b[0], b[2]).reshape(-1, rank).astype("f8"))
            s = np.float32(scale) * alpha / np.float32(rank) if alpha else np.float32(scale)
            changes.setdefault(base, []).append(np.float64(s) * ba.ravel())
    for name, added in changes.items():
        kind, shape, data = model.tensors[name]
        x = values(kind, data).astype("f8")
        for d in added:
            x = x + d
        wanted[name] = kind, shape, bytes_of(kind, x.astype("f4"))
    same_tensors(wanted, out)
    if not changes:
        sys.exit("nothing is merged")


def mean(out, *models):
    models = [with_number(m) for m in models]
    first = models[0][0]
    same_keys(first, out)
    wanted = {}
    for name, (kind, shape, _) in first.tensors.items():
        x = 0
        for m, weight in models:
            x = x + weight * values(*m.tensors[name][::2]).astype("f8")
        wanted[name] = kind, shape, bytes_of(kind, (x / sum(w for _, w in models)).astype("f4"))
    same_tensors(wanted, out)


def main(what, *args):
    if what == "quantized":
        quantized(TYPES[args[0]], gguf.File(args[1]), gguf.File(args[2]))
    elif what == "near":
        near(float(args[0]), float(args[1]), *args[2:])
    elif what == "set":
        set_value(*args)
    elif what == "adapter":
        adapter(*args)
    elif what == "merged":
        merged(gguf.File(args[0]), gguf.File(args[1]), *args[2:])
    elif what == "mean":
        mean(gguf.File(args[0]), *args[1:])


main(*sys.argv[1:])
