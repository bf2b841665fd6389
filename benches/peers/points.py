"""The points that every engine is given, and what the right answers are."""

from __future__ import annotations

import csv
import lzma
import os
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np

CHANNELS = ("p", "q", "u", "i", "sub1", "sub2", "sub3")
ZONE = "Europe/Paris"
MINUTE = 60_000_000
FILE = "telemetry/uci_household_1min_full.csv.xz"


@dataclass(frozen=True)
class Points:
    """Rows of seven channels: times in UTC microseconds, values with NaN where there is none."""

    times: np.ndarray
    values: np.ndarray
    source: str

    def __len__(self) -> int:
        return int(np.count_nonzero(~np.isnan(self.values)))

    def save(self, path: Path) -> None:
        """Write it for a process that measures."""
        np.savez(path, times=self.times, values=self.values, source=self.source)

    @staticmethod
    def load(path: Path) -> Points:
        """Read what was saved."""
        with np.load(path) as file:
            return Points(file["times"], file["values"], str(file["source"]))

    def save_raw(self, path: Path) -> None:
        """Write it for a program in Rust: rows as u64, then the times, then column by column."""
        with path.open("wb") as file:
            file.write(np.uint64(len(self.times)).tobytes())
            file.write(self.times.astype("<i8").tobytes())
            file.write(np.ascontiguousarray(self.values.T, dtype="<f8").tobytes())

    def channel(self, at: int) -> tuple[np.ndarray, np.ndarray]:
        """Times and values of one channel, without the rows that it lacks."""
        there = ~np.isnan(self.values[:, at])
        return self.times[there], self.values[there, at]

    def width(self, buckets: int) -> int:
        """Whole seconds, so that about as many buckets hold the whole range; they align with nothing."""
        seconds = (int(self.times[-1] - self.times[0]) // 1_000_000) // buckets + 1
        return seconds * 1_000_000

    def year(self) -> tuple[int, int]:
        """The last year of the range, or all of it where there is less."""
        end = int(self.times[-1]) + MINUTE
        return max(int(self.times[0]), end - 365 * 1440 * MINUTE), end

    def months(self) -> list[int]:
        """Where the months of the zone begin, from the one that holds the first row to the end of the last."""
        zone = ZoneInfo(ZONE)
        first = datetime.fromtimestamp(int(self.times[0]) / 1e6, timezone.utc).astimezone(zone)
        year, month, starts = first.year, first.month, [0]
        while starts[-1] <= int(self.times[-1]):
            starts.append(int(datetime(year, month, 1, tzinfo=zone).timestamp()) * 1_000_000)
            year, month = year + month // 12, month % 12 + 1
        return starts[1:]


def load(points: int | None) -> Points:
    """Real data where they are (``MEMCORE_TEST_DATA``, or ``../shared/data`` beside the project), else a stand-in."""
    beside = Path(__file__).resolve().parents[3] / "shared/data"
    file = Path(os.environ.get("MEMCORE_TEST_DATA", beside)) / FILE
    rows = None if points is None else max(points // len(CHANNELS), 1000)
    if not file.exists():
        return stand_in(rows or 2_050_000)
    times, values = [], []
    with lzma.open(file, "rt") as text:
        lines = csv.reader(text)
        next(lines)
        for line in lines:
            times.append(line[0])
            values.append([float(field) if field else np.nan for field in line[1:]])
            if len(times) == rows:
                break
    stamps = np.array([time.replace(" ", "T") for time in times], dtype="datetime64[us]").astype(np.int64)
    return Points(stamps, np.array(values), "UCI household, 1 minute, its clock taken for UTC")


def stand_in(rows: int) -> Points:
    """Something like a household: a daily course and noise, to a few decimals, with a gap each month."""
    random = np.random.default_rng(1)
    minutes = np.arange(rows, dtype=np.int64)
    minutes += minutes // 43_200 * 1500
    times = 1_166_290_000_000_000 // MINUTE * MINUTE + minutes * MINUTE
    course = (minutes // 60 % 24 + 1).astype(float)
    scales = np.array([3, 3, 2, 1, 0, 0, 0])
    noise = random.integers(0, [400, 300, 900, 150, 3, 3, 18], (rows, len(CHANNELS)))
    values = np.round((noise + course[:, None] * 10) / 10.0**scales, 3)
    return Points(times, values, "a generated stand-in: no household data beside the project")


def buckets(times: np.ndarray, values: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Rows of start, min, max, sum, count; the starts are those of each row, and rise."""
    if len(times) == 0:
        return np.empty((0, 5))
    first = np.flatnonzero(np.diff(starts, prepend=starts[0] - 1))
    count = np.diff(first, append=len(starts))
    columns = (np.minimum, np.maximum, np.add)
    return np.column_stack([starts[first], *(ufunc.reduceat(values, first) for ufunc in columns), count])


def fixed(points: Points, at: int, width: int) -> np.ndarray:
    """The right answer for buckets of one length."""
    times, values = points.channel(at)
    return buckets(times, values, times // width * width)


def monthly(points: Points, at: int) -> np.ndarray:
    """The right answer for the months of the zone."""
    times, values = points.channel(at)
    months = np.array(points.months())
    return buckets(times, values, months[np.searchsorted(months, times, side="right") - 1])
