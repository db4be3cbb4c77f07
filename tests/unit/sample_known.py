#!/usr/bin/env python3
"""sample_known.py: prints tests/unit/sample_golden.h, what each step of the sampler makes of known logits.

Computed from the formulas as they were published, in binary64 and naively; nothing is taken from the code under test. Sources:
DRY and XTC: p-e-w, text-generation-webui pull requests 5677 and 6335; typical: Meister et al. 2022; top-n-sigma: Tang et al. 2024;
Mirostat: Basu et al. 2021; dynamic temperature and the order of the steps: llama.cpp; Philox: Salmon et al. 2011.
"""
import math
import struct

N = 50
LOGITS = [struct.unpack("f", struct.pack("f", (i * 37 % N) / 5))[0] for i in range(N)]
PLAIN = dict(temperature=1, top_k=0, top_p=1, min_p=0, repeat_penalty=1, repeat_last=64, presence_penalty=0, frequency_penalty=0,
             dry_multiplier=0, dry_base=1.75, dry_allowed_length=2, dry_penalty_last_n=64, xtc_probability=0, xtc_threshold=0.1,
             typical_p=1, top_n_sigma=0, dynatemp_range=0, dynatemp_exponent=1, mirostat=0, mirostat_tau=3, mirostat_eta=0.1, seed=0)
FORBIDDEN = -math.inf


def philox(counter, key):
    c, k = list(counter), list(key)
    for _ in range(10):
        a, b = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [b >> 32 ^ c[1] ^ k[0], b & 0xffffffff, a >> 32 ^ c[3] ^ k[1], a & 0xffffffff]
        k = [(k[0] + 0x9E3779B9) & 0xffffffff, (k[1] + 0xBB67AE85) & 0xffffffff]
    return c


def draw(s, pos, word):
    return (philox([pos, 7, 0, 0], [s["seed"] & 0xffffffff, s["seed"] >> 32])[word] >> 8) / 2 ** 24


def softmax(logits, t=1):
    """Of {token: logit}."""
    top = max(logits.values())
    e = {i: math.exp((l - top) / t) for i, l in logits.items()}
    return {i: x / sum(e.values()) for i, x in e.items()}


def entropy(p):
    return -sum(x * math.log(x) for x in p.values() if x > 0)


def order(logits):
    return sorted(logits, key=lambda i: (-logits[i], i))


def penalties(l, s, tokens):
    window = tokens[-s["repeat_last"]:] if s["repeat_last"] else []
    for t in set(window):
        l[t] = l[t] / s["repeat_penalty"] if l[t] > 0 else l[t] * s["repeat_penalty"]
        l[t] -= window.count(t) * s["frequency_penalty"] + s["presence_penalty"]


def dry(l, s, tokens, breakers):
    """At every place of the window: how much of what stands before it is what stands at the end."""
    last = s["dry_penalty_last_n"]
    window = tokens[-last:] if last else []
    ends = [i + len(b) for b in breakers for i in range(len(window) - len(b) + 1) if window[i:i + len(b)] == b]
    limit = len(window) - max(ends, default=0)
    longest = {}
    for at in range(1, len(window)):
        n = 0
        while n < min(at, limit) and window[at - 1 - n] == window[-1 - n]:
            n += 1
        if n >= s["dry_allowed_length"]:
            longest[window[at]] = max(n, longest.get(window[at], 0))
    for t, n in longest.items():
        if s["dry_multiplier"] and [t] not in breakers:
            l[t] -= s["dry_multiplier"] * s["dry_base"] ** (n - s["dry_allowed_length"])


def sigma(l, n):
    known = [x for x in l.values() if x > FORBIDDEN]
    mean = sum(known) / len(known)
    deviation = math.sqrt(sum((x - mean) ** 2 for x in known) / len(known))
    return {i: x for i, x in l.items() if x >= max(known) - n * deviation}


def typical(l, p):
    q = softmax(l)
    h = entropy(q)
    kept, total = {}, 0
    for i in sorted(l, key=lambda i: abs(-math.log(q[i]) - h)):
        kept[i] = l[i]
        total += q[i]
        if total > p:
            break
    return kept


def top_p(l, p):
    q, kept, total = softmax(l), {}, 0
    for i in order(l):
        kept[i] = l[i]
        total += q[i]
        if total >= p:
            break
    return kept


def xtc(l, s, chance):
    q = softmax(l)
    top = [i for i in order(l) if q[i] >= s["xtc_threshold"]]
    if len(l) < 2 or chance > s["xtc_probability"] or s["xtc_threshold"] > 0.5:
        return l
    return {i: l[i] for i in l if i not in top[:-1]}


