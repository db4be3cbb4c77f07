"""A model of 1-billion-parameter shape, and what mai-run makes of it: what llama, engine and exact have in common."""
import json
import os
import subprocess

top = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
build = os.environ.get("MAI_BUILD", os.path.join(top, "build"))
work = os.path.join(build, "bench")
rounds = int(os.environ.get("ROUNDS", "3"))


def run(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout


def model(kind):
    """The stock file, and our shards of it, made once."""
    path = os.path.join(work, f"1b-{kind}.gguf")
    parts = os.path.join(work, f"1b-{kind}")
    os.makedirs(work, exist_ok=True)
    if not os.path.exists(path):
        run(os.path.join(build, "tests", "bench", "make-model"), "--type", kind, "--shape", "1b", path)
    if not os.path.exists(os.path.join(parts, "manifest.json")):
        run(os.path.join(build, "mai-shard"), "split", "-n", "1", "-o", parts, path)
    return path, os.path.join(parts, "manifest.json")


def bench(parts, threads, *options, tools=build):
    """Tokens a second of prefill and of decode."""
    r = json.loads(run(os.path.join(tools, "mai-run"), *(options or ["--bench"]), "--json", "-t", threads, parts))
    return r["prefill_tokens_per_second"], r["decode_tokens_per_second"]
