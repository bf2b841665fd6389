"""The field cases of the energy kernel, the same in every language: ``memcore/tests/cases/kernel.json``."""

# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false, reportUnknownMemberType=false
# What a table of JSON holds is told by its own text.

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import memcore as mc
from memcore import energy
from memcore._time import span

TABLE = Path(__file__).parents[2] / "memcore/tests/cases/kernel.json"
Case = dict[str, Any]
CASES: list[Case] = json.loads(TABLE.read_text(encoding="utf-8"))["cases"]
HOLDS = ("max_gap", "cadence", "rule")


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def samples(case: Case) -> tuple[list[datetime], list[float | None]]:
    times: list[datetime] = []
    values: list[float | None] = []
    for entry in case["samples"]:
        for time, value in [entry] if isinstance(entry, list) else steps(entry):
            times.append(time if isinstance(time, datetime) else instant(time))
            values.append(value)
    return times, values


def steps(entry: Case) -> Iterator[tuple[datetime, float]]:
    time, step = instant(entry["from"]), timedelta(microseconds=span(entry["step"], "step"))
    while time < instant(entry["to"]):
        yield time, entry["value"]
        time += step


def given(case: Case, *names: str) -> dict[str, Any]:
    """The options of the case that have that name in Python too."""
    return {name: case[name] for name in names if name in case}


def ends(case: Case) -> tuple[str | None, str | None]:
    return case.get("from"), case.get("to")


def buckets(case: Case) -> object:
    borders = energy.buckets(case["from"], case["to"], case["every"], **given(case, "tz"))
    return {"slots": len(borders) - 1, "borders": borders}


def localize(case: Case) -> object:
    found = energy.localize(case["local"], case["tz"], **given(case, "skipped"))
    return {"times": found.times, "repeated": found.repeated, "skipped": found.skipped}


def integrate(case: Case) -> object:
    found = energy.integrate(*samples(case), *ends(case), **given(case, *HOLDS))
    covered, held = found.covered.total_seconds(), found.held.total_seconds()
    gaps = [[gap.start, gap.end] for gap in found.gaps]
    return {"amount": found.amount, "mean": found.mean, "covered": covered, "held": held, "gaps": gaps}


def resample(case: Case) -> object:
    asked: Case = {"agg": case["aggregates"], "gaps": case.get("fill")}
    asked |= given(case, "every", "tz", "width", *HOLDS) | {"quality": case.get("qualities")}
    found = energy.resample(*samples(case), *ends(case), **asked)
    return {"starts": found.times, **found.columns}


def balance(case: Case) -> object:
    parts: dict[str, list[Any]] = {}
    for role, amounts in case["parts"]:
        parts.setdefault(role, []).append(amounts)
    found = energy.balance(**parts)
    return found.gather(case["gather"]) if "gather" in case else found


CALLS: dict[str, Callable[[Case], object]] = {
    "convert": lambda case: energy.convert(case["values"], case["from"], case["to"]),
    "buckets": buckets,
    "localize": localize,
    "integrate": integrate,
    "increase": lambda case: vars(energy.increase(case["readings"], **given(case, "width"))),
    "increases": lambda case: vars(energy.increases(case["readings"], **given(case, "width"))),
    "mean_power": lambda case: vars(energy.mean_power(*samples(case), **given(case, "cadence", "max_gap"))),
    "mean_power_of_register": lambda case: vars(
        energy.mean_power_of_register(*samples(case), **given(case, "width", "cadence", "max_gap"))
    ),
    "resample": resample,
    "at": lambda case: energy.at(*samples(case), grid=[instant(time) for time in case["grid"]], **given(case, *HOLDS)),
    "balance": balance,
}


def agrees(expected: Any, found: Any) -> bool:
    """Whether all that is expected is found: of mappings the keys that are named, numbers bit for bit, null is NaN."""
    if isinstance(expected, dict):
        named: Case = expected
        return all(agrees(value, found[key]) for key, value in named.items())
    if isinstance(expected, list):
        several: list[Any] = expected
        return len(several) == len(found) and all(map(agrees, several, found))
    if isinstance(found, np.datetime64):
        return bool(found == np.datetime64(instant(str(expected)).replace(tzinfo=None)))
    if isinstance(found, datetime):
        return found == instant(str(expected))
    if expected is None:
        return found is None or math.isnan(float(found))
    return bool(expected == found)


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_a_field_case(case: Case) -> None:
    expected = case["expect"]
    refused: str | None = expected.get("error") if isinstance(expected, dict) else None
    if refused is not None:
        with pytest.raises(mc.InvalidError, match=refused):
            CALLS[case["call"]](case)
        return
    found = CALLS[case["call"]](case)
    assert agrees(expected, found), f"expected {expected}, found {found}"
