"""docs/features.md, written from the feature graph itself: `python -m features.reference` rewrites the file.

What it says cannot differ from what the engine computes: formulas are the expressions, kernels come from the registry,
parameters are found by changing each and looking which expressions change. Every option is switched on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path
from textwrap import wrap
from typing import Any

from features import excursion, volatility
from features.catalogue import entry
from features.cross import CrossParams
from features.divergence import pivot_high, pivot_low
from features.excursion import ExcursionParams
from features.exhaustion import ExhaustionParams
from features.expression import Expr, bar
from features.families import FAMILIES, FeatureParams
from features.flow import FlowParams
from features.formulas import Formulas, used
from features.graph import to_data
from features.hunts import on_volume, pools, sweep
from features.levels import LevelsParams, nearest_zones, unit
from features.liquidity import money, tick_sign
from features.named_series import SeriesParams
from features.swings import legs, turned, zigzag
from features.timeframes import TimeframesParams
from features.volatility import VolatilityParams, clock_factors, ewma_sigma, log_return
from features.volatility_models import Models
from features.volatility_ranges import (
    body,
    gap,
    log_root,
    mean_square,
    rogers_satchell_variance,
    span,
    yang_zhang_variance,
)
from inference import Graph, _native
from inference.levels import GROUPS

PATH = Path("docs/features.md")
DAY_US = 86_400_000_000
WIDTH = 150
HEAD = """# Features

