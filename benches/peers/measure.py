"""One engine, measured in a process of its own: ``measure.py ENGINE POINTS.npz FOLDER`` prints one JSON object."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from engines import ENGINES, Engine, MissingError
from points import CHANNELS, Points, fixed, monthly

# Of queries, the fastest of so many; the first one is not counted.
REPEATS = 5
COMMITS = 400
# The bytes of a reading in memcore's log, for the raw write that commits are compared with.
RAW_BYTES = 110


def main(name: str, data: str, folder: str) -> None:
    """Measure one engine and say what was found, or why it is missing."""
    try:
        engine = ENGINES[name]()
    except MissingError as e:
        print(json.dumps({"missing": str(e)}))
        return
    import pandas as pd  # noqa: F401  what every engine is asked to give is imported before the clock runs

    figures: dict[str, Any] = {}
    notes: list[str] = []
    work, points = Path(folder), Points.load(Path(data))
    _ingest(engine, work, points, figures, notes)
    _queries(engine, work / "bulk", points, figures, notes)
    _commits(engine, work / "commits", figures)
    _precision(engine, work / "precision", notes)
    print(json.dumps({"how": engine.how, "figures": figures, "notes": notes}))


def _ingest(engine: Engine, work: Path, points: Points, figures: dict[str, Any], notes: list[str]) -> None:
    for title, rows in (("readings", 1), ("batches", 1000), ("bulk", len(points.times))):
        used = engine.ingest(work / title, points, rows)
        if used:
            figures[f"ingest {title}"] = len(points) / used[0] / 1e6
            figures[f"ingest {title}, wall"] = len(points) / used[1] / 1e6
        engine.close()
    for title in ("batches", "bulk"):
        figures[f"bytes {title}"] = _size(work / title) / len(points)
    if sealed := getattr(engine, "sealed", None):
        rest = "the last segment of the log, at most 16 MiB, and room reserved for the manifest"
        notes.append(f"of what is on disk {sealed:.3f} bytes/point are sealed chunks, the rest is {rest}")


def _size(folder: Path) -> int:
    # What the disk gave up for it, not what the files claim to be long.
    return sum(file.stat().st_blocks * 512 for file in folder.rglob("*") if file.is_file())


def _queries(engine: Engine, folder: Path, points: Points, figures: dict[str, Any], notes: list[str]) -> None:
    engine.open(folder)
    if hasattr(engine, "_range"):
        engine.span = engine._range()
    # 100 minutes: never a whole chunk, page or row group.
    width, every = 6_000_000_000, list(range(len(CHANNELS)))
    cpu, wall, found = _timed(engine, lambda: engine.buckets(every, width))
    figures["scan"], figures["scan, wall"] = len(points) / cpu / 1e6, len(points) / wall / 1e6
    for at, table in enumerate(found):
        _compare(table, _mean(fixed(points, at, width)), f"scan of {CHANNELS[at]}", notes)
    width = points.width(1000)
    cpu, wall, found = _timed(engine, lambda: engine.buckets([0], width))
    figures["buckets"], figures["buckets, wall"] = cpu * 1e3, wall * 1e3
    _compare(found[0], _mean(fixed(points, 0, width)), "1,000 buckets", notes)
    cpu, wall, found = _timed(engine, lambda: engine.months(points.months()))
    figures["months"], figures["months, wall"] = cpu * 1e3, wall * 1e3
    for at, table in enumerate(found):
        _compare(table, monthly(points, at)[:, [0, 3, 4]], f"months of {CHANNELS[at]}", notes, exact=[0, 2])
    start, end = points.year()
    cpu, wall, frame = _timed(engine, lambda: engine.year(start, end))
    figures["year"], figures["year, wall"] = cpu * 1e3, wall * 1e3
    times, values = points.channel(0)
    inside = (times >= start) & (times < end)
    stamps = np.asarray(frame.index.as_unit("us").asi8)
    if not (np.array_equal(stamps, times[inside]) and np.array_equal(frame.to_numpy(), values[inside])):
        notes.append("differs: the year as pandas")
    engine.close()


def _timed(engine: Engine, ask: Callable[[], Any]) -> tuple[float, float, Any]:
    found, used = ask(), []
    for _ in range(REPEATS):
        before = engine.cpu(), time.perf_counter()
        ask()
        used.append((engine.cpu() - before[0], time.perf_counter() - before[1]))
    # The kernel counts a server's CPU in hundredths of a second: the mean is finer than any one of them.
    return sum(cpu for cpu, _ in used) / REPEATS, min(wall for _, wall in used), found


def _mean(table: np.ndarray) -> np.ndarray:
    table = table.copy()
    table[:, 3] /= table[:, 4]
    return table


def _compare(found: np.ndarray, right: np.ndarray, what: str, notes: list[str], exact: list[int] | None = None) -> None:
    exact = exact or [0, 1, 2, 4]
    if found.shape != right.shape:
        notes.append(f"differs: {what} has {len(found)} rows, expected {len(right)}")
    elif not np.array_equal(found[:, exact], right[:, exact]) or not np.allclose(found, right, rtol=1e-9, atol=1e-9):
        notes.append(f"differs: {what}")


def _commits(engine: Engine, folder: Path, figures: dict[str, Any]) -> None:
    measured = getattr(engine, "commits", lambda *_: None)(folder, COMMITS)
    if measured is None:
        commit = engine.committer(folder)
        if commit is None:
            return
        ours, raw = [], []
        # Beside the engine's folder, on the same file system; one after the other, so that both meet the same disk.
        file = os.open(folder.with_suffix(".raw"), os.O_RDWR | os.O_CREAT)
        os.pwrite(file, bytes(1 << 20), 0)
        os.fsync(file)
        for n in range(COMMITS):
            begun = time.perf_counter()
            commit(n)
            ours.append(time.perf_counter() - begun)
            begun = time.perf_counter()
            os.pwrite(file, b"x" * RAW_BYTES, n * RAW_BYTES)
            os.fdatasync(file)
            raw.append(time.perf_counter() - begun)
        engine.close()
        of = {"ours": ours, "raw": raw}
        measured = {f"{name} p{p}": float(np.percentile(of[name], p)) * 1e6 for name in of for p in (50, 99)}
    figures["commit p50"], figures["commit p99"] = measured["ours p50"], measured["ours p99"]
    figures["commit over raw"] = measured["ours p50"] / measured["raw p50"]


def _precision(engine: Engine, folder: Path, notes: list[str]) -> None:
    """Whether numbers of full precision come back bit for bit."""
    random = np.random.default_rng(2)
    times = 1_700_000_000_000_000 + np.arange(1000, dtype="int64") * 60_000_000
    values = random.random((1000, len(CHANNELS))) * 1000
    points = Points(times, values, "")
    engine.ingest(folder, points, 1000)
    engine.close()
    engine.open(folder)
    back = engine.year(int(times[0]), int(times[-1]) + 60_000_000).to_numpy()
    if len(back) != len(values):
        notes.append(f"of 1,000 numbers of full precision {len(back)} come back at all")
    elif not np.array_equal(back, values[:, 0]):
        same, apart = int(np.count_nonzero(back == values[:, 0])), float(np.abs(back / values[:, 0] - 1).max())
        notes.append(
            f"not lossless: of 1,000 numbers of full precision {same} come back exactly, the rest within {apart:.0e}"
        )
    engine.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
