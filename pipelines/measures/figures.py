"""Definitions of the figures of exits: each a ratio of two sums over closed trades.

So a bootstrap replication is one weighted sum. Sums of money are per unit of notional (profit and excursions as
fractions of the entry price): all trades have the same size.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import polars as pl

from pipelines.trades.exit_fills import EACH, over_exits

Better = Literal["higher", "lower", "neither"]

STOPPED, AT_TARGET, WON = pl.col("reason") == "stop", pl.col("reason") == "target", pl.col("pnl") > 0
ONE = pl.lit(1.0)
FAR_ENOUGH = (pl.col("mfe") >= pl.col("stop_distance")).fill_null(False)
SIZE, CHANGE = EACH("fraction"), (EACH("fill") - EACH("intended")) / EACH("intended")
FAR_IN_HORIZON = (pl.col("horizon_mfe") >= pl.col("stop_distance")).fill_null(False)


@dataclass(frozen=True, slots=True)
class Figure:
    """Σ numerator / Σ denominator over trades; with a numerator of true and false, or whole numbers, it is a share.

    `target` is met above it (better higher) or below it (better lower).
    """

    key: str
    label: str
    unit: Literal["%", "R", "bp", "bars"]
    numerator: pl.Expr
    denominator: pl.Expr
    better: Better
    target: float | None = None


def _money(name: str) -> pl.Expr:
    return pl.col(name) / pl.col("entry_price")


def _when(mask: pl.Expr, value: pl.Expr) -> pl.Expr:
    return pl.when(mask).then(value).otherwise(0.0)


def _exits(reason: str, value: pl.Expr) -> pl.Expr:
    """The sum of a value over a trade's exits for this reason."""
    return over_exits(pl.when(EACH("reason") == reason).then(value).otherwise(0.0))


def _slippage(key: str, label: str, reason: str, mask: pl.Expr | None = None, target: float | None = None) -> Figure:
    """Of the exits for this reason, by size; mask: of trades (only the last exit can be a stop, and at a gap)."""
    slip, size = _exits(reason, SIZE * CHANGE.abs()), _exits(reason, SIZE)
    if mask is not None:
        slip, size = _when(mask, slip), _when(mask, size)
    return Figure(key, label, "%", slip, size, "lower", target)


def figures() -> tuple[Figure, ...]:
    """All figures in the order of the report. Values of unit % are fractions."""
    return (*results(), *stops(), *profits(), *fills(), *settings())


def results() -> tuple[Figure, ...]:
    """What the trades made."""
    known, r = pl.col("r").is_not_null(), pl.col("r")

    def in_r(name: str) -> tuple[pl.Expr, pl.Expr]:
        return _when(known, pl.col(name) / pl.col("stop_distance")), known

    return (
        Figure("expectancy_r", "Mean R, all trades", "R", _when(known, r), known, "higher", 0.0),
        Figure("expectancy_bp", "Expectancy at fixed size", "bp", 1e4 * _money("pnl"), ONE, "higher", 0.0),
        Figure("win_rate", "Win rate", "%", WON, ONE, "higher"),
        Figure("r_at_target", "Mean R of exits at a target", "R", _when(AT_TARGET, r), AT_TARGET, "higher", 2.0),
        Figure("win_rate_2r", "Reached a target of 2R or more", "%", pl.col("reached_2r"), ONE, "higher", 0.45),
        Figure("mfe_r", "Mean favourable excursion in the trade", "R", *in_r("mfe"), "neither"),
        Figure("mae_r", "Mean adverse excursion in the trade", "R", *in_r("mae"), "neither"),
        Figure("horizon_mfe_r", "The same to the horizon, favourable", "R", *in_r("horizon_mfe"), "neither"),
        Figure("horizon_mae_r", "The same to the horizon, adverse", "R", *in_r("horizon_mae"), "neither"),
    )


def stops() -> tuple[Figure, ...]:
    """Whether the stops were right. Premature: stopped at or below +0R, then +1R (from p0) within the horizon."""
    premature = pl.col("premature")
    saved = STOPPED & (pl.col("horizon_pnl") < pl.col("pnl"))
    beyond = STOPPED & (pl.col("beyond") >= 0.5 * pl.col("stop_distance"))
    return (
        Figure("premature_rate", "Premature stops, of all trades", "%", premature, ONE, "lower", 0.20),
        Figure("premature_of_stops", "Premature stops, of stop-outs", "%", premature, STOPPED, "lower", 0.20),
        Figure("stop_effectiveness", "Stops: holding would lose more", "%", saved, STOPPED, "higher", 0.80),
        Figure("stop_effectiveness_beyond", "Stops: price went 0.5R beyond", "%", beyond, STOPPED, "higher", 0.80),
    )


