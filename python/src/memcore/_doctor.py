"""The doctor: what is wrong with a file, a table or history, before it does harm."""

# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false
# pyarrow has no types, those of the others have holes.

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from html import escape
from os import PathLike
from typing import Any, Literal, NamedTuple, TypedDict, overload

from . import _doctor_table, _files, _frames, _memcore
from ._errors import InvalidError, UnsupportedError
from ._files import FileMapping, RefusedRows
from ._frames import Units
from ._progress import Tell, Teller
from ._time import MICROSECOND, maybe_moment

Severity = Literal["note", "warning", "fault"]
Role = Literal["grid", "pv", "battery", "load"]
FindingKind = Literal[
    "sampling",
    "gap",
    "duplicate",
    "out_of_order",
    "frozen",
    "spike",
    "reset",
    "rollover",
    "glitch",
    "counter_backwards",
    "sentinel",
    "unit_slip",
    "sign",
    "clock_shift",
    "daylight_saving",
    "label",
    "night_power",
]


class RowRange(NamedTuple):
    """Rows from one number to another, both included; the first row of data is 0."""

    first: int
    last: int


@dataclass(frozen=True)
class Declaration:
    """A field of a series' description, or of a file's mapping, that should be declared."""

    series: str | None
    """The series that it concerns; ``None`` for the whole file, such as its ``zone``."""
    field: str
    value: Any


