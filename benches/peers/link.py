"""The same readings over TLS into memcore, a Node server with SQLite, and Mosquitto with a subscriber, in one run.

``link.py`` prints JSON lines; ``--write`` puts a table into ``docs/benchmarks.md``. What counts is the processor time
of the whole server side for each point, from the first message to the last one that is durable; the devices are in this
process, with every message rendered beforehand. What is not installed here is told as missing, with the reason.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
PAGE = HERE.parents[1] / "docs/benchmarks.md"
BEGIN, END = "<!-- link: written by benches/peers -->", "<!-- link: end -->"
NAMES = (
    "memcore",
    "Node + SQLite",
    "Node + SQLite, a table for these 8 channels",
    "Mosquitto + subscriber + SQLite",
)
DEVICES, CHANNELS = 8, 8
CHUNK = 64 << 10
START, PATIENCE = 30.0, 600.0


class MissingError(Exception):
    """What a peer needs is not here."""


def names() -> list[str]:
    """Devices, as memcore names them."""
    return [f"load{number}.hem" for number in range(DEVICES)]


def messages(device: int, count: int) -> list[bytes]:
    """Data messages of one device: powers to a tenth of a watt, one row a second."""
    dice = random.Random(device)
    rows = []
    for seq in range(1, count + 1):
        values = {f"node{node}.power": dice.randrange(32_768) / 10 for node in range(CHANNELS)}
        row = {"type": "data", "seq": seq, "time_us": (1_700_000_000 + seq) * 1_000_000, "values": values}
        rows.append(json.dumps(row, separators=(",", ":")).encode())
    return rows


def cpu(pids: list[int]) -> float:
    """The processor time of processes with all of their threads, in seconds."""
    used = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        used += int(fields[11]) + int(fields[12])
    return used / os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    """A port of the loopback interface that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Site:
    """A memcore site: its certificates serve all peers, its devices memcore alone."""

    def __init__(self, program: str, folder: Path) -> None:
        self.program, self.folder, self.port = program, folder, free_port()
        self.bundles = [self._enroll(name) for name in names()]
        self.tls = ssl.create_default_context(cadata=self.bundles[0]["ca_pem"])
        self.tls.minimum_version = ssl.TLSVersion.TLSv1_3

    def _enroll(self, name: str) -> dict[str, Any]:
        command = [self.program, "--site", str(self.folder), "devices", "enroll", name]
        return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)

    def hello(self, device: int) -> bytes:
        """How a device introduces itself to memcore, and to the Node server that speaks like it."""
        channels = [{"name": f"node{n}.power", "quantity": "power", "unit": "W"} for n in range(CHANNELS)]
        bundle = self.bundles[device]
        hello = {"type": "hello", "version": 1, "credential": bundle["credential"], "device": bundle["device"]}
        return json.dumps({**hello, "boot": 1, "channels": channels}).encode() + b"\n"


async def _reachable(port: int, process: subprocess.Popen[Any]) -> None:
    late = time.monotonic() + START
    while time.monotonic() < late:
        if process.poll() is not None:
            raise RuntimeError(f"ended with {process.returncode} at its start")
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.02)
            continue
        writer.close()
        return
    raise RuntimeError("does not start")


