"""One account over several symbols: its books against the trade list, and what its tables and the report say."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from handmade_examination import BARS, MARKETS, make_product
from inference.replay import Entries
from inference.venue import Funding, Margin, Rung
from pipelines.pages.report import plot
from pipelines.pages.report_account import render
from pipelines.trades.account import Account, walk_account
from pipelines.trades.baselines import Exit, Market, Parabolic, Static, to_frame, trades_of
from pipelines.trades.terms import Terms
from venue_cases import COSTS

H = 10
CHOSEN: dict[str, tuple[Exit, float]] = {
    "fixed_atr": (Static("atr", 2.0, 2.0), 0.0),
    "chandelier": (Static("atr", 2.0, math.inf, trail=True), 0.0),
    "sar": (Parabolic(2.0, 0.05), 0.0),
}
POLICIES = ["product", *CHOSEN]


def make_markets(ladder: tuple[Rung, ...] = ()) -> list[Market]:
    """The same symbol twice, under different terms; the second shifted by half a day."""
    first = MARKETS[1][0]
    stamps = BARS.ts[::2] + 3_600_000_000
    funding = Funding(stamps, np.random.default_rng(1).normal(0, 1e-3, len(stamps)))
    terms = [Terms(COSTS, lot=0.5), Terms(replace(COSTS, taker_fee=0.001), lot=0.25)]
    terms[0] = replace(terms[0], conditions=replace(terms[0].conditions, funding=funding, ladder=ladder))
    terms[1] = replace(terms[1], conditions=replace(terms[1].conditions, margin=Margin(40.0, 0.005, 0.001)))
    later = replace(BARS, ts=BARS.ts + 43_200_000_000)
    other = replace(first, bars=later, ids=tuple(f"b{name}" for name in first.ids), terms=terms[1])
    return [replace(first, terms=terms[0]), other]


def walk(folder: Path, test: list[Market]) -> tuple[Account, dict[str, pl.DataFrame]]:
    """The account, and the trade list of each policy."""
    product = make_product(folder)
    account = walk_account(product, test, CHOSEN, H)
    trades = {"product": pl.concat(product.trades(market) for market in test)}
    for name, (setting, _) in CHOSEN.items():
        trades[name] = pl.concat(trades_of(setting, market, H, "pessimistic") for market in test)
    return account, trades


@pytest.mark.parametrize("ladder", [(), (Rung(0.5, 0.5, 0.0),)])
def test_the_account_is_the_trade_list_at_its_sizes_to_the_cent(ladder: tuple[Rung, ...], tmp_path: Path) -> None:
    account, trades = walk(tmp_path, make_markets(ladder))
    assert account.summary["policy"].to_list() == POLICIES
    for name, mine in trades.items():
        sizes = account.sizes.filter(pl.col("policy") == name)
        assert sizes["id"].sort().equals(mine["id"].sort())
        both = sizes.join(mine.select("id", unit="pnl"), on="id")
        total = (both["quantity"] * both["unit"]).sum()
        (row,) = account.summary.filter(pl.col("policy") == name).iter_rows(named=True)
        assert 1e5 * row["profit"] == pytest.approx(total, abs=0.005)
        assert sizes["pnl"].sum() == pytest.approx(total, abs=0.005)
        assert account.curve[name][-1] == pytest.approx(100 * row["profit"], abs=1e-5)
        assert row["entries"] == mine.height
        assert row["refused"] == (sizes["quantity"] == 0).sum()
        assert row["shrunk"] == (sizes["quantity"] < sizes["wanted"] * (1 - 1e-9)).sum() - row["refused"]
        assert row["short_of_margin"] == (sizes["short_of"] == "margin").sum()
        assert (sizes["short_of"] == "nothing").to_list() == (sizes["quantity"] == sizes["wanted"]).to_list()
        taken = sizes.filter(pl.col("quantity") > 0)
        assert row["margin"] == pytest.approx((taken["margin"] / taken["equity"]).max())
        assert row["shrunk"] < row["entries"] - row["refused"]  # a whole number of lots is not less than wanted
        sizes = sizes.filter(pl.col("quantity") > 0)
        assert (sizes["open_risk"] <= 0.05 * sizes["equity"] * (1 + 1e-9)).all()
        at_stop = sizes.join(mine.select("id", "symbol", "stop_distance"), on="id")
        assert (at_stop["quantity"] * at_stop["stop_distance"] < 0.02 * at_stop["equity"]).all()
        in_lots = both.filter(~pl.col("id").str.starts_with("b"))["quantity"] / 0.5
        assert in_lots.to_numpy() == pytest.approx(in_lots.round().to_numpy())
    assert account.summary["shrunk"].sum() + account.summary["refused"].sum() > 0


def test_files_and_report_say_the_same(tmp_path: Path) -> None:
    account, _ = walk(tmp_path, make_markets())
    account.write(tmp_path)
    assert pl.read_csv(tmp_path / "portfolio.csv")["refused"].to_list() == account.summary["refused"].to_list()
    assert pl.read_csv(tmp_path / "plots/portfolio.csv").columns == ["ts", *POLICIES]
    assert pl.read_parquet(tmp_path / "portfolio_trades.parquet").equals(account.sizes)
    page = render(account, plot)
    for row in account.summary.iter_rows(named=True):
        counts = (row[name] for name in ("entries", "shrunk", "refused", "short_of_margin"))
        assert "".join(f"<td>{count}</td>" for count in counts) in page
    assert "2 % of it at the stop" in page
    assert "would pass 5 %" in page


def test_a_drawdown_counts_open_positions(tmp_path: Path) -> None:
    """Of one trade: at its worst close the account was lower than its closed profit ever was."""
    product = make_product(tmp_path)
    whole = MARKETS[1][0]
    one = Entries(whole.entries.index[:1], whole.entries.side[:1])
    market = replace(whole, ids=whole.ids[:1], entries=one)
    setting = Static("atr", 6.0, math.inf)
    account = walk_account(product, [market], {"fixed_atr": (setting, 0.0)}, H)
    (trade,) = to_frame(setting.ledger(market, H, "pessimistic"), market).iter_rows(named=True)
    (size,) = account.sizes.filter(pl.col("policy") == "fixed_atr").iter_rows(named=True)
    held = BARS.close[trade["entry_index"] : trade["exit_index"]]
    marks = 1e5 + size["quantity"] * trade["side"] * (held - trade["entry_price"])
    line = np.array([1e5, *marks, 1e5 + size["quantity"] * trade["pnl"]])
    wanted = (1 - line / np.maximum.accumulate(line)).max()
    assert account.summary["drawdown"][1] == pytest.approx(wanted)
