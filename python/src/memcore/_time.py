"""Time as people and arrays have it, and as the core has it: exact integer microseconds, UTC."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, Union

from ._errors import InvalidError, shown

if TYPE_CHECKING:
    import numpy as np

Instant = Union[datetime, str, int, "np.datetime64"]
"""An instant: a datetime or pandas Timestamp with a zone, RFC 3339 text with one, microseconds, or datetime64."""
Length = timedelta | str
"""A length of time: a timedelta, or text such as ``15m``."""

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
MICROSECOND = timedelta(microseconds=1)
LENGTHS = {"us": 1, "ms": 10**3, "s": 10**6, "m": 60 * 10**6, "min": 60 * 10**6, "h": 3600 * 10**6, "d": 86400 * 10**6}
I64 = range(-(2**63), 2**63)


def micros(value: Any, field: str) -> int:
    """Microseconds of an instant; the message names the field and the value."""
    if isinstance(value, datetime):
        if value.tzinfo is None or value.utcoffset() is None:
            # NaT of pandas is a datetime too.
            what = "NaT" if value != value else f"{value.isoformat()} without a zone"
            raise InvalidError(f"{field} is {what}, expected an instant such as datetime(..., tzinfo=timezone.utc)")
        return (value - EPOCH) // MICROSECOND
    if isinstance(value, bool):
        raise InvalidError(f"{field} is {value}, expected an instant")
    if isinstance(value, int):
        return checked(value, field)
    if isinstance(value, str):
        return _from_text(value, field)
    if type(value).__name__ == "datetime64":
        return _from_datetime64(value, field)
    if hasattr(value, "__index__"):
        return checked(value.__index__(), field)
    raise InvalidError(
        f"{field} is {shown(value)} of type {type(value).__name__}, expected a datetime with a zone, a datetime64, "
        "text such as 2024-03-31T00:00:00Z, or an int of microseconds"
    )


def local_micros(value: Any, field: str) -> int:
    """Microseconds of a time on a wall clock, as if it were UTC."""
    expected = "expected a local time without a zone, such as datetime(2024, 3, 31, 2, 30) or 2024-03-31T02:30"
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError:
            raise InvalidError(f"{field} is {shown(value)}, {expected}") from None
    if isinstance(value, datetime) and value.tzinfo is None and value == value:
        return (value.replace(tzinfo=timezone.utc) - EPOCH) // MICROSECOND
    raise InvalidError(f"{field} is {shown(value)}, {expected}")


def checked(value: int, field: str) -> int:
    """The number, if it fits 64 bits."""
    if value not in I64:
        raise InvalidError(f"{field} is {value} microseconds, expected a number of 64 bits")
    return value


def _from_text(text: str, field: str) -> int:
    # Before Python 3.11 only this spelling of UTC is unknown to fromisoformat.
    readable = re.sub(r"[zZ]$", "+00:00", text.strip())
    try:
        value = datetime.fromisoformat(readable)
    except ValueError:
        raise InvalidError(f"{field} is {shown(text)}, expected RFC 3339 such as 2024-03-31T00:00:00Z") from None
    if value.tzinfo is None:
        raise InvalidError(f"{field} is {text!r} without a zone, expected such as {text}Z or {text}+01:00")
    return micros(value, field)


_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9, "ps": 10**12, "fs": 10**15, "as": 10**18}
_SECONDS = {"m": 60, "h": 3600, "D": 86400, "W": 7 * 86400}


def _from_datetime64(value: Any, field: str) -> int:
    if str(value) == "NaT":
        raise InvalidError(f"{field} is NaT, expected an instant")
    number = int(value.astype("int64"))
    unit = re.match(r"datetime64\[(\d*)(\w+)\]", str(value.dtype))
    if unit is None:
        raise InvalidError(f"{field} is a datetime64 without a unit, expected one such as datetime64[us]")
    many, name = int(unit.group(1) or 1), unit.group(2)
    if name in _PER_SECOND:
        return checked(number * many * 10**6 // _PER_SECOND[name], field)
    if name in _SECONDS:
        return checked(number * many * _SECONDS[name] * 10**6, field)
    # Months and years: a number of days has room for all of them.
    return checked(int(value.astype("datetime64[D]").astype("int64")) * 86400 * 10**6, field)


def maybe_micros(value: Any, field: str) -> int | None:
    """As ``micros``, with ``None`` for an open end."""
    return None if value is None else micros(value, field)


def span(value: Length, field: str) -> int:
    """Microseconds of a length of time."""
    if isinstance(value, timedelta):
        return value // MICROSECOND
    found = re.fullmatch(r"(\d+)([a-z]+)", str(value))
    if found is None or found.group(2) not in LENGTHS:
        raise InvalidError(f"{field} is {shown(value)}, expected a timedelta, or text such as 15m (us, ms, s, m, h, d)")
    return checked(int(found.group(1)) * LENGTHS[found.group(2)], field)


def maybe_span(value: Length | None, field: str) -> int | None:
    """As ``span``, with ``None`` for no length."""
    return None if value is None else span(value, field)


def moment(value: int) -> datetime:
    """The datetime of microseconds, UTC. Beyond the years 1 to 9999 there is none."""
    try:
        return EPOCH + timedelta(microseconds=value)
    except OverflowError:
        raise InvalidError(
            f"time is {value} microseconds, expected one in the years 1 to 9999 of Python's datetime"
        ) from None


def maybe_moment(value: int | None) -> datetime | None:
    """As ``moment``, with ``None`` for no instant, and where no datetime reaches it."""
    try:
        return None if value is None else moment(value)
    except InvalidError:
        return None
