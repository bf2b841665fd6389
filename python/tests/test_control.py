"""Control as a program uses it: a home whose battery is a device of this process, decided about ten times a second."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from threading import Event, Thread

import pytest

import memcore as mc

UTC = timezone.utc

HOME: dict[str, object] = {
    "site": "home1",
    "zone": "Europe/Berlin",
    "tick": "100ms",
    "lease": "2s",
    "asset": [
        {"name": "grid", "role": "grid_meter", "power": "power", "period": "100ms"},
        {
            "name": "battery",
            "role": "battery",
            "power": "power",
            "soc": "soc",
            "setpoint": "power",
            "range_w": [-5000, 5000],
            "period": "100ms",
            "storage": {"capacity_wh": 10000},
        },
    ],
    "group": [{"name": "steerable", "members": ["battery"]}],
}
BATTERY = [mc.Channel("power", unit="W", writable=True), mc.Channel("soc", unit="1", quantity="state_of_charge")]


class Home:
    """A server that controls, with a grid meter and a battery that do as they are told."""

    def __init__(self, folder: Path, control: dict[str, object] = HOME) -> None:
        self.server = mc.serve(folder, listen="127.0.0.1:0", control=control)
        self.battery_w = 0.0
        self.soc = 0.5
        self._ends = Event()
        self._meter = mc.Device(self.server.enroll("home1.grid"), [mc.Channel("power", unit="W")])
        self._battery = mc.Device(
            self.server.enroll("home1.battery"), BATTERY, self._obey, on_read=lambda channel: self.battery_w
        )
        self._measuring = Thread(target=self._measure)
        self._measuring.start()

    def _obey(self, channel: str, value: float) -> float:
        self.battery_w = value
        return value

    def _measure(self) -> None:
        while not self._ends.wait(0.05):
            self._meter.send_now([300 + self.battery_w])
            self._battery.send_now([self.battery_w, self.soc])

    def close(self) -> None:
        self._ends.set()
        self._measuring.join()
        self._meter.close()
        self._battery.close()
        self.server.close()


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    with at_home(tmp_path / "site") as running:
        yield running


@contextmanager
def at_home(folder: Path) -> Generator[Home]:
    running = Home(folder)
    try:
        # Until the battery's state of charge is known, nothing is granted.
        until(lambda: running.server.control.status().asset("battery").soc is not None)
        yield running
    finally:
        running.close()


def until(holds: Callable[[], bool]) -> None:
    """Wait for it; the test's own time limit is the bound."""
    while not holds():
        time.sleep(0.02)


def outcome_of(server: mc.Server, number: int) -> str | None:
    found = [proposal.outcome for proposal in server.control.status().proposals if proposal.id == number]
    return found[0] if found else None


def test_a_wish_is_granted_carried_out_and_explained(home: Home) -> None:
    number = home.server.propose("battery", -2000, priority=50, reason="the evening is dear", valid_for="15m")
    until(lambda: home.battery_w == -2000)
    assert outcome_of(home.server, number) == "granted"
    status = home.server.control.status()
    battery = status.asset("battery")
    assert (status.site, status.tick, status.enabled) == ("home1", timedelta(milliseconds=100), True)
    assert battery.wish == mc.Wish("program", 50, -2000, "the evening is dear")
    assert "battery" in repr(status)
    assert "the evening is dear" in repr(status)
    assert "<table>" in status._repr_html_()
    why = home.server.control.why("home1.battery.power")
    assert "program (priority 50) wished for -2000 W: the evening is dear" in str(why)
    assert why.decided is not None
    assert why.decided.power_w == -2000
    assert {reading.what for reading in why.decided.inputs} >= {"power", "state of charge"}


def test_a_wish_that_is_taken_back_gives_way_to_the_next(home: Home) -> None:
    home.server.propose("battery", 1000, reason="cheap now", priority=30, actor="low", valid_for="1h")
    home.server.propose("battery", -3000, reason="a peak", priority=80, actor="high", valid_for="1h")
    until(lambda: home.battery_w == -3000)
    assert home.server.withdraw("high", "battery") == 1
    until(lambda: home.battery_w == 1000)
    assert home.server.withdraw("low") == 1
    assert home.server.withdraw("low") == 0
    until(lambda: home.battery_w == 0)


