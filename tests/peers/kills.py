#!/usr/bin/env python3
"""kills.py SHARDS N SEED: kills stages of running pipelines and says what does not end as it must.

Half of the pipelines are plain pipes of three stages whose input goes on: those behind the victim must end with status 1 and one
line that says that the stream was cut, those before it by SIGPIPE without a word. Half are driven: the driver must end with
status 1 and a line, and nothing of its pipeline may be left, not even unreaped. Every fourth driver is interrupted instead.
"""
import os
import random
import signal
import subprocess
import sys
import time

shards, rounds, seed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
PATIENCE = 30  # what has not ended by then hangs
chance = random.Random(seed)
names = [os.path.join(shards, f"{i}.gguf") for i in range(3)]
longest = 0.0
faults = []


def tokens(n_sequences, length):
    lines = "".join(" ".join(str(chance.randrange(3, 512)) for _ in range(length)) + "\n" for _ in range(n_sequences))
    return subprocess.run(["mai-cat", "--from-ids"], input=lines.encode(), stdout=subprocess.PIPE, check=True).stdout


def ended(p):
    try:
        return p.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        p.kill()
        p.wait()
        return None


def plain(number, stream):
    global longest
    victim = chance.randrange(3)
    stages, feed = [], None
    source = None
    for i, name in enumerate(names):
        if i == 0:
            read, feed = os.pipe()
            source = read
        p = subprocess.Popen(["mai-run", "-t", "1", name], stdin=source, stdout=subprocess.PIPE if i < 2 else subprocess.DEVNULL,
                             stderr=subprocess.PIPE)
        if i == 0:
            os.close(read)
        else:
            source.close()
        source = p.stdout
        stages.append(p)
    os.set_blocking(feed, False)
    killed_at = time.monotonic() + chance.uniform(0.0, 0.15)
    at, victim_alive = 0, True
    began = None
    while True:
        try:
            at += os.write(feed, stream[at:at + 4096]) if at < len(stream) else 0
        except BlockingIOError:
            time.sleep(0.001)
        except BrokenPipeError:
            break
        now = time.monotonic()
        if victim_alive and now >= killed_at:
            stages[victim].kill()
            victim_alive, began = False, now
        if not victim_alive and all(p.poll() is not None for p in stages):
            break
        if began and now - began > PATIENCE:
            break
        if at == len(stream):
            time.sleep(0.002)
    for i, p in enumerate(stages):
        status = ended(p)
        said = p.stderr.read().decode(errors="replace").splitlines()
        p.stderr.close()
        if i < victim and not (status == -signal.SIGPIPE and said == []):
            faults.append(f"{number}: stage {i} before victim {victim}: status {status}, said {said}")
        if i > victim and not (status == 1 and len(said) == 1 and "the stream was cut" in said[0]):
            faults.append(f"{number}: stage {i} behind victim {victim}: status {status}, said {said}")
    os.close(feed)
    if began:
        longest = max(longest, time.monotonic() - began)


def of_session(sid):
    """Pids of a session's processes, and whether each is a zombie."""
    found = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat") as f:
                fields = f.read().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(fields[3]) == sid:
            found[int(pid)] = fields[0]
    return found


def stage_pids(sid):
    pids = {}
    for pid in of_session(sid):
        try:
            with open(f"/proc/{pid}/cmdline") as f:
                words = f.read().split("\0")
        except OSError:
            continue
        if len(words) > 1 and words[0].endswith("mai-run") and "--via" not in words:
            pids[pid] = words
    return list(pids)


def driven(number, stream):
    global longest
    interrupt = number % 4 == 0
    p = subprocess.Popen(["mai-run", "-n", "400", "--ignore-eos", "-b", "16", "--via", " | ".join(f"mai-run -t 1 {n}" for n in names)],
                         stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True)
    try:
        p.stdin.write(stream)
        p.stdin.close()
    except BrokenPipeError:
        pass
    time.sleep(chance.uniform(0.02, 0.3))
    pids = stage_pids(p.pid)
    began = time.monotonic()
    if interrupt:
        p.send_signal(signal.SIGINT)
    elif pids:
        try:
            os.kill(chance.choice(pids), signal.SIGKILL)
        except ProcessLookupError:
            pass
    else:
        p.kill()  # too early: nothing to see here
    status = ended(p)
    longest = max(longest, time.monotonic() - began)
    said = p.stderr.read().decode(errors="replace").splitlines()
    p.stderr.close()
    if interrupt and not (status == -signal.SIGINT and said == []):
        faults.append(f"{number}: interrupted driver: status {status}, said {said}")
    if not interrupt and pids and not (status == 1 and any(s.startswith("mai-run: pipeline: ") for s in said)):
        faults.append(f"{number}: driver: status {status}, said {said}")
    left = of_session(p.pid)
    if left and pids:
        faults.append(f"{number}: left behind: {left}")
        for pid in left:
            os.kill(pid, signal.SIGKILL)


def main():
    long_input = tokens(60, 200)[:-64]  # without its end: it goes on
    prompts = tokens(40, 12)
    for number in range(rounds):
        if number % 2:
            plain(number, long_input)
        else:
            driven(number, prompts)
    for fault in faults:
        print(fault)
    print(f"{rounds} kills, {len(faults)} faults, the longest end took {longest:.2f} s")
    return 1 if faults else 0


sys.exit(main())
