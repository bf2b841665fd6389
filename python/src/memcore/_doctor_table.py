"""Tables as the doctor takes them: columns as they stand, in their order, with doubles, on local clocks or not."""

# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false
# pyarrow has no types, those of the others have holes.

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from . import _columns
from ._errors import InvalidError
from ._files import FileMapping, plain
from ._frames import Units

Column = dict[str, object]


def columns(frame: Any, time: str, units: Units, mapping: FileMapping) -> tuple[list[Column], bool]:
    """The columns of numbers with their times, and whether the times are on a local clock."""
    table = named(frame, time)
    if time not in table:
        have = ", ".join(list(table)[:20])
        raise InvalidError(f"the columns are {have}, expected one of times named {time!r}, or times as its index")
    about = _about(mapping)
    naive = is_naive(table[time])
    if {"series", "value"} <= table.keys():
        return _of_long(table, time, naive, units, about), naive
    times = _columns.local_times(table[time], time) if naive else _columns.times(table[time], time)
    numbers = {name: column for name, column in table.items() if name != time and is_number(column)}
    if not numbers:
        have = ", ".join(list(table)[:20])
        raise InvalidError(f"the columns are {have}, expected one of numbers beside {time!r}")
    known = units if isinstance(units, Mapping) else {}
    for name in [*known, *about]:
        if name not in numbers:
            raise InvalidError(f"{name!r} is no column of numbers, expected one of {', '.join(numbers)}")
    return [
        _column(name, times, _columns.values(values, name), None, units, about) for name, values in numbers.items()
    ], naive


def _column(name: str, times: Any, values: Any, rows: Any, units: Units, about: Mapping[str, Any]) -> Column:
    unit = units.get(name) if isinstance(units, Mapping) else units
    told = json.dumps(about[name], default=plain) if name in about else None
    return {"name": name, "times": times, "values": values, "rows": rows, "unit": unit, "about": told}


def named(frame: Any, time: str) -> dict[str, Any]:
    """The columns of a table by their names."""
    library = _columns.library(frame)
    if library == "pandas":
        if not hasattr(frame, "columns"):
            frame = frame.to_frame(name=frame.name or "value")
        found = {str(name): frame.iloc[:, at] for at, name in enumerate(frame.columns)}
        if time not in found and getattr(frame.index.dtype, "kind", "") == "M":
            found[time] = frame.index
        return found
    if isinstance(frame, Mapping):
        return {str(name): column for name, column in frame.items()}
    if library == "polars":
        return {name: frame[name] for name in frame.columns}
    if _columns.speaks_arrow(frame):
        import pyarrow

        table = pyarrow.table(frame)
        return {name: table.column(name) for name in table.column_names}
    raise InvalidError(
        f"source is a {type(frame).__name__}, expected the path of a file, a table of pandas, polars or pyarrow, or a "
        "mapping of columns"
    )


def is_naive(column: Any) -> bool:
    """Whether times have no zone and are not those of numpy, which are UTC."""
    library = _columns.library(column)
    if library == "pandas":
        return getattr(column.dtype, "kind", "") == "M" and getattr(column.dtype, "tz", None) is None
    if library == "polars":
        return getattr(column.dtype, "time_zone", "") is None
    if library == "pyarrow":
        return getattr(column.type, "tz", "") is None
    first = next(iter(column), None) if isinstance(column, (list, tuple)) else None
    return getattr(first, "tzinfo", "") is None


def is_number(column: Any) -> bool:
    """Whether a column may hold numbers: of lists each has to say."""
    library = _columns.library(column)
    if library in ("pandas", "numpy"):
        return column.dtype.kind in "fiub" or (column.dtype.kind == "O" and _some_number(column))
    if library == "polars":
        return bool(column.dtype.is_numeric() or str(column.dtype) in ("Boolean", "Null"))
    if library == "pyarrow":
        return str(column.type) in ("bool", "null") or any(
            word in str(column.type) for word in ("int", "float", "double")
        )
    return _some_number(column)


def _some_number(column: Any) -> bool:
    known = (value for value in column if value is not None and value == value)
    return not isinstance(next(known, 0), (str, bytes))


def _of_long(table: dict[str, Any], time: str, naive: bool, units: Units, about: Mapping[str, Any]) -> list[Column]:
    import numpy as np

    times = _columns.local_times(table[time], time) if naive else _columns.times(table[time], time)
    if isinstance(times, bytes):
        times = np.frombuffer(times, "<i8")
    elif _columns.speaks_arrow(times):
        times = times.to_numpy()
    times = np.asarray(times, "datetime64[us]")
    values = np.array([np.nan if value is None else value for value in table["value"]], "float64")
    names, places = np.unique(np.array([str(name) for name in table["series"]]), return_inverse=True)
    found: list[Column] = []
    for at, name in enumerate(names.tolist()):
        rows = np.flatnonzero(places == at)
        found.append(_column(name, times[rows], values[rows], rows.tolist(), units, about))
    return found


def _about(mapping: FileMapping) -> Mapping[str, Any]:
    """What a mapping says of columns."""
    if mapping is None:
        return {}
    if not isinstance(mapping, Mapping):
        raise InvalidError(f"mapping is {mapping!r} for a table, expected a dict such as {{'columns': {{...}}}}")
    described: Mapping[str, Any] = mapping.get("columns", {})
    return described