def mirostat(l, s, mu):
    l = {i: x / s["temperature"] for i, x in l.items()}
    q = softmax(l)
    if s["mirostat"] == 2:
        kept = [i for i in order(l) if -math.log2(q[i]) <= mu] or order(l)[:1]
        return {i: l[i] for i in kept}
    best = order(l)[:100]
    t = [math.log((i + 2) / (i + 1)) for i in range(len(best) - 1)]
    b = [math.log(q[best[i]] / q[best[i + 1]]) for i in range(len(best) - 1)]
    exponent = sum(x * y for x, y in zip(t, b)) / sum(x * x for x in t)
    more = exponent - 1
    k = (more * 2 ** mu / (1 - N ** -more)) ** (1 / exponent)
    return {i: l[i] for i in order(l)[:max(1, int(k))]}


def chain(s, bias, tokens, breakers, mu):
    """The candidates with their probabilities, the likeliest first, the one that is drawn, and mirostat's mu behind it."""
    pos = len(tokens)
    l = dict(enumerate(LOGITS))
    for t, b in bias:
        l[t] += b
    if s["mirostat"]:
        l = {i: x for i, x in l.items() if x > FORBIDDEN}
        q = softmax(mirostat(l, s, mu))
    else:
        penalties(l, s, tokens)
        dry(l, s, tokens, breakers)
        l = {i: x for i, x in l.items() if x > FORBIDDEN}
        if s["top_n_sigma"]:
            l = sigma(l, s["top_n_sigma"])
        if s["top_k"]:
            l = {i: l[i] for i in order(l)[:s["top_k"]]}
        if s["typical_p"] < 1:
            l = typical(l, s["typical_p"])
        if s["top_p"] < 1:
            l = top_p(l, s["top_p"])
        if s["min_p"]:
            q = softmax(l)
            l = {i: x for i, x in l.items() if q[i] >= s["min_p"] * max(q.values())}
        if s["xtc_probability"]:
            l = xtc(l, s, draw(s, pos, 1))
        t = s["temperature"]
        if s["dynatemp_range"] and len(l) > 1:
            low = max(0, t - s["dynatemp_range"])
            high = t + s["dynatemp_range"]
            t = low + (high - low) * (entropy(softmax(l)) / math.log(len(l))) ** s["dynatemp_exponent"]
        q = softmax(l, t)
    at, total = draw(s, pos, 0), 0
    for chosen in order(q):
        total += q[chosen]
        if total > at:
            break
    mu = mu - s["mirostat_eta"] * (-math.log2(q[chosen]) - s["mirostat_tau"]) if s["mirostat"] else mu
    return [(i, q[i]) for i in order(q)], chosen, mu


