#!/usr/bin/env python3
"""What cmake --install puts down runs from anywhere: both programs, the presets by name, the trainer beside
crosslaw, completion and man page.

Usage: install_test.py BUILD_FOLDER
"""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import small_sweep

ROOT = pathlib.Path(__file__).resolve().parents[2]


def run(*command, code=0):
    """From the root of the file system, with nothing in the environment that could lead back to the build."""
    environment = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent"}
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False, cwd="/",
                          env=environment)
    assert done.returncode == code, f"{command}: exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


def commands_of(crosslaw):
    return re.findall(r"^  ([a-z-]+) ", run(crosslaw, "--help").stdout.split("Subcommands:")[1], re.M)


def flags_of(crosslaw, command):
    return sorted(re.findall(r"^  (?:-h,)?(--[a-z0-9-]+)", run(crosslaw, command, "--help").stdout, re.M))


def check_versions(prefix, has_trainer):
    said = run(prefix / "bin/crosslaw", "--version").stdout
    shape = r"crosslaw(?:-train)? (\d+\.\d+\.\d+ \(commit \S+, \S+ [\d.]+, .+\))\n"
    found = re.fullmatch(shape, said)
    assert found, said
    assert ("LibTorch" in said) == has_trainer and ("without the trainer" in said) != has_trainer, said
    if has_trainer:
        trainer = re.fullmatch(shape, run(prefix / "bin/crosslaw-train", "--version").stdout)
        assert trainer and trainer.group(1) == found.group(1), trainer


def check_presets(prefix):
    crosslaw = prefix / "bin/crosslaw"
    for name, runs in {"paper": 120, "demo.toml": 340}.items():
        plan = json.loads(run(crosslaw, "plan", name, "--json").stdout)
        assert len(plan["runs"]) == runs, f"{name}: {len(plan['runs'])} runs"
    table = run(crosslaw, "allocate", "--coefficients", "E=1.82,A=478,alpha=0.347,B=2143,beta=0.367", "--flops", "1e21",
                "--ladder", "paper40", "--exact-flops", "--csv").stdout
    assert table.count("\n") > 1, table
    assert "no such spec file" in run(crosslaw, "plan", "nothing-of-the-kind", code=2).stderr
    installed = prefix / "share/crosslaw/presets"
    for file in (ROOT / "sweep/presets").rglob("*"):
        if file.is_file():
            assert (installed / file.relative_to(ROOT / "sweep/presets")).read_bytes() == file.read_bytes(), file


def check_fit(prefix):
    data = ROOT / "tests/data/scaling/chinchilla_epoch.csv"
    fit = json.loads(run(prefix / "bin/crosslaw", "fit", "--data", data, "--where", "in_240=1", "--bootstrap", "0",
                         "--json").stdout)
    reference = json.loads((ROOT / "tests/data/scaling/reference_fits.json").read_text())
    alpha = reference["fits"]["chinchilla_epoch_240"]["law1"]["coef"]["alpha"]
    assert abs(fit["coefficients"]["alpha"]["value"] / alpha - 1) < 1e-4, fit["coefficients"]


def check_training(prefix, work, has_trainer):
    """A sweep finds its trainer beside crosslaw; without one it says so before it writes anything."""
    crosslaw, trainer = prefix / "bin/crosslaw", prefix / "bin/crosslaw-train"
    spec = small_sweep.write_small_sweep(work)
    small_sweep.keep_two_sizes(spec)
    if has_trainer:
        run(crosslaw, "run", spec, "--dir", work / "sweep")
        assert (work / "sweep/report.html").exists()
        trainer.rename(work / "elsewhere")
    said = run(crosslaw, "run", spec, "--dir", work / "untouched", code=1).stderr
    assert "crosslaw-train: is not there" in said and "scripts/build.sh" in said, said
    assert not (work / "untouched").exists()


def complete(prefix, *words):
    """What bash offers for the last word."""
    crosslaw = prefix / "bin/crosslaw"
    script = (f"source {prefix}/share/bash-completion/completions/crosslaw; COMP_WORDS=({' '.join(words)}); "
              f"COMP_CWORD={len(words) - 1}; _crosslaw {crosslaw} {words[-1] if words[-1] else repr('')}; "
              "printf '%s\\n' \"${COMPREPLY[@]}\"")
    return sorted(run("bash", "-c", script).stdout.split())


def check_completion(prefix):
    crosslaw = prefix / "bin/crosslaw"
    commands = commands_of(crosslaw)
    assert len(commands) >= 11, commands
    assert complete(prefix, "crosslaw", "''") == sorted([*commands, "--help", "--version"])
    assert complete(prefix, "crosslaw", "allo") == ["allocate"]
    for command in commands:
        assert complete(prefix, "crosslaw", command, "--") == flags_of(crosslaw, command), command
    assert complete(prefix, "crosslaw", "fit", "--boot") == ["--bootstrap"]


def check_man_page(prefix):
    crosslaw = prefix / "bin/crosslaw"
    page = (prefix / "share/man/man1/crosslaw.1").read_text()
    assert page.startswith(".TH CROSSLAW 1\n")
    for command in commands_of(crosslaw):
        section = page.split(f".SS crosslaw {command}\n".replace("-", "\\-"))[1].split("\n.SS ")[0]
        for flag in flags_of(crosslaw, command):
            assert flag.replace("-", "\\-") in section, f"{command} {flag}"
    assert str(ROOT) not in page
    if shutil.which("groff"):
        warnings = run("groff", "-man", "-Tascii", "-ww", "-z", prefix / "share/man/man1/crosslaw.1").stderr
        assert not warnings, warnings


def main():
    build = pathlib.Path(sys.argv[1]).resolve()
    work = pathlib.Path(tempfile.mkdtemp(prefix="crosslaw-install-"))
    prefix = work / "prefix"
    subprocess.run(["cmake", "--install", build, "--prefix", prefix], check=True, stdout=subprocess.DEVNULL,
                   env={**os.environ, "DESTDIR": ""})
    has_trainer = (prefix / "bin/crosslaw-train").exists()
    check_versions(prefix, has_trainer)
    check_presets(prefix)
    check_fit(prefix)
    check_completion(prefix)
    check_man_page(prefix)
    check_training(prefix, work, has_trainer)
    shutil.rmtree(work)
    print("install: both programs, presets, completion and man page work from anywhere")


if __name__ == "__main__":
    main()
