"""cvxpy: the same rows written as vectors, solved by HiGHS."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import cvxpy as cp
import numpy as np

from .problem import Home, Island

ENERGY = {"charge": 0.95, "discharge": 0.95, "wear": 0.02}


def prepare(problem: Home | Island) -> Callable[[], float]:
    """What builds and solves, and returns the optimum."""
    return partial(_solve, problem)


def _solve(problem: Home | Island) -> float:
    cost, rows = _home(problem) if isinstance(problem, Home) else _island(problem)
    asked = cp.Problem(cp.Minimize(cost), rows)
    asked.solve(solver=cp.HIGHS, mip_rel_gap=0.0)
    if asked.status != cp.OPTIMAL:
        raise RuntimeError(f"the problem is {asked.status}")
    return float(asked.value)


def _battery(steps: int, hours: float, capacity: float, limit: float):
    charge, discharge = cp.Variable(steps, nonneg=True), cp.Variable(steps, nonneg=True)
    energy = cp.Variable(steps + 1)
    flow = ENERGY["charge"] * charge - discharge / ENERGY["discharge"]
    rows = [
        charge <= limit,
        discharge <= limit,
        energy >= 0,
        energy <= capacity,
        energy[0] == capacity / 2,
        energy[-1] == capacity / 2,
        energy[1:] == energy[:-1] + hours * flow,
    ]
    return charge, discharge, rows, ENERGY["wear"] * hours * cp.sum(discharge)


def _home(home: Home):
    steps, hours = len(home.load_kw), home.hours
    bought, sold, used = (cp.Variable(steps, nonneg=True) for _ in range(3))
    charge, discharge, rows, cost = _battery(steps, hours, 10, 5)
    drawn: cp.Expression | np.ndarray = np.array(home.load_kw)
    if home.loads:
        drawn, more = _loads(steps, hours, drawn)
        rows += more
        importing, charging = cp.Variable(steps, boolean=True), cp.Variable(steps, boolean=True)
        rows += [bought <= 10 * importing, sold <= 7 * (1 - importing)]
        rows += [charge <= 5 * charging, discharge <= 5 * (1 - charging)]
    rows += [bought <= 10, sold <= 7, used <= np.array(home.pv_kw)]
    rows += [bought - sold + used + discharge - charge == drawn]
    cost += hours * (np.array(home.buy) @ bought - np.array(home.sell) @ sold)
    return cost, rows


def _loads(steps: int, hours: float, drawn: np.ndarray):
    """A washer of 2 kW for 2 h between 8 and 20, a pump of 1.1 kW for 4 h, an hour at least at a time, and a car."""
    hour = round(1 / hours)
    starts = range(8 * hour, 18 * hour + 1)
    start = cp.Variable(len(starts), boolean=True)
    runs = np.zeros((steps, len(starts)))
    for place, first in enumerate(starts):
        runs[first : first + 2 * hour, place] = 2
    on, begun = cp.Variable(steps, boolean=True), cp.Variable(steps, bounds=[0, 1])
    rows = [cp.sum(start) == 1, cp.sum(on) == 4 * hour, on[0] <= begun[0], on[1:] - on[:-1] <= begun[1:]]
    recent = np.tri(steps) - np.tri(steps, k=-hour)
    rows += [recent @ begun <= on, begun[steps - hour + 1 :] == 0]
    power, charging = cp.Variable(steps, nonneg=True), cp.Variable(steps, boolean=True)
    rows += [power <= 11 * charging, power >= 1.4 * charging]
    rows += [0.9 * hours * cp.sum(power[: 7 * hour]) == 20, 0.9 * hours * cp.sum(power[18 * hour :]) == 10]
    rows += [power[7 * hour : 18 * hour] == 0]
    return drawn + runs @ start + 1.1 * on + power, rows


def _island(island: Island):
    steps = len(island.load_kw)
    used, shed = cp.Variable(steps, nonneg=True), cp.Variable(steps, nonneg=True)
    charge, discharge, rows, cost = _battery(steps, 1.0, 100, 40)
    given = used + shed + discharge - charge
    for genset in island.gensets:
        power, on = cp.Variable(steps, nonneg=True), cp.Variable(steps, boolean=True)
        begun, ended = cp.Variable(steps, boolean=True), cp.Variable(steps, boolean=True)
        before = cp.hstack([np.zeros(1), on[:-1]])
        up = np.tri(steps) - np.tri(steps, k=-genset.min_up)
        down = np.tri(steps) - np.tri(steps, k=-genset.min_down)
        rows += [power <= genset.max_kw * on, power >= genset.min_kw * on, on - before == begun - ended]
        rows += [up @ begun <= on, down @ ended <= 1 - on]
        cost += genset.per_kwh * cp.sum(power) + genset.per_h * cp.sum(on) + genset.per_start * cp.sum(begun)
        given += power
    rows += [used <= np.array(island.pv_kw), shed <= np.array(island.load_kw), given == np.array(island.load_kw)]
    return cost + 3 * cp.sum(shed), rows
