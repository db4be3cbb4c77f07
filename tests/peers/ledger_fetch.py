#!/usr/bin/python3
"""ledger_fetch.py URL FOLDER: fetches a log by the paths of C2SP tlog-tiles alone, without its key, and checks on the way that each
entry is the one of its hash."""
import hashlib
import os
import sys
import urllib.request

url, folder = sys.argv[1:]


def fetch(name):
    with urllib.request.urlopen(url + "/" + name) as answer:
        data = answer.read()
    path = os.path.join(folder, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(data)
    return data


def path(level, index, width):
    groups = ["%03d" % (index % 1000)]
    while index >= 1000:
        index //= 1000
        groups.insert(0, "x%03d" % (index % 1000))
    return "tile/%s/%s" % (level, "/".join(groups)) + (".p/%d" % width if width < 256 else "")


size = int(fetch("checkpoint").split(b"\n")[1])
nodes, level = size, 0
while nodes > 0:
    for index in range((nodes + 255) // 256):
        width = min(256, nodes - 256 * index)
        hashes = fetch(path(level, index, width))
        if level > 0:
            continue
        entries = fetch(path("entries", index, width))
        for i in range(width):
            n = int.from_bytes(entries[:2], "big")
            if hashlib.sha256(b"\0" + entries[2:2 + n]).digest() != hashes[32 * i:32 * i + 32]:
                sys.exit("entry %d is not the one of its hash" % (256 * index + i))
            entries = entries[2 + n:]
        if entries:
            sys.exit("more entries than hashes")
    nodes //= 256
    level += 1
