#!/usr/bin/env python3
"""Opens report pages in headless Chromium, looks at what they became, and compares what is drawn with
what crosslaw export writes.

Usage: report_browser_test.py CROSSLAW RENDERER PLANTER [--keep DIR]
PLANTER writes the folder of a sweep with planted losses; RENDERER turns the JSON of a report on
standard input into the page on standard output. --keep writes the page and pictures of it into DIR.
"""

import argparse
import copy
import csv
import functools
import io
import json
import math
import pathlib
import shutil
import subprocess
import sys
import tempfile

from headless_browser import Browser, Page

FIGURES = ["loss", "savings", "contours", "coefficients", "residuals", "forgetting"]
# Processor time until all is drawn: about 3 s where it was measured; a guard against a page gone wild.
MOST_WORK_SECONDS = 10


def complaints(page, figures=FIGURES):
    """Everything wrong with an opened page, as sentences. An empty list is a good page."""
    found = []
    status = page.status()
    if status is None:
        found.append("the page never reported that it finished")
        status = {"rendered": [], "missing": {}, "errors": [], "readable": 0, "milliseconds": 0}
    found += [f"error in the page: {error}" for error in status["errors"]]
    if sorted(status["rendered"]) != sorted(figures):
        found.append(f"figures drawn: {sorted(status['rendered'])}, expected: {sorted(figures)}")
    marks = (
        "[...document.querySelectorAll('#plot-%s .scatterlayer path, #plot-%s .contourlayer path')]"
        ".filter(e => e.getAttribute('d')?.length > 4).length"
    )
    for figure in figures:
        if not page.value(marks % (figure, figure)):
            found.append(f"figure {figure} is empty")
    for figure in set(FIGURES) - set(figures):
        # Hidden where nothing was run: then the last section says so by the section's name.
        said = (
            f"document.querySelector('#plot-{figure}.missing p')?.textContent.length > 20 || (section => section.hidden &&"
            " document.getElementById('not-shown').textContent.includes(section.dataset.nav + ' ('))"
            f"(document.getElementById('plot-{figure}').closest('section'))"
        )
        if not page.value(said):
            found.append(f"figure {figure} is absent without a word")
    asked = [e["request"]["url"] for e in page.events("Network.requestWillBeSent")]
    found += [f"the page asked for {url[:80]}" for url in asked if not url.startswith(("file:", "data:", "blob:"))]
    found += [f"exception: {e['exceptionDetails'].get('text')}" for e in page.events("Runtime.exceptionThrown")]
    found += [
        f"console: {e['args'][0].get('value')}"
        for e in page.events("Runtime.consoleAPICalled")
        if e["type"] in ("error", "warning", "assert")
    ]
    found += [
        f"log: {e['entry']['text']}"
        for e in page.events("Log.entryAdded")
        if e["entry"]["level"] in ("error", "warning")
    ]
    words = page.value("document.body.innerText")
    found += [f"the page shows “{bad}”" for bad in ("undefined", "NaN", "[object", "Infinity") if bad in words]
    return found


class Checks:
    def __init__(self, browser, renderer, folder):
        self.browser, self.renderer, self.folder = browser, renderer, pathlib.Path(folder)
        self.failures = 0

    def render(self, name, data):
        page = subprocess.run(
            [self.renderer], input=json.dumps(data).encode(), stdout=subprocess.PIPE, check=True
        ).stdout
        file = self.folder / f"{name}.html"
        file.write_bytes(page)
        return file

    def expect(self, what, wrong):
        print(f"{'FAILED' if wrong else 'ok'}: {what}" + "".join(f"\n    {line}" for line in wrong), flush=True)
        self.failures += bool(wrong)

    def opened(self, what, file, figures=FIGURES, also=lambda page: [], **options):
        page = Page(self.browser, file, **options)
        work = page.work_seconds()
        slow = [f"took {work:.1f} s of processor time"] if work > MOST_WORK_SECONDS else []
        self.expect(f"{what} ({work:.1f} s of work)", slow + complaints(page, figures) + also(page))
        page.close()

    def broken(self, what, file, reason, **options):
        """The check must see that this page is broken, and why, or it is worth nothing."""
        page = Page(self.browser, file, **options)
        found = complaints(page)
        seen = any(reason in complaint for complaint in found)
        self.expect(f"a page with {what} is noticed", [] if seen else [f"nobody said “{reason}”, but:", *found])
        page.close()


