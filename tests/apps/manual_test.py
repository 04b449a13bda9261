#!/usr/bin/env python3
"""MANUAL.md against the program, both ways: commands and flags with their defaults against --help, laws, spec keys
and defaults against the spec reader, columns of the SQL views and names of the tables against a database, keys of
the JSON output, presets. What one side has and the other lacks is a failure, and so is a table that a blank line cuts
or a chapter without a link in the Contents.

Usage: manual_test.py CROSSLAW
"""

import contextlib
import json
import pathlib
import re
import shutil
import sqlite3
import sys
import tempfile

import small_sweep

ROOT = pathlib.Path(__file__).resolve().parents[2]
STRANGE = "zzzzzzzzzzzzzzzzzzzzzzzz"  # near to no key, so that the reader answers with all it knows

failures = []


def compare(what, manual, program):
    """Two sets, or two mappings from a name to its default."""
    for name in sorted(set(manual) - set(program)):
        failures.append(f"{what}: MANUAL.md has {name}, the program does not")
    for name in sorted(set(program) - set(manual)):
        failures.append(f"{what}: the program has {name}, MANUAL.md does not")
    if isinstance(manual, dict):
        for name in sorted(set(manual) & set(program)):
            if program[name] is not None and not same(manual[name], program[name]):
                failures.append(f"{what}: {name} is {program[name]} by default, {manual[name]} in MANUAL.md")


def same(one, other):
    """As text, or as numbers: 0.05 is 0.050000000000000003."""
    with contextlib.suppress(ValueError):
        return float(one) == float(other)
    return one == other


def sections(text):
    """Heading -> the text below it, up to the next heading of any level."""
    parts = re.split(r"^#+ (.+)$", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S), flags=re.M)
    return dict(zip((heading.replace("`", "") for heading in parts[1::2]), parts[2::2]))


def rows(text):
    """The rows of the tables in a section whose first cell is code: that code, then the other cells."""
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split(" |")]
        if found := re.fullmatch(r"\|\s*`([^`]+)`", "|" + cells[0]):
            yield found.group(1), cells[1:]


def check_pages(text):
    """Every table in one piece, and every chapter in the Contents."""
    prose = re.sub(r"^```.*?^```", lambda found: "\n" * found.group().count("\n"), text, flags=re.M | re.S)
    before = [""] + prose.splitlines()
    for number, (above, line, below) in enumerate(zip(before, before[1:], before[2:] + [""]), 1):
        if line.startswith("|") and not above.strip() and not re.match(r"\|[\s|:-]+\|$", below):
            failures.append(f"MANUAL.md:{number}: a row of a table after a blank line shows as plain text")
    contents = re.search(r"\*\*Contents\.\*\*(.*?)\n\*\*", prose, re.S).group(1)
    linked = set(re.findall(r"\(#([a-z0-9-]+)\)", contents))
    for heading in re.findall(r"^## (.+)$", prose, re.M):
        if anchor(heading) not in linked:
            failures.append(f"Contents of MANUAL.md: no link to {heading}")
    compare("links of the Contents", linked, {anchor(heading) for heading in re.findall(r"^#+ (.+)$", prose, re.M)} & linked)


def anchor(heading):
    """As GitHub makes it of a heading."""
    return re.sub(r"[^a-z0-9 -]", "", heading.lower().replace("+", "")).replace(" ", "-")


def check_presets(crosslaw, text):
    specs = {path.stem for path in (ROOT / "sweep/presets").glob("*.toml")} - {"gpus"}
    ladders = {path.stem for path in (ROOT / "sweep/presets").glob("*.csv")}
    spec, ladder = re.search(r"a preset by name \((.*?)\); so is a ladder \((.*?)\)", text, re.S).groups()
    compare("presets", set(re.findall(r"`(.+?)`", spec)), specs)
    compare("ladders", set(re.findall(r"`(.+?)`", ladder)), ladders)
    for command in ("run", "plan", "tokenize"):
        listed = re.search(r"or a preset: ([a-z0-9,\s-]+?)\s*(?:\n\n|$)", help_of(crosslaw, command)).group(1)
        compare(f"presets in {command} --help", set(re.split(r",\s*", listed)), specs)


