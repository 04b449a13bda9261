#!/usr/bin/env python3
"""Training speed on the CPU beside PyTorch's, on this machine: the same model, batch and optimizer, in turn, medians.

bench_cpu.py [--sizes 8k,40k,0.54M,3M,10M] [--threads 1,2] [--rounds 3] [--no-compile]
    --python FILE   a Python with torch and what torch.compile needs (default: the one that scripts/setup.sh made)

crosslaw-train is run twice with different numbers of steps, so that start, validation and checkpoint cancel. Run it on
a quiet machine; threads are pinned to the first cores.
"""
import argparse
import dataclasses
import hashlib
import json
import os
import pathlib
import random
import shutil
import statistics
import struct
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent


@dataclasses.dataclass
class Work:
    """What is trained, by both sides, and how."""
    hidden: int
    ffn: int
    heads: int
    layers: int
    sequences: int  # in a batch
    steps: int  # of a measurement
    vocabulary: int = 256
    context: int = 256
    tied: bool = True
    device: str = "cpu"
    threads: int = 1
    micro_batch: int = 0  # sequences of the twin at a time; 0: the batch


SIZES = {"8k": Work(20, 52, 2, 1, 16, 60), "40k": Work(40, 108, 2, 2, 16, 30), "0.54M": Work(96, 256, 4, 5, 16, 8),
         "3M": Work(192, 512, 6, 7, 16, 3), "10M": Work(320, 864, 8, 8, 16, 2)}


def write_shard(file, tokens, vocabulary):
    generator = random.Random(1)
    header = struct.pack("<8sIIQQQ24x", b"CLTOKENS", 1, 2, vocabulary, tokens, tokens)
    file.write_bytes(header + struct.pack(f"<{tokens}H", *(generator.randrange(vocabulary) for _ in range(tokens))))
    return hashlib.sha256(file.read_bytes()).hexdigest()


def write_attempt(folder, work, steps, **execution_options):
    """The folder of an attempt of so many steps, as crosslaw-train takes it."""
    train, valid = folder / f"train-{work.vocabulary}.tokens", folder / f"valid-{work.vocabulary}-{work.context}.tokens"
    if not train.exists():
        write_shard(train, 200_001, work.vocabulary)
    if not valid.exists():
        write_shard(valid, work.context + 1, work.vocabulary)
    hashes = [hashlib.sha256(f.read_bytes()).hexdigest() for f in (train, valid)]
    recipe = {"version": 1, "tokenizer_sha256": "", "context_tokens": work.context, "batch_sequences": work.sequences,
              "model": {"vocabulary": work.vocabulary, "hidden": work.hidden, "ffn": work.ffn, "heads": work.heads,
                        "layers": work.layers, "tied_head": work.tied, "norm_epsilon": 1e-5, "rope_theta": 10000.0},
              "schedule": {"kind": "cosine", "steps": steps, "warmup_steps": 1, "peak_learning_rate": 1e-3,
                           "final_ratio": 0.1},
              "optimizer": {"beta1": 0.9, "beta2": 0.95, "epsilon": 1e-8, "weight_decay": 0.1, "clip_norm": 1.0},
              "precision": "auto", "mixture": [{"language": "x", "share": 1.0, "sha256": hashes[0]}],
              "validation": [{"language": "x", "sha256": hashes[1]}], "seed": 1, "init": {"std": 0.0}}
    execution = {"token": "t", "device": work.device, "gpu_uuid": "", "threads": work.threads,
                 "train_shards": {"x": str(train)}, "valid_shards": {"x": str(valid)}, "start_checkpoints": [],
                 "parent_checkpoint": "", "choice_files": {}, "evaluation_steps": [], "others_at_ends_only": False,
                 "others_course_tokens": 0, "publish_steps": [],
                 "checkpoint_every_seconds": 1e9, "checkpoint_time_share": 1.0, "micro_batch_sequences": 0, "ranks": 1,
                 "gradient_parts": 0, "deterministic": False, "rank_timeout_seconds": 300.0, **execution_options}
    attempt = pathlib.Path(tempfile.mkdtemp(dir=folder))
    (attempt / "config.json").write_text(json.dumps({"version": 1, "key": "", "recipe": recipe, "execution": execution}))
    return attempt


