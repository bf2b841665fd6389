"""The embeddable energy manager: devices over TLS, history, plans and control in one core."""

import atexit as _atexit

from . import energy
from ._bulk import Bulk
from ._channel import Channel
from ._device import Device
from ._doctor import Checkup, Declaration, Finding, Report, doctor
from ._errors import (
    ClosedError,
    ConflictError,
    ConnectionError,
    DamagedError,
    InternalError,
    InvalidError,
    IoError,
    LimitReachedError,
    LockedError,
    MemcoreError,
    NotFoundError,
    ReadOnlyError,
    Retry,
    TimeoutError,
    UnauthorizedError,
    UnsupportedError,
)
from ._files import ImportReport
from ._live import Events, Reading, Subscription
from ._memcore import __version__
from ._memcore import leave as _leave
from ._progress import Progress
from ._quality import Quality
from ._result import QueryResult, WideResult
from ._server import CommandResult, Server, serve
from ._simulate import Simulation, simulate
from ._site import Memcore, SeriesStats, VerifyReport, memory, open, restore
from ._stream import Batch, Stream

__all__ = [
    "Batch",
    "Bulk",
    "Channel",
    "Checkup",
    "ClosedError",
    "CommandResult",
    "ConflictError",
    "ConnectionError",
    "DamagedError",
    "Declaration",
    "Device",
    "Events",
    "Finding",
    "ImportReport",
    "InternalError",
    "InvalidError",
    "IoError",
    "LimitReachedError",
    "LockedError",
    "Memcore",
    "MemcoreError",
    "NotFoundError",
    "Progress",
    "Quality",
    "QueryResult",
    "ReadOnlyError",
    "Reading",
    "Report",
    "Retry",
    "SeriesStats",
    "Server",
    "Simulation",
    "Stream",
    "Subscription",
    "TimeoutError",
    "UnauthorizedError",
    "UnsupportedError",
    "VerifyReport",
    "WideResult",
    "__version__",
    "doctor",
    "energy",
    "memory",
    "open",
    "restore",
    "serve",
    "simulate",
]

# Threads of the core must be out of the interpreter before it ends.
_atexit.register(_leave)
