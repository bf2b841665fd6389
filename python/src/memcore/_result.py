"""What a query gives, in the form that its reader works with. None of the libraries is needed until it is asked for."""

# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownParameterType=false
# pyarrow has no types, those of pandas have holes.

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from . import _memcore, _plot
from ._errors import NotFoundError
from ._time import moment

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import polars as pl
    import pyarrow as pa

PREVIEW = 8


class QueryResult:
    """Rows of series in the order of their names, each in order of time; of a bucket the time is its start.

    Its length is the number of rows. It speaks Arrow's PyCapsule interface, so that ``polars.DataFrame(result)``,
    ``pyarrow.table(result)`` and ``duckdb`` take it as it is, without a copy. Times are UTC in microseconds.
    """

    def __init__(self, native: _memcore.Table) -> None:
        self._native = native
        self._series = native.series()

    @property
    def series(self) -> list[str]:
        """The names of the series, also of those without a row."""
        return [name for name, _, _, _ in self._series]

    @property
    def units(self) -> dict[str, str]:
        """The unit of each series' values."""
        return {name: unit for name, _, unit, _ in self._series}

    def unit(self, series: str, column: str | None = None) -> str:
        """The unit of a column of a series: of power its integral is in ``Wh``. Without a name, of the first column."""
        name = self.columns[0] if column is None else self._known(column)
        return self._native.unit(self.series.index(series), name)

    def explain(self) -> str:
        """Return what the answer has cost: chunks, pages decoded and answered by summaries, bytes read."""
        return self._native.explain()

    @property
    def zone(self) -> str | None:
        """The zone whose calendar the buckets follow, where they do; times are UTC all the same."""
        return self._native.zone()

    @property
    def lengths(self) -> dict[str, int]:
        """How many rows each series has."""
        return {name: rows for name, _, _, rows in self._series}

    @property
    def columns(self) -> list[str]:
        """The columns beside series and time: ``value``, or those of the aggregates."""
        return self._native.columns()

    def to_arrow(self) -> pa.Table:
        """Return a pyarrow table in the long layout: series, time, and the values or a column for each aggregate."""
        import pyarrow

        return pyarrow.table(self)

    def to_polars(self) -> pl.DataFrame:
        """Return a polars frame in the long layout."""
        import polars

        return polars.DataFrame(self)

    def to_pandas(self) -> pd.DataFrame:
        """Return a pandas frame in the long layout; pyarrow is not needed."""
        import numpy
        import pandas

        lengths = [rows for _, _, _, rows in self._series]
        codes = numpy.repeat(numpy.arange(len(lengths), dtype="int32"), lengths)
        columns: dict[str, Any] = {"series": pandas.Categorical.from_codes(codes, pandas.Index(self.series))}
        times = self._joined([self._native.times(at) for at in range(len(lengths))], "datetime64[us]")
        columns["time"] = pandas.DatetimeIndex(times).tz_localize("UTC")
        for name in self.columns:
            kind = "uint64" if name == "count" else "float64"
            columns[name] = self._joined([self._native.column(at, name) for at in range(len(lengths))], kind)
        frame: pd.DataFrame = pandas.DataFrame(columns)
        return frame

    def to_numpy(self, column: str | None = None) -> dict[str, tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]]:
        """Return times (datetime64[us], UTC) and values of each series, sharing memory with the result.

        ``column`` says which aggregate; without it the first.
        """
        import numpy

        name = self.columns[0] if column is None else self._known(column)
        return {
            series: (numpy.asarray(self._native.times(at)), numpy.asarray(self._native.column(at, name)))
            for at, series in enumerate(self.series)
        }

    def wide(self) -> WideResult:
        """Return the layout with one row a time and one column a series."""
        return WideResult(self)

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        """Rows as tuples: the series, the time, and the value or values; ``None`` where a bucket has no number."""
        for at, series in enumerate(self.series):
            times = self._native.times(at).to_list()
            values = [self._native.column(at, name).to_list() for name in self.columns]
            for row in zip(times, *values, strict=True):
                yield (series, moment(row[0]), *row[1:])

    def __len__(self) -> int:
        return len(self._native)

    def __bool__(self) -> bool:
        return len(self) > 0

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        return self._native.long_stream()

    def __arrow_c_schema__(self) -> object:
        return self._native.long_schema()

    def __repr__(self) -> str:
        return (
            f"<memcore.QueryResult {len(self)} rows of {len(self._series)} series: {', '.join(self.series[:PREVIEW])}>"
        )

    def _repr_html_(self) -> str:
        return _plot.html(self)

    def plot(self, column: str | None = None, **options: Any) -> Any:
        """Draw the series with matplotlib, one axis a unit, and return the figure."""
        return _plot.figure(self, column, options)

    def points(self, at: int, column: str | None = None) -> tuple[list[int], list[float]]:
        """Microseconds and values of the series at that place, as lists."""
        name = self.columns[0] if column is None else self._known(column)
        return self._native.times(at).to_list(), self._native.column(at, name).to_list()

    def outline(
        self, at: int, width: int
    ) -> tuple[tuple[int, int] | None, list[tuple[int, float, float, float, float]]]:
        """The ends of the series at that place, and what a plot of its first column needs: see the native module."""
        return self._native.outline(at, self.columns[0], width)

    def _known(self, column: str) -> str:
        if column not in self.columns:
            raise NotFoundError(f"column is {column!r}, expected one of {', '.join(self.columns)}")
        return column

    @staticmethod
    def _joined(columns: list[_memcore.Column], kind: str) -> Any:
        import numpy

        return numpy.concatenate([numpy.asarray(column) for column in columns] or [numpy.empty(0, kind)])


class WideResult:
    """A result with one row a time and one column a series; with several aggregates, ``series:aggregate``."""

    def __init__(self, result: QueryResult) -> None:
        self._result = result

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        return self._result._native.wide_stream()

    def to_arrow(self) -> pa.Table:
        """Return a pyarrow table; a series that has no value at a time is null there."""
        import pyarrow

        return pyarrow.table(self)

    def to_polars(self) -> pl.DataFrame:
        """Return a polars frame; a series that has no value at a time is null there."""
        import polars

        return polars.DataFrame(self)

    def to_pandas(self) -> pd.DataFrame:
        """Return a pandas frame indexed by time; a series that has no value at a time is NaN there."""
        import pandas

        result = self._result
        columns: dict[str, Any] = {}
        for name in result.columns:
            for series, (times, values) in result.to_numpy(name).items():
                index = pandas.DatetimeIndex(times).tz_localize("UTC")
                title = series if len(result.columns) == 1 else f"{series}:{name}"
                columns[title] = pandas.Series(values, index=index)
        order = [f"{series}:{name}" for series in result.series for name in result.columns]
        frame: pd.DataFrame = pandas.DataFrame(columns).rename_axis("time")
        return frame if len(result.columns) == 1 else frame.reindex(columns=order)

    def __repr__(self) -> str:
        return f"<memcore.WideResult of {self._result!r}>"
