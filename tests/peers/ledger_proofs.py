#!/usr/bin/python3
"""ledger_proofs.py LOG N SEED STEP: proves N random records of a log and verifies each in a folder that has only the key, the proof and
the record. Then every STEPth byte of a proof and of a record is changed: none is taken."""
import json
import os
import random
import subprocess
import sys
import tempfile

log, number, chance, step = sys.argv[1], int(sys.argv[2]), random.Random(int(sys.argv[3])), int(sys.argv[4])


def output(*command):
    return subprocess.run(("mai-ledger",) + command, stdout=subprocess.PIPE, check=True).stdout


def put(name, data):
    with open(name, "wb") as f:
        f.write(data)


def verify():
    return subprocess.run(["mai-ledger", "verify", "-p", "key", "--proof", "proof", "record"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)


all_records = [json.loads(line) for line in output("export", log).splitlines()]
some = [(r, output("prove", log, str(r["index"]) if i % 2 else r["id"]), output("show", log, str(r["index"])))
        for i, r in enumerate(chance.sample(all_records, number))]
key = open(os.path.join(log, "key"), "rb").read()
with tempfile.TemporaryDirectory(dir=".") as folder:
    os.chdir(folder)
    put("key", key)
    for r, proof, record in some:
        put("proof", proof)
        put("record", record)
        p = verify()
        if p.returncode != 0 or not p.stdout.startswith(b"record %d of %d " % (r["index"], len(all_records))):
            sys.exit("record %d: %s" % (r["index"], p.stderr.decode()))
        put("record", json.dumps(r["record"], indent=1).encode())  # written in another way
        if verify().returncode != 0:
            sys.exit("record %d in another form" % r["index"])
        put("record", some[0][2] if r != some[0][0] else some[1][2])
        if verify().returncode != 1:
            sys.exit("record %d: its proof shows another" % r["index"])
    changed = 0
    for name, data in (("proof", some[0][1]), ("record", some[0][2])):
        put("proof", some[0][1])
        put("record", some[0][2])
        for i in range(0, len(data), step):
            put(name, data[:i] + bytes([data[i] ^ 1 << chance.randrange(8)]) + data[i + 1:])
            p = verify()
            changed += 1
            if p.returncode != 1 or p.stdout or p.stderr.count(b"\n") != 1:
                if name == "record" and i == len(data) - 1 and not p.stderr:
                    continue  # the newline became a space
                sys.exit("%s with byte %d changed: status %d: %s" % (name, i, p.returncode, p.stderr.decode()))
    os.chdir("..")
print("%d proofs, %d changed" % (number, changed))
