"""Label rows joined with their features, as whole arrays, and the data module that hands them to training.

Rows that are dropped, each counted:
- censored ones: their path runs past the data, so that "not hit" only means "not yet". Keeping just those whose event
  had happened would bias the curves upward; the rows in question are the last H bars of each symbol.
- purged ones (`part` is null): their path reaches into the next part.
- those with a non-finite feature: warm-up or missing input. The engine refuses to decide on them, too.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from torch import Tensor

from features.families import FAMILIES
from features.graph import from_data, merge, to_data
from features.store import GRAPH, KEYS, read_family
from models.nets import STATE, Kind

SCALES = ("sigma", "atr", "garch_sigma")  # units that levels and baselines are measured in; not inputs of the nets
PARTS = ("train", "validation", "calibration", "test")


@dataclass(frozen=True, slots=True)
class Rows:
    """Aligned arrays, one entry a label row, sorted by ts, symbol, side, age.

    inputs (n, F + 5) raw; outcomes (n, 2, K) of 0/1; excursion, final in vol units; ts, end_ts in µs UTC; unit,
    entry_price, atr in price units; sigma, garch_sigma fractions of the price a bar; age in bars (0 = fresh); part:
    index into PARTS.
    """

    inputs: NDArray[np.float32]
    outcomes: NDArray[np.uint8]
    excursion: NDArray[np.float64]
    final: NDArray[np.float64]
    symbol: NDArray[np.str_]
    ts: NDArray[np.int64]
    end_ts: NDArray[np.int64]
    side: NDArray[np.int8]
    age: NDArray[np.int32]
    entry_price: NDArray[np.float64]
    unit: NDArray[np.float64]
    sigma: NDArray[np.float64]
    atr: NDArray[np.float64]
    garch_sigma: NDArray[np.float64]
    part: NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.ts)

    def take(self, mask: NDArray[np.bool_]) -> Rows:
        """The rows where `mask` is true."""
        return replace(self, **{f.name: getattr(self, f.name)[mask] for f in fields(self)})

    def of(self, *parts: str) -> Rows:
        """The rows of these parts."""
        return self.take(np.isin(self.part, [PARTS.index(p) for p in parts]))

    def fresh(self) -> Rows:
        """The rows of a position just entered: what the curves are judged on."""
        return self.take(self.age == 0)

    @property
    def return_scale(self) -> NDArray[np.float64]:
        """One vol unit as a fraction of the entry price, (n,)."""
        return self.unit / self.entry_price

    def digest(self) -> str:
        """SHA-256 over the content of all arrays, in hex."""
        hasher = hashlib.sha256()
        for f in fields(self):
            array = getattr(self, f.name)
            hasher.update(f"{f.name}{array.shape}".encode())
            hasher.update("\n".join(array).encode() if f.name == "symbol" else np.ascontiguousarray(array).tobytes())
        return hasher.hexdigest()


@dataclass(frozen=True, slots=True)
class Dataset:
    """Rows of all parts, the names of the F features in input order, and how many rows were dropped, by reason."""

    rows: Rows
    features: tuple[str, ...]
    dropped: dict[str, int]


@dataclass(frozen=True, slots=True)
class FeatureTable:
    """All families' columns, one row a symbol and bar, and the merged graph that computes them (plain data)."""

    frame: pl.DataFrame
    graph: dict[str, Any]
    families: dict[str, list[str]] = field(default_factory=dict)  # net inputs by family

    @property
    def names(self) -> tuple[str, ...]:
        """The net inputs among the columns, in input order."""
        return tuple(self.graph["features"])

    def only(self, inputs: Sequence[str]) -> FeatureTable:
        """The table whose net inputs are these: names of features, or of families for all of theirs.

        The graph keeps what computes them, and the units. ValueError names what is unknown.
        """
        chosen = [name for each in inputs for name in self.families.get(each, [each])]
        unknown = [name for name in chosen if name not in self.names]
        if unknown or not chosen or len(set(chosen)) < len(chosen):
            raise ValueError(
                f"train.inputs: must name features or families ({', '.join(self.families)}), each once, was "
                f"{unknown or list(inputs)}; docs/features.md lists them"
            )
        outputs = from_data(self.graph)
        kept = {name: outputs[name] for name in (*SCALES, *chosen)}
        return replace(self, graph=to_data(kept, chosen, int(self.graph["bar_interval_us"])))


def read_features(folder: Path) -> FeatureTable:
    """The families' tables joined on symbol and ts, and their graphs merged.

    ValueError when a family is missing or two families give one name to two things.
    """
    paths = [folder / family for family in FAMILIES]
    missing = [str(path) for path in paths if not (path / GRAPH).exists()]
    if missing:
        raise ValueError(
            f"features: must have tables and a graph per family, {missing} was without; run the features stages first"
        )
    frame = read_family(paths[0])
    for path in paths[1:]:
        other = read_family(path)
        frame = frame.join(
            other.drop(set(other.columns) & set(frame.columns) - set(KEYS)), on=KEYS, how="inner", validate="1:1"
        )
    graphs = [json.loads((path / GRAPH).read_text()) for path in paths]
    families = {family: graph["features"] for family, graph in zip(FAMILIES, graphs, strict=True)}
    return FeatureTable(frame, merge(graphs), families)


