#!/usr/bin/env python3
"""The fitting library on its own: it configures without everything else, and as it was built here it installs, is
found by another project with find_package, and is right about published data. (The Python package builds it alone.)

Usage: installed_library_test.py CXX BUILD_FOLDER
"""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
DATA = ROOT / "tests/data/scaling"
UNWANTED = ["SQLite3", "OpenSSL", "CLI11", "tomlplusplus", "Torch", "Catch2"]


def run(*command):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"FAILED: {' '.join(map(str, command))}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
    return done.stdout


def configure_alone(work, cxx):
    """With every other dependency out of reach; what is built then is the library's rooms and no other."""
    hidden = [f"-DCMAKE_DISABLE_FIND_PACKAGE_{name}=TRUE" for name in UNWANTED]
    run("cmake", "-G", "Ninja", "-S", ROOT, "-B", work / "library", "-DCROSSLAW_FIT_ONLY=ON", f"-DCMAKE_CXX_COMPILER={cxx}",
        *hidden)
    sources = {command["file"] for command in json.loads((work / "library/compile_commands.json").read_text())}
    foreign = {source for source in sources if not source.startswith((str(ROOT / "fit"), str(work / "library/fit")))}
    assert sources and not foreign, foreign


def install(work, build):
    subprocess.run(["cmake", "--install", build, "--prefix", work / "prefix"], check=True, stdout=subprocess.DEVNULL,
                   env={**os.environ, "DESTDIR": ""})


def check_headers(work):
    """What an installed header includes of ours is installed too."""
    include = work / "prefix/include/crosslaw"
    headers = sorted(include.rglob("*.h"))
    names = {str(header.relative_to(include)) for header in headers}
    assert "fit/solve/fitter.h" in names and "fit/allocate/allocation.h" in names, names
    for private in ("fit/solve/core.h", "fit/solve/newton.h", "fit/laws/laws.h"):
        assert private not in names, f"{private} is private, but installed"
    for header in headers:
        for needed in re.findall(r'#include "([^"]+)"', header.read_text()):
            assert needed in names, f"{header.name} includes {needed}, which is not installed"


def check_package(work):
    """Neither our warnings nor paths of the source tree reach users."""
    for file in (work / "prefix").rglob("*.cmake"):
        text = file.read_text()
        for word in ("-Wall", "-Werror", str(ROOT), "crosslaw_options", "sanitize"):
            assert word not in text, f"{file.name} says {word}"


def build_example(work, cxx, name, flags):
    """A program compiled with other flags than the library, as users do."""
    run("cmake", "-G", "Ninja", "-S", ROOT / "fit/example", "-B", work / name, f"-DCMAKE_CXX_COMPILER={cxx}",
        f"-DCMAKE_PREFIX_PATH={work / 'prefix'}", f"-DCMAKE_CXX_FLAGS={flags}", "-DCMAKE_CXX_COMPILER_LAUNCHER=")
    run("cmake", "--build", work / name)
    return work / name / "fit_csv"


def close(found, expected, tolerance, what):
    assert abs(found / expected - 1) <= tolerance, f"{what}: {found} instead of {expected}"


def number(text):
    """73.19B -> 7.319e10."""
    units = {"k": 1e3, "M": 1e6, "B": 1e9, "T": 1e12}
    return float(text[:-1]) * units[text[-1]] if text[-1] in units else float(text)


def check_law(text, reference):
    for name, expected in reference["coef"].items():
        found = re.search(rf"^{name} +(\S+) +(\S+) +\[(\S+), (\S+)\]", text, re.M)
        assert found, f"{name} with its interval is missing in:\n{text}"
        value, _, low, high = map(float, found.groups())
        close(value, expected, 1e-2 if name in "AB" else 1e-4, name)
        assert low < value < high, f"{name}: {value} outside [{low}, {high}]"
    for flops, expected in reference["alloc"].items():
        row = re.search(rf"^{re.escape(flops)} +(\S+) +\[[^]]*\] +(\S+)", text, re.M)
        assert row, f"budget {flops} is missing in:\n{text}"
        close(number(row.group(1)), expected["N"], 1e-3, f"N* at {flops}")
        close(number(row.group(2)), expected["D"], 1e-3, f"D* at {flops}")


def check_numbers(program):
    text = run(program, DATA / "chinchilla_epoch.csv", "in_240=1")
    laws = dict(zip(["law1", "law2"], re.split(r"^(?=extended: )", text, flags=re.M)))
    references = json.loads((DATA / "reference_fits.json").read_text())["fits"]["chinchilla_epoch_240"]
    for law, part in laws.items():
        check_law(part, references[law])


def check_refusal(program):
    file = DATA / "chinchilla_epoch.csv"
    done = subprocess.run([program, file, "rows=7"], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and not done.stdout and "no column 'rows'" in done.stderr, done


def main():
    cxx, build = sys.argv[1:]
    work = pathlib.Path(tempfile.mkdtemp(prefix="crosslaw-library-"))
    configure_alone(work, cxx)
    install(work, build)
    check_headers(work)
    check_package(work)
    check_numbers(build_example(work, cxx, "example", "-O1 -Wall -Wextra -Wconversion -Werror"))
    # Wider vectors would align Eigen's types otherwise.
    native = build_example(work, cxx, "native", "-O2 -march=native")
    check_numbers(native)
    check_refusal(native)
    shutil.rmtree(work)
    print("installed library: found, linked, and in agreement with the reference fits")


if __name__ == "__main__":
    main()
