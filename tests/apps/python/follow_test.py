#!/usr/bin/env python3
"""crosslaw.follow on a sweep's database: what reaches each tracker is what the database holds, once. Trackers are
stand-ins with the few calls that theirs document; TensorBoard's event files are read back by hand.

Usage: follow_test.py MAKE_PLANTED_DEMO
"""

import contextlib
import importlib.util
import io
import json
import pathlib
import sqlite3
import struct
import subprocess
import sys
import tempfile
import types

ROOT = pathlib.Path(__file__).resolve().parents[3]
# The module alone: the package's own __init__ needs the compiled part.
spec = importlib.util.spec_from_file_location("follow", ROOT / "apps/python/crosslaw/follow.py")
follow = importlib.util.module_from_spec(spec)
sys.modules["follow"] = follow
spec.loader.exec_module(follow)


def run(*arguments):
    with contextlib.redirect_stderr(io.StringIO()) as said:
        code = follow.main([str(each) for each in arguments])
    return code, said.getvalue()


def truth(folder):
    """(run, metric, step) -> value, by SQL of its own."""
    out = {}
    with contextlib.closing(sqlite3.connect(folder / "crosslaw.db")) as database:
        for name, language, step, nats, per_byte in database.execute(
                "SELECT run.name, eval.language, step, loss_nats, loss_nats_per_byte FROM eval JOIN run ON run.id = run_id"):
            for metric, value in (("loss_nats", nats), ("loss_nats_per_byte", per_byte)):
                if value is not None:
                    out[name, f"valid/{language}/{metric}", step] = value
        for name, step, nats, norm in database.execute(
                "SELECT run.name, step, loss_nats, gradient_norm FROM train_loss JOIN run ON run.id = run_id"):
            for metric, value in (("loss_nats", nats), ("gradient_norm", norm)):
                if value is not None:
                    out[name, f"train/{metric}", step] = value
    return out


class Recorded:
    """wandb's and trackio's calls."""

    def __init__(self):
        self.values, self.finished = {}, []

    def init(self, **settings):
        assert settings["project"] and settings["config"]["strategy"], settings
        outer, name = self, settings["name"]

        def log(metrics, step):
            for metric, value in metrics.items():
                assert (name, metric, step) not in outer.values, f"{name} {metric} {step} is sent twice"
                outer.values[name, metric, step] = value

        return types.SimpleNamespace(log=log, finish=lambda: outer.finished.append(name))


class RecordedMlflow:
    """MlflowClient's calls."""

    def __init__(self):
        self.values, self.names, self.ended = {}, {}, {}

    def get_experiment_by_name(self, name):
        return None

    def create_experiment(self, name):
        return "1"

    def search_runs(self, experiments, condition):
        return []

    def create_run(self, experiment, tags, run_name):
        self.names[tags["crosslaw.key"]] = run_name
        return types.SimpleNamespace(info=types.SimpleNamespace(run_id=tags["crosslaw.key"]))

    def log_param(self, run_id, name, value): ...

    def log_metric(self, run_id, name, value, step):
        self.values[self.names[run_id], name, step] = value

    def set_terminated(self, run_id, status):
        self.ended[self.names[run_id]] = status


def check_modules(folder, work):
    expected = truth(folder)
    for name in ("wandb", "trackio"):
        recorded = Recorded()
        sys.modules[name] = types.SimpleNamespace(init=recorded.init)
        code, said = run(folder, "--to", name, "--out", work / name, "--once", "--all-steps")
        assert code == 0, said
        assert recorded.values == expected, f"{name}: {len(recorded.values)} values, not {len(expected)}"
        run(folder, "--to", name, "--out", work / name, "--once", "--all-steps")  # Recorded refuses what is sent twice
    client = RecordedMlflow()
    sys.modules["mlflow"] = types.SimpleNamespace(MlflowClient=lambda: client)
    assert run(folder, "--to", "mlflow", "--out", work / "mlflow", "--once", "--all-steps")[0] == 0
    assert client.values == expected
    assert set(client.ended.values()) == {"FINISHED", "FAILED"}, set(client.ended.values())


def check_new_values_alone(folder, work):
    """What comes between two looks is sent by the second one, and nothing else."""
    recorded = Recorded()
    sys.modules["trackio"] = types.SimpleNamespace(init=recorded.init)
    out = work / "again"
    run(folder, "--to", "trackio", "--out", out, "--once", "--all-steps")
    with contextlib.closing(sqlite3.connect(folder / "crosslaw.db")) as database, database:
        run_id, name, last = database.execute(
            "SELECT run.id, run.name, max(step) FROM eval JOIN run ON run.id = run_id WHERE run.strategy = 'source'").fetchone()
        database.execute("INSERT INTO train_loss VALUES (?, ?, 1.5, NULL)", (run_id, last + 1))
    recorded.values.clear()
    run(folder, "--to", "trackio", "--out", out, "--once", "--all-steps")
    assert recorded.values == {(name, "train/loss_nats", last + 1): 1.5}, recorded.values


def records_of(file):
    """The payloads of a TFRecord file: length, its checksum, payload, its checksum."""
    data, at = file.read_bytes(), 0
    while at < len(data):
        (length,) = struct.unpack_from("<Q", data, at)
        yield data[at + 12:at + 12 + length]
        at += 12 + length + 4


def check_tensorboard(folder, work):
    from tensorboardX.proto.event_pb2 import Event

    out = work / "tb"
    assert run(folder, "--to", "tensorboard", "--out", out, "--once", "--all-steps")[0] == 0
    found = {}
    for file in out.glob("*/events.*"):
        for record in records_of(file):
            event = Event.FromString(record)
            for value in event.summary.value:
                if value.HasField("simple_value"):
                    found[file.parent.name, value.tag, event.step] = value.simple_value
    expected = truth(folder)
    assert found.keys() == expected.keys(), f"{len(found)} scalars, not {len(expected)}"
    assert all(abs(found[key] / expected[key] - 1) < 1e-6 for key in expected)  # single precision


def main():
    with tempfile.TemporaryDirectory() as name:
        work = pathlib.Path(name)
        folder = work / "sweep"
        subprocess.run([sys.argv[1], folder], check=True, cwd=ROOT)
        check_modules(folder, work)
        if importlib.util.find_spec("tensorboardX"):
            check_tensorboard(folder, work)
        check_new_values_alone(folder, work)
        sys.modules.pop("wandb"), sys.modules.update(wandb=None)
        code, said = run(folder, "--to", "wandb", "--out", work / "none", "--once")
        assert code == 2 and "pip install wandb" in said, said
        assert json.loads((work / "again/sent-to-trackio.json").read_text())
    print("follow: each tracker gets what the database holds, once",
          "" if importlib.util.find_spec("tensorboardX") else "(tensorboardX is not installed: not tried)")


if __name__ == "__main__":
    main()