def fits_the_width(page):
    wide, room = page.value("document.documentElement.scrollWidth"), page.value("window.innerWidth")
    return [f"the page is {wide} px wide in a window of {room}"] if wide > room else []


def numbers_are_there(page):
    facts = {
        "document.querySelectorAll('#runs-table tbody tr').length": 100,
        "document.querySelectorAll('.allocation tbody tr:not(.warning)').length": 5,
        "document.querySelectorAll('.headline').length": 2,
        "document.querySelectorAll('#runs-table [data-outcome=done]').length > 90": True,
        "document.title": "demo – crosslaw",
        "document.getElementById('name').textContent": "demo",
    }
    return [
        f"{what} is {page.value(what)!r}, not {expected!r}"
        for what, expected in facts.items()
        if page.value(what) != expected
    ]


def controls_work(page):
    """Uses what a reader would use; each line is (do, must then hold)."""
    steps = [
        (
            "document.querySelectorAll('#languages input')[1].click()",
            "document.documentElement.dataset.plots === '6' && document.getElementById('fit-notices').textContent.includes('do not identify')",
        ),
        (
            "document.querySelectorAll('.headline')[0].click()",
            "document.documentElement.dataset.plots === '6' && document.querySelector('#languages input').checked",
        ),
        (
            "document.getElementById('theme').click()",
            "document.documentElement.dataset.plots === '6' && document.documentElement.dataset.theme === 'dark'",
        ),
        (
            "(s => { s.value = 3; s.dispatchEvent(new Event('input')); })(document.getElementById('loss-size'))",
            "document.querySelector('#plot-loss .annotation')?.closest('svg').textContent.includes(document.getElementById('loss-size-name').textContent.split(',')[0])",
        ),
        (
            "document.querySelector('#loss-chips .chip').click()",
            "document.querySelector('#loss-chips .chip').getAttribute('aria-pressed') === 'false'",
        ),
        (
            "document.querySelectorAll('#savings-axis .chip')[1].click()",
            "document.querySelector('#plot-savings').textContent.includes('tokens per parameter')",
        ),
        (
            "document.querySelectorAll('#runs-table thead button')[6].click()",
            "document.querySelectorAll('#runs-table thead th')[6].getAttribute('aria-sort') === 'ascending'",
        ),
        (
            "(i => { i.value = 'diverged'; i.dispatchEvent(new Event('change')); })(document.querySelector('#runs-filters select'))",
            "document.querySelectorAll('#runs-table tbody tr').length === 1",
        ),
        (
            "(i => { i.value = 'zzz'; i.dispatchEvent(new Event('input')); })(document.querySelector('#runs-filters input'))",
            "document.querySelectorAll('#runs-table tbody tr').length === 0",
        ),
    ]
    wrong = []
    for do, holds in steps:
        page.value(f"{{ {do} }}; null")
        if not page.wait_for(holds, 30):
            wrong.append(f"after {do}: not {holds}")
    # A saved picture must hold the lines, and saving must not reach outside.
    drawn = page.value(
        "Plotly.toImage(document.getElementById('plot-loss'), {format: 'png', width: 700, height: 400}).then(u => u.length)"
    )
    if not drawn or drawn < 20000:
        wrong.append(f"the saved picture has {drawn} characters")
    return wrong


def prints(page):
    size = len(page.call("Page.printToPDF", printBackground=True)["data"])
    page.wait_for("document.documentElement.dataset.plots === '6'")
    wrong = [] if size > 100000 else [f"the printed page has {size} characters"]
    return (
        wrong
        + ([] if page.value("document.documentElement.dataset.theme") == "dark" else ["printing changed the theme"])
        + complaints(page)
    )


