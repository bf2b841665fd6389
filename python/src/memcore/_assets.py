"""What a site is made of. Every field is that of the core and of a site's file, with its unit in its name.

A part is checked when it is made and does not change; ``dataclasses.replace(battery, initial_wh=4000)`` makes another.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar, Literal

from . import _memcore
from ._described import Described, Profile, Starts, plain
from ._errors import InvalidError, MemcoreError
from ._time import Instant, Length


class Asset(Described):
    """A part of a site that takes or gives power at a bus."""

    kind: ClassVar[str]
    """Its type as files write it."""
    name: str
    _native: _memcore.PlanAsset
    _starts: Starts

    def __post_init__(self) -> None:
        starts: Starts = []
        if not isinstance(self.name, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise InvalidError(f"name of a {self.kind} is {self.name!r}, expected text")
        try:
            native = _memcore.PlanAsset(self.kind, self._described(starts))
        except MemcoreError as e:
            raise type(e)(f"{self.name}: {e}", e.retry) from None
        object.__setattr__(self, "_native", native)
        object.__setattr__(self, "_starts", starts)

    def to_dict(self) -> dict[str, Any]:
        """Return all of its fields, the assumed ones among them, in the form of a site's file."""
        told: dict[str, Any] = json.loads(self._native.json())
        return told


@dataclass(frozen=True, eq=False, repr=False)
class DemandCharge(Described):
    """A charge for the highest mean power imported: ``per_kw * max(0, highest mean - peak so far)``, in kW."""

    per_kw: float
    """What each kW of the peak costs."""
    _: KW_ONLY
    interval: Length | None = None
    """Over how long the power is averaged; the steps themselves unless told. Intervals count from the epoch in UTC."""
    applies: Profile | None = None
    """One number per step: the steps in which it applies are those above zero. All of them unless told."""
    peak_so_far_w: float = 0.0
    """The peak that the billing period has already seen, in W: below it a new one costs nothing."""


@dataclass(frozen=True, eq=False, repr=False)
class Grid(Asset):
    """A grid connection. Import and export are powers at the connection point, both zero or above."""

    kind: ClassVar[str] = "grid"
    name: str
    """What the site calls it; unlike any other name of the site."""
    _: KW_ONLY
    buy_per_kwh: Profile
    """What a kWh imported costs, in the site's currency; may be negative."""
    sell_per_kwh: Profile = 0.0
    """What a kWh exported earns; negative where exporting costs."""
    import_limit_w: Profile | None = None
    """The most that may be imported, in W; no limit unless told. Zero: none, an island."""
    export_limit_w: Profile | None = None
    """The most that may be exported, in W; no limit unless told."""
    demand_charges: Sequence[DemandCharge] = ()
    """Charges for the highest mean power imported."""
    exclusive: bool = True
    """Whether import and export exclude each other within a step, as at any one meter."""
    carbon_g_per_kwh: Profile = 0.0
    """Carbon of an imported kWh, in g."""
    quadratic_per_kw2h: float = 0.0
    """A cost per (kW)^2 and hour of import and of export, to flatten both."""
    bus: str = "main"
    """The bus that it is on."""


@dataclass(frozen=True, eq=False, repr=False)
class Pv(Asset):
    """A source of power that nature decides: PV, wind, a river. The plan says how much is used, and what curtailed."""

    kind: ClassVar[str] = "pv"
    name: str
    """What the site calls it; unlike any other name of the site."""
    _: KW_ONLY
    available_w: Profile
    """What it could give, in W, zero or above. A forecast below zero is clamped to zero and reported."""
    curtailable: bool = True
    """Whether less than what is available may be taken."""
    cost_per_kwh: float = 0.0
    """What a kWh used costs."""
    curtailment_per_kwh: float = 0.0
    """What a kWh curtailed costs."""
    bus: str = "main"
    """The bus that it is on."""


Source = Pv


