"""Control of a site: wishes, actors that are functions or short classes, how it is, and why."""

from __future__ import annotations

import inspect
import json
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import KW_ONLY, dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, Protocol, TypeVar, cast

from . import _memcore
from ._control_status import ControlStatus, Explanation, event_of, explanation_of, known, status_of
from ._errors import InvalidError
from ._live import TAKEN_AT_ONCE, Feed
from ._site_model import AssetRole
from ._time import Instant, Length, micros, moment, span

logger = logging.getLogger("memcore.control")

PROGRAM = "program"
"""In whose name a program wishes that names nobody."""
MINUTE = 60 * 10**6
DAY = 86_400 * 10**6
PERIODS = 3
"""How many of an actor's periods its wishes stand, where they do not say: it may miss one, and not hang for long."""


@dataclass(frozen=True)
class Propose:
    """A wish of an actor: a power, bounds, or both, in W and passive sign (-2000 lets a battery discharge with 2 kW).

    It is for an asset, or for all of a ``role`` or ``group`` together. A power without bounds is meant exactly, bounds
    alone leave freedom inside them, and a power with bounds is preferred and may be moved inside them by those who come
    later. The higher ``priority`` (1 to 100) comes first. It stands for ``valid_for`` unless it is renewed: for three
    of the actor's periods where it does not say.
    """

    asset: str | None = None
    power_w: float | None = None
    _: KW_ONLY
    reason: str
    """Why, for people."""
    role: AssetRole | None = None
    group: str | None = None
    low_w: float | None = None
    high_w: float | None = None
    priority: int = 50
    valid_for: Length | None = None

    def _wish(self, valid_us: int) -> dict[str, object]:
        """In the form in which the native module reads it."""
        return {
            "target": _target(self.asset, self.role, self.group),
            "power_w": _number("power_w", self.power_w),
            "low_w": _number("low_w", self.low_w),
            "high_w": _number("high_w", self.high_w),
            "priority": _whole("priority", self.priority),
            "reason": _text("reason", self.reason),
            "valid_us": valid_us if self.valid_for is None else span(self.valid_for, "valid_for"),
        }


@dataclass(frozen=True)
class Prices:
    """What energy costs now; ``None`` where that is not known."""

    buy_per_kwh: float | None
    sell_per_kwh: float | None


@dataclass(frozen=True)
class AssetView:
    """An asset at one moment. What is not known, or too old to stand for the present, is ``None``."""

    name: str
    role: AssetRole
    power_w: float | None
    """Passive sign."""
    soc: float | None
    """State of charge, 0..1."""
    connected: bool | None
    """Whether a vehicle is connected."""
    decided_w: float | None
    """What was decided last; ``None`` for what is not controlled."""
    planned_w: float | None
    """What the plan asks of it now."""
    low_w: float
    """The lowest power that it can take."""
    high_w: float
    """The highest power that it can take."""


@dataclass(frozen=True)
class View:
    """A site at one moment, as an actor sees it."""

    time: datetime
    """UTC."""
    site: str
    grid_w: float | None
    """What flows in from the grid; below zero what flows out. ``None`` where it is not known."""
    prices: Prices
    plan: Mapping[str, float] | None
    """What the plan asks of its assets now, in W; ``None`` where no plan holds."""
    assets: Mapping[str, AssetView]
    """In the order of the model."""


Proposals = Propose | Iterable[Propose] | None


class Actor(Protocol):
    """Whoever proposes: a class with this one method. It cannot command."""

    def propose(self, view: View, /) -> Proposals:
        """Say what it wishes for: nothing, a wish, or several."""
        ...


Think = Callable[[View], Proposals]
Acting = TypeVar("Acting", bound=Think | Actor | type[Any])


class ControlEvents(Feed["dict[str, Any]"]):
    """What control does, from now on: ``time``, ``kind`` and what belongs to it, for ``for`` and ``async for``.

    Kinds are ``started``, ``stopped``, ``paused``, ``resumed``, ``decided``, ``answered``, ``planned`` and ``faults``.
    """

    def _take(self) -> list[dict[str, Any]]:
        return [event_of(json.loads(event)) for event in self._native.take_events(TAKEN_AT_ONCE)]


