#!/usr/bin/env python3
"""Hosts that are far from each other: network namespaces PREFIX0, PREFIX1 and so on, 10.78.0.1, .2 and so on, and between them a
switch that gives each packet out so many milliseconds later, in order, and loses none. (Not netem, which not every kernel has, and
not vde2's wirefilter, which loses packets of bursts.) Runs until it is killed, and then takes the namespaces away. Wants root.

	far.py PREFIX HOSTS MS        says "ready" on stdout
"""
import collections
import ctypes
import fcntl
import os
import select
import signal
import struct
import subprocess
import sys
import time

TUNSETIFF, IFF_TAP, IFF_NO_PI, CLONE_NEWNET = 0x400454ca, 0x0002, 0x1000, 0x40000000
ETHER = 6  # bytes of an address; the destination comes first
libc = ctypes.CDLL(None, use_errno=True)


def ip(*words):
    subprocess.run(("ip",) + words, check=True)


def enter(fd):
    if libc.setns(fd, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


def host(name, i):
    """A namespace with a device eth0, whose other end is the descriptor."""
    here = os.open("/proc/self/ns/net", os.O_RDONLY)
    subprocess.run(["ip", "netns", "del", name], stderr=subprocess.DEVNULL)
    ip("netns", "add", name)
    enter(os.open("/var/run/netns/" + name, os.O_RDONLY))
    tap = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(tap, TUNSETIFF, struct.pack("16sH22x", b"eth0", IFF_TAP | IFF_NO_PI))
    enter(here)
    for words in (["link", "set", "lo", "up"], ["link", "set", "eth0", "address", "02:00:00:00:00:%02x" % i],
                  ["addr", "add", "10.78.0.%d/24" % (i + 1), "dev", "eth0"], ["link", "set", "eth0", "up"]):
        ip("-n", name, *words)
    return tap


def switch(taps, delay):
    waiting = collections.deque()  # when, packet, from where
    while True:
        now = time.monotonic()
        while waiting and waiting[0][0] <= now:
            _, packet, source = waiting.popleft()
            to = packet[ETHER - 1] if packet[0] == 2 else None  # else to all
            for i, tap in enumerate(taps):
                if i != source and to in (None, i):
                    try:
                        os.write(tap, packet)
                    except OSError:
                        pass
        ready = select.select(taps, [], [], max(0, waiting[0][0] - time.monotonic()) if waiting else None)[0]
        now = time.monotonic()
        for tap in ready:
            try:
                while True:
                    waiting.append((now + delay, os.read(tap, 1 << 16), taps.index(tap)))
            except BlockingIOError:
                pass


def main():
    prefix, count, delay = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]) / 1000
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    names = [prefix + str(i) for i in range(count)]
    try:
        taps = [host(name, i) for i, name in enumerate(names)]
        print("ready", flush=True)
        switch(taps, delay)
    finally:
        for name in names:
            subprocess.run(["ip", "netns", "del", name], stderr=subprocess.DEVNULL)


main()
