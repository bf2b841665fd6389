"""What is asked of a server in the words of REST, without HTTP: its accounts, and what happened."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, TypeAlias, cast
from urllib.parse import quote, urlencode

from . import _memcore
from ._body import count, fields, length, plain, text, texts, word
from ._time import Instant, Length, maybe_micros, moment

Role: TypeAlias = Literal["viewer", "operator", "engineer", "admin"]
"""What a person may at an operator; each includes those before it."""
Scope: TypeAlias = Literal["read", "command", "configure", "admin"]
"""What a token may at most, whatever its owner may."""

LOCAL = "local"
"""The operator of a site whose devices are named without one."""
EVERY = 1_000_000
_LIMIT = 1000


class Asked:
    """The routes of a server, asked in the name of somebody."""

    def __init__(self, native: _memcore.Server) -> None:
        self.native = native

    def ask(self, method: str, target: str, body: object = None, *, by: str = "program") -> Any:
        """Ask a route: its JSON, ``None`` where it has none."""
        return json.loads(self.native.ask(*asked(method, target, body, by)))

    def items(self, path: str, most: int, **wanted: object) -> list[dict[str, Any]]:
        """Ask a list page by page, and return ``most`` of it at most."""
        most = count("limit", most)
        found: list[dict[str, Any]] = []
        for page in self._pages(path, most, wanted):
            found += page
            if len(found) >= most:
                break
        return [moments(item) for item in found[:most]]

    def _pages(self, path: str, most: int, wanted: Mapping[str, object]) -> Iterator[list[dict[str, Any]]]:
        query = {field: query_text(field, value) for field, value in wanted.items() if value is not None}
        query["limit"] = str(min(most, _LIMIT))
        while True:
            page = self.ask("GET", f"{path}?{urlencode(query)}")
            yield page["items"]
            if page["next"] is None:
                return
            query["cursor"] = page["next"]


def asked(method: str, target: str, body: object, by: str) -> tuple[str, str, str, str | None]:
    """What the native module asks."""
    said = None if body is None else json.dumps(plain(body, ""))
    return word("by", by), word("method", method), text("target", target), said


def query_text(field: str, value: object) -> str:
    """A value of a query."""
    return str(value) if isinstance(value, int) else word(field, value)


class Accounts:
    """Who may use REST and the page: users, their roles at operators, their tokens. ``server.accounts``."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked

    def users(self) -> list[dict[str, Any]]:
        """Return every user: ``user``, ``display_name``, ``roles`` by operator, ``disabled``, ``last_seen``."""
        return self._asked.items("/users", EVERY)

    def invite(self, user: str, roles: Mapping[str, Role], *, display_name: str | None = None) -> dict[str, Any]:
        """Make a user, and return the ``link`` by which they choose a password: shown once, good once.

        ``roles`` are by operator, ``"*"`` for all of them: ``{"*": "viewer", "acme": "admin"}``.
        """
        body = {"user": text("user", user), "roles": fields("roles", roles), "display_name": display_name}
        made: dict[str, Any] = moments(self._asked.ask("POST", "/users", body))
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
            "roles": None if roles is None else fields("roles", roles),
            "display_name": display_name,
            "disabled": disabled,
            "reset": reset or None,
        }
        body = {field: value for field, value in changes.items() if value is not None}
        changed: dict[str, Any] = moments(self._asked.ask("PATCH", f"/users/{part('user', user)}", body))
        return changed

    def remove(self, user: str) -> None:
        """Remove a user, with their sessions and tokens."""
        self._asked.ask("DELETE", f"/users/{part('user', user)}")

    def tokens(self, user: str) -> list[dict[str, Any]]:
        """Return the tokens of a user, without their secrets."""
        return [moments(item) for item in self._asked.ask("GET", "/tokens?limit=1000", by=word("user", user))["items"]]

    def create_token(
        self,
        user: str,
        name: str,
        scopes: Sequence[Scope] = ("read",),
        *,
        operators: Sequence[str] | None = None,
        expires: Length | None = None,
    ) -> dict[str, Any]:
        """Make a token of a user, and return it with its ``secret``, which is shown once.

        It goes into ``Authorization: Bearer ...``, and may what its owner may, within ``scopes`` and ``operators``;
        ``expires="90d"``, or a ``timedelta``, ends it.
        """
        body = {
            "name": text("name", name),
            "scopes": texts("scopes", scopes),
            "operators": None if operators is None else texts("operators", operators),
            "expires": length("expires", expires),
        }
        made: dict[str, Any] = moments(self._asked.ask("POST", "/tokens", body, by=word("user", user)))
        return made

    def revoke_token(self, user: str, token: str) -> None:
        """End a token, by its ``id``."""
        self._asked.ask("DELETE", f"/tokens/{part('token', token)}", by=word("user", user))


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
    return asked.items(f"{at(operator)}/events", limit, **{"from": begin}, kind=kind, site=site, device=device)


def at(operator: str) -> str:
    """The path of an operator."""
    return f"/operators/{part('operator', operator)}"


def part(field: str, value: str) -> str:
    """A name within a path."""
    return quote(word(field, value), safe="")


def moments(value: Any) -> Any:
    """Give instants as ``datetime``, under their names without ``_us``."""
    if isinstance(value, list):
        return [moments(item) for item in cast("Sequence[Any]", value)]
    if isinstance(value, dict):
        return dict(_named(field, item) for field, item in cast("dict[str, Any]", value).items())
    return value


def _named(field: str, value: Any) -> tuple[str, Any]:
    if field.endswith("_us"):
        return field[: -len("_us")], None if value is None else moment(value)
    return field, moments(value)
