"""Columns as users have them, made plain for the native module: numpy and Arrow as they are, lists of numbers."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from ._errors import InvalidError
from ._time import local_micros, micros


def little_endian(numbers: array[Any]) -> bytes:
    """The bytes as the native module reads them."""
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers.tobytes()


def is_scalar(value: Any) -> bool:
    """Whether it is one instant or number, not a column."""
    if isinstance(value, (str, bytes)):
        return True
    shape = getattr(value, "shape", None)
    if shape is not None:
        return bool(shape == ())
    return not isinstance(value, Iterable) and not speaks_arrow(value)


def speaks_arrow(value: Any) -> bool:
    """Whether it has the Arrow PyCapsule interface."""
    return hasattr(value, "__arrow_c_array__") or hasattr(value, "__arrow_c_stream__")


def library(value: Any) -> str:
    """The package that a value's type comes from."""
    return type(value).__module__.partition(".")[0]


def times(column: Any, name: str = "times") -> Any:
    """Instants; those of pandas, polars and Arrow must have a zone, a numpy datetime64 is UTC."""
    if library(column) == "pandas":
        column = _times_of_pandas(column, name)
    if library(column) == "numpy":
        return _times_of_numpy(column, name)
    if speaks_arrow(column):
        return column
    return little_endian(
        array("q", [micros(value, f"{name}[{row}]") for row, value in enumerate(_items(column, name))])
    )


def local_times(column: Any, name: str) -> Any:
    """Times on wall clocks, which have no zone, as microseconds as if they were UTC."""
    if library(column) == "pandas" and getattr(column.dtype, "kind", "") == "M":
        if getattr(column.dtype, "tz", None) is not None:
            raise InvalidError(f"{name} are {column.dtype} with a zone, expected local times without one")
        column = column.to_numpy()
    if library(column) == "numpy" and column.dtype.kind != "O":
        return _times_of_numpy(column, name)
    if speaks_arrow(column) and library(column) != "pandas":
        return column
    return little_endian(
        array("q", [local_micros(value, f"{name}[{row}]") for row, value in enumerate(_items(column, name))])
    )


def column(series: str, times_: Any, values_: Any, nan: str) -> tuple[Any, Any]:
    """Times and values of a series: columns, or one of each."""
    if nan not in ("skip", "keep"):
        raise InvalidError(f"nan is {nan!r}, expected 'skip' or 'keep'")
    if is_scalar(times_):
        if not is_scalar(values_):
            raise InvalidError(f"{series}: one time and a column of values, expected as many of each")
        times_, values_ = [times_], [values_]
    return times(times_), values(values_)


def values(column: Any, name: str = "values") -> Any:
    """Numbers; ``None`` is absent, and NaN as the caller says."""
    if library(column) == "pandas":
        # Nullable columns have their own mark for absent values; in all of them NaN says it too.
        column = _values_of_pandas(column, name)
    if library(column) == "numpy":
        return _values_of_numpy(column, name)
    if speaks_arrow(column):
        return column
    return [_number(value, f"{name}[{row}]") for row, value in enumerate(_items(column, name))]


def samples(times_: Any, values_: Any) -> tuple[Any, Any]:
    """Times and values; a pandas series that is given alone has its times as its index."""
    if values_ is None:
        index = getattr(times_, "index", None)
        if library(times_) != "pandas" or getattr(getattr(index, "dtype", None), "kind", "") != "M":
            kind = type(times_).__name__
            raise InvalidError(f"values are missing beside a {kind}, expected them, or a pandas series indexed by time")
        times_, values_ = index, times_
    return times(times_), values(values_)


def array_of(native: Any) -> Any:
    """A column of the native module as an array that shares its memory; without numpy as a list."""
    try:
        import numpy as np
    except ImportError:
        return native.to_list()
    return np.asarray(native)


def utc(index: Any) -> Any:
    """The instants of an index as datetime64 in UTC."""
    return index.tz_convert("UTC").tz_localize(None).to_numpy() if getattr(index, "tz", None) is not None else index


def like(native: Any, given: Any) -> Any:
    """One number for each that was given, as a pandas series with the same index where a series was given."""
    result = array_of(native)
    if library(given) == "pandas" and hasattr(given, "index"):
        import pandas as pd

        return pd.Series(result, index=given.index, name=given.name)
    return result


