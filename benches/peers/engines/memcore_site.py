"""memcore: rows go in through its core, as devices' readings do; answers come through its Python wheel."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from points import CHANNELS, ZONE, Points

from .base import Engine, MissingError, cuts

AGGREGATES = ("min", "max", "mean", "count")


class MemcoreSite(Engine):
    """A site of one device. The wheel writes a column at a time; readings of seven channels are the core's way in."""

    name = "memcore"
    how = "sync each second at ingest, each commit where durable; rows through the Rust core, answers through the wheel"

    def __init__(self) -> None:
        try:
            import memcore
        except ImportError as e:
            raise MissingError(str(e)) from e
        self.memcore = memcore
        self.site: Any = None
        # `make peers` names it; without it rows go in through the wheel too.
        self.program = os.environ.get("MEMCORE_FIGURES")
        said = MemcoreSite.how if self.program else "rows and answers through the wheel, durable with each column"
        self.how = f"{memcore.__version__}, {said}"

    def _core(self, *args: str) -> dict[str, Any]:
        done = subprocess.run([self.program or "", "peer", *args], stdout=subprocess.PIPE, text=True, check=True)
        return json.loads(done.stdout)

    def create(self, folder: Path) -> None:
        self.site = self.memcore.open(folder)
        for name in CHANNELS:
            self.site.register(f"home1.meter.{name}", unit="W")

    def batches(self, points: Points, rows: int) -> Iterator[Any]:
        for cut in cuts(len(points.times), rows):
            yield points.times[cut], points.values[cut]

    def insert(self, batch: Any) -> None:
        times, values = batch
        for at, name in enumerate(CHANNELS):
            self.site.write(f"home1.meter.{name}", times, np.ascontiguousarray(values[:, at]))

    def settle(self) -> None:
        self.site.close()

    def ingest(self, folder: Path, points: Points, rows: int) -> tuple[float, float] | None:
        if self.program is None:
            # A sync for each value of each reading would only measure the disk.
            return None if rows == 1 else super().ingest(folder, points, rows)
        with tempfile.NamedTemporaryFile() as file:
            points.save_raw(Path(file.name))
            used = self._core("ingest", file.name, str(folder / "store"), str(rows))
        self.sealed = used["chunk_bytes"] / len(points)
        return used["cpu"], used["wall"]

    def open(self, folder: Path) -> None:
        self.site = self.memcore.open(folder, read_only=True)

    def buckets(self, channels: list[int], width: int) -> list[np.ndarray]:
        pattern = f"home1.meter.{CHANNELS[channels[0]]}" if len(channels) == 1 else "home1.meter.*"
        result = self.site.query(pattern, every=f"{width}us", agg=AGGREGATES)
        return self._tables(result, channels, AGGREGATES)

    def months(self, starts: list[int]) -> list[np.ndarray]:
        result = self.site.query("home1.meter.*", every="1mo", tz=ZONE, agg=("sum", "count"))
        return self._tables(result, list(range(len(CHANNELS))), ("sum", "count"))

    @staticmethod
    def _tables(result: Any, channels: list[int], aggregates: tuple[str, ...]) -> list[np.ndarray]:
        columns = [result.to_numpy(name) for name in aggregates]
        series = [f"home1.meter.{CHANNELS[at]}" for at in channels]
        starts = [columns[0][name][0].astype("datetime64[us]").astype("int64") for name in series]
        return [
            np.column_stack([start, *(column[name][1] for column in columns)])
            for start, name in zip(starts, series, strict=True)
        ]

    def year(self, start: int, end: int) -> Any:
        import pandas as pd

        ends = (pd.Timestamp(instant, unit="us", tz="UTC") for instant in (start, end))
        return self.site.query("home1.meter.p", *ends).wide().to_pandas()["home1.meter.p"]

    def close(self) -> None:
        if self.site is not None:
            self.site.close()

    def commits(self, folder: Path, rounds: int) -> dict[str, Any] | None:
        """Latencies of durable commits, and of raw syncs between them, where the core measures them itself."""
        return None if self.program is None else self._core("commit", str(folder), str(rounds))

    def committer(self, folder: Path) -> Callable[[int], None]:
        self.create(folder)
        series = "home1.meter.p"
        return lambda n: self.site.write(series, np.arange(7, dtype="int64") + 7 * n, np.full(7, float(n)))
