"""The page of `pipelines.inspect`: the chart, and the table of features with a year by year view of the chosen one."""

from __future__ import annotations

import base64
import datetime as dt
import html
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Template

import polars as pl
from plotly.offline import get_plotlyjs

from features.families import FeatureParams
from pipelines.measures.feature_statistics import BLOCK_HORIZONS, LABELS, threshold
from pipelines.pages.inspect_chart import chart
from pipelines.pages.overlays import Span
from pipelines.pages.page import look, plot

YEAR_COLUMNS = ("year", "training", "rows", "missing", "mean", "sd", "p1", "p50", "p99", "ks")
HEADINGS = {
    "feature": "as in docs/features.md; click a row to draw the feature",
    "family": "",
    "missing": "share of bars without a value after the warm-up",
    "mean": "",
    "sd": "standard deviation",
    "p1": "1 % of the values lie below",
    "p50": "median",
    "p99": "99 % of the values lie below",
    "KS train": "largest drift of a training year: Kolmogorov–Smirnov statistic against the other training years",
    "KS later": "largest drift of a later year: Kolmogorov–Smirnov statistic against the training part",
    "mae": "rank correlation with the adverse excursion of a long (the favourable one of a short), ± 2 standard errors",
    "mfe": "rank correlation with the favourable excursion of a long (the adverse one of a short), ± 2 standard errors",
    "final": "rank correlation with the result of a long at the horizon (a short's has the other sign), ± 2 errors",
}


@dataclass(frozen=True, slots=True)
class Findings:
    """Tables of `feature_statistics`, each feature's family, the training part's end and the labels' horizon."""

    overall: pl.DataFrame
    yearly: pl.DataFrame
    related: pl.DataFrame
    family_of: Mapping[str, str]
    train_until: dt.datetime
    horizon_bars: int

    @property
    def blocks(self) -> int:
        """Blocks of time behind the standard errors."""
        most: int | None = self.related.select(pl.col("blocks").max()).item()
        return most or 0

    @property
    def threshold(self) -> float:
        """|rho / se| that chance alone exceeds anywhere in the table with a probability of at most 5 %."""
        known = self.related.drop_nulls("se")
        return threshold(known.height, self.blocks)


def strongest(findings: Findings) -> pl.DataFrame:
    """A row per feature with its correlations as {label}_rho, _se, _effective; largest |rho / se| first."""
    wide = findings.overall
    for label in LABELS:
        part = findings.related.filter(pl.col("label") == label)
        chosen = part.select("feature", *(pl.col(c).alias(f"{label}_{c}") for c in ("rho", "se", "effective")))
        wide = wide.join(chosen, on="feature", how="left", maintain_order="left")
    score = pl.max_horizontal(*(pl.col(f"{label}_rho").abs() / pl.col(f"{label}_se") for label in LABELS))
    return wide.sort(score.fill_nan(None), descending=True, nulls_last=True, maintain_order=True)


def render(span: Span, params: FeatureParams, findings: Findings) -> str:
    """The whole page."""
    rows = strongest(findings)
    first = rows["feature"][0]
    shown = span.shown
    page = Template(Path(__file__).with_name("inspect.html").read_text(encoding="utf-8"))
    begin, end = shown["ts"][0], shown["ts"][-1]
    return page.substitute(
        **look(),
        plotly=get_plotlyjs(),
        script=Path(__file__).with_name("inspect.js").read_text(encoding="utf-8"),
        symbol=html.escape(span.symbol),
        summary=f"{shown.height:,} bars, {begin:%Y-%m-%d} to {end:%Y-%m-%d} (UTC). {_trades_note(span)}",
        chart=plot(chart(span, params, first)),
        options=_options(findings.family_of, first),
        years_head="".join(f"<th>{name}</th>" for name in YEAR_COLUMNS if name != "training"),
        table_note=_table_note(findings),
        head="".join(f'<th title="{html.escape(title)}">{name}</th>' for name, title in HEADINGS.items()),
        rows="".join(_row(row, findings) for row in rows.iter_rows(named=True)),
        count=str(rows.height),
        data=_data(shown, findings),
    )


def _trades_note(span: Span) -> str:
    if span.trades is None:
        return "No trades are drawn, since the evaluation has not run."
    return (
        "Trades are the product’s on the test part with pessimistic fills; only a stop’s first and last place are "
        "recorded, so a step at the exit stands for the path between."
    )


