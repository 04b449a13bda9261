#!/usr/bin/env python3
"""How well losses beyond the data are forecast: single laws and the mean of laws on held-out runs of published tables.

held_out_table.py [FOLDER] [--other-cuts] [--crosslaw PROGRAM]

Without FOLDER: the tables in tests/data/scaling, held out as in the literature; with --other-cuts the same tables cut at
other places, 33 tests. With FOLDER: every CSV file there, its columns guessed, with the runs of the largest compute, of
the largest sizes and of the most tokens held out.
"""
import argparse
import json
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent
NAME_WIDTH = 54  # columns
LAWS = ["chinchilla", "extended", "outer"]
NOT_FINAL = ["run!=peteish13_eval_50k-150k", "run!=peteish13_eval_final", "run!=peteish7_eval_170k-450k",
             "run!=peteish7_medlr_eval_170k-end", "run!=peteish7_medlr_eval_210k-325k",
             "run!=peteish7_medlr_eval_330k-490k", "run!=peteish7_medlr_eval_5k-205k", "run!=peteish7_medlr_eval_full"]
SIXTEEN = ["role=ladder", *(f"run!={size}-{part}" for size in ("190M", "370M", "760M", "1B")
                            for part in ("0.5xC", "1xC-rerun"))]


def published():
    """(name, file, conditions on rows, hold-out rules, more flags)"""
    gadre = [(f"gadre {name}", "gadre_104.csv", [f"dataset={name}"], ["N>=1e9"], ["--loss", "loss"])
             for name in ("c4_original", "rpj", "rw_original")]
    return [
        ("olmo, 7B and 13B", "olmo_ladder_c4.csv", NOT_FINAL, ["role=target"], []),
        ("olmo 16, 3B", "olmo_ladder_c4.csv", SIXTEEN, ["N>3e9"], []),
        ("chinchilla, C > max/10", "chinchilla_epoch.csv", ["in_240=1"], ["largest-compute:10"], []),
        ("kyo, C > max/10", "kyo_llm_df.csv", [], ["largest-compute:10"], []),
        ("gemstones cool, C > max/4", "gemstones_cool_end.csv", [], ["largest-compute:4"], []),
        ("gemstones hot, C > max/4", "gemstones_hot.csv", [], ["largest-compute:4"], []),
        *gadre,
    ]


def other_cuts():
    tables = [("chinchilla", "chinchilla_epoch.csv", ["in_240=1"], []), ("kyo", "kyo_llm_df.csv", [], []),
              ("gemstones cool", "gemstones_cool_end.csv", [], []), ("gemstones hot", "gemstones_hot.csv", [], []),
              ("olmo", "olmo_ladder_c4.csv", ["role=ladder"], []),
              *((f"gadre {data}, {loss}", "gadre_104.csv", [f"dataset={data}"], ["--loss", f"loss_{loss}"])
                for data in ("c4_original", "rpj", "rw_original") for loss in ("c4_val", "paloma_redpajama"))]
    return [(f"{name}, {rule}", file, where, [rule], flags) for rule in
            ("largest-compute:3", "largest-compute:30", "largest-params") for name, file, where, flags in tables]


def of_folder(folder):
    rules = ["largest-compute", "largest-params", "largest-tokens"]
    return [(f"{file.stem}, {rule}", file, [], [rule], []) for file in sorted(folder.glob("*.csv")) for rule in rules]


def hold_out(program, folder, file, where, rules, flags):
    command = [program, "fit", "--data", folder / file, "--json", "--no-draws", "--bootstrap", "0",
               "--laws", ",".join(LAWS), *flags]
    for each in where:
        command += ["--where", each]
    for each in rules:
        command += ["--holdout", each]
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode != 0:
        return None, done.stderr.strip().splitlines()[-1]
    return json.loads(done.stdout)["holdout"], ""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=pathlib.Path)
    parser.add_argument("--other-cuts", action="store_true")
    parser.add_argument("--crosslaw", default=ROOT / "build" / "crosslaw")
    options = parser.parse_args()
    folder = options.folder or ROOT / "tests" / "data" / "scaling"
    tests = of_folder(folder) if options.folder else other_cuts() if options.other_cuts else published()
    print(f"{'held out':<{NAME_WIDTH}}{'train':>6}{'runs':>5}" + "".join(f"{law:>12}" for law in [*LAWS, "forecast"]) +
          f"{'95 % hold':>11}{'width %':>9}")
    errors, wins, inside, runs, widths = [], 0, {50: 0, 80: 0, 95: 0}, 0, 0.0
    for name, file, where, rules, flags in tests:
        found, why = hold_out(options.crosslaw, folder, file, where, rules, flags)
        if found is None:
            print(f"{name:<{NAME_WIDTH}}{why}")
            continue
        error = {each["law"]: 100 * each["mean_error"] for each in found["laws"]}
        mean = found["forecast"]
        if mean["runs"] == 0:
            print(f"{name:<{NAME_WIDTH}}not known: {mean['unknown_reason']}")
            continue
        error["forecast"] = 100 * mean["mean_error"]
        errors.append([error[law] for law in [*LAWS, "forecast"]])
        wins += error["forecast"] <= min(error["chinchilla"], error["extended"])
        for each in mean["levels"]:
            inside[round(100 * each["level"])] += each["inside"] * mean["runs"]
        runs += mean["runs"]
        widths += mean["mean_width95"] * mean["runs"]
        held = mean["levels"][-1]["inside"] * mean["runs"]
        print(f"{name:<{NAME_WIDTH}}{found['splits'][0]['train']:>6}{mean['runs']:>5}" +
              "".join(f"{error[law]:>12.2f}" for law in [*LAWS, "forecast"]) +
              f"{held:>8.0f}/{mean['runs']:<3}{100 * mean['mean_width95']:>8.2f}", flush=True)
    if not errors:
        return 1
    means = [sum(column) / len(errors) for column in zip(*errors)]
    print(f"{'mean error %':<{NAME_WIDTH + 11}}" + "".join(f"{each:>12.2f}" for each in means))
    print(f"forecast no worse than the better of chinchilla and extended: {wins} of {len(errors)}")
    print("intervals hold " + ", ".join(f"{held / runs:.1%} at {level} %" for level, held in inside.items()) +
          f" of {runs} runs; 95 % intervals are {widths / runs:.2%} wide on average")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
