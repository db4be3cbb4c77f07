#!/usr/bin/python3
"""send_hostile.py HOW ADDRESS PORT...: a client that means harm, at a node that listens on TCP.

	connects N     N connections that say nothing, all held as long as they live
	half N         N connections that begin the handshake and say no more
	garbage N      N connections that send random bytes
	slow N         N connections that send one byte of a handshake a second, for 8 seconds

send_hostile.py streams STREAM FOLDER: files with what a peer could send under /mai/stream/1.0.0, none of it as it should be; STREAM
is one that is.
"""
import os
import socket
import struct
import sys
import time


def connect(host, port):
    s = socket.socket()
    s.settimeout(5)
    s.connect((host, port))
    s.setblocking(False)
    return s


def send(s, data):
    try:
        s.send(data)
        return True
    except OSError:
        return False


def streams(path, folder):
    import xxhash
    hello = b"\x02\x08\x01"
    good = open(path, "rb").read()
    header, frames = good[:256], good[256:]

    def frame(kind, flags=0, rows=0, stored=0, plain=None, seq=0, payload=b"", magic=b"MAIF"):
        h = struct.pack("<4sHHIIQQIIQQ", magic, kind, flags, rows, 0, stored, stored if plain is None else plain, seq, 0, 0, xxhash.xxh3_64_intdigest(payload))
        h += struct.pack("<Q", xxhash.xxh3_64_intdigest(h))
        return h + payload + bytes(-len(payload) % 64)

    squeezed = bytes.fromhex("28b52ffda0000000000100000001000000")  # zstd that states a terabyte or so
    bad = {
        "nothing": b"", "random": os.urandom(5000), "long-hello": b"\xff\xff\xff\xff\x0f" + bytes(100), "other-version": b"\x02\x08\x07" + good,
        "no-header": hello, "half-header": hello + header[:100], "wrong-header": hello + header[:50] + b"\1" + header[51:] + frames,
        "no-end": hello + good[:-64], "twice": hello + good + good, "terabyte": hello + header + frame(1, 1, 1, len(squeezed), 1 << 40, payload=squeezed),
        "huge": hello + header + frame(1, 0, 512, 1 << 30) + bytes(1 << 16), "squeezed": hello + header + frame(1, 1, 1, len(squeezed), 1 << 20, payload=squeezed),
        "not-open": hello + header + frame(6, seq=77), "error": hello + header + frame(7, stored=64, payload=b"x" * 64),
        "unknown-type": hello + header + frame(99), "magic": hello + header + frame(8, magic=b"MAIX"),
    }
    for cut in range(257, len(good), max(1, len(good) // 7)):
        bad["cut-%d" % cut] = hello + good[:cut]
    for name, data in bad.items():
        with open(os.path.join(folder, name), "wb") as f:
            f.write(data)


if sys.argv[1] == "streams":
    streams(sys.argv[2], sys.argv[3])
    sys.exit()
how, n, host, port = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
begin = b"\x13/multistream/1.0.0\n\x07/noise\n"
held = []
for i in range(n):
    try:
        s = connect(host, port)
    except OSError as e:
        if e.errno == 24:  # no more descriptors here: the oldest go
            held[:100] = []
            continue
        raise
    if how == "half":
        send(s, begin + b"\x00\x20" + os.urandom(32))
    if how == "garbage":
        send(s, os.urandom(300))
    held.append(s)
    if len(held) > 900:
        held.pop(0).close()
if how == "slow":
    for k in range(8):
        held = [s for s in held if send(s, begin[k:k + 1])]
        time.sleep(1)
print(len(held))