@dataclass(frozen=True, eq=False, repr=False)
class Terminal(Described):
    """What is asked of a store at the end of the horizon: one of these. What cannot be reached is missed by as little
    as possible, and reported."""

    _: KW_ONLY
    at_least_wh: float | None = None
    """At least so many Wh."""
    exactly_wh: float | None = None
    """Exactly so many Wh."""
    value_per_kwh: float | None = None
    """Nothing is asked, and each kWh left is worth so much."""

    def __post_init__(self) -> None:
        given = self._described()
        if len(given) != 1:
            raise InvalidError(
                f"terminal has {' and '.join(given) or 'nothing'}, "
                "expected one of at_least_wh, exactly_wh, value_per_kwh"
            )


TerminalLike = Terminal | Literal["at_least_initial", "free"]
"""What is asked at the end; ``at_least_initial``: at least what it started with; ``free``: nothing, and what is left is
worth nothing."""


@dataclass(frozen=True, eq=False, repr=False)
class Battery(Asset):
    """A battery. Charge and discharge are powers on the AC side, both zero or above; energy is what is stored."""

    kind: ClassVar[str] = "battery"
    name: str
    """What the site calls it; unlike any other name of the site."""
    _: KW_ONLY
    capacity_wh: float
    """The energy that it can hold, in Wh."""
    charge_limit_w: Profile
    """The most that it may be charged with, in W, on the side that ``limits_at`` says."""
    discharge_limit_w: Profile
    """The most that it may be discharged with, in W, on the side that ``limits_at`` says."""
    initial_wh: float
    """The energy in it when the horizon starts, in Wh. Outside its bounds it recovers as fast as it can."""
    limits_at: Literal["ac", "dc"] = "ac"
    """The side of the converter on which the limits of power hold."""
    charge_efficiency: float = 0.95
    """The share of the AC energy that is stored, above 0 and at most 1."""
    discharge_efficiency: float = 0.95
    """The share of the stored energy that comes out on the AC side, above 0 and at most 1."""
    self_discharge_per_hour: float = 0.0
    """The share of the stored energy that is lost in an hour."""
    wear_per_kwh: float = 0.0
    """What a kWh discharged (AC side) costs in wear."""
    min_wh: Profile = 0.0
    """The least energy at the end of each step, in Wh: a hard bound."""
    max_wh: Profile | None = None
    """The most energy at the end of each step, in Wh: a hard bound; the capacity unless told."""
    preferred_min_wh: Profile | None = None
    """The least energy that is preferred at the end of each step, in Wh: a soft bound."""
    preferred_max_wh: Profile | None = None
    """The most energy that is preferred at the end of each step, in Wh: a soft bound."""
    preference_per_kwh_h: float | None = None
    """What a kWh outside the preferred bounds costs an hour; the site's price of shortage unless told."""
    terminal: TerminalLike = "at_least_initial"
    """What is asked of the energy at the end of the horizon."""
    exclusive: bool = True
    """Whether charging and discharging exclude each other within a step, as in one converter."""
    bus: str = "main"
    """The bus that it is on."""


@dataclass(frozen=True, eq=False, repr=False)
class Session(Described):
    """A time of a vehicle at its charger. A step belongs to it when it lies wholly within."""

    arrival: Instant
    """When it comes, or came."""
    departure: Instant
    """When it leaves."""
    _: KW_ONLY
    target_wh: float
    """The energy it must leave with, in Wh. What cannot be reached is missed by as little as possible and reported."""
    initial_wh: float = 0.0
    """The energy it comes with, or has now where it is there already, in Wh."""
    limit_wh: float | None = None
    """The most energy it may hold in this session, in Wh; the capacity unless told."""


@dataclass(frozen=True, eq=False, repr=False)
class PowerCharging(Described):
    """A charger that gives nothing, or a power within a band."""

    max_w: float
    """The most, in W."""
    _: KW_ONLY
    min_w: float = 0.0
    """The least while charging, in W; zero where any power will do."""

    def _described(self, starts: Starts | None = None, within: str = "") -> dict[str, object]:
        return {"power": {"min_w": self.min_w, "max_w": self.max_w}}


