"""What control says of itself: how it is, what it decided, and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from html import escape
from typing import Any, Literal, TypeVar

from ._errors import NotFoundError
from ._time import MICROSECOND, maybe_moment, moment

Told = TypeVar("Told")

OutcomeName = Literal["granted", "limited", "overridden", "expired", "refused"]


@dataclass(frozen=True)
class Wish:
    """The wish that an asset's power follows."""

    actor: str
    priority: int
    power_w: float
    reason: str = ""


@dataclass(frozen=True)
class LimitedBy:
    """A limit that changed a power."""

    by: str
    """What limited, in the words of the site."""
    from_w: float
    to_w: float


@dataclass(frozen=True)
class Input:
    """A reading that a decision stood on."""

    series: str
    what: str
    """What it is to control: ``power``, ``soc``, ..."""
    value: float
    age: timedelta


@dataclass(frozen=True)
class Order:
    """What became of what was ordered."""

    state: str
    """``queued``, ``sent``, ``accepted``, ``done``, ``refused``, ``expired`` or ``unknown``."""
    read_back: float | None = None
    code: str | None = None
    reason: str | None = None


@dataclass(frozen=True)
class Decided:
    """What was decided for an asset, and by what."""

    time: datetime
    asset: str
    target: str
    """The series that takes the order."""
    power_w: float
    wish: Wish | None
    """Whose wish that follows; ``None`` for the declared default."""
    low_w: float | None
    high_w: float | None
    limits: tuple[LimitedBy, ...]
    """What limited it, in the order in which it did."""
    inputs: tuple[Input, ...]
    """What was measured when it was decided."""
    command: str | None
    """The id of the order that stood then."""
    answer: Order | None
    faults: tuple[str, ...]
    """What was not as it should be on the site."""


@dataclass(frozen=True)
class Explanation:
    """Why an asset was as it was at a time. As text it is its ``sentence``."""

    asked: str
    at: datetime
    sentence: str
    """All of it in a sentence or two, times in the zone of the site."""
    decided: Decided | None
    """The decision that stood then; ``None`` where control was paused or stopped, or nothing is known."""
    answered: Order | None
    """What became of its order, where that is known."""

    def __str__(self) -> str:
        return self.sentence

    def _repr_html_(self) -> str:
        text = f"<p>{escape(self.sentence)}</p>"
        if self.decided is None or not self.decided.inputs:
            return text
        rows = [
            (one.series, one.what, f"{one.value:g}", f"{one.age.total_seconds():.1f} s") for one in self.decided.inputs
        ]
        return text + html_table(("input", "what", "value", "age"), rows)


@dataclass(frozen=True)
class AssetStatus:
    """How an asset is."""

    asset: str
    role: str
    measured_w: float | None
    """Its power as it was last measured, passive sign."""
    age: timedelta | None
    """How old that is."""
    fresh: bool
    """Whether that still stands for the present."""
    soc: float | None
    """Its state of charge, 0..1, where it has one and it is fresh."""
    decided_w: float | None
    """What was decided; ``None`` for what is not controlled."""
    wish: Wish | None
    """Whose wish that follows; ``None`` for the declared default."""
    limited_by: tuple[str, ...]
    """What limited it, in the words of the site."""
    order: Order | None
    """What was last heard of its orders."""
    held_until: datetime | None
    """Until when a person holds it, out of control's reach."""


@dataclass(frozen=True)
class ProposalStatus:
    """What became of a proposal in the last decision."""

    id: int | None
    """The number that ``propose`` returned; ``None`` where it was not taken."""
    actor: str
    target: str
    """An asset, ``role:charger`` or ``group:garage``."""
    outcome: OutcomeName
    by: str | None = None
    """By whom or what it was limited or overridden."""
    to_w: float | None = None
    """To what it was limited."""
    reason: str | None = None
    """Why it was refused: the field, its value, and what was expected."""


@dataclass(frozen=True)
class ActorStatus:
    """How an actor of the program's own is."""

    name: str
    busy: bool
    """Whether it is thinking now."""
    asked: int
    answered: int
    """How often it answered in time."""
    overran: int
    """How often it did not answer within its budget."""
    refused: int
    """Proposals of it that were refused."""
    fault: str | None = None
    """What is wrong with it."""


