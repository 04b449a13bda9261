#!/usr/bin/env python3
"""Who may include whom, no circle of includes inside a room, which folder alone touches which library, and no source
file that CMake forgot.

check_layers.py [ROOT]       prints each violation; exit code 1 when there is one
check_layers.py --self-test  breaks copies of the tree in every way it should notice
"""
import functools
import pathlib
import re
import shutil
import sys
import tempfile

# A room is a folder with sources. What it may include besides itself: rooms, or "name/*" for all below one.
MAY_INCLUDE = {
    "db/files": [],
    "db": ["db/files"],
    "fit/data": [],
    "fit/laws": ["fit/data"],
    "fit/solve": ["fit/data", "fit/laws"],
    "fit/allocate": ["fit/data", "fit/laws", "fit/solve"],
    "fit/frontier": ["fit/data", "fit/laws", "fit/solve"],
    "fit/evidence": ["fit/data", "fit/laws", "fit/solve", "fit/allocate"],
    "fit/write": ["fit/data", "fit/laws", "fit/solve", "fit/allocate", "fit/frontier", "fit/evidence"],
    "fit/example": ["fit/*"],
    "trainer/corpus": ["db/files"],
    "trainer/recipe": ["db/files", "fit/data"],
    "trainer/interchange": ["db/files", "trainer/recipe"],
    "trainer/model/kernels": [],
    "trainer/model": ["db/files", "trainer/recipe", "trainer/model/kernels"],
    "trainer/ranks": ["db/files"],
    "trainer": ["db/files", "trainer/*"],
    "sweep/spec": ["db/files", "fit/data", "trainer/corpus", "trainer/recipe"],
    "sweep/plan": ["db/*", "trainer/corpus", "trainer/interchange", "trainer/recipe", "sweep/spec"],
    "sweep/estimate": ["db/*", "trainer/corpus", "trainer/recipe", "sweep/*"],
    "sweep/launch": ["db/files", "trainer/corpus", "trainer/recipe", "sweep/spec"],
    "sweep/schedule": ["db/*", "trainer/corpus", "trainer/recipe", "sweep/spec", "sweep/plan", "sweep/launch"],
    "apps/terminal": ["db/*", "fit/*", "sweep/*"],
    "apps/study": ["db/*", "fit/*", "sweep/*", "trainer/corpus", "trainer/recipe"],
    "apps/charts": ["db/*", "fit/*", "apps/study"],
    "apps/report": ["db/*", "fit/*", "apps/study"],
    "apps/commands": ["db/*", "fit/*", "sweep/*", "trainer/corpus", "trainer/interchange", "trainer/recipe", "apps/study",
                      "apps/terminal", "apps/charts", "apps/report"],
    "apps/python": ["fit/*", "apps/charts"],
    "apps": ["apps/commands"],
}
# The fitting library's tests stand on it alone; the other tests may look into every room.
TESTS_MAY_INCLUDE = {"tests/fit": ["fit/*", "tests/fit", "tests/support"]}
LIBRARIES = {  # header pattern -> the rooms that alone touch it; tests may
    r"sqlite3\.h": ["db"],
    r"openssl/": ["db/files"],
    r"(Eigen|ceres)/": ["fit/*"],
    r"(glog|nanobind)/": ["apps/python"],
    r"(ATen|torch|c10|cuda|nccl|cudnn)[./_a-z]*": ["trainer", "trainer/model", "trainer/model/kernels",
                                                 "trainer/ranks"],
    r"(sentencepiece_\w+|zstd|zlib)\.h": ["trainer/corpus"],
    r"toml\+\+/": ["sweep/spec"],
    r"CLI/": ["apps/commands"],
}
SOURCES = (".cpp", ".cu", ".h")
TOP = sorted({room.split("/")[0] for room in MAY_INCLUDE} | {"tests"})
INCLUDE = re.compile(r'\s*#\s*include\s*([<"])([^>"]+)[>"]')


@functools.cache
def read(path, _modified_ns, _size):
    """The text of a file and its includes as (number of line, " or <, header)."""
    text = path.read_text()
    found = ((number, INCLUDE.match(line)) for number, line in enumerate(text.splitlines(), 1))
    return text, [(number, each.group(1), pathlib.PurePosixPath(each.group(2))) for number, each in found if each]


def text_and_includes(path):
    """Read once for as long as it stays the same: the self-test looks at the tree a hundred times."""
    now = path.stat()
    return read(path, now.st_mtime_ns, now.st_size)


def admits(allowed, room):
    """Whether a list of rooms and "name/*" holds `room`."""
    return any(room == each or each.endswith("/*") and (room + "/").startswith(each[:-1]) for each in allowed)


def allowed_of(room):
    if room.split("/")[0] != "tests":
        return MAY_INCLUDE.get(room)
    for start, allowed in TESTS_MAY_INCLUDE.items():
        if (room + "/").startswith(start + "/"):
            return allowed
    return [top + "/*" for top in TOP]


def check_file(root, path, violations):
    room = path.parent.as_posix()
    allowed = allowed_of(room)
    if allowed is None:
        violations.append(f"{path}: {room}/ is a room that check_layers.py does not know")
        return
    for number, mark, header in text_and_includes(root / path)[1]:
        other = header.parent.as_posix()
        if mark == '"' and header.parts[0] in TOP and other != room and not admits(allowed, other):
            violations.append(f"{path}:{number}: {room}/ may not include {header}")
        for pattern, owners in LIBRARIES.items():
            if mark == "<" and re.match(pattern, str(header)) and not admits([*owners, "tests/*"], room):
                violations.append(f"{path}:{number}: only {', '.join(owners)} may include <{header}>")


