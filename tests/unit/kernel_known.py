#!/usr/bin/env python3
"""kernel_known.py: the known answers of common/compute/kernel_test.c, computed from mai-arithmetic(7) alone.

Floats are exact fractions here and every rounding is made by integer arithmetic, so nothing depends on the floating
point of this machine. Prints each test's name and hash as kernel_test.c holds them. With --golden it prints
tests/unit/kernel_golden.h instead: exponentials to many digits, and hashes of half-precision conversions.
"""
import decimal
import struct
import sys
from fractions import Fraction as F

INF, NAN = "inf", "nan"


class Fl:
    """A float: sign, and an exact magnitude, or INF or NAN."""
    __slots__ = ("s", "m")

    def __init__(self, s, m):
        self.s, self.m = s, m


def from_bits(u):
    s, e, f = u >> 31, u >> 23 & 255, u & 0x7fffff
    if e == 255:
        return Fl(s, NAN if f else INF)
    return Fl(s, F(f) * F(2) ** -149 if e == 0 else F(f | 0x800000) * F(2) ** (e - 150))


def exponent_of(m):
    """e with 2^e <= m < 2^(e+1)."""
    e = m.numerator.bit_length() - m.denominator.bit_length()
    if F(2) ** e > m:
        e -= 1
    return e


def nearest_even(x):
    n = x.numerator // x.denominator
    rest = x - n
    if rest > F(1, 2) or (rest == F(1, 2) and n & 1):
        n += 1
    return n


def rounded(s, m, flush=False):
    """The magnitude m rounded to a float; with flush, results below 2^-126 after rounding to 24 bits are zero."""
    if m == 0:
        return Fl(s, F(0))
    e = exponent_of(m)
    if flush:
        r = nearest_even(m / F(2) ** (e - 23)) * F(2) ** (e - 23)
        if r < F(2) ** -126:
            return Fl(s, F(0))
    quantum = F(2) ** (max(e, -126) - 23)
    r = nearest_even(m / quantum) * quantum
    return Fl(s, INF if r >= F(2) ** 128 else r)


def bits(x):
    if x.m is NAN:
        raise ValueError("the bits of NaN are nobody's to know")
    if x.m is INF:
        return x.s << 31 | 0x7f800000
    if x.m == 0:
        return x.s << 31
    e = max(exponent_of(x.m), -126)
    f = x.m / F(2) ** (e - 23)
    assert f.denominator == 1
    f = f.numerator
    return x.s << 31 | ((e + 127) << 23 | f & 0x7fffff if f & 0x800000 else f)


def neg(a):
    return Fl(1 - a.s, a.m)


def fma(a, b, c, flush=False):
    if NAN in (a.m, b.m, c.m):
        return Fl(0, NAN)
    s = a.s ^ b.s
    if INF in (a.m, b.m):
        if 0 in (a.m, b.m) or (c.m is INF and c.s != s):
            return Fl(0, NAN)
        return Fl(s, INF)
    if c.m is INF:
        return c
    p = a.m * b.m
    v = (-p if s else p) + (-c.m if c.s else c.m)
    if v == 0:
        return Fl(s if p == 0 and c.m == 0 and s == c.s else 0, F(0))
    return rounded(int(v < 0), abs(v), flush)


ONE, ZERO = Fl(0, F(1)), Fl(0, F(0))


def add(a, b):
    return fma(a, ONE, b)


def sub(a, b):
    return add(a, neg(b))


def mul(a, b):
    if NAN in (a.m, b.m):
        return Fl(0, NAN)
    s = a.s ^ b.s
    if INF in (a.m, b.m):
        return Fl(0, NAN) if 0 in (a.m, b.m) else Fl(s, INF)
    return rounded(s, a.m * b.m)


def div(a, b):
    if NAN in (a.m, b.m):
        return Fl(0, NAN)
    s = a.s ^ b.s
    if a.m is INF:
        return Fl(0, NAN) if b.m is INF else Fl(s, INF)
    if b.m is INF:
        return Fl(s, F(0))
    if b.m == 0:
        return Fl(0, NAN) if a.m == 0 else Fl(s, INF)
    return rounded(s, a.m / b.m)


