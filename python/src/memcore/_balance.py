"""The energy balance of a site: what came in, what went out, and what nothing explains."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from . import _columns, _memcore
from ._errors import InvalidError, NotFoundError

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl


class Balance(Mapping[str, Any]):
    """Columns of an energy balance by their names, an array each, in Wh or the unit of what it was made of.

    ``import`` and ``export`` at the grid, ``production``, ``charged`` and ``discharged``, ``consumption``;
    ``residual``: what nothing explains, of either sign, and ``residual_share``: its size as a share of all that came
    in; ``self_consumption``: the share of the production that stayed on the site; ``self_sufficiency``: the share of
    what the site used that it did not import. An interval of which a part is unknown is NaN in all of them, and its
    ``coverage`` 0.
    """

    def __init__(self, native: _memcore.Balance, index: Any = None, zone: str | None = None) -> None:
        self._native = native
        self._index = index
        self._zone = zone
        self._columns = {name: _columns.array_of(column) for name, column in native.columns()}

    @property
    def times(self) -> Any:
        """Where each interval starts, datetime64 in UTC, where that is known."""
        return self._index

    def gather(self, ends: Sequence[int]) -> Balance:
        """Make longer intervals: each is the sum of those from the end before until before its own; ``[4, 8]`` are the
        first four and the next four. Only what is known counts, and ``coverage`` says how much that is."""
        places = [int(end) for end in ends]
        if any(end < 0 for end in places):
            raise InvalidError(f"ends are {places}, expected places from 0 on")
        index = None
        if self._index is not None:
            index = self._index[[0, *places[:-1]]] if places else self._index[:0]
        return Balance(self._native.gather(places), index, self._zone)

    def __getitem__(self, column: str) -> Any:
        if column not in self._columns:
            raise NotFoundError(f"column is {column!r}, expected one of {', '.join(self._columns)}")
        return self._columns[column]

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)

    def to_pandas(self) -> pd.DataFrame:
        """Return a pandas frame, indexed by time where that is known."""
        import pandas

        index = self._index
        if index is not None and _columns.library(index) != "pandas":
            index = pandas.DatetimeIndex(index, name="time").tz_localize("UTC")
            index = index if self._zone is None else index.tz_convert(self._zone)
        frame: pd.DataFrame = pandas.DataFrame(self._columns, index=index)
        return frame

    def to_polars(self) -> pl.DataFrame:
        """Return a polars frame, with a column ``time`` where that is known."""
        import polars

        frame = polars.DataFrame({name: polars.Series(values) for name, values in self._columns.items()})
        if self._index is None:
            return frame
        times = polars.Series("time", _columns.utc(self._index)).dt.replace_time_zone("UTC")
        times = times if self._zone is None else times.dt.convert_time_zone(self._zone)
        return frame.insert_column(0, times)

    def __repr__(self) -> str:
        return f"<memcore.energy.Balance of {len(self._columns['coverage'])} intervals>"


class SiteBalance(Balance):
    """The balance of a site out of its history, with the time of each row."""

    def __init__(
        self,
        borders: _memcore.Column,
        native: _memcore.Balance,
        series: Sequence[tuple[str, str]],
        zone: str | None,
    ) -> None:
        ends = _columns.array_of(borders)
        super().__init__(native, ends[:-1], zone)
        self.end = ends[-1]
        """Where the last row ends, datetime64 in UTC."""
        self.series: Mapping[str, str] = dict(series)
        """The series that were read, and as what."""


Selections = str | Sequence[str] | None
"""A pattern of series, or several."""


def selections(given: Mapping[str, Selections]) -> list[tuple[str, str]]:
    """Roles and patterns, as the native module takes them."""
    each = ((role, [some] if isinstance(some, str) else list(some or ())) for role, some in given.items())
    return [(role, pattern) for role, patterns in each for pattern in patterns]


def balance(*, grid: Any = None, production: Any = None, storage: Any = None, load: Any = None) -> Balance:
    """Balance the energy that flowed into each part of a site in each interval, such as integrals of power, in passive
    sign: what is imported, charged or used is positive, what is exported, made or discharged negative.

    Each part is a column, or a list of columns or a pandas frame where there are several of the kind.
    """
    kinds = {"grid": grid, "production": production, "storage": storage, "load": load}
    parts = [(role, amounts) for role, given in kinds.items() if given is not None for amounts in _each(given)]
    index = next((amounts.index for _, amounts in parts if _columns.library(amounts) == "pandas"), None)
    return Balance(_memcore.Balance.of([(role, _columns.values(amounts, role)) for role, amounts in parts]), index)


def _each(given: Any) -> list[Any]:
    """The columns that are given, which may be one."""
    if _columns.library(given) == "pandas" and hasattr(given, "columns"):
        return [given.iloc[:, at] for at in range(len(given.columns))]
    if isinstance(given, (list, tuple)):
        several: list[Any] = list(given)  # pyright: ignore[reportUnknownArgumentType]
        return several if several and not _columns.is_scalar(several[0]) else [several]
    return [given]
