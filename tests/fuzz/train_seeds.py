#!/usr/bin/python3
"""train_seeds.py: writes the seeds of the fuzz target train into tests/fuzz/corpus/train, with mai-train, which is in PATH."""
import os
import subprocess
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
FOLDER = os.path.join(HERE, "corpus", "train")
DELTA, CHECKPOINT, TOKENS, TEXT = range(4)


def seed(name, kind, data):
    with open(os.path.join(FOLDER, name), "wb") as f:
        f.write(bytes([kind]) + data)


def run(command):
    subprocess.run(command, shell=True, check=True)


os.makedirs(FOLDER, exist_ok=True)
with tempfile.TemporaryDirectory() as t:
    os.chdir(t)
    with open("text", "w") as f:
        f.write("the cat and the dog<|endoftext|>the dog, the cat's 12 mats\n\n  a mat\n" * 3)
    run("mai-train vocab --size 257 -o v text")
    run("mai-train init -V v --dim 4 --layers 1 --heads 2 --kv-heads 1 --ffn 4 -c 4 -o m")
    run("mai-tokenize -m v <text >tokens; mai-tokenize -m v -l <text >lines; mai-cat --stream -z tokens >small")
    run("mai-train run -m m -d tokens --steps 2 -b 2 -o out --checkpoint c")
    run(os.path.join(HERE, "..", "peers", "training.py") + " noise 0 1 m zero")
    for kind in ("f32", "bf16"):
        run("mai-train delta -q %s -o %s zero m" % (kind, kind))
        seed(kind, DELTA, open(kind, "rb").read())
    run("zstd -dqc <f32 >plain")
    seed("plain", DELTA, open("plain", "rb").read())
    seed("checkpoint", CHECKPOINT, open("c", "rb").read())
    for name in ("tokens", "lines", "small"):
        seed(name, TOKENS, open(name, "rb").read())
    seed("text", TEXT, open("text", "rb").read())
