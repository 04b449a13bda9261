"""A finished sweep for tests to ask and to spoil, and how they check what commands say of it."""

import json
import shutil
import sqlite3
import sys

from small_sweep import run, write_small_sweep

FAILURES = []
CHECKS = []


def check(name, good, detail=""):
    CHECKS.append(name)
    if not good:
        FAILURES.append(f"{name}: {str(detail)[:600]}")


def equal(name, found, expected):
    check(name, found == expected, f"found {str(found)[:250]}, expected {str(expected)[:250]}")


def refused(name, done, code, *words):
    """The promised exit code, all words on stderr, nothing on stdout."""
    missing = [word for word in words if word not in done.stderr]
    check(name, done.returncode == code and not missing and not done.stdout,
          f"exit code {done.returncode}, missing {missing}, stdout {done.stdout[:100]!r}, stderr {done.stderr!r}")


def database(folder):
    base = sqlite3.connect(folder / "crosslaw.db")
    base.row_factory = sqlite3.Row
    return base


def rows(folder, sql):
    base = database(folder)
    found = [dict(row) for row in base.execute(sql)]
    base.close()
    return found


def change(folder, *statements):
    base = database(folder)
    for statement in statements:
        base.execute(statement)
    base.commit()
    base.close()


def json_of(name, done):
    """The one object of --json, on one line."""
    check(f"{name} ends well", done.returncode == 0, done.stderr)
    check(f"{name} is one line", done.stdout.count("\n") == 1, done.stdout[:100])
    found = json.loads(done.stdout or "{}")
    equal(f"{name} has a schema", found.get("schema"), 1)
    return found


class World:
    """A finished sweep, and copies of it to spoil."""

    def __init__(self, crosslaw, work):
        self.crosslaw, self.work, self.copies = crosslaw, work, 0
        self.spec = write_small_sweep(work / "spec")
        text = self.spec.read_text().replace("[4, 8, 16]", "[2, 4, 8]").replace("[16]", "[8]")
        self.spec.write_text(text)
        self.done = work / "done"
        self.first = self("run", self.spec, "--dir", self.done)
        if self.first.returncode:
            sys.exit(f"FAILED: the sweep ended with code {self.first.returncode}:\n{self.first.stderr}")

    def __call__(self, *arguments, **options):
        return run(self.crosslaw, *arguments, **options)

    def copy(self, *statements):
        self.copies += 1
        folder = self.work / f"copy-{self.copies}"
        shutil.copytree(self.done, folder)
        change(folder, *statements)
        return folder
