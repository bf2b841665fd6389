"""A server in this process: devices arrive, readings and events are followed, commands are answered."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

import memcore as mc

UTC = timezone.utc
START = datetime(2024, 6, 20, tzinfo=UTC)
POWER = mc.Channel("power", unit="W")
SETPOINT = mc.Channel("power", unit="kW", writable=True, range=(-5, 5))


def until(done: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not done():
        assert time.monotonic() < end, "it did not come to pass within 20 s"
        time.sleep(0.01)


async def test_a_street_is_simulated_followed_commanded_and_read_back(tmp_path: Path) -> None:
    async with mc.serve(tmp_path / "site", listen="127.0.0.1:0") as server:
        assert server.address == f"127.0.0.1:{server.port}"
        followed = server.subscribe("home1.*.power")
        async with mc.simulate(server, devices=4, speed=None, duration="10m", start=START) as simulation:
            report = await simulation.finish_async()
        assert report["rows_sent"] == 4 * 600
        assert report["rows_not_durable"] == 0
        assert tuple(simulation.sent) == (report["rows_sent"], report["points_sent"])
        reading = await followed.__anext__()
        assert reading.time == START + timedelta(seconds=1)
        assert reading.time_us == (START - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) + 10**6
        assert server.stats()["points_durable"] == report["points_sent"]
        result = server.mem.query("home1.*.power", every="5m", agg="count")
        assert result.series == ["home1.battery.power", "home1.house.power", "home1.pv.power"]
        assert [count for *_, count in result] == [299, 300, 1] * 3
        async with mc.simulate(server, devices=4):
            done = await server.command("home1.battery.power", -2000, lease="15m", fallback=0, id="discharge-1")
            again = await server.command("home1.battery.power", -2000, lease="15m", fallback=0, id="discharge-1")
        assert done == again == mc.CommandResult("done", "discharge-1", read_back=-2000.0)
        assert done.ok
    with pytest.raises(mc.ClosedError):
        server.devices()
    server.close()


def test_the_same_without_an_event_loop(server: mc.Server) -> None:
    with server.subscribe("home1.pv.>") as followed, server.events() as events:
        with mc.simulate(server, devices=2, speed=10.0, duration="1h", start=START) as simulation:
            reading = next(followed)
            until(lambda: simulation.sent.rows > 4)
        assert reading.series.startswith("home1.pv.")
        event = next(events)
        assert (event["event"], event["device"]) == ("connected", "home1.hem")
        assert abs(event["time"] - datetime.now(UTC)) < timedelta(minutes=1)
        assert followed.lost == events.lost == 0
    assert list(followed) == []
    assert [device["device"] for device in server.devices()] == ["home1.hem", "home1.pv"]


def test_a_program_is_a_device(server: mc.Server) -> None:
    asked: list[tuple[str, float]] = []

    def carry_out(channel: str, kilowatts: float) -> float:
        asked.append((channel, kilowatts))
        if kilowatts > 3:
            raise RuntimeError("the inverter is too warm")
        server.mem.write("home1.note.power", START, kilowatts, unit="kW")  # A callback may use the site.
        return kilowatts / 2

    with mc.Device(server.enroll("home1.battery"), [SETPOINT], carry_out) as device:
        device.send(START, [1.25])
        device.send(START + timedelta(seconds=1), [None])
        device.flush()
        assert (device.state, device.backlog) == ("open", 0)
        assert server.mem.latest("home1.battery.>") == {"home1.battery.power": (START, 1250.0)}
        done = server.command_sync("home1.battery.power", 2000)
        assert (done.state, done.read_back) == ("done", 1000.0)
        refused = server.command_sync("home1.battery.power", 4000, expires="5s")
        assert (refused.state, refused.code, refused.reason) == ("refused", "failed", "the inverter is too warm")
        assert not refused.ok
        assert asked == [("power", 2.0), ("power", 4.0)]
        with pytest.raises(mc.InvalidError, match="2 values, expected 1"):
            device.send(START, [1.0, 2.0])
    with pytest.raises(mc.ClosedError, match="the device was closed"):
        device.send(START, [1.0])


def test_what_cannot_be_asked_is_raised_and_what_did_not_happen_is_a_result(server: mc.Server) -> None:
    bundle = server.enroll("home1.battery")
    with mc.Device(bundle, [SETPOINT, mc.Channel("soc", unit="%", quantity="state_of_charge")]) as device:
        device.send(START, [0.0, 50.0])
        device.flush()
        calls: dict[str, Callable[[], object]] = {
            "lease without a fallback": lambda: server.command_sync("home1.battery.power", 1, lease="1m"),
            "takes no commands": lambda: server.command_sync("home1.battery.soc", 1),
            "lease is 'soon'": lambda: server.command_sync("home1.battery.power", 1, lease="soon", fallback=0),
            "nan|NaN": lambda: server.command_sync("home1.battery.power", float("nan")),
        }
        for words, call in calls.items():
            with pytest.raises(mc.InvalidError, match=words):
                call()
        with pytest.raises(mc.NotFoundError, match=r"home1\.battery\.voltage"):
            server.command_sync("home1.battery.voltage", 1)
        refused = server.command_sync("home1.battery.power", 1)
        assert (refused.state, refused.code) == ("refused", "not_writable")
    expired = server.command_sync("home1.battery.power", 1, expires="100ms")
    assert expired.state == "expired"
    server.revoke("home1.battery")
    with pytest.raises(mc.UnauthorizedError, match="the server refused the device"):
        mc.Device(bundle, [SETPOINT])
    with pytest.raises(PermissionError):
        mc.Device(bundle, [SETPOINT])


def test_a_device_may_prove_itself_by_a_certificate_from_a_file(server: mc.Server, tmp_path: Path) -> None:
    bundle = server.enroll("home1.pv", proof="certificate")
    assert "credential" not in bundle
    (tmp_path / "bundle.json").write_text(json.dumps(bundle))
    with mc.Device(tmp_path / "bundle.json", [POWER]) as device:
        device.send(START, [1.0])
    assert server.mem.latest() == {"home1.pv.power": (START, 1.0)}
    with pytest.raises(mc.InvalidError, match='proof is "password"'):
        server.enroll("home1.pv", proof="password")  # type: ignore[arg-type]
    with pytest.raises(mc.InvalidError, match="bundle is no device bundle"):
        mc.Device({}, [POWER])


async def test_cancelled_waits_lose_nothing(server: mc.Server) -> None:
    rows = 400
    followed = server.subscribe("home1.pv.power")
    device = mc.Device(server.enroll("home1.pv"), [POWER])

    def send() -> None:
        for row in range(rows):
            device.send(row, [float(row)])
            time.sleep(0.001)

    sending = threading.Thread(target=send)
    sending.start()
    got: list[int] = []
    while len(got) < rows:
        with contextlib.suppress(asyncio.TimeoutError):
            got.append((await asyncio.wait_for(followed.__anext__(), 0.0015)).time_us)
    sending.join()
    device.close()
    assert got == list(range(rows))
    assert followed.lost == 0


async def test_closing_ends_every_wait(tmp_path: Path) -> None:
    async with mc.serve(tmp_path / "site", listen="127.0.0.1:0") as server:
        followed, events = server.subscribe(), server.events()
        waiting = [asyncio.ensure_future(anext_or_none(feed)) for feed in (followed, followed, events)]
        await asyncio.sleep(0.05)
        followed.close()
        assert await asyncio.wait_for(waiting[0], 5) is None
        assert await asyncio.wait_for(waiting[1], 5) is None
    assert await asyncio.wait_for(waiting[2], 5) is None
    assert [event async for event in events] == []


async def anext_or_none(feed: mc.Subscription | mc.Events) -> object:
    try:
        return await feed.__anext__()
    except StopAsyncIteration:
        return None


async def test_a_blocking_call_inside_a_running_loop(server: mc.Server) -> None:
    """As in a notebook, whose cells run in a loop."""
    server.mem.write("home1.pv.power", START, 1, unit="W")
    assert len(server.mem.query("home1.pv.power")) == 1
    with mc.simulate(server, devices=1, speed=None, duration="1m", start=START) as simulation:
        assert simulation.finish()["rows_sent"] == 60


async def test_a_device_in_an_event_loop(server: mc.Server) -> None:
    async with mc.Device(server.enroll("home1.pv"), [POWER]) as device:
        for second in range(3):
            await device.send_async(START + timedelta(seconds=second), [float(second)])
    assert len(server.mem.query("home1.pv.power")) == 3
    assert device.state == "closed"


def test_a_simulation_can_be_given_up(server: mc.Server) -> None:
    simulation = mc.simulate(server, devices=1)
    until(lambda: simulation.sent.rows > 0)
    assert simulation.stop()["rows_not_durable"] == 0
    with pytest.raises(mc.ClosedError, match="the simulation was closed"):
        simulation.stop()
    with pytest.raises(mc.InvalidError, match="needs a length or a start"):
        mc.simulate(server, speed=None)
    with pytest.raises(mc.InvalidError, match="device is missing"):
        mc.simulate(server, replay="x.csv")
    with pytest.raises(OSError, match=r"open nowhere\.csv"):
        mc.simulate(server, replay="nowhere.csv", device="home1.meter")


def test_configuration_says_which_key_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(mc.InvalidError, match=r"gateway\.listen"):
        mc.serve(tmp_path / "site", listen="nowhere")
    with pytest.raises(mc.InvalidError, match=r"store\.sync: .*never"):
        mc.serve(tmp_path / "site", config={"store.sync": "never"})
    (tmp_path / "memcore.toml").write_text('path = "x"\n[gateway]\nlissten = "127.0.0.1:0"\n')
    with pytest.raises(mc.InvalidError, match=r"memcore\.toml.*lissten"):
        mc.serve(config=tmp_path / "memcore.toml")
    with mc.serve(tmp_path / "site", listen="127.0.0.1:0", config={"store.sync": "os"}) as server:
        assert repr(server) == f"<memcore.Server {server.address}>"
        with pytest.raises(mc.LockedError):
            mc.serve(tmp_path / "site", listen="127.0.0.1:0")


def test_a_device_rotates_without_losing_its_session_and_the_trail_says_so(server: mc.Server) -> None:
    def proofs() -> list[tuple[str, bool]]:
        return [(proof["kind"], proof["last_used"] is not None) for proof in server.devices()[0]["proofs"]]

    with mc.Device(server.enroll("home1.pv"), [POWER]) as device:
        device.send(START, [1.0])
        device.flush()
        new = server.rotate("home1.pv", "certificate", overlap="1d")
        device.send(START + timedelta(seconds=1), [2.0])
        device.flush()
        assert proofs() == [("certificate", False), ("secret", True)]
    with mc.Device(new, [POWER]) as device:
        device.send(START + timedelta(seconds=2), [3.0])
        device.flush()
    assert proofs() == [("certificate", True), ("secret", True)]
    server.limit("home1.pv", 100.0, burst=50)
    assert server.devices()[0]["rate"] == {"per_second": 100.0, "burst": 50.0}
    assert [bundle["device"] for bundle in server.enroll_many(["home2.pv", "home3.pv"])] == ["home2.pv", "home3.pv"]
    server.revoke("home1.pv")
    kinds = [entry["kind"] for entry in server.audit(device="home1.pv") if entry["kind"] != "takeover"]
    assert kinds == ["enrolled", "login", "rotated", "login", "limited", "revoked"]
    assert server.audit(kind="revoked")[0]["by"] == "program"
    assert server.verify_audit()["faults"] == []
    assert server.certificate()["refused"] is None
    with pytest.raises(mc.InvalidError, match="login_refused"):
        server.audit(kind="logins")
    with pytest.raises(mc.NotFoundError, match=r"home1\.pv is not enrolled"):
        server.rotate("home1.pv")


def test_a_device_keeps_the_rules_of_its_channels_and_lets_off_for_safety_pass(server: mc.Server) -> None:
    rules = mc.Rules(fallback=0, min_on="5m", ramp_per_s=1000)
    heater = mc.Channel("heater", unit="kW", range=(0, 6), rules=rules)
    applied: list[float] = []

    def apply(_channel: str, value: float) -> float:
        applied.append(value)
        return value

    with mc.Device(server.enroll("home1.heater"), [heater], apply):
        on = server.command_sync("home1.heater.heater", 3000, lease="10m")
        assert (on.state, on.read_back) == ("done", 3000.0)
        off = server.command_sync("home1.heater.heater", 0)
        assert (off.state, off.code) == ("refused", "unsafe")
        assert off.reason is not None
        assert off.reason.startswith("it stays on for another")
        with pytest.raises(mc.InvalidError, match="value is 2 kW, expected 0 for safety"):
            server.command_sync("home1.heater.heater", 2000, safety=True)
        assert server.command_sync("home1.heater.heater", 0, safety=True).ok
    assert applied == [0.0, 3.0, 0.0]
