#!/usr/bin/env python3
"""scripts/choices.py: a row of each published set, in its own field names, becomes the question that it asks.

Usage: choices_test.py
"""
import json
import pathlib
import subprocess
import sys
import tempfile

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "scripts/choices.py"
TSV = "language\tgold_label\tsentence1\tsentence2\nen\tneutral\tA cat sits\tIt sleeps\nfr\tcontradiction\tUn chat\tUn chien\n"
CASES = [
    ("xnli", TSV, ["--language", "fr"],
     {"context": "Un chat, correct?", "choices": ["Oui, Un chien", "Aussi, Un chien", "Non, Un chien"], "answer": 2}),
    ("xnli", {"premise": "A cat", "hypothesis": "It sleeps", "label": 0}, [],
     {"context": "A cat, right?", "choices": ["Yes, It sleeps", "Also, It sleeps", "No, It sleeps"], "answer": 0}),
    ("xstorycloze", {"input_sentence_1": "A.", "input_sentence_2": "B.", "input_sentence_3": "C.", "input_sentence_4": "D.",
                     "sentence_quiz1": "E.", "sentence_quiz2": "F.", "answer_right_ending": 2}, [],
     {"context": "A. B. C. D.", "choices": ["E.", "F."], "answer": 1}),
    ("xcopa", {"premise": "Il rubinetto gocciola.", "choice1": "Era rotto.", "choice2": "Era nuovo.", "question": "cause",
               "label": 0}, ["--language", "it"],
     {"context": "Il rubinetto gocciola perché", "choices": ["era rotto.", "era nuovo."], "answer": 0}),
    ("piqa", {"goal": "Open a jar", "sol1": "twist", "sol2": "cry", "label": 0}, [],
     {"context": "Question: Open a jar\nAnswer:", "choices": ["twist", "cry"], "answer": 0}),
    ("hellaswag", {"activity_label": "Running", "ctx_a": "A man runs.", "ctx_b": "he", "label": "1",
                   "endings": ["stops [step] now.", "runs on.", "eats.", "sings."]}, [],
     {"context": "Running: A man runs. He", "choices": ["stops now.", "runs on.", "eats.", "sings."], "answer": 1}),
    ("winogrande", {"sentence": "Ann beat Bea because _ was fast.", "option1": "Ann", "option2": "Bea", "answer": "1"}, [],
     {"context": ["Ann beat Bea because Ann", "Ann beat Bea because Bea"], "choices": ["was fast.", "was fast."], "answer": 0}),
]


def converted(folder, name, rows, *options):
    (folder / "in").write_text(rows if isinstance(rows, str) else json.dumps(rows) + "\n")
    return subprocess.run([sys.executable, SCRIPT, name, folder / "in", *options], capture_output=True, text=True)


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for which, rows, options, expected in CASES:
            done = converted(folder, which, rows, *options)
            assert done.returncode == 0, f"{which}: {done.stderr}"
            assert json.loads(done.stdout) == expected, f"{which}: {done.stdout}"
        (folder / "labels").write_text("1\n")
        unlabelled = {"goal": "g", "sol1": "a", "sol2": "b"}
        done = converted(folder, "piqa", unlabelled, "--labels", folder / "labels")
        assert json.loads(done.stdout)["answer"] == 1
        done = converted(folder, "piqa", unlabelled)
        assert done.returncode == 1 and "row 1 is no question of piqa: KeyError 'label'" in done.stderr, done.stderr
        done = converted(folder, "xnli", TSV, "--language", "de")
        assert done.returncode == 1 and "no question of xnli in de" in done.stderr, done.stderr
    print(f"{len(CASES)} rows of six sets: each the question that it asks")


main()
