#!/usr/bin/env python3
"""Files as people have them: the same twenty models written in many ways must give the same fit without a flag, or be
refused with the flag that settles it.

Usage: data_files_test.py CROSSLAW
"""

import gzip
import json
import math
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile

E, A, ALPHA, B, BETA = 1.69, 406.4, 0.34, 410.7, 0.28
QUICK = ["--bootstrap", "0", "--starts", "8"]
failures = []


def models():
    """N, D and loss of twenty models, with a little noise."""
    source = random.Random(3)
    for n in (53e6, 125e6, 350e6, 760e6, 1.3e9):
        for ratio in (5, 10, 20, 40):
            d = n * ratio
            yield n, d, (E + A / n**ALPHA + B / d**BETA) * math.exp(0.002 * source.gauss(0, 1))


MODELS = list(models())


def table(header, row, separator=","):
    return header + "\n" + "".join(separator.join(map(str, row(*each))) + "\n" for each in MODELS)


def german(value, form):
    return format(value, form).translate(str.maketrans(",.", ".,"))


def wide_export():
    """As W&B saves a line plot: a column a run and metric, with its band."""
    names = [f"d{i}-{n / 1e6:g}M-{d / 1e6:g}M" for i, (n, d, _) in enumerate(MODELS)]
    columns = [f'"{name} - eval/loss{band}"' for name in names for band in ("", "__MIN", "__MAX")]
    lines = ['"Step",' + ",".join(columns)]
    for step, factor in ((100, 1.5), (200, 1)):
        lines.append(f"{step}," + ",".join(f"{loss * factor}" for *_, loss in MODELS for _ in range(3)))
    return "\n".join(lines) + "\n"


def objects(**keys):
    return [{name: value(n, d, loss) for name, value in keys.items()} for n, d, loss in MODELS]


ROWS = objects(N=lambda n, d, loss: n, D=lambda n, d, loss: d, loss=lambda n, d, loss: loss)

