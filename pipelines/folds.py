"""Folds of a walk-forward: which dates each has, and a working folder in which the stages run as they always do."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import shutil
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl

from pipelines.atomic import write_parquet, write_text
from pipelines.partitions import read_bars, write_part
from pipelines.splits import SplitParams

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class WalkForwardParams:
    """folds, each tested on test_days; train_days: length of the training part, 0 = all bars before; seeds: of each
    net, the first of train's; processes: folds that run at the same time.
    """

    folds: int
    test_days: int
    train_days: int
    seeds: int
    processes: int

    def __post_init__(self) -> None:
        least = {"folds": 2, "test_days": 1, "train_days": 0, "seeds": 1, "processes": 1}
        typical = {
            "folds": "3 to 10",
            "test_days": "180 to 730",
            "train_days": "0",
            "seeds": "5",
            "processes": "one a core",
        }
        for name, low in least.items():
            if getattr(self, name) < low:
                raise ValueError(
                    f"walk_forward.{name}: must be at least {low}, was {getattr(self, name)}; typical: {typical[name]}"
                )


@dataclass(frozen=True, slots=True)
class Fold:
    """One retraining: the dates of its parts, its first bar's day (None: the data's) and the day its test part ends."""

    number: int
    cut: SplitParams
    begin: dt.date | None
    end: dt.date


def folds(last: dt.date, cut: SplitParams, params: WalkForwardParams) -> list[Fold]:
    """Folds whose test parts follow each other without gap or overlap, the last one ending with the data (day `last`).

    Validation and calibration before each test part are as long as those of `cut`; purge and embargo are the split's.
    """
    out = []
    for number in range(params.folds):
        end = last + dt.timedelta(days=1 - (params.folds - 1 - number) * params.test_days)
        calibration = end - dt.timedelta(days=params.test_days)
        validation = calibration - (cut.calibration_until - cut.validation_until)
        train = validation - (cut.validation_until - cut.train_until)
        begin = train - dt.timedelta(days=params.train_days) if params.train_days else None
        dates = replace(cut, train_until=train, validation_until=validation, calibration_until=calibration)
        out.append(Fold(number + 1, dates, begin, end))
    return out


def prepare(fold: Fold, params: dict[str, Any], checked: Path, folder: Path) -> bool:
    """Make the fold's folder: params.yaml with its dates and so many seeds a net as asked for, and data/checked/ up to
    its end.

    False where it is done already: same parameters, data and code as now. A folder of others is thrown away; one that
    was interrupted is kept, so that its training goes on from its checkpoint.
    """
    mine = json.loads(json.dumps(params))
    mine["split"] = {key: value if isinstance(value, int) else str(value) for key, value in asdict(fold.cut).items()}
    for net in ("stop", "exit"):
        given, wanted = mine["train"][net]["seeds"], mine["walk_forward"]["seeds"]
        if len(given) < wanted:
            raise ValueError(
                f"walk_forward.seeds: must be at most the number of train.{net}.seeds ({len(given)}), was {wanted}; "
                "name more seeds there"
            )
        mine["train"][net]["seeds"] = given[:wanted]
    venue = mine["evaluate"]["venue"]
    venue["detail"] = venue["detail"] and str(Path(venue["detail"]).resolve())  # the fold works elsewhere
    data = _digest(sorted(checked.rglob("*.parquet")), checked)
    if mine["evaluate"]["entries"]["rule"] == "file":
        # Read from the fold's own folder.
        listed = Path(mine["evaluate"]["entries"]["file"]).resolve()
        mine["evaluate"]["entries"]["file"] = str(listed)
        data += _digest([listed] if listed.is_file() else [], listed.parent)
    span = [str(fold.begin), str(fold.end)]
    computed = {
        name: value for name, value in mine.items() if name not in ("walk_forward", "register", "ingest", "check")
    }
    key = json.dumps([computed, span, data, code_digest()], sort_keys=True)
    if folder.exists() and (folder / "key.json").exists() and (folder / "key.json").read_text() == key:
        return not (folder / "done").exists()
    shutil.rmtree(folder, ignore_errors=True)
    end = pl.lit(fold.end).cast(pl.Datetime("us", "UTC"))
    bars, series = read_bars(checked / "bars"), pl.read_parquet(checked / "series.parquet")
    if fold.begin is not None:
        bars = bars.filter(pl.col("ts") >= pl.lit(fold.begin).cast(pl.Datetime("us", "UTC")))
    write_part(bars.filter(pl.col("ts") < end), folder / "data/checked/bars", "fold")
    write_parquet(series.filter(pl.col("ts") < end), folder / "data/checked/series.parquet")
    # JSON is YAML.
    write_text(json.dumps(mine, indent=1), folder / "params.yaml")
    write_text(key, folder / "key.json")
    return True


@cache
def code_digest() -> str:
    """Digest of the code that a fold runs: the rooms' sources, and the compiled module."""
    rooms = ("pipelines", "models", "features", "inference")
    paths = (path for room in rooms for kind in ("py", "so", "hpp", "cpp") for path in (ROOT / room).rglob(f"*.{kind}"))
    return _digest(sorted(paths), ROOT)


def _digest(paths: Iterable[Path], root: Path) -> str:
    digest = hashlib.sha256()
    for path in paths:
        digest.update(f"{path.relative_to(root)}\n{path.stat().st_size}\n".encode())
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()
