"""What is said to a server as JSON: what cannot be said is refused here, by its name, before it goes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any, cast

from ._errors import InvalidError, shown
from ._time import I64, Length, span

TEXT_MAX = 65_536
"""The longest text, in characters: far beyond what any field takes. What is said as a whole ends at 2 MB."""
DEPTH_MAX = 32
_PART_MAX = 1024


def text(field: str, value: Any, most: int = TEXT_MAX) -> str:
    """The value, if it is text of a sensible length."""
    if not isinstance(value, str):
        raise InvalidError(f"{field} is {shown(value)}, expected text")
    if len(value) > most:
        raise InvalidError(f"{field} has {len(value)} characters, expected at most {most}")
    if not value.isascii() and any("\ud800" <= one <= "\udfff" for one in value):
        raise InvalidError(f"{field} is {shown(value)}, expected text without halves of characters")
    return value


def word(field: str, value: Any) -> str:
    """The value, if it is text that can stand in a path."""
    said = text(field, value, _PART_MAX)
    if said == "":
        raise InvalidError(f"{field} is empty, expected a name")
    return said


def count(field: str, value: Any) -> int:
    """The value, if it is a whole number of 1 or more."""
    if isinstance(value, bool) or not hasattr(value, "__index__") or value.__index__() < 1:
        raise InvalidError(f"{field} is {shown(value)}, expected a whole number of 1 or more")
    number: int = value.__index__()
    return number


def texts(field: str, value: Any) -> list[str]:
    """The values, if they are texts, and not the letters of one."""
    if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Iterable):
        raise InvalidError(f"{field} is {shown(value)}, expected several texts, such as a list")
    return [text(f"{field}[{at}]", one) for at, one in enumerate(cast("Iterable[object]", value))]


def fields(field: str, value: Any) -> Mapping[str, object]:
    """The value, if it has fields."""
    if not isinstance(value, Mapping):
        raise InvalidError(f"{field} is {shown(value)}, expected a dict of fields")
    return cast("Mapping[str, object]", value)


def length(field: str, value: Length | None) -> str | None:
    """A length of time to come, as the server reads it."""
    if value is None:
        return None
    micros = span(value, field)
    if micros <= 0:
        raise InvalidError(f"{field} is {value}, expected some time to come, such as 90d")
    return value if isinstance(value, str) else f"{micros}us"


def plain(value: Any, path: str, depth: int = 0) -> Any:
    """The value as JSON has it, with each part of it checked."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return text(path, value)
    if isinstance(value, timedelta):
        if value < timedelta(0):
            raise InvalidError(f"{path} is {value}, expected a length of time to come")
        return f"{span(value, path)}us"
    if depth == DEPTH_MAX:
        raise InvalidError(f"{path} is nested more than {DEPTH_MAX} deep")
    if isinstance(value, Mapping):
        return _object(cast("Mapping[object, object]", value), path, depth)
    if isinstance(value, Iterable) and not isinstance(value, (bytes, bytearray)):
        return [plain(one, f"{path}[{at}]", depth + 1) for at, one in enumerate(cast("Iterable[object]", value))]
    return _number(value, path)


def _object(value: Mapping[object, object], path: str, depth: int) -> dict[str, Any]:
    said: dict[str, Any] = {}
    for key, one in value.items():
        at = text(f"a field of {path or 'the body'}", key)
        said[at] = plain(one, f"{path}.{at}" if path else at, depth + 1)
    return said


def _number(value: Any, path: str) -> int | float:
    """Numbers of numpy, too: they are no ints or floats of Python as a rule."""
    number: int | float | None = None
    if hasattr(value, "__index__"):
        number = value.__index__()
    elif hasattr(value, "__float__"):
        number = float(value)
    if number is None or not (number in I64 if isinstance(number, int) else math.isfinite(number)):
        raise InvalidError(f"{path or 'body'} is {shown(value)}, expected text, a number, a dict or a list")
    return number