def test_bounds_and_targets(home: Home) -> None:
    home.server.propose(role="battery", high_w=500, reason="a limit", priority=90, actor="operator", valid_for="1h")
    home.server.propose(group="steerable", power_w=4000, reason="full", priority=40, valid_for="1h")
    until(lambda: home.battery_w == 500)
    assert home.server.withdraw("operator", role="battery") == 1
    until(lambda: home.battery_w == 4000)
    assert home.server.withdraw(group="steerable") == 1


@pytest.mark.parametrize(
    ("wish", "says"),
    [
        ({"asset": "battery", "power_w": float("nan")}, "power_w is NaN"),
        ({"asset": "battery", "power_w": "2 kW"}, "power_w is '2 kW', expected a number of W"),
        ({"asset": "batery", "power_w": 1}, "batery"),
        ({"role": "batteries", "power_w": 1}, 'role is "batteries", expected one of grid_meter'),
        ({"asset": "battery", "power_w": 1, "priority": 101}, "priority is 101, expected 1 to 100"),
        ({"asset": "battery", "low_w": 10, "high_w": -10}, "low_w is 10"),
        ({"asset": "battery", "power_w": 1, "valid_for": "2d"}, "valid_for is"),
        ({"asset": "battery", "power_w": 1, "valid_for": "soon"}, "valid_for is 'soon'"),
        ({"asset": "battery", "role": "battery", "power_w": 1}, "expected exactly one"),
        ({"asset": "battery"}, "power_w"),
    ],
)
def test_a_wish_that_cannot_be_is_refused_by_name(home: Home, wish: dict[str, object], says: str) -> None:
    with pytest.raises(mc.InvalidError) as raised:
        home.server.propose(**{"reason": "a test", **wish})  # type: ignore[arg-type]
    assert says in str(raised.value)
    assert home.battery_w == 0


def test_a_function_is_an_actor(home: Home) -> None:
    seen: list[mc.View] = []

    @home.server.actor("night", every="100ms", budget="500ms")
    def night(view: mc.View) -> mc.Propose | None:
        seen.append(view)
        battery = view.assets["battery"]
        if battery.soc is not None and battery.soc < 0.3:
            return mc.Propose("battery", 2000, reason="low at night")
        return None

    until(lambda: len(seen) > 2)
    view = seen[-1]
    assert view.site == "home1"
    assert abs(view.time - datetime.now(UTC)) < timedelta(minutes=1)
    assert view.grid_w == 300
    assert (view.assets["battery"].role, view.assets["battery"].soc) == ("battery", 0.5)
    assert (view.assets["battery"].low_w, view.assets["battery"].high_w) == (-5000, 5000)
    assert view.plan is None
    assert home.battery_w == 0
    home.soc = 0.2
    until(lambda: home.battery_w == 2000)
    assert home.server.control.status().asset("battery").wish == mc.Wish("night", 50, 2000, "low at night")
    assert night is not None
    home.server.remove_actor("night")
    until(lambda: home.battery_w == 0)
    with pytest.raises(mc.NotFoundError):
        home.server.remove_actor("night")


def test_a_class_is_an_actor_and_may_wish_for_more_than_one_thing(home: Home) -> None:
    class Careful:
        def __init__(self, most_w: float) -> None:
            self.most_w = most_w

        def propose(self, view: mc.View) -> list[mc.Propose]:
            cap = mc.Propose(role="battery", low_w=-self.most_w, high_w=self.most_w, priority=70, reason="it is old")
            return [cap, mc.Propose(group="steerable", power_w=5000, reason="more", priority=20)]

    home.server.control.add_actor("careful", Careful(800), every="100ms")
    until(lambda: home.battery_w == 800)

    @home.server.actor("plain", every="100ms")
    class Plain:
        def propose(self, view: mc.View) -> mc.Propose:
            return mc.Propose("battery", -300, reason="plain", priority=60)

    until(lambda: home.battery_w == -300)
    assert Plain is not None


