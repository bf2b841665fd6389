"""HEM boards: one that is polled as a device, an endpoint for apps that were written for one, and an emulated one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import Literal

from . import _memcore
from ._time import Length, span

Quantity = Literal["power", "voltage", "current", "energy", "charge", "ac_power", "ac_voltage", "switch"]


class HemBoard:
    """A HEM board that is polled over UDP and is a device of a server: ``node0.power`` to ``node7.switch``.

    ``address`` is ``host`` or ``host:port`` (9931 without one); ``bundle`` is what ``Server.enroll`` returned, or the
    path of the file that ``memcore devices enroll`` wrote. Which ``quantities`` the board answers is found out unless
    they are named. Boards do not tell in which unit they count energy and charge. ``buffer`` is a folder of its own in
    which it keeps, across restarts, what the server does not have yet. With ``wait`` this returns once the board has
    answered and the server has taken it in; without it, both may still be away.
    """

    def __init__(
        self,
        address: str,
        bundle: Mapping[str, str] | str | PathLike[str],
        *,
        every: Length = "1s",
        quantities: Sequence[Quantity] | None = None,
        energy_unit: str = "Wh",
        charge_unit: str = "Ah",
        buffer: str | PathLike[str] | None = None,
        wait: bool = True,
    ) -> None:
        text = json.dumps(dict(bundle)) if isinstance(bundle, Mapping) else Path(bundle).read_text(encoding="utf-8")
        names = None if quantities is None else list(quantities)
        self._native = _memcore.HemBoard.connect(
            address, text, span(every, "every"), names, energy_unit, charge_unit, buffer, wait
        )

    @property
    def state(self) -> str:
        """``seeking``, ``answering``, ``away``, ``failed: why``, or ``closed``."""
        return self._native.state()

    def close(self) -> None:
        """Take leased nodes to their fallback, take leave, and stop polling. Again, it does nothing."""
        self._native.close()

    async def aclose(self) -> None:
        """As ``close``, without blocking the event loop."""
        await asyncio.to_thread(self.close)

    def __enter__(self) -> HemBoard:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def __aenter__(self) -> HemBoard:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


class HemEndpoint:
    """Answers apps that were written for a HEM board; made by ``Server.serve_hem``. Ends with ``with`` or ``close``."""

    def __init__(self, native: _memcore.HemEndpoint) -> None:
        self._native = native

    @property
    def address(self) -> str:
        """Where it listens: ``host:port``."""
        return self._native.address()

    def close(self) -> None:
        """Stop answering. Again, it does nothing."""
        self._native.close()

    def __enter__(self) -> HemEndpoint:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class HemEmulator:
    """A HEM board for those who have none: eight feeders that behave like real ones, on a UDP port.

    The same ``seed`` gives the same board; it measures each ``step``. Port 0 takes a free one.
    """

    def __init__(
        self,
        listen: str = "127.0.0.1:9931",
        *,
        allow_network: bool = False,
        seed: int = 1,
        step: Length = "1s",
    ) -> None:
        self._native = _memcore.HemEmulator.start(listen, allow_network, seed, span(step, "step"))

    @property
    def address(self) -> str:
        """Where it listens: ``host:port``."""
        return self._native.address()

    def close(self) -> None:
        """Pull its plug. Again, it does nothing."""
        self._native.close()

    def __enter__(self) -> HemEmulator:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
