#!/usr/bin/env python3
"""Sweep folders from strangers, folders that lost bits, folders nobody may write in: nothing outside a folder is touched,
damage is said and mended, finished work is not retired without a word, and looking needs no right to write.

Usage: hostile_folder_test.py CROSSLAW
"""

import hashlib
import json
import os
import pathlib
import pty
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading

from small_sweep import run, write_small_sweep, write_smallest_sweep

FAILURES = []
NOBODY = 65534


def check(name, good, detail=""):
    if not good:
        FAILURES.append(f"{name}: {str(detail)[:800]}")


def equal(name, found, expected):
    check(name, found == expected, f"found {str(found)[:300]}, expected {str(expected)[:300]}")


def change(folder, *statements):
    base = sqlite3.connect(folder / "crosslaw.db")
    for statement in statements:
        base.execute(statement)
    base.commit()
    base.close()


def checked_line(**fields):
    """A line of metrics with a right check: a stranger can make one, too."""
    body = json.dumps(fields, sort_keys=True, separators=(",", ":"))[:-1]
    return f'{body},"check":"{hashlib.sha256(body.encode()).hexdigest()[:16]}"}}\n'


def every_file(folder):
    """Names, contents and links below a folder."""
    found = {}
    for path in sorted(folder.rglob("*")):
        found[str(path.relative_to(folder))] = os.readlink(path) if path.is_symlink() else path.is_file() and path.read_bytes()
    return found


class World:
    """A finished sweep, copies of it to spoil, and a victim beside them that nothing may touch."""

    def __init__(self, crosslaw, work):
        self.crosslaw, self.work, self.copies = crosslaw, work, 0
        self.spec = write_smallest_sweep(work / "spec")
        self.victim = work / "victim"
        for name in ("attempt-1/checkpoint-00000001", "checkpoint-00000001"):
            (self.victim / name).mkdir(parents=True)
            (self.victim / name / "precious").write_text("kept")
        self.precious = every_file(self.victim)
        self.done = work / "a" / "b" / "done"
        first = self.run()
        if first.returncode:
            sys.exit(f"FAILED: the sweep ended with code {first.returncode}:\n{first.stderr}")
        self.tables = self.tables_of(self.done)

    def __call__(self, *arguments, **options):
        return run(self.crosslaw, *arguments, **options)

    def run(self, folder=None, *arguments, spec=None):
        return self("run", spec or self.spec, "--dir", folder or self.done, *arguments)

    def copy(self):
        self.copies += 1
        folder = self.work / "a" / "b" / f"copy-{self.copies}"
        shutil.copytree(self.done, folder, symlinks=True)
        return folder

    def tables_of(self, folder):
        export = self("export", folder)
        # Sorted: a run that was lost and is planned again comes last.
        lines = "\n".join(sorted(export.stdout.splitlines()))
        return f"{export.returncode}\n{lines}\n{self('coeffs', folder, '--json').stdout}"

    def unharmed(self, name):
        equal(f"{name}: the victim is as it was", every_file(self.victim), self.precious)


def test_paths_in_files_lead_nowhere(world):
    folder = world.copy()
    change(folder, "UPDATE attempt SET folder = '../../../../victim'", "UPDATE checkpoint SET folder = '../../../../victim'")
    key = next((folder / "runs").iterdir())
    for step in range(1, 6):  # several, so that old ones are dropped
        with open(key / "attempt-1" / "metrics.jsonl", "a") as metrics:
            metrics.write(checked_line(kind="checkpoint", step=step, folder="../../../../../victim"))
    (key / "attempt-1" / "result.json").unlink()
    (folder / "crosslaw.db").unlink()
    done = world.run(folder)
    equal(f"a folder with foreign paths is run ({done.stderr[-300:]})", done.returncode, 0)
    equal("to the same tables", world.tables_of(folder), world.tables)
    world.unharmed("paths in files")


