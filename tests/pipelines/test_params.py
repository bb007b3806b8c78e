import datetime as dt
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest

from pipelines.params import parse, read, section
from pipelines.params_file import load
from pipelines.splits import SplitParams

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Inner:
    grid: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Outer:
    count: int
    share: float
    mode: Literal["fast", "slow"]
    day: dt.date
    flag: bool
    inner: Inner

    def __post_init__(self) -> None:
        if self.count < 0:
            raise ValueError(f"outer.count: must be at least 0, was {self.count}; raise it")


GOOD = {"count": 1, "share": 2, "mode": "fast", "day": "2020-01-02", "flag": True, "inner": {"grid": [1, 2.5]}}


def test_the_shipped_file_parses_whole() -> None:
    params = load(ROOT / "params.yaml")
    assert params.labels.grid == tuple(sorted(params.labels.grid))
    assert params.features.excursion.horizon_bars == params.labels.horizon_bars


def test_every_key_of_the_shipped_file_has_its_sentence() -> None:
    lines = (ROOT / "params.yaml").read_text().splitlines()
    bare = []
    for i, line in enumerate(lines):
        if ":" not in line or line.lstrip().startswith("#") or line.rstrip().endswith(":"):
            continue
        # One comment may stand over a run of keys.
        above = i - 1
        while lines[above].strip() and not lines[above].lstrip().startswith("#") and not lines[above].endswith(":"):
            above -= 1
        if not lines[above].lstrip().startswith("#"):
            bare.append(line.strip())
    # The exit net repeats the stop net's keys, and columns are explained together.
    explained = set(load(ROOT / "params.yaml").train.exit.__dataclass_fields__)
    columns = ["symbol", "ts", "open", "high", "low", "close", "volume", "trades", "taker_buy_volume"]
    columns += ["id", "side", "price", "quantity"]
    assert [line for line in bare if line.split(":")[0] not in {*explained, *columns}] == []


def test_values_take_their_types() -> None:
    parsed = parse(Outer, GOOD, "outer")
    assert parsed == Outer(1, 2.0, "fast", dt.date(2020, 1, 2), True, Inner((1.0, 2.5)))
    assert isinstance(parsed.share, float)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cuont": 1}, r"outer\.cuont: must be a known key, was 'cuont'; did you mean count"),
        ({"count": 1.5}, r"outer\.count: must be a whole number, was 1\.5"),
        ({"count": True}, r"outer\.count: must be a whole number, was True"),
        ({"count": -1}, r"^outer\.count: must be at least 0, was -1"),
        ({"share": "2"}, r"outer\.share: must be a number, was '2'"),
        ({"share": float("nan")}, r"outer\.share: must be finite, was nan"),
        ({"mode": "fats"}, r"outer\.mode: must be one of fast, slow, was 'fats'; did you mean fast"),
        ({"day": "2020-13-01"}, r"outer\.day: must be a date, was '2020-13-01'"),
        ({"flag": 1}, r"outer\.flag: must be true or false, was 1"),
        ({"inner": {"grid": 3}}, r"outer\.inner\.grid: must be a list, was 3"),
        ({"inner": {"grid": [1, "x"]}}, r"outer\.inner\.grid\[1\]: must be a number, was 'x'"),
        ({"inner": None}, r"outer\.inner: must be a section with keys, was None"),
    ],
)
def test_bad_values_are_refused_by_name(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse(Outer, {**GOOD, **change}, "outer")


def test_missing_keys_are_refused() -> None:
    with pytest.raises(ValueError, match=r"outer\.flag: must be given, was missing"):
        parse(Outer, {key: value for key, value in GOOD.items() if key != "flag"}, "outer")


def test_rules_of_a_shared_dataclass_name_the_section_they_failed_in() -> None:
    with pytest.raises(ValueError, match=r"^train\.exit\.count: must be at least 0"):
        parse(Outer, {**GOOD, "count": -1}, "train.exit")


def test_file_errors(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    with pytest.raises(ValueError, match="must exist, was missing"):
        read(path)
    path.write_text("ingest: [1\n")
    with pytest.raises(ValueError, match="must be valid YAML"):
        read(path)
    path.write_text((ROOT / "params.yaml").read_text() + "\nspliit: {}\n")
    with pytest.raises(ValueError, match="spliit: must be a known key, was 'spliit'; did you mean split"):
        section("split", SplitParams, path)
    path.write_text((ROOT / "params.yaml").read_text() + "\ningest: {}\n")
    with pytest.raises(ValueError, match="must be valid YAML"):
        read(path)
