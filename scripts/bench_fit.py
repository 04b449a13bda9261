#!/usr/bin/env python3
"""crosslaw fit against SciPy on the 240 points of Hoffmann et al. 2022, side by side in one run.

Usage: bench_fit.py [CROSSLAW] [--repeats 5] [--starts 64] [--refits 4000] [--scipy-refits 40] [--points 100000]

Both minimise the same objective, the sum of Huber losses (delta 0.001) of log residuals, for the laws
chinchilla and extended. SciPy: L-BFGS-B with analytic gradients in the log-sum-exp form, centred log N
and log D, the same number of starts, the objective times 1e6 and tolerances near machine precision, without
which most of its starts stop before the optimum. Both are timed as whole processes, wall seconds and
seconds of CPU; "fit alone" leaves out SciPy's start and imports. Its linear algebra has one thread: with more
they wait for each other on matrices this small. Bootstrap refits start from the optimum; SciPy's are timed on
fewer refits and scaled. Last, crosslaw alone on many points. Needs Python with numpy and scipy.
"""

import argparse
import csv
import json
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile
import time

for library in ("OPENBLAS", "OMP", "MKL"):  # read once, when numpy is imported
    os.environ[f"{library}_NUM_THREADS"] = "1"
try:
    import numpy as np
    from scipy.optimize import minimize
except ImportError:
    sys.exit("bench_fit: needs numpy and scipy: python3 -m venv V && V/bin/pip install scipy, then V/bin/python this")

ROOT = pathlib.Path(__file__).resolve().parent.parent
DATA = ROOT / "tests" / "data" / "scaling" / "chinchilla_epoch.csv"
DELTA = 1e-3
SCALE = 1e6
SAME = 1e-8  # relative: the certificate of crosslaw counts starts this close to the best


def read_points():
    with open(DATA, newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["in_240"] == "1"]
    columns = [np.log([float(row[name]) for row in rows]) for name in ("N", "D", "loss")]
    return columns[0] - columns[0].mean(), columns[1] - columns[1].mean(), columns[2]


def objective(theta, log_n, log_d, log_loss, weights):
    """Sum of Huber losses and its gradient; theta = (log E, log A', alpha, log B', beta[, gamma]), centred."""
    e, a, alpha, b, beta = theta[:5]
    gamma = theta[5] if len(theta) == 6 else 0.0
    terms = np.stack([np.full_like(log_n, e), a - alpha * log_n, b - beta * log_d - gamma * log_n])
    largest = terms.max(axis=0)
    powers = np.exp(terms - largest)
    total = powers.sum(axis=0)
    residual = largest + np.log(total) - log_loss
    inside = np.abs(residual) <= DELTA
    value = np.where(inside, residual**2 / 2, DELTA * (np.abs(residual) - DELTA / 2))
    slope = weights * np.where(inside, residual, DELTA * np.sign(residual))
    shares = powers / total
    gradient = [
        (slope * shares[0]).sum(),
        (slope * shares[1]).sum(),
        -(slope * shares[1] * log_n).sum(),
        (slope * shares[2]).sum(),
        -(slope * shares[2] * log_d).sum(),
        -(slope * shares[2] * log_n).sum(),
    ]
    return SCALE * (weights * value).sum(), SCALE * np.array(gradient[: len(theta)])


def scipy_minimum(start, points, weights):
    return minimize(
        objective,
        start,
        args=(*points, weights),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": 10000, "maxfun": 20000, "ftol": 1e-15, "gtol": 1e-10},
    )


def scipy_fit(points, law, starts):
    """The best of all starts, drawn over wide ranges of exponents and shares of the loss."""
    draw = np.random.default_rng(1)
    ones = np.ones_like(points[0])
    mean = points[2].mean()
    ends = []
    for _ in range(starts):
        shares = np.log(draw.dirichlet([1, 1, 1])) + mean
        alpha, beta = draw.uniform(0.1, 1.0, 2)
        start = [shares[0], shares[1], alpha, shares[2], beta]
        if law == "extended":
            start.append(draw.uniform(-0.3, 0.3))
        ends.append(scipy_minimum(start, points, ones))
    best = min(ends, key=lambda end: end.fun)
    return best, sum(end.fun <= best.fun * (1 + SAME) for end in ends)


def scipy_refits(best, points, refits):
    draw = np.random.default_rng(2)
    count = len(points[0])
    for _ in range(refits):
        scipy_minimum(best.x, points, np.bincount(draw.integers(0, count, count), minlength=count).astype(float))


