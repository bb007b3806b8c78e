"""Expressions over bars: written with operators, stored as a graph, run by the compiled engine.

    ret = (bar("close") / bar("close").lag(1)).log()
    rv = (ret * ret).rolling_mean(48).sqrt()

Equal expressions are one object, hence one node. Every value is per bar, known at that bar's close. A bar on which an
input is missing gives NaN and leaves all state as it was.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from inference import _native

Number = int | float
# a parameter is a number, or one number per symbol with "*" for all others; or a table of numbers
ParameterValue = Number | Mapping[str, Number] | Sequence[Number]


class Table(tuple[float, ...]):
    """A parameter of many numbers."""

    __slots__ = ()


Frozen = float | tuple[tuple[str, float], ...] | Table

_KERNELS = {kernel.name: kernel for kernel in _native.kernels()}
_interned: dict[tuple[object, ...], Expr] = {}


class Expr:
    """One node: a kernel on other nodes, a column of the bar, or a named series. Immutable; compare with `is`."""

    __slots__ = ("inputs", "name", "op", "parameters")

    op: str
    name: str
    inputs: tuple[Expr, ...]
    parameters: tuple[tuple[str, Frozen], ...]

    def __new__(
        cls,
        op: str,
        inputs: tuple[Expr, ...] = (),
        parameters: Mapping[str, ParameterValue] | None = None,
        name: str = "",
    ) -> Expr:
        """Interned: the same arguments give the same object. Raises ValueError for impossible parameters."""
        frozen = tuple((key, _freeze(key, value)) for key, value in (parameters or {}).items())
        key = (op, name, tuple(id(each) for each in inputs), frozen)
        if key in _interned:
            return _interned[key]
        if op in _KERNELS:
            _check(op, inputs, frozen)
        self = super().__new__(cls)
        self.op, self.name, self.inputs, self.parameters = op, name, inputs, frozen
        _interned[key] = self
        return self

    def __repr__(self) -> str:
        inner = [repr(each) for each in self.inputs] + [f"{k}={v}" for k, v in self.parameters]
        return self.name if self.op == "input" else f"{self.op}({', '.join(inner)})"

    # arithmetic
    def __add__(self, other: Expr | Number) -> Expr:
        """Sum."""
        return Expr("add", (self, lift(other)))

    def __radd__(self, other: Number) -> Expr:
        """Sum."""
        return Expr("add", (lift(other), self))

    def __sub__(self, other: Expr | Number) -> Expr:
        """Difference."""
        return Expr("subtract", (self, lift(other)))

    def __rsub__(self, other: Number) -> Expr:
        """Difference."""
        return Expr("subtract", (lift(other), self))

    def __mul__(self, other: Expr | Number) -> Expr:
        """Product."""
        return Expr("multiply", (self, lift(other)))

    def __rmul__(self, other: Number) -> Expr:
        """Product."""
        return Expr("multiply", (lift(other), self))

    def __truediv__(self, other: Expr | Number) -> Expr:
        """Quotient; missing where the divisor is 0."""
        return Expr("divide", (self, lift(other)))

    def __rtruediv__(self, other: Number) -> Expr:
        """Quotient; missing where the divisor is 0."""
        return Expr("divide", (lift(other), self))

    def __neg__(self) -> Expr:
        """Negative."""
        return Expr("negate", (self,))

    def __lt__(self, other: Expr | Number) -> Expr:
        """1 where smaller, else 0."""
        return Expr("less", (self, lift(other)))

    def __gt__(self, other: Expr | Number) -> Expr:
        """1 where larger, else 0."""
        return Expr("less", (lift(other), self))

    def __le__(self, other: Expr | Number) -> Expr:
        """1 where not larger, else 0."""
        return Expr("less_equal", (self, lift(other)))

    def __ge__(self, other: Expr | Number) -> Expr:
        """1 where not smaller, else 0."""
        return Expr("less_equal", (lift(other), self))

    def __bool__(self) -> bool:
        """Not defined: an expression has a value per bar."""
        raise TypeError("Expr: has no truth value, was used as a condition; use where(condition, a, b)")

    def abs(self) -> Expr:
        """Absolute value."""
        return Expr("absolute", (self,))

    def log(self) -> Expr:
        """Natural logarithm; missing where not above 0."""
        return Expr("log", (self,))

    def exp(self) -> Expr:
        """e to the power."""
        return Expr("exp", (self,))

    def sqrt(self) -> Expr:
        """Square root; missing where below 0."""
        return Expr("sqrt", (self,))

    def beside(self, other: Expr) -> Expr:
        """The value where `other` is known too, else missing, so that windows and lags of both count the same bars."""
        return self + 0.0 * other

    # windows, in bars; the window includes the present bar
    def lag(self, bars: int) -> Expr:
        """The value `bars` bars ago."""
        return Expr("lag", (self,), {"bars": bars})

    def rolling_sum(self, window: int) -> Expr:
        """Sum of the last `window` values."""
        return Expr("rolling_sum", (self,), {"window": window})

    def rolling_mean(self, window: int) -> Expr:
        """Mean of the last `window` values."""
        return Expr("rolling_mean", (self,), {"window": window})

    def rolling_std(self, window: int) -> Expr:
        """Sample standard deviation (ddof 1) of the last `window` values."""
        return Expr("rolling_std", (self,), {"window": window})

    def rolling_min(self, window: int) -> Expr:
        """Smallest of the last `window` values."""
        return Expr("rolling_min", (self,), {"window": window})

    def rolling_max(self, window: int) -> Expr:
        """Largest of the last `window` values."""
        return Expr("rolling_max", (self,), {"window": window})

    def bars_since_min(self, window: int) -> Expr:
        """Bars since the latest smallest of the last `window` values."""
        return Expr("bars_since_min", (self,), {"window": window})

    def bars_since_max(self, window: int) -> Expr:
        """Bars since the latest largest of the last `window` values."""
        return Expr("bars_since_max", (self,), {"window": window})

    def rolling_quantile(self, window: int, quantile: float) -> Expr:
        """Quantile of the last `window` values (type 7)."""
        return Expr("rolling_quantile", (self,), {"window": window, "quantile": quantile})

    def rolling_rank(self, window: int) -> Expr:
        """Rank of the present value in the last `window`, 0 to 1."""
        return Expr("rolling_rank", (self,), {"window": window})

    # smoothing
    def ema(self, bars: int) -> Expr:
        """Exponential moving average, alpha = 2 / (bars + 1), seeded with the mean of the first `bars` values."""
        return Expr("exponential_mean", (self,), {"alpha": 2.0 / (bars + 1), "seed": bars})

    def wilder(self, bars: int) -> Expr:
        """Wilder's (1978) average, alpha = 1 / bars, seeded likewise."""
        return Expr("exponential_mean", (self,), {"alpha": 1.0 / bars, "seed": bars})

    def ewma(self, decay: float, seed: int) -> Expr:
        """RiskMetrics' (1996) average, alpha = 1 - decay, seeded with the mean of the first `seed` values."""
        return Expr("exponential_mean", (self,), {"alpha": 1.0 - decay, "seed": seed})

    def garch(
        self,
        mu: ParameterValue,
        omega: ParameterValue,
        alpha: ParameterValue,
        beta: ParameterValue,
        start: ParameterValue,
    ) -> Expr:
        """GARCH(1,1) variance forecast for the next bar, of returns (Bollerslev 1986)."""
        return Expr("garch", (self,), {"mu": mu, "omega": omega, "alpha": alpha, "beta": beta, "start": start})