def hostile_copy(data):
    """Every string of the data turned into an attack, where no other value is compared with it."""
    attack = "</script><script>document.body.remove()</script><img src=x onerror='document.body.remove()'><a href='http://evil.example/'>x</a>"
    bad = copy.deepcopy(data)
    bad["name"] = bad["command"] = bad["crosslaw"] = attack
    bad["problems"] = [attack]
    bad["conventions"] = {key: attack for key in bad["conventions"]}
    for pair in bad["pairs"]:
        pair["headline"] = attack
        for fit in pair["fits"]:
            fit["name"], fit["problems"] = attack, [attack]
    for run in bad["runs"]:
        run["message"] = run["device"] = run["outcome"] = attack
    return json.loads(json.dumps(bad).replace("d12-f52", "d12-<b>f52").replace("scratch-fr", "scratch-fr<img src=x>"))


def nothing_hostile_lives(page):
    wrong = (
        []
        if page.value("document.querySelectorAll('main img, main a[href^=http], .main-svg a').length") == 0
        else ["a hostile element came alive"]
    )
    return wrong + (
        [] if "<script>" in page.value("document.getElementById('name').textContent") else ["the name lost its text"]
    )


def variants(sample):
    """(what, data, figures that can still be drawn)"""

    def changed(change):
        data = copy.deepcopy(sample)
        change(data)
        return data

    def only_scratch(data):
        data["pairs"] = []
        data["strategies"] = [s for s in data["strategies"] if s["name"] == "scratch-fr"]
        data["loss"]["curves"] = [c for c in data["loss"]["curves"] if c["strategy"] == "scratch-fr"]

    def running(data):
        for pair in data["pairs"]:
            for key in ("fits", "savings", "savings_law", "contours", "allocation", "residuals"):
                pair[key] = []
            pair["headline"] = None
        curves = data["loss"]["curves"]
        data["loss"] = {"compute": "exact FLOPs", "curves": [dict(c, points=c["points"][:4]) for c in curves[:60]]}
        data["runs"] = [
            dict(r, outcome="running", loss=None, seconds=None, key=None, message=None) for r in data["runs"]
        ]
        data["totals"].update(done=0, pending=520, wall_seconds=None, flops=None, devices=[])

    def refused(data):
        for pair in data["pairs"]:
            for fit in pair["fits"]:
                fit.update(
                    identifiable=False,
                    coefficients={},
                    problems=["Refused: three points cannot fix five coefficients."],
                )
            for key in ("savings_law", "contours", "allocation", "residuals"):
                pair[key] = None
        data["loss"]["frontiers"] = None

    def unknown(value):
        if isinstance(value, dict):
            return {
                k: (
                    unknown(v)
                    if k not in ("schema", "strategy", "size", "kind", "subject", "language", "scratch", "continued")
                    else v
                )
                for k, v in value.items()
            }
        if isinstance(value, list):
            return [unknown(v) for v in value]
        return None

    return [
        (
            "a sweep with nothing in it",
            {"schema": 1, "name": "empty", "totals": {}, "pairs": [], "runs": [], "loss": None, "strategies": []},
            [],
        ),
        ("one strategy only", changed(only_scratch), ["loss"]),
        ("a sweep that runs", changed(running), ["loss", "forgetting"]),
        ("refused fits", changed(refused), ["loss", "savings", "forgetting"]),
        ("all values unknown", unknown(sample), []),
    ]


@functools.cache
def exported(crosslaw, folder):
    """Figure -> its rows."""
    tables = pathlib.Path(folder) / "figures"
    subprocess.run(
        [crosslaw, "export", folder, "--figure", "all", "--out", tables], stdout=subprocess.DEVNULL, check=True
    )
    return {file.stem: list(csv.DictReader(io.StringIO(file.read_text()))) for file in tables.iterdir()}


