"""The report's part on single trades: what came after the exits, what else could have been, and a browser of trades."""

from __future__ import annotations

import base64
import html
import json
from pathlib import Path
from string import Template
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipelines.measures.examination import Examination
from pipelines.measures.scorecard import FEW
from pipelines.measures.waterfall import STEPS
from pipelines.pages import forensic_charts
from pipelines.pages.charts import COLOURS, REASONS
from pipelines.pages.markup import cells, mark, number, span, table
from pipelines.pages.page import panels, plot

BEFORE_BARS = 20
MOST_TRADES = 1000  # more would make the page heavy
COLUMNS = ("id", "symbol", "side", "reason", "r", "held", "left", "recovery", "premature", "noise", "gap", "regime")
KINDS = {"stop_times": "first stop, × its own", "stop_atr": "first stop, ATR", "target_r": "fixed target, R"}
SETTINGS = {"stop_times": "stop.risk_price", "stop_atr": "stop.min_atr, max_atr", "target_r": "target.min_r, max_r"}
HEADS = {
    "r": "result",
    "mae_r": "largest adverse excursion",
    "mfe_r": "largest favourable excursion",
    "after_horizon": "price at the horizon’s end",
    "held": "result if held to it",
    "left": "left on the table",
    "give_back": "give-back of winners, of MFE",
}


def render(examination: Examination, confidence: float) -> str:
    """This part of the page."""
    trades, params = examination.trades, examination.params
    stops = trades.filter(pl.col("reason") == "stop")
    back = int((stops["recovery"] >= 0).sum())
    page = Template(Path(__file__).with_name("trades.html").read_text(encoding="utf-8"))
    after = max(params.after_bars[-1], examination.horizon_bars)
    return page.substitute(
        after_note=f"All in R, {100 * confidence:g} % intervals beside the values (from {FEW} trades on). Prices: "
        "the way from the exit, in the trade’s direction; so for a stop above zero means that it came back. Left: "
        f"best price of the horizon less the result. Of {stops.height} stop-outs {back} came back to the entry within "
        f"the horizon, {int(stops['premature'].sum())} were premature (stopped at or below +0R, then +1R), and "
        f"{int(stops['noise'].sum())} noise: premature, and the price went less than {params.noise_atr:g} ATR beyond.",
        means=_means(examination, confidence),
        after=plot(forensic_charts.after_exit(trades, after)),
        hits_note="By the time of the entry and the volatility at the signal: thirds of the symbol’s own GARCH "
        "volatility on the training part. Cells of few trades differ by chance; n counts them.",
        hits=panels(forensic_charts.hits(trades)),
        what_if_note="The engine’s replay with one change on the same entries; the unit R and all other decisions "
        "stay. A first stop is held to the limit per trade; a fixed target never moves. Intervals are of the paired "
        "difference to the product. A value is chosen on the entries between the training and the test part (where the "
        "nets were stopped and calibrated) and judged on the test part alone; each of the lines shows one part. "
        f"A verdict needs {FEW} changed trades and an interval on one side of zero, else it is null.",
        what_if=panels(forensic_charts.what_if(examination.options)),
        suggestions=_suggestions(examination.suggested),
        steps_note="What each step adds to the distance of the first stop and of the first target, mean over the test "
        "trades; last, the whole replay with the step left out (without ml_stop or ml_target the deterministic rule "
        "stands in for the net); right of zero, the trades would have earned more without it. The final validation "
        "holds the risk limits and cannot be left out: of it only the change in the level is shown.",
        waterfall=panels(forensic_charts.waterfall(examination.steps, examination.options)),
        browser_note=html.escape(_browser_note(trades)),
        data=_data(examination),
        script=Path(__file__).with_name("trades.js").read_text(encoding="utf-8"),
    )


def browsable(trades: pl.DataFrame) -> pl.DataFrame:
    """The latest trades, which the browser holds. trades: in time order."""
    return trades.tail(MOST_TRADES)


def _browser_note(trades: pl.DataFrame) -> str:
    cut = ""
    if trades.height > MOST_TRADES:
        cut = f" Here are the latest {MOST_TRADES:,} of {trades.height:,} trades: the page would be too heavy with "
        cut += "all. Hollow points of the scatter are earlier ones, which do not open."
    return (
        "Click a row (then the arrow keys work), a heading to sort, or a point of the scatter of excursions. Shaded: "
        "the trade; below it the result at each close and the excursions so far, in R; the levels are those in force. "
        f"Bold: the step that decided a level. Times are UTC.{cut}"
    )