@dataclass(frozen=True, eq=False, repr=False)
class CurrentCharging(Described):
    """A charger that gives nothing, or a current per phase within a band."""

    max_a: float
    """The most, in A per phase."""
    _: KW_ONLY
    min_a: float = 6.0
    """The least while charging, in A per phase: 6 A by IEC 61851."""
    volts: float = 230.0
    """The voltage between phase and neutral."""
    phases: Literal["one", "three", "switched"] = "three"
    """How many phases charge; ``switched``: one or three, as the plan decides step by step."""

    def _described(self, starts: Starts | None = None, within: str = "") -> dict[str, object]:
        return {"current": dict(vars(self))}


@dataclass(frozen=True, eq=False, repr=False)
class Ev(Asset):
    """An electric vehicle. Charge and discharge are powers on the AC side; it is there during its sessions only."""

    kind: ClassVar[str] = "ev"
    name: str
    """What the site calls it; unlike any other name of the site."""
    _: KW_ONLY
    capacity_wh: float
    """The energy that its battery can hold, in Wh."""
    sessions: Sequence[Session]
    """When it is there, and what it must leave with. In order of time, apart from each other."""
    charging: PowerCharging | CurrentCharging
    """What the charger can give."""
    charge_efficiency: float = 0.9
    """The share of the AC energy that is stored, above 0 and at most 1."""
    discharge_limit_w: float = 0.0
    """The most that it may give back, in W on the AC side."""
    discharge_efficiency: float = 0.9
    """The share of the stored energy that comes out on the AC side."""
    wear_per_kwh: float = 0.0
    """What a kWh discharged costs in wear."""
    start_cost: float = 0.0
    """What it costs to begin charging after not charging."""
    initially_charging: bool = False
    """Whether it charges when the horizon starts (where the charger goes down to nothing: whether it has begun to in
    its session), so that to go on is no start."""
    shortfall_per_kwh: float | None = None
    """What each kWh missing at a departure costs; the site's price of shortage unless told."""
    bus: str = "main"
    """The bus that it is on."""


@dataclass(frozen=True, eq=False, repr=False)
class Deferrable(Asset):
    """A load that must run, but may choose when. It takes ``power_w`` while it runs and nothing otherwise."""

    kind: ClassVar[str] = "deferrable"
    name: str
    """What the site calls it; unlike any other name of the site."""
    _: KW_ONLY
    power_w: float
    """What it takes while it runs, in W."""
    run_time: Length
    """How long it must run. What is no whole number of steps is rounded up to one, and reported."""
    shape_w: Sequence[float] = ()
    """What it takes in each step of a run, in W, in place of ``power_w``: a programme's shape. Contiguous runs only."""
    earliest: Instant | None = None
    """When it may start at the earliest; the horizon's start unless told."""
    latest: Instant | None = None
    """When it must have ended at the latest; the horizon's end unless told."""
    contiguous: bool = True
    """Whether it runs in one go."""
    min_on: Length | None = None
    """The least time that it stays on once started, rounded up to whole steps; for runs that are not contiguous."""
    start_cost: float = 0.0
    """What each start costs."""
    shortfall_per_h: float | None = None
    """What each hour that it could not run costs; unless told, the site's price of shortage for that hour's energy."""
    running: bool = False
    """Whether it runs when the horizon starts: a contiguous run then goes on, and ``run_time`` is what is left."""
    bus: str = "main"
    """The bus that it is on."""


