#!/usr/bin/python3
"""mai_stream.py: mai-stream(5) read and written without mai, for tests.

	mai_stream.py tokens [-r ROWS] [-m] [-w last] [-b N]   decimal ids, a sequence a line -> a token stream
	mai_stream.py ids                                a token stream -> decimal ids, a sequence a line
	mai_stream.py rows [-p]                          a stream -> the data of its rows by sequence and position, and
	                                                 nothing else: frames may lie otherwise. -p: seq, pos, token before each
	mai_stream.py frames                             a stream -> a line a frame

-r: rows in a frame; -m: frames mix sequences, a row of each in turn; -w last: an output is wanted for the last row only;
-b: the bytes of each sequence's text. (Without numpy: to load it takes ten times as long as all that is done here.)
"""
import argparse
import struct
import sys

import xxhash

ROWS, OPEN, PROMPT_END, FORK, CUT, CLOSE, ERROR, END = range(1, 9)
TYPES = ["", "rows", "open", "prompt-end", "fork", "cut", "close", "error", "end", "receipt", "voucher"]
STOP, LENGTH, CONTEXT, MEMORY, REFUSED, FAULT = range(1, 7)
TOKENS, HIDDEN, LOGITS, SCORES, EMBEDDINGS = range(1, 6)
WANTED, HELD = 1, 2
ROW = struct.Struct("<4I")  # seq, pos, token, flags
MAGIC = b"\x89MAI\r\n\x1a\n"


def pad(data):
    return data + bytes(-len(data) % 64)


def check(condition, reason):
    if not condition:
        raise SystemExit("mai_stream.py: " + reason)


# ---- writing ----

def header(kind=TOKENS, width=0, next_layer=0):
    h = MAGIC + struct.pack("<6I", 1, kind, 0, width, next_layer, 0)
    h += bytes(248 - len(h))
    return h + struct.pack("<Q", xxhash.xxh3_64_intdigest(h))


def frame(kind, payload=b"", n_rows=0, seq=0, pos=0, value=0):
    h = b"MAIF" + struct.pack("<HHIIQQIIQQ", kind, 0, n_rows, 0, len(payload), len(payload), seq, pos, value,
                              xxhash.xxh3_64_intdigest(payload))
    return h + struct.pack("<Q", xxhash.xxh3_64_intdigest(h)) + pad(payload)


def open_frame(seq, ordinal):
    # top-p, repeat penalty, typical-p and the exponent of the dynamic temperature are 1, all else 0
    return frame(OPEN, struct.pack("<Q16xf4xf56xf12xf16x", ordinal, 1, 1, 1, 1), seq=seq)


def rows_frame(rows):
    return frame(ROWS, pad(b"".join(ROW.pack(*r) for r in rows)), n_rows=len(rows))


def end_of(seq, n, text_bytes):
    return frame(PROMPT_END, seq=seq, value=text_bytes) + frame(CLOSE, seq=seq, pos=n, value=STOP)


def write_tokens(out, sequences, rows, mix, wanted, text_bytes):
    def row(s, i):
        n = len(sequences[s])
        return (s, i, sequences[s][i], WANTED if wanted == "all" or i == n - 1 else 0)

    out.write(header())
    if mix:
        for s in range(len(sequences)):
            out.write(open_frame(s, s))
        longest = max(map(len, sequences), default=0)
        table = [row(s, i) for i in range(longest) for s in range(len(sequences)) if i < len(sequences[s])]
        for i in range(0, len(table), rows):
            out.write(rows_frame(table[i:i + rows]))
        for s, t in enumerate(sequences):
            out.write(end_of(s, len(t), text_bytes))
    else:
        for s, t in enumerate(sequences):
            out.write(open_frame(s, s))
            for i in range(0, len(t), rows):
                out.write(rows_frame([row(s, k) for k in range(i, min(i + rows, len(t)))]))
            out.write(end_of(s, len(t), text_bytes))
    out.write(frame(END))


# ---- reading ----

