#!/usr/bin/env python3
"""A small sweep through a real Slurm of three nodes with two pretended GPUs each, compared table by table with the same
sweep on this machine: undisturbed but for a kill -9 of crosslaw; with preemption, a dead node and a controller that is
killed; with a controller that is away for a minute and a job that meets its time limit meanwhile; and by the command back
end's templates.

Usage: slurm_sweep_test.py CROSSLAW    (exit code 77 when Slurm is not installed)
"""

import concurrent.futures
import contextlib
import os
import pathlib
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time

from kill_and_resume_test import tables
from small_sweep import run, write_small_sweep

CLUSTER = pathlib.Path("tests/support/slurm/start.sh").resolve()
SLURM = """[launch]
backend = "slurm"
devices = "cpu"
gpus = 1
partition = "low"
time_limit = "10"
warn_seconds = 60
options = ["--mem=100"]
"""
COMMAND = """[launch]
backend = "command"
devices = "cpu"
submit = ["sbatch", "--parsable", "--no-requeue", "--gres=gpu:1", "--mem=100", "--open-mode=append", "--output={log}",
          "--job-name={label}", "{script}"]
job_pattern = "^([0-9]+)"
poll = ["squeue", "--noheader", "--states=all", "--format=%A %t"]
poll_pattern = "^([0-9]+) (\\\\S+)"
queued = ["PD"]
running = ["R", "CG", "CF"]
ended = ["CD", "F", "CA", "TO", "PR", "NF"]
stop = ["scancel", "--batch", "--signal=TERM", "{job}"]
cancel = ["scancel", "{job}"]
"""


class Cluster:
    def __init__(self, folder):
        with socket.socket() as probe:  # a port that nobody uses; the nodes take the next three
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.folder = folder
        self.environment = dict(os.environ, SBX=str(folder), PORT=str(port), NNODES="3", NGPU="2", NCPU="4",
                                SLURM_CONF=str(folder / "slurm.conf"))
        self.environment.pop("CUDA_VISIBLE_DEVICES", None)

    def do(self, *verb):
        done = subprocess.run([CLUSTER, *verb], env=self.environment, capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"FAILED: the test's Slurm: {verb}: {done.stderr}")

    def call(self, *words):
        return run(words[0], *words[1:], env=self.environment)

    def running_nodes(self):
        return [n for n in self.call("squeue", "-h", "-t", "R", "-p", "low", "-o", "%N").stdout.split() if n]

    def tasks_of_an_array(self):
        """Names of the queued and running tasks of an array of which one runs."""
        lines = self.call("squeue", "-h", "-r", "-o", "%F_%K %t").stdout.splitlines()
        tasks = [line.split() for line in lines if "_N/A" not in line]
        return [name for name, _ in tasks] if len(tasks) >= 2 and any(state == "R" for _, state in tasks) else []

    def wait_for_saved_state(self):
        """A controller that is killed before it has written down a start forgets the job, and holds its place for
        minutes: a fault of Slurm's own, whose time is no matter of ours.
        """
        starts = [time.mktime(time.strptime(text, "%Y-%m-%dT%H:%M:%S"))
                  for text in self.call("squeue", "-h", "-t", "R", "-o", "%S").stdout.split()]
        end = time.monotonic() + 15
        while starts and time.monotonic() < end and (self.folder / "state/job_state").stat().st_mtime < max(starts) + 1:
            time.sleep(0.1)

    def processes_of(self, jobs):
        """The processes that run for these jobs, and the daemons of their steps."""
        found = []
        for entry in pathlib.Path("/proc").iterdir():
            try:
                words = (entry / "environ").read_bytes().split(b"\0") if entry.name.isdigit() else []
                name = (entry / "comm").read_text().strip() if entry.name.isdigit() else ""
                line = (entry / "cmdline").read_bytes() if entry.name.isdigit() else b""
            except OSError:
                continue
            ours = f"SLURM_CONF={self.folder}/slurm.conf".encode() in words
            if ours and any(f"SLURM_JOB_ID={job}".encode() in words for job in jobs) or \
                    name.startswith("slurmstepd") and any(f"[{job}.".encode() in line for job in jobs):
                found.append((int(entry.name), name))
        return found

    def kill_node(self, node):
        """The daemon and all that runs under it, as a machine that loses power."""
        daemon = int((self.folder / f"run/slurmd-{node}.pid").read_text())
        os.kill(daemon, signal.SIGKILL)
        jobs = self.call("squeue", "-h", "-w", node, "-o", "%A").stdout.split()
        for pid, _ in self.processes_of(jobs):
            with contextlib.suppress(ProcessLookupError):  # it may have ended by itself
                os.kill(pid, signal.SIGKILL)

    def stop_a_trainer(self):
        """Stops, as SIGSTOP does, a process that trains and has not ended; whether there was one."""
        jobs = self.call("squeue", "-h", "-t", "R", "-o", "%A").stdout.split()
        for pid, name in self.processes_of(jobs):
            if name != "crosslaw-train":
                continue
            with contextlib.suppress(OSError):
                config = pathlib.Path(pathlib.Path(f"/proc/{pid}/cmdline").read_text().rstrip("\0").split("\0")[-1])
                if not (config.parent / "metrics.jsonl").exists():
                    continue
                os.kill(pid, signal.SIGSTOP)
                if not (config.parent / "result.json").exists():
                    return True
                os.kill(pid, signal.SIGCONT)
        return False


