#!/usr/bin/python3
"""scale.py FACTOR: multiplies the hidden states of a mai stream by a number."""
import signal
import struct
import sys

import numpy as np
from xxhash import xxh3_64_intdigest as xxh3

HEADER = struct.Struct("<8s6I32s32s128s24xQ")  # 256 bytes
FRAME = struct.Struct("<4s2H2I2Q2I3Q")  # 64 bytes
HIDDEN, F32, ROWS, END = 2, 0, 1, 8


def padded(n):
    return (n + 63) // 64 * 64


def take(n):
    data = sys.stdin.buffer.read(n)
    if len(data) != n:
        sys.exit("scale.py: the stream was cut")
    return data


def give(*parts):
    for part in parts:
        sys.stdout.buffer.write(part)
    sys.stdout.buffer.flush()  # the next stage waits for it


def frames(width, factor):
    kind = None
    while kind != END:
        head = take(64)
        magic, kind, flags, n_rows, hops, stored, plain, seq, pos, value, payload_sum, head_sum = FRAME.unpack(head)
        if magic != b"MAIF" or head_sum != xxh3(head[:56]) or stored > 1 << 30:
            sys.exit("scale.py: not a frame")
        if flags:
            sys.exit("scale.py: the frame is compressed: put mai-cat --stream before")
        payload = bytearray(take(padded(stored)))
        if payload_sum != xxh3(memoryview(payload)[:stored]):
            sys.exit("scale.py: the checksum is wrong")
        table = padded(16 * n_rows)
        if kind == ROWS and stored > table:
            rows = np.frombuffer(payload, np.float32, n_rows * width, table).reshape(n_rows, width)
            rows *= np.float32(factor)
        hops += hops > 0  # a driver counts its stages
        head = FRAME.pack(magic, kind, flags, n_rows, hops, stored, plain, seq, pos, value,
                          xxh3(memoryview(payload)[:stored]), 0)[:56]
        give(head, struct.pack("<Q", xxh3(head)), payload)


signal.signal(signal.SIGPIPE, signal.SIG_DFL)
while header := sys.stdin.buffer.read(256):
    header += take(256 - len(header))
    magic, version, kind, dtype, width, layer, flags, vocab, model, profile, checksum = HEADER.unpack(header)
    if magic != b"\x89MAI\r\n\x1a\n" or version != 1 or checksum != xxh3(header[:248]):
        sys.exit("scale.py: not a stream of version 1")
    if kind != HIDDEN or dtype != F32:
        sys.exit("scale.py: not a stream of hidden states in f32")
    give(header)
    frames(width, float(sys.argv[1]))
