#!/usr/bin/python3
"""train_torch.py: models of the llama architecture trained by PyTorch, to compare mai-train with and to measure it against.

	train_torch.py model OUT SHAPE [--seed N]       a model of random weights
	train_torch.py gradients MODEL IDS GRADIENTS    GRADIENTS: a GGUF file with the gradient of each tensor under its name;
	                                                the loss as the key train.loss, where that is there
	train_torch.py steps MODEL IDS AFTER --steps N --lr X
	                                                AFTER: MODEL after N steps of AdamW, each on all sequences
	train_torch.py bench SHAPE --batch B --steps N --threads P
	                                                tokens a second and processor time of the median step, the last loss

Several commands in one go: COMMAND... -- COMMAND... (to load PyTorch takes two seconds). One that does not end well ends all;
one behind ! must not, and what it says is printed.

SHAPE is --dim D --layers L --heads H --kv-heads K --ffn F --vocab V --context T [--untied]. MODEL is a GGUF file of f32.
IDS is a text of decimal ids, a sequence a line, all of one length; the last id of each is only predicted. The loss is the
mean cross-entropy of all ids that are predicted.

gradients and steps compute in f64. They print |theirs - ours| / |ours| of each tensor, of its gradient or of its change;
status 1 where one is above LIMIT, or all of ours are zero. With --write they write their last file themselves, in f32.

bench is PyTorch as fast as it comes: matrices with the same input are one; queries attend in blocks, so that most of what
the mask hides is not computed; rope turns the two halves of a head, which for random weights is as good as adjacent pairs;
and memory is jemalloc's when that is installed: glibc's is given back and faulted in again in each step.
"""
import argparse
import ctypes.util
import os
import statistics
import sys
import time

import numpy as np
import torch
import torch.nn.functional as F

sys.dont_write_bytecode = True
sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tools"))
import gguf

F32 = 0
# Adam's first steps are as large where a gradient is mostly rounding as elsewhere.
LIMIT = {"gradients": 1e-3, "steps": 1e-2}
BETAS, EPS, DECAY, CLIP = (0.9, 0.95), 1e-8, 0.1, 1.0


# ---- files ----

def arrays(path, f):
    """The tensors by name, their shapes in numpy's order: rows, columns."""
    for name, (kind, _, _) in f.tensors.items():
        if kind != F32:
            sys.exit("%s: %s is not f32" % (path, name.decode()))
    return {name.decode(): np.frombuffer(data, "<f4").reshape(shape[::-1]) for name, (_, shape, data) in f.tensors.items()}


def write(path, raw_keys, tensors):
    raw = {name.encode(): (F32, t.shape[::-1], t.astype("<f4").tobytes()) for name, t in tensors.items()}
    gguf.write(path, raw_keys, raw)


def read_ids(path, vocab):
    with open(path) as f:
        lines = [list(map(int, line.split())) for line in f]
    if not lines or len(lines[0]) < 2 or any(len(line) != len(lines[0]) for line in lines):
        sys.exit("%s: wanted are sequences of one length, 2 at least" % path)
    ids = torch.tensor(lines)
    if not 0 <= ids.min() <= ids.max() < vocab:
        sys.exit("%s: ids outside of the vocabulary" % path)
    return ids


def random_model(a):
    rows = {"attn_q": a.dim, "attn_k": a.dim // a.heads * a.kv_heads, "attn_v": a.dim // a.heads * a.kv_heads,
            "attn_output": a.dim, "ffn_gate": a.ffn, "ffn_up": a.ffn, "ffn_down": a.dim}
    shapes = {"token_embd": (a.vocab, a.dim), "output_norm": (a.dim,)}
    if a.untied:
        shapes["output"] = a.vocab, a.dim
    for i in range(a.layers):
        shapes["blk.%d.attn_norm" % i] = shapes["blk.%d.ffn_norm" % i] = a.dim,
        for name, n in rows.items():
            shapes["blk.%d.%s" % (i, name)] = n, a.ffn if name == "ffn_down" else a.dim
    numbers = {"context_length": a.context, "embedding_length": a.dim, "block_count": a.layers, "feed_forward_length": a.ffn,
               "attention.head_count": a.heads, "attention.head_count_kv": a.kv_heads,
               "rope.dimension_count": a.dim // a.heads, "vocab_size": a.vocab,
               "rope.freq_base": 10000.0, "attention.layer_norm_rms_epsilon": 1e-5}
    keys = [gguf.key(b"general.architecture", b"llama")]
    keys += [gguf.key(b"llama." + name.encode(), n) for name, n in numbers.items()]
    r = np.random.default_rng(a.seed)
    # of a size at which attention is neither even nor one-sided and no gradient vanishes
    write(a.out, keys, {
        name + ".weight": r.normal(0, shape[-1] ** -0.5, shape) if len(shape) > 1 else r.uniform(0.5, 1.5, shape)
        for name, shape in shapes.items()})


