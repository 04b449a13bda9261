#!/usr/bin/env python3
"""Writes tests/data/report_sample.json: the data of a report, made up from planted laws.

Usage: scripts/make_report_sample.py >tests/data/report_sample.json
The same input always gives the same bytes. No number in it was measured.
"""
import hashlib
import json
import math
import random

BUDGETS = [5, 10, 20]  # tokens per parameter
SOURCE_LAW = dict(E=1.05, A=16.0, alpha=0.44, B=19.0, beta=0.27, gamma=0.0)
LAWS = {
    "scratch-fr": dict(E=1.13, A=17.3, alpha=0.44, B=19.5, beta=0.27, gamma=0.0),
    "continued-fr": dict(E=1.13, A=17.3, alpha=0.44, B=10.3, beta=0.17, gamma=0.07),
    "scratch-zh": dict(E=1.22, A=15.1, alpha=0.43, B=16.0, beta=0.26, gamma=0.0),
    "continued-zh": dict(E=1.22, A=15.1, alpha=0.43, B=12.3, beta=0.234, gamma=0.0),
}


def sig(x, digits=5):
    return None if x is None else float(f"{x:.{digits}g}")


def ladder():
    """Forty distinct sizes from 8,000 to 40,000 parameters, two layers, 256 bytes of vocabulary."""
    sizes, seen = [], set()
    for i in range(40):
        target = 8000 * 5 ** (i / 39)
        best = None
        for d in range(8, 80, 4):
            for f in range(8, 320, 4):
                n = 256 * d + 2 * (4 * d * d + 3 * d * f) + 5 * d
                cost = abs(f / d - 8 / 3) / (8 / 3) + 20 * abs(n / target - 1)
                if (d, f) not in seen and (best is None or cost < best[0]):
                    best = (cost, d, f, n)
        _, d, f, n = best
        seen.add((d, f))
        sizes.append((f"d{d}-f{f}", n))
    return sorted(sizes, key=lambda size: size[1])


def loss_of(law, n, d):
    return law["E"] + law["A"] / n ** law["alpha"] + law["B"] / (d ** law["beta"] * n ** law["gamma"])


def tokens_for(law, n, loss):
    """Tokens at which the law gives this loss; None when it never does."""
    rest = loss - law["E"] - law["A"] / n ** law["alpha"]
    if rest <= 0:
        return None
    return (law["B"] / (rest * n ** law["gamma"])) ** (1 / law["beta"])


def measured_curve(rng, law, n, budgets):
    """A trunk at constant rate, a little worse than the law, with a cooled-down end per budget."""
    points, last = [], budgets[-1] * n
    count = 11
    for k in range(count):
        d = 2048 * (0.85 * last / 2048) ** (k / (count - 1))
        points.append((d, min(5.5, 1.035 * loss_of(law, n, d)) * math.exp(rng.gauss(0, 0.004)), False))
    for budget in budgets:
        points.append((budget * n, loss_of(law, n, budget * n) * math.exp(rng.gauss(0, 0.005)), True))
    points.sort()
    return [{"tokens": round(d), "flops": sig(6 * n * d, 6), "loss": sig(loss), "end": end}
            for d, loss, end in points]


def make_curves(rng, sizes):
    curves = []
    for name, n in sizes:
        curves.append({"strategy": "source", "size": name, "params": n, "seed": 1,
                       "points": measured_curve(rng, SOURCE_LAW, n, [20])})
    for strategy, law in LAWS.items():
        for name, n in sizes:
            points = measured_curve(rng, law, n, BUDGETS)
            if strategy == "continued-fr" and name == sizes[-2][0]:
                points.pop()  # the run that diverged has no last loss
            curves.append({"strategy": strategy, "size": name, "params": n, "seed": 1, "points": points})
    return curves


def make_forgetting(rng, sizes):
    out = []
    for strategy, rise in (("continued-fr", 0.42), ("continued-zh", 0.8)):
        for name, n in sizes[::3]:
            start = loss_of(SOURCE_LAW, n, 20 * n)
            points = [{"tokens": 0, "flops": 0, "loss": sig(start)}]
            for k in range(9):
                d = 1024 * (20 * n / 1024) ** (k / 8)
                level = start + rise * (1 - math.exp(-(d / 20000) ** 0.6)) * (8000 / n) ** 0.3
                points.append({"tokens": round(d), "flops": sig(6 * n * d, 6),
                               "loss": sig(level * math.exp(rng.gauss(0, 0.006)))})
            out.append({"strategy": strategy, "language": "en", "size": name, "params": n, "points": points})
    return out


def ends(curves, strategy):
    return [(c["size"], c["params"], p["tokens"], p["flops"], p["loss"])
            for c in curves if c["strategy"] == strategy for p in c["points"] if p["end"]]


