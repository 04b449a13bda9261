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
    ("no column", GOOD.replace("N,", "M,", 1), ["number of parameters", "M, D, loss", "--params COLUMN"]),
    ("text for a number", GOOD + "many,1e9,3\n", ["line 8", "'N'", "many"]),
    ("texts for numbers", GOOD.replace("e8,", "e8 or so,"), ["line 2", "all 6 rows have such texts"]),
    ("some texts for numbers", GOOD + "1e8,1e9,3?\n1e8,2e9,2.9?\n", ["line 8", "2 of 8 rows have such texts"]),
    ("errors behind losses", GOOD.replace("\n", "(12)\n").replace("loss(12)", "loss"), ["write the number alone"]),
    ("merged cells", GOOD + ",3e9,2.4\n,4e9,2.3\n,5e9,2.2\n,6e9,2.1\n,7e9,2\n7e8,7e9,1.9\n,8e9,1.8\n,9e9,1.7\n",
     ["'N' is empty in 7 of 14", "merged cells", "ffill"]),
    ("percent signs", GOOD.replace("\n", "%\n").replace("loss%", "loss"), ["'loss'", "percent signs"]),
    ("one loss", "".join(line if i == 0 else line.rsplit(",", 1)[0] + ",3\n"
                         for i, line in enumerate(GOOD.splitlines(True))), ["'loss' is 3 in every row"]),
    ("NaN", GOOD + "1e8,nan,3\n", ["line 8", "'D'", "nan"]),
    ("infinity", GOOD + "1e8,inf,3\n", ["line 8", "'D'", "inf"]),
    ("zero", GOOD + "1e8,1e9,0\n", ["line 8", "'loss'", "above 0"]),
    ("a negative number", GOOD + "1e8,1e9,-3\n", ["line 8", "'loss'", "-3"]),
    ("an empty field", GOOD + "1e8,,3\n", ["line 8", "'D'", "empty", "--drop-missing"]),
    ("a short row", GOOD + "1e8,1e9\n", ["line 8", "2 fields", "3 columns"]),
    ("no rows", "N,D,loss\n", ["no rows"]),
    ("an empty file", "", ["empty"]),
    ("another separator", GOOD.replace(",", ":"), ["line 1", "N:D:loss", "commas, tabs"]),
    ("a binary file", "N,D,loss\n\0\1\2", ["line 2", "binary"]),
    ("a NUL byte in a number", GOOD + "1e\0008,1e9,3\n", ["line 8", "NUL"]),
    ("numbers without names", GOOD.split("\n", 1)[1], ["line 1", "names the columns"]),
    ("a parquet file", "PAR1\1\2", ["parquet", "read_parquet", "to_csv"]),
    ("an Excel file", "PK\3\4xl", ["Excel", "read_excel"]),
    ("millions of parameters", GOOD.replace("e8,", "00,"), ["column 'N'", "looks like", "--params-unit"]),
    ("billions of tokens", GOOD.replace("e9,", ","), ["column 'D'", "looks like", "--tokens-unit B"]),
    ("perplexities", "".join(line if i == 0 else line.rsplit(",", 1)[0] + f",{21 - i}\n"
                             for i, line in enumerate(GOOD.splitlines(True))), ["perplexity", "--loss-unit ppl"]),
    ("two losses", GOOD.replace("loss", "loss_a,loss_b", 1).replace("\n", ",3\n").replace("loss_b,3", "loss_b"),
     ["loss_a, loss_b", "--loss"]),
    ("thousands or decimals", "N;D;loss\n100000000;2000000000;3,456\n200000000;2000000000;3,411\n",
     ["line 2", "'loss'", "decimal comma"]),
    ("broken JSON lines", '{"N":1,"D":2,"loss":3}\n{"N":\n', ["line 2", "JSON"]),
]

