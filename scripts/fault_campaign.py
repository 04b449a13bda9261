#!/usr/bin/env python3
"""Random faults at a small sweep: each time a folder that was left at some moment of the sweep gets one to three faults,
then `crosslaw run --yes` must end well, with the tables of an undisturbed sweep to the last byte, a whole database, no
process left, and nothing touched outside the folder.

Usage: fault_campaign.py CROSSLAW [N] [SEED]
"""

import os
import pathlib
import random
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests/apps"))
from kill_and_resume_test import tables, trainers_of  # noqa: E402
from small_sweep import run, write_smallest_sweep  # noqa: E402

# A run may say once what it cannot mend while it goes on; the next one must end.
MOST_RUNS = 3


def start(crosslaw, spec, folder, log):
    return subprocess.Popen([crosslaw, "run", spec, "--dir", folder, "--yes"], stdin=subprocess.DEVNULL,
                            stdout=log, stderr=log)


def files_of(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def flip_bit(draw, folder):
    file = draw.choice([path for path in files_of(folder) if path.stat().st_size > 0])
    stamp = file.stat()
    data = bytearray(file.read_bytes())
    bit = draw.randrange(8 * len(data))
    data[bit // 8] ^= 1 << bit % 8
    file.write_bytes(data)
    if draw.random() < 0.5:  # as a disk loses it, without a new date
        os.utime(file, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    return f"bit {bit} of {file.relative_to(folder)}"


def flip_in_database(draw, folder):
    file = folder / "crosslaw.db"
    if not file.exists() or not file.stat().st_size:
        return "no database to spoil"
    data = bytearray(file.read_bytes())
    bit = draw.randrange(8 * len(data))
    data[bit // 8] ^= 1 << bit % 8
    # These four bytes are the schema's version: a newer one is refused by name, which is right.
    if 60 <= bit // 8 < 64:
        return "no bit of the schema's version"
    file.write_bytes(data)
    return f"bit {bit} of the database"


def flip_bits_of_runs(draw, folder):
    files = [path for path in files_of(folder / "runs") if path.stat().st_size > 0] if (folder / "runs").exists() else []
    done = []
    for file in draw.sample(files, min(len(files), 3)):
        data = bytearray(file.read_bytes())
        bit = draw.randrange(8 * len(data))
        data[bit // 8] ^= 1 << bit % 8
        file.write_bytes(data)
        done.append(f"bit {bit} of {file.relative_to(folder)}")
    return ", ".join(done) or "no run to spoil"


def truncate(draw, folder):
    file = draw.choice(files_of(folder))
    size = draw.randint(0, file.stat().st_size)
    os.truncate(file, size)
    return f"{file.relative_to(folder)} cut to {size} bytes"


def delete_file(draw, folder):
    file = draw.choice(files_of(folder))
    file.unlink()
    return f"{file.relative_to(folder)} deleted"


def delete_folder(draw, folder):
    folders = sorted(path for path in folder.rglob("*") if path.is_dir())
    if not folders:
        return "no folder to delete"
    gone = draw.choice(folders)
    shutil.rmtree(gone)
    return f"{gone.relative_to(folder)}/ deleted"


def lose_database(draw, folder):
    for name in ("crosslaw.db", "crosslaw.db-wal", "crosslaw.db-shm"):
        (folder / name).unlink(missing_ok=True)
    return "database deleted"


def lose_log(draw, folder):
    (folder / "crosslaw.db-wal").unlink(missing_ok=True)
    return "the database's log deleted"


FAULTS = (flip_bit, flip_bit, flip_in_database, flip_in_database, flip_bits_of_runs, truncate, delete_file, delete_folder,
          lose_database, lose_log)


class Campaign:
    def __init__(self, crosslaw, work, seed):
        self.crosslaw, self.work, self.draw = crosslaw, work, random.Random(seed)
        self.spec = write_smallest_sweep(work / "spec")
        self.outside = {}
        began = time.monotonic()
        done = run(crosslaw, "run", self.spec, "--dir", work / "undisturbed")
        self.seconds = time.monotonic() - began
        if done.returncode:
            sys.exit(f"FAILED: the undisturbed sweep ended with code {done.returncode}:\n{done.stderr}")
        self.expected = tables(crosslaw, work / "undisturbed")
        self.outside = self.contents_outside()
        self.said = 0

    def contents_outside(self):
        places = (self.work / "spec", self.work / "undisturbed")
        return {path: path.read_bytes() for place in places for path in files_of(place) if path.name != "lock"}

    def interrupt(self, folder, log):
        """Leaves the folder as it is at some moment: killed, stopped, or finished."""
        kind = self.draw.choice(("finished", "killed", "killed", "trainer killed", "stopped", "two at once", "full disk"))
        if kind == "finished":
            shutil.copytree(self.work / "undisturbed", folder)
            return kind
        if kind == "full disk":
            limit = self.draw.randint(100_000, 1_500_000)

            def small_disk():
                signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
                resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
            subprocess.run([self.crosslaw, "run", self.spec, "--dir", folder], stdin=subprocess.DEVNULL, stdout=log,
                           stderr=log, preexec_fn=small_disk, timeout=300)
            return f"files of at most {limit} bytes"
        processes = [start(self.crosslaw, self.spec, folder, log) for _ in range(2 if kind == "two at once" else 1)]
        time.sleep(self.draw.uniform(0.05, self.seconds))
        if kind == "trainer killed":
            for pid in trainers_of(folder)[:1]:
                os.kill(pid, signal.SIGKILL)
            time.sleep(self.draw.uniform(0, 0.5))
        for process in processes:
            process.send_signal(signal.SIGTERM if kind == "stopped" else signal.SIGKILL)
        for process in processes:
            process.wait(timeout=120)
        if self.draw.random() < 0.7:  # else what it started goes on, and is adopted
            for pid in trainers_of(folder):
                os.kill(pid, signal.SIGKILL)
            while trainers_of(folder):
                time.sleep(0.02)
        return kind

    def turn(self, number):
        folder, log_file = self.work / f"turn-{number}", self.work / f"turn-{number}.log"
        faults = []
        with open(log_file, "w") as log:
            faults.append(self.interrupt(folder, log))
            for fault in self.draw.choices(FAULTS, k=self.draw.randint(1, 3)):
                if folder.exists() and files_of(folder):
                    faults.append(fault(self.draw, folder))
            log.write(f"--- faults: {faults}\n")
            log.flush()
            for _ in range(MOST_RUNS):
                process = start(self.crosslaw, self.spec, folder, log)
                code = process.wait(timeout=600)
                if code == 0:
                    break
        self.said += "damaged" in log_file.read_text() or "were taken from the folders" in log_file.read_text()
        problem = self.problem(folder, code)
        if problem:
            sys.exit(f"FAILED: turn {number}, after {'; '.join(faults)}: {problem}; see {folder} and {log_file}\n"
                     f"{log_file.read_text()[-3000:]}")
        print(f"turn {number}: {'; '.join(faults)}: all tables equal", flush=True)
        shutil.rmtree(folder)

    def problem(self, folder, code):
        if code:
            return f"the sweep ended with code {code}"
        for name, text in tables(self.crosslaw, folder).items():
            if text != self.expected[name]:
                return f"{name} differs:\n--- undisturbed\n{self.expected[name][:1500]}\n--- disturbed\n{text[:1500]}"
        if trainers_of(folder):
            return f"trainers are left: {trainers_of(folder)}"
        doctor = run(self.crosslaw, "doctor", folder)
        if "STOP" in doctor.stdout:
            return f"doctor says {doctor.stdout}"
        if self.contents_outside() != self.outside:
            return "something outside the folder was changed"
        return ""


def main():
    crosslaw = pathlib.Path(sys.argv[1]).resolve()
    turns = int(sys.argv[2]) if len(sys.argv) > 2 else 20
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    work = pathlib.Path(tempfile.mkdtemp(prefix="crosslaw-faults-"))
    campaign = Campaign(crosslaw, work, seed)
    print(f"undisturbed: {campaign.seconds:.1f} s", flush=True)
    for number in range(1, turns + 1):
        campaign.turn(number)
    print(f"{turns} turns, damage said in {campaign.said} of them")
    shutil.rmtree(work)


if __name__ == "__main__":
    main()
