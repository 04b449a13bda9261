#!/usr/bin/env python3
"""What the commands say about a sweep, against second implementations (csv, json, sqlite3, hashlib and the formulas),
on a finished sweep and on copies of it that are half done, damaged, locked or out of date.

Usage: sweep_commands_test.py CROSSLAW
"""

import csv
import fcntl
import hashlib
import io
import json
import pathlib
import random
import re
import resource
import signal
import subprocess
import sys
import tempfile

import data_commands_checks
from sweep_world import CHECKS, FAILURES, World, check, equal, json_of, refused, rows


def test_run(world):
    """The first run's output, and that another one changes nothing."""
    check("no escape sequences without a terminal", "\x1b" not in world.first.stdout + world.first.stderr)
    before = rows(world.done, "SELECT * FROM attempt")
    outcomes = rows(world.done, "SELECT outcome, count(*) AS runs FROM run_results GROUP BY outcome")
    equal("all runs are done", outcomes, [{"outcome": "done", "runs": 28}])
    page = (world.done / "report.html").read_bytes()
    again = world("run", world.spec, "--dir", world.done)
    equal("a second run ends well", again.returncode, 0)
    equal("a second run trains nothing", rows(world.done, "SELECT * FROM attempt"), before)
    equal("a second run prints the same", again.stdout, world.first.stdout)
    lines = again.stdout.splitlines()
    # How long the path of the report is, its owner chose.
    told = [line.replace(str(world.done), "DIR") for line in lines]
    check("no line is wider than a page", all(len(line) <= 100 for line in told), max(told, key=len))
    answer = again.stdout.rstrip().split("\n\n")[-1].splitlines()
    check("the answer is last, in six lines", len(answer) <= 6 and answer[-1].endswith(f"report: {world.done}/report.html"), answer)
    check("it names a law and advice", any(" at C " in line or "no answer" in line for line in answer), answer)
    equal("a second run leaves the report", (world.done / "report.html").read_bytes(), page)
    check("the counts of runs", "28 runs (0 new, 28 known, 0 retired)" in again.stderr, again.stderr)
    # The spec as run, written out, means the same runs.
    resolved = world("run", world.done / "spec.toml", "--dir", world.done)
    check("the resolved spec means the same runs", "(0 new, 28 known, 0 retired)" in resolved.stderr, resolved.stderr)


def test_edited_ladder(world):
    """Under a spec that is the folder's already the ladder is looked at as well: its error changes nothing."""
    ladder = world.work / "spec" / "ladder.csv"
    whole, folder = ladder.read_text(), world.copy()
    before = rows(folder, "SELECT * FROM run")
    ladder.write_text(whole + whole.splitlines()[1].replace("s,", "twin,") + "\n")
    refused("a ladder with one size twice", world("run", world.spec, "--dir", folder), 2, "are the same training")
    ladder.write_text(whole)
    equal("it changes no run", rows(folder, "SELECT * FROM run"), before)
    equal("the whole ladder goes on", world("run", world.spec, "--dir", folder).returncode, 0)


