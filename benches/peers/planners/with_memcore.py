"""memcore: a site of assets."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

import memcore as mc

from .problem import Home, Island

START = "2026-06-01T00:00:00Z"


def prepare(problem: Home | Island) -> Callable[[], float]:
    """What builds and solves, and returns the optimum."""
    return partial(_solve, problem)


def _solve(problem: Home | Island) -> float:
    plan = (_home(problem) if isinstance(problem, Home) else _island(problem)).solve()
    if plan.status != "optimal":
        raise RuntimeError(f"the plan is {plan.status}: {plan.explain()}")
    return plan.objective


def _watts(kw: list[float]) -> np.ndarray:
    return 1000 * np.asarray(kw)


def _home(home: Home) -> mc.Site:
    horizon = mc.Horizon(START, "15m" if home.hours == 0.25 else "1h", len(home.load_kw))
    assets: list[mc.Asset] = [
        mc.Grid(
            "grid",
            buy_per_kwh=home.buy,
            sell_per_kwh=home.sell,
            import_limit_w=10_000,
            export_limit_w=7_000,
            exclusive=home.loads,
        ),
        mc.Load("load", power_w=_watts(home.load_kw)),
        mc.Pv("pv", available_w=_watts(home.pv_kw)),
        _battery(10_000, 5_000, home.loads),
    ]
    if home.loads:
        day = horizon.start.replace(minute=0)
        at = lambda hour: day.replace(hour=hour) if hour < 24 else horizon.end  # noqa: E731
        charging = mc.PowerCharging(11_000, min_w=1_400)
        assets += [
            mc.Deferrable("washer", power_w=2_000, run_time="2h", earliest=at(8), latest=at(20)),
            mc.Deferrable("pump", power_w=1_100, run_time="4h", contiguous=False, min_on="1h"),
            mc.Ev(
                "car",
                capacity_wh=60_000,
                charging=charging,
                charge_efficiency=0.9,
                sessions=[
                    mc.Session(at(0), at(7), target_wh=20_000, limit_wh=20_000),
                    mc.Session(at(18), at(24), target_wh=10_000, limit_wh=10_000),
                ],
            ),
        ]
    return mc.Site(horizon, assets)


def _battery(capacity_wh: float, limit_w: float, exclusive: bool) -> mc.Battery:
    return mc.Battery(
        "battery",
        capacity_wh=capacity_wh,
        charge_limit_w=limit_w,
        discharge_limit_w=limit_w,
        initial_wh=capacity_wh / 2,
        wear_per_kwh=0.02,
        terminal=mc.Terminal(exactly_wh=capacity_wh / 2),
        exclusive=exclusive,
    )


def _island(island: Island) -> mc.Site:
    gensets = [
        mc.Genset(
            genset.name,
            min_w=1000 * genset.min_kw,
            max_w=1000 * genset.max_kw,
            marginal_per_kwh=genset.per_kwh,
            no_load_per_h=genset.per_h,
            start_cost=genset.per_start,
            min_up=f"{genset.min_up}h",
            min_down=f"{genset.min_down}h",
        )
        for genset in island.gensets
    ]
    load = mc.Load("load", power_w=_watts(island.load_kw), value_of_lost_load_per_kwh=3.0)
    pv = mc.Pv("pv", available_w=_watts(island.pv_kw))
    horizon = mc.Horizon(START, "1h", len(island.load_kw))
    return mc.Site(horizon, [load, pv, _battery(100_000, 40_000, False), *gensets])
