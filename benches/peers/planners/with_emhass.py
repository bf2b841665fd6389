"""EMHASS: its optimization class alone, without Home Assistant. It plans homes, a few days at a time.

What is timed is a second solve, on new data, as its model-predictive control does it: the problem was built before,
which is the best case for it. Its limits of the battery are on the side of the cells, so they are converted.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import emhass
import numpy as np
import pandas as pd
from emhass.optimization import Optimization

from .problem import Home, Island

DEFAULTS = Path(emhass.__file__).parent / "data/config_defaults.json"
MOST_STEPS = 672
# Washer, pump, and the car's two sessions: W, hours at that power, first and last step of four an hour.
WASHER, PUMP = (2000, 2, 32, 80), (1100, 4, 0, 0)
NIGHT, EVENING = (11_000, 20 / 0.9 / 11, 0, 28), (11_000, 10 / 0.9 / 11, 72, 96)


class Prepared:
    """A problem that was built, and solved on other data before."""

    def __init__(self, home: Home) -> None:
        self.home = home
        steps = len(home.load_kw)
        step = pd.Timedelta(hours=home.hours)
        config = _config(home)
        self.optimization = Optimization(
            {**config, "optimization_time_step": step, "time_zone": "UTC"},
            {**config, "delta_forecast_daily": step * steps},
            config,
            "buy",
            "sell",
            "profit",
            {},
            logging.getLogger("emhass"),
        )

    def before(self) -> None:
        """Solve on other data, as the last time of a controller."""
        self._solve(self.home.load_kw[1:] + self.home.load_kw[:1])

    def __call__(self) -> float:
        """Solve again on the data of the problem, and return what the plan costs."""
        plan = self._solve(self.home.load_kw)
        if self.optimization.optim_status.lower() != "optimal":
            raise RuntimeError(f"the plan is {self.optimization.optim_status}")
        grid, battery = plan["P_grid"].to_numpy(), plan["P_batt"].to_numpy()
        price = np.where(grid > 0, self.home.buy, self.home.sell)
        return float(self.home.hours / 1000 * (price @ grid + 0.02 * battery.clip(min=0).sum()))

    def _solve(self, load_kw: list[float]) -> Any:
        home = self.home
        index = pd.date_range("2026-06-01", periods=len(load_kw), freq=pd.Timedelta(hours=home.hours), tz="UTC")
        prices = pd.DataFrame({"buy": home.buy, "sell": home.sell}, index)
        loads = [WASHER, PUMP, NIGHT, EVENING] if home.loads else []
        return self.optimization.perform_naive_mpc_optim(
            prices,
            pd.Series(1000 * np.array(home.pv_kw), index),
            pd.Series(1000 * np.array(load_kw), index),
            len(load_kw),
            soc_init=0.5,
            soc_final=0.5,
            def_total_hours=[hours for _, hours, _, _ in loads],
            def_start_timestep=[first for _, _, first, _ in loads],
            def_end_timestep=[last for _, _, _, last in loads],
        )


def prepare(problem: Home | Island) -> Callable[[], float] | None:
    """Build the problem, and return what solves it again; None for what EMHASS cannot say."""
    if isinstance(problem, Island) or len(problem.load_kw) > MOST_STEPS:
        return None
    return Prepared(problem)


def _config(home: Home) -> dict[str, Any]:
    config: dict[str, Any] = json.loads(DEFAULTS.read_text())
    loads = [WASHER, PUMP, NIGHT, EVENING] if home.loads else []
    return {
        **config,
        "lp_solver_mip_rel_gap": 0.0,
        "num_threads": 1,
        "set_use_pv": True,
        "compute_curtailment": True,
        "set_use_battery": True,
        "set_nodischarge_to_grid": False,
        "weight_battery_discharge": 0.02,
        "maximum_power_from_grid": 10_000,
        "maximum_power_to_grid": 7_000,
        "battery_nominal_energy_capacity": 10_000,
        "battery_minimum_state_of_charge": 0.0,
        "battery_maximum_state_of_charge": 1.0,
        "battery_target_state_of_charge": 0.5,
        "battery_charge_efficiency": 0.95,
        "battery_discharge_efficiency": 0.95,
        "battery_charge_power_max": 5000 * 0.95,
        "battery_discharge_power_max": 5000 / 0.95,
        "number_of_deferrable_loads": len(loads),
        "nominal_power_of_deferrable_loads": [watts for watts, _, _, _ in loads],
        "minimum_power_of_deferrable_loads": [0, 0, 1400, 1400][: len(loads)],
        "operating_hours_of_each_deferrable_load": [hours for _, hours, _, _ in loads],
        "start_timesteps_of_each_deferrable_load": [first for _, _, first, _ in loads],
        "end_timesteps_of_each_deferrable_load": [last for _, _, _, last in loads],
        "treat_deferrable_load_as_semi_cont": [False, True, False, False][: len(loads)],
        "set_deferrable_load_single_constant": [True, False, False, False][: len(loads)],
        "set_deferrable_startup_penalty": [0.0] * len(loads),
        "set_deferrable_max_startups": [0] * len(loads),
        "deferrable_load_max_cost": [0.0] * len(loads),
        "def_minimum_on_time": [0, 4, 0, 0][: len(loads)],
        "def_minimum_off_time": [0] * len(loads),
        "cost_forecast_per_deferrable_load": [None] * len(loads),
        "is_electric_load": [True] * len(loads),
    }
