#!/usr/bin/env python3
"""A LLaMA made by transformers is continued in a sweep, exported, and loaded by transformers again: logits are equal.

transformers_test.py PYTHON CROSSLAW PRINT_LOGITS, where PYTHON has torch and transformers (scripts/setup.sh).
"""
import array
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

SKIPPED = 77
TOLERANCE = 1e-5  # of logits of order one, in fp32


def with_packages(python):
    """Goes on in the Python that has the packages, or says why not. To import them takes seconds: they are looked for."""
    probe = [python, "-c", "import importlib.util as u; exit(not (u.find_spec('torch') and u.find_spec('transformers')))"]
    if not shutil.which(python) or subprocess.run(probe, capture_output=True).returncode != 0:
        print("skipped: no Python with torch and transformers; scripts/setup.sh installs one")
        sys.exit(SKIPPED)
    if os.environ.get("CROSSLAW_TEST_INSIDE") != "1":
        os.environ.update(CROSSLAW_TEST_INSIDE="1", HF_HUB_OFFLINE="1", TOKENIZERS_PARALLELISM="false")
        os.execv(python, [python, *sys.argv])


with_packages(sys.argv[1])
import torch  # noqa: E402
import transformers  # noqa: E402

CROSSLAW, PRINT_LOGITS = (pathlib.Path(each).resolve() for each in sys.argv[2:4])
torch.manual_seed(5)
torch.set_num_threads(1)
transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()


