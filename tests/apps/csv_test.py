#!/usr/bin/env python3
"""Every --csv is one table: one header, as many fields in each row, no blank line, the labels and conventions that a
table needs beside others. Read by Python's csv and, where it is installed, by pandas.

Usage: csv_test.py CROSSLAW MAKE_PLANTED_DEMO
"""

import csv
import io
import pathlib
import subprocess
import sys
import tempfile

try:
    import pandas
except ModuleNotFoundError:
    pandas = None

ROOT = pathlib.Path(__file__).resolve().parents[2]
EPOCH = ["--data", "tests/data/scaling/chinchilla_epoch.csv", "--where", "in_240=1", "--bootstrap", "20"]
GADRE = ["--data", "tests/data/scaling/gadre_104.csv", "--params", "N_no_emb", "--bootstrap", "20"]
FEW = [*GADRE, "--where", "dataset=rpj"]
HOFFMANN = "E=1.69,A=406.4,B=410.7,alpha=0.34,beta=0.28"

CONVENTIONS = {"params_convention", "compute_convention", "loss_convention"}

# What is asked, and the columns that must be there.
OF_FILES = [
    (["fit", *EPOCH], {"language", "fit", "law", "coefficient", "params_convention", "compute_convention"}),
    (["fit", *EPOCH, "--profile"], {"language", "fit", "law", "params_convention"}),
    (["fit", *FEW, "--predict", "7e9:1.4e11"], {"language", "fit", "law", "params", "params_convention"}),
    (["fit", *FEW, "--holdout", "largest-compute", "--laws", "chinchilla,kaplan"], {"language", "fit", "law", "params_convention"}),
    (["fit", *EPOCH, "--influence"], {"language", "fit", "law", "params_convention"}),
    (["fit", *EPOCH, "--method", "isoflop", "--flops", "1e21"],
     {"language", "fit", "law", "flops", "params", "params_law_exponent", *CONVENTIONS}),
    (["fit", *EPOCH, "--method", "isoflop"], {"language", "fit", "law", "points", "left_out", *CONVENTIONS}),
    (["fit", *EPOCH, "--method", "envelope"], {"language", "fit", "law", "share", *CONVENTIONS}),
    (["fit", *EPOCH, "--fix", "E=1.8"], {"coefficient", "held", *CONVENTIONS}),
    (["fit", *EPOCH, "--n-conventions", "N"], {"language", "params_convention", "compute_convention"}),
    (["fit", *GADRE, "--by", "dataset"], {"language", "fit", "law", "group", "against", "speed_up", *CONVENTIONS}),
    (["allocate", *FEW, "--flops", "1e20,1e22"], {"language", "fit", "law", "flops", "params", "compute_convention"}),
    (["forecast", *FEW, "--runs", "7e9:1.4e11"], {"language", "fit", "law", "params", "forecast", "low95", "high95", "unknown", *CONVENTIONS}),
    (["verify", *FEW, "--coefficients", HOFFMANN], {"language", "fit", "law", "conclusion", "printed", "best_fit", *CONVENTIONS}),
    (["plan", "demo"], {"name", "strategy", "language", "size"}),
    (["predict", "--coefficients", "E=1.82,A=478,alpha=0.347,B=2143,beta=0.367", "7e9:1.4e11"], {"law", "loss"}),
]
OF_SWEEPS = [
    (["fit", "DIR"], {"language", "fit", "law", "coefficient", "params_convention"}),
    (["fit", "DIR", "--method", "envelope", "--bootstrap", "0"], {"language", "fit", "law", *CONVENTIONS}),
    (["transfer", "DIR"], {"language", "fit", "law", "source_language", "params", "tokens", *CONVENTIONS}),
    (["coeffs", "DIR"], {"language", "fit", "law", "chosen", *CONVENTIONS}),
    (["allocate", "DIR", "--bootstrap", "20"],
     {"language", "fit", "law", "strategy", "forecast", "loss_difference", "params_convention"}),
    (["export", "DIR"], {"strategy", "language", "key", "params_budget"}),
]
FIGURES = {"losses", "frontier", "frontier-line", "savings", "savings-by-law", "iso-loss", "best-sizes",
           "measured-area", "coefficients", "allocation", "residuals", "forgetting"}


def run(crosslaw, *arguments):
    done = subprocess.run([crosslaw, *arguments], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, f"{arguments}: {done.stderr}"
    return done.stdout


def registered(crosslaw, folder):
    """A forecast of the run with the largest compute by all others."""
    rows = [row for row in csv.DictReader((ROOT / FEW[1]).open()) if row["dataset"] == "rpj"]
    last = max(rows, key=lambda row: float(row["N_no_emb"]) * float(row["D"]))
    file = pathlib.Path(folder) / "forecast.json"
    run(crosslaw, "forecast", *FEW, "--where", f"name!={last['name']}", "--runs", f"{last['N_no_emb']}:{last['D']}",
        "--out", file)
    return file


def check(crosslaw, arguments, columns):
    flag = [] if arguments[0] == "export" else ["--csv"]
    check_table(" ".join(map(str, arguments)), run(crosslaw, *arguments, *flag), columns)


def check_table(name, text, columns):
    rows = list(csv.reader(io.StringIO(text)))
    header = rows[0]
    assert len(rows) > 1, f"{name}: no row"
    assert all(len(row) == len(header) for row in rows), f"{name}: rows of {sorted({len(row) for row in rows})} fields"
    assert len(set(header)) == len(header), f"{name}: a column twice in {header}"
    assert columns <= set(header), f"{name}: lacks {columns - set(header)}"
    assert "table" not in header, f"{name}: several tables in one"
    assert rows.count(header) == 1 and "\n\n" not in text, f"{name}: more than one table"
    if not name.startswith("export") and {"language", "fit", "law"} <= set(header):
        assert header[:3] == ["language", "fit", "law"], f"{name}: {header[:3]} first"
    if pandas is not None:
        frame = pandas.read_csv(io.StringIO(text))
        assert list(frame.columns) == header and len(frame) == len(rows) - 1, name
        for column in ("value", "flops", "loss"):
            if column in header:
                assert frame[column].dtype.kind in "fi" or frame[column].isna().all(), f"{name}: {column} is no number"


def main():
    crosslaw, make_planted_demo = map(str, map(pathlib.Path.resolve, map(pathlib.Path, sys.argv[1:3])))
    for arguments, columns in OF_FILES:
        check(crosslaw, arguments, columns)
    with tempfile.TemporaryDirectory() as folder:
        sweep = pathlib.Path(folder) / "sweep"
        subprocess.run([make_planted_demo, sweep], check=True, cwd=ROOT)
        for arguments, columns in OF_SWEEPS:
            check(crosslaw, [sweep if each == "DIR" else each for each in arguments], columns)
        check(crosslaw, ["score", registered(crosslaw, folder), *FEW[:4], *FEW[6:]],
              {"file", "params", "tokens", "observed"})
        written = run(crosslaw, "export", sweep, "--figure", "all", "--out", pathlib.Path(folder) / "figures").split()
        figures = {pathlib.Path(file).stem: pathlib.Path(file).read_text() for file in written}
        assert figures.keys() >= FIGURES, FIGURES - figures.keys()
        for figure, text in figures.items():
            check_table(f"export --figure {figure}", text, set())
        assert figures["losses"] == run(crosslaw, "export", sweep, "--figure", "losses")
    count = len(OF_FILES) + len(OF_SWEEPS) + 1 + len(figures)
    print(f"{count} tables, each one table; pandas {'read them' if pandas else 'is not installed'}")


if __name__ == "__main__":
    main()