def test_links_are_not_followed(world):
    for name in ("runs", "data", "requests", "crosslaw.db"):
        folder = world.copy()
        target = folder / name
        shutil.rmtree(target) if target.is_dir() else target.unlink(missing_ok=True)
        target.symlink_to(world.victim)
        done = world.run(folder)
        check(f"{name} as a link is refused", done.returncode == 2 and f"{name}: is a link" in done.stderr, done)
    folder = world.copy()
    key = next((folder / "runs").iterdir())
    shutil.rmtree(key)
    key.symlink_to(world.victim)
    (folder / "crosslaw.db").unlink()
    done = world.run(folder)
    check("a run's folder that is a link is refused", done.returncode == 1 and "a link or a file stands in its way" in done.stderr, done)
    precious = world.victim / "checkpoint-00000001" / "precious"
    for name in ("lock", "spec.toml.tmp", "report.html.tmp", "progress.json.tmp", "data/manifest.json.tmp"):
        folder = world.copy()
        (folder / name).unlink(missing_ok=True)
        (folder / name).symlink_to(precious)
        (folder / "report.html").unlink(missing_ok=True)
        done = world.run(folder)
        equal(f"{name} as a link: {done.stderr[-200:]}", done.returncode, 1 if name == "lock" else 0)
    world.unharmed("links")


def test_names_of_specs(world):
    for old, new, words in (
        ("[data.language.fr]", '[data.language."../../x"]', ["a name must have no '/'", "small.toml:"]),
        ("[data.language.fr]", '[data.language.".x"]', ["a name must have no '/'"]),
        ('name = "scratch"', 'name = "scr\\u001b[2Jatch"', ["control character", "\\x1b[2J"]),
        ('name = "scratch"', 'name = "scr\\u202eatch"', ["control character", "\\u202e"]),
    ):
        spec = write_small_sweep(world.work / "names")
        text = spec.read_text()
        assert old in text
        spec.write_text(text.replace(old, new))
        for command in ("plan", "run"):
            done = world(command, spec, *(["--dir", world.work / "none"] if command == "run" else []))
            check(f"{command} of {new}", done.returncode == 2 and all(word in done.stderr for word in words), done)
            check(f"{command} of {new}: no escape sequence", "\x1b" not in done.stderr + done.stdout, done)
    (world.work / "names" / "ladder.csv").write_text("name,hidden,ffn,heads,layers\n\x1b[2Js,16,32,2,1\n")
    done = world("plan", world.work / "names" / "small.toml")
    check("a size with an escape sequence", done.returncode == 2 and "\x1b" not in done.stderr, done)
    folder = world.copy()
    change(folder, "UPDATE run SET name = name || char(27) || '[2J', strategy = strategy || char(27)",
           "UPDATE attempt SET outcome = 'crashed', message = char(27) || ']0;title' || char(7)")
    for command in (["status"], ["coeffs"], ["export"], ["status", "--json"]):
        done = world(command[0], folder, *command[1:])
        check(f"{' '.join(command)} shows no control character", not set("\x1b\x07") & set(done.stdout + done.stderr), done)


def test_closed_streams(world):
    folder = world.copy()
    (folder / "report.html").unlink()
    for closed in ([0], [1], [2], [0, 1, 2]):
        done = subprocess.run([world.crosslaw, "run", world.spec, "--dir", folder], stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                              preexec_fn=lambda: [os.close(stream) for stream in closed])
        equal(f"without the streams {closed}", done.returncode, 0)
        holder = (folder / "lock").read_text()
        check(f"nothing is written into the lock without {closed}", holder.startswith("process ") and holder.count("\n") == 1, holder)


def test_no_shell(world):
    place = world.work / "x'; touch pwned; 'y $(touch pwned) z"
    place.mkdir()
    shutil.copy(world.crosslaw, place / "crosslaw")
    (place / "crosslaw-train").write_text("#!/bin/sh\nexit 0\n")
    (place / "crosslaw-train").chmod(0o755)
    done = run(place / "crosslaw", "doctor", cwd=world.work)
    check("doctor names the trainer with its path", str(place / "crosslaw-train") in done.stdout, done)
    check("no word of a path is run", not list(world.work.rglob("pwned")))