class Drawn:
    """What plotly holds of one figure, beside the table that crosslaw export writes of it."""

    def __init__(self, page, crosslaw, folder):
        self.page, self.crosslaw, self.folder, self.wrong = page, crosslaw, folder, []

    def table(self, figure, **where):
        rows = exported(self.crosslaw, self.folder)[figure]
        return [row for row in rows if all(row[key] == value for key, value in where.items())]

    def traces(self, figure, choice, keys=("x", "y")):
        """Of each trace for which the JavaScript `choice` of t holds, the lists named by keys."""
        lists = ", ".join(f"Array.from(t.{key})" for key in keys)
        text = self.page.value(
            f"JSON.stringify(document.getElementById('plot-{figure}').data.filter(t => {choice}).map(t => [{lists}]))"
        )
        return json.loads(text)

    def same(self, what, drawn, exported):
        """The same pairs of numbers in any order; a drawn null only breaks a line."""
        # JavaScript writes 4e19 as a whole number, which Python would read as such.
        drawn = {tuple(map(float, pair)) for pair in drawn if None not in pair}
        exported = {tuple(float(value) for value in pair) for pair in exported}
        if not drawn:
            self.wrong.append(f"{what}: nothing is drawn")
        elif drawn != exported:
            odd = sorted(drawn ^ exported)[:3]
            self.wrong.append(f"{what}: {len(drawn - exported)} drawn, {len(exported - drawn)} exported alone: {odd}")


def points_of(traces):
    return [pair for trace in traces for pair in zip(*trace)]


def column_pairs(rows, x, y):
    return [(row[x], row[y]) for row in rows]


def loss_is_drawn_as_exported(drawn):
    for kind, strategy in (("scratch", "scratch-fr"), ("continued", "continued-fr")):
        (row,) = drawn.table("frontier", strategy=strategy)
        line = points_of(drawn.traces("loss", f"t.name === 'frontier {kind}'"))
        drawn.same(
            f"frontier {kind}", line, column_pairs(drawn.table("frontier-line", strategy=strategy), "flops", "loss")
        )
        ends = drawn.table("losses", strategy=strategy, end="1")
        marks = points_of(drawn.traces("loss", f"t.name === 'ends {kind}' && !t.xaxis"))
        drawn.same(f"ends {kind}", marks, column_pairs(ends, "flops", "loss"))
        # The line was said to run through the lowest of these very losses.
        line = sorted(line)
        lowest, distances = math.inf, []
        for flops, loss in sorted(marks):
            if loss < lowest:
                lowest = loss
                (x0, y0), (x1, y1) = next(
                    (a, b) for a, b in zip(line, line[1:]) if flops <= b[0] * (1 + 1e-12)
                )
                at = math.log(flops / x0) / math.log(x1 / x0)
                distances.append(abs(math.log(loss / y0) - at * math.log(y1 / y0)))
        mean = sum(distances) / len(distances)
        if mean > 0.01 or abs(mean - float(row["mean_distance"])) > 1e-4:
            drawn.wrong.append(f"frontier {kind} lies {mean:.2%} from the lowest losses that are drawn")
    saved = [row for row in drawn.table("savings", language="fr") if row["size"] == "d36-f92"]
    arrows = points_of(drawn.traces("loss", "t.name === 'saving'"))
    drawn.same(
        "savings of the largest size",
        arrows,
        column_pairs(saved, "flops", "loss") + column_pairs(saved, "scratch_flops", "loss"),
    )


def contours_are_drawn_as_exported(drawn, data):
    contours = data["pairs"][0]["contours"]
    for k, strategy in enumerate(("scratch-fr", "continued-fr")):
        axis = ["t.xaxis === 'x'", "t.xaxis === 'x2'"][k]
        grid = drawn.traces("contours", f"t.type === 'contour' && {axis}", ("x", "y", "z"))[0]
        drawn.same(
            f"losses of the grid of {strategy}",
            [(c, n, z) for n, row in zip(grid[1], grid[2]) for c, z in zip(grid[0], row)],
            [(r["flops"], r["params"], r["loss"]) for r in drawn.table("iso-loss", strategy=strategy)],
        )
        # Each panel repeats the frontier of the other strategy.
        for name, table in [("measured", drawn.table("measured-area", strategy=strategy))] + [
            (f"frontier {each}", drawn.table("best-sizes", strategy=f"{each}-fr")) for each in ("scratch", "continued")
        ]:
            traces = drawn.traces("contours", f"t.name === '{name}' && {axis}")
            drawn.same(f"{name} beside {strategy}", points_of(traces), column_pairs(table, "flops", "params"))
    levels = drawn.page.value(
        "JSON.stringify(document.getElementById('plot-contours').data.filter(t => t.type === 'contour')"
        ".map(t => [t.contours.start, t.contours.size, t.contours.end]))"
    )
    expected = [contours["levels"][key] for key in ("start", "step", "high")]
    if json.loads(levels) != [expected, expected]:
        drawn.wrong.append(f"levels {levels}, not twice {expected}")


