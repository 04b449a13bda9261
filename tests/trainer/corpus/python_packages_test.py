#!/usr/bin/env python3
"""Tokenizers, parquet and token files of others become the shards that they promise, each checked by its own package.

python_packages_test.py PYTHON CROSSLAW, where PYTHON has tokenizers and pyarrow (scripts/setup.sh).
"""
import array
import json
import os
import pathlib
import struct
import shutil
import subprocess
import sys
import tempfile

SKIPPED = 77
TEXTS = ["the river runs to the sea", "déjà vu, 中文 and 😀", "if x:\n    return  y\n", "", "<|endoftext|> is text here",
         "a" * 3000, "über\tgroß\r\n 12345"] * 5


def with_packages(python):
    probe = [python, "-c", "import tokenizers, pyarrow"]
    if not shutil.which(python) or subprocess.run(probe, capture_output=True).returncode != 0:
        print("skipped: no Python with tokenizers and pyarrow; scripts/setup.sh installs one")
        sys.exit(SKIPPED)
    if os.environ.get("CROSSLAW_TEST_INSIDE") != "1":
        os.environ.update(CROSSLAW_TEST_INSIDE="1", CROSSLAW_PYTHON=python)
        os.execv(python, [python, *sys.argv])


with_packages(sys.argv[1])
import pyarrow  # noqa: E402
import pyarrow.parquet  # noqa: E402
import tokenizers  # noqa: E402

CROSSLAW = pathlib.Path(sys.argv[2]).resolve()


def spec(folder, tokenizer, train, valid, vocabulary=5000, more=""):
    (folder / "ladder.csv").write_text("name,hidden,ffn,heads,layers\ns,8,16,2,1\n")
    (folder / "spec.toml").write_text(f"""name = "others"
[ladder]
file = "ladder.csv"
vocabulary = {vocabulary}
[budget]
tokens_per_param = [1]
[data]
context = 8
valid_tokens = 64
tokenizer = "{tokenizer}"
{more}
[data.language.en]
train = ["{train}"]
valid = ["{valid}"]
[train]
peak_learning_rate = 0.01
batch_tokens = 64
[[strategy]]
name = "source"
language = "en"
""")
    return folder / "spec.toml"


def crosslaw(*arguments, code=0, **environment):
    done = subprocess.run([CROSSLAW, *map(str, arguments)], capture_output=True, text=True,
                          env={**os.environ, **environment})
    assert done.returncode == code, f"{arguments}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


def shard_tokens(file):
    data = file.read_bytes()
    assert data[:8] == b"CLTOKENS"
    width, = struct.unpack_from("<I", data, 12)
    text_bytes, = struct.unpack_from("<Q", data, 32)
    tokens = array.array({2: "H", 4: "I"}[width])
    tokens.frombytes(data[64:])
    return list(tokens), text_bytes


def write_texts(folder):
    lines = "".join(json.dumps({"text": text}, ensure_ascii=False) + "\n" for text in TEXTS)
    (folder / "train.jsonl").write_text(lines)
    (folder / "valid.jsonl").write_text(lines + json.dumps({"text": "one more"}) + "\n")


def byte_level(folder):
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE())
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    trainer = tokenizers.trainers.BpeTrainer(vocab_size=400, special_tokens=["<|endoftext|>"], show_progress=False,
                                             initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet())
    tokenizer.train_from_iterator(TEXTS, trainer)
    tokenizer.enable_truncation(4)  # of whoever saved it: it must not shorten a document
    tokenizer.enable_padding(length=50)
    return tokenizer, "<|endoftext|>"


def unigram(folder):
    tokenizer = tokenizers.Tokenizer(tokenizers.models.Unigram())
    tokenizer.normalizer = tokenizers.normalizers.NFKC()
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Metaspace()
    tokenizer.decoder = tokenizers.decoders.Metaspace()
    trainer = tokenizers.trainers.UnigramTrainer(vocab_size=120, special_tokens=["<unk>", "<eot>"], unk_token="<unk>",
                                                 show_progress=False)
    tokenizer.train_from_iterator([text for text in TEXTS if "中" not in text], trainer)
    (folder / "tokenizer_config.json").write_text(json.dumps({"eos_token": {"content": "<eot>"}}))
    return tokenizer, "<eot>"


def check_tokenizer(make, lossless):
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        write_texts(folder)
        tokenizer, end = make(folder)
        tokenizer.save(str(folder / "tokenizer.json"))
        tokenizer.no_truncation()
        tokenizer.no_padding()
        tokenizer.encode_special_tokens = True
        expected = []
        for text in TEXTS:
            expected += [tokenizer.token_to_id(end), *tokenizer.encode(text, add_special_tokens=False).ids]
        text = spec(folder, "tokenizer.json", "train.jsonl", "valid.jsonl", more="max_lost_share = 1.0\nallow_overlap = 1.0")
        said = crosslaw("tokenize", text, "--dir", folder / "sweep")
        tokens, text_bytes = shard_tokens(folder / "sweep/data/en.train.tokens")
        assert tokens == expected, f"{make.__name__}: other tokens than the package's own"
        assert text_bytes == sum(len(text.encode()) for text in TEXTS)
        assert ("tokenized en (train): 35 documents" in said) and (("no byte lost" in said) == lossless), said
        valid, valid_bytes = shard_tokens(folder / "sweep/data/en.valid.tokens")
        assert valid == expected[:65]
        if lossless:
            words = [token for token in valid if token != tokenizer.token_to_id(end)]
            assert valid_bytes == len(tokenizer.decode(words, skip_special_tokens=False).encode())
        else:
            refused = crosslaw("tokenize", spec(folder, "tokenizer.json", "train.jsonl", "valid.jsonl"), "--dir",
                               folder / "sweep", code=2)
            assert "do not come back from their tokens" in refused, refused
    print(f"{make.__name__}: the package's own tokens")


