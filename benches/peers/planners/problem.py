"""The problems: numbers alone, in kW, kWh and EUR, so that no planner's words are in them.

The home has 8 kWp and a battery of 10 kWh (5 kW on the AC side, 0.95 in and out, 0.02 EUR per kWh discharged, half
full at either end), imports at most 10 kW and exports at most 7 kW. The island has two gensets, a battery of 100 kWh
(40 kW), 60 kWp, and sheds at 3 EUR per kWh.
"""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Home:
    """A home on a tariff; ``loads`` adds a washer, a pump and a car, and lets nothing flow both ways at once."""

    hours: float
    load_kw: list[float]
    pv_kw: list[float]
    buy: list[float]
    sell: list[float]
    loads: bool = False


@dataclass
class Genset:
    """A genset of the island: limits in kW, costs in EUR, least times in steps of an hour."""

    name: str
    min_kw: float
    max_kw: float
    per_kwh: float
    per_h: float
    per_start: float
    min_up: int
    min_down: int


@dataclass
class Island:
    """A microgrid without a grid connection, by the hour; its gensets have stood for long at first."""

    load_kw: list[float]
    pv_kw: list[float]
    gensets: list[Genset] = field(
        default_factory=lambda: [
            Genset("large", 18, 60, 0.28, 3, 8, 3, 2),
            Genset("small", 12, 40, 0.30, 2, 5, 2, 1),
        ]
    )


@dataclass(frozen=True)
class Question:
    """A problem's key, what the page calls it, and its optimum where the real data is there."""

    key: str
    title: str
    golden: float


QUESTIONS = (
    Question("P1", "home, a day of 96 quarters", -0.05362864),
    Question("P2", "home with washer, pump and car, 96 quarters", 3.61725412),
    Question("P3", "home, a year of 8,760 hours", -199.73542019),
    Question("P4", "island with two gensets, 48 hours", 294.50469694),
)


def problems(data: Path | None, days: int = 365) -> dict[str, Home | Island]:
    """The four problems: of the real data's year, or of a generated stand-in of so many days."""
    home, island = _read(data) if data else _stand_in(days)
    at = 111 if data else 0

    def part(column: list[float], of_hour: int) -> list[float]:
        return [column[24 * at + step // of_hour] for step in range(24 * of_hour)]

    quarters = [part(column, 4) for column in home]
    first = 180 * 24 if data else 0
    return {
        "P1": Home(0.25, *quarters),
        "P2": Home(0.25, *quarters, loads=True),
        "P3": Home(1.0, *home),
        "P4": Island(*(column[first : first + 48] for column in island)),
    }


def _read(data: Path) -> tuple[list[list[float]], list[list[float]]]:
    def columns(name: str) -> dict[str, list[float]]:
        with (data / name).open() as file:
            rows = list(csv.DictReader(file))
        return {key: [float(row[key]) for row in rows] for key in rows[0]}

    home, island = columns("home_year_hourly.csv"), columns("microgrid_year_hourly.csv")
    pv = [8 * share for share in home["pv_kw_per_kwp"]]
    return (
        [home["load_kw"], pv, home["buy_eur_per_kwh"], home["sell_eur_per_kwh"]],
        [island["load_kw"], [60 * share for share in island["pv_kw_per_kwp"]]],
    )


def _stand_in(days: int) -> tuple[list[list[float]], list[list[float]]]:
    """Days with a sun, an evening, and prices that are lowest at noon, once below zero."""
    hours = range(24 * max(days, 2))
    sun = [max(0.0, math.sin(math.pi * (hour % 24 - 6) / 12)) for hour in hours]
    load = [0.3 + 0.25 * (hour % 24 in (7, 8, 18, 19, 20)) + 0.01 * (hour * 7 % 11) for hour in hours]
    spot = [0.12 - 0.14 * light + 0.001 * (hour * 13 % 17) for hour, light in zip(hours, sun, strict=True)]
    home = [load, [6 * light for light in sun], [1.2 * price + 0.15 for price in spot], spot]
    return home, [[25 * kw / 0.3 for kw in load], [40 * light for light in sun]]
