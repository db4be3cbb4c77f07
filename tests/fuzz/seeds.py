#!/usr/bin/python3
"""seeds.py: writes the seeds of the fuzz targets tokenize, scan and vocab, into tests/fuzz/corpus."""
import os
import struct

CORPUS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "corpus")
NORMAL, UNKNOWN, CONTROL, USER, BYTE = 1, 2, 3, 4, 6


def save(target, name, data):
    os.makedirs(os.path.join(CORPUS, target), exist_ok=True)
    with open(os.path.join(CORPUS, target, name), "wb") as f:
        f.write(data)


# ---- tokenize: vocabulary, options, text ----

TEXTS = {
    "words": "hello the the hello ababab aaaaaaaaaaaaaaab",
    "spaces": "  a   hello    the\n\n \n b ",
    "user": "a::a:::::a ::: a:: b  c   ::",
    "special": "x<s>y</s> z<|endoftext|>a<unk>",
    "unicode": "é日本日本éa e\u0301 😀 \u2581hello\u2581 \u00a0\u3000x",
    "numbers": "123 1234567 12 it's I'LL 3.14",
}

for i, (name, text) in enumerate(TEXTS.items()):
    for k in (0, 1, 2, 4, 7, 9):
        save("tokenize", "%s-%d" % (name, k), bytes([k, i % 8]) + text.encode())
save("tokenize", "bad", b"\x00\x00a\xf0\x9f\x98b\xff\xed\xa0\x80\xc3")
save("tokenize", "bytes", b"\x00\x00" + bytes(range(256)))
save("tokenize", "long", b"\x00\x00" + b"aaaabaaa" * 30)


# ---- scan: which rules, text ----

CUTS = {
    "case": "I'm I'M I'\u017f we'RE we're they'Ll 'x ''s '",
    "numbers": "1 23 456 7890 \u0663\u00b2\u2167 a1b2 3.14",
    "spaces": "a  b \t c\n\n  d \r\n\r\n\t e\u00a0\u00a0f\u2028 \u0085g   ",
    "marks": "!a !!a ?!\n\n .b _x \u200by e\u0301 \ufeff\U0001f600",
    "letters": "\u65e5\u672c \u00e9t\u00e9 \u01c5x \u02b0\u0302",
}
for name, text in CUTS.items():
    for k in range(3):
        save("scan", "%s-%d" % (name, k), bytes([k]) + text.encode())


# ---- vocab: files ----

def string(s):
    return struct.pack("<Q", len(s)) + s


def value(v):
    if isinstance(v, bool):
        return 7, struct.pack("<B", v)
    if isinstance(v, int):
        return 4, struct.pack("<I", v)
    if isinstance(v, bytes):
        return 8, string(v)
    kind, items = v
    return 9, struct.pack("<IQ", kind, len(items)) + b"".join(
        string(x) if kind == 8 else struct.pack({5: "<i", 6: "<f"}[kind], x) for x in items)


def gguf(keys):
    out = b"GGUF" + struct.pack("<IQQ", 3, 0, len(keys))
    for k, v in keys.items():
        kind, data = value(v)
        out += string(k.encode()) + struct.pack("<I", kind) + data
    return out


def vocab(model, tokens, merges=(), **more):
    keys = {"general.architecture": b"llama", "tokenizer.ggml.model": model,
            "tokenizer.ggml.tokens": (8, [t for t, _ in tokens]),
            "tokenizer.ggml.token_type": (5, [k for _, k in tokens])}
    if model == b"llama":
        keys["tokenizer.ggml.scores"] = (6, [-float(i) for i in range(len(tokens))])
    else:
        keys["tokenizer.ggml.merges"] = (8, list(merges))
    keys.update(("tokenizer.ggml." + k, v) for k, v in more.items())
    return gguf(keys)


SPM = [(b"<unk>", UNKNOWN), (b"<s>", CONTROL), (b"</s>", CONTROL), (b"<0x0A>", BYTE), (b"<0xC3>", BYTE),
       ("\u2581".encode(), NORMAL), (b"l", NORMAL), (b"ll", NORMAL), (b"a", NORMAL), (b"aa", NORMAL), (b"::", USER)]
