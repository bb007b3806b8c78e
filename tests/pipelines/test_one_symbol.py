"""Data of one symbol, which has nothing to be compared with, go through every stage up to the nets' inputs."""

from pathlib import Path

import polars as pl
from ruamel.yaml import YAML

import small_pipeline
from features.families import FAMILIES
from features.store import read_family
from models.data import read_features
from pipelines import check, features, ingest, labels


def test_one_symbol_from_ingest_to_the_nets_inputs(tmp_path: Path) -> None:
    params = YAML(typ="safe", pure=True).load((small_pipeline.ROOT / "params.yaml").read_text())
    params["ingest"]["symbols"] = ["SPX"]
    params["features"]["cross"]["symbols"] = []
    with (tmp_path / "params.yaml").open("w") as file:
        YAML(typ="safe", pure=True).dump(params, file)
    with small_pipeline.inside(tmp_path):
        ingest.main()
        check.main()
        for family in FAMILIES:
            features.main(family)
        labels.main()
        keys = read_family(Path("data/features/cross"))
        table = read_features(Path("data/features"))
        rows = pl.read_parquet("data/labels.parquet").height
    assert keys.columns == ["symbol", "ts"]
    assert keys.height == table.frame.height == 5031
    assert table.families["cross"] == []
    assert set(params["train"]["inputs"]) <= set(table.only(params["train"]["inputs"]).names)
    assert rows > 20_000