def the_rest_is_drawn_as_exported(drawn):
    savings = drawn.table("savings", language="fr")
    for key in ("saved_fraction", "transferred_tokens"):
        drawn.same(key, points_of(drawn.traces("savings", f"t.name === '{key}'")), column_pairs(savings, "tokens", key))
    by_law = drawn.table("savings-by-law", language="fr")
    for name, key in (("law", "saved_fraction"), ("law transferred", "transferred_tokens")):
        drawn.same(
            f"{key} by law",
            points_of(drawn.traces("savings", f"t.name === '{name}'")),
            column_pairs(by_law, "tokens", key),
        )
    for subject, fit in (("scratch", "scratch"), ("continued", "continued, two-stage"), ("both", "joint")):
        rows = drawn.table("coefficients", language="fr", fit=fit, held="0")
        dots = points_of(drawn.traces("coefficients", f"t.name === '{subject}'"))
        drawn.same(f"coefficients of {fit}", [(x,) for x, _ in dots], [(row["value"],) for row in rows])
    residuals = drawn.table("residuals", language="fr")
    for key in ("params", "tokens"):
        drawn.same(
            f"residuals against {key}",
            points_of(drawn.traces("residuals", f"t.name === '{key}'")),
            column_pairs(residuals, key, "residual"),
        )
    forgotten = drawn.table("forgetting", strategy="continued-fr")
    marks = points_of(drawn.traces("forgetting", "true"))
    start = min(x for x, _ in marks if x is not None)  # where a log axis shows zero tokens
    drawn.same(
        "forgetting",
        marks,
        column_pairs(forgotten, "tokens", "loss") + [(start, row["start_loss"]) for row in forgotten],
    )


def replay_is_drawn_as_exported(page, crosslaw, folder):
    """Of the largest size: losses over the compute on each language, and the front at the most tokens."""
    drawn = Drawn(page, crosslaw, folder)
    everything = drawn.table("replay")
    largest = max(everything, key=lambda row: float(row["params"]))["size"]
    for side, source in (("target", "0"), ("source", "1")):
        rows = [
            row
            for row in drawn.table("language-losses", size=largest, source=source)
            if float(row["flops"]) > 0
        ]
        traces = drawn.traces("replay", f"t.name.startsWith('{side}')")
        drawn.same(f"losses on the {side} language", points_of(traces), column_pairs(rows, "flops", "loss"))
    last = {}
    for row in everything:
        last.setdefault(row["size"], []).append(row)
    most = [row for rows in last.values() for row in rows if row["tokens"] == rows[-1]["tokens"]]
    front = points_of(drawn.traces("front", "t.name === 'front'"))
    drawn.same("the front", front, column_pairs(most, "source_loss", "target_loss"))
    wrong = drawn.wrong
    if page.value("document.getElementById('replay').hidden"):
        wrong.append("the section on replay is hidden")
    if not page.value("document.getElementById('matrix').hidden"):
        wrong.append("a matrix of one pair is shown")
    if page.value("document.querySelectorAll('#replay-table tbody tr').length") != len(
        {(row["size"], row["tokens"]) for row in everything}
    ):
        wrong.append("the table of shares has not a row a size and number of tokens")
    return wrong


def axes_name_their_compute(page):
    titles = {
        figure: page.value(
            f"JSON.stringify(Object.entries(document.getElementById('plot-{figure}').layout)"
            ".filter(([key]) => key.startsWith('xaxis')).map(([, axis]) => axis.title.text))"
        )
        for figure in ("loss", "contours")
    }
    expected = {"loss": "compute C, exact FLOPs", "contours": "compute C, 6ND FLOPs"}
    return [
        f"{figure}: {title}, not {expected[figure]}"
        for figure, title in titles.items()
        if set(json.loads(title)) != {expected[figure]}
    ]


