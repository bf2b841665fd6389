"""A depot of electric vans behind a connection that cannot charge all at once, with a charge for the month's peak."""

from datetime import datetime, timedelta, timezone

import numpy as np

import memcore as mc

VANS = 12
evening = datetime(2026, 5, 5, 15, tzinfo=timezone.utc)
horizon = mc.Horizon(evening, "15m", 4 * 16)
noise = np.random.default_rng(11)


def van(number: int) -> mc.Ev:
    """A van that comes home between five and eight, and leaves between four and seven with what its round takes."""
    arrival = evening + timedelta(minutes=15 * int(noise.integers(4, 16)))
    departure = evening + timedelta(hours=12, minutes=15 * int(noise.integers(0, 12)))
    left, needed = noise.uniform(8_000, 25_000), noise.uniform(45_000, 60_000)
    session = mc.Session(arrival, departure, initial_wh=left, target_wh=needed)
    return mc.Ev(f"van{number}", capacity_wh=65_000, sessions=[session], charging=mc.PowerCharging(22_000))


vans = [van(number) for number in range(1, VANS + 1)]
hour = (15 + np.arange(len(horizon)) / 4) % 24
price = np.where((hour >= 23) | (hour < 5), 0.19, np.where((hour >= 17) & (hour < 20), 0.36, 0.27))
peak = mc.DemandCharge(9.5, interval="15m", peak_so_far_w=30_000)
grid = mc.Grid("grid", buy_per_kwh=price, import_limit_w=80_000, demand_charges=[peak])
depot = mc.Load("depot", power_w=4000)

plan = mc.Site(horizon, [grid, depot, *vans], name="depot").solve()
assert plan.status == "optimal", plan.explain()
late = [violation.text for violation in plan.violations]
print(plan.engine)
print(f"{plan.objective:.2f} EUR for the night, {plan.cost.get('grid.demand', 0):.2f} EUR of them for the peak")
print(
    f"the depot takes {plan['grid'].import_w.max() / 1000:.1f} kW at most; all vans at once would take {22 * VANS} kW"
)
print(late or "every van leaves as it should")
assert plan["grid"].import_w.max() <= 80_000 + 1e-3

# What it costs to leave the peak out of account: the vans charge together in the cheapest hours.
greedy = mc.Site(horizon, [mc.Grid("grid", buy_per_kwh=price, import_limit_w=80_000), depot, *vans]).solve()
highest = greedy["grid"].import_w.max()
billed = greedy.objective + 9.5 * max(0.0, highest - 30_000) / 1000
print(f"without a thought for the peak: {highest / 1000:.1f} kW, and {billed:.2f} EUR")
assert billed >= plan.objective - 1e-6
