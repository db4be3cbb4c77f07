"""Importance matrices, with nothing but the standard library.

    imatrix.py make MODEL OUT              one for the model, of numbers out of nowhere; the first of several experts had no input
    imatrix.py spoil FILE OUT HOW          one with something wrong
    imatrix.py deep MODEL OUT              the model with its first layer eight times
    imatrix.py layer N MODEL FILE HIDDEN.npy  checks what it has of layer N's attention: hidden states before it are the rows
    imatrix.py first MODEL FILE WINDOW BOS    the same of the first layer, whose rows are embeddings of the ids on stdin
    imatrix.py experts MODEL FILE          checks that what experts had is what went to them
    imatrix.py latent MODEL FILE           checks that what attn_kv_b had are rows of the norm before it
"""
import hashlib
import struct
import sys

import gguf

EMBD, NORM = b"token_embd.weight", b"blk.%d.attn_norm.weight"


def floats(raw):
    return struct.unpack("<%df" % (len(raw) // 4), raw)


def strings(name, values):
    return gguf.text(name) + struct.pack("<IIQ", 9, 8, len(values)) + b"".join(map(gguf.text, values))


def make(model, target):
    f, tensors = gguf.File(model), {}
    for name, (_, shape, _) in sorted(f.tensors.items()):
        if not name.startswith(b"blk.") or not name.endswith(b".weight") or len(shape) < 2:
            continue
        many = shape[2] if len(shape) > 2 else 1
        drawn = hashlib.shake_256(name).digest(3 * shape[0] * many)
        sums = [0.0 if drawn[i] % 16 == 0 else float((drawn[i + 1] + 1) << drawn[i + 2] % 12) for i in range(0, len(drawn), 3)]
        counts = [7.0] if many == 1 else [3.0 * i for i in range(many)]
        tensors[name + b".in_sum2"] = (0, [shape[0], many], struct.pack("<%df" % len(sums), *sums))
        tensors[name + b".counts"] = (0, [1, many], struct.pack("<%df" % many, *counts))
    keys = [gguf.key(b"general.type", b"imatrix"), strings(b"imatrix.datasets", [b"nowhere.txt", b"b"]), gguf.key(b"imatrix.chunk_count", 5),
            gguf.key(b"imatrix.chunk_size", 512)]
    gguf.write(target, keys, tensors)


def spoil(source, target, how):
    f = gguf.File(source)
    keys, tensors = {name: raw for name, (raw, _) in f.keys.items()}, f.tensors
    name = next(iter(tensors))[:-len(b".in_sum2")]
    sums, counts = name + b".in_sum2", name + b".counts"
    kind, shape, raw = tensors[sums]
    if how in ("nan", "inf", "negative"):
        tensors[sums] = (kind, shape, raw[:12] + struct.pack("<f", {"nan": float("nan"), "inf": float("inf"), "negative": -1.0}[how]) + raw[16:])
    elif how == "count":
        tensors[counts] = (0, [1], struct.pack("<f", float("nan")))
    elif how == "size":
        tensors[sums] = (kind, [shape[0] - 1], raw[4:])
    elif how == "counts":
        tensors[counts] = (0, [1, 3], struct.pack("<3f", 1, 2, 3))
    elif how == "f16":
        tensors[sums] = (1, shape, raw[:len(raw) // 2])
    elif how == "partner":
        del tensors[counts]
    elif how == "type":
        keys[b"general.type"] = gguf.key(b"general.type", b"adapter")
    elif how == "other":
        tensors[b"blk.9" + sums[5:]], tensors[b"blk.9" + counts[5:]] = tensors[sums], tensors[counts]
    gguf.write(target, keys.values(), tensors)


def deep(model, target):
    f = gguf.File(model)
    ends = {name: t for name, t in f.tensors.items() if not name.startswith(b"blk.")}
    layers = {b"blk.%d." % i + name[6:]: t for i in range(8) for name, t in f.tensors.items() if name.startswith(b"blk.0.")}
    count = f.get(b"general.architecture") + b".block_count"
    gguf.write(target, [raw for name, (raw, _) in f.keys.items() if name != count] + [gguf.key(count, 8)], {**ends, **layers})


def near(a, b):
    return all(abs(x - y) <= 1e-6 * abs(y) for x, y in zip(a, b, strict=True))


def sums_of(im, name):
    (kind, shape, raw), counts = im.tensors[name + b".in_sum2"], im.tensors[name + b".counts"]
    assert kind == counts[0] == 0 and len(counts[2]) == 4 * (shape[1] if len(shape) > 1 else 1)
    return floats(raw), floats(counts[2])


def check_layer(n, f, im, rows):
    """The squares of rows, each divided by its root mean square, times the squares of the norm's weights."""
    weight, eps = floats(f.tensors[NORM % n][2]), f.get(b"llama.attention.layer_norm_rms_epsilon")
    total = [0.0] * len(weight)
    for row in rows:
        mean = sum(x * x for x in row) / len(row) + eps
        total = [t + x * x / mean for t, x in zip(total, row)]
    for matrix in (b"q", b"k", b"v"):
        sums, counts = sums_of(im, b"blk.%d.attn_%s.weight" % (n, matrix))
        assert counts == (len(rows),) and near(sums, [t * w * w for t, w in zip(total, weight)])


def check_first(f, im, window, bos):
    ids = [int(x) for x in sys.stdin.read().split()]
    raw, dim = f.tensors[EMBD][2], f.tensors[EMBD][1][0]
    windows = len(ids) // window
    assert windows > 1 and len(ids) % window > 1
    assert (im.get(b"general.type"), im.get(b"imatrix.datasets"), im.get(b"imatrix.chunk_count"), im.get(b"imatrix.chunk_size")) == \
        (b"imatrix", [], windows, window)
    assert {name.rsplit(b".", 1)[0] for name in im.tensors} == \
        {name for name, (_, shape, _) in f.tensors.items() if name.startswith(b"blk.") and len(shape) == 2}
    assert list(im.tensors) == [name + end for name in sorted({n.rsplit(b".", 1)[0] for n in im.tensors}) for end in (b".in_sum2", b".counts")]
    ids = [bos if i % window == 0 else t for i, t in enumerate(ids[:windows * window])]
    check_layer(0, f, im, [floats(raw[4 * dim * t:4 * dim * (t + 1)]) for t in ids])


def npy_rows(path):
    data = open(path, "rb").read()
    begin = 10 + struct.unpack_from("<H", data, 8)[0]
    n = eval(data[10:begin])["shape"][1]
    return [floats(data[i:i + 4 * n]) for i in range(begin, len(data), 4 * n)]


def check_experts(f, im):
    arch = f.get(b"general.architecture")
    used, found = f.get(arch + b".expert_used_count"), 0
    for name in f.tensors:
        if not name.endswith(b".ffn_gate_inp.weight"):
            continue
        layer = name[:-len(b"ffn_gate_inp.weight")]
        all_rows, (n,) = sums_of(im, name)
        gate, counts = sums_of(im, layer + b"ffn_gate_exps.weight")
        assert (gate, counts) == sums_of(im, layer + b"ffn_up_exps.weight")
        assert counts == sums_of(im, layer + b"ffn_down_exps.weight")[1] and sum(counts) == n * used
        assert near([sum(gate[i::len(all_rows)]) for i in range(len(all_rows))], [used * x for x in all_rows])
        found += 1
    assert found


def check_latent(f, im):
    """Without its weights, a norm's row has squares that are 1 in the mean."""
    layers = f.get(f.get(b"general.architecture") + b".block_count")
    for layer in range(layers):
        weight = floats(f.tensors[b"blk.%d.attn_kv_a_norm.weight" % layer][2])
        sums, (n,) = sums_of(im, b"blk.%d.attn_kv_b.weight" % layer)
        assert n == sums_of(im, b"blk.%d.attn_kv_a_mqa.weight" % layer)[1][0] > 0
        assert abs(sum(s / w ** 2 for s, w in zip(sums, weight, strict=True)) / len(weight) / n - 1) < 1e-3


if __name__ == "__main__":
    verb, *args = sys.argv[1:]
    if verb == "make":
        make(*args)
    elif verb == "spoil":
        spoil(*args)
    elif verb == "deep":
        deep(*args)
    elif verb == "layer":
        check_layer(int(args[0]), gguf.File(args[1]), gguf.File(args[2]), npy_rows(args[3]))
    elif verb == "first":
        check_first(gguf.File(args[0]), gguf.File(args[1]), int(args[2]), int(args[3]))
    elif verb == "latent":
        check_latent(*map(gguf.File, args))
    else:
        check_experts(*map(gguf.File, args))
