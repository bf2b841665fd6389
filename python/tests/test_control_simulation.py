"""Control against a simulated site: the same week as often as one likes, with actors in its time."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import memcore as mc

UTC = timezone.utc
START = datetime(2026, 6, 1, tzinfo=UTC)
HOME = (
    mc.SiteModel("home1", zone="Europe/Berlin")
    .grid_meter("grid", power="power")
    .pv("pv", power="power", range_w=(-8000, 0))
    .battery("battery", capacity_wh=10_000, range_w=(-5000, 5000), power="power", soc="soc", setpoint="power")
    .load("household", power="power", assumed_w=2000)
    .strategy("self_consumption")
)


def night(view: mc.View) -> mc.Propose | None:
    if view.time.hour < 4:
        return mc.Propose("battery", 1000, reason="it is night", priority=60)
    return None


def test_a_day_is_the_same_each_time_and_told_in_money_energy_and_a_table() -> None:
    simulated = mc.simulate_control(HOME, days=1, prices=(0.30, 0.08), soc={"battery": 0.3})
    again = mc.simulate_control(HOME.to_dict(), length=timedelta(days=1), prices=(0.30, 0.08), soc={"battery": 0.3})
    assert simulated.to_dict() == again.to_dict()
    assert (simulated.start, simulated.length, simulated.currency) == (START, timedelta(days=1), "EUR")
    assert simulated.violations == ()
    assert simulated.cost == pytest.approx(sum(simulated.costs.values()))
    assert simulated.figures["decisions"] == 1440
    assert [asset.name for asset in simulated.assets] == ["battery"]
    frame = simulated.to_pandas()
    assert len(frame) == len(simulated.to_polars()) == 1440
    assert {"grid_w", "pv_w", "battery_w", "battery_decided_w", "battery_soc", "buy_per_kwh"} <= set(frame.columns)
    bought = np.maximum(frame["grid_w"].to_numpy(), 0).sum() / 60_000
    assert bought == pytest.approx(simulated.figures["import_kwh"], rel=1e-6)
    assert "kWh bought" in str(simulated)
    assert "0 violations" in repr(simulated)


def test_control_is_worth_something_beside_the_same_day_without_it() -> None:
    without = mc.simulate_control(HOME, days=7, control=False, prices=(0.30, 0.08))
    assert mc.simulate_control(HOME, days=7, prices=(0.30, 0.08)).cost < without.cost
    assert without.figures["decisions"] == 0


def test_actors_are_asked_in_the_time_of_the_simulation() -> None:
    seen: list[mc.View] = []

    class Watching:
        def propose(self, view: mc.View) -> None:
            seen.append(view)

    actors = [mc.SimulatedActor("night", night, every="5m"), mc.SimulatedActor("watching", Watching(), every="1h")]
    simulated = mc.simulate_control(HOME, days=1, prices=0.25, soc={"battery": 0.2}, actors=actors)
    assert len(seen) == 24
    assert seen[13].time - seen[12].time == timedelta(hours=1)
    assert seen[0].prices.buy_per_kwh == 0.25
    at = START + timedelta(hours=2)
    assert "night (priority 60) wished for 1000 W: it is night" in simulated.why("battery", at)
    assert simulated.to_pandas()["battery_decided_w"].loc[at + timedelta(minutes=10)] == 1000
    with pytest.raises(mc.NotFoundError):
        simulated.why("heat_pump", at)


def test_what_an_actor_raises_ends_the_simulation() -> None:
    def broken(view: mc.View) -> None:
        raise ZeroDivisionError("no sun")

    begun = time.monotonic()
    with pytest.raises(ZeroDivisionError, match="no sun") as raised:
        mc.simulate_control(HOME, days=300, actors={"broken": broken})
    assert raised.traceback[-1].name == "broken"
    assert time.monotonic() - begun < 30
    with pytest.raises(mc.InvalidError, match=r"actors has 5, expected memcore\.SimulatedActor"):
        mc.simulate_control(HOME, actors=[5])  # type: ignore[list-item]


def test_prices_are_one_a_pair_a_file_a_table_or_invented(tmp_path: Path) -> None:
    hours = pd.date_range("2026-05-31", periods=72, freq="h", tz="UTC")
    dear = np.where(hours.hour < 12, 0.1, 0.5)
    table = mc.simulate_control(HOME, days=1, prices={"time": hours, "buy_per_kwh": dear}).to_pandas()
    assert set(table["buy_per_kwh"][:600]) == {0.1}
    assert set(table["buy_per_kwh"][800:1400]) == {0.5}
    file = tmp_path / "prices.csv"
    pd.DataFrame({"time": hours.strftime("%Y-%m-%dT%H:%M:%SZ"), "buy": dear}).to_csv(file, index=False)
    assert mc.simulate_control(HOME, days=1, prices=file).to_pandas()["buy_per_kwh"].equals(table["buy_per_kwh"])
    assert mc.simulate_control(HOME, days=1, prices="invented").to_pandas()["buy_per_kwh"].nunique() > 12
    with pytest.raises(mc.InvalidError, match="prices has no buy_per_kwh"):
        mc.simulate_control(HOME, days=1, prices={"time": hours})
    with pytest.raises(mc.InvalidError, match="prices: 72 times and 2 prices"):
        mc.simulate_control(HOME, days=1, prices={"time": hours, "buy_per_kwh": [1.0, 2.0]})


def test_pictures() -> None:
    simulated = mc.simulate_control(HOME, days=1)
    assert {"power", "state of charge", "price"} <= {panel["name"] for panel in simulated.chart()["panels"]}
    assert "<svg" in simulated.to_html()
    assert "kWh bought" in simulated._repr_html_()
    drawn = simulated.plot()
    assert len(drawn.axes) >= 3


def test_progress_and_what_cannot_be_simulated(tmp_path: Path) -> None:
    told: list[mc.Progress] = []
    mc.simulate_control(HOME, days=3, progress=told.append)
    assert told[-1].part == 1.0
    assert len(told) > 2
    with pytest.raises(mc.InvalidError, match="days is 0"):
        mc.simulate_control(HOME, days=0)
    with pytest.raises(mc.InvalidError, match="both days and length"):
        mc.simulate_control(HOME, days=1, length="1d")
    with pytest.raises(mc.InvalidError, match="step is"):
        mc.simulate_control(HOME, days=1, step="2h")
    with pytest.raises(mc.InvalidError, match=r"soc of battery is 1\.5"):
        mc.simulate_control(HOME, days=1, soc={"battery": 1.5})
    with pytest.raises(mc.InvalidError, match="model is missing"):
        mc.simulate_control()
    with pytest.raises(mc.IoError, match=r"nowhere\.toml"):
        mc.simulate_control(tmp_path / "nowhere.toml")


def test_a_scenario_says_what_must_be_true(tmp_path: Path) -> None:
    (tmp_path / "home.toml").write_text(HOME.to_toml())
    scenario = tmp_path / "night.toml"
    scenario.write_text(
        textwrap.dedent("""
        about = "A night without anything."
        model = "home.toml"
        from = "2026-06-01T00:00:00Z"
        for = "1h"
        step = "10s"
        [[expect]]
        always = "violations == 0"
        """)
    )
    simulated = mc.simulate_control(scenario=scenario)
    assert (simulated.about, simulated.failures) == ("A night without anything.", ())
    with pytest.raises(mc.InvalidError, match="days is given beside a scenario"):
        mc.simulate_control(scenario=scenario, days=1)


def test_ctrl_c_ends_a_simulation() -> None:
    program = """
        import memcore as mc
        model = (mc.SiteModel("home1").grid_meter("grid", power="power")
            .battery("battery", capacity_wh=10_000, range_w=(-5000, 5000), power="power", soc="soc", setpoint="power"))
        print("begun", flush=True)
        try:
            mc.simulate_control(model, days=366, step="1s")
        except KeyboardInterrupt:
            print("ended")
    """
    child = subprocess.Popen([sys.executable, "-c", textwrap.dedent(program)], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "begun\n"
    time.sleep(0.5)
    child.send_signal(signal.SIGINT)
    out, _ = child.communicate(timeout=30)
    assert (out, child.returncode) == ("ended\n", 0)
