"""REST and the page of a server in this process, used as a user would: from the first start's link to a command."""

from __future__ import annotations

import json
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import httpx
import pytest

import memcore as mc

PASSWORD = "correct horse battery staple"


@pytest.fixture
def served(tmp_path: Path) -> Iterator[mc.Server]:
    with mc.serve(tmp_path / "site", listen="127.0.0.1:0", http="127.0.0.1:0") as running:
        yield running


@contextmanager
def admin(server: mc.Server) -> Generator[httpx.Client]:
    """Follow the first start's link, as its page does, and stay signed in."""
    link, url = server.first_link(), server.http_url
    assert link is not None
    assert url is not None
    assert link.startswith(url)
    secret = link.rsplit("/", 1)[1]
    with httpx.Client(base_url=url + "api/v1/", timeout=20) as client:
        accepted = client.post(
            f"invitations/{secret}", json={"user": "ada", "display_name": "Ada", "password": PASSWORD}
        )
        client.headers["x-csrf-token"] = said(accepted)["csrf"]
        yield client


def said(answer: httpx.Response, status: tuple[int, ...] = (200, 201, 202)) -> Any:
    assert answer.status_code in status, f"{answer.request.url} answered {answer.status_code}: {answer.text}"
    return answer.json()


def test_without_being_asked_for_there_is_no_http(server: mc.Server) -> None:
    assert server.http_url is None
    assert server.first_link() is None


def test_the_page_and_its_description_are_there(served: mc.Server) -> None:
    assert served.http_url is not None
    page = httpx.get(served.http_url)
    assert (page.status_code, page.headers["content-type"].split(";")[0]) == (200, "text/html")
    assert "default-src 'self'" in page.headers["content-security-policy"]
    described = said(httpx.get(served.http_url + "api/v1/openapi.json"))
    assert described["openapi"].startswith("3.1")
    health = said(httpx.get(served.http_url + "api/v1/health"))
    assert health == {"status": "ok", "version": mc.__version__}


def test_the_first_link_makes_an_admin_once(served: mc.Server) -> None:
    with admin(served) as client:
        session = said(client.get("session"))
        assert (session["user"], session["roles"], session["via"]) == ("ada", {"*": "admin"}, "session")
    assert served.first_link() is None
    refused = httpx.get(f"{served.http_url}api/v1/session")
    assert (refused.status_code, refused.headers["content-type"]) == (401, "application/problem+json")
    assert refused.json()["code"] == "UNAUTHORIZED"


def test_a_token_reads_what_devices_send_and_steers_them(served: mc.Server) -> None:
    site = "operators/local/sites/home1"
    with admin(served) as client, mc.simulate(served, devices=3):
        made = said(client.post("tokens", json={"name": "script", "scopes": ["read", "command"]}))
        with httpx.Client(base_url=client.base_url, headers={"authorization": f"Bearer {made['secret']}"}) as script:
            end = time.monotonic() + 20
            while not (latest := said(script.get(f"{site}/latest", params={"series": "*.power"})))["items"]:
                assert time.monotonic() < end, "nothing arrived within 20 s"
            assert {item["unit"] for item in latest["items"]} == {"W"}
            sent = said(
                script.post(
                    f"{site}/commands",
                    json={"channel": "battery.power", "value": -2000, "lease": "1m", "fallback": 0},
                )
            )
            done = said(script.get(f"{site}/commands/{sent['id']}", params={"wait": "10s"}))
            assert (done["value"], done["unit"], done["series"]) == (-2000, "W", "home1.battery.power")
            forbidden = script.post(f"{site}/devices", json={"device": "new", "proof": "secret"})
            assert forbidden.status_code == 403
    [entry, *_] = served.audit(kind="command")
    assert "ada" in entry["by"]
    assert made["secret"] not in json.dumps(served.audit(), default=str)


@pytest.mark.parametrize("encoding", ["gzip", "identity"])
@pytest.mark.parametrize("rows", [10, 20_000])
def test_rows_come_whole_compressed_or_not(served: mc.Server, encoding: str, rows: int) -> None:
    times = [1_700_000_000_000_000 + at * 1_000_000 for at in range(rows)]
    served.mem.write("home1.meter.power", times, [at / 7 for at in range(rows)], unit="W")
    with admin(served) as client:
        asked = {"series": "meter.power", "from": "2023-01-01T00:00:00Z", "to": "2025-01-01T00:00:00Z"}
        headers = {"accept": "text/csv", "accept-encoding": encoding}
        answer = client.get("operators/local/sites/home1/readings", params=asked, headers=headers)
    assert len(answer.text.splitlines()) == rows + 1
    assert answer.headers.get("content-encoding", "identity") == encoding