# Arguments that do not fit a good file.
ARGUMENTS = [
    (["--law", "cubic"], ["cubic", "chinchilla"]),
    (["--law", "chinchila"], ["did you mean 'chinchilla'"]),
    (["--loss", "los"], ["no column 'los'", "did you mean 'loss'"]),
    (["--lwa", "extended"], ["--lwa", "did you mean '--law'"]),
    (["--starts", "many"], ["--starts many", "expected a number"]),
    (["--predict", "7B"], ["7B", "N:D"]),
    (["--predict", "7B:140B,,1B:20B"], ["--predict", "empty"]),
    (["--method", "isoflop", "--flops", "1e21,,1e22"], ["--flops 1e21,,1e22", "empty"]),
    (["--method", "isoflop", "--flops", "1e20..1e24"], ["LOW..HIGHxCOUNT"]),
    (["--params-unit", "X"], ["--params-unit X", "K, M, B or T"]),
    (["--loss-unit", "furlongs"], ["--loss-unit furlongs", "ppl"]),
    (["--best-of", "N,width"], ["no column 'width'"]),
    (["--best-of", "N", "--mean-of", "D"], ["exclude each other"]),
    (["--flat", "2"], ["--flat has no effect", "--method isoflop"]),
    (["--no-draws"], ["--no-draws has no effect", "--json"]),
    (["--count", "budget"], ["--count", "sweep's folder"]),
    (["--params", "size"], ["'size'", "N, D, loss"]),
    (["--cluster", "run"], ["'run'"]),
    (["--where", "set=a"], ["'set'"]),
    (["--where", "N"], ["COLUMN=VALUE"]),
    (["--where", "N=7"], ["none of 6 rows", "N=7"]),
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

        def expect(name, arguments, words, code=2):
            nonlocal checks
            checks += 1
            done = subprocess.run([crosslaw, *map(str, arguments)], capture_output=True, text=True, check=False)
            missing = [word for word in words if word not in done.stderr]
            if done.returncode != code or done.stdout or missing:
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
        few = ["2 points cannot fit 5 coefficients", "5 are needed", "Add runs"]
        for command in (["fit"], ["allocate", "--flops", "1e21"], ["design", "--add-flops", "1e20"]):
            expect(f"too few points, {command}", [*command, "--data", good, "--where", "N<3e8"], few, code=1)
        expect("a subcommand misspelt", ["alocate"], ["'alocate'", "did you mean 'allocate'"])
        expect("a flag of a fit that is there", ["allocate", "--coefficients", "E=1.8,A=400,alpha=0.3,B=2000,beta=0.3",
                                                 "--flops", "1e21", "--bootstrap", "9"], ["--bootstrap has no effect"])
        expect("shapes without a ladder", ["allocate", "--data", good, "--flops", "1e21", "--context", "9"],
               ["--context has no effect", "--ladder"])
        expect("columns without a file", ["design", "demo", "--loss", "x"], ["--loss", "how to fit --data FILE"])
        expect("too few refits", ["fit", "--data", good, "--bootstrap", "5"], ["--bootstrap 5", "20 refits or more"])
        for slipped in ("alpha=7", "beta=0", "alpha=-0.3", "beta=34.7"):
            expect(slipped, ["fit", "--data", good, "--fix", slipped], ["--fix: " + slipped.split("=")[0], "such as 0.34"])
        expect("no compute to add", ["design", "--data", good, "--add-flops", "0"], ["--add-flops 0", "above 0"])
        expect("a target without runs to add", ["design", "demo", "--target", "E"], ["--target has no effect"])
        expect("a folder", ["fit", "--data", work], ["is a directory", str(work)])
        expect("a missing file", ["fit", "--data", work / "none.csv"], ["none.csv", "cannot be read"])
        expect("a table for a fit", ["allocate", "--fit", good, "--flops", "1e18"], ["good.csv", "JSON"])
        expect("a folder for a fit", ["allocate", "--fit", work, "--flops", "1e18"], ["is a directory"])
    if failures:
        sys.exit("FAILED:\n" + "\n".join(failures))
    print(f"{checks} refusals, each with exit code 2 and a message that says what is wrong")


if __name__ == "__main__":
    main()