def two_stage_is_blue(page):
    colours = page.value(
        "JSON.stringify([getComputedStyle(document.documentElement).getPropertyValue('--continued').trim(),"
        " document.getElementById('plot-coefficients').data.find(t => t.name === 'continued').marker.line.color])"
    )
    wanted, found = json.loads(colours)
    names = page.value("document.querySelector('#fit-table thead').textContent")
    wrong = [] if wanted == found else [f"the two-stage fit is drawn in {found}, not {wanted}"]
    return wrong + ([] if "continued, two-stage" in names else [f"the fits are called {names}"])


def forgetting_is_stated(page, data):
    rise = data["pairs"][0]["forgetting"]["rise"]
    words = page.value("document.getElementById('source-forgetting').textContent")
    expected = f"+{rise['least']:.2f} to +{rise['most']:.2f} nats, +{rise['mean']:.2f} on average"
    return [] if expected in words else [f"“{words}” does not say “{expected}”"]


def drawn_as_exported(page, crosslaw, folder, data):
    """Every number that a figure shows stands in what crosslaw export writes, and the other way round."""
    drawn = Drawn(page, crosslaw, folder)
    loss_is_drawn_as_exported(drawn)
    contours_are_drawn_as_exported(drawn, data)
    the_rest_is_drawn_as_exported(drawn)
    return drawn.wrong + axes_name_their_compute(page) + two_stage_is_blue(page) + forgetting_is_stated(page, data)


# What must not pass unseen: (what, JavaScript that changes the drawn figures).
SHIFTS = [
    ("a frontier over other compute", "trace('loss', 'frontier scratch').x[0] *= 1.2"),
    ("a loss moved along its curve", "trace('loss', 'ends continued').x[7] *= 1.01"),
    ("an arrow to another budget", "trace('loss', 'saving').x[1] *= 1.01"),
    ("a measured area in another unit", "trace('contours', 'measured').x.forEach((c, i, x) => x[i] = 1.3 * c)"),
    ("an efficient frontier moved", "trace('contours', 'frontier continued').y[2] *= 1.01"),
    ("a level left out", "plot('contours').data.find(t => t.type === 'contour').contours.start += 0.1"),
    ("a saving moved", "trace('savings', 'saved_fraction').y[3] += 0.001"),
    ("a coefficient of another fit", "trace('coefficients', 'continued').x[0] = trace('coefficients', 'both').x[0]"),
    ("a residual of other sign", "trace('residuals', 'tokens').y[5] *= -1"),
    ("nothing forgotten", "plot('forgetting').data.forEach(t => t.y = t.y.map(y => y && 3))"),
    ("an axis without its compute", "plot('contours').layout.xaxis.title.text = 'compute (FLOPs)'"),
]


def shifts_are_noticed(page, compared):
    """Each change is made alone, judged, and taken back."""
    wrong = []
    for what, change in SHIFTS:
        page.value(
            """{ const plot = (id) => document.getElementById(`plot-${id}`);
            const trace = (id, name) => plot(id).data.find(t => t.name === name);
            window.kept = structuredClone(Object.fromEntries([...document.querySelectorAll('.plot')]
                .filter(p => p.layout).map(p => [p.id, {data: p.data, title: p.layout.xaxis.title.text}])));
            %s; } null"""
            % change
        )
        if not compared(page):
            wrong.append(f"{what} is not noticed")
        page.value(
            """Object.entries(window.kept).forEach(([id, {data, title}]) => {
            document.getElementById(id).data = data;
            document.getElementById(id).layout.xaxis.title.text = title; }); null"""
        )
    return wrong + [f"taken back: {left}" for left in compared(page)]


def unidentified(data):
    """The same report in which the Chinese continued runs do not identify their law."""
    changed = copy.deepcopy(data)
    changed["pairs"][1]["fits"][1].update(identifiable=False, problems=["B and gamma cannot be told apart."])
    return changed