def crosslaw_fit(program, law, *arguments):
    command = [program, "fit", "--law", law, "--json", "--no-draws", *map(str, arguments)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


class Seconds:
    """Wall and CPU seconds of `action`, the processes that it starts included, and what it returns."""

    def __init__(self, action):
        cpu, wall = self._cpu(), time.perf_counter()
        self.result = action()
        self.wall, self.cpu = time.perf_counter() - wall, self._cpu() - cpu

    @staticmethod
    def _cpu():
        used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return sum(each.ru_utime + each.ru_stime for each in used)

    def __str__(self):
        return f"{self.wall:.3f} s (CPU {self.cpu:.3f} s)"


class Median(Seconds):
    """The median over runs of what `part` takes of each, wall and CPU."""

    def __init__(self, runs, part=lambda run: (run.wall, run.cpu)):
        self.wall, self.cpu = (statistics.median(each) for each in zip(*map(part, runs)))


def scipy_process(law, starts, refits):
    """The SciPy side as a process of its own; prints what side_by_side reads."""
    points = read_points()
    fit = Seconds(lambda: scipy_fit(points, law, starts))
    best, agree = fit.result
    refitting = Seconds(lambda: scipy_refits(best, points, refits))
    found = {"objective": float(best.fun) / SCALE, "agree": int(agree)}
    print(json.dumps(found | {"fit": [fit.wall, fit.cpu], "refits": [refitting.wall, refitting.cpu]}))


def run_scipy(law, starts, refits):
    command = [sys.executable, __file__, "--scipy-law", law, "--starts", str(starts), "--scipy-refits", str(refits)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def side_by_side(options, law):
    where = ["--data", DATA, "--where", "in_240=1", "--starts", options.starts]
    scipy, ours, ours_refitted = [], [], []
    for _ in range(options.repeats):  # interleaved, so that a busy machine disturbs both alike
        scipy.append(Seconds(lambda: run_scipy(law, options.starts, options.scipy_refits)))
        ours.append(Seconds(lambda: crosslaw_fit(options.crosslaw, law, *where, "--bootstrap", 0)))
        ours_refitted.append(Seconds(lambda: crosslaw_fit(options.crosslaw, law, *where, "--bootstrap", options.refits)))
    scale = options.refits / options.scipy_refits
    clocks = lambda run: zip((run.wall, run.cpu), run.result["refits"])
    rows = (
        ("fit", Median(scipy, lambda run: [all - refits for all, refits in clocks(run)]), Median(ours)),
        ("fit alone", Median(scipy, lambda run: run.result["fit"]), Median(ours)),
        (
            f"fit and {options.refits} refits",
            Median(scipy, lambda run: [all + (scale - 1) * refits for all, refits in clocks(run)]),
            Median(ours_refitted),
        ),
    )
    found, theirs = ours[0].result, scipy[0].result
    print(f"\n{law}, {found['points']} points, {options.starts} starts, medians of {options.repeats} runs")
    print(f"objective:             scipy {theirs['objective']:.14g}   crosslaw {found['objective']:.14g}")
    print(f"starts at the best:    scipy {theirs['agree']}   crosslaw {found['starts_at_best']}")
    for name, slow, fast in rows:
        print(f"{name + ':':<22} scipy {slow}   crosslaw {fast}   {slow.wall / fast.wall:.0f} times faster")
    if found["objective"] > theirs["objective"] * (1 + 1e-7):
        sys.exit("FAILED: crosslaw's objective is higher")


def planted_points(file, count):
    """A planted sweep with half a percent of noise."""
    draw = np.random.default_rng(3)
    n = np.exp(draw.uniform(np.log(1e7), np.log(1e11), count))
    d = n * np.exp(draw.uniform(np.log(1), np.log(300), count))
    loss = (1.7 + 400 / n**0.34 + 2000 / d**0.36) * np.exp(0.005 * draw.standard_normal(count))
    np.savetxt(file, np.stack([n, d, loss], axis=1), delimiter=",", header="N,D,loss", comments="")


def many_points(options):
    """Time and peak memory of whole processes."""
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "points.csv"
        planted_points(file, options.points)
        for law in ("chinchilla", "extended"):
            for draws in (0, 200):
                took = Seconds(lambda: crosslaw_fit(options.crosslaw, law, "--data", file, "--bootstrap", draws))
                print(f"{law}, {options.points} points, {draws} refits: {took}")
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"peak memory of crosslaw: {peak:.0f} MB")


def left_out_runs(options):
    """What leaving out one run at a time costs, every point a run of its own: refits of all while they are affordable
    (their time grows with the square of the points), then a Newton step each and refits of the furthest alone."""
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "points.csv"
        for count in (2000, 10000, options.points):
            planted_points(file, count)
            fit = ["--data", file, "--bootstrap", 0, "--starts", 2]
            plain = Seconds(lambda: crosslaw_fit(options.crosslaw, "chinchilla", *fit))
            took = Seconds(lambda: crosslaw_fit(options.crosslaw, "chinchilla", *fit, "--influence"))
            refits = took.result["influence"]["refitted"]
            print(
                f"leaving out {count} runs one at a time, {refits} refitted: {took.wall - plain.wall:.2f} s "
                f"(CPU {took.cpu - plain.cpu:.2f} s)"
            )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("crosslaw", nargs="?", default=ROOT / "build" / "crosslaw")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--starts", type=int, default=64)
    parser.add_argument("--refits", type=int, default=4000)
    parser.add_argument("--scipy-refits", type=int, default=40)
    parser.add_argument("--points", type=int, default=100000)
    parser.add_argument("--scipy-law", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.scipy_law:
        scipy_process(options.scipy_law, options.starts, options.scipy_refits)
        return
    for law in ("chinchilla", "extended"):
        side_by_side(options, law)
    print()
    many_points(options)
    left_out_runs(options)


if __name__ == "__main__":
    main()
