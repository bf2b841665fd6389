"""How far a long work is, as an object and as a bar in the terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any, NamedTuple

REDRAW_SECONDS = 0.1
WIDTH = 30


class Progress(NamedTuple):
    """How far a long work is, and at its end what it did."""

    rows: int
    """Rows that were read or written."""
    points: int
    """Values among them."""
    part: float | None
    """Which part of the whole is done, from 0 to 1, where that is known."""
    seconds: float
    """How long it has taken."""

    @property
    def points_per_second(self) -> float:
        """How many values a second."""
        return self.points / max(self.seconds, 1e-9)


Tell = bool | Callable[[Progress], object]
"""Who hears of progress: ``True`` for a bar, a callable with a ``Progress``, or nobody."""


class Teller:
    """Passes progress on to a callable, or draws it with tqdm where that is installed, else as a line of text."""

    def __init__(self, tell: Tell, what: str) -> None:
        self._call = tell if callable(tell) else None
        self._bar: Any = _bar(what) if tell is True else None

    @property
    def native(self) -> Callable[[int, int, float | None, float], None] | None:
        """What the native module calls; None where nobody hears."""
        return None if self._call is None and self._bar is None else self._told

    def _told(self, rows: int, points: int, part: float | None, seconds: float) -> None:
        self(Progress(rows, points, part, seconds))

    def __call__(self, progress: Progress) -> None:
        if self._call is not None:
            self._call(progress)
        if self._bar is not None:
            self._bar.draw(progress)

    def close(self) -> None:
        """End the bar."""
        if self._bar is not None:
            self._bar.close()

    def __enter__(self) -> Teller:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _bar(what: str) -> _Line | _Tqdm:
    try:
        from tqdm.auto import tqdm  # type: ignore[import-not-found, import-untyped, unused-ignore]  # pyright: ignore
    except ImportError:
        return _Line(what)
    return _Tqdm(tqdm(desc=what, unit=" points", unit_scale=True))


class _Tqdm:
    def __init__(self, bar: Any) -> None:
        self._bar = bar

    def draw(self, progress: Progress) -> None:
        done = progress.points or int((progress.part or 0) * 1000)
        if progress.part:
            self._bar.total = int(done / progress.part)
        self._bar.update(done - self._bar.n)

    def close(self) -> None:
        self._bar.close()


class _Line:
    """One line that is drawn again and again, where a person looks."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._drawn = 0.0
        self._shows = sys.stderr is not None and sys.stderr.isatty()
        self._last: Progress | None = None

    def draw(self, progress: Progress) -> None:
        self._last = progress
        if self._shows and time.monotonic() - self._drawn >= REDRAW_SECONDS:
            self._drawn = time.monotonic()
            self._write(progress)

    def _write(self, progress: Progress) -> None:
        bar = ""
        if progress.part is not None:
            full = round(progress.part * WIDTH)
            bar = f" [{'#' * full}{'.' * (WIDTH - full)}] {progress.part:4.0%}"
        text = f"{self._what}{bar} {progress.points:,} points, {progress.points_per_second:,.0f}/s"
        sys.stderr.write(f"\r\x1b[K{text}")
        sys.stderr.flush()

    def close(self) -> None:
        if self._shows and self._last is not None:
            self._write(self._last)
            sys.stderr.write("\n")