@dataclass(frozen=True)
class Delays:
    """How long something took."""

    p50: timedelta
    p99: timedelta
    longest: timedelta


@dataclass(frozen=True)
class TickStatus:
    """How well the times at which it is decided are kept."""

    count: int
    missed: int
    late: Delays
    """How late ticks began."""
    took: Delays
    """How long they took."""


@dataclass(frozen=True, repr=False)
class ControlStatus:
    """How control of a site is. As text, and in a notebook, it is a table."""

    time: datetime
    site: str
    zone: str
    """The time zone of its people."""
    enabled: bool
    """Whether it orders; false while it is paused."""
    paused_since: datetime | None
    paused_by: str | None
    tick: timedelta
    """How often it is decided."""
    lease: timedelta
    """How long an order holds."""
    ticks: TickStatus
    assets: tuple[AssetStatus, ...]
    """In the order of the model."""
    proposals: tuple[ProposalStatus, ...]
    """What became of every proposal in the last decision."""
    plan_made: datetime | None
    """When the plan that holds was made; ``None`` where none does."""
    plan_valid_until: datetime | None
    """Until when it may be followed."""
    actors: tuple[ActorStatus, ...]
    """Actors of the program's own."""
    faults: tuple[str, ...]
    """What is not as it should be."""
    raw: Mapping[str, Any]
    """All of it as ``memcore control status --json`` says it."""

    def asset(self, name: str) -> AssetStatus:
        """Return the asset of that name."""
        return _named(self.assets, "asset", name)

    def actor(self, name: str) -> ActorStatus:
        """Return the actor of that name."""
        return _named(self.actors, "name", name)

    def __repr__(self) -> str:
        state = "on" if self.enabled else f"paused by {self.paused_by}"
        head = f"control of {self.site}: {state}, every {_length(self.tick)}, leases of {_length(self.lease)}"
        lines = [head, *text_table(ASSET_HEAD, self._rows())]
        actors = [_about(actor) for actor in self.actors]
        return "\n".join([*lines, *actors, *(f"fault: {fault}" for fault in self.faults)])

    def _repr_html_(self) -> str:
        head, *_ = repr(self).splitlines()
        faults = "".join(f"<div>fault: {escape(fault)}</div>" for fault in self.faults)
        actors = "".join(f"<div>{escape(_about(actor))}</div>" for actor in self.actors)
        return f"<div><b>{escape(head)}</b></div>{html_table(ASSET_HEAD, self._rows())}{actors}{faults}"

    def _rows(self) -> list[tuple[str, ...]]:
        return [
            (
                asset.asset,
                asset.role,
                watts(asset.measured_w) + ("" if asset.fresh else " (old)"),
                "" if asset.soc is None else f"{asset.soc:.0%}",
                watts(asset.decided_w),
                "" if asset.wish is None else f"{asset.wish.actor} ({asset.wish.priority}): {asset.wish.reason}",
                "; ".join(asset.limited_by),
            )
            for asset in self.assets
        ]


ASSET_HEAD = ("asset", "role", "measured", "soc", "decided", "wish", "limited by")


def status_of(told: dict[str, Any]) -> ControlStatus:
    """The status that the core tells as JSON."""
    paused: dict[str, Any] = told.get("paused") or {}
    plan: dict[str, Any] = told.get("plan") or {}
    return ControlStatus(
        time=moment(told["time_us"]),
        site=told["site"],
        zone=told["zone"],
        enabled=told["enabled"],
        paused_since=maybe_moment(paused.get("since_us")),
        paused_by=paused.get("by"),
        tick=told["tick_us"] * MICROSECOND,
        lease=told["lease_us"] * MICROSECOND,
        ticks=TickStatus(
            told["ticks"]["count"],
            told["ticks"]["missed"],
            _delays(told["ticks"]["late"]),
            _delays(told["ticks"]["took"]),
        ),
        assets=tuple(_asset(asset) for asset in told["assets"]),
        proposals=tuple(_proposal(proposal) for proposal in told["proposals"]),
        plan_made=maybe_moment(plan.get("made_us")),
        plan_valid_until=maybe_moment(plan.get("valid_until_us")),
        actors=tuple(known(ActorStatus, actor) for actor in told["actors"]),
        faults=tuple(told["faults"]),
        raw=told,
    )


