"""A thousand homes with batteries, planned in one call: what they do to the street's feeder together."""

import time

import numpy as np

import memcore as mc

HOMES = 1000
horizon = mc.Horizon("2026-06-10T22:00Z", "15m", 96)
hour = np.arange(96) / 4
noise = np.random.default_rng(3)
price = 0.27 + 0.07 * np.sin((hour - 8) / 12 * 2 * np.pi) - 0.09 * np.exp(-(((hour - 14) / 2) ** 2))
sun = mc.forecast.clear_sky(horizon, latitude=48.1, longitude=11.6, tilt=30, azimuth=180, peak_w=1000)
grid = mc.Grid("grid", buy_per_kwh=price, sell_per_kwh=0.08)


def home(number: int) -> mc.Site:
    evening = 400 + noise.uniform(300, 1500) * np.exp(-(((hour - noise.uniform(18, 21)) / 1.5) ** 2))
    return mc.Site(
        horizon,
        [
            grid,
            mc.Load("house", power_w=evening + noise.uniform(0, 100, 96)),
            mc.Pv("pv", available_w=sun * noise.uniform(3, 10)),
            mc.Battery("battery", capacity_wh=8000, charge_limit_w=4000, discharge_limit_w=4000, initial_wh=2000),
        ],
        name=f"home{number}",
    )


sites = [home(number) for number in range(HOMES)]
begun = time.perf_counter()
plans = mc.solve_many(sites, progress=True)
seconds = time.perf_counter() - begun
assert all(plan.status == "optimal" for plan in plans)
feeder = sum(-plan["grid"].net_power_w for plan in plans)
idle = sum(plan["house"].served_w - plan["pv"].used_w for plan in plans)
print(f"{HOMES} homes in {seconds:.2f} s, {HOMES / seconds:,.0f} a second")
print(f"they cost {sum(plan.objective for plan in plans):,.2f} EUR")
for what, watts in (("with batteries", feeder), ("without", idle)):
    print(f"the feeder carries {watts.min() / 1e3:,.0f} to {watts.max() / 1e3:,.0f} kW {what}")
