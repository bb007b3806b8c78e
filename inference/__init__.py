"""The compiled engine and its Python face; needs NumPy and safetensors, no torch."""

from inference.actions import ACTION, REASONS, Kind
from inference.book import book_figures
from inference.engine import Engine
from inference.errors import BarError, ExportError, RiskError, StateError, UnknownSymbolError
from inference.export_file import Export, read_export
from inference.graph import Graph
from inference.net import Net

__all__ = [
    "ACTION",
    "REASONS",
    "BarError",
    "Engine",
    "Export",
    "ExportError",
    "Graph",
    "Kind",
    "Net",
    "RiskError",
    "StateError",
    "UnknownSymbolError",
    "book_figures",
    "read_export",
]
