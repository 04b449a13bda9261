#!/usr/bin/env python3
"""Training speed on this machine's GPU: share of the peak (MFU) of crosslaw-train and of PyTorch's compiled twins, in
turn, the same model and batch, bf16; scripts/gpu_check.sh calls it.

bench_gpu.py [--sizes 49M,125M,...] [--rounds 3] [--seconds 8]
    --batch TOKENS  of a step (default: 524288, and 131072 from a billion parameters on)
    --modes LIST    of torch.compile (default: default,max-autotune,reduce-overhead; empty: none)
    --profile       what the GPU's time of a step goes into, too (needs g++ and the CUDA toolkit's CUPTI)
    --peak FLOPS    dense bf16 of one GPU (default: the H100's and H200's 989.4e12)

Utilisation counts 6 N + 12 L d T FLOPs a token, N without the embedding. Numbers are random: zeros would be faster.
"""
import argparse
import contextlib
import csv
import dataclasses
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time

from bench_cpu import ROOT, Twin, Work, setup_python, write_attempt

CONTEXT, VOCABULARY = 2048, 32_000
STEPS_BEFORE, STEPS_BEFORE_LARGE = 5, 2  # libraries choose their kernels, small models' passes are recorded
PATIENCE_SECONDS = 300
TWIN_STEPS = 4  # of one measurement
KINDS = {"matrix products": r"gemm|nvjet|cutlass|xmma|splitK", "attention": r"fmha|flash|sdpa|cudnn|attention",
         "norms": r"rms_norm", "SwiGLU": r"swiglu", "rotary": r"rotary", "cross-entropy": r"cross_entropy",
         "AdamW": r"adamw", "embedding": r"embedding|[Ss]ort|indexSelect|index_select", "copies": r"copy|fill"}


def works(batch_tokens, device):
    """By name, the sizes of the paper's ladder."""
    with open(ROOT / "sweep/presets/paper40.csv") as file:
        rows = csv.DictReader(line for line in file if not line.startswith("#"))
        return {row["name"]: work_of(row, batch_tokens, device) for row in rows}


