#!/usr/bin/python3
"""tokens.py: what mai-tokenize makes of texts, beside the ids that other programs gave. Differences go to stderr, status 1.

	tokens.py vocab VOCAB [OUT]     the strings of VOCAB.inp; OUT (VOCAB.out) has the ids of each in a line
	tokens.py ids VOCAB             the same, of a tokenizer that does not keep all of a text: not decoded
	tokens.py cases VOCAB CASES [nfc] [WITHOUT]
	                                a JSON object a line: text or bytes_b64, ids, add_special; nfc: those in NFC;
	                                those that don't hold the text WITHOUT
	tokens.py back VOCAB FILE...    no ids are known: each text, encoded and decoded, is the same text

Prints how many there were. Each is also decoded, and must give the text again, as `decoded` says or as it was.
"""
import base64
import json
import subprocess
import sys
import unicodedata

MARK = b"\n__ggml_vocab_test__\n"
wrong = 0


def tool(vocab, *args, data=b""):
    p = subprocess.run(["mai-tokenize", "-m", vocab, *args], input=data, stdout=subprocess.PIPE)
    if p.returncode != 0:
        raise SystemExit("tokens.py: mai-tokenize %s: status %d" % (b" ".join(map(bytes_of, args)), p.returncode))
    return p.stdout


def bytes_of(s):
    return s if isinstance(s, bytes) else s.encode()


def same(what, text, got, want):
    global wrong
    if got != want:
        wrong += 1
        print("%s of %r:\n  got  %r\n  want %r" % (what, text, got, want), file=sys.stderr)


def ids_of(line):
    return list(map(int, line.split()))


def lines_of(ids):
    return b"".join(b" ".join(b"%d" % i for i in x) + b"\n" for x in ids)


def one_line(text):
    return text.replace(b"\n", b"\\n")


def texts_of(path):
    with open(path, "rb") as f:
        return f.read().split(MARK)[:-1]


def check_texts(vocab, texts, want, back=True):
    ids = [ids_of(x) for x in tool(vocab, "-t", "--add-special=no", "--", *texts).splitlines()]
    same("number", "ids", len(ids), len(texts))
    for text, got, known in zip(texts, ids, want or ids):
        same("ids", text, got, known)
    if back:
        decoded = tool(vocab, "-d", "-t", "-l", data=lines_of(ids)).split(b"\n")[:-1]
        same("number", "texts", len(decoded), len(texts))
        for text, again in zip(texts, decoded):
            same("decoding", text, again, one_line(text))
    return len(texts)


def check_vocab(vocab, out=None, back=True):
    with open(out or vocab + ".out") as f:
        want = [ids_of(line) for line in f]
    texts = texts_of(vocab + ".inp")
    same("number", "known", len(want), len(texts))
    return check_texts(vocab, texts, want, back)


def check_cases(vocab, path, *choice):
    with open(path) as f:
        cases = [json.loads(line) for line in f]
    for c in choice:
        if c == "nfc":
            cases = [x for x in cases if unicodedata.is_normalized("NFC", x.get("text", ""))]
        else:
            cases = [x for x in cases if c not in x.get("text", "")]
    decoded = tool(vocab, "-d", "-t", "-l", "-s", data=lines_of(c["ids"] for c in cases)).split(b"\n")
    texts = [base64.b64decode(c["bytes_b64"]) if "bytes_b64" in c else c["text"].encode() for c in cases]
    for add, special in ("auto", True), ("no", False):
        options = ["-t", "-s", "--add-special=" + add]
        mine = [i for i, c in enumerate(cases) if c["add_special"] == special]
        # those that can be an operand by one process: to read the vocabulary takes longer than all of them
        one_by_one = [i for i in mine if b"\0" in texts[i] or i % 16 == 0]
        at_once = [i for i in mine if i not in one_by_one]
        got = [tool(vocab, *options, data=texts[i]) for i in one_by_one]
        got += tool(vocab, *options, "--", *(texts[i] for i in at_once)).split(b"\n")[:-1] if at_once else []
        same("number", "ids", len(got), len(mine))
        for i, ids in zip(one_by_one + at_once, got):
            same("ids", texts[i], ids_of(ids), cases[i]["ids"])
    for c, data, again in zip(cases, texts, decoded):
        same("decoding", data, again, one_line(c.get("decoded", data.decode("utf-8", "replace")).encode()))
    return len(cases)


def check_back(vocab, *files):
    n = 0
    for path in files:
        if path.endswith(".inp"):
            n += check_texts(vocab, texts_of(path), None)
            continue
        with open(path, "rb") as f:
            text = f.read()
        ids = tool(vocab, "-t", "--add-special=no", data=text)
        again = tool(vocab, "-d", "-t", data=ids)
        same("decoding", path, again == text, True)
        n += 1
    return n


if __name__ == "__main__":
    print({"vocab": check_vocab, "ids": lambda vocab: check_vocab(vocab, back=False), "cases": check_cases, "back": check_back}[sys.argv[1]](*sys.argv[2:]))
    sys.exit(wrong != 0)
