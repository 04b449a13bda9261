#!/usr/bin/env python3
"""Who may include whom, which folder alone touches which library, and no source file that CMake forgot.

check_layers.py [ROOT]       prints each violation; exit code 1 when there is one
check_layers.py --self-test  breaks copies of the tree in every way it should notice
"""
import pathlib
import re
import shutil
import sys
import tempfile

ROOMS = ["apps", "db", "fit", "sweep", "tests", "trainer"]
MAY_INCLUDE = {
    "db": {"db"},
    "fit": {"fit"},
    "trainer": {"trainer"},
    "sweep": {"sweep", "db", "trainer"},  # of trainer only what is free of torch
    "apps": {"apps", "sweep", "fit", "db", "trainer"},
    "tests": {"tests", "apps", "sweep", "fit", "db", "trainer"},
}
LIBRARIES = {  # header pattern -> the folder that alone touches it; tests may
    r"sqlite3\.h": "db",
    r"(Eigen|ceres|glog)/": "fit",
    r"(ATen|torch|c10|cuda|nccl|cudnn)[./_a-z]*": "trainer",
    r"(sentencepiece_\w+|zstd|zlib)\.h|openssl/": "trainer",
    r"toml\+\+/": "sweep",
    r"CLI/": "apps",
}
SOURCES = (".cpp", ".cu", ".h")


def torch_free_headers(root):
    cmake = (root / "CMakeLists.txt").read_text()
    core = re.search(r"add_library\(crosslaw_train_core STATIC(.*?)\)", cmake, re.S).group(1)
    return {source.replace(".cpp", ".h") for source in core.split()}


def check_file(root, path, torch_free, violations):
    room = path.parts[0]
    for number, line in enumerate((root / path).read_text().splitlines(), 1):
        found = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line)
        if not found:
            continue
        header = found.group(2)
        other = header.split("/")[0]
        if other in ROOMS and found.group(1) == '"':
            if other not in MAY_INCLUDE[room]:
                violations.append(f"{path}:{number}: {room}/ may not include {header}")
            if other == "trainer" and room in ("sweep", "apps") and header not in torch_free:
                violations.append(f"{path}:{number}: {room}/ may include only the torch-free headers of trainer/, not {header}")
        for pattern, owner in LIBRARIES.items():
            if re.match(pattern, header) and found.group(1) == "<" and room not in (owner, "tests"):
                violations.append(f"{path}:{number}: only {owner}/ may include <{header}>")


def is_listed(root, path, listed):
    """By its path in the main CMakeLists.txt, or by its name in one beside it, as of an example."""
    if re.search(rf"(?<![\w/]){re.escape(str(path))}(?![\w/])", listed):
        return True
    beside = root / path.parent / "CMakeLists.txt"
    return beside.exists() and re.search(rf"(?<![\w/]){re.escape(path.name)}(?![\w/])", beside.read_text())


def check(root):
    violations = []
    listed = (root / "CMakeLists.txt").read_text()
    torch_free = torch_free_headers(root)
    for room in ROOMS:
        for file in sorted((root / room).rglob("*")):
            path = file.relative_to(root)
            if file.is_dir() and file.name in ("common", "utils", "util"):
                violations.append(f"{path}: no folder of this name; put things where they are used")
            if file.suffix not in SOURCES:
                continue
            check_file(root, path, torch_free, violations)
            if file.suffix != ".h" and not is_listed(root, path, listed):
                violations.append(f"{path}: is not listed in CMakeLists.txt")
    return violations


def self_test(root):
    offences = {
        "db/run_store.cpp": '#include "sweep/plan.h"',
        "fit/law.h": '#include "db/database.h"',
        "trainer/run_files.cpp": '#include "sweep/plan.h"',
        "sweep/plan.cpp": '#include "fit/law.h"',
        "sweep/ingest.cpp": '#include "trainer/llama.h"',
        "apps/sweep_folder.cpp": "#include <sqlite3.h>",
        "sweep/ladder.cpp": "#include <CLI/CLI.hpp>",
        "trainer/corpus.cpp": "#include <ceres/ceres.h>",
        "apps/text_table.cpp": "#include <torch/torch.h>",
    }
    failures = []
    with tempfile.TemporaryDirectory() as folder:
        copy = pathlib.Path(folder) / "tree"
        shutil.copytree(root, copy, ignore=shutil.ignore_patterns("build*", ".git", "corpus", "data"))
        if check(copy):
            failures.append("the untouched tree has violations")
        for name, line in offences.items():
            file = copy / name
            if not file.exists():
                failures.append(f"{name} is gone; give the self-test another file")
                continue
            before = file.read_text()
            file.write_text(before + line + "\n")
            if not check(copy):
                failures.append(f"{line} in {name} went unnoticed")
            file.write_text(before)
        for forgotten in ("tests/sweep/forgotten_test.cpp", "fit/forgotten.cpp", "fit/example/forgotten.cpp"):
            (copy / forgotten).write_text("")
            if not check(copy):
                failures.append(f"{forgotten}, which CMake does not list, went unnoticed")
            (copy / forgotten).unlink()
        (copy / "apps/utils").mkdir()
        if not check(copy):
            failures.append("a folder named utils went unnoticed")
    return failures


def main():
    arguments = sys.argv[1:]
    root = pathlib.Path(__file__).resolve().parent.parent
    if arguments == ["--self-test"]:
        problems = self_test(root)
    else:
        problems = check(pathlib.Path(arguments[0]) if arguments else root)
    print("\n".join(problems) if problems else "layers: no violation")
    return 1 if problems else 0


sys.exit(main())
