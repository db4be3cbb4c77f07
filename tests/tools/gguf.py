"""An independent reader and writer of GGUF files, and reader of mai-shard(5), with nothing but the standard library.

    gguf.py ids FILE...           of each the model id and the vocabulary id
    gguf.py zero FROM TO NAMES [N]  a copy in which tensors whose names match NAMES are zero, or N bytes of each
    gguf.py parts WHOLE SHARD... [-- WHOLE SHARD...]
                                  checks that stock shards hold the tensors of WHOLE byte for byte, each layer once
"""
import hashlib
import re
import struct
import sys

CODES = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
BLOCKS = {0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34), 10: (256, 84),
          11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210), 20: (32, 18), 23: (256, 136), 26: (1, 4),
          30: (1, 2), 39: (32, 17)}


class File:
    def __init__(self, path):
        self.data = open(path, "rb").read()
        self.at = 4
        assert self.data[:4] == b"GGUF" and self.number("I") in (2, 3)
        n_tensors, n_keys = self.number("Q"), self.number("Q")
        self.keys = {}    # name: (bytes of the whole key, value)
        self.tensors = {}  # name: (type, shape, bytes)
        self.offsets = {}  # name: where its bytes begin in the file
        for _ in range(n_keys):
            begin = self.at
            name = self.string()
            value = self.value(self.number("I"))
            self.keys[name] = (self.data[begin:self.at], value)
        infos = []
        for _ in range(n_tensors):
            name = self.string()
            shape = [self.number("Q") for _ in range(self.number("I"))]
            infos.append((name, self.number("I"), shape, self.number("Q")))
        align = self.keys.get(b"general.alignment", (b"", 32))[1]
        start = -(-self.at // align) * align
        for name, kind, shape, offset in infos:
            assert offset % align == 0
            block, size = BLOCKS[kind]
            n = 1
            for d in shape:
                n *= d
            data = self.data[start + offset:start + offset + n // block * size]
            assert len(data) == n // block * size
            self.tensors[name] = (kind, shape, data)
            self.offsets[name] = start + offset

    def get(self, name, otherwise=None):
        """The value of a key."""
        return self.keys.get(name, (b"", otherwise))[1]

    def number(self, code):
        v, = struct.unpack_from("<" + code, self.data, self.at)
        self.at += struct.calcsize("<" + code)
        return v

    def string(self):
        n = self.number("Q")
        self.at += n
        return self.data[self.at - n:self.at]

    def value(self, kind):
        if kind == 8:
            return self.string()
        if kind == 9:
            item, n = self.number("I"), self.number("Q")
            if item == 8:
                return [self.string() for _ in range(n)]
            self.at += n * struct.calcsize(CODES[item])
            return None
        return self.number(CODES[kind])


def text(s):
    return struct.pack("<Q", len(s)) + s


def key(name, value):
    """A key as it stands in a file; a text, a count or an f32."""
    kind, raw = {bytes: (8, text), int: (4, struct.Struct("<I").pack), float: (6, struct.Struct("<f").pack)}[type(value)]
    return text(name) + struct.pack("<I", kind) + raw(value)


def write(path, raw_keys, tensors):
    """tensors: as File has them"""
    infos, data = b"", b""
    for name, (kind, shape, raw) in tensors.items():
        infos += text(name) + struct.pack("<I%dQIQ" % len(shape), len(shape), *shape, kind, len(data))
        data += raw + bytes(-len(raw) % 32)
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(raw_keys)) + b"".join(raw_keys) + infos
    with open(path, "wb") as f:
        f.write(head + bytes(-len(head) % 32) + data)


def keys(f, wanted):
    found = sorted((name, raw) for name, (raw, _) in f.keys.items() if wanted(name))
    return struct.pack("<Q", len(found)) + b"".join(raw for _, raw in found)


def model_id(f):
    arch = f.keys[b"general.architecture"][1]
    h = b"mai model 1\n" + text(arch) + keys(f, lambda k: k.startswith(arch + b"."))
    h += struct.pack("<Q", len(f.tensors))
    for name, (kind, shape, data) in sorted(f.tensors.items()):
        h += text(name) + struct.pack("<II", kind, len(shape)) + struct.pack("<%dQ" % len(shape), *shape)
        h += hashlib.sha256(data).digest()
    return hashlib.sha256(h).hexdigest()


def vocab_id(f):
    if b"tokenizer.ggml.model" not in f.keys:
        return None
    return hashlib.sha256(b"mai vocabulary 1\n" + keys(f, lambda k: k.startswith(b"tokenizer.") and
                          not k.startswith(b"tokenizer.chat_template"))).hexdigest()


def check_parts(whole, shards):
    seen, model, vocabulary = {}, model_id(whole), vocab_id(whole) or ""
    for i, s in enumerate(shards):
        first, last = s.keys[b"mai.layer_first"][1], s.keys[b"mai.layer_last"][1]
        assert s.keys[b"mai.model_id"][1].decode() == model
        assert s.keys.get(b"mai.vocab_id", (0, b""))[1].decode() == vocabulary
        for name, tensor in s.tensors.items():
            assert whole.tensors[name] == tensor, name
            seen[name] = seen.get(name, 0) + 1
            if name.startswith(b"blk."):
                assert first <= int(name.split(b".")[1]) < last
        middle = 0 < i < len(shards) - 1
        for name, (raw, _) in whole.keys.items():
            if name.startswith(b"tokenizer.") and middle:
                assert name not in s.keys
            else:
                assert s.keys[name][0] == raw, name
        assert all(k in whole.keys or k.startswith(b"mai.") for k in s.keys)
    assert seen.keys() == whole.tensors.keys()
    assert all(n == 1 for name, n in seen.items() if name.startswith(b"blk."))


def zero(source, target, names, n=None):
    f = File(source)
    data = bytearray(f.data)
    found = [name for name in f.tensors if re.fullmatch(names, name.decode())]
    assert found
    for name in found:
        size = int(n) if n else len(f.tensors[name][2])
        data[f.offsets[name]:f.offsets[name] + size] = bytes(size)
    assert data != f.data
    open(target, "wb").write(data)


if __name__ == "__main__":
    if sys.argv[1] == "ids":
        for f in map(File, sys.argv[2:]):
            print(model_id(f), vocab_id(f))
    elif sys.argv[1] == "zero":
        zero(*sys.argv[2:])
    else:
        while len(sys.argv) > 2:
            end = sys.argv.index("--") if "--" in sys.argv else len(sys.argv)
            whole, *shards = map(File, sys.argv[2:end])
            check_parts(whole, shards)
            del sys.argv[2:end + 1]
