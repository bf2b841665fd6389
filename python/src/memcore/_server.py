"""A server in this process: devices over TLS, their history, live views and commands."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from os import PathLike, fspath
from os.path import abspath
from types import TracebackType
from typing import Any, Literal

from . import _memcore
from ._alarms import Alarms
from ._asked import LOCAL, Accounts, Asked, asked, past_events
from ._control import PROGRAM, Acting, Control
from ._control_simulation import Model, model_of
from ._hem import HemEndpoint
from ._live import Events, Subscription
from ._site import Memcore
from ._site_model import AssetRole
from ._time import Instant, Length, maybe_micros, maybe_moment, maybe_span, moment, span

State = Literal["done", "refused", "expired", "unknown"]


@dataclass(frozen=True)
class CommandResult:
    """What became of a command.

    ``done``: carried out. ``refused``: the device, or the server for it, will not. ``expired``: never delivered, so it
    had no effect. ``unknown``: delivered without an answer; read the channel before repeating it.
    """

    state: State
    id: str
    read_back: float | None = None
    """What the device read back after it was done, or where it could still be asked, in base unit and passive sign."""
    code: str | None = None
    """Why it was refused."""
    reason: str | None = None
    """Why it was refused, for a person."""
    note: str | None = None
    """What control says to it, where it steers the channel: for how long the wish stands, and what it comes to."""

    @property
    def ok(self) -> bool:
        """Whether it was carried out."""
        return self.state == "done"


class Server:
    """A running server; made by ``memcore.serve``. Ends with its ``with`` or ``async with``, or with ``close``."""

    def __init__(self, native: _memcore.Server) -> None:
        self._native = native
        self.mem = Memcore(native.site())
        """The site's history, to be read and written beside the devices; closed with the server."""
        self.control = Control(native)
        """Control of the site: how it is, why, wishes and actors. A ``NotFoundError`` where there is no site model."""
        self._asked = Asked(native)
        self.accounts = Accounts(self._asked)
        """Users of REST and the page, their roles and tokens."""
        self.alarms = Alarms(self._asked)
        """Alarms, their rules, and who is told."""

    @property
    def host(self) -> str:
        """The address it listens on."""
        return self._native.address()[0]

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self._native.address()[1]

    @property
    def address(self) -> str:
        """``host:port``."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def http_url(self) -> str | None:
        """Where a browser finds the page, and REST below ``/api/v1``; ``None`` without ``http``."""
        return self._native.http_url()

    def first_link(self) -> str | None:
        """Return the link by which the first admin is made: only while there is no user, and good once."""
        return self._native.first_link()

    def ask(self, method: str, target: str, body: object = None, *, by: str = "program") -> Any:
        """Ask a route of REST without HTTP, with all rights: ``server.ask("GET", "/operators/local/sites")``.

        The answer is its JSON; what the route refuses is raised. ``by`` stands in the audit trail.
        """
        return self._asked.ask(method, target, body, by=by)

    async def ask_async(self, method: str, target: str, body: object = None, *, by: str = "program") -> Any:
        """As ``ask``, without blocking the event loop."""
        return json.loads(await self._native.ask_async(*asked(method, target, body, by)))

    def past_events(
        self,
        since: Instant | None = None,
        *,
        kind: str | None = None,
        site: str | None = None,
        device: str | None = None,
        limit: int = 1000,
        operator: str = LOCAL,
    ) -> list[dict[str, Any]]:
        """Return what happened, the newest first: ``time``, ``event``, ``device``, and more by kind."""
        return past_events(
            self._asked, since=since, kind=kind, site=site, device=device, limit=limit, operator=operator
        )

    def subscribe(self, pattern: str = ">") -> Subscription:
        """Follow the readings of the series that match, from now on."""
        return Subscription(self._native.subscribe(pattern))

    def events(self) -> Events:
        """Follow the events of all devices, from now on."""
        return Events(self._native.events())

    async def command(
        self,
        series: str,
        value: float,
        *,
        lease: Length | None = None,
        fallback: float | None = None,
        expires: Length | None = None,
        id: str | None = None,  # noqa: A002
        by: str | None = None,
        safety: bool = False,
    ) -> CommandResult:
        """Ask a device to let a channel take a value, and wait for what becomes of it.

        Values are in base unit and passive sign: -2000 lets a battery discharge 2 kW. With a ``lease`` the value holds
        that long at the device unless it is refreshed, then ``fallback`` does, or the one that the channel's rules
        declare. ``expires`` is how long it may wait for its device, 60 s without it. The same ``id`` is never carried
        out twice, also after a restart. ``by`` says in the audit trail at whose wish it is. ``safety`` is for 0 and the
        declared fallback: the channel's minimum times and ramps do not hold it back. A refusal is a result; what cannot
        be asked, such as an unknown channel, is raised.
        """
        how = _how(lease, fallback, expires, id, by, safety=safety)
        return _result(*await self._native.command(series, value, how))

    def command_sync(
        self,
        series: str,
        value: float,
        *,
        lease: Length | None = None,
        fallback: float | None = None,
        expires: Length | None = None,
        id: str | None = None,  # noqa: A002
        by: str | None = None,
        safety: bool = False,
    ) -> CommandResult:
        """As ``command``, for those who have no event loop."""
        how = _how(lease, fallback, expires, id, by, safety=safety)
        return _result(*self._native.command_sync(series, value, how))

    def propose(
        self,
        asset: str | None = None,
        power_w: float | None = None,
        *,
        reason: str,
        role: AssetRole | None = None,
        group: str | None = None,
        low_w: float | None = None,
        high_w: float | None = None,
        priority: int = 50,
        valid_for: Length = "1m",
        actor: str = PROGRAM,
    ) -> int:
        """Wish for a power of what is controlled, or for bounds of it; see ``control.propose``.

        Power is in W and passive sign: ``propose("battery", -2000)`` lets it discharge with 2 kW.
        """
        return self.control.propose(
            asset,
            power_w,
            role=role,
            group=group,
            low_w=low_w,
            high_w=high_w,
            priority=priority,
            reason=reason,
            valid_for=valid_for,
            actor=actor,
        )

    def withdraw(
        self, actor: str = PROGRAM, asset: str | None = None, *, role: AssetRole | None = None, group: str | None = None
    ) -> int:
        """Take back what an actor wished for a target, or for all of them, and return how many wishes stood."""
        return self.control.withdraw(actor, asset, role=role, group=group)

    def actor(self, name: str, *, every: Length = "1m", budget: Length = "1s") -> Callable[[Acting], Acting]:
        """Decorate a function, or a class with a method ``propose``, to be an actor; see ``control.add_actor``."""
        return self.control.actor(name, every=every, budget=budget)

    def remove_actor(self, name: str) -> None:
        """End an actor, with its wishes."""
        self.control.remove_actor(name)

    def serve_hem(self, device: str, *, listen: str = "127.0.0.1:9931", allow_network: bool = False) -> HemEndpoint:
        """Answer apps that were written for a HEM board, on behalf of a device, until what is returned is closed.

        They read its ``node0.power`` and so on, and switch its ``node0.switch``. An address that others can reach takes
        ``allow_network=True``: the protocol has no passwords, and whoever reaches the port can switch.
        """
        return HemEndpoint(self._native.serve_hem(device, listen, allow_network))

    def devices(self) -> list[dict[str, Any]]:
        """Return every device that is enrolled or was heard: name, whether connected, last seen, channels, points.

        ``rate`` is what it may send where that is set for it, ``proofs`` what it may show, the newest first: ``id``,
        ``kind``, when it was ``issued``, ``until`` when it logs in after a rotation, when the certificate ``ends``, and
        when it was ``last_used``.
        """
        devices = json.loads(self._native.devices())
        return [
            {
                **device,
                "last_seen": maybe_moment(device["last_seen"]),
                "proofs": [_proof(one) for one in device["proofs"]],
            }
            for device in devices
        ]

    def stats(self) -> dict[str, int]:
        """Return what was done since the start: connected, points taken and durable, refused, commits."""
        stats: dict[str, int] = json.loads(self._native.stats())
        return stats

    def enroll(self, device: str, proof: Literal["secret", "certificate"] = "secret") -> dict[str, str]:
        """Enrol a device and return its bundle, which is shown once. An earlier enrolment of the device ends."""
        bundle: dict[str, str] = json.loads(self._native.enroll(device, proof))
        return bundle

    def enroll_many(self, devices: Iterable[str]) -> list[dict[str, str]]:
        """Enrol many devices at once with secrets, and return their bundles in the same order."""
        bundles: list[dict[str, str]] = json.loads(self._native.enroll_many(list(devices)))
        return bundles

    def rotate(
        self, device: str, proof: Literal["secret", "certificate"] = "secret", *, overlap: Length = "7d"
    ) -> dict[str, str]:
        """Give a device a new secret or certificate, and return its bundle, which is shown once.

        The earlier ones log in for the length of ``overlap``, ``"0s"`` for not at all; a session that is open goes on.
        Where one was stolen, ``enroll`` anew: that ends the session too.
        """
        bundle: dict[str, str] = json.loads(self._native.rotate(device, proof, span(overlap, "overlap")))
        return bundle

    def limit(self, device: str, points_per_s: float | None, *, burst: float | None = None) -> None:
        """Set how many points a device may send: beyond that it is read more slowly, and loses nothing.

        ``burst`` is how many may come at once, ten seconds' worth without it. ``None`` for a rate is what the
        configuration says for all devices.
        """
        self._native.limit(device, points_per_s, burst)

    def revoke(self, device: str) -> None:
        """End a device's enrolment, with all its proofs, and its session."""
        self._native.revoke(device)

    def certificate(self) -> dict[str, Any]:
        """Return when the server's certificate ``ends``, its ``fingerprint``, and why files are ``refused``, if so."""
        certificate = json.loads(self._native.certificate())
        return {**certificate, "ends": maybe_moment(certificate["ends"])}

    def audit(
        self,
        since: Instant | None = None,
        *,
        device: str | None = None,
        kind: str | None = None,
        limit: int = 1000,
    ) -> list[dict[str, Any]]:
        """Return what was done, the oldest first and ``limit`` of the latest at most.

        Who enrolled, revoked, logged in and commanded: ``number``, ``time``, ``kind``, ``by``, and more by kind.
        """
        log = json.loads(self._native.audit(maybe_micros(since, "since"), device, kind, limit))
        return [{"time": moment(entry.pop("time_us")), **entry} for entry in log["entries"]]

    def verify_audit(self) -> dict[str, Any]:
        """Check that the audit trail is whole: ``faults`` is empty if so; the last line's ``hash`` is worth noting."""
        report: dict[str, Any] = json.loads(self._native.verify_audit())
        return report

    def close(self) -> None:
        """Stop: devices are told to come back, what was taken is stored. Doing it again does nothing."""
        self._native.shutdown_sync()

    async def aclose(self) -> None:
        """As ``close``, without blocking the event loop."""
        await self._native.shutdown()

    def __enter__(self) -> Server:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def __aenter__(self) -> Server:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"<memcore.Server {self.address}>"


