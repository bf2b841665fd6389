"""What becomes of a site: a plan with its proof, prices and costs, or why there is none."""

# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownParameterType=false
# pyarrow has no types, those of pandas have holes.

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from . import _columns, _memcore, _plan_html, _plan_plot
from ._errors import NotFoundError
from ._state import State, state_of
from ._time import MICROSECOND

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa

    from ._plan_site import Horizon, Site

Status = Literal["optimal", "feasible", "infeasible", "undecided"]
"""``optimal``: proven to be the best. ``feasible``: verified, but a better one may exist. ``infeasible``: no plan keeps
all hard limits. ``undecided``: a limit of time or work was reached first."""


class CostItem(NamedTuple):
    """Money spent, above zero, or earned, below zero."""

    part: str
    """The asset or link; empty for what belongs to none."""
    cause: str
    amount: float


@dataclass(frozen=True)
class Violation:
    """A wish or soft limit that was not met."""

    part: str
    limit: str
    """The field that was relaxed: ``target_wh``."""
    amount: float
    """By how much, in its unit."""
    unit: str
    steps: tuple[int, ...]
    text: str
    """The same in a sentence."""

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class ConflictingLimit:
    """A limit that takes part in a conflict."""

    part: str
    limit: str
    """The field that sets it, or ``balance`` of a bus."""
    steps: tuple[int, int]
    """The steps in which it conflicts, first and last."""
    says: str


@dataclass(frozen=True)
class Relaxation:
    """How much a limit must give."""

    part: str
    limit: str
    amount: float
    """The most that it must give, in W or Wh as the field says."""
    steps: tuple[int, ...]


@dataclass(frozen=True)
class Certificate:
    """What memcore's verifier found when it went through the plan by itself, from the site alone."""

    largest_residual: float
    """The largest miss of any balance, limit or transition, in W or Wh."""
    at: str
    """Where that is."""
    objective_difference: float
    """The difference between the engine's objective and the verifier's own."""
    price_bound: float | None
    """The bound that follows from the prices alone, where the engine gave prices."""


@dataclass(frozen=True)
class Timings:
    """How long each part of the work took."""

    prepare: timedelta
    """Checking the site and preparing the problem."""
    solve: timedelta
    """The engine."""
    verify: timedelta
    """Verifying, prices and costs."""


@dataclass(frozen=True)
class EngineReport:
    """Which engine ran, why, and how hard it worked."""

    engine: str
    why: str
    iterations: int
    nodes: int
    timings: Timings

    def __str__(self) -> str:
        return f"{self.engine}: {self.why}"


class PlanPart:
    """What an asset or link does: a column for each quantity, as ``charge_w`` or ``energy_wh``, one number a step."""

    def __init__(self, native: _memcore.Planned, at: int, name: str, kind: str, columns: list[str]) -> None:
        self._native = native
        self._at = at
        self.name = name
        self.kind = kind
        self.columns = columns
        """What is known of it."""

    @property
    def net_power_w(self) -> Any:
        """Its net power at its bus, in W, positive into it; of a link, what it takes from its first bus."""
        return _columns.array_of(self._native.net_power(self._at))

    def __getitem__(self, column: str) -> Any:
        if column not in self.columns:
            raise NotFoundError(f"{self.name} has no column {column!r}, expected one of {', '.join(self.columns)}")
        return _columns.array_of(self._native.column(self._at, self.columns.index(column)))

    def __getattr__(self, column: str) -> Any:
        if column.startswith("_") or column not in self.columns:
            raise AttributeError(f"{self.kind} {self.name} has no {column}, expected one of {', '.join(self.columns)}")
        return self[column]

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self.columns]

    def __repr__(self) -> str:
        return f"<memcore.PlanPart {self.name} ({self.kind}): {', '.join(self.columns)}>"


