"""A site's history, opened in this process like a database file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from os import PathLike, fspath
from types import TracebackType
from typing import Any, Literal, NamedTuple

from . import _columns, _files, _frames, _memcore
from ._balance import Selections, SiteBalance, selections
from ._bulk import Bulk
from ._channel import Channel, Kind, Label, Rules, Sign, described, description
from ._control import when
from ._control_status import Explanation, explanation_of
from ._doctor import FindingKind, Report, Role, looks
from ._files import FileMapping, ImportReport
from ._frames import Units
from ._progress import Tell, Teller
from ._quality import QualityLike, qualities
from ._question import Aggregate, ChartMethod, Gaps, Nan, Rule, count
from ._question import question as asked
from ._result import QueryResult
from ._stream import Stream
from ._time import Instant, Length, maybe_micros, maybe_moment, maybe_span, micros, moment, span


class SeriesStats(NamedTuple):
    """How much is stored of a series."""

    points: int
    bytes: int
    first: datetime | None
    last: datetime | None


class VerifyReport(NamedTuple):
    """What a check of everything found."""

    bytes: int
    chunks: int
    damage: list[str]

    @property
    def sound(self) -> bool:
        """Whether nothing is damaged."""
        return not self.damage


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
        invalid: Sequence[float] = (),
        register: str | None = None,
        rollover: float | None = None,
        writable: bool = False,
        rules: Rules | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> None:
        """Say what the numbers of a series mean; see ``Channel``. Doing it again is fine unless the meaning differs."""
        channel = Channel(
            name=series,
            unit=unit,
            quantity=quantity,
            kind=kind,
            sign=sign,
            label=label,
            cadence=cadence,
            max_age=max_age,
            range=range,
            invalid=invalid,
            register=register,
            rollover=rollover,
            writable=writable,
            rules=rules,
            labels=labels or {},
        )
        self._native.register(series, description(channel))

    def write(
        self,
        series: str,
        times: Any,
        values: Any,
        *,
        unit: str | None = None,
        nan: Nan = "skip",
        quality: QualityLike = None,
    ) -> int:
        """Write a column, or one reading, and return how many values were written; they are durable then.

        ``times``: datetimes with a zone, numpy datetime64 (UTC) or int64 microseconds, a pandas, polars or Arrow column
        with a zone. ``values``: numbers; ``None`` and nulls are no values and write nothing, and neither does NaN, for
        that is how numpy and pandas say it. ``nan="keep"`` stores NaN as a value. What is finer than a microsecond is
        cut off. With ``unit`` values are converted from it, and a series that is new becomes a gauge in it; without
        one they are in the unit that the series was registered with. ``quality`` says how the values came about, one
        for all or a column of them; it stands in the channel ``power.quality`` beside ``power``, at the same times.
        """
        columns = _columns.column(series, times, values, nan)
        return self._native.write(series, *columns, unit, nan == "skip", qualities(quality))

    def write_reading(self, device: str, time: Instant, values: Mapping[str, float]) -> None:
        """Write what several registered channels of a device measured at one instant, as one row; it is durable
        then."""
        self._native.write_reading(device, micros(time, "time"), [(name, float(v)) for name, v in values.items()])

    def write_frame(
        self,
        frame: Any,
        *,
        device: str | None = None,
        time: str = "time",
        units: Units = None,
        nan: Nan = "skip",
    ) -> int:
        """Write a table of pandas, polars or pyarrow, or a mapping of columns, and return how many values were written.

        A wide table has a column of times and a column a channel: with ``device`` named by the channels (``power``),
        else by whole series. A long one has columns ``series``, ``time``, ``value`` and perhaps ``unit``. The index of
        a pandas frame is the time where no column is. Times have a zone. ``units`` is one for all or one for each
        column; without it units are those of an Arrow field's metadata ``unit``, or the series are registered. Nulls
        write nothing, and neither does NaN unless it is kept. Where anything is wrong, the error names it and nothing
        is written.
        """
        return self._native.write_frame(_frames.table(frame, time), _frames.reading(device, time, units, nan))

    def bulk(self, *, progress: Tell = False) -> Bulk:
        """Begin a load of many writes: ``with mem.bulk(progress=True) as bulk: bulk.write(...)``.

        ``progress`` is ``True`` for a bar in the terminal, or a callable that gets a ``Progress`` after each write.
        """
        return Bulk(self._native.bulk(), progress)

    def query(
        self,
        selection: str,
        start: Instant | None = None,
        end: Instant | None = None,
        *,
        every: Length | None = None,
        agg: Aggregate | Sequence[Aggregate] | None = None,
        tz: str | None = None,
        gaps: Gaps | None = None,
        max_gap: Length | None = None,
        rule: Rule | None = None,
        as_of: Instant | None = None,
        chart: int | tuple[int, ChartMethod] | None = None,
        limit: int | None = None,
        last: int | None = None,
        quality: bool = False,
    ) -> QueryResult:
        """Read the selected series (``home1.*.power``, ``home1.>{phase=L1}``), from ``start`` to before ``end``.

        ``every`` gives one row a bucket, labelled by its start: ``15m``, ``1h``, ``1d``, ``1w``, ``1mo``, ``1y``; with
        ``tz`` they follow the clocks and the calendar of a zone. ``agg`` is the mean by default; without ``every`` the
        whole range is one bucket. ``gaps`` says what becomes of buckets without a number: ``absent``, ``null``,
        ``previous`` or ``linear``. ``max_gap`` is the longest silence over which a value holds, and ``rule`` how it
        goes over into the next, ``step`` or ``trapezoid``, for what counts time (``time_weighted_mean``, ``integral``,
        ``coverage``). ``as_of`` gives what was known at that instant. ``chart`` gives as few raw samples as a chart of
        so many pixels needs. ``limit`` and ``last`` keep the first or last rows of each series. With
        ``quality`` raw samples have a column of it beside their value, see ``Quality``.
        """
        question = asked(start, end, every, agg, tz, gaps, max_gap, rule, as_of, chart, limit, last, quality)
        return QueryResult(self._native.query(selection, question))

    def stream(
        self,
        selection: str,
        start: Instant | None = None,
        end: Instant | None = None,
        *,
        every: Length | None = None,
        agg: Aggregate | Sequence[Aggregate] | None = None,
        tz: str | None = None,
        gaps: Gaps | None = None,
        max_gap: Length | None = None,
        rule: Rule | None = None,
        as_of: Instant | None = None,
    ) -> Stream:
        """As ``query``, read batch by batch as it is asked for: memory stays flat, however long the range is."""
        question = asked(start, end, every, agg, tz, gaps, max_gap, rule, as_of, None, None, None, False)
        return Stream(self._native.stream(selection, question))

    def export(
        self,
        path: str | PathLike[str],
        selection: str = "*/>",
        start: Instant | None = None,
        end: Instant | None = None,
        *,
        every: Length | None = None,
        agg: Aggregate | Sequence[Aggregate] | None = None,
        tz: str | None = None,
        as_of: Instant | None = None,
        format: Literal["csv", "parquet", "arrow"] | None = None,  # noqa: A002
        wide: bool = False,
        progress: Tell = False,
    ) -> dict[str, int]:
        """Write series to a file of CSV, Parquet or Arrow, as the ending of its name says, however long they are.

        What is exported raw can be imported again and is the same, bit for bit; of a NaN, CSV only keeps that it is
        one. Returns how many ``series``, ``rows`` and ``points`` there are in the file.
        """
        question = asked(start, end, every, agg, tz, None, None, None, as_of, None, None, None, False)
        with Teller(progress, fspath(path)) as teller:
            report = self._native.export(path, selection, question, format, wide, teller.native)
        done: dict[str, int] = json.loads(report)
        return done

    def import_file(
        self,
        path: str | PathLike[str],
        *,
        device: str | None = None,
        time: str = "time",
        units: Units = None,
        tz: str | None = None,
        delimiter: str | None = None,
        decimal: str | None = None,
        mapping: FileMapping = None,
        dry_run: bool = False,
        strict: bool = False,
        refused: str | PathLike[str] | Literal[False] | None = None,
        progress: Tell = False,
    ) -> ImportReport:
        """Take history in from a file, whose format and meaning are told by its content: CSV and its like, Parquet,
        Arrow, JSON lines, MongoDB dumps, Home Assistant, Green Button. Doing it again adds nothing twice.

        What the content leaves open is said by ``device`` and ``units`` (see ``write_frame``), ``tz`` (the zone of
        times without one), ``delimiter``, ``decimal``, or by a ``mapping``: a mapping's file, or a dict of the same
        fields, ``{"columns": {"p_kw": {"series": "home1.pv.power", "unit": "kW"}}}``. With ``dry_run`` nothing is
        written, and the report says what was understood. A row that cannot be read is left out and goes with its reason
        to ``FILE.refused.csv``, to ``refused``, or nowhere (``False``); with ``strict`` it ends the import.
        """
        with Teller(progress, fspath(path)) as teller:
            reading = _frames.reading(device, time, units, "keep")
            file = _files.reading(tz, delimiter, decimal, mapping, strict, refused)
            return _files.report(self._native.import_file(path, reading, file, dry_run, teller.native))

    def at(self, time: Instant, selection: str = ">") -> dict[str, tuple[datetime, float]]:
        """Return the sample that held at an instant, the latest at or before it however old, of every selected
        series."""
        held = self._native.at(selection, micros(time, "time"))
        return {series: (moment(time), value) for series, time, value in held}

    def delete(self, selection: str, start: Instant | None, end: Instant | None) -> int:
        """Delete samples from ``start`` on and before ``end``, for good, and return of how many series.

        ``None`` is an open end. What arrives for the range afterwards is kept.
        """
        return self._native.delete(selection, maybe_micros(start, "start"), maybe_micros(end, "end"))[0]

    def compact(
        self, selection: str = "*/>", *, forget_before: Instant | None = None, progress: Tell = False
    ) -> dict[str, Any]:
        """Merge what is stored of the selected devices, and carry out what was deleted there; return sizes before and
        after.

        ``forget_before`` also forgets values that others had replaced before that instant: ``as_of`` then lacks them.
        """
        with Teller(progress, "compact") as teller:
            return self._native.compact(selection, maybe_micros(forget_before, "forget_before"), teller.native)

    def backup(self, to: str | PathLike[str], *, progress: Tell = False) -> dict[str, Any]:
        """Copy the history into a folder while it is open and written; a later backup into it copies what is new.

        The folder is a site then, to be read with ``open(to, read_only=True)`` or restored with ``memcore.restore``.
        Keys and enrolled devices are no part of it. Returns points, bytes, bytes that were copied, and what is damaged.
        """
        with Teller(progress, "backup") as teller:
            return self._native.backup(to, teller.native)

    def doctor(
        self,
        selection: str,
        start: Instant | None = None,
        end: Instant | None = None,
        *,
        tz: str | None = None,
        position: tuple[float, float] | None = None,
        roles: Mapping[str, Role] | None = None,
        only: FindingKind | Sequence[FindingKind] | None = None,
        progress: Tell = False,
    ) -> Report:
        """Examine the selected series and say what is wrong with them, before anyone calculates with it; see
        ``memcore.doctor``. They are held against each other, so a site is best examined as a whole: ``home1.>``.
        ``progress`` is ``True`` for a bar in the terminal, or a callable that gets a ``Progress``. Ctrl-C ends it."""
        ends, look = (maybe_micros(start, "start"), maybe_micros(end, "end")), looks(tz, position, roles, only)
        with Teller(progress, "doctor") as teller:
            return Report(self._native.examine(selection, *ends, look, teller.native))

    def balance(
        self,
        site: str | None = None,
        start: Instant | None = None,
        end: Instant | None = None,
        *,
        grid: Selections = None,
        production: Selections = None,
        storage: Selections = None,
        load: Selections = None,
        every: Length | None = None,
        tz: str | None = None,
        step: Length | None = None,
        max_gap: Length | None = None,
        rule: Rule = "step",
    ) -> SiteBalance:
        """Return the energy balance of a site in Wh: what it imported, exported, made, kept and used, and what no
        device explains.

        The devices of ``site`` are told by their names (``grid``, ``pv``, ``battery``), or the series of power are
        named: ``grid="home1.meter.power"``, ``load=["home1.house.power", "home1.car.power"]``. Import and export are
        told apart from ``step`` to step, a minute by default: what flows both ways within one is netted. A step of
        which a series is not wholly measured counts nothing, and ``coverage`` says so.
        """
        asked = {
            "start": maybe_micros(start, "start"),
            "end": maybe_micros(end, "end"),
            "every": every if every is None or isinstance(every, str) else f"{span(every, 'every')}us",
            "zone": tz,
            "step_us": maybe_span(step, "step"),
            "rule": rule,
            "max_gap_us": maybe_span(max_gap, "max_gap"),
        }
        given = {"grid": grid, "production": production, "storage": storage, "load": load}
        return SiteBalance(*self._native.balance(site, selections(given), asked), tz)

    def verify(self) -> VerifyReport:
        """Read everything that is stored and check it."""
        return VerifyReport(*self._native.verify())

    def series_stats(self, selection: str = "*/>") -> dict[str, SeriesStats]:
        """Return points, bytes and span of every selected series."""
        return {
            name: SeriesStats(points, size, maybe_moment(first), maybe_moment(last))
            for name, points, size, first, last in self._native.series_stats(selection)
        }

    def latest(self, selection: str = ">") -> dict[str, tuple[datetime, float]]:
        """Return the newest time and value of every selected series."""
        return {series: (moment(time), value) for series, time, value in self._native.latest(selection)}

    def series(self, selection: str = ">") -> list[Channel]:
        """Return the selected series, with what their numbers mean."""
        return [described(name, fields) for name, fields in json.loads(self._native.series(selection))]

    def stats(self) -> dict[str, Any]:
        """Return how much is stored: devices, series, points, bytes, and what was found damaged at opening."""
        return self._native.stats()

    def why(self, asked: str, at: Instant | str | None = None) -> Explanation:
        """Return what control decided of an asset at a time, and why: ``battery``, or a series of it.

        It works on a stopped site too. ``at`` is an instant, or text by the clock of the site: ``14:05`` (the last
        one), ``2026-06-21 14:05``, or so long ago, ``10m``. Without it, now.
        """
        return explanation_of(json.loads(self._native.why(asked, *when(at))))

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


def open(
    path: str | PathLike[str],
    *,
    read_only: bool = False,
    keep: Length | None = None,
    retention: Mapping[str, Length] | None = None,
    max_bytes: int | None = None,
    reserve_bytes: int | None = None,
    skip_damaged: bool = False,
) -> Memcore:
    """Open the site in a folder, making it if it does not exist.

    One process writes to a site at a time; any number read it beside that one with ``read_only=True``. ``keep`` is how
    long data are kept, and ``retention`` how long those of devices by a pattern (``{"home1.pv": "365d"}``, the first
    that matches). Beyond ``max_bytes`` the oldest data go. Writes are held back where the disk has less than
    ``reserve_bytes`` left. With ``skip_damaged`` queries leave out what fails its checksum instead of failing.
    """
    options = {
        "keep_us": maybe_span(keep, "keep"),
        "retention": [
            (devices, span(length, f"retention[{devices!r}]")) for devices, length in (retention or {}).items()
        ],
        "max_bytes": count(max_bytes, "max_bytes"),
        "reserve_bytes": count(reserve_bytes, "reserve_bytes"),
        "skip_damaged": skip_damaged,
    }
    return Memcore(_memcore.Site.open(path, read_only, options))


def restore(backup: str | PathLike[str], site: str | PathLike[str], *, progress: Tell = False) -> int:
    """Make a site, which has no history yet, from a backup, and return how many values it has."""
    with Teller(progress, "restore") as teller:
        return _memcore.restore(backup, site, teller.native)[0]


def memory() -> Memcore:
    """Open a site that is gone when it is closed."""
    return Memcore(_memcore.Site.in_memory())