def _means(examination: Examination, confidence: float) -> str:
    found = {(row["reason"], row["figure"]): row for row in examination.means.iter_rows(named=True)}
    reasons, names = (list(dict.fromkeys(key)) for key in zip(*found, strict=True))
    body = []
    for name in names:
        line = [HEADS.get(name, f"price {name.removeprefix('after_')} bars after the exit")]
        for reason in reasons:
            row, unit = found.get((reason, name)), "%" if name == "give_back" else "R"
            if row is None:
                line += ["–", ""]
                continue
            interval = span(row["low"], row["high"], unit) if row["trades"] >= FEW else f"too few ({row['trades']})"
            line += [number(row["value"], unit), f"<span class=range>{interval}</span>"]
        body.append(cells(line))
    counts = {reason: found[reason, "r"]["trades"] for reason in reasons}
    heads = ["figure"]
    for reason in reasons:
        heads += [f"{reason} exits", f"{100 * confidence:g} % interval<br>({counts[reason]:,} trades)"]
    return table(heads, body)


def _suggestions(suggested: pl.DataFrame) -> str:
    body = []
    for row in suggested.iter_rows(named=True):
        value = row["value"]
        shown = "keep the product’s" if value is None else "none" if value == float("inf") else f"{value:g}"
        paired = f"{number(row['difference_bp'], 'bp', signed=True)} <span class=range>"
        paired += f"{span(row['low_bp'], row['high_bp'], 'bp')}</span>"
        in_r = "–" if row["difference_r"] is None else f"{row['difference_r']:+.3f}".replace("-", "−")
        there = f"{number(row['earlier_bp'], 'bp', signed=True)} <span class=range>n {row['earlier_trades']}</span>"
        verdict, setting = mark(row["versus"]) or row["versus"], f"<span class=range>{SETTINGS[row['kind']]}</span>"
        body.append(cells([KINDS[row["kind"]], f"{row['tried']}", shown, there, verdict, paired, in_r, setting]))
    heads = ["change", "tried", "best earlier", "there", "verdict", "on the test part", "in R", "policy"]
    return table(heads, body)


def _data(examination: Examination) -> str:
    """What the browser's script needs: the trades, and bars around them as base64 columns."""
    trades = browsable(examination.trades)
    reach = max(examination.params.after_bars[-1], examination.horizon_bars)
    rows, needed = [], {symbol: np.zeros(len(bars.ts), bool) for symbol, bars in examination.bars.items()}
    for trade in trades.iter_rows(named=True):
        count = len(needed[trade["symbol"]])
        end = min(trade["signal_index"] + examination.horizon_bars, count - 1)
        first, last = max(0, trade["entry_index"] - BEFORE_BARS), min(max(trade["exit_index"] + reach, end), count - 1)
        needed[trade["symbol"]][first : last + 1] = True
        rows.append([*(_plain(trade[name]) for name in COLUMNS), *_facts(trade, examination), first, last, end])
    bars: dict[str, dict[str, str]] = {}
    seconds = set()
    for symbol, mask in needed.items():
        if not mask.any():
            continue
        each = examination.bars[symbol]
        stamps = each.ts[mask] / 1e6
        seconds |= set((stamps[:1000] % 86_400).tolist())
        bars[symbol] = {"index": _packed(np.flatnonzero(mask), np.int32), "ts": _packed(stamps, np.float64)}
        for name in ("open", "high", "low", "close"):
            bars[symbol][name] = _packed(getattr(each, name)[mask], np.float32)
    names = [*COLUMNS, "fill", "p0", "unit", "stop_atr", "beyond", "rules", "entry", "exit", "exits", "mae", "mfe"]
    data = {
        "columns": [*names, "after", "decisions", "first", "last", "end"],
        "trades": rows,
        "bars": bars,
        "after": examination.params.after_bars,
        "steps": STEPS,
        "colours": {**REASONS, "entry": COLOURS["product"]},
        "daily": len(seconds) == 1,
    }
    return json.dumps(data, separators=(",", ":"), ensure_ascii=False).replace("<", "\\u003c")


def _facts(trade: dict[str, Any], examination: Examination) -> list[Any]:
    prices = (trade[name] for name in ("fill_price", "entry_price", "stop_distance"))
    return [
        *(float(f"{value:.8g}") for value in prices),
        _plain(trade["stop_atr"]),
        _plain(trade["beyond_atr"]),
        trade["fallback"],
        trade["entry_index"],
        trade["exit_index"],
        [
            {
                "index": each["index"],
                "reason": each["reason"],
                "share": round(each["fraction"], 4),
                "level": float(f"{each['level']:.8g}"),
                "slip": round(1e4 * abs(each["fill"] - each["intended"]) / each["intended"], 2),
            }
            for each in trade["exits"]
        ],
        [round(value, 3) for value in trade["mae_path"]],
        [round(value, 3) for value in trade["mfe_path"]],
        [_plain(trade[f"after_{n}"]) for n in examination.params.after_bars],
        [
            {
                "index": each["index"],
                "kind": each["kind"],
                "mover": each["mover"],
                "level": float(f"{each['level']:.8g}"),
                "trace": [float(f"{level:.8g}") for level in each["trace"]],
            }
            for each in trade["decisions"]
        ],
    ]


def _plain(value: Any) -> Any:
    return round(value, 4) if isinstance(value, float) else value


def _packed(values: NDArray[Any], kind: type) -> str:
    return base64.b64encode(np.ascontiguousarray(values, kind).tobytes()).decode()