def frontier_fit(curves, strategy):
    """Least squares through the lowest loss of each compute bin, on log-log."""
    points = sorted((f, loss) for _, _, _, f, loss in ends(curves, strategy))
    lowest, best = [], math.inf
    for f, loss in points:
        if loss < best:
            best = loss
            lowest.append((math.log(f), math.log(loss)))
    mx = sum(x for x, _ in lowest) / len(lowest)
    my = sum(y for _, y in lowest) / len(lowest)
    slope = sum((x - mx) * (y - my) for x, y in lowest) / sum((x - mx) ** 2 for x, _ in lowest)
    return {"strategy": strategy, "coefficient": sig(math.exp(my - slope * mx)), "exponent": sig(-slope),
            "flops_range": [points[0][0], points[-1][0]],
            "exponent_ci95": [sig(-slope * 0.96), sig(-slope * 1.04)]}


def interpolate_tokens(points, loss):
    """Tokens at which the measured scratch losses of one size reach `loss`, and whether beyond them."""
    points = sorted(points)
    for (d0, l0), (d1, l1) in zip(points, points[1:]):
        if l0 >= loss >= l1:
            t = math.log(l0 / loss) / math.log(l0 / l1)
            return d0 * (d1 / d0) ** t, False
    (d0, l0), (d1, l1) = points[-2:] if loss < points[-1][1] else points[:2]
    slope = math.log(l1 / l0) / math.log(d1 / d0)
    return d0 * (loss / l0) ** (1 / slope), True


def measured_savings(curves, scratch, continued):
    by_size = {}
    for size, _, d, _, loss in ends(curves, scratch):
        by_size.setdefault(size, []).append((d, loss))
    rows = []
    for size, n, d, _, loss in ends(curves, continued):
        equal, beyond = interpolate_tokens(by_size[size], loss)
        rows.append({"size": size, "params": n, "tokens": d, "loss": loss, "scratch_tokens": round(equal),
                     "saved_fraction": sig(1 - d / equal), "transferred_tokens": round(equal - d),
                     "extrapolated": beyond})
    return rows


