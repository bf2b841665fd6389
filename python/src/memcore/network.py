"""Power flow for microgrids with a network of their own: nodal prices, voltages, flows.

A ``Network`` has buses, branches (lines and transformers), loads and generators. Impedances, voltages and taps are per
unit of ``base_va`` and of the nominal voltage of their bus; powers are in W and var, costs per kWh. The fields and
formulas are those of ``docs/optimization.md``. Answers are dicts, as they are written to JSON.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any, Literal

from . import _memcore

__all__ = ["Network", "Solver", "Susceptance"]

Susceptance = Literal["series", "reactance"]
"""``x / (r^2 + x^2)`` without taps, as PGLib's published optima have it; or MATPOWER's ``1 / (x tap)``."""

Solver = Literal["highs", "microlp", "clarabel"]


class Network:
    """Buses and what joins them, feeds them and loads them. It does not change."""

    def __init__(self, fields: Mapping[str, Any]) -> None:
        """Make a network of all its fields: ``base_va``, ``buses``, ``branches``, ``loads``, ``generators``."""
        self._native = _memcore.PowerNetwork.read(json.dumps(dict(fields)))

    @classmethod
    def read(cls, file: str | PathLike[str]) -> Network:
        """Read a file: a MATPOWER case (version 2), a network that pandapower wrote as JSON, or one of ``to_json``."""
        return cls.parse(Path(file).read_text(encoding="utf-8"))

    @classmethod
    def parse(cls, text: str) -> Network:
        """Read the text of such a file."""
        network = cls.__new__(cls)
        network._native = _memcore.PowerNetwork.read(text)
        return network

    def to_json(self) -> str:
        """Return all of its fields as JSON."""
        return self._native.json()

    def to_dict(self) -> dict[str, Any]:
        """Return all of its fields."""
        told: dict[str, Any] = json.loads(self._native.json())
        return told

    def dc_opf(self, *, susceptance: Susceptance = "series", engine: Solver | None = None) -> dict[str, Any]:
        """Dispatch generators at the least cost within the ratings of branches, by the DC approximation.

        ``status`` is ``optimal``, with cost, generators, prices of the buses, flows and the limits that bind; or
        ``infeasible``, with the limits that conflict and the least relaxation.
        """
        return self._answer("dc_opf", susceptance=susceptance, engine=engine)

    def lindistflow(self) -> dict[str, Any]:
        """Voltages, flows and estimated losses of a radial network, by linear equations."""
        return self._answer("lindistflow")

    def power_flow(self) -> dict[str, Any]:
        """The exact flow of a radial network; ``status`` is ``solved``, or ``collapsed`` where no voltages fit."""
        return self._answer("power_flow")

    def voltage_opf(self, *, engine: Solver | None = None) -> dict[str, Any]:
        """Dispatch a radial network at the least cost within the voltage limits of its buses; answers as ``dc_opf``."""
        return self._answer("voltage_opf", engine=engine)

    def _answer(self, question: str, **how: object) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(self._native.answer(json.dumps({"question": question, **how})))
        return told

    def __repr__(self) -> str:
        fields = self.to_dict()
        return f"<memcore.network.Network of {len(fields['buses'])} buses, {len(fields['branches'])} branches>"