def profits() -> tuple[Figure, ...]:
    """How much of the move was kept."""
    pnl, mfe, horizon_mfe = _money("pnl"), _money("mfe"), _money("horizon_mfe")
    missed = pl.col("horizon_mfe") - pl.col("pnl")  # exit to best price, since pnl = side × (exit - entry)
    best = pl.col("entry_price") + pl.col("side") * pl.col("horizon_mfe")
    near_price, near_move = WON & (missed <= 0.05 * best), WON & (missed <= 0.05 * pl.col("horizon_mfe"))

    def share(mask: pl.Expr, part: pl.Expr, whole: pl.Expr) -> tuple[pl.Expr, pl.Expr]:
        return _when(mask, part), _when(mask, whole)

    kept, kept_horizon = share(FAR_ENOUGH, pnl, mfe), share(FAR_IN_HORIZON, pnl, horizon_mfe)
    return (
        Figure("profit_capture", "Profit capture, in-trade MFE", "%", *kept, "higher", 0.80),
        Figure("profit_capture_horizon", "Profit capture, horizon MFE", "%", *kept_horizon, "higher", 0.80),
        Figure("give_back", "Give-back of winners", "%", *share(WON, mfe - pnl, mfe), "lower", 0.20),
        Figure("exit_timing_price", "Winners out within 5 % of best price", "%", near_price, WON, "neither"),
        Figure("exit_timing_move", "Winners out within 5 % of best move", "%", near_move, WON, "neither"),
        *partials(),
    )


def partials() -> tuple[Figure, ...]:
    """How exits in parts did. A part is taken at a target, so a near one buys the first figure: beside it stands what
    came of those trades as a whole.
    """
    count, in_parts = pl.col("partials"), pl.col("partials") > 0
    return (
        Figure("partial_success", "Partial exits at a profit", "%", pl.col("partials_won"), count, "higher", 0.90),
        Figure(
            "partial_trades_won", "Trades with a partial exit, at a profit", "%", in_parts & WON, in_parts, "higher"
        ),
    )


def fills() -> tuple[Figure, ...]:
    """What the fills cost and how far they can be known.

    Slippage is METRICS.md's, |fill before fees - intended| / intended, each exit of a trade by its share of the
    quantity and under its own reason, whatever the last one's. A target that a gap fills better than asked counts as
    slippage too. So beside that of targets stands the signed one, side × (intended - fill) / intended: what it cost,
    gains negative; a target never fills worse than asked, so it is 0 at most. Exits by time are meant for the close, or
    after a halt for the open.
    """
    return (
        _slippage("slippage_stops", "Slippage on stops, gaps inside", "stop", target=0.001),
        _slippage("slippage_stops_smooth", "Slippage on stops, no gaps", "stop", ~pl.col("gap"), target=0.001),
        _slippage("slippage_targets", "Slippage on targets, gaps in favour inside", "target", target=0.001),
        Figure(
            "slippage_targets_cost",
            "What it cost, gains negative",
            "%",
            -pl.col("side") * _exits("target", SIZE * CHANGE),
            _exits("target", SIZE),
            "neither",
        ),
        _slippage("slippage_time", "Slippage on exits by time", "time"),
        _slippage("slippage_liquidations", "Slippage on liquidations", "liquidation"),
        _slippage("slippage_emergencies", "Slippage where protection was refused", "emergency"),
        Figure("slippage", "Slippage on all exits", "%", over_exits(SIZE * CHANGE.abs()), over_exits(SIZE), "lower"),
        Figure("gap_rate", "Stop-outs filled at a gap", "%", STOPPED & pl.col("gap"), STOPPED, "neither"),
        Figure("ambiguity_rate", "Exits that depend on the fill mode", "%", pl.col("ambiguous"), ONE, "neither"),
        Figure("ambiguity_left", "Exits that no finer bar decides", "%", pl.col("undecided"), ONE, "neither"),
        Figure(
            "touched_both_rate", "Exit bars with stop and target inside", "%", pl.col("touched_both"), ONE, "neither"
        ),
    )


def settings() -> tuple[Figure, ...]:
    """What the policy did, neither good nor bad."""
    known, bars = pl.col("r").is_not_null(), (pl.col("exit_index") - pl.col("entry_index") + 1).cast(pl.Float64)
    return (
        Figure("stop_out_rate", "Stop-outs, of all trades", "%", STOPPED, ONE, "neither"),
        Figure(
            "stop_distance", "Mean first stop distance", "%", _when(known, _money("stop_distance")), known, "neither"
        ),
        Figure("holding_bars", "Mean holding time", "bars", bars, ONE, "neither"),
        Figure("fallback_rate", "Decided by the rules, not the nets", "%", pl.col("fallback"), ONE, "neither"),
    )
