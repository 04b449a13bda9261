#!/usr/bin/env python3
"""Training speed on this machine's GPU: share of the peak (MFU) of crosslaw-train and of PyTorch's compiled twins, in
turn, the same model and batch, bf16. No GPU has run this yet; scripts/gpu_check.sh calls it.

bench_gpu.py [--sizes 49M,125M,...] [--batch TOKENS] [--rounds 3] [--steps 8]
    --modes LIST    of torch.compile (default: default,max-autotune,reduce-overhead; empty: none)
    --peak FLOPS    dense bf16 of one GPU (default: the H100's and H200's 989.4e12)

Utilisation counts 6 N + 12 L d T FLOPs a token, N without the embedding. Numbers are random: zeros would be faster.
"""
import argparse
import csv
import pathlib
import statistics
import subprocess
import tempfile

from bench_cpu import ROOT, Twin, Work, ours, run_ours, setup_python

CONTEXT, VOCABULARY = 2048, 32_000


def works(batch_tokens, device, steps):
    """By name, the sizes of the paper's ladder."""
    with open(ROOT / "sweep/presets/paper40.csv") as file:
        rows = csv.DictReader(line for line in file if not line.startswith("#"))
        return {row["name"]: Work(*(int(row[key]) for key in ("hidden", "ffn", "heads", "layers")),
                                  sequences=max(1, batch_tokens // CONTEXT), steps=steps, vocabulary=VOCABULARY,
                                  context=CONTEXT, tied=False, device=device) for row in rows}


def flops_of_step(work):
    in_products = work.layers * (4 * work.hidden**2 + 3 * work.hidden * work.ffn) + work.vocabulary * work.hidden
    attention = 12 * work.layers * work.hidden * work.context
    return (6 * in_products + attention) * work.sequences * work.context


def gpu_name():
    query = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader", "-i", "0"]
    return subprocess.run(query, capture_output=True, text=True, check=True).stdout.strip()


def measured(twin, python, work, mode):
    """Seconds of a step of a twin, or None where it does not fit or compile."""
    try:
        twin = twin or Twin(python, work, mode)
        return twin, twin()
    except (RuntimeError, BrokenPipeError):
        return None, None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="49M,125M,368M,1085M,2791M,5534M")
    parser.add_argument("--batch", type=int, default=524_288, help="tokens of a step (default 524288)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=8, help="of a measurement (default 8)")
    parser.add_argument("--modes", default="default,max-autotune,reduce-overhead")
    parser.add_argument("--peak", type=float, default=989.4e12)
    parser.add_argument("--python")
    parser.add_argument("--trainer", default=str(ROOT / "build/crosslaw-train"))
    parser.add_argument("--device", default="cuda", choices=("cuda", "cpu"), help="cpu: to try this script")
    arguments = parser.parse_args()
    python = arguments.python or setup_python()
    modes = [mode for mode in arguments.modes.split(",") if mode]
    print(f"{gpu_name() if arguments.device == 'cuda' else 'the CPU'}, context {CONTEXT}, {arguments.batch} tokens a step")
    print(f"{'size':>6} {'micro-batch':>11} {'tokens/s':>9} {'MFU %':>6}   MFU % of torch.compile: {', '.join(modes)}")
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for size in arguments.sizes.split(","):
            work = works(arguments.batch, arguments.device, arguments.steps)[size]
            # What crosslaw-train found to fit, the twins take, too.
            work.micro_batch = run_ours(arguments.trainer, folder, work, 2)["micro_batch_sequences"]
            twins, times = {}, {mode: [] for mode in [None, *modes]}
            for _ in range(arguments.rounds):
                times[None].append(ours(arguments.trainer, folder, work))
                for mode in modes:
                    twins[mode], seconds = measured(twins.get(mode), python, work, mode)
                    times[mode] += [seconds] if seconds else []
                    if twins[mode]:  # two models at once would not fit
                        twins.pop(mode).close()
            share = {mode: 100 * flops_of_step(work) / arguments.peak / statistics.median(each) if each else None
                     for mode, each in times.items()}
            others = " ".join(f"{share[mode]:7.1f}" if share[mode] else "      -" for mode in modes)
            tokens = work.sequences * work.context / statistics.median(times[None])
            print(f"{size:>6} {work.micro_batch:>11} {tokens:9.0f} {share[None]:6.1f}   {others}", flush=True)


if __name__ == "__main__":
    main()
