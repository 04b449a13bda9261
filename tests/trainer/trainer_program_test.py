#!/usr/bin/env python3
"""crosslaw-train as a program: exit codes, signals, the files it leaves, and what happens when the disk is full.

Usage: trainer_program_test.py CROSSLAW_TRAIN CROSSLAW
"""

import hashlib
import json
import pathlib
import resource
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "apps"))
from small_sweep import run, write_small_sweep  # noqa: E402

FAILURES = []


def check(name, good, detail=""):
    if not good:
        FAILURES.append(f"{name}: {str(detail)[:600]}")


def equal(name, found, expected):
    check(name, found == expected, f"found {str(found)[:250]}, expected {str(expected)[:250]}")


class Workshop:
    def __init__(self, trainer, crosslaw, work):
        self.trainer, self.work, self.attempts = trainer, work, 0
        spec = write_small_sweep(work / "spec")
        done = run(crosslaw, "tokenize", spec, "--dir", work / "sweep")
        if done.returncode:
            sys.exit(f"FAILED: no shards to train on: {done.stderr}")
        shards = {f"{language}.{split}": work / "sweep" / "data" / f"{language}.{split}.tokens"
                  for language in ("en", "fr") for split in ("train", "valid")}
        digest = {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in shards.items()}
        self.config = {
            "version": 1, "key": "not read",
            "recipe": {
                "version": 1,
                "model": {"vocabulary": 256, "hidden": 16, "ffn": 32, "heads": 2, "layers": 1, "tied_head": True,
                          "norm_epsilon": 1e-5, "rope_theta": 10000.0},
                "tokenizer_sha256": "", "context_tokens": 32, "batch_sequences": 4,
                "schedule": {"kind": "wsd", "steps": 40, "warmup_steps": 4, "cooldown_steps": 8,
                             "peak_learning_rate": 0.01},
                "optimizer": {"beta1": 0.9, "beta2": 0.95, "epsilon": 1e-8, "weight_decay": 0.1, "clip_norm": 1.0},
                "precision": "auto",
                "mixture": [{"language": "fr", "share": 1.0, "sha256": digest["fr.train"]}],
                "validation": [{"language": "fr", "sha256": digest["fr.valid"]}],
                "seed": 3, "init": {"std": 0.0}},
            "execution": {
                "token": "t", "device": "cpu", "gpu_uuid": "", "threads": 1,
                "train_shards": {"fr": str(shards["fr.train"])}, "valid_shards": {"fr": str(shards["fr.valid"])},
                "start_checkpoints": [], "parent_checkpoint": "", "choice_files": {}, "evaluation_steps": [5, 20],
                "others_at_ends_only": False, "others_course_tokens": 0, "publish_steps": [10],
                "checkpoint_every_seconds": 600.0, "checkpoint_time_share": 1.0, "micro_batch_sequences": 0, "ranks": 1, "gradient_parts": 0, "deterministic": False,
                "rank_timeout_seconds": 30.0}}

    def attempt(self, text=None, **changes):
        """A fresh attempt folder with its config; `changes` are of the execution or of the schedule."""
        self.attempts += 1
        folder = self.work / f"attempt-{self.attempts}"
        folder.mkdir()
        config = json.loads(json.dumps(self.config))
        for key, value in changes.items():
            (config["execution"] if key in config["execution"] else config["recipe"]["schedule"])[key] = value
        (folder / "config.json").write_text(json.dumps(config) if text is None else text)
        return folder

    def __call__(self, folder, **options):
        return run(self.trainer, folder / "config.json", **options)


def result_of(folder):
    return json.loads((folder / "result.json").read_text())


