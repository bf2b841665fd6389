"""How a file is read, and what was found in it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from os import PathLike, fspath
from typing import Any, Literal, TypedDict

from ._errors import InvalidError
from ._time import MICROSECOND, moment

FileMapping = str | PathLike[str] | Mapping[str, Any] | None
"""The path of a mapping's file, or its fields."""


class ImportedSeries(TypedDict):
    """A series of a file."""

    series: str
    unit: str
    new: bool
    """Whether it was not registered before."""
    points: int


class RefusedRow(TypedDict):
    """A row that could not be read."""

    row: int
    """Its number; the first row of data is 0."""
    line: int | None
    """``None`` where the file has no lines."""
    reason: str
    text: str


class RefusedRows(TypedDict):
    """The rows that could not be read."""

    count: int
    whole: int
    """Those left out in whole; they are none of the rows read."""
    cells: int
    """Cells left out of rows that were read."""
    first: list[RefusedRow]
    """The first of them, a hundred at most."""
    file: str | None
    """Where all of them are."""


class ImportReport(TypedDict):
    """What an import did, or would do.

    Everything is counted once: the rows of a file are ``rows`` and ``refused["whole"]``; the cells of its ``rows`` are
    ``points``, ``repeated``, ``gaps``, ``invalid``, ``out_of_range`` and ``refused["cells"]``.
    """

    rows: int
    points: int
    repeated: int
    """Values that were there already."""
    replaced: int
    """Of these values, those that another of their series and time follows, which holds."""
    gaps: int
    """Empty cells."""
    invalid: int
    """Values that say "not measured"."""
    out_of_range: int
    first: datetime | None
    last: datetime | None
    series: list[ImportedSeries]
    refused: RefusedRows
    understood: dict[str, Any]
    """How the file was read: ``format``, ``text``, ``time``, ``columns``, ``notes``, and the ``first`` rows."""


def reading(
    tz: str | None,
    delimiter: str | None,
    decimal: str | None,
    mapping: FileMapping,
    strict: bool,
    refused: str | PathLike[str] | Literal[False] | None,
) -> dict[str, object]:
    """How the native module is to read a file."""
    for name, text in (("delimiter", delimiter), ("decimal", decimal)):
        if text is not None and len(text) != 1:
            raise InvalidError(f"{name} is {text!r}, expected one character")
    return {
        "zone": tz,
        "delimiter": delimiter,
        "decimal": decimal,
        "mapping_file": None if mapping is None or isinstance(mapping, Mapping) else fspath(mapping),
        "mapping": json.dumps(mapping, default=plain) if isinstance(mapping, Mapping) else None,
        "strict": strict,
        "refused": None if refused is None or refused is False else fspath(refused),
        "side_file": refused is not False,
    }


def report(text: str) -> ImportReport:
    """What the native module says of an import."""
    done: Any = json.loads(text)
    for name in ("first", "last"):
        micros: int | None = done.pop(f"{name}_us", None)
        done[name] = None if micros is None else moment(micros)
    done["refused"].setdefault("file", None)
    for row in done["refused"]["first"]:
        row.setdefault("line", None)
    for row in done["understood"]["first"]:
        row["time"] = moment(row.pop("time_us"))
    imported: ImportReport = done
    return imported


def plain(value: Any) -> Any:
    """What a mapping's fields may be beside JSON: lengths of time, paths, sequences."""
    if isinstance(value, timedelta):
        return f"{value // MICROSECOND}us"
    if isinstance(value, Mapping):
        return dict(value)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    raise InvalidError(f"mapping has {value!r} of type {type(value).__name__}, expected text, numbers, lists and dicts")
