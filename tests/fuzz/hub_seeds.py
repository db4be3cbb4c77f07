#!/usr/bin/python3
"""hub_seeds.py: writes the seeds of the fuzz target safetensors, into tests/fuzz/corpus."""
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
