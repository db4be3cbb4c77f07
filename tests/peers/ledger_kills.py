#!/usr/bin/python3
"""ledger_kills.py kills N SEED RECORDS: feeds the file RECORDS to `mai-ledger append -k log.key`, kills it (SIGKILL) at N random moments
and starts it again each time with the same input. What was printed stays true, and the log always verifies.

ledger_kills.py writers N SEED RECORDS: N at once append RECORDS to one log, each in an order of its own and some of them twice; one of
them is killed. What each was told stays true, no record is there twice, and every checkpoint on the way is one of the end's.

Logs are made in the present folder."""
import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import threading
import time

mode, number, chance = sys.argv[1], int(sys.argv[2]), random.Random(int(sys.argv[3]))
lines = open(sys.argv[4], "rb").read().splitlines(keepends=True)


def leaf(line):
    return hashlib.sha256(b"\0" + line.rstrip(b"\n")).hexdigest()


def run(*command):
    p = subprocess.run(("mai-ledger",) + command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if p.returncode != 0 or p.stderr:
        sys.exit("%s: status %d: %s" % (" ".join(command), p.returncode, p.stderr.decode()))
    return p.stdout


def new_log(name):
    shutil.rmtree(name, ignore_errors=True)
    run("init", "-k", "log.key", "--origin", "example.org/log", name)


class Writer:
    """An append that is fed, in pieces of random length, and heard."""

    def __init__(self, log, feed, seed, most):
        self.p = subprocess.Popen(["mai-ledger", "append", "-t", "1", "-k", "log.key", log], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE)
        self.chance = random.Random(seed)
        self.heard = []
        self.threads = [threading.Thread(target=self.write, args=(feed, most)), threading.Thread(target=self.hear)]
        for t in self.threads:
            t.start()

    def write(self, feed, most):
        at = 0
        try:
            while at < len(feed):
                n = self.chance.randint(1, most)
                self.p.stdin.write(b"".join(feed[at:at + n]))
                self.p.stdin.flush()
                at += n
                if self.chance.random() < 0.5:
                    time.sleep(self.chance.uniform(0, 0.004))
            self.p.stdin.close()
        except (BrokenPipeError, ValueError):
            pass

    def hear(self):
        for line in self.p.stdout:
            if line.endswith(b"\n"):
                self.heard.append(line)

    def end(self):
        """Its status, once all that it has said is heard."""
        for t in self.threads:
            t.join()
        status = self.p.wait()
        said = self.p.stderr.read()
        if said:
            sys.exit("said: " + said.decode())
        try:
            self.p.stdin.close()
        except BrokenPipeError:
            pass
        self.p.stdout.close()
        self.p.stderr.close()
        return status

    def told(self, known):
        """Puts what it was told to what is known, which it must not contradict."""
        for line in self.heard:
            index, name = line.decode().split()
            if known.setdefault(name, int(index)) != int(index):
                sys.exit("%s was at %d, and is at %s" % (name, known[name], index))


def records(log):
    """Index and id of each record, in order; the ids are those of the records."""
    found = [json.loads(line) for line in run("export", log).splitlines()]
    for i, r in enumerate(found):
        text = json.dumps(r["record"], sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
        if r["index"] != i or r["id"] != leaf(text):
            sys.exit("%s: record %d is not what it says" % (log, i))
    return [r["id"] for r in found]


def must_hold(log, known, ids):
    for name, index in known.items():
        if index >= len(ids) or ids[index] != name:
            sys.exit("%s: %s was told to be at %d" % (log, name, index))


def look_at_some(log, known, by_id):
    for name, index in chance.sample(sorted(known.items()), min(1, len(known))):
        if run("show", log, str(index)) != by_id[name]:
            sys.exit("%s: record %d is another" % (log, index))
        open("proof", "wb").write(run("prove", log, name))
        open("record", "wb").write(by_id[name])
        run("verify", "-p", log + "/key", "--proof", "proof", "record")


def wait_for_journal(log, w, times):
    """Until so many batches have begun: in the middle of one."""
    last = None
    while times > 0 and w.p.poll() is None:
        try:
            now = os.stat(log + "/journal")
        except FileNotFoundError:
            continue
        if last != (now.st_ino, now.st_mtime_ns):
            last = (now.st_ino, now.st_mtime_ns)
            times -= 1


def kills():
    log, known, by_id = "killed", {}, {leaf(line): line for line in lines}
    done = ends = middle = 0
    new_log(log)
    while done < number:
        before = len(known)
        w = Writer(log, lines, chance.random(), 40)
        if chance.random() < 0.6:
            wait_for_journal(log, w, chance.randint(1, 3))
            time.sleep(chance.choice((0, 0, 0.0001, 0.0005)))
        else:
            time.sleep(chance.uniform(0, 0.06))
        w.p.kill()
        killed = w.end() != 0
        w.told(known)
        done += killed
        middle += len(known) > before
        run("verify", log)
        if done % 4 == 0:
            must_hold(log, known, records(log))
            look_at_some(log, known, by_id)
        if not killed or len(known) == len(lines):  # at the end before all kills were dealt: once more
            ends += 1
            if sorted(records(log)) != sorted(by_id):
                sys.exit("other records than were given")
            new_log(log)
            known = {}
    w = Writer(log, lines, 0, len(lines))
    if w.end() != 0:
        sys.exit("the last did not end well")
    w.told(known)
    ids = records(log)
    must_hold(log, known, ids)
    if ids != [leaf(line) for line in lines]:
        sys.exit("other records than were given, or in another order")
    run("verify", log)
    print("%d kills, %d of those that had got further, %d times to the end" % (done, middle, ends + 1))


def writers():
    log, known, seen = "shared", {}, {}
    new_log(log)
    feeds = []
    for i in range(number):
        feed = [line for line in lines if chance.random() < 0.7]
        feed += chance.sample(feed, len(feed) // 10)
        chance.shuffle(feed)
        feeds.append(feed)
    wanted = {leaf(line) for feed in feeds[1:] for line in feed}  # the first is killed
    ws = [Writer(log, feed, chance.random(), 12) for feed in feeds]
    kill_at = time.monotonic() + chance.uniform(0.05, 0.3)
    while any(w.p.poll() is None for w in ws):
        note = open(log + "/checkpoint", "rb").read()
        seen[int(note.split(b"\n")[1])] = note
        if time.monotonic() > kill_at:
            ws[0].p.kill()
        time.sleep(0.002)
    ws[0].p.kill()
    for i, w in enumerate(ws):
        if w.end() != 0 and i > 0:
            sys.exit("writer %d did not end well" % i)
        w.told(known)
    run("verify", log)
    ids = records(log)
    must_hold(log, known, ids)
    if len(set(ids)) != len(ids) or not wanted <= set(ids) or not set(ids) <= {leaf(line) for line in lines}:
        sys.exit("other records than were given, or some twice")
    some = chance.sample(sorted(seen), min(20, len(seen)))
    for size in some:
        open("since", "wb").write(seen[size])
        run("verify", "--since", "since", log)
    print("%d writers, %d records, %d checkpoints" % (number, len(ids), len(seen)))


if mode == "kills":
    kills()
else:
    writers()
