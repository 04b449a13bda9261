#!/usr/bin/env python3
"""Multiple-choice sets as you have them, as JSON lines for [[choices]] of a spec: context, choices, answer.

Usage: choices.py SET FILE [--language LANG] > OUT.jsonl

SET is xnli, xstorycloze, xcopa, piqa, hellaswag or winogrande. FILE holds one JSON object a line, or tab-separated
columns under a header, with the field names of the published sets; piqa takes the labels of its train and dev sets from
--labels FILE, one number a line. Prompts are those of lm-evaluation-harness; a blank stands between context and choice
(the spec's `delimiter`; for Chinese set it to "").
"""
import argparse
import csv
import json
import re
import sys

# "premise, QUESTION? WORD, hypothesis" in each language, WORD for entailment, neutral, contradiction.
XNLI = {
    "ar": ("صحيح", "نعم", "لذا", "رقم"), "bg": ("правилно", "да", "така", "не"), "de": ("richtig", "Ja", "Auch", "Nein"),
    "el": ("σωστός", "Ναί", "Έτσι", "όχι"), "en": ("right", "Yes", "Also", "No"),
    "es": ("correcto", "Sí", "Asi que", "No"), "fr": ("correct", "Oui", "Aussi", "Non"),
    "hi": ("सही", "हाँ", "इसलिए", "नहीं"), "ru": ("правильно", "Да", "Так", "Нет"), "sw": ("sahihi", "Ndiyo", "Hivyo", "Hapana"),
    "th": ("ถูกต้อง", "ใช่", "ดังนั้น", "ไม่"), "tr": ("doğru", "Evet", "Böylece", "Hayır"),
    "ur": ("صحیح", "جی ہاں", "اس لئے", "نہیں"), "vi": ("đúng", "Vâng", "Vì vậy", "Không"), "zh": ("正确", "是的", "所以", "不是的"),
}
XCOPA = {
    "en": ("because", "therefore"), "et": ("sest", "seetõttu"), "ht": ("poukisa", "donk sa"), "id": ("karena", "maka"),
    "it": ("perché", "quindi"), "qu": ("imataq", "chaymi"), "sw": ("kwa sababu", "kwa hiyo"), "ta": ("காரணமாக", "எனவே"),
    "th": ("เพราะ", "ดังนั้น"), "tr": ("çünkü", "bu yüzden"), "vi": ("bởi vì", "vì vậy"), "zh": ("因为", "所以"),
}
LABELS = {"entailment": 0, "neutral": 1, "contradiction": 2, "contradictory": 2}


def xnli(row, language):
    right, *words = XNLI[language]
    premise, hypothesis = row.get("premise", row.get("sentence1")), row.get("hypothesis", row.get("sentence2"))
    label = row.get("label", row.get("gold_label"))
    answer = LABELS[label] if label in LABELS else int(label)
    # The whole sentence is scored, as the choice decides what stands before the hypothesis.
    return {"context": f"{premise}, {right}?", "choices": [f"{word}, {hypothesis}" for word in words], "answer": answer}


def xstorycloze(row, _):
    story = " ".join(row[f"input_sentence_{i}"] for i in range(1, 5))
    return {"context": story, "choices": [row["sentence_quiz1"], row["sentence_quiz2"]],
            "answer": int(row["answer_right_ending"]) - 1}


def xcopa(row, language):
    cause, effect = XCOPA[language]
    joint = cause if row["question"] == "cause" else effect
    choices = [row[name][:1].lower() + row[name][1:] for name in ("choice1", "choice2")]
    return {"context": f"{row['premise'].strip().rstrip('.。')} {joint}", "choices": choices, "answer": int(row["label"])}


def piqa(row, _):
    return {"context": f"Question: {row['goal']}\nAnswer:", "choices": [row["sol1"], row["sol2"]],
            "answer": int(row["label"])}


def hellaswag(row, _):
    def cleaned(text):
        text = re.sub(r"\[.*?\]", "", text.strip().replace(" [title]", ". "))
        return text.replace("  ", " ")
    endings = row["endings"] if isinstance(row["endings"], list) else json.loads(row["endings"])
    second = row["ctx_b"][:1].upper() + row["ctx_b"][1:]
    return {"context": cleaned(f"{row['activity_label']}: {row['ctx_a']} {second}"), "choices": [cleaned(each) for each in endings],
            "answer": int(row["label"])}


def winogrande(row, _):
    # Each option makes a context of its own; what stands behind it is scored (partial evaluation).
    before, after = row["sentence"].split("_", 1)
    return {"context": [before + row["option1"], before + row["option2"]], "choices": [after.strip()] * 2,
            "answer": int(row["answer"]) - 1}


SETS = {each.__name__: each for each in (xnli, xstorycloze, xcopa, piqa, hellaswag, winogrande)}


def rows(path):
    with open(path, encoding="utf-8") as file:
        text = file.read()
    if text.lstrip().startswith("{"):
        return [json.loads(line) for line in text.splitlines() if line.strip()]
    return list(csv.DictReader(text.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("set", choices=sorted(SETS))
    parser.add_argument("file")
    parser.add_argument("--language", default="en", help="two letters; xnli and xcopa need it, and take its rows alone")
    parser.add_argument("--labels", help="one number a line, where the questions have none (piqa)")
    options = parser.parse_args()
    questions = rows(options.file)
    if options.labels:
        with open(options.labels, encoding="utf-8") as file:
            labels = [int(line) for line in file if line.strip()]
        if len(labels) != len(questions):
            sys.exit(f"{options.labels}: {len(labels)} labels for {len(questions)} questions of {options.file}")
        for row, label in zip(questions, labels, strict=True):
            row["label"] = label
    made = 0
    for number, row in enumerate(questions, 1):
        # A file of many languages, as XNLI is published.
        if row.get("language", options.language) != options.language:
            continue
        try:
            question = SETS[options.set](row, options.language)
        except (KeyError, ValueError, TypeError) as error:
            sys.exit(f"{options.file}: row {number} is no question of {options.set}: {type(error).__name__} {error}")
        print(json.dumps(question, ensure_ascii=False))
        made += 1
    if made == 0:
        sys.exit(f"{options.file}: no question of {options.set} in {options.language}")
    print(f"{made} questions", file=sys.stderr)


if __name__ == "__main__":
    main()