def explanation_of(told: dict[str, Any]) -> Explanation:
    """The explanation that the core tells as JSON."""
    decided, answered = told["decided"], told["answered"]
    return Explanation(
        asked=told["asked"],
        at=moment(told["at_us"]),
        sentence=told["sentence"],
        decided=None if decided is None else _decided(decided),
        answered=_order(answered),
    )


def event_of(told: dict[str, Any]) -> dict[str, Any]:
    """An event of control, with datetimes."""
    times = {name.removesuffix("_us"): moment(told[name]) for name in ("time_us", "since_us") if name in told}
    return {**times, **{name: value for name, value in told.items() if name not in ("time_us", "since_us")}}


def _decided(told: dict[str, Any]) -> Decided:
    return Decided(
        time=moment(told["time_us"]),
        asset=told["asset"],
        target=told["target"],
        power_w=told["power_w"],
        wish=_wish(told.get("wish")),
        low_w=told.get("low_w"),
        high_w=told.get("high_w"),
        limits=tuple(known(LimitedBy, limit) for limit in told.get("limits", [])),
        inputs=tuple(
            Input(one["series"], one["what"], one["value"], one["age_us"] * MICROSECOND)
            for one in told.get("inputs", [])
        ),
        command=told.get("command"),
        answer=_order(told.get("answer")),
        faults=tuple(told.get("faults", [])),
    )


def _asset(told: dict[str, Any]) -> AssetStatus:
    return AssetStatus(
        asset=told["asset"],
        role=told["role"],
        measured_w=told["measured_w"],
        age=None if told["age_us"] is None else told["age_us"] * MICROSECOND,
        fresh=told["fresh"],
        soc=told.get("soc"),
        decided_w=told["decided_w"],
        wish=_wish(told.get("wish")),
        limited_by=tuple(told.get("limited_by", [])),
        order=_order(told.get("order")),
        held_until=maybe_moment(told.get("held_until_us")),
    )


def _proposal(told: dict[str, Any]) -> ProposalStatus:
    ((kind, name),) = told["target"].items()
    return known(ProposalStatus, {**told, "target": name if kind == "asset" else f"{kind}:{name}"})


def _wish(told: dict[str, Any] | None) -> Wish | None:
    return None if told is None else known(Wish, told)


def _order(told: dict[str, Any] | None) -> Order | None:
    return None if told is None else known(Order, told)


def _delays(told: dict[str, int]) -> Delays:
    return Delays(*(told[name] * MICROSECOND for name in ("p50_us", "p99_us", "max_us")))


def known(kind: type[Told], told: Mapping[str, Any]) -> Told:
    """With the fields that are known here: a later core may tell more."""
    names = {field.name for field in fields(kind)}  # type: ignore[arg-type]  # pyright: ignore
    return kind(**{name: value for name, value in told.items() if name in names})


def _named(found: Iterable[Told], field: str, name: str) -> Told:
    told = {getattr(one, field): one for one in found}
    if name not in told:
        raise NotFoundError(f"{name!r} is not known, expected one of {', '.join(told)}")
    return told[name]


def _about(actor: ActorStatus) -> str:
    counts = f"asked {actor.asked}, answered {actor.answered}, overran {actor.overran}, refused {actor.refused}"
    return f"actor {actor.name}: {counts}" + ("" if actor.fault is None else f"; {actor.fault}")


def _length(length: timedelta) -> str:
    return f"{length.total_seconds():g} s"


def watts(power_w: float | None) -> str:
    """A power as people read it."""
    return "" if power_w is None else f"{power_w + 0.0:,.0f} W"


def text_table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Lines of columns as wide as they must be."""
    widths = [max(len(cell) for cell in column) for column in zip(head, *rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in (head, *rows)
    ]


def html_table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """The same for a page."""
    top = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    lines = ("".join(f"<td>{escape(cell)}</td>" for cell in row) for row in rows)
    return f"<table><tr>{top}</tr>{''.join(f'<tr>{line}</tr>' for line in lines)}</table>"
