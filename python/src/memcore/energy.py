"""What readings mean over time: the functions that queries and imports use, for columns that are at hand.

``times`` are those of ``Memcore.write``: datetimes with a zone, numpy datetime64 (UTC), pandas, polars or Arrow columns
with a zone. ``values`` are numbers, in the order of their times; ``None``, null and NaN say that nothing is known. A
pandas series that is indexed by time stands for both. What comes back are numpy arrays, or lists where numpy is not
installed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from . import _columns, _memcore
from ._balance import Balance, balance
from ._errors import InvalidError
from ._quality import QualityLike, qualities
from ._question import Aggregate, Gaps, Rule, aggregates
from ._time import MICROSECOND, Instant, Length, maybe_micros, maybe_span, micros, moment, span

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

__all__ = [
    "Balance",
    "CounterEvent",
    "Gap",
    "Increase",
    "Increases",
    "Integrated",
    "Localized",
    "MeanPower",
    "Resampled",
    "Rule",
    "Skipped",
    "at",
    "balance",
    "buckets",
    "convert",
    "increase",
    "increases",
    "integrate",
    "localize",
    "mean_power",
    "mean_power_of_register",
    "resample",
]

Skipped = Literal["offset_before", "refuse"]
"""What becomes of local times that no clock showed: read with the offset before the clock was set, or an error."""


@dataclass(frozen=True)
class Gap:
    """A silence that was too long to be bridged."""

    start: datetime
    end: datetime


@dataclass(frozen=True)
class Integrated:
    """What ``integrate`` found."""

    amount: float
    """Values times hours: Wh of W, Ah of A."""
    mean: float | None
    """The mean over the time that was measured; ``None`` where none was."""
    covered: timedelta
    """How much time was measured."""
    held: timedelta
    """How much of it lies behind the last sample by more than a cadence: nothing later says that the value held."""
    gaps: tuple[Gap, ...]


@dataclass(frozen=True)
class Increase:
    """What ``increase`` found."""

    amount: float | None
    """By how much the counter rose; ``None`` where there are not two readings."""
    resets: int
    """How often it started anew."""
    glitches: int
    """How often it fell and came back: nothing was counted."""


class CounterEvent(NamedTuple):
    """A reading that lies below the one before it, and why."""

    row: int
    kind: Literal["reset", "glitch", "rollover"]


@dataclass(frozen=True, eq=False)
class Increases:
    """What ``increases`` found."""

    amounts: Any
    """What each reading adds to those before it; NaN where that is not known, as for the first. A pandas series of
    a pandas series."""
    events: tuple[CounterEvent, ...]
    """Each fall, in order of rows."""


@dataclass(frozen=True, eq=False)
class MeanPower:
    """The mean power over intervals, in order of time."""

    starts: Any
    """Where each interval starts, which is its label: datetime64 in UTC."""
    ends: Any
    """Where it ends."""
    power: Any
    """In the unit of the energy divided by hours, W of Wh; NaN where it is not known."""

    def to_pandas(self) -> pd.Series[float]:
        """Return the power as a pandas series indexed by the starts."""
        import pandas

        index = pandas.DatetimeIndex(self.starts, name="time").tz_localize("UTC")
        series: pd.Series[float] = pandas.Series(self.power, index=index, name="power")
        return series


@dataclass(frozen=True, eq=False)
class Localized:
    """What ``localize`` found."""

    times: Any
    """The instants: datetime64 in UTC; of a pandas column one of the zone, of a series with its index."""
    repeated: Any
    """The rows whose time a clock showed twice: their order told which of the two it was."""
    skipped: Any
    """The rows whose time no clock showed."""


@dataclass(frozen=True, eq=False)
class Resampled:
    """What ``resample`` found: one row a bucket, in order of time."""

    times: Any
    """Where each bucket starts, datetime64 in UTC."""
    columns: Mapping[str, Any]
    """An array for each aggregate; NaN where a bucket has no such value."""
    zone: str | None = None
    """The zone whose calendar the buckets follow."""

    def __getitem__(self, aggregate: str) -> Any:
        return self.columns[aggregate]

    def __len__(self) -> int:
        return len(self.times)

    def to_pandas(self) -> pd.DataFrame:
        """Return a pandas frame indexed by time, in the zone of the calendar."""
        import pandas

        index = pandas.DatetimeIndex(self.times, name="time").tz_localize("UTC")
        frame: pd.DataFrame = pandas.DataFrame(
            self.columns, index=index if self.zone is None else index.tz_convert(self.zone)
        )
        return frame

    def to_polars(self) -> pl.DataFrame:
        """Return a polars frame with a column ``time``, in the zone of the calendar."""
        import polars

        times = polars.Series("time", self.times).dt.replace_time_zone("UTC")
        return polars.DataFrame([times if self.zone is None else times.dt.convert_time_zone(self.zone)]).with_columns(
            **{name: polars.Series(values) for name, values in self.columns.items()}
        )


def integrate(
    times: Any,
    values: Any = None,
    start: Instant | None = None,
    end: Instant | None = None,
    *,
    rule: Rule = "step",
    max_gap: Length | None = None,
    cadence: Length | None = None,
) -> Integrated:
    """Integrate samples from ``start`` until before ``end``: from power to energy, and to a mean that is fair to time.

    A value counts until the next where that comes within ``max_gap``, by default three times the ``cadence``; else for
    one cadence where there is one. Without ``start`` and ``end`` the range is from the first sample to a cadence after
    the last. Samples outside the range say what held at its ends.
    """
    columns = _columns.samples(times, values)
    ends = (maybe_micros(start, "start"), maybe_micros(end, "end"))
    amount, mean, covered, held, gaps = _memcore.integrate(*columns, *ends, _holds(rule, max_gap, cadence))
    silences = tuple(Gap(moment(start), moment(end)) for start, end in gaps)
    return Integrated(amount, mean, covered * MICROSECOND, held * MICROSECOND, silences)


def increase(readings: Any, *, width: float | None = None) -> Increase:
    """Say by how much a counter rose from its first reading to its last, across resets and past glitches.

    ``width`` is where it rolls over, in the unit of the readings: 65536 for a register of 16 bits that counts in them.
    """
    return Increase(*_memcore.increase(_columns.values(readings, "readings"), width))


def increases(readings: Any, *, width: float | None = None) -> Increases:
    """Say what each reading of a counter adds; the amounts add up to that of ``increase``."""
    amounts, events = _memcore.increases(_columns.values(readings, "readings"), width)
    kinds: Any = events
    return Increases(_columns.like(amounts, readings), tuple(CounterEvent(row, kind) for row, kind in kinds))


def convert(values: Any, from_unit: str, to_unit: str) -> Any:
    """Return values in another unit of the same quantity: ``convert(frame["p_kw"], "kW", "W")``.

    A pandas series stays one, one number is one number. Decimals stay decimals: 1.001 kW is 1001 W.
    """
    if _columns.is_scalar(values):
        return _memcore.convert(_columns.values([values]), from_unit, to_unit).to_list()[0]
    return _columns.like(_memcore.convert(_columns.values(values), from_unit, to_unit), values)


def mean_power(
    times: Any, amounts: Any = None, *, cadence: Length | None = None, max_gap: Length | None = None
) -> MeanPower:
    """Return the mean power of amounts of energy, each of the interval that follows its time: 250 Wh of a quarter of an
    hour are 1000 W.

    An interval is one ``cadence`` long, else until the next time where that comes within ``max_gap``.
    """
    return _mean_power(times, amounts, False, None, cadence, max_gap)


def mean_power_of_register(
    times: Any,
    readings: Any = None,
    *,
    width: float | None = None,
    cadence: Length | None = None,
    max_gap: Length | None = None,
) -> MeanPower:
    """Return the mean power between the readings of a counter, past glitches; NaN over a reset, and over a silence
    longer than ``max_gap``."""
    return _mean_power(times, readings, True, width, cadence, max_gap)


def _mean_power(
    times: Any, values: Any, counter: bool, width: float | None, cadence: Length | None, max_gap: Length | None
) -> MeanPower:
    columns = _columns.samples(times, values)
    found = _memcore.mean_power(*columns, counter, width, _holds("step", max_gap, cadence))
    return MeanPower(*(_columns.array_of(column) for column in found))


def at(
    times: Any,
    values: Any = None,
    *,
    grid: Any,
    rule: Rule = "step",
    max_gap: Length | None = None,
    cadence: Length | None = None,
) -> Any:
    """Return the values at the instants of a grid: what stood then, or with ``rule="trapezoid"`` what lies between.

    NaN where nothing is known: before the first sample, in a gap, later than ``max_gap`` after the last. For a pandas
    grid the result is a series that is indexed by it.
    """
    columns = _columns.samples(times, values)
    found = _memcore.at(*columns, _columns.times(grid, "grid"), _holds(rule, max_gap, cadence))
    result = _columns.array_of(found)
    if _columns.library(grid) != "pandas":
        return result
    import pandas

    return pandas.Series(result, index=pandas.Index(grid))


def buckets(start: Instant, end: Instant, every: Length, *, tz: str | None = None) -> Any:
    """Return the borders that cut a range into buckets, both of its ends included, as datetime64 in UTC.

    With ``tz`` they follow the clocks and the calendar of a zone: a day has 23, 24 or 25 hours.
    """
    length = every if isinstance(every, str) else f"{span(every, 'every')}us"
    return _columns.array_of(_memcore.buckets(micros(start, "start"), micros(end, "end"), length, tz))


def localize(local: Any, tz: str, *, skipped: Skipped = "offset_before") -> Localized:
    """Find the instants of local times of one series, as files without a zone have them, that rise or fall.

    ``local`` are datetimes without a zone, such text, datetime64, or a column of pandas, polars or Arrow. An hour that
    clocks show twice is told by the order of the rows.
    """
    times, repeated, never = _memcore.localize(_columns.local_times(local, "local"), tz, skipped)
    instants = _columns.array_of(times)
    if _columns.library(local) == "pandas":
        instants = _in_pandas(instants, local, tz)
    return Localized(instants, _columns.array_of(repeated), _columns.array_of(never))


def resample(
    times: Any,
    values: Any = None,
    start: Instant | None = None,
    end: Instant | None = None,
    *,
    every: Length | None = None,
    agg: Aggregate | Sequence[Aggregate] = "mean",
    tz: str | None = None,
    gaps: Gaps | None = None,
    max_gap: Length | None = None,
    cadence: Length | None = None,
    rule: Rule = "step",
    width: float | None = None,
    quality: QualityLike = None,
) -> Resampled:
    """Gather samples into buckets: what ``Memcore.query`` answers to the same question of a site that holds them.

    ``max_gap`` or ``cadence`` say how long a value holds, for what counts time and for filling. ``width`` is where a
    counter rolls over, for ``increase``; ``quality`` how the values came about, for the shares by quality.
    """
    if tz is not None and every is None:
        raise InvalidError(f"tz is {tz!r} without every, expected both: it says where days begin")
    asked = {
        "start": maybe_micros(start, "start"),
        "end": maybe_micros(end, "end"),
        "every": every if every is None or isinstance(every, str) else f"{span(every, 'every')}us",
        "zone": tz,
        "aggregates": aggregates(agg),
        "holds": _holds(rule, max_gap, cadence),
        "gaps": gaps,
        "width": width,
    }
    starts, columns = _memcore.resample(*_columns.samples(times, values), qualities(quality), asked)
    return Resampled(_columns.array_of(starts), {name: _columns.array_of(column) for name, column in columns}, tz)


def _in_pandas(instants: Any, given: Any, tz: str) -> Any:
    import pandas as pd

    index = pd.DatetimeIndex(instants, name=given.name).tz_localize("UTC").tz_convert(tz)
    return pd.Series(index, index=given.index, name=given.name) if hasattr(given, "index") else index


def _holds(rule: Rule, max_gap: Length | None, cadence: Length | None) -> tuple[str, int | None, int | None]:
    return rule, maybe_span(max_gap, "max_gap"), maybe_span(cadence, "cadence")