def work_of(row, batch_tokens, device):
    tokens = batch_tokens or (131_072 if int(row["nominal_params"]) >= 1e9 else 524_288)
    return Work(*(int(row[key]) for key in ("hidden", "ffn", "heads", "layers")),
                sequences=max(1, tokens // CONTEXT), steps=TWIN_STEPS, vocabulary=VOCABULARY, context=CONTEXT, tied=False,
                device=device)


def flops_of_step(work):
    in_products = work.layers * (4 * work.hidden**2 + 3 * work.hidden * work.ffn) + work.vocabulary * work.hidden
    attention = 12 * work.layers * work.hidden * work.context
    return (6 * in_products + attention) * work.sequences * work.context


def gpu_name():
    query = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader", "-i", "0"]
    return subprocess.run(query, capture_output=True, text=True, check=True).stdout.strip()


def gpu_used_gib():
    query = ["nvidia-smi", "--query-gpu=memory.used", "--format=csv,noheader,nounits", "-i", "0"]
    return int(subprocess.run(query, capture_output=True, text=True, check=True).stdout) / 1024


class Ours:
    """A crosslaw-train that trains without end, and is watched by its heartbeat: no start, no checkpoint in the time."""

    def __init__(self, arguments, folder, work, environment):
        self.work = work
        self.attempt = write_attempt(folder, work, 1_000_000, micro_batch_sequences=arguments.micro_batch,
                                     deterministic=arguments.deterministic)
        self.process = subprocess.Popen([arguments.trainer, self.attempt / "config.json"], stderr=subprocess.PIPE, text=True,
                                        env={**os.environ, **environment})

    def beat(self, step):
        """(steps, seconds) of the first heartbeat at or after that step."""
        end = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise RuntimeError(f"crosslaw-train ended: {self.process.stderr.read()}")
            with contextlib.suppress(OSError, ValueError):
                steps, tokens_per_second = (self.attempt / "heartbeat").read_text().split()
                if int(steps) >= step:
                    return int(steps), int(steps) * self.work.sequences * CONTEXT / float(tokens_per_second)
            time.sleep(0.05)
        raise RuntimeError("crosslaw-train gives no sign of life")

    def seconds_of_step(self, seconds):
        """The mean over about so many seconds, two steps at least."""
        first, began = self.beat(STEPS_BEFORE if self.work.hidden < 1500 else STEPS_BEFORE_LARGE)
        last, ended = self.beat(first + 2)
        while ended - began < seconds:
            last, ended = self.beat(last + 1)
        return (ended - began) / (last - first)

    def close(self):
        """Killed, for an orderly end would write a checkpoint. What it said."""
        self.process.kill()
        return self.process.communicate()[1]


def build_profiler(folder):
    """The library that CUDA loads into the trainer, built against the toolkit's CUPTI."""
    library = folder / "libgpu_profile.so"
    found = re.search(r'CUDAToolkit_ROOT "([^"]*)"', (ROOT / "build/setup.cmake").read_text())
    roots = [pathlib.Path(found[1])] if found else []
    roots += [pathlib.Path(os.environ.get("CUDA_HOME", "/usr/local/cuda")) / part for part in ("", "extras/CUPTI")]
    paths = [f"-I{root}/include" for root in roots]
    libraries = [f"{root}/{name}" for root in roots for name in ("lib", "lib64") if (root / name).is_dir()]
    paths += [flag for path in libraries for flag in (f"-L{path}", f"-Wl,-rpath,{path}")]
    subprocess.run(["g++", "-std=c++17", "-O1", "-fPIC", "-shared", *paths, ROOT / "scripts/gpu_profile.cpp", "-o",
                    library, "-lcupti"], check=True)
    return library


def totals(file):
    """By kernel: (microseconds, launches)."""
    table = {}
    for line in file.read_text().splitlines():
        microseconds, launches, name = line.split("\t")
        own = table.get(name, (0, 0))
        table[name] = (own[0] + float(microseconds), own[1] + int(launches))
    return table


def print_profile(before, after, seconds_of_step, most):
    """Milliseconds of a step by kind of work, then the longest kernels. A step launches AdamW twice."""
    gained = {name: (time_ - before.get(name, (0, 0))[0], count - before.get(name, (0, 0))[1])
              for name, (time_, count) in after.items()}
    steps = sum(count for name, (_, count) in gained.items() if "adamw" in name) / 2
    if steps == 0:
        print("       no profile: CUPTI told of no step")
        return
    kinds = {kind: 0.0 for kind in [*KINDS, "other"]}
    for name, (microseconds, _) in gained.items():
        kind = next((kind for kind, pattern in KINDS.items() if re.search(pattern, name)), "other")
        kinds[kind] += 1e-3 * microseconds / steps
    whole = 1e3 * seconds_of_step
    for kind, milliseconds in [*kinds.items(), ("nothing", whole - sum(kinds.values()))]:
        print(f"       {milliseconds:10.2f} ms {100 * milliseconds / whole:5.1f} %  {kind}")
    for name, (microseconds, count) in sorted(gained.items(), key=lambda item: -item[1][0])[:most]:
        print(f"           {1e-3 * microseconds / steps:10.3f} ms {count / steps:7.1f} launches  {name[:100]}")


def profile(arguments, folder, work, library):
    file = folder / "profile"
    file.unlink(missing_ok=True)
    own = Ours(arguments, folder, work, {"CUDA_INJECTION64_PATH": str(library), "GPU_PROFILE_FILE": str(file)})
    with contextlib.closing(own):
        own.seconds_of_step(0)
        time.sleep(1.5)  # what the kernels of these steps took has come by then
        before = totals(file)
        seconds = own.seconds_of_step(max(3, arguments.seconds))
        time.sleep(1.5)
        print_profile(before, totals(file), seconds, arguments.kernels)


def measured(twin, python, work, mode):
    """Seconds of a step of a twin, or None where it does not fit or compile."""
    try:
        twin = twin or Twin(python, work, mode)
        return twin, twin()
    except (RuntimeError, BrokenPipeError):
        return None, None


def measure(arguments, folder, work):
    """Seconds of a step of ours, what it said, and the GPU's memory."""
    own = Ours(arguments, folder, work, {})
    try:
        seconds = own.seconds_of_step(arguments.seconds)
        used = gpu_used_gib() if work.device == "cuda" else 0
    finally:
        said = own.close()
    return seconds, said, used


def twin_sequences(work):
    """What fits 80 GB with autocast's copies; more was no faster at 125M."""
    return 16 if work.hidden < 1500 else 8 if work.hidden < 2200 else 4


def row_of(arguments, folder, python, size, modes):
    work = works(arguments.batch, arguments.device)[size]
    twins, times, used = {}, {mode: [] for mode in [None, *modes]}, 0
    for _ in range(arguments.rounds):
        seconds, said, used = measure(arguments, folder, work)
        times[None].append(seconds)
        print(said, end="", file=sys.stderr)
        twin_work = dataclasses.replace(work, micro_batch=arguments.twin_micro_batch or twin_sequences(work))
        for mode in modes:
            twins[mode], seconds = measured(twins.get(mode), python, twin_work, mode)
            times[mode] += [seconds] if seconds else []
            if twins[mode]:  # two models at once would not fit
                twins.pop(mode).close()
    share = {mode: 100 * flops_of_step(work) / arguments.peak / statistics.median(each) if each else None
             for mode, each in times.items()}
    others = " ".join(f"{share[mode]:7.1f}" if share[mode] else "      -" for mode in modes)
    tokens = work.sequences * work.context / statistics.median(times[None])
    return f"{size:>6} {work.sequences:>9} {used:7.1f} {tokens:9.0f} {share[None]:6.1f}   {others}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="49M,125M,368M,1085M,2791M,5534M")
    parser.add_argument("--batch", type=int)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=8, help="of a measurement (default 8)")
    parser.add_argument("--modes", default="default,max-autotune,reduce-overhead")
    parser.add_argument("--micro-batch", type=int, default=0, help="sequences of ours (default: as many as fit)")
    parser.add_argument("--twin-micro-batch", type=int, help="sequences (default 16, 8 or 4, by size)")
    parser.add_argument("--deterministic", action="store_true", help="ours with gradients of attention in a fixed order")
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--kernels", type=int, default=14, help="of a profile (default 14)")
    parser.add_argument("--profiler", type=pathlib.Path, help="the library, built elsewhere")
    parser.add_argument("--peak", type=float, default=989.4e12)
    parser.add_argument("--python")
    parser.add_argument("--trainer", default=str(ROOT / "build/crosslaw-train"))
    parser.add_argument("--device", default="cuda", choices=("cuda", "cpu"), help="cpu: to try this script")
    arguments = parser.parse_args()
    modes = [mode for mode in arguments.modes.split(",") if mode]
    python = arguments.python or (setup_python() if modes else None)
    print(f"{gpu_name() if arguments.device == 'cuda' else 'the CPU'}, context {CONTEXT}")
    print(f"{'size':>6} {'sequences':>9} {'GiB':>7} {'tokens/s':>9} {'MFU %':>6}   MFU % of torch.compile: {', '.join(modes)}")
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        library = (arguments.profiler or build_profiler(folder)) if arguments.profile else None
        for size in arguments.sizes.split(","):
            print(row_of(arguments, folder, python, size, modes), flush=True)
            if library:
                profile(arguments, folder, works(arguments.batch, arguments.device)[size], library)
                sys.stdout.flush()


if __name__ == "__main__":
    main()