Written by `python -m features.reference` from the feature graph itself; do not edit it. Parameters are the defaults,
with every option of `params.yaml` switched on: `(option)` marks what needs one. Of each feature stand here: its name;
its unit; the bars before its first value (on daily bars); its formula, in which a name is another feature, a part that
is written out where it is first used, a shorthand below, a column of the bar, a named series (age: that of its value,
in µs) or a kernel (last section); the parameters that change it; its source. ≈ marks constants that are fitted on the
training part (here examples), [a, SYMBOL: b] one that differs by symbol. Every value is known at its bar's close. A bar
on which an input is missing gives a missing value and leaves all state as it was. Auxiliary outputs are units and
prices, not inputs of the nets.
"""
# Of the fitted models, so that the page says the same on every machine; of the order that the S&P 500 gives.
EXAMPLE: dict[str, dict[str, float]] = {
    "garch": {"mu": 5e-4, "omega": 1e-6, "alpha": 0.08, "beta": 0.9, "start": 1e-4},
    "gjr": {"mu": 2e-4, "omega": 1e-6, "alpha": 0.01, "gamma": 0.15, "beta": 0.9, "start": 1e-4},
    "egarch": {"mu": 2e-4, "omega": -0.15, "alpha": 0.1, "gamma": -0.12, "beta": 0.98, "start": 1e-4},
    "har": {"intercept": -0.4, "b5": 0.2, "b22": 0.4, "b66": 0.3},
}
REGIMES: dict[int, dict[str, float]] = {
    2: {"mu": 5e-4, "calm_sigma": 0.008, "turbulent_sigma": 0.02, "stay_calm": 0.99, "stay_turbulent": 0.96},
    3: {"mu": 5e-4, "calm_sigma": 0.006, "middle_sigma": 0.012, "turbulent_sigma": 0.03}
    | {"calm_to_middle": 0.01, "calm_to_turbulent": 0.001, "middle_to_calm": 0.01, "middle_to_turbulent": 0.01}
    | {"turbulent_to_calm": 0.001, "turbulent_to_middle": 0.03},
}

SHORTHAND = {
    "ret": log_return(),
    "gap": gap(),
    "span": span(),
    "body": body(),
    "scale": ewma_sigma(VolatilityParams()),
    "unit": unit(LevelsParams(), VolatilityParams()),
    "log_high": bar("high").log(),
    "log_low": bar("low").log(),
    "log_close": bar("close").log(),
}
ALWAYS = FeatureParams(
    VolatilityParams(implied=""),
    ExcursionParams(),
    ExhaustionParams(),
    LevelsParams(),
    TimeframesParams(),
    FlowParams(),
    CrossParams(),
)
EVERYTHING = replace(
    ALWAYS,
    volatility=VolatilityParams(day_slots=24, implied="vix"),
    levels=LevelsParams(zones_told=2),
    flow=FlowParams(
        taker="taker_buy_volume",
        trades="trades",
        book=True,
        series=(SeriesParams("funding", max_age_days=1.0, window_bars=100, shift_bars=5),),
    ),
    cross=CrossParams(symbols=("SPX", "NASDAQ", "DAX"), baskets={"us": ("SPX", "NASDAQ")}),
)
THREE_REGIMES = replace(EVERYTHING, volatility=replace(EVERYTHING.volatility, regimes=3))

Outputs = dict[str, dict[str, Expr]]  # by family


def example_models(p: VolatilityParams) -> Models:
    """Constants in place of fitted ones."""
    chosen = {"garch", *p.models}
    constants = {**EXAMPLE, "regime": REGIMES[p.regimes]}
    return {
        model: {name: {"*": value} for name, value in each.items()}
        for model, each in constants.items()
        if model in chosen
    }


def outputs(params: FeatureParams) -> Outputs:
    """All outputs of all families."""
    built = {}
    for name, family in FAMILIES.items():
        if name == "volatility":
            built[name] = volatility.expressions(params.volatility, example_models(params.volatility))
        elif name == "excursion":
            regimes = example_models(params.volatility).get("regime")
            built[name] = excursion.expressions(params.excursion, params.volatility, regimes)
        else:
            built[name] = family.expressions(params, {})
    return built


def changed(value: Any) -> Iterator[Any]:
    """Other values of a parameter, to see what depends on it; some may be impossible."""
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int):
        yield from (value + 1, value + 2, value - 1)
    elif isinstance(value, float):
        yield from (value * 1.01 + 0.001, value * 0.99)
    elif isinstance(value, str):
        yield from (value + "_" if value else "x", "Asia/Tokyo")  # the second for what must be a zone
    elif isinstance(value, tuple):
        yield from (value[:i] + value[i + 1 :] for i in range(len(value)))
    elif isinstance(value, dict):
        yield {}


def parameters_of(params: FeatureParams) -> dict[tuple[str, str], list[str]]:
    """(family, feature) → the parameters that change it, as `family.name = value`."""
    base = outputs(params)
    found: dict[tuple[str, str], list[str]] = {(family, name): [] for family in base for name in base[family]}
    for section in fields(params):
        values = getattr(params, section.name)
        for field in fields(values):
            value = getattr(values, field.name)
            touched: set[tuple[str, str]] = set()
            for other in changed(value):
                try:
                    built = outputs(replace(params, **{section.name: replace(values, **{field.name: other})}))
                except (ValueError, KeyError):
                    continue
                touched |= {key for key in found if built[key[0]].get(key[1]) is not base[key[0]][key[1]]}
                if not isinstance(value, tuple):
                    break
            for key in touched:
                found[key].append(f"{section.name}.{field.name} = {_value(value)}")
    return found


def _value(value: Any) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(_value(each) for each in value)}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key}: {_value(each)}' for key, each in value.items())}}}"
    if isinstance(value, SeriesParams):
        return f"{{name: {value.name}, …}}"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _item(text: str, indent: str = "") -> list[str]:
    """An item of a list, wrapped."""
    return wrap(text, WIDTH, initial_indent=f"{indent}- ", subsequent_indent=f"{indent}  ", break_long_words=False)


def labels(every: Outputs) -> dict[int, str]:
    """Names of parts that many formulas share, by the expression's id."""
    p = EVERYTHING
    one = unit(p.levels, p.volatility)
    inputs = legs(one * p.levels.swing_units)
    found: dict[str, Expr] = {
        "garch_variance": every["volatility"]["garch_sigma"].inputs[0],
        "gjr_variance": _inner(every["volatility"]["gjr_log"], "gjr"),
        "egarch_variance": _inner(every["volatility"]["egarch_log"], "egarch"),
        "regime_variance": _inner(every["volatility"]["regime_horizon_log"], "log").inputs[0].inputs[0],
        "rogers_satchell_variance": rogers_satchell_variance(p.volatility.window_bars),
        "yang_zhang_variance": yang_zhang_variance(p.volatility.window_bars),
        **{f"log_realised_{n}": log_root(mean_square(log_return(), n)) for n in p.volatility.realised_bars},
        **clock_factors(p.volatility),
        "tops": pivot_high(p.levels.pivot_bars),
        "bottoms": pivot_low(p.levels.pivot_bars),
        "pivot_high": pivot_high(p.exhaustion.pivot_bars),
        "pivot_low": pivot_low(p.exhaustion.pivot_bars),
        "swing_turned": turned(inputs),
        "turning_point": zigzag(inputs, 2),
        "turning_point_before": zigzag(inputs, 3),
        "loud": on_volume(p.flow.hunt_volume, p.flow.window_bars),
        "net_flow": tick_sign() * money().sqrt(),
        "to_units": 1.0 / (bar("close") * one),
    }
    found |= dict(zip(("sum_below", "sum_above"), nearest_zones(p.levels, p.volatility)[2:], strict=True))
    for side, name in ((-1, "low"), (1, "high")):
        stops = pools(p.levels, p.volatility, p.flow.pool_bars, p.flow.equal_tolerance, side)
        found |= {f"{name}_{pool}": e for pool, e in zip(("extreme", "equals", "round", "zone"), stops, strict=True)}
        found[f"{name}_swept"] = found["loud"] * sweep(stops, side)
    return {id(expr): name for name, expr in reversed(found.items())}


