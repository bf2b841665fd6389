"""A site to plan for: its horizon, its assets, and what beside money is wanted of a plan."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from os import PathLike
from typing import Any, Literal

from . import _columns, _memcore
from ._assets import Asset, Link, Reserve, Smoothness, Stay
from ._described import Starts, plain
from ._errors import InvalidError
from ._plan import Plan
from ._progress import Tell, Teller
from ._state import State
from ._time import Instant, Length, maybe_micros, maybe_span, micros, moment, span

Engine = Literal["storage", "modes", "highs", "microlp", "clarabel"]
"""What finds a plan: two exact engines of memcore's own for sites of their shape, and solvers for all others."""


class Horizon:
    """The steps of a plan: half open, ascending, in UTC, not necessarily equal."""

    def __init__(
        self,
        start: Instant | None = None,
        step: Length | None = None,
        steps: int | None = None,
        *,
        borders: Any = None,
    ) -> None:
        """Take ``steps`` steps of equal length from ``start`` on, or the steps between given ``borders``."""
        if borders is not None:
            if (start, step, steps) != (None, None, None):
                raise InvalidError("horizon has borders beside start, step or steps, expected either")
            self._native = _memcore.PlanHorizon.of(_columns.times(borders, "borders"))
        elif start is None or step is None or steps is None:
            raise InvalidError("horizon needs start, step and steps, or borders; or see Horizon.between")
        else:
            self._native = _memcore.PlanHorizon.even(micros(start, "start"), span(step, "step"), steps)

    @classmethod
    def between(cls, start: Instant, end: Instant, step: Length, *, zone: str | None = None) -> Horizon:
        """Take the steps of a calendar in a half-open range: with a zone, a day has 23, 24 or 25 hours."""
        length = step if isinstance(step, str) else f"{span(step, 'step')}us"
        return cls._of(_memcore.PlanHorizon.between(micros(start, "start"), micros(end, "end"), length, zone))

    @classmethod
    def _of(cls, native: _memcore.PlanHorizon) -> Horizon:
        horizon = cls.__new__(cls)
        horizon._native = native
        return horizon

    @property
    def borders(self) -> Any:
        """The borders, one more than there are steps: datetime64 in UTC."""
        return _columns.array_of(self._native.borders())

    @property
    def times(self) -> Any:
        """When each step starts: datetime64 in UTC."""
        return self.borders[:-1]

    @property
    def hours(self) -> Any:
        """How long each step is, in hours."""
        import numpy

        return numpy.diff(self.borders).astype("int64") / 3.6e9

    @property
    def start(self) -> datetime:
        """When the first step starts."""
        return moment(self._native.ends()[0])

    @property
    def end(self) -> datetime:
        """When the last step ends."""
        return moment(self._native.ends()[1])

    def __len__(self) -> int:
        return len(self._native)

    def __repr__(self) -> str:
        return f"<memcore.Horizon {len(self)} steps from {self.start.isoformat()} to {self.end.isoformat()}>"


class Site:
    """What a plan is made for. Power in W, energy in Wh, money in its currency, times in UTC. It does not change."""

    notices: tuple[str, ...] = ()
    """Of a site that was read from a file: what was assumed, such as gaps that were bridged."""

    def __init__(
        self,
        horizon: Horizon,
        assets: Iterable[Asset],
        *,
        currency: str = "EUR",
        name: str = "site",
        links: Sequence[Link] = (),
        reserve: Reserve | None = None,
        carbon_price_per_kg: float = 0.0,
        smoothness: Sequence[Smoothness] = (),
        stay: Stay | None = None,
        shortage_per_kwh: float | None = None,
    ) -> None:
        """Put a site together.

        ``links`` connect buses; without any, all assets are on one. ``reserve`` is spare power to be kept,
        ``carbon_price_per_kg`` what a kg of carbon costs, ``smoothness`` and ``stay`` are costs of change from step to
        step and against the previous plan. ``shortage_per_kwh`` is what a kWh costs that was asked for and is missing,
        where nothing else says: a hundred times the highest price of energy of the site unless told, and at least 1.
        """
        starts: Starts = []
        fields = {
            "name": name,
            "currency": currency,
            "links": plain(list(links), "links", starts),
            "reserve": plain(reserve, "reserve", starts),
            "carbon_price_per_kg": carbon_price_per_kg,
            "smoothness": plain(list(smoothness), "smoothness", starts),
            "stay": plain(stay, "stay", starts),
            "shortage_per_kwh": shortage_per_kwh,
        }
        parts = tuple(assets)
        _check_starts(horizon, parts, starts)
        self._native = _memcore.PlanSite(horizon._native, [asset._native for asset in parts], fields)

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Site:
        """Make a site of all its fields, in the form of a site's file; columns may be of numpy, pandas or polars."""
        return cls._of(_memcore.PlanSite.of(plain(fields, "site")))

    @classmethod
    def read(
        cls,
        path: str | PathLike[str],
        *,
        start: Instant | None = None,
        end: Instant | None = None,
        step: Length | None = None,
        steps: int | None = None,
        truth: bool = False,
    ) -> Site:
        """Read a site's file, as ``memcore plan`` does: TOML, or JSON where its name ends so. Where a profile stands,
        so may a column of a file, the history of a store, or a forecast.

        ``start``, ``end``, ``step`` and ``steps`` stand in place of what the file says of its horizon. With ``truth``
        the history that came stands in place of forecasts, for a backtest. ``notices`` has what was assumed.
        """
        asked = _asked(start, end, step, steps, truth)
        return cls._read(_memcore.PlanSite.read(path, None, asked))

    @classmethod
    def from_toml(cls, text: str) -> Site:
        """Make a site of the text of its file."""
        return cls._read(_memcore.PlanSite.read(None, text, _asked(None, None, None, None, False)))

    @classmethod
    def _read(cls, read: tuple[_memcore.PlanSite, list[str]]) -> Site:
        native, notices = read
        site = cls._of(native)
        site.notices = tuple(notices)
        return site

    @classmethod
    def from_json(cls, text: str) -> Site:
        """Make a site of what ``to_json`` returned."""
        try:
            fields = json.loads(text)
        except ValueError as e:
            raise InvalidError(f"site is no JSON: {e}") from None
        return cls.from_dict(fields)

    @classmethod
    def _of(cls, native: _memcore.PlanSite) -> Site:
        site = cls.__new__(cls)
        site._native = native
        return site

    @property
    def horizon(self) -> Horizon:
        """The steps to decide about."""
        return Horizon._of(self._native.horizon())

    @property
    def names(self) -> list[str]:
        """The names of its assets, in the order in which results list them."""
        return self._native.names()

    def to_json(self) -> str:
        """Return all of its fields as JSON."""
        return self._native.json()

    def to_dict(self) -> dict[str, Any]:
        """Return all of its fields, in the form of a site's file."""
        told: dict[str, Any] = json.loads(self._native.json())
        return told

    def check(self) -> list[str]:
        """Check every field, and return what is assumed or changed: run times rounded up, forecasts clamped, numbers
        that look like kW where W is meant. What cannot be meant raises ``InvalidError`` with its name."""
        return self._native.check()

    def from_step(self, step: int) -> Site:
        """Return the site from a step on: every profile is cut with its horizon. ``at_state`` says its state then."""
        return Site._of(self._native.rest(step))

    def at_state(self, state: State) -> Site:
        """Return the site with its assets in a state, measured or of ``Plan.state_after``, when its horizon starts."""
        return Site._of(self._native.at_state(state._described()))

    def solve(
        self,
        *,
        engine: Engine | None = None,
        time_limit: Length | None = None,
        node_limit: int | None = None,
        gap: float = 0.0,
    ) -> Plan:
        """Find the best plan. That there is none is no error: see ``Plan.status``.

        ``engine`` is picked by the site's shape unless told. ``time_limit`` and ``node_limit`` bound the solver of an
        integer program, which then returns its best plan with its gap; a limit of nodes gives the same plan on every
        machine. ``gap`` is the share by which a better plan may be missed. Ctrl-C ends the waiting.
        """
        return Plan(self._native.solve(how(engine, time_limit, node_limit, gap)), self)

    def __repr__(self) -> str:
        steps = f"{len(self.horizon)} steps from {self.horizon.start.isoformat()}"
        return f"<memcore.Site of {', '.join(self.names)}: {steps}>"


