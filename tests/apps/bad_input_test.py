#!/usr/bin/env python3
"""What crosslaw answers to bad input: the promised exit code, one message that names the trouble, nothing on
standard output, nothing lost.

Usage: bad_input_test.py CROSSLAW
"""

import os
import pathlib
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

from small_sweep import keep_two_sizes, run, write_small_sweep

FAILURES = []


def expect(name, done, code, *words):
    """The process ended with the code, said all the words on stderr and nothing on stdout."""
    assert all(words), f"{name}: an empty word is in every text"
    troubles = []
    if done.returncode != code:
        troubles.append(f"exit code {done.returncode}, expected {code}")
    troubles += [f"stderr lacks {word!r}" for word in words if word not in done.stderr]
    if done.stdout:
        troubles.append(f"stdout is not empty: {done.stdout[:200]!r}")
    if troubles:
        FAILURES.append(f"{name}: {'; '.join(troubles)}\n  stderr: {done.stderr.strip()}")
    else:
        print(f"{name}: {done.stderr.strip().splitlines()[-1]}")


def changed(text, old, new):
    assert old in text, old
    return text.replace(old, new)


def bad_specs(crosslaw, work):
    """Each edit of a good spec, and the words of the message it must get."""
    edits = {
        "a mistyped key": ('tied_head = true', 'tied_haed = true', ["tied_haed", "small.toml"]),
        "a mistyped section": ("[budget]", "[budgets]", ["budgets"]),
        "a wrong type": ("context = 32", 'context = "32"', ["context", "small.toml"]),
        "broken TOML": ("context = 32", "context = = 32", ["small.toml"]),
        "a budget of zero": ("[4, 8, 16]", "[0]", ["tokens_per_param"]),
        "no budget": ("[4, 8, 16]", "[]", ["tokens_per_param"]),
        "a missing ladder": ("ladder.csv", "nowhere.csv", ["nowhere.csv"]),
        "a missing text": ('train = ["en.train.jsonl"]', 'train = ["nowhere.jsonl"]', ["nowhere.jsonl"]),
        "a parent that does not exist": ('from = "source"', 'from = "sauce"', ["sauce"]),
        "a strategy that continues itself": ('from = "source"', 'from = "continued"', ["continued from continued"]),
        "a language without text": ('language = "en"\ntok', 'language = "de"\ntok', ["there is no [data.language.de]"]),
    }
    for name, (old, new, words) in edits.items():
        spec = write_small_sweep(work / "spec")
        spec.write_text(changed(spec.read_text(), old, new))
        folder = work / "must not appear"
        expect(name, run(crosslaw, "run", spec, "--dir", folder), 2, *words)
        if (folder / "crosslaw.db").exists():
            FAILURES.append(f"{name}: a database was written all the same")
        shutil.rmtree(folder, ignore_errors=True)


def bad_ladders(crosslaw, work):
    ladders = {
        "an empty ladder": ("name,hidden,ffn,heads,layers\n", ["ladder.csv"]),
        "heads that do not divide": ("name,hidden,ffn,heads,layers\ns,17,32,2,1\n", ["ladder.csv", "17"]),
        "a word for a number": ("name,hidden,ffn,heads,layers\ns,many,32,2,1\n", ["ladder.csv", "many"]),
        "a missing column": ("name,hidden,ffn,layers\ns,16,32,1\n", ["ladder.csv", "heads"]),
    }
    for name, (text, words) in ladders.items():
        spec = write_small_sweep(work / "spec")
        (work / "spec" / "ladder.csv").write_text(text)
        expect(name, run(crosslaw, "plan", spec), 2, *words)


