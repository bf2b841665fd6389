"""A home for two days: when its battery, car, heat pump and washing machine should run, and what that saves.

Prices, weather and loads are made up here; a site's own come from its history or a service. Writes home.html.
"""

from pathlib import Path

import numpy as np

import memcore as mc

# Two days in quarters of an hour, on the clocks of the people who live there.
horizon = mc.Horizon.between("2026-03-10T00:00+01:00", "2026-03-12T00:00+01:00", "15m", zone="Europe/Berlin")
steps = len(horizon)
hour = np.arange(steps) / 4 % 24
noise = np.random.default_rng(5)

price = 0.28 + 0.06 * np.sin((hour - 4) / 12 * 2 * np.pi) - 0.10 * np.exp(-(((hour - 13) / 2.5) ** 2))
clouds = np.repeat(noise.uniform(0.3, 1.0, steps // 4), 4)
sun = mc.forecast.clear_sky(horizon, latitude=52.5, longitude=13.4, tilt=35, azimuth=180, peak_w=8000)
house_w = 250 + 700 * np.exp(-(((hour - 19) / 2) ** 2)) + 400 * np.exp(-((hour - 7) ** 2)) + noise.uniform(0, 80, steps)
outdoor_c = 4 + 4 * np.sin((hour - 9) / 24 * 2 * np.pi)

grid = mc.Grid("grid", buy_per_kwh=price, sell_per_kwh=0.08, import_limit_w=14_000)
pv = mc.Pv("pv", available_w=sun * clouds)
house = mc.Load("house", power_w=house_w)
battery = mc.Battery(
    "battery", capacity_wh=10_000, charge_limit_w=5000, discharge_limit_w=5000, initial_wh=4000, wear_per_kwh=0.02
)
car = mc.Ev(
    "car",
    capacity_wh=58_000,
    sessions=[
        mc.Session("2026-03-10T18:00+01:00", "2026-03-11T07:00+01:00", initial_wh=20_000, target_wh=40_000),
        mc.Session("2026-03-11T17:30+01:00", "2026-03-12T07:00+01:00", initial_wh=28_000, target_wh=40_000),
    ],
    charging=mc.PowerCharging(11_000),
)
rooms = mc.Building(
    capacity_wh_per_k=9000,
    loss_w_per_k=180,
    outdoor_c=outdoor_c,
    gains_w=300,
    initial_c=20.5,
    comfort_min_c=20,
    comfort_max_c=23,
)
heating = mc.HeatPump("heating", max_w=2500, cop=3.2 + 0.05 * outdoor_c, heat=rooms)
morning, evening = "2026-03-10T08:00+01:00", "2026-03-10T20:00+01:00"
washer = mc.Deferrable("washer", power_w=900, run_time="2h", earliest=morning, latest=evening)

# A gap of a thousandth is close enough for a day, and found at once.
site = mc.Site(horizon, [grid, pv, house, battery, car, heating, washer], currency="EUR", name="home")
plan = site.solve(gap=1e-3, time_limit="30s")
assert plan, plan.explain()
print(plan.explain())

washed = plan.table.to_pandas().query("`washer.on` > 0.5").index[0].tz_convert("Europe/Berlin")
rooms_c = plan["heating"].temperature_c
print(f"\nthe washing machine runs from {washed:%H:%M} on")
print(f"the rooms have between {rooms_c.min():.1f} and {rooms_c.max():.1f} degC")
assert plan["car"].energy_wh.max() > 39_000

plain = mc.Site(horizon, [grid, pv, house], name="without").solve()
print(f"\nwithout battery, car and heating: {plain.objective:.2f} EUR; with all of them: {plan.objective:.2f} EUR")

Path("home.html").write_text(f"<!doctype html><meta charset=utf-8>{plan.to_html()}", encoding="utf-8")