def sqrt(a):
    from math import isqrt
    if a.m == 0:
        return a
    assert a.s == 0 and a.m not in (INF, NAN)
    e = exponent_of(a.m) // 2
    # 24 bits and many more of the root, and a last bit that says whether it goes on
    k = 60 - e
    x = a.m * F(4) ** k
    n = x.numerator // x.denominator
    r = isqrt(n)
    exact = r * r == n and x.denominator == 1
    return rounded(0, (F(r) + (0 if exact else F(1, 2))) / F(2) ** k)


def key(a):
    """For comparing numbers that are not NaN."""
    m = F(2) ** 200 if a.m is INF else a.m
    return -m if a.s else m


def largest(a, b):
    """a > b ? a : b"""
    if NAN in (a.m, b.m):
        return b
    return a if key(a) > key(b) else b


def least(a, b):
    if NAN in (a.m, b.m):
        return b
    return a if key(a) < key(b) else b


def lit(x):
    """A literal; every one here is exact in float."""
    f = F(x)
    r = rounded(int(f < 0), abs(f))
    return r


def hexlit(s):
    return lit(F(float.fromhex(s)))


RINT = lit(3 << 22)


def exp(x):
    x = least(lit(89), largest(lit(-88), x))
    if x.m is NAN:
        return x
    n = sub(fma(x, hexlit("0x1.715476p+0"), RINT), RINT)
    r = fma(n, hexlit("-0x1.62e43p-1"), x)
    r = fma(n, hexlit("0x1.05c61p-29"), r)
    p = hexlit("0x1.6ac36cp-10")
    for c in ("0x1.123da6p-7", "0x1.555858p-5", "0x1.55548cp-3", "0x1.fffffcp-2", "1", "1"):
        p = fma(p, r, hexlit(c))
    n = int(key(n))
    return ZERO if n == -127 else Fl(0, INF) if n == 128 else rounded(p.s, p.m * F(2) ** n)


def tree(v, op):
    v = list(v)
    n = 8
    while n:
        for i in range(n):
            v[i] = op(v[i], v[i + n])
        n //= 2
    return v[0]


def lanes_sum(values, op, start):
    lane = [start] * 16
    for i, x in enumerate(values):
        lane[i % 16] = op(x, lane[i % 16])
    return lane


def to_bf16(u):
    if u & 0x7fffffff > 0x7f800000:
        return u >> 16 & 0x8000 | 0x7fc0
    return u + 0x7fff + (u >> 16 & 1) >> 16


def from_f16(h):
    s, e, f = h >> 15, h >> 10 & 31, h & 1023
    return Fl(s, F(f) * F(2) ** -24 if e == 0 else F(f | 1024) * F(2) ** (e - 25))


def normal_bf16(h):
    return from_bits((h if h & 0x7f80 else h & 0x8000) << 16)


def to_q8(x):
    """A block of 32 floats, as bits: its quants and scale bits."""
    top = max(u & 0x7fffffff for u in x)
    if top >= 0x7f800000:
        return [0] * 32, 0x7fc00000
    amax = from_bits(top)
    if amax.m < F(2) ** -120:
        return [0] * 32, 0
    up = div(lit(127), amax)
    q = [int(key(sub(add(mul(from_bits(u), up), RINT), RINT))) for u in x]
    return q, bits(div(amax, lit(127)))


# ---- the generator and the hash of kernel_test.c ----

class Some:
    def __init__(self, seed):
        self.state = seed

    def next(self):
        self.state = (self.state * 1664525 + 1013904223) & 0xffffffff
        return self.state >> 8

    def bits(self, low, span):
        s = self.next() & 1
        e = low + self.next() % span
        return s << 31 | e << 23 | self.next() & 0x7fffff

    def half(self, mask):
        s = self.next() & mask
        e = self.next() % 30
        return s << 15 | e << 10 | self.next() & 0x3ff

    def floats(self, n, low, span):
        return [self.bits(low, span) for _ in range(n)]


