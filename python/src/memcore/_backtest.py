"""Model-predictive control over what is known already: a site's real history, walked with plans made from forecasts."""

# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownParameterType=false
# pyarrow has no types, those of pandas have holes.

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from . import _columns, _memcore
from ._errors import InvalidError, NotFoundError
from ._plan import CostItem, Violation, stepped
from ._plan_site import Engine, Horizon, Site, how
from ._progress import Tell, Teller
from ._time import MICROSECOND, Instant, Length, micros, moment

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa


@dataclass(frozen=True)
class Asked:
    """What a forecaster is asked for."""

    part: str
    """The asset."""
    field: str
    """The field whose profile it is: ``power_w`` of a load, ``available_w`` of a source, ``buy_per_kwh`` of a grid."""
    step: int
    """The first step asked for, counted from the start of the site's horizon; now is its start."""
    now: datetime
    history: Any
    """What came in the steps before."""
    count: int
    """How many values are asked for."""


Forecaster = Callable[[Asked], Any]
"""Says what is expected, one number for each step from ``asked.step`` on; or ``None`` where plans may know what will
come, as of prices that are published a day ahead."""


@dataclass(frozen=True)
class Comparison:
    """The same history in another way."""

    cost: float
    """What it would have cost."""
    bound: float
    """No way could have cost less than this."""
    stored_wh: float
    """By how much more its batteries hold at the end than at the start, which is in the cost at the mean price."""


class Backtest:
    """What a walk over a site's history found: money, misses, and how hard planning was."""

    def __init__(self, native: _memcore.Walking) -> None:
        self._native = native
        self._told: dict[str, Any] = json.loads(native.json())
        self._parts = dict(native.parts())

    @property
    def cost(self) -> float:
        """What all of it cost: the sum of ``costs``."""
        return float(self._told["cost"])

    @property
    def costs(self) -> tuple[CostItem, ...]:
        """What it cost, by asset and cause."""
        return tuple(CostItem(*cost) for cost in self._native.costs())

    @property
    def currency(self) -> str:
        """The money of all costs."""
        return str(self._told["currency"])

    @property
    def perfect(self) -> Comparison | None:
        """What one plan with perfect foresight would have cost."""
        told = self._told["perfect"]
        return None if told is None else Comparison(**told)

    @property
    def rules(self) -> Comparison | None:
        """What plain rules would have cost: store what is left over, use it when something is missing."""
        told = self._told["rules"]
        return None if told is None else Comparison(**told)

    @property
    def regret(self) -> float | None:
        """What it cost beyond what perfect foresight would have."""
        return None if self.perfect is None else self.cost - self.perfect.cost

    @property
    def saved(self) -> float | None:
        """What it saved against plain rules."""
        return None if self.rules is None else self.rules.cost - self.cost

    @property
    def carbon_g(self) -> float:
        """Carbon emitted, in g."""
        return float(self._told["carbon_g"])

    @property
    def violations(self) -> tuple[Violation, ...]:
        """Wishes and soft limits that were not met."""
        return tuple(Violation(**stepped(told)) for told in self._told["violations"])

    @property
    def broken(self) -> str | None:
        """The first hard rule that was broken, where what came left no other way."""
        broken: str | None = self._told["broken"]
        return broken

    @property
    def unresolved_kwh(self) -> float:
        """Balances that nothing within its limits could close."""
        return float(self._told["unresolved_kwh"])

    @property
    def plans(self) -> int:
        """How many plans were made."""
        return int(self._told["plans"])

    @property
    def without_plan(self) -> int:
        """How often there was none, so that the last one went on, or plain rules."""
        return int(self._told["without_plan"])

    @property
    def engines(self) -> dict[str, int]:
        """Which engines made the plans, and how many each."""
        return {told["engine"]: told["plans"] for told in self._told["engines"]}

    @property
    def time_per_plan(self) -> timedelta:
        """How long a plan took on average, its forecasts included."""
        return int(self._told["time_per_plan"]) * MICROSECOND

    @property
    def longest(self) -> timedelta:
        """How long the slowest took."""
        return int(self._told["longest"]) * MICROSECOND

    @property
    def notices(self) -> tuple[str, ...]:
        """What was changed or assumed in the input, and what went wrong on the way."""
        return tuple(self._told["notices"])

    @property
    def horizon(self) -> Horizon:
        """The steps that were walked."""
        return Horizon._of(self._native.horizon())

    def column(self, part: str, column: str) -> Any:
        """Return what an asset did, such as ``("battery", "energy_wh")``."""
        if column not in self._parts.get(part, []):
            known = ", ".join(f"{name}.{held}" for name, columns in self._parts.items() for held in columns)
            raise NotFoundError(f"the backtest has no column {part}.{column}, expected one of {known}")
        return _columns.array_of(self._native.column(list(self._parts).index(part), self._parts[part].index(column)))

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        return self._native.table_stream()

    def to_arrow(self) -> pa.Table:
        """Return what was carried out as a pyarrow table, a row a step."""
        import pyarrow

        return pyarrow.table(self)

    def to_polars(self) -> pl.DataFrame:
        """Return what was carried out as a polars frame, a row a step."""
        import polars

        return polars.DataFrame(self)

    def to_pandas(self) -> pd.DataFrame:
        """Return what was carried out as a pandas frame indexed by when each step starts."""
        import pandas

        index = pandas.DatetimeIndex(self.horizon.times, name="time").tz_localize("UTC")
        columns = {
            f"{part}.{held}": self.column(part, held) for part, columns in self._parts.items() for held in columns
        }
        frame: pd.DataFrame = pandas.DataFrame(columns, index=index)
        return frame

    def to_dict(self) -> dict[str, Any]:
        """Return all of it but columns, in the form of ``memcore backtest --json``."""
        told: dict[str, Any] = json.loads(self._native.json())
        return told

    def __str__(self) -> str:
        money = self.currency
        lines = [f"{self.cost:.2f} {money} over {len(self.horizon)} steps, {self.plans} plans"]
        if self.perfect is not None:
            lines.append(f"perfect foresight {self.perfect.cost:.2f} {money}, regret {self.regret:.2f} {money}")
        if self.rules is not None:
            lines.append(f"plain rules {self.rules.cost:.2f} {money}, saved {self.saved:.2f} {money}")
        lines += [f"not met: {violation}" for violation in self.violations]
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"<memcore.Backtest {self.cost:.6g} {self.currency} over {len(self.horizon)} steps, {self.plans} plans>"


