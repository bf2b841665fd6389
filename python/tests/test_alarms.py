"""Alarms as a program sees them: as they change, and what was said of them."""

from __future__ import annotations

import asyncio
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

import memcore as mc

WATCH = {"kind": "threshold", "series": "home1.*.power", "above": 9, "unit": "kW"}
# What a listener has room for, as the core says it.
KEPT = 1024


@contextmanager
def meter(server: mc.Server, channels: int = 1) -> Generator[mc.Device]:
    names = ["power", *(f"power{at}" for at in range(1, channels))]
    with mc.Device(server.enroll("home1.meter"), [mc.Channel(name, "W", quantity="power") for name in names]) as device:
        yield device


def say(device: mc.Device, *watts: float) -> None:
    device.send_now(watts)
    device.flush()


def test_an_alarm_is_followed_from_raised_to_cleared(server: mc.Server) -> None:
    rule = server.alarms.add_rule("too much", WATCH, severity="critical")
    with server.alarms.subscribe() as changes, meter(server) as device:
        say(device, 9500.0)
        raised = next(changes)
        assert (raised["what"], raised["state"], raised["rule"]) == ("raised", "raised", rule["id"])
        assert (raised["subject"], raised["value"], raised["unit"]) == ("home1.meter.power", 9.5, "kW")
        assert abs(raised["raised"] - datetime.now(timezone.utc)) < timedelta(minutes=1)
        server.alarms.acknowledge(raised["id"], "on my way", by="ada")
        known = changes.next("20s")
        assert known is not None
        assert (known["what"], known["state"], known["id"]) == ("acknowledged", "acknowledged", raised["id"])
        assert known["acknowledged"] is not None
        assert known["acknowledged"]["note"] == "on my way"
        say(device, 100.0)
        cleared = changes.next(timedelta(seconds=20))
        assert cleared is not None
        assert (cleared["what"], cleared["state"], cleared["id"]) == ("cleared", "cleared", raised["id"])
        assert cleared["cleared"] is not None
        [found] = server.alarms.find()
        assert {**found, "what": "cleared"} == cleared
        assert changes.lost == 0
    assert list(changes) == []
    assert changes.next("1s") is None


def test_who_waits_with_a_timeout_loses_nothing(server: mc.Server) -> None:
    server.alarms.add_rule("too much", WATCH)
    changes, elsewhere = server.alarms.subscribe(), server.alarms.subscribe(operator="acme")
    begun = time.monotonic()
    with pytest.raises(mc.TimeoutError, match="timeout, which is 50ms") as raised:
        changes.next("50ms")
    assert raised.value.retry == "safe"
    assert time.monotonic() - begun < 5
    with pytest.raises(TimeoutError):
        changes.next("0s")
    with meter(server) as device:
        say(device, 9500.0)
        seen: list[mc.AlarmChange | None] = []
        while not seen:
            with suppress(mc.TimeoutError):
                seen.append(changes.next("1ms"))
    assert [change["what"] for change in seen if change] == ["raised"]
    with pytest.raises(mc.TimeoutError):
        elsewhere.next("10ms")
    with pytest.raises(mc.InvalidError, match="timeout is 'soon'"):
        changes.next("soon")


def test_a_slow_reader_learns_how_many_it_lost(server: mc.Server) -> None:
    channels, rules = 60, 10
    changes, quick = server.alarms.subscribe(), server.alarms.subscribe()
    watch = {"kind": "threshold", "series": "home1.meter.*", "above": 9000}
    made = [server.alarms.add_rule(f"rule {at}", watch)["id"] for at in range(rules)]
    with meter(server, channels) as device:
        say(device, *[9500.0] * channels)
        raised = [quick.next("20s") for _ in range(channels * rules)]
        for rule in made:
            server.alarms.remove_rule(rule)
    cleared = [quick.next("20s") for _ in range(channels * rules)]
    assert {change["what"] for change in raised if change} == {"raised"}
    assert {change["what"] for change in cleared if change} == {"cleared"}
    assert quick.lost == 0
    # The oldest were dropped: what is left is the latest, in order and without a gap.
    kept = [changes.next("20s") for _ in range(KEPT)]
    assert changes.lost == 2 * channels * rules - KEPT
    assert kept == (raised + cleared)[-KEPT:]


