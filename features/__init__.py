"""Feature families as expressions, and labels; all of it runs in the compiled engine."""

from features.expression import Expr, as_of, bar, constant, maximum, minimum, ratio, where
from features.families import FAMILIES, Family

__all__ = ["FAMILIES", "Expr", "Family", "as_of", "bar", "constant", "maximum", "minimum", "ratio", "where"]
