#!/usr/bin/env python3
"""N* is one number: every command answers the same for the same file, law and budget, also where a point's
compute was counted and is not 6ND.

Usage: one_optimum_test.py CROSSLAW
"""

import csv
import json
import math
import pathlib
import random
import subprocess
import sys
import tempfile

CROSSLAW = sys.argv[1]
BUDGET = 1e20
SIZES = [2e7 * (2e9 / 2e7) ** (i / 6) for i in range(7)]
TOKENS = [4e8 * (4e10 / 4e8) ** (i / 4) for i in range(5)]
FAILURES = []


def check(name, good, detail=""):
    print(f"{name}: {'ok' if good else 'WRONG ' + str(detail)[:300]}")
    if not good:
        FAILURES.append(name)


def same(a, b, tolerance=1e-5):
    return a is not None and b is not None and abs(math.log(a / b)) < tolerance


def kaplan_loss(n, d):
    return ((8.8e13 / n) ** (0.076 / 0.095) + 5.4e13 / d) ** 0.095


def rows_of(stages, repeats, kaplan=False):
    """35 models a stage, C = 40 N^0.93 D, losses by the chinchilla law (continued ones by the extended one, or all by
    the one of Kaplan et al.) with 0.2 % of noise."""
    noise = random.Random(7)
    rows = []
    for stage in stages:
        for n in SIZES:
            for d in TOKENS:
                unique = min(d, 6e9) if repeats else d
                worth = unique + 15 * unique * (1 - math.exp(-(d / unique - 1) / 15))
                data = 410.7 / worth**0.28 if stage == "scratch" else 150 / (worth**0.21 * n**0.06)
                loss = kaplan_loss(n, d) if kaplan else 1.69 + 406.4 / n**0.34 + data
                loss *= math.exp(0.002 * noise.gauss(0, 1))
                rows.append({"N": n, "D": d, "loss": loss, "C": 40 * n**0.93 * d, "stage": stage, "U": unique})
    return rows


def write(path, rows):
    with open(path, "w", newline="") as file:
        out = csv.DictWriter(file, rows[0].keys())
        out.writeheader()
        out.writerows(rows)
    return path


def ask(*arguments):
    done = subprocess.run([CROSSLAW, *map(str, arguments)], capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"crosslaw {' '.join(map(str, arguments))}: {done.stderr}")
    return json.loads(done.stdout)


def by_allocate(*arguments):
    """N* of each strategy."""
    found = ask("allocate", *arguments, "--flops", BUDGET, "--json")
    return {row.get("strategy", ""): row["params"] for row in found["rows"]}


def labelled(strategy, what):
    return f"{strategy} {what}" if strategy else what


def check_law(work, law, stages=("scratch",), repeats=False):
    rows = rows_of(stages, repeats, law == "kaplan")
    source = ["--data", write(work / f"{law}.csv", rows), "--compute", "C", "--law", law, "--bootstrap", 0]
    if len(stages) > 1:
        source += ["--stage", "stage"]
    if repeats:
        source += ["--unique", "U"]
    best = by_allocate(*source)
    check(f"{law}: one N* a strategy", len(best) == len(stages), best)

    plain = by_allocate(*source, "--six-nd")
    check(f"{law}: 6ND answers something else", not same(plain[max(plain)], best[max(best)], 0.05), (plain, best))

    found = ask("fit", *source, "--profile", "--influence", "--at", BUDGET, "--json")
    profiles = {each["name"]: each for each in found["profiles"]}
    for strategy, params in best.items():
        profile = profiles.get(labelled(strategy, "N*"))
        if law in ("chinchilla", "extended", "two-stage"):
            check(f"{law} {strategy}: the profile is around N*", profile and same(profile["value"], params), profile)
            low, high = profile["ci95"]
            check(f"{law} {strategy}: its interval holds N*", (low or 0) < params < (high or math.inf), profile)

    # Without the run that moves N* most: what influence says is what allocate finds.
    first = found["influence"]["runs"][0]
    rest = rows[: first["line"] - 2] + rows[first["line"] - 1:]
    again = by_allocate("--data", write(work / f"{law}-rest.csv", rest), *source[2:])
    for strategy, params in best.items():
        change = first[labelled(strategy, "log_params")]
        check(f"{law} {strategy}: influence is the change of N*",
              change is not None and abs(math.log(again[strategy] / params) - change) < 1e-3 + 0.02 * abs(change),
              (change, params, again[strategy]))

    (work / f"{law}.json").write_text(json.dumps(found))
    saved = by_allocate("--fit", work / f"{law}.json")
    check(f"{law}: a saved fit answers the same", all(same(saved[s], best[s]) for s in best), (saved, best))

    for strategy, params in best.items():
        design = ask("design", *source, "--add-flops", 1e21, "--flops", BUDGET, "--target", labelled(strategy, "N*"),
                     "--sweeps", 0, "--json")
        check(f"{law} {strategy}: design sharpens this N*", same(design["value"], params), (design["value"], params))
    design = ask("design", *source, "--flops", BUDGET, "--sweeps", 1, "--starts", 2, "--json")
    truths = {each["name"]: each["truth"] for each in design["simulation"]["outlooks"]}
    for strategy, params in best.items():
        truth = truths.get(labelled(strategy, "N*"))
        check(f"{law} {strategy}: simulations take it for true", same(truth, params), (truth, params))

    plot = work / f"{law}.svg"
    ask("allocate", *source, "--flops", BUDGET, "--plot", plot, "--json")
    text = plot.read_text()
    for strategy, params in best.items():
        shown = f"{params / 1e9:.4g}B" if params >= 1e9 else f"{params / 1e6:.4g}M"
        check(f"{law} {strategy}: the chart shows it", f"<title>C 1e20: {shown}</title>" in text, shown)


def main():
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)
        for law in ("chinchilla", "extended", "outer", "kaplan"):
            check_law(work, law)
        check_law(work, "data-constrained", repeats=True)
        for law in ("joint", "two-stage"):
            check_law(work, law, stages=("scratch", "continued"))
    if FAILURES:
        print("FAILED:", ", ".join(FAILURES))
    return 1 if FAILURES else 0


sys.exit(main())
