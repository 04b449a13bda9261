"""Sends the losses of a sweep to a tracker while it runs, or afterwards.

    python -m crosslaw.follow sweeps/demo --to tensorboard --out tb
    python -m crosslaw.follow sweeps/demo --to wandb --project scaling
    python -m crosslaw.follow sweeps/demo --to mlflow --project scaling
    python -m crosslaw.follow sweeps/demo --to trackio --project scaling

Each run of the sweep is a run of the tracker, named as in the sweep. It gets the training losses (train/loss_nats,
train/gradient_norm), the validation losses (valid/<language>/loss_nats and ..._per_byte) by step, and its size, tokens,
strategy and outcome. Only the database is read, never written, so a sweep can be followed by anybody who may read it.
A value is sent once: what was sent is remembered in a file beside the tracker's own, and following again goes on there.

Trackers come from their own packages: tensorboardX, wandb, mlflow or trackio; pip install the one you use.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import importlib
import json
import pathlib
import sqlite3
import sys
import time
from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol

# After these a run gets no further attempt; a crashed one may.
FINAL = ("done", "diverged", "refused", "cancelled")


class Run(NamedTuple):
    """A planned run as its tracker shows it."""

    id: int
    name: str
    settings: dict[str, Any]
    outcome: str


class Values(NamedTuple):
    """What was measured of a run at one step."""

    step: int
    metrics: dict[str, float]


class Tracker(Protocol):
    def log(self, run: Run, values: Values) -> None: ...

    def close(self, run: Run) -> None: ...


class TensorBoard:
    """One event file a run below `out`, by tensorboardX."""

    def __init__(self, sweep: str, project: str, out: pathlib.Path) -> None:
        self.writer_of = importlib.import_module("tensorboardX").SummaryWriter
        self.out = out
        self.writers: dict[int, Any] = {}

    def log(self, run: Run, values: Values) -> None:
        if run.id not in self.writers:
            self.writers[run.id] = self.writer_of(str(self.out / run.name.replace("/", "_")))
            self.writers[run.id].add_text("settings", json.dumps(run.settings, indent=1))
        for name, value in values.metrics.items():
            self.writers[run.id].add_scalar(name, value, values.step)

    def close(self, run: Run) -> None:
        if writer := self.writers.pop(run.id, None):
            writer.close()


class OneAtATime:
    """wandb and trackio: a module with init(), whose run takes log() and finish()."""

    module = ""

    def __init__(self, sweep: str, project: str, out: pathlib.Path) -> None:
        self.tracker = importlib.import_module(self.module)
        self.sweep, self.project = sweep, project
        self.open: tuple[int, Any] | None = None

    def settings(self, run: Run) -> dict[str, Any]:
        return {"project": self.project, "name": run.name, "config": run.settings}

    def log(self, run: Run, values: Values) -> None:
        if self.open is None or self.open[0] != run.id:
            self.finish()
            self.open = (run.id, self.tracker.init(**self.settings(run)))
        self.open[1].log(values.metrics, step=values.step)

    def close(self, run: Run) -> None:
        if self.open is not None and self.open[0] == run.id:
            self.finish()

    def finish(self) -> None:
        if self.open is not None:
            self.open[1].finish()
        self.open = None


class Wandb(OneAtATime):
    module = "wandb"

    def settings(self, run: Run) -> dict[str, Any]:
        # The same id again goes on in the same run.
        return {**super().settings(run), "group": self.sweep, "id": run.settings["key"][:16], "resume": "allow"}


class Trackio(OneAtATime):
    module = "trackio"

    def settings(self, run: Run) -> dict[str, Any]:
        return {**super().settings(run), "resume": "allow"}


class Mlflow:
    """One run each in the experiment, by the client, which needs no active run."""

    def __init__(self, sweep: str, project: str, out: pathlib.Path) -> None:
        self.client = importlib.import_module("mlflow").MlflowClient()
        found = self.client.get_experiment_by_name(project)
        self.experiment = found.experiment_id if found else self.client.create_experiment(project)
        self.ids: dict[int, str] = {}

    def id_of(self, run: Run) -> str:
        if run.id in self.ids:
            return self.ids[run.id]
        known = self.client.search_runs([self.experiment], f"tags.`crosslaw.key` = '{run.settings['key']}'")
        if known:
            self.ids[run.id] = known[0].info.run_id
        else:
            made = self.client.create_run(
                self.experiment, tags={"crosslaw.key": run.settings["key"]}, run_name=run.name)
            self.ids[run.id] = made.info.run_id
            for name, value in run.settings.items():
                self.client.log_param(made.info.run_id, name, value)
        return self.ids[run.id]

    def log(self, run: Run, values: Values) -> None:
        for name, value in values.metrics.items():
            self.client.log_metric(self.id_of(run), name, value, step=values.step)

    def close(self, run: Run) -> None:
        if run.id in self.ids:
            self.client.set_terminated(self.ids[run.id], "FINISHED" if run.outcome == "done" else "FAILED")


TRACKERS = {"tensorboard": TensorBoard, "wandb": Wandb, "mlflow": Mlflow, "trackio": Trackio}
PACKAGES = {"tensorboard": "tensorboardX"}


@contextlib.contextmanager
def reading(folder: pathlib.Path) -> Iterator[sqlite3.Connection]:
    """The sweep's database, read-only. Open for one pass: a reader that stays open makes the log grow."""
    file = folder / "crosslaw.db"
    if not file.exists():
        raise SystemExit(f"{folder}: there is no sweep here (no crosslaw.db)")
    connection = sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=30)
    connection.row_factory = sqlite3.Row
    try:
        yield connection
    finally:
        connection.close()


