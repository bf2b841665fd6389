"""Loading much at once."""

from __future__ import annotations

from types import TracebackType
from typing import Any

from . import _columns, _frames, _memcore
from ._frames import Units
from ._progress import Progress, Tell, Teller
from ._quality import QualityLike, qualities


class Bulk:
    """A load of many writes, made by ``Memcore.bulk``: fast, because the disk is not waited for after each.

    Queries see what was written, and it is durable, after ``commit`` and at the end of the ``with`` block; also where
    the block ends in an exception, so that what was written before it is there. A call that is refused writes nothing,
    and the load may go on. One thread at a time writes to it.
    """

    def __init__(self, native: _memcore.Bulk, progress: Tell) -> None:
        self._native = native
        self._teller = Teller(progress, "memcore")
        self._done: Progress | None = None

    def write(
        self,
        series: str,
        times: Any,
        values: Any,
        *,
        unit: str | None = None,
        nan: str = "skip",
        quality: QualityLike = None,
    ) -> int:
        """As ``Memcore.write``, to be durable with the next commit."""
        checked = _columns.column(series, times, values, nan)
        written = self._native.write(series, *checked, unit, nan == "skip", qualities(quality))
        self._teller(self.progress)
        return written

    def write_frame(
        self, frame: Any, *, device: str | None = None, time: str = "time", units: Units = None, nan: str = "skip"
    ) -> int:
        """As ``Memcore.write_frame``, to be durable with the next commit."""
        written = self._native.write_frame(_frames.table(frame, time), _frames.reading(device, time, units, nan))
        self._teller(self.progress)
        return written

    def commit(self) -> None:
        """Make all that was written so far visible and durable."""
        self._native.commit()

    @property
    def progress(self) -> Progress:
        """What was written so far."""
        return self._done or Progress(*self._native.progress())

    def close(self) -> Progress:
        """Commit what is left and return what was written. Doing it again does nothing."""
        if self._done is None:
            try:
                self._done = Progress(*self._native.finish())
                self._teller(self._done)
            finally:
                self._teller.close()
        return self._done

    def __enter__(self) -> Bulk:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<memcore.Bulk {self.progress.points} points>"
