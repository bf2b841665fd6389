"""What is said wrongly to accounts and alarms is refused with the field, the value and what was expected."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import memcore as mc

HUGE = "x" * 10_000_000
HALF = "\ud800"
WATCH = {"kind": "threshold", "series": "home1.*.power", "above": 9000}
PAST = datetime(2020, 1, 1, tzinfo=timezone.utc)
HOOK = {"kind": "webhook", "url": "https://example.org/in", "secret": "0123456789abcdef"}
# Longer than any message needs to be, whatever was said.
MESSAGE_MAX = 500
REFUSALS = (mc.InvalidError, mc.NotFoundError, mc.ConflictError, mc.LimitReachedError, mc.UnsupportedError)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[mc.Server]:
    site: Path = tmp_path_factory.mktemp("refusals") / "site"
    with mc.serve(site, listen="127.0.0.1:0") as server:
        server.accounts.invite("ada", {"*": "admin"})
        yield server


Call = Callable[[Any], object]

# A call that takes one value, the field as messages name it, and values that are wrong in its place.
# What cannot be a name the core calls a name, whatever it is of.
NAMES: list[Any] = [5, None, b"ada", ["ada"], "", HUGE, HALF]
TEXTS: list[Any] = [5, ["x"], {}, HUGE, HALF, float("nan")]


def calls(server: mc.Server) -> dict[str, tuple[Call, str, list[Any]]]:
    accounts, alarms = server.accounts, server.alarms
    roles: Any = {"*": "viewer"}
    return {
        "invite user": (lambda v: accounts.invite(v, roles), "user", [*NAMES, "A B", "x" * 65]),
        "invite roles": (
            lambda v: accounts.invite("eve", v),
            "role|operator",
            [5, "admin", None, {"*": "chief"}, {"a b": "viewer"}, {5: "viewer"}, {"*": 5}, {"*": HUGE}, ["*"]],
        ),
        "invite display_name": (
            lambda v: accounts.invite("eve", roles, display_name=v),
            "display_name",
            [*TEXTS, "", "x" * 300, "a\nb"],
        ),
        "change user": (lambda v: accounts.change(v, disabled=True), "user", NAMES),
        "change roles": (lambda v: accounts.change("ada", roles=v), "role", ["admin", {"*": "chief"}, {"*": None}]),
        "change disabled": (lambda v: accounts.change("ada", disabled=v), "disabled", ["yes", 1, []]),
        "change reset": (lambda v: accounts.change("ada", reset=v), "reset", ["yes", 1, [1]]),
        "remove user": (lambda v: accounts.remove(v), "user", NAMES),
        "tokens user": (lambda v: accounts.tokens(v), "user|by", [*NAMES, "A B"]),
        "token user": (lambda v: accounts.create_token(v, "script"), "user|by", [*NAMES, "A B"]),
        "token name": (lambda v: accounts.create_token("ada", v), "name", [*TEXTS, None, "", "x" * 300]),
        "token scopes": (
            lambda v: accounts.create_token("ada", "script", v),
            "scope",
            [5, None, "read", {"read": 1}, [], ["everything"], [5], [HUGE]],
        ),
        "token operators": (
            lambda v: accounts.create_token("ada", "script", operators=v),
            "operator",
            [5, "local", [], [5], [HUGE], [f"o{at}" for at in range(300)]],
        ),
        "token expires": (
            lambda v: accounts.create_token("ada", "script", expires=v),
            "expires",
            [
                5,
                "soon",
                "",
                "0s",
                "-1d",
                timedelta(0),
                timedelta(days=-1),
                PAST,
                "2020-01-01T00:00:00Z",
                "9" * 30 + "d",
            ],
        ),
        "revoke token": (lambda v: accounts.revoke_token("ada", v), "token", NAMES),
        "find state": (lambda v: alarms.find(state=v), "state", [5.0, "raise", "", HUGE, HALF]),
        "find severity": (lambda v: alarms.find(severity=v), "severity", ["bad", [], HUGE]),
        "find site": (lambda v: alarms.find(site=v), "site", ["a b", "", [], HUGE]),
        "find limit": (lambda v: alarms.find(limit=v), "limit", [0, -1, "5", 1.5, None, True]),
        "find operator": (lambda v: alarms.find(operator=v), "operator|name", [*NAMES, "a b"]),
        "subscribe operator": (lambda v: alarms.subscribe(operator=v), "operator|name", [*NAMES, "a b"]),
        "acknowledge alarm": (lambda v: alarms.acknowledge(v), "alarm|name", [*NAMES, "a b"]),
        "acknowledge note": (lambda v: alarms.acknowledge("none", v), "note", [5, ["x"], HUGE, "x" * 1001]),
        "acknowledge by": (lambda v: alarms.acknowledge("none", by=v), "by", [*NAMES, "A B"]),
        "rules operator": (lambda v: alarms.rules(operator=v), "operator", NAMES),
        "rule name": (lambda v: alarms.add_rule(v, WATCH), "name", [*TEXTS, None, "", " ", "x" * 121, "a\nb"]),
        "rule severity": (
            lambda v: alarms.add_rule("r", WATCH, severity=v),
            "severity",
            ["bad", 5, None, ["info"], HUGE],
        ),
        "rule enabled": (lambda v: alarms.add_rule("r", WATCH, enabled=v), "enabled", ["yes", 1, None]),
        "rule watch": (lambda v: alarms.add_rule("r", v), "watch", [5, "threshold", None, [], {}, {"kind": "sound"}]),
        "rule series": (
            lambda v: alarms.add_rule("r", {**WATCH, "series": v}),
            "series",
            [5, None, "", "home1..power", "other/home1.*.power", "a b", HUGE, "home1.*.power{quantity=loudness}"],
        ),
        "rule above": (
            lambda v: alarms.add_rule("r", {**WATCH, "above": v}),
            "above",
            [float("nan"), float("inf"), float("-inf"), "9", None, [9], 10**400, Decimal("NaN"), b"9", PAST, object()],
        ),
        "rule below": (lambda v: alarms.add_rule("r", {**WATCH, "below": v}), "below", [9000, 1e9, float("nan")]),
        "rule unit": (lambda v: alarms.add_rule("r", {**WATCH, "unit": v}), "unit", [5, "", "kilowatt", HUGE]),
        "rule margin": (
            lambda v: alarms.add_rule("r", {**WATCH, "clear_margin": v}),
            "clear_margin",
            [-1, float("nan"), "1"],
        ),
        "rule for": (
            lambda v: alarms.add_rule("r", {**WATCH, "for": v}),
            "for",
            [5, "soon", "", "-5m", "400d", timedelta(days=-1), timedelta(days=400), HUGE],
        ),
        "rule quantity": (
            lambda v: alarms.add_rule("r", {**WATCH, "quantity": v}),
            "quantity",
            ["loudness", 5],
        ),
        "rule notify": (
            lambda v: alarms.add_rule("r", WATCH, notify=v),
            "notify",
            [5, "id", ["unknown"], ["a b"], [5], [HUGE], {"a": 1}],
        ),
        "rule quiet": (
            lambda v: alarms.add_rule("r", WATCH, quiet=v),
            "quiet",
            [
                5,
                "night",
                {},
                {"from": "22:00", "to": "07:00", "zone": "Mars/Olympus"},
                {"from": "22:00", "to": "22:00", "zone": "UTC"},
                {"from": "25:00", "to": "07:00", "zone": "UTC"},
                {"from": 22, "to": 7, "zone": "UTC"},
                {"from": "22:00", "to": "07:00", "zone": "UTC", "lets_through": "loud"},
                {"from": "22:00", "to": "07:00", "zone": "UTC", "until": 1},
            ],
        ),
        "rule remind": (
            lambda v: alarms.add_rule("r", WATCH, remind=v),
            "remind",
            [5, "soon", "1s", "", "900d", timedelta(days=-1), PAST],
        ),
        "change rule": (lambda v: alarms.change_rule(v, enabled=False), "rule|name", [*NAMES, "a b"]),
        "change rule watch": (
            lambda v: alarms.change_rule("device-offline", watch=v),
            "watch",
            [5, {"kind": "offline"}, WATCH, {"kind": "offline", "devices": "home1", "after": "5m"}],
        ),
        "change rule quiet": (lambda v: alarms.change_rule("device-offline", quiet=v), "quiet", [True, "night", {}]),
        "remove rule": (lambda v: alarms.remove_rule(v), "rule|name", [*NAMES, "a b"]),
        "notifier name": (lambda v: alarms.add_notifier(v, HOOK), "name", [*TEXTS, None, "", "x" * 121]),
        "notifier way": (
            lambda v: alarms.add_notifier("n", v),
            "way|kind|to|url|smtp",
            [5, None, "mail", {}, {"kind": "pigeon"}, {"kind": "email"}, {"kind": "email", "to": ["a@example.org"]}],
        ),
        "notifier url": (
            lambda v: alarms.add_notifier("n", {**HOOK, "url": v}),
            "url",
            [5, "", "nowhere", "http://example.org/", "https://127.0.0.1/", "https://[::1]/", "ftp://x/", HUGE],
        ),
        "notifier secret": (
            lambda v: alarms.add_notifier("n", {**HOOK, "secret": v}),
            "secret",
            [5, "", "short", HUGE],
        ),
        "change notifier": (lambda v: alarms.change_notifier(v, enabled=False), "notifier", NAMES),
        "test notifier": (lambda v: alarms.test_notifier(v), "notifier|name", [*NAMES, "a b"]),
        "remove notifier": (lambda v: alarms.remove_notifier(v), "notifier|name", [*NAMES, "a b"]),
        "events kind": (lambda v: server.past_events(kind=v), "kind", [5.0, "explosion", "", HUGE]),
        "events since": (lambda v: server.past_events(v), "since", ["soon", datetime(2024, 1, 1), 1.5, [], HUGE]),
        "events limit": (lambda v: server.past_events(limit=v), "limit", [0, "5", None]),
        "ask by": (lambda v: server.ask("GET", "/health", by=v), "by", [*NAMES, "A B"]),
        "ask method": (lambda v: server.ask(v, "/health"), "method", [5, "", HUGE, "GE T"]),
        "ask target": (lambda v: server.ask("GET", v), "target", [5, None, HUGE, HALF, "/é à"]),
        "ask body": (
            lambda v: server.ask("POST", "/users", v),
            "body|user",
            [5, [1], "x", {"user": object()}, {5: 1}, float("nan"), {"user": HUGE}, {}],
        ),
    }


def quoted(value: Any) -> str:
    text = repr(value)
    return text if len(text) < 60 else f"{text[:60]}..."


def test_what_is_wrong_is_named(running: mc.Server) -> None:
    faults: list[str] = []
    for about, (call, field, values) in calls(running).items():
        for value in values:
            try:
                call(value)
                faults.append(f"{about} {quoted(value)}: taken")
            except (mc.InvalidError, mc.LimitReachedError, mc.NotFoundError) as error:  # noqa: PERF203
                if not re.search(field, str(error)):
                    faults.append(f"{about} {quoted(value)}: {type(error).__name__}: {str(error)[:200]}")
                if len(str(error)) > MESSAGE_MAX:
                    faults.append(f"{about} {quoted(value)}: {len(str(error))} characters")
            except Exception as error:
                faults.append(f"{about} {quoted(value)}: raised {type(error).__name__}: {str(error)[:200]}")
    assert not faults, "\n".join(faults)
    # Nothing of all that was taken by halves.
    assert [user["user"] for user in running.accounts.users()] == ["ada"]
    assert running.accounts.tokens("ada") == []
    assert all(rule["built_in"] for rule in running.alarms.rules())
    assert running.alarms.notifiers() == []


def test_what_is_right_is_taken_in_every_form(running: mc.Server) -> None:
    np = pytest.importorskip("numpy")
    watch = {"kind": "threshold", "series": "home1.*.power", "above": np.float32(9.5), "for": timedelta(minutes=5)}
    rule = running.alarms.add_rule("numbers of numpy", watch, remind=timedelta(hours=1), notify=())
    assert (rule["watch"]["above"], rule["watch"]["for"], rule["remind"]) == (9.5, "300000000us", "3600000000us")
    running.alarms.remove_rule(rule["id"])
    made = running.accounts.create_token("ada", "script", ("read", "command"), expires=timedelta(days=1))
    assert made["token"]["expires"] - made["token"]["created"] == timedelta(days=1)
    running.accounts.revoke_token("ada", made["token"]["id"])


def test_whatever_is_said_is_taken_or_refused(running: mc.Server) -> None:
    """Anything in the place of anything: an error of memcore, or what was asked for; never another exception."""
    chance = random.Random(7)
    odd: list[Any] = [
        *(
            None,
            True,
            0,
            -1,
            2**70,
            1.5,
            float("nan"),
            "",
            " ",
            "\0",
            "a/b",
            "../x",
            "%2F",
            "\u202e",
            HALF,
            "🔋" * 40,
            b"x",
        ),
        *([], [[]], {}, {"": ""}, {"kind": []}, [None], PAST, timedelta(1), object(), Decimal(1), range(3), {1, 2}),
    ]
    every = list(calls(running).values())
    for _ in range(600):
        call, _, _ = chance.choice(every)
        value = chance.choice(odd)
        with suppress(*REFUSALS):
            call([value] if chance.random() < 0.2 else value)
