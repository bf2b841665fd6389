"""The device's side of the link, for a program that is the device."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, NamedTuple

from . import _columns, _memcore
from ._channel import Channel, description
from ._errors import InvalidError
from ._time import Instant, micros


class BufferStatus(NamedTuple):
    """How full a device's backlog is, and what it could not keep since the start."""

    rows: int
    """Rows that are kept because they are not durable at the server."""
    bytes: int
    """Bytes that they take up on disk; 0 for a backlog in memory."""
    dropped: int
    """Rows dropped because there was no room."""
    damaged: int
    """Rows found damaged on disk; an end that was torn by a crash counts as one."""
    fault: str | None
    """Why the disk takes nothing at the moment: rows are kept in a small part of memory until it does."""


class ClockOffset(NamedTuple):
    """What is known here of the server's clock."""

    offset: timedelta
    """How far the server's clock is ahead of this device's."""
    uncertainty: timedelta
    """How far that may be off."""


class Device:
    """A device on the link. It reconnects by itself; what was sent and is not durable yet is kept and sent again.

    ``bundle`` is what ``Server.enroll`` returned, or the path of the file that ``memcore devices enroll`` wrote.

    ``on_command(channel, value)`` carries out a command, in the channel's own unit, and returns what it read back, or
    ``None`` for the value itself; an exception refuses the command. It is called from another thread, and while it
    runs the device answers nothing else. ``on_read(channel)`` reads a channel back, or returns ``None`` where it
    cannot: it is asked after a start, and when a command was interrupted so that nobody knows whether it had its
    effect.

    ``buffer`` is a folder of this device's own in which it keeps what is not durable, and which commands it has
    begun, across restarts; without it a backlog of ``backlog_rows`` (100,000) rows in memory ends with the process.
    ``buffer_bytes`` bounds it (256 MiB), ``buffer_sync`` says when it is made safe from a power cut: ``"each"`` row,
    every so often such as ``"1s"`` (the default), or ``"never"``; the end of the process alone loses nothing.
    ``when_full`` says what happens to a row for which there is no room: ``"drop_oldest"`` drops the oldest and counts
    them in ``dropped`` (the default with a buffer), ``"wait"`` lets ``send`` wait (the default without), ``"refuse"``
    raises ``LimitReachedError``.
    """

    def __init__(
        self,
        bundle: Mapping[str, str] | str | PathLike[str],
        channels: Sequence[Channel],
        on_command: Callable[[str, float], float | None] | None = None,
        *,
        on_read: Callable[[str], float | None] | None = None,
        buffer: str | PathLike[str] | None = None,
        buffer_bytes: int | None = None,
        buffer_sync: str | None = None,
        when_full: Literal["wait", "refuse", "drop_oldest"] | None = None,
        backlog_rows: int | None = None,
        state_folder: str | PathLike[str] | None = None,
        wait: bool = True,
    ) -> None:
        text = json.dumps(dict(bundle)) if isinstance(bundle, Mapping) else Path(bundle).read_text(encoding="utf-8")
        described = [description(channel) for channel in channels]
        self._names = [channel.name for channel in channels]
        keeping = {
            "buffer": None if buffer is None else os.fspath(buffer),
            "buffer_bytes": buffer_bytes,
            "buffer_sync": buffer_sync,
            "when_full": when_full,
            "backlog_rows": backlog_rows,
            "state_folder": None if state_folder is None else os.fspath(state_folder),
        }
        self._native = _memcore.Device.connect(text, described, on_command, on_read, keeping, wait)

    def send(self, time: Instant, values: Sequence[float | None]) -> int:
        """Keep a row, one value a channel, and send it as soon as the link allows; return its number.

        ``time`` is sent as it is given.
        """
        return self._native.send_sync(micros(time, "time"), list(values))

    async def send_async(self, time: Instant, values: Sequence[float | None]) -> int:
        """As ``send``, without blocking the event loop where the backlog is full."""
        return await self._native.send(micros(time, "time"), list(values))

    def send_now(self, values: Sequence[float | None]) -> int:
        """As ``send``, measured now, by the server's clock as well as it is known here.

        This computer's clock may be wrong and may jump. Before the first contact the row has this computer's time,
        which is corrected when it is sent, as long as this process lives.
        """
        return self._native.send_now_sync(list(values))

    async def send_now_async(self, values: Sequence[float | None]) -> int:
        """As ``send_now``, without blocking the event loop where the backlog is full."""
        return await self._native.send_now(list(values))

    def send_many(self, times: Any, columns: Mapping[str, Any] | Sequence[Any]) -> int | None:
        """As ``send``, for many rows: arrays or lists, one value a time; return the number of the last row.

        ``columns`` is a mapping from channels to their values, or has one column a channel in their order. A channel
        that is left out, ``None`` and NaN were not measured.
        """
        return self._native.send_many_sync(_columns.times(times), self._names, self._columns(columns))

    async def send_many_async(self, times: Any, columns: Mapping[str, Any] | Sequence[Any]) -> int | None:
        """As ``send_many``, without blocking the event loop where the backlog is full."""
        return await self._native.send_many(_columns.times(times), self._names, self._columns(columns))

    def _columns(self, columns: Mapping[str, Any] | Sequence[Any]) -> list[Any]:
        if isinstance(columns, Mapping):
            unknown = [name for name in columns if name not in self._names]
            if unknown:
                raise InvalidError(f"columns has {unknown[0]!r}, expected channels of {', '.join(self._names)}")
            given = [columns.get(name) for name in self._names]
        else:
            given = list(columns)
            if len(given) != len(self._names):
                raise InvalidError(f"{len(given)} columns, expected {len(self._names)}, one a channel")
        return [
            None if column is None else _columns.values(column, name)
            for name, column in zip(self._names, given, strict=True)
        ]

    def flush(self) -> None:
        """Wait until everything sent so far is durable at the server, or was rejected."""
        self._native.flush_sync()

    async def flush_async(self) -> None:
        """As ``flush``, without blocking the event loop."""
        await self._native.flush()

    @property
    def state(self) -> str:
        """``connecting``, ``open``, ``refused: why``, or ``closed``."""
        return self._native.state()

    @property
    def backlog(self) -> int:
        """How many rows are kept because they are not durable yet."""
        return self._native.backlog()

    @property
    def durable(self) -> int:
        """The highest number of a row that is durable at the server."""
        return self._native.durable()

    @property
    def dropped(self) -> int:
        """How many rows were dropped since the start because there was no room for them."""
        return self.buffer_status.dropped

    @property
    def buffer_status(self) -> BufferStatus:
        """How full the backlog is, what it could not keep, and whether its disk takes what it is given."""
        return BufferStatus(*self._native.status())

    @property
    def rejected(self) -> tuple[int, str | None]:
        """How many parts of messages the server refused for good, and the last reason."""
        return self._native.rejected()

    @property
    def clock_offset(self) -> ClockOffset | None:
        """How far the server's clock is ahead of this computer's; none before the first contact.

        The uncertainty is half of the shortest round trip of the last eight questions, and 100 millionths of the time
        since.
        """
        known = self._native.clock_offset()
        return None if known is None else ClockOffset(*(timedelta(microseconds=span) for span in known))

    def close(self) -> None:
        """Take leave; again, it does nothing.

        What is not durable stays in the ``buffer``; without one it is lost with the process: ``flush`` first.
        """
        self._native.close()

    async def aclose(self) -> None:
        """As ``close``, without blocking the event loop."""
        await asyncio.to_thread(self.close)

    async def __aenter__(self) -> Device:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            await self.flush_async()
        await self.aclose()

    def __enter__(self) -> Device:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.flush()
        self.close()
