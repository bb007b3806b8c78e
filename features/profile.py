"""Volume profile: how much has traded at which price."""

from __future__ import annotations

from typing import NamedTuple

from features.expression import Expr, bar, where


class Profile(NamedTuple):
    """Point of control, value area and nearest nodes (prices), and the density at the bar (0 to 1)."""

    poc: Expr
    value_low: Expr
    value_high: Expr
    density: Expr
    high_node_below: Expr
    high_node_above: Expr
    low_node_below: Expr
    low_node_above: Expr


def profile(window: int, bins: int, share: float, node_bins: int) -> Profile:
    """Volume of the last `window` bars over `bins` equal bins of log price, each bar's spread over its range.

    The value area grows from the point of control, the fullest bin, until it holds `share` of the volume. Density:
    volume at the bar's middle over that at the point of control. A high-volume node is a bin fuller than all node_bins
    on either side of it, a low-volume node one that is emptier; the nearest on each side of the bar's middle, or the
    end of the traded range where there is none. While the last 20 bars show no volume, each bar counts as 1.
    Steidlmayer and Koy (1986), Markets and Market Logic; nodes: Dalton, Dalton and Jones (2007), Markets in Profile.
    Warm-up: window + 18.
    """
    volume = where(bar("volume").rolling_sum(20) > 0.0, bar("volume"), 1.0)
    inputs = (bar("high").log(), bar("low").log(), volume)
    parameters = {"window": window, "bins": bins, "share": share, "node": node_bins}
    outputs = [Expr("volume_profile", inputs, {**parameters, "output": output}) for output in range(8)]
    named = zip(Profile._fields, outputs, strict=True)
    return Profile(*(each if name == "density" else each.exp() for name, each in named))