def _items(column: Any, field: str) -> list[Any]:
    try:
        return list(column)
    except TypeError:
        raise InvalidError(f"{field} is a {type(column).__name__}, expected one, or a column of them") from None


def _number(value: Any, field: str) -> float | None:
    if value is None:
        return None
    # Text may look like a number: whether it is one only the user knows.
    if not isinstance(value, (str, bytes)):
        with suppress(TypeError, ValueError):
            return float(value)
    raise InvalidError(f"{field} is {value!r}, expected a number, or None where there is none")


def _times_of_pandas(column: Any, name: str) -> Any:
    dtype = column.dtype
    if getattr(dtype, "tz", None) is not None:
        index = column if hasattr(column, "tz_convert") and not hasattr(column, "dt") else column.dt
        plain = (
            index.tz_convert("UTC").tz_localize(None)
            if index is column
            else column.dt.tz_convert("UTC").dt.tz_localize(None)
        )
        return plain.to_numpy()
    if getattr(dtype, "kind", "") == "M":
        raise InvalidError(f"{name} are {dtype} without a zone, expected such as times.dt.tz_localize('Europe/Berlin')")
    if getattr(dtype, "kind", "") == "i":
        return column.to_numpy()
    return list(column)


def _times_of_numpy(column: Any, name: str) -> Any:
    column = column.reshape(-1) if column.ndim == 0 else _flat(column, name)
    kind = column.dtype.kind
    if kind == "O":
        return times(list(column), name)
    if kind in "iu":
        if kind == "u" and column.size and int(column.max()) >= 2**63:
            raise InvalidError(f"{name} are up to {column.max()} microseconds, expected numbers of 64 bits with a sign")
        return _in_one_piece(column, "<i8")
    if kind != "M":
        raise InvalidError(f"{name} are {column.dtype}, expected datetime64, or int64 microseconds")
    return _in_one_piece(_exact_micros(column, name), "<M8[us]")


def _exact_micros(column: Any, name: str) -> Any:
    """numpy wraps around silently where the years of a coarse unit do not fit 64 bits of microseconds."""
    import numpy as np

    if column.size == 0:
        return column
    if np.isnat(column).any():
        raise InvalidError(f"{name}[{int(np.isnat(column).argmax())}] is NaT, expected an instant")
    for row in {int(column.argmin()), int(column.argmax())}:
        micros(column[row], f"{name}[{row}]")
    return column


def _in_one_piece(column: Any, kind: str) -> Any:
    """The array itself where its memory is as the native module reads it, else a copy."""
    import numpy as np

    return np.require(column, kind, ["C_CONTIGUOUS", "ALIGNED"])


def _values_of_pandas(column: Any, name: str) -> Any:
    if column.dtype.kind == "O":
        return [None if value != value else _number(value, f"{name}[{row}]") for row, value in enumerate(column)]
    try:
        # Nullable columns have their own mark for absent values; in all of them NaN says it too.
        return column.to_numpy(dtype="float64", na_value=float("nan"))
    except (TypeError, ValueError):
        raise InvalidError(f"{name} are {column.dtype}, expected numbers") from None


def _values_of_numpy(column: Any, name: str) -> Any:
    column = column.reshape(-1) if column.ndim == 0 else _flat(column, name)
    if column.dtype.kind == "O":
        return [_number(value, f"{name}[{row}]") for row, value in enumerate(column)]
    if column.dtype.kind not in "fiub":
        raise InvalidError(f"{name} are {column.dtype}, expected numbers")
    if hasattr(column, "mask"):
        # What is masked is unknown, as null and None are.
        column = column.astype("<f8").filled(float("nan"))
    numbers = _in_one_piece(column, "<f8")
    if column.dtype.kind in "iu" and column.dtype.itemsize == 8:
        # Through objects, since a float of 64 bits does not compare exactly with such integers either.
        far = (abs(numbers) >= 2.0**53).nonzero()[0]
        row = next((int(row) for row in far if int(numbers[row]) != int(column[row])), None)
        if row is not None:
            raise InvalidError(f"{name}[{row}] is {column[row]}, expected what a float of 64 bits holds exactly")
    return numbers


def _flat(column: Any, field: str) -> Any:
    if column.ndim != 1:
        raise InvalidError(f"{field} have the shape {column.shape}, expected one dimension")
    return column
