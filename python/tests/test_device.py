"""A device from Python: rows one by one and in bulk, outages and restarts with a buffer, commands, times, refusals."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

import memcore as mc

CHANNELS = [
    mc.Channel("power", "W"),
    mc.Channel("relay", "on/off", quantity="switch", kind="state", writable=True),
]
UTC = timezone.utc
START = datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)


def at(row: float) -> datetime:
    return START + timedelta(seconds=row)


@pytest.fixture
def away(tmp_path: Path) -> tuple[Path, str, dict[str, str]]:
    """A site whose server is away, where it listens when it is there, and the bundle of ``home1.hem``."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        listen = f"127.0.0.1:{free.getsockname()[1]}"
    with mc.serve(tmp_path / "site", listen=listen) as running:
        bundle = running.enroll("home1.hem")
    return tmp_path / "site", listen, bundle


def powers(server: mc.Server) -> list[float]:
    return [value for _, _, value, *_ in server.mem.query("home1.hem.power")]


def test_rows_are_sent_one_by_one_and_in_bulk_and_are_durable_after_a_flush(server: mc.Server) -> None:
    with mc.Device(server.enroll("home1.hem"), CHANNELS) as device:
        assert device.state == "open"
        assert device.send(at(1), [1466.5, 1]) == 1
        assert device.send(at(2), [None, None]) == 2
        last = device.send_many([at(row) for row in range(3, 1003)], {"power": [float(row) for row in range(1000)]})
        assert last == 1002
        assert device.send_many([], [[], []]) is None
        device.flush()
        assert (device.backlog, device.durable, device.dropped, device.rejected) == (0, 1002, 0, (0, None))
    assert powers(server)[:3] == [1466.5, 0.0, 1.0]
    assert len(powers(server)) == 1001
    assert len(server.mem.query("home1.hem.relay")) == 1


def test_bulk_rows_come_from_numpy_with_nan_for_what_was_not_measured(server: mc.Server) -> None:
    np = pytest.importorskip("numpy")
    times = np.datetime64("2024-01-01T00:00:00", "us") + np.arange(10_000) * np.timedelta64(1, "s")
    power = np.arange(10_000.0)
    power[17] = np.nan
    with mc.Device(server.enroll("home1.hem"), CHANNELS) as device:
        assert device.send_many(times, {"power": power, "relay": np.ones(10_000)}) == 10_000
        device.flush()
    assert (len(powers(server)), len(server.mem.query("home1.hem.relay"))) == (9_999, 10_000)


def test_a_wrong_row_is_refused_by_name_and_nothing_of_it_is_sent(server: mc.Server) -> None:
    with mc.Device(server.enroll("home1.hem"), CHANNELS) as device:
        with pytest.raises(mc.InvalidError, match="1 values, expected 2"):
            device.send(at(1), [1.0])
        with pytest.raises(mc.InvalidError, match="inf"):
            device.send(at(1), [float("inf"), None])
        with pytest.raises(mc.InvalidError, match=r"pwoer.*power, relay"):
            device.send_many([at(1)], {"pwoer": [1.0]})
        with pytest.raises(mc.InvalidError, match="2 values, expected 1"):
            device.send_many([at(1)], {"power": [1.0, 2.0]})
        assert device.backlog == 0


def test_a_buffer_keeps_rows_across_restarts_while_the_server_is_away(
    away: tuple[Path, str, dict[str, str]], tmp_path: Path
) -> None:
    site, listen, bundle = away
    (tmp_path / "bundle.json").write_text(json.dumps(bundle))
    for run in range(2):
        device = mc.Device(tmp_path / "bundle.json", CHANNELS, buffer=tmp_path / "buffer", wait=False)
        assert device.backlog == run * 100
        for row in range(run * 100, run * 100 + 100):
            device.send(at(row), [float(row), None])
        device.close()
    with mc.serve(site, listen=listen) as server:
        device = mc.Device(bundle, CHANNELS, buffer=tmp_path / "buffer", buffer_sync="each")
        device.flush()
        assert powers(server) == [float(row) for row in range(200)]
        assert server.stats()["points_durable"] == 200
        with pytest.raises(mc.LockedError):
            mc.Device(bundle, CHANNELS, buffer=tmp_path / "buffer", wait=False)
        device.close()
        with pytest.raises(mc.ConflictError, match=r"home1\.hem.*home1\.pv"):
            mc.Device(server.enroll("home1.pv"), CHANNELS, buffer=tmp_path / "buffer", wait=False)


def test_a_full_buffer_drops_the_oldest_and_says_how_many_or_refuses(
    away: tuple[Path, str, dict[str, str]], tmp_path: Path
) -> None:
    _, _, bundle = away
    device = mc.Device(bundle, CHANNELS, buffer=tmp_path / "buffer", buffer_bytes=65_536, wait=False)
    device.send_many([at(row * 60) for row in range(5760)], [[float(row) for row in range(5760)], None])
    status = device.buffer_status
    assert status.dropped == device.dropped > 0
    assert status.rows + status.dropped == 5760
    assert status.bytes <= 65_536
    assert status.fault is None
    device.close()
    device = mc.Device(bundle, CHANNELS, backlog_rows=10, when_full="refuse", wait=False)
    for row in range(10):
        device.send(at(row), [1.0, None])
    with pytest.raises(mc.LimitReachedError):
        device.send(at(11), [1.0, None])
    device.close()
    with pytest.raises(mc.InvalidError, match='buffer_sync is "sometimes"'):
        mc.Device(bundle, CHANNELS, buffer=tmp_path / "buffer", buffer_sync="sometimes", wait=False)


def test_commands_are_carried_out_refused_or_fail_alone(server: mc.Server) -> None:
    applied: list[float] = []

    def on_command(channel: str, value: float) -> float | None:
        assert channel == "relay"
        if value == 0:
            raise RuntimeError("the door is open")
        time.sleep(0.05)
        applied.append(value)
        return None

    with mc.Device(server.enroll("home1.hem"), CHANNELS, on_command, on_read=lambda channel: None) as device:
        done = server.command_sync("home1.hem.relay", 1)
        assert (done.state, done.read_back) == ("done", 1.0)
        refused = server.command_sync("home1.hem.relay", 0)
        assert (refused.state, refused.reason) == ("refused", "the door is open")
        # The handler's failure is its own: rows go on.
        device.send(at(1), [1.0, None])
        device.flush()
    assert applied == [1.0]


def test_rows_measured_now_have_the_servers_time(server: mc.Server) -> None:
    with mc.Device(server.enroll("home1.hem"), CHANNELS) as device:
        known = device.clock_offset
        assert known is not None
        assert abs(known.offset) <= known.uncertainty + timedelta(seconds=1)
        device.send_now([1.0, None])
        device.flush()
    when, value = server.mem.latest("home1.hem.power")["home1.hem.power"]
    assert value == 1.0
    assert abs(when - datetime.now(UTC)) < timedelta(minutes=1)


def test_waiting_ends_when_the_device_is_closed(away: tuple[Path, str, dict[str, str]]) -> None:
    _, _, bundle = away

    async def story() -> None:
        device = mc.Device(bundle, CHANNELS, wait=False)
        assert device.clock_offset is None
        await device.send_async(at(1), [1.0, None])
        await device.send_now_async([2.0, None])
        assert await device.send_many_async([at(3)], {"power": [3.0]}) == 3
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(device.flush_async(), 0.05)
        await device.aclose()
        await device.aclose()
        assert device.state == "closed"
        with pytest.raises(mc.ClosedError):
            device.send(at(2), [1.0, None])

    asyncio.run(story())
