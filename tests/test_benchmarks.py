"""The benchmark runs by hand, so at least it must load, and its peers must compute what they are measured against."""

from importlib import import_module

import pytest

from benchmarks import indicators
from benchmarks.__main__ import MODULES


@pytest.mark.parametrize("name", MODULES)
def test_every_module_loads(name: str) -> None:
    assert callable(import_module(f"benchmarks.{name}").run)


def test_ours_and_talibs_figures_are_the_same() -> None:
    indicators.check()
