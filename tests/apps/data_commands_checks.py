"""What sweep_commands_test.py checks of tokenize and doctor."""

import gzip
import hashlib
import json
import os
import pathlib
import shutil
import struct
import subprocess

from small_sweep import run, write_small_sweep
from sweep_world import check, equal, refused, rows


def shard(path):
    """Header and tokens of a token shard, read by struct."""
    data = path.read_bytes()
    magic, version, width, vocabulary, tokens, text_bytes = struct.unpack("<8sIIQQQ", data[:40])
    equal(f"{path.name}: magic", (magic, version), (b"CLTOKENS", 1))
    return vocabulary, text_bytes, list(struct.unpack(f"<{tokens}{'HI'[width == 4]}", data[64:]))


def test_tokenize(world):
    folder = world.work / "tokens"
    done = world("tokenize", world.spec, "--dir", folder)
    equal("tokenize ends well", done.returncode, 0)
    table = [line.split() for line in done.stdout.splitlines()[1:]]
    spec = world.work / "spec"
    for language, split, documents, _, tokens, text_bytes, _, _, _, digest, path in table:
        texts = [json.loads(line)["text"] for line in (spec / f"{language}.{split}.jsonl").read_text().splitlines()]
        expected = [token for text in texts for token in (0, *text.encode())]
        expected = expected[:2049] if split == "valid" else expected
        vocabulary, counted, found = shard(pathlib.Path(path))
        name = f"{language}.{split}"
        equal(f"{name}: vocabulary", vocabulary, 256)
        check(f"{name}: tokens", found == expected, f"{len(found)} for {len(expected)}")
        numbers = (len(expected), expected.count(0), sum(token != 0 for token in expected[1:]))
        equal(f"{name}: numbers", (int(tokens), int(documents), int(text_bytes)), numbers)
        equal(f"{name}: bytes in the header", counted, numbers[2])
        check(f"{name}: hash", hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest().startswith(digest), digest)
    stamps = {path: path.stat().st_mtime_ns for path in (folder / "data").iterdir()}
    again = world("tokenize", world.spec, "--dir", folder)
    equal("tokenize again prints the same", again.stdout, done.stdout)
    equal("tokenize again says nothing", again.stderr, "")
    equal("tokenize again writes nothing", {path: path.stat().st_mtime_ns for path in stamps}, stamps)
    # The same text, compressed by Python, gives the same shards.
    packed = write_small_sweep(world.work / "packed")
    packed.write_text(packed.read_text().replace("en.train.jsonl", "en.train.jsonl.gz"))
    plain = (packed.parent / "en.train.jsonl").read_bytes()
    half = plain.index(b"\n", len(plain) // 2) + 1
    (packed.parent / "en.train.jsonl.gz").write_bytes(gzip.compress(plain[:half]) + gzip.compress(plain[half:]))
    (packed.parent / "en.train.jsonl").unlink()
    world("tokenize", packed, "--dir", world.work / "packed tokens")
    for name in ("en.train.tokens", "fr.valid.tokens"):
        equal(f"packed or plain, {name}", (world.work / "packed tokens" / "data" / name).read_bytes(),
              (folder / "data" / name).read_bytes())
    equal("a sweep takes the shards that tokenize made", (world.done / "data" / "fr.train.tokens").read_bytes(),
          (folder / "data" / "fr.train.tokens").read_bytes())


def test_two_tokenizers(world):
    """One makes the shards; who comes meanwhile is told so, and nobody spoils the other's files."""
    folder, reference = world.work / "three at once", world.work / "tokens" / "data"
    started = [subprocess.Popen([world.crosslaw, "tokenize", world.spec, "--dir", folder], stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True) for _ in range(3)]
    ends = []
    for process in started:
        _, told = process.communicate()
        ends.append(process.returncode)
        if process.returncode:
            check("a second tokenize is told who is at work", process.returncode == 2 and "is at work in" in told, told)
    check("one of them makes the shards", 0 in ends, ends)
    for name in ("en.train.tokens", "en.valid.tokens", "fr.train.tokens", "fr.valid.tokens"):
        equal(f"whole after three at once: {name}", (folder / "data" / name).read_bytes(), (reference / name).read_bytes())


def test_doctor(world):
    good = world("doctor", world.done)
    equal("doctor of a good sweep", good.returncode, 0)
    check("doctor of a good sweep", "crosslaw.db is whole" in good.stdout and "STOP" not in good.stdout, good.stdout)
    folder = world.work / "nowhere"
    done = world("doctor", folder)
    equal(f"doctor of {folder.name}", done.returncode, 1)
    check(f"doctor of {folder.name}", f"STOP  {folder}: is no folder" in done.stdout, done.stdout)
    alone = world.work / "alone"
    alone.mkdir()
    shutil.copy(world.crosslaw, alone / "crosslaw")
    done = run(alone / "crosslaw", "doctor", world.done)
    equal("doctor without a trainer", done.returncode, 1)
    check("doctor without a trainer", f"STOP  {alone}/crosslaw-train: is not there" in done.stdout, done.stdout)
    refused("a sweep without a trainer", run(alone / "crosslaw", "run", world.spec, "--dir", alone / "sweep"), 1,
            "crosslaw-train: is not there")
    machine = world.work / "machine"
    machine.mkdir()
    (machine / "nvidia-smi").write_text("#!/bin/sh\necho GPU-1\necho GPU-2\n")
    (machine / "nvidia-smi").chmod(0o755)
    environment = dict(os.environ, PATH=f"{machine}:{os.environ['PATH']}")
    environment.pop("CUDA_VISIBLE_DEVICES", None)
    check("doctor lists GPUs", "ok    2 GPUs: GPU-1, GPU-2" in world("doctor", env=environment).stdout)
    environment["CUDA_VISIBLE_DEVICES"] = ""
    check("doctor says when none is allowed", "warn  no GPU" in world("doctor", env=environment).stdout)


def test_doctor_of_contradictions(world):
    def found(folder, *arguments):
        return [each["what"] for each in json.loads(world("doctor", folder, "--json", *arguments).stdout)["findings"]]

    check("a good sweep agrees", any("plan agree" in each for each in found(world.done)), found(world.done))
    key = rows(world.done, "SELECT key FROM run LIMIT 1")[0]["key"]
    cases = (
        ("DELETE FROM eval WHERE end_of_schedule AND run_id = 1", "the losses or outcomes of run"),
        ("UPDATE attempt SET log_offset = 1000000000 WHERE run_id = 1", "shorter than what was read"),
        ("UPDATE run SET retired = 1 WHERE id = 3", "not in the database"),
        ("DELETE FROM checkpoint WHERE run_id = 1", ""),
    )
    for sql, words in cases:
        folder = world.copy(sql)
        check(f"doctor finds {words}", any(words in each for each in found(folder)), found(folder))
    folder = world.copy()
    shutil.rmtree(folder / "runs" / key)
    check("doctor finds a run folder that is gone", any("are gone" in each for each in found(folder)), found(folder))
    (folder / "runs" / ("f" * 64)).mkdir()
    check("doctor finds a run folder of somebody else", any("does not know" in each for each in found(folder)), found(folder))
    folder = world.copy("""UPDATE fit SET result = '{"schema":1}'""")
    check("doctor finds a damaged fit", any("stored fit is damaged" in each for each in found(folder)), found(folder))
    check("doctor repairs fits", "the fits were made again" in found(folder, "--repair"))
    check("and then they are whole", any("plan agree" in each for each in found(folder)), found(folder))


def test_doctor_of_a_spec(world):
    """What is wrong is found before anything is started, and only that."""
    def stops(text, *arguments):
        spec = world.spec.with_name("doctored.toml")
        spec.write_text(text)
        done = world("doctor", spec, "--json", *arguments)
        found = json.loads(done.stdout)
        equal("doctor's exit code is that of its findings", done.returncode, int(found["stops"]))
        for finding in found["findings"]:
            check("every stop has a mend", finding["level"] != "stop" or finding["mend"], finding)
        return [f"{finding['what']} {finding['mend']}" for finding in found["findings"] if finding["level"] == "stop"]

    good = world.spec.read_text()
    equal("doctor of a good spec", stops(good), [])
    wrong = (
        ("no text", good.replace("fr.train.jsonl", "gone/*.jsonl"), "gone/*.jsonl"),
        ("too little validation text", good.replace("valid_tokens = 2048", "valid_tokens = 20480000"), "valid_tokens"),
        ("another field", good.replace("[data]", '[data]\ntext_field = "words"'), "words"),
        ("a tokenizer that is not there", good.replace("[data]", '[data]\ntokenizer = "gone.model"'), "gone.model"),
        ("a tokenizer too large", good.replace("[data]", '[data]\ntokenizer = "train:32000"'), "32000"),
        ("no GPU", good.replace('devices = "cpu"', 'devices = "gpu"'), "nvidia-smi"),
        ("a key that nobody knows", good.replace("[data]", "[data]\nwords = 32"), "words"),
        ("no cluster", good.replace("[launch]", '[launch]\nbackend = "slurm"'), "squeue"),
    )
    for name, text, word in wrong:
        found = stops(text)
        check(f"doctor finds {name}", found and word in found[0], found)
    (world.work / "read-only").mkdir(mode=0o500)
    if os.geteuid() != 0:
        check("doctor finds a folder that cannot be written",
              any("not writable" in each for each in stops(good, "--dir", world.work / "read-only")))
