"""Importance matrices, with nothing but the standard library.

    imatrix.py make MODEL OUT              one for the model, of numbers out of nowhere; the first of several experts had no input
    imatrix.py spoil FILE OUT HOW          one with something wrong
    imatrix.py deep MODEL OUT              the model with its first layer eight times
"""
import hashlib
import struct
import sys

import gguf


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


if __name__ == "__main__":
    verb, *args = sys.argv[1:]
    if verb == "make":
        make(*args)
    elif verb == "spoil":
        spoil(*args)
    else:
        deep(*args)
