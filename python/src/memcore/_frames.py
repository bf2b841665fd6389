"""Tables as users have them, made plain for the native module: Arrow as it is, or named columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import _columns
from ._errors import InvalidError

Units = str | Mapping[str, str] | None
"""One unit for all columns, or one for each by its name; in a long table by the name of the series."""


def reading(device: str | None, time: str, units: Units, nan: str) -> dict[str, object]:
    """How the native module is to read a table."""
    if nan not in ("skip", "keep"):
        raise InvalidError(f"nan is {nan!r}, expected 'skip' or 'keep'")
    one = units if isinstance(units, str) else None
    each = {} if units is None or isinstance(units, str) else dict(units)
    return {"device": device, "time": time, "unit": one, "units": each, "keep_nan": nan == "keep"}


def table(frame: Any, time: str) -> Any:
    """What the native module takes: something that speaks Arrow, or a list of name, kind and column."""
    if _columns.library(frame) == "pandas":
        return _of_pandas(frame, time)
    if isinstance(frame, Mapping):
        columns: dict[Any, Any] = dict(frame)  # pyright: ignore[reportUnknownArgumentType]
        if time not in columns:
            raise InvalidError(f"the columns are {', '.join(map(str, columns))}, expected one of times named {time!r}")
        return [_column(str(name), column, time) for name, column in columns.items()]
    if _columns.speaks_arrow(frame):
        return frame
    raise InvalidError(
        f"frame is a {type(frame).__name__}, expected a table of pandas, polars or pyarrow, or a mapping of columns"
    )


def _of_pandas(frame: Any, time: str) -> Any:
    names = [str(name) for name in frame.columns]
    twice = next((name for at, name in enumerate(names) if name in names[:at]), None)
    if twice is not None:
        raise InvalidError(f"frame has two columns {twice!r}, expected one")
    columns = [(name, frame.iloc[:, at]) for at, name in enumerate(names)]
    if time not in names:
        kind = getattr(frame.index.dtype, "kind", "")
        if getattr(frame.index, "nlevels", 1) > 1 or (kind != "M" and frame.index.name != time):
            have = ", ".join(names[:20])
            raise InvalidError(f"frame has the columns {have}, expected one named {time!r}, or times as its index")
        columns.insert(0, (time, frame.index))
    return [_column(name, column, time) for name, column in columns]


def _column(name: str, column: Any, time: str) -> tuple[str, str, Any]:
    if name == time:
        return name, "time", _columns.times(column, name)
    if name in ("series", "unit"):
        return name, "text", [None if text is None or text != text else str(text) for text in column]
    return name, "number", _columns.values(column, name)
