"""REST against its own description: whatever is asked, the answer is one that the description has, no failure.

``MEMCORE_SCHEMA_SECONDS=3600`` makes schemathesis go on for longer; a failure is shown with what repeats it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import httpx
import pytest

import memcore as mc

SECONDS = int(os.environ.get("MEMCORE_SCHEMA_SECONDS", "60"))
CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "unsupported_method",
    "missing_required_header",
    "ignored_auth",
]
# What is not asked at random, each with the reason. All else is, and a name that is not there any more fails the test.
LEFT_OUT = {
    "live": "it does not end; the tests of live data read it",
    "live_socket": "its answer is a WebSocket",
    "revoke_token": "a list of tokens tells the id of the one that all is asked with",
}
# These exist, so that more than 404 is answered.
EXISTING = {"operator": "local", "site": "home1", "device": "battery", "channel": "power", "user": "other"}
# What is taken away is not what the others are asked about.
TAKEN_AWAY = {"revoke_device": {"device": "house"}}
CONTROL = """
site = "home1"
zone = "Europe/Berlin"
[[asset]]
name = "grid"
role = "grid_meter"
power = "power"
[[asset]]
name = "battery"
role = "battery"
power = "power"
soc = "soc"
setpoint = "power"
range_w = [-5000, 5000]
storage = { capacity_wh = 10000, min_soc = 0.1 }
"""


@pytest.fixture
def asked(tmp_path: Path) -> Iterator[tuple[str, str]]:
    """Return where a server with a home, a day of history and an admin's token is, and the token."""
    (tmp_path / "control.toml").write_text(CONTROL)
    with mc.serve(
        tmp_path / "site",
        listen="127.0.0.1:0",
        http="127.0.0.1:0",
        control=tmp_path / "control.toml",
        config={"http.rate": 0},
    ) as server:
        start = datetime.now(timezone.utc) - timedelta(days=1)
        with mc.simulate(server, devices=6, speed=None, duration="1d", step="1m", start=start) as history:
            history.finish()
        with mc.simulate(server, devices=6, step="1s"):
            yield str(server.http_url), token(server)


def token(server: mc.Server) -> str:
    with httpx.Client(base_url=f"{server.http_url}api/v1/") as client:
        secret = str(server.first_link()).rsplit("/", 1)[1]
        admin = client.post(
            f"invitations/{secret}", json={"user": "fuzzer", "password": "correct horse battery staple"}
        )
        scopes = ["read", "command", "configure", "admin"]
        headers = {"x-csrf-token": admin.json()["csrf"]}
        client.post("users", json={"user": "other", "roles": {"local": "viewer"}}, headers=headers)
        made = client.post("tokens", json={"name": "fuzzer", "scopes": scopes}, headers=headers)
        return str(made.json()["secret"])


@pytest.mark.timeout(SECONDS + 120)
def test_every_answer_is_one_that_the_description_has(asked: tuple[str, str], tmp_path: Path) -> None:
    url, secret = asked
    described = httpx.get(f"{url}api/v1/openapi.json").json()
    operations = {
        op["operationId"] for path in described["paths"].values() for op in path.values() if "operationId" in op
    }
    assert LEFT_OUT.keys() <= operations, f"not there any more: {LEFT_OUT.keys() - operations}"
    config = tmp_path / "schemathesis.toml"
    config.write_text(parameters())
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(config), "run", f"{url}api/v1/openapi.json"),
        *("--header", f"Authorization: Bearer {secret}", "--mode", "all", "--phases", "examples,coverage,fuzzing"),
        *("--checks", ",".join(CHECKS), "--max-time", str(SECONDS), "--workers", "2", "--request-timeout", "20"),
        *("--no-shrink", "--seed", "1", "--generation-database", "none", "--warnings", "off", "--no-color"),
        *(part for name in LEFT_OUT for part in ("--exclude-operation-id", name)),
    ]
    begun = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS + 100, cwd=tmp_path)
    report = done.stdout.replace(secret, "$TOKEN")[-20_000:]
    assert done.returncode == 0, f"after {time.monotonic() - begun:.0f} s\n{report}\n{done.stderr}"
    assert httpx.get(f"{url}api/v1/health").json()["status"] == "ok"


def parameters() -> str:
    """Return schemathesis's configuration: what stands in paths."""
    lines = ["[parameters]", *(f'"path.{name}" = {json.dumps(value)}' for name, value in EXISTING.items())]
    for operation, instead in TAKEN_AWAY.items():
        lines += ["[[operations]]", f"include-operation-id = {json.dumps(operation)}", "[operations.parameters]"]
        lines += [f'"path.{name}" = {json.dumps(value)}' for name, value in (EXISTING | instead).items()]
    return "\n".join(lines) + "\n"
