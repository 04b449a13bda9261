#!/usr/bin/env python3
"""Random faults at a small sweep: each turn leaves a folder at some moment of the sweep (killed at a random time or at a
chosen system call, out of room, with a jumping clock, of two users...; scripts/faults/disturbances.py) and then spoils it in
up to three ways (scripts/faults/damage.py). `crosslaw run --yes` must then end well, with the tables of an undisturbed sweep
to the last byte, each run done once, a whole database, no process and no unexplained file left, and nothing touched outside
the folder.

Usage: fault_campaign.py CROSSLAW [N] [SEED] [WORDS...]   (WORDS: only disturbances and damage of such names)
"""

import collections
import os
import pathlib
import random
import re
import shutil
import sqlite3
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests/apps"), str(ROOT / "scripts")]
from faults.damage import DAMAGE, files_of  # noqa: E402
from faults.disturbances import DISTURBANCES, after_submission, build_shim, start  # noqa: E402
from kill_and_resume_test import tables, trainers_of  # noqa: E402
from small_sweep import run, write_smallest_sweep  # noqa: E402

# A run may say once what it cannot mend while it goes on; the next one must end.
MOST_RUNS = 3
# What crosslaw leaves in a sweep's folder. The damaged database is kept beside the new one.
EXPLAINED = re.compile(
    r"crosslaw\.db|crosslaw\.db-(wal|shm)|crosslaw\.db\.damaged.*|lock|progress\.json|report\.html|spec\.toml"
    r"|data/(manifest\.json|(en|fr)\.(train|valid)\.tokens)"
    r"|runs/[0-9a-f]{64}/attempt-\d+/(config\.json|heartbeat|log\.txt|metrics\.jsonl|result\.json|job\.sh|array\.sh|task|started/host"
    r"|checkpoint-\d{8}/(model|moment1|moment2)\.safetensors|checkpoint-\d{8}/state\.json)")