# Name of the file, its text, what stderr must say.
SAME = [
    ("units.csv", table("Params (M),Tokens (B),val_loss", lambda n, d, loss: (n / 1e6, d / 1e9, loss)), ["times 1e+06"]),
    ("suffixes.csv", table("n_params_m,tokens_b,final_loss", lambda n, d, loss: (n / 1e6, d / 1e9, loss)), ["'tokens_b'"]),
    ("written.csv", table("size,tokens,eval/loss", lambda n, d, loss: (f"{n / 1e6:g}M", f'"{d:,.0f}"', loss)), ["N = 'size'"]),
    ("german.csv", "sep=;\n" + table("N;D;loss", lambda n, d, loss: (german(n, ",.0f"), german(d, ",.0f"), german(loss, "")), ";"),
     ["decimal comma"]),
    ("seeds.csv", table("n,params,tokens,loss", lambda n, d, loss: (5, n, d, loss)), ["'n' goes from 5 to 5"]),
    ("plans.csv", table("params,total_tokens,tokens_now,loss", lambda n, d, loss: (n, 9e11, d, loss)), ["D = 'tokens_now'"]),
    ("words.csv", table("params,warmup_tokens,trained_tokens,router_loss,initial_loss,loss_pinterest",
                        lambda n, d, loss: (n, 1e6, d, 0.8, 11, loss)), ["D = 'trained_tokens'", "loss = 'loss_pinterest'"]),
    ("perplexity.csv", table("params,tokens,val_ppl", lambda n, d, loss: (n, d, math.exp(loss))), ["logarithm of perplexity"]),
    ("bits.csv", table("params,tokens,loss (bits)", lambda n, d, loss: (n, d, loss / math.log(2))), ["bits times ln 2"]),
    ("ratio.csv", table("params,tokens_per_param,loss", lambda n, d, loss: (n, d / n, loss)), ["D = N times"]),
    ("compute.csv", table("N,C (PFLOPs),loss", lambda n, d, loss: (n, 6 * n * d / 1e15, loss)), ["D = C/(6N)"]),
    ("runs.csv", table("Name,config.n_params,summary.total_tokens,summary.eval/loss", lambda n, d, loss: ("r", n, d, loss)), ["'summary.eval/loss'"]),
    ("index.csv", ",N,D,loss\n" + "".join(f"{i},{n},{d},{loss}\n" for i, (n, d, loss) in enumerate(MODELS)), []),
    ("totals.csv", table("N,D,loss", lambda *row: row) + "mean,1e9,3\n", ["'mean' in the first column"]),
    ("trailing.csv", table("N,D,loss", lambda *row: row).rstrip("\n") + ",\n", ["line 21", "trailing separator"]),
    ("copies.csv", table("N,D,loss", lambda *row: row) + ",".join(map(str, MODELS[3])) + "\n", ["line 22", "counted once"]),
    ("comments.csv", "# made by hand\n" + table("N,D,loss", lambda *row: row), ["1 lines of comment"]),
    ("numpy.txt", "# " + table("N D loss", lambda *row: row, " "), []),
    ("title.csv", "Results of spring\n\n" + table("N,D,loss", lambda *row: row), ["the header is line 3"]),
    ("two_headers.csv", "model,data,eval\n" + table("N,D,loss", lambda *row: row), ["the header is line 2"]),
    ("row_of_units.csv", table("model size;tokens;loss", lambda n, d, loss: (n / 1e6, d / 1e9, loss), ";")
     .replace("\n", "\nM;B;nats\n", 1), ["line 2: units", "as the row of units says"]),
    ("row_of_units.tsv", table("params\ttokens\tloss", lambda n, d, loss: (n / 1e6, d / 1e9, loss), "\t")
     .replace("\n", "\n(millions)\t(billions)\t\n", 1), ["line 2: units"]),
    ("printed.txt", "".join(f"{i - 1:>3} {row}\n" if i else f"    {row}\n" for i, row in enumerate(
        table("N D loss", lambda *row: row, "  ").splitlines())), ["taken for the row's own"]),
    ("excel_unicode.txt", table("N\tD\tloss", lambda *row: row, "\t").encode("utf-16"), ["UTF-16"]),
    ("powershell.csv", table("N,D,loss", lambda *row: row).replace("\n", "\r\n").encode("utf-16-be"), ["UTF-16"]),
    ("swiss.csv", table("N;D;loss", lambda n, d, loss: (f"{n:,.0f}".replace(",", "\u2019"), d, loss), ";"), []),
    ("logarithms.csv", table("log10_params,log10(tokens),loss", lambda n, d, loss: (math.log10(n), math.log10(d), loss)),
     ["N = 10 to the power of 'log10_params'"]),
    ("ln.csv", table("ln N,ln D,ln loss", lambda *row: map(math.log, row)), ["e to the power"]),
    ("compute_and_tokens.csv", table("C,D,loss", lambda n, d, loss: (6 * n * d, d, loss)), ["N = C/(6D)"]),
    ("tokens_and_ratio.csv", table("tokens,tokens/param,loss", lambda n, d, loss: (d, d / n, loss)), ["N = D divided by"]),
    ("tok_per_param.csv", table("N,tok_per_param,loss", lambda n, d, loss: (n, d / n, loss)), ["D = N times"]),
    ("nested.json", json.dumps([{"model": {"N": n}, "train": {"D": d}, "eval": {"loss": loss}} for n, d, loss in MODELS]),
     ["'model.N'"]),
    ("psql.txt", "   N   |   D   | loss\n-------+-------+------\n" + "".join(f" {n} | {d} | {loss}\n" for n, d, loss in MODELS) + "(20 rows)\n", []),
    ("grid.txt", "+---+---+---+\n| N | D | loss |\n+===+===+===+\n" + "".join(
        f"| {n} | {d} | {loss} |\n+---+---+---+\n" for n, d, loss in MODELS), []),
    ("train_and_val.csv", table("N,D,final train loss,val loss @ end", lambda n, d, loss: (n, d, 0.9 * loss, loss)),
     ["loss = 'val loss @ end'"]),
    ("packed.csv", gzip.compress(table("N,D,loss", lambda *row: row).encode()), []),
    ("unpacked.csv.gz", table("N,D,loss", lambda *row: row), []),
    ("table.md", "Results\n\n| params | tokens | loss |\n|---|--:|:-:|\n" + "".join(
        f"| {n / 1e6:g}M | {d / 1e9:g}B | **{loss}** |\n" for n, d, loss in MODELS), []),
    ("wide.csv", wide_export(), ["line plot of 20 runs"]),
    ("records.json", json.dumps(ROWS), []),
    ("lines.jsonl", "".join(json.dumps(row) + "\n" for row in ROWS), []),
    ("keyed.json", json.dumps({f"run {i:02}": row for i, row in enumerate(ROWS)}), []),
    ("columns.json", json.dumps({name: {str(i): row[name] for i, row in enumerate(ROWS)} for name in ROWS[0]}), []),
    ("lists.json", json.dumps({name: [row[name] for row in ROWS] for name in ROWS[0]}), []),
    ("split.json", json.dumps({"columns": list(ROWS[0]), "index": list(range(20)), "data": [list(r.values()) for r in ROWS]}), []),
    ("schema.json", json.dumps({"schema": {"fields": []}, "data": ROWS}), []),
    ("wandb.json", json.dumps([{"config": {"n_params": {"value": n}}, "summary": {"tokens": d, "val/loss": loss}}
                               for n, d, loss in MODELS]), ["'config.n_params'"]),
]

