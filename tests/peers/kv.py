#!/usr/bin/python3
"""A reader of mai-kv(5) on the independent reader of GGUF files, for tests.

	kv.py tokens FILE           its tokens
	kv.py check FILE            the checksum, and that there are keys and values of all layers in one shape
	kv.py near FILE FILE NAME...    tensors that differ by rounding to f16 at most
"""
import os
import sys

import numpy as np
import xxhash

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../tools"))
import gguf

HALVES = {0: np.float32, 1: np.float16}


class State(gguf.File):
    def value(self, kind):
        """Arrays of numbers too, which gguf.py passes over."""
        if kind != 9:
            return super().value(kind)
        item, n = self.number("I"), self.number("Q")
        return [self.number(gguf.CODES[item]) for _ in range(n)]

    def checksum(self):
        value = self.keys[b"mai-kv.checksum"][0]
        at = self.data.index(value) + len(value) - 8
        return xxhash.xxh3_64_intdigest(self.data[:at] + bytes(8) + self.data[at + 8:])

    def array(self, name):
        """[positions][heads][elements of a head]"""
        kind, shape, data = self.tensors[name]
        if kind != 8:
            return np.frombuffer(data, HALVES[kind]).reshape(shape[::-1]).astype(np.float32)
        blocks = np.frombuffer(data, np.dtype([("d", np.float16), ("q", np.int8, 32)]))
        return (blocks["d"].astype(np.float32)[:, None] * blocks["q"]).reshape(shape[::-1])


def tokens(path):
    print(*State(path).get(b"mai-kv.tokens"))


def check(path):
    s = State(path)
    assert s.get(b"mai-kv.checksum") == s.checksum()
    layers = range(s.get(b"mai-kv.layer_first"), s.get(b"mai-kv.layer_last"))
    assert set(s.tensors) == {b"%c.%d" % (half, n) for half in b"kv" for n in layers}
    assert len({(kind, tuple(shape)) for kind, shape, _ in s.tensors.values()}) == 1
    assert s.array(b"k.%d" % layers[0]).shape[0] == len(s.get(b"mai-kv.tokens"))


def near(a, b, *names):
    a, b = State(a), State(b)
    limit = {1: 2 ** -11, 8: 1 / 127}[b.tensors[names[0].encode()][0]]
    for name in names:
        x, y = a.array(name.encode()), b.array(name.encode())
        # of the value itself for f16, of the largest of its block for q8_0
        top = np.abs(x) if limit == 2 ** -11 else np.abs(x).max()
        assert (np.abs(x - y) <= limit * top + 1e-7).all() and (x != y).any(), name


if __name__ == "__main__":
    {"tokens": tokens, "check": check, "near": near}[sys.argv[1]](*sys.argv[2:])
