#!/usr/bin/env python3
"""Ctrl-C once and twice, Ctrl-\\, a closed terminal, and `crosslaw stop`, through a real pseudo-terminal: no stray process, and
the same command goes on to the end.

Usage: interrupt_test.py CROSSLAW
"""

import os
import pathlib
import pty
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from kill_and_resume_test import tables, trainers_of
from small_sweep import run, write_small_sweep


def fail(message):
    sys.exit(f"FAILED: {message}")


def in_terminal(crosslaw, spec, folder):
    """The process's id and our end of its terminal."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(crosslaw, [str(crosslaw), "run", str(spec), "--dir", str(folder)])
    os.set_blocking(terminal, False)
    return pid, terminal


def read_all(terminal):
    try:
        return os.read(terminal, 1 << 16)
    except OSError:  # nothing there, or the other end is closed
        return b""


def wait_for_trainers(folder, terminal):
    end = time.monotonic() + 60
    while not trainers_of(folder):
        read_all(terminal)
        if time.monotonic() > end:
            fail("no trainer started")
        time.sleep(0.02)


def end_of(pid, terminal, what):
    """How the process ended, its terminal read meanwhile."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if terminal is not None:
            read_all(terminal)
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.02)
    os.kill(pid, signal.SIGKILL)
    fail(f"{what}: crosslaw did not end within a minute")


def check_quiet(folder, what):
    time.sleep(0.1)
    if trainers_of(folder):
        fail(f"{what}: trainers go on: {trainers_of(folder)}")


def press(crosslaw, spec, folder, keys, what, said):
    """Starts or goes on with the sweep in a terminal, and ends it by these keys."""
    pid, terminal = in_terminal(crosslaw, spec, folder)
    wait_for_trainers(folder, terminal)
    for key in keys:
        os.write(terminal, key)
    code = end_of(pid, terminal, what)
    if code != 130:
        fail(f"{what}: code {code}, expected 130")
    check_quiet(folder, what)
    print(f"{what}: {said}, code 130", flush=True)


def main():
    crosslaw = pathlib.Path(sys.argv[1]).resolve()
    work = pathlib.Path(tempfile.mkdtemp(prefix="crosslaw-int-"))
    spec = write_small_sweep(work / "spec", ("s", "xl"))
    folder = work / "sweep"

    press(crosslaw, spec, folder, [b"\x03"], "Ctrl-C", "stopped with checkpoints")
    press(crosslaw, spec, folder, [b"\x03", b"\x03"], "Ctrl-C twice", "stopped at once")
    press(crosslaw, spec, folder, [b"\x1c"], "Ctrl-\\", "stopped with checkpoints")

    pid, terminal = in_terminal(crosslaw, spec, folder)
    wait_for_trainers(folder, terminal)
    os.close(terminal)  # as a closed window or a lost connection
    end_of(pid, None, "a closed terminal")
    check_quiet(folder, "a closed terminal")
    print("closed terminal: stopped with checkpoints", flush=True)

    pid, terminal = in_terminal(crosslaw, spec, folder)
    wait_for_trainers(folder, terminal)
    stop = subprocess.Popen([crosslaw, "stop", folder], stderr=subprocess.PIPE, text=True)
    code = end_of(pid, terminal, "crosslaw stop")
    if code != 130 or stop.wait(timeout=30) != 0:
        fail(f"crosslaw stop: the sweep ended with code {code}, stop with {stop.returncode}: {stop.stderr.read()}")
    check_quiet(folder, "crosslaw stop")
    print("crosslaw stop: stopped with checkpoints", flush=True)

    # A survivor: crosslaw is killed, its trainers are not, and stop reaches them all the same.
    pid, terminal = in_terminal(crosslaw, spec, folder)
    wait_for_trainers(folder, terminal)
    time.sleep(1)  # one that is not on record yet is not let go, and ends with its orchestrator
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    status = run(crosslaw, "status", folder).stdout
    said = "go on with nobody to look after them" in status and "left alone" in status
    if trainers_of(folder) and not said:
        fail(f"status of survivors: {status}")
    done = run(crosslaw, "stop", folder)
    if done.returncode:
        fail(f"stop without a running crosslaw: code {done.returncode}: {done.stderr}")
    check_quiet(folder, "stop without a running crosslaw")
    print("stop of survivors: stopped with checkpoints", flush=True)

    (work / "link").symlink_to(folder)
    done = run(crosslaw, "run", spec, "--dir", work / "link")
    if done.returncode:
        fail(f"run again, by a link: code {done.returncode}: {done.stderr}")
    undisturbed = work / "undisturbed"
    done = run(crosslaw, "run", spec, "--dir", undisturbed)
    if done.returncode:
        fail(f"the undisturbed sweep: {done.stderr}")
    if tables(crosslaw, folder) != tables(crosslaw, undisturbed):
        fail(f"the tables differ; both sweeps are in {work}")
    left = [p for p in folder.glob("runs/*/attempt-*/checkpoint-*")]
    wanted = [p for p in undisturbed.glob("runs/*/attempt-*/checkpoint-*")]
    if len(left) != len(wanted):
        fail(f"{len(left)} checkpoints are left, {len(wanted)} without interruptions; both sweeps are in {work}")
    print("run again: finished, all tables equal, no checkpoint too many", flush=True)
    shutil.rmtree(work)


if __name__ == "__main__":
    main()
