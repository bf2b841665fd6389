"""Small sites with the right answer, the same in every language: ``memcore/tests/cases/plans.json``."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import memcore as mc

TABLE = Path(__file__).parents[2] / "memcore/tests/cases/plans.json"
CASES = json.loads(TABLE.read_text(encoding="utf-8"))["cases"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_it_is_as_in_every_language(case: dict[str, Any]) -> None:
    expect = dict(case["expect"])
    if "error" in expect:
        with pytest.raises(mc.InvalidError, match=expect["error"]):
            mc.Site.from_dict(case["site"]).solve()
        return
    site = mc.Site.from_dict(case["site"])
    plan = site.solve()
    assert plan.status == expect.pop("status"), plan.explain()
    for what, right in expect.items():
        CHECKS[what](plan, right)
    assert mc.Site.from_json(site.to_json()).solve().to_dict()["columns"] == plan.to_dict()["columns"] if plan else True


def objective(plan: mc.Plan, right: float) -> None:
    assert plan.objective == pytest.approx(right, abs=1e-6)
    assert sum(plan.cost.values()) == pytest.approx(plan.objective, abs=1e-9)


def costs(plan: mc.Plan, right: dict[str, float]) -> None:
    assert plan.cost == pytest.approx(right, abs=1e-6)


def columns(plan: mc.Plan, right: dict[str, list[float | None]]) -> None:
    for name, values in right.items():
        part, column = name.split(".")
        for found, value in zip(plan[part][column], values, strict=True):
            assert value is None or found == pytest.approx(value, abs=1e-3), name


def notice(plan: mc.Plan, right: str) -> None:
    assert any(right in text for text in plan.notices), plan.notices


def violation(plan: mc.Plan, right: dict[str, Any]) -> None:
    (missed,) = plan.violations
    assert (missed.part, missed.limit) == (right["part"], right["limit"])
    assert missed.amount == pytest.approx(right["amount"], abs=1e-6)


def conflict(plan: mc.Plan, right: list[str]) -> None:
    assert [f"{limit.part}.{limit.limit}" for limit in plan.conflict] == right


def relaxation(plan: mc.Plan, right: dict[str, Any]) -> None:
    (relaxed,) = plan.relaxations
    assert (relaxed.part, relaxed.limit) == (right["part"], right["limit"])
    assert relaxed.amount == pytest.approx(right["amount"], abs=1.0)


CHECKS: dict[str, Callable[[mc.Plan, Any], None]] = {
    "objective": objective,
    "costs": costs,
    "columns": columns,
    "notice": notice,
    "violation": violation,
    "conflict": conflict,
    "relaxation": relaxation,
}
