"""Alarms of a server: what holds, as it changes, what is watched, and who is told."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, TypeAlias, TypedDict, cast

from ._asked import EVERY, LOCAL, Asked, at, moments, part
from ._body import fields, length, text, texts, word
from ._live import TAKEN_AT_ONCE, Feed
from ._time import Length

WAY = ("kind", "to", "url")
"""How somebody is told, as a notifier says it."""

Severity: TypeAlias = Literal["info", "warning", "critical"]
"""How bad it is."""


class Acknowledgement(TypedDict):
    """Who has taken note of an alarm."""

    by: str
    at: datetime
    note: str | None


class Alarm(TypedDict):
    """What a rule has found, where, since when, and who has taken note of it."""

    id: str
    operator: str
    rule: str
    rule_name: str
    kind: str
    severity: Severity
    site: str | None
    subject: str
    """What it is about: a series, a device, a site, or ``server``."""
    state: Literal["raised", "acknowledged", "cleared"]
    value: float | None
    limit: float | None
    unit: str | None
    message: str
    raised: datetime
    last_raised: datetime
    count: int
    """How often it was raised, without a calm between."""
    cleared: datetime | None
    acknowledged: Acknowledgement | None


class AlarmChange(Alarm):
    """An alarm as it has become."""

    what: Literal["raised", "raised_again", "counted", "acknowledged", "cleared"]
    """What became of it: ``counted`` is that it comes and goes."""


class AlarmChanges(Feed[AlarmChange]):
    """What becomes of the alarms of an operator, from now on, in order.

    ``lost`` counts changes of all operators, and is known once the next one was taken.
    """

    def _take(self) -> list[AlarmChange]:
        return [moments(json.loads(change)) for change in self._native.take_events(TAKEN_AT_ONCE)]


class Alarms:
    """Alarms, their rules, and who is told. ``server.alarms``."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked

    def find(
        self,
        *,
        state: Literal["raised", "acknowledged", "cleared"] | None = None,
        severity: Severity | None = None,
        site: str | None = None,
        limit: int = 1000,
        operator: str = LOCAL,
    ) -> list[Alarm]:
        """Return alarms, the newest first: what is seen, where, since when, and who took note of it."""
        found = self._asked.items(f"{at(operator)}/alarms", limit, state=state, severity=severity, site=site)
        return cast("list[Alarm]", found)

    def subscribe(self, *, operator: str = LOCAL) -> AlarmChanges:
        """Follow what becomes of alarms, from now on: raised, acknowledged, cleared."""
        return AlarmChanges(self._asked.native.alarm_changes(word("operator", operator)))

    def acknowledge(self, alarm: str, note: str | None = None, *, by: str = "program", operator: str = LOCAL) -> Alarm:
        """Say that it is known, and return the alarm; who is told of it is not reminded any more."""
        path = f"{at(operator)}/alarms/{part('alarm', alarm)}/acknowledgement"
        acknowledged: Alarm = moments(self._asked.ask("POST", path, {"note": note}, by=by))
        return acknowledged

    def rules(self, *, operator: str = LOCAL) -> list[dict[str, Any]]:
        """Return what is watched; what comes with memcore is ``built_in``."""
        return self._asked.items(f"{at(operator)}/alarm-rules", EVERY)

    def add_rule(
        self,
        name: str,
        watch: Mapping[str, object],
        *,
        severity: Severity = "warning",
        enabled: bool = True,
        notify: Sequence[str] = (),
        quiet: Mapping[str, object] | None = None,
        remind: Length | None = None,
        operator: str = LOCAL,
    ) -> dict[str, Any]:
        """Watch something from now on, and return the rule with its ``id``.

        ``watch`` says what: ``{"kind": "threshold", "series": "home1.*.power", "above": 9000, "for": "5m"}``, and
        likewise ``rate``, ``stale``, ``offline`` and ``balance``. ``notify`` names notifiers by their ids; in ``quiet``
        hours, ``{"from": "22:00", "to": "07:00", "zone": "Europe/Berlin", "lets_through": "critical"}``, they are not
        told.
        """
        body = {
            "name": text("name", name),
            "severity": severity,
            "enabled": enabled,
            "watch": fields("watch", watch),
            "notify": texts("notify", notify),
            "quiet": None if quiet is None else fields("quiet", quiet),
            "remind": length("remind", remind),
        }
        made: dict[str, Any] = self._asked.ask("POST", f"{at(operator)}/alarm-rules", body)
        return made

    def change_rule(
        self,
        rule: str,
        *,
        name: str | None = None,
        watch: Mapping[str, object] | None = None,
        severity: Severity | None = None,
        enabled: bool | None = None,
        notify: Sequence[str] | None = None,
        quiet: Mapping[str, object] | Literal[False] | None = None,
        remind: Length | Literal[False] | None = None,
        operator: str = LOCAL,
    ) -> dict[str, Any]:
        """Change what is given of a rule, and return it; ``quiet=False`` and ``remind=False`` take these away."""
        path = f"{at(operator)}/alarm-rules/{part('rule', rule)}"
        changes = {
            "name": name,
            "severity": severity,
            "enabled": enabled,
            "watch": None if watch is None else fields("watch", watch),
            "notify": None if notify is None else texts("notify", notify),
            "quiet": quiet if quiet is None or quiet is False else fields("quiet", quiet),
            "remind": remind if remind is False else length("remind", remind),
        }
        body = {field: value for field, value in self._asked.ask("GET", path).items() if field in changes}
        body |= {field: value for field, value in changes.items() if value is not None}
        body |= {field: None for field in ("quiet", "remind") if changes[field] is False}
        changed: dict[str, Any] = self._asked.ask("PUT", path, body)
        return changed

    def remove_rule(self, rule: str, *, operator: str = LOCAL) -> None:
        """Watch it no longer; its alarms clear. What comes with memcore is switched off instead."""
        self._asked.ask("DELETE", f"{at(operator)}/alarm-rules/{part('rule', rule)}")

    def notifiers(self, *, operator: str = LOCAL) -> list[dict[str, Any]]:
        """Return who can be told, and how it went: ``last_sent``, ``last_problem``, and how many are ``waiting``."""
        return self._asked.items(f"{at(operator)}/notifiers", EVERY)

    def add_notifier(
        self, name: str, way: Mapping[str, object], *, enabled: bool = True, operator: str = LOCAL
    ) -> dict[str, Any]:
        """Make somebody known who can be told, and return the notifier with its ``id``, which rules name.

        ``way`` says how: ``{"kind": "email", "to": ["eva@example.org"]}``, or ``{"kind": "webhook", "url":
        "https://...", "secret": "..."}``, with which each message is signed.
        """
        body = {**fields("way", way), "name": text("name", name), "enabled": enabled}
        made: dict[str, Any] = moments(self._asked.ask("POST", f"{at(operator)}/notifiers", body))
        return made

    def change_notifier(
        self,
        notifier: str,
        *,
        name: str | None = None,
        way: Mapping[str, object] | None = None,
        enabled: bool | None = None,
        operator: str = LOCAL,
    ) -> dict[str, Any]:
        """Change what is given of a notifier, and return it. A webhook keeps its secret, unless one is given."""
        path = f"{at(operator)}/notifiers/{part('notifier', notifier)}"
        known: dict[str, Any] = self._asked.ask("GET", path)
        body = fields("way", way) if way is not None else {field: known[field] for field in WAY if field in known}
        body = {
            **body,
            "name": known["name"] if name is None else name,
            "enabled": known["enabled"] if enabled is None else enabled,
        }
        changed: dict[str, Any] = moments(self._asked.ask("PUT", path, body))
        return changed

    def remove_notifier(self, notifier: str, *, operator: str = LOCAL) -> None:
        """Tell them nothing any more. Rules that name them do so no longer."""
        self._asked.ask("DELETE", f"{at(operator)}/notifiers/{part('notifier', notifier)}")

    def test_notifier(self, notifier: str, *, operator: str = LOCAL) -> str | None:
        """Tell a test message now, whatever the hour, and return why it could not be told; ``None`` where it was."""
        tried = self._asked.ask("POST", f"{at(operator)}/notifiers/{part('notifier', notifier)}/test")
        problem: str | None = tried["problem"]
        return problem