def check_bad_tokenizers():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        write_texts(folder)
        for content, expected in (("{}", "tokenizer.json: cannot be used as a tokenizer"),
                                  ("nonsense", "tokenizer.json: cannot be used as a tokenizer")):
            (folder / "tokenizer.json").write_text(content)
            said = crosslaw("tokenize", spec(folder, "tokenizer.json", "train.jsonl", "valid.jsonl"), "--dir",
                            folder / "sweep", code=2)
            assert expected in said and "Traceback" not in said, said
        bare = folder / "bare-python"
        bare.write_text(f"#!/bin/sh\nexec {sys.executable} -I -S \"$@\"\n")
        bare.chmod(0o755)
        said = crosslaw("tokenize", folder / "spec.toml", "--dir", folder / "sweep", code=2, CROSSLAW_PYTHON=str(bare))
        assert "needs Python's package tokenizers" in said and "pip install tokenizers" in said, said
        said = crosslaw("tokenize", folder / "spec.toml", "--dir", folder / "sweep", code=1, CROSSLAW_PYTHON="/no/python")
        assert "/no/python" in said and "CROSSLAW_PYTHON" in said, said
        said = crosslaw("tokenize", folder / "spec.toml", "--dir", folder / "sweep", code=1, CROSSLAW_PYTHON="false")
        assert "ended too early" in said, said
    print("what is no tokenizer, and no Python, is named")


def check_parquet():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        write_texts(folder)
        for column, kind in (("text", pyarrow.string()), ("body", pyarrow.large_string())):
            table = pyarrow.table({"id": list(range(len(TEXTS))), column: pyarrow.array(TEXTS, kind)})
            pyarrow.parquet.write_table(table, folder / f"{column}.parquet", row_group_size=4, compression="zstd")
        crosslaw("tokenize", spec(folder, "bytes", "train.jsonl", "valid.jsonl"), "--dir", folder / "plain")
        expected = (folder / "plain/data/en.train.tokens").read_bytes()
        for column in ("text", "body"):
            (folder / "valid.jsonl").write_text("".join(json.dumps({column: text + "."}) + "\n" for text in TEXTS))
            more = f'text_field = "{column}"'
            crosslaw("tokenize", spec(folder, "bytes", f"{column}.parquet", "valid.jsonl", more=more), "--dir",
                     folder / f"from-{column}")
            assert (folder / f"from-{column}/data/en.train.tokens").read_bytes() == expected
        write_texts(folder)

        def refused(file, expected):
            said = crosslaw("tokenize", spec(folder, "bytes", file, "valid.jsonl"), "--dir", folder / "bad", code=2)
            assert expected in said and "Traceback" not in said, said

        refused("body.parquet", 'there is no column "text"; its columns are id, body')
        table = pyarrow.table({"text": [1, 2]})
        pyarrow.parquet.write_table(table, folder / "numbers.parquet")
        refused("numbers.parquet", 'column "text" holds int64, text was expected')
        pyarrow.parquet.write_table(pyarrow.table({"text": ["a", None, "b\0c", "d"]}), folder / "holes.parquet")
        refused("holes.parquet", "2 of the documents cannot be used")
        (folder / "broken.parquet").write_bytes((folder / "text.parquet").read_bytes()[:-20])
        refused("broken.parquet", "broken.parquet: ")
    print("parquet: the same shards as the same texts as .jsonl")


def check_token_files():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        tokens = [(i * 7919) % 500 for i in range(1000)]
        small, large = array.array("H", tokens).tobytes(), array.array("I", tokens).tobytes()
        header = array.array("i", [20240520, 1, len(tokens)] + [0] * 253).tobytes()
        header3 = array.array("i", [20240801, 7, len(tokens)] + [0] * 253).tobytes()
        (folder / "nano.bin").write_bytes(small)
        (folder / "gpt2.bin").write_bytes(header + small)
        (folder / "llama3.bin").write_bytes(header3 + large)
        (folder / "mega.bin").write_bytes(small)
        (folder / "mega.idx").write_bytes(b"MMIDIDX\0\0" + struct.pack("<QBQQ", 1, 8, 2, 3) +
                                          struct.pack("<ii", 600, 400) + struct.pack("<qq", 0, 1200) +
                                          struct.pack("<qqq", 0, 1, 2))
        (folder / "valid.bin").write_bytes(small[200:])
        for file in ("nano", "gpt2", "llama3", "mega"):
            crosslaw("tokenize", spec(folder, "tokens:500", f"{file}.bin", "valid.bin"), "--dir", folder / file)
            assert shard_tokens(folder / f"{file}/data/en.train.tokens") == (tokens, 0)
        said = crosslaw("tokenize", spec(folder, "tokens:400", "nano.bin", "valid.bin"), "--dir", folder / "low", code=2)
        assert "is outside the vocabulary of 400" in said, said
        crosslaw("run", spec(folder, "tokens:500", "nano.bin", "valid.bin", vocabulary=500), "--dir", folder / "run")
        (metrics,) = (folder / "run/runs").glob("*/attempt-1/metrics.jsonl")
        losses = [json.loads(line) for line in metrics.read_text().splitlines() if '"eval"' in line]
        assert losses and all(each["loss_nats"] > 0 and each["loss_nats_per_byte"] is None for each in losses)
    print("token files: trained on as they are")


check_tokenizer(byte_level, True)
check_tokenizer(unigram, False)
check_bad_tokenizers()
check_parquet()
check_token_files()
