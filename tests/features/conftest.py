"""The markets that features are compared on."""

import pytest

import handmade_bars
import handmade_export


@pytest.fixture(scope="module", params=["S&P 500", "random"])
def market(request):
    return handmade_bars.real_bars(2000) if request.param == "S&P 500" else handmade_export.random_bars(1500, seed=11)