def test_keys(world):
    """A run's key is the hash of its recipe's canonical JSON, computed here by Python."""
    for row in rows(world.done, "SELECT key, recipe FROM run"):
        recipe = json.loads(row["recipe"])
        canonical = json.dumps(recipe, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        equal("a recipe is canonical", row["recipe"], canonical)
        equal("a key is its recipe's hash", row["key"], hashlib.sha256(canonical.encode()).hexdigest())
        config = json.loads(next((world.done / "runs" / row["key"]).glob("attempt-*/config.json")).read_text())
        equal("the trainer was given that recipe", config["recipe"], recipe)


def test_export(world):
    done = world("export", world.done)
    lines = list(csv.DictReader(io.StringIO(done.stdout)))
    truth = rows(world.done, "SELECT * FROM observations")
    equal("export has a line for each observation", len(lines), len(truth))
    for line, row in zip(lines, truth):
        stage = "continued" if row["strategy"].startswith("continued") else "scratch"
        equal(f"export, stage of {row['run']}", line.pop("stage"), stage)
        for column, text in line.items():
            value = row[column]
            same = text == "" if value is None else float(text) == value if isinstance(value, float) else text == str(value)
            check(f"export, {row['run']} step {row['step']}, {column}", same, f"{text!r} for {value!r}")
    out = world.work / "export.csv"
    check("export --out prints nothing", world("export", world.done, "--out", out).stdout == "")
    equal("export --out writes the same", out.read_text(), done.stdout)
    odd = world.copy("UPDATE eval SET loss_nats = NULL WHERE step < 20", "UPDATE run SET size = 'a,b \"c\"'",
                     "UPDATE eval SET loss_nats_per_byte = 1e-300 WHERE loss_nats IS NOT NULL")
    for line in csv.DictReader(io.StringIO(world("export", odd).stdout)):
        equal("names with commas and quotes come back", line["size"], 'a,b "c"')
        equal("an unknown loss is an empty field", line["loss_nats"] == "", int(line["step"]) < 20)
        check("tiny numbers come back", line["loss_nats"] == "" or float(line["loss_nats_per_byte"]) == 1e-300)
    for path in (world.work / "no folder" / "x.csv", world.done):
        failed = world("export", world.done, "--out", path)
        refused(f"export into {path.name}", failed, 1, str(path))
    check("a failed export leaves nothing", not list(world.work.glob("done.tmp*")), list(world.work.iterdir()))


def test_plan(world):
    before = sorted(world.work.rglob("*"))
    plan = json_of("plan --json", world("plan", world.spec, "--json"))
    equal("plan touches nothing", sorted(world.work.rglob("*")), before)
    ladder = {line["name"]: line for line in csv.DictReader((world.work / "spec" / "ladder.csv").open())}
    for item in plan["runs"]:
        d, f, layers = (int(ladder[item["size"]][key]) for key in ("hidden", "ffn", "layers"))
        blocks, norms = layers * (4 * d * d + 3 * d * f), (2 * layers + 1) * d
        name = f"plan, {item['name']}"
        equal(f"{name}: parameters", item["params"], 256 * d + blocks + norms)
        tokens = item["tokens_target"] + item["tokens_source"]
        equal(f"{name}: steps", item["steps"], round(item["tokens_per_param"] * item["params"] / 256))
        equal(f"{name}: tokens", tokens, item["steps"] * item["batch_tokens"])
        equal(f"{name}: 6ND", item["flops_6nd"], 6.0 * item["params"] * tokens)
        equal(f"{name}: exact FLOPs", item["flops_exact"], (6 * (blocks + 256 * d) + 12 * layers * d * 32) * float(tokens))
        equal(f"{name}: learning rate", item["peak_learning_rate"], 0.2 / d)
        equal(f"{name}: what it continues", item["continues"],
              item["name"].split("tpp")[0].replace("continued", "source").rsplit(" ", 1)[0] + " 8tpp"
              if item["strategy"] == "continued" else None)
    totals = plan["totals"]
    for key, column in (("flops_6nd", "flops_6nd"), ("flops_exact", "flops_exact"), ("flops_to_train", "flops_to_train"),
                        ("slot_seconds_estimate", "seconds_estimate"), ("disk_bytes_estimate", "disk_bytes_estimate")):
        total = sum(item[column] for item in plan["runs"])
        check(f"plan's total of {column}", abs(totals[key] - total) <= 1e-12 * total, f"{totals[key]} for {total}")
    equal("plan's total of runs", totals["runs"], 28)
    # What was planned is what was trained.
    trained = {row["name"]: row for row in rows(world.done, "SELECT * FROM run")}
    for item in plan["runs"]:
        row = trained[item["name"]]
        for key in ("steps", "tokens_target", "tokens_source", "params_blocks", "params_norms", "params_embedding"):
            equal(f"planned and trained {key} of {item['name']}", item[key], row[key])
        equal(f"planned and trained FLOPs of {item['name']}", item["flops_exact"], row["flops"])
    table = list(csv.DictReader(io.StringIO(world("plan", world.spec, "--csv").stdout)))
    equal("plan --csv has the same runs", [line["name"] for line in table], [item["name"] for item in plan["runs"]])
    for line, item in zip(table, plan["runs"]):
        for key in ("flops_exact", "seconds_estimate", "memory_bytes_estimate", "params_blocks"):
            equal(f"plan --csv: {key}", float(line[key]), float(item[key]))
    check_plan_on_gpus(world, plan)
    half = world.copy("DELETE FROM eval", "DELETE FROM checkpoint", "DELETE FROM attempt WHERE run_id > 10")
    outcomes = [item["outcome"] for item in json_of("plan --dir", world("plan", world.spec, "--dir", half, "--json"))["runs"]]
    equal("plan --dir shows outcomes", sorted(set(outcomes)), ["done", "pending"])
    equal("plan --dir counts them", outcomes.count("done"), 10)


def check_plan_on_gpus(world, on_cpu):
    one = json_of("plan --gpu", world("plan", world.spec, "--json", "--gpu", "h100", "--gpus", "4", "--failures"))
    equal("the same runs on a GPU", [item["key" if "key" in item else "name"] for item in one["runs"]],
          [item["key" if "key" in item else "name"] for item in on_cpu["runs"]])
    hours, price = one["totals"]["gpu_hours_estimate"], one["machine"]["dollars_an_hour"]
    check("the cost is hours times price", abs(one["totals"]["dollars_estimate"] - hours * price) < 1e-9 * hours)
    check("wall time is at least the critical path and the work on all GPUs",
          one["timetable"]["wall_seconds"] >= max(one["timetable"]["critical_seconds"], hours * 3600 / 4) * (1 - 1e-9), one["timetable"])
    path = sum(run["seconds"] for run in one["timetable"]["critical_path"])
    check("the critical path adds up, or branches off earlier", path >= one["timetable"]["critical_seconds"] * (1 - 1e-9))
    rate = one["failures"]["failures_per_gpu_day"]
    check("Llama 3's failures", abs(rate - 419 / 16384 / 54) < 1e-12, rate)
    paid = json_of("a price of one's own", world("plan", world.spec, "--json", "--gpu", "b200", "--price-per-gpu-hour", "7"))
    equal("a price of one's own", paid["machine"]["dollars_an_hour"], 7.0)
    refused("a GPU that nobody knows", world("plan", world.spec, "--gpu", "h1000"), 2, "a100, b200, h100, h200")
    for flag, value in (("--gpus", "-1"), ("--price-per-gpu-hour", "-3"), ("--failures-per-gpu-day", "0"), ("--write-gb-per-second", "0")):
        refused(f"{flag} {value}", world("plan", world.spec, "--gpu", "h100", flag, value), 2, flag)
    lines = world("plan", world.spec, "--gpu", "h100", "--gpus", "4", "--failures").stdout.splitlines()
    check("every line fits a page", max(map(len, lines)) <= 100, max(lines, key=len))
    measured = json_of("plan --calibrate", world("plan", world.spec, "--json", "--calibrate"))
    check("a measured plan says so", measured["machine"]["speed_source"].startswith("measured here"), measured["machine"])


def test_status(world):
    status = json_of("status --json", world("status", world.done, "--json"))
    equal("status counts", (status["runs"], status["finished"], status["name"]), (28, 28, "small"))
    equal("nobody runs it", (status["running_as"], status["running"], status["troubled"]), (None, [], []))
    total = rows(world.done, "SELECT sum(flops) AS f FROM run")[0]["f"]
    equal("status FLOPs", (status["flops"], status["flops_done"]), (total, total))
    folder = world.copy(
        "UPDATE attempt SET outcome = 'crashed', message = 'CUDA error: device lost' WHERE run_id = 1",
        "UPDATE attempt SET outcome = 'diverged', message = 'step 3: loss nan' WHERE run_id = 2",
        "UPDATE attempt SET outcome = 'stopped' WHERE run_id = 3",
        "UPDATE attempt SET ended_ms = NULL, outcome = NULL WHERE run_id IN (4, 5)",
        "UPDATE run SET retired = 1 WHERE id = 6")
    attempts = rows(folder, "SELECT folder, run_id FROM attempt WHERE run_id IN (4, 5)")
    for attempt in attempts:
        (folder / attempt["folder"] / "heartbeat").write_text("17 12345.5\n" if attempt["run_id"] == 4 else "")
    status = json_of("status of trouble", world("status", folder, "--json"))
    counts = {}
    for outcomes in status["outcomes"].values():
        for outcome, runs in outcomes.items():
            counts[outcome] = counts.get(outcome, 0) + runs
    expected = {"crashed": 1, "diverged": 1, "stopped": 1, "interrupted": 2, "done": 22}
    equal("what nobody trains is interrupted, not running", counts, expected)
    equal("a retired run does not count", status["runs"], 27)
    equal("finished are done and diverged", status["finished"], 23)
    equal("trouble is told", sorted((t["outcome"], t["message"]) for t in status["troubled"]),
          [("crashed", "CUDA error: device lost"), ("diverged", "step 3: loss nan")])
    text = world("status", folder).stdout
    check("trouble is told as text", "crashed after 1 attempt: CUDA error: device lost" in text, text)
    watched = subprocess.run([world.crosslaw, "status", folder, "--watch"], capture_output=True, text=True, timeout=20)
    equal("--watch ends when nobody runs the sweep", watched.returncode, 0)
    with open(folder / "lock", "r+") as lock:
        fcntl.lockf(lock, fcntl.LOCK_EX)
        lock.truncate(0)
        lock.write("process 42 on elsewhere\n")
        lock.flush()
        status = json_of("status of a running sweep", world("status", folder, "--json"))
        equal("the holder is named", status["running_as"], "process 42 on elsewhere")
        by_step = sorted((live["step"], live["tokens_per_second"]) for live in status["running"])
        equal("heartbeats are shown, empty ones as nothing yet", by_step, [(0, 0.0), (17, 12345.5)])
        refused("a second run while one is at it", world("run", world.spec, "--dir", folder), 2, "process 42 on elsewhere",
                "already running")
        check("doctor names the holder", "process 42 on elsewhere is running this sweep" in world("doctor", folder).stdout)
        equal("asking leaves the holder's name", (folder / "lock").read_text(), "process 42 on elsewhere\n")


def test_coeffs(world):
    found = json_of("coeffs --json", world("coeffs", world.done, "--json"))
    table = list(csv.DictReader(io.StringIO(world("coeffs", world.done, "--csv").stdout)))
    equal("coeffs is current", found["current"], True)
    by_place = {(line["fit"], line["coefficient"]): line for line in table}
    count = 0
    for item in found["fits"]:
        for name, coefficient in item["coefficients"].items():
            line = by_place[item["name"], name]
            count += 1
            equal(f"{item['name']} {name}: csv and json", float(line["value"]), coefficient["value"])
            for at, column in enumerate(("ci95_low", "ci95_high")):
                if coefficient.get("ci95"):
                    equal(f"{item['name']} {name}: {column}", float(line[column]), coefficient["ci95"][at])
    equal("csv and json hold the same coefficients", count, len(table))
    stored = {row["name"] for row in rows(world.done, "SELECT name FROM fit")}
    check("what is shown is what is stored", {item["name"] for item in found["fits"]} <= stored, stored)
    refused("coeffs both ways", world("coeffs", world.done, "--json", "--csv"), 2, "--json", "--csv")
    without = world.copy("DELETE FROM fit")
    refused("coeffs without a fit", world("coeffs", without), 1, "no fit is stored yet", "crosslaw fit")
    older = world.copy("UPDATE eval SET loss_nats = loss_nats * 1.01 WHERE step = (SELECT max(step) FROM eval)")
    done = world("coeffs", older, "--json")
    equal("an old fit says so", json.loads(done.stdout)["current"], False)
    check("an old fit says so on stderr", "have gone on since" in done.stderr, done.stderr)
    broken = world.copy("UPDATE fit SET result = '{\"law\": 3}'")
    done = world("coeffs", broken)
    check("a stored fit that is none is an error", done.returncode in (1, 2) and "crosslaw: " in done.stderr, done)


def test_report(world):
    names = [row["name"] for row in rows(world.done, "SELECT name FROM run")]
    spoilt = {
        "finished": [],
        "half done": ["DELETE FROM eval WHERE run_id > 14", "DELETE FROM fit", "DELETE FROM checkpoint WHERE run_id > 14",
                      "DELETE FROM attempt WHERE run_id > 14"],
        "not begun": ["DELETE FROM eval", "DELETE FROM train_loss", "DELETE FROM checkpoint", "DELETE FROM attempt",
                      "DELETE FROM fit"],
        "all diverged": ["UPDATE attempt SET outcome = 'diverged'", "UPDATE eval SET loss_nats = NULL", "DELETE FROM fit"],
        "losses unknown": ["UPDATE eval SET loss_nats = NULL, loss_nats_per_byte = NULL"],
        "one run": ["UPDATE run SET retired = 1 WHERE id > 1", "DELETE FROM fit"],
        "no run": ["UPDATE run SET retired = 1", "DELETE FROM fit"],
        "markup in a message": ["UPDATE attempt SET outcome = 'crashed', message = '</script><b>&'"],
    }
    for name, statements in spoilt.items():
        folder = world.copy(*statements)
        out = folder / "page.html"
        done = world("report", folder, "--out", out)
        equal(f"report, {name}: exit code ({done.stderr.strip()})", done.returncode, 0)
        equal(f"report, {name}: says where", done.stdout, f"{out}\n")
        page = out.read_text() if out.exists() else ""
        check(f"report, {name}: is a page", page.lstrip().lower().startswith("<!doctype html") and "</html>" in page, page[:80])
        data = re.search(r'<script type="application/json" id="crosslaw-data">(.*?)</script>', page, re.DOTALL)
        def no_number(text):
            check(f"report, {name}: holds no {text}", False)
        held = json.loads(data[1] if data else "{}", parse_constant=no_number)
        check(f"report, {name}: holds its data", held != {})
        if name in ("finished", "half done"):
            check(f"report, {name}: names each run", all(run_name in page for run_name in names))
        check(f"report, {name}: no markup from a message", "</script><b>" not in page)
    refused("report into a missing folder", world("report", world.done, "--out", world.work / "none" / "x.html"), 1, "none")


def test_backup(world):
    out = world.work / "backup"
    equal("a backup is made", world("backup", world.done, out).returncode, 0)
    equal("its runs are those of the sweep", rows(out, "SELECT * FROM run_results"), rows(world.done, "SELECT * FROM run_results"))
    again = world("backup", world.done, out)
    refused("a backup overwrites nothing", again, 2, str(out), "is there already")
    before = len(rows(out, "SELECT id FROM attempt"))
    equal("a finished sweep's backup has nothing left to train", world("run", world.spec, "--dir", out).returncode, 0)
    equal("and trains nothing", len(rows(out, "SELECT id FROM attempt")), before)


def test_attempts(world):
    found = json_of("export --attempts --json", world("export", world.done, "--attempts", "--json"))["attempts"]
    table = list(csv.DictReader(io.StringIO(world("export", world.done, "--attempts").stdout)))
    equal("a row an attempt", (len(found), len(table)), (len(rows(world.done, "SELECT id FROM attempt")),) * 2)
    trainer = hashlib.sha256((pathlib.Path(world.crosslaw).parent / "crosslaw-train").read_bytes()).hexdigest()
    for attempt, line in zip(found, table):
        equal("an attempt's run", line["run"], attempt["run"])
        equal("the trainer's hash", attempt["program_sha256"], trainer)
        check("the build", attempt["build"] and "0." in attempt["build"], attempt)
        check("what the data was", re.fullmatch("[0-9a-f]{64}", attempt["data_sha256"]), attempt)
        check("when", re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+Z", attempt["started"]), attempt)
        equal("no GPU", (attempt["gpus"], attempt["gpu_seconds"]), (None, None))
        equal("the trainer's own word is JSON", attempt["provenance"]["device"], "cpu")
    refused("--json alone", world("export", world.done, "--json"), 2, "--attempts")


def test_help(world):
    schema = json_of("help schema --json", world("help", "schema", "--json"))
    for table in schema["tables"]:
        names = [row["name"] for row in rows(world.done, f"SELECT name FROM pragma_table_info('{table['name']}')")]
        equal(f"columns of {table['name']}", sorted(column["name"] for column in table["columns"]), sorted(names))
    check("help schema as text", "view observations: one row" in world("help", "schema").stdout)
    equal("help of a command", world("help", "fit").stdout, world("fit", "--help").stdout)
    refused("help of nothing", world("help", "nothing"), 2, "help nothing")


def test_damaged_database(world):
    """Any command answers any damage with an exit code and a message, never with a signal."""
    whole = (world.copy() / "crosslaw.db").read_bytes()
    draw = random.Random(1)
    commands = (["status"], ["export"], ["coeffs"], ["report"], ["doctor"], ["plan", world.spec, "--dir"])
    folder = world.copy()
    spoilt = [("cut", whole[:length]) for length in (0, 1, 15, 99, 4096, len(whole) // 2, len(whole) - 1)]
    for _ in range(8):
        data = bytearray(whole)
        at = draw.randrange(100, len(data) - 4096)
        data[at : at + 4096] = draw.randbytes(4096)
        spoilt.append((f"4096 bytes at {at}", bytes(data)))
    spoilt.append(("text", b"this is no database\n" * 500))
    for name, data in spoilt:
        for leftover in ("crosslaw.db-wal", "crosslaw.db-shm"):
            (folder / leftover).unlink(missing_ok=True)
        (folder / "crosslaw.db").write_bytes(data)
        for command in commands:
            done = world(*command, folder, errors="replace")
            label = f"{command[0]} of a {name}"
            check(f"{label}: an exit code", done.returncode in (0, 1, 2), f"{done.returncode} {done.stderr}")
            if done.returncode and command[0] != "doctor":
                check(f"{label}: one message", done.stderr.startswith("crosslaw: "), done.stderr)
    check("reading changes no byte", (folder / "crosslaw.db").read_bytes() == spoilt[-1][1])
    (folder / "crosslaw.db").write_bytes(whole[: len(whole) // 2])
    equal("doctor finds a cut database", world("doctor", folder).returncode, 1)


def test_full_disk(world):
    """A sweep that runs out of room ends with a message, loses nothing, and goes on when there is room."""
    folder = world.work / "full"

    def small_disk():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (350_000, 350_000))

    done = subprocess.run([world.crosslaw, "run", world.spec, "--dir", folder], capture_output=True, text=True,
                          preexec_fn=small_disk)
    check("a full disk is a failure", done.returncode == 1, f"{done.returncode} {done.stderr}")
    check("a full disk names the file", "en.train.tokens" in done.stderr and "File too large" in done.stderr, done.stderr)
    again = world("tokenize", world.spec, "--dir", folder)
    equal("with room again it goes on", again.returncode, 0)
    equal("and makes the same shard", (folder / "data" / "en.train.tokens").read_bytes(),
          (world.done / "data" / "en.train.tokens").read_bytes())


def main():
    crosslaw = pathlib.Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory(prefix="crosslaw-commands-") as work:
        world = World(crosslaw, pathlib.Path(work))
        for name, test in [*globals().items(), *vars(data_commands_checks).items()]:
            if name.startswith("test_"):
                test(world)
    if FAILURES:
        sys.exit("FAILED:\n" + "\n".join(FAILURES[:40]) + f"\n{len(FAILURES)} of {len(CHECKS)} checks failed")
    print(f"{len(CHECKS)} checks")


if __name__ == "__main__":
    main()
