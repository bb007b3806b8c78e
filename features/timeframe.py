"""Any expression on a higher timeframe: computed on its closed bars alone, and held until the next one closes."""

from __future__ import annotations

from features.expression import Expr, bar

# how the kernel `resample` makes each column of the higher timeframe from the bars inside it
HOW = {"open": 0, "high": 1, "low": 2, "close": 3, "volume": 4}
LAST = 3
DAY_US = 86_400_000_000
MONDAY_US = 4 * DAY_US  # 1970 began on a Thursday


def on_timeframe(expr: Expr, interval_us: int, offset_us: int = 0) -> Expr:
    """`expr` as if the bars were of `interval_us`; its value of the last such bar that has closed.

    Spans end at offset_us + k interval_us since 1970 UTC (weeks from Monday: offset_us=MONDAY_US). A span whose last
    bar never comes (a weekend, a halt) is closed by the next bar that does. Series joined as-of are taken at the close.
    """
    if interval_us <= 0 or not 0 <= offset_us < interval_us:
        raise ValueError(
            f"on_timeframe: offset_us must lie in [0, interval_us), was {offset_us} of {interval_us}; "
            "typical: 3_600_000_000 (an hour) and 0"
        )
    moved: dict[int, Expr] = {}

    def move(each: Expr) -> Expr:
        if id(each) not in moved:
            if each.op in ("input", "as_of"):
                how = HOW.get(each.name, LAST) if each.op == "input" else LAST
                span = {"interval_us": interval_us, "offset_us": offset_us, "how": how}
                moved[id(each)] = Expr("resample", (each, bar("time")), span)
            elif each.op == "constant":
                moved[id(each)] = each
            else:
                parameters = {key: dict(v) if isinstance(v, tuple) else v for key, v in each.parameters}
                moved[id(each)] = Expr(each.op, tuple(move(i) for i in each.inputs), parameters, each.name)
        return moved[id(each)]

    return Expr("latest", (move(expr),))