def metrics_of(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def losses_of(folder):
    found = {}
    for line in metrics_of(folder):
        if line["kind"] == "train":
            found.update({line["first_step"] + i: loss for i, loss in enumerate(line["loss_nats"])})
    return found


def safetensors(path):
    """Names, shapes and data of a safetensors file, read by struct and json."""
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    header.pop("__metadata__")
    return {name: (entry["shape"], data[8 + length + entry["data_offsets"][0] : 8 + length + entry["data_offsets"][1]])
            for name, entry in header.items()}


def test_done(shop):
    folder = shop.attempt()
    done = shop(folder)
    equal("a run that is done: exit code", done.returncode, 0)
    result = result_of(folder)
    equal("its result", [result[key] for key in ("token", "outcome", "message", "step", "start_step", "checkpoint")],
          ["t", "done", "", 40, 0, "checkpoint-00000040"])
    for key in ("host", "torch", "crosslaw", "device", "threads"):
        check(f"its provenance names {key}", key in result["provenance"], result["provenance"])
    lines = metrics_of(folder)
    equal("each step's loss is there once", sorted(losses_of(folder)), list(range(40)))
    equal("validations", [(l["step"], l["end_of_schedule"]) for l in lines if l["kind"] == "eval"],
          [(5, False), (20, False), (40, True)])
    equal("checkpoints", [l["folder"] for l in lines if l["kind"] == "checkpoint"],
          ["checkpoint-00000010", "checkpoint-00000040"])
    equal("folders", sorted(path.name for path in folder.iterdir() if path.is_dir()),
          ["checkpoint-00000010", "checkpoint-00000040"])
    for name, files in (("checkpoint-00000010", 3), ("checkpoint-00000040", 1)):
        state = json.loads((folder / name / "state.json").read_text())
        equal(f"{name}: files", len(state["sha256"]), files)
        for file, digest in state["sha256"].items():
            equal(f"{name}: hash of {file}", hashlib.sha256((folder / name / file).read_bytes()).hexdigest(), digest)
    tensors = safetensors(folder / "checkpoint-00000040" / "model.safetensors")
    equal("Hugging Face's names and shapes", {name: shape for name, (shape, _) in tensors.items()}, {
        "model.embed_tokens.weight": [256, 16], "model.norm.weight": [16],
        **{f"model.layers.0.self_attn.{p}_proj.weight": [16, 16] for p in "qkvo"},
        **{f"model.layers.0.mlp.{p}_proj.weight": [32, 16] for p in ("gate", "up")},
        "model.layers.0.mlp.down_proj.weight": [16, 32],
        "model.layers.0.input_layernorm.weight": [16], "model.layers.0.post_attention_layernorm.weight": [16]})
    return folder


def test_refusals(shop):
    trainer = shop.trainer
    for arguments in ([], ["a", "b"]):
        done = run(trainer, *arguments)
        check(f"{len(arguments)} arguments", done.returncode == 2 and "usage: crosslaw-train" in done.stderr, done)
    done = run(trainer, shop.work / "nowhere.json")
    check("a missing config", done.returncode == 1 and "nowhere.json: cannot be read" in done.stderr, done)
    for name, text in (("cut", json.dumps(shop.config)[:500]), ("empty", ""), ("of another kind", "[1]"),
                       ("newer", json.dumps(dict(shop.config, version=9)))):
        done = shop(shop.attempt(text))
        check(f"a config that is {name}", done.returncode == 1 and "config.json: " in done.stderr, done)
    wrong = shop.attempt(threads=0, steps=2, device="tpu", micro_batch_sequences=-1)
    done = shop(wrong)
    equal("a wrong config: exit code", done.returncode, 2)
    for words in ("threads = 0: must be at least 1", "schedule.steps = 2: must be at least", "device = tpu",
                  "micro_batch_sequences = -1"):
        check(f"a wrong config: {words}", words in done.stderr, done.stderr)
    check("a wrong config leaves no result", not (wrong / "result.json").exists())
    gpu = shop.attempt(device="cuda", gpu_uuid="GPU-nowhere")
    done = shop(gpu)
    check("a GPU that is not there", done.returncode == 1 and result_of(gpu)["outcome"] == "refused", done)
    shard = shop.attempt(train_shards={"fr": str(shop.work / "none.tokens")})
    done = shop(shard)
    check("a shard that is not there", done.returncode == 1 and "none.tokens: cannot be read" in done.stderr, done)


def test_diverged(shop):
    folder = shop.attempt(peak_learning_rate=1e8, steps=300)
    config = json.loads((folder / "config.json").read_text())
    config["recipe"]["optimizer"]["clip_norm"] = 0.0
    (folder / "config.json").write_text(json.dumps(config))
    done = shop(folder)
    equal("divergence is an end like another", done.returncode, 0)
    result = result_of(folder)
    check("divergence is told", result["outcome"] == "diverged" and result["message"].startswith("step "), result)
    check("metrics of a diverged run are JSON without NaN", len(metrics_of(folder)) > 0)


def test_signals(shop):
    """SIGTERM, SIGUSR2 and SIGINT stop with a checkpoint from which the run goes on to the same end."""
    whole = shop.attempt(steps=1000, cooldown_steps=200)
    began = time.monotonic()
    shop(whole)
    seconds = time.monotonic() - began
    for number in (signal.SIGTERM, signal.SIGUSR2, signal.SIGINT):
        folder = shop.attempt(steps=1000, cooldown_steps=200)
        process = subprocess.Popen([shop.trainer, folder / "config.json"], stderr=subprocess.DEVNULL)
        while not (folder / "metrics.jsonl").exists() and process.poll() is None:
            time.sleep(0.01)
        time.sleep(0.3 * seconds)
        process.send_signal(number)
        code = process.wait(timeout=60)
        if code == 0:
            continue  # it was done before the signal came
        equal(f"{number.name}: exit code", code, 75)
        result = result_of(folder)
        equal(f"{number.name}: outcome", result["outcome"], "stopped")
        check(f"{number.name}: the checkpoint is there", (folder / result["checkpoint"] / "state.json").exists(), result)
        again = shop.attempt(steps=1000, cooldown_steps=200, start_checkpoints=[str(folder / result["checkpoint"])])
        equal(f"{number.name}: going on", shop(again).returncode, 0)
        equal(f"{number.name}: goes on where it stopped", result_of(again)["start_step"], result["step"])
        equal(f"{number.name}: no step is missing or twice", {**losses_of(folder), **losses_of(again)}, losses_of(whole))
        last = "checkpoint-00001000/model.safetensors"
        check(f"{number.name}: the same weights", (again / last).read_bytes() == (whole / last).read_bytes())


def test_full_disk(shop):
    """Killed by a full disk at many sizes: a message, no result, no half checkpoint, whole lines of metrics."""
    for size in (100, 1500, 12_000, 24_000):
        folder = shop.attempt()

        def small_disk(size=size):
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

        done = subprocess.run([shop.trainer, folder / "config.json"], capture_output=True, text=True, preexec_fn=small_disk)
        name = f"a disk of {size} bytes"
        check(f"{name}: fails with a message", done.returncode == 1 and done.stderr.startswith("crosslaw-train: "), done)
        check(f"{name}: names what could not be written", str(folder) in done.stderr, done.stderr)
        check(f"{name}: no result", not (folder / "result.json").exists())
        check(f"{name}: nothing half written", not list(folder.glob("*.tmp")), list(folder.iterdir()))
        lines = (folder / "metrics.jsonl").read_text().split("\n")
        for line in lines[:-1]:  # the last one may be cut off
            check(f"{name}: whole lines of metrics", json.loads(line)["kind"] in ("train", "eval", "checkpoint"))


def main():
    trainer, crosslaw = (pathlib.Path(argument).resolve() for argument in sys.argv[1:3])
    with tempfile.TemporaryDirectory(prefix="crosslaw-train-") as work:
        shop = Workshop(trainer, crosslaw, pathlib.Path(work))
        for name, test in list(globals().items()):
            if name.startswith("test_"):
                test(shop)
    if FAILURES:
        sys.exit("FAILED:\n" + "\n".join(FAILURES))


if __name__ == "__main__":
    main()
