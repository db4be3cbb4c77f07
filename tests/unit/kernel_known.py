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
    """A block of 32 floats, as bits: its quants, scale bits and bias."""
    top = max(u & 0x7fffffff for u in x)
    if top >= 0x7f800000:
        return [0] * 32, 0x7fc00000, 0
    amax = from_bits(top)
    if amax.m < F(2) ** -120:
        return [0] * 32, 0, 0
    up = div(lit(127), amax)
    q = [int(key(sub(add(mul(from_bits(u), up), RINT), RINT))) for u in x]
    return q, bits(div(amax, lit(127))), -128 * sum(q)


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

CODE_BYTES = {"q8_0": 512, "q4_0": 256, "iq4_nl": 256, "q5_0": 320}
IQ4 = (-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113)


def block_codes(g, kind):
    """The 512 codes of a block of a tile, from as many bytes as they take."""
    data = [g.next() & 255 for _ in range(CODE_BYTES[kind])]
    if kind == "q8_0":
        return data
    codes = [x & 15 for x in data[:256]] + [x >> 4 for x in data[:256]]
    return [c | (data[256 + i % 64] >> i // 64 & 1) << 4 for i, c in enumerate(codes)] if kind == "q5_0" else codes


def code_value(kind, code):
    return IQ4[code] if kind == "iq4_nl" else code - {"q8_0": 128, "q4_0": 8, "q5_0": 16}[kind]


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
        scale = {}
        for tile in range(tiles):
            for b in range(cols // 32):
                codes = block_codes(g, kind)
                for four in range(8):
                    for i in range(16):
                        for j in range(4):
                            w[tile * 16 + i, b * 32 + four * 4 + j] = code_value(kind, codes[(four * 16 + i) * 4 + j])
        for tile in range(tiles):
            for b in range(cols // 32):
                for i in range(16):
                    scale[tile * 16 + i, b] = from_f16(g.half(0))
    out = []
    for t in range(tokens):
        x = g.floats(cols, x_low, x_span)
        if kind in CODE_BYTES:
            blocks = [to_q8(x[b * 32:b * 32 + 32]) for b in range(cols // 32)]
        elif kind == "bf16":
            xs = [normal_bf16(to_bf16(u)) for u in x]
            order = [k ^ 1 for k in range((cols + 1) // 2 * 2)]
            xs += [ZERO]
        else:
            xs = [from_bits(u) for u in x]
        for row in range(tiles * 16):
            acc = ZERO
            if kind in CODE_BYTES:
                for b, (q, s, _) in enumerate(blocks):
                    n = sum(w[row, b * 32 + k] * q[k] for k in range(32))
                    acc = fma(mul(scale[row, b], from_bits(s)), lit(n), acc)
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
    product("q8_0, one token", "q8_0", 8, 32, 64, 1, 0, 0, 120, 4)


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


def rows():
    g = Some(11)
    x = g.floats(64, 100, 30) + g.floats(64, 0, 10) + g.floats(64, 240, 16)
    words = []
    for b in range(2):
        made = [to_q8(x[64 * t + 32 * b:64 * t + 32 * b + 32]) for t in range(3)]
        for q, _, _ in made:
            words += [sum((q[4 * i + j] & 255) << 8 * j for j in range(4)) for i in range(8)]
        words += [m[1] for m in made] + [m[2] for m in made]
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


def attention(name, seed, window, cap):
    page = HEAD * 64
    x = [from_bits(u) for u in Some(seed).floats(4 * page + QUERIES * GROUP * HEAD, 122, 8)]
    out = []
    for h in range(QUERIES * GROUP):
        pos = POS + h // GROUP
        q = x[4 * page + h * HEAD:4 * page + (h + 1) * HEAD]
        m, total, o = Fl(1, INF), ZERO, [ZERO] * HEAD
        for p in range(pos // 64 + 1):
            keys, values = x[2 * p * page:], x[(2 * p + 1) * page:]
            n = min(64, pos + 1 - 64 * p)
            begin = max(0, pos + 1 - window - 64 * p) if window else 0
            if begin >= n:
                continue
            score = []
            for j in range(n):
                s = ZERO
                for d in range(HEAD):
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
            for d in range(HEAD):
                o[d] = mul(o[d], c)
                for j in range(begin, n):
                    o[d] = fma(weight[j], values[j * HEAD + d], o[d])
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
    softmax()
    finite()