def names(text):
    return {name for name, _ in rows(text)}


def help_of(crosslaw, *command):
    return small_sweep.run(crosslaw, *command, "--help", check=True).stdout


def flags_of_program(text):
    """Flag -> its default, None where the help writes none as `=value`."""
    found = re.findall(r"^  (--[a-z0-9-]+)(?: (?:TEXT|INT|UINT|FLOAT)=(\S+))?", text, re.M)
    return {flag: default or None for flag, default in found}


def flags_of_manual(manual, command):
    """Its own tables, below every heading up to the next command, and those that it says it shares."""
    headings = list(manual)
    first = headings.index(f"crosslaw {command}")
    flags = {}
    for heading in headings[first:]:
        if heading != headings[first] and (heading.startswith("crosslaw ") or heading == "The spec"):
            break
        text = manual[heading]
        shared = [h for h in headings if f"(#{h.lower().replace(' ', '-')})" in text and h in ("Data of a file", "How to fit")]
        for part in [text, *(manual[h] for h in shared)]:
            flags.update({flag: cells[1].strip("`").replace("\\", "") for flag, cells in rows(part) if flag.startswith("--")})
    return flags


def check_commands(crosslaw, manual):
    listed = set(re.findall(r"^  ([a-z][a-z-]*) ", help_of(crosslaw).split("Subcommands:")[1], re.M))
    compare("commands", {h.removeprefix("crosslaw ") for h in manual if re.fullmatch(r"crosslaw [a-z-]+", h)}, listed)
    for command in sorted(listed):
        if f"crosslaw {command}" in manual:
            compare(f"crosslaw {command}", flags_of_manual(manual, command),
                    flags_of_program(help_of(crosslaw, command)))
    laws = re.search(r"one of ([a-z, -]+?) *\[", help_of(crosslaw, "fit")).group(1)
    compare("laws", names(manual["Laws"]), set(laws.split(", ")))


def section_keys(crosslaw, spec, text, line):
    """What the reader says it knows where `line`, a key it cannot know, was put."""
    spec.write_text(text)
    said = small_sweep.run(crosslaw, "plan", spec).stderr
    found = re.search(r"unknown key; known here: (.*)", said)
    assert found, f"{line} was not refused: {said}"
    return set(found.group(1).strip().split(", "))


def check_spec_keys(crosslaw, manual, work):
    """Puts one unknown key into each table of a spec that is right."""
    spec = small_sweep.write_small_sweep(work / "spec")
    good = spec.read_text()
    strange = f"{STRANGE} = 1"
    places = {
        "At the top": strange + "\n" + good,
        "[data.language.NAME]": good.replace("[data.language.en]", f"[data.language.en]\n{strange}"),
        "[train] batch_tokens tiers": good.replace("batch_tokens = 256", f"batch_tokens = [{{tokens = 256, {strange}}}]"),
        "[launch] gpus_per_run tiers": good.replace("[launch]", f"[launch]\ngpus_per_run = [{{gpus = 1, {strange}}}]"),
        "[[strategy]]": good.replace("[[strategy]]", f"[[strategy]]\n{strange}", 1),
        "[train.search]": good.replace("[[strategy]]", f'[train.search]\nsizes = ["s"]\n{strange}\n[[strategy]]', 1),
        "[[choices]]": good + f'[[choices]]\nname = "q"\nfile = "q.jsonl"\n{strange}\n',
    }
    for table in ("ladder", "budget", "data", "train", "launch"):
        places[f"[{table}]"] = good.replace(f"[{table}]\n", f"[{table}]\n{strange}\n")
    compare("tables of the spec", {h for h in manual if re.match(r"\[|At the top", h)}, set(places))
    for place, text in places.items():
        compare(f"spec, {place}", names(manual.get(place, "")), section_keys(crosslaw, spec, text, place))
    spec.write_text(good)


