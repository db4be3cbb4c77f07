#!/usr/bin/python3
"""net_seeds.py: writes the seeds of the fuzz targets net_names, net_secure, net_yamux and net_mss, into tests/fuzz/corpus."""
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

# ---- net_yamux: what it is, and bytes of a peer, or steps of a script ----

RAW_RESPONDER, RAW_INITIATOR, SCRIPT, CHANGES = range(4)
DATA, WINDOW, PING, AWAY = range(4)
SYN, ACK, FIN, RST = 1, 2, 4, 8
OPEN, WANT, TAKE, FINISH, FREE, SEND_PING, DELIVER, LIMIT, TIME, ROUND_TRIP, CHANGE, HOW = range(12)


def frame(kind, flags, stream, length, data=b""):
    return bytes([0, kind]) + flags.to_bytes(2, "big") + stream.to_bytes(4, "big") + length.to_bytes(4, "big") + data


def step(kind, side, which=0, n=0):
    return bytes([kind << 1 | side, which]) + n.to_bytes(2, "big")


def sayings(theirs, mine):
    """What a peer may say whose streams are theirs, theirs + 2 and so on."""
    return {
        "opens": frame(WINDOW, SYN, theirs, 0) + frame(DATA, 0, theirs, 5, b"hello") + frame(DATA, FIN, theirs, 0),
        "answers": frame(WINDOW, ACK, mine, 100000) + frame(DATA, 0, mine, 3, b"abc") + frame(WINDOW, RST, mine + 2, 0) +
        frame(DATA, 0, mine + 2, 2, b"xy"),
        "pings": frame(PING, SYN, 0, 7) + frame(PING, ACK, 0, 7) + frame(AWAY, 0, 0, 0) + frame(AWAY, 0, 0, 1),
        "data-first": frame(DATA, SYN | FIN, theirs, 4, b"data") + frame(WINDOW, SYN | RST, theirs + 14, 0) + frame(DATA, 0, theirs + 14, 1, b"x"),
        "many": b"".join(frame(WINDOW, SYN, 2 * i + theirs, 0) for i in range(258)),
        "too-much": frame(DATA, SYN, theirs, 262145),
        "overflow": frame(WINDOW, SYN, theirs, 2 ** 32 - 1),
        "never": frame(DATA, 0, theirs + 8, 1, b"x"),
        "version": b"\1" + frame(DATA, SYN, theirs, 0)[1:],
        "type": frame(4, 0, 0, 0),
        "flags": frame(DATA, 16, theirs, 0),
        "zero": frame(WINDOW, SYN, 0, 0),
        "behind-end": frame(DATA, SYN | FIN, theirs, 0) + frame(DATA, 0, theirs, 1, b"x"),
    }


for name, data in sayings(1, 2).items():
    save("net_yamux", "responder-" + name, bytes([RAW_RESPONDER]) + data)
for name, data in sayings(2, 1).items():
    save("net_yamux", "initiator-" + name, bytes([RAW_INITIATOR]) + data)