def test_where_nobody_can_listen_the_site_is_let_go(served: mc.Server, tmp_path: Path) -> None:
    assert served.http_url is not None
    taken = served.http_url.split("//")[1].rstrip("/")
    with pytest.raises(mc.IoError, match=taken):
        mc.serve(tmp_path / "other", listen="127.0.0.1:0", http=taken)
    with mc.serve(tmp_path / "other", listen="127.0.0.1:0"):
        pass
    with pytest.raises(mc.InvalidError, match="nowhere"):
        mc.serve(tmp_path / "third", listen="127.0.0.1:0", http="nowhere")


async def test_closing_ends_http_and_live_views(tmp_path: Path) -> None:
    async with mc.serve(tmp_path / "site", listen="127.0.0.1:0", http="127.0.0.1:0") as server:
        url = server.http_url
        with admin(server) as client:
            token = said(client.post("tokens", json={"name": "live", "scopes": ["read"]}))["secret"]
        async with (
            httpx.AsyncClient(headers={"authorization": f"Bearer {token}"}, timeout=20) as reader,
            reader.stream("GET", f"{url}api/v1/operators/local/live") as live,
        ):
            lines = live.aiter_lines()
            assert await anext(lines) == "event: hello"
            await server.aclose()
            rest = [line async for line in lines]
            assert "event: end" in rest
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{url}api/v1/health")


def test_accounts_without_http(server: mc.Server) -> None:
    invited = server.accounts.invite("ada", {"*": "viewer", "local": "engineer"}, display_name="Ada")
    assert "/#/invitation/" in invited["link"]
    [user] = server.accounts.users()
    assert (user["user"], user["roles"], user["last_seen"]) == ("ada", {"*": "viewer", "local": "engineer"}, None)
    made = server.accounts.create_token("ada", "script", ["read"], expires="90d")
    assert made["token"]["expires"] > made["token"]["created"]
    server.accounts.change("ada", disabled=True)
    assert server.accounts.users()[0]["disabled"]
    server.accounts.revoke_token("ada", made["token"]["id"])
    assert server.accounts.tokens("ada") == []
    server.accounts.remove("ada")
    assert server.accounts.users() == []
    with pytest.raises(mc.NotFoundError, match="ada"):
        server.accounts.remove("ada")
    with pytest.raises(mc.InvalidError, match="chief"):
        server.accounts.invite("ada", {"*": "chief"})  # type: ignore[dict-item]


def test_an_alarm_is_raised_seen_and_acknowledged(server: mc.Server) -> None:
    watch = {"kind": "threshold", "series": "home1.*.power", "above": 9, "unit": "kW"}
    rule = server.alarms.add_rule("too much", watch, severity="critical")
    assert rule["id"] in [known["id"] for known in server.alarms.rules()]
    with mc.Device(server.enroll("home1.meter"), [mc.Channel("power", unit="W")]) as meter:
        meter.send(datetime.now(timezone.utc), [9500.0])
        meter.flush()
        end = time.monotonic() + 20
        while not (raised := server.alarms.find(state="raised")):
            assert time.monotonic() < end, "no alarm within 20 s"
            time.sleep(0.05)
    [alarm] = raised
    assert (alarm["rule_name"], alarm["severity"], alarm["subject"]) == ("too much", "critical", "home1.meter.power")
    known = server.alarms.acknowledge(alarm["id"], "on my way", by="ada")
    assert known["acknowledged"] is not None
    assert known["acknowledged"]["note"] == "on my way"
    server.alarms.remove_rule(rule["id"])
    assert rule["id"] not in [known["id"] for known in server.alarms.rules()]
    # What is past is written down a moment later.
    while "connected" not in {event["event"] for event in server.past_events(site="home1", device="meter")}:
        assert time.monotonic() < end + 20, "no event within 20 s"
        time.sleep(0.05)


async def test_any_route_can_be_asked_without_http(server: mc.Server) -> None:
    assert server.ask("GET", "/health") == {"status": "ok", "version": mc.__version__}
    assert await server.ask_async("GET", "/health") == server.ask("GET", "/health")
    with pytest.raises(mc.NotFoundError):
        server.ask("GET", "/operators/local/sites/nowhere")
    with pytest.raises(mc.InvalidError):
        server.ask("GET", "/operators/local/sites?limt=3")
