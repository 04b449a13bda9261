#!/usr/bin/env python3
"""Two ranks by NCCL on two GPUs against one: losses, a checkpoint that one rank continues, a rank that is killed.

Usage: gpu_ranks_check.py CROSSLAW_TRAIN CROSSLAW
"""

import os
import pathlib
import signal
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from rank_processes_test import LONG, children_of, is_alive, wait_for  # noqa: E402
from trainer_program_test import FAILURES, Workshop, check, equal, losses_of, result_of  # noqa: E402

GPU = {"device": "cuda", "gradient_parts": 0, "rank_timeout_seconds": 60.0}
# bf16 products in micro-batches of another size.
TOLERANCE = 0.01


def check_losses(shop):
    one, two = shop.attempt(ranks=1, **GPU), shop.attempt(ranks=2, **GPU)
    for folder in (one, two):
        done = shop(folder)
        equal("exit code", done.returncode, 0)
        check("result", result_of(folder)["outcome"] == "done", done.stderr)
    alone, shared = losses_of(one), losses_of(two)
    equal("steps", sorted(shared), sorted(alone))
    worst = max(abs(shared[step] / alone[step] - 1) for step in alone)
    print(f"gpu_ranks_check: losses of two ranks are within {worst:.2e} of one", file=sys.stderr)
    check("losses of two ranks", worst < TOLERANCE, worst)
    again = shop.attempt(ranks=1, start_checkpoints=[str(two / "checkpoint-00000010")], **GPU)
    shop(again)
    equal("one rank goes on from two ranks' checkpoint", result_of(again)["start_step"], 10)


def check_killed_rank(shop):
    folder = shop.attempt(**{**GPU, **LONG, "ranks": 2})
    process = subprocess.Popen([shop.trainer, folder / "config.json"], stderr=subprocess.DEVNULL)
    wait_for(lambda: (folder / "heartbeat").exists(), 120)
    ranks = children_of(process.pid)
    equal("two processes", len(ranks), 2)
    os.kill(ranks[1], signal.SIGKILL)
    equal("a killed rank: exit code", process.wait(timeout=60), 1)
    check("a killed rank: no process stays", not any(map(is_alive, ranks)), ranks)
    equal("a killed rank: outcome", result_of(folder)["outcome"], "crashed")


def main():
    gpus = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True).stdout.count("GPU ")
    if gpus < 2:
        print("gpu_ranks_check: skipped, for it needs two GPUs (NCCL takes no GPU twice)", file=sys.stderr)
        return
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "0,1")
    trainer, crosslaw = (pathlib.Path(argument).resolve() for argument in sys.argv[1:3])
    with tempfile.TemporaryDirectory(prefix="crosslaw-gpu-ranks-") as work:
        shop = Workshop(trainer, crosslaw, pathlib.Path(work))
        check_losses(shop)
        check_killed_rank(shop)
    if FAILURES:
        sys.exit("FAILED:\n" + "\n".join(FAILURES))


if __name__ == "__main__":
    main()
