"""The field cases of energy over time, the same in every language: ``memcore/tests/cases/energy.json``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import memcore as mc
from memcore._time import span

TABLE = Path(__file__).parents[2] / "memcore/tests/cases/energy.json"
CASES: list[dict[str, Any]] = json.loads(TABLE.read_text(encoding="utf-8"))["cases"]
SERIES = "home1.meter.case"


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def samples(entry: Any) -> Iterator[tuple[datetime, float | None, str | None]]:
    if "step" not in entry:
        yield instant(entry[0]), entry[1], entry[2] if len(entry) > 2 else None
        return
    time, until, step = (
        instant(entry["from"]),
        instant(entry["to"]),
        timedelta(microseconds=span(entry["step"], "step")),
    )
    while time < until:
        yield time, entry["value"], None
        time += step


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_a_field_case(mem: mc.Memcore, case: dict[str, Any]) -> None:
    mem.register(SERIES, **case["channel"])
    for written in case["samples"], case.get("corrected", []):
        rows = [sample for entry in written for sample in samples(entry)]
        times, values, told = ([row[part] for row in rows] for part in range(3))
        mem.write(SERIES, times, values, quality=told if any(told) else None)
    asked = dict(case["query"])
    start, end, agg = asked.pop("from", None), asked.pop("to", None), asked.pop("aggregates") or None
    answer = list(mem.query(SERIES, start, end, agg=agg, **asked))
    assert len(answer) == case.get("row_count", len(case.get("rows", answer)))
    for row, expected in zip(answer, case.get("rows", []), strict=False):
        assert row[1] == instant(expected[0])
        assert [value if value is None else pytest.approx(value) for value in expected[1:]] == list(row[2:])
