#!/usr/bin/env python3
"""random_log.py SEED PARTIES: the records of a log made by chance, signed by mai-ledger; the keys of the parties are 0.key and on.

Writes the files "records" and "shuffled", in which receipts and vouchers have changed places between the others. Numbers are small: what
becomes of the log can be computed with doubles.
"""
import hashlib
import json
import random
import subprocess
import sys

chance = random.Random(int(sys.argv[1]))
parties = range(int(sys.argv[2]))
did = [json.loads(subprocess.check_output(["mai-sign", "id", "--json", f"{i}.pub"]))["did"] for i in parties]
assets = [hashlib.sha256(b"asset %d" % i).hexdigest() for i in range(3)]


def signed(who, **statement):
    statement = {key: value for key, value in statement.items() if value is not None}
    return subprocess.run(["mai-ledger", "sign", "-k", f"{who}.key"], input=json.dumps(statement).encode(), stdout=subprocess.PIPE, check=True).stdout


def id_of(record):
    return hashlib.sha256(b"\0" + record.rstrip(b"\n")).hexdigest()


def some_hash():
    return "%064x" % chance.getrandbits(256)


def maybe(value, odds=0.5):
    return value if chance.random() < odds else None


def share():
    to = chance.choice([chance.choice(did), "node", {"owner": chance.choice(assets)}])
    made = {"to": to, "parts": chance.randint(1, 9), "from": maybe(chance.randrange(500), 0.2), "until": maybe(chance.randrange(500, 1000), 0.2),
            "cap": maybe(chance.randrange(300), 0.2)}
    return {key: value for key, value in made.items() if value is not None}


def terms(number):
    who = chance.choice(parties)
    return signed(who, type="terms", issuer=did[who], name=f"terms {number}", unit=chance.choice(["uEUR", 'token, or "chip"']),
                  rows=maybe({"per": chance.randint(1, 100), "price": chance.randint(0, 300)}, 0.9), free=maybe(chance.randrange(300)),
                  period=maybe({"seconds": chance.randint(1, 300), "price": chance.randrange(1000)}),
                  resale=maybe({"per": 100, "parts": chance.randrange(101), "to": chance.choice(did)}),
                  shares=[share() for _ in range(chance.randint(1, 5))], **{"from": maybe(chance.randrange(200), 0.2), "until": maybe(900, 0.2)})


def chain(client, node, nonce, by):
    """Records of a connection: receipts, some of them covered by a voucher, and the id of one of them."""
    records, previous, rows, some = [], None, 0, None
    for sequence in range(chance.randint(1, 3)):
        rows += chance.randint(1, 200)
        receipt = signed(node, type="receipt", client=did[client], node=did[node], nonce=nonce, terms=by, rows=rows, sequence=sequence, first_layer=0,
                         last_layer=4, to=rows, profile="mai-1", wire="f32", input=some_hash(), output=some_hash(), time=chance.randrange(1000),
                         previous=previous, **{"from": 0})
        previous = id_of(receipt)
        voucher = signed(client, type="voucher", client=did[client], node=did[node], nonce=nonce, terms=by, rows=rows + (chance.random() < 0.1),
                         receipt=previous, time=0)
        records += [receipt] if chance.random() < 0.3 else [receipt, voucher]
    return records


def connection(ids):
    client, node, nonce, by = chance.choice(parties[:3]), chance.choice(parties), some_hash(), chance.choice(ids + [some_hash()] * (chance.random() < 0.1))
    records = chain(client, node, nonce, by)
    return records + chain(client, node, nonce, by) if chance.random() < 0.2 else records


def transfer(ids):
    a, b = chance.sample(parties, 2)
    return signed(a, type="transfer", asset=chance.choice(assets), to=did[b], price=maybe(chance.randrange(1000)), terms=maybe(chance.choice(ids)),
                  time=chance.randrange(1000), **{"from": did[a]})


def registration():
    who = chance.choice(parties)
    return signed(who, type="registration", asset=chance.choice(assets), kind="model", name="m", owner=did[who], time=chance.randrange(1000))


def subscription(ids):
    who = chance.choice(parties[:3])
    return signed(who, type="subscription", client=did[who], node=maybe(chance.choice(did)), terms=chance.choice(ids), periods=chance.randint(1, 3),
                  time=chance.randrange(1000), **{"from": chance.randrange(900)})


def moves(record):
    return json.loads(record)["type"] in ("receipt", "voucher")


def shuffled(records):
    """Receipts and vouchers change places where no other record stands between them."""
    out, run = [], []
    for r in records + [None]:
        if r is not None and moves(r):
            run.append(r)
            continue
        chance.shuffle(run)
        out += run + [r] * (r is not None)
        run = []
    return out


first = [terms(i) for i in range(chance.randint(1, 3))]
ids = [id_of(t) for t in first]
others = [registration() for _ in range(3)] + [transfer(ids) for _ in range(5)] + [subscription(ids) for _ in range(2)]
for _ in range(chance.randint(4, 10)):
    others += connection(ids)
chance.shuffle(others)
for name, records in (("records", first + others), ("shuffled", first + shuffled(others))):
    with open(name, "wb") as f:
        f.writelines(records)
