#!/usr/bin/python3
"""tokenizer_gguf.py: a tokenizer.json of byte-level BPE or WordPiece as a GGUF file without tensors, for tests.

	tokenizer_gguf.py PRE TOKENIZER.json OUT.gguf      PRE: what tokenizer.ggml.pre shall say, of WordPiece "bert"

Added tokens that are special become control tokens, others user-defined ones. Numbers without a token are unused tokens.
BOS is what the post-processor puts in front.
"""
import json
import struct
import sys

NORMAL, CONTROL, USER, UNUSED = 1, 3, 4, 5
U32, I32, BOOL, STRING, ARRAY = 4, 5, 7, 8, 9


def string(s):
    data = s.encode()
    return struct.pack("<Q", len(data)) + data


def key(name, kind, value):
    return string(name) + struct.pack("<I", kind) + value


def array(kind, items):
    return struct.pack("<IQ", kind, len(items)) + b"".join(items)


def bos_of(t, ids):
    p = t.get("post_processor") or {}
    for part in p.get("processors", [p]):
        first = (part.get("single") or [{}])[0]
        if "SpecialToken" in first:
            return ids[first["SpecialToken"]["id"]]
    return None


def main(pre, path, out):
    with open(path) as f:
        t = json.load(f)
    model = t["model"]
    ids = dict(model["vocab"])
    kinds = {}
    for a in t.get("added_tokens", []):
        ids[a["content"]] = a["id"]
        kinds[a["id"]] = CONTROL if a["special"] else USER
    texts = {i: s for s, i in ids.items()}
    n = max(texts) + 1
    bert = pre == "bert"
    if bert:  # what begins a word is marked, not what goes on
        texts = {i: s if i in kinds else s[2:] if s.startswith("##") else "\u2581" + s for i, s in texts.items()}
    keys = [
        key("general.architecture", STRING, string("bert" if bert else "llama")),
        key("tokenizer.ggml.model", STRING, string("bert" if bert else "gpt2")),
        key("tokenizer.ggml.pre", STRING, string(pre)),
        key("tokenizer.ggml.tokens", ARRAY, array(STRING, [string(texts.get(i, "[PAD%d]" % i)) for i in range(n)])),
        key("tokenizer.ggml.token_type", ARRAY, array(I32, [
            struct.pack("<i", kinds.get(i, NORMAL) if i in texts else UNUSED) for i in range(n)])),
    ]
    if bert:
        case = struct.pack("<B", t["normalizer"]["lowercase"])  # strip_accents goes by it where it is null
        keys += [key("tokenizer.ggml.normalizer.lowercase", BOOL, case), key("tokenizer.ggml.normalizer.strip_accents", BOOL, case)]
    else:
        merges = [m if isinstance(m, str) else " ".join(m) for m in model["merges"]]
        keys.append(key("tokenizer.ggml.merges", ARRAY, array(STRING, [string(m) for m in merges])))
    bos = bos_of(t, ids)
    if bos is not None:
        keys.append(key("tokenizer.ggml.bos_token_id", U32, struct.pack("<I", bos)))
    keys.append(key("tokenizer.ggml.add_bos_token", BOOL, struct.pack("<B", bos is not None)))
    with open(out, "wb") as f:
        f.write(b"GGUF" + struct.pack("<IQQ", 3, 0, len(keys)) + b"".join(keys))


if __name__ == "__main__":
    main(*sys.argv[1:])
