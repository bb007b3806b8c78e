"""The report's section on the account: one equity for all symbols, with the portfolio's limits acting."""

from __future__ import annotations

from collections.abc import Callable

import plotly.graph_objects as go

from pipelines.pages import charts
from pipelines.pages.charts import NAMES
from pipelines.pages.markup import cells, number, table
from pipelines.trades.account import Account


def render(account: Account, plot: Callable[[go.Figure], str]) -> str:
    """The whole section."""
    figure = charts.equity(account.curve)
    figure.update_yaxes(title_text="account, % of first equity", row=1, col=1)
    limits = account.limits
    body = []
    for row in account.summary.iter_rows(named=True):
        counts = (f"{row[name]:,}" for name in ("entries", "shrunk", "refused", "short_of_margin"))
        shares = (number(row[name], "%") for name in ("profit", "drawdown", "open_risk", "margin", "maximum_loss"))
        body.append(cells([NAMES[row["policy"]], *counts, *shares, str(row["positions"])]))
    heads = ["policy", "entries", "shrunk", "refused", "no margin"]
    heads += ["profit", "drawdown", "worst open risk", "most margin", "maximum loss"]
    return (
        "<h2>One account</h2>\n<p>The same entries of all symbols on one equity, reinvested: each is sized to lose "
        f"{100 * limits.max_trade_loss:g} % of it at the stop, shrunk (below {100 * limits.min_share:g} % of that: "
        f"refused) where open risk with the positions then held would pass {100 * limits.max_open_risk:g} %, or where "
        "the account cannot pay what a position ties up (its price / leverage of the venue's margin; without one, its "
        "price). So the "
        "policies hold different positions: this shows what the limits do; the comparison is above. Open risk may pass "
        "its limit later, where equity falls; a loss its own, by gaps, funding and impact.</p>\n"
        f'<div class="card">{plot(figure)}</div>\n<p></p>\n'
        f'<div class="card wide">{table([*heads, "positions"], body)}</div>\n'
    )
