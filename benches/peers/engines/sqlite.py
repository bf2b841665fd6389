"""SQLite, from Python's standard library."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from points import CHANNELS, Points

from .base import Engine, cuts


class Sqlite(Engine):
    """One wide table, the time as its key: a third of the size of one row a point."""

    name = "SQLite"
    how = f"{sqlite3.sqlite_version}, WAL, one wide table keyed by time, page cache 64 MB, synced at checkpoints"

    def create(self, folder: Path, synchronous: str = "NORMAL") -> None:
        folder.mkdir()
        self.db = sqlite3.connect(folder / "points.db", isolation_level=None)
        self.db.execute("PRAGMA journal_mode=WAL")
        self.db.execute(f"PRAGMA synchronous={synchronous}")
        self.db.execute("PRAGMA cache_size=-65536")
        columns = ", ".join(f"{name} REAL" for name in CHANNELS)
        self.db.execute(f"CREATE TABLE points (time INTEGER PRIMARY KEY, {columns})")

    def batches(self, points: Points, rows: int) -> Iterator[Any]:
        values = np.where(np.isnan(points.values), None, points.values)
        table = [(time, *row) for time, row in zip(points.times.tolist(), values.tolist(), strict=True)]
        return (table[cut] for cut in cuts(len(table), rows))

    def insert(self, batch: Any) -> None:
        self.db.execute("BEGIN")
        self.db.executemany("INSERT OR REPLACE INTO points VALUES (?,?,?,?,?,?,?,?)", batch)
        self.db.execute("COMMIT")

    def settle(self) -> None:
        self.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self.db.close()

    def open(self, folder: Path) -> None:
        self.db = sqlite3.connect(f"file:{folder / 'points.db'}?mode=ro", uri=True)
        self.db.execute("PRAGMA cache_size=-65536")
        self.db.execute("PRAGMA mmap_size=2000000000")

    def buckets(self, channels: list[int], width: int) -> list[np.ndarray]:
        names = [CHANNELS[at] for at in channels]
        columns = ", ".join(f"min({name}), max({name}), avg({name}), count({name})" for name in names)
        rows = self.db.execute(f"SELECT time / {width} * {width} AS start, {columns} FROM points GROUP BY start")
        table = np.array(rows.fetchall(), dtype=float)
        parts = (table[:, [0, *range(1 + 4 * at, 5 + 4 * at)]] for at in range(len(channels)))
        return [part[part[:, 4] > 0] for part in parts]

    def months(self, starts: list[int]) -> list[np.ndarray]:
        columns = ", ".join(f"sum({name}), count({name})" for name in CHANNELS)
        ask = f"SELECT {columns} FROM points WHERE time >= ? AND time < ?"
        pairs = pairwise(starts)
        table = np.array([(start, *self.db.execute(ask, (start, end)).fetchone()) for start, end in pairs], dtype=float)
        parts = (table[:, [0, 1 + 2 * at, 2 + 2 * at]] for at in range(len(CHANNELS)))
        return [part[part[:, 2] > 0] for part in parts]

    def year(self, start: int, end: int) -> Any:
        import pandas as pd

        ask = "SELECT time, p FROM points WHERE time >= ? AND time < ? AND p IS NOT NULL"
        table = np.array(self.db.execute(ask, (start, end)).fetchall())
        return pd.Series(table[:, 1], pd.to_datetime(table[:, 0].astype("int64"), unit="us", utc=True))

    def close(self) -> None:
        self.db.close()

    def committer(self, folder: Path) -> Callable[[int], None]:
        self.create(folder, synchronous="FULL")
        return lambda n: self.insert([(n, *(float(n),) * len(CHANNELS))])
