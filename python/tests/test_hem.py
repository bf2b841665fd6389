"""HEM boards from Python: an emulated one is polled as a device, and an app of old is answered by memcore."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable
from typing import Any

import pytest

import memcore as mc


def ask(address: str, request: str) -> dict[str, Any] | None:
    """As apps do it: one datagram out, one into 256 bytes."""
    host, port = address.rsplit(":", 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as app:
        app.settimeout(1)
        app.sendto(request.encode(), (host, int(port)))
        try:
            reply: dict[str, Any] = json.loads(app.recvfrom(256)[0])
        except TimeoutError:
            return None
        return reply


def until(done: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not done():
        assert time.monotonic() < end, "it did not come to pass within 30 s"
        time.sleep(0.02)


def test_a_board_is_a_device_and_apps_of_old_are_answered(server: mc.Server) -> None:
    with mc.HemEmulator("127.0.0.1:0", step="100ms") as board:
        bundle = server.enroll("home1.hem")
        with mc.HemBoard(board.address, bundle, every="200ms", quantities=["power", "switch"]) as polled:
            assert polled.state == "answering"
            done = server.command_sync("home1.hem.node3.switch", 1)
            assert (done.state, done.read_back) == ("done", 1.0)
            assert ask(board.address, "api/getnodestatus/3") == {"NODE": "3", "TYPE": "NODESTATUS", "VALUE": [1]}
            with server.serve_hem("home1.hem", listen="127.0.0.1:0") as endpoint:
                until(lambda: ask(endpoint.address, "api/getdcpower/all") is not None)
                power = ask(endpoint.address, "api/getdcpower/all")
                assert power is not None
                assert (power["NODE"], power["TYPE"], len(power["VALUE"])) == ("ALL", "DCPOWER", 8)
                assert ask(endpoint.address, "/api/turnoff/3") == {"NODE": "3", "TYPE": "NODESTATUS", "VALUE": [0]}
            assert ask(endpoint.address, "api/getdcpower/all") is None, "it ends with its `with`"
        assert polled.state == "closed"
        assert ask(board.address, "api/getnodestatus/3") == {"NODE": "3", "TYPE": "NODESTATUS", "VALUE": [0]}
    assert server.mem.series("home1.hem.>")


def test_what_cannot_be_is_raised_by_name(server: mc.Server) -> None:
    with pytest.raises(mc.InvalidError, match="allow_network"):
        mc.HemEmulator("0.0.0.0:0")
    with pytest.raises(mc.NotFoundError, match=r"home9\.hem"):
        server.serve_hem("home9.hem", listen="127.0.0.1:0")
    with pytest.raises(mc.InvalidError, match=r"listen is .nowhere."):
        server.serve_hem("home1.hem", listen="nowhere")
    bundle = server.enroll("home1.hem")
    with pytest.raises(mc.InvalidError, match="hem quantity is"):
        mc.HemBoard("127.0.0.1", bundle, quantities=["smell"])  # type: ignore[list-item]
    with pytest.raises(mc.InvalidError, match="every is 10ms"):
        mc.HemBoard("127.0.0.1", bundle, every="10ms")


async def test_a_board_that_is_away_is_waited_for(server: mc.Server) -> None:
    bundle = server.enroll("home1.hem")
    async with mc.HemBoard("127.0.0.1:9", bundle, wait=False) as board:
        assert board.state == "seeking"
    assert board.state == "closed"
