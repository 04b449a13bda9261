#!/usr/bin/env python3
"""What crosslaw run refuses before it trains, crosslaw doctor SPEC finds, too; and a spec that can run it calls good.
Nothing is left behind, neither in the sweep's folder nor in the temporary one.

Usage: doctor_test.py CROSSLAW
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

import small_sweep

ROOT = pathlib.Path(__file__).resolve().parents[2]
CORPUS = ROOT / "sweep" / "presets" / "corpus"

# What is wrong, what is replaced in the spec by what, what the finding must say.
FAULTS = [
    ("the training file validates", '"fr.valid.jsonl"', '"fr.train.jsonl"', ["data.language.fr.valid", "not trained on"]),
    ("a copy of the training file validates", '"fr.valid.jsonl"', '"copy.jsonl"', ["the same bytes"]),
    ("a part of the training file validates", '"fr.valid.jsonl"', '"part.jsonl"', ["stands in training text"]),
    ("a misspelt tokenizer", "context", 'tokenizer = "trian:300"\ncontext', ["data.tokenizer", 'did you mean "train:300"']),
    ("a tokenizer that is no file", "context", 'tokenizer = "gpt2"\ncontext', ["data.tokenizer", "gpt2", '"train:32000"']),
    ("a tokenizer that is none", "context", 'tokenizer = "broken.model"\ncontext',
     ["data.tokenizer", "broken.model: not a SentencePiece model", "a tokenizer is"]),
    ("a tokenizer too large", "context", 'tokenizer = "train:512"\ncontext', ["ladder.vocabulary = 256", "512"]),
    ("a document without text", '"fr.valid.jsonl"', '"bad.jsonl"', ["fr: 0 tokens to validate"]),
    ("a parquet file that is none", '"fr.valid.jsonl"', '"bad.parquet"', ["bad.parquet"]),
    ("too little validation text", "valid_tokens = 2048", "valid_tokens = 100000000", ["tokens to validate"]),
    ("a misspelt key", "batch_tokens", "batch_token", ["train.batch_token: unknown key", "batch_tokens"]),
]
# The same, of real text.
FOREIGN = [
    ("French that is validated on English", "fr.train", "en.valid", ["data.language.fr.valid: 100 % of its text"]),
    ("French that is trained on English", "en.train", "fr.valid", ["data.language.fr.train: 100 % of its text"]),
]

failures = []


def stops(crosslaw, spec, *arguments):
    """The sentences that would stop the sweep, but for a trainer that this build may lack."""
    done = subprocess.run([crosslaw, "doctor", spec, "--json", *arguments], capture_output=True, text=True, check=False)
    found = json.loads(done.stdout)["findings"]
    return [each["what"] for each in found if each["level"] == "stop" and "crosslaw-train" not in each["what"]]


def expect(name, crosslaw, spec, words, *arguments):
    found = stops(crosslaw, spec, *arguments)
    good = any(all(word in sentence for word in words) for sentence in found) if words else not found
    if not good:
        failures.append(f"{name}: {words or 'nothing'} expected, found {found}")
    # What doctor stops at tokenize does not make.
    done = subprocess.run([crosslaw, "tokenize", spec, "--dir", spec.parent / "made"], capture_output=True, text=True,
                          check=False)
    if (done.returncode == 0) != (not words):
        failures.append(f"{name}: tokenize ends with {done.returncode}: {done.stderr}")


def make(folder):
    spec = small_sweep.write_small_sweep(folder, ("s", "m"), 80)
    train = (folder / "fr.train.jsonl").read_text().splitlines(keepends=True)
    (folder / "copy.jsonl").write_text("".join(train))
    (folder / "part.jsonl").write_text("".join(train[:40]))
    (folder / "bad.jsonl").write_text('{"words": "none"}\n' * 200)
    (folder / "bad.parquet").write_text("PAR1 no")
    (folder / "broken.model").write_text("no model")
    return spec


def check_foreign(crosslaw, folder):
    text = (folder / "small.toml").read_text().replace("allow_foreign = 1\n", "")
    for language in ("en", "fr"):
        for split in ("train", "valid"):
            text = text.replace(f"{language}.{split}.jsonl", f"{CORPUS / language}.{split}.jsonl.zst")
    spec = folder / "real.toml"
    spec.write_text(text)
    expect("real text", crosslaw, spec, [])
    if "were not guessed" in subprocess.run([crosslaw, "doctor", spec], capture_output=True, text=True,
                                            check=False).stdout:
        print("py3langid is not installed: languages are not guessed")
        return
    for name, train, valid, words in FOREIGN:
        spec.write_text(text.replace(f"{CORPUS / 'fr.train'}", f"{CORPUS / train}")
                        .replace(f"{CORPUS / 'fr.valid'}", f"{CORPUS / valid}"))
        expect(name, crosslaw, spec, words)


def main():
    crosslaw = pathlib.Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory(prefix="crosslaw-doctor-") as work:
        os.environ["TMPDIR"] = str(pathlib.Path(work) / "tmp")
        pathlib.Path(os.environ["TMPDIR"]).mkdir()
        folder = pathlib.Path(work) / "sweep"
        spec = make(folder)
        good = spec.read_text()
        expect("a good spec", crosslaw, spec, [], "--dir", folder / "run")
        if (folder / "run").exists():
            failures.append("doctor made the sweep's folder")
        for name, before, after, words in FAULTS:
            assert before in good, name
            spec.write_text(good.replace(before, after))
            expect(name, crosslaw, spec, words)
        spec.write_text(good)
        (folder / "linked").mkdir()
        (folder / "linked" / "data").symlink_to(folder)
        found = stops(crosslaw, spec, "--dir", folder / "linked")
        if not any("is a link" in sentence for sentence in found):
            failures.append(f"a link in the folder: {found}")
        check_foreign(crosslaw, folder)
        left = list(pathlib.Path(os.environ["TMPDIR"]).iterdir())
        if left:
            failures.append(f"left behind: {left}")
    print("\n".join(failures) or f"{len(FAULTS) + len(FOREIGN) + 3} specs, each called what run calls it")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
