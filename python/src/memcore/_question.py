"""The words of a question, and the question as the native module takes it."""

from __future__ import annotations

from collections.abc import Sequence
from operator import index
from typing import Any, Literal

from ._errors import InvalidError
from ._time import Instant, Length, maybe_micros, maybe_span, span

Aggregate = (
    Literal[
        "mean",
        "time_weighted_mean",
        "min",
        "max",
        "sum",
        "count",
        "first",
        "last",
        "integral",
        "increase",
        "coverage",
        "held",
        "measured",
        "estimated",
        "substituted",
        "invalid",
        "quality",
        "median",
    ]
    | str
)
"""What becomes of the values of a bucket; also percentiles such as ``p5`` and ``p99.9``."""
Nan = Literal["skip", "keep"]
Gaps = Literal["absent", "null", "previous", "linear"]
Rule = Literal["step", "trapezoid"]
"""How a value goes over into the next: it holds until then, or lies on a straight line to it."""
ChartMethod = Literal["minmax", "minmaxlttb"]


def question(
    start: Instant | None,
    end: Instant | None,
    every: Length | None,
    agg: Aggregate | Sequence[Aggregate] | None,
    tz: str | None,
    gaps: Gaps | None,
    max_gap: Length | None,
    rule: Rule | None,
    as_of: Instant | None,
    chart: int | tuple[int, ChartMethod] | None,
    limit: int | None,
    last: int | None,
    quality: bool,
) -> dict[str, object]:
    """What is asked for, as the native module takes it."""
    if tz is not None and every is None:
        raise InvalidError(f"tz is {tz!r} without every, expected both: it says where days begin")
    return {
        "start": maybe_micros(start, "start"),
        "end": maybe_micros(end, "end"),
        "every": every if every is None or isinstance(every, str) else f"{span(every, 'every')}us",
        "zone": tz,
        "aggregates": aggregates(agg),
        "gaps": gaps,
        "max_gap_us": maybe_span(max_gap, "max_gap"),
        "rule": rule,
        "as_of": maybe_micros(as_of, "as_of"),
        "chart": None if chart is None else _chart(chart),
        "limit": count(limit, "limit"),
        "last": count(last, "last"),
        "quality": quality,
    }


def aggregates(agg: Any) -> list[str]:
    """The names of one or several."""
    if agg is None:
        return []
    try:
        names: list[Any] = [agg] if isinstance(agg, str) else list(agg)
    except TypeError:
        names = [agg]
    if not all(isinstance(name, str) for name in names):
        raise InvalidError(f"agg is {agg!r}, expected the name of an aggregate such as 'mean', or a list of them")
    return names


def _chart(chart: int | tuple[int, ChartMethod]) -> tuple[int | None, str]:
    width, method = chart if isinstance(chart, tuple) and len(chart) == 2 else (chart, "minmax")
    return count(width, "chart"), method


def count(value: Any, field: str) -> int | None:
    """A whole number that the native module can hold; None where it is not given."""
    if value is None:
        return None
    try:
        whole = index(value)
    except TypeError:
        whole = -1
    if not 0 <= whole < 2**63:
        raise InvalidError(f"{field} is {value!r}, expected a whole number from 0 on")
    return whole
