"""What is asked of an engine. Input in its own form is made before the clock runs, a part at a time."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    from points import Points

# Rows for which input is made at a time.
PART = 200_000


class MissingError(Exception):
    """The engine is not on this machine."""


class Engine(ABC):
    """One engine. A folder is its own; ``create`` begins an empty one, ``open`` reads one that was closed."""

    name: str
    how: str
    # Of single readings only so many, where all of them would take hours; the figure is a rate.
    readings: int | None = None

    @abstractmethod
    def create(self, folder: Path) -> None:
        """Begin an empty store to be ingested into."""

    @abstractmethod
    def batches(self, points: Points, rows: int) -> Iterator[Any]:
        """Input of so many rows each, in the form that ``insert`` takes."""

    @abstractmethod
    def insert(self, batch: Any) -> None:
        """Take in one batch, as one transaction where there are any."""

    @abstractmethod
    def settle(self) -> None:
        """Write out, merge and compress what the engine would sooner or later by itself, and close."""

    @abstractmethod
    def open(self, folder: Path) -> None:
        """Open a settled store to be read."""

    @abstractmethod
    def buckets(self, channels: list[int], width: int) -> list[np.ndarray]:
        """Of each channel, rows of start, min, max, mean, count."""

    @abstractmethod
    def months(self, starts: list[int]) -> list[np.ndarray]:
        """Of each channel, rows of start, sum, count; the zone's months begin at these instants."""

    @abstractmethod
    def year(self, start: int, end: int) -> pd.Series:
        """The raw values of the first channel as pandas has them, by time."""

    @abstractmethod
    def close(self) -> None:
        """Let go of what was opened."""

    def committer(self, folder: Path) -> Callable[[int], None] | None:
        """What makes reading ``n`` of seven points durable, where the engine offers that."""
        raise NotImplementedError

    def cpu(self) -> float:
        """Seconds of CPU so far: this process, its threads and the children that have ended."""
        import resource

        used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return sum(usage.ru_utime + usage.ru_stime for usage in used)

    def ingest(self, folder: Path, points: Points, rows: int) -> tuple[float, float] | None:
        """CPU and wall seconds to ingest all points in batches of so many rows, and to settle; None where it cannot."""
        if rows == 1 and self.readings:
            few = type(points)(points.times[: self.readings], points.values[: self.readings], "")
            times = len(points) / len(few)
            cpu, wall = self._ingest(folder, few, 1)
            return cpu * times, wall * times
        return self._ingest(folder, points, rows)

    def _ingest(self, folder: Path, points: Points, rows: int) -> tuple[float, float]:
        self.create(folder)
        cpu = wall = 0.0
        part = max(rows, PART // rows * rows)
        for start in range(0, len(points.times), part):
            piece = type(points)(points.times[start : start + part], points.values[start : start + part], "")
            batches = list(self.batches(piece, rows))
            before = self.cpu(), time.perf_counter()
            for batch in batches:
                self.insert(batch)
            cpu, wall = cpu + self.cpu() - before[0], wall + time.perf_counter() - before[1]
        before = self.cpu(), time.perf_counter()
        self.settle()
        return cpu + self.cpu() - before[0], wall + time.perf_counter() - before[1]


def cuts(length: int, rows: int) -> Iterator[slice]:
    """Slices of so many rows."""
    return (slice(start, start + rows) for start in range(0, length, rows))
