"""Control against a simulated site: the live code under a virtual clock."""

# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownParameterType=false
# pyarrow has no types, those of pandas have holes.

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from html import escape
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Union

from . import _columns, _memcore, _plan_html, _plan_plot
from ._control import Actor, Think, called, thinking
from ._errors import InvalidError
from ._progress import Tell, Teller
from ._site_model import SiteModel
from ._time import Instant, Length, maybe_span, micros, moment, span

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa

DAY = 86_400 * 10**6


Model = Union[SiteModel, str, "PathLike[str]", Mapping[str, object]]
"""A site model: its file (TOML or JSON), its fields, or a ``SiteModel``."""
PriceTable = Mapping[str, Any]
"""Columns ``time``, ``buy_per_kwh`` and perhaps ``sell_per_kwh``; each price holds until the next."""
SimulationPrices = Union[float, tuple[float, float], Literal["invented"], str, "PathLike[str]", PriceTable]
"""One price, one bought and one sold, ``"invented"`` for an invented day-ahead market, a CSV file, or columns."""


@dataclass(frozen=True)
class SimulatedActor:
    """An actor in a simulation: its time is the simulation's, so it has no budget."""

    name: str
    actor: Think | Actor
    every: Length = "1m"


@dataclass(frozen=True)
class AssetFigures:
    """What an asset did."""

    name: str
    taken_kwh: float
    given_kwh: float
    switchings: int
    """How often it was switched on or off."""
    turns: int
    """How often it changed from taking to giving, or back."""
    soc_low: float | None
    soc_high: float | None


@dataclass(frozen=True)
class LimitViolation:
    """A limit that was broken for longer than control needs to answer."""

    what: str
    """Which, in the words of the site."""
    start: datetime
    end: datetime
    worst: float
    """The worst value in that time, in the unit of the limit."""
    limit: float


class Happened(NamedTuple):
    """Something that happened in a simulation."""

    time: datetime
    what: str


