"""What the section evaluate.venue says: the terms of each symbol, in the replays of all policies alike."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from inference.checks import number_in
from inference.venue import Margin, Rung, check_ladder
from pipelines.params import parse

FEES = ("taker", "maker", "slippage")


@dataclass(frozen=True, slots=True)
class ImpactParams:
    """coefficient of sigma · sqrt(quantity / volume), 0: none; volume: a series, "" for the mean of traded volume;
    window_bars: of that mean and of sigma.
    """

    coefficient: float
    volume: str
    window_bars: int

    def __post_init__(self) -> None:
        number_in("impact.coefficient", self.coefficient, 0.0, 100.0, "0, or 0.3 to 1.5; fit it")
        if self.window_bars < 2:
            raise ValueError(f"impact.window_bars: must be at least 2, was {self.window_bars}; typical: 20 to 100")


@dataclass(frozen=True, slots=True)
class MarginParams:
    """As `inference.venue.Margin`; leverage 0: none."""

    leverage: float
    maintenance: float
    fee: float

    def __post_init__(self) -> None:
        self.margin()

    def margin(self) -> Margin | None:
        """The margin, where there is one."""
        return Margin(self.leverage, self.maintenance, self.fee) if self.leverage else None


@dataclass(frozen=True, slots=True)
class TermsParams:
    """Of one symbol. Fees and slippage: fractions of price; funding: name of a series, "": none; tick, lot: steps of
    price and quantity, 0: none.
    """

    taker_fee: float
    maker_fee: float
    slippage: float
    impact: ImpactParams
    funding: str
    margin: MarginParams
    tick: float
    lot: float
    ladder: tuple[Rung, ...]

    def __post_init__(self) -> None:
        for name in ("taker_fee", "maker_fee", "slippage"):
            number_in(name, getattr(self, name), -0.001, 0.05, "0 to 0.001 (a rebate is negative)")
        for name in ("tick", "lot"):
            number_in(name, getattr(self, name), 0.0, 1e6, "the contract's own, 0 for none")
        check_ladder(self.ladder)

    def describe(self) -> str:
        """For the report's reader."""
        fees = (f"{name} {1e4 * share:g} bp" for name, share in zip(FEES, self.fees, strict=True))
        more = {
            f"impact {self.impact.coefficient:g} sigma sqrt(quantity / volume)": self.impact.coefficient,
            f"funding by the series {self.funding}": self.funding,
            f"isolated margin at {self.margin.leverage:g} times": self.margin.leverage,
            f"exits in parts at {', '.join(f'{rung.target:g}' for rung in self.ladder)} of the target": self.ladder,
        }
        return "; ".join([", ".join(fees), *(text for text, on in more.items() if on)])

    @property
    def fees(self) -> tuple[float, float, float]:
        """Taker, maker, slippage."""
        return self.taker_fee, self.maker_fee, self.slippage


@dataclass(frozen=True, slots=True)
class VenueParams:
    """detail: folder of finer bars, "": none; default: terms of all symbols; symbols: what differs, by symbol."""

    detail: str
    default: TermsParams
    symbols: dict[str, Any]

    def __post_init__(self) -> None:
        for symbol in self.symbols:
            self.of(symbol)

    def describe(self) -> str:
        """For the report's reader."""
        common = self.default.describe()
        others = {symbol: self.of(symbol).describe() for symbol in self.symbols}
        own = (f" {symbol}: {text}." for symbol, text in others.items() if text != common)
        return f"Costs per fill: {common}.{''.join(own)}"

    def of(self, symbol: str) -> TermsParams:
        """The terms of a symbol: the default's, with what differs."""
        if symbol not in self.symbols:
            return self.default
        # through JSON, since the parser takes lists, not tuples
        whole = _merged(json.loads(json.dumps(asdict(self.default))), self.symbols[symbol])
        return parse(TermsParams, whole, f"symbols.{symbol}")


def _merged(base: dict[str, Any], change: Any) -> Any:
    if not isinstance(change, Mapping):
        return change
    return base | {
        key: _merged(base[key], value) if isinstance(base.get(key), dict) else value for key, value in change.items()
    }
