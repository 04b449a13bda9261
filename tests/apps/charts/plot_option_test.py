#!/usr/bin/env python3
"""--plot of fit and allocate: files that other programs can read, exit codes, and what stays pure.

Usage: plot_option_test.py CROSSLAW
"""

import json
import pathlib
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

CROSSLAW = sys.argv[1]
DATA = ["--data", "tests/data/scaling/gadre_104.csv", "--where", "dataset=rpj"]
SVG = "{http://www.w3.org/2000/svg}"
FAILURES = []


def check(name, good, detail=""):
    print(f"{name}: {'ok' if good else 'WRONG ' + str(detail)[:300]}")
    if not good:
        FAILURES.append(name)


def run(*arguments):
    return subprocess.run([CROSSLAW, *map(str, arguments)], capture_output=True, text=True)


def fit_drawing(work):
    plot = work / "fit.svg"
    done = run("fit", *DATA, "--bootstrap", 30, "--json", "--plot", plot)
    check("fit: exit code", done.returncode == 0, done.stderr)
    points = json.loads(done.stdout)["data"]["used"]
    root = xml.etree.ElementTree.parse(plot).getroot()
    check("fit: an SVG with a name", root.tag == SVG + "svg" and root.find(SVG + "title").text)
    # The surface, three panels of residuals and two frontiers show every point.
    circles = len(root.findall(f".//{SVG}circle"))
    check("fit: every point in six panels", circles >= 6 * points, f"{circles} marks, {points} points")
    check("fit: the plot is named on stderr", str(plot) in done.stderr, done.stderr)
    again = work / "again.svg"
    run("fit", *DATA, "--bootstrap", 30, "--threads", 1, "--plot", again)
    check("fit: the same whatever the threads", plot.read_bytes() == again.read_bytes())
    bare = work / "bare.svg"
    done = run("fit", *DATA, "--bootstrap", 0, "--plot", bare)
    text = bare.read_text()
    check("fit: without bootstrap no band", done.returncode == 0 and "95 % band" not in text, done.stderr)
    check("fit: a profile of each coefficient", text.count("95 % limit") >= 5)
    check("fit: nothing staged is left", not list(work.glob("*.tmp")))


def allocation_page(work):
    plot = work / "allocation.html"
    done = run("allocate", *DATA, "--bootstrap", 30, "--flops", "1e19,1e21", "--json", "--plot", plot)
    check("allocate: exit code", done.returncode == 0, done.stderr)
    check("allocate: JSON alone on stdout", len(json.loads(done.stdout)["rows"]) == 2)
    page = plot.read_text()
    figures = re.findall(r"<svg .*?</svg>", page, re.S)
    for figure in figures:
        xml.etree.ElementTree.fromstring(figure)
    check("allocate: four figures", len(figures) == 4)
    check("allocate: the budgets in the table", ">1e+19<" in page and ">1e+21<" in page)
    check("allocate: nothing is fetched or run", not re.search(r"<script|<link|src=|url\(http", page))
    saved = work / "fit.json"
    saved.write_text(run("fit", *DATA, "--bootstrap", 30, "--json").stdout)
    done = run("allocate", "--fit", saved, "--flops", "1e19", "--plot", work / "saved.svg")
    check("allocate: from a saved fit", done.returncode == 0 and (work / "saved.svg").exists(), done.stderr)


def bad_input(work):
    for command in (["fit"], ["allocate", "--flops", "1e20"]):
        # The name is refused before the data are even looked for.
        done = run(*command, "--data", work / "missing.csv", "--plot", work / "plot.gif")
        good = done.returncode == 2 and "plot.gif" in done.stderr and ".svg" in done.stderr
        check(f"{command[0]}: a name of another kind", good and not done.stdout, done.stderr)
        done = run(*command, work, "--plot", work / "plot.svg")
        good = done.returncode == 2 and "no sweep here" in done.stderr and not (work / "plot.svg").exists()
        check(f"{command[0]}: a folder without a sweep", good and not done.stdout, done.stderr)
        done = run(*command, *DATA, "--bootstrap", 0, "--plot", work / "no folder" / "plot.svg")
        good = done.returncode == 2 and "plot.svg" in done.stderr and "no folder" in done.stderr
        check(f"{command[0]}: a folder that is not there", good and not done.stdout, done.stderr)
        (work / "taken.svg").mkdir(exist_ok=True)
        done = run(*command, *DATA, "--bootstrap", 0, "--plot", work / "taken.svg")
        good = done.returncode == 1 and "taken.svg" in done.stderr
        check(f"{command[0]}: a file that cannot be written", good, done.stderr)


def hostile_names(work):
    source = pathlib.Path("tests/data/scaling/kyo_llm_df.csv").read_text().splitlines()
    hostile = work / "a<b>&'c.csv"
    hostile.write_text("\n".join(['C,<N & N>,D,"l""oss\'"', *source[1:]]) + "\n")
    plot = work / "hostile.svg"
    done = run("fit", "--data", hostile, "--params", "<N & N>", "--loss", "l\"oss'", "--bootstrap", 0, "--plot", plot)
    check("hostile names: exit code", done.returncode == 0, done.stderr)
    texts = [each.text for each in xml.etree.ElementTree.parse(plot).getroot().iter(SVG + "text")]
    check("hostile names: the column is text", "parameters N (<N & N>)" in texts, texts[:6])


with tempfile.TemporaryDirectory() as folder:
    for part in (fit_drawing, allocation_page, bad_input, hostile_names):
        part(pathlib.Path(folder))
print("\n".join(f"FAILED {each}" for each in FAILURES) or "all as promised")
sys.exit(bool(FAILURES))
