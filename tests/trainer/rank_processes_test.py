#!/usr/bin/env python3
"""A run of several ranks as processes: the same losses, stops and resumes, and how it ends when a rank is lost.

Usage: rank_processes_test.py CROSSLAW_TRAIN CROSSLAW
"""

import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from trainer_program_test import FAILURES, Workshop, check, equal, losses_of, result_of  # noqa: E402

LONG = {"steps": 100_000, "cooldown_steps": 10}


def children_of(pid):
    """Processes by the parent that /proc names, zombies left out."""
    found = []
    for entry in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(fields[1]) == pid and fields[0] != "Z":
            found.append(int(entry.name))
    return sorted(found)


def wait_for(what, limit=30):
    end = time.monotonic() + limit
    while not what() and time.monotonic() < end:
        time.sleep(0.02)
    return what()


def started(shop, ranks, **changes):
    """A run that trains: its folder, its process and its ranks."""
    folder = shop.attempt(**{"ranks": ranks, "gradient_parts": 2, **LONG, **changes})
    process = subprocess.Popen([shop.trainer, folder / "config.json"], stderr=subprocess.DEVNULL)
    wait_for(lambda: (folder / "heartbeat").exists())
    return folder, process, children_of(process.pid)


def is_alive(pid):
    try:
        return (pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]) != "Z"
    except OSError:
        return False


def test_same_losses(shop):
    one, two = shop.attempt(gradient_parts=2), shop.attempt(gradient_parts=2, ranks=2)
    equal("one rank", shop(one).returncode, 0)
    equal("two ranks", shop(two).returncode, 0)
    equal("the same losses", losses_of(two), losses_of(one))
    for file in ("checkpoint-00000010/moment1.safetensors", "checkpoint-00000040/model.safetensors"):
        check(f"the same {file}", (one / file).read_bytes() == (two / file).read_bytes())
    names = {path.name for path in two.iterdir()} - {path.name for path in one.iterdir()} - {"heartbeat"}
    equal("what two ranks leave beside", names, {"log-1.txt"})
    equal("the number is in the provenance", result_of(two)["provenance"]["ranks"], 2)


def test_stop(shop):
    folder, process, ranks = started(shop, 2)
    equal("two ranks are two processes", len(ranks), 2)
    process.send_signal(signal.SIGTERM)
    equal("a stop: exit code", process.wait(timeout=60), 75)
    result = result_of(folder)
    equal("a stop: outcome", result["outcome"], "stopped")
    check("a stop: no process stays", not any(map(is_alive, ranks)), ranks)
    # A little further than it came, with the trajectory it had: the same trunk.
    again = shop.attempt(ranks=1, gradient_parts=2, steps=result["step"] + 20, cooldown_steps=10,
                         start_checkpoints=[str(folder / result["checkpoint"])])
    check("one rank reads what two wrote", "not used" not in shop(again).stderr)


def test_killed_rank(shop):
    """Whichever is killed, the attempt ends with its name, and the run goes on from its checkpoint."""
    whole = shop.attempt(gradient_parts=2, steps=60)
    shop(whole)
    for rank in (0, 1):
        folder, process, ranks = started(shop, 2)
        began = time.monotonic()
        os.kill(ranks[rank], signal.SIGKILL)
        equal(f"rank {rank} killed: exit code", process.wait(timeout=60), 1)
        seconds = time.monotonic() - began
        check(f"rank {rank} killed: in time", seconds < 15, seconds)
        check(f"rank {rank} killed: no process stays", not any(map(is_alive, ranks)), ranks)
        result = result_of(folder)
        equal(f"rank {rank} killed: result", (result["token"], result["outcome"], result["message"]),
              ("t", "crashed", f"rank {rank} was ended by signal 9 (Killed)"))
        again = shop.attempt(gradient_parts=2, ranks=2, steps=60,
                             start_checkpoints=[str(folder / "checkpoint-00000010")])
        equal(f"rank {rank} killed: going on", shop(again).returncode, 0)
        equal(f"rank {rank} killed: goes on at the checkpoint", result_of(again)["start_step"], 10)
        equal(f"rank {rank} killed: the same losses", losses_of(again),
              {step: loss for step, loss in losses_of(whole).items() if step >= 10})


def test_hung_rank(shop):
    folder, process, ranks = started(shop, 3, rank_timeout_seconds=1.0, gradient_parts=3)
    began = time.monotonic()
    os.kill(ranks[1], signal.SIGSTOP)
    code = process.wait(timeout=60)
    seconds = time.monotonic() - began
    equal("a hung rank: exit code", code, 1)
    check("a hung rank: in time", 1 < seconds < 20, seconds)
    equal("a hung rank: message", result_of(folder)["message"],
          "rank 1 did not come to the others within 1 seconds")
    check("a hung rank: no process stays", not any(map(is_alive, ranks)), ranks)


def test_killed_parent(shop):
    folder, process, ranks = started(shop, 2)
    process.kill()
    process.wait()
    check("no rank outlives the process that the launcher knows",
          wait_for(lambda: not any(map(is_alive, ranks)), 10), ranks)


def test_job_step(shop):
    """As srun starts them: each process by itself, told which one it is."""
    folder = shop.attempt(ranks=2, gradient_parts=2)
    step = {"SLURM_STEP_NUM_TASKS": "2", "SLURM_JOB_ID": "17", "SLURM_STEP_ID": "0", "SLURM_RESTART_COUNT": "0"}
    tasks = [subprocess.Popen([shop.trainer, folder / "config.json"],
                              env={**os.environ, **step, "SLURM_PROCID": str(i), "SLURM_LOCALID": str(i)})
             for i in (1, 0)]
    equal("tasks of a job step", [task.wait(timeout=60) for task in tasks], [0, 0])
    one = shop.attempt(gradient_parts=2)
    shop(one)
    equal("tasks of a job step: the same losses", losses_of(folder), losses_of(one))


def main():
    trainer, crosslaw = (pathlib.Path(argument).resolve() for argument in sys.argv[1:3])
    with tempfile.TemporaryDirectory(prefix="crosslaw-ranks-") as work:
        shop = Workshop(trainer, crosslaw, pathlib.Path(work))
        for name, test in list(globals().items()):
            if name.startswith("test_"):
                test(shop)
    if FAILURES:
        sys.exit("FAILED:\n" + "\n".join(FAILURES))


if __name__ == "__main__":
    main()
