"""Scaling laws fitted with certificates and intervals, from a data frame.

    import crosslaw
    fit = crosslaw.fit(runs, params="N", tokens="D", loss="loss")
    fit.coefficients                 # value, standard error, 95 % interval
    fit.predict([(7e9, 1.4e11)])     # loss of new runs
    fit.allocate([1e21, 1e23])       # compute-optimal N and D
    fit.plot()                       # drawn in a notebook

The frame takes the road that a file takes in `crosslaw fit --data`, so every number is the same to the last digit.
"""

from __future__ import annotations

import json
import os
import pathlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from crosslaw import _native

__all__ = ["Chart", "Fit", "fit", "laws", "load"]
__version__ = "0.1.0"


def laws() -> list[str]:
    """The names that `law` takes."""
    return _native.laws()


def _frame(rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """A frame in which each "..._ci95": [low, high] is two columns, ..._low and ..._high."""
    out = []
    for row in rows:
        flat: dict[str, Any] = {}
        for key, value in row.items():
            if key.endswith("ci95"):
                name = key.removesuffix("ci95").rstrip("_")
                low, high = value or (None, None)
                flat[f"{name}_low" if name else "low"], flat[f"{name}_high" if name else "high"] = low, high
            else:
                flat[key] = value
        out.append(flat)
    return pd.DataFrame(out)


class Chart:
    """A drawing that a notebook shows inline."""

    def __init__(self, svg: str, html: str) -> None:
        self.svg, self.html = svg, html

    def _repr_svg_(self) -> str:
        return self.svg[self.svg.index("<svg"):]  # inside a page there is no XML prologue

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes .svg (one drawing) or .html (one page with the tables)."""
        path = pathlib.Path(path)
        if path.suffix not in (".svg", ".html"):
            raise ValueError(f"{path}: the name must end in .svg or .html")
        path.write_text(self.html if path.suffix == ".html" else self.svg, encoding="utf-8")


class Fit:
    """A law fitted to points, or loaded from what `crosslaw fit --json` wrote."""

    def __init__(self, native: _native.Fitted, source: str) -> None:
        self._native, self._source = native, source
        self._json: dict[str, Any] = json.loads(native.to_json(False))

    @property
    def law(self) -> str:
        return self._json["law"]

    @property
    def formula(self) -> str:
        return self._json["formula"]

    @property
    def points(self) -> int:
        return self._json["points"]

    @property
    def objective(self) -> float:
        """Sum over points of Huber(log predicted - log observed)."""
        return self._json["objective"]

    @property
    def converged(self) -> bool:
        return self._json["converged"]

    @property
    def identifiable(self) -> bool:
        """Whether these points determine every coefficient; `problems` says why not."""
        return self._json["identifiable"]

    @property
    def problems(self) -> list[str]:
        return self._json["problems"]

    @property
    def coefficients(self) -> pd.DataFrame:
        """One row a coefficient: value, se, the 95 % interval, and whether the points determine it."""
        rows = [{"coefficient": name, **{key: each[key] for key in ("value", "se", "ci95", "identifiable")}}
                for name, each in self._json["coefficients"].items()]
        return _frame(rows).set_index("coefficient")

    def __getitem__(self, coefficient: str) -> float:
        """fit["alpha"]"""
        return self._json["coefficients"][coefficient]["value"]

    def predict(self, runs: Iterable[tuple[float, float]] | pd.DataFrame) -> pd.DataFrame:
        """Losses of new runs (N, D), or of a frame's columns N and D: the law's interval in loss_low and loss_high,
        and in run_low and run_high that of a single run with its scatter."""
        if isinstance(runs, pd.DataFrame):
            runs = runs[["N", "D"]].itertuples(index=False, name=None)
        return _frame(json.loads(self._native.predict([(float(n), float(d)) for n, d in runs])))

    def allocate(self, flops: float | Sequence[float], *, max_params: float | None = None,
                 max_tokens: float | None = None, inference_tokens: float = 0, unique_tokens: float | None = None,
                 accept_unidentified: bool = False) -> pd.DataFrame:
        """The split of each budget with the least loss; one row a budget and strategy. Raises ValueError where the fit
        may not be allocated."""
        budgets = [float(flops)] if isinstance(flops, (int, float)) else [float(each) for each in flops]
        options = {"max_params": max_params, "max_tokens": max_tokens, "inference_tokens": inference_tokens,
                   "unique_tokens": unique_tokens, "accept_unidentified": accept_unidentified}
        report = json.loads(self._native.allocate(budgets, json.dumps(options)))
        if not report["rows"]:
            raise ValueError("; ".join(report["warnings"]))
        return _frame(report["rows"])

    def holdout(self, rule: str = "largest-compute", laws: Sequence[str] = ()) -> pd.DataFrame:
        """Fits every law (or `laws`) to a part and compares how they predict the rest; the sentence that says which
        law is enough is in .attrs["verdict"]."""
        result = json.loads(self._native.hold_out(rule, list(laws)))
        frame = _frame(result["laws"])
        frame.attrs["verdict"], frame.attrs["rule"] = result["verdict"], result["rule"]
        return frame

    def profile(self) -> pd.DataFrame:
        """Likelihood-ratio intervals of the coefficients; open ends are None."""
        rows = [{key: each[key] for key in ("name", "value", "ci95")} for each in json.loads(self._native.profiles())]
        return _frame(rows).set_index("name")

    def plot(self) -> Chart:
        """Surface, residuals and frontiers in one drawing."""
        return Chart(self._native.chart(self._source, False), self._native.chart(self._source, True))

    def to_json(self, draws: bool = True) -> str:
        """What `crosslaw fit --json` prints, and `crosslaw allocate --fit` and load() read."""
        return self._native.to_json(draws)

    def save(self, path: str | os.PathLike[str]) -> None:
        pathlib.Path(path).write_text(self.to_json(), encoding="utf-8")

    def __repr__(self) -> str:
        verdict = "" if self.identifiable else ", NOT identifiable"
        values = ", ".join(f"{name}={each['value']:.6g}" for name, each in self._json["coefficients"].items())
        return f"<crosslaw.Fit {self.law} of {self.points} points{verdict}: {values}>"


def fit(data: pd.DataFrame, law: str | None = None, *, params: str = "N", tokens: str = "D", loss: str = "loss",
        where: str | Sequence[str] = (), cluster: str | None = None, weight: str | None = None,
        stage: str | None = None, unique: str | None = None, compute: str | None = None,
        ratio: str | None = None, replay: str | None = None, base_tokens: str | None = None, loss_before: str | None = None,
        bootstrap: int | None = None, resample: str | None = None, seed: int = 1, starts: int = 64,
        huber_delta: float = 1e-3, over_weight: float = 1.0, fix: Mapping[str, float] | None = None,
        tie: Mapping[str, str] | None = None, threads: int = 0) -> Fit:
    """Fits a law to the rows of a frame, one trained model each. Names of columns, conditions and defaults are those of
    `crosslaw fit --data`: `where` keeps rows ("in_240=1"), `cluster` names the run of a row, `fix` holds coefficients
    ({"E": 1.6}), `tie` makes them equal ({"beta": "alpha"}). Raises ValueError naming column and row."""
    columns = {"params": params, "tokens": tokens, "loss": loss, "cluster": cluster, "weight": weight, "stage": stage,
               "unique": unique, "compute": compute, "ratio": ratio, "replay": replay,
               "base_tokens": base_tokens, "loss_before": loss_before,
               "where": [where] if isinstance(where, str) else list(where)}
    settings = {"law": law, "bootstrap": bootstrap, "resample": resample, "seed": seed, "starts": starts,
                "huber_delta": huber_delta, "over_weight": over_weight, "fix": dict(fix or {}), "tie": dict(tie or {}),
                "threads": threads}
    # repr() of a double reads back exactly, so nothing is lost on the way through text.
    text = data.to_csv(index=False)
    return Fit(_native.fit_text(text, json.dumps({**columns, **settings})), "the data frame")


def load(path: str | os.PathLike[str]) -> Fit:
    """A fit saved by save() or by `crosslaw fit --json`."""
    return Fit(_native.from_json(pathlib.Path(path).read_text(encoding="utf-8"), str(path)), str(path))