def hash_words(words):
    h = 0xcbf29ce484222325
    for u in words:
        h = (h ^ u & 0xffffffff) * 0x100000001b3 & 0xffffffffffffffff
    return h


def say(name, words):
    print("%-18s 0x%016x" % (name, hash_words(words)))


# ---- matrix products ----

IQ4 = (-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113)
E2M1 = (0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12)

# weights of a block, of a group; bits of the planes; f16 and bytes of scales; what is taken off a code, or a table
BLOCKS = {
    "q8_0": (32, 32, (8,), 1, 0, 128), "q4_0": (32, 32, (4,), 1, 0, 8), "q4_1": (32, 32, (4,), 2, 0, 0),
    "q5_0": (32, 32, (4, 1), 1, 0, 16), "q5_1": (32, 32, (4, 1), 2, 0, 0), "iq4_nl": (32, 32, (4,), 1, 0, IQ4),
    "mxfp4": (32, 32, (4,), 0, 1, E2M1), "q2_k": (256, 16, (2,), 2, 16, 0), "q3_k": (256, 16, (2, 1), 1, 12, 4),
    "q4_k": (256, 32, (4,), 2, 12, 0), "q5_k": (256, 32, (4, 1), 2, 12, 0), "q6_k": (256, 16, (4, 2), 1, 16, 32),
    "iq4_xs": (256, 32, (4,), 1, 6, IQ4),
}