def _freeze(key: str, value: ParameterValue) -> Frozen:
    if isinstance(value, Mapping):
        if "*" not in value:
            raise ValueError(f'{key}: must have a value for "*", was {dict(value)}; add the value for other symbols')
        return tuple(sorted((symbol, float(number)) for symbol, number in value.items()))
    if isinstance(value, Sequence):
        return Table(float(number) for number in value)
    return float(value)


def _check(op: str, inputs: tuple[Expr, ...], parameters: tuple[tuple[str, Frozen], ...]) -> None:
    kernel = _KERNELS[op]
    if len(inputs) != kernel.arity:
        raise ValueError(f"{op}: takes {kernel.arity} inputs, was {len(inputs)}; pass each of them")
    given = dict(parameters)
    symbols = {s for value in given.values() if not isinstance(value, float | Table) for s, _ in value} or {"*"}
    for symbol in symbols:
        row: list[float] = []
        for parameter in kernel.parameters:
            value = given.get(parameter.name)
            if value is None:
                raise ValueError(f"{op}.{parameter.name}: must be given, was missing; pass it by name")
            if isinstance(value, float | Table):
                row.extend(value if isinstance(value, Table) else [value])
            else:
                row.append(dict(value).get(symbol, dict(value)["*"]))
        _native.check_parameters(op, row)


def plain(value: Frozen) -> float | list[float] | dict[str, float]:
    """A parameter of an expression as it was given, and as a graph's data hold it."""
    if isinstance(value, float):
        return value
    return list(value) if isinstance(value, Table) else dict(value)


def lift(value: Expr | Number) -> Expr:
    """The expression itself, or a number as a constant."""
    return value if isinstance(value, Expr) else constant(value)


def constant(value: Number) -> Expr:
    """The same number on every bar."""
    return Expr("constant", (), {"value": value})


def bar(column: str) -> Expr:
    """A column of the bar: open, high, low, close (prices), volume, or time (of its close, µs since 1970)."""
    columns = ("open", "high", "low", "close", "volume", "time")
    if column not in columns:
        raise ValueError(f"bar: must be one of {', '.join(columns)}, was {column!r}; use as_of for other inputs")
    return Expr("input", name=column)


def as_of(name: str, max_age_days: float) -> Expr:
    """The latest value of a named series at the bar's close; missing when older than `max_age_days`."""
    if not max_age_days > 0:
        raise ValueError(f"as_of.max_age_days: must be above 0, was {max_age_days}; typical: 1 to 7 for daily values")
    return Expr("as_of", (), {"max_age_us": max_age_days * 86_400e6}, name)


def age_of(name: str, max_age_days: float) -> Expr:
    """Age of what `as_of` gives, in µs at the bar's close, from the moment it could be used; missing where that is."""
    as_of(name, max_age_days)  # checks
    return Expr("as_of", (), {"max_age_us": -max_age_days * 86_400e6}, name)


def where(condition: Expr, a: Expr | Number, b: Expr | Number) -> Expr:
    """`a` where the condition is not 0, else `b`."""
    return Expr("where", (condition, lift(a), lift(b)))


def ratio(a: Expr, b: Expr, otherwise: Number = 0.0) -> Expr:
    """a / b, or `otherwise` where b is 0."""
    return Expr("ratio", (a, b), {"otherwise": otherwise})


def minimum(a: Expr, b: Expr | Number) -> Expr:
    """The smaller of both."""
    return Expr("minimum", (a, lift(b)))


def maximum(a: Expr, b: Expr | Number) -> Expr:
    """The larger of both."""
    return Expr("maximum", (a, lift(b)))
