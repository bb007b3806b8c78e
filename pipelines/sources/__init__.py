"""The sources that `ingest.source` may name: one module each, from parameters to tables."""

from collections.abc import Callable

from pipelines.sources.arch import read_arch
from pipelines.sources.folder import read_folder
from pipelines.sources.params import IngestParams
from pipelines.sources.tables import BARS, SERIES, TIMESTAMP, Tables

SOURCES: dict[str, Callable[[IngestParams], Tables]] = {"arch": read_arch, "folder": read_folder}

__all__ = ["BARS", "SERIES", "SOURCES", "TIMESTAMP", "IngestParams", "Tables"]