def part_codes(g, kind):
    """512 codes of a tile, from as many bytes as they take."""
    codes, low = [0] * 512, 0
    for wide in BLOCKS[kind][2]:
        n = 64 * wide
        data = [g.next() & 255 for _ in range(n)]
        codes = [c | (data[i % n] >> i // n * wide & (1 << wide) - 1) << low for i, c in enumerate(codes)]
        low += wide
    return codes


def code_value(kind, code):
    what = BLOCKS[kind][5]
    return code - what if isinstance(what, int) else what[code]


def group_scales(kind, d, m, s):
    """Scales and least values (fractions) of the groups of a block, from its one or two f16 and its bytes."""
    if kind in ("q4_k", "q5_k"):
        six = [x & 63 for x in s[:8]] + [s[8 + i] & 15 | s[i] >> 6 << 4 for i in range(4)] + [s[8 + i] >> 4 | s[4 + i] >> 6 << 4 for i in range(4)]
        return [d * x for x in six[:4] + six[8:12]], [-m * x for x in six[4:8] + six[12:]]
    if kind == "q2_k":
        return [d * (x & 15) for x in s], [-m * (x >> 4) for x in s]
    if kind == "q3_k":
        low = [x & 15 for x in s[:8]] + [x >> 4 for x in s[:8]]
        return [d * ((x | (s[8 + i % 4] >> i // 4 * 2 & 3) << 4) - 32) for i, x in enumerate(low)], None
    if kind == "q6_k":
        return [d * (x - (x >> 7) * 256) for x in s], None
    if kind == "iq4_xs":
        return [d * ((s[2 + i // 2] >> i % 2 * 4 & 15 | (s[i // 4] >> i % 4 * 2 & 3) << 4) - 32) for i in range(8)], None
    if kind == "mxfp4":
        return [F(2) ** (s[0] - 128)], None
    return [d], [m] if m is not None else None


def of_fraction(f):
    return rounded(int(f < 0), abs(f))


def make_blocks(g, kind, tiles, cols):
    """Values of weights, and of groups the scale and the least value or None."""
    size, group, _, n_f16, n_bytes, _ = BLOCKS[kind]
    w, scales = {}, {}
    for tile in range(tiles):
        for part in range(cols // 32):
            codes = part_codes(g, kind)
            for i, code in enumerate(codes):
                w[tile * 16 + i // 4 % 16, part * 32 + i // 64 * 4 + i % 4] = code_value(kind, code)
    for tile in range(tiles):
        for b in range(cols // size):
            f16 = [[from_f16(g.half(0)).m for _ in range(16)] for _ in range(n_f16)] + [[None] * 16] * 2
            data = [[g.next() & 255 for _ in range(16)] for _ in range(n_bytes)]
            for r in range(16):
                scale, least = group_scales(kind, f16[0][r], f16[1][r], [d[r] for d in data])
                for i in range(size // group):
                    scales[tile * 16 + r, b * size // group + i] = of_fraction(scale[i]), least and of_fraction(least[i])
    return w, scales


def product(name, kind, seed, rows, cols, tokens, w_low, w_span, x_low, x_span):
    g = Some(seed)
    tiles = (rows + 15) // 16
    w = {}
    if kind in ("f32", "f16", "bf16"):
        for tile in range(tiles):
            for k in range(cols):
                for i in range(16):
                    if kind == "f32":
                        w[tile * 16 + i, k] = from_bits(g.bits(w_low, w_span))
                    elif kind == "f16":
                        w[tile * 16 + i, k] = from_f16(g.half(1))
                    else:
                        w[tile * 16 + i, k] = normal_bf16(g.bits(w_low, w_span) >> 16)
    else:
        w, scales = make_blocks(g, kind, tiles, cols)
        group = BLOCKS[kind][1]
    out = []
    for t in range(tokens):
        x = g.floats(cols, x_low, x_span)
        if kind in BLOCKS:
            blocks = [to_q8(x[b * 32:b * 32 + 32]) for b in range(cols // 32)]
        elif kind == "bf16":
            xs = [normal_bf16(to_bf16(u)) for u in x]
            order = [k ^ 1 for k in range((cols + 1) // 2 * 2)]
            xs += [ZERO]
        else:
            xs = [from_bits(u) for u in x]
        for row in range(tiles * 16):
            acc = ZERO
            if kind in BLOCKS:
                for k in range(0, cols, group):
                    q, s = blocks[k // 32]
                    q, s = q[k % 32:k % 32 + group], from_bits(s)
                    scale, least = scales[row, k // group]
                    acc = fma(mul(scale, s), lit(sum(w[row, k + i] * q[i] for i in range(group))), acc)
                    if least:
                        acc = fma(least, mul(s, lit(sum(q))), acc)
            elif kind == "bf16":
                for k in order:
                    acc = fma(w.get((row, k), ZERO), xs[k], acc, True)
            else:
                for k in range(cols):
                    acc = fma(w[row, k], xs[k], acc)
            out.append(bits(acc))
    say(name, out)


def products():
    product("f32", "f32", 1, 48, 7, 15, 120, 14, 120, 14)
    product("f32 denormals", "f32", 2, 16, 5, 1, 0, 70, 40, 40)
    product("f16", "f16", 3, 32, 9, 17, 0, 0, 110, 24)
    product("bf16", "bf16", 4, 48, 9, 17, 120, 14, 120, 14)
    product("bf16 denormals", "bf16", 5, 48, 64, 15, 60, 6, 58, 6)
    product("bf16 largest", "bf16", 6, 48, 2, 14, 189, 3, 189, 3)
    product("q8_0", "q8_0", 7, 48, 64, 17, 0, 0, 100, 30)
    product("q4_0", "q4_0", 25, 48, 64, 17, 0, 0, 100, 30)
    product("q5_0", "q5_0", 26, 48, 64, 5, 0, 0, 100, 30)
    product("iq4_nl", "iq4_nl", 27, 48, 64, 17, 0, 0, 100, 30)
    product("iq4_nl, one token", "iq4_nl", 28, 32, 64, 1, 0, 0, 100, 30)
    product("q4_1", "q4_1", 29, 48, 64, 17, 0, 0, 100, 30)
    product("q5_1", "q5_1", 30, 48, 96, 5, 0, 0, 100, 30)
    product("mxfp4", "mxfp4", 31, 48, 64, 17, 0, 0, 100, 20)
    product("q2_k", "q2_k", 32, 48, 256, 17, 0, 0, 100, 30)
    product("q3_k", "q3_k", 33, 48, 256, 5, 0, 0, 100, 30)
    product("q4_k", "q4_k", 34, 48, 256, 17, 0, 0, 100, 30)
    product("q4_k, one token", "q4_k", 35, 64, 256, 1, 0, 0, 120, 4)
    product("q5_k", "q5_k", 36, 48, 256, 5, 0, 0, 100, 30)
    product("q6_k", "q6_k", 37, 48, 256, 17, 0, 0, 100, 30)
    product("q6_k, one token", "q6_k", 38, 64, 256, 1, 0, 0, 120, 4)
    product("iq4_xs", "iq4_xs", 39, 48, 256, 2, 0, 0, 100, 30)
    product("q8_0, one token", "q8_0", 8, 64, 64, 1, 0, 0, 120, 4)


def edge():
    out = []
    for i in range(16):
        acc = fma(lit(F(2) ** -63), lit(F(2) ** -63), ZERO, True)
        out.append(bits(fma(lit(-(1 + F(i, 16)) * F(2) ** -76), lit(F(2) ** -75), acc, True)))
    say("bf16 edge", out)


def rounding():
    out = []
    for u in (0x3f808000, 0x3f818000, 0x3f808001, 0x3f817fff, 0x3fffffff, 0x7f7f7fff, 0x7f7f8000, 0xff7fffff,
              0x00800000, 0x007fffff, 0x807f8000, 0x007f7fff, 0x00000001, 0x80000000, 0x7f800000):
        acc = fma(ZERO, ZERO, ZERO, True)
        out += [bits(fma(ONE, normal_bf16(to_bf16(u)), acc, True))] * 16
    say("bf16 rounding", out)


# ---- the others ----

N, HEAD, GROUP, QUERIES, POS = 37, 24, 3, 4, 62


def layer_norm(x, w):
    mean = div(tree(lanes_sum(x, lambda a, s: add(a, s), ZERO), add), lit(N))
    d = [sub(a, mean) for a in x]
    squares = tree(lanes_sum(d, lambda a, s: fma(a, a, s), ZERO), add)
    inverse = div(ONE, sqrt(add(div(squares, lit(N)), rounded(0, F(1e-5)))))
    return [mul(mul(a, inverse), b) for a, b in zip(d, w)]


def gelu(x):
    t = mul(mul(fma(mul(x, x), hexlit("0x1.6e4e26p-5"), ONE), x), hexlit("-0x1.988454p+0"))
    return div(x, add(ONE, exp(t)))


def soft_cap(x, cap):
    u = div(x, cap)
    return mul(sub(ONE, div(lit(2), add(exp(add(u, u)), ONE))), cap)


def least(a, b):
    return neg(largest(neg(a), neg(b)))


def softplus(x):
    u = exp(Fl(1, x.m))
    t = div(u, add(lit(2), u))
    square, p = mul(t, t), hexlit("0x1.3b13b2p-4")
    for c in ("0x1.745d18p-4", "0x1.c71c72p-4", "0x1.24924ap-3", "0x1.99999ap-3", "0x1.555556p-2", "1"):
        p = fma(p, square, hexlit(c))
    return fma(add(t, t), p, largest(ZERO, x))


def swiglu_clamped(gate, up):
    g, u = least(gate, lit(7)), largest(least(up, lit(7)), lit(-7))
    return mul(div(g, add(ONE, exp(mul(g, from_bits(0xbfd9db23))))), add(u, ONE))


def rows():
    g = Some(11)
    x = g.floats(64, 100, 30) + g.floats(64, 0, 10) + g.floats(64, 240, 16)
    words = []
    for b in range(2):
        made = [to_q8(x[64 * t + 32 * b:64 * t + 32 * b + 32]) for t in range(3)]
        for q, _ in made:
            words += [sum((q[4 * i + j] & 255) << 8 * j for j in range(4)) for i in range(8)]
        words += [s for _, s in made] + [-128 * sum(q) for q, _ in made] + [-128 * sum(q[:16]) for q, _ in made]
        words += [bits(mul(from_bits(s), lit(sum(q)))) if s != 0x7fc00000 else s for q, s in made]
    say("to_q8", words)

    x = [from_bits(u) for u in Some(12).floats(2 * N, 118, 14)]
    total = tree(lanes_sum(x[:N], lambda a, s: fma(a, a, s), ZERO), add)
    eps = rounded(0, F(1e-5))
    inverse = div(ONE, sqrt(add(div(total, lit(N)), eps)))
    say("rms_norm", [bits(mul(mul(a, inverse), w)) for a, w in zip(x[:N], x[N:])])

    x = [from_bits(u) for u in Some(19).floats(4 * N, 118, 14)]
    say("layer_norm", [bits(add(a, b)) for a, b in zip(layer_norm(x[:N], x[2 * N:]), x[3 * N:])] +
        [bits(a) for a in layer_norm(x[N:2 * N], x[2 * N:])])

    x = [from_bits(u) for u in Some(13).floats(2 * N, 118, 14)]
    say("add", [bits(add(a, b)) for a, b in zip(x[:N], x[N:])])

    x = [from_bits(u) for u in Some(24).floats(2 * N + 1, 118, 14)]
    say("add_scaled", [bits(fma(x[2 * N], b, a)) for a, b in zip(x[:N], x[N:])])

    x = [from_bits(u) for u in Some(14).floats(2 * N, 90, 44)]
    say("silu_mul", [bits(mul(div(a, add(ONE, exp(neg(a)))), b)) for a, b in zip(x[:N], x[N:])])

    x = [from_bits(u) for u in Some(20).floats(3 * N, 90, 44)]
    say("gelu_mul", [bits(mul(gelu(a), b)) for a, b in zip(x[:N], x[2 * N:])] + [bits(gelu(a)) for a in x[N:2 * N]])

    x = [from_bits(u) for u in Some(40).floats(2 * N, 110, 24)]
    say("swiglu_clamped", [bits(swiglu_clamped(a, b)) for a, b in zip(x[:N], x[N:])])

    x = [from_bits(u) for u in Some(44).floats(10 * N, 118, 14)]
    last, w, b, now = [x[i * N:][:N] for i in range(3)], [x[i * N:][:N] for i in range(3, 7)], x[7 * N:8 * N], x[8 * N:9 * N]
    y = []
    for i in range(N):
        acc = b[i]
        for k in range(3):
            acc = fma(w[k][i], last[k][i], acc)
        acc = fma(w[3][i], now[i], acc)
        y.append(div(acc, add(ONE, exp(neg(acc)))))
    say("ssm_conv", [bits(a) for a in last[1] + last[2] + now + y])

    x = [from_bits(u) for u in Some(45).floats(7 * N, 112, 20)]
    h, a, now, dt, d = [x[:N], x[N:2 * N]], [x[2 * N:3 * N], x[3 * N:4 * N]], x[4 * N:5 * N], x[5 * N:6 * N], x[6 * N:]
    y = []
    for i in range(N):
        step = softplus(dt[i])
        u, acc = mul(step, now[i]), ZERO
        for k in range(2):
            h[k][i] = fma(h[k][i], exp(mul(step, Fl(1, a[k][i].m))), mul(u, now[k]))
            acc = fma(h[k][i], now[2 + k], acc)
        y.append(fma(d[i], now[i], acc))
    say("ssm_scan", [bits(v) for v in h[0] + h[1] + y])

    n = 32
    x = [from_bits(u) for u in Some(46).floats(n * n + 6 * n, 122, 8)]
    s, (r, w, k, v, a, b) = x[:n * n], [x[n * n + i * n:][:n] for i in range(6)]
    y = []
    for i in range(n):
        sa = acc = ZERO
        for j in range(n):
            sa = fma(s[j * n + i], a[j], sa)
        for j in range(n):
            s[j * n + i] = fma(sa, b[j], fma(s[j * n + i], w[j], mul(v[i], k[j])))
            acc = fma(s[j * n + i], r[j], acc)
        y.append(acc)
    say("wkv", [bits(a) for a in s + y])

    x = [from_bits(u) for u in Some(47).floats(N, 90, 44)]
    say("sigmoid", [bits(div(ONE, add(ONE, exp(neg(a))))) for a in x])

    x = [from_bits(u) for u in Some(48).floats(N, 90, 44)]
    say("exp_scaled", [bits(exp(mul(lit(F(-3, 4)), a))) for a in x])

    x = [from_bits(u) for u in Some(21).floats(N, 100, 40)]
    say("soft_cap", [bits(soft_cap(a, lit(30))) for a in x])

    x = [from_bits(u) for u in Some(15).floats(2 * HEAD + 24, 118, 10)]
    cos, sin = x[2 * HEAD:2 * HEAD + 12], x[2 * HEAD + 12:]
    for h in range(2):
        for i in range((HEAD - 2) // 2):
            at = h * HEAD + 2 * i
            a, b = x[at], x[at + 1]
            x[at] = fma(a, cos[i], neg(mul(b, sin[i])))
            x[at + 1] = fma(b, cos[i], mul(a, sin[i]))
    say("rope", [bits(a) for a in x[:2 * HEAD]])

    wide, half = 40, 19
    x = [from_bits(u) for u in Some(22).floats(3 * wide, 118, 10)]
    cos, sin = x[2 * wide:], x[2 * wide + wide // 2:]
    for h in range(2):
        for i in range(half):
            at = h * wide + i
            a, b = x[at], x[at + half]
            x[at] = fma(a, cos[i], neg(mul(b, sin[i])))
            x[at + half] = fma(b, cos[i], mul(a, sin[i]))
    say("rope_halves", [bits(a) for a in x[:2 * wide]])


def to_f16(a):
    """Rounded to f16; none here is too large for it."""
    if a.m == 0:
        return a
    quantum = F(2) ** (max(exponent_of(a.m), -14) - 10)
    return Fl(a.s, nearest_even(a.m / quantum) * quantum)


def from_q8(half, head, apart):
    """Keys or values of a page in f32: scales, and behind them the bytes of what follows. apart: keys, whose block is every 64th."""
    n = head // 32 * 64
    scale = [to_f16(mul(from_bits(u), lit(F(1, 128)))) for u in half[:n]]
    byte = struct.unpack("%db" % (head * 64), struct.pack("<%dI" % (head * 16), *half[n:n + head * 16]))
    return [mul(lit(b), scale[i // 64 // 32 * 64 + i % 64 if apart else i // 32]) for i, b in enumerate(byte)]


def attention(name, seed, window, cap, sinks=False, kind="f32"):
    head = 32 if kind == "q8_0" else HEAD
    page = head * 64
    g = Some(seed)
    raw = g.floats(4 * page + QUERIES * GROUP * head, 122, 8)
    x = [from_bits(u) for u in raw]
    sink = [from_bits(u) for u in g.floats(GROUP, 122, 12)]
    if kind == "f16":
        x[:4 * page] = [to_f16(a) for a in x[:4 * page]]
    if kind == "q8_0":
        for i in range(4):
            x[i * page:(i + 1) * page] = from_q8(raw[i * page:(i + 1) * page], head, i % 2 == 0)
    out = []
    for h in range(QUERIES * GROUP):
        pos = POS + h // GROUP
        q = x[4 * page + h * head:4 * page + (h + 1) * head]
        m, total, o = Fl(1, INF), ZERO, [ZERO] * head
        for p in range(pos // 64 + 1):
            keys, values = x[2 * p * page:], x[(2 * p + 1) * page:]
            n = min(64, pos + 1 - 64 * p)
            begin = max(0, pos + 1 - window - 64 * p) if window else 0
            if begin >= n:
                continue
            score = []
            for j in range(n):
                s = ZERO
                for d in range(head):
                    s = fma(q[d], keys[d * 64 + j], s)
                s = mul(s, lit(F(1, 4)))
                s = soft_cap(s, cap) if cap else s
                score.append(s if j >= begin else Fl(1, INF))
            score += [Fl(1, INF)] * (64 - n)
            now = largest(tree(lanes_sum(score, largest, Fl(1, INF)), largest), m)
            c = exp(sub(m, now))
            weight = [exp(sub(s, now)) for s in score]
            total = fma(total, c, tree(lanes_sum(weight, lambda a, s: add(s, a), ZERO), add))
            m = now
            for d in range(head):
                o[d] = mul(o[d], c)
                for j in range(begin, n):
                    o[d] = fma(weight[j], values[j * head + d], o[d])
        if sinks:
            now = largest(sink[h % GROUP], m)
            c = exp(sub(m, now))
            total = fma(total, c, exp(sub(sink[h % GROUP], now)))
            o = [mul(v, c) for v in o]
        out += [bits(div(v, total)) for v in o]
    say(name, out)


def softmax():
    x = [from_bits(u) for u in Some(17).floats(N, 120, 16)]
    top = tree(lanes_sum(x, largest, Fl(1, INF)), largest)
    e = [exp(mul(sub(a, top), lit(F(3, 4)))) for a in x]
    say("softmax", [bits(a) for a in e] + [bits(tree(lanes_sum(e, lambda a, s: add(s, a), ZERO), add))])


def finite():
    found = 0
    for i in range(N + 1):
        found = found * 3 + (i == N) & 0xffffffff
    say("finite", [found])


# ---- kernel_golden.h ----

def golden():
    print("/* kernel_golden.h: made by kernel_known.py --golden. */")
    print("/* x, and e to the x, as floats hold x: nearest double. */")
    print("static const struct {\n\tfloat x;\n\tdouble exp;\n} golden_exp[] = {")
    decimal.getcontext().prec = 40
    g = Some(99)
    xs = [from_bits(0x80000000 | g.bits(100, 33) & 0x7fffffff) for _ in range(100)]
    xs += [lit(-i) for i in range(88)] + [lit(2 * i) for i in range(1, 45)]
    for x in xs:
        v = key(x)
        if F(-87) <= v <= F(88):
            e = (decimal.Decimal(v.numerator) / decimal.Decimal(v.denominator)).exp()
            print("\t{ %sf, %s }," % (float(v).hex(), float(e).hex()))
    print("};")
    # struct knows f16: all that are numbers become floats, and floats around every f16 become f16
    wide = [struct.unpack("<I", struct.pack("<f", struct.unpack("<e", struct.pack("<H", h))[0]))[0]
            for h in range(65536) if h & 0x7c00 != 0x7c00]
    print("static const uint64_t golden_f32_from_f16 = 0x%016x;" % hash_words(wide))
    narrow = []
    for u in wide:
        for step in (0x0fff, 0x1000, 0x1001, 0x17ff):
            f = struct.unpack("<f", struct.pack("<I", u + step))[0]
            try:
                narrow.append(struct.unpack("<H", struct.pack("<e", f))[0])
            except OverflowError:
                narrow.append(u >> 16 & 0x8000 | 0x7c00)
    print("static const uint64_t golden_f16_from_f32 = 0x%016x;" % hash_words(narrow))
    print("static const uint64_t golden_bf16_from_f32 = 0x%016x;" %
          hash_words(to_bf16(u << 16 | low) for u in range(65536) for low in (0, 1, 0x7fff, 0x8000, 0x8001, 0xffff)))


if sys.argv[1:] == ["--golden"]:
    golden()
else:
    products()
    rounding()
    edge()
    rows()
    attention("attend", 16, 0, None)
    attention("attend, window", 23, 2, lit(5))
    attention("attend, sinks", 41, 0, None, True)
    attention("attend, f16", 42, 0, None, kind="f16")
    attention("attend, q8_0", 43, 0, None, kind="q8_0")
    softmax()
    finite()
