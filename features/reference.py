"""docs/features.md, written from the feature graph itself: `python -m features.reference` rewrites the file.

What it says cannot differ from what the engine computes: formulas are the expressions, kernels come from the registry.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from arch.data import sp500

from features.cross import CrossParams
from features.excursion import ExcursionParams
from features.exhaustion import ExhaustionParams
from features.expression import Expr, bar
from features.families import FAMILIES, FeatureParams
from features.flow import FlowParams
from features.graph import from_data
from features.levels import LevelsParams
from features.timeframes import TimeframesParams
from features.volatility import VolatilityParams, ewma_sigma, log_return
from inference import Graph, _native

PATH = Path("docs/features.md")
DAY_US = 86_400_000_000
INFIX = {"add": "+", "subtract": "-", "multiply": "*", "divide": "/", "less": "<", "less_equal": "<="}
HEAD = """# Features

Written by `python -m features.reference` from the feature graph with the default parameters; do not edit it. A name in
a formula is another feature, an auxiliary output or one of these: {shorthand}. The kernels are below; a kernel's last
arguments are its parameters. Every value is known at its bar's close. A bar on which an input is missing gives a
missing value and leaves all state as it was. Warm-up: bars before the first value.
"""


SHORTHAND = {
    "ret": log_return(),
    "gap": (bar("open") / bar("close").lag(1)).log(),
    "span": (bar("high") / bar("low")).log(),
    "body": (bar("close") / bar("open")).log(),
    "scale": ewma_sigma(VolatilityParams()),
}


def formula(expr: Expr, names: Mapping[int, str], top: bool = False) -> str:
    """The expression in infix; a part that has a name is called by it."""
    if not top and id(expr) in names:
        return names[id(expr)]
    if expr.op in ("input", "as_of"):
        return expr.name
    values = [f"{dict(v)['*']:.4g}" if isinstance(v, tuple) else f"{v:.6g}" for _, v in expr.parameters]
    if expr.op == "constant":
        return values[0]
    inner = [formula(each, names) for each in expr.inputs]
    if expr.op in INFIX:
        return f"({inner[0]} {INFIX[expr.op]} {inner[1]})"
    if expr.op == "negate":
        return f"-{inner[0]}"
    if any(isinstance(v, tuple) for _, v in expr.parameters):  # fitted, one set per symbol
        values = [name for name, _ in expr.parameters]
    return f"{expr.op}({', '.join(inner + values)})"


def families() -> list[tuple[str, dict[str, Expr], dict[str, int], tuple[str, ...]]]:
    """(family, outputs, warm-up of each, auxiliary outputs) with default parameters, models fitted on the S&P 500."""
    params = FeatureParams(
        VolatilityParams(implied=""),
        ExcursionParams(),
        ExhaustionParams(),
        LevelsParams(),
        TimeframesParams(),
        FlowParams(),
        CrossParams(),
    )
    returns = {"SPX": np.diff(np.log(sp500.load()["Close"].to_numpy(float)))[:2500]}
    out = []
    for family in FAMILIES.values():
        data = family.graph(params, returns, DAY_US)
        out.append((family.name, from_data(data), Graph(data).warm_up, family.auxiliary))
    return out


def kernel_table() -> list[str]:
    """A row per kernel of the registry."""
    rows = ["| kernel | inputs | parameters | value |", "|---|---|---|---|"]
    for kernel in _native.kernels():
        ranges = [f"{p.name}: {'whole, ' if p.whole else ''}{p.low:g} to {p.high:g}" for p in kernel.parameters]
        value = kernel.formula.replace("|", "\\|")
        rows.append(f"| `{kernel.name}` | {kernel.arity} | {'; '.join(ranges)} | {value} |")
    return rows


def page() -> str:
    """The whole page."""
    described = families()
    names = {id(expr): name for name, expr in SHORTHAND.items()}
    names |= {id(expr): name for _, outputs, _, _ in reversed(described) for name, expr in outputs.items()}
    shorthand = ", ".join(f"`{name} = {formula(expr, {}, top=True)}`" for name, expr in SHORTHAND.items())
    lines = [HEAD.format(shorthand=shorthand)]
    for family, outputs, warm_up, auxiliary in described:
        lines += [f"## {family}", "", "| feature | warm-up | formula |", "|---|---|---|"]
        for name, expr in outputs.items():
            text = formula(expr, names, top=True)
            text = text[1:-1] if expr.op in INFIX else text
            mark = " (auxiliary)" if name in auxiliary else ""
            lines.append(f"| {name}{mark} | {warm_up[name]} | `{text}` |")
        lines.append("")
    return "\n".join([*lines, "## Kernels", "", *kernel_table(), ""])


if __name__ == "__main__":
    PATH.parent.mkdir(exist_ok=True)
    PATH.write_text(page(), encoding="utf-8")