def made_up_text(letters, seed, documents):
    lines = []
    for _ in range(documents):
        words = []
        for _ in range(60):
            seed = (seed * 1103515245 + 12345) % 2**32
            draw = seed >> 16
            words.append("".join(letters[(draw // 7 + i * (draw % 5)) % len(letters)] for i in range(2 + draw % 4)))
        lines.append(json.dumps({"text": " ".join(words)}))
    return "\n".join(lines) + "\n"


def spec(folder, ladder_row, strategy, vocabulary=256, tied=True, tokenizer="bytes"):
    (folder / "ladder.csv").write_text("name,hidden,ffn,heads,layers,kv_heads,head_dim\n" + ladder_row + "\n")
    for name, letters in (("en", "abcdefgh"), ("fr", "efghijkl")):
        for split, count in (("train", 80), ("valid", 12)):
            (folder / f"{name}.{split}.jsonl").write_text(made_up_text(letters, ord(split[0]) + ord(name[0]), count))
    (folder / "spec.toml").write_text(f"""name = "continued"
[ladder]
file = "ladder.csv"
vocabulary = {vocabulary}
tied_head = {str(tied).lower()}
[budget]
tokens_per_param = [0.2]
[data]
context = 32
valid_tokens = 1024
tokenizer = "{tokenizer}"
[data.language.en]
train = ["en.train.jsonl"]
valid = ["en.valid.jsonl"]
[data.language.fr]
train = ["fr.train.jsonl"]
valid = ["fr.valid.jsonl"]
[train]
peak_learning_rate = 0.01
batch_tokens = 256
[[strategy]]
name = "cpt"
language = "fr"
source_language = "en"
{strategy}
[launch]
devices = "cpu"
""")
    return folder / "spec.toml"


def llama(**changes):
    """With weights and norms that are no initialisation's, so that a lost factor would show."""
    config = dict(vocab_size=256, hidden_size=24, intermediate_size=40, num_hidden_layers=2, num_attention_heads=4,
                  num_key_value_heads=2, tie_word_embeddings=True, rms_norm_eps=3e-5, max_position_embeddings=64)
    model = transformers.LlamaForCausalLM(transformers.LlamaConfig(**{**config, **changes}))
    for name, weight in model.named_parameters():
        torch.nn.init.normal_(weight, 1.0 if "norm" in name else 0.0, 0.2)
    return model.eval()


def crosslaw(*arguments, code=0):
    done = subprocess.run([CROSSLAW, *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == code, f"{arguments}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


def our_logits(config, checkpoint, tokens, folder):
    (folder / "tokens").write_bytes(array.array("q", tokens).tobytes())
    subprocess.run([PRINT_LOGITS, config, checkpoint, folder / "tokens", folder / "logits"], check=True)
    numbers = array.array("f")
    numbers.frombytes((folder / "logits").read_bytes())
    return torch.tensor(numbers).view(len(tokens), -1)


def require_equal_logits(model, config, checkpoint, folder, what):
    tokens = [int(each) for each in torch.randint(0, 256, (48,))]
    with torch.no_grad():
        theirs = model(torch.tensor([tokens])).logits[0]
    ours = our_logits(config, checkpoint, tokens, folder)[:, :theirs.shape[1]]
    scale = max(1.0, float(theirs.abs().max()))
    difference = float((ours - theirs).abs().max())
    assert theirs.std() > 0.1, f"{what}: logits too flat to tell anything"
    assert difference < TOLERANCE * scale, f"{what}: logits differ by {difference} of {scale}"
    print(f"{what}: logits differ by {difference:.1e} of {scale:.2f}")


def continue_export_reload(folder, what, model, dtype, shard, ladder_row, tied):
    model.to(dtype).save_pretrained(folder / "theirs", max_shard_size=shard)
    assert (folder / "theirs/model.safetensors.index.json").exists() == (shard != "1GB")
    # Loaded anew, for casting the model has rounded its rotary frequencies, too.
    model = transformers.AutoModelForCausalLM.from_pretrained(folder / "theirs", dtype=torch.float32).eval()
    text = spec(folder, ladder_row, 'from = "hf:theirs"\nreplay = [0.0, 0.25]', tied=tied)
    crosslaw("run", text, "--dir", folder / "sweep")
    (checkpoint,) = (folder / "sweep/data").glob("start-*")
    configs = sorted((folder / "sweep/runs").glob("*/attempt-1/config.json"))
    assert len(configs) == 2, configs
    require_equal_logits(model, configs[0], checkpoint, folder, f"{what}, imported")
    shares = {len(json.loads(each.read_text())["recipe"]["mixture"]) for each in configs}
    assert shares == {1, 2}, "one run replays English, the other does not"
    crosslaw("export-model", folder / "sweep", "cpt+0.25 s 0.2tpp", folder / "exported")
    (trained,) = [each for each in configs if len(json.loads(each.read_text())["recipe"]["mixture"]) == 2]
    (final,) = trained.parent.glob("checkpoint-*")
    again = transformers.AutoModelForCausalLM.from_pretrained(folder / "exported").eval()
    assert again.dtype == torch.float32
    require_equal_logits(again, trained, final, folder, f"{what}, exported")
    moved = (again.model.layers[0].mlp.up_proj.weight - model.model.layers[0].mlp.up_proj.weight).abs().max()
    assert moved > 1e-3, "training changed nothing"
    card = (folder / "exported/README.md").read_text()
    assert trained.parent.parent.name in card and "hugging-face-" in card, card
    return folder / "exported"


def check_trained_tokenizer(folder):
    """A tokenizer that the sweep trained gives transformers the tokens that the model was trained on."""
    import sentencepiece
    text = spec(folder, "s,24,40,4,2,2,6", "", vocabulary=320, tokenizer="train:320")
    text.write_text(text.read_text().replace('source_language = "en"', ""))
    crosslaw("run", text, "--dir", folder / "sweep")
    crosslaw("export-model", folder / "sweep", "cpt s 0.2tpp", folder / "exported")
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder / "exported")
    ours = sentencepiece.SentencePieceProcessor(model_file=str(folder / "sweep/data/tokenizer.model"))
    texts = [json.loads(line)["text"] for line in (folder / "fr.train.jsonl").read_text().splitlines()]
    for each in [*texts, "  efgh\n\n  é中 12\t x", "", " "]:
        tokens = tokenizer(each, add_special_tokens=False)["input_ids"]
        assert tokens == ours.encode(each), each
        assert tokenizer.decode(tokens) == each, each
    assert tokenizer.eos_token_id == ours.eos_id()
    print("the trained tokenizer: the same tokens in transformers")


def check_both_ways():
    with tempfile.TemporaryDirectory() as name:
        folders = [pathlib.Path(name) / each for each in ("a", "b", "c", "d", "e")]
        for folder in folders:
            folder.mkdir()
        exported = continue_export_reload(folders[0], "grouped, tied, sharded, fp32", llama(), torch.float32, "20KB",
                                          "s,24,40,4,2,2,6", True)
        continue_export_reload(folders[1], "wide heads, own head, theta 5e5, bf16",
                               llama(head_dim=8, tie_word_embeddings=False,
                                     rope_parameters={"rope_type": "default", "rope_theta": 5e5}),
                               torch.bfloat16, "1GB", "s,24,40,4,2,2,8", False)
        continue_export_reload(folders[2], "LLaMA-2's heads, fp16", llama(num_key_value_heads=4), torch.float16, "1GB",
                               "s,24,40,4,2,4,6", True)
        # What was exported is a model to continue like any other, and its tokenizer is the bytes.
        tokenizer = transformers.AutoTokenizer.from_pretrained(exported)
        text = "déjà\n  中文 12"
        assert tokenizer(text, add_special_tokens=False)["input_ids"] == list(text.encode())
        assert tokenizer.decode(list(text.encode())) == text
        check_trained_tokenizer(folders[4])
        crosslaw("plan", spec(folders[3], "s,24,40,4,2,2,6", f'from = "hf:{exported}"'))


def check_choices():
    """Multiple-choice scores are those of transformers, worked out choice by choice, to 1e-4."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        llama().save_pretrained(folder / "theirs")
        questions = [{"context": "efgh ij", "choices": ["kl", "efghijkl", "é"], "answer": 1},
                     {"context": "kl kl", "choices": ["ij", "gh fe"], "answer": 0},
                     {"context": "a context that is longer than the window of the model", "choices": ["x", "yz"],
                      "answer": 1},
                     {"context": ["ef ", "gh"], "choices": ["ij", "ij"], "answer": 0}]
        (folder / "q.jsonl").write_text("".join(json.dumps(each) + "\n" for each in questions))
        text = spec(folder, "s,24,40,4,2,2,6", 'from = "hf:theirs"')
        text.write_text(text.read_text() + '[[choices]]\nname = "q"\nfile = "q.jsonl"\nlanguage = "fr"\n')
        crosslaw("run", text, "--dir", folder / "sweep")
        crosslaw("export-model", folder / "sweep", "cpt s 0.2tpp", folder / "exported")
        model = transformers.AutoModelForCausalLM.from_pretrained(folder / "exported").eval()
        (scores,) = (folder / "sweep/runs").glob("*/attempt-1/choices-q.jsonl")
        correct = [0, 0]
        for question, line in zip(questions, scores.read_text().splitlines(), strict=True):
            theirs = []
            for i, choice in enumerate(question["choices"]):
                context = question["context"] if isinstance(question["context"], str) else question["context"][i]
                stem = context.rstrip()
                whole = stem + (context[len(stem):] or " ") + choice
                ids = [0, *whole.encode()][-33:]
                scored = len(whole.encode()) - len(stem.encode())
                with torch.no_grad():
                    logs = torch.log_softmax(model(torch.tensor([ids[:-1]])).logits[0].double(), -1)
                theirs.append(sum(float(logs[at - 1, ids[at]]) for at in range(len(ids) - scored, len(ids))))
            ours = [each["log_likelihood"] for each in json.loads(line)["choices"]]
            for a, b in zip(ours, theirs, strict=True):
                assert abs(a - b) < 1e-4, f"{question}: {a}, transformers {b}"
            by_byte = [each / len(choice.encode()) for each, choice in zip(theirs, question["choices"], strict=True)]
            for kind, each in enumerate((theirs, by_byte)):
                correct[kind] += each.index(max(each)) == question["answer"]
        (header, row) = crosslaw("export", folder / "sweep", "--choices").splitlines()
        row = dict(zip(header.split(","), row.split(","), strict=True))
        assert (row["questions"], row["correct"], row["correct_by_byte"]) == ("4", *map(str, correct)), row
        assert float(row["accuracy_low"]) < float(row["accuracy"]) < float(row["accuracy_high"]) or correct[0] in (0, 4)
        print(f"choices: {correct} of {len(questions)} right, log-likelihoods as transformers'")


def check_refusals():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        llama().save_pretrained(folder / "theirs", max_shard_size="20KB")
        shards = sorted((folder / "theirs").glob("*.safetensors"))
        run = 0

        def refused(expected, break_it, strategy='from = "hf:broken"', row="s,24,40,4,2,2,6", **changes):
            nonlocal run
            run += 1
            shutil.rmtree(folder / "broken", ignore_errors=True)
            shutil.copytree(folder / "theirs", folder / "broken")
            break_it(folder / "broken")
            said = crosslaw("run", spec(folder, row, strategy, **changes), "--dir", folder / f"r{run}", code=2)
            assert expected in said, f"expected {expected!r} in: {said}"

        def edit(**changes):
            def change(broken):
                config = json.loads((broken / "config.json").read_text())
                (broken / "config.json").write_text(json.dumps({**config, **changes}))
            return change

        def rename_tensor(broken):
            index = broken / "model.safetensors.index.json"
            index.write_text(index.read_text().replace("model.norm.weight", "model.norm.bias"))

        refused("rotary angles are scaled", edit(rope_parameters={"rope_type": "llama3", "rope_theta": 1e4, "factor": 8.0}))
        refused("rotary angles are scaled", edit(rope_scaling={"type": "linear", "factor": 2.0}, rope_parameters=None))
        refused('model_type is "gpt2"', edit(model_type="gpt2"))
        refused("attention_bias is true", edit(attention_bias=True))
        refused("hidden_act is", edit(hidden_act="gelu"))
        refused("has the shape", edit(intermediate_size=44), row="s,24,44,4,2,2,6")
        refused("is missing; config.json promises it", edit(num_hidden_layers=3), row="s,24,40,4,3,2,6")
        refused("add a row: hidden 24, ffn 40, heads 4, layers 2, kv_heads 2, head_dim 6", lambda _: None,
                row="s,24,40,4,2,4,6")
        refused("write ladder.vocabulary = 256", lambda _: None, vocabulary=300)
        refused("write ladder.tied_head = true", lambda _: None, tied=False)
        refused("cannot be read", lambda broken: (broken / shards[0].name).unlink())
        refused("cut off", lambda broken: os.truncate(broken / shards[0].name, shards[0].stat().st_size - 100))
        refused("model.norm.bias is missing", rename_tensor)
        refused("config.json: cannot be read", lambda broken: (broken / "config.json").unlink())
        refused("is no JSON object", lambda broken: (broken / "config.json").write_text("{"))
        # Resized on request, both ways.
        for rows in (300, 256):
            text = spec(folder, "s,24,40,4,2,2,6", 'from = "hf:theirs"\nvocabulary = "resize"', vocabulary=rows)
            crosslaw("run", text, "--dir", folder / f"resized{rows}")
            (config,) = (folder / f"resized{rows}/runs").glob("*/attempt-1/config.json")
            (start,) = (folder / f"resized{rows}/data").glob("start-*")
            model = transformers.AutoModelForCausalLM.from_pretrained(folder / "theirs").eval()
            require_equal_logits(model, config, start, folder, f"resized to {rows}, its own tokens")
    print("refusals: each named its cause")


check_both_ways()
check_choices()
check_refusals()
