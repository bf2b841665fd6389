"""What is asked of a server in the words of REST, without HTTP: its accounts, its alarms, and what happened."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, TypeAlias, cast
from urllib.parse import quote, urlencode

from . import _memcore
from ._time import Instant, maybe_micros, moment

Role: TypeAlias = Literal["viewer", "operator", "engineer", "admin"]
"""What a person may at an operator; each includes those before it."""
Scope: TypeAlias = Literal["read", "command", "configure", "admin"]
"""What a token may at most, whatever its owner may."""

LOCAL = "local"
"""The operator of a site whose devices are named without one."""
_LIMIT = 1000


class Asked:
    """The routes of a server, asked in the name of somebody."""

    def __init__(self, native: _memcore.Server) -> None:
        self._native = native

    def ask(self, method: str, target: str, body: object = None, *, by: str = "program") -> Any:
        """Ask a route: its JSON, ``None`` where it has none."""
        text = None if body is None else json.dumps(body)
        return json.loads(self._native.ask(by, method, target, text))

    def items(self, path: str, most: int, **asked: object) -> list[dict[str, Any]]:
        """Ask a list page by page, and return ``most`` of it at most."""
        found: list[dict[str, Any]] = []
        for page in self._pages(path, most, asked):
            found += page
            if len(found) >= most:
                break
        return [_moments(item) for item in found[:most]]

    def _pages(self, path: str, most: int, asked: Mapping[str, object]) -> Iterator[list[dict[str, Any]]]:
        wanted = {name: value for name, value in asked.items() if value is not None}
        wanted["limit"] = min(most, _LIMIT)
        while True:
            page = self.ask("GET", f"{path}?{urlencode(wanted)}")
            yield page["items"]
            if page["next"] is None:
                return
            wanted["cursor"] = page["next"]


class Accounts:
    """Who may use REST and the page: users, their roles at operators, their tokens. ``server.accounts``."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked

    def users(self) -> list[dict[str, Any]]:
        """Return every user: ``user``, ``display_name``, ``roles`` by operator, ``disabled``, ``last_seen``."""
        return self._asked.items("/users", 1_000_000)

    def invite(self, user: str, roles: Mapping[str, Role], *, display_name: str | None = None) -> dict[str, Any]:
        """Make a user, and return the ``link`` by which they choose a password: shown once, good once.

        ``roles`` are by operator, ``"*"`` for all of them: ``{"*": "viewer", "acme": "admin"}``.
        """
        body = {"user": user, "roles": dict(roles), "display_name": display_name}
        made: dict[str, Any] = _moments(self._asked.ask("POST", "/users", body))
        return made

    def change(
        self,
        user: str,
        *,
        roles: Mapping[str, Role] | None = None,
        display_name: str | None = None,
        disabled: bool | None = None,
        reset: bool = False,
    ) -> dict[str, Any]:
        """Change what is given; ``reset`` ends the password and gives a ``link`` to choose another."""
        changes = {
            "roles": None if roles is None else dict(roles),
            "display_name": display_name,
            "disabled": disabled,
            "reset": reset or None,
        }
        body = {name: value for name, value in changes.items() if value is not None}
        changed: dict[str, Any] = _moments(self._asked.ask("PATCH", f"/users/{_part(user)}", body))
        return changed

    def remove(self, user: str) -> None:
        """Remove a user, with their sessions and tokens."""
        self._asked.ask("DELETE", f"/users/{_part(user)}")

    def tokens(self, user: str) -> list[dict[str, Any]]:
        """Return the tokens of a user, without their secrets."""
        return [_moments(item) for item in self._asked.ask("GET", "/tokens?limit=1000", by=user)["items"]]

    def create_token(
        self,
        user: str,
        name: str,
        scopes: Sequence[Scope] = ("read",),
        *,
        operators: Sequence[str] | None = None,
        expires: str | None = None,
    ) -> dict[str, Any]:
        """Make a token of a user, and return it with its ``secret``, which is shown once.

        It goes into ``Authorization: Bearer ...``, and may what its owner may, within ``scopes`` and ``operators``;
        ``expires="90d"`` ends it.
        """
        body = {
            "name": name,
            "scopes": list(scopes),
            "operators": None if operators is None else list(operators),
            "expires": expires,
        }
        made: dict[str, Any] = _moments(self._asked.ask("POST", "/tokens", body, by=user))
        return made

    def revoke_token(self, user: str, token: str) -> None:
        """End a token, by its ``id``."""
        self._asked.ask("DELETE", f"/tokens/{_part(token)}", by=user)


