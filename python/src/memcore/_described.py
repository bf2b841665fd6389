"""Things with fields that the core reads: profiles, times and lengths in whatever form a user has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol, Union

from . import _columns
from ._time import MICROSECOND, micros

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import polars as pl


class ArrowColumn(Protocol):
    """Anything that speaks Arrow's PyCapsule interface."""

    def __arrow_c_array__(self, requested_schema: object | None = None) -> tuple[object, object]: ...


Profile = Union[
    float, Sequence[float], Sequence[bool], "np.ndarray[Any, Any]", "pd.Series[Any]", "pl.Series", ArrowColumn
]
"""One number for every step of the horizon, or one per step: a list, or a column of numpy, pandas, polars or Arrow.

A pandas series is aligned by its length. Where its index has a zone, it must start when the horizon does.
"""

Starts = list[tuple[str, int]]
"""Fields whose column knows when it starts, in microseconds."""


class Described:
    """Something with fields that the core reads."""

    def __post_init__(self) -> None:
        self._described()

    def _described(self, starts: Starts | None = None, within: str = "") -> dict[str, object]:
        """The fields that are given, in the form in which the native module reads them."""
        given = vars(self)
        return {
            name: plain(given[name], f"{within}{name}", starts)
            for name, default in _fields_of(type(self))
            if given[name] is not default
        }

    def __repr__(self) -> str:
        given = vars(self)
        shown = [
            f"{name}={_short(given[name])}" for name, default in _fields_of(type(self)) if given[name] is not default
        ]
        return f"{type(self).__name__}({', '.join(shown)})"


def _fields_of(kind: type[Any]) -> tuple[tuple[str, Any], ...]:
    known = _FIELDS.get(kind)
    if known is None:
        known = _FIELDS[kind] = tuple((field.name, field.default) for field in fields(kind))
    return known


_FIELDS: dict[type[Any], tuple[tuple[str, Any], ...]] = {}


def plain(value: Any, field: str, starts: Starts | None = None) -> Any:
    """A value as the native module reads it: numbers, text, columns, dicts, lists; times as microseconds."""
    if isinstance(value, (float, int, str)) or value is None:
        return value
    if isinstance(value, Described):
        return value._described(starts, f"{field}.")
    if isinstance(value, datetime) or type(value).__name__ == "datetime64":
        return micros(value, field)
    if isinstance(value, timedelta):
        return f"{value // MICROSECOND}us"
    if isinstance(value, Mapping):
        entries: dict[Any, Any] = dict(value)  # pyright: ignore[reportUnknownArgumentType]
        return {str(name): plain(entry, f"{field}.{name}", starts) for name, entry in entries.items()}
    if isinstance(value, (list, tuple)):
        items: list[Any] = list(value)  # pyright: ignore[reportUnknownArgumentType]
        if items and isinstance(items[0], (float, int)):
            return items
        return [plain(item, f"{field}[{at}]", starts) for at, item in enumerate(items)]
    if hasattr(value, "item") and getattr(value, "shape", None) == ():
        return plain(value.item(), field, starts)
    if starts is not None:
        _remember_start(value, field, starts)
    return _columns.values(value, field)


def _remember_start(column: Any, field: str, starts: Starts) -> None:
    """When a pandas series begins, where its index says so beyond doubt."""
    index: Any = getattr(column, "index", None)
    if _columns.library(column) == "pandas" and getattr(index, "tz", None) is not None and len(column) > 0:
        starts.append((field, micros(index[0], field)))


def _short(value: Any) -> str:
    shown: Any = value
    if isinstance(value, (float, int, str, Described)) or value is None:
        return repr(shown)
    try:
        long = len(shown) > 4 or not isinstance(value, (list, tuple))
    except TypeError:
        return repr(shown)
    return f"<{len(shown)} values>" if long else repr(shown)