def test_read_only(world):
    spec = write_small_sweep(world.work / "four sizes", documents=80)  # enough for laws that allocate
    spec.write_text(spec.read_text().replace("[4, 8, 16]", "[2, 4]").replace("[16]", "[4]"))
    folder = world.work / "a" / "looked at"
    equal("the larger sweep ends well", world.run(folder, spec=spec).returncode, 0)
    expected = {name: world(*command) for name, command in commands_that_look(folder, world.work / "page.html").items()}
    shutil.copytree(folder, world.work / "with log")
    killed = world.work / "with log"  # its writer was killed: a log is left beside the database
    subprocess.run([sys.executable, "-c", "import sqlite3, os, sys\nb = sqlite3.connect(sys.argv[1])\n"
                    "b.execute(\"UPDATE sweep SET created_ms = 7\")\nb.commit()\nos._exit(0)", killed / "crosslaw.db"], check=True)
    check("the log is there", (killed / "crosslaw.db-wal").stat().st_size > 0)
    (killed / "crosslaw.db-shm").unlink()
    out = world.work / "out"
    out.mkdir()
    out.chmod(0o777)
    os.chmod(world.work, 0o755)
    somebody = {"user": NOBODY} if os.getuid() == 0 else {}
    for place in (folder, killed):
        for path in [place, *place.rglob("*")]:
            path.chmod(path.stat().st_mode & ~0o222)
        before = every_file(place)
        for name, command in commands_that_look(place, out / "page.html").items():
            done = world(*command, **somebody)
            equal(f"{name} of a read-only folder ({done.stderr[-200:]})", done.returncode, 0)
            if name != "report":
                equal(f"{name} of a read-only folder", done.stdout.replace(str(place), "DIR"),
                      expected[name].stdout.replace(str(folder), "DIR"))
        (out / "page.html").unlink(missing_ok=True)
        equal("looking leaves a read-only folder as it was", every_file(place), before)
        for path in [place, *place.rglob("*")]:
            path.chmod(path.stat().st_mode | 0o200)


def commands_that_look(folder, page):
    return {"status": ["status", folder], "coeffs": ["coeffs", folder], "export": ["export", folder],
            "fit": ["fit", folder], "allocate": ["allocate", folder, "--flops", "1e10", "--accept-unidentified"],
            "report": ["report", folder, "--out", page]}


