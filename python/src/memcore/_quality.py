"""How values came about."""

from __future__ import annotations

from enum import IntEnum
from typing import Any

from . import _columns
from ._errors import InvalidError


class Quality(IntEnum):
    """How a value came about, from best to worst."""

    MEASURED = 0
    HELD = 1
    """The value before was taken to go on."""
    ESTIMATED = 2
    """By the source, or from other values."""
    SUBSTITUTED = 3
    """Put in by hand or by rule in place of what the source said."""
    INVALID = 4
    """The source said that it has none, or it is known to be wrong."""


QualityLike = Any
"""A ``Quality`` or its name for all values, or a column of qualities, names or numbers; ``None`` in it is measured."""

NAMES = {quality.name.lower(): float(quality) for quality in Quality}


def qualities(given: QualityLike) -> Any:
    """What the native module takes: a name, or a column of numbers."""
    if given is None or isinstance(given, str):
        return given
    if _columns.is_scalar(given):
        return next((name for name, number in NAMES.items() if number == given), str(given))
    if _columns.speaks_arrow(given) or (_columns.library(given) == "numpy" and given.dtype.kind in "fiub"):
        return _columns.values(given, "quality")
    return [_number(quality, row) for row, quality in enumerate(given)]


def _number(quality: Any, row: int) -> float | None:
    if isinstance(quality, str):
        if quality not in NAMES:
            raise InvalidError(f"quality[{row}] is {quality!r}, expected one of {', '.join(NAMES)}")
        return NAMES[quality]
    return None if quality is None else float(quality)
