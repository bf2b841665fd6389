"""Processes, threads, signals and the end of the interpreter: nothing hangs, crashes or is printed."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from datetime import datetime, timezone
from pathlib import Path
from queue import Queue
from typing import Any

import pytest

import memcore as mc

PV = "home1.pv.power"
START = datetime(2024, 6, 20, tzinfo=timezone.utc)
EXITS = 20
LOOPS = 50

# The end of the interpreter in the middle of everything at once.
WORK_PENDING = """
import asyncio, logging, sys, threading
import memcore as mc
logging.basicConfig(level=logging.DEBUG, stream=open("log.txt", "w"))
server = mc.serve("site", listen="127.0.0.1:0")
device = mc.Device(server.enroll("home1.x"), [mc.Channel("power", unit="W", writable=True)], lambda *_: 0.0)
simulation = mc.simulate(server, devices=4, speed=None, duration="20h")
threading.Thread(target=simulation.finish, daemon=True).start()
threading.Thread(target=lambda: [None for _ in server.subscribe()], daemon=True).start()
threading.Thread(target=server.command_sync, args=("home1.battery.power", 1.0), daemon=True).start()
async def main():
    feed, events = server.subscribe(), server.events()
    asyncio.ensure_future(feed.__anext__())
    asyncio.ensure_future(events.__anext__())
    asyncio.ensure_future(simulation_over())
    await asyncio.sleep(0.05)
async def simulation_over():
    await server.command("home1.x.power", 1.0)