def assemble(features: FeatureTable, labels: pl.DataFrame, kind: Kind) -> Dataset:
    """Join labels (with their `part`) to features and turn them into arrays for one net.

    ValueError for missing columns or when a part has no row left.
    """
    names = features.names
    needed = {
        *KEYS,
        *STATE,
        *kind.curves,
        kind.excursion,
        "part",
        "age",
        "end_ts",
        "censored",
        "entry_price",
        "unit",
        "final",
    }
    missing = sorted((needed - set(labels.columns)) | ({*SCALES, *names} - set(features.frame.columns)))
    if missing or not names:
        raise ValueError(
            f"columns: labels and features must have {missing or 'a feature'}, was missing; run those stages again"
        )
    dropped = {"censored": int(labels["censored"].sum())}
    frame = labels.filter(~pl.col("censored"))
    dropped["purged"] = frame["part"].null_count()
    frame = frame.filter(pl.col("part").is_not_null()).join(features.frame, on=KEYS, how="left", validate="m:1")
    usable = pl.all_horizontal(
        pl.col(c).cast(pl.Float32).is_finite().fill_null(False)
        for c in (*names, *SCALES, *STATE, "unit", "entry_price")
    )
    complete = frame.filter(usable).sort("ts", "symbol", "side", "age")
    dropped["non-finite"] = len(frame) - len(complete)
    absent = sorted(set(PARTS) - set(complete["part"].unique()))
    if absent:
        raise ValueError(
            f"part: each of {PARTS} must have rows, {absent} had none; take more data or other split dates"
        )
    return Dataset(_to_rows(complete, names, kind), names, dropped)


def _to_rows(frame: pl.DataFrame, names: tuple[str, ...], kind: Kind) -> Rows:
    def column(name: str) -> NDArray[np.float64]:
        return np.ascontiguousarray(frame[name].to_numpy(), np.float64)

    part = {name: i for i, name in enumerate(PARTS)}
    return Rows(
        inputs=frame.select(pl.col(*names, *STATE).cast(pl.Float32)).to_numpy(order="c"),
        outcomes=np.stack([frame[c].to_numpy().astype(np.uint8) for c in kind.curves], 1),
        excursion=column(kind.excursion),
        final=column("final"),
        symbol=frame["symbol"].to_numpy().astype(np.str_),
        ts=frame["ts"].dt.epoch("us").to_numpy(),
        end_ts=frame["end_ts"].dt.epoch("us").to_numpy(),
        side=frame["side"].cast(pl.Int8).to_numpy(),
        age=frame["age"].cast(pl.Int32).to_numpy(),
        entry_price=column("entry_price"),
        unit=column("unit"),
        sigma=column("sigma"),
        atr=column("atr"),
        garch_sigma=column("garch_sigma"),
        part=frame["part"].replace_strict(part, return_dtype=pl.Int8).to_numpy(),
    )


def moments(inputs: NDArray[np.float32], features: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean and standard deviation of the training inputs (n, F + 5); state inputs have units already: mean 0, std 1, as
    do constants.
    """
    mean, std = inputs.mean(0, dtype=np.float64), inputs.std(0, dtype=np.float64)
    mean[features:], std[features:] = 0.0, 1.0
    std[std <= 1e-9 * np.maximum(1.0, np.abs(mean))] = 1.0
    return mean.astype(np.float32), std.astype(np.float32)


def minibatches(rows: int, batch_size: int, seed: int, epoch: int) -> tuple[Tensor, ...]:
    """Row indices of one epoch's batches. A function of seed and epoch alone, so that a resumed training draws what it
    would have drawn.
    """
    generator = torch.Generator().manual_seed((seed << 20) + epoch)
    return torch.split(torch.randperm(rows, generator=generator), batch_size)


class _Whole:
    """A loader of one item an epoch: all rows at once. The task cuts them into batches by index."""

    def __init__(self, rows: Rows) -> None:
        self.item = torch.from_numpy(rows.inputs), torch.from_numpy(rows.outcomes).to(torch.float32)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        yield self.item

    def __len__(self) -> int:
        return 1


class CurveData(lightning.LightningDataModule):
    """Training and validation rows as whole tensors: inputs (n, F + 5), outcomes (n, 2, K)."""

    def __init__(self, train: Rows, validation: Rows) -> None:
        super().__init__()
        self.train, self.validation = _Whole(train), _Whole(validation)

    def train_dataloader(self) -> _Whole:
        """All training rows, once an epoch."""
        return self.train

    def val_dataloader(self) -> _Whole:
        """All validation rows, once an epoch."""
        return self.validation