class PlanTable:
    """A plan as a table: a row a step, with its ``time``, ``end`` and ``hours``, and a column such as
    ``battery.charge_w`` for all that is known of it.

    It speaks Arrow's PyCapsule interface, so that ``polars.DataFrame(table)``, ``pyarrow.table(table)`` and ``duckdb``
    take it as it is.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        return self._plan._native.table_stream()

    def __len__(self) -> int:
        return len(self._plan.horizon)

    @property
    def columns(self) -> list[str]:
        """The names of its columns."""
        return [name for name, _ in self._columns()]

    def to_arrow(self) -> pa.Table:
        """Return a pyarrow table."""
        import pyarrow

        return pyarrow.table(self)

    def to_polars(self) -> pl.DataFrame:
        """Return a polars frame."""
        import polars

        return polars.DataFrame(self)

    def to_pandas(self) -> pd.DataFrame:
        """Return a pandas frame indexed by when each step starts; pyarrow is not needed."""
        import pandas

        (_, times), *columns = self._columns()
        index = pandas.DatetimeIndex(times, name="time").tz_localize("UTC")
        frame: pd.DataFrame = pandas.DataFrame(dict(columns), index=index)
        frame["end"] = frame["end"].dt.tz_localize("UTC")
        return frame

    def _columns(self) -> list[tuple[str, Any]]:
        plan, borders = self._plan, self._plan.horizon.borders
        columns = [("time", borders[:-1]), ("end", borders[1:]), ("hours", plan.horizon.hours)]
        columns += [(f"{part.name}.{column}", part[column]) for part in plan for column in part.columns]
        columns += [(f"{bus}.price_per_kwh", prices) for bus, prices in plan.prices.items()]
        columns += [(f"{part}.water_value_per_kwh", values) for part, values in plan.water_values.items()]
        return columns

    def __repr__(self) -> str:
        return f"<memcore.PlanTable {len(self)} rows: {', '.join(self.columns)}>"


class Plan:
    """What became of a site. ``bool(plan)`` says whether there is a plan to follow; where there is none, ``explain()``
    says why, and what would read the plan raises ``InvalidError`` with the same words."""

    def __init__(self, native: _memcore.Planned, site: Site) -> None:
        self._native = native
        self.site = site
        """The site that it was made for."""

    @property
    def status(self) -> Status:
        """``optimal``, ``feasible``, ``infeasible`` or ``undecided``."""
        status: Any = self._native.status()
        return status  # type: ignore[no-any-return]

    def __bool__(self) -> bool:
        return self.status in ("optimal", "feasible")

    @property
    def horizon(self) -> Horizon:
        """Its steps."""
        return self.site.horizon

    @property
    def objective(self) -> float:
        """What it costs: the sum of ``costs``."""
        return self._native.figures()[0]

    @property
    def bound(self) -> float:
        """No plan can cost less than this, as far as it is proven."""
        return self._native.figures()[1] if self else float(self._remarks["bound"])

    @property
    def gap(self) -> float:
        """How much better a plan could be at most, as a share of the objective where that is above 1."""
        return self._native.figures()[2]

    @property
    def currency(self) -> str:
        """The money of all prices and costs."""
        return self._native.currency()

    @property
    def costs(self) -> tuple[CostItem, ...]:
        """What it costs, by asset and cause. Causes that cost nothing are not listed."""
        return tuple(CostItem(*cost) for cost in self._native.costs())

    @property
    def cost(self) -> dict[str, float]:
        """What it costs by asset and cause, as ``grid.import``; the values add up to the objective."""
        items: dict[str, float] = {}
        for part, cause, amount in self.costs:
            name = f"{part}.{cause}" if part else cause
            items[name] = items.get(name, 0.0) + amount
        return items

    @property
    def carbon_g(self) -> float:
        """Carbon emitted, in g."""
        return float(self._plan_remarks["carbon_g"])

    @cached_property
    def parts(self) -> dict[str, PlanPart]:
        """What each asset, and then each link, does, by name."""
        parts = enumerate(self._native.parts())
        return {name: PlanPart(self._native, at, name, kind, columns) for at, (name, kind, columns) in parts}

    def __getitem__(self, part: str) -> PlanPart:
        found = self.parts.get(part)
        if found is None:
            raise NotFoundError(f"the plan has no part {part!r}, expected one of {', '.join(self.parts)}")
        return found

    def __iter__(self) -> Iterator[PlanPart]:
        return iter(self.parts.values())

    @property
    def table(self) -> PlanTable:
        """All of it as a table."""
        self._native.figures()
        return PlanTable(self)

    @property
    def prices(self) -> dict[str, Any]:
        """What another kWh taken from each bus would cost, one number a step. Empty where the engine could not tell."""
        return {bus: _columns.array_of(column) for bus, column in self._native.prices()}

    @property
    def water_values(self) -> dict[str, Any]:
        """What another kWh in each store at the end of a step is worth."""
        return {part: _columns.array_of(column) for part, column in self._native.water_values()}

    @property
    def shadow_prices(self) -> dict[str, Any]:
        """What another kW or kWh of each limit that binds is worth in a step, as ``grid.import_limit_w``."""
        return {f"{part}.{limit}": _columns.array_of(column) for part, limit, column in self._native.shadow_prices()}

    @property
    def violations(self) -> tuple[Violation, ...]:
        """Wishes and soft limits that were not met."""
        return tuple(Violation(**stepped(told)) for told in self._plan_remarks["violations"])

    @property
    def notices(self) -> tuple[str, ...]:
        """What was changed or assumed in the input: run times rounded up, forecasts clamped."""
        return tuple(self._plan_remarks["notices"])

    @property
    def certificate(self) -> Certificate:
        """What memcore's own verifier found."""
        return Certificate(**self._plan_remarks["certificate"])

    @property
    def engine(self) -> EngineReport:
        """Which engine made it, and why that one."""
        told = dict(self._plan_remarks["engine"])
        took = {name.removesuffix("_us"): micros * MICROSECOND for name, micros in told.pop("timings").items()}
        return EngineReport(**told, timings=Timings(**took))

    @property
    def timings(self) -> Timings:
        """How long checking, solving and verifying took."""
        return self.engine.timings

    @property
    def conflict(self) -> tuple[ConflictingLimit, ...]:
        """Of an infeasible site the smallest set of limits that cannot hold together; else empty."""
        told = self._remarks.get("conflict", [])
        return tuple(ConflictingLimit(**stepped(limit)) for limit in told)

    @property
    def relaxations(self) -> tuple[Relaxation, ...]:
        """Of an infeasible site the least relaxation that makes a plan possible; else empty."""
        told = self._remarks.get("relaxations", [])
        return tuple(Relaxation(**stepped(relaxed)) for relaxed in told)

    @property
    def relaxed_plan(self) -> Plan | None:
        """Of an infeasible site the plan that keeps everything but the relaxations: for a person, not for devices."""
        native = self._native.relaxed()
        return None if native is None else Plan(native, self.site)

    def state_after(self, steps: int) -> State:
        """Return the state in which it leaves the site after so many steps: what the next plan begins with."""
        return state_of(json.loads(self._native.state_after(steps)))

    def explain(self) -> str:
        """Return what it costs, what was missed and which engine made it; or why there is no plan."""
        return self._native.explain()

    def to_json(self) -> str:
        """Return all of it as JSON, in the form of ``memcore plan --json``."""
        return self._native.json()

    def to_dict(self) -> dict[str, Any]:
        """Return all of it, in the form of ``memcore plan --json``."""
        told: dict[str, Any] = json.loads(self._native.json())
        return told

    def chart(self) -> dict[str, Any]:
        """Return what a chart of it is drawn from: panels of series with names, units and stacks."""
        told: dict[str, Any] = json.loads(self._native.chart())
        return told

    def plot(self, **options: Any) -> Any:
        """Draw it with matplotlib and return the figure: powers stacked, stored energy, prices."""
        return _plan_plot.figure(self.chart(), options)

    def to_html(self) -> str:
        """Return a chart that shows the values under the pointer, for a page or a notebook: it needs nothing else."""
        return _plan_html.chart(self.chart())

    def _repr_html_(self) -> str:
        return self.to_html() if self else _plan_html.words(self.explain())

    def __str__(self) -> str:
        return self.explain()

    def __repr__(self) -> str:
        if not self:
            return f"<memcore.Plan {self.status}: {self.explain()}>"
        return f"<memcore.Plan {self.status}: {self.objective:.6g} {self.currency} over {len(self.horizon)} steps>"

    @cached_property
    def _remarks(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(self._native.remarks())
        return told

    @property
    def _plan_remarks(self) -> dict[str, Any]:
        self._native.figures()
        return self._remarks


def stepped(told: dict[str, Any]) -> dict[str, Any]:
    """With its steps as a tuple."""
    return {**told, "steps": tuple(told["steps"])}