def _table_note(findings: Findings) -> str:
    known = findings.related.drop_nulls("effective")
    worth = known.select((pl.col("effective") / pl.col("rows")).median()).item()
    return (
        "Missing share and distribution are of the whole history after the warm-up. KS: one year of a slow feature "
        "holds few independent values, so drift is what exceeds that of the training years among themselves. Rank "
        f"correlations (Spearman) are of the training part alone (until {findings.train_until:%Y-%m-%d}), with the "
        "excursions and the result of a fresh long; a short’s are its mirror image. Labels of "
        f"{findings.horizon_bars} bars overlap: errors are clustered by blocks of "
        f"{BLOCK_HORIZONS * findings.horizon_bars} bars ({findings.blocks} of them), and a row is worth "
        f"{'–' if worth is None else f'{worth:.2f}'} independent ones in the median. <b>Bold</b>: beyond "
        f"{findings.threshold:.1f} errors, which chance alone brings about anywhere in the table in at most 5 % of "
        "such tables."
    )


def _options(family_of: Mapping[str, str], chosen: str) -> str:
    groups: dict[str, list[str]] = {}
    for name, family in family_of.items():
        mark = " selected" if name == chosen else ""
        groups.setdefault(family, []).append(f"<option{mark}>{html.escape(name)}</option>")
    return "".join(f'<optgroup label="{family}">{"".join(names)}</optgroup>' for family, names in groups.items())


def figure(value: float | None) -> str:
    """Few digits, so that columns can be compared."""
    if value is None or not math.isfinite(value):
        return "–"
    if value == 0.0:
        return "0"
    size = abs(value)
    text = f"{value:.1e}" if size < 5e-5 or size >= 1e5 else f"{value:.{4 if size < 0.01 else 3 if size < 10 else 1}f}"
    return text.replace("-", "−")


def _cell(value: float | None, text: str) -> str:
    key = "" if value is None or not math.isfinite(value) else f"{value:.6g}"
    return f'<td data-v="{key}">{text}</td>'


def _row(row: Mapping[str, float | str | None], findings: Findings) -> str:
    name = str(row["feature"])
    cells = [f"<td>{html.escape(name)}</td>", f"<td class=text>{findings.family_of[name]}</td>"]
    missing = float(row["missing"] or 0.0)
    cells.append(_cell(missing, f"{100 * missing:.1f} %"))
    for column in ("mean", "sd", "p1", "p50", "p99"):
        value = row[column]
        cells.append(_cell(value, figure(value)))  # type: ignore[arg-type]
    for column in ("ks_train", "ks_later"):
        ks = row[column]
        cells.append(_cell(ks, "–" if ks is None else f"{ks:.2f}"))  # type: ignore[arg-type]
    for label in LABELS:
        rho, se, worth = (row[f"{label}_{part}"] for part in ("rho", "se", "effective"))
        if not (isinstance(rho, float) and isinstance(se, float)):
            cells.append(_cell(None, "–"))
            continue
        text = f"{rho:+.2f}".replace("-", "−")
        text = f"<b>{text}</b>" if abs(rho) > findings.threshold * se else text
        hint = "" if not isinstance(worth, float) else f' title="{worth:,.0f} independent rows’ worth"'
        cells.append(f'<td data-v="{rho:.6g}"{hint}>{text} <span class=range>± {2 * se:.2f}</span></td>')
    return f'<tr data-name="{html.escape(name)}">{"".join(cells)}</tr>'


def _data(shown: pl.DataFrame, findings: Findings) -> str:
    """What the page's script needs: each feature's values in the span (float32, base64) and its years."""
    values = {
        name: base64.b64encode(shown[name].cast(pl.Float32).fill_null(float("nan")).to_numpy().tobytes()).decode()
        for name in findings.family_of
    }
    years: dict[str, list[list[object]]] = {name: [] for name in findings.family_of}
    for name, *rest in findings.yearly.select("feature", *YEAR_COLUMNS).iter_rows():
        year, training, rows, missing, *numbers = rest
        years[name].append([year, training, rows, f"{100 * missing:.1f} %", *(figure(number) for number in numbers)])
    return json.dumps({"values": values, "years": years}, separators=(",", ":"), ensure_ascii=False).replace(
        "<", "\\u003c"
    )