def backtest(
    site: Site,
    *,
    forecast: Literal["foresight"] | str | Forecaster = "weekday:4",
    zone: str = "UTC",
    start: Instant | int = 0,
    end: Instant | int | None = None,
    ahead: int = 96,
    every: int = 1,
    perfect: bool = True,
    rules: bool = True,
    engine: Engine | None = None,
    time_limit: Length | None = None,
    node_limit: int | None = None,
    gap: float = 0.0,
    progress: Tell = False,
) -> Backtest:
    """Walk a site's history: its profiles are what came, and plans see of loads and sources what ``forecast`` says.

    ``forecast`` is a method (``persistence``, ``yesterday``, ``weekday:4``, ``weekday-median:4``, on the clocks of
    ``zone``), ``foresight``, or a callable that gets an ``Asked``. Every ``every`` steps a plan is made over ``ahead``
    steps from the state that the site is then in, and so much of it is carried out on what came. ``start`` and ``end``
    are steps or instants: what lies before is history for forecasts, and the states of the assets are those of
    ``start``. ``perfect`` and ``rules`` ask for what perfect foresight and plain rules would have cost. ``progress`` is
    ``True`` for a bar in the terminal, or a callable that gets a ``Progress``, whose points are steps. Ctrl-C ends it.
    """
    walked = {
        "from": _step(site, start, "start"),
        "to": None if end is None else _step(site, end, "end"),
        "ahead": ahead,
        "every": every,
        "perfect": perfect,
        "rules": rules,
        "zone": zone,
    }
    by = None if forecast == "foresight" else forecast if isinstance(forecast, str) else _called(forecast)
    with Teller(progress, "backtest") as teller:
        options = how(engine, time_limit, node_limit, gap)
        return Backtest(_memcore.walk(site._native, by, walked, options, teller.native))


def _called(forecast: Forecaster) -> Callable[..., Any]:
    def call(part: str, field: str, step: int, now: int, history: Any, count: int) -> Any:
        asked = Asked(part, field, step, moment(now), _columns.array_of(history), count)
        told = forecast(asked)
        return None if told is None else _columns.values(told, "forecast")

    return call


def _step(site: Site, at: Instant | int, field: str) -> int:
    """The step that begins at an instant."""
    if isinstance(at, int):
        return at
    import numpy

    borders = site.horizon.borders.astype("int64")
    wanted = micros(at, field)
    step = int(numpy.searchsorted(borders, wanted))
    if step >= len(borders) or int(borders[step]) != wanted:
        raise InvalidError(f"{field} is {at!r}, expected the border of a step of the horizon")
    return step
