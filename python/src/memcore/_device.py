"""The device's side of the link, for a program that is the device."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from types import TracebackType

from . import _memcore
from ._channel import Channel, description
from ._time import Instant, micros


class Device:
    """A device on the link. It reconnects by itself; what was sent and is not durable yet is kept and sent again.

    ``bundle`` is what ``Server.enroll`` returned, or the path of the file that ``memcore devices enroll`` wrote.
    ``on_command(channel, value)`` carries out a command, in the channel's own unit, and returns what it read back, or
    ``None`` for the value itself; an exception refuses the command. It is called from another thread, and while it runs
    the device answers nothing else.
    """

    def __init__(
        self,
        bundle: Mapping[str, str] | str | PathLike[str],
        channels: Sequence[Channel],
        on_command: Callable[[str, float], float | None] | None = None,
        *,
        wait: bool = True,
    ) -> None:
        text = json.dumps(dict(bundle)) if isinstance(bundle, Mapping) else Path(bundle).read_text(encoding="utf-8")
        described = [description(channel) for channel in channels]
        self._native = _memcore.Device.connect(text, described, on_command, wait)

    def send(self, time: Instant, values: Sequence[float | None]) -> int:
        """Keep a row, one value a channel, and send it as soon as the link allows; return its number."""
        return self._native.send_sync(micros(time, "time"), list(values))

    async def send_async(self, time: Instant, values: Sequence[float | None]) -> int:
        """As ``send``, without blocking the event loop where the backlog is full."""
        return await self._native.send(micros(time, "time"), list(values))

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

    def close(self) -> None:
        """Take leave. What is not durable yet is lost with the process: ``flush`` first. Again, it does nothing."""
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