def test_what_an_actor_raises_is_its_own_failure(home: Home, caplog: pytest.LogCaptureFixture) -> None:
    @home.server.actor("broken", every="100ms")
    def broken(view: mc.View) -> None:
        raise KeyError("heat pump")

    @home.server.actor("sound", every="100ms")
    def sound(view: mc.View) -> mc.Propose:
        return mc.Propose("battery", -700, reason="sound")

    until(lambda: home.battery_w == -700)
    until(lambda: home.server.control.status().actor("broken").fault is not None)
    status = home.server.control.status()
    assert "KeyError: 'heat pump'" in str(status.actor("broken").fault)
    assert any("broken" in fault for fault in status.faults)
    assert status.actor("sound").fault is None
    assert "actor broken: " in repr(status)
    # With its traceback, and not ten times a second: it is asked ever more rarely.
    assert 'raise KeyError("heat pump")' in caplog.text
    assert status.actor("broken").asked < status.actor("sound").asked


def test_what_an_actor_wishes_for_and_cannot_be_is_visible(home: Home) -> None:
    told: list[object] = [mc.Propose("battery", float("nan"), reason="odd")]

    @home.server.actor("odd", every="100ms")
    def odd(view: mc.View) -> mc.Propose | None:
        return told[0]  # type: ignore[return-value]

    def fault() -> str:
        return home.server.control.status().actor("odd").fault or ""

    until(lambda: "power_w is NaN" in fault())
    assert home.server.control.status().actor("odd").refused > 0
    told[0] = mc.Propose("battery", 1, reason="odd", priority=300)
    until(lambda: "priority is 300, expected 1 to 100" in fault())
    told[0] = {"battery": 1}
    until(lambda: "returned {'battery': 1}, expected memcore.Propose" in fault())
    assert home.battery_w == 0


def test_an_actor_that_sleeps_delays_nobody(home: Home) -> None:
    woken = Event()

    @home.server.actor("slow", every="100ms", budget="200ms")
    def slow(view: mc.View) -> mc.Propose:
        woken.wait(10)
        return mc.Propose("battery", 4000, reason="slow", priority=99)

    @home.server.actor("quick", every="100ms")
    def quick(view: mc.View) -> mc.Propose:
        return mc.Propose("battery", -900, reason="quick")

    until(lambda: home.server.control.status().actor("slow").overran == 1)
    before = home.server.control.status().ticks.count
    until(lambda: home.battery_w == -900)
    until(lambda: home.server.control.status().ticks.count > before + 5)
    slow_status = home.server.control.status().actor("slow")
    assert slow_status.busy
    assert "200" in str(slow_status.fault)
    # What it answers late is dropped.
    woken.set()
    until(lambda: not home.server.control.status().actor("slow").busy)
    assert home.battery_w == -900


def test_names_and_kinds_of_actors(home: Home) -> None:
    async def later(view: mc.View) -> None: ...

    with pytest.raises(mc.InvalidError, match="actor later is async"):
        home.server.control.add_actor("later", later)  # type: ignore[arg-type]
    with pytest.raises(mc.InvalidError, match="actor five is 5"):
        home.server.control.add_actor("five", 5)  # type: ignore[arg-type]
    with pytest.raises(mc.InvalidError, match="budget is 0"):
        home.server.control.add_actor("hasty", lambda view: None, budget="0s")
    home.server.control.add_actor("once", lambda view: None)
    with pytest.raises(mc.ConflictError, match="once"):
        home.server.control.add_actor("once", lambda view: None)


def test_an_actor_may_use_the_server(home: Home) -> None:
    @home.server.actor("asking", every="100ms", budget="5s")
    def asking(view: mc.View) -> mc.Propose:
        latest = home.server.mem.latest("home1.battery.soc")["home1.battery.soc"]
        return mc.Propose("battery", round(1000 * latest[1]), reason="as full as it is")

    until(lambda: home.battery_w == 500)


def test_pause_and_resume(home: Home) -> None:
    home.server.propose("battery", 1500, reason="to see it", valid_for="1h")
    until(lambda: home.battery_w == 1500)
    assert home.server.control.pause()
    assert not home.server.control.pause()
    status = home.server.control.status()
    assert (status.enabled, status.paused_by is not None) == (False, True)
    # Its lease ends at the device: what it was told does not outlive control.
    until(lambda: home.battery_w == 0)
    assert "paused" in str(home.server.control.why("battery"))
    assert home.server.control.resume()
    until(lambda: home.battery_w == 1500)