# ---- the model, by its definition ----

class Model:
    def __init__(self, path, dtype):
        f = gguf.File(path)
        self.raw_keys = [raw for raw, _ in f.keys.values()]
        if f.get(b"general.architecture") != b"llama" or f.get(b"llama.rope.scaling.type"):
            sys.exit("%s: not a plain llama" % path)
        self.layers = f.get(b"llama.block_count")
        self.heads = f.get(b"llama.attention.head_count")
        self.kv_heads = f.get(b"llama.attention.head_count_kv", self.heads)
        self.eps = f.get(b"llama.attention.layer_norm_rms_epsilon")
        self.theta = f.get(b"llama.rope.freq_base", 10000.0)
        self.rope_dim = f.get(b"llama.rope.dimension_count", f.get(b"llama.embedding_length") // self.heads)
        self.tensors = {name: torch.tensor(t, dtype=dtype, requires_grad=True) for name, t in arrays(path, f).items()}
        self.vocab = len(self.tensors["token_embd.weight"])

    def norm(self, x, name):
        return x / torch.sqrt((x * x).mean(-1, keepdim=True) + self.eps) * self.tensors[name + ".weight"]

    def linear(self, x, name):
        return x @ self.tensors[name + ".weight"].T

    def heads_of(self, x, name, n):
        """(sequence, head, position, element)"""
        return self.linear(x, name).unflatten(-1, (n, -1)).transpose(1, 2)

    def rope(self, x):
        """Turns the elements 2i and 2i+1 of a head by position * theta^(-2i / rope_dim)."""
        angle = torch.outer(torch.arange(x.shape[2], dtype=torch.float64),
                            self.theta ** (-torch.arange(0, self.rope_dim, 2, dtype=torch.float64) / self.rope_dim))
        cos, sin = angle.cos().to(x.dtype), angle.sin().to(x.dtype)
        a, b = x[..., 0:self.rope_dim:2], x[..., 1:self.rope_dim:2]
        turned = torch.stack((a * cos - b * sin, a * sin + b * cos), -1).flatten(-2)
        return torch.cat((turned, x[..., self.rope_dim:]), -1)

    def attention(self, x, layer):
        q = self.rope(self.heads_of(x, layer + "attn_q", self.heads))
        k = self.rope(self.heads_of(x, layer + "attn_k", self.kv_heads))
        v = self.heads_of(x, layer + "attn_v", self.kv_heads)
        k, v = (t.repeat_interleave(self.heads // self.kv_heads, 1) for t in (k, v))
        scores = q @ k.transpose(2, 3) / q.shape[-1] ** 0.5
        later = torch.ones(scores.shape[-2:], dtype=torch.bool).triu(1)
        mixed = scores.masked_fill(later, float("-inf")).softmax(-1) @ v
        return self.linear(mixed.transpose(1, 2).flatten(2), layer + "attn_output")

    def swiglu(self, x, layer):
        return self.linear(F.silu(self.linear(x, layer + "ffn_gate")) * self.linear(x, layer + "ffn_up"), layer + "ffn_down")

    def logits(self, ids):
        x = self.tensors["token_embd.weight"][ids]
        for i in range(self.layers):
            layer = "blk.%d." % i
            x = x + self.attention(self.norm(x, layer + "attn_norm"), layer)
            x = x + self.swiglu(self.norm(x, layer + "ffn_norm"), layer)
        return self.linear(self.norm(x, "output_norm"), "output" if "output.weight" in self.tensors else "token_embd")

    def backward(self, ids):
        """Leaves the gradients in the tensors; the loss."""
        loss = F.cross_entropy(self.logits(ids[:, :-1]).flatten(0, 1), ids[:, 1:].flatten())
        loss.backward()
        for name, t in self.tensors.items():
            if t.grad is None:
                sys.exit("%s has no part in what is computed" % name)
        return loss.item()


def adamw(parameters, lr, **how):
    matrices = [p for p in parameters if p.dim() > 1]
    vectors = [p for p in parameters if p.dim() == 1]
    return torch.optim.AdamW([{"params": matrices, "weight_decay": DECAY}, {"params": vectors, "weight_decay": 0.0}],
                             lr=lr, betas=BETAS, eps=EPS, **how)


# ---- comparisons ----

def compare(ours, theirs, limit):
    far = False
    for name, t in ours.items():
        if name not in theirs or theirs[name].shape != t.shape:
            sys.exit("no %s of the same shape" % name)
        off, size = np.linalg.norm(theirs[name] - t), np.linalg.norm(t)
        off = off / size if size > 0 else off
        far |= not off <= limit
        print("%-28s %.2g" % (name, off))
    if not any(t.any() for t in ours.values()):
        sys.exit("all zero")
    if far:
        sys.exit(1)


def gradients(a):
    m = Model(a.model, torch.float32 if a.write else torch.float64)
    loss = m.backward(read_ids(a.ids, m.vocab))
    ours = {name: t.grad.numpy() for name, t in m.tensors.items()}
    if a.write:
        write(a.file, m.raw_keys + [gguf.key(b"train.loss", loss)], ours)
        return
    f = gguf.File(a.file)
    theirs = arrays(a.file, f)
    if b"train.loss" in f.keys:
        ours["train.loss"], theirs["train.loss"] = np.array([loss]), np.array([f.get(b"train.loss")])
    compare(ours, theirs, LIMIT["gradients"])


def steps(a):
    m = Model(a.model, torch.float32 if a.write else torch.float64)
    ids = read_ids(a.ids, m.vocab)
    before = {name: t.detach().numpy().copy() for name, t in m.tensors.items()}
    optimizer = adamw(m.tensors.values(), a.lr)
    for _ in range(a.steps):
        optimizer.zero_grad()
        m.backward(ids)
        torch.nn.utils.clip_grad_norm_(m.tensors.values(), CLIP)
        optimizer.step()
    after = {name: t.detach().numpy() for name, t in m.tensors.items()}
    if a.write:
        write(a.file, m.raw_keys, after)
        return
    theirs = arrays(a.file, gguf.File(a.file))
    compare({name: t - before[name] for name, t in after.items()},
            {name: t - before[name] for name, t in theirs.items() if name in before and t.shape == before[name].shape},
            LIMIT["steps"])


# ---- the model, as fast as PyTorch computes it ----

class RmsNorm(torch.autograd.Function):
    """By PyTorch's own operations it keeps and passes over more."""

    @staticmethod
    def forward(ctx, x, weight):
        scale = torch.linalg.vector_norm(x, dim=-1, keepdim=True).square_().div_(x.shape[-1]).add_(1e-5).rsqrt_()
        normed = x * scale
        ctx.save_for_backward(normed, scale, weight)
        return normed * weight

    @staticmethod
    def backward(ctx, grad):
        normed, scale, weight = ctx.saved_tensors
        products = grad * normed
        along = (products @ weight).unsqueeze(-1).div_(-weight.numel())
        return (grad * weight).addcmul_(normed, along).mul_(scale), products.sum((0, 1))


class Net:
    BLOCK = 64  # queries

    def __init__(self, a):
        self.heads, self.kv_heads, self.size = a.heads, a.kv_heads, a.dim // a.heads
        self.group = a.heads // a.kv_heads
        angle = torch.outer(torch.arange(a.context), 10000.0 ** (-torch.arange(0, self.size, 2) / self.size))
        self.cos, self.sin = angle.cos()[:, None], angle.sin()[:, None]
        # the queries of a group stand beside each other
        later = torch.full((a.context, a.context), float("-inf")).triu(1)
        self.mask = later.repeat_interleave(self.group, 0)

        def matrix(rows, columns):
            return torch.empty(rows, columns).normal_(0, 0.02).requires_grad_()

        def ones():
            return torch.ones(a.dim).requires_grad_()

        self.embedding = matrix(a.vocab, a.dim)
        self.layers = [(ones(), matrix((a.heads + 2 * a.kv_heads) * self.size, a.dim), matrix(a.dim, a.dim),
                        ones(), matrix(2 * a.ffn, a.dim), matrix(a.dim, a.ffn)) for _ in range(a.layers)]
        self.norm = ones()
        self.head = matrix(a.vocab, a.dim) if a.untied else self.embedding
        self.parameters = [self.embedding, self.norm, *(p for layer in self.layers for p in layer)]
        if a.untied:
            self.parameters.append(self.head)

    def rope(self, x):
        a, b = x.chunk(2, -1)
        return torch.cat((a * self.cos - b * self.sin, a * self.sin + b * self.cos), -1)

    def attend(self, q, k, v):
        """q: (sequence and kv head, position and head of the group, element); k and v alike, without the group"""
        out, rows = [], self.BLOCK * self.group
        for i, some in enumerate(q.split(rows, 1)):
            seen = min((i + 1) * self.BLOCK, k.shape[1])
            mask = self.mask[i * rows:i * rows + some.shape[1], :seen]
            scores = torch.baddbmm(mask.expand(len(q), *mask.shape), some, k[:, :seen].transpose(1, 2))
            out.append(torch.bmm(scores.softmax(-1), v[:, :seen]))
        return torch.cat(out, 1)

    def attention(self, x, qkv):
        n, length, _ = x.shape
        turned, v = F.linear(x, qkv).unflatten(-1, (-1, self.size)).split([self.heads + self.kv_heads, self.kv_heads], 2)
        q, k = self.rope(turned).split([self.heads, self.kv_heads], 2)
        q = (q * self.size ** -0.5).view(n, length, self.kv_heads, self.group, self.size).transpose(1, 2)
        mixed = self.attend(q.reshape(n * self.kv_heads, length * self.group, self.size),
                            *(t.transpose(1, 2).reshape(n * self.kv_heads, length, self.size) for t in (k, v)))
        return mixed.view(n, self.kv_heads, length, -1).transpose(1, 2).flatten(2)

    def loss(self, ids):
        x = F.embedding(ids[:, :-1], self.embedding)
        for attn_norm, qkv, out, ffn_norm, gate_up, down in self.layers:
            x = x + F.linear(self.attention(RmsNorm.apply(x, attn_norm), qkv), out)
            gate, up = F.linear(RmsNorm.apply(x, ffn_norm), gate_up).chunk(2, -1)
            x = x + F.linear(F.silu(gate) * up, down)
        logits = F.linear(RmsNorm.apply(x, self.norm), self.head)
        return F.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten())


def start_again(threads):
    """With the environment that libraries read when they are loaded, where it is another one."""
    wanted = {"OPENBLAS_NUM_THREADS": str(threads), "OMP_NUM_THREADS": str(threads)}
    allocator = ctypes.util.find_library("jemalloc")
    if allocator:
        wanted.update(LD_PRELOAD=allocator, MALLOC_CONF="dirty_decay_ms:-1,muzzy_decay_ms:-1,thp:always")
    if any(os.environ.get(name) != value for name, value in wanted.items()):
        os.environ.update(wanted)
        os.execv(sys.executable, [sys.executable, *sys.argv])
    if not allocator:
        print("without jemalloc PyTorch is slower", file=sys.stderr)


def bench(a):
    start_again(a.threads)
    torch.set_num_threads(a.threads)
    torch.manual_seed(a.seed)
    net = Net(a)
    optimizer = adamw(net.parameters, 3e-4, foreach=True)
    seconds, processor = [], []
    for _ in range(2 + a.steps):
        ids = torch.randint(a.vocab, (a.batch, a.context + 1))
        begin = time.perf_counter(), time.process_time()
        optimizer.zero_grad(set_to_none=True)
        loss = net.loss(ids)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters, CLIP)
        optimizer.step()
        loss = loss.item()
        seconds.append(time.perf_counter() - begin[0])
        processor.append(time.process_time() - begin[1])
    print("%.1f tokens/s, loss %.4f, %.3f s of processor time a step" % (
        a.batch * a.context / statistics.median(seconds[2:]), loss, statistics.median(processor[2:])))


# ---- the command line ----

def arguments():
    shape = argparse.ArgumentParser(add_help=False)
    for name in "dim", "layers", "heads", "kv-heads", "ffn", "vocab", "context":
        shape.add_argument("--" + name, type=int, required=True)
    shape.add_argument("--untied", action="store_true")
    shape.add_argument("--seed", type=int, default=0)
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    sub = p.add_subparsers(required=True)
    m = sub.add_parser("model", parents=[shape])
    m.add_argument("out")
    m.set_defaults(run=random_model)
    for run in gradients, steps:
        c = sub.add_parser(run.__name__)
        for name in "model", "ids", "file":
            c.add_argument(name)
        c.add_argument("--write", action="store_true")
        c.set_defaults(run=run)
    c.add_argument("--steps", type=int, required=True)
    c.add_argument("--lr", type=float, required=True)
    b = sub.add_parser("bench", parents=[shape])
    for name in "batch", "steps", "threads":
        b.add_argument("--" + name, type=int, required=True)
    b.set_defaults(run=bench)
    return p


if __name__ == "__main__":
    words = sys.argv[1:]
    while words:
        end = words.index("--") if "--" in words else len(words)
        command, words = words[:end], words[end + 1:]
        bad = command[0] == "!"
        args = arguments().parse_args(command[bad:])
        try:
            args.run(args)
        except SystemExit as e:
            if not bad:
                raise
            print("refused:", e.code)
        else:
            if bad:
                sys.exit("not refused: " + " ".join(command))
