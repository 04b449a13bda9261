#!/usr/bin/env python3
"""Kills a sweep with signal 9 at random moments, runs it again, and compares every table with those
of an undisturbed sweep, byte for byte.

Usage: kill_and_resume_test.py CROSSLAW [--times 18] [--large-times 1] [--seed 1]
"""

import argparse
import contextlib
import os
import pathlib
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

from small_sweep import run, write_small_sweep, write_smallest_sweep


def trainers_of(folder):
    """Process ids of the trainers of a sweep, those that outlived their orchestrator included."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0") if entry.name.isdigit() else []
        except OSError:
            continue
        if words and words[0].endswith(b"crosslaw-train") and f"{folder}/".encode() in b" ".join(words):
            found.append(int(entry.name))
    return found


def start(crosslaw, spec, folder):
    return subprocess.Popen(
        [crosslaw, "run", spec, "--dir", folder], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def tables(crosslaw, folder):
    """What a user reads of a sweep, without anything that tells of times or attempts."""
    base = sqlite3.connect(f"file:{folder}/crosslaw.db?mode=ro", uri=True)
    whole = base.execute("PRAGMA integrity_check").fetchall()
    if whole != [("ok",)]:
        sys.exit(f"FAILED: {folder}: integrity_check says {whole}")
    texts = {"observations": repr(base.execute("SELECT * FROM observations").fetchall())}
    for name, command in {
        "export": ["export", folder],
        "coeffs": ["coeffs", folder, "--json"],
        "allocate": ["allocate", folder, "--json", "--flops", "1e9,1e10", "--accept-unidentified"],
    }.items():
        done = run(crosslaw, *command)
        texts[name] = f"exit code {done.returncode}\n{done.stdout}{done.stderr}".replace(str(folder), "DIR")
    return texts


def disturbed_sweep(crosslaw, spec, folder, draw, longest_seconds):
    """One to three kills of the orchestrator or of one trainer, then a run that may finish."""
    killed = []
    for _ in range(draw.randint(1, 3)):
        process = start(crosslaw, spec, folder)
        time.sleep(draw.uniform(0, longest_seconds))
        trainers = trainers_of(folder)
        if trainers and draw.random() < 0.5:
            with contextlib.suppress(ProcessLookupError):  # it may have ended by itself
                os.kill(draw.choice(trainers), signal.SIGKILL)
            killed.append("a trainer")
            time.sleep(draw.uniform(0, 1))
        else:
            killed.append("the orchestrator")
        process.kill()
        process.wait()
    done = run(crosslaw, "run", spec, "--dir", folder)
    if done.returncode:
        sys.exit(f"FAILED: after kills of {killed} the sweep ended with code {done.returncode}:\n{done.stderr}")
    return killed


def kill_sweeps(crosslaw, spec, work, draw, times):
    """One undisturbed sweep, whose tables are returned, and so many disturbed ones, whose tables must be the same."""
    undisturbed = work / f"undisturbed-{spec.parent.name}"
    began = time.monotonic()
    done = run(crosslaw, "run", spec, "--dir", undisturbed)
    if done.returncode:
        sys.exit(f"FAILED: the undisturbed sweep ended with code {done.returncode}:\n{done.stderr}")
    seconds = time.monotonic() - began
    expected = tables(crosslaw, undisturbed)
    if expected["observations"] == "[]" or '"' not in expected["coeffs"]:
        sys.exit(f"FAILED: the undisturbed sweep has nothing to compare: {expected}")
    print(f"undisturbed: {seconds:.1f} s", flush=True)
    for turn in range(1, times + 1):
        folder = work / f"disturbed-{turn}"
        killed = disturbed_sweep(crosslaw, spec, folder, draw, 0.6 * seconds)
        for name, text in tables(crosslaw, folder).items():
            if text != expected[name]:
                sys.exit(
                    f"FAILED: turn {turn}, after kills of {killed}: {name} differs; both are in {work}\n"
                    f"--- undisturbed\n{expected[name][:2000]}\n--- disturbed\n{text[:2000]}"
                )
        print(f"turn {turn}: killed {', '.join(killed)}; all tables equal", flush=True)
        shutil.rmtree(folder)
    return expected


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("crosslaw", type=pathlib.Path)
    parser.add_argument("--times", type=int, default=18, help="kills of sweeps of two sizes")
    parser.add_argument("--large-times", type=int, default=1, help="of four, with laws that are identified")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    crosslaw = options.crosslaw.resolve()
    work = pathlib.Path(tempfile.mkdtemp(prefix="crosslaw-kill-"))
    draw = random.Random(options.seed)
    kill_sweeps(crosslaw, write_smallest_sweep(work / "small"), work, draw, options.times)
    spec = write_small_sweep(work / "large", documents=80)
    spec.write_text(spec.read_text().replace("[4, 8, 16]", "[2, 4]").replace("[16]", "[4]"))
    expected = kill_sweeps(crosslaw, spec, work, draw, options.large_times)
    if "exit code 0" not in expected["allocate"]:
        sys.exit(f"FAILED: the undisturbed sweep allocates nothing: {expected['allocate']}")
    shutil.rmtree(work)


if __name__ == "__main__":
    main()
