#!/usr/bin/python3
"""net_seeds.py: writes the seeds of the fuzz targets net_names and net_secure, into tests/fuzz/corpus."""
import os

CORPUS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "corpus")
ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
TO_RESPONDER, TO_INITIATOR, PAYLOAD_TO_RESPONDER, PAYLOAD_TO_INITIATOR, MESSAGES, PIECES, EDITS = range(7)


def save(target, name, data):
    os.makedirs(os.path.join(CORPUS, target), exist_ok=True)
    with open(os.path.join(CORPUS, target, name), "wb") as f:
        f.write(data)


def base58(data):
    n, text = int.from_bytes(data, "big"), ""
    while n:
        n, digit = divmod(n, 58)
        text = ALPHABET[digit] + text
    return "1" * (len(data) - len(data.lstrip(b"\0"))) + text


def base32(data):
    bits = "".join("{:08b}".format(b) for b in data)
    bits += "0" * (-len(bits) % 5)
    return "".join("abcdefghijklmnopqrstuvwxyz234567"[int(bits[i:i + 5], 2)] for i in range(0, len(bits), 5))


def varint(x):
    out = b""
    while x >= 0x80:
        out += bytes([x & 0x7f | 0x80])
        x >>= 7
    return out + bytes([x])


def field(number, data):
    if isinstance(data, int):
        return varint(number << 3) + varint(data)
    return varint(number << 3 | 2) + varint(len(data)) + data


# ---- net_names ----

key = bytes(range(32))
proto = field(1, 1) + field(2, key)
peer = b"\0\x24" + proto
hashed = b"\x12\x20" + key
text = base58(peer)

for name, data in {"varint": varint(2 ** 63 - 1), "key": proto, "peer": peer, "hashed": hashed}.items():
    save("net_names", name, data)
save("net_names", "proto", field(1, 2 ** 64 - 1) + field(2, b"") + b"\x1d1234\x2112345678" + field(2 ** 29 - 1, b"abc"))
for name, line in {"peer-text": text, "hashed-text": base58(hashed), "peer-cid": "b" + base32(b"\1\x72" + peer),
                   "did": "did:key:z" + base58(b"\xed\1" + key)}.items():
    save("net_names", name, line.encode())
P2P = varint(421) + varint(len(peer)) + peer
ADDRESSES = {
    "ip4": ("/ip4/127.0.0.1/tcp/4001", b"\4\x7f\0\0\1\6\x0f\xa1"),
    "ip6": ("/ip6/2001:db8::1/tcp/65535", b"\x29" + bytes.fromhex("20010db8000000000000000000000001") + b"\6\xff\xff"),
    "dns": ("/dns/example.org/tcp/1", b"\x35\x0bexample.org\6\0\1"),
    "dns4": ("/dns4/a-b.c/tcp/80", b"\x36\5a-b.c\6\0\x50"),
    "dns6": ("/dns6/a_b/tcp/0", b"\x37\3a_b\6\0\0"),
    "unix": ("/unix/run/mai.sock", b"\x90\3\x0d/run/mai.sock"),
}
for name, (line, data) in ADDRESSES.items():
    save("net_names", "text-" + name, line.encode())
    save("net_names", "text-%s-p2p" % name, (line + "/p2p/" + text).encode())
    save("net_names", "bytes-" + name, data)
    save("net_names", "bytes-%s-p2p" % name, data + P2P)
save("net_names", "text-unix-in", ("/unix/a/p2p/b/p2p/" + text + "/").encode())

# ---- net_secure: what it is, and it ----

first = b"\0\x20" + key
save("net_secure", "responder", bytes([TO_RESPONDER]) + first + b"\0\xb8" + bytes(184))
save("net_secure", "initiator", bytes([TO_INITIATOR]) + b"\0\xd8" + key + bytes(184))
extension = field(4, field(2, b"/yamux/1.0.0"))
for kind, side in ((PAYLOAD_TO_RESPONDER, "responder"), (PAYLOAD_TO_INITIATOR, "initiator")):
    for name, data in {"muxer": b"\1" + extension, "no-muxer": b"\1", "other-muxer": b"\1" + field(4, field(2, b"/mplex/6.7.0")),
                       "unproved": b"\0" + field(1, proto) + field(2, bytes(64)) + extension,
                       "again": b"\1" + field(1, proto), "unknown": b"\1" + field(9, 300) + b"\x551234" + extension}.items():
        save("net_secure", "payload-%s-%s" % (side, name), bytes([kind]) + data)
save("net_secure", "message", bytes([MESSAGES]) + b"\0\x14" + bytes(20))
save("net_secure", "pieces", bytes([PIECES]) + bytes(i * 37 % 256 for i in range(600)))
save("net_secure", "unchanged", bytes([EDITS]))
for i, size in enumerate((34, 218, 186)):
    for at in (0, 2, 33, size - 1):
        save("net_secure", "edit-%d-%d" % (i, at), bytes([EDITS]) + b"\x80" * i + bytes([0, at, 0x80]))
