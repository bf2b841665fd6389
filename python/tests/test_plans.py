"""Sites, plans, backtests and forecasts as a user of the package has them."""

# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

from __future__ import annotations

import dataclasses
import inspect
import json
import threading
import time
from datetime import datetime, timedelta, timezone
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import memcore as mc
from memcore._assets import Asset

START = datetime(2026, 1, 1, tzinfo=timezone.utc)
HOURS = mc.Horizon(START, "1h", 4)
BUY = [0.3, 0.2, 0.2, 0.4]
GRID = mc.Grid("grid", buy_per_kwh=BUY, sell_per_kwh=0.08)
BATTERY = mc.Battery("battery", capacity_wh=10_000, charge_limit_w=5000, discharge_limit_w=5000, initial_wh=5000)
HOUSE = mc.Load("house", power_w=[500.0, 600.0, 700.0, 800.0])
HOME = mc.Site(HOURS, [GRID, BATTERY, HOUSE])


def days(count: int, **changes: Any) -> mc.Site:
    """A home with PV, so many days of hours long, whose evenings differ by weekday."""
    horizon = mc.Horizon(START, "1h", 24 * count)
    hour = np.arange(24 * count)
    evening = np.where(hour % 24 >= 18, 1000.0 + 200 * (hour // 24 % 7), 0)
    sun = np.clip(np.sin((hour % 24 - 7) / 10 * np.pi), 0, None) * (hour % 24 > 7) * (hour % 24 < 17)
    grid = mc.Grid("grid", buy_per_kwh=0.25 + 0.1 * np.sin(hour / 24 * 4 * np.pi), sell_per_kwh=0.05)
    assets = [grid, mc.Pv("pv", available_w=4000 * sun), mc.Load("house", power_w=400 + evening), BATTERY]
    return mc.Site(horizon, assets, **changes)


def test_a_plan_says_what_every_asset_does_what_it_costs_and_why() -> None:
    plan = HOME.solve()
    assert plan.status == "optimal"
    assert plan
    assert plan.objective == pytest.approx(sum(item.amount for item in plan.costs), abs=1e-9)
    assert plan.gap == 0
    assert plan.bound == pytest.approx(plan.objective)
    battery = plan["battery"]
    assert battery.columns == ["charge_w", "discharge_w", "energy_wh", "reserve_w"]
    assert battery.net_power_w == pytest.approx(battery.charge_w - battery["discharge_w"])
    assert battery.energy_wh[-1] == pytest.approx(5000)
    assert [part.kind for part in plan] == ["grid", "battery", "load"]
    assert list(plan.prices) == ["main"]
    assert len(plan.water_values["battery"]) == 4
    assert plan.certificate.largest_residual < 1e-3
    assert plan.engine.engine in ("storage", "modes")
    assert plan.timings.solve > timedelta(0)
    assert "optimal" in plan.explain()
    assert plan.to_dict()["status"] == "optimal"


def test_profiles_come_in_every_form() -> None:
    plan = HOME.solve()
    index = pd.date_range(START, periods=4, freq="1h")
    for column in (
        tuple(BUY),
        np.array(BUY),
        np.array(BUY, dtype="float32").astype("float64"),
        pd.Series(BUY),
        pd.Series(BUY, index=index),
        pl.Series(BUY),
        pa.array(BUY),
        pa.chunked_array([BUY[:1], BUY[1:]]),
    ):
        grid = mc.Grid("grid", buy_per_kwh=column, sell_per_kwh=np.float64(0.08))
        assert mc.Site(HOURS, [grid, BATTERY, HOUSE]).solve().objective == pytest.approx(plan.objective, abs=1e-7)


def test_a_series_with_a_zone_must_start_with_the_horizon() -> None:
    later = pd.Series(BUY, index=pd.date_range(START + timedelta(hours=1), periods=4, freq="1h"))
    grid = mc.Grid("grid", buy_per_kwh=later)
    with pytest.raises(
        mc.InvalidError, match=r"grid.buy_per_kwh starts at 2026-01-01T01:00:00.* expected 2026-01-01T00:00"
    ):
        mc.Site(HOURS, [grid, HOUSE])
    wall_clock = pd.Series(BUY, index=pd.date_range("2030-01-01", periods=4, freq="1h"))
    assert mc.Site(HOURS, [mc.Grid("grid", buy_per_kwh=wall_clock), HOUSE]).solve()


def test_horizons_are_even_of_a_calendar_or_given() -> None:
    for start in (START, "2026-01-01T01:00:00+01:00", np.datetime64("2026-01-01"), 1_767_225_600_000_000):
        assert list(mc.Horizon(start, timedelta(minutes=15), 2).borders) == list(mc.Horizon(START, "15m", 2).borders)
    spring = mc.Horizon.between("2025-03-30T00:00+01:00", "2025-03-31T00:00+02:00", "15m", zone="Europe/Berlin")
    assert len(spring) == 92
    uneven = mc.Horizon(borders=["2026-01-01T00:00Z", "2026-01-01T00:15Z", "2026-01-01T01:00Z"])
    assert uneven.hours == pytest.approx([0.25, 0.75])
    assert (uneven.start, uneven.end) == (START, START + timedelta(hours=1))
    with pytest.raises(mc.InvalidError, match="needs start, step and steps"):
        mc.Horizon(START)
    with pytest.raises(mc.InvalidError, match="no step"):
        mc.Horizon(START, "15m", 0)
    with pytest.raises(mc.InvalidError, match="without a zone"):
        mc.Horizon(datetime(2026, 1, 1), "15m", 1)


@pytest.mark.parametrize("kind", [mc.Grid, mc.Pv, mc.Battery, mc.Ev, mc.Deferrable, mc.HeatPump, mc.Genset, mc.Load])
def test_fields_and_defaults_are_those_of_the_core(kind: Any) -> None:
    needed: dict[str, Any] = {
        "sessions": [],
        "charging": mc.PowerCharging(1),
        "run_time": "1h",
        "heat": mc.Tank(capacity_wh=1, initial_wh=1, demand_w=1),
    }
    parameters = inspect.signature(kind).parameters
    given = {name: needed.get(name, 1) for name, it in parameters.items() if it.default is it.empty and name != "name"}
    told = kind("name", **given).to_dict()
    assert told.pop("type") == kind.kind
    assert set(told) == set(parameters)
    for name, parameter in parameters.items():
        if parameter.default is not parameter.empty:
            assert told[name] == (list(parameter.default) if parameter.default == () else parameter.default), name


def test_everything_that_a_site_may_be_made_of_goes_to_the_core_and_back() -> None:
    evening = START + timedelta(hours=4)
    sessions = [mc.Session(START, evening, target_wh=20_000, initial_wh=15_000)]
    rooms = mc.Building(
        capacity_wh_per_k=9000, loss_w_per_k=150, outdoor_c=[0.0, 1, 2, 3], initial_c=20, comfort_min_c=19
    )
    tank = mc.Tank(capacity_wh=10_000, initial_wh=5000, demand_w=500, terminal=mc.Terminal(at_least_wh=4000))
    assets: list[Asset] = [
        mc.Grid(
            "grid",
            buy_per_kwh=BUY,
            demand_charges=[mc.DemandCharge(5, interval="1h", applies=[True, True, False, False])],
        ),
        mc.Ev("car", capacity_wh=60_000, sessions=sessions, charging=mc.CurrentCharging(16, phases="switched")),
        mc.Deferrable("washer", power_w=2000, run_time=timedelta(hours=1), latest=evening),
        mc.HeatPump("heating", max_w=3000, cop=3.5, heat=rooms, min_on="2h"),
        mc.HeatPump("boiler", max_w=1000, cop=1, heat=tank),
        mc.Genset("diesel", min_w=500, max_w=4000, marginal_per_kwh=0.5, min_up="2h", bus="barn"),
        mc.Load("barn", power_w=300, priority=2, bus="barn"),
    ]
    site = mc.Site(
        HOURS,
        assets,
        currency="SEK",
        name="farm",
        links=[mc.Link("cable", "main", "barn", limit_w=3000, efficiency=0.97)],
        reserve=mc.Reserve(up_w=500, duration="30m"),
        carbon_price_per_kg=0.1,
        smoothness=[mc.Smoothness("diesel", per_kw=0.01)],
        stay=mc.Stay(per_kwh=0.05, previous={"car": [1000.0, float("nan"), 0, 0]}),
    )
    told = site.to_dict()
    assert told["link"][0]["from"] == "main"
    assert told["asset"][3]["heat"]["building"]["outdoor_c"] == [0, 1, 2, 3]
    assert told["asset"][0]["demand_charges"][0]["applies"] == [1, 1, 0, 0]
    assert told["stay"]["previous"][0]["power_w"] == [1000, None, 0, 0]
    assert mc.Site.from_json(site.to_json()).to_json() == site.to_json()
    assert mc.Site.from_dict({**told, "horizon": {"borders": list(HOURS.borders)}}).to_json() == site.to_json()


def test_what_is_wrong_is_named() -> None:
    battery: Any = mc.Battery
    wrong: dict[str, Any] = {"capacity_wh": "ten", "charge_limit_w": 1, "discharge_limit_w": 1, "initial_wh": 1}
    with pytest.raises(mc.InvalidError, match='cellar: capacity_wh is string "ten", expected a number'):
        battery("cellar", **wrong)
    with pytest.raises(TypeError, match="capacity_kwh"):
        battery("cellar", **wrong, capacity_kwh=10)
    with pytest.raises(mc.InvalidError, match="charge_limit_w"):
        mc.Site(HOURS, [dataclasses.replace(BATTERY, charge_limit_w=[1.0, 2.0])]).solve()
    with pytest.raises(mc.InvalidError, match="EUX"):
        mc.Site(HOURS, [GRID], currency="EUX")
    with pytest.raises(mc.InvalidError, match="terminal has nothing"):
        mc.Terminal()
    with pytest.raises(mc.InvalidError, match=r"run_time is|run_time: duration is"):
        mc.Deferrable("washer", power_w=1, run_time="soon")
    engine: Any = "cplex"
    with pytest.raises(mc.InvalidError, match=r"engine.*cplex"):
        HOME.solve(engine=engine)


def test_a_part_is_changed_by_making_another() -> None:
    fuller = dataclasses.replace(BATTERY, initial_wh=8000)
    assert (fuller.initial_wh, BATTERY.initial_wh) == (8000, 5000)
    assert mc.Site(HOURS, [GRID, fuller, HOUSE]).to_dict()["asset"][1]["initial_wh"] == 8000
    with pytest.raises(dataclasses.FrozenInstanceError):
        BATTERY.initial_wh = 1  # type: ignore[misc]
    assert repr(fuller).startswith("Battery(name='battery', capacity_wh=10000, charge_limit_w=5000")


def test_a_site_without_a_plan_says_why_and_its_plan_cannot_be_read() -> None:
    plan = mc.Site(HOURS, [dataclasses.replace(GRID, import_limit_w=300), HOUSE]).solve()
    assert plan.status == "infeasible"
    assert not plan
    assert [limit.limit for limit in plan.conflict] == ["import_limit_w", "balance"]
    assert plan.relaxations[0].amount == pytest.approx(500, abs=1)
    assert plan.relaxed_plan is not None
    assert plan.relaxed_plan["grid"].import_w[0] == pytest.approx(500)
    assert "grid.import_limit_w" in plan.explain()
    for read in (lambda: plan.table, lambda: plan.objective, lambda: plan["grid"], lambda: plan.notices, plan.plot):
        with pytest.raises(mc.InvalidError, match=r"there is no plan: .*grid.import_limit_w"):
            read()
    assert "cannot hold together" in plan._repr_html_()


def test_a_table_goes_to_arrow_pandas_and_polars() -> None:
    plan = HOME.solve()
    arrow, frame, polars = plan.table.to_arrow(), plan.table.to_pandas(), plan.table.to_polars()
    assert arrow.column_names == polars.columns == ["time", *frame.columns] == plan.table.columns
    assert arrow.schema.metadata[b"currency"] == b"EUR"
    assert str(frame.index[1]) == "2026-01-01 01:00:00+00:00"
    assert frame["end"].iloc[0] == frame.index[1]
    for name in frame.columns.drop("end"):
        assert arrow[name].to_pylist() == list(frame[name]) == polars[name].to_list()
    assert len(plan.table) == 4


def test_a_plan_is_drawn_by_matplotlib_and_for_notebooks() -> None:
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("agg")
    plan = days(2).solve()
    figure = plan.plot(figsize=(6, 4))
    power, energy, price = figure.axes
    assert (power.get_ylabel(), energy.get_ylabel(), price.get_ylabel()) == ("kW", "kWh", "EUR/kWh")
    assert len(power.collections) >= 5
    assert energy.lines[0].get_ydata() == pytest.approx(plan["battery"].energy_wh / 1000)
    matplotlib.pyplot.close(figure)
    html = plan._repr_html_()
    assert "http" not in html.replace("http://www.w3.org", "")
    data = json.loads(html.split("data = ")[1].split(";\nconst svg")[0])
    assert len(data["edges"]) == 49
    assert {name for name, _, _ in data["series"]} >= {"pv", "house", "battery charge"}
    assert html.count("<path") >= 5
    odd = mc.Site(HOURS, [mc.Grid("</script>&", buy_per_kwh=0.3), HOUSE]).solve()
    assert odd._repr_html_().count("</script>") == 1


def test_many_sites_are_planned_at_once_and_the_interpreter_goes_on() -> None:
    sites = [days(3, name=f"home{number}") for number in range(50)]
    told: list[mc.Progress] = []
    beats = 0
    done = threading.Event()

    def beat() -> None:
        nonlocal beats
        while not done.is_set():
            beats += 1
            time.sleep(0.0005)

    thread = threading.Thread(target=beat)
    thread.start()
    plans = mc.solve_many(sites, threads=2, progress=told.append)
    done.set()
    thread.join()
    assert beats > 2
    assert [plan.site for plan in plans] == sites
    one = sites[0].solve()
    assert all(plan.to_dict()["columns"] == one.to_dict()["columns"] for plan in plans)
    assert told[-1].points == 50
    wrong = mc.Site(HOURS, [dataclasses.replace(BATTERY, capacity_wh=-1)], name="wrong")
    with pytest.raises(mc.InvalidError, match=r"sites\[1\] \(wrong\)"):
        mc.solve_many([HOME, wrong])
    assert mc.solve_many([]) == []


def test_a_planner_goes_on_from_the_plan_before() -> None:
    planner = mc.Planner()
    dearer = mc.Site(HOURS, [dataclasses.replace(GRID, buy_per_kwh=[0.4, 0.2, 0.2, 0.4]), BATTERY, HOUSE])
    for site in (HOME, dearer, days(2), HOME):
        assert planner.solve(site).to_dict()["columns"] == site.solve().to_dict()["columns"]


def test_a_warm_planner_finds_plans_that_cost_the_same() -> None:
    planner = mc.Planner(engine="highs", warm_starts=True)
    dearer = mc.Site(HOURS, [dataclasses.replace(GRID, buy_per_kwh=[0.4, 0.2, 0.2, 0.4]), BATTERY, HOUSE])
    cold = mc.Site(HOURS, [GRID, BATTERY, HOUSE])
    plans = [planner.solve(site) for site in (cold, dearer, cold)]
    assert [plan.objective for plan in plans] == pytest.approx([s.solve().objective for s in (cold, dearer, cold)])
    assert any("hot" in plan.engine.why for plan in plans[1:])


def test_a_plan_hands_its_state_to_the_next() -> None:
    site = days(2)
    plan = site.solve()
    state = plan.state_after(6)
    assert state.energy_wh == {"battery": pytest.approx(plan["battery"].energy_wh[5])}
    rest = site.from_step(6).at_state(state).solve()
    assert rest["battery"].energy_wh[-1] == pytest.approx(plan["battery"].energy_wh[-1])
    import_w, export_w = plan["grid"].import_w, plan["grid"].export_w
    money = (site.to_dict()["asset"][0]["buy_per_kwh"] * import_w - 0.05 * export_w) / 1000
    assert rest.objective == pytest.approx(money[6:].sum(), abs=1e-6)
    measured = mc.State(START + timedelta(hours=6), energy_wh={"battery": 1234})
    assert site.from_step(6).at_state(measured).to_dict()["asset"][3]["initial_wh"] == 1234
    with pytest.raises(mc.InvalidError, match="cellar"):
        site.at_state(mc.State(energy_wh={"cellar": 1}))
    full = mc.State(
        START,
        running={"diesel": mc.Running(True, since="3h", power_w=800)},
        peak_w={"grid": [4000, 2000]},
        done={"washer": mc.Done("1h", running=False)},
        previous={"diesel": [-800.0, float("nan")]},
    )
    assets: list[Asset] = [
        mc.Grid("grid", buy_per_kwh=0.3, demand_charges=[mc.DemandCharge(1), mc.DemandCharge(2)]),
        mc.Genset("diesel", min_w=500, max_w=4000, marginal_per_kwh=0.5),
        mc.Deferrable("washer", power_w=1000, run_time="3h", contiguous=False),
    ]
    told = mc.Site(HOURS, assets).at_state(full).to_dict()["asset"]
    assert [charge["peak_so_far_w"] for charge in told[0]["demand_charges"]] == [4000, 2000]
    assert (told[1]["initially_on"], told[1]["initial_w"], told[2]["run_time"]) == (True, 800, "2h")


def test_a_backtest_walks_history_and_says_what_forecasts_cost() -> None:
    site = days(21)
    told: list[mc.Progress] = []
    naive = mc.backtest(site, start=24 * 14, ahead=24, every=2, progress=told.append)
    assert naive.perfect is not None
    assert naive.cost >= naive.perfect.bound - 1e-9
    assert naive.regret == pytest.approx(naive.cost - naive.perfect.cost)
    assert naive.saved is not None
    assert naive.plans == 24 * 7 // 2
    assert sum(naive.engines.values()) == naive.plans
    assert naive.cost == pytest.approx(sum(item.amount for item in naive.costs))
    assert told[-1].part == 1
    assert naive.horizon.start == START + timedelta(days=14)
    assert len(naive.column("battery", "energy_wh")) == len(naive.to_pandas()) == naive.to_polars().height == 24 * 7
    known = mc.backtest(site, start=START + timedelta(days=14), ahead=24, every=2, forecast="foresight", rules=False)
    assert known.cost <= naive.cost + 1e-9
    assert known.rules is None
    with pytest.raises(mc.NotFoundError, match=r"battery\.import_w"):
        naive.column("battery", "import_w")
    with pytest.raises(mc.InvalidError, match="expected the border of a step"):
        mc.backtest(site, start=START + timedelta(minutes=5))
    with pytest.raises(mc.InvalidError, match=r"forecast is .oracle"):
        mc.backtest(site, forecast="oracle")


def test_a_forecaster_of_ones_own_is_asked_at_every_plan() -> None:
    site = days(16)
    asked: list[tuple[str, str, int]] = []

    def yesterday(what: mc.Asked) -> Any:
        asked.append((what.part, what.field, what.step))
        assert len(what.history) == what.step
        return None if what.field == "buy_per_kwh" else np.resize(what.history[-24:], what.count)

    own = mc.backtest(site, start=24 * 14, ahead=24, every=24, forecast=yesterday)
    same = mc.backtest(site, start=24 * 14, ahead=24, every=24, forecast="yesterday")
    assert own.cost == pytest.approx(same.cost)
    assert ("house", "power_w", 24 * 14) in asked

    def fails(what: mc.Asked) -> Any:
        raise RuntimeError("no weather today")

    with pytest.raises(mc.InvalidError, match="no weather today"):
        mc.backtest(site, start=24 * 14, forecast=fails)
    with pytest.raises(mc.InvalidError, match="1 values, expected 24"):
        mc.backtest(site, start=24 * 14, ahead=24, forecast=lambda what: [1.0])


def test_forecasts_from_the_past_have_quantiles_and_errors() -> None:
    past, ahead = mc.Horizon(START, "1h", 24 * 28), mc.Horizon(START + timedelta(days=28), "1h", 24)
    hour = np.arange(24 * 29)
    came = 1000 + 500 * np.sin(hour / 24 * 2 * np.pi) + 100 * (hour // 24 % 7 == 5)
    made = mc.forecast.from_past(past, came[: 24 * 28], ahead, method="weekday:4", quantiles=[0.1, 0.9])
    assert made.values == pytest.approx(came[24 * 28 :])
    assert made.made_of == "weekday:4"
    assert set(made.quantiles) == {0.1, 0.9}
    errors = mc.forecast.score(made.values + 10, came[24 * 28 :])
    assert (errors.mae, errors.rmse, errors.bias, errors.count) == pytest.approx((10, 10, 10, 24))
    flat = mc.forecast.score_method(past, came[: 24 * 28], method="persistence", ahead=24, every=24)
    day = mc.forecast.score_method(past, came[: 24 * 28], method="yesterday", ahead=24, every=24)
    assert day.mae < flat.mae
    with pytest.raises(mc.InvalidError, match="as many"):
        mc.forecast.score([1.0], [1.0, 2.0])


def test_a_clear_sky_rises_and_sets_with_the_sun() -> None:
    day = mc.Horizon("2026-06-21T00:00Z", "1h", 24)
    power = mc.forecast.clear_sky(day, latitude=52.5, longitude=13.4, tilt=35, azimuth=180, peak_w=8000)
    assert power[0] == power[23] == 0
    assert 4000 < power.max() < 8000
    assert power.argmax() in (10, 11, 12)


def test_trees_learn_what_follows_from_the_weather() -> None:
    pytest.importorskip("sklearn")
    past, ahead = mc.Horizon(START, "1h", 24 * 28), mc.Horizon(START + timedelta(days=28), "1h", 24)
    noise = np.random.default_rng(1)
    cold = noise.uniform(0, 10, 24 * 29)
    came = 500 + 200 * cold
    known = slice(24 * 28)
    made = mc.forecast.learned(
        past, came[known], ahead, features=cold[known], features_ahead=cold[24 * 28 :], quantiles=[0.1, 0.9]
    )
    learned = mc.forecast.score(made.values, came[24 * 28 :])
    naive = mc.forecast.score(mc.forecast.from_past(past, came[known], ahead).values, came[24 * 28 :])
    assert learned.mae < naive.mae / 4
    assert (made.quantiles[0.1] <= made.quantiles[0.9]).all()
    with pytest.raises(mc.InvalidError, match="one is missing"):
        mc.forecast.learned(past, came[known], ahead, features=cold[known])