class Mark(NamedTuple):
    """A stretch of time that a picture points at; microseconds."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, repr=False)
class Picture:
    """Few enough points to draw, in order of time."""

    title: str
    unit: str
    times: tuple[int, ...]
    """Microseconds since 1970."""
    lines: Mapping[str, tuple[float | None, ...]]
    """Values by the name of their line; ``None`` where there is a hole."""
    marks: tuple[Mark, ...]
    svg: str
    """The picture drawn."""

    def _repr_svg_(self) -> str:
        return self.svg

    def __repr__(self) -> str:
        return f"<memcore.Picture {self.title!r}: {len(self.times)} points>"


@dataclass(frozen=True)
class Finding:
    """One thing that the doctor found."""

    kind: FindingKind
    severity: Severity
    series: tuple[str, ...]
    """The series that show it."""
    count: int
    """How often it occurs."""
    rows: tuple[RowRange, ...]
    """Where, at most a thousand ranges."""
    start: datetime | None
    """The earliest instant that it concerns."""
    end: datetime | None
    """The latest."""
    confidence: float
    """How sure the doctor is, 0 to 1."""
    message: str
    declare: tuple[Declaration, ...]
    """What to declare, so that memcore reads it right."""
    repair: str | None
    """What to do about what no declaration mends."""
    picture: Picture

    def plot(self, axes: Any = None) -> Any:
        """Draw it with matplotlib, into ``axes`` where they are given, and return the axes."""
        return _draw(self.picture, axes)

    def _repr_html_(self) -> str:
        return f"{_line(self)}{self.picture.svg}"

    def __str__(self) -> str:
        return f"{self.severity}: {self.message}"


@dataclass(frozen=True)
class Checkup:
    """What one series looks like."""

    series: str
    rows: int
    """Rows, those without a value included."""
    points: int
    first: datetime | None
    last: datetime | None
    quantity: str | None
    kind: str
    role: str | None
    """The part that it has in a site, where that is known."""
    cadence: timedelta | None
    """How often a value comes, where there is such a length."""
    coverage: float | None
    """The share of the time that values cover, 0 to 1."""
    min: float | None
    max: float | None


class Report(Sequence[Finding]):
    """All that the doctor found, the worst first: a sequence of its findings."""

    def __init__(self, native: _memcore.Findings) -> None:
        self._native = native
        self._told: dict[str, Any] = json.loads(native.json())
        self.findings: tuple[Finding, ...] = tuple(
            _finding(found, native.svg(at)) for at, found in enumerate(self._told["findings"])
        )
        self.series: tuple[Checkup, ...] = tuple(_checkup(one) for one in self._told["series"])

    @property
    def refused(self) -> RefusedRows | None:
        """The rows of a file that cannot be read."""
        return self._told.get("refused")

    @property
    def understood(self) -> dict[str, Any] | None:
        """How a file was read: ``format``, ``text``, ``time``, ``columns``, ``notes``, and the ``first`` rows."""
        return self._told.get("understood")

    @property
    def faults(self) -> list[Finding]:
        """The findings by which energy, money or control will be wrong where nothing is done about them."""
        return [finding for finding in self.findings if finding.severity == "fault"]

    @property
    def declarations(self) -> list[Declaration]:
        """What to declare in all, the surest where two concern the same field of the same series."""
        return [_declaration(one) for one in json.loads(self._native.declarations())]

    def to_mapping(self) -> dict[str, Any]:
        """Return how to read it right, for ``import_file(..., mapping=...)``; of a file what was understood too."""
        mapping: dict[str, Any] = json.loads(self._native.mapping())
        return mapping

    def to_dict(self) -> dict[str, Any]:
        """Return all of it in the form of ``memcore doctor --json``."""
        copy: dict[str, Any] = json.loads(self._native.json())
        return copy

    def to_html(self) -> str:
        """Return a page of its own, with the pictures."""
        return self._native.html(True)

    @overload
    def __getitem__(self, at: int) -> Finding: ...
    @overload
    def __getitem__(self, at: slice) -> tuple[Finding, ...]: ...
    def __getitem__(self, at: int | slice) -> Finding | tuple[Finding, ...]:
        return self.findings[at]

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.findings)

    def __len__(self) -> int:
        return len(self.findings)

    def __repr__(self) -> str:
        return f"<memcore.Report {_summary(self)}>"

    def __str__(self) -> str:
        return "\n".join([_summary(self), *(f"  {finding}" for finding in self.findings)])

    def _repr_html_(self) -> str:
        return self._native.html(False)


def doctor(
    source: Any,
    *,
    device: str | None = None,
    time: str | None = None,
    units: Units = None,
    tz: str | None = None,
    position: tuple[float, float] | None = None,
    roles: Mapping[str, Role] | None = None,
    only: FindingKind | Sequence[FindingKind] | None = None,
    mapping: FileMapping = None,
    delimiter: str | None = None,
    decimal: str | None = None,
    progress: Tell = False,
) -> Report:
    """Examine a file, or a table of pandas, polars or pyarrow, and say what is wrong with it: gaps, duplicates, wrong
    units, signs and labels, clocks, counters, frozen values and spikes.

    A file is read as ``Memcore.import_file`` reads it, and nothing is stored. ``units`` are one for all or one a
    column, ``tz`` is the zone of times without one, or that the site lies in, and ``position`` its degrees north and
    east, to know when the sun shines. ``roles`` say what series are in the energy balance, such as
    ``{"p_net": "grid"}``. Of a mapping's dict the ``columns`` count for a table too. ``progress`` is ``True`` for a bar
    in the terminal, or a callable that gets a ``Progress``: one half is reading, the other looking. Ctrl-C ends it.
    """
    look = looks(tz, position, roles, only)
    with Teller(progress, "doctor") as teller:
        if not isinstance(source, (str, PathLike)):
            columns, naive = _doctor_table.columns(source, time or "time", units, mapping)
            return Report(_memcore.examine(columns, naive, look, teller.native))
        reading = _frames.reading(device, time or "time", units, "keep")
        file = _files.reading(tz, delimiter, decimal, mapping, False, False)
        return Report(_memcore.examine_file(source, reading, file, look, teller.native))


def looks(
    tz: str | None,
    position: tuple[float, float] | None,
    roles: Mapping[str, Role] | None,
    only: FindingKind | Sequence[FindingKind] | None,
) -> dict[str, object]:
    """How to look, as the native module takes it."""
    if position is not None and len(position) != 2:
        raise InvalidError(f"position is {position!r}, expected degrees north and east, such as (52.5, 13.4)")
    kinds = [] if only is None else [only] if isinstance(only, str) else list(only)
    return {"zone": tz, "position": position, "roles": list((roles or {}).items()), "only": kinds}


class _Told(TypedDict):
    series: str | None
    field: str
    value: Any


def _declaration(told: _Told) -> Declaration:
    return Declaration(told.get("series"), told["field"], told["value"])


def _finding(told: Mapping[str, Any], svg: str) -> Finding:
    plot = told["plot"]
    lines = {line["name"]: tuple(line["values"]) for line in plot["lines"]}
    marks = tuple(Mark(mark["from_us"], mark["to_us"], mark["text"]) for mark in plot["marks"])
    return Finding(
        kind=told["kind"],
        severity=told["severity"],
        series=tuple(told["series"]),
        count=told["count"],
        rows=tuple(RowRange(rows["first"], rows["last"]) for rows in told["rows"]),
        start=maybe_moment(told.get("from_us")),
        end=maybe_moment(told.get("to_us")),
        confidence=told["confidence"],
        message=told["message"],
        declare=tuple(_declaration(one) for one in told["declare"]),
        repair=told.get("repair"),
        picture=Picture(plot["title"], plot["unit"], tuple(plot["times_us"]), lines, marks, svg),
    )


def _checkup(told: Mapping[str, Any]) -> Checkup:
    cadence = told.get("cadence_us")
    return Checkup(
        series=told["series"],
        rows=told["rows"],
        points=told["points"],
        first=maybe_moment(told.get("first_us")),
        last=maybe_moment(told.get("last_us")),
        quantity=told.get("quantity"),
        kind=told["kind"],
        role=told.get("role"),
        cadence=None if cadence is None else cadence * MICROSECOND,
        coverage=told.get("coverage"),
        min=told.get("min"),
        max=told.get("max"),
    )


def _summary(report: Report) -> str:
    kinds = [(kind, sum(finding.severity == kind for finding in report)) for kind in ("fault", "warning", "note")]
    found = [f"{many} {kind}{'s' if many != 1 else ''}" for kind, many in kinds if many]
    of = f"{len(report.series)} series"
    return f"{', '.join(found) or 'nothing found'} in {of}"


def _line(finding: Finding) -> str:
    times = "" if finding.count == 1 else f", {finding.count} times"
    sure = f"{finding.kind}{times}, {finding.confidence:.0%} sure"
    lines = [f"<b>{finding.severity}</b> {escape(finding.message)} <small>({sure})</small>"]
    for one in finding.declare:
        of = "" if one.series is None else f"{escape(one.series)}: "
        lines.append(f"declare {of}<code>{escape(one.field)} = {escape(json.dumps(one.value))}</code>")
    if finding.repair is not None:
        lines.append(escape(finding.repair))
    return f"<p>{'<br>'.join(lines)}</p>"


def _draw(picture: Picture, axes: Any) -> Any:
    try:
        import numpy
        from matplotlib import pyplot
    except ImportError as e:
        raise UnsupportedError(
            f"a plot needs matplotlib, and {e.name} is not installed: pip install matplotlib; or see picture.svg"
        ) from e
    if axes is None:
        _, axes = pyplot.subplots(figsize=(9, 3))
    times = numpy.array(picture.times, dtype="datetime64[us]")
    for name, values in picture.lines.items():
        axes.plot(times, numpy.array(values, dtype="float64"), label=name, linewidth=1)
    for mark in picture.marks:
        start, end = (numpy.datetime64(micros, "us") for micros in (mark.start, mark.end))
        axes.axvspan(start, end, color="tab:red", alpha=0.2, linewidth=1)
        axes.annotate(mark.text, (start, 1), xycoords=("data", "axes fraction"), fontsize="small", va="top")
    axes.set_title(picture.title)
    axes.set_ylabel(picture.unit)
    if len(picture.lines) > 1:
        axes.legend(fontsize="small")
    return axes