TEXT = [3, 9, 4, 23, 3, 9, 4, 7, 41, 9, 4, 23, 11, 3, 9, 4]
CASES = [
    ("nothing", {}, [], [], []),
    ("logit biases", {}, [(5, 4.5), (23, -2), (5, 1), (46, FORBIDDEN), (9, FORBIDDEN)], [], []),
    ("repeat penalty", dict(repeat_penalty=1.5, repeat_last=9), [], TEXT, []),
    ("presence penalty", dict(presence_penalty=1.25, repeat_last=5), [], TEXT, []),
    ("frequency penalty", dict(frequency_penalty=0.75), [], TEXT, []),
    ("all penalties", dict(repeat_penalty=1.25, presence_penalty=-0.5, frequency_penalty=0.5, repeat_last=12), [], TEXT, []),
    ("penalties with a window of nothing", dict(repeat_penalty=2, frequency_penalty=3, repeat_last=0), [], TEXT, []),
    ("DRY", dict(dry_multiplier=0.8), [], TEXT, []),
    ("DRY, a shorter window", dict(dry_multiplier=0.8, dry_penalty_last_n=8), [], TEXT, []),
    ("DRY, no window", dict(dry_multiplier=0.8, dry_penalty_last_n=0), [], TEXT, []),
    ("DRY, every length", dict(dry_multiplier=0.5, dry_base=2, dry_allowed_length=0), [], TEXT, []),
    ("DRY, length 3", dict(dry_multiplier=1, dry_base=1, dry_allowed_length=3), [], TEXT, []),
    ("DRY, one token over and over", dict(dry_multiplier=0.25, dry_base=1.25), [], [7] * 12, []),
    ("DRY, a breaker", dict(dry_multiplier=0.8), [], TEXT, [[3]]),
    ("DRY, a breaker of two tokens", dict(dry_multiplier=0.8, dry_allowed_length=1), [], TEXT, [[3, 9], [40, 41]]),
    ("DRY, the breaker is what would be penalised", dict(dry_multiplier=0.8), [], TEXT, [[23]]),
    ("DRY, a breaker at the end", dict(dry_multiplier=0.8, dry_allowed_length=1), [], TEXT, [[4]]),
    ("DRY, more than a float holds", dict(dry_multiplier=1e6, dry_base=1e6), [], [7] * 12, []),
    ("top-n-sigma", dict(top_n_sigma=1.2), [], [], []),
    ("top-n-sigma beside what is forbidden", dict(top_n_sigma=0.75), [(46, FORBIDDEN), (19, -100)], [], []),
    ("typical", dict(typical_p=0.6), [], [], []),
    ("typical, nearly nothing", dict(typical_p=0), [], [], []),
    ("typical, of a few", dict(typical_p=0.9, top_k=7), [], [], []),
    ("XTC, always", dict(xtc_probability=1), [], [], []),
    ("XTC, never above the threshold", dict(xtc_probability=1, xtc_threshold=0.3), [], [], []),
    ("XTC, a threshold above a half", dict(xtc_probability=1, xtc_threshold=0.6), [(5, 9)], [], []),
    ("XTC, everything reaches it", dict(xtc_probability=1, xtc_threshold=0, top_k=6), [], [], []),
    ("XTC, one candidate", dict(xtc_probability=1, min_p=1), [], [], []),
    ("dynamic temperature", dict(dynatemp_range=0.5), [], [], []),
    ("dynamic temperature from 0 on", dict(temperature=0.5, dynatemp_range=1.5, dynatemp_exponent=2.5), [], [], []),
    ("dynamic temperature of two", dict(dynatemp_range=0.75, top_k=2, dynatemp_exponent=0.5), [], [], []),
    ("top-p and min-p", dict(top_p=0.9, min_p=0.3), [], [], []),
    ("the whole chain", dict(repeat_penalty=1.125, frequency_penalty=0.25, dry_multiplier=0.75, top_n_sigma=1.75, top_k=30, typical_p=0.95,
                             top_p=0.9, min_p=0.0625, xtc_probability=1, xtc_threshold=0.125, temperature=0.75, dynatemp_range=0.25, seed=2 ** 40 + 3),
     [(7, 1.5), (27, FORBIDDEN)], TEXT, [[41]]),
    ("mirostat", dict(mirostat=1), [], [], []),
    ("mirostat, hot", dict(mirostat=1, temperature=2.5, mirostat_tau=2.5, mirostat_eta=0.5), [(46, FORBIDDEN)], TEXT, []),
    ("mirostat, nothing is even enough", dict(mirostat=1, mirostat_tau=0.125), [], [], []),
    ("mirostat 2", dict(mirostat=2), [], [], []),
    ("mirostat 2, cold", dict(mirostat=2, temperature=0.5, mirostat_tau=1, mirostat_eta=0.25, repeat_penalty=9), [(46, FORBIDDEN)], TEXT, []),
    ("mirostat 2, nothing is even enough", dict(mirostat=2, mirostat_tau=0.0625), [], [], []),
]
for i in range(8):
    CASES.append(("XTC, in half of all cases, at position %d" % i, dict(xtc_probability=0.5), [], TEXT[:i], []))


def number(x):
    return "-INFINITY" if x == FORBIDDEN else "%.9gf" % x if "." in "%.9g" % x or "e" in "%.9g" % x else "%d" % x


print("/* sample_golden.h: made by sample_known.py. */")
print("static const struct known known[] = {")
for name, change, bias, tokens, breakers in CASES:
    s = {**PLAIN, **change}
    mu = 2 * s["mirostat_tau"]
    candidates, chosen, mu = chain(s, bias, tokens, breakers, mu)
    print('\t{ .name = "%s", .n_biases = %d, .n_tokens = %d, .n_breakers = %d, .n = %d, .chosen = %d, .mu = %.9g,' %
          (name, len(bias), len(tokens), len(breakers), len(candidates), chosen, mu))
    print("\t\t.how = { " + ", ".join(".%s = %s" % (k, v if k == "seed" else number(v)) for k, v in s.items() if v) + " },")
    if bias:
        print("\t\t.bias = { " + ", ".join("{ %d, %s }" % (t, number(b)) for t, b in bias) + " },")
    if tokens:
        print("\t\t.token = { " + ", ".join(map(str, tokens)) + " },")
    if breakers:
        print("\t\t.breaker = { " + ", ".join("{ %d, { %s } }" % (len(b), ", ".join(map(str, b))) for b in breakers) + " },")
    print("\t\t.candidate = {")
    for i in range(0, len(candidates), 5):
        print("\t\t\t" + " ".join("{ %d, %.9g }," % c for c in candidates[i:i + 5]))
    print("\t\t} },")
print("};")
