#!/usr/bin/env python3
"""What crosslaw itself costs around the training: a sweep whose trainer trains nothing.

bench_sweep.py [BUILD] [--runs N ...] [--rows R] [--evals E]

BUILD holds crosslaw and no_op_trainer (default: build). Printed: CPU milliseconds of the orchestrator a run and its
memory, for each N; the time of `plan`, of `status` and of `run` on the finished sweep; rows of training losses that are
read in a second; and `status` once the table of losses has E rows."""
import argparse
import json
import os
import pathlib
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time

SIZES = 100
SPEC = """name = "bench"
seeds = {seeds}
[ladder]
file = "ladder.csv"
vocabulary = 256
tied_head = true
[budget]
tokens_per_param = [2]
[data]
context = 32
valid_tokens = 1024
[data.language.en]
train = ["en.train.txt"]
valid = ["en.valid.txt"]
[train]
learning_rate_times_hidden = 0.2
batch_tokens = 256
evaluations = 0
[[strategy]]
name = "scratch"
language = "en"
[launch]
devices = "cpu"
"""


def write_spec(folder, runs):
    rows = [f"s{i},{16 + 2 * i},{32 + i},1,2" for i in range(min(SIZES, runs))]
    (folder / "ladder.csv").write_text("name,hidden,ffn,heads,layers\n" + "\n".join(rows) + "\n")
    for split, lines in (("train", 4000), ("valid", 400)):
        (folder / f"en.{split}.txt").write_text("".join(f"{split} line {i} of a text\n" for i in range(lines)))
    (folder / "sweep.toml").write_text(SPEC.format(seeds=list(range(1, max(1, runs // SIZES) + 1))))


def measured(command, environment=None):
    """Wall and own CPU seconds, MB of memory at most, standard output. Processes that it waited for are not counted."""
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        begun = time.monotonic()
        process = subprocess.Popen(command, stdout=output, stderr=errors, env={**os.environ, **(environment or {})})
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        wall = time.monotonic() - begun
        fields = pathlib.Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
        cpu = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        _, status, usage = os.wait4(process.pid, 0)
        output.seek(0), errors.seek(0)
        code = os.waitstatus_to_exitcode(status)
        if code not in (0, 1):
            sys.exit(f"{command}: exit code {code}\n{errors.read().decode()}")
        return wall, cpu, usage.ru_maxrss / 1024, output.read().decode()


def finished(crosslaw, folder):
    status = json.loads(subprocess.check_output([crosslaw, "status", folder, "--json"]))
    return status["finished"], status["runs"]


def bench_runs(bin_folder, runs):
    crosslaw = bin_folder / "crosslaw"
    with tempfile.TemporaryDirectory() as place:
        place = pathlib.Path(place)
        write_spec(place, runs)
        spec, folder = place / "sweep.toml", place / "sweep"
        wall, cpu, _, _ = measured([crosslaw, "plan", spec])
        print(f"{runs} runs: plan {wall:.2f} s")
        wall, cpu, memory, _ = measured([crosslaw, "run", spec, "--dir", folder])
        done, total = finished(crosslaw, folder)
        if done != total:
            sys.exit(f"{total - done} of {total} runs did not end")
        print(f"{runs} runs: run {wall:.1f} s, orchestrator {1000 * cpu / runs:.2f} ms CPU a run, {memory:.0f} MB")
        wall, cpu, _, _ = measured([crosslaw, "run", spec, "--dir", folder])
        print(f"{runs} runs: run again, finished: {wall:.2f} s, {cpu:.2f} s CPU")
        wall, _, _, _ = measured([crosslaw, "status", folder])
        print(f"{runs} runs: status {wall:.3f} s")
        yield folder


def bench_ingest(bin_folder, rows):
    crosslaw = bin_folder / "crosslaw"
    with tempfile.TemporaryDirectory() as place:
        place = pathlib.Path(place)
        write_spec(place, 1)
        command = [crosslaw, "run", place / "sweep.toml", "--dir", place / "sweep"]
        _, few, _, _ = measured(command, {"CROSSLAW_NO_OP_ROWS": "0"})
        shutil.rmtree(place / "sweep")
        _, many, _, _ = measured(command, {"CROSSLAW_NO_OP_ROWS": str(rows)})
        database = sqlite3.connect(place / "sweep/crosslaw.db")
        if database.execute("SELECT count(*) FROM train_loss").fetchone()[0] != rows:
            sys.exit("not every row arrived")
        print(f"ingest: {rows} rows in {many - few:.2f} s CPU, {rows / (many - few):,.0f} rows/s")


def bench_status(bin_folder, folder, evals):
    database = sqlite3.connect(folder / "crosslaw.db")
    runs = [row[0] for row in database.execute("SELECT id FROM run")]
    attempt = database.execute("SELECT min(id) FROM attempt").fetchone()[0]
    columns = [row[1] for row in database.execute("PRAGMA table_info(eval)")]
    given = ["run_id", "language", "step", "attempt_id", "tokens_target", "tokens_source", "flops", "loss_nats",
             "loss_nats_per_byte", "end_of_schedule"]
    assert set(given) <= set(columns)
    each = evals // len(runs)
    database.executemany(
        f"INSERT INTO eval({', '.join(given)}) VALUES(?, 'xx', ?, ?, 1, 0, 1.0, 2.0, 2.0, 0)",
        ((run, step, attempt) for run in runs for step in range(each)))
    database.commit()
    database.close()
    times = [measured([bin_folder / "crosslaw", "status", folder])[0] for _ in range(3)]
    print(f"status with {len(runs)} runs and {each * len(runs)} more losses: {min(times):.3f} s")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", nargs="?", default="build", type=pathlib.Path)
    parser.add_argument("--runs", type=int, nargs="+", default=[1000, 10000])
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--evals", type=int, default=10_000_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as bin_folder:
        bin_folder = pathlib.Path(bin_folder)
        # The trainer is looked for beside the program.
        shutil.copy(options.build / "crosslaw", bin_folder / "crosslaw")
        shutil.copy(options.build / "no_op_trainer", bin_folder / "crosslaw-train")
        for runs in options.runs:
            for folder in bench_runs(bin_folder, runs):
                if runs == options.runs[-1] and options.evals > 0:
                    bench_status(bin_folder, folder, options.evals)
        if options.rows > 0:
            bench_ingest(bin_folder, options.rows)


if __name__ == "__main__":
    main()
