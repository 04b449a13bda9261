#!/usr/bin/env python3
"""Training speed on the CPU beside PyTorch's, on this machine: the same model, batch and optimizer, in turn, medians.

bench_cpu.py [--sizes 8k,40k,0.54M,3M,10M] [--threads 1,2] [--rounds 3] [--no-compile]
    --python FILE   a Python with torch (default: the one that scripts/setup.sh made; it needs numpy, sympy, networkx,
                    jinja2, filelock, fsspec and typing_extensions besides)

crosslaw-train is run twice with different numbers of steps, so that start, validation and checkpoint cancel. Run it on
a quiet machine; threads are pinned to the first cores.
"""
import argparse
import hashlib
import json
import os
import pathlib
import random
import statistics
import struct
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
VOCABULARY, CONTEXT = 256, 256
# hidden, ffn, heads, layers, sequences in a batch, steps of a measurement
SIZES = {"8k": (20, 52, 2, 1, 16, 60), "40k": (40, 108, 2, 2, 16, 30), "0.54M": (96, 256, 4, 5, 16, 8),
         "3M": (192, 512, 6, 7, 16, 3), "10M": (320, 864, 8, 8, 16, 2)}


def write_shard(file, tokens):
    generator = random.Random(1)
    header = struct.pack("<8sIIQQQ24x", b"CLTOKENS", 1, 2, VOCABULARY, tokens, tokens)
    file.write_bytes(header + struct.pack(f"<{tokens}H", *(generator.randrange(VOCABULARY) for _ in range(tokens))))
    return hashlib.sha256(file.read_bytes()).hexdigest()


def run_ours(trainer, folder, size, threads, steps):
    """Seconds that crosslaw-train says it took for so many steps, all included."""
    hidden, ffn, heads, layers, sequences, _ = SIZES[size]
    train, valid = folder / "train.tokens", folder / "valid.tokens"
    if not train.exists():
        write_shard(train, 200_001), write_shard(valid, CONTEXT + 1)
    hashes = [hashlib.sha256(f.read_bytes()).hexdigest() for f in (train, valid)]
    recipe = {"version": 1, "tokenizer_sha256": "", "context_tokens": CONTEXT, "batch_sequences": sequences,
              "model": {"vocabulary": VOCABULARY, "hidden": hidden, "ffn": ffn, "heads": heads, "layers": layers,
                        "tied_head": True, "norm_epsilon": 1e-5, "rope_theta": 10000.0},
              "schedule": {"kind": "cosine", "steps": steps, "warmup_steps": 1, "peak_learning_rate": 1e-3,
                           "final_ratio": 0.1},
              "optimizer": {"beta1": 0.9, "beta2": 0.95, "epsilon": 1e-8, "weight_decay": 0.1, "clip_norm": 1.0},
              "precision": "fp32", "mixture": [{"language": "x", "share": 1.0, "sha256": hashes[0]}],
              "validation": [{"language": "x", "sha256": hashes[1]}], "seed": 1, "init": {"std": 0.0}}
    execution = {"token": "t", "device": "cpu", "gpu_uuid": "", "threads": threads, "train_shards": {"x": str(train)},
                 "valid_shards": {"x": str(valid)}, "start_checkpoints": [], "parent_checkpoint": "",
                 "choice_files": {}, "evaluation_steps": [], "others_at_ends_only": False,
                 "others_course_tokens": 0, "publish_steps": [],
                 "checkpoint_every_seconds": 1e9, "checkpoint_time_share": 1.0, "micro_batch_sequences": 0, "ranks": 1,
                 "gradient_parts": 0, "rank_timeout_seconds": 300.0}
    attempt = pathlib.Path(tempfile.mkdtemp(dir=folder))
    (attempt / "config.json").write_text(json.dumps({"version": 1, "key": "", "recipe": recipe, "execution": execution}))
    done = subprocess.run([trainer, attempt / "config.json"], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"bench_cpu: crosslaw-train failed: {done.stderr}")
    return json.loads((attempt / "result.json").read_text())["seconds"]


def ours(trainer, folder, size, threads):
    steps = SIZES[size][5]
    few, many = (run_ours(trainer, folder, size, threads, n) for n in (2, 2 + 2 * steps))
    return (many - few) / (2 * steps)


