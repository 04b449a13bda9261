#!/usr/bin/env python3
"""The installed Python package against the program: every number of both is the same, to the last digit. Run by the
Python of an environment that has the package.

Usage: package_test.py CROSSLAW
"""

import contextlib
import io
import json
import pathlib
import subprocess
import sys
import tempfile

import pandas as pd

import crosslaw

ROOT = pathlib.Path(__file__).resolve().parents[3]
EPOCH = ROOT / "tests/data/scaling/chinchilla_epoch.csv"
GEMSTONES = ROOT / "tests/data/scaling/gemstones_hot.csv"


def program(*arguments):
    done = subprocess.run([sys.argv[1], *map(str, arguments)], capture_output=True, text=True, check=True, cwd=ROOT)
    return json.loads(done.stdout)


def same(ours, theirs, what):
    for key in ("law", "points", "objective", "coefficients", "identifiable", "condition", "problems", "draws"):
        if key in theirs:
            assert ours[key] == theirs[key], f"{what}: {key}: {ours[key]} and {theirs[key]}"


def check_same_numbers():
    frame = pd.read_csv(EPOCH)
    fit = crosslaw.fit(frame, where="in_240=1", bootstrap=100)
    theirs = program("fit", "--data", EPOCH, "--where", "in_240=1", "--bootstrap", "100", "--json")
    same(json.loads(fit.to_json()), theirs, "epoch")
    assert abs(fit["alpha"] - 0.3473) < 1e-4 and fit.law == "chinchilla" and fit.points == 240
    low, high = theirs["coefficients"]["beta"]["ci95"]
    assert tuple(fit.coefficients.loc["beta", ["low", "high"]]) == (low, high)

    clustered = crosslaw.fit(pd.read_csv(GEMSTONES), cluster="run_name", bootstrap=20)
    same(json.loads(clustered.to_json()),
         program("fit", "--data", GEMSTONES, "--cluster", "run_name", "--bootstrap", "20", "--json"), "gemstones")

    steered = crosslaw.fit(frame, where="in_240=1", bootstrap=20, fix={"E": 1.6}, tie={"alpha": "beta"})
    same(json.loads(steered.to_json()),
         program("fit", "--data", EPOCH, "--where", "in_240=1", "--bootstrap", "20", "--fix", "E=1.6", "--tie",
                 "alpha=beta", "--json"), "steered")
    return fit


def check_answers(fit):
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "fit.json"
        fit.save(file)
        rows = program("allocate", "--fit", file, "--flops", "1e21,1e23", "--json")["rows"]
        ours = fit.allocate([1e21, 1e23])
        for row, (_, mine) in zip(rows, ours.iterrows()):
            for key in ("flops", "params", "tokens", "loss", "tokens_per_param"):
                assert mine[key] == row[key], key
            assert [mine["params_low"], mine["params_high"]] == row["params_ci95"]
        loaded = crosslaw.load(file)
        assert loaded.coefficients.equals(fit.coefficients)
        assert loaded.allocate(1e21)["params"][0] == ours["params"][0]
        try:
            loaded.holdout()
        except ValueError as error:
            assert "without" in str(error)
        else:
            raise AssertionError("a fit without points was held out")
    asked = program("fit", "--data", EPOCH, "--where", "in_240=1", "--bootstrap", "100", "--predict", "7e9:1.4e11",
                    "--holdout", "largest-compute", "--json")
    predicted = fit.predict([(7e9, 1.4e11)]).iloc[0]
    assert predicted["loss"] == asked["predictions"][0]["loss"]
    assert [predicted["run_low"], predicted["run_high"]] == asked["predictions"][0]["run_ci95"]
    held = fit.holdout()
    assert list(held["law"]) == [law["law"] for law in asked["holdout"]["laws"]]
    assert held.attrs["verdict"] == asked["holdout"]["verdict"]


def check_charts_and_errors(fit):
    chart = fit.plot()
    assert chart._repr_svg_().startswith("<svg") and "IsoFLOP" in chart.svg and "<table" in chart.html
    frame = pd.read_csv(EPOCH)
    for wrong, words in (
            ({"params": "M"}, "M"), ({"law": "quartic"}, "quartic"), ({"fix": {"gamma": 0}}, "gamma"),
            ({"where": "in_240=7"}, "in_240=7")):
        try:
            crosslaw.fit(frame, bootstrap=0, **wrong)
        except ValueError as error:
            assert words in str(error), f"{wrong}: {error}"
        else:
            raise AssertionError(f"{wrong} was accepted")
    hole = frame.copy()
    hole.loc[3, "loss"] = float("nan")
    try:
        crosslaw.fit(hole, bootstrap=0)
    except ValueError as error:
        assert "line 5" in str(error) and "loss" in str(error), error
    else:
        raise AssertionError("a missing loss was accepted")
    assert "two-stage" in crosslaw.laws()


def check_notebook():
    """Every code cell of the notebook runs, one after the other."""
    cells = json.loads((ROOT / "apps/python/epoch.ipynb").read_text())["cells"]
    world = {}
    with contextlib.chdir(ROOT) if hasattr(contextlib, "chdir") else contextlib.nullcontext():
        for cell in cells:
            if cell["cell_type"] == "code":
                with contextlib.redirect_stdout(io.StringIO()):
                    exec("".join(cell["source"]), world)  # noqa: S102
    assert abs(world["fit"]["alpha"] - 0.3473) < 1e-4


def main():
    fit = check_same_numbers()
    check_answers(fit)
    check_charts_and_errors(fit)
    check_notebook()
    print("the package's numbers are the program's; its notebook runs")


if __name__ == "__main__":
    main()
