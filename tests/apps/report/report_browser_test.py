#!/usr/bin/env python3
"""Opens report pages in headless Chromium, looks at what they became, and compares what is drawn with
what crosslaw export writes.

Usage: report_browser_test.py CROSSLAW RENDERER PLANTER [--keep DIR]
PLANTER writes the folder of a sweep with planted losses; RENDERER turns the JSON of a report on
standard input into the page on standard output. --keep writes the page and pictures of it into DIR.
"""

import argparse
import copy
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

from drawn_as_exported import drawn_as_exported, replay_is_drawn_as_exported, shifts_are_noticed
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


def pairs_can_be_told_apart(page):
    names = "new Set([...document.querySelectorAll('.headline .pairing')].map(e => e.textContent)).size"
    choices = "new Set([...document.querySelectorAll('#languages :is(option, span)')].map(e => e.textContent)).size"
    pairs, named, choices = (page.value(each) for each in ("document.querySelectorAll('.headline').length", names, choices))
    return [] if pairs < 2 or pairs == named == choices else [f"{pairs} pairs have {named} names and {choices} choices"]


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

    def many_pairs(data):
        for percent in range(1, 12):
            data["pairs"].append(dict(copy.deepcopy(data["pairs"][0]), replay=percent / 100))

    named = ("schema", "strategy", "size", "kind", "subject", "language", "scratch", "continued")

    def unknown(value):
        if isinstance(value, dict):
            return {key: each if key in named else unknown(each) for key, each in value.items()}
        return [unknown(each) for each in value] if isinstance(value, list) else None

    return [
        (
            "a sweep with nothing in it",
            {"schema": 1, "name": "empty", "totals": {}, "pairs": [], "runs": [], "loss": None, "strategies": []},
            [],
        ),
        ("one strategy only", changed(only_scratch), ["loss"]),
        ("a sweep that runs", changed(running), ["loss", "forgetting"]),
        ("refused fits", changed(refused), ["loss", "savings", "forgetting"]),
        ("more pairs than the bar has room for", changed(many_pairs), FIGURES),
        ("all values unknown", unknown(sample), []),
    ]


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
        spoiled("figure", "crosslaw.drawing.figure('residuals'", "void ('residuals'"),
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
                    what, checks.render("variant", changed), figures=figures, width=380, height=800,
                    also=lambda page: fits_the_width(page) + pairs_can_be_told_apart(page),
                )
            broken_pages(checks, sample)
        finally:
            browser.close()
    print(f"{checks.failures} failed" if checks.failures else "all passed")
    return 1 if checks.failures else 0


if __name__ == "__main__":
    sys.exit(main())