@contextlib.contextmanager
def running(cluster):
    cluster.do("start")
    try:
        yield cluster
    finally:
        subprocess.run([CLUSTER, "stop"], env=cluster.environment, capture_output=True)


def spec_with(folder, launch):
    spec = write_small_sweep(folder, ("s", "xl"), 80)
    text = spec.read_text()
    start = text.index("[launch]")
    text = text[:start].replace("[4, 8, 16]", "[8, 32]").replace("[16]", "[32]") + launch
    spec.write_text(text)
    return spec


def start(crosslaw, spec, folder, cluster, log):
    return subprocess.Popen([crosslaw, "run", spec, "--dir", folder], stdout=subprocess.DEVNULL, stderr=log,
                            env=cluster.environment)


def finish(process, log, what, seconds=240):
    try:
        code = process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        code = "none in time"
    if code != 0:
        log.flush()
        sys.exit(f"FAILED: {what}: code {code}\n{pathlib.Path(log.name).read_text()[-4000:]}")


def compare_sweep(named, crosslaw, cluster, work, expected):
    what, sweep = named
    began = time.monotonic()
    with open(work / f"{sweep.__name__}.log", "w") as log:
        folder = sweep(crosslaw, cluster, work, log)
    for name, text in tables(crosslaw, folder).items():
        if text != expected[name]:
            sys.exit(f"FAILED: {what}: {name} differs\n--- local\n{expected[name][:2000]}\n--- {what}\n{text[:2000]}")
    print(f"{what}: all tables equal, {time.monotonic() - began:.1f} s", flush=True)


def together(function, firsts, *others):
    """The function for each of the first arguments, at the same time; the first failure ends the program."""
    with concurrent.futures.ThreadPoolExecutor() as threads:
        for each in [threads.submit(function, first, *others) for first in firsts]:
            each.result()