BPE = [(b"<|endoftext|>", CONTROL), (b"a", NORMAL), (b"b", NORMAL), (b"ab", NORMAL), (b"abab", NORMAL), ("\u0120".encode(), NORMAL),
       (b"l", NORMAL), (b"ll", NORMAL), (b"::", USER)]
save("vocab", "spm.gguf", vocab(b"llama", SPM))
save("vocab", "spm-keys.gguf", vocab(b"llama", SPM, bos_token_id=1, eos_token_id=2, unknown_token_id=0, add_bos_token=True,
                                     add_eos_token=True, add_space_prefix=False))
save("vocab", "bpe.gguf", vocab(b"gpt2", BPE, [b"a b", b"ab ab", b"l l"], pre=b"gpt-2", bos_token_id=0))
save("vocab", "bpe-llama3.gguf", vocab(b"gpt2", BPE, [b"a b", b"ab ab", b"l l"], pre=b"llama-bpe", unknown_token_id=0))
WORDS = [(b"[UNK]", UNKNOWN), (b"[CLS]", CONTROL), (b"[SEP]", CONTROL), ("\u2581a".encode(), NORMAL), ("\u2581al".encode(), NORMAL),
         (b"l", NORMAL), (b"ll", NORMAL), ("\u2581:".encode(), NORMAL), ("\u2581\u65e5".encode(), NORMAL), ("\u2581".encode(), NORMAL)]
save("vocab", "bert.gguf", vocab(b"bert", WORDS, cls_token_id=1, seperator_token_id=2, unknown_token_id=0))
save("vocab", "bert-cased.gguf", vocab(b"bert", WORDS, unknown_token_id=0, **{"normalizer.lowercase": False, "normalizer.strip_accents": False}))


# ---- vocab: descriptions, as vocab.c reads them ----

def describe(choice, bos, eos, unknown, all_bytes, tokens, merges=(), text=b""):
    out = bytes([choice, bos, eos, unknown, all_bytes])
    for i, (t, kind) in enumerate(tokens):
        out += bytes([kind | (31 - i % 32) << 3, len(t)]) + t
    out += b"\x00\xff"
    for m in merges:
        out += bytes([len(m)]) + m
    return out + b"\xff" + text


save("vocab", "described-spm", describe(0xa0, 1, 2, 0, 0, SPM, text=b"all aa a::a"))
save("vocab", "described-spm-bytes", describe(0x80, 0xff, 0xff, 0xff, 1, SPM[5:], text="all \u00e9 aa a::a".encode()))
save("vocab", "described-bpe", describe(0x03, 0, 0, 0, 0, BPE, [b"a b", b"ab ab", b"l l"], b"abab ab ll :::: a"))
save("vocab", "described-tekken", describe(0x0b, 0, 0, 0, 0, BPE, [b"a b", b"ab ab", b"l l"], b"abab ab ll :::: a"))
save("vocab", "described-bert", describe(0x6e, 1, 2, 0, 0, WORDS, text="all \u00c5ll\u0302 a:a \u65e5\u65e5 \u0130a \ud55c".encode()))
overlap = [(b"a", USER), (b"aa", USER), (b"aaa", CONTROL), (b"aaaaa", USER), (b"ab", USER), (b"ba", CONTROL), (b"b", NORMAL)]
save("vocab", "described-overlap", describe(0x10, 0xff, 0xff, 6, 1, overlap, text=b"aaaaaabaaaababbbaab aaa b aaaaaaaaaaaaaaaaaa"))
halves = [(b"\xc3", USER), (b"a\xe6\x97", CONTROL), (b"\xa9", USER), (b"<\xf0\x9f", USER)]
save("vocab", "described-halves", describe(0x80, 0xff, 0xff, 0xff, 1, halves, text="\u00e9 a\u65e5 <\U0001f600 \u00e9".encode()))
