#!/usr/bin/python3
"""stories.py: what others know of stories260K: llama.cpp's greedy texts of it, llama2.c's files of its weights and vocabulary.

	stories.py prompts FILE         of stories260K.expected.txt: the prompts' ids, a line each
	stories.py texts FILE           the prompts
	stories.py ids FILE             the ids that follow, a line each
	stories.py story FILE N         the text that follows the Nth prompt, from 0, without a space before it
	stories.py first FILE ROWS      ROWS: a row of logits for each prompt, those behind its last token; each of the five
	                                that FILE holds must be within 0.001 and they must be the largest, in this order
	stories.py embed BIN ROW LOGITS ROW: an embedding; times the output weights it must be the mean of the rows of LOGITS
	stories.py stop TOK IDS TEXT... where generation of IDS ends before one of TEXT: prints the ids before, and for each
	                                of them h if it is the last of a beginning of a text, else -
"""
import struct
import sys

if sys.argv[1] in ("first", "embed"):  # loading it takes longer than what the others do
    import numpy as np

VOCAB, DIM = 512, 64


def parse(path):
    """The prompts as dictionaries of the file's fields."""
    stories = []
    lines = iter(open(path).read().split("\n"))
    for line in lines:
        name, _, value = line.partition(": ")
        if name == "prompt":
            stories.append({"prompt": value})
        elif line == "text:":
            text = []
            for line in lines:
                if line == "":
                    break
                text.append(line)
            stories[-1]["text"] = "\n".join(text)
        elif stories:
            stories[-1][name] = value
    return stories


def first(stories, path):
    rows = np.fromfile(path, "<f4").reshape(len(stories), VOCAB)
    worst = 0
    for story, row in zip(stories, rows):
        best = [pair.split(":") for pair in story["first logits (best five ids)"].split()]
        ids = [int(i) for i, _ in best]
        if list(np.argsort(-row)[:5]) != ids:
            sys.exit("%s: the best are %s" % (story["prompt"], np.argsort(-row)[:5]))
        worst = max([worst] + [abs(row[int(i)] - float(x)) for i, x in best])
    print("largest difference %.2g" % worst)
    sys.exit(not worst <= 1e-3)


def embed(weights, row, logits):
    w = np.fromfile(weights, "<f4", VOCAB * DIM, offset=28).reshape(VOCAB, DIM).astype("f8")
    mean = np.fromfile(logits, "<f4").reshape(-1, VOCAB).astype("f8").mean(axis=0)
    far = np.abs(w @ np.fromfile(row, "<f4").astype("f8") - mean).max()
    print("largest difference %.2g" % far)
    sys.exit(not far <= 1e-4)


def pieces(path):
    """The text of each token. <0x0A> and its like are bytes."""
    data, at, out = open(path, "rb").read(), 4, []
    while len(out) < VOCAB:
        n = struct.unpack_from("<fI", data, at)[1]
        piece = data[at + 8:at + 8 + n]
        if len(piece) == 6 and piece.startswith(b"<0x"):
            piece = bytes([int(piece[3:5], 16)])
        out.append(piece)
        at += 8 + n
    return out


def stop(vocabulary, ids, texts):
    piece, text, ends, held = pieces(vocabulary), b"", [], []
    for i in ids:
        text += piece[i]
        ends.append(len(text))
        hits = [text.find(t) for t in texts if t in text]
        if hits:
            kept = sum(end <= min(hits) for end in ends)
            ids, held = ids[:kept], held[:kept]
            break
        held.append(any(text.endswith(t[:n]) for t in texts for n in range(1, len(t))))
    print(*ids)
    print("".join("h" if h else "-" for h in held))


def main():
    what, path, rest = sys.argv[1], sys.argv[2], sys.argv[3:]
    if what == "embed":
        embed(path, *rest)
    if what == "stop":
        stop(path, list(map(int, rest[0].split())), [t.encode() for t in rest[1:]])
        return
    stories = parse(path)
    if what == "first":
        first(stories, rest[0])
    elif what == "story":
        print(stories[int(rest[0])]["text"])
    else:
        for s in stories:
            print(s[{"prompts": "prompt ids", "texts": "prompt", "ids": "ids"}[what]])


main()