def test_events_with_and_without_an_event_loop(home: Home) -> None:
    with home.server.control.events() as events:
        home.server.propose("battery", 1200, reason="to see it", valid_for="1h")
        decided = next(event for event in events if event["kind"] == "decided" and event["power_w"] == 1200)
        assert (decided["asset"], decided["wish"]["actor"]) == ("battery", "program")
        assert abs(decided["time"] - datetime.now(UTC)) < timedelta(minutes=1)
        answered = next(event for event in events if event["kind"] == "answered" and event["value"] == 1200)
        assert answered["state"] == "done"

    async def paused() -> dict[str, object]:
        with home.server.control.events() as later:
            home.server.control.pause()
            async for event in later:
                if event["kind"] == "paused":
                    return event
        raise AssertionError("the events ended")

    assert "by" in asyncio.run(paused())


def test_why_of_a_time_and_of_a_stopped_site(tmp_path: Path) -> None:
    with at_home(tmp_path / "site") as home:
        home.server.propose("battery", -1000, reason="to see it", valid_for="1h")
        until(lambda: home.battery_w == -1000)
        now = datetime.now(UTC)
        assert "to see it" in str(home.server.control.why("battery", at=now + timedelta(seconds=1)))
        assert "does not reach back" in str(home.server.control.why("battery", at="2020-01-01 14:05"))
        assert home.server.control.why("battery", at="10m").decided is None
        with pytest.raises(mc.InvalidError, match="noon"):
            home.server.control.why("battery", at="noon")
        with pytest.raises(mc.InvalidError, match="without a zone"):
            home.server.control.why("battery", at=datetime(2026, 1, 1))
        with pytest.raises(mc.NotFoundError):
            home.server.control.why("heat_pump")
    with mc.open(tmp_path / "site") as mem:
        assert "to see it" in str(mem.why("battery", at=now))
        assert mem.why("home1.battery.power", at="10m").decided is None
    with mc.memory() as mem:
        assert mem.why("battery").decided is None


def test_a_server_without_a_model_controls_nothing(server: mc.Server) -> None:
    for asked in (
        server.control.status,
        server.control.pause,
        server.control.events,
        lambda: server.propose("battery", 1, reason="a test"),
    ):
        with pytest.raises(mc.NotFoundError, match="controls no site"):
            asked()


def test_a_model_that_cannot_be_is_refused_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(mc.InvalidError, match="control is no site model: unknown field `assetts`"):
        mc.serve(tmp_path / "a", listen="127.0.0.1:0", control={"site": "home1", "assetts": []})
    with pytest.raises(mc.InvalidError, match="there is no such file"):
        mc.serve(tmp_path / "b", listen="127.0.0.1:0", control=tmp_path / "home.control.toml")
    model = tmp_path / "home.control.toml"
    model.write_text('site = "home1"\n[[asset]]\nname = "grid"\nrole = "grid_meter"\npower = "power"\n')
    with mc.serve(tmp_path / "c", listen="127.0.0.1:0", control=model) as server:
        assert [asset.asset for asset in server.control.status().assets] == ["grid"]


def test_closing_while_an_actor_thinks_neither_hangs_nor_aborts(tmp_path: Path) -> None:
    thinking, woken = Event(), Event()
    with at_home(tmp_path / "site") as home:

        @home.server.actor("deep", every="100ms")
        def deep(view: mc.View) -> mc.Propose:
            thinking.set()
            woken.wait(10)
            return mc.Propose("battery", 1, reason="late")

        thinking.wait()
    with pytest.raises(mc.ClosedError):
        home.server.control.status()
    woken.set()


def test_the_interpreter_ends_with_actors_running(tmp_path: Path) -> None:
    program = """
        import sys, threading, time
        import memcore as mc
        server = mc.serve(sys.argv[1], listen="127.0.0.1:0", control={
            "site": "home1", "tick": "100ms", "lease": "2s",
            "asset": [{"name": "grid", "role": "grid_meter", "power": "power"}]})
        asked = threading.Event()
        @server.actor("busy", every="100ms")
        def busy(view):
            asked.set()
            time.sleep(0.3)
        @server.actor("spinning", every="100ms")
        def spinning(view):
            sum(range(100_000))
        asked.wait()
        print("the end")
    """
    command = [sys.executable, "-c", textwrap.dedent(program), str(tmp_path / "site")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=50)
    assert (done.returncode, done.stdout, done.stderr) == (0, "the end\n", "")