async def test_the_end_of_the_server_ends_the_iteration(tmp_path: Path) -> None:
    async with mc.serve(tmp_path / "site", listen="127.0.0.1:0") as server:
        changes, followed = server.alarms.subscribe(), server.alarms.subscribe()
        server.alarms.add_rule("too much", WATCH)

        async def follow() -> list[str]:
            return [change["what"] async for change in followed]

        following = asyncio.ensure_future(follow())
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(changes.__anext__(), 0.02)
        with meter(server) as device:
            await device.send_now_async([9500.0])
            assert (await asyncio.wait_for(changes.__anext__(), 20))["what"] == "raised"
    assert await asyncio.wait_for(following, 10) == ["raised"]
    assert [change async for change in changes] == []
    assert changes.next("1s") is None
    with pytest.raises(mc.ClosedError):
        server.alarms.subscribe()


def test_closing_ends_a_wait_on_another_thread(server: mc.Server) -> None:
    changes = server.alarms.subscribe()
    ended: list[object] = []
    waiting = threading.Thread(target=lambda: ended.extend([list(changes), changes.next("20s")]))
    waiting.start()
    time.sleep(0.05)
    changes.close()
    changes.close()
    waiting.join(5)
    assert not waiting.is_alive()
    assert ended == [[], None]


@pytest.mark.parametrize("wait", ["next(changes)", "changes.next('30s')"])
def test_ctrl_c_ends_a_wait(tmp_path: Path, wait: str) -> None:
    program = (
        "import memcore as mc\n"
        f"with mc.serve({str(tmp_path / 'site')!r}, listen='127.0.0.1:0') as server:\n"
        "    with server.alarms.subscribe() as changes:\n"
        "        print('waiting', flush=True)\n"
        f"        {wait}\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == b"waiting\n"
        time.sleep(0.2)
        running.send_signal(signal.SIGINT)
        _, said = running.communicate(timeout=20)
    assert b"KeyboardInterrupt" in said


def test_alarms_are_typed_as_rest_describes_them(server: mc.Server) -> None:
    described = server.ask("GET", "/openapi.json")["components"]["schemas"]["Alarm"]["properties"]
    assert {name.removesuffix("_us") for name in described} == set(mc.Alarm.__annotations__)
    with pytest.raises(mc.InvalidError, match="operator"):
        server.alarms.subscribe(operator="a b")


def test_a_rule_is_changed_by_what_is_given(server: mc.Server) -> None:
    quiet = {"from": "22:00", "to": "07:00", "zone": "Europe/Berlin", "lets_through": "critical"}
    made = server.alarms.add_rule("too much", WATCH, enabled=False, quiet=quiet, remind="1h")
    changed = server.alarms.change_rule(made["id"], severity="critical", enabled=True)
    assert changed == {**made, "severity": "critical", "enabled": True}
    changed = server.alarms.change_rule(
        made["id"], watch={**WATCH, "above": 12}, quiet=False, remind=timedelta(hours=2)
    )
    assert (changed["watch"]["above"], changed["quiet"], changed["remind"]) == (12, None, "7200000000us")
    assert server.alarms.change_rule("device-offline", enabled=False)["built_in"]
    with pytest.raises(mc.NotFoundError, match="none"):
        server.alarms.change_rule("none", enabled=True)
    with pytest.raises(mc.ConflictError, match="device-offline"):
        server.alarms.remove_rule("device-offline")


def test_who_is_told_is_made_tried_changed_and_removed(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        origin = f"http://127.0.0.1:{taken.getsockname()[1]}"
    config = {"path": str(tmp_path / "site"), "gateway.listen": "127.0.0.1:0", "alarms.webhook_allow": [origin]}
    with mc.serve(config=config) as server:
        way = {"kind": "webhook", "url": f"{origin}/in", "secret": "0123456789abcdef"}
        made = server.alarms.add_notifier("on call", way)
        assert (made["name"], made["enabled"], made["signed"], made["last_sent"]) == ("on call", True, True, None)
        rule = server.alarms.add_rule("too much", WATCH, notify=[made["id"]])
        # Nobody listens there any more.
        problem = server.alarms.test_notifier(made["id"])
        assert problem is not None
        assert server.alarms.notifiers()[0]["last_problem"] == problem
        changed = server.alarms.change_notifier(made["id"], name="nobody", enabled=False)
        assert (changed["name"], changed["enabled"], changed["signed"]) == ("nobody", False, True)
        moved = server.alarms.change_notifier(made["id"], way={"kind": "webhook", "url": f"{origin}/out"})
        assert (moved["name"], moved["enabled"], moved["url"]) == ("nobody", False, f"{origin}/out")
        server.alarms.remove_notifier(made["id"])
        assert server.alarms.notifiers() == []
        assert [known["notify"] for known in server.alarms.rules() if known["id"] == rule["id"]] == [[]]
        with pytest.raises(mc.NotFoundError, match=made["id"]):
            server.alarms.change_notifier(made["id"], name="gone")