class Control:
    """Control of a running server's site: ``server.control``.

    Where the server has no site model, everything here is a ``NotFoundError``.
    """

    def __init__(self, server: _memcore.Server) -> None:
        self._native = _memcore.Control(server)

    def propose(
        self,
        asset: str | None = None,
        power_w: float | None = None,
        *,
        reason: str,
        role: AssetRole | None = None,
        group: str | None = None,
        low_w: float | None = None,
        high_w: float | None = None,
        priority: int = 50,
        valid_for: Length = "1m",
        actor: str = PROGRAM,
    ) -> int:
        """Wish for a power, or for bounds of it, and return the wish's number; see ``Propose`` for what they mean.

        It is decided about with the next tick, and stands for ``valid_for``, at most a day, unless the same ``actor``
        wishes anew for the same target or withdraws it. What became of it is in ``status().proposals``.
        """
        wish = Propose(
            asset,
            power_w,
            reason=reason,
            role=role,
            group=group,
            low_w=low_w,
            high_w=high_w,
            priority=priority,
            valid_for=valid_for,
        )
        return self._native.propose(_text("actor", actor), wish._wish(MINUTE))

    def withdraw(
        self, actor: str = PROGRAM, asset: str | None = None, *, role: AssetRole | None = None, group: str | None = None
    ) -> int:
        """Take back what an actor wished for a target, or for all of them, and return how many wishes stood."""
        everything = asset is None and role is None and group is None
        return self._native.withdraw(_text("actor", actor), None if everything else _target(asset, role, group))

    def actor(self, name: str, *, every: Length = "1m", budget: Length = "1s") -> Callable[[Acting], Acting]:
        """Decorate a function, or a class with a method ``propose``, to be an actor of that name; see ``add_actor``."""

        def add(acting: Acting) -> Acting:
            given: Any = acting
            self.add_actor(name, given() if isinstance(given, type) else given, every=every, budget=budget)
            return acting

        return add

    def add_actor(self, name: str, actor: Think | Actor, *, every: Length = "1m", budget: Length = "1s") -> None:
        """Add an actor: a function that takes a ``View``, or something with such a method ``propose``.

        Each ``every`` it is called, on a thread of its own, and returns ``None``, a ``Propose`` or several. It delays
        nobody: an answer that takes longer than ``budget`` is dropped, and one that overruns or raises again and again
        is asked ever more rarely. What it raises is logged (``memcore.control``) and stands in ``status().actors``.
        """
        every_us, budget_us = span(every, "every"), span(budget, "budget")
        self._native.add_actor(name, every_us, budget_us, called(name, thinking(name, actor), every_us))

    def remove_actor(self, name: str) -> None:
        """End an actor, with its wishes. What it is thinking about now is dropped."""
        self._native.remove_actor(name)

    def status(self) -> ControlStatus:
        """Return how control is: what is measured and decided of every asset, who acts, what is wrong."""
        return status_of(json.loads(self._native.status()))

    def why(self, asked: str, at: Instant | str | None = None) -> Explanation:
        """Return what was decided of an asset at a time, and why: ``battery``, or a series of it.

        A series is such as ``home1.battery.power``. ``at`` is an instant, or text by the clock of the site: ``14:05``
        (the last one), ``2026-06-21 14:05``, or so long ago, ``10m``. Without it, now.
        """
        return explanation_of(json.loads(self._native.why(asked, *when(at))))

    def pause(self) -> bool:
        """Let control order nothing any more, and return whether that changed anything. It stays so over a restart.

        Leases end, or what is safe is told at once where ``control.on_stop`` says so.
        """
        return self._native.enable(False)

    def resume(self) -> bool:
        """Let control go on, and return whether that changed anything."""
        return self._native.enable(True)

    def events(self) -> ControlEvents:
        """Follow what control does, from now on: decisions that change, answers of devices, faults."""
        return ControlEvents(self._native.events())


def when(at: Instant | str | None) -> tuple[int | None, str | None]:
    """Microseconds, or a text that the core reads by the clock of the site."""
    if at is None or isinstance(at, str):
        return None, at
    return micros(at, "at"), None


def thinking(name: str, actor: Any) -> Think:
    """The function of an actor: itself, or its method ``propose``."""
    think: Any = getattr(actor, "propose", actor)
    if not callable(think):
        raise InvalidError(f"actor {name} is {actor!r}, expected a function, or something with a method propose")
    if inspect.iscoroutinefunction(think):
        raise InvalidError(f"actor {name} is async, expected a plain function: it has a thread of its own")
    return cast("Think", think)


def called(name: str, think: Think, every_us: int, *, log: bool = True) -> Callable[[str], list[dict[str, object]]]:
    """The function that the native module calls with the site as JSON. What it raises is logged, with where."""
    valid_us = min(PERIODS * max(every_us, 10**6), DAY)

    def call(shown: str) -> list[dict[str, object]]:
        try:
            return [wish._wish(valid_us) for wish in wishes(name, think(view_of(json.loads(shown))))]
        except Exception:
            if log:
                logger.exception("actor %s raised", name)
            raise

    return call


def wishes(name: str, told: Any) -> list[Propose]:
    """What an actor returned, as a list."""
    if told is None:
        return []
    if isinstance(told, Propose):
        return [told]
    if inspect.iscoroutine(told):
        told.close()
    elif isinstance(told, Iterable) and not isinstance(told, (str, bytes, Mapping)):
        listed: list[Any] = list(told)  # pyright: ignore[reportUnknownArgumentType]
        if all(isinstance(one, Propose) for one in listed):
            return listed
        told = next(one for one in listed if not isinstance(one, Propose))
    raise InvalidError(f"actor {name} returned {told!r}, expected memcore.Propose, several of them, or None")


def view_of(told: dict[str, Any]) -> View:
    """The site that the core tells as JSON."""
    assets = {asset["name"]: known(AssetView, asset) for asset in told["assets"]}
    planned = {name: asset.planned_w for name, asset in assets.items() if asset.planned_w is not None}
    return View(
        time=moment(told["time_us"]),
        site=told["site"],
        grid_w=told["grid_w"],
        prices=Prices(told["buy_per_kwh"], told["sell_per_kwh"]),
        plan=MappingProxyType(planned) if told["planned"] else None,
        assets=MappingProxyType(assets),
    )


def _target(asset: str | None, role: str | None, group: str | None) -> dict[str, str | None]:
    for field, value in (("asset", asset), ("role", role), ("group", group)):
        if value is not None:
            _text(field, value)
    return {"asset": asset, "role": role, "group": group}


def _number(field: str, value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, (str, bytes, bool)) or not hasattr(value, "__float__"):
        raise InvalidError(f"{field} is {value!r}, expected a number of W")
    return float(value)


def _whole(field: str, value: Any) -> int:
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise InvalidError(f"{field} is {value!r}, expected a whole number from 1 to 100")
    number: int = value.__index__()
    if not 1 <= number <= 100:
        raise InvalidError(f"{field} is {number}, expected 1 to 100")
    return number


def _text(field: str, value: Any) -> str:
    if not isinstance(value, str):
        raise InvalidError(f"{field} is {value!r}, expected text")
    return value