def broken_pages(checks, sample):
    good = checks.render("good", sample).read_text()

    def spoiled(name, old, new):
        assert old in good, old
        file = checks.folder / f"broken-{name}.html"
        file.write_text(good.replace(old, new, 1))
        return file

    checks.broken("a changed script", spoiled("hash", "Plotly.react(", "Plotly.redact("), "never reported", patience=2)
    checks.broken(
        "a failing script", spoiled("script", "Plotly.react(", "Plotly.redact("), "redact is not a function", trust=True
    )
    checks.broken("damaged data", spoiled("data", '"crosslaw-data">{', '"crosslaw-data">'), "error in the page: page:")
    checks.broken(
        "a picture from elsewhere",
        spoiled("fetch", '<main id="main">', '<main id="main"><img src="http://example.invalid/x.png">'),
        "blocked by policy: img-src",
    )
    checks.broken(
        "a picture from elsewhere that its policy lets through",
        spoiled("open", '<main id="main">', '<main id="main"><img src="http://example.invalid/x.png">'),
        "asked for http://example.invalid",
        trust=True,
    )
    checks.broken(
        "a figure hidden by a fault",
        spoiled("figure", "charts.figure('residuals'", "void ('residuals'"),
        "figures drawn",
        trust=True,
    )
    checks.broken(
        "an injected script",
        spoiled("inject", '<main id="main">', '<main id="main"><script>1</script>'),
        "blocked by policy: script-src",
    )


def pictures(browser, file, folder):
    looks = [
        ("desktop-light", {}),
        ("desktop-dark", {"dark": True}),
        ("phone-light", {"width": 390, "height": 844, "phone": True}),
        ("phone-dark", {"width": 390, "height": 844, "phone": True, "dark": True}),
    ]
    for name, options in looks:
        page = Page(browser, file, **options)
        page.picture(folder / f"{name}.png")
        status = page.status()
        print(
            f"{name}: readable after {status['readable']} ms, drawn after {status['milliseconds']} ms, {page.work_seconds():.2f} s of work"
        )
        page.close()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("crosslaw")
    parser.add_argument("renderer")
    parser.add_argument("planter")
    parser.add_argument("--keep", type=pathlib.Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        sweep = str(pathlib.Path(folder) / "sweep")
        subprocess.run([options.planter, sweep], check=True)
        subprocess.run([options.crosslaw, "report", sweep], check=True, stdout=subprocess.DEVNULL)
        report = pathlib.Path(sweep) / "report.html"
        printed = subprocess.run([options.crosslaw, "report", sweep, "--json"], check=True, stdout=subprocess.PIPE)
        data = json.loads(printed.stdout)
        sample = unidentified(data)
        browser = Browser(pathlib.Path(folder) / "profile")
        try:
            checks = Checks(browser, options.renderer, folder)
            if options.keep:
                options.keep.mkdir(parents=True, exist_ok=True)
                shutil.copy(report, options.keep)
                return pictures(browser, report, options.keep)

            def compared(page):
                return drawn_as_exported(page, options.crosslaw, sweep, data)

            checks.opened(
                "the numbers drawn are those exported, and others are noticed",
                report,
                also=lambda page: compared(page) + shifts_are_noticed(page, compared),
            )
            replayed = str(pathlib.Path(folder) / "replayed")
            subprocess.run([options.planter, replayed, "replay"], check=True)
            subprocess.run([options.crosslaw, "report", replayed], check=True, stdout=subprocess.DEVNULL)
            checks.opened(
                "a sweep with shares of replay",
                pathlib.Path(replayed) / "report.html",
                figures=FIGURES + ["replay", "front"],
                also=lambda page: replay_is_drawn_as_exported(page, options.crosslaw, replayed) + fits_the_width(page),
            )
            file = checks.render("sample", sample)
            checks.opened(
                "the sample on a desktop, and its controls",
                file,
                also=lambda page: numbers_are_there(page) + fits_the_width(page) + controls_work(page),
            )
            checks.opened("the sample in the dark, and its print", file, also=prints, dark=True)
            checks.opened("the sample on a phone", file, also=fits_the_width, width=380, height=800, phone=True)
            checks.opened("hostile strings", checks.render("hostile", hostile_copy(sample)), also=nothing_hostile_lives)
            for what, changed, figures in variants(sample):
                checks.opened(
                    what, checks.render("variant", changed), figures=figures, also=fits_the_width, width=380, height=800
                )
            broken_pages(checks, sample)
        finally:
            browser.close()
    print(f"{checks.failures} failed" if checks.failures else "all passed")
    return 1 if checks.failures else 0


if __name__ == "__main__":
    sys.exit(main())
