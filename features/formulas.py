"""Expressions as readable formulas: infix, with names for what is long or used again, so that no line grows long."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from string import ascii_lowercase

from features.expression import Expr, Frozen, Table
from inference import _native

INFIX = {"add": "+", "subtract": "-", "multiply": "*", "divide": "/", "less": "<", "less_equal": "<="}
LONGEST = 150  # characters of a formula
REPEATED = 40  # what is longer than this and used again gets a name
_PARAMETERS = {kernel.name: [p.name for p in kernel.parameters] for kernel in _native.kernels()}


def used(outputs: Iterable[Expr]) -> Counter[int]:
    """How many distinct expressions (or outputs) use each expression, by id."""
    count: Counter[int] = Counter()
    seen: set[int] = set()
    todo = list(outputs)
    count.update(id(each) for each in todo)
    while todo:
        expr = todo.pop()
        if id(expr) in seen:
            continue
        seen.add(id(expr))
        count.update(id(each) for each in expr.inputs)
        todo += expr.inputs
    return count


class Formulas:
    """Writes formulas one after the other; a part that was named once keeps its name.

    names: of expressions that stand elsewhere, by id; labels: of those that are to be parts where they first occur;
    other parts are named after the feature in which they do.
    """

    def __init__(self, names: Mapping[int, str], labels: Mapping[int, str], uses: Counter[int]) -> None:
        self.names, self.labels = dict(names), labels
        self.uses = uses
        self.parts: list[tuple[str, str]] = []
        self.owner, self.letters = "", iter("")

    def write(self, name: str, expr: Expr) -> list[tuple[str, str]]:
        """The formula of a named expression, then those of the parts that are named here first: (name, formula)."""
        self.owner, self.parts, self.letters = name, [], iter(ascii_lowercase)
        text = self._bare(self._text(expr, top=True))
        return [(name, text), *self.parts]

    def _name(self, expr: Expr, text: str) -> str:
        name = self.labels.get(id(expr)) or f"{self.owner}_{next(self.letters)}"
        self.names[id(expr)] = name
        self.parts.append((name, self._bare(text)))
        return name

    @staticmethod
    def _bare(text: str) -> str:
        """Without the brackets around the whole."""
        if not text.startswith("("):
            return text
        depth = 0
        for i, letter in enumerate(text):
            depth += (letter == "(") - (letter == ")")
            if depth == 0:
                return text[1:-1] if i == len(text) - 1 else text
        return text

    def _text(self, expr: Expr, top: bool = False) -> str:
        if not top and id(expr) in self.names:
            return self.names[id(expr)]
        if expr.op in ("input", "as_of"):
            age = dict(expr.parameters).get("max_age_us")
            return f"age({expr.name})" if isinstance(age, float) and age < 0.0 else expr.name
        if expr.op == "constant":
            return _number(expr.parameters[0][1])
        inputs, form = _form(expr)
        texts = [self._text(each) for each in inputs]
        text = self._joined(form, texts)
        while len(text) > LONGEST:
            longest = max(range(len(texts)), key=lambda i: len(texts[i]))
            if id(inputs[longest]) in self.names or len(texts[longest]) < 12:
                break
            texts[longest] = self._name(inputs[longest], texts[longest])
            texts = [
                self._text(each) if id(each) in self.names else old for each, old in zip(inputs, texts, strict=True)
            ]
            text = self._joined(form, texts)
        if not top and (id(expr) in self.labels or (self.uses[id(expr)] > 1 and len(text) > REPEATED)):
            return self._name(expr, text)
        return text

    def _joined(self, form: str, texts: list[str]) -> str:
        if form in INFIX.values():
            return f"({texts[0]} {form} {texts[1]})"
        if form in ("-", "^2"):
            return f"-{texts[0]}" if form == "-" else f"{texts[0]}^2"
        name, _, parameters = form.partition("|")
        inner = [self._bare(text) for text in texts]
        return f"{name}({', '.join(inner + ([parameters] if parameters else []))})"


def _form(expr: Expr) -> tuple[tuple[Expr, ...], str]:
    """What the formula is made of, and its form: an infix sign, "^2", or name|parameters."""
    if expr.op == "multiply" and expr.inputs[0] is expr.inputs[1]:
        return expr.inputs[:1], "^2"
    if expr.op in INFIX:
        return expr.inputs, INFIX[expr.op]
    if expr.op == "negate":
        return expr.inputs, "negative|"
    if (clipped := _clipped(expr)) is not None:
        inner, low, high = clipped
        return (inner,), f"clip|{low}, {high}"
    names = _PARAMETERS.get(expr.op, [])
    if any(not isinstance(value, float | Table) for _, value in expr.parameters):  # fitted, one set per symbol
        return expr.inputs, f"{expr.op}|{', '.join(names)}"
    values = dict(expr.parameters)
    told = [f"{name}={_number(values[name])}" if len(names) > 1 else _number(values[name]) for name in names]
    return expr.inputs, f"{expr.op}|{', '.join(told)}"


def _clipped(expr: Expr) -> tuple[Expr, str, str] | None:
    """(x, low, high) of minimum(maximum(x, low), high), in either order, with numbers as bounds."""
    if expr.op not in ("minimum", "maximum") or expr.inputs[1].op != "constant":
        return None
    inner = expr.inputs[0]
    if inner.op != ("maximum" if expr.op == "minimum" else "minimum") or inner.inputs[1].op != "constant":
        return None
    bounds = (inner.inputs[1], expr.inputs[1]) if expr.op == "minimum" else (expr.inputs[1], inner.inputs[1])
    low, high = (_number(each.parameters[0][1]) for each in bounds)
    return inner.inputs[0], low, high


def _number(value: Frozen) -> str:
    """Whole or short; of a fitted constant ≈ and four digits; of one that differs by symbol all of them."""
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, Table):
        return "…"
    each = dict(value)
    others = [f"{name}: {number:g}" for name, number in each.items() if name != "*"]
    return f"[{each['*']:g}, {', '.join(others)}]" if others else f"≈{each['*']:.4g}"
