#!/usr/bin/python3
"""eval.py: what scripts/eval has to say of questions, computed from logits with numpy. Tokens are mai-tokenize's.

	eval.py sequences MODEL CONTEXT QUESTIONS
	                            the ids of each question with each of its choices, within CONTEXT tokens, a line each
	eval.py figures MODEL CONTEXT QUESTIONS LOGITS TABLE
	                            LOGITS: mai_stream.py rows -p of these; TABLE: what scripts/eval printed of QUESTIONS.
	                            Prints the figures; status 1 if others are in TABLE
"""
import json
import math
import os
import subprocess
import sys

if sys.argv[1] == "figures":  # loading it takes longer than the sequences do
    import numpy as np

VOCAB = 512


def encode(model, text):
    p = subprocess.run(["mai-tokenize", "-m", model, "-t"], input=text.encode(), stdout=subprocess.PIPE, check=True)
    return list(map(int, p.stdout.split()))


def pairs(model, limit, path):
    """Of each question: itself, and for each choice the tokens of the context and those of the choice."""
    out = []
    for q in map(json.loads, open(path)):
        context = q.get("query") or q["context"]
        if context.startswith("Question:") and "choices" in q:
            context = context.rstrip() + "\nAnswer:"
        bare = encode(model, context.rstrip())
        wholes = [encode(model, context + " " + c) for c in q.get("choices") or [q["continuation"]]]
        out.append((q, [(w[:len(bare)], w[len(bare):]) for w in wholes]))
    cloze = max((len(p[0][1]) for q, p in out if "choices" not in q and len(p[0][1]) < limit), default=0)
    cut = [(q, [(c[-max(limit - max(len(t), cloze), 0):], t) for c, t in p]) for q, p in out]
    return [(q, p) for q, p in cut if all(len(c) + len(t) <= limit for c, t in p)]


def log_likelihoods(path, sequences):
    """Of each pair: the sum over the choice's tokens, and whether each of them is the likeliest."""
    rows = np.fromfile(path, np.dtype([("seq", "<u4"), ("pos", "<u4"), ("token", "<u4"), ("x", "<f4", VOCAB)]))
    for i, (context, choice) in enumerate(sequences):
        mine = rows[rows["seq"] == i]
        if list(mine["token"]) != context + choice:
            sys.exit("sequence %d has other tokens" % i)
        x = mine["x"][len(context) - 1:-1].astype("f8")
        x -= x.max(axis=1, keepdims=True)
        p = x - np.log(np.exp(x).sum(axis=1, keepdims=True))
        yield p[np.arange(len(choice)), choice].sum(), list(p.argmax(axis=1)) == choice


def mean(values, n):
    return n, values.mean(), values.std(ddof=1) / math.sqrt(n) if n > 1 else None


def figures(asked, results):
    results, right, sums = iter(results), {"acc": [], "acc_norm": [], "acc_bytes": []}, []
    for q, choices in asked:
        p, greedy = map(np.array, zip(*[next(results) for _ in choices]))
        if "choices" not in q:
            right["acc"].append(greedy[0])
            sums.append(p[0])
            continue
        for name, lengths in [("acc", [1 for c in q["choices"]]), ("acc_norm", [len(c) for c in q["choices"]]),
                              ("acc_bytes", [len(c.encode()) for c in q["choices"]])]:
            right[name].append((p / lengths).argmax() == q["gold"])
    out = {name: mean(np.array(r, "f8"), len(r)) for name, r in right.items() if r}
    if sums:
        n, value, error = mean(np.array(sums), len(sums))
        out["perplexity"] = n, math.exp(-value), error and error * math.exp(-value)
    return out


def check(table, task, expected):
    lines = [line.rstrip("\n").split("\t") for line in open(table)]
    said = {f[2]: f for f in lines if f[0] == task}
    if lines[0] != ["task", "n", "metric", "value", "stderr"] or said.keys() != expected.keys():
        sys.exit("other rows: %s" % lines)
    for name, (n, value, error) in expected.items():
        print(task, n, name, value, error)
        for want, got in zip((n, value, error), (said[name][1], *said[name][3:])):
            if (want is None) != (got == "-") or want is not None and not abs(float(got) - want) <= 1e-4 + 1e-5 * want:
                sys.exit("%s is wrong: %s" % (name, said[name]))


def main():
    what, model, limit, path = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
    asked = pairs(model, limit, path)
    sequences = [pair for _, choices in asked for pair in choices]
    if what == "sequences":
        for context, choice in sequences:
            print(*context, *choice)
    else:
        task = os.path.splitext(os.path.basename(path))[0]
        check(sys.argv[6], task, figures(asked, log_likelihoods(sys.argv[5], sequences)))


main()