@asynccontextmanager
async def running(*commands: list[str], **options: Any) -> AsyncIterator[list[subprocess.Popen[str]]]:
    """Programs that end with the block."""
    processes: list[subprocess.Popen[str]] = []
    quiet = {"text": True, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    try:
        processes.extend(subprocess.Popen(command, **quiet, **options) for command in commands)
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.wait()


async def _lines(site: Site, port: int, device: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=site.tls, server_hostname="localhost")
    writer.write(site.hello(device))
    welcome = json.loads(await reader.readline())
    if welcome["type"] != "welcome":
        raise RuntimeError(f"instead of a welcome: {welcome}")
    return reader, writer


async def _send_lines(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, rows: list[bytes]) -> None:
    async def send() -> None:
        stream = b"\n".join(rows) + b"\n"
        for start in range(0, len(stream), CHUNK):
            writer.write(stream[start : start + CHUNK])
            await writer.drain()

    async def acknowledged() -> None:
        while True:
            message = json.loads(await reader.readline())
            if message["type"] == "ack" and message["seq"] >= len(rows):
                return
            if message["type"] in ("reject", "bye"):
                raise RuntimeError(f"{message}")

    await asyncio.gather(send(), acknowledged())


async def _by_lines(site: Site, port: int, pids: list[int], load: list[list[bytes]]) -> tuple[float, float]:
    open_ones = [await _lines(site, port, device) for device in range(len(load))]
    before, begun = cpu(pids), time.monotonic()
    await asyncio.gather(*(_send_lines(*one, rows) for one, rows in zip(open_ones, load, strict=True)))
    used, elapsed = cpu(pids) - before, time.monotonic() - begun
    for _, writer in open_ones:
        writer.close()
    return used, elapsed


async def memcore(site: Site, load: list[list[bytes]], _work: Path) -> tuple[float, float]:
    """``memcore serve`` with its defaults: every acknowledged row is on disk."""
    command = [
        site.program,
        "--site",
        str(site.folder),
        "serve",
        "--quiet",
        "--http",
        "off",
        "--listen",
        f"127.0.0.1:{site.port}",
    ]
    async with running(command) as (server,):
        await _reachable(site.port, server)
        return await _by_lines(site, site.port, [server.pid], load)


async def node(site: Site, load: list[list[bytes]], work: Path, form: str = "long") -> tuple[float, float]:
    """TLS, JSON.parse and SQLite in Node: a row for each value, as it takes to hold what any device reports."""
    if not (program := shutil.which("node")):
        raise MissingError("node is not on the path")
    port = free_port()
    command = [program, str(HERE / "link/server.mjs"), str(port), str(site.folder), str(work / "node.db"), form]
    async with running(command, env={**os.environ, "NODE_NO_WARNINGS": "1"}) as (server,):
        assert server.stdout
        if (await asyncio.to_thread(server.stdout.readline)).strip() != "listening":
            raise MissingError("Node has no SQLite: node:sqlite of Node 22.5, or npm install in benches/peers/link")
        return await _by_lines(site, port, [server.pid], load)


async def wide(site: Site, load: list[list[bytes]], work: Path) -> tuple[float, float]:
    """The same with a row for each message, in a table that these devices alone fit into."""
    return await node(site, load, work, "wide")


CONNECT = bytes.fromhex("00044d51545404020000")


def _packet(kind: int, body: bytes) -> bytes:
    length, digits = len(body), bytearray()
    while True:
        length, digit = length >> 7, length & 127
        digits.append(digit | (0x80 if length else 0))
        if not length:
            return bytes([kind]) + bytes(digits) + body


def _text(text: str) -> bytes:
    return len(text).to_bytes(2, "big") + text.encode()


async def _publish(site: Site, port: int, device: int, rows: list[bytes]) -> None:
    """Publishes with QoS 1, as fast as the broker takes it; its acknowledgements are read and not waited for."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=site.tls, server_hostname="localhost")
    writer.write(_packet(0x10, CONNECT + _text(f"load{device}")))
    if (await reader.readexactly(4))[3] != 0:
        raise RuntimeError("the broker takes nobody in")
    topic = _text(f"load/{device}")
    packets = [_packet(0x32, topic + (1 + at % 65_535).to_bytes(2, "big") + row) for at, row in enumerate(rows)]
    stream = b"".join(packets)

    async def send() -> None:
        for start in range(0, len(stream), CHUNK):
            writer.write(stream[start : start + CHUNK])
            await writer.drain()

    async def acknowledged() -> None:
        await reader.readexactly(4 * len(rows))

    await asyncio.gather(send(), acknowledged())
    writer.close()


async def mosquitto(site: Site, load: list[list[bytes]], work: Path) -> tuple[float, float]:
    """A broker with TLS, and a subscriber in Python that stores."""
    broker = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if not broker:
        raise MissingError("mosquitto is not on the path")
    try:
        import paho.mqtt  # noqa: F401
    except ImportError:
        raise MissingError("paho-mqtt is not installed") from None
    outer, inner, total = free_port(), free_port(), sum(map(len, load))
    # Started by root it would become a user of its own, which may not read the key.
    config = f"""user root
allow_anonymous true
max_queued_messages 0
max_inflight_messages 0
listener {inner} 127.0.0.1
listener {outer} 127.0.0.1
certfile {site.folder}/tls/server.pem
keyfile {site.folder}/tls/server.key
"""
    (work / "mosquitto.conf").write_text(config)
    storing = [sys.executable, str(HERE / "link/subscriber.py"), str(inner), str(work / "mqtt.db"), str(total)]
    async with running([broker, "-c", str(work / "mosquitto.conf")]) as (server,):
        await _reachable(outer, server)
        async with running(storing) as (subscriber,):
            assert subscriber.stdout
            if (await asyncio.to_thread(subscriber.stdout.readline)).strip() != "subscribed":
                raise RuntimeError("the subscriber does not start")
            pids = [server.pid, subscriber.pid]
            before, begun = cpu(pids), time.monotonic()
            stored = asyncio.create_task(asyncio.to_thread(_until, subscriber, total, pids))
            await asyncio.gather(*(_publish(site, outer, device, rows) for device, rows in enumerate(load)))
            return await stored - before, time.monotonic() - begun


def _until(subscriber: subprocess.Popen[str], total: int, pids: list[int]) -> float:
    """Waits until everything is stored; the processor time by then."""
    assert subscriber.stdout
    used = 0.0
    for line in subscriber.stdout:
        used = cpu(pids) if subscriber.poll() is None else used
        if int(line) >= total:
            return used
    raise RuntimeError("the subscriber has ended before everything was stored")


PEERS = dict(zip(NAMES, (memcore, node, wide, mosquitto), strict=True))


async def measure(program: str, rows: int, only: list[str]) -> dict[str, dict[str, Any]]:
    """One after the other, the same messages."""
    load = [messages(device, rows) for device in range(DEVICES)]
    points = DEVICES * rows * CHANNELS
    results: dict[str, dict[str, Any]] = {}
    for name in only:
        print(f"{name}: {points} points", file=sys.stderr)
        with tempfile.TemporaryDirectory() as work:
            site = Site(program, Path(work) / "site")
            try:
                used, elapsed = await asyncio.wait_for(PEERS[name](site, load, Path(work)), PATIENCE)
            except MissingError as e:
                results[name] = {"missing": str(e)}
                continue
        results[name] = {"points": points, "cpu": used, "seconds": elapsed}
    return results


def lines(results: dict[str, dict[str, Any]]) -> list[str]:
    """What was measured, one JSON object a line."""
    figures = []
    for name, result in results.items():
        if "missing" in result:
            figures.append({"engine": name, "missing": result["missing"]})
            continue
        value = result["points"] / max(result["cpu"], 0.01) / 1e6
        line = {
            "engine": name,
            "name": "device to durable",
            "value": value,
            "unit": "M points/s/core",
            "better": "higher",
        }
        figures.append(line)
    return [json.dumps(figure) for figure in figures]


def table(results: dict[str, dict[str, Any]]) -> str:
    """The Markdown table, and who is missing."""
    here = {name: result for name, result in results.items() if "missing" not in result}
    points = max((result["points"] for result in here.values()), default=0)
    text = [
        f"{points:,} points: JSON readings of {CHANNELS} channels, {DEVICES} devices over TLS 1.3, as fast as taken.",
        "CPU time of the whole server side, from the first message to the last that is durable.",
        "",
        "| | M points for a second of CPU | CPU us for a point | by the clock, s | memcore over it |",
        "|---|---|---|---|---|",
    ]
    own = here.get("memcore")
    for name, result in here.items():
        each = max(result["cpu"], 0.01) / result["points"]
        ratio = f"{each * own['points'] / max(own['cpu'], 0.01):.1f}" if own else "-"
        text.append(f"| {name} | {1e-6 / each:.2f} | {each * 1e6:.3f} | {result['seconds']:.1f} | {ratio} |")
    for name, result in results.items():
        if "missing" in result:
            text.append(f"\n{name}: left out: {result['missing']}.")
    return "\n".join(text)


def write(text: str, page: Path = PAGE) -> None:
    """Put the table between its marks, at the end of the page where there are none yet."""
    old = page.read_text()
    if BEGIN not in old:
        old = f"{old.rstrip()}\n\n## link, beside other servers\n\n{BEGIN}\n{END}\n"
    before, rest = old.split(BEGIN, 1)
    page.write_text(f"{before}{BEGIN}\n{text}\n{END}{rest.split(END, 1)[1]}")


def main() -> None:
    """Measure and tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", choices=NAMES, default=list(NAMES))
    parser.add_argument("--rows", type=int, default=20_000, help="messages of each of the 8 devices")
    parser.add_argument("--program", default=os.environ.get("MEMCORE", "memcore"), help="memcore's command line")
    parser.add_argument("--write", action="store_true", help="put the table into docs/benchmarks.md")
    asked = parser.parse_args()
    results = asyncio.run(measure(asked.program, asked.rows, asked.only))
    print("\n".join(lines(results)))
    if asked.write:
        write(table(results))


if __name__ == "__main__":
    main()
