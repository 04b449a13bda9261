#!/usr/bin/env python3
"""Two ranks as tasks of srun in a real Slurm: the same losses as one, a stop with a checkpoint, a rank that is killed.

Usage: rank_slurm_test.py CROSSLAW_TRAIN CROSSLAW    (exit code 77 when Slurm is not installed)
"""

import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "apps")]
from rank_processes_test import LONG, is_alive, wait_for  # noqa: E402
from slurm_sweep_test import CLUSTER, Cluster  # noqa: E402
from trainer_program_test import FAILURES, Workshop, check, equal, losses_of, result_of  # noqa: E402


class Job:
    """An attempt as sweep/launch submits it: the job's script is replaced by srun, which starts a task a GPU."""

    def __init__(self, cluster, shop, **changes):
        self.cluster = cluster
        self.folder = shop.attempt(**{"ranks": 2, "gradient_parts": 2, **changes})
        script = self.folder / "job.sh"
        script.write_text("#!/bin/sh\nexec srun --kill-on-bad-exit=1 --cpus-per-task=1 "
                          f"'{shop.trainer}' '{self.folder / 'config.json'}'\n")
        submitted = cluster.call("sbatch", "--parsable", "--partition=low", "--nodes=1", "--ntasks-per-node=2",
                                 "--gres=gpu:2", "--mem=100", f"--output={self.folder / 'log.txt'}", script)
        if submitted.returncode:
            sys.exit(f"FAILED: sbatch: {submitted.stderr}")
        self.number = submitted.stdout.strip()

    def state(self):
        return self.cluster.call("squeue", "-h", "-j", self.number, "-t", "all", "-o", "%T").stdout.strip()

    def end(self):
        wait_for(lambda: self.state() not in ("PENDING", "RUNNING", "COMPLETING", "CONFIGURING"), 60)
        return self.state()

    def ranks(self):
        found = []
        for entry in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if words[0].endswith(b"crosslaw-train") and str(self.folder / "config.json").encode() in words:
                found.append(int(entry.name))
        return sorted(found)

    def trains(self):
        check("the job trains", wait_for(lambda: (self.folder / "heartbeat").exists(), 60),
              (self.folder / "log.txt").read_text() if (self.folder / "log.txt").exists() else self.state())
        return self.ranks()


def check_losses(cluster, shop):
    job = Job(cluster, shop)
    equal("a job of two tasks", job.end(), "COMPLETED")
    one = shop.attempt(gradient_parts=2)
    shop(one)
    equal("its losses are those of one rank", losses_of(job.folder), losses_of(one))


def check_stop(cluster, shop):
    job = Job(cluster, shop, **LONG)
    equal("two tasks train", len(job.trains()), 2)
    cluster.call("scancel", "--batch", "--signal=USR2", job.number)
    job.end()
    result = result_of(job.folder)
    equal("a stop by scancel", result["outcome"], "stopped")
    check("its checkpoint is there", (job.folder / result["checkpoint"] / "state.json").exists(), result)


def check_killed(cluster, shop):
    job = Job(cluster, shop, rank_timeout_seconds=20.0, **LONG)
    ranks = job.trains()
    began = time.monotonic()
    os.kill(ranks[-1], signal.SIGKILL)
    check("a killed rank ends the job", job.end() == "FAILED", job.state())
    check("in time", time.monotonic() - began < 30, time.monotonic() - began)
    check("and no task stays", not any(map(is_alive, ranks)), ranks)


def main():
    needed = ("slurmctld", "slurmd", "munged", "sbatch")
    if not all(shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin:/sbin") for program in needed):
        print("Slurm is not installed: scripts/setup.sh installs it")
        sys.exit(77)
    trainer, crosslaw = (pathlib.Path(argument).resolve() for argument in sys.argv[1:3])
    work = pathlib.Path(tempfile.mkdtemp(prefix="clr-", dir="/tmp"))  # short: sockets lie below
    shop = Workshop(trainer, crosslaw, work)
    cluster = Cluster(work / "sbx")
    cluster.do("start")
    try:
        for scenario in (check_losses, check_stop, check_killed):
            scenario(cluster, shop)
    finally:
        subprocess.run([CLUSTER, "stop"], env=cluster.environment, capture_output=True)
    shutil.rmtree(work, ignore_errors=True)
    if FAILURES:
        sys.exit("FAILED:\n" + "\n".join(FAILURES))


if __name__ == "__main__":
    main()