@dataclass(frozen=True, eq=False, repr=False)
class Tank(Described):
    """A store of heat that is drawn from."""

    _: KW_ONLY
    capacity_wh: float
    """The heat that it can hold, in Wh."""
    initial_wh: float
    """The heat in it when the horizon starts, in Wh."""
    demand_w: Profile
    """The heat drawn from it, in W."""
    loss_per_hour: float = 0.0
    """The share of its heat that is lost in an hour."""
    min_wh: Profile = 0.0
    """The least heat at the end of each step, in Wh."""
    unmet_per_kwh: float | None = None
    """What each kWh of heat that was asked for and not there costs; the site's price of shortage unless told."""
    terminal: TerminalLike = "at_least_initial"
    """What is asked of it at the end of the horizon."""


@dataclass(frozen=True, eq=False, repr=False)
class Building(Described):
    """Rooms that are to be kept warm, as one thermal mass."""

    _: KW_ONLY
    capacity_wh_per_k: float
    """Heat for each kelvin, in Wh/K."""
    loss_w_per_k: float
    """Loss for each kelvin above outdoors, in W/K."""
    outdoor_c: Profile
    """The temperature outdoors, in degC."""
    initial_c: float
    """The temperature when the horizon starts, in degC."""
    comfort_min_c: Profile
    """The least temperature that is comfortable at the end of each step, in degC: a soft bound."""
    gains_w: Profile = 0.0
    """Gains of sun and people, in W."""
    comfort_max_c: Profile | None = None
    """The highest temperature that is comfortable, in degC: a soft bound; none unless told."""
    discomfort_per_k_h: float | None = None
    """What each kelvin outside comfort costs an hour; the site's price of shortage unless told."""


@dataclass(frozen=True, eq=False, repr=False)
class HeatPump(Asset):
    """A heat pump. Its power is electric, zero or within ``min_w`` and ``max_w``; the heat is ``cop`` times that."""

    kind: ClassVar[str] = "heat_pump"
    name: str
    """What the site calls it; unlike any other name of the site."""
    _: KW_ONLY
    max_w: Profile
    """The most electric power, in W."""
    cop: Profile
    """Heat for each unit of electric energy; 1 for a plain heater."""
    heat: Tank | Building
    """What it heats."""
    min_w: float = 0.0
    """The least electric power while it runs, in W; zero where it modulates down to nothing."""
    start_cost: float = 0.0
    """What each start costs."""
    min_on: Length | None = None
    """The least time on once started, rounded up to whole steps."""
    min_off: Length | None = None
    """The least time off once stopped, rounded up to whole steps."""
    initially_on: bool = False
    """Whether it runs when the horizon starts."""
    initial_since: Length | None = None
    """Since when it has run or stood at the horizon's start; longer than any least time unless told."""
    bus: str = "main"
    """The bus that it is on."""

    def _described(self, starts: Starts | None = None, within: str = "") -> dict[str, object]:
        told = super()._described(starts, within)
        told["heat"] = {"building" if isinstance(self.heat, Building) else "tank": told["heat"]}
        return told


@dataclass(frozen=True, eq=False, repr=False)
class Genset(Asset):
    """A generator. It gives nothing, or a power from ``min_w`` to ``max_w``, and pays for starts, time and energy."""

    kind: ClassVar[str] = "genset"
    name: str
    """What the site calls it; unlike any other name of the site."""
    _: KW_ONLY
    min_w: float
    """The least power while it runs, in W."""
    max_w: float
    """The most power, in W."""
    marginal_per_kwh: float
    """What each kWh costs."""
    no_load_per_h: float = 0.0
    """What each hour of running costs, whatever the power."""
    start_cost: float = 0.0
    """What each start costs."""
    stop_cost: float = 0.0
    """What each stop costs."""
    min_up: Length | None = None
    """The least time that it runs once started, rounded up to whole steps. A run may be cut by the horizon's end."""
    min_down: Length | None = None
    """The least time that it stands once stopped, rounded up to whole steps."""
    initially_on: bool = False
    """Whether it runs when the horizon starts."""
    initial_since: Length | None = None
    """Since when it has run or stood at the horizon's start; longer than any least time unless told."""
    ramp_w_per_min: float | None = None
    """The most that its power may change from step to step while it runs, in W per minute; no limit unless told."""
    initial_w: float | None = None
    """Its power just before the horizon, in W, for the ramp; unless told its first step is not bound by the ramp."""
    available: Profile | None = None
    """One number per step: it may run in those above zero. All of them unless told."""
    carbon_g_per_kwh: float = 0.0
    """Carbon of a kWh, in g."""
    bus: str = "main"
    """The bus that it is on."""