both = step(DELIVER, 0, 0, 0xffff) + step(DELIVER, 1, 0, 0xffff)
SCRIPTS = {
    "one": step(OPEN, 0) + step(WANT, 0, 0, 40) + step(FINISH, 0) + both + step(TAKE, 1, 0, 0xffff) + step(WANT, 1, 0, 9) + step(FINISH, 1) + both,
    "window": step(OPEN, 0) + step(WANT, 0, 0, 0xffff) + both + (step(TAKE, 1, 0, 9000) + both) * 4,
    "grows": step(ROUND_TRIP, 1, 0, 0xffff) + step(OPEN, 0, 0x11) + step(WANT, 0, 0, 0xffff) + (step(TIME, 1, 0, 9) + both) * 8 + step(WANT, 0, 0, 0xffff),
    "eager": step(OPEN, 0, 0x33) + step(OPEN, 1, 0x33) + both + step(WANT, 0, 0, 30000) + step(WANT, 0, 1, 30000) + step(WANT, 1, 0, 30000) + both,
    "little-room": step(LIMIT, 0, 0, 100) + step(OPEN, 0, 0x12) + step(WANT, 0, 0, 1000) + step(DELIVER, 0, 1, 50) * 9 + step(FINISH, 0) + step(LIMIT, 0),
    "frees": step(OPEN, 0, 0x40) + step(OPEN, 0, 0x80, 0x100) + step(WANT, 0, 0, 99) + both + step(WANT, 1, 0, 99) + step(FREE, 0, 1) + both + step(FREE, 1),
    "others": step(OPEN, 0, 0xff) * 4 + both + b"".join(step(WANT, k, i, 999) for i in range(4) for k in (0, 1)) + both * 4,
    "pings": (step(SEND_PING, 0) + step(SEND_PING, 1)) * 3 + both, "many": step(OPEN, 0) * 258 + both + step(WANT, 0, 3, 5) + both,
    "cut": step(OPEN, 0) + step(WANT, 0, 0, 7) + step(DELIVER, 0, 1, 5) * 20, "how": step(OPEN, 1) + step(HOW, 1, 0, 0x300) + step(WANT, 1, 0, 7) + both,
}
for name, data in SCRIPTS.items():
    save("net_yamux", "script-" + name, bytes([SCRIPT]) + data)
for at in (0, 1, 3, 7, 11, 40):  # of the 40 bytes that are under way; 40: a byte behind them
    save("net_yamux", "change-%d" % at, bytes([CHANGES]) + step(OPEN, 0) + step(WANT, 0, 0, 1) + step(CHANGE, 0, at * 0xf0 // 40, 0x900) + both +
         step(WANT, 1, 0, 9) + both)

# ---- net_mss: what it is, and it ----

RESPONDER, INITIATOR, HELLO, IDENTIFY = range(4)


def message(text):
    return varint(len(text) + 1) + text + b"\n"


header, na = message(b"/multistream/1.0.0"), message(b"na")
CHOICES = {
    "agreed": header + message(b"/mai/stream/1.0.0") + b"behind",
    "third": header + na * 2 + message(b"/yamux/1.0.0"),
    "none": header + na * 3,
    "unknown": header + message(b"/b") * 17,
    "longest": header + message(b"x" * 1023),
    "too-long": header + message(b"x" * 1024),
    "no-header": message(b"/a"),
    "no-newline": header + b"\3/a ",
    "empty": b"\0",
}
for name, data in CHOICES.items():
    save("net_mss", "responder-" + name, bytes([RESPONDER]) + data)
    save("net_mss", "initiator-" + name, bytes([INITIATOR]) + data)


def hello(data):
    return bytes([HELLO]) + varint(len(data)) + data


save("net_mss", "hello", hello(field(1, 1) + field(2, 64) + field(3, 8) + field(4, 30)))
save("net_mss", "hello-unknown", hello(field(1, 1) + field(9, b"more") + b"\x1d1234\x2112345678" + field(2, 2 ** 64 - 1)) + b"behind")
save("net_mss", "hello-version", hello(field(1, 2)))
save("net_mss", "hello-type", hello(field(1, 1) + field(4, 5)))
save("net_mss", "hello-largest", hello(field(1, 1) + field(9, b"x" * 4091)))
save("net_mss", "hello-too-large", hello(field(1, 1) + field(9, b"x" * 4092)))
address, at = ADDRESSES["ip4"][1], ADDRESSES["dns"][1]
save("net_mss", "identify", bytes([IDENTIFY]) + field(1, proto) + field(2, address) + field(2, at + P2P) + field(3, b"/ipfs/id/1.0.0") +
     field(4, address) + field(5, b"ipfs/0.1.0") + field(6, b"mai/1"))
save("net_mss", "identify-text", bytes([IDENTIFY]) + field(6, b"\x1b[31m\0\xff") + field(5, b"v" * 300) + field(3, b"") + field(8, b"signed"))
save("net_mss", "identify-many", bytes([IDENTIFY]) + field(3, b"/p") * 70 + field(2, address) * 10)
save("net_mss", "identify-bad", bytes([IDENTIFY]) + field(2, b"\xff") + field(4, b"\4\1") + field(3, 7) + field(1, proto[:-1]))
