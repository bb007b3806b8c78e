"""params.yaml, parsed into frozen dataclasses before any data are read; unknown keys and bad values are refused.

The dataclasses live in the rooms that use them. A stage takes only its own sections (`section("split", SplitParams)`),
so that ingest does not pay for an import of torch; `pipelines.params_file` checks the whole file.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import difflib
import math
import types
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

T = TypeVar("T")

SECTIONS = ("ingest", "check", "features", "labels", "split", "train", "policy", "evaluate", "register", "walk_forward")


def section(key: str, kind: type[T], path: str | Path = "params.yaml") -> T:
    """Parse one section, dotted (`train.stop`), into its dataclass."""
    data: Any = read(path)
    done: list[str] = []
    for part in key.split("."):
        if not isinstance(data, dict) or part not in data:
            raise ValueError(f"{key}: must be a section of {path}, was missing; add it")
        data = data[part]
        done.append(part)
    return parse(kind, data, key)


def read(path: str | Path = "params.yaml") -> dict[str, Any]:
    """The file as plain data, its top-level keys checked."""
    try:
        data = YAML(typ="safe", pure=True).load(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ValueError(f"{path}: must exist, was missing; run from the project's root") from None
    except YAMLError as error:
        raise ValueError(f"{path}: must be valid YAML, was not ({error}); mend the line it names") from None
    _check_keys(data, SECTIONS, "")
    return cast("dict[str, Any]", data)


def parse(kind: type[T], data: Any, key: str) -> T:
    """Plain data into the frozen dataclass `kind`; `key` is the path named in errors."""
    if not isinstance(data, Mapping):
        raise ValueError(f"{key}: must be a section with keys, was {data!r}; write its keys below it")
    fields = dataclasses.fields(cast(Any, kind))
    # A mapping that may be empty may be left out.
    optional = tuple(field.name for field in fields if field.default_factory is dict)
    _check_keys(data, tuple(field.name for field in fields), key, optional)
    hints = get_type_hints(kind)
    values = {
        field.name: _value(hints[field.name], data[field.name], f"{key}.{field.name}")
        for field in fields
        if field.name in data
    }
    return _made(lambda: kind(**values), key, tuple(field.name for field in fields))


def changed(base: T, data: Any, key: str) -> T:
    """`base` with the values that `data` gives instead, in the dataclasses inside it too."""
    fields = tuple(field.name for field in dataclasses.fields(cast(Any, base)))
    _check_keys(data, fields, key, optional=fields)
    hints = get_type_hints(type(base))
    values = {}
    for name, value in data.items():
        inner, where = getattr(base, name), f"{key}.{name}"
        nested = dataclasses.is_dataclass(inner)
        values[name] = changed(inner, value, where) if nested else _value(hints[name], value, where)
    return _made(lambda: cast(T, dataclasses.replace(cast(Any, base), **values)), key, fields)


def _made(make: Callable[[], T], key: str, names: tuple[str, ...]) -> T:
    try:
        return make()
    except ValueError as error:
        raise ValueError(_placed(str(error), key, names)) from None


def _placed(message: str, key: str, names: tuple[str, ...]) -> str:
    """The dataclass does not know where it stands in the file (train.stop, train.exit): name the whole path."""
    name, colon, rest = message.partition(":")
    if name.startswith(f"{key}."):
        return message
    leaf = name.rpartition(".")[2]
    return f"{key}.{leaf}{colon}{rest}" if colon and leaf in names else f"{key}: {message}"


def _check_keys(data: Any, known: tuple[str, ...], key: str, optional: tuple[str, ...] = ()) -> None:
    where = key or "params.yaml"
    if not isinstance(data, Mapping):
        raise ValueError(f"{where}: must be a section with keys, was {data!r}; write its keys below it")
    for name in data:
        if name not in known:
            near = difflib.get_close_matches(str(name), known, 1)
            remedy = f"did you mean {near[0]}?" if near else f"known keys: {', '.join(known)}"
            raise ValueError(f"{_join(key, name)}: must be a known key, was {name!r}; {remedy}")
    for name in known:
        if name not in data and name not in optional:
            raise ValueError(f"{_join(key, name)}: must be given, was missing; add it to params.yaml")


def _join(key: str, name: object) -> str:
    return f"{key}.{name}" if key else str(name)


def _value(hint: Any, value: Any, key: str) -> Any:
    if hint is Any:  # judged by its dataclass
        return value
    origin, arguments = get_origin(hint), get_args(hint)
    if dataclasses.is_dataclass(hint):
        return parse(cast("type[Any]", hint), value, key)
    if origin in (Union, types.UnionType):
        if value is None and type(None) in arguments:
            return None
        inner = [argument for argument in arguments if argument is not type(None)]
        return _value(inner[0], value, key)
    if origin is Literal:
        if value not in arguments:
            near = difflib.get_close_matches(str(value), [str(choice) for choice in arguments], 1)
            hint_text = f"did you mean {near[0]}?" if near else "choose one of them"
            raise ValueError(f"{key}: must be one of {', '.join(map(str, arguments))}, was {value!r}; {hint_text}")
        return value
    if origin is tuple:
        if not isinstance(value, list):
            raise ValueError(f"{key}: must be a list, was {value!r}; write [a, b, …]")
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            return tuple(_value(arguments[0], item, f"{key}[{i}]") for i, item in enumerate(value))
        if len(value) != len(arguments):
            raise ValueError(f"{key}: must have {len(arguments)} items, was {value!r}; add or remove items")
        pairs = zip(arguments, value, strict=True)
        return tuple(_value(item_hint, item, f"{key}[{i}]") for i, (item_hint, item) in enumerate(pairs))
    if origin is dict:
        if not isinstance(value, dict):
            raise ValueError(f"{key}: must be a mapping, was {value!r}; write name: value lines below it")
        return {str(name): _value(arguments[1], item, f"{key}.{name}") for name, item in value.items()}
    return _scalar(hint, value, key)


def _scalar(hint: Any, value: Any, key: str) -> Any:
    if hint is float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError(f"{key}: must be a number, was {value!r}; write a number without quotes")
        if not math.isfinite(value):
            raise ValueError(f"{key}: must be finite, was {value!r}; write a finite number")
        return float(value)
    if hint is int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise ValueError(f"{key}: must be a whole number, was {value!r}; write it without a decimal point")
        return value
    if hint is dt.date:
        # As text, since DVC takes no dates in params.yaml.
        try:
            return dt.date.fromisoformat(value)
        except (TypeError, ValueError):
            raise ValueError(f'{key}: must be a date, was {value!r}; write "YYYY-MM-DD" in quotes') from None
    names = {str: "text", bool: "true or false"}
    if hint not in names:
        raise TypeError(f"{key}: the parser knows no type {hint!r}")
    if not isinstance(value, hint):
        raise ValueError(f"{key}: must be {names[hint]}, was {value!r}; write {names[hint]}")
    return value
