"""An island: two gensets, PV, a battery, and loads of which a clinic is shed last. And what happens in a storm."""

import numpy as np

import memcore as mc

horizon = mc.Horizon("2026-09-01T00:00Z", "1h", 24)
hour = np.arange(24)
sun = np.clip(np.sin((hour - 6) / 12 * np.pi), 0, None)
village_w = 22_000 + 12_000 * np.exp(-(((hour - 20) / 2.5) ** 2)) + 5_000 * np.exp(-(((hour - 8) / 2) ** 2))

big = mc.Genset(
    "big",
    min_w=15_000,
    max_w=50_000,
    marginal_per_kwh=0.31,
    no_load_per_h=2.5,
    start_cost=6,
    min_up="3h",
    min_down="2h",
)
small = mc.Genset(
    "small", min_w=5_000, max_w=20_000, marginal_per_kwh=0.37, no_load_per_h=1.0, start_cost=2, min_up="2h"
)
pv = mc.Pv("pv", available_w=60_000 * sun)
battery = mc.Battery(
    "battery",
    capacity_wh=100_000,
    min_wh=10_000,
    charge_limit_w=40_000,
    discharge_limit_w=40_000,
    initial_wh=40_000,
    wear_per_kwh=0.03,
)
clinic = mc.Load("clinic", power_w=3_000, value_of_lost_load_per_kwh=50)
village = mc.Load("village", power_w=village_w, value_of_lost_load_per_kwh=3)

fair = mc.Site(horizon, [big, small, pv, battery, clinic, village], currency="USD", name="island").solve()
print(fair.explain())
for genset in ("big", "small"):
    print(f"{genset:6}", "".join("#" if on > 0.5 else "." for on in fair[genset].on))
assert fair["clinic"].shed_w.max() < 1e-3

# A storm: hardly any sun, and the big genset is down from noon on. The village is shed before the clinic is.
storm = [
    mc.Genset("big", min_w=15_000, max_w=50_000, marginal_per_kwh=0.31, no_load_per_h=2.5, available=hour < 12),
    small,
    mc.Pv("pv", available_w=6_000 * sun),
    battery,
]
plan = mc.Site(horizon, [*storm, clinic, village], currency="USD").solve()
shed_kwh = plan["village"].shed_w.sum() / 1000
print(f"\nin the storm {shed_kwh:.1f} kWh of the village are shed, and the day costs {plan.objective:.2f} USD")
assert plan["clinic"].shed_w.max() < 1e-3 < plan["village"].shed_w.max()

# Were nobody to be shed, there would be no plan: which limits conflict, when, and what is the least that mends it?
must_serve = [mc.Load("clinic", power_w=3_000), mc.Load("village", power_w=village_w)]
strict = mc.Site(horizon, [*storm, *must_serve]).solve()
print(f"\n{strict.status}: {strict.explain()}")
assert strict.status == "infeasible"
assert strict.relaxations