def run_ours(trainer, folder, work, steps):
    """What crosslaw-train says of so many steps, start and end included."""
    attempt = write_attempt(folder, work, steps)
    done = subprocess.run([trainer, attempt / "config.json"], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"crosslaw-train failed: {done.stderr}")
    result = json.loads((attempt / "result.json").read_text())
    shutil.rmtree(attempt)
    return result


def ours(trainer, folder, work):
    """Seconds of a step."""
    few, many = (run_ours(trainer, folder, work, n)["seconds"] for n in (2, 2 + 2 * work.steps))
    return (many - few) / (2 * work.steps)


TWIN = '''
import json, sys, time, torch
import torch.nn.functional as F
w, mode = json.loads(sys.argv[1])
hidden, ffn, heads, layers, context, device = (w[k] for k in ("hidden", "ffn", "heads", "layers", "context", "device"))
micro = w["micro_batch"] or w["sequences"]
torch.set_num_threads(w["threads"])
torch.set_default_device(device)
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
        self.e = torch.nn.Embedding(w["vocabulary"], hidden)
        self.head = self.e if w["tied"] else torch.nn.Embedding(w["vocabulary"], hidden)
        self.blocks = torch.nn.ModuleList(Block() for _ in range(layers))
        self.n = torch.nn.RMSNorm(hidden, 1e-5)
    def forward(self, t):
        x = self.e(t[:, :-1])
        for block in self.blocks: x = block(x)
        return F.cross_entropy((self.n(x) @ self.head.weight.t()).flatten(0, 1), t[:, 1:].flatten())
model = Model()
optimizer = torch.optim.AdamW(model.parameters(), 1e-3, (0.9, 0.95), weight_decay=0.1, fused=True)
call = model if mode is None else torch.compile(model, mode=mode)
tokens = torch.randint(w["vocabulary"], (w["sequences"], context + 1))
def step():
    optimizer.zero_grad()
    for part in tokens.split(micro):
        torch.compiler.cudagraph_mark_step_begin()
        with torch.autocast(device, torch.bfloat16, enabled=device == "cuda"):
            loss = call(part)
        (loss * (len(part) / len(tokens))).backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0); optimizer.step()
def wait():
    if device == "cuda": torch.cuda.synchronize()
for _ in range(3): step()
for line in sys.stdin:
    wait(); start = time.perf_counter()
    for _ in range(w["steps"]): step()
    wait(); print((time.perf_counter() - start) / w["steps"], flush=True)
'''


class Twin:
    """A PyTorch process that measures when it is told to. mode: of torch.compile; None: eager."""

    def __init__(self, python, work, mode):
        arguments = json.dumps([dataclasses.asdict(work), mode])
        self.process = subprocess.Popen([python, "-c", TWIN, arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True)

    def __call__(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise RuntimeError("the PyTorch twin failed; see above")
        return float(answer)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def setup_python():
    """The one of scripts/setup.sh that has transformers has all that torch.compile needs."""
    for line in (ROOT / "build/setup.cmake").read_text().splitlines():
        if "CROSSLAW_PYTHON" in line:
            return line.split('"')[1]
    sys.exit("build/setup.cmake names no Python; give --python")


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
                work = dataclasses.replace(SIZES[size], threads=threads)
                twins = [Twin(python, work, mode) for mode in ([None] if arguments.no_compile else [None, "default"])]
                times = [[] for _ in range(1 + len(twins))]
                for twin in twins:
                    twin()  # warm, and compiled
                for _ in range(arguments.rounds):
                    times[0].append(ours(arguments.trainer, pathlib.Path(folder), work))
                    for i, twin in enumerate(twins):
                        times[i + 1].append(twin())
                for twin in twins:
                    twin.close()
                own, *others = map(statistics.median, times)
                print(f"{threads:7} {size:>6} {1e3 * own:9.2f} " + " ".join(f"{other / own:7.2f}" for other in others),
                      flush=True)


if __name__ == "__main__":
    main()