class Planner:
    """Plans one site after the other, as a controller does each quarter of an hour: a plan is what ``Site.solve``
    finds, and memory is kept from one to the next.

    With ``warm_starts`` a site that goes to HiGHS is solved from the plan before, where it has the same parts and
    steps: several times as fast where nothing is on or off. It costs the same and is verified as any other, but may be
    another plan where several are equally good."""

    def __init__(
        self,
        *,
        engine: Engine | None = None,
        time_limit: Length | None = None,
        node_limit: int | None = None,
        gap: float = 0.0,
        warm_starts: bool = False,
    ) -> None:
        """Take the options of ``Site.solve``."""
        self._native = _memcore.PlanPlanner(how(engine, time_limit, node_limit, gap), warm_starts)

    def solve(self, site: Site) -> Plan:
        """Find the best plan of a site."""
        return Plan(self._native.solve(site._native), site)


def solve_many(
    sites: Iterable[Site],
    *,
    threads: int | None = None,
    engine: Engine | None = None,
    time_limit: Length | None = None,
    node_limit: int | None = None,
    gap: float = 0.0,
    progress: Tell = False,
) -> list[Plan]:
    """Find the best plans of many sites, in their order, in parallel and with other Python threads running.

    A plan is what ``Site.solve`` finds, whatever the number of ``threads``: as many as the machine has processors
    unless told. A site that says what it cannot mean raises ``InvalidError`` with its place. ``progress`` is ``True``
    for a bar in the terminal, or a callable that gets a ``Progress``, whose points are sites. Ctrl-C ends the work.
    """
    asked = list(sites)
    with Teller(progress, "plans") as teller:
        options = how(engine, time_limit, node_limit, gap)
        planned = _memcore.plan_many([site._native for site in asked], options, threads, teller.native)
    return [Plan(native, site) for native, site in zip(planned, asked, strict=True)]


def how(engine: Engine | None, time_limit: Length | None, node_limit: int | None, gap: float) -> dict[str, object]:
    """How to solve, as the native module takes it."""
    limit = maybe_span(time_limit, "time_limit")
    return {"engine": engine, "time_limit": limit, "node_limit": node_limit, "gap": gap}


def _asked(
    start: Instant | None, end: Instant | None, step: Length | None, steps: int | None, truth: bool
) -> dict[str, object]:
    ends = {"start": maybe_micros(start, "start"), "end": maybe_micros(end, "end")}
    return {**ends, "step": maybe_span(step, "step"), "steps": steps, "truth": truth}


def _check_starts(horizon: Horizon, assets: tuple[Asset, ...], own: Starts) -> None:
    """Columns that know when they start must start with the horizon."""
    first = horizon._native.ends()[0]
    known = [(f"{asset.name}.{field}", start) for asset in assets for field, start in asset._starts]
    for field, start in known + own:
        if start != first:
            began, expected = moment(start).isoformat(), horizon.start.isoformat()
            raise InvalidError(f"{field} starts at {began}, expected {expected}, when the horizon does")
