"""What the figures of an opened report draw, against what crosslaw export writes of them."""

import csv
import functools
import io
import json
import math
import pathlib
import subprocess


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