def wait_until(condition, what, seconds=60):
    """What the condition found: by a second look the cluster is another one."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > end:
            sys.exit(f"FAILED: {what} did not happen within {seconds} s")
        time.sleep(0.1)
    return found


def survive_own_death(crosslaw, cluster, work, log):
    """Equal runs go as one job array. Somebody ends one of its tasks, and crosslaw is killed while the others are in the
    queue: it finds each of them again, and tries the one again.
    """
    spec, folder = spec_with(work / "slurm-spec", SLURM), work / "slurm"
    process = start(crosslaw, spec, folder, cluster, log)
    tasks = wait_until(cluster.tasks_of_an_array, "the start of a job array")
    cluster.call("scancel", tasks[-1])
    process.kill()
    process.wait()
    finish(start(crosslaw, spec, folder, cluster, log), log, "the sweep after a kill -9 of crosslaw")
    return folder


def survive_the_cluster(crosslaw, cluster, work, log):
    spec, folder = spec_with(work / "storm-spec", SLURM), work / "storm"
    process = start(crosslaw, spec, folder, cluster, log)
    wait_until(lambda: len(cluster.running_nodes()) >= 3, "the start of three jobs")
    urgent = cluster.call("sbatch", "--parsable", "-p", "high", "-N3", "--gres=gpu:2", "--mem=100", "--output=/dev/null",
                          "--wrap", "sleep 2")
    if urgent.returncode:
        sys.exit(f"FAILED: the urgent job: {urgent.stderr}")
    # It asks for every GPU, so it starts when nobody else has one.
    wait_until(lambda: not cluster.call("squeue", "-h", "-t", "PD", "-j", urgent.stdout.strip()).stdout, "preemption")
    cluster.kill_node(wait_until(cluster.running_nodes, "new starts after the preemption")[0])
    cluster.wait_for_saved_state()
    cluster.do("kill9-ctld")
    time.sleep(3)
    subprocess.run([CLUSTER, "start-ctld"], env=cluster.environment, capture_output=True, timeout=60)
    finish(process, log, "the sweep through preemption, a dead node and a killed controller")
    return folder


def survive_an_outage(crosslaw, cluster, work, log):
    """Nobody answers for a minute, in which jobs end and one, which stands still, meets its time limit."""
    launch = SLURM.replace('time_limit = "10"', 'time_limit = "1"').replace("warn_seconds = 60", "warn_seconds = 5")
    spec, folder = spec_with(work / "outage-spec", launch), work / "outage"
    process = start(crosslaw, spec, folder, cluster, log)
    wait_until(cluster.stop_a_trainer, "a run's first losses")
    cluster.wait_for_saved_state()
    cluster.do("kill9-ctld")
    time.sleep(60)
    cluster.do("start-ctld")
    finish(process, log, "the sweep through an outage of a minute")
    # Slurm wakes the job up and gives it three seconds, in which it may write its checkpoint.
    ends = {row[0] for row in sqlite3.connect(folder / "crosslaw.db").execute("SELECT outcome FROM attempt")}
    if "Time limit exhausted" not in (cluster.folder / "log/slurmctld.log").read_text() or not ends & {"stopped", "time_limit"}:
        sys.exit(f"FAILED: no job met its time limit; attempts ended {ends}")
    return folder


def by_templates(crosslaw, cluster, work, log):
    spec, folder = spec_with(work / "command-spec", COMMAND), work / "command"
    finish(start(crosslaw, spec, folder, cluster, log), log, "the sweep by templates")
    return folder


def main():
    if not all(shutil.which(p, path=os.environ["PATH"] + ":/usr/sbin:/sbin") for p in ("slurmctld", "slurmd", "munged", "sbatch")):
        print("Slurm is not installed: scripts/setup.sh installs it")
        sys.exit(77)
    crosslaw = pathlib.Path(sys.argv[1]).resolve()
    short = tempfile.gettempdir() if len(tempfile.gettempdir()) < 40 else "/tmp"  # sockets lie below
    work = pathlib.Path(tempfile.mkdtemp(prefix="cls-", dir=short))
    with running(Cluster(work / "sbx")) as cluster, running(Cluster(work / "away")) as other:
        began = time.monotonic()
        local = spec_with(work / "local-spec", '[launch]\ndevices = "cpu"\ncpu_slots = 2\n')
        done = run(crosslaw, "run", local, "--dir", work / "local")
        if done.returncode:
            sys.exit(f"FAILED: the local sweep: {done.stderr}")
        expected = tables(crosslaw, work / "local")
        print(f"local: {time.monotonic() - began:.1f} s", flush=True)
        # Two at a time: most of a job's time is Slurm's. The minute without a controller passes beside them.
        with concurrent.futures.ThreadPoolExecutor() as threads:
            outage = threads.submit(compare_sweep, ("slurm away for a minute", survive_an_outage), crosslaw, other, work,
                                    expected)
            together(compare_sweep, (("slurm, crosslaw killed", survive_own_death), ("command templates", by_templates)),
                     crosslaw, cluster, work, expected)
            compare_sweep(("slurm in a storm", survive_the_cluster), crosslaw, cluster, work, expected)
            outage.result()
    shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