def read(data):
    """Yields the header's fields, and then each frame as (type, fields): of all streams in data."""
    at = 0
    while at < len(data):
        h = data[at:at + 256]
        check(h[:8] == MAGIC, "no header at byte %d" % at)
        check(struct.unpack_from("<Q", h, 248)[0] == xxhash.xxh3_64_intdigest(h[:248]), "wrong sum of a header")
        version, kind, dtype, width, next_layer = struct.unpack_from("<5I", h, 8)
        check(version == 1 and dtype == 0, "version %d, element type %d" % (version, dtype))
        yield "header", dict(kind=kind, width=width, next_layer=next_layer)
        at += 256
        while True:
            f = data[at:at + 64]
            check(len(f) == 64, "the stream was cut")
            check(f[:4] == b"MAIF", "no frame at byte %d" % at)
            check(struct.unpack_from("<Q", f, 56)[0] == xxhash.xxh3_64_intdigest(f[:56]), "wrong sum of a head")
            kind, flags, n_rows, hops, stored, plain, seq, pos, value, digest = struct.unpack_from("<HHIIQQIIQQ", f, 4)
            payload = data[at + 64:at + 64 + stored]
            check(flags == 0 and stored == plain == len(payload), "a payload that is cut or compressed")
            check(digest == xxhash.xxh3_64_intdigest(payload), "wrong sum of a payload")
            at += 64 + stored + -stored % 64
            yield TYPES[kind], dict(n_rows=n_rows, hops=hops, seq=seq, pos=pos, value=value, payload=payload)
            if kind == END:
                break


def rows_of(fields):
    """Of each row seq, pos, token, flags and its data, f32 as bytes."""
    n, payload = fields["n_rows"], fields["payload"]
    at = (16 * n + 63) // 64 * 64
    check(len(payload) >= at and (n == 0 or (len(payload) - at) % (4 * n) == 0), "rows that are no table and f32 data")
    size = (len(payload) - at) // n if n else 0
    return [(*ROW.unpack_from(payload, 16 * i), payload[at + i * size:at + (i + 1) * size]) for i in range(n)]


def collect(data):
    """All rows of a stream, by the ordinals of sequences and by positions: ordinal, pos, token, flags, data. And the ordinals."""
    ordinals, rows, base = [], [], 0
    for kind, f in read(data):
        if kind == "header":
            base = max(ordinals, default=-1) + 1
            ids = {}
        elif kind == "open":
            ids[f["seq"]] = base + struct.unpack_from("<Q", f["payload"])[0]
            ordinals.append(ids[f["seq"]])
        elif kind == "rows":
            rows += [(ids[r[0]], *r[1:]) for r in rows_of(f)]
    check(len({len(r[4]) for r in rows}) <= 1, "rows of several widths")
    return sorted(rows, key=lambda r: r[:2]), sorted(ordinals)


# ---- the command line ----

def print_ids(data):
    rows, ordinals = collect(data)
    tokens = {o: [] for o in ordinals}
    for r in rows:
        tokens[r[0]].append(r[2])
    for o in ordinals:
        print(*tokens[o])


def print_rows(data, places):
    for r in collect(data)[0]:
        sys.stdout.buffer.write((struct.pack("<III", *r[:3]) if places else b"") + r[4])


def print_frames(data):
    for kind, f in read(data):
        if kind == "header":
            print("header", f["kind"], f["width"], f["next_layer"])
        elif kind == "rows":
            print("rows", *["%d@%d:%d%s%s" % (seq, pos, token, "~" if flags & HELD else "", "!" if flags & WANTED else "")
                            for seq, pos, token, flags, _ in rows_of(f)])
        else:
            print(kind, f["seq"], f["pos"], f["value"])


def main():
    p = argparse.ArgumentParser()
    p.add_argument("what", choices=["tokens", "ids", "rows", "frames"])
    p.add_argument("-r", type=int, default=512)
    p.add_argument("-m", action="store_true")
    p.add_argument("-p", action="store_true")
    p.add_argument("-b", type=int, default=0)
    p.add_argument("-w", choices=["all", "last"], default="all")
    o = p.parse_args()
    if o.what == "tokens":
        sequences = [list(map(int, line.split())) for line in sys.stdin]
        write_tokens(sys.stdout.buffer, sequences, o.r, o.m, o.w, o.b)
        return
    data = sys.stdin.buffer.read()
    if o.what == "ids":
        print_ids(data)
    elif o.what == "rows":
        print_rows(data, o.p)
    else:
        print_frames(data)


if __name__ == "__main__":
    main()