class SimulatedControl:
    """A simulation of control that has ended: money, energy, violations, a table, and why. A picture in a notebook."""

    def __init__(self, native: _memcore.SimulatedControl) -> None:
        self._native = native
        self._told: dict[str, Any] = json.loads(native.figures())

    @property
    def start(self) -> datetime:
        """When it began."""
        return moment(self._told["from"])

    @property
    def length(self) -> timedelta:
        """How long it lasts."""
        return timedelta(seconds=self._told["seconds"])

    @property
    def currency(self) -> str:
        """The money of all costs."""
        return self._native.currency()

    @property
    def cost(self) -> float:
        """All of ``costs``."""
        return float(self._told["cost"])

    @property
    def costs(self) -> dict[str, float]:
        """What was ``bought``, the ``demand`` charge, ``fuel``, ``wear``, less what was ``sold``."""
        told = self._told
        return {name: told[name] for name in ("bought", "demand", "fuel", "wear")} | {"sold": 0.0 - told["sold"]}

    @property
    def figures(self) -> dict[str, Any]:
        """Energy, money, counts, peak, self-consumption and autarky, by name."""
        apart = ("from", "assets", "violations", "violations_more")
        return {name: value for name, value in self._told.items() if name not in apart}

    @property
    def assets(self) -> tuple[AssetFigures, ...]:
        """What each controlled asset did."""
        return tuple(AssetFigures(**asset) for asset in self._told["assets"])

    @property
    def violations(self) -> tuple[LimitViolation, ...]:
        """Limits that were broken for longer than control needs to answer: the first thousand."""
        return tuple(
            LimitViolation(told["what"], moment(told["from"]), moment(told["to"]), told["worst"], told["limit"])
            for told in self._told["violations"]
        )

    @property
    def about(self) -> str | None:
        """What a scenario is about; ``None`` where it was none."""
        scenario = self._native.scenario()
        return None if scenario is None else scenario[0]

    @property
    def failures(self) -> tuple[str, ...]:
        """What a scenario expects and was not so."""
        scenario = self._native.scenario()
        return () if scenario is None else tuple(scenario[1])

    @property
    def happened(self) -> tuple[Happened, ...]:
        """Faults, refusals and leases that ended, in their order."""
        return tuple(Happened(moment(at), what) for at, what in self._native.happened())

    def why(self, asset: str, at: Instant) -> str:
        """Return why an asset did what it did at that time, in a sentence."""
        return self._native.why(asset, micros(at, "at"))

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        return self._native.table_stream()

    def to_arrow(self) -> pa.Table:
        """Return a pyarrow table: ``time``, ``grid_w``, prices, and power, decision, state of charge of each asset."""
        import pyarrow

        return pyarrow.table(self)

    def to_polars(self) -> pl.DataFrame:
        """As ``to_arrow``, as a polars frame."""
        import polars

        return polars.DataFrame(self)

    def to_pandas(self) -> pd.DataFrame:
        """As ``to_arrow``, as a pandas frame indexed by time."""
        frame: pd.DataFrame = self.to_arrow().to_pandas().set_index("time")
        return frame

    def chart(self) -> dict[str, Any]:
        """Return what a chart of it is drawn from: panels of series with names, units and stacks."""
        return self._chart

    @cached_property
    def _chart(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(self._native.chart())
        return told

    def plot(self, **options: Any) -> Any:
        """Draw it with matplotlib and return the figure: powers, states of charge, temperatures, prices."""
        return _plan_plot.figure(self.chart(), options)

    def to_html(self) -> str:
        """Return a chart that shows the values under the pointer, for a page or a notebook: it needs nothing else."""
        return _plan_html.chart(self.chart())

    def to_dict(self) -> dict[str, Any]:
        """Return all figures, in the form of ``memcore control simulate --json``."""
        told: dict[str, Any] = json.loads(self._native.figures())
        return told

    def _repr_html_(self) -> str:
        return f"<pre>{escape(str(self))}</pre>{self.to_html()}"

    def __str__(self) -> str:
        told, money = self._told, self.currency
        parts = ", ".join(f"{name} {amount:.2f}" for name, amount in self.costs.items() if amount)
        lines = [
            f"{self.cost:.2f} {money} over {self.length}: {parts}",
            f"{told['import_kwh']:.1f} kWh bought, {told['export_kwh']:.1f} kWh sold",
            f"peak {told['peak_w'] / 1e3:.1f} kW",
        ]
        if told["self_consumption"] is not None and told["autarky"] is not None:
            lines.append(f"self-consumption {told['self_consumption']:.0%}, autarky {told['autarky']:.0%}")
        lines += [f"broken: {one.what}, {one.worst:g} beyond {one.limit:g}, at {one.start}" for one in self.violations]
        return "\n".join([*lines, *(f"failed: {failure}" for failure in self.failures)])

    def __repr__(self) -> str:
        broken = len(self._told["violations"]) + int(self._told["violations_more"])
        return f"<memcore.SimulatedControl {self.cost:.2f} {self.currency} over {self.length}, {broken} violations>"


def simulate_control(
    model: Model | None = None,
    *,
    days: float | None = None,
    length: Length | None = None,
    start: Instant | None = None,
    step: Length | None = None,
    row: Length | None = None,
    seed: int | None = None,
    prices: SimulationPrices | None = None,
    soc: Mapping[str, float] | None = None,
    position: tuple[float, float] | None = None,
    scenario: str | PathLike[str] | None = None,
    actors: Sequence[SimulatedActor] | Mapping[str, Think | Actor] = (),
    control: bool = True,
    plans: bool = True,
    progress: Tell = False,
) -> SimulatedControl:
    """Let the live code control emulated devices of a site under a virtual clock: a week takes seconds.

    The same ``seed`` gives the same weather, people and chance. It lasts ``days`` (7) or ``length``, in steps of
    ``step`` (a minute), from ``start`` (2026-06-01 UTC). ``prices`` are the model's unless given, ``soc`` those
    of batteries at first, ``position`` the degrees north and east. ``actors`` are asked in the simulation's time beside
    the model's strategies; what one raises ends the simulation and is raised here. Without ``control`` devices do what
    they do by themselves, for comparison; without ``plans`` strategies alone decide. The table has a row each ``row``.

    A ``scenario`` is a file that says all of this and what must be true: ``failures`` has what was not.
    ``progress`` is ``True`` for a bar in the terminal, or a callable that gets a ``Progress``. Ctrl-C ends it.
    """
    asked = _actors(actors)
    if scenario is not None:
        said: dict[str, object] = {
            "model": model,
            "days": days,
            "length": length,
            "start": start,
            "step": step,
            "row": row,
        }
        said |= {"prices": prices, "soc": soc, "position": position}
        for field, value in said.items():
            if value is not None:
                raise InvalidError(f"{field} is given beside a scenario, expected one or the other: it says so itself")
        return SimulatedControl(_memcore.simulate_scenario(fspath(scenario), seed, asked))
    if model is None:
        raise InvalidError("model is missing: expected a site model, its file, or scenario=...")
    if days is not None and length is not None:
        raise InvalidError("both days and length are given, expected one of them")
    text, file = model_of(model)
    options: dict[str, object] = {
        "from_us": micros("2026-06-01T00:00:00Z" if start is None else start, "start"),
        "length_us": span(length, "length") if length is not None else _days(7 if days is None else days),
        "step_us": maybe_span(step, "step"),
        "row_us": maybe_span(row, "row"),
        "seed": 1 if seed is None else seed,
        "control": control,
        "plans": plans,
        "socs": list((soc or {}).items()),
        "position": position,
        **_prices(prices),
    }
    with Teller(progress, "simulation") as teller:
        return SimulatedControl(_memcore.simulate_control(text, file, options, asked, teller.native))


def model_of(model: Model) -> tuple[str | None, str | None]:
    """A site model as JSON, or its file."""
    if isinstance(model, (str, PathLike)):
        return None, fspath(model)
    if isinstance(model, Mapping):
        return json.dumps(dict(model)), None
    given: Any = model
    if not isinstance(given, SiteModel):
        raise InvalidError(f"model is {given!r}, expected a SiteModel, a dict of its fields, or its file")
    return given.to_json(), None


def _days(days: Any) -> int:
    if isinstance(days, bool) or not isinstance(days, (int, float)) or not 0 < days < 10_000:
        raise InvalidError(f"days is {days!r}, expected a number above 0")
    return round(days * DAY)


def _actors(actors: Sequence[SimulatedActor] | Mapping[str, Think | Actor]) -> list[tuple[str, int, object]]:
    listed: Iterable[SimulatedActor] = (
        (SimulatedActor(name, actor) for name, actor in actors.items()) if isinstance(actors, Mapping) else actors
    )
    asked: list[tuple[str, int, object]] = []
    given: list[Any] = list(listed)
    for one in given:
        if not isinstance(one, SimulatedActor):
            raise InvalidError(f"actors has {one!r}, expected memcore.SimulatedActor")
        think, every_us = thinking(one.name, one.actor), span(one.every, "every")
        asked.append((one.name, every_us, called(one.name, think, every_us, log=False)))
    return asked


def _prices(prices: SimulationPrices | None) -> dict[str, object]:
    said: dict[str, object] = {"flat": None, "invented": False, "price_file": None, "series": None}
    if prices is None:
        return said
    if prices == "invented":
        return {**said, "invented": True}
    if isinstance(prices, (str, PathLike)):
        return {**said, "price_file": fspath(prices)}
    if isinstance(prices, (int, float)):
        return {**said, "flat": (float(prices), float(prices))}
    if isinstance(prices, tuple):
        buy, sell = prices
        return {**said, "flat": (float(buy), float(sell))}
    for field in ("time", "buy_per_kwh"):
        if field not in prices:
            raise InvalidError(f"prices has no {field}, expected time, buy_per_kwh and perhaps sell_per_kwh")
    sell_per_kwh = prices.get("sell_per_kwh")
    series = (
        _columns.times(prices["time"]),
        _columns.values(prices["buy_per_kwh"], "prices.buy_per_kwh"),
        None if sell_per_kwh is None else _columns.values(sell_per_kwh, "prices.sell_per_kwh"),
    )
    return {**said, "series": series}