class Campaign:
    def __init__(self, crosslaw, work, seed):
        self.work, self.draw = work, random.Random(seed)
        crosslaw = self.crosslaw = self.copied(crosslaw)
        self.spec, self.undisturbed = write_smallest_sweep(work / "spec"), work / "undisturbed"
        began = time.monotonic()
        done = run(crosslaw, "run", self.spec, "--dir", self.undisturbed)
        self.seconds = time.monotonic() - began
        if done.returncode:
            sys.exit(f"FAILED: the undisturbed sweep ended with code {done.returncode}:\n{done.stderr}")
        self.expected = tables(crosslaw, self.undisturbed)
        self.checkpoints = self.final_checkpoints(self.undisturbed)
        self.shim_file = build_shim(work)
        self.outside = self.contents_outside()
        self.said, self.counts = 0, collections.Counter()

    def copied(self, crosslaw):
        """The program, with its trainer beside it, where every user may run it and no build replaces it."""
        (self.work / "bin").mkdir()
        os.chmod(self.work, 0o755)
        for name in ("crosslaw", "crosslaw-train"):
            shutil.copy(crosslaw.parent / name, self.work / "bin" / name)
        return self.work / "bin" / "crosslaw"

    def shim(self, program, call, number, kind):
        return dict(os.environ, LD_PRELOAD=str(self.shim_file), FAULT_PROGRAM=program, FAULT_CALL=call,
                    FAULT_AT=str(number), FAULT_KIND=kind)

    def clock(self, seconds):
        return dict(os.environ, LD_PRELOAD=str(self.shim_file), FAULT_CLOCK=str(seconds))

    def contents_outside(self):
        return {path: path.read_bytes() for place in (self.work / "spec", self.undisturbed) for path in files_of(place)
                if path.name != "lock"}

    @staticmethod
    def final_checkpoints(folder):
        return sorted(f"{path.parent.parent.name}/{path.name}" for path in folder.glob("runs/*/attempt-*/checkpoint-*"))

    def fail(self, problem, log):
        log.flush()
        sys.exit(f"FAILED: {problem}; see {self.work}\n{pathlib.Path(log.name).read_text()[-3000:]}")

    def turn(self, number, disturbances, damage):
        folder, log_file = self.work / f"turn-{number}", self.work / f"turn-{number}.log"
        disturbance = self.draw.choice(disturbances)
        self.counts[disturbance.__name__] += 1
        with open(log_file, "w") as log:
            faults = [disturbance(self, folder, log)]
            for fault in self.draw.choices(damage, k=self.draw.randint(0, 3)) if damage else ():
                if folder.exists() and files_of(folder):
                    self.counts[fault.__name__] += 1
                    try:
                        faults.append(fault(self.draw, folder))
                    except OSError as error:  # a trainer that outlived its sweep works there, too
                        faults.append(f"{fault.__name__} until {error}")
            log.write(f"--- faults: {faults}\n")
            log.flush()
            for _ in range(MOST_RUNS):
                code = start(self, folder, log).wait(timeout=900)
                if code == 0:
                    break
        self.said += bool(re.search("damaged|were taken from the folders", log_file.read_text().split("--- faults")[1]))
        problem = self.problem(folder, code)
        if problem:
            sys.exit(f"FAILED: turn {number}, after {'; '.join(faults)}: {problem}; see {folder} and {log_file}\n"
                     f"{log_file.read_text()[-3000:]}")
        print(f"turn {number}: {'; '.join(faults)}: all tables equal", flush=True)
        shutil.rmtree(folder)
        log_file.unlink()

    def problem(self, folder, code):
        if code:
            return f"the sweep ended with code {code}"
        for name, text in tables(self.crosslaw, folder).items():
            if text != self.expected[name]:
                return f"{name} differs:\n--- undisturbed\n{self.expected[name][:1500]}\n--- disturbed\n{text[:1500]}"
        done = sqlite3.connect(folder / "crosslaw.db").execute(
            "SELECT run_id FROM attempt JOIN run ON run.id = run_id WHERE outcome = 'done' AND NOT retired GROUP BY run_id "
            "HAVING count(*) <> 1").fetchall()
        if done:
            return f"runs that are done more than once: {done}"
        if trainers_of(folder):
            return f"trainers are left: {trainers_of(folder)}"
        doctor = run(self.crosslaw, "doctor", folder)
        if "STOP" in doctor.stdout:
            return f"doctor says {doctor.stdout}"
        strange = [name for name in (str(path.relative_to(folder)) for path in files_of(folder)) if not EXPLAINED.fullmatch(name)]
        if strange:
            return f"files that nothing explains: {strange}"
        # A final one that was spoilt is made again only for a run that continues it.
        too_many = set(self.final_checkpoints(folder)) - set(self.checkpoints)
        if too_many:
            return f"checkpoints that nothing needs: {too_many}"
        if self.contents_outside() != self.outside:
            return "something outside the folder was changed"
        return ""


def main():
    crosslaw = pathlib.Path(sys.argv[1]).resolve()
    turns = int(sys.argv[2]) if len(sys.argv) > 2 else 20
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    words = sys.argv[4:]
    kinds = (*DISTURBANCES, after_submission)
    disturbances = [each for each in kinds if any(word in each.__name__ for word in words)] or kinds
    damage = [each for each in DAMAGE if not words or any(word in each.__name__ for word in words)]
    work = pathlib.Path(tempfile.mkdtemp(prefix="crosslaw-faults-"))
    campaign = Campaign(crosslaw, work, seed)
    print(f"undisturbed: {campaign.seconds:.1f} s", flush=True)
    for number in range(1, turns + 1):
        campaign.turn(number, disturbances, damage)
    print(f"{turns} turns with {sum(campaign.counts.values())} faults, damage said in {campaign.said} of them: "
          f"{', '.join(f'{name} {count}' for name, count in sorted(campaign.counts.items()))}")
    shutil.rmtree(work)


if __name__ == "__main__":
    main()