def asked_on_a_terminal(world, folder, spec, answer):
    """Exit code and what was said when a person answers on a real pseudo-terminal."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen([world.crosslaw, "run", spec, "--dir", folder], stdin=theirs, stderr=theirs,
                               stdout=subprocess.DEVNULL, start_new_session=True)
    os.close(theirs)
    said = b""
    while True:
        try:
            piece = os.read(ours, 4096)
        except OSError:  # the other end is closed
            break
        if not piece:
            break
        if b"[y/N]" in said + piece and b"[y/N]" not in said:
            os.write(ours, answer.encode() + b"\n")
        said += piece
    os.close(ours)
    return process.wait(timeout=300), said.decode(errors="replace")


def test_retiring_is_asked_for(world):
    folder = world.copy()
    before = (folder / "crosslaw.db").read_bytes()
    spec = world.work / "spec" / "other.toml"
    text = world.spec.read_text()
    spec.write_text(text.replace("learning_rate_times_hidden = 0.2", "learning_rate_times_hidden = 0.3"))
    done = world.run(folder, spec=spec)
    words = ["retired: 10 runs, 10 of them finished", "schedule.peak_learning_rate: 0.0125 -> 0.01875", "--yes", "nothing has been changed"]
    check("finished work is not retired unasked", done.returncode == 2 and all(word in done.stderr for word in words), done.stderr)
    equal("and nothing has been changed", world.tables_of(folder), world.tables)
    equal("not even the database", (folder / "crosslaw.db").read_bytes(), before)
    for answer, code in (("n", 1), ("", 1), ("y", 0)):
        said = asked_on_a_terminal(world, folder, spec, answer)
        check(f"on a terminal it is asked: {answer!r}", "would be retired" in said[1] and "Go on? [y/N]" in said[1], said)
        equal(f"the answer {answer!r} counts", said[0], code)
        if code:
            equal(f"after {answer!r} nothing has been changed", world.tables_of(folder), world.tables)
    folder = world.copy()
    spec.write_text(text.replace('name = "small"', 'name = "large"'))
    done = world.run(folder, spec=spec)
    words = ['holds the sweep "small", and this spec is "large"', "--dir", "--yes"]
    check("another sweep's folder is refused", done.returncode == 2 and all(word in done.stderr for word in words), done.stderr)
    (folder / "crosslaw.db").unlink()
    done = world.run(folder, spec=spec)
    check("even where its database is lost", done.returncode == 2 and words[0] in done.stderr, done.stderr)
    equal("with --yes it is taken", world.run(folder, "--yes", spec=spec).returncode, 0)
    # A budget less asks for no run of these names.
    folder = world.copy()
    spec.write_text(text.replace("[2, 4]", "[4]"))
    done = world.run(folder, "--yes", spec=spec)
    # The trunk warms up for a share of its smallest branch, which is another one now.
    check("fewer budgets retire runs when told to", done.returncode == 0 and "(4 new, 2 known, 8 retired)" in done.stderr, done.stderr)
    done = world.run(folder, "--yes")
    check("and they return as they were", done.returncode == 0 and "(0 new, 10 known, 4 retired)" in done.stderr, done.stderr)
    equal("with their losses", world.tables_of(folder), world.tables)


def test_damage_is_mended(world):
    for name, spoil in {
        "a lost database": lambda f: (f / "crosslaw.db").unlink(),
        "a cut database": lambda f: os.truncate(f / "crosslaw.db", 40_000),
        "text for a database": lambda f: (f / "crosslaw.db").write_text("no database\n" * 999),
        "a changed loss": lambda f: change(f, "UPDATE eval SET loss_nats = loss_nats + 1e-9 WHERE run_id = 5"),
        "a run that is gone": lambda f: change(f, "PRAGMA foreign_keys = OFF", "DELETE FROM eval WHERE run_id = 2",
                                               "DELETE FROM train_loss WHERE run_id = 2", "DELETE FROM checkpoint WHERE run_id = 2",
                                               "DELETE FROM evidence WHERE run_id = 2", "DELETE FROM attempt WHERE run_id = 2",
                                               "DELETE FROM run WHERE id = 2"),
        "a damaged fit": lambda f: change(f, "UPDATE fit SET result = replace(result, '1', '2')"),
    }.items():
        folder = world.copy()
        spoil(folder)
        done = world.run(folder)
        equal(f"{name} is mended ({done.stderr[-300:]})", done.returncode, 0)
        equal(f"{name}: the tables are as before", world.tables_of(folder), world.tables)
        attempts = sqlite3.connect(folder / "crosslaw.db").execute("SELECT max(n), count(*) FROM attempt").fetchone()
        equal(f"{name}: nothing was trained again", attempts, (1, 10))
        said = "is damaged" in done.stderr or "were taken from the folders" in done.stderr or "fitting" in done.stderr
        check(f"{name} is said", said, done.stderr)
    folder = world.copy()  # a loss that is nowhere any more
    key = next((folder / "runs").iterdir())
    metrics = key / "attempt-1" / "metrics.jsonl"
    lines = metrics.read_text().splitlines(keepends=True)
    metrics.write_text("".join(line.replace('"loss_nats":', '"loss_nats" :') if '"eval"' in line else line for line in lines))
    (folder / "crosslaw.db").unlink()
    done = world.run(folder)
    equal(f"lost losses are trained again ({done.stderr[-300:]})", done.returncode, 0)
    equal("to the same tables", world.tables_of(folder), world.tables)


def test_a_lock_of_somebody_else(world):
    folder = world.copy()
    (folder / "report.html").unlink()
    spec = world.work / "spec" / "longer.toml"
    spec.write_text(world.spec.read_text().replace("[2, 4]", "[2, 4, 6]"))
    base = sqlite3.connect(folder / "crosslaw.db", isolation_level=None, check_same_thread=False)
    base.execute("BEGIN IMMEDIATE")
    timer = threading.Timer(7, lambda: base.execute("ROLLBACK"))
    timer.start()
    done = world.run(folder, "--yes", spec=spec)
    timer.join()
    equal(f"a locked database is waited for ({done.stderr[-300:]})", done.returncode, 0)
    check("and who holds it is said", f"process {os.getpid()} (" in done.stderr, done.stderr)


def main():
    crosslaw = pathlib.Path(sys.argv[1]).resolve()
    only = sys.argv[2] if len(sys.argv) > 2 else "test_"
    with tempfile.TemporaryDirectory(prefix="crosslaw-hostile-") as work:
        world = World(crosslaw, pathlib.Path(work))
        for name, test in list(globals().items()):
            if name.startswith(only):
                test(world)
                world.unharmed(name)
    if FAILURES:
        sys.exit("FAILED:\n" + "\n".join(FAILURES[:40]))


if __name__ == "__main__":
    main()