def units_of(root, room):
    """Units of a room (a header with its source, by their name) and, for each, whom it includes in the room."""
    units = {}
    for file in sorted((root / room).glob("*")):
        if file.suffix not in SOURCES:
            continue
        includes = units.setdefault(file.stem, set())
        for _, mark, header in text_and_includes(file)[1]:
            if mark == '"' and header.parent.as_posix() == room and header.stem != file.stem:
                includes.add(header.stem)
    return units


def first_circle(units):
    """Units that include each other all the way round, the first one again at the end; None where none do."""
    done = set()

    def walk(unit, road):
        if unit in road:
            return [*road[road.index(unit):], unit]
        if unit in done:
            return None
        for other in sorted(units.get(unit, ())):
            circle = walk(other, [*road, unit])
            if circle:
                return circle
        done.add(unit)
        return None

    return next((circle for unit in sorted(units) if (circle := walk(unit, []))), None)


@functools.cache
def words_of(text):
    return frozenset(re.findall(r"[\w./-]+", text))


def listings(root):
    """The words of each CMakeLists.txt, by its folder."""
    files = [root / "CMakeLists.txt", *(file for top in TOP for file in (root / top).rglob("CMakeLists.txt"))]
    return {file.parent.relative_to(root): words_of(text_and_includes(file)[0]) for file in files}


def is_listed(path, words):
    """By its name in the CMakeLists.txt beside it, or by its path from there in one further up."""
    if any(path.relative_to(folder).as_posix() in words.get(folder, ()) for folder in path.parents):
        return True
    # Helpers of tests are named from the tests that use them.
    return path.is_relative_to("tests/support") and any(f"../support/{path.name}" in each for each in words.values())


def check(root):
    violations = []
    words = listings(root)
    for room in MAY_INCLUDE:
        circle = first_circle(units_of(root, room))
        if circle:
            violations.append(f"{room}/: units include each other in a circle: {' -> '.join(circle)}")
    for top in TOP:
        for file in sorted((root / top).rglob("*")):
            path = file.relative_to(root)
            if file.is_dir() and file.name in ("common", "utils", "util"):
                violations.append(f"{path}: no folder of this name; put things where they are used")
            if file.suffix not in SOURCES:
                continue
            check_file(root, path, violations)
            if file.suffix != ".h" and not is_listed(path, words):
                violations.append(f"{path}: is not listed in CMakeLists.txt")
    return violations


def offences(root):
    """For each room one include that it may not have, put into one of its own files."""
    rooms = {**MAY_INCLUDE, "tests/fit/data": TESTS_MAY_INCLUDE["tests/fit"]}
    for room, allowed in rooms.items():
        file = next((f for f in sorted((root / room).glob("*")) if f.suffix in SOURCES), None)
        stranger = next(each for each in MAY_INCLUDE if each != room and not admits(allowed, each))
        yield room, file, f'#include "{stranger}/planted.h"'
    for pattern, line in {"sqlite3": "#include <sqlite3.h>", "CLI": "#include <CLI/CLI.hpp>",
                          "ceres": "#include <ceres/ceres.h>", "torch": "#include <torch/torch.h>",
                          "zstd": "#include <zstd.h>", "openssl": "#include <openssl/evp.h>",
                          "toml": "#include <toml++/toml.h>"}.items():
        yield pattern, root / "sweep/plan/plan.cpp", line


def self_test(root):
    failures = []
    with tempfile.TemporaryDirectory() as folder:
        copy = pathlib.Path(folder) / "tree"
        shutil.copytree(root, copy, ignore=shutil.ignore_patterns("build*", ".git", "presets", "sweeps"))
        if check(copy):
            failures.append("the untouched tree has violations")
        for room, file, line in offences(copy):
            if file is None:
                failures.append(f"{room}/ is named here and has no source")
                continue
            before = file.read_text()
            file.write_text(before + line + "\n")
            if not check(copy):
                failures.append(f"{line} in {file.relative_to(copy)} went unnoticed")
            file.write_text(before)
        for room in MAY_INCLUDE:  # the first two units of a room are made to include each other
            units = list(units_of(copy, room))
            planted = [copy / room / f"{unit}.h" for unit in units[:2]]
            if len(units) < 2:
                continue
            before = [file.read_text() if file.exists() else None for file in planted]
            for file, other in zip(planted, reversed(planted)):
                file.write_text((file.read_text() if file.exists() else "") + f'#include "{room}/{other.name}"\n')
            if not any("in a circle" in each for each in check(copy)):
                failures.append(f"{room}/: {units[0]} and {units[1]} include each other, unnoticed")
            for file, text in zip(planted, before):
                file.unlink() if text is None else file.write_text(text)
        for forgotten in ("tests/sweep/plan/forgotten_test.cpp", "fit/data/forgotten.cpp", "fit/example/forgotten.cpp",
                          "apps/forgotten/room.cpp", "trainer/model/kernels/forgotten.cu"):
            (copy / forgotten).parent.mkdir(exist_ok=True)
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
        findings = self_test(root)
    else:
        findings = check(pathlib.Path(arguments[0]) if arguments else root)
    print("\n".join(findings) if findings else "layers: no violation")
    return 1 if findings else 0


sys.exit(main())