asyncio.run(main())
print("reached the end")
"""


def run(code: str, cwd: Path, seconds: float = 30) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], cwd=cwd, capture_output=True, text=True, timeout=seconds)


@pytest.mark.timeout(240)
def test_the_end_of_the_interpreter_with_work_pending(tmp_path: Path) -> None:
    for attempt in range(EXITS):
        where = tmp_path / str(attempt)
        where.mkdir()
        done = run(WORK_PENDING, where)
        assert (done.returncode, done.stdout) == (0, "reached the end\n"), done.stderr
        assert "panicked" not in done.stderr
        with mc.open(where / "site") as mem:
            assert mem.stats()["damage"] == []


def uses_everything(results: Queue[object], site: str) -> None:
    """In a child process."""
    try:
        with mc.memory() as mem:
            mem.write(PV, 1, 2.0, unit="W")
            own = mem.latest()[PV][1]
        with mc.open(site, read_only=True) as reader:
            results.put((own, len(reader.query(PV)), asyncio.run(followed())))
    except BaseException as error:
        results.put(repr(error))


async def followed() -> str:
    """Needs a runtime of the child's own."""
    server = mc.serve(f"site-{os.getpid()}", listen="127.0.0.1:0")
    events = server.events()
    asyncio.get_running_loop().call_later(0.01, events.close)
    received = [event async for event in events]
    await server.aclose()
    return f"{len(received)} events"


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_child_processes(method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    context: Any = multiprocessing.get_context(method)
    with mc.open(tmp_path / "site") as mem:
        mem.write(PV, [1, 2, 3], [1, 2, 3], unit="W")
        results: Queue[object] = context.Queue()
        children: list[Any] = [
            context.Process(target=uses_everything, args=(results, str(tmp_path / "site"))) for _ in range(3)
        ]
        for child in children:
            child.start()
        assert [results.get(timeout=40) for _ in children] == [(2.0, 3, "0 events")] * 3
        for child in children:
            child.join(10)
        assert [child.exitcode for child in children] == [0, 0, 0]
        assert mem.write(PV, [4], [4]) == 1


def test_a_forked_child_leaves_what_is_its_parents_alone(tmp_path: Path) -> None:
    done = run(
        """
import os, sys
import memcore as mc
mem = mc.open("site")
mem.write("home1.pv.power", [1], [1.0], unit="W")
server = mc.serve("other", listen="127.0.0.1:0")
child = os.fork()
if child == 0:
    for use in (mem.latest, mem.close, server.stats, server.close):
        try:
            use()
        except mc.ClosedError as e:
            assert "belongs to process" in str(e), e
        else:
            raise SystemExit(3)
    del mem, server
    sys.exit(0)
_, status = os.waitpid(child, 0)
assert os.waitstatus_to_exitcode(status) == 0, status
mem.write("home1.pv.power", [2], [2.0])
assert len(mem.query("home1.pv.power")) == 2
server.stats()
server.close()
mem.close()
""",
        tmp_path,
    )
    assert (done.returncode, done.stderr) == (0, "")


def interrupt_once_it_goes(code: str, folder: Path) -> None:
    """Ctrl-C in a program that has said "go" ends what it does, and nothing is said of it."""
    process = subprocess.Popen(
        [sys.executable, "-c", code], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout
    assert process.stdout.readline() == "go\n"
    time.sleep(0.3)
    begun = time.monotonic()
    process.send_signal(signal.SIGINT)
    assert process.stdout.readline() == "interrupted\n"
    assert time.monotonic() - begun < 1
    _, errors = process.communicate(timeout=20)
    assert (process.returncode, errors) == (0, "")


@pytest.mark.parametrize(
    "waiting",
    [
        "next(iter(server.subscribe()))",
        "simulation.finish()",
        "server.command_sync('home1.relay.state', 1, expires='10m')",
    ],
)
def test_ctrl_c_ends_a_call_that_waits(waiting: str, tmp_path: Path) -> None:
    code = f"""
import memcore as mc
server = mc.serve("site", listen="127.0.0.1:0")
server.mem.register("home1.relay.state", unit="on/off", writable=True)
server.enroll("home1.relay")
simulation = mc.simulate(server, devices=1) if "simulation" in {waiting!r} else None
print("go", flush=True)
try:
    {waiting}
except KeyboardInterrupt:
    print("interrupted")
    server.close()
"""
    interrupt_once_it_goes(code, tmp_path)


@pytest.mark.parametrize("examining", ["mem.doctor('home1.>')", "mc.doctor(table, units='W')"])
def test_ctrl_c_ends_an_examination(examining: str, tmp_path: Path) -> None:
    code = f"""
import numpy as np
import memcore as mc
mem, rows = mc.memory(), 1_000_000
times, noise = np.arange(rows, dtype="int64") * 1_000_000, np.random.default_rng(1)
table = {{"time": times.view("datetime64[us]")}} | {{f"p{{n}}": noise.normal(size=rows) for n in range(8)}}
if "mem." in {examining!r}:
    with mem.bulk() as bulk:
        for n in range(8):
            bulk.write(f"home1.device{{n}}.power", times, table[f"p{{n}}"], unit="W")
print("go", flush=True)
try:
    # Again and again, so that one is under way on any machine.
    while True:
        {examining}
except KeyboardInterrupt:
    print("interrupted")
"""
    interrupt_once_it_goes(code, tmp_path)


def test_ctrl_c_ends_the_command_line(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "memcore", "--set", "gateway.listen=127.0.0.1:0", "serve", "--http", "off"]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    end = time.monotonic() + 20
    while not (tmp_path / "site" / "control.sock").exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.02)
    # A site that another process serves: read beside it, and simulated from here.
    with mc.simulate(tmp_path / "site", devices=1, speed=None, duration="1m", start=START) as simulation:
        assert simulation.finish()["rows_not_durable"] == 0
    with mc.open(tmp_path / "site", read_only=True) as mem:
        assert len(mem.query("home1.hem.node1.power")) == 60
        with pytest.raises(mc.LockedError):
            mc.open(tmp_path / "site")
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert process.returncode in (0, 130), errors


def test_many_event_loops_in_many_threads(tmp_path: Path) -> None:
    with mc.serve(tmp_path / "site", listen="127.0.0.1:0") as server:

        async def leaves_a_wait_behind() -> None:
            feed = server.subscribe()
            waiting = asyncio.ensure_future(feed.__anext__())
            await asyncio.sleep(0.001)
            assert not waiting.done()

        def loops(count: int) -> None:
            for _ in range(count):
                asyncio.run(leaves_a_wait_behind())

        loops(LOOPS)
        threads = [threading.Thread(target=loops, args=(3,)) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert not any(thread.is_alive() for thread in threads)


def test_uvloop(tmp_path: Path) -> None:
    uvloop = pytest.importorskip("uvloop")

    async def main() -> int:
        async with (
            mc.serve(tmp_path / "site", listen="127.0.0.1:0") as server,
            mc.simulate(server, devices=1, speed=None, duration="1m", start=START) as simulation,
        ):
            return (await simulation.finish_async())["rows_sent"]

    loop = uvloop.new_event_loop()
    assert loop.run_until_complete(main()) == 60
    loop.close()


def test_handles_may_be_dropped_on_any_thread(tmp_path: Path) -> None:
    held: list[object] = []
    server = mc.serve(tmp_path / "site", listen="127.0.0.1:0")
    held += [server.subscribe(), server.events(), mc.simulate(server, devices=1), mc.memory(), server]
    held.append(mc.Device(server.enroll("home1.x"), [mc.Channel("power", unit="W")]))
    del server

    def drop() -> None:
        while held:
            held.pop()
        gc.collect()

    thread = threading.Thread(target=drop)
    thread.start()
    thread.join(30)
    assert not thread.is_alive()
    # The forgotten server ends by itself.
    again = open_when_free(tmp_path / "site")
    assert again.stats()["damage"] == []
    again.close()


def open_when_free(path: Path) -> mc.Memcore:
    end = time.monotonic() + 20
    while time.monotonic() < end:
        with contextlib.suppress(mc.LockedError):
            return mc.open(path)
        time.sleep(0.02)
    raise AssertionError(f"{path} is still locked after 20 s")


def test_other_threads_run_while_one_reads(mem: mc.Memcore) -> None:
    mem.write(PV, range(200_000), [1.0] * 200_000, unit="W")
    turns, stop = 0, threading.Event()

    def count() -> None:
        nonlocal turns
        while not stop.is_set():
            turns += 1
            time.sleep(0.001)

    thread = threading.Thread(target=count)
    thread.start()
    begun = time.monotonic()
    while time.monotonic() - begun < 0.5:
        mem.query(PV, every="1s", agg="max")
    stop.set()
    thread.join()
    assert turns > 20


def test_what_the_core_has_to_say_is_in_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="memcore"), mc.serve(tmp_path / "site", listen="127.0.0.1:0") as server:
        address = server.address
    assert any(
        record.name.startswith("memcore.") and record.levelname == "INFO" and address in record.getMessage()
        for record in caplog.records
    ), caplog.records
    caplog.clear()
    with caplog.at_level(logging.WARNING, logger="memcore"), mc.serve(tmp_path / "site", listen="127.0.0.1:0"):
        assert not caplog.records
