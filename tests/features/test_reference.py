"""docs/features.md says what the engine computes, of every feature with every option, in lines that can be read."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from features.catalogue import CATALOGUE, entry
from features.expression import Expr, bar, maximum, minimum
from features.formulas import Formulas, used
from features.reference import ALWAYS, EVERYTHING, THREE_REGIMES, outputs, page, parameters_of

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def written() -> str:
    return page()


def test_the_page_is_the_one_that_the_graph_writes(written) -> None:
    found = (ROOT / "docs" / "features.md").read_text(encoding="utf-8")
    assert found == written, "run `python -m features.reference`"


def test_no_line_is_too_long_to_read(written) -> None:
    assert max(map(len, written.splitlines())) <= 300


def test_every_feature_of_every_option_has_unit_source_and_parameters(written) -> None:
    for params in (ALWAYS, EVERYTHING, THREE_REGIMES):
        for family, built in outputs(params).items():
            for name in built:
                told = entry(family, name)
                assert told.unit
                assert told.source
                assert f"- **{name}**" in written, name


def test_every_entry_of_the_catalogue_is_of_a_feature() -> None:
    built = [outputs(params) for params in (EVERYTHING, THREE_REGIMES)]
    for family, entries in CATALOGUE.items():
        names = {name for each in built for name in each[family]}
        for each in entries:
            assert any(re.fullmatch(each.name, name) for name in names), f"{family}: {each.name} matches none"
    with pytest.raises(LookupError, match=r"catalogue: flow\.moon must have one entry, has 0"):
        entry("flow", "moon")


def test_each_formula_uses_names_that_stand_on_the_page(written) -> None:
    """Every word of a formula is a feature, a part, a shorthand, a column, a series or a kernel."""
    from inference import _native

    formulas = re.findall(r"^  - (?:with )?`(.*)`$", written, re.MULTILINE)
    assert len(formulas) > 200
    defined = set(re.findall(r"^- \*\*(\w+)\*\*", written, re.MULTILINE))
    parts = [text.split(" = ")[0] for text in formulas if re.match(r"\w+ = ", text)]
    assert len(parts) == len(set(parts)), "a part is written once"
    defined |= set(parts) | set(re.findall(r"^- `(\w+)(?: =|\(a, b\) =)", written, re.MULTILINE)) | {"clip"}
    kernels = {kernel.name: kernel for kernel in _native.kernels()}
    defined |= {*kernels, *(p.name for kernel in kernels.values() for p in kernel.parameters)}
    defined |= {"open", "high", "low", "close", "volume", "time", "vix", "funding", "taker_buy_volume", "trades"}
    defined |= {"SPX", "NASDAQ", "DAX", "negative", "age"}
    for text in formulas:
        words = set(re.findall(r"(?<![\w.])[A-Za-z_]\w*", re.sub(r"close@\w+", "", text)))
        unknown = {word for word in words - defined if not word.startswith("book_")}
        assert not unknown, (text, unknown)


def test_a_formula_reads_as_it_computes(written) -> None:
    assert (
        "- **std_ratio**: multiple of sigma; warm-up 20.\n  - `minimum(rolling_std(ret, 20) / scale, 100)`\n" in written
    )
    assert "\n  - `minimum(garch_sigma / scale, 100)`\n" in written
    assert "- `rolling_quantile`: 1 input; window (whole, 1 to 100000), quantile (0 to 1)." in written


def test_formulas_that_are_split_compute_the_same() -> None:
    """Parts put back into a formula give the values of the expression."""
    close = bar("close")
    long = close
    for k in range(2, 30):
        long = maximum(long * (1.0 + 1.0 / k), close.abs()) - (close < float(k)) * 0.25
    expr = minimum(maximum(long, -3.0), 1e9) + (long * long).sqrt()
    lines = Formulas({}, {}, used([expr])).write("x", expr)
    assert len(lines) > 3
    assert max(len(text) for _, text in lines) < 200
    values = np.linspace(0.5, 40.0, 50)
    known = {"close": values, "sqrt": np.sqrt, "absolute": np.abs, "maximum": np.maximum, "clip": np.clip}
    todo = dict(lines)
    for name in [*reversed([part for part, _ in lines[1:]]), *[part for part, _ in lines[1:]]] * len(lines):
        try:
            known[name] = eval(todo[name].replace("^", "**"), {}, known)
        except NameError:
            continue
    got = eval(todo["x"].replace("^", "**"), {}, known)
    np.testing.assert_allclose(got, _values(expr, values), rtol=1e-4)  # constants are written with six digits


def _values(expr: Expr, close: np.ndarray) -> np.ndarray:
    from features.graph import to_data
    from inference import Graph

    bars = dict.fromkeys(("open", "high", "low", "close"), close) | {"volume": close}
    return Graph(to_data({"x": expr}, [], 60_000_000)).run(bars, np.arange(len(close)) * 60_000_000)["x"]


def test_parameters_are_those_that_change_a_feature() -> None:
    found = parameters_of(ALWAYS)
    assert found["volatility", "atr"] == ["volatility.atr_bars = 14"]
    assert found["exhaustion", "aroon_up"] == ["exhaustion.aroon_bars = 25"]
    assert "levels.zone_width = 0.25" in found["flow", "hunt_low_rate"]
    assert "volatility.realised_bars = [5, 22, 66]" in found["volatility", "realised_log_66"]
