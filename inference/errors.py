"""Exceptions to which a caller can react; each is a ValueError that names parameter, rule, value and remedy."""

from inference._native import BarError, RiskError, StateError, UnknownSymbolError


class ExportError(ValueError):
    """An export that must not be served: damaged, of another schema, or at odds with its own probes."""


__all__ = ["BarError", "ExportError", "RiskError", "StateError", "UnknownSymbolError"]
