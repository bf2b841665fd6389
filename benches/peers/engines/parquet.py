"""Parquet files with pyarrow: no engine, but what many keep history in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from points import CHANNELS, Points, buckets

from .base import Engine, MissingError, cuts


class Parquet(Engine):
    """One file in row groups of 128 Ki rows; aggregates with numpy, which is the fastest on rows in order."""

    name = "Parquet"
    how = "zstd 3, dictionaries, delta-coded times, groups of 131,072 rows, numpy; durable once it is closed"

    def __init__(self) -> None:
        try:
            import pyarrow
            import pyarrow.parquet
        except ImportError as e:
            raise MissingError(str(e)) from e
        self.arrow, self.parquet = pyarrow, pyarrow.parquet
        self.how = f"pyarrow {pyarrow.__version__}, {Parquet.how}"

    def create(self, folder: Path) -> None:
        folder.mkdir()
        schema = self.arrow.schema(
            [("time", self.arrow.timestamp("us")), *((name, self.arrow.float64()) for name in CHANNELS)]
        )
        self.waiting: list[Any] = []
        self.rows = 0
        self.writer = self.parquet.ParquetWriter(
            folder / "points.parquet",
            schema,
            compression="zstd",
            compression_level=3,
            use_dictionary=list(CHANNELS),
            column_encoding={"time": "DELTA_BINARY_PACKED"},
        )

    def batches(self, points: Points, rows: int) -> Iterator[Any]:
        for cut in cuts(len(points.times), rows):
            columns = [self.arrow.array(points.values[cut, at], from_pandas=True) for at in range(len(CHANNELS))]
            stamps = self.arrow.array(points.times[cut].astype("datetime64[us]"))
            yield self.arrow.table([stamps, *columns], names=["time", *CHANNELS])

    def insert(self, batch: Any) -> None:
        self.waiting.append(batch)
        self.rows += batch.num_rows
        if self.rows >= 131_072:
            self._write()

    def _write(self) -> None:
        if self.waiting:
            self.writer.write_table(self.arrow.concat_tables(self.waiting).combine_chunks(), row_group_size=131_072)
            self.waiting, self.rows = [], 0

    def settle(self) -> None:
        self._write()
        self.writer.close()

    def ingest(self, folder: Path, points: Points, rows: int) -> tuple[float, float] | None:
        return None if rows == 1 else super().ingest(folder, points, rows)

    def open(self, folder: Path) -> None:
        self.file = folder / "points.parquet"

    def _columns(self, channels: list[int], filters: Any = None) -> tuple[np.ndarray, list[np.ndarray]]:
        names = [CHANNELS[at] for at in channels]
        table = self.parquet.read_table(self.file, columns=["time", *names], filters=filters)
        times = table["time"].to_numpy().astype("int64")
        return times, [table[name].to_numpy() for name in names]

    def buckets(self, channels: list[int], width: int) -> list[np.ndarray]:
        times, columns = self._columns(channels)
        return [_bucketed(times, values, width) for values in columns]

    def months(self, starts: list[int]) -> list[np.ndarray]:
        times, columns = self._columns(list(range(len(CHANNELS))))
        months = np.array(starts)
        found = []
        for values in columns:
            there = ~np.isnan(values)
            at = months[np.searchsorted(months, times[there], side="right") - 1]
            found.append(buckets(times[there], values[there], at)[:, [0, 3, 4]])
        return found

    def year(self, start: int, end: int) -> Any:
        import pandas as pd

        ends = np.array([start, end]).astype("datetime64[us]")
        times, (values,) = self._columns([0], [("time", ">=", ends[0]), ("time", "<", ends[1])])
        there = ~np.isnan(values)
        return pd.Series(values[there], pd.to_datetime(times[there], unit="us", utc=True))

    def close(self) -> None:
        pass

    def committer(self, folder: Path) -> Callable[[int], None] | None:
        return None


def _bucketed(times: np.ndarray, values: np.ndarray, width: int) -> np.ndarray:
    there = ~np.isnan(values)
    times, values = times[there], values[there]
    table = buckets(times, values, times // width * width)
    table[:, 3] /= table[:, 4]
    return table
