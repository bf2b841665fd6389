"""Emulated devices, or recorded telemetry, on the link of a server."""

from __future__ import annotations

import json
from os import PathLike
from types import TracebackType
from typing import Any, NamedTuple

from . import _memcore
from ._errors import InvalidError
from ._server import Server
from ._time import Instant, Length, maybe_micros, maybe_span, span

STOP_WITHIN = 5.0
"""Seconds that stopping gives what is on its way to become durable."""


class Sent(NamedTuple):
    """How much a simulation has sent."""

    rows: int
    points: int


class Simulation:
    """Devices that are sending; made by ``memcore.simulate``. Leaving its ``with`` or ``async with`` stops them."""

    def __init__(self, native: _memcore.Simulation) -> None:
        self._native = native
        self._ended = False
        self._report: dict[str, int] | None = None

    @property
    def sent(self) -> Sent:
        """Rows and points sent so far."""
        if self._report is not None:
            return Sent(self._report["rows_sent"], self._report["points_sent"])
        return Sent(*self._native.sent())

    def finish(self) -> dict[str, int]:
        """Wait until all time has passed, or the file has ended, and everything is durable; return what was done."""
        self._ended = True
        return self._reported(self._native.finish_sync())

    async def finish_async(self) -> dict[str, int]:
        """As ``finish``, without blocking the event loop."""
        self._ended = True
        return self._reported(await self._native.finish())

    def stop(self) -> dict[str, int]:
        """Stop sending, give what is on its way a moment to become durable, and return what was done."""
        self._ended = True
        return self._reported(self._native.stop_sync(STOP_WITHIN))

    async def stop_async(self) -> dict[str, int]:
        """As ``stop``, without blocking the event loop."""
        self._ended = True
        return self._reported(await self._native.stop(STOP_WITHIN))

    def _reported(self, text: str) -> dict[str, int]:
        report: dict[str, int] = json.loads(text)
        self._report = report
        return report

    def __enter__(self) -> Simulation:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._ended:
            self.stop()

    async def __aenter__(self) -> Simulation:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._ended:
            await self.stop_async()


def simulate(
    target: Server | str | PathLike[str],
    *,
    devices: int = 4,
    seed: int = 1,
    speed: float | None = 1.0,
    duration: Length | None = None,
    start: Instant | None = None,
    step: Length = "1s",
    replay: str | PathLike[str] | None = None,
    device: str | None = None,
    tz: str | None = None,
) -> Simulation:
    """Connect emulated devices to a server, or to the one that runs on the site in a folder on this machine.

    The same ``seed``, ``start`` and ``step`` give the same values. Time passes ``speed`` times as fast as real time, or
    with ``None`` as fast as the server takes the data; for ``duration`` of simulated time, or until stopped. Without a
    ``start`` it begins now where it passes in real time, else so that it ends now.

    With ``replay`` one ``device`` (``site.device``) sends a CSV file of telemetry instead, with its original times as
    fast as it is taken; ``tz`` is the zone of times without one, UTC by default.

    A device that was enrolled otherwise than by a simulation may be a real one: ``ConflictError``. ``Server.revoke`` it
    first if an emulated one is to take its place.
    """
    where: Any = target._native if isinstance(target, Server) else target
    if replay is not None:
        if device is None:
            raise InvalidError("device is missing: expected the device that the file is of, such as home1.meter")
        return Simulation(_memcore.Simulation.replay(where, replay, device, tz))
    if device is not None or tz is not None:
        raise InvalidError("device and tz are of a replay, expected the file too: replay='telemetry.csv'")
    begin = maybe_micros(start, "start")
    length = maybe_span(duration, "duration")
    return Simulation(_memcore.Simulation.street(where, devices, seed, begin, span(step, "step"), speed, length))
