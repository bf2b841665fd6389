"""DuckDB in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from points import CHANNELS, Points

from .base import Engine, MissingError, cuts


class DuckDb(Engine):
    """One wide table; batches come as Arrow tables, single readings as a prepared statement."""

    name = "DuckDB"
    readings = 10_000
    how = "one wide table, batches as Arrow, its own compression, both cores; it syncs every commit"

    def __init__(self) -> None:
        try:
            import duckdb
            import pyarrow
        except ImportError as e:
            raise MissingError(str(e)) from e
        self.duckdb, self.arrow = duckdb, pyarrow
        self.how = f"{duckdb.__version__}, {DuckDb.how}"

    def create(self, folder: Path) -> None:
        folder.mkdir()
        self.db = self.duckdb.connect(str(folder / "points.duckdb"))
        columns = ", ".join(f"{name} DOUBLE" for name in CHANNELS)
        self.db.execute(f"CREATE TABLE points (time TIMESTAMP, {columns})")

    def batches(self, points: Points, rows: int) -> Iterator[Any]:
        for cut in cuts(len(points.times), rows):
            times, values = points.times[cut], points.values[cut]
            if rows == 1:
                row = [None if np.isnan(value) else value for value in values[0].tolist()]
                yield [times[0].astype("datetime64[us]").item(), *row]
                continue
            columns = [self.arrow.array(values[:, at], from_pandas=True) for at in range(len(CHANNELS))]
            stamps = self.arrow.array(times.astype("datetime64[us]"))
            yield self.arrow.table([stamps, *columns], names=["time", *CHANNELS])

    def insert(self, batch: Any) -> None:
        if isinstance(batch, list):
            self.db.execute("INSERT INTO points VALUES (?,?,?,?,?,?,?,?)", batch)
        else:
            self.db.execute("INSERT INTO points SELECT * FROM batch")

    def settle(self) -> None:
        self.db.execute("CHECKPOINT")
        self.db.close()

    def open(self, folder: Path) -> None:
        self.db = self.duckdb.connect(str(folder / "points.duckdb"), read_only=True)

    def buckets(self, channels: list[int], width: int) -> list[np.ndarray]:
        names = [CHANNELS[at] for at in channels]
        columns = ", ".join(
            f"min({name}) AS a{name}, max({name}) AS b{name}, avg({name}) AS c{name}, count({name}) AS d{name}"
            for name in names
        )
        ask = (
            f"SELECT epoch_us(time) // {width} * {width} AS start, {columns} FROM points GROUP BY start ORDER BY start"
        )
        found = self.db.execute(ask).fetchnumpy()
        parts = (
            np.column_stack([found["start"], *(np.ma.filled(found[f"{of}{name}"], 0) for of in "abcd")])
            for name in names
        )
        return [part[part[:, 4] > 0] for part in parts]

    def months(self, starts: list[int]) -> list[np.ndarray]:
        columns = ", ".join(f"sum({name}), count({name})" for name in CHANNELS)
        ask = f"""SELECT epoch_us(start) AS start, {columns}
            FROM points ASOF JOIN (SELECT make_timestamp(unnest(?::BIGINT[])) AS start) ON time >= start
            GROUP BY start ORDER BY start"""
        table = np.array(self.db.execute(ask, [starts]).fetchall(), dtype=float)
        parts = (table[:, [0, 1 + 2 * at, 2 + 2 * at]] for at in range(len(CHANNELS)))
        return [part[part[:, 2] > 0] for part in parts]

    def year(self, start: int, end: int) -> Any:
        ask = """SELECT time, p FROM points WHERE time >= make_timestamp(?) AND time < make_timestamp(?)
            AND p IS NOT NULL ORDER BY time"""
        frame = self.db.execute(ask, [start, end]).df()
        return frame.set_index(frame["time"].dt.tz_localize("UTC"))["p"]

    def close(self) -> None:
        self.db.close()

    def committer(self, folder: Path) -> Callable[[int], None]:
        self.create(folder)
        at = np.datetime64(0, "us")
        return lambda n: self.insert([(at + n).item(), *(float(n),) * len(CHANNELS)])
