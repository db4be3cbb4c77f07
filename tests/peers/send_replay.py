#!/usr/bin/python3
"""send_replay.py record FILE PORT: listens on a free port (printed), passes one connection on to PORT, and keeps both sides' bytes.
send_replay.py as-client HOW FILE PORT: sends to PORT again what the client sent: HOW is once, turns (what it sent first, and the rest
	in the pieces in which it went, each after an answer or a second), or cut (only the handshake). Prints how many bytes came back.
send_replay.py as-server FILE: listens on a free port (printed), and says to whoever comes what the server said, turn by turn.
"""
import json
import select
import socket
import sys

what = sys.argv[1]


def listen():
    s = socket.create_server(("127.0.0.1", 0))
    print(s.getsockname()[1], flush=True)
    return s


def record(path, port):
    turns = []  # who, bytes
    client, _ = listen().accept()
    server = socket.create_connection(("127.0.0.1", port))
    other = {client: server, server: client}
    while other:
        for s in select.select(list(other), [], [])[0]:
            data = s.recv(1 << 16)
            if not data:
                other = {}
                break
            other[s].sendall(data)
            who = "client" if s is client else "server"
            if turns and turns[-1][0] == who:
                turns[-1][1] += data.hex()
            else:
                turns.append([who, data.hex()])
    with open(path, "w") as f:
        json.dump(turns, f)


def turns_of(path, who):
    with open(path) as f:
        return [bytes.fromhex(data) for side, data in json.load(f) if side == who]


def answer(s, seconds):
    """All that comes within so long; None at the end."""
    s.settimeout(seconds)
    try:
        return s.recv(1 << 20) or None
    except socket.timeout:
        return b""
    except ConnectionError:
        return None


def as_client(how, path, port):
    turns = turns_of(path, "client")
    if how == "once":
        turns = [b"".join(turns)]
    elif how == "cut":
        turns = turns[:3]
    s = socket.create_connection(("127.0.0.1", port))
    came, open_ = b"", True
    for data in turns:
        try:
            s.sendall(data)
        except ConnectionError:
            open_ = False
            break
        got = answer(s, 1)
        if got is None:
            open_ = False
            break
        came += got
    while open_:
        got = answer(s, 15)
        open_ = bool(got)
        came += got or b""
        if got == b"":
            sys.exit("it is not closed")
    print(len(came))


def as_server(path):
    s, _ = listen().accept()
    for data in turns_of(path, "server"):
        try:
            s.sendall(data)
        except ConnectionError:
            return
        if answer(s, 1) is None:
            return


if what == "record":
    record(sys.argv[2], int(sys.argv[3]))
elif what == "as-client":
    as_client(sys.argv[2], sys.argv[3], int(sys.argv[4]))
else:
    as_server(sys.argv[2])
