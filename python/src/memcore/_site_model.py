"""A site as its owner describes it for control: what there is, what each device can do, what is safe for it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from . import _memcore
from ._errors import InvalidError
from ._time import Length, span

if TYPE_CHECKING:
    from typing_extensions import Unpack

AssetRole = Literal["grid_meter", "meter", "pv", "battery", "charger", "heat_pump", "load", "genset", "switch"]
"""What an asset is to its site."""


class Storage(TypedDict, total=False):
    """What a battery stores. ``capacity_wh`` must be given."""

    capacity_wh: float
    min_soc: float
    max_soc: float
    tolerance: float
    charge_efficiency: float
    discharge_efficiency: float
    wear_per_kwh: float


class Vehicle(TypedDict, total=False):
    """The vehicle of a charger. ``capacity_wh`` must be given; ``departure`` is such as ``07:00``."""

    capacity_wh: float
    target_soc: float
    departure: str
    charge_efficiency: float


class Fuel(TypedDict, total=False):
    """What a genset costs. ``marginal_per_kwh`` must be given."""

    marginal_per_kwh: float
    no_load_per_h: float
    start_cost: float


class CommonFields(TypedDict, total=False):
    """The fields of an asset, as its file has them: powers in W and passive sign, channels as ``channel`` or
    ``device:channel``. What does not fit its role is refused by ``check``."""

    circuit: str
    device: str
    power: str
    setpoint: str
    phase_setpoint: str
    soc: str
    connected: str
    currents: Sequence[str]
    voltage: str
    frequency: str
    temperature: str
    setpoint_unit: Literal["w", "a", "on_off"]
    least_w: float
    step_w: float
    levels_w: Sequence[float]
    ramp_w_per_s: float
    min_on: Length
    min_off: Length
    phases: Literal["l1", "l2", "l3", "three", "switched"]
    volts: float
    period: Length
    frozen_after: Length
    safe_w: float
    assumed_w: float
    shed_order: int
    vehicle: Vehicle
    fuel: Fuel
    heat: Mapping[str, Any]
    cop: float


class AssetFields(CommonFields, total=False):
    """The fields of an asset, with its range and what it stores."""

    range_w: Sequence[float]
    storage: Storage


class CircuitFields(TypedDict, total=False):
    """The fields of a circuit: a fuse or feeder with what hangs on it. Limits are positive."""

    within: str
    limit_a: float
    import_limit_w: float
    export_limit_w: float
    volts: float
    phases: Literal[1, 3]
    meter: str
    margin: float


class TariffFields(TypedDict, total=False):
    """What energy costs at the grid connection."""

    buy_per_kwh: float
    sell_per_kwh: float
    buy_series: str
    sell_series: str
    demand_per_kw: float
    demand_interval: Length


class PlanningFields(TypedDict, total=False):
    """How plans are made and followed."""

    every: Length
    ahead: Length
    step: Length
    valid_for: Length
    soc_off: float
    load_off_w: float


class SiteModel:
    """A site as its owner describes it: one TOML or JSON file, or the methods below, which add to it and return it.

    ``print(model)`` shows it as a tree. ``check`` says all that is wrong with it at once.

    >>> model = (
    ...     mc.SiteModel("home1", zone="Europe/Berlin")
    ...     .grid_meter("meter")
    ...     .battery("battery", capacity_wh=10_000, range_w=(-5_000, 5_000), soc="soc", setpoint="power")
    ...     .circuit("main", limit_a=35, meter="meter")
    ...     .strategy("self_consumption")
    ... )
    """

    def __init__(
        self,
        site: str,
        *,
        operator: str | None = None,
        zone: str | None = None,
        currency: str | None = None,
        tick: Length | None = None,
        lease: Length | None = None,
    ) -> None:
        """Begin a site. It is decided every ``tick``, a second unless told; commands hold for ``lease``, a minute
        unless told, and are renewed after a third of it."""
        said = {"site": site, "operator": operator, "zone": zone, "currency": currency, "tick": tick, "lease": lease}
        self._fields: dict[str, Any] = _plain(
            {name: value for name, value in said.items() if value is not None}, "site"
        )
        self._read: _memcore.ControlModel | None = None

    @classmethod
    def read(cls, file: str | PathLike[str]) -> SiteModel:
        """Read a file: TOML, or JSON. What cannot be read raises ``InvalidError`` with its line and place."""
        return cls._of(_memcore.ControlModel.read(fspath(file)))

    @classmethod
    def parse(cls, text: str) -> SiteModel:
        """Read the text of such a file."""
        return cls._of(_memcore.ControlModel.parse(text))

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> SiteModel:
        """Make a site of all its fields, in the form of its file."""
        plain = _plain(dict(fields), "")
        return cls._of(_memcore.ControlModel.parse(json.dumps(plain)))

    @classmethod
    def from_json(cls, text: str) -> SiteModel:
        """Make a site of what ``to_json`` returned."""
        return cls.parse(text)

    @classmethod
    def _of(cls, native: _memcore.ControlModel) -> SiteModel:
        model = cls.__new__(cls)
        model._fields = json.loads(native.json())
        model._read = native
        return model

    @property
    def site(self) -> str:
        """What the site is called."""
        return str(self._fields["site"])

    @property
    def _native(self) -> _memcore.ControlModel:
        if self._read is None:
            self._read = _memcore.ControlModel.parse(json.dumps(self._fields))
        return self._read

    def _with(self, part: str, fields: Mapping[str, Any]) -> SiteModel:
        plain = _plain(dict(fields), f"{part} {fields.get('name', '')}".strip())
        self._fields.setdefault(part, []).append(plain)
        self._read = None
        return self

    def asset(self, name: str, role: AssetRole, **fields: Unpack[AssetFields]) -> SiteModel:
        """Add an asset of a role."""
        return self._with("asset", {"name": name, "role": role, **fields})

    def grid_meter(self, name: str, **fields: Unpack[AssetFields]) -> SiteModel:
        """Add the meter at the grid connection: positive is import."""
        return self.asset(name, "grid_meter", **fields)

    def meter(self, name: str, **fields: Unpack[AssetFields]) -> SiteModel:
        """Add a meter of a circuit within the site."""
        return self.asset(name, "meter", **fields)

    def pv(self, name: str, **fields: Unpack[AssetFields]) -> SiteModel:
        """Add a photovoltaic array: ``range_w=(-8_000, 0)``."""
        return self.asset(name, "pv", **fields)

    def battery(
        self,
        name: str,
        *,
        capacity_wh: float,
        range_w: Sequence[float],
        storage: Storage | None = None,
        **fields: Unpack[CommonFields],
    ) -> SiteModel:
        """Add a battery of ``capacity_wh``, with its range such as ``(-5_000, 5_000)``; ``storage`` says more of it,
        such as ``{"min_soc": 0.1}``."""
        stores = {**(storage or {}), "capacity_wh": capacity_wh}
        return self._with("asset", {"name": name, "role": "battery", **fields, "range_w": range_w, "storage": stores})

    def charger(self, name: str, **fields: Unpack[AssetFields]) -> SiteModel:
        """Add a charger of vehicles: ``range_w=(0, 11_040)`` and ``least_w=1_380``."""
        return self.asset(name, "charger", **fields)

    def heat_pump(self, name: str, **fields: Unpack[AssetFields]) -> SiteModel:
        """Add a heat pump or an electric heater."""
        return self.asset(name, "heat_pump", **fields)

    def load(self, name: str, **fields: Unpack[AssetFields]) -> SiteModel:
        """Add a load that is metered, and perhaps limited."""
        return self.asset(name, "load", **fields)

    def genset(self, name: str, **fields: Unpack[AssetFields]) -> SiteModel:
        """Add a generator that is started and stopped: ``range_w=(-60_000, 0)`` and ``least_w=18_000``."""
        return self.asset(name, "genset", **fields)

    def switch(self, name: str, **fields: Unpack[AssetFields]) -> SiteModel:
        """Add a load that is only switched."""
        return self.asset(name, "switch", **fields)

    def circuit(self, name: str, **fields: Unpack[CircuitFields]) -> SiteModel:
        """Add a fuse or feeder, ``within`` another or at the top."""
        return self._with("circuit", {"name": name, **fields})

    def group(
        self,
        name: str,
        members: Iterable[str],
        *,
        share_by: Literal["headroom", "efficiency", "soc", "order"] = "headroom",
    ) -> SiteModel:
        """Add assets that are wished for together."""
        return self._with("group", {"name": name, "members": list(members), "share_by": share_by})

    def external(
        self,
        name: str,
        signal: str,
        *,
        failsafe_w: float,
        limit_w: float | None = None,
        members: Iterable[str] = (),
        silent_after: Length | None = None,
        min_duration: Length | None = None,
    ) -> SiteModel:
        """Add a limit that comes from outside, such as a grid operator's dimming.

        ``signal`` (``device:channel``) is a power that limits, or a state where 1 means that ``limit_w`` holds. The
        sum of ``members`` is limited, or the grid connection. ``failsafe_w`` holds while it is silent.
        """
        said = {"limit_w": limit_w, "silent_after": silent_after, "min_duration": min_duration}
        given = {field: value for field, value in said.items() if value is not None}
        fields = {"name": name, "signal": signal, "failsafe_w": failsafe_w, "members": list(members), **given}
        return self._with("external", fields)

    def strategy(self, kind: str, **fields: Any) -> SiteModel:
        """Add a strategy of those that are built in, such as ``self_consumption``, with its settings."""
        return self._with("strategy", {"kind": kind, **fields})

    def tariff(self, **fields: Unpack[TariffFields]) -> SiteModel:
        """Say what energy costs at the grid connection."""
        return self._set("tariff", fields)

    def island(
        self, grid_present: str, *, forming: str | None = None, reserve_w: float = 0.0, reserve_soc: float = 0.0
    ) -> SiteModel:
        """Say how the site lives without the grid, which is there while the channel ``grid_present`` is 1."""
        fields = {"grid_present": grid_present, "forming": forming, "reserve_w": reserve_w, "reserve_soc": reserve_soc}
        return self._set("island", {field: value for field, value in fields.items() if value is not None})

    def planning(self, **fields: Unpack[PlanningFields]) -> SiteModel:
        """Say how plans are made and followed; none are made without it."""
        return self._set("planning", fields)

    def _set(self, part: str, fields: Mapping[str, Any]) -> SiteModel:
        self._fields[part] = _plain(dict(fields), part)
        self._read = None
        return self

    def check(self) -> list[str]:
        """Check all of it, and return what is odd and may be meant so. What is wrong raises ``InvalidError``: all of
        it at once, a line each, with the asset or circuit, the field, its value and what was expected."""
        return self._native.check()

    def to_dict(self) -> dict[str, Any]:
        """Return all that was said, in the form of its file."""
        told: dict[str, Any] = json.loads(self._native.json())
        return told

    def to_json(self) -> str:
        """Return all that was said as JSON."""
        return self._native.json()

    def to_toml(self) -> str:
        """Return all that was said as TOML, as its file has it."""
        return self._native.toml()

    def __eq__(self, other: object) -> bool:
        return self.to_dict() == other.to_dict() if isinstance(other, SiteModel) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        try:
            return self._native.tree()
        except InvalidError as e:
            return f"<memcore.SiteModel {self._fields.get('site')!r}, which cannot be read: {e}>"


def _plain(value: Any, place: str) -> Any:
    """A value as JSON has it: lengths of time as microseconds, tuples as lists; what is no number is named."""
    if isinstance(value, timedelta):
        return span(value, place)
    if isinstance(value, Mapping):
        fields: Mapping[Any, Any] = value  # pyright: ignore[reportUnknownVariableType]
        return {str(name): _plain(inner, f"{place}.{name}".lstrip(".")) for name, inner in fields.items()}
    if isinstance(value, str) or value is None or isinstance(value, bool):
        return value
    if isinstance(value, Sequence):
        items: Sequence[Any] = value  # pyright: ignore[reportUnknownVariableType]
        return [_plain(inner, f"{place}[{at}]") for at, inner in enumerate(items)]
    if isinstance(value, int):
        return value
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise InvalidError(f"{place} is {value!r}, expected a number, text, or a list or dict of them") from None
    if not math.isfinite(number):
        raise InvalidError(f"{place} is {number}, expected a finite number")
    return number
