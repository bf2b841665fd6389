"""oemof.solph: an energy system of one bus, solved by HiGHS. Its loads have no run time, so there is no P2."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable
from functools import partial

import pandas as pd
from oemof import solph

from .problem import Home, Island

logging.disable(logging.WARNING)
warnings.filterwarnings("ignore")


def prepare(problem: Home | Island) -> Callable[[], float] | None:
    """What builds and solves, and returns the optimum; None for what oemof cannot say."""
    if isinstance(problem, Home) and problem.loads:
        return None
    return partial(_solve, problem)


def _solve(problem: Home | Island) -> float:
    system = _home(problem) if isinstance(problem, Home) else _island(problem)
    model = solph.Model(system)
    model.solve(solver="highs", solve_kwargs={"tee": False}, cmdline_options={"mip_rel_gap": 0.0})
    return float(model.objective())


def _system(steps: int, hours: float) -> tuple[solph.EnergySystem, solph.Bus]:
    index = pd.date_range("2026-06-01", periods=steps + 1, freq=pd.Timedelta(hours=hours))
    system = solph.EnergySystem(timeindex=index, infer_last_interval=False)
    bus = solph.Bus(label="main")
    system.add(bus)
    return system, bus


def _battery(bus: solph.Bus, capacity: float, limit: float) -> solph.components.GenericStorage:
    return solph.components.GenericStorage(
        label="battery",
        inputs={bus: solph.Flow(nominal_capacity=limit)},
        outputs={bus: solph.Flow(nominal_capacity=limit, variable_costs=0.02)},
        nominal_capacity=capacity,
        initial_storage_level=0.5,
        balanced=True,
        inflow_conversion_factor=0.95,
        outflow_conversion_factor=0.95,
    )


def _source(bus: solph.Bus, label: str, **flow: object) -> solph.components.Source:
    return solph.components.Source(label=label, outputs={bus: solph.Flow(**flow)})


def _load(bus: solph.Bus, kw: list[float]) -> solph.components.Sink:
    return solph.components.Sink(label="load", inputs={bus: solph.Flow(fix=kw, nominal_capacity=1)})


def _home(home: Home) -> solph.EnergySystem:
    system, bus = _system(len(home.load_kw), home.hours)
    earned = [-price for price in home.sell]
    export = solph.Flow(nominal_capacity=7, variable_costs=earned)
    system.add(
        _load(bus, home.load_kw),
        _source(bus, "import", nominal_capacity=10, variable_costs=home.buy),
        _source(bus, "pv", nominal_capacity=1, maximum=home.pv_kw),
        solph.components.Sink(label="export", inputs={bus: export}),
        _battery(bus, 10, 5),
    )
    return system


def _island(island: Island) -> solph.EnergySystem:
    system, bus = _system(len(island.load_kw), 1.0)
    system.add(
        _load(bus, island.load_kw),
        _source(bus, "pv", nominal_capacity=1, maximum=island.pv_kw),
        _source(bus, "shed", nominal_capacity=1, maximum=island.load_kw, variable_costs=3),
        _battery(bus, 100, 40),
    )
    for genset in island.gensets:
        commitment = solph.NonConvex(
            startup_costs=genset.per_start,
            activity_costs=genset.per_h,
            minimum_uptime=genset.min_up,
            minimum_downtime=genset.min_down,
            initial_status=0,
        )
        system.add(
            _source(
                bus,
                genset.name,
                nominal_capacity=genset.max_kw,
                minimum=genset.min_kw / genset.max_kw,
                variable_costs=genset.per_kwh,
                nonconvex=commitment,
            )
        )
    return system
