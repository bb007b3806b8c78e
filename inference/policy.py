"""Policy parameters: how the engine turns the nets' curves into levels, and the risk envelope around them."""

from __future__ import annotations

from dataclasses import dataclass

from inference.checks import number_in
from inference.levels import GROUPS


@dataclass(frozen=True, slots=True)
class StopPolicy:
    """Parameters of the stop pipeline (ML stop → volatility adjustment → final validation).

    cost: cost of being stopped out and out of position, fraction of price (fee + slippage).
    risk_price: value of one volatility unit of stop distance not put at risk; 0 lets costs alone choose (wide stops).
    trail_from_r: unrealised profit, in multiples of the initial risk, from which the ML stop may trail the price.
    min_atr, max_atr: the stop distance is held inside these multiples of ATR.
    fallback_atr: stop distance in ATR when the nets cannot be used; fallback_fraction: of price when ATR is missing.
    """

    cost: float = 0.001
    risk_price: float = 0.01
    trail_from_r: float = 1.0
    min_atr: float = 0.5
    max_atr: float = 6.0
    fallback_atr: float = 2.5
    fallback_fraction: float = 0.03

    def __post_init__(self) -> None:
        number_in("policy.stop.cost", self.cost, 0.0, 0.1, "0.0002 to 0.005")
        number_in("policy.stop.risk_price", self.risk_price, 0.0, 10.0, "0 to 0.1")
        number_in("policy.stop.trail_from_r", self.trail_from_r, 0.0, 1000.0, "0.5 to 2; a large value never trails")
        number_in("policy.stop.min_atr", self.min_atr, 0.0, 100.0, "0.3 to 1")
        number_in("policy.stop.max_atr", self.max_atr, 0.0, 100.0, "3 to 10")
        number_in("policy.stop.fallback_atr", self.fallback_atr, 0.1, 100.0, "2 to 4")
        number_in("policy.stop.fallback_fraction", self.fallback_fraction, 0.0001, 0.5, "0.01 to 0.05")
        if not self.min_atr < self.max_atr:
            raise ValueError(
                f"policy.stop.min_atr: must be below max_atr ({self.max_atr:g}), was {self.min_atr:g}; lower it"
            )


@dataclass(frozen=True, slots=True)
class TargetPolicy:
    """Parameters of the target pipeline (ML target → R-multiple adjustment → final).

    limit_cost: cost of an exit at the target, fraction of price (maker fee).
    market_cost: cost of an exit at market, fraction of price (taker fee + slippage).
    min_r, max_r: the target stands between these multiples of the initial risk.
    fallback_r: multiple of the initial risk when the nets cannot be used.
    """

    limit_cost: float = 0.0005
    market_cost: float = 0.001
    min_r: float = 1.0
    max_r: float = 5.0
    fallback_r: float = 2.0

    def __post_init__(self) -> None:
        number_in("policy.target.limit_cost", self.limit_cost, 0.0, 0.1, "0 to 0.001")
        number_in("policy.target.market_cost", self.market_cost, 0.0, 0.1, "0.0002 to 0.005")
        number_in("policy.target.min_r", self.min_r, 0.1, 100.0, "1 to 2")
        number_in("policy.target.max_r", self.max_r, 0.1, 100.0, "3 to 10")
        number_in("policy.target.fallback_r", self.fallback_r, 0.1, 100.0, "1.5 to 3")
        if not self.min_r <= self.max_r:
            raise ValueError(
                f"policy.target.min_r: must not exceed max_r ({self.max_r:g}), was {self.min_r:g}; lower it"
            )


@dataclass(frozen=True, slots=True)
class RiskPolicy:
    """The risk envelope; it cannot be switched off, only made tighter than its ceilings of 2 % and 5 %.

    max_trade_loss: largest loss at the stop with stop.cost inside, fraction of equity.
    max_open_risk: largest sum of what all stops would lose, fraction of equity.
    min_distance: smallest distance of a level from the price, fraction of price. tick: price step, 0 = continuous.
    """

    max_trade_loss: float = 0.02
    max_open_risk: float = 0.05
    min_distance: float = 0.0005
    tick: float = 0.01

    def __post_init__(self) -> None:
        number_in("policy.risk.max_trade_loss", self.max_trade_loss, 0.0001, 0.02, "0.005 to 0.02")
        number_in("policy.risk.max_open_risk", self.max_open_risk, 0.0001, 0.05, "0.02 to 0.05")
        number_in("policy.risk.min_distance", self.min_distance, 0.0, 0.1, "0.0002 to 0.002")
        number_in("policy.risk.tick", self.tick, 0.0, 1e6, "0.01 for US equities and indices")


@dataclass(frozen=True, slots=True)
class Policy:
    """All that decides between curves and levels; travels inside the exports.

    levels: groups of the prices that the engine computes for its steps, see LEVEL_GROUPS in native/price_levels.hpp.
    """

    stop: StopPolicy
    target: TargetPolicy
    risk: RiskPolicy
    levels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        unknown = [name for name in self.levels if name not in GROUPS]
        if unknown or len(set(self.levels)) < len(self.levels):
            raise ValueError(
                f"policy.levels: must name groups ({', '.join(GROUPS)}), each once, was "
                f"{unknown or list(self.levels)}; take the others out"
            )
