"""The sources that `ingest.sources` may name: one module each, from a section of the parameters to parts."""

from pipelines.sources.overlaps import refuse_overlaps
from pipelines.sources.params import SOURCES, IngestParams
from pipelines.sources.tables import BARS, OPTIONAL, SCHEMAS, SERIES, TIMESTAMP, Part, Tables, check_columns

__all__ = [
    "BARS",
    "OPTIONAL",
    "SCHEMAS",
    "SERIES",
    "SOURCES",
    "TIMESTAMP",
    "IngestParams",
    "Part",
    "Tables",
    "check_columns",
    "refuse_overlaps",
]