def _inner(expr: Expr, op: str) -> Expr:
    """The first expression of that kernel inside another."""
    while expr.op != op:
        expr = expr.inputs[0]
    return expr


def described() -> list[str]:
    """A section a family."""
    every, always = outputs(EVERYTHING), outputs(ALWAYS)
    three = outputs(THREE_REGIMES)["volatility"]
    extra = {name: expr for name, expr in three.items() if every["volatility"].get(name) is not expr}
    names = {id(expr): name for name, expr in SHORTHAND.items()}
    names |= {id(expr): name for name, expr in extra.items()}
    names |= {id(e): name for family in reversed(every.values()) for name, e in reversed(family.items())}
    uses = used([*(e for family in every.values() for e in family.values()), *extra.values()])
    formulas = Formulas(names, labels(every), uses)
    parameters = parameters_of(EVERYTHING)
    three_parameters = parameters_of(THREE_REGIMES)
    lines = ["## Shorthand", ""]
    lines += [f"- `{name} = {formulas.write(name, expr)[0][1]}`" for name, expr in SHORTHAND.items()]
    lines.append("- `clip(x, low, high)`: x inside both")

    def write(family: str, name: str, expr: Expr, warm_up: int, depends: list[str], option: str) -> None:
        told = entry(family, name)
        mark = "auxiliary; " if name in FAMILIES[family].auxiliary else ""
        head = f"**{name}**{option}: {mark}{told.unit}; warm-up {warm_up}."
        lines.extend(_item(head))
        for i, (part, text) in enumerate(formulas.write(name, expr)):
            lines.append(f"  - `{text}`" if i == 0 else f"  - with `{part} = {text}`")
        own = [each.removeprefix(f"{family}.") for each in depends]
        lines.extend(_item(f"Parameters: {', '.join(own) if own else 'none'}. Source: {told.source}.", "  "))

    for family, built in every.items():
        lines += ["", f"## {family}", ""]
        warm_up = Graph(to_data(built, [], DAY_US)).warm_up
        for name, expr in built.items():
            option = "" if name in always[family] else " (option)"
            write(family, name, expr, warm_up[name], parameters[family, name], option)
        if family == "volatility":
            lines += ["", "With `regimes: 3`:", ""]
            warm_up = Graph(to_data(extra, [], DAY_US)).warm_up
            for name, expr in extra.items():
                write(family, name, expr, warm_up[name], three_parameters[family, name], " (option)")
    return lines


def level_list() -> list[str]:
    """The levels that the engine can compute as prices, by group."""
    lines = [
        "## Levels as prices",
        "",
        "What `engine.levels()` tells, by the groups of `policy.levels`: the prices whose distances the features are",
        "(`round_below` that of `round_below_distance`), missing where there is none. `*` marks those with a strength.",
        "",
    ]
    for group in GROUPS:
        levels = {n: e for f in FAMILIES.values() for n, e in f.prices(EVERYTHING).items() if e.group == group}
        names = ", ".join(f"{name}*" if level.strength is not None else name for name, level in levels.items())
        lines += _item(f"**{group}**: {names}")
    return lines


def kernel_list() -> list[str]:
    """An item per kernel of the registry."""
    lines = ["## Kernels", ""]
    for kernel in _native.kernels():
        ranges = [f"{p.name} ({'whole, ' if p.whole else ''}{p.low:g} to {p.high:g})" for p in kernel.parameters]
        inputs = "1 input" if kernel.arity == 1 else f"{kernel.arity} inputs"
        lines += _item(f"`{kernel.name}`: {inputs}{'; ' if ranges else ''}{', '.join(ranges)}. {kernel.formula}")
    return lines


def page() -> str:
    """The whole page."""
    return "\n".join([HEAD, *described(), "", *level_list(), "", *kernel_list(), ""])


if __name__ == "__main__":
    PATH.parent.mkdir(exist_ok=True)
    PATH.write_text(page(), encoding="utf-8")