def bare_sweep(crosslaw, work):
    """A sweep that stops at its text, which is too short, when spec and database are written: no training."""
    shutil.copy(crosslaw, work / "crosslaw")
    (work / "crosslaw-train").touch()  # is asked for, never started
    spec = small_sweep.write_small_sweep(work / "bare")
    text = spec.read_text()
    for line in ("warmup_steps_max = 10\n", 'init = "fan_in"\n', "evaluations = 3\n", "checkpoint_every_seconds = 0.3\n",
                 'schedule = "wsd"\n', "tied_head = true\n", "valid_tokens = 2048\n", "allow_foreign = 1\n", "cpu_slots = 2\n", 'devices = "cpu"\n'):
        assert line in text, line
        text = text.replace(line, "")
    spec.write_text(text)
    done = small_sweep.run(work / "crosslaw", "run", spec, "--dir", work / "sweep")
    assert done.returncode == 2 and (work / "sweep/crosslaw.db").exists(), done.stderr
    return work / "sweep"


def check_spec_defaults(manual, folder):
    """The resolved spec has every default written out."""
    resolved, table = {}, "At the top"
    for line in (folder / "spec.toml").read_text().splitlines():
        if found := re.fullmatch(r"\s*(\[.*\])", line):
            table = found.group(1)
        elif found := re.fullmatch(r"\s*([a-z0-9_]+) = (.*)", line):
            resolved.setdefault((table, found.group(1)), re.sub(r"\[ (.*) \]", r"[\1]", found.group(2).replace("'", '"')))
    checked = 0
    for place in (h for h in manual if re.match(r"\[|At the top", h)):
        for key, cells in rows(manual[place]):
            if (place, key) in resolved and cells[0].startswith("`"):
                compare(f"spec, {place}", {key: cells[0].strip("`")}, {key: resolved[place, key]})
                checked += 1
    if checked < 20:
        failures.append(f"only {checked} defaults of the spec could be compared; is spec.toml written otherwise?")


def check_sql(manual, folder):
    with contextlib.closing(sqlite3.connect(folder / "crosslaw.db")) as database:
        made = dict(database.execute("select name, type from sqlite_master where type in ('table', 'view')").fetchall())
        views = {name for name, kind in made.items() if kind == "view"}
        compare("SQL tables", names(manual["Tables"]), {name for name, kind in made.items() if kind == "table"})
        compare("SQL views", {h.removeprefix("View ") for h in manual if h.startswith("View ")}, views)
        for view in sorted(views & {h.removeprefix("View ") for h in manual}):
            columns = {row[1] for row in database.execute(f"pragma table_info({view})")}
            compare(f"view {view}", names(manual[f"View {view}"]), columns)


def check_json(crosslaw, manual):
    data = ["--data", ROOT / "tests/data/scaling/gadre_104.csv", "--params", "N_no_emb", "--where", "dataset=rpj",
            "--bootstrap", "20"]
    for command, asked in {
        "fit": ["--profile", "--influence", "--predict", "7e9:1.4e11", "--holdout", "largest-compute", "--laws", "chinchilla"],
        "allocate": ["--flops", "1e21"],
    }.items():
        printed = json.loads(small_sweep.run(crosslaw, command, *data, *asked, "--json", check=True).stdout)
        compare(f"{command} --json", names(manual[f"Keys of {command} --json"]), set(printed))


def main():
    crosslaw = pathlib.Path(sys.argv[1]).resolve()
    text = (ROOT / "MANUAL.md").read_text()
    manual = sections(text)
    check_pages(text)
    check_presets(crosslaw, text)
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)
        check_commands(crosslaw, manual)
        check_spec_keys(crosslaw, manual, work)
        sweep = bare_sweep(crosslaw, work)
        check_spec_defaults(manual, sweep)
        check_sql(manual, sweep)
        check_json(crosslaw, manual)
    print("\n".join(failures) if failures else "MANUAL.md and the program agree")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