def law_savings(sizes, scratch, continued):
    rows = []
    for _, n in (sizes[0], sizes[len(sizes) // 2], sizes[-1]):
        for k in range(12):
            d = 2 * n * 15 ** (k / 11)
            equal = tokens_for(LAWS[scratch], n, loss_of(LAWS[continued], n, d))
            saved = 1 - d / equal
            rows.append({"params": n, "tokens": round(d), "saved_fraction": sig(saved),
                         "ci95": [sig(saved - 0.05), sig(saved + 0.04)]})
    return rows


def optimum(law, flops):
    best = (math.inf, 0)
    for k in range(801):
        n = 10 ** (2.5 + 9 * k / 800)
        best = min(best, (loss_of(law, n, flops / 6 / n), n))
    return best


def contour(sizes, law, strategy):
    low, high = 6 * sizes[0][1] ** 2 * BUDGETS[0], 6 * sizes[-1][1] ** 2 * BUDGETS[-1]
    params = [sizes[0][1] / 2 * (sizes[-1][1] * 8 / sizes[0][1]) ** (i / 28) for i in range(29)]
    flops = [low / 4 * (high * 60 / low) ** (i / 36) for i in range(37)]
    rows = [[sig(loss_of(law, n, c / 6 / n), 5) for c in flops] for n in params]
    front = []
    for c in flops[::3]:
        _, n = optimum(law, c)
        spread = 1.12 + 0.25 * abs(math.log10(c / math.sqrt(low * high)))
        front.append({"flops": sig(c), "params": sig(n), "params_ci95": [sig(n / spread), sig(n * spread)]})
    return {"strategy": strategy, "params": [sig(n) for n in params], "flops": [sig(c) for c in flops],
            "loss": rows, "frontier": front, "measured_flops": [low, high]}


def allocation_side(sizes, law, flops):
    loss, n = optimum(law, flops)
    d = flops / 6 / n
    spread = 1.1 + 0.3 * abs(math.log10(flops / 3e10))
    size, params = min(sizes, key=lambda s: abs(math.log(s[1] / n)))
    return {"params": sig(n), "params_ci95": [sig(n / spread), sig(n * spread)],
            "tokens": sig(d), "tokens_ci95": [sig(d / spread), sig(d * spread)],
            "loss": sig(loss), "loss_ci95": [sig(loss / (1 + 0.01 * spread)), sig(loss * (1 + 0.01 * spread))],
            "nearest_size": size, "nearest_params": params}


def make_allocation(sizes, scratch, continued):
    rows = []
    for flops in (1e10, 3e10, 1e11, 1e12, 1e13):
        row = {"flops": flops, "scratch": allocation_side(sizes, LAWS[scratch], flops),
               "continued": allocation_side(sizes, LAWS[continued], flops), "warnings": []}
        if flops > 1.9e11:
            row["warnings"].append(f"The budget is {flops / 1.9e11:.0f} times the largest run measured; "
                                   "the laws are extrapolated.")
        ratio = row["scratch"]["tokens"] / row["scratch"]["params"]
        if ratio > BUDGETS[-1]:
            row["warnings"].append(f"The optimum lies at {ratio:.0f} tokens per parameter; runs reach 20.")
        rows.append(row)
    return rows


def residuals(rng, curves, strategies):
    out = []
    for strategy in strategies:
        for size, n, d, _, loss in ends(curves, strategy):
            predicted = loss_of(LAWS[strategy], n, d) * math.exp(rng.gauss(0, 0.0005))
            out.append({"strategy": strategy, "size": size, "params": n, "tokens": d,
                        "observed": loss, "predicted": sig(predicted)})
    return out


def value(v, se):
    return {"value": v, "se": se, "ci95": [sig(v - 1.96 * se), sig(v + 1.96 * se)]}


def french_fits():
    scratch = {"E": value(1.137, 0.11), "A": {"value": 16.9, "se": 9.2, "ci95": [5.1, 61.0]},
               "alpha": value(0.438, 0.071), "B": value(19.61, 1.35), "beta": value(0.2705, 0.0081)}
    two_stage = {k: dict(v) for k, v in scratch.items() if k in ("E", "A", "alpha")}
    two_stage.update({"B": value(10.18, 1.1), "beta": value(0.1692, 0.0093), "gamma": value(0.0688, 0.012)})
    joint = {"E": value(1.128, 0.084), "A": {"value": 17.45, "se": 7.1, "ci95": [7.4, 46.0]},
             "alpha": value(0.4412, 0.058), "B": value(19.47, 1.1), "beta": value(0.2698, 0.0069),
             "B'": value(10.34, 0.92), "beta'": value(0.1701, 0.0071), "gamma": value(0.0703, 0.0095)}
    common = {"identifiable": True, "starts": 400, "problems": []}
    weak = ["E, A and alpha are known only together: the sizes span a factor of 5."]
    return [
        {**common, "name": "scratch", "law": "chinchilla", "points": 120, "objective": 0.0005212,
         "coefficients": scratch, "rms_residual": 0.00502, "condition": 4.1e7, "starts_at_best": 391,
         "problems": weak},
        {**common, "name": "continued, two-stage", "law": "extended", "points": 119, "objective": 0.0005094,
         "coefficients": two_stage, "frozen": ["E", "A", "alpha"], "rms_residual": 0.00493,
         "condition": 2.2e5, "starts_at_best": 400},
        {**common, "name": "joint", "law": "joint", "points": 239, "objective": 0.001031,
         "coefficients": joint, "rms_residual": 0.00499, "condition": 5.3e7, "starts_at_best": 377},
    ]


def chinese_fits():
    scratch = {"E": value(1.231, 0.12), "A": {"value": 14.7, "se": 9.9, "ci95": [3.6, 66.0]},
               "alpha": value(0.427, 0.083), "B": value(15.92, 1.2), "beta": value(0.2593, 0.0088)}
    two_stage = {k: dict(v) for k, v in scratch.items() if k in ("E", "A", "alpha")}
    two_stage.update({"B": {"value": 12.9, "se": None, "ci95": [1.2, None]}, "beta": value(0.236, 0.03),
                      "gamma": value(0.004, 0.11)})
    return [
        {"name": "scratch", "law": "chinchilla", "points": 120, "objective": 0.0005388, "identifiable": True,
         "coefficients": scratch, "rms_residual": 0.00511, "condition": 4.6e7, "starts": 400,
         "starts_at_best": 388, "problems": []},
        {"name": "continued, two-stage", "law": "extended", "points": 120, "objective": 0.0005467,
         "identifiable": False, "coefficients": two_stage, "frozen": ["E", "A", "alpha"],
         "rms_residual": 0.00516, "condition": 8.8e11, "starts": 400, "starts_at_best": 212,
         "problems": ["B and gamma cannot be told apart: doubling B and raising gamma by 0.07 fits as well.",
                      "The interval of gamma includes zero: continuing shows no gain that grows with size."]},
        {"name": "joint", "law": "joint", "points": 239, "objective": None, "identifiable": False,
         "coefficients": {}, "rms_residual": None, "condition": None, "starts": 400, "starts_at_best": None,
         "problems": ["Refused: the two-stage fit of the continued runs is not identifiable."]},
    ]


def make_pair(rng, curves, sizes, language, headline, fits):
    scratch, continued = f"scratch-{language}", f"continued-{language}"
    return {
        "language": language, "source_language": "en", "scratch": scratch, "continued": continued,
        "headline": headline, "fits": fits,
        "frontier": [frontier_fit(curves, s) for s in (scratch, continued)],
        "savings": measured_savings(curves, scratch, continued),
        "savings_law": law_savings(sizes, scratch, continued) if language == "fr" else [],
        "contours": [contour(sizes, LAWS[s], s) for s in (scratch, continued)],
        "allocation": make_allocation(sizes, scratch, continued),
        "residuals": residuals(rng, curves, (scratch, continued)),
    }


def make_runs(rng, curves):
    runs = []
    for curve in curves:
        n, budgets = curve["params"], [20] if curve["strategy"] == "source" else BUDGETS
        finals = {p["tokens"]: p["loss"] for p in curve["points"] if p["end"]}
        for budget in budgets:
            name = f"{curve['strategy']} {curve['size']} {budget} tokens/param seed 1"
            loss = finals.get(budget * n)
            run = {"name": name, "key": hashlib.sha256(name.encode()).hexdigest(),
                   "strategy": curve["strategy"], "size": curve["size"], "params": n, "tokens": budget * n,
                   "outcome": "done" if loss else "diverged", "loss": loss, "loss_per_byte": loss,
                   "flops": sig(6 * n * n * budget), "seconds": sig(n * n * budget * 6 / 1.6e10 * rng.uniform(0.95, 1.1), 4),
                   "attempts": 1, "device": "cpu", "message": ""}
            if not loss:
                run["message"] = "The loss was not finite at step 1211 of 1548; the last finite one was 2.31."
            runs.append(run)
    failed = next(r for r in runs if r["strategy"] == "scratch-zh" and r["tokens"] == 10 * r["params"])
    failed.update(outcome="failed", loss=None, loss_per_byte=None, attempts=3,
                  message="No space left on device while a checkpoint was written; three attempts.")
    runs[7]["attempts"] = 2
    return runs


def main():
    rng = random.Random(20240702)
    sizes = ladder()
    curves = make_curves(rng, sizes)
    runs = make_runs(rng, curves)
    for curve in curves:  # the failed run left no loss behind
        gone = [r["tokens"] for r in runs if r["outcome"] == "failed"
                and (r["strategy"], r["size"]) == (curve["strategy"], curve["size"])]
        curve["points"] = [p for p in curve["points"] if not (p["end"] and p["tokens"] in gone)]
    outcomes = [r["outcome"] for r in runs]
    pairs = [
        make_pair(rng, curves, sizes, "fr", "Continuing from English saved 27–55 % of the French tokens "
                  "at equal loss (measured, 40 sizes).", french_fits()),
        make_pair(rng, curves, sizes, "zh", "Continuing from English saved none of the Chinese tokens: runs "
                  "ended 0–2 % worse at equal tokens (measured, 40 sizes).", chinese_fits()),
    ]
    strategies = [{"name": "source", "language": "en", "from": None, "replay": 0, "kind": "source"}]
    for pair in pairs:
        strategies.append({"name": pair["scratch"], "language": pair["language"], "from": None, "replay": 0,
                           "kind": "scratch"})
        strategies.append({"name": pair["continued"], "language": pair["language"], "from": "source",
                           "replay": 0, "kind": "continued"})
    print(json.dumps({
        "schema": 1, "name": "demo", "generated": "2026-11-23T18:00:00Z", "crosslaw": "0.1.0",
        "command": "crosslaw run sweep/presets/demo.toml",
        "conventions": {"params": "all parameters (embedding counted once)",
                        "flops": "6ND, N as above, D target-language tokens",
                        "loss": "nats per token on fixed held-out text"},
        "totals": {"runs": len(runs), "done": outcomes.count("done"), "diverged": outcomes.count("diverged"),
                   "failed": outcomes.count("failed"), "pending": 0, "sizes": len(sizes),
                   "strategies": len(strategies), "tokens": sum(r["tokens"] for r in runs),
                   "flops": sig(sum(r["flops"] for r in runs)), "compute_seconds": 803.4, "wall_seconds": 421.7,
                   "devices": ["cpu x 2"]},
        "problems": ["1 run diverged and 1 failed; the fits leave them out.",
                     "Chinese: the extended law could not be identified, so no joint fit is shown."],
        "strategies": strategies, "curves": curves, "forgetting": make_forgetting(rng, sizes),
        "pairs": pairs, "runs": runs}, ensure_ascii=False, separators=(",", ":")))


if __name__ == "__main__":
    main()
