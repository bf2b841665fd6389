"""What the numbers of a channel mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal

from ._time import Length, maybe_span

Kind = Literal["gauge", "counter", "state", "event"]
Sign = Literal["passive", "generator"]
Label = Literal["start", "end"]


@dataclass(frozen=True)
class Rules:
    """What commands to a channel must heed, in the channel's own unit; what is ``None`` does not hold.

    The device keeps them itself, by a clock that does not jump, whether or not it is connected. The end of a lease and
    a command for safety are never held back.
    """

    fallback: float | None = None
    """What is safe: taken when the device starts, and where a lease names no fallback of its own."""
    hold: Length | None = None
    """How long what it drives remembers a value by itself: it is set again before that."""
    min_on: Length | None = None
    """How long it stays on (anything but 0) once it was switched on."""
    min_off: Length | None = None
    """How long it stays off once it was switched off."""
    ramp_per_s: float | None = None
    """How fast its value may change, in ``unit`` a second."""


@dataclass(frozen=True)
class Channel:
    """A channel: its unit and quantity, how its values behave, and how its source counts.

    ``sign="generator"`` is for a source that counts what flows out as positive, ``label="end"`` for one that labels an
    interval by its end; both are converted once, at the edge. What is ``None`` is as the unit implies, or not known.
    """

    name: str
    """``power`` within a device, or ``home1.pv.power`` in a list of series."""
    unit: str
    """The unit in which the source reports; stored and returned are values in the base unit of the quantity."""
    quantity: str | None = None
    kind: Kind | None = None
    sign: Sign | None = None
    label: Label | None = None
    cadence: Length | None = None
    """How often a value is expected."""
    max_age: Length | None = None
    """How long a value may stand for the present."""
    range: tuple[float, float] | None = None
    """The values that make sense, in ``unit``."""
    invalid: Sequence[float] = ()
    """Numbers that mean that nothing was measured, such as 65535, in ``unit``: they become gaps."""
    register: str | None = None
    """The Modbus or SunSpec type of the register that is passed on as it is, such as ``uint16`` or ``acc32``: its
    number for "not implemented" is invalid then, and a counter rolls over at its width."""
    rollover: float | None = None
    """How many a counter counts until it begins again at zero, in ``unit``."""
    writable: bool = False
    """Whether it takes commands."""
    rules: Rules | None = None
    """What commands must heed, such as ``Rules(fallback=0, hold="20m", min_on="5m")``; it takes commands then."""
    labels: Mapping[str, str] = field(default_factory=dict[str, str], hash=False)
    """What else it is known by, such as ``{"phase": "L1"}``, to select it: ``home1.>{phase=L1}``."""


def description(channel: Channel) -> dict[str, object]:
    """The channel as the native module takes it."""
    return {
        "name": channel.name,
        "unit": channel.unit,
        "quantity": channel.quantity,
        "kind": channel.kind,
        "sign": channel.sign,
        "label": channel.label,
        "cadence_us": maybe_span(channel.cadence, "cadence"),
        "max_age_us": maybe_span(channel.max_age, "max_age"),
        "range": channel.range,
        "invalid": [float(number) for number in channel.invalid],
        "register": channel.register,
        "rollover": channel.rollover,
        "writable": channel.writable,
        "rules": channel.rules and _rules(channel.rules),
        "labels": dict(channel.labels),
    }


def _rules(rules: Rules) -> dict[str, object]:
    return {
        "fallback": rules.fallback,
        "hold_us": maybe_span(rules.hold, "rules.hold"),
        "min_on_us": maybe_span(rules.min_on, "rules.min_on"),
        "min_off_us": maybe_span(rules.min_off, "rules.min_off"),
        "ramp_per_s": rules.ramp_per_s,
    }


def described(name: str, fields: Mapping[str, Any]) -> Channel:
    """The channel that the native module describes."""
    return Channel(
        name=name,
        unit=fields["unit"],
        quantity=fields["quantity"],
        kind=fields["kind"],
        sign=fields["sign"],
        label=fields["label"],
        cadence=_timedelta(fields.get("cadence_us")),
        max_age=_timedelta(fields.get("max_age_us")),
        range=tuple(fields["range"]) if "range" in fields else None,
        invalid=tuple(fields.get("invalid", ())),
        register=fields.get("register"),
        rollover=fields.get("rollover"),
        writable=fields.get("writable", False),
        rules=_rules_of(fields["rules"]) if "rules" in fields else None,
        labels=fields.get("labels", {}),
    )


def _rules_of(fields: Mapping[str, Any]) -> Rules:
    return Rules(
        fallback=fields.get("fallback"),
        hold=_timedelta(fields.get("hold_us")),
        min_on=_timedelta(fields.get("min_on_us")),
        min_off=_timedelta(fields.get("min_off_us")),
        ramp_per_s=fields.get("ramp_per_s"),
    )


def _timedelta(micros: int | None) -> timedelta | None:
    return None if micros is None else timedelta(microseconds=micros)