class Alarms:
    """Alarms, their rules, and who is told. ``server.alarms``."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked

    def find(
        self,
        *,
        state: Literal["raised", "acknowledged", "cleared"] | None = None,
        severity: Literal["info", "warning", "critical"] | None = None,
        site: str | None = None,
        limit: int = 1000,
        operator: str = LOCAL,
    ) -> list[dict[str, Any]]:
        """Return alarms, the newest first: what is seen, where, since when, and who took note of it."""
        return self._asked.items(f"{_at(operator)}/alarms", limit, state=state, severity=severity, site=site)

    def acknowledge(
        self, alarm: str, note: str | None = None, *, by: str = "program", operator: str = LOCAL
    ) -> dict[str, Any]:
        """Say that it is known, and return the alarm; who is told of it is not reminded any more."""
        path = f"{_at(operator)}/alarms/{_part(alarm)}/acknowledgement"
        acknowledged: dict[str, Any] = _moments(self._asked.ask("POST", path, {"note": note}, by=by))
        return acknowledged

    def rules(self, *, operator: str = LOCAL) -> list[dict[str, Any]]:
        """Return what is watched; what comes with memcore is ``built_in``."""
        return self._asked.items(f"{_at(operator)}/alarm-rules", 1_000_000)

    def add_rule(
        self,
        name: str,
        watch: Mapping[str, object],
        *,
        severity: Literal["info", "warning", "critical"] = "warning",
        notify: Sequence[str] = (),
        quiet: Mapping[str, object] | None = None,
        remind: str | None = None,
        operator: str = LOCAL,
    ) -> dict[str, Any]:
        """Watch something from now on, and return the rule with its ``id``.

        ``watch`` says what: ``{"kind": "threshold", "series": "home1.*.power", "above": 9000, "for": "5m"}``, and
        likewise ``rate``, ``stale``, ``offline`` and ``balance``; ``notify`` names notifiers.
        """
        body = {
            "name": name,
            "severity": severity,
            "enabled": True,
            "watch": dict(watch),
            "notify": [*notify],
            "quiet": None if quiet is None else dict(quiet),
            "remind": remind,
        }
        made: dict[str, Any] = self._asked.ask("POST", f"{_at(operator)}/alarm-rules", body)
        return made

    def remove_rule(self, rule: str, *, operator: str = LOCAL) -> None:
        """Watch it no longer; its alarms clear."""
        self._asked.ask("DELETE", f"{_at(operator)}/alarm-rules/{_part(rule)}")


def past_events(
    asked: Asked,
    *,
    since: Instant | None,
    kind: str | None,
    site: str | None,
    device: str | None,
    limit: int,
    operator: str,
) -> list[dict[str, Any]]:
    """Return what happened, the newest first."""
    begin = maybe_micros(since, "since")
    return asked.items(f"{_at(operator)}/events", limit, **{"from": begin}, kind=kind, site=site, device=device)


def _at(operator: str) -> str:
    return f"/operators/{_part(operator)}"


def _part(name: str) -> str:
    return quote(name, safe="")


def _moments(value: Any) -> Any:
    """Give instants as ``datetime``, under their names without ``_us``."""
    if isinstance(value, list):
        return [_moments(item) for item in cast("Sequence[Any]", value)]
    if isinstance(value, dict):
        return dict(_named(name, item) for name, item in cast("dict[str, Any]", value).items())
    return value


def _named(name: str, value: Any) -> tuple[str, Any]:
    if name.endswith("_us"):
        return name[: -len("_us")], None if value is None else moment(value)
    return name, _moments(value)
