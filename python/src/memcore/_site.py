"""A site's history, opened in this process like a database file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from os import PathLike, fspath
from types import TracebackType
from typing import Any, Literal

from . import _columns, _memcore
from ._channel import Channel, Kind, Label, Sign, described, description
from ._errors import InvalidError
from ._result import QueryResult
from ._time import Instant, Length, maybe_micros, moment, span

Aggregate = Literal["mean", "min", "max", "sum", "count", "first", "last"]
Nan = Literal["skip", "keep"]


class Memcore:
    """An open site; made by ``memcore.open`` and ``memcore.memory``. Threads may share it.

    Values come back in the base unit of their quantity (W, Wh, V, ...) and in passive sign: positive flows into the
    device. Times are UTC. Ctrl-C ends the wait for a call, not a write that is under way.
    """

    def __init__(self, native: _memcore.Site) -> None:
        self._native = native

    def register(
        self,
        series: str,
        *,
        unit: str,
        quantity: str | None = None,
        kind: Kind | None = None,
        sign: Sign | None = None,
        label: Label | None = None,
        cadence: Length | None = None,
        max_age: Length | None = None,
        range: tuple[float, float] | None = None,  # noqa: A002
        writable: bool = False,
    ) -> None:
        """Say what the numbers of a series mean; see ``Channel``. Doing it again is fine unless the meaning differs."""
        channel = Channel(series, unit, quantity, kind, sign, label, cadence, max_age, range, writable)
        self._native.register(series, description(channel))

    def write(self, series: str, times: Any, values: Any, *, unit: str | None = None, nan: Nan = "skip") -> int:
        """Write a column, or one reading, and return how many values were written; they are durable then.

        ``times``: datetimes with a zone, numpy datetime64 (UTC) or int64 microseconds, a pandas, polars or Arrow column
        with a zone. ``values``: numbers; ``None`` and nulls are no values and write nothing, and neither does NaN, for
        that is how numpy and pandas say it. ``nan="keep"`` stores NaN as a value. What is finer than a microsecond is
        cut off. With ``unit`` values are converted from it, and a series that is new becomes a gauge in it; without
        one they are in the unit that the series was registered with.
        """
        if nan not in ("skip", "keep"):
            raise InvalidError(f"nan is {nan!r}, expected 'skip' or 'keep'")
        if _columns.is_scalar(times):
            if not _columns.is_scalar(values):
                raise InvalidError(f"{series}: one time and a column of values, expected as many of each")
            times, values = [times], [values]
        columns = _columns.times(times), _columns.values(values)
        return self._native.write(series, *columns, unit, nan == "skip")

    def write_frame(
        self, frame: Any, *, time: str = "time", units: str | Mapping[str, str] | None = None, nan: Nan = "skip"
    ) -> int:
        """Write a table of pandas, polars or pyarrow: a column of times, and a column named by each series.

        The index of a pandas frame is the time where no column is. Each column is written on its own. ``units`` is one
        for all, or one for each column; without it the series are registered. Returns how many values were written.
        """
        names = [str(name) for name in getattr(frame, "column_names", None) or frame.columns]
        if time not in names and not hasattr(frame, "index"):
            raise InvalidError(f"frame has the columns {', '.join(names)}, expected one named {time!r}")
        times = frame[time] if time in names else frame.index
        written = 0
        for name in names:
            if name != time:
                unit = units if isinstance(units, str) or units is None else units.get(name)
                written += self.write(name, times, frame[name], unit=unit, nan=nan)
        return written

    def query(
        self,
        pattern: str,
        start: Instant | None = None,
        end: Instant | None = None,
        *,
        every: Length | None = None,
        agg: Aggregate | Sequence[Aggregate] | None = None,
        tz: str | None = None,
        limit: int | None = None,
        last: int | None = None,
    ) -> QueryResult:
        """Read the series that match a pattern (``home1.*.power``, ``home1.>``), from ``start`` to before ``end``.

        ``every`` gives one row a bucket, labelled by its start: ``15m``, ``1h``, ``1d``, ``1w``, ``1mo``, ``1y``; with
        ``tz`` they follow the clocks and the calendar of a zone. ``agg`` is the mean by default; without ``every`` the
        whole range is one bucket. ``limit`` and ``last`` keep the first or last rows of each series.
        """
        aggregates = [agg] if isinstance(agg, str) else list(agg or [])
        if tz is not None and every is None:
            raise InvalidError(f"tz is {tz!r} without every, expected both: it says where days begin")
        text = every if every is None or isinstance(every, str) else f"{span(every, 'every')}us"
        ends = maybe_micros(start, "start"), maybe_micros(end, "end")
        return QueryResult(self._native.query(pattern, *ends, text, aggregates, tz, limit, last))

    def latest(self, pattern: str = ">") -> dict[str, tuple[datetime, float]]:
        """Return the newest time and value of every series that matches."""
        return {series: (moment(time), value) for series, time, value in self._native.latest(pattern)}

    def series(self, pattern: str = ">") -> list[Channel]:
        """Return the series that match, with what their numbers mean."""
        return [described(name, fields) for name, fields in json.loads(self._native.series(pattern))]

    def stats(self) -> dict[str, Any]:
        """Return how much is stored: devices, series, points, bytes, and what was found damaged at opening."""
        return self._native.stats()

    def refresh(self) -> None:
        """Show what another process has written since, where the site was opened with ``read_only=True``."""
        self._native.refresh()

    def close(self) -> None:
        """Write everything out and let the folder go. Doing it again does nothing."""
        self._native.close()

    def __enter__(self) -> Memcore:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        try:
            path, stats = self._native.path(), self.stats()
        except ValueError:
            return "<memcore.Memcore closed>"
        where = "in memory" if path is None else fspath(path)
        return f"<memcore.Memcore {where}: {stats['series']} series, {stats['points']} points>"


def open(path: str | PathLike[str], *, read_only: bool = False) -> Memcore:
    """Open the site in a folder, making it if it does not exist.

    One process writes to a site at a time; any number read it beside that one with ``read_only=True``.
    """
    return Memcore(_memcore.Site.open(path, read_only))


def memory() -> Memcore:
    """Open a site that is gone when it is closed."""
    return Memcore(_memcore.Site.in_memory())
