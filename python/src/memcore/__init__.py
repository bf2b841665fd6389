"""The embeddable energy manager: devices over TLS, history, plans and control in one core."""

import atexit as _atexit

from . import energy, forecast, network
from ._alarms import Alarm, AlarmChange, AlarmChanges, Alarms
from ._asked import Accounts, Role, Scope
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
from ._control import Actor, AssetView, Control, ControlEvents, Prices, Propose, View
from ._control_simulation import AssetFigures, LimitViolation, SimulatedActor, SimulatedControl, simulate_control
from ._control_status import (
    ActorStatus,
    AssetStatus,
    ControlStatus,
    Decided,
    Explanation,
    Input,
    LimitedBy,
    Order,
    ProposalStatus,
    Wish,
)
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
    "Accounts",
    "Actor",
    "ActorStatus",
    "Alarm",
    "AlarmChange",
    "AlarmChanges",
    "Alarms",
    "Asked",
    "AssetFigures",
    "AssetStatus",
    "AssetView",
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
    "Control",
    "ControlEvents",
    "ControlStatus",
    "CurrentCharging",
    "DamagedError",
    "Decided",
    "Declaration",
    "Deferrable",
    "DemandCharge",
    "Device",
    "Done",
    "Ev",
    "Events",
    "Explanation",
    "Finding",
    "Genset",
    "Grid",
    "HeatPump",
    "HemBoard",
    "HemEmulator",
    "HemEndpoint",
    "Horizon",
    "ImportReport",
    "Input",
    "InternalError",
    "InvalidError",
    "IoError",
    "LimitReachedError",
    "LimitViolation",
    "LimitedBy",
    "Link",
    "Load",
    "LockedError",
    "Memcore",
    "MemcoreError",
    "NotFoundError",
    "Order",
    "Plan",
    "Planner",
    "PowerCharging",
    "Prices",
    "Progress",
    "ProposalStatus",
    "Propose",
    "Pv",
    "Quality",
    "QueryResult",
    "ReadOnlyError",
    "Reading",
    "Report",
    "Reserve",
    "Retry",
    "Role",
    "Rules",
    "Running",
    "Scope",
    "SeriesStats",
    "Server",
    "Session",
    "SimulatedActor",
    "SimulatedControl",
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
    "View",
    "WideResult",
    "Wish",
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
    "simulate_control",
    "solve_many",
]

# Threads of the core must be out of the interpreter before it ends.
_atexit.register(_leave)