@dataclass(frozen=True, eq=False, repr=False)
class Load(Asset):
    """Demand. What is not served is shed, where that is allowed, at its value of lost load."""

    kind: ClassVar[str] = "load"
    name: str
    """What the site calls it; unlike any other name of the site."""
    _: KW_ONLY
    power_w: Profile
    """What it takes, in W, zero or above."""
    value_of_lost_load_per_kwh: float | None = None
    """What each kWh not served costs. Without it and without a priority it may not be shed."""
    priority: int | None = None
    """In place of a value of lost load: 0 is shed first, 9 last."""
    sheddable_share: float = 1.0
    """The share of it that may be shed, 0 to 1."""
    bus: str = "main"
    """The bus that it is on."""


@dataclass(frozen=True, eq=False, repr=False)
class Link(Described):
    """A connection between two buses. What is sent at one end arrives at the other times the efficiency."""

    name: str
    """What the site calls it; unlike any other name of the site."""
    start: str
    """The bus at its first end: ``from`` in files, which is no name in Python."""
    to: str
    """The bus at its second end."""
    _: KW_ONLY
    limit_w: Profile
    """The most that may be sent from ``start`` to ``to``, in W at the sending end."""
    reverse_limit_w: Profile | None = None
    """The most that may be sent back, in W at the sending end; as much as the other way unless told."""
    efficiency: float = 1.0
    """The share that arrives, above 0 and at most 1."""
    cost_per_kwh: float = 0.0
    """What each kWh sent costs, either way."""
    exclusive: bool = True
    """Whether sending both ways within a step is excluded."""

    def _described(self, starts: Starts | None = None, within: str = "") -> dict[str, object]:
        told = super()._described(starts, within)
        told["from"] = told.pop("start")
        return told


@dataclass(frozen=True, eq=False, repr=False)
class Reserve(Described):
    """Spare power that must be ready in every step."""

    _: KW_ONLY
    up_w: Profile = 0.0
    """A given amount, in W."""
    share_of_load: float = 0.0
    """A share of the load that is served."""
    share_of_sources: float = 0.0
    """A share of what is used of PV and other sources."""
    duration: Length | None = None
    """For how long a battery must be able to give it; an hour unless told."""
    shortfall_per_kwh: float | None = None
    """What each kWh of reserve that is missing costs; the site's price of shortage unless told."""


@dataclass(frozen=True, eq=False, repr=False)
class Smoothness(Described):
    """A cost of ``per_kw * |p - p of the step before|`` of an asset's net power."""

    asset: str
    """The asset."""
    _: KW_ONLY
    per_kw: float
    """What each kW of change costs."""


@dataclass(frozen=True, eq=False, repr=False)
class Stay(Described):
    """A cost of ``per_kwh * |p - p of the previous plan| * hours``, so that a plan changes only where it pays."""

    _: KW_ONLY
    per_kwh: float
    """What each kWh of difference costs."""
    previous: Mapping[str, Profile]
    """The net powers of the previous plan by asset, in W, positive into it, one per step; NaN where it says nothing."""

    def _described(self, starts: Starts | None = None, within: str = "") -> dict[str, object]:
        powers = [
            {"asset": asset, "power_w": plain(power, f"{within}previous[{asset!r}]", starts)}
            for asset, power in self.previous.items()
        ]
        return {"per_kwh": self.per_kwh, "previous": powers}