def serve(
    path: str | PathLike[str] | None = None,
    *,
    listen: str | None = None,
    config: str | PathLike[str] | Mapping[str, object] | None = None,
    control: Model | None = None,
    http: bool | str = False,
) -> Server:
    """Start a server on the site in a folder, and return once it listens: ``listen="127.0.0.1:0"`` takes a free port.

    ``config`` is a TOML file, or dotted keys with their values: ``{"store.sync": "interval"}``. Without a file the
    site's own ``memcore.toml`` counts, then ``MEMCORE__...`` variables of the environment, then what is given here.

    ``control`` is a site model, as its file, a ``SiteModel`` or a dict of its fields: the server then controls the
    site. Without it the site's own ``control.toml`` counts, where there is one.

    ``http`` serves REST and the operator's page: ``"127.0.0.1:8080"``, or ``True`` for where the configuration says.
    They are then at ``server.http_url``.
    """
    overrides: list[tuple[str, str]] = []
    if isinstance(config, Mapping):
        overrides += [(key, _toml(value)) for key, value in config.items()]
    if path is not None:
        overrides.append(("path", json.dumps(fspath(path))))
    if listen is not None:
        overrides.append(("gateway.listen", json.dumps(listen)))
    if isinstance(http, str):
        overrides.append(("http.listen", json.dumps(http)))
    model, model_file = (None, None) if control is None else model_of(control)
    if model_file is not None:
        # By this program's folder, not the site's.
        overrides.append(("control.model", json.dumps(abspath(model_file))))
    file = None if isinstance(config, Mapping) else config
    return Server(_memcore.Server.start(file, overrides, model, http is not False))


def _toml(value: object) -> str:
    return fspath(value) if isinstance(value, (str, PathLike)) else json.dumps(value)


def _how(
    lease: Length | None,
    fallback: float | None,
    expires: Length | None,
    identity: str | None,
    by: str | None,
    *,
    safety: bool,
) -> dict[str, object]:
    return {
        "lease_us": maybe_span(lease, "lease"),
        "fallback": fallback,
        "expires_us": maybe_span(expires, "expires"),
        "id": identity,
        "by": by,
        "safety": safety,
    }


def _result(identity: str, state: str, note: str | None) -> CommandResult:
    return CommandResult(id=identity, note=note, **json.loads(state))


def _proof(proof: dict[str, Any]) -> dict[str, Any]:
    return {**proof, **{name: maybe_moment(proof[name]) for name in ("issued", "until", "ends", "last_used")}}
