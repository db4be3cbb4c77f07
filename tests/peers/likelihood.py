#!/usr/bin/python3
"""likelihood.py: scores, perplexity and sampling computed from logits with numpy, to compare with mai-run's.

	likelihood.py windows IDS N BOS        IDS: texts, a line of ids each; prints the windows of N tokens that llama.cpp's
	                                       perplexity makes
	likelihood.py perplexity LOGITS N JSON BYTES IDS
	                                       LOGITS: mai_stream.py rows -p of these windows; JSON: what mai-run printed;
	                                       BYTES: how many each text has, 0 if that is not known
	likelihood.py scores LOGITS SCORES     both: mai_stream.py rows -p of the same sequences
	likelihood.py figures LOGITS JSON BYTES
	                                       what mai-run --score printed of these sequences; BYTES: as above
	likelihood.py sampled LOGITS IDS TEMP TOP_K TOP_P MIN_P PENALTY RECENT
	                                       LOGITS: one row; IDS: tokens drawn from it, one a line, for these settings. They must be
	                                       those that may be drawn, as often as is likely. RECENT: ids that the penalty sees
"""
import json
import math
import sys

if sys.argv[1] != "windows":  # loading it takes longer than these do
    import numpy as np


def places(path, width):
    """Rows of u32 seq, pos, token and `width` f32."""
    return np.fromfile(path, np.dtype([("seq", "<u4"), ("pos", "<u4"), ("token", "<u4"), ("x", "<f4", width)]))


def log_probabilities(rows):
    x = rows["x"].astype("f8")
    x -= x.max(axis=1, keepdims=True)
    return x - np.log(np.exp(x).sum(axis=1, keepdims=True))


def next_tokens(rows):
    """For each row but a sequence's last: log-probability of the token that follows."""
    p = log_probabilities(rows)
    at = np.flatnonzero(rows["seq"][:-1] == rows["seq"][1:])
    return at, p[at, rows["token"][at + 1]]


def windows(path, n, bos):
    for line in open(path):
        ids = line.split()
        w = min(n, len(ids))
        for i in range(0, len(ids) - w + 1, w):
            print(bos, *ids[i + 1:i + w])


def compare(said, texts):
    """texts: of each the negative log-likelihoods that were counted, how many tokens and how many bytes it has."""
    texts = [t for t in texts if len(t[0]) > 0]
    nll, said = np.concatenate([t[0] for t in texts]), json.load(open(said))
    known = all(n_bytes > 0 for _, _, n_bytes in texts)
    n_bytes = sum(t[2] for t in texts) if known else None
    bits = sum(x.mean() / math.log(2) * n for x, n, _ in texts)
    expected = {
        "tokens": len(nll), "nll": nll.mean(), "perplexity": math.exp(nll.mean()),
        "error": math.exp(nll.mean()) * nll.std() / math.sqrt(len(nll) - 1),
        "bytes": n_bytes, "bits_per_byte": bits / n_bytes if known else None,
    }
    for name, value in expected.items():
        print(name, value, said[name])
        if value is None and said[name] is None:
            continue
        if value is None or said[name] is None or not abs(said[name] - value) <= 2e-6 * (1 + abs(value)):
            sys.exit("%s is wrong" % name)


def perplexity(path, n, said, n_bytes, ids):
    rows = places(path, 512)
    at, p = next_tokens(rows)
    texts, first = [], 0
    for line, b in zip(open(ids), map(int, n_bytes.split())):
        tokens = len(line.split())
        w = min(int(n), tokens)
        mine = (rows["seq"][at] >= first) & (rows["seq"][at] < first + tokens // w) & (rows["pos"][at] >= w // 2)
        texts.append((-p[mine], tokens - 1, b))  # the text's own tokens: not the BOS before it
        first += tokens // w
    compare(said, texts)


def figures(logits, said, n_bytes):
    rows = places(logits, 512)
    at, p = next_tokens(rows)
    nll = [-p[rows["seq"][at] == i] for i in range(rows["seq"].max() + 1)]
    compare(said, [(x, len(x), b) for x, b in zip(nll, map(int, n_bytes.split()))])


def scores(logits, path):
    rows, got = places(logits, 512), places(path, 1)
    at, p = next_tokens(rows)
    for name in "seq", "pos", "token":
        if list(rows[name][at + 1]) != list(got[name]):
            sys.exit("other places: " + name)
    far = np.abs(p - got["x"].reshape(-1)).max()
    print("%d scores, largest difference %.2g" % (len(p), far))
    sys.exit(not far <= 1e-5)


def allowed(x, temperature, top_k, top_p, min_p, penalty, recent):
    """The probability of each token."""
    for i in set(recent):
        x[i] = x[i] / penalty if x[i] > 0 else x[i] * penalty
    order = np.argsort(-x, kind="stable")
    if top_k > 0:
        order = order[:int(top_k)]
    p = np.exp(x[order] - x[order[0]])
    before = np.concatenate([[0], np.cumsum(p / p.sum())[:-1]])
    order = order[(before < top_p) | (np.arange(len(order)) == 0)]
    order = order[np.exp(x[order] - x[order[0]]) >= min_p]
    p = np.exp((x[order] - x[order[0]]) / temperature)
    out = np.zeros(len(x))
    out[order] = p / p.sum()
    return out


def sampled(logits, ids, settings, recent):
    p = allowed(np.fromfile(logits, "<f4").astype("f8"), *map(float, settings), list(map(int, recent.split())))
    drawn = np.bincount([int(line) for line in open(ids)], minlength=len(p))
    n = drawn.sum()
    often = p * n >= 5
    rare = n - drawn[often].sum(), n * (1 - p[often].sum())
    chi = (((drawn - n * p) ** 2)[often] / (n * p)[often]).sum() + ((rare[0] - rare[1]) ** 2 / rare[1] if rare[1] > 1 else 0)
    freedom = max(often.sum() - (rare[1] <= 1), 1)
    print("%d drawn, %d tokens possible, %d drawn, chi square %.1f of %d" % (
        n, (p > 0).sum(), (drawn > 0).sum(), chi, freedom))
    if drawn[p == 0].any():
        sys.exit("drawn, but not allowed: %s" % np.flatnonzero(drawn * (p == 0)))
    # Five standard deviations; the draws are the same each time.
    sys.exit(not chi <= freedom + 5 * math.sqrt(2 * freedom))


def main():
    what, rest = sys.argv[1], sys.argv[2:]
    if what == "windows":
        windows(rest[0], int(rest[1]), rest[2])
    elif what == "perplexity":
        perplexity(*rest)
    elif what == "scores":
        scores(*rest)
    elif what == "figures":
        figures(*rest)
    else:
        sampled(rest[0], rest[1], rest[2:7], rest[7])


main()
