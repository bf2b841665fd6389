"""PyPSA: a network of one bus, solved by HiGHS. Its loads have no run time, so there is no P2."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd
import pypsa

from .problem import Home, Island

logging.disable(logging.WARNING)


def prepare(problem: Home | Island) -> Callable[[], float] | None:
    """What builds and solves, and returns the optimum; None for what PyPSA cannot say."""
    if isinstance(problem, Home) and problem.loads:
        return None
    return partial(_solve, problem)


def _solve(problem: Home | Island) -> float:
    network = _home(problem) if isinstance(problem, Home) else _island(problem)
    status, condition = network.optimize(
        solver_name="highs",
        io_api="direct",
        include_objective_constant=False,
        solver_options={"mip_rel_gap": 0.0, "output_flag": False},
    )
    if status != "ok":
        raise RuntimeError(f"the network is {condition}")
    return float(network.objective)


def _network(steps: int, hours: float) -> pypsa.Network:
    network = pypsa.Network()
    network.set_snapshots(pd.RangeIndex(steps))
    weightings = network.snapshot_weightings
    network.snapshot_weightings = pd.DataFrame(hours, index=network.snapshots, columns=weightings.columns)
    network.add("Bus", "main")
    return network


def _battery(network: pypsa.Network, capacity: float, limit: float) -> None:
    end = pd.Series(np.nan, index=network.snapshots)
    end.iloc[-1] = capacity / 2
    network.add(
        "StorageUnit",
        "battery",
        bus="main",
        p_nom=limit,
        max_hours=capacity / limit,
        efficiency_store=0.95,
        efficiency_dispatch=0.95,
        marginal_cost=0.02,
        state_of_charge_initial=capacity / 2,
        state_of_charge_set=end,
    )


def _profile(network: pypsa.Network, name: str, kw: list[float], **fields: object) -> None:
    most = max(kw)
    series = pd.Series(np.array(kw) / most, index=network.snapshots)
    network.add("Generator", name, bus="main", p_nom=most, p_max_pu=series, **fields)


def _home(home: Home) -> pypsa.Network:
    network = _network(len(home.load_kw), home.hours)
    buy, sell = (pd.Series(prices, index=network.snapshots) for prices in (home.buy, home.sell))
    network.add("Load", "load", bus="main", p_set=pd.Series(home.load_kw, index=network.snapshots))
    network.add("Generator", "import", bus="main", p_nom=10, marginal_cost=buy)
    network.add("Generator", "export", bus="main", p_nom=7, p_min_pu=-1, p_max_pu=0, marginal_cost=sell)
    _profile(network, "pv", home.pv_kw)
    _battery(network, 10, 5)
    return network


def _island(island: Island) -> pypsa.Network:
    network = _network(len(island.load_kw), 1.0)
    network.add("Load", "load", bus="main", p_set=pd.Series(island.load_kw, index=network.snapshots))
    _profile(network, "pv", island.pv_kw)
    _profile(network, "shed", island.load_kw, marginal_cost=3)
    _battery(network, 100, 40)
    for genset in island.gensets:
        network.add(
            "Generator",
            genset.name,
            bus="main",
            committable=True,
            p_nom=genset.max_kw,
            p_min_pu=genset.min_kw / genset.max_kw,
            marginal_cost=genset.per_kwh,
            stand_by_cost=genset.per_h,
            start_up_cost=genset.per_start,
            min_up_time=genset.min_up,
            min_down_time=genset.min_down,
            up_time_before=0,
            down_time_before=24,
        )
    return network