def runs_of(database: sqlite3.Connection) -> list[Run]:
    columns = ("key", "strategy", "language", "source_language", "replay", "size", "seed", "params_total",
               "params_budget", "tokens_target", "tokens_source", "flops", "steps")
    rows = database.execute(f"SELECT run_id, name, outcome, {', '.join(columns)} FROM run_results ORDER BY run_id")
    return [Run(row["run_id"], row["name"], {c: row[c] for c in columns}, row["outcome"]) for row in rows]


def new_values(database: sqlite3.Connection, run: Run, after: int, whole: bool) -> list[Values]:
    """The steps above `after`. Training losses are thinned to about a thousand a run unless `whole`."""
    stride = 1 if whole else max(1, run.settings["steps"] // 1000)
    found: dict[int, dict[str, float]] = {}
    for row in database.execute(
            "SELECT step, loss_nats, gradient_norm FROM train_loss WHERE run_id = ? AND step > ? AND step % ? = 0",
            (run.id, after, stride)):
        for name in ("loss_nats", "gradient_norm"):
            if row[name] is not None:  # a loss that is not finite is NULL
                found.setdefault(row["step"], {})[f"train/{name}"] = row[name]
    for row in database.execute(
            "SELECT step, language, loss_nats, loss_nats_per_byte FROM eval WHERE run_id = ? AND step > ?",
            (run.id, after)):
        for name in ("loss_nats", "loss_nats_per_byte"):
            if row[name] is not None:
                found.setdefault(row["step"], {})[f"valid/{row['language']}/{name}"] = row[name]
    return [Values(step, found[step]) for step in sorted(found)]


def is_running(folder: pathlib.Path) -> bool:
    """Whether somebody holds the sweep's lock."""
    try:
        with (folder / "lock").open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


class Follower:
    """Sends what is new since the last pass; knows over restarts what was sent."""

    def __init__(self, folder: pathlib.Path, tracker: Tracker, memory: pathlib.Path, whole: bool) -> None:
        self.folder, self.tracker, self.memory, self.whole = folder, tracker, memory, whole
        self.sent: dict[str, int] = json.loads(memory.read_text()) if memory.exists() else {}
        self.closed: set[int] = set()
        self.open: dict[int, Run] = {}

    def close(self) -> None:
        for run in self.open.values():
            self.tracker.close(run)

    def send_new(self) -> int:
        count = 0
        with reading(self.folder) as database:
            pending = [(run, new_values(database, run, self.sent.get(run.settings["key"], -1), self.whole))
                       for run in runs_of(database) if run.id not in self.closed]
        for run, all_values in pending:
            for values in all_values:
                self.tracker.log(run, values)
                self.open[run.id] = run
                self.sent[run.settings["key"]] = values.step
            count += len(all_values)
            if run.outcome in FINAL:
                self.tracker.close(run)
                self.open.pop(run.id, None)
                self.closed.add(run.id)
        self.memory.parent.mkdir(parents=True, exist_ok=True)
        fresh = self.memory.with_suffix(".new")
        fresh.write_text(json.dumps(self.sent))
        fresh.replace(self.memory)
        return count


def parser() -> argparse.ArgumentParser:
    out = argparse.ArgumentParser(prog="python -m crosslaw.follow", description=__doc__.splitlines()[0])
    out.add_argument("dir", type=pathlib.Path, help="the sweep's folder")
    out.add_argument("--to", required=True, choices=sorted(TRACKERS), help="the tracker")
    out.add_argument("--project", help="of wandb, trackio or mlflow [the sweep's name]")
    out.add_argument("--out", type=pathlib.Path, help="folder of event files and of what was sent [DIR-TRACKER]")
    out.add_argument("--every", type=float, default=10, help="seconds between two looks [10]")
    out.add_argument("--once", action="store_true", help="send what is there and end, though the sweep runs")
    out.add_argument("--all-steps", action="store_true", help="every training step, not about a thousand a run")
    return out


def main(arguments: list[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    with reading(options.dir) as database:
        name = database.execute("SELECT name FROM sweep").fetchone()["name"]
    out = options.out or options.dir.parent / f"{options.dir.resolve().name}-{options.to}"
    try:
        tracker = TRACKERS[options.to](name, options.project or name, out)
    except ModuleNotFoundError as error:
        package = PACKAGES.get(options.to, options.to)
        print(f"crosslaw.follow: {error.name} is not installed: pip install {package}", file=sys.stderr)
        return 2
    follower = Follower(options.dir, tracker, out / f"sent-to-{options.to}.json", options.all_steps)
    while True:
        # Asked before the look: what a sweep writes at its very end is then seen by this one.
        running = is_running(options.dir)
        count = follower.send_new()
        print(f"{count} steps sent to {options.to}", file=sys.stderr, flush=True)
        if options.once or not running:
            follower.close()
            return 0
        time.sleep(options.every)


if __name__ == "__main__":
    sys.exit(main())