TWIN = '''
import json, sys, time, torch
import torch.nn.functional as F
(hidden, ffn, heads, layers, sequences, steps), threads, compiled, vocabulary, context = json.loads(sys.argv[1])
torch.set_num_threads(threads)
half = hidden // heads // 2
angles = torch.outer(torch.arange(context, dtype=torch.double), 1e4 ** (-torch.arange(half, dtype=torch.double) / half))
cos, sin = angles.cos().float(), angles.sin().float()
class Block(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.n1, self.n2 = torch.nn.RMSNorm(hidden, 1e-5), torch.nn.RMSNorm(hidden, 1e-5)
        linear = lambda i, o: torch.nn.Linear(i, o, bias=False)
        self.qkv, self.out, self.gu, self.down = linear(hidden, 3 * hidden), linear(hidden, hidden), linear(hidden, 2 * ffn), linear(ffn, hidden)
    def forward(self, x):
        b = x.size(0)
        q, k, v = self.qkv(self.n1(x)).view(b, context, 3, heads, 2 * half).permute(2, 0, 3, 1, 4)
        def turn(t):
            a, c = t[..., :half], t[..., half:]
            return torch.cat((a * cos - c * sin, c * cos + a * sin), -1)
        y = F.scaled_dot_product_attention(turn(q), turn(k), v, is_causal=True)
        x = x + self.out(y.transpose(1, 2).reshape(b, context, hidden))
        gate, up = self.gu(self.n2(x)).chunk(2, -1)
        return x + self.down(F.silu(gate) * up)
class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.e = torch.nn.Embedding(vocabulary, hidden)
        self.blocks = torch.nn.ModuleList(Block() for _ in range(layers))
        self.n = torch.nn.RMSNorm(hidden, 1e-5)
    def forward(self, t):
        x = self.e(t[:, :-1])
        for block in self.blocks: x = block(x)
        return F.cross_entropy((self.n(x) @ self.e.weight.t()).flatten(0, 1), t[:, 1:].flatten())
model = Model()
optimizer = torch.optim.AdamW(model.parameters(), 1e-3, (0.9, 0.95), weight_decay=0.1, fused=True)
call = torch.compile(model) if compiled else model
tokens = torch.randint(vocabulary, (sequences, context + 1))
def step():
    optimizer.zero_grad(); loss = call(tokens); loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0); optimizer.step()
for _ in range(3): step()
for line in sys.stdin:
    start = time.perf_counter()
    for _ in range(steps): step()
    print((time.perf_counter() - start) / steps, flush=True)
'''


class Twin:
    """A PyTorch process that measures when it is told to."""

    def __init__(self, python, size, threads, compiled):
        arguments = json.dumps([SIZES[size], threads, compiled, VOCABULARY, CONTEXT])
        self.process = subprocess.Popen([python, "-c", TWIN, arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True)

    def __call__(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            sys.exit("bench_cpu: the PyTorch twin failed; see above")
        return float(answer)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def setup_python():
    for line in (ROOT / "build/setup.cmake").read_text().splitlines():
        if "Torch_DIR" in line:
            return line.split('"')[1].split("/lib/python")[0] + "/bin/python"
    sys.exit("bench_cpu: build/setup.cmake names no LibTorch; give --python")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default=",".join(SIZES))
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--no-compile", action="store_true")
    parser.add_argument("--python")
    parser.add_argument("--trainer", default=str(ROOT / "build/crosslaw-train"))
    arguments = parser.parse_args()
    python = arguments.python or setup_python()
    print(f"{'threads':>7} {'size':>6} {'ours ms':>9} {'eager':>7} {'compile':>8}   times as fast as PyTorch", flush=True)
    cores = sorted(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as folder:
        for threads in map(int, arguments.threads.split(",")):
            os.sched_setaffinity(0, cores[:threads])
            for size in arguments.sizes.split(","):
                modes = [False] if arguments.no_compile else [False, True]
                twins = [Twin(python, size, threads, compiled) for compiled in modes]
                times = [[] for _ in range(1 + len(twins))]
                for twin in twins:
                    twin()  # warm, and compiled
                for _ in range(arguments.rounds):
                    times[0].append(ours(arguments.trainer, pathlib.Path(folder), size, threads))
                    for i, twin in enumerate(twins):
                        times[i + 1].append(twin())
                for twin in twins:
                    twin.close()
                own, *others = map(statistics.median, times)
                print(f"{threads:7} {size:>6} {1e3 * own:9.2f} " + " ".join(f"{other / own:7.2f}" for other in others),
                      flush=True)


main()