# What is another kind of file, and a word of how to get at its table.
NO_TABLE = [
    ("page.csv", b"<!DOCTYPE html>\n<html><body>404</body></html>", "web page"),
    ("lfs.csv", b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n", "git lfs pull"),
    ("frame.pkl", b"\x80\x04\x95\x8a\x02\x00\x00", "read_pickle"),
    ("array.npy", b"\x93NUMPY\x01\x00v\x00{'descr'", "header such as N,D,loss"),
    ("table.tex", b"\\begin{tabular}{ccc}\nN & D & loss \\\\\n", "LaTeX"),
    ("runs.yaml", b"- N: 1e8\n  D: 2e9\n  loss: 3\n", "YAML"),
    ("old.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "read_excel"),
    ("paper.pdf", b"%PDF-1.7\n", "PDF"),
]

# Name, text, flags that are refused with these words, and flags that settle it ("": none does).
REFUSED = [
    ("millions.csv", table("params,tokens,loss", lambda n, d, loss: (n / 1e6, d, loss)), ["--params-unit M"], ["--params-unit", "M"]),
    ("both.csv", table("N,D,loss", lambda n, d, loss: (n / 1e6, d / 1e9, loss)), ["--params-unit M", "--tokens-unit B"],
     ["--params-unit", "M", "--tokens-unit", "B"]),
    ("thousands.csv", table("N,D,loss", lambda n, d, loss: (n, d / 1e3, loss)), ["tokens a parameter"], ["--tokens-unit", "K"]),
    ("ratios.csv", table("N,D,loss", lambda n, d, loss: (n, d / n, loss)), ["per-param"], ["--tokens-unit", "per-param"]),
    ("ppl.csv", table("N,D,loss", lambda n, d, loss: (n, d, math.exp(loss))), ["perplexity", "--loss-unit ppl"], ["--loss-unit", "ppl"]),
    ("gaps.csv", table("N,D,loss", lambda *row: row) + "1e8,2e9,\n1e8,nan,3\n", ["line 22", "--drop-missing", "2 of 22"], ["--drop-missing"]),
    ("nan.json", json.dumps([*ROWS, {"N": 1e8, "D": math.nan, "loss": math.inf}]), ["row 21", "--drop-missing"], ["--drop-missing"]),
    ("logs.csv", table("N,D,loss", lambda n, d, loss: (math.log10(n), math.log10(d), loss)), ["--params-unit log10"],
     ["--params-unit", "log10", "--tokens-unit", "log10"]),
    ("one_gpu.csv", table("N,flops,loss", lambda n, d, loss: (n, 6 * n * d / 1e3, loss)), ["what one GPU"], ["--flops-unit", "K"]),
    ("steps.csv", table("params,steps,batch_size,seq_len,loss", lambda n, d, loss: (n, d / 2**18, 128, 2048, loss)),
     ["--tokens 'steps' --tokens-unit 262144 (batch_size x seq_len)"], ["--tokens", "steps", "--tokens-unit", "262144"]),
    ("log_n.csv", table("log_params,D,loss", lambda n, d, loss: (math.log(n), d, loss)), ["to which base"], ["--params-unit", "ln"]),
    ("log_loss.csv", table("N,D,log_loss", lambda n, d, loss: (n, d, loss)), ["cross entropy is called log loss"],
     ["--loss", "log_loss"]),
    ("days.csv", table("N,C,loss", lambda n, d, loss: (n, 6 * n * d / 1e18, loss)), ["--flops-unit EFLOPs"], ["--flops-unit", "EFLOPs"]),
    ("errors.csv", table("N,D,loss", lambda *row: row) + "#DIV/0!,2e9,3\n1e8,#REF!,#N/A\n", ["line 22", "2 of 22"], ["--drop-missing"]),
    ("losses.csv", table("N,D,c4_loss,pile_loss", lambda n, d, loss: (n, d, loss, loss)), ["c4_loss, pile_loss"], ["--loss", "c4_loss"]),
    ("diverged.csv", table("N,D,loss", lambda *row: row) + "1e8,2e9,nan\n", ["line 22"], ["--where", "loss!=nan"]),
]


def run(crosslaw, *arguments, **more):
    return subprocess.run([crosslaw, *map(str, arguments)], capture_output=True, text=True, check=False, **more)


def coefficients(done):
    return {name: each["value"] for name, each in json.loads(done.stdout)["coefficients"].items()}


def expect_same(name, done, truth, words=()):
    missing = [word for word in words if word not in done.stderr]
    if done.returncode or missing:
        failures.append(f"{name}: exit code {done.returncode}, {missing} missing in: {done.stderr.strip()}")
        return
    found = coefficients(done)
    # Table cells that are rounded (millions with six digits) move coefficients in the sixth digit.
    off = max(abs(found[each] / truth[each] - 1) for each in truth)
    if off > 1e-4:
        failures.append(f"{name}: coefficients off by {off:.2g}: {found}")


def step_law(source):
    """17 pairs of N and D, each with eleven learning rates and ten batch sizes around their best."""
    pairs = [(n, n * ratio) for n in (6e7, 1.2e8, 2.1e8, 4.3e8, 5.4e8, 1.07e9) for ratio in (9, 18, 50)][:17]
    yield "N,D,lr,bs,smooth loss"
    for n, d in pairs:
        best = E + A / n**ALPHA + B / d**BETA
        for i in range(11):
            for j in range(10):
                off = 0.008 * (i - 5 - source.gauss(0, 0.2)) ** 2 + 0.003 * (j - 4 - source.gauss(0, 0.2)) ** 2
                noise = 0.0005 * source.gauss(0, 1)
                yield f"{n:.0f},{d:.0f},{2.0 ** (i - 14)},{32 * 2**j},{best * math.exp(off + noise):.6f}"


def check_step_law(crosslaw, work):
    path = work / "step_law.csv"
    path.write_text("\n".join(step_law(random.Random(5))) + "\n")
    done = run(crosslaw, "fit", path, *QUICK)
    missing = [word for word in ("17 pairs of N and D", "lr, bs vary", "--best-of N,D") if word not in done.stderr]
    if done.returncode or missing:
        failures.append(f"step law: exit code {done.returncode}, {missing} missing in: {done.stderr.strip()}")
    best = run(crosslaw, "fit", path, "--best-of", "N,D", "--json", "--bootstrap", "400")
    if best.returncode or "17 pairs" in best.stderr or "17 points of 1870 rows" not in best.stderr:
        failures.append(f"step law, --best-of: exit code {best.returncode}: {best.stderr.strip()}")
        return
    fit = json.loads(best.stdout)
    for name, truth in (("E", E), ("alpha", ALPHA), ("beta", BETA)):
        low, high = fit["coefficients"][name]["ci95"]
        if not low <= truth <= high:
            failures.append(f"step law, --best-of: {name} = {truth} is outside [{low}, {high}]")


def check_sources(crosslaw, work, truth):
    """One table by name, by --data, on standard input."""
    path = work / "plain.csv"
    text = path.read_text()
    expect_same("--data", run(crosslaw, "fit", "--data", path, "--json", *QUICK), truth)
    expect_same("standard input", run(crosslaw, "fit", "-", "--json", *QUICK, input=text), truth)
    (work / "plain").write_text(text)
    expect_same("a file without an ending", run(crosslaw, "fit", work / "plain", "--json", *QUICK), truth)
    allocation = run(crosslaw, "allocate", path, "--flops", "1e20..1e22x3", "--max-params", "7B", "--bootstrap", "0", "--json")
    if allocation.returncode or [row["flops"] for row in json.loads(allocation.stdout)["rows"]] != [1e20, 1e21, 1e22]:
        failures.append(f"allocate by a file: {allocation.stderr}")
    for command in (["fit", path, *QUICK], ["allocate", path, "--flops", "1e21", "--bootstrap", "0"],
                    ["fit", path, "--predict", "7B:140B", *QUICK]):
        done = run(crosslaw, *command)
        if "nats" not in done.stdout:
            failures.append(f"{command[0]}: the unit of the loss is not in the output: {done.stdout}")


def check_compressed(crosslaw, work, truth):
    text = (work / "plain.csv").read_bytes()
    (work / "plain.csv.gz").write_bytes(gzip.compress(text))
    expect_same("gzip", run(crosslaw, "fit", work / "plain.csv.gz", "--json", *QUICK), truth)
    if shutil.which("zstd"):
        subprocess.run(["zstd", "-q", "-f", work / "plain.csv", "-o", work / "plain.csv.zst"], check=True)
        expect_same("zstd", run(crosslaw, "fit", work / "plain.csv.zst", "--json", *QUICK), truth)
    (work / "cut.csv.gz").write_bytes(gzip.compress(text)[:-9])
    cut = run(crosslaw, "fit", work / "cut.csv.gz")
    if cut.returncode != 2 or "cut.csv.gz" not in cut.stderr:
        failures.append(f"a cut gzip file: exit code {cut.returncode}: {cut.stderr}")


def check_doubts(crosslaw, work):
    plain = table("N,D,loss", lambda *row: row)
    for name, text, words in [
        ("wild.csv", plain + "1e8,1e9,10.83\n2e8,2e9,10.83\n", ["lines 22, 23", "--where 'loss<10.83'"]),
        ("rounded.csv", table("N,D,loss", lambda n, d, loss: (n, d, f"{loss:.1f}")), ["rounded to 0.1"]),
        ("log_loss.csv", table("N,D,loss", lambda n, d, loss: (n, d, math.log(loss))), ["--loss-unit ln"]),
        ("states.csv", table("N,D,loss,State", lambda *row: (*row, "finished")) + "1e8,2e9,9,crashed\n",
         ["line 22: 'State' is crashed", "--where 'State=finished'"]),
        ("accuracy.csv", table("N,D,loss", lambda n, d, loss: (n, d, 1 / loss)), ["rises with compute"]),
    ]:
        (work / name).write_text(text)
        done = run(crosslaw, "fit", work / name, *QUICK)
        missing = [word for word in words if word not in done.stderr]
        if done.returncode or missing:
            failures.append(f"{name}: exit code {done.returncode}, {missing} missing in: {done.stderr.strip()}")
    listed = run(crosslaw, "fit", work / "wild.csv", "--influence", *QUICK)
    if "lines 22, 23" not in listed.stdout:
        failures.append(f"--influence does not list rows far off: {listed.stdout}")


def main():
    crosslaw = pathlib.Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)
        (work / "plain.csv").write_text(table("N,D,loss", lambda *row: row))
        truth = coefficients(run(crosslaw, "fit", work / "plain.csv", "--json", *QUICK))
        for name, text, words in SAME:
            (work / name).write_bytes(text if isinstance(text, bytes) else text.encode())
            expect_same(name, run(crosslaw, "fit", work / name, "--json", *QUICK), truth, words)
        for name, text, words, flags in REFUSED:
            (work / name).write_text(text)
            done = run(crosslaw, "fit", work / name, "--json", *QUICK)
            missing = [word for word in words if word not in done.stderr]
            if done.returncode != 2 or done.stdout or missing:
                failures.append(f"{name}: exit code {done.returncode}, {missing} missing in: {done.stderr.strip()}")
            expect_same(f"{name} {' '.join(flags)}", run(crosslaw, "fit", work / name, *flags, "--json", *QUICK), truth)
        for name, content, word in NO_TABLE:
            (work / name).write_bytes(content)
            done = run(crosslaw, "fit", work / name)
            if done.returncode != 2 or word not in done.stderr or name not in done.stderr:
                failures.append(f"{name}: exit code {done.returncode}: {done.stderr.strip()}")
        check_sources(crosslaw, work, truth)
        check_compressed(crosslaw, work, truth)
        check_doubts(crosslaw, work)
        check_step_law(crosslaw, work)
    if failures:
        sys.exit("FAILED:\n" + "\n".join(failures))
    print(f"{len(SAME)} ways to write one table, {len(REFUSED)} refusals with the flag that settles them")


if __name__ == "__main__":
    main()
