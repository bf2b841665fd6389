"""The embeddable energy manager: devices over TLS, history, plans and control in one core."""

import atexit as _atexit

from . import energy, forecast, network
from ._assets import (
    Battery,
    Building,
    CurrentCharging,
    Deferrable,
    DemandCharge,
    Ev,
    Genset,
    Grid,
    HeatPump,
    Link,
    Load,
    PowerCharging,
    Pv,
    Reserve,
    Session,
    Smoothness,
    Source,
    Stay,
    Tank,
    Terminal,
)
from ._backtest import Asked, Backtest, backtest
from ._bulk import Bulk
from ._channel import Channel, Rules
from ._device import BufferStatus, ClockOffset, Device
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
from ._hem import HemBoard, HemEmulator, HemEndpoint
from ._live import Events, Reading, Subscription
from ._memcore import __version__
from ._memcore import leave as _leave
from ._plan import Plan
from ._plan_site import Horizon, Planner, Site, solve_many
from ._progress import Progress
from ._quality import Quality
from ._result import QueryResult, WideResult
from ._server import CommandResult, Server, serve
from ._simulate import Simulation, simulate
from ._site import Memcore, SeriesStats, VerifyReport, memory, open, restore
from ._site_model import SiteModel
from ._state import Done, Running, State
from ._stream import Batch, Stream

__all__ = [
    "Asked",
    "Backtest",
    "Batch",
    "Battery",
    "BufferStatus",
    "Building",
    "Bulk",
    "Channel",
    "Checkup",
    "ClockOffset",
    "ClosedError",
    "CommandResult",
    "ConflictError",
    "ConnectionError",
    "CurrentCharging",
    "DamagedError",
    "Declaration",
    "Deferrable",
    "DemandCharge",
    "Device",
    "Done",
    "Ev",
    "Events",
    "Finding",
    "Genset",
    "Grid",
    "HeatPump",
    "HemBoard",
    "HemEmulator",
    "HemEndpoint",
    "Horizon",
    "ImportReport",
    "InternalError",
    "InvalidError",
    "IoError",
    "LimitReachedError",
    "Link",
    "Load",
    "LockedError",
    "Memcore",
    "MemcoreError",
    "NotFoundError",
    "Plan",
    "Planner",
    "PowerCharging",
    "Progress",
    "Pv",
    "Quality",
    "QueryResult",
    "ReadOnlyError",
    "Reading",
    "Report",
    "Reserve",
    "Retry",
    "Rules",
    "Running",
    "SeriesStats",
    "Server",
    "Session",
    "Simulation",
    "Site",
    "SiteModel",
    "Smoothness",
    "Source",
    "State",
    "Stay",
    "Stream",
    "Subscription",
    "Tank",
    "Terminal",
    "TimeoutError",
    "UnauthorizedError",
    "UnsupportedError",
    "VerifyReport",
    "WideResult",
    "__version__",
    "backtest",
    "doctor",
    "energy",
    "forecast",
    "memory",
    "network",
    "open",
    "restore",
    "serve",
    "simulate",
    "solve_many",
]

# Threads of the core must be out of the interpreter before it ends.
_atexit.register(_leave)
