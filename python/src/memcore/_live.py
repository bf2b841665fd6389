"""Live views of a server. The waiting part is native, the taking part is not a wait: a cancelled wait loses nothing."""

from __future__ import annotations

import json
import time
from collections import deque
from datetime import datetime
from types import TracebackType
from typing import Any, Generic, NamedTuple, TypeVar

from . import _memcore
from ._errors import TimeoutError
from ._time import Length, moment, span

Item = TypeVar("Item")
Self = TypeVar("Self", bound="Feed[Any]")

TAKEN_AT_ONCE = 1024


class Reading(NamedTuple):
    """A value of a series as it arrives, in base unit and passive sign."""

    series: str
    time_us: int
    """Microseconds since 1970-01-01T00:00:00Z, exact."""
    value: float

    @property
    def time(self) -> datetime:
        """When it was measured, UTC."""
        return moment(self.time_us)


class Feed(Generic[Item]):
    """Items as they arrive, for ``for`` and ``async for``; it ends when it is closed or the server shuts down.

    It never slows the server down: what is not taken in time is dropped, oldest first, and counted in ``lost``.
    """

    def __init__(self, native: _memcore.Feed) -> None:
        self._native = native
        self._taken: deque[Item] = deque()
        self._closed = False

    def _take(self) -> list[Item]:
        raise NotImplementedError

    def _next(self) -> Item | None:
        if self._closed:
            return None
        if not self._taken:
            self._taken.extend(self._take())
        return self._taken.popleft() if self._taken else None

    def __iter__(self: Self) -> Self:
        return self

    def __next__(self) -> Item:
        while (item := self._next()) is None:
            if self._closed or not self._native.wait_ready_sync(None):
                raise StopIteration
        return item

    def next(self, timeout: Length | None = None) -> Item | None:
        """Wait for the next one, and return it; ``None`` once there will be none.

        Where none comes within ``timeout``, such as ``"5s"``, a ``TimeoutError`` is raised; nothing is lost by that.
        In an event loop, ``asyncio.timeout`` around a wait does the same.
        """
        end = None if timeout is None else time.monotonic_ns() // 1000 + span(timeout, "timeout")
        while (item := self._next()) is None:
            left = None if end is None else max(end - time.monotonic_ns() // 1000, 0)
            match False if self._closed else self._native.wait_ready_sync(left):
                case False:
                    return None
                case None:
                    raise TimeoutError(f"nothing came within timeout, which is {timeout}", retry="safe")
                case _:
                    pass
        return item

    def __aiter__(self: Self) -> Self:
        return self

    async def __anext__(self) -> Item:
        # The only await is one that takes nothing.
        while (item := self._next()) is None:
            if self._closed or not await self._native.wait_ready():
                raise StopAsyncIteration
        return item

    @property
    def lost(self) -> int:
        """How many messages were dropped because they were not taken in time."""
        return self._native.lost()

    def close(self) -> None:
        """End it, and every wait on it. Doing it again does nothing."""
        self._closed = True
        self._native.close()

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Subscription(Feed[Reading]):
    """Readings of the series that match, from now on."""

    def _take(self) -> list[Reading]:
        return [Reading(*reading) for reading in self._native.take_readings(TAKEN_AT_ONCE)]


class Events(Feed["dict[str, Any]"]):
    """Events of all devices, from now on: ``time``, ``event``, ``device`` and what belongs to the event."""

    def _take(self) -> list[dict[str, Any]]:
        events = [json.loads(event) for event in self._native.take_events(TAKEN_AT_ONCE)]
        return [{**event, "time": moment(event["time"])} for event in events]
