"""Frozen dataclasses as plain data for JSON, and back with every type checked."""

from __future__ import annotations

import json
import types
from collections.abc import Sequence
from dataclasses import asdict, fields, is_dataclass
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from rimlight.errors import ConfigError, RimlightError

T = TypeVar("T")


def to_json(value: Any) -> str:
    """A dataclass as indented JSON."""
    return json.dumps(asdict(value), indent=1, allow_nan=False) + "\n"


def from_json(kind: type[T], text: str, where: str = "config") -> T:
    """The dataclass in a text; raises ConfigError that names the value which is missing, unknown or of another type."""
    try:
        table = json.loads(text)
    except ValueError as error:
        raise ConfigError(f"{where}: expected JSON, got: {error}") from error
    found: T = from_plain(kind, table, where)
    return found


def from_plain(kind: Any, value: Any, where: str) -> Any:
    """value as the type kind: a dataclass, a tuple, a Literal, one of these or None, or a plain type.

    Raises ConfigError with where, the path to the value.
    """
    origin, inner = get_origin(kind), get_args(kind)
    if is_dataclass(kind):
        return _dataclass(kind, value, where)
    if origin is tuple:
        return _tuple(inner, value, where)
    if origin in (Union, types.UnionType):
        return None if value is None else from_plain(inner[0], value, where)
    if origin is Literal:
        fits = value in inner
    else:
        value = float(value) if kind is float and type(value) is int else value
        fits = type(value) is kind
    if not fits:
        wanted = _listed(inner) if inner else kind.__name__
        raise ConfigError(f"{where}: expected {wanted}, got {value!r}")
    return value


def _dataclass(kind: Any, value: Any, where: str) -> Any:
    names = [one.name for one in fields(kind)]
    if not isinstance(value, dict):
        raise ConfigError(f"{where}: expected a table of {_listed(names)}, got {value!r}")
    if unknown := sorted(set(value) - set(names)):
        raise ConfigError(f"{where}: there is no {_listed(unknown)}; there are {', '.join(names)}")
    hints = get_type_hints(kind)
    found = {name: from_plain(hints[name], item, f"{where}.{name}") for name, item in value.items()}
    try:
        return kind(**found)
    except TypeError as error:
        raise ConfigError(f"{where}: {str(error).split(') ')[-1]}") from error
    except RimlightError as error:
        raise ConfigError(f"{where}: {error}") from error


def _tuple(inner: tuple[Any, ...], value: Any, where: str) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise ConfigError(f"{where}: expected a list, got {value!r}")
    if inner[-1] is Ellipsis:
        return tuple(from_plain(inner[0], item, f"{where}[{index}]") for index, item in enumerate(value))
    if len(inner) != len(value):
        raise ConfigError(f"{where}: expected {len(inner)} values, got {list(value)}")
    pairs = zip(inner, value, strict=True)
    return tuple(from_plain(kind, item, f"{where}[{index}]") for index, (kind, item) in enumerate(pairs))


def _listed(names: Sequence[Any]) -> str:
    return ", ".join(map(str, names))
