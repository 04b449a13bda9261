#!/usr/bin/env python3
"""What crosslaw fit and allocate answer to bad data files: exit code 2, one message that names the trouble,
nothing on standard output.

Usage: bad_data_test.py CROSSLAW
"""

import pathlib
import subprocess
import sys
import tempfile

GOOD = "N,D,loss\n" + "".join(f"{n}e8,{d}e9,{loss}\n" for n, d, loss in
                              [(1, 1, 3), (2, 2, 2.9), (3, 10, 2.8), (4, 5, 2.7), (5, 9, 2.6), (6, 20, 2.5)])
FITS = [[], ["--law", "extended"], ["--method", "isoflop"], ["--method", "envelope"]]

# What is wrong, the bytes of the file, what the message must say.
FILES = [
    ("no column", GOOD.replace("N,", "M,", 1), ["no column 'N'", "M, D, loss"]),
    ("text for a number", GOOD + "many,1e9,3\n", ["line 8", "'N'", "many"]),
    ("NaN", GOOD + "1e8,nan,3\n", ["line 8", "'D'", "nan"]),
    ("infinity", GOOD + "1e8,inf,3\n", ["line 8", "'D'", "inf"]),
    ("zero", GOOD + "1e8,1e9,0\n", ["line 8", "'loss'", "above 0"]),
    ("a negative number", GOOD + "1e8,1e9,-3\n", ["line 8", "'loss'", "-3"]),
    ("an empty field", GOOD + "1e8,,3\n", ["line 8", "'D'", "empty"]),
    ("a short row", GOOD + "1e8,1e9\n", ["line 8", "2 fields", "3 columns"]),
    ("no rows", "N,D,loss\n", ["no rows"]),
    ("an empty file", "", ["empty"]),
    ("another separator", GOOD.replace(",", ":"), ["line 1", "N:D:loss", "commas, tabs"]),
    ("a binary file", "N,D,loss\n\0\1\2", ["binary"]),
    ("broken JSON lines", '{"N":1,"D":2,"loss":3}\n{"N":\n', ["line 2", "JSON"]),
]

# Arguments that do not fit a good file.
ARGUMENTS = [
    (["--law", "cubic"], ["cubic", "chinchilla"]),
    (["--params", "size"], ["'size'", "N, D, loss"]),
    (["--cluster", "run"], ["'run'"]),
    (["--where", "set=a"], ["'set'"]),
    (["--where", "N"], ["COLUMN=VALUE"]),
    (["--where", "N=7"], ["none of 6 rows", "N=7"]),
    (["--where", "N<3e8"], ["good.csv", "2 points cannot fit 5 coefficients"]),
    (["--stage", "N"], ["line 2", "scratch or continued"]),
    (["--bootstrap", "-1"], ["--bootstrap -1"]),
    (["--method", "quadratic"], ["quadratic", "isoflop"]),
    (["--method", "isoflop", "--same-budget", "90"], ["same_budget"]),
    (["--method", "isoflop", "--flops", "0"], ["flops = 0"]),
    (["--method", "envelope", "--resample", "parametric"], ["envelope"]),
]


def main():
    crosslaw = pathlib.Path(sys.argv[1]).resolve()
    failures, checks = [], 0
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)

        def expect(name, arguments, words):
            nonlocal checks
            checks += 1
            done = subprocess.run([crosslaw, *map(str, arguments)], capture_output=True, text=True, check=False)
            missing = [word for word in words if word not in done.stderr]
            if done.returncode != 2 or done.stdout or missing:
                failures.append(f"{name}: exit code {done.returncode}, {missing} missing, stdout {done.stdout[:99]!r}, "
                                f"stderr {done.stderr.strip()!r}")

        for name, content, words in FILES:
            path = work / "data.csv"
            path.write_bytes(content.encode())
            for options in FITS:
                expect(f"{name}, {options}", ["fit", "--data", path, *options], ["data.csv", *words])
        good = work / "good.csv"
        good.write_text(GOOD)
        for options, words in ARGUMENTS:
            expect(str(options), ["fit", "--data", good, *options], words)
        expect("a folder", ["fit", "--data", work], ["is a directory", str(work)])
        expect("a missing file", ["fit", "--data", work / "none.csv"], ["none.csv", "cannot be read"])
        expect("a table for a fit", ["allocate", "--fit", good, "--flops", "1e18"], ["good.csv", "JSON"])
        expect("a folder for a fit", ["allocate", "--fit", work, "--flops", "1e18"], ["is a directory"])
    if failures:
        sys.exit("FAILED:\n" + "\n".join(failures))
    print(f"{checks} refusals, each with exit code 2 and a message that says what is wrong")


if __name__ == "__main__":
    main()
