#!/usr/bin/python3
"""send_faults.py FAULTS SEED NEW MODEL FOLDER [--direct]: three hosts, two of them with replicas, and what may happen to them.

Three network namespaces are joined by a bridge. The first has the client and the first shard of MODEL; the others each have a node
for the second and one for the third shard; --direct: the one passes on to the other, else all goes through the client. While NEW
tokens of eight prompts are generated, FAULTS things happen: a node or its command is killed with -9 (and started again), or
frozen with STOP for a while; a cable is pulled for a while. The answer must be that of a local pipeline. Prints the longest time in which no token came. Wants root and ip(8).
"""
import os
import random
import signal
import subprocess
import sys
import time

faults, seed, new, model, folder = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], os.path.abspath(sys.argv[4]), sys.argv[5]
direct = sys.argv[6:]
os.chdir(folder)
random.seed(seed)
prefix = "mai%d" % os.getpid()
hosts = [prefix + "h%d" % i for i in range(3)]
switch = prefix + "sw"
nodes = {(h, s): None for h in (1, 2) for s in (1, 2)}
later = []


def sh(command):
    subprocess.run(command, shell=True, check=True)


def up():
    sh("ip netns add %s && ip -n %s link add br0 type bridge && ip -n %s link set br0 up" % (switch, switch, switch))
    for i, h in enumerate(hosts):
        sh("ip netns add %s && ip -n %s link set lo up && ip -n %s link add eth0 type veth peer name p%d netns %s" % (h, h, h, i, switch))
        sh("ip -n %s addr add 10.77.0.%d/24 dev eth0 && ip -n %s link set eth0 up" % (h, i + 1, h))
        sh("ip -n %s link set p%d master br0 up" % (switch, i))


def down():
    for h in hosts + [switch]:
        subprocess.run("ip netns del %s" % h, shell=True, stderr=subprocess.DEVNULL)


def address(h, s):
    return "/ip4/10.77.0.%d/tcp/%d" % (h + 1, 4000 + s)


def start(h, s):
    how = ["--shared"] if s == 2 else []
    nodes[h, s] = subprocess.Popen(
        ["ip", "netns", "exec", hosts[h], "mai-send", "-q", "-l", address(h, s), "-k", "node.key", "--any", "--direct", *how, "--", "mai-run", "-q", "-t", "1",
         "parts/%d.gguf" % s], stdin=subprocess.DEVNULL, stderr=open("node-%d-%d.log" % (h, s), "a"))


def children(pid):
    return [int(p) for p in subprocess.run(["pgrep", "-P", str(pid)], stdout=subprocess.PIPE).stdout.split()]


def command_of(node):
    """Of those that its keeper runs, one."""
    out = [c for keeper in children(node.pid) for c in children(keeper)]
    return random.choice(out) if out else None


def send(pid, sig):
    try:
        os.kill(pid, sig)
    except ProcessLookupError:
        pass


def fault(now):
    h, s = random.choice(list(nodes))
    node = nodes[h, s]
    kind = random.choice(["kill", "kill the command", "freeze", "freeze the command", "pull the cable"])
    back = now + random.uniform(0.3, 2)
    if kind == "kill":
        node.kill()
        node.wait()
        later.append((back, lambda: start(h, s)))
    elif kind == "pull the cable":
        sh("ip -n %s link set p%d down" % (switch, h))
        later.append((back, lambda: sh("ip -n %s link set p%d up" % (switch, h))))
    else:
        pid = node.pid if kind == "freeze" else command_of(node)
        if pid is None:
            return False
        if kind == "kill the command":
            send(pid, signal.SIGKILL)
        else:
            send(pid, signal.SIGSTOP)
            later.append((back, lambda: send(pid, signal.SIGCONT)))
    print("host %d, shard %d: %s" % (h + 1, s, kind), flush=True)
    return True


def ids(path):
    return subprocess.run(["mai-cat", "--ids", path], stdout=subprocess.PIPE, check=True).stdout


def generate(via, out, host=None):
    where = ["ip", "netns", "exec", host] if host else []
    return subprocess.Popen([*where, "mai-run", "-q", "-n", new, "--ignore-eos", "--via", via], stdin=open("prompts.mai"), stdout=open(out, "wb"))


def watch(client):
    size, last, longest, done, following = 0, None, 0, 0, time.time() + 0.5
    while client.poll() is None:
        time.sleep(0.005)
        now = time.time()
        if os.path.getsize("got.mai") != size:
            if last and done and now - last > longest:
                longest = now - last
                print("a pause of %.2f s" % longest, flush=True)
            size, last = os.path.getsize("got.mai"), now
        for item in [x for x in later if x[0] <= now]:
            later.remove(item)
            item[1]()
        if done < faults and now >= following and not later and fault(now):
            done += 1
            following = now + random.uniform(0.2, 0.8)
        if last and now - last > 60:
            client.kill()
            sys.exit("nothing for a minute")
    return longest, done


def main():
    if not os.path.exists("parts"):
        subprocess.run(["mai-shard", "split", "-q", "-n", "3", "-o", "parts", model], check=True)
    for key in "node", "me":
        if not os.path.exists(key + ".key"):
            subprocess.run(["mai-sign", "keygen", "-q", "-W", "-o", key], check=True, stdout=subprocess.DEVNULL)
    text = "".join("Once upon a time there were %d dogs\n" % i for i in range(8))
    with open("prompts.mai", "wb") as f:
        subprocess.run(["mai-tokenize", "-m", model, "-l"], input=text.encode(), stdout=f, check=True)
    assert generate("mai-run -q parts/0.gguf | mai-run -q parts/1.gguf | mai-run -q parts/2.gguf", "want.mai").wait() == 0
    for h, s in nodes:
        start(h, s)
    time.sleep(0.5)
    hop = ["%s,%s" % (address(1, s), address(2, s)) for s in (1, 2)]
    began = time.time()
    longest, done = watch(generate("mai-run -q -t 1 parts/0.gguf | mai-send -v -k me.key %s %s 2>hop.log" % (" ".join(direct), " ".join(hop)), "got.mai", hosts[0]))
    same = ids("got.mai") == ids("want.mai")
    print("%d faults in %.1f s; the longest pause: %.2f s; the answer is %s" % (done, time.time() - began, longest, "the same" if same else "ANOTHER"))
    return 0 if same else 1


try:
    up()
    status = main()
finally:
    for _, what in later:
        try:
            what()
        except Exception:
            pass
    for node in nodes.values():
        if node:
            node.kill()
    down()
sys.exit(status)