def bad_text(crosslaw, work):
    spec = write_small_sweep(work / "spec")
    spec.write_text(changed(spec.read_text(), "valid_tokens = 2048", "valid_tokens = 100000000"))
    expect("a validation set too small", run(crosslaw, "run", spec, "--dir", work / "text"), 2, "data.valid_tokens")
    texts = {
        "text that is not UTF-8": ("en.train.jsonl", b'{"text": "caf\xe9"}\n', "en.train.jsonl"),
        "a line that is not JSON": ("en.train.jsonl", b"{oops\n", "en.train.jsonl"),
        "a cut zst file": ("en.train.jsonl.zst", b"(\xb5/\xfd\x04\x88garbage", "en.train.jsonl.zst"),
    }
    for name, (file, content, word) in texts.items():
        spec = write_small_sweep(work / "spec")
        spec.write_text(changed(spec.read_text(), 'train = ["en.train.jsonl"]', f'train = ["{file}"]'))
        (work / "spec" / file).write_bytes(content)
        expect(name, run(crosslaw, "run", spec, "--dir", work / "text"), 1 if file.endswith("zst") else 2, word)
        shutil.rmtree(work / "text", ignore_errors=True)


def bad_folders(crosslaw, work):
    spec = write_small_sweep(work / "spec")
    for command in ("status", "coeffs", "export", "report", "allocate", "fit"):
        expect(f"{command} of a folder without a sweep", run(crosslaw, command, work / "nothing"), 2, "nothing")
    (work / "a file").write_text("x")
    expect("a folder below a file", run(crosslaw, "run", spec, "--dir", work / "a file" / "sweep"), 2, "a file")
    newer = work / "newer"
    newer.mkdir()
    base = sqlite3.connect(newer / "crosslaw.db")
    base.execute("PRAGMA user_version = 99")
    base.execute("CREATE TABLE precious(x)")
    base.commit()
    base.close()
    before = (newer / "crosslaw.db").read_bytes()
    done = run(crosslaw, "run", spec, "--dir", newer)
    expect("a database of a newer version", done, 1, "newer", "99")
    if (newer / "crosslaw.db").read_bytes() != before:
        FAILURES.append("a database of a newer version: it was changed")


def second_run(crosslaw, work):
    """While one run holds a folder, a second is refused and a third, after it, goes on."""
    spec = write_small_sweep(work / "spec")
    keep_two_sizes(spec)
    first = subprocess.Popen(
        [crosslaw, "run", spec, "--dir", work / "held"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    while not (work / "held" / "crosslaw.db").exists() and first.poll() is None:
        time.sleep(0.02)
    done = run(crosslaw, "run", spec, "--dir", work / "held")
    expect("a second run in the same folder", done, 2, "held")
    first.send_signal(signal.SIGINT)
    if first.wait(timeout=60) != 130:
        FAILURES.append(f"Ctrl-C: exit code {first.returncode}")
    done = run(crosslaw, "run", spec, "--dir", work / "held")
    if done.returncode:
        FAILURES.append(f"going on after Ctrl-C: exit code {done.returncode}: {done.stderr}")


def full_disk(crosslaw, work):
    """Output that cannot be written is a failure with a message, never a silent success."""
    spec = write_small_sweep(work / "spec")
    with open("/dev/full", "w") as full:
        for command in (["plan", spec], ["plan", spec, "--json"], ["export", work / "held"]):
            done = subprocess.run([crosslaw, *command], stdout=full, stderr=subprocess.PIPE, text=True)
            done.stdout = ""
            expect(f"{command[0]} onto a full disk", done, 1, "No space left")


def main():
    crosslaw = pathlib.Path(sys.argv[1]).resolve()
    work = pathlib.Path(tempfile.mkdtemp(prefix="crosslaw-bad-"))
    expect("no command", run(crosslaw), 2, "subcommand")
    expect("an unknown command", run(crosslaw, "frob"), 2, "frob")
    expect("an unknown option", run(crosslaw, "plan", "--frob"), 2, "--frob")
    expect("a spec that is not there", run(crosslaw, "plan", work / "no.toml"), 2, "no.toml")
    expect("a folder as the spec", run(crosslaw, "plan", work), 2, str(work))
    bad_specs(crosslaw, work)
    bad_ladders(crosslaw, work)
    bad_text(crosslaw, work)
    bad_folders(crosslaw, work)
    second_run(crosslaw, work)
    full_disk(crosslaw, work)
    if FAILURES:
        sys.exit("FAILED:\n" + "\n".join(FAILURES))
    shutil.rmtree(work)


if __name__ == "__main__":
    main()
