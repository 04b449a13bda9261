"""A sweep of two or four sizes on made-up text, written into a folder, and ways to run crosslaw on it."""

import functools
import json
import pathlib
import random
import subprocess

SPEC = """name = "small"
[ladder]
file = "ladder.csv"
vocabulary = 256
tied_head = true
[budget]
tokens_per_param = [4, 8, 16]
[data]
context = 32
valid_tokens = 2048
allow_foreign = 1
[data.language.en]
train = ["en.train.jsonl"]
valid = ["en.valid.jsonl"]
[data.language.fr]
train = ["fr.train.jsonl"]
valid = ["fr.valid.jsonl"]
[train]
schedule = "wsd"
learning_rate_times_hidden = 0.2
warmup_steps_max = 10
batch_tokens = 256
init = "fan_in"
evaluations = 3
checkpoint_every_seconds = 0.3
[[strategy]]
name = "source"
language = "en"
tokens_per_param = [16]
[[strategy]]
name = "scratch"
language = "fr"
[[strategy]]
name = "continued"
language = "fr"
from = "source"
[launch]
devices = "cpu"
cpu_slots = 2
"""


@functools.cache
def made_up_text(letters, seed, split, documents):
    """Words with a rule in them, so that there is something to learn and two languages differ. Training and validation
    text have the same words and no passage in common.
    """
    draw = random.Random(seed)
    words = ["".join(draw.choices(letters, k=draw.randint(2, 6))) for _ in range(60)]
    draw = random.Random(f"{seed} {split}")
    return "".join(
        json.dumps({"text": " ".join(words[min(int(draw.expovariate(0.1)), 59)] for _ in range(300))}) + "\n"
        for _ in range(documents)
    )


SIZES = {"s": "16,32,2,1", "m": "20,48,2,1", "l": "24,64,2,1", "xl": "32,80,2,1"}


def write_small_sweep(folder, sizes=tuple(SIZES), documents=300):
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    rows = "".join(f"{name},{SIZES[name]}\n" for name in sizes)
    (folder / "ladder.csv").write_text(f"name,hidden,ffn,heads,layers\n{rows}")
    for split, documents in (("train", documents), ("valid", 20)):
        (folder / f"en.{split}.jsonl").write_text(made_up_text("abcdefgh", 7, split, documents))
        (folder / f"fr.{split}.jsonl").write_text(made_up_text("efghijkl", 8, split, documents))
    (folder / "small.toml").write_text(SPEC)
    return folder / "small.toml"


def keep_two_sizes(spec):
    """Makes it a sweep of two sizes and one budget, with too few points for a fit: for tests that need only training."""
    text, ladder = spec.read_text(), spec.with_name("ladder.csv")
    assert "[4, 8, 16]" in text, spec
    spec.write_text(text.replace("[4, 8, 16]", "[16]"))
    ladder.write_text("".join(ladder.read_text().splitlines(keepends=True)[:3]))


def write_smallest_sweep(folder):
    """Two sizes and two budgets, ten runs of all kinds: a second or two instead of ten, most of which go into refits of
    laws. Two sizes identify no law, so that none is refitted.
    """
    spec = write_small_sweep(folder, ("s", "xl"), 80)
    spec.write_text(spec.read_text().replace("[4, 8, 16]", "[2, 4]").replace("[16]", "[4]")
                    .replace("checkpoint_every_seconds = 0.3", "checkpoint_every_seconds = 0.05"))
    return spec


def run(program, *arguments, **options):
    """The finished process, its output as text."""
    return subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, **options)
