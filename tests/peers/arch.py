#!/usr/bin/python3
"""arch.py: a model's logits beside those that llama.cpp computed, as NAME.expected.json holds them.

	arch.py tokens EXPECTED         the prompts: a line of decimal ids each
	arch.py compare EXPECTED ROWS [dequantised]   ROWS: what mai_stream.py rows gave for these prompts. Prints how far they are
	                                off; status 1 where that is too far. dequantised: of its weights expanded to f32
	arch.py embeddings EXPECTED ROWS   likewise, of embeddings
	arch.py greedy EXPECTED FILE    FILE: a line of ids that were generated for each prompt; a token may differ, and all
	                                behind it, where the two best logits lie closer than both are computed

How far is too far: what the README beside the models advises. For 16-bit floats against weights expanded to f32 where
activations stay f32 (f16), for bf16 and blocks, whose activations are rounded, against the main logits. Models with a GELU in f32 are held against
the run in which that was not taken from a table.
"""
import base64
import json
import sys

if sys.argv[1] in ("compare", "embeddings"):  # loading it takes longer than what the others do
    import numpy as np

# of the matrices' type: largest difference allowed, root mean square allowed, and which reference
LIMITS = {"F32": (1e-4, 1e-4, None), "F16": (1e-4, 1e-4, "dequantised"), "BF16": (0.1, 0.1, None)}
BLOCKS = 0.5, 0.15, None


def limits(expected):
    return min((LIMITS.get(t, BLOCKS) for t in expected["matrix_types"]), key=lambda x: -x[0])


def vector(text):
    return np.frombuffer(base64.b64decode(text), "<f4").astype("f8")


def compare(expected, path, dequantised):
    prompts = expected["prompts"]
    largest, rms, other = LIMITS["F16"] if dequantised else limits(expected)
    got = np.fromfile(path, "<f4").astype("f8").reshape(-1, expected["n_vocab"])
    if len(got) != sum(len(p["tokens"]) for p in prompts):
        sys.exit("%d rows of logits" % len(got))
    bad, at = False, 0
    for p in prompts:
        paths = p["other_paths"]
        reference = paths[other] if other else paths["exact_gelu"] if "exact_gelu" in paths and expected["matrix_types"] == ["F32"] else p
        for place, key in (at, "first"), (at + len(p["tokens"]) - 1, "last"):
            d = got[place] - vector(reference["logits_%s_f32_base64" % key])
            far = np.abs(d).max(), np.sqrt((d * d).mean())
            bad |= not (far[0] <= largest and far[1] <= rms)
            print("%s %d tokens, %s: largest %.2g of %g, rms %.2g of %g" % (
                expected["model"], len(p["tokens"]), key, far[0], largest, far[1], rms))
        at += len(p["tokens"])
    sys.exit(bad)


def embeddings(expected, path):
    got = np.fromfile(path, "<f4").astype("f8").reshape(len(expected["prompts"]), -1)
    for p, row in zip(expected["prompts"], got):
        wanted = vector(p["other_paths"].get("exact_gelu", p)["embedding_f32_base64"])
        far = np.abs(row - wanted).max()
        print("%s %d tokens: largest %.2g of 1e-4" % (expected["model"], len(p["tokens"]), far))
        if not far <= 1e-4:
            sys.exit("too far")


def greedy(expected, path):
    largest = limits(expected)[0]
    lines = [list(map(int, line.split())) for line in open(path)]
    if len(lines) != len(expected["prompts"]):
        sys.exit("%d sequences" % len(lines))
    for p, ids in zip(expected["prompts"], lines):
        agree = next((i for i, (a, b) in enumerate(zip(p["greedy"], ids)) if a != b), len(p["greedy"]))
        print("%s: %d of %d tokens" % (expected["model"], agree, len(p["greedy"])))
        if len(ids) != len(p["greedy"]) or agree < len(ids) and p["greedy_gap"][agree] > 2 * largest:
            sys.exit("token %d is %s" % (agree, ids[agree:agree + 1]))


def main():
    expected = json.load(open(sys.argv[2]))
    if sys.argv[1] == "tokens":
        for p in expected["prompts"]:
            print(*p["tokens"])
    elif sys.argv[1] == "compare":
        compare(expected, sys.argv[3], sys.argv[4:] == ["dequantised"])
    elif sys.argv[1] == "embeddings":
        embeddings(expected, sys.argv[3])
    else:
        greedy(expected, sys.argv[3])


main()
