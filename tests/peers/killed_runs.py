#!/usr/bin/python3
"""killed_runs.py KILLS SEED WHOLE COMMAND...: runs COMMAND with a checkpoint after each step, kills it (SIGKILL) at KILLS random
moments and resumes it each time; when it has ended at last, its model must be the file WHOLE, byte for byte."""
import os
import random
import subprocess
import sys
import time

kills, chance, whole, command = int(sys.argv[1]), random.Random(int(sys.argv[2])), sys.argv[3], sys.argv[4:]
command += ["--checkpoint", "killed.checkpoint", "--checkpoint-every", "0", "--resume", "-o", "killed.gguf"]


def run(seconds):
    """True when it ended by itself."""
    p = subprocess.Popen(command)
    try:
        if p.wait(seconds) != 0:
            sys.exit("status %d" % p.returncode)
        return True
    except subprocess.TimeoutExpired:
        p.kill()
        p.wait()
        return False


def forget():
    for name in ("killed.checkpoint", "killed.gguf"):
        if os.path.exists(name):
            os.remove(name)


began = time.monotonic()
run(None)
length = time.monotonic() - began
forget()
done = ends = 0
while done < kills:
    if not run(chance.uniform(0, length / 2)):
        done += 1
        continue
    ends += 1  # before all kills were dealt: the same once more
    if open("killed.gguf", "rb").read() != open(whole, "rb").read():
        sys.exit("other bits after %d kills" % done)
    forget()
run(None)
if open("killed.gguf", "rb").read() != open(whole, "rb").read():
    sys.exit("other bits after %d kills" % done)
print("%d kills, %d times to the end" % (done, ends + 1))
